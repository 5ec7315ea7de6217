//! The roster: locations, hours, holidays, staff, numbers → locations, as versioned rows.

use crate::Error;
use crate::tx::{Tx, decodes, exec, exec_one, rows, statements, value};

/// One version of one thing in the roster.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct RosterRow {
    /// Account.
    pub account: String,
    /// Kind word: location, calendar, staff, number.
    pub kind: String,
    /// Id, unique in the kind.
    pub id: String,
    /// Counts up from 1.
    pub version: i64,
    /// JSON.
    pub body: String,
    /// Valid from, microseconds UTC.
    pub valid_from: i64,
    /// Valid until, exclusive; absent while it is the current version.
    pub valid_to: Option<i64>,
}
decodes!(RosterRow { account, kind, id, version, body, valid_from, valid_to });

macro_rules! columns {
    () => {
        "account, kind, id, version, body, valid_from, valid_to"
    };
}

statements! {
    ROSTER_CLOSE = "UPDATE roster SET valid_to = $4 WHERE account = $1 AND kind = $2 AND id = $3 AND valid_to IS NULL";
    ROSTER_PUT = "INSERT INTO roster (account, kind, id, version, body, valid_from, valid_to) \
        SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), COALESCE(MAX(version), 0) + 1, CAST($4 AS TEXT), CAST($5 AS BIGINT), \
        CAST(NULL AS BIGINT) FROM roster WHERE account = $1 AND kind = $2 AND id = $3 RETURNING version";
    ROSTER_CURRENT = concat!("SELECT ", columns!(), " FROM roster WHERE account = $1 AND valid_to IS NULL ORDER BY kind, id");
    ROSTER_KIND_NOW = concat!("SELECT ", columns!(), " FROM roster WHERE account = $1 AND kind = $2 AND (valid_to IS NULL OR valid_to > $3) \
        ORDER BY id, version");
    ROSTER_CLOSE_IF = "UPDATE roster SET valid_to = $4 WHERE account = $1 AND kind = $2 AND id = $3 AND valid_to IS NULL";
    ROSTER_AT = concat!("SELECT ", columns!(), " FROM roster WHERE account = $1 AND valid_from <= $2 \
        AND (valid_to IS NULL OR valid_to > $2) ORDER BY kind, id");
}

/// Adds the next version, valid from `at`, and ends the one before; gives its number. [`Error::Conflict`] when two do so at once.
pub async fn roster_put(tx: &mut Tx, account: &str, kind: &str, id: &str, body: &str, at: i64) -> Result<i64, Error> {
    let closed = exec!(tx, ROSTER_CLOSE, account, kind, id, at)?;
    tx.touched_if(closed, ROSTER_CLOSE.name)?;
    value!(tx, i64, ROSTER_PUT, account, kind, id, body, at)
}

/// Ends a thing without a successor.
pub async fn roster_end(tx: &mut Tx, account: &str, kind: &str, id: &str, at: i64) -> Result<(), Error> {
    exec_one!(tx, ROSTER_CLOSE, account, kind, id, at)
}

/// Everything valid now.
pub async fn roster_current(tx: &mut Tx, account: &str) -> Result<Vec<RosterRow>, Error> {
    rows!(tx, RosterRow, ROSTER_CURRENT, account)
}

/// Everything as it was valid at an instant.
pub async fn roster_at(tx: &mut Tx, account: &str, at: i64) -> Result<Vec<RosterRow>, Error> {
    rows!(tx, RosterRow, ROSTER_AT, account, at)
}

/// Everything of a kind that is valid now or will be: also what ends or begins only later.
pub async fn roster_kind_from(tx: &mut Tx, account: &str, kind: &str, at: i64) -> Result<Vec<RosterRow>, Error> {
    rows!(tx, RosterRow, ROSTER_KIND_NOW, account, kind, at)
}

/// Ends a thing without a successor, at that instant; `false` when there is none without an end.
pub async fn roster_end_if(tx: &mut Tx, account: &str, kind: &str, id: &str, at: i64) -> Result<bool, Error> {
    crate::tx::exec_if!(tx, ROSTER_CLOSE_IF, account, kind, id, at)
}
