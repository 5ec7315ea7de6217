//! What Pipedrive keeps, refuses and forgets; its misbehaviours; each reply against the published documents.

use super::*;
use crate::books::{Books, Kind};
use crate::fault::{Fault, Faulty, Rule, Script, Vendor, When};
use crate::log::Seen;
use crate::{Reply, Request};

#[path = "../../../connect/tests/conformance/referee.rs"]
mod referee;

const NOW: i64 = 1_772_719_391_000; // 2026-03-05T14:03:11Z

fn request(method: &str, path: &str, body: &Value) -> Request {
    let request = Request::new(method, path).header("x-api-token", "pd-twin-token");
    if body.is_null() { request } else { request.json(body) }
}

fn ask(twin: &mut Pipedrive, method: &str, path: &str, body: &Value, now_ms: i64) -> (u16, Value) {
    let reply = twin.handle(&request(method, path, body), now_ms);
    (reply.status, reply.value())
}

fn free() -> Pipedrive {
    let mut twin = Pipedrive::default();
    twin.options.limits = Limits::none();
    twin
}

fn made(twin: &mut Pipedrive, shelf: &str, body: &Value) -> u64 {
    let (status, reply) = ask(twin, "POST", &format!("/api/v2/{shelf}"), body, NOW);
    assert_eq!(status, 200, "{reply}");
    reply["data"]["id"].as_u64().expect("an id")
}

fn found(twin: &mut Pipedrive, query: &str, now_ms: i64) -> Vec<u64> {
    let (status, reply) = ask(twin, "GET", &format!("/api/v2/persons/search?{query}"), &Value::Null, now_ms);
    assert_eq!(status, 200, "{reply}");
    reply["data"]["items"].as_array().expect("items").iter().filter_map(|i| i["item"]["id"].as_u64()).collect()
}

fn jo() -> Value {
    json!({ "name": "Jo Ruiz", "phones": [{ "value": "+1 312-555-0142", "primary": true, "label": "mobile" }],
        "emails": [{ "value": "Jo@Example.com" }] })
}

#[test]
fn a_person_is_made_read_changed_and_deleted() {
    let mut twin = free();
    let key = twin.define(Shelf::Persons, "rb_key", "varchar", &[]);
    let other = twin.define(Shelf::Persons, "Roof", "enum", &["Slate", "Tile"]);
    let mut body = jo();
    body["custom_fields"] = json!({ key.as_str(): "rb-contact-1" });
    let id = made(&mut twin, "persons", &body);
    let path = format!("/api/v2/persons/{id}");
    let (_, read) = ask(&mut twin, "GET", &path, &Value::Null, NOW);
    let data = &read["data"];
    assert_eq!((&data["first_name"], &data["last_name"]), (&json!("Jo"), &json!("Ruiz")));
    assert_eq!(data["custom_fields"], json!({ key.as_str(): "rb-contact-1", other.as_str(): null }));
    assert_eq!(data["update_time"], "2026-03-05T14:03:11Z");
    // A change of numbers replaces the list; of custom fields only those named.
    let option = twin.fields(Shelf::Persons).last().map(|f| f.options[0].0);
    let change = json!({ "phones": [{ "value": "2" }], "custom_fields": { other.as_str(): option } });
    let (_, changed) = ask(&mut twin, "PATCH", &path, &change, NOW + 5_000);
    assert_eq!(changed["data"]["phones"], json!([{ "value": "2", "primary": true, "label": "work" }]));
    assert_eq!(changed["data"]["custom_fields"][key.as_str()], "rb-contact-1");
    assert_eq!(ask(&mut twin, "DELETE", &path, &Value::Null, NOW).1, json!({ "success": true, "data": { "id": id } }));
    assert_eq!(ask(&mut twin, "GET", &path, &Value::Null, NOW).0, 404);
    assert_eq!(ask(&mut twin, "GET", &format!("/api/v2/persons?ids={id}"), &Value::Null, NOW).1["data"], json!([]));
    // The same request twice makes two records.
    made(&mut twin, "persons", &jo());
    made(&mut twin, "persons", &jo());
    assert_eq!(twin.rows(Shelf::Persons).len(), 2);
}

#[test]
fn what_the_vendor_refuses_is_refused_and_changes_nothing() {
    let mut twin = free();
    let key = twin.define(Shelf::Persons, "rb_key", "varchar", &[]);
    let set = twin.define(Shelf::Persons, "Tags", "set", &["A"]);
    let number = twin.define(Shelf::Persons, "Size", "double", &[]);
    let long = "x".repeat(256);
    let person = made(&mut twin, "persons", &jo());
    let code = "f".repeat(40);
    let cases: Vec<(&str, &str, Value, u16, &str)> = vec![
        ("POST", "persons", json!({ "phones": [] }), 400, "'name' is required"),
        ("POST", "persons", json!({ "name": "x", "job_title": "y" }), 400, "Parameter 'job_title' is not allowed"),
        ("POST", "persons", json!({ "name": "x", "owner_id": 13 }), 400, "not active"),
        ("POST", "persons", json!({ "name": "x", "owner_id": "11" }), 400, "Expected integer"),
        ("POST", "persons", json!({ "name": "x", "phones": ["1"] }), 400, "Expected object"),
        ("POST", "persons", json!({ "name": "x", "phones": [{ "value": 1 }] }), 400, "phones.0.value"),
        ("POST", "persons", json!({ "name": "x", "custom_fields": { code.as_str(): "y" } }), 400, "is not allowed"),
        ("POST", "persons", json!({ "name": "x", "custom_fields": { key.as_str(): long } }), 400, "varchar"),
        ("POST", "persons", json!({ "name": "x", "custom_fields": { set.as_str(): [] } }), 400, "set"),
        ("POST", "persons", json!({ "name": "x", "custom_fields": { number.as_str(): "5" } }), 400, "double"),
        ("POST", "deals", json!({ "person_id": person }), 400, "'title' is required"),
        ("POST", "deals", json!({ "title": "x", "status": "lots" }), 400, "open, won, lost"),
        ("POST", "deals", json!({ "title": "x", "value": "5" }), 400, "Expected number"),
        ("POST", "activities", json!({ "subject": "x", "person_id": person }), 400, "'person_id' is a read-only field"),
        ("POST", "activities", json!({ "participants": [{ "person_id": 9 }] }), 400, "Person not found"),
        ("POST", "activities", json!({ "type": "shout" }), 400, "Must be one of: call"),
        ("POST", "activities", json!({ "due_date": "5.3.2026" }), 400, "format"),
        ("POST", "activities", json!({ "due_time": "3pm" }), 400, "format"),
        ("POST", "activities", json!({ "done": 1 }), 400, "Expected boolean"),
        ("POST", "activities", json!({ "deal_id": 1, "lead_id": "x" }), 400, "not to both"),
        ("POST", "personFields", json!({ "field_name": "x", "field_type": "boolean" }), 400, "field_type"),
        ("POST", "personFields", json!({ "field_name": "x", "field_type": "enum" }), 400, "options"),
        ("POST", "personFields", json!({ "field_type": "text" }), 400, "field_name"),
        ("PATCH", "persons/9", json!({ "name": "x" }), 404, "Person not found"),
        ("GET", "activities/9", Value::Null, 404, "Activity not found"),
        ("GET", "persons/x", Value::Null, 400, "Expected integer"),
        ("GET", "persons?limit=501", Value::Null, 400, "between 1 and 500"),
        ("GET", "persons?shoe=44", Value::Null, 400, "Parameter 'shoe' is not allowed"),
        ("GET", "persons?updated_since=2026-03-05T14:03:11.250Z", Value::Null, 400, "not a valid datetime"),
        ("GET", "persons/search?term=a", Value::Null, 400, "at least 2 characters"),
        ("GET", "itemSearch/field?term=ab&entity_type=person&field=none", Value::Null, 400, "does not exist"),
        ("GET", "nothing", Value::Null, 404, "Unknown method"),
    ];
    let (records, fields) = (twin.entries().len(), twin.fields(Shelf::Persons).len());
    for (method, path, body, status, words) in cases {
        let (got, reply) = ask(&mut twin, method, &format!("/api/v2/{path}"), &body, NOW);
        assert_eq!((got, &reply["success"]), (status, &json!(false)), "{method} {path} {body}: {reply}");
        assert!(reply["error"].as_str().expect("a sentence").contains(words), "{reply}");
    }
    assert_eq!((twin.entries().len(), twin.fields(Shelf::Persons).len()), (records, fields));
}

#[test]
fn credentials_are_asked_for_and_oauth_gives_one_for_an_hour() {
    let mut twin = free();
    let path = "/api/v1/users/me";
    for bad in [Request::new("GET", path), Request::new("GET", path).header("x-api-token", "wrong")] {
        let reply = twin.handle(&bad, NOW);
        assert_eq!((reply.status, &reply.value()["errorCode"]), (401, &json!(401)));
    }
    let basic = "Basic cGQtY2xpZW50OnBkLWNsaWVudC1zZWNyZXQ="; // pd-client:pd-client-secret
    let token = |basic: &str, refresh: &str| {
        let mut request =
            Request::new("POST", "/oauth/token").header("Authorization", basic).header("Host", "127.0.0.1:9");
        request.body = format!("grant_type=refresh_token&refresh_token={refresh}").into_bytes();
        request
    };
    assert_eq!(twin.handle(&token("Basic eA==", "pd-refresh"), NOW).status, 401);
    assert_eq!(twin.handle(&token(basic, "old"), NOW).value()["error"], "invalid_grant");
    let given = twin.handle(&token(basic, "pd-refresh"), NOW).value();
    assert_eq!((&given["refresh_token"], &given["api_domain"]), (&json!("pd-refresh"), &json!("http://127.0.0.1:9")));
    let bearer = format!("Bearer {}", given["access_token"].as_str().expect("a token"));
    let ask = Request::new("GET", path).header("Authorization", &bearer);
    assert_eq!(twin.handle(&ask, NOW).value()["data"]["email"], "ada.north@example.com");
    assert_eq!(twin.handle(&ask, NOW + 3_600_000).status, 401, "expired");
}

#[test]
fn search_lags_and_lists_do_not() {
    let mut twin = free();
    let key = twin.define(Shelf::Persons, "rb_key", "varchar", &[]);
    let mut body = jo();
    body["custom_fields"] = json!({ key.as_str(): "rb-contact-1" });
    let id = made(&mut twin, "persons", &body);
    let by_key = |twin: &mut Pipedrive, term: &str, now_ms| {
        let path = format!("/api/v2/itemSearch/field?term={term}&entity_type=person&field={key}&match=exact");
        ask(twin, "GET", &path, &Value::Null, now_ms).1["data"].clone()
    };
    assert_eq!(found(&mut twin, "term=3125550142&fields=phone", NOW), [0_u64; 0]);
    assert_eq!(by_key(&mut twin, "rb-contact-1", NOW), json!([]));
    let (_, listed) = ask(&mut twin, "GET", "/api/v2/persons?updated_since=2026-03-05T14:03:11Z", &Value::Null, NOW);
    assert_eq!(listed["data"][0]["id"], id);
    let later = NOW + 10_000;
    assert_eq!(found(&mut twin, "term=3125550142&fields=phone", later), [id]);
    assert_eq!(found(&mut twin, "term=312-555&fields=phone", later), [id]);
    assert_eq!(found(&mut twin, "term=jo%40example.com&fields=email&exact_match=true", later), [id]);
    assert_eq!(found(&mut twin, "term=example.com&fields=email&exact_match=true", later), [0_u64; 0]);
    assert_eq!(by_key(&mut twin, "rb-contact-1", later), json!([{ "id": id, "name": "Jo Ruiz" }]));
    assert_eq!(by_key(&mut twin, "RB-contact-1", later), json!([]), "case counts in an exact match");
    Vendor::stale_search(&mut twin, 120_000, later + 60_000);
    assert_eq!(by_key(&mut twin, "rb-contact-1", later), json!([]));
    // A deleted record is found until the index hears of it.
    ask(&mut twin, "DELETE", &format!("/api/v2/persons/{id}"), &Value::Null, NOW + 200_000);
    assert_eq!(found(&mut twin, "term=3125550142&fields=phone", NOW + 201_000), [id]);
    assert_eq!(found(&mut twin, "term=3125550142&fields=phone", NOW + 211_000), [0_u64; 0]);
    twin.options.search_ignores_punctuation = false;
    made(&mut twin, "persons", &jo());
    assert_eq!(found(&mut twin, "term=3125550142&fields=phone", NOW + 300_000), [0_u64; 0]);
}

#[test]
fn activities_hang_on_people_and_lists_page() {
    let mut twin = free();
    let jo = made(&mut twin, "persons", &jo());
    let ann = made(&mut twin, "persons", &json!({ "name": "Ann" }));
    let note = "Rang <b>twice</b><br>[rb-call-1]<script>alert(1)</script> &quot;x&quot;";
    let body = json!({ "subject": "Missed call", "done": true, "due_date": "2026-03-05", "due_time": "14:03", "note": note,
        "participants": [{ "person_id": ann }, { "person_id": jo, "primary": true }] });
    let id = made(&mut twin, "activities", &body);
    let (_, read) = ask(&mut twin, "GET", &format!("/api/v2/activities/{id}"), &Value::Null, NOW);
    let data = &read["data"];
    assert_eq!(
        (&data["person_id"], &data["type"], &data["due_time"]),
        (&json!(jo), &json!("call"), &json!("14:03:00"))
    );
    assert_eq!(data["note"], "Rang <b>twice</b><br />[rb-call-1] \"x\"");
    for n in 0..3 {
        made(
            &mut twin,
            "activities",
            &json!({ "subject": format!("T{n}"), "type": "task", "participants": [{ "person_id": jo }] }),
        );
    }
    let page = |twin: &mut Pipedrive, query: &str| {
        ask(twin, "GET", &format!("/api/v2/activities?{query}"), &Value::Null, NOW).1
    };
    let first = page(&mut twin, &format!("person_id={jo}&sort_by=id&sort_direction=desc&limit=3"));
    assert_eq!(first["data"].as_array().map(Vec::len), Some(3));
    let cursor = first["additional_data"]["next_cursor"].as_str().expect("more").to_owned();
    let rest = page(&mut twin, &format!("person_id={jo}&sort_by=id&sort_direction=desc&limit=3&cursor={cursor}"));
    assert_eq!((&rest["data"][0]["id"], &rest["additional_data"]["next_cursor"]), (&json!(id), &Value::Null));
    assert_eq!(page(&mut twin, &format!("person_id={ann}"))["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(page(&mut twin, "done=true")["data"].as_array().map(Vec::len), Some(1));
    // Merged, the person's activities move and the person is gone.
    let path = format!("/api/v1/persons/{jo}/merge");
    assert_eq!(ask(&mut twin, "PUT", &path, &json!({ "merge_with_id": ann }), NOW).0, 200);
    assert_eq!(page(&mut twin, &format!("person_id={ann}"))["data"].as_array().map(Vec::len), Some(4));
    assert_eq!(ask(&mut twin, "GET", &format!("/api/v2/persons/{jo}"), &Value::Null, NOW).0, 404);
    let (_, kept) = ask(&mut twin, "GET", &format!("/api/v2/persons/{ann}"), &Value::Null, NOW);
    assert_eq!(kept["data"]["phones"][0]["value"], "+1 312-555-0142");
}

#[test]
fn limits_count_requests_searches_and_tokens_and_end_in_a_page() {
    let mut twin = Pipedrive::default();
    twin.options.limits = Limits {
        burst_max: Some(3),
        search_max: Some(1),
        daily_tokens: Some(60),
        refusals_max: Some(3),
        blocked_ms: 60_000,
    };
    let get = |twin: &mut Pipedrive, path: &str, now_ms| twin.handle(&request("GET", path, &Value::Null), now_ms);
    let search = "/api/v2/persons/search?term=ab";
    let first = get(&mut twin, search, NOW);
    assert_eq!((first.status, first.get_header("x-daily-ratelimit-token-remaining")), (200, Some("40")));
    let second = get(&mut twin, search, NOW + 1);
    assert_eq!((second.status, second.get_header("retry-after")), (429, Some("2")));
    assert_eq!(get(&mut twin, "/api/v2/persons", NOW + 2).get_header("x-ratelimit-remaining"), Some("1"));
    assert_eq!(get(&mut twin, "/api/v2/persons/1", NOW + 3).status, 404, "one read costs one");
    assert_eq!(get(&mut twin, "/api/v2/persons/1", NOW + 4).status, 429, "the window is full");
    let spent = get(&mut twin, "/v1/users", NOW + 70_000);
    assert_eq!((spent.status, spent.get_header("x-daily-ratelimit-token-remaining")), (200, Some("9")));
    let daily = get(&mut twin, "/api/v2/persons", NOW + 80_000);
    assert_eq!((daily.status, daily.get_header("x-daily-ratelimit-token-remaining")), (429, Some("0")));
    for n in 1..=3 {
        get(&mut twin, "/api/v2/persons", NOW + 80_000 + n);
    }
    let page = get(&mut twin, "/api/v2/persons", NOW + 80_010);
    assert_eq!((page.status, page.value()), (403, Value::Null));
    assert_eq!(get(&mut twin, "/api/v2/persons/1", NOW + 86_400_000).status, 404, "another day");
    twin.unlimited();
    assert!((0..200).all(|n| get(&mut twin, search, NOW + 90_000_000 + n / 100).status == 200));
}

/// Every fault with a create: what was truly written, and what the client saw of it.
#[test]
fn a_lost_answer_is_found_by_looking_and_every_fault_is_told_apart_in_the_log() {
    for fault in Fault::one_of_each() {
        let name = fault.name();
        let mut twin = free();
        let key = twin.define(Shelf::Persons, "rb_key", "varchar", &[]);
        let rule = Rule::new(fault.clone(), When::Nth(1)).on("POST", "/persons");
        let mut faulty = Faulty::new(twin, Script::default().rule(rule));
        let body = json!({ "name": "Jo", "custom_fields": { key.as_str(): "rb-contact-1" } });
        let delivery = faulty.exchange(&request("POST", "/api/v2/persons", &body), NOW);
        faulty.settle(NOW + 60_000);
        let written = match fault {
            Fault::TimeoutAfterWrite
            | Fault::LateLanding { .. }
            | Fault::UnprocessableButCreated
            | Fault::ServerErrorButCreated
            | Fault::HalfABatch { .. }
            | Fault::IdsMissing
            | Fault::ResetAfterWrite
            | Fault::Slow { .. }
            | Fault::StaleSearch { .. }
            | Fault::TruncatedBody
            | Fault::ForeignBody { written: true }
            | Fault::HtmlOk { written: true } => 1,
            _ => 0,
        };
        assert_eq!(faulty.vendor().rows(Shelf::Persons).len(), written, "{name}");
        // After the lag (of a stale index too) the look by key tells the same.
        let path = format!("/api/v2/itemSearch/field?term=rb-contact-1&entity_type=person&field={key}&match=exact");
        let seen = faulty.exchange(&request("GET", &path, &Value::Null), NOW + 500_000);
        let seen = seen.reply().map(Reply::value).unwrap_or_default();
        assert_eq!(seen["data"].as_array().map(Vec::len), Some(written), "{name}");
        match fault {
            Fault::SuccessButNothing => assert_eq!(delivery.reply().map(|r| r.status), Some(200)),
            Fault::IdsMissing => {
                let reply = delivery.reply().map(Reply::value).unwrap_or_default();
                assert!(reply["data"].is_object() && reply["data"]["id"].is_null(), "{reply}");
            }
            Fault::TooMany { retry_after_s } => {
                let wait = delivery.reply().and_then(|r| r.get_header("retry-after")).map(str::to_owned);
                assert_eq!(wait, retry_after_s.map(|s| s.to_string()));
            }
            Fault::Unauthorized => assert_eq!(delivery.reply().map(|r| r.status), Some(401)),
            Fault::HalfABatch { .. } => assert!(faulty.hits().get(name).is_none_or(|n| *n == 0), "no batches"),
            _ => {}
        }
        let first = faulty.vendor_mut().log_mut().entries().first().cloned().expect("logged");
        assert_eq!(
            matches!(first.seen, Seen::Answered(200)),
            matches!(name, "slow" | "stale_search" | "half_a_batch"),
            "{name}"
        );
    }
}

#[test]
fn books_show_people_calls_and_tasks_and_what_people_did() {
    let mut twin = free();
    twin.prepare_fields(&[(Kind::Person, "rb_key"), (Kind::Call, "rb_key"), (Kind::Person, "rb_key")]);
    assert_eq!(twin.fields(Shelf::Persons).iter().filter(|f| f.custom).count(), 1);
    let jo = twin.seed_person("Jo Ruiz", "+13125550142", Some("jo@example.com"), true, NOW);
    let ann = twin.seed_person("Ann", "+13125550199", None, false, NOW);
    let key = twin.fields(Shelf::Persons).iter().find(|f| f.custom).map(|f| f.code.clone()).expect("a field");
    let (_, read) =
        ask(&mut twin, "GET", &format!("/api/v2/persons/{jo}?include_fields=won_deals_count"), &Value::Null, NOW);
    assert_eq!(read["data"]["won_deals_count"], 1);
    let id = jo.parse::<u64>().expect("a number");
    let note = |key: &str| json!({ "note": format!("x<br>[{key}]"), "done": key.starts_with("rb-call"), "participants": [{ "person_id": id }] });
    made(&mut twin, "activities", &note("rb-call-12345"));
    let task = made(&mut twin, "activities", &note("rb-task-12345"));
    made(&mut twin, "persons", &json!({ "name": "New", "custom_fields": { key.as_str(): "rb-contact-77" } }));
    ask(&mut twin, "PATCH", &format!("/api/v2/activities/{task}"), &json!({ "done": true }), NOW);
    assert!(twin.type_in(&ann, "phone", "+13125550100", NOW) && twin.type_in(&ann, "rb_key", "typed", NOW));
    assert!(twin.remove(&ann, NOW) && !twin.remove(&ann, NOW) && !twin.type_in("9", "name", "x", NOW));
    let entries = twin.entries();
    let of = |kind| entries.iter().filter(move |e| e.kind == kind).collect::<Vec<_>>();
    assert_eq!(
        (of(Kind::Person).len(), of(Kind::Deal).len(), of(Kind::Call).len(), of(Kind::Task).len()),
        (3, 1, 1, 1)
    );
    assert_eq!(of(Kind::Call)[0].marks(), ["rb-call-12345"]);
    assert_eq!(of(Kind::Task)[0].people, [jo.as_str()]);
    assert!(of(Kind::Person).iter().any(|e| e.marks() == ["rb-contact-77"] && !e.by_person));
    assert!(of(Kind::Person).iter().any(|e| e.id == jo && e.by_person && e.has_number("+13125550142")));
    assert!(of(Kind::Person).iter().any(|e| e.id == ann && e.gone && e.fields["rb_key"] == "typed"));
    let seeded = Request::new("POST", "/_twin/seed").json(&json!({ "name": "Z", "phone": "+1", "customer": false }));
    assert_eq!(twin.control(&seeded, NOW).map(|r| r.status), Some(200));
    let books = twin.control(&Request::new("GET", "/_twin/books"), NOW).map(|r| r.value());
    assert_eq!(books.and_then(|b| b.as_array().map(Vec::len)), Some(entries.len() + 1));
}

/// The documents mark no field as nullable, and the service sends `null` for what is empty.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, v| !v.is_null());
            map.values_mut().for_each(without_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

#[test]
fn every_reply_is_as_the_vendor_describes_it() {
    let files = ["pipedrive-v1-trimmed.openapi.json", "pipedrive-v2-trimmed.openapi.json"];
    let spelling =
        |path: &str| path.strip_prefix("/api/v1").map_or_else(|| path.to_owned(), |rest| format!("/v1{rest}"));
    let Some(referee) = referee::Referee::load("pipedrive", &files, spelling) else { return };
    let mut twin = free();
    let key = twin.define(Shelf::Persons, "rb_key", "varchar", &[]);
    let person = made(&mut twin, "persons", &jo());
    let participants = json!([{ "person_id": person, "primary": true }]);
    let custom = json!({ key.as_str(): "rb-contact-1" });
    let asked: Vec<(&str, String, Value)> = vec![
        ("POST", "/api/v2/persons".into(), json!({ "name": "A", "owner_id": 11, "custom_fields": custom })),
        ("GET", format!("/api/v2/persons/{person}?include_fields=won_deals_count"), Value::Null),
        ("PATCH", format!("/api/v2/persons/{person}"), json!({ "label_ids": [5] })),
        ("GET", format!("/api/v2/persons?ids={person}"), Value::Null),
        ("GET", "/api/v2/persons/search?term=jo&fields=name".into(), Value::Null),
        (
            "GET",
            format!("/api/v2/itemSearch/field?term=rb-contact-1&entity_type=person&field={key}&match=exact"),
            Value::Null,
        ),
        ("POST", "/api/v2/deals".into(), json!({ "title": "D", "person_id": person, "value": 12.5 })),
        ("GET", format!("/api/v2/deals?person_id={person}&sort_by=update_time&sort_direction=desc"), Value::Null),
        ("POST", "/api/v2/activities".into(), json!({ "subject": "S", "participants": participants, "note": "x" })),
        ("GET", format!("/api/v2/activities?person_id={person}&limit=1"), Value::Null),
        ("GET", "/api/v2/personFields?limit=500".into(), Value::Null),
        (
            "POST",
            "/api/v2/personFields".into(),
            json!({ "field_name": "N", "field_type": "enum", "options": [{ "label": "A" }] }),
        ),
        ("GET", "/api/v2/activityFields".into(), Value::Null),
        ("GET", "/api/v2/dealFields".into(), Value::Null),
        ("GET", "/api/v1/users".into(), Value::Null),
        ("GET", "/v1/activityTypes".into(), Value::Null),
        ("DELETE", format!("/api/v2/persons/{person}"), Value::Null),
    ];
    let mut checked = 0;
    for (method, path, body) in asked {
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let json = (!body.is_null()).then_some("application/json");
        referee.request(method, &path, json, &bytes).unwrap_or_else(|why| panic!("{why}"));
        let reply = twin.handle(&request(method, &path, &body), NOW + 20_000);
        let mut value = reply.value();
        without_nulls(&mut value);
        let judged = referee.reply(method, &path, reply.status, value.to_string().as_bytes());
        checked += usize::from(judged.unwrap_or_else(|why| panic!("{why}")).body);
    }
    assert!(checked >= 16, "{checked}");
}
