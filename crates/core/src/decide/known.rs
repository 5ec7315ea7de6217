//! What is known of an inquiry when a condition of the contract is asked. What nobody knows stays unknown (F-144).

use crate::followup::condition::Condition;
use crate::followup::owner::{OwnerFacts, View};
use crate::id::LocationId;
use crate::identity::MatchKind;
use crate::inquiry::{Facts, Inquiry};
use std::collections::BTreeMap;

/// Everything that owner rules and review conditions may ask about.
pub(crate) fn owner_facts(inquiry: &Inquiry, facts: &Facts<'_>, location: LocationId) -> OwnerFacts {
    let call = inquiry.last_call();
    let text = |field: &str| inquiry.steering(field).map(|c| c.claim.value.text());
    let record_owner = facts.crm.and_then(|(_, words)| of_record(inquiry, words.contact_owner));
    let vertical = facts.roster.location(&location).and_then(|l| l.vertical.clone());
    let more: BTreeMap<String, String> = facts
        .contract
        .asked()
        .into_iter()
        .filter_map(|name| {
            let value = match name.split_once('.') {
                Some(("record", property)) => of_record(inquiry, property),
                Some((_, field)) => said(inquiry, facts, field),
                None => None,
            }?;
            Some((name, value))
        })
        .collect();
    OwnerFacts {
        location,
        category: call.map_or_else(String::new, |c| c.category.clone()),
        after_hours: call.and_then(|c| c.after_hours).unwrap_or(false),
        line_kind: call.and_then(|c| c.line.clone()),
        source: call.and_then(|c| c.attribution.source.clone()),
        campaign: call.and_then(|c| c.attribution.campaign.clone()),
        urgency: inquiry.urgency(),
        intent: text("intent"),
        reason_code: text("reason_code"),
        service: text("service"),
        flags: inquiry.flags().into_iter().collect(),
        match_kind: inquiry.matched.as_ref().map_or(MatchKind::New, |m| m.kind),
        record_owner,
        vertical,
        more,
    }
}

fn of_record(inquiry: &Inquiry, property: &str) -> Option<String> {
    let held = inquiry.contact.as_ref()?.record_held.properties.get(property)?;
    (!held.trim().is_empty()).then(|| held.clone())
}

/// What was said of a field.
fn said(inquiry: &Inquiry, facts: &Facts<'_>, field: &str) -> Option<String> {
    let rule = facts.contract.fields.get(field)?;
    inquiry.claims.get(&rule.from).map(|c| c.claim.value.text())
}

/// Does a condition of the contract hold for this inquiry?
pub(super) fn holds_now(when: &str, inquiry: &Inquiry, facts: &Facts<'_>) -> bool {
    let nowhere = || LocationId::from_text("");
    let known = owner_facts(inquiry, facts, inquiry.location.clone().unwrap_or_else(nowhere));
    let view = View { facts: &known, roster: facts.roster };
    // One that cannot be read was refused when the contract was applied; should it be there all the same, a person is asked.
    Condition::parse(when).map_or(true, |condition| condition.holds(&view))
}
