//! What an answer that is no plain success means.
//!
//! Sources: <https://pipedrive.readme.io/docs/core-api-concepts-http-status-codes> (the statuses: 400, 401, 402, 403, 404, 405, 410, 415,
//! 422, 429, 500, 501, 503), <https://pipedrive.readme.io/docs/core-api-concepts-rate-limiting> (429, and the 403 page that follows when a
//! client goes on). Bodies are `{"success":false,"error":…}` with `code` in v2 and `errorCode`, `error_info` in v1.
//!
//! The rule: *certainly not done* is said only where the vendor says so in its own form. A server error, a redirect, a status that is not in
//! its list for records (409, 422), or an answer that is not its own leaves a write *unknown*.

use super::fields::names_in;
use crate::Connection;
use crate::wire::retry_after;
use jiff::Timestamp;
use jiff::ToSpan as _;
use jiff::tz::TimeZone;
use ringback_core::crm::{CrmOp, Outcome, WHY_CHARS_MAX, Why};
use ringback_core::http::HttpReply;
use serde_json::Value;
use std::time::Duration;

/// The burst window.
const BURST: Duration = Duration::from_secs(2);
/// How long nothing is sent after Cloudflare's page; the vendor names no time.
const BLOCKED: Duration = Duration::from_mins(10);
/// A wait that the vendor names for a burst and that is longer than this is not about a burst.
const BURST_WAIT_MAX: Duration = Duration::from_mins(5);

/// An error of Pipedrive's.
struct Problem {
    message: String,
}

impl Problem {
    fn read(reply: &HttpReply) -> Option<Self> {
        let body: Value = serde_json::from_slice(&reply.body).ok()?;
        let map = body.as_object()?;
        let word = |name: &str| map.get(name).and_then(Value::as_str).filter(|w| !w.is_empty());
        let failed = map.get("success").and_then(Value::as_bool) == Some(false);
        if !failed {
            return None;
        }
        let message = match (word("error").or_else(|| word("message")), word("error_info")) {
            (Some(error), Some(info)) if error != info => format!("{error}: {info}"),
            (Some(error), _) => error.to_owned(),
            (None, info) => info.or_else(|| word("code")).unwrap_or_default().to_owned(),
        };
        Some(Self { message })
    }
}

/// Addresses, numbers and long runs of digits may stand anywhere in a message; the codes of fields may stay.
fn without_values(message: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    for word in message.split(' ').take(WHY_CHARS_MAX) {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let code = word.split('.').any(|p| p.trim_end_matches(':').len() == 40);
        out.push(if word.contains('@') || (digits > 6 && !code) { "…".to_owned() } else { word.to_owned() });
    }
    out.join(" ")
}

/// An answer that cannot be read: a write may have happened, a read is asked again.
pub(super) fn unreadable(write: bool, status: u16, words: &str) -> Outcome {
    let why = Why::new("unreadable_reply", words).status(status);
    if write { Outcome::Unknown { why } } else { Outcome::Retry { after: None, why } }
}

/// What a whole answer with a status other than 2xx says of an operation. `names_one`: the path names one record.
pub(super) fn failed(
    operation: &CrmOp,
    names_one: bool,
    reply: &HttpReply,
    connection: &Connection,
    received_at: Timestamp,
) -> Outcome {
    let write = operation.writes();
    let problem = Problem::read(reply);
    let own = problem.is_some();
    let wait = retry_after(reply, received_at);
    let why = |class: &str| {
        let mut why = match &problem {
            Some(p) => Why::new(class, without_values(&p.message)),
            None => Why::new(class, format!("HTTP {}", reply.status)),
        };
        if let Some(p) = &problem {
            why.properties = names_in(operation.object(), &p.message, connection);
        }
        why.status(reply.status)
    };
    match reply.status {
        429 => rate_limited(why("rate_limited"), problem.as_ref(), reply, wait, received_at),
        // Who goes on after 429 is stopped before the service is reached, with a page.
        403 if !own => Outcome::Retry { after: Some(wait.unwrap_or(BLOCKED).max(BLOCKED)), why: why("rate_limited") },
        401 => Outcome::AuthExpired { why: why("unauthorized") },
        402 if own => Outcome::Refused { why: why("payment_required") },
        403 => Outcome::Refused { why: why("forbidden") },
        404 | 410 if own && names_one => Outcome::Gone { merged_into: None },
        404 | 410 if own => Outcome::Refused { why: why("no_such_endpoint") },
        400 if own => Outcome::Refused { why: why("validation") },
        405 | 413 | 414 if own => Outcome::Refused { why: why("bad_request") },
        // A feature that the account does not have, in the vendor's use of this status.
        415 if own => Outcome::Refused { why: why("not_enabled") },
        300..=399 if write => Outcome::Unknown { why: why("redirected") },
        300..=399 => Outcome::Retry { after: wait, why: why("redirected") },
        500..=599 if write => Outcome::Unknown { why: why("server_error") },
        500..=599 => Outcome::Retry { after: wait, why: why("server_error") },
        _ if own && write => Outcome::Unknown { why: why("unexpected_status") },
        _ if own => Outcome::Retry { after: wait, why: why("unexpected_status") },
        status => unreadable(write, status, &format!("HTTP {status} without Pipedrive's error body")),
    }
}

fn rate_limited(
    why: Why,
    problem: Option<&Problem>,
    reply: &HttpReply,
    wait: Option<Duration>,
    received_at: Timestamp,
) -> Outcome {
    let left = |name: &str| reply.header(name).and_then(|v| v.trim().parse::<i64>().ok());
    let told = problem.is_some_and(|p| p.message.to_ascii_lowercase().contains("daily"));
    // The first is what the service sends, the second its older name in the documents; either may be missing.
    let spent = ["x-daily-ratelimit-token-remaining", "x-daily-requests-left"].iter().find_map(|n| left(n));
    if told || spent.is_some_and(|n| n <= 0) || wait.is_some_and(|w| w > BURST_WAIT_MAX) {
        return Outcome::Exhausted { until: next_midnight(received_at), why };
    }
    let reset = left("x-ratelimit-reset").and_then(|s| u64::try_from(s).ok()).map(Duration::from_secs);
    // A wait of nothing would only be refused again.
    let after = wait.or(reset).filter(|w| !w.is_zero() && *w <= BURST_WAIT_MAX).unwrap_or(BURST);
    Outcome::Retry { after: Some(after), why }
}

/// The budget starts again at the vendor's midnight; its page counts days in UTC.
fn next_midnight(received_at: Timestamp) -> Timestamp {
    let day = received_at.to_zoned(TimeZone::UTC).date();
    let tomorrow = day.checked_add(1.day()).ok().and_then(|d| d.to_zoned(TimeZone::UTC).ok()).map(|z| z.timestamp());
    tomorrow.or_else(|| received_at.checked_add(24.hours()).ok()).unwrap_or(received_at)
}
