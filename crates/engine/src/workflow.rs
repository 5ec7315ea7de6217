//! Taking an offer of a provider in: to the caller who waits, or to the item of each workflow that it begins.
//!
//! It runs in the unit that marks its signal as folded, as a call does. What no workflow takes up is kept with the reason, and nothing else
//! happens: an offer never opens an inquiry that somebody has to call back.

use crate::consent;
use crate::facts::{AccountFacts, ConnectionFacts};
use crate::inquire::{self, Loaded};
use crate::micros;
use jiff::Timestamp;
use ringback_core::id::{InquiryId, SignalId};
use ringback_core::identity::{self, Phone};
use ringback_core::inquiry::{Choice, Event, Inquiry};
use ringback_core::ledger::Salt;
use ringback_core::offer::{self, Offer, Subject};
use ringback_core::workflow::{ENRICHED, Workflow};
use ringback_store::{self as store, SignalRow, Tx};
use std::collections::BTreeSet;

/// How many of a caller's inquiries are looked through for one that waits.
const OF_PERSON_MAX: u32 = 20;
/// Where counts of approved prospects stand, in place of a connection.
const COUNTS: &str = "workflow";

/// Whom an offer is about, in the form in which it is compared.
struct Who {
    subject: Subject,
    person: Option<String>,
    phone: Option<(String, String)>,
}

impl Who {
    fn of(facts: &AccountFacts, region: &str, subject: &Subject) -> Option<Self> {
        let phone = match subject.phone.as_deref().map(|raw| identity::phone(raw, region)) {
            Some(Phone::E164 { e164, national, .. }) => Some((e164, national)),
            _ => None,
        };
        let subject = Subject {
            record: subject.record.clone(),
            phone: phone.as_ref().map(|(e164, _)| e164.clone()),
            email: subject.email.as_deref().and_then(identity::email),
        };
        let person = phone.as_ref().map(|(e164, _)| identity::person_key(&facts.salt.0, &facts.account, e164));
        (!subject.is_empty()).then_some(Self { subject, person, phone })
    }

    /// One item for each workflow and record; where no record is named, for each number, else for each address.
    fn key(&self, facts: &AccountFacts, workflow: Workflow) -> String {
        let Subject { record, phone, email } = &self.subject;
        let by = match (record, phone, email) {
            (Some(record), ..) => By::Record(record),
            (None, Some(phone), _) => By::Phone(phone),
            (None, None, email) => By::Email(email.as_deref().unwrap_or_default()),
        };
        key_of(&facts.salt, facts.account.as_str(), workflow, by)
    }
}

/// By what an item is told from every other of its workflow.
#[derive(Clone, Copy)]
pub(crate) enum By<'a> {
    Record(&'a str),
    Phone(&'a str),
    Email(&'a str),
}

/// The key of the item of a workflow.
pub(crate) fn key_of(salt: &Salt, account: &str, workflow: Workflow, by: By<'_>) -> String {
    let by = match by {
        By::Record(record) => format!("record|{record}"),
        By::Phone(phone) => format!("phone|{phone}"),
        By::Email(email) => format!("email|{email}"),
    };
    let of = format!("{account}|{}|{by}", workflow.word());
    format!("workflow:{}:{}", workflow.word(), salt.commit("workflow", &of))
}

/// Takes an offer in; why nothing came of it, if nothing did.
pub(crate) async fn take(
    tx: &mut Tx,
    facts: &AccountFacts,
    row: &SignalRow,
    offer: &Offer,
    new_id: &InquiryId,
    now: Timestamp,
) -> Result<Option<String>, store::Error> {
    let held = facts.connections.get(&row.connection);
    let region = held.map_or("US", |h| facts.region(&h.connection));
    let Some(who) = Who::of(facts, region, &offer.subject) else {
        return Ok(Some("neither the number nor the address can be read".into()));
    };
    let signal = SignalId::from_text(row.id.clone());
    if offer.event == ENRICHED {
        return for_caller(tx, facts, &who, offer, signal, now).await;
    }
    let mut aside = Some("no workflow begins with this event".to_owned());
    for (n, workflow) in Workflow::of_event(&offer.event).enumerate() {
        if !facts.contract.workflows.get(&workflow).is_some_and(|rule| rule.on) {
            aside = Some(format!("the workflow {} is off", workflow.word()));
            continue;
        }
        let id = if n == 0 { new_id.clone() } else { InquiryId::from_text(format!("{new_id}{n}")) };
        aside = for_item(tx, facts, held, (&who, workflow), (offer, &signal), id, now).await?;
    }
    Ok(aside)
}

/// To the inquiry of the caller, if one waits: an offer about somebody who did not call is nobody's to call back.
async fn for_caller(
    tx: &mut Tx,
    facts: &AccountFacts,
    who: &Who,
    offer: &Offer,
    signal: SignalId,
    now: Timestamp,
) -> Result<Option<String>, store::Error> {
    let mut takers = Workflow::of_event(ENRICHED).filter_map(|w| facts.contract.workflows.get(&w));
    if !takers.any(|rule| rule.on) {
        return Ok(Some("no workflow that takes up what is offered about callers is on".into()));
    }
    let nobody = || Some("no caller with that number waits for a call back".to_owned());
    let Some(person) = &who.person else { return Ok(nobody()) };
    let rows = store::inquiries_of_person(tx, facts.account.as_str(), person, OF_PERSON_MAX).await?;
    for row in rows {
        let loaded = inquire::of_row(row)?;
        if loaded.inquiry.open() {
            return news(tx, facts, loaded, offer, signal, 0, now).await;
        }
    }
    Ok(nobody())
}

async fn for_item(
    tx: &mut Tx,
    facts: &AccountFacts,
    held: Option<&ConnectionFacts>,
    (who, workflow): (&Who, Workflow),
    (offer, signal): (&Offer, &SignalId),
    id: InquiryId,
    now: Timestamp,
) -> Result<Option<String>, store::Error> {
    let key = who.key(facts, workflow);
    let loaded = match store::inquiry_open_by_key(tx, facts.account.as_str(), &key).await? {
        Some(row) => inquire::of_row(row)?,
        None => {
            let of = (workflow, who.subject.clone());
            let account = facts.account.clone();
            let mut inquiry = Inquiry::of_workflow(id, account, of, who.person.clone(), who.phone.clone(), now);
            inquiry.location = place(facts, held);
            Loaded { inquiry, version: None, open_key: Some(key) }
        }
    };
    let approved = match workflow {
        Workflow::OutboundCreation => approved_before(tx, facts, &offer.provider).await?,
        _ => 0,
    };
    news(tx, facts, loaded, offer, signal.clone(), approved, now).await
}

fn place(facts: &AccountFacts, held: Option<&ConnectionFacts>) -> Option<ringback_core::id::LocationId> {
    let only = match facts.roster.locations.as_slice() {
        [one] => Some(&one.id),
        _ => None,
    };
    held.and_then(|h| facts.location_of(&h.connection)).or(only).cloned()
}

/// What was said before, by the same provider as of the same moment, is no news and no event.
async fn news(
    tx: &mut Tx,
    facts: &AccountFacts,
    loaded: Loaded,
    offer: &Offer,
    signal: SignalId,
    approved_before: u32,
    now: Timestamp,
) -> Result<Option<String>, store::Error> {
    if !offer::hold(&mut loaded.inquiry.offers.clone(), offer, &signal) {
        return Ok(Some("it was offered before, or is older than what is held".into()));
    }
    let opted_out = consent::opted_out(tx, facts.account.as_str(), loaded.inquiry.person.as_deref()).await?;
    let event = Event::Offered { offer: offer.clone(), signal, approved_before, opted_out };
    inquire::apply(tx, facts, loaded, &[event], now).await?;
    Ok(None)
}

/// How many prospects of a provider people have approved: the sample that must come before scale (F-135). Two who approve in one moment may
/// count as one; then one more is asked about.
async fn approved_before(tx: &mut Tx, facts: &AccountFacts, provider: &str) -> Result<u32, store::Error> {
    let held = store::cursor_get(tx, facts.account.as_str(), COUNTS, &count_of(provider)).await?;
    Ok(held.and_then(|n| n.parse().ok()).unwrap_or(0))
}

/// One prospect more of these providers was approved by a person.
pub(crate) async fn count_approved(
    tx: &mut Tx,
    account: &str,
    providers: &BTreeSet<String>,
    now: Timestamp,
) -> Result<(), store::Error> {
    for provider in providers {
        let name = count_of(provider);
        let held = store::cursor_get(tx, account, COUNTS, &name).await?.and_then(|n| n.parse::<u32>().ok());
        let next = held.unwrap_or(0).saturating_add(1).to_string();
        store::cursor_put(tx, account, COUNTS, &name, &next, micros(now)).await?;
    }
    Ok(())
}

fn count_of(provider: &str) -> String {
    format!("approved:{provider}")
}

/// Has a person approved anything of this prospect?
pub(crate) fn approved(inquiry: &Inquiry) -> bool {
    inquiry.workflow() == Some(Workflow::OutboundCreation)
        && inquiry.approvals.iter().any(|a| matches!(a.choice, Choice::Approve | Choice::Edit { .. }))
}

/// How the items of a workflow are told apart in the table of inquiries.
pub(crate) fn category(workflow: Workflow) -> String {
    format!("workflow:{}", workflow.word())
}

/// The state word of an item's row: it is in no list of what is open or closed.
pub(crate) const ITEM: &str = "item";

#[cfg(test)]
mod tests;
