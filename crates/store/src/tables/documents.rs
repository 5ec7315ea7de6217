//! Documents: the only place that holds what people said, so that erasing them breaks no chain.

use crate::Error;
use crate::dialect::{InList, ManyRows, exec_many, rows_in};
use crate::tx::{Tx, decodes, exec_if, row, rows, statements};

/// A document, or what is left of an erased one.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct DocumentRow {
    /// Account.
    pub account: String,
    /// Id, unique in the account: a hash of content and class.
    pub id: String,
    /// Retention class.
    pub class: String,
    /// Kind word: request, transcript, page.
    pub kind: String,
    /// The text; absent once erased.
    pub body: Option<String>,
    /// Creation, microseconds UTC.
    pub created_at: i64,
    /// When policy erases it.
    pub expires_at: Option<i64>,
    /// When it was erased.
    pub erased_at: Option<i64>,
    /// Why it was erased.
    pub erased_why: Option<String>,
}
decodes!(DocumentRow { account, id, class, kind, body, created_at, expires_at, erased_at, erased_why });

/// A document to be stored; its account is given beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentNew {
    /// Id, unique in the account.
    pub id: String,
    /// Retention class.
    pub class: String,
    /// Kind word.
    pub kind: String,
    /// The text.
    pub body: String,
    /// Creation, microseconds UTC.
    pub created_at: i64,
    /// When policy erases it.
    pub expires_at: Option<i64>,
}

macro_rules! columns {
    () => {
        "account, id, class, kind, body, created_at, expires_at, erased_at, erased_why"
    };
}

pub(crate) const DOCUMENTS_PUT: ManyRows = ManyRows {
    name: "DOCUMENTS_PUT",
    head: "INSERT INTO documents (account, id, class, kind, body, created_at, expires_at)",
    columns: 7,
    tail: "ON CONFLICT (account, id) DO NOTHING",
};

pub(crate) const DOCUMENTS_GET: InList = InList {
    name: "DOCUMENTS_GET",
    head: concat!("SELECT ", columns!(), " FROM documents WHERE account = $1 AND id IN"),
    first: 1,
    tail: "ORDER BY created_at, id",
};

statements! {
    DOCUMENT_GET = concat!("SELECT ", columns!(), " FROM documents WHERE account = $1 AND id = $2");
    DOCUMENT_ERASE = "UPDATE documents SET body = NULL, erased_at = $3, erased_why = $4 WHERE account = $1 AND id = $2 AND erased_at IS NULL";
    DOCUMENTS_EXPIRE = "UPDATE documents SET body = NULL, erased_at = $1, erased_why = 'expired' WHERE (account, id) IN \
        (SELECT account, id FROM documents WHERE expires_at <= $1 AND erased_at IS NULL ORDER BY expires_at LIMIT $2) \
        AND erased_at IS NULL RETURNING account, id";
}

/// Stores a document; `false` when the id exists. An erased one stays erased.
pub async fn document_put_once(tx: &mut Tx, account: &str, document: &DocumentNew) -> Result<bool, Error> {
    let touched = documents_put_once(tx, account, std::slice::from_ref(document)).await?;
    tx.touched_if(touched, DOCUMENTS_PUT.name)
}

/// Stores those of the documents whose ids do not exist; gives how many. An erased one stays erased.
pub async fn documents_put_once(tx: &mut Tx, account: &str, documents: &[DocumentNew]) -> Result<u64, Error> {
    Ok(exec_many!(tx, DOCUMENTS_PUT, documents, |query, document| query
        .bind(account)
        .bind(&document.id)
        .bind(&document.class)
        .bind(&document.kind)
        .bind(&document.body)
        .bind(document.created_at)
        .bind(document.expires_at)))
}

/// One document.
pub async fn document_get(tx: &mut Tx, account: &str, id: &str) -> Result<Option<DocumentRow>, Error> {
    row!(tx, DocumentRow, DOCUMENT_GET, account, id)
}

/// Those of the ids that exist, oldest first.
pub async fn documents_get(tx: &mut Tx, account: &str, ids: &[String]) -> Result<Vec<DocumentRow>, Error> {
    rows_in!(tx, DocumentRow, DOCUMENTS_GET, [account], ids, [])
}

/// Removes the words; `false` when there are none (unknown, or erased before).
pub async fn document_erase(tx: &mut Tx, account: &str, id: &str, at: i64, why: &str) -> Result<bool, Error> {
    exec_if!(tx, DOCUMENT_ERASE, account, id, at, why)
}

/// Removes the words of up to `limit` documents whose time is over, in all accounts; gives (account, id) of each.
pub async fn documents_expire(tx: &mut Tx, now: i64, limit: u32) -> Result<Vec<(String, String)>, Error> {
    rows!(tx, (String, String), DOCUMENTS_EXPIRE, now, i64::from(limit))
}
