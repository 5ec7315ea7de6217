//! What an answer that is no plain success means.
//!
//! Sources: `errorcodes.htm` (statuses), the SOAP guide's list of status codes (the same words stand in `errorCode` and `statusCode`),
//! `resources_composite_sobjects_collections.htm`, `headers_duplicaterules.htm`.
//!
//! *Certainly not done* is said where Salesforce says so in its own list of errors with a status that it documents as a refusal.

use super::fields;
use crate::wire::{cut, retry_after};
use jiff::{Timestamp, ToSpan as _};
use ringback_core::crm::{CrmOp, Held, Outcome, WHY_CHARS_MAX, Why};
use ringback_core::http::HttpReply;
use serde_json::Value;
use std::time::Duration;

/// A row is locked for ten seconds at most before Salesforce gives up waiting for it.
const LOCKED: Duration = Duration::from_secs(5);
/// Requests that run longer than 20 s are counted while they run.
const CONCURRENT: Duration = Duration::from_secs(30);
const TOO_MANY: Duration = Duration::from_secs(10);
/// The daily budget is of rolling 24 hours: some of it comes back all the time, so it is worth asking again soon.
const EXHAUSTED_MINUTES: i64 = 15;
/// From this confidence on (of 100) the only match of a duplicate rule is the person; below, a person decides.
const MATCH_CONFIDENCE_MIN: f64 = 90.0;

/// One error of a list; `errorCode` of a request is `statusCode` of a record.
#[derive(Debug, Clone)]
pub(super) struct ApiError {
    code: String,
    message: String,
    fields: Vec<String>,
    /// Who is the same by a duplicate rule, with the confidence.
    matches: Option<Vec<(String, f64)>>,
}

/// Reads a list of errors; `None` if this is not Salesforce's form of one.
pub(super) fn errors(body: &Value) -> Option<Vec<ApiError>> {
    let list = body.as_array().filter(|list| !list.is_empty())?;
    list.iter().take(100).map(error).collect()
}

fn error(entry: &Value) -> Option<ApiError> {
    let map = entry.as_object()?;
    let code = ["errorCode", "statusCode"].iter().find_map(|name| map.get(*name)?.as_str())?;
    let message = map.get("message").and_then(Value::as_str).unwrap_or_default();
    let names = map.get("fields").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut fields: Vec<String> = names.iter().filter_map(Value::as_str).map(|n| fields::ours(&cut(n, 100))).collect();
    // `No such column 'RB_Key__c' on entity 'Lead'`.
    if let Some((_, rest)) = message.split_once("No such column '")
        && let Some((name, _)) = rest.split_once('\'')
    {
        fields.push(fields::ours(&cut(name, 100)));
    }
    // Both spellings are in use.
    let result = map.get("duplicateResut").or_else(|| map.get("duplicateResult"));
    Some(ApiError { code: code.to_owned(), message: message.to_owned(), fields, matches: result.map(matches) })
}

fn matches(result: &Value) -> Vec<(String, f64)> {
    let mut found: Vec<(String, f64)> = Vec::new();
    let list = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    for entry in list(result, "matchResults").iter().flat_map(|r| list(r, "matchRecords")) {
        let id = entry.get("record").and_then(|r| r.get("Id")).and_then(Value::as_str).filter(|id| fields::is_id(id));
        let Some(id) = id.map(fields::id18) else { continue };
        let confidence = entry.get("matchConfidence").and_then(Value::as_f64).unwrap_or(0.0);
        match found.iter_mut().find(|(known, _)| *known == id) {
            Some((_, held)) => *held = held.max(confidence),
            None => found.push((id, confidence)),
        }
    }
    found
}

/// The moment and headers of an answer.
pub(super) struct Answer<'a> {
    pub(super) reply: &'a HttpReply,
    pub(super) received_at: Timestamp,
}

/// An answer that cannot be read: a write may have happened, a read is asked again.
pub(super) fn unreadable(write: bool, status: u16, words: &str) -> Outcome {
    let why = Why::new("unreadable_reply", words).status(status);
    if write { Outcome::Unknown { why } } else { Outcome::Retry { after: None, why } }
}

/// What an answer with a status other than 2xx says of an operation, whether it came alone or in a composite one.
pub(super) fn failed(operation: &CrmOp, status: u16, body: Option<&Value>, answer: &Answer<'_>) -> Outcome {
    let write = operation.writes();
    let errors = body.and_then(errors);
    let wait = retry_after(answer.reply, answer.received_at);
    let bare = |class: &str| Why::new(class, format!("HTTP {status}")).status(status);
    let first = |class: &str| match errors.as_deref() {
        Some([error, ..]) => why(class, status, std::slice::from_ref(error)),
        _ => bare(class),
    };
    match status {
        401 => Outcome::AuthExpired { why: first("unauthorized") },
        // Several records carry the value of an external id; the body lists their addresses.
        300 if matches!(operation, CrmOp::Upsert { .. }) => match addresses(body) {
            existing if existing.is_empty() => unreadable(write, status, "HTTP 300 without a list of records"),
            existing => Outcome::Duplicate { existing, why: bare("conflict") },
        },
        // Documented: the precondition did not hold and nothing was processed.
        412 if matches!(operation, CrmOp::Update { seen: Some(_), .. }) => Outcome::Stale { held: Held::default() },
        429 => Outcome::Retry {
            after: Some(wait.filter(|w| !w.is_zero()).unwrap_or(TOO_MANY)),
            why: first("rate_limited"),
        },
        400 | 403 | 404 | 405 | 410 | 414 | 415 | 431 => match errors {
            Some(errors) => refused(operation, status, &errors, answer),
            None => unreadable(write, status, &format!("HTTP {status} without Salesforce's list of errors")),
        },
        500..=599 if write => Outcome::Unknown { why: first("server_error") },
        500..=599 => Outcome::Retry { after: wait, why: first("server_error") },
        _ if errors.is_some() && write => Outcome::Unknown { why: first("unexpected_status") },
        _ if errors.is_some() => Outcome::Retry { after: wait, why: first("unexpected_status") },
        _ => unreadable(write, status, &format!("HTTP {status} without Salesforce's list of errors")),
    }
}

/// A refusal in Salesforce's words, of a request or of one record.
pub(super) fn refused(operation: &CrmOp, status: u16, errors: &[ApiError], answer: &Answer<'_>) -> Outcome {
    let write = operation.writes();
    let has = |codes: &[&str]| errors.iter().find(|e| codes.contains(&e.code.as_str()));
    let told = |class: &str| why(class, status, errors);
    if has(&["INVALID_SESSION_ID", "INVALID_AUTH_HEADER"]).is_some() {
        return Outcome::AuthExpired { why: told("unauthorized") };
    }
    if let Some(error) = has(&["REQUEST_LIMIT_EXCEEDED"]) {
        if error.message.to_ascii_lowercase().contains("concurrent") {
            return Outcome::Retry { after: Some(CONCURRENT), why: told("rate_limited") };
        }
        let until = answer.received_at.checked_add(EXHAUSTED_MINUTES.minutes()).unwrap_or(answer.received_at);
        return Outcome::Exhausted { until, why: told("daily_limit") };
    }
    if let Some(error) = has(&["DUPLICATES_DETECTED"]) {
        return duplicate_rule(error, status);
    }
    if let Some(error) = has(&["DUPLICATE_VALUE", "DUPLICATE_EXTERNAL_ID"]) {
        let existing = holder(&error.message);
        return match existing {
            Some(id) => Outcome::Duplicate { existing: vec![id], why: told("conflict") },
            // Somebody holds it and nobody says who (`<unknown>`): the next look by key tells.
            None => Outcome::Unknown { why: told("conflict") },
        };
    }
    if has(&["UNABLE_TO_LOCK_ROW"]).is_some() {
        return Outcome::Retry { after: Some(LOCKED), why: told("locked") };
    }
    if has(&["PROCESSING_HALTED", "ALL_OR_NONE_OPERATION_ROLLED_BACK"]).is_some() {
        return Outcome::Retry { after: None, why: told("rolled_back") };
    }
    if has(&["UNKNOWN_EXCEPTION", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT", "TXN_SECURITY_METERING_ERROR"]).is_some() {
        let why = told("server_error");
        return if write { Outcome::Unknown { why } } else { Outcome::Retry { after: None, why } };
    }
    // What is gone is the record that the path names; of a query 404 speaks of the address, and of a link the deleted record may be
    // the one linked to.
    let of_path = match operation {
        CrmOp::Update { .. } | CrmOp::Delete { .. } => has(&["ENTITY_IS_DELETED", "NOT_FOUND"]).is_some(),
        CrmOp::Associate { .. } => has(&["NOT_FOUND"]).is_some(),
        _ => false,
    };
    if of_path {
        return Outcome::Gone { merged_into: None };
    }
    if has(&["ENTITY_IS_DELETED", "NOT_FOUND"]).is_some() {
        return Outcome::Refused { why: told("no_such_record") };
    }
    // A read shows the Contact it became.
    if has(&["CANNOT_UPDATE_CONVERTED_LEAD"]).is_some() && matches!(operation, CrmOp::Update { .. }) {
        return Outcome::Stale { held: Held::default() };
    }
    let forbidden = ["INSUFFICIENT_ACCESS", "API_DISABLED", "API_CURRENTLY_DISABLED", "FUNCTIONALITY_NOT_ENABLED"];
    if status == 403 || errors.iter().any(|e| forbidden.iter().any(|word| e.code.starts_with(word))) {
        return Outcome::Refused { why: told("forbidden") };
    }
    Outcome::Refused { why: told("validation") }
}

/// Who the duplicate rule says it is. Matching may be fuzzy: only one sure match is taken, for nobody may be mistaken for another.
fn duplicate_rule(error: &ApiError, status: u16) -> Outcome {
    let found = error.matches.as_deref().unwrap_or_default();
    let person = |id: &str| matches!(fields::sobject_of(id), Some("Lead" | "Contact"));
    if let [(id, confidence)] = found
        && *confidence >= MATCH_CONFIDENCE_MIN
        && person(id)
    {
        return Outcome::Duplicate {
            existing: vec![id.clone()],
            why: why("conflict", status, std::slice::from_ref(error)),
        };
    }
    let ids: Vec<&str> = found.iter().map(|(id, _)| id.as_str()).take(10).collect();
    let words = match ids.as_slice() {
        [] => "A duplicate rule of the org refused the new record without naming another".to_owned(),
        ids => format!("A duplicate rule of the org refused the new record; it may be one of {}", ids.join(", ")),
    };
    Outcome::Refused { why: Why::new("duplicate_rule", words).status(status) }
}

/// `duplicate value found: RB_Key__c duplicates value on record with id: 00Q…`, with an id of 15 characters.
fn holder(message: &str) -> Option<String> {
    let (_, rest) = message.rsplit_once("record with id:")?;
    let id: String = rest.trim_start().chars().take_while(char::is_ascii_alphanumeric).collect();
    fields::is_id(&id).then(|| fields::id18(&id))
}

/// Ids at the end of the addresses `/services/data/v66.0/sobjects/Lead/00Q…`.
fn addresses(body: Option<&Value>) -> Vec<String> {
    let list = body.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let id = |address: &Value| address.as_str()?.rsplit('/').next().filter(|id| fields::is_id(id)).map(fields::id18);
    list.iter().filter_map(id).collect()
}

fn why(class: &str, status: u16, errors: &[ApiError]) -> Why {
    let words: Vec<String> = errors.iter().map(|e| format!("{}: {}", e.code, without_values(&e.message))).collect();
    let mut why = Why::new(class, words.join("; ")).status(status);
    why.properties = errors.iter().flat_map(|e| e.fields.clone()).collect();
    why.properties.sort();
    why.properties.dedup();
    why
}

/// Salesforce repeats refused values in its sentences; values are personal, so they are left out.
fn without_values(message: &str) -> String {
    let mut text: String = message.chars().take(4 * WHY_CHARS_MAX).collect();
    for mark in ["data value too large: ", "invalid email address: ", "STRING value ", "restricted picklist field: "] {
        if let Some((before, rest)) = text.split_once(mark) {
            let after = rest.find(" (max length").and_then(|at| rest.get(at..)).unwrap_or_default();
            text = format!("{before}{mark}…{after}");
        }
    }
    let personal = |word: &str| {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let id = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        word.contains('@') || (digits > 6 && !fields::is_id(id))
    };
    text.split_whitespace().map(|word| if personal(word) { "…" } else { word }).collect::<Vec<_>>().join(" ")
}
