//! Calls that a phone system logs in the CRM, with the real program and each CRM's twin.

use crate::home::{Home, SETTINGS, Served};
use serde_json::{Value, json};

const CRM: &str = "[[account.connection]]\nname = \"hubspot-main\"\nvendor = \"hubspot\"\nbase_url = \"http://127.0.0.1:9\"\nsecret = { text = \"nobody\" }\n";

/// A CRM whose calls are taken in, set up.
fn home_of(crm: &str) -> (Home, Served) {
    let home = Home::empty();
    assert!(home.run(&["init", "--crm", crm]).status.success(), "{crm}");
    let twin = Served::start(home.command(&["twin", crm, "--listen", "127.0.0.1:0", "--json"]));
    let lines = twin.announced["settings"].as_str().unwrap();
    let on = "calls_from_crm = true, calls_every_seconds = 10";
    // A twin's lines end in settings of its own, or in none.
    let lines = match lines.split_once("settings = { ") {
        Some((before, after)) => format!("{before}settings = {{ {on}, {after}"),
        None => format!("{}\nsettings = {{ {on} }}\n", lines.trim_end()),
    };
    assert!(SETTINGS.contains(CRM));
    home.write("ringback.toml", &SETTINGS.replace(CRM, &lines));
    let connected = home.json(&["connect", &format!("{crm}-main"), "--json"]);
    assert_eq!(connected["problems"], json!([]), "{crm}: {connected}");
    (home, twin)
}

fn log(twin: &Served, call: &Value) -> String {
    let (status, said) = twin.ask("POST", "/_twin/call", &[], call.to_string().as_bytes());
    assert_eq!(status, 200, "{said}");
    serde_json::from_str::<Value>(&said).unwrap()["id"].as_str().unwrap().to_owned()
}

#[expect(clippy::disallowed_methods, reason = "a CRM outside writes its records by its own clock")]
fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

fn inquiries(served: &Served, token: &str) -> Vec<Value> {
    let (status, said) = served.api(token, "/api/v1/inquiries");
    assert_eq!(status, 200, "{said}");
    said["data"].as_array().unwrap_or_else(|| panic!("{said}")).clone()
}

/// What doctor says of the feed.
fn told(home: &Home, crm: &str) -> String {
    let output = home.run(&["doctor", "--json"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let check = format!("main/{crm}-main");
    let mut all = told["findings"].as_array().unwrap().iter();
    let found = all.find(|f| f["check"] == check && f["says"].as_str().unwrap().starts_with("its calls"));
    found.unwrap_or_else(|| panic!("{told}"))["says"].as_str().unwrap().to_owned()
}

#[test]
fn a_missed_call_that_is_logged_in_the_crm_becomes_one_inquiry_with_owner_and_clock() {
    for crm in ["hubspot", "salesforce", "zoho", "pipedrive", "dynamics"] {
        let (home, twin) = home_of(crm);
        assert!(told(&home, crm).contains("not read yet"), "{crm}");
        let token = home.token("read", None);
        let served = home.serve();
        Served::until("the first look", || told(&home, crm).contains("its calls: read"));
        let person = br#"{"name":"Eve Stone","phone":"+13125550177","customer":true}"#;
        let (_, person) = twin.ask("POST", "/_twin/person", &[], person);
        let person = serde_json::from_str::<Value>(&person).unwrap()["id"].clone();
        // Dynamics has no column for a call that nobody took; a voicemail it knows.
        let call = |end: &str| json!({ "inbound": true, "from": "+13125550177", "to": "+13125550100", "end": end, "began_ms": now_ms(), "seconds": 20, "person": person });
        log(&twin, &call(if crm == "dynamics" { "voicemail" } else { "missed" }));
        // Somebody answered this one: it is nobody's inquiry. Pipedrive's activity does not say that anybody did.
        if crm != "pipedrive" {
            let answered = json!({ "inbound": true, "from": "+13125550188", "end": "answered", "began_ms": now_ms(), "seconds": 95 });
            log(&twin, &answered);
        }
        Served::until("one inquiry", || inquiries(&served, &token).len() == 1);
        let [inquiry] = inquiries(&served, &token).try_into().unwrap();
        assert_eq!(inquiry["caller"]["e164"], "+13125550177", "{crm}: {inquiry}");
        assert!(inquiry["owner"]["name"].is_string() && inquiry["clock"]["due_at"].is_string(), "{crm}: {inquiry}");
        assert_eq!(inquiry["calls"].as_array().map(Vec::len), Some(1), "{crm}: {inquiry}");
        // What Ringback writes back carries its key and is no news, although the feed shows it.
        let newest = || told(&home, crm).split("newest change ").nth(1).unwrap().split(',').next().unwrap().to_owned();
        let before = newest();
        Served::until("all is written", || served.rests());
        Served::until("the feed shows Ringback's own call log", || newest() != before);
        assert_eq!(inquiries(&served, &token).len(), 1, "{crm}");
        assert!(told(&home, crm).contains(if crm == "pipedrive" { "1 taken in" } else { "2 taken in" }), "{crm}");
    }
}

#[test]
fn a_call_that_callrail_tells_as_well_is_one_call() {
    let (home, twin) = home_of("hubspot");
    let token = home.token("read", None);
    let served = home.serve();
    Served::until("the first look", || told(&home, "hubspot").contains("its calls: read"));
    let began = now_ms();
    log(
        &twin,
        &json!({ "inbound": true, "from": "+13125550142", "to": "+13125550100", "end": "missed", "began_ms": began, "seconds": 12 }),
    );
    let body = json!({
        "resource_id": "CAL1", "answered": false, "voicemail": true, "direction": "inbound", "duration": "12",
        "customer_phone_number": "+13125550142", "tracking_phone_number": "+13125550100",
        "start_time": jiff::Timestamp::from_millisecond(began).unwrap().to_string(), "transcription": "Please call me back.",
    });
    let body = body.to_string().into_bytes();
    let signature = ringback_twins::sign::callrail("a-signing-key", &body);
    let (status, said) = served.ask("POST", "/hooks/callrail-main/post-call", &[("signature", &signature)], &body);
    assert_eq!(status, 200, "{said}");
    Served::until("both were told", || told(&home, "hubspot").contains("1 taken in") && served.rests());
    let all = inquiries(&served, &token);
    assert_eq!(all.len(), 1, "{all:?}");
    let (_, whole) = served.api(&token, &format!("/api/v1/inquiries/{}", all[0]["id"].as_str().unwrap()));
    assert_eq!(whole["calls"].as_array().map(Vec::len), Some(1), "{whole}");
}
