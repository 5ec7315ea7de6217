//! What people's answers say of the rules, with the real program: the counters, an offer that is earned, a person who takes it, and the spot-check
//! that awaits verdicts.

use crate::home::{Home, Served};
use serde_json::{Value, json};

const BY: [&str; 2] = ["--by", "admin@localhost"];
/// Callers; two more answers than it takes.
const CALLERS: u32 = 32;

/// A phone log, so that what rang can be asked, and a sandbox to try in.
fn more(sandbox: &Served) -> String {
    format!(
        "[[account.connection]]\nname = \"phones\"\nvendor = \"phone-log\"\n\
         [[account.connection]]\nname = \"hubspot-sandbox\"\nvendor = \"hubspot\"\nbase_url = \"http://{}\"\nsecret = {{ text = \"pat-twin\" }}\n",
        sandbox.address
    )
}

fn ring(served: &Served, n: u32) {
    let body = json!({
        "resource_id": format!("CAL{n:032}"), "answered": false, "voicemail": true, "direction": "inbound", "duration": "31",
        "customer_phone_number": format!("+131255501{n:02}"), "tracking_phone_number": "+13125550100",
        "start_time": "2026-03-04T18:12:07.000-06:00", "source": "Google Ads",
        "transcription": "Hi, how much is a new water heater? I would like an estimate.",
    });
    let body = body.to_string().into_bytes();
    let signature = ringback_twins::sign::callrail("a-signing-key", &body);
    assert_eq!(served.ask("POST", "/hooks/callrail-main/post-call", &[("signature", &signature)], &body).0, 200);
}

fn asked(home: &Home, of: impl Fn(&Value) -> bool) -> Vec<Value> {
    let mut all = home.json(&["review", "list", "--json"]).as_array().unwrap().clone();
    all.retain(|asked| of(&asked["question"]));
    all
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of[name].as_str().unwrap()
}

fn offers(home: &Home) -> Vec<Value> {
    home.json(&["contract", "learned", "--json"])["promotions"]["offers"].as_array().unwrap().clone()
}

#[test]
fn what_people_took_is_offered_and_a_person_makes_a_version_of_it() {
    let home = Home::ready();
    let sandbox = home.twin();
    let contract = std::fs::read_to_string(home.path().join("contract.toml")).unwrap();
    // Sure enough to be written at once, were it not for the level.
    let (before, clause) = contract.split_once("[field.reason_code]").unwrap();
    let contract =
        format!("{before}[field.reason_code]{}", clause.replacen("write_at   = 0.90", "write_at   = 0.60", 1));
    home.write("contract.toml", &contract.replace("# strategic = {", "strategic = {"));
    let twin = home.connected(&more(&sandbox));
    let tried = ["contract", "try", "--connection", "hubspot-sandbox", "--i-know-this-writes", "--json"];
    assert_eq!(home.json(&tried)["ran"]["tried"]["ok"], true);
    assert!(home.run(&["proof", "make", "--out", "proofs"]).status.success());
    let served = home.serve();
    for n in 10..10 + CALLERS {
        ring(&served, n);
    }
    let reasons = || asked(&home, |q| q["field"] == "reason_code");
    Served::until("every call is in the CRM and asked about", || {
        served.rests() && reasons().len() == CALLERS as usize && twin.held() == [CALLERS as usize; 3]
    });

    // A person takes them all as they are, in one gesture; they are written and counted.
    let because = text(&reasons()[0]["question"], "because").to_owned();
    let items: Vec<String> = reasons().iter().map(|a| format!("{}:{}", text(a, "id"), text(a, "digest"))).collect();
    let items: Vec<&str> = items.iter().map(String::as_str).collect();
    let done = home.shown(&[&["review", "together"], &items[..], &BY[..], &["--approve"]].concat());
    assert!(done.starts_with("exit 0"), "{done}");
    let of =
        |value: &str| twin.records("contacts").iter().filter(|r| Served::holds(r, "rb_reason_code") == value).count();
    Served::until("all are written", || served.rests() && of("pricing_question") == CALLERS as usize);
    let learned = home.json(&["contract", "learned", "--json"]);
    assert_eq!(learned["learned"]["total"]["accepted"], CALLERS, "{learned}");
    assert_eq!(because, "autonomy", "they were asked because of the level alone");
    let lacks = |field: &str| {
        let stays = home.json(&["contract", "learned", "--json"])["promotions"]["stays"].as_array().unwrap().clone();
        stays.iter().find(|s| s["field"] == field).map(|s| s["why"].to_string()).unwrap_or_default()
    };
    assert!(lacks("reason_code").contains("nothing was ever taken back"), "{}", lacks("reason_code"));
    let refused = home.shown(&["contract", "promote", "reason_code"]);
    assert!(refused.starts_with("exit 1") && refused.contains("RB-0246"), "{refused}");

    // One value is taken back, so that it is seen to work. Then the level comes first, and changes nothing by itself.
    let one = asked(&home, |q| q["field"] == "intent").remove(0);
    let scope = ["--inquiry", text(&one, "inquiry"), "--field", "reason_code"];
    let preview = home.json(&[&["rollback", "preview"], &scope[..], &["--json"]].concat());
    let start = ["--digest", text(&preview, "digest"), "--reason", "to see that it works", "--json"];
    let begun = home.json(&[&["rollback", "run"], &scope[..], &start[..]].concat());
    Served::until("it is taken back", || {
        home.json(&["rollback", "show", text(&begun, "id"), "--json"])["state"] == "done"
    });
    let offer = offers(&home).into_iter().find(|o| o["field"] == "reason_code").unwrap();
    assert!(text(&offer, "first").contains("contract level auto"), "{offer}");
    assert!(text(&offer, "sentence").starts_with("32 of 32 proposals"), "{offer}");
    let early = home.shown(&["contract", "promote", "reason_code"]);
    assert!(early.contains("RB-0246") && early.contains("contract level auto"), "{early}");
    home.json(&["contract", "level", "auto", "--json"]);
    assert_eq!(offers(&home).iter().map(|o| text(o, "field").to_owned()).collect::<Vec<_>>(), ["reason_code"]);

    // Shown first, then confirmed about exactly that; only that clause changes.
    let drafted = home.json(&["contract", "promote", "reason_code", "--json"]);
    assert_eq!(drafted["changes"].as_array().unwrap().len(), 1, "{drafted}");
    assert_eq!(home.json(&["contract", "show", "--json"])["version"], 1, "a look changes nothing");
    let base = drafted["base"].to_string();
    let confirm = |digest: &str| {
        home.shown(&[&["contract", "promote", "reason_code", "--base", &base, "--confirm", digest], &BY[..]].concat())
    };
    let other = confirm("other");
    assert!(other.starts_with("exit 4") && other.contains("RB-0315"), "{other}");
    let made = confirm(text(&drafted, "digest"));
    assert!(made.starts_with("exit 0") && made.contains("version 2"), "{made}");
    let shown = home.json(&["contract", "show", "--json"]);
    let source = text(&shown, "source");
    let file = std::fs::read_to_string(home.path().join("contract.toml")).unwrap();
    let new: Vec<&str> = source.lines().filter(|line| !file.lines().any(|old| old == *line)).collect();
    assert_eq!(new, ["autonomy   = \"auto\""], "every other line is as it was");
    let told = home.json(&["audit", "account", "--json"]);
    let last = told["entries"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["kind"], &last["body"]["fields"][0]["field"]), (&json!("promotion"), &json!("reason_code")));

    // From now on it is written without a question, and nothing else is. A node that runs meanwhile learns of a version within seconds; one that starts
    // knows it.
    served.kill();
    let served = home.serve();
    ring(&served, 60);
    Served::until("the next call is in the CRM", || served.rests() && twin.held() == [CALLERS as usize + 1; 3]);
    Served::until("and its reason with it", || of("pricing_question") == CALLERS as usize);
    let about = asked(&home, |q| q["proposed"].is_string());
    let of_next = |field: &str| about.iter().filter(|a| a["question"]["field"] == field).count();
    assert_eq!(
        (of_next("reason_code"), of_next("intent")),
        (1, CALLERS as usize + 1),
        "only what was taken back is asked again"
    );
    assert_eq!(home.json(&["verify", "--json"])["accounts"][0]["report"]["ok"], true);
}

#[test]
fn a_week_later_a_sample_awaits_verdicts() {
    let home = Home::ready();
    let twin = home.connected("");
    let served = home.serve();
    for n in 10..14 {
        ring(&served, n);
    }
    Served::until("all is in the CRM", || served.rests() && twin.held() == [4; 3]);
    served.kill();
    // A week passes: the account is eight days old.
    let data = rusqlite::Connection::open(home.path().join("data/ringback.db")).unwrap();
    let week = 8 * 24 * 3600 * 1_000_000_i64;
    assert_eq!(data.execute("UPDATE accounts SET created_at = created_at - ?1", [week]).unwrap(), 1);
    drop(data);
    let _served = home.serve();
    let checks = || asked(&home, |q| q["kind"] == "spot_check");
    Served::until("a sample awaits verdicts", || !checks().is_empty());
    let all = checks();
    assert!(all.len() > 10 && all.iter().all(|c| c["question"]["checks"]["seq"].is_number()), "{all:?}");
    let decide = |n: usize, choice: &[&str]| {
        home.json(
            &[
                &["review", "decide", text(&all[n], "id"), "--digest", text(&all[n], "digest"), "--json"],
                &BY[..],
                choice,
            ]
            .concat(),
        )
    };
    assert_eq!(decide(0, &["--approve"])["take_back"], Value::Null);
    let wrong = decide(1, &["--reject", "nobody said so"]);
    assert_eq!(wrong["take_back"]["field"], all[1]["question"]["field"], "{wrong}");
    let weekly = home.json(&["review", "weekly", "--json"]);
    let sum = |what: &str| weekly["clauses"].as_array().unwrap().iter().map(|c| c[what].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("checked"), sum("wrong"), sum("corrected")), (2, 1, 1), "{weekly}");
    assert_eq!(weekly["checks"]["waiting"], all.len() - 2);
    assert_eq!(weekly["corrected"][0]["seen"], "spot_check");
    let shown = home.shown(&["review", "weekly"]);
    for part in [
        "Updates that were corrected",
        "Rules that were uncertain",
        "Handoffs that helped",
        "What goes on asking",
        "1 wrong of 1 checked",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let told = home.json(&["audit", "account", "--json"]);
    let kinds: Vec<&str> = told["entries"].as_array().unwrap().iter().map(|e| text(e, "kind")).collect();
    assert!(kinds.ends_with(&["spot_check", "spot_verdict", "spot_verdict"]), "{kinds:?}");
    assert!(home.run(&["verify"]).status.success());
}
