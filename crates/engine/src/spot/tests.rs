use super::*;
use crate::audit::tests::support::World;
use crate::contracts::{Answer, Base, By, Wish};
use ringback_core::contract;
use ringback_core::crm::Object;
use ringback_core::ensure::Receipt;
use ringback_core::inquiry::Progress;
use ringback_store::After;
use std::collections::BTreeSet;

fn user() -> UserId {
    UserId::from_text("user_1")
}

/// An account that writes by itself whatever was heard.
async fn world() -> World {
    let world = World::new().await;
    let mut contract = contract::parse(contract::DEFAULT_TEXT).0.unwrap();
    contract.autonomy = contract::Autonomy::Auto;
    contract.fields.values_mut().for_each(|rule| rule.write_at = rule.review_at);
    let by = By { who: "user_ann".into(), file: None };
    let wish = Wish { text: contract::DEFAULT_TEXT.into(), contract, base: Base::Version(1), by };
    let answer = world.engine.apply_contract(&world.account, &wish).await.unwrap();
    assert!(matches!(answer, Answer::Applied { .. }), "{answer:?}");
    world
}

async fn account(world: &World) -> AccountRow {
    let id = world.account.as_str().to_owned();
    world.write(move |tx| Box::pin(async move { store::account_get(tx, &id).await })).await.unwrap()
}

fn days(n: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * n)
}

async fn draw(world: &World) -> usize {
    world.engine.spot_check(&account(world).await).await.unwrap()
}

/// The values that wait for a verdict.
async fn waiting(world: &World) -> Vec<Review> {
    let kind = Some(ReviewKind::SpotCheck.word());
    let open = world.engine.open_reviews(&world.account, kind, None, 100, &After::start()).await.unwrap();
    open.asked.into_iter().map(|asked| asked.review).collect()
}

/// A call whose contact was made with what the caller said.
async fn written(world: &World, id: &str) -> InquiryId {
    let inquiry = Box::pin(world.missed_call(id)).await;
    Box::pin(world.contact_made(&inquiry)).await;
    let planned = world.engine.inquiry(&world.account, &inquiry).await.unwrap().unwrap();
    if planned.effects.get("fields").is_none_or(|e| e.progress != Progress::Planned) {
        return inquiry;
    }
    let effect = world.effect(&inquiry, "fields").await;
    let receipt = Receipt {
        object: Some(Object::Contact),
        record: "501".into(),
        read_at: Some(world.engine.now()),
        properties: effect.desired.properties().unwrap().clone(),
        ..Receipt::default()
    };
    Box::pin(world.settle(&inquiry, &effect.id, "fields", receipt)).await;
    inquiry
}

async fn decide(world: &World, review: &Review, choice: Choice) -> Result<Inquiry, Error> {
    world.engine.decide_review(&world.account, &review.id, &review.digest, choice, &user()).await
}

#[tokio::test]
async fn on_the_seventh_day_a_sample_awaits_verdicts_and_the_chain_says_how_chance_picked_it() {
    let world = world().await;
    let inquiry = written(&world, "1").await;
    world.clock.forward(days(7) - SignedDuration::from_secs(1));
    assert_eq!(draw(&world).await, 0, "a second too early");
    world.clock.forward(SignedDuration::from_secs(1));
    let drawn = draw(&world).await;
    let asked = waiting(&world).await;
    assert!(drawn > 1 && asked.len() == drawn, "{drawn}: {asked:?}");
    assert_eq!(draw(&world).await, 0, "once a week");
    let of = world.engine.spot_checks(&world.account).await.unwrap();
    assert_eq!((of.last, of.waiting, of.next), (Some(world.engine.now()), drawn as u64, world.engine.now() + days(7)));
    // What is asked is what was written, with the words it was heard in; nothing in the inquiry waits for it.
    let urgency = asked.iter().find(|r| r.field.as_deref() == Some("urgency")).unwrap();
    assert!(urgency.evidence.is_some() && urgency.confidence.is_some(), "{urgency:?}");
    assert!(urgency.reason.contains("values that were written by themselves in 7 days;"), "{}", urgency.reason);
    assert_eq!(urgency.contract.as_ref().unwrap().version, 2);
    assert!(!urgency.sentence.is_empty() && urgency.checks.as_ref().unwrap().record == "501");
    let of = world.engine.inquiry(&world.account, &inquiry).await.unwrap().unwrap();
    assert!(of.reviews.iter().all(|r| r.kind != ReviewKind::SpotCheck));
    // The choice can be made again from the seed that is told.
    let told = world.engine.account_entries(&world.account).await.unwrap();
    let entry = told.iter().find(|entry| entry.kind == "spot_check").unwrap();
    let seed = entry.body["seed"].as_str().unwrap();
    let seed: Vec<u8> = (0..32).map(|n| u8::from_str_radix(&seed[2 * n..2 * n + 2], 16).unwrap()).collect();
    let of = entry.body["written"].as_u64().unwrap();
    let places = spot::places(&seed.try_into().unwrap(), of, LOOKS_MAX);
    let id = world.account.as_str().to_owned();
    let span = (micros(world.engine.now() - days(7)), micros(world.engine.now()));
    let all = world
        .write(move |tx| Box::pin(async move { store::field_writes_between(tx, &id, span, None, None, 1_000).await }))
        .await;
    let all: Vec<_> = all.into_iter().filter(|w| w.actor == "AI" && w.clause.starts_with("field.")).collect();
    assert_eq!(of, all.len() as u64, "nothing else is counted, or has a place");
    let by_chance: Vec<String> = places.iter().map(|at| all[usize::try_from(*at).unwrap()].property.clone()).collect();
    let picked: Vec<String> =
        entry.body["picked"].as_array().unwrap().iter().map(|p| p["property"].as_str().unwrap().to_owned()).collect();
    assert_eq!(by_chance[..by_chance.len().min(SAMPLE)], picked, "in the order in which chance had them");
    assert!(world.engine.verify(&world.account).await.unwrap().ok);
}

#[tokio::test]
async fn a_wrong_value_is_noted_as_a_correction_of_that_write_and_taking_it_back_is_offered() {
    let world = world().await;
    let inquiry = written(&world, "1").await;
    world.clock.forward(days(7));
    draw(&world).await;
    let asked = waiting(&world).await;
    let of = |field: &str| asked.iter().find(|r| r.field.as_deref() == Some(field)).unwrap();
    let (urgency, reason) = (of("urgency"), of("reason_code"));
    let third = asked.iter().find(|r| !["urgency", "reason_code"].contains(&r.field.as_deref().unwrap())).unwrap();
    let same = Choice::Edit { value: urgency.proposed.clone().unwrap() };
    assert!(
        matches!(decide(&world, urgency, same).await, Err(Error::Refused(_))),
        "what was written is no other value"
    );
    let unfit = Choice::Edit { value: "soon".into() };
    assert!(matches!(decide(&world, urgency, unfit).await, Err(Error::Refused(_))), "it fits the field or is refused");
    let silent = Choice::Reject { reason: " ".into(), code: None };
    assert!(matches!(decide(&world, reason, silent).await, Err(Error::Refused(_))), "a no says why");
    assert!(matches!(decide(&world, reason, Choice::Pick { id: "x".into() }).await, Err(Error::Refused(_))));
    let together = [(reason.id.clone(), reason.digest.clone())];
    let many = world.engine.decide_reviews(&world.account, &together, &Choice::Approve, &user(), &|_, _| true).await;
    assert!(matches!(many, Err(Error::Refused(_))), "{many:?}");
    let other = world.engine.decide_review(&world.account, &reason.id, "other", Choice::Approve, &user()).await;
    assert!(matches!(other, Err(Error::Late(_))), "about another value");

    let before = world.engine.inquiry(&world.account, &inquiry).await.unwrap();
    decide(&world, urgency, Choice::Edit { value: "nurture".into() }).await.unwrap();
    decide(&world, reason, Choice::Reject { reason: "nobody said so".into(), code: None }).await.unwrap();
    decide(&world, third, Choice::Approve).await.unwrap();
    let late = decide(&world, urgency, Choice::Approve).await;
    let Err(Error::Late(late)) = late else { panic!("answered twice: {late:?}") };
    assert_eq!(late.by, crate::reviews::Overtaken::Answered);
    assert_eq!(
        world.engine.inquiry(&world.account, &inquiry).await.unwrap(),
        before,
        "nothing is decided by a verdict"
    );

    let (account, id) = (world.account.as_str().to_owned(), inquiry.as_str().to_owned());
    let rows = world
        .write(move |tx| {
            Box::pin(async move {
                let mut all = Vec::new();
                for row in store::corrections_of(tx, &account, &id).await? {
                    let value = match &row.value_doc {
                        Some(document) => store::document_get(tx, &account, document).await?.and_then(|d| d.body),
                        None => None,
                    };
                    all.push((row.property, row.kind, value, row.by_id));
                }
                Ok(all)
            })
        })
        .await;
    let noted = |property: &str, value: Option<&str>| {
        (property.to_owned(), "spot_check".to_owned(), value.map(str::to_owned), "user_1".to_owned())
    };
    let wanted = [noted("rb_reason_code", None), noted("rb_urgency", Some("nurture"))];
    assert_eq!(rows.iter().cloned().collect::<BTreeSet<_>>(), wanted.into());
    let scope = world.engine.called_wrong(&world.account, &urgency.id).await.unwrap().unwrap();
    assert_eq!((scope.inquiry.as_ref(), scope.field.as_deref()), (Some(&inquiry), Some("urgency")));
    assert_eq!(world.engine.called_wrong(&world.account, &third.id).await.unwrap(), None, "right stays as it is");

    // The error rate is kept, per clause.
    let now = world.engine.now();
    let learned = world.engine.learned(&world.account, now - days(1), now + days(1)).await.unwrap();
    let of = |clause: &str| {
        let found = learned.clauses.iter().find(|c| c.clause == clause).unwrap();
        (found.checked, found.wrong, found.corrected)
    };
    assert_eq!((of("field.urgency"), of("field.reason_code")), ((1, 1, 1), (1, 1, 1)));
    assert_eq!(of(&format!("field.{}", third.field.as_deref().unwrap())), (1, 0, 0));
    assert_eq!(learned.total.accepted, 0, "a verdict is no answer to a proposal");
    let told = world.engine.account_entries(&world.account).await.unwrap();
    let verdicts: Vec<bool> =
        told.iter().filter(|e| e.kind == "spot_verdict").map(|e| e.body["right"].as_bool().unwrap()).collect();
    assert_eq!(verdicts, [false, false, true]);
    assert!(world.engine.verify(&world.account).await.unwrap().ok);
    assert!(world.engine.replay(&world.account, &inquiry).await.unwrap().ok());
}

#[tokio::test]
async fn a_right_value_that_comes_after_another_correction_does_not_outlive_its_person() {
    let world = world().await;
    let inquiry = written(&world, "1").await;
    world.clock.forward(days(7));
    draw(&world).await;
    let asked = waiting(&world).await;
    let urgency = asked.iter().find(|r| r.field.as_deref() == Some("urgency")).unwrap();
    let checked = urgency.checks.clone().unwrap();
    let facts = world.engine.facts(&world.account).await.unwrap();
    let place = (inquiry.as_str(), checked.seq, checked.property.as_str());
    let seen = correction(&facts, place, crate::corrections::By::Found, Some("this_week"), "", world.engine.now());
    world.engine.put_corrections(&facts, vec![seen], world.engine.now()).await.unwrap();
    decide(&world, urgency, Choice::Edit { value: "nurture".into() }).await.unwrap();
    world.close(&inquiry).await;
    world.engine.erase_person(&world.account, &world.person(), "asked").await.unwrap();
    let left = world.all_text();
    assert_eq!(left.lines().find(|line| ["this_week", "nurture"].contains(line)), None);
}

#[tokio::test]
async fn what_people_decided_is_not_checked_again_and_a_week_without_writes_draws_nothing() {
    let world = world().await;
    let inquiry = written(&world, "1").await;
    world.tamper("UPDATE field_writes SET actor = 'human-approved AI' WHERE property = 'rb_urgency'");
    world.clock.forward(days(7));
    draw(&world).await;
    assert!(waiting(&world).await.iter().all(|r| r.field.as_deref() != Some("urgency")));
    let told = world.engine.account_entries(&world.account).await.unwrap().len();
    world.clock.forward(days(7));
    assert_eq!(draw(&world).await, 0);
    assert_eq!(
        world.engine.account_entries(&world.account).await.unwrap().len(),
        told,
        "nothing happened, nothing is told"
    );
    assert_eq!(world.engine.spot_checks(&world.account).await.unwrap().last, Some(world.engine.now()));
    // Whoever is forgotten is not asked about any more.
    world.close(&inquiry).await;
    assert!(!waiting(&world).await.is_empty());
    world.engine.erase_person(&world.account, &world.person(), "asked").await.unwrap();
    assert!(waiting(&world).await.is_empty());
    assert!(world.engine.verify(&world.account).await.unwrap().ok);
}

#[tokio::test]
async fn whoever_is_forgotten_while_a_sample_is_drawn_is_not_asked_about() {
    let world = world().await;
    let inquiry = written(&world, "1").await;
    world.close(&inquiry).await;
    world.clock.forward(days(7));
    let sample = world.engine.sample(&account(&world).await).await.unwrap().unwrap();
    assert!(sample.reviews.len() > 1);
    world.engine.erase_person(&world.account, &world.person(), "asked").await.unwrap();
    let before = world.all_text();
    assert_eq!(world.engine.ask_about(sample).await.unwrap(), 0);
    assert_eq!(world.all_text(), before, "nothing of it is kept");
    // The next round draws from what is left, and there is nothing.
    assert_eq!(draw(&world).await, 0);
    assert_eq!(world.engine.spot_checks(&world.account).await.unwrap().last, Some(world.engine.now()));
    assert!(world.engine.verify(&world.account).await.unwrap().ok);
}

#[tokio::test]
async fn in_the_first_month_a_sample_is_drawn_always_and_later_only_if_somebody_looks_at_them() {
    let world = world().await;
    written(&world, "1").await;
    world.clock.forward(days(7));
    draw(&world).await;
    let template = waiting(&world).await.remove(0);
    let (id, at) = (world.account.as_str().to_owned(), world.engine.now());
    world
        .write(move |tx| {
            Box::pin(async move {
                for n in 0..WAITING_MAX {
                    let review = Review { id: ReviewId::from_text(format!("rev_x{n}")), ..template.clone() };
                    let row = crate::inquire::review_row(&id, &InquiryId::from_text("inq_1"), &review, at)?;
                    store::review_insert_once(tx, &row).await?;
                }
                Ok(())
            })
        })
        .await;
    world.clock.forward(days(6));
    written(&world, "2").await;
    world.clock.forward(days(1));
    assert!(draw(&world).await > 0, "day 14: whatever waits");
    world.clock.forward(days(16));
    written(&world, "3").await;
    world.clock.forward(days(1));
    assert_eq!(draw(&world).await, 0, "day 31: forty wait and nobody looks");
    world.tamper("UPDATE reviews SET state = 'void' WHERE id LIKE 'rev_x%'");
    assert!(draw(&world).await > 0, "they are gone, and the next sample comes");
    assert!(world.engine.verify(&world.account).await.unwrap().ok);
}
