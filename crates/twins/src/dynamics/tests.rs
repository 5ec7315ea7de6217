//! Refusals, quirks, misbehaviours, and each reply against the description of the interface.

use super::*;
use crate::books::{Books, Kind as Of};
use crate::fault::{Fault, Faulty, Rest, Rule, Script, Vendor, What, When};

const NOW: i64 = 1_772_719_391_000; // 2026-03-05T14:03:11Z
const A: &str = "11111111-1111-5111-8111-111111111111";
const B: &str = "22222222-2222-5222-8222-222222222222";
const C: &str = "33333333-3333-5333-8333-333333333333";

fn twin() -> Dynamics {
    let mut twin = Dynamics::default();
    twin.prepare_fields(&[(Of::Person, "rb_key"), (Of::Call, "rb_key"), (Of::Task, "rb_key")]);
    twin
}

fn request(method: &str, path: &str, body: &Value, headers: &[(&str, &str)]) -> Request {
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/api/data/v9.2/{path}") };
    let mut request = Request::new(method, &path).header("Authorization", "Bearer dataverse-twin");
    if !body.is_null() {
        request = request.json(body);
    }
    headers.iter().fold(request, |r, (n, v)| r.header(n, v))
}

fn ask(twin: &mut Dynamics, method: &str, path: &str, body: &Value, headers: &[(&str, &str)]) -> (u16, Value) {
    let reply = twin.handle(&request(method, path, body, headers), NOW);
    (reply.status, reply.value())
}

fn get(twin: &mut Dynamics, path: &str) -> (u16, Value) {
    ask(twin, "GET", path, &Value::Null, &[])
}

fn code(body: &Value) -> &str {
    body["error"]["code"].as_str().unwrap_or_default()
}

const WHOLE: (&str, &str) = ("Prefer", "return=representation");

fn lead(id: &str) -> String {
    format!("leads({id})")
}

#[test]
fn a_row_with_an_id_of_ours_is_made_once_and_read_at_once() {
    let mut twin = twin();
    let body = json!({ "lastname": "Ruiz", "telephone1": "+13125550142", "rb_key": "rb-contact-1" });
    let (status, made) = ask(&mut twin, "PATCH", &lead(A), &body, &[WHOLE]);
    assert_eq!((status, made["leadid"].as_str()), (201, Some(A)));
    let (status, again) = ask(&mut twin, "PATCH", &lead(A), &body, &[WHOLE]);
    assert_eq!(status, 200);
    assert_ne!(made["@odata.etag"], again["@odata.etag"]);
    assert_eq!(twin.ids("leads"), [A]);
    let (status, read) = get(&mut twin, &format!("{}?$select=lastname,rb_key,statecode", lead(A)));
    assert_eq!((status, &read["rb_key"], &read["statecode"]), (200, &json!("rb-contact-1"), &json!(0)));
    // Without the preference the answer is empty and says where the row is.
    let reply = twin.handle(&request("PATCH", &lead(A), &body, &[]), NOW);
    assert_eq!((reply.status, reply.body.len()), (204, 0));
    assert!(reply.get_header("odata-entityid").is_some_and(|at| at.ends_with(&lead(A))));
    let found = "leads?$select=leadid&$filter=(telephone1%20eq%20'%2B13125550142')%20and%20statecode%20eq%200&$top=5";
    assert_eq!(get(&mut twin, found).1["value"].as_array().map(Vec::len), Some(1));
    let plus = "leads?$select=leadid&$filter=telephone1%20eq%20'+13125550142'";
    assert_eq!(get(&mut twin, plus).1["value"], json!([]), "a bare plus is a space");
}

#[test]
fn conditions_are_heeded() {
    let mut twin = twin();
    let body = json!({ "lastname": "Ruiz" });
    for (headers, status) in [
        (vec![("If-Match", "*")], 404),
        (vec![("If-Match", "W/\"1\"")], 404),
        (vec![("If-None-Match", "*")], 204),
        (vec![("If-None-Match", "*")], 412),
        (vec![("If-Match", "*")], 204),
        (vec![("If-Match", "W/\"1\"")], 412),
    ] {
        let (seen, answer) = ask(&mut twin, "PATCH", &lead(A), &body, &headers);
        assert_eq!(seen, status, "{headers:?} {answer}");
    }
    let tag = get(&mut twin, &lead(A)).1["@odata.etag"].as_str().unwrap().to_owned();
    assert_eq!(ask(&mut twin, "GET", &lead(A), &Value::Null, &[("If-None-Match", &tag)]).0, 304);
    assert_eq!(ask(&mut twin, "PATCH", &lead(A), &body, &[("If-Match", &tag)]).0, 204);
    let (status, answer) = ask(&mut twin, "DELETE", &lead(A), &Value::Null, &[("If-Match", &tag)]);
    assert_eq!((status, code(&answer)), (412, "0x80060882"));
    assert_eq!(ask(&mut twin, "DELETE", &lead(A), &Value::Null, &[]).0, 204);
    assert_eq!(get(&mut twin, &lead(A)).0, 404);
}

#[test]
fn what_does_not_fit_is_refused_in_the_vendors_words() {
    let mut twin = twin();
    for (set, body, expect) in [
        ("leads", json!({ "nickname": "x" }), "Invalid property 'nickname'"),
        ("leads", json!({ "leadsourcecode": "8" }), "Cannot convert the literal '8'"),
        ("leads", json!({ "leadsourcecode": 99 }), "outside the valid range"),
        ("leads", json!({ "telephone1": "1".repeat(51) }), "maximum allowed length of '50'"),
        ("leads", json!({ "donotphone": "yes" }), "Edm.Boolean"),
        ("tasks", json!({ "scheduledend": "tomorrow" }), "Edm.DateTimeOffset"),
        ("tasks", json!({ "statuscode": 5 }), "5 is not a valid status code for state code 0"),
        ("tasks", json!({ "regardingobjectid_lead@odata.bind": format!("/leads({A})") }), "undeclared property"),
        ("tasks", json!({ "ownerid": B }), "ownerid@odata.bind"),
        ("phonecalls", json!({ "description": "x".repeat(2_001) }), "maximum allowed length of '2000'"),
    ] {
        let (status, answer) = ask(&mut twin, "PATCH", &format!("{set}({A})"), &body, &[]);
        assert_eq!(status, 400, "{answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(expect), "{answer}");
    }
    let dangling = json!({ "regardingobjectid_lead_task@odata.bind": format!("/leads({A})") });
    let (status, answer) = ask(&mut twin, "PATCH", &format!("tasks({B})"), &dangling, &[]);
    assert_eq!((status, code(&answer)), (404, "0x80040217"));
    assert!(twin.ids("tasks").is_empty() && twin.ids("leads").is_empty() && twin.ids("phonecalls").is_empty());
    for (method, path, status) in [
        ("GET", "opportunity", 404),
        ("DELETE", "leads", 405),
        ("GET", "leads?$select=nickname", 400),
        ("GET", "leads?$filter=nickname%20eq%20'x'", 400),
        ("GET", "leads?$filter=(lastname%20eq%20'x'", 400),
        ("GET", "leads?$search=x", 400),
        ("GET", "leads(rb_key='rb-1')", 400),
        ("GET", "leads(17)", 400),
    ] {
        assert_eq!(ask(&mut twin, method, path, &Value::Null, &[]).0, status, "{method} {path}");
    }
    assert_eq!(twin.handle(&Request::new("GET", "/api/data/v9.2/WhoAmI"), NOW).status, 401);
    twin.options_mut().plugin_refuses = Some(("leads".into(), "Leads need a campaign.".into()));
    let (status, answer) = ask(&mut twin, "PATCH", &lead(A), &json!({ "lastname": "x" }), &[]);
    assert_eq!((status, code(&answer)), (400, "0x80040265"));
    twin.options_mut().maintenance_until_ms = NOW + 1;
    assert_eq!(get(&mut twin, "WhoAmI").0, 503);
}

#[test]
fn alternate_keys_name_rows_and_have_forbidden_characters() {
    let mut twin = twin();
    let key = json!({ "SchemaName": "rb_Key", "KeyAttributes": ["rb_key"] });
    assert_eq!(ask(&mut twin, "POST", "EntityDefinitions(LogicalName='lead')/Keys", &key, &[]).0, 204);
    let body = json!({ "lastname": "Ruiz" });
    assert_eq!(ask(&mut twin, "PATCH", "leads(rb_key='rb-1')", &body, &[WHOLE]).0, 201);
    assert_eq!(ask(&mut twin, "PATCH", "leads(rb_key='rb-1')", &body, &[WHOLE]).0, 200);
    assert_eq!(get(&mut twin, "leads(rb_key='rb-1')").1["rb_key"], "rb-1");
    assert_eq!(get(&mut twin, "leads(rb_key='rb:lead:1')").0, 400);
    assert_eq!(get(&mut twin, "leads(rb_key='%2B1312')").0, 400);
    let clash = json!({ "lastname": "x", "rb_key": "rb-1" });
    let (status, answer) = ask(&mut twin, "PATCH", &lead(B), &clash, &[]);
    assert_eq!((status, code(&answer)), (412, "0x80060892"));
}

fn part(method: &str, path: &str, body: &Value, headers: &[(&str, &str)]) -> String {
    let head = headers.iter().fold(String::new(), |out, (n, v)| format!("{out}{n}: {v}\r\n"));
    let body = if body.is_null() { String::new() } else { body.to_string() };
    format!("{method} /api/data/v9.2/{path} HTTP/1.1\r\nContent-Type: application/json\r\n{head}\r\n{body}\r\n")
}

fn batch(items: &[Vec<String>], goes_on: bool) -> Request {
    let mut body = String::new();
    for (n, item) in items.iter().enumerate() {
        match item.as_slice() {
            [one] => body.push_str(&format!(
                "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n{one}"
            )),
            set => {
                body.push_str(&format!("--b\r\nContent-Type: multipart/mixed; boundary=\"c{n}\"\r\n\r\n"));
                for (id, one) in set.iter().enumerate() {
                    body.push_str(&format!(
                        "--c{n}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {id}\r\n\r\n{one}"
                    ));
                }
                body.push_str(&format!("--c{n}--\r\n"));
            }
        }
    }
    body.push_str("--b--\r\n");
    let mut request = Request::new("POST", "/api/data/v9.2/$batch")
        .header("Authorization", "Bearer dataverse-twin")
        .header("Content-Type", "multipart/mixed; boundary=\"b\"");
    if goes_on {
        request = request.header("Prefer", "odata.continue-on-error");
    }
    request.body = body.into_bytes();
    request
}

fn statuses(reply: &Reply) -> Vec<u16> {
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    text.lines().filter_map(|l| l.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()).collect()
}

#[test]
fn a_change_set_happens_whole_or_not_at_all_and_a_call_is_completed_in_one() {
    let mut twin = twin();
    let call = |id: &str, fields: &Value, done: &Value| {
        vec![
            part("PATCH", &format!("phonecalls({id})"), fields, &[WHOLE]),
            part("PATCH", &format!("phonecalls({id})"), done, &[("If-Match", "*")]),
        ]
    };
    let fields = json!({ "subject": "Missed call", "directioncode": false, "statecode": 0, "statuscode": 1 });
    let received = json!({ "statecode": 1, "statuscode": 4 });
    let reply = twin.handle(&batch(&[call(A, &fields, &received)], true), NOW);
    assert_eq!((reply.status, statuses(&reply)), (200, vec![201, 204]));
    assert_eq!(twin.values("phonecalls", A).unwrap()["statecode"], 1);
    // Completed: read-only, unless it is opened in the same change.
    let (status, _) = ask(&mut twin, "PATCH", &format!("phonecalls({A})"), &json!({ "subject": "x" }), &[]);
    assert_eq!(status, 400);
    let longer = json!({ "subject": "Missed call, with words", "statecode": 0, "statuscode": 1 });
    let reply = twin.handle(&batch(&[call(A, &longer, &received)], true), NOW);
    assert_eq!(statuses(&reply), [200, 204]);
    let held = twin.values("phonecalls", A).unwrap();
    assert_eq!((held["statecode"].as_i64(), held["subject"].as_str()), (Some(1), Some("Missed call, with words")));
    // A wrong pair undoes the first request too.
    let wrong = json!({ "statecode": 1, "statuscode": 3 });
    let fine = vec![part("PATCH", &lead(C), &json!({ "lastname": "x" }), &[])];
    let reply = twin.handle(&batch(&[call(B, &fields, &wrong), fine.clone()], true), NOW);
    assert_eq!(statuses(&reply), [400, 204]);
    assert!(twin.values("phonecalls", B).is_none() && twin.values("leads", C).is_some());
    let entry = twin.log().last().unwrap();
    assert_eq!(entry.effects.len(), 1, "{:?}", entry.effects);
    // Without the preference the first refusal ends it.
    let bad = vec![part("PATCH", &lead(B), &json!({ "nickname": "x" }), &[])];
    let reply = twin.handle(&batch(&[bad, fine], false), NOW);
    assert_eq!((reply.status, statuses(&reply)), (400, vec![400]));
    let reading = vec![part("GET", &lead(C), &Value::Null, &[]), part("GET", &lead(C), &Value::Null, &[])];
    assert_eq!(twin.handle(&batch(&[reading], true), NOW).status, 400, "no reads in a change set");
}

#[test]
fn limits_say_how_long_and_grow_when_they_are_not_heeded() {
    let mut twin = twin();
    twin.options_mut().limits = Limits { requests_max: Some(3), ..Limits::default() };
    for _ in 0..3 {
        assert_eq!(get(&mut twin, "WhoAmI").0, 200);
    }
    let wait = |twin: &mut Dynamics, at: i64| {
        let reply = twin.handle(&request("GET", "WhoAmI", &Value::Null, &[]), at);
        (
            reply.status,
            code(&reply.value()).to_owned(),
            reply.get_header("retry-after").and_then(|v| v.parse::<i64>().ok()),
        )
    };
    let mut fresh = self::twin();
    let told = fresh.handle(&request("GET", "WhoAmI", &Value::Null, &[]), NOW);
    assert_eq!(told.get_header("x-ms-ratelimit-time-remaining-xrm-requests"), Some("1,199.96"));
    let first = wait(&mut twin, NOW);
    assert_eq!(first, (429, "0x80072322".into(), Some(300)));
    assert!(wait(&mut twin, NOW + 1_000).2 > Some(299));
    assert_eq!(wait(&mut twin, NOW + 303_000).0, 200);
    twin.options_mut().limits = Limits { execution_ms_max: Some(40), ..Limits::default() };
    assert_eq!(wait(&mut twin, NOW + 303_001).1, "0x80072321");
    let mut twin = self::twin();
    twin.options_mut().limits.concurrent_now = 52;
    assert_eq!(wait(&mut twin, NOW).1, "0x80072326");
    twin.unlimited();
    assert_eq!(wait(&mut twin, NOW).0, 200);
}

#[test]
fn tokens_come_from_the_endpoint_and_end() {
    let mut twin = Dynamics::new(Options { tokens: vec![], ..Options::default() });
    let secret: Value = serde_json::from_str(&twin.secret()).unwrap();
    let form = |scope: &str, secret: &Value| {
        let pairs = [
            ("grant_type", "client_credentials"),
            ("client_id", secret["client_id"].as_str().unwrap()),
            ("client_secret", secret["client_secret"].as_str().unwrap()),
            ("scope", scope),
        ];
        let mut request = Request::new("POST", "/contoso/oauth2/v2.0/token");
        request.body = crate::wire::form_encode(&pairs.map(|(n, v)| (n.to_owned(), v.to_owned()))).into_bytes();
        request
    };
    let scope = "https://twin.crm.dynamics.com/.default";
    let wrong = json!({ "client_id": "x", "client_secret": "y" });
    assert_eq!(twin.handle(&form(scope, &wrong), NOW).status, 401);
    assert_eq!(twin.handle(&form("openid", &secret), NOW).status, 400);
    let token = twin.handle(&form(scope, &secret), NOW).value()["access_token"].as_str().unwrap().to_owned();
    let who = Request::new("GET", "/api/data/v9.2/WhoAmI").header("Authorization", &format!("Bearer {token}"));
    assert_eq!(twin.handle(&who, NOW + 3_598_000).status, 200);
    assert_eq!(twin.handle(&who, NOW + 3_600_000).status, 401);
}

#[test]
fn people_qualify_merge_type_and_delete() {
    let mut twin = twin();
    let lead = twin.seed_person("Dana Ruiz", "+13125550142", Some("dana@example.com"), false, NOW);
    let customer = twin.seed_person("Jo Park", "+13125550143", None, true, NOW);
    let contact = twin.qualify(&lead, NOW).unwrap();
    let held = twin.values("leads", &lead).unwrap();
    assert_eq!((&held["statecode"], &held["_parentcontactid_value"]), (&json!(1), &json!(contact)));
    let (status, _) = ask(&mut twin, "PATCH", &super::tests::lead(&lead), &json!({ "lastname": "x" }), &[]);
    assert_eq!(status, 400, "a qualified lead is read-only");
    assert!(twin.qualify(&lead, NOW).is_err());
    assert!(twin.merge("contacts", &customer, &contact, NOW));
    assert_eq!(twin.values("contacts", &contact).unwrap()["_masterid_value"], json!(customer));
    assert!(twin.type_in(&customer, "jobtitle", "Owner", NOW) && !twin.type_in(&customer, "nickname", "x", NOW));
    let people: Vec<(String, bool)> =
        twin.entries().into_iter().filter(|e| e.kind == Of::Person).map(|e| (e.id, e.gone)).collect();
    assert_eq!(people.iter().filter(|(_, gone)| !gone).map(|(id, _)| id).collect::<Vec<_>>(), [&customer]);
    assert!(
        twin.entries().iter().find(|e| e.id == customer).is_some_and(|e| e.by_person && e.has_number("+13125550143"))
    );
    assert!(twin.remove(&customer, NOW) && !twin.remove(&customer, NOW));
    // A duplicate rule refuses only where it was asked to.
    twin.seed_person("Ann Lee", "+13125550144", Some("ann@example.com"), false, NOW);
    let again = json!({ "lastname": "Lee", "emailaddress1": "ANN@example.com" });
    let on = ("MSCRM.SuppressDuplicateDetection", "false");
    for status in [500, 412] {
        twin.options_mut().duplicate_status = status;
        let (seen, answer) = ask(&mut twin, "PATCH", &super::tests::lead(A), &again, &[on]);
        assert_eq!((seen, code(&answer)), (status, "0x80040333"));
    }
    assert_eq!(ask(&mut twin, "PATCH", &super::tests::lead(A), &again, &[]).0, 204);
}

#[test]
fn changes_are_tracked_and_lists_have_pages() {
    let mut twin = twin();
    for n in 0..5 {
        twin.seed("leads", &json!({ "lastname": format!("L{n}") }), NOW + n * 1_000).unwrap();
    }
    let path = "leads?$select=lastname&$filter=modifiedon%20ge%202026-03-05T14:03:12Z&$orderby=modifiedon%20asc";
    let (_, page) = ask(&mut twin, "GET", path, &Value::Null, &[("Prefer", "odata.maxpagesize=3")]);
    assert_eq!(page["value"].as_array().map(Vec::len), Some(3));
    let next = page["@odata.nextLink"].as_str().unwrap().split_once(".com").unwrap().1.to_owned();
    let (_, page) = ask(&mut twin, "GET", &next, &Value::Null, &[("Prefer", "odata.maxpagesize=3")]);
    assert_eq!(page["value"].as_array().map(Vec::len), Some(1));
    assert!(page.get("@odata.nextLink").is_none());
    let tracked = [("Prefer", "odata.track-changes")];
    assert_eq!(ask(&mut twin, "GET", path, &Value::Null, &tracked).0, 400);
    let (_, page) = ask(&mut twin, "GET", "leads?$select=lastname", &Value::Null, &tracked);
    let delta = page["@odata.deltaLink"].as_str().unwrap().split_once(".com").unwrap().1.to_owned();
    let gone = twin.ids("leads")[0].clone();
    twin.remove(&gone, NOW);
    let (_, page) = get(&mut twin, &delta);
    assert_eq!((page["value"][0]["id"].as_str(), page["value"][0]["reason"].as_str()), (Some(&*gone), Some("deleted")));
}

#[test]
fn columns_are_made_under_a_publishers_prefix() {
    let mut twin = Dynamics::default();
    let label = json!({ "LocalizedLabels": [{ "Label": "Key", "LanguageCode": 1033 }] });
    let column = json!({ "@odata.type": "Microsoft.Dynamics.CRM.StringAttributeMetadata", "SchemaName": "rb_key", "DisplayName": label,
        "RequiredLevel": { "Value": "None" }, "MaxLength": 100, "FormatName": { "Value": "Text" } });
    let path = "EntityDefinitions(LogicalName='lead')/Attributes";
    let solution = [("MSCRM.SolutionUniqueName", "Ringback")];
    assert_eq!(ask(&mut twin, "POST", path, &column, &[]).0, 400, "the default prefix is another");
    assert_eq!(ask(&mut twin, "POST", path, &column, &solution).0, 404);
    let publisher = json!({ "uniquename": "ringback", "friendlyname": "R", "customizationprefix": "rb", "customizationoptionvalueprefix": 72_700 });
    assert_eq!(ask(&mut twin, "PATCH", &format!("publishers({A})"), &publisher, &[]).0, 204);
    let owned = json!({ "uniquename": "Ringback", "friendlyname": "R", "version": "1.0.0.0", "publisherid@odata.bind": format!("/publishers({A})") });
    assert_eq!(ask(&mut twin, "PATCH", &format!("solutions({B})"), &owned, &[]).0, 204);
    assert_eq!(ask(&mut twin, "POST", path, &column, &solution).0, 204);
    let (status, answer) = ask(&mut twin, "POST", path, &column, &solution);
    assert_eq!((status, code(&answer)), (400, "0x80047013"));
    let (_, schema) = get(&mut twin, path);
    assert!(schema["value"].as_array().unwrap().iter().any(|c| c["LogicalName"] == "rb_key"));
}

#[test]
fn misbehaviours_leave_what_they_say() {
    let make = |id: &str| vec![part("PATCH", &lead(id), &json!({ "lastname": "x" }), &[WHOLE])];
    let four = batch(&[make(A), make(B), make(C), make("44444444-4444-5444-8444-444444444444")], true);
    let with = |fault: Fault, request: &Request| {
        let mut faulty = Faulty::new(twin(), Script::default().rule(Rule::new(fault, When::Always)));
        let delivery = faulty.exchange(request, NOW);
        faulty.settle(NOW + 60_000);
        (delivery, faulty.vendor().ids("leads").len())
    };
    let (delivery, made) = with(Fault::HalfABatch { rest: Rest::MultiStatus }, &four);
    assert_eq!((statuses(delivery.reply().unwrap()), made), (vec![201, 201, 500, 500], 2));
    assert_eq!(with(Fault::HalfABatch { rest: Rest::TimedOut }, &four).1, 2);
    assert_eq!(with(Fault::HalfABatch { rest: Rest::ServerError }, &four).0.reply().unwrap().status, 500);
    let one = request("PATCH", &lead(A), &json!({ "lastname": "x" }), &[WHOLE]);
    for (fault, made) in [
        (Fault::TimeoutBeforeWrite, 0),
        (Fault::TimeoutAfterWrite, 1),
        (Fault::LateLanding { after_ms: 20_000 }, 1),
        (Fault::UnprocessableButCreated, 1),
        (Fault::ServerErrorButCreated, 1),
        (Fault::SuccessButNothing, 0),
        (Fault::TooMany { retry_after_s: Some(7) }, 0),
        (Fault::Unauthorized, 0),
        (Fault::TruncatedBody, 1),
    ] {
        assert_eq!(with(fault.clone(), &one).1, made, "{fault:?}");
    }
    let (delivery, _) = with(Fault::TooMany { retry_after_s: Some(7) }, &one);
    let What::Answer(reply) = delivery.what else { panic!("an answer") };
    assert_eq!((reply.status, reply.get_header("retry-after")), (429, Some("7")));
    let mut twin = twin();
    let books = twin.control(&Request::new("GET", "/_twin/books"), NOW).unwrap();
    assert_eq!((books.status, books.value()), (200, json!([])));
}

/// The description of the interface that is kept beside the project.
fn document() -> Option<Value> {
    let shared = std::env::var_os("RINGBACK_SHARED")
        .map_or_else(|| std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), Into::into);
    let file = shared.join("vendors/specs/dataverse/dataverse-webapi-derived.openapi.json");
    if let Ok(bytes) = std::fs::read(&file) {
        return serde_json::from_slice(&bytes).ok();
    }
    let mut out = std::io::stderr();
    std::io::Write::write_fmt(
        &mut out,
        format_args!("SKIPPED (loudly): {} is not here; set RINGBACK_SHARED\n", file.display()),
    )
    .unwrap();
    None
}

#[test]
fn replies_satisfy_the_description() {
    let Some(document) = document() else { return };
    let mut twin = twin();
    let lead_body = json!({ "lastname": "x" });
    let qualify = json!({ "CreateAccount": false, "CreateContact": true, "CreateOpportunity": false, "Status": 3 });
    let record = "/api/data/v9.2/{entitySet}({key})";
    let set = "/api/data/v9.2/{entitySet}";
    let mut checked = 0;
    for (template, method, path, body, headers) in [
        ("/api/data/v9.2/WhoAmI", "GET", "WhoAmI".to_owned(), Value::Null, vec![]),
        (record, "PATCH", lead(A), lead_body.clone(), vec![WHOLE]),
        (record, "PATCH", lead(A), lead_body.clone(), vec![WHOLE]),
        (record, "PATCH", lead(A), lead_body.clone(), vec![]),
        (record, "PATCH", lead(A), lead_body.clone(), vec![("If-None-Match", "*")]),
        (record, "PATCH", lead(B), lead_body.clone(), vec![("If-Match", "*")]),
        (record, "GET", lead(A), Value::Null, vec![]),
        (record, "GET", lead(B), Value::Null, vec![]),
        (set, "GET", "leads?$select=lastname&$top=5".to_owned(), Value::Null, vec![]),
        (set, "GET", "leads?$select=nickname".to_owned(), Value::Null, vec![]),
        (set, "POST", "leads".to_owned(), lead_body.clone(), vec![]),
        (set, "POST", "leads".to_owned(), lead_body.clone(), vec![WHOLE]),
        (set, "POST", "leads".to_owned(), json!({ "nickname": "x" }), vec![]),
        (
            "/api/data/v9.2/leads({leadid})/Microsoft.Dynamics.CRM.QualifyLead",
            "POST",
            format!("leads({A})/Microsoft.Dynamics.CRM.QualifyLead"),
            qualify,
            vec![],
        ),
        (record, "DELETE", lead(B), Value::Null, vec![]),
        (record, "DELETE", lead(A), Value::Null, vec![]),
    ] {
        let (status, answer) = ask(&mut twin, method, &path, &body, &headers);
        let at = format!("{method} {path} {status}");
        let operation = &document["paths"][template][method.to_lowercase()];
        let described = &operation["responses"][status.to_string()];
        assert!(described.is_object(), "{at} is not described");
        if let Some(schema) = described.pointer("/content/application~1json/schema") {
            let whole = json!({ "components": document["components"], "allOf": [schema] });
            let validator = jsonschema::draft202012::new(&whole).unwrap();
            let errors: Vec<String> = validator.iter_errors(&answer).map(|e| e.to_string()).collect();
            assert!(errors.is_empty(), "{at}: {errors:?}");
            checked += 1;
        }
    }
    assert!(checked >= 11, "{checked}");
}
