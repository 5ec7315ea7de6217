//! How much may happen by itself at most, per workflow and location: versioned rows beside the roster, and the one door through which it rises.
//!
//! What holds is the lower of the contract's word and the level's. Where neither row nor contract says so, nothing is held lower than the contract:
//! an account that ran before there were levels goes on as it did. Whatever raises what holds, a level or a version of a contract, passes
//! [`ringback_core::readiness::gate`]; what lowers it holds from its next decision, and takes back what was not sent yet.

use crate::contracts::{CALLS, of_calls, read};
use crate::facts::{AccountFacts, NO_CONTRACT};
use crate::inquire::MEETINGS_MAX;
use crate::{Engine, Error, instant, micros};
use jiff::Timestamp;
use ringback_core::contract::{Autonomy, Contract};
use ringback_core::effect::tells;
use ringback_core::id::{AccountId, InquiryId};
use ringback_core::inquiry::{Event, Inquiry, Progress};
use ringback_core::ledger::Draft;
use ringback_core::problem::Problem;
use ringback_core::readiness::Readiness;
use ringback_core::readiness::gate::{self, Holding, Raise};
use ringback_core::standing::Levels;
use ringback_core::upcast::{self, Form};
use ringback_store::{self as store, Before, ContractRow, RosterRow, Site, Tx};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The kind of a level's row. Its id is the workflow, or workflow/location.
const LEVEL: &str = "level";
/// How long the CRM may take to show its properties before a step is judged on what was seen of them last.
const SCHEMA_SECONDS_MAX: u64 = 10;
/// Inquiries read at once when what was planned is taken back.
const PAGE: u32 = 200;

/// A level as its row tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Body {
    level: Autonomy,
    /// Id of a user or a token, `user_cli` for whoever has the key, or whoever applied the first contract.
    by: String,
    /// Guarantees that this person answers for, by their numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    answered: Vec<u8>,
}

/// How much happens by itself somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlaceLevel {
    /// Slug of the location; empty: every location without a word of its own.
    pub place: String,
    pub name: String,
    /// What the contract says there; none: no contract was applied.
    pub contract: Option<Autonomy>,
    /// What the account allows there at most; none: nothing is said.
    pub level: Option<Autonomy>,
    /// What holds: the lower of both.
    pub holds: Autonomy,
    /// Of the level's row: since when, and who set it.
    pub since: Option<Timestamp>,
    pub by: Option<String>,
}

/// What is wished of a level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelWish {
    /// Name of the contract; none: the one that decides about calls.
    pub workflow: Option<String>,
    /// Slug of a location; none: everywhere.
    pub place: Option<String>,
    pub level: Autonomy,
    /// Id of a user or a token; `user_cli` for whoever has the key.
    pub by: String,
    /// In words; needed where a person answers for a guarantee.
    pub reason: Option<String>,
    /// Numbers of the guarantees that this person answers for, because the receiver can show nothing of them.
    pub answered: Vec<u8>,
}

/// What is said of the levels of a workflow.
pub(crate) fn levels_of(rows: &[RosterRow], workflow: &str) -> Result<Levels, Error> {
    let mut levels = Levels::default();
    for (place, row) in rows_of(rows, workflow) {
        levels.0.insert(place.to_owned(), body(row)?.level);
    }
    Ok(levels)
}

/// The rows of a workflow, each with its location's slug.
fn rows_of<'r>(rows: &'r [RosterRow], workflow: &str) -> Vec<(&'r str, &'r RosterRow)> {
    let place = |row: &'r RosterRow| match row.id.split_once('/') {
        Some((of, place)) => (of == workflow).then_some(place),
        None => (row.id == workflow).then_some(""),
    };
    rows.iter().filter(|row| row.kind == LEVEL).filter_map(|row| Some((place(row)?, row))).collect()
}

fn body(row: &RosterRow) -> Result<Body, Error> {
    serde_json::from_str(&row.body)
        .map_err(|e| Error::Corrupt { what: format!("{} {}", row.kind, row.id), why: e.to_string() })
}

fn id(workflow: &str, place: &str) -> String {
    if place.is_empty() { workflow.to_owned() } else { format!("{workflow}/{place}") }
}

/// Slugs of the locations as the rows tell them.
fn places(rows: &[RosterRow]) -> Result<Vec<String>, Error> {
    Ok(crate::facts::read_roster(rows)?.locations.into_iter().map(|l| l.slug).collect())
}

/// What a contract changes of what holds, as the rows stand.
pub(crate) struct Turn {
    /// Where more would happen by itself than does now.
    pub(crate) raises: Vec<Raise>,
    /// It is the first of its name: the account begins at that level, whatever it says.
    pub(crate) begins: Option<Autonomy>,
}

/// `versions` are those in force before it, of every name.
pub(crate) fn turn(versions: &[ContractRow], rows: &[RosterRow], next: &Contract) -> Result<Turn, Error> {
    let of_name = versions.iter().filter(|row| row.name == next.name).max_by_key(|row| row.version);
    let calls = of_calls(versions.to_vec());
    let decides = next.name == CALLS || calls.as_ref().is_none_or(|row| row.name == next.name);
    let mut levels = levels_of(rows, &next.name)?;
    let begins = (of_name.is_none() && levels.is_empty()).then(|| gate::begins_at(next));
    if let Some(level) = begins {
        levels.0.insert(String::new(), level);
    }
    let Some(before) = (if decides { calls.as_ref() } else { of_name }) else {
        return Ok(Turn { raises: Vec::new(), begins });
    };
    let was = read(before)?;
    let held = levels_of(rows, &before.name)?;
    let (now, next) = (Holding { contract: &was, levels: &held }, Holding { contract: next, levels: &levels });
    let places = places(rows)?;
    Ok(Turn { raises: gate::raises(&now, &next, &places.iter().map(String::as_str).collect::<Vec<_>>()), begins })
}

/// The level at which a workflow begins, as a row and as an entry of the account's chain.
pub(crate) async fn begin(
    tx: &mut Tx,
    account: &str,
    workflow: &str,
    level: Autonomy,
    by: &str,
    now: i64,
) -> Result<(), store::Error> {
    let body = Body { level, by: by.to_owned(), answered: Vec::new() };
    let text = serde_json::to_string(&body).map_err(|e| store::Error::Bug(e.to_string()))?;
    store::roster_put(tx, account, LEVEL, &id(workflow, ""), &text, now).await.map(|_| ())
}

/// The entry of a change of level. `was` is what was said there before.
pub(crate) fn entry(workflow: &str, place: &str, was: Option<Autonomy>, is: Option<Autonomy>, by: &str) -> Draft {
    let place = if place.is_empty() { "everywhere" } else { place };
    Draft::new("level").with("workflow", workflow).with("place", place).with("was", was).with("is", is).with("by", by)
}

/// What one change of level writes.
struct Change {
    workflow: String,
    raises: Vec<Raise>,
    /// Some location had more before.
    lowers: bool,
    /// The row that is put, and what it said before.
    put: (String, Body),
    was: Option<Autonomy>,
    /// Locations whose own word was higher: from now on the one for all holds there.
    ends: Vec<(String, Autonomy)>,
    /// It says so already.
    same: bool,
}

/// How the rows would be changed by a wish.
fn change(versions: &[ContractRow], rows: &[RosterRow], wish: &LevelWish) -> Result<Change, Error> {
    let calls = of_calls(versions.to_vec());
    let named = wish.workflow.clone().or_else(|| calls.as_ref().map(|row| row.name.clone()));
    let workflow = named.unwrap_or_else(|| CALLS.to_owned());
    let latest = versions.iter().filter(|row| row.name == workflow).max_by_key(|row| row.version);
    if latest.is_none() && wish.workflow.is_some() {
        return Err(Error::Missing(format!("contract {workflow}")));
    }
    let places = places(rows)?;
    if let Some(place) = wish.place.as_ref().filter(|place| !places.contains(place)) {
        return Err(Error::Missing(format!("location {place}")));
    }
    let place = wish.place.clone().unwrap_or_default();
    let held = levels_of(rows, &workflow)?;
    let mut next = held.clone();
    let ends: Vec<(String, Autonomy)> = held
        .0
        .iter()
        .filter(|(of, level)| place.is_empty() && !of.is_empty() && **level > wish.level)
        .map(|(of, level)| (of.clone(), *level))
        .collect();
    next.0.retain(|of, _| !ends.iter().any(|(ended, _)| ended == of));
    next.0.insert(place.clone(), wish.level);
    let contract = latest.map(read).transpose()?;
    let slugs: Vec<&str> = places.iter().map(String::as_str).collect();
    let (raises, lowers) = match &contract {
        None => (Vec::new(), false),
        Some(contract) => {
            let (now, then) = (Holding { contract, levels: &held }, Holding { contract, levels: &next });
            (gate::raises(&now, &then, &slugs), !gate::raises(&then, &now, &slugs).is_empty())
        }
    };
    let was = held.0.get(&place).copied();
    let same = was == Some(wish.level) && ends.is_empty();
    let put = (place, Body { level: wish.level, by: wish.by.clone(), answered: wish.answered.clone() });
    Ok(Change { workflow, raises, lowers, put, was, ends, same })
}

impl Engine {
    /// How much happens by itself: everywhere, and at each location, for the workflow that decides about calls.
    pub async fn levels(&self, account: &AccountId) -> Result<Vec<PlaceLevel>, Error> {
        let facts = self.facts(account).await?;
        let (_, rows) = self.level_rows(account).await?;
        let workflow = workflow_of(&facts).to_owned();
        let levels = levels_of(&rows, &workflow)?;
        let held = rows_of(&rows, &workflow);
        let contract = Some(&facts.contract).filter(|_| facts.contract_applied);
        let mut all = Vec::new();
        let places = facts.roster.locations.iter().map(|l| (l.slug.as_str(), l.name.as_str()));
        for (place, name) in [("", "")].into_iter().chain(places) {
            let row = held.iter().find(|(of, _)| *of == place).or_else(|| held.iter().find(|(of, _)| of.is_empty()));
            let says = contract.map(|c| c.autonomy_for(place, None));
            all.push(PlaceLevel {
                place: place.to_owned(),
                name: name.to_owned(),
                contract: says,
                level: levels.said(place),
                holds: says.unwrap_or(Autonomy::Observe).min(levels.at(place)),
                since: row.map(|(_, row)| instant(row.valid_from)),
                by: row.map(|(_, row)| body(row)).transpose()?.map(|body| body.by),
            });
        }
        Ok(all)
    }

    /// Where that contract would let more happen by itself than happens now.
    pub async fn raises(&self, account: &AccountId, next: &Contract) -> Result<Vec<Raise>, Error> {
        let (versions, rows) = self.level_rows(account).await?;
        Ok(turn(&versions, &rows, next)?.raises)
    }

    /// Where that level would let more happen by itself than happens now.
    pub async fn level_raises(&self, account: &AccountId, wish: &LevelWish) -> Result<Vec<Raise>, Error> {
        let (versions, rows) = self.level_rows(account).await?;
        Ok(change(&versions, &rows, wish)?.raises)
    }

    /// Sets how much may happen by itself at most, everywhere or at one location. Lower at once and always: also at locations that had a higher
    /// word of their own, and what was planned and not sent is decided again. Higher by one step, if nothing that the step stands on is red or
    /// unknown; else [`Error::NotReady`] says what is, and nothing is changed.
    pub async fn set_level(&self, account: &AccountId, wish: &LevelWish) -> Result<Vec<PlaceLevel>, Error> {
        if !wish.answered.is_empty() && wish.reason.as_deref().is_none_or(|why| why.trim().is_empty()) {
            return Err(Error::Refused("who answers for a guarantee says why".into()));
        }
        for _ in 0..MEETINGS_MAX {
            let (versions, rows) = self.level_rows(account).await?;
            let judged = change(&versions, &rows, wish)?;
            if judged.same {
                return self.levels(account).await;
            }
            if !judged.raises.is_empty() {
                let contract = versions.iter().filter(|row| row.name == judged.workflow).max_by_key(|row| row.version);
                let problems = match contract {
                    None => Vec::new(),
                    Some(row) => {
                        gate::may(&judged.raises, &self.ready_for(account, &read(row)?).await?, &wish.answered)
                    }
                };
                if !problems.is_empty() {
                    return Err(Error::NotReady(problems));
                }
            }
            let (of, wish, chain, now) =
                (account.as_str().to_owned(), wish.clone(), self.chain(account), micros(self.now()));
            let (raises, lowers) = (judged.raises.clone(), judged.lowers);
            let put = self.store().write(Site::Setup, move |tx| {
                Box::pin(async move {
                    // The entry first: of two who change rules at once only one finds its place in the chain, and what is read after it is what holds.
                    let (place, body) = &judged.put;
                    let mut drafts = vec![
                        entry(&judged.workflow, place, judged.was, Some(body.level), &body.by)
                            .with("answered", (!body.answered.is_empty()).then_some(&body.answered))
                            .seal_words("reason", wish.reason.as_deref()),
                    ];
                    let ended =
                        |(of, was): &(String, Autonomy)| entry(&judged.workflow, of, Some(*was), None, &body.by);
                    drafts.extend(judged.ends.iter().map(ended));
                    chain.tell(tx, drafts).await?;
                    let versions = store::contracts_all(tx, &of).await?;
                    let rows = store::roster_current(tx, &of).await?;
                    let still = change(&versions, &rows, &wish).map_err(|e| store::Error::Bug(e.to_string()))?;
                    if (&still.raises, still.was, &still.ends) != (&judged.raises, judged.was, &judged.ends) {
                        return Err(store::Error::Conflict);
                    }
                    let text = serde_json::to_string(body).unwrap_or_default();
                    store::roster_put(tx, &of, LEVEL, &id(&judged.workflow, place), &text, now).await?;
                    for (place, _) in &judged.ends {
                        store::roster_end(tx, &of, LEVEL, &id(&judged.workflow, place), now).await?;
                    }
                    Ok(())
                })
            });
            match put.await {
                Err(store::Error::Conflict | store::Error::Rows { .. }) => continue,
                Err(error) => return Err(error.into()),
                Ok(()) => {}
            }
            self.facts_changed(account);
            tracing::info!(account = account.as_str(), raises = raises.len(), lowers, "level set");
            if lowers {
                self.take_back_planned(account).await?;
            }
            return self.levels(account).await;
        }
        Err(Error::MovedOn("others are changing this account all the time; try again".into()))
    }

    /// The readiness that a step is judged on, after a look at the CRM's fields as far as it can be asked now.
    pub(crate) async fn ready_for(&self, account: &AccountId, contract: &Contract) -> Result<Readiness, Error> {
        let clock = &self.inner.parts.clock;
        tokio::select! {
            biased;
            looked = self.look_at_schema(account) => { looked?; },
            () = clock.sleep(Duration::from_secs(SCHEMA_SECONDS_MAX)) => {}
        }
        let facts = self.facts(account).await?;
        self.readiness_with(&facts, contract).await
    }

    /// Every version and every row, as they stand in the store now.
    async fn level_rows(&self, account: &AccountId) -> Result<(Vec<ContractRow>, Vec<RosterRow>), Error> {
        let of = account.as_str().to_owned();
        let read = self.store().read(move |tx| {
            Box::pin(async move { Ok((store::contracts_all(tx, &of).await?, store::roster_current(tx, &of).await?)) })
        });
        Ok(read.await?)
    }

    /// Decides again what was planned under a higher level and was not sent; what the new one does not allow is taken back.
    async fn take_back_planned(&self, account: &AccountId) -> Result<(), Error> {
        let mut before = Before::end();
        loop {
            let (of, from) = (account.as_str().to_owned(), before.clone());
            let page = self
                .store()
                .read(move |tx| {
                    Box::pin(async move { store::inquiries_list(tx, &of, Some("open"), PAGE, &from).await })
                })
                .await?;
            let Some(last) = page.last() else { return Ok(()) };
            before = Before { at: last.opened_at, id: last.id.clone() };
            for row in page {
                let inquiry: Inquiry = upcast::read_own(Form::Inquiry, &row.snapshot)
                    .map_err(|e| Error::Corrupt { what: format!("inquiry {}", row.id), why: e.to_string() })?;
                let planned = |(target, held): (&String, &ringback_core::inquiry::EffectRef)| {
                    held.progress == Progress::Planned && target != "find" && !tells(target)
                };
                if !inquiry.effects.iter().any(planned) {
                    continue;
                }
                match self.act(account, &InquiryId::from_text(row.id), Event::FactsChanged).await {
                    // What was erased meanwhile waits for nothing.
                    Ok(_) | Err(Error::Missing(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }

    /// Nothing may be written where this inquiry's call came in, by the level of this moment.
    pub(crate) async fn withheld(&self, account: &AccountId, inquiry: &InquiryId) -> Result<bool, Error> {
        let facts = self.facts(account).await?;
        if !facts.standing.levels.0.values().any(|level| *level == Autonomy::Observe) {
            return Ok(false);
        }
        let (of, id) = (facts.account.as_str().to_owned(), inquiry.as_str().to_owned());
        let row = self.store().read(move |tx| Box::pin(async move { store::inquiry_get(tx, &of, &id).await })).await?;
        let place = row.and_then(|row| row.location);
        let location = facts.roster.locations.iter().find(|l| place.as_deref() == Some(l.id.as_str()));
        Ok(facts.standing.levels.at(location.map_or("", |l| l.slug.as_str())) == Autonomy::Observe)
    }
}

/// The workflow that decides about calls, or will.
pub(crate) fn workflow_of(facts: &AccountFacts) -> &str {
    if facts.contract_ref.id.as_str() == NO_CONTRACT { CALLS } else { &facts.contract_ref.name }
}

/// What stands in the way of the raises of a contract.
pub(crate) fn stopped(raises: &[Raise], ready: &Readiness) -> Vec<Problem> {
    gate::may(raises, ready, &[])
}

#[cfg(test)]
mod tests;
