//! What an error of HighLevel means.
//!
//! Errors are `{"statusCode":400|401|403|422,"message":"…"|["…"],"error":"…"}` (the vendor's `BadRequestDTO`, `UnauthorizedDTO`,
//! `UnprocessableDTO`). Wordings that no page has are those of public reports, named where they are compared.

use crate::wire::{cut, retry_after};
use jiff::{SignedDuration, Timestamp};
use ringback_core::crm::{CrmOp, Object, Outcome, Why};
use ringback_core::http::HttpReply;
use serde_json::Value;
use std::time::Duration;

/// The burst window of the vendor, for refusals that do not say it.
const BURST: Duration = Duration::from_secs(10);
/// No page says when the day of the daily limit ends: it is asked again after this long.
const DAILY_AGAIN: SignedDuration = SignedDuration::from_hours(1);

/// One refusal in the vendor's form.
pub(super) struct Problem {
    status: u16,
    messages: Vec<String>,
    /// Who already holds the value, and which field it is.
    existing: Option<String>,
    matching: Option<String>,
}

impl Problem {
    /// `None` where it is not the vendor's form.
    pub(super) fn read(status: u16, body: &Value) -> Option<Self> {
        let map = body.as_object()?;
        let messages: Vec<String> = match map.get("message")? {
            Value::String(one) => vec![one.trim().to_owned()],
            Value::Array(many) => many.iter().filter_map(Value::as_str).map(|m| m.trim().to_owned()).collect(),
            _ => return None,
        };
        let stated = map.get("statusCode").or_else(|| map.get("status")).and_then(Value::as_u64);
        // A page of another service may have a message too; the vendor repeats the status or names the error.
        let vendors = stated == Some(u64::from(status)) || map.get("error").is_some_and(Value::is_string);
        let meta = |name: &str| map.get("meta").and_then(|m| m.get(name)).and_then(Value::as_str).map(str::to_owned);
        (vendors && messages.iter().any(|m| !m.is_empty())).then(|| Self {
            status,
            messages,
            existing: meta("contactId").filter(|id| !id.is_empty()),
            matching: meta("matchingField"),
        })
    }

    fn why(&self, class: &str) -> Why {
        let mut why = Why::new(class, without_values(&self.messages.join("; "))).status(self.status);
        why.properties = self.messages.iter().filter_map(|m| property(m)).collect();
        why.properties.extend(self.matching.iter().map(|m| cut(m, 100)));
        why.properties.sort();
        why.properties.dedup();
        why
    }

    fn says(&self, words: &[&str]) -> bool {
        self.messages.iter().any(|m| {
            let m = m.to_ascii_lowercase();
            words.iter().any(|w| m.contains(w))
        })
    }

    /// 400 "This location does not allow duplicated contacts.", with the holder in `meta` (public reports; no page has it).
    fn duplicate(&self) -> bool {
        self.says(&["does not allow duplicated contacts"])
    }

    /// 400 "Contact with id … not found": the vendor has no 404 for a record (public reports).
    fn missing(&self) -> bool {
        self.says(&[
            "contact with id",
            "task with id",
            "note with id",
            "task not found",
            "note not found",
            "contact not found",
        ]) && self.says(&["not found"])
    }

    /// The forms in which the vendor's validation speaks, before anything is carried out: `property x should not exist`, `x must be a
    /// string`, `x should not be empty`, `Invalid field x`.
    fn validation(&self) -> bool {
        let formal = |m: &String| {
            let m = m.to_ascii_lowercase();
            let any = [
                " should not exist",
                " must be ",
                " should not be empty",
                " must not be ",
                " must match ",
                " is required",
            ];
            any.iter().any(|w| m.contains(w)) || m.starts_with("invalid field ")
        };
        !self.messages.is_empty() && self.messages.iter().all(formal)
    }
}

/// The field that a sentence of the validation is about.
fn property(message: &str) -> Option<String> {
    let mut words = message.split_whitespace();
    let first = words.next()?;
    let name = match first.to_ascii_lowercase().as_str() {
        "property" => words.next()?,
        "invalid" if words.next()? == "field" => words.next()?,
        "each" | "invalid" | "this" | "the" | "contact" | "task" | "note" => return None,
        _ => first,
    };
    let plain = name.len() <= 100 && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'));
    let named =
        plain && ["should", "must", "is", "field", "property"].iter().any(|w| message.to_ascii_lowercase().contains(w));
    named.then(|| name.to_owned())
}

/// A sentence without what may be somebody's: addresses and long numbers.
fn without_values(message: &str) -> String {
    let hidden = |word: &str| {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let letters = word.bytes().any(|b| b.is_ascii_alphabetic());
        word.contains('@') || (digits >= 5 && !letters) || (word.contains('+') && digits > 6)
    };
    let words: Vec<&str> = message.split(' ').map(|word| if hidden(word) { "…" } else { word }).collect();
    words.join(" ")
}

/// An answer that cannot be read: a write may have happened, a read is asked again.
pub(super) fn unreadable(write: bool, status: u16, words: &str) -> Outcome {
    let why = Why::new("unreadable_reply", words).status(status);
    if write { Outcome::Unknown { why } } else { Outcome::Retry { after: None, why } }
}

/// A record of another sub-account. It is not taken, and no repetition would make it ours.
pub(super) fn wrong_location(status: u16) -> Outcome {
    let words = "The answer is about another location than location_id";
    Outcome::Refused { why: Why::new("wrong_location", words).status(status) }
}

/// What an answer with a status other than 2xx says of an operation.
pub(super) fn failed(operation: &CrmOp, reply: &HttpReply, received_at: Timestamp) -> Outcome {
    let write = operation.writes();
    let body: Option<Value> = serde_json::from_slice(&reply.body).ok();
    let problem = body.as_ref().and_then(|b| Problem::read(reply.status, b));
    let bare = |class: &str| Why::new(class, format!("HTTP {}", reply.status)).status(reply.status);
    let in_doubt = |why: Why| {
        let after = retry_after(reply, received_at);
        if write { Outcome::Unknown { why } } else { Outcome::Retry { after, why } }
    };
    match (reply.status, problem) {
        (429, problem) => rate_limited(problem.as_ref(), reply, received_at),
        (401 | 403, Some(p)) if p.says(&["access to this location"]) => {
            Outcome::Refused { why: p.why("wrong_location") }
        }
        // A token without the scope is answered 401 too ("The token is not authorized for this scope."); a fresh one would not help.
        (401, Some(p)) if p.says(&["this scope"]) => Outcome::Refused { why: p.why("forbidden") },
        (401, problem) => {
            Outcome::AuthExpired { why: problem.map_or_else(|| bare("unauthorized"), |p| p.why("unauthorized")) }
        }
        (403, Some(p)) => Outcome::Refused { why: p.why("forbidden") },
        (404, Some(p)) if p.says(&["cannot "]) => Outcome::Refused { why: p.why("no_such_endpoint") },
        (404, Some(p)) => gone(operation, &p).unwrap_or_else(|| in_doubt(p.why("unexpected_status"))),
        (405 | 413..=415, Some(p)) => Outcome::Refused { why: p.why("bad_request") },
        (400 | 422, Some(p)) => refused(operation, &p),
        (500..=599, Some(p)) => in_doubt(p.why("server_error")),
        (500..=599, None) => in_doubt(bare("server_error")),
        (300..=399, _) => in_doubt(bare("redirected")),
        (_, Some(p)) => in_doubt(p.why("unexpected_status")),
        (status, None) => unreadable(write, status, &format!("HTTP {status} without HighLevel's error body")),
    }
}

/// A refusal of content.
pub(super) fn refused(operation: &CrmOp, problem: &Problem) -> Outcome {
    if problem.duplicate() {
        return match (operation, &problem.existing) {
            (CrmOp::Create { object: Object::Contact, .. }, Some(id)) => {
                Outcome::Duplicate { existing: vec![id.clone()], why: problem.why("conflict") }
            }
            // A change of an existing contact: the value belongs to somebody else, and a person must say to whom.
            _ => Outcome::Refused { why: problem.why("conflict") },
        };
    }
    if problem.missing()
        && let Some(outcome) = gone(operation, problem)
    {
        return outcome;
    }
    // Public report: an error, and yet the contact was there. Only what validation says before it acts is certainly not done.
    if problem.validation() || !operation.writes() {
        return Outcome::Refused { why: problem.why("validation") };
    }
    Outcome::Unknown { why: problem.why("unexpected_refusal") }
}

/// Does "not found" speak of the record that the operation is about?
fn gone(operation: &CrmOp, problem: &Problem) -> Option<Outcome> {
    match operation {
        CrmOp::ReadById { .. }
        | CrmOp::ReadByKey { of: Some(_), .. }
        | CrmOp::Update { .. }
        | CrmOp::Delete { .. }
        | CrmOp::FindDeals { .. } => Some(Outcome::Gone { merged_into: None }),
        // The contact that a task should stand under is not there; it will not come back by trying.
        CrmOp::Create { of: Some(_), .. } => Some(Outcome::Refused { why: problem.why("record_gone") }),
        _ => None,
    }
}

fn rate_limited(problem: Option<&Problem>, reply: &HttpReply, received_at: Timestamp) -> Outcome {
    let why =
        problem.map_or_else(|| Why::new("rate_limited", "HTTP 429").status(reply.status), |p| p.why("rate_limited"));
    let number = |name: &str| reply.header(name).and_then(|v| v.trim().parse::<u64>().ok());
    let daily = number("x-ratelimit-daily-remaining") == Some(0) || problem.is_some_and(|p| p.says(&["daily"]));
    if daily {
        let until = received_at.checked_add(DAILY_AGAIN).unwrap_or(received_at);
        return Outcome::Exhausted { until, why };
    }
    let window = number("x-ratelimit-interval-milliseconds").map(Duration::from_millis).filter(|w| *w <= 6 * BURST);
    // A wait of nothing would only be refused again.
    let after = retry_after(reply, received_at).filter(|w| !w.is_zero()).or(window.filter(|w| !w.is_zero()));
    Outcome::Retry { after: Some(after.unwrap_or(BURST)), why }
}
