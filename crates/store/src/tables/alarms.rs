//! Alarms: conditions a person should know of, raised once until cleared.

use crate::Error;
use crate::tx::{Tx, decodes, exec_if, rows, statements};

/// One alarm.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct AlarmRow {
    /// Account.
    pub account: String,
    /// Id, unique in the account.
    pub id: String,
    /// Kind word.
    pub kind: String,
    /// What it is about; one open alarm per kind and subject.
    pub subject: String,
    /// JSON.
    pub body: String,
    /// When it was raised, microseconds UTC.
    pub raised_at: i64,
    /// When it was cleared.
    pub cleared_at: Option<i64>,
}
decodes!(AlarmRow { account, id, kind, subject, body, raised_at, cleared_at });

statements! {
    ALARM_RAISE_ONCE = "INSERT INTO alarms (account, id, kind, subject, body, raised_at, cleared_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
        ON CONFLICT (account, kind, subject) WHERE cleared_at IS NULL DO NOTHING";
    ALARM_CLEAR = "UPDATE alarms SET cleared_at = $4 WHERE account = $1 AND kind = $2 AND subject = $3 AND cleared_at IS NULL";
    ALARMS_OPEN = "SELECT account, id, kind, subject, body, raised_at, cleared_at FROM alarms WHERE account = $1 AND cleared_at IS NULL \
        ORDER BY raised_at, id LIMIT $2";
}

/// Raises an alarm; `false` when one of this kind and subject is open.
pub async fn alarm_raise_once(tx: &mut Tx, row: &AlarmRow) -> Result<bool, Error> {
    exec_if!(
        tx,
        ALARM_RAISE_ONCE,
        &row.account,
        &row.id,
        &row.kind,
        &row.subject,
        &row.body,
        row.raised_at,
        row.cleared_at
    )
}

/// Clears an alarm; `false` when none is open.
pub async fn alarm_clear(tx: &mut Tx, account: &str, kind: &str, subject: &str, at: i64) -> Result<bool, Error> {
    exec_if!(tx, ALARM_CLEAR, account, kind, subject, at)
}

/// Open alarms, oldest first.
pub async fn alarms_open(tx: &mut Tx, account: &str, limit: u32) -> Result<Vec<AlarmRow>, Error> {
    rows!(tx, AlarmRow, ALARMS_OPEN, account, i64::from(limit))
}
