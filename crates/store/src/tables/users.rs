//! Users: the people who sign in.

use crate::Error;
use crate::tx::{Tx, decodes, exec, exec_one, row, rows, statements};

/// A person who signs in.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct UserRow {
    /// Account.
    pub account: String,
    /// Id, unique in the account.
    pub id: String,
    /// The address folded by the caller (SQL's own folding differs between engines); unique in the account.
    pub email_folded: String,
    /// The address as given.
    pub email: String,
    /// Name for people.
    pub name: String,
    /// Role word.
    pub role: String,
    /// Password hash in its own text format.
    pub password_hash: String,
    /// Locations this person may see, JSON.
    pub locations: String,
    /// Whether this person may sign in.
    pub active: bool,
    /// Creation, microseconds UTC.
    pub created_at: i64,
}
decodes!(UserRow { account, id, email_folded, email, name, role, password_hash, locations, active, created_at });

macro_rules! columns {
    () => {
        "account, id, email_folded, email, name, role, password_hash, locations, active, created_at"
    };
}

statements! {
    USER_INSERT = concat!("INSERT INTO users (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)");
    USER_BY_EMAIL = concat!("SELECT ", columns!(), " FROM users WHERE account = $1 AND email_folded = $2");
    USERS_WITH_EMAIL = concat!("SELECT ", columns!(), " FROM users WHERE email_folded = $1 ORDER BY account");
    USER_GET = concat!("SELECT ", columns!(), " FROM users WHERE account = $1 AND id = $2");
    USERS_ALL = concat!("SELECT ", columns!(), " FROM users WHERE account = $1 ORDER BY created_at, id");
    USER_UPDATE = "UPDATE users SET email_folded = $3, email = $4, name = $5, role = $6, password_hash = $7, locations = $8, \
        active = $9 WHERE account = $1 AND id = $2";
}

/// Creates a user; [`Error::Conflict`] when id or address is taken.
pub async fn user_insert(tx: &mut Tx, row: &UserRow) -> Result<(), Error> {
    exec!(
        tx,
        USER_INSERT,
        &row.account,
        &row.id,
        &row.email_folded,
        &row.email,
        &row.name,
        &row.role,
        &row.password_hash,
        &row.locations,
        row.active,
        row.created_at
    )
    .map(|_| ())
}

/// The user of a folded address in one account.
pub async fn user_by_email(tx: &mut Tx, account: &str, email_folded: &str) -> Result<Option<UserRow>, Error> {
    row!(tx, UserRow, USER_BY_EMAIL, account, email_folded)
}

/// The users of a folded address in all accounts: for the sign-in page, which does not know the account yet.
pub async fn users_with_email(tx: &mut Tx, email_folded: &str) -> Result<Vec<UserRow>, Error> {
    rows!(tx, UserRow, USERS_WITH_EMAIL, email_folded)
}

/// One user.
pub async fn user_get(tx: &mut Tx, account: &str, id: &str) -> Result<Option<UserRow>, Error> {
    row!(tx, UserRow, USER_GET, account, id)
}

/// Every user of an account, oldest first.
pub async fn users_all(tx: &mut Tx, account: &str) -> Result<Vec<UserRow>, Error> {
    rows!(tx, UserRow, USERS_ALL, account)
}

/// Replaces everything but id and creation.
pub async fn user_update(tx: &mut Tx, row: &UserRow) -> Result<(), Error> {
    exec_one!(
        tx,
        USER_UPDATE,
        &row.account,
        &row.id,
        &row.email_folded,
        &row.email,
        &row.name,
        &row.role,
        &row.password_hash,
        &row.locations,
        row.active
    )
}
