use super::*;
use crate::audit::tests::support::World;
use jiff::SignedDuration;
use ringback_core::readiness::{Light, Line};

async fn line(world: &World, n: u8) -> Line {
    let ready = world.engine.readiness(&world.account).await.unwrap();
    ready.guarantees.into_iter().find(|line| line.n == n).unwrap()
}

async fn put(world: &World, id: &str, digest: &str, ok: bool) {
    let at = world.engine.now();
    let tried = Tried {
        connection: "conn_crm".into(),
        schema_digest: digest.into(),
        at,
        ok,
        records: 1,
        sentence: format!("run {id}"),
    };
    let row = SandboxRunRow {
        account: world.account.as_str().to_owned(),
        id: id.to_owned(),
        connection: tried.connection.clone(),
        schema_digest: digest.to_owned(),
        contract: "a contract".to_owned(),
        started_at: micros(at),
        ended_at: micros(at),
        ok: i64::from(ok),
        body: serde_json::to_string(&tried).unwrap(),
    };
    world.write(move |tx| Box::pin(async move { store::sandbox_run_insert(tx, &row).await })).await;
    world.clock.forward(SignedDuration::from_secs(1));
}

#[tokio::test]
async fn the_trail_is_unknown_until_something_is_written_and_then_one_written_value_is_followed() {
    let world = World::new().await;
    assert_eq!(line(&world, 4).await.light, Light::Unknown);
    let inquiry = world.missed_call("1").await;
    world.contact_made(&inquiry).await;
    world.clock.forward(SignedDuration::from_secs(60));
    let seen = line(&world, 4).await;
    assert_eq!(seen.light, Light::Green, "{seen:?}");
    assert!(seen.evidence.starts_with("contact 501 ") && seen.evidence.contains("from call_1 by field."), "{seen:?}");
    assert!(seen.shows.starts_with("ringback trace contact 501 "), "{seen:?}");
}

#[tokio::test]
async fn what_was_never_tried_is_red_whatever_the_contract_says() {
    let world = World::new().await;
    assert_eq!(line(&world, 1).await.light, Light::Green, "the contract of this world is in force");
    assert_eq!(line(&world, 5).await.light, Light::Green, "each page of the runbook is whole");
    assert_eq!(line(&world, 8).await.light, Light::Red, "nothing was tried");
}

#[tokio::test]
async fn the_latest_run_of_this_schema_counts_before_a_later_one_of_another() {
    let world = World::new().await;
    put(&world, "a", "digest a", true).await;
    put(&world, "b", "digest b", false).await;
    let seen = line(&world, 3).await;
    assert_eq!((seen.light, seen.evidence.as_str()), (Light::Green, "run b"), "of an unread schema the last of all");
    let facts = world.engine.facts(&world.account).await.unwrap();
    let held = facts.connections.values().find(|c| c.connection.name == facts.contract.crm).unwrap();
    let (of, id) = (world.account.as_str().to_owned(), held.connection.id.as_str().to_owned());
    world
        .write(move |tx| {
            Box::pin(async move {
                store::cursor_put(tx, &of, &id, "schema.seen", "digest a", 1).await?;
                store::cursor_put(tx, &of, &id, "schema.seen_at", "1", 1).await
            })
        })
        .await;
    assert_eq!(line(&world, 8).await.light, Light::Green);
    put(&world, "c", "digest a", false).await;
    assert_eq!(line(&world, 8).await.light, Light::Red, "the last run of this schema did not end well");
}

#[tokio::test]
async fn a_day_without_a_proof_is_unknown_at_first_and_red_after_two() {
    let world = World::new().await;
    let first = line(&world, 6).await.light;
    world.clock.forward(SignedDuration::from_hours(60));
    assert_eq!(line(&world, 6).await.light, Light::Red);
    assert_ne!(first, Light::Green, "no day was proven");
}
