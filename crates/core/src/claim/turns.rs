//! Who says what in a transcript of two: only the caller's own words are evidence of what the caller said.
//!
//! Transcripts of voice agents and call trackers name the speaker at the beginning of each turn (`AI: … User: …`, `Agent: … Caller: …`). What the
//! other side says (“is it an emergency?”, a price, a number to call) would otherwise be read as the caller's. Two sides that nobody told apart
//! are not read at all: unknown stays unknown.

use std::borrow::Cow;

/// Words that begin the caller's turns.
const CALLER: &[&str] =
    &["caller", "customer", "user", "client", "patient", "lead", "contact", "guest", "visitor", "human"];

/// Words that begin somebody else's turns.
const OTHERS: &[&str] = &[
    "agent",
    "ai",
    "assistant",
    "bot",
    "voice agent",
    "virtual agent",
    "ai agent",
    "ai assistant",
    "virtual assistant",
    "virtual receptionist",
    "receptionist",
    "representative",
    "rep",
    "staff",
    "operator",
    "employee",
    "system",
    "voicemail",
    "greeting",
    "tool",
];

/// The longest word or two before the colon that is looked at, in bytes.
const LABEL_BYTES_MAX: usize = 32;

/// The caller's words, each where it stood (counted in code points), everything else blank. `conversation`: more than one party spoke, so words
/// without a speaker are nobody's. `None`: a conversation that does not say who spoke.
pub fn heard(text: &str, conversation: bool) -> Option<Cow<'_, str>> {
    let mut speakers = text.lines().filter_map(|line| speaker(line).map(|(side, _)| side));
    let (mut caller, mut other) = (false, false);
    for side in speakers.by_ref() {
        caller |= side == Side::Caller;
        other |= side == Side::Other;
    }
    if !conversation && !other {
        return Some(Cow::Borrowed(text));
    }
    if conversation && !caller {
        // Somebody who is named on every line and is never the caller: the caller said nothing that was written down.
        return other.then(|| Cow::Owned(blank(text)));
    }
    let mut out = String::with_capacity(text.len());
    // A voicemail whose greeting is marked: what comes before the first mark is the caller's as well.
    let mut speaking = if conversation { Side::Other } else { Side::Caller };
    for line in text.split_inclusive('\n') {
        let words = match speaker(line) {
            Some((side, label)) => {
                speaking = side;
                out.push_str(&blank(line.get(..label).unwrap_or_default()));
                line.get(label..).unwrap_or_default()
            }
            None => line,
        };
        match speaking {
            Side::Caller => out.push_str(words),
            Side::Other => out.push_str(&blank(words)),
        }
    }
    Some(Cow::Owned(out))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Caller,
    Other,
}

/// Whose turn a line begins, and the length of its mark in bytes: an optional time in brackets, a word, a colon.
fn speaker(line: &str) -> Option<(Side, usize)> {
    let mut rest = line.trim_start();
    if let Some((_, after)) = rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        rest = after.trim_start();
    } else if rest.starts_with(|c: char| c.is_ascii_digit()) {
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, ':' | '.'));
        rest = after.trim_start_matches(|c: char| c.is_whitespace() || c == '-');
    }
    let colon = rest.bytes().take(LABEL_BYTES_MAX).position(|b| b == b':')?;
    let label = rest.get(..colon)?.trim().trim_matches('*').to_ascii_lowercase();
    // "Speaker 1" is somebody, and nobody knows who.
    let side = if CALLER.contains(&label.as_str()) {
        Side::Caller
    } else if OTHERS.contains(&label.as_str()) || label.starts_with("speaker ") {
        Side::Other
    } else {
        return None;
    };
    Some((side, line.len() - rest.len() + colon + 1))
}

/// As many line breaks as there are code points: places stay, and no sentence runs across.
fn blank(text: &str) -> String {
    "\n".repeat(text.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kept(text: &str, conversation: bool) -> Option<Vec<String>> {
        let heard = heard(text, conversation)?;
        Some(heard.lines().map(str::trim).filter(|l| !l.is_empty()).map(str::to_owned).collect())
    }

    #[test]
    fn only_the_callers_turns_are_heard() {
        let text = "AI: Hello, is this an emergency?\nUser: No, I need a quote.\nNothing urgent.\nAI: It costs $4,000.";
        assert_eq!(kept(text, true).unwrap(), ["No, I need a quote.", "Nothing urgent."]);
        let timed = "[00:01] Agent: My number is 602 555 0100.\n[00:04] Caller: Mine is 602 555 0111.";
        assert_eq!(kept(timed, true).unwrap(), ["Mine is 602 555 0111."]);
        let clock = "0:05 - Assistant: Hi.\n0:07 - Customer: Hi there.";
        assert_eq!(kept(clock, true).unwrap(), ["Hi there."]);
    }

    #[test]
    fn two_who_are_not_told_apart_are_not_read() {
        assert_eq!(kept("Hello, is this an emergency? Yes it is.", true), None);
        assert_eq!(kept("Speaker 1: Is it urgent?\nSpeaker 2: Yes.", true).unwrap(), Vec::<String>::new());
        assert_eq!(kept("", true), None);
    }

    #[test]
    fn who_speaks_alone_is_heard_whole() {
        let text = "Hi, note: my heater is out.";
        assert_eq!(heard(text, false), Some(Cow::Borrowed(text)));
        let greeted = "Greeting: You have reached Acme, call 911 in an emergency.\nCaller: My heater is out.";
        assert_eq!(kept(greeted, false).unwrap(), ["My heater is out."]);
        assert_eq!(kept("Caller: My heater is out.", false).unwrap(), ["Caller: My heater is out."]);
    }

    proptest! {
        #[test]
        fn places_stay_and_nothing_is_added(
            lines in proptest::collection::vec("(Caller|AI|Speaker 2|Ünï|\\[0:01\\] User)?:? ?[a-zé☎ .]{0,12}", 0..8),
            conversation: bool,
        ) {
            let text = lines.join("\n");
            if let Some(heard) = heard(&text, conversation) {
                prop_assert_eq!(heard.chars().count(), text.chars().count());
                prop_assert!(heard.chars().zip(text.chars()).all(|(a, b)| a == b || a == '\n'));
            }
        }
    }
}
