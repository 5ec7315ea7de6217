//! One recorded inquiry, as it was up to one of its events: the same reading that a backtest does of pages.

use super::{Lost, Past, read_case};
use crate::audit::{ERASED, Trail};
use crate::{Engine, Error};
use ringback_core::backtest::Case;
use ringback_core::crm::CrmWords;
use ringback_core::id::AccountId;
use ringback_store::{EntryRow, HappenedRow};
use std::collections::{BTreeSet, HashMap};

/// What a recorded inquiry is read with: every version, and what each asked the CRM for.
pub(crate) struct Recall(Past);

impl Engine {
    /// `words` are those of the CRM that the looks were made into.
    pub(crate) async fn recall(&self, account: &AccountId, words: &CrmWords) -> Result<Recall, Error> {
        Ok(Recall(self.past(account, words).await?))
    }
}

impl Recall {
    /// What each version asked the CRM for, in the order in which cases name them.
    pub(crate) fn sights(&self) -> &[BTreeSet<String>] {
        &self.0.sights
    }

    /// The inquiry of a chain as it was after the event at that place; else why that is not known.
    pub(crate) fn case(&self, trail: &Trail, event: i64) -> Result<Case, &'static str> {
        let next = trail.rows.iter().find(|row| row.kind == "event" && row.seq > event).map_or(i64::MAX, |row| row.seq);
        let happened = |row: &&EntryRow| {
            let counts = matches!(row.kind.as_str(), "event" | "decision") && row.seq < next;
            // Whenever it was erased, it is not told any more.
            counts || row.kind == ERASED
        };
        let one = |row: &EntryRow| HappenedRow {
            inquiry: row.inquiry.clone(),
            seq: row.seq,
            at: row.at,
            kind: row.kind.clone(),
            body: row.body.clone(),
        };
        let rows: Vec<HappenedRow> = trail.rows.iter().filter(happened).map(one).collect();
        let documents: HashMap<String, Option<String>> =
            trail.documents.iter().map(|(id, row)| (id.clone(), row.body.clone())).collect();
        match read_case(&rows, &documents, &self.0) {
            Ok((case, _)) => Ok(case),
            Err(Lost::Expired) => Err("the words it was decided on are gone, by policy or by request"),
            Err(Lost::Unreadable) => Err("its record cannot be read; `ringback audit verify` says why"),
        }
    }
}
