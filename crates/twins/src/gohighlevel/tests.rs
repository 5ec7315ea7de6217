//! Every refusal, every quirk, each misbehaviour, and each reply against the vendor's machine-readable documents.

mod spec;
mod walking;

use super::*;
use crate::books::{Books, Kind};
use serde_json::json;

const NOW: i64 = 1_772_719_391_000; // 2026-03-05T14:03:11Z

fn twin() -> GoHighLevel {
    let mut twin = GoHighLevel::default();
    twin.prepare_fields(&[(Kind::Person, "rb_key"), (Kind::Person, "rb_source")]);
    twin
}

fn request(method: &str, path: &str, body: &Value) -> Request {
    let request =
        Request::new(method, path).header("Authorization", "Bearer pit-twin-north").header("Version", "2021-07-28");
    if body.is_null() { request } else { request.json(body) }
}

/// One request with the good token; status and body.
fn ask(twin: &mut GoHighLevel, method: &str, path: &str, body: &Value, now_ms: i64) -> (u16, Value) {
    let reply = twin.handle(&request(method, path, body), now_ms);
    (reply.status, reply.value())
}

fn get(twin: &mut GoHighLevel, path: &str) -> (u16, Value) {
    ask(twin, "GET", path, &Value::Null, NOW)
}

fn post(twin: &mut GoHighLevel, path: &str, body: &Value) -> (u16, Value) {
    ask(twin, "POST", path, body, NOW)
}

fn create(twin: &mut GoHighLevel, fields: &Value) -> (u16, Value) {
    let mut body = fields.clone();
    body["locationId"] = json!(NORTH);
    post(twin, "/contacts/", &body)
}

/// Creates and returns the id.
fn made(twin: &mut GoHighLevel, fields: &Value) -> String {
    let (status, body) = create(twin, fields);
    assert_eq!(status, 201, "{body}");
    body["contact"]["id"].as_str().expect("an id").to_owned()
}

fn keyed(twin: &GoHighLevel, key: &str) -> Value {
    json!([{ "id": twin.field_id(NORTH, "rb_key").expect("a field"), "field_value": key }])
}

fn found(twin: &mut GoHighLevel, filters: &Value, now_ms: i64) -> Vec<String> {
    let (status, body) = ask(
        twin,
        "POST",
        "/contacts/search",
        &json!({ "locationId": NORTH, "pageLimit": 100, "filters": filters }),
        now_ms,
    );
    assert_eq!(status, 200, "{body}");
    body["contacts"].as_array().expect("contacts").iter().map(|c| c["id"].as_str().expect("id").to_owned()).collect()
}

fn people(twin: &GoHighLevel) -> usize {
    twin.entries().iter().filter(|e| e.kind == Kind::Person && !e.gone).count()
}

#[test]
fn a_contact_is_kept_as_it_was_sent_and_numbers_as_e164() {
    let mut twin = twin();
    let fields = keyed(&twin, "rb-contact-1");
    let id = made(
        &mut twin,
        &json!({ "name": "Jo Park", "phone": "(312) 555-0142", "email": "Jo@Example.com", "customFields": fields }),
    );
    let (status, body) = get(&mut twin, &format!("/contacts/{id}"));
    let contact = &body["contact"];
    assert_eq!(
        (status, &contact["phone"], &contact["email"], &contact["firstName"], &contact["type"], &contact["locationId"]),
        (200, &json!("+13125550142"), &json!("jo@example.com"), &json!("Jo"), &json!("lead"), &json!(NORTH))
    );
    assert_eq!(contact["customFields"], json!([{ "id": twin.field_id(NORTH, "rb_key"), "value": "rb-contact-1" }]));
    assert_eq!(twin.entries()[0].marks(), ["rb-contact-1"]);
    let (status, body) =
        ask(&mut twin, "PUT", &format!("/contacts/{id}"), &json!({ "city": "Elgin", "email": null }), NOW);
    assert_eq!((status, &body["succeded"], &body["contact"]["city"]), (200, &json!(true), &json!("Elgin")));
    assert!(body["contact"].get("email").is_none());
    assert_eq!(ask(&mut twin, "DELETE", &format!("/contacts/{id}"), &Value::Null, NOW).0, 200);
    let (status, body) = get(&mut twin, &format!("/contacts/{id}"));
    assert_eq!((status, body["message"].as_str()), (400, Some(format!("Contact with id {id} not found").as_str())));
}

#[test]
fn what_validation_refuses_is_not_done() {
    let mut twin = twin();
    for (body, words) in [
        (json!({ "locationId": NORTH, "shoe": "44" }), "property shoe should not exist"),
        (
            json!({ "locationId": NORTH, "createNewIfDuplicateAllowed": true }),
            "property createNewIfDuplicateAllowed should not exist",
        ),
        (json!({ "phone": "+13125550142" }), "locationId must be a string"),
        (json!({ "locationId": NORTH, "email": "nobody" }), "email must be an email"),
        (json!({ "locationId": NORTH, "phone": 13_125_550_142_u64 }), "phone must be a string"),
        (
            json!({ "locationId": NORTH, "dndSettings": { "Call": { "status": "on" } } }),
            "dndSettings.Call must be one of",
        ),
    ] {
        let (status, answer) = post(&mut twin, "/contacts/", &body);
        assert_eq!((status, &answer["error"]), (422, &json!("Unprocessable Entity")), "{body}");
        assert!(answer["message"][0].as_str().is_some_and(|m| m.starts_with(words)), "{answer}");
    }
    assert_eq!(people(&twin), 0);
    let id = made(&mut twin, &json!({ "phone": "+13125550142" }));
    // A change names no location, and no company.
    for body in [json!({ "locationId": NORTH }), json!({ "companyName": "x" })] {
        assert_eq!(ask(&mut twin, "PUT", &format!("/contacts/{id}"), &body, NOW).0, 422, "{body}");
    }
    let task = json!({ "title": "x", "dueDate": "2026-03-05T15:00:00Z", "completed": false });
    for (name, value, status) in [
        ("title", json!(""), 422),
        ("dueDate", json!("tomorrow"), 422),
        ("completed", json!("no"), 422),
        ("color", json!("r"), 422),
    ] {
        let mut body = task.clone();
        body[name] = value;
        assert_eq!(post(&mut twin, &format!("/contacts/{id}/tasks"), &body).0, status, "{name}");
    }
    assert_eq!(post(&mut twin, &format!("/contacts/{id}/notes"), &json!({ "title": "x" })).0, 422);
    assert_eq!(post(&mut twin, "/contacts/none/notes", &json!({ "body": "x" })).0, 400);
    assert_eq!(get(&mut twin, "/contacts/lookup").1["message"], "Contact with id lookup not found");
    assert_eq!(get(&mut twin, "/nothing").0, 404);
}

#[test]
fn duplicates_follow_the_setting() {
    let mut twin = twin();
    let first = made(&mut twin, &json!({ "firstName": "Jo", "phone": "+13125550142" }));
    let (status, body) = create(&mut twin, &json!({ "phone": "312-555-0142" }));
    assert_eq!(
        (status, &body["meta"]["contactId"], &body["meta"]["matchingField"]),
        (400, &json!(first), &json!("phone"))
    );
    assert_eq!(body["message"], "This location does not allow duplicated contacts.");
    let second = made(&mut twin, &json!({ "email": "al@example.com" }));
    let (status, body) =
        ask(&mut twin, "PUT", &format!("/contacts/{second}"), &json!({ "phone": "+13125550142" }), NOW);
    assert_eq!((status, &body["meta"]["contactId"]), (400, &json!(first)));
    // Told apart by address alone, two may have one number.
    twin.options_mut().locations[0].unique = vec![Unique::Email];
    made(&mut twin, &json!({ "phone": "+13125550142" }));
    let number = format!("/contacts/search/duplicate?locationId={NORTH}&number=%2B13125550142");
    assert_eq!(get(&mut twin, &number).1["contact"], Value::Null, "and the number finds nobody");
    twin.options_mut().locations[0].allow_duplicates = true;
    assert_eq!(get(&mut twin, &number).1["contact"]["id"], json!(first), "one of them, though there are two");
    made(&mut twin, &json!({ "email": "al@example.com", "phone": "+13125550142" }));
    assert_eq!(people(&twin), 4);
}

#[test]
fn an_upsert_overwrites_names_and_drops_a_number_of_somebody_else_in_silence() {
    let mut twin = twin();
    let jo = made(&mut twin, &json!({ "firstName": "Jo", "phone": "+13125550142" }));
    let al = made(&mut twin, &json!({ "firstName": "Al", "email": "al@example.com" }));
    let both =
        json!({ "locationId": NORTH, "firstName": "Unknown", "email": "al@example.com", "phone": "+13125550142" });
    let (status, body) = post(&mut twin, "/contacts/upsert", &both);
    assert_eq!((status, &body["new"], &body["contact"]["id"]), (200, &json!(false), &json!(al)));
    assert_eq!(twin.contact(&al).map(|c| (c.text("firstName"), c.text("phone"))), Some(("Unknown", "")));
    assert_eq!(twin.contact(&jo).map(|c| c.text("firstName")), Some("Jo"));
    twin.options_mut().locations[0].allow_duplicates = true;
    let mut anew = both;
    anew["createNewIfDuplicateAllowed"] = json!(true);
    assert_eq!(post(&mut twin, "/contacts/upsert", &anew).1["new"], json!(true));
}

#[test]
fn a_token_reaches_its_own_sub_account_only() {
    let mut twin = twin();
    let mine = made(&mut twin, &json!({ "phone": "+13125550142" }));
    let as_south = |method: &str, path: &str, body: &Value| {
        let request =
            Request::new(method, path).header("Authorization", "Bearer pit-twin-south").header("Version", "2021-07-28");
        if body.is_null() { request } else { request.json(body) }
    };
    for (method, path, body) in [
        ("GET", format!("/contacts/{mine}"), Value::Null),
        ("PUT", format!("/contacts/{mine}"), json!({ "city": "x" })),
        (
            "POST",
            format!("/contacts/{mine}/tasks"),
            json!({ "title": "x", "dueDate": "2026-03-05", "completed": false }),
        ),
        ("POST", "/contacts/".to_owned(), json!({ "locationId": NORTH, "phone": "+13125550143" })),
        ("POST", "/contacts/search".to_owned(), json!({ "locationId": NORTH, "pageLimit": 1 })),
        ("GET", format!("/contacts/search/duplicate?locationId={NORTH}&number=%2B13125550142"), Value::Null),
        ("GET", format!("/locations/{NORTH}/customFields"), Value::Null),
        ("POST", format!("/locations/{NORTH}/tasks/search"), json!({})),
        ("GET", format!("/users/?locationId={NORTH}"), Value::Null),
        ("GET", format!("/opportunities/search?location_id={NORTH}"), Value::Null),
    ] {
        let reply = twin.handle(&as_south(method, &path, &body), NOW);
        assert_eq!(
            (reply.status, &reply.value()["message"]),
            (403, &json!("The token does not have access to this location.")),
            "{path}"
        );
    }
    // The same number in the other sub-account is another person.
    let reply =
        twin.handle(&as_south("POST", "/contacts/", &json!({ "locationId": SOUTH, "phone": "+13125550142" })), NOW);
    assert_eq!((reply.status, people(&twin)), (201, 2));
    let places: Vec<String> = twin.entries().into_iter().map(|e| e.place).collect();
    assert_eq!(places, [NORTH, SOUTH]);
    // A token of both shows whose record it is.
    twin.options_mut().tokens[1].locations = vec![SOUTH.to_owned(), NORTH.to_owned()];
    let reply = twin.handle(&as_south("GET", &format!("/contacts/{mine}"), &Value::Null), NOW);
    assert_eq!((reply.status, &reply.value()["contact"]["locationId"]), (200, &json!(NORTH)));
}

#[test]
fn search_lags_reads_and_lists_do_not() {
    let mut twin = twin();
    let fields = keyed(&twin, "rb-contact-1");
    let id = made(&mut twin, &json!({ "phone": "+13125550142", "customFields": fields }));
    let key = json!([{ "field": format!("customFields.{}", twin.field_id(NORTH, "rb_key").unwrap_or_default()), "operator": "eq", "value": "rb-contact-1" }]);
    assert_eq!(found(&mut twin, &key, NOW + 4_999), Vec::<String>::new());
    assert_eq!(found(&mut twin, &key, NOW + 5_000), std::slice::from_ref(&id));
    assert_eq!(
        get(&mut twin, &format!("/contacts/search/duplicate?locationId={NORTH}&number=%2B13125550142")).1["contact"]["id"],
        json!(id)
    );
    crate::fault::Vendor::stale_search(&mut twin, 60_000, NOW + 120_000);
    assert_eq!(found(&mut twin, &key, NOW + 59_999), Vec::<String>::new());
    assert_eq!(found(&mut twin, &key, NOW + 60_000), std::slice::from_ref(&id));
    // A change lags as well, and a deleted contact still shows for a while.
    let later = NOW + 200_000;
    ask(&mut twin, "PUT", &format!("/contacts/{id}"), &json!({ "city": "Elgin" }), later);
    let city = json!([{ "field": "city", "operator": "eq", "value": "Elgin" }]);
    assert_eq!(found(&mut twin, &city, later + 1_000).len(), 0);
    assert_eq!(found(&mut twin, &city, later + 5_000).len(), 1);
    ask(&mut twin, "DELETE", &format!("/contacts/{id}"), &Value::Null, later + 6_000);
    assert_eq!((found(&mut twin, &city, later + 7_000).len(), found(&mut twin, &city, later + 11_000).len()), (1, 0));
}

#[test]
fn the_search_takes_groups_ranges_and_cursors_and_refuses_the_rest() {
    let mut twin = twin();
    let ids: Vec<String> = (0..5)
        .map(|n| made(&mut twin, &json!({ "phone": format!("+1312555014{n}"), "email": format!("p{n}@example.com") })))
        .collect();
    let at = NOW + 60_000;
    let either = json!([{ "group": "OR", "filters": [
        { "field": "phone", "operator": "eq", "value": "+13125550141" }, { "field": "email", "operator": "eq", "value": "P3@example.com" }] }]);
    let mut both = found(&mut twin, &either, at);
    both.sort();
    assert_eq!(both, [ids[1].clone(), ids[3].clone()]);
    let since = |text: &str| json!([{ "field": "dateUpdated", "operator": "range", "value": { "gte": text } }]);
    assert_eq!(found(&mut twin, &since("2026-03-05T14:03:11Z"), at).len(), 5);
    assert_eq!(found(&mut twin, &since("2026-03-05T14:03:12Z"), at).len(), 0);
    let page = |after: &Value| {
        let mut body =
            json!({ "locationId": NORTH, "pageLimit": 3, "sort": [{ "field": "dateUpdated", "direction": "asc" }] });
        if !after.is_null() {
            body["searchAfter"] = after.clone();
        }
        body
    };
    let (_, first) = ask(&mut twin, "POST", "/contacts/search", &page(&Value::Null), at);
    assert_eq!((&first["total"], first["contacts"].as_array().map(Vec::len)), (&json!(5), Some(3)));
    let (_, second) = ask(&mut twin, "POST", "/contacts/search", &page(&first["contacts"][2]["searchAfter"]), at);
    let rest: Vec<&str> =
        second["contacts"].as_array().into_iter().flatten().filter_map(|c| c["id"].as_str()).collect();
    assert_eq!(rest, [ids[3].as_str(), ids[4].as_str()]);
    for (status, body) in [
        (422, json!({ "pageLimit": 1 })),
        (422, json!({ "locationId": NORTH })),
        (422, json!({ "locationId": NORTH, "pageLimit": 501 })),
        (422, json!({ "locationId": NORTH, "pageLimit": 1, "page": 1, "searchAfter": [1, "x"] })),
        (
            400,
            json!({ "locationId": NORTH, "pageLimit": 1, "filters": [{ "field": "tasks.assignedTo", "operator": "eq", "value": "x" }] }),
        ),
        (
            400,
            json!({ "locationId": NORTH, "pageLimit": 1, "filters": [{ "field": "customFields.nope", "operator": "eq", "value": "x" }] }),
        ),
        (
            422,
            json!({ "locationId": NORTH, "pageLimit": 1, "filters": [{ "field": "phone", "operator": "like", "value": "x" }] }),
        ),
        (
            422,
            json!({ "locationId": NORTH, "pageLimit": 1, "filters": [{ "field": "phone", "operator": "eq", "value": "x".repeat(76) }] }),
        ),
    ] {
        assert_eq!(post(&mut twin, "/contacts/search", &body).0, status, "{body}");
    }
}

#[test]
fn whoever_wants_no_calls_is_read_as_such_and_tags_are_replaced_by_a_change() {
    let mut twin = twin();
    let id = twin.seed_person("Jo Park", "+13125550142", None, true, NOW);
    assert!(twin.type_in(&id, "dnd", "true", NOW));
    let (_, body) = get(&mut twin, &format!("/contacts/{id}"));
    assert_eq!(
        (&body["contact"]["dnd"], &body["contact"]["dndSettings"]["Call"]["status"]),
        (&json!(true), &json!("active"))
    );
    assert_eq!(body["contact"]["type"], "customer");
    ask(&mut twin, "PUT", &format!("/contacts/{id}"), &json!({ "city": "Elgin" }), NOW);
    assert_eq!(
        get(&mut twin, &format!("/contacts/{id}")).1["contact"]["dnd"],
        true,
        "a change of something else leaves it"
    );
    let tags = format!("/contacts/{id}/tags");
    assert_eq!(post(&mut twin, &tags, &json!({ "tags": ["VIP"] })).1["tags"], json!(["vip"]));
    assert_eq!(post(&mut twin, &tags, &json!({ "tags": ["late"] })).1["tags"], json!(["vip", "late"]));
    ask(&mut twin, "PUT", &format!("/contacts/{id}"), &json!({ "tags": ["new"] }), NOW);
    assert_eq!(ask(&mut twin, "DELETE", &tags, &json!({ "tags": ["x"] }), NOW).1["tags"], json!(["new"]));
}

#[test]
fn refused_by_token_version_and_scope() {
    let mut twin = twin();
    let path = format!("/locations/{NORTH}/customFields");
    let bare = Request::new("GET", &path).header("Version", "2021-07-28");
    for request in [
        bare.clone(),
        bare.clone().header("Authorization", "Bearer wrong"),
        bare.clone().header("Authorization", "Bearer "),
    ] {
        let reply = twin.handle(&request, NOW);
        assert_eq!((reply.status, &reply.value()["error"]), (401, &json!("Unauthorized")));
    }
    let reply = twin.handle(&Request::new("GET", &path).header("Authorization", "Bearer pit-twin-north"), NOW);
    assert_eq!(reply.status, 400);
    twin.options_mut().tokens[0].scopes = Some(vec!["contacts.readonly".to_owned()]);
    assert_eq!(
        post(&mut twin, "/contacts/search", &json!({ "locationId": NORTH, "pageLimit": 1 })).0,
        200,
        "search only reads"
    );
    let (status, body) = create(&mut twin, &json!({ "phone": "+13125550142" }));
    assert_eq!((status, &body["message"]), (401, &json!("The token is not authorized for this scope.")));
}

#[test]
fn a_refresh_token_works_once() {
    let mut twin = twin();
    let mut refresh = |token: &str, now: i64| {
        let form = format!(
            "client_id=app-twin&client_secret=app-twin-secret&grant_type=refresh_token&refresh_token={token}&user_type=Location"
        );
        let request = Request { body: form.into_bytes(), ..Request::new("POST", "/oauth/token") };
        let reply = twin.handle(&request, now);
        (reply.status, reply.value())
    };
    let (status, first) = refresh("refresh-twin-1", NOW);
    assert_eq!((status, &first["expires_in"], &first["locationId"]), (200, &json!(86_399), &json!(NORTH)));
    assert_eq!(refresh("refresh-twin-1", NOW).0, 400, "the old one is void");
    let (status, second) = refresh(first["refresh_token"].as_str().unwrap_or_default(), NOW);
    assert_eq!(status, 200);
    assert_ne!(first["access_token"], second["access_token"]);
    let with = |token: &Value| {
        Request::new("GET", &format!("/locations/{NORTH}/customFields"))
            .header("Authorization", &format!("Bearer {}", token.as_str().unwrap_or_default()))
            .header("Version", "2021-07-28")
    };
    assert_eq!(twin.handle(&with(&first["access_token"]), NOW).status, 200);
    assert_eq!(twin.handle(&with(&first["access_token"]), NOW + 86_399_000).status, 401, "after a day");
}

#[test]
fn limits_refuse_per_sub_account_and_open_again() {
    let mut twin = twin();
    twin.options_mut().limits = Limits { burst_max: Some(2), daily_max: Some(4), ..Limits::default() };
    let path = format!("/locations/{NORTH}/customFields");
    let mut at = |now: i64| twin.handle(&request("GET", &path, &Value::Null), now);
    let first = at(NOW);
    assert_eq!(
        (first.get_header("X-RateLimit-Max"), first.get_header("X-RateLimit-Remaining")),
        (Some("2"), Some("1"))
    );
    assert_eq!(at(NOW + 1).status, 200);
    let over = at(NOW + 9_999);
    assert_eq!(
        (over.status, over.get_header("X-RateLimit-Remaining"), over.get_header("Retry-After")),
        (429, Some("0"), None)
    );
    assert_eq!((at(NOW + 10_000).status, at(NOW + 10_001).status), (200, 200));
    let daily = at(NOW + 60_000);
    assert_eq!((daily.status, daily.get_header("X-RateLimit-Daily-Remaining")), (429, Some("0")));
    let midnight = NOW.div_euclid(crate::civil::DAY_MS) * crate::civil::DAY_MS + crate::civil::DAY_MS;
    assert_eq!((at(midnight - 1).status, at(midnight).status), (429, 200));
    let south = Request::new("GET", &format!("/locations/{SOUTH}/customFields"))
        .header("Authorization", "Bearer pit-twin-south")
        .header("Version", "2021-07-28");
    assert_eq!(twin.handle(&south, NOW).status, 200, "each sub-account has its own");
}
