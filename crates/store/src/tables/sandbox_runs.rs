//! Runs of a contract in a sandbox of the CRM. Nothing here updates or deletes.

use crate::Error;
use crate::tx::{Tx, decodes, exec, row, statements};

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SandboxRunRow {
    /// Account.
    pub account: String,
    /// Id, unique in the account.
    pub id: String,
    /// The connection it went through.
    pub connection: String,
    /// What that CRM had of the fields that the contract writes.
    pub schema_digest: String,
    /// Digest of the contract.
    pub contract: String,
    /// Microseconds UTC.
    pub started_at: i64,
    pub ended_at: i64,
    /// 1: everything was written, read back and taken away.
    pub ok: i64,
    /// JSON.
    pub body: String,
}
decodes!(SandboxRunRow { account, id, connection, schema_digest, contract, started_at, ended_at, ok, body });

macro_rules! columns {
    () => {
        "account, id, connection, schema_digest, contract, started_at, ended_at, ok, body"
    };
}

statements! {
    SANDBOX_RUN_INSERT = concat!("INSERT INTO sandbox_runs (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)");
    SANDBOX_RUN_OF_SCHEMA = concat!("SELECT ", columns!(), " FROM sandbox_runs WHERE account = $1 AND schema_digest = $2 \
        ORDER BY ended_at DESC, id DESC LIMIT 1");
    SANDBOX_RUN_LAST = concat!("SELECT ", columns!(), " FROM sandbox_runs WHERE account = $1 ORDER BY ended_at DESC, id DESC LIMIT 1");
}

/// Stores a run.
pub async fn sandbox_run_insert(tx: &mut Tx, row: &SandboxRunRow) -> Result<(), Error> {
    exec!(
        tx,
        SANDBOX_RUN_INSERT,
        &row.account,
        &row.id,
        &row.connection,
        &row.schema_digest,
        &row.contract,
        row.started_at,
        row.ended_at,
        row.ok,
        &row.body
    )
    .map(|_| ())
}

/// The latest run against a schema.
pub async fn sandbox_run_of_schema(tx: &mut Tx, account: &str, digest: &str) -> Result<Option<SandboxRunRow>, Error> {
    row!(tx, SandboxRunRow, SANDBOX_RUN_OF_SCHEMA, account, digest)
}

/// The latest run.
pub async fn sandbox_run_last(tx: &mut Tx, account: &str) -> Result<Option<SandboxRunRow>, Error> {
    row!(tx, SandboxRunRow, SANDBOX_RUN_LAST, account)
}
