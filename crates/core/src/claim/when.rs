//! Dates and times: where they stand in the text, and which day or hour they mean when that is certain.
//!
//! Finding and resolving are two steps. What was said but cannot be pinned down ("next Tuesday" on a Sunday, "at 3"
//! without a half of the day, "sometime this spring") stays as said; nothing is rounded, padded or guessed.

use std::ops::Range;
use std::sync::LazyLock;

use jiff::civil::{Date, Time, Weekday};
use jiff::{Span as Length, ToSpan};
use regex::{Captures, Regex};

use super::text::{Doc, Kind, pattern};
use super::{ClaimValue, ReadContext, TimeMeaning, number, words};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenKind {
    Date,
    Time,
    /// A day and an hour in one expression, or one that is both ("tonight", "this morning").
    DateTime,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) range: Range<usize>,
    pub(crate) kind: WhenKind,
}

// Building blocks, all for lower-case text.
const MONTH: &str = r"(?:january|february|march|april|may|june|july|august|september|october|november|december|jan|feb|mar|apr|jun|jul|aug|sept|sep|oct|nov|dec)";
const DOW: &str = r"(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)";
const DOW_SHORT: &str = r"(?:mon|tues|tue|weds|wed|thurs|thur|thu|fri|sat|sun)";
const ORDINAL_WORD: &str = r"(?:(?:twenty|thirty)[- ](?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth|fourteenth|fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|thirtieth)";
const CARDINAL_WORD: &str = r"(?:(?:twenty|thirty)[- ](?:one|two|three|four|five|six|seven|eight|nine)|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|eleven|twelve|twenty|thirty|one|two|three|four|five|six|seven|eight|nine|ten)";
const HOUR_WORD: &str = r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)";
const MINUTE_WORD: &str = r"(?:(?:twenty|thirty|forty|fifty)[- ](?:one|two|three|four|five|six|seven|eight|nine)|oh[- ]five|ten|fifteen|twenty|thirty|forty|fifty)";
const COUNT: &str = r"(?:\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty[- ]five|forty|sixty|ninety|half an?|a couple of|a couple|a few|some|several|couple of|couple|few)";
const HALF: &str = r"(?:a\.? ?m\b\.?|p\.? ?m\b\.?)";
const PART: &str = r"(?:early morning|late afternoon|late evening|late morning|morning|afternoon|evening|night)";
const YEAR: &str = r"(?:(?:19|20)\d\d|two thousand(?: and)?(?: [a-z]+(?:[- ][a-z]+)?)?|(?:eighteen|nineteen|seventeen)(?: hundred)?(?: and)? (?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:[- ](?:one|two|three|four|five|six|seven|eight|nine))?|twenty[- ](?:ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty)(?:[- ](?:one|two|three|four|five|six|seven|eight|nine))?)";
const HOLIDAY: &str = r"(?:christmas eve|christmas day|christmas|new year'?s eve|new year'?s day|new years|thanksgiving(?: day)?|easter(?: sunday| monday)?|labor day|memorial day|halloween|independence day|fourth of july|valentine'?s day|good friday|boxing day|mother'?s day|father'?s day|veterans day|columbus day|juneteenth)";

/// How strictly the surroundings of a match are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    /// A word before it that asks for a day: on, by, from, until, the …
    DayCue,
    /// A word before it that asks for an hour: at, by, after, before …
    HourCue,
    /// A short weekday name: a mark, a figure or a cue beside it.
    ShortDay,
}

struct Form {
    kind: WhenKind,
    needs: Needs,
    pattern: Regex,
}

static FORMS: LazyLock<Vec<Form>> = LazyLock::new(|| {
    let day = format!(r"(?:\d{{1,2}}(?:st|nd|rd|th)?|{ORDINAL_WORD})");
    let day_after_month = format!(r"(?:\d{{1,2}}(?:st|nd|rd|th)?|{ORDINAL_WORD}|{CARDINAL_WORD})");
    let any_dow = format!(r"(?:{DOW}|{DOW_SHORT}\.?)");
    let clock = r"\d{1,2}[:.][0-5]\d(?::[0-5]\d)?";
    let part_tail = format!(r"(?:,? ?(?:in the |at |this )?{PART})");
    let far = r"(?: ?(?:from (?:now|today|tomorrow|tmrw)|after (?:today|tomorrow)|ago|before (?:today|yesterday|now)|earlier))";
    let mut forms = Vec::new();
    let mut add = |kind, needs, text: String| forms.push(Form { kind, needs, pattern: pattern(&text) });
    use Needs::{DayCue, HourCue, Nothing, ShortDay};
    use WhenKind::{Date, DateTime, Time};
    // Dates with a month in words.
    add(
        Date,
        Nothing,
        format!(
            r"\b(?:{any_dow},? (?:the )?)?(?:the )?{day}(?:,? of|-)? ?{MONTH}\b\.?(?:(?:,| ,)? ?(?:of )?{YEAR}\b)?"
        ),
    );
    add(Date, Nothing, format!(r"\b{CARDINAL_WORD} (?:of )?{MONTH}\b\.?(?:,? (?:of )?{YEAR}\b)?"));
    add(
        Date,
        Nothing,
        format!(r"\b(?:{any_dow},? )?{MONTH}\b\.?(?:,? ?the | |-)?{day_after_month}\b(?:(?: ?, ?| of | ){YEAR}\b)?"),
    );
    add(Date, Nothing, format!(r"\b{MONTH}(?: the |\.? ?)\d{{1,2}}(?:st|nd|rd|th)?\b(?: ?,? ?{YEAR}\b)?"));
    add(Date, Nothing, format!(r"\b{day} (?:day )?of (?:this|next|last|the) (?:month|{MONTH})\b"));
    add(Date, Nothing, format!(r"\b\d{{4}}[-/ ]{MONTH}[-/ ]\d{{1,2}}\b"));
    add(Date, Nothing, format!(r"\b{MONTH}[-/]\d{{1,2}}[-/]\d{{4}}\b"));
    add(Date, Nothing, format!(r"\b\d{{1,2}}[-/]{MONTH}[-/]\d{{2,4}}\b"));
    // Dates in figures.
    add(Date, Nothing, r"\b(?:19|20)\d\d([-/.])\d{1,2}[-/.]\d{1,2}\b".to_owned());
    add(Date, Nothing, r"\b\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)?\d\d\b".to_owned());
    add(Date, Nothing, r"\b20[0-3]\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\b".to_owned());
    add(Date, DayCue, r"\b\d{1,2}/\d{1,2}\b".to_owned());
    // Weekdays.
    let ahead = r"(?:this past|this coming|this upcoming|the following|the next|this|next|last|past|coming|upcoming|following|that)";
    add(
        Date,
        Nothing,
        format!(r"\b(?:{ahead} )?{DOW}(?:(?:,? the |,? ){day}\b)?(?: (?:next|this|last) week| after next)?"),
    );
    add(Date, Nothing, format!(r"\b(?:next|this|last) week,?(?: on)? {any_dow}\b"));
    add(Date, Nothing, format!(r"\b(?:{ahead}) {DOW_SHORT}\b\.?"));
    add(Date, ShortDay, format!(r"\b{DOW_SHORT}\b\.?(?: \d{{1,2}}(?:st|nd|rd|th))?"));
    // Days named from today.
    add(Date, Nothing, r"\b(?:the )?day (?:after tomorrow|before yesterday)\b".to_owned());
    add(Date, Nothing, r"\b(?:today|tomorrow|tmrw|tomorow|tommorow|tommorrow|tomorrrow|yesterday)\b".to_owned());
    add(DateTime, Nothing, r"\b(?:tonight|tonite)\b".to_owned());
    add(
        DateTime,
        Nothing,
        format!(
            r"\b(?:earlier |later |late |early )?(?:this|last) (?:morning|afternoon|evening|night)(?: at {HOUR_WORD}\b| at \d{{1,2}}(?::\d\d)?\b)?"
        ),
    );
    add(Date, Nothing, format!(r"\b(?:in |within )?{COUNT} (?:day|week|month|year)s?{far}(?: on {DOW})?"));
    add(Date, Nothing, format!(r"\b(?:in|within|after) {COUNT} (?:more )?(?:day|week|month|year)s?(?: time)?\b"));
    add(Date, Nothing, format!(r"\b{COUNT} (?:day|week|month)s? (?:from|after|before) {HOLIDAY}(?: on {DOW})?"));
    add(Date, Nothing, r"\b(?:early |late |later |earlier )?(?:this|next|last|the coming|coming|following) (?:week|weekend|month|year|spring|summer|fall|autumn|winter)\b".to_owned());
    add(Date, Nothing, r"\b(?:by |before )?(?:the )?end of (?:the |this |next )?(?:week|month|year)\b".to_owned());
    add(Date, Nothing, format!(r"\b(?:(?:last|next|following|this) )?{HOLIDAY}\b"));
    // A bare day of the month, and a bare month.
    add(Date, DayCue, format!(r"\b(?:\d{{1,2}}(?:st|nd|rd|th)|{ORDINAL_WORD})\b"));
    add(Date, DayCue, format!(r"\b(?:next |last |this )?{MONTH}\b"));
    // Hours.
    add(
        Time,
        Nothing,
        format!(r"\b(?:{PART} (?:at )?)?{clock}(?:(?:,? ?o ?['’]? ?clock| ?ish\b)?(?: ?{HALF})?{part_tail}?)"),
    );
    add(Time, Nothing, format!(r"\b\d{{1,2}}(?: ?[0-5]\d)? ?{HALF}{part_tail}?"));
    add(Time, Nothing, format!(r"\b{HOUR_WORD}(?:[- ]{MINUTE_WORD})? (?:{HALF}|o ?['’\x22]? ?clock){part_tail}?"));
    add(Time, Nothing, format!(r"\b\d{{1,2}} ?o ?['’\x22]? ?clock{part_tail}?"));
    add(
        Time,
        Nothing,
        format!(
            r"\b(?:a )?(?:half|quarter|ten|twenty|five|[1-5]?\d|twenty[- ]five)(?: minutes?| mins?)? (?:past|to|till|after|before) (?:\d{{1,2}}|{HOUR_WORD})\b(?: ?o ?['’]? ?clock)?(?: ?{HALF})?{part_tail}?"
        ),
    );
    add(
        Time,
        Nothing,
        format!(
            r"\b(?:\d{{1,2}}|{HOUR_WORD})(?:[: ](?:[0-5]\d|{MINUTE_WORD}))?(?: ?ish)?,? (?:in|at) (?:the )?{PART}\b"
        ),
    );
    add(Time, Nothing, format!(r"\b\d{{1,2}} [0-5]\d (?:in the |at )?{PART}\b"));
    add(Time, HourCue, format!(r"\b(?:\d{{1,2}}|{HOUR_WORD}) {PART}\b"));
    add(
        Time,
        Nothing,
        format!(r"\b(?:morning|afternoon|evening|night) (?:at )?(?:\d{{1,2}}|{HOUR_WORD})\b(?: ?{HALF})?"),
    );
    add(
        Time,
        Nothing,
        r"\b(?:12 noon|noon|midnight|midday|in (?:a |half a |quarter of )*(?:quarter of an|half an) hour)\b".to_owned(),
    );
    add(Time, HourCue, r"\b(?:[01]?\d|2[0-3])(?: [0-5]\d)?(?: ?ish)?\b".to_owned());
    add(Time, HourCue, format!(r"\b{HOUR_WORD}(?:[- ]{MINUTE_WORD})?(?: ?ish)?\b"));
    add(
        Time,
        Nothing,
        format!(r"\b(?:in|within) (?:the )?(?:next |about |around )?{COUNT} ?(?:more )?(?:minute|min|hour|hr)s?\b"),
    );
    add(Time, Nothing, format!(r"\b{COUNT} (?:minute|min|hour|hr)s? (?:ago|from now|before|after)\b"));
    add(Time, Nothing, format!(r"\b(?:the )?(?:last|next) (?:{COUNT} )?(?:half )?(?:minute|hour)s?\b"));
    add(Time, Nothing, r"\bin the (?:early |late )?(?:morning|afternoon|evening)s?\b".to_owned());
    forms
});

/// All dates and times, longest first where they overlap, in text order.
pub(crate) fn find(doc: &Doc) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    for form in FORMS.iter() {
        for found in form.pattern.find_iter(&doc.lower) {
            let range = trimmed(doc, found.range());
            if range.is_empty() || !clean_edges(doc, &range) || !plausible(doc, &range, form) {
                continue;
            }
            all.push(Found { range, kind: form.kind });
        }
    }
    all.extend(day_parts(doc));
    all.sort_by_key(|f| (std::cmp::Reverse(f.range.len()), f.range.start));
    let mut kept: Vec<Found> = Vec::new();
    for found in all {
        if kept.iter().all(|k| found.range.end <= k.range.start || k.range.end <= found.range.start) {
            kept.push(found);
        }
    }
    kept.sort_by_key(|f| f.range.start);
    kept
}

/// "tomorrow morning", "Friday night": the part of the day is said beside the day and is its own piece.
fn day_parts(doc: &Doc) -> Vec<Found> {
    static BESIDE: LazyLock<Regex> = LazyLock::new(|| {
        pattern(&format!(
            r"\b(?:{DOW}|tomorrow|today|tmrw|yesterday|week)(?:'s|,)?(?: in the| early| late| at)? ((?:morning|afternoon|evening|night)(?: at (?:\d{{1,2}}(?::\d\d)?|{HOUR_WORD})\b(?: ?{HALF})?)?)\b"
        ))
    });
    BESIDE
        .captures_iter(&doc.lower)
        .filter_map(|c| c.get(1))
        .map(|m| Found { range: m.range(), kind: WhenKind::Time })
        .collect()
}

fn trimmed(doc: &Doc, range: Range<usize>) -> Range<usize> {
    let inside = doc.lower_of(&range);
    let lead = inside.len() - inside.trim_start().len();
    let mut end = range.start + inside.trim_end().len();
    let text = doc.lower_of(&(range.start + lead..end));
    // A point that closes the sentence is no part of the date; that of "p.m." is.
    if text.ends_with('.') && !text.ends_with(".m.") {
        end -= 1;
    }
    range.start + lead..end.max(range.start + lead)
}

/// No figure, sign or letter that makes it part of something else: a longer number, an address, an identifier.
fn clean_edges(doc: &Doc, range: &Range<usize>) -> bool {
    let before = doc.before(range.start).chars().next_back();
    let mut after = doc.after(range.end).chars();
    let (next, next_but_one) = (after.next(), after.next());
    let text = doc.lower_of(range);
    let starts_with_figure = text.starts_with(|c: char| c.is_ascii_digit());
    let ends_with_figure = text.ends_with(|c: char| c.is_ascii_digit());
    let sign_before = before.is_some_and(|c| {
        c.is_alphanumeric()
            || matches!(c, '/' | '$' | '£' | '€' | '#' | '~' | '=' | '@')
            || (c == '.' && starts_with_figure && doc.before(range.start - 1).ends_with(|c: char| c.is_ascii_digit()))
            || (matches!(c, ':' | ',')
                && starts_with_figure
                && doc.before(range.start - 1).ends_with(|c: char| c.is_ascii_digit()))
            || (c == '-' && starts_with_figure && doc.before(range.start - 1).ends_with(|c: char| c.is_ascii_digit()))
    });
    let sign_after = next.is_some_and(|c| {
        c.is_alphanumeric()
            || (ends_with_figure && matches!(c, '/' | '%' | '$' | '£' | '€' | '='))
            || (ends_with_figure
                && matches!(c, '-' | '.' | ',' | ':')
                && next_but_one.is_some_and(|d| d.is_ascii_digit()))
    });
    !sign_before && !sign_after
}

fn plausible(doc: &Doc, range: &Range<usize>, form: &Form) -> bool {
    let text = doc.lower_of(range);
    if !figures_in_range(text, form.kind) {
        return false;
    }
    let previous = previous_words(doc, range.start);
    let last = previous.first().copied().unwrap_or_default();
    let next = next_word(doc, range.end);
    if matches!(text, "may" | "march" | "mar" | "sun" | "sat" | "second" | "sep" | "dec")
        && !month_word_is_meant(doc, range, last)
    {
        return false;
    }
    // Quantities and rates are no days or hours.
    if (text.ends_with(|c: char| c.is_ascii_digit()) || form.needs == Needs::HourCue) && words::counted(next) {
        return false;
    }
    // "one may", "this may": the verb.
    if text.ends_with(" may")
        && !text.contains(|c: char| c.is_ascii_digit())
        && !(capital_at(doc, range.end - 3) || text.contains("of may"))
    {
        return false;
    }
    // "6.45 percent", "$ 8.50": a point divides hours and minutes only beside "am", "pm" or "at".
    if form.kind == WhenKind::Time && is_decimal(text) && last != "at" {
        return false;
    }
    // "from 8 to 9": two hours, not a quarter before one.
    if form.kind == WhenKind::Time && matches!(last, "from" | "between") && text.contains(" to ") {
        return false;
    }
    if text.starts_with("may ")
        && !capital_at(doc, range.start)
        && doc.cased
        && !text.contains(|c: char| c.is_ascii_digit())
    {
        return false;
    }
    match form.needs {
        Needs::Nothing => true,
        Needs::DayCue => day_cue(doc, range, &previous, next),
        Needs::HourCue => hour_cue(doc, range, &previous, next),
        Needs::ShortDay => {
            text.contains(|c: char| c.is_ascii_digit())
                || doc.after(range.end).starts_with(['.', ',', ')'])
                || (matches!(last, "on" | "next" | "this" | "until" | "till" | "or" | "by" | "and" | "from" | "for")
                    && capital(doc, range))
        }
    }
}

fn capital_at(doc: &Doc, byte: usize) -> bool {
    doc.text.get(byte..).and_then(|t| t.chars().next()).is_some_and(char::is_uppercase)
}

fn is_decimal(text: &str) -> bool {
    text.contains('.') && text.chars().all(|c| c.is_ascii_digit() || c == '.')
}

fn capital(doc: &Doc, range: &Range<usize>) -> bool {
    doc.text.get(range.start..).and_then(|t| t.chars().next()).is_some_and(char::is_uppercase)
}

fn month_word_is_meant(doc: &Doc, range: &Range<usize>, last: &str) -> bool {
    let text = doc.lower_of(range);
    if text == "second" {
        return matches!(last, "the");
    }
    let cue = matches!(
        last,
        "in" | "since"
            | "until"
            | "till"
            | "by"
            | "for"
            | "of"
            | "this"
            | "next"
            | "last"
            | "on"
            | "before"
            | "after"
            | "through"
    );
    cue && (capital(doc, range) || !doc.cased)
}

/// Months up to 12, days up to 31, hours up to 24, minutes up to 59, where they are written as figures.
fn figures_in_range(text: &str, kind: WhenKind) -> bool {
    let numbers: Vec<u32> =
        text.split(|c: char| !c.is_ascii_digit()).filter(|n| !n.is_empty()).filter_map(|n| n.parse().ok()).collect();
    let separators = text.chars().filter(|c| matches!(c, '-' | '/' | '.')).count();
    let named = text.contains(|c: char| c.is_ascii_alphabetic());
    match (kind, numbers.as_slice()) {
        (WhenKind::Date, [year, month, day]) if *year > 1000 && !named => {
            *month >= 1 && *month <= 12 && *day >= 1 && *day <= 31
        }
        (WhenKind::Date, [a, b, _]) if !named => {
            *a >= 1 && *b >= 1 && a.min(b) <= &12 && a.max(b) <= &31 && one_separator(text)
        }
        (WhenKind::Date, [a, b]) if !named && separators == 1 => {
            *a >= 1 && *b >= 1 && a.min(b) <= &12 && a.max(b) <= &31
        }
        (WhenKind::Date, [day, ..]) if named && text.starts_with(|c: char| c.is_ascii_digit()) && *day < 1000 => {
            *day <= 31 || ["day", "week", "month", "year"].iter().any(|unit| text.contains(unit))
        }
        (WhenKind::Date, [day, ..]) if named && *day < 1000 => {
            *day >= 1 && (*day <= 31 || ["day", "week", "month"].iter().any(|unit| text.contains(unit)))
        }
        (WhenKind::Time, [hour, ..])
            if !text.contains("min") && !text.contains("hour") && !text.contains(" past") && !text.contains(" to ") =>
        {
            *hour <= 24
        }
        _ => true,
    }
}

fn one_separator(text: &str) -> bool {
    let mut marks: Vec<char> = text.chars().filter(|c| !c.is_ascii_digit()).collect();
    marks.dedup();
    marks.len() == 1
}

/// The words before a byte, nearest first, at most four, not past the end of a sentence.
fn previous_words<'d>(doc: &'d Doc, byte: usize) -> Vec<&'d str> {
    let at = doc.token_from(byte);
    doc.tokens
        .get(..at)
        .unwrap_or_default()
        .iter()
        .rev()
        .take_while(|t| !matches!(doc.word(t), "." | "!" | "?" | ";"))
        .filter(|t| t.kind != Kind::Mark)
        .take(4)
        .map(|t| doc.word(t))
        .collect()
}

fn next_word<'d>(doc: &'d Doc, byte: usize) -> &'d str {
    doc.at(doc.token_from(byte))
}

fn day_cue(doc: &Doc, range: &Range<usize>, previous: &[&str], next: &str) -> bool {
    let text = doc.lower_of(range);
    let mut cues = previous.iter().copied();
    let mut last = cues.next().unwrap_or_default();
    let with_article = last == "the";
    if with_article {
        last = cues.next().unwrap_or_default();
    }
    if text.contains('/') {
        return matches!(
            last,
            "on" | "by"
                | "for"
                | "before"
                | "after"
                | "until"
                | "till"
                | "from"
                | "next"
                | "this"
                | "since"
                | "to"
                | "friday"
                | "monday"
        );
    }
    let ordinal = text.ends_with(|c: char| c.is_ascii_alphabetic()) && text.starts_with(|c: char| c.is_ascii_digit());
    let month = !ordinal && pattern_month().is_match(text);
    if month {
        return !with_article
            && matches!(
                last,
                "in" | "since"
                    | "until"
                    | "till"
                    | "by"
                    | "for"
                    | "through"
                    | "before"
                    | "after"
                    | "from"
                    | "of"
                    | "early"
                    | "late"
                    | "mid"
                    | "sometime"
                    | "to"
            )
            || text.starts_with("next ")
            || text.starts_with("last ")
            || text.starts_with("this ");
    }
    // A bare day of the month. "the first time", "a second opinion", "5th avenue" are not days.
    if !(next.is_empty() || words::after_day(next)) {
        return false;
    }
    if next == "of" || next == "floor" {
        return false;
    }
    let word_form = !ordinal;
    let strong = matches!(
        last,
        "on" | "from"
            | "until"
            | "till"
            | "til"
            | "to"
            | "by"
            | "before"
            | "after"
            | "since"
            | "between"
            | "starting"
            | "through"
            | "thru"
            | "of"
    );
    if word_form {
        return with_article && matches!(last, "on" | "until" | "till" | "til" | "by" | "before" | "after" | "since");
    }
    strong
        || (with_article && (last.is_empty() || words::before_the_day(last)))
        || (last.is_empty() && range.start == 0)
        || (matches!(last, "for" | "and" | "beginning" | "ending") && !with_article)
}

fn pattern_month() -> &'static Regex {
    static MONTHS: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r"\b{MONTH}\b")));
    &MONTHS
}

fn hour_cue(doc: &Doc, range: &Range<usize>, previous: &[&str], next: &str) -> bool {
    let text = doc.lower_of(range);
    let last = previous.first().copied().unwrap_or_default();
    let before_last = previous.get(1).copied().unwrap_or_default();
    let daypart =
        text.contains("morning") || text.contains("afternoon") || text.contains("evening") || text.contains("night");
    if daypart {
        return true;
    }
    // Without its preposition a bare number is no hour. "at 5 main street", "at number 4", "after 2 tries" are not either.
    let two_figures = text.contains(' ') && text.starts_with(|c: char| c.is_ascii_digit());
    let ends_here = next.is_empty() || words::after_hour(next);
    if !ends_here {
        return false;
    }
    match last {
        "at" => !matches!(before_last, "up" | "all" | "number" | "looking"),
        "around" | "about" => {
            two_figures
                || (matches!(
                    before_last,
                    "at" | "arrive" | "come" | "there" | "be" | "booked" | "tomorrow" | "today" | "back" | "out" | "in"
                ) && text.len() <= 2
                    && matches!(next, "" | "." | "," | "?" | "!" | "tomorrow" | "today" | "on"))
        }
        "before" | "after" | "by" => true,
        "for" => text.ends_with("ish"),
        "until" | "till" | "til" => true,
        "past" => matches!(before_last, "quarter" | "half"),
        "from" | "between" => {
            matches!(next, "to" | "and" | "until" | "till" | "-") && !doc.after(range.end).contains("people")
        }
        "and" | "to" => {
            previous.iter().any(|w| matches!(*w, "between" | "from"))
                && matches!(next, "" | "." | "," | "?" | "!" | "on" | "tomorrow" | "today" | "in")
        }
        "time" => two_figures || before_last == "the",
        "than" => matches!(before_last, "later" | "earlier"),
        _ => false,
    }
}

// ---- resolving -------------------------------------------------------------------------------------------------------

/// What an expression means for a call that began at the context's anchor. An expression that leaves a choice open
/// comes back as [`ClaimValue::DateText`] in the caller's own words.
pub(crate) fn resolve(said: &str, context: &ReadContext<'_>) -> ClaimValue {
    let lower = said.to_ascii_lowercase();
    let today = context.anchor.to_zoned(context.zone.clone()).date();
    let words = lower.trim().trim_end_matches(['.', ',']);
    let as_said = || ClaimValue::DateText(said.trim().to_owned());
    let (day_words, time_words) = split_day_and_time(words);
    match (day_words.as_deref().map(|d| day(d, today, context)), time_words.as_deref().map(time)) {
        (Some(Some(date)), None) => ClaimValue::Date(date),
        (None, Some(Some(at))) => ClaimValue::Time { at, meaning: TimeMeaning::At },
        (Some(Some(date)), Some(Some(at))) => ClaimValue::DateTime(date.to_datetime(at)),
        _ => as_said(),
    }
}

/// Whether an expression looks back ("yesterday", "two days ago"), so that it is no wish for an appointment.
pub(crate) fn looks_back(doc: &Doc, found: &Found) -> bool {
    let text = doc.lower_of(&found.range);
    let before = previous_words(doc, found.range.start);
    static HAPPENED: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"\b(?:already|was|were|paid|bought|broke|happened|died|stopped|came|went|started|installed|ordered|received|charged|left|lost|passed|fell|failed|quit)\b[^.!?,;]*$",
        )
    });
    // "I paid it on the 12th": a day that by itself would lie ahead.
    let head = doc.before(found.range.start);
    let ahead = text.contains("tomorrow") || text.contains("next") || text.starts_with("in ");
    // "move it from Thursday to Friday": the old day.
    static MOVED: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"\b(?:move|reschedul\w+|chang\w+|switch)\b[^.!?]*\bfrom (?:the )?$"));
    (!ahead && HAPPENED.is_match(head))
        || MOVED.is_match(head)
        || text.contains("yesterday")
        || text.contains("ago")
        || text.starts_with("last ")
        || text.contains(" past ") && text.contains("day")
        || before.first().is_some_and(|w| matches!(*w, "since" | "last" | "past"))
        || before.iter().take(2).any(|w| matches!(*w, "since"))
}

/// A day followed at once by an hour, or the other way round: "Tuesday at 3 pm", "3 pm on Tuesday".
pub(crate) fn belongs_together(doc: &Doc, first: &Found, second: &Found) -> bool {
    let between = doc.lower_of(&(first.range.end..second.range.start)).trim();
    let kinds =
        matches!((first.kind, second.kind), (WhenKind::Date, WhenKind::Time) | (WhenKind::Time, WhenKind::Date));
    kinds && matches!(between, "" | "," | "at" | "on" | ", at" | "@")
}

/// How the word before an hour bounds it.
pub(crate) fn meaning(doc: &Doc, range: &Range<usize>) -> TimeMeaning {
    match previous_words(doc, range.start).first().copied().unwrap_or_default() {
        "before" | "by" | "until" | "till" => TimeMeaning::Before,
        "after" | "past" => TimeMeaning::After,
        "around" | "about" | "roughly" => TimeMeaning::About,
        _ => TimeMeaning::At,
    }
}

/// A season, a month or a year: a plan rather than an appointment.
pub(crate) fn is_season_or_later(words: &str) -> bool {
    ["spring", "summer", "fall", "autumn", "winter", "month", "year"].iter().any(|w| words.contains(w))
}

fn split_day_and_time(words: &str) -> (Option<String>, Option<String>) {
    static TIME_TAIL: LazyLock<Regex> = LazyLock::new(|| {
        pattern(&format!(
            r"^(.*?[a-z0-9])[, ]+(?:at |@ ?)?((?:\d{{1,2}}[:.][0-5]\d(?: ?{HALF})?|\d{{1,2}} ?{HALF}|{HOUR_WORD} {HALF}|noon|midnight|(?:{HOUR_WORD}|\d{{1,2}}) in the {PART}))$"
        ))
    });
    static TIME_HEAD: LazyLock<Regex> = LazyLock::new(|| {
        pattern(&format!(
            r"^((?:\d{{1,2}}[:.][0-5]\d(?: ?{HALF})?|\d{{1,2}} ?{HALF}|{HOUR_WORD} {HALF}|noon|midnight))[, ]+(?:on )?(.+)$"
        ))
    });
    if time(words).is_some() {
        return (None, Some(words.to_owned()));
    }
    if let Some(c) = TIME_TAIL.captures(words) {
        let day_words = c.get(1).map(|m| m.as_str().to_owned());
        if day_words.as_deref().is_some_and(|d| d.contains(|c: char| c.is_ascii_alphabetic()) && !is_only_day_part(d)) {
            return (day_words, c.get(2).map(|m| m.as_str().to_owned()));
        }
    }
    if let Some(c) = TIME_HEAD.captures(words) {
        let rest = c.get(2).map(|m| m.as_str()).unwrap_or_default();
        if !is_only_day_part(rest) && !rest.starts_with("in the") {
            return (Some(rest.to_owned()), c.get(1).map(|m| m.as_str().to_owned()));
        }
    }
    (Some(words.to_owned()), None)
}

fn is_only_day_part(words: &str) -> bool {
    matches!(
        words.trim(),
        "morning"
            | "afternoon"
            | "evening"
            | "night"
            | "in the morning"
            | "in the afternoon"
            | "in the evening"
            | "at night"
    )
}

/// An hour that leaves no choice: with its half of the day, on the 24-hour clock past noon, noon or midnight.
fn time(words: &str) -> Option<Time> {
    static CLOCK: LazyLock<Regex> = LazyLock::new(|| {
        pattern(&format!(
            r"^(?:at )?(?P<before>morning|afternoon|evening|night)?(?: at)? ?(?P<h>\d{{1,2}}|{HOUR_WORD})(?:[:. ](?P<m>[0-5]\d)|[- ](?P<mw>{MINUTE_WORD}))?(?: ?o ?['’]? ?clock)? ?(?P<half>{HALF})?(?:,? ?(?:in the |at )?(?P<part>{PART}))?$"
        ))
    });
    static PAST: LazyLock<Regex> = LazyLock::new(|| {
        pattern(&format!(
            r"^(?:a )?(?P<m>half|quarter|five|ten|twenty[- ]five|twenty|[1-5]?\d)(?: minutes?| mins?)? (?P<way>past|to|till|after|before) (?P<h>\d{{1,2}}|{HOUR_WORD})(?: ?(?P<half>{HALF}))?(?: (?:in the |at )?(?P<part>{PART}))?$"
        ))
    });
    match words {
        "noon" | "12 noon" | "midday" => return Time::new(12, 0, 0, 0).ok(),
        "midnight" => return Time::new(0, 0, 0, 0).ok(),
        _ => {}
    }
    let (minutes, caps, written) = if let Some(c) = CLOCK.captures(words) {
        let hour = small_number(c.name("h")?.as_str())?;
        let minute = match (c.name("m"), c.name("mw")) {
            (Some(m), _) => m.as_str().parse().ok()?,
            (None, Some(w)) => minute_word(w.as_str())?,
            (None, None) => 0,
        };
        let four_figures = c.name("m").is_some() && hour >= 13;
        (i64::from(hour) * 60 + i64::from(minute), c, four_figures)
    } else {
        let c = PAST.captures(words)?;
        let hour = small_number(c.name("h")?.as_str())?;
        let step = match c.name("m")?.as_str() {
            "half" => 30,
            "quarter" => 15,
            other => small_number(other)?,
        };
        // "10 to 4" can be ten minutes before four, or a range.
        if c.name("way")?.as_str() == "to" && step <= 12 && !words.contains("min") {
            return None;
        }
        let sign = if matches!(c.name("way")?.as_str(), "past" | "after") { 1 } else { -1 };
        let four_figures = hour >= 13;
        (i64::from(hour) * 60 + sign * i64::from(step), c, four_figures)
    };
    half_of_day(minutes, &caps, written)
}

fn half_of_day(minutes: i64, caps: &Captures<'_>, written: bool) -> Option<Time> {
    let half = caps.name("half").map(|m| m.as_str().starts_with('p'));
    let part = caps.name("part").map(|m| m.as_str()).or(caps.name("before").map(|m| m.as_str()));
    let hour = minutes.div_euclid(60);
    if !(0..=24).contains(&hour) {
        return None;
    }
    let afternoon = match (half, part) {
        (Some(half), _) => Some(half),
        (None, Some(p)) if p.contains("morning") => Some(false),
        (None, Some(p)) if p.contains("afternoon") || p.contains("evening") => Some(true),
        // "at 2 at night" and "at 9 at night" lie on different halves.
        (None, Some(_)) => Some((6..12).contains(&hour)),
        (None, None) if written || hour >= 13 => None,
        (None, None) => return None,
    };
    let minutes = match afternoon {
        Some(true) if hour < 12 => minutes + 12 * 60,
        Some(false) if hour == 12 => minutes - 12 * 60,
        Some(false) if hour > 12 => return None,
        _ => minutes,
    };
    Time::new((minutes.div_euclid(60) % 24) as i8, minutes.rem_euclid(60) as i8, 0, 0).ok()
}

fn small_number(word: &str) -> Option<u32> {
    if let Ok(value) = word.parse() {
        return Some(value);
    }
    let spaced = word.replace('-', " ");
    let doc = Doc::new(&spaced);
    number::cardinal(&doc, 0).map(|s| s.value as u32)
}

fn minute_word(word: &str) -> Option<u32> {
    if word.starts_with("oh") { Some(5) } else { small_number(word) }
}

/// A day that leaves no choice, seen from `today`.
fn day(words: &str, today: Date, context: &ReadContext<'_>) -> Option<Date> {
    let words = words.trim().trim_start_matches("on ").trim_start_matches("the ").trim_end_matches(['.', ',']);
    match words {
        "today" | "tonight" | "this morning" | "this afternoon" | "this evening" => return Some(today),
        "tomorrow" | "tmrw" | "tomorow" | "tommorow" | "tommorrow" => return today.tomorrow().ok(),
        "yesterday" => return today.yesterday().ok(),
        "day after tomorrow" => return today.checked_add(2.days()).ok(),
        "day before yesterday" => return today.checked_sub(2.days()).ok(),
        _ => {}
    }
    figures(words, context)
        .or_else(|| weekday(words, today))
        .or_else(|| counted(words, today))
        .or_else(|| calendar(words, today))
        .or_else(|| holiday(words, today))
}

/// Dates in figures. The order of day and month is the region's; where no order makes sense, none is taken.
fn figures(words: &str, context: &ReadContext<'_>) -> Option<Date> {
    let parts: Vec<&str> = words.split(['-', '/', '.']).collect();
    let numbers: Vec<i16> = parts.iter().map(|p| p.trim().parse().ok()).collect::<Option<_>>()?;
    if let [compact] = parts.as_slice()
        && compact.len() == 8
    {
        return Date::new(
            compact.get(..4)?.parse().ok()?,
            compact.get(4..6)?.parse().ok()?,
            compact.get(6..8)?.parse().ok()?,
        )
        .ok();
    }
    let [a, b, c] = numbers.as_slice() else { return None };
    if *a > 1000 {
        return Date::new(*a, *b as i8, *c as i8).ok();
    }
    let year = if *c < 100 { 2000 + c } else { *c };
    let month_first = context.region == "US";
    let (month, day) = if month_first { (a, b) } else { (b, a) };
    Date::new(year, i8::try_from(*month).ok()?, i8::try_from(*day).ok()?).ok()
}

fn weekday_of(word: &str) -> Option<Weekday> {
    Some(match word.get(..3)? {
        "mon" => Weekday::Monday,
        "tue" => Weekday::Tuesday,
        "wed" => Weekday::Wednesday,
        "thu" => Weekday::Thursday,
        "fri" => Weekday::Friday,
        "sat" => Weekday::Saturday,
        "sun" => Weekday::Sunday,
        _ => return None,
    })
}

/// "Tuesday" is the next one after today; on a Tuesday it stays open. "next Tuesday" is certain only when the coming
/// Tuesday lies in next week already, because some mean the coming one and some the one after.
fn weekday(words: &str, today: Date) -> Option<Date> {
    static DAYS: LazyLock<Regex> = LazyLock::new(|| {
        pattern(&format!(
            r"^(?P<which>this coming |coming |upcoming |this |next |last |this past |past )?(?P<day>{DOW}|{DOW_SHORT}\.?)(?: (?P<week>this week|next week|last week))?$"
        ))
    });
    static WEEK_FIRST: LazyLock<Regex> = LazyLock::new(|| {
        pattern(&format!(r"^(?P<week>next week|this week|last week),?(?: on)? (?P<day>{DOW}|{DOW_SHORT})$"))
    });
    let caps = DAYS.captures(words).or_else(|| WEEK_FIRST.captures(words))?;
    let day = weekday_of(caps.name("day")?.as_str())?;
    let monday = today.checked_sub(i64::from(today.weekday().to_monday_zero_offset()).days()).ok()?;
    let in_week = |weeks: i64| monday.checked_add((weeks * 7 + i64::from(day.to_monday_zero_offset())).days()).ok();
    if let Some(week) = caps.name("week") {
        return in_week(match week.as_str() {
            "next week" => 1,
            "last week" => -1,
            _ => 0,
        });
    }
    let coming = today.nth_weekday(1, day).ok()?;
    let which = if caps.name("which").is_some() { caps.name("which")?.as_str().trim() } else { "" };
    match which {
        "" | "this coming" | "coming" | "upcoming" => (today.weekday() != day).then_some(coming),
        "this" => in_week(0).filter(|d| *d > today),
        "next" => in_week(1).filter(|d| *d == coming),
        _ => {
            let gone = today.nth_weekday(-1, day).ok()?;
            in_week(-1).filter(|d| *d == gone)
        }
    }
}

/// "in 3 days", "two weeks from tomorrow", "4 days ago". "a few" and "some" count nothing.
fn counted(words: &str, today: Date) -> Option<Date> {
    static COUNTED: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"^(?:in |within )?(?P<n>[a-z0-9]+(?:[- ][a-z]+)?) (?P<unit>day|week|month|year)s?(?P<way> from now| from today| from tomorrow| after today| after tomorrow| ago| time)?$",
        )
    });
    let caps = COUNTED.captures(words)?;
    let n = match caps.name("n")?.as_str() {
        "a" | "an" => 1,
        other => i64::from(small_number(other)?),
    };
    let way = caps.name("way").map(|m| m.as_str().trim()).unwrap_or_default();
    if words.starts_with("within") || (way.is_empty() && !words.starts_with("in ")) {
        return None;
    }
    let length: Length = match caps.name("unit")?.as_str() {
        "day" => n.days(),
        "week" => n.weeks(),
        "month" => n.months(),
        _ => n.years(),
    };
    // A month or a year from now is a way of speaking, not a day, unless days or weeks are counted.
    if matches!(caps.name("unit")?.as_str(), "month" | "year") {
        return None;
    }
    let from = if way.ends_with("tomorrow") { today.tomorrow().ok()? } else { today };
    if way == "ago" { from.checked_sub(length).ok() } else { from.checked_add(length).ok() }
}

fn month_of(word: &str) -> Option<i8> {
    let names = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    names.iter().position(|n| word.starts_with(n)).map(|i| i as i8 + 1)
}

fn day_number(word: &str) -> Option<i8> {
    let figures: String = word.chars().take_while(char::is_ascii_digit).collect();
    if !figures.is_empty() {
        return figures.parse().ok();
    }
    let spaced = word.replace('-', " ");
    let doc = Doc::new(&spaced);
    number::ordinal(&doc, 0).or_else(|| number::cardinal(&doc, 0)).map(|s| s.value as i8)
}

fn year_of(words: &str) -> Option<i16> {
    if let Ok(year) = words.parse() {
        return Some(year);
    }
    let doc = Doc::new(words);
    let head = number::cardinal(&doc, 0)?;
    if head.next == doc.tokens.len() && head.value > 1000 {
        return i16::try_from(head.value).ok();
    }
    // "nineteen eighty six", "twenty twenty five"
    let tail = number::cardinal(&doc, head.next).filter(|t| t.next == doc.tokens.len() && t.value < 100)?;
    i16::try_from(head.value * 100 + tail.value).ok()
}

/// A day and a month, with or without the year. Without one it is the next such day from today on; a weekday said with
/// it must agree, or the caller meant something else and it stays as said.
fn calendar(words: &str, today: Date) -> Option<Date> {
    static DAY_MONTH: LazyLock<Regex> = LazyLock::new(|| {
        pattern(&format!(
            r"^(?:(?P<dow>{DOW}|{DOW_SHORT})[.,]* (?:the )?)?(?P<d>\d{{1,2}}(?:st|nd|rd|th)?|{ORDINAL_WORD}|{CARDINAL_WORD})(?:,? of| |-)? ?(?P<m>{MONTH})\.?(?:(?:,| ,|-|/)? ?(?:of )?(?P<y>{YEAR}))?$"
        ))
    });
    static MONTH_DAY: LazyLock<Regex> = LazyLock::new(|| {
        pattern(&format!(
            r"^(?:(?P<dow>{DOW}|{DOW_SHORT})[.,]* )?(?P<m>{MONTH})\.?(?: the | |-)?(?P<d>\d{{1,2}}(?:st|nd|rd|th)?|{ORDINAL_WORD}|{CARDINAL_WORD})(?:(?: ?, ?| of | |-){{1,2}}(?P<y>{YEAR}))?$"
        ))
    });
    static DAY_ONLY: LazyLock<Regex> = LazyLock::new(|| {
        pattern(&format!(
            r"^(?:(?P<dow>{DOW}|{DOW_SHORT})[.,]* (?:the )?)?(?P<d>\d{{1,2}}(?:st|nd|rd|th)|{ORDINAL_WORD})(?P<of> of (?:this|the) month| of next month)?$"
        ))
    });
    if let Some(c) = DAY_MONTH.captures(words).or_else(|| MONTH_DAY.captures(words)) {
        let (month, day) = (month_of(c.name("m")?.as_str())?, day_number(c.name("d")?.as_str())?);
        let date = match c.name("y") {
            Some(y) => Date::new(year_of(y.as_str())?, month, day).ok()?,
            None => {
                (0..5).filter_map(|ahead| Date::new(today.year() + ahead, month, day).ok()).find(|d| *d >= today)?
            }
        };
        return agrees(&c, date);
    }
    let c = DAY_ONLY.captures(words)?;
    let day = day_number(c.name("d")?.as_str())?;
    let this_month = Date::new(today.year(), today.month(), day).ok();
    let next = today.first_of_month().checked_add(1.month()).ok()?;
    let date = match c.name("of").map(|m| m.as_str()) {
        Some(" of next month") => Date::new(next.year(), next.month(), day).ok(),
        Some(_) => this_month,
        None => this_month.filter(|d| *d >= today).or_else(|| Date::new(next.year(), next.month(), day).ok()),
    }?;
    agrees(&c, date)
}

fn agrees(caps: &Captures<'_>, date: Date) -> Option<Date> {
    match caps.name("dow") {
        Some(said) => (weekday_of(said.as_str())? == date.weekday()).then_some(date),
        None => Some(date),
    }
}

/// Holidays that fall on the same day each year. The movable ones stay as said.
fn holiday(words: &str, today: Date) -> Option<Date> {
    let (month, day) = match words {
        "christmas eve" => (12, 24),
        "christmas" | "christmas day" => (12, 25),
        "boxing day" => (12, 26),
        "new year's eve" => (12, 31),
        "new year's day" => (1, 1),
        "halloween" => (10, 31),
        "independence day" => (7, 4),
        "juneteenth" => (6, 19),
        "valentine's day" => (2, 14),
        _ => return None,
    };
    (0..2).filter_map(|ahead| Date::new(today.year() + ahead, month, day).ok()).find(|d| *d >= today)
}
