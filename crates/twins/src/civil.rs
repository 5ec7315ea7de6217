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
    date: (i64, i64, i64),
    time: (i64, i64, i64),
    ms: i64,
    weekday: usize,
}

fn clock_of(ms: i64) -> Clock {
    let days = ms.div_euclid(DAY_MS);
    let rest = ms.rem_euclid(DAY_MS);
    Clock {
        date: date_of(days),
        time: (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60),
        ms: rest % 1_000,
        weekday: (days + 4).rem_euclid(7) as usize, // 1970-01-01 was a Thursday
    }
}

/// `2026-03-05T14:03:11.250Z`; the fraction is always printed.
pub(crate) fn iso_ms(ms: i64) -> String {
    let Clock { date: (y, m, d), time: (h, min, s), ms, .. } = clock_of(ms);
    format!("{y:04}-{m:02}-{d:02}T{h:02}:{min:02}:{s:02}.{ms:03}Z")
}

/// `2026-03-05T14:03:11Z`; the fraction only where there is one.
pub(crate) fn iso(ms: i64) -> String {
    let Clock { date: (y, m, d), time: (h, min, s), ms, .. } = clock_of(ms);
    if ms == 0 {
        format!("{y:04}-{m:02}-{d:02}T{h:02}:{min:02}:{s:02}Z")
    } else {
        format!("{y:04}-{m:02}-{d:02}T{h:02}:{min:02}:{s:02}.{ms:03}Z")
    }
}

/// `2026-03-05`
pub(crate) fn iso_day(ms: i64) -> String {
    let (y, m, d) = clock_of(ms).date;
    format!("{y:04}-{m:02}-{d:02}")
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
    let Clock { date: (y, m, d), time: (h, min, s), .. } = clock_of(ms);
    format!("{y:04}-{m:02}-{d:02} {h:02}:{min:02}:{s:02}")
}

/// `Thu, 05 Mar 2026 14:03:11 +0000` (RFC 2822).
pub(crate) fn rfc2822(ms: i64) -> String {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let Clock { date: (y, m, d), time: (h, min, s), weekday, .. } = clock_of(ms);
    let day = DAYS.get(weekday).copied().unwrap_or_default();
    let month = MONTHS.get(m as usize - 1).copied().unwrap_or_default();
    format!("{day}, {d:02} {month} {y:04} {h:02}:{min:02}:{s:02} +0000")
}

/// Reads `YYYY-MM-DD` or `YYYY-MM-DDTHH:MM[:SS[.fff]](Z|±HH:MM)`.
pub(crate) fn parse_iso(text: &str) -> Option<i64> {
    let number = |s: &str| {
        if !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit()) { s.parse::<i64>().ok() } else { None }
    };
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let (y, m, d) = (number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?);
    if parts.next().is_some() || date.len() != 10 || !(1..=12).contains(&m) {
        return None;
    }
    let days = days_of(y, m, d);
    if date_of(days) != (y, m, d) {
        return None;
    }
    let Some(time) = time else { return Some(days * DAY_MS) };
    let (clock, offset_minutes) = if let Some(clock) = time.strip_suffix('Z') {
        (clock, 0)
    } else {
        let at = time.rfind(['+', '-'])?;
        let (clock, zone) = time.split_at_checked(at)?;
        let (sign, zone) = zone.split_at_checked(1)?;
        let (h, min) = zone.split_once(':').or_else(|| zone.split_at_checked(2))?;
        let minutes = number(h)? * 60 + number(min)?;
        (clock, if sign == "-" { -minutes } else { minutes })
    };
    let (clock, fraction) = clock.split_once('.').map_or((clock, None), |(c, f)| (c, Some(f)));
    let mut parts = clock.split(':');
    let (h, min) = (number(parts.next()?)?, number(parts.next()?)?);
    let s = parts.next().map_or(Some(0), number)?;
    if parts.next().is_some() || h > 23 || min > 59 || s > 59 {
        return None;
    }
    let ms = match fraction {
        None => 0,
        Some(f) => {
            number(f)?;
            number(f.chars().chain("00".chars()).take(3).collect::<String>().as_str())?
        }
    };
    Some(days * DAY_MS + h * 3_600_000 + min * 60_000 + s * 1_000 + ms - offset_minutes * 60_000)
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
        assert_eq!(parse_iso("2026-03-05T14:03+0100"), Some(1_772_715_780_000));
        for bad in ["", "soon", "2026-02-30", "2026-13-01", "2026-03-05T25:00:00Z", "2026-03-05T14:03:11", "03/05/2026"]
        {
            assert_eq!(parse_iso(bad), None, "{bad}");
        }
    }
}
