//! Inquiries: one per caller's need.

use crate::dialect::{InList, rows_in};
use crate::tx::{Tx, decodes, exec_if, row, rows, statements};
use crate::{Before, Error};

/// One caller's need, from first signal to outcome.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct InquiryRow {
    /// Account.
    pub account: String,
    /// Id, unique in the account.
    pub id: String,
    /// The inquiry's state, JSON.
    pub snapshot: String,
    /// Counts changes; see the module's conventions.
    pub version: i64,
    /// State word.
    pub state: String,
    /// While present, no other inquiry of the account can have the same: account, caller, location policy.
    pub open_key: Option<String>,
    /// Location that must answer.
    pub location: Option<String>,
    /// Key of the caller.
    pub person_key: Option<String>,
    /// Urgency word.
    pub urgency: Option<String>,
    /// How the call ended.
    pub category: Option<String>,
    /// Who must call back.
    pub owner: Option<String>,
    /// Tier that owns it.
    pub tier: i64,
    /// By when, microseconds UTC.
    pub due_at: Option<i64>,
    /// The list on which people see it; absent when nobody has to do anything.
    pub queue: Option<String>,
    /// First signal, microseconds UTC.
    pub opened_at: i64,
    /// Outcome, microseconds UTC.
    pub closed_at: Option<i64>,
    /// Last change of the row.
    pub updated_at: i64,
}
decodes!(InquiryRow {
    account,
    id,
    snapshot,
    version,
    state,
    open_key,
    location,
    person_key,
    urgency,
    category,
    owner,
    tier,
    due_at,
    queue,
    opened_at,
    closed_at,
    updated_at
});

/// One line of the console's totals.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct QueueCount {
    /// The queue.
    pub queue: String,
    /// Open inquiries in it.
    pub open: i64,
    /// Those past their `due_at`.
    pub overdue: i64,
    /// The earliest `due_at` among them.
    pub earliest_due_at: Option<i64>,
}
decodes!(QueueCount { queue, open, overdue, earliest_due_at });

/// Which inquiry, whose, where and when.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct OpenedRow {
    /// Id, unique in the account.
    pub id: String,
    /// Location that must answer.
    pub location: Option<String>,
    /// Key of the caller.
    pub person_key: Option<String>,
    /// First signal, microseconds UTC.
    pub opened_at: i64,
}
decodes!(OpenedRow { id, location, person_key, opened_at });

macro_rules! columns {
    () => {
        "account, id, snapshot, version, state, open_key, location, person_key, urgency, category, owner, tier, due_at, queue, \
         opened_at, closed_at, updated_at"
    };
}

macro_rules! queue_head {
    () => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM inquiries WHERE account = $1 AND closed_at IS NULL AND queue IS NOT NULL "
        )
    };
}

macro_rules! counts_head {
    () => {
        "SELECT queue, COUNT(*) AS open, COUNT(*) FILTER (WHERE due_at <= $2) AS overdue, MIN(due_at) AS earliest_due_at \
         FROM inquiries WHERE account = $1 AND closed_at IS NULL AND queue IS NOT NULL "
    };
}

pub(crate) const INQUIRIES_QUEUE_IN: InList = InList {
    name: "INQUIRIES_QUEUE_IN",
    head: concat!(queue_head!(), "AND location IN"),
    first: 2,
    tail: "ORDER BY due_at NULLS LAST, opened_at, id LIMIT $2",
};

pub(crate) const QUEUE_COUNTS_IN: InList = InList {
    name: "QUEUE_COUNTS_IN",
    head: concat!(counts_head!(), "AND location IN"),
    first: 2,
    tail: "GROUP BY queue ORDER BY queue",
};

statements! {
    INQUIRY_GET = concat!("SELECT ", columns!(), " FROM inquiries WHERE account = $1 AND id = $2");
    INQUIRY_OPEN_BY_KEY = concat!("SELECT ", columns!(), " FROM inquiries WHERE account = $1 AND open_key = $2 AND open_key IS NOT NULL");
    INQUIRY_INSERT_ONCE = concat!("INSERT INTO inquiries (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, \
        $13, $14, $15, $16, $17) ON CONFLICT (account, open_key) WHERE open_key IS NOT NULL DO NOTHING");
    INQUIRY_UPDATE_IF = "UPDATE inquiries SET snapshot = $4, version = version + 1, state = $5, open_key = $6, location = $7, \
        person_key = $8, urgency = $9, category = $10, owner = $11, tier = $12, due_at = $13, queue = $14, closed_at = $15, updated_at = $16 \
        WHERE account = $1 AND id = $2 AND version = $3";
    INQUIRIES_QUEUE = concat!(queue_head!(), "ORDER BY due_at NULLS LAST, opened_at, id LIMIT $2");
    INQUIRIES_LIST = concat!("SELECT ", columns!(), " FROM inquiries WHERE account = $1 AND ((CAST($2 AS TEXT) IS NULL AND state <> 'item') OR state = $2) \
        AND (opened_at, id) < ($3, $4) ORDER BY opened_at DESC, id DESC LIMIT $5");
    INQUIRIES_OPENED = "SELECT id, location, person_key, opened_at FROM inquiries WHERE account = $1 AND opened_at >= $2 \
        AND state <> 'item' AND (opened_at, id) < ($3, $4) ORDER BY opened_at DESC, id DESC LIMIT $5";
    INQUIRIES_OPENED_COUNT = "SELECT COUNT(*) AS n FROM inquiries WHERE account = $1 AND opened_at >= $2 AND state <> 'item'";
    INQUIRIES_OF_PERSON = concat!("SELECT ", columns!(), " FROM inquiries WHERE account = $1 AND person_key = $2 \
        ORDER BY opened_at + 0 DESC, id DESC LIMIT $3");
    INQUIRIES_STANDING_OF_PERSON = concat!("SELECT ", columns!(), " FROM inquiries WHERE account = $1 AND person_key = $2 \
        AND state <> 'closed' ORDER BY opened_at + 0 DESC, id DESC LIMIT $3");
    INQUIRIES_COUNT = "SELECT state, COUNT(*) AS n FROM inquiries WHERE account = $1 GROUP BY state ORDER BY state";
    QUEUE_COUNTS = concat!(counts_head!(), "GROUP BY queue ORDER BY queue");
}

/// One inquiry.
pub async fn inquiry_get(tx: &mut Tx, account: &str, id: &str) -> Result<Option<InquiryRow>, Error> {
    row!(tx, InquiryRow, INQUIRY_GET, account, id)
}

/// The open inquiry of a key.
pub async fn inquiry_open_by_key(tx: &mut Tx, account: &str, open_key: &str) -> Result<Option<InquiryRow>, Error> {
    row!(tx, InquiryRow, INQUIRY_OPEN_BY_KEY, account, open_key)
}

/// Opens an inquiry with the version it has; `false` when the open key is taken: reload that one and step again. On
/// PostgreSQL this waits for a unit that is just opening the same. A taken id is [`Error::Conflict`].
pub async fn inquiry_insert_once(tx: &mut Tx, row: &InquiryRow) -> Result<bool, Error> {
    exec_if!(
        tx,
        INQUIRY_INSERT_ONCE,
        &row.account,
        &row.id,
        &row.snapshot,
        row.version,
        &row.state,
        &row.open_key,
        &row.location,
        &row.person_key,
        &row.urgency,
        &row.category,
        &row.owner,
        row.tier,
        row.due_at,
        &row.queue,
        row.opened_at,
        row.closed_at,
        row.updated_at
    )
}

/// Replaces an inquiry that still has `row.version`, which becomes one more; `false` when another unit changed it.
/// [`Error::Conflict`] when the new open key is another inquiry's.
pub async fn inquiry_update_if(tx: &mut Tx, row: &InquiryRow) -> Result<bool, Error> {
    exec_if!(
        tx,
        INQUIRY_UPDATE_IF,
        &row.account,
        &row.id,
        row.version,
        &row.snapshot,
        &row.state,
        &row.open_key,
        &row.location,
        &row.person_key,
        &row.urgency,
        &row.category,
        &row.owner,
        row.tier,
        row.due_at,
        &row.queue,
        row.closed_at,
        row.updated_at
    )
}

/// Open inquiries that are in a queue, earliest due first, those without a time last. `locations`: `None` for all, else only
/// these (an empty list sees nothing).
pub async fn inquiries_queue(
    tx: &mut Tx,
    account: &str,
    locations: Option<&[String]>,
    limit: u32,
) -> Result<Vec<InquiryRow>, Error> {
    match locations {
        None => rows!(tx, InquiryRow, INQUIRIES_QUEUE, account, i64::from(limit)),
        Some(some) => rows_in!(tx, InquiryRow, INQUIRIES_QUEUE_IN, [account, i64::from(limit)], some, []),
    }
}

/// Inquiries by opening, newest first, of one state or of all that callers opened; what workflows began has the state `item`.
pub async fn inquiries_list(
    tx: &mut Tx,
    account: &str,
    state: Option<&str>,
    limit: u32,
    before: &Before,
) -> Result<Vec<InquiryRow>, Error> {
    rows!(tx, InquiryRow, INQUIRIES_LIST, account, state, before.at, &before.id, i64::from(limit))
}

/// Inquiries that were opened at or after an instant, newest first, without their snapshots.
pub async fn inquiries_opened(
    tx: &mut Tx,
    account: &str,
    since: i64,
    limit: u32,
    before: &Before,
) -> Result<Vec<OpenedRow>, Error> {
    rows!(tx, OpenedRow, INQUIRIES_OPENED, account, since, before.at, &before.id, i64::from(limit))
}

/// How many inquiries were opened at or after an instant.
pub async fn inquiries_opened_count(tx: &mut Tx, account: &str, since: i64) -> Result<i64, Error> {
    let found: Option<(i64,)> = row!(tx, (i64,), INQUIRIES_OPENED_COUNT, account, since)?;
    Ok(found.map_or(0, |(n,)| n))
}

/// The latest inquiries of one caller, newest first, open or not.
pub async fn inquiries_of_person(
    tx: &mut Tx,
    account: &str,
    person_key: &str,
    limit: u32,
) -> Result<Vec<InquiryRow>, Error> {
    rows!(tx, InquiryRow, INQUIRIES_OF_PERSON, account, person_key, i64::from(limit))
}

/// The latest inquiries of one person that are not closed, and what workflows began about them, newest first.
pub async fn inquiries_standing_of_person(
    tx: &mut Tx,
    account: &str,
    person_key: &str,
    limit: u32,
) -> Result<Vec<InquiryRow>, Error> {
    rows!(tx, InquiryRow, INQUIRIES_STANDING_OF_PERSON, account, person_key, i64::from(limit))
}

/// How many inquiries are in each state that occurs.
pub async fn inquiries_count(tx: &mut Tx, account: &str) -> Result<Vec<(String, i64)>, Error> {
    rows!(tx, (String, i64), INQUIRIES_COUNT, account)
}

/// Totals per queue of open inquiries; `locations` as in [`inquiries_queue`].
pub async fn queue_counts(
    tx: &mut Tx,
    account: &str,
    locations: Option<&[String]>,
    now: i64,
) -> Result<Vec<QueueCount>, Error> {
    match locations {
        None => rows!(tx, QueueCount, QUEUE_COUNTS, account, now),
        Some(some) => rows_in!(tx, QueueCount, QUEUE_COUNTS_IN, [account, now], some, []),
    }
}
