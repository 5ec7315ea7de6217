//! Salesforce's requests, and the answers in its fixtures, against a description of its interface that was derived from its guide
//! (Salesforce publishes none). Subrequests of composite requests are judged like requests of their own.

use crate::crms::{self, connected, every};
use crate::referee::Referee;
use crate::support::fixtures;
use ringback_connect::Crm;
use ringback_connect::crms::salesforce::Salesforce;
use ringback_core::crm::{CrmOp, Object, PersonKey, Properties, PropertySpec, PropertyType};
use ringback_core::http::HttpRequest;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const LEAD: &str = "00QHs00001aBcDeMAK";
const TASK: &str = "00THs00003kLmNoMAK";

fn referee() -> Option<Referee> {
    Referee::load("salesforce", &[], spelling)
}

/// `queryAll` takes and gives what `query` does ("QueryAll", REST API Developer Guide: `resources_queryall.htm`).
fn spelling(path: &str) -> String {
    path.replace("/queryAll", "/query")
}

/// What the derived description leaves out and the guide has: `resources_sobject_retrieve_delete.htm`, 204 without a body.
fn beyond(method: &str, path: &str) -> bool {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    method == "DELETE" && matches!(parts.as_slice(), ["services", "data", _, "sobjects", _, _])
}

fn request(operations: &[CrmOp], settings: &[(&str, &str)]) -> HttpRequest {
    let settings: Vec<(String, String)> = settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Salesforce.request(operations, &connected("salesforce", &settings)).unwrap()
}

fn body(request: &HttpRequest) -> Value {
    serde_json::from_slice(&request.body).unwrap_or(Value::Null)
}

/// The SOQL or SOSL of a request or of each of its subrequests.
fn asked(request: &HttpRequest) -> Vec<String> {
    let subs = body(request)["compositeRequest"].as_array().cloned().unwrap_or_default();
    let mut paths: Vec<String> = subs.iter().map(|s| s["url"].as_str().unwrap().to_owned()).collect();
    paths.push(request.path.clone());
    let decoded = |path: &String| {
        let (_, query) = path.split_once("?q=")?;
        ringback_core::http::form_pairs(format!("q={query}").as_bytes()).into_iter().next().map(|(_, v)| v)
    };
    paths.iter().filter_map(decoded).collect()
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
}

fn properties(list: &[(&str, &str)]) -> Properties {
    list.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
}

fn create(object: Object, list: &[(&str, &str)]) -> CrmOp {
    let of = (object != Object::Contact).then(|| LEAD.to_owned());
    CrmOp::Create { object, key: "rb-key-01j".into(), of, properties: properties(list) }
}

fn upsert(n: usize) -> CrmOp {
    let properties = properties(&[("LastName", "Dana")]);
    CrmOp::Upsert { object: Object::Contact, key: format!("rb-contact-{n}"), of: None, properties }
}

#[test]
fn every_request_is_a_documented_one() {
    let Some(referee) = referee() else { return };
    let judge = |method: &str, path: &str, body: &[u8]| {
        if !beyond(method, path) {
            let kind = (!body.is_empty()).then_some("application/json");
            let judged = referee.request(method, path, kind, body);
            return judged.unwrap_or_else(|why| panic!("{why}")).operation;
        }
        "beyond".to_owned()
    };
    let mut seen = BTreeSet::new();
    let mut batches: Vec<Vec<CrmOp>> = Vec::new();
    for kind in 0..every(&Salesforce, 0).len() {
        let of_kind: Vec<CrmOp> = (0..3).filter_map(|n| every(&Salesforce, n).get(kind).cloned()).collect();
        let most = Salesforce.batch_items_max(&of_kind[0], &connected("salesforce", &[]));
        batches.extend([of_kind[..1].to_vec(), of_kind[..most.min(3)].to_vec()]);
    }
    batches.extend([vec![upsert(1)], vec![upsert(1), upsert(2)]]);
    for batch in &batches {
        let made = Salesforce.request(batch, &connected("salesforce", &[]));
        let Ok(request) = made else {
            let by_hand = matches!(batch[0], CrmOp::CreateProperty { .. });
            let links = matches!(&batch[0], CrmOp::ReadLinks { to: Object::Deal, .. });
            assert!(by_hand || links, "{batch:?}: {made:?}");
            continue;
        };
        assert!(header(&request, "authorization").is_none(), "the credential is the engine's");
        assert_eq!(header(&request, "content-type").is_some(), !request.body.is_empty());
        seen.insert(judge(request.method.as_str(), &request.path, &request.body));
        for sub in body(&request)["compositeRequest"].as_array().into_iter().flatten() {
            let bytes = if sub["body"].is_null() { Vec::new() } else { sub["body"].to_string().into_bytes() };
            seen.insert(judge(sub["method"].as_str().unwrap(), sub["url"].as_str().unwrap(), &bytes));
        }
    }
    let v = "/services/data/v{version}";
    for wanted in [
        format!("GET {v}/query"),
        format!("GET {v}/search"),
        format!("POST {v}/sobjects/{{sobject}}"),
        format!("PATCH {v}/sobjects/{{sobject}}/{{id}}"),
        format!("PATCH {v}/sobjects/{{sobject}}/{{extField}}/{{extValue}}"),
        format!("GET {v}/sobjects/{{sobject}}/describe"),
        format!("POST {v}/composite"),
        format!("POST {v}/composite/sobjects"),
        format!("PATCH {v}/composite/sobjects/{{sobject}}/{{extField}}"),
        "beyond".to_owned(),
    ] {
        assert!(seen.contains(&wanted), "{wanted} was not asked: {seen:?}");
    }
}

#[test]
fn fixtures_of_documented_answers_satisfy_the_description() {
    let Some(referee) = referee() else { return };
    // These are wrong on purpose.
    let lies = ["ids-missing", "foreign-json-write", "error-with-200"];
    let mut checked = 0;
    for fixture in fixtures("salesforce") {
        let reply = crms::reply(&fixture);
        let documented = matches!(reply.status, 200 | 201 | 204 | 300 | 400);
        let own = reply.body.is_empty() || serde_json::from_slice::<Value>(&reply.body).is_ok();
        if !documented || !own || lies.contains(&fixture.name.as_str()) {
            continue;
        }
        let connection = connected("salesforce", &fixture.pairs("/settings"));
        let request = Salesforce.request(&crms::operations(&fixture), &connection).unwrap();
        if beyond(request.method.as_str(), &request.path) {
            continue;
        }
        let judged = referee.reply(request.method.as_str(), &request.path, reply.status, &reply.body);
        judged.unwrap_or_else(|why| panic!("{}: {why}", fixture.name));
        checked += 1;
    }
    assert!(checked >= 40, "{checked}");
}

#[test]
fn a_new_person_is_a_lead_with_what_a_lead_must_have_and_nothing_is_run_for_it() {
    let made = request(
        &[create(Object::Contact, &[("Phone", "+13125550142"), ("rb_first_call_at", "2026-03-05T15:00:00Z")])],
        &[],
    );
    assert_eq!((made.method.as_str(), made.path.as_str()), ("POST", "/services/data/v66.0/sobjects/Lead"));
    assert_eq!(
        body(&made),
        json!({"Phone": "+13125550142", "RB_First_Call_At__c": "2026-03-05T15:00:00Z", "RB_Key__c": "rb-key-01j",
               "LastName": "Unknown caller", "Company": "Unknown (Ringback)"})
    );
    assert_eq!(header(&made, "Sforce-Auto-Assign"), Some("FALSE"));
    assert!(header(&made, "Sforce-Duplicate-Rule-Header").unwrap().contains("allowSave=false"));
    // What the org says otherwise.
    let settings = [("company", "Privat"), ("duplicate_rules", "save"), ("version", "67.0")];
    let made = request(&[create(Object::Contact, &[("LastName", "Ruiz")])], &settings);
    assert!(made.path.starts_with("/services/data/v67.0/"));
    assert_eq!((&body(&made)["Company"], &body(&made)["LastName"]), (&json!("Privat"), &json!("Ruiz")));
    assert!(header(&made, "Sforce-Duplicate-Rule-Header").unwrap().contains("allowSave=true"));
    let made = request(&[create(Object::Contact, &[("LastName", "Ruiz")])], &[("people", "Contact")]);
    assert!(made.path.ends_with("/sobjects/Contact"));
    assert_eq!(body(&made), json!({"LastName": "Ruiz", "RB_Key__c": "rb-key-01j"}));
    // The placeholder is for new records: an update never writes it over what somebody typed.
    let update = CrmOp::Update {
        object: Object::Contact,
        id: LEAD.into(),
        properties: properties(&[("FirstName", "")]),
        seen: Some("2026-03-05T14:03:11Z".into()),
    };
    let made = request(&[update], &[]);
    assert_eq!(body(&made), json!({ "FirstName": null }));
    assert_eq!(header(&made, "If-Unmodified-Since"), Some("Thu, 05 Mar 2026 14:03:11 GMT"));
}

#[test]
fn calls_and_callbacks_are_tasks_with_the_day_of_the_connections_zone() {
    let call = [
        ("rb_at", "2026-03-06T02:30:00Z"),
        ("duration_ms", "31000"),
        ("CallType", "Inbound"),
        ("Description", "a\r\nb"),
    ];
    let made = body(&request(&[create(Object::Call, &call)], &[]));
    assert_eq!(
        made,
        json!({"RB_At__c": "2026-03-06T02:30:00Z", "ActivityDate": "2026-03-05", "CallDurationInSeconds": 31,
               "CallType": "Inbound", "Description": "a\nb", "Status": "Completed", "TaskSubtype": "Call",
               "RB_Key__c": "rb-key-01j", "WhoId": LEAD})
    );
    let task = [("rb_at", "2026-03-06T02:30:00Z"), ("Status", "Not Started")];
    let made = body(&request(&[create(Object::Task, &task)], &[("reminder", "on")]));
    assert_eq!(made["ReminderDateTime"], "2026-03-06T02:30:00Z");
    assert_eq!((&made["IsReminderSet"], &made["Status"]), (&json!(true), &json!("Not Started")));
    assert_eq!(body(&request(&[create(Object::Task, &task)], &[]))["IsReminderSet"], Value::Null);
}

#[test]
fn a_search_names_fields_that_each_object_has_and_escapes_what_is_reserved() {
    let keys = vec![
        PersonKey::Phone { e164: "+13125550142".into(), national: "3125550142".into() },
        PersonKey::Email { address: "o'brien+x@example.com".into() },
    ];
    let names = ["Company", "AccountId", "rb_object", "rb_key", "Site__c", "rb_urgency"];
    let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    let find = CrmOp::FindPerson { keys: keys.clone(), properties: names.clone() };
    let made = asked(&request(&[find], &[("field.contact.Site__c", "Lead")]));
    let [sosl] = made.as_slice() else { panic!("{made:?}") };
    assert!(
        sosl.starts_with(r#"FIND {3125550142 OR "o\'brien\+x@example.com"} IN ALL FIELDS RETURNING Contact("#),
        "{sosl}"
    );
    let (contact, lead) = sosl.split_once("),Lead(").unwrap();
    assert!(contact.contains("AccountId") && !contact.contains("Company") && !contact.contains("Site__c"), "{contact}");
    assert!(lead.contains("Company") && lead.contains("Site__c") && !lead.contains("AccountId"), "{lead}");
    assert!(lead.contains("RB_Urgency__c") && lead.contains("ConvertedContactId") && !sosl.contains("rb_object"));
    let only = CrmOp::FindPerson { keys: keys[..1].to_vec(), properties: vec![] };
    assert!(asked(&request(&[only], &[]))[0].starts_with("FIND {3125550142} IN PHONE FIELDS"));
    // A name that is none never reaches a query.
    let odd = CrmOp::FindPerson { keys, properties: vec!["Id FROM User".into()] };
    assert!(Salesforce.request(&[odd], &connected("salesforce", &[])).is_err());
}

#[test]
fn keys_and_ids_cannot_break_out_of_a_query() {
    let by_key = |key: &str| CrmOp::ReadByKey {
        object: Object::Task,
        key: key.into(),
        of: None,
        properties: vec![],
        associations: vec![],
    };
    let made = asked(&request(&[by_key(r"a') OR Id != null \ --")], &[]));
    assert!(made[0].contains(r"IN ('a\') OR Id != null \\ --')"), "{made:?}");
    for id in ["00Q' OR Id != null", "00Q", "", "512", "01pHs00001aBcDeMAK"] {
        let read = CrmOp::ReadById {
            object: Object::Contact,
            id: id.into(),
            properties: vec![],
            associations: vec![],
            history: false,
        };
        let delete = CrmOp::Delete { object: Object::Contact, id: id.into() };
        let deals = CrmOp::FindDeals { contact: id.into(), properties: vec![] };
        for operation in [read, delete, deals] {
            assert!(Salesforce.request(&[operation], &connected("salesforce", &[])).is_err(), "{id}");
        }
    }
    let other = CrmOp::ReadById {
        object: Object::Contact,
        id: TASK.into(),
        properties: vec![],
        associations: vec![],
        history: false,
    };
    assert!(Salesforce.request(&[other], &connected("salesforce", &[])).is_err(), "a Task is no person");
}

#[test]
fn changes_go_on_where_the_page_ended() {
    let changed = |after: Option<String>| CrmOp::Changed {
        object: Object::Contact,
        since: "2026-03-04T00:00:00Z".parse().unwrap(),
        after,
        properties: vec!["LastName".into()],
    };
    let made = asked(&request(&[changed(None)], &[]));
    assert_eq!(made.len(), 2);
    assert!(
        made.iter().all(|q| q.contains("SystemModstamp >= 2026-03-04T00:00:00Z ORDER BY SystemModstamp, Id LIMIT 200"))
    );
    let row = |sobject: &str, prefix: &str, n: usize, at: &str| {
        json!({"attributes": {"type": sobject}, "Id": format!("{prefix}Hs000000{n:04}AAA"), "LastModifiedDate": at,
               "SystemModstamp": at, "IsDeleted": false})
    };
    // 200 Leads, the last at 12:03, and Contacts before and after that: the later one waits for the next page.
    let leads: Vec<Value> =
        (0..200).map(|n| row("Lead", "00Q", n, &format!("2026-03-04T12:{:02}:00.000+0000", n / 60))).collect();
    let contacts = vec![
        row("Contact", "003", 1, "2026-03-04T11:00:00.000+0000"),
        row("Contact", "003", 2, "2026-03-04T13:00:00.000+0000"),
    ];
    let part = |n: usize, rows: Vec<Value>| {
        let body = json!({"totalSize": rows.len(), "done": true, "records": rows});
        json!({"body": body, "httpStatusCode": 200, "httpHeaders": {}, "referenceId": format!("r{n}")})
    };
    let reply = json!({"compositeResponse": [part(0, leads), part(1, contacts)]}).to_string();
    let reply = ringback_core::http::HttpReply::with(200, "application/json", reply);
    let at = "2026-03-04T23:20:00Z".parse().unwrap();
    let outcome = Salesforce.reply(&[changed(None)], &reply, &connected("salesforce", &[]), at).outcomes.remove(0);
    let ringback_core::crm::Outcome::Done { held } = outcome else { panic!("{outcome:?}") };
    assert_eq!(held.records.len(), 201);
    assert_eq!(held.records[0].id, "003Hs0000000001AAA", "the oldest first");
    let next = held.next.unwrap();
    let made = asked(&request(&[changed(Some(next))], &[]));
    assert!(
        made[0]
            .contains("(SystemModstamp > 2026-03-04T12:03:00Z OR (SystemModstamp = 2026-03-04T12:03:00Z AND Id > '00Q"),
        "{made:?}"
    );
    assert!(made[1].contains("SystemModstamp > 2026-03-04T11:00:00Z"), "{made:?}");
}

#[test]
fn what_must_be_made_by_hand_is_said_so_that_it_can_be_made() {
    let typed = |object, name: &str, kind| {
        let property = PropertySpec {
            name: name.into(),
            label: "x".into(),
            kind,
            unique: false,
            read_only: false,
            stored_as: None,
        };
        Salesforce.request(&[CrmOp::CreateProperty { object, property }], &connected("salesforce", &[])).unwrap_err().0
    };
    let make = |object, name: &str| typed(object, name, PropertyType::Text);
    assert!(typed(Object::Task, "rb_callback_due", PropertyType::DateTime).contains("RB_Callback_Due, Date/Time"));
    assert!(typed(Object::Contact, "rb_budget", PropertyType::Number).contains("Number(16, 2)"));
    let key = make(Object::Contact, "rb_key");
    assert!(
        key.contains("RB_Key,") && key.contains("Lead and on Contact") && key.contains("External ID, Unique"),
        "{key}"
    );
    let at = make(Object::Task, "rb_at");
    assert!(at.contains("Activity") && at.contains("RB_At,") && at.contains("Text(255)"), "{at}");
}

#[test]
fn settings_that_cannot_be_right_are_told() {
    let wrong = |settings: &[(&str, &str)], base_url: Option<&str>| {
        let settings: Vec<(String, String)> =
            settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let mut connection = crate::support::connection("salesforce", &settings);
        connection.base_url = base_url.map(str::to_owned);
        Salesforce.check(&connection).into_iter().map(|p| p.cause).collect::<Vec<_>>()
    };
    assert_eq!(wrong(&[], None), ["the connection does not say which org it is for"]);
    assert!(wrong(&[("my_domain", "acme--uat.sandbox")], None).is_empty());
    assert!(wrong(&[], Some("https://acme.my.salesforce.com")).is_empty());
    let all = [
        ("my_domain", "https://x/y"),
        ("version", "latest"),
        ("people", "Account"),
        ("duplicate_rules", "no"),
        ("reminder", "yes"),
    ];
    assert_eq!(wrong(&all, None).len(), 5);
}

#[test]
fn what_one_request_cannot_carry_is_refused_here() {
    let connection = connected("salesforce", &[]);
    let task = |n: usize| CrmOp::Create {
        object: Object::Task,
        key: format!("rb-task-{n}"),
        of: None,
        properties: properties(&[]),
    };
    let mix = vec![create(Object::Contact, &[]), create(Object::Task, &[])];
    let twice = vec![task(1), task(1)];
    let many: Vec<CrmOp> = (0..201).map(task).collect();
    let activity = vec![CrmOp::Upsert { object: Object::Task, key: "a".into(), of: None, properties: properties(&[]) }];
    let nobody = vec![CrmOp::FindPerson { keys: vec![], properties: vec![] }];
    let none = vec![CrmOp::ReadMany { object: Object::Deal, ids: vec![], properties: vec![] }];
    for operations in [vec![], mix, twice, many, activity, nobody, none] {
        assert!(Salesforce.request(&operations, &connection).is_err(), "{operations:?}");
    }
}

#[test]
fn a_field_that_an_org_may_hide_is_asked_for_once_it_was_seen() {
    let asked = |settings: &[(&str, &str)]| {
        let settings: Vec<(String, String)> =
            settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let names = ["DoNotCall", "HasOptedOutOfEmail"].map(str::to_owned).to_vec();
        let keys = vec![PersonKey::Phone { e164: "+13125550142".into(), national: "3125550142".into() }];
        let operation = CrmOp::FindPerson { keys, properties: names };
        let request = Salesforce.request(&[operation], &connected("salesforce", &settings)).unwrap();
        request.path.matches("DoNotCall").count() * 10 + request.path.matches("HasOptedOutOfEmail").count()
    };
    assert_eq!(asked(&[]), 0, "a query that names a hidden field fails as a whole");
    assert_eq!(asked(&[("field.contact.DoNotCall", "both")]), 20, "of leads and of contacts");
    assert_eq!(asked(&[("field.contact.HasOptedOutOfEmail", "Lead")]), 1);
}
