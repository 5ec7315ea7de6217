//! Requests, and the answers in fixtures, against the vendors' machine-readable descriptions.
//!
//! The description of HubSpot's interface is kept beside the project, not in it; without it these tests say so and pass.

use crate::crms;
use crate::support::{connection, fixtures};
use ringback_connect::crms::hubspot::HubSpot;
use ringback_connect::{Crm, Unsupported};
use ringback_core::crm::{CrmOp, Object, PersonKey, Properties, PropertySpec, PropertyType};
use ringback_core::http::{HttpReply, HttpRequest};
use serde_json::{Map, Value, json};
use std::io::Write as _;
use std::path::PathBuf;

/// HubSpot's description, or a loud word that it is not here.
fn hubspot() -> Option<Value> {
    let shared = std::env::var_os("RINGBACK_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let file = shared.join("vendors/specs/hubspot/crm-from-apache2-sdk.openapi.json");
    match std::fs::read(&file) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
        Err(_) => {
            // Straight to the stream: a test's own output is only shown when it fails.
            let mut out = std::io::stderr();
            writeln!(out, "SKIPPED (loudly): {} is not here; set RINGBACK_SHARED", file.display()).unwrap();
            None
        }
    }
}

/// The path of the description that a dated path stands for, as its own provenance note maps them.
fn undated(path: &str) -> String {
    let path = path.split('?').next().unwrap();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let version = |v: &str| v.len() == 7 && v.as_bytes()[4] == b'-';
    match parts.as_slice() {
        ["crm", "objects", v, from, id, "associations", rest @ ..] if version(v) => {
            format!("/crm/v4/objects/{from}/{id}/associations/{}", rest.join("/"))
        }
        ["crm", "objects", v, rest @ ..] if version(v) => format!("/crm/v3/objects/{}", rest.join("/")),
        ["crm", "owners", v] if version(v) => "/crm/v3/owners/".to_owned(),
        ["crm", area, v, rest @ ..] if version(v) => format!("/crm/v3/{area}/{}", rest.join("/")),
        _ => path.to_owned(),
    }
}

/// The operation of the description that a request is; literal segments win over templates.
fn operation<'a>(document: &'a Value, request: &HttpRequest) -> &'a Value {
    let path = undated(&request.path);
    let given: Vec<&str> = path.split('/').collect();
    let mut best: Option<(usize, &Value)> = None;
    for (template, methods) in document["paths"].as_object().unwrap() {
        let wanted: Vec<&str> = template.split('/').collect();
        let fits = wanted.len() == given.len() && wanted.iter().zip(&given).all(|(w, g)| w.starts_with('{') || w == g);
        let method = &methods[request.method.as_str().to_lowercase()];
        let literal = wanted.iter().filter(|w| !w.starts_with('{')).count();
        if fits && method.is_object() && best.is_none_or(|(most, _)| literal > most) {
            best = Some((literal, method));
        }
    }
    best.unwrap_or_else(|| panic!("{} {} is not in the description", request.method.as_str(), request.path)).1
}

/// OpenAPI 3.0's `nullable` in the words of JSON Schema.
fn nullable(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let kind = map.get("type").and_then(Value::as_str).map(str::to_owned);
            if let (Some(Value::Bool(true)), Some(kind)) = (map.remove("nullable"), kind) {
                map.insert("type".into(), json!([kind, "null"]));
            }
            map.values_mut().for_each(nullable);
        }
        Value::Array(list) => list.iter_mut().for_each(nullable),
        _ => {}
    }
}

fn validate(document: &Value, schema: &Value, instance: &Value, at: &str) {
    let mut whole = Map::new();
    whole.insert("components".into(), document["components"].clone());
    whole.insert("allOf".into(), json!([schema]));
    let mut whole = Value::Object(whole);
    nullable(&mut whole);
    let validator = jsonschema::draft202012::new(&whole).unwrap();
    let errors: Vec<String> = validator.iter_errors(instance).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{at}: {errors:?}\n{instance}");
}

fn text(list: &[&str]) -> Vec<String> {
    list.iter().map(|t| (*t).to_owned()).collect()
}

fn properties(list: &[(&str, &str)]) -> Properties {
    list.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
}

fn property(kind: PropertyType) -> PropertySpec {
    PropertySpec {
        name: "rb_key".into(),
        label: "Ringback key".into(),
        kind,
        unique: true,
        read_only: false,
        stored_as: None,
    }
}

fn upsert(object: Object, key: &str) -> CrmOp {
    CrmOp::Upsert {
        object,
        key: key.into(),
        of: None,
        properties: properties(&[("firstname", "Dana"), ("rb_trace", "https://r.example/t/1")]),
    }
}

fn update(id: &str) -> CrmOp {
    CrmOp::Update {
        object: Object::Contact,
        id: id.into(),
        properties: properties(&[("city", "Evanston")]),
        seen: None,
    }
}

fn phone(n: u32) -> PersonKey {
    PersonKey::Phone { e164: format!("+1312555{n:04}"), national: format!("312555{n:04}") }
}

fn email(n: u32) -> PersonKey {
    PersonKey::Email { address: format!("dana{n}@example.com") }
}

/// Operations with the request that each must be.
fn table() -> Vec<(Vec<CrmOp>, &'static str, &'static str)> {
    let find =
        |keys: Vec<PersonKey>| vec![CrmOp::FindPerson { keys, properties: text(&["firstname", "phone", "phone"]) }];
    let create = |kind| vec![CrmOp::CreateProperty { object: Object::Call, property: property(kind) }];
    vec![
        (find(vec![phone(142), email(1)]), "POST", "/crm/objects/2026-03/contacts/search"),
        (find((0..20).map(phone).chain((0..20).map(email)).collect()), "POST", "/crm/objects/2026-03/contacts/search"),
        (
            vec![CrmOp::ReadByKey {
                object: Object::Call,
                key: "rb-call-01j".into(),
                of: None,
                properties: text(&["hs_call_title"]),
                associations: vec![Object::Contact, Object::Contact, Object::Deal],
            }],
            "GET",
            "/crm/objects/2026-03/calls/rb-call-01j?idProperty=rb_key&properties=hs_call_title,rb_key&associations=contacts,deals",
        ),
        (
            vec![CrmOp::ReadById {
                object: Object::Contact,
                id: "51/2".into(),
                properties: text(&["phone"]),
                associations: vec![],
                history: true,
            }],
            "GET",
            "/crm/objects/2026-03/contacts/51%2F2?properties=phone,rb_key&propertiesWithHistory=phone,rb_key",
        ),
        (
            vec![CrmOp::ReadMany { object: Object::Deal, ids: text(&["1", "2"]), properties: text(&["dealname"]) }],
            "POST",
            "/crm/objects/2026-03/deals/batch/read",
        ),
        (vec![upsert(Object::Contact, "rb-contact-1")], "POST", "/crm/objects/2026-03/contacts/batch/upsert"),
        (
            (0..100).map(|n| upsert(Object::Task, &format!("rb-task-{n}"))).collect(),
            "POST",
            "/crm/objects/2026-03/tasks/batch/upsert",
        ),
        (vec![update("512")], "PATCH", "/crm/objects/2026-03/contacts/512"),
        (vec![update("512"), update("513")], "POST", "/crm/objects/2026-03/contacts/batch/update"),
        (
            vec![CrmOp::Associate { from: Object::Call, from_id: "7".into(), to: Object::Contact, to_id: "5".into() }],
            "PUT",
            "/crm/objects/2026-03/calls/7/associations/default/contacts/5",
        ),
        (vec![CrmOp::ReadSchema { object: Object::Contact }], "GET", "/crm/properties/2026-03/contacts"),
        (create(PropertyType::Text), "POST", "/crm/properties/2026-03/calls"),
        (create(PropertyType::Choice(text(&["a", "b"]))), "POST", "/crm/properties/2026-03/calls"),
        (create(PropertyType::Bool), "POST", "/crm/properties/2026-03/calls"),
        (create(PropertyType::DateTime), "POST", "/crm/properties/2026-03/calls"),
        (vec![CrmOp::ListOwners { after: Some("a=1".into()) }], "GET", "/crm/owners/2026-03?limit=100&after=a%3D1"),
    ]
}

#[test]
fn requests_are_the_documented_ones() {
    for (operations, method, path) in table() {
        let request = HubSpot.request(&operations, &connection("hubspot", &[])).unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), (method, path));
        let headers: Vec<&str> = request.headers.iter().map(|(n, _)| n.as_str()).collect();
        assert!(!headers.contains(&"authorization"), "the credential is the engine's");
        assert_eq!(headers.contains(&"content-type"), !request.body.is_empty());
    }
}

#[test]
fn requests_satisfy_the_vendors_description_in_both_spellings() {
    let Some(document) = hubspot() else { return };
    let mut bodies = 0;
    for version in ["2026-03", "2026-09", "v3"] {
        let connection = connection("hubspot", &[("version".into(), version.into())]);
        assert!(HubSpot.check(&connection).is_empty(), "{version}");
        for (operations, ..) in table() {
            let request = HubSpot.request(&operations, &connection).unwrap();
            let operation = operation(&document, &request);
            let at = format!("{} {}", request.method.as_str(), request.path);
            let known: Vec<&str> =
                operation["parameters"].as_array().into_iter().flatten().filter_map(|p| p["name"].as_str()).collect();
            for pair in request.path.split_once('?').map_or("", |(_, q)| q).split('&').filter(|p| !p.is_empty()) {
                let name = pair.split('=').next().unwrap();
                assert!(known.contains(&name), "{at}: no parameter {name}");
            }
            match operation.pointer("/requestBody/content/application~1json/schema") {
                Some(schema) => {
                    bodies += 1;
                    let body: Value = serde_json::from_slice(&request.body).unwrap();
                    validate(&document, schema, &body, &at);
                }
                None => assert!(request.body.is_empty(), "{at}"),
            }
        }
    }
    assert_eq!(bodies, 3 * 11);
    let odd = connection("hubspot", &[("version".into(), "latest".into())]);
    assert_eq!(HubSpot.check(&odd).len(), 1);
}

#[test]
fn fixtures_of_successes_satisfy_the_vendors_description() {
    let Some(document) = hubspot() else { return };
    // These are wrong on purpose.
    let lies = ["ids-missing", "foreign-json-write", "foreign-json-update", "error-with-200"];
    let mut checked = 0;
    for fixture in fixtures("hubspot") {
        let reply = crms::reply(&fixture);
        let Ok(body) = serde_json::from_slice::<Value>(&reply.body) else { continue };
        if !(200..300).contains(&reply.status) || lies.contains(&fixture.name.as_str()) {
            continue;
        }
        let request = HubSpot.request(&crms::operations(&fixture), &connection("hubspot", &[])).unwrap();
        let operation = operation(&document, &request);
        let schema = operation.pointer(&format!("/responses/{}/content/application~1json/schema", reply.status));
        let schema = schema.unwrap_or_else(|| panic!("{}: no {} in the description", fixture.name, reply.status));
        validate(&document, schema, &body, &fixture.name);
        checked += 1;
    }
    assert!(checked >= 18, "{checked}");
}

#[test]
fn a_search_never_has_more_groups_than_the_vendor_takes() {
    let keys = (0..50).map(phone).chain((0..50).map(email)).collect();
    let find = CrmOp::FindPerson { keys, properties: vec![] };
    let request = HubSpot.request(&[find], &connection("hubspot", &[])).unwrap();
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let groups = body["filterGroups"].as_array().unwrap();
    assert_eq!(groups.len(), 5);
    assert!(
        groups
            .iter()
            .all(|g| g["filters"][0]["operator"] == "IN" && g["filters"][0]["values"].as_array().unwrap().len() == 50)
    );
    let one = CrmOp::FindPerson { keys: vec![phone(142)], properties: vec![] };
    let request = HubSpot.request(&[one], &connection("hubspot", &[])).unwrap();
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(
        body["filterGroups"],
        json!([
            {"filters": [{"propertyName": "hs_searchable_calculated_phone_number", "operator": "EQ", "value": "3125550142"}]},
            {"filters": [{"propertyName": "hs_searchable_calculated_mobile_number", "operator": "EQ", "value": "3125550142"}]},
            {"filters": [{"propertyName": "phone", "operator": "EQ", "value": "+13125550142"}]},
            {"filters": [{"propertyName": "mobilephone", "operator": "EQ", "value": "+13125550142"}]}])
    );
}

#[test]
fn what_one_request_cannot_carry_is_refused_here() {
    let mix = vec![upsert(Object::Contact, "a"), upsert(Object::Task, "b")];
    let twice = vec![upsert(Object::Contact, "a"), upsert(Object::Contact, "a")];
    let many: Vec<CrmOp> = (0..101).map(|n| upsert(Object::Contact, &n.to_string())).collect();
    let reads = vec![CrmOp::ReadSchema { object: Object::Contact }, CrmOp::ReadSchema { object: Object::Call }];
    let nobody = vec![CrmOp::FindPerson { keys: vec![], properties: vec![] }];
    let none = vec![CrmOp::ReadMany { object: Object::Contact, ids: vec![], properties: vec![] }];
    for operations in [vec![], mix, twice, many, reads, nobody, none] {
        let refused: Result<HttpRequest, Unsupported> = HubSpot.request(&operations, &connection("hubspot", &[]));
        assert!(refused.is_err(), "{operations:?}");
    }
}

#[test]
fn our_properties_get_a_group_that_exists() {
    let plain = connection("hubspot", &[]);
    let spec = property(PropertyType::Text);
    for object in [Object::Contact, Object::Call, Object::Task] {
        let make = CrmOp::CreateProperty { object, property: spec.clone() };
        let made: Value =
            serde_json::from_slice(&HubSpot.request(std::slice::from_ref(&make), &plain).unwrap().body).unwrap();
        let asked = HubSpot.preparation(object, &plain);
        let [group] = asked.as_slice() else { panic!("{asked:?}") };
        let body: Value = serde_json::from_slice(&group.body).unwrap();
        assert_eq!(body["name"], made["groupName"]);
        assert!(
            group.path.starts_with("/crm/properties/2026-03/") && group.path.ends_with("/groups"),
            "{}",
            group.path
        );
        // An existing group of the user's own needs nothing made.
        let name = format!("property_group.{}", object.as_str());
        let chosen = connection("hubspot", &[(name, "callinformation".into())]);
        assert_eq!(HubSpot.preparation(object, &chosen), vec![]);
        let made: Value = serde_json::from_slice(&HubSpot.request(&[make], &chosen).unwrap().body).unwrap();
        assert_eq!(made["groupName"], "callinformation");
    }
    let at = "2026-03-04T23:20:00Z".parse().unwrap();
    let error = json!({"status": "error", "message": "Property group ringback already exists", "category": "OBJECT_ALREADY_EXISTS"});
    for (status, body, word) in [
        (201, json!({"name": "ringback", "label": "Ringback", "displayOrder": 1, "archived": false}), "done"),
        (409, error.clone(), "done"),
        (409, json!("a page"), "retry"),
        (200, json!({"ok": true}), "retry"),
        (401, error.clone(), "auth_expired"),
        (403, error, "refused"),
        (500, json!({}), "retry"),
    ] {
        let reply = HttpReply::with(status, "application/json", body.to_string());
        assert_eq!(HubSpot.prepared(&reply, &plain, at).word(), word, "{status} {body}");
    }
}

#[test]
fn a_larger_subscription_is_told_by_settings() {
    let published = HubSpot.about().limits;
    let own = |settings: &[(String, String)]| {
        let connection = connection("hubspot", settings);
        (connection.limits(published), HubSpot.check(&connection))
    };
    assert_eq!(own(&[]), (published, vec![]));
    let (limits, problems) = own(&[("burst_requests".into(), "190".into()), ("search_per_second".into(), "0".into())]);
    assert_eq!((limits.burst_requests, limits.search_per_second, problems.len()), (190, 0, 0));
    assert_eq!(limits.burst_window_ms, published.burst_window_ms);
    let (limits, problems) =
        own(&[("burst_requests".into(), "many".into()), ("search_per_second".into(), "-1".into())]);
    assert_eq!(limits, published, "what cannot be read changes nothing");
    let causes: Vec<_> = problems.iter().map(|p| p.cause.as_str()).collect();
    assert_eq!(causes, ["burst_requests is \"many\"", "search_per_second is \"-1\""]);
}
