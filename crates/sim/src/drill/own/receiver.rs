//! A receiver of messages that swallows or rejects them: what a person sends on its way again arrives, and what comes after it is not held up.

use super::*;
use crate::drill::mentions;

async fn yard(seed: u64) -> Yard {
    Yard::new("hook", seed, false).await.unwrap()
}

fn set_up(yard: &Yard, options: serde_json::Value) {
    let order = Request::new("POST", "/_twin/options").json(&options);
    let now = yard.now_ms();
    yard.with(|t| t.vendor_mut().control(&order, now)).unwrap();
}

fn call(n: usize, at_ms: i64) -> Synthetic {
    Synthetic { id: format!("drill-h-{n:03}"), caller: number(1), at_ms, words: Some(SAYS_MORE.into()) }
}

/// Goes on until that moment, whatever is open then.
async fn until(yard: &Yard, ms: i64) {
    loop {
        if yard.step(false).await.unwrap() == 0 && !next(yard, None, ms).await.unwrap() {
            break;
        }
    }
    yard.reach(ms);
}

async fn replay_all(yard: &Yard) -> usize {
    let dead = yard.dead().await.unwrap();
    for row in &dead {
        let (id, by) = (EffectId::from_text(row.id.clone()), UserId::from_text(BY));
        yard.engine.replay_dead_letter(&yard.account, &id, &by).await.unwrap();
    }
    dead.len()
}

async fn ends_well(yard: Yard, calls: &[Synthetic]) {
    // What needed a record that was not there is sent on its way again after it.
    for _ in 0..3 {
        replay_all(&yard).await;
        play(&yard, &[], yard.now_ms() + 60 * MINUTE_MS).await.unwrap();
    }
    let left: Vec<_> = yard.dead().await.unwrap().into_iter().map(|row| (row.kind, row.why)).collect();
    assert_eq!(left, []);
    assert_eq!(unsettled(&yard).await.unwrap(), 0, "{}", yard.waits().await.unwrap());
    let count = tally(&yard.entries(), calls, calls.len(), BOTH);
    assert_eq!((count.written, count.lost, count.doubled), (calls.len(), 0, 0));
    yard.close().await;
}

/// Approves a field of the person, so that a change of a known record is on its way.
async fn approve(yard: &Yard) -> Review {
    let (_, contract) = yard.engine.contract(&yard.account).await.unwrap().unwrap();
    let asked = reviews(&yard.engine, &yard.account).await.unwrap();
    let of_person = |r: &Review| {
        let rule = r.field.as_deref().and_then(|field| contract.fields.get(field));
        r.kind == ReviewKind::Field && r.proposed.is_some() && rule.is_some_and(|rule| rule.object == Object::Contact)
    };
    let review = asked.into_iter().map(|(_, r)| r).find(of_person).unwrap();
    let by = UserId::from_text(BY);
    yard.engine.decide_review(&yard.account, &review.id, &review.digest, Choice::Approve, &by).await.unwrap();
    review
}

fn holds(yard: &Yard, review: &Review) -> bool {
    let value = review.proposed.clone().unwrap();
    yard.entries().iter().any(|e| e.kind == Kind::Person && e.has_number(&number(1)) && mentions(e, &value))
}

#[tokio::test]
async fn messages_that_were_swallowed_arrive_when_they_are_sent_again() {
    for slow in [false, true] {
        let yard = yard(3).await;
        let start = yard.now_ms();
        // Some answers never come: then nobody knows whether the message arrived.
        if slow {
            yard.with(|t| {
                t.set_script(quiet().rule(Rule::new(Fault::TimeoutAfterWrite, When::EveryNth(2)).writes()));
            });
        }
        set_up(&yard, json!({ "on": false }));
        let calls = vec![call(1, start + MINUTE_MS)];
        play(&yard, &calls, start + 120 * MINUTE_MS).await.unwrap();
        assert!(!yard.dead().await.unwrap().is_empty(), "nothing was done, and nobody was told");
        assert_eq!(tally(&yard.entries(), &calls, 1, BOTH).written, 0);
        set_up(&yard, json!({ "on": true }));
        ends_well(yard, &calls).await;
    }
}

#[tokio::test]
async fn a_swallowed_change_holds_nothing_up_and_arrives_when_it_is_sent_again() {
    let yard = yard(4).await;
    let start = yard.now_ms();
    let mut calls = vec![call(1, start + MINUTE_MS)];
    play(&yard, &calls, start + MINUTE_MS).await.unwrap();
    set_up(&yard, json!({ "on": false }));
    let review = approve(&yard).await;
    until(&yard, yard.now_ms() + 10 * MINUTE_MS).await;
    set_up(&yard, json!({ "on": true }));
    // The same person calls again: who they are is known by what was confirmed before.
    calls.push(call(2, yard.now_ms() + MINUTE_MS));
    let mut pending = calls[1..].iter().peekable();
    until(&yard, yard.now_ms() + MINUTE_MS).await;
    ring_due(&yard, &mut pending, yard.now_ms()).await.unwrap();
    until(&yard, yard.now_ms() + 60 * MINUTE_MS).await;
    assert_eq!(ours(&yard).1, 2, "the second call is written within the hour");
    assert!(!holds(&yard, &review));
    play(&yard, &[], yard.now_ms() + 120 * MINUTE_MS).await.unwrap();
    assert_eq!(yard.dead().await.unwrap().len(), 1, "the change that nobody confirmed");
    assert_eq!(replay_all(&yard).await, 1);
    play(&yard, &[], yard.now_ms() + 60 * MINUTE_MS).await.unwrap();
    assert!(holds(&yard, &review));
    ends_well(yard, &calls).await;
}

#[tokio::test]
async fn a_rejected_change_harms_no_later_one_and_arrives_when_it_is_sent_again() {
    let yard = yard(5).await;
    let start = yard.now_ms();
    let calls = vec![call(1, start + MINUTE_MS)];
    play(&yard, &calls, start + MINUTE_MS).await.unwrap();
    set_up(&yard, json!({ "rejects": ["contact"] }));
    let first = approve(&yard).await;
    play(&yard, &[], yard.now_ms()).await.unwrap();
    assert_eq!(yard.dead().await.unwrap().len(), 1);
    set_up(&yard, json!({ "rejects": [] }));
    // Another change of the same record.
    let second = approve(&yard).await;
    play(&yard, &[], yard.now_ms()).await.unwrap();
    // It is not refused for the first, and takes along what had not arrived.
    assert!(holds(&yard, &second) && holds(&yard, &first));
    // The first is sent on its way again all the same: what it wants is there already.
    assert_eq!(replay_all(&yard).await, 1);
    play(&yard, &[], yard.now_ms()).await.unwrap();
    assert_eq!(yard.dead().await.unwrap().len(), 0);
    ends_well(yard, &calls).await;
}

#[tokio::test]
async fn a_rejection_that_came_after_a_lost_answer_is_asked_again() {
    let yard = yard(6).await;
    let start = yard.now_ms();
    yard.with(|t| t.set_script(quiet().rule(Rule::new(Fault::TimeoutAfterWrite, When::EveryNth(1)).writes())));
    set_up(&yard, json!({ "rejects": ["contact", "call", "task"] }));
    let calls = vec![call(1, start + MINUTE_MS)];
    play(&yard, &calls, start + 60 * MINUTE_MS).await.unwrap();
    assert!(!yard.dead().await.unwrap().is_empty());
    set_up(&yard, json!({ "rejects": [] }));
    ends_well(yard, &calls).await;
}
