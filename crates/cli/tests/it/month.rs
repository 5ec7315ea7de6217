//! Days of calls with three losses in them, proved by the program as typed: each is named, and nothing else.

use crate::home::Home;
use ringback_sim::month::{LOG_FILE, Month, Options, Summary, make};
use serde_json::{Value, json};

const DAYS: u32 = 5;

/// The directory's twin, served by a thread of its own until the test ends.
struct Twin(Summary);

fn live(home: &Home, crm: &str) -> Twin {
    let options = Options {
        directory: home.path().to_owned(),
        crm: crm.to_owned(),
        days: DAYS,
        calls_a_day: 12,
        seed: 1,
        listen: "127.0.0.1:0".parse().unwrap(),
        program: env!("CARGO_BIN_EXE_ringback").into(),
    };
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let month: Month = make(&options).await.unwrap();
            tell.send(month.summary.clone()).unwrap();
            month.serve().await.unwrap();
        });
    });
    Twin(told.recv().expect("the days were not lived"))
}

/// Kind, day and location of every exception.
fn named(proofs: &Value) -> Vec<(String, String, String)> {
    let all = proofs.as_array().unwrap().iter();
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    all.flat_map(|proof| {
        let of = |e: &Value| (text(&e["kind"]), text(&proof["day"]), text(&e["location"]));
        proof["named"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    })
    .collect()
}

fn each_loss_and_nothing_else(crm: &str) {
    let home = Home::empty();
    let Twin(month) = live(&home, crm);
    let (first, last) = (month.first_day.to_string(), month.last_day.to_string());
    let make =
        ["proof", "make", "--day", &first, "--through", &last, "--phone-log", LOG_FILE, "--out", "proofs", "--json"];
    let proofs = home.json(&make);
    let kinds = ["lost", "deleted_in_crm", "foreign_duplicate"];
    let wanted: Vec<(String, String, String)> = kinds
        .iter()
        .zip(&month.losses)
        .map(|(kind, loss)| ((*kind).to_owned(), loss.day.to_string(), loss.location.to_owned()))
        .collect();
    assert_eq!(named(&proofs), wanted, "{crm}: {proofs}");
    // What rang is what the month's own account says, day by day.
    let rang: Vec<u64> = proofs.as_array().unwrap().iter().map(|p| p["counts"]["rang"].as_u64().unwrap()).collect();
    assert_eq!(rang, month.missed.values().copied().collect::<Vec<_>>(), "{crm}");
    // The chain: each follows the one before, and each checks under the key kept outside.
    let key = home.json(&["proof", "key", "--json"])[0]["key"].as_str().unwrap().to_owned();
    let mut previous = "0".repeat(64);
    for proof in proofs.as_array().unwrap() {
        let checked = home.json(&["proof", "verify", proof["file"].as_str().unwrap(), "--key", &key, "--json"]);
        assert_eq!((&checked["ok"], &checked["previous"]), (&json!(true), &json!(previous)), "{crm}: {checked}");
        previous = proof["hash"].as_str().unwrap().to_owned();
    }
    // A second look at the day of the lost call says the same, with the exit code of something found.
    let (day, next) = (month.losses[0].day, month.losses[0].day.tomorrow().unwrap());
    let (day, next) = (day.to_string(), next.to_string());
    let looked = home.run(&["reconcile", "--since", &day, "--until", &next, "--phone-log", LOG_FILE]);
    assert_eq!(looked.status.code(), Some(1), "{crm}");
}

#[test]
fn each_loss_of_some_days_is_named_and_nothing_else() {
    for crm in ["hubspot", "salesforce", "gohighlevel"] {
        each_loss_and_nothing_else(crm);
    }
}

#[test]
fn one_changed_byte_of_any_kind_of_line_is_found_in_its_line() {
    let home = Home::empty();
    let Twin(month) = live(&home, "hubspot");
    let day = month.losses[0].day.to_string();
    let proof = home.json(&["proof", "make", "--day", &day, "--phone-log", LOG_FILE, "--out", "proofs", "--json"]);
    let file = proof["file"].as_str().unwrap();
    let whole = std::fs::read_to_string(home.path().join(file)).unwrap();
    let mut kinds = std::collections::BTreeSet::new();
    for (n, line) in whole.lines().enumerate() {
        let kind = serde_json::from_str::<Value>(line).unwrap()["kind"].as_str().unwrap().to_owned();
        if !kinds.insert(kind.clone()) {
            continue;
        }
        let start: usize = whole.lines().take(n).map(|l| l.len() + 1).sum();
        let mut bytes = whole.clone().into_bytes();
        bytes[start + line.len() / 2] ^= 1;
        std::fs::write(home.path().join("changed"), &bytes).unwrap();
        let output = home.run(&["proof", "verify", "changed", "--json"]);
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((output.status.code(), &said["line"]), (Some(1), &json!(n + 1)), "{kind}: {said}");
    }
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["call", "exception", "footer", "header", "location"]);
}
