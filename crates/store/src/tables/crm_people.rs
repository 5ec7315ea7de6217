//! Who is in a CRM, by keyed hashes; and what receivers of webhooks have confirmed.

use crate::Error;
use crate::tx::{Tx, decodes, exec, exec_if, exec_one, row, rows, statements, value};

statements! {
    CRM_PERSON_PUT = "INSERT INTO crm_people (account, connection, key_hash, record, seen_at) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (account, connection, key_hash, record) DO UPDATE SET seen_at = excluded.seen_at";
    CRM_PEOPLE_OF_KEY = "SELECT record FROM crm_people WHERE account = $1 AND connection = $2 AND key_hash = $3 ORDER BY seen_at DESC, record LIMIT 8";
    CRM_PERSON_DELETE_OLDER = "DELETE FROM crm_people WHERE account = $1 AND connection = $2 AND record = $3 AND seen_at < $4";
    CRM_PEOPLE_COUNT = "SELECT COUNT(*) FROM (SELECT DISTINCT record FROM crm_people WHERE account = $1 AND connection = $2) AS known";
    ACK_SENT = "INSERT INTO acks (account, connection, record_key, event, sent, body, sent_at) VALUES ($1, $2, $3, $4, $5, '', $6) \
        ON CONFLICT (account, connection, record_key) DO UPDATE SET event = excluded.event, sent = excluded.sent, \
        body = CASE WHEN acks.event = excluded.event AND acks.body NOT LIKE '{\"outcome\":\"refused\"%' THEN acks.body ELSE '' END, \
        acked_at = CASE WHEN acks.event = excluded.event AND acks.body NOT LIKE '{\"outcome\":\"refused\"%' THEN acks.acked_at ELSE NULL END, sent_at = excluded.sent_at";
    ACK_PUT_IF = "UPDATE acks SET body = $5, acked_at = $6 WHERE account = $1 AND connection = $2 AND record_key = $3 AND event = $4";
    ACK_ACCEPTED_IF = "UPDATE acks SET body = 'accepted' WHERE account = $1 AND connection = $2 AND record_key = $3 AND event = $4 AND acked_at IS NULL";
    ACK_GET = "SELECT event, sent, body, sent_at, acked_at, held FROM acks WHERE account = $1 AND connection = $2 AND record_key = $3";
    ACK_HELD_INSERT_IF = "INSERT INTO acks (account, connection, record_key, event, sent, body, sent_at, acked_at, held) \
        VALUES ($1, $2, $3, '', '', '', $4, $4, $5) ON CONFLICT DO NOTHING";
    ACK_HELD_UPDATE_IF = "UPDATE acks SET held = $5 WHERE account = $1 AND connection = $2 AND record_key = $3 AND held = $4";
    ACK_FORGET_IF = "UPDATE acks SET event = '', sent = '', body = '', acked_at = $4 WHERE account = $1 AND connection = $2 AND record_key = $3 \
        AND (acked_at IS NULL OR body LIKE '{\"outcome\":\"refused\"%')";
    ACK_DELETE = "DELETE FROM acks WHERE account = $1 AND connection = $2 AND record_key = $3";
    ACKS_OPEN_COUNT = "SELECT COUNT(*) FROM acks WHERE account = $1 AND connection = $2 AND acked_at IS NULL";
}

/// Notes that a key belongs to a record.
pub async fn crm_person_put(
    tx: &mut Tx,
    account: &str,
    connection: &str,
    key_hash: &str,
    record: &str,
    at: i64,
) -> Result<(), Error> {
    exec_one!(tx, CRM_PERSON_PUT, account, connection, key_hash, record, at)
}

/// The records that a key is known to belong to, latest seen first, 8 at most.
pub async fn crm_people_of_key(
    tx: &mut Tx,
    account: &str,
    connection: &str,
    key_hash: &str,
) -> Result<Vec<String>, Error> {
    Ok(rows!(tx, (String,), CRM_PEOPLE_OF_KEY, account, connection, key_hash)?.into_iter().map(|(r,)| r).collect())
}

/// Forgets what was noted of a record before that moment: keys that it no longer has.
pub async fn crm_person_forget(
    tx: &mut Tx,
    account: &str,
    connection: &str,
    record: &str,
    before: i64,
) -> Result<(), Error> {
    exec!(tx, CRM_PERSON_DELETE_OLDER, account, connection, record, before).map(|_| ())
}

/// How many records are known.
pub async fn crm_people_count(tx: &mut Tx, account: &str, connection: &str) -> Result<i64, Error> {
    value!(tx, i64, CRM_PEOPLE_COUNT, account, connection)
}

/// Notes that an event about a record was sent to a receiver that confirms: the operation as it was sent. What was confirmed of an earlier
/// content says nothing of this one; of the same event it stands, unless it was a refusal: whoever sends again asks again.
pub async fn ack_sent(
    tx: &mut Tx,
    account: &str,
    connection: &str,
    key: &str,
    event: &str,
    sent: &str,
    at: i64,
) -> Result<(), Error> {
    exec_one!(tx, ACK_SENT, account, connection, key, event, sent, at)
}

/// Stores what a receiver confirmed of an event; `false` when another event about that record was sent since, or none.
pub async fn ack_put_if(
    tx: &mut Tx,
    account: &str,
    connection: &str,
    key: &str,
    event: &str,
    body: &str,
    at: i64,
) -> Result<bool, Error> {
    exec_if!(tx, ACK_PUT_IF, account, connection, key, event, body, at)
}

/// Notes that the receiver took the message; nothing more. `false` when it was confirmed already, or another event was sent since.
pub async fn ack_accepted_if(
    tx: &mut Tx,
    account: &str,
    connection: &str,
    key: &str,
    event: &str,
) -> Result<bool, Error> {
    exec_if!(tx, ACK_ACCEPTED_IF, account, connection, key, event)
}

/// What a receiver has confirmed of a record.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct AckRow {
    /// The event that was sent last; empty when none is waited for.
    pub event: String,
    /// The operation as it was sent, JSON.
    pub sent: String,
    /// What was confirmed, JSON; `accepted` when the message was taken, empty when nobody knows.
    pub body: String,
    /// When it was sent, microseconds UTC.
    pub sent_at: i64,
    /// When it was confirmed.
    pub acked_at: Option<i64>,
    /// What the record holds by all that was confirmed of it, JSON; kept by the receiver's id of the record, else empty.
    pub held: String,
}
decodes!(AckRow { event, sent, body, sent_at, acked_at, held });

/// What is known of a record.
pub async fn ack_get(tx: &mut Tx, account: &str, connection: &str, key: &str) -> Result<Option<AckRow>, Error> {
    row!(tx, AckRow, ACK_GET, account, connection, key)
}

/// Keeps what a record holds by what was confirmed of it. `was`: what was kept before; `None`: there was no row. `false` when somebody was
/// faster: read it again.
pub async fn ack_held_put_if(
    tx: &mut Tx,
    account: &str,
    connection: &str,
    key: &str,
    was: Option<&str>,
    held: &str,
    at: i64,
) -> Result<bool, Error> {
    match was {
        None => exec_if!(tx, ACK_HELD_INSERT_IF, account, connection, key, at, held),
        Some(was) => exec_if!(tx, ACK_HELD_UPDATE_IF, account, connection, key, was, held),
    }
}

/// Nothing more is waited for of the message about that record, and its refusal does not count any more: it is going to be sent again. `false`
/// when there was nothing of that kind.
pub async fn ack_forget_if(tx: &mut Tx, account: &str, connection: &str, key: &str, at: i64) -> Result<bool, Error> {
    exec_if!(tx, ACK_FORGET_IF, account, connection, key, at)
}

/// Removes what was sent and confirmed about a record: its person is to be forgotten. `false` when nothing was held.
pub async fn ack_delete(tx: &mut Tx, account: &str, connection: &str, key: &str) -> Result<bool, Error> {
    exec_if!(tx, ACK_DELETE, account, connection, key)
}

/// How many records were sent and are not confirmed.
pub async fn acks_open_count(tx: &mut Tx, account: &str, connection: &str) -> Result<i64, Error> {
    value!(tx, i64, ACKS_OPEN_COUNT, account, connection)
}
