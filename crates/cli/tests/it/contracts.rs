//! The one door of contracts, people and their rights, with the program itself.

use crate::home::{Home, SETTINGS, Served};
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
    home.write("ann.toml", &level(&text(&home), "suggest"));
    home.write("bob.toml", &level(&text(&home), "observe"));
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
    home.write("cy.toml", &copy.replacen("means      = \"", "means      = \"Later: ", 1));
    assert_eq!(home.json(&["contract", "apply", "cy.toml", "--json"])["version"], 4);
    let told = kinds(&home);
    assert_eq!(
        told,
        ["contract", "level", "contract", "contract_refused", "contract_refused", "contract", "contract"],
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
    let edited = copy.replacen("means      = \"", "means      = \"Later: ", 1);
    home.write("contract.toml", &edited);
    let served = home.serve();
    assert!(!served.said().contains("RB-0223"), "{}", served.said());
    served.kill();
    assert_eq!(home.json(&["contract", "show", "--json"])["version"], 3);
    home.write("contract.toml", &edited.replacen("Later: ", "Much later: ", 1));
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
        "level",
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
    let role = &told["entries"][3];
    assert_eq!(
        (&role["body"]["role_before"], &role["body"]["role"], &role["sealed"]["email"]["text"]),
        (&"coordinator".into(), &"revops".into(), &"dana@example.com".into())
    );
    assert!(told["entries"][4]["body"]["by"].as_str().unwrap().starts_with("user_"), "{}", told["entries"][4]);
    let exported = home.json(&["audit", "export", "--json"]);
    assert_eq!(exported["entries"].as_array().unwrap().len(), wanted.len());
    assert!(home.run(&["verify"]).status.success());
}

/// A second connection, to a CRM of the same kind that nobody works with.
fn sandbox_settings(sandbox: &Served) -> String {
    format!(
        "[[account.connection]]\nname = \"hubspot-sandbox\"\nvendor = \"hubspot\"\nbase_url = \"http://{}\"\nsecret = {{ text = \"pat-twin\" }}\n",
        sandbox.address
    )
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

    let sandbox = home.twin();
    let twin = home.connected(&sandbox_settings(&sandbox));
    let refused = home.run(&["contract", "try", "--connection", "hubspot-main"]);
    assert_eq!(refused.status.code(), Some(2), "it writes only when it is told so");
    assert_eq!(twin.held(), [0; 3]);
    let untried = home.run(&["contract", "guarantees", "--json"]);
    assert_eq!(untried.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&untried.stdout).unwrap();
    assert_eq!(lights(&told), ["green", "green", "unknown", "unknown", "green", "unknown", "green", "red"], "{told}");
    let mend = told["guarantees"][7]["mend"].as_str().unwrap();
    assert_eq!(mend, "ringback contract try --connection hubspot-sandbox", "never in the CRM that is worked with");

    // As it stands it only says what it would write; that it may be written to is for a person to say.
    let arguments: Vec<&str> = mend.split(' ').skip(1).collect();
    assert_eq!(home.run(&arguments).status.code(), Some(2));
    let ran = home.json(&[&arguments[..], &["--i-know-this-writes", "--json"]].concat());
    assert_eq!((&ran["ran"]["tried"]["ok"], &ran["ran"]["tried"]["records"]), (&true.into(), &1.into()), "{ran}");
    assert_eq!(ran["ran"]["made"].as_array().unwrap().len(), 3);
    assert_eq!((twin.held(), sandbox.held()), ([0; 3], [0; 3]), "what it made is taken away again: {ran}");
    let after = home.json(&["contract", "guarantees", "--json"]);
    assert_eq!(lights(&after), ["green", "green", "green", "unknown", "green", "unknown", "green", "green"], "{after}");
    assert_eq!(after["ok"], true);
    assert_eq!(kinds(&home).last().map(String::as_str), Some("sandbox_run"));
    assert!(home.run(&["verify"]).status.success());
}

/// What is said on stderr when nothing more may happen by itself.
fn refusal(home: &Home, arguments: &[&str]) -> String {
    let refused = home.run(arguments);
    assert_eq!(refused.status.code(), Some(1), "{}", String::from_utf8_lossy(&refused.stdout));
    String::from_utf8(refused.stderr).unwrap()
}

/// From the safe beginning to fields that are written by themselves, by the commands that stand beside the red lines; and down again at once.
#[test]
fn more_happens_by_itself_one_step_at_a_time_when_each_guarantee_is_green_and_less_at_once() {
    let home = Home::ready();
    let sandbox = home.twin();
    home.write("contract.toml", &level(&text(&home), "auto").replace("# strategic = {", "strategic = {"));
    let log = "[[account.connection]]\nname = \"phones\"\nvendor = \"phone-log\"\n";
    let twin = home.connected(&format!("{log}{}", sandbox_settings(&sandbox)));
    let holds = || {
        let told = home.json(&["contract", "level", "--json"]);
        let of = |n: usize, what: &str| told["levels"][n][what].as_str().unwrap_or("-").to_owned();
        (of(0, "contract"), of(0, "level"), of(0, "holds"), of(1, "holds"))
    };
    let low = "auto-low-risk".to_owned();
    assert_eq!(holds(), ("auto".into(), low.clone(), low.clone(), low), "an account begins at the safe level");

    let told = refusal(&home, &["contract", "level", "auto"]);
    for part in ["RB-0240", "guarantee 8 is red", "contract try --connection hubspot-sandbox", "guarantee 4 is unknown"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    let tried = ["contract", "try", "--connection", "hubspot-sandbox", "--i-know-this-writes", "--json"];
    assert_eq!(home.json(&tried)["ran"]["tried"]["ok"], true);
    assert!(home.run(&["proof", "make", "--out", "proofs"]).status.success());
    let told = refusal(&home, &["contract", "level", "auto"]);
    assert!(told.contains("guarantee 4") && !told.contains("guarantee 8") && !told.contains("guarantee 6"), "{told}");

    let served = home.serve();
    let ring = |n: u32| {
        let body = crate::serve::call(n);
        let signature = ringback_twins::sign::callrail("a-signing-key", &body);
        let answered = served.ask("POST", "/hooks/callrail-main/post-call", &[("signature", &signature)], &body);
        assert_eq!(answered.0, 200, "{}", answered.1);
    };
    ring(7);
    Served::until("the call is in the CRM", || twin.held() == [1; 3] && served.rests());
    let risen = home.json(&["contract", "level", "auto", "--reason", "a week without a finding", "--json"]);
    assert_eq!(risen["levels"][0]["holds"], "auto", "{risen}");

    // Down at once and for every location; up again not over a step.
    home.json(&["contract", "level", "observe", "--location", "north", "--json"]);
    assert_eq!(holds(), ("auto".into(), "auto".into(), "auto".into(), "observe".into()));
    let told = refusal(&home, &["contract", "level", "auto", "--location", "north"]);
    assert!(told.contains("RB-0241") && told.contains("suggest lies between"), "{told}");
    home.json(&["contract", "level", "suggest", "--location", "north", "--json"]);
    home.json(&["contract", "level", "observe", "--json"]);
    assert_eq!(holds(), ("auto".into(), "observe".into(), "observe".into(), "observe".into()));
    drop(served);

    let told = home.json(&["audit", "account", "--json"]);
    let steps: Vec<(String, String)> = told["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|e| e["kind"] == "level")
        .map(|e| {
            let word = |name: &str| e["body"][name].as_str().unwrap_or("-").to_owned();
            (word("place"), format!("{} {}", word("was"), word("is")))
        })
        .collect();
    let step = |place: &str, words: &str| (place.to_owned(), words.to_owned());
    let wanted = [
        step("everywhere", "- auto-low-risk"),
        step("everywhere", "auto-low-risk auto"),
        step("north", "- observe"),
        step("north", "observe suggest"),
        step("everywhere", "auto observe"),
        step("north", "suggest -"),
    ];
    assert_eq!(steps, wanted, "each change is in the account's chain");
    assert!(home.run(&["verify"]).status.success());
}

/// A mistake in the file is no reason to take no calls: what is in force stays, and everybody is told.
#[test]
fn a_file_that_went_wrong_keeps_nobody_from_serving() {
    let home = Home::ready();
    home.serve().kill();
    let good = text(&home);
    let wrong = good.replacen("because = \"field.budget.accountability\"", "because = \"field.budget.winner\"", 1);
    home.write("contract.toml", &wrong);
    let served = home.serve();
    assert!(served.said().contains("missed-calls stays in force in version 1"), "{}", served.said());
    assert!(served.said().contains("RB-0221"), "{}", served.said());
    served.kill();
    let found = home.run(&["doctor"]);
    let doctor = String::from_utf8(found.stdout).unwrap();
    assert!(
        doctor.contains("RB-0221") && doctor.contains("commits: wait for the disk"),
        "the rest is looked at too: {doctor}"
    );
    assert_eq!(found.status.code(), Some(1));
    // What it says becomes the next version with the mistake gone, and is told.
    home.write("contract.toml", &good.replacen("write_at   = 0.90", "write_at   = 0.95", 1));
    let doctor = String::from_utf8(home.run(&["doctor"]).stdout).unwrap();
    assert!(
        doctor.contains(
            "differs from version 1; the next `serve`, `connect`, `probe`, try or drill brings it into force"
        ),
        "{doctor}"
    );
    let served = home.serve();
    assert!(served.said().contains("came into force in version 2: 0 looser, 1 stricter, 0 other"), "{}", served.said());
    served.kill();
    let doctor = String::from_utf8(home.run(&["doctor"]).stdout).unwrap();
    assert!(!doctor.contains("differs from version"), "{doctor}");
    // Before there is a version there is nothing to go on with.
    let new = Home::ready();
    new.write("contract.toml", &wrong);
    let refused = new.run(&["serve"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("RB-0221"));
}

/// The settings' file passes the same door as every other: what the CRM does not have keeps it out.
#[test]
fn what_apply_refuses_does_not_come_in_by_connect() {
    let home = Home::ready();
    let twin = home.connected("");
    assert!(home.run(&["connect", "hubspot-main"]).status.success());
    let edited = text(&home).replacen("\"contact.rb_service\"", "\"contact.preferred_service\"", 1);
    home.write("contract.toml", &edited);
    let refused = home.run(&["contract", "apply", "contract.toml"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("RB-0213") && said.contains("contact.rb_preferred_service"), "{said}");
    let connected = home.run(&["connect", "hubspot-main"]);
    let said = String::from_utf8(connected.stderr).unwrap();
    assert!(said.contains("stays in force in version 1") && said.contains("RB-0213"), "{said}");
    assert_eq!(home.json(&["contract", "show", "--json"])["version"], 1);
    // Under the name that set-up makes it comes in, and set-up says so.
    home.write("contract.toml", &edited.replacen("contact.preferred_service", "contact.rb_preferred_service", 1));
    let connected = home.run(&["connect", "hubspot-main"]);
    assert!(connected.status.success());
    assert!(String::from_utf8(connected.stderr).unwrap().contains("came into force in version 2"));
    assert_eq!(home.json(&["contract", "paused", "--json"])["paused"].as_array().map(Vec::len), Some(0));
    // A test that fails and a property that is missing are told together.
    let both = edited.replacen("because = \"field.budget.accountability\"", "because = \"field.budget.winner\"", 1);
    home.write("both.toml", &both);
    let said = String::from_utf8(home.run(&["contract", "check", "--live", "both.toml"]).stderr).unwrap();
    assert!(said.contains("RB-0213") && said.contains("RB-0221"), "{said}");
    twin.kill();
}

#[test]
fn a_short_contract_begins_with_the_fields_that_somebody_wants() {
    let home = Home::ready();
    let short = home.json(&["contract", "only", "budget", "service", "field.urgency", "email", "address", "--json"]);
    home.write("mine.toml", short["contract"].as_str().unwrap());
    let checked = home.shown(&["contract", "check", "mine.toml"]);
    assert!(checked.contains("5 fields, 4 tests pass"), "{checked}");
    let refused = home.run(&["contract", "only", "servce"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("RB-0313") && said.contains("did you mean service?"), "{said}");
}

/// Green is said of the CRM that the settings name, not of the one that was connected before they changed.
#[test]
fn a_check_against_the_crm_asks_the_one_that_the_settings_name() {
    let home = Home::ready();
    let twin = home.connected("");
    let live = || home.run(&["contract", "check", "--live", "contract.toml"]);
    assert!(live().status.success());
    let settings = std::fs::read_to_string(home.path().join("ringback.toml")).unwrap();
    home.write("ringback.toml", &settings.replace("pat-twin", "pat-other"));
    let refused = live();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(3), "{said}");
    assert!(said.contains("RB-0226") && said.contains("into the secret of hubspot-main"), "{said}");
    // What the file says at its own level is read beside what it may say at the highest.
    let explained = home.shown(&["contract", "explain", "urgency", "--file", "contract.toml"]);
    assert!(
        explained.contains("Now (level auto-low-risk): only suggested. At auto: written from 90 %."),
        "{explained}"
    );
    twin.kill();
}

#[test]
fn names_that_nothing_has_are_refused_with_what_there_is() {
    let home = Home::ready();
    let good = text(&home);
    for (from, to, code, cure) in [
        ("\"hubspot-main\"", "\"hubspot\"", "RB-0308", "did you mean \"hubspot-main\"?"),
        ("email = true", "email = true\nwebhook = \"pager\"", "RB-0308", "named \"pager\" of the vendor webhook"),
        ("to       = \"location:tier1\"", "to       = \"staff:nobody\"", "RB-0216", "the roster has"),
    ] {
        let changed = good.replacen(from, to, 1);
        assert_ne!(changed, good, "{from}");
        home.write("changed.toml", &changed);
        for command in [&["contract", "check", "changed.toml"][..], &["contract", "apply", "changed.toml"]] {
            let refused = home.run(command);
            let said = String::from_utf8(refused.stderr).unwrap();
            assert_eq!(refused.status.code(), Some(1), "{command:?}: {said}");
            assert!(said.contains(code) && said.contains(cure), "{said}");
        }
    }
    let missing = String::from_utf8(home.run(&["contract", "check", "mine.toml"]).stderr).unwrap();
    assert!(missing.contains("there is no file") && missing.contains("contract.toml"), "{missing}");
    home.json(&["contract", "apply", "contract.toml", "--json"]);
    let again = home.shown(&["contract", "apply", "contract.toml"]);
    assert!(again.contains("nothing to do: this is what version 1"), "{again}");
}

/// People and connections come before the contract that names them: renamed in both files at once, the connection is the one the contract means.
#[test]
fn a_connection_and_the_contract_that_names_it_may_change_together() {
    let home = Home::ready();
    home.serve().kill();
    let settings = std::fs::read_to_string(home.path().join("ringback.toml")).unwrap();
    home.write("ringback.toml", &settings.replace("\"hubspot-main\"", "\"hubspot-prod\""));
    home.write("contract.toml", &text(&home).replace("\"hubspot-main\"", "\"hubspot-prod\""));
    let served = home.serve();
    assert!(served.said().contains("came into force in version 2"), "{}", served.said());
    assert!(!served.said().contains("RB-0308"), "{}", served.said());
    served.kill();
}

/// A receiver of events is told what happens; nobody is paged by it.
#[test]
fn a_receiver_of_events_is_no_pager() {
    let home = Home::ready();
    let settings = std::fs::read_to_string(home.path().join("ringback.toml")).unwrap();
    let receiver = "\n[[account.connection]]\nname = \"calendar\"\nvendor = \"events\"\nbase_url = \"https://example.com/in\"\n\
                    secret = { text = \"whsec_cmluZ2JhY2stdHdpbi1zZWNyZXQtMDEyMzQ1Njc4OQ==\" }\nsettings = { events = \"all\" }\n";
    home.write("ringback.toml", &format!("{settings}{receiver}"));
    let paged = text(&home).replacen("email = true", "email = true\nwebhook = \"calendar\"", 1);
    home.write("contract.toml", &paged);
    for command in [&["contract", "check"][..], &["serve"]] {
        let refused = home.run(command);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && said.contains("RB-0308") && said.contains("the vendor webhook"), "{said}");
    }
}

/// One account's mistake is no reason for the others to take no calls.
#[test]
fn a_contract_that_went_wrong_keeps_no_other_account_waiting() {
    let home = Home::ready();
    home.serve().kill();
    let settings = std::fs::read_to_string(home.path().join("ringback.toml")).unwrap();
    let second = "\n[[account]]\nslug = \"second\"\nname = \"Second\"\ncontract = \"second.toml\"\n\n[[account.location]]\nslug = \"east\"\nname = \"East\"\n\
                  zone = \"America/New_York\"\nhours = { mon = [\"08:00-17:00\"] }\n";
    home.write("ringback.toml", &format!("{settings}{second}"));
    home.write("second.toml", "contract = \"missed-calls\"\n");
    let served = home.serve();
    assert!(served.said().contains("RB-0205"), "{}", served.said());
    assert_eq!(served.ask("GET", "/ready", &[], b"").0, 200);
    served.kill();
}

/// Asking is not applying: whoever looks at a contract in a new folder finds nothing in force afterwards.
#[test]
fn a_look_at_a_contract_brings_none_into_force() {
    let home = Home::ready();
    let twin = home.twin();
    home.write(
        "ringback.toml",
        &SETTINGS.replace("127.0.0.1:9", &twin.address.to_string()).replace("nobody", "pat-twin"),
    );
    let nothing_in_force = || {
        let shown = home.run(&["contract", "show"]);
        let said = String::from_utf8(shown.stderr).unwrap();
        assert!(!shown.status.success() && said.contains("no contract was applied"), "{said}");
    };
    let good = text(&home);
    home.write("contract.toml", &good.replacen("\"contact.email\"", "\"contact.e_mail\"", 1));
    let refused = home.run(&["contract", "check", "--live"]);
    assert!(String::from_utf8(refused.stderr).unwrap().contains("RB-0213"));
    nothing_in_force();
    home.write("contract.toml", &good);
    for look in [&["contract", "check", "--live"][..], &["contract", "explain"], &["contract", "test"]] {
        assert!(home.run(look).status.success(), "{look:?}");
    }
    assert!(!home.run(&["contract", "diff"]).status.success(), "there is nothing to compare with");
    nothing_in_force();
    assert_eq!(home.json(&["contract", "apply", "--json"])["version"], 1);
    assert!(home.run(&["contract", "show"]).status.success());
}

/// From nothing to a contract that fits the simulated CRM, with what `init` says and nothing else.
#[test]
fn five_fields_are_tried_with_what_init_writes() {
    let home = Home::empty();
    assert!(home.run(&["init", "--try", "--fields", "budget,service,urgency,email,caller_name"]).status.success());
    let twin = home.twin();
    let settings = std::fs::read_to_string(home.path().join("ringback.toml")).unwrap();
    assert!(settings.contains("127.0.0.1:8790"), "where the twin listens unless told otherwise");
    home.write("ringback.toml", &settings.replace("127.0.0.1:8790", &twin.address.to_string()));
    let checked = home.json(&["contract", "check", "--live", "--json"]);
    assert_eq!((checked["ok"].as_bool(), checked["fields"].as_u64()), (Some(true), Some(5)), "{checked}");
    let connected = home.json(&["connect", "hubspot-main", "--json"]);
    assert_eq!(connected["problems"], serde_json::json!([]), "{connected}");
    let same = home.json(&["contract", "apply", "--json"]);
    assert_eq!((same["same"].as_bool(), same["version"].as_i64()), (Some(true), Some(1)), "{same}");
    // Less of it, into the file that it is made from.
    assert!(home.run(&["contract", "only", "budget,", "email", "--out", "contract.toml"]).status.success());
    assert_eq!(home.json(&["contract", "check", "--json"])["fields"], 2);
    home.write("contract.toml", "");
    let empty = String::from_utf8(home.run(&["contract", "check"]).stderr).unwrap();
    assert!(empty.contains("contract.toml is empty") && empty.matches("error[").count() == 1, "{empty}");
}
