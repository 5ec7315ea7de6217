//! Proofs of no loss: one chain per account. Nothing here updates or deletes.

use crate::Error;
use crate::tx::{Tx, decodes, exec, row, rows, statements};

/// One proof.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ProofRow {
    /// Account.
    pub account: String,
    /// Place in the account's chain, from 1.
    pub seq: i64,
    /// The day it is about, in the account's zone: `2026-03-02`.
    pub day: String,
    /// Counts the proofs of that day from 1.
    pub revision: i64,
    /// When it was made, microseconds UTC.
    pub made_at: i64,
    /// Its figures, JSON.
    pub summary: String,
    /// The key that signed it.
    pub key_id: String,
    /// The last hash of the proof before.
    pub prev_hash: String,
    /// The hash of its last line.
    pub hash: String,
    /// The whole file; empty in lists.
    pub body: String,
}
decodes!(ProofRow { account, seq, day, revision, made_at, summary, key_id, prev_hash, hash, body });

macro_rules! columns {
    ($body:literal) => {
        concat!("account, seq, day, revision, made_at, summary, key_id, prev_hash, hash, ", $body)
    };
}

statements! {
    PROOF_INSERT = concat!("INSERT INTO proofs (", columns!("body"), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)");
    PROOF_LAST = concat!("SELECT ", columns!("'' AS body"), " FROM proofs WHERE account = $1 ORDER BY seq DESC LIMIT 1");
    PROOF_GET = concat!("SELECT ", columns!("body"), " FROM proofs WHERE account = $1 AND seq = $2");
    PROOF_OF_DAY = concat!("SELECT ", columns!("body"), " FROM proofs WHERE account = $1 AND day = $2 ORDER BY revision DESC LIMIT 1");
    PROOFS_LIST = concat!("SELECT ", columns!("'' AS body"), " FROM proofs WHERE account = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3");
}

/// Stores a proof; [`Error::Conflict`] when its place or its revision is taken: another node was first.
pub async fn proof_insert(tx: &mut Tx, row: &ProofRow) -> Result<(), Error> {
    exec!(
        tx,
        PROOF_INSERT,
        &row.account,
        row.seq,
        &row.day,
        row.revision,
        row.made_at,
        &row.summary,
        &row.key_id,
        &row.prev_hash,
        &row.hash,
        &row.body
    )
    .map(|_| ())
}

/// The newest proof, without its file.
pub async fn proof_last(tx: &mut Tx, account: &str) -> Result<Option<ProofRow>, Error> {
    row!(tx, ProofRow, PROOF_LAST, account)
}

/// One proof with its file.
pub async fn proof_get(tx: &mut Tx, account: &str, seq: i64) -> Result<Option<ProofRow>, Error> {
    row!(tx, ProofRow, PROOF_GET, account, seq)
}

/// The latest proof of a day, with its file.
pub async fn proof_of_day(tx: &mut Tx, account: &str, day: &str) -> Result<Option<ProofRow>, Error> {
    row!(tx, ProofRow, PROOF_OF_DAY, account, day)
}

/// Proofs before a place in the chain, newest first, without their files.
pub async fn proofs_list(tx: &mut Tx, account: &str, limit: u32, before_seq: i64) -> Result<Vec<ProofRow>, Error> {
    rows!(tx, ProofRow, PROOFS_LIST, account, before_seq, i64::from(limit))
}
