//! What Zoho refuses, how it lags, what it counts, how it misbehaves, and each reply against the vendor's descriptions.

mod faults;
mod rules;
mod spec;

use super::{Options, Zoho};
use crate::books::{Books, Kind};
use crate::{Reply, Request};
use serde_json::{Value, json};

const NOW: i64 = 1_772_719_391_000; // 2026-03-05T14:03:11Z
const TOKEN: &str = "Zoho-oauthtoken 1000.twin";

/// An organisation in which set-up was done.
fn org() -> Zoho {
    let mut org = Zoho::new(Options::default());
    let people = ["rb_key", "rb_trace"].map(|n| (Kind::Person, n));
    org.prepare_fields(&people);
    org.prepare_fields(&[(Kind::Call, "rb_key"), (Kind::Task, "rb_key"), (Kind::Task, "rb_due_at")]);
    org
}

fn request(method: &str, path: &str, body: &Value) -> Request {
    let request = Request::new(method, path).header("Authorization", TOKEN);
    if body.is_null() { request } else { request.json(body) }
}

fn at(org: &mut Zoho, method: &str, path: &str, body: &Value, now_ms: i64) -> Reply {
    org.handle(&request(method, path, body), now_ms)
}

fn ask(org: &mut Zoho, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let reply = at(org, method, path, body, NOW);
    (reply.status, reply.value())
}

fn get(org: &mut Zoho, path: &str) -> (u16, Value) {
    ask(org, "GET", path, &Value::Null)
}

fn coql(org: &mut Zoho, query: &str) -> (u16, Value) {
    ask(org, "POST", "/crm/v8/coql", &json!({ "select_query": query }))
}

fn upsert(org: &mut Zoho, records: &Value) -> (u16, Value) {
    let body = json!({ "data": records, "duplicate_check_fields": ["RB_Key"], "trigger": [] });
    ask(org, "POST", "/crm/v8/Leads/upsert", &body)
}

fn lead(key: &str) -> Value {
    json!({ "Last_Name": "Ruiz", "Company": "Unknown", "Phone": "+13125550142", "RB_Key": key })
}

/// Makes a lead with that key and gives its id.
fn made(org: &mut Zoho, key: &str) -> String {
    let (status, body) = upsert(org, &json!([lead(key)]));
    assert_eq!(status, 200, "{body}");
    body["data"][0]["details"]["id"].as_str().expect("an id").to_owned()
}

fn call(key: &str, lead: &str) -> Value {
    json!({ "Subject": "Missed call", "Call_Type": "Missed", "Call_Start_Time": "2026-03-05T14:03:11+00:00",
        "Call_Duration": "00:00", "RB_Key": key, "What_Id": { "id": lead }, "$se_module": "Leads" })
}

fn code(body: &Value, n: usize) -> String {
    body["data"][n]["code"].as_str().unwrap_or_default().to_owned()
}
