use super::*;
use crate::audit::tests::support::World;
use crate::http::{Fault, Outgoing};
use ringback_core::http::HttpReply;
use ringback_core::inquiry::RejectCode;
use ringback_core::plan::VerdictKind;
use std::sync::Mutex;

fn user() -> UserId {
    UserId::from_text("user_1")
}

fn everything(_: &Inquiry, _: Act) -> bool {
    true
}

async fn asked(world: &World, field: &str) -> Vec<Asked> {
    let mut all = world.engine.open_reviews(&world.account, None, None, 100, &After::start()).await.unwrap().asked;
    all.retain(|a| a.review.field.as_deref() == Some(field));
    all
}

async fn one(world: &World, field: &str) -> Asked {
    asked(world, field).await.pop().unwrap_or_else(|| panic!("{field} is not asked"))
}

type Shown = Arc<Mutex<BTreeMap<String, String>>>;

type Answering = Box<dyn Fn(&Outgoing<'_>) -> Result<HttpReply, Fault> + Send + Sync>;

/// A CRM that shows record 501 with these properties; all were set by a person.
fn shows(shown: Shown) -> Answering {
    Box::new(move |_| {
        let properties = shown.lock().unwrap().clone();
        let set = |(name, value): (&String, &String)| {
            let set =
                serde_json::json!([{ "value": value, "timestamp": "2026-03-02T15:01:00Z", "sourceType": "CRM_UI" }]);
            (name.clone(), set)
        };
        let history: serde_json::Map<String, serde_json::Value> = properties.iter().map(set).collect();
        let record = serde_json::json!({ "id": "501", "properties": properties, "propertiesWithHistory": history, "archived": false });
        Ok(HttpReply { status: 200, headers: Vec::new(), body: record.to_string().into_bytes() })
    })
}

#[tokio::test]
async fn an_approval_on_an_old_sight_is_refused_with_the_new_value_before_anything_is_planned() {
    let shown = Shown::default();
    let world = World::with(shows(shown.clone())).await;
    let inquiry = world.missed_call("1").await;
    let made = world.contact_made(&inquiry).await;
    shown.lock().unwrap().extend(made);
    shown.lock().unwrap().insert("rb_urgency".into(), "nurture".into());
    let shown = one(&world, "urgency").await;
    assert_eq!(shown.review.current.as_deref().unwrap_or_default(), "");
    // Somebody sets it in the CRM; nobody told us, and what we read is two minutes old.
    world.clock.forward(jiff::SignedDuration::from_mins(2));
    let before = world.engine.inquiry(&world.account, &inquiry).await.unwrap().unwrap();
    let id = &shown.review.id;
    let answer = world.engine.decide_review(&world.account, id, &shown.review.digest, Choice::Approve, &user()).await;
    let Err(Error::Late(late)) = answer else { panic!("it was taken: {answer:?}") };
    assert_eq!(late.holds.as_deref(), Some("nurture"), "{late}");
    assert!(matches!(late.set_by, Some(StandsBy::Person { .. })), "who set it is told: {late:?}");
    let after = world.engine.inquiry(&world.account, &inquiry).await.unwrap().unwrap();
    assert_eq!(after.effects.get("fields"), before.effects.get("fields"), "nothing was planned for it");
    assert_eq!(after.approvals, Vec::new());
    // The question of now shows the value of now, and can be answered.
    let now = one(&world, "urgency").await;
    assert_eq!((now.review.current.as_deref(), &now.review.digest), (Some("nurture"), &late.asked.unwrap().digest));
    let digest = now.review.digest.clone();
    let done = world.engine.decide_review(&world.account, &now.review.id, &digest, Choice::Approve, &user()).await;
    let verdict = done.unwrap().verdicts.into_iter().find(|v| v.field == "urgency").unwrap();
    assert_eq!(verdict.kind, VerdictKind::Write);
}

#[tokio::test]
async fn a_typed_value_that_does_not_fit_its_field_is_refused_and_the_question_stays() {
    let world = World::new().await;
    let inquiry = world.missed_call("1").await;
    world.contact_made(&inquiry).await;
    let asked = one(&world, "urgency").await.review;
    let edit = |value: &str| Choice::Edit { value: value.into() };
    let answer = world.engine.decide_review(&world.account, &asked.id, &asked.digest, edit("soon"), &user()).await;
    let Err(Error::Refused(why)) = answer else { panic!("it was taken: {answer:?}") };
    assert!(why.contains("urgency") && why.contains("same_day"), "it says what to write: {why}");
    assert_eq!(one(&world, "urgency").await.review.digest, asked.digest, "it is still asked");
    let done = world.engine.decide_review(&world.account, &asked.id, &asked.digest, edit(" high "), &user()).await;
    let verdict = done.unwrap().verdicts.into_iter().find(|v| v.field == "urgency").unwrap();
    assert_eq!((verdict.kind, verdict.is.as_deref()), (VerdictKind::Write, Some("high")));
}

#[tokio::test]
async fn a_crm_that_does_not_answer_holds_no_approval_up() {
    let world = World::new().await;
    let inquiry = world.missed_call("1").await;
    world.contact_made(&inquiry).await;
    world.clock.forward(jiff::SignedDuration::from_mins(30));
    let shown = one(&world, "urgency").await;
    let answer = world
        .engine
        .decide_review(&world.account, &shown.review.id, &shown.review.digest, Choice::Approve, &user())
        .await;
    assert!(answer.unwrap().effects.contains_key("fields"), "it is planned, and compared again before the send");
}

#[tokio::test]
async fn many_that_one_reason_stopped_are_answered_in_one_gesture() {
    let world = World::new().await;
    let first = world.missed_call("1").await;
    world.contact_made(&first).await;
    let all = world.engine.open_reviews(&world.account, None, None, 100, &After::start()).await.unwrap().asked;
    let because = one(&world, "urgency").await.review.because;
    let alike: Vec<_> = all.iter().filter(|a| a.review.because == because).collect();
    assert!(alike.len() > 1, "{all:?}");
    let mut items: Vec<(ReviewId, String)> =
        alike.iter().map(|a| (a.review.id.clone(), a.review.digest.clone())).collect();
    // One was looked at before its value moved; one does not exist.
    let late = items[0].0.clone();
    items[0].1 = "other".into();
    items.push((ReviewId::from_text("rev_none"), "x".into()));
    let reject = Choice::Reject { reason: String::new(), code: Some(RejectCode::Misheard) };
    let became = world.engine.decide_reviews(&world.account, &items, &reject, &user(), &everything).await.unwrap();
    assert_eq!(became.len(), items.len());
    for (id, became) in &became {
        match id {
            id if *id == late => assert!(matches!(became, Became::Late { .. }), "{became:?}"),
            id if id.as_str() == "rev_none" => assert_eq!(*became, Became::Missing),
            _ => assert_eq!(*became, Became::Done),
        }
    }
    let left = world.engine.open_reviews(&world.account, None, None, 100, &After::start()).await.unwrap().asked;
    assert_eq!(left.iter().filter(|a| a.review.because == because).map(|a| &a.review.id).collect::<Vec<_>>(), [&late]);
    let inquiry = world.engine.inquiry(&world.account, &first).await.unwrap().unwrap();
    let said = inquiry.verdicts.iter().filter(|v| v.reason.contains("the caller did not say that")).count();
    assert_eq!(said, items.len() - 2, "the code is the reason that people read");
}

#[tokio::test]
async fn what_different_reasons_stopped_or_another_has_to_answer_is_not_answered_together() {
    let world = World::new().await;
    let inquiry = world.missed_call("1").await;
    world.contact_made(&inquiry).await;
    let mut all = world.engine.open_reviews(&world.account, None, None, 100, &After::start()).await.unwrap().asked;
    all.sort_by_key(|a| a.review.kind != ReviewKind::Field);
    let items: Vec<(ReviewId, String)> = all.iter().map(|a| (a.review.id.clone(), a.review.digest.clone())).collect();
    let reasons: std::collections::BTreeSet<_> = all.iter().map(|a| a.review.because.clone()).collect();
    assert!(reasons.len() > 1, "{reasons:?}");
    let engine = &world.engine;
    let mixed = engine.decide_reviews(&world.account, &items, &Choice::Approve, &user(), &everything).await;
    assert!(matches!(mixed, Err(Error::Refused(_))), "{mixed:?}");
    let edit = Choice::Edit { value: "high".into() };
    let edited = engine.decide_reviews(&world.account, &items[..1], &edit, &user(), &everything).await;
    assert!(matches!(edited, Err(Error::Refused(_))), "{edited:?}");
    let bare = Choice::Reject { reason: " ".into(), code: Some(RejectCode::Other) };
    let silent = engine.decide_reviews(&world.account, &items[..1], &bare, &user(), &everything).await;
    assert!(matches!(silent, Err(Error::Refused(_))), "a no has a reason: {silent:?}");
    // Somebody who works the queue and decides no fields.
    let queue_only = |_: &Inquiry, act| act == Act::WorkQueue;
    let item = items[..1].to_vec();
    let became = engine.decide_reviews(&world.account, &item, &Choice::Approve, &user(), &queue_only).await.unwrap();
    assert_eq!(became[0].1, Became::NotYours);
    let nobody = |_: &Inquiry, _| false;
    let became = engine.decide_reviews(&world.account, &item, &Choice::Approve, &user(), &nobody).await.unwrap();
    assert_eq!(became[0].1, Became::Missing, "what cannot be seen does not exist");
    assert_eq!(
        engine.open_reviews(&world.account, None, None, 100, &After::start()).await.unwrap().asked.len(),
        all.len()
    );
}
