//! Opening, the disk, and trouble with either: nothing is acknowledged that is not stored, and the store recovers by itself.

use ringback_store::*;
use sqlx::{Connection as _, Executor as _};

use crate::support::{Place, places};
use crate::{look, seeds, unit};

async fn put(store: &Store, name: &'static str) -> Result<(), Error> {
    unit!(store, |tx| cursor_put(tx, "a", "c", name, "1", 1).await)
}

#[tokio::test]
async fn opening_twice_migrates_once() {
    for place in places().await {
        let (one, two) = (place.open().await, place.open().await);
        put(&one, "one").await.unwrap();
        two.ping().await.unwrap();
        one.close().await;
        two.close().await;
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    for place in places().await {
        place.open().await.close().await;
        let newer =
            format!("INSERT INTO schema_version (version, checksum, applied_at) VALUES ({}, 'x', 1)", KNOWN_SCHEMA + 1);
        match place.engine {
            Engine::Sqlite => {
                place.outside().execute_batch(&newer).unwrap();
            }
            Engine::Postgres => {
                let mut conn = sqlx::PgConnection::connect(&place.url).await.unwrap();
                conn.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(newer))).await.unwrap();
            }
        }
        let refused = Store::open(place.options()).await.err();
        assert_eq!(refused, Some(Error::NewerSchema { found: KNOWN_SCHEMA + 1, known: KNOWN_SCHEMA }));
    }
}

#[tokio::test]
async fn commits_wait_for_the_disk_and_one_that_would_not_is_noticed() {
    for place in places().await {
        let store = place.open().await;
        let synced = store.synced().await.unwrap();
        match place.engine {
            Engine::Sqlite => assert_eq!(synced, Synced { waits_for_disk: true, settings: "synchronous=2".into() }),
            Engine::Postgres => assert!(synced.settings.contains("synchronous_commit=on"), "{synced:?}"),
        }
        store.close().await;
        let store = Store::open(Options { durability: Durability::NoSync, ..place.options() }).await.unwrap();
        let synced = store.synced().await.unwrap();
        assert!(!synced.waits_for_disk, "{synced:?}");
        store.close().await;
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_room_makes_it_work_again() {
    let place = Place::sqlite();
    let store = place.open().await;
    put(&store, "before").await.unwrap();
    store.bound_pages(Some(1)).await.unwrap();
    let mut stored = Vec::new();
    let mut full = None;
    for n in 0..200 {
        let mut row = seeds::signal("a", &format!("s{n}"), &format!("k{n}"));
        row.document.body = "x".repeat(20_000);
        match store.intake(row).await {
            Ok(answer) => stored.push(answer.id),
            Err(error) => {
                full = Some(error);
                break;
            }
        }
    }
    assert!(matches!(full, Some(Error::Full(_))), "{full:?}");
    // What was acknowledged is there; reading works; nothing half is there.
    let listed = look!(store, |tx| signals_list(tx, "a", None, 1_000, &Before::end()).await).unwrap();
    assert_eq!(listed.len(), stored.len());
    let again = unit!(store, |tx| {
        let body = "y".repeat(50_000);
        document_put_once(tx, "a", &DocumentNew { body, ..seeds::document("a") }).await
    });
    assert!(matches!(again, Err(Error::Full(_))), "{again:?}");
    assert!(matches!(store.trouble(), Some(Error::Full(_))), "{:?}", store.trouble());
    assert!(store.probe().await.is_err(), "the probe found room where there is none");
    store.bound_pages(None).await.unwrap();
    // Reading proves nothing; the probe writes, and leaves nothing behind.
    store.ping().await.unwrap();
    assert!(store.trouble().is_some());
    store.probe().await.unwrap();
    assert_eq!(store.trouble(), None);
    assert_eq!(look!(store, |tx| cursor_get(tx, "", "", "probe").await).unwrap(), None);
    store.intake(seeds::signal("a", "later", "later")).await.unwrap();
    put(&store, "after").await.unwrap();
    store.close().await;
    // And it is sound: another look from outside.
    let verdict: String = place.outside().query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
}

#[tokio::test]
async fn a_read_only_file_is_told() {
    let place = Place::sqlite();
    let store = place.open().await;
    put(&store, "one").await.unwrap();
    store.close().await;
    let store = Store::open(Options::new(format!("{}?mode=ro", place.url))).await.unwrap();
    let refused = put(&store, "two").await;
    assert!(matches!(refused, Err(Error::ReadOnly(_))), "{refused:?}");
    let refused = store.intake(seeds::signal("a", "s", "k")).await;
    assert!(matches!(refused, Err(Error::ReadOnly(_))), "{refused:?}");
    let seen = look!(store, |tx| cursor_get(tx, "a", "c", "one").await).unwrap();
    assert_eq!(seen.as_deref(), Some("1"));
    store.close().await;
}

#[tokio::test]
async fn a_file_that_is_no_database_is_told_and_left_alone() {
    let place = Place::sqlite();
    let text = "this is a letter, not a database\n".repeat(100);
    std::fs::write(place.path(), &text).unwrap();
    let refused = Store::open(place.options()).await.err();
    assert!(matches!(refused, Some(Error::Corrupt { .. })), "{refused:?}");
    assert_eq!(std::fs::read_to_string(place.path()).unwrap(), text);
}

#[tokio::test]
async fn urls_that_are_none_of_ours_are_refused() {
    for url in ["", "mysql://x", "sqlite:///tmp/x.db?cache=private"] {
        let refused = Store::open(Options::new(url)).await.err();
        assert!(matches!(refused, Some(Error::Bug(_))), "{url}: {refused:?}");
    }
    let missing = Store::open(Options::new("sqlite:///no/such/directory/x.db")).await.err();
    assert!(matches!(missing, Some(Error::Unavailable(_))), "{missing:?}");
    let refused = Store::open(Options::new("postgres://nobody:secret@127.0.0.1:1/none")).await.err();
    assert!(matches!(&refused, Some(Error::Unavailable(text)) if !text.contains("secret")), "{refused:?}");
}

/// Another process holds the write lock for longer than we wait: told as such, and over when the lock is.
#[tokio::test]
async fn a_locked_file_is_unavailable_until_it_is_free() {
    let place = Place::sqlite();
    let store = place.open().await;
    put(&store, "one").await.unwrap();
    let other = place.outside();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let locked = put(&store, "two").await;
    assert!(matches!(locked, Err(Error::Unavailable(_))), "{locked:?}");
    let seen = look!(store, |tx| cursor_get(tx, "a", "c", "one").await).unwrap();
    assert_eq!(seen.as_deref(), Some("1"), "reading goes on");
    other.execute_batch("ROLLBACK").unwrap();
    put(&store, "two").await.unwrap();
    assert_eq!(store.counts().reconnects, 1);
    store.close().await;
}

/// PostgreSQL ends every connection, in the middle of a unit and idle ones: told, nothing half stored, recovered.
#[tokio::test]
async fn a_server_that_went_away_is_unavailable_until_it_is_back() {
    let Ok(server) = std::env::var("RINGBACK_TEST_POSTGRES") else {
        eprintln!("SKIPPED (loudly): the PostgreSQL half of this test, because RINGBACK_TEST_POSTGRES is not set");
        return;
    };
    // A database of its own: every connection to it is cut.
    let name = format!("ringback_cut_{}", std::process::id());
    let mut admin = sqlx::PgConnection::connect(&server).await.unwrap();
    let create = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    admin.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(create))).await.unwrap();
    admin.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))).await.unwrap();
    let (base, _) = server.rsplit_once('/').unwrap();
    let store = Store::open(Options::new(format!("{base}/{name}"))).await.unwrap();
    put(&store, "one").await.unwrap();
    let cut = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1";
    let (database, admin_url) = (name.clone(), server.clone());
    let lost = unit!(store, |tx| {
        cursor_put(tx, "a", "c", "two", "2", 1).await?;
        let mut admin = sqlx::PgConnection::connect(&admin_url).await.unwrap();
        let ended: i64 = sqlx::query_scalar(cut).bind(&database).fetch_one(&mut admin).await.unwrap();
        assert!(ended > 0, "nothing was cut: the test is blind");
        cursor_put(tx, "a", "c", "three", "3", 1).await
    });
    assert!(matches!(lost, Err(Error::Unavailable(_))), "{lost:?}");
    assert!(matches!(store.trouble(), Some(Error::Unavailable(_))), "{:?}", store.trouble());
    put(&store, "four").await.unwrap();
    assert_eq!(store.trouble(), None);
    store.intake(seeds::signal("a", "s", "k")).await.unwrap();
    let two = look!(store, |tx| cursor_get(tx, "a", "c", "two").await).unwrap();
    assert_eq!(two, None, "a unit whose connection was cut left something behind");
    store.close().await;
}
