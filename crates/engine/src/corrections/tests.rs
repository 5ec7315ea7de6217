use super::*;
use crate::audit::tests::support::World;
use ringback_core::ensure::Receipt;
use ringback_core::http::HttpReply;
use ringback_core::id::{ReviewId, UserId};
use ringback_core::inquiry::{Choice, Review};
use ringback_core::rollback::Scope;
use serde_json::json;
use std::sync::{Arc, Mutex};

/// A reason that a person approved, written to record 501 and read back.
async fn written(world: &World) -> (InquiryId, String) {
    let inquiry = world.missed_call("1").await;
    world.contact_made(&inquiry).await;
    let (account, id) = (world.account.as_str().to_owned(), inquiry.as_str().to_owned());
    let rows = world.write(move |tx| Box::pin(async move { store::reviews_of_inquiry(tx, &account, &id).await })).await;
    let of = |row: &store::ReviewRow| {
        let review: Review = serde_json::from_str(&row.body).unwrap();
        (row.state == "open" && review.field.as_deref() == Some("reason_code")).then_some(review)
    };
    let review = rows.iter().find_map(of).unwrap();
    let by = UserId::from_text("user_1");
    let id = ReviewId::from_text(review.id.as_str());
    world.engine.decide_review(&world.account, &id, &review.digest, Choice::Approve, &by).await.unwrap();
    let effect = world.effect(&inquiry, "fields").await;
    let properties = effect.desired.properties().unwrap().clone();
    let value = properties["rb_reason_code"].clone();
    let receipt = Receipt {
        object: Some(Object::Contact),
        record: "501".into(),
        read_at: Some(world.engine.now()),
        properties,
        ..Receipt::default()
    };
    world.settle(&inquiry, &effect.id, "fields", receipt).await;
    (inquiry, value)
}

async fn look(world: &World, inquiry: &InquiryId, lane: &str, property: &str, value: &str, who: Option<Setter>) {
    let facts = world.engine.facts(&world.account).await.unwrap();
    let set = |who| ringback_core::crm::SetBy { value: value.into(), at: None, who, source: String::new() };
    let record = Record {
        id: "501".into(),
        properties: [(property.to_owned(), value.to_owned())].into(),
        set_by: who.map(|who| (property.to_owned(), set(who))).into_iter().collect(),
        ..Record::default()
    };
    let look = Look { lane, object: Object::Contact, by: By::Found, inquiry: Some(inquiry) };
    world.engine.note_corrections(&facts, &look, &[record]).await.unwrap();
}

async fn noted(world: &World, inquiry: &InquiryId) -> Vec<(String, String, Option<String>)> {
    let (account, id) = (world.account.as_str().to_owned(), inquiry.as_str().to_owned());
    world
        .write(move |tx| {
            Box::pin(async move {
                let mut all = Vec::new();
                for row in store::corrections_of(tx, &account, &id).await? {
                    let value = match &row.value_doc {
                        Some(document) => store::document_get(tx, &account, document).await?.and_then(|d| d.body),
                        None => None,
                    };
                    all.push((row.property, row.kind, value));
                }
                Ok(all)
            })
        })
        .await
}

#[tokio::test]
async fn what_a_person_put_in_place_of_our_value_is_noted_once_whenever_it_is_seen() {
    let world = World::new().await;
    let (inquiry, wrote) = written(&world).await;
    let lane = "conn_crm";
    look(&world, &inquiry, lane, "rb_reason_code", &wrote, None).await;
    assert_eq!(noted(&world, &inquiry).await, [], "ours still stands there");
    look(&world, &inquiry, lane, "rb_reason_code", "complaint", Some(Setter::Automation)).await;
    assert_eq!(noted(&world, &inquiry).await, [], "a program is nobody who corrects");
    look(&world, &inquiry, "conn_other", "rb_reason_code", "complaint", None).await;
    assert_eq!(noted(&world, &inquiry).await, [], "the same id in another CRM is another record");
    look(&world, &inquiry, lane, "jobtitle", "boss", None).await;
    assert_eq!(noted(&world, &inquiry).await, [], "what we never wrote is nobody's correction");
    let one = [("rb_reason_code".to_owned(), "found".to_owned(), Some("complaint".to_owned()))];
    look(&world, &inquiry, lane, "rb_reason_code", "complaint", None).await;
    assert_eq!(noted(&world, &inquiry).await, one, "where the CRM does not tell who set it, it counts as a person's");
    look(&world, &inquiry, lane, "rb_reason_code", "complaint", Some(Setter::Person)).await;
    look(&world, &inquiry, lane, "rb_reason_code", "cancellation", Some(Setter::Person)).await;
    assert_eq!(noted(&world, &inquiry).await, one, "a write is corrected once, by what was seen first");
    // A value that no correction leads to would outlive its person.
    let kept = |value: &str| world.all_text().lines().any(|line| line == value);
    assert_eq!((kept("complaint"), kept("cancellation")), (true, false));
    world.close(&inquiry).await;
    world.engine.erase_person(&world.account, &world.person(), "asked").await.unwrap();
    assert!(!kept("complaint"));
}

/// The look is one unit and the note another: a person who is erased in between leaves nothing behind.
#[tokio::test]
async fn a_person_who_is_erased_between_look_and_note_leaves_no_value() {
    let world = World::new().await;
    let (inquiry, _) = written(&world).await;
    let facts = world.engine.facts(&world.account).await.unwrap();
    let (account, id) = (world.account.as_str().to_owned(), inquiry.as_str().to_owned());
    let writes =
        world.write(move |tx| Box::pin(async move { store::field_writes_of_inquiry(tx, &account, &id).await })).await;
    let write = writes.iter().find(|write| write.property == "rb_reason_code").unwrap();
    let now = world.engine.now();
    let of = (write.inquiry.as_str(), write.seq, write.property.as_str());
    let seen = correction(&facts, of, By::Found, Some("complaint"), "", now);
    world.close(&inquiry).await;
    world.engine.erase_person(&world.account, &world.person(), "asked").await.unwrap();
    world.engine.put_corrections(&facts, vec![seen], now).await.unwrap();
    assert_eq!(noted(&world, &inquiry).await, []);
    assert!(!world.all_text().lines().any(|line| line == "complaint"));
}

#[tokio::test]
async fn a_rollback_keeps_no_value_of_what_was_corrected_before() {
    let shown: Arc<Mutex<Properties>> = Arc::default();
    let shows = shown.clone();
    let world = World::with(Box::new(move |_| {
        let properties = shows.lock().unwrap().clone();
        let by_hand = json!({ "rb_reason_code": [{ "value": properties.get("rb_reason_code"), "sourceType": "CRM_UI",
                              "timestamp": "2026-03-02T15:01:00Z" }] });
        let record =
            json!({ "id": "501", "properties": properties, "propertiesWithHistory": by_hand, "archived": false });
        Ok(HttpReply { status: 200, headers: Vec::new(), body: record.to_string().into_bytes() })
    }))
    .await;
    let (inquiry, _) = written(&world).await;
    look(&world, &inquiry, "conn_crm", "rb_reason_code", "complaint", Some(Setter::Person)).await;
    let one = [("rb_reason_code".to_owned(), "found".to_owned(), Some("complaint".to_owned()))];
    assert_eq!(noted(&world, &inquiry).await, one);
    // What we wrote stands there, and in one place what a person put there since.
    for effect in ["contact", "fields"] {
        let wrote = world.effect(&inquiry, effect).await;
        shown.lock().unwrap().extend(wrote.desired.properties().unwrap().clone());
    }
    shown.lock().unwrap().insert("rb_reason_code".into(), "cancellation".into());
    let scope = Scope { inquiry: Some(inquiry.clone()), ..Scope::default() };
    let preview = world.engine.preview_rollback(&world.account, &scope).await.unwrap();
    let spared = |field: &&crate::rollback::Shown| field.now.as_deref() == Some("cancellation");
    assert!(preview.fields.iter().find(spared).is_some_and(|field| field.spared.is_some()), "{preview:?}");
    let by = UserId::from_text("user_1");
    world.engine.start_rollback(&world.account, &scope, &preview.digest, "was wrong", &by).await.unwrap();
    assert_eq!(noted(&world, &inquiry).await, one);
    assert!(!world.all_text().lines().any(|line| line == "cancellation"), "it would outlive its person");
}

#[tokio::test]
async fn what_a_person_emptied_is_a_correction_too() {
    let world = World::new().await;
    let (inquiry, _) = written(&world).await;
    look(&world, &inquiry, "conn_crm", "rb_reason_code", "", Some(Setter::Person)).await;
    assert_eq!(noted(&world, &inquiry).await, [("rb_reason_code".to_owned(), "found".to_owned(), None)]);
}

#[tokio::test]
async fn what_we_are_writing_ourselves_is_no_correction() {
    let world = World::new().await;
    let (inquiry, _) = written(&world).await;
    let (account, id) = (world.account.as_str().to_owned(), inquiry.as_str().to_owned());
    // The effect is under way again with another value, which the CRM shows before its receipt.
    world
        .write(move |tx| {
            Box::pin(async move {
                let rows = store::effects_of_inquiry(tx, &account, &id).await?;
                let mut row = rows.into_iter().rev().find(|row| row.target == "fields").unwrap();
                row.state = "due".into();
                row.attempts = 1;
                row.settled_at = None;
                let mut effect: Effect = serde_json::from_str(&row.body).unwrap();
                if let Desired::ContactFields { properties, .. } = &mut effect.desired {
                    properties.insert("rb_reason_code".into(), "complaint".into());
                }
                row.body = serde_json::to_string(&effect).unwrap();
                assert!(store::effect_update_if(tx, &row).await?);
                Ok(())
            })
        })
        .await;
    look(&world, &inquiry, "conn_crm", "rb_reason_code", "complaint", None).await;
    assert_eq!(noted(&world, &inquiry).await, []);
    look(&world, &inquiry, "conn_crm", "rb_reason_code", "cancellation", None).await;
    assert_eq!(noted(&world, &inquiry).await.len(), 1);
}
