//! What was written to which record, property by property, and what people later put in its place. Values are documents, by id.

use crate::Error;
use crate::dialect::{ManyRows, exec_many};
use crate::tx::{Tx, decodes, rows, statements};

/// One confirmed write of one property: what an entry of the ledger says of it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct FieldWriteRow {
    /// Account.
    pub account: String,
    /// Inquiry in whose chain it stands.
    pub inquiry: String,
    /// Its place there.
    pub seq: i64,
    /// The vendor's name of the property.
    pub property: String,
    /// When it was confirmed, microseconds UTC.
    pub at: i64,
    /// Kind word of the record.
    pub object: String,
    /// The vendor's id of the record.
    pub record: String,
    /// The contract's name of the field; empty where no clause stands behind it.
    pub field: String,
    /// The clause that allowed it.
    pub clause: String,
    /// The contract's name.
    pub contract: String,
    /// Its version.
    pub version: i64,
    /// Where the value was taken from.
    pub source: String,
    /// Where the call came from; empty where nobody knows.
    pub origin: String,
    /// Who acted through it.
    pub actor: String,
    /// Thousandths.
    pub confidence: Option<i64>,
    /// The effect that brought it about.
    pub effect: String,
    /// Document of what stood there before; absent: nothing.
    pub was_doc: Option<String>,
    /// Document of what was written; absent: nothing.
    pub is_doc: Option<String>,
}
decodes!(FieldWriteRow {
    account,
    inquiry,
    seq,
    property,
    at,
    object,
    record,
    field,
    clause,
    contract,
    version,
    source,
    origin,
    actor,
    confidence,
    effect,
    was_doc,
    is_doc
});

/// What a person put in place of a value of ours.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct CorrectionRow {
    /// Account.
    pub account: String,
    /// Inquiry whose write it corrects.
    pub inquiry: String,
    /// The write's place in its chain.
    pub seq: i64,
    /// The property.
    pub property: String,
    /// How it was seen: `found`, `moved`, `seen`, `rollback`, `reconciled`, `spot_check`.
    pub kind: String,
    /// Document of what stands there instead; absent: nothing, or nobody said what is right.
    pub value_doc: Option<String>,
    /// Who, where it is known; else empty.
    pub by_id: String,
    /// When it was seen, microseconds UTC.
    pub seen_at: i64,
}
decodes!(CorrectionRow { account, inquiry, seq, property, kind, value_doc, by_id, seen_at });

/// A correction with the write that it corrects.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct CorrectedRow {
    /// Inquiry whose write it corrects.
    pub inquiry: String,
    /// The property.
    pub property: String,
    /// How it was seen.
    pub kind: String,
    /// Document of what stands there instead.
    pub value_doc: Option<String>,
    /// Who, where it is known; else empty.
    pub by_id: String,
    /// When it was seen, microseconds UTC.
    pub seen_at: i64,
    /// When the write was confirmed.
    pub at: i64,
    /// Kind word of the record.
    pub object: String,
    /// The vendor's id of the record.
    pub record: String,
    /// The contract's name of the field.
    pub field: String,
    /// Who acted through it.
    pub actor: String,
    /// Document of what was written.
    pub is_doc: Option<String>,
}
decodes!(CorrectedRow { inquiry, property, kind, value_doc, by_id, seen_at, at, object, record, field, actor, is_doc });

/// How many values were written to a field.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct WrittenCount {
    /// The contract's name of the field.
    pub field: String,
    /// So many.
    pub written: i64,
}
decodes!(WrittenCount { field, written });

macro_rules! columns {
    () => {
        "account, inquiry, seq, property, at, object, record, field, clause, contract, version, source, origin, actor, confidence, effect, \
         was_doc, is_doc"
    };
}

/// Values that an actor wrote to fields of a contract.
macro_rules! by_clause {
    () => {
        "account = $1 AND at >= $2 AND at < $3 AND actor = $4 AND clause LIKE 'field.%' AND field <> '' AND is_doc IS NOT NULL"
    };
}

pub(crate) const FIELD_WRITES_PUT: ManyRows = ManyRows {
    name: "FIELD_WRITES_PUT",
    head: concat!("INSERT INTO field_writes (", columns!(), ")"),
    columns: 18,
    tail: "ON CONFLICT (account, inquiry, seq, property) DO NOTHING",
};

pub(crate) const CORRECTIONS_PUT: ManyRows = ManyRows {
    name: "CORRECTIONS_PUT",
    head: "INSERT INTO corrections (account, inquiry, seq, property, kind, value_doc, by_id, seen_at)",
    columns: 8,
    tail: "ON CONFLICT (account, inquiry, seq, property) DO NOTHING",
};

statements! {
    FIELD_WRITES_OF_INQUIRY = concat!("SELECT ", columns!(), " FROM field_writes WHERE account = $1 AND inquiry = $2 ORDER BY seq, property");
    FIELD_WRITES_OF_VERSION = concat!("SELECT ", columns!(), " FROM field_writes WHERE account = $1 AND contract = $2 AND version = $3 \
        AND at >= $4 AND at < $5 ORDER BY at, inquiry, seq, property LIMIT $6");
    FIELD_WRITES_BETWEEN = concat!("SELECT ", columns!(), " FROM field_writes WHERE account = $1 AND at >= $2 AND at < $3 \
        AND (CAST($4 AS TEXT) IS NULL OR field = $4 OR object || '.' || property = $4) AND (CAST($5 AS BIGINT) IS NULL OR version = $5) \
        ORDER BY at, inquiry, seq, property LIMIT $6");
    FIELD_WRITES_OF_RECORD = concat!("SELECT ", columns!(), " FROM field_writes WHERE account = $1 AND object = $2 AND record = $3 \
        ORDER BY at, inquiry, seq, property");
    FIELD_WRITES_COUNT = concat!("SELECT COUNT(*) FROM field_writes WHERE ", by_clause!());
    FIELD_WRITE_NTH = concat!("SELECT ", columns!(), " FROM field_writes WHERE ", by_clause!(), " \
        ORDER BY at, inquiry, seq, property LIMIT 1 OFFSET $5");
    FIELD_WRITES_PER_FIELD = "SELECT field, COUNT(*) AS written FROM field_writes WHERE account = $1 AND at >= $2 AND at < $3 \
        AND clause NOT LIKE 'rollback.%' GROUP BY field ORDER BY field";
    CORRECTED_BETWEEN = "SELECT c.inquiry, c.property, c.kind, c.value_doc, c.by_id, c.seen_at, w.at, w.object, w.record, w.field, \
        w.actor, w.is_doc FROM corrections c JOIN field_writes w ON w.account = c.account AND w.inquiry = c.inquiry \
        AND w.seq = c.seq AND w.property = c.property WHERE c.account = $1 AND c.seen_at >= $2 AND c.seen_at < $3 \
        ORDER BY c.seen_at DESC, c.inquiry, c.seq, c.property LIMIT $4";
    CORRECTIONS_OF = "SELECT account, inquiry, seq, property, kind, value_doc, by_id, seen_at FROM corrections \
        WHERE account = $1 AND inquiry = $2 ORDER BY seq, property";
    CORRECTIONS_SINCE = "SELECT account, inquiry, seq, property, kind, value_doc, by_id, seen_at FROM corrections \
        WHERE account = $1 AND seen_at >= $2 ORDER BY seen_at, inquiry, seq, property LIMIT $3";
}

/// Stores those that are not stored yet; gives how many.
pub async fn field_writes_put_once(tx: &mut Tx, writes: &[FieldWriteRow]) -> Result<u64, Error> {
    Ok(exec_many!(tx, FIELD_WRITES_PUT, writes, |query, row| query
        .bind(&row.account)
        .bind(&row.inquiry)
        .bind(row.seq)
        .bind(&row.property)
        .bind(row.at)
        .bind(&row.object)
        .bind(&row.record)
        .bind(&row.field)
        .bind(&row.clause)
        .bind(&row.contract)
        .bind(row.version)
        .bind(&row.source)
        .bind(&row.origin)
        .bind(&row.actor)
        .bind(row.confidence)
        .bind(&row.effect)
        .bind(&row.was_doc)
        .bind(&row.is_doc)))
}

/// Everything that an inquiry wrote, oldest first.
pub async fn field_writes_of_inquiry(tx: &mut Tx, account: &str, inquiry: &str) -> Result<Vec<FieldWriteRow>, Error> {
    rows!(tx, FieldWriteRow, FIELD_WRITES_OF_INQUIRY, account, inquiry)
}

/// Up to `limit` writes by a version of a contract, confirmed from one instant to before another, oldest first.
pub async fn field_writes_of_version(
    tx: &mut Tx,
    account: &str,
    (contract, version): (&str, i64),
    (since, until): (i64, i64),
    limit: u32,
) -> Result<Vec<FieldWriteRow>, Error> {
    rows!(tx, FieldWriteRow, FIELD_WRITES_OF_VERSION, account, contract, version, since, until, i64::from(limit))
}

/// Up to `limit` writes confirmed from one instant to before another, oldest first; to that field (its name, or object and property), by
/// that version of whatever contract.
pub async fn field_writes_between(
    tx: &mut Tx,
    account: &str,
    (since, until): (i64, i64),
    field: Option<&str>,
    version: Option<i64>,
    limit: u32,
) -> Result<Vec<FieldWriteRow>, Error> {
    rows!(tx, FieldWriteRow, FIELD_WRITES_BETWEEN, account, since, until, field, version, i64::from(limit))
}

/// Every write to a record, oldest first.
pub async fn field_writes_of_record(
    tx: &mut Tx,
    account: &str,
    object: &str,
    record: &str,
) -> Result<Vec<FieldWriteRow>, Error> {
    rows!(tx, FieldWriteRow, FIELD_WRITES_OF_RECORD, account, object, record)
}

/// Stores those corrections that are not stored yet; gives how many.
pub async fn corrections_put_once(tx: &mut Tx, corrections: &[CorrectionRow]) -> Result<u64, Error> {
    Ok(exec_many!(tx, CORRECTIONS_PUT, corrections, |query, row| query
        .bind(&row.account)
        .bind(&row.inquiry)
        .bind(row.seq)
        .bind(&row.property)
        .bind(&row.kind)
        .bind(&row.value_doc)
        .bind(&row.by_id)
        .bind(row.seen_at)))
}

/// Up to `limit` corrections seen from an instant on, oldest first.
pub async fn corrections_since(tx: &mut Tx, account: &str, at: i64, limit: u32) -> Result<Vec<CorrectionRow>, Error> {
    rows!(tx, CorrectionRow, CORRECTIONS_SINCE, account, at, i64::from(limit))
}

/// The corrections of what an inquiry wrote, in the order of its writes.
pub async fn corrections_of(tx: &mut Tx, account: &str, inquiry: &str) -> Result<Vec<CorrectionRow>, Error> {
    rows!(tx, CorrectionRow, CORRECTIONS_OF, account, inquiry)
}

/// How many values that actor wrote by a clause to a field, confirmed from one instant to before another; what was emptied is none.
pub async fn field_writes_count(
    tx: &mut Tx,
    account: &str,
    (since, until): (i64, i64),
    actor: &str,
) -> Result<i64, Error> {
    crate::tx::value!(tx, i64, FIELD_WRITES_COUNT, account, since, until, actor)
}

/// The one at that place among them, counted from 0, oldest first.
pub async fn field_write_nth(
    tx: &mut Tx,
    account: &str,
    (since, until): (i64, i64),
    actor: &str,
    place: i64,
) -> Result<Option<FieldWriteRow>, Error> {
    crate::tx::row!(tx, FieldWriteRow, FIELD_WRITE_NTH, account, since, until, actor, place)
}

/// How many values were written to each field, confirmed from one instant to before another; what rollbacks put back is none.
pub async fn field_writes_per_field(
    tx: &mut Tx,
    account: &str,
    (since, until): (i64, i64),
) -> Result<Vec<WrittenCount>, Error> {
    rows!(tx, WrittenCount, FIELD_WRITES_PER_FIELD, account, since, until)
}

/// Up to `limit` corrections seen from one instant to before another, newest first, each with its write.
pub async fn corrected_between(
    tx: &mut Tx,
    account: &str,
    (since, until): (i64, i64),
    limit: u32,
) -> Result<Vec<CorrectedRow>, Error> {
    rows!(tx, CorrectedRow, CORRECTED_BETWEEN, account, since, until, i64::from(limit))
}
