//! Contracts: immutable versions. Nothing here updates.

use crate::Error;
use crate::tx::{Tx, decodes, row, rows, statements};

/// One version of a contract.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ContractRow {
    /// Account.
    pub account: String,
    /// Id, unique in the account.
    pub id: String,
    /// Name; versions count per name.
    pub name: String,
    /// Counts up from 1.
    pub version: i64,
    /// Digest of what it says.
    pub digest: String,
    /// The file it came from, as text.
    pub source: String,
    /// What the file means, JSON.
    pub compiled: String,
    /// When it was applied, microseconds UTC.
    pub applied_at: i64,
    /// Who applied it.
    pub applied_by: String,
}
decodes!(ContractRow { account, id, name, version, digest, source, compiled, applied_at, applied_by });

/// A contract to be applied; the version is the store's to give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractNew {
    /// Account.
    pub account: String,
    /// Id for the new version.
    pub id: String,
    /// Name; versions count per name.
    pub name: String,
    /// Digest of what it says.
    pub digest: String,
    /// The file it came from, as text.
    pub source: String,
    /// What the file means, JSON.
    pub compiled: String,
    /// When it is applied, microseconds UTC.
    pub applied_at: i64,
    /// Who applies it.
    pub applied_by: String,
}

macro_rules! columns {
    () => {
        "account, id, name, version, digest, source, compiled, applied_at, applied_by"
    };
}

statements! {
    CONTRACT_INSERT_NEXT = concat!("INSERT INTO contracts (", columns!(), ") \
        SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), COALESCE(MAX(version), 0) + 1, CAST($4 AS TEXT), CAST($5 AS TEXT), \
        CAST($6 AS TEXT), CAST($7 AS BIGINT), CAST($8 AS TEXT) FROM contracts WHERE account = $1 AND name = $3 \
        HAVING NOT EXISTS (SELECT 1 FROM contracts o WHERE o.account = $1 AND o.name = $3 AND o.digest = $4 \
        AND o.version = (SELECT MAX(version) FROM contracts l WHERE l.account = $1 AND l.name = $3)) RETURNING ", columns!());
    CONTRACT_INSERT_AFTER = concat!("INSERT INTO contracts (", columns!(), ") \
        SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), COALESCE(MAX(version), 0) + 1, CAST($4 AS TEXT), CAST($5 AS TEXT), \
        CAST($6 AS TEXT), CAST($7 AS BIGINT), CAST($8 AS TEXT) FROM contracts WHERE account = $1 AND name = $3 \
        HAVING COALESCE(MAX(version), 0) = CAST($9 AS BIGINT) RETURNING ", columns!());
    CONTRACT_GET = concat!("SELECT ", columns!(), " FROM contracts WHERE account = $1 AND id = $2");
    CONTRACT_LATEST = concat!("SELECT ", columns!(), " FROM contracts WHERE account = $1 AND name = $2 ORDER BY version DESC LIMIT 1");
    CONTRACTS_ALL = concat!("SELECT ", columns!(), " FROM contracts WHERE account = $1 ORDER BY name, version");
}

/// Stores the next version and gives it; when the latest version has the same digest, gives that one instead.
/// [`Error::Conflict`] when two apply at once.
pub async fn contract_insert_next(tx: &mut Tx, new: &ContractNew) -> Result<ContractRow, Error> {
    let inserted = row!(
        tx,
        ContractRow,
        CONTRACT_INSERT_NEXT,
        &new.account,
        &new.id,
        &new.name,
        &new.digest,
        &new.source,
        &new.compiled,
        new.applied_at,
        &new.applied_by
    )?;
    match inserted {
        Some(row) => Ok(row),
        // On PostgreSQL another unit may have applied a version between the two statements: then this is not the latest any more.
        None => contract_latest(tx, &new.account, &new.name)
            .await?
            .filter(|latest| latest.digest == new.digest)
            .ok_or(Error::Conflict),
    }
}

/// Stores the next version if the one given is still the latest (0: there is none yet); else nothing.
/// [`Error::Conflict`] when two apply at once.
pub async fn contract_insert_after_if(tx: &mut Tx, new: &ContractNew, base: i64) -> Result<Option<ContractRow>, Error> {
    row!(
        tx,
        ContractRow,
        CONTRACT_INSERT_AFTER,
        &new.account,
        &new.id,
        &new.name,
        &new.digest,
        &new.source,
        &new.compiled,
        new.applied_at,
        &new.applied_by,
        base
    )
}

/// One version.
pub async fn contract_get(tx: &mut Tx, account: &str, id: &str) -> Result<Option<ContractRow>, Error> {
    row!(tx, ContractRow, CONTRACT_GET, account, id)
}

/// The newest version of a name.
pub async fn contract_latest(tx: &mut Tx, account: &str, name: &str) -> Result<Option<ContractRow>, Error> {
    row!(tx, ContractRow, CONTRACT_LATEST, account, name)
}

/// Every version of an account, by name and version.
pub async fn contracts_all(tx: &mut Tx, account: &str) -> Result<Vec<ContractRow>, Error> {
    rows!(tx, ContractRow, CONTRACTS_ALL, account)
}
