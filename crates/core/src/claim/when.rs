//! Dates and times: where they stand in the text. Which day or hour they mean is the second step, in `day`.
//!
//! What was said but cannot be pinned down ("next Tuesday" on a Sunday, "at 3"
//! without a half of the day, "sometime this spring") stays as said; nothing is rounded, padded or guessed.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::text::{Doc, Kind, pattern};
use super::{TimeMeaning, words};

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
pub(super) const MONTH: &str = r"(?:january|february|march|april|may|june|july|august|september|october|november|december|jan|feb|mar|apr|jun|jul|aug|sept|sep|oct|nov|dec)";
pub(super) const DOW: &str = r"(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)";
pub(super) const DOW_SHORT: &str = r"(?:mon|tues|tue|weds|wed|thurs|thur|thu|fri|sat|sun)";
pub(super) const ORDINAL_WORD: &str = r"(?:(?:twenty|thirty)[- ](?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth|fourteenth|fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|thirtieth)";
pub(super) const CARDINAL_WORD: &str = r"(?:(?:twenty|thirty)[- ](?:one|two|three|four|five|six|seven|eight|nine)|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|eleven|twelve|twenty|thirty|one|two|three|four|five|six|seven|eight|nine|ten)";
pub(super) const HOUR_WORD: &str = r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)";
pub(super) const MINUTE_WORD: &str = r"(?:(?:twenty|thirty|forty|fifty)[- ](?:one|two|three|four|five|six|seven|eight|nine)|oh[- ]five|ten|fifteen|twenty|thirty|forty|fifty)";
const COUNT: &str = r"(?:\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty[- ]five|forty|sixty|ninety|half an?|a couple of|a couple|a few|some|several|couple of|couple|few)";
pub(super) const HALF: &str = r"(?:a\.? ?m\b\.?|p\.? ?m\b\.?)";
pub(super) const PART: &str =
    r"(?:early morning|late afternoon|late evening|late morning|morning|afternoon|evening|night)";
pub(super) const YEAR: &str = r"(?:(?:19|20)\d\d|two thousand(?: and)?(?: [a-z]+(?:[- ][a-z]+)?)?|(?:eighteen|nineteen|seventeen)(?: hundred)?(?: and)? (?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:[- ](?:one|two|three|four|five|six|seven|eight|nine))?|twenty[- ](?:ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty)(?:[- ](?:one|two|three|four|five|six|seven|eight|nine))?)";
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

#[cfg(test)]
mod tests {
    use super::*;

    fn all(said: &str) -> Vec<(String, WhenKind)> {
        let doc = Doc::new(said);
        find(&doc).into_iter().map(|f| (said.get(f.range).unwrap().to_owned(), f.kind)).collect()
    }

    #[test]
    fn days_and_hours_where_they_stand() {
        use WhenKind::{Date, DateTime, Time};
        for (said, expected) in [
            (
                "come on Thursday, the 30th of August at 6:30 pm.",
                vec![("Thursday, the 30th of August", Date), ("6:30 pm", Time)],
            ),
            ("book it for Wed, 22 Aug 2018 at 11.45 AM", vec![("Wed, 22 Aug 2018", Date), ("11.45 AM", Time)]),
            (
                "the fourteenth of june at half past four",
                vec![("the fourteenth of june", Date), ("half past four", Time)],
            ),
            ("two days ago or in three weeks", vec![("two days ago", Date), ("in three weeks", Date)]),
            ("tomorrow morning or tonight", vec![("tomorrow", Date), ("morning", Time), ("tonight", DateTime)]),
            ("any time after 8 on 2018/05/03 is good", vec![("8", Time), ("2018/05/03", Date)]),
            ("in 45 minutes, at noon", vec![("in 45 minutes", Time), ("noon", Time)]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(s, k)| (s.to_owned(), k)).collect();
            assert_eq!(all(said), expected, "{said}");
        }
    }

    #[test]
    fn what_is_no_day_and_no_hour() {
        for said in [
            "you may not",
            "One may ask",
            "This may take longer",
            "a 1:1 meeting",
            "the ratio is 4:3",
            "2015-1-32 is wrong",
            "32-2015",
            "the ssn is 123-12-1234",
            "a table for 7 people",
            "at 5 Main Street",
            "6.45 percent",
            "give me a second",
            "Good morning",
            "my first time",
        ] {
            assert_eq!(all(said), [], "{said}");
        }
    }
}
