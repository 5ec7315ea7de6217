//! Whose value stands in the CRM: by what we last wrote there, and by what the vendor tells.

use super::Case;
use crate::crm::{Object, Setter};
use crate::ensure::same;
use crate::inquiry::{Facts, Inquiry};
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
pub(super) fn holder(case: &Case<'_>, inquiry: &Inquiry, facts: &Facts<'_>) -> Holder {
    let stands = case.was.as_deref().unwrap_or("");
    let (Some(contact), Object::Contact) = (&inquiry.contact, case.rule.object) else { return Holder::Nobody };
    if stands.trim().is_empty() {
        return Holder::Nobody;
    }
    let told = contact.record_held.set_by.get(&case.rule.property).map(|set| set.who);
    let lane = facts.crm.map(|(lane, _)| lane);
    let wrote = contact.ours.get(&case.rule.property).filter(|w| Some(&w.crm) == lane && same(&w.value, stands));
    match (told, wrote) {
        (Some(Setter::Person), _) => Holder::Person,
        (_, Some(wrote)) if wrote.actor == Actor::Machine => Holder::Ours(wrote.confidence),
        // What a person approved or put there is verified (F-116).
        (_, Some(_)) => Holder::Person,
        (Some(Setter::Integration | Setter::Automation), None) => Holder::Other,
        (Some(Setter::Unknown) | None, None) => Holder::Person,
    }
}
