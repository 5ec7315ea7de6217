//! Names and values: ours to Salesforce's and back.

use crate::wire::zone;
use crate::{Connection, Unsupported};
use jiff::Timestamp;
use ringback_core::crm::{KEY_PROPERTY, OBJECT_PROPERTY, Object, Properties, Record};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// When a call was or a callback is due, to the second.
pub(super) const AT: &str = "rb_at";
/// How long a call lasted.
pub(super) const DURATION_MS: &str = "duration_ms";
/// Our key on the wire.
pub(super) const KEY_FIELD: &str = "RB_Key__c";
/// What a Lead is told where nobody knows a company.
const COMPANY: &str = "Unknown (Ringback)";
const LAST_NAME: &str = "Unknown caller";

/// Standard fields that only a Lead has (Object Reference).
const LEAD_ONLY: &[&str] = &[
    "Company",
    "Status",
    "Rating",
    "Industry",
    "Website",
    "AnnualRevenue",
    "NumberOfEmployees",
    "Street",
    "City",
    "State",
    "PostalCode",
    "Country",
    "IsConverted",
    "ConvertedDate",
    "ConvertedContactId",
    "ConvertedAccountId",
    "ConvertedOpportunityId",
    "IsUnreadByOwner",
];
/// Standard fields that only a Contact has.
const CONTACT_ONLY: &[&str] = &[
    "AccountId",
    "HomePhone",
    "OtherPhone",
    "AssistantPhone",
    "AssistantName",
    "Birthdate",
    "Department",
    "ReportsToId",
    "MailingStreet",
    "MailingCity",
    "MailingState",
    "MailingPostalCode",
    "MailingCountry",
    "OtherStreet",
    "OtherCity",
    "OtherState",
    "OtherPostalCode",
    "OtherCountry",
];
/// Standard fields that an org may hide from Ringback's user. Asked for where set-up, or a later look at the schema, has seen them.
pub(super) const MAY_BE_HIDDEN: &[&str] = &["DoNotCall", "HasOptedOutOfEmail"];
/// What set-up notes of one that both Lead and Contact show.
pub(super) const BOTH: &str = "both";
/// Standard fields that are no text on the wire.
const BOOLEANS: &[&str] = &["DoNotCall", "HasOptedOutOfEmail", "HasOptedOutOfFax", "IsReminderSet", "IsUnreadByOwner"];
const NUMBERS: &[&str] = &["CallDurationInSeconds", "AnnualRevenue", "NumberOfEmployees", "Amount", "Probability"];

/// The object behind an id: its first three characters say it.
pub(super) fn sobject_of(id: &str) -> Option<&'static str> {
    Some(match id.get(..3)? {
        "00Q" => "Lead",
        "003" => "Contact",
        "00T" => "Task",
        "006" => "Opportunity",
        "001" => "Account",
        _ => return None,
    })
}

/// The objects that keep that kind of record.
pub(super) fn sobjects(object: Object) -> Result<&'static [&'static str], Unsupported> {
    Ok(match object {
        Object::Contact => &["Lead", "Contact"],
        Object::Call | Object::Task => &["Task"],
        Object::Deal => &["Opportunity"],
        Object::Company => &["Account"],
        Object::Note => return Err(Unsupported("Ringback writes no notes into Salesforce".into())),
    })
}

/// What new people become.
pub(super) fn people(connection: &Connection) -> &'static str {
    if connection.setting("people") == Some("Contact") { "Contact" } else { "Lead" }
}

/// Is it an id as Salesforce writes them? Nothing else may stand in a path or a query as one.
pub(super) fn is_id(id: &str) -> bool {
    matches!(id.len(), 15 | 18) && id.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// The 18-character form of an id. The three characters more say which of the fifteen are capitals, five at a time, so that the id
/// survives where case does not count ("ID Field Type", Object Reference).
pub(super) fn id18(id: &str) -> String {
    if id.len() != 15 || !is_id(id) {
        return id.to_owned();
    }
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    let mut out = id.to_owned();
    for five in id.as_bytes().chunks(5) {
        let capitals =
            five.iter().enumerate().filter(|(_, b)| b.is_ascii_uppercase()).map(|(n, _)| 1_usize << n).sum::<usize>();
        out.push(DIGITS.get(capitals).copied().map_or('A', char::from));
    }
    out
}

/// Our own properties as custom fields: `rb_first_call_at` is `RB_First_Call_At__c`. Every other name is Salesforce's already.
pub(super) fn wire(name: &str) -> String {
    let Some(rest) = name.strip_prefix("rb_") else {
        return if name == DURATION_MS { "CallDurationInSeconds".to_owned() } else { name.to_owned() };
    };
    let mut out = "RB".to_owned();
    for word in rest.split('_') {
        let mut letters = word.chars();
        out.push('_');
        out.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    out.push_str("__c");
    out
}

/// The way back. Salesforce's names do not tell capitals apart, so neither does this.
pub(super) fn ours(field: &str) -> String {
    let lower = field.to_ascii_lowercase();
    match lower.strip_suffix("__c") {
        Some(name) if name.starts_with("rb_") => name.to_owned(),
        _ => field.to_owned(),
    }
}

/// The one object that has a field, where only one has it.
fn only_of(name: &str, connection: &Connection) -> Option<&'static str> {
    match connection.setting(&format!("field.contact.{name}")) {
        Some("Lead") => Some("Lead"),
        Some("Contact") => Some("Contact"),
        _ if LEAD_ONLY.contains(&name) => Some("Lead"),
        _ if CONTACT_ONLY.contains(&name) => Some("Contact"),
        _ => None,
    }
}

/// The fields to ask an object for: what was asked, each once, and what every record needs.
pub(super) fn select(
    sobject: &str,
    properties: &[String],
    always: &[&str],
    connection: &Connection,
) -> Result<String, Unsupported> {
    let mut fields = vec!["Id".to_owned(), "LastModifiedDate".to_owned()];
    match sobject {
        "Lead" => fields.extend(["IsConverted", "ConvertedContactId", KEY_FIELD].map(str::to_owned)),
        "Contact" => fields.push(KEY_FIELD.to_owned()),
        "Task" => fields.extend(["WhoId", KEY_FIELD].map(str::to_owned)),
        _ => {}
    }
    fields.extend(always.iter().map(|f| (*f).to_owned()));
    for name in properties.iter().filter(|name| *name != OBJECT_PROPERTY) {
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.')) || name.is_empty() {
            return Err(Unsupported(format!("{name:?} is no name of a field")));
        }
        let people = matches!(sobject, "Lead" | "Contact");
        let hidden =
            || MAY_BE_HIDDEN.contains(&name.as_str()) && connection.setting(&format!("field.contact.{name}")).is_none();
        if people && (hidden() || only_of(name, connection).is_some_and(|only| only != sobject)) {
            continue;
        }
        let field = wire(name);
        if !fields.iter().any(|f| f.eq_ignore_ascii_case(&field)) {
            fields.push(field);
        }
    }
    Ok(fields.join(","))
}

/// The body of a write.
pub(super) fn body(object: Object, properties: &Properties, connection: &Connection) -> Map<String, Value> {
    let mut out = Map::new();
    for (name, value) in properties {
        match name.as_str() {
            OBJECT_PROPERTY => {}
            DURATION_MS => {
                let seconds = value.parse::<u64>().ok().map(|ms| Value::from(ms / 1000));
                out.insert(wire(name), seconds.unwrap_or(Value::Null));
            }
            _ => {
                let field = wire(name);
                let value = typed(&field, value);
                out.insert(field, value);
            }
        }
    }
    if let Some(at) = properties.get(AT).filter(|_| matches!(object, Object::Call | Object::Task)) {
        let at = at.parse::<Timestamp>().ok();
        let day = at.map(|at| at.to_zoned(zone(&connection.zone)).date().to_string());
        out.insert("ActivityDate".into(), day.map_or(Value::Null, Value::from));
        if let Some(at) = at.filter(|_| object == Object::Task && connection.setting("reminder") == Some("on")) {
            out.insert("IsReminderSet".into(), true.into());
            out.insert("ReminderDateTime".into(), at.to_string().into());
        }
    }
    out
}

/// The body of a new record, with what Salesforce demands of one.
pub(super) fn new_body(
    object: Object,
    key: &str,
    of: Option<&str>,
    properties: &Properties,
    connection: &Connection,
) -> Map<String, Value> {
    let mut out = body(object, properties, connection);
    out.insert(KEY_FIELD.into(), key.into());
    let mut lacking = |field: &str, value: &str| {
        if out.get(field).is_none_or(Value::is_null) {
            out.insert(field.to_owned(), value.into());
        }
    };
    match object {
        Object::Contact => {
            lacking("LastName", LAST_NAME);
            if people(connection) == "Lead" {
                lacking("Company", connection.setting("company").unwrap_or(COMPANY));
            }
        }
        Object::Call => {
            // A logged call is a Task that is done.
            lacking("Status", "Completed");
            lacking("TaskSubtype", "Call");
        }
        _ => {}
    }
    if let Some(of) = of.filter(|_| matches!(object, Object::Call | Object::Task)) {
        lacking("WhoId", of);
    }
    out
}

/// `""` clears a field; a few standard fields are no text.
fn typed(field: &str, value: &str) -> Value {
    match value {
        "" => Value::Null,
        "true" | "false" if BOOLEANS.contains(&field) => Value::Bool(value == "true"),
        _ if NUMBERS.contains(&field) => {
            let number = value.parse::<i64>().map(Value::from).or_else(|_| value.parse::<f64>().map(Value::from));
            number.unwrap_or_else(|_| value.into())
        }
        // Text areas keep one kind of line end.
        _ => value.replace("\r\n", "\n").into(),
    }
}

/// A row of a query as a record; without an id it is none.
pub(super) fn record(row: &Value) -> Option<Record> {
    let map = row.as_object()?;
    let id = id18(map.get("Id")?.as_str().filter(|id| is_id(id))?);
    let mut properties: Properties =
        map.iter().filter_map(|(field, value)| Some((ours(field), text(value)?))).collect();
    if let Some(seconds) = map.get("CallDurationInSeconds").and_then(Value::as_u64) {
        properties.insert(DURATION_MS.into(), seconds.saturating_mul(1000).to_string());
    }
    let sobject = sobject_of(&id);
    if let Some(word) = sobject.filter(|s| matches!(*s, "Lead" | "Contact")) {
        properties.insert(OBJECT_PROPERTY.into(), word.to_owned());
    }
    let mut associations = BTreeMap::new();
    if sobject == Some("Task") {
        let who = properties.get("WhoId").map(|who| id18(who));
        associations.insert(Object::Contact, who.into_iter().collect());
    }
    let version = properties.get("LastModifiedDate").cloned();
    Some(Record {
        modified_at: version.as_deref().and_then(|at| at.parse().ok()),
        version,
        archived: map.get("IsDeleted").and_then(Value::as_bool).unwrap_or(false),
        id,
        associations,
        properties,
        ..Record::default()
    })
}

/// Our key in a record.
pub(super) fn key_of(record: &Record) -> Option<&str> {
    record.properties.get(KEY_PROPERTY).map(String::as_str)
}

/// A value as text; null, related records and compound fields are absent.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(s) if !s.is_empty() => Some(instant(s).unwrap_or_else(|| s.replace("\r\n", "\n"))),
        Value::Number(n) => Some(n.to_string()),
        Value::Bool(b) => Some(b.to_string()),
        _ => None,
    }
}

/// Salesforce writes `2026-03-04T23:12:07.000+0000`; our border has `Z`.
fn instant(text: &str) -> Option<String> {
    let local = text.strip_suffix("+0000")?;
    if !(19..=23).contains(&local.len()) || local.as_bytes().get(10) != Some(&b'T') {
        return None;
    }
    format!("{local}Z").parse::<Timestamp>().ok().map(|at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_fifteen_characters_become_eighteen() {
        // The pair that the vendor's own example of a 15- and an 18-character id shows.
        assert_eq!(id18("001D000000IRt53"), "001D000000IRt53IAD");
        assert_eq!(id18("001D000000IRt53IAD"), "001D000000IRt53IAD");
        assert_eq!(id18("no id"), "no id");
    }

    #[test]
    fn our_names_go_there_and_back() {
        for (name, field) in [
            ("rb_key", "RB_Key__c"),
            ("rb_first_call_at", "RB_First_Call_At__c"),
            ("Phone", "Phone"),
            ("Custom__c", "Custom__c"),
        ] {
            assert_eq!(wire(name), field);
            assert_eq!(ours(field), name);
        }
        assert_eq!(ours("RB_Inquiry_URL__c"), "rb_inquiry_url", "typed by hand with other capitals");
    }

    #[test]
    fn instants_lose_only_their_spelling() {
        assert_eq!(instant("2026-03-04T23:12:07.000+0000").as_deref(), Some("2026-03-04T23:12:07Z"));
        assert_eq!(instant("tell +0000"), None);
    }
}
