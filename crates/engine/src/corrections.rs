//! What people put in place of values of ours, noted whenever the CRM shows it: at a find, before a write, before an answer counts, at a
//! rollback, at a reconciliation.
//!
//! Each confirmed write is corrected at most once: by what was seen first. Noting it again changes nothing, so it is done before the step
//! that the same look leads to; a node that dies in between looks again and notes the same.

use crate::facts::AccountFacts;
use crate::inquire::{KeptDays, MEETINGS_MAX, put_documents};
use crate::retention::unless_moved;
use crate::{Engine, Error, micros};
use jiff::Timestamp;
use ringback_core::crm::{Object, Properties, Record, Setter};
use ringback_core::effect::{Desired, Effect};
use ringback_core::ensure::same;
use ringback_core::id::InquiryId;
use ringback_core::ledger::{Document, Retention};
use ringback_core::rollback::CLAUSE;
use ringback_core::upcast::{self, Form};
use ringback_store::{self as store, CorrectionRow, FieldWriteRow, Site, Tx};
use std::collections::{BTreeMap, BTreeSet};

/// Inquiries of the caller whose writes may be on their way.
const INQUIRIES_MAX: u32 = 20;

/// How a correction was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The caller was looked up.
    Found,
    /// Something else stood there than was decided on.
    Moved,
    /// The record was read again before an answer counted.
    Seen,
    /// A rollback looked.
    Rollback,
    /// The nightly comparison looked.
    Reconciled,
    /// A person said so in a spot-check.
    SpotCheck,
}

impl By {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Moved => "moved",
            Self::Seen => "seen",
            Self::Rollback => "rollback",
            Self::Reconciled => "reconciled",
            Self::SpotCheck => "spot_check",
        }
    }
}

/// A correction with the document of its value.
pub(crate) fn correction(
    facts: &AccountFacts,
    (inquiry, seq, property): (&str, i64, &str),
    by: By,
    value: Option<&str>,
    by_id: &str,
    now: Timestamp,
) -> (CorrectionRow, Option<Document>) {
    let text = value.filter(|text| !text.trim().is_empty());
    let document = text.map(|text| facts.salt.document(Retention::Value, "value", text));
    let row = CorrectionRow {
        account: facts.account.as_str().to_owned(),
        inquiry: inquiry.to_owned(),
        seq,
        property: property.to_owned(),
        kind: by.word().into(),
        value_doc: document.as_ref().map(|document| document.id.as_str().to_owned()),
        by_id: by_id.to_owned(),
        seen_at: micros(now),
    };
    (row, document)
}

/// A look at records of one lane.
pub(crate) struct Look<'a> {
    pub(crate) lane: &'a str,
    pub(crate) object: Object,
    pub(crate) by: By,
    /// In whose course it was looked; none for a look at all.
    pub(crate) inquiry: Option<&'a InquiryId>,
}

impl Engine {
    /// Notes what stands in place of our last confirmed writes, where it is a person's. What a property holds that was not asked for is not known.
    pub(crate) async fn note_corrections(
        &self,
        facts: &AccountFacts,
        look: &Look<'_>,
        records: &[Record],
    ) -> Result<(), Error> {
        if records.iter().all(|record| record.properties.is_empty()) {
            return Ok(());
        }
        let account = facts.account.as_str().to_owned();
        let (lane, object) = (look.lane.to_owned(), look.object.as_str());
        let inquiry = look.inquiry.map(|id| id.as_str().to_owned());
        let shown: Vec<Record> = records.to_vec();
        let found = self
            .store()
            .read(move |tx| {
                Box::pin(async move { replaced(tx, &account, &lane, object, inquiry.as_deref(), &shown).await })
            })
            .await?;
        if found.is_empty() {
            return Ok(());
        }
        let now = self.now();
        let rows = found.iter().map(|(write, value)| {
            correction(facts, (&write.inquiry, write.seq, &write.property), look.by, Some(value), "", now)
        });
        self.put_corrections(facts, rows.collect(), now).await
    }

    /// Stores those that are not noted yet.
    pub(crate) async fn put_corrections(
        &self,
        facts: &AccountFacts,
        rows: Vec<(CorrectionRow, Option<Document>)>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let days = facts.days;
        for _ in 0..MEETINGS_MAX {
            let rows = rows.clone();
            let put = self.store().write(Site::Other, move |tx| {
                Box::pin(async move {
                    for noted in rows {
                        put_once(tx, days, noted, now).await?;
                    }
                    Ok(())
                })
            });
            match put.await {
                Err(store::Error::Conflict) => {}
                other => return Ok(other?),
            }
        }
        Err(Error::MovedOn("others are changing this inquiry all the time; try again".into()))
    }
}

/// Stores a correction that is not noted yet, and its value with it. The value of one that is noted already is not kept: nothing would lead to it when
/// its person is erased. Nor is one of an inquiry that was erased since it was looked at: what we wrote is gone with it, and what was put in its
/// place is the person's just as much. The inquiry is held to its version, so that an erasure beside this sees the value or makes it be looked at again.
pub(crate) async fn put_once(
    tx: &mut Tx,
    days: KeptDays,
    (row, document): (CorrectionRow, Option<Document>),
    now: Timestamp,
) -> Result<(), store::Error> {
    let held = store::inquiry_get(tx, &row.account, &row.inquiry).await?;
    let writes = store::field_writes_of_inquiry(tx, &row.account, &row.inquiry).await?;
    let write = writes.into_iter().find(|write| write.seq == row.seq && write.property == row.property);
    if let Some(wrote) = write.and_then(|write| write.is_doc)
        && store::document_get(tx, &row.account, &wrote).await?.is_none_or(|document| document.body.is_none())
    {
        return Ok(());
    }
    if store::corrections_put_once(tx, std::slice::from_ref(&row)).await? == 1 && document.is_some() {
        put_documents(tx, &row.account, days, document.into_iter().collect(), now).await?;
        if let Some(held) = held {
            unless_moved(store::inquiry_update_if(tx, &held).await?)?;
        }
    }
    Ok(())
}

/// Our last writes to these records where a person's value stands now, with that value.
async fn replaced(
    tx: &mut Tx,
    account: &str,
    lane: &str,
    object: &str,
    inquiry: Option<&str>,
    records: &[Record],
) -> Result<Vec<(FieldWriteRow, String)>, store::Error> {
    let mut all = Vec::new();
    for record in records {
        let rows = store::field_writes_of_record(tx, account, object, &record.id).await?;
        let mut last: BTreeMap<&str, &FieldWriteRow> = BTreeMap::new();
        for row in &rows {
            last.insert(row.property.as_str(), row);
        }
        let mut found = Vec::new();
        for (property, write) in last {
            let Some(value) = record.properties.get(property) else { continue };
            // What a rollback put back is nobody's mistake when it is changed.
            if write.clause.starts_with(CLAUSE) {
                continue;
            }
            let setter = record.set_by.get(property).map(|set| set.who);
            if matches!(setter, Some(Setter::Integration | Setter::Automation)) {
                continue;
            }
            let Some(document) = &write.is_doc else { continue };
            let Some(wrote) = store::document_get(tx, account, document).await?.and_then(|d| d.body) else { continue };
            if same(&wrote, value) {
                continue;
            }
            // The same id in another CRM is another record.
            let through = store::effect_get(tx, account, &write.effect).await?.map(|effect| effect.lane);
            if through.as_deref() == Some(lane) {
                found.push((write.clone(), value.clone()));
            }
        }
        if found.is_empty() {
            continue;
        }
        let under_way = under_way(tx, account, inquiry, &rows, &record.id).await?;
        found.retain(|(write, value)| {
            !under_way.iter().any(|wanted| wanted.get(&write.property).is_some_and(|wanted| same(wanted, value)))
        });
        all.extend(found);
    }
    Ok(all)
}

/// What we are writing to that record at this moment: it may stand there before its receipt does.
async fn under_way(
    tx: &mut Tx,
    account: &str,
    inquiry: Option<&str>,
    rows: &[FieldWriteRow],
    record: &str,
) -> Result<Vec<Properties>, store::Error> {
    let mut ids: BTreeSet<String> = rows.iter().map(|row| row.inquiry.clone()).collect();
    if let Some(inquiry) = inquiry {
        ids.insert(inquiry.to_owned());
        let row = store::inquiry_get(tx, account, inquiry).await?;
        if let Some(person) = row.and_then(|row| row.person_key) {
            let of = store::inquiries_of_person(tx, account, &person, INQUIRIES_MAX).await?;
            ids.extend(of.into_iter().map(|row| row.id));
        }
    }
    let mut wanted = Vec::new();
    for id in ids {
        for row in store::effects_of_inquiry(tx, account, &id).await? {
            if row.attempts == 0 || matches!(row.state.as_str(), "done" | "dead" | "superseded") {
                continue;
            }
            let Ok(effect) = upcast::read_own::<Effect>(Form::Effect, &row.body) else { continue };
            match effect.desired {
                Desired::Restore { record: of, properties, .. } if of == record => wanted.push(properties),
                Desired::ContactFields { properties, .. } | Desired::NewContact { properties, .. } => {
                    wanted.push(properties);
                }
                _ => {}
            }
        }
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests;
