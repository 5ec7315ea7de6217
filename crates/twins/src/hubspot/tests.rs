//! Every refusal, every quirk, and each reply against the vendor's machine-readable document.

mod refusing;
mod serving;
mod spec;

use super::*;
use serde_json::json;

const NOW: i64 = 1_772_719_391_000; // 2026-03-05T14:03:11Z
const BASE: &str = "/crm/objects/2026-03";

fn hub() -> HubSpot {
    HubSpot::new(Options::default())
}

/// One request with the good token; status and body.
fn ask(hub: &mut HubSpot, method: &str, path: &str, body: &Value, now_ms: i64) -> (u16, Value) {
    let mut request = Request::new(method, path).header("Authorization", "Bearer pat-twin");
    if !body.is_null() {
        request = request.json(body);
    }
    let reply = hub.handle(&request, now_ms);
    (reply.status, reply.value())
}

fn post(hub: &mut HubSpot, path: &str, body: &Value) -> (u16, Value) {
    ask(hub, "POST", path, body, NOW)
}

fn get(hub: &mut HubSpot, path: &str) -> (u16, Value) {
    ask(hub, "GET", path, &Value::Null, NOW)
}

fn create(hub: &mut HubSpot, kind: &str, properties: &Value) -> (u16, Value) {
    post(hub, &format!("{BASE}/{kind}"), &json!({ "properties": properties }))
}

/// Creates and returns the id.
fn made(hub: &mut HubSpot, kind: &str, properties: &Value) -> String {
    let (status, body) = create(hub, kind, properties);
    assert_eq!(status, 201, "{body}");
    body["id"].as_str().expect("an id").to_owned()
}

/// Defines our key property on a type.
fn with_key(hub: &mut HubSpot, kind: &str) {
    let group = seed::default_group(ObjectType::from_path(kind).expect("a type"));
    let (status, body) = post(
        hub,
        &format!("/crm/properties/2026-03/{kind}"),
        &json!({ "name": "rb_key", "label": "Key", "type": "string", "fieldType": "text", "groupName": group, "hasUniqueValue": true, "hidden": true }),
    );
    assert_eq!(status, 201, "{body}");
}

fn upsert(key: &str, properties: &Value) -> Value {
    json!({ "inputs": [{ "id": key, "idProperty": "rb_key", "objectWriteTraceId": format!("t-{key}"), "properties": properties }] })
}

fn found(hub: &mut HubSpot, kind: &str, filters: &Value, now_ms: i64) -> Vec<String> {
    let (status, body) = ask(
        hub,
        "POST",
        &format!("{BASE}/{kind}/search"),
        &json!({ "filterGroups": [{ "filters": filters }] }),
        now_ms,
    );
    assert_eq!(status, 200, "{body}");
    body["results"].as_array().expect("results").iter().map(|r| r["id"].as_str().expect("id").to_owned()).collect()
}
