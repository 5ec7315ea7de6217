//! Recorded calls, read back and rehearsed.

use super::*;
use crate::audit::tests::support::World;
use ringback_core::contract;
use ringback_core::inquiry::Remembered;

fn window(world: &World) -> Window {
    let since = world.engine.now().checked_sub(jiff::SignedDuration::from_hours(24 * 30)).unwrap();
    Window { since, location: None, inquiries_max: None }
}

/// The contract in force, with an urgency that is written when it is less sure.
fn draft() -> Contract {
    let mut draft = contract::parse(contract::DEFAULT_TEXT).0.unwrap();
    draft.autonomy = contract::Autonomy::Auto;
    draft.fields.get_mut("urgency").unwrap().write_at = 600;
    draft
}

async fn run(world: &World, draft: &Contract, window: &Window) -> Backtest {
    world.engine.backtest(&world.account, draft, window, &|_| {}).await.unwrap()
}

#[tokio::test]
async fn recorded_calls_are_rehearsed_as_they_were_decided() {
    let world = World::new().await;
    let inquiry = world.missed_call("a").await;
    let written = world.contact_made(&inquiry).await;
    world.close(&inquiry).await;
    let same = run(&world, &world.engine.facts(&world.account).await.unwrap().contract, &window(&world)).await;
    let report = &same.report;
    assert_eq!((report.inquiries, report.calls, report.expired, report.unreadable), (1, 1, 0, 0));
    assert!(report.examples.is_empty(), "{:?}", report.examples);
    let urgency = report.fields["urgency"];
    assert_eq!((urgency.reviewed_now, urgency.reviewed_draft), (1, 1));
    // What the rehearsal writes is what was written.
    let rules = draft().fields;
    let of_contact = |name: &str| rules[name].target().starts_with("contact.");
    let rehearsed: Vec<&String> = report
        .fields
        .iter()
        .filter(|(name, c)| c.written_now.n > 0 && of_contact(name))
        .map(|(name, _)| name)
        .collect();
    assert!(!rehearsed.is_empty());
    for name in rehearsed {
        assert!(written.contains_key(&rules[name].property), "{name}: {written:?}");
    }
    let other = run(&world, &draft(), &window(&world)).await;
    let urgency = other.report.fields["urgency"];
    assert_eq!((urgency.more_written.n, urgency.no_longer_reviewed.n), (1, 1), "{urgency:?}");
    let example = &other.report.examples[&backtest::Bucket::MoreWritten][0];
    assert_eq!(example.inquiry, inquiry);
    assert!(example.quote.is_some());
}

#[tokio::test]
async fn a_value_that_a_later_call_of_the_caller_showed_corrected_is_a_correction() {
    let world = World::new().await;
    let first = world.missed_call("a").await;
    world.contact_made(&first).await;
    world.close(&first).await;
    world.clock.forward(jiff::SignedDuration::from_hours(48));
    let second = world.missed_call("b").await;
    let find = world.effect(&second, "find").await;
    let properties = [("phone", "+13125550142"), ("rb_urgency", "low")];
    let properties = properties.map(|(n, v)| (n.to_owned(), v.to_owned())).into();
    let record = ringback_core::crm::Record { id: "501".into(), properties, ..Default::default() };
    let key = format!("rb-contact-{}", world.person());
    let mut with_key = record.clone();
    with_key.properties.insert("rb_key".into(), key);
    let (records, read_at) = (vec![with_key], world.engine.now());
    world.act(&second, Event::Found { effect: find.id, read_at, records, memory: Vec::<Remembered>::new() }).await;
    let found = run(&world, &draft(), &window(&world)).await;
    let urgency = found.report.fields["urgency"];
    assert_eq!((urgency.more_written.n, urgency.more_written.corrected), (1, 1), "{urgency:?}");
    let wrong = found.report.wrong.unwrap();
    assert_eq!((&wrong.inquiry, wrong.person.unwrap().value.as_deref()), (&first, Some("low")));
    // Of the newer one alone nobody has said anything yet.
    let newest = run(&world, &draft(), &Window { inquiries_max: Some(1), ..window(&world) }).await;
    assert_eq!((newest.report.inquiries, newest.more), (1, true));
    assert_eq!(newest.report.fields["urgency"].more_written.corrected, 0);
}

#[tokio::test]
async fn what_is_outside_of_the_window_or_erased_is_not_guessed() {
    let world = World::new().await;
    let inquiry = world.missed_call("a").await;
    world.contact_made(&inquiry).await;
    world.close(&inquiry).await;
    let later = Window {
        since: world.engine.now().checked_add(jiff::SignedDuration::from_hours(1)).unwrap(),
        ..window(&world)
    };
    assert_eq!(run(&world, &draft(), &later).await.report, Report::default());
    let elsewhere = Window { location: Some(LocationId::from_text("loc_elsewhere")), ..window(&world) };
    assert_eq!(run(&world, &draft(), &elsewhere).await.report, Report::default());
    world.engine.erase_person(&world.account, &world.person(), "asked").await.unwrap();
    let gone = run(&world, &draft(), &window(&world)).await.report;
    assert_eq!((gone.inquiries, gone.expired), (0, 1));
}

#[tokio::test]
async fn a_draft_for_a_crm_that_is_not_connected_is_refused() {
    let world = World::new().await;
    let draft = Contract { crm: "another".into(), ..draft() };
    let refused = world.engine.backtest(&world.account, &draft, &window(&world), &|_| {}).await;
    assert!(matches!(refused, Err(Error::Refused(why)) if why.contains("another")));
}

/// An account whose level is lower than what the contract says: the level is no difference between draft and contract in force.
#[tokio::test]
async fn both_are_compared_at_the_accounts_level_and_it_is_said() {
    let world = World::new().await;
    let inquiry = world.missed_call("a").await;
    world.contact_made(&inquiry).await;
    world.close(&inquiry).await;
    let wish = crate::level::LevelWish {
        workflow: None,
        place: None,
        level: contract::Autonomy::AutoLowRisk,
        by: "user_ada".into(),
        reason: None,
        answered: Vec::new(),
    };
    world.engine.set_level(&world.account, &wish).await.unwrap();
    // Both say auto, and the draft lets the urgency be written when it is less sure: at this level it is only suggested, under either.
    let other = run(&world, &draft(), &window(&world)).await;
    let urgency = other.report.fields["urgency"];
    assert_eq!((urgency.more_written.n, urgency.reviewed_now, urgency.reviewed_draft), (0, 1, 1), "{urgency:?}");
    assert_eq!(other.level, ["Both are compared at the account's level: auto-low-risk."]);
    // What a draft says of its own level is a line of its own, once and not for every location: whether it counts, and how.
    let mut low = draft();
    low.autonomy = contract::Autonomy::AutoLowRisk;
    let low = run(&world, &low, &window(&world)).await;
    assert_eq!(low.level.len(), 2, "{:?}", low.level);
    let says =
        "from auto to auto-low-risk; the account's level holds both at auto-low-risk, so none of it is counted below.";
    assert!(low.level[1].ends_with(says), "{:?}", low.level);
    let mut lower = draft();
    lower.autonomy = contract::Autonomy::Observe;
    let lower = run(&world, &lower, &window(&world)).await;
    let says = "what holds would go from auto-low-risk to observe, and that is part of what is counted below.";
    assert!(lower.level[1].ends_with(says), "{:?}", lower.level);
    assert_eq!(lower.report.fields["urgency"].no_longer_reviewed.n, 1);
}
