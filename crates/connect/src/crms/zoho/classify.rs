//! What an answer that is no plain success means.
//!
//! Sources: <https://www.zoho.com/crm/developer/docs/api/v8/status-codes.html>, the error lists of each page named in the module above,
//! and the codes in the vendor's OpenAPI documents. `LIMITS` are from `…/api-limits.html`.
//!
//! *Certainly not done* is said only where one of these codes says so. A code that no document has, a page, half a body, a status of a
//! broken way (408, 422, 425, 5xx, redirects) leave a write unknown.

use super::fields::{module, ours};
use crate::wire::{cut, retry_after};
use jiff::{Timestamp, ToSpan as _};
use ringback_core::crm::{CrmOp, Held, Outcome, Why};
use ringback_core::http::HttpReply;
use serde_json::{Map, Value};
use std::time::Duration;

/// A record that is being changed by somebody else; the vendor gives no figure.
const LOCKED: Duration = Duration::from_secs(5);
/// The credits of the last 24 hours come back bit by bit, so the wait is short of a day.
const CREDITS_MINUTES: i64 = 15;

/// Codes by which Zoho says that content was not accepted, so that nothing was changed.
const NOT_ACCEPTED: &[&str] = &[
    "AMBIGUITY_DURING_PROCESSING",
    "CANNOT_DELETE",
    "DATA_MISMATCH",
    "DEPENDENT_FIELD_MISSING",
    "DEPENDENT_MISMATCH",
    "DISCRETE_PAGINATION_LIMIT_EXCEEDED",
    "DUPLICATE_ALIAS",
    "EXPECTED_FIELD_MISSING",
    "EXPIRED_VALUE",
    "FEATURE_NOT_SUPPORTED",
    "INVALID_ALIAS",
    "INVALID_DATA",
    "INVALID_MODULE",
    "INVALID_QUERY",
    "INVALID_REFERENCE",
    "INVALID_REQUEST_METHOD",
    "LIMIT_EXCEEDED",
    "LIMIT_REACHED",
    "LOOPING_FOUND",
    "MANDATORY_NOT_FOUND",
    "MAPPING_MISMATCH",
    "MULTIPLE_OR_MULTI_ERRORS",
    "NOT_ALLOWED",
    "NOT_APPROVED",
    "NOT_SUPPORTED",
    "PAGINATION_LIMIT_EXCEEDED",
    "PATTERN_NOT_MATCHED",
    "REQUIRED_PARAM_MISSING",
    "STORAGE_SPACE_EXCEEDED",
    "SYNTAX_ERROR",
    "TOKEN_BOUND_DATA_MISMATCH",
];

/// An answer that cannot be read: a write may have happened, a read is asked again.
pub(super) fn unreadable(write: bool, status: u16, words: &str) -> Outcome {
    doubtful(write, None, Why::new("unreadable_reply", words).status(status))
}

/// Nobody knows of a write; a read is asked again.
fn doubtful(write: bool, after: Option<Duration>, why: Why) -> Outcome {
    if write { Outcome::Unknown { why } } else { Outcome::Retry { after, why } }
}

/// An error of Zoho's: an entry of `data`, or a whole answer.
pub(super) struct Problem<'a> {
    pub(super) code: &'a str,
    message: &'a str,
    details: Option<&'a Map<String, Value>>,
    status: u16,
}

impl<'a> Problem<'a> {
    /// `None` if this is not Zoho's form of an error.
    pub(super) fn read(value: &'a Value, status: u16) -> Option<Self> {
        let word = |name: &str| value.get(name).and_then(Value::as_str);
        let code = word("code").filter(|code| !code.is_empty())?;
        // A success has a code as well.
        (word("status")? == "error").then_some(())?;
        let details = value.get("details").and_then(Value::as_object);
        Some(Self { code, message: word("message").unwrap_or_default(), details, status })
    }

    fn detail(&self, name: &str) -> Option<&'a Value> {
        self.details?.get(name)
    }

    fn why(&self, class: &str) -> Why {
        let mut why = Why::new(class, format!("{}: {}", self.code, without_values(self.message))).status(self.status);
        let named = |value: &Value| value.get("api_name").and_then(Value::as_str).map(|n| ours(&cut(n, 100)));
        let lists = ["expected_fields", "ambiguity_due_to", "errors"];
        let listed = lists.iter().filter_map(|name| self.detail(name)?.as_array()).flatten();
        why.properties = listed.filter_map(|entry| named(entry).or_else(|| named(entry.get("details")?))).collect();
        why.properties.extend(self.detail("api_name").and_then(Value::as_str).map(|n| ours(&cut(n, 100))));
        why.properties.sort();
        why.properties.dedup();
        why
    }

    /// The record that already holds a unique value.
    fn existing(&self, usual_module: &str) -> Option<String> {
        let record = self.detail("duplicate_record");
        let id =
            record.and_then(|r| r.get("id")).or_else(|| self.detail("id"))?.as_str().filter(|id| !id.is_empty())?;
        let module = record.and_then(|r| r.get("module")?.get("api_name")?.as_str()).unwrap_or(usual_module);
        Some(format!("{module}/{id}"))
    }

    /// Does it speak of the record that the path names?
    fn of_the_record(&self) -> bool {
        let of_id = self.detail("api_name").and_then(Value::as_str) == Some("id");
        let in_path = self.detail("resource_path_index").is_some() || self.detail("id").is_some();
        of_id || in_path || (self.detail("api_name").is_none() && self.message.contains("id given"))
    }
}

/// The message without words that may be a person's: addresses and numbers.
fn without_values(message: &str) -> String {
    let personal = |word: &str| word.contains('@') || word.bytes().filter(u8::is_ascii_digit).count() > 6;
    message.split(' ').map(|word| if personal(word) { "…" } else { word }).collect::<Vec<_>>().join(" ")
}

/// Does the path name one record, so that "not there" speaks of that record?
fn by_id(operation: &CrmOp) -> bool {
    match operation {
        CrmOp::ReadById { .. } | CrmOp::ReadLinks { .. } | CrmOp::FindDeals { .. } => true,
        CrmOp::Update { .. } | CrmOp::Associate { .. } | CrmOp::Delete { .. } => true,
        CrmOp::FindPerson { .. }
        | CrmOp::ReadByKey { .. }
        | CrmOp::ReadMany { .. }
        | CrmOp::Upsert { .. }
        | CrmOp::Create { .. }
        | CrmOp::Changed { .. }
        | CrmOp::ReadSchema { .. }
        | CrmOp::CreateProperty { .. }
        | CrmOp::ListOwners { .. } => false,
    }
}

/// What an error of Zoho's says of an operation.
pub(super) fn told(operation: &CrmOp, problem: &Problem<'_>, reply: &HttpReply, received_at: Timestamp) -> Outcome {
    let write = operation.writes();
    match problem.code {
        "TOO_MANY_REQUESTS" => rate_limited(Some(problem), reply, received_at),
        "INVALID_TOKEN" | "AUTHENTICATION_FAILURE" => Outcome::AuthExpired { why: problem.why("unauthorized") },
        // A fresh token has the same scopes: a person must connect again, for everything.
        "OAUTH_SCOPE_MISMATCH" => Outcome::AuthExpired { why: problem.why("scope_missing") },
        "AUTHORIZATION_FAILED" | "NO_PERMISSION" => Outcome::Refused { why: problem.why("forbidden") },
        "INVALID_URL_PATTERN" => Outcome::Refused { why: problem.why("no_such_endpoint") },
        "RECORD_LOCKED" => Outcome::Retry { after: Some(LOCKED), why: problem.why("locked") },
        "RECORD_IN_BLUEPRINT" => Outcome::Refused { why: problem.why("blueprint") },
        // A lead that was converted is frozen: reading it again shows its contact.
        "ALREADY_MODIFIED" | "CONVERTED_RECORD" | "ID_ALREADY_CONVERTED" => Outcome::Stale { held: Held::default() },
        "DUPLICATE_DATA" => match (operation, problem.existing(module(operation.object()))) {
            (CrmOp::CreateProperty { property, .. }, _) => {
                Outcome::Duplicate { existing: vec![property.name.clone()], why: problem.why("conflict") }
            }
            (_, Some(existing)) => Outcome::Duplicate { existing: vec![existing], why: problem.why("conflict") },
            (_, None) => Outcome::Refused { why: problem.why("validation") },
        },
        "NOT_FOUND" | "NO_RECORDS_FOUND" | "NO_CONTENT" if by_id(operation) => Outcome::Gone { merged_into: None },
        "INVALID_DATA" if by_id(operation) && problem.of_the_record() => Outcome::Gone { merged_into: None },
        code if NOT_ACCEPTED.contains(&code) => Outcome::Refused { why: problem.why("validation") },
        _ => doubtful(write, None, problem.why("unexpected_refusal")),
    }
}

/// What the status alone decides, whatever the body says; `None` where the body speaks.
pub(super) fn by_status(operation: &CrmOp, reply: &HttpReply, received_at: Timestamp) -> Option<Outcome> {
    let write = operation.writes();
    let bare = |class: &str| Why::new(class, format!("HTTP {}", reply.status)).status(reply.status);
    let body: Option<Value> = serde_json::from_slice(&reply.body).ok();
    let problem = body.as_ref().and_then(|b| Problem::read(b, reply.status));
    let wait = retry_after(reply, received_at);
    Some(match reply.status {
        429 => rate_limited(problem.as_ref(), reply, received_at),
        401 => Outcome::AuthExpired {
            why: match problem.as_ref().or(first_of(body.as_ref(), reply.status).as_ref()) {
                Some(p) if p.code == "OAUTH_SCOPE_MISMATCH" => p.why("scope_missing"),
                Some(p) => p.why("unauthorized"),
                None => bare("unauthorized"),
            },
        },
        300..=399 => doubtful(write, wait, bare("redirected")),
        500.. | 408 | 425 => doubtful(write, wait, bare("server_error")),
        422 => doubtful(write, wait, bare("unexpected_status")),
        ..=199 => doubtful(write, wait, bare("unexpected_status")),
        _ => return None,
    })
}

/// The newer description puts errors of a whole request into `data` too.
fn first_of(body: Option<&Value>, status: u16) -> Option<Problem<'_>> {
    Problem::read(body?.get("data")?.as_array()?.first()?, status)
}

/// 429 for calls at once and for the day's credits alike; the header and the words tell them apart. No Retry-After is documented:
/// without one the wait is left to the doubling of `ensure`, as the vendor advises.
fn rate_limited(problem: Option<&Problem<'_>>, reply: &HttpReply, received_at: Timestamp) -> Outcome {
    let why =
        problem.map_or_else(|| Why::new("rate_limited", "HTTP 429").status(reply.status), |p| p.why("rate_limited"));
    let words = problem.map_or_else(String::new, |p| p.message.to_ascii_lowercase());
    let spent =
        credits_left(reply) == Some(0) || ["credit", "24 hour", "per day", "daily"].iter().any(|w| words.contains(w));
    if spent {
        let until = received_at.checked_add(CREDITS_MINUTES.minutes()).unwrap_or(received_at);
        return Outcome::Exhausted { until, why };
    }
    Outcome::Retry { after: retry_after(reply, received_at).filter(|w| !w.is_zero()), why }
}

/// Only sent when at least half of the credits are used.
pub(super) fn credits_left(reply: &HttpReply) -> Option<u32> {
    reply.header("x-api-credits-remaining")?.trim().parse().ok()
}
