//! What an answer would do, before it is given: the very step that it would cause, taken on a copy.

use super::{Choice, Event, Facts, Inquiry, Review, ReviewKind, step};
use crate::id::{ReviewId, UserId};
use crate::plan::VerdictKind;
use jiff::Timestamp;
use serde::Serialize;

/// What one answer would lead to. What an answer does not touch is not told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Foreseen {
    /// Fields that would be written.
    pub writes: Vec<Written>,
    /// The record of the CRM that would be written to; `None` while there is none.
    pub record: Option<String>,
    /// A contact would be made.
    pub makes_contact: bool,
    /// So many calls would be logged, or their logs changed.
    pub call_logs: usize,
    /// A task to call back would be made or changed.
    pub task: bool,
    /// Who would have to call back from then on.
    pub owner: Option<String>,
    /// By when.
    pub due_at: Option<Timestamp>,
    /// Questions that would be asked then.
    pub asks: Vec<ReviewKind>,
    /// Other open questions that nobody would have to answer any more.
    pub voids: usize,
    /// The inquiry would be given to a location.
    pub placed: bool,
}

impl Foreseen {
    /// Nothing but that field would change.
    pub fn only_writes(&self, field: &str) -> bool {
        let [written] = self.writes.as_slice() else { return false };
        let rest = Self { writes: Vec::new(), record: None, ..self.clone() };
        written.field == field && rest == Self::default()
    }
}

/// One field that would be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Written {
    pub field: String,
    /// `contact.rb_urgency`.
    pub to: String,
    /// `None`: it is not known what stands there.
    pub was: Option<String>,
    pub is: String,
}

impl Foreseen {
    /// Nothing outside would change, and nothing here but that the question is answered.
    pub fn nothing(&self) -> bool {
        *self == Self { record: self.record.clone(), ..Self::default() }
    }
}

/// What that answer to that question would do now. A question that is not open does nothing.
pub fn foresee(inquiry: &Inquiry, review: &ReviewId, choice: &Choice, facts: &Facts<'_>, now: Timestamp) -> Foreseen {
    if !inquiry.reviews.iter().any(|r| r.id == *review) {
        return Foreseen::default();
    }
    let event =
        Event::Decided { review: review.clone(), choice: choice.clone(), by: UserId::from_text("user_foreseen") };
    // What follows by itself from what stands now is no consequence of the answer.
    let still = step(inquiry.clone(), &Event::FactsChanged, facts, now);
    let after = step(inquiry.clone(), &event, facts, now);
    let written = |of: &Inquiry| -> Vec<Written> {
        let writes = of.verdicts.iter().filter(|v| v.kind == VerdictKind::Write);
        let one = |v: &crate::plan::Verdict| {
            let is = v.is.clone().filter(|is| Some(is) != v.was.as_ref())?;
            Some(Written { field: v.field.clone(), to: v.to.clone(), was: v.was.clone(), is })
        };
        writes.filter_map(one).collect()
    };
    let already = written(&still.inquiry);
    let effects = |of: Option<&crate::plan::Plan>| -> Vec<(String, String, &'static str)> {
        let all = of.into_iter().flat_map(|p| &p.effects);
        all.map(|e| (e.target.clone(), e.desired.digest(), e.desired.word())).collect()
    };
    let before = effects(still.plan.as_ref());
    let fresh: Vec<_> = effects(after.plan.as_ref()).into_iter().filter(|e| !before.contains(e)).collect();
    let made = |words: &[&str]| fresh.iter().filter(|(_, _, kind)| words.contains(kind)).count();
    let gone = |r: &&Review| r.id != *review && !after.inquiry.reviews.iter().any(|a| a.digest == r.digest);
    let new = |r: &&Review| !still.inquiry.reviews.iter().any(|a| a.digest == r.digest);
    let owner = after.inquiry.owner.as_ref();
    let changed = owner.is_some_and(|o| still.inquiry.owner.as_ref().is_none_or(|before| before.staff != o.staff));
    Foreseen {
        writes: written(&after.inquiry).into_iter().filter(|w| !already.contains(w)).collect(),
        record: after.inquiry.contact.as_ref().map(|c| c.record.clone()),
        makes_contact: made(&["create_contact"]) > 0,
        call_logs: made(&["log_call"]),
        task: made(&["create_task", "close_task"]) > 0,
        owner: owner.filter(|_| changed).map(|o| o.name.clone()),
        due_at: after.inquiry.clock.as_ref().filter(|c| still.inquiry.clock.as_ref() != Some(*c)).map(|c| c.due_at),
        asks: after.inquiry.reviews.iter().filter(new).map(|r| r.kind).collect(),
        voids: still.inquiry.reviews.iter().filter(gone).count(),
        placed: after.inquiry.location != still.inquiry.location,
    }
}

#[cfg(test)]
mod tests;
