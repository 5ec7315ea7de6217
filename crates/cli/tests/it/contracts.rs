//! The one door of contracts, people and their rights, with the program itself.

use crate::home::{Home, SETTINGS};
use serde_json::Value;

fn text(home: &Home) -> String {
    std::fs::read_to_string(home.path().join("contract.toml")).unwrap()
}

fn level(text: &str, word: &str) -> String {
    let changed = text.replacen("autonomy = \"auto-low-risk\"", &format!("autonomy = \"{word}\""), 1);
    assert_ne!(changed, text);
    changed
}

fn kinds(home: &Home) -> Vec<String> {
    let told = home.json(&["audit", "account", "--json"]);
    told["entries"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn of_two_who_edit_at_once_the_second_sees_what_the_first_changed() {
    let home = Home::ready();
    home.write("ann.toml", &level(&text(&home), "observe"));
    home.write("bob.toml", &level(&text(&home), "suggest"));
    assert_eq!(home.json(&["contract", "apply", "ann.toml", "--json"])["version"], 2);
    let refused = home.run(&["contract", "apply", "bob.toml", "--base", "1", "--json"]);
    assert_eq!(refused.status.code(), Some(4));
    let told: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!(told["problems"][0]["code"], "RB-0223", "{told}");
    assert!(told["refused"]["in_force"]["by"].as_str().unwrap().contains("ann.toml"), "{told}");
    assert_eq!(told["refused"]["theirs"][0]["clause"], "autonomy", "{told}");
    let shown = home.run(&["contract", "apply", "bob.toml"]);
    assert_eq!(shown.status.code(), Some(4), "nothing says what it was made from, and there are two versions");
    assert_eq!(home.json(&["contract", "apply", "bob.toml", "--base", "2", "--json"])["version"], 3);
    // What is handed out to be edited says itself what it is.
    let copy = String::from_utf8(home.run(&["contract", "show"]).stdout).unwrap();
    assert!(copy.starts_with("# base: missed-calls version 3\n"), "{copy}");
    home.write("cy.toml", &copy.replace("autonomy = \"suggest\"", "autonomy = \"auto\""));
    assert_eq!(home.json(&["contract", "apply", "cy.toml", "--json"])["version"], 4);
    let told = kinds(&home);
    assert_eq!(
        told,
        ["contract", "contract", "contract_refused", "contract_refused", "contract", "contract"],
        "who applied and who was refused"
    );
    assert!(home.run(&["verify"]).status.success());
}

#[test]
fn a_file_that_is_older_than_what_is_in_force_reverts_nothing() {
    let home = Home::ready();
    home.serve().kill();
    home.write("console.toml", &level(&text(&home), "observe"));
    assert_eq!(home.json(&["contract", "apply", "console.toml", "--json"])["version"], 2);
    let served = home.serve();
    assert!(served.said().contains("RB-0223"), "{}", served.said());
    served.kill();
    let shown = home.json(&["contract", "show", "--json"]);
    assert_eq!((&shown["version"], shown["versions"].as_array().unwrap().len()), (&2.into(), 2));
    let warned = String::from_utf8(home.run(&["doctor"]).stdout).unwrap();
    assert!(warned.contains("RB-0223"), "{warned}");
    // Edited on without having seen it: still nothing is taken back, and nothing is lost.
    let stale = level(&text(&home), "suggest");
    home.write("contract.toml", &stale);
    let served = home.serve();
    assert!(served.said().contains("meanwhile version 2 came into force"), "{}", served.said());
    served.kill();
    // In step again its edits count, with every start.
    let copy = String::from_utf8(home.run(&["contract", "show"]).stdout).unwrap();
    home.write("contract.toml", &copy.replace("autonomy = \"observe\"", "autonomy = \"auto\""));
    let served = home.serve();
    assert!(!served.said().contains("RB-0223"), "{}", served.said());
    served.kill();
    assert_eq!(home.json(&["contract", "show", "--json"])["version"], 3);
    home.write("contract.toml", &copy.replace("autonomy = \"observe\"", "autonomy = \"suggest\""));
    home.serve().kill();
    assert_eq!(home.json(&["contract", "show", "--json"])["version"], 4, "the file goes on from its own");
}

#[test]
fn roles_locations_and_tokens_change_and_the_accounts_chain_tells_it() {
    let home = Home::ready();
    home.json(&["user", "add", "dana@example.com", "--role", "coordinator", "--location", "north", "--json"]);
    let by = ["contract", "apply", "new.toml", "--base", "1", "--by", "dana@example.com"];
    home.write("new.toml", &level(&text(&home), "observe"));
    let refused = home.run(&by);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("RB-0606"));
    assert_eq!(home.json(&["user", "role", "dana@example.com", "revops", "--json"])["role"], "revops");
    assert!(home.run(&by).status.success());
    assert_eq!(home.json(&["user", "locations", "dana@example.com", "--json"])["locations"][0], "north");
    assert_eq!(home.run(&["user", "locations", "dana@example.com", "nowhere"]).status.code(), Some(4));
    let token = home.json(&["token", "add", "reports", "--json"])["id"].as_str().unwrap().to_owned();
    assert!(home.run(&["token", "revoke", &token]).status.success());
    home.json(&["user", "password", "dana@example.com", "--json"]);
    home.json(&["user", "disable", "dana@example.com", "--json"]);
    let wanted = [
        "contract",
        "user_added",
        "user_role",
        "contract",
        "user_locations",
        "token_added",
        "token_revoked",
        "user_password",
        "user_disabled",
    ];
    assert_eq!(kinds(&home), wanted);
    let told = home.json(&["audit", "account", "--json"]);
    let role = &told["entries"][2];
    assert_eq!(
        (&role["body"]["role_before"], &role["body"]["role"], &role["sealed"]["email"]["text"]),
        (&"coordinator".into(), &"revops".into(), &"dana@example.com".into())
    );
    assert!(told["entries"][3]["body"]["by"].as_str().unwrap().starts_with("user_"), "{}", told["entries"][3]);
    let exported = home.json(&["audit", "export", "--json"]);
    assert_eq!(exported["entries"].as_array().unwrap().len(), wanted.len());
    assert!(home.run(&["verify"]).status.success());
}

/// What stands between an account and its eight guarantees is told line by line, and the commands beside the lines mend it.
#[test]
fn the_eight_guarantees_are_shown_live_and_a_try_in_the_sandbox_mends_the_last() {
    let home = Home::ready();
    let lights = |told: &Value| -> Vec<String> {
        let lines = told["guarantees"].as_array().unwrap();
        lines.iter().map(|l| l["light"].as_str().unwrap().to_owned()).collect()
    };
    home.write("ringback.toml", &SETTINGS.replace("contract = \"contract.toml\"", ""));
    let before = home.run(&["contract", "guarantees", "--json"]);
    assert_eq!(before.status.code(), Some(1), "nothing was applied");
    let told: Value = serde_json::from_slice(&before.stdout).unwrap();
    assert_eq!(told["ok"], false);
    assert_eq!(lights(&told)[0], "red", "{told}");

    let nothing = home.run(&["contract", "try", "--connection", "hubspot-main", "--i-know-this-writes"]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(String::from_utf8(nothing.stderr).unwrap().contains("RB-0242"), "there is nothing to try");

    let twin = home.connected("");
    let refused = home.run(&["contract", "try", "--connection", "hubspot-main"]);
    assert_eq!(refused.status.code(), Some(2), "it writes only when it is told so");
    assert_eq!(twin.held(), [0; 3]);
    let untried = home.run(&["contract", "guarantees", "--json"]);
    assert_eq!(untried.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&untried.stdout).unwrap();
    assert_eq!(lights(&told), ["green", "green", "unknown", "unknown", "green", "unknown", "green", "red"], "{told}");
    let mend = told["guarantees"][7]["mend"].as_str().unwrap();
    assert_eq!(mend, "ringback contract try --connection hubspot-main --i-know-this-writes");

    let arguments: Vec<&str> = mend.split(' ').skip(1).chain(["--json"]).collect();
    let ran = home.json(&arguments);
    assert_eq!((&ran["ran"]["tried"]["ok"], &ran["ran"]["tried"]["records"]), (&true.into(), &1.into()), "{ran}");
    assert_eq!(ran["ran"]["made"].as_array().unwrap().len(), 3);
    assert_eq!(twin.held(), [0; 3], "what it made is taken away again: {ran}");
    let after = home.json(&["contract", "guarantees", "--json"]);
    assert_eq!(lights(&after), ["green", "green", "green", "unknown", "green", "unknown", "green", "green"], "{after}");
    assert_eq!(after["ok"], true);
    assert_eq!(kinds(&home).last().map(String::as_str), Some("sandbox_run"));
    assert!(home.run(&["verify"]).status.success());
}
