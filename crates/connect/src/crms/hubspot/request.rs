//! Operations to HTTP.

use super::{BATCH_ITEMS_MAX, plural, version};
use crate::wire::percent;
use crate::{Connection, Unsupported};
use jiff::Timestamp;
use ringback_core::crm::{CrmOp, KEY_PROPERTY, Object, PersonKey, Properties, PropertySpec, PropertyType};
use ringback_core::http::{HttpRequest, Method};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Filter groups of one search (the vendor's most; its own description allows one more).
const FILTER_GROUPS_MAX: usize = 5;
/// Matches asked for in one search (the vendor's most per page).
pub(super) const SEARCH_RESULTS_MAX: usize = 200;
/// "If the body of your request exceeds 3,000 characters, a 400 error will be returned" (search guide, limits).
const SEARCH_BODY_CHARS_MAX: usize = 3_000;
/// Left free in a search for several callers: not all ask for the same properties.
const SEARCH_RESERVE_CHARS: usize = 200;
/// Callers of one search: with 200 matches to a page, five for each.
const FIND_ITEMS_MAX: usize = 40;
/// Records of a batch that is read with history ("The maximum number of inputs supported in a batch request for property histories is
/// 50", the vendor's own words in <https://github.com/PipedreamHQ/pipedream/pull/8462>).
const HISTORY_ITEMS_MAX: usize = 50;
/// Links of one batch: 2,000 are taken to make and 1,000 to read (associations guide); a quarter, so that a lost answer leaves few in doubt.
const LINK_ITEMS_MAX: usize = 250;
/// A search cannot be paged beyond this many results (search guide, limits).
const SEARCH_TOTAL_MAX: usize = 10_000;
const LINKS_PER_PAGE: usize = 500;
const OWNERS_PER_PAGE: usize = 100;

pub(super) fn request(operations: &[CrmOp], connection: &Connection) -> Result<HttpRequest, Unsupported> {
    let [first, rest @ ..] = operations else { return Err(Unsupported("There is no operation".into())) };
    let paths = Paths { version: version(connection) };
    let most = operations.iter().map(batch_items_max).min().unwrap_or(1);
    if operations.len() > most {
        return Err(Unsupported(format!("HubSpot takes at most {most} of these at once, not {}", operations.len())));
    }
    match first {
        CrmOp::Upsert { object, .. } => upserts(operations, *object, &paths),
        CrmOp::FindPerson { .. } => find(operations, &paths),
        _ if rest.is_empty() => single(first, &paths, connection),
        CrmOp::Update { object, .. } => updates(operations, *object, &paths),
        CrmOp::ReadByKey { object, .. } | CrmOp::ReadById { object, .. } => reads(operations, *object, &paths),
        CrmOp::Associate { from, to, .. } => associates(operations, *from, *to, &paths),
        CrmOp::ReadLinks { object, to, .. } => links(operations, *object, *to, &paths),
        _ => Err(mixed()),
    }
}

fn mixed() -> Unsupported {
    Unsupported("HubSpot has no batch for this mix of operations".into())
}

/// Operations of one shape that may share a request.
pub(super) fn batch_items_max(operation: &CrmOp) -> usize {
    match operation {
        CrmOp::Upsert { .. } | CrmOp::Update { .. } => BATCH_ITEMS_MAX,
        CrmOp::Associate { .. } | CrmOp::ReadLinks { .. } => LINK_ITEMS_MAX,
        // A batch of records does not show what they are linked to.
        CrmOp::ReadByKey { associations, .. } if associations.is_empty() => BATCH_ITEMS_MAX,
        CrmOp::ReadById { associations, history: false, .. } if associations.is_empty() => BATCH_ITEMS_MAX,
        // One that wants the history gives it to all.
        CrmOp::ReadById { associations, .. } if associations.is_empty() => HISTORY_ITEMS_MAX,
        CrmOp::FindPerson { keys, properties } => find_items_max(keys, properties),
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
    /// What a record is linked to.
    fn links(&self, from: Object, from_id: &str, to: Object) -> String {
        let root = if self.undated() {
            "/crm/v4/objects".to_owned()
        } else {
            format!("/crm/objects/{}", percent(self.version))
        };
        format!("{root}/{}/{}/associations/{}", plural(from), percent(from_id), plural(to))
    }
    fn associations(&self, from: Object, to: Object) -> String {
        let root = if self.undated() {
            "/crm/v4/associations".to_owned()
        } else {
            format!("/crm/associations/{}", percent(self.version))
        };
        format!("{root}/{}/{}", plural(from), plural(to))
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
        CrmOp::FindPerson { .. } => find(std::slice::from_ref(operation), paths)?,
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
        CrmOp::Create { object, key, of, properties } => {
            send(Method::Post, paths.objects(*object), &new_record(*object, key, of.as_deref(), properties)?)
        }
        CrmOp::Delete { object, id } => HttpRequest {
            method: Method::Delete,
            path: format!("{}/{}", paths.objects(*object), percent(id)),
            headers: vec![("accept".into(), "application/json".into())],
            body: Vec::new(),
        },
        CrmOp::Changed { object, since, after, properties } => {
            let body = changed(*object, *since, after.as_deref(), properties);
            send(Method::Post, format!("{}/search", paths.objects(*object)), &body)
        }
        CrmOp::ReadLinks { object, id, to } => get(format!("{}?limit={LINKS_PER_PAGE}", paths.links(*object, id, *to))),
        CrmOp::FindDeals { .. } => {
            return Err(Unsupported("A contact of HubSpot lists its deals; they are read by their ids".into()));
        }
    })
}

/// A record with our key, and where it belongs to a contact, linked to it in the same request.
fn new_record(object: Object, key: &str, of: Option<&str>, properties: &Properties) -> Result<Value, Unsupported> {
    let mut properties = properties.clone();
    properties.insert(KEY_PROPERTY.to_owned(), key.to_owned());
    let mut associations = Vec::new();
    if let Some(contact) = of {
        let Some(type_id) = to_contact(object) else {
            return Err(Unsupported("A contact is not made under another contact".into()));
        };
        associations.push(json!({
            "to": { "id": contact },
            "types": [{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id }],
        }));
    }
    Ok(json!({ "properties": properties, "associations": associations }))
}

/// The default association type to a contact (the enumeration in the vendor's own client; `GET …/labels` lists them for an account).
fn to_contact(object: Object) -> Option<u32> {
    match object {
        Object::Call => Some(194),
        Object::Task => Some(204),
        Object::Note => Some(202),
        Object::Deal => Some(3),
        Object::Company => Some(280),
        Object::Contact => None,
    }
}

/// Contacts and everything else call the moment of their last change differently.
fn modified(object: Object) -> &'static str {
    if object == Object::Contact { "lastmodifieddate" } else { "hs_lastmodifieddate" }
}

/// What changed since then, oldest first. `@` before a number of milliseconds is a cursor of ours: begin again from there, because the
/// vendor pages no further.
fn changed(object: Object, since: Timestamp, after: Option<&str>, properties: &[String]) -> Value {
    let (since, after) = match after.map(|a| (a.strip_prefix('@'), a)) {
        Some((Some(again), _)) => (again.to_owned(), None),
        Some((None, after)) => (since.as_millisecond().to_string(), Some(after)),
        None => (since.as_millisecond().to_string(), None),
    };
    let by = modified(object);
    let mut body = json!({
        "filterGroups": [{ "filters": [{ "propertyName": by, "operator": "GTE", "value": since }] }],
        "sorts": [{ "propertyName": by, "direction": "ASCENDING" }],
        "properties": with_key(properties),
        "limit": SEARCH_RESULTS_MAX,
    });
    if let (Some(after), Value::Object(map)) = (after, &mut body) {
        map.insert("after".into(), after.into());
    }
    body
}

/// The cursor of the next page of changes, from the vendor's own and the moment of the last record on this page.
pub(super) fn next_changed(after: &str, last: Option<Timestamp>) -> String {
    let beyond = after.parse::<usize>().is_ok_and(|after| after + SEARCH_RESULTS_MAX > SEARCH_TOTAL_MAX);
    match last {
        Some(last) if beyond => format!("@{}", last.as_millisecond()),
        _ => after.to_owned(),
    }
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

/// Where a person's numbers and addresses stand, for telling whose a record is in a search for several callers.
pub(super) const PERSON_NUMBERS: [&str; 2] = ["phone", "mobilephone"];
pub(super) const PERSON_NATIONALS: [&str; 2] =
    ["hs_searchable_calculated_phone_number", "hs_searchable_calculated_mobile_number"];
pub(super) const PERSON_ADDRESSES: [&str; 2] = ["email", "hs_additional_emails"];

/// What a search for several callers asks for besides what they want to know.
fn telling(properties: &[String]) -> Vec<String> {
    let own = PERSON_NUMBERS.iter().chain(&PERSON_NATIONALS).chain(&PERSON_ADDRESSES).map(|p| (*p).to_owned());
    properties.iter().cloned().chain(own).collect()
}

/// So many callers like this one fit into the body of one search.
fn find_items_max(keys: &[PersonKey], properties: &[String]) -> usize {
    // Each number stands in four lists, with quotes and a comma.
    let chars = |text: &str| text.chars().count() + 3;
    let each: usize = keys
        .iter()
        .map(|key| match key {
            PersonKey::Phone { e164, national } => 2 * chars(e164) + 2 * chars(national),
            PersonKey::Email { address } => chars(address),
        })
        .sum();
    let empty = filters(&BTreeSet::from([""]), &BTreeSet::from([""]), &BTreeSet::from([""]));
    let frame =
        json!({ "filterGroups": empty, "properties": with_key(&telling(properties)), "limit": SEARCH_RESULTS_MAX });
    let frame = frame.to_string().chars().count() + SEARCH_RESERVE_CHARS;
    (SEARCH_BODY_CHARS_MAX.saturating_sub(frame) / each.max(1)).clamp(1, FIND_ITEMS_MAX)
}

/// One search for all these callers.
fn find(operations: &[CrmOp], paths: &Paths<'_>) -> Result<HttpRequest, Unsupported> {
    let (mut numbers, mut nationals, mut addresses) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut properties: Vec<String> = Vec::new();
    for operation in operations {
        let CrmOp::FindPerson { keys, properties: wanted } = operation else { return Err(mixed()) };
        if keys.is_empty() {
            return Err(Unsupported("There is no key to find a person by".into()));
        }
        properties.extend(wanted.iter().cloned());
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
    }
    if operations.len() > 1 {
        properties = telling(&properties);
    }
    let groups = filters(&numbers, &nationals, &addresses);
    let body = json!({ "filterGroups": groups, "properties": with_key(&properties), "limit": SEARCH_RESULTS_MAX });
    if body.to_string().chars().count() > SEARCH_BODY_CHARS_MAX {
        return Err(Unsupported(format!("A search of HubSpot's takes at most {SEARCH_BODY_CHARS_MAX} characters")));
    }
    Ok(send(Method::Post, format!("{}/search", paths.objects(Object::Contact)), &body))
}

/// One group per property: several numbers share a group through `IN`, so that the vendor's few groups always suffice. Values of `IN`
/// must be in lower case, as addresses are here.
fn filters(numbers: &BTreeSet<&str>, nationals: &BTreeSet<&str>, addresses: &BTreeSet<&str>) -> Vec<Value> {
    let [phone, mobile] = PERSON_NUMBERS;
    let [national_phone, national_mobile] = PERSON_NATIONALS;
    let wanted = [
        (national_phone, nationals),
        (national_mobile, nationals),
        // The calculated properties are filled only from numbers HubSpot could read; the text is what is left for the others.
        (phone, numbers),
        (mobile, numbers),
        ("email", addresses),
    ];
    let group = |(property, values): &(&str, &BTreeSet<&str>)| {
        let filter = match values.iter().collect::<Vec<_>>().as_slice() {
            [] => return None,
            [one] => json!({ "propertyName": property, "operator": "EQ", "value": one }),
            many => json!({ "propertyName": property, "operator": "IN", "values": many }),
        };
        Some(json!({ "filters": [filter] }))
    };
    wanted.iter().filter_map(group).take(FILTER_GROUPS_MAX).collect()
}

/// Records by our key or by their ids, all with the properties that any of them asks for.
fn reads(operations: &[CrmOp], wanted: Object, paths: &Paths<'_>) -> Result<HttpRequest, Unsupported> {
    let by_key = matches!(operations.first(), Some(CrmOp::ReadByKey { .. }));
    let (mut inputs, mut properties, mut with_history) = (BTreeSet::new(), Vec::new(), false);
    for operation in operations {
        match operation {
            CrmOp::ReadByKey { object, key, properties: names, .. } if by_key && *object == wanted => {
                inputs.insert(key.as_str());
                properties.extend(names.iter().cloned());
            }
            CrmOp::ReadById { object, id, properties: names, history, .. } if !by_key && *object == wanted => {
                inputs.insert(id.as_str());
                properties.extend(names.iter().cloned());
                with_history |= *history;
            }
            _ => return Err(mixed()),
        }
    }
    if !by_key {
        // Says which of the asked ids a merged record answers for.
        properties.push(MERGED_IDS.to_owned());
    }
    let inputs: Vec<Value> = inputs.into_iter().map(|id| json!({ "id": id })).collect();
    let names = with_key(&properties);
    let history: &[&str] = if with_history { &names } else { &[] };
    let mut body = json!({ "properties": names, "propertiesWithHistory": history, "inputs": inputs });
    if let (true, Value::Object(map)) = (by_key, &mut body) {
        map.insert("idProperty".into(), KEY_PROPERTY.into());
    }
    Ok(send(Method::Post, format!("{}/batch/read", paths.objects(wanted)), &body))
}

/// Ids that were merged into a record, separated by semicolons.
pub(super) const MERGED_IDS: &str = "hs_merged_object_ids";

fn associates(
    operations: &[CrmOp],
    wanted_from: Object,
    wanted_to: Object,
    paths: &Paths<'_>,
) -> Result<HttpRequest, Unsupported> {
    let pair = |operation: &CrmOp| match operation {
        CrmOp::Associate { from, from_id, to, to_id } if *from == wanted_from && *to == wanted_to => {
            Some((from_id.clone(), to_id.clone()))
        }
        _ => None,
    };
    let pairs: Option<BTreeSet<_>> = operations.iter().map(pair).collect();
    let pairs = pairs.ok_or_else(mixed)?;
    let inputs: Vec<Value> =
        pairs.into_iter().map(|(from, to)| json!({ "from": { "id": from }, "to": { "id": to } })).collect();
    let path = format!("{}/batch/associate/default", paths.associations(wanted_from, wanted_to));
    Ok(send(Method::Post, path, &json!({ "inputs": inputs })))
}

fn links(
    operations: &[CrmOp],
    wanted: Object,
    wanted_to: Object,
    paths: &Paths<'_>,
) -> Result<HttpRequest, Unsupported> {
    let id = |operation: &CrmOp| match operation {
        CrmOp::ReadLinks { object, id, to } if *object == wanted && *to == wanted_to => Some(id.clone()),
        _ => None,
    };
    let ids: Option<BTreeSet<_>> = operations.iter().map(id).collect();
    let inputs: Vec<Value> = ids.ok_or_else(mixed)?.into_iter().map(|id| json!({ "id": id })).collect();
    let path = format!("{}/batch/read", paths.associations(wanted, wanted_to));
    Ok(send(Method::Post, path, &json!({ "inputs": inputs })))
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

/// The items of a batch: all of one kind, none twice (HubSpot refuses a batch that names a record twice).
fn batch<'a>(
    operations: &'a [CrmOp],
    item: impl Fn(&'a CrmOp) -> Option<(&'a str, &'a Properties)>,
) -> Result<Vec<(&'a str, &'a Properties)>, Unsupported> {
    let items: Option<Vec<_>> = operations.iter().map(item).collect();
    let items = items.ok_or_else(mixed)?;
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
