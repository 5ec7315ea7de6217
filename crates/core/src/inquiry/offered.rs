//! What an offer does to an inquiry, what the workflows ask, and what they set aside.

use super::mode::{Mode, tell};
use super::step::{APART, Moving};
use super::*;
use crate::offer;
use crate::workflow;

/// What was read of the CRM longer ago is read again before an offer is judged.
const LOOK_AGAIN_MINUTES: i64 = 10;

impl<M: Mode> Moving<'_, M> {
    pub(super) fn take_offer(&mut self, offer: &Offer, signal: &SignalId, approved_before: u32) {
        let news = offer::hold(&mut self.inquiry.offers, offer, signal);
        self.inquiry.approved_before = approved_before;
        let mut draft = Draft::new("offer")
            .with("provider", &offer.provider)
            .with("what", &offer.event)
            .with("signal", signal)
            .with("news", news);
        for field in &offer.fields {
            draft = draft
                .with(&format!("confidence.{}", field.name), field.confidence)
                .with(&format!("as_of.{}", field.name), field.as_of)
                .seal(&format!("value.{}", field.name), Some(&field.value));
        }
        tell!(self, draft);
        let old =
            self.inquiry.snapshot.as_ref().is_some_and(|s| {
                self.now.duration_since(s.read_at) > jiff::SignedDuration::from_mins(LOOK_AGAIN_MINUTES)
            });
        if news && old && self.inquiry.workflow().is_some() {
            // Who is a customer by now, or has opted out, is not to be had from memory.
            self.inquiry.effects.remove("find");
            self.inquiry.snapshot = None;
            self.inquiry.matched = None;
        }
    }

    /// What a workflow does not take up is told once, with the reason.
    pub(super) fn set_aside(&mut self, aside: BTreeMap<Workflow, String>) {
        for (workflow, why) in aside.iter().filter(|(w, why)| self.inquiry.aside.get(w) != Some(*why)) {
            tell!(self, Draft::new("set_aside").with("workflow", workflow).with("why", why));
        }
        self.inquiry.aside = aside;
    }

    /// Recommendations that are no value of a field: another owner for a hot lead, and which of several records stays.
    pub(super) fn ask_for_workflows(&mut self) {
        match workflow::owner_question(self.inquiry, self.facts) {
            Some((why, choices)) => {
                let clause = "workflow.hot_lead_routing";
                self.question(ReviewKind::OwnerChange, &why, clause, choices);
            }
            None => self.void_reviews(&[ReviewKind::OwnerChange]),
        }
        if self.inquiry.workflow() != Some(Workflow::DuplicateCleanup) {
            return;
        }
        let on = self.facts.contract.workflows.get(&Workflow::DuplicateCleanup).is_some_and(|rule| rule.on);
        let record = self.inquiry.contact.as_ref().filter(|_| on).map(|c| c.record.clone());
        let others = record.as_ref().map_or_else(Vec::new, |r| workflow::others(self.inquiry, r, self.facts));
        let Some(record) = record.filter(|_| !others.is_empty()) else {
            self.void_reviews(&[ReviewKind::Doubled]);
            return;
        };
        let mut choices = vec![(record.clone(), format!("{record}: this one stays"))];
        choices.extend(others.iter().map(|o| (o.record.clone(), format!("{}: that one stays", o.record))));
        choices.push((APART.to_owned(), "they are different people: leave them as they are".to_owned()));
        let why = format!(
            "{} agree in an exact key, and Ringback merges none: say which one stays, and merge them in the CRM",
            if others.len() == 1 { "two records".to_owned() } else { format!("{} records", others.len() + 1) }
        );
        self.question(ReviewKind::Doubled, &why, "workflow.duplicate_cleanup", choices);
    }

    /// Which workflow a question is of, and the keys by which its choices agree and disagree.
    pub(super) fn of_workflow(&self, mut review: Review) -> Review {
        match review.kind {
            ReviewKind::OwnerChange => review.workflow = Some(Workflow::HotLeadRouting),
            ReviewKind::Doubled if review.workflow.is_some() => {
                let record = self.inquiry.contact.as_ref().map_or("", |c| c.record.as_str());
                review.candidates = workflow::others(self.inquiry, record, self.facts);
            }
            _ => {}
        }
        review
    }
}
