//! The handoff brief: recommended, who, why, class, missing, conflict. What a colleague would say in half a minute before the call; each value
//! with how sure it is and the words it came from, and what nobody said stays unknown.

use super::cards::{self, how_sure};
use super::inquiry::anchor;
use super::words::{feeds, field_word, flag_word, value_word};
use crate::texts::t;
use crate::when::Wall;
use jiff::Timestamp;
use ringback_core::contract::Contract;
use ringback_core::identity::MatchKind;
use ringback_core::inquiry::{HeldClaim, Inquiry, ReviewKind};
use ringback_core::plan::VerdictKind;

/// One of the six parts.
pub(crate) struct Part {
    pub(crate) word: &'static str,
    pub(crate) lines: Vec<Line>,
}

/// A value and where it came from.
#[derive(Default)]
pub(crate) struct Line {
    pub(crate) label: String,
    pub(crate) text: String,
    /// `80 % sure`, or who else says so; nothing for a plain sentence.
    pub(crate) source: String,
    pub(crate) quote: String,
    /// Where the quote stands on this page.
    pub(crate) anchor: String,
    pub(crate) unknown: bool,
    /// The quote stands in a line above; it is linked, and not said twice.
    pub(crate) again: bool,
}

/// What a callback needs and a caller may leave out.
const NEEDED: [&str; 4] = ["caller_name", "service", "when", "address"];

/// What the words are read with.
pub(crate) struct Reader<'a> {
    pub(crate) inquiry: &'a Inquiry,
    pub(crate) contract: Option<&'a Contract>,
    pub(crate) now: Timestamp,
    pub(crate) wall: &'a Wall,
}

/// The six parts; what to do stands first, because it is read first.
pub(crate) fn brief(of: &Reader<'_>) -> [Part; 6] {
    let missing = of.missing();
    let mut parts = [
        Part { word: t("brief.recommended"), lines: of.recommended(&missing) },
        Part { word: t("brief.who"), lines: of.who() },
        Part { word: t("brief.why"), lines: of.why() },
        Part { word: t("brief.class"), lines: of.class() },
        Part { word: t("brief.missing"), lines: missing },
        Part { word: t("brief.conflict"), lines: of.conflicts() },
    ];
    for part in &mut parts {
        let mut above: Vec<String> = Vec::new();
        for line in part.lines.iter_mut().filter(|line| !line.quote.is_empty()) {
            line.again = above.contains(&line.quote);
            above.push(line.quote.clone());
        }
    }
    parts
}

fn plain(text: impl Into<String>) -> Line {
    Line { text: text.into(), ..Line::default() }
}

fn told(label: &str, text: impl Into<String>, source: &str) -> Line {
    Line { label: label.to_owned(), text: text.into(), source: source.to_owned(), ..Line::default() }
}

fn unknown(field: &str) -> Line {
    Line { label: field_word(field), text: t("brief.unknown").to_owned(), unknown: true, ..Line::default() }
}

impl Reader<'_> {
    fn value(&self, field: &str, value: &str) -> String {
        value_word(feeds(self.contract, field), value, self.now, self.wall)
    }

    fn heard(&self, field: &str, held: &HeldClaim) -> Line {
        Line {
            label: field_word(field),
            text: self.value(field, &held.claim.value.text()),
            source: how_sure(held.claim.confidence.0),
            quote: held.quote.clone(),
            anchor: anchor(held.evidence.document.as_str(), held.evidence.start),
            ..Line::default()
        }
    }

    fn said(&self, field: &str) -> Option<Line> {
        self.inquiry.steering(field).map(|held| self.heard(field, held))
    }

    fn who(&self) -> Vec<Line> {
        let inquiry = self.inquiry;
        let said = self.said("caller_name");
        let name = match cards::name(inquiry) {
            // The caller's own name is shown with its quote; a name from elsewhere with where it is from.
            Some(name) => match said.filter(|line| line.text == name) {
                Some(line) => line,
                None => told(t("field.caller_name"), name, cards::name_source(inquiry)),
            },
            None => unknown("caller_name"),
        };
        let number = match (cards::phone(inquiry), self.said("callback_number")) {
            (Some(_), Some(line)) if inquiry.callback_number() != inquiry.e164 => line,
            (Some(phone), _) => told(t("brief.number"), phone, t("brief.shown")),
            (None, _) => told(t("brief.number"), t("brief.unknown"), t("match.anonymous")),
        };
        let why = inquiry.matched.as_ref().map(|m| m.why.clone()).unwrap_or_default();
        let mut lines = vec![name, number, told(t("brief.match"), cards::known(inquiry), &why)];
        lines.extend(self.said("email"));
        lines
    }

    fn class(&self) -> Vec<Line> {
        let inquiry = self.inquiry;
        let mut lines: Vec<Line> = ["urgency", "reason_code", "intent"]
            .into_iter()
            .map(|field| self.said(field).unwrap_or_else(|| unknown(field)))
            .collect();
        lines.extend(inquiry.last_call().map(|call| told(t("brief.call"), cards::how(call), "")));
        lines
    }

    fn why(&self) -> Vec<Line> {
        let inquiry = self.inquiry;
        let mut lines = Vec::new();
        match cards::voice(inquiry) {
            Some(held) => lines.push(Line {
                quote: held.quote.clone(),
                anchor: anchor(held.evidence.document.as_str(), held.evidence.start),
                ..Line::default()
            }),
            None => lines.push(plain(cards::silence(inquiry))),
        }
        for field in ["service", "when", "timeline", "address", "budget", "amount"] {
            lines.extend(self.said(field));
        }
        let flags = inquiry.flags();
        // An emergency is said by the urgency.
        lines.extend(flags.iter().filter(|flag| flag.as_str() != "emergency").filter_map(|flag| {
            let held = inquiry.claims.get(&format!("flag.{flag}"))?;
            let word = flag_word(flag)?;
            Some(Line { label: t("brief.note").to_owned(), text: word.to_owned(), ..self.heard("flag", held) })
        }));
        lines
    }

    fn missing(&self) -> Vec<Line> {
        let inquiry = self.inquiry;
        let known = |field: &str| match field {
            "caller_name" => cards::name(inquiry).is_some(),
            "when" => inquiry.steering("when").or_else(|| inquiry.steering("timeline")).is_some(),
            other => inquiry.steering(other).is_some(),
        };
        let mut lines: Vec<Line> = NEEDED.into_iter().filter(|f| !known(f)).map(unknown).collect();
        if inquiry.callback_number().is_none() {
            lines.insert(0, Line { label: t("brief.number").to_owned(), ..unknown("callback_number") });
        }
        if lines.is_empty() {
            lines.push(plain(t("brief.nothing_missing")));
        }
        lines
    }

    fn conflicts(&self) -> Vec<Line> {
        let inquiry = self.inquiry;
        let mut lines = Vec::new();
        if let Some(matched) = inquiry.matched.as_ref().filter(|m| !m.disagreed.is_empty()) {
            let fields: Vec<String> = matched.disagreed.iter().map(|f| field_word(f)).collect();
            lines.push(told(t("brief.match"), fields.join(", "), t("brief.disagree")));
        }
        let disputed = |v: &&ringback_core::plan::Verdict| matches!(v.kind, VerdictKind::Keep | VerdictKind::Review);
        for verdict in inquiry.verdicts.iter().filter(disputed) {
            let (Some(was), Some(is)) = (verdict.was.as_deref(), verdict.is.as_deref()) else { continue };
            if was.trim().is_empty() || is.trim().is_empty() || was.trim() == is.trim() {
                continue;
            }
            let (was, is) = (self.value(&verdict.field, was), self.value(&verdict.field, is));
            let text = format!("{} {was} · {} {is}", t("brief.crm_has"), t("brief.caller_has"));
            lines.push(told(&field_word(&verdict.field), text, &verdict.reason));
        }
        let asks = |kind: ReviewKind| inquiry.reviews.iter().filter(move |r| r.kind == kind);
        for review in asks(ReviewKind::OwnerTie).chain(asks(ReviewKind::OwnerChange)) {
            lines.push(told(t("inquiry.owner"), review.reason.clone(), ""));
        }
        if lines.is_empty() {
            lines.push(plain(t("brief.no_conflict")));
        }
        lines
    }

    /// What to do next, by what would be wrong first: nobody to call, somebody who may not be called, nobody known; else when, with what words,
    /// and what to ask.
    fn recommended(&self, missing: &[Line]) -> Vec<Line> {
        let inquiry = self.inquiry;
        if !inquiry.open() {
            return vec![plain(t("brief.do_nothing"))];
        }
        let flags = inquiry.flags();
        let Some(number) = cards::phone(inquiry) else {
            return vec![plain(t("brief.do_find_number"))];
        };
        if flags.contains("opt_out") {
            return vec![plain(t("brief.do_opt_out")), plain(t("brief.do_opt_out_more"))];
        }
        let mut lines = Vec::new();
        let due = inquiry.next_callback_at.or_else(|| inquiry.clock.as_ref().map(|c| c.due_at));
        let by = match due {
            Some(at) if at < self.now => t("brief.at_once").to_owned(),
            Some(at) => format!("{} {}", t("brief.by"), self.wall.moment(at, self.now)),
            None => String::new(),
        };
        lines.push(plain(format!("{} {number} {by}", t("button.call")).trim().to_owned()));
        if let (Some(held), Some(call)) = (cards::voice(inquiry), inquiry.last_call()) {
            let at = self.wall.moment(call.started_at, self.now);
            let opening = format!("{} {at} {}", t("brief.you_called"), t("brief.and_said"));
            lines.push(Line { quote: held.quote.clone(), ..told(t("brief.open_with"), opening, "") });
        }
        let ask: Vec<&str> = missing.iter().filter(|l| l.unknown).map(|l| l.label.as_str()).collect();
        if !ask.is_empty() {
            lines.push(told(t("brief.ask"), ask.join(", "), ""));
        }
        if inquiry.matched.as_ref().is_some_and(|m| m.kind == MatchKind::Ambiguous) {
            lines.push(plain(t("brief.do_pick")));
        }
        if flags.contains("pricing_request") || flags.contains("availability_request") {
            lines.push(plain(t("brief.promise_nothing")));
        }
        lines
    }
}
