//! Reconciliation: the witnesses of every call of a window, gathered and handed to [`ringback_core::proof`].
//!
//! What rang comes from a phone log or the provider's own list, what we hold from the store, what is true in the CRM from the CRM, read now.
//! Nothing here writes to the CRM; two records of one person become a question in the review inbox, never a merge. Mending puts an effect due
//! again, has the caller looked up where the records belong, or takes a listed call in as a signal, and the lanes do the rest.

mod crm;

use crate::ask::{Asking, TRIES_MAX};
use crate::facts::AccountFacts;
use crate::inquire::{Kept, apply, corrupt, load, release};
use crate::{Engine, Error, instant, micros};
use jiff::{SignedDuration, Timestamp};
use ringback_connect::sources::csv;
use ringback_core::call::{Call, Caller};
use ringback_core::contract::Autonomy;
use ringback_core::crm::{Object, Outcome, Properties};
use ringback_core::ensure::{HISTORY_SCHEMA, History, Receipt};
use ringback_core::id::{AccountId, ConnectionId, EffectId, InquiryId, UserId};
use ringback_core::identity::{self, MatchKind, Phone};
use ringback_core::inquiry::{Event, Inquiry, ReviewKind, State};
use ringback_core::proof::{self, Case, Known, Mark, Mend, Part, Rang, Report, Seen, Sent, Stored};
use ringback_core::roster::KnownNumber;
use ringback_core::signal::{Direction, Ending, Signal};
use ringback_core::upcast::{self, Form};
use ringback_store::{self as store, Before, CallRow, EffectRow, SignalRow, Site};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Rows read from the store at once.
const PAGE: u32 = 500;
/// Calls of one window at most.
pub const CALLS_MAX: usize = 50_000;
/// Pages of a provider's list at most.
const LIST_PAGES_MAX: usize = 500;
/// Messages held back that are looked through.
const HELD_BACK_MAX: usize = 2_000;

/// What is looked at.
#[derive(Debug, Clone)]
pub struct Window {
    pub since: Timestamp,
    pub until: Timestamp,
    /// The phone system's own log; else the providers are asked for their lists.
    pub phone_log: Option<PhoneLog>,
    /// The command line that looks at the same window again; findings name it.
    pub again: String,
}

impl Window {
    fn holds(&self, at: Timestamp) -> bool {
        at >= self.since && at < self.until
    }
}

/// A phone log and the connection whose settings say how it is read.
#[derive(Debug, Clone)]
pub struct PhoneLog {
    pub connection: ConnectionId,
    pub bytes: Vec<u8>,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// `store`, `provider`, `crm`.
    pub what: &'static str,
    pub done: u64,
    pub of: u64,
}

/// Who was asked, and whether an answer came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Witness {
    pub name: String,
    /// `provider`, `phone_log`, `records`, `crm`.
    pub kind: &'static str,
    pub answered: bool,
    /// Calls it lists, or records it showed.
    pub count: u64,
    /// Why it could not be asked, or what of it could not be read.
    pub why: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Reconciled {
    pub since: Timestamp,
    pub until: Timestamp,
    /// Somebody outside said what rang; else only our own signals did.
    pub outside: bool,
    pub witnesses: Vec<Witness>,
    #[serde(flatten)]
    pub report: Report,
    /// Listed calls that are not here, by the name the report gives them.
    #[serde(skip)]
    lost: HashMap<String, (ConnectionId, Signal)>,
}

/// One listed call.
struct Listed {
    connection: ConnectionId,
    signal: Signal,
    rang: Rang,
}

/// Our side of a call.
struct Ours {
    call: Call,
    inquiry: Option<Inquiry>,
    effects: Vec<EffectRow>,
}

impl Engine {
    /// Compares what rang, what we hold and what the CRM holds.
    pub async fn reconcile(
        &self,
        account: &AccountId,
        window: &Window,
        tell: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Reconciled, Error> {
        let facts = self.facts(account).await?;
        let mut witnesses = Vec::new();
        let listed = self.listed(&facts, window, &mut witnesses, tell).await?;
        let outside = witnesses.iter().any(|w| w.answered);
        let ours = self.ours(&facts, window, tell).await?;
        witnesses.push(Witness {
            name: "Ringback".into(),
            kind: "records",
            answered: true,
            count: ours.iter().filter(|o| window.holds(o.call.started_at)).count() as u64,
            why: None,
        });
        let known: Vec<Known> = ours.iter().map(|o| known(&o.call)).collect();
        let rang: Vec<Rang> = listed.iter().map(|l| l.rang.clone()).collect();
        let pairs = proof::pair(&rang, &known);
        // A call near the edge of the window may be ours on the other side of it; only what is within counts.
        let within = |at: Timestamp| window.holds(at);
        let missed_outside: BTreeSet<usize> =
            rang.iter().zip(&pairs).filter(|(r, _)| r.missed).filter_map(|(_, pair)| *pair).collect();
        let mut cases = Vec::new();
        for (n, one) in ours.iter().enumerate() {
            let told = missed_outside.contains(&n);
            if within(one.call.started_at) && (told || one.expected()) {
                cases.push(case(&facts, one));
            }
        }
        let unpaired: Vec<usize> = rang
            .iter()
            .zip(&pairs)
            .enumerate()
            .filter(|(_, (r, pair))| r.missed && pair.is_none() && within(r.at))
            .map(|(n, _)| n)
            .collect();
        let mut lost = HashMap::new();
        for (n, stored) in self.held_back(&facts, window, &rang, &unpaired).await? {
            let Some(one) = listed.get(n) else { continue };
            let case = unrecorded(&facts, one, stored);
            if case.stored == Stored::Missing {
                lost.insert(case.call.clone(), (one.connection.clone(), one.signal.clone()));
            }
            cases.push(case);
        }
        let worked = self.look(&facts, &ours, &mut cases, &mut witnesses, tell).await?;
        let mut report = proof::report(&cases, &window.again, &worked);
        if witnesses.iter().any(|w| w.kind == "crm" && w.answered) {
            report.beside = proof::lonely(&self.lonely(&facts, window.since, &ours, &cases).await, &window.again);
        }
        self.ask_about_doubles(account, &ours, &report, &witnesses).await?;
        Ok(Reconciled { since: window.since, until: window.until, outside, witnesses, report, lost })
    }

    /// What the outside says rang.
    async fn listed(
        &self,
        facts: &AccountFacts,
        window: &Window,
        witnesses: &mut Vec<Witness>,
        tell: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Vec<Listed>, Error> {
        if let Some(log) = &window.phone_log {
            let Some(held) = facts.connections.get(log.connection.as_str()) else {
                return Err(Error::Missing(format!("connection {}", log.connection)));
            };
            let (rows, problems) = csv::rows(&log.bytes, &held.connection);
            let region = facts.region(&held.connection);
            let all: Vec<Listed> = rows
                .into_iter()
                .filter_map(|(line, signal)| listed(&log.connection, format!("line {line}"), signal, region))
                .collect();
            let unread = problems.first().map(|first| {
                format!("{} rows were not read; line {}: {}", problems.len(), first.line, first.problem.cause)
            });
            witnesses.push(Witness {
                name: held.connection.name.clone(),
                kind: "phone_log",
                answered: true,
                count: all.iter().filter(|l| window.holds(l.rang.at)).count() as u64,
                why: unread,
            });
            return Ok(all);
        }
        let mut all = Vec::new();
        let mut connections: Vec<_> = facts.connections.values().filter(|c| c.state == "active").collect();
        connections.sort_by(|a, b| a.connection.name.cmp(&b.connection.name));
        for held in connections {
            let Some(source) = held.source() else { continue };
            let mut request = source.list(window.since, None, &held.connection);
            if request.is_none() {
                continue;
            }
            let asking = Asking { engine: self, held, again: "reconcile again", tries: TRIES_MAX };
            let (mut count, mut why, mut pages) = (0, None, 0);
            while let Some(next) = request.take() {
                let reply = match asking.page(source.about(), &next).await {
                    Ok(reply) => reply,
                    Err(problem) => {
                        why = Some(format!("{}: {}", problem.code, problem.cause));
                        break;
                    }
                };
                let (signals, cursor) = source.listed(&reply, &held.connection);
                pages += 1;
                for signal in signals {
                    let reference = signal.call_keys.first().cloned().unwrap_or_default();
                    let region = facts.region(&held.connection);
                    let one = listed(&held.connection.id, reference, signal, region);
                    let Some(one) = one.filter(|l| l.rang.at >= window.since && l.rang.at < window.until) else {
                        continue;
                    };
                    count += 1;
                    all.push(one);
                }
                tell(Progress { what: "provider", done: count, of: 0 });
                if pages >= LIST_PAGES_MAX && cursor.is_some() {
                    why = Some(format!("only the first {LIST_PAGES_MAX} pages were read"));
                    break;
                }
                request = cursor.and_then(|cursor| source.list(window.since, Some(&cursor), &held.connection));
            }
            let answered = why.is_none();
            witnesses.push(Witness { name: held.connection.name.clone(), kind: "provider", answered, count, why });
        }
        Ok(all)
    }

    /// Our calls of the window, with some more at both ends so that clocks may differ.
    async fn ours(
        &self,
        facts: &AccountFacts,
        window: &Window,
        tell: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Vec<Ours>, Error> {
        let margin = SignedDuration::from_secs(proof::SAME_CALL_SECONDS);
        let first = micros(window.since.checked_sub(margin).unwrap_or(window.since));
        let last = micros(window.until.checked_add(margin).unwrap_or(window.until));
        let mut before = Before { at: last, id: String::new() };
        let mut ours: Vec<Ours> = Vec::new();
        let mut inquiries: HashMap<String, (Option<Inquiry>, Vec<EffectRow>)> = HashMap::new();
        'pages: loop {
            let (id, from) = (facts.account.as_str().to_owned(), before.clone());
            let page = self
                .store()
                .read(move |tx| Box::pin(async move { store::calls_list(tx, &id, PAGE, &from).await }))
                .await?;
            let Some(end) = page.last() else { break };
            before = Before { at: end.started_at, id: end.id.clone() };
            let full = page.len() >= PAGE as usize;
            for row in page {
                if row.started_at < first {
                    break 'pages;
                }
                if ours.len() >= CALLS_MAX {
                    let words = format!("more than {CALLS_MAX} calls: name a shorter time with --since and --until");
                    return Err(Error::Refused(words));
                }
                let call = read_call(&row)?;
                if call.direction == Direction::Outbound || call.form {
                    continue;
                }
                let of = row.inquiry.clone();
                if let Some(inquiry) = of.as_ref().filter(|i| !inquiries.contains_key(*i)) {
                    inquiries.insert(inquiry.clone(), self.inquiry_with_effects(facts, inquiry).await?);
                }
                let (inquiry, effects) = of.and_then(|i| inquiries.get(&i).cloned()).unwrap_or_default();
                ours.push(Ours { call, inquiry, effects });
            }
            tell(Progress { what: "store", done: ours.len() as u64, of: 0 });
            if !full {
                break;
            }
        }
        ours.reverse();
        Ok(ours)
    }

    async fn inquiry_with_effects(
        &self,
        facts: &AccountFacts,
        inquiry: &str,
    ) -> Result<(Option<Inquiry>, Vec<EffectRow>), Error> {
        let (account, id) = (facts.account.as_str().to_owned(), inquiry.to_owned());
        Ok(self
            .store()
            .read(move |tx| {
                Box::pin(async move {
                    let inquiry = load(tx, &account, &id).await?.map(|loaded| loaded.inquiry);
                    let effects = store::effects_of_inquiry(tx, &account, &id).await?;
                    Ok((inquiry, effects))
                })
            })
            .await?)
    }

    /// Is a call that has no record here, by a message that is held back? By place in the list.
    async fn held_back(
        &self,
        facts: &AccountFacts,
        window: &Window,
        rang: &[Rang],
        unpaired: &[usize],
    ) -> Result<Vec<(usize, Stored)>, Error> {
        if unpaired.is_empty() {
            return Ok(Vec::new());
        }
        let mut messages: Vec<(SignalRow, Known)> = Vec::new();
        let from = micros(window.since);
        for state in ["quarantined", "stored", "parked", "unreadable"] {
            // A message may come long after its call: from a log that was taken in, from a provider that tries again.
            let mut before = Before::end();
            loop {
                let (account, place) = (facts.account.as_str().to_owned(), before.clone());
                let page = self
                    .store()
                    .read(move |tx| {
                        Box::pin(async move {
                            let rows = store::signals_list(tx, &account, Some(state), PAGE, &place).await?;
                            let mut with = Vec::new();
                            for row in rows {
                                let document = store::document_get(tx, &account, &row.document).await?;
                                with.push((row, document.and_then(|d| d.body)));
                            }
                            Ok(with)
                        })
                    })
                    .await?;
                let Some((end, _)) = page.last() else { break };
                before = Before { at: end.received_at, id: end.id.clone() };
                let over = page.len() < PAGE as usize || end.received_at < from || messages.len() >= HELD_BACK_MAX;
                for (row, body) in page.into_iter().filter(|(row, _)| row.received_at >= from) {
                    let Some(held) = facts.connections.get(&row.connection) else { continue };
                    let Ok(signals) = crate::fold::read_signals(held, body) else { continue };
                    let region = facts.region(&held.connection);
                    for signal in signals {
                        if let Some(one) = listed(&held.connection.id, row.id.clone(), signal, region) {
                            let Rang { reference, keys, caller, dialled, at, .. } = one.rang;
                            messages.push((row.clone(), Known { id: reference, keys, caller, dialled, at }));
                        }
                    }
                }
                if over {
                    break;
                }
            }
        }
        let known: Vec<Known> = messages.iter().map(|(_, known)| known.clone()).collect();
        let wanted: Vec<Rang> = unpaired.iter().filter_map(|n| rang.get(*n).cloned()).collect();
        let found = proof::pair(&wanted, &known);
        let stored = |pair: Option<usize>| match pair.and_then(|n| messages.get(n)) {
            None => Stored::Missing,
            Some((row, _)) => held(row),
        };
        Ok(unpaired.iter().copied().zip(found.into_iter().map(stored)).collect())
    }

    /// Mends one finding: through the intake or the lanes, as if it came for the first time. Says what was done.
    pub async fn mend(&self, account: &AccountId, found: &Reconciled, id: &str, by: &UserId) -> Result<String, Error> {
        let Some(finding) = found.report.finding(id) else {
            return Err(Error::MovedOn(format!("there is no finding {id} in this window any more")));
        };
        match &finding.mend {
            Mend::TakeIn => {
                let Some((connection, signal)) = found.lost.get(&finding.call) else {
                    return Err(Error::MovedOn(format!("{} is not in the list any more", finding.call)));
                };
                let new = self.take_row(account, connection, signal).await?;
                self.changed();
                let words = if new { "was taken in and goes the way of every call" } else { "was taken in before" };
                Ok(format!("{} {words}", finding.call))
            }
            Mend::Again(effects) if !effects.is_empty() => {
                self.bring_about_again(account, effects, by).await?;
                Ok(format!("{} effects are due again; the CRM is looked at before anything is written", effects.len()))
            }
            Mend::Move => {
                let Some(inquiry) = &finding.inquiry else {
                    return Err(Error::Refused(format!("only a person can mend that: {}", finding.sentence)));
                };
                let event = Event::Relocated { by: by.clone() };
                self.act(account, &InquiryId::from_text(inquiry.clone()), event).await?;
                Ok("the caller is looked up where the records belong, and they are made there; those that lie elsewhere are yours to remove"
                    .into())
            }
            Mend::Command => Err(Error::Refused(format!("that is mended by `{}`", finding.command))),
            Mend::Again(_) | Mend::Person => {
                Err(Error::Refused(format!("only a person can mend that: {}", finding.sentence)))
            }
        }
    }

    /// Asks in the review inbox which of several records of one person stays; a question that is settled in the CRM is taken back. Told once
    /// per person, so a question may stand at another inquiry of the same person.
    async fn ask_about_doubles(
        &self,
        account: &AccountId,
        ours: &[Ours],
        report: &Report,
        witnesses: &[Witness],
    ) -> Result<(), Error> {
        let mut doubles: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for finding in
            report.findings().filter(|f| matches!(f.kind, proof::Kind::Doubled | proof::Kind::ForeignDuplicate))
        {
            if let (Some(inquiry), Some(record)) = (&finding.inquiry, &finding.record) {
                doubles.entry(inquiry).or_default().push(record.clone());
            }
        }
        let inquiries: BTreeMap<&str, &Inquiry> =
            ours.iter().filter_map(|o| o.inquiry.as_ref()).map(|i| (i.id.as_str(), i)).collect();
        let people: BTreeSet<&str> = doubles.keys().filter_map(|id| inquiries.get(id)?.person.as_deref()).collect();
        let whole = witnesses.iter().any(|w| w.kind == "crm" && w.answered);
        for (id, inquiry) in &inquiries {
            let asked = inquiry.reviews.iter().any(|r| r.kind == ReviewKind::Doubled);
            let one_by_now = asked && whole && !inquiry.person.as_deref().is_some_and(|p| people.contains(p));
            let others = match doubles.remove(id) {
                Some(others) => others,
                None if one_by_now => Vec::new(),
                None => continue,
            };
            self.act(account, &inquiry.id, Event::Doubled { others }).await?;
        }
        Ok(())
    }

    /// Puts effects that were done due again. The first may be the one that the others need.
    async fn bring_about_again(&self, account: &AccountId, effects: &[String], by: &UserId) -> Result<(), Error> {
        let facts = self.facts(account).await?;
        let (effects, by, now) = (effects.to_vec(), by.clone(), self.now());
        let moved = self
            .store()
            .write(Site::Decision, move |tx| {
                Box::pin(async move {
                    let account = facts.account.as_str();
                    let mut inquiries = BTreeSet::new();
                    for id in &effects {
                        let Some(mut row) = store::effect_get(tx, account, id).await? else { return Ok(false) };
                        if row.state != "done" {
                            return Ok(false);
                        }
                        let kept = Kept { schema: HISTORY_SCHEMA, history: History::default() };
                        // Waiting, until what it needs is done; the record that its receipt names is not there any more.
                        row.state = "waiting".into();
                        row.receipt = None;
                        row.due_at = micros(now);
                        row.rank = micros(now);
                        row.settled_at = None;
                        row.why = Some("sent again by reconcile".into());
                        row.history = serde_json::to_string(&kept).map_err(|e| corrupt("history", &row.id, e))?;
                        if !store::effect_update_if(tx, &row).await? {
                            return Err(store::Error::Conflict);
                        }
                        if let Some(loaded) = load(tx, account, &row.inquiry).await? {
                            let effect = EffectId::from_text(row.id.clone());
                            let event = Event::Replayed { effect, target: row.target.clone(), by: by.clone() };
                            apply(tx, &facts, loaded, &[event], now).await?;
                        }
                        inquiries.insert(row.inquiry.clone());
                    }
                    for inquiry in &inquiries {
                        release(tx, account, inquiry, now).await?;
                    }
                    Ok(true)
                })
            })
            .await?;
        if !moved {
            return Err(Error::MovedOn("one of the effects has moved on: reconcile again".into()));
        }
        self.changed();
        Ok(())
    }
}

impl Ours {
    /// A call that should have gone all the way.
    fn expected(&self) -> bool {
        !self.call.answered() && (self.call.missed() || self.inquiry.is_some())
    }
}

fn read_call(row: &CallRow) -> Result<Call, Error> {
    upcast::read_own(Form::Call, &row.snapshot)
        .map_err(|e| Error::Corrupt { what: format!("call {}", row.id), why: e.to_string() })
}

fn known(call: &Call) -> Known {
    Known {
        id: call.id.as_str().to_owned(),
        keys: call.keys.iter().map(|k| k.key.clone()).collect(),
        caller: call.caller.e164().map(str::to_owned),
        dialled: call.dialled.clone().filter(|d| d.starts_with('+')),
        at: call.started_at,
    }
}

fn number(raw: Option<&str>, region: &str) -> Option<String> {
    match identity::phone(raw?, region) {
        Phone::E164 { e164, .. } => Some(e164),
        _ => None,
    }
}

/// A signal as a witness's line. Without a start it cannot be placed in any window.
fn listed(connection: &ConnectionId, reference: String, signal: Signal, region: &str) -> Option<Listed> {
    let missed = matches!(signal.ending, Ending::RingNoAnswer | Ending::Busy | Ending::Abandoned | Ending::Voicemail)
        && signal.direction != Direction::Outbound
        && !signal.spam;
    let rang = Rang {
        reference,
        keys: signal.call_keys.clone(),
        caller: number(signal.caller.as_deref(), region),
        dialled: number(signal.dialled.as_deref(), region),
        at: signal.started_at?,
        missed,
    };
    (signal.direction != Direction::Outbound).then(|| Listed { connection: connection.clone(), signal, rang })
}

fn held(row: &SignalRow) -> Stored {
    let why = row.why.clone().unwrap_or_else(|| row.state.clone());
    let command = match row.state.as_str() {
        "quarantined" => format!("ringback quarantine accept {}", row.id),
        _ => "ringback runbook".to_owned(),
    };
    let class = why.split([':', ' ']).next().unwrap_or_default();
    let waits = row.state == "stored";
    let why = if waits { "not worked on yet".to_owned() } else { format!("{} ({class})", row.state) };
    Stored::Held { signal: row.id.clone(), why, command, waits }
}

fn slug(facts: &AccountFacts, id: Option<&ringback_core::id::LocationId>) -> String {
    id.and_then(|id| facts.roster.location(id)).map(|l| l.slug.clone()).unwrap_or_default()
}

/// Where moments about that location are told; else where the account's days begin.
fn zone(facts: &AccountFacts, id: Option<&ringback_core::id::LocationId>) -> String {
    let place = id.and_then(|id| facts.roster.location(id));
    place.map_or_else(|| crate::prove::zone(facts), |l| l.calendar.zone().to_owned())
}

/// A listed call that no call of ours answers for.
fn unrecorded(facts: &AccountFacts, one: &Listed, stored: Stored) -> Case {
    let line = one.rang.dialled.as_deref().and_then(|number| facts.roster.line(number)).map(|line| &line.location);
    let own = facts.connections.get(one.connection.as_str()).and_then(|c| facts.location_of(&c.connection));
    let word = serde_json::to_value(one.signal.ending).ok();
    let place = line.or(own);
    Case {
        call: one.rang.reference.clone(),
        inquiry: None,
        location: slug(facts, place),
        at: one.rang.at,
        category: word.and_then(|w| w.as_str().map(str::to_owned)).unwrap_or_default(),
        zone: zone(facts, place),
        stored,
        matched: Mark::No("not recorded".into()),
        parts: Vec::new(),
        called_back: Mark::No("not recorded".into()),
        others: Vec::new(),
        known_since: None,
    }
}

/// A call of ours, before the CRM was asked.
fn case(facts: &AccountFacts, one: &Ours) -> Case {
    let call = &one.call;
    let mut case = Case {
        call: call.id.as_str().to_owned(),
        inquiry: one.inquiry.as_ref().map(|i| i.id.as_str().to_owned()),
        location: slug(facts, call.location.as_ref()),
        at: call.started_at,
        category: call.category().to_owned(),
        zone: zone(facts, call.location.as_ref()),
        stored: Stored::Recorded,
        matched: Mark::NotNeeded("it opened no inquiry".into()),
        parts: Vec::new(),
        called_back: Mark::NotNeeded("it opened no inquiry".into()),
        others: Vec::new(),
        known_since: None,
    };
    let Some(inquiry) = &one.inquiry else {
        let why = if call.spam {
            "the provider marks it as spam"
        } else if call.answered() {
            "somebody answered it after all"
        } else if call.settled() {
            "the rules open no inquiry for this caller"
        } else {
            "it is not known yet how it ended"
        };
        for object in [Object::Contact, Object::Call, Object::Task] {
            case.parts.push(empty(object, Sent::Unwanted(why.into())));
        }
        return case;
    };
    case.known_since = Some(inquiry.opened_at);
    case.matched = matched(inquiry);
    case.called_back = called_back(inquiry);
    let why = no_contact(facts, one, inquiry);
    let newest = |target: &str| one.effects.iter().rev().find(|row| row.target == target && row.state != "superseded");
    let contact = newest("contact").map(|row| planned(Object::Contact, row));
    case.parts.push(match (&inquiry.contact, contact) {
        (_, Some(part)) if part.sent != Sent::Done => part,
        (Some(contact), _) => Part {
            sent: Sent::Done,
            made: contact.made,
            record: Some(contact.record.clone()),
            effect: newest("contact").map(|row| row.id.clone()),
            ..empty(Object::Contact, Sent::Done)
        },
        (None, Some(part)) => part,
        (None, None) => empty(Object::Contact, why.clone()),
    });
    let log = newest(&format!("call:{}", call.id.stem())).map(|row| planned(Object::Call, row));
    case.parts.push(log.unwrap_or_else(|| empty(Object::Call, why.clone())));
    let task = newest("task").map(|row| planned(Object::Task, row));
    case.parts.push(task.unwrap_or_else(|| {
        let sent = match (&inquiry.state, &why) {
            (State::Closed { .. }, _) => Sent::Unwanted("it was settled before a task was needed".into()),
            (State::Open, Sent::Nothing) if inquiry.owner.is_none() => {
                Sent::Asked(inquiry.unowned_because.clone().unwrap_or_else(|| "nobody owns it yet".into()))
            }
            _ => why.clone(),
        };
        empty(Object::Task, sent)
    }));
    case
}

fn empty(object: Object, sent: Sent) -> Part {
    Part {
        object,
        effect: None,
        sent,
        made: true,
        record: None,
        wrote: Properties::new(),
        seen: Seen::Nothing,
        contacts: None,
        misplaced: None,
    }
}

/// A record as its newest effect left it.
fn planned(object: Object, row: &EffectRow) -> Part {
    let receipt = receipt(row);
    let sent = match row.state.as_str() {
        "done" => Sent::Done,
        "dead" => {
            let why = row.why.as_deref().unwrap_or_default();
            let class = serde_json::from_str::<ringback_core::crm::Why>(why).map(|why| why.class);
            Sent::Dead(class.unwrap_or_else(|_| "refused".into()).replace('_', " "))
        }
        "review" => Sent::Asked("a person must approve it".into()),
        _ => Sent::Waits(format!("planned {}, tried {} times", instant(row.created_at), row.attempts)),
    };
    Part {
        effect: Some(row.id.clone()),
        made: !receipt.as_ref().is_some_and(|r| r.adopted),
        record: receipt.map(|r| r.record).filter(|r| !r.is_empty()),
        ..empty(object, sent)
    }
}

fn receipt(row: &EffectRow) -> Option<Receipt> {
    serde_json::from_str(row.receipt.as_deref()?).ok()
}

fn matched(inquiry: &Inquiry) -> Mark {
    match inquiry.matched.as_ref().map(|m| m.kind) {
        Some(MatchKind::Customer | MatchKind::Lead | MatchKind::New) => Mark::Yes,
        Some(MatchKind::Ambiguous) => Mark::Waits("several records may be this caller".into()),
        Some(MatchKind::Anonymous) => Mark::NotNeeded("there is no number to know anybody by".into()),
        Some(MatchKind::Vendor) => Mark::NotNeeded("a supplier".into()),
        None => Mark::Waits("nobody has looked yet".into()),
    }
}

fn called_back(inquiry: &Inquiry) -> Mark {
    match (&inquiry.state, inquiry.callbacks.is_empty(), &inquiry.clock) {
        (State::Closed { .. }, _, _) | (_, false, _) => Mark::Yes,
        (State::Open, true, Some(clock)) => Mark::Waits(format!("due {}", clock.due_at)),
        (State::Open, true, None) => Mark::Waits("no clock runs yet".into()),
    }
}

/// Why there is no contact, where there is none.
fn no_contact(facts: &AccountFacts, one: &Ours, inquiry: &Inquiry) -> Sent {
    let place = slug(facts, inquiry.location.as_ref());
    let supplier = inquiry.e164.as_deref().and_then(|n| facts.roster.known(n)) == Some(KnownNumber::Vendor);
    if facts.facts().crm.is_none() {
        return Sent::Unwanted("no CRM is connected".into());
    }
    if facts.facts().autonomy(&place, None) < Autonomy::AutoLowRisk {
        return Sent::Unwanted("at the level of this location nothing is made by itself".into());
    }
    if supplier {
        return Sent::Unwanted("a supplier".into());
    }
    if inquiry.reviews.iter().any(|r| matches!(r.kind, ReviewKind::Match | ReviewKind::NoNumber)) {
        return Sent::Asked("a person must say who called".into());
    }
    match (&one.call.caller, inquiry.matched.as_ref().map(|m| m.kind)) {
        (Caller::Number { .. }, Some(MatchKind::New | MatchKind::Lead | MatchKind::Customer)) => Sent::Nothing,
        (Caller::Number { .. }, None) => {
            let find = one.effects.iter().rev().find(|row| row.target == "find");
            find.map_or(Sent::Nothing, |row| match planned(Object::Contact, row).sent {
                Sent::Done => Sent::Nothing,
                sent => sent,
            })
        }
        (Caller::Number { .. }, Some(MatchKind::Ambiguous)) => Sent::Asked("several records may be this caller".into()),
        _ => Sent::Unwanted("there is no number to know anybody by".into()),
    }
}

/// Everything that receipts say was written to a record, the latest value of each property.
fn written(rows: &[EffectRow]) -> Properties {
    let mut rows: Vec<&EffectRow> = rows.iter().filter(|row| row.state == "done" && row.kind != "find").collect();
    rows.sort_by_key(|row| (row.settled_at, row.created_at));
    let receipts = rows.into_iter().filter_map(receipt).filter(|r| !r.adopted);
    receipts.flat_map(|r| r.properties).collect::<BTreeMap<_, _>>()
}

/// The outcome of a read as what was seen; a survivor has to be read before it counts.
fn seen(outcome: Option<&Outcome>) -> Result<Seen, String> {
    match outcome {
        Some(Outcome::Done { held }) => match held.records.first() {
            Some(record) if record.archived => Ok(Seen::Gone),
            Some(record) => Ok(Seen::Held(record.clone())),
            None => Ok(Seen::Gone),
        },
        Some(Outcome::Gone { merged_into: Some(survivor) }) => Err(survivor.clone()),
        Some(Outcome::Gone { merged_into: None }) => Ok(Seen::Gone),
        Some(other) => Ok(Seen::Unread(ringback_core::ensure::words(other))),
        None => Ok(Seen::Unread("it was not asked".into())),
    }
}

#[cfg(test)]
mod tests;
