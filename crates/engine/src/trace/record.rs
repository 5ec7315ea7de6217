//! Everything that was written to one record of the CRM: found by the vendor's id, or by our key in it, which is known before the record is there.

use super::Answer;
use super::tell::{self, Chain, is};
use crate::{Engine, Error, instant};
use jiff::Timestamp;
use ringback_core::contract::Contract;
use ringback_core::crm::Object;
use ringback_core::effect::{Desired, Effect};
use ringback_core::ensure::Receipt;
use ringback_core::id::{AccountId, InquiryId};
use ringback_core::upcast::{self, Form};
use ringback_store::{self as store, EffectRow, Tx};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The most inquiries whose chains are read for one record, the newest ones.
const INQUIRIES_MAX: usize = 50;
/// The most ids of one record: it was merged or converted so often.
const RECORDS_MAX: usize = 20;
/// A person's key in the key of their contact.
const PERSON_CHARS: usize = 32;

/// What was written to one record, and what is on its way to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Traced {
    /// `contact`, `call`, `task`.
    pub object: String,
    /// The vendor's ids of it, the newest first: one that was merged away or converted was another before. Empty: no read has shown it yet.
    pub records: Vec<String>,
    /// Our key in it, where it carries one.
    pub key: Option<String>,
    /// Every confirmed write of every field, the newest first.
    pub answers: Vec<Answer>,
    /// What is wanted of it and not confirmed yet.
    pub waiting: Vec<Waiting>,
    /// The inquiries whose ledger speaks of it, the newest first.
    pub inquiries: Vec<InquiryId>,
    /// Older inquiries were left out.
    pub more: bool,
}

/// An effect on the record that is not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiting {
    pub inquiry: InquiryId,
    pub effect: String,
    /// `create_contact`, `update_contact`, …
    pub what: String,
    /// `waiting`, `due`, `in_flight`, `dead`.
    pub state: String,
    pub since: Timestamp,
    /// The CRM's names of the fields.
    pub properties: Vec<String>,
}

/// What the store knows of a record.
struct Known {
    object: Object,
    /// The vendor's ids of it, in the order in which they were found, and whether a receipt shows it.
    records: Vec<(String, bool)>,
    key: Option<String>,
    /// By id, with what it wants, where that can still be read.
    effects: BTreeMap<String, (EffectRow, Option<Desired>)>,
}

impl Known {
    fn is(&self, record: &str) -> bool {
        self.records.iter().any(|(known, _)| known == record)
    }

    /// Takes an effect in, if it is about this record.
    fn take(&mut self, row: EffectRow) {
        let desired = upcast::read_own::<Effect>(Form::Effect, &row.body).ok().map(|effect| effect.desired);
        let receipt = row.receipt.as_deref().and_then(|text| serde_json::from_str::<Receipt>(text).ok());
        let told = receipt.as_ref().and_then(|receipt| receipt.object);
        let of_object = desired.as_ref().and_then(Desired::object).or(told) == Some(self.object);
        let shown = receipt.map(|receipt| receipt.record).filter(|record| !record.is_empty());
        let own = desired.as_ref().and_then(Desired::key);
        let named = match &desired {
            Some(Desired::ContactFields { record, .. } | Desired::Restore { record, .. }) => Some(record.as_str()),
            _ => None,
        };
        let by_key = own.is_some() && own == self.key.as_deref();
        let by_record = [shown.as_deref(), named].into_iter().flatten().any(|record| self.is(record));
        if !of_object || !(by_key || by_record) {
            return;
        }
        if let Some(record) = shown {
            match self.records.iter_mut().find(|(known, _)| *known == record) {
                Some((_, seen)) => *seen = true,
                None => self.records.push((record, true)),
            }
        }
        self.key = self.key.take().or_else(|| own.map(str::to_owned));
        self.effects.insert(row.id.clone(), (row, desired));
    }

    fn inquiries(&self) -> BTreeSet<String> {
        self.effects.values().map(|(row, _)| row.inquiry.clone()).collect()
    }
}

/// The inquiries that may have made the record of a key.
async fn makers(tx: &mut Tx, account: &str, object: Object, key: &str) -> Result<BTreeSet<String>, store::Error> {
    let mut found = BTreeSet::new();
    let Some(rest) = key.strip_prefix("rb-").and_then(|k| k.strip_prefix(object.as_str())?.strip_prefix('-')) else {
        return Ok(found);
    };
    match object {
        Object::Call => {
            let effects = store::effects_of_target(tx, account, &format!("call:{rest}")).await?;
            found.extend(effects.into_iter().map(|row| row.inquiry));
        }
        // The key of a contact is the person's, with the inquiry's where a person said that it is somebody else; without a number it is the
        // inquiry's alone.
        Object::Contact => {
            if let Some((person, stem)) = rest.split_at_checked(PERSON_CHARS) {
                let most = u32::try_from(INQUIRIES_MAX).unwrap_or(u32::MAX);
                let of = store::inquiries_of_person(tx, account, person, most).await?;
                found.extend(of.into_iter().map(|row| row.id));
                found.insert(format!("{}_{stem}", InquiryId::PREFIX));
            }
            found.insert(format!("{}_{rest}", InquiryId::PREFIX));
        }
        _ => {
            found.insert(format!("{}_{rest}", InquiryId::PREFIX));
        }
    }
    Ok(found)
}

async fn known(tx: &mut Tx, account: &str, object: Object, id: &str) -> Result<Known, store::Error> {
    let makers = makers(tx, account, object, id).await?;
    let key = (!makers.is_empty()).then(|| id.to_owned());
    // A receiver of webhooks has no ids of its own: there our key stands for one.
    let mut known = Known { object, records: vec![(id.to_owned(), false)], key, effects: BTreeMap::new() };
    for inquiry in &makers {
        for row in store::effects_of_inquiry(tx, account, inquiry).await? {
            known.take(row);
        }
    }
    // Others wrote to it by its id, also to the one that it became.
    let mut at = 0;
    while let Some((record, _)) = known.records.get(at).cloned().filter(|_| at < RECORDS_MAX) {
        at += 1;
        for row in store::effects_by_record(tx, account, &record).await? {
            known.take(row);
        }
    }
    // What the same inquiries want of it besides may be under way.
    for inquiry in known.inquiries().iter().rev().take(INQUIRIES_MAX) {
        for row in store::effects_of_inquiry(tx, account, inquiry).await? {
            known.take(row);
        }
    }
    Ok(known)
}

impl Engine {
    /// Everything that was written to a record, found by the vendor's id or by our key; `None` where nothing of ours is known of it.
    pub async fn traced_record(&self, account: &AccountId, object: &str, id: &str) -> Result<Option<Traced>, Error> {
        let Some(of) = Object::of(object) else { return Ok(None) };
        let (name, wanted) = (account.as_str().to_owned(), id.to_owned());
        let (known, rows) = self
            .store()
            .read(move |tx| {
                Box::pin(async move {
                    let known = known(tx, &name, of, &wanted).await?;
                    Ok((known, store::contracts_all(tx, &name).await?))
                })
            })
            .await?;
        if known.effects.is_empty() {
            return Ok(None);
        }
        let inquiries = known.inquiries();
        let more = inquiries.len() > INQUIRIES_MAX;
        let inquiries: Vec<String> = inquiries.into_iter().rev().take(INQUIRIES_MAX).collect();
        let mut versions: BTreeMap<String, Contract> = BTreeMap::new();
        let mut answers: Vec<Answer> = Vec::new();
        for inquiry in &inquiries {
            let trail = self.trail(account, inquiry).await?;
            let told = trail.told()?;
            let of_record = |entry: &&crate::audit::Told| {
                entry.kind == "write"
                    && is(entry, "object", object)
                    && tell::word(entry, "record").is_some_and(|record| known.is(&record))
            };
            let written: Vec<_> = told.iter().filter(of_record).collect();
            for id in written.iter().filter_map(|entry| tell::word(entry, "contract")) {
                let row = rows.iter().find(|row| row.id == id && !versions.contains_key(&id));
                if let Some(contract) = row.and_then(|row| Contract::from_stored(&row.compiled).ok()) {
                    versions.insert(id, contract);
                }
            }
            let chain = Chain { inquiry, told: &told, trail: &trail, versions: &versions };
            let fields = written.into_iter().flat_map(tell::fields);
            answers.extend(fields.map(|entry| chain.answer(&entry)));
        }
        answers.sort_by(|a, b| (b.at, &b.inquiry, b.seq, &a.property).cmp(&(a.at, &a.inquiry, a.seq, &b.property)));
        let Known { records, key, effects, .. } = known;
        let records = records.into_iter().rev().filter_map(|(record, seen)| seen.then_some(record)).collect();
        let unsettled = |row: &EffectRow| matches!(row.state.as_str(), "waiting" | "due" | "in_flight" | "dead");
        let waiting = effects.into_values().filter(|(row, _)| unsettled(row)).map(|(row, desired)| Waiting {
            inquiry: InquiryId::from_text(row.inquiry),
            effect: row.id,
            what: row.kind,
            state: row.state,
            since: instant(row.settled_at.unwrap_or(row.created_at)),
            properties: desired.and_then(|d| d.properties().map(|p| p.keys().cloned().collect())).unwrap_or_default(),
        });
        let waiting = waiting.collect();
        let inquiries = inquiries.into_iter().map(InquiryId::from_text).collect();
        Ok(Some(Traced { object: object.to_owned(), records, key, answers, waiting, inquiries, more }))
    }
}
