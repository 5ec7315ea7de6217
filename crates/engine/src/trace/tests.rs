use super::*;
use crate::audit::tests::support::{WORDS, World};
use jiff::SignedDuration;
use ringback_core::crm::Object;
use ringback_core::ensure;

#[tokio::test]
async fn a_written_field_answers_with_call_words_rule_actor_and_receipt() {
    let world = World::new().await;
    let inquiry = world.missed_call("1").await;
    let written = world.contact_made(&inquiry).await;
    let mut quoted = 0;
    for (property, value) in &written {
        let answers = world.engine.trace(&world.account, "contact", "501", property).await.unwrap();
        let [answer] = answers.as_slice() else { panic!("{property}: {answers:?}") };
        assert_eq!(answer.is.as_ref().and_then(Sealed::text), Some(value.as_str()), "{property}");
        assert_eq!(answer.was, None);
        assert_eq!((answer.record.as_str(), answer.inquiry.as_str()), ("501", "inq_1"));
        let call = answer.call.as_ref().unwrap_or_else(|| panic!("{property} has no call"));
        assert_eq!((call.id.as_str(), call.category.as_deref()), ("call_1", Some("voicemail")));
        assert_eq!(answer.caller.as_ref().and_then(Sealed::text), Some("+13125550142"));
        assert_eq!(answer.rule.contract.as_deref(), Some("ctr_1"));
        assert_eq!(answer.rule.version, Some(1));
        assert!(answer.rule.clause.is_some() && answer.rule.sentence.is_some(), "{property}: {:?}", answer.rule);
        assert!(answer.actor.is_some() && answer.reason.is_some() && answer.trigger.is_some());
        assert!(answer.receipt.read_at.is_some() && answer.receipt.effect.is_some());
        if let Some(quote) = &answer.quote {
            quoted += 1;
            assert!(WORDS.contains(quote.words.text().unwrap()), "{property}: {quote:?}");
            assert!(answer.confidence.is_some_and(|c| c < 1001));
        }
    }
    assert!(quoted > 0, "no written field came from the caller's words: {written:?}");
}

#[tokio::test]
async fn history_comes_newest_first_and_only_of_that_field_record_and_account() {
    let world = World::new().await;
    let first = world.missed_call("1").await;
    world.contact_made(&first).await;
    world.close(&first).await;
    world.clock.forward(SignedDuration::from_hours(48));
    let second = world.missed_call("2").await;
    let find = world.effect(&second, "find").await;
    let receipt = ensure::Receipt {
        object: Some(Object::Contact),
        record: "501".into(),
        read_at: Some(world.engine.now()),
        properties: [("phone".to_owned(), "+13125550199".to_owned())].into(),
        was: [("phone".to_owned(), "+13125550142".to_owned())].into(),
        ..Default::default()
    };
    world.settle(&second, &find.id, "fields", receipt).await;
    let ask = async |account: &str, record: &str, property: &str| {
        world.engine.trace(&AccountId::from_text(account), "contact", record, property).await.unwrap()
    };
    let answers = ask("acct_1", "501", "phone").await;
    let values: Vec<_> = answers.iter().map(|a| a.is.as_ref().and_then(Sealed::text).unwrap()).collect();
    assert_eq!(values, ["+13125550199", "+13125550142"]);
    assert_eq!(answers[0].was.as_ref().and_then(Sealed::text), Some("+13125550142"));
    assert!(ask("acct_2", "501", "phone").await.is_empty());
    assert!(ask("acct_1", "502", "phone").await.is_empty());
    assert!(ask("acct_1", "501", "no_such_field").await.is_empty());
}

#[tokio::test]
async fn transcripts_tell_their_words_or_why_they_are_gone() {
    let world = World::new().await;
    let inquiry = world.missed_call("1").await;
    let words = world.engine.transcripts(&world.account, &inquiry).await.unwrap();
    assert_eq!(words.len(), 1);
    assert_eq!((words[0].text.as_deref(), words[0].expired.as_deref()), (Some(WORDS), None));
    world.tamper("UPDATE documents SET expires_at = 1 WHERE class = 'speech' AND kind = 'transcript'");
    assert_eq!(world.engine.expire_documents().await.unwrap(), 1);
    let words = world.engine.transcripts(&world.account, &inquiry).await.unwrap();
    assert_eq!((words[0].text.as_deref(), words[0].expired.as_deref()), (None, Some("expired on 2026-03-02")));
    let gone = InquiryId::from_text("inq_9");
    assert!(world.engine.transcripts(&world.account, &gone).await.unwrap().is_empty());
    assert_eq!(world.engine.inquiry(&world.account, &gone).await.unwrap(), None);
}
