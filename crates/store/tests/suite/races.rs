//! Guards under concurrency. SQLite is serial, so there the same tests show the answers; on PostgreSQL the units truly overlap.

use std::sync::Arc;

use ringback_store::*;
use tokio::sync::Barrier;

use crate::support::{Place, places};
use crate::{look, seeds, unit};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_deliveries_of_one_signal_have_one_first() {
    for place in places().await {
        let stores = [place.open().await, place.open().await];
        for round in 0..10 {
            let mut all = Vec::new();
            for n in 0..8 {
                // Two nodes, so that PostgreSQL sees two transactions at once.
                let store = stores[n % 2].clone();
                let row = seeds::signal("a", &format!("s{round}-{n}"), &format!("delivery {round}"));
                all.push(tokio::spawn(async move { store.intake(row).await.unwrap() }));
            }
            let mut firsts = Vec::new();
            let mut duplicates = Vec::new();
            for one in all {
                let stored = one.await.unwrap();
                match stored.duplicate_of {
                    None => firsts.push(stored.id),
                    Some(of) => duplicates.push((stored.id, of)),
                }
            }
            assert_eq!((firsts.len(), duplicates.len()), (1, 7), "{:?}", place.engine);
            assert!(duplicates.iter().all(|(_, of)| *of == firsts[0]));
            let first = firsts[0].clone();
            let row = look!(stores[0], |tx| signal_get(tx, "a", &first).await).unwrap().unwrap();
            assert_eq!((row.state.as_str(), row.duplicate_of), ("stored", None));
            let duplicate = duplicates[0].0.clone();
            let row = look!(stores[0], |tx| signal_get(tx, "a", &duplicate).await).unwrap().unwrap();
            assert_eq!((row.state.as_str(), row.duplicate_of.as_deref()), ("folded", Some(firsts[0].as_str())));
        }
        let due = look!(stores[0], |tx| signals_due(tx, 1_000, 1_000).await).unwrap();
        assert_eq!(due.len(), 10, "only firsts are folded");
    }
}

#[tokio::test]
async fn a_forged_signal_does_not_take_the_place_of_the_real_one() {
    for place in places().await {
        let store = place.open().await;
        let forged = SignalIn {
            state: "quarantined".into(),
            why: Some("bad signature".into()),
            ..seeds::signal("a", "s1", "k")
        };
        assert_eq!(store.intake(forged).await.unwrap().duplicate_of, None);
        assert_eq!(
            store.intake(seeds::signal("a", "s2", "k")).await.unwrap().duplicate_of,
            None,
            "the real one is first"
        );
        // Accepting the forged one now makes it a duplicate of the real one, not a second call.
        assert!(unit!(store, |tx| signal_accept_if_quarantined(tx, "a", "s1", 200).await).unwrap());
        let row = look!(store, |tx| signal_get(tx, "a", "s1").await).unwrap().unwrap();
        assert_eq!((row.state.as_str(), row.duplicate_of.as_deref()), ("folded", Some("s2")));
        // Accepting one whose delivery never came otherwise makes it a first; the retry after that is its duplicate.
        let alone = SignalIn { state: "quarantined".into(), ..seeds::signal("a", "s3", "k3") };
        store.intake(alone).await.unwrap();
        assert!(unit!(store, |tx| signal_accept_if_quarantined(tx, "a", "s3", 200).await).unwrap());
        assert!(!unit!(store, |tx| signal_accept_if_quarantined(tx, "a", "s3", 200).await).unwrap(), "only once");
        let row = look!(store, |tx| signal_get(tx, "a", "s3").await).unwrap().unwrap();
        assert_eq!((row.state.as_str(), row.duplicate_of, row.due_at), ("stored", None, 200));
        assert_eq!(store.intake(seeds::signal("a", "s4", "k3")).await.unwrap().duplicate_of.as_deref(), Some("s3"));
        store.close().await;
    }
}

/// Runs the same unit twice at once; on PostgreSQL both have begun and read before either writes.
async fn twice<T, F>(place: &Place, store: &Store, unit: F) -> [Result<T, Error>; 2]
where
    T: Send + 'static,
    F: for<'a> Fn(&'a mut Tx, usize) -> BoxFuture<'a, Result<T, Error>> + Send + Sync + 'static,
{
    let unit = Arc::new(unit);
    // One writer cannot wait for itself: on SQLite nobody waits.
    let barrier = (place.engine == Engine::Postgres).then(|| Arc::new(Barrier::new(2)));
    let run = |n: usize| {
        let (store, unit, barrier) = (store.clone(), unit.clone(), barrier.clone());
        tokio::spawn(async move {
            store
                .write(Site::Other, move |tx| {
                    Box::pin(async move {
                        // A statement before the barrier, so that the transaction truly runs.
                        account_get(tx, "nobody").await?;
                        if let Some(barrier) = barrier {
                            barrier.wait().await;
                        }
                        unit(tx, n).await
                    })
                })
                .await
        })
    };
    let (one, two) = (run(0), run(1));
    [one.await.unwrap(), two.await.unwrap()]
}

fn winners(answers: &[Result<bool, Error>; 2]) -> usize {
    answers.iter().filter(|answer| **answer == Ok(true)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_units_open_one_inquiry() {
    for place in places().await {
        let store = place.open().await;
        for round in 0..10 {
            let key = format!("open {round}");
            let answers = twice(&place, &store, move |tx, n| {
                let row = seeds::inquiry("a", &format!("i{round}-{n}"), &key);
                Box::pin(async move { inquiry_insert_once(tx, &row).await })
            })
            .await;
            assert_eq!(winners(&answers), 1, "{:?}: {answers:?}", place.engine);
            assert!(answers.contains(&Ok(false)), "{answers:?}");
            let key = format!("open {round}");
            let open = look!(store, |tx| inquiry_open_by_key(tx, "a", &key).await).unwrap().unwrap();
            let winner = usize::from(answers[1] == Ok(true));
            assert_eq!(open.id, format!("i{round}-{winner}"));
        }
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_updates_of_one_version_one_wins() {
    for place in places().await {
        let store = place.open().await;
        seeds::everything(&store, "a").await;
        for version in 1..10 {
            let answers = twice(&place, &store, move |tx, n| {
                Box::pin(async move {
                    let call = CallRow { version, snapshot: format!("{version} by {n}"), ..seeds::call("a") };
                    call_update_if(tx, &call).await
                })
            })
            .await;
            assert_eq!(winners(&answers), 1, "{answers:?}");
            let row = look!(store, |tx| call_get(tx, "a", "call1").await).unwrap().unwrap();
            let winner = usize::from(answers[1] == Ok(true));
            assert_eq!((row.version, row.snapshot), (version + 1, format!("{version} by {winner}")));

            let answers = twice(&place, &store, move |tx, _| {
                Box::pin(async move {
                    inquiry_update_if(tx, &InquiryRow { version, ..seeds::inquiry("a", "i1", "open p1") }).await
                })
            })
            .await;
            assert_eq!(winners(&answers), 1, "{answers:?}");
            let answers = twice(&place, &store, move |tx, _| {
                Box::pin(async move {
                    effect_update_if(tx, &EffectRow { version, ..seeds::effect("a", "e1", "hubspot") }).await
                })
            })
            .await;
            assert_eq!(winners(&answers), 1, "{answers:?}");
        }
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lane_is_leased_to_one_node() {
    for place in places().await {
        let store = place.open().await;
        unit!(store, |tx| lane_upsert(tx, "a", "hubspot", "c1").await).unwrap();
        for round in 0..10_i64 {
            let now = round * 100;
            let answers = twice(&place, &store, move |tx, n| {
                Box::pin(async move { lane_lease(tx, "a", "hubspot", &format!("node {n}"), now + 50, now).await })
            })
            .await;
            assert_eq!(winners(&answers), 1, "{answers:?}");
            let owner = format!("node {}", usize::from(answers[1] == Ok(true)));
            let held = look!(store, |tx| lane_get(tx, "a", "hubspot").await).unwrap().unwrap();
            assert_eq!((held.lease_owner.as_deref(), held.lease_until), (Some(owner.as_str()), Some(now + 50)));
        }
        store.close().await;
    }
}

/// A guard that only one of two overlapping units may pass, for every remaining `_once`, `_next` and append.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_that_take_one_key_one_is_told() {
    for place in places().await {
        let store = place.open().await;
        seeds::everything(&store, "a").await;
        macro_rules! once {
            ($($name:ident($row:expr)),* $(,)?) => {$({
                let answers = twice(&place, &store, move |tx, _| Box::pin(async move { $name(tx, &$row).await })).await;
                assert_eq!(winners(&answers), 1, "{}: {answers:?}", stringify!($name));
                assert!(answers.contains(&Ok(false)), "{}: {answers:?}", stringify!($name));
            })*};
        }
        once![
            account_insert_once(seeds::account("new")),
            call_insert(CallRow { id: "new".into(), ..seeds::call("a") }),
            review_insert_once(ReviewRow { id: "new".into(), ..seeds::review("a") }),
            idempotency_put_once(IdempotencyRow { key: "new".into(), ..seeds::idempotency("a") }),
        ];
        let answers = twice(&place, &store, |tx, n| {
            Box::pin(async move { call_key_insert_once(tx, "a", "c1", "CA-new", &format!("call{n}")).await })
        })
        .await;
        assert_eq!(winners(&answers), 1, "{answers:?}");
        let answers = twice(&place, &store, |tx, n| {
            let alarm = AlarmRow { subject: "new".into(), ..seeds::alarm("a", &format!("new{n}")) };
            Box::pin(async move { alarm_raise_once(tx, &alarm).await })
        })
        .await;
        assert_eq!(winners(&answers), 1, "{answers:?}");
        assert!(answers.contains(&Ok(false)), "{answers:?}");
        let answers = twice(&place, &store, |tx, n| {
            let decision =
                ReviewDecision { state: "approved".into(), at: 9, by: format!("u{n}"), decision: "{}".into() };
            Box::pin(async move { review_decide_if_open(tx, "a", "r1", "digest", &decision).await })
        })
        .await;
        assert_eq!(winners(&answers), 1, "{answers:?}");
        let answers = twice(&place, &store, |tx, _| {
            Box::pin(async move { signal_accept_if_quarantined(tx, "a", "s2", 5).await })
        })
        .await;
        assert_eq!(winners(&answers), 1, "{answers:?}");

        // These answer with a conflict instead: the loser reloads.
        macro_rules! conflict {
            ($answers:expr) => {{
                let answers = $answers;
                assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
                assert!(answers.iter().any(|answer| matches!(answer, Err(Error::Conflict))), "{answers:?}");
            }};
        }
        conflict!(
            twice(&place, &store, |tx, _| Box::pin(async move { entries_append(tx, &[seeds::entry("a", 4)]).await }))
                .await
        );
        conflict!(
            twice(&place, &store, |tx, n| Box::pin(async move {
                plan_insert(tx, &seeds::plan("a", &format!("new{n}"), 2)).await
            }))
            .await
        );
        conflict!(
            twice(&place, &store, |tx, _| Box::pin(
                async move { checkpoint_insert(tx, &seeds::checkpoint("a", 2)).await }
            ))
            .await
        );
        // One after the other both succeed, as the next two versions; overlapping, one gives way. Never the same version twice.
        let answers = twice(&place, &store, |tx, n| {
            Box::pin(async move { roster_put(tx, "a", "location", "new", &format!("{n}"), 9).await })
        })
        .await;
        counted(answers, 1);
        let [one, two] = twice(&place, &store, |tx, n| {
            let new = seeds::contract("a", &format!("new{n}"), &format!("new digest {n}"));
            Box::pin(async move { contract_insert_next(tx, &new).await })
        })
        .await;
        counted([one.map(|row| row.version), two.map(|row| row.version)], 2);
        // Of two who began from the same version one at most is taken, however their units overlap.
        let base = look!(store, |tx| contract_latest(tx, "a", "main").await).unwrap().map_or(0, |row| row.version);
        let both = twice(&place, &store, move |tx, n| {
            let new = seeds::contract("a", &format!("after{n}"), &format!("digest after {n}"));
            Box::pin(async move { contract_insert_after_if(tx, &new, base).await })
        })
        .await;
        let taken = both.iter().filter(|answer| matches!(answer, Ok(Some(row)) if row.version == base + 1)).count();
        let refused = both.iter().filter(|answer| matches!(answer, Ok(None) | Err(Error::Conflict))).count();
        assert_eq!((taken, refused), (1, 1), "{both:?}");
        store.close().await;
    }
}

/// Two units that took the next version, `first` being the first free one.
fn counted(answers: [Result<i64, Error>; 2], first: i64) {
    let mut versions: Vec<i64> = answers.iter().filter_map(|answer| answer.as_ref().ok().copied()).collect();
    versions.sort_unstable();
    let lost = answers.iter().filter(|answer| **answer == Err(Error::Conflict)).count();
    assert!(
        (versions == [first] && lost == 1) || versions == [first, first + 1],
        "expected versions from {first}, or one conflict: {answers:?}"
    );
}

/// Two nodes looking for work at once share it out instead of both taking all.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn locked_signals_are_passed_over_by_another_node() {
    let Some(place) = Place::postgres().await else { return };
    let store = place.open().await;
    for n in 0..20 {
        store.intake(seeds::signal("a", &format!("s{n}"), &format!("k{n}"))).await.unwrap();
    }
    let barrier = Arc::new(Barrier::new(2));
    let take = || {
        let (store, barrier) = (store.clone(), barrier.clone());
        tokio::spawn(async move {
            unit!(store, |tx| {
                let mine = signals_due_locked(tx, 1_000, 10).await?;
                // Both hold theirs before either ends.
                barrier.wait().await;
                Ok(mine.into_iter().map(|signal| signal.id).collect::<Vec<_>>())
            })
            .unwrap()
        })
    };
    let (one, two) = (take(), take());
    let mut all = one.await.unwrap();
    all.extend(two.await.unwrap());
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 20);
    store.close().await;
}
