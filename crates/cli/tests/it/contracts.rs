//! The one door of contracts, people and their rights, with the program itself.

use crate::home::Home;
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
