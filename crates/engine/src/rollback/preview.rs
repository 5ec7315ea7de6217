//! The preview: which writes a scope is about, what stands in the CRM now, what each property would become, and what the values had set off.

use super::{Agreed, Consequence, Preview, RECORDS_MAX, Shown, ToTell, WRITES_MAX, told};
use crate::ask::{Asking, TRIES_MAX};
use crate::facts::{AccountFacts, ConnectionFacts};
use crate::inquire::of_row;
use crate::{Engine, Error, instant, micros};
use jiff::{SignedDuration, Timestamp};
use ringback_core::crm::{CrmOp, Object, Outcome, Record, Setter};
use ringback_core::effect::LaneId;
use ringback_core::id::{AccountId, InquiryId, RollbackId, StaffId};
use ringback_core::inquiry::Inquiry;
use ringback_core::plan::Actor;
use ringback_core::rollback::{About, Hold, Proposal, Scope, Spared, Standing, Written, propose};
use ringback_store::{self as store, DocumentRow, FieldWriteRow, Tx};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What the CRM's own automation set so soon after a write counts as set off by it.
const SET_OFF_MINUTES: i64 = 60;
/// Kinds of effects that say what stood there before they wrote.
const LOOKS_FIRST: [&str; 2] = ["update_contact", "restore"];
/// Documents read at once.
const DOCUMENTS_PER_READ_MAX: usize = 200;

/// One property of one record, with everything that is known of it.
struct Place {
    lane: LaneId,
    history: Vec<(FieldWriteRow, Written)>,
}

/// What one preview reads of the store.
struct Found {
    places: Vec<Place>,
    inquiries: HashMap<String, Inquiry>,
}

impl Engine {
    /// What a rollback of that scope would do now. Reads the CRM, changes nothing.
    pub async fn preview_rollback(&self, account: &AccountId, scope: &Scope) -> Result<Preview, Error> {
        if scope.is_empty() {
            return Err(told(
                "RB-0230",
                "a rollback of everything that was ever written is none",
                "say which: --inquiry, --field, --source, --contract, --contract-version, --since or --until",
            ));
        }
        self.project_writes(account).await?;
        let facts = self.facts(account).await?;
        let found = self.written(account, scope).await?;
        let (standing, unread) = self.standing(&facts, &found).await;
        let mut fields: Vec<Shown> =
            found.places.iter().filter_map(|place| shown(&facts, scope, place, &standing, &found.inquiries)).collect();
        fields.sort_by(|a, b| {
            (&a.inquiry, a.object, &a.record, &a.property).cmp(&(&b.inquiry, b.object, &b.record, &b.property))
        });
        let records: BTreeSet<_> =
            fields.iter().filter(|f| f.back.is_some()).map(|f| (&f.inquiry, f.object, &f.record)).collect();
        let records = records.len();
        let restored = fields.iter().filter(|f| f.back.is_some()).count();
        let consequences = self.consequences(account, &fields, &standing).await?;
        let holds = holds(scope, &fields, &RollbackId::from_text(""), self.now());
        let digest = digest(&facts, scope, &fields);
        let agreed = Agreed {
            restored,
            spared: fields.len() - restored,
            records,
            tells: tells(&fields, &found.inquiries),
            holds: holds.iter().map(|(_, hold)| hold_words(hold)).collect::<BTreeSet<_>>().into_iter().collect(),
            consequences,
        };
        Ok(Preview { scope: scope.clone(), digest, read_at: self.now(), fields, agreed, unread })
    }

    /// The writes that a scope is about, each property with its whole history.
    async fn written(&self, account: &AccountId, scope: &Scope) -> Result<Found, Error> {
        let of = account.as_str().to_owned();
        let asked = scope.clone();
        let rows = self
            .store()
            .read(move |tx| {
                Box::pin(async move {
                    let during = (asked.since.map_or(i64::MIN, micros), asked.until.map_or(i64::MAX, micros));
                    let version = asked.version.map(i64::from);
                    if let Some(inquiry) = &asked.inquiry {
                        return store::field_writes_of_inquiry(tx, &of, inquiry.as_str()).await;
                    }
                    if let (Some(contract), Some(version)) = (&asked.contract, version) {
                        return store::field_writes_of_version(tx, &of, (contract, version), during, WRITES_MAX + 1)
                            .await;
                    }
                    store::field_writes_between(tx, &of, during, asked.field.as_deref(), version, WRITES_MAX + 1).await
                })
            })
            .await?;
        let too_many = |cause: String| {
            told("RB-0233", cause, "take it back in parts: by version and field, or by shorter windows of time")
        };
        if rows.len() > WRITES_MAX as usize {
            return Err(too_many(format!("more than {WRITES_MAX} writes are asked for at once")));
        }
        let without_values = |row: &FieldWriteRow| written(row, &HashMap::new());
        let taken: Vec<&FieldWriteRow> = rows.iter().filter(|row| scope.takes(&without_values(row))).collect();
        let records: BTreeSet<(String, String)> =
            taken.iter().map(|row| (row.object.clone(), row.record.clone())).collect();
        if records.len() > RECORDS_MAX {
            return Err(too_many(format!("it is about {} records, and {RECORDS_MAX} is the most", records.len())));
        }
        let places: BTreeSet<(String, String, String)> =
            taken.iter().map(|row| (row.object.clone(), row.record.clone(), row.property.clone())).collect();
        self.histories(account, records, places).await
    }

    /// Every write to these properties (object, record, property), by property, with values and inquiries.
    async fn histories(
        &self,
        account: &AccountId,
        records: BTreeSet<(String, String)>,
        places: BTreeSet<(String, String, String)>,
    ) -> Result<Found, Error> {
        let of = account.as_str().to_owned();
        let stored =
            self.store().read(move |tx| Box::pin(async move { stored(tx, &of, &records, &places).await })).await?;
        let Stored { histories, inquiries, effects, documents } = stored;
        let place = |rows: Vec<FieldWriteRow>| {
            let (lane, _) = rows.last().and_then(|last| effects.get(&last.effect))?;
            // The same id in another CRM is another record.
            let of_lane = |row: &FieldWriteRow| effects.get(&row.effect).is_none_or(|(of, _)| of == lane);
            let mut history: Vec<(FieldWriteRow, Written)> = Vec::with_capacity(rows.len());
            for row in rows.into_iter().filter(of_lane) {
                let mut written = written(&row, &documents);
                // Only these look at what stands there before they write; of the others what came before says it.
                let looked = effects.get(&row.effect).is_some_and(|(_, kind)| LOOKS_FIRST.contains(&kind.as_str()));
                match history.last() {
                    Some((_, before)) if !looked => written.was.clone_from(&before.is),
                    Some(_) => {}
                    None => written.made = !looked,
                }
                let same = written.is.is_some() && written.is == written.was;
                // What was written again as it stood is no change that could be taken back.
                if !same {
                    history.push((row, written));
                }
            }
            Some(Place { lane: LaneId::from_text(lane.clone()), history })
        };
        Ok(Found { places: histories.into_values().filter_map(place).collect(), inquiries })
    }

    /// What stands in the CRM now, by lane, object and record; and what could not be read, in words.
    async fn standing(
        &self,
        facts: &AccountFacts,
        found: &Found,
    ) -> (HashMap<(String, String, String), Read>, Vec<String>) {
        let mut wanted: BTreeMap<(String, Object), BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
        for place in &found.places {
            let Some((_, last)) = place.history.last() else { continue };
            let of = wanted.entry((place.lane.as_str().to_owned(), last.object)).or_default();
            of.entry(last.record.clone()).or_default().insert(last.property.clone());
        }
        let mut standing = HashMap::new();
        let mut unread = Vec::new();
        for ((lane, object), records) in wanted {
            let key = |record: &str| (lane.clone(), object.as_str().to_owned(), record.to_owned());
            let held = facts.connections.get(&lane);
            let Some((held, crm)) = held.and_then(|held| Some((held, held.crm()?))) else {
                unread.push(format!("the connection {lane} through which it was written is not there any more"));
                continue;
            };
            // What else changed on the record right afterwards is asked along, so that people see what the value set off.
            let mapped =
                facts.contract.fields.values().filter(|rule| rule.object == object).map(|r| r.property.clone());
            let mapped: BTreeSet<String> = mapped.collect();
            let operations: Vec<CrmOp> = records
                .iter()
                .map(|(record, properties)| CrmOp::ReadById {
                    object,
                    id: record.clone(),
                    properties: properties.union(&mapped).cloned().collect(),
                    associations: Vec::new(),
                    history: object == Object::Contact,
                })
                .collect();
            let asking = Asking { engine: self, held, again: "preview the rollback again", tries: TRIES_MAX };
            match asking.read_all(crm, &operations).await {
                Ok(outcomes) => {
                    for ((record, _), outcome) in records.iter().zip(outcomes) {
                        standing.insert(key(record), read(outcome, record));
                    }
                }
                Err(problem) => unread.push(format!("{}: {}", held.connection.name, problem.cause)),
            }
        }
        (standing, unread)
    }

    /// What pages, climbs and tasks came after the writes, and what the CRM's own automation changed on the records right afterwards.
    async fn consequences(
        &self,
        account: &AccountId,
        fields: &[Shown],
        standing: &HashMap<(String, String, String), Read>,
    ) -> Result<Vec<Consequence>, Error> {
        let mut since: BTreeMap<&InquiryId, Timestamp> = BTreeMap::new();
        for field in fields {
            let at = since.entry(&field.inquiry).or_insert(field.written_at);
            *at = (*at).min(field.written_at);
        }
        let mut all = BTreeSet::new();
        let ids: Vec<String> = since.keys().map(|id| id.as_str().to_owned()).collect();
        let of = account.as_str().to_owned();
        let chains = self
            .store()
            .read(move |tx| {
                Box::pin(async move {
                    let mut chains = Vec::with_capacity(ids.len());
                    for id in &ids {
                        chains.push(store::entries_of(tx, &of, id).await?);
                    }
                    Ok(chains)
                })
            })
            .await?;
        for ((inquiry, since), entries) in since.iter().zip(chains) {
            for entry in entries.into_iter().filter(|entry| entry.at >= micros(*since)) {
                let body: serde_json::Value = serde_json::from_str(&entry.body).unwrap_or_default();
                let word =
                    |name: &str| body.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
                let (what, words, irreversible) = match entry.kind.as_str() {
                    "paged" => ("paged", format!("somebody was told ({})", word("target")), true),
                    "emitted" => ("emitted", format!("another system was told ({})", word("target")), true),
                    "escalation" => ("escalated", format!("it climbed a tier: {}", word("why")), true),
                    "receipt" if word("object") == "task" && word("target") == "task" => {
                        ("task", format!("task {} was made or changed in the CRM", word("record")), false)
                    }
                    _ => continue,
                };
                all.insert(Consequence {
                    inquiry: (*inquiry).clone(),
                    what: what.into(),
                    words,
                    at: instant(entry.at),
                    irreversible,
                });
            }
        }
        for field in fields {
            let key = (field.lane.as_str().to_owned(), field.object.as_str().to_owned(), field.record.clone());
            let Some(Read::Record(record)) = standing.get(&key) else { continue };
            let ours: BTreeSet<&String> =
                fields.iter().filter(|f| f.record == field.record).map(|f| &f.property).collect();
            for (property, set) in &record.set_by {
                let soon = field.written_at + SignedDuration::from_mins(SET_OFF_MINUTES);
                let Some(at) = set.at.filter(|at| field.written_at <= *at && *at <= soon) else { continue };
                if set.who == Setter::Automation && !ours.contains(property) {
                    all.insert(Consequence {
                        inquiry: field.inquiry.clone(),
                        what: "automation".into(),
                        words: format!(
                            "{} set {property} of {} {} by itself",
                            set.source,
                            field.object.as_str(),
                            field.record
                        ),
                        at,
                        irreversible: false,
                    });
                }
            }
        }
        Ok(all.into_iter().collect())
    }
}

/// What a preview reads of the store.
struct Stored {
    /// By object, record and property.
    histories: BTreeMap<(String, String, String), Vec<FieldWriteRow>>,
    inquiries: HashMap<String, Inquiry>,
    /// Lane and kind.
    effects: HashMap<String, (String, String)>,
    documents: HashMap<String, DocumentRow>,
}

async fn stored(
    tx: &mut Tx,
    of: &str,
    records: &BTreeSet<(String, String)>,
    places: &BTreeSet<(String, String, String)>,
) -> Result<Stored, store::Error> {
    let mut histories: BTreeMap<(String, String, String), Vec<FieldWriteRow>> = BTreeMap::new();
    for (object, record) in records {
        for row in store::field_writes_of_record(tx, of, object, record).await? {
            let place = (row.object.clone(), row.record.clone(), row.property.clone());
            if places.contains(&place) {
                histories.entry(place).or_default().push(row);
            }
        }
    }
    let all = || histories.values().flatten();
    let ids: BTreeSet<String> = all().flat_map(|row| [&row.was_doc, &row.is_doc]).flatten().cloned().collect();
    let ids: Vec<String> = ids.into_iter().collect();
    let mut documents = HashMap::new();
    for some in ids.chunks(DOCUMENTS_PER_READ_MAX) {
        for row in store::documents_get(tx, of, some).await? {
            documents.insert(row.id.clone(), row);
        }
    }
    let (mut inquiries, mut effects) = (HashMap::new(), HashMap::new());
    for rows in histories.values() {
        for row in rows {
            if !effects.contains_key(&row.effect)
                && let Some(effect) = store::effect_get(tx, of, &row.effect).await?
            {
                effects.insert(row.effect.clone(), (effect.lane, effect.kind));
            }
        }
        if let Some(last) = rows.last()
            && !inquiries.contains_key(&last.inquiry)
            && let Some(row) = store::inquiry_get(tx, of, &last.inquiry).await?
        {
            inquiries.insert(last.inquiry.clone(), of_row(row)?.inquiry);
        }
    }
    Ok(Stored { histories, inquiries, effects, documents })
}

/// What a read showed of a record.
enum Read {
    Record(Record),
    Merged,
    Gone,
    Unread,
}

fn read(outcome: Outcome, record: &str) -> Read {
    match outcome {
        Outcome::Done { held } => match held.records.into_iter().next() {
            Some(found) if found.id == record => Read::Record(found),
            Some(_) => Read::Merged,
            None => Read::Gone,
        },
        Outcome::Gone { merged_into: Some(_) } => Read::Merged,
        Outcome::Gone { merged_into: None } => Read::Gone,
        _ => Read::Unread,
    }
}

fn written(row: &FieldWriteRow, documents: &HashMap<String, DocumentRow>) -> Written {
    let value = |id: &Option<String>| match id {
        None => Some(String::new()),
        Some(id) => documents.get(id).and_then(|document| document.body.clone()),
    };
    Written {
        inquiry: InquiryId::from_text(row.inquiry.clone()),
        at: instant(row.at),
        object: Object::of(&row.object).unwrap_or(Object::Contact),
        record: row.record.clone(),
        property: row.property.clone(),
        field: row.field.clone(),
        clause: row.clause.clone(),
        contract: row.contract.clone(),
        version: u32::try_from(row.version).unwrap_or(0),
        source: row.source.clone(),
        origin: row.origin.clone(),
        was: value(&row.was_doc),
        is: value(&row.is_doc),
        made: false,
        machine: (row.actor == Actor::Machine.word())
            .then(|| row.confidence.and_then(|c| u16::try_from(c).ok()).unwrap_or(0)),
    }
}

fn shown(
    facts: &AccountFacts,
    scope: &Scope,
    place: &Place,
    standing: &HashMap<(String, String, String), Read>,
    inquiries: &HashMap<String, Inquiry>,
) -> Option<Shown> {
    let history: Vec<Written> = place.history.iter().map(|(_, written)| written.clone()).collect();
    let (row, last) = place.history.iter().rev().find(|(_, written)| scope.takes(written))?;
    let key = (place.lane.as_str().to_owned(), row.object.clone(), row.record.clone());
    let now = match standing.get(&key) {
        Some(Read::Record(record)) => Standing::Value {
            text: record.properties.get(&row.property).cloned().unwrap_or_default(),
            set_by: record.set_by.get(&row.property).map(|set| set.who),
        },
        Some(Read::Merged) => Standing::Merged,
        Some(Read::Gone) => Standing::Gone,
        Some(Read::Unread) | None => Standing::Unread,
    };
    // What a call log or a task was made with is the work itself: it is taken away only if it is asked for by name.
    let work = matches!(last.object, Object::Call | Object::Task) && scope.field.is_none();
    let rule = facts.contract.fields.get(&row.field).map(|clause| clause.rollback).unwrap_or_default();
    let about = About { identity: work || identity(facts, place, &row.property), rule };
    let proposal = propose(scope, &history, &now, about)?;
    let document = |text: &str| {
        let of = |(row, written): &(FieldWriteRow, Written)| {
            let is = (written.is.as_deref() == Some(text)).then(|| row.is_doc.clone()).flatten();
            is.or_else(|| (written.was.as_deref() == Some(text)).then(|| row.was_doc.clone()).flatten())
        };
        place.history.iter().rev().find_map(of)
    };
    let (back, spared, from_doc, to_doc, machine) = match proposal {
        Proposal::Restore { from, to, machine } => {
            let (from_doc, to_doc) = (document(&from), document(&to));
            (Some(to), None, from_doc, to_doc, machine)
        }
        Proposal::Spare(why) => (None, Some(why), None, None, None),
    };
    Some(Shown {
        inquiry: last.inquiry.clone(),
        lane: place.lane.clone(),
        object: last.object,
        record: row.record.clone(),
        property: row.property.clone(),
        field: row.field.clone(),
        contract: row.contract.clone(),
        version: last.version,
        written_at: last.at,
        wrote: last.is.clone(),
        now: match now {
            Standing::Value { text, .. } => Some(text),
            _ => None,
        },
        back,
        spared,
        owner: inquiries.get(&row.inquiry).and_then(|i| i.owner.as_ref()).map(|owner| owner.name.clone()),
        from_doc,
        to_doc,
        machine,
        write: (row.inquiry.clone(), row.seq),
    })
}

/// Does that property say whose record it is?
fn identity(facts: &AccountFacts, place: &Place, property: &str) -> bool {
    let words =
        facts.connections.get(place.lane.as_str()).and_then(ConnectionFacts::crm).map(ringback_connect::Crm::words);
    let of = &facts.contract.matching.properties;
    let named = of.name.iter().chain(&of.email).chain(&of.phone).any(|name| name == property);
    named
        || words.is_some_and(|w| {
            w.contact_phone == property
                || w.contact_name == property
                || w.match_phones.contains(&property)
                || w.match_emails.contains(&property)
        })
}

/// Binds a start to exactly what was shown.
fn digest(facts: &AccountFacts, scope: &Scope, fields: &[Shown]) -> String {
    let of = |f: &Shown| {
        let became = f.spared.map_or("back", Spared::word);
        [f.inquiry.as_str(), f.lane.as_str(), f.object.as_str(), &f.record, &f.property, became].join("\u{1f}")
            + "\u{1f}"
            + f.wrote.as_deref().unwrap_or_default()
            + "\u{1f}"
            + f.back.as_deref().unwrap_or_default()
    };
    let scope = serde_json::to_string(scope).unwrap_or_default();
    let parts: Vec<String> = std::iter::once(scope).chain(fields.iter().map(of)).collect();
    facts.salt.commit("rollback", &parts.join("\u{1e}"))
}

fn tells(fields: &[Shown], inquiries: &HashMap<String, Inquiry>) -> Vec<ToTell> {
    type Records<'a> = BTreeSet<(&'a str, &'a str)>;
    let mut by: BTreeMap<Option<StaffId>, (String, Records<'_>)> = BTreeMap::new();
    for field in fields {
        let owner = inquiries.get(field.inquiry.as_str()).and_then(|i| i.owner.as_ref());
        let name = owner.map_or_else(|| "nobody".to_owned(), |o| o.name.clone());
        let of = by.entry(owner.map(|o| o.staff.clone())).or_insert_with(|| (name, BTreeSet::new()));
        of.1.insert((field.object.as_str(), &field.record));
    }
    by.into_iter().map(|(staff, (name, records))| ToTell { staff, name, records: records.len() }).collect()
}

/// What is held back from now on: one hold per field; for one inquiry, one per field and record.
pub(super) fn holds(scope: &Scope, fields: &[Shown], id: &RollbackId, since: Timestamp) -> Vec<(String, Hold)> {
    let mut all = BTreeMap::new();
    for field in fields.iter().filter(|f| !matches!(f.spared, Some(Spared::Already | Spared::CreatedRecord))) {
        let to = format!("{}.{}", field.object.as_str(), field.property);
        let name = match &scope.inquiry {
            Some(_) => format!("{id}:{to}:{}", field.record),
            None => format!("{id}:{to}"),
        };
        let hold = Hold {
            rollback: id.clone(),
            field: field.field.clone(),
            to,
            contract: scope.contract.clone(),
            source: scope.source.clone(),
            inquiry: scope.inquiry.clone(),
            record: scope.inquiry.is_some().then(|| field.record.clone()),
            since,
            until: None,
        };
        all.insert(name, hold);
    }
    all.into_iter().collect()
}

/// A hold as a person reads it.
fn hold_words(hold: &Hold) -> String {
    let mut words = hold.to.clone();
    if let Some(contract) = &hold.contract {
        words.push_str(&format!(" by {contract}"));
    }
    if let Some(source) = &hold.source {
        words.push_str(&format!(" from {source}"));
    }
    if let Some(record) = &hold.record {
        words.push_str(&format!(" on {record}"));
    }
    words
}
