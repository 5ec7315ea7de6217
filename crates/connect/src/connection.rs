//! One configured vendor connection of one account, as translators may see it.

use crate::Limits;
use ringback_core::id::{AccountId, ConnectionId};
use ringback_core::problem::Problem;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Settings of a connection that stand for its vendor's published limits.
const BURST_REQUESTS: &str = "burst_requests";
const SEARCH_PER_SECOND: &str = "search_per_second";
const DAILY_REQUESTS: &str = "daily_requests";
const DAILY_RESERVE_PERCENT: &str = "daily_reserve_percent";
/// The part of a daily budget that is kept back for urgent work unless the connection says otherwise, percent.
const DAILY_RESERVE_PERCENT_DEFAULT: u32 = 5;

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

    /// A vendor's published limits as this connection's subscription has them: the settings `burst_requests` (per the vendor's window),
    /// `search_per_second` and `daily_requests` take their place. Zero keeps no pace; the vendor's refusals are heeded all the same.
    #[must_use]
    pub fn limits(&self, published: Limits) -> Limits {
        let own = |name, published| self.setting(name).and_then(|v| v.parse().ok()).unwrap_or(published);
        Limits {
            burst_requests: own(BURST_REQUESTS, published.burst_requests),
            search_per_second: own(SEARCH_PER_SECOND, published.search_per_second),
            daily_requests: own(DAILY_REQUESTS, published.daily_requests),
            ..published
        }
    }

    /// The part of the daily budget that is kept back for urgent work, percent; the setting `daily_reserve_percent`.
    pub fn daily_reserve_percent(&self) -> u32 {
        let own = self.setting(DAILY_RESERVE_PERCENT).and_then(|v| v.parse().ok());
        own.unwrap_or(DAILY_RESERVE_PERCENT_DEFAULT).min(100)
    }

    /// What is wrong with the settings that every CRM connection knows.
    pub fn check_limits(&self) -> Vec<Problem> {
        let wrong = |name: &&str| self.setting(name).is_some_and(|v| v.parse::<u32>().is_err());
        let told = |name: &str| {
            let cause = format!("{name} is {:?}", self.setting(name).unwrap_or_default());
            Problem::new("RB-0110", cause, "Write a whole number of requests, such as \"190\"; \"0\" keeps no pace")
        };
        [BURST_REQUESTS, SEARCH_PER_SECOND, DAILY_REQUESTS, DAILY_RESERVE_PERCENT]
            .iter()
            .filter(|n| wrong(n))
            .map(|n| told(n))
            .collect()
    }
}
