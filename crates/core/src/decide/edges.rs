//! Where one word of the rules decides: each test fails when that word is another.

use super::tests::*;
use super::*;
use crate::contract::OnMissing;
use crate::id::{InquiryId, ReviewId, RollbackId, UserId};
use crate::inquiry::house::*;
use crate::rollback::Hold;
use crate::standing::Pause;
use jiff::{SignedDuration, Timestamp};

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
fn each_level_says_in_its_own_words_why_a_person_is_asked() {
    for (level, words) in [
        (Autonomy::Suggest, "every write waits for a person at this level"),
        (
            Autonomy::AutoLowRisk,
            "this contract makes identity, call log and task by itself; other fields are suggested",
        ),
    ] {
        let house = house(level);
        let mut inquiry = looked(&house, NO_HEAT, vec![record("901", &[("phone", CALLER)])]).0.inquiry;
        inquiry.claims.get_mut("urgency").unwrap().claim.confidence = crate::claim::Confidence(990);
        let verdict = now(&inquiry, &house, "urgency").unwrap();
        assert_eq!((verdict.because.as_str(), verdict.reason.as_str()), ("autonomy", words), "{level:?}");
    }
}

#[test]
fn where_a_caller_came_from_needs_the_level_that_makes_the_record() {
    for (place, field, expected) in [
        (Autonomy::Auto, None, "write"),
        (Autonomy::AutoLowRisk, None, "write"),
        (Autonomy::AutoLowRisk, Some(Autonomy::Suggest), "autonomy"),
        (Autonomy::Suggest, Some(Autonomy::Auto), "autonomy"),
        (Autonomy::Suggest, None, "autonomy"),
    ] {
        let mut inquiry = made(&house(Autonomy::Auto)).0;
        inquiry.contact.as_mut().unwrap().record_held.properties.remove("rb_source");
        let mut house = house(place);
        house.contract.fields.get_mut("lead_source").unwrap().autonomy = field;
        let verdict = now(&inquiry, &house, "lead_source").unwrap();
        assert_eq!(verdict.because, expected, "{place:?}, {field:?}");
    }
}

#[test]
fn what_we_wrote_of_where_a_caller_came_from_is_replaced_only_where_the_machine_may_replace() {
    for (machine, expected) in
        [(Machine::FillEmpty, (VerdictKind::Keep, "not_empty")), (Machine::Update, (VerdictKind::Write, "write"))]
    {
        let mut house = house(Autonomy::Auto);
        house.contract.fields.get_mut("lead_source").unwrap().machine = machine;
        let mut inquiry = made(&house).0;
        let contact = inquiry.contact.as_mut().unwrap();
        contact.record_held.properties.insert("rb_source".into(), "Bing".into());
        contact.ours.get_mut("rb_source").unwrap().value = "Bing".into();
        let verdict = now(&inquiry, &house, "lead_source").unwrap();
        assert_eq!((verdict.kind, verdict.because.as_str()), expected, "{machine:?}");
    }
}

#[test]
fn an_approval_lifts_nothing_that_the_level_suppresses() {
    let mut house = house(Autonomy::Suggest);
    let mut inquiry = looked(&house, NO_HEAT, vec![record("901", &[("phone", CALLER)])]).0.inquiry;
    let asked = now(&inquiry, &house, "urgency").unwrap();
    assert_eq!(asked.kind, VerdictKind::Review);
    let digest = change_digest(&asked, &inquiry, &house.facts());
    let (review, by) = (ReviewId::from_text("rev_1"), UserId::from_text("user_1"));
    let (field, choice) = (Some("urgency".to_owned()), Choice::Approve);
    let approval = Approval { review, kind: ReviewKind::Field, field, digest, choice, by, at: when(SINCE) };
    inquiry.approvals = vec![approval];
    assert_eq!(kind(&inquiry, &house, "urgency"), Some(VerdictKind::Write));
    house.contract.autonomy = Autonomy::Observe;
    let verdict = now(&inquiry, &house, "urgency").unwrap();
    assert_eq!((verdict.kind, verdict.because.as_str()), (VerdictKind::Suppress, "autonomy"));
}

#[test]
fn an_owner_that_is_held_names_the_classes_that_hold_it() {
    let house = house(Autonomy::Auto);
    let owned = record("901", &[("phone", CALLER), ("hubspot_owner_id", "12"), ("hs_email_optout", "true")]);
    let inquiry = looked(&house, NO_HEAT, vec![owned]).0.inquiry;
    let held = now(&inquiry, &house, "record_owner").unwrap();
    assert_eq!((held.kind, held.because.as_str()), (VerdictKind::Suppress, "suppressed"));
    assert_eq!(held.clause, "suppress.classes");
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

#[test]
fn what_ringback_decided_goes_where_a_clause_maps_it() {
    let mut house = house(Autonomy::Auto);
    let inquiry = looked(&house, NO_HEAT, Vec::new()).0.inquiry;
    for (from, is) in [
        ("due_at", inquiry.clock.as_ref().unwrap().due_at.to_string()),
        ("category", "voicemail".to_owned()),
        ("campaign", "drain-north".to_owned()),
        ("source", "Google Ads".to_owned()),
        ("location", "Phoenix".to_owned()),
        ("vertical", "hvac".to_owned()),
        ("next_action", "call_back".to_owned()),
    ] {
        let rule = house.contract.fields.get_mut("lead_source").unwrap();
        rule.from = from.into();
        assert_eq!(now(&inquiry, &house, "lead_source").and_then(|v| v.is), Some(is), "{from}");
    }
}

#[test]
fn a_doubt_says_how_sure_it_is_in_per_cent() {
    let house = house(Autonomy::Auto);
    let mut inquiry = looked(&house, NO_HEAT, Vec::new()).0.inquiry;
    inquiry.claims.get_mut("urgency").unwrap().claim.confidence.0 = 599;
    let kept = now(&inquiry, &house, "urgency").unwrap();
    assert_eq!((kept.kind, kept.reason.as_str()), (VerdictKind::Keep, "59.9 %: below 60.0 % it is not even suggested"));
}

#[test]
fn a_paused_clause_says_which_and_why() {
    let mut house = house(Autonomy::Auto);
    let inquiry = looked(&house, NO_HEAT, Vec::new()).0.inquiry;
    let to = house.contract.fields["lead_source"].target();
    let words = |text: &str| text.to_owned();
    let (code, cause, cure) = (words("RB-0213"), words("the CRM has no rb_source"), words("put it back"));
    house.standing.pauses = vec![Pause { clause: words("lead_source"), to, code, cause, cure }];
    let kept = now(&inquiry, &house, "lead_source").unwrap();
    assert_eq!((kept.kind, kept.because.as_str()), (VerdictKind::Keep, CLAUSE_PAUSED));
    assert_eq!(kept.reason, "this clause is paused: the CRM has no rb_source");
    assert_eq!(kept.clause, "field.lead_source.to");
}

const SINCE: &str = "2026-03-03T18:00:00Z";

/// What was written of the lead's source was taken back.
fn taken_back(since: &str) -> Hold {
    Hold {
        rollback: RollbackId::from_text("rb_1"),
        field: "lead_source".into(),
        to: "contact.rb_source".into(),
        contract: None,
        source: None,
        inquiry: None,
        record: None,
        since: when(since),
        until: None,
    }
}

#[test]
fn what_was_taken_back_is_asked_where_the_rollback_was_about_it_and_nowhere_else() {
    let mut house = house(Autonomy::Auto);
    let (ours, _) = made(&house);
    let mut inquiry = ours;
    inquiry.contact.as_mut().unwrap().record_held.properties.remove("rb_source");
    let all = taken_back(SINCE);
    let mut about = |hold: Hold| -> (VerdictKind, String) {
        house.holds = vec![hold];
        now(&inquiry, &house, "lead_source").map(|v| (v.kind, v.because)).unwrap()
    };
    let asked = (VerdictKind::Review, "rolled_back".to_owned());
    let some = |text: &str| Some(text.to_owned());
    for hold in [
        all.clone(),
        Hold { contract: some("missed-calls"), ..all.clone() },
        Hold { source: some("google ads"), ..all.clone() },
        Hold { source: Some(Source::Decision.words()), ..all.clone() },
        Hold { inquiry: Some(inquiry.id.clone()), ..all.clone() },
        Hold { inquiry: Some(InquiryId::from_text("inq_other")), record: some("901"), ..all.clone() },
    ] {
        assert_eq!(about(hold.clone()), asked, "{hold:?}");
    }
    for hold in [
        Hold { to: "contact.rb_campaign".into(), ..all.clone() },
        Hold { contract: some("another"), ..all.clone() },
        Hold { source: some("bing"), ..all.clone() },
        Hold { inquiry: Some(InquiryId::from_text("inq_other")), ..all.clone() },
        Hold { inquiry: Some(InquiryId::from_text("inq_other")), record: some("902"), ..all.clone() },
    ] {
        assert_eq!(about(hold.clone()).0, VerdictKind::Write, "{hold:?}");
    }
}

#[test]
fn a_hold_asks_nobody_about_what_would_not_be_written_anyhow() {
    let mut house = house(Autonomy::Auto);
    let found = looked(&house, NO_HEAT, vec![record("901", &[("phone", CALLER)])]).0.inquiry;
    house.holds = vec![taken_back(SINCE)];
    let kept = now(&found, &house, "lead_source").unwrap();
    assert_eq!((kept.kind, kept.because.as_str()), (VerdictKind::Keep, "found_record"));
}

#[test]
fn a_hold_is_in_force_from_its_moment_until_it_is_lifted() {
    let hold = Hold { until: Some(when("2026-03-03T19:00:00Z")), ..taken_back(SINCE) };
    let before = |text: &str| when(text).checked_sub(SignedDuration::from_secs(1)).unwrap();
    assert!(!hold.in_force(before(SINCE)) && hold.in_force(when(SINCE)));
    assert!(hold.in_force(before("2026-03-03T19:00:00Z")) && !hold.in_force(when("2026-03-03T19:00:00Z")));
    assert!(taken_back(SINCE).in_force(when("2027-03-03T19:00:00Z")));
}

#[test]
fn an_answer_from_before_the_rollback_is_none_and_one_since_then_counts() {
    let mut house = house(Autonomy::Auto);
    let mut inquiry = looked(&house, NO_HEAT, Vec::new()).0.inquiry;
    let later = Hold { rollback: RollbackId::from_text("rb_2"), ..taken_back("2026-03-03T18:30:00Z") };
    house.holds = vec![later, taken_back(SINCE)];
    let asked = now(&inquiry, &house, "lead_source").unwrap();
    assert!(
        asked.reason.contains("rollback rb_2 ") && asked.reason.contains("; "),
        "the latest is named: {}",
        asked.reason
    );
    let digest = change_digest(&asked, &inquiry, &house.facts());
    for (at, kind) in [
        ("2026-03-03T18:29:59Z", VerdictKind::Review),
        ("2026-03-03T18:30:00Z", VerdictKind::Write),
        ("2026-03-03T18:30:01Z", VerdictKind::Write),
    ] {
        let at: Timestamp = when(at);
        let (review, by) = (ReviewId::from_text("rev_1"), UserId::from_text("user_1"));
        let (field, digest) = (Some("lead_source".to_owned()), digest.clone());
        inquiry.approvals =
            vec![Approval { review, kind: ReviewKind::Field, field, digest, choice: Choice::Approve, by, at }];
        assert_eq!(super::edges::kind(&inquiry, &house, "lead_source"), Some(kind), "{at}");
    }
}

#[test]
fn an_approval_is_bound_to_the_record_the_person_or_the_inquiry_it_was_about() {
    let house = house(Autonomy::Auto);
    let known = looked(&house, NO_HEAT, vec![record("901", &[("phone", CALLER)])]).0.inquiry;
    let (ours, _) = made(&house);
    let digest = |field: &str, inquiry: &Inquiry| {
        let verdict = Verdict { field: field.into(), ..now(&known, &house, "urgency").unwrap() };
        change_digest(&verdict, inquiry, &house.facts())
    };
    let other = |of: &Inquiry| Inquiry { id: InquiryId::from_text("inq_2"), ..of.clone() };
    let somebody = |of: &Inquiry| Inquiry { person: Some("somebody".into()), ..of.clone() };
    let record = |of: &Inquiry, id: &str| {
        let mut of = of.clone();
        of.contact.as_mut().unwrap().record = id.into();
        of
    };
    let task = of_task(&house);
    // A record that was there before is the record, whoever calls about it.
    assert_eq!(digest("urgency", &known), digest("urgency", &somebody(&other(&known))));
    assert_ne!(digest("urgency", &known), digest("urgency", &record(&known, "902")));
    // One that we make is the person's, before and after it has an id.
    assert_eq!(digest("urgency", &ours), digest("urgency", &record(&other(&ours), "902")));
    assert_ne!(digest("urgency", &ours), digest("urgency", &somebody(&ours)));
    // A task is the inquiry's.
    assert_eq!(digest(&task, &known), digest(&task, &record(&somebody(&known), "902")));
    assert_ne!(digest(&task, &known), digest(&task, &other(&known)));
}
