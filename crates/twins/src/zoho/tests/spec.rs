//! Replies against the vendor's descriptions, kept beside the project; without them this says so and passes.

use super::*;
use serde_json::Map;
use std::io::Write as _;
use std::path::PathBuf;

fn document(name: &str) -> Option<Value> {
    let shared = std::env::var_os("RINGBACK_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let file = shared.join(format!("vendors/specs/zoho/{name}-trimmed.openapi.json"));
    match std::fs::read(&file) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).expect("JSON")),
        Err(_) => {
            let mut out = std::io::stderr();
            writeln!(out, "SKIPPED (loudly): {} is not here; set RINGBACK_SHARED", file.display()).expect("a stream");
            None
        }
    }
}

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

/// Checks a reply against the schema of that operation and status.
fn fits(document: &Value, path: &str, method: &str, status: u16, body: &Value) {
    let answer = &document["paths"][path][method]["responses"][status.to_string()];
    let answer = match answer["$ref"].as_str() {
        Some(pointer) => document.pointer(pointer.trim_start_matches('#')).expect("a response"),
        None => answer,
    };
    let schema =
        answer.pointer("/content/application~1json/schema").unwrap_or_else(|| panic!("{method} {path} {status}"));
    let mut whole = Map::new();
    whole.insert("components".into(), document["components"].clone());
    whole.insert("allOf".into(), json!([schema]));
    let mut whole = Value::Object(whole);
    nullable(&mut whole);
    let validator = jsonschema::draft202012::new(&whole).expect("a schema");
    let errors: Vec<String> = validator.iter_errors(body).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{method} {path} {status}: {errors:?}\n{body}");
}

#[test]
fn replies_are_those_of_the_descriptions() {
    let names = ["record-oas31", "record", "coql-oas31", "composite-requests-oas31", "convert_lead"];
    let documents: Option<Vec<Value>> = names.iter().map(|n| document(n)).collect();
    let Some(documents) = documents else { return };
    let [newer, older, query, composite, conversion] = documents.as_slice() else { panic!("five") };
    let mut org = org();
    let body = json!({ "data": [lead("rb-1")], "trigger": [] });
    let (status, reply) = ask(&mut org, "POST", "/crm/v8/Leads", &body);
    fits(newer, "/{module}", "post", status, &reply);
    let id = reply["data"][0]["details"]["id"].as_str().expect("an id").to_owned();
    let path = format!("/crm/v8/Leads/{id}");
    for bad in [json!({ "Company": "x" }), lead("rb-1"), json!({ "Last_Name": "a", "Company": "b", "Email": "c" })] {
        let (status, reply) = ask(&mut org, "POST", "/crm/v8/Leads", &json!({ "data": [bad] }));
        fits(newer, "/{module}", "post", status, &reply);
    }
    let (status, reply) = upsert(&mut org, &json!([lead("rb-1"), lead("rb-2")]));
    fits(older, "/crm/v8/{module_api_name}/upsert", "post", status, &reply);
    let (status, reply) = ask(&mut org, "PUT", &path, &json!({ "data": [{ "City": "x" }] }));
    fits(newer, "/{module}/{recordID}", "put", status, &reply);
    let late = request("PUT", &path, &json!({ "data": [{ "City": "y" }] }));
    let late = org.handle(&late.header("If-Unmodified-Since", "2020-01-01T00:00:00+00:00"), NOW);
    fits(newer, "/{module}/{recordID}", "put", late.status, &late.value());
    let (status, reply) = get(&mut org, &path);
    fits(older, "/crm/v8/{module_api_name}/{id}", "get", status, &reply);
    let (status, reply) = get(&mut org, "/crm/v8/Leads?fields=Last_Name,Owner,Modified_Time&per_page=1");
    fits(newer, "/{module}", "get", status, &reply);
    let (status, reply) = coql(&mut org, "select id, Last_Name, Owner from Leads where id is not null limit 0, 1");
    fits(query, "/coql", "post", status, &reply);
    for bad in ["select id from Leads", "select Odd from Leads where id is not null"] {
        let (status, reply) = coql(&mut org, bad);
        fits(&document("coql").expect("a document"), "/crm/v8/coql", "post", status, &reply);
    }
    let part = |select: &str| json!({ "method": "POST", "uri": "/crm/v8/coql", "body": { "select_query": select } });
    let parts = json!({ "__composite_requests": [part("select id from Leads where id is not null"), part("select id from Leads where id = '1'")] });
    let (status, reply) = ask(&mut org, "POST", "/crm/v8/__composite_requests", &parts);
    assert_eq!(reply["__composite_requests"][1]["details"]["response"]["status_code"], 204);
    fits(composite, "/__composite_requests", "post", status, &reply);
    let wish = json!({ "data": [{ "overwrite": true, "Deals": { "Deal_Name": "Roof", "Stage": "Qualification" } }] });
    let (status, reply) = ask(&mut org, "POST", &format!("{path}/actions/convert"), &wish);
    fits(conversion, "/crm/v8/Leads/{lead_id}/actions/convert", "post", status, &reply);
    let other = org.records("Leads").first().map(|r| r.id.to_string()).expect("a lead");
    let (status, reply) = ask(&mut org, "DELETE", &format!("/crm/v8/Leads/{other}"), &Value::Null);
    fits(newer, "/{module}/{recordID}", "delete", status, &reply);
}
