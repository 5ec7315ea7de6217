//! Operations to HTTP.

use super::fields::{SE_MODULE, api_name, asked, link, module, split, written};
use super::{BATCH_ITEMS_MAX, LISTED_IDS_MAX, LOOK_ITEMS_MAX};
use crate::wire::percent;
use crate::{Connection, Unsupported};
use ringback_core::crm::{
    CrmOp, KEY_PROPERTY, OWN_PROPERTIES, Object, PersonKey, Properties, PropertySpec, PropertyType,
};
use ringback_core::http::{HttpRequest, Method};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The parts of a look for people: contacts, leads, converted leads.
pub(super) const LOOKS: usize = 3;
/// Fields per kind of key; with four of numbers and two of addresses a query stays well below its 25 criteria.
pub(super) const FIELDS_MAX: usize = 8;
/// Values of an `in` (the vendor's most since version 7).
const VALUES_MAX: usize = 100;
/// Criteria of a search; the vendor's most is not the same on all pages, ten is below all of them.
const CRITERIA_MAX: usize = 10;
/// Fields per request that makes fields (the vendor's most).
const NEW_FIELDS_MAX: usize = 5;
/// Fields that can be asked for in a list (the vendor's most).
const LISTED_FIELDS_MAX: usize = 50;
const PER_PAGE: usize = 100;
const ROOT: &str = "/crm/v8";

pub(super) fn request(operations: &[CrmOp], connection: &Connection) -> Result<HttpRequest, Unsupported> {
    let [first, rest @ ..] = operations else { return Err(Unsupported("There is no operation".into())) };
    match first {
        CrmOp::Upsert { object, .. } | CrmOp::Create { object, .. } => create(operations, *object, connection),
        CrmOp::ReadByKey { object: Object::Contact, .. } if rest.is_empty() => single(first, connection),
        CrmOp::ReadByKey { object, .. } if *object != Object::Contact => look(operations, *object, connection),
        CrmOp::ReadById { object, .. } if !rest.is_empty() => listed(operations, *object, connection),
        _ if !rest.is_empty() => Err(Unsupported("Zoho has no batch for this mix of operations".into())),
        _ => single(first, connection),
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

fn at(module: &str, id: &str) -> String {
    format!("{ROOT}/{}/{}", percent(module), percent(id))
}

fn single(operation: &CrmOp, connection: &Connection) -> Result<HttpRequest, Unsupported> {
    Ok(match operation {
        CrmOp::FindPerson { keys, .. } => find(keys, connection)?,
        CrmOp::ReadByKey { key, properties, .. } => person_by_key(key, properties, connection),
        CrmOp::ReadById { object, id, .. } => {
            // Without a list of fields everything comes, what a lead was converted into with it.
            let (module, id) = split(*object, id);
            let converted = if module == "Leads" { "?converted=both" } else { "" };
            get(format!("{}{converted}", at(&module, &id)))
        }
        CrmOp::ReadLinks { object, id, .. } => {
            let (module, id) = split(*object, id);
            get(at(&module, &id))
        }
        CrmOp::ReadMany { object, ids, properties } => many(*object, ids, properties, connection)?,
        CrmOp::FindDeals { contact, properties } => {
            let (module, id) = split(Object::Contact, contact);
            if module == "Contacts" {
                let fields = list(asked(connection, Object::Deal, properties));
                get(format!("{}/Deals?fields={fields}&per_page={PER_PAGE}", at(&module, &id)))
            } else {
                // A lead has no deals: they come with its conversion. The one exchange asks whether it still is one.
                get(format!("{}?converted=both", at(&module, &id)))
            }
        }
        CrmOp::Update { object, id, properties, seen } => {
            let (module, id) = split(*object, id);
            let fields = written(connection, *object, &module, properties);
            let mut request = send(Method::Put, at(&module, &id), &body(vec![fields]));
            request.headers.extend(seen.clone().map(|seen| ("if-unmodified-since".to_owned(), seen)));
            request
        }
        CrmOp::Associate { from, from_id, to: Object::Contact, to_id } => {
            let (module, id) = split(*from, from_id);
            let mut fields = Map::new();
            link(to_id, &mut fields);
            send(Method::Put, at(&module, &id), &body(vec![fields]))
        }
        CrmOp::Delete { object, id } => {
            let (module, id) = split(*object, id);
            HttpRequest { method: Method::Delete, ..get(at(&module, &id)) }
        }
        CrmOp::Changed { object, since, after, properties } => {
            changed(*object, &since.to_string(), after.as_deref(), properties, connection)
        }
        CrmOp::ReadSchema { object } => get(format!("{ROOT}/settings/fields?module={}", module(*object))),
        CrmOp::CreateProperty { object, property } => {
            let fields = vec![new_field(*object, property, connection)?];
            new_fields(module(*object), fields)
        }
        CrmOp::ListOwners { after } => {
            let page = after.as_deref().filter(|a| a.bytes().all(|b| b.is_ascii_digit())).unwrap_or("1");
            get(format!("{ROOT}/users?type=ActiveUsers&page={page}&per_page={PER_PAGE}"))
        }
        CrmOp::Associate { .. } | CrmOp::Upsert { .. } | CrmOp::Create { .. } => {
            return Err(Unsupported("Zoho is not asked this".into()));
        }
    })
}

/// A body of records that sets off no workflow, approval or blueprint.
fn body(records: Vec<Map<String, Value>>) -> Value {
    json!({ "data": records, "trigger": [] })
}

fn list(names: BTreeSet<String>) -> String {
    let names: Vec<String> = names.into_iter().take(LISTED_FIELDS_MAX).map(|n| percent(&n)).collect();
    names.join(",")
}

/// New people are leads, upserted by our key alone; activities are created, with their link.
fn create(operations: &[CrmOp], wanted: Object, connection: &Connection) -> Result<HttpRequest, Unsupported> {
    let mut records = Vec::new();
    let mut keys = BTreeSet::new();
    for operation in operations {
        let (key, of, properties) = match operation {
            CrmOp::Create { object, key, of, properties } if *object == wanted => (key, of, properties),
            CrmOp::Upsert { object, key, of, properties } if *object == wanted && wanted == Object::Contact => {
                (key, of, properties)
            }
            _ => return Err(Unsupported("Zoho has no batch for this mix of operations".into())),
        };
        if !keys.insert(key.as_str()) {
            return Err(Unsupported("A batch cannot hold the same record twice".into()));
        }
        records.push(new_record(wanted, key, of.as_deref(), properties, connection)?);
    }
    if records.len() > BATCH_ITEMS_MAX {
        return Err(Unsupported(format!(
            "Zoho takes at most {BATCH_ITEMS_MAX} records at once, not {}",
            records.len()
        )));
    }
    let module = module(wanted);
    if wanted != Object::Contact {
        return Ok(send(Method::Post, format!("{ROOT}/{module}"), &body(records)));
    }
    let mut body = body(records);
    if let Value::Object(map) = &mut body {
        map.insert("duplicate_check_fields".into(), json!([api_name(connection, wanted, KEY_PROPERTY)]));
    }
    Ok(send(Method::Post, format!("{ROOT}/{module}/upsert"), &body))
}

fn new_record(
    object: Object,
    key: &str,
    of: Option<&str>,
    properties: &Properties,
    connection: &Connection,
) -> Result<Map<String, Value>, Unsupported> {
    if !matches!(object, Object::Contact | Object::Call | Object::Task) {
        return Err(Unsupported(format!("Ringback makes no {} in Zoho", object.as_str())));
    }
    let mut fields = written(connection, object, module(object), properties);
    fields.insert(api_name(connection, object, KEY_PROPERTY), key.into());
    match object {
        Object::Contact => {
            let company = connection.setting("company").unwrap_or("Unknown");
            fields.entry("Company").or_insert_with(|| company.into());
        }
        Object::Call => {
            fields.entry("Call_Type").or_insert_with(|| "Inbound".into());
            fields.entry("Call_Duration").or_insert_with(|| "00:00".into());
        }
        _ => {}
    }
    if let Some(of) = of.filter(|_| object != Object::Contact) {
        link(of, &mut fields);
    }
    Ok(fields)
}

/// A text in a query.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// `field in ('a', 'b')`; one value is compared.
fn one_of(field: &str, values: &[String]) -> Option<String> {
    match values {
        [] => None,
        [one] => Some(format!("{field} = {}", quoted(one))),
        many => {
            let values: Vec<String> = many.iter().take(VALUES_MAX).map(|v| quoted(v)).collect();
            Some(format!("{field} in ({})", values.join(", ")))
        }
    }
}

/// Criteria joined in pairs, as the vendor wants its brackets: `(a or (b or c))`.
fn any(criteria: Vec<String>) -> Option<String> {
    criteria.into_iter().rev().reduce(|joined, one| format!("({one} or {joined})"))
}

fn query(select: &str) -> Value {
    json!({ "select_query": select })
}

/// Several questions in one request. They change nothing and do not depend on each other.
fn composite(parts: Vec<Value>) -> HttpRequest {
    let body = json!({ "rollback_on_fail": false, "parallel_execution": true, "__composite_requests": parts });
    send(Method::Post, format!("{ROOT}/__composite_requests"), &body)
}

fn ask(id: &str, select: &str) -> Value {
    json!({ "sub_request_id": id, "method": "POST", "uri": format!("{ROOT}/coql"), "headers": {}, "params": {},
        "body": query(select) })
}

/// Leads that were converted: only the search shows them.
fn ask_converted(criteria: &[String]) -> Value {
    let criteria = match criteria {
        [one] => one.clone(),
        many => format!("({})", many.join("or")),
    };
    json!({ "sub_request_id": "converted", "method": "GET", "uri": format!("{ROOT}/Leads/search"), "headers": {},
        "params": { "criteria": criteria, "converted": "true" } })
}

/// A criterion of the search; brackets, commas and backslashes of the value are escaped.
fn criterion(field: &str, value: &str) -> String {
    let escaped = value.chars().fold(String::new(), |mut out, c| {
        if matches!(c, '(' | ')' | ',' | '\\') {
            out.push('\\');
        }
        out.push(c);
        out
    });
    format!("({field}:equals:{escaped})")
}

fn names<'a>(connection: &'a Connection, setting: &str, usual: &[&'a str]) -> Vec<&'a str> {
    match connection.setting(setting) {
        Some(own) => own.split(',').map(str::trim).filter(|n| !n.is_empty()).take(FIELDS_MAX).collect(),
        None => usual.to_vec(),
    }
}

fn find(keys: &[PersonKey], connection: &Connection) -> Result<HttpRequest, Unsupported> {
    let (mut numbers, mut addresses, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    for key in keys {
        match key {
            PersonKey::Phone { e164, national } => {
                numbers.extend(spellings(e164, national));
                plain.extend([e164.as_str(), national.as_str()]);
            }
            PersonKey::Email { address } => addresses.push(address.clone()),
        }
    }
    let emails = names(connection, "email_fields", &["Email", "Secondary_Email"]);
    let select = |module: &str, phones: &[&str]| {
        let criteria = phones.iter().filter_map(|field| one_of(field, &numbers));
        let criteria = criteria.chain(emails.iter().filter_map(|field| one_of(field, &addresses)));
        let shown = "id, First_Name, Last_Name, Email, Phone, Mobile, Owner, Modified_Time";
        any(criteria.collect()).map(|any| format!("select {shown} from {module} where {any} limit 0, 200"))
    };
    let contacts = names(connection, "phone_fields.contacts", &["Phone", "Mobile", "Home_Phone", "Other_Phone"]);
    let leads = names(connection, "phone_fields.leads", &["Phone", "Mobile"]);
    let (Some(contacts), Some(unconverted)) = (select("Contacts", &contacts), select("Leads", &leads)) else {
        return Err(Unsupported("There is no key to find a person by".into()));
    };
    let searched = leads.iter().flat_map(|field| plain.iter().map(|number| criterion(field, number)));
    let searched: Vec<String> =
        addresses.iter().map(|a| criterion("Email", a)).chain(searched).take(CRITERIA_MAX).collect();
    Ok(composite(vec![ask("contacts", &contacts), ask("leads", &unconverted), ask_converted(&searched)]))
}

/// The spellings in which people and programs write a number. Zoho keeps it as it was typed, and a query compares whole texts.
fn spellings(e164: &str, national: &str) -> BTreeSet<String> {
    let digits = e164.trim_start_matches('+');
    let country = digits.strip_suffix(national).unwrap_or_default();
    let mut all: BTreeSet<String> =
        [e164, national, digits].into_iter().filter(|n| !n.is_empty()).map(str::to_owned).collect();
    if country.is_empty() {
        return all;
    }
    all.insert(format!("+{country} {national}"));
    let parts = national.split_at_checked(3).and_then(|(area, rest)| Some((area, rest.split_at_checked(3)?)));
    match (country, national.len(), parts) {
        ("1", 10, Some((area, (exchange, line)))) => {
            let local = [
                format!("({area}) {exchange}-{line}"),
                format!("({area}){exchange}-{line}"),
                format!("{area}-{exchange}-{line}"),
                format!("{area}.{exchange}.{line}"),
                format!("{area} {exchange} {line}"),
            ];
            all.extend(local.iter().map(|l| format!("+1 {l}")));
            all.extend([format!("+1-{area}-{exchange}-{line}"), format!("1-{area}-{exchange}-{line}")]);
            all.extend(local);
        }
        _ => all.extend([format!("0{national}"), format!("00{digits}")]),
    }
    all
}

/// Where our key is: in a lead, in the contact that a lead became, or in a converted lead that points to its contact.
fn person_by_key(key: &str, properties: &[String], connection: &Connection) -> HttpRequest {
    let key_name = api_name(connection, Object::Contact, KEY_PROPERTY);
    let fields: Vec<String> = asked(connection, Object::Contact, properties).into_iter().collect();
    let (fields, key_text) = (fields.join(", "), quoted(key));
    composite(vec![
        ask("contacts", &format!("select id, {key_name} from Contacts where {key_name} = {key_text} limit 0, 10")),
        ask("leads", &format!("select id, {fields} from Leads where {key_name} = {key_text} limit 0, 10")),
        ask_converted(&[criterion(&key_name, key)]),
    ])
}

/// Activities by our key, several in one query.
fn look(operations: &[CrmOp], wanted: Object, connection: &Connection) -> Result<HttpRequest, Unsupported> {
    let key_name = api_name(connection, wanted, KEY_PROPERTY);
    let (mut keys, mut fields) = (Vec::new(), BTreeSet::new());
    for operation in operations {
        match operation {
            CrmOp::ReadByKey { object, key, properties, associations, .. } if *object == wanted => {
                keys.push(key.clone());
                fields.extend(asked(connection, wanted, properties));
                if !associations.is_empty() {
                    fields.extend(["Who_Id".to_owned(), "What_Id".to_owned()]);
                }
            }
            _ => return Err(Unsupported("Zoho has no batch for this mix of operations".into())),
        }
    }
    if keys.len() > LOOK_ITEMS_MAX {
        return Err(Unsupported(format!(
            "Zoho is asked for at most {LOOK_ITEMS_MAX} keys at once, not {}",
            keys.len()
        )));
    }
    let fields: Vec<String> = fields.into_iter().collect();
    let criterion = one_of(&key_name, &keys).unwrap_or_default();
    let select = format!("select id, {} from {} where {criterion} limit 0, 200", fields.join(", "), module(wanted));
    Ok(send(Method::Post, format!("{ROOT}/coql"), &query(&select)))
}

/// Records of one module by their ids, in one list. A list shows no converted leads: whoever is missing is asked for alone.
fn listed(operations: &[CrmOp], wanted: Object, connection: &Connection) -> Result<HttpRequest, Unsupported> {
    let (mut modules, mut numbers, mut fields) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for operation in operations {
        let CrmOp::ReadById { object, id, properties, associations, .. } = operation else {
            return Err(Unsupported("Zoho has no batch for this mix of operations".into()));
        };
        let (module, number) = split(*object, id);
        if *object != wanted || properties.is_empty() {
            return Err(Unsupported("Zoho has no batch for this mix of operations".into()));
        }
        if !associations.is_empty() {
            fields.extend(["Who_Id", "What_Id", SE_MODULE].map(str::to_owned));
        }
        fields.extend(asked(connection, wanted, properties));
        modules.insert(module);
        numbers.insert(percent(&number));
    }
    let (Some(module), 1) = (modules.first(), modules.len()) else {
        return Err(Unsupported("Zoho lists records of one module at a time".into()));
    };
    if operations.len() > LISTED_IDS_MAX || fields.len() > LISTED_FIELDS_MAX {
        return Err(Unsupported(format!(
            "Zoho lists at most {LISTED_IDS_MAX} records with {LISTED_FIELDS_MAX} fields at once"
        )));
    }
    let numbers: Vec<String> = numbers.into_iter().collect();
    let (module, ids, fields) = (percent(module), numbers.join(","), list(fields));
    Ok(get(format!("{ROOT}/{module}?ids={ids}&fields={fields}&per_page={PER_PAGE}")))
}

fn many(
    object: Object,
    ids: &[String],
    properties: &[String],
    connection: &Connection,
) -> Result<HttpRequest, Unsupported> {
    let parts: Vec<(String, String)> = ids.iter().map(|id| split(object, id)).collect();
    let modules: BTreeSet<&str> = parts.iter().map(|(module, _)| module.as_str()).collect();
    let (Some(module), true) = (modules.first(), modules.len() == 1 && ids.len() <= PER_PAGE) else {
        return Err(Unsupported(format!("Zoho reads 1 to {PER_PAGE} records of one module at once")));
    };
    let numbers: Vec<String> = parts.iter().map(|(_, id)| percent(id)).collect();
    let fields = list(asked(connection, object, properties));
    Ok(get(format!("{ROOT}/{}?ids={}&fields={fields}&per_page={PER_PAGE}", percent(module), numbers.join(","))))
}

/// What was changed. People stand in two modules: first the leads to their end, then the contacts; the place says which.
fn changed(
    object: Object,
    since: &str,
    after: Option<&str>,
    properties: &[String],
    connection: &Connection,
) -> HttpRequest {
    let (module, token) = match after.and_then(|a| a.split_once(':')) {
        Some((module, token)) => (module.to_owned(), token.to_owned()),
        None => (module(object).to_owned(), String::new()),
    };
    let mut fields = asked(connection, object, properties);
    let mut query = vec![format!("per_page={PER_PAGE}"), "sort_by=Modified_Time".into(), "sort_order=asc".into()];
    if module == "Leads" {
        fields.extend(["Converted__s".to_owned(), "Converted_Contact".to_owned()]);
        query.push("converted=both".into());
    }
    query.push(format!("fields={}", list(fields)));
    if !token.is_empty() {
        query.push(format!("page_token={}", percent(&token)));
    }
    let mut request = get(format!("{ROOT}/{}?{}", percent(&module), query.join("&")));
    let since = super::fields::offset_time(since).unwrap_or_else(|| since.to_owned());
    request.headers.push(("if-modified-since".into(), since));
    request
}

fn new_fields(module: &str, fields: Vec<Value>) -> HttpRequest {
    send(Method::Post, format!("{ROOT}/settings/fields?module={module}"), &json!({ "fields": fields }))
}

/// A field; its API name is made by Zoho from the label, blanks as underscores.
fn new_field(object: Object, property: &PropertySpec, connection: &Connection) -> Result<Value, Unsupported> {
    let kind = match &property.kind {
        PropertyType::Text => "text",
        PropertyType::Number => "double",
        PropertyType::Date => "date",
        PropertyType::DateTime => "datetime",
        PropertyType::Bool => "boolean",
        PropertyType::Choice(_) => "picklist",
        PropertyType::Other(kind) => return Err(Unsupported(format!("No field of type {kind} can be made"))),
    };
    let label = api_name(connection, object, &property.name).replace('_', " ");
    let mut field = json!({ "field_label": label, "data_type": kind });
    if let Value::Object(map) = &mut field {
        if kind == "text" {
            map.insert("length".into(), 255.into());
        }
        if property.unique {
            map.insert("unique".into(), json!({ "case_sensitive": true }));
        }
        if let PropertyType::Choice(options) = &property.kind {
            let options: Vec<Value> =
                options.iter().map(|o| json!({ "display_value": o, "actual_value": o })).collect();
            map.insert("pick_list_values".into(), Value::Array(options));
        }
    }
    Ok(field)
}

/// Our fields of people in Contacts; those in Leads are made one by one.
pub(super) fn contact_fields(object: Object, connection: &Connection) -> Vec<HttpRequest> {
    if object != Object::Contact {
        return Vec::new();
    }
    let fields: Vec<Value> = OWN_PROPERTIES
        .iter()
        .filter(|(of, ..)| *of == Object::Contact)
        .filter_map(|(_, name, label, unique)| {
            let spec = PropertySpec {
                name: (*name).to_owned(),
                label: (*label).to_owned(),
                kind: PropertyType::Text,
                unique: *unique,
                read_only: false,
                stored_as: None,
            };
            new_field(object, &spec, connection).ok()
        })
        .collect();
    fields.chunks(NEW_FIELDS_MAX).map(|some| new_fields("Contacts", some.to_vec())).collect()
}
