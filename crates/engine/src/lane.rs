//! Lanes: bringing effects about over one connection of one account.
//!
//! A lane is leased by one node at a time, which makes order, rate and breaker local decisions; but a lease proves nothing, so correctness
//! rests on keys, on `in_flight_until` (committed before anything leaves that could change something) and on `core::ensure`. The
//! worker makes the exchange that `ensure::next` names and stores what came of it; it decides nothing.
//!
//! Effects that want the same kind of operation share a request where the vendor has a batch for it. In quiet times a request leaves with
//! what there is; behind an outage, where much is in hand, it waits a moment for what is on its way to it. [`pace`] says when a request may
//! leave, [`work`] is one effect, [`send`] one exchange.

mod pace;
mod queue;
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
use queue::{FILLING, Queue, Ready};
use ringback_connect::Crm;
use ringback_connect::sinks::events;
use ringback_core::crm::{CrmOp, DealsWay, KeyWay, WriteTraits};
use ringback_core::effect::{ContactRef, Desired, Effect};
use ringback_core::ensure::Receipt;
use ringback_core::id::AccountId;
use ringback_core::upcast::{self, Form};
use ringback_store::{self as store, EffectRow, LaneReport, Site};
use send::{After, Batch};
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::{Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use work::{Turn, Work};

/// Turns that the settling effects of all inquiries share.
const TURNS: usize = 256;
/// Effects that are taken in hand side by side: as many as keep the store busy, so that an urgent one finds a short queue there.
const OPENING_MAX: usize = 32;
/// Effects of a lane that are held in memory at once: some dozen shapes of requests, each with a full batch.
pub const IN_HAND_MAX: usize = 2_000;
/// So many effects in hand mean that much waits: reads are cut so that they fit into batches.
const CROWDED: usize = 24;
/// How often urgent effects are looked for while others are at work.
const URGENT_LOOK: Duration = Duration::from_millis(300);
/// How soon effects that the ones in hand have released are looked for.
const RELEASED_LOOK: Duration = Duration::from_millis(50);
/// A look reads what is in hand again: the rest after it is so many times as long as it took.
const LOOK_SHARE: u32 = 8;
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
    let told = if held.is_told_events() { events::TRAITS } else { PAGE_TRAITS };
    let Some(mut traits) = held.crm().and_then(|c| c.about().writes) else { return told };
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
    /// What a look found, whether it was for urgent ones only, and when it went out.
    Due(Result<Vec<EffectRow>, Error>, bool, Timestamp),
    /// An effect was taken in hand and came to its first exchange, its end or a wait.
    Opened(String, Option<Box<Work<'a>>>, Result<Turn, Error>),
    /// An effect went on to its next exchange, its end or a wait.
    Turned(String, Option<Box<Work<'a>>>, Result<Turn, Error>),
    Exchanged(Vec<After<'a>>),
    /// Time has passed: a request may leave again, or urgent effects are looked for.
    Tick(Timestamp),
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
    /// Found and not yet taken in hand.
    to_open: VecDeque<EffectRow>,
    opening: usize,
    ready: Queue<Work<'a>>,
    exchanges: usize,
    /// Effects in hand that will want their next exchange, settle or wait at any moment.
    turning: usize,
    /// The moments that are waited for.
    ticks: BTreeSet<Timestamp>,
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
            to_open: VecDeque::new(),
            opening: 0,
            ready: Queue::default(),
            exchanges: 0,
            turning: 0,
            ticks: BTreeSet::new(),
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
            Desired::FindPerson { keys, record: None, .. } if kept.history.exchanges.len() < 12 => {
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
            Desired::NewContact { key, .. } => {
                let (inquiry, id, key) =
                    (effect.inquiry.as_str().to_owned(), effect.id.as_str().to_owned(), key.clone());
                let rows = self
                    .store()
                    .read(move |tx| {
                        Box::pin(async move { store::contacts_made_of_person(tx, &account, &inquiry, &id).await })
                    })
                    .await?;
                let same = rows.into_iter().find(|(body, _)| {
                    let made: Option<Effect> = upcast::read_own(Form::Effect, body).ok();
                    made.is_some_and(|e| e.desired.key() == Some(key.as_str()) && e.lane == effect.lane)
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
        // A record of another connection is none here.
        let here =
            |row: &EffectRow| row.target == effect.target && row.state == "done" && row.lane == effect.lane.as_str();
        Ok(rows.into_iter().rev().filter(here).find_map(|row| {
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
            last_error: state.last_error.filter(|_| state.failures > 0),
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
        // What the ones in hand release is looked for a moment later.
        let mut rest_until = Timestamp::MIN;
        let mut urgent_look_at = Timestamp::MIN;
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
                let limit = u32::try_from(self.in_hand.len() + room).unwrap_or(u32::MAX);
                self.look(limit, false);
            }
            self.open_more();
            self.dispatch();
            match self.under_way.next().await {
                None => break,
                Some(Came::Due(Ok(mut due), urgent, since)) => {
                    due.retain(|row| !self.left.contains(&row.id));
                    self.looked();
                    if !urgent {
                        looking = false;
                        due.retain(|row| !self.in_hand.contains(&row.id));
                        due.truncate(room.max(1));
                        let took = Duration::try_from(engine.now().duration_since(since)).unwrap_or_default();
                        rest_until = engine.in_ms(RELEASED_LOOK.max(took * LOOK_SHARE));
                        looks = looks
                            && !self.one_by_one
                            && engine.now() < look_until
                            && !(due.is_empty() && self.in_hand.is_empty());
                    }
                    self.line_up(due);
                }
                Some(Came::Due(Err(error), urgent, _)) => {
                    self.looked();
                    looking = looking && urgent;
                    self.fail(error);
                }
                Some(Came::Opened(id, work, turn)) => {
                    self.opening -= 1;
                    self.turned(id, work, turn);
                }
                Some(Came::Turned(id, work, turn)) => {
                    self.turning -= 1;
                    self.turned(id, work, turn);
                }
                Some(Came::Exchanged(after)) => {
                    self.exchanges -= 1;
                    for one in after {
                        match one {
                            Ok(work) => self.turn(work),
                            Err(unsent) => {
                                let (id, error) = *unsent;
                                self.let_go(&id);
                                self.fail(error);
                            }
                        }
                    }
                }
                Some(Came::Tick(at)) => {
                    self.ticks.remove(&at);
                    let now = engine.now();
                    if looks && now < look_until && now >= urgent_look_at {
                        urgent_look_at = engine.in_ms(URGENT_LOOK);
                        self.look(64, true);
                    }
                }
            }
            let goes_on = !self.spent
                && self.failed.is_none()
                && engine.is_open(&self.facts.account, self.held.connection.id.as_str());
            looks = looks && goes_on;
            // What has not left yet goes on in the next step; what is under way comes to its end first. One alone is brought as far
            // as it goes now.
            if !self.one_by_one && (!goes_on || engine.now() >= look_until) {
                self.put_down();
            }
        }
    }

    /// Looks for what is due.
    fn look(&mut self, limit: u32, urgent: bool) {
        self.looks_out += 1;
        let (engine, account, lane) = (self.engine, &self.facts.account, self.held.connection.id.as_str());
        let since = engine.now();
        self.under_way
            .push(Box::pin(async move { Came::Due(engine.due(account, lane, limit, urgent).await, urgent, since) }));
    }

    /// What was found stands in line to be taken in hand, urgent ones at its head.
    fn line_up(&mut self, mut due: Vec<EffectRow>) {
        for row in due.iter().filter(|row| row.urgent) {
            self.hurry(&row.id);
        }
        due.retain(|row| self.in_hand.insert(row.id.clone()));
        self.found += due.len();
        for row in due {
            if row.urgent { self.to_open.push_front(row) } else { self.to_open.push_back(row) }
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

    /// Takes in hand what was found, a few at a time.
    fn open_more(&mut self) {
        while self.opening < OPENING_MAX
            && let Some(row) = self.to_open.pop_front()
        {
            let (engine, facts, held) = (self.engine, self.facts, self.held);
            let crowded = self.in_hand.len() > CROWDED;
            let id = row.id.clone();
            self.opening += 1;
            self.under_way.push(
                async move {
                    match engine.open(facts, held, row).await {
                        Ok(work) => {
                            let (work, turn) = Box::pin(work.turn(crowded)).await;
                            Came::Opened(id, work.map(Box::new), turn)
                        }
                        Err(error) => Came::Opened(id, None, Err(error)),
                    }
                }
                .boxed(),
            );
        }
    }

    /// One in hand has become urgent.
    fn hurry(&mut self, id: &str) {
        self.ready.hurry(id);
        if let Some(at) = self.to_open.iter().position(|row| row.id == id)
            && let Some(mut row) = self.to_open.remove(at)
        {
            row.urgent = true;
            self.to_open.push_front(row);
        }
    }

    /// On to what comes after an exchange.
    fn turn(&mut self, work: Work<'a>) {
        let crowded = self.in_hand.len() > CROWDED;
        let id = work.row.id.clone();
        self.turning += 1;
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
            let more = self.opening + self.to_open.len() + self.turning + self.exchanges;
            let filling = !self.one_by_one && self.in_hand.len() > CROWDED && more > 0;
            let Some(kind) = self.ready.next(self.engine.now(), |op| self.most(crm, op), filling) else {
                self.tick(self.engine.in_ms(FILLING.unsigned_abs()));
                break;
            };
            let Some(first) = self.ready.first(&kind) else { break };
            let (search, urgent) = (matches!(first.operation, CrmOp::FindPerson { .. }), first.work.row.urgent);
            match self.engine.pace(account, self.held, search, urgent) {
                Pace::Go => {}
                Pace::NotBefore(until) if !self.one_by_one => {
                    self.tick(until);
                    break;
                }
                Pace::NotBefore(until) | Pace::Rationed(until) => {
                    if let Some(ready) = self.ready.take_first(&kind) {
                        self.spent = self.spent || self.one_by_one;
                        self.hold(ready, until);
                    }
                    continue;
                }
            }
            let (engine, held) = (self.engine, self.held);
            let works = self.ready.take(&kind, |op| most_of(engine, account, held, crm, op), name_of);
            self.exchanges += 1;
            self.under_way.push(
                async move { Came::Exchanged(engine.exchange(account, held, crm, Batch { works }).await) }.boxed(),
            );
        }
        if !self.ready.is_empty() && self.exchanges == 0 && !self.one_by_one {
            self.tick(self.engine.now());
        }
    }

    fn most(&self, crm: &'static dyn Crm, operation: &CrmOp) -> usize {
        most_of(self.engine, &self.facts.account, self.held, crm, operation)
    }

    fn tick(&mut self, until: Timestamp) {
        let (engine, now) = (self.engine, self.engine.now());
        let pause = until.duration_since(now).unsigned_abs().clamp(Duration::from_millis(5), URGENT_LOOK);
        let at = engine.in_ms(pause);
        if self.ticks.first().is_some_and(|known| *known <= at) {
            return;
        }
        self.ticks.insert(at);
        self.under_way.push(
            async move {
                engine.inner.parts.clock.sleep(pause).await;
                Came::Tick(at)
            }
            .boxed(),
        );
    }

    /// What an exchange of it has shown is stored; it is due again then.
    fn hold(&mut self, mut ready: Ready<Work<'a>>, until: Timestamp) {
        let id = ready.work.row.id.clone();
        self.turning += 1;
        self.under_way.push(
            async move {
                let held = ready.work.hold(until).await;
                Came::Turned(id, None, held.map(|()| Turn::Ended(Ended::Waits)))
            }
            .boxed(),
        );
    }

    /// Puts down what has not left yet.
    fn put_down(&mut self) {
        let now = self.engine.now();
        for row in std::mem::take(&mut self.to_open) {
            self.let_go(&row.id);
        }
        for ready in self.ready.take_all() {
            if ready.work.fresh.is_empty() && ready.work.drafts.is_empty() {
                self.let_go(&ready.work.row.id);
            } else {
                self.hold(ready, now);
            }
        }
    }
}

/// So many operations like that one share a request.
fn most_of(
    engine: &Engine,
    account: &AccountId,
    held: &ConnectionFacts,
    crm: &'static dyn Crm,
    operation: &CrmOp,
) -> usize {
    let most = crm.batch_items_max(operation, &held.connection).max(1);
    match operation {
        CrmOp::FindPerson { .. } => {
            let own = engine.with_lane(account, held.connection.id.as_str(), |s| s.find_most);
            own.map_or(most, |own| own.min(most))
        }
        _ => most,
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
