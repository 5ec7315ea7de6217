//! Opening hours as the auditor computes with them: minute sums over plain lists of spans, written apart from the calendar that is judged.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use ringback_core::followup::calendar::{Block, Calendar, Holiday, Week};

const DAYS_AHEAD_MAX: i32 = 40;

/// When a site is open.
#[derive(Debug, Clone)]
pub struct Hours {
    /// IANA name.
    pub zone: &'static str,
    /// Stretches of each open weekday, `HH:MM-HH:MM`.
    pub blocks: Vec<&'static str>,
    /// Open on Saturday and Sunday too.
    pub weekends: bool,
    /// Closed all day.
    pub holidays: Vec<Date>,
}

impl Hours {
    /// The same hours as the program's roster holds them.
    pub fn calendar(&self) -> Calendar {
        let blocks: Vec<Block> = self.blocks.iter().filter_map(|b| b.parse().ok()).collect();
        let week = if self.weekends { Week::every_day(&blocks) } else { Week::weekdays(&blocks) };
        let holiday = |date: &Date| Holiday { date: *date, name: "closed".into(), hours: Vec::new() };
        Calendar::new(self.zone, week).with_holidays(self.holidays.iter().map(holiday).collect())
    }

    fn tz(&self) -> TimeZone {
        TimeZone::get(self.zone).unwrap_or(TimeZone::UTC)
    }

    fn date_of(&self, ms: i64) -> Date {
        instant(ms).to_zoned(self.tz()).date()
    }

    /// Open spans of a date, ms since the epoch, in order.
    fn spans(&self, date: Date) -> Vec<(i64, i64)> {
        let weekend = matches!(date.weekday(), jiff::civil::Weekday::Saturday | jiff::civil::Weekday::Sunday);
        if (weekend && !self.weekends) || self.holidays.contains(&date) {
            return Vec::new();
        }
        let at = |text: &str| {
            let (hour, minute) = text.split_once(':')?;
            let time = date.at(hour.parse().ok()?, minute.parse().ok()?, 0, 0);
            Some(time.to_zoned(self.tz()).ok()?.timestamp().as_millisecond())
        };
        let span = |block: &&str| {
            let (from, to) = block.split_once('-')?;
            Some((at(from)?, at(to)?))
        };
        self.blocks.iter().filter_map(span).collect()
    }

    /// All open spans from the day of `ms` on.
    fn ahead(&self, ms: i64) -> impl Iterator<Item = (i64, i64)> + '_ {
        let first = self.date_of(ms);
        (0..DAYS_AHEAD_MAX)
            .filter_map(move |n| first.checked_add(jiff::Span::new().days(n)).ok())
            .flat_map(|date| self.spans(date))
    }

    /// Open at that moment.
    pub fn open(&self, ms: i64) -> bool {
        self.spans(self.date_of(ms)).iter().any(|(from, to)| (*from..*to).contains(&ms))
    }

    /// The hours change within so many minutes.
    pub fn near_a_change(&self, ms: i64, minutes: i64) -> bool {
        let near = |edge: i64| (edge - ms).abs() <= minutes * 60_000;
        self.spans(self.date_of(ms)).iter().any(|(from, to)| near(*from) || near(*to))
    }

    /// So many open minutes later.
    pub fn add(&self, ms: i64, minutes: i64) -> i64 {
        let mut left = minutes * 60_000;
        for (from, to) in self.ahead(ms) {
            let from = from.max(ms);
            if to <= from {
                continue;
            }
            if to - from >= left {
                return from + left;
            }
            left -= to - from;
        }
        i64::MAX
    }

    /// The end of this business day, or of the next one when it is over.
    pub fn day_end(&self, ms: i64) -> i64 {
        let first = self.date_of(ms);
        (0..DAYS_AHEAD_MAX)
            .filter_map(|n| first.checked_add(jiff::Span::new().days(n)).ok())
            .filter_map(|date| self.spans(date).last().map(|(_, to)| *to))
            .find(|end| *end > ms)
            .unwrap_or(i64::MAX)
    }

    /// So many open minutes after the next opening; for a moment at which it is closed.
    pub fn opening_plus(&self, ms: i64, minutes: i64) -> i64 {
        self.add(ms, minutes)
    }
}

fn instant(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<jiff::Zoned>().unwrap().timestamp().as_millisecond()
    }

    #[test]
    fn weekends_holidays_and_clock_changes_are_counted_in_local_time() {
        let hours = Hours {
            zone: "America/New_York",
            blocks: vec!["08:00-12:00", "13:00-17:00"],
            weekends: false,
            holidays: vec![jiff::civil::date(2026, 3, 9)],
        };
        // Friday evening; Sunday the clocks change, Monday is closed.
        let friday = at("2026-03-06T16:50[America/New_York]");
        assert_eq!(hours.add(friday, 30), at("2026-03-10T08:20[America/New_York]"));
        assert_eq!(hours.day_end(friday), at("2026-03-06T17:00[America/New_York]"));
        assert_eq!(hours.day_end(at("2026-03-06T17:01[America/New_York]")), at("2026-03-10T17:00[America/New_York]"));
        assert!(!hours.open(at("2026-03-06T12:30[America/New_York]")));
        assert!(hours.near_a_change(friday, 10) && !hours.near_a_change(friday, 9));
    }
}
