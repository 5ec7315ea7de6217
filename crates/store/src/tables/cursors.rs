//! Cursors: how far a poll or an import has read.

use crate::Error;
use crate::tx::{Tx, exec, exec_one, row, rows, statements};

statements! {
    CURSOR_GET = "SELECT value FROM cursors WHERE account = $1 AND connection = $2 AND name = $3";
    CURSOR_PUT = "INSERT INTO cursors (account, connection, name, value, updated_at) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (account, connection, name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at";
    CURSORS_LIKE = "SELECT connection, name, value FROM cursors WHERE account = $1 AND name LIKE $2 ORDER BY connection, name LIMIT 2000";
    CURSOR_DELETE = "DELETE FROM cursors WHERE account = $1 AND connection = $2 AND name = $3";
}

/// The cursor's value.
pub async fn cursor_get(tx: &mut Tx, account: &str, connection: &str, name: &str) -> Result<Option<String>, Error> {
    Ok(row!(tx, (String,), CURSOR_GET, account, connection, name)?.map(|(value,)| value))
}

/// Sets the cursor.
pub async fn cursor_put(
    tx: &mut Tx,
    account: &str,
    connection: &str,
    name: &str,
    value: &str,
    at: i64,
) -> Result<(), Error> {
    exec_one!(tx, CURSOR_PUT, account, connection, name, value, at)
}

/// Removes the cursor, if it is there.
pub async fn cursor_delete(tx: &mut Tx, account: &str, connection: &str, name: &str) -> Result<(), Error> {
    exec!(tx, CURSOR_DELETE, account, connection, name).map(|_| ())
}

/// Connection, name and value of an account's cursors whose name begins so, 2,000 at most.
pub async fn cursors_beginning(
    tx: &mut Tx,
    account: &str,
    prefix: &str,
) -> Result<Vec<(String, String, String)>, Error> {
    let pattern = format!("{prefix}%");
    rows!(tx, (String, String, String), CURSORS_LIKE, account, &pattern)
}
