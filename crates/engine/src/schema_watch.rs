//! A schema that changes under a running contract pauses the clauses that it touches, and nothing else.
//!
//! The CRM's schema is looked at every hour, every few minutes while something is paused, and at once when a write or a search is refused or
//! not taken. A clause that it does not fit any more is paused for the account: its property is left out of what is written, everything else
//! goes on. When the field is back the pause ends and what waited is written. Pauses are versioned rows beside the roster; each beginning and
//! each end stands in the account's own chain.
//!
//! A look that is not answered changes nothing: what the CRM does not show is not known to be gone.

use crate::facts::{AccountFacts, ConnectionFacts, PAUSE, read_pauses};
use crate::inquire::{MEETINGS_MAX, apply, load, release};
use crate::{Engine, Error, instant, micros, setup};
use jiff::{SignedDuration, Timestamp};
use ringback_core::crm::Why;
use ringback_core::effect::{Desired, Effect};
use ringback_core::id::{AccountId, ConnectionId, InquiryId};
use ringback_core::inquiry::Event;
use ringback_core::ledger::Draft;
use ringback_core::readiness::schema_digest;
use ringback_core::standing::{self, Pause, Standing};
use ringback_core::upcast::{self, Form};
use ringback_store::{self as store, AlarmRow, EffectRow, Site};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;

/// How often a schema is looked at while nothing is paused.
const LOOK_MINUTES: i64 = 60;
/// And while something is.
const LOOK_AGAIN_MINUTES: i64 = 5;
/// Two looks because of refusals are at least so far apart; what the refusal itself names is looked at sooner.
const REFUSED_SECONDS: i64 = 60;
const NAMED_SECONDS: i64 = 5;
/// Inquiries that are decided again in one go after a pause.
const RESUMED_AT_ONCE: u32 = 200;
/// What the CRM had of the contract's fields when it was last looked at, and when that was, in microseconds.
const SCHEMA_SEEN: &str = "schema.seen";
const SCHEMA_SEEN_AT: &str = "schema.seen_at";
/// Dead letters that are looked through.
const DEAD_LOOKED_MAX: u32 = 1_000;
/// The kind of alarm.
const ALARM: &str = "clause_paused";
/// Ends of effects that no schema has to do with.
const NOT_OF_SCHEMA: [&str; 7] =
    ["record_gone", "contact_gone", "value_taken", "no_crm", "gave_up", "unsteady", "duplicate_not_found"];

/// When each account's schema was looked at last by this node, and one look at a time.
#[derive(Default)]
pub(crate) struct Seen(tokio::sync::Mutex<HashMap<String, Timestamp>>);

/// What a look gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "looked", rename_all = "snake_case")]
pub enum Look {
    /// The CRM could not be asked, and why; everything stays as it was.
    NotAsked { why: String },
    Done {
        /// Clauses that are paused since now.
        paused: Vec<Pause>,
        /// Clauses that go on again.
        resumed: Vec<Pause>,
    },
}

/// A paused clause, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PausedClause {
    #[serde(flatten)]
    pub pause: Pause,
    pub since: Timestamp,
    /// Inquiries of which something waits for it.
    pub waiting: i64,
}

impl Engine {
    /// Compares the schema of the CRM with the contract in force now, pauses what it does not fit, ends what it fits again and lets go what
    /// waited for it.
    pub async fn look_at_schema(&self, account: &AccountId) -> Result<Look, Error> {
        let mut seen = self.inner.schemas.0.lock().await;
        let look = self.compare(account).await;
        seen.insert(account.as_str().to_owned(), self.now());
        drop(seen);
        let look = look?;
        self.let_go(account).await?;
        Ok(look)
    }

    /// Every clause that is paused.
    pub async fn paused_clauses(&self, account: &AccountId) -> Result<Vec<PausedClause>, Error> {
        let id = account.as_str().to_owned();
        let (rows, waiting) = self
            .store()
            .read(move |tx| {
                Box::pin(async move {
                    Ok((store::roster_current(tx, &id).await?, store::clause_waits_count(tx, &id).await?))
                })
            })
            .await?;
        let since = |pause: &Pause| {
            let row = rows.iter().find(|row| row.kind == PAUSE && row.id == pause.clause);
            row.map_or(Timestamp::UNIX_EPOCH, |row| instant(row.valid_from))
        };
        let of = |pause: Pause| PausedClause {
            since: since(&pause),
            waiting: waiting.iter().find(|(clause, _)| *clause == pause.clause).map_or(0, |(_, n)| *n),
            pause,
        };
        Ok(read_pauses(&rows)?.into_iter().map(of).collect())
    }

    /// What the CRM had of the contract's fields when it was last looked at, and when.
    pub(crate) async fn schema_seen(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
    ) -> Result<Option<(String, Timestamp)>, Error> {
        let (of, id) = (account.as_str().to_owned(), connection.as_str().to_owned());
        let read = self.store().read(move |tx| {
            Box::pin(async move {
                let digest = store::cursor_get(tx, &of, &id, SCHEMA_SEEN).await?;
                Ok((digest, store::cursor_get(tx, &of, &id, SCHEMA_SEEN_AT).await?))
            })
        });
        let (digest, at) = read.await?;
        Ok(digest.zip(at.and_then(|at| at.parse().ok()).map(instant)))
    }

    /// From time to time: looks if it is time, and lets go what waited for clauses that are not paused any more.
    pub async fn watch_schema(&self, account: &AccountId) -> Result<(), Error> {
        let now = self.now();
        let last = self.inner.schemas.0.lock().await.get(account.as_str()).copied();
        let paused = !self.facts(account).await?.standing.pauses.is_empty();
        let every = if paused { LOOK_AGAIN_MINUTES } else { LOOK_MINUTES };
        if last.is_none_or(|last| now.duration_since(last) >= SignedDuration::from_mins(every)) {
            self.look_at_schema(account).await?;
        }
        self.let_go(account).await
    }

    async fn compare(&self, account: &AccountId) -> Result<Look, Error> {
        let facts = self.facts(account).await?;
        let not_asked = |why: String| Ok(Look::NotAsked { why });
        if !facts.contract_applied {
            return not_asked("no contract was applied".into());
        }
        let (contract, crm_name) = (&facts.contract, &facts.contract.crm);
        let named = facts.connections.values().find(|c| c.state == "active" && c.connection.name == *crm_name);
        let Some((held, crm)) = named.and_then(|held| Some((held, held.crm()?))) else {
            return not_asked(format!("there is no CRM connection {crm_name}"));
        };
        if crm.acknowledges() {
            return not_asked(format!("{crm_name} is a receiver that shows no schema"));
        }
        let schema = match setup::schema_now(self, held, crm).await {
            Ok(schema) => schema,
            Err(problem) => return not_asked(problem.cause),
        };
        setup::note_opt_outs(self, held, crm, &schema).await?;
        let own: Vec<_> = crm.own_properties().into_iter().map(|(object, name, ..)| (object, name)).collect();
        let wanted = standing::pauses(contract, &schema, &own, |object| crm.packs(object));
        let digest = schema_digest(contract, &schema);
        let (paused, resumed) = self.put_pauses(account, &held.connection.id, digest, wanted).await?;
        if !paused.is_empty() || !resumed.is_empty() {
            self.facts_changed(account);
        }
        if !paused.is_empty() {
            self.revive(account, &held.connection.id).await?;
        }
        Ok(Look::Done { paused, resumed })
    }

    /// Stores what is paused now; gives what began and what ended.
    async fn put_pauses(
        &self,
        account: &AccountId,
        connection: &ConnectionId,
        digest: String,
        wanted: Vec<Pause>,
    ) -> Result<(Vec<Pause>, Vec<Pause>), Error> {
        let wanted = Arc::new(wanted);
        for _ in 0..MEETINGS_MAX {
            let (wanted, of, chain, now) =
                (wanted.clone(), account.as_str().to_owned(), self.chain(account), micros(self.now()));
            let stamps: Vec<String> =
                wanted.iter().map(|_| ringback_core::id::stamp(self.now(), self.random())).collect();
            let (connection, digest) = (connection.as_str().to_owned(), digest.clone());
            let put = self
                .store()
                .write(Site::Setup, move |tx| {
                    Box::pin(async move {
                        store::cursor_put(tx, &of, &connection, SCHEMA_SEEN, &digest, now).await?;
                        store::cursor_put(tx, &of, &connection, SCHEMA_SEEN_AT, &now.to_string(), now).await?;
                        let rows = store::roster_current(tx, &of).await?;
                        let held = read_pauses(&rows).map_err(|e| store::Error::Bug(e.to_string()))?;
                        let (mut paused, mut resumed, mut drafts) = (Vec::new(), Vec::new(), Vec::new());
                        for (pause, stamp) in wanted.iter().zip(stamps).filter(|(p, _)| !held.contains(p)) {
                            let body = serde_json::to_string(pause).unwrap_or_default();
                            store::roster_put(tx, &of, PAUSE, &pause.clause, &body, now).await?;
                            let alarm = AlarmRow {
                                account: of.clone(),
                                id: format!("alarm_{stamp}"),
                                kind: ALARM.to_owned(),
                                subject: pause.clause.clone(),
                                body: serde_json::json!({ "words": pause.cause }).to_string(),
                                raised_at: now,
                                cleared_at: None,
                            };
                            store::alarm_raise_once(tx, &alarm).await?;
                            drafts.push(
                                draft("clause_paused", pause).with("code", &pause.code).with("cause", &pause.cause),
                            );
                            paused.push(pause.clone());
                        }
                        for pause in held.iter().filter(|h| !wanted.iter().any(|w| w.clause == h.clause)) {
                            store::roster_end(tx, &of, PAUSE, &pause.clause, now).await?;
                            store::alarm_clear(tx, &of, ALARM, &pause.clause, now).await?;
                            drafts.push(draft("clause_resumed", pause));
                            resumed.push(pause.clone());
                        }
                        if !drafts.is_empty() {
                            chain.tell(tx, drafts).await?;
                        }
                        Ok((paused, resumed))
                    })
                })
                .await;
            match put {
                // Another node saw the same at the same moment: look again at what it stored.
                Err(store::Error::Conflict | store::Error::Rows { .. }) => {}
                Err(error) => return Err(error.into()),
                Ok((paused, resumed)) => {
                    for pause in &paused {
                        tracing::warn!(
                            account = account.as_str(),
                            clause = pause.clause,
                            cause = pause.cause,
                            "clause paused"
                        );
                    }
                    for pause in &resumed {
                        tracing::info!(account = account.as_str(), clause = pause.clause, "clause resumed");
                    }
                    return Ok((paused, resumed));
                }
            }
        }
        Err(Error::MovedOn("others are changing this account all the time; try again".into()))
    }

    /// The properties of a refused effect whose clauses are paused, after a look where one is due; `None`: the schema is not to blame, or it
    /// could not be asked.
    pub(crate) async fn paused_of(
        &self,
        facts: &AccountFacts,
        held: &ConnectionFacts,
        desired: &Desired,
        why: &Why,
    ) -> Result<Option<Vec<String>>, Error> {
        let asks = held.crm().is_some_and(|crm| !crm.acknowledges()) && !matches!(desired, Desired::Page { .. });
        let is_the_crm = facts.contract_applied && held.connection.name == facts.contract.crm;
        if !asks || !is_the_crm || NOT_OF_SCHEMA.contains(&why.class.as_str()) {
            return Ok(None);
        }
        let account = &facts.account;
        let paused = |standing: &Standing| Some(touched(desired, standing)).filter(|names| !names.is_empty());
        if let Some(names) = paused(&self.facts(account).await?.standing) {
            return Ok(Some(names));
        }
        let pause = if why.properties.is_empty() { REFUSED_SECONDS } else { NAMED_SECONDS };
        let mut seen = self.inner.schemas.0.lock().await;
        let last = seen.get(account.as_str()).copied();
        if last.is_none_or(|last| self.now().duration_since(last) >= SignedDuration::from_secs(pause)) {
            self.compare(account).await?;
            seen.insert(account.as_str().to_owned(), self.now());
        }
        drop(seen);
        Ok(paused(&self.facts(account).await?.standing))
    }

    /// Dead letters that name a property which turns out to be paused are planned anew without it.
    async fn revive(&self, account: &AccountId, connection: &ConnectionId) -> Result<(), Error> {
        let facts = self.facts(account).await?;
        let of = account.as_str().to_owned();
        let rows = self
            .store()
            .read(move |tx| Box::pin(async move { store::effects_dead(tx, &of, DEAD_LOOKED_MAX).await }))
            .await?;
        for row in rows.into_iter().filter(|row| row.lane == connection.as_str()) {
            let named = row.why.as_deref().and_then(|why| serde_json::from_str::<Why>(why).ok());
            let named = named.map(|why| why.properties).unwrap_or_default();
            let effect: Effect = upcast::read_own(Form::Effect, &row.body)
                .map_err(|e| Error::Corrupt { what: format!("effect {}", row.id), why: e.to_string() })?;
            let mut properties = touched(&effect.desired, &facts.standing);
            properties.retain(|name| named.contains(name));
            if !properties.is_empty() {
                let event = Event::Paused { effect: effect.id, target: effect.target, properties };
                self.without_paused(&facts, row, event).await?;
            }
        }
        Ok(())
    }

    /// A dead letter is one no more: the inquiry plans anew.
    async fn without_paused(&self, facts: &Arc<AccountFacts>, mut row: EffectRow, event: Event) -> Result<(), Error> {
        row.state = "superseded".into();
        row.why = Some("a clause of it is paused".into());
        let event = Arc::new(event);
        for _ in 0..MEETINGS_MAX {
            let (facts, row, event, now) = (facts.clone(), row.clone(), event.clone(), self.now());
            let stored = self
                .store()
                .write(Site::Decision, move |tx| {
                    Box::pin(async move {
                        let account = facts.account.as_str();
                        if !store::effect_update_if(tx, &row).await? {
                            // Somebody sent it again meanwhile.
                            return Ok(());
                        }
                        let Some(loaded) = load(tx, account, &row.inquiry).await? else { return Ok(()) };
                        apply(tx, &facts, loaded, std::slice::from_ref(event.as_ref()), now).await?;
                        release(tx, account, &row.inquiry, now).await
                    })
                })
                .await;
            match stored {
                Err(store::Error::Conflict) => {}
                Err(error) => return Err(error.into()),
                Ok(()) => return Ok(()),
            }
        }
        Err(Error::MovedOn("somebody else is changing this inquiry; try again".into()))
    }

    /// Decides again what waited for clauses that are not paused any more.
    async fn let_go(&self, account: &AccountId) -> Result<(), Error> {
        let of = account.as_str().to_owned();
        let waiting =
            self.store().read(move |tx| Box::pin(async move { store::clause_waits_count(tx, &of).await })).await?;
        let standing = self.facts(account).await?.standing.clone();
        for (clause, _) in waiting.into_iter().filter(|(c, _)| !standing.pauses.iter().any(|p| p.clause == *c)) {
            loop {
                let (of, named) = (account.as_str().to_owned(), clause.clone());
                let some = self
                    .store()
                    .read(move |tx| {
                        Box::pin(async move { store::clause_waits_of(tx, &of, &named, RESUMED_AT_ONCE).await })
                    })
                    .await?;
                if some.is_empty() {
                    break;
                }
                for inquiry in some {
                    match self.act(account, &InquiryId::from_text(inquiry.clone()), Event::FactsChanged).await {
                        // What was erased meanwhile waits for nothing.
                        Ok(_) | Err(Error::Missing(_)) => {}
                        Err(error) => return Err(error),
                    }
                    let (of, named) = (account.as_str().to_owned(), clause.clone());
                    self.store()
                        .write(Site::Other, move |tx| {
                            Box::pin(async move { store::clause_wait_done(tx, &of, &named, &inquiry).await })
                        })
                        .await?;
                }
            }
        }
        Ok(())
    }
}

fn draft(kind: &'static str, pause: &Pause) -> Draft {
    Draft::new(kind).with("clause", &pause.clause).with("to", &pause.to)
}

/// The properties of an effect that are paused.
fn touched(desired: &Desired, standing: &Standing) -> Vec<String> {
    let held = |object, name: &String| standing.holds(object, name);
    match (desired, desired.object(), desired.properties()) {
        (Desired::FindPerson { properties, .. }, ..) => {
            let contact = ringback_core::crm::Object::Contact;
            properties.iter().filter(|name| held(contact, name)).cloned().collect()
        }
        // A person wanted exactly that taken back: refused, it is theirs to see.
        (Desired::Restore { .. }, ..) => Vec::new(),
        (_, Some(object), Some(properties)) => properties.keys().filter(|name| held(object, name)).cloned().collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
