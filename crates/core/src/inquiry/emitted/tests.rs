use super::*;
use crate::effect::Effect;
use crate::id::ConnectionId;
use crate::inquiry::house::*;
use crate::inquiry::step;
use crate::signal::Ending;
use std::collections::BTreeSet;

fn target(name: &str, occasions: &[Occasion], personal: &[Personal]) -> Target {
    Target {
        lane: ConnectionId::from_text(name),
        occasions: occasions.iter().copied().collect(),
        personal: personal.iter().copied().collect(),
    }
}

fn told_all(house: &mut House, personal: &[Personal]) {
    house.targets = vec![target("stats", &Occasion::ALL, personal)];
}

/// What a step tells that receiver, in its order.
fn emitted(step: &Step, lane: &str) -> Vec<(Effect, Emission)> {
    let effects = step.plan.iter().flat_map(|p| &p.effects).filter(|e| e.lane.as_str() == lane);
    let all = effects.filter_map(|e| match &e.desired {
        Desired::Emit { emission, .. } => Some((e.clone(), (**emission).clone())),
        _ => None,
    });
    all.collect()
}

fn words(step: &Step) -> Vec<&'static str> {
    emitted(step, "stats").iter().map(|(_, e)| e.occasion.word()).collect()
}

fn called(result: CallbackResult, booked_for: Option<&str>) -> Event {
    let note = Some("prefers mornings".to_owned());
    Event::CalledBack { result, note, by: UserId::from_text("user_1"), booked_for: booked_for.map(when) }
}

fn rung(house: &House) -> Step {
    let call = house.call(1, OPEN, Ending::RingNoAnswer, CALLER);
    let event = Event::Call { call: InquiryCall::of(&call, None) };
    step(house.open(&call), &event, &house.facts(), call.first_received_at)
}

#[test]
fn a_booked_callback_is_told_once_in_its_order_with_its_time() {
    let mut house = House::new();
    told_all(&mut house, &[]);
    house.targets.push(target("zcalendar", &[Occasion::Booked], &[Personal::CallerPhone, Personal::Note]));
    let one = rung(&house);
    assert_eq!(words(&one), ["inquiry.opened", "inquiry.owner_set"]);
    assert_eq!(emitted(&one, "zcalendar"), []);
    let at = when("2026-03-03T17:05:20Z");
    let two = step(one.inquiry.clone(), &called(CallbackResult::NoAnswer, None), &house.facts(), at);
    assert_eq!(words(&two), ["inquiry.called_back"]);
    let later = when("2026-03-03T19:10:00Z");
    let booked = called(CallbackResult::Booked, Some("2026-03-05T15:00:00Z"));
    let three = step(two.inquiry, &booked, &house.facts(), later);
    assert_eq!(words(&three), ["inquiry.called_back", "booking.confirmed", "inquiry.closed"]);

    let all = emitted(&three, "stats");
    assert_eq!(all.iter().map(|(_, e)| e.sequence).collect::<Vec<_>>(), [4, 5, 6]);
    for (effect, emission) in &all {
        assert_eq!(effect.desired.key().unwrap(), format!("rb-event-1-stats-{}", emission.sequence));
        assert!(effect.needs.iter().all(|n| n.settled), "what could not be told holds nothing up");
        assert_eq!(emission.personal, BTreeMap::new());
        assert_eq!((emission.at, emission.result), (later, Some(CallbackResult::Booked)));
        assert_eq!(emission.booked_for, Some(when("2026-03-05T15:00:00Z")));
        assert_eq!(emission.callback_seconds, Some(300), "to the first attempt");
    }
    let before: Vec<&EffectId> = all[2].0.needs.iter().map(|n| &n.effect).collect();
    assert!(before.contains(&&all[0].0.id) && before.contains(&&all[1].0.id), "in order: {before:?}");
    assert_eq!(all[2].1.outcome, Some(Outcome::Converted));

    let [(_, calendar)] = &emitted(&three, "zcalendar")[..] else { panic!() };
    assert_eq!((calendar.occasion, calendar.sequence), (Occasion::Booked, 1));
    let personal = [(Personal::CallerPhone, CALLER.to_owned()), (Personal::Note, "prefers mornings".to_owned())];
    assert_eq!(calendar.personal, personal.into());

    // The same click again is another attempt to call back, and no other booking.
    let again = step(three.inquiry, &called(CallbackResult::Booked, None), &house.facts(), later);
    assert_eq!(words(&again), ["inquiry.called_back"]);
    assert_eq!(emitted(&again, "zcalendar"), []);
}

#[test]
fn nobody_is_told_what_was_so_before_and_nothing_changes_where_nobody_listens() {
    let quiet = House::new();
    let one = rung(&quiet);
    assert!(one.inquiry.effects.keys().all(|t| !emits(t, None)));
    let mut house = House::new();
    told_all(&mut house, &[]);
    // A receiver that comes while the inquiry is open hears what happens from then on.
    let now = when("2026-03-03T17:20:00Z");
    let two = step(one.inquiry.clone(), &Event::FactsChanged, &house.facts(), now);
    assert_eq!(words(&two), Vec::<&str>::new());
    let three = step(two.inquiry, &called(CallbackResult::Reached, None), &house.facts(), now);
    assert_eq!(words(&three), ["inquiry.called_back", "inquiry.closed"]);

    // Whoever listens, everything else is decided the same.
    let rest = |step: &Step| {
        let effects = step.plan.iter().flat_map(|p| &p.effects).filter(|e| !emits(&e.target, None));
        effects.map(|e| (e.target.clone(), e.desired.clone())).collect::<Vec<_>>()
    };
    assert_eq!(rest(&rung(&house)), rest(&one));
    let drafts = |step: &Step| step.drafts.iter().filter(|d| d.kind != "plan").cloned().collect::<Vec<_>>();
    assert_eq!(drafts(&rung(&house)), drafts(&one));
}

#[test]
fn what_was_not_told_yet_is_still_told_when_the_plan_changes_and_the_receiver_is_gone() {
    let mut house = House::new();
    told_all(&mut house, &[]);
    let one = rung(&house);
    house.targets.clear();
    let two = step(one.inquiry, &called(CallbackResult::Reached, None), &house.facts(), when("2026-03-03T17:20:00Z"));
    let waiting = two.inquiry.effects.iter().filter(|(t, e)| emits(t, None) && e.progress == Progress::Planned);
    assert_eq!(waiting.count(), 2);
    assert!(two.plan.iter().flat_map(|p| &p.supersedes).all(|id| {
        let told = two.inquiry.effects.iter().find(|(_, e)| e.id == *id);
        told.is_none_or(|(target, _)| !emits(target, None))
    }));
}

#[test]
fn what_could_not_be_told_hides_nothing_that_was_written() {
    let mut house = House::new();
    told_all(&mut house, &[]);
    let one = rung(&house);
    let before = one.inquiry.stages();
    let target = one.inquiry.effects.keys().find(|t| emits(t, None)).unwrap().clone();
    let effect = one.inquiry.effects[&target].id.clone();
    let dead = Event::Dead { effect, target, why: "switched_off: The receiver is switched off".into() };
    let two = step(one.inquiry, &dead, &house.facts(), when("2026-03-03T17:20:00Z"));
    assert_eq!(two.inquiry.stages(), before, "the six stages are about the CRM");
}

#[test]
fn a_customer_in_trouble_makes_one_ticket() {
    let trouble = "Hi, this is Maria Lopez. You repaired my water heater last week and it is still not working. Please call me back.";
    let of = |stage: &str, text: &str| {
        let mut house = House::new();
        house.targets = vec![target("stats", &[Occasion::TicketWanted], &[Personal::Summary])];
        let mut call = house.call(1, OPEN, Ending::Voicemail, CALLER);
        let now = call.first_received_at;
        let read = house.said(&mut call, text);
        let one = step(house.open(&call), &Event::Call { call: InquiryCall::of(&call, None) }, &house.facts(), now);
        let looked = found(&one.inquiry, vec![record("77", &[("phone", CALLER), ("lifecyclestage", stage)])]);
        let two = step(one.inquiry, &looked, &house.facts(), now);
        let three = step(two.inquiry, &read, &house.facts(), now);
        (house, three)
    };
    let (house, wanted) = of("customer", trouble);
    let [(_, ticket)] = &emitted(&wanted, "stats")[..] else { panic!("{:?}", wanted.inquiry.claims) };
    assert_eq!((ticket.occasion, ticket.caller_is), (Occasion::TicketWanted, Some(MatchKind::Customer)));
    assert!(ticket.personal[&Personal::Summary].contains("water heater"), "{:?}", ticket.personal);

    // Another call about the same, and a person who says so: it is one ticket all the same.
    let now = when("2026-03-03T18:00:00Z");
    let mut again = house.call(2, "2026-03-03T17:50:00Z", Ending::Voicemail, CALLER);
    let read = house.said(&mut again, trouble);
    let four = step(wanted.inquiry, &Event::Call { call: InquiryCall::of(&again, None) }, &house.facts(), now);
    let five = step(four.inquiry, &read, &house.facts(), now);
    assert_eq!(emitted(&five, "stats"), []);

    let nothing = "Hi, I would like to book an appointment for next Tuesday. Please call me back.";
    assert_eq!(words(&of("customer", nothing).1), Vec::<&str>::new(), "a customer who wants something else");
    let lead = "Hi, my furnace is not working. Please call me back.";
    assert_eq!(words(&of("lead", lead).1), Vec::<&str>::new(), "nobody's customer yet");
}

#[test]
fn a_call_that_was_answered_opens_and_closes_nothing() {
    let mut house = House::new();
    told_all(&mut house, &[]);
    let call = house.call(1, OPEN, Ending::Answered, CALLER);
    let event = Event::Call { call: InquiryCall::of(&call, None) };
    let one = step(house.open(&call), &event, &house.facts(), call.first_received_at);
    assert_eq!(words(&one), Vec::<&str>::new());

    // One that turns out to have been answered was waited for until then.
    let mut call = house.call(1, OPEN, Ending::RingNoAnswer, CALLER);
    let one = rung(&house);
    call.ending = Ending::Answered;
    let event = Event::Call { call: InquiryCall::of(&call, None) };
    let two = step(one.inquiry, &event, &house.facts(), when("2026-03-03T17:10:00Z"));
    assert_eq!(words(&two), ["inquiry.closed"]);
    assert_eq!(emitted(&two, "stats")[0].1.outcome, Some(Outcome::AnsweredAfterAll));
}

#[test]
fn values_about_people_go_along_only_where_they_are_asked_for() {
    let mut house = House::new();
    told_all(&mut house, &Personal::ALL);
    house.targets.push(target("zbare", &Occasion::ALL, &[]));
    let mut call = house.call(1, OPEN, Ending::Voicemail, CALLER);
    let now = call.first_received_at;
    let read = house.said(&mut call, "Hi, my name is Maria Lopez, my water heater is leaking, please call me back.");
    let one = step(house.open(&call), &Event::Call { call: InquiryCall::of(&call, None) }, &house.facts(), now);
    let two = step(one.inquiry, &read, &house.facts(), now);
    let three = step(two.inquiry.clone(), &called(CallbackResult::Reached, None), &house.facts(), now);
    let (_, last) = emitted(&three, "stats").pop().unwrap();
    let named: BTreeSet<Personal> = last.personal.keys().copied().collect();
    for known in [Personal::CallerPhone, Personal::OwnerName, Personal::Summary, Personal::Note] {
        assert!(named.contains(&known), "{known:?}: {:?}", last.personal);
    }
    for (_, emission) in emitted(&three, "zbare") {
        let text = serde_json::to_string(&emission).unwrap();
        for word in ["312", "Maria", "mornings", "leaking", "\"ana\""] {
            assert!(!text.contains(word), "{word}: {text}");
        }
    }
    // Where the contract keeps notes plain, nothing of what was said leaves.
    house.contract.notes = Notes::Plain;
    let plain = step(two.inquiry, &called(CallbackResult::Reached, None), &house.facts(), now);
    assert!(emitted(&plain, "stats").iter().all(|(_, e)| !e.personal.contains_key(&Personal::Summary)));
}
