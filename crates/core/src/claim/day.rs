//! Which day or hour an expression means, when that is certain. What leaves a choice comes back as said.

use std::sync::LazyLock;

use jiff::civil::{Date, Time, Weekday};
use jiff::{Span as Length, ToSpan};
use regex::{Captures, Regex};

use super::text::{Doc, pattern};
use super::when::{CARDINAL_WORD, DOW, DOW_SHORT, HALF, HOUR_WORD, MINUTE_WORD, MONTH, ORDINAL_WORD, PART, YEAR};
use super::{ClaimValue, ReadContext, TimeMeaning, number};

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
