//! The document as the readers of single kinds see it: the text, the same text in ASCII lower case (same byte
//! offsets), its words, and the way from byte offsets to code points.
//!
//! Inside this module tree every range is in bytes, on character boundaries. Only what leaves it is in code points.

use std::ops::Range;

use regex::{Regex, RegexBuilder};

use super::Span;

/// A pattern written in this module tree, as the matcher gets it. `\b`, `\d` and `\w` mean ASCII there: the Unicode boundary makes the matcher
/// leave its fast path on the first curly apostrophe, and the Unicode classes, hundreds of ranges each, cost megabytes over all patterns.
fn ascii(text: &str) -> String {
    text.replace(r"\b", r"(?-u:\b)").replace(r"\d", "[0-9]").replace(r"\w", "[0-9A-Za-z_]")
}

/// What one pattern may remember of the texts it has seen, per thread that reads.
pub(crate) const DFA_BYTES_MAX: usize = 64 << 10;

/// Compiles a pattern written in this module tree.
#[expect(clippy::expect_used, reason = "the pattern is a constant of this crate and a test compiles every one")]
pub(crate) fn pattern(text: &str) -> Regex {
    RegexBuilder::new(&ascii(text)).dfa_size_limit(DFA_BYTES_MAX).build().expect("a constant pattern compiles")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Letters, with inner apostrophes and hyphens kept apart.
    Word,
    /// ASCII digits.
    Digits,
    /// One character of anything else that is not white space.
    Mark,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) kind: Kind,
    /// The first letter is upper case.
    pub(crate) capital: bool,
}

pub(crate) struct Doc<'a> {
    pub(crate) text: &'a str,
    pub(crate) lower: String,
    pub(crate) tokens: Vec<Token>,
    /// Somebody wrote this with capitals where English wants them, so a capital says something.
    pub(crate) cased: bool,
    /// There is a capital inside a sentence, other than "I": names would have one too.
    pub(crate) names_cased: bool,
    /// Byte offsets at which a new sentence begins.
    cuts: Vec<usize>,
}

impl<'a> Doc<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let tokens = tokens(text);
        let words = tokens.iter().filter(|t| t.kind == Kind::Word);
        let (capitals, all) = words.fold((0usize, 0usize), |(c, n), t| (c + usize::from(t.capital), n + 1));
        let shouted = !text.chars().any(char::is_lowercase);
        let opens = |i: usize| {
            let previous = i.checked_sub(1).and_then(|p| tokens.get(p));
            previous.is_none_or(|p| matches!(text.get(p.start..p.end), Some("." | "!" | "?" | "'" | "’" | "\"" | "#")))
        };
        let names_cased = !shouted
            && tokens
                .iter()
                .enumerate()
                .any(|(i, t)| t.kind == Kind::Word && t.capital && t.end - t.start > 1 && !opens(i));
        let mut doc = Doc {
            names_cased,
            text,
            lower: text.to_ascii_lowercase(),
            tokens,
            cased: capitals > 0 && !(shouted && all > 2),
            cuts: Vec::new(),
        };
        doc.cuts = doc.find_cuts();
        doc
    }

    pub(crate) fn word(&self, token: &Token) -> &str {
        self.lower.get(token.start..token.end).unwrap_or_default()
    }

    /// The lower-case word at a place in the token list; empty past either end.
    pub(crate) fn at(&self, index: usize) -> &str {
        self.tokens.get(index).map(|t| self.word(t)).unwrap_or_default()
    }

    pub(crate) fn lower_of(&self, range: &Range<usize>) -> &str {
        self.lower.get(range.clone()).unwrap_or_default()
    }

    pub(crate) fn before(&self, byte: usize) -> &str {
        self.lower.get(..byte).unwrap_or_default()
    }

    pub(crate) fn after(&self, byte: usize) -> &str {
        self.lower.get(byte..).unwrap_or_default()
    }

    /// Index of the first token that starts at or after this byte.
    pub(crate) fn token_from(&self, byte: usize) -> usize {
        self.tokens.partition_point(|t| t.start < byte)
    }

    pub(crate) fn span(&self, range: &Range<usize>) -> Span {
        let count = |to: usize| self.text.get(..to).map_or(0, |head| head.chars().count() as u32);
        Span { start: count(range.start), end: count(range.end) }
    }

    /// The sentence around a byte range, trimmed.
    pub(crate) fn sentence(&self, range: &Range<usize>) -> Range<usize> {
        let mut start = 0;
        let mut end = self.text.len();
        for &cut in &self.cuts {
            if cut <= range.start {
                start = cut;
            } else if cut >= range.end {
                end = cut;
                break;
            }
        }
        let inside = self.text.get(start..end).unwrap_or_default();
        let lead = inside.len() - inside.trim_start().len();
        start + lead..start + lead + inside.trim().len()
    }

    /// All sentences, trimmed, none empty.
    pub(crate) fn sentences(&self) -> Vec<Range<usize>> {
        let mut out = Vec::new();
        let mut start = 0;
        for cut in self.cuts.iter().copied().chain([self.text.len()]) {
            let inside = self.text.get(start..cut).unwrap_or_default();
            let lead = inside.len() - inside.trim_start().len();
            if !inside.trim().is_empty() {
                out.push(start + lead..start + lead + inside.trim().len());
            }
            start = cut;
        }
        out
    }

    /// The byte offsets after which a new sentence begins: after `.`, `!` or `?` and white space, unless the point
    /// ends an abbreviation or a lower-case word follows a point; and at line breaks.
    fn find_cuts(&self) -> Vec<usize> {
        let mut out = Vec::new();
        let mut chars = self.text.char_indices().peekable();
        while let Some((i, c)) = chars.next() {
            let Some((next_at, next)) = chars.peek().copied() else { break };
            if c == '\n' || (matches!(c, '!' | '?') && next.is_whitespace()) {
                out.push(next_at);
            } else if c == '.' && next.is_whitespace() {
                let follows_lower =
                    self.after(next_at).trim_start().chars().next().is_some_and(|_| self.lower_case_follows(next_at));
                let word = self.before(i).rsplit(|c: char| c.is_whitespace()).next().unwrap_or_default();
                let abbreviation = matches!(
                    word,
                    "mr" | "mrs" | "ms" | "dr" | "st" | "ave" | "rd" | "blvd" | "apt" | "no" | "ext" | "jr" | "sr"
                ) || (word.chars().count() == 1 && word != "i");
                let goes_on = abbreviation || (follows_lower && is_day_half(word));
                if !goes_on {
                    out.push(next_at);
                }
            }
        }
        out
    }

    fn lower_case_follows(&self, byte: usize) -> bool {
        self.text.get(byte..).and_then(|rest| rest.trim_start().chars().next()).is_some_and(char::is_lowercase)
    }
}

fn is_day_half(word: &str) -> bool {
    word.ends_with("a.m") || word.ends_with("p.m") || word.ends_with("am") || word.ends_with("pm")
}

fn tokens(text: &str) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::new();
    for (start, c) in text.char_indices() {
        if c.is_whitespace() {
            continue;
        }
        let end = start + c.len_utf8();
        let kind = if c.is_ascii_digit() {
            Kind::Digits
        } else if c.is_alphabetic() {
            Kind::Word
        } else {
            Kind::Mark
        };
        match out.last_mut() {
            Some(last) if last.end == start && last.kind == kind && kind != Kind::Mark => last.end = end,
            _ => out.push(Token { start, end, kind, capital: c.is_uppercase() }),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_keep_abbreviations_and_day_halves_together() {
        let doc = Doc::new("Hi, this is Dr. Reed. Can you come at 3 p.m. tomorrow? Thanks");
        let parts: Vec<_> = doc.sentences().into_iter().map(|r| &doc.text[r]).collect();
        assert_eq!(parts, ["Hi, this is Dr. Reed.", "Can you come at 3 p.m. tomorrow?", "Thanks"]);
    }

    #[test]
    fn spans_count_code_points() {
        let doc = Doc::new("Ünïcode — ok");
        let at = doc.text.find("ok").unwrap();
        assert_eq!(doc.span(&(at..at + 2)), Span { start: 10, end: 12 });
    }
}
