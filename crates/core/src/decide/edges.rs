//! Where one word of the rules decides: each test fails when that word is another.

use super::tests::*;
use super::*;
use crate::contract::OnMissing;
use crate::inquiry::house::*;

/// The verdict on a field, decided on what the inquiry knows now.
fn now(inquiry: &Inquiry, house: &House, field: &str) -> Option<Verdict> {
    decide(inquiry, &house.facts()).0.into_iter().find(|v| v.field == field)
}

fn kind(inquiry: &Inquiry, house: &House, field: &str) -> Option<VerdictKind> {
    now(inquiry, house, field).map(|v| v.kind)
}

/// Somebody unknown to the CRM, who said nothing of how soon.
fn silent_caller(house: &House) -> Inquiry {
    let mut inquiry = looked(house, NO_HEAT, Vec::new()).0.inquiry;
    inquiry.claims.remove("urgency");
    inquiry
}

fn with_default(autonomy: Autonomy, field: &str) -> House {
    let mut house = house(autonomy);
    let rule = house.contract.fields.get_mut(field).unwrap();
    rule.on_missing = OnMissing::Default("unknown".into());
    rule.accountability = false;
    house
}

/// The clause of the task's urgency.
fn of_task(house: &House) -> String {
    let of = |(_, rule): &(&String, &FieldRule)| rule.object == Object::Task && rule.from == "urgency";
    house.contract.fields.iter().find(of).unwrap().0.clone()
}

#[test]
fn claims_without_a_home_are_named_and_nothing_else_is() {
    let house = house(Autonomy::Auto);
    let mut inquiry = heard(&house, NO_HEAT).0;
    let held = inquiry.claims["urgency"].clone();
    for name in ["pets", "flag.complaint", "callback_number"] {
        inquiry.claims.insert(name.into(), held.clone());
    }
    let (_, homeless) = decide(&inquiry, &house.facts());
    assert!(homeless.contains(&"pets".to_owned()), "{homeless:?}");
    for housed in ["urgency", "flag.complaint", "callback_number"] {
        assert!(!homeless.contains(&housed.to_owned()), "{housed} is no news: {homeless:?}");
    }
}

#[test]
fn a_field_that_may_do_more_does_not_where_nobody_may_write_or_make_a_record() {
    for (place, known, expected) in [
        (Autonomy::Observe, true, VerdictKind::Suppress),
        (Autonomy::Observe, false, VerdictKind::Suppress),
        (Autonomy::Suggest, false, VerdictKind::Review),
        (Autonomy::Suggest, true, VerdictKind::Write),
        (Autonomy::AutoLowRisk, false, VerdictKind::Write),
    ] {
        let mut house = house(place);
        house.contract.fields.get_mut("urgency").unwrap().autonomy = Some(Autonomy::Auto);
        let records = if known { vec![record("901", &[("phone", CALLER)])] } else { Vec::new() };
        let inquiry = looked(&house, NO_HEAT, records).0.inquiry;
        assert_eq!(kind(&inquiry, &house, "urgency"), Some(expected), "{place:?}, known: {known}");
    }
}

#[test]
fn a_default_is_written_to_a_new_contact_and_to_no_other() {
    let house = with_default(Autonomy::Auto, "urgency");
    let inquiry = silent_caller(&house);
    let verdict = now(&inquiry, &house, "urgency").unwrap();
    assert_eq!((verdict.kind, verdict.because.as_str()), (VerdictKind::Write, "default"));
    assert_eq!((verdict.is.as_deref(), verdict.confidence), (Some("unknown"), None));

    let mut found = looked(&house, NO_HEAT, vec![record("901", &[("phone", CALLER)])]).0.inquiry;
    found.claims.remove("urgency");
    assert_eq!(kind(&found, &house, "urgency"), None, "a record that was there is not filled with guesses");

    for (autonomy, expected) in [(Autonomy::AutoLowRisk, None), (Autonomy::Suggest, None), (Autonomy::Observe, None)] {
        let house = with_default(autonomy, "urgency");
        assert_eq!(kind(&silent_caller(&house), &house, "urgency"), expected, "{autonomy:?}");
    }
}

#[test]
fn a_default_never_takes_the_place_of_a_value_and_asks_nobody() {
    let made = |value: &str| {
        let house = with_default(Autonomy::Auto, "urgency");
        let mut inquiry = made(&house).0;
        inquiry.claims.remove("urgency");
        let held = &mut inquiry.contact.as_mut().unwrap().record_held;
        held.properties.insert("rb_urgency".into(), value.into());
        kind(&inquiry, &house, "urgency")
    };
    assert_eq!(made(""), Some(VerdictKind::Write));
    assert_eq!(made("nurture"), None);

    let changed = |change: fn(&mut FieldRule)| {
        let mut house = with_default(Autonomy::Auto, "urgency");
        change(house.contract.fields.get_mut("urgency").unwrap());
        kind(&silent_caller(&house), &house, "urgency")
    };
    assert_eq!(changed(|rule| rule.machine = Machine::FillEmpty), Some(VerdictKind::Write));
    assert_eq!(changed(|rule| rule.machine = Machine::Suggest), None);
    assert_eq!(changed(|rule| rule.machine = Machine::Never), None);
    assert_eq!(changed(|rule| rule.accountability = true), None);
    assert_eq!(changed(|rule| rule.review_when = Some("call.after_hours || true".into())), None);
    assert_eq!(changed(|rule| rule.review_when = Some("1 > 2".into())), Some(VerdictKind::Write));
    assert_eq!(changed(|rule| rule.protected = Some(Protected::OptOut)), None);
    assert_eq!(changed(|rule| rule.on_missing = OnMissing::Leave), None);
    assert_eq!(changed(|rule| rule.on_missing = OnMissing::Flag), Some(VerdictKind::Keep));
}

#[test]
fn a_default_of_our_own_record_needs_the_level_that_makes_the_record() {
    for (place, field, expected) in [
        (Autonomy::Auto, None, Some(VerdictKind::Write)),
        (Autonomy::AutoLowRisk, None, Some(VerdictKind::Write)),
        (Autonomy::AutoLowRisk, Some(Autonomy::Suggest), None),
        (Autonomy::Suggest, None, None),
        (Autonomy::Suggest, Some(Autonomy::Auto), None),
    ] {
        let mut house = house(place);
        let task = of_task(&house);
        house.contract.fields.get_mut(&task).unwrap().autonomy = field;
        let mut inquiry = looked(&house, NO_HEAT, vec![record("901", &[("phone", CALLER)])]).0.inquiry;
        inquiry.claims.remove("urgency");
        assert_eq!(kind(&inquiry, &house, &task), expected, "{place:?}, {field:?}");
    }
}

#[test]
fn where_a_caller_came_from_goes_into_a_contact_of_ours_only() {
    let house = house(Autonomy::Auto);
    let new = looked(&house, NO_HEAT, Vec::new()).0.inquiry;
    assert_eq!(kind(&new, &house, "lead_source"), Some(VerdictKind::Write));
    let found = looked(&house, NO_HEAT, vec![record("901", &[("phone", CALLER)])]).0.inquiry;
    let kept = now(&found, &house, "lead_source").unwrap();
    assert_eq!((kept.kind, kept.because.as_str()), (VerdictKind::Keep, "found_record"));
    let (mut ours, _) = made(&house);
    ours.contact.as_mut().unwrap().record_held.properties.remove("rb_source");
    assert_eq!(kind(&ours, &house, "lead_source"), Some(VerdictKind::Write));
    ours.contact.as_mut().unwrap().made = false;
    assert_eq!(kind(&ours, &house, "lead_source"), Some(VerdictKind::Keep));
}

#[test]
fn the_owner_property_takes_the_crms_id_of_a_person_and_every_other_field_the_name() {
    let house = house(Autonomy::Auto);
    let owned = record("901", &[("phone", CALLER), ("hubspot_owner_id", "12")]);
    let inquiry = looked(&house, NO_HEAT, vec![owned]).0.inquiry;
    assert_eq!(inquiry.owner.as_ref().unwrap().name, "ana");
    assert_eq!(now(&inquiry, &house, "record_owner").unwrap().is.as_deref(), Some("77"));
    assert_eq!(now(&inquiry, &house, "callback_owner").unwrap().is.as_deref(), Some("ana"));
}
