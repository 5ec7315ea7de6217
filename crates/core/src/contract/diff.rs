//! What changes from one contract to another, in sentences, and which way: more by itself, or less.

use super::model::*;
use super::pilot::items;
use crate::followup::condition::When;
use crate::workflow::{Workflow, WorkflowRule};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Debug;

/// Which way a change goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// More happens without a person, or on less confidence. For what comes later only.
    Loosens,
    /// Less happens without a person, or only on more confidence.
    Tightens,
    /// Other than before, neither more nor less.
    Neither,
}

impl Way {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Loosens => "looser",
            Self::Tightens => "stricter",
            Self::Neither => "other",
        }
    }

    /// Rising loosens.
    fn rising<T: Ord>(before: &T, after: &T) -> Self {
        match after.cmp(before) {
            std::cmp::Ordering::Greater => Self::Loosens,
            std::cmp::Ordering::Less => Self::Tightens,
            std::cmp::Ordering::Equal => Self::Neither,
        }
    }
}

/// One thing that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// `field.budget.machine`, `owner.rule[2]`.
    pub clause: String,
    pub way: Way,
    /// A sentence to read aloud.
    pub text: String,
}

/// Everything that changes from `before` to `after`, in the order of the clauses; empty when both say the same.
pub fn diff(before: &Contract, after: &Contract) -> Vec<Change> {
    let mut found = Found(Vec::new());
    found.word("contract", Way::Neither, "The name", &before.name, &after.name);
    found.word("crm", Way::Neither, "The CRM connection", &before.crm, &after.crm);
    let way = Way::rising(&before.autonomy, &after.autonomy);
    found.word("autonomy", way, "How much happens without a person", &before.autonomy, &after.autonomy);
    let way = Way::rising(&kept_long(after.retention), &kept_long(before.retention));
    found.word("retention", way.reversed(), "How long words stay readable", &before.retention, &after.retention);
    let way = Way::rising(&before.notes, &after.notes);
    found.word("notes", way, "What call log and task repeat of the caller's words", &before.notes, &after.notes);
    for (clause, what, a, b) in [
        ("mandatory", "be said, defaulted or flagged", set(&before.mandatory), set(&after.mandatory)),
        ("eligible.categories", "open an inquiry", set(&before.eligible.categories), set(&after.eligible.categories)),
    ] {
        let (gone, new) =
            if clause == "mandatory" { (Way::Loosens, Way::Tightens) } else { (Way::Tightens, Way::Loosens) };
        found.set(clause, &a, &b, gone, new, |word, more| {
            let word = word.replace('_', " ");
            format!(
                "{word} {} {what}.",
                match (clause, more) {
                    ("mandatory", true) => "must now",
                    ("mandatory", false) => "need no longer",
                    (_, true) => "calls now",
                    (_, false) => "calls no longer",
                }
            )
        });
    }
    let keys = |m: &MatchRules| m.link.iter().map(word_of).collect::<BTreeSet<_>>();
    found.set(
        "match.link",
        &keys(&before.matching),
        &keys(&after.matching),
        Way::Tightens,
        Way::Loosens,
        |key, more| {
            format!(
                "The key {key} {} a caller to a record by itself.",
                if more { "now links" } else { "no longer links" }
            )
        },
    );
    found.same("match.suggest", "Which keys only suggest a record", &before.matching.suggest, &after.matching.suggest);
    found.same(
        "match.shared_numbers",
        "What happens with shared numbers",
        &before.matching.shared_numbers,
        &after.matching.shared_numbers,
    );
    found.same(
        "match.properties",
        "Which properties tell who somebody is",
        &before.matching.properties,
        &after.matching.properties,
    );
    fields(before, after, &mut found);
    owners(&before.owner, &after.owner, &mut found);
    clock("clock", &before.clock, &after.clock, &mut found);
    locations(before, after, &mut found);
    suppress(&before.suppress, &after.suppress, &mut found);
    found.same("page", "Who is told and how", &before.page, &after.page);
    workflows(before, after, &mut found);
    pilot(before, after, &mut found);
    if before.tests != after.tests {
        found.say(
            "test",
            Way::Neither,
            format!("The tests beside the rules change: {} of them, before {}.", after.tests.len(), before.tests.len()),
        );
    }
    found.0
}

fn pilot(before: &Contract, after: &Contract, found: &mut Found) {
    for (was, is) in items(before).into_iter().zip(items(after)).filter(|(was, _)| was.clause.starts_with("pilot.")) {
        if was.written == is.written {
            continue;
        }
        let text = match (was.written, is.written) {
            (_, Ok(is_now)) => format!("It is written down {}: {}", was.about, ended(&is_now)),
            (_, Err(_)) => format!("It is no longer written down {}.", was.about),
        };
        found.say(&was.clause, Way::Neither, text);
    }
}

/// A sentence with its full stop.
fn ended(text: &str) -> String {
    if text.ends_with(['.', '!']) { text.to_owned() } else { format!("{text}.") }
}

fn workflows(before: &Contract, after: &Contract, found: &mut Found) {
    for about in Workflow::all() {
        let clause = format!("workflow.{}", about.word);
        let of = |c: &Contract| c.workflows.get(&about.workflow).cloned();
        let (a, b) = (of(before), of(after));
        let on = |rule: &Option<WorkflowRule>| rule.as_ref().is_some_and(|r| r.on);
        match (on(&a), on(&b)) {
            (false, true) => {
                let level = b.as_ref().map_or(Autonomy::Suggest, |r| r.level);
                let text = format!("{} is on, at the level {}: {}.", about.title, word_of(&level), about.may);
                found.say(&format!("{clause}.on"), Way::Loosens, text);
            }
            (true, false) => {
                found.say(&format!("{clause}.on"), Way::Tightens, format!("{} is off.", about.title));
            }
            (true, true) => {
                let (Some(a), Some(b)) = (&a, &b) else { continue };
                let what = format!("The level of {}", about.title);
                found.word(&format!("{clause}.level"), Way::rising(&a.level, &b.level), &what, &a.level, &b.level);
                let plain =
                    |r: &WorkflowRule| WorkflowRule { level: Autonomy::Suggest, fields: Vec::new(), ..r.clone() };
                found.same(&clause, &format!("What {} goes by", about.title), &plain(a), &plain(b));
                found.set(
                    &format!("{clause}.fields"),
                    &set(&a.fields),
                    &set(&b.fields),
                    Way::Tightens,
                    Way::Loosens,
                    |name, more| {
                        format!("{} {} {name}.", about.title, if more { "now feeds" } else { "no longer feeds" })
                    },
                );
            }
            (false, false) => {
                found.same(&clause, &format!("{}, which is off,", about.title), &a, &b);
            }
        }
    }
}

fn suppress(before: &Suppress, after: &Suppress, found: &mut Found) {
    let classes = |s: &Suppress| s.classes.iter().map(word_of).collect::<BTreeSet<_>>();
    found.set("suppress.classes", &classes(before), &classes(after), Way::Loosens, Way::Tightens, |class, more| {
        format!(
            "For the class {} {} held back.",
            class.replace('_', " "),
            if more { "sending, enrolment, routing away and owner changes are now" } else { "nothing is any longer" }
        )
    });
    found.same(
        "suppress.marks",
        "By what the classes that are held back are known",
        &(&before.strategic, &before.marked),
        &(&after.strategic, &after.marked),
    );
}

fn locations(before: &Contract, after: &Contract, found: &mut Found) {
    let slugs: BTreeSet<&String> = before.locations.keys().chain(after.locations.keys()).collect();
    for slug in slugs {
        let plain = LocationRules::default();
        let a = before.locations.get(slug).unwrap_or(&plain);
        let b = after.locations.get(slug).unwrap_or(&plain);
        let (low, high) = (a.autonomy.unwrap_or(before.autonomy), b.autonomy.unwrap_or(after.autonomy));
        if a.autonomy != b.autonomy {
            let what = format!("At {slug}, how much happens without a person");
            found.word(&format!("location.{slug}.autonomy"), Way::rising(&low, &high), &what, &low, &high);
        }
        found.same(
            &format!("location.{slug}.retention"),
            &format!("At {slug}, how long words stay readable"),
            &a.retention,
            &b.retention,
        );
        if a.clock != b.clock {
            clock(&format!("location.{slug}.clock"), before.clock_for(slug), after.clock_for(slug), found);
        }
    }
}

impl Way {
    fn reversed(self) -> Self {
        match self {
            Self::Loosens => Self::Tightens,
            Self::Tightens => Self::Loosens,
            Self::Neither => Self::Neither,
        }
    }
}

fn kept_long(retention: Retention) -> u8 {
    match retention {
        Retention::Zero => 0,
        Retention::Short => 1,
        Retention::Standard => 2,
    }
}

fn set(words: &[String]) -> BTreeSet<String> {
    words.iter().cloned().collect()
}

/// The word the text has for a value.
fn word_of<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

struct Found(Vec<Change>);

impl Found {
    fn say(&mut self, clause: &str, way: Way, text: String) {
        self.0.push(Change { clause: clause.to_owned(), way, text });
    }

    fn word<T: PartialEq + Serialize>(&mut self, clause: &str, way: Way, what: &str, before: &T, after: &T) {
        if before != after {
            self.say(clause, way, format!("{what} changes from {} to {}.", word_of(before), word_of(after)));
        }
    }

    /// Something with parts, of which only is told that it changes.
    fn same<T: PartialEq + Debug>(&mut self, clause: &str, what: &str, before: &T, after: &T) {
        if before != after {
            self.say(clause, Way::Neither, format!("{what} changes."));
        }
    }

    fn set(
        &mut self,
        clause: &str,
        a: &BTreeSet<String>,
        b: &BTreeSet<String>,
        gone: Way,
        new: Way,
        text: impl Fn(&str, bool) -> String,
    ) {
        for word in a.difference(b) {
            self.say(clause, gone, text(word, false));
        }
        for word in b.difference(a) {
            self.say(clause, new, text(word, true));
        }
    }
}

fn freedom(machine: Machine) -> u8 {
    match machine {
        Machine::Never => 0,
        Machine::Suggest => 1,
        Machine::FillEmpty => 2,
        Machine::Update => 3,
    }
}

fn fields(before: &Contract, after: &Contract, found: &mut Found) {
    let names: BTreeSet<&String> = before.fields.keys().chain(after.fields.keys()).collect();
    for name in names {
        let clause = format!("field.{name}");
        match (before.fields.get(name), after.fields.get(name)) {
            (None, Some(rule)) => {
                let way = if freedom(rule.machine) == 0 { Way::Neither } else { Way::Loosens };
                let text = format!("{name} is new: it goes to {}. {}", rule.target(), rule.winner);
                found.say(&clause, way, text);
            }
            (Some(rule), None) => {
                let text = format!("{name} goes: {} is neither written nor suggested any more.", rule.target());
                found.say(&clause, Way::Tightens, text);
            }
            (Some(a), Some(b)) => field(&clause, name, a, b, found),
            (None, None) => {}
        }
    }
}

fn field(clause: &str, name: &str, a: &FieldRule, b: &FieldRule, found: &mut Found) {
    let key = |k: &str| format!("{clause}.{k}");
    found.word(&key("means"), Way::Neither, &format!("What {name} means"), &a.means, &b.means);
    found.word(&key("from"), Way::Neither, &format!("What feeds {name}"), &a.from, &b.from);
    found.word(&key("to"), Way::Neither, &format!("Where {name} goes"), &a.target(), &b.target());
    found.word(&key("type"), Way::Neither, &format!("The type of {name}"), &a.kind, &b.kind);
    found.word(&key("truth"), Way::Neither, &format!("Where the truth of {name} comes from"), &a.truth, &b.truth);
    if a.winner != b.winner {
        found.say(
            &key("winner"),
            Way::Neither,
            format!("The winner of {name} is now: {} Before: {}", b.winner, a.winner),
        );
    }
    let way = Way::rising(&freedom(a.machine), &freedom(b.machine));
    found.word(&key("machine"), way, &format!("What the machine may do with {name}"), &a.machine, &b.machine);
    // Whether a person is asked of more or of less lets nothing more happen by itself.
    for (k, what, way, a, b) in [
        ("write_at", "acts by itself", Way::rising(&b.write_at, &a.write_at), a.write_at, b.write_at),
        ("review_at", "asks a person", Way::Neither, a.review_at, b.review_at),
    ] {
        if a != b {
            let text = format!("For {name} the machine {what} from {} on, before from {}.", percent(b), percent(a));
            found.say(&key(k), way, text);
        }
    }
    found.word(
        &key("on_missing"),
        Way::Neither,
        &format!("What happens when {name} is not said"),
        &a.on_missing,
        &b.on_missing,
    );
    if a.review_when != b.review_when {
        let way = match (&a.review_when, &b.review_when) {
            (None, Some(_)) => Way::Tightens,
            (Some(_), None) => Way::Loosens,
            _ => Way::Neither,
        };
        let told = |w: &Option<When>| w.as_ref().map_or("for no condition".to_owned(), |w| format!("whenever {w}"));
        let text = format!("For {name} a person is asked {}, before {}.", told(&b.review_when), told(&a.review_when));
        found.say(&key("review_when"), way, text);
    }
    found.word(
        &key("rollback"),
        Way::Neither,
        &format!("What taking back {name} puts there"),
        &a.rollback,
        &b.rollback,
    );
    if a.accountability != b.accountability {
        let (way, text) =
            if b.accountability { (Way::Tightens, "now needs") } else { (Way::Loosens, "no longer needs") };
        found.say(&key("accountability"), way, format!("A change of {name} {text} a person's approval."));
    }
    if a.protected != b.protected {
        let way = match (a.protected, b.protected) {
            (None, Some(_)) => Way::Tightens,
            (Some(_), None) => Way::Loosens,
            _ => Way::Neither,
        };
        let kind = |p: Option<Protected>| p.map_or("none of them", Protected::word).replace('_', " ");
        let text = format!(
            "Of the kinds that are never changed silently {name} is {}, before {}.",
            kind(b.protected),
            kind(a.protected)
        );
        found.say(&key("protected"), way, text);
    }
    if a.autonomy != b.autonomy {
        let way = match (a.autonomy, b.autonomy) {
            (Some(a), Some(b)) => Way::rising(&a, &b),
            _ => Way::Neither,
        };
        let level = |l: Option<Autonomy>| l.map_or_else(|| "the contract's own".to_owned(), |l| word_of(&l));
        let text = format!("The level of {name} is {}, before {}.", level(b.autonomy), level(a.autonomy));
        found.say(&key("autonomy"), way, text);
    }
}

fn owners(a: &OwnerRules, b: &OwnerRules, found: &mut Found) {
    found.word("owner.tie", Way::Neither, "What happens when two rules name different people", &a.tie, &b.tie);
    found.word(
        "owner.otherwise",
        Way::Neither,
        "Who owns a call that no rule gives to anybody",
        &a.otherwise,
        &b.otherwise,
    );
    let told = |r: &OwnerRule| format!("with priority {} and `{}` goes to {}", r.priority, r.when, r.to);
    for (n, rule) in a.rules.iter().enumerate().filter(|(_, r)| !b.rules.contains(r)) {
        found.say(&format!("owner.rule[{}]", n + 1), Way::Neither, format!("No longer: what comes {}.", told(rule)));
    }
    for (n, rule) in b.rules.iter().enumerate().filter(|(_, r)| !a.rules.contains(r)) {
        found.say(&format!("owner.rule[{}]", n + 1), Way::Neither, format!("New: what comes {}.", told(rule)));
    }
}

fn clock(clause: &str, a: &ContractClock, b: &ContractClock, found: &mut Found) {
    let rows = |c: &ContractClock| {
        let some = |t: Term| Some(t.to_string());
        let maybe = |t: Option<Term>| t.map(|t| t.to_string());
        [
            ("emergency", some(c.emergency)),
            ("high", some(c.high)),
            ("same_day", maybe(c.same_day)),
            ("this_week", maybe(c.this_week)),
            ("nurture", maybe(c.nurture)),
            ("new_lead", some(c.new_lead)),
            ("lead", some(c.lead)),
            ("customer", some(c.customer)),
            ("vendor", some(c.vendor)),
            ("after_hours", some(c.after_hours)),
            ("stale_after", some(Term::Minutes(c.stale_after_minutes))),
        ]
    };
    for ((key, a), (_, b)) in rows(a).into_iter().zip(rows(b)) {
        if a != b {
            let term = |t: Option<String>| t.unwrap_or_else(|| "no row of its own".to_owned());
            let text = format!("The time for {} is {}, before {}.", key.replace('_', " "), term(b), term(a));
            found.say(&format!("{clause}.{key}"), Way::Neither, text);
        }
    }
    found.same(&format!("{clause}.tiers"), "Who is told when nobody called back", &a.tiers, &b.tiers);
    found.set(
        &format!("{clause}.escalate_at_once"),
        &a.escalate_at_once,
        &b.escalate_at_once,
        Way::Neither,
        Way::Neither,
        |flag, more| {
            format!("{} {} at once.", flag.replace('_', " "), if more { "now climbs" } else { "no longer climbs" })
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{DEFAULT_TEXT, parse};

    fn changed(pairs: &[(&str, &str)]) -> Vec<(String, Way, String)> {
        let mut text = DEFAULT_TEXT.to_owned();
        for (from, to) in pairs {
            assert!(text.contains(from), "{from}");
            text = text.replacen(from, to, 1);
        }
        let (before, (after, problems)) = (parse(DEFAULT_TEXT).0.unwrap(), parse(&text));
        assert_eq!(problems, Vec::new());
        diff(&before, &after.unwrap()).into_iter().map(|c| (c.clause, c.way, c.text)).collect()
    }

    #[test]
    fn the_same_contract_changes_nothing() {
        assert_eq!(changed(&[("# Read it aloud.", "# Read it.")]), []);
    }

    #[test]
    fn each_change_says_which_way_it_goes() {
        for (from, to, clause, way, says) in [
            (
                "autonomy = \"auto-low-risk\"",
                "autonomy = \"auto\"",
                "autonomy",
                Way::Loosens,
                "from auto-low-risk to auto",
            ),
            (
                "write_at   = 0.90",
                "write_at   = 0.80",
                "field.urgency.write_at",
                Way::Loosens,
                "from 80 % on, before from 90 %",
            ),
            ("review_at  = 0.60", "review_at  = 0.70", "field.urgency.review_at", Way::Neither, "from 70 % on"),
            (
                "machine   = \"fill_empty\"",
                "machine   = \"suggest\"",
                "field.email.machine",
                Way::Tightens,
                "from fill_empty to suggest",
            ),
            ("\"opted_out\", ", "", "suppress.classes", Way::Loosens, "nothing is any longer held back"),
            (
                "link           = [\"email\", \"phone\"]",
                "link           = [\"phone\"]",
                "match.link",
                Way::Tightens,
                "no longer links",
            ),
            ("high      = \"5 min\"", "high      = \"8 min\"", "clock.high", Way::Neither, "is 8 min, before 5 min"),
            ("priority = 2", "priority = 3", "owner.rule[2]", Way::Neither, "priority 2"),
            ("retention = \"standard\"", "retention = \"zero\"", "retention", Way::Tightens, "from standard to zero"),
            (
                "The call wins, because nobody else heard it.",
                "The CRM wins here.",
                "field.urgency.winner",
                Way::Neither,
                "is now: The CRM wins here.",
            ),
        ] {
            let found = changed(&[(from, to)]);
            let told = found.iter().any(|(c, w, t)| c == clause && *w == way && t.contains(says));
            assert!(told, "{to}: {found:#?}");
        }
    }
}
