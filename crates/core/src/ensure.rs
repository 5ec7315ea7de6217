//! How an effect is brought about: which exchange comes next, decided from what has happened so far.
//!
//! This is the one place where "find, create, adopt the duplicate, associate, read back, and what to do after unknown" is written, for
//! all vendors. [`next`] is pure and total: the history of an effect decides, not the memory of a worker, so a node that dies
//! between two exchanges changes nothing.
//!
//! Three rules carry the weight:
//! - after an unanswered write nobody looks and nobody writes before the write can no longer land
//!   ([`WriteTraits::timeout`] + [`WriteTraits::settling`]); then the record is looked up by our key before anything is written again;
//! - a reply to a write is never a receipt: done means that a later read shows every property and every association;
//! - what was certainly not done may be tried again; what may have been done is looked for.
//!
//! And one keeps people's work: what our record or its contact became (merged, converted) is followed, and a name that we made up gives
//! way to any other.

mod restore;

use crate::crm::{
    CrmOp, DealsWay, Held, KEY_PROPERTY, KeyWay, Object, Outcome, Properties, Record, Why, WriteTraits,
    is_placeholder_name,
};
use crate::effect::{Desired, STAMPS};
use crate::mutant;
use crate::rollback::Spared;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

/// Version of the stored form of [`History`].
pub const HISTORY_SCHEMA: u32 = 1;
/// The most exchanges of one effect before a person must look. Tries that certainly did nothing (a throttled or refused connection)
/// count as one however often they are repeated: an outage does not use them up.
pub const EXCHANGES_MAX: usize = 120;
/// How long an effect is tried before a person must look, outages included.
pub const TRYING_HOURS_MAX: i64 = 72;
/// How often a write may be acknowledged and yet not be there before a person must look.
pub const NOT_TAKEN_MAX: usize = 6;
/// How often a record may change, point to another one or be taken by another one while it is written, before a person must look.
pub const TURNINGS_MAX: usize = 12;
/// How often our key is written into the record that ours became, before that is left as it is.
const KEY_TRIES_MAX: usize = 2;
/// The class of a dead letter whose record came to no rest.
const UNSTEADY: &str = "unsteady";
/// The class of a dead letter whose contact is not there any more.
const CONTACT_GONE: &str = "contact_gone";
/// The class of a dead letter whose value belongs to another record.
const VALUE_TAKEN: &str = "value_taken";
/// The class of a dead letter for which the CRM names a record that it does not show.
const DUPLICATE_NOT_FOUND: &str = "duplicate_not_found";
/// The class of a dead letter whose write was acknowledged and is not there.
const WRITE_NOT_TAKEN: &str = "write_not_taken";
/// The class of a dead letter whose association was acknowledged and is not there.
const ASSOCIATION_NOT_TAKEN: &str = "association_not_taken";
/// How soon to ask again whether another effect's write to the same record was answered.
const OTHERS_WRITE: Duration = Duration::from_secs(5);
/// The longest wait between two tries.
pub const BACKOFF_SECONDS_MAX: i64 = 300;
/// The most records that one search may bring into a match.
pub const CANDIDATES_MAX: usize = 5;
/// The most exchanges for a page to staff.
pub const PAGE_TRIES_MAX: usize = 10;

/// What an exchange was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Find out whether and how the record exists, without changing it.
    Look,
    Write,
    Associate,
    ReadBack,
    /// Find out whether the contact that an activity belongs to has become another record.
    Follow,
}

impl Purpose {
    /// Does an exchange for this purpose change something outside?
    pub fn changes(self) -> bool {
        matches!(self, Self::Write | Self::Associate)
    }
    /// A stable word for logs and the ledger.
    pub fn word(self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::Write => "write",
            Self::Associate => "associate",
            Self::ReadBack => "read_back",
            Self::Follow => "follow",
        }
    }
}

/// One exchange that was started, and how it ended if it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    pub purpose: Purpose,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// `None`: it left and nothing is known (the node died); counts as unknown.
    pub outcome: Option<Outcome>,
    /// So many tries before this one, for the same purpose, certainly did nothing; each has its own entry in the ledger.
    #[serde(default)]
    pub repeats: u32,
    /// The vendor's id of the one record that was asked for, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
}

/// All exchanges of one effect, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    pub exchanges: Vec<Exchange>,
}

impl History {
    /// Notes that an exchange begins. It takes the place of a try for the same purpose that certainly did nothing.
    pub fn begin(&mut self, purpose: Purpose, now: Timestamp, asked: Option<String>) {
        let nothing = |e: &Exchange| {
            e.purpose == purpose
                && matches!(
                    e.outcome,
                    Some(Outcome::Retry { .. } | Outcome::Exhausted { .. } | Outcome::AuthExpired { .. })
                )
        };
        let mut exchange = Exchange { purpose, started_at: now, ended_at: None, outcome: None, repeats: 0, asked };
        if let Some(last) = self.exchanges.pop_if(|e| nothing(e)) {
            exchange.repeats = last.repeats.saturating_add(1);
        }
        self.exchanges.push(exchange);
    }

    /// What is kept of it once the effect is settled: which exchanges there were. What the vendor held stands in the receipt.
    #[must_use]
    pub fn settled(mut self) -> Self {
        for exchange in &mut self.exchanges {
            if let Some(Outcome::Done { held }) = &mut exchange.outcome {
                *held = Held::default();
            }
        }
        self
    }
}

/// What to do next for an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Make this exchange.
    Exchange { purpose: Purpose, operation: CrmOp },
    /// Tell the sink (pages have no CRM operation).
    Tell,
    /// Nothing before then.
    Wait { until: Timestamp, why: String },
    /// It is so; this is what the vendor holds according to a later read.
    Done(Receipt),
    /// A value moved since it was decided: decide again on what is there now.
    Moved(Record),
    /// It cannot succeed without a person.
    DeadLetter(Why),
}

/// What the vendor holds according to a later read, field by field, associations included.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    pub object: Option<Object>,
    pub record: String,
    pub read_at: Option<Timestamp>,
    /// Every property that was sent, as it was read.
    pub properties: Properties,
    pub associations: BTreeMap<Object, Vec<String>>,
    /// An existing record was taken instead of making one.
    pub adopted: bool,
    /// What the records were before, where they were read before the write: the inverse of the write.
    pub was: Properties,
    /// Properties that a rollback left as they stand, each with the stable word of why ([`crate::rollback::Spared`]).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub spared: BTreeMap<String, Spared>,
    /// What a search found (only of a find).
    pub found: Vec<Record>,
}

/// What else `next` must know besides the effect and its history.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    pub traits: WriteTraits,
    pub now: Timestamp,
    /// The contact that this effect's activity belongs to, once known.
    pub contact: Option<&'a str>,
    /// When the effect was planned (or sent on its way again).
    pub planned_at: Option<Timestamp>,
    /// The same record in the hands of another effect (two inquiries of one person share the person's contact): until when a write of
    /// that one may land unseen. Stays, also past that moment, until somebody has looked.
    pub elsewhere: Option<Timestamp>,
    /// A record that carries this key already, by a receipt of another effect.
    pub known: Option<&'a str>,
    /// The effect was at work before this history began (a person sent it on its way again): a record of it may be there.
    pub tried_before: bool,
    /// The vendor cannot be read: it confirms what was written to it, and a look tells nothing else.
    pub confirms: bool,
    /// Much waits in this lane: reads are cut so that many share a request, where one alone would have shown all.
    pub crowded: bool,
    /// What is read of a deal.
    pub deal_reads: &'a [&'a str],
    /// Records that the identity index knows for these keys: read first, and believed only if the read shows one of the keys.
    pub indexed: &'a [String],
    /// Where a person's numbers and addresses stand, and in which region numbers without a country code are read.
    pub person: PersonWords<'a>,
}

/// Where a person's numbers and addresses stand.
#[derive(Debug, Clone, Copy, Default)]
pub struct PersonWords<'a> {
    pub phones: &'a [&'a str],
    pub emails: &'a [&'a str],
    pub region: &'a str,
}

impl PersonWords<'_> {
    /// Does the record hold one of the keys?
    fn holds(&self, record: &Record, keys: &[crate::crm::PersonKey]) -> bool {
        let texts =
            |names: &[&str]| names.iter().filter_map(|n| record.properties.get(*n)).cloned().collect::<Vec<_>>();
        let numbers: Vec<String> = texts(self.phones)
            .iter()
            .filter_map(|raw| match crate::identity::phone(raw, self.region) {
                crate::identity::Phone::E164 { e164, .. } => Some(e164),
                _ => None,
            })
            .collect();
        let addresses: Vec<String> = texts(self.emails)
            .iter()
            .chain(&record.also_known_as)
            .flat_map(|text| text.split(';'))
            .filter_map(crate::identity::email)
            .collect();
        keys.iter().any(|key| match key {
            crate::crm::PersonKey::Phone { e164, .. } => numbers.contains(e164),
            crate::crm::PersonKey::Email { address } => addresses.contains(address),
        })
    }
}

/// Chooses the next exchange of an effect.
pub fn next(desired: &Desired, history: &History, around: &Circumstances<'_>) -> Next {
    if let Some(until) = quiet_until(history, around) {
        return until;
    }
    // Whoever left the doubt looks first. Two that are both in doubt (of two nodes) wait for the moments only, not for each other.
    if around.elsewhere.is_some_and(|until| until > around.now || !in_doubt(history)) {
        let why = "another inquiry's write to the same record is not answered yet".to_owned();
        return Next::Wait { until: after(around.now, OTHERS_WRITE), why };
    }
    if history.exchanges.len() >= EXCHANGES_MAX {
        let words = format!("{EXCHANGES_MAX} exchanges without an end; last: {}", last_words(history));
        return Next::DeadLetter(Why::new("gave_up", words));
    }
    let hours = around.planned_at.map_or(0, |at| around.now.duration_since(at).as_hours());
    if hours >= TRYING_HOURS_MAX && !history.exchanges.is_empty() {
        let words = format!("not done within {TRYING_HOURS_MAX} hours; last: {}", last_words(history));
        return Next::DeadLetter(Why::new("gave_up", words));
    }
    if let Some(why) = unsteady(history) {
        return Next::DeadLetter(why);
    }
    match desired {
        Desired::FindPerson { keys, properties, record } => find(history, around, keys, properties, record.as_deref()),
        Desired::NewContact { key, properties } => {
            keyed(history, around, &Keyed { object: Object::Contact, key, properties, contact: None, make: true })
        }
        Desired::Activity { object, key, properties, .. } => match around.contact {
            Some(contact) => {
                let keyed_of = Keyed { object: *object, key, properties, contact: Some(contact), make: true };
                keyed(history, around, &keyed_of)
            }
            None if hours >= TRYING_HOURS_MAX => {
                let words = format!("the contact that it belongs to is not known after {TRYING_HOURS_MAX} hours");
                Next::DeadLetter(Why::new("gave_up", words))
            }
            None => Next::Wait { until: after(around.now, OTHERS_WRITE), why: "the contact is not known yet".into() },
        },
        Desired::ActivityIfMade { object, key, properties } => {
            keyed(history, around, &Keyed { object: *object, key, properties, contact: None, make: false })
        }
        Desired::ContactFields { record, properties, was } => fields(history, around, record, properties, was),
        Desired::Restore { object, record, properties, was } => {
            restore::restore(history, around, &restore::Back { object: *object, record, to: properties, from: was })
        }
        Desired::Page { key, .. } => page(history, key, Some(PAGE_TRIES_MAX)),
        // A receiver that is away is waited for as long as a CRM is.
        Desired::Emit { key, .. } => page(history, key, None),
    }
}

/// When may anything happen for this effect again? Holds back what an unanswered write could still overtake.
fn quiet_until(history: &History, around: &Circumstances<'_>) -> Option<Next> {
    let last = history.exchanges.last()?;
    let wait = |until: Timestamp, why: String| (until > around.now).then_some(Next::Wait { until, why });
    match &last.outcome {
        None | Some(Outcome::Unknown { .. }) if last.purpose.changes() && mutant::on("in_flight_until_ignored") => None,
        None | Some(Outcome::Unknown { .. }) if last.purpose.changes() => {
            wait(in_flight_until(last.started_at, around.traits), "an unanswered write may still land".into())
        }
        None | Some(Outcome::Unknown { .. }) => wait(
            after(last.ended_at.unwrap_or(last.started_at), backoff(tries_in_a_row(history))),
            "the last read was not answered".into(),
        ),
        Some(Outcome::Retry { after: asked, why }) => {
            let own = backoff(tries_in_a_row(history));
            let pause = asked.map_or(own, |d| d.max(Duration::from_millis(200)));
            wait(after(last.ended_at.unwrap_or(last.started_at), pause), why.words.clone())
        }
        Some(Outcome::Exhausted { until, why }) => wait(*until, why.words.clone()),
        Some(Outcome::AuthExpired { why }) => {
            let pause = backoff(tries_in_a_row(history) + 4);
            wait(after(last.ended_at.unwrap_or(last.started_at), pause), why.words.clone())
        }
        _ => None,
    }
}

/// Is there a write that nobody answered, and nobody has looked since?
pub fn in_doubt(history: &History) -> bool {
    telling(history).is_some_and(|(last, outcome)| {
        last.purpose.changes() && matches!(outcome, None | Some(Outcome::Unknown { .. }))
    })
}

/// The moment until which an exchange that changes something may still land unseen. Committed before it leaves.
pub fn in_flight_until(started_at: Timestamp, traits: WriteTraits) -> Timestamp {
    after(started_at, traits.timeout + traits.settling)
}

/// Doubling from two seconds to [`BACKOFF_SECONDS_MAX`]; the lane spreads it, so no jitter is needed here.
pub fn backoff(tries: usize) -> Duration {
    let exponent = u32::try_from(tries.saturating_sub(1)).unwrap_or(20).min(20);
    Duration::from_secs((2_u64 << exponent).min(BACKOFF_SECONDS_MAX.unsigned_abs()))
}

fn after(at: Timestamp, pause: Duration) -> Timestamp {
    SignedDuration::try_from(pause).ok().and_then(|d| at.checked_add(d).ok()).unwrap_or(Timestamp::MAX)
}

fn tries_in_a_row(history: &History) -> usize {
    let failed = history.exchanges.iter().rev().take_while(|e| !matches!(e.outcome, Some(Outcome::Done { .. })));
    failed.map(|e| 1 + e.repeats as usize).sum()
}

fn last_words(history: &History) -> String {
    history.exchanges.last().and_then(|e| e.outcome.as_ref()).map_or_else(|| "no answer".into(), words)
}

/// The reason inside an outcome, for people.
pub fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Retry { why, .. }
        | Outcome::Exhausted { why, .. }
        | Outcome::Duplicate { why, .. }
        | Outcome::Refused { why }
        | Outcome::AuthExpired { why }
        | Outcome::Unknown { why } => why.words.clone(),
        Outcome::Done { .. } => "done".into(),
        Outcome::Stale { .. } => "the record changed".into(),
        Outcome::Gone { .. } => "the record is not there".into(),
    }
}

fn find(
    history: &History,
    around: &Circumstances<'_>,
    keys: &[crate::crm::PersonKey],
    properties: &[String],
    record: Option<&str>,
) -> Next {
    if let Some(refusal) = refusal(history) {
        return Next::DeadLetter(refusal);
    }
    let look = |operation| Next::Exchange { purpose: Purpose::Look, operation };
    let read = |id: &str| {
        // Where much waits, the links are asked for in a request of their own, which many share.
        let associations = match around.traits.deals {
            DealsWay::Associations if !around.crowded => vec![Object::Deal],
            DealsWay::Associations | DealsWay::Search | DealsWay::None => Vec::new(),
        };
        look(CrmOp::ReadById {
            object: Object::Contact,
            id: id.to_owned(),
            properties: properties.to_vec(),
            associations,
            history: true,
        })
    };
    let answer = |e: &Exchange| matches!(&e.outcome, Some(Outcome::Done { .. } | Outcome::Gone { .. }));
    // What the index knows is read before anybody searches, and stands only if the read shows one of the keys.
    // Where a record is named, everybody like it is wanted as well, and the index knows only some.
    let searched = match record {
        Some(_) => Some(0),
        None => history.exchanges.iter().position(|e| e.asked.is_none()),
    };
    let (by_index, rest) = history.exchanges.split_at(searched.unwrap_or(history.exchanges.len()));
    let mut found: Vec<Record> = Vec::new();
    let mut answers = rest.iter().filter(|e| answer(e)).filter_map(|e| match &e.outcome {
        Some(Outcome::Done { held }) => Some(Ok(held)),
        Some(Outcome::Gone { merged_into }) => Some(Err(merged_into.as_deref())),
        _ => None,
    });
    if searched.is_none() {
        let asked = |id: &String| by_index.iter().any(|e| answer(e) && e.asked.as_ref() == Some(id));
        if let Some(id) = around.indexed.iter().take(CANDIDATES_MAX).find(|id| !asked(id)) {
            return read(id);
        }
    }
    for record in by_index.iter().filter_map(|e| held(e.outcome.as_ref())).flat_map(|h| &h.records) {
        if around.person.holds(record, keys) && !found.iter().any(|known| known.id == record.id) {
            found.push(record.clone());
        }
    }
    let by_index = !found.is_empty();
    if !by_index {
        // Each answer is the answer to the question that the answers before it lead to.
        let mut asked: Vec<String> = record.map(str::to_owned).into_iter().collect();
        if record.is_none() || !keys.is_empty() {
            let Some(search) = answers.next() else {
                return look(CrmOp::FindPerson { keys: keys.to_vec(), properties: properties.to_vec() });
            };
            // The search shows who; a read by id (consistent, with history) shows what is there and who set it.
            let Ok(search) = search else { return Next::Done(Receipt::default().or_now(around.now)) };
            for record in search.records.iter().filter(|r| !r.archived) {
                if asked.len() < CANDIDATES_MAX && !asked.contains(&record.id) {
                    asked.push(record.id.clone());
                }
            }
        }
        let mut n = 0;
        while let Some(id) = asked.get(n).cloned() {
            n += 1;
            match answers.next() {
                None => return read(&id),
                Some(Ok(held)) => found.extend(held.records.iter().cloned()),
                // Merged away, or made into another record: that one is the person.
                Some(Err(Some(survivor))) => {
                    if asked.len() < 2 * CANDIDATES_MAX && !asked.iter().any(|known| known == survivor) {
                        asked.push(survivor.to_owned());
                    }
                }
                Some(Err(None)) => {}
            }
        }
        found.dedup_by(|a, b| a.id == b.id);
    }
    let deals = match deals_of(&mut found, &mut answers, around) {
        Ok(deals) => deals,
        Err(operation) => return look(operation),
    };
    found.extend(deals.into_iter().map(|mut deal| {
        deal.also_known_as.push(DEAL_MARK.to_owned());
        deal
    }));
    let read_at = history.exchanges.last().and_then(|e| e.ended_at);
    Next::Done(Receipt { read_at, found, ..Receipt::default() }.or_now(around.now))
}

/// The deals of the people who were found; `Err`: what has to be asked for them.
fn deals_of<'a>(
    found: &mut [Record],
    answers: &mut impl Iterator<Item = Result<&'a Held, Option<&'a str>>>,
    around: &Circumstances<'_>,
) -> Result<Vec<Record>, CrmOp> {
    let reads: Vec<String> = around.deal_reads.iter().map(|p| (*p).to_owned()).collect();
    let mut deals: Vec<Record> = Vec::new();
    match around.traits.deals {
        DealsWay::None => {}
        DealsWay::Search => {
            for person in &*found {
                match answers.next() {
                    None => return Err(CrmOp::FindDeals { contact: person.id.clone(), properties: reads }),
                    Some(Ok(held)) => deals.extend(held.records.iter().cloned()),
                    Some(Err(_)) => {}
                }
            }
        }
        DealsWay::Associations => {
            // Whose deals a read has not shown, is asked what it is linked to.
            for person in found.iter_mut().filter(|r| !r.associations.contains_key(&Object::Deal)) {
                match answers.next() {
                    None => {
                        let id = person.id.clone();
                        return Err(CrmOp::ReadLinks { object: Object::Contact, id, to: Object::Deal });
                    }
                    Some(Ok(held)) => {
                        let linked = held.records.first().and_then(|r| r.associations.get(&Object::Deal));
                        person.associations.insert(Object::Deal, linked.cloned().unwrap_or_default());
                    }
                    Some(Err(_)) => {}
                }
            }
            let mut ids: Vec<String> =
                found.iter().filter_map(|r| r.associations.get(&Object::Deal)).flatten().cloned().collect();
            ids.sort();
            ids.dedup();
            if !ids.is_empty() {
                match answers.next() {
                    None => return Err(CrmOp::ReadMany { object: Object::Deal, ids, properties: reads }),
                    Some(Ok(held)) => deals.extend(held.records.iter().cloned()),
                    Some(Err(_)) => {}
                }
            }
        }
    }
    Ok(deals)
}

/// Marks the records of a find that are deals rather than contacts.
pub const DEAL_MARK: &str = "rb:deal";

impl Receipt {
    fn or_now(mut self, now: Timestamp) -> Self {
        self.read_at = self.read_at.or(Some(now));
        self
    }
}

/// A record that carries our key.
struct Keyed<'a> {
    object: Object,
    key: &'a str,
    properties: &'a Properties,
    contact: Option<&'a str>,
    /// Make it where it is missing.
    make: bool,
}

impl Keyed<'_> {
    fn names(&self) -> Vec<String> {
        self.properties.keys().cloned().collect()
    }
    /// What a read must show besides the properties. Where the link stands in the record itself, showing it costs no request.
    fn associations(&self, around: &Circumstances<'_>) -> Vec<Object> {
        let shows = around.traits.links_in_write || !around.crowded;
        self.contact.filter(|_| shows).map(|_| Object::Contact).into_iter().collect()
    }
    fn by_key(&self, around: &Circumstances<'_>) -> CrmOp {
        CrmOp::ReadByKey {
            object: self.object,
            key: self.key.to_owned(),
            of: self.contact.map(str::to_owned),
            properties: self.names(),
            associations: self.associations(around),
        }
    }
    fn by_id(&self, id: &str, around: &Circumstances<'_>) -> CrmOp {
        CrmOp::ReadById {
            object: self.object,
            id: id.to_owned(),
            properties: self.names(),
            associations: self.associations(around),
            history: false,
        }
    }
    /// Reading back: by our key where that is consistent, else by the id that the write gave.
    fn read_back(&self, id: Option<&str>, around: &Circumstances<'_>) -> CrmOp {
        match id {
            Some(id) if around.traits.way(self.object) == KeyWay::LookThenCreate => self.by_id(id, around),
            _ => self.by_key(around),
        }
    }
    /// Is it as it shall be? A name that we made up gives way to any name, for somebody typed that one.
    fn stands(&self, name: &str, wanted: &str, held: &Properties) -> bool {
        let held = held.get(name).map_or("", String::as_str);
        let typed = !held.trim().is_empty() && !is_placeholder_name(held);
        same(held, wanted) || (self.object == Object::Contact && is_placeholder_name(wanted) && typed)
    }
    /// The write that makes it so. Where the server does not close the race, an existing record is updated by its id; so is a contact
    /// wherever it was seen, for what was typed into it stays.
    fn write(&self, held: Option<&Record>, around: &Circumstances<'_>) -> CrmOp {
        let (object, key, of) = (self.object, self.key.to_owned(), self.contact.map(str::to_owned));
        match (around.traits.way(object), held) {
            (way, Some(record)) if way == KeyWay::LookThenCreate || object == Object::Contact => {
                let differs = |(name, value): &(&String, &String)| !self.stands(name, value, &record.properties);
                let changed = self.properties.iter().filter(differs);
                CrmOp::Update {
                    object,
                    id: record.id.clone(),
                    properties: changed.map(|(n, v)| (n.clone(), v.clone())).collect(),
                    seen: record.version.clone(),
                }
            }
            (KeyWay::Upsert, _) => CrmOp::Upsert { object, key, of, properties: self.properties.clone() },
            (KeyWay::LookThenCreate, _) => CrmOp::Create { object, key, of, properties: self.properties.clone() },
        }
    }
    /// A refusal that names what was sent is about that; any other may be about the record or its contact.
    fn names_values(&self, why: &Why) -> bool {
        !why.properties.is_empty() && why.properties.iter().all(|name| self.properties.contains_key(name))
    }
}

fn keyed(history: &History, around: &Circumstances<'_>, of: &Keyed<'_>) -> Next {
    match followed(history, around, of) {
        Ok((history, contact)) => {
            let of = Keyed { contact: contact.as_deref(), ..*of };
            keyed_of(&history, around, &of)
        }
        Err(next) => *next,
    }
}

/// The contact that an activity belongs to, as it is by now, and the exchanges that count: what was refused because of the record that it
/// was before is left out. `Err`: what comes next because of it.
fn followed<'h>(
    history: &'h History,
    around: &Circumstances<'_>,
    of: &Keyed<'_>,
) -> Result<(Cow<'h, History>, Option<String>), Box<Next>> {
    let Some(first) = of.contact else { return Ok((Cow::Borrowed(history), None)) };
    let mut contact = first.to_owned();
    let mut kept: Vec<&Exchange> = Vec::with_capacity(history.exchanges.len());
    // The contact was seen to be there since the last exchange.
    let mut there = false;
    for exchange in &history.exchanges {
        if exchange.purpose != Purpose::Follow {
            kept.push(exchange);
            there = false;
            continue;
        }
        let became = match &exchange.outcome {
            Some(Outcome::Gone { merged_into: Some(survivor) }) => Some(survivor.clone()),
            Some(Outcome::Done { held }) => held.records.first().map(|r| r.id.clone()).filter(|id| *id != contact),
            _ => None,
        };
        match (&exchange.outcome, became) {
            (_, Some(survivor)) => {
                contact = survivor;
                kept.pop();
            }
            (Some(Outcome::Gone { .. }), _) => {
                let told = kept.last().and_then(|e| e.outcome.as_ref()).map_or_else(String::new, words);
                let words = format!("contact {contact} is not there any more, so nothing can be written to it: {told}");
                return Err(Box::new(Next::DeadLetter(Why::new(CONTACT_GONE, words))));
            }
            (
                Some(
                    Outcome::Done { .. } | Outcome::Refused { .. } | Outcome::Stale { .. } | Outcome::Duplicate { .. },
                ),
                _,
            ) => {
                there = true;
            }
            // It told nothing: asked again.
            (
                None
                | Some(
                    Outcome::Unknown { .. }
                    | Outcome::Retry { .. }
                    | Outcome::Exhausted { .. }
                    | Outcome::AuthExpired { .. },
                ),
                _,
            ) => {}
        }
    }
    let shown =
        kept.iter().any(|e| held(e.outcome.as_ref()).is_some_and(|h| h.records.iter().any(|r| !r.id.is_empty())));
    let doubtful = kept.last().is_some_and(|last| match &last.outcome {
        Some(Outcome::Refused { why }) => last.purpose.changes() && !of.names_values(why),
        Some(Outcome::Gone { .. }) => last.purpose == Purpose::Associate,
        // A record that is made cannot have changed: what changed is what it belongs to.
        Some(Outcome::Stale { .. }) => last.purpose.changes() && !shown,
        _ => false,
    });
    if doubtful && !there && !around.confirms {
        let operation = CrmOp::ReadById {
            object: Object::Contact,
            id: contact,
            properties: vec![KEY_PROPERTY.to_owned()],
            associations: Vec::new(),
            history: false,
        };
        return Err(Box::new(Next::Exchange { purpose: Purpose::Follow, operation }));
    }
    let whole = kept.len() == history.exchanges.len();
    let exchanges = || History { exchanges: kept.into_iter().cloned().collect() };
    Ok((if whole { Cow::Borrowed(history) } else { Cow::Owned(exchanges()) }, Some(contact)))
}

/// An upsert of a contact was refused: the record may be read-only for what it became, and a look by our key tells. Where that shows
/// nothing of the kind, the refusal stands.
fn refused_upsert(history: &History, around: &Circumstances<'_>, of: &Keyed<'_>) -> Option<Next> {
    if of.object != Object::Contact || around.traits.way(of.object) != KeyWay::Upsert || around.confirms {
        return None;
    }
    let refused = |e: &Exchange| match &e.outcome {
        Some(Outcome::Refused { why }) if e.purpose == Purpose::Write && !of.names_values(why) => Some(why.clone()),
        _ => None,
    };
    let mut answers = history.exchanges.iter().rev().filter(|e| tells(e));
    let last = answers.next()?;
    if refused(last).is_some() {
        return Some(Next::Exchange { purpose: Purpose::Look, operation: of.by_key(around) });
    }
    let before = answers.next().and_then(refused)?;
    (last.purpose == Purpose::Look).then_some(Next::DeadLetter(before))
}

fn keyed_of(history: &History, around: &Circumstances<'_>, of: &Keyed<'_>) -> Next {
    if let Some(adopted) = adopted(history, around, of) {
        return adopted;
    }
    if let Some(next) = refused_upsert(history, around, of) {
        return next;
    }
    if let Some(refusal) = refusal(history) {
        return Next::DeadLetter(refusal);
    }
    let look = |purpose, operation| Next::Exchange { purpose, operation };
    let write = || look(Purpose::Write, of.write(None, around));
    // The last exchange that told something; unanswered reads and certain failures told nothing.
    let Some((last, outcome)) = telling(history) else {
        // A record of this key that another effect made is read, not made again; nor is a contact written that may be there, for somebody
        // may have typed into it.
        let (blind, contact) = (
            of.make && around.traits.way(of.object) == KeyWay::Upsert,
            of.object == Object::Contact && !around.confirms,
        );
        return match around.known {
            Some(id) if !blind || contact => look(Purpose::Look, of.by_id(id, around)),
            _ if blind && !(contact && around.tried_before) => write(),
            _ => look(Purpose::Look, of.by_key(around)),
        };
    };
    match (last.purpose, outcome) {
        (Purpose::Write | Purpose::Associate, None | Some(Outcome::Unknown { .. }))
            if mutant::on("unknown_treated_as_retry") =>
        {
            write()
        }
        (Purpose::Write | Purpose::Associate, Some(Outcome::Done { held })) if mutant::on("read_back_skipped") => {
            let record = held.records.first().map(|r| r.id.clone()).unwrap_or_default();
            Next::Done(Receipt {
                object: Some(of.object),
                record,
                properties: of.properties.clone(),
                ..Receipt::default()
            })
        }
        // Unanswered, and by now it has landed or never will: look before anything else.
        (Purpose::Write | Purpose::Associate, None | Some(Outcome::Unknown { .. })) => {
            let id = record_seen(history);
            look(Purpose::Look, id.map_or_else(|| of.by_key(around), |id| of.read_back(Some(id), around)))
        }
        (Purpose::Write, Some(Outcome::Done { held })) => match (of.contact, held.records.first()) {
            (Some(contact), Some(record)) if !record.id.is_empty() && !around.traits.links_in_write => {
                associate(of, &record.id, contact)
            }
            (_, record) => {
                let id = record.map(|r| r.id.as_str()).filter(|id| !id.is_empty()).or_else(|| record_seen(history));
                look(Purpose::ReadBack, of.read_back(id, around))
            }
        },
        (Purpose::Associate, Some(Outcome::Done { .. })) => {
            look(Purpose::ReadBack, of.read_back(record_seen(history), around))
        }
        // Somebody changed the record between our read and our write: read it again.
        (Purpose::Write, Some(Outcome::Stale { .. })) => {
            look(Purpose::Look, of.read_back(record_seen(history), around))
        }
        (Purpose::Look | Purpose::ReadBack, Some(Outcome::Done { held })) => match held.records.first() {
            Some(record) => judge(history, of, record, last, around),
            None => missing(history, of, around),
        },
        (_, Some(Outcome::Gone { merged_into: Some(survivor) })) => look(Purpose::Look, of.by_id(survivor, around)),
        (_, Some(Outcome::Gone { .. })) => missing(history, of, around),
        _ => look(Purpose::Look, of.by_key(around)),
    }
}

/// The vendor's id of the record, if an exchange has shown it.
fn record_seen(history: &History) -> Option<&str> {
    let seen = |e: &'_ Exchange| match &e.outcome {
        Some(Outcome::Done { held }) => held.records.first().map(|r| r.id.clone()).filter(|id| !id.is_empty()),
        _ => None,
    };
    let at = history.exchanges.iter().rposition(|e| seen(e).is_some())?;
    // Where a later exchange says that it is gone, the id is worth nothing.
    let gone = history.exchanges.iter().skip(at).any(|e| matches!(e.outcome, Some(Outcome::Gone { .. })));
    match &history.exchanges.get(at)?.outcome {
        Some(Outcome::Done { held }) if !gone => held.records.first().map(|r| r.id.as_str()),
        _ => None,
    }
}

/// Compares what was read with what shall be.
fn judge(history: &History, of: &Keyed<'_>, record: &Record, last: &Exchange, around: &Circumstances<'_>) -> Next {
    // A read of the links alone says nothing of the properties: those were read just before.
    let links_only = record.properties.is_empty() && record.associations.contains_key(&Object::Contact);
    let before = history.exchanges.iter().rev().skip(1).find_map(|e| held(e.outcome.as_ref())?.records.first());
    let properties = match before {
        Some(before) if links_only && before.id == record.id => &before.properties,
        _ => &record.properties,
    };
    let missing: Vec<&String> =
        of.properties.iter().filter(|(n, v)| !of.stands(n, v, properties)).map(|(n, _)| n).collect();
    if !missing.is_empty() {
        if not_taken(history) >= NOT_TAKEN_MAX {
            let names: Vec<&str> = missing.iter().map(|n| n.as_str()).collect();
            let mut why = Why::new(
                "write_not_taken",
                format!("the CRM acknowledged the write and does not hold it: {}", names.join(", ")),
            );
            why.properties = missing.into_iter().cloned().collect();
            return Next::DeadLetter(why);
        }
        let record = Record { properties: properties.clone(), ..record.clone() };
        return Next::Exchange { purpose: Purpose::Write, operation: of.write(Some(&record), around) };
    }
    if let Some(contact) = of.contact {
        match record.associations.get(&Object::Contact) {
            Some(ids) if ids.iter().any(|id| id == contact) => {}
            // Not asked for in that read: a batch of records does not show what they belong to.
            None if around.crowded && !around.traits.links_in_write => {
                let operation = CrmOp::ReadLinks { object: of.object, id: record.id.clone(), to: Object::Contact };
                return Next::Exchange { purpose: Purpose::ReadBack, operation };
            }
            _ if not_taken(history) >= NOT_TAKEN_MAX => {
                return Next::DeadLetter(Why::new(ASSOCIATION_NOT_TAKEN, "the CRM does not hold the association"));
            }
            _ => return associate(of, &record.id, contact),
        }
    }
    Next::Done(Receipt {
        object: Some(of.object),
        record: record.id.clone(),
        read_at: last.ended_at,
        // What somebody typed where we have a name of our making is theirs, not what we wrote.
        properties: of
            .properties
            .iter()
            .filter_map(|(n, v)| Some((n.clone(), properties.get(n).filter(|held| same(held, v))?.clone())))
            .collect(),
        associations: record.associations.clone(),
        ..Receipt::default()
    })
}

fn associate(of: &Keyed<'_>, record: &str, contact: &str) -> Next {
    let operation = CrmOp::Associate {
        from: of.object,
        from_id: record.to_owned(),
        to: Object::Contact,
        to_id: contact.to_owned(),
    };
    Next::Exchange { purpose: Purpose::Associate, operation }
}

/// Our key is nowhere: write it, or, where nothing shall be made, be content. Not before the vendor's index can show a write of ours.
fn missing(history: &History, of: &Keyed<'_>, around: &Circumstances<'_>) -> Next {
    // Whose it is must be known for its list to be asked for.
    let lag = if of.contact.is_some() { around.traits.key_lag_of(of.object) } else { around.traits.key_lag };
    // Only a write that may have done something can be on its way into the index.
    let may_show = |e: &&Exchange| matches!(&e.outcome, None | Some(Outcome::Unknown { .. } | Outcome::Done { .. }));
    let written = history.exchanges.iter().rev().filter(|e| e.purpose.changes()).find(may_show);
    // What is read by an id is read from the record itself; only a look by key goes through the index.
    if let Some(write) = written.filter(|_| !lag.is_zero() && !mutant::on("in_flight_until_ignored")) {
        let shows = match &write.outcome {
            None | Some(Outcome::Unknown { .. }) => after(in_flight_until(write.started_at, around.traits), lag),
            Some(_) => after(write.ended_at.unwrap_or(write.started_at), lag),
        };
        if shows > around.now {
            return Next::Wait { until: shows, why: "the CRM's search may not show a new record yet".into() };
        }
        // Looked at too early: look again, now that it would show.
        let last = history.exchanges.last().and_then(|e| e.ended_at.or(Some(e.started_at)));
        if last.is_some_and(|at| at < shows) {
            return Next::Exchange { purpose: Purpose::Look, operation: of.by_key(around) };
        }
    }
    if !of.make {
        return Next::Done(Receipt { object: Some(of.object), ..Receipt::default() });
    }
    if not_taken(history) >= NOT_TAKEN_MAX {
        return Next::DeadLetter(Why::new(WRITE_NOT_TAKEN, "the CRM acknowledged the write and holds no such record"));
    }
    Next::Exchange { purpose: Purpose::Write, operation: of.write(None, around) }
}

/// Another record stands for ours: one that holds a unique value of the new contact already, or the one that our contact became (merged,
/// converted). It is read and taken, and none of its values is changed; except that what ours became gets our key where it has none, so that
/// it is found by it. A duplicate that carries our key is what an unanswered write of ours made.
fn adopted(history: &History, around: &Circumstances<'_>, of: &Keyed<'_>) -> Option<Next> {
    let named = |e: &Exchange| match &e.outcome {
        Some(Outcome::Duplicate { existing, .. }) => existing.last().cloned(),
        Some(Outcome::Gone { merged_into }) if of.object == Object::Contact => merged_into.clone(),
        _ => None,
    };
    let at = history.exchanges.iter().rposition(|e| named(e).is_some())?;
    let existing = history.exchanges.get(at).and_then(named)?;
    // Of several steps the first says why: ours became it, or it holds a value.
    let (before, later) = history.exchanges.split_at_checked(at + 1).unwrap_or((&history.exchanges, &[]));
    let duplicate = |e: &Exchange| matches!(e.outcome, Some(Outcome::Duplicate { .. }));
    let became = !before.iter().rev().find(|e| e.purpose.changes() || duplicate(e)).is_some_and(duplicate);
    let read = |purpose| {
        Some(Next::Exchange {
            purpose,
            operation: CrmOp::ReadById {
                object: of.object,
                id: existing.clone(),
                properties: of.names().into_iter().chain([KEY_PROPERTY.to_owned()]).collect(),
                associations: Vec::new(),
                history: false,
            },
        })
    };
    let is_it = |r: &&Record| r.id == existing || r.also_known_as.contains(&existing);
    let shown =
        |e: &Exchange| held(e.outcome.as_ref()).filter(|_| !e.purpose.changes())?.records.iter().find(is_it).cloned();
    let take = |record: Record, read_at: Option<Timestamp>| {
        Some(Next::Done(Receipt {
            object: Some(of.object),
            record: record.id,
            read_at: read_at.or(Some(around.now)),
            properties: record.properties,
            associations: record.associations,
            adopted: true,
            ..Receipt::default()
        }))
    };
    let Some(last) = later.iter().rev().find(|e| tells(e)) else { return read(Purpose::Look) };
    let writes = later.iter().filter(|e| e.purpose.changes()).count();
    // A record of ours that was found so is brought to what it shall be like any other.
    if !became && writes > 0 {
        return None;
    }
    if last.purpose.changes() {
        // What ours became does not take our key: it is taken as it is.
        return match (&last.outcome, later.iter().rev().find_map(|e| Some((shown(e)?, e.ended_at)))) {
            (Some(Outcome::Refused { .. }), Some((record, read_at))) => take(record, read_at),
            _ => read(Purpose::ReadBack),
        };
    }
    let Some(record) = shown(last) else {
        let why = refusal(history).unwrap_or_else(|| {
            let words = format!("the CRM names record {existing} for this one and does not show it");
            Why::new(DUPLICATE_NOT_FOUND, words)
        });
        return Some(Next::DeadLetter(why));
    };
    let key = record.properties.get(KEY_PROPERTY).map_or("", String::as_str);
    if key == of.key && !became {
        return Some(judge(history, of, &record, last, around));
    }
    if key.is_empty() && became && writes < KEY_TRIES_MAX {
        let properties = Properties::from([(KEY_PROPERTY.to_owned(), of.key.to_owned())]);
        let operation = CrmOp::Update { object: of.object, id: record.id, properties, seen: record.version };
        return Some(Next::Exchange { purpose: Purpose::Write, operation });
    }
    take(record, last.ended_at)
}

/// Fields of an existing contact: compare with what the decision read, write, read back.
fn fields(
    history: &History,
    around: &Circumstances<'_>,
    record: &str,
    properties: &Properties,
    was: &Properties,
) -> Next {
    if let Some(refusal) = refusal(history) {
        return Next::DeadLetter(refusal);
    }
    let read = |purpose| Next::Exchange {
        purpose,
        operation: CrmOp::ReadById {
            object: Object::Contact,
            id: record.to_owned(),
            properties: properties.keys().cloned().collect(),
            associations: Vec::new(),
            history: true,
        },
    };
    let wrote = history.exchanges.iter().any(|e| e.purpose == Purpose::Write);
    let Some((last, outcome)) = telling(history) else { return read(Purpose::Look) };
    let held = match outcome {
        Some(Outcome::Done { held }) if !last.purpose.changes() => held,
        // The person's record was merged away between the decision and the write: decide again on the survivor.
        Some(Outcome::Gone { merged_into: Some(survivor) }) => {
            return Next::Exchange {
                purpose: Purpose::Look,
                operation: CrmOp::ReadById {
                    object: Object::Contact,
                    id: survivor.clone(),
                    properties: properties.keys().cloned().collect(),
                    associations: Vec::new(),
                    history: true,
                },
            };
        }
        Some(Outcome::Gone { merged_into: None }) => {
            return Next::DeadLetter(Why::new("record_gone", format!("contact {record} is not there any more")));
        }
        // Certainly not written, and never will be: two records cannot hold it.
        Some(Outcome::Duplicate { existing, why }) => {
            let words = match existing.as_slice() {
                [] => format!("a value for contact {record} belongs to another record already: {}", why.words),
                ids => format!("a value for contact {record} belongs to {} already: {}", ids.join(", "), why.words),
            };
            return Next::DeadLetter(Why { properties: why.properties.clone(), ..Why::new(VALUE_TAKEN, words) });
        }
        _ => return read(Purpose::ReadBack),
    };
    let Some(now) = held.records.first() else {
        return Next::DeadLetter(Why::new("record_gone", format!("the CRM does not show contact {record}")));
    };
    let value = |name: &String| now.properties.get(name).map_or("", String::as_str);
    // A stamp goes with a change: where everything else stands already it is no reason to write, and whoever changed it moved no value. What
    // was sent is read back, stamps included.
    let stamp = |name: &String| STAMPS.contains(&name.as_str());
    if properties.iter().all(|(n, v)| same(value(n), v) || (stamp(n) && !wrote)) {
        return Next::Done(Receipt {
            object: Some(Object::Contact),
            record: now.id.clone(),
            read_at: last.ended_at.or(Some(around.now)),
            properties: properties
                .iter()
                .filter(|(n, v)| !stamp(n) || same(value(n), v))
                .filter_map(|(n, _)| now.properties.get(n).map(|v| (n.clone(), v.clone())))
                .collect(),
            was: was.clone(),
            ..Receipt::default()
        });
    }
    // What is neither the old nor the new value was set by somebody else meanwhile: decide again.
    let moved = properties.iter().any(|(n, v)| {
        let before = was.get(n).map_or("", String::as_str);
        !stamp(n) && !same(value(n), v) && !same(value(n), before)
    });
    if moved || now.id != record {
        return Next::Moved(now.clone());
    }
    if wrote && not_taken(history) >= NOT_TAKEN_MAX {
        return Next::DeadLetter(Why::new(WRITE_NOT_TAKEN, "the CRM acknowledged the write and does not hold it"));
    }
    let operation = CrmOp::Update {
        object: Object::Contact,
        id: now.id.clone(),
        properties: properties.clone(),
        seen: now.version.clone(),
    };
    Next::Exchange { purpose: Purpose::Write, operation }
}

fn page(history: &History, key: &str, tries_max: Option<usize>) -> Next {
    if let Some(refusal) = refusal(history) {
        return Next::DeadLetter(refusal);
    }
    let done = history.exchanges.iter().find(|e| matches!(e.outcome, Some(Outcome::Done { .. })));
    if let Some(exchange) = done {
        return Next::Done(Receipt { record: key.to_owned(), read_at: exchange.ended_at, ..Receipt::default() });
    }
    if tries_max.is_some_and(|most| history.exchanges.len() >= most) {
        return Next::DeadLetter(Why::new("page_not_taken", format!("not accepted; last: {}", last_words(history))));
    }
    Next::Tell
}

/// A read value equals a written one. CRMs give numbers and instants back in their own spelling.
pub fn same(held: &str, sent: &str) -> bool {
    if held == sent || held.trim() == sent.trim() {
        return true;
    }
    // Most values are words, and no instant begins with a letter.
    let wordy = |text: &str| text.starts_with(|c: char| c.is_ascii_alphabetic());
    if wordy(held) || wordy(sent) {
        return false;
    }
    let instant = |text: &str| {
        text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond).or_else(|| {
            (text.len() >= 12 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
        })
    };
    if let (Some(a), Some(b)) = (instant(held), instant(sent)) {
        return a == b;
    }
    let plain = |text: &str| {
        let text = text.trim();
        let number = text.strip_suffix(".0").unwrap_or(text);
        number.bytes().all(|b| b.is_ascii_digit() || b == b'-' || b == b'.').then(|| number.to_owned())
    };
    matches!((plain(held), plain(sent)), (Some(a), Some(b)) if a == b && !a.is_empty())
}

fn held(outcome: Option<&Outcome>) -> Option<&Held> {
    match outcome {
        Some(Outcome::Done { held }) => Some(held),
        _ => None,
    }
}

/// The last exchange from which something is known: answers, refusals, and unanswered writes.
fn telling(history: &History) -> Option<(&Exchange, Option<&Outcome>)> {
    history.exchanges.iter().rev().find(|e| tells(e)).map(|e| (e, e.outcome.as_ref()))
}

fn tells(exchange: &Exchange) -> bool {
    match &exchange.outcome {
        None | Some(Outcome::Unknown { .. }) => exchange.purpose.changes(),
        Some(Outcome::Retry { .. } | Outcome::Exhausted { .. } | Outcome::AuthExpired { .. }) => false,
        Some(_) => true,
    }
}

/// The record came to no rest: it changed, was merged, or was taken by others as often as it was asked about.
fn unsteady(history: &History) -> Option<Why> {
    let turned = |e: &&Exchange| match &e.outcome {
        Some(Outcome::Stale { .. } | Outcome::Duplicate { .. }) => true,
        Some(Outcome::Gone { merged_into }) => merged_into.is_some() || e.purpose.changes(),
        _ => false,
    };
    let count = history.exchanges.iter().filter(turned).count();
    (count >= TURNINGS_MAX).then(|| {
        let words = format!(
            "the record changed, was merged or was taken {count} times while it was being written; last: {}",
            last_words(history)
        );
        Why::new(UNSTEADY, words)
    })
}

/// The vendor will not have it, whatever is repeated.
fn refusal(history: &History) -> Option<Why> {
    history.exchanges.last().and_then(|e| match &e.outcome {
        Some(Outcome::Refused { why }) => Some(why.clone()),
        _ => None,
    })
}

/// The CRM said yes to it, and a later read shows otherwise.
pub fn not_held(class: &str) -> bool {
    matches!(class, WRITE_NOT_TAKEN | ASSOCIATION_NOT_TAKEN)
}

/// How often a write was answered with success and a later read did not show it.
fn not_taken(history: &History) -> usize {
    history.exchanges.iter().filter(|e| e.purpose.changes() && matches!(e.outcome, Some(Outcome::Done { .. }))).count()
}

#[cfg(test)]
mod tests;
