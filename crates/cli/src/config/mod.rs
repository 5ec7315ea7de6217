//! `ringback.toml`: how this installation runs, and the seeds of its accounts.
//!
//! [`load`] reads the file and everything it names (contracts, secrets), and gives either a whole [`Config`] or every problem with its
//! place. Nothing starts half. `default.toml` is the reference: a test holds that it says exactly what the code falls back on.

mod account;
pub(crate) mod apply;
mod read;
pub(crate) mod tree;

pub(crate) use account::{Account, Kind, Wanted};
#[cfg(test)]
pub(crate) use read::read;
pub(crate) use read::{Depth, Reading, bounded, connections_named, load};

use ringback_connect::Secret;
use serde::Serialize;
use std::path::PathBuf;

/// The complete file with comments, as `ringback init` writes it.
pub(crate) const DEFAULT_TEXT: &str = include_str!("default.toml");

/// Everything an installation is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Config {
    pub(crate) server: Server,
    pub(crate) store: StoreSettings,
    pub(crate) secrets: Secrets,
    pub(crate) node: Node,
    pub(crate) limits: Limits,
    pub(crate) retention: Retention,
    pub(crate) http: Http,
    pub(crate) log: Log,
    pub(crate) mail: Option<Mail>,
    #[serde(rename = "account")]
    pub(crate) accounts: Vec<Account>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Server {
    pub(crate) listen: String,
    /// No slash at the end.
    pub(crate) public_url: String,
    /// No slash at the end.
    pub(crate) console_url: String,
    pub(crate) body_max_bytes: usize,
    pub(crate) shutdown_seconds: u64,
}

#[derive(Clone, PartialEq, Eq, Serialize)]
pub(crate) struct StoreSettings {
    /// With an absolute path for SQLite.
    #[serde(serialize_with = "without_password")]
    pub(crate) url: String,
    pub(crate) readers_max: u32,
}

impl std::fmt::Debug for StoreSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoreSettings({}, {})", url_shown(&self.url), self.readers_max)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Secrets {
    pub(crate) key_file: PathBuf,
    /// Given by RINGBACK_KEY; wins over the file.
    #[serde(skip)]
    pub(crate) key: Option<Secret>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) worker_threads: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Limits {
    pub(crate) signals_per_step_max: u32,
    pub(crate) lane_concurrency_max: usize,
    pub(crate) lease_seconds: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Retention {
    pub(crate) raw_days: i64,
    pub(crate) speech_days: i64,
    pub(crate) value_days: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Http {
    pub(crate) allow_private_addresses: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Log {
    pub(crate) filter: String,
    pub(crate) json: bool,
}

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Security {
    Starttls,
    Tls,
    None,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Mail {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: Security,
    pub(crate) user: Option<String>,
    #[serde(skip)]
    pub(crate) password: Option<Secret>,
    pub(crate) from: String,
}

impl Default for Config {
    fn default() -> Self {
        let here = "http://127.0.0.1:8787";
        Self {
            server: Server {
                listen: "127.0.0.1:8787".into(),
                public_url: here.into(),
                console_url: here.into(),
                body_max_bytes: 2 * 1024 * 1024,
                shutdown_seconds: 10,
            },
            store: StoreSettings { url: "sqlite://data/ringback.db".into(), readers_max: 4 },
            secrets: Secrets { key_file: "ringback.key".into(), key: None },
            node: Node { name: "node-1".into(), worker_threads: 2 },
            limits: Limits { signals_per_step_max: 64, lane_concurrency_max: 8, lease_seconds: 30 },
            retention: Retention { raw_days: 90, speech_days: 365, value_days: 3650 },
            http: Http { allow_private_addresses: false },
            log: Log { filter: "info".into(), json: false },
            mail: None,
            accounts: Vec::new(),
        }
    }
}

fn without_password<S: serde::Serializer>(url: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&url_shown(url))
}

/// A database URL without its password.
pub(crate) fn url_shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "***".into() };
    let authority_end = rest.find('/').unwrap_or(rest.len());
    match rest.get(..authority_end).and_then(|authority| authority.rfind('@')) {
        Some(at) if scheme != "sqlite" => {
            let (user, host) = (rest.get(..at).unwrap_or_default(), rest.get(at + 1..).unwrap_or_default());
            format!("{scheme}://{}:***@{host}", user.split(':').next().unwrap_or_default())
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests;
