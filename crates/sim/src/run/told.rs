//! What another system is told, under every way in which it can misbehave and with the program dying in between.

use super::*;
use crate::auditor::audit;
use crate::world::{Side, Size, quiet};
use ringback_twins::fault::{Fault, Rule, When};

/// A world whose first account tells another system of everything, and where nothing but that system misbehaves.
fn world(seed: u64, fault: Fault) -> World {
    let mut world = World::new(seed, Size { calls: 6, ..Size::SMALL });
    if let Some(account) = world.accounts.first_mut() {
        account.desk_secret = Some("whsec_c2ltdWxhdGlvbi1kZXNrLSBzZWNyZXQwMDA=".into());
        account.desk_faults = quiet().rule(Rule::new(fault, When::EveryNth(2)));
    }
    let crash = |site, side, nth| Crash { site, side, nth };
    world.crashes = vec![
        crash(Site::Attempt, Side::After, 3),
        crash(Site::Outcome, Side::Before, 2),
        crash(Site::Receipt, Side::After, 4),
        crash(Site::Receipt, Side::Before, 9),
    ];
    world
}

#[tokio::test]
async fn under_every_fault_and_with_crashes_each_event_is_taken_exactly_once() {
    let portal = Portal::prepared().await.unwrap();
    // Whoever says yes and keeps nothing cannot be seen through: a 2xx is the end of it, and the guide says so.
    let seen_through = |fault: &Fault| !matches!(fault, Fault::SuccessButNothing);
    for (n, fault) in Fault::one_of_each().into_iter().filter(seen_through).enumerate() {
        let name = fault.name();
        let world = world(100 + n as u64, fault);
        let played = play(&world, &Database::Memory, &portal, false).await.unwrap();
        let verdict = audit(&world, &played);
        assert_eq!(verdict.complaints, Vec::<String>::new(), "{name}");
        let told = played.stage.with_vendors(0, |v| v.desk.vendor().pages().len()).unwrap();
        assert!(told > 1, "{name}: {told} events");
        assert!(played.crashes.len() >= 2, "{name}: {:?}", played.crashes);
        // A single message is no batch, so there is no half of one.
        assert!(played.faults.get(name).copied().unwrap_or(0) > 0 || name == "half_a_batch", "{name} never struck");
    }
}

/// The system is away until everything has happened: nothing is lost, nothing needs a person.
#[tokio::test]
async fn what_happens_while_it_is_away_is_told_when_it_is_back() {
    let portal = Portal::prepared().await.unwrap();
    let mut world = world(7, Fault::Refused);
    let calm_ms = world.calm_ms;
    if let Some(account) = world.accounts.first_mut() {
        account.desk_faults = quiet().outage(0, calm_ms);
    }
    let played = play(&world, &Database::Memory, &portal, false).await.unwrap();
    let verdict = audit(&world, &played);
    assert_eq!(verdict.complaints, Vec::<String>::new());
    assert_eq!(played.dead, Vec::new());
    let first = played.stage.with_vendors(0, |v| v.desk.vendor().pages().first().map(|page| page.at_ms)).unwrap();
    assert!(first.unwrap() >= calm_ms, "it was away until then");
}
