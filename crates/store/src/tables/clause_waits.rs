//! Inquiries whose write waits for a paused clause.

use crate::Error;
use crate::tx::{Tx, exec_if, rows, statements};

statements! {
    CLAUSE_WAIT_PUT = "INSERT INTO clause_waits (account, clause, inquiry, since) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (account, clause, inquiry) DO NOTHING";
    CLAUSE_WAIT_DONE = "DELETE FROM clause_waits WHERE account = $1 AND clause = $2 AND inquiry = $3";
    CLAUSE_WAITS_OF = "SELECT inquiry FROM clause_waits WHERE account = $1 AND clause = $2 ORDER BY since, inquiry LIMIT $3";
    CLAUSE_WAITS_COUNT = "SELECT clause, COUNT(*) AS n FROM clause_waits WHERE account = $1 GROUP BY clause ORDER BY clause";
}

/// Notes that an inquiry waits for a clause; `false` when it is noted already.
pub async fn clause_wait_put(tx: &mut Tx, account: &str, clause: &str, inquiry: &str, at: i64) -> Result<bool, Error> {
    exec_if!(tx, CLAUSE_WAIT_PUT, account, clause, inquiry, at)
}

/// It waits no longer; `false` when it did not.
pub async fn clause_wait_done(tx: &mut Tx, account: &str, clause: &str, inquiry: &str) -> Result<bool, Error> {
    exec_if!(tx, CLAUSE_WAIT_DONE, account, clause, inquiry)
}

/// Inquiries that wait for a clause, the longest first.
pub async fn clause_waits_of(tx: &mut Tx, account: &str, clause: &str, limit: u32) -> Result<Vec<String>, Error> {
    Ok(rows!(tx, (String,), CLAUSE_WAITS_OF, account, clause, i64::from(limit))?.into_iter().map(|(id,)| id).collect())
}

/// How many inquiries wait, by clause.
pub async fn clause_waits_count(tx: &mut Tx, account: &str) -> Result<Vec<(String, i64)>, Error> {
    rows!(tx, (String, i64), CLAUSE_WAITS_COUNT, account)
}
