//! What an answer that is no plain success means.
//!
//! Sources (below <https://learn.microsoft.com/en-us/power-apps/developer/data-platform/>): `webapi/compose-http-requests-handle-errors`
//! (statuses and the error body), `api-limits` (429), `webapi/manage-duplicate-detection-create-update` (0x80040333, which the page shows
//! with 500 and its status table with 412), `webapi/perform-conditional-operations-using-web-api` (412),
//! `reference/web-service-error-codes` (codes).
//!
//! The rule behind the table: *certainly not done* is said only where the vendor says so in a form it documents. Pages, half bodies,
//! server errors and codes that stand for "something went wrong" leave a write *unknown*.

use crate::wire::{cut, retry_after};
use jiff::Timestamp;
use ringback_core::crm::{CrmOp, Held, Outcome, WHY_CHARS_MAX, Why};
use ringback_core::http::HttpReply;
use serde_json::Value;
use std::time::Duration;

/// The wait after a 429 without `Retry-After`, which the vendor promises to send: the window of its limits.
const WINDOW: Duration = Duration::from_mins(5);

/// Codes of a service that is busy or broken behind an answer that reads like a refusal: unexpected error, generic SQL error, SQL
/// time-out, deadlock, time-out of a plug-in.
const TROUBLE: &[&str] = &["0x80040216", "0x80044150", "0x80044151", "0x80071151", "0x8004418d", "0x80044152"];
/// A duplicate detection rule found somebody.
const DUPLICATE_RULE: &str = "0x80040333";
/// A column or a record of that name or key is there already: duplicate record, entity key violated, attribute, publisher or solution name.
const TAKEN: &[&str] = &["0x80040237", "0x80060892", "0x80047013", "0x80044363"];
/// There is no record of that id.
const NO_RECORD: &str = "0x80040217";
/// The record is not the version that was named.
const CHANGED: &str = "0x80060882";
/// The three service protection limits: requests, execution time, requests at once.
const LIMITS: &[&str] = &["0x80072322", "0x80072321", "0x80072326"];

/// The vendor's error body.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    code: String,
    message: String,
}

impl Problem {
    /// `{"error":{"code":…,"message":…}}`; `None` if this is not the vendor's form.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let whole: Value = serde_json::from_slice(body).ok()?;
        let error = whole.get("error")?.as_object()?;
        let message = error.get("message")?.as_str()?.to_owned();
        let code = match error.get("code")? {
            Value::String(code) => code.trim().to_ascii_lowercase(),
            Value::Number(code) => code.to_string(),
            _ => return None,
        };
        Some(Self { code: hexadecimal(code), message })
    }

    fn why(&self, class: &str, status: u16) -> Why {
        let names = names(&self.message);
        let mut why = Why::new(class, without_values(&self.message, &names)).status(status);
        why.properties = names;
        why
    }

    fn says(&self, words: &str) -> bool {
        self.message.to_ascii_lowercase().contains(words)
    }

    fn taken(&self) -> bool {
        TAKEN.contains(&self.code.as_str()) || self.says("already exists")
    }
}

/// Codes come as `0x80040217` and as the signed decimal number of the same bits.
fn hexadecimal(code: String) -> String {
    match code.parse::<i64>().ok().and_then(|n| i32::try_from(n).ok()) {
        Some(n) if !code.starts_with("0x") => format!("{:#010x}", n.cast_unsigned()),
        _ => code,
    }
}

/// Column names in the vendor's sentences: in quotes, next to the word that says what they are.
fn names(message: &str) -> Vec<String> {
    let pieces: Vec<&str> = message.split('\'').take(41).collect();
    let mut found: Vec<String> = Vec::new();
    for (n, piece) in pieces.iter().enumerate().filter(|(n, _)| n % 2 == 1) {
        let before = n.checked_sub(1).and_then(|b| pieces.get(b)).map_or("", |b| b.trim_end());
        let after = pieces.get(n + 1).map_or("", |a| a.trim_start());
        let word = |text: &str| {
            let text = text.to_ascii_lowercase();
            ["property", "attribute", "column", "field", "named", "fields", "properties"].iter().any(|w| text == *w)
        };
        let said =
            word(before.rsplit(' ').next().unwrap_or_default()) || word(after.split(' ').next().unwrap_or_default());
        let name = piece.trim();
        let plain =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'@' || b == b'.');
        if said && plain && !found.iter().any(|f| f == name) {
            found.push(cut(name, 100));
        }
    }
    found
}

/// Quoted values and anything that looks like a number or an address are personal and left out; names of columns and types stay.
fn without_values(message: &str, names: &[String]) -> String {
    let quoted: String = message
        .split('\'')
        .enumerate()
        .map(|(n, piece)| match n % 2 {
            0 => piece.to_owned(),
            _ if names.iter().any(|name| name == piece) => format!("'{piece}'"),
            _ if piece.starts_with("Edm.") || piece.starts_with("Microsoft.") => format!("'{piece}'"),
            _ => "'…'".to_owned(),
        })
        .collect();
    let words: Vec<&str> = quoted
        .split_whitespace()
        .map(|word| {
            let digits = word.bytes().filter(u8::is_ascii_digit).count();
            let address = word.contains('@') && !word.contains("@odata");
            if address || (digits > 6 && !word.contains('-')) { "…" } else { word }
        })
        .collect();
    cut(&words.join(" "), WHY_CHARS_MAX)
}

/// An answer that cannot be read: a write may have happened, a read is asked again.
pub(super) fn unreadable(write: bool, status: u16, words: &str) -> Outcome {
    let why = Why::new("unreadable_reply", words).status(status);
    if write { Outcome::Unknown { why } } else { Outcome::Retry { after: None, why } }
}

/// What an answer other than 2xx says of an operation. `alone`: the answer is about this operation's own record, not about a batch.
/// `record`: the id in the path.
pub(super) fn failed(operation: &CrmOp, record: Option<&str>, reply: &HttpReply, received_at: Timestamp) -> Outcome {
    let (write, status) = (operation.writes(), reply.status);
    let wait = retry_after(reply, received_at);
    let problem = Problem::read(&reply.body);
    let bare = |class: &str| Why::new(class, format!("HTTP {status}")).status(status);
    let why = |class: &str| problem.as_ref().map_or_else(|| bare(class), |p| p.why(class, status));
    if let Some(problem) = &problem {
        if status == 429 || LIMITS.contains(&problem.code.as_str()) {
            return limited(wait, why("rate_limited"));
        }
        if problem.code == DUPLICATE_RULE && matches!(status, 412 | 500) {
            // It names no record, so none can be taken for it: a person must look.
            return Outcome::Refused { why: why("duplicate_rule") };
        }
        if TROUBLE.contains(&problem.code.as_str()) {
            return if write {
                Outcome::Unknown { why: why("server_error") }
            } else {
                Outcome::Retry { after: wait, why: why("server_error") }
            };
        }
        if problem.taken()
            && matches!(status, 400 | 409 | 412)
            && let CrmOp::CreateProperty { property, .. } = operation
        {
            return Outcome::Duplicate { existing: vec![property.name.clone()], why: why("conflict") };
        }
    }
    match (status, &problem) {
        (429, _) => limited(wait, bare("rate_limited")),
        (401, _) => Outcome::AuthExpired { why: why("unauthorized") },
        (403, _) => Outcome::Refused { why: why("forbidden") },
        (404, Some(p)) => missing(operation, record, p, status),
        (412, Some(p)) if p.code == CHANGED || p.says("rowversion") => Outcome::Stale { held: Held::default() },
        (412, Some(_)) => Outcome::Refused { why: why("conflict") },
        (400, Some(p)) if p.code == NO_RECORD => missing(operation, record, p, status),
        (400, Some(_)) => Outcome::Refused { why: why("validation") },
        (405 | 413, _) => Outcome::Refused { why: why("bad_request") },
        (500..=599, _) if write => Outcome::Unknown { why: why("server_error") },
        (500..=599, _) => Outcome::Retry { after: wait, why: why("server_error") },
        (_, Some(_)) if write => Outcome::Unknown { why: why("unexpected_status") },
        (_, Some(_)) => Outcome::Retry { after: wait, why: why("unexpected_status") },
        (_, None) => unreadable(write, status, &format!("HTTP {status} without the vendor's error body")),
    }
}

/// As long as the vendor says, not shorter: it grows where it is not heeded.
fn limited(wait: Option<Duration>, why: Why) -> Outcome {
    Outcome::Retry { after: Some(wait.filter(|w| !w.is_zero()).unwrap_or(WINDOW)), why }
}

/// Which record is not there: the one that was asked for, or one that the body of a write points to.
fn missing(operation: &CrmOp, record: Option<&str>, problem: &Problem, status: u16) -> Outcome {
    let no_record = problem.code == NO_RECORD || problem.says("does not exist");
    let own = record.is_some_and(|id| problem.says(&id.to_ascii_lowercase()));
    let upsert = matches!(operation, CrmOp::Upsert { .. });
    match (no_record, record) {
        (true, Some(_)) if own || !upsert => Outcome::Gone { merged_into: None },
        (true, _) => Outcome::Refused { why: problem.why("reference_missing", status) },
        (false, _) => Outcome::Refused { why: problem.why("no_such_endpoint", status) },
    }
}

/// Of several answers about one operation the one that decides: what nobody knows before what was refused before what was done.
pub(super) fn gravest(outcomes: Vec<Outcome>) -> Option<Outcome> {
    let weight = |outcome: &Outcome| match outcome {
        Outcome::Unknown { .. } => 8,
        Outcome::AuthExpired { .. } => 7,
        Outcome::Exhausted { .. } => 6,
        Outcome::Retry { .. } => 5,
        Outcome::Refused { .. } => 4,
        Outcome::Stale { .. } => 3,
        Outcome::Gone { .. } => 2,
        Outcome::Done { .. } => 1,
        Outcome::Duplicate { .. } => 0,
    };
    outcomes.into_iter().rev().max_by_key(|o| weight(o))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_come_in_two_spellings() {
        let read = |code: &str| {
            Problem::read(format!("{{\"error\":{{\"code\":{code},\"message\":\"x\"}}}}").as_bytes()).unwrap().code
        };
        assert_eq!(read("\"-2147220969\""), NO_RECORD);
        assert_eq!(read("-2147220969"), NO_RECORD);
        assert_eq!(read("\"0x80040217\""), NO_RECORD);
        assert_eq!(read("\"\""), "");
        assert!(Problem::read(b"{\"error\":\"invalid_client\"}").is_none());
    }

    #[test]
    fn names_stay_and_values_go() {
        let message = "Cannot convert the literal 'Dana Ruiz' to the expected type 'Edm.Int32' of property 'leadsourcecode', dana@example.com +13125550142";
        let names = names(message);
        assert_eq!(names, ["leadsourcecode"]);
        let words = without_values(message, &names);
        assert!(words.contains("'leadsourcecode'") && words.contains("Edm.Int32"), "{words}");
        for personal in ["Dana", "dana@", "3125550142"] {
            assert!(!words.contains(personal), "{words}");
        }
    }
}
