//! Operations to HTTP.

use super::fields::{self, KEY_FIELD, is_id, select, sobject_of, sobjects};
use super::version;
use crate::wire::percent;
use crate::{Connection, Unsupported};
use jiff::Timestamp;
use ringback_core::crm::{CrmOp, KEY_PROPERTY, Object, PersonKey, PropertyType};
use ringback_core::http::{HttpRequest, Method};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Records of one collection request (the vendor's most).
pub(super) const COLLECTION_MAX: usize = 200;
/// Subrequests of one composite request (the vendor's most).
pub(super) const COMPOSITE_MAX: usize = 25;
/// Keys or ids of one query: the vendor takes requests whose address is up to 16 kB long.
pub(super) const LOOK_MAX: usize = 100;
/// Records of each kind that a search gives.
const FOUND_MAX: usize = 20;
/// Records of each kind on one page of changes, and owners on one page.
pub(super) const PAGE_MAX: usize = 200;

/// How operations share a request; the reply is read by the same plan.
pub(super) enum Plan<'a> {
    /// One request that answers one operation.
    Alone(&'a CrmOp),
    /// SOQL, one query for each object.
    Queries(Vec<Query>),
    /// One subrequest for each operation.
    Composite,
    /// One list of records, answered in its order.
    Collection,
    /// What Leads and Contacts are made of.
    Describes,
}

pub(super) struct Query {
    pub(super) sobject: &'static str,
    /// Deleted and archived records too.
    all: bool,
    soql: String,
}

pub(super) fn plan<'a>(operations: &'a [CrmOp], connection: &Connection) -> Result<Plan<'a>, Unsupported> {
    let [first, rest @ ..] = operations else { return Err(Unsupported("There is no operation".into())) };
    if operations.len() > batch_items_max(first) {
        return Err(Unsupported(format!("Salesforce takes at most {} of these at once", batch_items_max(first))));
    }
    if rest.iter().any(|op| op.shape().word != first.shape().word || op.object() != first.object()) {
        return Err(Unsupported("Salesforce has no batch for this mix of operations".into()));
    }
    let mut names = BTreeSet::new();
    if operations.iter().filter_map(name).any(|name| !names.insert(name)) {
        return Err(Unsupported("A batch cannot hold the same record twice".into()));
    }
    Ok(match first {
        CrmOp::ReadByKey { object, .. } => Plan::Queries(by_key(operations, *object, connection)?),
        CrmOp::ReadById { .. } => Plan::Queries(by_id(operations, connection)?),
        CrmOp::ReadMany { object, ids, properties } => {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            Plan::Queries(of_ids(&ids, Some(*object), properties, false, connection)?)
        }
        CrmOp::ReadLinks { object, id, to: Object::Contact } if matches!(object, Object::Call | Object::Task) => {
            Plan::Queries(of_ids(&[id], Some(*object), &[], true, connection)?)
        }
        CrmOp::ReadLinks { .. } => return Err(Unsupported("Salesforce is not asked this".into())),
        CrmOp::FindDeals { contact, properties } => Plan::Queries(vec![deals(contact, properties, connection)?]),
        CrmOp::Changed { object, since, after, properties } => {
            Plan::Queries(changed(*object, *since, after.as_deref(), properties, connection)?)
        }
        CrmOp::ListOwners { after } => Plan::Queries(vec![owners(after.as_deref())?]),
        CrmOp::ReadSchema { object: Object::Contact } => Plan::Describes,
        CrmOp::Create { object: Object::Contact, .. } | CrmOp::Update { .. } if !rest.is_empty() => Plan::Composite,
        CrmOp::Create { .. } | CrmOp::Upsert { .. } if !rest.is_empty() => Plan::Collection,
        _ => Plan::Alone(first),
    })
}

/// Operations of one shape that may share a request.
pub(super) fn batch_items_max(operation: &CrmOp) -> usize {
    match operation {
        CrmOp::ReadByKey { .. } | CrmOp::ReadById { .. } => LOOK_MAX,
        // A collection says that a duplicate rule refused a person, but not who it is; subrequests say it.
        CrmOp::Create { object: Object::Contact, .. } => COMPOSITE_MAX,
        // Only a subrequest carries the time that the record was read.
        CrmOp::Update { .. } => COMPOSITE_MAX,
        CrmOp::Create { .. } | CrmOp::Upsert { object: Object::Contact, .. } => COLLECTION_MAX,
        _ => 1,
    }
}

/// What must be distinct within a batch.
fn name(operation: &CrmOp) -> Option<&str> {
    match operation {
        CrmOp::Create { key, .. } | CrmOp::Upsert { key, .. } => Some(key),
        CrmOp::Update { id, .. } => Some(id),
        _ => None,
    }
}

pub(super) fn request(operations: &[CrmOp], connection: &Connection) -> Result<HttpRequest, Unsupported> {
    let paths = Paths::new(connection);
    match plan(operations, connection)? {
        Plan::Alone(operation) => {
            let call = alone(operation, &paths, connection)?;
            Ok(call.into_request())
        }
        Plan::Queries(queries) => match queries.as_slice() {
            [query] => Ok(get(paths.query(query))),
            many => Ok(paths.composite(many.iter().map(|q| Call::get(paths.query(q))).collect())),
        },
        Plan::Describes => {
            let describe = |sobject: &&str| Call::get(paths.of(&format!("sobjects/{sobject}/describe")));
            Ok(paths.composite(sobjects(Object::Contact)?.iter().map(describe).collect()))
        }
        Plan::Composite => {
            let calls: Result<Vec<Call>, Unsupported> =
                operations.iter().map(|operation| alone(operation, &paths, connection)).collect();
            Ok(paths.composite(calls?))
        }
        Plan::Collection => collection(operations, &paths, connection),
    }
}

struct Paths {
    root: String,
}

impl Paths {
    fn new(connection: &Connection) -> Self {
        Self { root: format!("/services/data/v{}", percent(version(connection))) }
    }
    fn of(&self, rest: &str) -> String {
        format!("{}/{rest}", self.root)
    }
    fn record(&self, id: &str) -> Result<String, Unsupported> {
        let sobject = sobject_of(id).filter(|_| is_id(id));
        let sobject =
            sobject.ok_or_else(|| Unsupported(format!("{id:?} is no id of Salesforce's that Ringback knows")))?;
        Ok(self.of(&format!("sobjects/{sobject}/{id}")))
    }
    fn query(&self, query: &Query) -> String {
        let resource = if query.all { "queryAll" } else { "query" };
        self.of(&format!("{resource}?q={}", percent(&query.soql)))
    }
    /// Subrequests that stand for themselves: one that fails takes no other with it.
    fn composite(&self, calls: Vec<Call>) -> HttpRequest {
        let subrequests: Vec<Value> = calls
            .into_iter()
            .enumerate()
            .map(|(n, call)| {
                let mut sub = json!({ "method": call.method.as_str(), "url": call.path, "referenceId": reference(n) });
                if let Some(map) = sub.as_object_mut() {
                    if let Some(body) = call.body {
                        map.insert("body".into(), Value::Object(body));
                    }
                    if !call.headers.is_empty() {
                        let headers: Map<String, Value> =
                            call.headers.into_iter().map(|(n, v)| (n.to_owned(), v.into())).collect();
                        map.insert("httpHeaders".into(), Value::Object(headers));
                    }
                }
                sub
            })
            .collect();
        let body = json!({ "allOrNone": false, "collateSubrequests": false, "compositeRequest": subrequests });
        send(Method::Post, self.of("composite"), &[], &body)
    }
}

/// The name of a subrequest in its answer.
pub(super) fn reference(n: usize) -> String {
    format!("r{n}")
}

/// A request by itself or as part of a composite one.
struct Call {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<Map<String, Value>>,
}

impl Call {
    fn get(path: String) -> Self {
        Self { method: Method::Get, path, headers: Vec::new(), body: None }
    }
    fn into_request(self) -> HttpRequest {
        match self.body {
            Some(body) => send(self.method, self.path, &self.headers, &Value::Object(body)),
            None => HttpRequest {
                method: self.method,
                path: self.path,
                headers: vec![("accept".into(), "application/json".into())],
                body: Vec::new(),
            },
        }
    }
}

fn get(path: String) -> HttpRequest {
    Call::get(path).into_request()
}

fn send(method: Method, path: String, headers: &[(&'static str, String)], body: &Value) -> HttpRequest {
    let mut all =
        vec![("accept".into(), "application/json".into()), ("content-type".into(), "application/json".into())];
    all.extend(headers.iter().map(|(n, v)| ((*n).to_owned(), v.clone())));
    HttpRequest { method, path, headers: all, body: body.to_string().into_bytes() }
}

/// Headers of what writes people: no rule of the org hands the record to somebody else, and duplicate rules speak up.
fn writing(object: Object, connection: &Connection) -> Vec<(&'static str, String)> {
    if object != Object::Contact {
        return Vec::new();
    }
    let save = connection.setting("duplicate_rules") == Some("save");
    let rule = format!("allowSave={save}; includeRecordDetails=false; runAsCurrentUser=true");
    vec![("Sforce-Auto-Assign", "FALSE".to_owned()), ("Sforce-Duplicate-Rule-Header", rule)]
}

fn alone(operation: &CrmOp, paths: &Paths, connection: &Connection) -> Result<Call, Unsupported> {
    Ok(match operation {
        CrmOp::FindPerson { keys, properties } => {
            Call::get(paths.of(&format!("search?q={}", percent(&sosl(keys, properties, connection)?))))
        }
        CrmOp::Create { object, key, of, properties } => {
            let body = fields::new_body(*object, key, of.as_deref(), properties, connection);
            Call {
                method: Method::Post,
                path: paths.of(&format!("sobjects/{}", new_sobject(*object, connection)?)),
                headers: writing(*object, connection),
                body: Some(body),
            }
        }
        CrmOp::Upsert { object: Object::Contact, key, properties, .. } => {
            let mut body = fields::new_body(Object::Contact, key, None, properties, connection);
            body.remove(KEY_FIELD);
            let path = format!("sobjects/{}/{KEY_FIELD}/{}", fields::people(connection), percent(key));
            let headers = writing(Object::Contact, connection);
            Call { method: Method::Patch, path: paths.of(&path), headers, body: Some(body) }
        }
        CrmOp::Upsert { .. } => {
            return Err(Unsupported("Salesforce is not known to upsert activities: look, then create".into()));
        }
        CrmOp::Update { object, id, properties, seen } => {
            let mut headers = writing(*object, connection);
            // Whole seconds are all there is on both sides.
            let at = seen.as_deref().and_then(|seen| seen.parse::<Timestamp>().ok());
            headers.extend(at.map(|at| ("If-Unmodified-Since", http_date(at))));
            let body = fields::body(*object, properties, connection);
            Call { method: Method::Patch, path: paths.record(id)?, headers, body: Some(body) }
        }
        CrmOp::Associate { from: Object::Call | Object::Task, from_id, to: Object::Contact, to_id } => {
            let mut body = Map::new();
            body.insert("WhoId".into(), to_id.as_str().into());
            Call { method: Method::Patch, path: paths.record(from_id)?, headers: Vec::new(), body: Some(body) }
        }
        CrmOp::Delete { id, .. } => {
            Call { method: Method::Delete, path: paths.record(id)?, headers: Vec::new(), body: None }
        }
        CrmOp::ReadSchema { object } => {
            let sobject = sobjects(*object)?.first().copied().unwrap_or_default();
            Call::get(paths.of(&format!("sobjects/{sobject}/describe")))
        }
        CrmOp::CreateProperty { object, property } => {
            let place = match object {
                Object::Contact => "Lead and on Contact",
                Object::Call | Object::Task => "Activity",
                _ => "the object",
            };
            let kind = match &property.kind {
                _ if property.name == KEY_PROPERTY && *object == Object::Contact => {
                    "Text(80), External ID, Unique (case sensitive)"
                }
                PropertyType::Number => "Number(16, 2)",
                PropertyType::Date => "Date",
                PropertyType::DateTime => "Date/Time",
                PropertyType::Bool => "Checkbox",
                PropertyType::Text | PropertyType::Choice(_) | PropertyType::Other(_) => "Text(255)",
            };
            let field = fields::wire(&property.name);
            let name = field.trim_end_matches("__c");
            return Err(Unsupported(format!(
                "make the field by hand: Setup, Object Manager, on {place}: field name {name}, {kind}; visible and editable for Ringback's user"
            )));
        }
        _ => return Err(Unsupported("Salesforce is not asked this".into())),
    })
}

fn new_sobject(object: Object, connection: &Connection) -> Result<&'static str, Unsupported> {
    match object {
        Object::Contact => Ok(fields::people(connection)),
        Object::Call | Object::Task => Ok("Task"),
        _ => Err(Unsupported("Ringback makes no such record in Salesforce".into())),
    }
}

/// Records of one kind in one list (sObject Collections); the answer has one entry for each, in this order.
fn collection(operations: &[CrmOp], paths: &Paths, connection: &Connection) -> Result<HttpRequest, Unsupported> {
    let mut records = Vec::new();
    let mut upsert = false;
    for operation in operations {
        let (sobject, mut body) = match operation {
            CrmOp::Create { object, key, of, properties } => {
                let body = fields::new_body(*object, key, of.as_deref(), properties, connection);
                (new_sobject(*object, connection)?, body)
            }
            CrmOp::Upsert { key, properties, .. } => {
                upsert = true;
                (fields::people(connection), fields::new_body(Object::Contact, key, None, properties, connection))
            }
            _ => return Err(Unsupported("Salesforce has no batch for this mix of operations".into())),
        };
        body.insert("attributes".into(), json!({ "type": sobject }));
        records.push(Value::Object(body));
    }
    let body = json!({ "allOrNone": false, "records": records });
    let headers = writing(operations.first().map_or(Object::Task, CrmOp::object), connection);
    if upsert {
        let path = paths.of(&format!("composite/sobjects/{}/{KEY_FIELD}", fields::people(connection)));
        return Ok(send(Method::Patch, path, &headers, &body));
    }
    Ok(send(Method::Post, paths.of("composite/sobjects"), &headers, &body))
}

/// A text inside SOQL quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn list<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.map(quoted).collect::<Vec<_>>().join(",")
}

/// Our key among all who can carry it: a Lead hands it to the Contact it becomes, where the org maps the field.
fn by_key(operations: &[CrmOp], wanted: Object, connection: &Connection) -> Result<Vec<Query>, Unsupported> {
    let mut keys = BTreeSet::new();
    let mut asked = Vec::new();
    for operation in operations {
        if let CrmOp::ReadByKey { key, properties, .. } = operation {
            keys.insert(key.as_str());
            asked.extend(properties.iter().cloned());
        }
    }
    if !matches!(wanted, Object::Contact | Object::Call | Object::Task) {
        return Err(Unsupported("Ringback makes no such record in Salesforce".into()));
    }
    let query = |sobject: &&'static str| {
        let fields = select(sobject, &asked, &[], connection)?;
        let keys = list(keys.iter().copied());
        // The oldest first: where two carry our key, that one was there before the other.
        let soql = format!("SELECT {fields} FROM {sobject} WHERE {KEY_FIELD} IN ({keys}) ORDER BY CreatedDate, Id");
        Ok(Query { sobject, all: false, soql })
    };
    sobjects(wanted)?.iter().map(query).collect()
}

fn by_id(operations: &[CrmOp], connection: &Connection) -> Result<Vec<Query>, Unsupported> {
    let mut ids = Vec::new();
    let mut asked = Vec::new();
    for operation in operations {
        if let CrmOp::ReadById { id, properties, .. } = operation {
            ids.push(id.as_str());
            asked.extend(properties.iter().cloned());
        }
    }
    // Deleted records too: only they say into whom they were merged.
    of_ids(&ids, operations.first().map(CrmOp::object), &asked, true, connection)
}

fn of_ids(
    ids: &[&str],
    wanted: Option<Object>,
    properties: &[String],
    all: bool,
    connection: &Connection,
) -> Result<Vec<Query>, Unsupported> {
    if ids.is_empty() || ids.len() > LOOK_MAX {
        return Err(Unsupported(format!("Salesforce is asked for 1 to {LOOK_MAX} records at once, not {}", ids.len())));
    }
    let allowed = wanted.map(sobjects).transpose()?.unwrap_or_default();
    let mut grouped: BTreeMap<&'static str, Vec<&str>> = BTreeMap::new();
    for id in ids {
        let sobject = sobject_of(id).filter(|s| is_id(id) && allowed.contains(s));
        let sobject = sobject.ok_or_else(|| Unsupported(format!("{id:?} is no id of such a record")))?;
        grouped.entry(sobject).or_default().push(id);
    }
    let query = |(sobject, ids): (&'static str, Vec<&str>)| {
        let always: &[&str] = match (all, sobject) {
            (true, "Lead" | "Contact") => &["IsDeleted", "MasterRecordId"],
            (true, _) => &["IsDeleted"],
            _ => &[],
        };
        let fields = select(sobject, properties, always, connection)?;
        let ids = list(ids.into_iter());
        Ok(Query { sobject, all, soql: format!("SELECT {fields} FROM {sobject} WHERE Id IN ({ids})") })
    };
    grouped.into_iter().map(query).collect()
}

/// Opportunities in which somebody has a role; those of a Lead are the one it was converted into.
fn deals(contact: &str, properties: &[String], connection: &Connection) -> Result<Query, Unsupported> {
    let within = match sobject_of(contact).filter(|_| is_id(contact)) {
        Some("Contact") => format!("SELECT OpportunityId FROM OpportunityContactRole WHERE ContactId = '{contact}'"),
        Some("Lead") => format!("SELECT ConvertedOpportunityId FROM Lead WHERE Id = '{contact}'"),
        _ => return Err(Unsupported(format!("{contact:?} is no id of a person"))),
    };
    let fields = select("Opportunity", properties, &[], connection)?;
    let soql = format!("SELECT {fields} FROM Opportunity WHERE Id IN ({within}) ORDER BY Id LIMIT {PAGE_MAX}");
    Ok(Query { sobject: "Opportunity", all: false, soql })
}

/// Where a list of changes goes on, for one object: the time and id of the last record that was given.
pub(super) type Place = (Timestamp, String);

/// The places in a cursor `Lead=2026-03-04T23:12:07Z|00Q…,Contact=…`.
pub(super) fn places(cursor: Option<&str>) -> BTreeMap<String, Place> {
    let place = |part: &str| {
        let (sobject, rest) = part.split_once('=')?;
        let (at, id) = rest.split_once('|')?;
        Some((sobject.to_owned(), (at.parse().ok()?, id.to_owned())))
    };
    cursor.unwrap_or_default().split(',').filter_map(place).filter(|(_, (_, id))| is_id(id)).collect()
}

/// What changed since, deleted records among it.
fn changed(
    object: Object,
    since: Timestamp,
    after: Option<&str>,
    properties: &[String],
    connection: &Connection,
) -> Result<Vec<Query>, Unsupported> {
    let places = places(after);
    let kind = match object {
        Object::Call => " AND CallType != null",
        Object::Task => " AND CallType = null",
        _ => "",
    };
    let query = |sobject: &&'static str| {
        let fields = select(sobject, properties, &["SystemModstamp", "IsDeleted"], connection)?;
        let from = match places.get(*sobject) {
            Some((at, id)) => {
                let at = literal(*at);
                format!("(SystemModstamp > {at} OR (SystemModstamp = {at} AND Id > '{id}'))")
            }
            None => format!("SystemModstamp >= {}", literal(since)),
        };
        let order = format!("ORDER BY SystemModstamp, Id LIMIT {PAGE_MAX}");
        Ok(Query { sobject, all: true, soql: format!("SELECT {fields} FROM {sobject} WHERE {from}{kind} {order}") })
    };
    sobjects(object)?.iter().map(query).collect()
}

/// An instant as SOQL takes it: no finer than milliseconds.
fn literal(at: Timestamp) -> String {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at).to_string()
}

fn owners(after: Option<&str>) -> Result<Query, Unsupported> {
    let after = match after {
        Some(id) if is_id(id) => format!(" AND Id > '{id}'"),
        Some(id) => return Err(Unsupported(format!("{id:?} is no place in the list of users"))),
        None => String::new(),
    };
    let soql = format!(
        "SELECT Id,Name,FirstName,LastName,Email,IsActive FROM User \
         WHERE IsActive = true AND UserType = 'Standard'{after} ORDER BY Id LIMIT {PAGE_MAX}"
    );
    Ok(Query { sobject: "User", all: false, soql })
}

/// The search: numbers by their national digits, which Salesforce compares in whatever form they were typed.
fn sosl(keys: &[PersonKey], properties: &[String], connection: &Connection) -> Result<String, Unsupported> {
    let (mut numbers, mut addresses) = (BTreeSet::new(), BTreeSet::new());
    for key in keys {
        match key {
            PersonKey::Phone { e164, national } => {
                let digits: String = national.chars().filter(char::is_ascii_digit).collect();
                let digits =
                    if digits.is_empty() { e164.chars().filter(char::is_ascii_digit).collect() } else { digits };
                numbers.extend((!digits.is_empty()).then_some(digits));
            }
            PersonKey::Email { address } => {
                addresses.extend((!address.trim().is_empty()).then(|| format!("\"{}\"", escaped(address.trim()))));
            }
        }
    }
    let place = match (numbers.is_empty(), addresses.is_empty()) {
        (true, true) => return Err(Unsupported("There is no key to find a person by".into())),
        (false, true) => "PHONE",
        (true, false) => "EMAIL",
        (false, false) => "ALL",
    };
    let terms: Vec<String> = numbers.into_iter().chain(addresses).collect();
    // What matching needs is read again by id; here it serves to tell good hits from bad ones.
    let with_keys = |keys: &[&str]| {
        let mut all: Vec<String> = keys.iter().map(|k| (*k).to_owned()).collect();
        all.extend(properties.iter().cloned());
        all
    };
    let contact = select("Contact", &with_keys(super::WORDS.contact_reads), &[], connection)?;
    let lead = select("Lead", &with_keys(super::WORDS.contact_reads), &[], connection)?;
    Ok(format!(
        "FIND {{{}}} IN {place} FIELDS RETURNING Contact({contact} LIMIT {FOUND_MAX}),Lead({lead} LIMIT {FOUND_MAX})",
        terms.join(" OR ")
    ))
}

/// SOSL's reserved characters, escaped.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        if "?&|!{}[]()^~*:\\\"'+-".contains(c) {
            out.push('\\');
        }
        out.push(c);
        out
    })
}

/// `Thu, 05 Mar 2026 14:03:11 GMT`.
fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
