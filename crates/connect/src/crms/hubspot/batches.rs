//! Answers to requests that carry several reads or associations: one outcome for each.
//!
//! Sources: <https://developers.hubspot.com/docs/api-reference/latest/crm/objects/objects/batch/get-objects> (207 names what is not there),
//! `…/latest/crm/associations/associate-records` (a record without links is an error of its own: `NO_ASSOCIATIONS_FOUND`).

use super::classify::{Problem, refused, unreadable};
use super::reply::{errors, linked_id, links, missing, record};
use super::request::{MERGED_IDS, PERSON_ADDRESSES, PERSON_NATIONALS, PERSON_NUMBERS};
use crate::wire::text;
use crate::{MISSING_IN_REPLY, TOO_MANY_RESULTS, UNCLEAR_MATCH};
use ringback_core::crm::{CrmOp, Held, KEY_PROPERTY, Outcome, PersonKey, Record, Why};
use serde_json::{Map, Value};

/// A number of fewer digits is no number to compare by its end.
const NUMBER_DIGITS_MIN: usize = 7;

fn records(body: &Map<String, Value>) -> Option<Vec<Record>> {
    body.get("results")?.as_array()?.iter().map(record).collect()
}

fn done(records: Vec<Record>) -> Outcome {
    Outcome::Done { held: Held { records, ..Held::default() } }
}

fn again(class: &str, words: &str, status: u16) -> Outcome {
    Outcome::Retry { after: None, why: Why::new(class, words).status(status) }
}

/// One search for several callers: each gets the records that hold a number or an address of its own.
pub(super) fn found(operations: &[CrmOp], body: &Map<String, Value>, status: u16) -> Vec<Outcome> {
    let all = |outcome: Outcome| vec![outcome; operations.len()];
    let (Some(records), Some(total)) = (records(body), body.get("total").and_then(Value::as_u64)) else {
        return all(unreadable(false, status, "The body is not what was asked for"));
    };
    let more = body.get("paging").and_then(|p| p.get("next")).is_some();
    if more {
        let words = format!("{total} contacts match, more than one answer shows");
        return all(again(TOO_MANY_RESULTS, &words, status));
    }
    if (records.len() as u64) < total {
        return all(unreadable(false, status, "The answer shows fewer contacts than it counts"));
    }
    let owned = |operation: &CrmOp, record: &Record| match operation {
        CrmOp::FindPerson { keys, .. } => keys.iter().any(|key| holds(record, key)),
        _ => false,
    };
    if records.iter().any(|record| !operations.iter().any(|operation| owned(operation, record))) {
        return all(again(
            UNCLEAR_MATCH,
            "A contact was found and it does not show by which number or address",
            status,
        ));
    }
    let of = |operation| records.iter().filter(|record| owned(operation, record)).cloned().collect();
    operations.iter().map(|operation| done(of(operation))).collect()
}

fn holds(record: &Record, key: &PersonKey) -> bool {
    let value = |name: &&str| record.properties.get(*name).map(String::as_str);
    match key {
        PersonKey::Email { address } => {
            let listed = PERSON_ADDRESSES.iter().filter_map(value).flat_map(|text| text.split([';', ',']));
            listed.map(|held| held.trim().to_lowercase()).any(|held| held == address.to_lowercase())
        }
        PersonKey::Phone { e164, national } => {
            let (full, national) = (digits(e164), digits(national));
            let same = |text: &str| {
                // An extension follows an x, an ext or a comma.
                let main = text.to_lowercase();
                let held = digits(main.split(['x', 'e', ';', ',']).next().unwrap_or_default());
                held == full || held == national || (national.len() >= NUMBER_DIGITS_MIN && held.ends_with(&national))
            };
            !national.is_empty()
                && (PERSON_NATIONALS.iter().filter_map(value).any(|held| held == national)
                    || PERSON_NUMBERS.iter().filter_map(value).any(same))
        }
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Records by our key or by id.
pub(super) fn read(operations: &[CrmOp], body: &Map<String, Value>, status: u16) -> Vec<Outcome> {
    let Some(records) = records(body) else {
        return vec![unreadable(false, status, "The body is not what was asked for"); operations.len()];
    };
    operations.iter().map(|operation| read_one(operation, &records, body, status)).collect()
}

fn read_one(operation: &CrmOp, records: &[Record], body: &Map<String, Value>, status: u16) -> Outcome {
    let (name, by_key) = match operation {
        CrmOp::ReadByKey { key, .. } => (key, true),
        CrmOp::ReadById { id, .. } => (id, false),
        _ => return unreadable(false, status, "The answer belongs to another request"),
    };
    let mine = |record: &&Record| {
        if by_key { record.properties.get(KEY_PROPERTY) == Some(name) } else { record.id == *name }
    };
    if let Some(record) = records.iter().find(mine) {
        return done(vec![record.clone()]);
    }
    // A merged record's old id answers with the survivor.
    let merged = |record: &&Record| {
        record.properties.get(MERGED_IDS).is_some_and(|ids| ids.split(';').any(|id| id.trim() == name))
    };
    if let Some(survivor) = records.iter().find(merged).filter(|_| !by_key) {
        return Outcome::Gone { merged_into: Some(survivor.id.clone()) };
    }
    let named = errors(body).iter().find(|error| named(error, &["ids", "id"], name));
    match named.and_then(|error| Problem::read(status, error)) {
        Some(problem) if problem.not_found() => Outcome::Gone { merged_into: None },
        Some(problem) => again("server_error", &problem.message, status),
        // By the vendor's rule what is missing is left out. For a key that is harmless to believe: the record is then made by an upsert of
        // that key. Of an id it would say that a record is gone, so it is asked for alone, where the answer is clear.
        None if by_key && status == 200 => Outcome::Gone { merged_into: None },
        None => again(MISSING_IN_REPLY, "The answer does not mention this record", status),
    }
}

fn named(error: &Value, fields: &[&str], name: &str) -> bool {
    let context = |field: &&str| match error.get("context").and_then(|c| c.get(*field)) {
        Some(Value::Array(list)) => list.iter().filter_map(text).any(|v| v == name),
        Some(one) => text(one).as_deref() == Some(name),
        None => false,
    };
    fields.iter().any(context) || error.get("id").and_then(Value::as_str) == Some(name)
}

/// Associations: the answer lists every link it made, in both directions.
pub(super) fn associated(operations: &[CrmOp], body: &Map<String, Value>, status: u16) -> Vec<Outcome> {
    let Some(results) = body.get("results").and_then(Value::as_array) else {
        return vec![unreadable(true, status, "The body has no results"); operations.len()];
    };
    let end = |value: &Value, side: &str| value.get(side).and_then(|s| s.get("id")).and_then(text);
    let one = |operation: &CrmOp| {
        let CrmOp::Associate { from_id, to_id, .. } = operation else {
            return unreadable(true, status, "The answer belongs to another request");
        };
        let made = |value: &Value| {
            let ends = (end(value, "from"), end(value, "to"));
            matches!(&ends, (Some(a), Some(b)) if (a == from_id && b == to_id) || (a == to_id && b == from_id))
        };
        if results.iter().any(made) {
            return Outcome::Done { held: Held::default() };
        }
        // The other end of an error is checked where the answer names it: one contact may have many calls.
        let about = |error: &&Value| {
            let other = error.get("context").is_none_or(|c| c.get("toObjectId").is_none());
            named(error, &["fromObjectId", "ids"], from_id) && (other || named(error, &["toObjectId"], to_id))
        };
        match errors(body).iter().find(about).and_then(|error| Problem::read(status, error)) {
            Some(problem) => refused(true, &problem),
            None => missing(status),
        }
    };
    operations.iter().map(one).collect()
}

/// What records are linked to.
pub(super) fn linked(operations: &[CrmOp], body: &Map<String, Value>, status: u16) -> Vec<Outcome> {
    let Some(results) = body.get("results").and_then(Value::as_array) else {
        return vec![unreadable(false, status, "The body has no results"); operations.len()];
    };
    let one = |operation: &CrmOp| {
        let CrmOp::ReadLinks { id, to, .. } = operation else {
            return unreadable(false, status, "The answer belongs to another request");
        };
        let from = |value: &Value| value.get("from").and_then(|f| f.get("id")).and_then(text);
        let mut lists = results.iter().filter(|value| from(value).as_ref() == Some(id)).peekable();
        if lists.peek().is_some() {
            let ids = lists.map(|value| value.get("to")?.as_array()?.iter().map(linked_id).collect::<Option<Vec<_>>>());
            return match ids.collect::<Option<Vec<_>>>() {
                Some(ids) => done(vec![links(id, *to, ids.concat())]),
                None => unreadable(false, status, "The links have no ids"),
            };
        }
        let mine = errors(body).iter().find(|error| named(error, &["fromObjectId", "ids"], id));
        match mine.and_then(|error| Problem::read(status, error)) {
            Some(problem) if problem.no_links() => done(vec![links(id, *to, Vec::new())]),
            Some(problem) if problem.not_found() => Outcome::Gone { merged_into: None },
            Some(problem) => again("server_error", &problem.message, status),
            None => again(MISSING_IN_REPLY, "The answer does not mention this record", status),
        }
    };
    operations.iter().map(one).collect()
}
