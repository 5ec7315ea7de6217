//! Taking values back: what still stands as we wrote it gets the value from before; whatever else stands there is somebody's and stays.
//!
//! Unlike a field that is written, a value that moved is no reason to decide again: it is the answer. So this never ends in
//! [`Next::Moved`], and a record that was merged or is gone is spared whole.

use super::*;
use crate::rollback;

/// A record and the values that go back.
pub(super) struct Back<'a> {
    pub(super) object: Object,
    pub(super) record: &'a str,
    /// What shall stand again; empty: nothing.
    pub(super) to: &'a Properties,
    /// What we wrote.
    pub(super) from: &'a Properties,
}

impl Back<'_> {
    fn read(&self, purpose: Purpose) -> Next {
        let operation = CrmOp::ReadById {
            object: self.object,
            id: self.record.to_owned(),
            properties: self.to.keys().cloned().collect(),
            associations: Vec::new(),
            history: self.object == Object::Contact,
        };
        Next::Exchange { purpose, operation }
    }

    fn done(&self, at: Timestamp, held: &Properties, spared: BTreeMap<String, Spared>) -> Next {
        let back = || self.to.keys().filter(|name| !spared.contains_key(*name));
        let text = |of: &Properties, name: &String| of.get(name).cloned().unwrap_or_default();
        Next::Done(Receipt {
            object: Some(self.object),
            record: self.record.to_owned(),
            read_at: Some(at),
            properties: back().map(|name| (name.clone(), text(held, name))).collect(),
            was: back().map(|name| (name.clone(), text(self.from, name))).collect(),
            spared,
            ..Receipt::default()
        })
    }

    fn spare_all(&self, at: Timestamp, why: Spared) -> Next {
        self.done(at, &Properties::new(), self.to.keys().map(|name| (name.clone(), why)).collect())
    }

    /// What is to become of a property, by what stands there: `None` when it stands as it was before.
    fn judge(&self, name: &str, now: &Record) -> Option<Result<(), Spared>> {
        let text = |of: &Properties| of.get(name).cloned().unwrap_or_default();
        let set_by = now.set_by.get(name).map(|set| set.who);
        rollback::stands(&text(&now.properties), set_by, &text(self.from), &text(self.to))
    }
}

pub(super) fn restore(history: &History, around: &Circumstances<'_>, back: &Back<'_>) -> Next {
    if let Some(refusal) = refusal(history) {
        return Next::DeadLetter(refusal);
    }
    let Some((last, outcome)) = telling(history) else { return back.read(Purpose::Look) };
    let at = last.ended_at.unwrap_or(around.now);
    let held = match outcome {
        Some(Outcome::Done { held }) if !last.purpose.changes() => held,
        Some(Outcome::Gone { merged_into: Some(_) }) => return back.spare_all(at, Spared::Merged),
        Some(Outcome::Gone { merged_into: None }) => return back.spare_all(at, Spared::Gone),
        Some(Outcome::Duplicate { why, .. }) => {
            let words = format!("the value from before belongs to another record by now: {}", why.words);
            return Next::DeadLetter(Why { properties: why.properties.clone(), ..Why::new(VALUE_TAKEN, words) });
        }
        _ => return back.read(Purpose::ReadBack),
    };
    let Some(now) = held.records.first() else { return back.spare_all(at, Spared::Gone) };
    if now.id != back.record {
        return back.spare_all(at, Spared::Merged);
    }
    let mut spared = BTreeMap::new();
    let mut write = Properties::new();
    for (name, to) in back.to {
        match back.judge(name, now) {
            None => {}
            Some(Ok(())) => {
                write.insert(name.clone(), to.clone());
            }
            Some(Err(why)) => {
                spared.insert(name.clone(), why);
            }
        }
    }
    if write.is_empty() {
        return back.done(at, &now.properties, spared);
    }
    if not_taken(history) >= NOT_TAKEN_MAX {
        return Next::DeadLetter(Why::new(WRITE_NOT_TAKEN, "the CRM acknowledged the rollback and does not hold it"));
    }
    let operation =
        CrmOp::Update { object: back.object, id: now.id.clone(), properties: write, seen: now.version.clone() };
    Next::Exchange { purpose: Purpose::Write, operation }
}
