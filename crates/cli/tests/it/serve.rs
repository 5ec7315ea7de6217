//! The service under fire.

use crate::home::{Home, SETTINGS, Served};
use serde_json::{Value, json};

pub(crate) fn call(n: u32) -> Vec<u8> {
    let body = json!({
        "resource_id": format!("CAL{n:032}"), "answered": false, "voicemail": false, "direction": "inbound", "duration": "12",
        "customer_phone_number": "+13125550142", "tracking_phone_number": "+13125550100",
        "start_time": "2026-03-04T18:12:07.000-06:00",
    });
    body.to_string().into_bytes()
}

const POST_CALL: &str = "/hooks/callrail-main/post-call";

#[test]
fn what_was_acknowledged_survives_sigkill() {
    let home = Home::ready();
    let token = home.json(&["token", "add", "test", "--json"])["token"].as_str().unwrap().to_owned();
    let first = home.serve();
    assert_eq!(first.announced["first_users"][0]["email"], "admin@localhost");
    assert_eq!(first.announced["hooks"][0]["connection"], "callrail-main");
    for n in 0..3 {
        let body = call(n);
        let signature = ringback_twins::sign::callrail("a-signing-key", &body);
        let (status, said) =
            first.ask("POST", POST_CALL, &[("signature", &signature), ("content-type", "application/json")], &body);
        assert_eq!(status, 200, "{said}");
    }
    first.kill();

    let second = home.serve();
    assert_eq!(second.announced["first_users"], json!([]), "the password is made once");
    let (status, said) = second.ask("GET", "/api/v1/signals", &[("authorization", &format!("Bearer {token}"))], b"");
    assert_eq!(status, 200, "{said}");
    assert_eq!(said.matches("\"sig_").count(), 3, "{said}");
}

#[test]
fn a_wrong_signature_waits_in_quarantine_for_a_person() {
    let home = Home::ready();
    let served = home.serve();
    let body = call(1);
    let signature = ringback_twins::sign::callrail("another-key", &body);
    let (status, _) = served.ask("POST", POST_CALL, &[("signature", &signature)], &body);
    assert_eq!(status, 200, "CallRail switches off addresses that refuse");
    let waiting = home.json(&["quarantine", "list", "--json"]);
    let id = waiting[0]["id"].as_str().unwrap();
    assert_eq!(home.json(&["quarantine", "accept", id, "--json"])["accepted"], true);
    assert_eq!(home.json(&["quarantine", "list", "--json"]), json!([]));
}

#[test]
fn a_second_start_applies_nothing_and_a_change_is_a_version() {
    let home = Home::ready();
    home.serve().kill();
    home.serve().kill();
    let shown = home.json(&["contract", "show", "--json"]);
    assert_eq!(shown["versions"].as_array().unwrap().len(), 1, "the same file is the same version");
    let contract = std::fs::read_to_string(home.path().join("contract.toml")).unwrap();
    home.write("contract.toml", &contract.replacen("\"auto-low-risk\"", "\"suggest\"", 1));
    home.serve().kill();
    assert_eq!(home.json(&["contract", "show", "--json"])["version"], 2);
}

/// From the provider's webhook to the CRM's record and back to the question why it says so.
#[test]
fn a_call_goes_all_the_way() {
    let home = Home::ready();
    let twin = home.twin();
    home.write(
        "ringback.toml",
        &SETTINGS.replace("127.0.0.1:9", &twin.address.to_string()).replace("nobody", "pat-twin"),
    );
    let connected = home.json(&["connect", "hubspot-main", "--json"]);
    assert!(connected["created"].to_string().contains("contact.rb_key"), "{connected}");
    assert_eq!(home.json(&["connect", "hubspot-main", "--json"])["created"], json!([]), "again changes nothing");

    let served = home.serve();
    let body = call(7);
    let signature = ringback_twins::sign::callrail("a-signing-key", &body);
    for _ in 0..2 {
        assert_eq!(served.ask("POST", POST_CALL, &[("signature", &signature)], &body).0, 200);
    }
    let records = |kind: &str| -> Vec<serde_json::Value> {
        let (_, said) = twin.ask("GET", &format!("/_twin/records?type={kind}"), &[], b"");
        let told: serde_json::Value = serde_json::from_str(&said).unwrap();
        told["records"].as_array().unwrap().clone()
    };
    Served::until("the task is in the CRM", || records("tasks").len() == 1);
    assert_eq!((records("contacts").len(), records("calls").len()), (1, 1));

    let contact = records("contacts")[0]["id"].as_str().unwrap().to_owned();
    let mut answers = serde_json::Value::Null;
    Served::until("the receipt was read", || {
        answers = home.json(&["trace", "contact", &contact, "phone", "--json"]);
        answers[0]["receipt"]["read_at"].is_string()
    });
    assert_eq!(answers[0]["is"]["text"], "+13125550142");
    assert_eq!(answers[0]["rule"]["version"], 1);
    assert_eq!(home.json(&["verify", "--json"])["ok"], true);
    assert_eq!(home.json(&["dead-letters", "list", "--json"]), json!([]));
}

/// Whoever names the contract last is told at every step, and loses nothing.
#[test]
fn a_contract_that_comes_after_connect_is_told_of_and_loses_nothing() {
    let home = Home::ready();
    let twin = home.twin();
    let settings = SETTINGS.replace("127.0.0.1:9", &twin.address.to_string()).replace("nobody", "pat-twin");
    let without = settings.replace("contract = \"contract.toml\"", "");
    assert_ne!(without, settings);
    home.write("ringback.toml", &without);
    assert!(home.shown(&["connect", "hubspot-main"]).contains("There is no contract yet"));
    let served = home.serve();
    Served::until("it warns", || served.said().contains("there is no contract"));
    served.kill();

    home.write("ringback.toml", &settings);
    let served = home.serve();
    let body = call(7);
    let signature = ringback_twins::sign::callrail("a-signing-key", &body);
    assert_eq!(served.ask("POST", POST_CALL, &[("signature", &signature)], &body).0, 200);
    // What the contract writes is not there yet: its clauses are paused, and everything else of the call is written.
    Served::until("the task is in the CRM", || twin.held() == [1; 3]);
    let letters = || home.json(&["dead-letters", "list", "--json"]);
    assert_eq!(letters(), json!([]));
    let paused = home.json(&["contract", "paused", "--json"]);
    let of_task = |p: &Value| p["to"].as_str().unwrap().starts_with("task.") && p["code"] == "RB-0213";
    let paused = paused["paused"].as_array().unwrap();
    assert!(paused.iter().any(|p| of_task(p) && p["waiting"] == 1), "{paused:?}");
    let warned = home.shown(&["doctor"]);
    assert!(warned.contains("is paused since") && warned.contains("contract paused --look"), "{warned}");
    let next_action = || {
        let (status, books) = twin.ask("GET", "/_twin/books", &[], b"");
        assert_eq!(status, 200);
        books.contains("rb_next_action")
    };
    assert!(!next_action());

    // Set-up makes it; the pause ends, and what waited is written.
    assert!(!home.shown(&["connect", "hubspot-main"]).contains("There is no contract"));
    assert_eq!(home.json(&["contract", "paused", "--json"])["paused"], json!([]));
    Served::until("what waited is in the CRM", next_action);
    assert_eq!((letters(), twin.held()), (json!([]), [1; 3]));
    assert!(home.run(&["verify"]).status.success());
}

#[test]
fn a_phone_log_comes_in_once() {
    let home = Home::ready();
    let log = "[[account.connection]]\nname = \"log\"\nvendor = \"phone-log\"\n";
    home.write("ringback.toml", &format!("{SETTINGS}\n{log}"));
    home.write(
        "calls.csv",
        "From,To,Date,Duration,Result\n3125550143,3125550100,2026-11-20 10:00,12,No answer\nx,y,never,12,No answer\n",
    );
    let first = home.json(&["import", "calls.csv", "--connection", "log", "--json"]);
    assert_eq!((&first["new"], &first["known"]), (&2.into(), &0.into()), "{first}");
    assert_eq!(first["problems"][0]["line"], 3, "a row without a time is kept, and told");
    let again = home.json(&["import", "calls.csv", "--connection", "log", "--json"]);
    assert_eq!((&again["new"], &again["known"]), (&0.into(), &2.into()), "{again}");
    assert_eq!(home.run(&["import", "calls.csv", "--connection", "callrail-main"]).status.code(), Some(2));
}

#[cfg(unix)]
#[test]
fn it_ends_when_told_to() {
    let home = Home::ready();
    let mut served = home.serve();
    let id = served.child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    // At once, though the order comes while the workers look for the first time: no worker rests before it ends.
    let mut ended = None;
    Served::soon("it ends", || {
        ended = served.child.try_wait().unwrap();
        ended.is_some()
    });
    assert_eq!(ended.unwrap().code(), Some(0));
}

/// A database that is away is waited for, out loud, and the waiting can be ended.
#[cfg(unix)]
#[test]
fn it_waits_for_its_database_and_still_ends_when_told_to() {
    use std::io::BufRead as _;
    let home = Home::ready();
    let mut command = home.command(&["serve"]);
    command.env("RINGBACK_STORE_URL", "postgres://nobody:hidden@127.0.0.1:9/none").stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = std::io::BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let told = lines.find(|line| line.contains("RB-0402")).unwrap();
    assert!(told.contains("Nothing is acknowledged meanwhile") && !told.contains("hidden"), "{told}");
    assert!(std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn an_older_program_refuses_a_newer_database() {
    let home = Home::ready();
    home.json(&["user", "list", "--json"]);
    let database = home.path().join("data/ringback.db");
    newer(&database);
    let failed = home.json(&["serve", "--json"]);
    assert_eq!(failed["problems"][0]["code"], "RB-0401");
}

/// As a later version would leave it: one migration more.
fn newer(database: &std::path::Path) {
    let connection = rusqlite::Connection::open(database).unwrap();
    let later = "INSERT INTO schema_version SELECT version + 1000, checksum, applied_at FROM schema_version ORDER BY version DESC LIMIT 1";
    connection.execute(later, ()).unwrap();
}
