//! Operations to HTTP.

use super::multipart::{Unit, batch};
use super::values::{annotations, body, bound, columns, label};
use super::{API, BATCH_ITEMS_MAX, CONTACTS, LEADS, OPPORTUNITIES, Table, USERS, guid, home, place, tables};
use crate::wire::percent;
use crate::{Connection, Unsupported};
use jiff::Timestamp;
use ringback_core::crm::{CrmOp, KEY_PROPERTY, Object, PersonKey, PropertySpec, PropertyType};
use ringback_core::http::{HttpRequest, Method};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Matches asked for per table in one search.
const SEARCH_RESULTS_MAX: usize = 20;
/// Deals asked for of one person.
const DEALS_MAX: usize = 50;
const CHANGES_PER_PAGE: usize = 500;
const OWNERS_PER_PAGE: usize = 500;
/// Comparisons in one filter (the vendor stops at 500).
const COMPARISONS_MAX: usize = 400;
/// The columns with numbers and with addresses that leads and contacts both have.
pub(super) const PHONES: &[&str] = &["telephone1", "mobilephone", "telephone2", "telephone3"];
const EMAILS: &[&str] = &["emailaddress1", "emailaddress2", "emailaddress3"];
/// The second part of the change feed of people: leads come first, then contacts.
const CONTACTS_NEXT: &str = "contacts";
/// The unmanaged solution and the publisher that our columns belong to.
const SOLUTION: &str = "Ringback";
const PUBLISHER: &str = "ringback";

pub(super) fn request(operations: &[CrmOp], connection: &Connection) -> Result<HttpRequest, Unsupported> {
    if operations.is_empty() {
        return Err(Unsupported("There is no operation".into()));
    }
    if let Some(first) = operations.first()
        && operations.len() > batch_items_max(first)
    {
        return Err(Unsupported(format!("At most {} of these share a request", batch_items_max(first))));
    }
    if operations.iter().any(|op| Some(op.shape()) != operations.first().map(CrmOp::shape)) {
        return Err(Unsupported("There is no batch for this mix of operations".into()));
    }
    let mut all = Vec::new();
    for operation in operations {
        all.extend(units(operation, connection)?);
    }
    match all.as_slice() {
        [Unit::One(alone)] => Ok(alone.clone()),
        units => {
            let mut headers = headers();
            // Without it the first refusal would end the batch.
            headers.push(("prefer".into(), "odata.continue-on-error".into()));
            Ok(batch(&format!("{API}/$batch"), headers, units))
        }
    }
}

/// Operations of one shape that may share a request. A call takes two requests of the batch, a search one per table.
pub(super) fn batch_items_max(operation: &CrmOp) -> usize {
    match operation {
        CrmOp::Upsert { .. }
        | CrmOp::Update { .. }
        | CrmOp::ReadByKey { .. }
        | CrmOp::ReadById { .. }
        | CrmOp::ReadLinks { .. }
        | CrmOp::FindDeals { .. }
        | CrmOp::Delete { .. } => BATCH_ITEMS_MAX,
        CrmOp::FindPerson { .. } => BATCH_ITEMS_MAX / 4,
        _ => 1,
    }
}

fn headers() -> Vec<(String, String)> {
    [("accept", "application/json"), ("odata-version", "4.0"), ("odata-maxversion", "4.0")]
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .to_vec()
}

fn get(path: String) -> HttpRequest {
    let mut headers = headers();
    // The vendor's way to keep caches out.
    headers.push(("if-none-match".into(), "null".into()));
    headers.push(annotations());
    HttpRequest { method: Method::Get, path, headers, body: Vec::new() }
}

fn send(method: Method, path: String, more: Vec<(String, String)>, body: &Value) -> HttpRequest {
    let mut headers = headers();
    headers.push(("content-type".into(), "application/json; charset=utf-8".into()));
    headers.extend(more);
    HttpRequest { method, path, headers, body: body.to_string().into_bytes() }
}

fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// The requests of one operation. How many there are follows from the operation and the settings alone.
pub(super) fn units(operation: &CrmOp, connection: &Connection) -> Result<Vec<Unit>, Unsupported> {
    let one = |request| Ok(vec![Unit::One(request)]);
    match operation {
        CrmOp::FindPerson { keys, properties } => find(keys, properties, connection),
        CrmOp::ReadByKey { object, key, properties, associations, .. } => {
            let table = home(*object, connection);
            one(read(*object, table, &guid::of_key(key), properties, associations)?)
        }
        CrmOp::ReadById { object, id, properties, associations, .. } => {
            let (table, id) = place(*object, id)?;
            one(read(*object, table, id, properties, associations)?)
        }
        CrmOp::ReadMany { object, ids, properties } => {
            if ids.is_empty() || ids.len() > BATCH_ITEMS_MAX {
                return Err(Unsupported(format!("1 to {BATCH_ITEMS_MAX} records are read at once, not {}", ids.len())));
            }
            let read = |id: &String| {
                let (table, id) = place(*object, id)?;
                Ok(Unit::One(read(*object, table, id, properties, &[])?))
            };
            ids.iter().map(read).collect()
        }
        CrmOp::ReadLinks { object, id, to } => {
            let (table, id) = place(*object, id)?;
            one(read(*object, table, id, &[], &[*to])?)
        }
        CrmOp::FindDeals { contact, properties } => one(deals(contact, properties)?),
        CrmOp::Upsert { object, key, of, properties } => {
            if !matches!(object, Object::Contact | Object::Call | Object::Task | Object::Note) {
                return Err(Unsupported(format!("No {} is made by Ringback", object.as_str())));
            }
            let table = home(*object, connection);
            let mut fields = body(*object, properties, connection);
            if *object != Object::Note {
                fields.insert(KEY_PROPERTY.into(), key.as_str().into());
            }
            if let Some(contact) = of {
                link(&mut fields, *object, contact)?;
            }
            let mut more = Vec::new();
            if *object == Object::Contact {
                if table.logical == "lead" && !fields.contains_key("subject") {
                    // The topic, by which lists of leads name them.
                    let subject = connection.setting("lead_subject").unwrap_or("Phone inquiry");
                    fields.insert("subject".into(), subject.into());
                }
                if connection.setting("duplicate_detection") == Some("on") {
                    more.push(header("mscrm.suppressduplicatedetection", "false"));
                }
            }
            Ok(vec![write(*object, table, &guid::of_key(key), fields, more, connection)])
        }
        CrmOp::Update { object, id, properties, seen } => {
            let (table, id) = place(*object, id)?;
            let fields = body(*object, properties, connection);
            let more = vec![header("if-match", seen.as_deref().filter(|v| is_tag(v)).unwrap_or("*"))];
            Ok(vec![write(*object, table, id, fields, more, connection)])
        }
        CrmOp::Associate { from, from_id, to: Object::Contact, to_id } => {
            let (table, id) = place(*from, from_id)?;
            let mut fields = Map::new();
            link(&mut fields, *from, to_id)?;
            Ok(vec![write(*from, table, id, fields, vec![header("if-match", "*")], connection)])
        }
        CrmOp::Delete { object, id } => {
            let (table, id) = place(*object, id)?;
            let path = format!("{API}/{}({id})", table.set);
            one(HttpRequest { method: Method::Delete, path, headers: headers(), body: Vec::new() })
        }
        CrmOp::Changed { object, since, after, properties } => {
            one(changed(*object, *since, after.as_deref(), properties, connection)?)
        }
        CrmOp::ReadSchema { object } => {
            Ok(tables(*object, connection).iter().flat_map(|table| definitions(table)).map(Unit::One).collect())
        }
        CrmOp::CreateProperty { object, property } => {
            let column = column(property)?;
            let solution = connection.setting("solution").unwrap_or(SOLUTION);
            let make = |table: &&Table| {
                let path = format!("{API}/EntityDefinitions(LogicalName='{}')/Attributes", table.logical);
                let more = vec![header("mscrm.solutionuniquename", solution)];
                Unit::One(send(Method::Post, path, more, &column))
            };
            Ok(tables(*object, connection).iter().map(|table| make(table)).collect())
        }
        CrmOp::ListOwners { after } => {
            let path = match after {
                Some(after) => continued(after)?,
                None => {
                    let select = "systemuserid,fullname,firstname,lastname,internalemailaddress,isdisabled";
                    let filter = percent("isdisabled eq false and applicationid eq null");
                    format!("{API}/{}?$select={select}&$filter={filter}&$orderby=systemuserid", USERS.set)
                }
            };
            let mut request = get(path);
            request.headers.push(header("prefer", &format!("odata.maxpagesize={OWNERS_PER_PAGE}")));
            one(request)
        }
        CrmOp::Create { .. } | CrmOp::Associate { .. } => Err(Unsupported("Dynamics is not asked this".into())),
    }
}

/// A weak ETag as the vendor gives it; anything else would not be a header.
fn is_tag(text: &str) -> bool {
    text.starts_with("W/\"")
        && text.ends_with('"')
        && text.len() < 100
        && text.bytes().all(|b| (0x20..0x7f).contains(&b))
}

/// One row. Calls take two requests that stand or fall together (see the module's head).
fn write(
    object: Object,
    table: &Table,
    id: &str,
    mut fields: Map<String, Value>,
    mut more: Vec<(String, String)>,
    connection: &Connection,
) -> Unit {
    let path = format!("{API}/{}({id})", table.set);
    more.push(header("prefer", "return=representation"));
    let answered = format!("{path}?$select={},{KEY_PROPERTY}", table.id);
    let answered = if object == Object::Note { format!("{path}?$select={}", table.id) } else { answered };
    if object != Object::Call || connection.setting("phonecalls") == Some("open") {
        return Unit::One(send(Method::Patch, answered, more, &Value::Object(fields)));
    }
    // Received or made; inbound is what is known of a call that says nothing.
    let outgoing = fields.get("directioncode") == Some(&Value::Bool(true));
    fields.insert("statecode".into(), 0.into());
    fields.insert("statuscode".into(), 1.into());
    let completed = json!({ "statecode": 1, "statuscode": if outgoing { 2 } else { 4 } });
    Unit::Set(vec![
        send(Method::Patch, answered, more, &Value::Object(fields)),
        send(Method::Patch, path, vec![header("if-match", "*")], &completed),
    ])
}

/// Puts the person into the body. The navigation's name says which table it leads to.
fn link(fields: &mut Map<String, Value>, object: Object, contact: &str) -> Result<(), Unsupported> {
    let (table, _) = place(Object::Contact, contact)?;
    let name = match object {
        Object::Call => format!("regardingobjectid_{}_phonecall@odata.bind", table.logical),
        Object::Task => format!("regardingobjectid_{}_task@odata.bind", table.logical),
        Object::Note => format!("objectid_{}@odata.bind", table.logical),
        _ => return Err(Unsupported(format!("A {} is not linked to a person here", object.as_str()))),
    };
    fields.insert(name, format!("/{}", bound(contact)).into());
    Ok(())
}

fn read(
    object: Object,
    table: &Table,
    id: &str,
    properties: &[String],
    associations: &[Object],
) -> Result<HttpRequest, Unsupported> {
    let mut select = columns(object, table, properties);
    for to in associations {
        match (object, to) {
            (Object::Call | Object::Task, Object::Contact) => select.push("_regardingobjectid_value".into()),
            (Object::Note, Object::Contact) => select.push("_objectid_value".into()),
            // Deals are searched for.
            (Object::Contact, _) => {}
            _ => return Err(Unsupported(format!("A {} shows no {}", object.as_str(), to.as_str()))),
        }
    }
    Ok(get(format!("{API}/{}({id})?$select={}", table.set, select.join(","))))
}

/// One query per table, both in one exchange.
fn find(keys: &[PersonKey], properties: &[String], connection: &Connection) -> Result<Vec<Unit>, Unsupported> {
    let (mut phones, mut addresses) = (BTreeSet::new(), BTreeSet::new());
    for key in keys {
        match key {
            PersonKey::Phone { e164, national } => {
                phones.insert((e164.as_str(), national.as_str()));
            }
            PersonKey::Email { address } => {
                addresses.insert(address.as_str());
            }
        }
    }
    if phones.is_empty() && addresses.is_empty() {
        return Err(Unsupported("There is no key to find a person by".into()));
    }
    let addresses: Vec<&str> = addresses.into_iter().take(COMPARISONS_MAX / 4 / EMAILS.len()).collect();
    let phones: Vec<(&str, &str)> = phones.into_iter().take(COMPARISONS_MAX / 4 / PHONES.len()).collect();
    let left = COMPARISONS_MAX - addresses.len() * EMAILS.len();
    let each = left / PHONES.len() / phones.len().max(1);
    let spelled = phones.iter().flat_map(|(e164, national)| spellings(e164, national).into_iter().take(each.max(1)));
    let spelled: Vec<String> = spelled.collect();
    let equal = |column: &&str, value: &str| format!("{column} eq '{}'", value.replace('\'', "''"));
    let mut any: Vec<String> =
        PHONES.iter().flat_map(|column| spelled.iter().map(move |value| equal(column, value))).collect();
    any.extend(EMAILS.iter().flat_map(|column| addresses.iter().map(move |value| equal(column, value))));
    let any = any.join(" or ");
    let query = |table: &&Table| {
        // Merged rows lead to the one that took them in; disqualified leads are of use only where they are ours.
        let state = if table.logical == "lead" {
            "(statecode ne 2 or merged eq true or rb_key ne null)"
        } else {
            "(statecode eq 0 or merged eq true)"
        };
        let filter = percent(&format!("{state} and ({any})"));
        let select = columns(Object::Contact, table, properties).join(",");
        Unit::One(get(format!(
            "{API}/{}?$select={select}&$filter={filter}&$orderby=modifiedon%20desc&$top={SEARCH_RESULTS_MAX}",
            table.set
        )))
    };
    Ok(tables(Object::Contact, connection).iter().map(|table| query(table)).collect())
}

/// How people write that number, the likeliest first. Punctuation for numbers of the North American plan only.
fn spellings(e164: &str, national: &str) -> Vec<String> {
    let digits: String = e164.chars().filter(char::is_ascii_digit).collect();
    let mut out = vec![e164.to_owned(), national.to_owned(), digits.clone()];
    let parts = (national.get(..3), national.get(3..6), national.get(6..10));
    if let (true, 10, (Some(a), Some(b), Some(c))) = (digits.starts_with('1'), national.len(), parts) {
        out.extend([
            format!("({a}) {b}-{c}"),
            format!("{a}-{b}-{c}"),
            format!("+1 ({a}) {b}-{c}"),
            format!("+1 {a}-{b}-{c}"),
            format!("1-{a}-{b}-{c}"),
            format!("{a}.{b}.{c}"),
            format!("+1 {a} {b} {c}"),
            format!("{a} {b} {c}"),
            format!("({a}){b}-{c}"),
            format!("+1-{a}-{b}-{c}"),
        ]);
    } else {
        let code = digits.strip_suffix(national).unwrap_or_default();
        out.extend([format!("+{code} {national}"), format!("0{national}"), format!("00{digits}")]);
    }
    let mut seen = BTreeSet::new();
    out.retain(|spelling| !spelling.is_empty() && seen.insert(spelling.clone()));
    out
}

fn deals(contact: &str, properties: &[String]) -> Result<HttpRequest, Unsupported> {
    let (table, id) = place(Object::Contact, contact)?;
    let filter = if *table == CONTACTS {
        format!("_customerid_value eq {id} or _parentcontactid_value eq {id}")
    } else {
        format!("_originatingleadid_value eq {id}")
    };
    let select = columns(Object::Deal, &OPPORTUNITIES, properties).join(",");
    Ok(get(format!("{API}/{}?$select={select}&$filter={}&$top={DEALS_MAX}", OPPORTUNITIES.set, percent(&filter))))
}

/// The change feed by time of change; of people the leads first, then the contacts.
fn changed(
    object: Object,
    since: Timestamp,
    after: Option<&str>,
    properties: &[String],
    connection: &Connection,
) -> Result<HttpRequest, Unsupported> {
    let table: &Table = if after == Some(CONTACTS_NEXT) { &CONTACTS } else { home(object, connection) };
    let path = match after {
        Some(after) if after != CONTACTS_NEXT => continued(after)?,
        _ => {
            let mut select = columns(object, table, properties);
            if matches!(object, Object::Call | Object::Task) {
                select.push("_regardingobjectid_value".into());
            }
            // The vendor keeps whole seconds.
            let since = since.as_second();
            let since = Timestamp::from_second(since).map_or_else(|_| since.to_string(), |at| at.to_string());
            let filter = percent(&format!("modifiedon ge {since}"));
            format!("{API}/{}?$select={}&$filter={filter}&$orderby=modifiedon%20asc", table.set, select.join(","))
        }
    };
    let mut request = get(path);
    request.headers.push(header("prefer", &format!("odata.maxpagesize={CHANGES_PER_PAGE}")));
    Ok(request)
}

/// Which table a page of the change feed is about, and what comes after its last page.
pub(super) fn changed_table(
    object: Object,
    after: Option<&str>,
    connection: &Connection,
) -> (&'static Table, Option<String>) {
    let second = after.is_some_and(|a| a == CONTACTS_NEXT || a.starts_with(&format!("{API}/{}?", CONTACTS.set)));
    let first = home(object, connection);
    match (object, *first == LEADS) {
        (Object::Contact, true) if second => (&CONTACTS, None),
        (Object::Contact, true) => (first, Some(CONTACTS_NEXT.to_owned())),
        _ => (first, None),
    }
}

/// A page's own link to the next, which must lead back into this interface.
fn continued(after: &str) -> Result<String, Unsupported> {
    let plain =
        after.starts_with(&format!("{API}/")) && !after.contains("..") && after.bytes().all(|b| b.is_ascii_graphic());
    if plain { Ok(after.to_owned()) } else { Err(Unsupported("That is no place in a list of Dynamics".into())) }
}

/// A table's columns, and the options of its choices.
fn definitions(table: &Table) -> [HttpRequest; 2] {
    let at = format!("{API}/EntityDefinitions(LogicalName='{}')/Attributes", table.logical);
    [
        get(format!(
            "{at}?$select=LogicalName,AttributeType,AttributeOf,DisplayName,IsValidForCreate,IsValidForUpdate,IsValidForRead"
        )),
        get(format!(
            "{at}/Microsoft.Dynamics.CRM.PicklistAttributeMetadata?$select=LogicalName&$expand=OptionSet($select=Options),GlobalOptionSet($select=Options)"
        )),
    ]
}

fn column(property: &PropertySpec) -> Result<Value, Unsupported> {
    if !property.name.starts_with("rb_") || !super::values::is_column(&property.name) {
        return Err(Unsupported(format!("make the column by hand: {} does not begin with rb_", property.name)));
    }
    let (kind, word, more) = match &property.kind {
        // A choice of Dataverse has numbers for options; the contract's words are kept as they are.
        PropertyType::Text | PropertyType::Choice(_) => {
            ("String", "StringType", json!({ "FormatName": { "Value": "Text" }, "MaxLength": 850 }))
        }
        PropertyType::Number => (
            "Decimal",
            "DecimalType",
            json!({ "MinValue": -100_000_000_000_i64, "MaxValue": 100_000_000_000_i64, "Precision": 4 }),
        ),
        PropertyType::Date => ("DateTime", "DateTimeType", json!({ "Format": "DateOnly" })),
        PropertyType::DateTime => ("DateTime", "DateTimeType", json!({ "Format": "DateAndTime" })),
        PropertyType::Bool => (
            "Boolean",
            "BooleanType",
            json!({ "DefaultValue": false, "OptionSet": {
                "TrueOption": { "Value": 1, "Label": label("Yes") },
                "FalseOption": { "Value": 0, "Label": label("No") },
                "OptionSetType": "Boolean",
            } }),
        ),
        PropertyType::Other(kind) => return Err(Unsupported(format!("make the column by hand: its type is {kind}"))),
    };
    let mut body = json!({
        "@odata.type": format!("Microsoft.Dynamics.CRM.{kind}AttributeMetadata"),
        "AttributeType": kind,
        "AttributeTypeName": { "Value": word },
        "SchemaName": property.name,
        "DisplayName": label(&property.label),
        "Description": label("Kept by Ringback"),
        "RequiredLevel": { "Value": "None", "CanBeChanged": true, "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings" },
    });
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    Ok(body)
}

/// The publisher, whose prefix `rb` our columns have, and the solution; none where the connection names an existing one.
pub(super) fn solution(connection: &Connection) -> Vec<HttpRequest> {
    if connection.setting("solution").is_some() {
        return Vec::new();
    }
    let (publisher, solution) = (guid::of_key("ringback-publisher"), guid::of_key("ringback-solution"));
    let make = |set: &str, id: &str, body: &Value| {
        // Never changes what is there.
        send(Method::Patch, format!("{API}/{set}({id})"), vec![header("if-none-match", "*")], body)
    };
    vec![
        make(
            "publishers",
            &publisher,
            &json!({
                "uniquename": PUBLISHER,
                "friendlyname": "Ringback",
                "customizationprefix": "rb",
                "customizationoptionvalueprefix": 72_700,
            }),
        ),
        make(
            "solutions",
            &solution,
            &json!({
                "uniquename": SOLUTION,
                "friendlyname": "Ringback",
                "version": "1.0.0.0",
                "publisherid@odata.bind": format!("/publishers({publisher})"),
            }),
        ),
    ]
}
