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
