//! A drill in a customer's sandbox: what it asks, changes and takes away there outside of the lanes.
//!
//! The drill's calls go through an engine of its own, with a store of its own, which reaches the CRM by the customer's connection
//! ([`Through`]): the customer's inquiries, ledger, staff and proofs learn nothing of it, and its credential stays where it is. What was made
//! is known by that store, where every plan stands before its first request.
//!
//! A record is changed or deleted here only if a read just before shows that it carries the key that was planned for it *and* the drill's tag.

use crate::facts::{AccountFacts, ConnectionFacts, FIELD_SETTING};
use crate::http::{Fault, Outgoing, Transport};
use crate::probe;
use crate::{Engine, Error, micros};
use futures_util::future::BoxFuture;
use ringback_connect::Crm;
use ringback_core::crm::{CrmOp, Held, KEY_PROPERTY, Object, Outcome, PersonKey, Properties, Record};
use ringback_core::effect::{ContactRef, Desired, Effect};
use ringback_core::ensure::Receipt;
use ringback_core::http::HttpReply;
use ringback_core::id::{AccountId, ConnectionId};
use ringback_core::upcast::{self, Form};
use ringback_store::{self as store, Before, EffectRow, Site};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How often one exchange is tried while the vendor only asks to wait.
const TRIES_MAX: usize = 5;
/// The longest such wait.
const PAUSE_SECONDS_MAX: u64 = 30;
/// How often a deleted record is looked at until it is gone, and a key until it shows nothing.
const LOOKS_MAX: usize = 8;
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);
/// A drill has no more inquiries than this.
const INQUIRIES_MAX: u32 = 500;

/// The way of another engine's requests through a connection of this one: its address, its credential, its renewals.
pub struct Through {
    engine: Engine,
    account: AccountId,
    connection: ConnectionId,
}

impl Through {
    /// Requests go by that connection, whatever address and credential they come with.
    pub fn new(engine: Engine, account: AccountId, connection: ConnectionId) -> Self {
        Self { engine, account, connection }
    }

    async fn forward(&self, call: Outgoing<'_>) -> Result<HttpReply, Fault> {
        let facts = self.engine.facts(&self.account).await.map_err(|error| Fault::NoToken(error.to_string()))?;
        let gone = || Fault::NoToken(format!("there is no CRM connection {} any more", self.connection));
        let held = facts.connections.get(self.connection.as_str()).ok_or_else(gone)?;
        let crm = held.crm().ok_or_else(gone)?;
        let reply = self.engine.send(held, crm, call.request, call.timeout).await?;
        if reply.status == 401 {
            self.engine.token_refused(held);
        }
        Ok(reply)
    }
}

impl Transport for Through {
    fn send<'a>(&'a self, call: Outgoing<'a>) -> BoxFuture<'a, Result<HttpReply, Fault>> {
        Box::pin(self.forward(call))
    }
}

/// A record that a drill planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    pub object: Object,
    /// Our key, as it was planned.
    pub key: String,
    /// What was written, by the names of the CRM.
    pub properties: Properties,
    /// The vendor's id, where a receipt has shown it.
    pub record: Option<String>,
    /// The vendor's id of the person it belongs to, where that is known.
    pub of: Option<String>,
}

/// What became of a drill's records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// Deleted, and not there when read again: `task 42`.
    pub removed: Vec<String>,
    /// Planned, and not in the CRM.
    pub absent: usize,
    pub left: Vec<Left>,
}

/// A record that is still there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Left {
    pub record: String,
    pub why: String,
}

/// Every record that this account has planned for that connection: of effects that never left too, for a node that died may have sent more than it stored.
pub async fn planned(engine: &Engine, account: &AccountId, connection: &ConnectionId) -> Result<Vec<Planned>, Error> {
    let of = account.as_str().to_owned();
    let rows = engine
        .store()
        .read(move |tx| {
            Box::pin(async move {
                let mut rows = Vec::new();
                for inquiry in store::inquiries_list(tx, &of, None, INQUIRIES_MAX, &Before::end()).await? {
                    rows.extend(store::effects_of_inquiry(tx, &of, &inquiry.id).await?);
                }
                Ok(rows)
            })
        })
        .await?;
    let rows: Vec<EffectRow> = rows.into_iter().filter(|row| row.lane == connection.as_str()).collect();
    let receipt = |row: &EffectRow| row.receipt.as_deref().and_then(|text| serde_json::from_str::<Receipt>(text).ok());
    let made: BTreeMap<String, String> =
        rows.iter().filter_map(|row| Some((row.id.clone(), receipt(row)?.record))).collect();
    let mut all: BTreeMap<String, Planned> = BTreeMap::new();
    for row in rows {
        let effect: Effect = upcast::read_own(Form::Effect, &row.body)
            .map_err(|e| Error::Corrupt { what: format!("effect {}", row.id), why: e.to_string() })?;
        let (object, key, properties, of) = match effect.desired {
            Desired::NewContact { key, properties } => (Object::Contact, key, properties, None),
            Desired::Activity { object, key, properties, contact: ContactRef::Record(id) } => {
                (object, key, properties, Some(id))
            }
            Desired::Activity { object, key, properties, contact: ContactRef::MadeBy(maker) } => {
                (object, key, properties, made.get(maker.as_str()).cloned())
            }
            _ => continue,
        };
        let record = receipt(&row).filter(|r| !r.adopted).map(|r| r.record).filter(|id| !id.is_empty());
        let known = all.entry(key.clone()).or_insert_with(|| {
            let properties = Properties::new();
            Planned { object, key, properties, record: None, of: None }
        });
        known.properties.extend(properties);
        known.record = record.or_else(|| known.record.take());
        known.of = of.or_else(|| known.of.take());
    }
    Ok(all.into_values().collect())
}

/// What set-up has noted of the connection's fields, and what probes have found out about it, is as true for the drill's own.
pub async fn carry_over(
    from: &Engine,
    (account, connection): (&AccountId, &ConnectionId),
    to: &Engine,
    (drill, theirs): (&AccountId, &ConnectionId),
) -> Result<(), Error> {
    let of = account.as_str().to_owned();
    let noted = from
        .store()
        .read(move |tx| {
            Box::pin(async move {
                let mut noted = Vec::new();
                for prefix in [FIELD_SETTING, probe::SETTING] {
                    noted.extend(store::cursors_beginning(tx, &of, prefix).await?);
                }
                Ok(noted)
            })
        })
        .await?;
    let noted: Arc<Vec<_>> = Arc::new(noted.into_iter().filter(|(id, ..)| id == connection.as_str()).collect());
    let (of, id, at) = (drill.as_str().to_owned(), theirs.as_str().to_owned(), micros(to.now()));
    to.store()
        .write(Site::Setup, move |tx| {
            let noted = noted.clone();
            Box::pin(async move {
                for (_, name, value) in noted.iter() {
                    store::cursor_put(tx, &of, &id, name, value, at).await?;
                }
                Ok(())
            })
        })
        .await?;
    to.facts_changed(drill);
    Ok(())
}

/// A connection to a sandbox, asked and changed outside of the lanes.
pub struct Sandbox {
    engine: Engine,
    facts: Arc<AccountFacts>,
    connection: ConnectionId,
    crm: &'static dyn Crm,
    tag: String,
}

impl Sandbox {
    /// `tag`: what every record of the drill carries. `None`: there is no such CRM connection.
    pub async fn of(
        engine: &Engine,
        account: &AccountId,
        connection: &ConnectionId,
        tag: &str,
    ) -> Result<Option<Self>, Error> {
        let facts = engine.facts(account).await?;
        let Some(crm) = facts.connections.get(connection.as_str()).and_then(ConnectionFacts::crm) else {
            return Ok(None);
        };
        Ok(Some(Self { engine: engine.clone(), facts, connection: connection.clone(), crm, tag: tag.to_owned() }))
    }

    /// The vendor's translator.
    pub fn crm(&self) -> &'static dyn Crm {
        self.crm
    }

    /// The people whom the CRM finds by that number. `Err`: it did not say, and why.
    pub async fn people(&self, e164: &str) -> Result<Vec<Record>, String> {
        let words = self.crm.words();
        let national = e164.get(2..).unwrap_or_default().to_owned();
        let mut properties = vec![KEY_PROPERTY.to_owned(), words.contact_name.to_owned()];
        properties.extend(words.match_phones.iter().map(|name| (*name).to_owned()));
        let keys = vec![PersonKey::Phone { e164: e164.to_owned(), national }];
        let outcome = self.exchange(&CrmOp::FindPerson { keys, properties }).await?;
        match outcome {
            Outcome::Done { held } => Ok(held.records.into_iter().filter(|r| !r.archived).collect()),
            other => Err(told(&other)),
        }
    }

    /// The record as the CRM holds it now; `None`: it is not there.
    pub async fn read(&self, object: Object, id: &str, properties: &[String]) -> Result<Option<Record>, String> {
        let operation = CrmOp::ReadById {
            object,
            id: id.to_owned(),
            properties: properties.to_vec(),
            associations: Vec::new(),
            history: false,
        };
        match self.exchange(&operation).await? {
            Outcome::Done { held } => Ok(held.records.into_iter().find(|r| !r.archived)),
            Outcome::Gone { .. } => Ok(None),
            other => Err(told(&other)),
        }
    }

    /// Changes one value of a record of the drill, as a person would. `Err`: it was not changed, and why.
    pub async fn type_in(&self, planned: &Planned, id: &str, property: &str, value: &str) -> Result<(), String> {
        self.is_ours(planned, id).await?.ok_or("the record is not there")?;
        let properties = Properties::from([(property.to_owned(), value.to_owned())]);
        let operation = CrmOp::Update { object: planned.object, id: id.to_owned(), properties, seen: None };
        match self.exchange(&operation).await? {
            Outcome::Done { .. } => Ok(()),
            other => Err(told(&other)),
        }
    }

    /// The vendor's id of the record that carries that key.
    pub async fn by_key(&self, planned: &Planned) -> Result<Option<String>, String> {
        let operation = CrmOp::ReadByKey {
            object: planned.object,
            key: planned.key.clone(),
            of: planned.of.clone(),
            properties: names(planned),
            associations: Vec::new(),
        };
        match self.exchange(&operation).await? {
            Outcome::Done { held: Held { records, .. } } => {
                Ok(records.into_iter().find(|r| !r.archived).map(|r| r.id).filter(|id| !id.is_empty()))
            }
            Outcome::Gone { merged_into } => Ok(merged_into),
            other => Err(told(&other)),
        }
    }

    /// Deletes what the drill made, activities before people, and reads each back. `told` hears what is done next.
    pub async fn remove(&self, planned: &[Planned], mut heard: impl FnMut(&str)) -> Removed {
        let mut removed = Removed::default();
        let mut order: Vec<&Planned> = planned.iter().collect();
        order.sort_by_key(|p| p.object == Object::Contact);
        for one in order {
            heard(&format!("{} {}", one.object.as_str(), one.key));
            self.remove_one(one, &mut removed).await;
        }
        removed
    }

    async fn remove_one(&self, planned: &Planned, removed: &mut Removed) {
        let mut gone: Vec<String> = Vec::new();
        let mut next = planned.record.clone();
        let left = |record: String, why: String| Left { record: format!("{} {record}", planned.object.as_str()), why };
        // By the receipt first, then by our key until nothing shows: a write whose answer was lost may have made another.
        for _ in 0..LOOKS_MAX {
            let id = match next.take() {
                Some(id) => id,
                None => match self.by_key(planned).await {
                    Ok(Some(id)) if !gone.contains(&id) => id,
                    // An index may show for a while what is gone.
                    Ok(Some(_)) => {
                        self.pause(BETWEEN_LOOKS).await;
                        continue;
                    }
                    Ok(None) => break,
                    // What cannot be looked for by key was known by its receipt, or was never made.
                    Err(_) if !gone.is_empty() => break,
                    Err(why) => {
                        removed.left.push(left(planned.key.clone(), why));
                        return;
                    }
                },
            };
            match self.delete(planned, &id).await {
                Ok(true) => removed.removed.push(format!("{} {id}", planned.object.as_str())),
                Ok(false) => {}
                Err(why) => {
                    removed.left.push(left(id, why));
                    return;
                }
            }
            gone.push(id);
        }
        removed.absent += usize::from(gone.is_empty());
    }

    /// `false`: it was not there.
    async fn delete(&self, planned: &Planned, id: &str) -> Result<bool, String> {
        if self.is_ours(planned, id).await?.is_none() {
            return Ok(false);
        }
        let outcome = self.exchange(&CrmOp::Delete { object: planned.object, id: id.to_owned() }).await?;
        if !matches!(outcome, Outcome::Done { .. } | Outcome::Gone { .. } | Outcome::Unknown { .. }) {
            return Err(told(&outcome));
        }
        // Done means read back.
        for _ in 0..LOOKS_MAX {
            if self.read(planned.object, id, &names(planned)).await?.is_none() {
                return Ok(true);
            }
            self.pause(BETWEEN_LOOKS).await;
        }
        Err("it was deleted and is there still".into())
    }

    /// The record, if it is there. `Err`: it does not show that the drill made it.
    async fn is_ours(&self, planned: &Planned, id: &str) -> Result<Option<Record>, String> {
        let Some(record) = self.read(planned.object, id, &names(planned)).await? else { return Ok(None) };
        let key = record.properties.get(KEY_PROPERTY);
        if key.is_some_and(|key| *key != planned.key) {
            return Err("it carries another key than the drill gave it; it was left as it is".into());
        }
        if !record.properties.values().any(|value| value.contains(&self.tag)) {
            return Err(format!("it does not say {}; it was left as it is", self.tag));
        }
        Ok(Some(record))
    }

    /// One exchange, again only where it certainly was not done.
    async fn exchange(&self, operation: &CrmOp) -> Result<Outcome, String> {
        let Some(held) = self.facts.connections.get(self.connection.as_str()) else {
            return Err(format!("there is no connection {}", self.connection));
        };
        let lags = self.crm.about().writes.is_some_and(|w| !w.key_lag.is_zero());
        let search = match operation {
            CrmOp::FindPerson { .. } => true,
            CrmOp::ReadByKey { .. } => lags,
            _ => false,
        };
        let mut last = None;
        for n in 1..=TRIES_MAX {
            match self.engine.exchange_outside(held, self.crm, operation, search).await? {
                Outcome::Retry { after, why } => {
                    let pause = after.unwrap_or(Duration::from_secs(1 << n.min(4)));
                    last = Some(why.words);
                    self.pause(pause.min(Duration::from_secs(PAUSE_SECONDS_MAX))).await;
                }
                outcome => return Ok(outcome),
            }
        }
        Err(last.unwrap_or_else(|| "silence".into()))
    }

    /// Waits by the engine's clock.
    pub async fn pause(&self, pause: Duration) {
        self.engine.inner.parts.clock.sleep(pause).await;
    }
}

/// What is read of a record: what was written, and our key.
fn names(planned: &Planned) -> Vec<String> {
    let written = planned.properties.keys().filter(|name| *name != KEY_PROPERTY).cloned();
    written.chain([KEY_PROPERTY.to_owned()]).collect()
}

fn told(outcome: &Outcome) -> String {
    format!("{}: {}", outcome.word(), ringback_core::ensure::words(outcome))
}
