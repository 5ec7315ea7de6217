//! The identity index: whom a CRM knows, as keyed hashes of numbers and addresses with the CRM's ids.
//!
//! It is filled when a CRM is connected and kept fresh from the vendor's feed of changes and from every receipt. So a caller is recognised at
//! once, with the CRM down too, and a search (which vendors allow a few of per second) is the exception. It is a hint and no more: what it
//! names is read before it counts, and what it does not name is searched for; it never authorises the making of a person.

use crate::facts::{AccountFacts, ConnectionFacts};
use crate::lane::fault_outcome;
use crate::{Engine, Error, micros};
use jiff::{SignedDuration, Timestamp};
use ringback_connect::{Connection, Crm, Replies};
use ringback_core::crm::{CrmOp, CrmWords, Held, Object, Outcome, PersonKey, Record, Why};
use ringback_core::id::{AccountId, ConnectionId};
use ringback_core::identity::{self, Phone};
use ringback_store::{self as store, Site};
use std::time::Duration;

/// Pages that one refresh reads at most; the rest is read by the next.
pub const PAGES_MAX: usize = 10_000;
/// Pages that a refresh beside ordinary work reads: the lane's budget belongs to the calls.
pub const PAGES_BESIDE_MAX: usize = 3;
/// A refresh begins so long before the last change it has seen: vendors' clocks and indexes lag.
const OVERLAP: SignedDuration = SignedDuration::from_mins(2);
/// Where the feed was left: the moment of the last change, and the page within it.
const SINCE_CURSOR: &str = "index.since";
const PAGE_CURSOR: &str = "index.page";

/// What a refresh did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Refreshed {
    pub people: usize,
    pub pages: usize,
    /// Everything that was there is read.
    pub complete: bool,
    /// Why it stopped before that.
    pub why: Option<String>,
}

/// The keys of a person's record, hashed, each with the record's id.
pub(crate) fn keys_of(
    facts: &AccountFacts,
    connection: &Connection,
    words: &CrmWords,
    record: &Record,
) -> Vec<(String, String)> {
    if record.id.is_empty() || record.archived {
        return Vec::new();
    }
    let region = facts.region(connection);
    let texts = |names: &[&str]| names.iter().filter_map(|n| record.properties.get(*n)).cloned().collect::<Vec<_>>();
    let mut keys: Vec<String> = Vec::new();
    for raw in texts(words.match_phones) {
        if let Phone::E164 { e164, .. } = identity::phone(&raw, region) {
            keys.push(hash(facts, &PersonKey::Phone { national: String::new(), e164 }));
        }
    }
    let addresses = texts(words.match_emails);
    for address in addresses.iter().flat_map(|t| t.split(';')).filter_map(identity::email) {
        keys.push(hash(facts, &PersonKey::Email { address }));
    }
    keys.sort();
    keys.dedup();
    keys.into_iter().map(|key| (key, record.id.clone())).collect()
}

fn hash(facts: &AccountFacts, key: &PersonKey) -> String {
    match key {
        PersonKey::Phone { e164, .. } => facts.salt.commit("crm_phone", e164),
        PersonKey::Email { address } => facts.salt.commit("crm_email", address),
    }
}

impl Engine {
    /// Records that the index names for these keys.
    pub(crate) async fn indexed(
        &self,
        facts: &AccountFacts,
        held: &ConnectionFacts,
        keys: &[PersonKey],
    ) -> Result<Vec<String>, Error> {
        let hashes: Vec<String> = keys.iter().map(|k| hash(facts, k)).collect();
        let (account, connection) = (facts.account.as_str().to_owned(), held.connection.id.as_str().to_owned());
        let known = self.store().read(move |tx| {
            Box::pin(async move {
                let mut known: Vec<String> = Vec::new();
                for hash in &hashes {
                    for record in store::crm_people_of_key(tx, &account, &connection, hash).await? {
                        if !known.contains(&record) {
                            known.push(record);
                        }
                    }
                }
                Ok(known)
            })
        });
        Ok(known.await?)
    }

    /// Whom the CRM knows under that number, by the index alone: for people who look while the CRM does not answer.
    pub async fn recognise(&self, account: &AccountId, e164: &str) -> Result<Vec<String>, Error> {
        let facts = self.facts(account).await?;
        let Some(held) = facts.connections.values().find(|c| c.crm().is_some() && c.state == "active") else {
            return Ok(Vec::new());
        };
        let key = PersonKey::Phone { e164: e164.to_owned(), national: String::new() };
        self.indexed(&facts, held, &[key]).await
    }

    /// Reads what changed in the CRM since the last refresh (at first: everybody), `pages_max` pages at most.
    pub async fn refresh_index(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        pages_max: usize,
        mut told: impl FnMut(&Refreshed),
    ) -> Result<Refreshed, Error> {
        let facts = self.facts(account).await?;
        let Some(held) = facts.connections.get(connection.as_str()) else {
            return Err(Error::Missing(format!("connection {connection}")));
        };
        let Some(crm) = held.crm() else { return Err(Error::Missing(format!("CRM {connection}"))) };
        let mut done = Refreshed::default();
        let (since, mut after) = self.left_at(account, connection).await?;
        let mut newest = since;
        let words = crm.words();
        let properties: Vec<String> =
            words.match_phones.iter().chain(words.match_emails).map(|p| (*p).to_owned()).collect();
        while done.pages < pages_max.min(PAGES_MAX) {
            let operation =
                CrmOp::Changed { object: Object::Contact, since, after: after.clone(), properties: properties.clone() };
            let page = match self.ask_outside(held, crm, operation).await {
                Ok(page) => page,
                Err(why) => {
                    done.why = Some(why);
                    break;
                }
            };
            done.pages += 1;
            done.people += page.records.len();
            newest = page.records.iter().filter_map(|r| r.modified_at).max().map_or(newest, |at| at.max(newest));
            let keys: Vec<(String, String)> =
                page.records.iter().flat_map(|r| keys_of(&facts, &held.connection, words, r)).collect();
            let records: Vec<String> = page.records.iter().map(|r| r.id.clone()).collect();
            // Once a page by page reading is through, the next one begins a little before the newest change.
            let next_since =
                if page.next.is_some() { since } else { newest.checked_sub(OVERLAP).unwrap_or(newest).max(since) };
            let (of, id, at, next) =
                (account.as_str().to_owned(), connection.as_str().to_owned(), micros(self.now()), page.next.clone());
            self.store()
                .write(Site::Other, move |tx| {
                    Box::pin(async move {
                        for (key, record) in &keys {
                            store::crm_person_put(tx, &of, &id, key, record, at).await?;
                        }
                        for record in &records {
                            store::crm_person_forget(tx, &of, &id, record, at).await?;
                        }
                        store::cursor_put(tx, &of, &id, SINCE_CURSOR, &next_since.to_string(), at).await?;
                        match &next {
                            Some(next) => store::cursor_put(tx, &of, &id, PAGE_CURSOR, next, at).await,
                            None => store::cursor_delete(tx, &of, &id, PAGE_CURSOR).await,
                        }
                    })
                })
                .await?;
            done.complete = page.next.is_none();
            told(&done);
            if done.complete {
                break;
            }
            after = page.next;
        }
        Ok(done)
    }

    async fn left_at(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
    ) -> Result<(Timestamp, Option<String>), Error> {
        let (of, id) = (account.as_str().to_owned(), connection.as_str().to_owned());
        let (since, page) = self
            .store()
            .read(move |tx| {
                Box::pin(async move {
                    let since = store::cursor_get(tx, &of, &id, SINCE_CURSOR).await?;
                    Ok((since, store::cursor_get(tx, &of, &id, PAGE_CURSOR).await?))
                })
            })
            .await?;
        Ok((since.and_then(|t| t.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH), page))
    }

    /// One question that changes nothing, outside of any effect. The lane's pace is kept; `Err`: not now, and why.
    pub(crate) async fn ask_outside(
        &self,
        held: &ConnectionFacts,
        crm: &'static dyn Crm,
        operation: CrmOp,
    ) -> Result<Held, String> {
        let search = matches!(operation, CrmOp::FindPerson { .. } | CrmOp::Changed { .. });
        match self.exchange_outside(held, crm, &operation, search).await? {
            Outcome::Done { held } => Ok(held),
            other => Err(format!("{}: {}", other.word(), ringback_core::ensure::words(&other))),
        }
    }

    /// One exchange outside of any effect, at the lane's pace; `Err`: nothing has left, and why.
    pub(crate) async fn exchange_outside(
        &self,
        held: &ConnectionFacts,
        crm: &'static dyn Crm,
        operation: &CrmOp,
        search: bool,
    ) -> Result<Outcome, String> {
        let outcomes = self.exchanges_outside(held, crm, std::slice::from_ref(operation), search).await?;
        let none = || Outcome::Unknown { why: Why::new("no_outcome", "the reply says nothing") };
        Ok(outcomes.into_iter().next().unwrap_or_else(none))
    }

    /// The same for several operations that share a request; one outcome for each.
    pub(crate) async fn exchanges_outside(
        &self,
        held: &ConnectionFacts,
        crm: &'static dyn Crm,
        operations: &[CrmOp],
        search: bool,
    ) -> Result<Vec<Outcome>, String> {
        self.await_pace(held, search).await?;
        let request = crm.request(operations, &held.connection).map_err(|u| u.0)?;
        let timeout = crm.about().writes.map_or(Duration::from_secs(10), |w| w.timeout);
        let reply = match self.send(held, crm, &request, timeout).await {
            Ok(reply) => reply,
            Err(fault) => return Ok(operations.iter().map(|op| fault_outcome(&fault, op.writes())).collect()),
        };
        let Replies { outcomes, budget } = crm.reply(operations, &reply, &held.connection, self.now());
        self.heard(&held.connection.account, held.connection.id.as_str(), budget);
        Ok(outcomes)
    }

    /// How many people the index knows.
    pub async fn index_count(&self, account: &AccountId, connection: &ConnectionId) -> Result<i64, Error> {
        let (of, id) = (account.as_str().to_owned(), connection.as_str().to_owned());
        Ok(self.store().read(move |tx| Box::pin(async move { store::crm_people_count(tx, &of, &id).await })).await?)
    }

    /// Every connected CRM's index, a few pages each: what changes there is known here soon.
    pub(crate) async fn refresh_indexes(&self, account: &AccountId) -> Result<(), Error> {
        let facts = self.facts(account).await?;
        for (id, held) in &facts.connections {
            let filled = held.state == "active" && held.crm().is_some_and(|c| !c.acknowledges());
            if !filled {
                continue;
            }
            let connection = ConnectionId::from_text(id.clone());
            // Before the first filling by `connect` nothing is read beside the calls.
            let (since, page) = self.left_at(account, &connection).await?;
            if since > Timestamp::UNIX_EPOCH || page.is_some() {
                self.refresh_index(account, &connection, PAGES_BESIDE_MAX, |_| {}).await?;
            }
        }
        Ok(())
    }
}
