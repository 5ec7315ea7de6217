//! Taking written values back: preview, start, and the worker that goes on with it whatever happens.
//!
//! A preview reads now what stands in the CRM and changes nothing; its digest binds the start to exactly what was shown. The start stores the
//! holds and one item per record, all in one unit. From then on the worker gives each item to its inquiry as an event, in the unit that marks
//! the item as sent; what follows is a plan like any other: lanes, `ensure`, read-back, receipt, ledger. When every item has come to its
//! end, the owners are told, once each. A node that dies anywhere in between is followed by the next look.

use crate::ask::{Asking, TRIES_MAX};
use crate::chain::Chain;
use crate::facts::{AccountFacts, ConnectionFacts, FACTS_SECONDS_MAX};
use crate::fold::Looked;
use crate::inquire::{MEETINGS_MAX, apply, corrupt, load, of_row, put_documents};
use crate::{Engine, Error, instant, micros};
use jiff::{SignedDuration, Timestamp};
use ringback_core::crm::{CrmOp, Object, Outcome, Record, Setter};
use ringback_core::effect::LaneId;
use ringback_core::ensure::Receipt;
use ringback_core::id::{AccountId, InquiryId, RollbackId, StaffId, UserId};
use ringback_core::inquiry::{Event, Inquiry};
use ringback_core::ledger::{Draft, Retention};
use ringback_core::plan::Actor;
use ringback_core::problem::Problem;
use ringback_core::rollback::{Back, Hold, Proposal, Scope, Spared, Standing, Telling, Undo, Written, propose};
use ringback_store::{
    self as store, Before, CorrectionRow, DocumentRow, FieldWriteRow, RollbackItemRow, RollbackRow, Site, Tx,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The kind of a roster's row that holds an action back.
pub(crate) const HOLD: &str = "hold";
/// The most writes that one rollback may be about.
pub const WRITES_MAX: u32 = 20_000;
/// The most records that one rollback may touch.
pub const RECORDS_MAX: usize = 2_000;
/// Items sent on their way in one step.
const ITEMS_PER_STEP_MAX: usize = 64;
/// Rollbacks looked at in one step.
const ROLLBACKS_PER_STEP_MAX: u32 = 16;
/// Lines of what an owner is told.
const LINES_MAX: usize = 40;
/// How soon it is looked at again while its effects are under way.
const LOOK_AGAIN_SECONDS: i64 = 1;
/// What the CRM's own automation set so soon after a write counts as set off by it.
const SET_OFF_MINUTES: i64 = 60;
/// Kinds of effects that say what stood there before they wrote.
const LOOKS_FIRST: [&str; 2] = ["update_contact", "restore"];
/// Documents read at once.
const DOCUMENTS_PER_READ_MAX: usize = 200;

/// A change of the holds takes effect when every node has read it: no node keeps what it read for longer than [`FACTS_SECONDS_MAX`].
const KNOWN_EVERYWHERE_SECONDS: i64 = FACTS_SECONDS_MAX + 1;

/// What a rollback would do to one property of one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    pub inquiry: InquiryId,
    /// The lane it was written through.
    pub lane: LaneId,
    pub object: Object,
    pub record: String,
    pub property: String,
    /// The contract's name of the field.
    pub field: String,
    /// Contract and version of the last write that it is about.
    pub contract: String,
    pub version: u32,
    pub written_at: Timestamp,
    /// What was written; `None` where it is not kept any more.
    pub wrote: Option<String>,
    /// What stands there now; `None` where the CRM did not say.
    pub now: Option<String>,
    /// What goes back (empty: nothing); `None` where it is spared.
    pub back: Option<String>,
    /// Why it is spared.
    pub spared: Option<Spared>,
    pub owner: Option<String>,
    #[serde(skip)]
    from_doc: Option<String>,
    #[serde(skip)]
    to_doc: Option<String>,
    #[serde(skip)]
    machine: Option<u16>,
    #[serde(skip)]
    write: (String, i64),
}

/// Something that the values had set off already, and that no rollback takes back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Consequence {
    pub inquiry: InquiryId,
    /// `paged`, `escalated`, `task`, `automation`.
    pub what: String,
    pub words: String,
    pub at: Timestamp,
    /// It cannot be undone, only made good.
    pub irreversible: bool,
}

/// Who is told, and of how many records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToTell {
    pub staff: Option<StaffId>,
    /// `nobody` where an inquiry has no owner.
    pub name: String,
    pub records: usize,
}

/// What a rollback would do, and what it would not.
#[derive(Debug, Clone, Serialize)]
pub struct Preview {
    pub scope: Scope,
    /// Binds a start to exactly this.
    pub digest: String,
    pub read_at: Timestamp,
    pub fields: Vec<Shown>,
    /// Properties that go back.
    pub restored: usize,
    /// Properties that stay as they stand.
    pub spared: usize,
    /// Records on which something goes back.
    pub records: usize,
    pub tells: Vec<ToTell>,
    /// What is put before a person from now on.
    pub holds: Vec<String>,
    pub consequences: Vec<Consequence>,
    /// What could not be read, in words.
    pub unread: Vec<String>,
}

/// The part of a preview that is kept with the rollback: counts and names, no values.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Agreed {
    pub restored: usize,
    pub spared: usize,
    pub records: usize,
    pub tells: Vec<ToTell>,
    pub holds: Vec<String>,
    pub consequences: Vec<Consequence>,
}

impl Agreed {
    fn of(preview: &Preview) -> Self {
        Self {
            restored: preview.restored,
            spared: preview.spared,
            records: preview.records,
            tells: preview.tells.clone(),
            holds: preview.holds.clone(),
            consequences: preview.consequences.clone(),
        }
    }
}

/// One property of an item, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemField {
    pub property: String,
    pub field: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_doc: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_doc: Option<String>,
    /// What goes back is what the machine itself had written, so sure (thousandths).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spared: Option<Spared>,
}

/// One item of a rollback, and how far it has come.
#[derive(Debug, Clone, Serialize)]
pub struct Item {
    pub n: i64,
    pub inquiry: InquiryId,
    pub object: String,
    pub record: String,
    /// `planned`, `sent`, `done`, `dead`, `spared`.
    pub state: String,
    pub effect: Option<String>,
    pub fields: Vec<ItemField>,
}

/// A rollback and how far it has come.
#[derive(Debug, Clone, Serialize)]
pub struct Rollback {
    pub id: RollbackId,
    pub scope: Scope,
    /// `running`, `done`.
    pub state: String,
    pub reason: String,
    pub by: String,
    pub started_at: Timestamp,
    pub done_at: Option<Timestamp>,
    pub agreed: Agreed,
    pub items: Vec<Item>,
    /// Properties that stand as before again.
    pub back: usize,
    /// Properties that were left as they stood.
    pub left: usize,
    /// Items that need a person.
    pub dead: usize,
}

/// A hold with its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Held {
    pub id: String,
    #[serde(flatten)]
    pub hold: Hold,
}

fn json_of<T: Serialize>(what: &str, value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|e| corrupt("rollback", what, e).into())
}

fn told(code: &'static str, cause: impl Into<String>, cure: impl Into<String>) -> Error {
    Error::Told(Box::new(Problem::new(code, cause.into(), cure.into())))
}

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
        Ok(Preview {
            scope: scope.clone(),
            digest,
            read_at: self.now(),
            restored,
            spared: fields.len() - restored,
            records,
            tells: tells(&fields, &found.inquiries),
            holds: holds.iter().map(|(_, hold)| hold_words(hold)).collect::<BTreeSet<_>>().into_iter().collect(),
            consequences,
            unread,
            fields,
        })
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

    /// Begins a rollback, provided what would happen still is what was shown. From then on it goes on by itself.
    pub async fn start_rollback(
        &self,
        account: &AccountId,
        scope: &Scope,
        digest: &str,
        reason: &str,
        by: &UserId,
    ) -> Result<RollbackId, Error> {
        let preview = self.preview_rollback(account, scope).await?;
        if preview.digest != digest {
            return Err(told(
                "RB-0231",
                format!(
                    "what would happen is not what was shown: now {} values would go back and {} stay",
                    preview.restored, preview.spared
                ),
                "look at the preview again and start with its digest",
            ));
        }
        if preview.restored == 0 {
            return Err(told(
                "RB-0232",
                format!("nothing would go back: {} values stay as they stand", preview.spared),
                "the preview says why of each; ask for more, or correct them in the CRM",
            ));
        }
        let now = self.now();
        let since = now + SignedDuration::from_secs(KNOWN_EVERYWHERE_SECONDS);
        let id = RollbackId::new(now, self.random());
        let holds = holds(scope, &preview.fields, &id, since);
        let items = items(account, &id, &preview.fields)?;
        let row = RollbackRow {
            account: account.as_str().to_owned(),
            id: id.as_str().to_owned(),
            scope: json_of("scope", scope)?,
            state: "running".into(),
            reason: reason.to_owned(),
            by_id: by.as_str().to_owned(),
            preview_digest: digest.to_owned(),
            preview: json_of("preview", &Agreed::of(&preview))?,
            started_at: micros(now),
            due_at: micros(since),
            done_at: None,
        };
        let facts = self.facts(account).await?;
        let (corrections, documents) = Self::corrections(&facts, &preview.fields, now);
        let days = facts.days;
        let draft = Draft::new("rollback_started")
            .with("rollback", &id)
            .with("scope", scope)
            .with("by", by)
            .with("reason", reason)
            .with("preview", digest)
            .with("restored", preview.restored)
            .with("spared", preview.spared)
            .with("records", preview.records)
            .with("holds", &preview.holds);
        let chain = self.chain(account);
        let holds: Vec<(String, String)> =
            holds.into_iter().map(|(id, hold)| Ok((id, json_of("hold", &hold)?))).collect::<Result<_, Error>>()?;
        for meeting in 0..MEETINGS_MAX {
            let (row, items, holds, chain, draft) =
                (row.clone(), items.clone(), holds.clone(), chain.clone(), draft.clone());
            let (corrections, documents) = (corrections.clone(), documents.clone());
            let begun = self
                .store()
                .write(Site::Rollback, move |tx| {
                    Box::pin(async move {
                        store::rollback_insert(tx, &row, &items).await?;
                        for (id, body) in &holds {
                            store::roster_put(tx, &row.account, HOLD, id, body, row.due_at).await?;
                        }
                        put_documents(tx, &row.account, days, documents, now).await?;
                        store::corrections_put_once(tx, &corrections).await?;
                        chain.tell(tx, vec![draft]).await
                    })
                })
                .await;
            match begun {
                Err(store::Error::Conflict) if meeting + 1 < MEETINGS_MAX => {}
                other => {
                    other?;
                    break;
                }
            }
        }
        self.facts_changed(account);
        Ok(id)
    }

    /// What people have put in place of what we wrote, as the preview saw it, and the documents of these values.
    fn corrections(
        facts: &AccountFacts,
        fields: &[Shown],
        now: Timestamp,
    ) -> (Vec<CorrectionRow>, Vec<ringback_core::ledger::Document>) {
        let mut documents = Vec::new();
        let mut rows = Vec::new();
        for field in fields.iter().filter(|field| field.spared == Some(Spared::LaterHuman)) {
            let text = field.now.as_deref().filter(|text| !text.is_empty());
            let document = text.map(|text| facts.salt.document(Retention::Value, "value", text));
            rows.push(CorrectionRow {
                account: facts.account.as_str().to_owned(),
                inquiry: field.write.0.clone(),
                seq: field.write.1,
                property: field.property.clone(),
                kind: "rollback".into(),
                value_doc: document.as_ref().map(|document| document.id.as_str().to_owned()),
                by_id: String::new(),
                seen_at: micros(now),
            });
            documents.extend(document);
        }
        (rows, documents)
    }

    /// Goes on with the rollbacks that want it.
    pub async fn step_rollbacks(&self) -> Result<Looked, Error> {
        let now = micros(self.now());
        let due = self
            .store()
            .read(move |tx| Box::pin(async move { store::rollbacks_due(tx, now, ROLLBACKS_PER_STEP_MAX).await }))
            .await?;
        let mut looked = Looked { done: 0, more: due.len() >= ROLLBACKS_PER_STEP_MAX as usize };
        for row in due {
            match self.go_on(&row).await {
                // An inquiry or another node moved meanwhile: the next look sees what is left.
                Err(Error::Store(store::Error::Conflict)) => looked.more = true,
                other => looked.done += other?,
            }
        }
        if looked.done > 0 {
            self.changed();
        }
        Ok(looked)
    }

    async fn go_on(&self, row: &RollbackRow) -> Result<usize, Error> {
        let account = AccountId::from_text(row.account.clone());
        let facts = self.facts(&account).await?;
        let of = (row.account.clone(), row.id.clone());
        let items = self
            .store()
            .read(move |tx| Box::pin(async move { store::rollback_items_of(tx, &of.0, &of.1).await }))
            .await?;
        let planned: Vec<&RollbackItemRow> = items.iter().filter(|item| item.state == "planned").collect();
        if !planned.is_empty() {
            let mut done = 0;
            for item in planned.into_iter().take(ITEMS_PER_STEP_MAX) {
                self.send_item(&facts, row, item).await?;
                done += 1;
            }
            return Ok(done);
        }
        let mut moved = 0;
        let mut under_way = false;
        for item in items.iter().filter(|item| item.state == "sent") {
            if self.settle_item(item).await? {
                moved += 1;
            } else {
                under_way = true;
            }
        }
        if under_way {
            let again = micros(self.now() + SignedDuration::from_secs(LOOK_AGAIN_SECONDS));
            let (account, id) = (row.account.clone(), row.id.clone());
            self.store()
                .write(Site::Rollback, move |tx| {
                    Box::pin(async move { store::rollback_put_off_if(tx, &account, &id, again).await })
                })
                .await?;
            return Ok(moved);
        }
        if moved > 0 {
            return Ok(moved);
        }
        self.finish(&account, &facts, row, &items).await?;
        Ok(1)
    }

    /// Gives an item to its inquiry, in the unit that marks it as sent.
    async fn send_item(
        &self,
        facts: &std::sync::Arc<AccountFacts>,
        row: &RollbackRow,
        item: &RollbackItemRow,
    ) -> Result<(), Error> {
        let (facts, row, mut item, now) = (facts.clone(), row.clone(), item.clone(), self.now());
        self.store()
            .write(Site::Rollback, move |tx| {
                Box::pin(async move {
                    let account = facts.account.as_str();
                    let mut fields = fields_of(&item)?;
                    let backs = backs(tx, account, &mut fields).await?;
                    let loaded = load(tx, account, &item.inquiry).await?;
                    let (Some(loaded), Some(object)) = (loaded, Object::of(&item.object)) else {
                        return Err(corrupt("rollback", &item.rollback, "its inquiry is missing"));
                    };
                    item.state = "spared".into();
                    if !backs.is_empty() {
                        let undo = Undo {
                            rollback: RollbackId::from_text(item.rollback.clone()),
                            lane: LaneId::from_text(item.lane.clone()),
                            object,
                            record: item.record.clone(),
                            fields: backs,
                            by: UserId::from_text(row.by_id.clone()),
                        };
                        let target = undo.target();
                        let inquiry = apply(tx, &facts, loaded, &[Event::Undo { undo }], now).await?;
                        let effect = inquiry.effects.get(&target);
                        item.effect = effect.map(|effect| effect.id.as_str().to_owned());
                        item.state = "sent".into();
                    }
                    item.fields = serde_json::to_string(&fields).map_err(|e| corrupt("rollback", &item.rollback, e))?;
                    if store::rollback_item_move_if(tx, &item, "planned").await? {
                        Ok(())
                    } else {
                        Err(store::Error::Conflict)
                    }
                })
            })
            .await?;
        Ok(())
    }

    /// Takes in what became of a sent item; `false` while it is under way.
    async fn settle_item(&self, item: &RollbackItemRow) -> Result<bool, Error> {
        let mut item = item.clone();
        let settled = self
            .store()
            .write(Site::Rollback, move |tx| {
                Box::pin(async move {
                    let id = item.effect.clone().unwrap_or_default();
                    let Some(effect) = store::effect_get(tx, &item.account, &id).await? else {
                        return Err(corrupt("rollback", &item.rollback, "its effect is missing"));
                    };
                    match effect.state.as_str() {
                        "done" => {
                            let receipt: Receipt = serde_json::from_str(effect.receipt.as_deref().unwrap_or("{}"))
                                .map_err(|e| corrupt("receipt", &effect.id, e))?;
                            let mut fields = fields_of(&item)?;
                            for field in &mut fields {
                                field.spared = receipt.spared.get(&field.property).copied().or(field.spared);
                            }
                            item.fields =
                                serde_json::to_string(&fields).map_err(|e| corrupt("rollback", &item.rollback, e))?;
                            item.state = "done".into();
                        }
                        "dead" => item.state = "dead".into(),
                        "superseded" => {
                            // Another plan stands for it: the inquiry says which effect it is now.
                            let loaded = load(tx, &item.account, &item.inquiry).await?;
                            let object = Object::of(&item.object).map_or("", Object::as_str);
                            let target = format!("undo:{}:{object}:{}", item.rollback, item.record);
                            let now =
                                loaded.and_then(|l| l.inquiry.effects.get(&target).map(|e| e.id.as_str().to_owned()));
                            if now == item.effect || now.is_none() {
                                item.state = "dead".into();
                            } else {
                                item.effect = now;
                            }
                        }
                        _ => return Ok(false),
                    }
                    let moved = store::rollback_item_move_if(tx, &item, "sent").await?;
                    if moved { Ok(item.state != "sent") } else { Err(store::Error::Conflict) }
                })
            })
            .await?;
        Ok(settled)
    }

    /// Tells the owners, and closes it.
    async fn finish(
        &self,
        account: &AccountId,
        facts: &std::sync::Arc<AccountFacts>,
        row: &RollbackRow,
        items: &[RollbackItemRow],
    ) -> Result<(), Error> {
        let tellings = self.tellings(account, facts, row, items).await?;
        let mut told = Vec::new();
        for (inquiry, telling) in tellings {
            told.push(telling.staff.clone());
            let (facts, now) = (facts.clone(), self.now());
            self.store()
                .write(Site::Rollback, move |tx| {
                    Box::pin(async move {
                        let Some(loaded) = load(tx, facts.account.as_str(), inquiry.as_str()).await? else {
                            return Ok(());
                        };
                        let known = |t: &Telling| t.rollback == telling.rollback && t.staff == telling.staff;
                        if loaded.inquiry.tellings.iter().any(known) {
                            return Ok(());
                        }
                        apply(tx, &facts, loaded, &[Event::Told { telling }], now).await.map(|_| ())
                    })
                })
                .await?;
        }
        let (back, left, dead) = counts(items)?;
        let draft = Draft::new("rollback_done")
            .with("rollback", &row.id)
            .with("back", back)
            .with("left", left)
            .with("dead", dead)
            .with("told", &told);
        let (chain, row, now): (Chain, RollbackRow, i64) = (self.chain(account), row.clone(), micros(self.now()));
        self.store()
            .write(Site::Rollback, move |tx| {
                Box::pin(async move {
                    if store::rollback_finish_if(tx, &row.account, &row.id, now).await? {
                        chain.tell(tx, vec![draft]).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        Ok(())
    }

    /// What each owner is told, on the first of their inquiries.
    async fn tellings(
        &self,
        account: &AccountId,
        facts: &AccountFacts,
        row: &RollbackRow,
        items: &[RollbackItemRow],
    ) -> Result<Vec<(InquiryId, Telling)>, Error> {
        let mut by_owner: BTreeMap<StaffId, Vec<(InquiryId, &RollbackItemRow)>> = BTreeMap::new();
        let mut owners: HashMap<&str, Option<StaffId>> = HashMap::new();
        for item in items {
            if !owners.contains_key(item.inquiry.as_str()) {
                let id = InquiryId::from_text(item.inquiry.clone());
                let owner = self.inquiry(account, &id).await?.and_then(|i| i.owner).map(|o| o.staff);
                owners.insert(&item.inquiry, owner);
            }
            if let Some(Some(staff)) = owners.get(item.inquiry.as_str()) {
                let of = by_owner.entry(staff.clone()).or_default();
                of.push((InquiryId::from_text(item.inquiry.clone()), item));
            }
        }
        let mut all = Vec::with_capacity(by_owner.len());
        for (staff, mut mine) in by_owner {
            mine.sort_by(|a, b| (&a.0, a.1.n).cmp(&(&b.0, b.1.n)));
            let Some((first, _)) = mine.first().cloned() else { continue };
            let rows: Vec<RollbackItemRow> = mine.iter().map(|(_, item)| (*item).clone()).collect();
            let (back, left, dead) = counts(&rows)?;
            let mut lines = Vec::new();
            for item in &rows {
                for field in fields_of(item)? {
                    let became = match (field.spared, item.state.as_str()) {
                        (Some(why), _) => why.words(),
                        (None, "done") => "stands as it was before again",
                        (None, _) => "could not be put back: see the dead letters",
                    };
                    let name = if field.field.is_empty() { &field.property } else { &field.field };
                    lines.push(format!("{} {}, {name}: {became}", item.object, item.record));
                }
            }
            let more = lines.len().saturating_sub(LINES_MAX);
            lines.truncate(LINES_MAX);
            if more > 0 {
                lines.push(format!("and {more} more"));
            }
            lines.push(format!("{}/inquiries/{first}", facts.console_url));
            let mut subject =
                format!("Rollback: {back} values of your inquiries stand as before, {left} were left as they are");
            if dead > 0 {
                subject.push_str(&format!(", {dead} records need a person"));
            }
            all.push((first, Telling { rollback: RollbackId::from_text(row.id.clone()), staff, subject, lines }));
        }
        Ok(all)
    }

    /// A rollback and how far it has come.
    pub async fn rollback(&self, account: &AccountId, id: &RollbackId) -> Result<Rollback, Error> {
        let (of, name) = (account.as_str().to_owned(), id.as_str().to_owned());
        let found = self
            .store()
            .read(move |tx| {
                Box::pin(async move {
                    let Some(row) = store::rollback_get(tx, &of, &name).await? else { return Ok(None) };
                    let mut items = store::rollback_items_of(tx, &of, &name).await?;
                    // A dead letter that a person has sent on its way again may be done by now.
                    for item in items.iter_mut().filter(|item| item.state == "dead") {
                        let id = item.effect.clone().unwrap_or_default();
                        if store::effect_state(tx, &of, &id).await?.as_deref() == Some("done") {
                            item.state = "done".into();
                        }
                    }
                    Ok(Some((row, items)))
                })
            })
            .await?;
        let Some((row, items)) = found else { return Err(Error::Missing(format!("rollback {id}"))) };
        told_of(row, &items)
    }

    /// The rollbacks of an account, newest first.
    pub async fn rollbacks(&self, account: &AccountId, limit: u32, before: &Before) -> Result<Vec<Rollback>, Error> {
        let (of, before) = (account.as_str().to_owned(), before.clone());
        let all = self
            .store()
            .read(move |tx| {
                Box::pin(async move {
                    let mut all = Vec::new();
                    for row in store::rollbacks_list(tx, &of, limit, &before).await? {
                        let items = store::rollback_items_of(tx, &of, &row.id).await?;
                        all.push((row, items));
                    }
                    Ok(all)
                })
            })
            .await?;
        all.into_iter().map(|(row, items)| told_of(row, &items)).collect()
    }

    /// What is put before a person because it was rolled back, by rollback.
    pub async fn holds(&self, account: &AccountId) -> Result<Vec<Held>, Error> {
        let (of, now) = (account.as_str().to_owned(), micros(self.now()));
        let rows = self
            .store()
            .read(move |tx| Box::pin(async move { store::roster_kind_from(tx, &of, HOLD, now).await }))
            .await?;
        rows.iter().map(|row| Ok(Held { id: row.id.clone(), hold: read_hold(row)? })).collect()
    }

    /// Lets an action happen by itself again: that of one field, or everything that a rollback holds back. Gives how many holds end.
    pub async fn lift_holds(
        &self,
        account: &AccountId,
        rollback: &RollbackId,
        field: Option<&str>,
        reason: &str,
        by: &UserId,
    ) -> Result<usize, Error> {
        let mine = |held: &Held| {
            held.hold.rollback == *rollback
                && held.hold.until.is_none()
                && field.is_none_or(|field| held.hold.field == field || held.hold.to == field)
        };
        let holds: Vec<Held> = self.holds(account).await?.into_iter().filter(mine).collect();
        if holds.is_empty() {
            return Err(Error::Missing(format!("hold of rollback {rollback}")));
        }
        let fields: BTreeSet<&String> = holds.iter().map(|held| &held.hold.to).collect();
        let draft = Draft::new("hold_lifted")
            .with("rollback", rollback)
            .with("fields", fields)
            .with("reason", reason)
            .with("by", by);
        let ids: Vec<String> = holds.iter().map(|held| held.id.clone()).collect();
        let (chain, of) = (self.chain(account), account.as_str().to_owned());
        let at = micros(self.now() + SignedDuration::from_secs(KNOWN_EVERYWHERE_SECONDS));
        self.store()
            .write(Site::Decision, move |tx| {
                Box::pin(async move {
                    for id in &ids {
                        if !store::roster_end_if(tx, &of, HOLD, id, at).await? {
                            return Err(store::Error::Conflict);
                        }
                    }
                    chain.tell(tx, vec![draft]).await
                })
            })
            .await?;
        self.facts_changed(account);
        Ok(holds.len())
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

/// A hold out of its row: the time in which it holds is the row's.
pub(crate) fn read_hold(row: &store::RosterRow) -> Result<Hold, Error> {
    let hold: Hold = serde_json::from_str(&row.body)
        .map_err(|e| Error::Corrupt { what: format!("hold {}", row.id), why: e.to_string() })?;
    Ok(Hold { since: instant(row.valid_from), until: row.valid_to.map(instant), ..hold })
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
    let proposal = propose(scope, &history, &now, work || identity(facts, place, &row.property))?;
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
fn holds(scope: &Scope, fields: &[Shown], id: &RollbackId, since: Timestamp) -> Vec<(String, Hold)> {
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

fn items(account: &AccountId, id: &RollbackId, fields: &[Shown]) -> Result<Vec<RollbackItemRow>, Error> {
    let mut by: BTreeMap<(String, String, &str, String), Vec<ItemField>> = BTreeMap::new();
    for field in fields {
        let place = (
            field.inquiry.as_str().to_owned(),
            field.lane.as_str().to_owned(),
            field.object.as_str(),
            field.record.clone(),
        );
        by.entry(place).or_default().push(ItemField {
            property: field.property.clone(),
            field: field.field.clone(),
            from_doc: field.from_doc.clone(),
            to_doc: field.to_doc.clone(),
            machine: field.machine,
            spared: field.spared,
        });
    }
    let mut all = Vec::with_capacity(by.len());
    for (n, ((inquiry, lane, object, record), fields)) in by.into_iter().enumerate() {
        let planned = fields.iter().any(|field| field.spared.is_none());
        all.push(RollbackItemRow {
            account: account.as_str().to_owned(),
            rollback: id.as_str().to_owned(),
            n: i64::try_from(n).unwrap_or(i64::MAX - 1) + 1,
            inquiry,
            lane,
            object: object.to_owned(),
            record,
            fields: serde_json::to_string(&fields).map_err(|e| corrupt("rollback", id.as_str(), e))?,
            state: if planned { "planned" } else { "spared" }.into(),
            effect: None,
        });
    }
    Ok(all)
}

fn fields_of(item: &RollbackItemRow) -> Result<Vec<ItemField>, store::Error> {
    serde_json::from_str(&item.fields).map_err(|e| corrupt("rollback", &item.rollback, e))
}

/// The values that go back; what is not kept any more is spared.
async fn backs(tx: &mut Tx, account: &str, fields: &mut [ItemField]) -> Result<BTreeMap<String, Back>, store::Error> {
    let mut backs = BTreeMap::new();
    for field in fields.iter_mut().filter(|field| field.spared.is_none()) {
        let mut texts = Vec::with_capacity(2);
        for id in [&field.from_doc, &field.to_doc] {
            texts.push(match id {
                None => Some(String::new()),
                Some(id) => store::document_get(tx, account, id).await?.and_then(|document| document.body),
            });
        }
        match (texts.pop().flatten(), texts.pop().flatten()) {
            (Some(to), Some(from)) => {
                backs.insert(
                    field.property.clone(),
                    Back { field: field.field.clone(), from, to, machine: field.machine },
                );
            }
            _ => field.spared = Some(Spared::Expired),
        }
    }
    Ok(backs)
}

/// Values that stand as before, values left as they stood, records that need a person.
fn counts(items: &[RollbackItemRow]) -> Result<(usize, usize, usize), store::Error> {
    let (mut back, mut left, mut dead) = (0, 0, 0);
    for item in items {
        dead += usize::from(item.state == "dead");
        for field in fields_of(item)? {
            match field.spared {
                Some(_) => left += 1,
                None => back += usize::from(item.state == "done"),
            }
        }
    }
    Ok((back, left, dead))
}

fn told_of(row: RollbackRow, items: &[RollbackItemRow]) -> Result<Rollback, Error> {
    let corrupt = |e: serde_json::Error| Error::Corrupt { what: format!("rollback {}", row.id), why: e.to_string() };
    let (back, left, dead) = counts(items)?;
    let item = |item: &RollbackItemRow| {
        Ok(Item {
            n: item.n,
            inquiry: InquiryId::from_text(item.inquiry.clone()),
            object: item.object.clone(),
            record: item.record.clone(),
            state: item.state.clone(),
            effect: item.effect.clone(),
            fields: fields_of(item)?,
        })
    };
    Ok(Rollback {
        scope: serde_json::from_str(&row.scope).map_err(corrupt)?,
        agreed: serde_json::from_str(&row.preview).map_err(corrupt)?,
        id: RollbackId::from_text(row.id),
        state: row.state,
        reason: row.reason,
        by: row.by_id,
        started_at: instant(row.started_at),
        done_at: row.done_at.map(instant),
        items: items.iter().map(item).collect::<Result<_, store::Error>>()?,
        back,
        left,
        dead,
    })
}
