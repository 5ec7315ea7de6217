//! One test per fault: what was written, what was seen, what the log says.

use super::*;
use crate::hubspot::{HubSpot, ObjectType, Options};

const NOW: i64 = 1_772_719_391_000;

fn desk(script: Script) -> Faulty<HubSpot> {
    Faulty::new(HubSpot::new(Options::default()), script)
}

fn create(first: &str) -> Request {
    Request::new("POST", "/crm/objects/2026-03/contacts")
        .header("Authorization", "Bearer pat-twin")
        .json(&json!({ "properties": { "firstname": first } }))
}

fn batch(n: usize) -> Request {
    let inputs: Vec<Value> = (0..n)
        .map(|i| json!({ "objectWriteTraceId": format!("w-{i}"), "properties": { "firstname": format!("F{i}") } }))
        .collect();
    Request::new("POST", "/crm/objects/2026-03/contacts/batch/create")
        .header("Authorization", "Bearer pat-twin")
        .json(&json!({ "inputs": inputs }))
}

fn once(fault: Fault) -> Faulty<HubSpot> {
    desk(Script::default().rule(Rule::new(fault, When::Nth(1))))
}

fn contacts(desk: &Faulty<HubSpot>) -> usize {
    desk.vendor().records(ObjectType::Contacts).len()
}

/// Applies one fault to one create; returns what the client saw, how many contacts exist, and the log's view.
fn play(fault: Fault) -> (Faulty<HubSpot>, Delivery) {
    let mut desk = once(fault);
    let delivery = desk.exchange(&create("Jo"), NOW);
    (desk, delivery)
}

fn last(desk: &Faulty<HubSpot>) -> crate::log::Logged {
    desk.vendor().log().last().expect("an entry").clone()
}

#[test]
fn a_clean_exchange_is_logged_with_its_effect() {
    let mut desk = desk(Script::default());
    let delivery = desk.exchange(&create("Jo"), NOW);
    assert_eq!(delivery.reply().expect("answered").status, 201);
    let entry = last(&desk);
    assert!(entry.delivered() && entry.fault.is_none());
    assert_eq!((entry.effects.len(), entry.effects[0].object.as_str()), (1, "contacts"));
}

#[test]
fn time_outs_before_and_after_the_write() {
    let (desk, delivery) = play(Fault::TimeoutBeforeWrite);
    assert_eq!((delivery.what, delivery.took_ms, contacts(&desk)), (What::TimedOut, 30_000, 0));
    assert_eq!((last(&desk).seen, last(&desk).effects.len()), (Seen::TimedOut, 0));
    let (desk, delivery) = play(Fault::TimeoutAfterWrite);
    assert_eq!((delivery.what, contacts(&desk)), (What::TimedOut, 1));
    assert_eq!((last(&desk).seen, last(&desk).effects.len(), last(&desk).status), (Seen::TimedOut, 1, Some(201)));
}

#[test]
fn a_late_write_lands_when_it_is_due_and_not_before() {
    let (mut desk, delivery) = play(Fault::LateLanding { after_ms: 20_000 });
    assert_eq!((delivery.what, contacts(&desk), desk.unsettled()), (What::TimedOut, 0, 1));
    desk.settle(NOW + 19_999);
    assert_eq!(contacts(&desk), 0);
    desk.exchange(
        &Request::new("GET", "/crm/objects/2026-03/contacts").header("Authorization", "Bearer pat-twin"),
        NOW + 20_000,
    );
    assert_eq!((contacts(&desk), desk.unsettled()), (1, 0));
    assert_eq!(desk.vendor().records(ObjectType::Contacts)[0].created_at_ms, NOW + 20_000);
    assert!(desk.vendor().log().iter().any(|e| e.fault == Some("landed_late") && e.effects.len() == 1));
}

#[test]
fn refusals_that_wrote_and_successes_that_did_not() {
    for (fault, status, written) in [
        (Fault::UnprocessableButCreated, 422, 1),
        (Fault::ServerErrorButCreated, 500, 1),
        (Fault::SuccessButNothing, 201, 0),
        (Fault::TooMany { retry_after_s: None }, 429, 0),
        (Fault::TooMany { retry_after_s: Some(10) }, 429, 0),
        (Fault::ServerError { status: 503 }, 503, 0),
        (Fault::Unauthorized, 401, 0),
    ] {
        let (desk, delivery) = play(fault.clone());
        let reply = delivery.reply().expect("answered").clone();
        assert_eq!((reply.status, contacts(&desk)), (status, written), "{fault:?}");
        assert_eq!(last(&desk).effects.len(), written, "{fault:?}");
        assert_eq!(last(&desk).fault, Some(fault.name()));
        if let Fault::TooMany { retry_after_s } = fault {
            assert_eq!(reply.get_header("retry-after").map(str::to_owned), retry_after_s.map(|s| s.to_string()));
            assert_eq!(reply.value()["policyName"], "TEN_SECONDLY_ROLLING");
        }
    }
}

#[test]
fn a_pretended_record_cannot_be_read_and_its_id_is_not_used_again() {
    let (mut desk, delivery) = play(Fault::SuccessButNothing);
    let id = delivery.reply().expect("answered").value()["id"].as_str().expect("an id").to_owned();
    let read =
        Request::new("GET", &format!("/crm/objects/2026-03/contacts/{id}")).header("Authorization", "Bearer pat-twin");
    assert_eq!(desk.exchange(&read, NOW).reply().expect("answered").status, 404);
    let next = desk.exchange(&create("Jo"), NOW).reply().expect("answered").value();
    assert_ne!(next["id"], id);
}

#[test]
fn half_a_batch_in_its_three_endings() {
    let mut desk1 = once(Fault::HalfABatch { rest: Rest::ServerError });
    let delivery = desk1.exchange(&batch(5), NOW);
    assert_eq!((delivery.reply().expect("answered").status, contacts(&desk1)), (500, 2));
    assert_eq!(last(&desk1).effects.len(), 2);
    let mut desk2 = once(Fault::HalfABatch { rest: Rest::TimedOut });
    assert_eq!(desk2.exchange(&batch(4), NOW).what, What::TimedOut);
    assert_eq!(contacts(&desk2), 2);
    let mut desk3 = once(Fault::HalfABatch { rest: Rest::MultiStatus });
    let reply = desk3.exchange(&batch(4), NOW).reply().expect("answered").clone();
    let body = reply.value();
    assert_eq!((reply.status, contacts(&desk3), &body["numErrors"]), (207, 2, &json!(2)));
    assert_eq!(body["errors"][0]["context"]["objectWriteTraceId"], json!(["w-2"]));
    // A single request has no half: it passes, and is not counted as a fault.
    let (desk4, delivery) = play(Fault::HalfABatch { rest: Rest::ServerError });
    assert_eq!((delivery.reply().expect("answered").status, contacts(&desk4)), (201, 1));
    assert_eq!((desk4.hits().get("half_a_batch"), last(&desk4).fault), (Some(&0), None));
}

#[test]
fn ids_missing_from_a_reply() {
    let (desk, delivery) = play(Fault::IdsMissing);
    let body = delivery.reply().expect("answered").value();
    assert!(body.get("id").is_none() && body["properties"].get("hs_object_id").is_none());
    assert_eq!((contacts(&desk), last(&desk).seen), (1, Seen::Mangled(201)));
    let mut desk = once(Fault::IdsMissing);
    let body = desk.exchange(&batch(4), NOW).reply().expect("answered").value();
    assert_eq!((body["results"].as_array().map(Vec::len), contacts(&desk)), (Some(2), 4));
}

#[test]
fn connections_that_fail() {
    for (fault, what, written) in [
        (Fault::Refused, What::Refused, 0),
        (Fault::ResetBeforeWrite, What::Reset, 0),
        (Fault::ResetAfterWrite, What::Reset, 1),
    ] {
        let (desk, delivery) = play(fault.clone());
        assert_eq!((delivery.what, contacts(&desk), last(&desk).effects.len()), (what, written, written), "{fault:?}");
    }
}

#[test]
fn slow_answers_take_long_and_are_written_at_once() {
    let (desk, delivery) = play(Fault::Slow { delay_ms: 45_000 });
    assert_eq!((delivery.took_ms, contacts(&desk)), (45_040, 1));
    assert_eq!(delivery.reply().expect("answered").status, 201);
}

#[test]
fn a_stale_index_hides_what_a_get_shows() {
    let mut desk =
        desk(Script::default().rule(Rule::new(Fault::StaleSearch { lag_ms: 120_000, for_ms: 300_000 }, When::Nth(1))));
    let id =
        desk.exchange(&create("Jo"), NOW).reply().expect("answered").value()["id"].as_str().expect("id").to_owned();
    let search = Request::new("POST", "/crm/objects/2026-03/contacts/search")
        .header("Authorization", "Bearer pat-twin")
        .json(&json!({ "filterGroups": [{ "filters": [{ "propertyName": "firstname", "operator": "EQ", "value": "Jo" }] }] }));
    let mut total = |at: i64| desk.exchange(&search, at).reply().expect("answered").value()["total"].clone();
    assert_eq!(total(NOW + 60_000), 0);
    assert_eq!(total(NOW + 120_000), 1);
    let read =
        Request::new("GET", &format!("/crm/objects/2026-03/contacts/{id}")).header("Authorization", "Bearer pat-twin");
    assert_eq!(desk.exchange(&read, NOW).reply().expect("answered").status, 200);
}

#[test]
fn bodies_that_are_cut_foreign_or_html() {
    let (desk, delivery) = play(Fault::TruncatedBody);
    let reply = delivery.reply().expect("answered").clone();
    assert!(reply.status == 201 && !reply.body.is_empty() && reply.value().is_null());
    assert_eq!((contacts(&desk), last(&desk).delivered()), (1, false));
    for (fault, written) in [
        (Fault::ForeignBody { written: true }, 1),
        (Fault::ForeignBody { written: false }, 0),
        (Fault::HtmlOk { written: true }, 1),
        (Fault::HtmlOk { written: false }, 0),
    ] {
        let (desk, delivery) = play(fault.clone());
        let reply = delivery.reply().expect("answered").clone();
        assert_eq!((reply.status, contacts(&desk), last(&desk).effects.len()), (200, written, written), "{fault:?}");
        assert_eq!(reply.value().is_null(), matches!(fault, Fault::HtmlOk { .. }));
    }
}

#[test]
fn rules_choose_by_count_method_path_window_times_and_chance() {
    let statuses = |script: Script, n: i64| {
        let mut desk = desk(script);
        (0..n)
            .map(|i| desk.exchange(&create("Jo"), NOW + i * 1_000).reply().map_or(0, |r| r.status))
            .collect::<Vec<_>>()
    };
    let busy = Fault::ServerError { status: 503 };
    assert_eq!(statuses(Script::default().rule(Rule::new(busy.clone(), When::Nth(2))), 3), [201, 503, 201]);
    assert_eq!(statuses(Script::default().rule(Rule::new(busy.clone(), When::EveryNth(2))), 4), [201, 503, 201, 503]);
    let elsewhere = Rule::new(busy.clone(), When::Always).on("POST", "/tasks");
    assert_eq!(statuses(Script::default().rule(elsewhere), 1), [201]);
    let twice = Rule::new(busy.clone(), When::Always).on("POST", "/contacts").times(2);
    assert_eq!(statuses(Script::default().rule(twice), 3), [503, 503, 201]);
    assert_eq!(statuses(Script::default().outage(NOW + 1_000, NOW + 3_000), 4), [201, 0, 0, 201]);
    assert_eq!(statuses(Script::default().throttle(NOW, NOW + 2_000, None), 3), [429, 429, 201]);
    let chancy = || Script { seed: 5, ..Script::default() }.by_chance(busy.clone(), 300);
    let drawn = statuses(chancy(), 100);
    assert_eq!(drawn, statuses(chancy(), 100));
    let hit = drawn.iter().filter(|s| **s == 503).count();
    assert!((15..45).contains(&hit), "{hit}");
}

#[test]
fn scripts_travel_as_json_and_every_fault_has_its_name() {
    let script: Script = serde_json::from_value(json!({
        "seed": 3,
        "rules": [
            { "fault": { "kind": "timeout_after_write" }, "when": { "nth": 3 }, "method": "POST", "path": "/batch/upsert" },
            { "fault": { "kind": "half_a_batch", "rest": "multi_status" }, "when": "always", "times": 1 },
            { "fault": { "kind": "too_many" }, "when": { "between": { "from_ms": 0, "to_ms": 5 } } },
            { "fault": { "kind": "html_ok" }, "when": { "chance": { "per_mille": 5 } } },
        ],
    }))
    .expect("a script");
    assert_eq!((script.rules.len(), script.client_timeout_ms), (4, 30_000));
    let names: std::collections::BTreeSet<_> = Fault::one_of_each().iter().map(Fault::name).collect();
    assert_eq!(names, Fault::NAMES.into_iter().collect());
    for fault in Fault::one_of_each() {
        let tagged = serde_json::to_value(&fault).expect("json");
        assert_eq!(tagged["kind"], fault.name());
        let mut desk = once(fault.clone());
        desk.exchange(&batch(2), NOW);
        assert_eq!(desk.hits().get(fault.name()), Some(&1));
    }
}
