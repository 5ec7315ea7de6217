//! What each function does, on both engines.

use ringback_store::*;

use crate::support::places;
use crate::{look, seeds, unit};

/// A store with everything of account `a`.
macro_rules! on_both {
    ($name:ident, |$store:ident| $body:block) => {
        #[tokio::test]
        async fn $name() {
            for place in places().await {
                let $store = place.open().await;
                seeds::everything(&$store, "a").await;
                $body
                $store.close().await;
            }
        }
    };
}

on_both!(accounts_and_people_who_sign_in, |store| {
    assert!(
        !unit!(store, |tx| account_insert_once(tx, &AccountRow { name: "other".into(), ..seeds::account("a") }).await)
            .unwrap()
    );
    assert_eq!(look!(store, |tx| account_get(tx, "a").await).unwrap(), Some(seeds::account("a")));
    assert_eq!(look!(store, |tx| accounts_all(tx).await).unwrap(), [seeds::account("a")]);

    assert_eq!(look!(store, |tx| user_get(tx, "a", "u1").await).unwrap(), Some(seeds::user("a")));
    assert_eq!(look!(store, |tx| user_by_email(tx, "a", "ann@example.com").await).unwrap(), Some(seeds::user("a")));
    assert_eq!(look!(store, |tx| users_with_email(tx, "ann@example.com").await).unwrap(), [seeds::user("a")]);
    let taken = unit!(store, |tx| user_insert(tx, &UserRow { id: "u2".into(), ..seeds::user("a") }).await);
    assert_eq!(taken, Err(Error::Conflict), "one address, one user");
    let changed = UserRow { active: false, role: "reader".into(), locations: "[\"l1\"]".into(), ..seeds::user("a") };
    let row = changed.clone();
    unit!(store, |tx| user_update(tx, &row).await).unwrap();
    assert_eq!(look!(store, |tx| users_all(tx, "a").await).unwrap(), [changed]);
    let stranger = unit!(store, |tx| user_insert(tx, &seeds::user("nobody")).await);
    assert!(matches!(stranger, Err(Error::Bug(_))), "a user of no account: {stranger:?}");

    let hash = "session of a";
    assert_eq!(look!(store, |tx| session_get(tx, hash, 999).await).unwrap(), Some(seeds::session("a")));
    assert_eq!(look!(store, |tx| session_get(tx, hash, 1_000).await).unwrap(), None, "over is over");
    assert_eq!(unit!(store, |tx| sessions_expire(tx, 999).await), Ok(0));
    assert_eq!(unit!(store, |tx| sessions_expire(tx, 1_000).await), Ok(1));
    unit!(store, |tx| session_insert(tx, &seeds::session("a")).await).unwrap();
    assert_eq!(unit!(store, |tx| session_delete(tx, hash).await), Ok(true));
    assert_eq!(unit!(store, |tx| session_delete(tx, hash).await), Ok(false));
    unit!(store, |tx| session_insert(tx, &seeds::session("a")).await).unwrap();
    assert_eq!(unit!(store, |tx| sessions_delete_of(tx, "a", "u1").await), Ok(1));

    let hash = "token of a";
    assert_eq!(look!(store, |tx| token_by_hash(tx, hash).await).unwrap(), Some(seeds::token("a")));
    unit!(store, |tx| token_touch(tx, "a", "t1", 8).await).unwrap();
    assert_eq!(unit!(store, |tx| token_revoke(tx, "a", "t1", 9).await), Ok(true));
    assert_eq!(unit!(store, |tx| token_revoke(tx, "a", "t1", 10).await), Ok(false));
    assert_eq!(look!(store, |tx| token_by_hash(tx, hash).await).unwrap(), None, "revoked opens nothing");
    let all = look!(store, |tx| tokens_all(tx, "a").await).unwrap();
    assert_eq!(all, [TokenRow { revoked_at: Some(9), last_used_at: Some(8), ..seeds::token("a") }]);
});

on_both!(connections_are_replaced_but_keep_their_birth, |store| {
    assert_eq!(look!(store, |tx| connection_get(tx, "a", "c1").await).unwrap(), Some(seeds::connection("a")));
    let changed = ConnectionRow { state: "off".into(), created_at: 99, updated_at: 99, ..seeds::connection("a") };
    let row = changed.clone();
    unit!(store, |tx| connection_upsert(tx, &row).await).unwrap();
    let expected = ConnectionRow { created_at: 5, ..changed };
    assert_eq!(look!(store, |tx| connection_by_name(tx, "a", "front desk").await).unwrap(), Some(expected));
    let taken =
        unit!(store, |tx| connection_upsert(tx, &ConnectionRow { id: "c2".into(), ..seeds::connection("a") }).await);
    assert_eq!(taken, Err(Error::Conflict), "one name, one connection");
    unit!(store, |tx| connection_secrets_set(tx, "a", "c1", "new", "k2", 100).await).unwrap();
    unit!(store, |tx| connection_state_set(tx, "a", "c1", "on", 101).await).unwrap();
    let every = look!(store, |tx| connections_every(tx).await).unwrap();
    let all = look!(store, |tx| connections_all(tx, "a").await).unwrap();
    assert_eq!(every, all);
    let one = &every[0];
    assert_eq!(
        (one.sealed_secrets.as_str(), one.key_id.as_str(), one.state.as_str(), one.updated_at),
        ("new", "k2", "on", 101)
    );
    unit!(store, |tx| connection_upsert(
        tx,
        &ConnectionRow { id: "c2".into(), name: "silent".into(), ..seeds::connection("a") }
    )
    .await)
    .unwrap();
    let later = SignalIn { received_at: 300, ..seeds::signal("a", "s9", "k9") };
    store.intake(later).await.unwrap();
    let last = look!(store, |tx| connections_last_signal(tx, "a").await).unwrap();
    assert_eq!(last, [("c1".to_owned(), Some(300)), ("c2".to_owned(), None)]);
});

on_both!(the_roster_remembers_what_was_valid_when, |store| {
    assert_eq!(unit!(store, |tx| roster_put(tx, "a", "location", "l1", "second", 70).await), Ok(2));
    assert_eq!(unit!(store, |tx| roster_put(tx, "a", "number", "n1", "first", 80).await), Ok(1));
    let bodies = |rows: Vec<RosterRow>| rows.into_iter().map(|row| (row.body, row.version)).collect::<Vec<_>>();
    let at = |at: i64| look_at(&store, at);
    assert_eq!(bodies(at(49).await), []);
    assert_eq!(bodies(at(50).await), [("a".to_owned(), 1)]);
    assert_eq!(bodies(at(69).await), [("a".to_owned(), 1)]);
    assert_eq!(bodies(at(70).await), [("second".to_owned(), 2)], "the end is exclusive: one version at an instant");
    unit!(store, |tx| roster_end(tx, "a", "location", "l1", 90).await).unwrap();
    assert_eq!(bodies(look!(store, |tx| roster_current(tx, "a").await).unwrap()), [("first".to_owned(), 1)]);
    assert_eq!(unit!(store, |tx| roster_put(tx, "a", "location", "l1", "third", 95).await), Ok(3));
});

async fn look_at(store: &Store, at: i64) -> Vec<RosterRow> {
    look!(store, |tx| roster_at(tx, "a", at).await).unwrap()
}

on_both!(contracts_count_up_and_the_same_text_is_the_same_version, |store| {
    let apply = |id: &'static str, digest: &'static str| apply(&store, id, digest);
    let again = apply("other id", "digest 1").await;
    assert_eq!((again.id.as_str(), again.version), ("k1", 1), "the latest, as it was applied");
    assert_eq!(apply("k2", "digest 2").await.version, 2);
    assert_eq!(apply("k3", "digest 1").await.version, 3, "going back to an older text is a new version");
    let latest = look!(store, |tx| contract_latest(tx, "a", "main").await).unwrap().unwrap();
    assert_eq!((latest.id.as_str(), latest.version), ("k3", 3));
    let first = look!(store, |tx| contract_get(tx, "a", "k1").await).unwrap().unwrap();
    assert_eq!((first.version, first.digest.as_str(), first.source.as_str()), (1, "digest 1", "# a"));
    assert_eq!(look!(store, |tx| contracts_all(tx, "a").await).unwrap().len(), 3);
    assert_eq!(look!(store, |tx| contract_latest(tx, "a", "none").await).unwrap(), None);
});

on_both!(a_contract_goes_on_from_the_version_it_was_made_from_only, |store| {
    let after = |id: &'static str, base: i64| {
        let store = store.clone();
        async move {
            let new = seeds::contract("a", id, "digest 2");
            unit!(store, |tx| contract_insert_after_if(tx, &new, base).await).unwrap().map(|row| row.version)
        }
    };
    assert_eq!(after("k2", 0).await, None, "somebody has applied one meanwhile");
    assert_eq!(after("k2", 1).await, Some(2));
    assert_eq!(after("k3", 1).await, None, "the second of two who began from the same version");
    assert_eq!(after("k3", 2).await, Some(3));
    let first = ContractNew { name: "another".into(), ..seeds::contract("a", "k4", "digest 1") };
    let first = unit!(store, |tx| contract_insert_after_if(tx, &first, 0).await).unwrap();
    assert_eq!(first.map(|row| row.version), Some(1), "names count for themselves");
});

async fn apply(store: &Store, id: &'static str, digest: &'static str) -> ContractRow {
    unit!(store, |tx| contract_insert_next(tx, &seeds::contract("a", id, digest)).await).unwrap()
}

on_both!(documents_lose_their_words_and_stay, |store| {
    let other = DocumentNew { body: "other words".into(), ..seeds::document("a") };
    assert_eq!(unit!(store, |tx| document_put_once(tx, "a", &other).await), Ok(false));
    let kept = look!(store, |tx| document_get(tx, "a", "d1").await).unwrap().unwrap();
    assert_eq!(kept.body.as_deref(), Some("words of a"));
    unit!(store, |tx| document_put_once(
        tx,
        "a",
        &DocumentNew { id: "d2".into(), expires_at: None, ..seeds::document("a") }
    )
    .await)
    .unwrap();
    assert_eq!(unit!(store, |tx| documents_expire(tx, 499, 10).await), Ok(vec![]));
    assert_eq!(unit!(store, |tx| documents_expire(tx, 500, 10).await), Ok(vec![("a".to_owned(), "d1".to_owned())]));
    assert_eq!(unit!(store, |tx| documents_expire(tx, 501, 10).await), Ok(vec![]), "once");
    let gone = look!(store, |tx| document_get(tx, "a", "d1").await).unwrap().unwrap();
    assert_eq!((gone.body, gone.erased_at, gone.erased_why.as_deref()), (None, Some(500), Some("expired")));
    assert_eq!(unit!(store, |tx| document_erase(tx, "a", "d2", 600, "asked").await), Ok(true));
    assert_eq!(unit!(store, |tx| document_erase(tx, "a", "d2", 601, "asked").await), Ok(false));
    // The same words arriving again do not bring an erased document back.
    let again = DocumentNew { id: "d2".into(), ..seeds::document("a") };
    let once_more = again.clone();
    assert_eq!(unit!(store, |tx| document_put_once(tx, "a", &once_more).await), Ok(false));
    // Known, known twice over, and new: only the new one is stored, once.
    let new = DocumentNew { id: "d0".into(), created_at: 0, ..seeds::document("a") };
    let some = [again, new.clone(), new];
    assert_eq!(unit!(store, |tx| documents_put_once(tx, "a", &some).await), Ok(1));
    let ids = ["d2".to_owned(), "d1".to_owned(), "unknown".to_owned()];
    let both = look!(store, |tx| documents_get(tx, "a", &ids).await).unwrap();
    assert_eq!(
        both.iter().map(|row| (row.id.as_str(), row.body.is_some())).collect::<Vec<_>>(),
        [("d1", false), ("d2", false)]
    );
    assert_eq!(look!(store, |tx| documents_get(tx, "a", &[]).await).unwrap(), []);
});

on_both!(expiry_works_in_portions, |store| {
    for n in 0..5 {
        unit!(store, |tx| document_put_once(
            tx,
            "a",
            &DocumentNew { id: format!("p{n}"), expires_at: Some(n), ..seeds::document("a") }
        )
        .await)
        .unwrap();
    }
    assert_eq!(unit!(store, |tx| documents_expire(tx, 10, 2).await).unwrap().len(), 2);
    assert_eq!(unit!(store, |tx| documents_expire(tx, 10, 2).await).unwrap().len(), 2);
    assert_eq!(unit!(store, |tx| documents_expire(tx, 10, 2).await).unwrap().len(), 1);
});

on_both!(signals_go_their_way, |store| {
    let whole = look!(store, |tx| signal_get(tx, "a", "s1").await).unwrap().unwrap();
    let expected = SignalRow {
        account: "a".into(),
        id: "s1".into(),
        connection: "c1".into(),
        event: "post-call".into(),
        received_at: 100,
        state: "folded".into(),
        delivery_key: "delivery 1".into(),
        duplicate_of: None,
        document: "raw-s1".into(),
        call_id: Some("call1".into()),
        why: None,
        tries: 0,
        due_at: 100,
    };
    assert_eq!(whole, expected);
    let raw = look!(store, |tx| document_get(tx, "a", "raw-s1").await).unwrap().unwrap();
    assert_eq!(raw.body.as_deref(), Some("bytes of a"));

    for (id, at) in [("n2", 220), ("n1", 210), ("n3", 230)] {
        let mut row = seeds::signal("a", id, id);
        row.received_at = at;
        store.intake(row).await.unwrap();
    }
    let due = |now: i64, limit: u32| due(&store, now, limit);
    assert_eq!(
        due(229, 10).await,
        ["n1", "n2"],
        "in order of arrival, none before its time, none quarantined or folded"
    );
    assert_eq!(due(230, 2).await, ["n1", "n2"]);
    unit!(store, |tx| signal_retry(tx, "a", "n1", 1, 300, "busy").await).unwrap();
    assert_eq!(due(230, 10).await, ["n2", "n3"]);
    let put_off = look!(store, |tx| signal_get(tx, "a", "n1").await).unwrap().unwrap();
    assert_eq!(
        (put_off.tries, put_off.due_at, put_off.why.as_deref(), put_off.received_at),
        (1, 300, Some("busy"), 210)
    );
    assert_eq!(
        unit!(store, |tx| signal_settle_if(tx, "a", "n1", "stored", "parked", None, Some("gave up")).await),
        Ok(true)
    );
    assert_eq!(unit!(store, |tx| signal_settle_if(tx, "a", "n1", "stored", "folded", None, None).await), Ok(false));
    let parked = unit!(store, |tx| signal_retry(tx, "a", "n1", 2, 300, "late").await);
    assert!(matches!(parked, Err(Error::Rows { expected: 1, actual: 0, .. })), "{parked:?}");
    let wrong = unit!(store, |tx| signal_settle_if(tx, "a", "n2", "stored", "nonsense", None, None).await);
    assert!(matches!(wrong, Err(Error::Bug(_))), "a state that is none: {wrong:?}");
    assert_eq!(
        unit!(store, |tx| signal_settle_if(tx, "a", "n3", "stored", "folded", Some("call1"), None).await),
        Ok(true)
    );
    let of_call = look!(store, |tx| signals_of_call(tx, "a", "call1").await).unwrap();
    assert_eq!(of_call.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["s1", "n3"]);
    let repeats = look!(store, |tx| signals_repeating(tx, "a", "s1").await).unwrap();
    assert_eq!(repeats.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["s1 again"]);
    let counts = look!(store, |tx| signals_count_by_state(tx, "a").await).unwrap();
    let expected = [("folded", 3), ("parked", 1), ("quarantined", 1), ("stored", 1)];
    assert_eq!(counts, expected.map(|(state, n)| (state.to_owned(), n)));
    assert_eq!(look!(store, |tx| signals_oldest_stored(tx).await).unwrap(), Some(220));
    let quarantined = look!(store, |tx| signals_quarantined(tx, "a", 10, &Before::end()).await).unwrap();
    assert_eq!(quarantined.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["s2"]);
    let stored = look!(store, |tx| signals_list(tx, "a", Some("stored"), 10, &Before::end()).await).unwrap();
    assert_eq!(stored.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["n2"]);
});

async fn due(store: &Store, now: i64, limit: u32) -> Vec<String> {
    let seen = look!(store, |tx| signals_due(tx, now, limit).await).unwrap();
    let locked = unit!(store, |tx| signals_due_locked(tx, now, limit).await).unwrap();
    assert_eq!(seen, locked, "the locking look sees the same");
    seen.into_iter().map(|row| row.id).collect()
}

on_both!(lists_are_paged_without_gap_or_repetition, |store| {
    for n in 0..9_i64 {
        // Three at each instant, so that the id has to settle the order within it.
        let mut row = seeds::signal("b", &format!("s{n}"), &format!("k{n}"));
        row.received_at = n / 3;
        store.intake(row).await.unwrap();
        let call = CallRow { id: format!("s{n}"), started_at: n / 3, ..seeds::call("b") };
        let inquiry = InquiryRow { opened_at: n / 3, ..seeds::inquiry("b", &format!("s{n}"), &format!("o{n}")) };
        let review = ReviewRow { id: format!("s{n}"), opened_at: n / 3, ..seeds::review("b") };
        unit!(store, |tx| {
            call_insert(tx, &call).await?;
            inquiry_insert_once(tx, &inquiry).await?;
            review_insert_once(tx, &review).await
        })
        .unwrap();
    }
    let all: Vec<String> = (0..9).rev().map(|n| format!("s{n}")).collect();
    macro_rules! paged {
        ($row:ident, $at:ident, |$tx:ident, $before:ident| $page:expr) => {{
            let mut seen: Vec<String> = Vec::new();
            let mut next = Before::end();
            loop {
                let $before = next.clone();
                let page: Vec<$row> = look!(store, |$tx| $page).unwrap();
                let Some(last) = page.last() else { break };
                assert!(page.len() <= 2);
                next = Before { at: last.$at, id: last.id.clone() };
                seen.extend(page.into_iter().map(|row| row.id));
            }
            assert_eq!(seen, all);
        }};
    }
    paged!(SignalRow, received_at, |tx, before| signals_list(tx, "b", None, 2, &before).await);
    paged!(CallRow, started_at, |tx, before| calls_list(tx, "b", 2, &before).await);
    paged!(InquiryRow, opened_at, |tx, before| inquiries_list(tx, "b", Some("open"), 2, &before).await);

    // Questions come oldest first, and those of some locations page as those of all.
    let phoenix = InquiryRow { location: Some("phoenix".into()), ..seeds::inquiry("b", "i-phoenix", "o-phoenix") };
    let there = ["s1", "s4", "s7"];
    unit!(store, |tx| {
        inquiry_insert_once(tx, &phoenix).await?;
        for n in [1, 4, 7] {
            let row =
                ReviewRow { id: format!("p{n}"), inquiry: "i-phoenix".into(), opened_at: n / 3, ..seeds::review("b") };
            review_insert_once(tx, &row).await?;
        }
        Ok(())
    })
    .unwrap();
    let all: Vec<String> = (0..9)
        .flat_map(|n| [format!("s{n}"), format!("p{n}")])
        .filter(|id| id.starts_with('s') || there.contains(&&*id.replace('p', "s")))
        .collect();
    let of = |names: &[&str]| Some(names.iter().map(|n| (*n).to_owned()).collect::<Vec<String>>());
    for (some, expected) in [
        (None, all),
        (of(&["phoenix", "nowhere"]), vec!["p1".to_owned(), "p4".into(), "p7".into()]),
        (of(&["nowhere"]), Vec::new()),
        (of(&[]), Vec::new()),
    ] {
        let asked = some.clone();
        let count = look!(store, |tx| reviews_open_count(tx, "b", asked.as_deref()).await).unwrap();
        assert_eq!(usize::try_from(count).unwrap(), expected.len());
        let mut seen: Vec<(i64, String)> = Vec::new();
        let mut next = After::start();
        loop {
            let (after, asked) = (next.clone(), some.clone());
            let page =
                look!(store, |tx| reviews_open(tx, "b", Some("field"), asked.as_deref(), 2, &after).await).unwrap();
            let Some(last) = page.last() else { break };
            assert!(page.len() <= 2);
            next = After { at: last.opened_at, id: last.id.clone() };
            seen.extend(page.into_iter().map(|row| (row.opened_at, row.id)));
        }
        assert!(seen.is_sorted(), "{seen:?}");
        let mut ids: Vec<String> = seen.into_iter().map(|(_, id)| id).collect();
        ids.sort();
        let mut expected = expected;
        expected.sort();
        assert_eq!(ids, expected);
    }
});

on_both!(calls_are_found_by_key_by_caller_and_by_inquiry, |store| {
    assert_eq!(look!(store, |tx| call_get(tx, "a", "call1").await).unwrap(), Some(seeds::call("a")));
    assert_eq!(
        unit!(store, |tx| call_insert(tx, &CallRow { snapshot: "other".into(), ..seeds::call("a") }).await),
        Ok(false)
    );
    assert_eq!(look!(store, |tx| call_by_key(tx, "a", "c1", "CA1").await).unwrap(), Some(seeds::call("a")));
    assert_eq!(
        look!(store, |tx| call_by_key(tx, "a", "c2", "CA1").await).unwrap(),
        None,
        "a key is its connection's own"
    );
    assert_eq!(unit!(store, |tx| call_key_insert_once(tx, "a", "c1", "CA1", "call2").await), Ok(false));
    let changed = CallRow {
        snapshot: "new".into(),
        location: None,
        person_key: Some("p2".into()),
        category: None,
        after_hours: false,
        started_at: 91,
        inquiry: None,
        updated_at: 200,
        ..seeds::call("a")
    };
    let row = changed.clone();
    assert_eq!(unit!(store, |tx| call_update_if(tx, &row).await), Ok(true));
    let row = changed.clone();
    assert_eq!(unit!(store, |tx| call_update_if(tx, &row).await), Ok(false), "the version has moved on");
    assert_eq!(look!(store, |tx| call_get(tx, "a", "call1").await).unwrap(), Some(CallRow { version: 2, ..changed }));
    assert_eq!(look!(store, |tx| calls_of_inquiry(tx, "a", "i1").await).unwrap(), []);
    assert_eq!(look!(store, |tx| calls_of_person(tx, "a", "p2").await).unwrap().len(), 1);
    assert_eq!(look!(store, |tx| calls_of_person(tx, "a", "p1").await).unwrap(), []);
    for (from, to, found) in [(91, 91, 1), (0, 90, 0), (92, 1_000, 0)] {
        assert_eq!(look!(store, |tx| calls_near(tx, "a", "p2", from, to).await).unwrap().len(), found);
    }
    assert_eq!(look!(store, |tx| calls_near(tx, "a", "p1", 0, 1_000).await).unwrap(), []);
});

on_both!(inquiries_queue_in_order_of_their_clocks, |store| {
    assert_eq!(
        look!(store, |tx| inquiry_get(tx, "a", "i1").await).unwrap(),
        Some(seeds::inquiry("a", "i1", "open p1"))
    );
    assert_eq!(unit!(store, |tx| inquiry_insert_once(tx, &seeds::inquiry("a", "i2", "open p1")).await), Ok(false));
    let same_id = unit!(store, |tx| inquiry_insert_once(tx, &seeds::inquiry("a", "i1", "open p9")).await);
    assert_eq!(same_id, Err(Error::Conflict));
    let more = [
        InquiryRow { due_at: None, ..seeds::inquiry("a", "i2", "o2") },
        InquiryRow { due_at: Some(300), location: Some("l2".into()), ..seeds::inquiry("a", "i3", "o3") },
        InquiryRow { due_at: Some(1), queue: None, ..seeds::inquiry("a", "i4", "o4") },
        InquiryRow {
            due_at: Some(1),
            closed_at: Some(2),
            open_key: None,
            state: "done".into(),
            ..seeds::inquiry("a", "i5", "")
        },
        InquiryRow {
            due_at: Some(600),
            queue: Some("later".into()),
            location: None,
            open_key: None,
            ..seeds::inquiry("a", "i6", "")
        },
    ];
    unit!(store, |tx| {
        for row in &more {
            assert!(inquiry_insert_once(tx, row).await?);
        }
        Ok(())
    })
    .unwrap();
    let queue = |locations: Option<&'static [&'static str]>, limit: u32| queue(&store, locations, limit);
    assert_eq!(queue(None, 10).await, ["i3", "i1", "i6", "i2"], "earliest first, without a clock last");
    assert_eq!(queue(None, 2).await, ["i3", "i1"]);
    assert_eq!(queue(Some(&["l1"]), 10).await, ["i1", "i2"]);
    assert_eq!(queue(Some(&["l1", "l2"]), 1).await, ["i3"]);
    assert_eq!(queue(Some(&[]), 10).await, [""; 0], "no location, nothing to see");
    let counts = look!(store, |tx| queue_counts(tx, "a", None, 400).await).unwrap();
    let today = QueueCount { queue: "today".into(), open: 3, overdue: 2, earliest_due_at: Some(300) };
    let later = QueueCount { queue: "later".into(), open: 1, overdue: 0, earliest_due_at: Some(600) };
    assert_eq!(counts, [later, today]);
    let here = ["l2".to_owned()];
    let counts = look!(store, |tx| queue_counts(tx, "a", Some(&here), 299).await).unwrap();
    assert_eq!(counts, [QueueCount { queue: "today".into(), open: 1, overdue: 0, earliest_due_at: Some(300) }]);
    let counts = look!(store, |tx| inquiries_count(tx, "a").await).unwrap();
    assert_eq!(counts, [("done".to_owned(), 1), ("open".to_owned(), 5)]);

    // Closed: the key is free for the next need of the same caller.
    let closed = InquiryRow {
        state: "done".into(),
        open_key: None,
        queue: None,
        closed_at: Some(500),
        owner: None,
        tier: 2,
        snapshot: "closed".into(),
        updated_at: 500,
        ..seeds::inquiry("a", "i1", "")
    };
    let row = closed.clone();
    assert_eq!(unit!(store, |tx| inquiry_update_if(tx, &row).await), Ok(true));
    let row = closed.clone();
    assert_eq!(unit!(store, |tx| inquiry_update_if(tx, &row).await), Ok(false));
    assert_eq!(look!(store, |tx| inquiry_get(tx, "a", "i1").await).unwrap(), Some(InquiryRow { version: 2, ..closed }));
    assert_eq!(look!(store, |tx| inquiry_open_by_key(tx, "a", "open p1").await).unwrap(), None);
    assert_eq!(unit!(store, |tx| inquiry_insert_once(tx, &seeds::inquiry("a", "i7", "open p1")).await), Ok(true));
    let taken = unit!(store, |tx| inquiry_update_if(tx, &seeds::inquiry("a", "i2", "open p1")).await);
    assert_eq!(taken, Err(Error::Conflict), "reopening onto a taken key");
});

async fn queue(store: &Store, locations: Option<&'static [&'static str]>, limit: u32) -> Vec<String> {
    let locations: Option<Vec<String>> = locations.map(|all| all.iter().map(|&one| one.to_owned()).collect());
    let rows = look!(store, |tx| inquiries_queue(tx, "a", locations.as_deref(), limit).await).unwrap();
    rows.into_iter().map(|row| row.id).collect()
}

on_both!(chains_only_grow, |store| {
    let whole = look!(store, |tx| entries_of(tx, "a", "i1").await).unwrap();
    assert_eq!(whole, [seeds::entry("a", 1), seeds::entry("a", 2), seeds::entry("a", 3)]);
    assert_eq!(look!(store, |tx| entry_last(tx, "a", "i1").await).unwrap(), Some(seeds::entry("a", 3)));
    // More than one statement's size, appended as one.
    let many: Vec<EntryRow> = (4..=100).map(|seq| seeds::entry("a", seq)).collect();
    unit!(store, |tx| entries_append(tx, &many).await).unwrap();
    let seqs: Vec<i64> =
        look!(store, |tx| entries_of(tx, "a", "i1").await).unwrap().iter().map(|entry| entry.seq).collect();
    assert_eq!(seqs, (1..=100).collect::<Vec<_>>());
    // Half of it clashes: none of it is there.
    let clash = [seeds::entry("a", 101), seeds::entry("a", 100)];
    assert_eq!(unit!(store, |tx| entries_append(tx, &clash).await), Err(Error::Conflict));
    assert_eq!(look!(store, |tx| entry_last(tx, "a", "i1").await).unwrap(), Some(seeds::entry("a", 100)));
    unit!(store, |tx| entries_append(tx, &[]).await).unwrap();
    unit!(store, |tx| entries_append(tx, &[EntryRow { inquiry: "i2".into(), at: 150, ..seeds::entry("a", 1) }]).await)
        .unwrap();
    let since = look!(store, |tx| entries_since(tx, "a", 150, 3).await).unwrap();
    assert_eq!(
        since.iter().map(|row| (row.at, row.inquiry.as_str())).collect::<Vec<_>>(),
        [(150, "i1"), (150, "i2"), (151, "i1")]
    );
    assert_eq!(look!(store, |tx| entry_inquiries(tx, "a", "", 10).await).unwrap(), ["i1", "i2"]);
    assert_eq!(look!(store, |tx| entry_inquiries(tx, "a", "i1", 10).await).unwrap(), ["i2"]);

    let heads = look!(store, |tx| entry_heads_since(tx, "a", 151, "", 10).await).unwrap();
    assert_eq!(heads, [seeds::entry("a", 100)], "only chains whose end is not older");
    let heads = look!(store, |tx| entry_heads_since(tx, "a", 0, "i1", 10).await).unwrap();
    assert_eq!(heads.iter().map(|row| (row.inquiry.as_str(), row.seq)).collect::<Vec<_>>(), [("i2", 1)]);

    unit!(store, |tx| checkpoint_insert(tx, &seeds::checkpoint("a", 2)).await).unwrap();
    let again = unit!(store, |tx| checkpoint_insert(tx, &seeds::checkpoint("a", 2)).await);
    assert_eq!(again, Err(Error::Conflict));
    let all = look!(store, |tx| checkpoints_all(tx, "a").await).unwrap();
    assert_eq!(all, [seeds::checkpoint("a", 1), seeds::checkpoint("a", 2)]);
    assert_eq!(look!(store, |tx| checkpoint_last(tx, "a").await).unwrap(), Some(seeds::checkpoint("a", 2)));
});

on_both!(plans_are_numbered_within_their_inquiry, |store| {
    let second = PlanRow { parent: Some("plan1".into()), ..seeds::plan("a", "plan2", 2) };
    let row = second.clone();
    unit!(store, |tx| plan_insert(tx, &row).await).unwrap();
    assert_eq!(unit!(store, |tx| plan_insert(tx, &seeds::plan("a", "plan3", 2)).await), Err(Error::Conflict));
    assert_eq!(look!(store, |tx| plan_get(tx, "a", "plan2").await).unwrap(), Some(second.clone()));
    assert_eq!(look!(store, |tx| plans_of(tx, "a", "i1").await).unwrap(), [seeds::plan("a", "plan1", 1), second]);
});

on_both!(effects_come_out_in_their_order_and_in_their_time, |store| {
    let of = |id: &str| seeds::effect("a", id, "crm");
    let all = [
        EffectRow { rank: 20, ..of("f1") },
        EffectRow { rank: 10, due_at: 102, ..of("f2") },
        EffectRow { rank: 10, due_at: 101, state: "waiting".into(), ..of("f3") },
        EffectRow { urgent: true, rank: 99, ..of("f4") },
        EffectRow { due_at: 5_000, ..of("f5") },
        EffectRow { state: "in_flight".into(), in_flight_until: Some(400), ..of("f6") },
        EffectRow { state: "done".into(), settled_at: Some(120), ..of("f7") },
        EffectRow { state: "superseded".into(), settled_at: Some(120), ..of("f8") },
        EffectRow { state: "review".into(), ..of("f9") },
        EffectRow { created_at: 40, due_at: 9_000, ..of("g1") },
    ];
    unit!(store, |tx| effect_insert(tx, &all).await).unwrap();
    assert_eq!(
        lane(&store, 200, 10).await,
        ["f4", "f3", "f2", "f1"],
        "urgent, then rank, then time; nothing in flight"
    );
    assert_eq!(lane(&store, 200, 2).await, ["f4", "f3"]);
    assert_eq!(lane(&store, 399, 10).await.len(), 4);
    assert_eq!(lane(&store, 400, 10).await, ["f4", "f6", "f3", "f2", "f1"], "in flight for too long");
    assert_eq!(look!(store, |tx| effects_unsettled_count(tx, "a", "crm").await), Ok(7));
    assert_eq!(look!(store, |tx| effects_oldest_unsettled(tx, "a", "crm").await), Ok(Some(40)));
    assert_eq!(look!(store, |tx| effects_oldest_unsettled(tx, "a", "none").await), Ok(None));
    assert_eq!(
        look!(store, |tx| lane_get(tx, "a", "crm").await).unwrap().unwrap().connection,
        "crm",
        "made with its first effect"
    );
    let lanes = look!(store, |tx| lanes_with_due(tx, 200, 10).await).unwrap();
    assert_eq!(lanes, [("a".to_owned(), "crm".to_owned()), ("a".to_owned(), "hubspot".to_owned())]);
    assert_eq!(look!(store, |tx| lanes_with_due(tx, 99, 10).await), Ok(vec![]));

    let timers = look!(store, |tx| effects_due_timers(tx, 99, 10).await).unwrap();
    assert_eq!(timers, []);
    let timers = look!(store, |tx| effects_due_timers(tx, 100, 10).await).unwrap();
    assert_eq!(timers, [seeds::effect("a", "e3", TIMER_LANE)]);
    assert_eq!(look!(store, |tx| effect_next_due_at(tx).await), Ok(Some(100)));

    let claimed = EffectRow {
        state: "in_flight".into(),
        in_flight_until: Some(900),
        attempts: 1,
        history: "[1]".into(),
        receipt: Some("{}".into()),
        why: Some("sent".into()),
        needs: "[2]".into(),
        plan: "plan2".into(),
        rank: 3,
        ..of("f4")
    };
    let row = claimed.clone();
    assert_eq!(unit!(store, |tx| effect_update_if(tx, &row).await), Ok(true));
    let row = claimed.clone();
    assert_eq!(unit!(store, |tx| effect_update_if(tx, &row).await), Ok(false), "taken by another");
    // What was once urgent is not taken back by whoever worked on it meanwhile.
    let expected = EffectRow { version: 2, urgent: true, ..claimed };
    assert_eq!(look!(store, |tx| effect_get(tx, "a", "f4").await).unwrap(), Some(expected));
    assert_eq!(lane(&store, 200, 10).await, ["f3", "f2", "f1"]);

    assert_eq!(look!(store, |tx| effects_by_record(tx, "a", "rec1").await).unwrap().len(), 1);
    let dead = look!(store, |tx| effects_dead(tx, "a", 10).await).unwrap();
    assert_eq!(dead.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["e2"]);
    let newest = EffectRow { created_at: 900, target: "task:1".into(), ..of("h1") };
    let oldest = EffectRow { created_at: 800, target: "task:1".into(), ..of("h2") };
    let both = [newest.clone(), oldest.clone()];
    unit!(store, |tx| effect_insert(tx, &both).await).unwrap();
    assert_eq!(look!(store, |tx| effect_by_target(tx, "a", "task:1").await).unwrap(), Some(newest.clone()));
    assert_eq!(look!(store, |tx| effects_of_target(tx, "a", "task:1").await).unwrap(), [oldest, newest]);
    assert_eq!(look!(store, |tx| effects_of_inquiry(tx, "a", "i1").await).unwrap().len(), 15);
    let waiting = look!(store, |tx| effects_waiting_of_inquiry(tx, "a", "i1").await).unwrap();
    assert!(waiting.iter().any(|row| row.id == "f3"));
    assert!(waiting.iter().all(|row| row.state == "waiting" && row.lane != TIMER_LANE));
    assert_eq!(look!(store, |tx| effects_waiting_of_inquiry(tx, "b", "i1").await).unwrap(), []);
    assert_eq!(look!(store, |tx| effect_state(tx, "a", "f7").await), Ok(Some("done".to_owned())));
    assert_eq!(look!(store, |tx| effect_state(tx, "a", "none").await), Ok(None));
    let counts = look!(store, |tx| effects_count_by_state(tx, "a").await).unwrap();
    assert_eq!(counts.iter().map(|(_, n)| n).sum::<i64>(), 15);
    let taken =
        unit!(store, |tx| effect_insert(tx, &[seeds::effect("a", "new", "crm"), seeds::effect("a", "f1", "crm")])
            .await);
    assert_eq!(taken, Err(Error::Conflict));
    assert_eq!(look!(store, |tx| effect_get(tx, "a", "new").await).unwrap(), None);
});

async fn lane(store: &Store, now: i64, limit: u32) -> Vec<String> {
    let rows = look!(store, |tx| effects_due(tx, "a", "crm", now, limit).await).unwrap();
    rows.into_iter().map(|row| row.id).collect()
}

on_both!(attempts_end_once, |store| {
    let end = AttemptEnd {
        ended_at: 140,
        outcome: "unknown".into(),
        status: Some(502),
        why: Some("bad gateway".into()),
        took_ms: Some(40),
    };
    let first = end.clone();
    unit!(store, |tx| attempt_finish(tx, "a", "a1", &first).await).unwrap();
    let again = unit!(store, |tx| attempt_finish(tx, "a", "a1", &end).await);
    assert!(matches!(again, Err(Error::Rows { .. })), "{again:?}");
    unit!(store, |tx| attempt_insert(tx, &AttemptRow { id: "a0".into(), n: 2, ..seeds::attempt("a") }).await).unwrap();
    let all = look!(store, |tx| attempts_of(tx, "a", "e1").await).unwrap();
    let ended = AttemptRow {
        ended_at: Some(140),
        outcome: Some("unknown".into()),
        status: Some(502),
        why: Some("bad gateway".into()),
        took_ms: Some(40),
        ..seeds::attempt("a")
    };
    assert_eq!(all, [ended, AttemptRow { id: "a0".into(), n: 2, ..seeds::attempt("a") }]);
});

on_both!(leases_are_kept_extended_taken_over_and_given_back, |store| {
    let lease = |owner: &'static str, until: i64, now: i64| lease(&store, owner, until, now);
    assert!(lease("n1", 100, 10).await);
    assert!(!lease("n2", 150, 50).await, "held");
    assert!(lease("n1", 120, 50).await, "its own, extended");
    assert!(!lease("n2", 200, 119).await);
    assert!(lease("n2", 200, 120).await, "ended");
    assert_eq!(unit!(store, |tx| lane_release(tx, "a", "hubspot", "n1").await), Ok(false), "not its own any more");
    assert_eq!(unit!(store, |tx| lane_release(tx, "a", "hubspot", "n2").await), Ok(true));
    assert!(lease("n1", 300, 121).await, "free");

    let bad = LaneReport {
        breaker: Some("open".into()),
        breaker_until: Some(500),
        last_error: Some("502".into()),
        last_error_at: Some(130),
        ..LaneReport::default()
    };
    unit!(store, |tx| lane_report(tx, "a", "hubspot", &bad).await).unwrap();
    let good = LaneReport { burst_left: Some(90), last_ok_at: Some(600), ..LaneReport::default() };
    unit!(store, |tx| lane_report(tx, "a", "hubspot", &good).await).unwrap();
    let expected = LaneRow {
        account: "a".into(),
        id: "hubspot".into(),
        connection: "c1".into(),
        lease_owner: Some("n1".into()),
        lease_until: Some(300),
        breaker: None,
        breaker_until: None,
        burst_left: Some(90),
        last_ok_at: Some(600),
        last_error: Some("502".into()),
        last_error_at: Some(130),
    };
    assert_eq!(look!(store, |tx| lanes_all(tx, "a").await).unwrap(), [expected]);
});

async fn lease(store: &Store, owner: &'static str, until: i64, now: i64) -> bool {
    unit!(store, |tx| lane_lease(tx, "a", "hubspot", owner, until, now).await).unwrap()
}

on_both!(people_reviews_keys_cursors_and_alarms, |store| {
    assert_eq!(look!(store, |tx| person_get(tx, "a", "p1").await).unwrap(), Some(seeds::person("a")));
    unit!(store, |tx| person_suppress(tx, "a", ("p1", "email", "k2"), "asked", 210).await).unwrap();
    let suppressed = PersonRow { suppression: "asked".into(), updated_at: 210, ..seeds::person("a") };
    assert_eq!(look!(store, |tx| person_get(tx, "a", "p1").await).unwrap(), Some(suppressed.clone()), "the rest stays");
    let stale = unit!(store, |tx| person_suppression_change_if(tx, "a", "p1", ("{}", "cleared"), 220).await);
    assert_eq!(stale, Ok(false), "what was read is not what stands there");
    let fresh = unit!(store, |tx| person_suppression_change_if(tx, "a", "p1", ("asked", "cleared"), 220).await);
    assert_eq!(fresh, Ok(true));
    let cleared = PersonRow { suppression: "cleared".into(), updated_at: 220, ..suppressed };
    assert_eq!(look!(store, |tx| person_get(tx, "a", "p1").await).unwrap(), Some(cleared));
    unit!(store, |tx| person_suppress(tx, "a", ("p9", "phone", "k1"), "asked", 240).await).unwrap();
    for (key, first) in [("p9", false), ("p8", true)] {
        let once = unit!(store, |tx| person_suppress_once(tx, "a", (key, "phone", "k1"), "cleared", 250).await);
        assert_eq!(once, Ok(first), "{key}");
        let row = look!(store, |tx| person_get(tx, "a", key).await).unwrap().unwrap();
        let wanted = if first { "cleared" } else { "asked" };
        assert_eq!((row.suppression.as_str(), row.document), (wanted, None), "known by nothing else");
    }

    assert_eq!(unit!(store, |tx| review_insert_once(tx, &seeds::review("a")).await), Ok(false));
    let decision = ReviewDecision { state: "approved".into(), at: 200, by: "u1".into(), decision: "{}".into() };
    let (one, two, three) = (decision.clone(), decision.clone(), decision.clone());
    let stale = unit!(store, |tx| review_decide_if_open(tx, "a", "r1", "another change", &one).await);
    assert_eq!(stale, Ok(false), "an approval is bound to the change that was seen");
    assert_eq!(unit!(store, |tx| review_decide_if_open(tx, "a", "r1", "digest", &two).await), Ok(true));
    assert_eq!(unit!(store, |tx| review_decide_if_open(tx, "a", "r1", "digest", &three).await), Ok(false));
    let decided = ReviewRow {
        state: "approved".into(),
        decided_at: Some(200),
        decided_by: Some("u1".into()),
        decision: Some("{}".into()),
        ..seeds::review("a")
    };
    assert_eq!(look!(store, |tx| review_get(tx, "a", "r1").await).unwrap(), Some(decided.clone()));
    assert_eq!(look!(store, |tx| reviews_of_inquiry(tx, "a", "i1").await).unwrap(), [decided]);
    assert_eq!(look!(store, |tx| reviews_open_count(tx, "a", None).await), Ok(0));

    let other = IdempotencyRow { body: "other".into(), ..seeds::idempotency("a") };
    assert_eq!(unit!(store, |tx| idempotency_put_once(tx, &other).await), Ok(false));
    let kept = look!(store, |tx| idempotency_get(tx, "a", "key", "POST /calls").await).unwrap();
    assert_eq!(kept, Some(seeds::idempotency("a")));
    assert_eq!(look!(store, |tx| idempotency_get(tx, "a", "key", "POST /other").await).unwrap(), None);
    assert_eq!(unit!(store, |tx| idempotency_expire(tx, "a", 100).await), Ok(0));
    assert_eq!(unit!(store, |tx| idempotency_expire(tx, "a", 101).await), Ok(1));

    unit!(store, |tx| cursor_put(tx, "a", "c1", "calls", "next", 300).await).unwrap();
    assert_eq!(look!(store, |tx| cursor_get(tx, "a", "c1", "calls").await).unwrap().as_deref(), Some("next"));
    assert_eq!(look!(store, |tx| cursor_get(tx, "a", "c1", "other").await).unwrap(), None);

    assert_eq!(unit!(store, |tx| alarm_raise_once(tx, &seeds::alarm("a", "al2")).await), Ok(false), "raised already");
    assert_eq!(look!(store, |tx| alarms_open(tx, "a", 10).await).unwrap(), [seeds::alarm("a", "al1")]);
    assert_eq!(unit!(store, |tx| alarm_clear(tx, "a", "quarantine", "c1", 200).await), Ok(true));
    assert_eq!(unit!(store, |tx| alarm_clear(tx, "a", "quarantine", "c1", 201).await), Ok(false));
    assert_eq!(unit!(store, |tx| alarm_raise_once(tx, &seeds::alarm("a", "al2")).await), Ok(true), "and again later");
});

on_both!(proofs_are_a_chain_that_two_nodes_cannot_fork, |store| {
    let first = ProofRow { body: String::new(), ..seeds::proof("a", 1, "2026-03-02", 1) };
    assert_eq!(look!(store, |tx| proof_last(tx, "a").await).unwrap(), Some(first.clone()));
    let taken = unit!(store, |tx| proof_insert(tx, &seeds::proof("a", 1, "2026-03-03", 1)).await);
    assert_eq!(taken, Err(Error::Conflict), "one proof per place");
    let twice = unit!(store, |tx| proof_insert(tx, &seeds::proof("a", 2, "2026-03-02", 1)).await);
    assert_eq!(twice, Err(Error::Conflict), "one proof per day and revision");
    unit!(store, |tx| proof_insert(tx, &seeds::proof("a", 2, "2026-03-02", 2)).await).unwrap();
    let day = look!(store, |tx| proof_of_day(tx, "a", "2026-03-02").await).unwrap();
    assert_eq!(day, Some(seeds::proof("a", 2, "2026-03-02", 2)), "the latest, with its file");
    assert_eq!(look!(store, |tx| proof_get(tx, "a", 1).await).unwrap(), Some(seeds::proof("a", 1, "2026-03-02", 1)));
    assert_eq!(look!(store, |tx| proof_get(tx, "b", 1).await).unwrap(), None);
    let seqs: Vec<i64> =
        look!(store, |tx| proofs_list(tx, "a", 10, i64::MAX).await).unwrap().iter().map(|row| row.seq).collect();
    assert_eq!(seqs, [2, 1]);
    assert_eq!(look!(store, |tx| proofs_list(tx, "a", 10, 2).await).unwrap(), [first]);
});

on_both!(what_was_written_is_found_by_inquiry_record_version_and_time, |store| {
    let all = [
        seeds::field_write("a", 2, "rb_source"),
        seeds::field_write("a", 2, "rb_urgency"),
        seeds::field_write("a", 3, "rb_urgency"),
    ];
    let again = [all[0].clone(), FieldWriteRow { source: "another".into(), ..all[1].clone() }];
    assert_eq!(unit!(store, |tx| field_writes_put_once(tx, &again).await), Ok(0), "an entry says it once");
    assert_eq!(look!(store, |tx| field_writes_of_inquiry(tx, "a", "i1").await).unwrap(), all);
    assert_eq!(look!(store, |tx| field_writes_of_record(tx, "a", "contact", "rec1").await).unwrap(), all);
    assert_eq!(look!(store, |tx| field_writes_of_record(tx, "a", "task", "rec1").await).unwrap(), []);
    let of =
        async |version| look!(store, |tx| field_writes_of_version(tx, "a", ("main", version), (0, 1_000), 10).await);
    assert_eq!(of(2).await.unwrap(), all[..2]);
    assert_eq!(of(3).await.unwrap(), all[2..]);
    let between = async |since, until, field: Option<&'static str>, version| {
        look!(store, |tx| field_writes_between(tx, "a", (since, until), field, version, 10).await)
    };
    assert_eq!(between(0, 1_000, None, None).await.unwrap(), all);
    assert_eq!(between(103, 104, None, None).await.unwrap(), all[2..]);
    assert_eq!(between(0, 103, Some("urgency"), None).await.unwrap(), all[..2]);
    assert_eq!(between(0, 1_000, Some("contact.rb_source"), None).await.unwrap(), all[..1]);
    assert_eq!(between(0, 1_000, None, Some(3)).await.unwrap(), all[2..]);
    assert_eq!(unit!(store, |tx| corrections_put_once(tx, &[seeds::correction("a", 2)]).await), Ok(0), "seen already");
    assert_eq!(look!(store, |tx| corrections_since(tx, "a", 102, 10).await).unwrap(), [seeds::correction("a", 2)]);
    assert_eq!(look!(store, |tx| corrections_since(tx, "a", 103, 10).await).unwrap(), []);

    // Counted, drawn by place, and joined with what people put in their place.
    let count =
        async |since, until| look!(store, |tx| field_writes_count(tx, "a", (since, until), "AI").await).unwrap();
    assert_eq!((count(0, 1_000).await, count(103, 1_000).await, count(0, 102).await), (3, 1, 0));
    let nth = async |n| look!(store, |tx| field_write_nth(tx, "a", (0, 1_000), "AI", n).await).unwrap();
    assert_eq!((nth(0).await.as_ref(), nth(2).await.as_ref(), nth(3).await), (all.first(), all.last(), None));
    let back = FieldWriteRow { clause: "rollback.rb_source".into(), ..seeds::field_write("a", 4, "rb_source") };
    assert_eq!(unit!(store, |tx| field_writes_put_once(tx, &[back]).await), Ok(1));
    let per = look!(store, |tx| field_writes_per_field(tx, "a", (0, 1_000)).await).unwrap();
    assert_eq!(per, [WrittenCount { field: "urgency".into(), written: 3 }], "what was put back was not written");
    // What nobody can be asked about has no place among them: what a person decided, what no field stands behind, what was emptied, what
    // a rollback put back.
    let other = |property: &str| seeds::field_write("a", 1, property);
    let others = [
        FieldWriteRow { actor: "human-approved AI".into(), ..other("rb_a") },
        FieldWriteRow { field: String::new(), ..other("rb_b") },
        FieldWriteRow { clause: "workflow.contact".into(), ..other("rb_c") },
        FieldWriteRow { is_doc: None, ..other("rb_d") },
    ];
    assert_eq!(unit!(store, |tx| field_writes_put_once(tx, &others).await), Ok(4));
    assert_eq!((count(0, 1_000).await, nth(0).await.as_ref(), nth(3).await), (3, all.first(), None));
    let by_people = look!(store, |tx| field_writes_count(tx, "a", (0, 1_000), "human-approved AI").await);
    assert_eq!(by_people, Ok(1));
    let corrected =
        async |since, until| look!(store, |tx| corrected_between(tx, "a", (since, until), 10).await).unwrap();
    let one = corrected(102, 103).await;
    assert_eq!(one.len(), 1, "{one:?}");
    assert_eq!(
        (one[0].at, one[0].field.as_str(), one[0].seen_at, one[0].property.as_str()),
        (102, "urgency", 102, "rb_urgency")
    );
    assert_eq!((corrected(0, 102).await, corrected(103, 1_000).await), (Vec::new(), Vec::new()));
});

on_both!(what_people_answered_and_gave_away_is_found_by_when, |store| {
    let review = |id: &str| ReviewRow { id: id.into(), inquiry: "i9".into(), ..seeds::review("a") };
    for (id, at) in [("r8", 300), ("r9", 400), ("r7", 400)] {
        let row = review(id);
        assert_eq!(unit!(store, |tx| review_insert_once(tx, &row).await), Ok(true));
        let decision = ReviewDecision { state: "decided".into(), at, by: "u1".into(), decision: "{}".into() };
        let (id, decision) = (id.to_owned(), decision);
        assert_eq!(unit!(store, |tx| review_decide_if_open(tx, "a", &id, "digest", &decision).await), Ok(true));
    }
    let decided = async |since, limit, before: Before| {
        let rows = look!(store, |tx| reviews_decided(tx, "a", since, limit, &before).await).unwrap();
        rows.into_iter().map(|r| r.id).collect::<Vec<_>>()
    };
    assert_eq!(decided(0, 10, Before::end()).await, ["r9", "r7", "r8"], "the newest first");
    assert_eq!(decided(301, 10, Before::end()).await, ["r9", "r7"]);
    assert_eq!(decided(0, 1, Before { at: 400, id: "r9".into() }).await, ["r7"]);
    let open = async || look!(store, |tx| reviews_open_of(tx, "a", "field").await).unwrap();
    assert_eq!(open().await, 1);
    assert_eq!(unit!(store, |tx| review_void_if_open(tx, "a", "r9", 9).await), Ok(false), "it is answered");
    assert_eq!(unit!(store, |tx| review_void_if_open(tx, "a", "r1", 500).await), Ok(true));
    assert_eq!((open().await, decided(0, 10, Before::end()).await.len()), (0, 3), "what is void was not answered");

    let entry = |seq, kind: &str, body: &str| EntryRow {
        inquiry: "i9".into(),
        kind: kind.into(),
        body: body.into(),
        ..seeds::entry("a", seq)
    };
    let rows = [
        entry(1, "owner", r#"{"staff":"s1","why":"said \"by\": nobody"}"#),
        entry(2, "owner", r#"{"by":"u1","staff":"s2"}"#),
        entry(3, "taken", r#"{"by":"u1"}"#),
        entry(4, "owner", r#"{"by":"u1","staff":"s3"}"#),
    ];
    unit!(store, |tx| entries_append(tx, &rows).await).unwrap();
    let given = async |since, until, limit| {
        let rows = look!(store, |tx| entries_given(tx, "a", (since, until), limit).await).unwrap();
        rows.into_iter().map(|r| r.seq).collect::<Vec<_>>()
    };
    assert_eq!(given(0, 1_000, 10).await, [4, 2]);
    assert_eq!((given(0, 104, 10).await, given(0, 1_000, 1).await), (vec![2], vec![4]));
});

on_both!(a_rollback_and_its_items_move_on_once, |store| {
    let taken = unit!(store, |tx| rollback_insert(tx, &seeds::rollback("a", "rb1", 100), &[]).await);
    assert_eq!(taken, Err(Error::Conflict));
    unit!(store, |tx| rollback_insert(tx, &seeds::rollback("a", "rb2", 200), &[]).await).unwrap();
    let due = async |now| {
        look!(store, |tx| rollbacks_due(tx, now, 10).await).unwrap().into_iter().map(|r| r.id).collect::<Vec<_>>()
    };
    assert_eq!(due(109).await, Vec::<String>::new());
    assert_eq!(due(110).await, ["rb1"]);
    assert_eq!(due(210).await, ["rb1", "rb2"]);
    assert_eq!(look!(store, |tx| rollback_next_due_at(tx).await), Ok(Some(110)));
    assert_eq!(unit!(store, |tx| rollback_put_off_if(tx, "a", "rb1", 300).await), Ok(true));
    assert_eq!(due(210).await, ["rb2"]);
    let sent =
        RollbackItemRow { state: "sent".into(), effect: Some("e9".into()), ..seeds::rollback_item("a", "rb1", 1) };
    let (one, two) = (sent.clone(), sent.clone());
    assert_eq!(unit!(store, |tx| rollback_item_move_if(tx, &one, "planned").await), Ok(true));
    assert_eq!(
        unit!(store, |tx| rollback_item_move_if(tx, &two, "planned").await),
        Ok(false),
        "another node was first"
    );
    assert_eq!(look!(store, |tx| rollback_items_of(tx, "a", "rb1").await).unwrap(), [sent]);
    assert_eq!(unit!(store, |tx| rollback_finish_if(tx, "a", "rb1", 400).await), Ok(true));
    assert_eq!(unit!(store, |tx| rollback_finish_if(tx, "a", "rb1", 401).await), Ok(false));
    assert_eq!(unit!(store, |tx| rollback_put_off_if(tx, "a", "rb1", 500).await), Ok(false), "it is over");
    let done = look!(store, |tx| rollback_get(tx, "a", "rb1").await).unwrap().unwrap();
    assert_eq!((done.state.as_str(), done.done_at), ("done", Some(400)));
    let ids: Vec<String> = look!(store, |tx| rollbacks_list(tx, "a", 10, &Before::end()).await)
        .unwrap()
        .into_iter()
        .map(|r| r.id)
        .collect();
    assert_eq!(ids, ["rb2", "rb1"]);
});

on_both!(a_thing_of_the_roster_may_begin_and_end_later, |store| {
    unit!(store, |tx| roster_put(tx, "a", "hold", "h1", "{}", 500).await).unwrap();
    let known = async |at| look!(store, |tx| roster_kind_from(tx, "a", "hold", at).await).unwrap().len();
    let valid =
        async |at| look!(store, |tx| roster_at(tx, "a", at).await).unwrap().iter().filter(|r| r.kind == "hold").count();
    assert_eq!((known(100).await, valid(499).await, valid(500).await), (1, 0, 1), "known before it begins");
    assert_eq!(unit!(store, |tx| roster_end_if(tx, "a", "hold", "h1", 900).await), Ok(true));
    assert_eq!(unit!(store, |tx| roster_end_if(tx, "a", "hold", "h1", 901).await), Ok(false));
    assert_eq!(
        (known(899).await, valid(899).await, known(900).await, valid(900).await),
        (1, 1, 0, 0),
        "it holds until its end"
    );
});

on_both!(scrubbing_leaves_what_was_decided, |store| {
    unit!(store, |tx| {
        plan_scrub(tx, "a", "plan1", "erased").await?;
        review_scrub(tx, "a", "r1", "erased", None).await?;
        attempts_scrub(tx, "a", "e1", "erased").await
    })
    .unwrap();
    let plan = look!(store, |tx| plan_get(tx, "a", "plan1").await).unwrap();
    assert_eq!(plan, Some(PlanRow { body: "erased".into(), ..seeds::plan("a", "plan1", 1) }));
    let review = look!(store, |tx| review_get(tx, "a", "r1").await).unwrap();
    assert_eq!(review, Some(ReviewRow { body: "erased".into(), ..seeds::review("a") }));
    let attempts = look!(store, |tx| attempts_of(tx, "a", "e1").await).unwrap();
    assert_eq!(attempts, [AttemptRow { why: Some("erased".into()), ..seeds::attempt("a") }]);
});

on_both!(text_of_every_kind_comes_back_as_it_went_in, |store| {
    for body in ["", "'; DROP TABLE calls; --", "Zoë 漢字 🦷 \u{202e}", "line\r\nline\ttab", "$1 {} % \\"] {
        let call = CallRow { snapshot: body.to_owned(), ..seeds::call("a") };
        let id = format!("t{}", body.len());
        let row = CallRow { id: id.clone(), ..call };
        unit!(store, |tx| call_insert(tx, &row).await).unwrap();
        let back = look!(store, |tx| call_get(tx, "a", &id).await).unwrap().unwrap();
        assert_eq!(back.snapshot, body);
    }
});
