//! Every CRM from nothing: the files that `init` writes, the simulated vendor that `twin` serves, `connect`, calls, `probe`, the drill in a sandbox, `doctor`.

use crate::home::{Home, SETTINGS, Served};
use serde_json::{Value, json};

const CRMS: [&str; 7] = ["hubspot", "salesforce", "zoho", "pipedrive", "gohighlevel", "dynamics", "hook"];
const CONNECTION: &str = "[[account.connection]]\nname = \"hubspot-main\"\nvendor = \"hubspot\"\nbase_url = \"http://127.0.0.1:9\"\nsecret = { text = \"nobody\" }\n";

/// A directory as `init` leaves it for that CRM, and the twin that its settings lead to.
fn home_of(crm: &str, more: &[&str]) -> (Home, Served) {
    let home = Home::empty();
    assert!(home.run(&["init", "--crm", crm]).status.success(), "{crm}");
    assert!(home.run(&["contract", "check", "contract.toml"]).status.success(), "{crm}");
    assert!(home.run(&["contract", "test", "contract.toml"]).status.success(), "{crm}");
    let twin = Served::start(home.command(&[&["twin", crm, "--listen", "127.0.0.1:0", "--json"], more].concat()));
    let lines = twin.announced["settings"].as_str().unwrap_or_else(|| panic!("{}", twin.announced));
    assert!(SETTINGS.contains(CONNECTION));
    home.write("ringback.toml", &SETTINGS.replace(CONNECTION, lines));
    (home, twin)
}

fn books(twin: &Served) -> Vec<Value> {
    let (status, said) = twin.ask("GET", "/_twin/books", &[], b"");
    assert_eq!(status, 200, "{said}");
    serde_json::from_str(&said).unwrap()
}

fn count(twin: &Served, kind: &str) -> usize {
    books(twin).iter().filter(|e| e["kind"] == kind && e["gone"] == false).count()
}

fn call(served: &Served) {
    let body = json!({
        "resource_id": "CAL1", "answered": false, "voicemail": true, "direction": "inbound", "duration": "12",
        "customer_phone_number": "+13125550142", "tracking_phone_number": "+13125550100",
        "start_time": "2026-03-04T18:12:07.000-06:00", "transcription": "Please call me back.",
    });
    let body = body.to_string().into_bytes();
    let signature = ringback_twins::sign::callrail("a-signing-key", &body);
    let (status, said) = served.ask("POST", "/hooks/callrail-main/post-call", &[("signature", &signature)], &body);
    assert_eq!(status, 200, "{said}");
}

#[test]
fn every_crm_is_connected_with_the_lines_that_its_twin_prints() {
    for crm in CRMS {
        let (home, twin) = home_of(crm, &["--seed-people", "5"]);
        assert_eq!(count(&twin, "person"), 5, "{crm}");
        let name = format!("{crm}-main");
        let connected = home.json(&["connect", &name, "--json"]);
        assert_eq!(connected["problems"], json!([]), "{crm}: {connected}");
        if crm != "hook" {
            assert_eq!(connected["index"]["people"], 5, "{crm}: {connected}");
        }
        let seeded =
            twin.ask("POST", "/_twin/person", &[], br#"{"name":"Eve","phone":"+13125550177","customer":true}"#);
        assert_eq!((seeded.0, count(&twin, "person")), (200, 6), "{crm} {}", seeded.1);
    }
}

#[test]
fn a_call_reaches_a_twin_by_webhook_and_is_confirmed() {
    // The program's own address is in the acknowledgement's, so it must be known before.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let public_url = format!("http://{free}");
    let (home, twin) = home_of("hook", &["--public-url", &public_url]);
    let settings = std::fs::read_to_string(home.path().join("ringback.toml")).unwrap();
    home.write("ringback.toml", &settings.replace("127.0.0.1:0", &free).replace("http://calls.test", &public_url));
    assert!(home.run(&["connect", "hook-main"]).status.success());
    let served = home.serve();
    call(&served);
    Served::until("everything is confirmed", || {
        ["person", "call", "task"].map(|kind| count(&twin, kind)) == [1; 3] && served.rests()
    });
    let (_, runs) = twin.ask("GET", "/_twin/acks", &[], b"");
    assert_eq!(serde_json::from_str::<Value>(&runs).unwrap()["acks"], json!([]), "all of them were taken");
}

#[test]
fn a_probe_asks_first_and_keeps_what_it_finds() {
    let (home, twin) = home_of("dynamics", &[]);
    assert!(home.run(&["connect", "dynamics-main"]).status.success());
    let held = books(&twin).len();
    let output = home.run(&["probe", "dynamics-main"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("rb-probe-") && said.contains("deletes what it made"), "{said}");
    assert_eq!(books(&twin).len(), held, "nothing was made");
    let probed = home.json(&["probe", "dynamics-main", "--i-know-this-writes", "--json"]);
    assert_eq!((&probed["probed"]["problems"], &probed["probed"]["left"]), (&json!([]), &json!([])), "{probed}");
    assert!(books(&twin).len() > held && count(&twin, "person") == 0, "made, and taken away again");
    let known = home.json(&["probe", "dynamics-main", "--show", "--json"]);
    let retry = known["known"].as_array().unwrap().iter().find(|k| k["question"] == "retry").unwrap();
    assert_eq!(retry["value"], "same_record");
    assert_eq!(home.run(&["probe", "callrail-main", "--i-know-this-writes"]).status.code(), Some(4));
}

/// Live records that are not among those, by their ids.
fn since(before: &[Value], twin: &Served) -> Vec<Value> {
    let known = |e: &Value| before.iter().any(|b| b["id"] == e["id"] && b["object"] == e["object"]);
    books(twin).into_iter().filter(|e| e["gone"] == false && !known(e)).collect()
}

#[test]
fn a_drill_in_a_sandbox_asks_first_marks_what_it_makes_and_takes_it_all_away() {
    for crm in ["hubspot", "dynamics"] {
        let (home, twin) = home_of(crm, &["--seed-people", "3"]);
        let name = format!("{crm}-main");
        assert!(home.run(&["connect", &name]).status.success());
        // Somebody has one of the fictional numbers: the drill does not call as that person.
        let eve = br#"{"name":"Eve","phone":"+16025550150","customer":true}"#;
        assert_eq!(twin.ask("POST", "/_twin/person", &[], eve).0, 200);
        let before = books(&twin);
        let drill = ["drill", "--sandbox-connection", &name];

        let refused = home.run(&drill);
        assert_eq!(refused.status.code(), Some(2));
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains("RB-0530") && said.contains("--i-know-this-writes"), "{said}");
        assert!(String::from_utf8_lossy(&refused.stdout).contains("makes 3 people"));
        assert_eq!(books(&twin), before, "nothing was made");

        let played = home.json(&[&drill[..], &["--i-know-this-writes", "--json"]].concat());
        let verdict = |n: usize| played["report"]["guarantees"][n - 1]["verdict"].as_str().unwrap().to_owned();
        let judged: Vec<String> = (1..=8).map(verdict).collect();
        let expect = ["green", "green", "not_judged", "green", "not_judged", "not_judged", "green", "green"];
        assert_eq!(judged, expect, "{played:#}");
        let tag = played["tag"].as_str().unwrap();
        assert!(tag.starts_with("rb-drill-"));
        let made = since(&before, &twin);
        assert_eq!(made.len(), 11, "{made:?}");
        assert!(made.iter().all(|e| e["fields"].to_string().contains(tag)), "{made:?}");
        let people: Vec<&Value> = made.iter().filter(|e| e["kind"] == "person").collect();
        assert!(
            people.iter().all(|e| e["fields"].to_string().contains(&format!("Ringback Drill {tag}"))),
            "{people:?}"
        );
        // The installation itself knows nothing of it.
        let listed = home.json(&["dead-letters", "list", "--json"]);
        assert!(!listed.to_string().contains(tag), "{listed}");

        // What does not show any more that the drill made it stays.
        let taken = people[0]["id"].as_str().unwrap();
        let order = json!({ "id": taken, "field": "rb_key", "value": "rb-contact-of-somebody-else" }).to_string();
        assert_eq!(twin.ask("POST", "/_twin/type", &[], order.as_bytes()).0, 200);
        let remove = [&drill[..], &["--remove", tag]].concat();
        let left = home.run(&remove);
        assert_eq!(left.status.code(), Some(1), "{}", String::from_utf8_lossy(&left.stdout));
        let still = since(&before, &twin);
        assert_eq!((still.len(), still[0]["id"].as_str()), (1, Some(taken)), "{still:?}");

        let key = people[0]["fields"]["rb_key"].as_str().unwrap();
        let order = json!({ "id": taken, "field": "rb_key", "value": key }).to_string();
        assert_eq!(twin.ask("POST", "/_twin/type", &[], order.as_bytes()).0, 200);
        assert_eq!(home.run(&remove).status.code(), Some(0));
        assert_eq!(since(&before, &twin), [] as [Value; 0]);
        let unchanged = |e: &&Value| !books(&twin).iter().any(|now| now == *e);
        assert_eq!(before.iter().filter(unchanged).count(), 0, "what was there before is as it was");
        assert_eq!(home.run(&remove).status.code(), Some(4), "nothing of it is left");
    }
    let (home, _twin) = home_of("hook", &[]);
    let refused = home.run(&["drill", "--sandbox-connection", "hook-main", "--i-know-this-writes"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("RB-0527"));
}

#[test]
fn doctor_tells_which_limit_a_day_of_calls_would_break_and_when() {
    let (home, _twin) = home_of("pipedrive", &[]);
    assert!(home.run(&["connect", "pipedrive-main"]).status.success());
    let told = home.json(&["doctor", "--volume", "1000-per-day", "--json"]);
    let warned = |told: &Value| {
        let all = told["findings"].as_array().unwrap().iter();
        all.filter(|f| f["check"] == "main/pipedrive-main" && f["state"] == "warning").count()
    };
    assert!(told["findings"].to_string().contains("the day's tokens would be used up between "), "{told}");
    assert!(warned(&told) >= 1);
    let rows = told["volume"][0]["forecast"]["rows"].as_array().unwrap();
    assert!(rows.len() == 3 && rows.iter().all(|r| r["source"] == "published by the vendor"), "{rows:?}");
    assert_eq!(warned(&home.json(&["doctor", "--volume", "50-per-day", "--json"])), 0);
    let quiet = home.json(&["doctor", "--volume", "last-month", "--json"]);
    assert!(quiet["findings"].to_string().contains("no calls in the last month"), "{quiet}");
    assert_eq!(home.run(&["doctor", "--volume", "plenty"]).status.code(), Some(2));
}

#[test]
fn an_unknown_crm_is_told_before_anything_is_written() {
    let home = Home::empty();
    assert_eq!(home.run(&["init", "--crm", "paper"]).status.code(), Some(2));
    assert!(std::fs::read_dir(home.path()).unwrap().next().is_none());
}
