//! Names and values: Ringback's side is text, Zoho's is typed JSON.
//!
//! Our own `rb_first_call_at` is Zoho's `RB_First_Call_At`. Some properties are no fields of Zoho: they are put together from several
//! when read and taken apart when written, so that what was written reads back as the same text.

use crate::Connection;
use crate::wire::zone;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ringback_core::crm::{KEY_PROPERTY, OBJECT_PROPERTY, Object, Properties, Record};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// A call's direction and how it ended; both stand in `Call_Type`.
pub(super) const DIRECTION: &str = "direction";
pub(super) const CALL_STATUS: &str = "status";
pub(super) const MISSED: &str = "Missed";
pub(super) const ANSWERED: &str = "Answered";
/// A call's length, ms; `Call_Duration` holds minutes and seconds.
pub(super) const DURATION: &str = "duration_ms";
/// When a task is due; `Due_Date` holds the day.
pub(super) const DUE: &str = "due";
/// What a task is for; Zoho has no such field, and every task of ours is to call.
pub(super) const KIND: &str = "kind";
/// Whether a deal has ended, told by its stage.
pub(super) const CLOSED: &str = "closed";
/// Exact values beside Zoho's own fields.
pub(super) const STARTED_AT: &str = "rb_started_at";
pub(super) const STATUS: &str = "rb_status";
pub(super) const DUE_AT: &str = "rb_due_at";
/// Words of [`OBJECT_PROPERTY`].
pub(super) const LEAD: &str = "Lead";
pub(super) const CONTACT: &str = "Contact";
/// The field that tells which module `What_Id` points into.
pub(super) const SE_MODULE: &str = "$se_module";

/// The module that records of a kind stand in; new people in Leads.
pub(super) fn module(object: Object) -> &'static str {
    match object {
        Object::Contact => "Leads",
        Object::Call => "Calls",
        Object::Task => "Tasks",
        Object::Note => "Notes",
        Object::Deal => "Deals",
        Object::Company => "Accounts",
    }
}

/// Takes a record's id apart: the module and Zoho's number. People without a module are contacts.
pub(super) fn split(object: Object, id: &str) -> (String, String) {
    match id.split_once('/') {
        Some((module, id)) => (module.to_owned(), id.to_owned()),
        None if object == Object::Contact => ("Contacts".to_owned(), id.to_owned()),
        None => (module(object).to_owned(), id.to_owned()),
    }
}

/// `rb_first_call_at` as Zoho spells it; other names are Zoho's already.
fn spelled(name: &str) -> String {
    let Some(rest) = name.strip_prefix("rb_") else { return name.to_owned() };
    rest.split('_').fold("RB".to_owned(), |mut out, part| {
        out.push('_');
        let mut letters = part.chars();
        out.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        out.push_str(letters.as_str());
        out
    })
}

/// Our spelling of a field's API name.
pub(super) fn ours(api_name: &str) -> String {
    if api_name.starts_with("RB_") { api_name.to_ascii_lowercase() } else { api_name.to_owned() }
}

/// What set-up noted of a field: its API name and data type.
fn noted<'a>(connection: &'a Connection, object: Object, name: &str) -> (Option<&'a str>, Option<&'a str>) {
    let noted = connection.setting(&format!("field.{}.{name}", object.as_str())).unwrap_or_default();
    let (api, kind) = noted.split_once(':').unwrap_or((noted, ""));
    let some = |text: &'a str| (!text.is_empty()).then_some(text);
    (some(api), some(kind))
}

/// The API name of a property that is a field.
pub(super) fn api_name(connection: &Connection, object: Object, name: &str) -> String {
    noted(connection, object, name).0.map_or_else(|| spelled(name), str::to_owned)
}

/// The data type of a field, as far as a value must be written otherwise than as text. Of the fields of the default layouts it is
/// known, of others set-up notes it.
fn data_type<'a>(connection: &'a Connection, object: Object, name: &str) -> &'a str {
    if let Some(kind) = noted(connection, object, name).1 {
        return kind;
    }
    match name {
        "Owner" => "ownerlookup",
        "Email_Opt_Out" | "CTI_Entry" | "Send_Notification_Email" => "boolean",
        "No_of_Employees" => "integer",
        "Annual_Revenue" | "Amount" | "Expected_Revenue" | "Probability" => "double",
        "Account_Name" | "Vendor_Name" | "Reporting_To" | "Contact_Name" | "Who_Id" | "What_Id" => "lookup",
        _ => "text",
    }
}

/// An instant as Zoho takes it: to the second, with an offset.
pub(super) fn offset_time(text: &str) -> Option<String> {
    let at: Timestamp = text.parse().ok()?;
    let at = Timestamp::from_second(at.as_second().saturating_sub(i64::from(at.subsec_nanosecond() < 0))).ok()?;
    Some(at.to_string().trim_end_matches('Z').to_owned() + "+00:00")
}

fn typed(connection: &Connection, object: Object, name: &str, value: &str) -> Value {
    if value.is_empty() {
        return Value::Null;
    }
    let kept = || Value::from(value);
    match data_type(connection, object, name) {
        "boolean" => value.parse::<bool>().map_or_else(|_| kept(), Value::from),
        "integer" => value.parse::<i64>().map_or_else(|_| kept(), Value::from),
        "double" | "currency" | "percent" => value
            .parse::<i64>()
            .map(Value::from)
            .or_else(|_| value.parse::<f64>().map(Value::from))
            .unwrap_or_else(|_| kept()),
        "multiselectpicklist" => value.split(';').map(str::trim).collect(),
        "ownerlookup" | "userlookup" | "lookup" => json!({ "id": value }),
        "datetime" => offset_time(value).map_or_else(kept, Value::from),
        _ => kept(),
    }
}

/// A record's fields from properties. `module`: where it stands or will stand.
pub(super) fn written(
    connection: &Connection,
    object: Object,
    module: &str,
    properties: &Properties,
) -> Map<String, Value> {
    let mut out = Map::new();
    let own = |name: &str, value: &str| {
        (api_name(connection, object, name), if value.is_empty() { Value::Null } else { Value::from(value) })
    };
    for (name, value) in properties {
        match (object, name.as_str()) {
            (_, OBJECT_PROPERTY) | (Object::Task, KIND) | (Object::Deal, CLOSED) => {}
            // A contact's company is its account, which Ringback does not change.
            (Object::Contact, "Company") if module == "Contacts" => {}
            (Object::Call, DIRECTION | CALL_STATUS) => {}
            (Object::Call, "Call_Start_Time") => {
                out.insert(name.clone(), offset_time(value).map_or_else(|| value.as_str().into(), Value::from));
                out.extend([own(STARTED_AT, value)]);
            }
            (Object::Call, DURATION) => {
                let seconds = value.parse::<u64>().unwrap_or(0) / 1_000;
                out.insert("Call_Duration".into(), format!("{:02}:{:02}", seconds / 60, seconds % 60).into());
            }
            (Object::Task, DUE) => {
                let day = day(value, &zone(&connection.zone));
                out.insert("Due_Date".into(), day.map_or(Value::Null, Value::from));
                out.extend([own(DUE_AT, value)]);
            }
            (_, plain) => {
                out.insert(api_name(connection, object, plain), typed(connection, object, plain, value));
            }
        }
    }
    if object == Object::Call {
        let (direction, status) = (properties.get(DIRECTION), properties.get(CALL_STATUS));
        let call_type = match (direction.map(String::as_str), status.map(String::as_str)) {
            (Some("Outbound"), _) => Some("Outbound"),
            (_, Some(MISSED)) => Some("Missed"),
            (Some(other), _) => Some(other),
            (None, Some(_)) => Some("Inbound"),
            (None, None) => None,
        };
        if let Some(call_type) = call_type {
            out.insert("Call_Type".into(), call_type.into());
        }
        if call_type == Some("Outbound") {
            // An outbound call without it counts as planned.
            out.insert("Outgoing_Call_Status".into(), "Completed".into());
        }
        if let Some(status) = status {
            out.extend([own(STATUS, status)]);
        }
    }
    out
}

/// The day an instant falls on there; a day alone stays.
fn day(text: &str, zone: &TimeZone) -> Option<String> {
    match text.parse::<Timestamp>() {
        Ok(at) => Some(at.to_zoned(zone.clone()).date().to_string()),
        Err(_) => text.parse::<jiff::civil::Date>().ok().map(|d| d.to_string()),
    }
}

/// The link of an activity to the person it belongs to: contacts by `Who_Id`, everybody else by `What_Id`.
pub(super) fn link(of: &str, into: &mut Map<String, Value>) {
    let (module, id) = split(Object::Contact, of);
    if module == "Contacts" {
        into.insert("Who_Id".into(), json!({ "id": id }));
    } else {
        into.insert("What_Id".into(), json!({ "id": id }));
        into.insert(SE_MODULE.into(), module.into());
    }
}

/// The fields that a query must ask for so that these properties can be read.
pub(super) fn asked(connection: &Connection, object: Object, properties: &[String]) -> BTreeSet<String> {
    let own = |name: &str| api_name(connection, object, name);
    let mut names: BTreeSet<String> = [own(KEY_PROPERTY), "Modified_Time".to_owned()].into();
    for name in properties {
        match (object, name.as_str()) {
            (_, OBJECT_PROPERTY) | (Object::Task, KIND) => {}
            (Object::Call, DIRECTION | CALL_STATUS) => names.extend(["Call_Type".to_owned(), own(STATUS)]),
            (Object::Call, "Call_Start_Time") => names.extend([name.clone(), own(STARTED_AT)]),
            (Object::Call, DURATION) => names.extend(["Call_Duration".to_owned()]),
            (Object::Task, DUE) => names.extend(["Due_Date".to_owned(), own(DUE_AT)]),
            (Object::Deal, CLOSED) => names.extend(["Stage".to_owned()]),
            (_, plain) => names.extend([own(plain)]),
        }
    }
    names
}

/// A value as text, whole: a read-back compares it with what was sent. Lookups are their ids.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(s) if !s.is_empty() => Some(s.clone()),
        Value::Number(n) => Some(n.to_string()),
        Value::Bool(b) => Some(b.to_string()),
        Value::Object(map) => map.get("id").and_then(Value::as_str).filter(|id| !id.is_empty()).map(str::to_owned),
        Value::Array(list) => {
            let words: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            words.filter(|w| !w.is_empty()).map(|w| w.join(";"))
        }
        _ => None,
    }
}

/// Reads records of one module.
pub(super) struct Reader<'a> {
    pub(super) connection: &'a Connection,
    pub(super) object: Object,
    pub(super) module: &'a str,
    /// The properties that were asked for.
    pub(super) wanted: &'a [String],
}

impl Reader<'_> {
    /// A record; without an id it is none.
    pub(super) fn record(&self, value: &Value) -> Option<Record> {
        let map = value.as_object()?;
        let id = map.get("id").and_then(Value::as_str).filter(|id| !id.is_empty())?;
        let version = map.get("Modified_Time").and_then(Value::as_str).map(str::to_owned);
        Some(Record {
            id: format!("{}/{id}", self.module),
            modified_at: version.as_deref().and_then(|t| t.parse().ok()),
            version,
            properties: self.properties(map),
            ..Record::default()
        })
    }

    fn properties(&self, map: &Map<String, Value>) -> Properties {
        let mut out = Properties::new();
        let names = self.wanted.iter().map(String::as_str).chain([KEY_PROPERTY]);
        for name in names {
            if let Some(value) = self.value(map, name) {
                out.insert(name.to_owned(), value);
            }
        }
        if self.object == Object::Contact {
            out.insert(OBJECT_PROPERTY.into(), if self.module == "Leads" { LEAD } else { CONTACT }.into());
        }
        out
    }

    fn field(&self, map: &Map<String, Value>, name: &str) -> Option<String> {
        map.get(&api_name(self.connection, self.object, name)).and_then(plain)
    }

    fn value(&self, map: &Map<String, Value>, name: &str) -> Option<String> {
        match (self.object, name) {
            (_, OBJECT_PROPERTY) => None,
            (Object::Contact, "Company") if self.module == "Contacts" => {
                map.get("Account_Name")?.get("name").and_then(plain)
            }
            (Object::Call, DIRECTION) => match plain(map.get("Call_Type")?)?.as_str() {
                MISSED => Some("Inbound".into()),
                other => Some(other.into()),
            },
            (Object::Call, CALL_STATUS) => match plain(map.get("Call_Type")?)?.as_str() {
                MISSED => Some(MISSED.into()),
                "Outbound" => self.field(map, STATUS).or_else(|| Some(ANSWERED.into())),
                _ => Some(ANSWERED.into()),
            },
            (Object::Call, "Call_Start_Time") => {
                let held = plain(map.get(name)?)?;
                // Ours counts as long as nobody moved Zoho's.
                let exact = self.field(map, STARTED_AT).filter(|ours| same_second(ours, &held));
                Some(exact.unwrap_or(held))
            }
            (Object::Call, DURATION) => {
                let seconds = crate::wire::seconds(map.get("Call_Duration")?)?;
                Some((u64::from(seconds) * 1_000).to_string())
            }
            (Object::Task, DUE) => {
                let held = plain(map.get("Due_Date")?)?;
                let local = zone(&self.connection.zone);
                let exact = self.field(map, DUE_AT).filter(|ours| day(ours, &local).as_ref() == Some(&held));
                Some(exact.unwrap_or(held))
            }
            (Object::Task, KIND) => self.field(map, KEY_PROPERTY).map(|_| super::WORDS.task_type_call.to_owned()),
            (Object::Deal, CLOSED) => {
                let stage = plain(map.get("Stage")?)?;
                let closed = match self.connection.setting("closed_stages") {
                    Some(list) => list.split(',').any(|s| s.trim() == stage),
                    None => stage.starts_with("Closed"),
                };
                Some(closed.to_string())
            }
            _ => self.field(map, name),
        }
    }
}

/// The people an activity belongs to, spelled as people's records are. A query does not tell the module of `What_Id`; numbers are
/// unique over all modules, so the person it was asked for is recognised by the number.
pub(super) fn people_of(value: &Value, of: Option<&str>) -> Vec<String> {
    let id = |name: &str| value.get(name).and_then(plain);
    let mut found: Vec<String> = id("Who_Id").map(|id| format!("Contacts/{id}")).into_iter().collect();
    if let Some(what) = id("What_Id") {
        let module = value.get(SE_MODULE).and_then(Value::as_str);
        match (module, of) {
            (Some(module @ ("Leads" | "Contacts")), _) => found.push(format!("{module}/{what}")),
            (None, Some(of)) if split(Object::Contact, of).1 == what => found.push(of.to_owned()),
            _ => {}
        }
    }
    found
}

/// The contact that a converted lead became; `None` for a lead that is one.
pub(super) fn converted(lead: &Value) -> Option<String> {
    let flag = |name: &str| lead.get(name).and_then(Value::as_bool).unwrap_or(false);
    let pointer = lead.get("Converted_Contact").and_then(plain).or_else(|| {
        let detail = lead.get("$converted_detail")?;
        detail.get("contact").or_else(|| detail.get("Contact")).and_then(plain)
    });
    let told = flag("$converted") || flag("Converted__s") || pointer.is_some();
    pointer.filter(|_| told).map(|id| format!("Contacts/{id}"))
}

fn same_second(a: &str, b: &str) -> bool {
    let at = |text: &str| text.parse::<Timestamp>().ok();
    match (at(a), at(b)) {
        (Some(a), Some(b)) => a.duration_since(b).abs() < SignedDuration::from_secs(1),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_names_are_spelled_both_ways() {
        for (name, api) in [("rb_key", "RB_Key"), ("rb_first_call_at", "RB_First_Call_At"), ("Last_Name", "Last_Name")]
        {
            assert_eq!(spelled(name), api);
            assert_eq!(ours(api), name);
        }
    }

    #[test]
    fn instants_go_to_the_second_with_an_offset() {
        assert_eq!(offset_time("2026-03-04T23:20:07.9Z").as_deref(), Some("2026-03-04T23:20:07+00:00"));
        assert_eq!(offset_time("2026-03-04T17:20:07-06:00").as_deref(), Some("2026-03-04T23:20:07+00:00"));
        assert_eq!(offset_time("1969-12-31T23:59:59.5Z").as_deref(), Some("1969-12-31T23:59:59+00:00"));
        assert_eq!(offset_time("soon"), None);
    }
}
