//! One configured vendor connection of one account, as translators may see it.

use ringback_core::id::{AccountId, ConnectionId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Key material that prints as `***` and leaves only through [`Secret::reveal`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps key material.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
    /// The key itself, for signing and for the engine's `Authorization` header only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A connection without its credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    pub id: ConnectionId,
    pub account: AccountId,
    /// The word in hook URLs and contracts: `callrail-main`.
    pub name: String,
    /// The vendor: a name of the registry.
    pub vendor: String,
    /// Overrides the vendor's base URL.
    pub base_url: Option<String>,
    /// IANA zone in which the vendor's zoneless times are read.
    pub zone: String,
    /// Region in which numbers without a country code are read.
    pub region: String,
    /// Vendor-specific settings, documented on the vendor's page (`version`, `mapping.*`, …).
    pub settings: BTreeMap<String, String>,
}

impl Connection {
    /// A setting, if it is there and not empty.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }
}
