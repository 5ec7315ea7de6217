use super::*;
use crate::audit::record::verify_record;
use crate::audit::tests::support::{NUMBER, WORDS, World};
use crate::micros;
use jiff::SignedDuration;
use ringback_core::claim::{ClaimValue, Confidence, Reading, RejectReason, RejectedClaim};
use ringback_core::contract::{self, Autonomy, Contract};
use ringback_core::crm::Object;
use ringback_core::ensure;
use ringback_core::inquiry::Event;
use ringback_store as store;

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
    written_over(&world, "phone", "+13125550142", "+13125550199").await;
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

/// The caller is heard again, less surely and otherwise; and what is not admitted.
async fn heard_again(world: &World, inquiry: &InquiryId, field: &str, value: &str) {
    let held = world.engine.inquiry(&world.account, inquiry).await.unwrap().unwrap();
    let claim = &held.claims[field];
    let mut less = claim.claim.clone();
    less.value = ClaimValue::Choice(value.into());
    less.confidence = Confidence(claim.claim.confidence.0 - 100);
    let rejected =
        RejectedClaim { field: field.into(), reason: RejectReason::NotFollowing, text: "made up".into(), span: None };
    let call = held.calls[0].clone();
    let event = Event::Read {
        call: call.id.clone(),
        transcript: call.transcripts[0].clone(),
        reading: Reading { claims: vec![less], rejected: vec![rejected] },
        summary: ringback_core::claim::Summary::default(),
        quotes: vec![claim.quote.clone()],
    };
    world.act(inquiry, event).await;
}

/// The caller's second call writes something else into the record of the first.
async fn written_over(world: &World, property: &str, was: &str, is: &str) {
    let second = world.missed_call("2").await;
    let find = world.effect(&second, "find").await;
    let receipt = ensure::Receipt {
        object: Some(Object::Contact),
        record: "501".into(),
        read_at: Some(world.engine.now()),
        properties: [(property.to_owned(), is.to_owned())].into(),
        was: [(property.to_owned(), was.to_owned())].into(),
        ..Default::default()
    };
    world.settle(&second, &find.id, "fields", receipt).await;
}

async fn answers(world: &World, property: &str) -> Vec<Answer> {
    world.engine.trace(&world.account, "contact", "501", property).await.unwrap()
}

/// A property of the contact that was written from the caller's words.
async fn from_words(world: &World) -> Answer {
    let traced = world.engine.traced_record(&world.account, "contact", "501").await.unwrap().unwrap();
    let of = |a: &Answer| a.quote.is_some() && a.rule.field.is_some();
    traced.answers.into_iter().find(of).expect("something that was said is written")
}

/// What is written from these words: the field, the claim it is fed by, and the property.
async fn written_from_words() -> (String, String, String) {
    let world = World::new().await;
    let inquiry = world.missed_call("1").await;
    world.contact_made(&inquiry).await;
    let answer = from_words(&world).await;
    let field = answer.rule.field.unwrap();
    let from = in_force().fields[&field].from.clone();
    (field, from, answer.property)
}

#[tokio::test]
async fn an_answer_tells_its_verdict_and_what_lost() {
    let (field, from, property) = written_from_words().await;
    let world = World::new().await;
    let inquiry = world.missed_call("1").await;
    heard_again(&world, &inquiry, &from, "billing_question").await;
    world.contact_made(&inquiry).await;
    let [answer] = answers(&world, &property).await.try_into().unwrap();
    let verdict = answer.verdict.unwrap();
    assert_eq!((verdict.kind.as_str(), verdict.because.as_str()), ("write", "write"));
    assert!(verdict.plan.unwrap().starts_with("plan_1"), "the plan that wanted it");
    assert_eq!(answer.rule.field, Some(field));
    let kinds: Vec<Candidate> = answer.lost.iter().map(|l| l.kind).collect();
    assert_eq!(kinds, [Candidate::Said, Candidate::NotAdmitted], "{:?}", answer.lost);
    let said = &answer.lost[0];
    assert_eq!(said.text(), Some("billing_question"));
    assert!(said.quote.as_ref().and_then(|q| q.words.text()).is_some_and(|words| WORDS.contains(words)));
    assert!(said.why.contains("less surely") && said.confidence < answer.confidence, "{said:?}");
    assert_eq!((answer.lost[1].value.as_ref(), answer.lost[1].why.contains("do not say this value")), (None, true));
    // What every record carries has no rivals, and leads back here.
    let [stamp] = answers(&world, "rb_trace").await.try_into().unwrap();
    assert_eq!((stamp.verdict.as_ref().unwrap().because.as_str(), stamp.lost.len()), (STAMP, 0));
    let way = format!("http://127.0.0.1:8787/t/contact/rb-contact-{}", world.person());
    assert_eq!(stamp.is.as_ref().and_then(Sealed::text), Some(way.as_str()));
}

#[tokio::test]
async fn what_stood_in_the_crm_lost_to_what_is_written_over_it() {
    let (_, _, property) = written_from_words().await;
    let world = World::new().await;
    let first = world.missed_call("1").await;
    world.contact_made(&first).await;
    world.close(&first).await;
    written_over(&world, &property, "emergency_urgent", "complaint").await;
    let all = answers(&world, &property).await;
    let crm: Vec<&Lost> = all[0].lost.iter().filter(|l| l.kind == Candidate::Crm).collect();
    assert_eq!(crm.len(), 1, "{:?}", all[0].lost);
    assert_eq!(crm[0].text(), Some("emergency_urgent"));
    assert!(!crm[0].why.is_empty() && all[1].lost.iter().all(|l| l.kind != Candidate::Crm));
}

#[tokio::test]
async fn a_record_is_found_by_our_key_before_the_crm_has_named_it() {
    let world = World::new().await;
    let inquiry = world.missed_call("1").await;
    let find = world.effect(&inquiry, "find").await;
    let read_at = world.engine.now();
    world.settle_find(&inquiry, &find.id).await;
    world.act(&inquiry, Event::Found { effect: find.id, read_at, records: Vec::new(), memory: Vec::new() }).await;
    let traced = async |object: &str, id: &str| world.engine.traced_record(&world.account, object, id).await.unwrap();
    let key = format!("rb-contact-{}", world.person());
    for (object, key) in [("contact", key.as_str()), ("call", "rb-call-1")] {
        let before = traced(object, key).await.unwrap();
        assert_eq!((before.records.len(), before.answers.len(), before.key.as_deref()), (0, 0, Some(key)), "{object}");
        assert_eq!(before.inquiries, std::slice::from_ref(&inquiry));
        assert!(before.waiting.iter().any(|w| w.properties.iter().any(|p| p == "rb_trace")), "{before:?}");
    }
    let contact = world.effect(&inquiry, "contact").await;
    let receipt = ensure::Receipt {
        object: Some(Object::Contact),
        record: "501".into(),
        read_at: Some(read_at),
        properties: contact.desired.properties().unwrap().clone(),
        ..Default::default()
    };
    world.settle(&inquiry, &contact.id, "contact", receipt).await;
    let (by_key, by_id) = (traced("contact", &key).await.unwrap(), traced("contact", "501").await.unwrap());
    assert_eq!(by_key, by_id);
    assert_eq!((by_id.records.as_slice(), by_id.waiting.len()), (["501".to_owned()].as_slice(), 0));
    assert!(!by_id.answers.is_empty());
    for (object, id) in [("task", "501"), ("contact", "502"), ("contact", "rb-contact-1"), ("nothing", "501")] {
        assert_eq!(traced(object, id).await, None, "{object} {id}");
    }
    let other = AccountId::from_text("acct_2");
    assert_eq!(world.engine.traced_record(&other, "contact", &key).await.unwrap(), None);
}

fn in_force() -> Contract {
    let mut contract = contract::parse(contract::DEFAULT_TEXT).0.unwrap();
    contract.autonomy = Autonomy::Auto;
    contract
}

async fn under(world: &World, answer: &Answer, other: Other) -> Under {
    world.engine.under(&world.account, &Asked::of(answer), &other).await.unwrap()
}

fn draft(change: impl FnOnce(&mut Contract)) -> Other {
    let mut contract = in_force();
    change(&mut contract);
    Other::Draft(Box::new(contract))
}

#[tokio::test]
async fn another_version_decides_again_what_was_heard() {
    let world = World::new().await;
    let inquiry = world.missed_call("1").await;
    world.contact_made(&inquiry).await;
    let answer = from_words(&world).await;
    let field = answer.rule.field.clone().unwrap();
    let value = answer.is.as_ref().and_then(Sealed::text).map(str::to_owned);
    // Later calls and a callback do not count: it is decided at that event.
    world.close(&inquiry).await;
    let same = under(&world, &answer, Other::Version(1)).await;
    assert_eq!((same.same, same.unknown.as_deref()), (Some(true), None), "{same:?}");
    assert_eq!(same.would.as_ref().map(|d| (d.verdict, d.value.clone())), Some(("write", value.clone())));
    assert_eq!(same.then_under.as_ref().map(|c| c.version), Some(1));
    let asks = under(
        &world,
        &answer,
        draft(|c| {
            let rule = c.fields.get_mut(&field).unwrap();
            rule.machine = contract::Machine::Suggest;
        }),
    )
    .await;
    let would = asks.would.as_ref().unwrap();
    assert_eq!((would.verdict, &would.value, asks.same), ("review", &value, Some(false)), "{asks:?}");
    assert!(asks.sentence.contains("a person would have been asked about the same value"), "{}", asks.sentence);
    let none = under(&world, &answer, draft(|c| drop(c.fields.remove(&field)))).await;
    assert_eq!((none.would, none.same), (None, Some(false)));
    assert!(none.sentence.contains("has no clause for"), "{}", none.sentence);
    let observes = under(&world, &answer, draft(|c| c.autonomy = Autonomy::Observe)).await;
    assert_eq!(observes.would.map(|d| d.verdict), Some("suppress"), "{}", observes.sentence);
    let elsewhere = under(
        &world,
        &answer,
        draft(|c| {
            c.fields.get_mut(&field).unwrap().property = "other_place".into();
        }),
    )
    .await;
    assert!(elsewhere.sentence.contains("to contact.other_place"), "{}", elsewhere.sentence);
    assert_eq!(elsewhere.same, Some(false));
    // Nothing was done to anything by asking.
    let report = world.engine.replay(&world.account, &inquiry).await.unwrap();
    assert!(report.ok(), "{report:?}");
}

#[tokio::test]
async fn the_accounts_level_of_that_moment_holds_and_is_told() {
    let world = World::new().await;
    let inquiry = world.missed_call("1").await;
    world.contact_made(&inquiry).await;
    let answer = from_words(&world).await;
    let (account, at) = (world.account.as_str().to_owned(), micros(world.engine.now()) - 1);
    let name = in_force().name;
    world
        .write(move |tx| {
            Box::pin(async move {
                let body = r#"{"level":"suggest","by":"user_1"}"#;
                store::roster_put(tx, &account, "level", &name, body, at).await.map(|_| ())
            })
        })
        .await;
    let held = under(&world, &answer, Other::Version(1)).await;
    assert_eq!(held.would.as_ref().map(|d| d.verdict), Some("review"), "{held:?}");
    assert_eq!(held.without_level.as_ref().map(|d| d.verdict), Some("write"), "{held:?}");
    assert!(held.sentence.contains("level of that moment"), "{}", held.sentence);
}

#[tokio::test]
async fn what_cannot_be_known_is_said_and_not_guessed() {
    let world = World::new().await;
    let inquiry = world.missed_call("1").await;
    world.contact_made(&inquiry).await;
    let answer = from_words(&world).await;
    let [stamp] = answers(&world, "rb_written_at").await.try_into().unwrap();
    let carried = under(&world, &stamp, Other::Version(1)).await;
    assert!(carried.unknown.as_deref().is_some_and(|why| why.contains("every record")), "{carried:?}");
    let ask = async |asked: &Asked, other: Other| world.engine.under(&world.account, asked, &other).await;
    let asked = Asked::of(&answer);
    assert!(matches!(ask(&asked, Other::Version(9)).await, Err(Error::Missing(_))));
    assert!(matches!(ask(&asked, draft(|c| c.crm = "another".into())).await, Err(Error::Refused(_))));
    let nothing = Asked { seq: 1, ..asked.clone() };
    assert!(matches!(ask(&nothing, Other::Version(1)).await, Err(Error::Missing(_))));
    world.close(&inquiry).await;
    world.engine.erase_person(&world.account, &world.person(), "asked").await.unwrap();
    let gone = ask(&asked, Other::Version(1)).await.unwrap();
    assert!(gone.would.is_none() && gone.unknown.as_deref().is_some_and(|why| why.contains("gone")), "{gone:?}");
    assert_eq!(gone.then.value, None);
}

#[tokio::test]
async fn everything_about_a_record_is_one_file_in_which_no_byte_can_be_changed() {
    let world = World::new().await;
    let inquiry = world.missed_call("1").await;
    heard_again(&world, &inquiry, "reason_code", "billing_question").await;
    world.contact_made(&inquiry).await;
    world.engine.checkpoint(&world.account).await.unwrap();
    let written = world.engine.export_record(&world.account, "contact", "501").await.unwrap().unwrap();
    let (_, pinned) = world.engine.keyring().proof_keys().pop().unwrap();
    let sound = verify_record(written.text.as_bytes(), Some(&pinned)).unwrap();
    assert_eq!((sound.records.as_slice(), sound.chains, sound.checkpoints), (["501".to_owned()].as_slice(), 1, 1));
    assert!(sound.entries > 5 && sound.about > 1 && sound.answers > 5 && sound.documents > 5, "{sound:?}");
    assert_eq!((sound.hash.as_str(), sound.key.as_str()), (written.hash.as_str(), written.key.as_str()));
    assert!(written.text.contains(NUMBER) && written.text.contains("billing_question"), "the words go along");
    let bytes = written.text.as_bytes();
    // In every line its ends and some of what is between; each is found.
    let mut at = 0;
    for line in written.text.split_inclusive('\n') {
        for of in [0, line.len() / 3, line.len() / 2, line.len() - 2, line.len() - 1] {
            for flip in [1u8, 0x20] {
                let mut changed = bytes.to_vec();
                changed[at + of] ^= flip;
                assert!(verify_record(&changed, None).is_err(), "byte {of} of {line:?}");
            }
        }
        at += line.len();
    }
    let other = verify_record(bytes, Some("00")).unwrap_err();
    assert!(other.cause.contains("was expected"), "{other:?}");
    let without = |n: usize| {
        let lines: Vec<&str> = written.text.split_inclusive('\n').collect();
        let kept = lines.iter().enumerate().filter(|(at, _)| *at != n).map(|(_, line)| *line);
        kept.collect::<String>()
    };
    for n in 0..written.lines {
        assert!(verify_record(without(n).as_bytes(), None).is_err(), "line {} may not be missing", n + 1);
    }
    // What a line says wrong is named with the line.
    let changed = written.text.replacen("\\\"category\\\":\\\"voicemail\\\"", "\\\"category\\\":\\\"abandoned\\\"", 1);
    assert_ne!(changed, written.text);
    let found = verify_record(changed.as_bytes(), None).unwrap_err();
    assert!(found.cause.contains("was changed") && found.line < written.lines, "{found:?}");
    assert_eq!(world.engine.export_record(&world.account, "contact", "502").await.unwrap(), None);
    // Erased, the file still holds, and the words are in it no more.
    world.close(&inquiry).await;
    world.engine.erase_person(&world.account, &world.person(), "asked").await.unwrap();
    let erased = world.engine.export_record(&world.account, "contact", "501").await.unwrap().unwrap();
    let sound = verify_record(erased.text.as_bytes(), Some(&pinned)).unwrap();
    assert!(sound.expired > 5, "{sound:?}");
    for gone in [NUMBER, "billing_question", "basement"] {
        assert!(!erased.text.contains(gone), "{gone}");
    }
}
