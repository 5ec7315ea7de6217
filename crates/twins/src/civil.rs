//! Calendar arithmetic for the few time formats the vendors print. Proleptic Gregorian, no leap seconds.

pub(crate) const DAY_MS: i64 = 86_400_000;

/// Days since 1970-01-01 → (year, month, day); after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn date_of(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let yoe = y.rem_euclid(400);
    let doy = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    y.div_euclid(400) * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

struct Clock {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    ms: i64,
    weekday: usize,
}

impl Clock {
    fn at(ms: i64) -> Self {
        let days = ms.div_euclid(DAY_MS);
        let rest = ms.rem_euclid(DAY_MS);
        let (year, month, day) = date_of(days);
        Self {
            year,
            month,
            day,
            hour: rest / 3_600_000,
            minute: rest / 60_000 % 60,
            second: rest / 1_000 % 60,
            ms: rest % 1_000,
            weekday: (days + 4).rem_euclid(7) as usize, // 1970-01-01 was a Thursday
        }
    }

    fn date(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    fn time(&self) -> String {
        format!("{:02}:{:02}:{:02}", self.hour, self.minute, self.second)
    }
}

/// `2026-03-05T14:03:11.250Z`; the fraction is always printed.
pub(crate) fn iso_ms(ms: i64) -> String {
    let clock = Clock::at(ms);
    format!("{}T{}.{:03}Z", clock.date(), clock.time(), clock.ms)
}

/// `2026-03-05T14:03:11Z`; the fraction only where there is one.
pub(crate) fn iso(ms: i64) -> String {
    let clock = Clock::at(ms);
    if clock.ms == 0 { format!("{}T{}Z", clock.date(), clock.time()) } else { iso_ms(ms) }
}

/// `2026-03-05`
pub(crate) fn iso_day(ms: i64) -> String {
    Clock::at(ms).date()
}

/// `2026-03-05T09:03:11.250-05:00`, as CallRail prints times.
pub(crate) fn iso_offset(ms: i64, offset_minutes: i32) -> String {
    let local = iso_ms(ms + i64::from(offset_minutes) * 60_000);
    let sign = if offset_minutes < 0 { '-' } else { '+' };
    let minutes = offset_minutes.abs();
    format!("{}{sign}{:02}:{:02}", local.trim_end_matches('Z'), minutes / 60, minutes % 60)
}

/// `2026-03-05 14:03:11` in UTC.
pub(crate) fn plain(ms: i64) -> String {
    let clock = Clock::at(ms);
    format!("{} {}", clock.date(), clock.time())
}

/// `Thu, 05 Mar 2026 14:03:11 +0000` (RFC 2822).
pub(crate) fn rfc2822(ms: i64) -> String {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let clock = Clock::at(ms);
    let weekday = DAYS.get(clock.weekday).copied().unwrap_or_default();
    let month = MONTHS.get(clock.month as usize - 1).copied().unwrap_or_default();
    format!("{weekday}, {:02} {month} {:04} {} +0000", clock.day, clock.year, clock.time())
}

/// Reads `YYYY-MM-DD` (midnight UTC) or `YYYY-MM-DDTHH:MM[:SS[.fff]](Z|±HH:MM)`.
pub(crate) fn parse_iso(text: &str) -> Option<i64> {
    match text.split_once(['T', ' ']) {
        Some((date, time)) => Some(parse_date(date)? + parse_time(time)?),
        None => parse_date(text),
    }
}

fn number(digits: &str) -> Option<i64> {
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits { digits.parse().ok() } else { None }
}

/// Midnight UTC of a day, ms since the epoch.
fn parse_date(date: &str) -> Option<i64> {
    let mut parts = date.split('-');
    let (year, month, day) = (number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?);
    if parts.next().is_some() || date.len() != 10 || !(1..=12).contains(&month) {
        return None;
    }
    let days = days_of(year, month, day);
    (date_of(days) == (year, month, day)).then_some(days * DAY_MS)
}

/// Ms since midnight UTC; negative or past midnight where the offset moves the day.
fn parse_time(time: &str) -> Option<i64> {
    let (clock, offset_minutes) = if let Some(clock) = time.strip_suffix('Z') {
        (clock, 0)
    } else {
        let (clock, zone) = time.split_at_checked(time.rfind(['+', '-'])?)?;
        let (sign, zone) = zone.split_at_checked(1)?;
        let (hours, minutes) = zone.split_once(':').or_else(|| zone.split_at_checked(2))?;
        let minutes = number(hours)? * 60 + number(minutes)?;
        (clock, if sign == "-" { -minutes } else { minutes })
    };
    let (clock, fraction) = clock.split_once('.').map_or((clock, None), |(clock, fraction)| (clock, Some(fraction)));
    let mut parts = clock.split(':');
    let (hour, minute) = (number(parts.next()?)?, number(parts.next()?)?);
    let second = parts.next().map_or(Some(0), number)?;
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let ms = match fraction {
        None => 0,
        Some(fraction) => {
            number(fraction)?;
            number(&format!("{fraction:0<3}").chars().take(3).collect::<String>())?
        }
    };
    Some(hour * 3_600_000 + minute * 60_000 + second * 1_000 + ms - offset_minutes * 60_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-05T14:03:11.250Z, computed with `date -u -d … +%s`.
    const AT: i64 = 1_772_719_391_250;

    #[test]
    fn prints_every_format() {
        assert_eq!(iso_ms(AT), "2026-03-05T14:03:11.250Z");
        assert_eq!(iso(AT - 250), "2026-03-05T14:03:11Z");
        assert_eq!(iso_offset(AT, -300), "2026-03-05T09:03:11.250-05:00");
        assert_eq!(iso_offset(AT, 330), "2026-03-05T19:33:11.250+05:30");
        assert_eq!(plain(AT), "2026-03-05 14:03:11");
        assert_eq!(rfc2822(AT), "Thu, 05 Mar 2026 14:03:11 +0000");
        assert_eq!(rfc2822(0), "Thu, 01 Jan 1970 00:00:00 +0000");
        assert_eq!(iso_day(951_782_400_000), "2000-02-29");
    }

    #[test]
    fn reads_back_what_it_prints_and_refuses_nonsense() {
        for ms in [AT, 0, -1, 951_782_400_000, 4_102_444_799_999] {
            assert_eq!(parse_iso(&iso_ms(ms)), Some(ms));
            assert_eq!(parse_iso(&iso_offset(ms, -300)), Some(ms));
        }
        assert_eq!(parse_iso("2026-03-05"), Some(1_772_668_800_000));
        assert_eq!(parse_iso("2026-03-05T14:03:00.5Z"), Some(1_772_719_380_500));
        assert_eq!(parse_iso("2026-03-05T14:03+0100"), Some(1_772_715_780_000));
        for bad in ["", "soon", "2026-02-30", "2026-13-01", "2026-03-05T25:00:00Z", "2026-03-05T14:03:11", "03/05/2026"]
        {
            assert_eq!(parse_iso(bad), None, "{bad}");
        }
    }
}
