//! What is known of an inquiry when a condition of the contract is asked. What nobody knows stays unknown (F-144).

use crate::followup::condition::When;
use crate::followup::owner::{OwnerFacts, View};
use crate::id::LocationId;
use crate::identity::MatchKind;
use crate::inquiry::{Facts, Inquiry};
use std::borrow::Cow;

/// Everything that owner rules and review conditions may ask about.
pub(crate) fn owner_facts<'i>(
    inquiry: &'i Inquiry,
    facts: &Facts<'i>,
    location: Option<&'i LocationId>,
) -> OwnerFacts<'i> {
    let call = inquiry.last_call();
    let text = |field: &str| inquiry.steering(field).map(|c| c.claim.value.words());
    let place = location.and_then(|l| facts.roster.location(l));
    let more = facts.contract.asked().into_iter().filter_map(|name| {
        let value = match name.split_once('.') {
            Some(("record", property)) => of_record(inquiry, property).map(Cow::Borrowed),
            Some((_, field)) => said(inquiry, facts, field),
            None => None,
        };
        Some((name, value?))
    });
    OwnerFacts {
        location,
        category: call.map_or("", |c| c.category.as_str()),
        after_hours: call.and_then(|c| c.after_hours).unwrap_or(false),
        line_kind: call.and_then(|c| c.line.as_deref()),
        source: call.and_then(|c| c.attribution.source.as_deref()),
        campaign: call.and_then(|c| c.attribution.campaign.as_deref()),
        urgency: inquiry.urgency_word(),
        intent: text("intent"),
        reason_code: text("reason_code"),
        service: text("service"),
        flags: inquiry.standing_flags().collect(),
        match_kind: inquiry.matched.as_ref().map_or(MatchKind::New, |m| m.kind),
        record_owner: facts.crm.and_then(|(_, words)| of_record(inquiry, words.contact_owner)),
        vertical: place.and_then(|l| l.vertical.as_deref()),
        more: more.collect(),
    }
}

fn of_record<'i>(inquiry: &'i Inquiry, property: &str) -> Option<&'i str> {
    let held = inquiry.contact.as_ref()?.record_held.properties.get(property)?;
    (!held.trim().is_empty()).then_some(held)
}

/// What was said of a field.
fn said<'i>(inquiry: &'i Inquiry, facts: &Facts<'_>, field: &str) -> Option<Cow<'i, str>> {
    let rule = facts.contract.fields.get(field)?;
    inquiry.claims.get(&rule.from).map(|c| c.claim.value.words())
}

/// Does a condition of the contract hold for this inquiry?
pub(super) fn holds_now(when: &When, inquiry: &Inquiry, facts: &Facts<'_>) -> bool {
    let known = owner_facts(inquiry, facts, inquiry.location.as_ref());
    let view = View { facts: &known, roster: facts.roster };
    // One that cannot be read was refused when the contract was applied; should it be there all the same, a person is asked.
    when.holds(&view).unwrap_or(true)
}
