//! Connections to vendors, with their sealed secrets.

use crate::Error;
use crate::tx::{Tx, decodes, exec_one, row, rows, statements};

/// One connection of one account to one vendor.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ConnectionRow {
    /// Account.
    pub account: String,
    /// Id, unique in the account.
    pub id: String,
    /// Name for people and files, unique in the account.
    pub name: String,
    /// Vendor word of the registry.
    pub vendor: String,
    /// Kind word: source, CRM, messenger, sink.
    pub kind: String,
    /// Settings, JSON.
    pub settings: String,
    /// Secrets, sealed by the engine, as text.
    pub sealed_secrets: String,
    /// Which key sealed them.
    pub key_id: String,
    /// Address, when it is not the vendor's own.
    pub base_url: Option<String>,
    /// Time zone of what this source reports without one.
    pub zone: Option<String>,
    /// Region of phone numbers written without one.
    pub region: Option<String>,
    /// State word.
    pub state: String,
    /// Creation, microseconds UTC.
    pub created_at: i64,
    /// Last change, microseconds UTC.
    pub updated_at: i64,
}
decodes!(ConnectionRow {
    account,
    id,
    name,
    vendor,
    kind,
    settings,
    sealed_secrets,
    key_id,
    base_url,
    zone,
    region,
    state,
    created_at,
    updated_at
});

macro_rules! columns {
    () => {
        "account, id, name, vendor, kind, settings, sealed_secrets, key_id, base_url, zone, region, state, created_at, updated_at"
    };
}

statements! {
    CONNECTION_UPSERT = concat!(
        "INSERT INTO connections (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
         ON CONFLICT (account, id) DO UPDATE SET name = excluded.name, vendor = excluded.vendor, kind = excluded.kind, \
         settings = excluded.settings, sealed_secrets = excluded.sealed_secrets, key_id = excluded.key_id, \
         base_url = excluded.base_url, zone = excluded.zone, region = excluded.region, state = excluded.state, \
         updated_at = excluded.updated_at"
    );
    CONNECTION_GET = concat!("SELECT ", columns!(), " FROM connections WHERE account = $1 AND id = $2");
    CONNECTION_BY_NAME = concat!("SELECT ", columns!(), " FROM connections WHERE account = $1 AND name = $2");
    CONNECTIONS_ALL = concat!("SELECT ", columns!(), " FROM connections WHERE account = $1 ORDER BY name");
    CONNECTIONS_EVERY = concat!("SELECT ", columns!(), " FROM connections ORDER BY account, name");
    CONNECTION_SECRETS_SET = "UPDATE connections SET sealed_secrets = $3, key_id = $4, updated_at = $5 WHERE account = $1 AND id = $2";
    CONNECTION_STATE_SET = "UPDATE connections SET state = $3, updated_at = $4 WHERE account = $1 AND id = $2";
    CONNECTIONS_LAST_SIGNAL = "SELECT c.id AS connection, (SELECT s.received_at FROM signals s WHERE s.account = c.account \
        AND s.connection = c.id ORDER BY s.received_at DESC LIMIT 1) AS received_at FROM connections c WHERE c.account = $1 ORDER BY c.name";
}

/// Creates a connection or replaces all of it but its creation; [`Error::Conflict`] when another has the name.
pub async fn connection_upsert(tx: &mut Tx, row: &ConnectionRow) -> Result<(), Error> {
    exec_one!(
        tx,
        CONNECTION_UPSERT,
        &row.account,
        &row.id,
        &row.name,
        &row.vendor,
        &row.kind,
        &row.settings,
        &row.sealed_secrets,
        &row.key_id,
        &row.base_url,
        &row.zone,
        &row.region,
        &row.state,
        row.created_at,
        row.updated_at
    )
}

/// One connection.
pub async fn connection_get(tx: &mut Tx, account: &str, id: &str) -> Result<Option<ConnectionRow>, Error> {
    row!(tx, ConnectionRow, CONNECTION_GET, account, id)
}

/// The connection of a name.
pub async fn connection_by_name(tx: &mut Tx, account: &str, name: &str) -> Result<Option<ConnectionRow>, Error> {
    row!(tx, ConnectionRow, CONNECTION_BY_NAME, account, name)
}

/// Every connection of an account, by name.
pub async fn connections_all(tx: &mut Tx, account: &str) -> Result<Vec<ConnectionRow>, Error> {
    rows!(tx, ConnectionRow, CONNECTIONS_ALL, account)
}

/// Every connection of every account: what a node needs to route incoming requests.
pub async fn connections_every(tx: &mut Tx) -> Result<Vec<ConnectionRow>, Error> {
    rows!(tx, ConnectionRow, CONNECTIONS_EVERY)
}

/// Replaces the sealed secrets (new secrets, or the same under a new key).
pub async fn connection_secrets_set(
    tx: &mut Tx,
    account: &str,
    id: &str,
    sealed_secrets: &str,
    key_id: &str,
    at: i64,
) -> Result<(), Error> {
    exec_one!(tx, CONNECTION_SECRETS_SET, account, id, sealed_secrets, key_id, at)
}

/// Sets the state word.
pub async fn connection_state_set(tx: &mut Tx, account: &str, id: &str, state: &str, at: i64) -> Result<(), Error> {
    exec_one!(tx, CONNECTION_STATE_SET, account, id, state, at)
}

/// Each connection's id with the arrival of its newest signal, if it has any.
pub async fn connections_last_signal(tx: &mut Tx, account: &str) -> Result<Vec<(String, Option<i64>)>, Error> {
    rows!(tx, (String, Option<i64>), CONNECTIONS_LAST_SIGNAL, account)
}
