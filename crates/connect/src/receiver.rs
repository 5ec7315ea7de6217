//! What a receiver of webhooks means by its answer: Zapier, Make, n8n or anybody's own endpoint. What the products' pages say of a status is
//! believed; every other leaves it open whether the message was received.

use crate::wire::retry_after;
use crate::{Connection, Limits};
use jiff::Timestamp;
use ringback_core::crm::{Outcome, Why};
use ringback_core::http::HttpReply;
use ringback_core::problem::Problem;
use serde_json::Value;
use std::time::Duration;

/// The wait after a 429 that names none.
const USUAL_WAIT: Duration = Duration::from_secs(30);
/// The wait for a queue to empty, or for a workflow to be there again after a restart.
const LONG_WAIT: Duration = Duration::from_mins(1);

/// Zapier and Make both refuse more than about 30 messages a second for one address.
pub(crate) const LIMITS: Limits = Limits { burst_requests: 30, burst_window_ms: 1_000, ..Limits::UNASKED };

/// What is wrong with the limits and the address in a receiver's settings: its address is whole, and nothing is added to it.
pub(crate) fn check(connection: &Connection) -> Vec<Problem> {
    let mut problems = connection.check_limits();
    let wrong = |cause: &str, cure: &str| Problem::new("RB-0110", cause, cure);
    match connection.base_url.as_deref() {
        None | Some("") => problems.push(wrong("base_url is missing", "Write the receiver's whole address there")),
        Some(url) if url.contains(['?', '#']) => {
            problems.push(wrong("base_url has a query", "Use an address of the receiver without a question mark"));
        }
        Some(_) => {}
    }
    problems
}

pub(crate) fn why(class: &str, words: &str, reply: &HttpReply) -> Why {
    Why::new(class, format!("{words} (HTTP {})", reply.status)).status(reply.status)
}

pub(crate) fn unknown(class: &str, words: &str, reply: &HttpReply) -> Outcome {
    Outcome::Unknown { why: why(class, words, reply) }
}

/// A success that nobody of the receiver's has said: a page of a gateway answered, or the answer is cut off (half an object may be half of
/// anything). `body`: the answer as JSON, where it is.
pub(crate) fn no_answer(reply: &HttpReply, body: Option<&Value>) -> Option<Outcome> {
    let text = String::from_utf8_lossy(&reply.body);
    let html = reply.header("content-type").is_some_and(|kind| kind.to_ascii_lowercase().contains("html"));
    if html || text.trim_start().starts_with('<') {
        return Some(unknown("unreadable_reply", "A page answered, not the receiver", reply));
    }
    let half = body.is_none() && text.trim_start().starts_with(['{', '[']);
    half.then(|| unknown("unreadable_reply", "The answer is cut off", reply))
}

/// A success that says error.
pub(crate) fn failed(reply: &HttpReply, body: Option<&Value>) -> Option<Outcome> {
    let body = body?;
    let status = body.get("status").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    let error = body.get("error").is_some_and(|error| !matches!(error, Value::Null | Value::Bool(false)));
    let failed = error || matches!(status.as_str(), "error" | "failed" | "failure");
    failed.then(|| unknown("error_with_success", "The answer is a success and says error", reply))
}

/// What an answer means that is no success. `said`: what the receiver's own words say where it is one to read them.
pub(crate) fn no(reply: &HttpReply, received_at: Timestamp, said: impl FnOnce() -> Option<Outcome>) -> Outcome {
    let refuse = |class: &str, words: &str| Outcome::Refused { why: why(class, words, reply) };
    let later = |wait: Duration, class: &str, words: &str| {
        let after = retry_after(reply, received_at).filter(|asked| !asked.is_zero()).unwrap_or(wait);
        Outcome::Retry { after: Some(after), why: why(class, words, reply) }
    };
    let says = |words: &str| String::from_utf8_lossy(&reply.body).to_ascii_lowercase().contains(words);
    match reply.status {
        // Not followed: the address was allowed, its target was not. Who sent it may be a gateway that has passed the message on.
        300..=399 => unknown("redirected", "The address leads elsewhere", reply),
        401 | 403 => {
            Outcome::AuthExpired { why: why("unauthorized", "The receiver does not accept the signature", reply) }
        }
        410 => refuse("switched_off", "The receiver is switched off"),
        429 => later(USUAL_WAIT, "rate_limited", "The receiver asks to wait"),
        400 if says("queue is full") => later(LONG_WAIT, "queue_full", "The receiver's queue is full"),
        // n8n, while a workflow is not active: also for the moments of its own restart.
        404 if says("is not registered") => later(LONG_WAIT, "switched_off", "The workflow is not active"),
        // 408 is said by whatever stands in between, whoever's words it carries.
        400..=407 | 409..=499 => match said() {
            Some(outcome) => outcome,
            None if reply.status == 404 => refuse("no_such_address", "There is no receiver at the address"),
            None if matches!(reply.status, 400 | 405 | 413 | 415) => {
                refuse("bad_request", "The receiver will not have it")
            }
            None => unknown("unexpected_status", "The receiver says neither yes nor no", reply),
        },
        408 => unknown("no_answer", "The receiver gave up waiting", reply),
        _ => unknown("server_error", "The receiver failed", reply),
    }
}
