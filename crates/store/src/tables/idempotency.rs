//! Idempotency keys of the API: the answer that a repeated request gets again.

use crate::Error;
use crate::tx::{Tx, decodes, exec, exec_if, row, statements};

/// One remembered request.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct IdempotencyRow {
    /// Account.
    pub account: String,
    /// The client's key.
    pub key: String,
    /// Route it was used on.
    pub route: String,
    /// Hash of the request: the same key with another request is refused.
    pub request_hash: String,
    /// HTTP status that was answered.
    pub status: i64,
    /// Body that was answered.
    pub body: String,
    /// When, microseconds UTC.
    pub created_at: i64,
}
decodes!(IdempotencyRow { account, key, route, request_hash, status, body, created_at });

statements! {
    IDEMPOTENCY_PUT_ONCE = "INSERT INTO idempotency (account, key, route, request_hash, status, body, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (account, key, route) DO NOTHING";
    IDEMPOTENCY_GET = "SELECT account, key, route, request_hash, status, body, created_at FROM idempotency \
        WHERE account = $1 AND key = $2 AND route = $3";
    IDEMPOTENCY_EXPIRE = "DELETE FROM idempotency WHERE account = $1 AND created_at < $2";
}

/// Remembers an answer, in the same unit as what was done; `false` when the key is taken: then do nothing, and answer what
/// [`idempotency_get`] gives.
pub async fn idempotency_put_once(tx: &mut Tx, row: &IdempotencyRow) -> Result<bool, Error> {
    exec_if!(
        tx,
        IDEMPOTENCY_PUT_ONCE,
        &row.account,
        &row.key,
        &row.route,
        &row.request_hash,
        row.status,
        &row.body,
        row.created_at
    )
}

/// The remembered answer.
pub async fn idempotency_get(
    tx: &mut Tx,
    account: &str,
    key: &str,
    route: &str,
) -> Result<Option<IdempotencyRow>, Error> {
    row!(tx, IdempotencyRow, IDEMPOTENCY_GET, account, key, route)
}

/// Forgets answers older than an instant; gives how many.
pub async fn idempotency_expire(tx: &mut Tx, account: &str, older_than: i64) -> Result<u64, Error> {
    exec!(tx, IDEMPOTENCY_EXPIRE, account, older_than)
}
