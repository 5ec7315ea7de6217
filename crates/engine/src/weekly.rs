//! The weekly review: which updates were corrected, which rules were uncertain, which handoffs helped, and what should go on asking (F-320).

use crate::counters::{Handoff, Learned, OfClause};
use crate::promotion::Promotions;
use crate::spot::Checks;
use crate::{Engine, Error, instant};
use jiff::Timestamp;
use ringback_core::id::{AccountId, InquiryId};
use ringback_core::inquiry::ReviewKind;
use ringback_store as store;
use serde::Serialize;
use std::collections::BTreeMap;

/// Corrections that are shown, the newest ones; all are counted.
const CORRECTED_MAX: usize = 100;

/// A value of ours in whose place somebody put another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Corrected {
    pub at: Timestamp,
    pub inquiry: InquiryId,
    /// The contract's name of the field.
    pub field: String,
    pub object: String,
    pub record: String,
    pub property: String,
    /// Who had decided the value: `AI`, `human-approved AI`, `human-only`.
    pub actor: String,
    /// What was written, and what stands or should stand there; `None`: it is not kept any more, or nobody said.
    pub wrote: Option<String>,
    pub instead: Option<String>,
    /// How it was seen: `found`, `moved`, `seen`, `rollback`, `reconciled`, `spot_check`.
    pub seen: String,
    /// Who said so, where it is known; else empty.
    pub by: String,
}

/// Everything that is looked at together once a week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Weekly {
    #[serde(flatten)]
    pub learned: Learned,
    /// The newest first.
    pub corrected: Vec<Corrected>,
    /// There are more corrections than are shown; they are counted all the same.
    pub corrected_more: bool,
    /// Clauses with questions, those with the most first.
    pub uncertain: Vec<OfClause>,
    pub handoffs: Vec<Handoff>,
    pub promotions: Promotions,
    pub checks: Checks,
}

impl Engine {
    /// The weekly review of the time from one instant to before another.
    pub async fn weekly(&self, account: &AccountId, since: Timestamp, until: Timestamp) -> Result<Weekly, Error> {
        let found = self.gathered(account, since, until).await?;
        let corrected_more = found.corrected.len() > CORRECTED_MAX;
        let rows: Vec<_> = found.corrected.into_iter().take(CORRECTED_MAX).collect();
        let (of, ids) = (
            account.as_str().to_owned(),
            rows.iter().flat_map(|row| [row.is_doc.clone(), row.value_doc.clone()]).flatten().collect::<Vec<_>>(),
        );
        let documents = if ids.is_empty() {
            Vec::new()
        } else {
            self.store().read(move |tx| Box::pin(async move { store::documents_get(tx, &of, &ids).await })).await?
        };
        let words: BTreeMap<String, Option<String>> = documents.into_iter().map(|d| (d.id, d.body)).collect();
        let text = |id: &Option<String>| id.as_ref().and_then(|id| words.get(id).cloned().flatten());
        let said = |row: &store::CorrectedRow| match &row.value_doc {
            // That nothing stands there is said by whatever looked at the record, and not by whoever only called it wrong.
            None => (row.kind != ReviewKind::SpotCheck.word()).then(String::new),
            Some(_) => text(&row.value_doc),
        };
        let one = |row: &store::CorrectedRow| Corrected {
            at: instant(row.seen_at),
            inquiry: InquiryId::from_text(row.inquiry.clone()),
            field: row.field.clone(),
            object: row.object.clone(),
            record: row.record.clone(),
            property: row.property.clone(),
            actor: row.actor.clone(),
            wrote: text(&row.is_doc),
            instead: said(row),
            seen: row.kind.clone(),
            by: row.by_id.clone(),
        };
        let uncertain = found.learned.clauses.iter().filter(|clause| clause.asked() > 0).cloned().collect();
        let mut handoffs = found.handoffs;
        handoffs.sort_by(|a, b| (b.in_time, b.given, &a.rule).cmp(&(a.in_time, a.given, &b.rule)));
        Ok(Weekly {
            corrected: rows.iter().map(one).collect(),
            corrected_more,
            uncertain,
            handoffs,
            promotions: self.promotions(account).await?,
            checks: self.spot_checks(account).await?,
            learned: found.learned,
        })
    }
}
