//! Numbers as people say them: "four hundred fifty", "six oh two five five five", "double five", "twenty first".
//!
//! What is not clearly one number is none: "four fifty" can be 450 or 4.50, so [`cardinal`] stops after "four".

use super::text::{Doc, Kind};

/// A number read from a run of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spoken {
    pub(crate) value: u64,
    /// Index of the first token after the number.
    pub(crate) next: usize,
}

pub(crate) fn unit(word: &str) -> Option<u64> {
    Some(match word {
        "zero" => 0,
        "one" => 1,
        "two" => 2,
        "three" => 3,
        "four" => 4,
        "five" => 5,
        "six" => 6,
        "seven" => 7,
        "eight" => 8,
        "nine" => 9,
        _ => return None,
    })
}

pub(crate) fn teen(word: &str) -> Option<u64> {
    Some(match word {
        "ten" => 10,
        "eleven" => 11,
        "twelve" => 12,
        "thirteen" => 13,
        "fourteen" => 14,
        "fifteen" => 15,
        "sixteen" => 16,
        "seventeen" => 17,
        "eighteen" => 18,
        "nineteen" => 19,
        _ => return None,
    })
}

pub(crate) fn tens(word: &str) -> Option<u64> {
    Some(match word {
        "twenty" => 20,
        "thirty" => 30,
        "forty" | "fourty" => 40,
        "fifty" => 50,
        "sixty" => 60,
        "seventy" => 70,
        "eighty" => 80,
        "ninety" => 90,
        _ => return None,
    })
}

fn scale(word: &str) -> Option<u64> {
    Some(match word {
        "thousand" | "grand" => 1_000,
        "lakh" | "lakhs" => 100_000,
        "million" => 1_000_000,
        "billion" => 1_000_000_000,
        _ => return None,
    })
}

/// The token after an optional hyphen.
fn over_hyphen(doc: &Doc, index: usize) -> usize {
    if doc.at(index) == "-" { index + 1 } else { index }
}

/// Below one hundred: "seven", "fourteen", "sixty-seven".
fn below_hundred(doc: &Doc, index: usize) -> Option<Spoken> {
    let word = doc.at(index);
    if let Some(value) = unit(word).or_else(|| teen(word)) {
        return Some(Spoken { value, next: index + 1 });
    }
    let value = tens(word)?;
    let after = over_hyphen(doc, index + 1);
    match unit(doc.at(after)) {
        Some(one) if one > 0 => Some(Spoken { value: value + one, next: after + 1 }),
        _ => Some(Spoken { value, next: index + 1 }),
    }
}

/// Below one thousand, with "hundred" and its "and": "four hundred and fifty", "seventeen hundred thirty three".
fn below_thousand(doc: &Doc, index: usize) -> Option<Spoken> {
    let head = below_hundred(doc, index)?;
    if doc.at(head.next) != "hundred" {
        return Some(head);
    }
    let value = head.value * 100;
    let mut next = head.next + 1;
    if doc.at(next) == "and" && below_hundred(doc, next + 1).is_some() {
        next += 1;
    }
    match below_hundred(doc, next) {
        Some(rest) => Some(Spoken { value: value + rest.value, next: rest.next }),
        None => Some(Spoken { value, next: head.next + 1 }),
    }
}

/// A cardinal in words: "one thousand three hundred and twenty", "a hundred", "five lakhs". Not digits.
pub(crate) fn cardinal(doc: &Doc, index: usize) -> Option<Spoken> {
    let mut at = index;
    let mut total: u64 = 0;
    let mut last_scale = u64::MAX;
    let mut read = false;
    if matches!(doc.at(at), "a" | "an") {
        let by = match doc.at(at + 1) {
            "hundred" => 100,
            word => scale(word)?,
        };
        (total, at, read) = (by, at + 2, true);
        last_scale = by;
        if doc.at(at) == "and" && below_thousand(doc, at + 1).is_some() {
            at += 1;
        }
    }
    while let Some(part) = below_thousand(doc, at) {
        if let Some(by) = scale(doc.at(part.next)) {
            if by >= last_scale {
                break;
            }
            total = total.checked_add(part.value.checked_mul(by)?)?;
            (at, last_scale, read) = (part.next + 1, by, true);
            if doc.at(at) == "and" && below_thousand(doc, at + 1).is_some() {
                at += 1;
            }
        } else {
            // The last part must be smaller than the scale before it, or it is another number.
            if part.value >= last_scale.min(1_000_000) {
                break;
            }
            return Some(Spoken { value: total.checked_add(part.value)?, next: part.next });
        }
    }
    let next = if doc.at(at.wrapping_sub(1)) == "and" { at - 1 } else { at };
    read.then_some(Spoken { value: total, next })
}

/// "first" … "thirty first", as a day of a month can be said.
pub(crate) fn ordinal(doc: &Doc, index: usize) -> Option<Spoken> {
    let simple = |word: &str| -> Option<u64> {
        Some(match word {
            "first" => 1,
            "second" => 2,
            "third" => 3,
            "fourth" => 4,
            "fifth" => 5,
            "sixth" => 6,
            "seventh" => 7,
            "eighth" => 8,
            "ninth" => 9,
            "tenth" => 10,
            "eleventh" => 11,
            "twelfth" => 12,
            "thirteenth" => 13,
            "fourteenth" => 14,
            "fifteenth" => 15,
            "sixteenth" => 16,
            "seventeenth" => 17,
            "eighteenth" => 18,
            "nineteenth" => 19,
            "twentieth" => 20,
            "thirtieth" => 30,
            _ => return None,
        })
    };
    if let Some(value) = simple(doc.at(index)) {
        return Some(Spoken { value, next: index + 1 });
    }
    let ten = tens(doc.at(index)).filter(|t| *t <= 30)?;
    let after = over_hyphen(doc, index + 1);
    let one = simple(doc.at(after)).filter(|v| *v < 10)?;
    Some(Spoken { value: ten + one, next: after + 1 })
}

/// A run of digits as a number is dictated: digit words, "oh", "double five", "triple zero", pairs ("twelve thirty
/// four"), "eight hundred", and figures between them. Hyphens, commas, points and "dash" between are passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dictated {
    pub(crate) digits: String,
    /// Number of words (not figures) among them.
    pub(crate) words: usize,
    pub(crate) next: usize,
}

pub(crate) fn dictated(doc: &Doc, index: usize) -> Option<Dictated> {
    let mut digits = String::new();
    let mut words = 0;
    let mut at = index;
    let mut next = index;
    loop {
        let Some((piece, after, spoken)) = dictated_piece(doc, at, digits.is_empty()) else {
            // A separator is passed only between two pieces.
            let separator = matches!(doc.at(at), "-" | "," | "." | "dash" | "hyphen" | "–") && !digits.is_empty();
            if separator && at == next {
                at += 1;
                continue;
            }
            break;
        };
        digits.push_str(&piece);
        words += usize::from(spoken);
        at = after;
        next = after;
        if digits.len() > 40 {
            break;
        }
    }
    (!digits.is_empty()).then_some(Dictated { digits, words, next })
}

fn dictated_piece(doc: &Doc, at: usize, first: bool) -> Option<(String, usize, bool)> {
    let word = doc.at(at);
    if doc.tokens.get(at)?.kind == Kind::Digits {
        return Some((word.to_owned(), at + 1, false));
    }
    if matches!(word, "oh" | "o") {
        // "oh" opens no number: "Oh, six people".
        return (!first).then(|| ("0".to_owned(), at + 1, true));
    }
    let times = match word {
        "double" => Some(2),
        "triple" | "treble" => Some(3),
        _ => None,
    };
    if let Some(times) = times {
        let what = doc.at(at + 1);
        let digit = if matches!(what, "oh" | "o") {
            0
        } else {
            unit(what).or_else(|| what.parse().ok().filter(|d| *d < 10))?
        };
        return Some((digit.to_string().repeat(times), at + 2, true));
    }
    let part = below_hundred(doc, at)?;
    match doc.at(part.next) {
        "hundred" => Some((format!("{}00", part.value), part.next + 1, true)),
        "thousand" => Some((format!("{}000", part.value), part.next + 1, true)),
        _ => Some((part.value.to_string(), part.next, true)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cardinals() {
        for (said, value, words) in [
            ("four hundred fifty", 450, 3),
            ("four hundred and fifty dollars", 450, 4),
            ("one thousand three hundred and twenty bucks", 1320, 6),
            ("sixty-seven", 67, 3),
            ("a hundred and five", 105, 4),
            ("a thousand pounds", 1000, 2),
            ("five lakhs", 500_000, 2),
            ("seventeen hundred thirty three", 1733, 4),
            ("two million three thousand", 2_003_000, 4),
            // Not one number: the second part is no smaller than the first allows.
            ("twenty twenty", 20, 1),
            ("four fifty", 4, 1),
            ("hundred and then some", 0, 0),
        ] {
            let doc = Doc::new(said);
            let read = cardinal(&doc, 0);
            if words == 0 {
                assert_eq!(read, None, "{said}");
            } else {
                assert_eq!(read, Some(Spoken { value, next: words }), "{said}");
            }
        }
    }

    #[test]
    fn ordinals() {
        for (said, value) in [("third", 3), ("twenty first", 21), ("thirty-first", 31), ("nineteenth", 19)] {
            assert_eq!(ordinal(&Doc::new(said), 0).map(|s| s.value), Some(value), "{said}");
        }
        assert_eq!(ordinal(&Doc::new("forty first"), 0), None);
    }

    #[test]
    fn dictated_digits() {
        for (said, digits) in [
            ("six oh two five five five one two three four", "6025551234"),
            ("602, double five five, 1234", "6025551234"),
            ("eight hundred five five five twelve thirty four", "8005551234"),
            ("five triple zero", "5000"),
            ("forty-two seventy-three", "4273"),
            ("415 589 5478 and", "4155895478"),
        ] {
            assert_eq!(dictated(&Doc::new(said), 0).map(|d| d.digits).as_deref(), Some(digits), "{said}");
        }
        assert_eq!(dictated(&Doc::new("oh well"), 0), None);
    }
}
