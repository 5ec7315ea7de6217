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
        ["crm", "associations", v, rest @ ..] if version(v) => format!("/crm/v4/associations/{}", rest.join("/")),
        ["oauth", v, rest @ ..] if version(v) => format!("/oauth/v1/{}", rest.join("/")),
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

fn keys(n: u32, associations: &[Object]) -> Vec<CrmOp> {
    let one = |n| CrmOp::ReadByKey {
        object: Object::Call,
        key: format!("rb-call-{n}"),
        of: None,
        properties: text(&["hs_call_title"]),
        associations: associations.to_vec(),
    };
    (0..n).map(one).collect()
}

fn ids(n: u32, history: bool) -> Vec<CrmOp> {
    let one = |n: u32| CrmOp::ReadById {
        object: Object::Contact,
        id: n.to_string(),
        properties: text(&["phone", "city"]),
        associations: vec![],
        history: history && n == 0,
    };
    (0..n).map(one).collect()
}

fn caller(n: u32) -> CrmOp {
    CrmOp::FindPerson { keys: vec![phone(n)], properties: text(&["firstname", "lastname", "lifecyclestage"]) }
}

fn associate(n: u32) -> CrmOp {
    CrmOp::Associate { from: Object::Call, from_id: n.to_string(), to: Object::Contact, to_id: "512".into() }
}

fn links(n: u32) -> CrmOp {
    CrmOp::ReadLinks { object: Object::Call, id: n.to_string(), to: Object::Contact }
}

fn make(object: Object) -> CrmOp {
    CrmOp::Create { object, key: "rb-x-1".into(), of: Some("512".into()), properties: properties(&[("name", "x")]) }
}

fn changed(object: Object, after: Option<&str>) -> CrmOp {
    let since = "2026-03-04T00:00:00Z".parse().unwrap();
    CrmOp::Changed { object, since, after: after.map(str::to_owned), properties: text(&["phone"]) }
}

/// The description knows sorts as texts only; the vendor's search guide gives objects, which say the direction.
fn sorts_as_text(body: &[u8]) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else { return body.to_vec() };
    for sort in value.get_mut("sorts").and_then(Value::as_array_mut).into_iter().flatten() {
        *sort = sort["propertyName"].clone();
    }
    value.to_string().into_bytes()
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
        (keys(100, &[]), "POST", "/crm/objects/2026-03/calls/batch/read"),
        (ids(50, true), "POST", "/crm/objects/2026-03/contacts/batch/read"),
        (ids(100, false), "POST", "/crm/objects/2026-03/contacts/batch/read"),
        ((0..30).map(caller).collect(), "POST", "/crm/objects/2026-03/contacts/search"),
        ((0..100).map(associate).collect(), "POST", "/crm/associations/2026-03/calls/contacts/batch/associate/default"),
        (vec![links(7)], "GET", "/crm/objects/2026-03/calls/7/associations/contacts?limit=500"),
        ((0..100).map(links).collect(), "POST", "/crm/associations/2026-03/calls/contacts/batch/read"),
        (vec![make(Object::Call)], "POST", "/crm/objects/2026-03/calls"),
        (vec![make(Object::Note)], "POST", "/crm/objects/2026-03/notes"),
        (vec![make(Object::Deal)], "POST", "/crm/objects/2026-03/deals"),
        (vec![make(Object::Company)], "POST", "/crm/objects/2026-03/companies"),
        (vec![CrmOp::Delete { object: Object::Task, id: "9".into() }], "DELETE", "/crm/objects/2026-03/tasks/9"),
        (vec![changed(Object::Contact, None)], "POST", "/crm/objects/2026-03/contacts/search"),
        (vec![changed(Object::Task, Some("200"))], "POST", "/crm/objects/2026-03/tasks/search"),
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
            let judged = referee.request(request.method.as_str(), &request.path, None, &sorts_as_text(&request.body));
            bodies += usize::from(judged.unwrap_or_else(|why| panic!("{version}: {why}")).body);
        }
    }
    assert_eq!(bodies, 3 * 23);
    let odd = connection("hubspot", &[("version".into(), "latest".into())]);
    assert_eq!(HubSpot.check(&odd).len(), 1);
}

#[test]
fn fixtures_of_successes_satisfy_the_vendors_description() {
    let Some(referee) = hubspot() else { return };
    // These are wrong on purpose.
    let lies = ["ids-missing", "foreign-json-write", "foreign-json-update", "error-with-200"];
    // What a batch of default associations answers when some fail is in no description.
    let undescribed = ["associated-half"];
    let mut checked = 0;
    for fixture in fixtures("hubspot") {
        let reply = crms::reply(&fixture);
        let readable = serde_json::from_slice::<Value>(&reply.body).is_ok();
        if !readable
            || !(200..300).contains(&reply.status)
            || lies.iter().chain(&undescribed).any(|n| *n == fixture.name)
        {
            continue;
        }
        let request = HubSpot.request(&crms::operations(&fixture), &connection("hubspot", &[])).unwrap();
        let judged = referee.reply(request.method.as_str(), &request.path, reply.status, &reply.body);
        assert!(judged.unwrap_or_else(|why| panic!("{}: {why}", fixture.name)).body, "{}", fixture.name);
        checked += 1;
    }
    assert!(checked >= 38, "{checked}");
}

#[test]
fn a_search_never_has_more_groups_than_the_vendor_takes() {
    let keys = (0..20).map(phone).chain((0..20).map(email)).collect();
    let find = CrmOp::FindPerson { keys, properties: vec![] };
    let request = HubSpot.request(&[find], &connection("hubspot", &[])).unwrap();
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let groups = body["filterGroups"].as_array().unwrap();
    assert_eq!(groups.len(), 5);
    assert!(
        groups
            .iter()
            .all(|g| g["filters"][0]["operator"] == "IN" && g["filters"][0]["values"].as_array().unwrap().len() == 20)
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
    let long = vec![CrmOp::FindPerson { keys: (0..60).map(phone).collect(), properties: vec![] }];
    let elsewhere = CrmOp::Associate { from: Object::Call, from_id: "1".into(), to: Object::Deal, to_id: "2".into() };
    let ends = vec![associate(0), elsewhere];
    let linked = keys(2, &[Object::Contact]);
    let histories = ids(51, true);
    let own =
        CrmOp::Create { object: Object::Contact, key: "a".into(), of: Some("5".into()), properties: properties(&[]) };
    let deals = vec![CrmOp::FindDeals { contact: "5".into(), properties: vec![] }];
    let none = vec![CrmOp::ReadMany { object: Object::Contact, ids: vec![], properties: vec![] }];
    for operations in [vec![], mix, twice, many, reads, nobody, none, long, ends, linked, histories, vec![own], deals] {
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

#[test]
fn as_many_callers_share_a_search_as_its_body_holds() {
    let plain = connection("hubspot", &[]);
    let words = HubSpot.words().contact_reads.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
    for (keys, properties) in [(1, words.clone()), (2, words.clone()), (5, words), (1, vec!["a".repeat(2_500)])] {
        let find = |n: u32| CrmOp::FindPerson {
            keys: (0..keys).map(|k| if k % 2 == 0 { phone(n * 10 + k) } else { email(n * 10 + k) }).collect(),
            properties: properties.clone(),
        };
        // Longer addresses come later: of several operations the smallest answer holds.
        let most = (0..40).map(|n| HubSpot.batch_items_max(&find(n), &plain)).min().unwrap();
        assert!((1..=40).contains(&most) && (keys > 2 || properties.len() < 2 || most >= 20), "{keys}: {most}");
        let operations: Vec<CrmOp> = (0..u32::try_from(most).unwrap()).map(find).collect();
        let request = HubSpot.request(&operations, &plain).unwrap();
        assert!(request.body.len() <= 3_000, "{}", request.body.len());
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert!(body["limit"] == 200 && body["filterGroups"].as_array().unwrap().len() <= 5);
    }
}

#[test]
fn records_by_key_are_asked_for_with_all_that_any_of_them_wants() {
    let read = |request: &[CrmOp]| -> Value {
        serde_json::from_slice(&HubSpot.request(request, &connection("hubspot", &[])).unwrap().body).unwrap()
    };
    let mut operations = keys(2, &[]);
    operations.push(operations[0].clone());
    if let Some(CrmOp::ReadByKey { properties, .. }) = operations.get_mut(1) {
        properties.push("hs_timestamp".into());
    }
    let asked = json!({
        "idProperty": "rb_key",
        "inputs": [{ "id": "rb-call-0" }, { "id": "rb-call-1" }],
        "properties": ["hs_call_title", "hs_timestamp", "rb_key"],
        "propertiesWithHistory": [],
    });
    assert_eq!(read(&operations), asked, "each once");
    let by_id = read(&ids(2, true));
    assert_eq!(by_id["propertiesWithHistory"], json!(["phone", "city", "hs_merged_object_ids", "rb_key"]));
    assert!(by_id.get("idProperty").is_none());
}

#[test]
fn a_new_record_is_linked_in_its_own_request() {
    let body = |operation: CrmOp| -> Value {
        serde_json::from_slice(&HubSpot.request(&[operation], &connection("hubspot", &[])).unwrap().body).unwrap()
    };
    for (object, type_id) in
        [(Object::Call, 194), (Object::Task, 204), (Object::Note, 202), (Object::Deal, 3), (Object::Company, 280)]
    {
        let made = body(make(object));
        assert_eq!(made["properties"], json!({ "name": "x", "rb_key": "rb-x-1" }));
        assert_eq!(made["associations"][0]["to"]["id"], "512");
        assert_eq!(made["associations"][0]["types"][0]["associationTypeId"], type_id);
    }
}

#[test]
fn changes_begin_again_where_the_vendor_pages_no_further() {
    let body = |after: Option<&str>| -> Value {
        let request = HubSpot.request(&[changed(Object::Task, after)], &connection("hubspot", &[])).unwrap();
        serde_json::from_slice(&request.body).unwrap()
    };
    let filter = |body: &Value| body["filterGroups"][0]["filters"][0].clone();
    let first = body(None);
    assert_eq!(
        filter(&first),
        json!({ "propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": "1772582400000" })
    );
    assert!(first.get("after").is_none());
    assert_eq!(first["sorts"], json!([{ "propertyName": "hs_lastmodifieddate", "direction": "ASCENDING" }]));
    assert_eq!(body(Some("200"))["after"], "200");
    let again = body(Some("@1772666400000"));
    assert_eq!((filter(&again)["value"].as_str(), again.get("after")), (Some("1772666400000"), None));
}

#[test]
fn tokens_are_asked_for_as_the_description_says() {
    let Some(referee) = hubspot() else { return };
    let oauth = HubSpot.about().oauth.unwrap();
    let path = oauth.token_url.strip_prefix(HubSpot.about().base_url).unwrap();
    let form = b"grant_type=refresh_token&client_id=a&client_secret=b&refresh_token=c";
    let judged = referee.request("POST", path, Some("application/x-www-form-urlencoded"), form).unwrap();
    assert!(judged.body, "{judged:?}");
}
