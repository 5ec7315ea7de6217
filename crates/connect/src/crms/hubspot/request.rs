//! Operations to HTTP.

use super::{BATCH_ITEMS_MAX, plural, version};
use crate::wire::percent;
use crate::{Connection, Unsupported};
use ringback_core::crm::{CrmOp, KEY_PROPERTY, Object, PersonKey, Properties, PropertySpec, PropertyType};
use ringback_core::http::{HttpRequest, Method};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Filter groups of one search (the vendor's most; its own description allows one more).
const FILTER_GROUPS_MAX: usize = 5;
/// Matches asked for in one search.
const SEARCH_RESULTS_MAX: usize = 100;
const OWNERS_PER_PAGE: usize = 100;

pub(super) fn request(operations: &[CrmOp], connection: &Connection) -> Result<HttpRequest, Unsupported> {
    let [first, rest @ ..] = operations else { return Err(Unsupported("There is no operation".into())) };
    let paths = Paths { version: version(connection) };
    match first {
        CrmOp::Upsert { object, .. } => upserts(operations, *object, &paths),
        CrmOp::Update { object, .. } if !rest.is_empty() => updates(operations, *object, &paths),
        _ if !rest.is_empty() => Err(Unsupported("HubSpot has no batch for this mix of operations".into())),
        _ => single(first, &paths, connection),
    }
}

/// Operations of one shape that may share a request.
pub(super) fn batch_items_max(operation: &CrmOp) -> usize {
    match operation {
        CrmOp::Upsert { .. } | CrmOp::Update { .. } => BATCH_ITEMS_MAX,
        _ => 1,
    }
}

struct Paths<'a> {
    version: &'a str,
}

impl Paths<'_> {
    fn undated(&self) -> bool {
        self.version.starts_with('v')
    }
    fn objects(&self, object: Object) -> String {
        if self.undated() {
            format!("/crm/v3/objects/{}", plural(object))
        } else {
            format!("/crm/objects/{}/{}", percent(self.version), plural(object))
        }
    }
    /// Default associations are a path of the object, in the undated spelling of version 4.
    fn associate(&self, from: Object, from_id: &str, to: Object, to_id: &str) -> String {
        let root = if self.undated() {
            "/crm/v4/objects".to_owned()
        } else {
            format!("/crm/objects/{}", percent(self.version))
        };
        let (from_id, to_id) = (percent(from_id), percent(to_id));
        format!("{root}/{}/{from_id}/associations/default/{}/{to_id}", plural(from), plural(to))
    }
    fn other(&self, area: &str) -> String {
        if self.undated() { format!("/crm/v3/{area}") } else { format!("/crm/{area}/{}", percent(self.version)) }
    }
}

fn get(path: String) -> HttpRequest {
    HttpRequest {
        method: Method::Get,
        path,
        headers: vec![("accept".into(), "application/json".into())],
        body: Vec::new(),
    }
}

fn send(method: Method, path: String, body: &Value) -> HttpRequest {
    let headers =
        vec![("accept".into(), "application/json".into()), ("content-type".into(), "application/json".into())];
    HttpRequest { method, path, headers, body: body.to_string().into_bytes() }
}

fn single(operation: &CrmOp, paths: &Paths<'_>, connection: &Connection) -> Result<HttpRequest, Unsupported> {
    Ok(match operation {
        CrmOp::FindPerson { keys, properties } => {
            let body = search(keys, properties)?;
            send(Method::Post, format!("{}/search", paths.objects(Object::Contact)), &body)
        }
        CrmOp::ReadByKey { object, key, properties, associations, .. } => {
            let mut query = vec![format!("idProperty={KEY_PROPERTY}")];
            query.extend(selection(properties, associations, false));
            get(format!("{}/{}?{}", paths.objects(*object), percent(key), query.join("&")))
        }
        CrmOp::ReadById { object, id, properties, associations, history } => {
            let query = selection(properties, associations, *history);
            get(format!("{}/{}?{}", paths.objects(*object), percent(id), query.join("&")))
        }
        CrmOp::ReadMany { object, ids, properties } => {
            if ids.is_empty() || ids.len() > BATCH_ITEMS_MAX {
                return Err(Unsupported(format!(
                    "HubSpot reads 1 to {BATCH_ITEMS_MAX} records at once, not {}",
                    ids.len()
                )));
            }
            let inputs: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
            let body = json!({ "properties": with_key(properties), "propertiesWithHistory": [], "inputs": inputs });
            send(Method::Post, format!("{}/batch/read", paths.objects(*object)), &body)
        }
        CrmOp::Update { object, id, properties, .. } => {
            let path = format!("{}/{}", paths.objects(*object), percent(id));
            send(Method::Patch, path, &json!({ "properties": properties }))
        }
        CrmOp::Associate { from, from_id, to, to_id } => {
            let headers = vec![("accept".into(), "application/json".into())];
            let path = paths.associate(*from, from_id, *to, to_id);
            HttpRequest { method: Method::Put, path, headers, body: Vec::new() }
        }
        CrmOp::ReadSchema { object } => get(format!("{}/{}", paths.other("properties"), plural(*object))),
        CrmOp::CreateProperty { object, property } => {
            let path = format!("{}/{}", paths.other("properties"), plural(*object));
            send(Method::Post, path, &new_property(*object, property, connection)?)
        }
        CrmOp::ListOwners { after } => {
            let after = after.as_ref().map(|a| format!("&after={}", percent(a))).unwrap_or_default();
            // The undated path ends in a slash in the vendor's own description.
            let slash = if paths.undated() { "/" } else { "" };
            get(format!("{}{slash}?limit={OWNERS_PER_PAGE}{after}", paths.other("owners")))
        }
        CrmOp::Upsert { object, .. } => upserts(std::slice::from_ref(operation), *object, paths)?,
        CrmOp::Create { .. }
        | CrmOp::Delete { .. }
        | CrmOp::Changed { .. }
        | CrmOp::ReadLinks { .. }
        | CrmOp::FindDeals { .. } => {
            return Err(Unsupported("HubSpot is not asked this".into()));
        }
    })
}

/// The asked properties in order, each once, and our key.
fn with_key(properties: &[String]) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    properties.iter().map(String::as_str).chain([KEY_PROPERTY]).filter(|p| seen.insert(*p)).collect()
}

fn selection(properties: &[String], associations: &[Object], history: bool) -> Vec<String> {
    let names = with_key(properties).into_iter().map(percent).collect::<Vec<_>>().join(",");
    let mut query = vec![format!("properties={names}")];
    if history {
        query.push(format!("propertiesWithHistory={names}"));
    }
    if !associations.is_empty() {
        let mut seen = BTreeSet::new();
        let plurals: Vec<&str> = associations.iter().map(|o| plural(*o)).filter(|p| seen.insert(*p)).collect();
        query.push(format!("associations={}", plurals.join(",")));
    }
    query
}

/// One group per property: several numbers share a group through `IN`, so that the vendor's few groups always suffice.
fn search(keys: &[PersonKey], properties: &[String]) -> Result<Value, Unsupported> {
    let (mut numbers, mut nationals, mut addresses) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for key in keys {
        match key {
            PersonKey::Phone { e164, national } => {
                numbers.insert(e164.as_str());
                nationals.insert(national.as_str());
            }
            PersonKey::Email { address } => {
                addresses.insert(address.as_str());
            }
        }
    }
    let wanted = [
        ("hs_searchable_calculated_phone_number", &nationals),
        ("hs_searchable_calculated_mobile_number", &nationals),
        // The calculated properties are filled only from numbers HubSpot could read; the text is what is left for the others.
        ("phone", &numbers),
        ("mobilephone", &numbers),
        ("email", &addresses),
    ];
    let groups: Vec<Value> = wanted
        .iter()
        .filter_map(|(property, values)| {
            let filter = match values.iter().collect::<Vec<_>>().as_slice() {
                [] => return None,
                [one] => json!({ "propertyName": property, "operator": "EQ", "value": one }),
                many => json!({ "propertyName": property, "operator": "IN", "values": many }),
            };
            Some(json!({ "filters": [filter] }))
        })
        .take(FILTER_GROUPS_MAX)
        .collect();
    if groups.is_empty() {
        return Err(Unsupported("There is no key to find a person by".into()));
    }
    Ok(json!({ "filterGroups": groups, "properties": with_key(properties), "limit": SEARCH_RESULTS_MAX }))
}

fn upserts(operations: &[CrmOp], wanted: Object, paths: &Paths<'_>) -> Result<HttpRequest, Unsupported> {
    let inputs = batch(operations, |operation| match operation {
        CrmOp::Upsert { object, key, properties, .. } if *object == wanted => Some((key.as_str(), properties)),
        _ => None,
    })?;
    let inputs: Vec<Value> = inputs
        .into_iter()
        .map(|(key, properties)| {
            // The trace id is what makes HubSpot answer per input; our key is unique within the batch.
            json!({ "id": key, "idProperty": KEY_PROPERTY, "objectWriteTraceId": key, "properties": properties })
        })
        .collect();
    Ok(send(Method::Post, format!("{}/batch/upsert", paths.objects(wanted)), &json!({ "inputs": inputs })))
}

fn updates(operations: &[CrmOp], wanted: Object, paths: &Paths<'_>) -> Result<HttpRequest, Unsupported> {
    let inputs = batch(operations, |operation| match operation {
        CrmOp::Update { object, id, properties, .. } if *object == wanted => Some((id.as_str(), properties)),
        _ => None,
    })?;
    let inputs: Vec<Value> = inputs
        .into_iter()
        .map(|(id, properties)| json!({ "id": id, "objectWriteTraceId": id, "properties": properties }))
        .collect();
    Ok(send(Method::Post, format!("{}/batch/update", paths.objects(wanted)), &json!({ "inputs": inputs })))
}

/// The items of a batch: all of one kind, not too many, none twice (HubSpot refuses a batch that names a record twice).
fn batch<'a>(
    operations: &'a [CrmOp],
    item: impl Fn(&'a CrmOp) -> Option<(&'a str, &'a Properties)>,
) -> Result<Vec<(&'a str, &'a Properties)>, Unsupported> {
    let items: Option<Vec<_>> = operations.iter().map(item).collect();
    let items = items.ok_or_else(|| Unsupported("HubSpot has no batch for this mix of operations".into()))?;
    if items.len() > BATCH_ITEMS_MAX {
        return Err(Unsupported(format!(
            "HubSpot takes at most {BATCH_ITEMS_MAX} records at once, not {}",
            items.len()
        )));
    }
    let distinct: BTreeSet<&str> = items.iter().map(|(id, _)| *id).collect();
    if distinct.len() != items.len() {
        return Err(Unsupported("A batch cannot hold the same record twice".into()));
    }
    Ok(items)
}

/// The group of our own properties. HubSpot's documents name its own groups only for some objects, so one is made for each.
const GROUP: &str = "ringback";

fn own_group(object: Object, connection: &Connection) -> Option<&str> {
    connection.setting(&format!("property_group.{}", object.as_str()))
}

/// The request that makes our group; none where the connection names an existing one.
pub(super) fn group(object: Object, connection: &Connection) -> Option<HttpRequest> {
    if own_group(object, connection).is_some() {
        return None;
    }
    let path = format!("{}/{}/groups", Paths { version: version(connection) }.other("properties"), plural(object));
    Some(send(Method::Post, path, &json!({ "name": GROUP, "label": "Ringback", "displayOrder": -1 })))
}

fn new_property(object: Object, property: &PropertySpec, connection: &Connection) -> Result<Value, Unsupported> {
    let (kind, field) = match &property.kind {
        PropertyType::Text => ("string", "text"),
        PropertyType::Number => ("number", "number"),
        PropertyType::Date => ("date", "date"),
        PropertyType::DateTime => ("datetime", "date"),
        PropertyType::Bool => ("bool", "booleancheckbox"),
        PropertyType::Choice(_) => ("enumeration", "select"),
        PropertyType::Other(kind) => return Err(Unsupported(format!("No property of type {kind} can be made"))),
    };
    let options: Vec<(&str, &str)> = match &property.kind {
        PropertyType::Choice(options) => options.iter().map(|o| (o.as_str(), o.as_str())).collect(),
        PropertyType::Bool => vec![("Yes", "true"), ("No", "false")],
        _ => Vec::new(),
    };
    let options: Vec<Value> = options
        .iter()
        .enumerate()
        .map(|(n, (label, value))| json!({ "label": label, "value": value, "displayOrder": n, "hidden": false }))
        .collect();
    let group = own_group(object, connection).unwrap_or(GROUP);
    let mut body = json!({
        "name": property.name,
        "label": property.label,
        "groupName": group,
        "type": kind,
        "fieldType": field,
        "hasUniqueValue": property.unique,
        "formField": false,
    });
    if let (false, Value::Object(map)) = (options.is_empty(), &mut body) {
        map.insert("options".into(), Value::Array(options));
    }
    Ok(body)
}
