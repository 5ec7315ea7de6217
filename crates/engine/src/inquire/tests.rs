use super::*;
use crate::audit::tests::support::World;
use crate::reviews::Overtaken;
use ringback_core::crm::Object;
use ringback_core::ensure::Receipt;
use ringback_core::inquiry::Choice;
use ringback_core::plan::Actor;

fn user() -> UserId {
    UserId::from_text("user_1")
}

/// The open question about a field, as it is shown.
async fn asked(world: &World, inquiry: &InquiryId, field: &str) -> ReviewRow {
    let (account, id) = (world.account.as_str().to_owned(), inquiry.as_str().to_owned());
    let rows = world.write(move |tx| Box::pin(async move { store::reviews_of_inquiry(tx, &account, &id).await })).await;
    let about = |row: &ReviewRow| {
        let review: Review = serde_json::from_str(&row.body).unwrap();
        row.state == "open" && review.field.as_deref() == Some(field)
    };
    rows.into_iter().find(about).unwrap_or_else(|| panic!("{field} is not asked"))
}

async fn answer(world: &World, asked: &ReviewRow, choice: Choice) -> Result<Inquiry, Error> {
    world
        .engine
        .decide_review(&world.account, &ReviewId::from_text(asked.id.clone()), &asked.digest, choice, &user())
        .await
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_told_what_stands_there_now() {
    let world = World::new().await;
    let inquiry = world.missed_call("1").await;
    world.contact_made(&inquiry).await;
    let shown = asked(&world, &inquiry, "urgency").await;
    // A reason is approved; before it is written, somebody sets the urgency too, and the CRM shows both.
    let reason = asked(&world, &inquiry, "reason_code").await;
    answer(&world, &reason, Choice::Approve).await.unwrap();
    let effect = world.effect(&inquiry, "fields").await;
    let properties = [("rb_urgency".to_owned(), "nurture".to_owned())].into();
    let record = Record { id: "501".into(), properties, ..Record::default() };
    world.act(&inquiry, Event::Moved { effect: effect.id, target: "fields".into(), record }).await;
    let Err(Error::Late(late)) = answer(&world, &shown, Choice::Approve).await else { panic!("it was taken") };
    let why = late.to_string();
    assert!(why.contains("the CRM holds \"nurture\" now") && why.contains("is proposed"), "{why}");
    assert_eq!((late.holds.as_deref(), late.by), (Some("nurture"), Overtaken::Moved));
    assert!(
        late.asked.is_some_and(|asked| asked.digest != shown.digest),
        "the question of now is told with its digest"
    );
    // What is asked now can be answered, also after the caller was reached.
    let now = asked(&world, &inquiry, "urgency").await;
    assert_ne!(now.digest, shown.digest);
    world.close(&inquiry).await;
    let done = answer(&world, &now, Choice::Approve).await.unwrap();
    assert!(!done.open());
    let wanted = world.effect(&inquiry, "fields").await;
    assert!(wanted.desired.properties().unwrap().contains_key("rb_urgency"), "{wanted:?}");
    let Err(Error::Late(late)) = answer(&world, &now, Choice::Approve).await else { panic!("it is answered once") };
    assert_eq!(late.by, Overtaken::Answered, "a colleague's answer is no moved value: {late}");
}

#[tokio::test]
async fn a_later_inquiry_of_the_caller_is_told_what_we_wrote() {
    let world = World::new().await;
    let first = world.missed_call("1").await;
    world.contact_made(&first).await;
    let reason = asked(&world, &first, "reason_code").await;
    answer(&world, &reason, Choice::Approve).await.unwrap();
    let effect = world.effect(&first, "fields").await;
    let properties = effect.desired.properties().unwrap().clone();
    let receipt = Receipt {
        object: Some(Object::Contact),
        record: "501".into(),
        read_at: Some(world.engine.now()),
        properties,
        ..Receipt::default()
    };
    world.settle(&first, &effect.id, "fields", receipt).await;
    world.close(&first).await;
    let second = world.missed_call("2").await;
    let facts = world.engine.facts(&world.account).await.unwrap();
    let found = |id: &str| vec![Record { id: id.into(), ..Record::default() }];
    let memory = world.engine.remembered(&facts, &second, &found("501")).await.unwrap();
    let of = |name: &str| memory.iter().find(|m| m.property == name).map(|m| (m.record.as_str(), m.wrote.actor));
    assert_eq!(of("rb_reason_code"), Some(("501", Actor::ApprovedMachine)), "{memory:?}");
    assert_eq!(of("phone"), Some(("501", Actor::Machine)));
    assert_eq!(of("rb_written_at"), None, "stamps are nobody's value");
    assert_eq!(world.engine.remembered(&facts, &second, &found("777")).await.unwrap(), Vec::new());
}
