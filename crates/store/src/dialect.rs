//! The few places where the two engines differ, and the only place that builds SQL text at run time.
//!
//! What is built here holds constants and numbers only: row lists `($1, $2), ($3, $4)` and `IN` lists of placeholders.

use sqlx::AssertSqlSafe;

use crate::Error;
use crate::tx::{Arm, Conn, Tx};

/// Most placeholders put into one statement. SQLite allows 32,766, PostgreSQL 65,535.
const BINDS_MAX: usize = 16_000;

/// `INSERT` of many rows: `head` up to `VALUES`, then the row list, then `tail` (an `ON CONFLICT` clause).
#[derive(Copy, Clone, Debug)]
pub(crate) struct ManyRows {
    pub(crate) name: &'static str,
    pub(crate) head: &'static str,
    pub(crate) columns: usize,
    pub(crate) tail: &'static str,
}

impl ManyRows {
    /// The text for `rows` rows.
    pub(crate) fn text(&self, rows: usize) -> String {
        let mut text = String::with_capacity(self.head.len() + self.tail.len() + rows * self.columns * 5);
        text.push_str(self.head);
        text.push_str(" VALUES ");
        for row in 0..rows {
            text.push_str(if row == 0 { "(" } else { ", (" });
            push_placeholders(&mut text, row * self.columns + 1, self.columns);
            text.push(')');
        }
        text.push(' ');
        text.push_str(self.tail);
        text
    }

    /// How many of `left` rows to put into the next statement: a power of two, so that few texts exist and each stays prepared.
    pub(crate) fn take(&self, left: usize) -> usize {
        let most = (BINDS_MAX / self.columns.max(1)).min(left);
        if most == 0 { 0 } else { 1 << most.ilog2() }
    }
}

/// A query with an `IN` list: `head`, `first` fixed parameters, the list, `tail`.
#[derive(Copy, Clone, Debug)]
pub(crate) struct InList {
    pub(crate) name: &'static str,
    pub(crate) head: &'static str,
    /// Parameters before the list.
    pub(crate) first: usize,
    pub(crate) tail: &'static str,
}

impl InList {
    /// The text for a list of `items`; an empty list matches nothing.
    pub(crate) fn text(&self, items: usize) -> String {
        let mut text = String::from(self.head);
        text.push_str(" (");
        if items == 0 {
            text.push_str("NULL");
        }
        push_placeholders(&mut text, self.first + 1, items);
        text.push_str(") ");
        text.push_str(self.tail);
        text
    }
}

fn push_placeholders(text: &mut String, from: usize, count: usize) {
    for n in from..from + count {
        text.push_str(if n == from { "$" } else { ", $" });
        text.push_str(&n.to_string());
    }
}

/// Inserts `rows` in statements of power-of-two size; gives the rows touched. `$bind` puts one row's values onto the query.
macro_rules! exec_many {
    ($tx:expr, $many:expr, $rows:expr, |$query:ident, $row:ident| $bind:expr) => {{
        let many: crate::dialect::ManyRows = $many;
        let mut left = $rows;
        let mut touched = 0;
        loop {
            let (now, later) = left.split_at(many.take(left.len()));
            if now.is_empty() {
                break;
            }
            left = later;
            $tx.usable()?;
            let text = many.text(now.len());
            let result = match $tx.arm() {
                crate::tx::Arm::Sqlite(conn) => {
                    let mut $query = crate::sqlite::Binds::default();
                    for $row in now {
                        $query = $bind;
                    }
                    conn.execute(&text, &$query).map_err(|error| crate::Error::from_rusqlite(&error, many.name))
                }
                crate::tx::Arm::Postgres(conn) => {
                    let mut $query = sqlx::query(crate::dialect::asserted(text));
                    for $row in now {
                        $query = $bind;
                    }
                    let done = $query.execute(conn).await.map(|done| done.rows_affected());
                    done.map_err(|error| crate::Error::from_sqlx(&error, many.name))
                }
            };
            touched += $tx.done(result)?;
        }
        touched
    }};
}

/// Like [`exec_many`], and collects the ids that `RETURNING` gives.
macro_rules! ids_of_many {
    ($tx:expr, $many:expr, $rows:expr, |$query:ident, $row:ident| $bind:expr) => {{
        let many: crate::dialect::ManyRows = $many;
        let mut left = $rows;
        let mut ids: Vec<(String, String)> = Vec::with_capacity(left.len());
        loop {
            let (now, later) = left.split_at(many.take(left.len()));
            if now.is_empty() {
                break;
            }
            left = later;
            $tx.usable()?;
            let text = many.text(now.len());
            let result = match $tx.arm() {
                crate::tx::Arm::Sqlite(conn) => {
                    let mut $query = crate::sqlite::Binds::default();
                    for $row in now {
                        $query = $bind;
                    }
                    conn.all::<(String, String)>(&text, &$query)
                        .map_err(|error| crate::Error::from_rusqlite(&error, many.name))
                }
                crate::tx::Arm::Postgres(conn) => {
                    let mut $query = sqlx::query_as::<_, (String, String)>(crate::dialect::asserted(text));
                    for $row in now {
                        $query = $bind;
                    }
                    $query.fetch_all(conn).await.map_err(|error| crate::Error::from_sqlx(&error, many.name))
                }
            };
            ids.extend($tx.done(result)?);
        }
        ids
    }};
}

/// All rows of a query with an `IN` list: fixed binds, the list, then the binds after it.
macro_rules! rows_in {
    ($tx:expr, $type:ty, $in:expr, [$($bind:expr),*], $items:expr, [$($after:expr),*]) => {{
        let list: crate::dialect::InList = $in;
        $tx.usable()?;
        let text = list.text($items.len());
        let result = match $tx.arm() {
            crate::tx::Arm::Sqlite(conn) => {
                let mut query = crate::sqlite::Binds::default()$(.bind($bind))*;
                for item in $items {
                    query = query.bind(item);
                }
                let query = query$(.bind($after))*;
                conn.all::<$type>(&text, &query).map_err(|error| crate::Error::from_rusqlite(&error, list.name))
            }
            crate::tx::Arm::Postgres(conn) => {
                let mut query = sqlx::query_as::<_, $type>(crate::dialect::asserted(text))$(.bind($bind))*;
                for item in $items {
                    query = query.bind(item);
                }
                let rows = query$(.bind($after))*.fetch_all(conn).await;
                rows.map_err(|error| crate::Error::from_sqlx(&error, list.name))
            }
        };
        $tx.done(result)
    }};
}

pub(crate) use {exec_many, ids_of_many, rows_in};

/// Vouches for text built in this file.
pub(crate) fn asserted(text: String) -> AssertSqlSafe<String> {
    AssertSqlSafe(text)
}

/// Settings of each PostgreSQL session. A bound on every wait; commits wait for the disk unless a simulation says otherwise.
pub(crate) fn postgres_session(sync: bool) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "SET synchronous_commit = {}; SET lock_timeout = '10s'; SET statement_timeout = '30s'; \
         SET idle_in_transaction_session_timeout = '60s'; SET client_min_messages = 'warning'",
        if sync { "on" } else { "off" }
    ))
}

/// The bound on the pages of an SQLite file.
pub(crate) fn sqlite_pages_max(pages: u32) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"))
}

/// The lock that lets one process migrate at a time: an advisory lock on PostgreSQL (until the transaction ends), on SQLite the
/// write lock that `BEGIN IMMEDIATE` already took.
pub(crate) async fn migration_lock(tx: &mut Tx) -> Result<(), Error> {
    match tx.arm() {
        Arm::Sqlite(_) => Ok(()),
        // The number is arbitrary and only has to stay the same: "ringback" in a phone's letters.
        Arm::Postgres(_) => tx.raw("SELECT pg_advisory_xact_lock(74642225)", "migration lock").await,
    }
}

/// Whether the table that records migrations exists.
pub(crate) fn has_schema_table(tx: &Tx) -> &'static str {
    match tx.conn() {
        Conn::Writer(_) | Conn::Reader(_) => {
            "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'"
        }
        Conn::Postgres(_) => "SELECT COUNT(*) FROM pg_catalog.pg_class WHERE oid = to_regclass('schema_version')",
    }
}

/// The engine's own clock in microseconds, for the one instant that no caller gives: when a migration was applied.
pub(crate) fn now_micros(tx: &Tx) -> &'static str {
    match tx.conn() {
        Conn::Writer(_) | Conn::Reader(_) => "SELECT CAST(strftime('%s', 'now') AS BIGINT) * 1000000",
        Conn::Postgres(_) => "SELECT CAST(EXTRACT(EPOCH FROM now()) * 1000000 AS BIGINT)",
    }
}

/// Whether rows can be locked one by one. SQLite has one writer and needs no such thing.
pub(crate) fn has_row_locks(tx: &Tx) -> bool {
    matches!(tx.conn(), Conn::Postgres(_))
}

/// One sample of each built text, for the test that prepares everything.
pub(crate) fn samples() -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    for many in crate::tables::many_rows() {
        all.push((many.name, many.text(1)));
        all.push((many.name, many.text(4)));
    }
    for list in crate::tables::in_lists() {
        all.push((list.name, list.text(0)));
        all.push((list.name, list.text(3)));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: ManyRows =
        ManyRows { name: "m", head: "INSERT INTO t (a, b)", columns: 2, tail: "ON CONFLICT DO NOTHING" };

    #[test]
    fn row_lists_number_their_placeholders_on() {
        assert_eq!(MANY.text(2), "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4) ON CONFLICT DO NOTHING");
    }

    #[test]
    fn rows_are_taken_in_powers_of_two_and_within_the_bound() {
        let mut left = 13;
        let mut sizes = Vec::new();
        while left > 0 {
            sizes.push(MANY.take(left));
            left -= MANY.take(left);
        }
        assert_eq!(sizes, [8, 4, 1]);
        assert_eq!(MANY.take(0), 0);
        assert!(MANY.take(1_000_000) * MANY.columns <= BINDS_MAX);
    }

    #[test]
    fn an_empty_list_matches_nothing_and_is_still_a_list() {
        let list = InList { name: "l", head: "SELECT a FROM t WHERE k = $1 AND a IN", first: 1, tail: "ORDER BY a" };
        assert_eq!(list.text(0), "SELECT a FROM t WHERE k = $1 AND a IN (NULL) ORDER BY a");
        assert_eq!(list.text(2), "SELECT a FROM t WHERE k = $1 AND a IN ($2, $3) ORDER BY a");
    }
}
