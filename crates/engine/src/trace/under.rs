//! What another version of the rules would have decided where a value stands: the inquiry's recorded events, up to the one that led to the write,
//! rehearsed under it with the roster, the pauses, the levels and the holds of that moment.
//!
//! Nothing is written and nothing is asked of a vendor. What was not read then, or is erased, is told as not known.

use super::Answer;
use super::tell::{self, Chain, OF_EVERY_RECORD, word};
use crate::audit::Told;
use crate::contracts::read;
use crate::facts::{read_pauses, read_roster};
use crate::rollback::{HOLD, read_hold};
use crate::{Engine, Error, micros};
use jiff::Timestamp;
use ringback_core::backtest::{Decision, Side, Unread, Would, would};
use ringback_core::contract::Contract;
use ringback_core::id::{AccountId, ContractId, InquiryId};
use ringback_core::inquiry::Facts;
use ringback_core::plan::{Actor, ContractRef};
use ringback_core::rollback::CLAUSE;
use ringback_core::standing::{Levels, Standing};
use ringback_store as store;
use serde::Serialize;

/// One confirmed write of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub inquiry: InquiryId,
    /// Its place in the inquiry's chain.
    pub seq: i64,
    /// The CRM's name of the field.
    pub property: String,
}

impl Asked {
    /// What an answer is about.
    pub fn of(answer: &Answer) -> Self {
        Self { inquiry: answer.inquiry.clone(), seq: answer.seq, property: answer.property.clone() }
    }
}

/// The other rules.
#[derive(Debug, Clone)]
pub enum Other {
    /// A version of the contract that decided then, by its number.
    Version(u32),
    /// A text that need not be in force anywhere.
    Draft(Box<Contract>),
}

/// What would have happened under other rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Under {
    pub inquiry: InquiryId,
    pub seq: i64,
    /// `contact.rb_urgency`.
    pub to: String,
    /// The other rules; of a draft the version is 0.
    pub contract: ContractRef,
    /// When it was decided: the event up to which the record is rehearsed.
    pub at: Timestamp,
    /// What was decided then, and under which version.
    pub then: Decision,
    pub then_under: Option<ContractRef>,
    /// What would have been decided; none where it is not known, or nothing would have been.
    pub would: Option<Decision>,
    /// The account's level of that moment decides it; without it this would have been decided.
    pub without_level: Option<Decision>,
    /// The same value would stand there, or be put to a person as it was then.
    pub same: Option<bool>,
    /// Why it cannot be known.
    pub unknown: Option<String>,
    /// All of that in one sentence.
    pub sentence: String,
}

/// What the ledger says of the write.
struct Write {
    to: String,
    field: Option<String>,
    contract: Option<ContractRef>,
    then: Decision,
    /// The workflow of the contract: whose versions are counted.
    name: String,
    /// A person answered before it was written.
    by_person: bool,
}

impl Engine {
    /// What would have happened under other rules. [`Error::Missing`] where there is no such write or no such version, [`Error::Refused`] while
    /// no CRM of the other contract's name is connected.
    pub async fn under(&self, account: &AccountId, asked: &Asked, other: &Other) -> Result<Under, Error> {
        let trail = self.trail(account, asked.inquiry.as_str()).await?;
        let told = trail.told()?;
        let versions = std::collections::BTreeMap::new();
        let chain = Chain { inquiry: asked.inquiry.as_str(), told: &told, trail: &trail, versions: &versions };
        let is_it = |o: &&Told| o.kind == "write" && o.seq == asked.seq;
        let entry = told
            .iter()
            .find(is_it)
            .and_then(|write| tell::fields(write).into_iter().find(|one| tell::is(one, "field", &asked.property)));
        let missing = || Error::Missing(format!("write of {} in entry {}", asked.property, asked.seq));
        let entry = entry.ok_or_else(missing)?;
        let write = write_of(&chain, &entry).ok_or_else(missing)?;
        let (contract, named) = self.other(account, &write.name, other).await?;
        let facts = self.facts(account).await?;
        let Some(of_now) = facts.under(&contract, &named) else {
            return Err(Error::Refused(format!("there is no CRM connection {}", contract.crm)));
        };
        let Some(event) = decided_by(&chain, &entry) else {
            let unknown = "the ledger does not name the event that led to it".to_owned();
            return Ok(write.told(asked, named, entry.at, Err(unknown)));
        };
        if let Some(why) = no_rules(&entry) {
            return Ok(write.told(asked, named, event.at, Err(why.to_owned())));
        }
        let Some((_, words)) = of_now.crm else { return Err(Error::Refused("no CRM is connected".into())) };
        let recall = self.recall(account, words).await?;
        let case = match recall.case(&trail, event.seq) {
            Ok(case) => case,
            Err(why) => return Ok(write.told(asked, named, event.at, Err(why.to_owned()))),
        };
        let (id, at) = (account.as_str().to_owned(), micros(event.at));
        let rows = self.store().read(move |tx| Box::pin(async move { store::roster_at(tx, &id, at).await })).await?;
        let roster = read_roster(&rows)?;
        let holds = rows.iter().filter(|row| row.kind == HOLD).map(read_hold).collect::<Result<Vec<_>, _>>()?;
        let levels = crate::level::levels_of(&rows, &write.name)?;
        let pauses = read_pauses(&rows)?;
        let decide = |levels: Levels| {
            let standing = Standing { pauses: pauses.clone(), levels };
            let facts = Facts { roster: &roster, holds: &holds, standing: &standing, ..of_now };
            would(&case, &Side::new(facts, recall.sights()), &write.to, write.field.as_deref())
        };
        let bound = !levels.is_empty();
        let found = decide(levels);
        let without = bound.then(|| decide(Levels::default()));
        Ok(write.told(asked, named, event.at, Ok((found, without))))
    }

    /// The other rules, with what names them.
    async fn other(&self, account: &AccountId, name: &str, other: &Other) -> Result<(Contract, ContractRef), Error> {
        let number = match other {
            Other::Draft(draft) => {
                let named =
                    ContractRef { id: ContractId::from_text("ctr_draft"), name: draft.name.clone(), version: 0 };
                return Ok(((**draft).clone(), named));
            }
            Other::Version(number) => *number,
        };
        let rows = self.contract_versions(account).await?;
        let row = rows.into_iter().find(|row| row.name == name && row.version == i64::from(number));
        let row = row.ok_or_else(|| Error::Missing(format!("version {number} of the contract {name}")))?;
        let contract = read(&row)?;
        let named = ContractRef { id: ContractId::from_text(row.id), name: row.name, version: number };
        Ok((contract, named))
    }
}

/// The event that led to a write: the one whose plan wanted it.
fn decided_by<'c>(chain: &Chain<'c>, entry: &Told) -> Option<&'c Told> {
    let plan = chain.plan_of(entry)?;
    chain.told.iter().rev().find(|o| o.seq < plan.seq && o.kind == "event")
}

/// What is no matter of rules.
fn no_rules(entry: &Told) -> Option<&'static str> {
    let clause = word(entry, "clause").unwrap_or_default();
    if clause.starts_with(CLAUSE) {
        return Some("a person put back what stood there before; no rule decided it");
    }
    clause
        .starts_with(OF_EVERY_RECORD)
        .then_some("every record that Ringback makes carries it, whatever the contract says")
}

fn write_of(chain: &Chain<'_>, entry: &Told) -> Option<Write> {
    let to = format!("{}.{}", word(entry, "object")?, word(entry, "field")?);
    let clause = word(entry, "clause");
    let field = clause.as_deref().and_then(|c| c.strip_prefix("field.")).and_then(|c| c.split('.').next());
    let version = entry.body.get("workflow_version").and_then(serde_json::Value::as_u64);
    let name = word(entry, "workflow").unwrap_or_default();
    let contract = word(entry, "contract").zip(version).map(|(id, version)| ContractRef {
        id: ContractId::from_text(id),
        name: name.clone(),
        version: u32::try_from(version).unwrap_or(0),
    });
    let value = entry.sealed.get("new").and_then(|value| value.text()).map(str::to_owned);
    let reason = word(entry, "reason").filter(|_| !chain.erased(entry.seq));
    let then = Decision { verdict: "write", value, clause: clause.clone(), reason };
    let by_person = !tell::is(entry, "actor", Actor::Machine.word());
    Some(Write { to, field: field.map(str::to_owned), contract, then, name, by_person })
}

impl Write {
    fn told(
        self,
        asked: &Asked,
        contract: ContractRef,
        at: Timestamp,
        found: Result<(Would, Option<Would>), String>,
    ) -> Under {
        let rules = match contract.version {
            0 => format!("the draft of {}", contract.name),
            version => format!("{} version {version}", contract.name),
        };
        let mut under = Under {
            inquiry: asked.inquiry.clone(),
            seq: asked.seq,
            to: self.to.clone(),
            contract,
            at,
            then: self.then.clone(),
            then_under: self.contract.clone(),
            would: None,
            without_level: None,
            same: None,
            unknown: None,
            sentence: String::new(),
        };
        let (found, without) = match found {
            Ok(found) => found,
            Err(why) => {
                under.sentence = format!("Under {rules} it cannot be known: {why}.");
                under.unknown = Some(why);
                return under;
            }
        };
        if let Some(unread) = found.unread {
            let why = match unread {
                Unread::Field => "what stood in that field was not read then".to_owned(),
                Unread::Person => {
                    "it asks the CRM for something about the caller's record that was not read then".to_owned()
                }
            };
            under.sentence = format!("Under {rules} it cannot be known: {why}.");
            under.unknown = Some(why);
            return under;
        }
        let differs = |without: &Would| without.decision != found.decision;
        under.without_level = without.filter(differs).and_then(|without| without.decision);
        under.would.clone_from(&found.decision);
        let value = |d: &Decision| d.value.clone().unwrap_or_default();
        let as_then = found.decision.as_ref().is_some_and(|d| value(d) == value(&self.then));
        // A question that a person answered then would have been the same question.
        let asked_as_then = found.decision.as_ref().is_some_and(|d| d.verdict == "review") && self.by_person;
        let there = found.elsewhere.is_none() && !found.waits;
        under.same = Some(
            there
                && match found.decision.as_ref().map(|d| d.verdict) {
                    Some("write") => as_then && !self.by_person,
                    _ => asked_as_then && as_then,
                },
        );
        under.sentence = self.sentence(&rules, &found, under.without_level.as_ref(), (as_then, asked_as_then));
        under
    }

    fn sentence(
        &self,
        rules: &str,
        found: &Would,
        without_level: Option<&Decision>,
        (as_then, asked_as_then): (bool, bool),
    ) -> String {
        let Some(field) = &found.field else {
            return format!(
                "{} has no clause for {}, so nothing would have been written there.",
                capital(rules),
                self.to
            );
        };
        let place = found.elsewhere.as_ref().map(|to| format!(" to {to}")).unwrap_or_default();
        let Some(decision) = &found.decision else {
            return format!(
                "Under {rules} nothing would have been decided: nothing was heard that its clause {field} takes."
            );
        };
        let value = match (&decision.value, as_then) {
            (Some(_), true) => "the same value".to_owned(),
            (Some(value), false) => format!("“{value}”"),
            (None, _) => "nothing".to_owned(),
        };
        let mut said = match decision.verdict {
            "write" if found.waits => {
                format!("Under {rules} {value} would be written{place} as soon as it is known whose record it is")
            }
            "write" if self.by_person => format!("Under {rules} {value} would have been written{place} by itself"),
            "write" => format!("Under {rules} {value} would have been written{place}"),
            "review" if asked_as_then && as_then => {
                format!("Under {rules} a person would have been asked about {value}{place}, as one was then")
            }
            "review" => format!("Under {rules} a person would have been asked about {value}{place}"),
            "keep" => format!("Under {rules} what the CRM holds would have been left as it is"),
            _ => format!("Under {rules} it would have been held back"),
        };
        if let (Some(reason), Some(clause)) = (&decision.reason, &decision.clause) {
            said.push_str(&format!(": {} ({clause})", reason.trim_end_matches('.')));
        }
        said.push('.');
        if let Some(without) = without_level {
            said.push_str(&format!(
                " The account's level of that moment decides so; by the contract alone: {}.",
                without.sentence().trim_end_matches('.')
            ));
        }
        said
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|c| c.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}
