//! People: identity, suppression and consent by keyed hash; what can be dialled lives in documents.

use crate::Error;
use crate::tx::{Tx, decodes, exec_one, row, statements};

/// One caller, as the account knows them.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct PersonRow {
    /// Account.
    pub account: String,
    /// Keyed hash of number or address.
    pub person_key: String,
    /// What was hashed: phone, email.
    pub kind: String,
    /// Which key hashed it.
    pub key_id: String,
    /// Document with the number or address itself.
    pub document: Option<String>,
    /// Suppressions, JSON.
    pub suppression: String,
    /// Consents, JSON.
    pub consent: String,
    /// Records of this person in the account's CRMs, JSON.
    pub crm_ids: String,
    /// Last change, microseconds UTC.
    pub updated_at: i64,
}
decodes!(PersonRow { account, person_key, kind, key_id, document, suppression, consent, crm_ids, updated_at });

macro_rules! columns {
    () => {
        "account, person_key, kind, key_id, document, suppression, consent, crm_ids, updated_at"
    };
}

statements! {
    PERSON_UPSERT = concat!("INSERT INTO people (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
        ON CONFLICT (account, person_key) DO UPDATE SET kind = excluded.kind, key_id = excluded.key_id, document = excluded.document, \
        suppression = excluded.suppression, consent = excluded.consent, crm_ids = excluded.crm_ids, updated_at = excluded.updated_at");
    PERSON_GET = concat!("SELECT ", columns!(), " FROM people WHERE account = $1 AND person_key = $2");
}

/// Creates or replaces a person.
pub async fn person_upsert(tx: &mut Tx, row: &PersonRow) -> Result<(), Error> {
    exec_one!(
        tx,
        PERSON_UPSERT,
        &row.account,
        &row.person_key,
        &row.kind,
        &row.key_id,
        &row.document,
        &row.suppression,
        &row.consent,
        &row.crm_ids,
        row.updated_at
    )
}

/// One person.
pub async fn person_get(tx: &mut Tx, account: &str, person_key: &str) -> Result<Option<PersonRow>, Error> {
    row!(tx, PersonRow, PERSON_GET, account, person_key)
}
