use super::*;
use crate::crm::{CrmOp, DealsWay, Held, Outcome, Properties, Record, WriteTraits};
use crate::effect::Desired;
use crate::ensure::{Circumstances, Exchange, History, Next, next};
use proptest::prelude::*;
use std::time::Duration;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn write(second: i64, version: u32, was: &str, is: &str) -> Written {
    Written {
        inquiry: InquiryId::from_text("inq_1"),
        at: at(second),
        object: Object::Contact,
        record: "512".into(),
        property: "rb_source".into(),
        field: "lead_source".into(),
        clause: "field.lead_source.winner".into(),
        contract: "missed-calls".into(),
        version,
        source: "Ringback's decision".into(),
        origin: "google-ads".into(),
        was: Some(was.into()),
        is: Some(is.into()),
        made: false,
        machine: Some(1000),
    }
}

fn by_rollback(second: i64, was: &str, is: &str) -> Written {
    Written { clause: format!("{CLAUSE}rb_1"), machine: None, ..write(second, 2, was, is) }
}

fn version(version: u32) -> Scope {
    Scope { version: Some(version), ..Scope::default() }
}

fn stands(text: &str, set_by: Option<Setter>) -> Standing {
    Standing::Value { text: text.into(), set_by }
}

/// A value goes back that somebody had put there, or nothing.
fn back(from: &str, to: &str) -> Option<Proposal> {
    Some(Proposal::Restore { from: from.into(), to: to.into(), machine: None })
}

/// A value goes back that the machine had written.
fn back_ours(from: &str, to: &str) -> Option<Proposal> {
    Some(Proposal::Restore { from: from.into(), to: to.into(), machine: Some(1000) })
}

const ABOUT_WHOM: About = About { identity: true, rule: RollbackRule::Previous };

fn under(rule: RollbackRule) -> About {
    About { rule, ..About::default() }
}

fn spared(why: Spared) -> Option<Proposal> {
    Some(Proposal::Spare(why))
}

#[test]
fn a_clause_says_what_takes_the_place_of_what_is_taken_back() {
    let history = [write(1, 1, "", "good"), write(2, 2, "good", "bad")];
    let now = stands("bad", None);
    let judge = |rule, now: &Standing| propose(&version(2), &history, now, under(rule));
    assert_eq!(judge(RollbackRule::Previous, &now), back_ours("bad", "good"));
    assert_eq!(judge(RollbackRule::Clear, &now), back("bad", ""));
    assert_eq!(judge(RollbackRule::Never, &now), spared(Spared::Never));
    // What somebody put there since is theirs whatever the clause says, and a value that is not kept any more can still be emptied.
    assert_eq!(judge(RollbackRule::Clear, &stands("typed", None)), spared(Spared::LaterHuman));
    let gone = [Written { was: None, ..write(2, 2, "", "bad") }];
    assert_eq!(propose(&version(2), &gone, &now, under(RollbackRule::Clear)), back("bad", ""));
}

#[test]
fn what_goes_back_is_what_stood_there_before_the_writes_in_question() {
    let history = [write(1, 1, "", "good"), write(2, 2, "good", "bad"), write(3, 2, "bad", "worse")];
    let now = stands("worse", Some(Setter::Integration));
    assert_eq!(propose(&version(2), &history, &now, About::default()), back_ours("worse", "good"));
    let all = Scope { field: Some("lead_source".into()), ..Scope::default() };
    assert_eq!(propose(&all, &history, &now, About::default()), back("worse", ""));
    assert_eq!(
        propose(&version(1), &history, &now, About::default()),
        spared(Spared::LaterWrite),
        "a later one stands there"
    );
    assert_eq!(propose(&version(7), &history, &now, About::default()), None, "it is not about it");
}

#[test]
fn what_somebody_put_in_between_goes_back_and_not_what_was_before_it() {
    let history = [write(1, 2, "", "bad"), write(3, 2, "typed", "worse")];
    assert_eq!(propose(&version(2), &history, &stands("worse", None), About::default()), back("worse", "typed"));
}

#[test]
fn every_reason_to_spare_has_its_word() {
    let history = [write(1, 2, "good", "bad")];
    let judge = |now: Standing| propose(&version(2), &history, &now, About::default());
    assert_eq!(judge(stands("typed", None)), spared(Spared::LaterHuman), "who did is not told: people win");
    assert_eq!(judge(stands("typed", Some(Setter::Person))), spared(Spared::LaterHuman));
    assert_eq!(judge(stands("bad", Some(Setter::Person))), spared(Spared::LaterHuman), "a person confirmed it");
    assert_eq!(judge(stands("other", Some(Setter::Automation))), spared(Spared::LaterWrite));
    assert_eq!(judge(stands("good", Some(Setter::Person))), spared(Spared::Already));
    assert_eq!(judge(Standing::Merged), spared(Spared::Merged));
    assert_eq!(judge(Standing::Gone), spared(Spared::Gone));
    assert_eq!(judge(Standing::Unread), spared(Spared::Unread));
    let gone = [Written { was: None, ..write(1, 2, "", "bad") }];
    assert_eq!(propose(&version(2), &gone, &stands("bad", None), About::default()), spared(Spared::Expired));
    let made = [Written { made: true, ..write(1, 2, "", "Ana") }];
    assert_eq!(propose(&version(2), &made, &stands("Ana", None), ABOUT_WHOM), spared(Spared::CreatedRecord));
    assert_eq!(propose(&version(2), &made, &stands("Ana", None), About::default()), back("Ana", ""));
}

#[test]
fn every_reason_to_spare_is_told_to_programs_and_to_people() {
    use Spared::*;
    let all = [LaterHuman, LaterWrite, Merged, Gone, Unread, CreatedRecord, Expired, Already, Never];
    let sentences: std::collections::BTreeSet<&str> = all.iter().map(|why| why.words()).collect();
    assert_eq!(sentences.len(), all.len(), "each says something else");
    for why in all {
        assert_eq!(serde_json::to_value(why).unwrap(), why.word());
        assert!(why.words().split(' ').count() > 3, "{why:?}: {}", why.words());
    }
}

#[test]
fn what_was_taken_back_is_not_taken_back_again() {
    let history = [write(1, 2, "good", "bad"), by_rollback(2, "bad", "good")];
    assert_eq!(propose(&version(2), &history, &stands("good", None), About::default()), spared(Spared::Already));
    let again = [history[0].clone(), history[1].clone(), write(3, 2, "good", "bad")];
    assert_eq!(propose(&version(2), &again, &stands("bad", None), About::default()), back("bad", "good"));
}

#[test]
fn a_scope_is_a_conjunction() {
    let one = write(10, 2, "", "x");
    let scope = |change: fn(&mut Scope)| {
        let mut scope = Scope::default();
        change(&mut scope);
        scope.takes(&one)
    };
    assert!(scope(|s| s.field = Some("lead_source".into())));
    assert!(scope(|s| s.field = Some("contact.rb_source".into())));
    assert!(!scope(|s| s.field = Some("urgency".into())));
    assert!(scope(|s| s.source = Some("Google-Ads".into())));
    assert!(scope(|s| s.source = Some("Ringback's decision".into())));
    assert!(!scope(|s| s.source = Some("bing".into())));
    assert!(!scope(|s| s.contract = Some("other".into())));
    assert!(!scope(|s| s.inquiry = Some(InquiryId::from_text("inq_2"))));
    assert!(scope(|s| s.since = Some(at(10))) && !scope(|s| s.since = Some(at(11))));
    assert!(scope(|s| s.until = Some(at(11))) && !scope(|s| s.until = Some(at(10))));
    assert!(!scope(|s| {
        s.version = Some(2);
        s.field = Some("urgency".into());
    }));
    assert!(Scope::default().is_empty() && !version(2).is_empty());
    assert!(!version(2).takes(&by_rollback(1, "a", "b")), "what a rollback wrote is no write to take back");
    assert!(version(2).words().contains("version 2"));
}

/// A CRM's record in memory: who set each property last stands beside it, as HubSpot tells it.
struct Book {
    record: Record,
    tells: bool,
}

impl Book {
    fn set(&mut self, name: &str, value: &str, who: Setter) {
        if value.is_empty() {
            self.record.properties.remove(name);
        } else {
            self.record.properties.insert(name.into(), value.into());
        }
        if self.tells {
            let set = crate::crm::SetBy { value: value.into(), at: None, who, source: String::new() };
            self.record.set_by.insert(name.into(), set);
        }
    }

    fn serve(&mut self, operation: &CrmOp) -> Outcome {
        if let CrmOp::Update { properties, .. } = operation {
            for (name, value) in properties {
                self.set(name, value, Setter::Integration);
            }
        }
        Outcome::Done { held: Held { records: vec![self.record.clone()], ..Held::default() } }
    }

    /// Brings an effect about as the engine does; gives its receipt and how often something was written.
    fn bring_about(
        &mut self,
        desired: &Desired,
        mut between: impl FnMut(&mut Self, usize),
    ) -> (crate::ensure::Receipt, usize) {
        let mut history = History::default();
        let mut writes = 0;
        for n in 0..20 {
            between(self, n);
            match next(desired, &history, &around(n)) {
                Next::Exchange { purpose, operation } => {
                    writes += usize::from(purpose.changes());
                    let outcome = Some(self.serve(&operation));
                    let moment = at(n as i64);
                    history.exchanges.push(Exchange {
                        purpose,
                        started_at: moment,
                        ended_at: Some(moment),
                        outcome,
                        repeats: 0,
                        asked: None,
                    });
                }
                Next::Done(receipt) => return (receipt, writes),
                other => panic!("{other:?}"),
            }
        }
        panic!("it came to no end");
    }
}

fn around(n: usize) -> Circumstances<'static> {
    Circumstances {
        traits: WriteTraits {
            settling: Duration::from_secs(10),
            timeout: Duration::from_secs(10),
            search_lag: Duration::ZERO,
            key_lag: Duration::ZERO,
            listed: &[],
            upserts: &[Object::Contact],
            links_in_write: false,
            deals: DealsWay::None,
        },
        now: at(n as i64),
        contact: None,
        planned_at: Some(at(0)),
        elsewhere: None,
        known: None,
        tried_before: false,
        confirms: false,
        crowded: false,
        deal_reads: &[],
        indexed: &[],
        person: crate::ensure::PersonWords::default(),
    }
}

fn restore(pairs: &[(String, String, String)]) -> Desired {
    let of = |n: usize| -> Properties {
        pairs.iter().map(|p| (p.0.clone(), if n == 0 { p.1.clone() } else { p.2.clone() })).collect()
    };
    Desired::Restore { object: Object::Contact, record: "512".into(), was: of(0), properties: of(1) }
}

proptest! {
    /// Undo after apply is the state before, for any values before and any later change by people; and doing it again changes nothing.
    #[test]
    fn undo_after_apply_is_the_state_before_and_people_are_spared(
        before in proptest::collection::vec("[a-c]{0,2}", 4),
        ours in proptest::collection::vec("[x-z]{1,2}", 4),
        people in proptest::collection::vec(proptest::option::of("[m-n]{1,2}"), 4),
        confirmed in proptest::collection::vec(any::<bool>(), 4),
        tells in any::<bool>(),
        meanwhile in proptest::option::of((0usize..4, 1usize..4)),
    ) {
        let mut book = Book { record: Record { id: "512".into(), ..Record::default() }, tells };
        let name = |n: usize| format!("p{n}");
        for (n, value) in before.iter().enumerate() {
            book.set(&name(n), value, Setter::Person);
        }
        for (n, value) in ours.iter().enumerate() {
            book.set(&name(n), value, Setter::Integration);
        }
        for n in 0..4 {
            match &people[n] {
                Some(typed) => book.set(&name(n), typed, Setter::Person),
                None if confirmed[n] => book.set(&name(n), &ours[n], Setter::Person),
                None => {}
            }
        }
        let pairs: Vec<_> = (0..4).map(|n| (name(n), ours[n].clone(), before[n].clone())).collect();
        let desired = restore(&pairs);
        let mut typed_meanwhile = None;
        let (receipt, _) = book.bring_about(&desired, |book, step| {
            if let Some((n, at_step)) = meanwhile && step == at_step {
                book.set(&name(n), "late", Setter::Person);
                typed_meanwhile = Some(n);
            }
        });
        for n in 0..4 {
            let stands = book.record.properties.get(&name(n)).map_or("", String::as_str);
            let person = match (&people[n], typed_meanwhile == Some(n)) {
                (_, true) => Some("late"),
                (Some(typed), _) => Some(typed.as_str()),
                (None, _) if confirmed[n] && tells => Some(ours[n].as_str()),
                _ => None,
            };
            // Typed between our last look and our write: no CRM lets that be seen; what is typed after it, or before the look, stays.
            let unseen = typed_meanwhile == Some(n) && meanwhile.is_some_and(|(_, step)| step == 1);
            if !unseen {
                prop_assert_eq!(stands, person.unwrap_or(before[n].as_str()), "p{}", n);
                // What is typed after the read-back is not in its receipt.
                let after = typed_meanwhile == Some(n) && meanwhile.is_some_and(|(_, step)| step == 3);
                if !after {
                    let differs = person.is_some_and(|p| p != before[n]);
                    prop_assert_eq!(receipt.spared.contains_key(&name(n)), differs, "p{}", n);
                }
            }
        }
        let held = book.record.properties.clone();
        let (again, writes) = book.bring_about(&desired, |_, _| {});
        prop_assert_eq!(writes, 0, "doing it again writes nothing");
        prop_assert_eq!(&book.record.properties, &held);
        prop_assert_eq!(again.properties.len() + again.spared.len(), 4);
    }
}

#[test]
fn a_record_that_is_gone_or_merged_is_spared_whole() {
    let desired = restore(&[("p".into(), "x".into(), "a".into())]);
    for (merged_into, why) in [(None, Spared::Gone), (Some("9".to_owned()), Spared::Merged)] {
        let exchange = Exchange {
            purpose: crate::ensure::Purpose::Look,
            started_at: at(0),
            ended_at: Some(at(0)),
            outcome: Some(Outcome::Gone { merged_into }),
            repeats: 0,
            asked: None,
        };
        let history = History { exchanges: vec![exchange] };
        let Next::Done(receipt) = next(&desired, &history, &around(1)) else { panic!("it does not end") };
        assert_eq!(receipt.spared.get("p"), Some(&why));
        assert!(receipt.properties.is_empty());
    }
}

/// An exchange that was answered so.
fn answered(purpose: crate::ensure::Purpose, outcome: Outcome) -> Exchange {
    Exchange { purpose, started_at: at(0), ended_at: Some(at(3)), outcome: Some(outcome), repeats: 0, asked: None }
}

#[test]
fn who_set_a_value_is_asked_of_contacts_and_the_receipt_says_what_stood_there() {
    let contact = restore(&[("p".into(), "ours".into(), "before".into())]);
    let Desired::Restore { record, properties, was, .. } = contact.clone() else { panic!("not a restore") };
    let deal = Desired::Restore { object: Object::Deal, record, properties, was };
    for (desired, asks) in [(&contact, true), (&deal, false)] {
        let Next::Exchange { operation, .. } = next(desired, &History::default(), &around(1)) else {
            panic!("no look")
        };
        assert!(matches!(operation, CrmOp::ReadById { history, .. } if history == asks), "{operation:?}");
    }
    let properties: Properties = [("p".to_owned(), "before".to_owned())].into();
    let held = Held { records: vec![Record { id: "512".into(), properties, ..Record::default() }], ..Held::default() };
    let history = History { exchanges: vec![answered(crate::ensure::Purpose::Look, Outcome::Done { held })] };
    let Next::Done(receipt) = next(&contact, &history, &around(9)) else { panic!("it does not end") };
    assert_eq!((receipt.object, receipt.record.as_str()), (Some(Object::Contact), "512"));
    assert_eq!(receipt.read_at, Some(at(3)), "when it was read, not when it was looked at");
    assert_eq!((receipt.properties["p"].as_str(), receipt.was["p"].as_str()), ("before", "ours"));
}

#[test]
fn a_value_that_another_record_has_by_now_goes_to_a_person_with_its_property() {
    let desired = restore(&[("email".into(), "ours@x.example".into(), "before@x.example".into())]);
    let why = crate::crm::Why { properties: vec!["email".into()], ..crate::crm::Why::new("duplicate", "it is taken") };
    let outcome = Outcome::Duplicate { existing: vec!["9".into()], why };
    let history = History { exchanges: vec![answered(crate::ensure::Purpose::Write, outcome)] };
    let Next::DeadLetter(why) = next(&desired, &history, &around(60)) else { panic!("no dead letter") };
    assert_eq!(why.properties, ["email"]);
    assert!(why.words.contains("belongs to another record") && why.words.contains("it is taken"), "{}", why.words);
}
