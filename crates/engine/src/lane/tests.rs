//! Lanes against a CRM that does not answer.

use crate::audit::tests::support::World;
use crate::http::Fault;
use jiff::SignedDuration;
use ringback_core::ensure;
use ringback_core::http::{HttpReply, Method};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Two inquiries of one person (two locations, or one closed and one opened again) want the same contact. The first write of it is not
/// answered: until it can no longer land nobody touches that contact, and then somebody looks before anybody writes.
#[tokio::test]
async fn nobody_writes_into_the_doubt_of_another_inquiry_of_the_same_person() {
    let asked: Arc<Mutex<Vec<(u64, Method)>>> = Arc::default();
    let (seconds, log) = (Arc::new(AtomicU64::new(0)), asked.clone());
    let now = seconds.clone();
    let world = World::with(Box::new(move |call| {
        let json = |status, text: &str| {
            Ok(HttpReply {
                status,
                headers: vec![("content-type".into(), "application/json".into())],
                body: text.into(),
            })
        };
        let body = String::from_utf8_lossy(&call.request.body);
        if call.request.path.ends_with("/search") {
            return json(200, r#"{"total":0,"results":[]}"#);
        }
        if !call.request.path.contains("rb-contact") && !body.contains("rb-contact") {
            return json(503, "{}");
        }
        let mut log = log.lock().unwrap();
        log.push((now.load(Ordering::Relaxed), call.request.method));
        if log.len() == 1 { Err(Fault::TimedOut) } else { json(404, "{}") }
    }))
    .await;
    world.missed_call("a").await;
    world.missed_call("b").await;
    let quiet =
        ensure::in_flight_until(world.engine.now(), ringback_connect::crm("hubspot").unwrap().about().writes.unwrap())
            .duration_since(world.engine.now())
            .as_secs()
            .unsigned_abs();
    let step = 4;
    for _ in 0..(quiet / step + 5) {
        while world.engine.step_all().await.unwrap() > 0 {}
        world.clock.forward(SignedDuration::from_secs(i64::try_from(step).unwrap()));
        seconds.fetch_add(step, Ordering::Relaxed);
    }
    let asked = asked.lock().unwrap();
    assert_eq!(asked[0].1, Method::Post, "{asked:?}");
    assert!(asked.len() > 1, "the wait came to an end: {asked:?}");
    assert!(asked[1].0 - asked[0].0 >= quiet, "nobody asks for it earlier than {quiet} s: {asked:?}");
    assert_eq!(asked[1].1, Method::Get, "somebody looks first: {asked:?}");
}

/// A batch whose answer does not say what belongs to whom is asked for again one by one, and the lane is not ill of it.
#[tokio::test]
async fn what_a_shared_answer_does_not_tell_is_asked_for_alone() {
    let log: Arc<Mutex<Vec<&'static str>>> = Arc::default();
    let (seen, open) = (log.clone(), Arc::new(AtomicBool::new(false)));
    let there = open.clone();
    let world = World::with(Box::new(move |call| {
        let json = |text: &str| {
            let headers = vec![("content-type".into(), "application/json".into())];
            Ok(HttpReply { status: 200, headers, body: text.into() })
        };
        if !there.load(Ordering::Relaxed) {
            return Err(Fault::Refused("an outage".into()));
        }
        let body = String::from_utf8_lossy(&call.request.body);
        // Only a search for several asks for the number that tells them apart; who changed lately is searched for too.
        let own =
            body.rsplit_once("\"properties\"").is_some_and(|(_, asked)| asked.contains("calculated_phone_number"));
        let nobody = r#"{"total":0,"results":[]}"#;
        let (word, text) = match (call.request.path.ends_with("/search"), body.contains("\"GTE\""), own) {
            (true, true, _) => ("changes", nobody),
            (true, false, true) => (
                "together",
                r#"{"total":1,"results":[{"id":"5","properties":{},"createdAt":"","updatedAt":"","archived":false}]}"#,
            ),
            (true, false, false) => ("alone", nobody),
            _ => ("other", "{}"),
        };
        seen.lock().unwrap().push(word);
        json(text)
    }))
    .await;
    for n in 0..24 {
        world.missed_call(&n.to_string()).await;
    }
    // All wait for the end of the outage; then one goes first, and the others share requests.
    while world.engine.step_all().await.unwrap() > 0 {}
    open.store(true, Ordering::Relaxed);
    for _ in 0..60 {
        world.clock.forward(SignedDuration::from_secs(10));
        // As a lane of the program steps, not as the simulation does, one by one.
        world.engine.step_lane(&world.account, "conn_crm", false).await.unwrap();
    }
    let log = log.lock().unwrap();
    let count = |word: &str| log.iter().filter(|w| **w == word).count();
    // Whoever stood in a shared request was asked for alone after it, so that no two of those held the same effect.
    assert!((1..=12).contains(&count("together")) && count("alone") == 24, "{log:?}");
}

/// Whoever looks at the connection reads why it does not go on.
#[tokio::test]
async fn the_last_error_of_a_lane_stands_where_the_console_reads_it() {
    let world = World::with(Box::new(|_| Err(Fault::Refused("the door is shut".into())))).await;
    for n in 0..6 {
        world.missed_call(&n.to_string()).await;
    }
    for _ in 0..12 {
        while world.engine.step_all().await.unwrap() > 0 {}
        world.clock.forward(SignedDuration::from_secs(20));
    }
    let account = world.account.as_str().to_owned();
    let lane = world
        .engine
        .store()
        .read(move |tx| Box::pin(async move { ringback_store::lane_get(tx, &account, "conn_crm").await }))
        .await
        .unwrap()
        .unwrap();
    assert!(lane.last_error_at.is_some());
    assert!(lane.last_error.as_deref().is_some_and(|e| e.contains("the door is shut")), "{lane:?}");
}
