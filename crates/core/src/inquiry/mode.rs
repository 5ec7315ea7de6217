//! How an inquiry is moved: live, with everything that follows, or in rehearsal, only to see what would be decided.
//!
//! One code path decides in both. A rehearsal leaves out what no decision reads (entries, digests, timers, climbs, the texts of what would be
//! written) and takes every write to succeed at once, as a property test against live steps shows.

use crate::followup::clock::{Cohort, Urgency};
use crate::id::LocationId;
use crate::ledger::Salt;
use jiff::Timestamp;

/// What a way of moving leaves out.
pub(super) trait Mode {
    /// Entries, timers, plans and questions about values are made.
    const LIVE: bool;

    /// What a question is known by.
    fn commit(salt: &Salt, domain: &str, text: String) -> String;

    /// The clock that was set last is the one that is asked for.
    fn runs(&mut self, asked: &ClockOf<'_>) -> bool;
}

/// Everything that a clock follows from, but for the contract and the roster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClockOf<'i> {
    pub(super) place: Option<&'i LocationId>,
    pub(super) from: Timestamp,
    pub(super) heard_at: Timestamp,
    pub(super) urgency: Urgency,
    pub(super) cohort: Cohort,
    pub(super) after_hours: bool,
}

/// Everything that follows from an event.
pub(super) struct Live;

/// Only what is decided.
#[derive(Debug, Clone, Default)]
pub(super) struct Rehearsal {
    /// The place stands beside the rest, for it is kept.
    clock: Option<(Option<LocationId>, ClockOf<'static>)>,
}

impl Mode for Live {
    const LIVE: bool = true;

    fn commit(salt: &Salt, domain: &str, text: String) -> String {
        salt.commit(domain, &text)
    }

    /// A live step has nothing but the inquiry and its event.
    fn runs(&mut self, _: &ClockOf<'_>) -> bool {
        false
    }
}

impl Mode for Rehearsal {
    const LIVE: bool = false;

    /// Nothing leaves a rehearsal, so the text may stand for its own digest.
    fn commit(_: &Salt, _: &str, text: String) -> String {
        text
    }

    /// A rehearsal goes from event to event under the same contract and roster: most events do not touch what the clock follows from.
    fn runs(&mut self, asked: &ClockOf<'_>) -> bool {
        let rest = ClockOf { place: None, ..*asked };
        if self.clock.as_ref().is_some_and(|(place, of)| place.as_ref() == asked.place && *of == rest) {
            return true;
        }
        let kept = ClockOf {
            place: None,
            from: rest.from,
            heard_at: rest.heard_at,
            urgency: rest.urgency,
            cohort: rest.cohort,
            after_hours: rest.after_hours,
        };
        self.clock = Some((asked.place.cloned(), kept));
        false
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
