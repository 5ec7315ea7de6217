//! The shell: everything that has a clock, a socket or a disk, and decides nothing.
//!
//! The engine stores what arrives, asks `core` what it means, stores the answer, and brings the effects about one exchange at a time. Each
//! worker is a `step` that looks at the store and takes no input, so a node that dies loses only the time until the next look.
//! The same steps run under the real clock (`ringback serve`) and under the simulation's.
//!
//! Start at [`Engine`]; the way of a call is [`intake`] → [`fold`] → [`inquire`] → [`lane`].

mod acknowledge;
mod ask;
pub mod audit;
pub mod backtest;
pub mod chain;
pub mod clock;
pub mod consent;
pub mod contracts;
mod corrections;
pub mod counters;
pub mod emit;
pub mod facts;
pub mod feed;
pub mod fold;
pub mod guarantees;
pub mod http;
pub mod index;
pub mod inquire;
pub mod intake;
pub mod keyring;
pub mod lane;
pub mod level;
pub mod mail;
pub mod probe;
pub mod promotion;
pub mod prove;
pub mod reconcile;
pub mod retention;
pub mod reviews;
pub mod rollback;
pub mod runbook;
pub mod sandbox;
pub mod schema_watch;
pub mod setup;
pub mod spot;
pub mod timers;
mod tokens;
pub mod trace;
pub mod tryout;
pub mod volume;
pub mod weekly;
pub mod worker;
mod workflow;
mod writes;

use clock::{Chance, Clock};
use facts::FactsCache;
use http::Transport;
use keyring::Keyring;
use mail::Mailer;
use ringback_core::id::{AccountId, InquiryId};
use ringback_store::Store;
use std::sync::Arc;
use tokio::sync::Notify;

/// What an engine is made of; the real ones in `serve`, virtual ones in the simulation.
pub struct Parts {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub chance: Arc<dyn Chance>,
    pub transport: Arc<dyn Transport>,
    pub mailer: Arc<dyn Mailer>,
    pub keyring: Keyring,
    pub settings: Settings,
}

/// How this node works; from `ringback.toml`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name of this node in leases.
    pub node: String,
    /// Where the console is reached, for links on CRM records and in pages; no slash at the end.
    pub console_url: String,
    /// Where providers reach the hooks; signatures over URLs are checked against it. No slash at the end.
    pub public_url: String,
    /// Signals taken up per step.
    pub signals_per_step_max: u32,
    /// Effects of one lane worked on at once.
    pub lane_concurrency_max: usize,
    /// Whether lanes keep the vendors' published pace. Off only to measure: a real vendor would refuse what is over it.
    pub pace: bool,
    /// How long a lane stays with a node that does not renew.
    pub lease_seconds: i64,
    /// The largest body of a hook request.
    pub body_max_bytes: usize,
    /// Days that documents of each class are kept.
    pub raw_days: i64,
    pub speech_days: i64,
    pub value_days: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            node: "node-1".into(),
            console_url: "http://127.0.0.1:8787".into(),
            public_url: "http://127.0.0.1:8787".into(),
            signals_per_step_max: 64,
            lane_concurrency_max: 8,
            pace: true,
            lease_seconds: 30,
            body_max_bytes: 2 * 1024 * 1024,
            raw_days: 90,
            speech_days: 365,
            value_days: 3650,
        }
    }
}

/// The engine; cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) parts: Parts,
    pub(crate) facts: FactsCache,
    pub(crate) lanes: lane::LaneStates,
    pub(crate) tokens: tokens::Tokens,
    pub(crate) schemas: schema_watch::Seen,
    /// Wakes the workers when something was stored; a hint, never a promise.
    pub(crate) wake: Notify,
    /// Rises with everything a page could show; for live updates.
    pub(crate) changes: tokio::sync::watch::Sender<u64>,
}

/// Why the engine could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] ringback_store::Error),
    /// Nothing of that name in this account.
    #[error("there is no {0}")]
    Missing(String),
    /// It was asked of something that has moved on: the answer shows what stands there now.
    #[error("{0}")]
    MovedOn(String),
    /// An answer to a question that is another one by now, with what stands there.
    #[error("{0}")]
    Late(Box<reviews::Late>),
    #[error("{0}")]
    Refused(String),
    /// More was to happen by itself than the account is ready for: each problem names the line that is red or unknown, or the step that is skipped, and
    /// the way out.
    #[error("not ready: {}", .0.first().map_or("", |p| p.cause.as_str()))]
    NotReady(Vec<ringback_core::problem::Problem>),
    /// Something stands in the way, with its code and a way out.
    #[error("{}", .0.cause)]
    Told(Box<ringback_core::problem::Problem>),
    /// A stored text could not be read: a defect, never the user's fault.
    #[error("stored {what} cannot be read: {why}")]
    Corrupt { what: String, why: String },
}

impl Engine {
    /// Puts an engine together; starts nothing.
    pub fn new(parts: Parts) -> Self {
        let inner = Inner {
            parts,
            facts: FactsCache::default(),
            lanes: lane::LaneStates::default(),
            tokens: tokens::Tokens::default(),
            schemas: schema_watch::Seen::default(),
            wake: Notify::new(),
            changes: tokio::sync::watch::channel(0).0,
        };
        Self { inner: Arc::new(inner) }
    }

    /// The store below.
    pub fn store(&self) -> &Store {
        &self.inner.parts.store
    }

    /// The store has told of it already, once for everybody whom it concerns.
    pub(crate) fn is_told(&self, error: &Error) -> bool {
        matches!(error, Error::Store(error) if error.is_trouble()) && self.store().trouble().is_some()
    }

    /// This node's settings.
    pub fn settings(&self) -> &Settings {
        &self.inner.parts.settings
    }

    /// The keys for secrets at rest.
    pub fn keyring(&self) -> &Keyring {
        &self.inner.parts.keyring
    }

    /// Now, by the engine's clock.
    pub fn now(&self) -> jiff::Timestamp {
        self.inner.parts.clock.now()
    }

    /// Random bytes for ids and tokens.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0u8; N];
        self.inner.parts.chance.fill(&mut bytes);
        bytes
    }

    /// A counter that rises whenever something changed that a page could show.
    pub fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    pub(crate) fn changed(&self) {
        self.inner.changes.send_modify(|n| *n += 1);
        self.inner.wake.notify_one();
    }

    /// Forgets cached facts (roster, contract, connections) after they were changed.
    pub fn facts_changed(&self, account: &AccountId) {
        self.inner.facts.forget(account);
        self.changed();
    }

    /// Lets pages ask again although nothing was stored: the clock went faster than they can know.
    pub fn time_moved(&self) {
        self.changed();
    }

    pub(crate) fn new_inquiry_id(&self) -> InquiryId {
        InquiryId::new(self.now(), self.random())
    }
}

/// Microseconds for the store.
pub(crate) fn micros(at: jiff::Timestamp) -> i64 {
    at.as_microsecond()
}

/// An instant from the store; out-of-range values (never written) read as the epoch.
pub fn instant(micros: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}
