//! HubSpot's requests, and the answers in its fixtures, against a machine-readable description of its interface.

use crate::crms;
use crate::referee::Referee;
use crate::support::{connection, fixtures};
use ringback_connect::crms::hubspot::HubSpot;
use ringback_connect::{Crm, Unsupported};
use ringback_core::crm::{CrmOp, Object, PersonKey, Properties, PropertySpec, PropertyType};
use ringback_core::http::{HttpReply, HttpRequest};
use serde_json::{Value, json};

/// HubSpot's description, or a loud word that it is not here.
fn hubspot() -> Option<Referee> {
    Referee::load("hubspot", &["crm-from-apache2-sdk.openapi.json"], undated)
}

/// The path of the description that a dated path stands for, as its own provenance note maps them.
fn undated(path: &str) -> String {
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
    let Some(referee) = hubspot() else { return };
    let mut bodies = 0;
    for version in ["2026-03", "2026-09", "v3"] {
        let connection = connection("hubspot", &[("version".into(), version.into())]);
        assert!(HubSpot.check(&connection).is_empty(), "{version}");
        for (operations, ..) in table() {
            let request = HubSpot.request(&operations, &connection).unwrap();
            let judged = referee.request(request.method.as_str(), &request.path, None, &request.body);
            bodies += usize::from(judged.unwrap_or_else(|why| panic!("{version}: {why}")).body);
        }
    }
    assert_eq!(bodies, 3 * 11);
    let odd = connection("hubspot", &[("version".into(), "latest".into())]);
    assert_eq!(HubSpot.check(&odd).len(), 1);
}

#[test]
fn fixtures_of_successes_satisfy_the_vendors_description() {
    let Some(referee) = hubspot() else { return };
    // These are wrong on purpose.
    let lies = ["ids-missing", "foreign-json-write", "foreign-json-update", "error-with-200"];
    let mut checked = 0;
    for fixture in fixtures("hubspot") {
        let reply = crms::reply(&fixture);
        let readable = serde_json::from_slice::<Value>(&reply.body).is_ok();
        if !readable || !(200..300).contains(&reply.status) || lies.contains(&fixture.name.as_str()) {
            continue;
        }
        let request = HubSpot.request(&crms::operations(&fixture), &connection("hubspot", &[])).unwrap();
        let judged = referee.reply(request.method.as_str(), &request.path, reply.status, &reply.body);
        assert!(judged.unwrap_or_else(|why| panic!("{}: {why}", fixture.name)).body, "{}", fixture.name);
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
