//! What an answer that is no plain success means.
//!
//! Sources: <https://developers.hubspot.com/docs/api-reference/latest/error-handling> (statuses, error body, 423, 477, Cloudflare's
//! codes), `…/latest/usage-guidelines` (429 and its policies).
//!
//! The rule behind the table: *certainly not done* is said only where the vendor says so in a form it documents. An answer that is
//! not HubSpot's own (a page, half a body), a status it does not document for writes (422), or a server error leaves a write
//! *unknown*, because it may have happened.

use crate::wire::{cut, retry_after};
use jiff::Timestamp;
use jiff::ToSpan as _;
use jiff::tz::TimeZone;
use ringback_core::crm::{Outcome, WHY_CHARS_MAX, Why};
use ringback_core::http::HttpReply;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// A lock lasts two seconds (the vendor's own figure).
const LOCKED: Duration = Duration::from_secs(2);
/// The wait after a 429 whose window is not named: the longest of the short windows.
const BURST: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(1);

/// One error of HubSpot's, from the whole answer or from one entry of a 207.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    pub(super) status: u16,
    category: String,
    pub(super) message: String,
    /// Words of `errors[].code` and `subCategory`.
    codes: BTreeSet<String>,
    properties: Vec<String>,
    policy: String,
}

impl Problem {
    /// Reads an error body; `None` if this is not HubSpot's form of one.
    pub(super) fn read(status: u16, body: &Value) -> Option<Self> {
        let map = body.as_object()?;
        let word = |name: &str| map.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let known = ["status", "category", "correlationId", "errorType", "policyName"];
        if word("status") != "error" && !known.iter().skip(1).any(|name| map.contains_key(*name)) {
            return None;
        }
        let mut codes = BTreeSet::new();
        let mut properties = Vec::new();
        for entry in map.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default().iter().take(100)
        {
            codes.extend(["code", "subCategory"].iter().filter_map(|n| entry.get(n)?.as_str()).map(str::to_owned));
            names(entry, &mut properties);
        }
        codes.extend(map.get("subCategory").and_then(Value::as_str).map(str::to_owned));
        names(body, &mut properties);
        let message = word("message");
        quoted_names(&message, &mut properties);
        properties.dedup();
        Some(Self {
            status,
            category: match word("category") {
                c if c.is_empty() => word("errorType"),
                c => c,
            },
            message,
            codes,
            properties,
            policy: word("policyName"),
        })
    }

    fn why(&self, class: &str) -> Why {
        let mut why = Why::new(class, without_values(&self.message)).status(self.status);
        why.properties.clone_from(&self.properties);
        why
    }

    /// Records that already hold a unique value. In `Cannot set … on A. B already has that value.` A is half made and does not
    /// exist: only B counts.
    fn existing(&self) -> Vec<String> {
        let digits = |text: &str| -> Option<String> {
            let id: String = text.chars().take_while(char::is_ascii_digit).collect();
            (!id.is_empty()).then_some(id)
        };
        if let Some((_, rest)) = self.message.split_once("Existing ID:") {
            return digits(rest.trim_start()).into_iter().collect();
        }
        if let Some((before, _)) = self.message.split_once(" already has that value") {
            let id: String = before.chars().rev().take_while(char::is_ascii_digit).collect();
            return (!id.is_empty()).then(|| id.chars().rev().collect()).into_iter().collect();
        }
        Vec::new()
    }

    /// The record that the error is about does not exist.
    pub(super) fn not_found(&self) -> bool {
        self.is(&["OBJECT_NOT_FOUND"])
    }

    /// There is nothing that the record is linked to.
    pub(super) fn no_links(&self) -> bool {
        self.is(&["crm.associations.NO_ASSOCIATIONS_FOUND"])
    }

    fn is(&self, words: &[&str]) -> bool {
        words.iter().any(|w| self.category == *w || self.codes.contains(*w))
    }

    /// HubSpot's documented ways of saying that the request's content was refused.
    fn validation(&self) -> bool {
        self.is(&[
            "VALIDATION_ERROR",
            "PROPERTY_DOESNT_EXIST",
            "READ_ONLY_VALUE",
            "INVALID_OPTION",
            "INVALID_INTEGER",
            "INVALID_LONG",
            "INVALID_DATE",
            "INVALID_EMAIL",
            "REQUIRED_FIELD",
            "MISSING_REQUIRED_PROPERTY",
        ])
    }
}

/// Property names that an error entry carries.
fn names(entry: &Value, into: &mut Vec<String>) {
    let context = entry.get("context").and_then(Value::as_object);
    for name in ["propertyName", "property_name", "properties", "name"] {
        match context.and_then(|c| c.get(name)) {
            Some(Value::Array(list)) => into.extend(list.iter().filter_map(Value::as_str).map(|n| cut(n, 100))),
            Some(Value::String(one)) => into.push(cut(one, 100)),
            _ => {}
        }
    }
    let plain = |name: &&str| *name != "body" && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let stated = entry.get("name").or_else(|| entry.get("in")).and_then(Value::as_str).filter(plain);
    into.extend(stated.map(|name| cut(name, 100)));
    into.sort();
    into.dedup();
}

/// `Property "x" does not exist` and the JSON that HubSpot puts into `Property values were not valid: [{"name":"x",…}]`.
fn quoted_names(message: &str, into: &mut Vec<String>) {
    for (before, after) in [("\"name\":\"", '"'), ("Property \"", '"'), ("propertyName=", ',')] {
        for part in message.split(before).skip(1).take(20) {
            let name: String = part.chars().take_while(|c| *c != after).take(100).collect();
            if !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                into.push(name);
            }
        }
    }
    into.sort();
    into.dedup();
}

/// HubSpot repeats the refused value in its message; values are personal, so `value=…` and the like are left out.
fn without_values(message: &str) -> String {
    let mut out = String::new();
    let mut rest = message;
    while let Some(at) = ["value=", "\"value\":\""].iter().filter_map(|m| rest.find(m).map(|n| n + m.len())).min() {
        let (head, tail) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(head);
        out.push('…');
        let end = tail.find(['}', ',', '"']).unwrap_or(tail.len());
        rest = tail.get(end..).unwrap_or_default();
        if out.len() > 4 * WHY_CHARS_MAX {
            break;
        }
    }
    out.push_str(rest);
    // Addresses and long digit runs may stand anywhere in the sentence.
    let words: Vec<String> = out
        .split(' ')
        .map(|word| {
            let address = word.contains('@');
            let digits = word.bytes().filter(u8::is_ascii_digit).count();
            if address || (word.contains('+') && digits > 6) { "…".to_owned() } else { word.to_owned() }
        })
        .collect();
    words.join(" ")
}

/// An answer that cannot be read: a write may have happened, a read is asked again.
pub(super) fn unreadable(write: bool, status: u16, words: &str) -> Outcome {
    let why = Why::new("unreadable_reply", words).status(status);
    if write { Outcome::Unknown { why } } else { Outcome::Retry { after: None, why } }
}

/// The vendor's side of an exchange that is over: when, and in which zone its days end.
pub(super) struct Moment<'a> {
    pub(super) received_at: Timestamp,
    pub(super) zone: &'a TimeZone,
}

/// What a whole answer with a status other than 2xx says of an operation.
pub(super) fn failed(write: bool, by_id: bool, reply: &HttpReply, moment: &Moment<'_>) -> Outcome {
    let body: Option<Value> = serde_json::from_slice(&reply.body).ok();
    let problem = body.as_ref().and_then(|b| Problem::read(reply.status, b));
    let wait = retry_after(reply, moment.received_at);
    let bare = |class: &str| Why::new(class, format!("HTTP {}", reply.status)).status(reply.status);
    match (reply.status, problem) {
        (429, problem) => rate_limited(problem, reply, wait, moment),
        (423, _) => Outcome::Retry { after: Some(wait.unwrap_or(LOCKED)), why: bare("locked") },
        // An account is being moved to another data centre; the vendor says to wait as long as the header says.
        (477, _) => Outcome::Retry { after: Some(wait.unwrap_or(Duration::from_mins(1))), why: bare("migrating") },
        (401, Some(p)) => Outcome::AuthExpired { why: p.why("unauthorized") },
        (401, None) => Outcome::AuthExpired { why: bare("unauthorized") },
        (403, Some(p)) => Outcome::Refused { why: p.why("forbidden") },
        (404, Some(_)) if by_id => Outcome::Gone { merged_into: None },
        (404, Some(p)) => Outcome::Refused { why: p.why("no_such_endpoint") },
        // Never followed. It is a gateway's word, not HubSpot's: what came of a write is looked up, and the lane's breaker tells people.
        (300..=399, _) if write => Outcome::Unknown { why: bare("redirected") },
        (300..=399, _) => Outcome::Retry { after: wait, why: bare("redirected") },
        // Refused by the protocol before any content was looked at.
        (405 | 413..=415, _) => Outcome::Refused { why: bare("bad_request") },
        (500..=599, problem) => {
            let why = problem.map_or_else(|| bare("server_error"), |p| p.why("server_error"));
            if write { Outcome::Unknown { why } } else { Outcome::Retry { after: wait, why } }
        }
        (400 | 409, Some(p)) => refused(write, &p),
        (_, Some(p)) if write => Outcome::Unknown { why: p.why("unexpected_status") },
        // Nothing was changed by asking, and the vendor documents no such refusal of a read: ask again.
        (_, Some(p)) => Outcome::Retry { after: wait, why: p.why("unexpected_status") },
        (status, None) => unreadable(write, status, &format!("HTTP {status} without HubSpot's error body")),
    }
}

/// A refusal of content, as the whole answer or as one entry of a 207.
pub(super) fn refused(write: bool, problem: &Problem) -> Outcome {
    let existing = problem.existing();
    if !existing.is_empty() {
        return Outcome::Duplicate { existing, why: problem.why("conflict") };
    }
    if problem.is(&["RATE_LIMIT", "RATE_LIMITS"]) {
        return Outcome::Retry { after: Some(BURST), why: problem.why("rate_limited") };
    }
    if problem.is(&["OBJECT_NOT_FOUND"]) {
        return Outcome::Gone { merged_into: None };
    }
    if problem.validation() || !write {
        return Outcome::Refused { why: problem.why("validation") };
    }
    Outcome::Unknown { why: problem.why("unexpected_refusal") }
}

fn rate_limited(problem: Option<Problem>, reply: &HttpReply, wait: Option<Duration>, moment: &Moment<'_>) -> Outcome {
    let (policy, message) = problem
        .as_ref()
        .map_or((String::new(), String::new()), |p| (p.policy.to_ascii_uppercase(), p.message.to_ascii_lowercase()));
    let why =
        problem.map_or_else(|| Why::new("rate_limited", "HTTP 429").status(reply.status), |p| p.why("rate_limited"));
    let daily = policy.contains("DAILY") || (policy.is_empty() && message.contains("daily"));
    if daily {
        return Outcome::Exhausted { until: next_midnight(moment), why };
    }
    let usual = if policy.starts_with("SECONDLY") || message.contains("secondly limit") { SECOND } else { BURST };
    // A wait of nothing would only be refused again.
    let after = wait.filter(|w| !w.is_zero()).unwrap_or(usual);
    Outcome::Retry { after: Some(after), why }
}

/// The daily budget starts again at midnight in the account's zone.
fn next_midnight(moment: &Moment<'_>) -> Timestamp {
    let local = moment.received_at.to_zoned(moment.zone.clone());
    local
        .date()
        .checked_add(1.day())
        .ok()
        .and_then(|tomorrow| tomorrow.to_zoned(moment.zone.clone()).ok())
        .map(|z| z.timestamp())
        .or_else(|| moment.received_at.checked_add(24.hours()).ok())
        .unwrap_or(moment.received_at)
}
