//! Where did this value come from? From a record and a field back to the call, the sentence, the rule and the person.

use crate::audit::{Sealed, Told, Trail};
use crate::{Engine, Error};
use jiff::Timestamp;
use ringback_core::contract::{Contract, FieldRule};
use ringback_core::id::{AccountId, CallId, DocumentId, InquiryId};
use ringback_core::inquiry::Inquiry;
use ringback_core::plan::Evidence;
use ringback_store::{self as store, ContractRow, DocumentRow};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

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
    pub clause: Option<String>,
    /// The clause as that version said it.
    pub sentence: Option<String>,
    /// Who wins a conflict, as that version said it.
    pub winner: Option<String>,
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
    /// field's history (F-198). `property` is the CRM's name of the field.
    pub async fn trace(
        &self,
        account: &AccountId,
        object: &str,
        record: &str,
        property: &str,
    ) -> Result<Vec<Answer>, Error> {
        let (id, of_record) = (account.as_str().to_owned(), record.to_owned());
        let (effects, contracts) = self
            .store()
            .read(move |tx| {
                Box::pin(async move {
                    let effects = store::effects_by_record(tx, &id, &of_record).await?;
                    Ok((effects, store::contracts_all(tx, &id).await?))
                })
            })
            .await?;
        let inquiries: BTreeSet<String> = effects.into_iter().map(|effect| effect.inquiry).collect();
        let mut answers = Vec::new();
        for inquiry in inquiries {
            let trail = self.trail(account, &inquiry).await?;
            let told = trail.told()?;
            let of_record = |entry: &&Told| {
                entry.kind == "write"
                    && word(entry, "record").as_deref() == Some(record)
                    && word(entry, "object").as_deref() == Some(object)
            };
            let written = told.iter().filter(of_record).filter_map(|entry| of_field(entry, property));
            answers.extend(written.map(|entry| answer(&inquiry, &entry, &told, &trail, &contracts)));
        }
        answers.sort_by(|a, b| (b.at, &b.inquiry, b.seq).cmp(&(a.at, &a.inquiry, a.seq)));
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

fn word(entry: &Told, name: &str) -> Option<String> {
    entry.body.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// What the entry of a confirmed write tells of one of its fields, as an entry of its own.
fn of_field(entry: &Told, property: &str) -> Option<Told> {
    let field = entry.body.get("fields")?.get(property)?.as_object()?;
    let mut one = entry.clone();
    one.sealed.retain(|name, _| name.split_once('.').is_some_and(|(_, of)| of == property));
    one.sealed = one.sealed.into_iter().map(|(name, v)| (name.split('.').take(1).collect(), v)).collect();
    let body = one.body.as_object_mut()?;
    body.remove("fields");
    body.extend(field.clone());
    body.insert("field".into(), property.into());
    if !field.contains_key("reason") {
        let clause = field.get("clause").and_then(Value::as_str).unwrap_or_default();
        let workflow = clause.strip_prefix("workflow.").unwrap_or(clause);
        let object = entry.body.get("object").and_then(Value::as_str).unwrap_or("record");
        body.insert("reason".into(), format!("{workflow}: kept by every {object}").into());
    }
    Some(one)
}

fn answer(inquiry: &str, entry: &Told, told: &[Told], trail: &Trail, contracts: &[ContractRow]) -> Answer {
    let evidence: Option<Evidence> =
        entry.body.get("evidence").and_then(|value| serde_json::from_value(value.clone()).ok());
    let trigger = word(entry, "trigger");
    let from_trigger = trigger.as_deref().and_then(|t| t.strip_prefix("call ")).and_then(|t| t.split(' ').next());
    let call_id = evidence.as_ref().map(|e| e.call.as_str()).or(from_trigger);
    let call_entry = call_id.and_then(|id| {
        let is_it =
            |other: &&Told| other.kind == "call" && other.seq < entry.seq && word(other, "call").as_deref() == Some(id);
        told.iter().rev().find(is_it)
    });
    let (rule, field) = rule_of(entry, contracts);
    Answer {
        object: word(entry, "object").unwrap_or_default(),
        record: word(entry, "record").unwrap_or_default(),
        property: word(entry, "field").unwrap_or_default(),
        inquiry: InquiryId::from_text(inquiry),
        at: entry.at,
        was: entry.sealed.get("old").filter(|old| old.text() != Some("")).cloned(),
        is: entry.sealed.get("new").cloned(),
        call: call_entry.map(|call| CallSeen {
            id: CallId::from_text(call_id.unwrap_or_default()),
            started_at: word(call, "started_at"),
            category: word(call, "category"),
            source: word(call, "source"),
            campaign: word(call, "campaign"),
        }),
        caller: call_entry.and_then(|call| call.sealed.get("caller").cloned()),
        quote: evidence.map(|evidence| quote(evidence, entry, trail)),
        trigger,
        source: word(entry, "source"),
        confidence: entry.body.get("confidence").and_then(Value::as_u64),
        actor: word(entry, "actor"),
        reason: word(entry, "reason"),
        approval: field.and_then(|field| approval(&field, entry, told)),
        rule,
        receipt: Receipt { effect: word(entry, "effect"), read_at: word(entry, "read_at") },
        seq: entry.seq,
        hash: trail.rows.iter().find(|row| row.seq == entry.seq).map(|row| row.hash.clone()).unwrap_or_default(),
    }
}

fn quote(evidence: Evidence, entry: &Told, trail: &Trail) -> Quote {
    let (start, end) = (evidence.start as usize, evidence.end as usize);
    let words = match trail.value(entry.seq, entry.at, evidence.document.as_str()) {
        Sealed::Text(text) => Sealed::Text(text.chars().skip(start).take(end.saturating_sub(start)).collect()),
        expired @ Sealed::Expired { .. } => expired,
    };
    Quote {
        document: evidence.document,
        version: evidence.document_version,
        start: evidence.start,
        end: evidence.end,
        extractor: evidence.extractor,
        extractor_version: evidence.extractor_version,
        words,
    }
}

/// The clause as the version that decided says it, and the contract's own name of the field.
fn rule_of(entry: &Told, contracts: &[ContractRow]) -> (Rule, Option<String>) {
    let (id, clause) = (word(entry, "contract"), word(entry, "clause"));
    let compiled: Option<Contract> = contracts
        .iter()
        .find(|row| Some(&row.id) == id.as_ref())
        .and_then(|row| Contract::from_stored(&row.compiled).ok());
    let (object, property) = (word(entry, "object"), word(entry, "field"));
    let is_it = |(_, rule): &(&String, &FieldRule)| {
        Some(rule.object.as_str()) == object.as_deref() && Some(&rule.property) == property.as_ref()
    };
    let from_clause = clause.as_deref().and_then(|c| c.strip_prefix("field.")).and_then(|c| c.split('.').next());
    let field = from_clause.map(str::to_owned).or_else(|| {
        compiled.as_ref().and_then(|contract| contract.fields.iter().find(is_it).map(|(name, _)| name.clone()))
    });
    let sentence = compiled.as_ref().zip(from_clause).and_then(|(contract, name)| {
        let wanted = format!("field.{name}");
        contract.sentences().into_iter().find(|s| s.clause == wanted).map(|s| s.text)
    });
    let of_workflow = clause.as_deref().is_some_and(|c| c.starts_with("workflow."));
    let rule = Rule {
        winner: compiled.as_ref().zip(from_clause).and_then(|(contract, name)| contract.explain(name)),
        contract: id,
        workflow: word(entry, "workflow"),
        version: entry.body.get("workflow_version").and_then(Value::as_u64),
        clause,
        sentence: sentence.or_else(|| {
            of_workflow.then(|| {
                "Every inquiry has a contact, a call log and a callback task in the CRM; this is one of their own fields".to_owned()
            })
        }),
    };
    (rule, field)
}

/// The latest decision of a person about that field before the write.
fn approval(field: &str, entry: &Told, told: &[Told]) -> Option<Approved> {
    let is_it = |other: &&Told| {
        other.kind == "decision"
            && other.seq < entry.seq
            && word(other, "field").as_deref() == Some(field)
            && matches!(word(other, "choice").as_deref(), Some("approve" | "edit"))
    };
    let decision = told.iter().rev().find(is_it).filter(|_| word(entry, "actor").as_deref() != Some("AI"))?;
    Some(Approved {
        review: word(decision, "review"),
        by: word(decision, "by"),
        at: decision.at,
        choice: word(decision, "choice"),
    })
}

#[cfg(test)]
mod tests;
