//! Telephone numbers in a text, in figures or dictated.
//!
//! A number is taken as dictated, digit by digit. One with too few or too many digits for its region is found, and then
//! refused with a reason by [`Shape`]; it is never padded or cut.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::number;
use super::text::{Doc, Kind, pattern};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Number {
    pub(crate) range: Range<usize>,
    /// Digits only, without extension; a leading plus was said when `plus`.
    pub(crate) digits: String,
    pub(crate) plus: bool,
    /// The words before say that this is a number to call.
    pub(crate) cued: bool,
}

/// What the digits are good for in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Complete: the number in E.164.
    Complete(String),
    /// A local number without its area code.
    Local,
    /// A number of digits that no telephone of the region has.
    Wrong,
    /// Another country's notation, which this module does not judge.
    Open,
}

/// What a calling number in the given region must look like. North American numbers have ten digits, and neither the
/// area code nor the exchange begins with 0 or 1 (NANP numbering plan).
pub(crate) fn shape(digits: &str, plus: bool, region: &str) -> Shape {
    if plus {
        return if (8..=15).contains(&digits.len()) && !digits.starts_with('0') {
            nanp_or(digits)
        } else {
            Shape::Wrong
        };
    }
    if !matches!(region, "US" | "CA" | "PR") {
        return if (6..=15).contains(&digits.len()) { Shape::Open } else { Shape::Wrong };
    }
    let national = if digits.len() == 11 { digits.strip_prefix('1') } else { Some(digits) };
    match national {
        Some(ten) if ten.len() == 10 && nanp(ten) => Shape::Complete(format!("+1{ten}")),
        Some(seven) if seven.len() == 7 && seven.starts_with(|c: char| matches!(c, '2'..='9')) => Shape::Local,
        _ => Shape::Wrong,
    }
}

fn nanp_or(digits: &str) -> Shape {
    match digits.strip_prefix('1') {
        Some(ten) if ten.len() == 10 && nanp(ten) => Shape::Complete(format!("+{digits}")),
        Some(_) => Shape::Wrong,
        None => Shape::Complete(format!("+{digits}")),
    }
}

fn nanp(ten: &str) -> bool {
    let lead = |at: usize| ten.get(at..=at).is_some_and(|c| c >= "2");
    lead(0) && lead(3) && ten.get(1..3) != Some("11")
}

static FIGURES: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?:\+ ?|\(\+\) ?)?(?:\(\+?\d{1,4}\)|\d)(?:[ ]{0,3}[-.–]?[ ]{0,3}(?:\(\+?\d{1,4}\)|\d))*(?: ?(?:ext\.?|extension|x) ?(?P<ext>\d{1,6}))?",
    )
});

static CLOSED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?:\(?\+?1\)?[-. ]{0,2})?(?:\(\d{3}\) ?|\b\d{3}[-. ])\d{3}[-. ]\d{4}\b"));

/// The words that announce a telephone number, near enough before it.
static CUE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:phone|telephone|tel|cell|cellphone|mobile|fax|landline|call(?:ing)?(?: me| us| back| her| him)?|reach(?: me| us| him| her)?|text(?: me| us)?|callback|contact(?: me| us)?|ring|hotline|dial|number(?:'s| is| to| we| here| for| would|:|$)|at)\b[^.!?\d]{0,45}$",
    )
});
/// Of those, the ones that mean a telephone whatever the length. "Customer number" is a number too.
static STRONG_CUE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:phone|telephone|tel|cell|cellphone|mobile|fax|landline|call(?:ing)?|reach|text|callback|contact|ring|hotline|dial|my (?:prefer\w+ |best |new |home |work )?number|best number)\b",
    )
});
static NOT_A_PHONE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:card|credit|debit|check|cheque|account|acct|policy|ssn|social security|routing|order|invoice|confirmation|tracking|reference|ref|case|ticket|claim|serial|model|vin|zip|pin|passport|license|licence|member(?:ship)?|id|omb|code|visa|mastercard|discover|born|birth|dob)\b[^.!?\d]{0,30}$|\b(?:card|account)\b[^.!?]{0,45}$",
    )
});
static DENIED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^[^.!?]{0,60}(?:\b(?:is|are|isn't|doesn't|does|do|don't)\b ?(?:not|n't)?[^.!?]{0,20}\b(?:not a|look like|a ssn|an ssn|sequence)\b|\bnot (?:a |be )?(?:phone|telephone)|\bnot phone)",
    )
});

pub(crate) fn find(doc: &Doc) -> Vec<Number> {
    let mut out: Vec<Number> = Vec::new();
    // The closed form of North America first: it cannot run on into a date or another number beside it.
    for found in CLOSED.find_iter(&doc.lower) {
        let range = found.range();
        let digits: String = found.as_str().chars().filter(char::is_ascii_digit).collect();
        if clean_edges(doc, &range)
            && accepts(doc, &range, &digits)
            && !doc.after(range.end).trim_start().starts_with(['x', 'e'])
        {
            out.push(Number { cued: cue_before(doc, range.start), range, digits, plus: found.as_str().contains('+') });
        }
    }
    for caps in FIGURES.captures_iter(&doc.lower) {
        let Some(whole) = caps.get(0) else { continue };
        let range = whole.range();
        if out.iter().any(|o| range.start < o.range.end && o.range.start < range.end) {
            continue;
        }
        let main_end = caps.name("ext").map_or(range.end, |e| e.start());
        let digits: String = doc.lower_of(&(range.start..main_end)).chars().filter(char::is_ascii_digit).collect();
        if (6..=15).contains(&digits.len()) && clean_edges(doc, &range) && accepts(doc, &range, &digits) {
            let plus = doc.lower_of(&range).contains('+');
            let cued = cue_before(doc, range.start);
            out.push(Number { range, digits, plus, cued });
        }
    }
    let mut spoken = dictated(doc);
    spoken.retain(|s| out.iter().all(|o| s.range.end <= o.range.start || o.range.end <= s.range.start));
    out.extend(spoken);
    out.sort_by_key(|n| n.range.start);
    out
}

fn cue_before(doc: &Doc, byte: usize) -> bool {
    let head = doc.before(byte);
    // In the same sentence, or in a short one just before ("Here's my number. 602 …").
    let head = head.get(head.len().saturating_sub(80)..).unwrap_or(head);
    static ACROSS: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"\b(?:number|phone|cell|reach me|call me|call me back|call back)\b[^\d]{0,14}[.,:] ?$")
    });
    CUE.is_match(head) || ACROSS.is_match(head)
}

fn clean_edges(doc: &Doc, range: &Range<usize>) -> bool {
    let mut head = doc.before(range.start).chars().rev();
    let (before, before_that) = (head.next(), head.next());
    let mut tail = doc.after(range.end).chars();
    let (after, after_that) = (tail.next(), tail.next());
    let bad_before = before.is_some_and(|c| {
        c.is_alphanumeric()
            || matches!(c, '#' | '/' | '=' | '$' | '£' | '€' | ':' | '~' | '_' | '&' | '(' | ')')
            || (matches!(c, '-' | '.' | ',') && before_that.is_some_and(|d| d.is_alphanumeric() || d == ')'))
            || (c == '-' && before_that.is_none_or(char::is_whitespace))
    });
    // A bracket that opens before the number and closes after it encloses the number.
    let bad_before = bad_before && !(before == Some('(') && after == Some(')'));
    let bad_before = bad_before && (before != Some(':') || before_that.is_some_and(|c| c.is_ascii_digit()));
    let bad_after = after.is_some_and(|c| {
        c.is_alphanumeric()
            || matches!(c, '=' | '%' | '_' | '/' | '+' | '(')
            || (matches!(c, '-' | ',' | '.' | ':') && after_that.is_some_and(char::is_alphanumeric))
    });
    !bad_before && !bad_after
}

/// Whether a run of figures is a telephone number, by its form and by what is said around it.
fn accepts(doc: &Doc, range: &Range<usize>, digits: &str) -> bool {
    static DATE: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"^(?:\d{1,2}[-/. ]\d{1,2}[-/. ](?:19|20)?\d\d|(?:19|20)\d\d[-/.]\d{1,2}[-/.]\d{1,2}(?: .*)?|(?:19|20)\d\d ?[-/] ?(?:19|20)\d\d|\d{3}-\d{2}-\d{4}|\d{1,3}\.\d{5,}|\d+[-/.]\d{1,3})$",
        )
    });
    static NORTH_AMERICAN: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"^(?:\(?\+?1\)?[- .]{0,3})?\(?[2-9]\d\d\)?[-. ]{1,3}[2-9]\d\d[-. ]{1,3}\d{4}(?: ?(?:ext\.?|extension|x) ?\d{1,6})?$",
        )
    });
    static ANY_3_3_4: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"^(?:\(?\+?1\)?[- .]{0,3})?(?:\(\d{3}\) ?|\d{3}[-.])\d{3}[-. ]\d{4}(?: ?(?:ext\.?|extension|x) ?\d{1,6})?$",
        )
    });
    static ABROAD: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\(?\+\(?\d{1,3}\)?[-. ()\d]+(?:(?:ext\.?|x) ?\d+)?$"));
    let text = doc.lower_of(range).trim();
    let head = doc.before(range.start);
    let near = head.get(head.len().saturating_sub(60)..).unwrap_or(head);
    static PHONE: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b(?:phone|cell|mobile|call|text|reach)\b"));
    let something_else = NOT_A_PHONE.is_match(near)
        && !(PHONE.is_match(near) && (ANY_3_3_4.is_match(text) || NORTH_AMERICAN.is_match(text)));
    if DATE.is_match(text) || something_else || DENIED.is_match(doc.after(range.end)) {
        return false;
    }
    let balanced = text.matches('(').count() == text.matches(')').count()
        && text.matches('(').count() <= 2
        && !text.contains("((");
    let cued = cue_before(doc, range.start);
    if !balanced {
        return false;
    }
    let whole = doc.text.trim().len() == range.len();
    if cued && !(STRONG_CUE.is_match(near) || digits.len() == 10 || digits.len() == 11 || text.contains('+')) {
        return false;
    }
    if cued {
        return digits.len() >= 6 && (digits.len() >= 7 || !text.contains(' ')) && !text.contains('/');
    }
    if ANY_3_3_4.is_match(text) || NORTH_AMERICAN.is_match(text) {
        return true;
    }
    if ABROAD.is_match(text) && digits.len() >= 9 {
        // All pairs is how card and bank numbers are grouped as often as telephones.
        return !text.contains('/') && text.matches('-').count() < 3;
    }
    // An answer that is nothing but a number.
    let ten_or_eleven = digits.len() == 10
        || (digits.len() == 11 && (digits.starts_with('1') || !text.chars().all(|c| c.is_ascii_digit())));
    whole
        && !text.contains('/')
        && (ten_or_eleven || (text.contains(['-', '.', ' ']) && digits.len() >= 7 && !text.contains(':')))
}

/// "Call me back at this number": the words that mean the number the call came from.
pub(crate) fn this_number(doc: &Doc) -> Option<Range<usize>> {
    static THIS: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"\b(?:call|reach|text|ring|get|contact)\b[^.!?\d]{0,40}\b((?:at|on) (?:this|the same) (?:phone |cell )?number|(?:at |on )?the number i(?:['’]?m| am) calling from)\b",
        )
    });
    THIS.captures(&doc.lower).and_then(|c| c.get(1)).map(|m| m.range())
}

/// Numbers dictated in words: at least seven digits, most of them words, and announced or of North American length.
fn dictated(doc: &Doc) -> Vec<Number> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < doc.tokens.len() {
        let Some(run) = number::dictated(doc, at) else {
            at += 1;
            continue;
        };
        let (Some(first), Some(last)) = (doc.tokens.get(at), doc.tokens.get(run.next - 1)) else { break };
        let range = first.start..last.end;
        let mut digits = run.digits.clone();
        let plus = at > 0 && doc.at(at - 1) == "plus";
        // "one eight hundred …" in words reads as 1 800; "nine one six" stays as it is.
        if digits.len() == 12 && digits.starts_with("1800") {
            digits.truncate(12);
        }
        let head = doc.before(range.start);
        let near = head.get(head.len().saturating_sub(60)..).unwrap_or(head);
        let cued = cue_before(doc, range.start);
        let length_fits = digits.len() == 10 || (digits.len() == 11 && digits.starts_with('1'));
        let enough = (7..=15).contains(&digits.len());
        let address = doc.tokens.get(run.next).is_some_and(|t| t.kind == Kind::Word && t.capital) && !cued;
        if run.words > 0
            && enough
            && (cued || length_fits)
            && !address
            && !NOT_A_PHONE.is_match(near)
            && !DENIED.is_match(doc.after(range.end))
        {
            out.push(Number { range, digits, plus, cued });
        }
        at = run.next.max(at + 1);
    }
    out
}

/// The digits of an expression, whether in figures or dictated, without extension; for checking a claim against its
/// words.
pub(crate) fn digits_of(said: &str) -> Option<(String, bool)> {
    let doc = Doc::new(said);
    let plus = said.contains('+') || doc.at(0) == "plus";
    static EXTENSION: LazyLock<Regex> = LazyLock::new(|| pattern(r" ?(?:ext\.?|extension|x) ?\d{1,6}$"));
    let main = EXTENSION.replace(&doc.lower, "");
    if main.chars().all(|c| c.is_ascii_digit() || !c.is_alphanumeric()) {
        let digits: String = main.chars().filter(char::is_ascii_digit).collect();
        return (!digits.is_empty()).then_some((digits, plus));
    }
    let start = usize::from(doc.at(0) == "plus");
    let run = number::dictated(&doc, start)?;
    (run.next == doc.tokens.len()).then_some((run.digits, plus))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(said: &str) -> Vec<String> {
        find(&Doc::new(said)).into_iter().map(|n| n.digits).collect()
    }

    #[test]
    fn numbers_in_figures_and_words() {
        for (said, digits) in [
            ("call me at 602-555-1234", "6025551234"),
            ("my cell is (602) 555 1234, thanks", "6025551234"),
            ("reach me at six oh two five five five one two three four", "6025551234"),
            ("It's six zero two, double five five, twelve thirty four.", "6025551234"),
            ("my number is one eight hundred five five five one two one two", "18005551212"),
            ("My phone number is +44 (0) 161 1234567 ext 123.", "4401611234567"),
            ("call 833.304.1447 now", "8333041447"),
        ] {
            assert_eq!(all(said), [digits], "{said}");
        }
    }

    #[test]
    fn what_is_no_number_to_call() {
        for said in [
            "my card number is 4147 2080 8998",
            "the ssn is 123-12-1234",
            "policy number 514223987",
            "it was 2014-04-12 at the office",
            "03/27/2011",
            "1000-1=999 doesn't look like a phone number.",
            "we are two or three people",
            "order #20020211895",
        ] {
            assert_eq!(all(said), Vec::<String>::new(), "{said}");
        }
    }

    #[test]
    fn shapes() {
        assert_eq!(shape("6025551234", false, "US"), Shape::Complete("+16025551234".to_owned()));
        assert_eq!(shape("602555123", false, "US"), Shape::Wrong, "nine digits are not padded");
        assert_eq!(shape("5551234", false, "US"), Shape::Local);
        assert_eq!(shape("0225551234", false, "US"), Shape::Wrong);
        assert_eq!(shape("442071234567", true, "US"), Shape::Complete("+442071234567".to_owned()));
        assert_eq!(shape("02071234567", false, "GB"), Shape::Open);
    }
}
