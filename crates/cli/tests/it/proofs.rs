//! Reconciliation, proofs and the runbook, as typed.

use crate::home::Home;
use insta::assert_snapshot;
use serde_json::json;

const LOG: &str = "Call ID,From,To,Start,Duration,Result
CAL1,+13125550142,+13125550100,2026-03-03T16:00:00Z,20,no answer
CAL2,+13125550143,+13125550100,2026-03-03T17:00:00Z,300,answered
";
const LOG_CONNECTION: &str = "[[account.connection]]\nname = \"phones\"\nvendor = \"phone-log\"\n";
const WINDOW: [&str; 7] = ["reconcile", "--since", "2026-03-03", "--until", "2026-03-04", "--phone-log", "log.csv"];

#[test]
fn a_lost_call_is_named_and_one_command_takes_it_in() {
    let home = Home::ready();
    let twin = home.connected(LOG_CONNECTION);
    home.write("log.csv", LOG);
    assert_snapshot!("reconcile_lost", home.shown(&WINDOW));
    let found = home.json(&[&WINDOW[..], &["--json"]].concat());
    assert_eq!((&found["counts"]["rang"], &found["counts"]["lost"]), (&json!(1), &json!(1)));
    let call = &found["calls"][0];
    let (id, command) = (&call["findings"][0]["id"], call["findings"][0]["command"].as_str().unwrap());
    assert_eq!(command, format!("ringback {} --mend {}", WINDOW.join(" "), id.as_str().unwrap()));
    let typed: Vec<&str> = command.split(' ').skip(1).collect();
    assert!(home.run(&typed).status.success());
    // Taken in and not yet worked on: nobody is running. It is a signal that waits, not a lost call.
    let then = home.json(&[&WINDOW[..], &["--json"]].concat());
    assert_eq!(then["counts"]["lost"], json!(0), "{then}");
    let served = home.serve();
    let sentence = "1 rang. 1 recorded. 1 in the CRM. 0 lost. 0 doubled.";
    // Written is not enough: it counts once a later read has shown it.
    crate::home::Served::until("it is proved to be in the CRM", || {
        home.json(&[&WINDOW[..], &["--json"]].concat())["sentence"] == sentence
    });
    assert_eq!(twin.held(), [1; 3]);
    drop(served);
}

#[test]
fn times_are_read_or_refused() {
    let home = Home::ready();
    assert_snapshot!("reconcile_when", home.shown(&["reconcile", "--since", "yesterday"]));
    assert_eq!(home.run(&["reconcile", "--since", "1h", "--until", "2h"]).status.code(), Some(2));
    assert_eq!(home.run(&["reconcile", "--since", "90m", "--mend", "f-000000000000"]).status.code(), Some(4));
}

#[test]
fn a_proof_is_made_once_checks_anywhere_and_bears_no_change() {
    let home = Home::ready();
    let make = ["proof", "make", "--day", "2026-03-02", "--out", "proofs", "--json"];
    let made = home.json(&make);
    assert_eq!((&made["made"], &made["seq"]), (&json!(true), &json!(1)));
    assert_eq!(home.json(&make)["hash"], made["hash"], "the same proof stands");
    let again = home.json(&[&make[..], &["--again"]].concat());
    assert_eq!((&again["seq"], &again["revision"]), (&json!(2), &json!(2)));
    let file = "proofs/main-2026-03-02-1.proof.jsonl";
    let key = home.json(&["proof", "key", "--json"])[0]["key"].as_str().unwrap().to_owned();
    let page = std::fs::read_to_string(home.path().join("proofs/main-2026-03-02-1.html")).unwrap();
    assert!(page.contains("Proof of no loss") && page.contains("North") && page.contains(&key));
    // Checked where nothing else is.
    let elsewhere = Home::empty();
    let bytes = std::fs::read(home.path().join(file)).unwrap();
    std::fs::write(elsewhere.path().join("proof"), &bytes).unwrap();
    let checked = elsewhere.json(&["proof", "verify", "proof", "--key", &key, "--json"]);
    assert_eq!((&checked["ok"], &checked["pinned"]), (&json!(true), &json!(true)));
    let hash = made["hash"].as_str().unwrap();
    let shown = elsewhere.shown(&["proof", "verify", "proof"]).replace(hash, "[hash]").replace(&key, "[key]");
    assert_snapshot!("proof_verify", shown);
    let wrong = "0".repeat(64);
    assert_eq!(elsewhere.run(&["proof", "verify", "proof", "--key", &wrong]).status.code(), Some(1));
    let mut changed = bytes.clone();
    let at = bytes.windows(7).position(|w| w == b"\"rang\":").unwrap() + 7;
    changed[at] = b'7';
    std::fs::write(elsewhere.path().join("proof"), &changed).unwrap();
    assert_snapshot!("proof_changed", elsewhere.shown(&["proof", "verify", "proof"]));
}

#[test]
fn whoever_stops_reading_does_not_stop_the_work() {
    let home = Home::ready();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let days = ["proof", "make", "--day", "2026-03-02", "--through", "2026-03-04", "--out", "proofs"];
    let output = home.command(&days).stdout(writer).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read_dir(home.path().join("proofs")).unwrap().count(), 6, "three files and three pages");
}

#[test]
fn the_runbook_opens_and_says_what_is_so() {
    let home = Home::ready();
    let pages = home.json(&["runbook", "--json"]);
    assert_eq!(pages.as_array().unwrap().len(), 16);
    let silent = pages.as_array().unwrap().iter().find(|p| p["id"] == "provider_silent").unwrap();
    assert_eq!((&silent["now"], &silent["live"][0]), (&json!(true), &json!("callrail-main: nothing has ever come.")));
    let text = home.shown(&["runbook"]);
    assert!(text.starts_with("exit 0\n--- stdout\nNOW  A provider is silent\n"), "{text}");
}
