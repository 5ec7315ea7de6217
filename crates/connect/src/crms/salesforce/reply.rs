//! HTTP to outcomes.

use super::classify::{Answer, errors, failed, refused, unreadable};
use super::fields::{id18, is_id, key_of, ours, record, sobjects};
use super::request::{PAGE_MAX, Plan, Query, places, plan, reference};
use crate::wire::{cut, text};
use crate::{Budget, Connection, Replies};
use jiff::Timestamp;
use ringback_core::crm::{
    CrmOp, Held, OBJECT_PROPERTY, Object, Outcome, PersonKey, Properties, PropertySpec, PropertyType, Record, Why,
};
use ringback_core::http::HttpReply;
use serde_json::{Map, Value};

pub(super) fn replies(
    operations: &[CrmOp],
    reply: &HttpReply,
    connection: &Connection,
    received_at: Timestamp,
) -> Replies {
    let answer = Answer { reply, received_at };
    let budget = budget(reply);
    let all = |of: &dyn Fn(&CrmOp) -> Outcome| Replies { outcomes: operations.iter().map(of).collect(), budget };
    let strange = |words: &str| all(&|op| unreadable(op.writes(), reply.status, words));
    let body = serde_json::from_slice::<Value>(&reply.body).ok();
    if !(200..300).contains(&reply.status) {
        return all(&|op| failed(op, reply.status, body.as_ref(), &answer));
    }
    let Ok(plan) = plan(operations, connection) else { return strange("The answer belongs to another request") };
    // A success that carries a list of errors is no success. (A list of results has no codes at its top.)
    if let Some(errors) = body.as_ref().and_then(errors) {
        return all(&|op| refused(op, reply.status, &errors, &answer));
    }
    let outcomes = match plan {
        Plan::Alone(operation) => vec![one(operation, &Part::whole(reply, body), &answer)],
        Plan::Queries(queries) => {
            let parts = if queries.len() == 1 { vec![Part::whole(reply, body)] } else { subparts(queries.len(), body) };
            read(operations, &queries, &parts, &answer)
        }
        Plan::Describes => {
            let parts = subparts(2, body);
            operations.iter().map(|op| schema_of_people(op, &parts, &answer)).collect()
        }
        Plan::Composite => {
            let parts = subparts(operations.len(), body);
            operations.iter().zip(&parts).map(|(op, part)| one(op, part, &answer)).collect()
        }
        Plan::Collection => match body.as_ref().and_then(Value::as_array) {
            // The order is all that says which result is whose: one too few, and none can be told.
            Some(list) if list.len() == operations.len() => {
                operations.iter().zip(list).map(|(op, item)| saved(op, reply.status, item, &answer)).collect()
            }
            _ => operations.iter().map(|_| missing(reply.status)).collect(),
        },
    };
    Replies { outcomes, budget }
}

/// `api-usage=18/5000`, perhaps with more after it.
fn budget(reply: &HttpReply) -> Option<Budget> {
    let (_, rest) = reply.header("sforce-limit-info")?.split_once("api-usage=")?;
    let (used, rest) = rest.split_once('/')?;
    let most: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let left = most.parse::<u32>().ok()?.saturating_sub(used.trim().parse().ok()?);
    Some(Budget { daily_left: Some(left), ..Budget::default() })
}

/// The answer to one request, alone or as part of a composite one.
struct Part {
    /// 0: the answer does not mention it.
    status: u16,
    body: Option<Value>,
    empty: bool,
}

impl Part {
    fn whole(reply: &HttpReply, body: Option<Value>) -> Self {
        Self { status: reply.status, body, empty: reply.body.is_empty() }
    }
    fn ok(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// The answers to subrequests, in the order of the subrequests.
fn subparts(count: usize, body: Option<Value>) -> Vec<Part> {
    let list = body.as_ref().and_then(|b| b.get("compositeResponse")).and_then(Value::as_array);
    let part = |n: usize| {
        let name = reference(n);
        let mine = |entry: &&Value| entry.get("referenceId").and_then(Value::as_str) == Some(name.as_str());
        let entry = list.and_then(|list| list.iter().find(mine));
        let status = entry.and_then(|e| e.get("httpStatusCode")).and_then(Value::as_u64);
        let body = entry.and_then(|e| e.get("body")).cloned().filter(|b| !b.is_null());
        Part {
            status: status.and_then(|s| u16::try_from(s).ok()).unwrap_or(0),
            empty: body.as_ref().is_none_or(|b| b.as_str() == Some("")),
            body,
        }
    };
    (0..count).map(part).collect()
}

fn missing(status: u16) -> Outcome {
    Outcome::Unknown { why: Why::new("missing_in_reply", "The answer does not mention this record").status(status) }
}

fn done(held: Held) -> Outcome {
    Outcome::Done { held }
}

/// What an exchange says of the one operation it was for.
fn one(operation: &CrmOp, part: &Part, answer: &Answer<'_>) -> Outcome {
    let write = operation.writes();
    if part.status == 0 {
        return if write {
            missing(answer.reply.status)
        } else {
            unreadable(false, answer.reply.status, "A part is missing")
        };
    }
    if !part.ok() {
        return failed(operation, part.status, part.body.as_ref(), answer);
    }
    if let Some(errors) = part.body.as_ref().and_then(errors) {
        return refused(operation, part.status, &errors, answer);
    }
    let strange = |words: &str| unreadable(write, part.status, words);
    let known = |id: &str, created| {
        let record = Record { id: id.to_owned(), ..Record::default() };
        done(Held { records: vec![record], created: Some(created), ..Held::default() })
    };
    match operation {
        CrmOp::Update { id, .. } if part.status == 204 && part.empty => known(id, false),
        CrmOp::Associate { .. } | CrmOp::Delete { .. } if part.status == 204 && part.empty => done(Held::default()),
        // Which record it was is for the next look by key to say.
        CrmOp::Upsert { .. } if part.status == 204 && part.empty => {
            done(Held { created: Some(false), ..Held::default() })
        }
        CrmOp::Create { .. } | CrmOp::Upsert { .. } => match &part.body {
            Some(body) => saved(operation, part.status, body, answer),
            None => strange("The body is not JSON"),
        },
        CrmOp::FindPerson { keys, .. } => {
            let list = part.body.as_ref().and_then(|b| b.get("searchRecords")).and_then(Value::as_array);
            match list.and_then(|list| list.iter().map(record).collect::<Option<Vec<_>>>()) {
                Some(found) => done(Held { records: people(found, keys), ..Held::default() }),
                None => strange("The body is not the result of a search"),
            }
        }
        CrmOp::ReadSchema { .. } => match part.body.as_ref().and_then(describe) {
            Some(schema) => done(Held { schema, ..Held::default() }),
            None => strange("The body is not a description"),
        },
        _ => strange("The body is not what was asked for"),
    }
}

/// The result of saving one record.
fn saved(operation: &CrmOp, status: u16, item: &Value, answer: &Answer<'_>) -> Outcome {
    match item.get("success").and_then(Value::as_bool) {
        Some(true) => {
            let Some(id) = item.get("id").and_then(Value::as_str).filter(|id| is_id(id)) else {
                return missing(status);
            };
            let created = match item.get("created").and_then(Value::as_bool) {
                None if matches!(operation, CrmOp::Create { .. }) => Some(true),
                None if status == 201 => Some(true),
                told => told,
            };
            let record = Record { id: id18(id), ..Record::default() };
            done(Held { records: vec![record], created, ..Held::default() })
        }
        Some(false) => match item.get("errors").and_then(errors) {
            Some(errors) => refused(operation, status, &errors, answer),
            None => unreadable(true, status, "A record failed without an error"),
        },
        None => unreadable(true, status, "The body is not the result of a save"),
    }
}

/// People as a search found them: converted Leads as the Contacts they became, sure hits first. Matching reads only the first few.
fn people(found: Vec<Record>, keys: &[PersonKey]) -> Vec<Record> {
    let mut out: Vec<Record> = Vec::new();
    for mut person in found {
        if let Some(contact) = converted(&person) {
            // It is read by its id before anything is decided on it.
            let properties = Properties::from([(OBJECT_PROPERTY.to_owned(), "Contact".to_owned())]);
            person.also_known_as.push(person.id.clone());
            person = Record { id: contact, properties, also_known_as: person.also_known_as, ..Record::default() };
        }
        match out.iter_mut().find(|known| known.id == person.id) {
            Some(known) if known.properties.len() < person.properties.len() => *known = person,
            Some(_) => {}
            None => out.push(person),
        }
    }
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let hit = |person: &Record| {
        person.also_known_as.iter().any(|id| id.starts_with("00Q"))
            || keys.iter().any(|key| match key {
                PersonKey::Phone { national, .. } => {
                    let wanted = digits(national);
                    !wanted.is_empty() && person.properties.values().any(|v| digits(v).ends_with(&wanted))
                }
                PersonKey::Email { address } => person.properties.values().any(|v| v.eq_ignore_ascii_case(address)),
            })
    };
    out.sort_by_key(|person| !hit(person));
    out
}

/// The Contact that a Lead became.
fn converted(person: &Record) -> Option<String> {
    let yes = person.properties.get("IsConverted").is_some_and(|v| v == "true");
    person.properties.get("ConvertedContactId").filter(|id| yes && is_id(id)).map(|id| id18(id))
}

/// What became of a record that is no more itself: converted, merged away, deleted.
fn gone(record: &Record) -> Option<Outcome> {
    if record.archived {
        let master = record.properties.get("MasterRecordId").filter(|id| is_id(id)).map(|id| id18(id));
        return Some(Outcome::Gone { merged_into: master });
    }
    converted(record).map(|contact| Outcome::Gone { merged_into: Some(contact) })
}

/// The rows of a query, if all of it is here.
fn rows(body: &Value) -> Option<Vec<Record>> {
    let list = body.get("records")?.as_array()?;
    let all = body.get("done")?.as_bool()? && body.get("totalSize")?.as_u64()? == list.len() as u64;
    // Fewer than the answer itself counts is a mutilated answer, and nobody is created on its word.
    all.then(|| list.iter().map(record).collect::<Option<Vec<_>>>())?
}

fn read(operations: &[CrmOp], queries: &[Query], parts: &[Part], answer: &Answer<'_>) -> Vec<Outcome> {
    let mut found: Vec<Vec<Record>> = Vec::new();
    for part in parts {
        let refusal = |op: &CrmOp| match part.status {
            0 => unreadable(false, answer.reply.status, "A part of the answer is missing"),
            _ if !part.ok() => failed(op, part.status, part.body.as_ref(), answer),
            status => match part.body.as_ref().and_then(errors) {
                Some(errors) => refused(op, status, &errors, answer),
                None => unreadable(false, status, "The body is not the result of a query"),
            },
        };
        match part.body.as_ref().filter(|_| part.ok()).and_then(rows) {
            Some(rows) => found.push(rows),
            None => return operations.iter().map(refusal).collect(),
        }
    }
    operations.iter().map(|op| of_rows(op, queries, &found)).collect()
}

fn of_rows(operation: &CrmOp, queries: &[Query], found: &[Vec<Record>]) -> Outcome {
    let all = || found.iter().flatten();
    match operation {
        CrmOp::ReadByKey { key, .. } => {
            let mine: Vec<Record> = all().filter(|r| key_of(r) == Some(key)).cloned().collect();
            let live: Vec<Record> = mine.iter().filter(|r| gone(r).is_none()).cloned().collect();
            match (live.is_empty(), mine.first().and_then(gone)) {
                (false, _) => done(Held { records: live, ..Held::default() }),
                (true, Some(gone)) => gone,
                (true, None) => Outcome::Gone { merged_into: None },
            }
        }
        CrmOp::ReadById { id, .. } => match all().find(|r| r.id == id18(id)) {
            Some(record) => {
                gone(record).unwrap_or_else(|| done(Held { records: vec![record.clone()], ..Held::default() }))
            }
            None => Outcome::Gone { merged_into: None },
        },
        CrmOp::ReadLinks { id, .. } => match all().find(|r| r.id == id18(id) && !r.archived) {
            Some(record) => {
                let record = Record { properties: Properties::new(), ..record.clone() };
                done(Held { records: vec![record], ..Held::default() })
            }
            None => Outcome::Gone { merged_into: None },
        },
        CrmOp::ListOwners { .. } => {
            let full = found.first().filter(|rows| rows.len() == PAGE_MAX);
            let next = full.and_then(|rows| rows.last()).map(|r| r.id.clone());
            done(Held { records: all().cloned().map(owner).collect(), next, ..Held::default() })
        }
        CrmOp::Changed { after, .. } => changes(after.as_deref(), queries, found),
        _ => done(Held { records: all().cloned().collect(), ..Held::default() }),
    }
}

/// One page of changes of all objects, oldest first. Where an object has more, nothing later than its last record is given yet.
fn changes(after: Option<&str>, queries: &[Query], found: &[Vec<Record>]) -> Outcome {
    let at = |record: &Record| record.properties.get("SystemModstamp").and_then(|at| at.parse::<Timestamp>().ok());
    let full = |rows: &&Vec<Record>| rows.len() == PAGE_MAX;
    let bound = found.iter().filter(full).filter_map(|rows| at(rows.last()?)).min();
    let mut places = places(after);
    let mut records: Vec<Record> = Vec::new();
    for (query, rows) in queries.iter().zip(found) {
        let within = rows.iter().filter(|r| bound.is_none_or(|bound| at(r).is_none_or(|at| at <= bound)));
        for record in within {
            if let Some(at) = at(record) {
                places.insert(query.sobject.to_owned(), (at, record.id.clone()));
            }
            records.push(record.clone());
        }
    }
    records.sort_by_key(at);
    let cursor = places.iter().map(|(sobject, (at, id))| format!("{sobject}={at}|{id}")).collect::<Vec<_>>().join(",");
    done(Held { records, next: bound.map(|_| cursor), ..Held::default() })
}

/// A user in the words in which every vendor's owners are read.
fn owner(user: Record) -> Record {
    let word = |field: &str, name: &str| Some((name.to_owned(), user.properties.get(field)?.clone()));
    let properties =
        [word("Email", "email"), word("FirstName", "firstName"), word("LastName", "lastName"), word("Name", "name")];
    Record { id: user.id.clone(), properties: properties.into_iter().flatten().collect(), ..Record::default() }
}

/// What people are made of: a field of ours counts only where both Lead and Contact have it.
fn schema_of_people(operation: &CrmOp, parts: &[Part], answer: &Answer<'_>) -> Outcome {
    let mut both: Vec<Vec<PropertySpec>> = Vec::new();
    for part in parts {
        if part.status != 0 && !part.ok() {
            return failed(operation, part.status, part.body.as_ref(), answer);
        }
        match part.body.as_ref().and_then(fields_of) {
            Some(schema) => both.push(schema),
            None => return unreadable(false, answer.reply.status, "The body is not two descriptions"),
        }
    }
    let names = sobjects(Object::Contact).unwrap_or_default();
    let mut merged: Vec<PropertySpec> = Vec::new();
    for (n, (schema, sobject)) in both.iter().zip(names).enumerate() {
        let others: Vec<&PropertySpec> =
            both.iter().enumerate().filter(|(m, _)| *m != n).flat_map(|(_, s)| s).collect();
        for spec in schema {
            let other = others.iter().find(|other| other.name == spec.name);
            let own = spec.name.starts_with("rb_");
            match (other, merged.iter().any(|known| known.name == spec.name)) {
                (_, true) => {}
                (Some(other), false) => {
                    let noted = super::fields::MAY_BE_HIDDEN.contains(&spec.name.as_str());
                    let stored_as = noted.then(|| super::fields::BOTH.to_owned());
                    merged.push(PropertySpec { unique: spec.unique && other.unique, stored_as, ..spec.clone() });
                }
                (None, false) if own => {}
                (None, false) => merged.push(PropertySpec { stored_as: Some((*sobject).to_owned()), ..spec.clone() }),
            }
        }
    }
    merged.push(PropertySpec {
        name: OBJECT_PROPERTY.to_owned(),
        label: "Lead or Contact".to_owned(),
        kind: PropertyType::Choice(names.iter().map(|n| (*n).to_owned()).collect()),
        unique: false,
        read_only: true,
        stored_as: None,
    });
    done(Held { schema: merged, ..Held::default() })
}

/// A description of one object, with the names that [`super::fields`] gives to parts of it.
fn describe(body: &Value) -> Option<Vec<PropertySpec>> {
    let mut schema = fields_of(body)?;
    if let Some(seconds) = schema.iter().find(|spec| spec.name == "CallDurationInSeconds") {
        let mut spec = seconds.clone();
        super::fields::DURATION_MS.clone_into(&mut spec.name);
        schema.push(spec);
    }
    Some(schema)
}

fn fields_of(body: &Value) -> Option<Vec<PropertySpec>> {
    body.get("fields")?.as_array()?.iter().map(|field| property(field.as_object()?)).collect()
}

fn property(map: &Map<String, Value>) -> Option<PropertySpec> {
    let word = |name: &str| map.get(name).and_then(Value::as_str);
    let yes = |name: &str| map.get(name).and_then(Value::as_bool).unwrap_or(false);
    let kind = match word("type")? {
        "string" | "textarea" | "phone" | "email" | "url" | "id" | "encryptedstring" | "combobox" => PropertyType::Text,
        "int" | "long" | "double" | "currency" | "percent" => PropertyType::Number,
        "date" => PropertyType::Date,
        "datetime" => PropertyType::DateTime,
        "boolean" => PropertyType::Bool,
        "picklist" if yes("restrictedPicklist") => {
            let options = map.get("picklistValues").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let active = |o: &&Value| o.get("active").and_then(Value::as_bool).unwrap_or(true);
            PropertyType::Choice(options.iter().filter(active).filter_map(|o| o.get("value").and_then(text)).collect())
        }
        // Other picklists take any text.
        "picklist" => PropertyType::Text,
        other => PropertyType::Other(cut(other, 60)),
    };
    let field = word("name").filter(|n| !n.is_empty())?;
    Some(PropertySpec {
        name: ours(field),
        label: word("label").unwrap_or(field).to_owned(),
        kind,
        unique: yes("unique") && yes("externalId"),
        read_only: yes("calculated") || !(yes("updateable") || yes("createable")),
        stored_as: None,
    })
}
