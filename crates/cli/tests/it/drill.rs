//! The drill from a shell: a card, one object, and an exit code that means something.

use crate::home::Home;

#[test]
fn ringback_passes_and_the_straw_man_does_not() {
    let home = Home::empty();
    let passed = home.run(&["drill", "--crm", "pipedrive", "--json"]);
    let card: serde_json::Value = serde_json::from_slice(&passed.stdout).unwrap();
    assert!(passed.status.success(), "{card:#}");
    let lines = card["guarantees"].as_array().unwrap();
    assert_eq!(lines.len(), 8);
    assert!(lines.iter().all(|g| g["verdict"] == "green" && g["red_flag"].is_null()), "{card:#}");
    assert_eq!((&card["calls"]["total"]["lost"], &card["calls"]["total"]["doubled"]), (&0.into(), &0.into()));

    let failed = home.run(&["drill", "--straw-man"]);
    let said = String::from_utf8_lossy(&failed.stdout);
    assert_eq!(failed.status.code(), Some(1), "{said}");
    assert!(said.contains("3  Writes are idempotent: RED") && said.contains("cannot be seen from outside"), "{said}");
}

#[test]
fn synthetic_calls_stay_on_this_machine() {
    let home = Home::empty();
    let black_box = ["drill", "--black-box", "--twin", "hubspot", "--listen", "127.0.0.1:0", "--calls-url"];
    let refused = home.run(&[&black_box[..], &["http://calls.example.com/x"]].concat());
    assert_eq!(refused.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("not this machine"));
    let open =
        ["drill", "--black-box", "--twin", "hubspot", "--listen", "0.0.0.0:0", "--calls-url", "http://127.0.0.1:9/"];
    assert_eq!(home.run(&open).status.code(), Some(2));
    assert_eq!(home.run(&["drill", "--crm", "rolodex"]).status.code(), Some(2));
}
