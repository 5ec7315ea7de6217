//! Other systems that are told what happens: the real program against receivers that take, refuse and pretend.

use crate::home::{Home, Served};
use crate::serve::call;
use serde_json::{Value, json};

const SECRET: &str = "whsec_cmluZ2JhY2stdHdpbi1zZWNyZXQtMDEyMzQ1Njc4OQ==";

fn receiver(home: &Home) -> Served {
    Served::start(home.command(&["twin", "sink", "--listen", "127.0.0.1:0", "--json", "--token", SECRET]))
}

fn connection(name: &str, receiver: &Served, settings: &str) -> String {
    format!(
        "\n[[account.connection]]\nname = \"{name}\"\nvendor = \"events\"\nbase_url = \"http://{}/in\"\nsecret = {{ text = \"{SECRET}\" }}\nsettings = {{ {settings} }}\n",
        receiver.address
    )
}

/// Every message that was taken, in the order in which it first came.
fn taken(receiver: &Served) -> Vec<Value> {
    let (_, said) = receiver.ask("GET", "/_twin/pages", &[], b"");
    let told: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(told["refused"], 0, "every signature holds");
    told["pages"].as_array().unwrap().clone()
}

fn types(receiver: &Served) -> Vec<String> {
    taken(receiver).iter().map(|page| page["body"]["type"].as_str().unwrap().to_owned()).collect()
}

fn exchanges(receiver: &Served) -> usize {
    let (_, said) = receiver.ask("GET", "/_twin/log", &[], b"");
    serde_json::from_str::<Value>(&said).unwrap()["log"].as_array().unwrap().len()
}

fn misbehave(receiver: &Served, rules: &Value) {
    let script = json!({ "rules": rules }).to_string();
    assert_eq!(receiver.ask("POST", "/_twin/script", &[], script.as_bytes()).0, 204);
}

/// A calendar and an analytics store are told of one call, which is booked; the store misbehaves in every way that a sender can see through,
/// and the program dies in between.
#[test]
fn a_booked_call_is_told_once_to_each_who_asked() {
    let home = Home::empty();
    assert!(home.run(&["init"]).status.success());
    let (stats, calendar) = (receiver(&home), receiver(&home));
    let more = connection("stats", &stats, "events = \"all\"")
        + &connection("calendar", &calendar, "events = \"booking.confirmed\", personal = \"caller.phone, note\"");
    let _crm = home.connected(&more);
    let stands = home.json(&["connect", "calendar", "--json"]);
    assert_eq!(stands["told"], json!(["booking.confirmed"]), "{stands}");
    assert_eq!(stands["personal"], json!(["caller.phone", "note"]), "{stands}");

    misbehave(
        &stats,
        &json!([
            { "fault": { "kind": "too_many", "retry_after_s": 1 }, "when": { "nth": 1 } },
            { "fault": { "kind": "html_ok" }, "when": { "nth": 2 } },
            { "fault": { "kind": "reset_after_write" }, "when": { "nth": 4 } },
            { "fault": { "kind": "redirect" }, "when": { "nth": 7 } },
        ]),
    );
    let served = home.serve();
    let body = call(7);
    let signature = ringback_twins::sign::callrail("a-signing-key", &body);
    let headers = [("signature", signature.as_str()), ("content-type", "application/json")];
    assert_eq!(served.ask("POST", "/hooks/callrail-main/post-call", &headers, &body).0, 200);
    Served::until("a page answered in place of the receiver", || exchanges(&stats) >= 2);
    served.kill();
    assert_eq!(types(&stats), Vec::<String>::new(), "nothing was taken yet");

    let served = home.serve();
    Served::until("the first two are taken", || types(&stats) == ["inquiry.opened", "inquiry.owner_set"]);
    let token = home.token("admin", None);
    let (_, queue) = served.api(&token, "/api/v1/inquiries");
    let inquiry = queue["data"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/inquiries/{inquiry}/events");
    // The calendar is switched off at that moment.
    assert_eq!(calendar.ask("POST", "/_twin/fail", &[], br#"{"status":410,"times":1}"#).0, 204);
    let booked = json!({ "event": "called_back", "result": "booked", "note": "side door", "booked_for": "2026-03-06T15:00:00Z" });
    let (status, after) = served.api_post(&token, &path, &booked);
    assert_eq!(status, 200, "{after}");

    let letters = || home.json(&["dead-letters", "list", "--json"]);
    Served::until("the calendar's refusal is a dead letter", || letters().as_array().unwrap().len() == 1);
    let told = home.shown(&["dead-letters", "list"]);
    assert!(told.contains("switched off") && told.contains("carries the same id"), "{told}");
    let warned = home.shown(&["doctor"]);
    assert!(warned.contains("1 dead letter") && warned.contains("booking.confirmed"), "{warned}");
    let id = letters()[0]["id"].as_str().unwrap().to_owned();
    assert!(home.run(&["dead-letters", "replay", &id]).status.success());
    Served::until("it is taken now", || types(&calendar) == ["booking.confirmed"]);

    let whole = ["inquiry.opened", "inquiry.owner_set", "inquiry.called_back", "booking.confirmed", "inquiry.closed"];
    Served::until("the store was told everything", || served.rests() && types(&stats) == whole);
    let all = taken(&stats);
    for (n, page) in all.iter().enumerate() {
        assert_eq!(page["changed"], false, "a repeat is the same message");
        assert_eq!(page["body"]["sequence"], n + 1);
        assert_eq!(page["body"]["event_id"], page["id"]);
        let text = page.to_string();
        assert!(!text.contains("312555") && !text.contains("side door"), "nobody asked for values: {text}");
    }
    assert!(all.iter().any(|page| page["deliveries"].as_u64() > Some(1)), "one came twice, and is one: {all:?}");
    let [booking] = &taken(&calendar)[..] else { panic!() };
    let body = &booking["body"];
    assert_eq!((&body["caller"]["phone"], &body["note"]), (&json!("+13125550142"), &json!("side door")), "{body}");
    assert_eq!(body["booked_for"], "2026-03-06T15:00:00Z");
    assert_eq!(letters(), json!([]));
    assert!(home.run(&["verify"]).status.success());
    let stands = home.json(&["connect", "stats", "--json"]);
    assert_eq!((&stands["waiting"], &stands["dead_letters"]), (&json!(0), &json!(0)), "{stands}");
    assert!(stands["last_answered_at"].is_string(), "{stands}");
}

/// What is wrong with such a connection is said before anything starts, all of it at once.
#[test]
fn settings_that_nobody_can_mean_are_refused() {
    let home = Home::ready();
    let wrong = "\n[[account.connection]]\nname = \"stats\"\nvendor = \"events\"\nsecret = { text = \"x\" }\nsettings = { events = \"booked\", personal = \"phone\" }\n";
    let settings = std::fs::read_to_string(home.path().join("ringback.toml")).unwrap();
    home.write("ringback.toml", &format!("{settings}{wrong}"));
    let said = home.shown(&["doctor"]);
    for what in ["base_url is missing", "\"booked\", which never happens", "\"phone\", which is no value"] {
        assert!(said.contains(what), "{what}: {said}");
    }
}
