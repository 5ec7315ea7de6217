//! Calls and the keys by which later signals find them.

use crate::tx::{Tx, decodes, exec_if, row, rows, statements};
use crate::{Before, Error};

/// One phone call.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct CallRow {
    /// Account.
    pub account: String,
    /// Id, unique in the account.
    pub id: String,
    /// The call's state, JSON.
    pub snapshot: String,
    /// Counts changes; see the module's conventions.
    pub version: i64,
    /// Location that was called.
    pub location: Option<String>,
    /// Key of the caller.
    pub person_key: Option<String>,
    /// How it ended.
    pub category: Option<String>,
    /// Whether it came outside of opening hours.
    pub after_hours: bool,
    /// Start, microseconds UTC.
    pub started_at: i64,
    /// The inquiry it belongs to.
    pub inquiry: Option<String>,
    /// Creation of the row.
    pub created_at: i64,
    /// Last change of the row.
    pub updated_at: i64,
}
decodes!(CallRow {
    account,
    id,
    snapshot,
    version,
    location,
    person_key,
    category,
    after_hours,
    started_at,
    inquiry,
    created_at,
    updated_at
});

macro_rules! columns {
    () => {
        "account, id, snapshot, version, location, person_key, category, after_hours, started_at, inquiry, created_at, updated_at"
    };
}

statements! {
    CALL_GET = concat!("SELECT ", columns!(), " FROM calls WHERE account = $1 AND id = $2");
    CALL_BY_KEY = "SELECT c.account, c.id, c.snapshot, c.version, c.location, c.person_key, c.category, c.after_hours, c.started_at, \
        c.inquiry, c.created_at, c.updated_at FROM call_keys k JOIN calls c ON c.account = k.account AND c.id = k.call_id \
        WHERE k.account = $1 AND k.connection = $2 AND k.call_key = $3";
    CALL_INSERT_ONCE = concat!("INSERT INTO calls (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
        ON CONFLICT (account, id) DO NOTHING");
    CALL_UPDATE_IF = "UPDATE calls SET snapshot = $4, version = version + 1, location = $5, person_key = $6, category = $7, \
        after_hours = $8, started_at = $9, inquiry = $10, updated_at = $11 WHERE account = $1 AND id = $2 AND version = $3";
    CALL_KEY_INSERT_ONCE = "INSERT INTO call_keys (account, connection, call_key, call_id) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (account, connection, call_key) DO NOTHING";
    CALLS_NEAR = concat!("SELECT ", columns!(), " FROM calls WHERE account = $1 AND person_key = $2 AND started_at >= $3 \
        AND started_at <= $4 ORDER BY started_at, id");
    // Sorted by a sum, here and in the other tables: by the bare column SQLite would walk through the account's index in that order to
    // save itself the sorting of a handful.
    CALLS_OF_PERSON = concat!("SELECT ", columns!(), " FROM calls WHERE account = $1 AND person_key = $2 ORDER BY started_at + 0, id");
    CALLS_OF_INQUIRY = concat!("SELECT ", columns!(), " FROM calls WHERE account = $1 AND inquiry = $2 ORDER BY started_at + 0, id");
    CALLS_LIST = concat!("SELECT ", columns!(), " FROM calls WHERE account = $1 AND (started_at, id) < ($2, $3) \
        ORDER BY started_at DESC, id DESC LIMIT $4");
}

/// One call.
pub async fn call_get(tx: &mut Tx, account: &str, id: &str) -> Result<Option<CallRow>, Error> {
    row!(tx, CallRow, CALL_GET, account, id)
}

/// The call that a provider's own id belongs to.
pub async fn call_by_key(
    tx: &mut Tx,
    account: &str,
    connection: &str,
    call_key: &str,
) -> Result<Option<CallRow>, Error> {
    row!(tx, CallRow, CALL_BY_KEY, account, connection, call_key)
}

/// Stores a new call with the version it has; `false` when the id exists.
pub async fn call_insert(tx: &mut Tx, row: &CallRow) -> Result<bool, Error> {
    exec_if!(
        tx,
        CALL_INSERT_ONCE,
        &row.account,
        &row.id,
        &row.snapshot,
        row.version,
        &row.location,
        &row.person_key,
        &row.category,
        row.after_hours,
        row.started_at,
        &row.inquiry,
        row.created_at,
        row.updated_at
    )
}

/// Replaces a call that still has `row.version`, which becomes one more; `false` when another unit changed it.
pub async fn call_update_if(tx: &mut Tx, row: &CallRow) -> Result<bool, Error> {
    exec_if!(
        tx,
        CALL_UPDATE_IF,
        &row.account,
        &row.id,
        row.version,
        &row.snapshot,
        &row.location,
        &row.person_key,
        &row.category,
        row.after_hours,
        row.started_at,
        &row.inquiry,
        row.updated_at
    )
}

/// Gives a provider's own id to a call; `false` when it belongs to one already (look it up with [`call_by_key`]).
pub async fn call_key_insert_once(
    tx: &mut Tx,
    account: &str,
    connection: &str,
    call_key: &str,
    call_id: &str,
) -> Result<bool, Error> {
    exec_if!(tx, CALL_KEY_INSERT_ONCE, account, connection, call_key, call_id)
}

/// Calls of one caller that began between two instants, both included, oldest first.
pub async fn calls_near(
    tx: &mut Tx,
    account: &str,
    person_key: &str,
    from: i64,
    to: i64,
) -> Result<Vec<CallRow>, Error> {
    rows!(tx, CallRow, CALLS_NEAR, account, person_key, from, to)
}

/// The calls of an inquiry, oldest first.
pub async fn calls_of_inquiry(tx: &mut Tx, account: &str, inquiry: &str) -> Result<Vec<CallRow>, Error> {
    rows!(tx, CallRow, CALLS_OF_INQUIRY, account, inquiry)
}

/// Calls by start, newest first.
pub async fn calls_list(tx: &mut Tx, account: &str, limit: u32, before: &Before) -> Result<Vec<CallRow>, Error> {
    rows!(tx, CallRow, CALLS_LIST, account, before.at, &before.id, i64::from(limit))
}

/// Every call of a caller, oldest first.
pub async fn calls_of_person(tx: &mut Tx, account: &str, person_key: &str) -> Result<Vec<CallRow>, Error> {
    rows!(tx, CallRow, CALLS_OF_PERSON, account, person_key)
}
