//! What the call is about, how urgent it is, how the caller feels, and what needs special handling.
//!
//! Everything here is a cue somebody can point at: a choice is made only with the words that made it. What is not said
//! is not inferred: "no heat" says nothing about gas.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use regex::Regex;
use regex::bytes;

use super::cues::{CUES, Cue};
use super::service;
use super::text::{DFA_BYTES_MAX, Doc, pattern};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Reason,
    Urgency,
    Sentiment,
    Flag,
}

/// A choice with the words that speak for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) choice: &'static str,
    pub(crate) range: Range<usize>,
    /// Thousandths.
    pub(crate) weight: u16,
}

/// Urgency levels, the most urgent first.
pub(crate) const URGENCY: [&str; 5] = ["emergency", "high", "same_day", "this_week", "nurture"];

#[derive(Debug, Default)]
pub(crate) struct Classified {
    pub(crate) reason: Option<Choice>,
    pub(crate) intent: Option<Choice>,
    pub(crate) urgency: Option<Choice>,
    pub(crate) sentiment: Option<Choice>,
    pub(crate) flags: Vec<Choice>,
}

/// A cue as the matcher gets it: over bytes, where a "character" of `.{0,60}` is one state and not the dozen that tell UTF-8 apart. Over
/// all cues that is two thirds of the memory. A cue begins and ends with ASCII words, so its place is on character boundaries.
fn source(cue: &str) -> String {
    format!("(?-u){}", cue.replace('\'', "(?:'|’)?"))
}

/// Cues of one set. Sets, because one pass over a text answers for all its patterns; several, because while one is compiled it takes
/// many times what is kept of it.
const SET_CUES: usize = 26;

static SETS: LazyLock<Vec<bytes::RegexSet>> = LazyLock::new(|| CUES.chunks(SET_CUES).map(set).collect());

#[expect(clippy::expect_used, reason = "the patterns are constants of this crate and a test compiles every one")]
fn set(cues: &[Cue]) -> bytes::RegexSet {
    bytes::RegexSetBuilder::new(cues.iter().map(|c| source(c.text)))
        .size_limit(16 << 20)
        .dfa_size_limit(1 << 20)
        .build()
        .expect("constant patterns compile")
}

#[expect(clippy::expect_used, reason = "the patterns are constants of this crate and a test compiles every one")]
fn single(index: usize) -> Option<&'static bytes::Regex> {
    static ONES: LazyLock<Vec<OnceLock<bytes::Regex>>> =
        LazyLock::new(|| CUES.iter().map(|_| OnceLock::new()).collect());
    let cue = CUES.get(index)?;
    let compiled = || bytes::RegexBuilder::new(&source(cue.text)).dfa_size_limit(DFA_BYTES_MAX).build();
    Some(ONES.get(index)?.get_or_init(|| compiled().expect("a constant pattern compiles")))
}

/// Every cue that speaks, with its place; negated ones left out.
fn hits(doc: &Doc) -> Vec<(usize, Range<usize>)> {
    let mut out = Vec::new();
    let spoken = SETS
        .iter()
        .enumerate()
        .flat_map(|(n, set)| set.matches(doc.lower.as_bytes()).into_iter().map(move |index| n * SET_CUES + index));
    for index in spoken {
        let Some(one) = single(index) else { continue };
        let negatable = CUES.get(index).is_some_and(|c| c.group != Group::Reason || c.choice == "emergency_urgent");
        if let Some(found) = one.find_iter(doc.lower.as_bytes()).find(|m| !negatable || !negated(doc, m.start())) {
            out.push((index, found.range()));
        }
    }
    out
}

/// "no chest pain", "denies fainting", "it's not leaking": the cue is denied by a word shortly before it.
fn negated(doc: &Doc, byte: usize) -> bool {
    static DENIAL: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"\b(?:no|not|denies|denied|denying|without|never|isn['’]?t|wasn['’]?t|aren['’]?t|doesn['’]?t|don['’]?t|didn['’]?t|nor|negative for|no signs? of)(?: (?:a|an|any|the|have|having|smell|smelling|severe|really|bad|major|even|currently|been|of|reported|it['’]?s|is))* ?$",
        )
    });
    let head = doc.before(byte);
    DENIAL.is_match(head.get(head.len().saturating_sub(40)..).unwrap_or(head))
}

pub(crate) fn classify(doc: &Doc) -> Classified {
    let hits = hits(doc);
    let mut out = Classified { reason: reason(&hits), ..Classified::default() };
    out.intent = intent(&hits, out.reason.as_ref());
    out.urgency = urgency(&hits);
    out.sentiment =
        first_of(&hits, Group::Sentiment, &["frustrated", "positive"]).or_else(|| neutral(doc, out.reason.as_ref()));
    for (index, range) in &hits {
        if let Some(cue) = CUES.get(*index).filter(|c| c.group == Group::Flag)
            && !out.flags.iter().any(|f| f.choice == cue.choice)
        {
            out.flags.push(Choice { choice: cue.choice, range: range.clone(), weight: 800 });
        }
    }
    // "Please don't call me an idiot" is rare; a refused contact is not, and opting out wins over everything else.
    if let Some(flag) = ambiguous(doc, &out) {
        out.flags.push(flag);
    }
    out.flags.sort_by_key(|f| f.choice);
    out
}

/// Weighted votes, the heaviest choice wins; between equals the one said first.
fn reason(hits: &[(usize, Range<usize>)]) -> Option<Choice> {
    let mut votes: BTreeMap<&'static str, (i16, i16, Range<usize>)> = BTreeMap::new();
    for (index, range) in hits {
        let Some(cue) = CUES.get(*index).filter(|c| c.group == Group::Reason) else { continue };
        let vote = votes.entry(cue.choice).or_insert((0, 0, range.clone()));
        vote.0 += cue.weight;
        if cue.weight > vote.1 {
            (vote.1, vote.2) = (cue.weight, range.clone());
        }
    }
    let total: i16 = votes.values().map(|v| v.0).sum();
    let (choice, (votes, _, range)) =
        votes.into_iter().max_by_key(|(_, (votes, best, range))| (*votes, *best, std::cmp::Reverse(range.start)))?;
    let share = i32::from(votes) * 1000 / i32::from(total.max(1));
    Some(Choice { choice, range, weight: (350 + share * 45 / 100).clamp(0, 900) as u16 })
}

/// The four intents of the house, each from the reason code's own words.
fn intent(hits: &[(usize, Range<usize>)], reason: Option<&Choice>) -> Option<Choice> {
    if let Some(complaint) = first_of(hits, Group::Flag, &["complaint"]) {
        return Some(complaint);
    }
    let reason = reason?;
    let choice = match reason.choice {
        "complaint" => "complaint",
        "appointment_booking" | "appointment_change" | "cancellation" | "new_service_request" | "demo_request" => {
            "booking"
        }
        "support_issue" | "billing_question" | "emergency_urgent" => "support",
        "pricing_question" | "information_request" => "inquiry",
        _ => return None,
    };
    Some(Choice { choice, ..reason.clone() })
}

fn urgency(hits: &[(usize, Range<usize>)]) -> Option<Choice> {
    // "no rush" unsays "today"; it does not unsay a burst pipe.
    let calm = first_of(hits, Group::Urgency, &["nurture"]);
    match first_of(hits, Group::Urgency, &URGENCY) {
        Some(found) if matches!(found.choice, "same_day" | "this_week") && calm.is_some() => calm,
        found => found,
    }
}

fn first_of(hits: &[(usize, Range<usize>)], group: Group, order: &[&'static str]) -> Option<Choice> {
    order.iter().find_map(|wanted| {
        let (index, range) = hits
            .iter()
            .filter(|(i, _)| CUES.get(*i).is_some_and(|c| c.group == group && c.choice == *wanted))
            .min_by_key(|(_, r)| r.start)?;
        Some(Choice { choice: CUES.get(*index)?.choice, range: range.clone(), weight: 800 })
    })
}

/// A caller who said what the call is about, without a word of feeling, is neutral; the words are the evidence.
fn neutral(doc: &Doc, reason: Option<&Choice>) -> Option<Choice> {
    let reason = reason?;
    Some(Choice { choice: "neutral", range: doc.sentence(&reason.range), weight: 500 })
}

/// Words of a greeting or of a wish to be called, which say nothing about why.
const CALLBACK_TALK: &str = "hi hello hey yeah um uh it s me this is just call called calling back please give a ring when you can get my number i am m at the to ll be \
thanks thank bye name again need want would like d talk speak with someone somebody have missed your returning try and soon as possible message trying reach for \
important hope all well good morning afternoon evening day there ok okay so number us we you re chance moment in on or by later know let number cell phone home work";
/// More words than these beside the greeting say something, even if no cue knows it.
const UNSAID_WORDS_MAX: usize = 2;

/// "hi it's me, call me": words were left, but nothing that says what for.
fn ambiguous(doc: &Doc, so_far: &Classified) -> Option<Choice> {
    let said = |t: &&super::text::Token| {
        t.kind == super::text::Kind::Word && !CALLBACK_TALK.split_whitespace().any(|w| w == doc.word(t))
    };
    let words = doc.tokens.iter().filter(|t| t.kind == super::text::Kind::Word).count();
    let something = so_far.reason.is_some() || so_far.urgency.is_some() || !so_far.flags.is_empty();
    if words == 0
        || something
        || service::find(doc).is_some()
        || doc.tokens.iter().filter(said).filter(|t| super::number::unit(doc.word(t)).is_none()).count()
            > UNSAID_WORDS_MAX
    {
        return None;
    }
    let all = doc.sentences();
    let (first, last) = (all.first()?, all.last()?);
    Some(Choice { choice: "ambiguous_voicemail", range: first.start..last.end, weight: 700 })
}

/// Whether the words of a quote themselves speak for a choice; for checking what any extractor claims.
pub(crate) fn supports(quote: &str, field: &str, choice: &str) -> bool {
    let doc = Doc::new(quote);
    let hits = hits(&doc);
    let has = |group, wanted: &str| {
        hits.iter().any(|(i, _)| CUES.get(*i).is_some_and(|c| c.group == group && c.choice == wanted))
    };
    match field {
        "reason_code" => has(Group::Reason, choice),
        "urgency" => has(Group::Urgency, choice),
        "sentiment" if choice == "neutral" => {
            !has(Group::Sentiment, "frustrated") && !has(Group::Sentiment, "positive") && !doc.tokens.is_empty()
        }
        "sentiment" => has(Group::Sentiment, choice),
        "intent" => {
            let reasons: &[&str] = match choice {
                "complaint" => return has(Group::Reason, "complaint") || has(Group::Flag, "complaint"),
                "booking" => &[
                    "appointment_booking",
                    "appointment_change",
                    "cancellation",
                    "new_service_request",
                    "demo_request",
                ],
                "support" => &["support_issue", "billing_question", "emergency_urgent"],
                "inquiry" => &["pricing_question", "information_request"],
                _ => return false,
            };
            reasons.iter().any(|r| has(Group::Reason, r))
        }
        "flag" if choice == "ambiguous_voicemail" => classify(&doc).flags.iter().any(|f| f.choice == choice),
        "flag" => has(Group::Flag, choice),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cues are matched over bytes: what begins or ends with "any byte" could cut a character in two.
    #[test]
    fn no_cue_begins_or_ends_with_any_byte() {
        for (index, cue) in CUES.iter().enumerate() {
            // `\w` is ASCII there.
            let inner = cue.text.trim_start_matches(r"\b").trim_end_matches(r"\b").trim_end_matches(r"\w*");
            assert!(!inner.starts_with(['.', '[']), "{inner}");
            assert!(!inner.ends_with(['.', ']', '}', '*', '+']), "{inner}");
            assert!(single(index).is_some_and(|one| !one.is_match(b"")), "{inner}");
        }
    }
}
