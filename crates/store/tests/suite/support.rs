//! One database per test, on SQLite (a file) or on the PostgreSQL server that `RINGBACK_TEST_POSTGRES` names.

use std::sync::atomic::{AtomicU32, Ordering};

use ringback_store::{Engine, Options, Store};
use sqlx::{Connection as _, Executor as _};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A place for one store; removed when dropped (SQLite) or left in the test server (PostgreSQL, a schema of its own).
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) engine: Engine,
    /// Keeps the file's directory.
    pub(crate) dir: Option<tempfile::TempDir>,
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", dir.path().join("ringback.db").display());
        Place { url, engine: Engine::Sqlite, dir: Some(dir) }
    }

    /// `None`, loudly, when no server is given.
    #[expect(clippy::print_stderr, reason = "a half that was not run has to be seen")]
    pub(crate) async fn postgres() -> Option<Self> {
        let Ok(server) = std::env::var("RINGBACK_TEST_POSTGRES") else {
            eprintln!("SKIPPED (loudly): the PostgreSQL half of this test, because RINGBACK_TEST_POSTGRES is not set");
            return None;
        };
        let schema = format!("store_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut conn = sqlx::PgConnection::connect(&server).await.unwrap();
        let create = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
        conn.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(create))).await.unwrap();
        conn.close().await.unwrap();
        let joint = if server.contains('?') { '&' } else { '?' };
        Some(Place {
            url: format!("{server}{joint}options=-csearch_path%3D{schema}"),
            engine: Engine::Postgres,
            dir: None,
        })
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(self.options()).await.unwrap()
    }

    pub(crate) fn options(&self) -> Options {
        Options { readers_max: 12, ..Options::new(&self.url) }
    }

    /// The file as another program sees it.
    pub(crate) fn outside(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.dir.as_ref().unwrap().path().join("ringback.db")
    }
}

/// Both engines, or SQLite alone when there is no server.
pub(crate) async fn places() -> Vec<Place> {
    let mut places = vec![Place::sqlite()];
    places.extend(Place::postgres().await);
    places
}

/// Runs a body as one unit of work on a store.
#[macro_export]
macro_rules! unit {
    ($store:expr, |$tx:ident| $body:expr) => {
        $store.write(ringback_store::Site::Other, move |$tx| Box::pin(async move { $body })).await
    };
}

/// Reads.
#[macro_export]
macro_rules! look {
    ($store:expr, |$tx:ident| $body:expr) => {
        $store.read(move |$tx| Box::pin(async move { $body })).await
    };
}
