//! What a rollback does to the inquiry that wrote: event by event, without any store or network.

use super::super::house::{CALLER, House, OPEN, found, record, when};
use super::*;
use crate::crm::Object;
use crate::effect::Effect;
use crate::id::{RollbackId, StaffId};
use crate::rollback::Back;
use crate::signal::Ending;

const TARGET: &str = "undo:rb_1:contact:501";

/// A caller whose record holds four values: two that the machine wrote, and one each that it wrote before a person and before a program did.
fn written(house: &House) -> Inquiry {
    let call = house.call(1, OPEN, Ending::RingNoAnswer, CALLER);
    let now = call.first_received_at;
    let one = step(house.open(&call), &Event::Call { call: InquiryCall::of(&call, None) }, &house.facts(), now);
    let held = [
        ("phone", CALLER),
        ("rb_urgency", "high"),
        ("rb_source", "google"),
        ("city", "Mesa"),
        ("rb_budget", "6000"),
        ("rb_service", "heating"),
    ];
    let event = found(&one.inquiry, vec![record("501", &held)]);
    let mut inquiry = step(one.inquiry, &event, &house.facts(), now).inquiry;
    let contact = inquiry.contact.as_mut().unwrap();
    for (property, value) in held {
        let wrote = Wrote {
            crm: house.lane.clone(),
            value: value.into(),
            confidence: Some(910),
            actor: Actor::Machine,
            at: now,
        };
        contact.ours.insert(property.into(), wrote);
    }
    inquiry
}

fn back(field: &str, from: &str, to: &str, machine: Option<u16>) -> Back {
    Back { field: field.into(), from: from.into(), to: to.into(), machine }
}

fn undo(house: &House, record: &str) -> Undo {
    Undo {
        rollback: RollbackId::from_text("rb_1"),
        lane: house.lane.clone(),
        object: Object::Contact,
        record: record.into(),
        fields: [
            ("rb_urgency", back("urgency", "high", "", None)),
            ("rb_source", back("source", "google", "referral", Some(930))),
            ("city", back("address", "Mesa", "Tempe", None)),
            ("rb_budget", back("budget", "5000", "4000", None)),
            ("rb_service", back("service", "plumbing", "", None)),
        ]
        .map(|(property, back)| (property.to_owned(), back))
        .into(),
        by: UserId::from_text("user_1"),
    }
}

/// What the CRM shows when all of it was tried: three went back, two stay as they stand.
fn receipt(record: &str) -> Receipt {
    let texts = |list: &[(&str, &str)]| list.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Receipt {
        object: Some(Object::Contact),
        record: record.into(),
        read_at: Some(when("2026-03-05T09:00:00Z")),
        properties: texts(&[("rb_urgency", ""), ("rb_source", "referral"), ("city", "Tempe")]),
        was: texts(&[("rb_urgency", "high"), ("rb_source", "google"), ("city", "Mesa")]),
        spared: [("rb_budget", Spared::LaterHuman), ("rb_service", Spared::LaterWrite)]
            .map(|(property, why)| (property.to_owned(), why))
            .into(),
        ..Receipt::default()
    }
}

fn of<'s>(step: &'s Step, kind: &str) -> Vec<&'s Draft> {
    step.drafts.iter().filter(|draft| draft.kind == kind).collect()
}

fn settled(inquiry: &Inquiry, receipt: Receipt) -> Event {
    let (target, held) = inquiry.effects.iter().find(|(target, _)| target.starts_with(UNDO)).unwrap();
    Event::Settled { effect: held.id.clone(), target: target.clone(), receipt }
}

#[test]
fn what_is_taken_back_is_one_effect_and_an_entry_that_seals_the_values() {
    let house = House::new();
    let undo = undo(&house, "501");
    assert_eq!(undo.target(), TARGET);
    let step = step(written(&house), &Event::Undo { undo: undo.clone() }, &house.facts(), when("2026-03-05T08:00:00Z"));
    let effects: Vec<&Effect> = step.plan.iter().flat_map(|p| &p.effects).filter(|e| e.target == TARGET).collect();
    let [effect] = effects[..] else { panic!("{:?}", step.plan) };
    assert_eq!(step.inquiry.undos.get(TARGET), Some(&undo));
    let Desired::Restore { object, record, properties, was } = &effect.desired else { panic!("{effect:?}") };
    assert_eq!((*object, record.as_str()), (Object::Contact, "501"));
    assert_eq!((properties["rb_source"].as_str(), was["rb_source"].as_str()), ("referral", "google"));
    let [entry] = of(&step, "rollback")[..] else { panic!("{:?}", step.drafts) };
    assert_eq!((&entry.body["rollback"], &entry.body["record"]), (&"rb_1".into(), &"501".into()));
    assert_eq!(entry.body["fields"]["city"], "address");
    assert_eq!((entry.sealed["from.city"].1.as_str(), entry.sealed["to.city"].1.as_str()), ("Mesa", "Tempe"));
}

#[test]
fn what_went_back_is_no_longer_ours_unless_the_machine_had_written_that_too() {
    let house = House::new();
    let at = when("2026-03-05T09:00:00Z");
    let mut one = step(written(&house), &Event::Undo { undo: undo(&house, "501") }, &house.facts(), at).inquiry;
    let fields = EffectRef { progress: Progress::Done, ..one.effects[TARGET].clone() };
    one.effects.insert("fields".into(), fields);
    let two = step(one.clone(), &settled(&one, receipt("501")), &house.facts(), at);
    assert!(two.inquiry.undos.is_empty());
    assert_eq!(two.inquiry.effects[TARGET].progress, Progress::Done);
    assert!(!two.inquiry.effects.contains_key("fields"), "what was written is not so any more");
    let contact = two.inquiry.contact.as_ref().unwrap();
    assert_eq!(contact.record_held.properties["rb_source"], "referral");
    assert!(!contact.record_held.set_by.contains_key("rb_source"), "who set it before says nothing of it now");
    let ours = |property: &str| contact.ours.get(property).map(|w| (w.value.as_str(), w.confidence, w.actor));
    assert_eq!(ours("rb_urgency"), None, "nothing stands there");
    assert_eq!(ours("rb_source"), Some(("referral", Some(930), Actor::Machine)));
    assert_eq!(ours("city"), Some(("Tempe", None, Actor::Person)));
    assert_eq!(ours("rb_budget"), None, "a person has set it since");
    assert_eq!(
        ours("rb_service"),
        Some(("heating", Some(910), Actor::Machine)),
        "what a later write put there is as it was"
    );

    let [receipt] = of(&two, "receipt")[..] else { panic!("{:?}", two.drafts) };
    assert_eq!((&receipt.body["rollback"], &receipt.body["target"]), (&"rb_1".into(), &TARGET.into()));
    let [write] = of(&two, "write")[..] else { panic!("{:?}", two.drafts) };
    assert_eq!(write.body["fields"]["city"]["clause"], "rollback.rb_1");
    assert_eq!((write.sealed["old.city"].1.as_str(), write.sealed["new.city"].1.as_str()), ("Mesa", "Tempe"));

    // The same answer again, and one to an effect that is not the current one, say nothing.
    let again = step(two.inquiry.clone(), &settled(&one, self::receipt("501")), &house.facts(), at);
    assert_eq!((of(&again, "receipt").len(), of(&again, "write").len()), (0, 0));
    let Event::Settled { target, receipt, .. } = settled(&one, self::receipt("501")) else { unreachable!() };
    let stranger = Event::Settled { effect: EffectId::from_text("eff_other"), target, receipt };
    let kept = step(one.clone(), &stranger, &house.facts(), at);
    assert_eq!((kept.inquiry.undos, of(&two, "receipt").len()), (one.undos, 1));
    assert_eq!(kept.inquiry.contact, one.contact);
}

#[test]
fn where_nothing_went_back_nothing_was_written() {
    let house = House::new();
    let at = when("2026-03-05T09:00:00Z");
    let mut one = step(written(&house), &Event::Undo { undo: undo(&house, "501") }, &house.facts(), at).inquiry;
    one.effects.insert("fields".into(), EffectRef { progress: Progress::Dead, ..one.effects[TARGET].clone() });
    let spared = Receipt { properties: BTreeMap::new(), ..receipt("501") };
    let two = step(one.clone(), &settled(&one, spared), &house.facts(), at);
    assert_eq!((of(&two, "receipt").len(), of(&two, "write").len()), (1, 0));
    assert!(two.inquiry.effects.contains_key("fields"), "what was not written cannot be undone");
}

#[test]
fn another_record_than_the_callers_changes_nothing_of_the_callers() {
    let house = House::new();
    let at = when("2026-03-05T09:00:00Z");
    let one = step(written(&house), &Event::Undo { undo: undo(&house, "777") }, &house.facts(), at).inquiry;
    let two = step(one.clone(), &settled(&one, receipt("777")), &house.facts(), at);
    assert!(two.inquiry.undos.is_empty() && of(&two, "write").len() == 1);
    assert_eq!(two.inquiry.contact, one.contact);
}

#[test]
fn each_owner_is_told_once_of_each_rollback() {
    let house = House::new();
    let at = when("2026-03-05T10:00:00Z");
    let telling = |rollback: &str, staff: &str| Telling {
        rollback: RollbackId::from_text(rollback),
        staff: StaffId::from_text(staff),
        subject: "Values were taken back".into(),
        lines: vec!["city of 501".into()],
    };
    let mut inquiry = written(&house);
    for (rollback, staff, told) in [
        ("rb_1", "staff_ana", 1),
        ("rb_1", "staff_ana", 0),
        ("rb_1", "staff_cora", 1),
        ("rb_2", "staff_ana", 1),
        ("rb_2", "staff_ana", 0),
    ] {
        let next = step(inquiry, &Event::Told { telling: telling(rollback, staff) }, &house.facts(), at);
        assert_eq!(of(&next, "rollback_told").len(), told, "{rollback} {staff}");
        inquiry = next.inquiry;
    }
    assert_eq!(inquiry.tellings.len(), 3);
}
