//! Whose value stands in the CRM: by what we last wrote there, and by what the vendor tells.

use super::Case;
use crate::contract::FieldRule;
use crate::crm::{Object, Setter};
use crate::ensure::same;
use crate::inquiry::{Facts, Inquiry, StandsBy};
use crate::plan::Actor;

/// Who set the value that stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// Nothing stands there.
    Nobody,
    /// We did, by ourselves, and so sure (thousandths) where that is known.
    Ours(Option<u16>),
    /// Somebody typed or approved it, or nobody tells who did: people win.
    Person,
    /// Another integration or the CRM's own automation.
    Other,
}

/// Compares what stands there with what we last wrote to that record and property. Most vendors do not tell who set a value; whatever is
/// not ours then counts as a person's.
pub(super) fn holder(case: &Case<'_, '_>, inquiry: &Inquiry, facts: &Facts<'_>) -> Holder {
    match stands_by(case.rule, case.was.as_deref(), inquiry, facts) {
        None => Holder::Nobody,
        Some(StandsBy::Machine { confidence, .. }) => Holder::Ours(confidence),
        // What a person approved or put there is verified (F-116).
        Some(StandsBy::Approved { .. } | StandsBy::Person { .. } | StandsBy::Untold) => Holder::Person,
        Some(StandsBy::Program { .. }) => Holder::Other,
    }
}

/// Who set the value that stands in the CRM for a clause; `None`: nothing stands there, or it is no field of the contact.
pub fn stands_by(rule: &FieldRule, was: Option<&str>, inquiry: &Inquiry, facts: &Facts<'_>) -> Option<StandsBy> {
    let stands = was.unwrap_or("");
    let contact = inquiry.contact.as_ref().filter(|_| rule.object == Object::Contact && !stands.trim().is_empty())?;
    let told = contact.record_held.set_by.get(&rule.property);
    let lane = facts.crm.map(|(lane, _)| lane);
    let wrote = contact.ours.get(&rule.property).filter(|w| Some(&w.crm) == lane && same(&w.value, stands));
    let who = told.map(|set| set.who);
    Some(match (told, wrote) {
        (Some(set), _) if who == Some(Setter::Person) => StandsBy::Person { at: set.at, source: set.source.clone() },
        (_, Some(wrote)) if wrote.actor == Actor::Machine => {
            StandsBy::Machine { confidence: wrote.confidence, at: wrote.at }
        }
        (_, Some(wrote)) => StandsBy::Approved { at: wrote.at },
        (Some(set), None) if matches!(who, Some(Setter::Integration | Setter::Automation)) => {
            StandsBy::Program { at: set.at, source: set.source.clone() }
        }
        (Some(_) | None, None) => StandsBy::Untold,
    })
}
