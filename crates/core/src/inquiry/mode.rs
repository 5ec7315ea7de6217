//! How an inquiry is moved: live, with everything that follows, or in rehearsal, only to see what would be decided.
//!
//! One code path decides in both. A rehearsal leaves out what no decision reads (entries, digests, timers, climbs, the texts of what would be
//! written) and takes every write to succeed at once, as a property test against live steps shows.

use crate::ledger::Salt;

/// What a way of moving leaves out.
pub(super) trait Mode {
    /// Entries, timers, plans and questions about values are made.
    const LIVE: bool;

    /// What a question is known by.
    fn commit(salt: &Salt, domain: &str, text: String) -> String;
}

/// Everything that follows from an event.
pub(super) enum Live {}

/// Only what is decided.
pub(super) enum Rehearsal {}

impl Mode for Live {
    const LIVE: bool = true;

    fn commit(salt: &Salt, domain: &str, text: String) -> String {
        salt.commit(domain, &text)
    }
}

impl Mode for Rehearsal {
    const LIVE: bool = false;

    /// Nothing leaves a rehearsal, so the text may stand for its own digest.
    fn commit(_: &Salt, _: &str, text: String) -> String {
        text
    }
}

/// Puts an entry into the chain, where there is one.
macro_rules! tell {
    ($moving:expr, $draft:expr $(,)?) => {
        if M::LIVE {
            let draft = $draft;
            $moving.drafts.push(draft);
        }
    };
}
pub(super) use tell;
