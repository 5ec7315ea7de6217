//! A backtest taken apart, so that each of its parts can be measured alone: rows, cases, decisions.

use super::{Raw, Work, read_case};
use crate::{Engine, Error, micros};
use jiff::Timestamp;
use ringback_core::backtest::{self, Case, Side};
use ringback_core::contract::Contract;
use ringback_core::id::AccountId;
use ringback_store::Before;

/// A draft beside what is in force.
pub struct Trial {
    work: Work,
    before: Before,
}

/// Inquiries as they are stored.
pub struct Page(Raw);

/// Inquiries, read.
pub struct Cases(Vec<Case>);

impl Engine {
    /// [`Error::Refused`] while there is no CRM of the draft's name.
    pub async fn trial(&self, account: &AccountId, draft: &Contract) -> Result<Trial, Error> {
        Ok(Trial { work: self.work(account, draft).await?, before: Before::end() })
    }

    /// The next inquiries before those that the trial has read; `None` at the end.
    pub async fn trial_page(&self, trial: &mut Trial, since: Timestamp) -> Result<Option<Page>, Error> {
        let account = trial.work.facts.account.clone();
        let raw = self.read_page(&account, micros(since), &trial.before).await?;
        let Some(last) = raw.opened.last() else { return Ok(None) };
        trial.before = Before { at: last.opened_at, id: last.id.clone() };
        Ok(Some(Page(raw)))
    }
}

impl Trial {
    /// Reads the cases of a page; those that cannot be read are left out.
    pub fn decode(&self, page: Page) -> Cases {
        let Raw { opened, mut happened, documents } = page.0;
        let case = |row: ringback_store::OpenedRow| {
            let rows = happened.remove(&row.id).unwrap_or_default();
            read_case(&rows, &documents, &self.work.past).ok().map(|(case, _)| case)
        };
        Cases(opened.into_iter().filter_map(case).collect())
    }

    /// Decides cases under the draft alone; gives how many calls and how many verdicts there were.
    pub fn rehearse(&self, cases: &Cases) -> (u64, u64) {
        let (contract, named) = &*self.work.draft;
        let Some(under) = self.work.facts.under(contract, named) else { return (0, 0) };
        let draft = Side::new(under, &self.work.past.sights);
        let (mut calls, mut verdicts) = (0, 0);
        for case in &cases.0 {
            let rehearsed = backtest::rehearse(case, &draft);
            calls += rehearsed.inquiry.calls.len() as u64;
            verdicts += rehearsed.verdicts().len() as u64;
        }
        (calls, verdicts)
    }
}
