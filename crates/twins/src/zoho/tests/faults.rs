//! Misbehaviour, and whether a careful client would end with one record of each.

use super::*;
use crate::fault::{Fault, Faulty, Rest, Rule, Script, What, When};

fn faulty(fault: Fault) -> Faulty<Zoho> {
    let rule = Rule::new(fault, When::Nth(1)).on("POST", "/crm/v8/").times(1);
    Faulty::new(org(), Script { rules: vec![rule], ..Script::default() })
}

fn send(faulty: &mut Faulty<Zoho>, path: &str, body: &Value, now_ms: i64) -> What {
    faulty.exchange(&request("POST", path, body), now_ms).what
}

fn one() -> Value {
    json!({ "data": [lead("rb-contact-1")], "duplicate_check_fields": ["RB_Key"], "trigger": [] })
}

#[test]
fn an_unanswered_upsert_sent_again_makes_no_second_lead() {
    for fault in [
        Fault::TimeoutAfterWrite,
        Fault::TimeoutBeforeWrite,
        Fault::ServerErrorButCreated,
        Fault::UnprocessableButCreated,
        Fault::HtmlOk { written: true },
        Fault::TruncatedBody,
        Fault::IdsMissing,
        Fault::SuccessButNothing,
        Fault::LateLanding { after_ms: 5_000 },
    ] {
        let mut faulty = faulty(fault.clone());
        let told = send(&mut faulty, "/crm/v8/Leads/upsert", &one(), NOW);
        if let What::Answer(reply) = &told {
            let id = reply.value()["data"][0]["details"]["id"].clone();
            let lies = matches!(fault, Fault::SuccessButNothing);
            assert!(id.is_null() || lies, "{fault:?}: {reply:?}");
        }
        faulty.settle(NOW + 10_000);
        send(&mut faulty, "/crm/v8/Leads/upsert", &one(), NOW + 20_000);
        assert_eq!(faulty.vendor().records("Leads").len(), 1, "{fault:?}");
    }
}

#[test]
fn a_look_by_key_finds_what_an_unanswered_create_made() {
    let mut faulty = faulty(Fault::TimeoutAfterWrite);
    let lead = faulty.vendor_mut().seed_person("Dana Ruiz", "+13125550142", None, false, NOW);
    let body = json!({ "data": [call("rb-call-1", &lead)], "trigger": [] });
    assert_eq!(send(&mut faulty, "/crm/v8/Calls", &body, NOW), What::TimedOut);
    let query = json!({ "select_query": "select id, What_Id from Calls where RB_Key = 'rb-call-1' limit 0, 200" });
    let What::Answer(found) = send(&mut faulty, "/crm/v8/coql", &query, NOW + 1) else { panic!("no answer") };
    assert_eq!(found.value()["data"][0]["What_Id"]["id"], lead.as_str());
    // Whoever does not look is stopped by the unique field.
    let What::Answer(again) = send(&mut faulty, "/crm/v8/Calls", &body, NOW + 2) else { panic!("no answer") };
    assert_eq!(code(&again.value(), 0), "DUPLICATE_DATA");
}

#[test]
fn half_a_batch_says_which_half() {
    for rest in [Rest::MultiStatus, Rest::TimedOut, Rest::ServerError] {
        let mut faulty = faulty(Fault::HalfABatch { rest });
        let leads: Vec<Value> = (0..4).map(|n| lead(&format!("rb-{n}"))).collect();
        let body = json!({ "data": leads, "duplicate_check_fields": ["RB_Key"], "trigger": [] });
        let told = send(&mut faulty, "/crm/v8/Leads/upsert", &body, NOW);
        assert_eq!(faulty.vendor().records("Leads").len(), 2);
        if rest == Rest::MultiStatus {
            let What::Answer(reply) = told else { panic!("no answer") };
            let codes: Vec<String> = (0..4).map(|n| code(&reply.value(), n)).collect();
            assert_eq!(
                (reply.status, codes),
                (207, ["SUCCESS", "SUCCESS", "INTERNAL_ERROR", "INTERNAL_ERROR"].map(String::from).to_vec())
            );
        }
        send(&mut faulty, "/crm/v8/Leads/upsert", &body, NOW + 1);
        assert_eq!(faulty.vendor().records("Leads").len(), 4);
    }
}

#[test]
fn limits_and_tokens_are_refused_in_zohos_words() {
    for (fault, status, word) in [
        (Fault::Unauthorized, 401, "INVALID_TOKEN"),
        (Fault::TooMany { retry_after_s: None }, 429, "TOO_MANY_REQUESTS"),
        (Fault::ServerError { status: 503 }, 503, "INTERNAL_ERROR"),
    ] {
        let mut faulty = faulty(fault);
        let What::Answer(reply) = send(&mut faulty, "/crm/v8/Leads/upsert", &one(), NOW) else { panic!("no answer") };
        let body = reply.value();
        let said = body["code"].as_str().or(body["data"][0]["code"].as_str());
        assert_eq!((reply.status, said), (status, Some(word)));
        assert!(faulty.vendor().records("Leads").is_empty());
    }
}

#[test]
fn auditors_and_people_have_their_ways() {
    let mut org = org();
    let seeded = org.seed_person("Dana Ruiz", "+13125550142", Some("dana@example.com"), true, NOW);
    let entries = org.entries();
    let entry = entries.iter().find(|e| e.id == seeded).expect("the entry");
    assert_eq!((entry.kind, entry.object.as_str(), entry.by_person), (Kind::Person, "Contacts", true));
    assert!(entry.has_number("+13125550142"));
    assert!(org.type_in(&seeded, "rb_trace", "x", NOW) && !org.type_in(&seeded, "Nonsense", "x", NOW));
    let books = crate::fault::Vendor::control(&mut org, &Request::new("GET", "/_twin/books"), NOW).expect("books");
    assert_eq!(books.value().as_array().map(Vec::len), Some(1));
    assert!(org.remove(&seeded, NOW) && !org.remove(&seeded, NOW));
    assert!(org.entries().iter().all(|e| e.gone));
    assert!(org.secret().contains("refresh_token"));
}
