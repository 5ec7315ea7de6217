//! The service wanted, in the caller's words: what follows "I need", "looking for", "quote for", or the thing that does
//! not work. The words are taken as they stand; nothing is translated into a catalogue here.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::text::{Doc, pattern};
use super::words;

/// Where the wish begins, and how much the wording says (thousandths).
static WISHES: LazyLock<Vec<(Regex, u16)>> = LazyLock::new(|| {
    [
        (r"\b(?:quote|estimate|price|pricing|bid|cost) (?:for|on|to) (?:a |an |my |our |the |some |getting )?", 750),
        (r"\b(?:appointment|booked|schedule|scheduled|book|slot|visit) (?:for|to get|to have) (?:a |an |my |our |the |some )?", 700),
        (r"\b(?:schedule|book|set up|arrange) (?:a |an |my |our |some )", 650),
        (r"\b(?:looking|calling|hoping) (?:for|to get|to have|to schedule|to book|about getting|about having|about) (?:a |an |my |our |some |someone to |somebody to )?", 700),
        (r"\b(?:need|want|like|wanted|needed) (?:to get |to have |to book |to schedule |someone to |somebody to |help with |a quote for |you to )(?:a |an |my |our |the |some )?", 700),
        (r"\b(?:i|we)(?:'d| would)? (?:need|want|like) (?:a |an |some |my |our )", 650),
        (r"\binterested in (?:a |an |getting |having |your )?", 600),
    ]
    .into_iter()
    .map(|(text, weight)| (pattern(text), weight))
    .collect()
});

/// Something of the caller's that is broken: "my water heater is leaking".
static BROKEN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:my|our|the) ((?:[a-z]+ ){0,2}[a-z/]+ (?:is|are|has|keeps|won['’]?t|isn['’]?t|stopped|doesn['’]?t|just|started)(?: been)? (?:not )?(?:broken|broke|leaking|clogged|working|making(?: a)?(?: \S+)? noise|running|heating|cooling|turn(?:ing)? on|start(?:ing)?|stopped working|dead|out|down|backed up|overflowing|flooding|stuck|dripping|cracked|burst|flush(?:ing)?|drain(?:ing)?))\b",
    )
});

/// Words at which the wish ends.
const ENDS: [&str; 47] = [
    "for",
    "on",
    "at",
    "this",
    "next",
    "tomorrow",
    "today",
    "tonight",
    "because",
    "and",
    "so",
    "but",
    "please",
    "as",
    "asap",
    "if",
    "when",
    "with",
    "under",
    "by",
    "before",
    "after",
    "my",
    "i",
    "we",
    "in",
    "from",
    "thanks",
    "thank",
    "that",
    "which",
    "who",
    "could",
    "can",
    "would",
    "is",
    "are",
    "since",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "sometime",
    "you",
];
/// Heads that are no service: a person, a call, a thing of the conversation.
const NOT_A_SERVICE: [&str; 45] = [
    "call",
    "callback",
    "call back",
    // "Somebody to come out": what for is said elsewhere.
    "come",
    "appointment",
    "an appointment",
    "know",
    "speak",
    "talk",
    "see",
    "ask",
    "message",
    "moment",
    "minute",
    "question",
    "questions",
    "quote",
    "price",
    "time",
    "times",
    "date",
    "reservation",
    "booking",
    "table",
    "room",
    "refund",
    "it",
    "one",
    "help",
    "someone",
    "somebody",
    "information",
    "info",
    "person",
    "manager",
    "number",
    "address",
    "change",
    "cancel",
    "move",
    "reschedule",
    "visit",
    "slot",
    "lot",
    "bit",
];

/// What takes a wish back when it stands right before it: "I am not interested in your mailers", "we aren't really looking for".
static DENIED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?:\b(?:not|never|hardly|no longer)|n['’]t)(?: [a-z]+)? $"));

/// The best wish in the text, with its confidence.
pub(crate) fn find(doc: &Doc) -> Option<(Range<usize>, u16)> {
    let mut best: Option<(Range<usize>, u16)> = None;
    for (wish, weight) in WISHES.iter() {
        for found in wish.find_iter(&doc.lower).filter(|found| !DENIED.is_match(doc.before(found.start()))) {
            if let Some(range) = phrase(doc, found.end())
                && best.as_ref().is_none_or(|(_, w)| w < weight)
            {
                best = Some((range, *weight));
            }
        }
    }
    if best.is_none()
        && let Some(thing) = BROKEN.captures(&doc.lower).and_then(|c| c.get(1))
    {
        best = Some((thing.range(), 600));
    }
    best
}

/// Up to six words from here, until a word or mark that ends the phrase.
fn phrase(doc: &Doc, byte: usize) -> Option<Range<usize>> {
    let first = doc.token_from(byte);
    let mut end = first;
    while end < first + 6 {
        let Some(token) = doc.tokens.get(end) else { break };
        let word = doc.word(token);
        let hyphen = matches!(word, "-" | "/" | "'" | "’" | "&") && end > first;
        let to_come = word == "to" && doc.at(end + 1) == "come";
        if ENDS.contains(&word) || to_come || (!hyphen && !word.starts_with(char::is_alphabetic)) {
            break;
        }
        end += 1;
    }
    let head = doc.at(first);
    if end == first || NOT_A_SERVICE.contains(&head) || words::first_name(head) {
        return None;
    }
    let (from, to) = (doc.tokens.get(first)?, doc.tokens.get(end - 1)?);
    let long_enough = to.end - from.start >= 4;
    let lone_verb = end == first + 1
        && words::common(head)
        && !matches!(
            head,
            "plumber"
                | "electrician"
                | "inspection"
                | "maintenance"
                | "cleaning"
                | "estimate"
                | "installation"
                | "repair"
        );
    (long_enough && !lone_verb).then_some(from.start..to.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_in_the_callers_words() {
        for (said, service) in [
            ("I need a quote for a new water heater, thanks", Some("new water heater")),
            ("looking for a plumber to come by", Some("plumber")),
            ("my water heater is leaking and I need somebody to come out today", Some("water heater is leaking")),
            ("I am not interested in your mailers any more", None),
            ("we aren't looking for solar panels, stop calling", None),
            ("I'm interested in solar panels", Some("solar panels")),
            ("I'd like to schedule a tune-up for my furnace", Some("tune-up")),
            ("hi, my water heater is leaking", Some("water heater is leaking")),
            ("hi it's me, call me", None),
            ("I want to speak with a manager", None),
        ] {
            let doc = Doc::new(said);
            assert_eq!(find(&doc).map(|(r, _)| &said[r]), service, "{said}");
        }
    }
}
