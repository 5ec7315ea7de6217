use super::*;
use crate::audit::tests::support::World;
use crate::contracts::{Answer, Base, By, Wish};
use crate::http::Fault;
use ringback_core::contract;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn wish(level: Autonomy) -> LevelWish {
    LevelWish { workflow: None, place: None, level, by: "user_ann".into(), reason: None, answered: Vec::new() }
}

async fn holds(world: &World) -> (Option<Autonomy>, Autonomy) {
    let levels = world.engine.levels(&world.account).await.unwrap();
    (levels[0].level, levels[0].holds)
}

async fn refused(world: &World, level: Autonomy) -> Vec<Problem> {
    match world.engine.set_level(&world.account, &wish(level)).await {
        Err(Error::NotReady(problems)) => problems,
        other => panic!("not refused: {other:?}"),
    }
}

async fn told(world: &World) -> Vec<(String, String, String)> {
    let entries = world.engine.account_entries(&world.account).await.unwrap();
    let text = |e: &crate::audit::Told, name: &str| e.body[name].as_str().unwrap_or("-").to_owned();
    entries.iter().filter(|e| e.kind == "level").map(|e| (text(e, "was"), text(e, "is"), text(e, "by"))).collect()
}

#[tokio::test]
async fn an_account_that_ran_before_keeps_what_holds_and_rises_no_further_unasked() {
    let world = World::new().await;
    assert_eq!(holds(&world).await, (None, Autonomy::Auto), "its contract says auto, and no row says less");
    let lowered = world.engine.set_level(&world.account, &wish(Autonomy::Observe)).await.unwrap();
    assert_eq!((lowered[0].holds, lowered[0].by.as_deref()), (Autonomy::Observe, Some("user_ann")));
    let told_up = refused(&world, Autonomy::Suggest).await;
    assert!(told_up.iter().all(|p| p.code == "RB-0240"), "{told_up:?}");
    let eighth = told_up.iter().find(|p| p.cause.contains("guarantee 8 is red")).unwrap();
    assert_eq!(eighth.cure, "ringback contract try --connection YOUR-SANDBOX");
    let skipped = refused(&world, Autonomy::Auto).await;
    assert!(skipped.iter().any(|p| p.code == "RB-0241" && p.cause.contains("suggest lies between")), "{skipped:?}");
    assert_eq!(holds(&world).await, (Some(Autonomy::Observe), Autonomy::Observe), "what was refused changed nothing");
    world.engine.set_level(&world.account, &wish(Autonomy::Observe)).await.unwrap();
    assert_eq!(told(&world).await, [("-".into(), "observe".into(), "user_ann".into())], "the same again is no change");
    assert!(world.engine.verify(&world.account).await.unwrap().ok);
}

fn version(autonomy: Autonomy, base: i64, name: &str) -> Wish {
    let mut contract = contract::parse(contract::DEFAULT_TEXT).0.unwrap();
    contract.autonomy = autonomy;
    contract.name = name.to_owned();
    if name != CALLS {
        for rule in contract.fields.values_mut() {
            rule.property = format!("own_{}", rule.property);
        }
    }
    let by = By { who: "user_bob".into(), file: None };
    Wish { text: contract::DEFAULT_TEXT.into(), contract, base: Base::Version(base), by }
}

#[tokio::test]
async fn a_version_that_lets_more_happen_passes_the_same_gate() {
    let world = World::new().await;
    let apply = async |wish: &Wish| world.engine.apply_contract(&world.account, wish).await.unwrap();
    assert!(matches!(apply(&version(Autonomy::Suggest, 1, CALLS)).await, Answer::Applied { .. }), "less, at once");
    let Answer::NotReady(told) = apply(&version(Autonomy::AutoLowRisk, 2, CALLS)).await else { panic!("not refused") };
    assert!(told.iter().any(|p| p.cause.contains("guarantee 8 is red")), "{told:?}");
    let Answer::NotReady(told) = apply(&version(Autonomy::Auto, 2, CALLS)).await else { panic!("not refused") };
    assert!(told.iter().any(|p| p.code == "RB-0241"), "{told:?}");
    let Answer::Refused(moved) = apply(&version(Autonomy::Auto, 1, CALLS)).await else { panic!("not refused") };
    assert_eq!(moved.in_force.version, 2, "what does not come into force anyhow is told why");
    assert_eq!(world.engine.contract(&world.account).await.unwrap().unwrap().0.version, 2);
    // Below the account's level the contract says what it likes: nothing rises.
    world.engine.set_level(&world.account, &wish(Autonomy::Suggest)).await.unwrap();
    assert!(matches!(apply(&version(Autonomy::Auto, 2, CALLS)).await, Answer::Applied { .. }));
    assert_eq!(holds(&world).await, (Some(Autonomy::Suggest), Autonomy::Suggest));
    assert!(refused(&world, Autonomy::AutoLowRisk).await.iter().all(|p| p.code == "RB-0240"));
}

#[tokio::test]
async fn a_workflow_begins_at_the_safe_level_whatever_its_first_version_says() {
    let world = World::new().await;
    let first = version(Autonomy::Auto, 0, "lifecycle");
    assert!(matches!(world.engine.apply_contract(&world.account, &first).await.unwrap(), Answer::Applied { .. }));
    assert_eq!(told(&world).await, [("-".into(), "auto-low-risk".into(), "user_bob".into())]);
    let raised = LevelWish { workflow: Some("lifecycle".into()), ..wish(Autonomy::Auto) };
    assert!(matches!(world.engine.set_level(&world.account, &raised).await, Err(Error::NotReady(_))));
    assert_eq!(holds(&world).await, (None, Autonomy::Auto), "the workflow of calls is none of its business");
    let nothing = LevelWish { workflow: Some("none".into()), ..wish(Autonomy::Observe) };
    assert!(matches!(world.engine.set_level(&world.account, &nothing).await, Err(Error::Missing(_))));
    let nowhere = LevelWish { place: Some("nowhere".into()), ..wish(Autonomy::Observe) };
    assert!(matches!(world.engine.set_level(&world.account, &nowhere).await, Err(Error::Missing(_))));
}

#[tokio::test]
async fn without_its_decisions_in_writing_a_workflow_begins_and_stays_with_suggestions() {
    let world = World::new().await;
    let mut first = version(Autonomy::Auto, 0, "lifecycle");
    first.contract.pilot.decisions.remove(&contract::pilot::Decision::Handoff);
    assert!(matches!(world.engine.apply_contract(&world.account, &first).await.unwrap(), Answer::Applied { .. }));
    assert_eq!(told(&world).await, [("-".into(), "suggest".into(), "user_bob".into())]);
    let raised = LevelWish { workflow: Some("lifecycle".into()), ..wish(Autonomy::AutoLowRisk) };
    let Err(Error::NotReady(told)) = world.engine.set_level(&world.account, &raised).await else {
        panic!("not refused")
    };
    assert!(told.iter().any(|p| p.code == "RB-0248" && p.cause.contains("pilot.handoff")), "{told:?}");
}

#[tokio::test]
async fn lowering_takes_back_what_was_not_sent_and_a_replay_decides_the_same() {
    let world = World::new().await;
    let inquiry = world.missed_call("1").await;
    let find = world.effect(&inquiry, "find").await.id;
    let read_at = world.engine.now();
    world.act(&inquiry, Event::Found { effect: find, read_at, records: Vec::new(), memory: Vec::new() }).await;
    let states = async || {
        let (account, id) = (world.account.as_str().to_owned(), inquiry.as_str().to_owned());
        let rows = world.write(move |tx| Box::pin(async move { store::effects_of_inquiry(tx, &account, &id).await }));
        let ours = rows.await.into_iter().filter(|row| row.lane == "conn_crm" && row.target != "find");
        ours.map(|row| row.state).collect::<Vec<_>>()
    };
    assert!(states().await.iter().all(|state| state != "superseded") && !states().await.is_empty());
    world.engine.set_level(&world.account, &wish(Autonomy::Observe)).await.unwrap();
    assert!(states().await.iter().all(|state| state == "superseded"), "{:?}", states().await);
    let replayed = world.engine.replay(&world.account, &inquiry).await.unwrap();
    assert!(replayed.ok() && replayed.events >= 4, "{replayed:?}");
}

/// A node that planned on what it knew a moment ago, and the write that it is about to send.
#[tokio::test]
async fn nothing_leaves_for_a_crm_where_by_now_it_is_only_observed() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let world = World::with(Box::new(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Err(Fault::Refused("no network in this test".into()))
    }))
    .await;
    let inquiry = world.missed_call("1").await;
    let find = world.effect(&inquiry, "find").await;
    let read_at = world.engine.now();
    world.settle(&inquiry, &find.id, "find", ringback_core::ensure::Receipt::default()).await;
    world.act(&inquiry, Event::Found { effect: find.id, read_at, records: Vec::new(), memory: Vec::new() }).await;
    let now = micros(world.engine.now());
    world
        .write(move |tx| {
            Box::pin(async move {
                store::roster_put(tx, "acct_1", LEVEL, CALLS, r#"{"level":"observe","by":"user_ann"}"#, now).await
            })
        })
        .await;
    world.engine.facts_changed(&world.account);
    world.engine.step_lane(&world.account, "conn_crm", true).await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 0, "nothing was asked of the CRM");
    let (account, id) = (world.account.as_str().to_owned(), inquiry.as_str().to_owned());
    let rows = world.write(move |tx| Box::pin(async move { store::effects_of_inquiry(tx, &account, &id).await })).await;
    let contact = rows.iter().find(|row| row.target == "contact").unwrap();
    assert_eq!(contact.state, "superseded", "{:?}", contact.why);
    let entries = world.engine.trail(&world.account, inquiry.as_str()).await.unwrap().told().unwrap();
    assert!(entries.iter().any(|e| e.kind == "withheld"), "the ledger says why");
    assert!(world.engine.replay(&world.account, &inquiry).await.unwrap().ok());
}
