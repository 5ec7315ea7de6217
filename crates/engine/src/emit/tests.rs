use crate::audit::tests::support::{NUMBER, World};
use crate::http::{Fault, Outgoing};
use jiff::SignedDuration;
use ringback_core::http::HttpReply;
use ringback_core::id::{InquiryId, UserId};
use ringback_core::inquiry::{CallbackResult, Event};
use ringback_store as store;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

const URL: &str = "https://calendar.example.com/in";

type Seen = Arc<Mutex<Vec<(String, String)>>>;

/// A world whose receiver answers with that status; what came, by id and body.
async fn world(status: u16) -> (World, Arc<AtomicU16>, Seen) {
    let (says, seen): (Arc<AtomicU16>, Seen) = (Arc::new(AtomicU16::new(status)), Arc::default());
    let (answer, log) = (says.clone(), seen.clone());
    let world = World::with(Box::new(move |call: &Outgoing<'_>| {
        if call.base_url != URL {
            return Err(Fault::Refused("no CRM in this test".into()));
        }
        let id = call.request.headers.iter().find(|(name, _)| name == "webhook-id").map(|(_, id)| id.clone());
        let body = String::from_utf8_lossy(&call.request.body).into_owned();
        log.lock().unwrap().push((id.unwrap_or_default(), body));
        Ok(HttpReply { status: answer.load(Ordering::SeqCst), headers: Vec::new(), body: Vec::new() })
    }))
    .await;
    connect(&world, "active").await;
    (world, says, seen)
}

async fn connect(world: &World, state: &str) {
    let row = store::ConnectionRow {
        settings: r#"{"events":"all","personal":"caller.phone, summary, note"}"#.into(),
        base_url: Some(URL.into()),
        state: state.into(),
        ..world.row_of("calendar", "events", "sink", "whsec_c2VjcmV0")
    };
    world.connect(row).await;
}

async fn rest(world: &World) {
    for _ in 0..12 {
        while world.engine.step_lane(&world.account, "calendar", false).await.unwrap().done > 0 {}
        world.clock.forward(SignedDuration::from_secs(50));
    }
}

async fn call_back(world: &World, inquiry: &InquiryId) {
    let event = Event::CalledBack {
        result: CallbackResult::Booked,
        note: Some("spoke with Dana".into()),
        by: UserId::from_text("user_1"),
        booked_for: Some("2026-03-06T15:00:00Z".parse().unwrap()),
    };
    world.act(inquiry, event).await;
}

async fn bodies(world: &World, inquiry: &InquiryId) -> Vec<(String, String)> {
    let (account, id) = (world.account.as_str().to_owned(), inquiry.as_str().to_owned());
    let rows = world.write(move |tx| Box::pin(async move { store::effects_of_inquiry(tx, &account, &id).await })).await;
    rows.into_iter().filter(|row| row.lane == "calendar").map(|row| (row.state, row.body)).collect()
}

#[tokio::test]
async fn what_was_taken_keeps_no_value_about_anybody() {
    let (world, _, seen) = world(204).await;
    let inquiry = world.missed_call("1").await;
    assert!(bodies(&world, &inquiry).await.iter().any(|(_, body)| body.contains(NUMBER)), "it waits to be sent");
    rest(&world).await;
    call_back(&world, &inquiry).await;
    rest(&world).await;
    let sent: Vec<String> = seen.lock().unwrap().iter().map(|(_, body)| body.clone()).collect();
    assert_eq!(sent.len(), 4, "{sent:?}");
    assert!(sent[0].contains(NUMBER) && sent[0].contains("\"inquiry.opened\""), "{sent:?}");
    assert!(sent[2].contains("booking.confirmed") && sent[2].contains("2026-03-06T15:00:00Z"), "{sent:?}");
    for (state, body) in bodies(&world, &inquiry).await {
        assert_eq!(state, "done");
        assert!(!body.contains("312555") && !body.contains("Dana") && !body.contains("flooding"), "{body}");
    }
    let [receiver] = &world.engine.receivers(&world.account).await.unwrap()[..] else { panic!() };
    assert_eq!((receiver.waiting, receiver.dead_letters), (0, 0));
    assert!(receiver.last_answered_at.is_some() && receiver.last_error.is_none(), "{receiver:?}");
}

#[tokio::test]
async fn a_refusal_is_a_dead_letter_that_arrives_under_the_same_id_and_can_be_erased() {
    let (world, says, seen) = world(410).await;
    let inquiry = world.missed_call("1").await;
    rest(&world).await;
    let [receiver] = &world.engine.receivers(&world.account).await.unwrap()[..] else { panic!() };
    assert_eq!((receiver.waiting, receiver.dead_letters), (0, 1));
    let told = world.engine.inquiry(&world.account, &inquiry).await.unwrap().unwrap();
    let dead = told.effects.iter().find(|(target, _)| target.starts_with("emit:")).map(|(_, held)| held.id.clone());
    says.store(200, Ordering::SeqCst);
    let by = UserId::from_text("user_1");
    world.engine.replay_dead_letter(&world.account, &dead.unwrap(), &by).await.unwrap();
    rest(&world).await;
    let ids: Vec<String> = seen.lock().unwrap().iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(ids, ["rb-event-1-calendar-1"; 2], "the same id again");

    says.store(410, Ordering::SeqCst);
    call_back(&world, &inquiry).await;
    rest(&world).await;
    world.close(&inquiry).await;
    rest(&world).await;
    assert!(world.all_text().contains("spoke with Dana"));
    world.engine.erase_person(&world.account, &world.person(), "asked").await.unwrap();
    let left = world.all_text();
    for word in [NUMBER, "spoke with", "flooding", "Dana"] {
        assert_eq!(left.lines().find(|line| line.contains(word)), None, "{word} is still there");
    }
    assert!(world.engine.verify(&world.account).await.unwrap().ok);
}

#[tokio::test]
async fn a_decision_is_made_again_with_whoever_was_told_then() {
    let (told, _, _) = world(204).await;
    let inquiry = told.missed_call("1").await;
    rest(&told).await;
    call_back(&told, &inquiry).await;
    // Whoever was told then is nobody's receiver now.
    connect(&told, "paused").await;
    let report = told.engine.replay(&told.account, &inquiry).await.unwrap();
    assert!(report.ok() && report.events > 3, "{report:#?}");
    let names = async |world: &World, inquiry: &InquiryId| {
        let told = world.engine.entries(&world.account, inquiry).await.unwrap();
        told.iter().filter(|entry| entry.kind == "event" && entry.body.get("targets").is_some()).count()
    };
    assert!(names(&told, &inquiry).await > 3);

    // And whoever came later was told nothing of what had been before.
    let quiet = World::new().await;
    let inquiry = quiet.missed_call("1").await;
    assert_eq!(names(&quiet, &inquiry).await, 0, "an account that tells nobody says nothing of it");
    connect(&quiet, "active").await;
    let report = quiet.engine.replay(&quiet.account, &inquiry).await.unwrap();
    assert!(report.ok(), "{report:#?}");
    quiet.act(&inquiry, Event::FactsChanged).await;
    assert_eq!(bodies(&quiet, &inquiry).await, []);
}

#[tokio::test]
async fn another_account_is_told_nothing() {
    let (world, _, seen) = world(204).await;
    world.tamper("INSERT INTO accounts (id, name, salt, created_at) VALUES ('acct_2', 'Two', 'salt of two', 1)");
    assert_eq!(world.tamper("UPDATE connections SET account = 'acct_2' WHERE id = 'calendar'"), 1);
    world.engine.facts_changed(&world.account);
    let inquiry = world.missed_call("1").await;
    rest(&world).await;
    assert_eq!(bodies(&world, &inquiry).await, []);
    assert_eq!(seen.lock().unwrap().len(), 0);
    assert_eq!(world.engine.receivers(&world.account).await.unwrap(), []);
}

#[tokio::test]
async fn a_receiver_that_was_switched_off_holds_nobody_back_who_wants_to_be_forgotten() {
    let (world, says, seen) = world(503).await;
    let inquiry = world.missed_call("1").await;
    world.close(&inquiry).await;
    call_back(&world, &inquiry).await;
    let waits = world.engine.erase_person(&world.account, &world.person(), "asked").await;
    assert!(matches!(&waits, Err(crate::Error::Refused(why)) if why.contains("under way")), "{waits:?}");
    connect(&world, "paused").await;
    world.engine.erase_person(&world.account, &world.person(), "asked").await.unwrap();
    connect(&world, "active").await;
    says.store(200, Ordering::SeqCst);
    rest(&world).await;
    assert_eq!(seen.lock().unwrap().len(), 0, "what was erased is not sent later");
    assert!(!world.all_text().contains("spoke with"));
}
