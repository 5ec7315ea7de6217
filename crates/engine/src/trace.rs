//! Where did this value come from? From a record and a field back to the call, the sentence, the rule, the verdict and the person; what else could
//! have stood there; and what another version of the rules would have decided.
//!
//! Everything is read from the ledger. What is sealed there and gone by policy or request stays gone here.

mod lost;
mod record;
mod tell;
mod under;

pub(crate) use tell::OF_EVERY_RECORD;

pub use record::{Traced, Waiting};
pub use under::{Asked, Other, Under};

use crate::audit::Sealed;
use crate::{Engine, Error};
use jiff::Timestamp;
use ringback_core::id::{AccountId, CallId, DocumentId, InquiryId};
use ringback_core::inquiry::Inquiry;
use ringback_store::{self as store, DocumentRow};
use serde::Serialize;
use std::collections::BTreeMap;

/// One confirmed write of one field, with everything that led to it (F-175 to F-186).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    pub object: String,
    /// The CRM's id of the record.
    pub record: String,
    /// The CRM's name of the property.
    pub property: String,
    pub inquiry: InquiryId,
    /// When the write was confirmed and entered.
    pub at: Timestamp,
    pub was: Option<Sealed>,
    pub is: Option<Sealed>,
    /// What started it.
    pub trigger: Option<String>,
    pub call: Option<CallSeen>,
    pub caller: Option<Sealed>,
    pub quote: Option<Quote>,
    /// Where the value was taken from, in words.
    pub source: Option<String>,
    /// Thousandths.
    pub confidence: Option<u64>,
    /// `AI`, `human-approved AI`, `human-only`.
    pub actor: Option<String>,
    pub reason: Option<String>,
    pub rule: Rule,
    /// What was decided, and in which plan; none where no rules decided (a rollback).
    pub verdict: Option<Ruling>,
    /// Who offered the value, where a provider of data did.
    pub provider: Option<Provider>,
    /// What else could have stood there: said, offered or held by the CRM, the surest first.
    pub lost: Vec<Lost>,
    pub approval: Option<Approved>,
    pub receipt: Receipt,
    /// Where it stands in the inquiry's chain.
    pub seq: i64,
    pub hash: String,
}

/// The call behind a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallSeen {
    pub id: CallId,
    pub started_at: Option<String>,
    pub category: Option<String>,
    pub source: Option<String>,
    pub campaign: Option<String>,
}

/// The exact words behind a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quote {
    pub document: DocumentId,
    pub version: u32,
    /// Code points, half-open.
    pub start: u32,
    pub end: u32,
    pub extractor: String,
    pub extractor_version: u32,
    pub words: Sealed,
}

/// The clause that allowed a write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rule {
    pub contract: Option<String>,
    pub workflow: Option<String>,
    pub version: Option<u64>,
    /// The contract's name of the field; none of what no clause names.
    pub field: Option<String>,
    pub clause: Option<String>,
    /// The clause as that version said it.
    pub sentence: Option<String>,
    /// Who wins a conflict, as that version said it.
    pub winner: Option<String>,
}

/// What was decided about a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ruling {
    /// `write`.
    pub kind: String,
    /// A stable word: `own_record`, `decided_by_person`; [`STAMP`] of what every record of ours carries.
    pub because: String,
    /// The plan that wanted it in the CRM.
    pub plan: Option<String>,
    pub at: Timestamp,
}

/// Why a value is written that no clause is asked about.
pub const STAMP: &str = "stamp";

/// A provider of data behind a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Provider {
    pub name: String,
    /// As of when, by its own word.
    pub as_of: Option<Timestamp>,
}

/// A candidate that lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lost {
    pub kind: Candidate,
    /// None of what was not admitted: it is not kept.
    pub value: Option<Sealed>,
    /// The words it came from.
    pub quote: Option<Quote>,
    pub provider: Option<Provider>,
    /// Thousandths.
    pub confidence: Option<u64>,
    /// When it was known here.
    pub at: Timestamp,
    /// Why it lost, in one sentence that holds no value.
    pub why: String,
}

/// Where a candidate came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Candidate {
    /// The caller said it.
    Said,
    /// A provider offered it.
    Offered,
    /// It stood in the CRM.
    Crm,
    /// A person said no to it.
    Rejected,
    /// It was heard and not admitted: no quote, no claim.
    NotAdmitted,
}

/// A person's decision behind a write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Approved {
    pub review: Option<String>,
    pub by: Option<String>,
    pub at: Timestamp,
    /// `approve`, `edit`.
    pub choice: Option<String>,
}

/// How it is known that the CRM holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receipt {
    pub effect: Option<String>,
    /// When the record was read again and held the value.
    pub read_at: Option<String>,
}

/// The words of one transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Words {
    pub call: CallId,
    pub document: DocumentId,
    pub version: u32,
    pub text: Option<String>,
    /// Why the text is gone.
    pub expired: Option<String>,
}

impl Engine {
    /// Every confirmed write of that field of that record, newest first: the first is where the value comes from, all of them are the
    /// field's history (F-198). `record` is the vendor's id or our key, `property` the CRM's name of the field.
    pub async fn trace(
        &self,
        account: &AccountId,
        object: &str,
        record: &str,
        property: &str,
    ) -> Result<Vec<Answer>, Error> {
        let traced = self.traced_record(account, object, record).await?;
        let mut answers = traced.map_or_else(Vec::new, |traced| traced.answers);
        answers.retain(|answer| answer.property == property);
        Ok(answers)
    }

    /// An inquiry as it stands.
    pub async fn inquiry(&self, account: &AccountId, id: &InquiryId) -> Result<Option<Inquiry>, Error> {
        let (account, inquiry) = (account.as_str().to_owned(), id.as_str().to_owned());
        let row = self
            .store()
            .read(move |tx| Box::pin(async move { store::inquiry_get(tx, &account, &inquiry).await }))
            .await?;
        row.map(|row| {
            serde_json::from_str(&row.snapshot)
                .map_err(|e| Error::Corrupt { what: format!("inquiry {id}"), why: e.to_string() })
        })
        .transpose()
    }

    /// The words of an inquiry's calls, oldest call first.
    pub async fn transcripts(&self, account: &AccountId, id: &InquiryId) -> Result<Vec<Words>, Error> {
        let Some(inquiry) = self.inquiry(account, id).await? else { return Ok(Vec::new()) };
        let mut calls: Vec<_> = inquiry.calls.iter().collect();
        calls.sort_by_key(|call| (call.started_at, &call.id));
        let wanted: Vec<String> = calls
            .iter()
            .flat_map(|call| &call.transcripts)
            .map(|transcript| transcript.document.as_str().to_owned())
            .collect();
        let account = account.as_str().to_owned();
        let rows = self
            .store()
            .read(move |tx| Box::pin(async move { store::documents_get(tx, &account, &wanted).await }))
            .await?;
        let rows: BTreeMap<&str, &DocumentRow> = rows.iter().map(|row| (row.id.as_str(), row)).collect();
        let words = calls.iter().flat_map(|call| call.transcripts.iter().map(|transcript| (&call.id, transcript)));
        Ok(words
            .map(|(call, transcript)| {
                let shown = rows.get(transcript.document.as_str()).map(|row| Sealed::of(row));
                let (text, expired) = match shown {
                    Some(Sealed::Text(text)) => (Some(text), None),
                    Some(Sealed::Expired { why, at }) => (None, Some(format!("{why} on {}", day(at)))),
                    None => (None, Some("missing".to_owned())),
                };
                Words {
                    call: call.clone(),
                    document: transcript.document.clone(),
                    version: transcript.version,
                    text,
                    expired,
                }
            })
            .collect())
    }
}

/// The day of an instant, in UTC.
fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests;
