//! Requests to Dynamics 365, and the answers in fixtures, against a description of the Web API.
//!
//! There is no official machine-readable description but the metadata of each environment; the one used here was written from the vendor's
//! pages and is kept beside the project. Without it these tests say so and pass. Table definitions and batches' insides, which it does
//! not describe, are compared with what the pages show.

use crate::crms;
use crate::support::{connection, fixtures};
use ringback_connect::Crm;
use ringback_connect::crms::dynamics::Dynamics;
use ringback_core::crm::{CrmOp, Object, PersonKey, Properties, PropertySpec, PropertyType};
use ringback_core::http::HttpRequest;
use serde_json::{Map, Value, json};
use std::io::Write as _;
use std::path::PathBuf;

const GUID: &str = "8a1b6a2e-0c3d-4e5f-8a9b-1c2d3e4f5a6b";

fn document() -> Option<Value> {
    let shared = std::env::var_os("RINGBACK_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let file = shared.join("vendors/specs/dataverse/dataverse-webapi-derived.openapi.json");
    match std::fs::read(&file) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
        Err(_) => {
            let mut out = std::io::stderr();
            writeln!(out, "SKIPPED (loudly): {} is not here; set RINGBACK_SHARED", file.display()).unwrap();
            None
        }
    }
}

fn properties(list: &[(&str, &str)]) -> Properties {
    list.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
}

fn text(list: &[&str]) -> Vec<String> {
    list.iter().map(|t| (*t).to_owned()).collect()
}

fn upsert(object: Object, key: &str, list: &[(&str, &str)]) -> CrmOp {
    let of = (object != Object::Contact).then(|| format!("leads/{GUID}"));
    CrmOp::Upsert { object, key: key.into(), of, properties: properties(list) }
}

fn call(key: &str) -> CrmOp {
    upsert(
        Object::Call,
        key,
        &[
            ("actualstart", "2026-03-04T23:12:07.25Z"),
            ("directioncode", "false"),
            ("ownerid", GUID),
            ("rb_call_duration_ms", "61000"),
            ("rb_call_from", "+13125550142"),
            ("rb_call_to", "+13125550100"),
            ("subject", "Missed call"),
        ],
    )
}

fn find() -> CrmOp {
    CrmOp::FindPerson {
        keys: vec![
            PersonKey::Phone { e164: "+13125550142".into(), national: "3125550142".into() },
            PersonKey::Email { address: "o'hara@example.com".into() },
        ],
        properties: text(&["firstname", "rb_object", "ownerid", "bad,name"]),
    }
}

fn operations() -> Vec<Vec<CrmOp>> {
    let contact = format!("contacts/{GUID}");
    let property = |kind| PropertySpec {
        name: "rb_x".into(),
        label: "X".into(),
        kind,
        unique: false,
        read_only: false,
        stored_as: None,
    };
    vec![
        vec![find()],
        vec![upsert(
            Object::Contact,
            "rb-contact-1",
            &[("lastname", "Ruiz"), ("donotphone", "true"), ("jobtitle", "")],
        )],
        (0..100)
            .map(|n| upsert(Object::Task, &format!("rb-task-{n}"), &[("statecode", "0"), ("prioritycode", "2")]))
            .collect(),
        vec![call("rb-call-1")],
        vec![call("rb-call-1"), call("rb-call-2")],
        vec![CrmOp::ReadByKey {
            object: Object::Call,
            key: "rb-call-1".into(),
            of: None,
            properties: text(&["subject", "actualstart"]),
            associations: vec![Object::Contact],
        }],
        vec![CrmOp::ReadById {
            object: Object::Contact,
            id: contact.clone(),
            properties: text(&["lastname"]),
            associations: vec![],
            history: true,
        }],
        vec![CrmOp::ReadMany {
            object: Object::Deal,
            ids: vec![format!("opportunities/{GUID}")],
            properties: text(&["name"]),
        }],
        vec![CrmOp::ReadLinks { object: Object::Task, id: format!("tasks/{GUID}"), to: Object::Contact }],
        vec![CrmOp::FindDeals { contact: contact.clone(), properties: text(&["name", "closed"]) }],
        vec![CrmOp::FindDeals { contact: format!("leads/{GUID}"), properties: text(&["name"]) }],
        vec![CrmOp::Update {
            object: Object::Contact,
            id: contact,
            properties: properties(&[("jobtitle", "Owner")]),
            seen: Some("W/\"4711\"".into()),
        }],
        vec![CrmOp::Delete { object: Object::Task, id: format!("tasks/{GUID}") }],
        vec![CrmOp::Changed {
            object: Object::Contact,
            since: "2026-03-04T20:00:00.9Z".parse().unwrap(),
            after: None,
            properties: text(&["lastname"]),
        }],
        vec![CrmOp::ListOwners { after: None }],
        vec![CrmOp::ReadSchema { object: Object::Contact }],
        vec![CrmOp::CreateProperty { object: Object::Contact, property: property(PropertyType::Text) }],
        vec![CrmOp::CreateProperty { object: Object::Task, property: property(PropertyType::Bool) }],
        vec![CrmOp::CreateProperty { object: Object::Task, property: property(PropertyType::DateTime) }],
        vec![CrmOp::CreateProperty { object: Object::Task, property: property(PropertyType::Number) }],
    ]
}

/// Method, path, headers, body.
type Inside = (String, String, Vec<(String, String)>, Value);

/// The requests inside a batch.
fn inside(request: &HttpRequest) -> Vec<Inside> {
    let whole = String::from_utf8(request.body.clone()).unwrap();
    let mut out = Vec::new();
    for piece in whole.split("Content-Transfer-Encoding: binary").skip(1) {
        let (_, piece) = piece.split_once("\r\n\r\n").unwrap();
        let (head, rest) = piece.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let line: Vec<&str> = lines.next().unwrap().split(' ').collect();
        let headers = lines.filter_map(|l| l.split_once(": ")).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        let body = rest.lines().next().and_then(|l| serde_json::from_str(l).ok()).unwrap_or(Value::Null);
        assert_eq!(line.len(), 3, "{line:?}");
        out.push((line[0].to_owned(), line[1].to_owned(), headers, body));
    }
    out
}

fn all_of(request: &HttpRequest) -> Vec<Inside> {
    if request.path.ends_with("/$batch") {
        return inside(request);
    }
    let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    vec![(request.method.as_str().to_owned(), request.path.clone(), request.headers.clone(), body)]
}

#[test]
fn requests_satisfy_the_description() {
    let Some(document) = document() else { return };
    let plain = connection("dynamics", &[]);
    let (mut described, mut definitions) = (0, 0);
    for operations in operations() {
        let request = Dynamics.request(&operations, &plain).unwrap();
        if request.path.ends_with("/$batch") {
            assert!(document["paths"]["/api/data/v9.2/$batch"]["post"].is_object());
            assert_eq!(request.method.as_str(), "POST");
            assert!(request.headers.iter().any(|(n, v)| n == "prefer" && v == "odata.continue-on-error"));
        }
        for (method, path, headers, body) in all_of(&request) {
            let at = format!("{method} {path}");
            assert!(!headers.iter().any(|(n, _)| n == "authorization"), "the credential is the engine's");
            assert!(headers.iter().any(|(n, v)| n == "odata-version" && v == "4.0"), "{at}");
            assert_eq!(headers.iter().any(|(n, _)| n == "content-type"), !body.is_null(), "{at}");
            let (plain_path, query) = path.split_once('?').unwrap_or((&path, ""));
            if plain_path.contains("/EntityDefinitions(") {
                definitions += 1;
                assert!(plain_path.contains("/Attributes"), "{at}");
                continue;
            }
            let template = if plain_path.ends_with(')') {
                "/api/data/v9.2/{entitySet}({key})"
            } else {
                "/api/data/v9.2/{entitySet}"
            };
            let operation = &document["paths"][template][method.to_lowercase()];
            assert!(operation.is_object(), "{at} is not described");
            let known: Vec<&str> =
                operation["parameters"].as_array().into_iter().flatten().filter_map(|p| p["name"].as_str()).collect();
            for pair in query.split('&').filter(|p| !p.is_empty()) {
                let name = pair.split('=').next().unwrap();
                // "append the $select query option to the URL" of a PATCH: page "Update and delete table rows".
                assert!(known.contains(&name) || (method == "PATCH" && name == "$select"), "{at}: no parameter {name}");
                assert!(!pair.contains('+') && !pair.contains(' '), "{at}");
            }
            let schema = operation.pointer("/requestBody/content/application~1json/schema");
            assert_eq!(schema.is_some(), body.is_object(), "{at}");
            described += 1;
        }
    }
    assert!(described >= 118 && definitions == 9, "{described} {definitions}");
}

#[test]
fn requests_are_the_documented_ones() {
    let plain = connection("dynamics", &[]);
    let one = |operation: CrmOp| all_of(&Dynamics.request(&[operation], &plain).unwrap());
    let call = one(call("rb-call-1"));
    let [(method, path, _, fields), (_, again, conditions, completed)] = call.as_slice() else { panic!("{call:?}") };
    assert_eq!(method, "PATCH");
    assert_eq!(path.split('?').next(), Some(again.as_str()));
    assert_eq!(completed, &json!({ "statecode": 1, "statuscode": 4 }));
    assert!(conditions.contains(&("if-match".into(), "*".into())));
    for (name, value) in [
        ("actualstart", json!("2026-03-04T23:12:07Z")),
        ("rb_call_at", json!("2026-03-04T23:12:07.25Z")),
        ("actualend", json!("2026-03-04T23:13:08Z")),
        ("actualdurationminutes", json!(2)),
        ("phonenumber", json!("+13125550142")),
        ("directioncode", json!(false)),
        ("statecode", json!(0)),
        ("rb_key", json!("rb-call-1")),
        ("regardingobjectid_lead_phonecall@odata.bind", json!(format!("/leads({GUID})"))),
        ("ownerid@odata.bind", json!(format!("/systemusers({GUID})"))),
    ] {
        assert_eq!(fields[name], value, "{name}");
    }
    let open = connection("dynamics", &[("phonecalls".into(), "open".into())]);
    assert_eq!(Dynamics.request(&[self::call("rb-call-1")], &open).unwrap().method.as_str(), "PATCH");

    let person = one(upsert(
        Object::Contact,
        "rb-contact-1",
        &[("donotphone", "true"), ("jobtitle", ""), ("leadsourcecode", "8")],
    ));
    let (_, path, headers, body) = &person[0];
    assert!(path.starts_with("/api/data/v9.2/leads("), "{path}");
    assert_eq!(
        (&body["donotphone"], &body["jobtitle"], &body["leadsourcecode"]),
        (&json!(true), &Value::Null, &json!(8))
    );
    assert_eq!(body["subject"], "Phone inquiry");
    assert!(headers.contains(&("prefer".into(), "return=representation".into())));
    assert!(!headers.iter().any(|(n, _)| n.starts_with("mscrm.")), "duplicate rules do not run unless asked for");
    let strict = connection("dynamics", &[("duplicate_detection".into(), "on".into()), ("leads".into(), "no".into())]);
    let request = Dynamics.request(&[upsert(Object::Contact, "rb-contact-1", &[])], &strict).unwrap();
    assert!(request.path.starts_with("/api/data/v9.2/contacts("));
    assert!(request.headers.contains(&("mscrm.suppressduplicatedetection".into(), "false".into())));

    let found = one(find());
    assert_eq!(found.len(), 2);
    for (_, path, ..) in &found {
        assert!(path.contains("%27%2B13125550142%27") && path.contains("%28312%29%20555-0142"), "{path}");
        assert!(path.contains("%27o%27%27hara%40example.com%27"), "{path}");
        assert!(path.contains("_ownerid_value") && !path.contains("bad,name") && !path.contains("rb_object"), "{path}");
    }
    let task =
        one(upsert(Object::Task, "rb-task-1", &[("statecode", "1"), ("scheduledend", "2026-03-04T23:12:07.5Z")]));
    assert_eq!((&task[0].3["statecode"], &task[0].3["statuscode"]), (&json!(1), &json!(5)));
    assert_eq!(task[0].3["rb_due_at"], "2026-03-04T23:12:07.5Z");
    let completed = one(upsert(Object::Task, "rb-task-1", &[("statecode", "1")]));
    assert!(completed[0].3.get("rb_key").is_none(), "a closed task takes no other change");
    let columns = one(CrmOp::CreateProperty {
        object: Object::Contact,
        property: PropertySpec {
            name: "rb_key".into(),
            label: "Ringback key".into(),
            kind: PropertyType::Text,
            unique: true,
            read_only: false,
            stored_as: None,
        },
    });
    assert_eq!(columns.len(), 2);
    for (method, path, headers, body) in &columns {
        assert_eq!((method.as_str(), path.ends_with("/Attributes")), ("POST", true));
        assert!(headers.contains(&("mscrm.solutionuniquename".into(), "Ringback".into())));
        // The properties that the page "Create and update column definitions" lists for a string.
        let wanted = [
            "@odata.type",
            "AttributeType",
            "AttributeTypeName",
            "Description",
            "DisplayName",
            "RequiredLevel",
            "SchemaName",
            "FormatName",
            "MaxLength",
        ];
        let map: &Map<String, Value> = body.as_object().unwrap();
        assert_eq!(map.len(), wanted.len());
        assert!(wanted.iter().all(|name| map.contains_key(*name)), "{body}");
    }
    let prepared = Dynamics.preparation(Object::Contact, &plain);
    assert_eq!(prepared.len(), 2);
    assert!(prepared.iter().all(|r| r.headers.contains(&("if-none-match".into(), "*".into()))));
    let own = connection("dynamics", &[("solution".into(), "Sales".into())]);
    assert!(Dynamics.preparation(Object::Contact, &own).is_empty());
}

#[test]
fn what_one_request_cannot_carry_is_refused_here() {
    let plain = connection("dynamics", &[]);
    let read = |id: &str| CrmOp::ReadById {
        object: Object::Contact,
        id: id.into(),
        properties: vec![],
        associations: vec![],
        history: false,
    };
    for operations in [
        vec![],
        vec![upsert(Object::Contact, "a", &[]), upsert(Object::Task, "b", &[])],
        (0..101).map(|n| upsert(Object::Contact, &n.to_string(), &[])).collect(),
        vec![CrmOp::FindPerson { keys: vec![], properties: vec![] }],
        vec![CrmOp::ReadMany { object: Object::Deal, ids: vec![], properties: vec![] }],
        vec![read("512")],
        vec![read("leads/512")],
        vec![read(&format!("tasks/{GUID}"))],
        vec![read(&format!("contacts/{GUID})/x"))],
        vec![CrmOp::ListOwners { after: Some("https://elsewhere.example/".into()) }],
        vec![upsert(Object::Deal, "a", &[])],
    ] {
        assert!(Dynamics.request(&operations, &plain).is_err(), "{operations:?}");
    }
    let problems = Dynamics.check(&plain);
    assert_eq!(problems.len(), 1, "a connection names its environment");
    let mut odd = connection("dynamics", &[("leads".into(), "maybe".into()), ("burst_requests".into(), "many".into())]);
    odd.base_url = Some("https://contoso.crm.dynamics.com".into());
    assert_eq!(Dynamics.check(&odd).len(), 2);
}

#[test]
fn fixtures_of_single_answers_satisfy_the_description() {
    let Some(document) = document() else { return };
    let mut checked = 0;
    for fixture in fixtures("dynamics") {
        let reply = crms::reply(&fixture);
        let Ok(body) = serde_json::from_slice::<Value>(&reply.body) else { continue };
        let request = Dynamics.request(&crms::operations(&fixture), &connection("dynamics", &[])).unwrap();
        if request.path.ends_with("/$batch")
            || ["foreign-json-write", "error-with-200", "unprocessable"].contains(&fixture.name.as_str())
        {
            continue;
        }
        let path = request.path.split('?').next().unwrap();
        let template =
            if path.ends_with(')') { "/api/data/v9.2/{entitySet}({key})" } else { "/api/data/v9.2/{entitySet}" };
        let responses = &document["paths"][template][request.method.as_str().to_lowercase()]["responses"];
        // Errors have one form, whatever the status; the description does not list every status.
        let error = json!({ "$ref": "#/components/schemas/ODataError" });
        let schema = responses.pointer(&format!("/{}/content/application~1json/schema", reply.status));
        let schema = if reply.status >= 400 {
            &error
        } else {
            schema.unwrap_or_else(|| panic!("{}: {} is not described", fixture.name, reply.status))
        };
        let whole = json!({ "components": document["components"], "allOf": [schema] });
        let errors: Vec<String> =
            jsonschema::draft202012::new(&whole).unwrap().iter_errors(&body).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", fixture.name);
        checked += 1;
    }
    assert!(checked >= 25, "{checked}");
}
