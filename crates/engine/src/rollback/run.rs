//! From the start to the end: what is stored at the start, the items on their way, and the owners who are told.

use super::preview::holds;
use super::{HOLD, ItemField, KNOWN_EVERYWHERE_SECONDS, Shown, counts, fields_of, json_of, told};
use crate::chain::Chain;
use crate::corrections::{By, correction, put_once};
use crate::facts::AccountFacts;
use crate::fold::Looked;
use crate::inquire::{MEETINGS_MAX, apply, corrupt, load};
use crate::{Engine, Error, micros};
use jiff::{SignedDuration, Timestamp};
use ringback_core::crm::Object;
use ringback_core::effect::LaneId;
use ringback_core::ensure::Receipt;
use ringback_core::id::{AccountId, InquiryId, RollbackId, StaffId, UserId};
use ringback_core::inquiry::Event;
use ringback_core::ledger::{Document, Draft};
use ringback_core::rollback::{Back, Scope, Spared, Telling, Undo};
use ringback_store::{self as store, CorrectionRow, RollbackItemRow, RollbackRow, Site, Tx};
use std::collections::{BTreeMap, HashMap};

/// Items sent on their way in one step.
const ITEMS_PER_STEP_MAX: usize = 64;
/// Rollbacks looked at in one step.
const ROLLBACKS_PER_STEP_MAX: u32 = 16;
/// Lines of what an owner is told.
const LINES_MAX: usize = 40;
/// How soon it is looked at again while its effects are under way.
const LOOK_AGAIN_SECONDS: i64 = 1;
/// How soon one that could not go on is looked at again; it must not keep the others waiting meanwhile.
const AFTER_FAILURE_SECONDS: i64 = 300;

impl Engine {
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
                    preview.agreed.restored, preview.agreed.spared
                ),
                "look at the preview again and start with its digest",
            ));
        }
        if preview.agreed.restored == 0 {
            return Err(told(
                "RB-0232",
                format!("nothing would go back: {} values stay as they stand", preview.agreed.spared),
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
            preview: json_of("preview", &preview.agreed)?,
            started_at: micros(now),
            due_at: micros(since),
            done_at: None,
        };
        let facts = self.facts(account).await?;
        let corrections = corrections(&facts, &preview.fields, now);
        let days = facts.days;
        let draft = Draft::new("rollback_started")
            .with("rollback", &id)
            .with("scope", scope)
            .with("by", by)
            .with("reason", reason)
            .with("preview", digest)
            .with("restored", preview.agreed.restored)
            .with("spared", preview.agreed.spared)
            .with("records", preview.agreed.records)
            .with("holds", &preview.agreed.holds);
        let chain = self.chain(account);
        let holds: Vec<(String, String)> =
            holds.into_iter().map(|(id, hold)| Ok((id, json_of("hold", &hold)?))).collect::<Result<_, Error>>()?;
        for meeting in 0..MEETINGS_MAX {
            let (row, items, holds, chain, draft) =
                (row.clone(), items.clone(), holds.clone(), chain.clone(), draft.clone());
            let corrections = corrections.clone();
            let begun = self
                .store()
                .write(Site::Rollback, move |tx| {
                    Box::pin(async move {
                        store::rollback_insert(tx, &row, &items).await?;
                        for (id, body) in &holds {
                            store::roster_put(tx, &row.account, HOLD, id, body, row.due_at).await?;
                        }
                        for noted in corrections {
                            put_once(tx, days, noted, now).await?;
                        }
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
                // What is stored of it cannot be read: the others go on.
                Err(
                    error @ (Error::Corrupt { .. } | Error::Store(store::Error::Bug(_) | store::Error::Corrupt { .. })),
                ) => {
                    tracing::error!(%error, account = row.account, rollback = row.id, "a rollback cannot go on; it is tried again later");
                    self.put_off(&row, AFTER_FAILURE_SECONDS).await?;
                }
                Err(error) => return Err(error),
                Ok(done) => looked.done += done,
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
            self.put_off(row, LOOK_AGAIN_SECONDS).await?;
            return Ok(moved);
        }
        if moved > 0 {
            return Ok(moved);
        }
        self.finish(&account, &facts, row, &items).await?;
        Ok(1)
    }

    async fn put_off(&self, row: &RollbackRow, seconds: i64) -> Result<(), Error> {
        let again = micros(self.now() + SignedDuration::from_secs(seconds));
        let (account, id) = (row.account.clone(), row.id.clone());
        self.store()
            .write(Site::Rollback, move |tx| {
                Box::pin(async move { store::rollback_put_off_if(tx, &account, &id, again).await })
            })
            .await?;
        Ok(())
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
                            let target = Undo::target_of(&item.rollback, &item.object, &item.record);
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
}

/// What people have put in place of what we wrote, as the preview saw it, each with the document of that value.
fn corrections(facts: &AccountFacts, fields: &[Shown], now: Timestamp) -> Vec<(CorrectionRow, Option<Document>)> {
    let spared = fields.iter().filter(|field| field.spared == Some(Spared::LaterHuman));
    let noted = spared.map(|field| {
        let write = (field.write.0.as_str(), field.write.1, field.property.as_str());
        correction(facts, write, By::Rollback, field.now.as_deref(), "", now)
    });
    noted.collect()
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
