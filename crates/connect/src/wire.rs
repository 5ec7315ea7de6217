//! Small tools that several vendors need: signatures, loose types, times, problem documents.
//!
//! Providers send numbers as strings, booleans as `"true"`, `""` for absent and times with or without an offset; everything here
//! reads what can be read and says `None` for the rest. Nothing here panics on any input.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hmac::{Hmac, Mac};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ringback_core::http::{HttpReply, RawRequest, form_pairs};
use serde_json::{Map, Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::time::Duration;
use subtle::ConstantTimeEq;

/// The most characters of a single text field (a name, a campaign) that are kept in a signal; the raw request keeps the rest.
pub(crate) const TEXT_CHARS_MAX: usize = 2_000;
/// The most free fields of one message that are kept in a signal.
pub(crate) const EXTRA_FIELDS_MAX: usize = 64;

/// HMAC-SHA1 over the parts in order.
pub(crate) fn hmac_sha1(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    mac::<Hmac<Sha1>>(key, parts)
}

/// HMAC-SHA256 over the parts in order.
pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    mac::<Hmac<Sha256>>(key, parts)
}

fn mac<M: Mac + hmac::digest::KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    // HMAC takes keys of any length; the error arm exists only in the type. An empty result equals no signature.
    let Ok(mut mac) = <M as Mac>::new_from_slice(key) else { return Vec::new() };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// Compares in time that does not depend on where the bytes differ. Empty never equals anything.
pub(crate) fn same(ours: &[u8], theirs: &[u8]) -> bool {
    !ours.is_empty() && ours.len() == theirs.len() && bool::from(ours.ct_eq(theirs))
}

/// Is it the signature for any of the keys? Looks at all of them, so that time does not tell which one it was.
pub(crate) fn any<'k, T: 'k>(keys: impl IntoIterator<Item = &'k T>, check: impl Fn(&T) -> bool) -> bool {
    keys.into_iter().fold(false, |found, key| check(key) | found)
}

/// SHA-256 as lower-case hex.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, b| {
        for half in [b >> 4, b & 15] {
            out.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
        }
        out
    })
}

/// Decodes base64 with or without padding.
pub(crate) fn base64_decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).ok()
}

pub(crate) fn base64_encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Percent-encodes everything but RFC 3986 unreserved characters.
pub(crate) fn percent(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, b| {
        if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(b));
        } else {
            out.push('%');
            out.push_str(&hex(&[b]).to_ascii_uppercase());
        }
        out
    })
}

/// The media type of a request without its parameters, in lower case.
pub(crate) fn media_type(raw: &RawRequest) -> Option<String> {
    let text = raw.header("content-type")?.split(';').next()?.trim().to_ascii_lowercase();
    (!text.is_empty()).then_some(text)
}

pub(crate) fn is_json_type(media_type: &str) -> bool {
    media_type == "application/json" || media_type.ends_with("+json")
}

/// Cuts a text to a number of characters.
pub(crate) fn cut(text: &str, chars_max: usize) -> String {
    text.chars().take(chars_max).collect()
}

/// A value as trimmed text; `""`, null, arrays and objects are absent.
pub(crate) fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(s) => s.trim().to_owned(),
        Value::Number(n) => n.to_string(),
        Value::Bool(b) => b.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    (!text.is_empty()).then(|| cut(&text, TEXT_CHARS_MAX))
}

/// A value as long text, such as a transcript.
pub(crate) fn long_text(value: &Value) -> Option<String> {
    let text = value.as_str()?.trim();
    (!text.is_empty()).then(|| cut(text, ringback_core::signal::TRANSCRIPT_CHARS_MAX))
}

/// A value as yes or no.
pub(crate) fn flag(value: &Value) -> Option<bool> {
    match text(value)?.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "y" | "t" => Some(true),
        "false" | "0" | "no" | "n" | "f" => Some(false),
        _ => None,
    }
}

/// A value as whole seconds: `31`, `"31"`, `31.4`, `"0:31"`, `"1:02:03"`.
pub(crate) fn seconds(value: &Value) -> Option<u32> {
    seconds_text(&text(value)?)
}

/// Text as whole seconds, as [`seconds`] reads them.
pub(crate) fn seconds_text(text: &str) -> Option<u32> {
    let text = text.trim();
    if text.contains(':') {
        let mut total: u32 = 0;
        for (n, part) in text.split(':').enumerate() {
            if n > 2 {
                return None;
            }
            total = total.checked_mul(60)?.checked_add(part.trim().parse().ok()?)?;
        }
        return Some(total);
    }
    let number: f64 = text.strip_suffix('s').unwrap_or(text).trim().parse().ok()?;
    (number.is_finite() && (0.0..=f64::from(u32::MAX)).contains(&number)).then_some(number as u32)
}

/// The zone of that IANA name, or UTC if there is none of that name; configuration checks refuse such a name beforehand.
pub(crate) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// Day and month order of dates written with slashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateOrder {
    MonthFirst,
    DayFirst,
}

/// An instant as providers write them: RFC 3339 and ISO 8601 (space or `T`), RFC 2822, Unix seconds or milliseconds; without an
/// offset it is read in `zone`. `3/4/2026 6:12 PM` needs `order`.
pub(crate) fn instant(text: &str, zone: &TimeZone, order: DateOrder) -> Option<Timestamp> {
    let text = text.trim();
    if !text.is_empty() && text.len() <= 13 && text.bytes().all(|b| b.is_ascii_digit()) {
        let n: i64 = text.parse().ok()?;
        return match text.len() {
            9..=10 => Timestamp::from_second(n).ok(),
            12..=13 => Timestamp::from_millisecond(n).ok(),
            _ => None,
        };
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    if let Some(at) = spaced_offset(text) {
        return Some(at);
    }
    if let Ok(at) = jiff::fmt::rfc2822::parse(text) {
        return Some(at.timestamp());
    }
    let local = text.parse::<DateTime>().ok().or_else(|| slashed(text, order))?;
    // In the hour that a clock change repeats the earlier reading is taken; in the one it skips, the later.
    local.to_zoned(zone.clone()).ok().map(|z| z.timestamp())
}

/// `2026-03-04 18:12:07 -0500` and `2026-03-04 18:12:07 UTC`.
fn spaced_offset(text: &str) -> Option<Timestamp> {
    let (local, offset) = text.rsplit_once(' ')?;
    let local: DateTime = local.parse().ok()?;
    let minutes = match offset {
        "UTC" | "GMT" | "Z" => 0,
        _ => {
            let (sign, digits) = match offset.split_at_checked(1)? {
                ("+", d) => (1, d),
                ("-", d) => (-1, d),
                _ => return None,
            };
            let digits: String = digits.chars().filter(|c| *c != ':').collect();
            let (h, m) = digits.split_at_checked(2)?;
            sign * (h.parse::<i64>().ok()? * 60 + if m.is_empty() { 0 } else { m.parse::<i64>().ok()? })
        }
    };
    let utc = local.checked_sub(SignedDuration::from_mins(minutes)).ok()?;
    utc.to_zoned(TimeZone::UTC).ok().map(|z| z.timestamp())
}

/// `3/4/2026`, `3/4/26 18:12`, `03.04.2026 6:12:07 PM`, `2026/03/04 18:12`.
fn slashed(text: &str, order: DateOrder) -> Option<DateTime> {
    let text = text.replace(',', " ");
    let mut words = text.split_whitespace();
    let date = date_of(words.next()?, order)?;
    let rest: Vec<&str> = words.collect();
    let time = if rest.is_empty() { Time::midnight() } else { time_of(&rest.join(" "))? };
    Some(date.to_datetime(time))
}

/// A date alone.
pub(crate) fn date_of(text: &str, order: DateOrder) -> Option<Date> {
    if let Ok(date) = text.trim().parse::<Date>() {
        return Some(date);
    }
    let parts: Vec<i16> = text.trim().split(['/', '.', '-']).map(|p| p.parse().ok()).collect::<Option<_>>()?;
    let &[a, b, c] = parts.as_slice() else { return None };
    let (year, month, day) = match (a > 31, order) {
        (true, _) => (a, b, c),
        (false, DateOrder::MonthFirst) => (c, a, b),
        (false, DateOrder::DayFirst) => (c, b, a),
    };
    let year = if (0..100).contains(&year) { 2000 + year } else { year };
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// A time of day alone: `18:12`, `18:12:07`, `6:12 PM`, `6:12pm`.
pub(crate) fn time_of(text: &str) -> Option<Time> {
    let lower = text.trim().to_ascii_lowercase().replace('.', "");
    let (digits, half) = match (lower.strip_suffix("am"), lower.strip_suffix("pm")) {
        (Some(d), _) => (d, Some(false)),
        (_, Some(d)) => (d, Some(true)),
        _ => (lower.as_str(), None),
    };
    let parts: Vec<i8> = digits.trim().split(':').map(|p| p.trim().parse().ok()).collect::<Option<_>>()?;
    let (h, m, s) = match *parts.as_slice() {
        [h] if half.is_some() => (h, 0, 0),
        [h, m] => (h, m, 0),
        [h, m, s] => (h, m, s),
        _ => return None,
    };
    let h = match half {
        Some(_) if !(1..=12).contains(&h) => return None,
        Some(pm) => h % 12 + if pm { 12 } else { 0 },
        None => h,
    };
    Time::new(h, m, s, 0).ok()
}

/// The fields of a message, whether it came as a JSON object or as a form. Of a repeated form name the first value counts.
#[derive(Debug, Default)]
pub(crate) struct Fields(pub(crate) Map<String, Value>);

impl Fields {
    /// Reads pairs of a form.
    pub(crate) fn form(bytes: &[u8]) -> Self {
        let mut map = Map::new();
        for (name, value) in form_pairs(bytes) {
            map.entry(name).or_insert(Value::String(value));
        }
        Self(map)
    }
    /// The first of these names that has a value, as text.
    pub(crate) fn text(&self, names: &[&str]) -> Option<String> {
        self.first(names, text)
    }
    pub(crate) fn long_text(&self, names: &[&str]) -> Option<String> {
        self.first(names, long_text)
    }
    pub(crate) fn flag(&self, names: &[&str]) -> Option<bool> {
        self.first(names, flag)
    }
    pub(crate) fn seconds(&self, names: &[&str]) -> Option<u32> {
        self.first(names, seconds)
    }
    fn first<T>(&self, names: &[&str], read: impl Fn(&Value) -> Option<T>) -> Option<T> {
        names.iter().find_map(|name| self.0.get(*name).and_then(&read))
    }
}

/// How deep a JSON text nests, brackets inside strings not counted. Linear, without recursion.
pub(crate) fn json_depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for b in bytes {
        match (quoted, b) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => quoted = !quoted,
            (false, b'{' | b'[') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// An RFC 9457 problem document with our code, cause and way out.
pub fn problem(status: u16, code: &str, cause: &str, cure: &str) -> HttpReply {
    let body = json!({
        "type": format!("urn:ringback:error:{code}"),
        "title": cause,
        "status": status,
        "detail": cure,
        "code": code,
        "cause": cause,
        "cure": cure,
    });
    let mut reply = HttpReply::with(status, "application/problem+json", body.to_string());
    match status {
        503 => reply.headers.push(("retry-after".into(), "30".into())),
        405 => reply.headers.push(("allow".into(), "POST".into())),
        _ => {}
    }
    reply
}

/// Nothing could be stored. For the provider the status says it; the words are for whoever looks into its list of failed deliveries.
pub fn unavailable() -> HttpReply {
    problem(503, "RB-0108", "The request could not be stored", "Send the same request again later")
}

/// `Retry-After` as a wait from `received_at`: seconds or an HTTP date; at most a day.
pub(crate) fn retry_after(reply: &HttpReply, received_at: Timestamp) -> Option<Duration> {
    const DAY: Duration = Duration::from_hours(24);
    let text = reply.header("retry-after")?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds).min(DAY));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Duration::try_from(at.duration_since(received_at)).unwrap_or(Duration::ZERO).min(DAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_in_every_spelling_that_providers_use() {
        let chicago = zone("America/Chicago");
        let at = |s: &str| s.parse::<Timestamp>().unwrap();
        for (text, expect) in [
            ("2026-03-04T18:12:07.000-05:00", Some("2026-03-04T23:12:07Z")),
            ("2026-03-04 18:12:07 -0500", Some("2026-03-04T23:12:07Z")),
            ("2026-03-04 23:12:07 UTC", Some("2026-03-04T23:12:07Z")),
            ("Wed, 04 Mar 2026 23:12:07 +0000", Some("2026-03-04T23:12:07Z")),
            ("1772665927", Some("2026-03-04T23:12:07Z")),
            ("1772665927000", Some("2026-03-04T23:12:07Z")),
            ("2026-03-04 17:12:07", Some("2026-03-04T23:12:07Z")),
            ("2026-03-04T17:12", Some("2026-03-04T23:12:00Z")),
            ("3/4/2026 5:12 PM", Some("2026-03-04T23:12:00Z")),
            ("3/4/26, 5:12:07 p.m.", Some("2026-03-04T23:12:07Z")),
            // Read in the connection's zone on both sides of its clock change.
            ("2026-07-04 17:12:07", Some("2026-07-04T22:12:07Z")),
            // The skipped hour.
            ("2026-03-08 02:30:00", Some("2026-03-08T08:30:00Z")),
            ("yesterday", None),
            ("", None),
            ("13/13/2026 1:00 PM", None),
            ("1:00", None),
            ("12345", None),
        ] {
            assert_eq!(instant(text, &chicago, DateOrder::MonthFirst), expect.map(at), "{text}");
        }
        assert_eq!(
            instant("4.3.2026 17:12", &zone("Europe/Vienna"), DateOrder::DayFirst),
            Some(at("2026-03-04T16:12:00Z"))
        );
    }

    #[test]
    fn seconds_are_read_loosely_and_never_negative() {
        for (text, expect) in [
            ("31", Some(31)),
            ("31.9", Some(31)),
            ("0:31", Some(31)),
            ("1:02:03", Some(3723)),
            ("13s", Some(13)),
            ("-1", None),
            ("", None),
            ("NaN", None),
            ("1:2:3:4", None),
            ("99999999999", None),
        ] {
            assert_eq!(seconds_text(text), expect, "{text}");
        }
    }

    #[test]
    fn depth_ignores_brackets_in_strings() {
        assert_eq!(json_depth(br#"{"a":["[[[",{"b":"\"{"}]}"#), 3);
        assert_eq!(json_depth(b"]]]]["), 1);
    }

    #[test]
    fn retry_after_reads_seconds_and_dates_and_is_bounded() {
        let now: Timestamp = "2026-03-04T23:12:07Z".parse().unwrap();
        let with = |v: &str| HttpReply { status: 429, headers: vec![("Retry-After".into(), v.into())], body: vec![] };
        assert_eq!(retry_after(&with("7"), now), Some(Duration::from_secs(7)));
        assert_eq!(retry_after(&with("99999999"), now), Some(Duration::from_hours(24)));
        assert_eq!(retry_after(&with("Wed, 04 Mar 2026 23:13:07 GMT"), now), Some(Duration::from_mins(1)));
        assert_eq!(retry_after(&with("Wed, 04 Mar 2020 23:13:07 GMT"), now), Some(Duration::ZERO));
        assert_eq!(retry_after(&with("soon"), now), None);
    }
}
