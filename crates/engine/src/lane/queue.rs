//! What waits for a request, by the shape of the request: which goes next is found without looking at each, however many wait.

use jiff::{SignedDuration, Timestamp};
use ringback_core::crm::{CrmOp, Shape};
use ringback_core::ensure::Purpose;
use std::collections::{BTreeMap, HashSet};

/// An effect that waited so long for its next exchange goes before fuller batches.
const PATIENCE: SignedDuration = SignedDuration::from_secs(8);
/// With much in hand, a batch that is not full waits so long for what can still join it.
pub(super) const FILLING: SignedDuration = SignedDuration::from_secs(2);

/// What the queue must know of an effect in work.
pub(super) trait Waits {
    fn id(&self) -> &str;
    fn urgent(&self) -> bool;
    fn hurry(&mut self);
    /// Smaller goes first.
    fn rank(&self) -> i64;
    fn since(&self) -> Timestamp;
    /// It shares no request.
    fn alone(&self) -> bool;
}

/// An effect that wants its next exchange.
pub(super) struct Ready<W> {
    pub(super) work: W,
    pub(super) purpose: Purpose,
    pub(super) operation: CrmOp,
}

/// Urgent ones first, then those of older inquiries, then as they came.
type Place = (bool, i64, u64);

/// What may share requests: operations of one shape; what must be asked alone stands apart.
pub(super) type Kind = (Shape, bool);

/// Effects that want requests of one kind.
struct Waiting<W> {
    effects: BTreeMap<Place, Ready<W>>,
    /// The longest waiting has waited since then.
    since: Timestamp,
}

/// All effects of a lane's step that want their next exchange.
pub(super) struct Queue<W> {
    kinds: BTreeMap<Kind, Waiting<W>>,
    came: u64,
}

impl<W> Default for Queue<W> {
    fn default() -> Self {
        Self { kinds: BTreeMap::new(), came: 0 }
    }
}

impl<W: Waits> Queue<W> {
    pub(super) fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    pub(super) fn push(&mut self, ready: Ready<W>) {
        self.came += 1;
        let place = (!ready.work.urgent(), ready.work.rank(), self.came);
        let kind = (ready.operation.shape(), ready.work.alone());
        let since = ready.work.since();
        let waiting = self.kinds.entry(kind).or_insert_with(|| Waiting { effects: BTreeMap::new(), since });
        waiting.since = waiting.since.min(since);
        waiting.effects.insert(place, ready);
    }

    /// One that waits has become urgent.
    pub(super) fn hurry(&mut self, id: &str) {
        for waiting in self.kinds.values_mut() {
            let place = waiting.effects.iter().find(|(_, r)| r.work.id() == id).map(|(place, _)| *place);
            if let Some(place @ (_, rank, n)) = place
                && let Some(mut ready) = waiting.effects.remove(&place)
            {
                ready.work.hurry();
                waiting.effects.insert((false, rank, n), ready);
                return;
            }
        }
    }

    /// The kind of request that goes next: that of an urgent effect, of one that waited long, else the one that serves most. While it is
    /// `filling`, only a full request goes at once: what could join it a moment later would take a request of its own.
    pub(super) fn next(&self, now: Timestamp, most: impl Fn(&CrmOp) -> usize, filling: bool) -> Option<Kind> {
        let firsts =
            self.kinds.iter().filter_map(|(kind, w)| w.effects.first_key_value().map(|first| (kind, w, first)));
        let (kind, _, (_, first)) = firsts.clone().min_by_key(|(_, _, (place, _))| *place)?;
        if first.work.urgent() || now.duration_since(first.work.since()) > PATIENCE {
            return Some(*kind);
        }
        let gain = |(_, alone): &Kind, n: usize, first: &Ready<W>| {
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
    pub(super) fn first(&self, kind: &Kind) -> Option<&Ready<W>> {
        self.kinds.get(kind)?.effects.first_key_value().map(|(_, ready)| ready)
    }

    /// Takes the effects of a request of that kind: of several operations the smallest `most` holds, and no record is named twice.
    pub(super) fn take(
        &mut self,
        kind: &Kind,
        most: impl Fn(&CrmOp) -> usize,
        name_of: impl Fn(&CrmOp) -> Option<String>,
    ) -> Vec<(W, Purpose, CrmOp)> {
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
        self.tidy(kind);
        taken
    }

    /// Takes the first effect of that kind alone.
    pub(super) fn take_first(&mut self, kind: &Kind) -> Option<Ready<W>> {
        let first = self.kinds.get_mut(kind)?.effects.pop_first().map(|(_, ready)| ready);
        self.tidy(kind);
        first
    }

    fn tidy(&mut self, kind: &Kind) {
        let Some(waiting) = self.kinds.get_mut(kind) else { return };
        match waiting.effects.values().map(|r| r.work.since()).min() {
            Some(since) => waiting.since = since,
            None => {
                self.kinds.remove(kind);
            }
        }
    }

    /// Takes all.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Ready<W>> + use<W> {
        std::mem::take(&mut self.kinds).into_values().flat_map(|waiting| waiting.effects.into_values())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringback_core::crm::Object;

    #[derive(Debug)]
    struct One {
        id: &'static str,
        urgent: bool,
        rank: i64,
        since: i64,
        alone: bool,
    }

    impl Waits for One {
        fn id(&self) -> &str {
            self.id
        }
        fn urgent(&self) -> bool {
            self.urgent
        }
        fn hurry(&mut self) {
            self.urgent = true;
        }
        fn rank(&self) -> i64 {
            self.rank
        }
        fn since(&self) -> Timestamp {
            at(self.since)
        }
        fn alone(&self) -> bool {
            self.alone
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_772_550_000 + second).unwrap()
    }

    fn read(object: Object, id: &str) -> CrmOp {
        CrmOp::ReadById { object, id: id.into(), properties: vec![], associations: vec![], history: false }
    }

    fn name_of(operation: &CrmOp) -> Option<String> {
        match operation {
            CrmOp::ReadById { id, .. } => Some(id.clone()),
            _ => None,
        }
    }

    /// Contacts `c…`, tasks `t…`; of each the given number, waiting since second 0, ranked as they come.
    fn queue(contacts: usize, tasks: usize) -> Queue<One> {
        let mut queue = Queue::default();
        for n in 0..contacts + tasks {
            let object = if n < contacts { Object::Contact } else { Object::Task };
            push(&mut queue, One { id: "", urgent: false, rank: n as i64, since: 0, alone: false }, object, n);
        }
        queue
    }

    fn push(queue: &mut Queue<One>, work: One, object: Object, record: usize) {
        queue.push(Ready { work, purpose: Purpose::Look, operation: read(object, &record.to_string()) });
    }

    fn objects(queue: &mut Queue<One>, now: i64, filling: bool) -> Vec<Object> {
        let Some(kind) = queue.next(at(now), |_| 10, filling) else { return Vec::new() };
        queue.take(&kind, |_| 10, name_of).into_iter().map(|(.., op)| op.object()).collect()
    }

    #[test]
    fn what_serves_most_goes_first_and_nothing_more_than_a_request_holds() {
        let mut queue = queue(4, 12);
        assert_eq!(objects(&mut queue, 0, false), [Object::Task; 10]);
        assert_eq!(objects(&mut queue, 0, false), [Object::Contact; 4]);
        assert_eq!(objects(&mut queue, 0, false), [Object::Task; 2]);
        assert!(queue.is_empty());
    }

    #[test]
    fn while_more_is_on_its_way_only_a_full_request_goes_but_not_for_ever() {
        let mut queue = queue(4, 12);
        assert_eq!(objects(&mut queue, 1, true), [Object::Task; 10]);
        assert_eq!(objects(&mut queue, 1, true), []);
        assert_eq!(objects(&mut queue, 3, true), [Object::Contact; 4]);
    }

    #[test]
    fn an_urgent_one_goes_before_all_with_what_shares_its_request() {
        let mut queue = queue(12, 2);
        push(&mut queue, One { id: "late", urgent: false, rank: 99, since: 1, alone: false }, Object::Task, 99);
        queue.hurry("late");
        let kind = queue.next(at(1), |_| 10, true).unwrap();
        let taken = queue.take(&kind, |_| 10, name_of);
        assert_eq!(taken.iter().map(|(work, ..)| work.rank).collect::<Vec<_>>(), [99, 12, 13]);
        assert!(taken[0].0.urgent);
    }

    #[test]
    fn who_waited_long_goes_before_a_fuller_request() {
        let mut queue = Queue::default();
        push(&mut queue, One { id: "old", urgent: false, rank: 0, since: 0, alone: true }, Object::Call, 0);
        for n in 1..20 {
            push(&mut queue, One { id: "", urgent: false, rank: n, since: 8, alone: false }, Object::Task, n as usize);
        }
        assert_eq!(objects(&mut queue, 8, false), [Object::Task; 10]);
        assert_eq!(objects(&mut queue, 9, false), [Object::Call]);
    }

    #[test]
    fn no_record_is_named_twice_in_a_request_and_what_must_be_asked_alone_is() {
        let mut queue = Queue::default();
        for (record, alone) in [(1, false), (1, false), (2, false), (3, true), (4, true)] {
            push(&mut queue, One { id: "", urgent: false, rank: 0, since: 0, alone }, Object::Task, record);
        }
        let mut sizes = Vec::new();
        while let Some(kind) = queue.next(at(0), |_| 10, false) {
            sizes.push(queue.take(&kind, |_| 10, name_of).len());
        }
        assert_eq!(sizes, [2, 1, 1, 1]);
    }
}
