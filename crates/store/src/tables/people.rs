//! People: identity, suppression and consent by keyed hash; what can be dialled lives in documents.

use crate::Error;
use crate::tx::{Tx, decodes, exec_if, exec_one, row, statements};

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

macro_rules! suppress_head {
    () => {
        concat!(
            "INSERT INTO people (",
            columns!(),
            ") VALUES ($1, $2, $3, $4, NULL, $5, '{}', '[]', $6) ON CONFLICT (account, person_key) DO "
        )
    };
}

statements! {
    PERSON_SUPPRESS = concat!(suppress_head!(), "UPDATE SET suppression = excluded.suppression, updated_at = excluded.updated_at");
    PERSON_SUPPRESS_ONCE = concat!(suppress_head!(), "NOTHING");
    PERSON_SUPPRESSION_CHANGE_IF = "UPDATE people SET suppression = $4, updated_at = $5 \
        WHERE account = $1 AND person_key = $2 AND suppression = $3";
    PERSON_GET = concat!("SELECT ", columns!(), " FROM people WHERE account = $1 AND person_key = $2");
}

/// Keeps a suppression with a person, known or not, whatever was kept before; everything else of them stays. `key` is the keyed hash, its kind
/// and the id of the key that hashed it.
pub async fn person_suppress(
    tx: &mut Tx,
    account: &str,
    (person_key, kind, key_id): (&str, &str, &str),
    suppression: &str,
    at: i64,
) -> Result<(), Error> {
    exec_one!(tx, PERSON_SUPPRESS, account, person_key, kind, key_id, suppression, at)
}

/// The same of somebody who has no row; `false`: they have one by now, and it stays as it is.
pub async fn person_suppress_once(
    tx: &mut Tx,
    account: &str,
    (person_key, kind, key_id): (&str, &str, &str),
    suppression: &str,
    at: i64,
) -> Result<bool, Error> {
    exec_if!(tx, PERSON_SUPPRESS_ONCE, account, person_key, kind, key_id, suppression, at)
}

/// Changes a suppression that is still the one that was read; `false` when it is another by now.
pub async fn person_suppression_change_if(
    tx: &mut Tx,
    account: &str,
    person_key: &str,
    (was, is): (&str, &str),
    at: i64,
) -> Result<bool, Error> {
    exec_if!(tx, PERSON_SUPPRESSION_CHANGE_IF, account, person_key, was, is, at)
}

/// One person.
pub async fn person_get(tx: &mut Tx, account: &str, person_key: &str) -> Result<Option<PersonRow>, Error> {
    row!(tx, PersonRow, PERSON_GET, account, person_key)
}
