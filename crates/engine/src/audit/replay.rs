//! Making every decision of an inquiry again, from what the ledger kept, and comparing (F-187).

use super::{Sealed, Told};
use crate::facts::{AccountFacts, NO_CONTRACT, read_roster};
use crate::rollback::{HOLD, read_hold};
use crate::{Engine, Error, micros};
use ringback_core::contract::{self, Autonomy, Contract};
use ringback_core::emit::Target;
use ringback_core::id::{AccountId, ContractId, InquiryId};
use ringback_core::inquiry::{self, Event, Facts, Inquiry};
use ringback_core::ledger;
use ringback_core::plan::ContractRef;
use ringback_core::standing::Standing;
use ringback_core::upcast::{self, Form};
use ringback_store::{self as store, ContractRow, RosterRow};
use serde::Serialize;
use serde_json::Value;

/// Kinds of entries that the engine adds between events; no decision, so nothing to make again.
const BETWEEN: [&str; 2] = ["attempt", super::ERASED];

/// What making the decisions again gave.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReplayReport {
    /// Events that were decided again.
    pub events: u64,
    /// Entries that came out the same, byte for byte.
    pub same: u64,
    pub differences: Vec<Difference>,
    /// Why it could not be replayed (to the end), if it could not.
    pub stopped: Option<String>,
}

impl ReplayReport {
    /// Everything was decided again and came out the same.
    pub fn ok(&self) -> bool {
        self.differences.is_empty() && self.stopped.is_none()
    }
}

/// An entry that came out otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub seq: i64,
    /// Kind and body as they stand in the ledger; none if the replay says more than the ledger.
    pub was: Option<String>,
    /// What comes out now; none if the replay says less.
    pub is: Option<String>,
}

impl Engine {
    /// Decides every stored event of an inquiry again, with the contract and roster of its moment, and compares what comes out with the
    /// entries. Addresses of the console and the connected CRM are not versioned: they are those of now.
    pub async fn replay(&self, account: &AccountId, inquiry: &InquiryId) -> Result<ReplayReport, Error> {
        if inquiry.as_str() == account.as_str() {
            // The account's own chain tells what people did; nothing in it was decided by rules.
            return Ok(ReplayReport::default());
        }
        let trail = self.trail(account, inquiry.as_str()).await?;
        let facts = self.facts(account).await?;
        let id = account.as_str().to_owned();
        let contracts =
            self.store().read(move |tx| Box::pin(async move { store::contracts_all(tx, &id).await })).await?;
        let told = trail.told()?;
        let mut report = ReplayReport::default();
        let mut current: Option<Inquiry> = None;
        for (n, entry) in told.iter().enumerate().filter(|(_, entry)| entry.kind == "event") {
            let (event, born) = match read(entry) {
                Ok(read) => read,
                Err(why) => {
                    report.stopped = Some(why);
                    break;
                }
            };
            let Some(before) = current.take().or(born) else {
                report.stopped = Some(format!("entry {} has no inquiry to begin with", entry.seq));
                break;
            };
            let (id, at) = (account.as_str().to_owned(), micros(entry.at));
            let rows =
                self.store().read(move |tx| Box::pin(async move { store::roster_at(tx, &id, at).await })).await?;
            let step = decide(&facts, &contracts, &rows, before, &event, entry)?;
            let (made, _) = ledger::seal(step.drafts, None, entry.at, &facts.salt);
            let of_event: Vec<_> = trail
                .rows
                .iter()
                .skip(n + 1)
                .take_while(|row| row.kind != "event")
                .filter(|row| !BETWEEN.contains(&row.kind.as_str()))
                .collect();
            report.events += 1;
            for k in 0..made.len().max(of_event.len()) {
                let was = of_event.get(k).map(|row| format!("{} {}", row.kind, row.body));
                let is = made.get(k).map(|made| format!("{} {}", made.kind, made.body));
                if was == is {
                    report.same += 1;
                } else {
                    let seq = of_event.get(k).map_or(entry.seq, |row| row.seq);
                    report.differences.push(Difference { seq, was, is });
                }
            }
            current = Some(step.inquiry);
        }
        Ok(report)
    }
}

/// The event of an entry, and the inquiry it began with where it is the first; else why not.
fn read(entry: &Told) -> Result<(Event, Option<Inquiry>), String> {
    let schema = entry.body.get("schema").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok()).unwrap_or(1);
    let text = |name: &str| match entry.sealed.get(name) {
        Some(Sealed::Text(text)) => Ok(Some(text.as_str())),
        Some(Sealed::Expired { why, at }) => Err(format!("the words of entry {} are gone: {why} on {at}", entry.seq)),
        None => Ok(None),
    };
    let unreadable = |e: upcast::Unreadable| format!("entry {} cannot be read: {e}", entry.seq);
    let event = text("event")?.ok_or_else(|| format!("entry {} holds no event", entry.seq))?;
    let event = upcast::read(Form::Event, schema, event).map_err(unreadable)?;
    let born = text("born")?.map(|born| upcast::read_own(Form::Inquiry, born)).transpose().map_err(unreadable)?;
    Ok((event, born))
}

fn decide(
    now: &AccountFacts,
    contracts: &[ContractRow],
    roster: &[RosterRow],
    before: Inquiry,
    event: &Event,
    entry: &Told,
) -> Result<inquiry::Step, Error> {
    let holds = roster.iter().filter(|row| row.kind == HOLD).map(read_hold);
    let roster = read_roster(roster)?;
    let holds = holds.collect::<Result<Vec<_>, _>>()?;
    let (contract, contract_ref) = contract_of(contracts, entry)?;
    let standing = standing_of(entry)?;
    let targets = targets_of(entry)?;
    let of_then = Facts { roster: &roster, contract: &contract, contract_ref: &contract_ref, ..now.facts() };
    let facts = Facts { holds: &holds, standing: &standing, targets: &targets, ..of_then };
    Ok(inquiry::step(before, event, &facts, entry.at))
}

/// What stood beside the contract when the event was decided; entries that name nothing were decided while nothing stood.
fn standing_of(entry: &Told) -> Result<Standing, Error> {
    let Some(named) = entry.body.get("standing") else { return Ok(Standing::default()) };
    serde_json::from_value(named.clone())
        .map_err(|e| Error::Corrupt { what: format!("standing of entry {}", entry.seq), why: e.to_string() })
}

/// Who was told what happened when the event was decided; entries that name nobody were decided while there was nobody.
fn targets_of(entry: &Told) -> Result<Vec<Target>, Error> {
    let Some(named) = entry.body.get("targets") else { return Ok(Vec::new()) };
    serde_json::from_value(named.clone())
        .map_err(|e| Error::Corrupt { what: format!("targets of entry {}", entry.seq), why: e.to_string() })
}

/// The contract that the event was decided under: the one its entry names. Entries of 0.1 name none; for them it is the newest one of their
/// moment, of whatever name, as it was then. Where there was none it is the built-in default that writes nothing.
fn contract_of(contracts: &[ContractRow], entry: &Told) -> Result<(Contract, ContractRef), Error> {
    let corrupt = |id: &str, why: String| Error::Corrupt { what: format!("contract {id}"), why };
    let named = entry.body.get("contract").and_then(|named| named.get("id")).and_then(Value::as_str);
    let at = micros(entry.at);
    let decided_under = match named {
        Some(NO_CONTRACT) => None,
        Some(id) => {
            let found = contracts.iter().find(|row| row.id == id);
            Some(found.ok_or_else(|| corrupt(id, format!("entry {} was decided under it and it is gone", entry.seq)))?)
        }
        None => {
            let then = contracts.iter().filter(|row| row.applied_at <= at);
            then.max_by_key(|row| (row.applied_at, row.version))
        }
    };
    let Some(row) = decided_under else {
        let parsed = contract::parse(contract::DEFAULT_TEXT).0;
        let mut contract = parsed.ok_or_else(|| corrupt("none", "the built-in contract cannot be read".into()))?;
        contract.autonomy = Autonomy::Observe;
        return Ok((contract, ContractRef { id: ContractId::from_text(NO_CONTRACT), name: "none".into(), version: 0 }));
    };
    let contract = crate::contracts::read(row)?;
    let version = u32::try_from(row.version).unwrap_or(0);
    Ok((contract, ContractRef { id: ContractId::from_text(row.id.clone()), name: row.name.clone(), version }))
}
