//! What waits for a request, by the shape of the request: which goes next is found without looking at each, however many wait.

use super::work::Work;
use jiff::{SignedDuration, Timestamp};
use ringback_core::crm::{CrmOp, Object};
use ringback_core::ensure::Purpose;
use std::collections::{BTreeMap, HashSet};

/// An effect that waited so long for its next exchange goes before fuller batches.
const PATIENCE: SignedDuration = SignedDuration::from_secs(8);
/// With much in hand, a batch that is not full waits so long for what can still join it.
pub(super) const FILLING: SignedDuration = SignedDuration::from_secs(2);

/// An effect that wants its next exchange.
pub(super) struct Ready<'a> {
    pub(super) work: Work<'a>,
    pub(super) purpose: Purpose,
    pub(super) operation: CrmOp,
}

type Shape = (&'static str, Object, bool);
/// Urgent ones first, then those of older inquiries, then as they came.
type Place = (bool, i64, u64);

/// What may share requests: operations of one shape; what must be asked alone stands apart.
type Kind = (Shape, bool);

/// Effects that want requests of one shape.
struct Waiting<'a> {
    effects: BTreeMap<Place, Ready<'a>>,
    /// The longest waiting has waited since then.
    since: Timestamp,
}

/// All effects of a lane's step that want their next exchange.
#[derive(Default)]
pub(super) struct Queue<'a> {
    kinds: BTreeMap<Kind, Waiting<'a>>,
    came: u64,
}

impl<'a> Queue<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    pub(super) fn push(&mut self, ready: Ready<'a>) {
        self.came += 1;
        let place = (!ready.work.row.urgent, ready.work.row.rank, self.came);
        let kind = (ready.operation.shape(), ready.work.asked_alone());
        let since = ready.work.ready_at;
        let waiting = self.kinds.entry(kind).or_insert_with(|| Waiting { effects: BTreeMap::new(), since });
        waiting.since = waiting.since.min(since);
        waiting.effects.insert(place, ready);
    }

    /// One that waits has become urgent.
    pub(super) fn hurry(&mut self, id: &str) {
        for waiting in self.kinds.values_mut() {
            let place = waiting.effects.iter().find(|(_, r)| r.work.row.id == id).map(|(place, _)| *place);
            if let Some(mut ready) = place.and_then(|place| waiting.effects.remove(&place)) {
                ready.work.row.urgent = true;
                let (_, rank, n) = place.unwrap_or_default();
                waiting.effects.insert((false, rank, n), ready);
                return;
            }
        }
    }

    /// The kind of request that goes next: that of an urgent effect, of one that waited long, else the one that serves most. While it is
    /// `filling`, only a full request goes at once: what could join it a moment later would take a request of its own.
    pub(super) fn next(&self, now: Timestamp, most: impl Fn(&CrmOp) -> usize, filling: bool) -> Option<Kind> {
        let firsts = self.kinds.iter().filter_map(|(kind, w)| w.effects.first_key_value().map(|first| (kind, w, first)));
        let (kind, _, (_, first)) = firsts.clone().min_by_key(|(_, _, (place, _))| *place)?;
        if first.work.row.urgent || now.duration_since(first.work.ready_at) > PATIENCE {
            return Some(*kind);
        }
        let gain = |(_, alone): &Kind, n: usize, first: &Ready<'_>| {
            let most = if *alone { 1 } else { most(&first.operation) };
            (n.min(most), n >= most)
        };
        firsts
            .map(|(kind, waiting, (place, first))| (kind, waiting, place, gain(kind, waiting.effects.len(), first)))
            .filter(|(_, waiting, _, (_, full))| !filling || *full || now.duration_since(waiting.since) > FILLING)
            .max_by_key(|(_, _, place, (gain, _))| (*gain, std::cmp::Reverse(**place)))
            .map(|(kind, ..)| *kind)
    }

    /// The effect of that kind that goes first.
    pub(super) fn first(&self, kind: &Kind) -> Option<&Ready<'a>> {
        self.kinds.get(kind)?.effects.first_key_value().map(|(_, ready)| ready)
    }

    /// Takes the effects of a request of that kind: of several operations the smallest `most` holds, and no record is named twice.
    pub(super) fn take(
        &mut self,
        kind: &Kind,
        most: impl Fn(&CrmOp) -> usize,
        name_of: impl Fn(&CrmOp) -> Option<String>,
    ) -> Vec<(Work<'a>, Purpose, CrmOp)> {
        let Some(waiting) = self.kinds.get_mut(kind) else { return Vec::new() };
        let (mut names, mut places, mut limit) = (HashSet::new(), Vec::new(), usize::MAX);
        for (place, ready) in &waiting.effects {
            let own = if kind.1 { 1 } else { most(&ready.operation) };
            if places.len() >= limit {
                break;
            }
            if places.len() < own && name_of(&ready.operation).is_none_or(|name| names.insert(name)) {
                limit = limit.min(own);
                places.push(*place);
            }
        }
        let taken = places.iter().filter_map(|place| waiting.effects.remove(place));
        let taken = taken.map(|ready| (ready.work, ready.purpose, ready.operation)).collect();
        match waiting.effects.values().map(|r| r.work.ready_at).min() {
            Some(since) => waiting.since = since,
            None => {
                self.kinds.remove(kind);
            }
        }
        taken
    }

    /// Takes the first effect of that kind alone.
    pub(super) fn take_first(&mut self, kind: &Kind) -> Option<Ready<'a>> {
        let waiting = self.kinds.get_mut(kind)?;
        let first = waiting.effects.pop_first().map(|(_, ready)| ready);
        if waiting.effects.is_empty() {
            self.kinds.remove(kind);
        }
        first
    }

    /// Takes all.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Ready<'a>> + use<'a> {
        std::mem::take(&mut self.kinds).into_values().flat_map(|waiting| waiting.effects.into_values())
    }
}
