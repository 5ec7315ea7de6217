//! What people do in the CRM between two requests of ours, in the vendors' own pages: convert a lead, type a name.

use super::yard::{CRM, Yard};
use crate::dice::Dice;
use ringback_twins::Request;
use ringback_twins::books::{Entry, Kind};
use ringback_twins::fault::{Fault, Rule, Script, Vendor as _, When};
use serde_json::json;

const CALLER: &str = "+16025551177";
const DAY_MS: i64 = 86_400_000;

/// The caller's records that are there.
fn people(yard: &Yard) -> Vec<Entry> {
    let mut entries = yard.entries();
    entries.retain(|e| e.kind == Kind::Person && !e.gone && e.has_number(CALLER));
    entries
}

/// Records of ours of that kind, and of them those that hang on this person.
fn ours(yard: &Yard, kind: Kind, person: &str) -> (usize, usize) {
    let entries = yard.entries();
    let of: Vec<&Entry> = entries.iter().filter(|e| e.kind == kind && !e.gone && !e.marks().is_empty()).collect();
    (of.len(), of.iter().filter(|e| e.people.iter().any(|p| p == person)).count())
}

/// Goes on until that has come about, or nothing is to be done within a day. Says whether it has.
async fn until(yard: &Yard, come: impl Fn(&Yard) -> bool) -> bool {
    let end = yard.now_ms() + DAY_MS;
    for _ in 0..5_000 {
        if come(yard) {
            return true;
        }
        if yard.step(false).await.unwrap() > 0 {
            continue;
        }
        match yard.engine.next_due().await.unwrap().map(|at| at.as_millisecond() + 1) {
            Some(next) if next <= end => yard.reach(next.max(yard.now_ms() + 500)),
            _ => return false,
        }
    }
    panic!("no rest: {}", yard.waits().await.unwrap());
}

async fn ring(yard: &Yard) {
    let mut dice = Dice::new(1);
    yard.ring(1, CALLER, yard.now_ms(), &mut dice).await.unwrap();
}

/// Somebody makes a contact of the lead.
fn convert(yard: &Yard, vendor: &str, lead: &str) {
    let word = if vendor == "dynamics" { "qualify" } else { "convert" };
    let now = yard.now_ms();
    let request = Request::new("POST", &format!("/_twin/{word}")).json(&json!({ "id": lead }));
    let reply = yard.with(|t| t.vendor_mut().control(&request, now));
    assert_eq!(reply.map(|r| r.status), Some(200), "{vendor}: {lead} is not converted");
}

/// The answer to the write of the contact (the one that carries the made-up name) is lost on its way back.
fn lose_first_answer(yard: &Yard) {
    let rule = Rule { body: Some("Caller +".into()), ..Rule::new(Fault::TimeoutAfterWrite, When::Always).times(1) };
    yard.with(|t| t.set_script(Script { ..crate::world::quiet() }.rule(rule)));
}

/// One person with one call log and one task, and nobody is asked for anything.
async fn whole(yard: &Yard, vendor: &str) -> Entry {
    let people = people(yard);
    assert_eq!(people.len(), 1, "{vendor}: {people:?}");
    for kind in [Kind::Call, Kind::Task] {
        let dead: Vec<_> = yard.dead().await.unwrap().into_iter().map(|d| (d.target, d.why)).collect();
        assert_eq!(ours(yard, kind, &people[0].id), (1, 1), "{vendor} {kind:?}: {dead:?} {:?}", yard.entries());
        assert_eq!(dead, [], "{vendor}");
    }
    people.into_iter().next().unwrap()
}

#[tokio::test]
async fn a_lead_that_is_converted_before_its_task_keeps_it() {
    for vendor in ["salesforce", "zoho"] {
        let yard = Yard::new(vendor, 7, false).await.unwrap();
        ring(&yard).await;
        assert!(until(&yard, |yard| !people(yard).is_empty()).await, "{vendor}");
        let lead = people(&yard).remove(0);
        assert_eq!((ours(&yard, Kind::Call, "").0, ours(&yard, Kind::Task, "").0), (0, 0), "{vendor}");
        convert(&yard, vendor, &lead.id);
        until(&yard, |_| false).await;
        let contact = whole(&yard, vendor).await;
        assert_ne!(contact.id, lead.id, "{vendor}");
        // A second call belongs to the same two records.
        yard.ring(2, CALLER, yard.now_ms(), &mut Dice::new(2)).await.unwrap();
        until(&yard, |_| false).await;
        assert_eq!(people(&yard).len(), 1, "{vendor}");
        assert_eq!(ours(&yard, Kind::Call, &contact.id), (2, 2), "{vendor}");
        yard.close().await;
    }
}

/// The create is not answered, and before anybody may look, somebody makes a contact of the lead that it made.
#[tokio::test]
async fn a_lead_that_is_converted_in_our_doubt_is_taken_with_our_key() {
    for vendor in ["salesforce", "zoho", "dynamics"] {
        let yard = Yard::new(vendor, 7, false).await.unwrap();
        lose_first_answer(&yard);
        ring(&yard).await;
        assert!(until(&yard, |yard| !people(yard).is_empty()).await, "{vendor}");
        let lead = people(&yard).remove(0);
        convert(&yard, vendor, &lead.id);
        until(&yard, |_| false).await;
        assert_eq!(yard.struck(), 1, "{vendor}");
        let contact = whole(&yard, vendor).await;
        assert!(contact.marks().iter().any(|m| m.starts_with("rb-contact-")), "{vendor}: {contact:?}");
        yard.close().await;
    }
}

/// The create is not answered, and somebody writes the caller's name into what it made.
#[tokio::test]
async fn a_name_that_somebody_typed_stays() {
    for vendor in super::CRMS.iter().copied().filter(|v| *v != "hook") {
        let yard = Yard::new(vendor, 7, false).await.unwrap();
        let field = ringback_connect::crm(vendor).unwrap().words().contact_name;
        lose_first_answer(&yard);
        ring(&yard).await;
        assert!(until(&yard, |yard| !people(yard).is_empty()).await, "{vendor} {CRM}");
        let now = yard.now_ms();
        let made = people(&yard).remove(0);
        assert!(yard.with(|t| t.vendor_mut().type_in(&made.id, field, "Ruiz", now)), "{vendor}: {made:?}");
        until(&yard, |_| false).await;
        assert_eq!(yard.struck(), 1, "{vendor}");
        let person = whole(&yard, vendor).await;
        assert!(person.fields.values().any(|v| v == "Ruiz"), "{vendor}: {person:?}");
        yard.close().await;
    }
}
