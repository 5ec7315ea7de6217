//! HTTP to outcomes.

use super::classify::{failed, unreadable};
use super::{fields, is_activity, note, schema};
use crate::wire::text;
use crate::{Budget, Connection, Replies};
use jiff::Timestamp;
use ringback_core::crm::{CrmOp, Held, KEY_PROPERTY, Object, Outcome, Record, Why};
use ringback_core::http::HttpReply;
use serde_json::{Map, Value};

pub(super) fn replies(
    operations: &[CrmOp],
    reply: &HttpReply,
    connection: &Connection,
    received_at: Timestamp,
) -> Replies {
    let outcome = |operation: &CrmOp| match (reply.status, operations.len()) {
        (200..=299, 1) => accepted(operation, reply, connection),
        (200..=299, _) => unreadable(operation.writes(), reply.status, "The answer belongs to another request"),
        _ => failed(operation, names_one(operation), reply, connection, received_at),
    };
    Replies { outcomes: operations.iter().map(outcome).collect(), budget: budget(reply) }
}

/// Does the path name one record, so that 404 speaks of that record and not of the endpoint?
fn names_one(operation: &CrmOp) -> bool {
    matches!(
        operation,
        CrmOp::ReadById { .. }
            | CrmOp::ReadLinks { .. }
            | CrmOp::Update { .. }
            | CrmOp::Associate { .. }
            | CrmOp::Delete { .. }
    )
}

fn budget(reply: &HttpReply) -> Option<Budget> {
    let number = |name: &str| reply.header(name).and_then(|v| v.trim().parse().ok());
    let budget = Budget {
        burst_left: number("x-ratelimit-remaining"),
        daily_left: number("x-daily-ratelimit-token-remaining").or_else(|| number("x-daily-requests-left")),
        ..Budget::default()
    };
    (budget.burst_left.is_some() || budget.daily_left.is_some()).then_some(budget)
}

fn accepted(operation: &CrmOp, reply: &HttpReply, connection: &Connection) -> Outcome {
    let strange = |words: &str| unreadable(operation.writes(), reply.status, words);
    let Ok(Value::Object(body)) = serde_json::from_slice::<Value>(&reply.body) else {
        return strange("The body is not a JSON object");
    };
    match body.get("success").and_then(Value::as_bool) {
        Some(true) => {}
        // Documented with an error's status only: with this one it proves nothing.
        Some(false) => return strange("The body says that it failed, the status that it did not"),
        None => return strange("The body is not Pipedrive's"),
    }
    if reply.status != 200 && reply.status != 201 {
        return strange("The status is not one that Pipedrive answers with");
    }
    match operation {
        CrmOp::ReadByKey { object, key, of, .. } if is_activity(*object) => {
            activity_by_key(key, of.is_some(), &body, connection)
        }
        CrmOp::ReadByKey { .. } => by_key(&body),
        _ => single(operation, &body, connection),
    }
    .unwrap_or_else(|| strange("The body is not what was asked for"))
}

fn done(held: Held) -> Option<Outcome> {
    Some(Outcome::Done { held })
}

fn data(body: &Map<String, Value>) -> Option<&Value> {
    body.get("data").filter(|d| !d.is_null())
}

/// The page of a list. An empty one may be `null` in v1.
fn list(body: &Map<String, Value>) -> Option<&[Value]> {
    data(body)?.as_array().map(Vec::as_slice)
}

fn next(body: &Map<String, Value>) -> Option<String> {
    body.get("additional_data")?.get("next_cursor").and_then(text)
}

/// The index knows an id and a name: the key leads to that record. Of several the oldest.
fn by_key(body: &Map<String, Value>) -> Option<Outcome> {
    let mut ids = Vec::new();
    for item in list(body)? {
        // The document's example has the record itself, its schema an `item` around it.
        let item = item.get("item").unwrap_or(item);
        ids.push(item.get("id").and_then(Value::as_u64)?);
    }
    Some(Outcome::Gone { merged_into: ids.into_iter().min().map(|id| id.to_string()) })
}

fn activity_by_key(key: &str, of_person: bool, body: &Map<String, Value>, connection: &Connection) -> Option<Outcome> {
    let mut found: Option<(u64, Record)> = None;
    for value in list(body)? {
        let id = value.get("id").and_then(Value::as_u64)?;
        let text = value.get("note").and_then(Value::as_str).unwrap_or_default();
        let deleted = value.get("is_deleted").and_then(Value::as_bool).unwrap_or(false);
        let ours = text.contains(key) && note::unpack(text).1.get(KEY_PROPERTY).is_some_and(|held| held == key);
        if ours && !deleted && found.as_ref().is_none_or(|(oldest, _)| id < *oldest) {
            found = Some((id, fields::record(Object::Task, value, connection)?));
        }
    }
    match (found, next(body)) {
        (Some((_, record)), _) => done(Held { records: vec![record], ..Held::default() }),
        (None, None) => Some(Outcome::Gone { merged_into: None }),
        // What stands behind the page was not seen, and nothing is made on a guess.
        (None, Some(_)) => {
            let whose = if of_person { "this person's" } else { "the" };
            let words = format!("not among {whose} 500 latest activities; there are more, which were not searched");
            Some(Outcome::Refused { why: Why::new("not_searched_all", words).status(200) })
        }
    }
}

fn single(operation: &CrmOp, body: &Map<String, Value>, connection: &Connection) -> Option<Outcome> {
    let record = |object: Object, value: &Value| fields::record(object, value, connection);
    let records = |object: Object| list(body)?.iter().map(|v| record(object, v)).collect::<Option<Vec<_>>>();
    match operation {
        CrmOp::FindPerson { .. } => {
            let items = data(body)?.get("items")?.as_array()?;
            let people = items.iter().map(|i| record(Object::Contact, i.get("item")?)).collect::<Option<Vec<_>>>();
            let records = people?.into_iter().map(|r| Record { version: None, ..r }).collect();
            done(Held { records, next: next(body), ..Held::default() })
        }
        CrmOp::ReadById { object, id, .. } => {
            let record = record(*object, data(body)?)?;
            // Another record's answer is no answer.
            (record.id == *id).then_some(())?;
            if record.archived {
                return Some(Outcome::Gone { merged_into: None });
            }
            done(Held { records: vec![record], ..Held::default() })
        }
        CrmOp::ReadLinks { object, id, .. } => {
            let mut record = record(*object, data(body)?)?;
            (record.id == *id).then_some(())?;
            record.properties.clear();
            done(Held { records: vec![record], ..Held::default() })
        }
        CrmOp::ReadMany { object, ids, .. } => {
            let records = records(*object)?;
            // Ids that are not there, or deleted, are simply absent; what was not asked for is somebody else's answer.
            records.iter().all(|r| ids.contains(&r.id)).then_some(())?;
            done(Held { records, ..Held::default() })
        }
        CrmOp::FindDeals { .. } => done(Held { records: records(Object::Deal)?, next: next(body), ..Held::default() }),
        CrmOp::Changed { object, .. } => done(Held { records: records(*object)?, next: next(body), ..Held::default() }),
        CrmOp::Create { object, key, .. } => {
            let record = record(*object, data(body)?)?;
            // A record that says that it carries another key is not the one that was made.
            record.properties.get(KEY_PROPERTY).is_none_or(|held| held == key).then_some(())?;
            done(Held { records: vec![record], created: Some(true), ..Held::default() })
        }
        CrmOp::Update { object, id, .. } => {
            let record = record(*object, data(body)?)?;
            (record.id == *id).then_some(())?;
            done(Held { records: vec![record], created: Some(false), ..Held::default() })
        }
        CrmOp::Associate { from, from_id, .. } => {
            let record = record(*from, data(body)?)?;
            (record.id == *from_id).then_some(())?;
            done(Held { records: vec![record], ..Held::default() })
        }
        CrmOp::Delete { id, .. } => {
            let gone = data(body)?.get("id").and_then(text)?;
            (gone == *id).then_some(())?;
            done(Held::default())
        }
        CrmOp::ReadSchema { object } => done(Held { schema: schema::schema(*object, list(body)?)?, ..Held::default() }),
        CrmOp::CreateProperty { property, .. } => {
            let made = schema::field(data(body)?.as_object()?)?;
            (made.name == property.name).then_some(())?;
            done(Held { schema: vec![made], created: Some(true), ..Held::default() })
        }
        CrmOp::ListOwners { .. } => {
            let owners = list(body)?.iter().map(fields::owner).collect::<Option<Vec<_>>>()?;
            done(Held { records: owners, ..Held::default() })
        }
        CrmOp::ReadByKey { .. } | CrmOp::Upsert { .. } => None,
    }
}
