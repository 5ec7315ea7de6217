//! HTTP to outcomes.

use super::classify::{Problem, failed, gravest, unreadable};
use super::multipart::answers;
use super::request::changed_table;
use super::values::{properties, regarding};
use super::{API, CONTACTS, LEADS, OPPORTUNITIES, Table, USERS, guid, home, place, tables};
use crate::wire::{cut, text};
use crate::{Budget, Connection, Replies};
use jiff::Timestamp;
use ringback_core::crm::{CrmOp, Held, KEY_PROPERTY, Object, Outcome, PropertySpec, PropertyType, Record, Why};
use ringback_core::http::HttpReply;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn replies(
    operations: &[CrmOp],
    reply: &HttpReply,
    connection: &Connection,
    received_at: Timestamp,
) -> Replies {
    let reading = Reading { connection, received_at };
    Replies { outcomes: reading.outcomes(operations, reply), budget: budget(reply) }
}

/// Seconds that the vendor's machines work for one user within five minutes (page "Service protection API limits").
const EXECUTION_SECONDS_MAX: f64 = 1_200.0;

/// The vendor's counters, which it sends for debugging; they hold for one of its servers.
fn budget(reply: &HttpReply) -> Option<Budget> {
    let left = reply.header("x-ms-ratelimit-burst-remaining-xrm-requests")?.trim().parse().ok()?;
    // Written for people, as 1,199.30.
    let seconds = reply.header("x-ms-ratelimit-time-remaining-xrm-requests");
    let seconds = seconds.and_then(|text| text.replace(',', "").trim().parse::<f64>().ok()).filter(|s| s.is_finite());
    let work_left_percent = seconds.map(|s| (s / EXECUTION_SECONDS_MAX * 100.0).clamp(0.0, 100.0) as u32);
    Some(Budget { burst_left: Some(left), daily_left: None, work_left_percent })
}

/// The answer to the making of our publisher or solution. That it is there already is what was wanted.
pub(super) fn prepared(reply: &HttpReply, received_at: Timestamp) -> Outcome {
    let there = Problem::read(&reply.body).is_some_and(|_| {
        reply.status == 412 || String::from_utf8_lossy(&reply.body).to_ascii_lowercase().contains("already exists")
    });
    match reply.status {
        200..=299
            if reply.body.is_empty() || serde_json::from_slice::<Value>(&reply.body).is_ok_and(|b| b.is_object()) =>
        {
            Outcome::Done { held: Held { created: Some(true), ..Held::default() } }
        }
        200..=299 => unreadable(false, reply.status, "The body is not what was made"),
        _ if there => Outcome::Done { held: Held::default() },
        // Asked as a read: making it twice does no harm.
        _ => failed(&CrmOp::ReadSchema { object: Object::Contact }, None, reply, received_at),
    }
}

struct Reading<'a> {
    connection: &'a Connection,
    received_at: Timestamp,
}

impl Reading<'_> {
    fn outcomes(&self, operations: &[CrmOp], reply: &HttpReply) -> Vec<Outcome> {
        if let [alone] = operations
            && !self.in_batch(alone)
        {
            return vec![self.settle(alone, &[vec![reply.clone()]])];
        }
        match answers(reply) {
            Some(parts) => {
                let mut left = parts.as_slice();
                operations
                    .iter()
                    .map(|operation| {
                        let wanted = self.answers_wanted(operation);
                        let (mine, rest) = left.split_at_checked(wanted).unwrap_or((left, &[]));
                        left = rest;
                        if mine.len() < wanted { absent(operation, reply.status) } else { self.settle(operation, mine) }
                    })
                    .collect()
            }
            // Not taken as a batch: what it says holds for all of it, and names no record.
            None if (200..300).contains(&reply.status) => {
                let words = "The body is not the answer to a batch";
                operations
                    .iter()
                    .map(|op| match Problem::read(&reply.body) {
                        Some(_) if !op.writes() => {
                            failed(op, None, &HttpReply { status: 400, ..reply.clone() }, self.received_at)
                        }
                        _ => unreadable(op.writes(), reply.status, words),
                    })
                    .collect()
            }
            None => operations.iter().map(|op| failed(op, None, reply, self.received_at)).collect(),
        }
    }

    /// How many answers of a batch belong to it.
    fn answers_wanted(&self, operation: &CrmOp) -> usize {
        match operation {
            CrmOp::FindPerson { .. } => tables(Object::Contact, self.connection).len(),
            CrmOp::CreateProperty { object, .. } => tables(*object, self.connection).len(),
            CrmOp::ReadSchema { object } => 2 * tables(*object, self.connection).len(),
            CrmOp::ReadMany { ids, .. } => ids.len(),
            _ => 1,
        }
    }

    fn in_batch(&self, operation: &CrmOp) -> bool {
        let call = matches!(
            operation,
            CrmOp::Upsert { object: Object::Call, .. }
                | CrmOp::Update { object: Object::Call, .. }
                | CrmOp::Associate { from: Object::Call, .. }
        );
        self.answers_wanted(operation) != 1 || (call && self.connection.setting("phonecalls") != Some("open"))
    }

    /// What the answers to one operation say together.
    fn settle(&self, operation: &CrmOp, parts: &[Vec<HttpReply>]) -> Outcome {
        match operation {
            CrmOp::FindPerson { .. } => self.people(operation, parts),
            CrmOp::ReadMany { object, ids, .. } => self.many(operation, *object, ids, parts),
            CrmOp::ReadSchema { .. } => self.schema(operation, parts),
            CrmOp::CreateProperty { property, .. } => {
                let each = parts.iter().map(|set| self.made_column(operation, property, set)).collect();
                gravest(each).unwrap_or_else(|| absent(operation, 0))
            }
            _ => match parts.first() {
                Some(set) => self.one(operation, set),
                None => absent(operation, 0),
            },
        }
    }

    /// One record: every answer of its set must be a success, else the first that is not decides.
    fn one(&self, operation: &CrmOp, set: &[HttpReply]) -> Outcome {
        let record = self.record_asked(operation);
        if let Some(bad) = set.iter().find(|r| !(200..300).contains(&r.status)) {
            return failed(operation, record.as_ref().map(|(_, id)| id.as_str()), bad, self.received_at);
        }
        let Some(first) = set.first() else { return absent(operation, 0) };
        // A success that carries an error is none.
        if let Some(bad) = set.iter().find(|r| Problem::read(&r.body).is_some()) {
            return failed(operation, None, &HttpReply { status: 400, ..bad.clone() }, self.received_at);
        }
        // A call is two answers; one alone is half a change set, which there cannot be.
        if self.in_batch(operation) && operation.writes() && set.len() != 2 {
            return unreadable(true, first.status, "Half of a change set was answered");
        }
        let outcome = match operation {
            CrmOp::Delete { .. } => {
                (first.status == 204 && first.body.is_empty()).then(|| Outcome::Done { held: Held::default() })
            }
            CrmOp::Upsert { .. } | CrmOp::Update { .. } | CrmOp::Associate { .. } => {
                record.and_then(|(table, id)| written(operation, table, &id, first))
            }
            CrmOp::ReadByKey { object, .. } | CrmOp::ReadById { object, .. } => {
                record.and_then(|(table, id)| row(*object, table, &id, first))
            }
            CrmOp::ReadLinks { object, to, .. } => {
                record.and_then(|(table, id)| links(*object, *to, table, &id, first))
            }
            CrmOp::FindDeals { .. } => {
                list(Object::Deal, &OPPORTUNITIES, first).map(|(records, next)| done(records, next))
            }
            CrmOp::Changed { object, after, .. } => {
                let (table, then) = changed_table(*object, after.as_deref(), self.connection);
                list(*object, table, first).map(|(records, next)| done(records, next.or(then)))
            }
            CrmOp::ListOwners { .. } => owners(first),
            CrmOp::FindPerson { .. }
            | CrmOp::ReadMany { .. }
            | CrmOp::ReadSchema { .. }
            | CrmOp::CreateProperty { .. }
            | CrmOp::Create { .. } => None,
        };
        outcome.unwrap_or_else(|| unreadable(operation.writes(), first.status, "The body is not what was asked for"))
    }

    /// The table and the id that stand in the path.
    fn record_asked(&self, operation: &CrmOp) -> Option<(&'static Table, String)> {
        match operation {
            CrmOp::ReadByKey { object, key, .. } | CrmOp::Upsert { object, key, .. } => {
                Some((home(*object, self.connection), guid::of_key(key)))
            }
            CrmOp::ReadById { object, id, .. }
            | CrmOp::Update { object, id, .. }
            | CrmOp::Delete { object, id }
            | CrmOp::ReadLinks { object, id, .. }
            | CrmOp::Associate { from: object, from_id: id, .. } => {
                place(*object, id).ok().map(|(table, id)| (table, id.to_owned()))
            }
            _ => None,
        }
    }

    /// Leads and contacts of one search, contacts first. Rows that point on give way to what they point to.
    fn people(&self, operation: &CrmOp, parts: &[Vec<HttpReply>]) -> Outcome {
        let mut found: Vec<Record> = Vec::new();
        let mut bad = Vec::new();
        for (table, set) in tables(Object::Contact, self.connection).iter().zip(parts) {
            let Some(reply) = set.first() else { continue };
            if !(200..300).contains(&reply.status) {
                bad.push(failed(operation, None, reply, self.received_at));
                continue;
            }
            let Some(rows) = rows(reply) else {
                bad.push(unreadable(false, reply.status, "The body is not a list"));
                continue;
            };
            for row in &rows {
                let Some(record) = record_of(Object::Contact, table, row) else {
                    return unreadable(false, reply.status, "A row has no id");
                };
                found.push(match onward(table, row) {
                    Some(id) => Record { id, ..Record::default() },
                    None => record,
                });
            }
        }
        if let Some(worst) = gravest(bad) {
            return worst;
        }
        // Contacts before leads: few candidates are read, and customers must be among them.
        found.sort_by_key(|record| !record.id.starts_with(CONTACTS.set));
        let mut seen = BTreeSet::new();
        found.retain(|record| seen.insert(record.id.clone()));
        done(found, None)
    }

    fn many(&self, operation: &CrmOp, object: Object, ids: &[String], parts: &[Vec<HttpReply>]) -> Outcome {
        let (mut records, mut bad) = (Vec::new(), Vec::new());
        for (id, set) in ids.iter().zip(parts) {
            let (Ok((table, id)), Some(reply)) = (place(object, id), set.first()) else { continue };
            if !(200..300).contains(&reply.status) {
                match failed(operation, Some(id), reply, self.received_at) {
                    // One that is not there is left out, as where many are asked for at once.
                    Outcome::Gone { .. } => {}
                    other => bad.push(other),
                }
                continue;
            }
            match object_of(reply).and_then(|map| record_of(object, table, &map)) {
                Some(record) if same_record(&record.id, table, id) => records.push(record),
                _ => bad.push(unreadable(false, reply.status, "A row is not the one that was asked for")),
            }
        }
        gravest(bad).unwrap_or_else(|| done(records, None))
    }

    fn made_column(&self, operation: &CrmOp, property: &PropertySpec, set: &[HttpReply]) -> Outcome {
        let Some(reply) = set.first() else { return absent(operation, 0) };
        if !(200..300).contains(&reply.status) {
            return failed(operation, None, reply, self.received_at);
        }
        let named = reply.header("odata-entityid").is_some_and(|at| at.contains("/Attributes("));
        if reply.status != 204 || !named {
            return unreadable(true, reply.status, "The answer names no column");
        }
        Outcome::Done { held: Held { schema: vec![property.clone()], created: Some(true), ..Held::default() } }
    }

    /// What all tables of an object have. A contract's value must have a place wherever the person stands.
    fn schema(&self, operation: &CrmOp, parts: &[Vec<HttpReply>]) -> Outcome {
        let bad = parts.iter().filter_map(|set| set.first()).filter(|r| !(200..300).contains(&r.status));
        if let Some(worst) = gravest(bad.map(|r| failed(operation, None, r, self.received_at)).collect()) {
            return worst;
        }
        let mut all: Option<BTreeMap<String, PropertySpec>> = None;
        for pair in parts.chunks(2) {
            let [columns, choices] = pair else { return absent(operation, 0) };
            let read = columns.first().zip(choices.first()).and_then(|(c, o)| table_schema(c, o));
            let Some(read) = read else { return unreadable(false, 200, "The body holds no columns") };
            all = Some(match all {
                None => read,
                Some(before) => before
                    .into_iter()
                    .filter_map(|(name, spec)| {
                        let other = read.get(&name)?;
                        let kind = shared_kind(spec.kind, &other.kind)?;
                        let read_only = spec.read_only || other.read_only;
                        Some((name, PropertySpec { kind, read_only, ..spec }))
                    })
                    .collect(),
            });
        }
        let schema = all.unwrap_or_default().into_values().collect();
        Outcome::Done { held: Held { schema, ..Held::default() } }
    }
}

/// A write names the record that it wrote, in the body or in `OData-EntityId`; an answer that names none proves nothing.
fn written(operation: &CrmOp, table: &Table, id: &str, reply: &HttpReply) -> Option<Outcome> {
    let object = operation.object();
    let mut record = match reply.status {
        204 => {
            let at = reply.header("odata-entityid")?.to_ascii_lowercase();
            at.contains(&format!("{}({})", table.set, id.to_ascii_lowercase())).then_some(())?;
            Record { id: format!("{}/{id}", table.set), ..Record::default() }
        }
        _ => record_of(object, table, &object_of(reply)?).filter(|r| same_record(&r.id, table, id))?,
    };
    // Only what was selected is in it, which is next to nothing: no receipt is made of it.
    record.properties.retain(|name, _| name == KEY_PROPERTY);
    record.associations.clear();
    let created = match operation {
        CrmOp::Upsert { .. } => match reply.status {
            201 => Some(true),
            200 => Some(false),
            _ => None,
        },
        _ => Some(false),
    };
    Some(Outcome::Done { held: Held { records: vec![record], created, ..Held::default() } })
}

/// Two tables' types of one column: options that both have.
fn shared_kind(one: PropertyType, other: &PropertyType) -> Option<PropertyType> {
    match (one, other) {
        (PropertyType::Choice(a), PropertyType::Choice(b)) => {
            Some(PropertyType::Choice(a.into_iter().filter(|o| b.contains(o)).collect()))
        }
        (one, other) => (one == *other).then_some(one),
    }
}

/// The answer does not mention it.
fn absent(operation: &CrmOp, status: u16) -> Outcome {
    let why = Why::new("missing_in_reply", "The answer does not mention this record").status(status);
    if operation.writes() { Outcome::Unknown { why } } else { Outcome::Retry { after: None, why } }
}

fn done(records: Vec<Record>, next: Option<String>) -> Outcome {
    Outcome::Done { held: Held { records, next, ..Held::default() } }
}

fn object_of(reply: &HttpReply) -> Option<Map<String, Value>> {
    match serde_json::from_slice(&reply.body) {
        Ok(Value::Object(map)) => Some(map),
        _ => None,
    }
}

fn rows(reply: &HttpReply) -> Option<Vec<Map<String, Value>>> {
    let Value::Array(list) = object_of(reply)?.remove("value")? else { return None };
    list.into_iter().map(|row| if let Value::Object(map) = row { Some(map) } else { None }).collect()
}

/// A page of a list, and where the next one begins.
fn list(object: Object, table: &Table, reply: &HttpReply) -> Option<(Vec<Record>, Option<String>)> {
    let records = rows(reply)?.iter().map(|row| record_of(object, table, row)).collect::<Option<Vec<_>>>()?;
    Some((records, next_page(&object_of(reply)?).ok()?))
}

/// The place after a page, if there is more. A link that leads elsewhere is an error: then the page is not the vendor's.
fn next_page(map: &Map<String, Value>) -> Result<Option<String>, ()> {
    let Some(link) = map.get("@odata.nextLink") else { return Ok(None) };
    let link = link.as_str().ok_or(())?;
    let at = link.find(&format!("{API}/")).ok_or(())?;
    link.get(at..).map(|path| Some(path.to_owned())).ok_or(())
}

/// A row; without its id it is none.
fn record_of(object: Object, table: &Table, row: &Map<String, Value>) -> Option<Record> {
    let id = row.get(table.id)?.as_str().filter(|id| guid::is_guid(id))?.to_ascii_lowercase();
    let state = row.get("statecode").and_then(Value::as_i64);
    let mut associations = BTreeMap::new();
    if let Some(people) = regarding(row) {
        associations.insert(Object::Contact, people);
    }
    Some(Record {
        id: format!("{}/{id}", table.set),
        version: row.get("@odata.etag").and_then(Value::as_str).map(str::to_owned),
        modified_at: row.get("modifiedon").and_then(Value::as_str).and_then(|t| t.parse().ok()),
        properties: properties(object, table, row),
        set_by: BTreeMap::new(),
        associations,
        also_known_as: Vec::new(),
        archived: *table == CONTACTS && state == Some(1),
    })
}

fn same_record(found: &str, table: &Table, id: &str) -> bool {
    found.eq_ignore_ascii_case(&format!("{}/{id}", table.set))
}

/// Where a row leads: a merged one to the record that took it in, a qualified lead to its contact.
fn onward(table: &Table, row: &Map<String, Value>) -> Option<String> {
    let pointer = |name: &str| row.get(name).and_then(Value::as_str).filter(|id| guid::is_guid(id));
    if row.get("merged").and_then(Value::as_bool) == Some(true)
        && let Some(master) = pointer("_masterid_value")
    {
        return Some(format!("{}/{}", table.set, master.to_ascii_lowercase()));
    }
    let qualified = *table == LEADS && row.get("statecode").and_then(Value::as_i64) == Some(1);
    qualified
        .then(|| pointer("_parentcontactid_value"))
        .flatten()
        .map(|id| format!("contacts/{}", id.to_ascii_lowercase()))
}

fn row(object: Object, table: &Table, id: &str, reply: &HttpReply) -> Option<Outcome> {
    let map = object_of(reply)?;
    let mut record = record_of(object, table, &map).filter(|r| same_record(&r.id, table, id))?;
    if object == Object::Contact
        && let Some(survivor) = onward(table, &map)
    {
        return Some(Outcome::Gone { merged_into: Some(survivor) });
    }
    // Spelled as it was asked for, so that it compares.
    record.id = format!("{}/{id}", table.set);
    Some(done(vec![record], None))
}

fn links(object: Object, to: Object, table: &Table, id: &str, reply: &HttpReply) -> Option<Outcome> {
    let map = object_of(reply)?;
    let record = record_of(object, table, &map).filter(|r| same_record(&r.id, table, id))?;
    let associations = BTreeMap::from([(to, record.associations.get(&to).cloned().unwrap_or_default())]);
    Some(done(vec![Record { id: format!("{}/{id}", table.set), associations, ..Record::default() }], None))
}

/// The people who can own records; their id stands alone, as owners are written.
fn owners(reply: &HttpReply) -> Option<Outcome> {
    let named =
        [("email", "internalemailaddress"), ("firstName", "firstname"), ("lastName", "lastname"), ("name", "fullname")];
    let records = rows(reply)?
        .iter()
        .map(|row| {
            let id = row.get(USERS.id)?.as_str().filter(|id| guid::is_guid(id))?.to_ascii_lowercase();
            let properties =
                named.iter().filter_map(|(ours, theirs)| Some(((*ours).to_owned(), row.get(*theirs).and_then(text)?)));
            let archived = row.get("isdisabled").and_then(Value::as_bool).unwrap_or(false);
            Some(Record { id, properties: properties.collect(), archived, ..Record::default() })
        })
        .collect::<Option<Vec<_>>>()?;
    Some(done(records, next_page(&object_of(reply)?).ok()?))
}

/// One table's columns, with the options of its choices.
fn table_schema(columns: &HttpReply, choices: &HttpReply) -> Option<BTreeMap<String, PropertySpec>> {
    let options: BTreeMap<String, Vec<String>> = rows(choices)?
        .iter()
        .filter_map(|row| {
            let set =
                ["OptionSet", "GlobalOptionSet"].iter().find_map(|name| row.get(*name)?.get("Options")?.as_array())?;
            let values = set.iter().filter_map(|o| o.get("Value").and_then(text)).collect();
            Some((row.get("LogicalName")?.as_str()?.to_owned(), values))
        })
        .collect();
    let mut out = BTreeMap::new();
    for row in rows(columns)? {
        let name = row.get("LogicalName")?.as_str().filter(|n| !n.is_empty())?.to_owned();
        let yes = |field: &str| row.get(field).and_then(Value::as_bool).unwrap_or(false);
        // Parts of other columns (a lookup's name) and what cannot be read are nothing to map.
        if row.get("AttributeOf").is_some_and(Value::is_string) || !yes("IsValidForRead") {
            continue;
        }
        let word = row.get("AttributeType")?.as_str()?;
        let kind = match word {
            "String" | "Memo" => PropertyType::Text,
            "Integer" | "BigInt" | "Decimal" | "Double" | "Money" => PropertyType::Number,
            "DateTime" => PropertyType::DateTime,
            "Boolean" => PropertyType::Bool,
            "Picklist" => PropertyType::Choice(options.get(&name).cloned().unwrap_or_default()),
            other => PropertyType::Other(cut(&other.to_ascii_lowercase(), 60)),
        };
        let label = row.get("DisplayName").and_then(|l| l.get("UserLocalizedLabel")?.get("Label")?.as_str());
        let spec = PropertySpec {
            label: label.unwrap_or(&name).to_owned(),
            kind,
            // Our key decides the record's primary key: no two records can have it.
            unique: name == KEY_PROPERTY,
            read_only: !(yes("IsValidForUpdate") && yes("IsValidForCreate")),
            stored_as: (!matches!(word, "String" | "Memo" | "DateTime")).then(|| word.to_owned()),
            name: name.clone(),
        };
        out.insert(name, spec);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_working_time_that_is_left_is_read_as_it_is_written() {
        let told = |seconds: &str| {
            let headers = [("burst", "5990"), ("time", seconds)];
            let headers = headers.map(|(of, v)| (format!("x-ms-ratelimit-{of}-remaining-xrm-requests"), v.to_owned()));
            budget(&HttpReply { status: 200, headers: headers.into(), body: Vec::new() }).unwrap()
        };
        assert_eq!(told("1,199.96").work_left_percent, Some(99));
        assert_eq!(told("118.00").work_left_percent, Some(9));
        assert_eq!(told("-3").work_left_percent, Some(0));
        assert_eq!(told("soon").work_left_percent, None);
        assert_eq!(told("soon").burst_left, Some(5_990));
    }
}
