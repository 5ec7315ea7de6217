//! Sessions of the console.

use crate::Error;
use crate::tx::{Tx, decodes, exec, exec_if, row, statements};

/// A signed-in browser.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SessionRow {
    /// Hash of the cookie's token; the token itself is stored nowhere.
    pub token_hash: String,
    /// Account.
    pub account: String,
    /// User.
    pub user_id: String,
    /// Token that each form has to carry.
    pub csrf: String,
    /// Sign-in, microseconds UTC.
    pub created_at: i64,
    /// End, microseconds UTC.
    pub expires_at: i64,
}
decodes!(SessionRow { token_hash, account, user_id, csrf, created_at, expires_at });

statements! {
    SESSION_INSERT = "INSERT INTO sessions (token_hash, account, user_id, csrf, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)";
    SESSION_GET = "SELECT token_hash, account, user_id, csrf, created_at, expires_at FROM sessions WHERE token_hash = $1 AND expires_at > $2";
    SESSION_DELETE = "DELETE FROM sessions WHERE token_hash = $1";
    SESSIONS_DELETE_OF = "DELETE FROM sessions WHERE account = $1 AND user_id = $2";
    SESSIONS_EXPIRE = "DELETE FROM sessions WHERE expires_at <= $1";
}

/// Stores a session.
pub async fn session_insert(tx: &mut Tx, row: &SessionRow) -> Result<(), Error> {
    exec!(tx, SESSION_INSERT, &row.token_hash, &row.account, &row.user_id, &row.csrf, row.created_at, row.expires_at)
        .map(|_| ())
}

/// The session of a token's hash, unless it ended at or before `now`. The account is what this looks up, so none is given.
pub async fn session_get(tx: &mut Tx, token_hash: &str, now: i64) -> Result<Option<SessionRow>, Error> {
    row!(tx, SessionRow, SESSION_GET, token_hash, now)
}

/// Ends a session; `false` when there was none.
pub async fn session_delete(tx: &mut Tx, token_hash: &str) -> Result<bool, Error> {
    exec_if!(tx, SESSION_DELETE, token_hash)
}

/// Ends every session of a user (password changed, access withdrawn); gives how many.
pub async fn sessions_delete_of(tx: &mut Tx, account: &str, user_id: &str) -> Result<u64, Error> {
    exec!(tx, SESSIONS_DELETE_OF, account, user_id)
}

/// Removes what ended at or before `now`; gives how many.
pub async fn sessions_expire(tx: &mut Tx, now: i64) -> Result<u64, Error> {
    exec!(tx, SESSIONS_EXPIRE, now)
}
