//! Taking written values back: preview, start, and the worker that goes on with it whatever happens.
//!
//! A preview reads now what stands in the CRM and changes nothing; its digest binds the start to exactly what was shown. The start stores the
//! holds and one item per record, all in one unit. From then on the worker gives each item to its inquiry as an event, in the unit that marks
//! the item as sent; what follows is a plan like any other: lanes, `ensure`, read-back, receipt, ledger. When every item has come to its
//! end, the owners are told, once each. A node that dies anywhere in between is followed by the next look.

mod preview;
mod run;

use crate::facts::FACTS_SECONDS_MAX;
use crate::inquire::corrupt;
use crate::{Engine, Error, instant, micros};
use jiff::{SignedDuration, Timestamp};
use ringback_core::crm::Object;
use ringback_core::effect::LaneId;
use ringback_core::id::{AccountId, InquiryId, RollbackId, StaffId, UserId};
use ringback_core::ledger::Draft;
use ringback_core::problem::Problem;
use ringback_core::rollback::{Hold, Scope, Spared};
use ringback_store::{self as store, Before, RollbackItemRow, RollbackRow, Site};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The kind of a roster's row that holds an action back.
pub(crate) const HOLD: &str = "hold";
/// The most writes that one rollback may be about.
pub const WRITES_MAX: u32 = 20_000;
/// The most records that one rollback may touch.
pub const RECORDS_MAX: usize = 2_000;

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
    /// `paged`, `emitted`, `escalated`, `task`, `automation`.
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
    #[serde(flatten)]
    pub agreed: Agreed,
    /// What could not be read, in words.
    pub unread: Vec<String>,
}

/// The part of a preview that is kept with the rollback: counts and names, no values.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Agreed {
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

impl Engine {
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

/// A hold out of its row: the time in which it holds is the row's.
pub(crate) fn read_hold(row: &store::RosterRow) -> Result<Hold, Error> {
    let hold: Hold = serde_json::from_str(&row.body)
        .map_err(|e| Error::Corrupt { what: format!("hold {}", row.id), why: e.to_string() })?;
    Ok(Hold { since: instant(row.valid_from), until: row.valid_to.map(instant), ..hold })
}

fn fields_of(item: &RollbackItemRow) -> Result<Vec<ItemField>, store::Error> {
    serde_json::from_str(&item.fields).map_err(|e| corrupt("rollback", &item.rollback, e))
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
