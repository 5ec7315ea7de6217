//! Which property is which field: standard names, ids of custom fields, and what stands in a text.

use crate::{Connection, Unsupported, packed};
use ringback_core::crm::{
    KEY_PROPERTY, OBJECT_PROPERTY, OWN_PROPERTIES, Object, Properties, PropertySpec, PropertyType,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Writable text fields of a contact (`CreateContactDto`, `UpdateContactDto`).
const CONTACT_FIELDS: &[&str] = &[
    "firstName",
    "lastName",
    "name",
    "email",
    "phone",
    "address1",
    "city",
    "state",
    "postalCode",
    "website",
    "timezone",
    "source",
    "country",
    "assignedTo",
];
/// Taken when a contact is made and not when it is changed.
const CONTACT_FIELDS_AT_CREATE: &[&str] = &["companyName", "gender"];
/// Shown, and not Ringback's to write.
const CONTACT_READ_ONLY: &[&str] =
    &["type", "dnd", "dnd.Call", "dnd.SMS", "dnd.Email", "tags", "dateAdded", "dateUpdated"];
const TASK_FIELDS: &[&str] = &["title", "body", "dueDate", "completed", "assignedTo"];
const NOTE_FIELDS: &[&str] = &["title", "body", "assignedTo"];

/// The sub-account of the connection.
pub(super) fn location(connection: &Connection) -> Result<&str, Unsupported> {
    connection.setting("location_id").ok_or_else(|| Unsupported("The connection has no location_id".into()))
}

/// The id of the custom field that holds a property of a contact.
pub(super) fn custom<'a>(name: &'a str, connection: &'a Connection) -> Result<&'a str, Unsupported> {
    if let Some(id) = connection.setting(&format!("field.contact.{name}")) {
        return Ok(id);
    }
    // A contract may name a field by its id, as the vendor's own pages do.
    let id = name.len() >= 15 && name.bytes().all(|b| b.is_ascii_alphanumeric());
    if id {
        Ok(name)
    } else {
        Err(Unsupported(format!("No field of the location is known for {name}: run connect first")))
    }
}

/// Names of custom fields by their ids, as set-up kept them.
pub(super) fn custom_names(connection: &Connection) -> BTreeMap<&str, &str> {
    let fields = connection.settings.iter().filter(|(_, id)| !id.is_empty());
    fields.filter_map(|(setting, id)| Some((id.as_str(), setting.strip_prefix("field.contact.")?))).collect()
}

/// A contact's properties as the vendor's body, without location and key. An empty value clears a field.
pub(super) fn contact(
    properties: &Properties,
    creating: bool,
    connection: &Connection,
) -> Result<Map<String, Value>, Unsupported> {
    let (mut body, mut customs) = (Map::new(), Vec::new());
    for (name, value) in properties {
        let name = name.as_str();
        if CONTACT_FIELDS.contains(&name) || (creating && CONTACT_FIELDS_AT_CREATE.contains(&name)) {
            let value = if value.is_empty() { Value::Null } else { json!(value) };
            body.insert(name.to_owned(), value);
        } else if CONTACT_READ_ONLY.contains(&name) || name.starts_with("dnd") {
            return Err(Unsupported(format!("{name} of a contact is not written")));
        } else if CONTACT_FIELDS_AT_CREATE.contains(&name) {
            return Err(Unsupported(format!("HighLevel takes {name} only when a contact is made")));
        } else if name != OBJECT_PROPERTY {
            customs.push(json!({ "id": custom(name, connection)?, "field_value": value }));
        }
    }
    if !customs.is_empty() {
        body.insert("customFields".to_owned(), Value::Array(customs));
    }
    Ok(body)
}

/// A task or note to be made.
pub(super) fn activity(object: Object, key: &str, properties: &Properties) -> Result<Map<String, Value>, Unsupported> {
    let (mut body, packed, text) = split(object, properties)?;
    body.insert("body".to_owned(), json!(packed::pack(text.unwrap_or_default(), key, &packed)));
    if object == Object::Task {
        for needed in ["title", "dueDate"] {
            if !body.contains_key(needed) {
                return Err(Unsupported(format!("A task needs {needed}")));
            }
        }
        body.entry("completed").or_insert(json!(false));
    }
    Ok(body)
}

/// What of a task or note changes. `seen`: its text as it was read, for whatever stands in it is written again with it.
pub(super) fn activity_changes(
    object: Object,
    properties: &Properties,
    seen: Option<&str>,
) -> Result<Map<String, Value>, Unsupported> {
    let (mut body, packed, text) = split(object, properties)?;
    if text.is_some() || !packed.is_empty() || object != Object::Task {
        let seen = seen.ok_or_else(|| Unsupported("The text of the record was not read before".into()))?;
        let (above, mut held) = unpack(seen);
        held.extend(packed);
        let key = held.get(KEY_PROPERTY).or_else(|| properties.get(KEY_PROPERTY)).cloned();
        let key = key.ok_or_else(|| Unsupported("The record does not carry a key of Ringback any more".into()))?;
        body.insert("body".to_owned(), json!(packed::pack(text.unwrap_or(&above), &key, &held)));
    }
    Ok(body)
}

type Split<'a> = (Map<String, Value>, Properties, Option<&'a str>);

/// Fields of the record, what is packed into its text, and the text.
fn split(object: Object, properties: &Properties) -> Result<Split<'_>, Unsupported> {
    let (mut body, mut packed, mut text) = (Map::new(), Properties::new(), None);
    for (name, value) in properties {
        let (field, value) = match (object, name.as_str()) {
            (_, "body") => {
                text = Some(value.as_str());
                continue;
            }
            (Object::Task, "completed") => {
                let yes = value.parse::<bool>().map_err(|_| Unsupported("completed is true or false".into()))?;
                ("completed", json!(yes))
            }
            (Object::Task, "dueDate") if value.is_empty() => return Err(Unsupported("A task needs dueDate".into())),
            (Object::Task, "title" | "dueDate" | "assignedTo") | (_, "title") => (name.as_str(), json!(value)),
            (_, "assignedTo") => ("userId", json!(value)),
            (_, name) if name.starts_with("rb_") => {
                if name != KEY_PROPERTY && name != OBJECT_PROPERTY {
                    packed.insert(name.to_owned(), value.clone());
                }
                continue;
            }
            (object, name) => {
                return Err(Unsupported(format!("HighLevel's {} have no field {name}", plural(object))));
            }
        };
        body.insert(field.to_owned(), value);
    }
    Ok((body, packed, text))
}

fn plural(object: Object) -> &'static str {
    if object == Object::Task { "tasks" } else { "notes" }
}

/// The text and the values of a task or note. Somebody who edits one in HighLevel's pages makes HTML of it; that is read as text.
pub(super) fn unpack(raw: &str) -> (String, Properties) {
    const TAGS: [&str; 6] = ["</p>", "<br", "</div>", "</li>", "</span>", "&nbsp;"];
    if TAGS.iter().any(|tag| raw.contains(tag)) { packed::unpack(&plain(raw)) } else { packed::unpack(raw) }
}

/// HTML as lines of text: only what an editor of notes makes.
fn plain(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let Some((tag, after)) = after.split_once('>') else {
            rest = "";
            break;
        };
        let name = tag.trim_end_matches('/').trim();
        if matches!(name, "/p" | "/div" | "/li") || name.starts_with("br") {
            out.push('\n');
        }
        rest = after;
    }
    out.push_str(rest);
    let entities = [
        ("&nbsp;", " "),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&mdash;", "—"),
        ("&amp;", "&"),
    ];
    entities.iter().fold(out, |text, (entity, character)| text.replace(entity, character))
}

/// The fields that a contact has in every location, and whether they can be written.
pub(super) fn standard_contact() -> impl Iterator<Item = PropertySpec> {
    let writable = CONTACT_FIELDS.iter().map(|name| (*name, false));
    let at_create = CONTACT_FIELDS_AT_CREATE.iter().map(|name| (*name, false));
    let fixed = CONTACT_READ_ONLY.iter().map(|name| (*name, true));
    writable.chain(at_create).chain(fixed).map(|(name, read_only)| spec(name, name, kind(name), read_only))
}

/// What a task or note can hold: its fields, and our own properties in its text, where there is always room for them.
pub(super) fn of_activity(object: Object) -> Vec<PropertySpec> {
    let names = if object == Object::Task { TASK_FIELDS } else { NOTE_FIELDS };
    let own = OWN_PROPERTIES.iter().filter(|(of, ..)| *of == object).map(|(_, name, label, unique)| PropertySpec {
        unique: *unique,
        ..spec(name, label, PropertyType::Text, false)
    });
    names.iter().map(|name| spec(name, name, kind(name), false)).chain(own).collect()
}

fn kind(name: &str) -> PropertyType {
    match name {
        "dueDate" | "dateAdded" | "dateUpdated" => PropertyType::DateTime,
        "completed" | "dnd" => PropertyType::Bool,
        _ => PropertyType::Text,
    }
}

fn spec(name: &str, label: &str, kind: PropertyType, read_only: bool) -> PropertySpec {
    PropertySpec { name: name.to_owned(), label: label.to_owned(), kind, unique: false, read_only, stored_as: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_that_was_edited_in_the_vendors_pages_still_shows_its_key() {
        let properties = Properties::from([("rb_from".to_owned(), "+13125550142".to_owned())]);
        let text = packed::pack("Asked for \"Ana\" & a quote.", "rb-call-01j", &properties);
        let lines = |line: &str| format!("<p>{}</p>", line.replace('&', "&amp;").replace('"', "&quot;"));
        let html: String = text.lines().map(lines).collect();
        for raw in [text.clone(), html, text.replace('\n', "<br />")] {
            let (above, held) = unpack(&raw);
            assert_eq!(above.trim(), "Asked for \"Ana\" & a quote.", "{raw}");
            assert_eq!(held[KEY_PROPERTY], "rb-call-01j", "{raw}");
            assert_eq!(held["rb_from"], "+13125550142", "{raw}");
        }
        assert_eq!(unpack("1 < 2 and <3").0, "1 < 2 and <3", "no tag, no HTML");
    }

    #[test]
    fn a_changed_value_keeps_what_else_stands_in_the_text() {
        let first = Properties::from([
            ("body".to_owned(), "Call back.".to_owned()),
            ("title".to_owned(), "Call".to_owned()),
            ("dueDate".to_owned(), "2026-03-05T15:00:00Z".to_owned()),
            ("rb_priority".to_owned(), "normal".to_owned()),
            ("rb_version".to_owned(), "3".to_owned()),
        ]);
        let made = activity(Object::Task, "rb-task-01j", &first).unwrap();
        assert_eq!(made["completed"], false);
        let seen = made["body"].as_str().unwrap();
        let change = Properties::from([("rb_priority".to_owned(), "high".to_owned())]);
        let changed = activity_changes(Object::Task, &change, Some(seen)).unwrap();
        let (above, held) = unpack(changed["body"].as_str().unwrap());
        assert_eq!(
            (above.as_str(), held["rb_priority"].as_str(), held["rb_version"].as_str()),
            ("Call back.", "high", "3")
        );
        assert_eq!(held[KEY_PROPERTY], "rb-task-01j");
        assert!(activity_changes(Object::Task, &change, None).is_err());
        let done = Properties::from([("completed".to_owned(), "true".to_owned())]);
        assert_eq!(activity_changes(Object::Task, &done, None).unwrap().len(), 1);
    }
}
