//! GoHighLevel's requests, and the answers in fixtures, against the vendor's own descriptions (kept beside the project; without them these
//! tests say so and pass).
//!
//! Two answers are not checked, because the vendor's descriptions of them are known to be wrong: the search over contacts (none at all) and
//! over a location's tasks (a list of lists; it is a list, and comes with 201).

use crate::crms;
use crate::support::{connection, fixtures};
use ringback_connect::Crm;
use ringback_connect::crms::gohighlevel::GoHighLevel;
use ringback_core::crm::{CrmOp, Object, PersonKey, Properties, PropertySpec, PropertyType};
use ringback_core::http::HttpRequest;
use serde_json::{Map, Value, json};
use std::io::Write as _;
use std::path::PathBuf;

const FILES: &[&str] = &["contacts", "locations", "opportunities", "users"];

/// The vendor's descriptions, or a loud word that they are not here.
fn documents() -> Option<Vec<Value>> {
    let shared = std::env::var_os("RINGBACK_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let read = |name: &&str| {
        let file = shared.join(format!("vendors/specs/gohighlevel/{name}-trimmed.openapi.json"));
        let bytes = std::fs::read(&file);
        if bytes.is_err() {
            // Straight to the stream: a test's own output is only shown when it fails.
            let mut out = std::io::stderr();
            writeln!(out, "SKIPPED (loudly): {} is not here; set RINGBACK_SHARED", file.display()).unwrap();
        }
        Some(serde_json::from_slice(&bytes.ok()?).unwrap())
    };
    FILES.iter().map(read).collect()
}

/// The operation of the descriptions that a request is, with its document; literal segments win over templates.
fn operation<'a>(documents: &'a [Value], request: &HttpRequest) -> (&'a Value, &'a Value) {
    let path = request.path.split('?').next().unwrap();
    let given: Vec<&str> = path.split('/').collect();
    let mut best: Option<(usize, &Value, &Value)> = None;
    for document in documents {
        for (template, methods) in document["paths"].as_object().unwrap() {
            let wanted: Vec<&str> = template.split('/').collect();
            let pairs = wanted.iter().zip(&given);
            let fits = wanted.len() == given.len()
                && pairs.clone().all(|(w, g)| if w.starts_with('{') { !g.is_empty() } else { w == g });
            let method = &methods[request.method.as_str().to_lowercase()];
            let literal = wanted.iter().filter(|w| !w.starts_with('{')).count();
            if fits && method.is_object() && best.is_none_or(|(most, ..)| literal > most) {
                best = Some((literal, document, method));
            }
        }
    }
    let (_, document, method) =
        best.unwrap_or_else(|| panic!("{} {} is in no description", request.method.as_str(), request.path));
    (document, method)
}

/// OpenAPI 3.0's `nullable` in the words of JSON Schema. `closed`: what a schema does not name is refused, as the vendor does.
fn translated(value: &mut Value, closed: bool) {
    match value {
        Value::Object(map) => {
            let kind = map.get("type").and_then(Value::as_str).map(str::to_owned);
            if let (Some(Value::Bool(true)), Some(kind)) = (map.remove("nullable"), kind) {
                map.insert("type".into(), json!([kind, "null"]));
            }
            if closed && map.get("properties").is_some_and(Value::is_object) {
                map.insert("additionalProperties".into(), json!(false));
            }
            map.values_mut().for_each(|v| translated(v, closed));
        }
        Value::Array(list) => list.iter_mut().for_each(|v| translated(v, closed)),
        _ => {}
    }
}

fn validate(document: &Value, schema: &Value, instance: &Value, closed: bool, at: &str) {
    let mut whole = Map::new();
    whole.insert("components".into(), document["components"].clone());
    whole.insert("allOf".into(), json!([schema]));
    let mut whole = Value::Object(whole);
    translated(&mut whole, closed);
    let validator = jsonschema::draft202012::new(&whole).unwrap();
    let errors: Vec<String> = validator.iter_errors(instance).map(|e| format!("{e} at {}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{at}: {errors:?}\n{instance}");
}

fn properties(pairs: &[(&str, &str)]) -> Properties {
    pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
}

fn phone(n: u32) -> PersonKey {
    PersonKey::Phone { e164: format!("+1312555{n:04}"), national: format!("312555{n:04}") }
}

fn email() -> PersonKey {
    PersonKey::Email { address: "dana+x@example.com".into() }
}

fn by_key(object: Object, of: Option<&str>) -> CrmOp {
    let of = of.map(str::to_owned);
    CrmOp::ReadByKey { object, key: "rb-01j".into(), of, properties: vec![], associations: vec![Object::Contact] }
}

fn by_id(object: Object, id: &str) -> CrmOp {
    CrmOp::ReadById { object, id: id.into(), properties: vec![], associations: vec![], history: false }
}

fn make(object: Object, of: Option<&str>, pairs: &[(&str, &str)]) -> CrmOp {
    CrmOp::Create { object, key: "rb-01j".into(), of: of.map(str::to_owned), properties: properties(pairs) }
}

fn update(object: Object, id: &str, pairs: &[(&str, &str)]) -> CrmOp {
    let seen = Some("Owner: Ana.\n\n— Ringback —\n[rb-01j]\nrb_version: 3".to_owned());
    CrmOp::Update { object, id: id.into(), properties: properties(pairs), seen }
}

fn field(kind: PropertyType) -> CrmOp {
    let property = PropertySpec {
        name: "rb_key".into(),
        label: "Ringback key".into(),
        kind,
        unique: true,
        read_only: false,
        stored_as: None,
    };
    CrmOp::CreateProperty { object: Object::Contact, property }
}

const NEW: &[(&str, &str)] = &[
    ("firstName", "Unknown caller"),
    ("phone", "+13125550142"),
    ("email", ""),
    ("companyName", "Example"),
    ("rb_source", "ads"),
    ("Fsome00000000000009", "x"),
];
const TASK: &[(&str, &str)] = &[
    ("title", "Call back"),
    ("dueDate", "2026-03-05T15:00:00Z"),
    ("completed", "false"),
    ("body", "Owner: Ana."),
    ("assignedTo", "U1"),
    ("rb_priority", "high"),
];
const NOTE: &[(&str, &str)] = &[("title", "Missed call"), ("body", "Missed."), ("assignedTo", "U1"), ("rb_from", "+1312")];

/// Every kind of request there is, with what it must be.
fn table() -> Vec<(CrmOp, &'static str, &'static str)> {
    let find = |keys| CrmOp::FindPerson { keys, properties: vec![] };
    vec![
        (
            find(vec![phone(142)]),
            "GET",
            "/contacts/search/duplicate?locationId=Ln0rthExample0000001&number=%2B13125550142",
        ),
        (
            find(vec![email()]),
            "GET",
            "/contacts/search/duplicate?locationId=Ln0rthExample0000001&email=dana%2Bx%40example.com",
        ),
        (find(vec![phone(142), email()]), "POST", "/contacts/search"),
        (by_key(Object::Contact, None), "POST", "/contacts/search"),
        (by_key(Object::Task, Some("C/5")), "GET", "/contacts/C%2F5/tasks"),
        (by_key(Object::Task, None), "POST", "/locations/Ln0rthExample0000001/tasks/search"),
        (by_key(Object::Call, Some("C5")), "GET", "/contacts/C5/notes"),
        (by_id(Object::Contact, "C5"), "GET", "/contacts/C5"),
        (by_id(Object::Task, "C5/T7"), "GET", "/contacts/C5/tasks/T7"),
        (by_id(Object::Call, "C5/N7"), "GET", "/contacts/C5/notes/N7"),
        (by_id(Object::Deal, "O5"), "GET", "/opportunities/O5"),
        (
            CrmOp::FindDeals { contact: "C5".into(), properties: vec![] },
            "GET",
            "/opportunities/search?location_id=Ln0rthExample0000001&contact_id=C5&limit=100",
        ),
        (make(Object::Contact, None, NEW), "POST", "/contacts/"),
        (make(Object::Task, Some("C5"), TASK), "POST", "/contacts/C5/tasks"),
        (make(Object::Call, Some("C5"), NOTE), "POST", "/contacts/C5/notes"),
        (update(Object::Contact, "C5", &[("city", "Elgin"), ("email", ""), ("rb_source", "ads")]), "PUT", "/contacts/C5"),
        (update(Object::Task, "C5/T7", &[("rb_priority", "high"), ("title", "x")]), "PUT", "/contacts/C5/tasks/T7"),
        (update(Object::Task, "C5/T7", &[("completed", "true")]), "PUT", "/contacts/C5/tasks/T7/completed"),
        (update(Object::Call, "C5/N7", &[("body", "More."), ("assignedTo", "U2")]), "PUT", "/contacts/C5/notes/N7"),
        (CrmOp::Delete { object: Object::Contact, id: "C5".into() }, "DELETE", "/contacts/C5"),
        (CrmOp::Delete { object: Object::Task, id: "C5/T7".into() }, "DELETE", "/contacts/C5/tasks/T7"),
        (CrmOp::Delete { object: Object::Call, id: "C5/N7".into() }, "DELETE", "/contacts/C5/notes/N7"),
        (
            CrmOp::Changed {
                object: Object::Contact,
                since: "2026-03-04T23:00:00Z".parse().unwrap(),
                after: Some("[1772668800000,\"C5\"]".into()),
                properties: vec![],
            },
            "POST",
            "/contacts/search",
        ),
        (
            CrmOp::ReadSchema { object: Object::Contact },
            "GET",
            "/locations/Ln0rthExample0000001/customFields?model=contact",
        ),
        (
            CrmOp::ReadSchema { object: Object::Task },
            "GET",
            "/locations/Ln0rthExample0000001/customFields?model=contact",
        ),
        (field(PropertyType::Text), "POST", "/locations/Ln0rthExample0000001/customFields"),
        (field(PropertyType::Number), "POST", "/locations/Ln0rthExample0000001/customFields"),
        (
            CrmOp::ListOwners { after: Some("100".into()) },
            "GET",
            "/users/search?companyId=Cagency&locationId=Ln0rthExample0000001&skip=100&limit=100",
        ),
    ]
}

fn settings() -> Vec<(String, String)> {
    [("company_id", "Cagency"), ("field.contact.rb_source", "Fsource0000000000002")]
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .to_vec()
}

#[test]
fn requests_are_the_documented_ones() {
    for (operation, method, path) in table() {
        let request = GoHighLevel.request(&[operation], &connection("gohighlevel", &settings())).unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), (method, path));
        let header = |name: &str| request.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        assert_eq!(header("version"), Some("2021-07-28"));
        assert_eq!(header("authorization"), None, "the credential is the engine's");
        assert_eq!(header("content-type").is_some(), !request.body.is_empty());
    }
}

#[test]
fn requests_satisfy_the_vendors_descriptions() {
    let Some(documents) = documents() else { return };
    let mut bodies = 0;
    for (wanted, ..) in table() {
        let request = GoHighLevel.request(&[wanted], &connection("gohighlevel", &settings())).unwrap();
        let at = format!("{} {}", request.method.as_str(), request.path);
        let (document, operation) = operation(&documents, &request);
        let parameters = operation["parameters"].as_array().unwrap();
        let query: Vec<&str> = request.path.split_once('?').map_or("", |(_, q)| q).split('&').filter(|p| !p.is_empty()).collect();
        let names: Vec<&str> = query.iter().map(|p| p.split('=').next().unwrap()).collect();
        for parameter in parameters.iter().filter(|p| p["in"] == "query" && p["required"] == true) {
            assert!(names.contains(&parameter["name"].as_str().unwrap()), "{at}: no {parameter}");
        }
        for name in names {
            assert!(parameters.iter().any(|p| p["in"] == "query" && p["name"] == name), "{at}: no parameter {name}");
        }
        let version = parameters.iter().find(|p| p["name"] == "Version").unwrap();
        assert!(version["schema"]["enum"].as_array().is_none_or(|v| v.contains(&json!("2021-07-28"))), "{at}");
        match operation.pointer("/requestBody/content/application~1json/schema") {
            Some(schema) => {
                bodies += 1;
                let body: Value = serde_json::from_slice(&request.body).unwrap();
                // The search's body is described as an object of which nothing is said.
                validate(document, schema, &body, !request.path.starts_with("/contacts/search"), &at);
            }
            None => assert!(request.body.is_empty(), "{at}"),
        }
    }
    assert_eq!(bodies, 13);
}

#[test]
fn fixtures_of_successes_satisfy_the_vendors_descriptions() {
    let Some(documents) = documents() else { return };
    // These are wrong on purpose.
    let lies = ["ids-missing", "foreign-json-write", "foreign-json-read", "error-with-200", "deleted-strange", "owners"];
    let mut checked = 0;
    for fixture in fixtures("gohighlevel") {
        let reply = crms::reply(&fixture);
        let Ok(body) = serde_json::from_slice::<Value>(&reply.body) else { continue };
        if !(200..300).contains(&reply.status) || lies.contains(&fixture.name.as_str()) || fixture.name.starts_with("open-tasks") {
            continue;
        }
        let request = GoHighLevel.request(&crms::operations(&fixture), &connection("gohighlevel", &[])).unwrap();
        let (document, operation) = operation(&documents, &request);
        let response = operation.pointer(&format!("/responses/{}", reply.status));
        let response = response.unwrap_or_else(|| panic!("{}: no {} in the description", fixture.name, reply.status));
        // Of what the searches answer the vendor says nothing.
        if let Some(schema) = response.pointer("/content/application~1json/schema") {
            validate(document, schema, &body, false, &fixture.name);
            checked += 1;
        }
    }
    assert!(checked >= 18, "{checked}");
}

#[test]
fn what_one_request_cannot_carry_is_refused_here() {
    let ours = connection("gohighlevel", &settings());
    let create = || make(Object::Contact, None, NEW);
    for operations in [
        vec![],
        vec![create(), create()],
        vec![CrmOp::FindPerson { keys: vec![], properties: vec![] }],
        vec![by_key(Object::Call, None)],
        vec![make(Object::Task, None, TASK)],
        vec![make(Object::Task, Some("C5"), &[("title", "x")])],
        vec![make(Object::Task, Some("C5"), &[("title", "x"), ("dueDate", "2026-03-05T15:00:00Z"), ("color", "red")])],
        vec![make(Object::Contact, None, &[("rb_unheard_of", "x")])],
        vec![by_id(Object::Task, "T7")],
        vec![CrmOp::Associate { from: Object::Task, from_id: "C5/T7".into(), to: Object::Contact, to_id: "C6".into() }],
        vec![CrmOp::ReadMany { object: Object::Deal, ids: vec!["O1".into()], properties: vec![] }],
    ] {
        assert!(GoHighLevel.request(&operations, &ours).is_err(), "{operations:?}");
    }
    // Whoever wants no calls is not touched, nor are tags, which start workflows.
    for name in ["dnd", "dnd.Call", "dndSettings", "tags", "type"] {
        for operation in [make(Object::Contact, None, &[(name, "x")]), update(Object::Contact, "C5", &[(name, "x")])] {
            assert!(GoHighLevel.request(&[operation], &ours).is_err(), "{name}");
        }
    }
}

#[test]
fn a_connection_is_one_sub_account() {
    let mut none = connection("gohighlevel", &[]);
    assert!(GoHighLevel.check(&none).is_empty());
    none.settings.remove("location_id");
    assert_eq!(GoHighLevel.check(&none).len(), 1);
    for (operation, ..) in table() {
        assert!(GoHighLevel.request(&[operation], &none).is_err());
    }
    let odd = connection("gohighlevel", &[("location_id".into(), "a b".into()), ("find".into(), "maybe".into())]);
    assert_eq!(GoHighLevel.check(&odd).len(), 2);
}

#[test]
fn a_location_that_allows_duplicates_is_searched() {
    let one = CrmOp::FindPerson { keys: vec![phone(142)], properties: vec![] };
    let request = GoHighLevel.request(&[one], &connection("gohighlevel", &[("find".into(), "search".into())])).unwrap();
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["locationId"], "Ln0rthExample0000001");
    assert_eq!(
        body["filters"],
        json!([{"group": "OR", "filters": [{"field": "phone", "operator": "eq", "value": "+13125550142"}]}])
    );
}

#[test]
fn a_new_contact_carries_our_key_and_its_location_and_no_wish_for_doubles() {
    let request = GoHighLevel.request(&[make(Object::Contact, None, NEW)], &connection("gohighlevel", &settings())).unwrap();
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["locationId"], "Ln0rthExample0000001");
    assert!(body.get("createNewIfDuplicateAllowed").is_none() && body.get("tags").is_none() && body.get("dnd").is_none());
    let customs = body["customFields"].as_array().unwrap();
    assert!(customs.contains(&json!({"id": "Frbkey00000000000001", "field_value": "rb-01j"})), "{customs:?}");
    assert!(customs.contains(&json!({"id": "Fsource0000000000002", "field_value": "ads"})), "{customs:?}");
}

#[test]
fn without_the_agencys_id_users_are_listed_by_the_deprecated_endpoint() {
    // `apps/users.json`, `GET /users/`.
    let request = GoHighLevel.request(&[CrmOp::ListOwners { after: None }], &connection("gohighlevel", &[])).unwrap();
    assert_eq!(request.path, "/users/?locationId=Ln0rthExample0000001");
}
