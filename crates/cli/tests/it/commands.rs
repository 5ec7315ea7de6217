//! One command at a time.

use crate::home::{Home, SETTINGS};
use insta::assert_snapshot;

const CONTRACT: &str = include_str!("contract.toml");

#[test]
fn init_writes_three_files_once_and_the_key_for_its_owner_alone() {
    let home = Home::empty();
    assert_snapshot!("init", home.shown(&["init"]));
    let key = std::fs::read_to_string(home.path().join("ringback.key")).unwrap();
    assert_snapshot!("init_again", home.shown(&["init"]));
    assert_eq!(std::fs::read_to_string(home.path().join("ringback.key")).unwrap(), key, "a key is never overwritten");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(home.path().join("ringback.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

/// What `init` writes lacks only the secrets, and says which.
#[test]
fn after_init_only_the_secrets_are_missing() {
    let home = Home::empty();
    home.run(&["init"]);
    let failed = home.json(&["serve", "--json"]);
    let codes: Vec<&str> = failed["problems"].as_array().unwrap().iter().map(|p| p["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["RB-0306", "RB-0306"]);
    let mut doctor = home.command(&["contract", "check", "--json"]);
    let output = doctor.env("RINGBACK_HUBSPOT_TOKEN", "x").env("RINGBACK_CALLRAIL_KEY", "y").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn five_mistakes_are_five_problems_and_nothing_starts() {
    let home = Home::ready();
    let wrong = SETTINGS
        .replace("listen =", "lisen =")
        .replace("\"http://calls.test\"", "\"calls.test\"")
        .replace("allow_private_addresses = true", "allow_private_addresses = \"yes\"")
        .replace("vendor = \"callrail\"", "vendor = \"calrail\"")
        .replace("\"08:00-17:00\"], tue", "\"8 to 5\"], tue");
    home.write("ringback.toml", &wrong);
    assert_snapshot!("five_mistakes", home.shown(&["serve"]));
    assert!(!home.path().join("data").exists(), "nothing was touched");
}

#[test]
fn mistakes_of_the_contract_count_too() {
    let home = Home::ready();
    let wrong = CONTRACT.replace("\"hubspot-main\"", "\"hubspot-mian\"").replace("winner   =", "winer    =");
    home.write("contract.toml", &wrong);
    assert_snapshot!("contract_in_serve", home.shown(&["serve"]));
}

#[test]
fn a_taken_port_is_told_before_anything_is_touched() {
    let home = Home::ready();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    home.write("ringback.toml", &SETTINGS.replace("127.0.0.1:0", &address));
    assert_snapshot!("port_taken", home.shown(&["serve"]).replace(&address, "[address]"));
    assert!(!home.path().join("data").exists());
}

#[test]
fn error_pages_are_in_the_program() {
    let home = Home::empty();
    assert_snapshot!("error_page", home.shown(&["error", "rb-0301"]));
    assert_snapshot!("error_unknown", home.shown(&["error", "RB-9999"]));
    let all = home.json(&["error", "--json"]);
    assert!(all.as_array().unwrap().len() > 40);
}

#[test]
fn contracts_are_checked_and_read_aloud() {
    let home = Home::ready();
    assert!(home.run(&["contract", "check"]).status.success(), "what init writes can be used");
    home.write("contract.toml", CONTRACT);
    assert_snapshot!("contract_check", home.shown(&["contract", "check"]));
    // What a pilot needs in writing is named with the line where it belongs and with what to write there.
    let decided = CONTRACT.replace("handoff   = \"Dana answers for the time of the handoff.\"\n", "");
    home.write("contract.toml", &decided);
    assert_snapshot!("contract_check_lacking", home.shown(&["contract", "check"]));
    let suggests = decided.replace("\"auto-low-risk\"", "\"suggest\"");
    home.write("contract.toml", &suggests);
    let told = home.run(&["contract", "check"]);
    assert!(told.status.success(), "what only suggests needs none of it yet");
    assert!(String::from_utf8_lossy(&told.stderr).contains("pilot.handoff"));
    home.write("contract.toml", CONTRACT);
    assert_snapshot!("contract_explain", home.shown(&["contract", "explain", "budget", "--file", "contract.toml"]));
    let wrong = CONTRACT.replace("\"update\"", "\"updat\"").replace("0.90", "9.0");
    home.write("wrong.toml", &wrong);
    assert_snapshot!("contract_check_wrong", home.shown(&["contract", "check", "wrong.toml"]));
}

#[test]
fn a_contract_is_applied_once_and_versions_count() {
    let home = Home::ready();
    let applied = home.json(&["contract", "apply", "contract.toml", "--json"]);
    assert_eq!(applied["version"], 1);
    assert_eq!(
        home.json(&["contract", "apply", "contract.toml", "--json"])["version"],
        1,
        "the same is no new version"
    );
    let text = std::fs::read_to_string(home.path().join("contract.toml")).unwrap();
    home.write("stricter.toml", &text.replacen("autonomy = \"auto-low-risk\"", "autonomy = \"observe\"", 1));
    assert_eq!(home.json(&["contract", "apply", "stricter.toml", "--json"])["version"], 2);
    // What its own tests contradict does not come into force.
    home.write("wrong.toml", &text.replace("clock = \"customer\" }", "clock = \"high\" }"));
    let refused = home.run(&["contract", "apply", "wrong.toml"]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.contains("RB-0221") && told.contains("wrong.toml:"), "{told}");
    let tried = home.json(&["contract", "test", "contract.toml", "--json"]);
    assert_eq!((&tried["ok"], &tried["failed"]), (&true.into(), &0.into()));
    let changes = home.json(&["contract", "diff", "1", "stricter.toml", "--json"]);
    assert_eq!(
        (&changes["changes"][0]["clause"], &changes["changes"][0]["way"]),
        (&"autonomy".into(), &"tightens".into())
    );
    assert!(home.shown(&["contract", "export", "--format", "csv"]).contains("\"contact.rb_budget\""));
    let shown = home.json(&["contract", "show", "--json"]);
    assert_eq!((&shown["version"], shown["versions"].as_array().unwrap().len()), (&2.into(), 2));
}

#[test]
fn users_come_and_go() {
    let home = Home::ready();
    let added =
        home.json(&["user", "add", "Dana@Example.com", "--role", "coordinator", "--location", "north", "--json"]);
    assert_eq!(added["password"].as_str().unwrap().len(), 26);
    home.write("password", "correct horse battery\n");
    assert_eq!(
        home.json(&["user", "password", "dana@example.com", "--password-file", "password", "--json"])["password"],
        serde_json::Value::Null
    );
    assert_snapshot!("user_list", home.shown(&["user", "list"]));
    assert_eq!(home.json(&["user", "disable", "dana@example.com", "--json"])["active"], false);
    assert_snapshot!("user_twice", home.shown(&["user", "add", "dana@example.com"]));
    assert_snapshot!("user_missing", home.shown(&["user", "disable", "nobody@example.com"]));
    home.write("short", "short\n");
    assert_eq!(home.run(&["user", "add", "b@example.com", "--password-file", "short"]).status.code(), Some(2));
}

#[test]
fn tokens_are_shown_once_and_revoked_once() {
    let home = Home::ready();
    let added = home.json(&["token", "add", "crm sync", "--scope", "read", "--scope", "write", "--json"]);
    let (id, token) = (added["id"].as_str().unwrap(), added["token"].as_str().unwrap());
    assert!(token.starts_with("rbt_"));
    let listed = home.json(&["token", "list", "--json"]);
    assert!(!listed.to_string().contains(token));
    assert_eq!(listed[0]["scopes"], serde_json::json!(["read", "write"]));
    assert_eq!(home.json(&["token", "revoke", id, "--json"])["revoked"], true);
    assert_eq!(home.run(&["token", "revoke", id]).status.code(), Some(4));
}

#[test]
fn what_is_in_force_says_where_it_comes_from() {
    let home = Home::ready();
    let output = home.command(&["config", "show", "--json"]).env("RINGBACK_NODE", "east-1").output().unwrap();
    let all: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |key: &str| all.as_array().unwrap().iter().find(|v| v["key"] == key).unwrap().clone();
    assert_eq!(
        (of("node.name")["value"].clone(), of("node.name")["from"].clone()),
        ("east-1".into(), "RINGBACK_NODE".into())
    );
    assert_eq!(of("server.listen")["from"], "ringback.toml:3");
    assert_eq!(of("limits.lease_seconds")["from"], "default");
    assert!(!all.to_string().contains("a-signing-key"), "secrets are not shown");
}

#[test]
fn doctor_lists_what_is_wrong_with_the_crm() {
    let home = Home::ready();
    let output = home.run(&["doctor", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let states = |check: &str| -> Vec<&str> {
        let all = told["findings"].as_array().unwrap();
        all.iter().filter(|f| f["check"] == check).map(|f| f["state"].as_str().unwrap()).collect()
    };
    assert_eq!(states("store"), ["ok"]);
    assert_eq!(states("commits"), ["ok"]);
    assert_eq!(states("main/hubspot-main"), ["wrong"], "{told}");
    assert_eq!(states("main/callrail-main"), ["ok"]);
    assert!(told["hooks"].to_string().contains("http://calls.test/hooks/callrail-main/post-call"));
}

#[test]
fn a_ledger_holds_from_its_first_entry_on() {
    let home = Home::ready();
    let told = home.json(&["verify", "--json"]);
    let report = &told["accounts"][0]["report"];
    // Nobody has called yet; that the settings' contract came into force, and at which level the account begins, is told already.
    assert_eq!((&told["ok"], &report["chains"], &report["entries"]), (&true.into(), &1.into(), &2.into()));
}
