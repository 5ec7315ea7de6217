//! Time and chance as parts that can be exchanged: real ones for `serve`, virtual ones for the simulation.

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use std::time::Duration;

/// Where the engine's time comes from.
pub trait Clock: Send + Sync {
    /// The present moment, UTC.
    fn now(&self) -> Timestamp;
    /// Waits; a virtual clock returns at once or when its owner says so.
    fn sleep(&self, pause: Duration) -> BoxFuture<'_, ()>;
}

/// Where the engine's randomness comes from.
pub trait Chance: Send + Sync {
    /// Fills the buffer with unpredictable (or seeded) bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the machine for the time")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
    #[expect(clippy::disallowed_methods, reason = "this is the one place that waits")]
    fn sleep(&self, pause: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(pause))
    }
}

/// The operating system's randomness.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemChance;

impl Chance for SystemChance {
    fn fill(&self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            // Ids and nonces without randomness would be unsafe; there is nothing sensible to go on with.
            tracing::error!(%error, "the operating system gives no randomness; stopping");
            std::process::abort();
        }
    }
}
