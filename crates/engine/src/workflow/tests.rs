use super::*;
use crate::audit::tests::support::{NUMBER, World};
use crate::{Error, micros};
use ringback_core::contract::{self, Autonomy};
use ringback_core::crm::Record;
use ringback_core::http::{HttpReply, RawRequest};
use ringback_core::inquiry::ReviewKind;
use serde_json::json;

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
on_missing = "leave"

[workflow.outbound_research]
on     = true
fields = ["research"]

[workflow.inbound_qualification]
on     = false
"#;

/// A world with a provider's hook, and a contract in which research alone is on.
async fn world() -> World {
    let world = World::new().await;
    let data = store::ConnectionRow {
        name: "data-main".into(),
        settings: json!({ "signature": "token:x-token" }).to_string(),
        region: Some("US".into()),
        ..world.row_of("conn_data", "enrichment", "source", "a-token")
    };
    let mut contract = contract::parse(&format!("{}{RULES}", contract::DEFAULT_TEXT)).0.unwrap();
    contract.autonomy = Autonomy::Auto;
    let now = micros(world.engine.now());
    world
        .write(move |tx| {
            Box::pin(async move {
                let new = store::ContractNew {
                    account: "acct_1".into(),
                    id: "ctr_2".into(),
                    name: contract.name.clone(),
                    digest: contract.digest(),
                    source: String::new(),
                    compiled: serde_json::to_string(&contract).unwrap(),
                    applied_at: now + 1,
                    applied_by: "user_1".into(),
                };
                store::contract_insert_next(tx, &new).await.map(|_| ())
            })
        })
        .await;
    world.connect(data).await;
    world
}

async fn tells(world: &World, event: &str, provider: Option<&str>, subject: serde_json::Value, fit: f64) -> HttpReply {
    let field =
        |name: &str, value: &str| json!({ "name": name, "value": value, "confidence": 0.9, "as_of": "2026-03-01" });
    let body = json!({ "provider": provider, "subject": subject,
                       "fields": [field("fit", &fit.to_string()), field("industry", "B2B SaaS")] });
    let raw = RawRequest {
        method: "POST".into(),
        url: format!("http://calls.test/hooks/conn_data/{event}"),
        event: event.into(),
        headers: vec![("content-type".into(), "application/json".into()), ("x-token".into(), "a-token".into())],
        body: body.to_string().into_bytes(),
    };
    let reply = world.engine.receive("conn_data", raw).await;
    world.engine.step_signals(true).await.unwrap();
    reply
}

async fn items(world: &World) -> Vec<Inquiry> {
    let rows = world
        .write(|tx| {
            Box::pin(async move { store::inquiries_list(tx, "acct_1", Some(ITEM), 100, &store::Before::end()).await })
        })
        .await;
    rows.into_iter().map(|row| inquire::of_row(row).unwrap().inquiry).collect()
}

async fn states(world: &World) -> Vec<(String, Option<String>)> {
    let rows = world
        .write(|tx| Box::pin(async move { store::signals_list(tx, "acct_1", None, 100, &store::Before::end()).await }))
        .await;
    rows.into_iter().map(|row| (row.state, row.why)).collect()
}

#[tokio::test]
async fn an_offer_begins_one_item_for_each_record_and_decides_the_same_again() {
    let world = world().await;
    let record = json!({ "record": "512" });
    assert_eq!(tells(&world, "fit", Some("acme"), record.clone(), 0.82).await.status, 202);
    assert_eq!(tells(&world, "fit", Some("acme"), record.clone(), 0.83).await.status, 202);
    assert_eq!(tells(&world, "fit", Some("acme"), json!({ "record": "600" }), 0.82).await.status, 202);
    let all = items(&world).await;
    assert_eq!(all.len(), 2, "one for each record");
    let item = all.iter().find(|i| i.subject().unwrap().1.record.as_deref() == Some("512")).unwrap();
    let find = item.effects["find"].id.clone();
    let shown = Record { id: "512".into(), ..Record::default() };
    let read_at = world.engine.now();
    let found = Event::Found { effect: find, read_at, records: vec![shown], memory: Vec::new() };
    world.act(&item.id, found).await;
    let asked = world.engine.open_reviews(&world.account, None, None, 10, &store::After::start()).await.unwrap().asked;
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].review.kind, asked[0].review.workflow), (ReviewKind::Field, Some(Workflow::OutboundResearch)));
    let again = world.engine.replay(&world.account, &item.id).await.unwrap();
    assert!(again.ok() && again.events == 3, "{again:?}");
}

#[tokio::test]
async fn an_offer_touches_no_queue_no_clock_and_no_list_of_callers() {
    let world = world().await;
    tells(&world, "fit", Some("acme"), json!({ "record": "512" }), 0.82).await;
    let (queue, listed, timers) = world
        .write(|tx| {
            Box::pin(async move {
                let queue = store::inquiries_queue(tx, "acct_1", None, 100).await?;
                let listed = store::inquiries_list(tx, "acct_1", None, 100, &store::Before::end()).await?;
                let due = store::effects_of_inquiry(tx, "acct_1", "").await?;
                Ok((queue.len(), listed.len(), due.len()))
            })
        })
        .await;
    assert_eq!((queue, listed, timers), (0, 0, 0));
    assert!(!items(&world).await[0].open());
}

#[tokio::test]
async fn without_a_provider_it_is_kept_told_and_never_used() {
    let world = world().await;
    for who in [None, Some("  ")] {
        let reply = tells(&world, "fit", who, json!({ "record": "512" }), 0.82).await;
        assert_eq!(reply.status, 422);
        assert!(String::from_utf8_lossy(&reply.body).contains("RB-0143"));
    }
    let states = states(&world).await;
    assert!(states.len() == 2 && states.iter().all(|(state, _)| state == "unreadable"), "{states:?}");
    assert_eq!(items(&world).await.len(), 0);
}

#[tokio::test]
async fn what_is_off_repeated_or_about_nobody_who_waits_is_kept_with_the_reason() {
    let world = world().await;
    let record = json!({ "record": "512" });
    for (event, subject, says) in [
        ("inactive", record.clone(), "dormant_reactivation is off"),
        ("enriched", json!({ "phone": "+13125550142" }), "is on"),
        ("fit", json!({ "phone": "nonsense" }), "can be read"),
    ] {
        assert_eq!(tells(&world, event, Some("acme"), subject, 0.82).await.status, 202);
        let states = states(&world).await;
        let told =
            states.iter().any(|(state, why)| state == "folded" && why.as_ref().is_some_and(|w| w.contains(says)));
        assert!(told, "{event}: {states:?}");
    }
    assert_eq!(items(&world).await.len(), 0);
    tells(&world, "fit", Some("acme"), record.clone(), 0.82).await;
    let before = items(&world).await;
    // The same words in another envelope.
    tells(&world, "fit", Some("acme"), json!({ "record": "512", "email": "dana@example.com" }), 0.82).await;
    assert_eq!(items(&world).await, before, "it was offered before");
}

#[tokio::test]
async fn who_is_erased_takes_what_was_offered_about_them_along() {
    let world = world().await;
    tells(&world, "fit", Some("acme"), json!({ "phone": "+13125550142", "email": "dana@example.com" }), 0.82).await;
    let item = items(&world).await.remove(0);
    let find = item.effects["find"].id.clone();
    let busy = world.engine.erase_person(&world.account, &world.person(), "asked to").await;
    assert!(matches!(busy, Err(Error::Refused(_))), "somebody is being looked up: {busy:?}");
    world.settle_find(&item.id, &find).await;
    let read_at = world.engine.now();
    world.act(&item.id, Event::Found { effect: find, read_at, records: Vec::new(), memory: Vec::new() }).await;
    world.engine.erase_person(&world.account, &world.person(), "asked to").await.unwrap();
    let after = items(&world).await.remove(0);
    let text = serde_json::to_string(&after).unwrap();
    assert!(after.offers.is_empty() && !text.contains("3125550142") && !text.contains("dana@example.com"), "{text}");
    tells(&world, "fit", Some("acme"), json!({ "phone": "+13125550142" }), 0.9).await;
    assert_eq!(items(&world).await.len(), 2, "what is offered later is about somebody unknown again");
}

#[tokio::test]
async fn who_is_erased_takes_along_what_names_only_their_record_or_their_address() {
    let world = world().await;
    let call = world.missed_call("1").await;
    let find = world.effect(&call, "find").await;
    world.settle_find(&call, &find.id).await;
    let properties = [("phone".to_owned(), NUMBER.to_owned()), ("email".to_owned(), "Dana@Example.com".to_owned())];
    let record = Record { id: "512".into(), properties: properties.into(), ..Record::default() };
    let read_at = world.engine.now();
    world
        .act(&call, Event::Found { effect: find.id, read_at, records: vec![record.clone()], memory: Vec::new() })
        .await;
    world.close(&call).await;
    for subject in [json!({ "record": "512" }), json!({ "email": "dana@example.com" }), json!({ "record": "777" })] {
        tells(&world, "fit", Some("acme"), subject, 0.82).await;
    }
    for item in items(&world).await {
        let find = item.effects["find"].id.clone();
        world.settle_find(&item.id, &find).await;
        world.act(&item.id, Event::Found { effect: find, read_at, records: Vec::new(), memory: Vec::new() }).await;
    }
    let done = world.engine.erase_person(&world.account, &world.person(), "asked to").await.unwrap();
    assert_eq!(done.inquiries, 3, "the call's, the record's and the address's: {done:?}");
    let left: Vec<bool> = items(&world).await.iter().map(|item| !item.offers.is_empty()).collect();
    assert_eq!(left.iter().filter(|held| **held).count(), 1, "what is about record 777 is somebody else's: {left:?}");
    assert!(!world.all_text().contains("dana@example.com"));
    assert!(world.engine.verify(&world.account).await.unwrap().ok);
}
