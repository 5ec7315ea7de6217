//! The CRM as a witness: every record of a window is read now, by its id; doubles are looked for by the callers' numbers.

use super::{Ours, Progress, Witness, receipt, seen, written};
use crate::ask::{Asking, TRIES_MAX};
use crate::corrections::{By, Look};
use crate::facts::{AccountFacts, ConnectionFacts};
use crate::{Engine, Error, instant};
use jiff::Timestamp;
use ringback_connect::Crm;
use ringback_core::crm::{CrmOp, KEY_PROPERTY, Object, Outcome, PersonKey, Properties, Record, SetBy};
use ringback_core::problem::Problem;
use ringback_core::proof::{Case, Lonely, Mark, Other, Seen, Sent, drifted, fits};
use ringback_core::roster::KnownNumber;
use ringback_store::{self as store, EffectRow};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// Records that one search may show beside the contact and that are looked at.
const OTHERS_MAX: usize = 10;
/// Pages of changed deals that are looked through.
const DEAL_PAGES_MAX: usize = 10;

/// A record and everything that is to be known of it.
struct Wanted {
    wrote: Properties,
    /// The vendor's id now: a record that was made again has another one.
    id: String,
}

type Records = BTreeMap<(Object, String), Wanted>;

impl Engine {
    /// Fills in what the CRM shows. Gives the properties of a task that change when somebody works on it.
    pub(super) async fn look(
        &self,
        facts: &AccountFacts,
        ours: &[Ours],
        cases: &mut [Case],
        witnesses: &mut Vec<Witness>,
        tell: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Vec<&'static str>, Error> {
        let Some((lane, words)) = facts.facts().crm else { return Ok(Vec::new()) };
        let worked = vec![words.task_status, words.task_due, words.task_priority, words.owner];
        let Some(held) = facts.connections.get(lane.as_str()) else { return Ok(worked) };
        let Some(crm) = held.crm() else { return Ok(worked) };
        let records = self.wanted(facts, lane.as_str(), cases).await?;
        let total = records.len() as u64;
        let reader =
            Reader { asking: Asking { engine: self, held, again: "reconcile again", tries: TRIES_MAX }, crm, held };
        let mut why = None;
        let mut shown: HashMap<(Object, String), Seen> = HashMap::new();
        for object in [Object::Contact, Object::Call, Object::Task] {
            let some: Vec<(&String, &Wanted)> =
                records.iter().filter(|((o, _), _)| *o == object).map(|((_, name), wanted)| (name, wanted)).collect();
            match reader.read(object, &some).await {
                Ok(found) => shown.extend(found.into_iter().map(|(name, seen)| ((object, name), seen))),
                Err(problem) => {
                    let words = format!("{}: {}", problem.code, problem.cause);
                    shown.extend(some.iter().map(|(n, _)| ((object, (*n).clone()), Seen::Unread(words.clone()))));
                    why = Some(words);
                }
            }
            tell(Progress { what: "crm", done: shown.len() as u64, of: total });
        }
        Box::pin(self.note_drift(facts, lane.as_str(), &records, &shown)).await?;
        for part in cases.iter_mut().flat_map(|case| &mut case.parts) {
            let Some(record) = &part.record else { continue };
            let key = (part.object, record.clone());
            if let Some(seen) = shown.get(&key) {
                part.seen = seen.clone();
                if let Seen::Held(record) | Seen::Merged(record) = seen {
                    part.contacts = record.associations.get(&Object::Contact).cloned();
                }
            }
            if let Some(wanted) = records.get(&key) {
                part.wrote.clone_from(&wanted.wrote);
                part.record = Some(wanted.id.clone());
            }
        }
        for case in cases.iter_mut() {
            worked_on(case, words.task_status, words.task_done);
        }
        if why.is_none() {
            why = self.others(facts, ours, cases, &reader, tell).await?.map(|p| format!("{}: {}", p.code, p.cause));
        }
        let count = shown.values().filter(|s| matches!(s, Seen::Held(_) | Seen::Merged(_))).count() as u64;
        // Whoever could not be read in anything is no witness.
        let unread = |seen: &Seen| match seen {
            Seen::Unread(why) => Some(why.clone()),
            _ => None,
        };
        if let Some(Some(words)) = shown.values().map(unread).reduce(Option::and) {
            why = why.or(Some(words));
        }
        let name = held.connection.name.clone();
        witnesses.push(Witness { name, kind: "crm", answered: why.is_none(), count, why });
        Ok(worked)
    }

    /// Notes the values of contacts that people have set in place of ours.
    async fn note_drift(
        &self,
        facts: &AccountFacts,
        lane: &str,
        records: &Records,
        shown: &HashMap<(Object, String), Seen>,
    ) -> Result<(), Error> {
        let of = |(key, wanted): (&(Object, String), &Wanted)| {
            let Some(Seen::Held(record)) = shown.get(key) else { return None };
            let drifted = key.0 == Object::Contact && drifted(record, &wanted.wrote);
            drifted.then(|| {
                let mut record = record.clone();
                for name in wanted.wrote.keys() {
                    // Asked for and not shown is emptied.
                    record.properties.entry(name.clone()).or_default();
                }
                record
            })
        };
        let drifted: Vec<Record> = records.iter().filter_map(of).collect();
        let look = Look { lane, object: Object::Contact, by: By::Reconciled, inquiry: None };
        self.note_corrections(facts, &look, &drifted).await
    }

    /// Every record that the cases name, once, with what all inquiries wrote to it; corrects what the cases cannot know: who made it, and
    /// where it lies.
    async fn wanted(&self, facts: &AccountFacts, lane: &str, cases: &mut [Case]) -> Result<Records, Error> {
        let mut records = Records::new();
        for case in cases.iter_mut() {
            for part in case.parts.iter_mut().filter(|p| matches!(p.sent, Sent::Done)) {
                let Some(record) = part.record.clone() else { continue };
                let rows = self.effects_by_record(facts, &record).await?;
                if part.object == Object::Contact {
                    // Whichever inquiry made it: it is ours to make again.
                    let maker = rows.iter().find(|row| row.kind == "create_contact" && row.state == "done");
                    let made = maker.and_then(receipt).is_some_and(|r| !r.adopted);
                    part.made = made;
                    part.effect = maker.filter(|_| made).map(|row| row.id.clone());
                }
                if let Some(row) = rows.iter().rev().find(|row| row.state == "done" && row.lane != lane)
                    && !rows.iter().any(|row| row.lane == lane)
                {
                    let name =
                        |id: &str| facts.connections.get(id).map_or(id, |c| c.connection.name.as_str()).to_owned();
                    part.misplaced = Some((name(&row.lane), name(lane)));
                    // It cannot be asked for here: its id is an id of the other place.
                    continue;
                }
                let now = part.effect.as_ref().and_then(|id| rows.iter().find(|row| row.id == *id)).and_then(receipt);
                let id = now.map(|r| r.record).filter(|r| !r.is_empty()).unwrap_or_else(|| record.clone());
                let mut rows = rows;
                if id != record {
                    rows = self.effects_by_record(facts, &id).await?;
                }
                if part.object == Object::Task {
                    // The effect that closes a task does not make it; the one that made it does.
                    let maker = rows.iter().rev().find(|row| row.kind == "create_task" && row.state == "done");
                    part.effect = maker.map(|row| row.id.clone()).or_else(|| part.effect.clone());
                }
                records.entry((part.object, record)).or_insert_with(|| Wanted { wrote: written(&rows), id });
            }
        }
        Ok(records)
    }

    async fn effects_by_record(&self, facts: &AccountFacts, record: &str) -> Result<Vec<EffectRow>, Error> {
        let (account, record) = (facts.account.as_str().to_owned(), record.to_owned());
        Ok(self
            .store()
            .read(move |tx| Box::pin(async move { store::effects_by_record(tx, &account, &record).await }))
            .await?)
    }

    /// Asks for every caller whether the CRM holds more than one record of that number.
    async fn others(
        &self,
        facts: &AccountFacts,
        ours: &[Ours],
        cases: &mut [Case],
        reader: &Reader<'_>,
        tell: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Option<Problem>, Error> {
        let mut callers: BTreeMap<String, (PersonKey, usize)> = BTreeMap::new();
        let calls: HashMap<&str, &Ours> = ours.iter().map(|o| (o.call.id.as_str(), o)).collect();
        for (n, case) in cases.iter().enumerate() {
            let there = case
                .parts
                .iter()
                .any(|p| p.object == Object::Contact && matches!(p.seen, Seen::Held(_) | Seen::Merged(_)));
            let Some(inquiry) = calls.get(case.call.as_str()).and_then(|o| o.inquiry.as_ref()).filter(|_| there) else {
                continue;
            };
            let (Some(e164), Some(national)) = (&inquiry.e164, &inquiry.national) else { continue };
            if facts.roster.known(e164) == Some(KnownNumber::Shared) {
                continue;
            }
            let key = PersonKey::Phone { e164: e164.clone(), national: national.clone() };
            callers.entry(e164.clone()).or_insert((key, n));
        }
        let properties = reader.person_properties();
        let per_second = reader.held.connection.limits(reader.crm.about().limits).search_per_second;
        let total = callers.len() as u64;
        for (done, (_, (key, n))) in callers.into_iter().enumerate() {
            if per_second > 0 && self.settings().pace {
                self.inner.parts.clock.sleep(Duration::from_millis(1000 / u64::from(per_second))).await;
            }
            let operation = CrmOp::FindPerson { keys: vec![key], properties: properties.clone() };
            let held = match reader.asking.everybody(reader.crm, operation, "the search for doubles").await {
                Ok(held) => held,
                Err(problem) => return Ok(Some(problem)),
            };
            tell(Progress { what: "crm", done: done as u64 + 1, of: total });
            let Some(case) = cases.get_mut(n) else { continue };
            let Some(contact) = case.parts.iter().find(|p| p.object == Object::Contact) else { continue };
            let mut same: BTreeSet<String> = contact.record.iter().cloned().collect();
            if let Seen::Held(record) | Seen::Merged(record) = &contact.seen {
                same.insert(record.id.clone());
                same.extend(record.also_known_as.iter().cloned());
            }
            let effect = contact.effect.clone();
            let others: Vec<Record> =
                held.records.into_iter().filter(|r| !r.archived && !same.contains(&r.id)).take(OTHERS_MAX).collect();
            if others.is_empty() {
                continue;
            }
            if let Some(effect) = effect {
                case.known_since = self.made_at(facts, &effect).await?.or(case.known_since);
            }
            for other in others {
                // Searches lag: whether it is still there says a read by its id.
                let Some(now) = (match reader.with_history(Object::Contact, &other.id, &properties).await {
                    Ok(now) => now,
                    Err(problem) => return Ok(Some(problem)),
                }) else {
                    continue;
                };
                let ours = now.properties.get(KEY_PROPERTY).is_some_and(|key| key.starts_with("rb-contact-"));
                case.others.push(Other { record: now.id.clone(), ours, made_by: first_set(&now) });
            }
        }
        Ok(None)
    }

    /// Open deals of the window that are linked to no contact. A CRM that cannot be asked for changed deals, or does not show what a deal is
    /// linked to, has none that could be told; so has one that stops answering.
    pub(super) async fn lonely(
        &self,
        facts: &AccountFacts,
        since: Timestamp,
        ours: &[Ours],
        cases: &[Case],
    ) -> Vec<Lonely> {
        let Some((lane, words)) = facts.facts().crm else { return Vec::new() };
        let Some(held) = facts.connections.get(lane.as_str()) else { return Vec::new() };
        let Some(crm) = held.crm() else { return Vec::new() };
        let asking = Asking { engine: self, held, again: "reconcile again", tries: TRIES_MAX };
        let properties = vec![words.deal_name.to_owned(), words.deal_closed.to_owned()];
        let (mut ids, mut after): (Vec<String>, _) = (Vec::new(), None);
        for _ in 0..DEAL_PAGES_MAX {
            let operation =
                CrmOp::Changed { object: Object::Deal, since, after: after.take(), properties: properties.clone() };
            if crm.request(std::slice::from_ref(&operation), &held.connection).is_err() {
                return Vec::new();
            }
            let Ok(page) = asking.ask(crm, operation, "deals").await else { return Vec::new() };
            let open = |r: &Record| !r.archived && r.properties.get(words.deal_closed).is_none_or(|c| c != "true");
            ids.extend(page.records.iter().filter(|r| open(r)).map(|r| r.id.clone()));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        ids.sort();
        ids.dedup();
        let one = |id: &String| CrmOp::ReadById {
            object: Object::Deal,
            id: id.clone(),
            properties: properties.clone(),
            associations: vec![Object::Contact],
            history: false,
        };
        let operations: Vec<CrmOp> = ids.iter().map(one).collect();
        let Ok(outcomes) = asking.read_all(crm, &operations).await else { return Vec::new() };
        let people = callers(ours, cases, words.match_names);
        let lonely = |outcome: &Outcome| {
            let Ok(Seen::Held(deal)) = seen(Some(outcome)) else { return None };
            // What a vendor does not show is not missing.
            let nobody = deal.associations.get(&Object::Contact).is_some_and(Vec::is_empty);
            let name = deal.properties.get(words.deal_name).map_or("", String::as_str);
            let fitting = people.iter().filter(|(_, national, of)| fits(name, national.as_deref(), of));
            nobody.then(|| Lonely { deal: deal.id.clone(), fits: fitting.map(|(id, ..)| id.clone()).collect() })
        };
        outcomes.iter().filter_map(lonely).collect()
    }

    /// When a contact of ours was planned.
    async fn made_at(&self, facts: &AccountFacts, effect: &str) -> Result<Option<Timestamp>, Error> {
        let (account, id) = (facts.account.as_str().to_owned(), effect.to_owned());
        let row =
            self.store().read(move |tx| Box::pin(async move { store::effect_get(tx, &account, &id).await })).await?;
        Ok(row.map(|row| instant(row.created_at)))
    }
}

struct Reader<'a> {
    asking: Asking<'a>,
    crm: &'static dyn Crm,
    held: &'a ConnectionFacts,
}

impl Reader<'_> {
    fn person_properties(&self) -> Vec<String> {
        let words = self.crm.words();
        let named = words.match_phones.iter().map(|p| (*p).to_owned());
        named.chain([KEY_PROPERTY.to_owned()]).collect()
    }

    /// Reads records of one kind by their ids, as few exchanges as the vendor allows; gives them by the id they were known by.
    async fn read(&self, object: Object, wanted: &[(&String, &Wanted)]) -> Result<HashMap<String, Seen>, Problem> {
        let names: BTreeSet<String> = wanted.iter().flat_map(|(_, w)| w.wrote.keys().cloned()).collect();
        let mut properties: Vec<String> = names.into_iter().collect();
        if object == Object::Task {
            properties.push(self.crm.words().task_status.to_owned());
        }
        properties.push(KEY_PROPERTY.to_owned());
        properties.sort();
        properties.dedup();
        let mut found = HashMap::new();
        let mut open: Vec<(&String, &Wanted)> = wanted.to_vec();
        if object == Object::Contact {
            open = self.read_many(object, open, &properties, &mut found).await?;
        }
        let associations = if object == Object::Contact { Vec::new() } else { vec![Object::Contact] };
        let one = |id: &str| CrmOp::ReadById {
            object,
            id: id.to_owned(),
            properties: properties.clone(),
            associations: associations.clone(),
            history: false,
        };
        let operations: Vec<CrmOp> = open.iter().map(|(_, w)| one(&w.id)).collect();
        let outcomes = self.asking.read_all(self.crm, &operations).await?;
        for ((name, _), outcome) in open.iter().zip(&outcomes) {
            let seen = match seen(Some(outcome)) {
                Ok(seen) => seen,
                Err(survivor) => {
                    let outcomes = self.asking.read_all(self.crm, &[one(&survivor)]).await?;
                    match super::seen(outcomes.first()) {
                        Ok(Seen::Held(record)) => Seen::Merged(record),
                        Ok(other) => other,
                        Err(_) => Seen::Unread("it was merged more often than can be followed".into()),
                    }
                }
            };
            found.insert((*name).clone(), seen);
        }
        for (name, wanted) in wanted {
            if let Some(Seen::Held(record)) = found.get_mut(*name)
                && drifted(record, &wanted.wrote)
                && let Some(now) = self.with_history(object, &record.id, &properties).await?
            {
                record.set_by = now.set_by;
            }
        }
        Ok(found)
    }

    /// Many at once; gives back those that it does not show, to be asked for one by one.
    async fn read_many<'w>(
        &self,
        object: Object,
        wanted: Vec<(&'w String, &'w Wanted)>,
        properties: &[String],
        found: &mut HashMap<String, Seen>,
    ) -> Result<Vec<(&'w String, &'w Wanted)>, Problem> {
        let most = self.crm.about().limits.batch_items_max as usize;
        if most < 2 {
            return Ok(wanted);
        }
        let mut open = Vec::new();
        for some in wanted.chunks(most) {
            let ids: BTreeSet<String> = some.iter().map(|(_, w)| w.id.clone()).collect();
            let operation = CrmOp::ReadMany { object, ids: ids.into_iter().collect(), properties: properties.to_vec() };
            let outcomes = self.asking.read_all(self.crm, &[operation]).await?;
            let records: Vec<Record> = match outcomes.into_iter().next() {
                Some(Outcome::Done { held }) => held.records,
                _ => Vec::new(),
            };
            for (name, want) in some {
                let record = records.iter().find(|r| r.id == want.id && !r.archived);
                match record {
                    Some(record) => {
                        found.insert((*name).clone(), Seen::Held(record.clone()));
                    }
                    None => open.push((*name, *want)),
                }
            }
        }
        Ok(open)
    }

    /// One record with who set each property last; `None` when it is not there (any more).
    async fn with_history(&self, object: Object, id: &str, properties: &[String]) -> Result<Option<Record>, Problem> {
        let operation = CrmOp::ReadById {
            object,
            id: id.to_owned(),
            properties: properties.to_vec(),
            associations: Vec::new(),
            history: true,
        };
        let outcomes = self.asking.read_all(self.crm, &[operation]).await?;
        Ok(match seen(outcomes.first()) {
            Ok(Seen::Held(record)) => Some(record),
            _ => None,
        })
    }
}

/// The contacts of the callers: record, national number, full name as the CRM shows it. Each once.
fn callers(ours: &[Ours], cases: &[Case], names: &[&str]) -> Vec<(String, Option<String>, String)> {
    let inquiries: HashMap<&str, &Ours> = ours.iter().map(|o| (o.call.id.as_str(), o)).collect();
    let mut people: BTreeMap<String, (Option<String>, String)> = BTreeMap::new();
    for case in cases {
        let contact = case.parts.iter().find(|p| p.object == Object::Contact);
        let Some(Seen::Held(record) | Seen::Merged(record)) = contact.map(|c| &c.seen) else { continue };
        let inquiry = inquiries.get(case.call.as_str()).and_then(|o| o.inquiry.as_ref());
        let parts: Vec<&str> = names.iter().filter_map(|n| record.properties.get(*n)).map(String::as_str).collect();
        people.insert(record.id.clone(), (inquiry.and_then(|i| i.national.clone()), parts.join(" ")));
    }
    people.into_iter().map(|(id, (national, name))| (id, national, name)).collect()
}

/// The earliest of what is known to have been set.
fn first_set(record: &Record) -> Option<SetBy> {
    record.set_by.values().filter(|by| by.at.is_some()).min_by_key(|by| by.at).cloned()
}

/// A task that somebody closed in the CRM says that the callback was made.
fn worked_on(case: &mut Case, status: &str, done: &str) {
    let closed = case.parts.iter().any(|part| match &part.seen {
        Seen::Held(record) | Seen::Merged(record) => {
            part.object == Object::Task && record.properties.get(status).is_some_and(|s| s == done)
        }
        _ => false,
    });
    if closed && matches!(case.called_back, Mark::Waits(_)) {
        case.called_back = Mark::Yes;
    }
}
