//! The neighbouring workflows with the real program: a provider of data tells of a record, and people are asked.

use crate::home::{Home, Served};
use ringback_twins::enrichment::{Provider, Signed};
use serde_json::{Value, json};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

const PROVIDER: &str = r#"
[[account.connection]]
name = "data-main"
vendor = "enrichment"
secret = { text = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }
"#;

/// What is added to the contract: two clauses, and three workflows of which one is off.
const RULES: &str = r#"
[field.research]
means      = "What providers know of the company"
from       = "workflow.brief"
to         = "contact.rb_research"
type       = "text"
truth      = "provider"
winner     = "The provider's brief stands until a person writes another one."
machine    = "update"
write_at   = 0.80
review_at  = 0.60
on_missing = "leave"

[field.duplicate_of]
means      = "The record that this one is a double of"
from       = "workflow.duplicate_of"
to         = "contact.rb_duplicate_of"
type       = "text"
truth      = "provider"
winner     = "A person's word on who is who stands."
machine    = "update"
on_missing = "leave"

[field.reactivation]
means      = "An angle for a record that went quiet"
from       = "workflow.reactivation"
to         = "contact.rb_reactivation"
type       = "text"
truth      = "provider"
winner     = "The owner of the account decides what is tried."
machine    = "suggest"
on_missing = "leave"

[workflow.outbound_research]
on       = true
fields   = ["research"]
score_at = 0.70

[workflow.duplicate_cleanup]
on     = true
fields = ["duplicate_of"]

[workflow.dormant_reactivation]
on     = false
fields = ["reactivation"]
"#;

#[expect(clippy::disallowed_methods, reason = "a provider outside signs by its own clock")]
fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

fn person(twin: &Served, name: &str, phone: &str, email: &str) -> String {
    let known = json!({ "name": name, "phone": phone, "email": email });
    let (status, made) = twin.ask("POST", "/_twin/person", &[], known.to_string().as_bytes());
    assert_eq!(status, 200, "{made}");
    serde_json::from_str::<Value>(&made).unwrap()["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_provider_is_heard_under_its_name_and_people_decide() {
    let home = Home::ready();
    let contract = std::fs::read_to_string(home.path().join("contract.toml")).unwrap();
    home.write("contract.toml", &format!("{contract}{RULES}"));
    let twin = home.twin();
    let record = person(&twin, "Dale Whitaker", "+13125550142", "dale@example.com");
    let double = person(&twin, "D. Whitaker", "+13125550142", "whitaker@example.com");
    home.connect(&twin, PROVIDER);
    let search = json!({ "filterGroups": [{ "filters": [{ "propertyName": "hs_searchable_calculated_phone_number", "operator": "EQ", "value": "3125550142" }] }] });
    let headers = [("authorization", "Bearer pat-twin"), ("content-type", "application/json")];
    Served::until("the CRM's search shows both", || {
        twin.ask("POST", "/crm/v3/objects/contacts/search", &headers, search.to_string().as_bytes())
            .1
            .contains("\"total\":2")
    });
    let served = home.serve();
    let acme = Provider::new("acme", SECRET);
    let known = [("fit", "0.82", 0.9, "2026-03-01"), ("industry", "B2B SaaS", 0.92, "2026-02-01")];
    let told = |who: &Provider, event: &str, id: &str, subject: &[(&str, &str)]| {
        served.hook(&format!("/hooks/data-main/{event}"), &who.tells(id, subject, &known, now_ms()))
    };
    let of = [("record", record.as_str())];

    // Without a name it is kept and answered; signed by somebody else it is in quarantine: nothing of either is used.
    let (status, answer) = told(&acme.nameless(), "fit", "msg_1", &of);
    assert!(status == 422 && answer.contains("RB-0143"), "{status} {answer}");
    assert_eq!(told(&acme.signing(Signed::Wrongly), "fit", "msg_2", &of).0, 401);
    assert_eq!(told(&acme.signing(Signed::Not), "fit", "msg_3", &of).0, 401);
    // Switched off: stored, and nothing comes of it.
    assert_eq!(told(&acme, "inactive", "msg_4", &of).0, 202);
    Served::until("all is taken up", || served.rests());
    assert_eq!(home.json(&["review", "list", "--json"]), json!([]));

    assert_eq!(told(&acme, "fit", "msg_5", &of).0, 202);
    assert_eq!(told(&acme, "fit", "msg_5", &of).0, 200, "the same delivery again");
    assert_eq!(told(&acme, "fit", "msg_6", &of).0, 202, "the same words again");
    let like = [("record", record.as_str()), ("phone", "+13125550142")];
    assert_eq!(told(&acme, "similar", "msg_7", &like).0, 202);
    let asked = || home.json(&["review", "list", "--json"]).as_array().unwrap().clone();
    Served::until("both workflows ask", || served.rests() && asked().len() == 3);
    let of = |field: &str| asked().into_iter().find(|q| q["question"]["field"] == field).unwrap();
    let research = of("research");
    let question = &research["question"];
    assert_eq!(question["workflow"], "outbound_research", "{research}");
    assert_eq!(question["source"]["provider"]["name"], "acme", "{research}");
    assert_eq!(question["proposed"], "Industry: B2B SaaS (acme, 2026-02-01, 92 %)", "{research}");
    let which = asked().into_iter().find(|q| q["question"]["kind"] == "doubled").unwrap();
    assert_eq!(which["question"]["candidates"][0]["record"], double.as_str(), "{which}");
    assert_eq!(which["question"]["candidates"][0]["agreed"], json!(["phone"]), "{which}");
    assert_eq!(of("duplicate_of")["question"]["because"], "autonomy", "at suggest the flag is asked about too");

    // Approved, it goes through the same lane, and is read back.
    let text = |of: &Value, name: &str| of[name].as_str().unwrap().to_owned();
    let decide = [
        "review",
        "decide",
        &text(&research, "id"),
        "--digest",
        &text(&research, "digest"),
        "--by",
        "admin@localhost",
        "--approve",
    ];
    let done = home.shown(&decide);
    assert!(done.starts_with("exit 0"), "{done}");
    let brief = |id: &str| {
        let held = twin.records("contacts");
        held.iter().find(|r| r["id"] == id).map(|r| Served::holds(r, "rb_research")).unwrap_or_default()
    };
    Served::until("it is in the CRM", || brief(&record).starts_with("Industry: B2B SaaS"));
    Served::until("it is read back", || served.rests());
    assert_eq!(twin.held(), [2, 0, 0], "nobody was made, merged or called, and no task stands anywhere");

    // Nobody has to call anybody back, and the whole decision is told with its provider.
    let token = home.token("read", None);
    let (_, open) = served.api(&token, "/api/v1/inquiries");
    assert_eq!(open["data"].as_array().map(Vec::len), Some(0), "{open}");
    let told = home.shown(&["verify", "--json"]);
    assert!(told.starts_with("exit 0"), "{told}");
}
