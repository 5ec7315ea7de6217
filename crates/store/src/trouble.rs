//! Whether the database takes what it is given. Said once in the log when it stops and once when it goes on, however many callers
//! are turned away in between: they come by the hundred, and the cause is one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Error;

/// What the last reads and writes say of the database.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Whether `now` holds something; read on every commit, so it needs no lock.
    troubled: AtomicBool,
    now: Mutex<Option<Trouble>>,
    /// From here on errors are our own doing.
    closing: AtomicBool,
}

#[derive(Debug)]
struct Trouble {
    error: Error,
    /// Signals that could not be stored meanwhile.
    refused: u64,
}

impl Watch {
    /// A read or a write ended with this error.
    pub(crate) fn failed(&self, error: &Error, intake: bool) {
        if !error.is_trouble() || self.closing.load(Ordering::Relaxed) {
            return;
        }
        let mut now = self.lock();
        if now.is_none() {
            tracing::error!(
                code = error.code(),
                %error,
                "the database takes nothing: signals are answered 503 and nothing is acknowledged until it does; it is tried again all the time"
            );
        }
        let refused = now.as_ref().map_or(0, |trouble| trouble.refused) + u64::from(intake);
        *now = Some(Trouble { error: error.clone(), refused });
        self.troubled.store(true, Ordering::Relaxed);
    }

    /// A write was committed.
    pub(crate) fn committed(&self) {
        if !self.troubled.load(Ordering::Relaxed) {
            return;
        }
        if let Some(trouble) = self.lock().take() {
            tracing::info!(refused = trouble.refused, was = %trouble.error, "the database takes writes again");
        }
        self.troubled.store(false, Ordering::Relaxed);
    }

    /// The error that stands, if any.
    pub(crate) fn standing(&self) -> Option<Error> {
        if !self.troubled.load(Ordering::Relaxed) {
            return None;
        }
        self.lock().as_ref().map(|trouble| trouble.error.clone())
    }

    /// The store is closed on purpose.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Trouble>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
