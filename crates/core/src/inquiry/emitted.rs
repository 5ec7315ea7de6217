//! What other systems are told of an inquiry: whatever a step brought about, and nothing that was so before. A receiver that comes later is
//! told what happens from then on, and one that goes away takes nothing back.

use super::desire::Wish;
use super::*;
use crate::claim;
use crate::contract::{FieldType, Notes};
use crate::effect::{Desired, emits};
use crate::emit::{Emission, Occasion, Personal, TEXT_CHARS_MAX, Target};
use crate::identity::MatchKind;

/// Reason codes that a ticket desk works on.
const TICKET_REASONS: [&str; 2] = ["support_issue", "complaint"];
/// The flag that says the same in the caller's own words.
const COMPLAINT: &str = "complaint";
/// The flag that says in the caller's own words that work was done for them before.
const CUSTOMER_ISSUE: &str = "existing_customer_issue";

/// The part of an inquiry that occasions are told by, before a step.
pub(super) struct Before {
    calls: usize,
    open: bool,
    owner: Option<(StaffId, bool)>,
    callbacks: usize,
    ticket: bool,
}

impl Before {
    /// `None`: nobody is told anything, so nobody need ask.
    pub(super) fn of(inquiry: &Inquiry, facts: &Facts<'_>) -> Option<Self> {
        (!facts.targets.is_empty() && inquiry.workflow().is_none()).then(|| Self {
            calls: inquiry.calls.len(),
            open: inquiry.open(),
            owner: owner_of(inquiry),
            callbacks: inquiry.callbacks.len(),
            ticket: inquiry.wants_ticket(),
        })
    }

    /// What a step has brought about, in its order, and which attempt to call back it is about.
    fn occasions<'i>(&self, now: &'i Inquiry) -> Vec<(Occasion, Option<&'i Callback>)> {
        let mut all = Vec::new();
        // A call that somebody answered is nobody's to call back: it never opened anything.
        if self.calls == 0 && now.open() && !now.calls.is_empty() {
            all.push((Occasion::Opened, None));
        }
        let owner = owner_of(now);
        if owner.is_some() && owner != self.owner {
            all.push((Occasion::OwnerSet, None));
        }
        if now.wants_ticket() && !self.ticket {
            all.push((Occasion::TicketWanted, None));
        }
        for callback in now.callbacks.iter().skip(self.callbacks) {
            all.push((Occasion::CalledBack, Some(callback)));
            // What is booked a second time, after it was closed, is the same click again.
            if callback.result == CallbackResult::Booked && self.open {
                all.push((Occasion::Booked, Some(callback)));
            }
        }
        if self.open && self.calls > 0 && matches!(now.state, State::Closed { .. }) {
            all.push((Occasion::Closed, now.callbacks.last()));
        }
        all
    }

    /// What each receiver is told now.
    pub(super) fn wishes(&self, inquiry: &Inquiry, facts: &Facts<'_>, now: Timestamp) -> Vec<Wish> {
        let occasions = self.occasions(inquiry);
        if occasions.is_empty() {
            return Vec::new();
        }
        let mut wishes = Vec::new();
        for target in facts.targets {
            let told = inquiry.effects.keys().filter(|t| emits(t, Some(&target.lane)));
            let mut sequence = u32::try_from(told.clone().count()).unwrap_or(u32::MAX);
            let ticketed = told.clone().any(|t| t.ends_with(Occasion::TicketWanted.word()));
            for (occasion, callback) in occasions.iter().filter(|(o, _)| target.occasions.contains(o)) {
                if *occasion == Occasion::TicketWanted && ticketed {
                    continue;
                }
                sequence = sequence.saturating_add(1);
                let emission = Telling { inquiry, facts, target, now }.of(*occasion, *callback, sequence);
                let key = format!("rb-event-{}-{}-{sequence}", inquiry.id.stem(), target.lane);
                wishes.push(Wish {
                    target: format!("{}{}:{sequence}:{}", crate::effect::EMIT, target.lane, occasion.word()),
                    lane: target.lane.clone(),
                    desired: Desired::Emit { key, emission: Box::new(emission) },
                    whole: None,
                });
            }
        }
        wishes
    }
}

fn owner_of(inquiry: &Inquiry) -> Option<(StaffId, bool)> {
    inquiry.owner.as_ref().map(|o| (o.staff.clone(), o.provisional))
}

impl Inquiry {
    /// Why the caller called: what a person put in place of the machine's word, else what the caller surely said.
    pub fn reason(&self) -> Option<String> {
        let typed = |a: &&Approval| a.kind == ReviewKind::Field && a.field.as_deref() == Some("reason_code");
        let put = self.approvals.iter().rev().find(typed).and_then(|a| match &a.choice {
            Choice::Edit { value } => Some(value.clone()),
            _ => None,
        });
        put.or_else(|| self.steering("reason_code").map(|c| c.claim.value.words().to_string()))
    }

    /// An existing customer has trouble with what was done, or complains; unless the call was answered after all, or it was closed as a wrong number or
    /// an opt-out. Who is a customer says the CRM, or the caller.
    pub fn wants_ticket(&self) -> bool {
        let over = matches!(
            self.state,
            State::Closed { outcome: Outcome::Disqualified | Outcome::OptedOut | Outcome::AnsweredAfterAll, .. }
        );
        let known = self.matched.as_ref().is_some_and(|m| m.kind == MatchKind::Customer);
        let customer = known || self.has_flag(CUSTOMER_ISSUE);
        let trouble = || {
            let reason = self.reason().is_some_and(|reason| TICKET_REASONS.contains(&reason.as_str()));
            reason || self.has_flag(COMPLAINT)
        };
        !over && customer && trouble()
    }
}

struct Telling<'a> {
    inquiry: &'a Inquiry,
    facts: &'a Facts<'a>,
    target: &'a Target,
    now: Timestamp,
}

impl Telling<'_> {
    fn of(&self, occasion: Occasion, callback: Option<&Callback>, sequence: u32) -> Emission {
        let inquiry = self.inquiry;
        let place = inquiry.location.as_ref().and_then(|l| self.facts.roster.location(l));
        let call = inquiry.last_call();
        let (outcome, closed_at) = match &inquiry.state {
            State::Closed { outcome, at, .. } => (Some(*outcome), Some(*at)),
            State::Open => (None, None),
        };
        let waited = inquiry.callbacks.first().zip(inquiry.first_missed());
        Emission {
            occasion,
            at: match occasion {
                Occasion::Closed => closed_at.unwrap_or(self.now),
                _ => callback.map_or(self.now, |c| c.at),
            },
            account: inquiry.account.clone(),
            inquiry: inquiry.id.clone(),
            sequence,
            url: format!("{}/inquiries/{}", self.facts.console_url, inquiry.id),
            location: place.map(|l| l.slug.clone()),
            zone: place.map(|l| l.calendar.zone().to_owned()),
            category: call.map(|c| c.category.clone()),
            source: call.and_then(|c| c.attribution.source.as_deref()).map(cut),
            calls: inquiry.calls.len(),
            urgency: inquiry.urgency(),
            caller_is: inquiry.matched.as_ref().map(|m| m.kind),
            reason: inquiry.reason().filter(|reason| self.is_code(reason)),
            owner: inquiry.owner.as_ref().map(|o| o.staff.clone()),
            provisional: inquiry.owner.as_ref().is_some_and(|o| o.provisional),
            result: callback.map(|c| c.result),
            booked_for: callback.and_then(|c| c.booked_for),
            outcome,
            callback_seconds: waited.map(|(back, missed)| back.at.duration_since(missed.clock_from).as_secs()),
            breached: inquiry.breached_at.is_some(),
            stale: inquiry.stale_at.is_some(),
            personal: self.target.personal.iter().filter_map(|p| Some((*p, self.value(*p, callback)?))).collect(),
        }
    }

    /// One of the codes that readers and the contract know. What somebody wrote in their own words goes to nobody who did not ask for such.
    fn is_code(&self, reason: &str) -> bool {
        let clause = self.facts.contract.fields.get("reason_code").map(|rule| &rule.kind);
        let choice = matches!(clause, Some(FieldType::Choice(options)) if options.iter().any(|o| o == reason));
        choice || claim::REASON_CODES.contains(&reason)
    }

    fn value(&self, personal: Personal, callback: Option<&Callback>) -> Option<String> {
        let inquiry = self.inquiry;
        let sure = |field: &str| {
            let claim = inquiry.claims.get(field).filter(|c| c.claim.confidence.0 >= SURE_AT);
            claim.map(|c| c.claim.value.text())
        };
        let owner = inquiry.owner.as_ref();
        let found = match personal {
            Personal::CallerPhone => inquiry.callback_number(),
            Personal::CallerName => sure("caller_name").or_else(|| inquiry.last_call()?.caller_name.clone()),
            Personal::CallerEmail => sure("email"),
            Personal::OwnerName => owner.map(|o| o.name.clone()),
            Personal::OwnerEmail => owner.and_then(|o| self.facts.roster.person(&o.staff)?.email.clone()),
            Personal::Summary if self.facts.contract.notes == Notes::Plain => None,
            Personal::Summary => {
                let last = inquiry.calls.iter().rev().find_map(|call| call.summary.as_ref());
                last.map(|summary| summary.lines().join("\n"))
            }
            Personal::Note => callback.and_then(|c| c.note.clone()),
        };
        found.map(|text| cut(&text)).filter(|text| !text.is_empty())
    }
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;
