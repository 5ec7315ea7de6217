//! Accounts: the tenants.

use crate::Error;
use crate::tx::{Tx, decodes, exec_if, row, rows, statements};

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct AccountRow {
    /// Its id, in every key of every other table.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Salt of its keyed hashes, as text.
    pub salt: String,
    /// Creation, microseconds UTC.
    pub created_at: i64,
}
decodes!(AccountRow { id, name, salt, created_at });

statements! {
    ACCOUNT_INSERT_ONCE = "INSERT INTO accounts (id, name, salt, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING";
    ACCOUNT_GET = "SELECT id, name, salt, created_at FROM accounts WHERE id = $1";
    ACCOUNTS_ALL = "SELECT id, name, salt, created_at FROM accounts ORDER BY created_at, id";
}

/// Creates an account; `false` when the id exists (nothing is changed).
pub async fn account_insert_once(tx: &mut Tx, row: &AccountRow) -> Result<bool, Error> {
    exec_if!(tx, ACCOUNT_INSERT_ONCE, &row.id, &row.name, &row.salt, row.created_at)
}

/// One account.
pub async fn account_get(tx: &mut Tx, account: &str) -> Result<Option<AccountRow>, Error> {
    row!(tx, AccountRow, ACCOUNT_GET, account)
}

/// Every account of this installation, oldest first.
pub async fn accounts_all(tx: &mut Tx) -> Result<Vec<AccountRow>, Error> {
    rows!(tx, AccountRow, ACCOUNTS_ALL)
}
