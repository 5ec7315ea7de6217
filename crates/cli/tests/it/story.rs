//! Steps of the acceptance story with the real program, seen in the CRM.

use crate::home::{Home, Served};
use serde_json::{Value, json};

/// A voice agent that posts what it heard to the generic door.
const AGENT: &str = r#"
[[account.connection]]
name = "agent-main"
vendor = "generic"
secret = { text = "an-agents-token" }
settings = { signature = "token:x-agent-token" }
"#;

/// A representative typed the budget of a lead; on the phone the lead names another one to a voice agent.
#[test]
fn what_a_representative_typed_stays_and_the_agents_call_asks_with_its_sentence() {
    let home = Home::ready();
    let twin = home.twin();
    let known = json!({ "name": "Dale Whitaker", "phone": "+13125550142", "email": "dale@example.com" });
    let (status, made) = twin.ask("POST", "/_twin/person", &[], known.to_string().as_bytes());
    assert_eq!(status, 200, "{made}");
    // HubSpot's search shows a person some seconds after somebody typed them.
    let search = json!({ "filterGroups": [{ "filters": [{ "propertyName": "email", "operator": "EQ", "value": "dale@example.com" }] }] });
    let headers = [("authorization", "Bearer pat-twin"), ("content-type", "application/json")];
    Served::until("the CRM's search shows who was typed", || {
        let asked = search.to_string();
        twin.ask("POST", "/crm/v3/objects/contacts/search", &headers, asked.as_bytes()).1.contains("\"total\":1")
    });
    home.connect(&twin, AGENT);
    let contact: Value = serde_json::from_str(&made).unwrap();
    let id = contact["id"].as_str().unwrap();
    let typed = json!({ "type": "contacts", "id": id, "property": "rb_budget", "value": "4000", "user_id": "7" });
    assert_eq!(twin.ask("POST", "/_twin/human_set", &[], typed.to_string().as_bytes()).0, 200);

    let served = home.serve();
    let said = "Agent: Thanks for calling. We have plans from $9,000.\nCaller: Hi, how much is a new water heater? My budget is 2500 dollars.";
    let call = json!({
        "call_id": "agent-1", "caller": "+13125550142", "dialled": "+13125550100", "ending": "ai_answered", "direction": "inbound",
        "started_at": "2026-03-04T18:12:07-06:00", "duration_seconds": 95, "transcript": said,
    });
    let headers = [("x-agent-token", "an-agents-token"), ("content-type", "application/json")];
    let (status, told) = served.ask("POST", "/hooks/agent-main/call", &headers, call.to_string().as_bytes());
    assert_eq!(status, 202, "{told}");
    let questions = || home.json(&["review", "list", "--json"]).as_array().unwrap().clone();
    let budget = || questions().into_iter().find(|q| q["question"]["field"] == "budget");
    Served::until("both are shown", || served.rests() && budget().is_some());

    let asked = budget().unwrap();
    let question = &asked["question"];
    assert_eq!((&question["current"], &question["proposed"]), (&json!("4000"), &json!("2500")), "{asked}");
    assert_eq!(question["quote"], "My budget is 2500 dollars.", "{asked}");
    let all = questions().iter().map(Value::to_string).collect::<String>();
    assert!(!all.contains("9,000") && !all.contains("9000"), "what the agent named is nobody's budget: {all}");

    let held = twin.records("contacts");
    assert_eq!(held.len(), 1, "the caller was recognised: {held:?}");
    assert_eq!(Served::holds(&held[0], "rb_budget"), "4000");
    assert_eq!((twin.records("calls").len(), twin.records("tasks").len()), (1, 1), "logged, and somebody calls back");
}

/// A version that takes the campaign for the source; six leads get it before anybody sees; one was corrected by hand since.
#[test]
fn a_bad_version_is_taken_back_but_for_what_a_person_corrected_and_does_not_come_again() {
    let home = Home::ready();
    let twin = home.connected("");
    let contract = std::fs::read_to_string(home.path().join("contract.toml")).unwrap();
    let bad = contract.replacen("from    = \"source\"", "from    = \"campaign\"", 1);
    assert_ne!(bad, contract);
    home.write("bad.toml", &bad);
    assert_eq!(home.json(&["contract", "apply", "bad.toml", "--json"])["version"], 2);
    let served = home.serve();
    let call = |n: u32, caller: u32| {
        let body = json!({
            "resource_id": format!("CAL{n:032}"), "answered": false, "voicemail": false, "direction": "inbound", "duration": "20",
            "customer_phone_number": format!("+1312555014{caller}"), "tracking_phone_number": "+13125550100",
            "start_time": "2026-03-04T18:12:07.000-06:00", "source": "Google Ads", "campaign": "drain-north",
        });
        let body = body.to_string().into_bytes();
        let signature = ringback_twins::sign::callrail("a-signing-key", &body);
        assert_eq!(served.ask("POST", "/hooks/callrail-main/post-call", &[("signature", &signature)], &body).0, 200);
    };
    for n in 1..=6 {
        call(n, n);
    }
    let asked = || {
        let mut all = home.json(&["review", "list", "--json"]).as_array().unwrap().clone();
        all.retain(|q| q["question"]["field"] == "lead_source");
        all
    };
    let sources = || twin.records("contacts").iter().map(|r| Served::holds(r, "rb_source")).collect::<Vec<_>>();
    Served::until("all six are in the CRM", || served.rests() && twin.held() == [6; 3]);
    Served::until("the wrong source is in all six", || served.rests() && sources() == ["drain-north"; 6]);
    let corrected = twin.records("contacts")[2]["id"].clone();
    let typed =
        json!({ "type": "contacts", "id": corrected, "property": "rb_source", "value": "Google Ads", "user_id": "7" });
    assert_eq!(twin.ask("POST", "/_twin/human_set", &[], typed.to_string().as_bytes()).0, 200);

    let token = home.token("admin", None);
    let scope = json!({ "contract": "missed-calls", "version": 2, "field": "lead_source" });
    let (status, preview) = served.api_post(&token, "/api/v1/rollbacks/preview", &scope);
    assert_eq!(status, 200, "{preview}");
    let begin = json!({ "scope": scope, "digest": preview["digest"], "reason": "the campaign went into the source" });
    let (status, begun) = served.api_post(&token, "/api/v1/rollbacks", &begin);
    assert!(status < 300, "{status} {begun}");
    let path = format!("/api/v1/rollbacks/{}", begun["id"].as_str().unwrap());
    Served::until("it has come to its end", || served.api(&token, &path).1["state"] == "done");
    let mut now = sources();
    now.sort();
    assert_eq!(now, ["", "", "", "", "", "Google Ads"], "five restored, one skipped");
    let (_, told) = served.api(&token, &path);
    assert_eq!((&told["back"], &told["left"]), (&json!(5), &json!(1)), "{told}");
    assert!(told.to_string().contains("later_human"), "the one is listed with why: {told}");
    assert_eq!(
        (&told["agreed"]["tells"][0]["name"], &told["agreed"]["tells"][0]["records"]),
        (&json!("Dana"), &json!(6))
    );

    // The same trigger again: a person is asked, with the rollback's name; nothing is written.
    assert_eq!(home.json(&["verify", "--json"])["accounts"][0]["report"]["ok"], true);
    call(7, 1);
    Served::until("it is asked about", || {
        served.rests() && asked().iter().any(|q| q["question"]["because"] == "rolled_back")
    });
    assert_eq!(sources().iter().filter(|s| s.is_empty()).count(), 5);
}

/// From a value in the CRM, by the link that stands on its record, to the sentence it came from; what another version would have decided; and all of it as
/// one file that proves itself elsewhere.
#[test]
fn a_value_in_the_crm_leads_to_its_sentence_and_its_trail_proves_itself_elsewhere() {
    let home = Home::ready();
    let twin = home.connected("");
    let served = home.serve();
    let body = json!({
        "resource_id": "CAL0000000000000000000000000000000a", "answered": false, "voicemail": true, "direction": "inbound", "duration": "20",
        "customer_phone_number": "+13125550142", "tracking_phone_number": "+13125550100",
        "start_time": "2026-03-04T18:12:07.000-06:00", "source": "Google Ads",
        "transcription": "Hi, this is Dale Whitaker. We have no heat since last night, my budget is 2500 dollars. Please call me back.",
    });
    let body = body.to_string().into_bytes();
    let signature = ringback_twins::sign::callrail("a-signing-key", &body);
    assert_eq!(served.ask("POST", "/hooks/callrail-main/post-call", &[("signature", &signature)], &body).0, 200);
    let asked = || {
        let mut all = home.json(&["review", "list", "--json"]).as_array().unwrap().clone();
        all.retain(|q| q["question"]["field"] == "budget");
        all
    };
    Served::until("all is in the CRM and asked", || twin.held() == [1; 3] && served.rests() && asked().len() == 1);

    // Each record carries the way to its page, by our key.
    let console = "http://calls.test";
    for (kind, object) in [("contacts", "contact"), ("calls", "call"), ("tasks", "task")] {
        let record = &twin.records(kind)[0];
        let key = Served::holds(record, "rb_key");
        assert_eq!(Served::holds(record, "rb_trace"), format!("{console}/t/{object}/{key}"), "{record}");
    }
    let token = home.token("read", None);
    let contact = twin.records("contacts")[0]["id"].as_str().unwrap().to_owned();
    let key = Served::holds(&twin.records("contacts")[0], "rb_key");
    let task = twin.records("tasks")[0]["id"].as_str().unwrap().to_owned();

    // Heard, suggested, approved, written: the answer names each.
    let budget = &asked()[0];
    let (id, digest) = (budget["id"].as_str().unwrap(), budget["digest"].as_str().unwrap());
    assert!(
        home.run(&["review", "decide", id, "--digest", digest, "--by", "admin@localhost", "--approve"])
            .status
            .success()
    );
    let traced = |id: &str| home.json(&["trace", "contact", id, "rb_budget", "--json"]);
    let written = || home.run(&["trace", "contact", &contact, "rb_budget"]).status.success() && served.rests();
    Served::until("the approved value is read back", written);
    let answer = &traced(&contact)[0];
    assert_eq!(traced(&key), traced(&contact), "by our key as by the vendor's id");
    assert_eq!((&answer["is"]["text"], &answer["actor"]), (&json!("2500"), &json!("human-approved AI")), "{answer}");
    assert!(answer["quote"]["words"]["text"].as_str().unwrap().contains("2500 dollars"), "{answer}");
    assert_eq!(answer["verdict"]["because"], "decided_by_person", "{answer}");
    assert!(answer["verdict"]["plan"].is_string() && answer["approval"]["by"].is_string(), "{answer}");
    let (status, by_api) =
        served.api(&token, &format!("/api/v1/trace?object=contact&record={contact}&property=rb_budget"));
    assert_eq!((status, &by_api["data"][0]["seq"]), (200, &answer["seq"]));

    // Under the version that decided a person is asked again, as one was; under a draft the task's urgency is nobody's business.
    let same = home.json(&["trace", "contact", &contact, "rb_budget", "--under", "1", "--json"]);
    assert_eq!((&same["same"], &same["would"]["verdict"]), (&json!(true), &json!("review")), "{same}");
    let urgency = home.json(&["trace", "task", &task, "rb_urgency", "--under", "1", "--json"]);
    assert_eq!((&urgency["same"], &urgency["would"]["verdict"]), (&json!(true), &json!("write")), "{urgency}");
    let contract = std::fs::read_to_string(home.path().join("contract.toml")).unwrap();
    let (before, clause) = contract.split_once("[field.callback_urgency]").unwrap();
    home.write(
        "draft.toml",
        &format!("{before}[field.callback_urgency]{}", clause.replacen("\"update\"", "\"never\"", 1)),
    );
    let told = home.shown(&["trace", "task", &task, "rb_urgency", "--under", "draft.toml"]);
    assert!(
        told.contains("would have been left as it is") && told.contains("field.callback_urgency.machine"),
        "{told}"
    );
    assert!(home.shown(&["trace", "task", &task, "rb_urgency", "--under", "7"]).contains("RB-0313"));

    // The whole trail: checked with nothing but the file; one byte less or other, and it is found.
    let exported = home.run(&["audit", "export", "--record", &format!("contact:{contact}")]);
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    std::fs::write(home.path().join("trail.jsonl"), &exported.stdout).unwrap();
    let key = home.json(&["proof", "key", "--json"]).to_string();
    let elsewhere = Home::empty();
    std::fs::write(elsewhere.path().join("trail.jsonl"), &exported.stdout).unwrap();
    let checked = elsewhere.json(&["audit", "verify", "trail.jsonl", "--json"]);
    assert_eq!((&checked["ok"], &checked["record"]["records"]), (&json!(true), &json!([contact])), "{checked}");
    assert!(key.contains(checked["record"]["key"].as_str().unwrap()), "signed with this installation's key: {key}");
    let mut changed = exported.stdout.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    std::fs::write(elsewhere.path().join("trail.jsonl"), &changed).unwrap();
    let found = elsewhere.shown(&["audit", "verify", "trail.jsonl"]);
    assert!(found.starts_with("exit 1") && found.contains("RB-0406") && found.contains("line "), "{found}");
    assert_eq!(home.json(&["verify", "--json"])["ok"], true);
}

/// Another location, and the line of each.
const PLACES: &str = r#"
[[account.location]]
slug = "south"
name = "South"
zone = "America/Chicago"
hours = { mon = ["08:00-17:00"], tue = ["08:00-17:00"] }

[[account.line]]
number = "+13125550100"
location = "north"

[[account.line]]
number = "+13125550200"
location = "south"
"#;

/// Somebody asks not to be called; the next day they ring another location. The CRM answers nowhere all the while.
#[test]
fn who_asked_not_to_be_called_is_held_back_on_another_line_until_a_person_takes_it_back() {
    const CALLER: &str = "+13125550142";
    let home = Home::ready();
    home.write("ringback.toml", &format!("{}{PLACES}{AGENT}", crate::home::SETTINGS));
    let served = home.serve();
    let call = |id: &str, line: &str, day: &str, words: Option<&str>| {
        let body = json!({
            "call_id": id, "caller": CALLER, "dialled": line, "ending": "voicemail", "direction": "inbound",
            "started_at": format!("2026-03-{day}T10:12:07-06:00"), "duration_seconds": 20, "transcript": words,
        });
        let headers = [("x-agent-token", "an-agents-token"), ("content-type", "application/json")];
        let (status, told) = served.ask("POST", "/hooks/agent-main/call", &headers, body.to_string().as_bytes());
        assert_eq!(status, 202, "{told}");
    };
    let token = home.token("admin", None);
    let all = || served.api(&token, "/api/v1/inquiries").1["data"].as_array().unwrap().clone();
    let one = |id: &str| served.api(&token, &format!("/api/v1/inquiries/{id}")).1;
    let of_call = |id: &str, count: usize| {
        let mut found = String::new();
        Served::until(&format!("{id} opened an inquiry"), || {
            let newest = all();
            found = newest.first().map_or_else(String::new, |i| i["id"].as_str().unwrap().to_owned());
            newest.len() == count
        });
        found
    };
    let opted_out = |inquiry: &Value| inquiry["flags"].as_array().unwrap().contains(&json!("opt_out"));
    let shown = || home.json(&["opt-out", "show", CALLER, "--json"]);

    call("a1", "+13125550100", "04", Some("The boiler runs again. Please stop calling me."));
    let first = of_call("a1", 1);
    Served::until("it is kept with the person", || shown()["opted_out"]["said"]["said_by"] == "caller");
    call("a2", "+13125550200", "05", None);
    let second = of_call("a2", 2);
    let inquiry = one(&second);
    assert!(opted_out(&inquiry) && inquiry["location"] != one(&first)["location"], "{inquiry}");
    assert!(!inquiry["owner"].is_null() && !inquiry["clock"].is_null(), "held back is not forgotten: {inquiry}");
    assert_eq!(inquiry["opted_out"]["inquiry"], first.as_str());
    let (_, entries) = served.api(&token, &format!("/api/v1/inquiries/{second}/entries"));
    let kinds: Vec<&str> =
        entries["data"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).take(3).collect();
    assert_eq!(kinds, ["event", "call", "opted_out"], "from its first step");

    for (who, role) in [("cleo@example.com", "coordinator"), ("rita@example.com", "revops")] {
        assert!(home.run(&["user", "add", who, "--role", role]).status.success());
    }
    let clear = |by: &str, reason: &str| home.shown(&["opt-out", "clear", CALLER, "--by", by, "--reason", reason]);
    assert!(clear("cleo@example.com", "asked us to call").contains("RB-0606"));
    assert!(clear("rita@example.com", " ").contains("RB-0261"));
    assert!(opted_out(&one(&second)));
    let told = clear("rita@example.com", "asked us to call");
    assert!(told.contains("exit 0") && told.contains("has not opted out: taken back by"), "{told}");
    assert!(!opted_out(&one(&first)) && !opted_out(&one(&second)));
    let (_, entries) = served.api(&token, &format!("/api/v1/inquiries/{second}/entries"));
    assert!(entries.to_string().contains("asked us to call"), "the reason stands in the ledger");

    let reached = json!({ "event": "called_back", "result": "reached", "note": null });
    assert_eq!(served.api_post(&token, &format!("/api/v1/inquiries/{first}/events"), &reached).0, 200);
    call("a3", "+13125550100", "06", None);
    let third = of_call("a3", 3);
    assert!(!opted_out(&one(&third)), "{}", one(&third));
    assert_eq!(home.json(&["verify", "--json"])["accounts"][0]["report"]["ok"], true);
}
