//! Lanes: lease, breaker and health of each outgoing connection.

use super::effects::{ready, unsettled};
use crate::Error;
use crate::tx::{Tx, decodes, exec_if, exec_one, row, rows, statements};

/// One outgoing connection of one account.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct LaneRow {
    /// Account.
    pub account: String,
    /// Id, unique in the account.
    pub id: String,
    /// Connection it goes out by.
    pub connection: String,
    /// Node that holds it.
    pub lease_owner: Option<String>,
    /// Until when, microseconds UTC.
    pub lease_until: Option<i64>,
    /// Breaker's state word.
    pub breaker: Option<String>,
    /// Until when the breaker stays as it is.
    pub breaker_until: Option<i64>,
    /// Requests left in the vendor's burst budget, as last seen.
    pub burst_left: Option<i64>,
    /// Last success, microseconds UTC.
    pub last_ok_at: Option<i64>,
    /// Last error, for people.
    pub last_error: Option<String>,
    /// When that was.
    pub last_error_at: Option<i64>,
}
decodes!(LaneRow {
    account,
    id,
    connection,
    lease_owner,
    lease_until,
    breaker,
    breaker_until,
    burst_left,
    last_ok_at,
    last_error,
    last_error_at
});

/// What a worker saw of a lane. Breaker and budget are replaced; the last success and error only when given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaneReport {
    /// Breaker's state word.
    pub breaker: Option<String>,
    /// Until when the breaker stays as it is.
    pub breaker_until: Option<i64>,
    /// Requests left in the vendor's burst budget.
    pub burst_left: Option<i64>,
    /// A success.
    pub last_ok_at: Option<i64>,
    /// An error.
    pub last_error: Option<String>,
    /// When the error was.
    pub last_error_at: Option<i64>,
}

macro_rules! columns {
    () => {
        "account, id, connection, lease_owner, lease_until, breaker, breaker_until, burst_left, last_ok_at, last_error, last_error_at"
    };
}

statements! {
    LANE_UPSERT = "INSERT INTO lanes (account, id, connection) VALUES ($1, $2, $3) ON CONFLICT (account, id) DO UPDATE SET connection = excluded.connection";
    LANE_LEASE = "UPDATE lanes SET lease_owner = $3, lease_until = $4 WHERE account = $1 AND id = $2 \
        AND (lease_owner IS NULL OR lease_owner = $3 OR lease_until <= $5)";
    LANE_RELEASE = "UPDATE lanes SET lease_owner = NULL, lease_until = NULL WHERE account = $1 AND id = $2 AND lease_owner = $3";
    LANES_WITH_DUE = concat!("SELECT l.account, l.id FROM lanes l WHERE EXISTS (SELECT 1 FROM effects WHERE effects.account = l.account \
        AND effects.lane = l.id AND ", ready!("$1"), ") ORDER BY l.account, l.id LIMIT $2");
    LANE_GET = concat!("SELECT ", columns!(), " FROM lanes WHERE account = $1 AND id = $2");
    LANES_ALL = concat!("SELECT ", columns!(), " FROM lanes WHERE account = $1 ORDER BY id");
    LANE_REPORT = "UPDATE lanes SET breaker = $3, breaker_until = $4, burst_left = $5, last_ok_at = COALESCE($6, last_ok_at), \
        last_error = COALESCE($7, last_error), last_error_at = COALESCE($8, last_error_at) WHERE account = $1 AND id = $2";
}

/// Makes a lane, or points it to another connection. Lease and health stay.
pub async fn lane_upsert(tx: &mut Tx, account: &str, id: &str, connection: &str) -> Result<(), Error> {
    exec_one!(tx, LANE_UPSERT, account, id, connection)
}

/// Takes or extends the lease until `until` when it is free, ended at or before `now`, or `owner`'s already; `false` when another
/// node holds it (or there is no such lane).
pub async fn lane_lease(
    tx: &mut Tx,
    account: &str,
    id: &str,
    owner: &str,
    until: i64,
    now: i64,
) -> Result<bool, Error> {
    exec_if!(tx, LANE_LEASE, account, id, owner, until, now)
}

/// Gives the lease back; `false` when it is not `owner`'s.
pub async fn lane_release(tx: &mut Tx, account: &str, id: &str, owner: &str) -> Result<bool, Error> {
    exec_if!(tx, LANE_RELEASE, account, id, owner)
}

/// Up to `limit` lanes (account, lane) that have an effect ready at `now`, leased or not.
pub async fn lanes_with_due(tx: &mut Tx, now: i64, limit: u32) -> Result<Vec<(String, String)>, Error> {
    rows!(tx, (String, String), LANES_WITH_DUE, now, i64::from(limit))
}

/// One lane.
pub async fn lane_get(tx: &mut Tx, account: &str, id: &str) -> Result<Option<LaneRow>, Error> {
    row!(tx, LaneRow, LANE_GET, account, id)
}

/// Every lane of an account.
pub async fn lanes_all(tx: &mut Tx, account: &str) -> Result<Vec<LaneRow>, Error> {
    rows!(tx, LaneRow, LANES_ALL, account)
}

/// Notes what a worker saw.
pub async fn lane_report(tx: &mut Tx, account: &str, id: &str, seen: &LaneReport) -> Result<(), Error> {
    exec_one!(
        tx,
        LANE_REPORT,
        account,
        id,
        &seen.breaker,
        seen.breaker_until,
        seen.burst_left,
        seen.last_ok_at,
        &seen.last_error,
        seen.last_error_at
    )
}
