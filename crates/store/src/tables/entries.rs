//! The ledger's entries and its checkpoints. Nothing here updates or deletes.

use crate::Error;
use crate::dialect::{InList, ManyRows, exec_many, rows_in};
use crate::tx::{Tx, decodes, exec, row, rows, statements};

/// One entry of one inquiry's chain.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct EntryRow {
    /// Account.
    pub account: String,
    /// Inquiry whose chain this is.
    pub inquiry: String,
    /// Position in the chain, from 1 or as the engine counts; two entries never share one.
    pub seq: i64,
    /// When it happened, microseconds UTC.
    pub at: i64,
    /// Kind word.
    pub kind: String,
    /// JSON: references and commitments, no personal values.
    pub body: String,
    /// Hash of the entry before.
    pub prev_hash: String,
    /// Hash of this one.
    pub hash: String,
    /// Schema version of the body.
    pub schema: i64,
    /// Version of the program that wrote it.
    pub code_version: String,
}
decodes!(EntryRow { account, inquiry, seq, at, kind, body, prev_hash, hash, schema, code_version });

/// A signed seal over the heads of an account's chains.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct CheckpointRow {
    /// Account.
    pub account: String,
    /// Counts up.
    pub seq: i64,
    /// When, microseconds UTC.
    pub at: i64,
    /// JSON.
    pub body: String,
    /// Hash of the checkpoint before.
    pub prev_hash: String,
    /// Hash of this one.
    pub hash: String,
    /// Signature, as text.
    pub signature: String,
}
decodes!(CheckpointRow { account, seq, at, body, prev_hash, hash, signature });

/// What happened to an inquiry, without its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct HappenedRow {
    /// Inquiry whose chain this is.
    pub inquiry: String,
    /// Position in the chain.
    pub seq: i64,
    /// When it happened, microseconds UTC.
    pub at: i64,
    /// `event`, `decision` or `erased`.
    pub kind: String,
    /// JSON: references and commitments, no personal values.
    pub body: String,
}
decodes!(HappenedRow { inquiry, seq, at, kind, body });

macro_rules! columns {
    () => {
        "account, inquiry, seq, at, kind, body, prev_hash, hash, schema, code_version"
    };
}

pub(crate) const ENTRIES_APPEND: ManyRows =
    ManyRows { name: "ENTRIES_APPEND", head: concat!("INSERT INTO entries (", columns!(), ")"), columns: 10, tail: "" };

pub(crate) const ENTRIES_HAPPENED: InList = InList {
    name: "ENTRIES_HAPPENED",
    head: "SELECT inquiry, seq, at, kind, body FROM entries WHERE account = $1 AND kind IN ('event', 'decision', 'erased') AND inquiry IN",
    first: 1,
    tail: "ORDER BY inquiry, seq",
};

statements! {
    ENTRIES_OF = concat!("SELECT ", columns!(), " FROM entries WHERE account = $1 AND inquiry = $2 ORDER BY seq");
    ENTRY_LAST = concat!("SELECT ", columns!(), " FROM entries WHERE account = $1 AND inquiry = $2 ORDER BY seq DESC LIMIT 1");
    ENTRIES_GIVEN = concat!("SELECT ", columns!(), " FROM entries WHERE account = $1 AND kind = 'owner' AND at >= $2 AND at < $3 \
        AND body LIKE '%\"by\":%' ORDER BY at DESC, inquiry DESC, seq DESC LIMIT $4");
    ENTRIES_SINCE = concat!("SELECT ", columns!(), " FROM entries WHERE account = $1 AND at >= $2 ORDER BY at, inquiry, seq LIMIT $3");
    ENTRY_INQUIRIES = "SELECT DISTINCT inquiry FROM entries WHERE account = $1 AND inquiry > $2 ORDER BY inquiry LIMIT $3";
    ENTRY_HEADS_SINCE = concat!("SELECT ", columns!(), " FROM entries WHERE account = $1 AND at >= $2 AND inquiry > $3 AND seq = \
        (SELECT MAX(h.seq) FROM entries h WHERE h.account = entries.account AND h.inquiry = entries.inquiry) ORDER BY inquiry LIMIT $4");
    CHECKPOINT_INSERT = "INSERT INTO checkpoints (account, seq, at, body, prev_hash, hash, signature) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    CHECKPOINTS_ALL = "SELECT account, seq, at, body, prev_hash, hash, signature FROM checkpoints WHERE account = $1 ORDER BY seq";
    CHECKPOINTS_SINCE = "SELECT account, seq, at, body, prev_hash, hash, signature FROM checkpoints WHERE account = $1 AND at >= $2 ORDER BY seq";
    CHECKPOINT_LAST = "SELECT account, seq, at, body, prev_hash, hash, signature FROM checkpoints WHERE account = $1 ORDER BY seq DESC LIMIT 1";
}

/// Appends entries; [`Error::Conflict`] when another unit appended to the same chain first: reload and step again.
pub async fn entries_append(tx: &mut Tx, entries: &[EntryRow]) -> Result<(), Error> {
    let touched = exec_many!(tx, ENTRIES_APPEND, entries, |query, entry| query
        .bind(&entry.account)
        .bind(&entry.inquiry)
        .bind(entry.seq)
        .bind(entry.at)
        .bind(&entry.kind)
        .bind(&entry.body)
        .bind(&entry.prev_hash)
        .bind(&entry.hash)
        .bind(entry.schema)
        .bind(&entry.code_version));
    tx.touched(touched, entries.len() as u64, ENTRIES_APPEND.name)
}

/// A whole chain, in order.
pub async fn entries_of(tx: &mut Tx, account: &str, inquiry: &str) -> Result<Vec<EntryRow>, Error> {
    rows!(tx, EntryRow, ENTRIES_OF, account, inquiry)
}

/// The events of these inquiries, what people decided, and whether words were erased; by inquiry, in order.
pub async fn entries_happened(tx: &mut Tx, account: &str, inquiries: &[String]) -> Result<Vec<HappenedRow>, Error> {
    rows_in!(tx, HappenedRow, ENTRIES_HAPPENED, [account], inquiries, [])
}

/// The end of a chain.
pub async fn entry_last(tx: &mut Tx, account: &str, inquiry: &str) -> Result<Option<EntryRow>, Error> {
    row!(tx, EntryRow, ENTRY_LAST, account, inquiry)
}

/// Up to `limit` entries of all chains of an account from an instant on, oldest first.
pub async fn entries_since(tx: &mut Tx, account: &str, at: i64, limit: u32) -> Result<Vec<EntryRow>, Error> {
    rows!(tx, EntryRow, ENTRIES_SINCE, account, at, i64::from(limit))
}

/// Up to `limit` entries by which people gave an inquiry to somebody, from one instant to before another, newest first.
pub async fn entries_given(
    tx: &mut Tx,
    account: &str,
    (since, until): (i64, i64),
    limit: u32,
) -> Result<Vec<EntryRow>, Error> {
    rows!(tx, EntryRow, ENTRIES_GIVEN, account, since, until, i64::from(limit))
}

/// Up to `limit` names of chains of an account, in order, after the one given ("" for the start).
pub async fn entry_inquiries(tx: &mut Tx, account: &str, after: &str, limit: u32) -> Result<Vec<String>, Error> {
    let names: Vec<(String,)> = rows!(tx, (String,), ENTRY_INQUIRIES, account, after, i64::from(limit))?;
    Ok(names.into_iter().map(|(name,)| name).collect())
}

/// Up to `limit` ends of chains that grew at or after an instant, in order of the chain's name, after the one given.
pub async fn entry_heads_since(
    tx: &mut Tx,
    account: &str,
    at: i64,
    after: &str,
    limit: u32,
) -> Result<Vec<EntryRow>, Error> {
    rows!(tx, EntryRow, ENTRY_HEADS_SINCE, account, at, after, i64::from(limit))
}

/// Stores a checkpoint; [`Error::Conflict`] when its number is taken.
pub async fn checkpoint_insert(tx: &mut Tx, row: &CheckpointRow) -> Result<(), Error> {
    exec!(tx, CHECKPOINT_INSERT, &row.account, row.seq, row.at, &row.body, &row.prev_hash, &row.hash, &row.signature)
        .map(|_| ())
}

/// Every checkpoint of an account, in order.
pub async fn checkpoints_all(tx: &mut Tx, account: &str) -> Result<Vec<CheckpointRow>, Error> {
    rows!(tx, CheckpointRow, CHECKPOINTS_ALL, account)
}

/// The checkpoints of an account from an instant on, in order.
pub async fn checkpoints_since(tx: &mut Tx, account: &str, at: i64) -> Result<Vec<CheckpointRow>, Error> {
    rows!(tx, CheckpointRow, CHECKPOINTS_SINCE, account, at)
}

/// The newest checkpoint.
pub async fn checkpoint_last(tx: &mut Tx, account: &str) -> Result<Option<CheckpointRow>, Error> {
    row!(tx, CheckpointRow, CHECKPOINT_LAST, account)
}
