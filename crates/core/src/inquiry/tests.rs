//! The way of an inquiry, event by event, without any store or network.

use super::house::*;
use super::*;
use crate::contract::Autonomy;
use crate::crm::{CrmWords, Object};
use crate::effect::{ContactRef, Desired, Effect};
use crate::id::ConnectionId;
use crate::identity::MatchKind;
use crate::plan::VerdictKind;
use crate::roster::KnownNumber;
use crate::signal::Ending;

#[test]
fn a_missed_call_has_owner_clock_page_and_a_question_to_the_crm_at_once() {
    let house = House::new();
    let call = house.call(1, OPEN, Ending::RingNoAnswer, CALLER);
    let now = call.first_received_at;
    let step = step(house.open(&call), &Event::Call { call: InquiryCall::of(&call, None) }, &house.facts(), now);
    assert_eq!(step.inquiry.owner.as_ref().map(|o| o.name.as_str()), Some("ana"));
    let clock = step.inquiry.clock.as_ref().unwrap();
    assert_eq!(clock.due_at, when("2026-03-03T17:30:20Z"), "30 minutes from the end of the call");
    assert!(targets(&step).contains(&"find"), "{:?}", targets(&step));
    assert!(!targets(&step).contains(&"contact"), "nothing is created before somebody looked");
    assert!(step.timers.iter().any(|t| t.kind == TimerKind::Due && t.at == clock.due_at));
}

#[test]
fn an_unknown_caller_becomes_one_contact_one_call_one_task() {
    let house = House::new();
    let call = house.call(1, OPEN, Ending::RingNoAnswer, CALLER);
    let now = call.first_received_at;
    let one = step(house.open(&call), &Event::Call { call: InquiryCall::of(&call, None) }, &house.facts(), now);
    let event = found(&one.inquiry, Vec::new());
    let two = step(one.inquiry, &event, &house.facts(), now);
    assert_eq!(two.inquiry.matched.as_ref().map(|m| m.kind), Some(MatchKind::New));
    assert_eq!(targets(&two), ["contact", "call:1", "task"]);
    let plan = two.plan.as_ref().unwrap();
    let contact = &plan.effects[0];
    for later in &plan.effects[1..] {
        assert!(
            later.needs.iter().any(|n| n.effect == contact.id && !n.settled),
            "{} waits for the contact",
            later.target
        );
    }
    let properties = contact.desired.properties().unwrap();
    assert_eq!(properties["phone"], CALLER);
    assert_eq!(properties["firstname"], format!("Caller {CALLER}"), "a marked placeholder, not a name somebody said");
    let again = step(two.inquiry.clone(), &Event::FactsChanged, &house.facts(), now);
    assert!(again.plan.is_none(), "planning again changes nothing: {:?}", targets(&again));
}

#[test]
fn a_contact_that_turns_out_blank_changes_no_verdict() {
    let house = House::new();
    let mut call = house.call(1, OPEN, Ending::Voicemail, CALLER);
    let now = call.first_received_at;
    let read = house.said(&mut call, "Hi, my name is Maria Lopez, my water heater is leaking, please call me back.");
    let one = step(house.open(&call), &Event::Call { call: InquiryCall::of(&call, None) }, &house.facts(), now);
    let two = step(one.inquiry, &read, &house.facts(), now);
    let event = found(&two.inquiry, Vec::new());
    let three = step(two.inquiry, &event, &house.facts(), now);
    let asked = three.inquiry.verdicts.iter().filter(|v| v.kind == crate::plan::VerdictKind::Review).count();
    assert!(asked > 0, "the machine only suggests a name: {:?}", three.inquiry.verdicts);
    let sent = three.plan.iter().flat_map(|p| &p.effects).find(|e| e.target == "contact").unwrap();
    let sent = sent.desired.properties().unwrap().clone();
    let receipt = crate::ensure::Receipt {
        object: Some(Object::Contact),
        record: "901".into(),
        read_at: Some(now),
        properties: sent,
        ..crate::ensure::Receipt::default()
    };
    let effect = three.inquiry.effects["contact"].id.clone();
    let four = step(three.inquiry, &Event::Settled { effect, target: "contact".into(), receipt }, &house.facts(), now);
    assert!(four.plan.is_none(), "{:?}", four.plan);
    assert!(four.drafts.iter().all(|d| d.kind != "verdict"), "what stood is told once: {:?}", four.drafts);
    assert_eq!(four.opened_reviews.len(), asked, "now there is a record to ask about");
}

#[test]
fn a_calmer_call_does_not_take_an_emergency_back() {
    let gas = "I smell gas in the basement, this is an emergency, please come right away.";
    let heat = "We have no heat since last night and there is a baby here, we need somebody today.";
    for (first, second) in [(gas, heat), (heat, gas)] {
        let house = House::new();
        let mut inquiry = None;
        for (n, at, text) in [(1, OPEN, first), (2, "2026-03-03T17:30:00Z", second)] {
            let mut call = house.call(n, at, Ending::Voicemail, CALLER);
            let now = call.first_received_at;
            let read = house.said(&mut call, text);
            let held = inquiry.take().unwrap_or_else(|| house.open(&call));
            let told = step(held, &Event::Call { call: InquiryCall::of(&call, None) }, &house.facts(), now);
            inquiry = Some(step(told.inquiry, &read, &house.facts(), now).inquiry);
        }
        assert_eq!(inquiry.unwrap().urgency(), "emergency", "{first} | {second}");
    }
}

#[test]
fn what_hangs_on_a_contact_follows_the_effect_that_makes_it() {
    let house = House::new();
    let mut call = house.call(1, OPEN, Ending::RingNoAnswer, CALLER);
    let now = call.first_received_at;
    let one = step(house.open(&call), &Event::Call { call: InquiryCall::of(&call, None) }, &house.facts(), now);
    let event = found(&one.inquiry, Vec::new());
    let two = step(one.inquiry, &event, &house.facts(), now);
    // A better word about the call's start comes before anything was sent: the contact is made otherwise, the old effect is taken back.
    call.started_at = when("2026-03-03T16:59:40Z");
    let facts = house.facts();
    let told = Event::Call { call: InquiryCall::of(&call, None) };
    let three = step(two.inquiry, &told, &facts, now);
    let plan = three.plan.as_ref().unwrap();
    assert!(targets(&three).contains(&"contact"), "{:?}", targets(&three));
    for target in ["call:1", "task"] {
        let effect = plan.effects.iter().find(|e| e.target == target).expect(target);
        let maker = &three.inquiry.effects["contact"].id;
        assert!(effect.needs.iter().any(|n| n.effect == *maker && !n.settled), "{target}: {:?}", effect.needs);
    }
    // A second call joins before the contact is made: its record names the one effect that makes it.
    let second = house.call(2, "2026-03-03T17:05:00Z", Ending::Abandoned, CALLER);
    let four = step(three.inquiry, &Event::Call { call: InquiryCall::of(&second, None) }, &facts, now);
    let log = four.plan.as_ref().unwrap().effects.iter().find(|e| e.target == "call:2").unwrap();
    let maker = four.inquiry.effects["contact"].id.clone();
    let Desired::Activity { contact, .. } = &log.desired else { panic!("{:?}", log.desired) };
    assert_eq!(*contact, crate::effect::ContactRef::MadeBy(maker.clone()));
    // Made: what waits for it is not planned again for that.
    let receipt = crate::ensure::Receipt {
        object: Some(Object::Contact),
        record: "901".into(),
        read_at: Some(now),
        ..crate::ensure::Receipt::default()
    };
    let settled = Event::Settled { effect: maker, target: "contact".into(), receipt };
    let five = step(four.inquiry, &settled, &facts, now);
    assert!(!targets(&five).contains(&"call:2"), "{:?}", targets(&five));
}

/// Several CRMs keep no fraction of a second: what is written must be what can be read back.
#[test]
fn instants_are_written_in_whole_seconds() {
    let house = House::new();
    let mut call = house.call(1, "2026-03-03T17:00:00.123456Z", Ending::Voicemail, CALLER);
    let now = when("2026-03-03T17:00:31.987654Z");
    let one = step(house.open(&call), &Event::Call { call: InquiryCall::of(&call, None) }, &house.facts(), now);
    let event = found(&one.inquiry, Vec::new());
    let two = step(one.inquiry, &event, &house.facts(), now);
    let read = house
        .said(&mut call, "There is a strong gas smell in our basement, I smell gas, please call me back right away.");
    let three = step(two.inquiry, &read, &house.facts(), now);
    let mut seen = 0;
    for effect in two.plan.iter().chain(&three.plan).flat_map(|plan| &plan.effects) {
        for (name, value) in effect.desired.properties().into_iter().flatten() {
            if let Ok(at) = value.parse::<Timestamp>() {
                seen += 1;
                assert_eq!(at.subsec_nanosecond(), 0, "{} {name}: {value}", effect.target);
            }
        }
    }
    assert!(seen >= 4, "{seen} instants");
}

#[test]
fn the_clock_counts_from_a_later_call_when_the_first_was_answered_after_all() {
    let house = House::new();
    let first = house.call(1, OPEN, Ending::RingNoAnswer, CALLER);
    let now = first.first_received_at;
    let one = step(house.open(&first), &Event::Call { call: InquiryCall::of(&first, None) }, &house.facts(), now);
    let second = house.call(2, "2026-03-03T18:40:00Z", Ending::RingNoAnswer, CALLER);
    let told = Event::Call { call: InquiryCall::of(&second, None) };
    let two = step(one.inquiry, &told, &house.facts(), second.first_received_at);
    assert_eq!(two.inquiry.clock.as_ref().unwrap().due_at, when("2026-03-03T17:30:20Z"));
    let mut answered = first.clone();
    answered.ending = Ending::Answered;
    let told = Event::Call { call: InquiryCall::of(&answered, None) };
    let three = step(two.inquiry, &told, &house.facts(), when("2026-03-03T19:00:00Z"));
    assert!(three.inquiry.open());
    assert_eq!(three.inquiry.clock.as_ref().unwrap().due_at, when("2026-03-03T19:10:20Z"));
}

#[test]
fn each_stage_answers_for_its_own_check() {
    let house = House::new();
    let call = house.call(1, OPEN, Ending::RingNoAnswer, CALLER);
    let now = call.first_received_at;
    let one = step(house.open(&call), &Event::Call { call: InquiryCall::of(&call, None) }, &house.facts(), now);
    let event = found(&one.inquiry, Vec::new());
    let planned = step(one.inquiry, &event, &house.facts(), now).inquiry;
    let state = |inquiry: &Inquiry, stage: &str| inquiry.stages().into_iter().find(|(s, _)| *s == stage).unwrap().1;
    let dead = |why: &str| {
        let effect = planned.effects["contact"].id.clone();
        let event = Event::Dead { effect, target: "contact".into(), why: why.into() };
        step(planned.clone(), &event, &house.facts(), now).inquiry
    };
    let refused = dead("validation: property rb_urgency does not exist");
    assert_eq!((state(&refused, "write"), state(&refused, "trust")), (StageState::Failed, StageState::Waiting));
    let untrue = dead("write_not_taken: the CRM acknowledged the write and does not hold it");
    assert_eq!((state(&untrue, "write"), state(&untrue, "trust")), (StageState::Waiting, StageState::Failed));
}

#[test]
fn a_customer_gets_the_activity_and_keeps_every_value() {
    let house = House::new();
    let mut call = house.call(1, OPEN, Ending::Voicemail, CALLER);
    let now = call.first_received_at;
    let one = step(house.open(&call), &Event::Call { call: InquiryCall::of(&call, None) }, &house.facts(), now);
    let words = house.said(&mut call, "Hi, we have no heat since last night, please call me back.");
    let heard = step(one.inquiry, &words, &house.facts(), now);
    assert!(heard.inquiry.urgent(), "no heat is urgent, in the caller's own words: {:?}", heard.inquiry.claims.keys());
    let known = record("512", &[("phone", "(602) 555-0142"), ("lifecyclestage", "customer"), ("firstname", "Maria")]);
    let event = found(&heard.inquiry, vec![known]);
    let two = step(heard.inquiry, &event, &house.facts(), now);
    assert_eq!(two.inquiry.matched.as_ref().map(|m| m.kind), Some(MatchKind::Customer));
    assert_eq!(targets(&two), ["call:1", "task"], "no contact is made and none is changed");
    assert!(two.inquiry.reviews.iter().any(|r| r.kind == ReviewKind::Field), "what was heard is suggested");
    let task = two.plan.as_ref().unwrap().effects.iter().find(|e| e.target == "task").unwrap();
    assert_eq!(task.desired.properties().unwrap()["priority"], "HIGH");
}

#[test]
fn nobody_is_matched_or_written_without_a_number() {
    let house = House::new();
    let call = house.call(1, OPEN, Ending::Voicemail, "anonymous");
    let now = call.first_received_at;
    let step = step(house.open(&call), &Event::Call { call: InquiryCall::of(&call, None) }, &house.facts(), now);
    assert_eq!(step.inquiry.matched.as_ref().map(|m| m.kind), Some(MatchKind::Anonymous));
    let outside: Vec<&str> = targets(&step).into_iter().filter(|t| !t.starts_with("page")).collect();
    assert_eq!(outside, Vec::<&str>::new());
    assert!(step.inquiry.reviews.iter().any(|r| r.kind == ReviewKind::NoNumber));
    assert!(step.inquiry.owner.is_some() && step.inquiry.clock.is_some(), "record, owner and clock go on");
}

#[test]
fn a_shared_number_asks_and_a_pick_settles_it() {
    let mut house = House::new();
    house.roster.known_numbers.push((CALLER.into(), KnownNumber::Shared));
    let call = house.call(1, OPEN, Ending::RingNoAnswer, CALLER);
    let now = call.first_received_at;
    let one = step(house.open(&call), &Event::Call { call: InquiryCall::of(&call, None) }, &house.facts(), now);
    let two_people = vec![record("1", &[("phone", CALLER)]), record("2", &[("phone", CALLER)])];
    let event = found(&one.inquiry, two_people);
    let two = step(one.inquiry, &event, &house.facts(), now);
    assert_eq!(two.inquiry.matched.as_ref().map(|m| m.kind), Some(MatchKind::Ambiguous));
    assert_eq!(targets(&two), Vec::<&str>::new());
    let review = two.inquiry.reviews.iter().find(|r| r.kind == ReviewKind::Match).unwrap().clone();
    let pick =
        Event::Decided { review: review.id, choice: Choice::Pick { id: "2".into() }, by: UserId::from_text("user_1") };
    let three = step(two.inquiry, &pick, &house.facts(), now);
    assert_eq!(three.inquiry.contact.as_ref().map(|c| c.record.as_str()), Some("2"));
    assert_eq!(targets(&three), ["call:1", "task"]);
}

#[test]
fn repeated_calls_join_and_make_no_second_task() {
    let house = House::new();
    let first = house.call(1, OPEN, Ending::RingNoAnswer, CALLER);
    let now = first.first_received_at;
    let one = step(house.open(&first), &Event::Call { call: InquiryCall::of(&first, None) }, &house.facts(), now);
    let event = found(&one.inquiry, Vec::new());
    let two = step(one.inquiry, &event, &house.facts(), now);
    let due = two.inquiry.clock.as_ref().unwrap().due_at;
    let second = house.call(2, "2026-03-03T17:05:00Z", Ending::Abandoned, CALLER);
    let three = step(
        two.inquiry,
        &Event::Call { call: InquiryCall::of(&second, None) },
        &house.facts(),
        second.first_received_at,
    );
    let outside: Vec<&str> = targets(&three).into_iter().filter(|t| !t.starts_with("page")).collect();
    assert_eq!(outside, ["call:2", "task"], "the new call is logged, the same task says so");
    assert_eq!(three.inquiry.clock.as_ref().unwrap().due_at, due, "one clock, from the first call");
    let task = three.plan.as_ref().unwrap().effects.iter().find(|e| e.target == "task").unwrap();
    let Desired::Activity { key, object, .. } = &task.desired else { panic!("{task:?}") };
    assert_eq!((key.as_str(), *object), ("rb-task-1", Object::Task));
}

#[test]
fn answered_after_all_closes_it_and_leaves_no_task() {
    let house = House::new();
    let call = house.call(1, OPEN, Ending::RingNoAnswer, CALLER);
    let now = call.first_received_at;
    let one = step(house.open(&call), &Event::Call { call: InquiryCall::of(&call, None) }, &house.facts(), now);
    let event = found(&one.inquiry, Vec::new());
    let two = step(one.inquiry, &event, &house.facts(), now);
    let answered =
        InquiryCall { ending: Ending::Answered, category: "answered".into(), ..InquiryCall::of(&call, None) };
    let three = step(two.inquiry.clone(), &Event::Call { call: answered }, &house.facts(), now);
    assert!(matches!(three.inquiry.state, State::Closed { outcome: Outcome::AnsweredAfterAll, .. }));
    let plan = three.plan.as_ref().unwrap();
    assert!(plan.supersedes.contains(&two.inquiry.effects["task"].id), "the task that was not sent is taken back");
    let task = plan.effects.iter().find(|e| e.target == "task").unwrap();
    assert!(matches!(task.desired, Desired::ActivityIfMade { .. }), "one that was sent is closed, none is made");
}

#[test]
fn what_a_voice_agent_took_has_an_owner_a_clock_and_only_the_callers_words() {
    let house = House::new();
    let mut call = house.call(1, OPEN, Ending::AiAnswered, CALLER);
    let now = call.first_received_at;
    let words =
        "Agent: Is it an emergency? I can offer $4,000.\nCaller: No, my budget is about $2,500 for a new furnace.";
    let said = house.said(&mut call, words);
    let one = step(house.open(&call), &Event::Call { call: InquiryCall::of(&call, None) }, &house.facts(), now);
    assert!(one.inquiry.open() && one.inquiry.owner.is_some() && one.inquiry.clock.is_some());
    let two = step(one.inquiry, &said, &house.facts(), now);
    assert_eq!(two.inquiry.claims["budget"].quote, "No, my budget is about $2,500 for a new furnace.");
    let quotes: Vec<&str> = two.inquiry.claims.values().map(|held| held.quote.as_str()).collect();
    assert!(quotes.iter().all(|q| !q.contains("4,000") && !q.contains("emergency")), "{quotes:?}");

    let mut call = house.call(1, OPEN, Ending::AiAnswered, CALLER);
    let unsaid = house.said(&mut call, "Is it an emergency? No, my budget is about $2,500.");
    let one = step(house.open(&call), &Event::Call { call: InquiryCall::of(&call, None) }, &house.facts(), now);
    let two = step(one.inquiry, &unsaid, &house.facts(), now);
    assert!(two.inquiry.claims.is_empty(), "nobody knows who said it");
}

#[test]
fn an_approval_holds_for_exactly_the_change_that_was_shown() {
    let mut house = House::new();
    house.contract.autonomy = Autonomy::AutoLowRisk;
    let mut call = house.call(1, OPEN, Ending::Voicemail, CALLER);
    let now = call.first_received_at;
    let one = step(house.open(&call), &Event::Call { call: InquiryCall::of(&call, None) }, &house.facts(), now);
    let words = house.said(&mut call, "We have no heat since last night, please call me back.");
    let heard = step(one.inquiry, &words, &house.facts(), now);
    let known = record("512", &[("phone", CALLER), ("rb_urgency", "")]);
    let event = found(&heard.inquiry, vec![known]);
    let two = step(heard.inquiry, &event, &house.facts(), now);
    let review = two.inquiry.reviews.iter().find(|r| r.field.as_deref() == Some("urgency")).unwrap().clone();
    let yes = Event::Decided { review: review.id.clone(), choice: Choice::Approve, by: UserId::from_text("user_1") };
    let three = step(two.inquiry, &yes, &house.facts(), now);
    let verdict = three.inquiry.verdicts.iter().find(|v| v.field == "urgency").unwrap();
    assert_eq!((verdict.kind, verdict.actor.word()), (VerdictKind::Write, "human-approved AI"));
    assert_eq!(targets(&three), ["fields"]);
    // Somebody types another value before the write: the approval was for another change.
    let moved = Event::Moved {
        effect: three.inquiry.effects["fields"].id.clone(),
        target: "fields".into(),
        record: record("512", &[("rb_urgency", "nurture")]),
    };
    let four = step(three.inquiry, &moved, &house.facts(), now);
    let verdict = four.inquiry.verdicts.iter().find(|v| v.field == "urgency").unwrap();
    assert_eq!(verdict.kind, VerdictKind::Review);
    assert!(
        four.inquiry.reviews.iter().any(|r| r.current.as_deref() == Some("nurture")),
        "asked again, with the new value"
    );
}

#[test]
fn tiers_climb_once_each_and_not_after_a_touch() {
    let house = House::new();
    let call = house.call(1, OPEN, Ending::RingNoAnswer, CALLER);
    let now = call.first_received_at;
    let mut state = step(house.open(&call), &Event::Call { call: InquiryCall::of(&call, None) }, &house.facts(), now);
    let timers = state.timers.clone();
    for timer in timers.iter().chain(&timers) {
        state = step(state.inquiry, &Event::Timer { kind: timer.kind }, &house.facts(), timer.at.max(now));
    }
    let tiers: Vec<u8> = state.inquiry.escalations.iter().map(|e| e.tier).collect();
    assert_eq!(tiers, [2, 3]);
    assert!(state.inquiry.breached_at.is_some() && state.inquiry.stale_at.is_some());
    let call = house.call(2, OPEN, Ending::RingNoAnswer, CALLER);
    let fresh = step(house.open(&call), &Event::Call { call: InquiryCall::of(&call, None) }, &house.facts(), now);
    let mut taken = step(fresh.inquiry, &Event::Taken { by: UserId::from_text("user_1") }, &house.facts(), now);
    for timer in &timers {
        taken = step(taken.inquiry, &Event::Timer { kind: timer.kind }, &house.facts(), timer.at);
    }
    assert!(taken.inquiry.escalations.is_empty(), "{:?}", taken.inquiry.escalations);
}

#[test]
fn the_same_inputs_give_the_same_step() {
    let house = House::new();
    let mut call = house.call(1, OPEN, Ending::Voicemail, CALLER);
    let now = call.first_received_at;
    let one = step(house.open(&call), &Event::Call { call: InquiryCall::of(&call, None) }, &house.facts(), now);
    let words =
        house.said(&mut call, "This is Dana Ruiz, my number is 602 555 0142, water is coming through the ceiling.");
    let a = step(one.inquiry.clone(), &words, &house.facts(), now);
    let b = step(one.inquiry, &words, &house.facts(), now);
    assert_eq!(a.inquiry, b.inquiry);
    assert_eq!(a.drafts, b.drafts);
    assert_eq!(a.plan, b.plan);
}

#[test]
fn a_crms_numbers_are_read_in_its_own_region_not_in_the_locations() {
    let mut house = House::new();
    house.roster.locations[0].region = "DE".into();
    let call = house.call(1, OPEN, Ending::RingNoAnswer, CALLER);
    let now = call.first_received_at;
    let facts = Facts { crm_region: "US", ..house.facts() };
    let one = step(house.open(&call), &Event::Call { call: InquiryCall::of(&call, None) }, &facts, now);
    let event = found(&one.inquiry, vec![record("512", &[("phone", "(602) 555-0142")])]);
    let two = step(one.inquiry, &event, &facts, now);
    assert_eq!(two.inquiry.contact.as_ref().map(|c| c.record.as_str()), Some("512"));
}

/// The caller is a lead whom the CRM knows, with a deal; a store that sorts its deals' names under another word than HubSpot's.
#[test]
fn a_deal_has_the_name_that_its_vendor_keeps_names_under() {
    let house = House::new();
    let words: &'static CrmWords = Box::leak(Box::new(CrmWords { deal_name: "Deal_Name", ..WORDS }));
    let facts = Facts { crm: Some((&house.lane, words)), ..house.facts() };
    let call = house.call(1, OPEN, Ending::RingNoAnswer, CALLER);
    let now = call.first_received_at;
    let one = step(house.open(&call), &Event::Call { call: InquiryCall::of(&call, None) }, &facts, now);
    let mut deal = record("d1", &[("Deal_Name", "Boiler")]);
    deal.also_known_as.push(crate::ensure::DEAL_MARK.into());
    let event = found(&one.inquiry, vec![record("501", &[("phone", CALLER)]), deal]);
    let two = step(one.inquiry, &event, &facts, now);
    assert_eq!(two.inquiry.snapshot.unwrap().deals[0].name, "Boiler");
}

fn known_caller(house: &House) -> (Inquiry, Timestamp) {
    let call = house.call(1, OPEN, Ending::RingNoAnswer, CALLER);
    let now = call.first_received_at;
    let one = step(house.open(&call), &Event::Call { call: InquiryCall::of(&call, None) }, &house.facts(), now);
    let event = found(&one.inquiry, vec![record("501", &[("phone", CALLER), ("firstname", "Ana")])]);
    let two = step(one.inquiry, &event, &house.facts(), now);
    assert_eq!(two.inquiry.contact.as_ref().map(|c| c.record.as_str()), Some("501"));
    (two.inquiry, now)
}

#[test]
fn two_records_of_one_person_are_one_question_and_no_merge() {
    let house = House::new();
    let (inquiry, now) = known_caller(&house);
    let doubled = |others: &[&str]| Event::Doubled { others: others.iter().map(|o| (*o).to_owned()).collect() };
    let asked = step(inquiry, &doubled(&["777"]), &house.facts(), now);
    assert!(asked.plan.is_none(), "nothing is written for it");
    let review = asked.opened_reviews[0].clone();
    assert_eq!((review.kind, asked.opened_reviews.len()), (ReviewKind::Doubled, 1));
    let ids: Vec<&str> = review.choices.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["501", "777", "apart"]);
    // The next night sees the same: it is one question. When somebody has merged them, it is none.
    let again = step(asked.inquiry, &doubled(&["777"]), &house.facts(), now);
    assert!(again.opened_reviews.is_empty() && again.closed_reviews.is_empty());
    let merged = step(again.inquiry.clone(), &doubled(&[]), &house.facts(), now);
    assert_eq!(merged.closed_reviews, std::slice::from_ref(&review.id));
    // A person picks: from then on that record is written to, after a look at what it holds.
    let pick = |id: &str| Event::Decided {
        review: review.id.clone(),
        choice: Choice::Pick { id: id.into() },
        by: UserId::from_text("user_1"),
    };
    let picked = step(again.inquiry.clone(), &pick("777"), &house.facts(), now);
    assert_eq!(picked.inquiry.contact.as_ref().map(|c| (c.record.as_str(), c.made)), Some(("777", false)));
    let effects = picked.plan.unwrap().effects;
    let contact_of = |e: &Effect| match &e.desired {
        Desired::Activity { contact, .. } => Some(contact.clone()),
        _ => None,
    };
    let moved: Vec<_> = effects.iter().filter_map(contact_of).collect();
    assert_eq!(moved, vec![ContactRef::Record("777".into()); 2]);
    let told = step(picked.inquiry, &doubled(&["501"]), &house.facts(), now);
    assert!(told.opened_reviews.is_empty(), "what was answered is not asked again");
    for other in ["apart", "somebody-else"] {
        let apart = step(again.inquiry.clone(), &pick(other), &house.facts(), now);
        assert_eq!(apart.inquiry.contact.as_ref().map(|c| c.record.as_str()), Some("501"));
        assert!(apart.inquiry.reviews.is_empty() && apart.plan.is_none());
    }
}

#[test]
fn records_that_lie_elsewhere_are_made_where_they_belong() {
    let house = House::new();
    let (inquiry, now) = known_caller(&house);
    let moved_to = ConnectionId::from_text("conn_other");
    let facts = Facts { crm: Some((&moved_to, &WORDS)), ..house.facts() };
    let by = UserId::from_text("user_1");
    let one = step(inquiry, &Event::Relocated { by }, &facts, now);
    assert_eq!(targets(&one), ["find"], "who it is there is looked up first");
    let event = found(&one.inquiry, Vec::new());
    let two = step(one.inquiry, &event, &facts, now);
    assert_eq!(targets(&two), ["contact", "call:1", "task"]);
    assert!(two.plan.unwrap().effects.iter().all(|e| e.lane == moved_to));
}

#[test]
fn an_opt_out_that_is_kept_holds_from_the_first_step_and_is_told_once() {
    use crate::consent::{OptOut, SaidBy};
    let house = House::new();
    let call = house.call(1, "2026-03-04T17:00:00Z", Ending::Voicemail, CALLER);
    let now = call.first_received_at;
    let said = SaidBy::Crm { property: "DoNotCall".into() };
    let opt_out = OptOut { said, at: when("2026-03-01T09:00:00Z"), inquiry: Some(InquiryId::from_text("inq_0")) };
    let told = InquiryCall { opted_out: Some(opt_out.clone()), ..InquiryCall::of(&call, None) };
    let one = step(house.open(&call), &Event::Call { call: told.clone() }, &house.facts(), now);
    assert_eq!(one.inquiry.flags().into_iter().collect::<Vec<_>>(), ["opt_out"]);
    assert_eq!(crate::decide::suppressed(&one.inquiry, &house.facts())[0].why, "the caller opted out");
    assert!(one.inquiry.owner.is_some() && one.inquiry.clock.is_some() && targets(&one).contains(&"find"));
    let entries = |step: &Step| step.drafts.iter().filter(|d| d.kind == "opted_out").count();
    assert_eq!(entries(&one), 1);
    let two = step(one.inquiry.clone(), &Event::Call { call: told }, &house.facts(), now);
    assert_eq!(entries(&two), 0);
    let three = step(two.inquiry, &Event::OptedOut { opt_out }, &house.facts(), now);
    assert_eq!((entries(&three), three.plan), (0, None));
}

#[test]
fn an_opt_out_is_news_where_it_is_said_or_shown_first() {
    use crate::consent::{self, SaidBy};
    let house = House::new();
    let facts = house.facts();
    let words = facts.crm.map(|(_, words)| words);
    let mut call = house.call(1, "2026-03-04T17:00:00Z", Ending::Voicemail, CALLER);
    let now = call.first_received_at;
    let one = step(house.open(&call), &Event::Call { call: InquiryCall::of(&call, None) }, &facts, now);
    let nothing = consent::Then::default();
    let heat = house.said(&mut call, "We have no heat since last night.");
    let heard = step(one.inquiry.clone(), &heat, &facts, now);
    assert_eq!(consent::first_shown(&nothing, &heard.inquiry, &heat, words, now), None, "other words are no such wish");
    let read = house.said(&mut call, "We have no heat since last night. Please stop calling me.");
    let two = step(one.inquiry, &read, &facts, now);
    let news = consent::first_shown(&nothing, &two.inquiry, &read, words, now).unwrap();
    assert_eq!((&news.said, news.at), (&SaidBy::Caller { call: call.id.clone() }, call.started_at));
    assert_eq!(news.inquiry.as_ref(), Some(&two.inquiry.id));
    let three = step(two.inquiry, &Event::OptedOut { opt_out: news }, &facts, now);
    let then = consent::Then::of(&three.inquiry, words);
    assert_eq!(consent::first_shown(&then, &three.inquiry, &read, words, now), None, "the same words say nothing new");
    assert_eq!(consent::first_shown(&nothing, &three.inquiry, &read, words, now), None, "and what is kept is kept");
    // Taken back: the same record says nothing new, nor does the same call in another transcript; words of another call do, and so does another record.
    let by = UserId::from_text("user_ann");
    let four = step(three.inquiry, &Event::OptOutCleared { reason: "asked for a call".into(), by }, &facts, now);
    assert!(!four.inquiry.has_flag("opt_out") && four.inquiry.claims.contains_key("flag.opt_out"));
    let sealed = four.drafts.iter().find(|d| d.kind == "opt_out_cleared").unwrap();
    assert_eq!(sealed.sealed["reason"].1, "asked for a call");
    let then = consent::Then::of(&four.inquiry, words);
    assert_eq!(consent::first_shown(&then, &four.inquiry, &read, words, now), None, "a person has heard that call");
    let mut again = house.call(2, "2026-03-05T17:00:00Z", Ending::Voicemail, CALLER);
    let said = house.said(&mut again, "I told you to stop calling me.");
    assert!(consent::first_shown(&then, &four.inquiry, &said, words, now).is_some());
    let shown = found(&four.inquiry, vec![record("901", &[("phone", CALLER), ("hs_email_optout", "true")])]);
    let five = step(four.inquiry, &shown, &facts, now);
    let crm = consent::shown_by_crm(&five.inquiry, words);
    assert_eq!(crm, Some(("901".to_owned(), "hs_email_optout")));
    assert!(consent::first_shown(&then, &five.inquiry, &shown, words, now).is_some());
    let then = consent::Then::of(&five.inquiry, words);
    assert_eq!(consent::first_shown(&then, &five.inquiry, &Event::FactsChanged, words, now), None);
}

#[test]
fn what_was_stored_before_opt_outs_were_kept_reads_and_writes_the_same() {
    let house = House::new();
    let call = house.call(1, "2026-03-04T17:00:00Z", Ending::Voicemail, CALLER);
    let event = Event::Call { call: InquiryCall::of(&call, None) };
    let text = serde_json::to_string(&event).unwrap();
    assert!(!text.contains("opted_out"), "{text}");
    assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
    let inquiry = serde_json::to_string(&house.open(&call)).unwrap();
    assert!(!inquiry.contains("consent"), "{inquiry}");
}
