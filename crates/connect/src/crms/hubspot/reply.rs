//! HTTP to outcomes.

use super::classify::{Moment, Problem, failed, refused, unreadable};
use super::request::{MERGED_IDS, next_changed};
use super::{OBJECTS, batches, plural};
use crate::wire::{cut, text, zone};
use crate::{BATCH_REFUSED, Budget, Connection, MISSING_IN_REPLY, Replies};
use jiff::Timestamp;
use ringback_core::crm::{
    CrmOp, Held, KEY_PROPERTY, Object, Outcome, Properties, PropertySpec, PropertyType, Record, SetBy, Setter, Why,
};
use ringback_core::http::HttpReply;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub(super) fn replies(
    operations: &[CrmOp],
    reply: &HttpReply,
    connection: &Connection,
    received_at: Timestamp,
) -> Replies {
    let zone = zone(&connection.zone);
    let moment = Moment { received_at, zone: &zone };
    let outcomes = match reply.status {
        200..=299 => accepted(operations, reply),
        _ => operations.iter().map(|op| of_failure(op, operations.len() > 1, reply, &moment)).collect(),
    };
    Replies { outcomes, budget: budget(reply) }
}

/// The answer to the making of our property group. Making it twice does no harm, so nothing here is ever unknown.
pub(super) fn prepared(reply: &HttpReply, connection: &Connection, received_at: Timestamp) -> Outcome {
    let zone = zone(&connection.zone);
    let body = serde_json::from_slice::<Value>(&reply.body).ok();
    let named = body.as_ref().is_some_and(|b| b.get("name").is_some_and(Value::is_string));
    let there = reply.status == 409 && body.as_ref().is_some_and(|b| Problem::read(409, b).is_some());
    match reply.status {
        _ if there => Outcome::Done { held: Held::default() },
        200..=299 if named => Outcome::Done { held: Held { created: Some(true), ..Held::default() } },
        200..=299 => unreadable(false, reply.status, "The body is not the group that was asked for"),
        _ => failed(false, false, reply, &Moment { received_at, zone: &zone }),
    }
}

fn of_failure(operation: &CrmOp, many: bool, reply: &HttpReply, moment: &Moment<'_>) -> Outcome {
    match (operation, failed(operation.writes(), !many && by_id(operation), reply, moment)) {
        // A property that is there already is no unknown write: the schema says whether it is the one that was wanted.
        (CrmOp::CreateProperty { property, .. }, Outcome::Unknown { why }) if why.status == Some(409) => {
            Outcome::Duplicate { existing: vec![property.name.clone()], why }
        }
        (_, outcome) if many && matches!(reply.status, 400 | 404 | 409 | 413) => refused_together(outcome),
        (_, outcome) => outcome,
    }
}

/// A batch that was refused whole says nothing of each of its items: one of them is at fault. Nothing was done, and in smaller batches
/// it shows which.
pub(super) fn refused_together(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Refused { mut why } | Outcome::Duplicate { mut why, .. } => {
            BATCH_REFUSED.clone_into(&mut why.class);
            Outcome::Retry { after: None, why }
        }
        Outcome::Gone { .. } => {
            let why = Why::new(BATCH_REFUSED, "One of the records is not there");
            Outcome::Retry { after: None, why }
        }
        other => other,
    }
}

/// Does the path of the single request name one record, so that 404 speaks of that record and not of the endpoint?
fn by_id(operation: &CrmOp) -> bool {
    match operation {
        CrmOp::ReadByKey { .. } | CrmOp::ReadById { .. } | CrmOp::Update { .. } | CrmOp::Associate { .. } => true,
        CrmOp::Delete { .. } | CrmOp::ReadLinks { .. } => true,
        CrmOp::FindPerson { .. }
        | CrmOp::FindDeals { .. }
        | CrmOp::Changed { .. }
        | CrmOp::ReadMany { .. }
        | CrmOp::Upsert { .. }
        | CrmOp::Create { .. }
        | CrmOp::ReadSchema { .. }
        | CrmOp::CreateProperty { .. }
        | CrmOp::ListOwners { .. } => false,
    }
}

fn budget(reply: &HttpReply) -> Option<Budget> {
    let number = |name: &str| reply.header(name).and_then(|v| v.trim().parse().ok());
    let budget = Budget {
        burst_left: number("x-hubspot-ratelimit-remaining"),
        daily_left: number("x-hubspot-ratelimit-daily-remaining"),
        ..Budget::default()
    };
    (budget.burst_left.is_some() || budget.daily_left.is_some()).then_some(budget)
}

fn accepted(operations: &[CrmOp], reply: &HttpReply) -> Vec<Outcome> {
    let strange =
        |words: &str| operations.iter().map(|op| unreadable(op.writes(), reply.status, words)).collect::<Vec<_>>();
    // Of an association or a deletion the status is all there is to say; a body that is there must still be HubSpot's.
    if let ([CrmOp::Associate { .. } | CrmOp::Delete { .. }], 204, true) =
        (operations, reply.status, reply.body.is_empty())
    {
        return vec![Outcome::Done { held: Held::default() }];
    }
    let Ok(Value::Object(body)) = serde_json::from_slice::<Value>(&reply.body) else {
        return strange("The body is not a JSON object");
    };
    let whole = Value::Object(body.clone());
    if body.get("status").and_then(Value::as_str) == Some("error") {
        // A success that carries an error is no success.
        return match Problem::read(reply.status, &whole) {
            Some(problem) => {
                let told = |op: &CrmOp| refused(op.writes(), &problem);
                let together = operations.len() > 1;
                operations.iter().map(|op| if together { refused_together(told(op)) } else { told(op) }).collect()
            }
            None => strange("The body says error"),
        };
    }
    match operations {
        [CrmOp::FindPerson { .. }, _, ..] => batches::found(operations, &body, reply.status),
        [CrmOp::ReadByKey { .. } | CrmOp::ReadById { .. }, _, ..] => batches::read(operations, &body, reply.status),
        [CrmOp::Associate { .. }, _, ..] => batches::associated(operations, &body, reply.status),
        [CrmOp::ReadLinks { .. }, _, ..] => batches::linked(operations, &body, reply.status),
        [CrmOp::Upsert { .. }, ..] | [CrmOp::Update { .. }, CrmOp::Update { .. }, ..] => {
            operations.iter().map(|op| batch_item(op, operations.len(), &body, reply.status)).collect()
        }
        [operation] => {
            let outcome = single(operation, &body, reply.status);
            vec![
                outcome.unwrap_or_else(|| {
                    unreadable(operation.writes(), reply.status, "The body is not what was asked for")
                }),
            ]
        }
        _ => strange("The answer belongs to another request"),
    }
}

fn single(operation: &CrmOp, body: &Map<String, Value>, status: u16) -> Option<Outcome> {
    let results = || body.get("results").and_then(Value::as_array);
    let done = |held: Held| Some(Outcome::Done { held });
    let next = || body.get("paging")?.get("next")?.get("after").and_then(text);
    match operation {
        CrmOp::FindPerson { .. } => {
            let records = results()?.iter().map(record).collect::<Option<Vec<_>>>()?;
            // The search says how many there are: fewer on an only page is a mutilated answer, and nobody is created on its word.
            let total = body.get("total").and_then(Value::as_u64).unwrap_or(0);
            (next().is_some() || records.len() as u64 >= total).then_some(())?;
            done(Held { records, next: next(), ..Held::default() })
        }
        CrmOp::ReadMany { ids, .. } => {
            let records = results()?.iter().map(record).collect::<Option<Vec<_>>>()?;
            // Missing ids are simply absent, by the vendor's rule; more than was asked for is somebody else's answer.
            (records.len() <= ids.len()).then_some(())?;
            done(Held { records, ..Held::default() })
        }
        CrmOp::ReadByKey { key, associations, .. } => {
            let mut record = record_of(body)?;
            linked_to_none(&mut record, associations);
            match record.properties.get(KEY_PROPERTY) {
                Some(held) if held != key => None,
                _ => done(Held { records: vec![record], ..Held::default() }),
            }
        }
        CrmOp::ReadById { id, .. } | CrmOp::Update { id, .. } => {
            let mut record = record_of(body)?;
            if let CrmOp::ReadById { associations, .. } = operation {
                linked_to_none(&mut record, associations);
            }
            if record.id != *id {
                // A merged record's old id keeps resolving to the survivor.
                return Some(Outcome::Gone { merged_into: Some(record.id) });
            }
            done(Held { records: vec![record], created: operation.writes().then_some(false), ..Held::default() })
        }
        CrmOp::Associate { .. } => {
            match (body.get("status").and_then(Value::as_str), results(), errors(body).is_empty()) {
                (_, _, false) => {
                    let problem = errors(body).first().and_then(|e| Problem::read(status, e))?;
                    Some(refused(true, &problem))
                }
                (Some("COMPLETE"), ..) => done(Held::default()),
                (None, Some(_), _) => done(Held::default()),
                _ => None,
            }
        }
        CrmOp::ReadSchema { .. } => {
            let schema = results()?.iter().map(|p| property(p.as_object()?)).collect::<Option<Vec<_>>>()?;
            done(Held { schema, ..Held::default() })
        }
        CrmOp::CreateProperty { property: wanted, .. } => {
            let made = property(body)?;
            (made.name == wanted.name).then_some(())?;
            done(Held { schema: vec![made], created: Some(true), ..Held::default() })
        }
        CrmOp::ListOwners { .. } => {
            let records = results()?.iter().map(owner).collect::<Option<Vec<_>>>()?;
            done(Held { records, next: next(), ..Held::default() })
        }
        CrmOp::Create { key, .. } => {
            let record = record_of(body)?;
            match record.properties.get(KEY_PROPERTY) {
                Some(held) if held != key => None,
                _ => done(Held { records: vec![record], created: Some(true), ..Held::default() }),
            }
        }
        CrmOp::Changed { after, .. } => {
            let records = results()?.iter().map(record).collect::<Option<Vec<_>>>()?;
            let before = after.as_ref().and_then(|a| a.parse::<u64>().ok()).unwrap_or(0);
            let total = body.get("total").and_then(Value::as_u64)?;
            (next().is_some() || before + records.len() as u64 >= total).then_some(())?;
            let last = records.last().and_then(|r| r.modified_at);
            done(Held { next: next().map(|after| next_changed(&after, last)), records, ..Held::default() })
        }
        CrmOp::ReadLinks { id, to, .. } => {
            let ids = results()?.iter().map(linked_id).collect::<Option<Vec<_>>>()?;
            done(Held { records: vec![links(id, *to, ids)], next: next(), ..Held::default() })
        }
        CrmOp::Upsert { .. } | CrmOp::Delete { .. } | CrmOp::FindDeals { .. } => None,
    }
}

/// A record as nothing but its id and what it is linked to, each once: the vendor lists a record once per label.
pub(super) fn links(id: &str, to: Object, ids: Vec<String>) -> Record {
    let mut each: Vec<String> = Vec::new();
    for id in ids {
        if !each.contains(&id) {
            each.push(id);
        }
    }
    Record { id: id.to_owned(), associations: BTreeMap::from([(to, each)]), ..Record::default() }
}

/// The far end of a link, in the newer or the older form.
pub(super) fn linked_id(value: &Value) -> Option<String> {
    value.get("toObjectId").or_else(|| value.get("id")).and_then(text)
}

/// The vendor leaves out what a record has no links to.
fn linked_to_none(record: &mut Record, asked: &[Object]) {
    for object in asked {
        record.associations.entry(*object).or_default();
    }
}

pub(super) fn errors(body: &Map<String, Value>) -> &[Value] {
    body.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// One item of a batch, joined by the trace id, our key or the id. What the answer does not mention is unknown: HubSpot answers 207
/// with half a batch, and an answer without ids proves nothing.
fn batch_item(operation: &CrmOp, items: usize, body: &Map<String, Value>, status: u16) -> Outcome {
    let (name, upsert) = match operation {
        CrmOp::Upsert { key, .. } => (key.as_str(), true),
        CrmOp::Update { id, .. } => (id.as_str(), false),
        _ => return unreadable(true, status, "The answer belongs to another request"),
    };
    let Some(results) = body.get("results").and_then(Value::as_array) else {
        return batch_error(name, items, body, status)
            .unwrap_or_else(|| unreadable(true, status, "The body has no results"));
    };
    let alone = items == 1 && results.len() == 1;
    let found = results.iter().filter_map(|result| {
        let map = result.as_object()?;
        let trace = map.get("objectWriteTraceId").and_then(Value::as_str);
        let key = map.get("properties").and_then(|p| p.get(KEY_PROPERTY)).and_then(Value::as_str);
        let id = map.get("id").and_then(text);
        let mine = match (trace, key) {
            (Some(trace), _) => trace == name,
            (None, _) if !upsert => id.as_deref() == Some(name),
            (None, Some(key)) => key == name,
            // The only answer to the only question, if nothing in it says otherwise.
            (None, None) => alone,
        };
        mine.then(|| record_of(map).map(|record| (record, map.get("new").and_then(Value::as_bool))))
    });
    match found.collect::<Vec<_>>().as_slice() {
        [Some((record, created))] if !upsert && record.id != name => {
            let _ = created;
            Outcome::Gone { merged_into: Some(record.id.clone()) }
        }
        [Some((record, created))] => {
            let created = if upsert { *created } else { Some(false) };
            Outcome::Done { held: Held { records: vec![record.clone()], created, ..Held::default() } }
        }
        [] => batch_error(name, items, body, status).unwrap_or_else(|| missing(status)),
        _ => missing(status),
    }
}

pub(super) fn missing(status: u16) -> Outcome {
    Outcome::Unknown { why: Why::new(MISSING_IN_REPLY, "The answer does not mention this record").status(status) }
}

/// The error of a 207 that is about this item: by the ids in its context, or because it is the only one.
fn batch_error(name: &str, items: usize, body: &Map<String, Value>, status: u16) -> Option<Outcome> {
    let errors = errors(body);
    let about = |error: &&Value| {
        let named = |field: &str| {
            let context = error.get("context").and_then(|c| c.get(field)).and_then(Value::as_array);
            context.is_some_and(|list| list.iter().any(|v| v.as_str() == Some(name)))
        };
        ["objectWriteTraceId", "ids", "id"].iter().any(|field| named(field))
            || error.get("id").and_then(Value::as_str) == Some(name)
    };
    let mine = errors.iter().find(about).or(match errors {
        [only] if items == 1 => Some(only),
        _ => None,
    })?;
    let mut problem = Problem::read(status, mine)?;
    problem.status = status;
    Some(refused(true, &problem))
}

pub(super) fn record(value: &Value) -> Option<Record> {
    record_of(value.as_object()?)
}

/// A record; without an id it is none.
fn record_of(map: &Map<String, Value>) -> Option<Record> {
    let id = map.get("id").and_then(text)?;
    let held = map.get("properties")?.as_object()?;
    let properties: Properties = held.iter().filter_map(|(name, v)| Some((name.clone(), value(v)?))).collect();
    let listed = |name: &str| properties.get(name).map(|t| t.split(';').map(str::trim).filter(|t| !t.is_empty()));
    let also_known_as = ["hs_additional_emails", MERGED_IDS]
        .iter()
        .filter_map(|name| listed(name))
        .flatten()
        .map(str::to_owned)
        .collect();
    Some(Record {
        id,
        set_by: map.get("propertiesWithHistory").and_then(Value::as_object).map(history).unwrap_or_default(),
        associations: map.get("associations").and_then(Value::as_object).map(associations).unwrap_or_default(),
        also_known_as,
        archived: map.get("archived").and_then(Value::as_bool).unwrap_or(false),
        modified_at: map.get("updatedAt").and_then(Value::as_str).and_then(|t| t.parse().ok()),
        version: None,
        properties,
    })
}

/// A property as text, whole: a read-back compares it with what was sent. `null` and `""` are absent.
fn value(value: &Value) -> Option<String> {
    match value {
        Value::String(s) if !s.is_empty() => Some(s.clone()),
        Value::Number(n) => Some(n.to_string()),
        Value::Bool(b) => Some(b.to_string()),
        _ => None,
    }
}

/// The latest setter of each property. The vendor lists the newest first, but says so nowhere: the time decides.
fn history(map: &Map<String, Value>) -> BTreeMap<String, SetBy> {
    let latest = |versions: &Vec<Value>| {
        let mut newest: Option<SetBy> = None;
        for version in versions {
            let Some(set) = set_by(version) else { continue };
            if newest.as_ref().is_none_or(|n| set.at > n.at) {
                newest = Some(set);
            }
        }
        newest
    };
    map.iter().filter_map(|(name, versions)| Some((name.clone(), latest(versions.as_array()?)?))).collect()
}

fn set_by(version: &Value) -> Option<SetBy> {
    let map = version.as_object()?;
    let source = map.get("sourceType").and_then(text).unwrap_or_default();
    Some(SetBy {
        value: map.get("value").and_then(value).unwrap_or_default(),
        at: map.get("timestamp").and_then(Value::as_str).and_then(|t| t.parse().ok()),
        who: setter(&source),
        source,
    })
}

/// Who stands behind a source word. Words that are not sure to be a machine stay unknown, which counts as a person.
fn setter(source: &str) -> Setter {
    match source {
        "CRM_UI" | "CRM_UI_BULK_ACTION" | "CONTACTS_WEB" | "MOBILE_IOS" | "MOBILE_ANDROID" => Setter::Person,
        "API" | "INTEGRATION" => Setter::Integration,
        "AUTOMATION_PLATFORM" | "WORKFLOWS" | "IMPORT" => Setter::Automation,
        _ => Setter::Unknown,
    }
}

/// Associated ids by object, each once: HubSpot lists a record once per label.
fn associations(map: &Map<String, Value>) -> BTreeMap<Object, Vec<String>> {
    let mut found = BTreeMap::new();
    for object in OBJECTS {
        let Some(results) = map.get(plural(object)).and_then(|a| a.get("results")).and_then(Value::as_array) else {
            continue;
        };
        let mut ids: Vec<String> = Vec::new();
        for id in results.iter().filter_map(|r| r.get("id").or_else(|| r.get("toObjectId")).and_then(text)) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        found.insert(object, ids);
    }
    found
}

fn property(map: &Map<String, Value>) -> Option<PropertySpec> {
    let word = |name: &str| map.get(name).and_then(Value::as_str);
    let yes = |name: &str| map.get(name).and_then(Value::as_bool).unwrap_or(false);
    let kind = match word("type")? {
        "string" | "phone_number" => PropertyType::Text,
        "number" => PropertyType::Number,
        "date" => PropertyType::Date,
        "datetime" => PropertyType::DateTime,
        "bool" => PropertyType::Bool,
        // Options kept elsewhere (owners) are not listed here; an empty list would refuse every value.
        "enumeration" if yes("externalOptions") || word("referencedObjectType").is_some_and(|o| !o.is_empty()) => {
            PropertyType::Other("external_enumeration".into())
        }
        "enumeration" => {
            let options = map.get("options").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            PropertyType::Choice(options.iter().filter_map(|o| o.get("value").and_then(text)).collect())
        }
        other => PropertyType::Other(cut(other, 60)),
    };
    let fixed = map.get("modificationMetadata").and_then(|m| m.get("readOnlyValue")).and_then(Value::as_bool);
    let name = word("name").filter(|n| !n.is_empty())?.to_owned();
    Some(PropertySpec {
        label: word("label").unwrap_or(&name).to_owned(),
        name,
        kind,
        unique: yes("hasUniqueValue"),
        read_only: fixed.unwrap_or(false) || yes("calculated"),
        stored_as: None,
    })
}

/// A person who can own records, as a record: e-mail and names in its properties.
fn owner(value: &Value) -> Option<Record> {
    let map = value.as_object()?;
    let names = ["email", "firstName", "lastName", "userId", "type"];
    let properties = names.iter().filter_map(|n| Some(((*n).to_owned(), map.get(*n).and_then(text)?))).collect();
    let archived = map.get("archived").and_then(Value::as_bool).unwrap_or(false);
    Some(Record { id: map.get("id").and_then(text)?, properties, archived, ..Record::default() })
}
