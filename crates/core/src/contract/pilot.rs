//! `[pilot]`: what is decided in writing before anything happens by itself (F-369), and the measure by which it has worked (F-121).
//!
//! None of it changes what is decided about a call. It is asked for when the level is raised from observing or suggesting: whoever starts a pilot has
//! said, in sentences that a colleague understands, what it is and when it has worked.

use super::model::{Contract, Thousandths, percent};
use super::parse::places;
use crate::problem::Problem;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What has to be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Which calls start it.
    Triggers,
    /// How quickly and how often somebody, or a voice agent, calls back.
    Callbacks,
    /// The line that takes over.
    Fallback,
    /// How many questions are put to a caller.
    Questions,
    /// Mandatory fields and reason codes.
    Codes,
    /// Who answers for the time of the handoff.
    Handoff,
}

impl Decision {
    /// Every decision, in the order of the contract.
    pub const ALL: [Self; 6] =
        [Self::Triggers, Self::Callbacks, Self::Fallback, Self::Questions, Self::Codes, Self::Handoff];

    /// The key under `[pilot]`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Triggers => "triggers",
            Self::Callbacks => "callbacks",
            Self::Fallback => "fallback",
            Self::Questions => "questions",
            Self::Codes => "codes",
            Self::Handoff => "handoff",
        }
    }

    /// What it is about, as people read it.
    pub fn about(self) -> &'static str {
        match self {
            Self::Triggers => "which calls start it",
            Self::Callbacks => "how quickly and how often callers are called back, and by whom",
            Self::Fallback => "which line takes over when nobody is there",
            Self::Questions => "how many questions a caller is asked",
            Self::Codes => "which fields and reason codes must be there",
            Self::Handoff => "who answers for the time of the handoff",
        }
    }

    /// A sentence such as one may be written there.
    pub fn such_as(self) -> &'static str {
        match self {
            Self::Triggers => "Every missed, abandoned or voicemail call on every line.",
            Self::Callbacks => {
                "A person calls back within the clock below, and every two hours until the caller was reached."
            }
            Self::Fallback => "Calls that nobody takes ring at the corporate line, +1 602 555 0199.",
            Self::Questions => "No more than three questions are put to a caller.",
            Self::Codes => "Urgency and reason code are always there, by the codes of this contract.",
            Self::Handoff => "The manager of each location answers for the time of the handoff.",
        }
    }
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The share of missed calls with an owner, a disposition and a callback attempt within the clock (F-367).
    HandledInTime,
}

/// When it has worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Success {
    pub measure: Measure,
    pub at_least: Thousandths,
}

/// `[pilot]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pilot {
    /// One sentence each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub decisions: BTreeMap<Decision, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success: Option<Success>,
}

impl Pilot {
    /// Nothing is written.
    pub fn is_empty(&self) -> bool {
        self.decisions.is_empty() && self.success.is_none()
    }
}

/// Something that has to be written before a pilot, and what is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Where it stands: `pilot.callbacks`, `suppress.classes`.
    pub clause: String,
    /// What it is about.
    pub about: &'static str,
    /// As it is written; `Err`: what to write.
    pub written: Result<String, String>,
}

/// The six decisions, the measure of success and who is left out: everything of a whole contract that a text can be read without.
pub fn items(contract: &Contract) -> Vec<Item> {
    let decision = |decision: Decision| {
        let written = contract.pilot.decisions.get(&decision).cloned();
        Item {
            clause: format!("pilot.{}", decision.word()),
            about: decision.about(),
            written: written.ok_or_else(|| {
                format!("write under [pilot] {} = \"…\", such as {:?}", decision.word(), decision.such_as())
            }),
        }
    };
    let mut all: Vec<Item> = Decision::ALL.into_iter().map(decision).collect();
    let success = contract.pilot.success.map(|Success { measure: Measure::HandledInTime, at_least }| {
        format!(
            "at least {} of missed calls get an owner, a disposition and a callback attempt in time",
            percent(at_least)
        )
    });
    all.push(Item {
        clause: "pilot.success".into(),
        about: "when it has worked",
        written: success
            .ok_or_else(|| "write under [pilot] success = { measure = \"handled_in_time\", at_least = 0.90 }".into()),
    });
    let classes: Vec<&str> = contract.suppress.classes.iter().map(|c| c.word()).collect();
    all.push(Item {
        clause: "suppress.classes".into(),
        about: "who is left out",
        written: if classes.is_empty() {
            Err("write under [suppress] classes = [\"opted_out\", …]".into())
        } else {
            Ok(classes.join(", ").replace('_', " "))
        },
    });
    all
}

/// What is not written yet, each at its line where the text is at hand: at its table, else at the level that it would have to carry.
pub fn lacking(contract: &Contract, text: Option<&str>) -> Vec<Problem> {
    let places = text.map(places);
    let problem = |item: Item| {
        let cure = item.written.err()?;
        let cause =
            format!("the contract does not say {} ({}), and a pilot needs it in writing", item.about, item.clause);
        let at = places.as_ref().and_then(|places| places.of(&item.clause).or_else(|| places.of("autonomy")));
        Some(Problem { at, ..Problem::new("RB-0248", cause, cure) })
    };
    items(contract).into_iter().filter_map(problem).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{DEFAULT_TEXT, parse};

    fn line(text: &str, problem: &Problem) -> String {
        let at = problem.at.clone().map_or(0, |at| at.start);
        text[..at].rsplit('\n').next().unwrap_or_default().to_owned()
            + text[at..].split('\n').next().unwrap_or_default()
    }

    #[test]
    fn the_default_says_everything_and_each_thing_is_missed_by_its_name() {
        let contract = parse(DEFAULT_TEXT).0.unwrap();
        assert_eq!(lacking(&contract, Some(DEFAULT_TEXT)), []);
        assert_eq!(items(&contract).len(), 8);
        for key in Decision::ALL.map(Decision::word).into_iter().chain(["success"]) {
            let start = DEFAULT_TEXT.find("\n[pilot]").unwrap();
            let at = start + DEFAULT_TEXT[start..].find(&format!("\n{key} ")).unwrap() + 1;
            let end = at + DEFAULT_TEXT[at..].find('\n').unwrap() + 1;
            let text = format!("{}{}", &DEFAULT_TEXT[..at], &DEFAULT_TEXT[end..]);
            let (contract, problems) = parse(&text);
            assert_eq!(problems, [], "what decides about calls can be read without it");
            let told = lacking(&contract.unwrap(), Some(&text));
            let [one] = &told[..] else { panic!("{key}: {told:?}") };
            assert!(one.code == "RB-0248" && one.cause.contains(&format!("(pilot.{key})")), "{one:?}");
            assert!(one.cure.contains(&format!("{key} = ")), "{one:?}");
            assert_eq!(line(&text, one), "[pilot]", "{key}");
        }
    }

    #[test]
    fn without_any_of_it_each_is_named_at_the_level_it_would_carry() {
        let start = DEFAULT_TEXT.find("\n[pilot]").unwrap();
        let end = start + DEFAULT_TEXT[start + 1..].find("\n[").unwrap() + 1;
        let text = format!("{}{}", &DEFAULT_TEXT[..start], &DEFAULT_TEXT[end..]);
        let text = text.replace(
            "classes = [\"opted_out\", \"customer_with_open_issue\", \"open_opportunity\", \"strategic_account\"]",
            "",
        );
        let contract = parse(&text).0.unwrap();
        assert!(contract.pilot.is_empty());
        let told = lacking(&contract, Some(&text));
        assert_eq!(told.len(), 8);
        assert!(told[..7].iter().all(|p| line(&text, p).starts_with("autonomy")), "{told:?}");
        assert_eq!(line(&text, &told[7]), "[suppress]");
        assert_eq!(lacking(&contract, None).iter().filter(|p| p.at.is_some()).count(), 0);
    }

    #[test]
    fn what_says_nothing_of_a_pilot_keeps_its_digest() {
        let contract = parse(DEFAULT_TEXT).0.unwrap();
        let bare = Contract { pilot: Pilot::default(), ..contract };
        assert!(!bare.stored().contains("pilot"));
    }

    #[test]
    fn a_decision_is_one_sentence_and_a_measure_has_a_share() {
        for (line, code, words) in [
            ("callbacks = \"soon\"", "RB-0206", "is not a sentence"),
            ("callbacks = \"We call back soon. We call twice.\"", "RB-0206", "more than one sentence"),
            ("callback = \"We call back soon.\"", "RB-0204", "no key callback"),
            ("success = { measure = \"luck\", at_least = 0.90 }", "RB-0206", "luck"),
            ("success = { measure = \"handled_in_time\" }", "RB-0205", "at_least"),
            ("success = { measure = \"handled_in_time\", at_least = 90 }", "RB-0209", "at_least"),
        ] {
            let start = DEFAULT_TEXT.find("\n[pilot]").unwrap();
            let end = start + DEFAULT_TEXT[start + 1..].find("\n[").unwrap() + 1;
            let text = format!("{}\n[pilot]\n{line}\n{}", &DEFAULT_TEXT[..start], &DEFAULT_TEXT[end..]);
            let (contract, problems) = parse(&text);
            assert!(contract.is_none());
            let [one] = &problems[..] else { panic!("{line}: {problems:?}") };
            assert!(one.code == code && one.cause.contains(words), "{line}: {one:?}");
        }
    }
}
