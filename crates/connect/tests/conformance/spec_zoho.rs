//! Zoho's requests, and the successes among its fixtures, against the vendor's own descriptions.
//!
//! There are two generations of them, and neither is complete: the older (3.0) has the search and the lead's parameters, the newer
//! (3.1) is stricter about bodies. A request must satisfy every one that has its path; parameters must be known to one of them.
//! They are kept beside the project, not in it; without them these tests say so and pass.

use crate::crms;
use crate::support::{connection, fixtures};
use ringback_connect::Crm;
use ringback_connect::crms::zoho::Zoho;
use ringback_core::crm::{CrmOp, Object, PersonKey, Properties, PropertySpec, PropertyType};
use ringback_core::http::{HttpRequest, Method};
use serde_json::{Map, Value, json};
use std::io::Write as _;
use std::path::PathBuf;

const ROOT: &str = "/crm/v8";

/// One description and what its paths begin with.
struct Document {
    name: String,
    prefix: &'static str,
    value: Value,
}

fn documents() -> Option<Vec<Document>> {
    let shared = std::env::var_os("RINGBACK_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let directory = shared.join("vendors/specs/zoho");
    let Ok(entries) = std::fs::read_dir(&directory) else {
        // Straight to the stream: a test's own output is only shown when it fails.
        let mut out = std::io::stderr();
        writeln!(out, "SKIPPED (loudly): {} is not here; set RINGBACK_SHARED", directory.display()).unwrap();
        return None;
    };
    let files = entries.map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "json"));
    let mut all: Vec<Document> = files
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let prefix = if name.contains("oas31") { ROOT } else { "" };
            Document { value: serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap(), name, prefix }
        })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Some(all)
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

impl Document {
    /// The operation that a request is; literal segments win over templates.
    fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        let path = path.split('?').next().unwrap().strip_prefix(self.prefix)?;
        let given: Vec<&str> = path.split('/').collect();
        let mut best: Option<(usize, &Value)> = None;
        for (template, methods) in self.value["paths"].as_object().unwrap() {
            let wanted: Vec<&str> = template.split('/').collect();
            // What begins with a letter is no record's id.
            let takes = |w: &str, g: &str| {
                w == g
                    || (w.starts_with('{')
                        && (!w.to_lowercase().contains("id") || g.bytes().all(|b| b.is_ascii_digit())))
            };
            let fits = wanted.len() == given.len() && wanted.iter().zip(&given).all(|(w, g)| takes(w, g));
            let operation = &methods[method.to_lowercase()];
            let literal = wanted.iter().filter(|w| !w.starts_with('{')).count();
            // Modules with a description of their own are not described by the general one.
            let general = template.contains("{module")
                && matches!(given.last(), Some(&("users" | "coql" | "org" | "__composite_requests")));
            if fits && !general && operation.is_object() && best.is_none_or(|(most, _)| literal > most) {
                best = Some((literal, operation));
            }
        }
        best.map(|(_, operation)| operation)
    }

    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value.get("$ref").and_then(Value::as_str) {
            Some(pointer) => self.value.pointer(pointer.trim_start_matches('#')).unwrap(),
            None => value,
        }
    }

    fn parameters<'a>(&'a self, operation: &'a Value, place: &str) -> Vec<&'a str> {
        let all = operation["parameters"].as_array().into_iter().flatten().map(|p| self.resolved(p));
        all.filter(|p| p["in"] == place).filter_map(|p| p["name"].as_str()).collect()
    }

    fn validate(&self, schema: &Value, instance: &Value, at: &str) {
        let mut whole = Map::new();
        whole.insert("components".into(), self.value["components"].clone());
        whole.insert("allOf".into(), json!([schema]));
        let mut whole = Value::Object(whole);
        nullable(&mut whole);
        let validator = jsonschema::draft202012::new(&whole).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(instance).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{at} in {}: {errors:?}\n{instance}", self.name);
    }
}

fn text(list: &[&str]) -> Vec<String> {
    list.iter().map(|t| (*t).to_owned()).collect()
}

fn properties(list: &[(&str, &str)]) -> Properties {
    list.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
}

fn phone(n: u32) -> PersonKey {
    PersonKey::Phone { e164: format!("+1312555{n:04}"), national: format!("312555{n:04}") }
}

fn email(n: u32) -> PersonKey {
    PersonKey::Email { address: format!("dana.o'neil{n}@example.com") }
}

fn create(object: Object, key: &str, of: Option<&str>) -> CrmOp {
    let fields: &[(&str, &str)] = match object {
        Object::Call => &[
            ("Subject", "Missed call"),
            ("Call_Start_Time", "2026-03-04T23:12:07.5Z"),
            ("direction", "Inbound"),
            ("status", "Missed"),
            ("duration_ms", "31000"),
            ("rb_from", "+13125550142"),
            ("Owner", "5725767000000411001"),
        ],
        Object::Task => {
            &[("Subject", "Call back"), ("due", "2026-03-05T03:30:00Z"), ("kind", "call"), ("Status", "Not Started")]
        }
        _ => &[("Last_Name", "Dana"), ("Phone", "+13125550142"), ("rb_trace", "https://r.example/t/1"), ("Email", "")],
    };
    CrmOp::Create { object, key: key.into(), of: of.map(str::to_owned), properties: properties(fields) }
}

fn look(object: Object, key: &str) -> CrmOp {
    CrmOp::ReadByKey {
        object,
        key: key.into(),
        of: Some("Leads/512".into()),
        properties: text(&["Subject", "due", "kind", "direction", "status", "Call_Start_Time", "duration_ms"]),
        associations: vec![Object::Contact],
    }
}

fn by_id(object: Object, id: &str) -> CrmOp {
    CrmOp::ReadById { object, id: id.into(), properties: text(&["Phone"]), associations: vec![], history: true }
}

fn changed(object: Object, after: Option<&str>) -> CrmOp {
    CrmOp::Changed {
        object,
        since: "2026-03-04T00:00:00Z".parse().unwrap(),
        after: after.map(str::to_owned),
        properties: text(&["Last_Name"]),
    }
}

fn property(kind: PropertyType) -> CrmOp {
    let unique = kind == PropertyType::Text;
    CrmOp::CreateProperty {
        object: Object::Call,
        property: PropertySpec {
            name: "rb_key".into(),
            label: "Key".into(),
            kind,
            unique,
            read_only: false,
            stored_as: None,
        },
    }
}

/// Operations with the request that each must be.
fn table() -> Vec<(Vec<CrmOp>, &'static str, &'static str)> {
    let find = |keys| vec![CrmOp::FindPerson { keys, properties: text(&["Last_Name", "Phone"]) }];
    let person = CrmOp::ReadByKey {
        object: Object::Contact,
        key: "rb-contact-01j".into(),
        of: None,
        properties: text(&["Last_Name", "rb_trace", "rb_object"]),
        associations: vec![],
    };
    let update = |id: &str, seen: Option<&str>| CrmOp::Update {
        object: Object::Contact,
        id: id.into(),
        properties: properties(&[("City", "Evanston"), ("Company", "X"), ("Email_Opt_Out", "true")]),
        seen: seen.map(str::to_owned),
    };
    let link = |to: &str| CrmOp::Associate {
        from: Object::Call,
        from_id: "Calls/900".into(),
        to: Object::Contact,
        to_id: to.into(),
    };
    let deals =
        |contact: &str| CrmOp::FindDeals { contact: contact.into(), properties: text(&["Deal_Name", "closed"]) };
    vec![
        (find(vec![phone(142), email(1)]), "POST", "/crm/v8/__composite_requests"),
        (find((0..20).map(phone).chain((0..20).map(email)).collect()), "POST", "/crm/v8/__composite_requests"),
        (vec![person], "POST", "/crm/v8/__composite_requests"),
        (vec![look(Object::Call, "rb-call-01j")], "POST", "/crm/v8/coql"),
        ((0..50).map(|n| look(Object::Task, &format!("rb-task-{n}"))).collect(), "POST", "/crm/v8/coql"),
        (vec![by_id(Object::Contact, "Leads/512")], "GET", "/crm/v8/Leads/512?converted=both"),
        (vec![by_id(Object::Contact, "Contacts/600")], "GET", "/crm/v8/Contacts/600"),
        (vec![by_id(Object::Task, "Tasks/901")], "GET", "/crm/v8/Tasks/901"),
        (
            vec![CrmOp::ReadLinks { object: Object::Call, id: "Calls/900".into(), to: Object::Contact }],
            "GET",
            "/crm/v8/Calls/900",
        ),
        (
            vec![CrmOp::ReadMany {
                object: Object::Deal,
                ids: text(&["Deals/7", "Deals/8"]),
                properties: text(&["Stage"]),
            }],
            "GET",
            "/crm/v8/Deals?ids=7,8&fields=Modified_Time,RB_Key,Stage&per_page=100",
        ),
        (
            vec![deals("Contacts/600")],
            "GET",
            "/crm/v8/Contacts/600/Deals?fields=Deal_Name,Modified_Time,RB_Key,Stage&per_page=100",
        ),
        (vec![deals("Leads/512")], "GET", "/crm/v8/Leads/512?converted=both"),
        (vec![create(Object::Contact, "rb-contact-01j", None)], "POST", "/crm/v8/Leads/upsert"),
        (
            (0..100).map(|n| create(Object::Contact, &format!("rb-contact-{n}"), None)).collect(),
            "POST",
            "/crm/v8/Leads/upsert",
        ),
        (vec![create(Object::Call, "rb-call-01j", Some("Leads/512"))], "POST", "/crm/v8/Calls"),
        (
            (0..100).map(|n| create(Object::Task, &format!("rb-task-{n}"), Some("Contacts/600"))).collect(),
            "POST",
            "/crm/v8/Tasks",
        ),
        (vec![update("Leads/512", Some("2026-03-04T17:20:00-06:00"))], "PUT", "/crm/v8/Leads/512"),
        (vec![update("Contacts/600", None)], "PUT", "/crm/v8/Contacts/600"),
        (vec![link("Leads/512")], "PUT", "/crm/v8/Calls/900"),
        (vec![link("Contacts/600")], "PUT", "/crm/v8/Calls/900"),
        (vec![CrmOp::Delete { object: Object::Task, id: "Tasks/901".into() }], "DELETE", "/crm/v8/Tasks/901"),
        (
            vec![changed(Object::Contact, None)],
            "GET",
            "/crm/v8/Leads?per_page=100&sort_by=Modified_Time&sort_order=asc&converted=both&fields=Converted_Contact,Converted__s,Last_Name,Modified_Time,RB_Key",
        ),
        (
            vec![changed(Object::Contact, Some("Contacts:a/b"))],
            "GET",
            "/crm/v8/Contacts?per_page=100&sort_by=Modified_Time&sort_order=asc&fields=Last_Name,Modified_Time,RB_Key&page_token=a%2Fb",
        ),
        (vec![CrmOp::ReadSchema { object: Object::Contact }], "GET", "/crm/v8/settings/fields?module=Leads"),
        (vec![CrmOp::ListOwners { after: None }], "GET", "/crm/v8/users?type=ActiveUsers&page=1&per_page=100"),
        (vec![property(PropertyType::Text)], "POST", "/crm/v8/settings/fields?module=Calls"),
        (vec![property(PropertyType::Choice(text(&["a", "b"])))], "POST", "/crm/v8/settings/fields?module=Calls"),
    ]
}

#[test]
fn requests_are_the_documented_ones() {
    for (operations, method, path) in table() {
        let request = Zoho.request(&operations, &connection("zoho", &[])).unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), (method, path));
        let headers: Vec<&str> = request.headers.iter().map(|(n, _)| n.as_str()).collect();
        assert!(!headers.contains(&"authorization"), "the credential is the engine's");
        assert_eq!(headers.contains(&"content-type"), !request.body.is_empty());
    }
}

/// The requests inside a composite one.
fn parts(request: &HttpRequest) -> Vec<HttpRequest> {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let part = |part: &Value| {
        let params: Vec<String> =
            part["params"].as_object().into_iter().flatten().map(|(n, _)| format!("{n}=x")).collect();
        let query = if params.is_empty() { String::new() } else { format!("?{}", params.join("&")) };
        HttpRequest {
            method: if part["method"] == "GET" { Method::Get } else { Method::Post },
            path: format!("{}{query}", part["uri"].as_str().unwrap()),
            headers: vec![],
            body: part.get("body").map(|b| b.to_string().into_bytes()).unwrap_or_default(),
        }
    };
    body["__composite_requests"].as_array().into_iter().flatten().map(part).collect()
}

#[test]
fn requests_satisfy_the_vendors_descriptions() {
    let Some(documents) = documents() else { return };
    let mut bodies = 0;
    for (operations, ..) in table() {
        let request = Zoho.request(&operations, &connection("zoho", &[])).unwrap();
        let inner = if request.path.ends_with("__composite_requests") { parts(&request) } else { Vec::new() };
        for request in std::iter::once(request).chain(inner) {
            let at = format!("{} {}", request.method.as_str(), request.path);
            // Making fields is on a page (create-custom-field.html), but in neither description.
            if request.method == Method::Post && request.path.contains("/settings/fields") {
                continue;
            }
            let found: Vec<(&Document, &Value)> = documents
                .iter()
                .filter_map(|d| Some((d, d.operation(request.method.as_str(), &request.path)?)))
                .collect();
            assert!(!found.is_empty(), "{at} is in no description");
            let known: Vec<&str> = found.iter().flat_map(|(d, o)| d.parameters(o, "query")).collect();
            for pair in request.path.split_once('?').map_or("", |(_, q)| q).split('&').filter(|p| !p.is_empty()) {
                let name = pair.split('=').next().unwrap();
                assert!(known.contains(&name), "{at}: no parameter {name}");
            }
            for (document, operation) in found {
                // The older description demands `concurrent_execution`, which the newer one no longer knows.
                if document.name == "composite_requests-trimmed" {
                    continue;
                }
                let body = document.resolved(&operation["requestBody"]);
                match body.pointer("/content/application~1json/schema") {
                    Some(schema) => {
                        bodies += 1;
                        document.validate(schema, &serde_json::from_slice(&request.body).unwrap(), &at);
                    }
                    None => assert!(request.body.is_empty(), "{at}"),
                }
            }
        }
    }
    assert!(bodies >= 30, "{bodies}");
}

#[test]
fn fixtures_of_successes_satisfy_the_older_description() {
    let Some(documents) = documents() else { return };
    // These are wrong on purpose.
    let lies =
        ["ids-missing", "foreign-json-write", "read-another", "updated-another", "batch-missing", "found-part-missing"];
    let mut checked = 0;
    for fixture in fixtures("zoho") {
        let reply = crms::reply(&fixture);
        let Ok(body) = serde_json::from_slice::<Value>(&reply.body) else { continue };
        if reply.status != 200 || lies.contains(&fixture.name.as_str()) || fixture.name.starts_with("schema") {
            continue;
        }
        let request = Zoho.request(&crms::operations(&fixture), &connection("zoho", &[])).unwrap();
        // The newer description of records has neither the entry of an upsert nor an error in a success; its other parts hold.
        let fits = |d: &&Document| !d.name.starts_with("record-oas31") && d.name != "users-trimmed";
        for document in documents.iter().filter(fits) {
            let Some(operation) = document.operation(request.method.as_str(), &request.path) else { continue };
            let answer = document.resolved(&operation["responses"]["200"]);
            let Some(schema) = answer.pointer("/content/application~1json/schema") else { continue };
            document.validate(schema, &body, &fixture.name);
            checked += 1;
        }
    }
    assert!(checked >= 30, "{checked}");
}

#[test]
fn a_look_for_people_asks_three_questions_within_the_vendors_limits() {
    let keys = (0..20).map(phone).chain((0..20).map(email)).collect();
    let find = CrmOp::FindPerson { keys, properties: vec![] };
    let request = Zoho.request(std::slice::from_ref(&find), &connection("zoho", &[])).unwrap();
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let parts = body["__composite_requests"].as_array().unwrap();
    assert_eq!((parts.len(), Zoho.cost(&[find])), (3, 3));
    for part in &parts[..2] {
        let query = part["body"]["select_query"].as_str().unwrap();
        for list in query.split(" in (").skip(1) {
            assert!(list.split(')').next().unwrap().split("', '").count() <= 100, "{list}");
        }
        assert_eq!(query.matches('(').count(), query.matches(')').count());
        assert!(query.contains("dana.o\\'neil1@example.com"), "a quote is escaped: {query}");
    }
    assert!(parts[2]["params"]["criteria"].as_str().unwrap().matches(":equals:").count() <= 10);
    assert_eq!(parts[2]["params"]["converted"], "true");

    let one = CrmOp::FindPerson { keys: vec![phone(142)], properties: vec![] };
    let settings = [("phone_fields.contacts".into(), "Phone".into()), ("phone_fields.leads".into(), "Mobile".into())];
    let request = Zoho.request(&[one], &connection("zoho", &settings)).unwrap();
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let query = body["__composite_requests"][0]["body"]["select_query"].as_str().unwrap();
    for spelling in ["'+13125550142'", "'3125550142'", "'(312) 555-0142'", "'312.555.0142'", "'+1 312-555-0142'"] {
        assert!(query.contains(spelling), "{query}");
    }
    assert!(!query.contains("Mobile in"));
}

#[test]
fn writes_set_off_nothing_and_are_typed() {
    let body = |operations: &[CrmOp]| {
        let request = Zoho.request(operations, &connection("zoho", &[])).unwrap();
        (serde_json::from_slice::<Value>(&request.body).unwrap(), request.headers)
    };
    let (lead, _) = body(&[create(Object::Contact, "rb-contact-01j", None)]);
    assert_eq!(lead["trigger"], json!([]));
    assert_eq!(lead["duplicate_check_fields"], json!(["RB_Key"]));
    assert_eq!(
        lead["data"][0],
        json!({"Last_Name": "Dana", "Phone": "+13125550142", "RB_Trace": "https://r.example/t/1", "Email": null,
            "RB_Key": "rb-contact-01j", "Company": "Unknown"})
    );
    let (call, _) = body(&[create(Object::Call, "rb-call-01j", Some("Leads/512"))]);
    assert_eq!(
        call["data"][0],
        json!({"Subject": "Missed call", "Call_Start_Time": "2026-03-04T23:12:07+00:00", "Call_Type": "Missed",
            "RB_Started_At": "2026-03-04T23:12:07.5Z", "RB_Status": "Missed", "Call_Duration": "00:31",
            "RB_From": "+13125550142", "Owner": {"id": "5725767000000411001"}, "RB_Key": "rb-call-01j",
            "What_Id": {"id": "512"}, "$se_module": "Leads"})
    );
    let (task, _) = body(&[create(Object::Task, "rb-task-01j", Some("Contacts/600"))]);
    assert_eq!(task["trigger"], json!([]));
    assert_eq!(
        task["data"][0],
        // Half past three in the night of UTC is the day before in Chicago.
        json!({"Subject": "Call back", "Due_Date": "2026-03-04", "RB_Due_At": "2026-03-05T03:30:00Z",
            "Status": "Not Started", "RB_Key": "rb-task-01j", "Who_Id": {"id": "600"}})
    );
    let update = CrmOp::Update {
        object: Object::Contact,
        id: "Contacts/600".into(),
        properties: properties(&[
            ("Company", "X"),
            ("Email_Opt_Out", "true"),
            ("rb_score", "7"),
            ("rb_object", "Contact"),
        ]),
        seen: Some("2026-03-04T17:20:00-06:00".into()),
    };
    let settings = [("field.contact.rb_score".to_owned(), "RB_Score:integer".to_owned())];
    let request = Zoho.request(&[update], &connection("zoho", &settings)).unwrap();
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body, json!({"data": [{"Email_Opt_Out": true, "RB_Score": 7}], "trigger": []}));
    assert!(request.headers.contains(&("if-unmodified-since".into(), "2026-03-04T17:20:00-06:00".into())));
}

#[test]
fn what_one_request_cannot_carry_is_refused_here() {
    let mix = vec![create(Object::Contact, "a", None), create(Object::Task, "b", None)];
    let twice = vec![create(Object::Contact, "a", None), create(Object::Contact, "a", None)];
    let many: Vec<CrmOp> = (0..101).map(|n| create(Object::Contact, &n.to_string(), None)).collect();
    let looks: Vec<CrmOp> = (0..51).map(|n| look(Object::Call, &n.to_string())).collect();
    let reads = vec![CrmOp::ReadSchema { object: Object::Contact }, CrmOp::ReadSchema { object: Object::Call }];
    let nobody = vec![CrmOp::FindPerson { keys: vec![], properties: vec![] }];
    let modules =
        vec![CrmOp::ReadMany { object: Object::Contact, ids: text(&["Leads/1", "Contacts/2"]), properties: vec![] }];
    let note = vec![create(Object::Note, "a", None)];
    for operations in [vec![], mix, twice, many, looks, reads, nobody, modules, note] {
        assert!(Zoho.request(&operations, &connection("zoho", &[])).is_err(), "{operations:?}");
    }
    let odd = connection(
        "zoho",
        &[("phone_fields.leads".into(), "Phone; drop".into()), ("burst_requests".into(), "x".into())],
    );
    assert_eq!(Zoho.check(&odd).len(), 2);
}

#[test]
fn our_fields_are_made_in_contacts_too_five_at_a_time() {
    let plain = connection("zoho", &[]);
    assert!(Zoho.preparation(Object::Call, &plain).is_empty());
    let asked = Zoho.preparation(Object::Contact, &plain);
    assert_eq!(asked.len(), 3);
    let mut labels = Vec::new();
    for request in &asked {
        assert_eq!(request.path, "/crm/v8/settings/fields?module=Contacts");
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let fields = body["fields"].as_array().unwrap();
        assert!(fields.len() <= 5);
        labels.extend(fields.iter().map(|f| f["field_label"].as_str().unwrap().to_owned()));
    }
    assert_eq!(labels.len(), 14);
    assert!(labels.contains(&"RB First Call At".to_owned()), "{labels:?}");
    let at = "2026-03-04T23:20:00Z".parse().unwrap();
    let made = json!({"code": "SUCCESS", "details": {"id": "7"}, "message": "field created", "status": "success"});
    let there = json!({"code": "DUPLICATE_DATA", "details": {}, "message": "duplicate data", "status": "error"});
    let full = json!({"code": "LIMIT_EXCEEDED", "details": {}, "message": "no more fields", "status": "error"});
    for (status, body, word) in [
        (200, json!({"fields": [made, made]}), "done"),
        (207, json!({"fields": [made, there]}), "done"),
        (400, json!({"fields": [there, full]}), "refused"),
        (200, json!({"ok": true}), "retry"),
        (401, json!({"code": "INVALID_TOKEN", "details": {}, "message": "", "status": "error"}), "auth_expired"),
        (500, json!({}), "retry"),
    ] {
        let reply = ringback_core::http::HttpReply::with(status, "application/json", body.to_string());
        assert_eq!(Zoho.prepared(&reply, &plain, at).word(), word, "{status} {body}");
    }
}
