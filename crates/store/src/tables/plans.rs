//! Plans: what was decided at one moment. Immutable.

use crate::Error;
use crate::tx::{Tx, decodes, exec, row, rows, statements};

/// One plan.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct PlanRow {
    /// Account.
    pub account: String,
    /// Id, unique in the account.
    pub id: String,
    /// Inquiry it is about.
    pub inquiry: String,
    /// Counts up within the inquiry.
    pub n: i64,
    /// The plan that it supersedes.
    pub parent: Option<String>,
    /// Id of the contract version.
    pub contract: String,
    /// When it was decided, microseconds UTC.
    pub at: i64,
    /// Schema version of the body.
    pub schema: i64,
    /// JSON.
    pub body: String,
}
decodes!(PlanRow { account, id, inquiry, n, parent, contract, at, schema, body });

macro_rules! columns {
    () => {
        "account, id, inquiry, n, parent, contract, at, schema, body"
    };
}

statements! {
    PLAN_INSERT = concat!("INSERT INTO plans (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)");
    PLAN_GET = concat!("SELECT ", columns!(), " FROM plans WHERE account = $1 AND id = $2");
    PLAN_SCRUB = "UPDATE plans SET body = $3 WHERE account = $1 AND id = $2";
    PLANS_OF = concat!("SELECT ", columns!(), " FROM plans WHERE account = $1 AND inquiry = $2 ORDER BY n");
}

/// Stores a plan; [`Error::Conflict`] when another unit planned number `n` of this inquiry first.
pub async fn plan_insert(tx: &mut Tx, row: &PlanRow) -> Result<(), Error> {
    exec!(
        tx,
        PLAN_INSERT,
        &row.account,
        &row.id,
        &row.inquiry,
        row.n,
        &row.parent,
        &row.contract,
        row.at,
        row.schema,
        &row.body
    )
    .map(|_| ())
}

/// One plan.
pub async fn plan_get(tx: &mut Tx, account: &str, id: &str) -> Result<Option<PlanRow>, Error> {
    row!(tx, PlanRow, PLAN_GET, account, id)
}

/// The plans of an inquiry, in order.
pub async fn plans_of(tx: &mut Tx, account: &str, inquiry: &str) -> Result<Vec<PlanRow>, Error> {
    rows!(tx, PlanRow, PLANS_OF, account, inquiry)
}

/// Takes the words out of a plan, for the erasure of a person only; what was decided stays in the entries.
pub async fn plan_scrub(tx: &mut Tx, account: &str, id: &str, body: &str) -> Result<(), Error> {
    crate::tx::exec_one!(tx, PLAN_SCRUB, account, id, body)
}
