//! Properties to fields of Pipedrive and back.
//!
//! | property | stands for |
//! |---|---|
//! | `phone`, `email` | the primary one of the lists `phones`, `emails`; a change keeps the others of the list |
//! | `phone_2` … `phone_5`, `emails` | the further ones, read only |
//! | `lifecycle` | `customer` where the person has a won deal or a label of `customer_labels`, else `lead`; read only |
//! | `due` | `due_date` and `due_time` of an activity |
//! | `closed` | of a deal: its status is no longer `open`; read only |
//! | `rb_…` of persons and deals | a custom field, by the code that set-up stored |
//! | `rb_…` of activities | a line of the note |
//! | forty hex digits | the custom field of that code |

use super::{is_activity, note};
use crate::wire::{cut, text};
use crate::{Connection, Unsupported};
use jiff::Timestamp;
use ringback_core::crm::{KEY_PROPERTY, OBJECT_PROPERTY, Object, Properties, Record};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Numbers of a person that a record shows.
const PHONES_MAX: usize = 5;

/// A custom field: its code, and its type where the value is not sent as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field<'a> {
    pub(super) code: &'a str,
    kind: &'a str,
}

impl<'a> Field<'a> {
    /// Reads `<code>` or `<code>:<type>`, as set-up stores it.
    fn read(stored: &'a str) -> Self {
        let (code, kind) = stored.split_once(':').unwrap_or((stored, ""));
        Self { code: code.trim(), kind: kind.trim() }
    }

    /// A value in the vendor's type; `""` clears.
    fn value(self, value: &str) -> Result<Value, Unsupported> {
        let number = |text: &str| -> Result<Value, Unsupported> {
            match serde_json::from_str::<Value>(text.trim()) {
                Ok(number @ Value::Number(_)) => Ok(number),
                _ => Err(Unsupported(format!("the field {} takes a number", self.code))),
            }
        };
        match self.kind {
            _ if value.is_empty() => Ok(Value::Null),
            "double" | "int" | "enum" | "user" | "org" | "people" => number(value),
            "set" => value.split(',').map(number).collect::<Result<Vec<_>, _>>().map(Value::Array),
            "boolean" => Ok(Value::Bool(value == "true")),
            "" | "date" => Ok(Value::String(value.to_owned())),
            other => Err(Unsupported(format!("the field {} is of type {other}, which is not written", self.code))),
        }
    }
}

fn is_code(name: &str) -> bool {
    name.len() == 40 && name.bytes().all(|b| b.is_ascii_hexdigit())
}

fn prefix(object: Object) -> String {
    format!("field.{}.", object.as_str())
}

/// The custom field that holds a property, if it is one.
pub(super) fn field<'a>(object: Object, name: &'a str, connection: &'a Connection) -> Result<Field<'a>, Unsupported> {
    if let Some(stored) = connection.setting(&format!("{}{name}", prefix(object))) {
        return Ok(Field::read(stored));
    }
    if is_code(name) {
        return Ok(Field { code: name, kind: "" });
    }
    Err(Unsupported(format!("Pipedrive has no field for {}.{name} yet: run connect first", object.as_str())))
}

/// The property that a custom field holds: our name for it, or its code.
pub(super) fn name_of(object: Object, code: &str, connection: &Connection) -> String {
    let prefix = prefix(object);
    let ours = connection
        .settings
        .iter()
        .find_map(|(name, stored)| (Field::read(stored).code == code).then(|| name.strip_prefix(&prefix)).flatten());
    ours.unwrap_or(code).to_owned()
}

/// What was read of a record before it is changed, as it travels in [`Record::version`].
#[derive(Debug, Default)]
pub(super) struct Seen {
    phones: Vec<Value>,
    emails: Vec<Value>,
    note: String,
}

impl Seen {
    fn write(map: &Map<String, Value>) -> String {
        let of = |name: &str| map.get(name).filter(|v| !v.is_null()).cloned();
        let kept = ["update_time", "phones", "emails", "note"].iter().filter_map(|n| Some(((*n).to_owned(), of(n)?)));
        Value::Object(kept.collect()).to_string()
    }

    pub(super) fn read(version: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(version).ok()?;
        let list = |name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        value.is_object().then(|| Self {
            phones: list("phones"),
            emails: list("emails"),
            note: value.get("note").and_then(Value::as_str).unwrap_or_default().to_owned(),
        })
    }
}

/// The list with this value as the primary one. What it held otherwise stays; `""` takes the primary one away.
fn with_primary(held: &[Value], value: &str, label: &str) -> Value {
    let same =
        |entry: &Value| entry.get("value").and_then(Value::as_str).is_some_and(|v| v.eq_ignore_ascii_case(value));
    let primary = |entry: &Value| entry.get("primary").and_then(Value::as_bool).unwrap_or(false);
    let mut list = Vec::new();
    if !value.is_empty() {
        let label = held.iter().find(|e| same(e)).and_then(|e| e.get("label")?.as_str()).unwrap_or(label);
        list.push(json!({ "value": value, "primary": true, "label": label }));
    }
    for entry in held.iter().filter(|e| !(same(e) || (value.is_empty() && primary(e)))) {
        let mut kept = Map::new();
        kept.insert("value".into(), entry.get("value").cloned().unwrap_or_default());
        kept.insert("primary".into(), Value::Bool(false));
        if let Some(label) = entry.get("label").filter(|l| l.is_string()) {
            kept.insert("label".into(), label.clone());
        }
        list.push(Value::Object(kept));
    }
    Value::Array(list)
}

fn id(name: &str, value: &str) -> Result<Value, Unsupported> {
    let number =
        value.trim().parse::<u64>().map_err(|_| Unsupported(format!("{name} is an id of Pipedrive, a number")));
    Ok(Value::from(number?))
}

fn optional_id(name: &str, value: &str) -> Result<Value, Unsupported> {
    if value.is_empty() { Ok(Value::Null) } else { id(name, value) }
}

fn read_only(object: Object, name: &str) -> Unsupported {
    Unsupported(format!("{}.{name} cannot be written in Pipedrive", object.as_str()))
}

/// What is written: a new record with our key, or a change of one that was seen.
#[derive(Clone, Copy)]
pub(super) enum Writing<'a> {
    New { key: &'a str, of: Option<&'a str> },
    Change { seen: Option<&'a Seen> },
}

/// The body of a write.
pub(super) fn body(
    object: Object,
    properties: &Properties,
    writing: Writing<'_>,
    connection: &Connection,
) -> Result<Value, Unsupported> {
    let mut out = Map::new();
    if is_activity(object) {
        activity(object, properties, writing, connection, &mut out)?;
        return Ok(Value::Object(out));
    }
    let mut custom = Map::new();
    let lists = |writing: Writing<'_>, name: &str| match writing {
        Writing::New { .. } => Ok(Vec::new()),
        Writing::Change { seen: Some(seen) } => {
            Ok(if name == "phones" { seen.phones.clone() } else { seen.emails.clone() })
        }
        // Without knowing the list, the others in it would be lost.
        Writing::Change { seen: None } => {
            Err(Unsupported(format!("{name} are replaced whole: the record must be read first")))
        }
    };
    for (name, value) in properties {
        match (object, name.as_str()) {
            (Object::Contact, "phone") => {
                let held = lists(writing, "phones")?;
                out.insert("phones".into(), with_primary(&held, value, "mobile"));
            }
            (Object::Contact, "email") => {
                let held = lists(writing, "emails")?;
                out.insert("emails".into(), with_primary(&held, value, "work"));
            }
            (Object::Contact, "name") | (Object::Deal, "title" | "currency" | "status" | "expected_close_date") => {
                out.insert(name.clone(), Value::String(value.clone()));
            }
            (_, "owner_id" | "org_id") | (Object::Deal, "person_id" | "stage_id" | "pipeline_id") => {
                out.insert(name.clone(), optional_id(name, value)?);
            }
            (_, "visible_to") => {
                out.insert(name.clone(), id(name, value)?);
            }
            (_, "label_ids") => {
                let ids = value.split(',').filter(|v| !v.trim().is_empty()).map(|v| id(name, v));
                out.insert(name.clone(), Value::Array(ids.collect::<Result<_, _>>()?));
            }
            (Object::Deal, "value") => {
                out.insert(name.clone(), Field { code: "value", kind: "double" }.value(value)?);
            }
            (_, KEY_PROPERTY) if matches!(writing, Writing::New { .. }) => {}
            (_, OBJECT_PROPERTY) => return Err(read_only(object, name)),
            (_, other) if other.starts_with("rb_") || is_code(other) => {
                let field = field(object, other, connection)?;
                custom.insert(field.code.to_owned(), field.value(value)?);
            }
            (_, other) => return Err(read_only(object, other)),
        }
    }
    if let Writing::New { key, of } = writing {
        custom.insert(field(object, KEY_PROPERTY, connection)?.code.to_owned(), Value::from(key));
        if let (Object::Deal, Some(person)) = (object, of) {
            out.insert("person_id".into(), id("person_id", person)?);
        }
    }
    if !custom.is_empty() {
        out.insert("custom_fields".into(), Value::Object(custom));
    }
    Ok(Value::Object(out))
}

/// The person an activity is about, as the vendor wants it: `person_id` itself is read only.
pub(super) fn participants(person: &str) -> Result<Value, Unsupported> {
    Ok(json!([{ "person_id": id("a contact", person)?, "primary": true }]))
}

fn activity(
    object: Object,
    properties: &Properties,
    writing: Writing<'_>,
    connection: &Connection,
    out: &mut Map<String, Value>,
) -> Result<(), Unsupported> {
    let (mut body, mut packed) = match writing {
        Writing::New { .. } => (String::new(), Properties::new()),
        Writing::Change { seen: Some(seen) } => note::unpack(&seen.note),
        Writing::Change { seen: None } => (String::new(), Properties::new()),
    };
    let mut repack = matches!(writing, Writing::New { .. });
    for (name, value) in properties {
        match name.as_str() {
            "subject" | "type" => {
                out.insert(name.clone(), Value::from(value.as_str()));
            }
            "done" => {
                out.insert("done".into(), Value::Bool(value == "true"));
            }
            "owner_id" | "org_id" | "deal_id" => {
                out.insert(name.clone(), optional_id(name, value)?);
            }
            "priority" => {
                out.insert(name.clone(), optional_id(name, value)?);
            }
            "due" => {
                let wrong = || Unsupported("due is an instant such as 2026-03-05T14:03:11Z".into());
                let (date, time) = note::due(value).ok_or_else(wrong)?;
                out.insert("due_date".into(), Value::from(date));
                out.insert("due_time".into(), Value::from(time));
                packed.insert(note::DUE.into(), value.clone());
                repack = true;
            }
            "note" => {
                body.clone_from(value);
                repack = true;
            }
            KEY_PROPERTY if matches!(writing, Writing::New { .. }) => {}
            OBJECT_PROPERTY => return Err(read_only(object, name)),
            other if other.starts_with("rb_") => {
                if let ("rb_priority", Some(option)) = (other, connection.setting(&format!("priority.{value}"))) {
                    out.insert("priority".into(), id("priority", option)?);
                }
                packed.insert(name.clone(), value.clone());
                repack = true;
            }
            other => return Err(read_only(object, other)),
        }
    }
    packed.retain(|_, value| !value.is_empty());
    if let Writing::New { key, of } = writing {
        packed.insert(KEY_PROPERTY.into(), key.to_owned());
        out.entry("type").or_insert_with(|| Value::from("call"));
        out.entry("subject").or_insert_with(|| Value::from("Call"));
        out.entry("done").or_insert(Value::Bool(object == Object::Call));
        if let Some(person) = of {
            out.insert("participants".into(), participants(person)?);
        }
    }
    if repack {
        if matches!(writing, Writing::Change { seen: None }) {
            return Err(Unsupported("a note is replaced whole: the activity must be read first".into()));
        }
        let note = match packed.get(KEY_PROPERTY) {
            Some(key) => note::pack(&body, key, &packed),
            None if packed.is_empty() => note::html(&body),
            None => return Err(Unsupported("the activity is not Ringback's: its note holds no properties".into())),
        };
        out.insert("note".into(), Value::from(note));
    }
    Ok(())
}

/// A record of a list or of a read by id; without an id it is none.
pub(super) fn record(object: Object, value: &Value, connection: &Connection) -> Option<Record> {
    let map = value.as_object()?;
    let id = map.get("id").filter(|v| v.is_u64() || v.is_string()).and_then(text)?;
    let mut record = Record {
        id,
        version: Some(Seen::write(map)),
        modified_at: map.get("update_time").and_then(Value::as_str).and_then(instant),
        archived: map.get("is_deleted").and_then(Value::as_bool).unwrap_or(false)
            || map.get("status").and_then(Value::as_str) == Some("deleted"),
        ..Record::default()
    };
    match object {
        Object::Contact => person(map, connection, &mut record),
        Object::Deal => deal(map, connection, &mut record),
        _ => activity_held(map, &mut record),
    }
    Some(record)
}

/// `2026-03-05T14:03:11Z`, and v1's `2026-03-05 14:03:11`, which is UTC too.
fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| format!("{}Z", text.replace(' ', "T")).parse().ok())
}

/// A value whole: a read-back compares it with what was sent.
fn whole(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(s) => s.clone(),
        Value::Number(n) => n.to_string(),
        Value::Bool(b) => b.to_string(),
        // Money, addresses, ranges: the value without its attributes.
        Value::Object(map) => {
            return map.get("value").or_else(|| map.get("id")).filter(|v| !v.is_object()).and_then(whole);
        }
        Value::Array(list) => list.iter().filter(|v| !v.is_array()).filter_map(whole).collect::<Vec<_>>().join(","),
        Value::Null => return None,
    };
    (!text.is_empty()).then_some(text)
}

fn plain(map: &Map<String, Value>, names: &[&str], into: &mut Properties) {
    into.extend(names.iter().filter_map(|name| Some(((*name).to_owned(), map.get(*name).and_then(whole)?))));
}

fn custom(object: Object, map: &Map<String, Value>, connection: &Connection, into: &mut Properties) {
    let held = map.get("custom_fields").and_then(Value::as_object);
    for (code, value) in held.into_iter().flatten() {
        if let Some(value) = whole(value) {
            into.insert(name_of(object, code, connection), value);
        }
    }
}

/// Values of a list, the primary one first. A search gives them as plain texts.
fn values(map: &Map<String, Value>, name: &str) -> Vec<String> {
    let list = map.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let primary = |v: &&Value| v.get("primary").and_then(Value::as_bool).unwrap_or(false);
    let value = |v: &Value| v.get("value").or(Some(v)).and_then(text);
    let mut found: Vec<String> = list.iter().filter(primary).filter_map(value).collect();
    found.extend(list.iter().filter(|v| !primary(v)).filter_map(value));
    found
}

fn person(map: &Map<String, Value>, connection: &Connection, record: &mut Record) {
    let properties = &mut record.properties;
    plain(
        map,
        &[
            "name",
            "first_name",
            "last_name",
            "owner_id",
            "org_id",
            "label_ids",
            "visible_to",
            "job_title",
            "marketing_status",
        ],
        properties,
    );
    for (n, phone) in values(map, "phones").into_iter().take(PHONES_MAX).enumerate() {
        properties.insert(if n == 0 { "phone".to_owned() } else { format!("phone_{}", n + 1) }, phone);
    }
    let emails = values(map, "emails");
    if let Some(first) = emails.first() {
        properties.insert("email".into(), first.clone());
        properties.insert("emails".into(), emails.join(";"));
    }
    record.also_known_as.extend(emails.into_iter().skip(1));
    // A search names the owner as an object.
    if let Some(owner) = map.get("owner").and_then(whole) {
        properties.insert("owner_id".into(), owner);
    }
    let labels: Vec<u64> =
        map.get("label_ids").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_u64).collect();
    let customers = connection.setting("customer_labels").unwrap_or_default();
    let labelled = customers.split(',').filter_map(|id| id.trim().parse::<u64>().ok()).any(|id| labels.contains(&id));
    let won = map.get("won_deals_count").and_then(Value::as_u64);
    if won.is_some() || labelled {
        let customer = labelled || won.is_some_and(|n| n > 0);
        properties.insert("lifecycle".into(), if customer { "customer" } else { "lead" }.to_owned());
    }
    custom(Object::Contact, map, connection, properties);
    properties.insert(OBJECT_PROPERTY.to_owned(), "person".to_owned());
}

fn deal(map: &Map<String, Value>, connection: &Connection, record: &mut Record) {
    let names = [
        "title",
        "stage_id",
        "pipeline_id",
        "status",
        "value",
        "currency",
        "owner_id",
        "org_id",
        "expected_close_date",
    ];
    plain(map, &names, &mut record.properties);
    if let Some(status) = record.properties.get("status") {
        let closed = (status != "open").to_string();
        record.properties.insert("closed".into(), closed);
    }
    custom(Object::Deal, map, connection, &mut record.properties);
    let person = map.get("person_id").and_then(whole);
    record.associations = BTreeMap::from([(Object::Contact, person.into_iter().collect())]);
}

fn activity_held(map: &Map<String, Value>, record: &mut Record) {
    plain(map, &["subject", "type", "owner_id", "org_id", "deal_id", "done", "priority"], &mut record.properties);
    let word = |name: &str| map.get(name).and_then(Value::as_str).unwrap_or_default();
    let (body, mut packed) = note::unpack(word("note"));
    let exact = packed.remove(note::DUE);
    if let Some(due) = note::due_held(word("due_date"), word("due_time"), exact.as_deref()) {
        record.properties.insert("due".into(), due);
    }
    if !body.is_empty() {
        record.properties.insert("note".into(), body);
    }
    record.properties.extend(packed);
    let list = map.get("participants").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let primary = |v: &&Value| v.get("primary").and_then(Value::as_bool).unwrap_or(false);
    let person = |v: &Value| v.get("person_id").and_then(whole);
    let mut people: Vec<String> = map.get("person_id").and_then(whole).into_iter().collect();
    people.extend(list.iter().filter(primary).filter_map(person));
    people.extend(list.iter().filter_map(person));
    let mut each: Vec<String> = Vec::new();
    for id in people {
        if !each.contains(&id) {
            each.push(id);
        }
    }
    record.associations.insert(Object::Contact, each);
    if let Some(deal) = map.get("deal_id").and_then(whole) {
        record.associations.insert(Object::Deal, vec![deal]);
    }
}

/// Somebody who can own records (v1's users).
pub(super) fn owner(value: &Value) -> Option<Record> {
    let map = value.as_object()?;
    let mut properties = Properties::new();
    plain(map, &["name", "email"], &mut properties);
    let archived = !map.get("active_flag").and_then(Value::as_bool).unwrap_or(true);
    Some(Record { id: map.get("id").filter(|v| v.is_u64()).and_then(text)?, properties, archived, ..Record::default() })
}

/// Names of our own properties for codes that stand in a message of the vendor's.
pub(super) fn names_in(object: Object, message: &str, connection: &Connection) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut push = |name: String| {
        if !name.is_empty() && !found.contains(&name) {
            found.push(name);
        }
    };
    for part in message.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
        if is_code(part) {
            push(name_of(object, part, connection));
        }
    }
    // `Validation failed: phones.0.value: …` and `'person_id' is a read-only field`.
    let path =
        message.split_once("Validation failed: ").and_then(|(_, rest)| rest.split_once(':')).map(|(path, _)| path);
    let quoted = message.split('\'').nth(1);
    let identifier =
        |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.');
    for name in [path, quoted].into_iter().flatten().filter(identifier) {
        let first = name.split('.').find(|p| *p != "custom_fields").unwrap_or(name);
        let own = match first {
            "phones" => "phone",
            "emails" => "email",
            "due_date" | "due_time" => "due",
            other if is_code(other) => continue,
            other => other,
        };
        push(cut(own, 100));
    }
    found
}
