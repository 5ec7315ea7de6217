//! Units of work: whole or nothing, alone or in a group.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use ringback_store::*;

use crate::support::{Place, places};
use crate::{look, seeds, unit};

async fn cursor(store: &Store, name: &'static str) -> Option<String> {
    look!(store, |tx| cursor_get(tx, "a", "c", name).await).unwrap()
}

#[tokio::test]
async fn a_failing_unit_does_not_undo_its_neighbours() {
    for place in places().await {
        let store = place.open().await;
        let mut units = Vec::new();
        for n in 0..60_i64 {
            let store = store.clone();
            units.push(tokio::spawn(async move {
                unit!(store, |tx| {
                    entries_append(tx, &[EntryRow { inquiry: format!("i{n}"), ..seeds::entry("a", 1) }]).await?;
                    if n % 3 == 0 {
                        // Fails after it has written.
                        entries_append(tx, &[EntryRow { inquiry: format!("i{n}"), ..seeds::entry("a", 1) }]).await?;
                    }
                    Ok(n)
                })
            }));
        }
        for (n, unit) in units.into_iter().enumerate() {
            let n = n as i64;
            let answer = unit.await.unwrap();
            assert_eq!(answer, if n % 3 == 0 { Err(Error::Conflict) } else { Ok(n) });
        }
        let stored = look!(store, |tx| entries_since(tx, "a", 0, 1_000).await).unwrap();
        assert_eq!(stored.len(), 40, "{:?}", store.engine());
        if store.engine() == Engine::Sqlite {
            let counts = store.counts();
            assert!(counts.commits < counts.units, "no two of {} units shared a commit", counts.units);
        }
        store.close().await;
    }
}

#[tokio::test]
async fn a_unit_that_ignores_a_failed_statement_fails_all_the_same() {
    for place in places().await {
        let store = place.open().await;
        let answer = unit!(store, |tx| {
            cursor_put(tx, "a", "c", "one", "1", 1).await?;
            entries_append(tx, &[seeds::entry("a", 1)]).await?;
            assert_eq!(entries_append(tx, &[seeds::entry("a", 1)]).await, Err(Error::Conflict));
            // Refused with the first cause on both engines, not run outside of the transaction.
            assert_eq!(cursor_put(tx, "a", "c", "two", "2", 1).await, Err(Error::Conflict));
            Ok(())
        });
        assert_eq!(answer, Err(Error::Conflict));
        assert_eq!((cursor(&store, "one").await, cursor(&store, "two").await), (None, None));
        // The next unit starts afresh.
        unit!(store, |tx| cursor_put(tx, "a", "c", "three", "3", 1).await).unwrap();
        assert_eq!(cursor(&store, "three").await.as_deref(), Some("3"));
        store.close().await;
    }
}

#[tokio::test]
async fn a_panicking_unit_is_rolled_back_and_the_writer_lives() {
    let place = Place::sqlite();
    let store = place.open().await;
    let answer: Result<(), Error> = unit!(store, |tx| {
        cursor_put(tx, "a", "c", "one", "1", 1).await?;
        panic!("a mistake in a unit")
    });
    assert!(matches!(answer, Err(Error::Bug(_))), "{answer:?}");
    assert_eq!(cursor(&store, "one").await, None);
    unit!(store, |tx| cursor_put(tx, "a", "c", "two", "2", 1).await).unwrap();
    assert_eq!(cursor(&store, "two").await.as_deref(), Some("2"));
}

#[tokio::test]
async fn a_read_cannot_write() {
    for place in places().await {
        let store = place.open().await;
        let answer = look!(store, |tx| cursor_put(tx, "a", "c", "one", "1", 1).await);
        assert!(matches!(answer, Err(Error::ReadOnly(_))), "{answer:?}");
        assert_eq!(cursor(&store, "one").await, None);
        store.close().await;
    }
}

#[tokio::test]
async fn a_read_is_one_snapshot() {
    for place in places().await {
        let store = place.open().await;
        let writer = store.clone();
        let pair = look!(store, |tx| {
            let before = cursor_get(tx, "a", "c", "one").await?;
            unit!(writer, |tx| cursor_put(tx, "a", "c", "one", "1", 1).await)?;
            Ok((before, cursor_get(tx, "a", "c", "one").await?))
        });
        assert_eq!(pair, Ok((None, None)), "{:?}", store.engine());
        assert_eq!(cursor(&store, "one").await.as_deref(), Some("1"));
        store.close().await;
    }
}

/// Crashes at the n-th commit of a site, on one side.
struct CrashAt {
    site: Site,
    after: bool,
    left: AtomicU32,
    hits: Mutex<Vec<(Site, bool)>>,
}

impl CrashAt {
    fn new(site: Site, after: bool, nth: u32) -> Arc<Self> {
        Arc::new(Self { site, after, left: AtomicU32::new(nth), hits: Mutex::default() })
    }

    fn hit(&self, site: Site, after: bool) -> bool {
        self.hits.lock().unwrap().push((site, after));
        site == self.site && after == self.after && self.left.fetch_sub(1, Ordering::SeqCst) == 1
    }
}

impl CommitHook for CrashAt {
    fn before(&self, site: Site) -> bool {
        self.hit(site, false)
    }
    fn after(&self, site: Site) -> bool {
        self.hit(site, true)
    }
}

#[tokio::test]
async fn a_crash_before_the_commit_loses_the_unit_and_after_it_only_the_answer() {
    for place in places().await {
        for after in [false, true] {
            let hook = CrashAt::new(Site::Fold, after, 2);
            let store = Store::open(Options { hook: Some(hook.clone()), ..place.options() }).await.unwrap();
            let (first, second) = if after { ("a1", "a2") } else { ("b1", "b2") };
            for (name, expected) in [(first, Ok(())), (second, Err(Error::Crash(Site::Fold)))] {
                let answer = store
                    .write(Site::Fold, move |tx| Box::pin(async move { cursor_put(tx, "a", "c", name, "1", 1).await }))
                    .await;
                assert_eq!(answer, expected);
            }
            assert_eq!(cursor(&store, first).await.as_deref(), Some("1"));
            assert_eq!(cursor(&store, second).await.is_some(), after, "{:?}", store.engine());
            // A unit that fails by itself is at no commit.
            let hits = hook.hits.lock().unwrap().len();
            let failed: Result<(), Error> = unit!(store, |_tx| Err(Error::Conflict));
            assert_eq!(failed, Err(Error::Conflict));
            assert_eq!(hook.hits.lock().unwrap().len(), hits);
            store.close().await;
        }
    }
}

#[tokio::test]
async fn a_crash_at_an_intake_concerns_its_batch_only() {
    for place in places().await {
        for after in [false, true] {
            let hook = CrashAt::new(Site::Intake, after, 1);
            let store = Store::open(Options { hook: Some(hook), ..place.options() }).await.unwrap();
            let (one, two) = if after { ("s1", "s2") } else { ("s3", "s4") };
            assert_eq!(store.intake(seeds::signal("a", one, one)).await, Err(Error::Crash(Site::Intake)));
            let seen = look!(store, |tx| signal_get(tx, "a", one).await).unwrap();
            assert_eq!(seen.is_some(), after, "{:?}", store.engine());
            // The provider sends again: stored once, and told apart.
            let again = store.intake(seeds::signal("a", two, one)).await.unwrap();
            assert_eq!(again.duplicate_of.as_deref(), after.then_some(one));
            store.close().await;
        }
    }
}

#[tokio::test]
async fn one_bad_intake_does_not_fail_its_batch() {
    for place in places().await {
        let store = place.open().await;
        store.intake(seeds::signal("a", "s0", "k0")).await.unwrap();
        let mut waiting = Vec::new();
        for n in 0..20 {
            let store = store.clone();
            // Number 7 takes an id that exists; number 9 holds what PostgreSQL cannot store.
            let mut row = seeds::signal("a", &format!("s{}", if n == 7 { 0 } else { n + 1 }), &format!("k{}", n + 1));
            if n == 9 {
                row.document.body.push('\0');
            }
            waiting.push(tokio::spawn(async move { store.intake(row).await }));
        }
        for (n, answer) in waiting.into_iter().enumerate() {
            let answer = answer.await.unwrap();
            match n {
                7 => assert_eq!(answer, Err(Error::Conflict)),
                9 => assert!(matches!(answer, Err(Error::Bug(_))), "{answer:?}"),
                _ => assert_eq!(answer.unwrap().duplicate_of, None),
            }
        }
        let listed = look!(store, |tx| signals_list(tx, "a", None, 100, &Before::end()).await).unwrap();
        assert_eq!(listed.len(), 19, "{:?}", store.engine());
        store.close().await;
    }
}

#[tokio::test]
async fn a_closed_store_says_so_and_another_can_open_what_it_left() {
    for place in places().await {
        let store = place.open().await;
        let clone = store.clone();
        unit!(store, |tx| cursor_put(tx, "a", "c", "one", "1", 1).await).unwrap();
        store.close().await;
        let late = unit!(clone, |tx| cursor_put(tx, "a", "c", "two", "2", 1).await);
        assert!(matches!(late, Err(Error::Unavailable(_))), "{late:?}");
        assert!(matches!(clone.intake(seeds::signal("a", "s", "k")).await, Err(Error::Unavailable(_))));
        assert!(matches!(clone.ping().await, Err(Error::Unavailable(_))));
        let store = place.open().await;
        assert_eq!(cursor(&store, "one").await.as_deref(), Some("1"));
        store.close().await;
    }
}

#[tokio::test]
async fn a_database_in_memory_reads_what_it_wrote() {
    let store = Store::open(Options::new("sqlite://:memory:")).await.unwrap();
    unit!(store, |tx| cursor_put(tx, "a", "c", "one", "1", 1).await).unwrap();
    assert_eq!(cursor(&store, "one").await.as_deref(), Some("1"));
    store.ping().await.unwrap();
}
