//! Reviews: what waits for a person's decision.

use crate::dialect::{InList, rows_in};
use crate::tx::{Tx, decodes, exec_if, row, rows, statements};
use crate::{After, Before, Error};

/// One question to a person.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ReviewRow {
    /// Account.
    pub account: String,
    /// Id, unique in the account.
    pub id: String,
    /// Inquiry it is about.
    pub inquiry: String,
    /// Kind word.
    pub kind: String,
    /// `open` until it is decided.
    pub state: String,
    /// Digest of the exact change an approval is bound to.
    pub digest: String,
    /// The question, JSON.
    pub body: String,
    /// When it was asked, microseconds UTC.
    pub opened_at: i64,
    /// When it was decided.
    pub decided_at: Option<i64>,
    /// Who decided.
    pub decided_by: Option<String>,
    /// What was decided, JSON.
    pub decision: Option<String>,
}
decodes!(ReviewRow { account, id, inquiry, kind, state, digest, body, opened_at, decided_at, decided_by, decision });

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewDecision {
    /// The state it leads to.
    pub state: String,
    /// When, microseconds UTC.
    pub at: i64,
    /// Who.
    pub by: String,
    /// What, JSON.
    pub decision: String,
}

macro_rules! columns {
    () => {
        "account, id, inquiry, kind, state, digest, body, opened_at, decided_at, decided_by, decision"
    };
}

macro_rules! open_head {
    () => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM reviews WHERE account = $1 AND state = 'open' AND (CAST($2 AS TEXT) IS NULL OR kind = $2) \
             AND (opened_at, id) > ($3, $4) "
        )
    };
}

/// Of some locations: whose inquiry belongs to one of them.
pub(crate) const REVIEWS_OPEN_IN: InList = InList {
    name: "REVIEWS_OPEN_IN",
    head: concat!(
        open_head!(),
        "AND EXISTS (SELECT 1 FROM inquiries WHERE inquiries.account = reviews.account AND inquiries.id = reviews.inquiry \
         AND inquiries.location IN"
    ),
    first: 5,
    tail: ") ORDER BY opened_at, id LIMIT $5",
};

pub(crate) const REVIEWS_OPEN_COUNT_IN: InList = InList {
    name: "REVIEWS_OPEN_COUNT_IN",
    head: "SELECT COUNT(*) FROM reviews WHERE account = $1 AND state = 'open' AND EXISTS (SELECT 1 FROM inquiries \
           WHERE inquiries.account = reviews.account AND inquiries.id = reviews.inquiry AND inquiries.location IN",
    first: 1,
    tail: ")",
};

statements! {
    REVIEW_INSERT_ONCE = concat!("INSERT INTO reviews (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
        ON CONFLICT (account, id) DO NOTHING");
    REVIEW_GET = concat!("SELECT ", columns!(), " FROM reviews WHERE account = $1 AND id = $2");
    REVIEWS_OPEN = concat!(open_head!(), "ORDER BY opened_at, id LIMIT $5");
    REVIEWS_OPEN_COUNT = "SELECT COUNT(*) FROM reviews WHERE account = $1 AND state = 'open'";
    REVIEW_DECIDE_IF_OPEN = "UPDATE reviews SET state = $4, decided_at = $5, decided_by = $6, decision = $7 \
        WHERE account = $1 AND id = $2 AND digest = $3 AND state = 'open'";
    REVIEW_SCRUB = "UPDATE reviews SET body = $3, decision = $4 WHERE account = $1 AND id = $2";
    REVIEWS_DECIDED = concat!("SELECT ", columns!(), " FROM reviews WHERE account = $1 AND state = 'decided' AND decided_at >= $2 \
        AND (decided_at, id) < ($3, $4) ORDER BY decided_at DESC, id DESC LIMIT $5");
    REVIEWS_OPEN_OF = "SELECT COUNT(*) FROM reviews WHERE account = $1 AND state = 'open' AND kind = $2";
    REVIEW_VOID_IF_OPEN = "UPDATE reviews SET state = 'void', decided_at = $3, decided_by = '', decision = '' \
        WHERE account = $1 AND id = $2 AND state = 'open'";
    REVIEWS_OF_INQUIRY = concat!("SELECT ", columns!(), " FROM reviews WHERE account = $1 AND inquiry = $2 ORDER BY opened_at, id");
}

/// Asks; `false` when the id exists.
pub async fn review_insert_once(tx: &mut Tx, row: &ReviewRow) -> Result<bool, Error> {
    exec_if!(
        tx,
        REVIEW_INSERT_ONCE,
        &row.account,
        &row.id,
        &row.inquiry,
        &row.kind,
        &row.state,
        &row.digest,
        &row.body,
        row.opened_at,
        row.decided_at,
        &row.decided_by,
        &row.decision
    )
}

/// One review.
pub async fn review_get(tx: &mut Tx, account: &str, id: &str) -> Result<Option<ReviewRow>, Error> {
    row!(tx, ReviewRow, REVIEW_GET, account, id)
}

/// Open reviews, oldest first, of one kind or of all. `locations`: `None` for all, else only those whose inquiry belongs to one of these (an
/// empty list sees nothing).
pub async fn reviews_open(
    tx: &mut Tx,
    account: &str,
    kind: Option<&str>,
    locations: Option<&[String]>,
    limit: u32,
    after: &After,
) -> Result<Vec<ReviewRow>, Error> {
    let limit = i64::from(limit);
    match locations {
        None => rows!(tx, ReviewRow, REVIEWS_OPEN, account, kind, after.at, &after.id, limit),
        Some(some) => {
            rows_in!(tx, ReviewRow, REVIEWS_OPEN_IN, [account, kind, after.at, &after.id, limit], some, [])
        }
    }
}

/// How many reviews are open; `locations` as in [`reviews_open`].
pub async fn reviews_open_count(tx: &mut Tx, account: &str, locations: Option<&[String]>) -> Result<i64, Error> {
    match locations {
        None => crate::tx::value!(tx, i64, REVIEWS_OPEN_COUNT, account),
        Some(some) => {
            let rows: Vec<(i64,)> = rows_in!(tx, (i64,), REVIEWS_OPEN_COUNT_IN, [account], some, [])?;
            Ok(rows.first().map_or(0, |(n,)| *n))
        }
    }
}

/// Decides an open review about exactly the change of `digest`; `false` when it is decided already or about another change.
pub async fn review_decide_if_open(
    tx: &mut Tx,
    account: &str,
    id: &str,
    digest: &str,
    decision: &ReviewDecision,
) -> Result<bool, Error> {
    exec_if!(
        tx,
        REVIEW_DECIDE_IF_OPEN,
        account,
        id,
        digest,
        &decision.state,
        decision.at,
        &decision.by,
        &decision.decision
    )
}

/// The reviews of an inquiry, oldest first.
pub async fn reviews_of_inquiry(tx: &mut Tx, account: &str, inquiry: &str) -> Result<Vec<ReviewRow>, Error> {
    rows!(tx, ReviewRow, REVIEWS_OF_INQUIRY, account, inquiry)
}

/// Reviews that were answered at or after an instant, newest first, before that place.
pub async fn reviews_decided(
    tx: &mut Tx,
    account: &str,
    since: i64,
    limit: u32,
    before: &Before,
) -> Result<Vec<ReviewRow>, Error> {
    rows!(tx, ReviewRow, REVIEWS_DECIDED, account, since, before.at, &before.id, i64::from(limit))
}

/// How many reviews of that kind are open.
pub async fn reviews_open_of(tx: &mut Tx, account: &str, kind: &str) -> Result<i64, Error> {
    crate::tx::value!(tx, i64, REVIEWS_OPEN_OF, account, kind)
}

/// Ends an open review that there is nothing left to ask about; `false` when it is not open.
pub async fn review_void_if_open(tx: &mut Tx, account: &str, id: &str, at: i64) -> Result<bool, Error> {
    exec_if!(tx, REVIEW_VOID_IF_OPEN, account, id, at)
}

/// Takes the words out of a question and its answer, for the erasure of a person only.
pub async fn review_scrub(
    tx: &mut Tx,
    account: &str,
    id: &str,
    body: &str,
    decision: Option<&str>,
) -> Result<(), Error> {
    crate::tx::exec_one!(tx, REVIEW_SCRUB, account, id, body, decision)
}
