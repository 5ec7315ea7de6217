//! Rollbacks and their items. Every change of state names the state it leads from, and its rows are counted.

use crate::Error;
use crate::dialect::{ManyRows, exec_many};
use crate::tx::{Tx, decodes, exec, exec_if, row, rows, statements, value};

/// One rollback.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct RollbackRow {
    /// Account.
    pub account: String,
    /// Id, unique in the account.
    pub id: String,
    /// Which writes, JSON.
    pub scope: String,
    /// `running`, `done`.
    pub state: String,
    /// Why, in the words of who began it.
    pub reason: String,
    /// Who began it.
    pub by_id: String,
    /// Digest of the preview that was agreed to.
    pub preview_digest: String,
    /// What the preview counted and named besides its items, JSON without values.
    pub preview: String,
    /// When, microseconds UTC.
    pub started_at: i64,
    /// When it is looked at again.
    pub due_at: i64,
    /// When everything had come to its end.
    pub done_at: Option<i64>,
}
decodes!(RollbackRow {
    account,
    id,
    scope,
    state,
    reason,
    by_id,
    preview_digest,
    preview,
    started_at,
    due_at,
    done_at
});

/// What it does to one record.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct RollbackItemRow {
    /// Account.
    pub account: String,
    /// The rollback.
    pub rollback: String,
    /// Counts its items from 1.
    pub n: i64,
    /// Inquiry whose writes go back.
    pub inquiry: String,
    /// Lane they went through.
    pub lane: String,
    /// Kind word of the record.
    pub object: String,
    /// The vendor's id of the record.
    pub record: String,
    /// Property, document ids of both values, what became of it; JSON.
    pub fields: String,
    /// `planned`, `sent`, `told`, `spared`.
    pub state: String,
    /// The effect that brings it about.
    pub effect: Option<String>,
}
decodes!(RollbackItemRow { account, rollback, n, inquiry, lane, object, record, fields, state, effect });

macro_rules! columns {
    () => {
        "account, id, scope, state, reason, by_id, preview_digest, preview, started_at, due_at, done_at"
    };
}
macro_rules! item_columns {
    () => {
        "account, rollback, n, inquiry, lane, object, record, fields, state, effect"
    };
}

pub(crate) const ROLLBACK_ITEMS_INSERT: ManyRows = ManyRows {
    name: "ROLLBACK_ITEMS_INSERT",
    head: concat!("INSERT INTO rollback_items (", item_columns!(), ")"),
    columns: 10,
    tail: "",
};

statements! {
    ROLLBACK_INSERT = concat!("INSERT INTO rollbacks (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)");
    ROLLBACK_GET = concat!("SELECT ", columns!(), " FROM rollbacks WHERE account = $1 AND id = $2");
    ROLLBACKS_LIST = concat!("SELECT ", columns!(), " FROM rollbacks WHERE account = $1 AND (started_at, id) < ($2, $3) \
        ORDER BY started_at DESC, id DESC LIMIT $4");
    ROLLBACKS_DUE = concat!("SELECT ", columns!(), " FROM rollbacks WHERE state = 'running' AND due_at <= $1 ORDER BY due_at, id LIMIT $2");
    ROLLBACK_NEXT_DUE_AT = "SELECT MIN(due_at) FROM rollbacks WHERE state = 'running'";
    ROLLBACK_PUT_OFF_IF = "UPDATE rollbacks SET due_at = $3 WHERE account = $1 AND id = $2 AND state = 'running'";
    ROLLBACK_FINISH_IF = "UPDATE rollbacks SET state = 'done', done_at = $3 WHERE account = $1 AND id = $2 AND state = 'running'";
    ROLLBACK_ITEMS_OF = concat!("SELECT ", item_columns!(), " FROM rollback_items WHERE account = $1 AND rollback = $2 ORDER BY n");
    ROLLBACK_ITEM_MOVE_IF = "UPDATE rollback_items SET state = $5, fields = $6, effect = $7 \
        WHERE account = $1 AND rollback = $2 AND n = $3 AND state = $4";
}

/// Stores a rollback with its items; [`Error::Conflict`] when its id is taken.
pub async fn rollback_insert(tx: &mut Tx, row: &RollbackRow, items: &[RollbackItemRow]) -> Result<(), Error> {
    exec!(
        tx,
        ROLLBACK_INSERT,
        &row.account,
        &row.id,
        &row.scope,
        &row.state,
        &row.reason,
        &row.by_id,
        &row.preview_digest,
        &row.preview,
        row.started_at,
        row.due_at,
        row.done_at
    )?;
    let touched = exec_many!(tx, ROLLBACK_ITEMS_INSERT, items, |query, item| query
        .bind(&item.account)
        .bind(&item.rollback)
        .bind(item.n)
        .bind(&item.inquiry)
        .bind(&item.lane)
        .bind(&item.object)
        .bind(&item.record)
        .bind(&item.fields)
        .bind(&item.state)
        .bind(&item.effect));
    tx.touched(touched, items.len() as u64, ROLLBACK_ITEMS_INSERT.name)
}

/// One rollback.
pub async fn rollback_get(tx: &mut Tx, account: &str, id: &str) -> Result<Option<RollbackRow>, Error> {
    row!(tx, RollbackRow, ROLLBACK_GET, account, id)
}

/// Rollbacks, newest first.
pub async fn rollbacks_list(
    tx: &mut Tx,
    account: &str,
    limit: u32,
    before: &crate::Before,
) -> Result<Vec<RollbackRow>, Error> {
    rows!(tx, RollbackRow, ROLLBACKS_LIST, account, before.at, &before.id, i64::from(limit))
}

/// Up to `limit` running ones that want to be looked at, of all accounts.
pub async fn rollbacks_due(tx: &mut Tx, now: i64, limit: u32) -> Result<Vec<RollbackRow>, Error> {
    rows!(tx, RollbackRow, ROLLBACKS_DUE, now, i64::from(limit))
}

/// When the next running one wants to be looked at, of all accounts.
pub async fn rollback_next_due_at(tx: &mut Tx) -> Result<Option<i64>, Error> {
    value!(tx, Option<i64>, ROLLBACK_NEXT_DUE_AT)
}

/// Looks at it again then; `false` when it is not running.
pub async fn rollback_put_off_if(tx: &mut Tx, account: &str, id: &str, due_at: i64) -> Result<bool, Error> {
    exec_if!(tx, ROLLBACK_PUT_OFF_IF, account, id, due_at)
}

/// Everything came to its end; `false` when it was not running.
pub async fn rollback_finish_if(tx: &mut Tx, account: &str, id: &str, at: i64) -> Result<bool, Error> {
    exec_if!(tx, ROLLBACK_FINISH_IF, account, id, at)
}

/// The items of a rollback, in order.
pub async fn rollback_items_of(tx: &mut Tx, account: &str, rollback: &str) -> Result<Vec<RollbackItemRow>, Error> {
    rows!(tx, RollbackItemRow, ROLLBACK_ITEMS_OF, account, rollback)
}

/// Moves an item on to `item.state` with what became of it; `false` when it is not in the state it was in.
pub async fn rollback_item_move_if(tx: &mut Tx, item: &RollbackItemRow, from: &str) -> Result<bool, Error> {
    exec_if!(
        tx,
        ROLLBACK_ITEM_MOVE_IF,
        &item.account,
        &item.rollback,
        item.n,
        from,
        &item.state,
        &item.fields,
        &item.effect
    )
}
