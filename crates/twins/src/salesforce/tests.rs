//! What the org refuses, keeps and shows, how it misbehaves, and its replies against a description of the interface.

use super::*;
use crate::books::{Books, Kind as BookKind};
use crate::fault::{Delivery, Fault, Faulty, Refusing, Rest, Rule, Script, Vendor, What, When};
use serde_json::Value;

const NOW: i64 = 1_772_719_391_000; // 2026-03-05T14:03:11Z
const MINUTE: i64 = 60_000;
const V: &str = "/services/data/v66.0";

fn org() -> Salesforce {
    let mut org = Salesforce::new(Options::default());
    let names: Vec<(BookKind, &str)> = [BookKind::Person, BookKind::Call]
        .into_iter()
        .flat_map(|kind| ["rb_key", "rb_trace", "rb_at"].map(|name| (kind, name)))
        .collect();
    org.prepare_fields(&names);
    org
}

fn ask(method: &str, path: &str, body: &Value) -> Request {
    let request = Request::new(method, path).header("Authorization", "Bearer 00Dtwin!session");
    if body.is_null() { request } else { request.json(body) }
}

fn send(org: &mut Salesforce, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let reply = org.handle(&ask(method, path, body), NOW);
    (reply.status, reply.value())
}

fn lead(org: &mut Salesforce, key: &str) -> String {
    let body = json!({ "LastName": "Ruiz", "Company": "Unknown", "Phone": "+13125550142", "RB_Key__c": key });
    let (status, reply) = send(org, "POST", &format!("{V}/sobjects/Lead"), &body);
    assert_eq!(status, 201, "{reply}");
    reply["id"].as_str().unwrap().to_owned()
}

fn soql(org: &mut Salesforce, query: &str) -> (u16, Value) {
    let path = format!("{V}/query?q={}", crate::wire::percent_encode(query));
    send(org, "GET", &path, &Value::Null)
}

fn sosl(org: &mut Salesforce, search: &str, now_ms: i64) -> Vec<String> {
    let path = format!("{V}/search?q={}", crate::wire::percent_encode(search));
    let reply = org.handle(&ask("GET", &path, &Value::Null), now_ms).value();
    let list = reply["searchRecords"].as_array().unwrap_or_else(|| panic!("{reply}"));
    list.iter().map(|r| r["Id"].as_str().unwrap().to_owned()).collect()
}

fn code(reply: &(u16, Value)) -> (u16, &str) {
    (reply.0, reply.1[0]["errorCode"].as_str().unwrap_or_default())
}

#[test]
fn a_session_is_needed_and_oauth_gives_one_that_ends() {
    let mut org = org();
    let bare = org.handle(&Request::new("GET", &format!("{V}/limits")), NOW);
    assert_eq!((bare.status, bare.value()[0]["errorCode"].as_str()), (401, Some("INVALID_SESSION_ID")));
    let token = |org: &mut Salesforce, form: &str| {
        let mut request = Request::new("POST", "/services/oauth2/token").header("Host", "127.0.0.1:9");
        request.body = form.as_bytes().to_vec();
        let reply = org.handle(&request, NOW);
        (reply.status, reply.value())
    };
    let good = "grant_type=client_credentials&client_id=twin-client&client_secret=twin-client-secret";
    let (status, body) = token(&mut org, good);
    assert_eq!((status, body["instance_url"].as_str()), (200, Some("http://127.0.0.1:9")));
    assert!(body.get("expires_in").is_none());
    let bearer = format!("Bearer {}", body["access_token"].as_str().unwrap());
    let limits = Request::new("GET", &format!("{V}/limits")).header("Authorization", &bearer);
    assert_eq!(org.handle(&limits, NOW).status, 200);
    assert_eq!(org.handle(&limits, NOW + 3 * HOUR_MS).status, 401);
    for (bad, error) in [
        (good.replace("twin-client-secret", "no"), "invalid_client"),
        (good.replace("client_id=twin", "client_id=x"), "invalid_client_id"),
        (good.replace("client_credentials", "password"), "unsupported_grant_type"),
    ] {
        let (status, body) = token(&mut org, &bad);
        assert_eq!((status, body["error"].as_str()), (400, Some(error)));
    }
}

#[test]
fn a_record_is_refused_in_salesforces_words() {
    let mut org = org();
    let id = lead(&mut org, "rb-contact-1");
    let person = |field: &str, value: Value| {
        let mut body = json!({ "LastName": "A", "Company": "B" });
        body[field] = value;
        body
    };
    let long = "x".repeat(81);
    for (object, body, expect) in [
        ("Lead", json!({ "FirstName": "Ana" }), "REQUIRED_FIELD_MISSING"),
        ("Lead", person("Nope__c", json!("1")), "INVALID_FIELD"),
        ("Lead", person("IsConverted", json!(true)), "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ("Lead", person("LastName", json!(long)), "STRING_TOO_LONG"),
        ("Lead", person("Email", json!("nobody")), "INVALID_EMAIL_ADDRESS"),
        ("Lead", person("DoNotCall", json!("maybe")), "JSON_PARSER_ERROR"),
        ("Lead", person("RB_Key__c", json!("rb-contact-1")), "DUPLICATE_VALUE"),
        ("Lead", person("OwnerId", json!("005Tw0000000003")), "OPERATION_WITH_INACTIVE_USER_EXCEPTION"),
        ("Task", json!({ "Status": "Later" }), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ("Task", json!({ "ActivityDate": "tomorrow" }), "JSON_PARSER_ERROR"),
        ("Task", json!({ "WhoId": "001Tw0000000001AAA" }), "MALFORMED_ID"),
        ("Task", json!({ "WhoId": "00QTw0000000zzzAAA" }), "INVALID_CROSS_REFERENCE_KEY"),
    ] {
        let reply = send(&mut org, "POST", &format!("{V}/sobjects/{object}"), &body);
        assert_eq!(code(&reply), (400, expect), "{body}");
    }
    let task = json!({ "WhoId": id, "TaskSubtype": "Call" });
    let (_, made) = send(&mut org, "POST", &format!("{V}/sobjects/Task"), &task);
    let path = format!("{V}/sobjects/Task/{}", made["id"].as_str().unwrap());
    let reply = send(&mut org, "PATCH", &path, &json!({ "TaskSubtype": "Task" }));
    assert_eq!(code(&reply), (400, "INVALID_FIELD_FOR_INSERT_UPDATE"));
    assert_eq!(send(&mut org, "PATCH", &path, &json!({ "Status": "Completed" })).0, 204);
    // A value that is held names its holder, with an id of 15 characters.
    let taken = send(&mut org, "POST", &format!("{V}/sobjects/Lead"), &person("RB_Key__c", json!("rb-contact-1")));
    assert!(taken.1[0]["message"].as_str().unwrap().ends_with(&id[..15]));
    // Names do not tell capitals apart.
    assert_eq!(
        send(&mut org, "POST", &format!("{V}/sobjects/lead"), &json!({ "lastname": "A", "COMPANY": "B" })).0,
        201
    );
}

#[test]
fn an_upsert_makes_one_record_and_an_external_id_is_where_it_was_made() {
    let mut org = org();
    let path = format!("{V}/sobjects/Lead/RB_Key__c/rb-contact-1");
    let body = json!({ "LastName": "Ruiz", "Company": "B" });
    let (status, first) = send(&mut org, "PATCH", &path, &body);
    assert_eq!((status, first["created"].as_bool()), (201, Some(true)));
    let (status, again) = send(&mut org, "PATCH", &path, &body);
    assert_eq!((status, again["created"].as_bool(), &again["id"]), (200, Some(false), &first["id"]));
    assert_eq!(send(&mut org, "GET", &format!("{path}?fields=Id,LastName"), &Value::Null).1["LastName"], "Ruiz");
    let reply = send(&mut org, "PATCH", &format!("{V}/sobjects/Lead/RB_Key__c/other?updateOnly=true"), &body);
    assert_eq!(code(&reply), (404, "NOT_FOUND"));
    // Activities have none.
    let reply = send(&mut org, "PATCH", &format!("{V}/sobjects/Task/RB_Key__c/rb-task-1"), &json!({}));
    assert_eq!(code(&reply), (404, "NOT_FOUND"));
    let list = json!({ "allOrNone": false, "records": [
        { "attributes": { "type": "Lead" }, "RB_Key__c": "a", "LastName": "A", "Company": "B" },
        { "attributes": { "type": "Lead" }, "RB_Key__c": "a", "LastName": "A", "Company": "B" },
        { "attributes": { "type": "Lead" }, "RB_Key__c": "b", "LastName": "A", "Company": "B" } ] });
    let (status, results) = send(&mut org, "PATCH", &format!("{V}/composite/sobjects/Lead/RB_Key__c"), &list);
    let words: Vec<_> = results.as_array().unwrap().iter().map(|r| r["success"].as_bool().unwrap()).collect();
    assert_eq!((status, words), (200, vec![false, false, true]), "the same key twice in one list fails twice");
}

#[test]
fn conditions_are_read_and_nonsense_is_malformed() {
    let mut org = org();
    let id = lead(&mut org, "rb-contact-1");
    lead(&mut org, "rb-contact-2");
    for (query, rows) in [
        ("SELECT Id FROM Lead WHERE RB_Key__c IN ('rb-contact-1','nobody')", 1),
        ("SELECT Id, Name FROM Lead WHERE RB_Key__c = 'RB-CONTACT-1'", 0),
        (
            "SELECT Id FROM Lead WHERE LastName = 'ruiz' AND (Email = null OR Email LIKE '%@x.%') ORDER BY CreatedDate, Id LIMIT 1",
            1,
        ),
        ("SELECT Id FROM Lead WHERE SystemModstamp >= 2026-03-05T14:03:11Z AND IsConverted = false", 2),
        ("SELECT Id FROM Lead WHERE SystemModstamp > 2026-03-05T14:03:11Z", 0),
        ("SELECT Id FROM Lead WHERE NOT Phone LIKE '+1%'", 0),
        ("SELECT Id FROM User WHERE IsActive = true AND UserType = 'Standard' ORDER BY Id DESC", 2),
        (
            "SELECT Id FROM Opportunity WHERE Id IN (SELECT ConvertedOpportunityId FROM Lead WHERE IsConverted = true)",
            0,
        ),
    ] {
        let (status, body) = soql(&mut org, query);
        assert_eq!((status, body["totalSize"].as_u64()), (200, Some(rows)), "{query}: {body}");
    }
    let short = &id[..15];
    assert_eq!(soql(&mut org, &format!("SELECT Id FROM Lead WHERE Id = '{short}'")).1["records"][0]["Id"], id.as_str());
    for (query, expect) in [
        ("SELECT Id FROM Lead WHERE A = '1' AND B = '2' OR C = '3'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE LastName = 'O'Brien'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead LIMIT many", "MALFORMED_QUERY"),
        ("SELECT Id FROM Nothing", "INVALID_TYPE"),
        ("SELECT Nope__c FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Description = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE SystemModstamp > '2026-03-05T14:03:11Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Id = '512'", "INVALID_QUERY_FILTER_OPERATOR"),
    ] {
        assert_eq!(code(&soql(&mut org, query)), (400, expect), "{query}");
    }
}

#[test]
fn the_search_is_late_and_finds_numbers_in_any_form() {
    let mut org = org();
    let id = lead(&mut org, "rb-contact-1");
    let find = "FIND {3125550142} IN PHONE FIELDS RETURNING Lead(Id,Phone LIMIT 20),Contact(Id)";
    assert_eq!(sosl(&mut org, find, NOW + MINUTE), Vec::<String>::new());
    assert_eq!(
        soql(&mut org, "SELECT Id FROM Lead WHERE Phone = '+13125550142'").1["totalSize"],
        1,
        "a query is not late"
    );
    let later = NOW + 16 * MINUTE;
    assert_eq!(sosl(&mut org, find, later), [id.as_str()]);
    // The number is changed: the index still has the old one, what is shown is the record as it is.
    assert!(org.type_in(&id, "Phone", "(773) 555-0100", later));
    assert_eq!(sosl(&mut org, find, later + MINUTE), [id.as_str()]);
    assert_eq!(sosl(&mut org, find, later + 16 * MINUTE), Vec::<String>::new());
    let new = "FIND {7735550100 OR \"dana@example.com\"} IN ALL FIELDS RETURNING Lead(Id)";
    assert_eq!(sosl(&mut org, new, later + 16 * MINUTE), [id.as_str()]);
    org.stale_search(HOUR_MS, later + HOUR_MS);
    assert_eq!(sosl(&mut org, new, later + 17 * MINUTE), Vec::<String>::new());
    assert!(org.remove(&id, later));
    assert_eq!(sosl(&mut org, new, later + 3 * HOUR_MS), Vec::<String>::new());
    for bad in
        ["FIND {a+b@example.com} RETURNING Lead(Id)", "FIND 312 RETURNING Lead", "FIND {\"open} RETURNING Lead(Id)"]
    {
        let path = format!("{V}/search?q={}", crate::wire::percent_encode(bad));
        assert_eq!(code(&send(&mut org, "GET", &path, &Value::Null)), (400, "MALFORMED_SEARCH"), "{bad}");
    }
}

#[test]
fn a_condition_protects_what_somebody_changed_since() {
    let mut org = org();
    let id = lead(&mut org, "rb-contact-1");
    let path = format!("{V}/sobjects/Lead/{id}");
    let update = |since: &str| ask("PATCH", &path, &json!({ "City": "Evanston" })).header("If-Unmodified-Since", since);
    assert_eq!(org.handle(&update("Thu, 05 Mar 2026 14:03:11 GMT"), NOW + 5_000).status, 204);
    let refused = org.handle(&update("Thu, 05 Mar 2026 14:03:11 GMT"), NOW + 9_000);
    assert_eq!((refused.status, refused.value()[0]["errorCode"].as_str()), (412, Some("PRECONDITION_FAILED")));
    assert_eq!(org.handle(&update("yesterday"), NOW + 9_000).status, 400);
    assert_eq!(org.handle(&update("Thu, 05 Mar 2026 14:03:16 GMT"), NOW + 9_000).status, 204);
}

#[test]
fn duplicate_rules_speak_in_both_spellings_and_an_alert_gives_way_when_told() {
    let mut org = org();
    let id = lead(&mut org, "rb-contact-1");
    let body = json!({ "LastName": "R", "Company": "B", "MobilePhone": "(312) 555-0142" });
    let path = format!("{V}/sobjects/Lead");
    for (action, spelled) in [(RuleAction::Alert, "duplicateResut"), (RuleAction::Block, "duplicateResult")] {
        org.options_mut().duplicate_rule = Some(DuplicateRule { action, confidence: 100.0, spelled });
        let (status, refused) = send(&mut org, "POST", &path, &body);
        assert_eq!((status, refused[0]["errorCode"].as_str()), (400, Some("DUPLICATES_DETECTED")));
        let found = &refused[0][spelled]["matchResults"][0]["matchRecords"][0];
        assert_eq!(
            (found["record"]["Id"].as_str(), found["matchConfidence"].as_f64()),
            (Some(id.as_str()), Some(100.0))
        );
    }
    let anyway =
        ask("POST", &path, &body).header("Sforce-Duplicate-Rule-Header", "allowSave=true; includeRecordDetails=false");
    assert_eq!(org.handle(&anyway, NOW).status, 400, "a block is a block");
    org.options_mut().duplicate_rule = Some(DuplicateRule::exact(RuleAction::Alert));
    assert_eq!(org.handle(&anyway, NOW).status, 201);
    // A list does not say who it is.
    let list = json!({ "records": [{ "attributes": { "type": "Lead" }, "LastName": "R", "Company": "B", "Phone": "+13125550142" }] });
    let (_, results) = send(&mut org, "POST", &format!("{V}/composite/sobjects"), &list);
    assert_eq!(results[0]["errors"][0]["statusCode"], "DUPLICATES_DETECTED");
    assert!(results[0]["errors"][0].get("duplicateResut").is_none());
}

#[test]
fn assignment_rules_run_unless_they_are_switched_off() {
    let mut org = org();
    let other = org.records(Sobject::User)[1].id.clone();
    org.options_mut().assignment_owner = Some(other.clone());
    let id = lead(&mut org, "rb-contact-1");
    assert_eq!(org.record(&id).unwrap().text("OwnerId"), other);
    let body = json!({ "LastName": "R", "Company": "B" });
    let off = ask("POST", &format!("{V}/sobjects/Lead"), &body).header("Sforce-Auto-Assign", "FALSE");
    let made = org.handle(&off, NOW).value();
    assert_ne!(org.record(made["id"].as_str().unwrap()).unwrap().text("OwnerId"), other);
}

#[test]
fn a_locked_row_a_conversion_a_merge_and_a_deletion_show_as_they_are() {
    let mut org = org();
    let (id, other) = (lead(&mut org, "rb-contact-1"), lead(&mut org, "rb-contact-2"));
    let path = format!("{V}/sobjects/Lead/{id}");
    let (_, task) =
        send(&mut org, "POST", &format!("{V}/sobjects/Task"), &json!({ "WhoId": id, "CallType": "Inbound" }));
    org.lock(&id, NOW + 1_000);
    assert_eq!(code(&send(&mut org, "PATCH", &path, &json!({ "City": "X" }))), (400, "UNABLE_TO_LOCK_ROW"));
    assert_eq!(
        code(&send(&mut org, "POST", &format!("{V}/sobjects/Task"), &json!({ "WhoId": id }))),
        (400, "UNABLE_TO_LOCK_ROW")
    );
    org.lock(&id, NOW);
    let contact = org.convert(&id, Some("Roof"), NOW).unwrap();
    assert_eq!(code(&send(&mut org, "PATCH", &path, &json!({ "City": "X" }))), (400, "CANNOT_UPDATE_CONVERTED_LEAD"));
    let row = soql(
        &mut org,
        "SELECT IsConverted, ConvertedContactId, ConvertedOpportunityId FROM Lead WHERE IsConverted = true",
    )
    .1;
    assert_eq!(row["records"][0]["ConvertedContactId"], contact.as_str());
    assert_eq!(org.record(task["id"].as_str().unwrap()).unwrap().text("WhoId"), contact, "activities move");
    let deals = format!(
        "SELECT Id FROM Opportunity WHERE Id IN (SELECT OpportunityId FROM OpportunityContactRole WHERE ContactId = '{contact}')"
    );
    assert_eq!(soql(&mut org, &deals).1["totalSize"], 1);
    let master = lead(&mut org, "rb-contact-3");
    assert!(org.merge(&master, &other, NOW) && !org.merge(&master, &other, NOW) && !org.merge(&master, &contact, NOW));
    let gone = format!("SELECT Id, IsDeleted, MasterRecordId FROM Lead WHERE Id = '{other}'");
    assert_eq!(soql(&mut org, &gone).1["totalSize"], 0);
    let path = format!("{V}/queryAll?q={}", crate::wire::percent_encode(&gone));
    assert_eq!(send(&mut org, "GET", &path, &Value::Null).1["records"][0]["MasterRecordId"], master.as_str());
    let path = format!("{V}/sobjects/Lead/{master}");
    assert_eq!(send(&mut org, "DELETE", &path, &Value::Null).0, 204);
    assert_eq!(code(&send(&mut org, "DELETE", &path, &Value::Null)), (404, "ENTITY_IS_DELETED"));
    let entries = org.entries();
    let live: Vec<_> = entries.iter().filter(|e| !e.gone && e.kind == BookKind::Person).collect();
    assert_eq!(live.len(), 1, "the Contact");
    assert_eq!(entries.iter().find(|e| e.kind == BookKind::Call).unwrap().people, [contact]);
}

#[test]
fn the_day_rolls_and_a_composite_request_counts_once() {
    let mut org = org();
    org.options_mut().daily_max = Some(3);
    let get = json!({ "method": "GET", "url": format!("{V}/query?q=SELECT+Id+FROM+Lead"), "referenceId": "a" });
    let mut second = get.clone();
    second["referenceId"] = json!("b");
    let composite = ask("POST", &format!("{V}/composite"), &json!({ "compositeRequest": [get, second] }));
    let reply = org.handle(&composite, NOW);
    assert_eq!((reply.status, reply.get_header("sforce-limit-info")), (200, Some("api-usage=1/3")));
    let one = ask("GET", &format!("{V}/limits"), &Value::Null);
    assert_eq!(org.handle(&one, NOW + HOUR_MS).value()["DailyApiRequests"]["Remaining"], 1);
    assert_eq!(org.handle(&one, NOW + HOUR_MS).status, 200);
    let refused = org.handle(&one, NOW + 2 * HOUR_MS);
    assert_eq!((refused.status, refused.value()[0]["errorCode"].as_str()), (403, Some("REQUEST_LIMIT_EXCEEDED")));
    assert_eq!(org.handle(&one, NOW + 25 * HOUR_MS).status, 200, "yesterday's first hour is over");
    org.unlimited();
    assert!((0..10).all(|_| org.handle(&one, NOW + 25 * HOUR_MS).status == 200));
}

#[test]
fn composite_requests_chain_roll_back_and_have_bounds() {
    let mut org = org();
    let post = |name: &str, object: &str, body: Value| json!({ "method": "POST", "url": format!("{V}/sobjects/{object}"), "referenceId": name, "body": body });
    let person = post("lead", "Lead", json!({ "LastName": "R", "Company": "B" }));
    let task = post("task", "Task", json!({ "WhoId": "@{lead.id}", "Subject": "Call back" }));
    let path = format!("{V}/composite");
    let (_, reply) = send(&mut org, "POST", &path, &json!({ "allOrNone": true, "compositeRequest": [person, task] }));
    let codes = |reply: &Value| -> Vec<u64> {
        reply["compositeResponse"].as_array().unwrap().iter().map(|r| r["httpStatusCode"].as_u64().unwrap()).collect()
    };
    assert_eq!(codes(&reply), [201, 201]);
    assert_eq!(org.records(Sobject::Task)[0].text("WhoId"), org.records(Sobject::Lead)[0].id);
    let bad = post("task", "Task", json!({ "Status": "Later" }));
    let (_, reply) = send(&mut org, "POST", &path, &json!({ "allOrNone": true, "compositeRequest": [person, bad] }));
    assert_eq!((codes(&reply), org.records(Sobject::Lead).len()), (vec![400, 400], 1));
    assert_eq!(reply["compositeResponse"][0]["body"][0]["errorCode"], "PROCESSING_HALTED");
    let (_, reply) = send(&mut org, "POST", &path, &json!({ "allOrNone": false, "compositeRequest": [person, bad] }));
    assert_eq!((codes(&reply), org.records(Sobject::Lead).len()), (vec![201, 400], 2));
    let many: Vec<Value> = (0..26).map(|n| post(&format!("r{n}"), "Lead", json!({}))).collect();
    assert_eq!(code(&send(&mut org, "POST", &path, &json!({ "compositeRequest": many }))), (400, "LIMIT_EXCEEDED"));
    let search = json!({ "method": "GET", "url": format!("{V}/search?q=x"), "referenceId": "s" });
    let (_, reply) = send(&mut org, "POST", &path, &json!({ "compositeRequest": [search] }));
    assert_eq!(codes(&reply), [400], "a search cannot be a subrequest");
    let mut inner = person.clone();
    inner["httpHeaders"] = json!({ "Authorization": "Bearer x" });
    let (_, reply) = send(&mut org, "POST", &path, &json!({ "compositeRequest": [inner] }));
    assert_eq!(codes(&reply), [400]);
}

fn tasks(keys: &[&str]) -> Request {
    let record = |k: &&str| json!({ "attributes": { "type": "Task" }, "Subject": "Call back", "RB_Key__c": k });
    let body = json!({ "allOrNone": false, "records": keys.iter().map(record).collect::<Vec<_>>() });
    ask("POST", &format!("{V}/composite/sobjects"), &body)
}

fn faulty(fault: Fault) -> Faulty<Salesforce> {
    let rule = Rule { times: Some(1), ..Rule::new(fault, When::Always) };
    Faulty::new(org(), Script { rules: vec![rule], ..Script::default() })
}

fn held(twin: &mut Faulty<Salesforce>, key: &str) -> usize {
    let query = format!("SELECT Id FROM Task WHERE RB_Key__c = '{key}'");
    let path = format!("{V}/query?q={}", crate::wire::percent_encode(&query));
    let found = twin.exchange(&ask("GET", &path, &Value::Null), NOW + HOUR_MS);
    found.reply().unwrap().value()["totalSize"].as_u64().unwrap() as usize
}

#[test]
fn after_a_lost_answer_a_look_by_key_says_what_is_there() {
    for (fault, seen) in [
        (Fault::TimeoutBeforeWrite, 0),
        (Fault::TimeoutAfterWrite, 1),
        (Fault::LateLanding { after_ms: 20_000 }, 1),
        (Fault::ResetAfterWrite, 1),
        (Fault::ServerErrorButCreated, 1),
        (Fault::UnprocessableButCreated, 1),
        (Fault::SuccessButNothing, 0),
        (Fault::IdsMissing, 1),
        (Fault::TruncatedBody, 1),
        (Fault::ForeignBody { written: true }, 1),
        (Fault::HtmlOk { written: false }, 0),
        (Fault::TooMany { retry_after_s: None }, 0),
        (Fault::ServerError { status: 503 }, 0),
        (Fault::Unauthorized, 0),
    ] {
        let name = fault.name();
        let mut twin = faulty(fault);
        let body = json!({ "Subject": "Call back", "RB_Key__c": "rb-task-1" });
        let Delivery { what, .. } = twin.exchange(&ask("POST", &format!("{V}/sobjects/Task"), &body), NOW);
        if let What::Answer(reply) = &what {
            let honest = reply.status == 201 && reply.value()["id"].is_string();
            assert_eq!(honest, name == "success_but_nothing", "{name}: {}", reply.value());
        }
        assert_eq!(held(&mut twin, "rb-task-1"), seen, "{name}");
    }
}

#[test]
fn half_a_list_is_written_and_the_answer_may_say_so_or_not() {
    for rest in [Rest::MultiStatus, Rest::ServerError, Rest::TimedOut] {
        let mut twin = faulty(Fault::HalfABatch { rest });
        let delivery = twin.exchange(&tasks(&["rb-task-1", "rb-task-2"]), NOW);
        if rest == Rest::MultiStatus {
            let results = delivery.reply().unwrap().value();
            assert_eq!((&results[0]["success"], &results[1]["success"]), (&json!(true), &json!(false)));
            assert_eq!(results[1]["errors"][0]["statusCode"], "UNKNOWN_EXCEPTION");
        }
        assert_eq!((held(&mut twin, "rb-task-1"), held(&mut twin, "rb-task-2")), (1, 0));
    }
    let mut twin = faulty(Fault::IdsMissing);
    let reply = twin.exchange(&tasks(&["rb-task-1", "rb-task-2"]), NOW);
    assert_eq!(reply.reply().unwrap().value().as_array().unwrap().len(), 1, "one result for two records");
    assert_eq!((held(&mut twin, "rb-task-1"), held(&mut twin, "rb-task-2")), (1, 1));
}

#[test]
fn the_desk_is_answered() {
    let mut org = org();
    let customer = org.seed_person("Dana Ruiz", "+13125550142", Some("dana@example.com"), true, NOW);
    let caller = org.seed_person("Jo", "+443125550142", None, false, NOW);
    let phone = |org: &Salesforce, id: &str| org.record(id).unwrap().text("Phone");
    assert_eq!((phone(&org, &customer).as_str(), phone(&org, &caller).as_str()), ("(312) 555-0142", "+443125550142"));
    let books = org.control(&Request::new("GET", "/_twin/books"), NOW).unwrap().value();
    let people = books.as_array().unwrap().iter().filter(|e| e["kind"] == "person").count();
    assert_eq!((people, books[0]["by_person"].as_bool()), (2, Some(true)));
    let seed = Request::new("POST", "/_twin/seed")
        .json(&json!({ "type": "Lead", "properties": { "LastName": "A", "Company": "B" } }));
    let id = org.control(&seed, NOW).unwrap().value()["id"].as_str().unwrap().to_owned();
    let set = json!({ "id": id, "property": "City", "value": "Evanston" });
    assert_eq!(org.control(&Request::new("POST", "/_twin/human_set").json(&set), NOW).unwrap().status, 200);
    assert_eq!(
        org.control(&Request::new("POST", "/_twin/convert").json(&json!({ "id": id })), NOW).unwrap().status,
        200
    );
    assert_eq!(
        org.control(&Request::new("POST", "/_twin/remove").json(&json!({ "id": "x" })), NOW).unwrap().status,
        400
    );
    assert!(org.control(&Request::new("GET", "/_twin/nothing"), NOW).is_none());
    assert_eq!(org.refuse(Refusing::TooMany(Some(3))).get_header("retry-after"), Some("3"));
}

#[test]
fn replies_satisfy_the_description_of_the_interface() {
    let spelling = |path: &str| path.replace("/queryAll", "/query");
    let Some(referee) = crate::referee::Referee::load("salesforce", &[], spelling) else { return };
    let mut org = org();
    let id = lead(&mut org, "rb-contact-1");
    let encoded = crate::wire::percent_encode;
    let query = |q: &str| format!("{V}/query?q={}", encoded(q));
    let find = "FIND {3125550142} IN PHONE FIELDS RETURNING Lead(Id,Phone)";
    org.options_mut().search_lag_ms = 0;
    let new = json!({ "LastName": "A", "Company": "B" });
    let mut listed = new.clone();
    listed["attributes"] = json!({ "type": "Lead" });
    let mut keyed = listed.clone();
    keyed["RB_Key__c"] = json!("k");
    let sub = json!({ "method": "GET", "url": query("SELECT Id FROM Lead"), "referenceId": "a" });
    let window = "start=2026-03-05T00:00:00%2B00:00&end=2026-03-06T00:00:00%2B00:00";
    let cases: Vec<(&str, String, Value, u16)> = vec![
        ("GET", query("SELECT Id, Phone FROM Lead"), Value::Null, 200),
        ("GET", query("SELECT Id FROM Nothing"), Value::Null, 400),
        ("GET", format!("{V}/search?q={}", encoded(find)), Value::Null, 200),
        ("GET", format!("{V}/limits"), Value::Null, 200),
        ("GET", format!("{V}/sobjects/Task/describe"), Value::Null, 200),
        ("POST", format!("{V}/sobjects/Lead"), new.clone(), 201),
        ("POST", format!("{V}/sobjects/Lead"), json!({}), 400),
        ("GET", format!("{V}/sobjects/Lead/{id}?fields=Id,Phone"), Value::Null, 200),
        ("GET", format!("{V}/sobjects/Lead/00QTw0000000zzzAAA"), Value::Null, 404),
        ("PATCH", format!("{V}/sobjects/Lead/{id}"), json!({ "City": "X" }), 204),
        ("PATCH", format!("{V}/sobjects/Lead/RB_Key__c/k2"), new, 201),
        ("PATCH", format!("{V}/sobjects/Lead/RB_Key__c/k2"), json!({ "City": "X" }), 200),
        ("GET", format!("{V}/sobjects/Lead/RB_Key__c/k2?fields=Id"), Value::Null, 200),
        ("GET", format!("{V}/sobjects/Lead/updated?{window}"), Value::Null, 200),
        ("GET", format!("{V}/sobjects/Lead/deleted?{window}"), Value::Null, 200),
        ("POST", format!("{V}/composite"), json!({ "compositeRequest": [sub] }), 200),
        (
            "POST",
            format!("{V}/composite/sobjects"),
            json!({ "records": [listed, { "attributes": { "type": "Lead" } }] }),
            200,
        ),
        ("PATCH", format!("{V}/composite/sobjects/Lead/RB_Key__c"), json!({ "records": [keyed] }), 200),
        (
            "PATCH",
            format!("{V}/composite/sobjects"),
            json!({ "records": [{ "attributes": { "type": "Lead" }, "id": id, "City": "Y" }] }),
            200,
        ),
    ];
    for (method, path, body, status) in cases {
        let request = ask(method, &path, &body);
        referee.request(method, &path, request.get_header("content-type"), &request.body).unwrap();
        let reply = org.handle(&request, NOW);
        assert_eq!(reply.status, status, "{method} {path}: {}", reply.value());
        referee.reply(method, &path, reply.status, &reply.body).unwrap_or_else(|why| panic!("{why}"));
    }
    org.options_mut().duplicate_rule = Some(DuplicateRule::exact(RuleAction::Alert));
    let twin = json!({ "LastName": "A", "Company": "B", "Phone": "312 555 0142" });
    let path = format!("{V}/sobjects/Lead");
    let reply = org.handle(&ask("POST", &path, &twin), NOW);
    assert!(reply.value()[0].get("duplicateResut").is_some());
    referee.reply("POST", &path, 400, &reply.body).unwrap();
    let mut token = Request::new("POST", "/services/oauth2/token");
    token.body = b"grant_type=client_credentials&client_id=twin-client&client_secret=twin-client-secret".to_vec();
    let form = Some("application/x-www-form-urlencoded");
    referee.request("POST", &token.path, form, &token.body).unwrap();
    let reply = org.handle(&token, NOW);
    referee.reply("POST", &token.path, 200, &reply.body).unwrap();
}
