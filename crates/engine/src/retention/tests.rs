use super::*;
use crate::audit::Sealed;
use crate::audit::tests::support::{NUMBER, World};
use jiff::SignedDuration;
use ringback_core::crm::Object;

#[tokio::test]
async fn an_erased_caller_leaves_a_chain_that_holds_and_no_words() {
    let world = World::new().await;
    let inquiry = world.missed_call("1").await;
    world.contact_made(&inquiry).await;
    world.close(&inquiry).await;
    world.engine.checkpoint(&world.account).await.unwrap();
    // What a receiver of webhooks was told of them and has confirmed.
    let held = acknowledge::key_of_record(Object::Contact, "501");
    for key in ["json_extract(body, '$.desired.key')".to_owned(), format!("'{held}'")] {
        let told = format!(
            "INSERT INTO acks (account, connection, record_key, event, sent, body, sent_at, acked_at, held) \
             SELECT account, lane, {key}, 'e', 'Dana', 'Dana', 1, 1, 'Dana' FROM effects WHERE target = 'contact' AND record = '501'"
        );
        assert_eq!(world.tamper(&told), 1);
    }
    let before = world.all_text();
    for word in [NUMBER, "3125550142", "Dana", "flooding", "WHITFIELD"] {
        assert!(before.contains(word), "{word} is not there to be erased");
    }
    let done = world.engine.erase_person(&world.account, &world.person(), "asked on the telephone").await.unwrap();
    assert_eq!((done.calls, done.inquiries), (1, 1));
    assert!(done.documents > 5, "{done:?}");

    let after = world.all_text();
    for word in [NUMBER, "3125550142", "Dana", "flooding", "WHITFIELD"] {
        let line = after.lines().find(|line| line.contains(word));
        assert_eq!(line, None, "{word} is still there");
    }
    let report = world.engine.verify(&world.account).await.unwrap();
    assert!(report.ok, "{report:?}");
    assert!(report.expired > 5, "{report:?}");
    let [answer] = &world.engine.trace(&world.account, "contact", "501", "phone").await.unwrap()[..] else { panic!() };
    let gone = Sealed::Expired { why: "erased: asked on the telephone".into(), at: world.engine.now() };
    assert_eq!((answer.is.as_ref(), answer.caller.as_ref()), (Some(&gone), Some(&gone)));
    let again = world.engine.erase_person(&world.account, &world.person(), "again").await;
    assert!(matches!(again, Err(Error::Missing(_))), "{again:?}");
}

#[tokio::test]
async fn nobody_is_dropped_by_being_erased() {
    let world = World::new().await;
    let inquiry = world.missed_call("1").await;
    let open = world.engine.erase_person(&world.account, &world.person(), "asked").await;
    assert!(matches!(&open, Err(Error::Refused(why)) if why.contains("still open")), "{open:?}");
    world.contact_made(&inquiry).await;
    world.close(&inquiry).await;
    let sql = "UPDATE effects SET state = 'in_flight' WHERE lane <> 'timer' AND state = 'dead'";
    assert!(world.tamper(sql) > 0);
    let moving = world.engine.erase_person(&world.account, &world.person(), "asked").await;
    assert!(matches!(&moving, Err(Error::Refused(why)) if why.contains("under way")), "{moving:?}");
    assert!(world.all_text().contains(NUMBER));
}

#[tokio::test]
async fn what_another_person_said_in_the_same_words_stays_theirs() {
    let world = World::new().await;
    let mine = world.missed_call("1").await;
    world.close(&mine).await;
    world.clock.forward(SignedDuration::from_hours(1));
    let theirs = world.missed_call("2").await;
    // The second call is somebody else's: same words, another key.
    world.tamper("UPDATE calls SET person_key = 'somebody else' WHERE id = 'call_2'");
    let done = world.engine.erase_person(&world.account, &world.person(), "asked").await.unwrap();
    assert!(done.shared > 0, "{done:?}");
    let shown = async |inquiry| {
        let told = world.engine.entries(&world.account, inquiry).await.unwrap();
        told.iter().find(|entry| entry.kind == "call").unwrap().sealed.get("caller").cloned().unwrap()
    };
    assert_eq!(shown(&theirs).await.text(), Some(NUMBER));
    assert_eq!(shown(&mine).await.text(), None);
    assert!(world.engine.verify(&world.account).await.unwrap().ok);
}

#[tokio::test]
async fn quotes_go_with_the_transcript_they_were_cut_from() {
    let world = World::new().await;
    let inquiry = world.missed_call("1").await;
    let quotes = async || {
        let held = world.engine.inquiry(&world.account, &inquiry).await.unwrap().unwrap();
        held.claims.values().filter(|c| !c.quote.is_empty()).count()
    };
    assert!(quotes().await > 0);
    assert_eq!(world.engine.expire_documents().await.unwrap(), 0);
    assert!(quotes().await > 0);
    world.tamper(
        "UPDATE documents SET expires_at = created_at + 1000000 WHERE class = 'speech' AND kind = 'transcript'",
    );
    world.clock.forward(SignedDuration::from_secs(2));
    assert_eq!(world.engine.expire_documents().await.unwrap(), 1);
    assert_eq!(quotes().await, 0);
    assert_eq!(world.engine.expire_documents().await.unwrap(), 0);
    assert!(world.engine.verify(&world.account).await.unwrap().ok);
}
