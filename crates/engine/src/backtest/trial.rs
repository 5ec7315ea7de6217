//! A backtest taken apart, so that each of its parts can be measured alone: rows, cases, decisions.

use super::{Later, Raw, Read, Work};
use crate::{Engine, Error, micros};
use jiff::Timestamp;
use ringback_core::backtest::{self, Report, Side};
use ringback_core::contract::Contract;
use ringback_core::id::AccountId;
use ringback_store::Before;

/// A draft beside what is in force.
pub struct Trial {
    work: Work,
    before: Before,
    later: Later,
}

/// Inquiries as they are stored.
pub struct Page(Raw);

/// Inquiries, read.
pub struct Cases(Vec<Read>);

impl Engine {
    /// [`Error::Refused`] while there is no CRM of the draft's name.
    pub async fn trial(&self, account: &AccountId, draft: &Contract) -> Result<Trial, Error> {
        Ok(Trial { work: self.work(account, draft).await?, before: Before::end(), later: Later::default() })
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
    /// Reads the cases of a page.
    pub fn decode(&self, page: Page) -> Cases {
        Cases(self.work.decode(page.0))
    }

    /// Tells cases what later looks showed; pages are taken in the order in which they were read.
    pub fn show(&mut self, cases: &mut Cases) {
        for Read { person, case } in &mut cases.0 {
            if let Ok((case, looks)) = case {
                self.later.show(person.as_deref(), std::mem::take(looks), case);
            }
        }
    }

    /// Decides cases under the contract in force and under the draft, and compares.
    pub fn compare(&self, cases: &Cases) -> Report {
        self.work.compare(&cases.0)
    }

    /// Decides cases under the draft alone; gives how many calls and how many decisions about values there were.
    pub fn rehearse(&self, cases: &Cases) -> (u64, u64) {
        let (contract, named) = &self.work.draft;
        let Some(under) = self.work.facts.under(contract, named) else { return (0, 0) };
        let draft = Side::new(under, &self.work.past.sights);
        let (mut calls, mut rulings) = (0, 0);
        for (case, _) in cases.0.iter().filter_map(|read| read.case.as_ref().ok()) {
            let rehearsed = backtest::rehearse(case, &draft);
            calls += rehearsed.inquiry.calls.len() as u64;
            rulings += rehearsed.rulings() as u64;
        }
        (calls, rulings)
    }
}
