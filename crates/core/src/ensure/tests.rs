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

#[derive(Clone)]
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
                tried_before: false,
                confirms: false,
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
    assert_eq!(purpose(&told.later(&task())), "follow", "it may be the contact that is refused");
    let told = told.then(Purpose::Follow, done(vec![person("512", &[])]));
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
fn a_stamp_goes_with_a_change_and_is_no_reason_for_one() {
    let fields = Desired::ContactFields {
        record: "512".into(),
        properties: properties(&[("rb_trace", "https://r.example/t/contact/512"), ("rb_urgency", "high")]),
        was: properties(&[("rb_urgency", "")]),
    };
    let shows = |urgency: &str, trace: &str| done(vec![person("512", &[("rb_urgency", urgency), ("rb_trace", trace)])]);
    let Next::Done(receipt) = Told::new().then(Purpose::Look, shows("high", "")).later(&fields) else { panic!() };
    assert_eq!(receipt.properties, properties(&[("rb_urgency", "high")]), "nothing is sent, and nothing told as sent");
    // Whoever changed the stamp moved no value.
    let told = Told::new().then(Purpose::Look, shows("", "an older way"));
    let Next::Exchange { operation: CrmOp::Update { properties: sent, .. }, .. } = told.later(&fields) else {
        panic!()
    };
    assert_eq!(sent.len(), 2);
    let wrote = told.then(Purpose::Write, done(vec![]));
    // What was sent is read back, stamps included.
    assert_eq!(purpose(&wrote.clone().then(Purpose::ReadBack, shows("high", "")).later(&fields)), "write");
    let back = wrote.then(Purpose::ReadBack, shows("high", "https://r.example/t/contact/512"));
    let Next::Done(receipt) = back.later(&fields) else { panic!() };
    assert_eq!(receipt.properties.len(), 2);
}

#[test]
fn a_find_reads_every_candidate_and_their_deals() {
    let keys = vec![PersonKey::Phone { e164: "+16025550142".into(), national: "6025550142".into() }];
    let find = Desired::FindPerson { keys, properties: vec!["phone".into()], record: None };
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
        tried_before: false,
        confirms: false,
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
        tried_before: false,
        confirms: false,
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

/// As [`TRAITS`], for a vendor that is looked at before it is written, with the contact in the write (Salesforce, Zoho).
const LOOKING: WriteTraits = WriteTraits { upserts: &[], links_in_write: true, deals: DealsWay::Search, ..TRAITS };

fn circumstances(traits: WriteTraits) -> Circumstances<'static> {
    Circumstances {
        traits,
        now: at(100_000),
        contact: Some("00Q1"),
        planned_at: Some(at(0)),
        elsewhere: None,
        known: None,
        tried_before: false,
        confirms: false,
        crowded: false,
        deal_reads: &[],
        indexed: &[],
        person: PersonWords::default(),
    }
}

/// Behind an outage reads are cut to what many can share. A link that stands in the record itself is no part of the cut: nothing else asks
/// for it.
#[test]
fn a_link_in_the_record_is_asked_for_however_much_waits() {
    for (crowded, traits) in [(false, LOOKING), (true, LOOKING), (false, TRAITS)] {
        let around = Circumstances { crowded, ..circumstances(traits) };
        let Next::Exchange { operation: CrmOp::ReadByKey { associations, .. }, .. } = next(
            &task(),
            &Told::new().then(Purpose::Write, done(vec![Record::default()])).0,
            &Circumstances { traits: WriteTraits { upserts: TRAITS.upserts, ..traits }, ..around },
        ) else {
            panic!("not read back");
        };
        assert_eq!(associations, [Object::Contact], "{crowded} {traits:?}");
    }
}

fn gone(into: Option<&str>) -> Option<Outcome> {
    Some(Outcome::Gone { merged_into: into.map(str::to_owned) })
}

fn refused(words: &str) -> Option<Outcome> {
    Some(Outcome::Refused { why: Why::new("validation", words) })
}

fn duplicate_of(id: &str) -> Option<Outcome> {
    Some(Outcome::Duplicate { existing: vec![id.to_owned()], why: Why::new("conflict", "exists") })
}

fn person(id: &str, pairs: &[(&str, &str)]) -> Record {
    Record { id: id.into(), properties: properties(pairs), ..Record::default() }
}

fn contact(pairs: &[(&str, &str)]) -> Desired {
    Desired::NewContact { key: "rb-contact-1".into(), properties: properties(pairs) }
}

fn operation(next: Next) -> (&'static str, CrmOp) {
    match next {
        Next::Exchange { purpose, operation } => (purpose.word(), operation),
        other => panic!("{other:?}"),
    }
}

fn dead(next: &Next) -> &Why {
    match next {
        Next::DeadLetter(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_task_of_a_lead_that_was_converted_meanwhile_goes_to_the_contact_it_became() {
    let around = circumstances(LOOKING);
    let told = Told::new().then(Purpose::Look, gone(None));
    let (_, op) = operation(next(&task(), &told.0, &around));
    assert!(matches!(&op, CrmOp::Create { of: Some(of), .. } if of == "00Q1"), "{op:?}");
    // The frozen lead is refused as what the task belongs to.
    let told = told.then(Purpose::Write, refused("cannot reference converted lead"));
    let (word, op) = operation(next(&task(), &told.0, &around));
    assert_eq!(word, "follow");
    assert!(matches!(&op, CrmOp::ReadById { object: Object::Contact, id, .. } if id == "00Q1"), "{op:?}");
    let told = told.then(Purpose::Follow, gone(Some("0031")));
    let (word, op) = operation(next(&task(), &told.0, &around));
    assert_eq!(word, "write");
    assert!(matches!(&op, CrmOp::Create { of: Some(of), .. } if of == "0031"), "{op:?}");
    let told = told.then(Purpose::Write, done(vec![record(&[], None)]));
    assert_eq!(purpose(&next(&task(), &told.0, &around)), "read_back");
    let told = told.then(Purpose::ReadBack, done(vec![record(WHOLE, Some("0031"))]));
    let Next::Done(receipt) = next(&task(), &told.0, &around) else { panic!() };
    assert_eq!(receipt.associations[&Object::Contact], ["0031"]);
}

#[test]
fn an_association_with_a_converted_lead_is_made_with_the_contact_it_became() {
    let around = circumstances(TRAITS);
    let told = Told::new()
        .then(Purpose::Write, done(vec![record(&[], None)]))
        .then(Purpose::Associate, refused("the lead is read-only"));
    assert_eq!(purpose(&next(&task(), &told.0, &around)), "follow");
    let told = told.then(Purpose::Follow, gone(Some("0031")));
    let (word, op) = operation(next(&task(), &told.0, &around));
    assert_eq!(word, "associate");
    assert!(matches!(&op, CrmOp::Associate { from_id, to_id, .. } if from_id == "9" && to_id == "0031"), "{op:?}");
}

#[test]
fn a_refusal_stands_when_the_contact_is_there_or_is_not_what_was_refused() {
    let around = circumstances(LOOKING);
    let looked = || Told::new().then(Purpose::Look, gone(None));
    let there = looked().then(Purpose::Write, refused("no")).then(Purpose::Follow, done(vec![person("00Q1", &[])]));
    assert_eq!(dead(&next(&task(), &there.0, &around)).words, "no");
    let deleted = looked().then(Purpose::Write, refused("no")).then(Purpose::Follow, gone(None));
    let next_of_it = next(&task(), &deleted.0, &around);
    let why = dead(&next_of_it);
    assert_eq!(why.class, "contact_gone");
    assert!(why.words.contains("00Q1") && why.words.contains("no"), "{}", why.words);
    // A refusal that names what was sent is no question of the contact.
    let mut why = Why::new("validation", "no such option");
    why.properties = vec!["subject".into()];
    let named = looked().then(Purpose::Write, Some(Outcome::Refused { why }));
    assert_eq!(dead(&next(&task(), &named.0, &around)).words, "no such option");
    // Whoever cannot be asked is asked again, later.
    let silent = looked().then(Purpose::Write, refused("no")).then(Purpose::Follow, unknown());
    assert_eq!(purpose(&next(&task(), &silent.0, &around)), "follow");
}

#[test]
fn a_duplicate_that_was_merged_away_is_followed_to_the_one_that_stays() {
    let around = circumstances(TRAITS);
    let wanted = contact(&[("email", "a@b.example")]);
    let told = Told::new().then(Purpose::Write, duplicate_of("77")).then(Purpose::Look, gone(Some("78")));
    let (_, op) = operation(next(&wanted, &told.0, &around));
    assert!(matches!(&op, CrmOp::ReadById { id, .. } if id == "78"), "{op:?}");
    let told = told.then(Purpose::Look, done(vec![person("78", &[("email", "a@b.example"), ("rb_key", "rb-other")])]));
    let Next::Done(receipt) = next(&wanted, &told.0, &around) else { panic!() };
    assert!(receipt.adopted && receipt.record == "78");
}

#[test]
fn a_duplicate_that_cannot_be_read_is_a_dead_letter_and_no_loop() {
    let around = circumstances(TRAITS);
    let wanted = contact(&[("email", "a@b.example")]);
    let told = Told::new().then(Purpose::Write, duplicate_of("77")).then(Purpose::Look, refused("you may not see it"));
    assert_eq!(dead(&next(&wanted, &told.0, &around)).words, "you may not see it");
    // Whatever else is shown is nobody to be written to.
    let other = Told::new().then(Purpose::Write, duplicate_of("77")).then(Purpose::Look, done(vec![person("5", &[])]));
    assert_eq!(dead(&next(&wanted, &other.0, &around)).class, "duplicate_not_found");
}

#[test]
fn what_our_contact_became_is_taken_and_gets_our_key_where_it_has_none() {
    let around = circumstances(LOOKING);
    let wanted = contact(&[("LastName", "Caller +16025550142"), ("rb_source", "website")]);
    let told = Told::new().then(Purpose::Look, gone(Some("0031")));
    let (_, op) = operation(next(&wanted, &told.0, &around));
    assert!(matches!(&op, CrmOp::ReadById { id, .. } if id == "0031"), "{op:?}");
    let shown = |key: &str| done(vec![person("0031", &[("LastName", "Ruiz"), ("rb_key", key)])]);
    let told = told.then(Purpose::Look, shown(""));
    let (word, op) = operation(next(&wanted, &told.0, &around));
    let CrmOp::Update { id, properties: sent, .. } = op else { panic!("{op:?}") };
    assert_eq!((word, id.as_str(), sent), ("write", "0031", properties(&[("rb_key", "rb-contact-1")])));
    let wrote = told.then(Purpose::Write, done(vec![person("0031", &[])]));
    assert_eq!(purpose(&next(&wanted, &wrote.0, &around)), "read_back");
    let read = Told(wrote.0, 9).then(Purpose::ReadBack, shown("rb-contact-1"));
    let Next::Done(receipt) = next(&wanted, &read.0, &around) else { panic!() };
    assert!(receipt.adopted && receipt.record == "0031" && receipt.properties["LastName"] == "Ruiz");
    // Another key is somebody's already, and a vendor that will not have ours is not argued with.
    for last in [shown("rb-contact-2"), shown("rb-contact-1")] {
        let told = Told::new().then(Purpose::Look, gone(Some("0031"))).then(Purpose::Look, last);
        assert!(matches!(next(&wanted, &told.0, &around), Next::Done(r) if r.adopted));
    }
    let no = Told::new().then(Purpose::Look, gone(Some("0031"))).then(Purpose::Look, shown(""));
    let no = no.then(Purpose::Write, refused("read-only"));
    assert!(matches!(next(&wanted, &no.0, &around), Next::Done(r) if r.adopted && r.record == "0031"));
}

/// A qualified lead is read-only: an upsert by our key is refused, and only a look tells why.
#[test]
fn a_refused_upsert_of_a_contact_is_looked_at_once() {
    let around = circumstances(TRAITS);
    let wanted = contact(&[("lastname", "Caller +16025550142")]);
    let told = Told::new().then(Purpose::Write, refused("the lead is closed"));
    assert_eq!(purpose(&next(&wanted, &told.0, &around)), "look");
    let became = Told(told.0.clone(), 1).then(Purpose::Look, gone(Some("contacts/1")));
    let (_, op) = operation(next(&wanted, &became.0, &around));
    assert!(matches!(&op, CrmOp::ReadById { id, .. } if id == "contacts/1"), "{op:?}");
    for last in [gone(None), done(vec![person("9", &[])])] {
        let stands = Told(told.0.clone(), 1).then(Purpose::Look, last);
        assert_eq!(dead(&next(&wanted, &stands.0, &around)).words, "the lead is closed");
    }
}

#[test]
fn a_placeholder_is_never_written_over_a_name() {
    let wanted = contact(&[("LastName", "Caller +16025550142"), ("rb_source", "website")]);
    let around = Circumstances { known: Some("00Q1"), ..circumstances(LOOKING) };
    let sent = |traits, held: &[(&str, &str)]| {
        let around = Circumstances { traits, ..around };
        let told = Told::new().then(Purpose::Look, done(vec![person("00Q1", held)]));
        match operation(next(&wanted, &told.0, &around)).1 {
            CrmOp::Update { properties, .. } => properties.into_keys().collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        }
    };
    for traits in [LOOKING, TRAITS] {
        assert_eq!(sent(traits, &[("LastName", "Ruiz")]), ["rb_source"]);
        assert_eq!(sent(traits, &[("LastName", " ")]), ["LastName", "rb_source"]);
        assert_eq!(sent(traits, &[("LastName", "Caller +16025550143")]), ["LastName", "rb_source"]);
    }
    // A name that was typed is no reason to write either, and no claim of ours.
    let whole = person("00Q1", &[("LastName", "Ruiz"), ("rb_source", "website")]);
    let told = Told::new().then(Purpose::Look, done(vec![whole]));
    let Next::Done(receipt) = next(&wanted, &told.0, &around) else { panic!() };
    assert_eq!(receipt.properties, properties(&[("rb_source", "website")]));
    // Where a record of this key may be there already, nobody writes before a look, also where one request would do.
    let upserts = circumstances(TRAITS);
    assert_eq!(purpose(&next(&wanted, &History::default(), &upserts)), "write");
    for around in [Circumstances { known: Some("9"), ..upserts }, Circumstances { tried_before: true, ..upserts }] {
        assert_eq!(purpose(&next(&wanted, &History::default(), &around)), "look");
    }
}

#[test]
fn a_value_that_belongs_to_another_record_ends_with_a_person() {
    let fields = Desired::ContactFields {
        record: "512".into(),
        properties: properties(&[("email", "a@b.example")]),
        was: properties(&[("email", "")]),
    };
    let told = Told::new()
        .then(Purpose::Look, done(vec![person("512", &[("email", "")])]))
        .then(Purpose::Write, duplicate_of("77"));
    let why = told.later(&fields);
    let why = dead(&why);
    assert_eq!(why.class, "value_taken");
    assert!(why.words.contains("77"), "{}", why.words);
}

/// Whatever a vendor answers, again and again or in turns: every effect comes to an end or waits, and does so soon.
#[test]
fn no_answer_keeps_an_effect_going_for_ever() {
    const STEPS_MAX: usize = 4 * TURNINGS_MAX;
    let person_record = || person("512", &[("subject", "other"), ("rb_urgency", "other"), ("email", "x@y.example")]);
    let answers: Vec<Option<Outcome>> = vec![
        refused("no"),
        gone(None),
        gone(Some("a")),
        gone(Some("b")),
        duplicate_of("a"),
        duplicate_of("b"),
        Some(Outcome::Duplicate { existing: vec![], why: Why::new("conflict", "exists") }),
        Some(Outcome::Stale { held: Held::default() }),
        done(vec![]),
        done(vec![person_record()]),
        done(vec![person("a", &[])]),
        done(vec![person("a", &[("rb_key", "rb-contact-1")])]),
    ];
    let keys = vec![PersonKey::Phone { e164: "+16025550142".into(), national: "6025550142".into() }];
    let all = [
        Desired::FindPerson { keys, properties: vec!["phone".into()], record: None },
        contact(&[("LastName", "Caller +16025550142")]),
        task(),
        Desired::ActivityIfMade {
            object: Object::Task,
            key: "rb-task-1".into(),
            properties: properties(&[("status", "DONE")]),
        },
        Desired::ContactFields {
            record: "512".into(),
            properties: properties(&[("rb_urgency", "high")]),
            was: properties(&[("rb_urgency", "")]),
        },
    ];
    for (traits, desired) in [TRAITS, LOOKING].iter().flat_map(|t| all.iter().map(move |d| (*t, d))) {
        let indexed = vec!["512".to_owned()];
        let around = Circumstances { indexed: &indexed, ..circumstances(traits) };
        for first in &answers {
            for second in &answers {
                for third in [first, second] {
                    let turns = [first, second, third];
                    let mut history = History::default();
                    let mut steps = 0;
                    while let Next::Exchange { purpose, operation } = next(desired, &history, &around) {
                        let asked = match operation {
                            CrmOp::ReadById { id, .. } => Some(id),
                            _ => None,
                        };
                        history.begin(purpose, at(1), asked);
                        let last = history.exchanges.last_mut().unwrap();
                        last.ended_at = Some(at(1));
                        last.outcome = turns[steps % 3].clone();
                        steps += 1;
                        assert!(steps <= STEPS_MAX, "{desired:?} goes on and on with {turns:?}");
                    }
                }
            }
            let mut only = History::default();
            let refusal = refused("no");
            // Once only refusals come, it is over after a look or two.
            only.exchanges.push(Exchange {
                purpose: Purpose::Look,
                started_at: at(1),
                ended_at: Some(at(1)),
                outcome: first.clone(),
                repeats: 0,
                asked: None,
            });
            let mut steps = 0;
            while let Next::Exchange { purpose, .. } = next(desired, &only, &around) {
                only.begin(purpose, at(2), None);
                let last = only.exchanges.last_mut().unwrap();
                (last.ended_at, last.outcome) = (Some(at(2)), refusal.clone());
                steps += 1;
                assert!(steps <= 3, "{desired:?} is not content with a refusal after {first:?}");
            }
        }
    }
}

#[test]
fn without_its_contact_an_activity_waits_and_not_for_ever() {
    let around = |second| Circumstances { contact: None, now: at(second), ..circumstances(TRAITS) };
    let Next::Wait { until, .. } = next(&task(), &History::default(), &around(10)) else { panic!() };
    assert!(until > at(10), "it is not asked again at once");
    assert_eq!(dead(&next(&task(), &History::default(), &around(TRYING_HOURS_MAX * 3600))).class, "gave_up");
}

/// A receiver that cannot be read is not asked what it cannot tell: nothing waits for an answer that never comes.
#[test]
fn nobody_looks_where_nothing_can_be_read() {
    let receiver = Circumstances { confirms: true, tried_before: true, known: Some("9"), ..circumstances(TRAITS) };
    let wanted = contact(&[("name", "Caller +16025550142")]);
    for desired in [wanted, task()] {
        assert_eq!(purpose(&next(&desired, &History::default(), &receiver)), "write");
        let told = Told::new().then(Purpose::Write, refused("no"));
        assert_eq!(dead(&next(&desired, &told.0, &receiver)).words, "no");
    }
}
