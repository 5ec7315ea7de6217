//! Lanes: bringing effects about over one connection of one account.
//!
//! A lane is leased by one node at a time, which makes order, rate and breaker local decisions; but a lease proves nothing, so correctness
//! rests on keys, on `in_flight_until` (committed before anything leaves that could change something) and on `core::ensure`. The
//! worker makes the exchange that `ensure::next` names and stores what came of it; it decides nothing.
//!
//! Effects that want the same kind of operation share a request where the vendor has a batch for it. A batch is filled from what is
//! waiting at that moment, never by waiting; so it is empty in quiet times and full behind an outage. [`pace`] says when a request may
//! leave, [`work`] is one effect, [`send`] one exchange.

mod pace;
mod send;
mod work;

pub use pace::{BREAKER_FAILURES, BREAKER_SECONDS, BREAKER_SECONDS_MAX, BURST_PERCENT};
pub(crate) use pace::{searches_per_second, steady_per_second};
pub(crate) use send::fault_outcome;

use crate::facts::{AccountFacts, ConnectionFacts};
use crate::fold::Looked;
use crate::inquire::Kept;
use crate::{Engine, Error, micros, probe};
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use pace::{LaneState, Pace};
use ringback_connect::Crm;
use ringback_core::crm::{CrmOp, DealsWay, KeyWay, Object, WriteTraits};
use ringback_core::effect::{ContactRef, Desired, Effect};
use ringback_core::ensure::{Purpose, Receipt};
use ringback_core::id::AccountId;
use ringback_core::upcast::{self, Form};
use ringback_store::{self as store, EffectRow, LaneReport, Site};
use send::{After, Batch};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use work::{Turn, Work};

/// Turns that the settling effects of all inquiries share.
const TURNS: usize = 256;
/// Effects of a lane that are held in memory at once: some dozen shapes of requests, each with a full batch.
pub const IN_HAND_MAX: usize = 1_200;
/// So many effects in hand mean that much waits: reads are cut so that they fit into batches.
const CROWDED: usize = 24;
/// An effect that waited so long for its next exchange goes before fuller batches.
const PATIENCE: SignedDuration = SignedDuration::from_secs(8);
/// How often urgent effects are looked for while others are at work.
const URGENT_LOOK: Duration = Duration::from_millis(300);
/// How soon effects that the ones in hand have released are looked for.
const RELEASED_LOOK: Duration = Duration::from_millis(50);
/// What a page sink may take and how long a lost answer may still have an effect.
const PAGE_TRAITS: WriteTraits = WriteTraits {
    settling: Duration::from_secs(5),
    timeout: Duration::from_secs(10),
    search_lag: Duration::ZERO,
    key_lag: Duration::ZERO,
    listed: &[],
    upserts: &[],
    links_in_write: false,
    deals: DealsWay::None,
};

/// What `ensure` must know of the vendor behind a connection. Where a probe of the connection has seen longer lags than are assumed of the
/// vendor, those count; shorter ones do not, for they were seen on one quiet day.
pub(crate) fn traits_of(held: &ConnectionFacts) -> WriteTraits {
    let Some(mut traits) = held.crm().and_then(|c| c.about().writes) else { return PAGE_TRAITS };
    let seen = |name| held.connection.setting(name).and_then(probe::lag).unwrap_or_default();
    traits.key_lag = traits.key_lag.max(seen(probe::KEY_LAG_SETTING));
    traits.search_lag = traits.search_lag.max(seen(probe::SEARCH_LAG_SETTING));
    traits
}

/// What a node knows of its lanes from moment to moment; nothing of it carries correctness.
#[derive(Default)]
pub(crate) struct LaneStates {
    states: Mutex<HashMap<String, LaneState>>,
    /// Records that an effect of this node is at.
    taken: Mutex<HashSet<String>>,
    turns: Turns,
}

impl LaneStates {
    /// Takes a shared record, unless an effect of this node has it.
    fn take(&self, key: &str) -> bool {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned())
    }

    fn free(&self, key: &str) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// Effects of one inquiry that settle at the same moment go one after the other, or all but one would decide for nothing. Two inquiries
/// may share a turn; then they wait for each other, no more.
struct Turns(Vec<tokio::sync::Mutex<()>>);

impl Default for Turns {
    fn default() -> Self {
        Self(std::iter::repeat_with(tokio::sync::Mutex::default).take(TURNS).collect())
    }
}

impl Turns {
    async fn of(&self, inquiry: &str) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let mut hasher = std::hash::DefaultHasher::new();
        inquiry.hash(&mut hasher);
        let turn = self.0.get(usize::try_from(hasher.finish() % TURNS as u64).ok()?)?;
        Some(turn.lock().await)
    }
}

/// How the work on one effect ended for now.
enum Ended {
    Settled,
    Waits,
}

/// What a step of a lane waits for.
enum Came<'a> {
    Due(Result<Vec<EffectRow>, Error>, bool),
    /// An effect was taken in hand, or went on to its next exchange, its end or a wait.
    Turned(String, Option<Box<Work<'a>>>, Result<Turn, Error>),
    Exchanged(Vec<After<'a>>),
    /// Time has passed: a request may leave again, or urgent effects are looked for.
    Tick,
}

/// An effect that wants its next exchange.
struct Ready<'a> {
    work: Work<'a>,
    purpose: Purpose,
    operation: CrmOp,
}

/// One step of a lane: what is in hand, and what is under way.
struct Step<'a> {
    engine: &'a Engine,
    facts: &'a Arc<AccountFacts>,
    held: &'a ConnectionFacts,
    one_by_one: bool,
    at_once: usize,
    under_way: FuturesUnordered<BoxFuture<'a, Came<'a>>>,
    in_hand: HashSet<String>,
    /// Looks that are out, and what was let go meanwhile.
    looks_out: usize,
    left: HashSet<String>,
    ready: Vec<Ready<'a>>,
    exchanges: usize,
    ticking: bool,
    found: usize,
    /// The lane's budget is used up for longer than this step lasts.
    spent: bool,
    failed: Option<Error>,
}

impl Engine {
    /// Works on what is due in a lane. It looks for more until a quarter of the lease's time is over: the lease lasts for at least half
    /// of it when the step begins, so that the last exchanges end within it too. Several effects at once unless `one_by_one`.
    pub async fn step_lane(&self, account: &AccountId, lane: &str, one_by_one: bool) -> Result<Looked, Error> {
        let now = self.now();
        if !self.lease(account, lane, now).await? {
            return Ok(Looked::default());
        }
        let facts = self.facts(account).await?;
        let Some(held) = facts.connections.get(lane).filter(|c| c.state == "active") else {
            return Ok(Looked::default());
        };
        let probing = match self.with_lane(account, lane, |s| (s.closed_until, s.failures)) {
            (Some(until), _) if until > now => return Ok(Looked::default()),
            (Some(_), _) => true,
            (None, _) => false,
        };
        let alone = one_by_one || probing;
        let limits = held.crm().map(|c| c.about().limits);
        let vendors = limits.map_or(0, |l| l.concurrent_requests_max as usize);
        let own = self.settings().lane_concurrency_max.max(1);
        let at_once = if alone {
            1
        } else if vendors > 0 {
            own.min(vendors)
        } else {
            own
        };
        let look_until = if alone { now } else { self.in_seconds(self.settings().lease_seconds / 4) };
        let mut step = Step {
            engine: self,
            facts: &facts,
            held,
            one_by_one: alone,
            at_once,
            under_way: FuturesUnordered::new(),
            in_hand: HashSet::new(),
            looks_out: 0,
            left: HashSet::new(),
            ready: Vec::new(),
            exchanges: 0,
            ticking: false,
            found: 0,
            spent: false,
            failed: None,
        };
        step.run(look_until).await;
        let (found, spent, failed) = (step.found, step.spent, step.failed.take());
        drop(step);
        if let Some(error) = failed {
            return Err(error);
        }
        self.report(account, lane).await?;
        if found > 0 {
            self.changed();
        }
        Ok(Looked { done: found, more: found > 0 && !spent })
    }

    /// The breaker lets exchanges through.
    fn is_open(&self, account: &AccountId, lane: &str) -> bool {
        let now = self.now();
        self.with_lane(account, lane, |s| s.closed_until.is_none_or(|until| until <= now))
    }

    fn in_ms(&self, pause: Duration) -> Timestamp {
        let now = self.now();
        SignedDuration::try_from(pause).ok().and_then(|p| now.checked_add(p).ok()).unwrap_or(now)
    }

    fn in_seconds(&self, seconds: i64) -> Timestamp {
        let now = self.now();
        now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(now)
    }

    async fn due(&self, account: &AccountId, lane: &str, limit: u32, urgent: bool) -> Result<Vec<EffectRow>, Error> {
        let (account, lane, now) = (account.as_str().to_owned(), lane.to_owned(), micros(self.now()));
        let due = self.store().read(move |tx| {
            Box::pin(async move {
                if urgent {
                    store::effects_due_urgent(tx, &account, &lane, now, limit).await
                } else {
                    store::effects_due(tx, &account, &lane, now, limit).await
                }
            })
        });
        Ok(due.await?)
    }

    /// Takes or keeps the lane; at half its time a lease is renewed.
    async fn lease(&self, account: &AccountId, lane: &str, now: Timestamp) -> Result<bool, Error> {
        let half = SignedDuration::from_secs(self.settings().lease_seconds / 2);
        let safe = self.with_lane(account, lane, |s| s.leased_until.is_some_and(|u| u.duration_since(now) > half));
        if safe {
            return Ok(true);
        }
        let until = self.in_seconds(self.settings().lease_seconds);
        let (account_text, lane_text, node) =
            (account.as_str().to_owned(), lane.to_owned(), self.settings().node.clone());
        let mine = self
            .store()
            .write(Site::Lease, move |tx| {
                Box::pin(async move {
                    store::lane_upsert(tx, &account_text, &lane_text, &lane_text).await?;
                    store::lane_lease(tx, &account_text, &lane_text, &node, micros(until), micros(now)).await
                })
            })
            .await?;
        self.with_lane(account, lane, |s| s.leased_until = mine.then_some(until));
        Ok(mine)
    }

    /// Takes an effect in hand: reads what it is and what its circumstances are.
    async fn open<'a>(
        &'a self,
        facts: &'a Arc<AccountFacts>,
        held: &'a ConnectionFacts,
        row: EffectRow,
    ) -> Result<Work<'a>, Error> {
        let bad = |e: upcast::Unreadable| Error::Corrupt { what: format!("effect {}", row.id), why: e.to_string() };
        let effect: Effect = upcast::read_own(Form::Effect, &row.body).map_err(bad)?;
        let kept: Kept = upcast::read_own(Form::History, &row.history).map_err(bad)?;
        let (alone, elsewhere) = self.shared(facts, &effect).await?;
        let traits = traits_of(held);
        let (contact, known) = self.around(facts, &effect, traits).await?;
        let indexed = match &effect.desired {
            Desired::FindPerson { keys, .. } if kept.history.exchanges.len() < 12 => {
                self.indexed(facts, held, keys).await?
            }
            _ => Vec::new(),
        };
        Ok(Work {
            engine: self,
            facts,
            held,
            effect,
            row,
            history: kept.history,
            contact,
            known,
            indexed,
            elsewhere,
            _alone: alone,
            traits,
            drafts: Vec::new(),
            fresh: Vec::new(),
            ready_at: self.now(),
            seen_people: Vec::new(),
        })
    }

    /// A contact is shared by the inquiries of one person: takes it for this effect, and says until when a write for another may land.
    async fn shared(
        &self,
        facts: &AccountFacts,
        effect: &Effect,
    ) -> Result<(Option<Alone<'_>>, Option<Timestamp>), Error> {
        let Desired::NewContact { key, .. } = &effect.desired else { return Ok((None, None)) };
        let key = format!("{}/{key}", facts.account);
        if !self.inner.lanes.take(&key) {
            return Ok((None, Some(Timestamp::MAX)));
        }
        let alone = Alone { engine: self, key };
        let (account, inquiry, id) =
            (facts.account.as_str().to_owned(), effect.inquiry.as_str().to_owned(), effect.id.as_str().to_owned());
        let until = self
            .store()
            .read(move |tx| {
                Box::pin(async move { store::contact_in_flight_elsewhere(tx, &account, &inquiry, &id).await })
            })
            .await?;
        Ok((Some(alone), until.map(crate::instant)))
    }

    /// The contact an activity belongs to, and a record of the same key that another effect has made: by the receipts.
    async fn around(
        &self,
        facts: &AccountFacts,
        effect: &Effect,
        traits: WriteTraits,
    ) -> Result<(Option<String>, Option<String>), Error> {
        let account = facts.account.as_str().to_owned();
        let receipt = |row: Option<EffectRow>| {
            let receipt = row.and_then(|r| r.receipt).and_then(|r| serde_json::from_str::<Receipt>(&r).ok());
            receipt.map(|r| r.record).filter(|r| !r.is_empty())
        };
        let looked_up = |object| traits.way(object) == KeyWay::LookThenCreate;
        match &effect.desired {
            Desired::Activity { contact: ContactRef::Record(id), object, key, .. } => {
                let known = if looked_up(*object) { self.made(account, effect, key).await? } else { None };
                Ok((Some(id.clone()), known.map(|(record, _)| record)))
            }
            Desired::Activity { contact: ContactRef::MadeBy(maker), object, key, .. } => {
                let (id, of) = (maker.as_str().to_owned(), account.clone());
                let row = self.store().read(move |tx| Box::pin(async move { store::effect_get(tx, &of, &id).await }));
                let contact = receipt(row.await?);
                let known = if looked_up(*object) { self.made(account, effect, key).await? } else { None };
                Ok((contact, known.map(|(record, _)| record)))
            }
            Desired::ActivityIfMade { object, key, .. } if looked_up(*object) => {
                let Some((record, made)) = self.made(account.clone(), effect, key).await? else {
                    return Ok((None, None));
                };
                let contact = match made {
                    Desired::Activity { contact: ContactRef::Record(id), .. } => Some(id),
                    Desired::Activity { contact: ContactRef::MadeBy(maker), .. } => {
                        let id = maker.as_str().to_owned();
                        let row = self
                            .store()
                            .read(move |tx| Box::pin(async move { store::effect_get(tx, &account, &id).await }));
                        receipt(row.await?)
                    }
                    _ => None,
                };
                Ok((contact, Some(record)))
            }
            Desired::NewContact { key, .. } if looked_up(Object::Contact) => {
                let (inquiry, id, key) =
                    (effect.inquiry.as_str().to_owned(), effect.id.as_str().to_owned(), key.clone());
                let rows = self
                    .store()
                    .read(move |tx| {
                        Box::pin(async move { store::contacts_made_of_person(tx, &account, &inquiry, &id).await })
                    })
                    .await?;
                let same = rows.into_iter().find(|(body, _)| {
                    let effect: Option<Effect> = upcast::read_own(Form::Effect, body).ok();
                    effect.is_some_and(|e| e.desired.key() == Some(key.as_str()))
                });
                Ok((None, same.map(|(_, record)| record)))
            }
            _ => Ok((None, None)),
        }
    }

    /// A record with that key that an earlier effect of the inquiry has made.
    async fn made(&self, account: String, effect: &Effect, key: &str) -> Result<Option<(String, Desired)>, Error> {
        let inquiry = effect.inquiry.as_str().to_owned();
        let rows = self
            .store()
            .read(move |tx| Box::pin(async move { store::effects_of_inquiry(tx, &account, &inquiry).await }))
            .await?;
        Ok(rows.into_iter().rev().filter(|row| row.target == effect.target && row.state == "done").find_map(|row| {
            let record = serde_json::from_str::<Receipt>(row.receipt.as_deref()?).ok()?.record;
            let made: Effect = upcast::read_own(Form::Effect, &row.body).ok()?;
            (made.desired.key() == Some(key) && !record.is_empty()).then_some((record, made.desired))
        }))
    }

    /// Puts the lane's state where the console and other nodes see it; at most every few seconds, for it carries no correctness.
    async fn report(&self, account: &AccountId, lane: &str) -> Result<(), Error> {
        let now = self.now();
        let due = self.with_lane(account, lane, |s| {
            let due = s.reported.is_none_or(|r| now.duration_since(r) >= SignedDuration::from_secs(5));
            if due {
                s.reported = Some(now);
            }
            due.then(|| s.clone())
        });
        let Some(state) = due else { return Ok(()) };
        let open = state.closed_until.is_some_and(|u| u > now);
        let report = LaneReport {
            breaker: Some(if open { "open" } else { "closed" }.to_owned()),
            breaker_until: state.closed_until.filter(|_| open).map(micros),
            burst_left: None,
            last_ok_at: (state.failures == 0).then(|| micros(now)),
            last_error: None,
            last_error_at: (state.failures > 0).then(|| micros(now)),
        };
        let (account_text, lane_text) = (account.as_str().to_owned(), lane.to_owned());
        self.store()
            .write(Site::Other, move |tx| {
                Box::pin(async move { store::lane_report(tx, &account_text, &lane_text, &report).await })
            })
            .await?;
        Ok(())
    }
}

impl<'a> Step<'a> {
    async fn run(&mut self, look_until: Timestamp) {
        let mut looking = false;
        let mut looks = true;
        // Nothing new was found: what the ones in hand release is looked for a moment later.
        let mut rest_until = Timestamp::MIN;
        let lane = self.held.connection.id.as_str();
        loop {
            let engine = self.engine;
            let most = if self.one_by_one { 1 } else { IN_HAND_MAX };
            let room = most.saturating_sub(self.in_hand.len());
            let rested = engine.now() >= rest_until;
            if looks && !rested && !looking && !self.in_hand.is_empty() {
                self.tick(rest_until);
            }
            if looks && rested && !looking && self.in_hand.len() <= most * 3 / 4 && room > 0 {
                looking = true;
                self.looks_out += 1;
                let limit = u32::try_from(self.in_hand.len() + room).unwrap_or(u32::MAX);
                let account = &self.facts.account;
                self.under_way
                    .push(Box::pin(async move { Came::Due(engine.due(account, lane, limit, false).await, false) }));
            }
            self.dispatch();
            match self.under_way.next().await {
                None => break,
                Some(Came::Due(Ok(mut due), urgent)) => {
                    due.retain(|row| !self.left.contains(&row.id));
                    self.looked();
                    if !urgent {
                        looking = false;
                        due.retain(|row| !self.in_hand.contains(&row.id));
                        due.truncate(room.max(1));
                        if due.is_empty() {
                            rest_until = engine.in_ms(RELEASED_LOOK);
                        }
                        looks = looks
                            && !self.one_by_one
                            && engine.now() < look_until
                            && !(due.is_empty() && self.in_hand.is_empty());
                    }
                    for row in due.iter().filter(|row| row.urgent) {
                        self.hurry(&row.id);
                    }
                    due.retain(|row| self.in_hand.insert(row.id.clone()));
                    self.found += due.len();
                    for row in due {
                        self.take(row);
                    }
                }
                Some(Came::Due(Err(error), urgent)) => {
                    self.looked();
                    looking = looking && urgent;
                    self.fail(error);
                }
                Some(Came::Turned(id, work, turn)) => self.turned(id, work, turn),
                Some(Came::Exchanged(after)) => {
                    self.exchanges -= 1;
                    for one in after {
                        match one {
                            Ok(work) => self.turn(work),
                            Err((id, error)) => {
                                self.let_go(&id);
                                self.fail(error);
                            }
                        }
                    }
                }
                Some(Came::Tick) => {
                    self.ticking = false;
                    if looks && engine.now() < look_until {
                        self.looks_out += 1;
                        let account = &self.facts.account;
                        self.under_way
                            .push(Box::pin(async move { Came::Due(engine.due(account, lane, 64, true).await, true) }));
                    }
                }
            }
            let goes_on = !self.spent && self.failed.is_none() && engine.is_open(&self.facts.account, lane);
            looks = looks && goes_on;
            // What has not left yet goes on in the next step; what is under way comes to its end first. One alone is brought as far
            // as it goes now.
            if !self.one_by_one && (!goes_on || engine.now() >= look_until) {
                self.put_down();
            }
        }
    }

    /// An effect is not in hand any more. A look that is out may have read it as it was before: it is not taken up again by that look.
    fn let_go(&mut self, id: &str) {
        self.in_hand.remove(id);
        if self.looks_out > 0 {
            self.left.insert(id.to_owned());
        }
    }

    /// A look has come back.
    fn looked(&mut self) {
        self.looks_out = self.looks_out.saturating_sub(1);
        if self.looks_out == 0 {
            self.left.clear();
        }
    }

    fn fail(&mut self, error: Error) {
        if !matches!(error, Error::Store(store::Error::Conflict)) {
            self.failed.get_or_insert(error);
        }
    }

    fn take(&mut self, row: EffectRow) {
        let (engine, facts, held) = (self.engine, self.facts, self.held);
        let crowded = self.in_hand.len() > CROWDED;
        let id = row.id.clone();
        self.under_way.push(
            async move {
                match engine.open(facts, held, row).await {
                    Ok(work) => {
                        let (work, turn) = Box::pin(work.turn(crowded)).await;
                        Came::Turned(id, work.map(Box::new), turn)
                    }
                    Err(error) => Came::Turned(id, None, Err(error)),
                }
            }
            .boxed(),
        );
    }

    /// One in hand has become urgent.
    fn hurry(&mut self, id: &str) {
        if let Some(ready) = self.ready.iter_mut().find(|r| r.work.row.id == id) {
            ready.work.row.urgent = true;
        }
    }

    /// On to what comes after an exchange.
    fn turn(&mut self, work: Work<'a>) {
        let crowded = self.in_hand.len() > CROWDED;
        let id = work.row.id.clone();
        self.under_way.push(
            async move {
                let (work, turn) = Box::pin(work.turn(crowded)).await;
                Came::Turned(id, work.map(Box::new), turn)
            }
            .boxed(),
        );
    }

    fn turned(&mut self, id: String, work: Option<Box<Work<'a>>>, turn: Result<Turn, Error>) {
        match (work, turn) {
            (Some(mut work), Ok(Turn::Wants(purpose, operation))) => {
                work.ready_at = self.engine.now();
                self.ready.push(Ready { work: *work, purpose, operation });
            }
            (_, Ok(Turn::Ended(Ended::Settled | Ended::Waits) | Turn::Wants(..))) => {
                self.let_go(&id);
            }
            (_, Err(error)) => {
                self.let_go(&id);
                self.fail(error);
            }
        }
    }

    /// Lets requests leave as long as the pace and the number at once allow it.
    fn dispatch(&mut self) {
        let Some(crm) = self.held.crm() else { return };
        let account = &self.facts.account;
        while self.exchanges < self.at_once && !self.ready.is_empty() {
            if !self.one_by_one && !self.engine.is_open(account, self.held.connection.id.as_str()) {
                break;
            }
            let Some(first) = self.next_shape(crm) else { break };
            let Some(ready) = self.ready.get(first) else { break };
            let (search, urgent) = (matches!(ready.operation, CrmOp::FindPerson { .. }), ready.work.row.urgent);
            match self.engine.pace(account, self.held, search, urgent) {
                Pace::Go => {}
                Pace::NotBefore(until) if !self.one_by_one => {
                    self.tick(until);
                    break;
                }
                Pace::NotBefore(until) | Pace::Rationed(until) => {
                    self.hold(first, until);
                    continue;
                }
            }
            let batch = self.batch(first, crm);
            let (engine, held) = (self.engine, self.held);
            self.exchanges += 1;
            self.under_way
                .push(async move { Came::Exchanged(engine.exchange(account, held, crm, batch).await) }.boxed());
        }
        if !self.ready.is_empty() && self.exchanges == 0 && !self.one_by_one {
            self.tick(self.engine.now());
        }
    }

    /// The effect whose request goes next: an urgent one, one that waited long, else one of the shape that most wait for.
    fn next_shape(&self, crm: &'static dyn Crm) -> Option<usize> {
        let now = self.engine.now();
        let order = |r: &Ready<'_>| (!r.work.row.urgent, r.work.row.rank);
        let oldest = self.ready.iter().enumerate().min_by_key(|(_, r)| order(r))?;
        let waited = |r: &Ready<'_>| now.duration_since(r.work.ready_at) > PATIENCE;
        if oldest.1.work.row.urgent || waited(oldest.1) {
            return Some(oldest.0);
        }
        let mut shapes: BTreeMap<_, (usize, usize)> = BTreeMap::new();
        for (at, ready) in self.ready.iter().enumerate() {
            let shape = ready.operation.shape();
            let held = shapes.entry(shape).or_insert((0, at));
            held.0 += 1;
            if self.ready.get(held.1).is_some_and(|r| order(r) > order(ready)) {
                held.1 = at;
            }
        }
        let gain = |(n, at): &(usize, usize)| {
            let most = self.ready.get(*at).map_or(1, |r| self.most(crm, &r.operation));
            (*n).min(most)
        };
        shapes.values().max_by_key(|held| (gain(held), usize::MAX - held.1)).map(|(_, at)| *at)
    }

    fn most(&self, crm: &'static dyn Crm, operation: &CrmOp) -> usize {
        let most = crm.batch_items_max(operation, &self.held.connection).max(1);
        match operation {
            CrmOp::FindPerson { .. } => {
                let lane = self.held.connection.id.as_str();
                let own = self.engine.with_lane(&self.facts.account, lane, |s| s.find_most);
                own.map_or(most, |own| own.min(most))
            }
            _ => most,
        }
    }

    /// The request of that effect, filled with others of the same shape; no record twice.
    fn batch(&mut self, first: usize, crm: &'static dyn Crm) -> Batch<'a> {
        let lead = self.ready.swap_remove(first);
        let shape = lead.operation.shape();
        let mut most = if lead.work.asked_alone() { 1 } else { self.most(crm, &lead.operation) };
        let mut names: HashSet<String> = name_of(&lead.operation).into_iter().collect();
        let mut works = vec![(lead.work, lead.purpose, lead.operation)];
        let mut rest = Vec::with_capacity(self.ready.len());
        self.ready.sort_by_key(|r| (!r.work.row.urgent, r.work.row.rank));
        for ready in std::mem::take(&mut self.ready) {
            // Of several operations the smallest answer holds.
            let together = ready.operation.shape() == shape && !ready.work.asked_alone();
            let may = if together { most.min(self.most(crm, &ready.operation)) } else { 0 };
            if works.len() < may && name_of(&ready.operation).is_none_or(|name| names.insert(name)) {
                most = may;
                works.push((ready.work, ready.purpose, ready.operation));
            } else {
                rest.push(ready);
            }
        }
        self.ready = rest;
        Batch { works }
    }

    fn tick(&mut self, until: Timestamp) {
        if self.ticking {
            return;
        }
        self.ticking = true;
        let engine = self.engine;
        let pause = until.duration_since(engine.now()).unsigned_abs().clamp(Duration::from_millis(5), URGENT_LOOK);
        self.under_way.push(
            async move {
                engine.inner.parts.clock.sleep(pause).await;
                Came::Tick
            }
            .boxed(),
        );
    }

    /// The budget is used up for longer: what is known is stored, the effect is due again then.
    fn hold(&mut self, at: usize, until: Timestamp) {
        let mut ready = self.ready.swap_remove(at);
        self.spent = self.spent || self.one_by_one;
        let id = ready.work.row.id.clone();
        self.under_way.push(
            async move {
                let held = ready.work.hold(until).await;
                Came::Turned(id, None, held.map(|()| Turn::Ended(Ended::Waits)))
            }
            .boxed(),
        );
    }

    /// Puts down what has not left yet. What an exchange of it has shown is stored first.
    fn put_down(&mut self) {
        let now = self.engine.now();
        for mut ready in std::mem::take(&mut self.ready) {
            let id = ready.work.row.id.clone();
            if ready.work.fresh.is_empty() && ready.work.drafts.is_empty() {
                self.let_go(&id);
                continue;
            }
            self.under_way.push(
                async move {
                    let held = ready.work.hold(now).await;
                    Came::Turned(id, None, held.map(|()| Turn::Ended(Ended::Waits)))
                }
                .boxed(),
            );
        }
    }
}

/// The record an operation is about: a batch may not name it twice.
fn name_of(operation: &CrmOp) -> Option<String> {
    match operation {
        CrmOp::Upsert { key, .. } | CrmOp::Create { key, .. } | CrmOp::ReadByKey { key, .. } => Some(key.clone()),
        CrmOp::Update { id, .. }
        | CrmOp::ReadById { id, .. }
        | CrmOp::ReadLinks { id, .. }
        | CrmOp::Delete { id, .. } => Some(id.clone()),
        CrmOp::Associate { from_id, to_id, .. } => Some(format!("{from_id}/{to_id}")),
        CrmOp::FindPerson { .. }
        | CrmOp::ReadMany { .. }
        | CrmOp::FindDeals { .. }
        | CrmOp::Changed { .. }
        | CrmOp::ReadSchema { .. }
        | CrmOp::CreateProperty { .. }
        | CrmOp::ListOwners { .. } => None,
    }
}

/// Holds a record for one effect of this node, until it is dropped.
struct Alone<'a> {
    engine: &'a Engine,
    key: String,
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.engine.inner.lanes.free(&self.key);
    }
}

#[cfg(test)]
mod tests;
