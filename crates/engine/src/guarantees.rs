//! What is seen of an account's readiness at this moment.
//!
//! Judged by [`ringback_core::readiness`]; here it is gathered: the contract in force, the CRM's fields as they were last read, the last run in a
//! sandbox, a random written value followed back to its call, the runbook, the last proof.

use crate::facts::{AccountFacts, ConnectionFacts};
use crate::{Engine, Error, instant, micros};
use ringback_core::id::AccountId;
use ringback_core::readiness::{Proved, Readiness, Seen, Traced, Tried};
use ringback_store::{self as store, ProofRow, SandboxRunRow};
use serde_json::Value;

/// Entries that are looked through for a written value from a random moment on.
const ENTRIES_LOOKED_MAX: u32 = 400;
/// The vendor of connections that only say how a log is read.
const PHONE_LOG: &str = "phone-log";

impl Engine {
    /// The eight guarantees, the minimum and what makes an account not ready, as they stand now. Nothing outside is asked:
    /// [`Engine::look_at_schema`] renews what is known of the CRM.
    pub async fn readiness(&self, account: &AccountId) -> Result<Readiness, Error> {
        let facts = self.facts(account).await?;
        let contract = &facts.contract;
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
            logs: logs(&facts, self.now()),
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
        let Some(row) = entries else { return Ok(None) };
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
}

fn tried(row: &SandboxRunRow) -> Option<Tried> {
    serde_json::from_str(&row.body).ok()
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
