//! Lanes: bringing effects about over one connection of one account.
//!
//! A lane is leased by one node at a time, which makes order, rate and breaker local decisions; but a lease proves nothing, so correctness
//! rests on keys, on `in_flight_until` (committed before anything leaves that could change something) and on `core::ensure`. The
//! worker makes the exchange that `ensure::next` names and stores what came of it; it decides nothing.

use crate::facts::{AccountFacts, ConnectionFacts, PAGE_EMAIL};
use crate::fold::Looked;
use crate::http::{Authorization, Fault, Outgoing};
use crate::inquire::{Decided, Kept, MEETINGS_MAX, chain_end, corrupt, decide, load, release, tell};
use crate::mail::{Mail, MailFault};
use crate::{Engine, Error, micros};
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use ringback_connect::{About, Auth, Crm, Replies, sinks};
use ringback_core::crm::{CrmOp, DealsWay, Held, Outcome, Why, WriteTraits};
use ringback_core::effect::{ContactRef, Desired, Effect, Notice};
use ringback_core::ensure::{self, Circumstances, HISTORY_SCHEMA, History, Next, Purpose, Receipt};
use ringback_core::http::{HttpRequest, Method};
use ringback_core::id::{AccountId, AttemptId, InquiryId};
use ringback_core::inquiry::Event;
use ringback_core::ledger::Draft;
use ringback_core::upcast::{self, Form};
use ringback_store::{self as store, AttemptRow, EffectRow, LaneReport, Site};
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// So many exchanges in a row that failed for reasons of the whole lane open its breaker.
pub const BREAKER_FAILURES: u32 = 5;
/// The breaker's first pause; it doubles up to [`BREAKER_SECONDS_MAX`].
pub const BREAKER_SECONDS: i64 = 15;
/// The breaker's longest pause.
pub const BREAKER_SECONDS_MAX: i64 = 300;
/// Turns that the settling effects of all inquiries share.
const TURNS: usize = 256;
/// What a page sink may take and how long a lost answer may still have an effect.
const PAGE_TRAITS: WriteTraits = WriteTraits {
    settling: Duration::from_secs(5),
    timeout: Duration::from_secs(10),
    search_lag: Duration::ZERO,
    key_lag: Duration::ZERO,
    upserts: &[],
    links_in_write: false,
    deals: DealsWay::None,
};

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

#[derive(Default, Clone)]
struct LaneState {
    leased_until: Option<Timestamp>,
    failures: u32,
    pauses: u32,
    closed_until: Option<Timestamp>,
    /// Moments of the exchanges within the vendor's burst window, and of searches within a second.
    burst: Vec<Timestamp>,
    searches: Vec<Timestamp>,
    reported: Option<Timestamp>,
}

/// How the work on one effect ended for now.
enum Ended {
    Settled,
    Waits,
    /// The lane's budget is used up for now.
    Held,
}

/// What a step of a lane waits for.
enum Came {
    Due(Result<Vec<EffectRow>, Error>),
    Ended(String, Result<Ended, Error>),
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
        let at_once = if alone { 1 } else { self.settings().lane_concurrency_max.max(1) };
        let limit = u32::try_from(if probing { 1 } else { at_once * 2 }).unwrap_or(1);
        let look_until = if alone { now } else { self.in_seconds(self.settings().lease_seconds / 4) };
        let mut looks = true;
        // The look is one of the futures: while it waits for its turn at the store, those that are before it have to be driven too.
        let mut under_way: FuturesUnordered<BoxFuture<'_, Came>> = FuturesUnordered::new();
        let (mut at_work, mut waiting) = (HashSet::new(), VecDeque::<EffectRow>::new());
        // While a look is out: what was at work when it began, and may be settled since.
        let mut looking: Option<HashSet<String>> = None;
        let (mut found, mut is_held, mut failed) = (0, false, None);
        loop {
            // Looked for while half of the last ones are at work still, so that the lane does not run dry in between.
            if looks && looking.is_none() && waiting.is_empty() && at_work.len() <= at_once / 2 {
                looking = Some(at_work.clone());
                under_way.push(Box::pin(async move { Came::Due(self.due(account, lane, limit).await) }));
            }
            while at_work.len() < at_once
                && let Some(row) = waiting.pop_front()
            {
                at_work.insert(row.id.clone());
                let id = row.id.clone();
                under_way.push(Box::pin(self.work_on(&facts, held, row).map(move |ended| Came::Ended(id, ended))));
            }
            match under_way.next().await {
                None => break,
                Some(Came::Due(Ok(mut due))) => {
                    let known = looking.take().unwrap_or_default();
                    due.retain(|row| !known.contains(&row.id));
                    looks = looks && !due.is_empty() && self.now() < look_until;
                    found += due.len();
                    waiting.extend(due);
                }
                Some(Came::Ended(id, ended)) => {
                    at_work.remove(&id);
                    match ended {
                        Ok(Ended::Held) => is_held = true,
                        Ok(Ended::Settled | Ended::Waits) | Err(Error::Store(store::Error::Conflict)) => {}
                        // What is at work comes to its end first.
                        Err(error) => failed = failed.or(Some(error)),
                    }
                }
                Some(Came::Due(Err(error))) => failed = failed.or(Some(error)),
            }
            looks = looks && !is_held && failed.is_none() && self.is_open(account, lane);
        }
        if let Some(error) = failed {
            return Err(error);
        }
        self.report(account, lane).await?;
        if found > 0 {
            self.changed();
        }
        Ok(Looked { done: found, more: found > 0 && !is_held })
    }

    /// The breaker lets exchanges through.
    fn is_open(&self, account: &AccountId, lane: &str) -> bool {
        let now = self.now();
        self.with_lane(account, lane, |s| s.closed_until.is_none_or(|until| until <= now))
    }

    fn in_seconds(&self, seconds: i64) -> Timestamp {
        let now = self.now();
        now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(now)
    }

    async fn due(&self, account: &AccountId, lane: &str, limit: u32) -> Result<Vec<EffectRow>, Error> {
        let (account, lane, now) = (account.as_str().to_owned(), lane.to_owned(), micros(self.now()));
        let due = self
            .store()
            .read(move |tx| Box::pin(async move { store::effects_due(tx, &account, &lane, now, limit).await }));
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

    fn with_lane<T>(&self, account: &AccountId, lane: &str, change: impl FnOnce(&mut LaneState) -> T) -> T {
        let key = format!("{account}/{lane}");
        match self.inner.lanes.states.lock() {
            Ok(mut lanes) => change(lanes.entry(key).or_default()),
            Err(poisoned) => change(poisoned.into_inner().entry(key).or_default()),
        }
    }

    /// Brings one effect as far as it goes now.
    async fn work_on(&self, facts: &Arc<AccountFacts>, held: &ConnectionFacts, row: EffectRow) -> Result<Ended, Error> {
        let bad = |e: upcast::Unreadable| Error::Corrupt { what: format!("effect {}", row.id), why: e.to_string() };
        let effect: Effect = upcast::read_own(Form::Effect, &row.body).map_err(bad)?;
        let kept: Kept = upcast::read_own(Form::History, &row.history).map_err(bad)?;
        let contact = self.contact_of(facts, &effect).await?;
        let (_alone, elsewhere) = self.shared(facts, &effect).await?;
        let crm = held.crm();
        let traits = crm.and_then(|c| c.about().writes).unwrap_or(PAGE_TRAITS);
        let mut work = Work {
            engine: self,
            facts,
            held,
            effect,
            row,
            history: kept.history,
            contact,
            traits,
            drafts: Vec::new(),
            fresh: Vec::new(),
        };
        loop {
            let around = Circumstances {
                traits,
                now: self.now(),
                contact: work.contact.as_deref(),
                planned_at: Some(crate::instant(work.row.rank)),
                elsewhere,
                known: None,
                crowded: false,
                deal_reads: crm.map_or(&[], |c| c.words().deal_reads),
            };
            match ensure::next(&work.effect.desired, &work.history, around) {
                Next::Wait { until, why } => return work.wait(until, &why).await,
                Next::Done(receipt) => return work.done(receipt).await,
                Next::Moved(record) => return work.moved(record).await,
                Next::DeadLetter(why) => return work.dead(why).await,
                Next::Tell => work.tell().await?,
                Next::Exchange { purpose, operation } => {
                    if let Some(until) =
                        self.budget(&facts.account, held, matches!(operation, CrmOp::FindPerson { .. }))
                    {
                        work.hold(until).await?;
                        return Ok(Ended::Held);
                    }
                    let Some(crm) = crm else {
                        return work.dead(Why::new("no_crm", "this connection is no CRM")).await;
                    };
                    work.exchange(crm, purpose, operation).await?;
                }
            }
        }
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

    async fn contact_of(&self, facts: &AccountFacts, effect: &Effect) -> Result<Option<String>, Error> {
        let Desired::Activity { contact, .. } = &effect.desired else { return Ok(None) };
        let maker = match contact {
            ContactRef::Record(id) => return Ok(Some(id.clone())),
            ContactRef::MadeBy(effect) => effect.as_str().to_owned(),
        };
        let account = facts.account.as_str().to_owned();
        let row =
            self.store().read(move |tx| Box::pin(async move { store::effect_get(tx, &account, &maker).await })).await?;
        let receipt = row.and_then(|r| r.receipt).and_then(|r| serde_json::from_str::<Receipt>(&r).ok());
        Ok(receipt.map(|r| r.record).filter(|r| !r.is_empty()))
    }

    /// The vendor's pace (published, or the connection's own), kept from our side so that its refusals stay the exception. `Some`: not before then.
    fn budget(&self, account: &AccountId, held: &ConnectionFacts, search: bool) -> Option<Timestamp> {
        let published = held.crm().filter(|_| self.settings().pace).map(|c| c.about().limits)?;
        let limits = held.connection.limits(published);
        let now = self.now();
        let window = SignedDuration::from_millis(i64::from(limits.burst_window_ms));
        self.with_lane(account, held.connection.id.as_str(), |s| {
            s.burst.retain(|t| now.duration_since(*t) < window);
            s.searches.retain(|t| now.duration_since(*t) < SignedDuration::from_secs(1));
            let full = |moments: &[Timestamp], most: u32, span: SignedDuration| {
                let crowded = most > 0 && moments.len() >= most as usize;
                crowded.then(|| moments.first().and_then(|t| t.checked_add(span).ok())).flatten()
            };
            let wait = full(&s.burst, limits.burst_requests, window).max(if search {
                full(&s.searches, limits.search_per_second, SignedDuration::from_secs(1))
            } else {
                None
            });
            if wait.is_none() {
                s.burst.push(now);
                if search {
                    s.searches.push(now);
                }
            }
            wait
        })
    }

    /// Tells the breaker how an exchange went: failures of the whole lane count, a vendor's clear answer does not.
    fn breaker(&self, account: &AccountId, lane: &str, outcome: &Outcome) {
        let now = self.now();
        let failed = match outcome {
            Outcome::Retry { why, .. } => why.class != "rate_limited",
            Outcome::Unknown { .. } | Outcome::AuthExpired { .. } => true,
            _ => false,
        };
        let pause = match outcome {
            Outcome::Retry { after: Some(after), why } if why.class == "rate_limited" => Some(*after),
            _ => None,
        };
        self.with_lane(account, lane, |s| {
            if let Some(until) =
                pause.and_then(|p| SignedDuration::try_from(p).ok()).and_then(|p| now.checked_add(p).ok())
            {
                s.closed_until = s.closed_until.max(Some(until));
                return;
            }
            if !failed {
                s.failures = 0;
                s.pauses = 0;
                s.closed_until = None;
                return;
            }
            s.failures += 1;
            if s.failures >= BREAKER_FAILURES {
                let seconds = (BREAKER_SECONDS << s.pauses.min(8)).min(BREAKER_SECONDS_MAX);
                s.pauses += 1;
                s.closed_until = now.checked_add(SignedDuration::from_secs(seconds)).ok();
            }
        });
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

/// One effect in work.
struct Work<'a> {
    engine: &'a Engine,
    facts: &'a Arc<AccountFacts>,
    held: &'a ConnectionFacts,
    effect: Effect,
    row: EffectRow,
    history: History,
    contact: Option<String>,
    traits: WriteTraits,
    /// Entries about exchanges that are not stored yet.
    drafts: Vec<Draft>,
    /// Exchanges whose latest state is not stored yet, and whether they have a row already.
    fresh: Vec<(AttemptRow, bool)>,
}

impl Work<'_> {
    fn begin(&mut self, purpose: Purpose) {
        let now = self.engine.now();
        self.history.begin(purpose, now);
        self.row.attempts += 1;
        let row = AttemptRow {
            account: self.row.account.clone(),
            id: AttemptId::new(now, self.engine.random()).as_str().to_owned(),
            effect: self.row.id.clone(),
            n: self.row.attempts,
            op: purpose.word().to_owned(),
            started_at: micros(now),
            ended_at: None,
            outcome: None,
            status: None,
            why: None,
            took_ms: None,
        };
        self.fresh.push((row, false));
    }

    fn end(&mut self, outcome: Outcome) {
        let now = self.engine.now();
        let Some(last) = self.history.exchanges.last_mut() else { return };
        let took_ms = now.duration_since(last.started_at).as_millis();
        let why = (!matches!(outcome, Outcome::Done { .. })).then(|| ensure::words(&outcome));
        self.drafts.push(
            Draft::new("attempt")
                .with("effect", &self.effect.id)
                .with("what", self.effect.desired.word())
                .with("purpose", last.purpose.word())
                .with("n", self.history.exchanges.len())
                .with("outcome", outcome.word())
                .with("why", &why)
                .with("started_at", self.history.exchanges.last().map(|e| e.started_at)),
        );
        self.engine.breaker(&self.facts.account, self.held.connection.id.as_str(), &outcome);
        if let Some(last) = self.history.exchanges.last_mut() {
            if let Some((row, _)) = self.fresh.last_mut() {
                row.ended_at = Some(micros(now));
                row.outcome = Some(outcome.word().to_owned());
                row.took_ms = i64::try_from(took_ms).ok();
                row.why = why;
            }
            last.ended_at = Some(now);
            last.outcome = Some(outcome);
        }
    }

    /// One exchange with the CRM. One that changes something is stored as under way before it leaves.
    async fn exchange(&mut self, crm: &'static dyn Crm, purpose: Purpose, operation: CrmOp) -> Result<(), Error> {
        let operations = [operation];
        let request = match crm.request(&operations, &self.held.connection) {
            Ok(request) => request,
            Err(unsupported) => {
                self.begin(purpose);
                self.end(Outcome::Refused { why: Why::new("unsupported", unsupported.0) });
                return Ok(());
            }
        };
        self.begin(purpose);
        if purpose.changes() {
            self.store_under_way().await?;
        }
        let about = crm.about();
        let sent = self.send(about, &request, self.traits.timeout).await;
        let outcome = match sent {
            Ok(reply) => {
                let Replies { outcomes, .. } = crm.reply(&operations, &reply, &self.held.connection, self.engine.now());
                outcomes
                    .into_iter()
                    .next()
                    .unwrap_or_else(|| Outcome::Unknown { why: Why::new("no_outcome", "the reply says nothing") })
            }
            Err(fault) => fault_outcome(&fault, purpose),
        };
        self.end(outcome);
        Ok(())
    }

    async fn send(
        &self,
        about: &About,
        request: &HttpRequest,
        timeout: Duration,
    ) -> Result<ringback_core::http::HttpReply, Fault> {
        let base_url = self.held.connection.base_url.as_deref().unwrap_or(about.base_url);
        let auth = match (about.auth, self.held.secrets.first()) {
            (Auth::Bearer, Some(secret)) => Some(Authorization::Bearer(secret.clone())),
            _ => None,
        };
        let call = Outgoing { base_url, request, auth, timeout, connection: self.held.connection.id.as_str() };
        self.engine.inner.parts.transport.send(call).await
    }

    /// A page to staff, by the sink that this connection is.
    async fn tell(&mut self) -> Result<(), Error> {
        let Desired::Page { key, notice } = self.effect.desired.clone() else { return Ok(()) };
        self.begin(Purpose::Write);
        self.store_under_way().await?;
        let outcome = if self.held.connection.vendor == PAGE_EMAIL {
            self.tell_by_email(&key, &notice).await
        } else {
            self.tell_by_webhook(&key, &notice).await
        };
        self.end(outcome);
        Ok(())
    }

    async fn tell_by_webhook(&self, key: &str, notice: &Notice) -> Outcome {
        let now = self.engine.now();
        let body = serde_json::json!({
            "type": format!("inquiry.{}", notice.event),
            "timestamp": now,
            "data": { "account": self.facts.account, "inquiry": notice.inquiry, "subject": notice.subject, "lines": notice.lines, "urgent": notice.urgent, "to": notice.to },
        })
        .to_string()
        .into_bytes();
        let Some(secret) = self.held.secrets.first() else {
            return Outcome::Refused { why: Why::new("no_secret", "the webhook connection has no signing secret") };
        };
        let headers = sinks::webhook::signed(key, now, &body, secret);
        // The whole address is the base URL; the path of the request is empty.
        let request = HttpRequest { method: Method::Post, path: String::new(), headers, body };
        let Some(url) = self.held.connection.base_url.as_deref() else {
            return Outcome::Refused { why: Why::new("no_url", "the webhook connection has no address") };
        };
        let call = Outgoing {
            base_url: url,
            request: &request,
            auth: None,
            timeout: PAGE_TRAITS.timeout,
            connection: self.held.connection.id.as_str(),
        };
        match self.engine.inner.parts.transport.send(call).await {
            Ok(reply) => sinks::webhook::reply(&reply, self.engine.now()),
            Err(fault) => fault_outcome(&fault, Purpose::Write),
        }
    }

    async fn tell_by_email(&self, key: &str, notice: &Notice) -> Outcome {
        let Some(to) = &notice.to else {
            return Outcome::Refused { why: Why::new("no_address", "the owner has no e-mail address") };
        };
        let from = self.held.connection.setting("from").unwrap_or("ringback@localhost");
        let domain = from.rsplit_once('@').map_or("localhost", |(_, d)| d.trim_end_matches('>'));
        let link = format!("{}/inquiries/{}", self.facts.console_url, notice.inquiry);
        let built = sinks::email::mail(key, domain, &notice.subject, &notice.lines, &link);
        let mail = Mail { to: to.clone(), subject: built.subject, text: built.text, message_id: built.message_id };
        match self.engine.inner.parts.mailer.send(mail).await {
            Ok(()) => Outcome::Done { held: Held::default() },
            Err(MailFault::Refused(words)) => Outcome::Refused { why: Why::new("mail_refused", words) },
            Err(MailFault::Later(words)) => Outcome::Retry { after: None, why: Why::new("mail_later", words) },
            Err(MailFault::Unknown(words)) => Outcome::Unknown { why: Why::new("mail_unknown", words) },
        }
    }

    fn packed(&self) -> Result<EffectRow, Error> {
        let mut row = self.row.clone();
        let kept = Kept { schema: HISTORY_SCHEMA, history: self.history.clone() };
        row.history = serde_json::to_string(&kept)
            .map_err(|e| Error::Corrupt { what: format!("history {}", row.id), why: e.to_string() })?;
        Ok(row)
    }

    /// Stored before anything leaves: what is about to be tried, and until when it may land unseen.
    async fn store_under_way(&mut self) -> Result<(), Error> {
        let mut row = self.packed()?;
        row.state = "in_flight".into();
        row.in_flight_until = Some(micros(ensure::in_flight_until(self.engine.now(), self.traits)));
        self.commit(Site::Attempt, row, Vec::new(), false).await
    }

    async fn wait(mut self, until: Timestamp, why: &str) -> Result<Ended, Error> {
        let mut row = self.packed()?;
        row.state = "due".into();
        row.due_at =
            micros(until.max(self.engine.now().checked_add(SignedDuration::from_millis(200)).unwrap_or(until)));
        row.in_flight_until = self.doubt();
        row.why = Some(why.to_owned());
        self.commit(Site::Outcome, row, Vec::new(), false).await?;
        Ok(Ended::Waits)
    }

    /// The lane's budget is used up: what is known is stored, the effect stays due.
    async fn hold(&mut self, until: Timestamp) -> Result<(), Error> {
        if self.fresh.is_empty() && self.row.due_at >= micros(until) {
            return Ok(());
        }
        let mut row = self.packed()?;
        row.state = "due".into();
        row.due_at = micros(until);
        row.in_flight_until = self.doubt();
        self.commit(Site::Outcome, row, Vec::new(), false).await
    }

    /// Until when an unanswered write may land; kept beyond that moment, until somebody has looked.
    fn doubt(&self) -> Option<i64> {
        let last = self.history.exchanges.iter().rev().find(|e| e.purpose.changes())?;
        ensure::in_doubt(&self.history).then(|| micros(ensure::in_flight_until(last.started_at, self.traits)))
    }

    async fn done(mut self, receipt: Receipt) -> Result<Ended, Error> {
        self.history = std::mem::take(&mut self.history).settled();
        let mut row = self.packed()?;
        row.state = "done".into();
        row.settled_at = Some(micros(self.engine.now()));
        row.in_flight_until = None;
        row.why = None;
        let slim = Receipt { found: Vec::new(), ..receipt.clone() };
        row.receipt = serde_json::to_string(&slim).ok();
        let effect = self.effect.id.clone();
        let event = match &self.effect.desired {
            Desired::FindPerson { .. } => {
                let read_at = receipt.read_at.unwrap_or(self.engine.now());
                Event::Found { effect, read_at, records: receipt.found }
            }
            _ => Event::Settled { effect, target: self.effect.target.clone(), receipt },
        };
        self.commit(Site::Receipt, row, vec![event], true).await?;
        Ok(Ended::Settled)
    }

    async fn moved(mut self, record: ringback_core::crm::Record) -> Result<Ended, Error> {
        self.history = std::mem::take(&mut self.history).settled();
        let mut row = self.packed()?;
        row.state = "superseded".into();
        row.settled_at = Some(micros(self.engine.now()));
        row.in_flight_until = None;
        row.why = Some("the record changed since it was decided".into());
        let event = Event::Moved { effect: self.effect.id.clone(), target: self.effect.target.clone(), record };
        self.commit(Site::Receipt, row, vec![event], true).await?;
        Ok(Ended::Settled)
    }

    async fn dead(mut self, why: Why) -> Result<Ended, Error> {
        let mut row = self.packed()?;
        row.state = "dead".into();
        row.settled_at = Some(micros(self.engine.now()));
        row.in_flight_until = None;
        row.why = serde_json::to_string(&why).ok();
        let words = format!("{}: {}", why.class, why.words);
        let event = Event::Dead { effect: self.effect.id.clone(), target: self.effect.target.clone(), why: words };
        self.commit(Site::Receipt, row, vec![event], true).await?;
        Ok(Ended::Settled)
    }

    /// Stores the effect, its fresh exchanges, their entries, and what the inquiry makes of it, as one unit.
    async fn commit(&mut self, site: Site, row: EffectRow, events: Vec<Event>, settles: bool) -> Result<(), Error> {
        let drafts = std::mem::take(&mut self.drafts);
        let fresh = std::mem::take(&mut self.fresh);
        let (events, now) = (Arc::new(events), self.engine.now());
        let pending = fresh.last().filter(|(a, _)| a.ended_at.is_none()).map(|(a, _)| (a.clone(), true));
        for meeting in 0..MEETINGS_MAX {
            let _turn = if events.is_empty() { None } else { self.engine.inner.lanes.turns.of(&row.inquiry).await };
            let decided =
                if events.is_empty() { None } else { Some(self.decided(&events, drafts.clone(), now).await?) };
            let (facts, row, fresh) = (self.facts.clone(), row.clone(), fresh.clone());
            let told = if decided.is_none() { drafts.clone() } else { Vec::new() };
            let stored = self
                .engine
                .store()
                .write(site, move |tx| {
                    Box::pin(async move {
                        let account = facts.account.as_str();
                        if !store::effect_update_if(tx, &row).await? {
                            return Err(store::Error::Rows { expected: 1, actual: 0, what: "EFFECT_UPDATE_IF" });
                        }
                        for (attempt, known) in &fresh {
                            put_attempt(tx, attempt, *known).await?;
                        }
                        if let Some(decided) = decided {
                            decided.store(tx, now).await?;
                        }
                        if !told.is_empty() {
                            let inquiry = InquiryId::from_text(row.inquiry.clone());
                            let end = chain_end(tx, account, inquiry.as_str()).await?;
                            tell(&facts, &inquiry, told, end, now).store(tx).await?;
                        }
                        if settles {
                            release(tx, account, &row.inquiry, now).await?;
                        }
                        Ok(())
                    })
                })
                .await;
            match stored {
                // The inquiry moved meanwhile; the effect is still ours.
                Err(store::Error::Conflict) if meeting + 1 < MEETINGS_MAX => {}
                // Another node works on this effect: leave it to that node.
                Err(store::Error::Rows { what: "EFFECT_UPDATE_IF", .. }) => return Err(store::Error::Conflict.into()),
                Err(error) => return Err(error.into()),
                Ok(()) => break,
            }
        }
        self.row = row;
        self.row.version += 1;
        // The exchange under way is stored; its end will be an update of the same row.
        self.fresh = pending.into_iter().collect();
        Ok(())
    }

    /// What the inquiry makes of these events as it stands now.
    async fn decided(&self, events: &Arc<Vec<Event>>, drafts: Vec<Draft>, now: Timestamp) -> Result<Decided, Error> {
        // Contract and roster may have changed while the effect was at work.
        let (facts, events) = (self.engine.facts(&self.facts.account).await?, events.clone());
        let (effect, inquiry) = (self.row.id.clone(), self.row.inquiry.clone());
        let read = self.engine.store().read(move |tx| {
            Box::pin(async move {
                let account = facts.account.as_str();
                let end = chain_end(tx, account, &inquiry).await?;
                let loaded = load(tx, account, &inquiry).await?;
                let loaded = loaded.ok_or_else(|| corrupt("effect", &effect, "its inquiry is missing"))?;
                decide(&facts, loaded, end, &events, drafts, now)
            })
        });
        Ok(read.await?)
    }
}

/// A new exchange is inserted, a known one gets its end.
async fn put_attempt(tx: &mut store::Tx, attempt: &AttemptRow, known: bool) -> Result<(), store::Error> {
    match (known, attempt.ended_at) {
        (false, _) => store::attempt_insert(tx, attempt).await,
        (true, Some(ended_at)) => {
            let end = store::AttemptEnd {
                ended_at,
                outcome: attempt.outcome.clone().unwrap_or_default(),
                status: attempt.status,
                why: attempt.why.clone(),
                took_ms: attempt.took_ms,
            };
            store::attempt_finish(tx, &attempt.account, &attempt.id, &end).await
        }
        (true, None) => Ok(()),
    }
}

/// What a failed exchange means: bytes that never left did nothing; bytes that left may have done everything.
fn fault_outcome(fault: &Fault, purpose: Purpose) -> Outcome {
    let why = |class: &str| Why::new(class, fault.to_string());
    match fault {
        Fault::Forbidden(_) => Outcome::Refused { why: why("address_not_allowed") },
        _ if !fault.left() => Outcome::Retry { after: None, why: why("not_reached") },
        _ if purpose.changes() => Outcome::Unknown { why: why("no_answer") },
        _ => Outcome::Retry { after: None, why: why("no_answer") },
    }
}

#[cfg(test)]
mod tests;
