//! What a twin saw and did, request by request: the other half of every proof.

use serde::Serialize;
use std::collections::VecDeque;

/// What a request did to the vendor's store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// A record came to be.
    Created,
    /// A record's properties changed (or were set again to the same).
    Updated,
    /// A record was archived.
    Archived,
    /// Two records were linked (or linked again).
    Associated,
    /// A link was removed.
    Dissociated,
    /// Two records became one.
    Merged,
    /// A property definition was made or changed.
    Defined,
}

/// One effect of one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Effect {
    /// What happened.
    pub deed: Deed,
    /// The vendor's plural object name, such as `contacts`.
    pub object: String,
    /// The record's id; for definitions the property's name; for links `id->to/id`.
    pub id: String,
}

/// What the client saw of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// The vendor's own reply arrived whole.
    Answered(u16),
    /// A reply with this status arrived that was cut, foreign or a lie.
    Mangled(u16),
    /// Nothing arrived in time.
    TimedOut,
    /// No connection was made.
    Refused,
    /// The connection broke.
    Reset,
}

/// One request in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Logged {
    /// Counted from 1, without gaps.
    pub n: u64,
    /// When it arrived (for a late landing: when it landed), ms since the epoch.
    pub at_ms: i64,
    /// The method.
    pub method: String,
    /// Path with query.
    pub path: String,
    /// The body, where [`Log::keep_bodies`] is set.
    #[serde(skip)]
    pub body: Vec<u8>,
    /// The fault that was applied, by name.
    pub fault: Option<&'static str>,
    /// What it wrote, truly.
    pub effects: Vec<Effect>,
    /// The status the vendor itself produced, where it got that far.
    pub status: Option<u16>,
    /// What the client saw.
    pub seen: Seen,
}

impl Logged {
    /// True where the client got a whole reply that was the vendor's own.
    pub fn delivered(&self) -> bool {
        matches!(self.seen, Seen::Answered(_))
    }
}

/// The log of one twin, oldest first, bounded.
#[derive(Debug, Clone)]
pub struct Log {
    entries: VecDeque<Logged>,
    total: u64,
    /// How many requests are kept; older ones are forgotten. 0 keeps none.
    pub entries_max: usize,
    /// Whether request bodies are kept.
    pub keep_bodies: bool,
}

impl Default for Log {
    fn default() -> Self {
        Self { entries: VecDeque::new(), total: 0, entries_max: 200_000, keep_bodies: true }
    }
}

impl Log {
    /// The kept requests.
    pub fn entries(&mut self) -> &[Logged] {
        self.entries.make_contiguous()
    }

    /// The kept requests, without rearranging.
    pub fn iter(&self) -> impl Iterator<Item = &Logged> {
        self.entries.iter()
    }

    /// The latest request.
    pub fn last(&self) -> Option<&Logged> {
        self.entries.back()
    }

    /// How many requests ever came.
    pub fn total(&self) -> u64 {
        self.total
    }

    pub(crate) fn last_mut(&mut self) -> Option<&mut Logged> {
        self.entries.back_mut()
    }

    pub(crate) fn push(&mut self, request: &crate::Request, at_ms: i64, status: Option<u16>, seen: Seen) {
        self.total += 1;
        if self.entries_max == 0 {
            return;
        }
        if self.entries.len() >= self.entries_max {
            self.entries.pop_front();
        }
        self.entries.push_back(Logged {
            n: self.total,
            at_ms,
            method: request.method.clone(),
            path: request.path.clone(),
            body: if self.keep_bodies { request.body.clone() } else { Vec::new() },
            fault: None,
            effects: Vec::new(),
            status,
            seen,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Request;

    #[test]
    fn the_log_is_bounded_and_keeps_counting() {
        let mut log = Log { entries_max: 2, ..Log::default() };
        for n in 0..5 {
            log.push(&Request::new("GET", &format!("/{n}")), n, Some(200), Seen::Answered(200));
        }
        assert_eq!(log.total(), 5);
        assert_eq!(log.entries().iter().map(|e| e.n).collect::<Vec<_>>(), [4, 5]);
        assert!(log.last().is_some_and(Logged::delivered));
    }
}
