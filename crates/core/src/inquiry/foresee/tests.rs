use super::*;
use crate::crm::Record;
use crate::inquiry::house::*;
use crate::inquiry::{InquiryCall, StandsBy};
use crate::signal::Ending;

/// A caller with a message, whom the CRM shows as these records.
fn told(house: &House, records: Vec<Record>) -> (Inquiry, Timestamp) {
    let mut call = house.call(1, OPEN, Ending::Voicemail, CALLER);
    let now = call.first_received_at;
    let read = house.said(&mut call, "Hi, my water heater is leaking, this is an emergency, please call me back.");
    let one = step(house.open(&call), &Event::Call { call: InquiryCall::of(&call, None) }, &house.facts(), now);
    let two = step(one.inquiry, &read, &house.facts(), now);
    let event = found(&two.inquiry, records);
    (step(two.inquiry, &event, &house.facts(), now).inquiry, now)
}

/// What was foreseen is what then happens, for every question and every answer to it.
#[test]
fn what_is_foreseen_comes_true() {
    let house = House::new();
    let known = record("512", &[("phone", CALLER), ("rb_urgency", "nurture"), ("lifecyclestage", "customer")]);
    let two = vec![
        record("512", &[("phone", CALLER), ("firstname", "Maria"), ("lifecyclestage", "lead")]),
        record("513", &[("phone", CALLER), ("firstname", "Jo"), ("lifecyclestage", "lead")]),
    ];
    let (mut seen, mut wrote, mut linked) = (0, 0, 0);
    for records in [vec![known], two, Vec::new()] {
        let (inquiry, now) = told(&house, records);
        for review in &inquiry.reviews {
            let reject = Choice::Reject { reason: "no".into(), code: None };
            let picks = review.choices.iter().map(|(id, _)| Choice::Pick { id: id.clone() });
            for choice in [Choice::Approve, reject].into_iter().chain(picks) {
                let foreseen = foresee(&inquiry, &review.id, &choice, &house.facts(), now);
                let by = crate::id::UserId::from_text("user_1");
                let event = Event::Decided { review: review.id.clone(), choice: choice.clone(), by };
                let after = step(inquiry.clone(), &event, &house.facts(), now);
                for w in &foreseen.writes {
                    assert!(!w.is.is_empty() && w.was.as_ref() != Some(&w.is), "{w:?}");
                    let verdict = after.inquiry.verdicts.iter().find(|v| v.field == w.field).unwrap();
                    assert_eq!((verdict.kind, verdict.is.as_ref()), (VerdictKind::Write, Some(&w.is)));
                    wrote += 1;
                }
                if foreseen.call_logs > 0 {
                    assert!(after.plan.as_ref().unwrap().effects.iter().any(|e| e.target.starts_with("call:")));
                    linked += 1;
                }
                if matches!(choice, Choice::Reject { .. }) && review.kind == ReviewKind::Field {
                    assert!(foreseen.nothing(), "a no changes nothing: {foreseen:?}");
                }
                seen += 1;
            }
        }
    }
    assert_eq!((seen, wrote, linked), (9, 5, 3), "answers, writes and links that were looked at");
}

#[test]
fn a_question_that_is_not_open_does_nothing() {
    let house = House::new();
    let (inquiry, now) = told(&house, Vec::new());
    let none = ReviewId::from_text("rev_none");
    assert_eq!(foresee(&inquiry, &none, &Choice::Approve, &house.facts(), now), Foreseen::default());
}

#[test]
fn a_question_says_who_set_the_value_which_version_asks_and_what_agrees() {
    let house = House::new();
    let known = record("512", &[("phone", CALLER), ("rb_urgency", "nurture"), ("lifecyclestage", "customer")]);
    let (inquiry, _) = told(&house, vec![known]);
    let urgency = inquiry.reviews.iter().find(|r| r.field.as_deref() == Some("urgency")).unwrap();
    assert!(matches!(&urgency.set_by, Some(StandsBy::Person { source, .. }) if source == "CRM_UI"), "{urgency:?}");
    assert_eq!(urgency.because, "person_set_it");
    assert_eq!(urgency.contract.as_ref(), Some(house.facts().contract_ref));
    assert_eq!(Some(&urgency.sentence), house.contract.explain("urgency").as_ref());
    let two = vec![
        record("512", &[("phone", CALLER), ("lifecyclestage", "lead")]),
        record("513", &[("phone", CALLER), ("lifecyclestage", "lead")]),
    ];
    let (inquiry, _) = told(&house, two);
    let who = inquiry.reviews.iter().find(|r| r.kind == ReviewKind::Match).unwrap();
    assert_eq!(who.candidates.len(), 2);
    assert!(who.candidates.iter().all(|c| c.agreed.contains(&"phone".to_owned())), "{who:?}");
    assert!(!who.joins(urgency), "whose record it is, is asked one by one");
}
