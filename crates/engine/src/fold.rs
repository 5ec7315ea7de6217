//! From signals to calls to inquiries: the first worker.
//!
//! It looks for stored signals, oldest first, lets the source say what each means, folds it into its call, and, once the call is settled,
//! opens or joins the caller's inquiry. Everything that one signal leads to is one unit of work: the signal is marked folded with it
//! or not at all.

use crate::consent;
use crate::facts::{AccountFacts, ConnectionFacts};
use crate::inquire::{self, Loaded, MEETINGS_MAX, corrupt, put_documents, timer_row};
use crate::workflow;
use crate::{Engine, Error, instant, micros};
use futures_util::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};
use ringback_connect::calls;
use ringback_connect::sources::csv;
use ringback_core::call::{self, Call, Caller, FoldFacts, Place, Transcript};
use ringback_core::claim::{self, ReadContext};
use ringback_core::http::RawRequest;
use ringback_core::id::{AccountId, CallId, ConnectionId, InquiryId, LocationId, SignalId};
use ringback_core::identity;
use ringback_core::inquiry::{Event, Inquiry, InquiryCall, wants_reading};
use ringback_core::ledger::{Document, Retention};
use ringback_core::mutant;
use ringback_core::signal::{Direction, Signal};
use ringback_core::upcast::{self, Form};
use ringback_store::{self as store, CallRow, DocumentNew, SignalRow, Site, Tx};
use std::sync::Arc;

/// Signals folded at once; SQLite has one writer anyway, PostgreSQL gains.
pub const FOLDS_AT_ONCE_MAX: usize = 8;
/// How often a signal that cannot be folded (a defect, not its fault) is tried before it is parked with an alarm.
pub const FOLD_TRIES_MAX: i64 = 8;
/// A web form waits this many days for a failed call of the same person.
pub const FORM_WAITS_DAYS: i64 = 7;

/// What one look found to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looked {
    /// Things done.
    pub done: usize,
    /// There may be more right away.
    pub more: bool,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Imported {
    /// Rows that said something about a call.
    pub rows: usize,
    pub new: usize,
    pub known: usize,
    pub problems: Vec<RowProblem>,
}

/// A row that could not be read; the others went in.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RowProblem {
    /// Counted from 1, the header included.
    pub line: usize,
    pub cause: String,
}

impl Engine {
    /// Folds what waits. Several at once; one at a time when `one_by_one` (the simulation, for a fixed order).
    pub async fn step_signals(&self, one_by_one: bool) -> Result<Looked, Error> {
        let (now, limit) = (micros(self.now()), self.settings().signals_per_step_max);
        let rows =
            self.store().read(move |tx| Box::pin(async move { store::signals_due(tx, now, limit).await })).await?;
        let found = rows.len();
        let at_once = if one_by_one { 1 } else { FOLDS_AT_ONCE_MAX };
        let results: Vec<Result<(), Error>> =
            stream::iter(rows).map(|row| self.take_up(row)).buffered(at_once).collect().await;
        for result in results {
            result?;
        }
        if found > 0 {
            self.changed();
        }
        Ok(Looked { done: found, more: found >= usize::try_from(limit).unwrap_or(usize::MAX) })
    }

    async fn take_up(&self, row: SignalRow) -> Result<(), Error> {
        match self.fold_row(&row).await {
            Ok(()) => Ok(()),
            Err(Error::Store(error)) if error.is_transient() || matches!(error, store::Error::Crash(_)) => {
                Err(error.into())
            }
            Err(error) => self.put_back(&row, &error.to_string()).await,
        }
    }

    /// A signal that cannot be folded because of a defect is tried again later and then parked, loudly: never dropped.
    async fn put_back(&self, row: &SignalRow, why: &str) -> Result<(), Error> {
        tracing::error!(signal = row.id, why, "a signal could not be folded");
        let account = AccountId::from_text(row.account.clone());
        let (row, why, now) = (row.clone(), why.to_owned(), self.now());
        let parked = row.tries + 1 >= FOLD_TRIES_MAX;
        let id = row.id.clone();
        self.store()
            .write(Site::Fold, move |tx| {
                Box::pin(async move {
                    if parked {
                        store::signal_settle_if(tx, &row.account, &row.id, "stored", "parked", None, Some(&why))
                            .await?;
                    } else {
                        let later = now.checked_add(SignedDuration::from_secs(10 << row.tries.min(6))).unwrap_or(now);
                        store::signal_retry(tx, &row.account, &row.id, row.tries + 1, micros(later), &why).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        if parked {
            self.raise_alarm(&account, "signal_parked", &id, "a signal could not be folded").await?;
        }
        Ok(())
    }

    async fn fold_row(&self, row: &SignalRow) -> Result<(), Error> {
        let account = AccountId::from_text(row.account.clone());
        let facts = self.facts(&account).await?;
        let (account_text, document) = (row.account.clone(), row.document.clone());
        let stored = self
            .store()
            .read(move |tx| Box::pin(async move { store::document_get(tx, &account_text, &document).await }))
            .await?;
        let signals = match facts.connections.get(&row.connection) {
            None => Err(("unknown_connection", "the connection was removed".to_owned())),
            Some(held) => read_signals(held, stored.and_then(|d| d.body)),
        };
        match signals {
            Ok(signals) => self.fold_signals(row, &facts, signals).await,
            Err((class, words)) => {
                // Kept, visible, and never processed: an authentic message we cannot read is no reason to lose it.
                let (row, why) = (row.clone(), format!("{class}: {words}"));
                self.store()
                    .write(Site::Fold, move |tx| {
                        Box::pin(async move {
                            store::signal_settle_if(tx, &row.account, &row.id, "stored", "unreadable", None, Some(&why))
                                .await
                        })
                    })
                    .await?;
                self.raise_alarm(&account, "unreadable", row_connection(&facts, &words), class).await
            }
        }
    }

    async fn fold_signals(
        &self,
        row: &SignalRow,
        facts: &Arc<AccountFacts>,
        signals: Vec<Signal>,
    ) -> Result<(), Error> {
        let signals = Arc::new(signals);
        for _ in 0..MEETINGS_MAX {
            let ids: Vec<(CallId, InquiryId)> =
                signals.iter().map(|_| (CallId::new(self.now(), self.random()), self.new_inquiry_id())).collect();
            let (row, facts, signals, now) = (row.clone(), facts.clone(), signals.clone(), self.now());
            let folded = self
                .store()
                .write(Site::Fold, move |tx| {
                    Box::pin(async move {
                        let (mut last, mut aside) = (None, None);
                        for (signal, (call_id, inquiry_id)) in signals.iter().zip(ids) {
                            if let Some(offer) = &signal.offer {
                                aside = workflow::take(tx, &facts, &row, offer, &inquiry_id, now).await?;
                                continue;
                            }
                            let unit = Folding { facts: &facts, row: &row, now };
                            last = Some(unit.fold(tx, signal, call_id, inquiry_id).await?);
                        }
                        let call = last.as_ref().map(CallId::as_str);
                        // Another node folded it meanwhile: what this unit did is rolled back.
                        if !store::signal_settle_if(
                            tx,
                            &row.account,
                            &row.id,
                            "stored",
                            "folded",
                            call,
                            aside.as_deref(),
                        )
                        .await?
                        {
                            return Err(store::Error::Rows { expected: 1, actual: 0, what: "SIGNAL_SETTLE_IF" });
                        }
                        Ok(())
                    })
                })
                .await;
            match folded {
                Err(store::Error::Conflict) => {}
                Err(store::Error::Rows { what: "SIGNAL_SETTLE_IF", .. }) => return Ok(()),
                other => return Ok(other?),
            }
        }
        Err(store::Error::Conflict.into())
    }

    /// The absence of further signals decides how a call ended (a timer asked).
    pub(crate) async fn judge_call(
        &self,
        account: &AccountId,
        call: &str,
        timer: store::EffectRow,
    ) -> Result<(), Error> {
        let facts = self.facts(account).await?;
        let (call, now, inquiry_id) = (call.to_owned(), self.now(), self.new_inquiry_id());
        self.store()
            .write(Site::Timer, move |tx| {
                Box::pin(async move {
                    crate::timers::finish(tx, timer, now).await?;
                    let Some(row) = store::call_get(tx, facts.account.as_str(), &call).await? else { return Ok(()) };
                    let before: Call =
                        upcast::read_own(Form::Call, &row.snapshot).map_err(|e| corrupt("call", &row.id, e))?;
                    if before.settled() {
                        return Ok(());
                    }
                    let after = call::verdict(before, now);
                    if !after.settled() {
                        // Its time was moved; another timer was set for it.
                        return Ok(());
                    }
                    place(tx, &facts, after, row.version, inquiry_id, now).await?;
                    Ok(())
                })
            })
            .await?;
        Ok(())
    }

    /// Takes in a phone log: each row as a signal of its own, so that importing twice makes nothing twice.
    pub async fn import(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        bytes: &[u8],
    ) -> Result<Imported, Error> {
        let facts = self.facts(account).await?;
        let held = facts
            .connections
            .get(connection.as_str())
            .ok_or_else(|| Error::Missing(format!("connection {connection}")))?;
        let (rows, problems) = csv::rows(bytes, &held.connection);
        let (mut new, mut known) = (0, 0);
        for (_, signal) in &rows {
            if self.take_row(account, connection, signal).await? { new += 1 } else { known += 1 }
        }
        self.changed();
        let problems = problems.into_iter().map(|p| RowProblem { line: p.line, cause: p.problem.cause }).collect();
        Ok(Imported { rows: rows.len(), new, known, problems })
    }

    /// Takes one listed call in as a signal; `false` when it was taken in before.
    pub(crate) async fn take_row(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        signal: &Signal,
    ) -> Result<bool, Error> {
        let now = self.now();
        let id = SignalId::new(now, self.random());
        let body = serde_json::to_vec(signal).map_err(|e| Error::Corrupt { what: "row".into(), why: e.to_string() })?;
        let raw = RawRequest {
            method: "IMPORT".into(),
            url: String::new(),
            event: "row".into(),
            headers: vec![("content-type".into(), "application/x-ringback-signal".into())],
            body,
        };
        let stored = self
            .store()
            .intake(store::SignalIn {
                account: account.as_str().to_owned(),
                id: id.as_str().to_owned(),
                connection: connection.as_str().to_owned(),
                event: "row".into(),
                received_at: micros(now),
                state: "stored".into(),
                why: None,
                delivery_key: crate::intake::delivery_key(&raw),
                document: DocumentNew {
                    id: format!("doc_{}", id.stem()),
                    class: Retention::Raw.word().into(),
                    kind: "request".into(),
                    body: serde_json::to_string(&raw).unwrap_or_default(),
                    created_at: micros(now),
                    expires_at: crate::intake::expiry(now, self.settings().raw_days),
                },
            })
            .await?;
        Ok(stored.duplicate_of.is_none())
    }
}

fn row_connection<'a>(_: &AccountFacts, words: &'a str) -> &'a str {
    words
}

pub(crate) fn read_signals(
    held: &ConnectionFacts,
    body: Option<String>,
) -> Result<Vec<Signal>, (&'static str, String)> {
    let body = body.ok_or(("expired", "the request was erased before it was read".to_owned()))?;
    let raw: RawRequest = serde_json::from_str(&body).map_err(|e| ("not_a_request", e.to_string()))?;
    if raw.method == "IMPORT" {
        let text = String::from_utf8_lossy(&raw.body);
        return upcast::read_own(Form::Signal, &text).map(|s| vec![s]).map_err(|e| ("not_a_row", e.to_string()));
    }
    if raw.method == calls::METHOD {
        let crm = held.crm().ok_or(("no_crm", "this connection is no CRM".to_owned()))?;
        return calls::read(crm, &raw, &held.connection).map_err(|u| (u.class, u.words));
    }
    let source = held.source().ok_or(("no_source", "this connection takes no requests".to_owned()))?;
    source.read(&raw, &held.connection).map_err(|u| (u.class, u.words))
}

struct Folding<'a> {
    facts: &'a AccountFacts,
    row: &'a SignalRow,
    now: Timestamp,
}

impl Folding<'_> {
    async fn fold(
        &self,
        tx: &mut Tx,
        signal: &Signal,
        new_id: CallId,
        inquiry_id: InquiryId,
    ) -> Result<CallId, store::Error> {
        let account = self.facts.account.as_str();
        let connection = ConnectionId::from_text(self.row.connection.clone());
        let held = self.facts.connections.get(&self.row.connection);
        let transcript = match &signal.transcript {
            Some(text) => Some(self.keep_words(tx, text).await?),
            None => None,
        };
        let signal_id = SignalId::from_text(self.row.id.clone());
        let fold_facts = FoldFacts {
            roster: &self.facts.roster,
            connection: &connection,
            connection_location: held.and_then(|h| location_of(self.facts, h, signal)),
            region: held.map_or("US", |h| self.facts.region(&h.connection)),
            signal: &signal_id,
            received_at: instant(self.row.received_at),
            transcript: transcript.as_ref().map(|d| &d.id),
        };
        let found = self.find(tx, signal, fold_facts).await?;
        let (call, version) = match found {
            Some((call, version)) => (call, Some(version)),
            None => (Call::new(new_id, self.facts.account.clone(), fold_facts.received_at), None),
        };
        let due_before = call.verdict_due;
        let call = call::fold(call, signal, fold_facts);
        let id = call.id.clone();
        for key in &signal.call_keys {
            if mutant::on("dedupe_key_dropped") {
                continue;
            }
            if !store::call_key_insert_once(tx, account, connection.as_str(), key, id.as_str()).await? {
                let holder = store::call_by_key(tx, account, connection.as_str(), key).await?;
                if holder.is_none_or(|h| h.id != id.as_str()) {
                    // Another node made a call for this key meanwhile: look again.
                    return Err(store::Error::Conflict);
                }
            }
        }
        if let Some(due) = call.verdict_due.filter(|_| call.verdict_due != due_before) {
            let timer = format!("tmr_{}.{}", id.stem(), self.row.id);
            let row = timer_row(account, id.as_str(), &timer, "verdict", id.as_str(), due, self.now);
            store::effect_insert(tx, &[row]).await?;
        }
        let version = match version {
            Some(version) => version,
            None => {
                if !store::call_insert(tx, &call_row(&call, self.facts, 0, self.now)?).await? {
                    return Err(store::Error::Conflict);
                }
                0
            }
        };
        place(tx, self.facts, call, version, inquiry_id, self.now).await?;
        Ok(id)
    }

    async fn keep_words(&self, tx: &mut Tx, text: &str) -> Result<Document, store::Error> {
        let text: String = text.chars().take(ringback_core::signal::TRANSCRIPT_CHARS_MAX).collect();
        let document = self.facts.salt.document(Retention::Speech, "transcript", text);
        put_documents(tx, self.facts.account.as_str(), self.facts.days, vec![document.clone()], self.now).await?;
        Ok(document)
    }

    /// The call this signal is about: by the provider's own keys, else one that another tracker reported.
    async fn find(
        &self,
        tx: &mut Tx,
        signal: &Signal,
        facts: FoldFacts<'_>,
    ) -> Result<Option<(Call, i64)>, store::Error> {
        let account = self.facts.account.as_str();
        let read = |row: CallRow| -> Result<(Call, i64), store::Error> {
            let call = upcast::read_own(Form::Call, &row.snapshot).map_err(|e| corrupt("call", &row.id, e))?;
            Ok((call, row.version))
        };
        if mutant::on("dedupe_key_dropped") {
            return Ok(None);
        }
        for key in &signal.call_keys {
            if let Some(row) = store::call_by_key(tx, account, &self.row.connection, key).await? {
                return read(row).map(Some);
            }
        }
        let Some(identity::Phone::E164 { e164, .. }) =
            signal.caller.as_deref().map(|raw| identity::phone(raw, facts.region))
        else {
            return Ok(None);
        };
        let person = identity::person_key(&self.facts.salt.0, &self.facts.account, &e164);
        let around = signal.started_at.or(signal.ended_at).unwrap_or(facts.received_at);
        let window = SignedDuration::from_hours(2);
        let from = around.checked_sub(window).map_or(0, micros);
        let to = around.checked_add(window).map_or(i64::MAX, micros);
        for row in store::calls_near(tx, account, &person, from, to).await? {
            let (call, version) = read(row)?;
            if call::same_call(&call, signal, facts) {
                return Ok(Some((call, version)));
            }
        }
        Ok(None)
    }
}

/// The location that a message stands for when the dialled number does not say: that of the only place where the CRM's owner of the call
/// works, else the connection's own.
fn location_of<'a>(facts: &'a AccountFacts, held: &ConnectionFacts, signal: &Signal) -> Option<&'a LocationId> {
    let owner = held.crm().and_then(|_| signal.extra.iter().find(|(name, _)| name == calls::OWNER));
    let at_home = owner.and_then(|(_, id)| {
        let person = facts.roster.staff.iter().find(|s| s.crm_owner.as_ref() == Some(id))?;
        match person.locations.as_slice() {
            [one] => Some(one),
            _ => None,
        }
    });
    at_home.or_else(|| facts.location_of(&held.connection))
}

/// Stores a call, and lets a settled one open or join its inquiry.
async fn place(
    tx: &mut Tx,
    facts: &AccountFacts,
    mut call: Call,
    version: i64,
    inquiry_id: InquiryId,
    now: Timestamp,
) -> Result<(), store::Error> {
    let account = facts.account.as_str();
    let person = person_of(facts, &call);
    let known = call.caller.e164().and_then(|n| facts.roster.known(n));
    let form = waiting_form(tx, facts, &call, person.as_deref()).await?;
    let placed = call::place(&call, person.as_deref(), known, form.is_some());
    let loaded = match (&placed, &call.inquiry) {
        (_, Some(inquiry)) => inquire::load(tx, account, inquiry.as_str()).await?,
        (Place::RecordOnly { .. }, None) => None,
        (Place::Inquiry { open_key }, None) => {
            if opens(facts, &call, form.is_some()) {
                match store::inquiry_open_by_key(tx, account, open_key).await? {
                    Some(row) => Some(inquire::of_row(row)?),
                    None => {
                        let inquiry = Inquiry::new(inquiry_id, &call, person.clone(), now);
                        Some(Loaded { inquiry, version: None, open_key: Some(open_key.clone()) })
                    }
                }
            } else {
                None
            }
        }
    };
    if let Some(loaded) = loaded {
        call.inquiry = Some(loaded.inquiry.id.clone());
        let of = InquiryCall::of(&call, form);
        let events = events_of(tx, facts, &loaded.inquiry, of).await?;
        if !events.is_empty() {
            inquire::apply(tx, facts, loaded, &events, now).await?;
        }
    }
    if !store::call_update_if(tx, &call_row(&call, facts, version, now)?).await? {
        return Err(store::Error::Conflict);
    }
    Ok(())
}

/// Does the contract make an inquiry of a call that ended so? What nobody could say how it ended does: better one callback too many.
fn opens(facts: &AccountFacts, call: &Call, after_form: bool) -> bool {
    let category = if after_form { "failed_after_form" } else { call.category() };
    category == "unknown" || facts.contract.eligible.categories.iter().any(|c| c == category)
}

pub(crate) fn person_of(facts: &AccountFacts, call: &Call) -> Option<String> {
    match &call.caller {
        Caller::Number { e164, .. } => Some(identity::person_key(&facts.salt.0, &facts.account, e164)),
        _ => None,
    }
}

/// A form of the same person that still waits for its failed call (F-004).
async fn waiting_form(
    tx: &mut Tx,
    facts: &AccountFacts,
    call: &Call,
    person: Option<&str>,
) -> Result<Option<CallId>, store::Error> {
    let (Some(person), false, true) = (person, call.form, call.settled() && !call.conversation()) else {
        return Ok(None);
    };
    if call.direction == Direction::Unsaid && call.inquiry.is_some() {
        return Ok(None);
    }
    let from = call.started_at.checked_sub(SignedDuration::from_hours(24 * FORM_WAITS_DAYS)).map_or(0, micros);
    let near = store::calls_near(tx, facts.account.as_str(), person, from, micros(call.started_at)).await?;
    Ok(near.into_iter().find(|row| row.category.as_deref() == Some("form")).map(|row| CallId::from_text(row.id)))
}

/// The call as news for its inquiry, then what was said in it, read once per transcript.
async fn events_of(
    tx: &mut Tx,
    facts: &AccountFacts,
    inquiry: &Inquiry,
    call: InquiryCall,
) -> Result<Vec<Event>, store::Error> {
    let unread: Vec<_> = wants_reading(inquiry, &call).into_iter().cloned().collect();
    let known = inquiry.calls.iter().find(|c| c.id == call.id);
    let news = |c: &InquiryCall| InquiryCall { summary: None, deliveries: 0, opted_out: None, ..c.clone() };
    let same = known.is_some_and(|k| news(k) == news(&call));
    let mut events = Vec::new();
    if !same {
        // What is kept of the caller holds from the first step, whatever the CRM says and whether it answers.
        let opted_out = consent::opted_out(tx, facts.account.as_str(), inquiry.person.as_deref()).await?;
        events.push(Event::Call { call: InquiryCall { opted_out, ..call.clone() } });
    }
    for transcript in unread {
        let document = store::document_get(tx, facts.account.as_str(), transcript.document.as_str()).await?;
        let Some(text) = document.and_then(|d| d.body) else { continue };
        events.push(read_words(facts, inquiry, &call, transcript, &text));
    }
    Ok(events)
}

/// What was said in a call, as news for its inquiry.
pub(crate) fn read_words(
    facts: &AccountFacts,
    inquiry: &Inquiry,
    call: &InquiryCall,
    transcript: Transcript,
    text: &str,
) -> Event {
    let location = inquiry.location.as_ref().and_then(|l| facts.roster.location(l));
    let zone =
        location.and_then(|l| jiff::tz::TimeZone::get(l.calendar.zone()).ok()).unwrap_or(jiff::tz::TimeZone::UTC);
    let context = ReadContext {
        anchor: call.started_at,
        zone: &zone,
        region: location.map_or("US", |l| l.region.as_str()),
        caller_digits: call.caller.e164(),
    };
    let (reading, summary) = claim::read_call(text, call.conversation(), &context);
    let words: Vec<char> = text.chars().collect();
    let quote = |span: claim::Span| {
        words.get(span.start as usize..span.end as usize).map(|w| w.iter().collect()).unwrap_or_default()
    };
    let quotes = reading.claims.iter().map(|c| quote(c.quote)).collect();
    Event::Read { call: call.id.clone(), transcript, reading, summary, quotes }
}

fn call_row(call: &Call, facts: &AccountFacts, version: i64, now: Timestamp) -> Result<CallRow, store::Error> {
    Ok(CallRow {
        account: facts.account.as_str().to_owned(),
        id: call.id.as_str().to_owned(),
        snapshot: serde_json::to_string(call).map_err(|e| corrupt("call", call.id.as_str(), e))?,
        version,
        location: call.location.as_ref().map(|l| l.as_str().to_owned()),
        person_key: person_of(facts, call),
        category: Some(call.category().to_owned()),
        after_hours: call.after_hours.unwrap_or(false),
        started_at: micros(call.started_at),
        inquiry: call.inquiry.as_ref().map(|i| i.as_str().to_owned()),
        created_at: micros(call.first_received_at),
        updated_at: micros(now),
    })
}
