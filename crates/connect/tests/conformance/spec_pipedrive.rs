//! Requests to Pipedrive, and the answers in fixtures, against its published OpenAPI documents.

use crate::crms::{self, connected};
use crate::referee::Referee;
use crate::support::fixtures;
use ringback_connect::crms::pipedrive::Pipedrive;
use ringback_connect::{Connection, Crm};
use ringback_core::crm::{CrmOp, Object, PersonKey, Properties, PropertySpec, PropertyType};
use ringback_core::http::HttpRequest;
use serde_json::{Value, json};

/// The document of v1 names `/v1`, where a company's own address has `/api/v1`.
fn spelling(path: &str) -> String {
    path.strip_prefix("/api/v1").map_or_else(|| path.to_owned(), |rest| format!("/v1{rest}"))
}

fn referee() -> Option<Referee> {
    Referee::load("pipedrive", &["pipedrive-v1-trimmed.openapi.json", "pipedrive-v2-trimmed.openapi.json"], spelling)
}

fn connection(settings: &[(String, String)]) -> Connection {
    connected("pipedrive", settings)
}

/// The fields of every body that v2 documents, deeply where it says so: the service refuses what it does not know.
const BODY_FIELDS: &[(&str, &[&str])] = &[
    ("persons", &["name", "owner_id", "org_id", "emails", "phones", "visible_to", "label_ids", "custom_fields"]),
    (
        "activities",
        &[
            "subject",
            "type",
            "owner_id",
            "deal_id",
            "org_id",
            "due_date",
            "due_time",
            "done",
            "participants",
            "priority",
            "note",
        ],
    ),
    (
        "deals",
        &[
            "title",
            "owner_id",
            "person_id",
            "org_id",
            "pipeline_id",
            "stage_id",
            "value",
            "currency",
            "status",
            "custom_fields",
            "label_ids",
        ],
    ),
    ("personFields", &["field_name", "field_type"]),
];

fn text(list: &[&str]) -> Vec<String> {
    list.iter().map(|t| (*t).to_owned()).collect()
}

fn properties(list: &[(&str, &str)]) -> Properties {
    list.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
}

fn property(name: &str, kind: PropertyType) -> PropertySpec {
    let label = format!("Ringback {name}");
    PropertySpec { name: name.into(), label, kind, unique: false, read_only: false, stored_as: None }
}

fn phone(e164: &str, national: &str) -> PersonKey {
    PersonKey::Phone { e164: e164.into(), national: national.into() }
}

fn email(address: &str) -> PersonKey {
    PersonKey::Email { address: address.into() }
}

const SEEN: &str = r#"{"update_time":"2026-03-04T23:12:07Z","phones":[{"value":"1","primary":true,"label":"home"},{"value":"2","primary":false,"label":"work"}],"note":"Body.<br /><br />— Ringback —<br />[rb-task-1]<br />rb_urgency: high"}"#;

fn update(object: Object, list: &[(&str, &str)]) -> CrmOp {
    CrmOp::Update { object, id: "7".into(), properties: properties(list), seen: Some(SEEN.into()) }
}

fn create(object: Object, list: &[(&str, &str)]) -> CrmOp {
    let key = format!("rb-{}-1", object.as_str());
    CrmOp::Create { object, key, of: (object != Object::Contact).then(|| "1001".into()), properties: properties(list) }
}

fn by_key(object: Object, of: Option<&str>) -> CrmOp {
    let of = of.map(str::to_owned);
    CrmOp::ReadByKey { object, key: "rb-x/1".into(), of, properties: vec![], associations: vec![] }
}

fn by_id(object: Object) -> CrmOp {
    CrmOp::ReadById { object, id: "7".into(), properties: vec![], associations: vec![], history: true }
}

/// Operations with the request that each must be.
#[expect(clippy::too_many_lines, reason = "a table")]
fn table() -> Vec<(CrmOp, &'static str, &'static str)> {
    let find = |keys| CrmOp::FindPerson { keys, properties: vec![] };
    let field = |name, kind| CrmOp::CreateProperty { object: Object::Contact, property: property(name, kind) };
    let changed = |after: Option<&str>| CrmOp::Changed {
        object: Object::Contact,
        since: "2026-03-04T23:12:07.25Z".parse().unwrap(),
        after: after.map(str::to_owned),
        properties: vec![],
    };
    vec![
        (
            find(vec![phone("+13125550142", "3125550142")]),
            "GET",
            "/api/v2/persons/search?term=3125550142&fields=phone&limit=100",
        ),
        (
            find(vec![email("a@example.com"), phone("+4315550142", "15550142"), phone("+13125550142", "3125550142")]),
            "GET",
            "/api/v2/persons/search?term=3125550142&fields=phone&limit=100",
        ),
        (find(vec![phone("+4912345", "12345")]), "GET", "/api/v2/persons/search?term=4912345&fields=phone&limit=100"),
        (
            find(vec![email("a@example.com"), email("dana+x@example.com")]),
            "GET",
            "/api/v2/persons/search?term=dana%2Bx%40example.com&fields=email&exact_match=true&limit=100",
        ),
        (
            by_key(Object::Contact, None),
            "GET",
            "/api/v2/itemSearch/field?term=rb-x%2F1&entity_type=person&field=a1b2c3d4e5f60718293a4b5c6d7e8f9001122334&match=exact&limit=100",
        ),
        (
            by_key(Object::Deal, None),
            "GET",
            "/api/v2/itemSearch/field?term=rb-x%2F1&entity_type=deal&field=a1b2c3d4e5f60718293a4b5c6d7e8f9001122334&match=exact&limit=100",
        ),
        (
            by_key(Object::Task, Some("1001")),
            "GET",
            "/api/v2/activities?person_id=1001&sort_by=id&sort_direction=desc&limit=500",
        ),
        (by_key(Object::Task, None), "GET", "/api/v2/activities?sort_by=update_time&sort_direction=desc&limit=500"),
        (by_id(Object::Contact), "GET", "/api/v2/persons/7?include_fields=won_deals_count"),
        (by_id(Object::Call), "GET", "/api/v2/activities/7"),
        (CrmOp::ReadLinks { object: Object::Task, id: "7".into(), to: Object::Contact }, "GET", "/api/v2/activities/7"),
        (
            CrmOp::ReadMany { object: Object::Contact, ids: text(&["1", "2"]), properties: vec![] },
            "GET",
            "/api/v2/persons?ids=1,2&limit=100&include_fields=won_deals_count",
        ),
        (
            CrmOp::ReadMany { object: Object::Deal, ids: text(&["1"]), properties: vec![] },
            "GET",
            "/api/v2/deals?ids=1&limit=100",
        ),
        (
            CrmOp::FindDeals { contact: "1001".into(), properties: vec![] },
            "GET",
            "/api/v2/deals?person_id=1001&sort_by=update_time&sort_direction=desc&limit=500",
        ),
        (
            create(
                Object::Contact,
                &[
                    ("name", "Caller"),
                    ("phone", "+13125550142"),
                    ("email", "d@example.com"),
                    ("owner_id", "11"),
                    ("rb_urgency", "high"),
                    ("rb_budget", "4000"),
                    ("label_ids", "5,6"),
                ],
            ),
            "POST",
            "/api/v2/persons",
        ),
        (
            create(
                Object::Call,
                &[
                    ("subject", "Missed call"),
                    ("due", "2026-03-04T23:12:07.5Z"),
                    ("note", "a < b"),
                    ("rb_from", "+1"),
                    ("owner_id", "11"),
                ],
            ),
            "POST",
            "/api/v2/activities",
        ),
        (
            create(
                Object::Task,
                &[
                    ("subject", "Call back"),
                    ("due", "2026-03-04T23:12:07Z"),
                    ("done", "false"),
                    ("rb_priority", "high"),
                    ("type", "call"),
                ],
            ),
            "POST",
            "/api/v2/activities",
        ),
        (
            create(Object::Deal, &[("title", "Boiler"), ("value", "12.5"), ("status", "open"), ("stage_id", "2")]),
            "POST",
            "/api/v2/deals",
        ),
        (update(Object::Contact, &[("name", "Dana"), ("phone", "3"), ("rb_budget", "")]), "PATCH", "/api/v2/persons/7"),
        (update(Object::Task, &[("done", "true")]), "PATCH", "/api/v2/activities/7"),
        (
            update(Object::Task, &[("due", "2026-03-04T23:12:07Z"), ("note", "New."), ("rb_trace", "t")]),
            "PATCH",
            "/api/v2/activities/7",
        ),
        (update(Object::Deal, &[("status", "won")]), "PATCH", "/api/v2/deals/7"),
        (
            CrmOp::Associate { from: Object::Task, from_id: "7".into(), to: Object::Contact, to_id: "1001".into() },
            "PATCH",
            "/api/v2/activities/7",
        ),
        (CrmOp::Delete { object: Object::Contact, id: "7".into() }, "DELETE", "/api/v2/persons/7"),
        (CrmOp::Delete { object: Object::Task, id: "7".into() }, "DELETE", "/api/v2/activities/7"),
        (CrmOp::Delete { object: Object::Deal, id: "7".into() }, "DELETE", "/api/v2/deals/7"),
        (
            changed(None),
            "GET",
            "/api/v2/persons?updated_since=2026-03-04T23%3A12%3A07Z&sort_by=update_time&sort_direction=asc&limit=500&include_fields=won_deals_count",
        ),
        (
            changed(Some("e=")),
            "GET",
            "/api/v2/persons?updated_since=2026-03-04T23%3A12%3A07Z&sort_by=update_time&sort_direction=asc&limit=500&include_fields=won_deals_count&cursor=e%3D",
        ),
        (CrmOp::ReadSchema { object: Object::Contact }, "GET", "/api/v2/personFields?limit=500"),
        (CrmOp::ReadSchema { object: Object::Task }, "GET", "/api/v2/activityFields?limit=500"),
        (field("rb_key", PropertyType::Text), "POST", "/api/v2/personFields"),
        (field("rb_urgency", PropertyType::Choice(text(&["a", "b"]))), "POST", "/api/v2/personFields"),
        (field("rb_at", PropertyType::DateTime), "POST", "/api/v2/personFields"),
        (field("rb_budget", PropertyType::Number), "POST", "/api/v2/personFields"),
        (field("rb_yes", PropertyType::Bool), "POST", "/api/v2/personFields"),
        (field("rb_day", PropertyType::Date), "POST", "/api/v2/personFields"),
        (CrmOp::ListOwners { after: None }, "GET", "/v1/users"),
    ]
}

fn sent(operation: &CrmOp) -> HttpRequest {
    Pipedrive.request(std::slice::from_ref(operation), &connection(&[])).unwrap()
}

fn body(operation: &CrmOp) -> Value {
    serde_json::from_slice(&sent(operation).body).unwrap()
}

#[test]
fn requests_are_the_documented_ones() {
    for (operation, method, path) in table() {
        let request = sent(&operation);
        assert_eq!((request.method.as_str(), request.path.as_str()), (method, path));
        let headers: Vec<&str> = request.headers.iter().map(|(n, _)| n.as_str()).collect();
        assert!(!headers.contains(&"x-api-token"), "the credential is the engine's");
        assert_eq!(headers.contains(&"content-type"), !request.body.is_empty());
    }
}

#[test]
fn requests_satisfy_the_vendors_documents() {
    let Some(referee) = referee() else { return };
    let mut bodies = 0;
    for (op, ..) in table() {
        let request = sent(&op);
        let json = (!request.body.is_empty()).then_some("application/json");
        let judged = referee.request(request.method.as_str(), &request.path, json, &request.body);
        bodies += usize::from(judged.unwrap_or_else(|why| panic!("{why}")).body);
        if request.body.is_empty() {
            continue;
        }
        let collection = request.path.split('/').nth(3).unwrap();
        let (_, known) = BODY_FIELDS.iter().find(|(name, _)| *name == collection).unwrap();
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        for name in body.as_object().unwrap().keys() {
            assert!(known.contains(&name.as_str()), "{} {name}", request.path);
        }
    }
    assert_eq!(bodies, 15);
}

#[test]
fn fixtures_of_successes_satisfy_the_vendors_documents() {
    let Some(referee) = referee() else { return };
    // These are wrong on purpose.
    let lies = ["foreign-json-write", "schema-broken", "batch-missing", "error-with-200"];
    let mut checked = 0;
    for fixture in fixtures("pipedrive") {
        let reply = crms::reply(&fixture);
        let readable = serde_json::from_slice::<Value>(&reply.body).is_ok();
        if !readable || !(200..300).contains(&reply.status) || lies.contains(&fixture.name.as_str()) {
            continue;
        }
        let request = Pipedrive.request(&crms::operations(&fixture), &connection(&[])).unwrap();
        let judged = referee.reply(request.method.as_str(), &request.path, reply.status, &reply.body);
        assert!(judged.unwrap_or_else(|why| panic!("{}: {why}", fixture.name)).body, "{}", fixture.name);
        checked += 1;
    }
    assert!(checked >= 25, "{checked}");
}

#[test]
fn a_change_of_one_number_keeps_the_others() {
    let phones = |value: &str| body(&update(Object::Contact, &[("phone", value)]))["phones"].clone();
    assert_eq!(
        phones("3"),
        json!([{"value": "3", "primary": true, "label": "mobile"}, {"value": "1", "primary": false, "label": "home"}, {"value": "2", "primary": false, "label": "work"}])
    );
    assert_eq!(
        phones("2"),
        json!([{"value": "2", "primary": true, "label": "work"}, {"value": "1", "primary": false, "label": "home"}])
    );
    assert_eq!(phones(""), json!([{"value": "2", "primary": false, "label": "work"}]));
    let blind = CrmOp::Update {
        object: Object::Contact,
        id: "7".into(),
        properties: properties(&[("phone", "3")]),
        seen: None,
    };
    assert!(Pipedrive.request(&[blind], &connection(&[])).is_err(), "the others would be lost");
}

#[test]
fn an_activity_carries_key_person_and_exact_time() {
    let made = body(&create(
        Object::Call,
        &[("due", "2026-03-04T23:12:07.5Z"), ("note", "a < b\nc"), ("rb_status", "no_answer")],
    ));
    assert_eq!(made["participants"], json!([{"person_id": 1001, "primary": true}]));
    assert!(made.get("person_id").is_none(), "it is read only");
    assert_eq!(
        (&made["due_date"], &made["due_time"], &made["done"]),
        (&json!("2026-03-04"), &json!("23:12"), &json!(true))
    );
    let note = made["note"].as_str().unwrap();
    assert!(
        note.starts_with("a &lt; b<br>c<br>")
            && note.contains("[rb-call-1]")
            && note.contains("rb_due: 2026-03-04T23:12:07.5Z"),
        "{note}"
    );
    // A change of one line keeps the others and the key.
    let changed = body(&update(Object::Task, &[("rb_trace", "t")]));
    let note = changed["note"].as_str().unwrap();
    assert!(
        note.contains("[rb-task-1]")
            && note.contains("rb_urgency: high")
            && note.contains("rb_trace: t")
            && note.starts_with("Body.")
    );
    assert!(body(&update(Object::Task, &[("done", "true")])).get("note").is_none());
    let settings = [("priority.high".to_owned(), "263".to_owned())];
    let task = create(Object::Task, &[("rb_priority", "high")]);
    let request = Pipedrive.request(&[task], &connection(&settings)).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&request.body).unwrap()["priority"], 263);
}

#[test]
fn what_cannot_be_asked_is_refused_here() {
    let connection = connection(&[]);
    let mut bare = connection.clone();
    bare.settings.clear();
    let contact = create(Object::Contact, &[("name", "x")]);
    assert!(Pipedrive.request(std::slice::from_ref(&contact), &bare).unwrap_err().0.contains("run connect"));
    assert!(Pipedrive.request(&[by_key(Object::Contact, None)], &bare).unwrap_err().0.contains("run connect"));
    for operation in [
        create(Object::Note, &[]),
        create(Object::Contact, &[("lifecycle", "customer")]),
        create(Object::Contact, &[("phone_2", "1")]),
        create(Object::Contact, &[("owner_id", "Ada")]),
        create(Object::Contact, &[("rb_budget", "much")]),
        create(Object::Task, &[("due", "tomorrow")]),
        CrmOp::Upsert { object: Object::Contact, key: "k".into(), of: None, properties: properties(&[]) },
        CrmOp::FindPerson { keys: vec![], properties: vec![] },
        CrmOp::ReadMany { object: Object::Contact, ids: vec![], properties: vec![] },
        CrmOp::CreateProperty { object: Object::Task, property: property("rb_zone", PropertyType::Text) },
        CrmOp::Associate { from: Object::Contact, from_id: "1".into(), to: Object::Deal, to_id: "2".into() },
    ] {
        assert!(Pipedrive.request(std::slice::from_ref(&operation), &connection).is_err(), "{operation:?}");
    }
    assert!(Pipedrive.request(&[contact.clone(), contact], &connection).is_err());
    assert!(Pipedrive.request(&[], &connection).is_err());
}

#[test]
fn settings_are_checked_and_costs_are_the_published_ones() {
    let with = |name: &str, value: &str| Pipedrive.check(&connection(&[(name.to_owned(), value.to_owned())])).len();
    assert_eq!((with("customer_labels", "5, 6"), with("customer_labels", "VIP")), (0, 1));
    assert_eq!((with("priority.high", "263"), with("priority.high", "high")), (0, 1));
    let cost = |operation: CrmOp| Pipedrive.cost(&[operation]);
    assert_eq!(cost(CrmOp::FindPerson { keys: vec![], properties: vec![] }), 20);
    assert_eq!(
        (cost(by_key(Object::Contact, None)), cost(by_key(Object::Task, None)), cost(by_id(Object::Contact))),
        (20, 10, 1)
    );
    assert_eq!((cost(update(Object::Deal, &[])), cost(CrmOp::Delete { object: Object::Task, id: "1".into() })), (5, 3));
}

#[test]
fn the_marketing_status_is_asked_for_where_the_company_has_it() {
    let path = |settings: &[(String, String)]| {
        Pipedrive.request(&[by_id(Object::Contact)], &connection(settings)).unwrap().path
    };
    assert_eq!(path(&[]), "/api/v2/persons/7?include_fields=won_deals_count");
    let noted = [("field.contact.marketing_status".to_owned(), "marketing_status:enum".to_owned())];
    assert_eq!(path(&noted), "/api/v2/persons/7?include_fields=won_deals_count,marketing_status");
}
