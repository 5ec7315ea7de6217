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
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

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

/// Zone, weekly hours and holidays of a location (or the shift of a person). It is never changed; other hours are another calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    zone: String,
    week: Week,
    #[serde(default)]
    holidays: Vec<Holiday>,
    #[serde(skip)]
    known: Known,
}

/// One stretch of open time: `[start, end)`.
type OpenSpan = (Timestamp, Timestamp);

/// What was worked out of a calendar before. It follows from the calendar, so nobody sees whether it is there: it neither tells calendars
/// apart nor is it stored.
#[derive(Default)]
struct Known {
    tz: OnceLock<Option<TimeZone>>,
    days: OnceLock<Days>,
}

/// The open spans of days around the first that was asked for.
struct Days {
    from: usize,
    spans: Box<[OnceLock<Box<[OpenSpan]>>]>,
}

/// So many slots are kept, by [`slot`]: about nineteen months before the first day that was asked for, and as many after it.
const SLOTS: usize = 2 * 600;

/// A number for a date, rising with it, with a gap at the end of shorter months.
fn slot(date: Date) -> usize {
    let year = usize::try_from(i32::from(date.year()) + 10_000).unwrap_or(0);
    let (month, day) = (usize::try_from(date.month()).unwrap_or(0), usize::try_from(date.day()).unwrap_or(0));
    (year * 12 + month) * 31 + day
}

fn each(spans: Cow<'_, [OpenSpan]>) -> impl Iterator<Item = OpenSpan> + '_ {
    (0..spans.len()).filter_map(move |n| spans.get(n).copied())
}

impl Clone for Known {
    fn clone(&self) -> Self {
        Self { tz: self.tz.clone(), days: OnceLock::new() }
    }
}

impl PartialEq for Known {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Known {}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}

impl Calendar {
    /// A calendar of that zone with these weekly hours and no holidays.
    pub fn new(zone: impl Into<String>, week: Week) -> Self {
        Self { zone: zone.into(), week, holidays: Vec::new(), known: Known::default() }
    }

    /// The same hours with these holidays in place of any others.
    #[must_use]
    pub fn with_holidays(self, holidays: Vec<Holiday>) -> Self {
        Self { holidays, known: Known::default(), ..self }
    }

    /// The zone's IANA name: `America/Phoenix`.
    pub fn zone(&self) -> &str {
        &self.zone
    }

    /// What is wrong with this calendar, for configuration time; empty means usable.
    pub fn problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        if self.read_tz().is_none() {
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
        for day in days.into_iter().chain(self.holidays.iter().map(|h| &h.hours)) {
            let mut blocks = day.clone();
            blocks.sort_unstable();
            for pair in blocks.windows(2) {
                if let [a, b] = pair
                    && b.opens < a.closes
                {
                    found.push(Problem::new(
                        "RB-0202",
                        format!("the blocks {a} and {b} of one day overlap"),
                        "write them as one block",
                    ));
                }
            }
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
        self.read_tz().cloned()
    }

    fn read_tz(&self) -> Option<&TimeZone> {
        let read = || {
            let named = !self.zone.is_empty() && self.zone != "Etc/Unknown";
            named.then(|| TimeZone::get(&self.zone).ok()).flatten()
        };
        self.known.tz.get_or_init(read).as_ref()
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
        let tz = self.read_tz()?;
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
        let tz = self.read_tz()?;
        let running = |spans: &[OpenSpan]| spans.iter().find(|(s, e)| *s <= at && at < *e).map(|(_, e)| *e);
        self.days(tz, at).take(3).find_map(|(_, spans)| running(&spans))
    }

    /// Open spans that end after `at`, in order of start.
    fn spans(&self, at: Timestamp) -> Option<impl Iterator<Item = OpenSpan> + '_> {
        let tz = self.read_tz()?;
        Some(self.days(tz, at).flat_map(|(_, spans)| each(spans)).filter(move |(_, end)| *end > at))
    }

    /// The days around `at` with their open spans in order, from the day before (its blocks may run past midnight) on.
    fn days<'c>(&'c self, tz: &'c TimeZone, at: Timestamp) -> impl Iterator<Item = (Date, Cow<'c, [OpenSpan]>)> {
        let today = tz.to_datetime(at).date();
        let yesterday = today.yesterday().ok();
        let ahead = usize::from(SEARCH_DAYS_MAX) + 1;
        let dates = std::iter::successors(Some(today), |date| date.tomorrow().ok()).take(ahead);
        yesterday.into_iter().chain(dates).map(|date| (date, self.spans_on(tz, date)))
    }

    /// The open spans of a day, worked out once if it is near to those that are asked for.
    fn spans_on<'c>(&'c self, tz: &TimeZone, date: Date) -> Cow<'c, [OpenSpan]> {
        let slot = slot(date);
        let around = || Days {
            from: slot.saturating_sub(SLOTS / 2),
            spans: std::iter::repeat_with(OnceLock::new).take(SLOTS).collect(),
        };
        let days = self.known.days.get_or_init(around);
        match slot.checked_sub(days.from).and_then(|n| days.spans.get(n)) {
            Some(held) => Cow::Borrowed(held.get_or_init(|| self.spans_of(tz, date).into())),
            None => Cow::Owned(self.spans_of(tz, date)),
        }
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use jiff::ToSpan;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse::<jiff::Zoned>().unwrap().timestamp()
    }
    fn show(instant: Option<Timestamp>, zone: &str) -> String {
        instant.map_or("never".into(), |t| {
            t.to_zoned(TimeZone::get(zone).unwrap()).strftime("%Y-%m-%d %H:%M %z").to_string()
        })
    }
    fn blocks(text: &str) -> Vec<Block> {
        text.split_whitespace().map(|b| b.parse().unwrap()).collect()
    }
    fn holiday(date: &str, hours: &str) -> Holiday {
        Holiday { date: date.parse().unwrap(), name: String::new(), hours: blocks(hours) }
    }
    const NY: &str = "America/New_York";

    #[test]
    fn blocks_are_read_as_people_write_them() {
        for (text, shown) in [
            ("08:00-17:30", Some("08:00-17:30")),
            (" 8:00 - 12:00 ", Some("08:00-12:00")),
            ("22:00-06:00", Some("22:00-06:00")),
            ("00:00-24:00", Some("00:00-24:00")),
            ("18:00-24:00", Some("18:00-24:00")),
            ("08:00-08:00", None),
            ("24:00-08:00", None),
            ("08:00-25:00", None),
            ("08:60-09:00", None),
            ("8-17", None),
            ("-1:00-09:00", None),
            ("", None),
        ] {
            assert_eq!(text.parse::<Block>().ok().map(|b| b.to_string()).as_deref(), shown, "{text}");
        }
        let stored: Block = serde_json::from_str("\"22:00-06:00\"").unwrap();
        assert!(stored.crosses_midnight());
        assert!(serde_json::from_str::<Block>("\"late\"").is_err());
    }

    #[test]
    fn several_blocks_a_day_weekends_and_holidays() {
        // Memorial Day, a Monday, and a short day before Christmas.
        let holidays = vec![holiday("2026-05-25", ""), holiday("2026-12-24", "09:00-11:00")];
        let shop = Calendar::new(NY, Week::weekdays(&blocks("08:00-12:00 13:00-17:00"))).with_holidays(holidays);
        assert_eq!(shop.problems(), Vec::new());
        let day = |t: &str| at(&format!("{t}[{NY}]"));
        for (now, open, next, closes, end) in [
            ("2026-05-20T07:59", false, "2026-05-20 08:00 -0400", "never", "2026-05-20 17:00 -0400"),
            ("2026-05-20T08:00", true, "2026-05-20 08:00 -0400", "2026-05-20 12:00 -0400", "2026-05-20 17:00 -0400"),
            ("2026-05-20T12:00", false, "2026-05-20 13:00 -0400", "never", "2026-05-20 17:00 -0400"),
            ("2026-05-20T16:59", true, "2026-05-20 16:59 -0400", "2026-05-20 17:00 -0400", "2026-05-20 17:00 -0400"),
            ("2026-05-20T17:00", false, "2026-05-21 08:00 -0400", "never", "2026-05-21 17:00 -0400"),
            // Friday evening before the holiday weekend.
            ("2026-05-22T18:00", false, "2026-05-26 08:00 -0400", "never", "2026-05-26 17:00 -0400"),
            ("2026-05-25T10:00", false, "2026-05-26 08:00 -0400", "never", "2026-05-26 17:00 -0400"),
            ("2026-12-24T08:30", false, "2026-12-24 09:00 -0500", "never", "2026-12-24 11:00 -0500"),
            ("2026-12-24T13:30", false, "2026-12-25 08:00 -0500", "never", "2026-12-25 17:00 -0500"),
        ] {
            let now_at = day(now);
            assert_eq!(shop.is_open(now_at), open, "{now}");
            assert_eq!(show(shop.next_opening(now_at), NY), next, "{now}");
            assert_eq!(show(shop.closes_at(now_at), NY), closes, "{now}");
            assert_eq!(show(shop.end_of_business_day(now_at), NY), end, "{now}");
        }
        let add = |from: &str, minutes| show(shop.add_open_time(day(from), SignedDuration::from_mins(minutes)), NY);
        assert_eq!(add("2026-05-20T11:45", 30), "2026-05-20 13:15 -0400");
        assert_eq!(add("2026-05-20T11:30", 30), "2026-05-20 12:00 -0400");
        assert_eq!(add("2026-05-22T16:50", 30), "2026-05-26 08:20 -0400");
        assert_eq!(add("2026-05-23T16:50", 0), "2026-05-26 08:00 -0400");
        assert_eq!(shop.open_until(day("2026-05-20T11:30")), SignedDuration::from_mins(30));
        assert_eq!(shop.open_until(day("2026-05-20T12:30")), SignedDuration::ZERO);
    }

    #[test]
    fn clocks_change_in_spring_and_autumn_on_both_sides_of_the_earth() {
        let round = |zone: &str| Calendar::new(zone, Week::every_day(&blocks("00:00-24:00")));
        let hours =
            |c: &Calendar, from: &str, h| show(c.add_open_time(at(from), SignedDuration::from_hours(h)), c.zone());
        let ny = round(NY);
        // 8 March 2026 has 23 hours in New York, 1 November has 25.
        assert_eq!(hours(&ny, "2026-03-08T00:00[America/New_York]", 3), "2026-03-08 04:00 -0400");
        assert_eq!(hours(&ny, "2026-11-01T00:00[America/New_York]", 3), "2026-11-01 02:00 -0500");
        assert_eq!(
            show(ny.end_of_business_day(at("2026-11-01T00:30[America/New_York]")), NY),
            "2026-11-02 00:00 -0500"
        );
        // Sydney goes the other way round: 5 April has 25 hours, 4 October 23.
        let sydney = round("Australia/Sydney");
        assert_eq!(hours(&sydney, "2026-04-05T00:00[Australia/Sydney]", 4), "2026-04-05 03:00 +1000");
        assert_eq!(hours(&sydney, "2026-10-04T00:00[Australia/Sydney]", 4), "2026-10-04 05:00 +1100");
        // Phoenix does not change its clocks.
        let phoenix = round("America/Phoenix");
        assert_eq!(hours(&phoenix, "2026-03-08T00:00[America/Phoenix]", 3), "2026-03-08 03:00 -0700");
        assert_eq!(ny.closes_at(at("2026-06-01T00:00[America/New_York]")), None);
        assert!(ny.open_until(at("2026-06-01T00:00[America/New_York]")) > SignedDuration::from_hours(24 * 365));
    }

    #[test]
    fn blocks_at_the_changed_hour() {
        let at_night = |b: &str| Calendar::new(NY, Week::every_day(&blocks(b)));
        let open = |c: &Calendar, from: &str| {
            let start = c.next_opening(at(from));
            (show(start, NY), c.closes_at(start.unwrap()).map(|e| e.duration_since(start.unwrap()).as_mins()))
        };
        // 02:00 to 03:00 does not exist on 8 March: the block inside it is not, the one that begins in it begins at the change.
        assert_eq!(
            open(&at_night("02:15-02:45"), "2026-03-08T00:00[America/New_York]"),
            ("2026-03-09 02:15 -0400".into(), Some(30))
        );
        assert_eq!(
            open(&at_night("02:30-05:00"), "2026-03-08T00:00[America/New_York]"),
            ("2026-03-08 03:00 -0400".into(), Some(120))
        );
        assert_eq!(
            open(&at_night("01:00-02:30"), "2026-03-08T00:00[America/New_York]"),
            ("2026-03-08 01:00 -0500".into(), Some(60))
        );
        // 01:00 to 02:00 comes twice on 1 November: what ends after it is an hour longer, what lies in it happens the first time.
        assert_eq!(
            open(&at_night("01:30-03:00"), "2026-11-01T00:00[America/New_York]"),
            ("2026-11-01 01:30 -0400".into(), Some(150))
        );
        assert_eq!(
            open(&at_night("01:15-01:45"), "2026-11-01T00:00[America/New_York]"),
            ("2026-11-01 01:15 -0400".into(), Some(30))
        );
    }

    #[test]
    fn night_shifts_belong_to_the_day_they_start_and_end_at_a_holiday() {
        let night = Calendar::new("America/Phoenix", Week::every_day(&blocks("22:00-06:00")));
        let p = |t: &str| at(&format!("{t}[America/Phoenix]"));
        let shown = |t| show(t, "America/Phoenix");
        assert!(night.is_open(p("2026-06-02T02:00")));
        assert_eq!(shown(night.end_of_business_day(p("2026-06-02T02:00"))), "2026-06-02 06:00 -0700");
        assert_eq!(shown(night.end_of_business_day(p("2026-06-02T07:00"))), "2026-06-03 06:00 -0700");
        let night = night.with_holidays(vec![holiday("2026-06-03", "")]);
        assert_eq!(shown(night.closes_at(p("2026-06-02T23:00"))), "2026-06-03 00:00 -0700");
        assert_eq!(shown(night.next_opening(p("2026-06-03T01:00"))), "2026-06-04 22:00 -0700");
    }

    #[test]
    fn calendars_that_cannot_be_used_say_so() {
        let week = Week::weekdays(&blocks("08:00-17:00"));
        let codes = |c: &Calendar| c.problems().iter().map(|p| p.code).collect::<Vec<_>>();
        assert_eq!(codes(&Calendar::new("America/Fenix", week.clone())), ["RB-0201"]);
        assert_eq!(codes(&Calendar::new("-07:00", week.clone())), ["RB-0201"]);
        assert_eq!(codes(&Calendar::new("", week.clone())), ["RB-0201"]);
        let closed = Calendar::new(NY, Week::default());
        assert_eq!(codes(&closed), ["RB-0202"]);
        let now = at("2026-05-20T12:00[America/New_York]");
        assert_eq!(
            (closed.next_opening(now), closed.end_of_business_day(now), closed.is_open(now)),
            (None, None, false)
        );
        assert_eq!(closed.add_open_time(now, SignedDuration::from_mins(5)), None);
        let mut twice = Calendar::new(NY, week);
        twice.holidays = vec![holiday("2026-12-25", ""), holiday("2026-12-25", "08:00-10:00 09:00-11:00")];
        assert_eq!(codes(&twice), ["RB-0202", "RB-0202"]);
        // The bound: a year and a day is not looked at.
        let mut rare = Calendar::new(NY, Week::default());
        rare.holidays.push(holiday("2027-07-01", "09:00-10:00"));
        assert_eq!(rare.next_opening(now), None);
        assert!(rare.next_opening(at("2026-12-01T12:00[America/New_York]")).is_some());
    }

    pub(crate) fn any_calendar() -> impl Strategy<Value = Calendar> {
        let zone = prop::sample::select(vec![
            NY,
            "America/Phoenix",
            "Europe/Berlin",
            "Australia/Sydney",
            "Australia/Lord_Howe",
            "Asia/Kathmandu",
            "America/St_Johns",
        ]);
        let block = (0u16..96, 1u16..96)
            .prop_map(|(opens, long)| Block::new(opens * 15, (opens * 15 + long * 15) % DAY_MINUTES));
        let day = prop::collection::vec(block, 0..3).prop_map(|b| b.into_iter().flatten().collect::<Vec<_>>());
        let holidays = prop::collection::vec((0i32..60, day.clone()), 0..6);
        (zone, prop::collection::vec(day, 7), holidays).prop_map(|(zone, days, holidays)| {
            let mut days = days.into_iter();
            let mut next = || days.next().unwrap_or_default();
            let week =
                Week { mon: next(), tue: next(), wed: next(), thu: next(), fri: next(), sat: next(), sun: next() };
            let first: Date = "2026-03-01".parse().unwrap();
            let holidays = holidays
                .into_iter()
                .map(|(n, hours)| Holiday { date: first.checked_add(n.days()).unwrap(), name: String::new(), hours })
                .collect();
            Calendar::new(zone, week).with_holidays(holidays)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn open_time_is_counted_exactly_and_never_ends_while_closed(
            calendar in any_calendar(), second in 1_772_000_000i64..1_799_000_000, minutes in 1i64..3_000,
        ) {
            let from = Timestamp::from_second(second).unwrap();
            let wanted = SignedDuration::from_mins(minutes);
            let Some(to) = calendar.add_open_time(from, wanted) else { return Ok(()) };
            prop_assert!(to > from);
            let just_before = to.checked_sub(SignedDuration::from_nanos(1)).unwrap();
            prop_assert!(calendar.is_open(just_before), "{} ends in closed time", to);
            let (mut counted, mut now) = (SignedDuration::ZERO, from);
            while let Some(start) = calendar.next_opening(now).filter(|s| *s < to) {
                let end = calendar.closes_at(start).unwrap_or(to).min(to);
                counted += end.duration_since(start);
                now = end;
            }
            prop_assert_eq!(counted, wanted);
        }

        #[test]
        fn what_was_asked_before_changes_no_answer(
            calendar in any_calendar(),
            seconds in prop::collection::vec(1_600_000_000i64..1_950_000_000, 1..12),
        ) {
            let all = |calendar: &Calendar, second: i64| {
                let now = Timestamp::from_second(second).unwrap();
                let added = calendar.add_open_time(now, SignedDuration::from_mins(777));
                let (next, closes) = (calendar.next_opening(now), calendar.closes_at(now));
                (calendar.is_open(now), next, closes, calendar.end_of_business_day(now), added)
            };
            let written = serde_json::to_string(&calendar).unwrap();
            for second in seconds {
                let fresh: Calendar = serde_json::from_str(&written).unwrap();
                prop_assert_eq!(all(&calendar, second), all(&fresh, second));
                prop_assert_eq!(&calendar, &fresh);
                prop_assert_eq!(&serde_json::to_string(&calendar).unwrap(), &written);
                // Other holidays are another calendar, whatever this one knows.
                let other = calendar.clone().with_holidays(Vec::new());
                let plain = Calendar::new(calendar.zone(), calendar.week.clone());
                prop_assert_eq!(all(&other, second), all(&plain, second));
            }
        }

        #[test]
        fn openings_and_closings_agree(calendar in any_calendar(), second in 1_772_000_000i64..1_799_000_000) {
            let now = Timestamp::from_second(second).unwrap();
            if let Some(start) = calendar.next_opening(now) {
                prop_assert!(start >= now && calendar.is_open(start));
                prop_assert_eq!(start == now, calendar.is_open(now));
                if let Some(end) = calendar.closes_at(start) {
                    prop_assert!(end > start && !calendar.is_open(end));
                }
                let end = calendar.end_of_business_day(now);
                prop_assert!(end.is_none_or(|e| e > now));
            }
        }
    }
}
