//! What was written to which record, property by property: a projection of the ledger's entries, stored in the unit that stores them.
//!
//! The ledger says it all; this says it by record, by version and by time, so that it can be taken back. It holds no value: both are
//! documents of the ledger, by id. What was written before there was such a projection is taken from the ledger once.

use crate::facts::AccountFacts;
use crate::inquire::of_row;
use crate::trace::OF_EVERY_RECORD;
use crate::{Engine, Error, micros};
use ringback_core::contract::Contract;
use ringback_core::id::AccountId;
use ringback_core::inquiry::Inquiry;
use ringback_store::{self as store, EntryRow, FieldWriteRow, Site};
use serde_json::Value;

/// How far the ledger was gone through, as a cursor of the account.
const CURSOR: &str = "field_writes";
/// What the cursor says when it was gone through whole.
const WHOLE: &str = "whole";
/// Chains gone through in one unit.
const CHAINS_PER_UNIT_MAX: u32 = 50;

/// Where the call came from that an inquiry is about.
pub(crate) fn origin(inquiry: &Inquiry) -> String {
    inquiry.first_missed().and_then(|call| call.attribution.source.clone()).unwrap_or_default()
}

/// What an entry says of written properties; nothing of what the workflow stamps into every record.
pub(crate) fn of_entry(entry: &EntryRow, origin: &str, contract: &Contract) -> Vec<FieldWriteRow> {
    if entry.kind != "write" {
        return Vec::new();
    }
    let Ok(body) = serde_json::from_str::<Value>(&entry.body) else { return Vec::new() };
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let sealed = |name: String| {
        body.get("sealed").and_then(|sealed| sealed.get(&name)).and_then(Value::as_str).map(str::to_owned)
    };
    let Some(fields) = body.get("fields").and_then(Value::as_object) else { return Vec::new() };
    let object = text("object");
    let one = |(property, told): (&String, &Value)| {
        let word = |name: &str| told.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let clause = word("clause");
        if clause.starts_with(OF_EVERY_RECORD) {
            return None;
        }
        let to = format!("{object}.{property}");
        let named = clause.strip_prefix("field.").and_then(|rest| rest.split('.').next()).map(str::to_owned);
        let mapped = || contract.fields.iter().find(|(_, rule)| rule.target() == to).map(|(name, _)| name.clone());
        Some(FieldWriteRow {
            account: entry.account.clone(),
            inquiry: entry.inquiry.clone(),
            seq: entry.seq,
            property: property.clone(),
            at: entry.at,
            object: object.clone(),
            record: text("record"),
            field: named.or_else(mapped).unwrap_or_default(),
            clause,
            contract: text("workflow"),
            version: body.get("workflow_version").and_then(Value::as_i64).unwrap_or(0),
            source: word("source"),
            origin: origin.to_owned(),
            actor: word("actor"),
            confidence: told.get("confidence").and_then(Value::as_i64),
            effect: text("effect"),
            was_doc: sealed(format!("old.{property}")),
            is_doc: sealed(format!("new.{property}")),
        })
    };
    fields.iter().filter_map(one).collect()
}

/// What entries say of written properties, in the facts of the moment.
pub(crate) fn of_entries(entries: &[EntryRow], inquiry: &Inquiry, facts: &AccountFacts) -> Vec<FieldWriteRow> {
    if !entries.iter().any(|entry| entry.kind == "write") {
        return Vec::new();
    }
    let origin = origin(inquiry);
    entries.iter().flat_map(|entry| of_entry(entry, &origin, &facts.contract)).collect()
}

impl Engine {
    /// Takes what was written before there was a projection from the ledger. Costs one read once it is done.
    pub async fn project_writes(&self, account: &AccountId) -> Result<(), Error> {
        loop {
            let of = account.as_str().to_owned();
            let at = self
                .store()
                .read(move |tx| Box::pin(async move { store::cursor_get(tx, &of, "", CURSOR).await }))
                .await?
                .unwrap_or_default();
            if at == WHOLE {
                return Ok(());
            }
            let (facts, now) = (self.facts(account).await?, micros(self.now()));
            self.store()
                .write(Site::Other, move |tx| {
                    Box::pin(async move {
                        let account = facts.account.as_str();
                        let chains = store::entry_inquiries(tx, account, &at, CHAINS_PER_UNIT_MAX).await?;
                        for chain in &chains {
                            let Some(row) = store::inquiry_get(tx, account, chain).await? else { continue };
                            let inquiry = of_row(row)?.inquiry;
                            let entries = store::entries_of(tx, account, chain).await?;
                            let rows = of_entries(&entries, &inquiry, &facts);
                            store::field_writes_put_once(tx, &rows).await?;
                        }
                        let at = chains.last().map_or(WHOLE, String::as_str);
                        store::cursor_put(tx, account, "", CURSOR, at, now).await
                    })
                })
                .await?;
        }
    }
}
