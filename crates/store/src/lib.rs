//! Every SQL statement of Ringback: one text for SQLite and PostgreSQL.
//!
//! Start at [`Store`]: it opens and migrates the database and runs *units of work*. A unit is a closure over `&mut Tx` that
//! calls the functions of this crate, each named noun first, with its guard in its name, and with the account as its first
//! argument. What a row means is the engine's business: here are strings, integers and booleans only.
//!
//! Invariants:
//! - A unit is whole or it is nothing. After a failed statement every further statement of that unit is refused, on both
//!   engines, and the unit is rolled back even if its closure says `Ok`.
//! - A guard is a constraint or a conditional `UPDATE` whose affected rows are counted, never a read followed by a write:
//!   SQLite is serial here, but PostgreSQL runs at READ COMMITTED.
//! - Nothing is answered `Ok` before `COMMIT` has returned, and on SQLite `COMMIT` has synced: `PRAGMA synchronous` is read back.
//! - Text built at run time (row lists of varying length) comes from `dialect.rs` and holds constants and numbers only.

mod dialect;
mod error;
mod intake;
mod migrate;
mod readers;
mod sqlite;
mod store;
mod tables;
mod trouble;
mod tx;
mod writer;

pub use error::Error;
pub use intake::{SignalIn, SignalStored, signal_first_of};
pub use migrate::KNOWN_SCHEMA;
pub use sqlite::{CHECKPOINT_PAGES, WRITER_CACHE_KIB};
pub use store::{CommitHook, Counts, Durability, Engine, Options, STATEMENTS_MAX, Site, Store, Synced};
pub use tables::*;
pub use tx::Tx;

/// A boxed future that may borrow the transaction it was given.
pub type BoxFuture<'a, T> = futures_util::future::BoxFuture<'a, T>;

/// Where a page of a newest-first list ended: the next page holds rows older than this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    /// Instant of the last row seen, microseconds UTC.
    pub at: i64,
    /// Id of the last row seen; settles rows of the same instant.
    pub id: String,
}

impl Before {
    /// The first page: before everything.
    pub fn end() -> Self {
        Self { at: i64::MAX, id: String::new() }
    }
}

impl Default for Before {
    fn default() -> Self {
        Self::end()
    }
}

/// Where a page of an oldest-first list ended: the next page holds rows newer than this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    /// Instant of the last row seen, microseconds UTC.
    pub at: i64,
    /// Id of the last row seen; settles rows of the same instant.
    pub id: String,
}

impl After {
    /// The first page: after nothing.
    pub fn start() -> Self {
        Self { at: i64::MIN, id: String::new() }
    }
}

/// Every statement that `engine` runs, by name, for the test that prepares each of them.
#[doc(hidden)]
pub fn statements(engine: Engine) -> Vec<(&'static str, String)> {
    let mut all: Vec<(&'static str, String)> =
        tables::statements().iter().map(|sql| (sql.name, sql.text.to_owned())).collect();
    if engine == Engine::Postgres {
        all.push((
            tables::signals::SIGNALS_DUE_SKIP_LOCKED.name,
            tables::signals::SIGNALS_DUE_SKIP_LOCKED.text.to_owned(),
        ));
    }
    all.extend(dialect::samples());
    all
}
