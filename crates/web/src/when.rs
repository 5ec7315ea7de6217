//! Dates, times and durations as a location's people write them. A small formatter of our own: three styles are enough for the
//! places served so far, and a new one is one line in [`Style::of`].

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

/// How a place writes times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// 8:05 AM, Mon, Nov 16
    Us,
    /// 08:05, Mon 16 Nov
    Gb,
    /// 08:05, Mo., 16.11.
    De,
}

impl Style {
    fn of(locale: &str) -> Self {
        match locale.split('-').next().unwrap_or_default() {
            "de" => Self::De,
            "en" if matches!(locale, "en" | "en-US" | "en-CA") => Self::Us,
            _ => Self::Gb,
        }
    }
}

/// The clock of one place.
#[derive(Debug, Clone)]
pub(crate) struct Wall {
    zone: TimeZone,
    style: Style,
}

impl Wall {
    /// The clock of that zone in that locale (BCP 47); an unknown zone shows UTC.
    pub(crate) fn new(zone: &str, locale: &str) -> Self {
        Self { zone: TimeZone::get(zone).unwrap_or(TimeZone::UTC), style: Style::of(locale) }
    }

    /// `8:05 AM` or `08:05`.
    pub(crate) fn time(&self, at: Timestamp) -> String {
        let pattern = if self.style == Style::Us { "%-I:%M %p" } else { "%H:%M" };
        at.to_zoned(self.zone.clone()).strftime(pattern).to_string()
    }

    /// `8:05:09 AM`, for the ledger.
    pub(crate) fn seconds(&self, at: Timestamp) -> String {
        let pattern = if self.style == Style::Us { "%-I:%M:%S %p" } else { "%H:%M:%S" };
        at.to_zoned(self.zone.clone()).strftime(pattern).to_string()
    }

    /// `Mon, Nov 16`.
    pub(crate) fn date(&self, at: Timestamp) -> String {
        let zoned = at.to_zoned(self.zone.clone());
        match self.style {
            Style::Us => zoned.strftime("%a, %b %-d").to_string(),
            Style::Gb => zoned.strftime("%a %-d %b").to_string(),
            Style::De => {
                let day = ["Mo.", "Di.", "Mi.", "Do.", "Fr.", "Sa.", "So."];
                let n = usize::try_from(zoned.weekday().to_monday_zero_offset()).unwrap_or_default();
                format!("{}, {}", day.get(n).copied().unwrap_or_default(), zoned.strftime("%-d.%-m."))
            }
        }
    }

    /// A day without an hour: `Mon, Nov 16`.
    pub(crate) fn day(&self, day: Date) -> String {
        // Noon exists on every day in every zone.
        day.at(12, 0, 0, 0).to_zoned(self.zone.clone()).map_or_else(|_| day.to_string(), |z| self.date(z.timestamp()))
    }

    /// An hour without a day: `10:00 AM`. Read on the day of `now`; only the writing of it is wanted.
    pub(crate) fn hour(&self, at: Time, now: Timestamp) -> Option<String> {
        let today = now.to_zoned(self.zone.clone()).date();
        Some(self.time(today.to_datetime(at).to_zoned(self.zone.clone()).ok()?.timestamp()))
    }

    /// A day and hour as this place's clocks show it.
    pub(crate) fn local(&self, at: DateTime, now: Timestamp) -> Option<String> {
        Some(self.moment(at.to_zoned(self.zone.clone()).ok()?.timestamp(), now))
    }

    /// A day and hour of this place's clocks as an instant; of an hour that a clock change repeats the first.
    pub(crate) fn instant(&self, at: DateTime) -> Option<Timestamp> {
        Some(at.to_zoned(self.zone.clone()).ok()?.timestamp())
    }

    /// An instant as a form's field of day and hour holds it.
    pub(crate) fn field(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%dT%H:%M").to_string()
    }

    /// What the zone is called at that moment: `MST`.
    pub(crate) fn zone_word(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Z").to_string()
    }

    /// The time alone on the day of `now`, else with its date.
    pub(crate) fn moment(&self, at: Timestamp, now: Timestamp) -> String {
        if self.same_day(at, now) { self.time(at) } else { format!("{} {}", self.date(at), self.time(at)) }
    }

    /// With its date also on the day itself: for what is read weeks later.
    pub(crate) fn dated(&self, at: Timestamp) -> String {
        format!("{} {}", self.date(at), self.time(at))
    }

    /// Both instants fall on one day here.
    pub(crate) fn same_day(&self, a: Timestamp, b: Timestamp) -> bool {
        a.to_zoned(self.zone.clone()).date() == b.to_zoned(self.zone.clone()).date()
    }
}

/// A length of time in the two largest words: `12 min`, `3 h 05`, `2 days`. The page's script writes the same.
pub(crate) fn lasting(seconds: i64) -> String {
    let minutes = seconds.max(0) / 60;
    match minutes {
        0 => format!("{} s", seconds.max(0)),
        1..60 => format!("{minutes} min"),
        60..2880 => format!("{} h {:02}", minutes / 60, minutes % 60),
        _ => format!("{} days", minutes / 1440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_reads_its_own_clock() {
        let at: Timestamp = "2026-11-16T15:05:09Z".parse().unwrap();
        let phoenix = Wall::new("America/Phoenix", "en-US");
        let berlin = Wall::new("Europe/Berlin", "de-DE");
        let london = Wall::new("Europe/London", "en-GB");
        assert_eq!((phoenix.time(at).as_str(), phoenix.date(at).as_str()), ("8:05 AM", "Mon, Nov 16"));
        assert_eq!((berlin.time(at).as_str(), berlin.date(at).as_str()), ("16:05", "Mo., 16.11."));
        assert_eq!((london.time(at).as_str(), london.date(at).as_str()), ("15:05", "Mon 16 Nov"));
        assert_eq!(berlin.day("2026-03-29".parse().unwrap()), "So., 29.3.");
        let late: Timestamp = "2026-11-17T06:30:00Z".parse().unwrap();
        assert_eq!(phoenix.moment(late, at), "11:30 PM");
        assert_eq!(berlin.moment(late, at), "Di., 17.11. 07:30");
    }

    #[test]
    fn lengths_have_two_words_at_most() {
        let said: Vec<String> = [-5, 42, 60, 3_599, 11_100, 172_800].into_iter().map(lasting).collect();
        assert_eq!(said, ["0 s", "42 s", "1 min", "59 min", "3 h 05", "2 days"]);
    }
}
