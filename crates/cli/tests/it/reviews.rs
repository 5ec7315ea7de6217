//! Questions answered with the real program: what moved in the CRM is refused with what stands there now, and what one reason stopped goes in one gesture.

use crate::home::{Home, Served};
use serde_json::{Value, json};

const BY: [&str; 2] = ["--by", "admin@localhost"];

/// A voicemail that asks for a price, with a budget.
fn voicemail(n: u32) -> Vec<u8> {
    let body = json!({
        "resource_id": format!("CAL{n:032}"), "answered": false, "voicemail": true, "direction": "inbound", "duration": "31",
        "customer_phone_number": format!("+1312555014{n}"), "tracking_phone_number": "+13125550100",
        "start_time": "2026-03-04T18:12:07.000-06:00",
        "transcription": "Hi, how much is a new water heater? I would like an estimate, my budget is 2500 dollars.",
    });
    body.to_string().into_bytes()
}

/// The questions about one field, oldest first.
fn asked(home: &Home, field: &str) -> Vec<Value> {
    let mut all = home.json(&["review", "list", "--json"]).as_array().unwrap().clone();
    all.retain(|asked| asked["question"]["field"] == field);
    all.reverse();
    all
}

fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of[name].as_str().unwrap()
}

#[test]
fn a_value_that_moved_is_shown_and_what_one_reason_stopped_is_answered_together() {
    let home = Home::ready();
    let twin = home.connected("");
    let served = home.serve();
    for n in 1..=3 {
        let body = voicemail(n);
        let signature = ringback_twins::sign::callrail("a-signing-key", &body);
        assert_eq!(served.ask("POST", "/hooks/callrail-main/post-call", &[("signature", &signature)], &body).0, 200);
    }
    Served::until("all is in the CRM and asked", || {
        twin.held() == [3; 3] && served.rests() && asked(&home, "budget").len() == 3
    });

    // A list says who is asked about and what, before it says what a command needs; one question can be looked at alone.
    let budget = asked(&home, "budget");
    let listed = home.shown(&["review", "list"]);
    let line = listed.lines().find(|line| line.contains("budget")).unwrap();
    assert!(line.starts_with("+1312555014"), "{listed}");
    assert!(line.find("budget").unwrap() < line.find("rev_").unwrap(), "{listed}");
    let one = home.shown(&["review", "show", text(&budget[0], "id")]);
    for part in
        ["my budget is 2500 dollars", "CRM holds", "nothing", text(&budget[0], "digest"), "ringback review decide"]
    {
        assert!(one.contains(part), "{part}: {one}");
    }
    let none = home.shown(&["review", "show", "rev_nobody"]);
    assert!(none.contains("RB-0313") && !none.starts_with("exit 0"), "{none}");

    // A value that does not fit its field: the refusal says what to write.
    let (id, digest) = (text(&budget[0], "id"), text(&budget[0], "digest"));
    let decide =
        |choice: &[&str]| home.shown(&[&["review", "decide", id, "--digest", digest], &BY[..], choice].concat());
    let refused = decide(&["--edit", "about 2,500"]);
    assert!(refused.contains("2500.50") && !refused.starts_with("exit 0"), "{refused}");

    // Somebody types another value in the CRM just after it was read. The approval is compared once more before the send: nothing is written, and
    // the question comes back with what stands there now. Whoever still answers what was shown before is told.
    // Three calls at one moment are asked about in any order.
    let theirs = |r: &Value| Served::holds(r, "rb_inquiry_url").ends_with(text(&budget[0], "inquiry"));
    let contact = twin.records("contacts").into_iter().find(theirs).unwrap();
    let typed =
        json!({ "type": "contacts", "id": contact["id"], "property": "rb_budget", "value": "3100", "user_id": "7" });
    assert_eq!(twin.ask("POST", "/_twin/human_set", &[], typed.to_string().as_bytes()).0, 200);
    let sent = decide(&["--approve"]);
    assert!(sent.starts_with("exit 0"), "{sent}");
    Served::until("it is asked about the new value", || {
        asked(&home, "budget").iter().any(|a| a["question"]["current"] == "3100")
    });
    let late = decide(&["--approve"]);
    assert!(late.contains("RB-0315") && late.contains("holds \"3100\" now"), "{late}");
    let again = asked(&home, "budget").into_iter().find(|a| a["inquiry"] == budget[0]["inquiry"]).unwrap();
    assert_eq!((&again["question"]["current"], &again["question"]["proposed"]), (&json!("3100"), &json!("2500")));
    let of = |value: &str| twin.records("contacts").iter().filter(|r| Served::holds(r, "rb_budget") == value).count();
    assert_eq!((of("3100"), of("2500")), (1, 0), "nothing was written");

    // The three in one gesture; one of them as it was before the value moved.
    let items: Vec<String> = budget.iter().map(|a| format!("{}:{}", text(a, "id"), text(a, "digest"))).collect();
    let items: Vec<&str> = items.iter().map(String::as_str).collect();
    let told = home.shown(&[&["review", "together"], &items[..], &BY[..], &["--approve"]].concat());
    assert_eq!(told.matches("decided").count(), 2, "{told}");
    assert!(told.contains("RB-0315") && told.contains("\"3100\""), "{told}");
    Served::until("two are written", || of("2500") == 2);
    assert_eq!(of("3100"), 1, "the person's value stands");
    let left = format!("{}:{}", text(&again, "id"), text(&again, "digest"));
    let no = home.shown(&["review", "together", &left, BY[0], BY[1], "--reject", "--code", "crm_is_right"]);
    assert!(no.starts_with("exit 0"), "{no}");
    assert_eq!(asked(&home, "budget"), Vec::<Value>::new());
}
