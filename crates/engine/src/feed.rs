//! The call feed: calls that somebody else wrote into a CRM (a phone system's own integration, a person) become signals.
//!
//! A CRM that is asked for it is read every minute or so for calls that changed. Each record that is a call is stored whole before the place
//! in the feed moves on, so that whoever dies in between reads it again, and what says the same again is nothing new. Reading goes after
//! all effects of the lane and waits while the CRM does not answer: nothing is lost by that, it is only later.

use crate::facts::ConnectionFacts;
use crate::fold::Looked;
use crate::{Engine, Error, micros};
use futures_util::stream::{self, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use ringback_connect::calls::{self, Logged, Told};
use ringback_connect::{Connection, Crm, asks_for_fewer};
use ringback_core::call::Call;
use ringback_core::crm::{CrmOp, Held, Object, Outcome, Record};
use ringback_core::id::{AccountId, ConnectionId, SignalId};
use ringback_core::ledger::Retention;
use ringback_core::signal::{Ending, Signal};
use ringback_core::upcast::{self, Form};
use ringback_store::{self as store, DocumentNew, Site};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Pages that one look reads; the rest is read by the next, at once.
pub const PAGES_MAX: usize = 3;
/// Feeds read at once.
const FEEDS_AT_ONCE_MAX: usize = 8;
/// A look begins so long before the newest change that was seen: CRMs' clocks and indexes lag.
const OVERLAP: SignedDuration = SignedDuration::from_mins(5);
/// Records that are remembered as looked through; of more the newest.
const SEEN_MAX: usize = 1_000;
/// After a look that failed the next waits so long, twice as long after each further one, ...
const WAIT_SECONDS: i64 = 30;
/// ... and at most this long.
const WAIT_SECONDS_MAX: i64 = 600;
/// A feed that was not read for so long is told of; slower ones after three of their own times.
const LATE: SignedDuration = SignedDuration::from_mins(10);
/// Where a feed stands.
const STATE: &str = "calls.state";

/// Where a feed stands and how it goes. One value, so that whoever writes it last leaves a place that was read up to, never a mixture of two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    /// Calls that began before that are history, and nothing is made of them.
    pub from: Timestamp,
    /// The next look asks for what changed since then, ...
    pub since: Timestamp,
    /// ... from this page on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// The newest change that was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Timestamp>,
    /// When everything there was had been read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_at: Option<Timestamp>,
    /// Not read before then.
    pub next_at: Timestamp,
    /// Records that became signals.
    pub taken: u64,
    /// Records that the next look shows again: id, time of change, and a hash of what they said. The time alone would not do: an index may
    /// show it before it shows the change.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub seen: BTreeMap<String, (Timestamp, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<Failing>,
}

/// Why a feed is not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failing {
    pub since: Timestamp,
    pub times: u32,
    pub why: String,
}

/// A feed that is switched on, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FeedSeen {
    pub connection: String,
    /// `None`: it was never read yet.
    pub feed: Option<Feed>,
    /// What is wrong with it, if anything is.
    pub wrong: Option<String>,
}

/// What a look did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Read {
    pub pages: usize,
    pub taken: usize,
    /// Everything that was there is read.
    pub complete: bool,
    /// Why it stopped before that.
    pub why: Option<String>,
}

/// Why a look stops: not before then, with the reason.
struct Stop {
    until: Option<Timestamp>,
    why: String,
}

impl Engine {
    /// Every feed that is due, several at once.
    pub async fn step_feeds(&self) -> Result<Looked, Error> {
        let rows = self.store().read(|tx| Box::pin(async move { store::connections_every(tx).await })).await?;
        // The setting's name in the stored settings: only these accounts are looked at closer.
        let wanted = rows.into_iter().filter(|c| c.state == "active" && c.settings.contains(calls::SETTING));
        let wanted: Vec<(AccountId, ConnectionId)> =
            wanted.map(|c| (AccountId::from_text(c.account), ConnectionId::from_text(c.id))).collect();
        let looks = stream::iter(wanted).map(|(account, connection)| async move {
            let read = self.read_if_due(&account, &connection).await;
            if let Err(error) = &read
                && !self.is_told(error)
            {
                tracing::warn!(%error, connection = connection.as_str(), "the CRM's calls could not be read; trying again");
            }
            read.unwrap_or_default()
        });
        let done: Vec<Read> = looks.buffer_unordered(FEEDS_AT_ONCE_MAX).collect().await;
        let more = done.iter().any(|read| read.pages > 0 && !read.complete && read.why.is_none());
        Ok(Looked { done: done.iter().map(|read| read.taken).sum(), more })
    }

    async fn read_if_due(&self, account: &AccountId, connection: &ConnectionId) -> Result<Read, Error> {
        let facts = self.facts(account).await?;
        let Some((held, crm)) = facts.connections.get(connection.as_str()).and_then(|c| Some((c, c.crm()?))) else {
            return Ok(Read::default());
        };
        let feed = self.feed(account, connection).await?;
        if !calls::on(crm, &held.connection) {
            if feed.is_some() {
                // Switched off: what comes meanwhile is history once it is switched on again.
                let (of, id) = (account.as_str().to_owned(), connection.as_str().to_owned());
                self.store()
                    .write(Site::Other, move |tx| {
                        Box::pin(async move { store::cursor_delete(tx, &of, &id, STATE).await })
                    })
                    .await?;
            }
            return Ok(Read::default());
        }
        if feed.as_ref().is_some_and(|feed| feed.next_at > self.now()) {
            return Ok(Read::default());
        }
        self.read_calls(account, connection).await
    }

    /// Reads what changed among the calls of a CRM since the last look, [`PAGES_MAX`] pages at most, due or not.
    pub async fn read_calls(&self, account: &AccountId, connection: &ConnectionId) -> Result<Read, Error> {
        let facts = self.facts(account).await?;
        let missing = || Error::Missing(format!("feed of calls {connection}"));
        let (held, crm) =
            facts.connections.get(connection.as_str()).and_then(|c| Some((c, c.crm()?))).ok_or_else(missing)?;
        if !calls::on(crm, &held.connection) {
            return Err(missing());
        }
        let mut feed = match self.feed(account, connection).await? {
            Some(feed) => feed,
            None => begin(calls::since(&held.connection).unwrap_or(self.now()), self.now()),
        };
        let mut done = Read::default();
        while done.pages < PAGES_MAX && !done.complete {
            match self.page_of_calls(held, crm, &mut feed).await? {
                Ok((taken, complete)) => {
                    done.pages += 1;
                    done.taken += taken;
                    done.complete = complete;
                    let every = calls::every_seconds(crm, &held.connection, cost(crm, held, &feed));
                    let pause = SignedDuration::from_secs(if complete { i64::from(every) } else { 0 });
                    feed.next_at = self.now().checked_add(pause).unwrap_or(self.now());
                    feed.failing = None;
                }
                Err(stop) => {
                    self.failed(&mut feed, &stop);
                    done.why = Some(stop.why);
                }
            }
            // Every record of the page is committed by now: only then does the place move.
            self.keep_feed(account, connection, &feed).await?;
            if done.why.is_some() {
                break;
            }
        }
        if done.taken > 0 {
            self.changed();
        }
        Ok(done)
    }

    /// One page: asked for, completed by whom the calls belong to, stored. Gives how many became signals and whether it was the last one.
    async fn page_of_calls(
        &self,
        held: &ConnectionFacts,
        crm: &'static dyn Crm,
        feed: &mut Feed,
    ) -> Result<Result<(usize, bool), Stop>, Error> {
        let page = match self.shown(held, crm, &changed(crm, &held.connection, feed)).await {
            Ok(page) => page,
            Err(stop) => return Ok(Err(stop)),
        };
        let mut logged: Vec<(Logged, Signal)> = Vec::new();
        let known = |r: &Record| {
            feed.seen.get(&r.id).is_some_and(|(_, said)| *said == calls::content(crm, r, &held.connection))
        };
        for record in page.records.iter().filter(|r| !known(r)) {
            match crm.told(record, None, &held.connection) {
                Told::Call(signal) => {
                    logged.push((Logged { record: record.clone(), person: None, corrects: false }, *signal));
                }
                Told::Passed(_) => {}
            }
        }
        if let Err(stop) = self.add_people(held, crm, &mut logged).await {
            return Ok(Err(stop));
        }
        let fresh = self.fresh(held, crm, logged, feed.from).await?;
        let taken = fresh.len();
        let stored = fresh.iter().map(|logged| self.take_call(held, crm, logged));
        futures_util::future::try_join_all(stored).await?;
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        feed.taken = feed.taken.saturating_add(count(taken));
        let complete = page.next.is_none();
        move_on(feed, crm, &held.connection, &page, self.now());
        Ok(Ok((taken, complete)))
    }

    /// One question; what is not an answer to it stops the look.
    async fn shown(&self, held: &ConnectionFacts, crm: &'static dyn Crm, operation: &CrmOp) -> Result<Held, Stop> {
        let seen = self.lane_seen(&held.connection.account, held.connection.id.as_str());
        if let Some(until) = seen.closed_until.filter(|until| *until > self.now()) {
            return Err(Stop { until: Some(until), why: "the connection is paused".into() });
        }
        let search = matches!(operation, CrmOp::Changed { .. });
        match self.exchange_outside(held, crm, operation, search).await {
            Ok(Outcome::Done { held }) => Ok(held),
            Ok(outcome) => Err(self.stopped(&outcome)),
            Err(why) => Err(Stop { until: None, why }),
        }
    }

    fn stopped(&self, outcome: &Outcome) -> Stop {
        let until = match outcome {
            Outcome::Retry { after: Some(after), .. } => {
                SignedDuration::try_from(*after).ok().and_then(|after| self.now().checked_add(after).ok())
            }
            Outcome::Exhausted { until, .. } => Some(*until),
            _ => None,
        };
        Stop { until, why: format!("{}: {}", outcome.word(), ringback_core::ensure::words(outcome)) }
    }

    /// Whose calls they are, of those that name no number themselves: the person that the CRM links them to.
    async fn add_people(
        &self,
        held: &ConnectionFacts,
        crm: &'static dyn Crm,
        logged: &mut [(Logged, Signal)],
    ) -> Result<(), Stop> {
        let mut whose: BTreeMap<String, String> = BTreeMap::new();
        let mut unlinked: Vec<String> = Vec::new();
        for (one, _) in logged.iter().filter(|(_, signal)| signal.caller.is_none()) {
            match one.record.associations.get(&Object::Contact) {
                Some(people) => whose.extend(people.first().map(|person| (one.record.id.clone(), person.clone()))),
                None => unlinked.push(one.record.id.clone()),
            }
        }
        let links = unlinked.into_iter().map(|id| CrmOp::ReadLinks { object: Object::Call, id, to: Object::Contact });
        for record in self.many(held, crm, links.collect()).await?.0 {
            let person = record.associations.get(&Object::Contact).and_then(|people| people.first().cloned());
            whose.extend(person.map(|person| (record.id, person)));
        }
        let mut ids: Vec<String> = whose.values().cloned().collect();
        ids.sort();
        ids.dedup();
        let words = crm.words();
        let names = words.match_phones.iter().chain(words.match_emails).chain(words.match_names);
        let properties: Vec<String> = names.map(|p| (*p).to_owned()).collect();
        let read = |id| CrmOp::ReadById {
            object: Object::Contact,
            id,
            properties: properties.clone(),
            associations: Vec::new(),
            history: false,
        };
        let (mut people, moved) = self.many(held, crm, ids.into_iter().map(read).collect()).await?;
        // Converted, or merged into another: one step on; who went further is not followed here.
        let onward: Vec<CrmOp> = moved.values().cloned().map(read).collect();
        people.extend(self.many(held, crm, onward).await?.0);
        for (one, _) in logged.iter_mut() {
            let Some(id) = whose.get(&one.record.id) else { continue };
            let id = moved.get(id).unwrap_or(id);
            one.person = people.iter().find(|person| person.id == *id).cloned();
        }
        Ok(())
    }

    /// The records that reads alike show, as many to a request as the CRM takes, and which of them stand elsewhere now. What is not there any
    /// more is left out.
    async fn many(
        &self,
        held: &ConnectionFacts,
        crm: &'static dyn Crm,
        operations: Vec<CrmOp>,
    ) -> Result<(Vec<Record>, BTreeMap<String, String>), Stop> {
        let (mut found, mut moved) = (Vec::new(), BTreeMap::new());
        let Some(first) = operations.first() else { return Ok((found, moved)) };
        let most = crm.batch_items_max(first, &held.connection).max(1);
        for batch in operations.chunks(most) {
            let not_now = |why| Stop { until: None, why };
            let outcomes = self.exchanges_outside(held, crm, batch, false).await.map_err(not_now)?;
            for (operation, outcome) in batch.iter().zip(outcomes) {
                let outcome = if batch.len() > 1 && asks_for_fewer(&outcome) {
                    self.exchange_outside(held, crm, operation, false).await.map_err(not_now)?
                } else {
                    outcome
                };
                match (outcome, operation) {
                    (Outcome::Done { held }, _) => found.extend(held.records),
                    (Outcome::Gone { merged_into: Some(into) }, CrmOp::ReadById { id, .. }) => {
                        moved.insert(id.clone(), into);
                    }
                    (Outcome::Gone { .. }, _) => {}
                    (other, _) => return Err(self.stopped(&other)),
                }
            }
        }
        Ok((found, moved))
    }

    /// Those that say something new, each with whether it corrects what it said before.
    async fn fresh(
        &self,
        held: &ConnectionFacts,
        crm: &'static dyn Crm,
        logged: Vec<(Logged, Signal)>,
        from: Timestamp,
    ) -> Result<Vec<Logged>, Error> {
        let (account, connection) = (held.connection.account.clone(), held.connection.id.clone());
        let mut keyed: Vec<(Logged, Signal, String)> = Vec::new();
        for (one, signal) in logged {
            let key = calls::delivery_key(crm, &one, &held.connection);
            // A list may show one record twice.
            if !keyed.iter().any(|(.., known)| *known == key) {
                keyed.push((one, signal, key));
            }
        }
        // Some CRMs keep no more than the minute in which a call began.
        let history = from.checked_sub(OVERLAP).unwrap_or(from);
        let fresh = self.store().read(move |tx| {
            Box::pin(async move {
                let (of, id) = (account.as_str(), connection.as_str());
                let mut fresh = Vec::new();
                for (mut one, signal, key) in keyed {
                    if store::signal_first_of(tx, of, id, calls::EVENT, &key).await?.is_some() {
                        continue;
                    }
                    let call = store::call_by_key(tx, of, id, &one.record.id).await?;
                    let began = signal.started_at.or(one.record.modified_at);
                    if call.is_none() && began.is_some_and(|began| began < history) {
                        continue;
                    }
                    if let Some(row) = call {
                        let call: Call = upcast::read_own(Form::Call, &row.snapshot)
                            .map_err(|e| crate::inquire::corrupt("call", &row.id, e))?;
                        let mut said = call.heard.iter().rev().filter(|h| h.connection == connection);
                        let before = said.find(|h| h.ending != Ending::Unsaid).map(|h| h.ending);
                        one.corrects = before.is_some_and(|before| before != signal.ending);
                    }
                    fresh.push(one);
                }
                Ok(fresh)
            })
        });
        Ok(fresh.await?)
    }

    async fn take_call(&self, held: &ConnectionFacts, crm: &'static dyn Crm, logged: &Logged) -> Result<(), Error> {
        let now = self.now();
        let id = SignalId::new(now, self.random());
        let corrupt = |e: serde_json::Error| Error::Corrupt { what: "record".into(), why: e.to_string() };
        let raw = calls::stored(logged).map_err(corrupt)?;
        self.store()
            .intake(store::SignalIn {
                account: held.connection.account.as_str().to_owned(),
                id: id.as_str().to_owned(),
                connection: held.connection.id.as_str().to_owned(),
                event: raw.event.clone(),
                received_at: micros(now),
                state: "stored".into(),
                why: None,
                delivery_key: calls::delivery_key(crm, logged, &held.connection),
                document: DocumentNew {
                    id: format!("doc_{}", id.stem()),
                    class: Retention::Raw.word().into(),
                    kind: "request".into(),
                    body: serde_json::to_string(&raw).map_err(corrupt)?,
                    created_at: micros(now),
                    expires_at: crate::intake::expiry(now, self.settings().raw_days),
                },
            })
            .await?;
        Ok(())
    }

    fn failed(&self, feed: &mut Feed, stop: &Stop) {
        let now = self.now();
        let times = feed.failing.as_ref().map_or(0, |f| f.times);
        let wait = (WAIT_SECONDS << times.min(8)).min(WAIT_SECONDS_MAX);
        let next = now.checked_add(SignedDuration::from_secs(wait)).unwrap_or(now);
        feed.next_at = stop.until.map_or(next, |until| until.max(next));
        let since = feed.failing.as_ref().map_or(now, |f| f.since);
        feed.failing = Some(Failing { since, times: times.saturating_add(1), why: stop.why.clone() });
    }

    async fn feed(&self, account: &AccountId, connection: &ConnectionId) -> Result<Option<Feed>, Error> {
        let (of, id) = (account.as_str().to_owned(), connection.as_str().to_owned());
        let text = self.store().read(move |tx| Box::pin(async move { store::cursor_get(tx, &of, &id, STATE).await }));
        let corrupt = |e: serde_json::Error| Error::Corrupt { what: "feed of calls".into(), why: e.to_string() };
        text.await?.map(|text| serde_json::from_str(&text).map_err(corrupt)).transpose()
    }

    async fn keep_feed(&self, account: &AccountId, connection: &ConnectionId, feed: &Feed) -> Result<(), Error> {
        let (of, id, at) = (account.as_str().to_owned(), connection.as_str().to_owned(), micros(self.now()));
        let text = serde_json::to_string(feed)
            .map_err(|e| Error::Corrupt { what: "feed of calls".into(), why: e.to_string() })?;
        self.store()
            .write(Site::Other, move |tx| {
                Box::pin(async move { store::cursor_put(tx, &of, &id, STATE, &text, at).await })
            })
            .await?;
        Ok(())
    }

    /// Every feed that is switched on, and what is wrong with it.
    pub async fn feeds(&self, account: &AccountId) -> Result<Vec<FeedSeen>, Error> {
        let facts = self.facts(account).await?;
        let mut seen = Vec::new();
        for held in facts.connections.values().filter(|c| c.state == "active") {
            let Some(crm) = held.crm().filter(|crm| calls::on(*crm, &held.connection)) else { continue };
            let feed = self.feed(account, &held.connection.id).await?;
            let wrong = feed.as_ref().and_then(|feed| wrong(crm, held, feed, self.now()));
            seen.push(FeedSeen { connection: held.connection.name.clone(), feed, wrong });
        }
        seen.sort_by(|a, b| a.connection.cmp(&b.connection));
        Ok(seen)
    }
}

fn begin(from: Timestamp, now: Timestamp) -> Feed {
    Feed {
        from,
        since: from.checked_sub(OVERLAP).unwrap_or(from),
        page: None,
        newest: None,
        read_at: None,
        next_at: now,
        taken: 0,
        seen: BTreeMap::new(),
        failing: None,
    }
}

fn changed(crm: &dyn Crm, connection: &Connection, feed: &Feed) -> CrmOp {
    CrmOp::Changed {
        object: Object::Call,
        since: feed.since,
        after: feed.page.clone(),
        properties: calls::reads(crm, connection),
    }
}

fn cost(crm: &dyn Crm, held: &ConnectionFacts, feed: &Feed) -> u32 {
    crm.cost(&[changed(crm, &held.connection, feed)])
}

/// The place behind a page. The next page begins at the last change of this one rather than at a number of records: a record that is changed
/// between two pages moves to the end, and the others move up. Only within one second, where that would not go on, the CRM's own page is asked for.
fn move_on(feed: &mut Feed, crm: &dyn Crm, connection: &Connection, page: &Held, now: Timestamp) {
    let last = page.records.iter().filter_map(|r| r.modified_at).max();
    feed.newest = feed.newest.max(last);
    feed.seen.extend(
        page.records.iter().filter_map(|r| Some((r.id.clone(), (r.modified_at?, calls::content(crm, r, connection))))),
    );
    place_behind(feed, page, last, now);
    let since = feed.since;
    feed.seen.retain(|_, (at, _)| *at >= since);
    while feed.seen.len() > SEEN_MAX
        && let Some(oldest) = feed.seen.iter().min_by_key(|(_, (at, _))| *at).map(|(id, _)| id.clone())
    {
        feed.seen.remove(&oldest);
    }
}

fn place_behind(feed: &mut Feed, page: &Held, last: Option<Timestamp>, now: Timestamp) {
    let Some(next) = &page.next else {
        let from = feed.newest.and_then(|newest| newest.checked_sub(OVERLAP).ok());
        feed.since = from.map_or(feed.since, |from| from.max(feed.since));
        feed.page = None;
        feed.read_at = Some(now);
        return;
    };
    let timed = page.records.iter().all(|r| r.modified_at.is_some());
    match last.filter(|last| timed && last.duration_since(feed.since) >= SignedDuration::from_secs(1)) {
        Some(last) => {
            feed.since = last;
            feed.page = None;
        }
        None => feed.page = Some(next.clone()),
    }
}

fn wrong(crm: &dyn Crm, held: &ConnectionFacts, feed: &Feed, now: Timestamp) -> Option<String> {
    let read = feed.read_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
    if let Some(failing) = &feed.failing {
        return Some(format!("not read since {}: {}; read whole last {read}", failing.since, failing.why));
    }
    let every =
        SignedDuration::from_secs(i64::from(calls::every_seconds(crm, &held.connection, cost(crm, held, feed))));
    let late = LATE.max(every.saturating_mul(3));
    let last = feed.read_at.unwrap_or(feed.next_at);
    (now.duration_since(last) > late).then(|| format!("read whole last {read}"))
}

#[cfg(test)]
mod tests;
