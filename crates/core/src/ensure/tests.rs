use super::*;
use crate::crm::{PersonKey, SetBy};
use crate::effect::ContactRef;

use crate::crm::DealsWay;

const TRAITS: WriteTraits = WriteTraits {
    settling: Duration::from_secs(90),
    timeout: Duration::from_secs(10),
    search_lag: Duration::from_mins(1),
    key_lag: Duration::ZERO,
    listed: &[],
    upserts: &[Object::Contact, Object::Call, Object::Task],
    links_in_write: false,
    deals: DealsWay::Associations,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_550_000 + second).unwrap()
}

fn properties(pairs: &[(&str, &str)]) -> Properties {
    pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
}

fn task() -> Desired {
    Desired::Activity {
        object: Object::Task,
        key: "rb-task-1".into(),
        properties: properties(&[("subject", "Call back"), ("due", "2026-03-03T17:30:00Z")]),
        contact: ContactRef::Record("512".into()),
    }
}

fn done(records: Vec<Record>) -> Option<Outcome> {
    Some(Outcome::Done { held: Held { records, ..Held::default() } })
}

fn record(pairs: &[(&str, &str)], contact: Option<&str>) -> Record {
    let associations = contact.map(|c| (Object::Contact, vec![c.to_owned()])).into_iter().collect();
    Record { id: "9".into(), properties: properties(pairs), associations, ..Record::default() }
}

fn unknown() -> Option<Outcome> {
    Some(Outcome::Unknown { why: Why::new("no_answer", "timed out") })
}

struct Told(History, i64);

impl Told {
    fn new() -> Self {
        Self(History::default(), 0)
    }
    fn then(mut self, purpose: Purpose, outcome: Option<Outcome>) -> Self {
        self.1 += 1;
        let ended_at = outcome.is_some().then(|| at(self.1));
        self.0.exchanges.push(Exchange { purpose, started_at: at(self.1), ended_at, outcome, repeats: 0, asked: None });
        self
    }
    fn next_at(&self, desired: &Desired, second: i64) -> Next {
        next(
            desired,
            &self.0,
            &Circumstances {
                traits: TRAITS,
                now: at(second),
                contact: Some("512"),
                planned_at: Some(at(0)),
                elsewhere: None,
                known: None,
                crowded: false,
                deal_reads: &[],
                indexed: &[],
                person: PersonWords::default(),
            },
        )
    }
    fn later(&self, desired: &Desired) -> Next {
        self.next_at(desired, 100_000)
    }
}

fn purpose(next: &Next) -> &'static str {
    match next {
        Next::Exchange { purpose, .. } => purpose.word(),
        Next::Tell => "tell",
        Next::Wait { .. } => "wait",
        Next::Done(_) => "done",
        Next::Moved(_) => "moved",
        Next::DeadLetter(_) => "dead",
    }
}

const WHOLE: &[(&str, &str)] = &[("subject", "Call back"), ("due", "2026-03-03T17:30:00.000Z")];

#[test]
fn write_associate_read_back_done() {
    let told = Told::new();
    assert_eq!(purpose(&told.later(&task())), "write");
    let told = told.then(Purpose::Write, done(vec![record(&[], None)]));
    assert_eq!(purpose(&told.later(&task())), "associate");
    let told = told.then(Purpose::Associate, done(vec![]));
    assert_eq!(purpose(&told.later(&task())), "read_back");
    let told = told.then(Purpose::ReadBack, done(vec![record(WHOLE, Some("512"))]));
    let Next::Done(receipt) = told.later(&task()) else { panic!() };
    assert_eq!(receipt.record, "9");
    assert_eq!(receipt.properties.len(), 2);
    assert_eq!(receipt.associations[&Object::Contact], ["512"]);
}

#[test]
fn after_unknown_nobody_moves_until_it_can_no_longer_land_and_then_looks() {
    for outcome in [unknown(), None] {
        let told = Told::new().then(Purpose::Write, outcome);
        let Next::Wait { until, .. } = told.next_at(&task(), 30) else { panic!("it must wait") };
        assert_eq!(until, at(1 + 100), "time-out and settling time from when it left");
        assert_eq!(purpose(&told.next_at(&task(), 101)), "look");
    }
}

#[test]
fn what_was_looked_for_decides_what_is_written() {
    let lost = Told::new().then(Purpose::Write, unknown());
    let landed = Told(lost.0.clone(), 1).then(Purpose::Look, done(vec![record(WHOLE, Some("512"))]));
    assert_eq!(purpose(&landed.later(&task())), "done");
    let unlinked = Told(lost.0.clone(), 1).then(Purpose::Look, done(vec![record(WHOLE, None)]));
    assert_eq!(purpose(&unlinked.later(&task())), "associate");
    let half = Told(lost.0.clone(), 1).then(Purpose::Look, done(vec![record(&WHOLE[..1], Some("512"))]));
    assert_eq!(purpose(&half.later(&task())), "write", "the missing fields are sent again under the same key");
    let gone = Told(lost.0, 1).then(Purpose::Look, Some(Outcome::Gone { merged_into: None }));
    assert_eq!(purpose(&gone.later(&task())), "write");
}

#[test]
fn acknowledged_and_not_there_ends_with_a_person_not_in_a_loop() {
    let mut told = Told::new();
    for _ in 0..NOT_TAKEN_MAX {
        assert_eq!(purpose(&told.later(&task())), "write");
        told =
            told.then(Purpose::Write, done(vec![])).then(Purpose::ReadBack, Some(Outcome::Gone { merged_into: None }));
    }
    let Next::DeadLetter(why) = told.later(&task()) else { panic!() };
    assert_eq!(why.class, "write_not_taken");
}

#[test]
fn certain_failures_wait_and_try_again() {
    let why = Why::new("rate_limited", "ten seconds");
    let told = Told::new()
        .then(Purpose::Write, Some(Outcome::Retry { after: Some(Duration::from_secs(10)), why: why.clone() }));
    let Next::Wait { until, .. } = told.next_at(&task(), 2) else { panic!() };
    assert_eq!(until, at(11));
    assert_eq!(purpose(&told.next_at(&task(), 11)), "write", "it was certainly not done: no look is needed");
    let spent = Told::new().then(Purpose::Write, Some(Outcome::Exhausted { until: at(5000), why }));
    assert_eq!(purpose(&spent.next_at(&task(), 4999)), "wait");
    assert_eq!(purpose(&spent.next_at(&task(), 5000)), "write");
}

#[test]
fn a_refusal_is_a_dead_letter_with_the_vendors_words() {
    let told =
        Told::new().then(Purpose::Write, Some(Outcome::Refused { why: Why::new("validation", "no such property") }));
    let Next::DeadLetter(why) = told.later(&task()) else { panic!() };
    assert_eq!(why.words, "no such property");
}

#[test]
fn a_duplicate_is_read_and_taken_not_changed() {
    let contact =
        Desired::NewContact { key: "rb-contact-1".into(), properties: properties(&[("email", "a@b.example")]) };
    let duplicate = Some(Outcome::Duplicate { existing: vec!["77".into()], why: Why::new("conflict", "exists") });
    let told = Told::new().then(Purpose::Write, duplicate);
    let Next::Exchange { purpose, operation: CrmOp::ReadById { id, .. } } = told.later(&contact) else { panic!() };
    assert_eq!((purpose.word(), id.as_str()), ("look", "77"));
    let existing = Record { id: "77".into(), properties: properties(&[("email", "a@b.example")]), ..Record::default() };
    let told = told.then(Purpose::Look, done(vec![existing]));
    let Next::Done(receipt) = told.later(&contact) else { panic!() };
    assert!(receipt.adopted && receipt.record == "77");
}

#[test]
fn a_task_that_was_never_made_is_not_made_to_be_closed() {
    let close = Desired::ActivityIfMade {
        object: Object::Task,
        key: "rb-task-1".into(),
        properties: properties(&[("status", "COMPLETED")]),
    };
    let told = Told::new();
    assert_eq!(purpose(&told.later(&close)), "look");
    let never = Told::new().then(Purpose::Look, Some(Outcome::Gone { merged_into: None }));
    let Next::Done(receipt) = never.later(&close) else { panic!() };
    assert_eq!(receipt.record, "");
    let made = Told::new().then(Purpose::Look, done(vec![record(&[("status", "NOT_STARTED")], None)]));
    assert_eq!(purpose(&made.later(&close)), "write");
}

#[test]
fn a_value_that_somebody_changed_meanwhile_is_not_overwritten() {
    let fields = Desired::ContactFields {
        record: "512".into(),
        properties: properties(&[("rb_urgency", "high")]),
        was: properties(&[("rb_urgency", "")]),
    };
    let told = Told::new();
    assert_eq!(purpose(&told.later(&fields)), "look");
    let read = |value: &str| Record {
        id: "512".into(),
        properties: properties(&[("rb_urgency", value)]),
        set_by: [(
            "rb_urgency".to_owned(),
            SetBy { value: value.into(), at: None, who: crate::crm::Setter::Person, source: String::new() },
        )]
        .into(),
        ..Record::default()
    };
    let same = Told::new().then(Purpose::Look, done(vec![read("")]));
    assert_eq!(purpose(&same.later(&fields)), "write");
    let moved = Told::new().then(Purpose::Look, done(vec![read("nurture")]));
    assert_eq!(purpose(&moved.later(&fields)), "moved");
    let already = Told::new().then(Purpose::Look, done(vec![read("high")]));
    assert_eq!(purpose(&already.later(&fields)), "done");
}

#[test]
fn a_find_reads_every_candidate_and_their_deals() {
    let keys = vec![PersonKey::Phone { e164: "+16025550142".into(), national: "6025550142".into() }];
    let find = Desired::FindPerson { keys, properties: vec!["phone".into()] };
    let id = |id: &str| Record { id: id.into(), ..Record::default() };
    let told = Told::new().then(Purpose::Look, done(vec![id("1"), id("2")]));
    let Next::Exchange { operation: CrmOp::ReadById { id: first, .. }, .. } = told.later(&find) else { panic!() };
    assert_eq!(first, "1");
    let with_deal = Record { associations: [(Object::Deal, vec!["d1".to_owned()])].into(), ..id("1") };
    let told =
        told.then(Purpose::Look, done(vec![with_deal])).then(Purpose::Look, Some(Outcome::Gone { merged_into: None }));
    let Next::Exchange { operation: CrmOp::ReadMany { object: Object::Deal, ids, .. }, .. } = told.later(&find) else {
        panic!()
    };
    assert_eq!(ids, ["d1"]);
    let told = told.then(Purpose::Look, done(vec![id("d1")]));
    let Next::Done(receipt) = told.later(&find) else { panic!() };
    let found: Vec<&str> = receipt.found.iter().map(|r| r.id.as_str()).collect();
    assert_eq!(found, ["1", "d1"], "the one that is gone is left out");
    let nobody = Told::new().then(Purpose::Look, done(vec![]));
    assert_eq!(purpose(&nobody.later(&find)), "done");
}

#[test]
fn ten_minutes_of_throttling_do_not_use_up_an_effect_and_three_days_do() {
    let throttled =
        || Some(Outcome::Retry { after: Some(Duration::from_secs(1)), why: Why::new("rate_limited", "slow down") });
    let mut history = History::default();
    for second in 0..600 {
        history.begin(Purpose::Write, at(second), None);
        history.exchanges.last_mut().unwrap().outcome = throttled();
    }
    assert_eq!((history.exchanges.len(), history.exchanges[0].repeats), (1, 599));
    let around = |now| Circumstances {
        traits: TRAITS,
        now,
        contact: Some("512"),
        planned_at: Some(at(0)),
        elsewhere: None,
        known: None,
        crowded: false,
        deal_reads: &[],
        indexed: &[],
        person: PersonWords::default(),
    };
    assert_eq!(purpose(&next(&task(), &history, &around(at(4_000)))), "write");
    assert_eq!(purpose(&next(&task(), &history, &around(at(TRYING_HOURS_MAX * 3600)))), "dead");
    history.begin(Purpose::Write, at(700), None);
    history.exchanges.last_mut().unwrap().outcome = unknown();
    history.begin(Purpose::Look, at(900), None);
    assert_eq!(history.exchanges.len(), 2, "what may have been done is never folded away");
}

/// A vendor whose index lags: what was certainly not done is tried again at once, what may have been done is waited for.
#[test]
fn a_write_that_did_nothing_is_not_waited_for_in_the_index() {
    let traits = WriteTraits { upserts: &[], links_in_write: true, key_lag: Duration::from_secs(30), ..TRAITS };
    let around = |now| Circumstances {
        traits,
        now,
        contact: Some("512"),
        planned_at: Some(at(0)),
        elsewhere: None,
        known: None,
        crowded: false,
        deal_reads: &[],
        indexed: &[],
        person: PersonWords::default(),
    };
    let mut history = History::default();
    let mut tell = |purpose, second, outcome| {
        history.begin(purpose, at(second), None);
        let last = history.exchanges.last_mut().unwrap();
        (last.ended_at, last.outcome) = (Some(at(second)), Some(outcome));
        history.clone()
    };
    let gone = Outcome::Gone { merged_into: None };
    let looked = tell(Purpose::Look, 1, gone.clone());
    assert_eq!(purpose(&next(&task(), &looked, &around(at(2)))), "write");
    let refused = Outcome::AuthExpired { why: Why::new("unauthorized", "no") };
    tell(Purpose::Write, 3, refused);
    let again = tell(Purpose::Look, 200, gone.clone());
    assert_eq!(purpose(&next(&task(), &again, &around(at(201)))), "write", "nothing was done: nothing can be late");
    tell(Purpose::Write, 202, Outcome::Unknown { why: Why::new("no_answer", "?") });
    // In flight until 302, in the index by 332: a look before that says nothing.
    let early = tell(Purpose::Look, 310, gone.clone());
    assert_eq!(purpose(&next(&task(), &early, &around(at(311)))), "wait");
    assert_eq!(purpose(&next(&task(), &early, &around(at(333)))), "look");
    // What is listed and not searched for is there as soon as it has landed.
    let listed = Circumstances { traits: WriteTraits { listed: &[Object::Task], ..traits }, ..around(at(311)) };
    assert_eq!(purpose(&next(&task(), &early, &listed)), "write");
    let late = tell(Purpose::Look, 334, gone);
    assert_eq!(purpose(&next(&task(), &late, &around(at(335)))), "write");
}
