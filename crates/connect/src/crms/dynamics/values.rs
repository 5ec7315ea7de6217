//! Values between text and the vendor's columns.

use super::Table;
use crate::Connection;
use jiff::{SignedDuration, Timestamp, Unit};
use ringback_core::crm::{OBJECT_PROPERTY, Object, Properties};
use serde_json::{Map, Value, json};

/// When a call was, exactly; beside `actualstart`, which keeps whole seconds and in some environments the day only.
pub(super) const CALL_AT: &str = "rb_call_at";
/// When a task is due, exactly; beside `scheduledend`.
pub(super) const DUE_AT: &str = "rb_due_at";
/// The pseudo property that says `true` of a closed opportunity.
pub(super) const CLOSED: &str = "closed";
const OWNER: &str = "ownerid";
const LOGICAL_NAME: &str = "Microsoft.Dynamics.CRM.lookuplogicalname";
const SECOND: SignedDuration = SignedDuration::from_secs(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Standard columns of leads, contacts, phone calls, tasks and opportunities that hold whole numbers or choices.
const INTEGERS: &[&str] = &[
    "actualdurationminutes",
    "address1_addresstypecode",
    "budgetstatus",
    "customersizecode",
    "customertypecode",
    "familystatuscode",
    "gendercode",
    "haschildrencode",
    "industrycode",
    "initialcommunication",
    "leadqualitycode",
    "leadsourcecode",
    "need",
    "numberofchildren",
    "numberofemployees",
    "percentcomplete",
    "preferredappointmentdaycode",
    "preferredappointmenttimecode",
    "preferredcontactmethodcode",
    "prioritycode",
    "purchaseprocess",
    "purchasetimeframe",
    "salesstage",
    "salesstagecode",
    "statecode",
    "statuscode",
    "territorycode",
];
const DECIMALS: &[&str] = &[
    "address1_latitude",
    "address1_longitude",
    "annualincome",
    "budgetamount",
    "creditlimit",
    "estimatedamount",
    "estimatedvalue",
    "revenue",
];
const BOOLEANS: &[&str] = &[
    "confirminterest",
    "creditonhold",
    "decisionmaker",
    "directioncode",
    "donotbulkemail",
    "donotbulkpostalmail",
    "donotemail",
    "donotfax",
    "donotphone",
    "donotpostalmail",
    "donotsendmm",
    "evaluatefit",
    "followemail",
    "leftvoicemail",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Bool,
}

/// How a column is written: as set-up found it (setting `field.<object>.<name>`), else as the vendor's reference has it.
fn kind(object: Object, name: &str, connection: &Connection) -> Kind {
    match connection.setting(&format!("field.{}.{name}", object.as_str())) {
        Some("Integer" | "BigInt" | "Decimal" | "Double" | "Money" | "Picklist" | "State" | "Status") => Kind::Number,
        Some("Boolean") => Kind::Bool,
        Some(_) => Kind::Text,
        None if INTEGERS.contains(&name) || DECIMALS.contains(&name) => Kind::Number,
        None if BOOLEANS.contains(&name) => Kind::Bool,
        None => Kind::Text,
    }
}

/// A value in the column's own type; `""` clears. What does not fit goes as text, and the vendor says what is wrong with it.
fn typed(kind: Kind, text: &str) -> Value {
    let number = || -> Option<Value> {
        let trimmed = text.trim();
        trimmed
            .parse::<i64>()
            .ok()
            .map(Value::from)
            .or_else(|| serde_json::Number::from_f64(trimmed.parse::<f64>().ok()?).map(Value::Number))
    };
    match (kind, text) {
        (_, "") => Value::Null,
        (Kind::Number, _) => number().unwrap_or_else(|| text.into()),
        (Kind::Bool, "true") => true.into(),
        (Kind::Bool, "false") => false.into(),
        _ => text.into(),
    }
}

fn whole_second(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>()
        .ok()?
        .round(jiff::TimestampRound::new().smallest(Unit::Second).mode(jiff::RoundMode::Floor))
        .ok()
}

/// A name that a column can have; anything else would change the meaning of a query.
pub(super) fn is_column(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 100
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// The body of a write. Owners are bound, states get the status that belongs to them, exact instants their column.
pub(super) fn body(object: Object, properties: &Properties, connection: &Connection) -> Map<String, Value> {
    let mut out = Map::new();
    for (name, text) in properties {
        match (object, name.as_str()) {
            (_, OBJECT_PROPERTY | CLOSED) => {}
            (_, OWNER) => {
                // Teams are written as their table and id, users by their id alone.
                let target =
                    if text.contains('/') { format!("/{}", bound(text)) } else { format!("/systemusers({text})") };
                out.insert(format!("{OWNER}@odata.bind"), target.into());
            }
            (Object::Task, "statecode") => {
                let status = match text.as_str() {
                    "0" => 2, // Not Started
                    "1" => 5, // Completed
                    _ => 6,   // Canceled
                };
                out.insert("statecode".into(), typed(Kind::Number, text));
                out.entry("statuscode").or_insert(status.into());
            }
            (Object::Call, "actualstart") => instant(&mut out, name, CALL_AT, text),
            (Object::Task, "scheduledend") => instant(&mut out, name, DUE_AT, text),
            _ => {
                out.insert(name.clone(), typed(kind(object, name, connection), text));
            }
        }
    }
    if object == Object::Call {
        call_for_people(&mut out, properties);
    }
    out
}

/// `leads/<guid>` as OData writes it.
pub(super) fn bound(id: &str) -> String {
    id.split_once('/').map_or_else(|| id.to_owned(), |(set, id)| format!("{set}({id})"))
}

fn instant(out: &mut Map<String, Value>, name: &str, exact: &str, text: &str) {
    let second = whole_second(text).map_or_else(|| Value::from(text), |at| at.to_string().into());
    out.insert(name.to_owned(), if text.is_empty() { Value::Null } else { second });
    out.insert(exact.to_owned(), typed(Kind::Text, text));
}

/// The vendor's own columns of what stands exactly in ours: number, end, minutes.
fn call_for_people(out: &mut Map<String, Value>, properties: &Properties) {
    let held = |name: &str| properties.get(name).map(String::as_str).filter(|v| !v.is_empty());
    let other = if held("directioncode") == Some("true") { "rb_call_to" } else { "rb_call_from" };
    if let Some(number) = held(other) {
        out.entry("phonenumber").or_insert(number.into());
    }
    if let Some(ms) =
        held("rb_call_duration_ms").and_then(|v| v.parse::<i64>().ok()).filter(|ms| (0..DAY_MS).contains(ms))
    {
        out.entry("actualdurationminutes").or_insert(((ms + 59_999) / 60_000).into());
        let end = held("actualstart").and_then(|v| v.parse::<Timestamp>().ok());
        let end = end.and_then(|at| at.checked_add(SignedDuration::from_millis(ms)).ok());
        if let Some(end) = end.and_then(|at| whole_second(&at.to_string())) {
            out.entry("actualend").or_insert(end.to_string().into());
        }
    }
}

const DAY_MS: i64 = 86_400_000;

/// The columns that show those properties.
pub(super) fn columns(object: Object, table: &Table, properties: &[String]) -> Vec<String> {
    let mut out: Vec<String> = vec![table.id.into(), "modifiedon".into()];
    for name in properties {
        match (object, name.as_str()) {
            (_, OBJECT_PROPERTY) => {}
            (_, CLOSED) => out.push("statecode".into()),
            (_, OWNER) => out.push("_ownerid_value".into()),
            (Object::Call, "actualstart") => out.extend([name.clone(), CALL_AT.into()]),
            (Object::Task, "scheduledend") => out.extend([name.clone(), DUE_AT.into()]),
            (_, name) if is_column(name) => out.push(name.into()),
            _ => {}
        }
    }
    if object == Object::Contact {
        out.extend(["statecode", "merged", "_masterid_value", "rb_key"].map(str::to_owned));
        if table.logical == "lead" {
            out.push("_parentcontactid_value".into());
        }
    }
    if matches!(object, Object::Call | Object::Task) {
        out.push("rb_key".into());
    }
    let mut seen = std::collections::BTreeSet::new();
    out.retain(|name| seen.insert(name.clone()));
    out
}

/// A row's values as text. Lookups other than the owner are left out; `null` is absent.
pub(super) fn properties(object: Object, table: &Table, row: &Map<String, Value>) -> Properties {
    let mut out: Properties = row
        .iter()
        .filter(|(name, _)| !name.starts_with('_') && !name.contains('@') && *name != table.id)
        .filter_map(|(name, value)| Some((name.clone(), text(value)?)))
        .collect();
    if let Some(owner) = row.get("_ownerid_value").and_then(Value::as_str) {
        let team = row.get(&format!("_ownerid_value@{LOGICAL_NAME}")).and_then(Value::as_str) == Some("team");
        out.insert(OWNER.into(), if team { format!("teams/{owner}") } else { owner.to_owned() });
    }
    match object {
        Object::Contact => {
            out.insert(OBJECT_PROPERTY.into(), table.logical.into());
        }
        Object::Call => exact(&mut out, "actualstart", CALL_AT, DAY),
        Object::Task => exact(&mut out, "scheduledend", DUE_AT, SECOND),
        Object::Deal => {
            if let Some(state) = row.get("statecode").and_then(Value::as_i64) {
                out.insert(CLOSED.into(), (state != 0).to_string());
            }
        }
        Object::Note | Object::Company => {}
    }
    out
}

/// The exact instant, as long as the vendor's own column still says the same within what it keeps.
fn exact(out: &mut Properties, name: &str, exact: &str, within: SignedDuration) {
    let Some(said) = out.remove(exact) else { return };
    let at = |text: &str| text.parse::<Timestamp>().ok();
    let near = match (out.get(name).and_then(|v| at(v)), at(&said)) {
        (Some(held), Some(said)) => held.duration_since(said).abs() < within,
        _ => false,
    };
    if near {
        out.insert(name.to_owned(), said);
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(s) if !s.is_empty() => Some(s.clone()),
        Value::Number(n) => Some(n.to_string()),
        Value::Bool(b) => Some(b.to_string()),
        _ => None,
    }
}

/// What a row points to: the person an activity is about, as its record id.
pub(super) fn regarding(row: &Map<String, Value>) -> Option<Vec<String>> {
    let name = ["_regardingobjectid_value", "_objectid_value"].into_iter().find(|name| row.contains_key(*name))?;
    let id = row.get(name)?;
    let logical = row.get(&format!("{name}@{LOGICAL_NAME}")).and_then(Value::as_str);
    Some(match (id.as_str(), logical) {
        (Some(id), Some("lead")) => vec![format!("leads/{id}")],
        (Some(id), Some("contact")) => vec![format!("contacts/{id}")],
        _ => Vec::new(),
    })
}

/// The header that asks for the tables lookups point to.
pub(super) fn annotations() -> (String, String) {
    ("prefer".into(), format!("odata.include-annotations=\"{LOGICAL_NAME}\""))
}

/// A label of the vendor's definitions.
pub(super) fn label(text: &str) -> Value {
    let localized =
        json!({ "@odata.type": "Microsoft.Dynamics.CRM.LocalizedLabel", "Label": text, "LanguageCode": 1033 });
    json!({ "@odata.type": "Microsoft.Dynamics.CRM.Label", "LocalizedLabels": [localized] })
}
