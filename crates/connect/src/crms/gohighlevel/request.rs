//! Operations to HTTP.

use super::fields::{activity, activity_changes, contact, custom, location};
use crate::wire::percent;
use crate::{Connection, Unsupported};
use ringback_core::crm::{CrmOp, KEY_PROPERTY, Object, PersonKey, PropertySpec, PropertyType};
use ringback_core::http::{HttpRequest, Method};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The API version of contacts, locations, opportunities and users (a required header).
const VERSION: &str = "2021-07-28";
/// Contacts asked for in one search; the vendor's most is 500.
pub(super) const SEARCH_RESULTS_MAX: usize = 100;
/// Characters of a value in a filter (the vendor's most).
const FILTER_CHARS_MAX: usize = 75;
/// Open tasks asked for where the contact is not known.
pub(super) const OPEN_TASKS_MAX: usize = 500;
const DEALS_MAX: usize = 100;
pub(super) const USERS_PER_PAGE: usize = 100;

pub(super) fn request(operations: &[CrmOp], connection: &Connection) -> Result<HttpRequest, Unsupported> {
    let [operation] = operations else {
        return Err(Unsupported("HighLevel has no batches: one operation, one request".into()));
    };
    let location = location(connection)?;
    Ok(match operation {
        CrmOp::FindPerson { keys, .. } => find(keys, location, connection)?,
        CrmOp::ReadByKey { object: Object::Contact, key, .. } => {
            let field = format!("customFields.{}", custom(KEY_PROPERTY, connection)?);
            let filters = json!([{ "field": field, "operator": "eq", "value": key }]);
            send(Method::Post, "/contacts/search".into(), search(location, &filters))
        }
        CrmOp::ReadByKey { object: Object::Task, of: None, .. } => {
            // Whether the search's own `query` looks into a task's text is written nowhere: the key is looked for here.
            let body = json!({ "completed": false, "limit": OPEN_TASKS_MAX, "skip": 0 });
            send(Method::Post, format!("/locations/{}/tasks/search", percent(location)), body)
        }
        CrmOp::ReadByKey { object, of, .. } => {
            let of =
                of.as_deref().ok_or_else(|| Unsupported("HighLevel shows notes only under their contact".into()))?;
            get(format!("/contacts/{}/{}", percent(of), collection(*object)?))
        }
        CrmOp::ReadById { object, id, .. } => get(path(*object, id)?),
        CrmOp::FindDeals { contact, .. } => get(format!(
            "/opportunities/search?location_id={}&contact_id={}&limit={DEALS_MAX}",
            percent(location),
            percent(contact)
        )),
        CrmOp::Create { object: Object::Contact, key, properties, .. } => {
            let mut properties = properties.clone();
            properties.insert(KEY_PROPERTY.to_owned(), key.clone());
            let mut body = contact(&properties, true, connection)?;
            body.insert("locationId".to_owned(), json!(location));
            send(Method::Post, "/contacts/".into(), Value::Object(body))
        }
        CrmOp::Create { object, key, of, properties } => {
            let collection = collection(*object)?;
            let of =
                of.as_deref().ok_or_else(|| Unsupported(format!("HighLevel keeps {collection} under a contact")))?;
            let body = activity(*object, key, properties)?;
            send(Method::Post, format!("/contacts/{}/{collection}", percent(of)), Value::Object(body))
        }
        CrmOp::Update { object: Object::Contact, id, properties, .. } => {
            send(Method::Put, path(Object::Contact, id)?, Value::Object(contact(properties, false, connection)?))
        }
        CrmOp::Update { object: object @ (Object::Task | Object::Call | Object::Note), id, properties, seen } => {
            let body = activity_changes(*object, properties, seen.as_deref())?;
            // Closing a task has an endpoint of its own, which touches nothing else.
            let only = |name: &str, body: &Map<String, Value>| body.len() == 1 && body.contains_key(name);
            let suffix = if *object == Object::Task && only("completed", &body) { "/completed" } else { "" };
            send(Method::Put, format!("{}{suffix}", path(*object, id)?), Value::Object(body))
        }
        CrmOp::Delete { object: object @ (Object::Contact | Object::Task | Object::Call | Object::Note), id } => {
            HttpRequest { method: Method::Delete, ..get(path(*object, id)?) }
        }
        CrmOp::Changed { object: Object::Contact, since, after, .. } => {
            changed(&since.to_string(), after.as_deref(), location)?
        }
        CrmOp::ReadSchema { .. } => get(format!("/locations/{}/customFields?model=contact", percent(location))),
        CrmOp::CreateProperty { object, property } => new_field(*object, property, location)?,
        CrmOp::ListOwners { after } => owners(after.as_deref(), location, connection),
        CrmOp::Upsert { .. }
        | CrmOp::Update { .. }
        | CrmOp::Delete { .. }
        | CrmOp::Changed { .. }
        | CrmOp::ReadMany { .. }
        | CrmOp::ReadLinks { .. } => return Err(Unsupported("HighLevel is not asked this".into())),
        CrmOp::Associate { .. } => {
            return Err(Unsupported(
                "HighLevel keeps a task or note under its contact for ever: it cannot be moved".into(),
            ));
        }
    })
}

fn get(path: String) -> HttpRequest {
    let headers = vec![("accept".into(), "application/json".into()), ("version".into(), VERSION.into())];
    HttpRequest { method: Method::Get, path, headers, body: Vec::new() }
}

fn send(method: Method, path: String, body: Value) -> HttpRequest {
    let mut request = HttpRequest { method, body: body.to_string().into_bytes(), ..get(path) };
    request.headers.push(("content-type".into(), "application/json".into()));
    request
}

/// Where activities of that kind stand under their contact. A call log is a note.
fn collection(object: Object) -> Result<&'static str, Unsupported> {
    match object {
        Object::Task => Ok("tasks"),
        Object::Call | Object::Note => Ok("notes"),
        Object::Contact | Object::Deal | Object::Company => {
            Err(Unsupported(format!("HighLevel keeps no {} under a contact", object.as_str())))
        }
    }
}

/// The path of one record. An activity's id is `<contact>/<record>`.
fn path(object: Object, id: &str) -> Result<String, Unsupported> {
    Ok(match object {
        Object::Contact => format!("/contacts/{}", percent(id)),
        Object::Deal => format!("/opportunities/{}", percent(id)),
        object => {
            let (of, id) =
                id.split_once('/').ok_or_else(|| Unsupported(format!("{id} does not say whose record it is")))?;
            format!("/contacts/{}/{}/{}", percent(of), collection(object)?, percent(id))
        }
    })
}

fn search(location: &str, filters: &Value) -> Value {
    json!({ "locationId": location, "page": 1, "pageLimit": SEARCH_RESULTS_MAX, "filters": filters })
}

/// The search even for one number: the vendor's own look shows one contact, however many there are.
pub(super) fn everybody(find: &CrmOp, connection: &Connection) -> Result<HttpRequest, Unsupported> {
    match find {
        CrmOp::FindPerson { keys, .. } => searched(&wanted(keys)?, location(connection)?),
        other => request(std::slice::from_ref(other), connection),
    }
}

/// Field and value of each key.
fn wanted(keys: &[PersonKey]) -> Result<Vec<(&'static str, &str)>, Unsupported> {
    let keys = keys.iter().map(|key| match key {
        PersonKey::Phone { e164, .. } => ("phone", e164.as_str()),
        PersonKey::Email { address } => ("email", address.as_str()),
    });
    let wanted: BTreeSet<_> = keys.filter(|(_, value)| !value.is_empty()).collect();
    if wanted.is_empty() {
        return Err(Unsupported("There is no key to find a person by".into()));
    }
    Ok(wanted.into_iter().collect())
}

fn searched(wanted: &[(&str, &str)], location: &str) -> Result<HttpRequest, Unsupported> {
    let short = |(_, value): &&(&str, &str)| value.chars().count() <= FILTER_CHARS_MAX;
    let each = |(field, value): &(&str, &str)| json!({ "field": field, "operator": "eq", "value": value });
    let filters: Vec<Value> = wanted.iter().filter(short).map(each).collect();
    if filters.is_empty() {
        return Err(Unsupported("The address is longer than HighLevel's search takes".into()));
    }
    let filters = json!([{ "group": "OR", "filters": filters }]);
    Ok(send(Method::Post, "/contacts/search".into(), search(location, &filters)))
}

/// One number or address: the look that the vendor itself makes before it accepts a contact, which does not go through the search's
/// index. Several: the search.
fn find(keys: &[PersonKey], location: &str, connection: &Connection) -> Result<HttpRequest, Unsupported> {
    match wanted(keys)?.as_slice() {
        [(field, value)] if connection.setting("find") != Some("search") => {
            let name = if *field == "phone" { "number" } else { "email" };
            let (location, value) = (percent(location), percent(value));
            Ok(get(format!("/contacts/search/duplicate?locationId={location}&{name}={value}")))
        }
        wanted => searched(wanted, location),
    }
}

/// Contacts changed since then, oldest first; `after` is the vendor's `searchAfter` of the last one, as JSON.
fn changed(since: &str, after: Option<&str>, location: &str) -> Result<HttpRequest, Unsupported> {
    let mut body = json!({
        "locationId": location,
        "pageLimit": SEARCH_RESULTS_MAX,
        "filters": [{ "field": "dateUpdated", "operator": "range", "value": { "gte": since } }],
        "sort": [{ "field": "dateUpdated", "direction": "asc" }],
    });
    if let (Some(after), Value::Object(map)) = (after, &mut body) {
        let after: Vec<Value> =
            serde_json::from_str(after).map_err(|_| Unsupported("That is no place in HighLevel's list".into()))?;
        map.insert("searchAfter".to_owned(), Value::Array(after));
    }
    Ok(send(Method::Post, "/contacts/search".into(), body))
}

/// The endpoint by location alone is deprecated, and the current one wants the agency's id.
fn owners(after: Option<&str>, location: &str, connection: &Connection) -> HttpRequest {
    let location = percent(location);
    match connection.setting("company_id") {
        Some(company) => {
            let skip = after.and_then(|a| a.parse::<usize>().ok()).unwrap_or(0);
            let company = percent(company);
            get(format!("/users/search?companyId={company}&locationId={location}&skip={skip}&limit={USERS_PER_PAGE}"))
        }
        None => get(format!("/users/?locationId={location}")),
    }
}

/// Custom fields are named as the property is: the vendor makes the field's key (`contact.rb_key`) of the name, and by that key the field
/// is known again. All are texts, so that a value reads back as it was written; only numbers are numbers.
fn new_field(object: Object, property: &PropertySpec, location: &str) -> Result<HttpRequest, Unsupported> {
    if object != Object::Contact {
        return Err(Unsupported(format!(
            "A {} of HighLevel has no fields to be made; {} stands in its text",
            object.as_str(),
            property.name
        )));
    }
    let kind = match &property.kind {
        PropertyType::Number => "NUMERICAL",
        PropertyType::Other(kind) => return Err(Unsupported(format!("No property of type {kind} can be made"))),
        _ => "TEXT",
    };
    let body = json!({ "name": property.name, "dataType": kind, "placeholder": property.label, "model": "contact" });
    Ok(send(Method::Post, format!("/locations/{}/customFields", percent(location)), body))
}
