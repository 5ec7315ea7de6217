//! Migrations: the same numbered files on both engines, each applied once, under a lock, with its checksum recorded.
//!
//! They expand and later contract, never both in one version, so that the program of the version before still runs on the
//! database; a program that meets a version it does not know refuses to start ([`Error::NewerSchema`]).

use sha2::{Digest, Sha256};

use crate::tx::{Sql, Tx, exec_one, rows, value};
use crate::{Error, dialect};

/// (version, text), in order.
const MIGRATIONS: &[(i64, &str)] = &[
    (1, include_str!("../migrations/0001_init.sql")),
    (2, include_str!("../migrations/0002_inquiries_of_a_person.sql")),
    (3, include_str!("../migrations/0003_crm_index_and_acks.sql")),
    (4, include_str!("../migrations/0004_proofs.sql")),
    (5, include_str!("../migrations/0005_acks_held.sql")),
    (6, include_str!("../migrations/0006_repeats.sql")),
    (7, include_str!("../migrations/0007_rollbacks.sql")),
    (8, include_str!("../migrations/0008_ready.sql")),
    (9, include_str!("../migrations/0009_learned.sql")),
];

/// The newest schema version this program knows.
pub const KNOWN_SCHEMA: i64 = 9;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)";
const APPLIED: Sql = Sql { name: "APPLIED", text: "SELECT version, checksum FROM schema_version ORDER BY version" };
const RECORD: Sql =
    Sql { name: "RECORD", text: "INSERT INTO schema_version (version, checksum, applied_at) VALUES ($1, $2, $3)" };

/// Whether anything is left to apply. Needs no write, so that an up-to-date database opens read-only.
pub(crate) async fn pending(tx: &mut Tx) -> Result<bool, Error> {
    let applied = applied(tx).await?;
    check(&applied)?;
    Ok(applied.len() < MIGRATIONS.len())
}

/// Applies what is missing, inside the caller's transaction.
pub(crate) async fn run(tx: &mut Tx) -> Result<(), Error> {
    dialect::migration_lock(tx).await?;
    tx.raw(TABLE, "schema_version").await?;
    // Read again under the lock: another process may have been first.
    let applied = applied(tx).await?;
    check(&applied)?;
    for (version, text) in MIGRATIONS.iter().skip(applied.len()) {
        tx.raw(*text, "migration").await?;
        let now = scalar(tx, dialect::now_micros(tx)).await?;
        let sum = checksum(text);
        exec_one!(tx, RECORD, version, &sum, now)?;
    }
    Ok(())
}

async fn applied(tx: &mut Tx) -> Result<Vec<(i64, String)>, Error> {
    if scalar(tx, dialect::has_schema_table(tx)).await? == 0 {
        return Ok(Vec::new());
    }
    rows!(tx, (i64, String), APPLIED)
}

pub(crate) async fn scalar(tx: &mut Tx, text: &'static str) -> Result<i64, Error> {
    value!(tx, i64, Sql { name: "schema_version", text })
}

/// Refuses a newer schema, a gap, and a migration whose text is not the one that was applied.
fn check(applied: &[(i64, String)]) -> Result<(), Error> {
    if let Some((found, _)) = applied.iter().find(|(version, _)| *version > KNOWN_SCHEMA) {
        return Err(Error::NewerSchema { found: *found, known: KNOWN_SCHEMA });
    }
    for ((version, sum), (known, text)) in applied.iter().zip(MIGRATIONS) {
        if version != known || *sum != checksum(text) {
            return Err(Error::Corrupt {
                table: "schema_version".to_owned(),
                column: "checksum".to_owned(),
                row: format!("version {version} was applied from another text than this program holds"),
            });
        }
    }
    Ok(())
}

fn checksum(text: &str) -> String {
    use std::fmt::Write as _;
    Sha256::digest(text.as_bytes()).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_count_up_to_the_known_one() {
        let versions: Vec<i64> = MIGRATIONS.iter().map(|(version, _)| *version).collect();
        assert_eq!(versions, (1..=KNOWN_SCHEMA).collect::<Vec<_>>());
    }

    #[test]
    fn a_newer_or_altered_schema_is_refused() {
        assert_eq!(
            check(&[(KNOWN_SCHEMA + 1, String::new())]),
            Err(Error::NewerSchema { found: KNOWN_SCHEMA + 1, known: KNOWN_SCHEMA })
        );
        assert!(matches!(check(&[(1, "00".to_owned())]), Err(Error::Corrupt { .. })));
        let known: Vec<(i64, String)> = MIGRATIONS.iter().map(|(version, text)| (*version, checksum(text))).collect();
        assert_eq!(check(&known), Ok(()));
    }
}
