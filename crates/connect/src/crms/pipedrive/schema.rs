//! What fields there are, and how ours are made.
//!
//! A custom field's name is what people see; ours end in the property's name (`Ringback key (rb_key)`), which is how they are found
//! again. Pipedrive makes no fields for instants and yes or no: those are text fields that say so in their name
//! (`Ringback wanted when (rb_wanted_when, datetime)`), and choices are text too, because a picklist is written by ids.

use super::is_activity;
use crate::Unsupported;
use crate::wire::cut;
use ringback_core::crm::{KEY_PROPERTY, OWN_PROPERTIES, Object, PropertySpec, PropertyType};
use serde_json::{Map, Value, json};

/// The list of fields of that kind of record.
pub(super) fn collection(object: Object) -> Result<&'static str, Unsupported> {
    match object {
        Object::Contact => Ok("personFields"),
        Object::Call | Object::Task => Ok("activityFields"),
        Object::Deal => Ok("dealFields"),
        Object::Note | Object::Company => Err(Unsupported(format!("No {} is kept in Pipedrive", object.as_str()))),
    }
}

/// Properties that are no custom fields, with whether they are read only.
const PERSON: &[(&str, PropertyType, bool)] = &[
    ("name", PropertyType::Text, false),
    ("phone", PropertyType::Text, false),
    ("email", PropertyType::Text, false),
    ("phone_2", PropertyType::Text, true),
    ("phone_3", PropertyType::Text, true),
    ("phone_4", PropertyType::Text, true),
    ("phone_5", PropertyType::Text, true),
    ("emails", PropertyType::Text, true),
    ("first_name", PropertyType::Text, true),
    ("last_name", PropertyType::Text, true),
    ("lifecycle", PropertyType::Text, true),
];
const DEAL: &[(&str, PropertyType, bool)] = &[
    ("title", PropertyType::Text, false),
    ("value", PropertyType::Number, false),
    ("currency", PropertyType::Text, false),
    ("expected_close_date", PropertyType::Date, false),
    ("closed", PropertyType::Bool, true),
];
const ACTIVITY: &[(&str, PropertyType, bool)] = &[
    ("subject", PropertyType::Text, false),
    ("type", PropertyType::Text, false),
    ("note", PropertyType::Text, false),
    ("due", PropertyType::DateTime, false),
    ("done", PropertyType::Bool, false),
];
/// Words of a call log and of a callback task.
const CALL: &[&str] = &["rb_direction", "rb_status", "rb_from", "rb_to", "rb_duration_ms"];
const TASK: &[&str] = &["rb_priority"];
/// Whether a person takes part in marketing; only where the company has Campaigns.
pub(super) const MARKETING_STATUS: &str = "marketing_status";
/// A set of values that is kept elsewhere: ids of users, organisations, labels.
fn elsewhere() -> PropertyType {
    PropertyType::Other("external_enumeration".into())
}

fn spec(name: &str, kind: PropertyType, read_only: bool) -> PropertySpec {
    PropertySpec {
        name: name.to_owned(),
        label: name.trim_start_matches("rb_").replace('_', " "),
        kind,
        // Pipedrive knows no unique fields: that a key is held once is Ringback's own work.
        unique: false,
        read_only,
        stored_as: None,
    }
}

/// The schema: the vendor's own fields as properties, and ours.
pub(super) fn schema(object: Object, fields: &[Value]) -> Option<Vec<PropertySpec>> {
    let fixed = match object {
        Object::Contact => PERSON,
        Object::Deal => DEAL,
        _ => ACTIVITY,
    };
    let mut all: Vec<PropertySpec> = fixed.iter().map(|(n, kind, fixed)| spec(n, kind.clone(), *fixed)).collect();
    all.extend(["owner_id", "org_id"].map(|name| spec(name, elsewhere(), false)));
    match object {
        Object::Contact => all.push(spec("label_ids", elsewhere(), false)),
        Object::Deal => all.extend(["stage_id", "pipeline_id", "status"].map(|name| spec(name, elsewhere(), false))),
        _ => all.extend(packed(object)),
    }
    for value in fields {
        let found = field(value.as_object()?)?;
        if !is_activity(object) && !all.iter().any(|known| known.name == found.name) {
            all.push(found);
        }
    }
    Some(all)
}

/// What the note of every call log or task holds; the contract may name more.
fn packed(object: Object) -> Vec<PropertySpec> {
    let own = OWN_PROPERTIES.iter().filter(|(o, ..)| *o == object).map(|(_, name, ..)| *name);
    let words = if object == Object::Call { CALL } else { TASK };
    own.chain(words.iter().copied()).map(|name| spec(name, PropertyType::Text, false)).collect()
}

/// Our property's name and type in a field's name: `Ringback budget (rb_budget)`, `(rb_wanted_when, datetime)`, `rb_key`.
fn ours(field_name: &str) -> Option<(String, Option<PropertyType>)> {
    let inside = field_name.rsplit_once('(').map_or(field_name, |(_, rest)| rest).trim().trim_end_matches(')');
    let (name, kind) = inside.split_once(',').unwrap_or((inside, ""));
    let name = name.trim();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if !name.starts_with("rb_") || !name.bytes().all(plain) {
        return None;
    }
    let kind = match kind.trim() {
        "datetime" => Some(PropertyType::DateTime),
        "bool" => Some(PropertyType::Bool),
        _ => None,
    };
    Some((name.to_owned(), kind))
}

/// One field as the vendor describes it.
pub(super) fn field(map: &Map<String, Value>) -> Option<PropertySpec> {
    let word = |name: &str| map.get(name).and_then(Value::as_str).filter(|w| !w.is_empty());
    let (label, code, kind) = (word("field_name")?, word("field_code")?, word("field_type")?);
    let custom = map.get("is_custom_field").and_then(Value::as_bool).unwrap_or(false);
    let options = || {
        let list = map.get("options").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(|o| o.get("id").and_then(crate::wire::text)).collect()
    };
    let typed = match kind {
        "varchar" | "text" | "varchar_auto" | "phone" | "address" | "time" => PropertyType::Text,
        "double" | "int" => PropertyType::Number,
        "date" => PropertyType::Date,
        "boolean" => PropertyType::Bool,
        "enum" | "set" => PropertyType::Choice(options()),
        "user" | "org" | "people" | "stage" => elsewhere(),
        other => PropertyType::Other(cut(other, 60)),
    };
    let ours = ours(label).filter(|_| custom);
    let (name, typed) = match ours {
        Some((name, Some(kind))) => (name, kind),
        Some((name, None)) => (name, typed),
        None => (code.to_owned(), typed),
    };
    // What is sent as plain text needs no type beside its code.
    let stored = match kind {
        "varchar" | "text" | "date" | "phone" => code.to_owned(),
        other => format!("{code}:{other}"),
    };
    let writable = matches!(
        kind,
        "varchar"
            | "text"
            | "phone"
            | "date"
            | "double"
            | "int"
            | "boolean"
            | "enum"
            | "set"
            | "user"
            | "org"
            | "people"
    );
    Some(PropertySpec {
        unique: false,
        label: cut(label, 200),
        name,
        kind: typed,
        // The vendor's own fields that can be written are listed by hand.
        read_only: !custom || !writable,
        // What may be asked for only where it is listed is noted as well.
        stored_as: (custom || code == MARKETING_STATUS).then_some(stored),
    })
}

/// The field that holds a property of ours.
pub(super) fn new_field(property: &PropertySpec) -> Result<Value, Unsupported> {
    let (kind, mark) = match &property.kind {
        // Only short text is looked for by `itemSearch/field` in every plan; the others may be long.
        PropertyType::Text if property.name == KEY_PROPERTY => ("varchar", ""),
        PropertyType::Text | PropertyType::Choice(_) => ("text", ""),
        PropertyType::Number => ("double", ""),
        PropertyType::Date => ("date", ""),
        PropertyType::DateTime => ("varchar", ", datetime"),
        PropertyType::Bool => ("varchar", ", bool"),
        PropertyType::Other(kind) => return Err(Unsupported(format!("No property of type {kind} can be made"))),
    };
    let name = format!("{} ({}{mark})", cut(&property.label, 150), property.name);
    Ok(json!({ "field_name": name, "field_type": kind }))
}
