//! Signals: what arrived. Stored by [`crate::Store::intake`]; here is what happens to them later.

use crate::tx::{Sql, Tx, decodes, exec_if, exec_one, row, rows, statements};
use crate::{Before, Error, dialect};

/// One thing that arrived.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SignalRow {
    /// Account.
    pub account: String,
    /// Id, unique in the account.
    pub id: String,
    /// Connection it came through.
    pub connection: String,
    /// Event that the URL or the body names.
    pub event: String,
    /// Arrival, microseconds UTC.
    pub received_at: i64,
    /// `stored`, `folded`, `unreadable`, `quarantined` or `parked`.
    pub state: String,
    /// Same for repeated deliveries.
    pub delivery_key: String,
    /// The first of the same delivery, when this is not it.
    pub duplicate_of: Option<String>,
    /// The document with the whole request.
    pub document: String,
    /// The call it was folded into.
    pub call_id: Option<String>,
    /// Why it is in its state, for people.
    pub why: Option<String>,
    /// How often folding it failed.
    pub tries: i64,
    /// When to fold it, microseconds UTC.
    pub due_at: i64,
}
decodes!(SignalRow {
    account,
    id,
    connection,
    event,
    received_at,
    state,
    delivery_key,
    duplicate_of,
    document,
    call_id,
    why,
    tries,
    due_at
});

macro_rules! columns {
    () => {
        "account, id, connection, event, received_at, state, delivery_key, duplicate_of, document, call_id, why, tries, due_at"
    };
}

/// `state <> 'folded'` is the predicate of the index signals_open, which SQLite uses only when a query repeats it.
macro_rules! due {
    () => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM signals WHERE state = 'stored' AND state <> 'folded' AND due_at <= $1 \
            ORDER BY received_at, account, id LIMIT $2"
        )
    };
}

/// PostgreSQL only: passes over rows that another node's unit holds.
pub(crate) const SIGNALS_DUE_SKIP_LOCKED: Sql =
    Sql { name: "SIGNALS_DUE_SKIP_LOCKED", text: concat!(due!(), " FOR UPDATE SKIP LOCKED") };

statements! {
    SIGNALS_DUE = due!();
    SIGNAL_GET = concat!("SELECT ", columns!(), " FROM signals WHERE account = $1 AND id = $2");
    SIGNAL_SETTLE_IF = "UPDATE signals SET state = $4, call_id = COALESCE($5, call_id), why = $6 WHERE account = $1 AND id = $2 AND state = $3";
    SIGNAL_RETRY = "UPDATE signals SET tries = $3, due_at = $4, why = $5 WHERE account = $1 AND id = $2 AND state = 'stored'";
    SIGNAL_ACCEPT_IF_QUARANTINED = "UPDATE signals SET due_at = $3, why = NULL, \
        duplicate_of = (SELECT f.id FROM signals f WHERE f.account = signals.account AND f.connection = signals.connection \
            AND f.event = signals.event AND f.delivery_key = signals.delivery_key AND f.duplicate_of IS NULL AND f.state <> 'quarantined'), \
        state = CASE WHEN EXISTS (SELECT 1 FROM signals f WHERE f.account = signals.account AND f.connection = signals.connection \
            AND f.event = signals.event AND f.delivery_key = signals.delivery_key AND f.duplicate_of IS NULL AND f.state <> 'quarantined') \
            THEN 'folded' ELSE 'stored' END \
        WHERE account = $1 AND id = $2 AND state = 'quarantined'";
    SIGNALS_REPEATING = concat!("SELECT ", columns!(), " FROM signals WHERE account = $1 AND duplicate_of = $2 ORDER BY received_at + 0, id");
    SIGNALS_OF_CALL = concat!("SELECT ", columns!(), " FROM signals WHERE account = $1 AND call_id = $2 ORDER BY received_at + 0, id");
    SIGNALS_LIST = concat!("SELECT ", columns!(), " FROM signals WHERE account = $1 AND (CAST($2 AS TEXT) IS NULL OR state = $2) \
        AND (received_at, id) < ($3, $4) ORDER BY received_at DESC, id DESC LIMIT $5");
    SIGNALS_QUARANTINED = concat!("SELECT ", columns!(), " FROM signals WHERE state = 'quarantined' AND state <> 'folded' AND account = $1 \
        AND (received_at, id) < ($2, $3) ORDER BY received_at DESC, id DESC LIMIT $4");
    SIGNALS_COUNT_BY_STATE = "SELECT state, COUNT(*) AS n FROM signals WHERE account = $1 GROUP BY state ORDER BY state";
    SIGNALS_OLDEST_STORED = "SELECT MIN(received_at) FROM signals WHERE state = 'stored' AND state <> 'folded'";
}

/// Up to `limit` signals of all accounts that are to be folded now, in order of arrival. A look, not a claim: whoever folds one
/// settles it with [`signal_settle_if`] and gives way when that says `false`.
pub async fn signals_due(tx: &mut Tx, now: i64, limit: u32) -> Result<Vec<SignalRow>, Error> {
    rows!(tx, SignalRow, SIGNALS_DUE, now, i64::from(limit))
}

/// Like [`signals_due`], but only inside [`crate::Store::write`]: on PostgreSQL rows that another node's unit holds are passed
/// over, and these stay locked until this unit ends. On SQLite there is one writer and nothing to lock.
pub async fn signals_due_locked(tx: &mut Tx, now: i64, limit: u32) -> Result<Vec<SignalRow>, Error> {
    let sql = if dialect::has_row_locks(tx) { SIGNALS_DUE_SKIP_LOCKED } else { SIGNALS_DUE };
    rows!(tx, SignalRow, sql, now, i64::from(limit))
}

/// One signal.
pub async fn signal_get(tx: &mut Tx, account: &str, id: &str) -> Result<Option<SignalRow>, Error> {
    row!(tx, SignalRow, SIGNAL_GET, account, id)
}

/// Moves a signal from one state to another; `false` when it is not (or no longer) in `from_state`. A `call_id` of `None` keeps
/// the one it has.
pub async fn signal_settle_if(
    tx: &mut Tx,
    account: &str,
    id: &str,
    from_state: &str,
    to_state: &str,
    call_id: Option<&str>,
    why: Option<&str>,
) -> Result<bool, Error> {
    exec_if!(tx, SIGNAL_SETTLE_IF, account, id, from_state, to_state, call_id, why)
}

/// Puts off a stored signal whose folding failed.
pub async fn signal_retry(
    tx: &mut Tx,
    account: &str,
    id: &str,
    tries: i64,
    due_at: i64,
    why: &str,
) -> Result<(), Error> {
    exec_one!(tx, SIGNAL_RETRY, account, id, tries, due_at, why)
}

/// Accepts a quarantined signal: it becomes `stored`, due at `due_at`, or, when its delivery has arrived since with a good
/// signature, a folded duplicate of that. `false` when it is not in quarantine. [`Error::Conflict`] when both happen at once.
pub async fn signal_accept_if_quarantined(tx: &mut Tx, account: &str, id: &str, due_at: i64) -> Result<bool, Error> {
    exec_if!(tx, SIGNAL_ACCEPT_IF_QUARANTINED, account, id, due_at)
}

/// All signals folded into a call, in order of arrival.
pub async fn signals_of_call(tx: &mut Tx, account: &str, call_id: &str) -> Result<Vec<SignalRow>, Error> {
    rows!(tx, SignalRow, SIGNALS_OF_CALL, account, call_id)
}

/// Signals, newest first, of one state or of all.
pub async fn signals_list(
    tx: &mut Tx,
    account: &str,
    state: Option<&str>,
    limit: u32,
    before: &Before,
) -> Result<Vec<SignalRow>, Error> {
    rows!(tx, SignalRow, SIGNALS_LIST, account, state, before.at, &before.id, i64::from(limit))
}

/// Signals with a bad signature, newest first.
pub async fn signals_quarantined(
    tx: &mut Tx,
    account: &str,
    limit: u32,
    before: &Before,
) -> Result<Vec<SignalRow>, Error> {
    rows!(tx, SignalRow, SIGNALS_QUARANTINED, account, before.at, &before.id, i64::from(limit))
}

/// How many signals are in each state that occurs.
pub async fn signals_count_by_state(tx: &mut Tx, account: &str) -> Result<Vec<(String, i64)>, Error> {
    rows!(tx, (String, i64), SIGNALS_COUNT_BY_STATE, account)
}

/// Arrival of the oldest signal of any account that is not folded yet: the lag of the whole house.
pub async fn signals_oldest_stored(tx: &mut Tx) -> Result<Option<i64>, Error> {
    crate::tx::value!(tx, Option<i64>, SIGNALS_OLDEST_STORED)
}

/// The provider's repeats of a signal. There is no index: for the erasure of a person only.
pub async fn signals_repeating(tx: &mut Tx, account: &str, id: &str) -> Result<Vec<SignalRow>, Error> {
    rows!(tx, SignalRow, SIGNALS_REPEATING, account, id)
}
