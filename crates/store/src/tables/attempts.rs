//! Attempts: each HTTP exchange made for an effect.

use crate::Error;
use crate::tx::{Tx, decodes, exec, exec_one, rows, statements};

/// One exchange.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct AttemptRow {
    /// Account.
    pub account: String,
    /// Id, unique in the account.
    pub id: String,
    /// Effect it was made for.
    pub effect: String,
    /// Counts up within the effect.
    pub n: i64,
    /// Operation word.
    pub op: String,
    /// When it was about to leave, microseconds UTC.
    pub started_at: i64,
    /// When it ended; absent while it is under way or when its end was never seen.
    pub ended_at: Option<i64>,
    /// Outcome class.
    pub outcome: Option<String>,
    /// HTTP status, when there was one.
    pub status: Option<i64>,
    /// Why, for people.
    pub why: Option<String>,
    /// How long it took, milliseconds.
    pub took_ms: Option<i64>,
}
decodes!(AttemptRow { account, id, effect, n, op, started_at, ended_at, outcome, status, why, took_ms });

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptEnd {
    /// When, microseconds UTC.
    pub ended_at: i64,
    /// Outcome class.
    pub outcome: String,
    /// HTTP status, when there was one.
    pub status: Option<i64>,
    /// Why, for people.
    pub why: Option<String>,
    /// How long it took, milliseconds.
    pub took_ms: Option<i64>,
}

macro_rules! columns {
    () => {
        "account, id, effect, n, op, started_at, ended_at, outcome, status, why, took_ms"
    };
}

statements! {
    ATTEMPT_INSERT = concat!("INSERT INTO attempts (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)");
    ATTEMPT_FINISH = "UPDATE attempts SET ended_at = $3, outcome = $4, status = $5, why = $6, took_ms = $7 WHERE account = $1 AND id = $2 AND ended_at IS NULL";
    ATTEMPTS_SCRUB = "UPDATE attempts SET why = $3 WHERE account = $1 AND effect = $2 AND why IS NOT NULL";
    ATTEMPTS_OF = concat!("SELECT ", columns!(), " FROM attempts WHERE account = $1 AND effect = $2 ORDER BY n, id");
}

/// Stores an attempt.
pub async fn attempt_insert(tx: &mut Tx, row: &AttemptRow) -> Result<(), Error> {
    exec!(
        tx,
        ATTEMPT_INSERT,
        &row.account,
        &row.id,
        &row.effect,
        row.n,
        &row.op,
        row.started_at,
        row.ended_at,
        &row.outcome,
        row.status,
        &row.why,
        row.took_ms
    )
    .map(|_| ())
}

/// Notes the end of an attempt; [`Error::Rows`] when there is none or it ended before.
pub async fn attempt_finish(tx: &mut Tx, account: &str, id: &str, end: &AttemptEnd) -> Result<(), Error> {
    exec_one!(tx, ATTEMPT_FINISH, account, id, end.ended_at, &end.outcome, end.status, &end.why, end.took_ms)
}

/// The attempts of an effect, in order.
pub async fn attempts_of(tx: &mut Tx, account: &str, effect: &str) -> Result<Vec<AttemptRow>, Error> {
    rows!(tx, AttemptRow, ATTEMPTS_OF, account, effect)
}

/// Takes the vendor's words out of the attempts of an effect, for the erasure of a person only; outcome and status stay.
pub async fn attempts_scrub(tx: &mut Tx, account: &str, effect: &str, why: &str) -> Result<(), Error> {
    exec!(tx, ATTEMPTS_SCRUB, account, effect, why).map(|_| ())
}
