//! Tokens of the API.

use crate::Error;
use crate::tx::{Tx, decodes, exec, exec_if, exec_one, row, rows, statements};

/// An API token.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct TokenRow {
    /// Account.
    pub account: String,
    /// Id, unique in the account.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Hash of the token; the token itself is stored nowhere.
    pub token_hash: String,
    /// What it may do, JSON.
    pub scopes: String,
    /// Creation, microseconds UTC.
    pub created_at: i64,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
    /// When it was last used, as far as noted.
    pub last_used_at: Option<i64>,
}
decodes!(TokenRow { account, id, name, token_hash, scopes, created_at, revoked_at, last_used_at });

macro_rules! columns {
    () => {
        "account, id, name, token_hash, scopes, created_at, revoked_at, last_used_at"
    };
}

statements! {
    TOKEN_INSERT = concat!("INSERT INTO tokens (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)");
    TOKEN_BY_HASH = concat!("SELECT ", columns!(), " FROM tokens WHERE token_hash = $1 AND revoked_at IS NULL");
    TOKENS_ALL = concat!("SELECT ", columns!(), " FROM tokens WHERE account = $1 ORDER BY created_at, id");
    TOKEN_REVOKE = "UPDATE tokens SET revoked_at = $3 WHERE account = $1 AND id = $2 AND revoked_at IS NULL";
    TOKEN_TOUCH = "UPDATE tokens SET last_used_at = $3 WHERE account = $1 AND id = $2";
}

/// Stores a token.
pub async fn token_insert(tx: &mut Tx, row: &TokenRow) -> Result<(), Error> {
    exec!(
        tx,
        TOKEN_INSERT,
        &row.account,
        &row.id,
        &row.name,
        &row.token_hash,
        &row.scopes,
        row.created_at,
        row.revoked_at,
        row.last_used_at
    )
    .map(|_| ())
}

/// The token of a hash, unless revoked. The account is what this looks up, so none is given.
pub async fn token_by_hash(tx: &mut Tx, token_hash: &str) -> Result<Option<TokenRow>, Error> {
    row!(tx, TokenRow, TOKEN_BY_HASH, token_hash)
}

/// Every token of an account, revoked ones included, oldest first.
pub async fn tokens_all(tx: &mut Tx, account: &str) -> Result<Vec<TokenRow>, Error> {
    rows!(tx, TokenRow, TOKENS_ALL, account)
}

/// Revokes a token; `false` when there is none or it was revoked before.
pub async fn token_revoke(tx: &mut Tx, account: &str, id: &str, at: i64) -> Result<bool, Error> {
    exec_if!(tx, TOKEN_REVOKE, account, id, at)
}

/// Notes a use.
pub async fn token_touch(tx: &mut Tx, account: &str, id: &str, at: i64) -> Result<(), Error> {
    exec_one!(tx, TOKEN_TOUCH, account, id, at)
}
