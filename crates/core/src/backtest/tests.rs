//! A rehearsal decides as a live step does, and what differs is counted by what people made of it.

use super::*;
use crate::contract::{Autonomy, Machine};
use crate::decide::laws::{MESSAGES, World, build, worlds};
use crate::effect::Desired;
use crate::ensure::Receipt;
use crate::id::StaffId;
use crate::inquiry::house::*;
use crate::inquiry::{CallbackResult, InquiryCall, step};
use crate::signal::Ending;
use jiff::SignedDuration;
use proptest::prelude::*;

/// What else happens, after the first call was read.
#[derive(Debug, Clone)]
enum Turn {
    /// The CRM shows what it holds.
    Look,
    /// The caller rings again and says this; a lost call says nothing.
    Again(Option<usize>),
    /// A person picks the record, or says that it is somebody new.
    Pick(bool),
    Assign,
    CalledBack(CallbackResult),
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let turn = prop_oneof![
        3 => Just(Turn::Look),
        3 => prop::option::of(0..MESSAGES.len()).prop_map(Turn::Again),
        1 => any::<bool>().prop_map(Turn::Pick),
        1 => Just(Turn::Assign),
        1 => prop::sample::select(vec![CallbackResult::NoAnswer, CallbackResult::Reached, CallbackResult::WrongNumber])
            .prop_map(Turn::CalledBack),
    ];
    prop::collection::vec(turn, 1..6)
}

/// Every planned write of a live inquiry stands there at once.
fn settle(house: &House, mut done: inquiry::Step, now: Timestamp) -> Inquiry {
    for _ in 0..40 {
        let of = |e: &&crate::effect::Effect| !e.target.starts_with("page") && e.target != "find";
        let effects: Vec<_> = done.plan.iter().flat_map(|p| &p.effects).filter(of).cloned().collect();
        if effects.is_empty() {
            break;
        }
        let mut next = None;
        for effect in effects {
            let held = done.inquiry.effects.get(&effect.target);
            if held.is_none_or(|h| h.id != effect.id) {
                continue;
            }
            let (object, record, was) = match &effect.desired {
                Desired::NewContact { .. } => (Object::Contact, "901".to_owned(), BTreeMap::new()),
                Desired::ContactFields { record, was, .. } => (Object::Contact, record.clone(), was.clone()),
                Desired::Activity { object, .. } | Desired::ActivityIfMade { object, .. } => {
                    (*object, format!("{}-of-{}", object.as_str(), effect.target), BTreeMap::new())
                }
                other => panic!("{other:?}"),
            };
            let properties = effect.desired.properties().cloned().unwrap_or_default();
            let receipt =
                Receipt { object: Some(object), record, read_at: Some(now), properties, was, ..Receipt::default() };
            let event = Event::Settled { effect: effect.id, target: effect.target, receipt };
            let step = step(done.inquiry, &event, &house.facts(), now);
            done.inquiry = step.inquiry;
            next = step.plan.or(next);
        }
        done.plan = next;
    }
    done.inquiry
}

/// Both ways of moving, side by side.
struct Both<'h> {
    house: &'h House,
    live: Inquiry,
    rehearsed: Course,
    now: Timestamp,
}

impl Both<'_> {
    fn go(&mut self, event: &Event) -> Result<(), TestCaseError> {
        let facts = self.house.facts();
        let done = step(self.live.clone(), event, &facts, self.now);
        let event = match event {
            Event::Decided { choice, by, .. } => {
                let Some(review) = self.rehearsed.inquiry.reviews.iter().find(|r| r.kind == ReviewKind::Match) else {
                    panic!("the rehearsal asks who it is, too");
                };
                &Event::Decided { review: review.id.clone(), choice: choice.clone(), by: by.clone() }
            }
            event => event,
        };
        self.rehearsed.move_on(event, &facts, self.now);
        let rulings = self.rehearsed.rulings(&facts, &self.house.contract, self.now);
        let verdicts: Vec<Verdict> =
            rulings.iter().map(|ruling| ruling.clone().verdict(&self.rehearsed.inquiry)).collect();
        let decided = self.rehearsed.bring_about(rulings, &facts, self.now);
        prop_assert_eq!(&done.inquiry.verdicts, &verdicts);
        let (a, b) = (&done.inquiry, &self.rehearsed.inquiry);
        prop_assert_eq!(&a.matched, &b.matched);
        prop_assert_eq!(&a.owner, &b.owner);
        prop_assert_eq!((&a.state, &a.location), (&b.state, &b.location));
        prop_assert_eq!(&a.unmapped, &crate::decide::unmapped(b, &self.house.contract));
        prop_assert_eq!(a.clock.as_ref().map(|c| c.due_at), b.clock.as_ref().map(|c| c.due_at));
        // What would be planned is what is taken to be done.
        let plans = |name: &str| done.plan.iter().flat_map(|p| &p.effects).any(|e| e.target.starts_with(name));
        prop_assert!(!plans("contact") && !plans("fields") || decided.reach.contact);
        prop_assert!(!plans("call:") && !plans("task") || decided.reach.own_records || !self.live.open());
        let asked = done.inquiry.reviews.iter().any(|r| r.kind == ReviewKind::Field);
        prop_assert!(!asked || decided.asks);
        self.live = settle(self.house, done, self.now);
        // Who holds what, after the writes.
        let held = |i: &Inquiry| i.contact.as_ref().map(|c| (c.made, c.ours.keys().cloned().collect::<Vec<_>>()));
        prop_assert_eq!(held(&self.live), held(&self.rehearsed.inquiry));
        Ok(())
    }

    fn rings(&mut self, n: u32, words: Option<usize>) -> Result<(), TestCaseError> {
        let ending = if words.is_some() { Ending::Voicemail } else { Ending::RingNoAnswer };
        let mut call = self.house.call(n, &self.now.to_string(), ending, CALLER);
        self.go(&Event::Call { call: InquiryCall::of(&call, None) })?;
        match words {
            Some(words) => {
                let read = self.house.said(&mut call, MESSAGES[words]);
                self.go(&read)
            }
            None => Ok(()),
        }
    }
}

fn lockstep(world: &World, turns: &[Turn]) -> Result<(), TestCaseError> {
    let (house, records, memory) = build(world);
    let first = house.call(1, OPEN, Ending::Voicemail, CALLER);
    let (live, now) = (house.open(&first), first.first_received_at);
    let mut both = Both { house: &house, rehearsed: Course::of(live.clone()), live, now };
    both.rings(1, Some(world.message))?;
    let by = UserId::from_text("user_1");
    for (n, turn) in turns.iter().enumerate() {
        both.now = both.now.checked_add(SignedDuration::from_mins(7)).unwrap();
        match turn {
            Turn::Look => {
                let Some(find) = both.live.effects.get("find").filter(|e| e.progress == inquiry::Progress::Planned)
                else {
                    continue;
                };
                let (effect, read_at) = (find.id.clone(), both.now);
                let (records, memory) = (records.clone(), memory.clone());
                both.go(&Event::Found { effect, read_at, records, memory })?;
            }
            Turn::Again(words) => both.rings(u32::try_from(n).unwrap() + 2, *words)?,
            Turn::Pick(new) => {
                let Some(asked) = both.live.reviews.iter().find(|r| r.kind == ReviewKind::Match) else { continue };
                let id = if *new { "new".to_owned() } else { asked.choices[0].0.clone() };
                let (review, by) = (asked.id.clone(), by.clone());
                both.go(&Event::Decided { review, choice: Choice::Pick { id }, by })?;
            }
            Turn::Assign => both.go(&Event::Assigned { to: StaffId::from_text("staff_cora"), by: by.clone() })?,
            Turn::CalledBack(result) => {
                both.go(&Event::CalledBack { result: *result, note: None, by: by.clone(), booked_for: None })?;
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_rehearsal_decides_as_a_live_step_does(world in worlds(), turns in turns()) {
        lockstep(&world, &turns)?;
    }
}

const NO_HEAT: &str = "We have no heat since last night, please call me back.";

/// The house with a contract that writes an urgency when it is this sure.
fn writes_urgency_at(write_at: u16) -> House {
    let mut house = House::new();
    house.contract.autonomy = Autonomy::Auto;
    let urgency = house.contract.fields.get_mut("urgency").unwrap();
    (urgency.write_at, urgency.review_at) = (write_at, 300);
    house
}

/// A voicemail of that caller, and what the CRM showed then.
fn voicemail(house: &House, records: Vec<Record>) -> Case {
    let mut call = house.call(1, OPEN, Ending::Voicemail, CALLER);
    let (born, at) = (house.open(&call), call.first_received_at);
    let told = Event::Call { call: InquiryCall::of(&call, None) };
    let read = house.said(&mut call, NO_HEAT);
    let effect = crate::id::EffectId::from_text("eff_1.1");
    let seen = Arc::new(Seen { at, records: records.clone(), memory: Vec::new() });
    let found = Event::Found { effect, read_at: at, records, memory: Vec::new() };
    let what = [What::Event(told), What::Event(read), What::Found(found, 0)];
    let happened = what.into_iter().map(|what| Happened { at, what }).collect();
    Case { born, happened, said: Vec::new(), seen: vec![seen] }
}

fn report(now: &House, draft: &House, case: &Case) -> Report {
    let sights = [sight(&now.contract, &WORDS)];
    let (now, draft) = (Side::new(now.facts(), &sights), Side::new(draft.facts(), &sights));
    let mut comparison = Comparison::new(&now, &draft);
    comparison.take(case);
    comparison.report()
}

fn urgency(report: &Report) -> Counts {
    report.fields["urgency"]
}

/// How sure the reader is that it is urgent.
fn sure() -> u16 {
    let house = writes_urgency_at(0);
    let side = Side::new(house.facts(), &[]);
    let rehearsed = rehearse(&voicemail(&house, Vec::new()), &side);
    rehearsed.inquiry.claims["urgency"].claim.confidence.0
}

#[test]
fn a_laxer_draft_writes_more_and_asks_less() {
    let (now, draft) = (writes_urgency_at(sure() + 1), writes_urgency_at(sure()));
    let case = voicemail(&now, Vec::new());
    let found = report(&now, &draft, &case);
    let counts = urgency(&found);
    assert_eq!((counts.more_written.n, counts.no_longer_reviewed.n), (1, 1), "{counts:?}");
    assert_eq!((counts.fewer_written.n, counts.newly_reviewed.n, counts.unknown), (0, 0, 0));
    assert_eq!((found.inquiries, found.calls, found.expired), (1, 1, 0));
    let example = &found.examples[&Bucket::MoreWritten][0];
    assert_eq!((example.now.verdict, example.draft.verdict), ("review", "write"));
    assert!(NO_HEAT.contains(example.quote.as_deref().unwrap()));
    assert_eq!(example.person, None);
    assert_eq!(found.wrong, None);
    // The other way round it writes fewer and asks more.
    let back = urgency(&report(&draft, &now, &case));
    assert_eq!((back.fewer_written.n, back.newly_reviewed.n, back.more_written.n), (1, 1, 0));
    // And against itself nothing differs.
    let same = report(&now, &now, &case);
    assert_eq!((urgency(&same).reviewed_now, urgency(&same).reviewed_draft), (1, 1));
    assert!(same.examples.is_empty() && same.owner_differs == 0 && same.match_differs == 0);
}

fn answer(choice: Answer, value: &str) -> Said {
    let (to, from) = ("contact.rb_urgency".to_owned(), "urgency".to_owned());
    Said { at: when("2026-03-04T09:00:00Z"), by: UserId::from_text("user_1"), to, from, choice, value: value.into() }
}

#[test]
fn what_a_person_answered_judges_what_the_draft_would_have_written() {
    let (now, draft) = (writes_urgency_at(sure() + 1), writes_urgency_at(sure()));
    let mut case = voicemail(&now, Vec::new());
    let value = report(&now, &draft, &case).examples[&Bucket::MoreWritten][0].draft.value.clone().unwrap();
    for (choice, said, corrected, confirmed) in [
        (Answer::Approved, value.as_str(), 0, 1),
        (Answer::Rejected, value.as_str(), 1, 0),
        (Answer::Edited, "low", 1, 0),
        (Answer::Edited, value.as_str(), 0, 1),
        (Answer::Approved, "low", 1, 0),
        // That another value was rejected says nothing of this one.
        (Answer::Rejected, "low", 0, 0),
    ] {
        case.said = vec![answer(choice, said)];
        let found = report(&now, &draft, &case);
        let more = urgency(&found).more_written;
        assert_eq!((more.n, more.corrected, more.confirmed), (1, corrected, confirmed), "{choice:?} {said}");
        assert_eq!(found.wrong.is_some(), corrected == 1, "{choice:?} {said}");
    }
    // An answer about another field says nothing.
    case.said =
        vec![Said { to: "contact.rb_budget".into(), from: "budget".into(), ..answer(Answer::Rejected, &value) }];
    assert_eq!(urgency(&report(&now, &draft, &case)).more_written.corrected, 0);
    // The latest answer counts.
    let later = Said { at: when("2026-03-05T09:00:00Z"), ..answer(Answer::Approved, &value) };
    case.said = vec![later, answer(Answer::Rejected, &value)];
    assert_eq!(urgency(&report(&now, &draft, &case)).more_written.confirmed, 1);
}

#[test]
fn what_a_person_set_in_the_crm_later_judges_it_too() {
    let (now, draft) = (writes_urgency_at(sure() + 1), writes_urgency_at(sure()));
    let known = record("512", &[("phone", CALLER), ("rb_urgency", "")]);
    let case = voicemail(&now, vec![known]);
    assert_eq!(urgency(&report(&now, &draft, &case)).more_written.corrected, 0, "nothing was set there later");
    let later = |properties: &[(&str, &str)]| record("512", properties);
    let look = |at: &str, record: Record| Arc::new(Seen { at: when(at), records: vec![record], memory: Vec::new() });
    let with = |seen: Arc<Seen>| {
        let mut case = case.clone();
        case.seen.push(seen);
        report(&now, &draft, &case)
    };
    let set = later(&[("phone", CALLER), ("rb_urgency", "low")]);
    let found = with(look("2026-03-09T09:00:00Z", set.clone()));
    assert_eq!(urgency(&found).more_written.corrected, 1);
    let person = found.wrong.unwrap().person.unwrap();
    assert_eq!((person.value.as_deref(), person.how), (Some("low"), How::SetInCrm));
    // A look before the call, another record, another integration, and our own word are no person's.
    assert_eq!(urgency(&with(look("2026-03-01T09:00:00Z", set.clone()))).more_written.corrected, 0);
    let other = Record { id: "513".into(), ..set.clone() };
    assert_eq!(urgency(&with(look("2026-03-09T09:00:00Z", other))).more_written.corrected, 0);
    let mut automatic = set.clone();
    automatic.set_by.get_mut("rb_urgency").unwrap().who = Setter::Automation;
    assert_eq!(urgency(&with(look("2026-03-09T09:00:00Z", automatic))).more_written.corrected, 0);
    let silent = Record { set_by: BTreeMap::new(), ..set };
    assert_eq!(urgency(&with(look("2026-03-09T09:00:00Z", silent.clone()))).more_written.corrected, 1);
    let wrote = crate::inquiry::Wrote {
        crm: now.lane.clone(),
        value: "low".into(),
        confidence: None,
        actor: crate::plan::Actor::Machine,
        at: when("2026-03-08T09:00:00Z"),
    };
    let memory = vec![Remembered { record: "512".into(), property: "rb_urgency".into(), wrote }];
    let ours = Arc::new(Seen { at: when("2026-03-09T09:00:00Z"), records: vec![silent], memory });
    assert_eq!(urgency(&with(ours)).more_written.corrected, 0);
}

#[test]
fn what_was_not_read_then_is_unknown_and_not_empty() {
    let now = writes_urgency_at(sure());
    let mut draft = writes_urgency_at(sure());
    draft.contract.fields.get_mut("urgency").unwrap().property = "their_own_field".into();
    let known = record("512", &[("phone", CALLER)]);
    let found = report(&now, &draft, &voicemail(&now, vec![known]));
    let counts = urgency(&found);
    assert_eq!((counts.unknown, counts.more_written.n, counts.written_draft.n), (1, 0, 0), "{counts:?}");
    assert_eq!(found.examples[&Bucket::Unknown][0].to, "contact.their_own_field");
    // Of a record that we make ourselves everything is known.
    let new = urgency(&report(&now, &draft, &voicemail(&now, Vec::new())));
    assert_eq!((new.unknown, new.written_draft.n), (0, 1), "{new:?}");
}

#[test]
fn a_field_that_only_one_of_them_has_is_told_by_its_own_side() {
    let now = writes_urgency_at(sure());
    let mut draft = writes_urgency_at(sure());
    draft.contract.fields.remove("urgency");
    let found = report(&now, &draft, &voicemail(&now, Vec::new()));
    assert_eq!(urgency(&found).fewer_written.n, 1);
    let example = &found.examples[&Bucket::FewerWritten][0];
    assert_eq!((example.now.verdict, example.draft.verdict), ("write", "none"));
    assert!(example.quote.is_some() && example.to == "contact.rb_urgency");
}

#[test]
fn examples_have_room_for_several_fields() {
    let (now, mut draft) = (writes_urgency_at(sure() + 1), writes_urgency_at(sure()));
    for rule in draft.contract.fields.values_mut() {
        rule.machine = Machine::Update;
        (rule.accountability, rule.protected, rule.write_at) = (false, None, 300);
    }
    let case = voicemail(&now, Vec::new());
    let mut all = Report::default();
    for _ in 0..20 {
        all.absorb(report(&now, &draft, &case));
    }
    assert_eq!(urgency(&all).more_written.n, 20);
    assert_eq!(all.total.more_written.n, all.fields.values().map(|c| c.more_written.n).sum::<u64>());
    for examples in all.examples.values() {
        assert!(examples.len() <= EXAMPLES_MAX);
        for one in examples {
            assert!(examples.iter().filter(|e| e.field == one.field).count() <= EXAMPLES_OF_FIELD_MAX);
        }
    }
}

/// How both contracts differ beyond what their clauses say of values.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Twist {
    None,
    /// The owner turns on a property that a clause fills.
    OwnerAsksRecord,
    OwnerAsksField,
    Clock,
    Matching,
    Tie,
    ReviewWhen,
    OtherClaim,
}

fn twist(contract: &mut Contract, twist: Twist) {
    let rule = |when: &str| crate::contract::OwnerRule {
        priority: 1,
        when: when.into(),
        to: crate::contract::OwnerTarget::Staff("staff_sam".into()),
    };
    match twist {
        Twist::None => {}
        Twist::OwnerAsksRecord => contract.owner.rules.insert(0, rule(r#"record.rb_urgency in ["high", "nurture"]"#)),
        Twist::OwnerAsksField => contract.owner.rules.insert(0, rule(r#"field.budget != "unknown""#)),
        Twist::Clock => contract.clock.new_lead = crate::contract::Term::Minutes(77),
        Twist::Matching => contract.matching.link.clear(),
        Twist::Tie => contract.owner.rules.push(rule(r#"inquiry.urgency == "high""#)),
        Twist::ReviewWhen => {
            for rule in contract.fields.values_mut() {
                rule.review_when = Some(r#"record.rb_urgency == "high" || "complaint" in inquiry.flags"#.into());
            }
        }
        Twist::OtherClaim => contract.fields.get_mut("budget").unwrap().from = "caller_name".into(),
    }
}

fn twists() -> impl Strategy<Value = Twist> {
    let all = [
        Twist::OwnerAsksRecord,
        Twist::OwnerAsksField,
        Twist::Clock,
        Twist::Matching,
        Twist::Tie,
        Twist::ReviewWhen,
        Twist::OtherClaim,
    ];
    prop_oneof![2 => Just(Twist::None), 3 => prop::sample::select(all.to_vec())]
}

/// The turns as they would have been recorded.
fn recorded(house: &House, records: &[Record], memory: &[Remembered], message: usize, turns: &[Turn]) -> Case {
    let by = UserId::from_text("user_1");
    let mut call = house.call(1, OPEN, Ending::Voicemail, CALLER);
    let (born, mut now) = (house.open(&call), call.first_received_at);
    let told = Event::Call { call: InquiryCall::of(&call, None) };
    let mut happened = vec![Happened { at: now, what: What::Event(told) }];
    happened.push(Happened { at: now, what: What::Event(house.said(&mut call, MESSAGES[message])) });
    for (n, turn) in turns.iter().enumerate() {
        now = now.checked_add(SignedDuration::from_mins(7)).unwrap();
        let what = match turn {
            Turn::Look => {
                let effect = crate::id::EffectId::from_text("eff_1.1");
                let (records, memory) = (records.to_vec(), memory.to_vec());
                What::Found(Event::Found { effect, read_at: now, records, memory }, 0)
            }
            Turn::Again(words) => {
                let n = u32::try_from(n).unwrap() + 2;
                let mut call = house.call(n, &now.to_string(), Ending::Voicemail, CALLER);
                let told = Event::Call { call: InquiryCall::of(&call, None) };
                happened.push(Happened { at: now, what: What::Event(told) });
                let Some(words) = words else { continue };
                What::Event(house.said(&mut call, MESSAGES[*words]))
            }
            Turn::Pick(new) => {
                let id = if *new { "new" } else { "512" }.to_owned();
                What::Answered { kind: ReviewKind::Match, choice: Choice::Pick { id }, by: by.clone() }
            }
            Turn::Assign => What::Event(Event::Assigned { to: StaffId::from_text("staff_cora"), by: by.clone() }),
            Turn::CalledBack(result) => {
                What::Event(Event::CalledBack { result: *result, note: None, by: by.clone(), booked_for: None })
            }
        };
        happened.push(Happened { at: now, what });
    }
    Case { born, happened, said: Vec::new(), seen: Vec::new() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Two contracts at once decide what each of them decides alone.
    #[test]
    fn what_two_contracts_share_is_done_once_and_is_the_same(
        (world, other) in (worlds(), worlds()),
        turns in turns(),
        (for_both, for_draft) in (twists(), twists()),
    ) {
        let (mut house, records, memory) = build(&world);
        let mut draft = build(&other).0.contract;
        twist(&mut house.contract, for_both);
        twist(&mut draft, for_both);
        twist(&mut draft, for_draft);
        let case = recorded(&house, &records, &memory, world.message, &turns);
        let sights = [sight(&house.contract, &WORDS)];
        let now = Side::new(house.facts(), &sights);
        let draft = Side::new(Facts { contract: &draft, ..house.facts() }, &sights);
        let alike = now.runs_alike(&draft);
        let same_rules = matches!(for_draft, Twist::None | Twist::ReviewWhen);
        prop_assert!(alike || !same_rules, "{:?}", for_draft);
        let (a, b) = both(&case, &now, &draft, alike);
        for (shared, alone) in [(&a, &rehearse(&case, &now)), (&b, &rehearse(&case, &draft))] {
            let tell = |of: &Rehearsed<'_>| {
                let one = |d: &Decided<'_>| format!("{} {:?} {} {:?}", d.at, d.of.reach, d.of.asks, d.of.rulings);
                of.decided.iter().map(one).collect::<Vec<_>>()
            };
            prop_assert_eq!(tell(shared), tell(alone));
            prop_assert_eq!(&shared.contact, &alone.contact);
            prop_assert_eq!((&shared.inquiry, shared.sight), (&alone.inquiry, alone.sight));
        }
    }
}
