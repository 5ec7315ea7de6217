//! When a location is open: blocks per weekday, holidays, in the location's own zone.
//!
//! Everything is computed from the IANA database compiled into the binary, so the same call decided on two machines gives the
//! same due time. Never from the offset a payload prints: that is often the account's, not the location's.
//!
//! Readings, decided once:
//! * A block that ends before it starts crosses midnight and belongs to the day it starts on.
//! * A holiday governs its whole date: it replaces that day's blocks, and a block of the evening before ends at its midnight.
//! * At a clock change, an opening or closing time happens when the wall clock first shows it; one that the clock skips happens at
//!   the change. So a block inside the skipped hour does not exist that day.
//! * Spans are half open: at the closing instant the location is closed.

use crate::problem::Problem;
use jiff::civil::{Date, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How far ahead an opening is looked for, in days. A location without one within a year has none.
pub const SEARCH_DAYS_MAX: u16 = 366;
/// The most blocks a single day may have.
pub const BLOCKS_PER_DAY_MAX: usize = 8;
/// The most holidays one calendar may list.
pub const HOLIDAYS_MAX: usize = 1_000;

const DAY_MINUTES: u16 = 24 * 60;

/// One stretch of opening time, written `08:00-17:30`; `22:00-06:00` crosses midnight, `00:00-24:00` is the whole day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Block {
    /// Minutes after midnight of the day it belongs to: 0..=1439.
    opens: u16,
    /// Minutes after the same midnight, after `opens` and at most a day later: up to 2879.
    closes: u16,
}

impl Block {
    /// A block from minutes after midnight; a closing at or before the opening means the next day. `None` when out of range or
    /// when both are the same (empty or a whole day? nobody can tell).
    pub fn new(opens: u16, closes: u16) -> Option<Self> {
        if opens >= DAY_MINUTES || closes > DAY_MINUTES || opens == closes {
            return None;
        }
        Some(Self { opens, closes: if closes < opens { closes + DAY_MINUTES } else { closes } })
    }
    /// Runs into the next day.
    pub fn crosses_midnight(self) -> bool {
        self.closes > DAY_MINUTES
    }
}

impl FromStr for Block {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not an opening block such as 08:00-17:30");
        let minutes = |part: &str| -> Option<u16> {
            let (hour, minute) = part.trim().split_once(':')?;
            let digits = |s: &str, len: std::ops::RangeInclusive<usize>| {
                (len.contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit()))
                    .then(|| s.parse::<u16>().ok())
                    .flatten()
            };
            let (hour, minute) = (digits(hour, 1..=2)?, digits(minute, 2..=2)?);
            (minute < 60 && hour * 60 + minute <= DAY_MINUTES).then_some(hour * 60 + minute)
        };
        let (opens, closes) = text.split_once('-').ok_or_else(wrong)?;
        let (opens, closes) = (minutes(opens).ok_or_else(wrong)?, minutes(closes).ok_or_else(wrong)?);
        Self::new(opens, closes).ok_or_else(wrong)
    }
}

impl TryFrom<String> for Block {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let closes = if self.closes > DAY_MINUTES { self.closes - DAY_MINUTES } else { self.closes };
        write!(f, "{:02}:{:02}-{:02}:{:02}", self.opens / 60, self.opens % 60, closes / 60, closes % 60)
    }
}

impl From<Block> for String {
    fn from(block: Block) -> Self {
        block.to_string()
    }
}

/// The blocks of each weekday; a day without blocks is closed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Week {
    pub mon: Vec<Block>,
    pub tue: Vec<Block>,
    pub wed: Vec<Block>,
    pub thu: Vec<Block>,
    pub fri: Vec<Block>,
    pub sat: Vec<Block>,
    pub sun: Vec<Block>,
}

impl Week {
    /// The same blocks from Monday to Friday, closed at the weekend.
    pub fn weekdays(blocks: &[Block]) -> Self {
        let day = || blocks.to_vec();
        Self { mon: day(), tue: day(), wed: day(), thu: day(), fri: day(), sat: Vec::new(), sun: Vec::new() }
    }
    /// The same blocks on all seven days.
    pub fn every_day(blocks: &[Block]) -> Self {
        Self { sat: blocks.to_vec(), sun: blocks.to_vec(), ..Self::weekdays(blocks) }
    }
    /// The blocks of that weekday.
    pub fn day(&self, weekday: Weekday) -> &[Block] {
        match weekday {
            Weekday::Monday => &self.mon,
            Weekday::Tuesday => &self.tue,
            Weekday::Wednesday => &self.wed,
            Weekday::Thursday => &self.thu,
            Weekday::Friday => &self.fri,
            Weekday::Saturday => &self.sat,
            Weekday::Sunday => &self.sun,
        }
    }
}

/// A date with hours of its own: none at all, or special ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    pub date: Date,
    /// What it is called, for people.
    #[serde(default)]
    pub name: String,
    /// Special hours; empty means closed all day.
    #[serde(default)]
    pub hours: Vec<Block>,
}

/// Zone, weekly hours and holidays of a location (or the shift of a person).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// IANA name: `America/Phoenix`.
    pub zone: String,
    pub week: Week,
    #[serde(default)]
    pub holidays: Vec<Holiday>,
}

/// One stretch of open time: `[start, end)`.
type OpenSpan = (Timestamp, Timestamp);

impl Calendar {
    /// A calendar of that zone with these weekly hours and no holidays.
    pub fn new(zone: impl Into<String>, week: Week) -> Self {
        Self { zone: zone.into(), week, holidays: Vec::new() }
    }

    /// What is wrong with this calendar, for configuration time; empty means usable.
    pub fn problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        if self.tz().is_none() {
            found.push(Problem::new(
                "RB-0201",
                format!("the time zone {:?} is not in the IANA database", self.zone),
                "use a name such as America/Phoenix or Europe/Berlin; an offset such as -07:00 does not know summer time",
            ));
        }
        let days = [
            &self.week.mon,
            &self.week.tue,
            &self.week.wed,
            &self.week.thu,
            &self.week.fri,
            &self.week.sat,
            &self.week.sun,
        ];
        if days.iter().all(|d| d.is_empty()) && self.holidays.iter().all(|h| h.hours.is_empty()) {
            found.push(Problem::new(
                "RB-0202",
                "the calendar never opens, so no clock could ever run in it",
                "give at least one weekday an opening block such as 08:00-17:00",
            ));
        }
        if days.iter().any(|d| d.len() > BLOCKS_PER_DAY_MAX) || self.holidays.len() > HOLIDAYS_MAX {
            found.push(Problem::new(
                "RB-0202",
                format!(
                    "a day has more than {BLOCKS_PER_DAY_MAX} blocks or the calendar more than {HOLIDAYS_MAX} holidays"
                ),
                "join blocks that touch and drop holidays of past years",
            ));
        }
        let mut dates: Vec<Date> = self.holidays.iter().map(|h| h.date).collect();
        dates.sort_unstable();
        for pair in dates.windows(2) {
            if let [a, b] = pair
                && a == b
            {
                found.push(Problem::new(
                    "RB-0202",
                    format!("the holiday {a} is listed twice"),
                    "keep one entry for that date and write all its hours there",
                ));
            }
        }
        found
    }

    /// The zone, or `None` where the name is unknown (which [`Calendar::problems`] refuses before anything runs).
    pub fn tz(&self) -> Option<TimeZone> {
        if self.zone.is_empty() || self.zone == "Etc/Unknown" {
            return None;
        }
        TimeZone::get(&self.zone).ok()
    }

    /// Open at that instant.
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.closes_at_raw(at).is_some()
    }

    /// The next instant at which it is open, which is `at` itself while it is open; `None` when it does not open within
    /// [`SEARCH_DAYS_MAX`].
    pub fn next_opening(&self, at: Timestamp) -> Option<Timestamp> {
        self.spans(at)?.next().map(|(start, _)| start.max(at))
    }

    /// When the open time that `at` lies in ends; `None` while closed, and for a location that does not close within
    /// [`SEARCH_DAYS_MAX`].
    pub fn closes_at(&self, at: Timestamp) -> Option<Timestamp> {
        let mut spans = self.spans(at)?;
        let (start, mut end) = spans.next()?;
        if start > at {
            return None;
        }
        for (next_start, next_end) in spans {
            if next_start > end {
                return Some(end);
            }
            end = end.max(next_end);
        }
        // Only a search that ran out of days ends here: a last span that ends before the horizon does close.
        let horizon = at.checked_add(SignedDuration::from_hours(24 * (i64::from(SEARCH_DAYS_MAX) - 2))).ok()?;
        (end < horizon).then_some(end)
    }

    /// How long it stays open without a break from `at`; zero while closed, [`SEARCH_DAYS_MAX`] days when it never closes.
    pub fn open_until(&self, at: Timestamp) -> SignedDuration {
        match self.closes_at(at) {
            Some(end) => end.duration_since(at),
            None if self.is_open(at) => SignedDuration::from_hours(24 * i64::from(SEARCH_DAYS_MAX)),
            None => SignedDuration::ZERO,
        }
    }

    /// The instant at which exactly that much open time has passed since `at`: an instant that is open, or the closing instant when
    /// the time runs out exactly there. A duration of zero or less gives the next open instant. `None` beyond [`SEARCH_DAYS_MAX`].
    pub fn add_open_time(&self, at: Timestamp, open: SignedDuration) -> Option<Timestamp> {
        let mut left = open.max(SignedDuration::ZERO);
        let mut passed = at;
        for (start, end) in self.spans(at)? {
            let from = start.max(passed);
            if end <= from {
                continue;
            }
            let room = end.duration_since(from);
            if left <= room {
                return from.checked_add(left).ok();
            }
            left -= room;
            passed = end;
        }
        None
    }

    /// The last closing of the business day that `at` belongs to: the day whose blocks are still to end, else the next day that
    /// opens. A location that never closes ends its day at midnight. `None` beyond [`SEARCH_DAYS_MAX`].
    pub fn end_of_business_day(&self, at: Timestamp) -> Option<Timestamp> {
        let tz = self.tz()?;
        let today = tz.to_datetime(at).date();
        for (date, spans) in self.days(tz, at) {
            let last = spans.iter().map(|s| s.1).max();
            // Yesterday's night shift is still that business day, but only while it runs.
            let counts = date >= today || spans.iter().any(|s| s.0 <= at && at < s.1);
            if let Some(last) = last
                && counts
                && last > at
            {
                return Some(last);
            }
        }
        None
    }

    /// The end of the block containing `at`, without looking whether another begins right there.
    fn closes_at_raw(&self, at: Timestamp) -> Option<Timestamp> {
        let tz = self.tz()?;
        self.days(tz, at).take(3).flat_map(|(_, spans)| spans).find(|(s, e)| *s <= at && at < *e).map(|(_, e)| e)
    }

    /// Open spans that end after `at`, in order of start.
    fn spans(&self, at: Timestamp) -> Option<impl Iterator<Item = OpenSpan> + '_> {
        let tz = self.tz()?;
        Some(self.days(tz, at).flat_map(|(_, spans)| spans).filter(move |(_, end)| *end > at))
    }

    /// The days around `at` with their open spans in order, from the day before (its blocks may run past midnight) on.
    fn days(&self, tz: TimeZone, at: Timestamp) -> impl Iterator<Item = (Date, Vec<OpenSpan>)> + '_ {
        let today = tz.to_datetime(at).date();
        (-1..=i32::from(SEARCH_DAYS_MAX)).filter_map(move |offset| {
            let date = today.checked_add(offset.days()).ok()?;
            Some((date, self.spans_of(&tz, date)))
        })
    }

    fn holiday(&self, date: Date) -> Option<&Holiday> {
        self.holidays.iter().find(|h| h.date == date)
    }

    fn spans_of(&self, tz: &TimeZone, date: Date) -> Vec<OpenSpan> {
        let blocks = self.holiday(date).map_or_else(|| self.week.day(date.weekday()), |h| h.hours.as_slice());
        let cut = date.tomorrow().is_ok_and(|next| self.holiday(next).is_some());
        let mut spans: Vec<OpenSpan> = blocks
            .iter()
            .filter_map(|block| {
                let closes = if cut { block.closes.min(DAY_MINUTES) } else { block.closes };
                let span = (wall(tz, date, block.opens)?, wall(tz, date, closes)?);
                (span.0 < span.1).then_some(span)
            })
            .collect();
        spans.sort_unstable();
        spans
    }
}

/// The instant at which the wall clock first shows that minute of the date; for a skipped minute the instant of the change.
fn wall(tz: &TimeZone, date: Date, minute: u16) -> Option<Timestamp> {
    let day = if minute >= DAY_MINUTES { date.tomorrow().ok()? } else { date };
    let minute = minute % DAY_MINUTES;
    let shown = day.at(i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?, 0, 0);
    let instant = tz.to_ambiguous_timestamp(shown);
    if let AmbiguousOffset::Gap { .. } = instant.offset() {
        let after = instant.later().ok()?;
        return tz.preceding(after.checked_add(SignedDuration::from_nanos(1)).ok()?).next().map(|t| t.timestamp());
    }
    instant.earlier().ok()
}
