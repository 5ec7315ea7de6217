//! What is seen of an account's readiness at this moment.
//!
//! Judged by [`ringback_core::readiness`]; here it is gathered: the contract in force, the CRM's fields as they were last read, the last run in a
//! sandbox, a random written value followed back to its call, the runbook, the last proof.

use crate::facts::{AccountFacts, ConnectionFacts};
use crate::{Engine, Error, instant, micros};
use ringback_core::contract::Contract;
use ringback_core::id::AccountId;
use ringback_core::plan::Evidence;
use ringback_core::readiness::{Proved, Readiness, Seen, Traced, Tried, schema_digest};
use ringback_core::rollback::CLAUSE;
use ringback_store::{self as store, ProofRow, SandboxRunRow};
use serde_json::Value;

/// Entries that are looked through for a written value from a random moment on.
const ENTRIES_LOOKED_MAX: u32 = 400;
/// The vendor of connections that only say how a log is read.
const PHONE_LOG: &str = "phone-log";

/// A rollback put that value back: it leads to a person and not to a call.
fn taken_back(answer: &crate::trace::Answer) -> bool {
    answer.rule.clause.as_deref().is_some_and(|clause| clause.starts_with(CLAUSE))
}

impl Engine {
    /// The eight guarantees, the minimum and what makes an account not ready, as they stand now. Nothing outside is asked:
    /// [`Engine::look_at_schema`] renews what is known of the CRM.
    pub async fn readiness(&self, account: &AccountId) -> Result<Readiness, Error> {
        let facts = self.facts(account).await?;
        self.readiness_with(&facts, &facts.contract).await
    }

    /// The same as if that contract were in force.
    pub(crate) async fn readiness_with(&self, facts: &AccountFacts, contract: &Contract) -> Result<Readiness, Error> {
        let account = &facts.account;
        let held = facts.connections.values().find(|c| c.state == "active" && c.connection.name == contract.crm);
        let schema = match held {
            None => Err(format!("there is no CRM connection {}", contract.crm)),
            Some(held) => {
                let seen = self.schema_seen(account, &held.connection.id).await?;
                seen.ok_or_else(|| format!("the schema of {} was not read yet", contract.crm))
            }
        };
        let digest = schema.as_ref().map(|(digest, _)| digest.clone()).unwrap_or_default();
        let of = account.as_str().to_owned();
        let (row, run, proof, since) = self
            .store()
            .read(move |tx| {
                Box::pin(async move {
                    let versions = store::contracts_all(tx, &of).await?;
                    let row = crate::contracts::of_calls(versions);
                    let run = match store::sandbox_run_of_schema(tx, &of, &digest).await? {
                        None => store::sandbox_run_last(tx, &of).await?,
                        some => some,
                    };
                    let since = store::account_get(tx, &of).await?.map_or(0, |a| a.created_at);
                    Ok((row, run, store::proof_last(tx, &of).await?, since))
                })
            })
            .await?;
        let pages = self.runbook(account).await?;
        let whole =
            pages.iter().filter(|p| !p.means.is_empty() && !p.by_itself.is_empty() && !p.you.is_empty()).count();
        let now = pages.iter().filter(|p| p.now).map(|p| p.title.to_owned()).collect();
        let in_force = facts
            .contract_applied
            .then(|| (contract, facts.contract_ref.version, instant(row.as_ref().map_or(0, |row| row.applied_at))));
        let seen = Seen {
            now: self.now(),
            contract: in_force,
            roster: &facts.roster,
            standing: &facts.standing,
            schema,
            tried: run.as_ref().and_then(tried),
            traced: self.traced(account, instant(since)).await?,
            runbook: (pages.len(), whole, now),
            proved: proof.as_ref().map(proved),
            since: instant(since),
            confirms: held.and_then(ConnectionFacts::crm).is_some_and(ringback_connect::Crm::acknowledges),
            logs: logs(facts, self.now()),
            sandbox: sandbox(facts, contract, run.as_ref()),
            // A name of what is mapped, whatever a CRM has of it.
            maps_others: schema_digest(contract, &[]) != schema_digest(&facts.contract, &[]),
        };
        Ok(Readiness::of(&seen))
    }

    /// A random written value, followed back to its call now.
    async fn traced(&self, account: &AccountId, since: jiff::Timestamp) -> Result<Option<Traced>, Error> {
        let random: [u8; 8] = self.random();
        let (from, until) = (micros(since), micros(self.now()));
        let span = until.saturating_sub(from).max(1).unsigned_abs();
        let at = from.saturating_add(i64::try_from(u64::from_be_bytes(random) % span).unwrap_or_default());
        let of = account.as_str().to_owned();
        let entries = self
            .store()
            .read(move |tx| {
                Box::pin(async move {
                    let written = |rows: Vec<store::EntryRow>| rows.into_iter().find(|row| row.kind == "write");
                    let later = written(store::entries_since(tx, &of, at, ENTRIES_LOOKED_MAX).await?);
                    match later {
                        None => Ok(written(store::entries_since(tx, &of, from, ENTRIES_LOOKED_MAX).await?)),
                        some => Ok(some),
                    }
                })
            })
            .await?;
        let Some(row) = entries else { return self.traced_back(account, from).await };
        let body: Value = serde_json::from_str(&row.body).map_err(|e| Error::Corrupt {
            what: format!("entry {} of {}", row.seq, row.inquiry),
            why: e.to_string(),
        })?;
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (object, record) = (text("object"), text("record"));
        // A value that a clause decided says more than a stamp.
        let fields = body.get("fields").and_then(Value::as_object).cloned().unwrap_or_default();
        let ruled = |f: &&(&String, &Value)| f.1["clause"].as_str().is_some_and(|c| c.starts_with("field."));
        let all: Vec<(&String, &Value)> = fields.iter().collect();
        let Some((property, _)) = all.iter().find(ruled).or(all.first()).copied() else { return Ok(None) };
        let named = format!("{object} {record} {property}");
        let answers = self.trace(account, &object, &record, property).await?;
        let found = match answers.first() {
            None => Err("the ledger has no write of it".to_owned()),
            Some(answer) if taken_back(answer) => {
                let clause = answer.rule.clause.as_deref().unwrap_or_default();
                let read = answer.receipt.read_at.as_deref().unwrap_or("an unknown moment");
                Ok(format!("what stood there before, by {clause}, read back at {read}"))
            }
            Some(answer) if answer.call.is_none() => Err("no call leads to it".to_owned()),
            Some(answer) if answer.rule.clause.is_none() => Err("no clause stands behind it".to_owned()),
            Some(answer) => {
                let call = answer.call.as_ref().map_or("", |c| c.id.as_str());
                let clause = answer.rule.clause.as_deref().unwrap_or_default();
                let read = answer.receipt.read_at.as_deref().unwrap_or("an unknown moment");
                let quoted = if answer.quote.is_some() { ", with the words it was heard in" } else { "" };
                Ok(format!("from {call} by {clause}{quoted}, read back at {read}"))
            }
        };
        Ok(Some(Traced { record: named, found }))
    }

    /// Where nothing was written yet, because nothing may be: a value that was decided, followed back to the words it was heard in.
    async fn traced_back(&self, account: &AccountId, from: i64) -> Result<Option<Traced>, Error> {
        let of = account.as_str().to_owned();
        let rows = self
            .store()
            .read(move |tx| Box::pin(async move { store::entries_since(tx, &of, from, ENTRIES_LOOKED_MAX).await }))
            .await?;
        let heard = |row: &store::EntryRow| {
            let body: Value = serde_json::from_str(&row.body).ok()?;
            let evidence: Evidence = serde_json::from_value(body.get("evidence")?.clone()).ok()?;
            Some((body, evidence))
        };
        let Some((body, evidence)) = rows.iter().rev().filter(|row| row.kind == "verdict").find_map(heard) else {
            return Ok(None);
        };
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (of, call, document) =
            (account.as_str().to_owned(), evidence.call.as_str().to_owned(), evidence.document.as_str().to_owned());
        let (rang, words) = self
            .store()
            .read(move |tx| {
                Box::pin(async move {
                    Ok((store::call_get(tx, &of, &call).await?, store::document_get(tx, &of, &document).await?))
                })
            })
            .await?;
        let found = match (rang, words) {
            (None, _) => Err("no call leads to it".to_owned()),
            (_, None) => Err("the words that it was heard in are not there".to_owned()),
            (Some(_), Some(_)) => Ok(format!(
                "decided from {} by {}, with the words it was heard in; nothing was written yet",
                evidence.call,
                text("clause")
            )),
        };
        Ok(Some(Traced { record: text("to").replacen('.', " RECORD ", 1), found }))
    }
}

fn tried(row: &SandboxRunRow) -> Option<Tried> {
    serde_json::from_str(&row.body).ok()
}

/// The connection in which the contract may be tried: one that says by its name that it leads to a sandbox, or the one in which it was tried before;
/// never the one that the contract itself writes to.
fn sandbox(facts: &AccountFacts, contract: &Contract, run: Option<&SandboxRunRow>) -> Option<String> {
    let mut other: Vec<&str> = facts
        .connections
        .values()
        .filter(|c| c.state == "active" && c.crm().is_some() && c.connection.name != contract.crm)
        .map(|c| c.connection.name.as_str())
        .collect();
    other.sort_unstable();
    let says = |name: &&&str| name.to_lowercase().contains("sandbox");
    let before = |name: &&&str| run.is_some_and(|run| run.connection == **name);
    other.iter().find(before).or_else(|| other.iter().find(says)).map(|name| (*name).to_owned())
}

fn proved(row: &ProofRow) -> Proved {
    let summary: Value = serde_json::from_str(&row.summary).unwrap_or_default();
    Proved {
        day: row.day.clone(),
        made_at: instant(row.made_at),
        sentence: summary["sentence"].as_str().unwrap_or_default().trim_end_matches('.').to_owned(),
        findings: summary["counts"]["exceptions"].as_u64().unwrap_or_default(),
    }
}

/// Connections by which the phone system's own list can be had.
fn logs(facts: &AccountFacts, now: jiff::Timestamp) -> Vec<String> {
    let lists = |c: &&ConnectionFacts| {
        let listed = c.source().is_some_and(|source| source.list(now, None, &c.connection).is_some());
        c.state == "active" && (listed || c.connection.vendor == PHONE_LOG)
    };
    let mut names: Vec<String> = facts.connections.values().filter(lists).map(|c| c.connection.name.clone()).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests;
