//! HTTP to outcomes.

use super::classify::{Problem, failed, refused, unreadable, wrong_location};
use super::fields::{custom_names, of_activity, standard_contact, unpack};
use super::request::{OPEN_TASKS_MAX, SEARCH_RESULTS_MAX, USERS_PER_PAGE};
use crate::wire::{cut, text};
use crate::{Budget, Connection, Replies};
use jiff::Timestamp;
use ringback_core::crm::{
    CrmOp, Held, KEY_PROPERTY, OBJECT_PROPERTY, Object, Outcome, PersonKey, Properties, PropertySpec, PropertyType,
    Record, Why,
};
use ringback_core::http::HttpReply;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Digits of a number that must agree where one side has no country code.
const NATIONAL_DIGITS_MIN: usize = 7;

pub(super) fn replies(
    operations: &[CrmOp],
    reply: &HttpReply,
    connection: &Connection,
    received_at: Timestamp,
) -> Replies {
    let outcomes = match operations {
        [operation] => vec![outcome(operation, reply, connection, received_at)],
        // There are no batches: whatever this answers, it is not these.
        many => many
            .iter()
            .map(|op| unreadable(op.writes(), reply.status, "The answer belongs to another request"))
            .collect(),
    };
    Replies { outcomes, budget: budget(reply) }
}

fn budget(reply: &HttpReply) -> Option<Budget> {
    let number = |name: &str| reply.header(name).and_then(|v| v.trim().parse().ok());
    let budget = Budget {
        burst_left: number("x-ratelimit-remaining"),
        daily_left: number("x-ratelimit-daily-remaining"),
        ..Budget::default()
    };
    (budget.burst_left.is_some() || budget.daily_left.is_some()).then_some(budget)
}

fn outcome(operation: &CrmOp, reply: &HttpReply, connection: &Connection, received_at: Timestamp) -> Outcome {
    if !(200..300).contains(&reply.status) {
        return failed(operation, reply, received_at);
    }
    let strange = |words: &str| unreadable(operation.writes(), reply.status, words);
    let Ok(Value::Object(body)) = serde_json::from_slice::<Value>(&reply.body) else {
        return strange("The body is not a JSON object");
    };
    if body.get("statusCode").and_then(Value::as_u64).is_some_and(|status| status >= 400) {
        // A success that carries an error is no success.
        let status =
            body.get("statusCode").and_then(Value::as_u64).and_then(|s| u16::try_from(s).ok()).unwrap_or(reply.status);
        return match Problem::read(status, &Value::Object(body)) {
            Some(problem) => refused(operation, &problem),
            None => strange("The body says error"),
        };
    }
    let reader = Reader { names: custom_names(connection), location: connection.setting("location_id") };
    match reader.accepted(operation, &body) {
        Ok(outcome) => outcome,
        Err(Odd::Foreign) => wrong_location(reply.status),
        Err(Odd::Unreadable) => strange("The body is not what was asked for"),
    }
}

/// Why an answer is not taken.
enum Odd {
    Unreadable,
    /// It shows a record of another sub-account.
    Foreign,
}

type Read<T> = Result<T, Odd>;

struct Reader<'a> {
    names: BTreeMap<&'a str, &'a str>,
    location: Option<&'a str>,
}

fn done(held: Held) -> Read<Outcome> {
    Ok(Outcome::Done { held })
}

fn one(record: Record, created: Option<bool>) -> Read<Outcome> {
    done(Held { records: vec![record], created, ..Held::default() })
}

fn object<'v>(body: &'v Map<String, Value>, name: &str) -> Read<&'v Map<String, Value>> {
    body.get(name).and_then(Value::as_object).ok_or(Odd::Unreadable)
}

fn list<'v>(body: &'v Map<String, Value>, name: &str) -> Read<&'v [Value]> {
    body.get(name).and_then(Value::as_array).map(Vec::as_slice).ok_or(Odd::Unreadable)
}

fn is(right: bool) -> Read<()> {
    if right { Ok(()) } else { Err(Odd::Unreadable) }
}

impl Reader<'_> {
    fn accepted(&self, operation: &CrmOp, body: &Map<String, Value>) -> Read<Outcome> {
        match operation {
            CrmOp::FindPerson { keys, .. } => self.found(keys, body),
            CrmOp::ReadByKey { object: Object::Contact, key, .. } => self.contact_by_key(key, body),
            CrmOp::ReadByKey { object, key, of, .. } => self.activity_by_key(*object, key, of.as_deref(), body),
            CrmOp::ReadById { object, id, .. } => self.by_id(*object, id, body),
            CrmOp::FindDeals { contact, .. } => self.deals(contact, body),
            CrmOp::Create { object: Object::Contact, key, .. } => {
                let record = self.contact(object(body, "contact")?)?;
                // The answer to another create is not the answer to this one.
                is(record.properties.get(KEY_PROPERTY).is_none_or(|held| held == key))?;
                one(record, Some(true))
            }
            CrmOp::Create { object: kind, key, of: Some(of), .. } => {
                let record = Self::activity(*kind, of, object(body, word(*kind))?)?;
                is(record.properties.get(KEY_PROPERTY).is_none_or(|held| held == key))?;
                one(record, Some(true))
            }
            CrmOp::Update { object: Object::Contact, id, .. } => {
                let record = self.contact(object(body, "contact")?)?;
                is(record.id == *id)?;
                one(record, Some(false))
            }
            CrmOp::Update { object: kind, id, .. } => {
                let (of, _) = id.split_once('/').ok_or(Odd::Unreadable)?;
                let record = Self::activity(*kind, of, object(body, word(*kind))?)?;
                is(record.id == *id)?;
                one(record, Some(false))
            }
            CrmOp::Delete { .. } => {
                // The vendor's own spelling.
                let said = body.get("succeded").or_else(|| body.get("succeeded")).and_then(Value::as_bool);
                is(said == Some(true))?;
                done(Held::default())
            }
            CrmOp::Changed { since, .. } => self.changed(*since, body),
            CrmOp::ReadSchema { object } => self.schema(*object, body),
            CrmOp::CreateProperty { property: wanted, .. } => {
                let made = self.property(object(body, "customField")?)?.ok_or(Odd::Unreadable)?;
                is(made.name == wanted.name)?;
                done(Held { schema: vec![made], created: Some(true), ..Held::default() })
            }
            CrmOp::ListOwners { after } => owners(after.as_deref(), body),
            CrmOp::Create { .. }
            | CrmOp::Upsert { .. }
            | CrmOp::Associate { .. }
            | CrmOp::ReadMany { .. }
            | CrmOp::ReadLinks { .. } => Err(Odd::Unreadable),
        }
    }

    /// Nothing of another sub-account is taken. What names none (tasks, notes) is under the token's own.
    fn ours(&self, map: &Map<String, Value>) -> Read<()> {
        let named = map.get("locationId").and_then(Value::as_str).filter(|l| !l.is_empty());
        match (named, self.location) {
            (Some(named), Some(location)) if named != location => Err(Odd::Foreign),
            _ => Ok(()),
        }
    }

    fn contact(&self, map: &Map<String, Value>) -> Read<Record> {
        self.ours(map)?;
        let id = map.get("id").and_then(text).ok_or(Odd::Unreadable)?;
        let mut properties: Properties =
            map.iter().filter(|(n, _)| *n != "id").filter_map(|(n, v)| Some((n.clone(), value(v)?))).collect();
        let channels = map.get("dndSettings").and_then(Value::as_object);
        for (channel, setting) in channels.into_iter().flatten() {
            if let Some(status) = setting.get("status").and_then(value) {
                properties.insert(format!("dnd.{channel}"), status);
            }
        }
        for field in map.get("customFields").and_then(Value::as_array).into_iter().flatten() {
            let held = ["value", "fieldValue", "field_value"].iter().find_map(|n| field.get(*n)).and_then(value);
            if let (Some(id), Some(held)) = (field.get("id").and_then(Value::as_str), held) {
                properties.insert((*self.names.get(id).unwrap_or(&id)).to_owned(), held);
            }
        }
        properties.insert(OBJECT_PROPERTY.to_owned(), "contact".to_owned());
        let also_known_as = strings(map.get("additionalEmails"), "email");
        Ok(Record {
            id,
            modified_at: map.get("dateUpdated").and_then(Value::as_str).and_then(|t| t.parse().ok()),
            properties,
            also_known_as,
            archived: map.get("deleted").and_then(Value::as_bool).unwrap_or(false),
            ..Record::default()
        })
    }

    /// All contacts of a search that is complete; more than a page of them are not what was asked for.
    fn contacts(&self, body: &Map<String, Value>) -> Read<Vec<Record>> {
        let listed = list(body, "contacts")?;
        let total = body.get("total").and_then(Value::as_u64).unwrap_or(0);
        is(listed.len() as u64 >= total && listed.len() <= SEARCH_RESULTS_MAX)?;
        listed.iter().map(|c| self.contact(c.as_object().ok_or(Odd::Unreadable)?)).collect()
    }

    fn found(&self, keys: &[PersonKey], body: &Map<String, Value>) -> Read<Outcome> {
        let listed: Vec<(Record, bool)> = match body.get("contact") {
            Some(Value::Null) => Vec::new(),
            Some(Value::Object(map)) => vec![(self.contact(map)?, has_key(map, keys))],
            Some(_) => return Err(Odd::Unreadable),
            None => {
                let records = self.contacts(body)?;
                let maps = list(body, "contacts")?.iter().map(|c| c.as_object().is_some_and(|map| has_key(map, keys)));
                records.into_iter().zip(maps).collect()
            }
        };
        // A filter that the vendor's search takes loosely must not make somebody else the caller.
        let records = listed.into_iter().filter(|(_, mine)| *mine).map(|(record, _)| record).collect();
        done(Held { records, ..Held::default() })
    }

    fn contact_by_key(&self, key: &str, body: &Map<String, Value>) -> Read<Outcome> {
        let mut records = self.contacts(body)?;
        records.retain(|r| !r.archived && r.properties.get(KEY_PROPERTY).is_some_and(|held| held == key));
        // Whatever made two of them: always the same one is taken, the older.
        let age = |r: &Record| (r.properties.get("dateAdded").cloned().unwrap_or_default(), r.id.clone());
        records.sort_by_key(age);
        match records.into_iter().next() {
            Some(record) => one(record, None),
            None => Ok(Outcome::Gone { merged_into: None }),
        }
    }

    fn activity_by_key(&self, kind: Object, key: &str, of: Option<&str>, body: &Map<String, Value>) -> Read<Outcome> {
        let name = if kind == Object::Task { "tasks" } else { "notes" };
        // The vendor describes the list of a location's tasks as a list of lists and sends a list.
        let rows: Vec<&Map<String, Value>> = list(body, name)?
            .iter()
            .flat_map(|row| row.as_array().map_or(std::slice::from_ref(row), Vec::as_slice))
            .map(|row| row.as_object().ok_or(Odd::Unreadable))
            .collect::<Read<_>>()?;
        let mut found = Vec::new();
        for row in &rows {
            self.ours(row)?;
            let owner = of.or_else(|| row.get("contactId").and_then(Value::as_str));
            let deleted = row.get("deleted").and_then(Value::as_bool).unwrap_or(false);
            if let Some(owner) = owner.filter(|_| !deleted) {
                let record = Self::activity(kind, owner, row)?;
                if record.properties.get(KEY_PROPERTY).is_some_and(|held| held == key) {
                    found.push(record);
                }
            }
        }
        found.sort_by(|a, b| a.id.cmp(&b.id));
        match found.into_iter().next() {
            Some(record) => one(record, None),
            None if of.is_none() && rows.len() >= OPEN_TASKS_MAX => {
                let words = format!(
                    "The location has {OPEN_TASKS_MAX} open tasks or more, and this one is not among the first"
                );
                Ok(Outcome::Refused { why: Why::new("too_many_tasks", words) })
            }
            None => Ok(Outcome::Gone { merged_into: None }),
        }
    }

    /// A task or note under that contact. Its text is its version: an update that changes a packed value starts from it.
    fn activity(kind: Object, of: &str, map: &Map<String, Value>) -> Read<Record> {
        let id = map.get("id").or_else(|| map.get("_id")).and_then(text).ok_or(Odd::Unreadable)?;
        let named = map.get("contactId").and_then(Value::as_str).filter(|c| !c.is_empty());
        is(named.is_none_or(|c| c == of))?;
        let raw = map.get("body").and_then(Value::as_str).unwrap_or_default();
        let (above, mut properties) = unpack(raw);
        let mut put = |name: &str, held: Option<String>| {
            if let Some(held) = held {
                properties.insert(name.to_owned(), held);
            }
        };
        put("body", (!above.is_empty()).then_some(above));
        put("title", map.get("title").and_then(value));
        match kind {
            Object::Task => {
                for name in ["dueDate", "completed", "assignedTo"] {
                    put(name, map.get(name).and_then(value));
                }
            }
            _ => {
                put("assignedTo", map.get("userId").and_then(value));
                put("dateAdded", map.get("dateAdded").and_then(value));
            }
        }
        Ok(Record {
            id: format!("{of}/{id}"),
            version: Some(raw.to_owned()),
            properties,
            associations: BTreeMap::from([(Object::Contact, vec![of.to_owned()])]),
            ..Record::default()
        })
    }

    fn by_id(&self, kind: Object, id: &str, body: &Map<String, Value>) -> Read<Outcome> {
        let record = match kind {
            Object::Contact => self.contact(object(body, "contact")?)?,
            Object::Deal => self.deal(object(body, "opportunity")?)?,
            Object::Company => return Err(Odd::Unreadable),
            kind => {
                let (of, _) = id.split_once('/').ok_or(Odd::Unreadable)?;
                Self::activity(kind, of, object(body, word(kind))?)?
            }
        };
        is(record.id == id)?;
        if record.archived { Ok(Outcome::Gone { merged_into: None }) } else { one(record, None) }
    }

    fn deal(&self, map: &Map<String, Value>) -> Read<Record> {
        self.ours(map)?;
        let id = map.get("id").and_then(text).ok_or(Odd::Unreadable)?;
        let mut properties: Properties = map.iter().filter_map(|(n, v)| Some((n.clone(), value(v)?))).collect();
        // An opportunity is open, won, lost or abandoned.
        let closed = properties.get("status").is_some_and(|status| status != "open");
        properties.insert("closed".to_owned(), closed.to_string());
        let contact: Vec<String> = map.get("contactId").and_then(text).into_iter().collect();
        Ok(Record { id, properties, associations: BTreeMap::from([(Object::Contact, contact)]), ..Record::default() })
    }

    fn deals(&self, contact: &str, body: &Map<String, Value>) -> Read<Outcome> {
        let listed = list(body, "opportunities")?;
        let mut records: Vec<Record> =
            listed.iter().map(|o| self.deal(o.as_object().ok_or(Odd::Unreadable)?)).collect::<Read<_>>()?;
        records.retain(|r| r.associations.values().flatten().all(|of| of == contact));
        let next = body.get("meta").and_then(|m| m.get("nextPage")).and_then(text);
        done(Held { records, next, ..Held::default() })
    }

    fn changed(&self, since: Timestamp, body: &Map<String, Value>) -> Read<Outcome> {
        let listed = list(body, "contacts")?;
        let mut records: Vec<Record> =
            listed.iter().map(|c| self.contact(c.as_object().ok_or(Odd::Unreadable)?)).collect::<Read<_>>()?;
        records.retain(|r| r.modified_at.is_none_or(|at| at >= since));
        let after = listed.last().and_then(|c| c.get("searchAfter")).filter(|_| listed.len() >= SEARCH_RESULTS_MAX);
        done(Held { records, next: after.map(Value::to_string), ..Held::default() })
    }

    fn schema(&self, kind: Object, body: &Map<String, Value>) -> Read<Outcome> {
        let listed = list(body, "customFields")?;
        if kind != Object::Contact {
            // Tasks and notes have no custom fields: what they hold is always the same.
            return done(Held { schema: of_activity(kind), ..Held::default() });
        }
        let mut schema: Vec<PropertySpec> = standard_contact().collect();
        for field in listed {
            schema.extend(self.property(field.as_object().ok_or(Odd::Unreadable)?)?);
        }
        done(Held { schema, ..Held::default() })
    }

    /// A custom field of contacts. Its name is the vendor's key of it without `contact.`, which stays when somebody renames the field.
    fn property(&self, map: &Map<String, Value>) -> Read<Option<PropertySpec>> {
        self.ours(map)?;
        let word = |name: &str| map.get(name).and_then(Value::as_str).filter(|w| !w.is_empty());
        if word("model").is_some_and(|model| model != "contact") {
            return Ok(None);
        }
        let (id, label) = (word("id").ok_or(Odd::Unreadable)?, word("name").ok_or(Odd::Unreadable)?);
        let name = word("fieldKey").map_or(label, |key| key.strip_prefix("contact.").unwrap_or(key));
        let kind = match word("dataType").unwrap_or("TEXT") {
            "TEXT" | "LARGE_TEXT" | "PHONE" | "EMAIL" => PropertyType::Text,
            "NUMERICAL" | "MONETORY" => PropertyType::Number,
            "DATE" => PropertyType::Date,
            "SINGLE_OPTIONS" | "RADIO" => {
                let options =
                    map.get("picklistOptions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                let options: Vec<String> = options.iter().filter_map(text).collect();
                // Without its options no value could be checked against them.
                if options.is_empty() {
                    PropertyType::Other("options".to_owned())
                } else {
                    PropertyType::Choice(options)
                }
            }
            other => PropertyType::Other(cut(other, 60)),
        };
        Ok(Some(PropertySpec {
            name: name.to_owned(),
            label: label.to_owned(),
            kind,
            // The vendor knows no unique field. That no two contacts carry one key of ours is kept by looking before creating.
            unique: name == KEY_PROPERTY,
            read_only: false,
            stored_as: Some(id.to_owned()),
        }))
    }
}

/// The name under which one task or note stands in an answer.
fn word(kind: Object) -> &'static str {
    if kind == Object::Task { "task" } else { "note" }
}

fn owners(after: Option<&str>, body: &Map<String, Value>) -> Read<Outcome> {
    let listed = list(body, "users")?;
    let owner = |user: &Value| {
        let map = user.as_object()?;
        let names = ["email", "firstName", "lastName", "name"];
        let properties = names.iter().filter_map(|n| Some(((*n).to_owned(), map.get(*n).and_then(value)?))).collect();
        let archived = map.get("deleted").and_then(Value::as_bool).unwrap_or(false);
        Some(Record { id: map.get("id").and_then(text)?, properties, archived, ..Record::default() })
    };
    let records: Vec<Record> = listed.iter().map(|u| owner(u).ok_or(Odd::Unreadable)).collect::<Read<_>>()?;
    let skipped = after.and_then(|a| a.parse::<usize>().ok()).unwrap_or(0).saturating_add(records.len());
    // Only the endpoint that has pages counts.
    let count = body.get("count").and_then(Value::as_u64).unwrap_or(0);
    let more = count > skipped as u64 && records.len() >= USERS_PER_PAGE;
    done(Held { records, next: more.then(|| skipped.to_string()), ..Held::default() })
}

/// A value as text, whole: a read-back compares it with what was sent. `null`, `""` and objects are absent.
fn value(value: &Value) -> Option<String> {
    match value {
        Value::String(s) if !s.is_empty() => Some(s.clone()),
        Value::Number(n) => Some(n.to_string()),
        Value::Bool(b) => Some(b.to_string()),
        Value::Array(list) => {
            let texts: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
            (!texts.is_empty() && texts.len() == list.len()).then(|| texts.join(";"))
        }
        _ => None,
    }
}

/// Texts of a list, each alone or in an object's field of that name.
fn strings(list: Option<&Value>, name: &str) -> Vec<String> {
    let list = list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|v| v.as_str().or_else(|| v.get(name)?.as_str())).map(str::to_owned).collect()
}

/// Does the contact have one of the numbers or addresses that were asked for?
fn has_key(map: &Map<String, Value>, keys: &[PersonKey]) -> bool {
    let mut phones = strings(map.get("additionalPhones"), "phone");
    phones.extend(map.get("phone").and_then(Value::as_str).map(str::to_owned));
    let mut emails = strings(map.get("additionalEmails"), "email");
    emails.extend(map.get("email").and_then(Value::as_str).map(str::to_owned));
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    keys.iter().any(|key| match key {
        PersonKey::Phone { e164, national } => phones.iter().any(|held| {
            // Without a plus it is how somebody typed it; then the national number decides.
            let (e164, national, typed) = (digits(e164), digits(national), digits(held));
            let ends = national.len() >= NATIONAL_DIGITS_MIN && typed.ends_with(&national);
            typed == e164 || (ends && !held.trim_start().starts_with('+'))
        }),
        PersonKey::Email { address } => emails.iter().any(|held| held.trim().eq_ignore_ascii_case(address.trim())),
    })
}
