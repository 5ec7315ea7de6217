//! One effect in work: what was tried, what came of it, and how both are stored.

use super::Ended;
use super::queue::Waits;
use super::send::fault_outcome;
use crate::corrections::{By, Look};
use crate::facts::{AccountFacts, ConnectionFacts, PAGE_EMAIL};
use crate::http::Outgoing;
use crate::inquire::{Decided, Kept, MEETINGS_MAX, chain_end, corrupt, decide, load, release, tell};
use crate::mail::{Mail, MailFault};
use crate::{Engine, Error, micros};
use jiff::{SignedDuration, Timestamp};
use ringback_connect::sinks;
use ringback_core::crm::{CrmOp, Held, Object, Outcome, Record, Why, WriteTraits};
use ringback_core::effect::{Desired, Effect, Notice};
use ringback_core::ensure::{self, Circumstances, HISTORY_SCHEMA, History, Next, Purpose, Receipt};
use ringback_core::http::{HttpReply, HttpRequest, Method};
use ringback_core::id::{AttemptId, InquiryId};
use ringback_core::inquiry::Event;
use ringback_core::ledger::Draft;
use ringback_core::rollback::Spared;
use ringback_store::{self as store, AttemptRow, EffectRow, Site};
use std::sync::Arc;

/// One effect in work.
pub(super) struct Work<'a> {
    pub(super) engine: &'a Engine,
    pub(super) facts: &'a Arc<AccountFacts>,
    pub(super) held: &'a ConnectionFacts,
    pub(super) effect: Effect,
    pub(super) row: EffectRow,
    pub(super) history: History,
    /// The contact that the activity belongs to, once known.
    pub(super) contact: Option<String>,
    /// A record of this key that another effect has made.
    pub(super) known: Option<String>,
    /// Records that the identity index knows for the keys that are looked for.
    pub(super) indexed: Vec<String>,
    pub(super) elsewhere: Option<Timestamp>,
    /// The shared record, held while this effect is at work.
    pub(super) _alone: Option<super::Alone<'a>>,
    pub(super) traits: WriteTraits,
    /// Entries about exchanges that are not stored yet.
    pub(super) drafts: Vec<Draft>,
    /// Exchanges whose latest state is not stored yet, and whether they have a row already.
    pub(super) fresh: Vec<(AttemptRow, bool)>,
    /// Since when it waits for its next exchange.
    pub(super) ready_at: Timestamp,
    /// People that its receipt shows, for the identity index: keyed hash and record.
    pub(super) seen_people: Vec<(String, String)>,
}

/// What an effect does next.
pub(super) enum Turn {
    /// It came to its end, or waits.
    Ended(Ended),
    /// It wants this exchange.
    Wants(Purpose, CrmOp),
}

impl Work<'_> {
    /// Goes on until an exchange with the CRM is wanted, or the effect ends or waits.
    pub(super) async fn turn(mut self, crowded: bool) -> (Option<Self>, Result<Turn, Error>) {
        let words = self.held.crm().map(ringback_connect::Crm::words);
        loop {
            let around = Circumstances {
                traits: self.traits,
                now: self.engine.now(),
                contact: self.contact.as_deref(),
                planned_at: Some(crate::instant(self.row.rank.max(self.row.created_at))),
                elsewhere: self.elsewhere,
                known: self.known.as_deref(),
                tried_before: self.tried_before(),
                confirms: self.held.crm().is_some_and(ringback_connect::Crm::acknowledges),
                crowded: crowded && !self.row.urgent,
                deal_reads: words.map_or(&[], |w| w.deal_reads),
                indexed: &self.indexed,
                person: ensure::PersonWords {
                    phones: words.map_or(&[], |w| w.match_phones),
                    emails: words.map_or(&[], |w| w.match_emails),
                    region: self.facts.region(&self.held.connection),
                },
            };
            let ended = match ensure::next(&self.effect.desired, &self.history, &around) {
                Next::Wait { until, why } => Box::pin(self.wait(until, &why)).await,
                Next::Done(receipt) => Box::pin(self.done(receipt)).await,
                Next::Moved(record) => Box::pin(self.moved(record)).await,
                Next::DeadLetter(why) => Box::pin(self.dead(why)).await,
                Next::Tell if !self.may_tell().await => return (None, Ok(Turn::Ended(Ended::Waits))),
                Next::Tell => match self.tell().await {
                    Ok(()) => continue,
                    Err(error) => Err(error),
                },
                Next::Exchange { purpose, operation } => {
                    match self.is_withheld(purpose).await {
                        Ok(false) => {}
                        Ok(true) => return (None, Box::pin(self.withheld()).await.map(Turn::Ended)),
                        Err(error) => return (None, Err(error)),
                    }
                    if self.held.crm().is_none() {
                        let ended = Box::pin(self.dead(Why::new("no_crm", "this connection is no CRM"))).await;
                        return (None, ended.map(Turn::Ended));
                    }
                    return (Some(self), Ok(Turn::Wants(purpose, operation)));
                }
            };
            return (None, ended.map(Turn::Ended));
        }
    }

    /// It would change something where by now nothing is written any more, and nothing of it may still land. What a person wants taken back goes on.
    async fn is_withheld(&self, purpose: Purpose) -> Result<bool, Error> {
        let ours =
            !matches!(self.effect.desired, Desired::Restore { .. } | Desired::Page { .. } | Desired::Emit { .. });
        if !ours || !purpose.changes() || ensure::in_doubt(&self.history) {
            return Ok(false);
        }
        self.engine.withheld(&self.facts.account, &self.effect.inquiry).await
    }

    /// The level was lowered since it was planned: it ends here, and its inquiry decides again.
    async fn withheld(mut self) -> Result<Ended, Error> {
        self.history = std::mem::take(&mut self.history).settled();
        let mut row = self.packed()?;
        row.state = "superseded".into();
        row.settled_at = Some(micros(self.engine.now()));
        row.in_flight_until = None;
        row.why = Some("the account's level was lowered".into());
        let event = Event::Withheld { effect: self.effect.id.clone(), target: self.effect.target.clone() };
        self.commit(Site::Receipt, row, vec![event], true).await?;
        Ok(Ended::Settled)
    }

    /// It was at work before its history began.
    fn tried_before(&self) -> bool {
        let told: i64 = self.history.exchanges.iter().map(|e| 1 + i64::from(e.repeats)).sum();
        self.row.attempts > told
    }

    pub(super) fn begin(&mut self, purpose: Purpose, operation: Option<&CrmOp>) {
        let now = self.engine.now();
        let asked = match operation {
            Some(CrmOp::ReadById { id, .. }) => Some(id.clone()),
            _ => None,
        };
        self.history.begin(purpose, now, asked);
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

    pub(super) fn end(&mut self, outcome: Outcome) {
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

    /// A receiver of events takes so many a second, and none while its lane is closed; what may not leave now stays due. Pages to staff do
    /// not wait.
    async fn may_tell(&self) -> bool {
        let Desired::Emit { .. } = self.effect.desired else { return true };
        let paced = self.engine.await_pace(self.held, false).await.is_ok();
        paced && self.engine.is_open(&self.facts.account, self.held.connection.id.as_str())
    }

    /// A page to staff or an event to another system, by the sink that this connection is.
    pub(super) async fn tell(&mut self) -> Result<(), Error> {
        self.begin(Purpose::Write, None);
        self.store_under_way().await?;
        let outcome = match self.effect.desired.clone() {
            Desired::Emit { key, emission } => match self.post(&key, sinks::events::body(&key, &emission)).await {
                Ok(reply) => sinks::events::reply(&reply, self.engine.now()),
                Err(outcome) => outcome,
            },
            Desired::Page { key, notice } if self.held.connection.vendor == PAGE_EMAIL => {
                self.tell_by_email(&key, &notice).await
            }
            Desired::Page { key, notice } => self.tell_by_webhook(&key, &notice).await,
            _ => Outcome::Refused { why: Why::new("no_message", "this effect tells nobody anything") },
        };
        self.engine.breaker(&self.facts.account, self.held.connection.id.as_str(), &outcome);
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
        match self.post(key, body).await {
            Ok(reply) => sinks::webhook::reply(&reply, self.engine.now()),
            Err(outcome) => outcome,
        }
    }

    /// Posts a signed message to the connection's address, under an id that is the same on every attempt.
    async fn post(&self, key: &str, body: Vec<u8>) -> Result<HttpReply, Outcome> {
        let refused = |class: &str, words: &str| Outcome::Refused { why: Why::new(class, words) };
        let Some(secret) = self.held.secrets.first() else {
            return Err(refused("no_secret", "the webhook connection has no signing secret"));
        };
        let headers = sinks::webhook::signed(key, self.engine.now(), &body, secret);
        // The whole address is the base URL; the path of the request is empty.
        let request = HttpRequest { method: Method::Post, path: String::new(), headers, body };
        let Some(url) = self.held.connection.base_url.as_deref() else {
            return Err(refused("no_url", "the webhook connection has no address"));
        };
        let call = Outgoing {
            base_url: url,
            request: &request,
            auth: None,
            timeout: self.traits.timeout,
            connection: self.held.connection.id.as_str(),
        };
        self.engine.inner.parts.transport.send(call).await.map_err(|fault| fault_outcome(&fault, true))
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
    pub(super) async fn store_under_way(&mut self) -> Result<(), Error> {
        let mut row = self.packed()?;
        row.state = "in_flight".into();
        row.in_flight_until = Some(micros(ensure::in_flight_until(self.engine.now(), self.traits)));
        self.commit(Site::Attempt, row, Vec::new(), false).await
    }

    pub(super) async fn wait(mut self, until: Timestamp, why: &str) -> Result<Ended, Error> {
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
    pub(super) async fn hold(&mut self, until: Timestamp) -> Result<(), Error> {
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

    pub(super) async fn done(mut self, receipt: Receipt) -> Result<Ended, Error> {
        Box::pin(self.note_spared(&receipt)).await?;
        self.history = std::mem::take(&mut self.history).settled();
        let mut row = self.packed()?;
        row.state = "done".into();
        row.settled_at = Some(micros(self.engine.now()));
        row.in_flight_until = None;
        row.why = None;
        if let Desired::Emit { emission, .. } = &mut self.effect.desired {
            // It is not sent again: what was said about people need not be kept here any longer.
            emission.personal.values_mut().for_each(String::clear);
            row.body = serde_json::to_string(&self.effect)
                .map_err(|e| Error::Corrupt { what: format!("effect {}", row.id), why: e.to_string() })?;
        }
        self.seen_people = self.people_in(&receipt);
        let slim = Receipt { found: Vec::new(), ..receipt.clone() };
        row.receipt = serde_json::to_string(&slim).ok();
        let effect = self.effect.id.clone();
        let events = match &self.effect.desired {
            Desired::FindPerson { .. } => {
                Box::pin(self.note(By::Found, &receipt.found)).await?;
                let read_at = receipt.read_at.unwrap_or(self.engine.now());
                let memory = self.engine.remembered(self.facts, &self.effect.inquiry, &receipt.found).await?;
                // Another inquiry may have learned of it in the moment that this one was opened.
                let kept = self.engine.unknown_to(&self.facts.account, &self.effect.inquiry).await?;
                let kept = kept.map(|opt_out| Event::OptedOut { opt_out });
                let found = Event::Found { effect, read_at, records: receipt.found, memory };
                kept.into_iter().chain([found]).collect()
            }
            _ => vec![Event::Settled { effect, target: self.effect.target.clone(), receipt }],
        };
        self.commit(Site::Receipt, row, events, true).await?;
        Ok(Ended::Settled)
    }

    /// Notes what people put in place of our values, as this effect saw it.
    async fn note(&self, by: By, records: &[Record]) -> Result<(), Error> {
        let deal = |record: &&Record| record.also_known_as.iter().any(|name| name == ensure::DEAL_MARK);
        let people: Vec<Record> = records.iter().filter(|record| !deal(record)).cloned().collect();
        let look = Look {
            lane: self.held.connection.id.as_str(),
            object: Object::Contact,
            by,
            inquiry: Some(&self.effect.inquiry),
        };
        self.engine.note_corrections(self.facts, &look, &people).await
    }

    /// What a rollback left because a person has set it since.
    async fn note_spared(&self, receipt: &Receipt) -> Result<(), Error> {
        let Desired::Restore { object, .. } = &self.effect.desired else { return Ok(()) };
        let shown = |outcome: &Outcome| match outcome {
            Outcome::Done { held } => held.records.first().cloned(),
            _ => None,
        };
        let last = self.history.exchanges.iter().rev().find_map(|e| e.outcome.as_ref().and_then(shown));
        let Some(mut record) = last.filter(|record| record.id == receipt.record) else { return Ok(()) };
        record.properties.retain(|name, _| receipt.spared.get(name) == Some(&Spared::LaterHuman));
        let lane = self.held.connection.id.as_str();
        let look = Look { lane, object: *object, by: By::Rollback, inquiry: Some(&self.effect.inquiry) };
        self.engine.note_corrections(self.facts, &look, &[record]).await
    }

    /// What a receipt says of who is who.
    fn people_in(&self, receipt: &Receipt) -> Vec<(String, String)> {
        let Some(crm) = self.held.crm() else { return Vec::new() };
        match &self.effect.desired {
            Desired::FindPerson { .. } => {
                let people = receipt.found.iter().filter(|r| !r.also_known_as.iter().any(|a| a == ensure::DEAL_MARK));
                people.flat_map(|r| crate::index::keys_of(self.facts, &self.held.connection, crm.words(), r)).collect()
            }
            Desired::NewContact { .. } => {
                let record =
                    Record { id: receipt.record.clone(), properties: receipt.properties.clone(), ..Record::default() };
                crate::index::keys_of(self.facts, &self.held.connection, crm.words(), &record)
            }
            _ => Vec::new(),
        }
    }

    pub(super) async fn moved(mut self, record: Record) -> Result<Ended, Error> {
        Box::pin(self.note(By::Moved, std::slice::from_ref(&record))).await?;
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

    pub(super) async fn dead(mut self, why: Why) -> Result<Ended, Error> {
        if let Some(properties) = self.engine.paused_of(self.facts, self.held, &self.effect.desired, &why).await? {
            return Box::pin(self.without(properties)).await;
        }
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

    /// The CRM does not have these properties as they were written: their clauses are paused, and the rest is planned anew.
    async fn without(mut self, properties: Vec<String>) -> Result<Ended, Error> {
        self.history = std::mem::take(&mut self.history).settled();
        let mut row = self.packed()?;
        row.state = "superseded".into();
        row.settled_at = Some(micros(self.engine.now()));
        row.in_flight_until = None;
        row.why = Some(format!("paused: {}", properties.join(", ")));
        let (effect, target) = (self.effect.id.clone(), self.effect.target.clone());
        self.commit(Site::Receipt, row, vec![Event::Paused { effect, target, properties }], true).await?;
        Ok(Ended::Settled)
    }

    /// Stores the effect, its fresh exchanges, their entries, and what the inquiry makes of it, as one unit.
    async fn commit(&mut self, site: Site, row: EffectRow, events: Vec<Event>, settles: bool) -> Result<(), Error> {
        let drafts = std::mem::take(&mut self.drafts);
        let fresh = std::mem::take(&mut self.fresh);
        let people = Arc::new(std::mem::take(&mut self.seen_people));
        let connection = self.held.connection.id.as_str().to_owned();
        let (events, now) = (Arc::new(events), self.engine.now());
        let pending = fresh.last().filter(|(a, _)| a.ended_at.is_none()).map(|(a, _)| (a.clone(), true));
        for meeting in 0..MEETINGS_MAX {
            let _turn = if events.is_empty() { None } else { self.engine.inner.lanes.turns.of(&row.inquiry).await };
            // A whole inquiry, twice: apart, or each wait for a vendor would carry its size.
            let decided = if events.is_empty() {
                None
            } else {
                Some(Box::new(Box::pin(self.decided(&events, drafts.clone(), now)).await?))
            };
            let (facts, row, fresh) = (self.facts.clone(), row.clone(), fresh.clone());
            let (people, connection) = (people.clone(), connection.clone());
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
                            decided.store(tx, &facts, now).await?;
                        }
                        if !told.is_empty() {
                            let inquiry = InquiryId::from_text(row.inquiry.clone());
                            let end = chain_end(tx, account, inquiry.as_str()).await?;
                            tell(&facts, &inquiry, told, end, now).store(tx).await?;
                        }
                        for (key, record) in people.iter() {
                            store::crm_person_put(tx, account, &connection, key, record, micros(now)).await?;
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

impl Waits for Work<'_> {
    fn id(&self) -> &str {
        &self.row.id
    }
    fn urgent(&self) -> bool {
        self.row.urgent
    }
    fn hurry(&mut self) {
        self.row.urgent = true;
    }
    fn rank(&self) -> i64 {
        self.row.rank
    }
    fn since(&self) -> Timestamp {
        self.ready_at
    }
    /// The last request it shared did not say what became of it: alone it gets a clear answer.
    fn alone(&self) -> bool {
        let last = self.history.exchanges.last().and_then(|e| e.outcome.as_ref());
        last.is_some_and(ringback_connect::asks_for_fewer)
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
