//! CRMs that are reached by a webhook: nothing can be read there, so what the receiver confirms stands for the read.
//!
//! A 2xx says that the message arrived, not that anything was written. The receiver confirms by a message to an address of ours (or in its
//! answer); until then the state is *accepted, not acknowledged*, and nothing that needs the record goes on.
//!
//! Two things are kept apart. What became of the message that was sent last, by our key of the record (of a change: by the record's id): who
//! reads back waits for that. And what a record holds by all that was confirmed of it so far, by the receiver's id: who looks is
//! shown that, and a refusal or a message that nobody confirms says nothing against it.

use crate::facts::ConnectionFacts;
use crate::{Engine, Error, micros};
use jiff::SignedDuration;
use ringback_connect::acks::{self, Ack};
use ringback_connect::{Connection, problem};
use ringback_core::crm::{CrmOp, Held, Object, Outcome, Record, Why};
use ringback_core::effect::Desired;
use ringback_core::ensure::Purpose;
use ringback_core::http::{HttpReply, RawRequest};
use ringback_core::id::{AccountId, ConnectionId};
use ringback_store::{self as store, AckRow, Site};
use std::time::Duration;

/// How long a confirmation is waited for before it is looked for again.
const AGAIN: Duration = Duration::from_secs(5);
const AGAIN_MAX: Duration = Duration::from_mins(15);
/// A message of which nobody knows whether it arrived, and that nobody confirmed for so long, is sent again: the receiver's storage step
/// knows its id. One that was taken is never sent again.
const NEVER_ARRIVED: SignedDuration = SignedDuration::from_mins(2);
/// Who only looks at a record waits so long for the confirmation of a change that is on its way to it. A change that nobody confirms must not
/// hold up what comes after it.
const LOOK_WAITS: SignedDuration = SignedDuration::from_mins(15);

impl Engine {
    /// What is known of what was asked, by confirmations alone.
    pub(crate) async fn acknowledged(
        &self,
        account: &AccountId,
        held: &ConnectionFacts,
        asked: &[(Purpose, &CrmOp)],
    ) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(asked.len());
        for (purpose, operation) in asked {
            let outcome = match operation {
                CrmOp::ReadByKey { key, .. } => self.confirmed(account, held, key).await,
                CrmOp::ReadById { object, id, .. } => self.kept(account, held, *purpose, *object, id).await,
                // The receiver finds out whom the CRM knows.
                _ => Ok(Outcome::Done { held: Held::default() }),
            };
            outcomes.push(
                outcome
                    .unwrap_or_else(|error| Outcome::Retry { after: None, why: Why::new("store", error.to_string()) }),
            );
        }
        outcomes
    }

    async fn ack_row(&self, account: &AccountId, held: &ConnectionFacts, key: &str) -> Result<Option<AckRow>, Error> {
        let (of, connection, name) =
            (account.as_str().to_owned(), held.connection.id.as_str().to_owned(), key.to_owned());
        let row =
            self.store().read(move |tx| Box::pin(async move { store::ack_get(tx, &of, &connection, &name).await }));
        Ok(row.await?)
    }

    /// What became of the message about the record of that key.
    async fn confirmed(&self, account: &AccountId, held: &ConnectionFacts, key: &str) -> Result<Outcome, Error> {
        let Some(row) = self.ack_row(account, held, key).await?.filter(|row| !row.event.is_empty()) else {
            return Ok(Outcome::Gone { merged_into: None });
        };
        match self.waits(&row) {
            Some(wait) => Ok(wait),
            // Nobody knows whether it arrived: it is sent again, with the same id.
            None if row.acked_at.is_none() => Ok(Outcome::Gone { merged_into: None }),
            None => parsed(&row.body, key),
        }
    }

    /// What a record holds by all that was confirmed of it. Whoever reads back a change is told what became of that change.
    async fn kept(
        &self,
        account: &AccountId,
        held: &ConnectionFacts,
        purpose: Purpose,
        object: Object,
        id: &str,
    ) -> Result<Outcome, Error> {
        let key = key_of_record(object, id);
        // A record that only the receiver knows holds what it holds; nobody here can say what.
        let bare = || {
            let record = Record { id: id.to_owned(), ..Record::default() };
            Outcome::Done { held: Held { records: vec![record], ..Held::default() } }
        };
        let Some(row) = self.ack_row(account, held, &key).await? else { return Ok(bare()) };
        let sent = self.now().duration_since(crate::instant(row.sent_at));
        let patient = purpose != Purpose::Look || sent < LOOK_WAITS;
        if let Some(wait) = self.waits(&row).filter(|_| patient) {
            return Ok(wait);
        }
        if !row.event.is_empty() && row.acked_at.is_some() {
            let told = parsed(&row.body, &key)?;
            let deleted = matches!(serde_json::from_str(&row.sent), Ok(CrmOp::Delete { .. }));
            match told {
                Outcome::Done { .. } if deleted => return Ok(Outcome::Gone { merged_into: None }),
                Outcome::Done { .. } => {}
                told if purpose != Purpose::Look => return Ok(told),
                _ => {}
            }
        }
        if row.held.is_empty() { Ok(bare()) } else { parsed(&row.held, &key) }
    }

    /// The wait for a confirmation that may still come.
    fn waits(&self, row: &AckRow) -> Option<Outcome> {
        let sent = self.now().duration_since(crate::instant(row.sent_at));
        if row.acked_at.is_some() || (row.body.is_empty() && sent >= NEVER_ARRIVED) {
            return None;
        }
        // Looked for less and less often, as long as an effect is tried at all.
        let pause = Duration::try_from(sent / 4).unwrap_or(AGAIN).clamp(AGAIN, AGAIN_MAX);
        Some(Outcome::Retry {
            after: Some(pause),
            why: Why::new("not_acknowledged", "accepted, not acknowledged by the receiver yet"),
        })
    }

    /// Notes what is about to be sent, and gives the connection with the address for its confirmation.
    pub(crate) async fn before_message(
        &self,
        account: &AccountId,
        held: &ConnectionFacts,
        operation: &CrmOp,
    ) -> Result<Connection, Error> {
        let mut connection = held.connection.clone();
        let (Some(key), Some(event), Some(secret)) =
            (acks::key(operation), acks::event_id(operation), held.secrets.first())
        else {
            return Ok(connection);
        };
        let public = &self.settings().public_url;
        if let Some(url) = acks::callback_url(public, &connection.id, operation, secret) {
            connection.settings.insert(acks::CALLBACK_URL.into(), url);
        }
        let sent = serde_json::to_string(operation)
            .map_err(|e| Error::Corrupt { what: format!("message about {key}"), why: e.to_string() })?;
        let (of, id, at) = (account.as_str().to_owned(), connection.id.as_str().to_owned(), micros(self.now()));
        self.store()
            .write(Site::Other, move |tx| {
                Box::pin(async move { store::ack_sent(tx, &of, &id, &key, &event, &sent, at).await })
            })
            .await?;
        Ok(connection)
    }

    /// A receiver that confirms in its answer has confirmed.
    pub(crate) async fn after_message(
        &self,
        account: &AccountId,
        held: &ConnectionFacts,
        operation: &CrmOp,
        outcome: &Outcome,
    ) -> Result<(), Error> {
        let says = match outcome {
            Outcome::Done { held } => !held.records.is_empty(),
            Outcome::Duplicate { existing, .. } => !existing.is_empty(),
            _ => false,
        };
        let (Some(key), Some(event)) = (acks::key(operation), acks::event_id(operation)) else { return Ok(()) };
        if says {
            self.keep(account, held.connection.id.as_str(), operation, &key, &event, outcome).await?;
        } else if matches!(outcome, Outcome::Done { .. }) {
            let (of, id) = (account.as_str().to_owned(), held.connection.id.as_str().to_owned());
            self.store()
                .write(Site::Other, move |tx| {
                    Box::pin(async move { store::ack_accepted_if(tx, &of, &id, &key, &event).await })
                })
                .await?;
        }
        Ok(())
    }

    async fn keep(
        &self,
        account: &AccountId,
        connection: &str,
        operation: &CrmOp,
        key: &str,
        event: &str,
        outcome: &Outcome,
    ) -> Result<bool, Error> {
        let corrupt =
            |e: serde_json::Error| Error::Corrupt { what: format!("acknowledgement of {key}"), why: e.to_string() };
        let body = serde_json::to_string(outcome).map_err(corrupt)?;
        // What the record holds is kept by the receiver's id: later changes and reads name it so.
        let record = match outcome {
            Outcome::Done { held } => held.records.first().cloned(),
            Outcome::Duplicate { existing, .. } => {
                existing.last().map(|id| Record { id: id.clone(), ..Record::default() })
            }
            _ => None,
        };
        let by_id =
            record.filter(|r| !r.id.is_empty()).map(|record| (key_of_record(operation.object(), &record.id), record));
        let told: Vec<String> = match (outcome, operation) {
            (
                Outcome::Done { .. },
                CrmOp::Upsert { properties, .. } | CrmOp::Create { properties, .. } | CrmOp::Update { properties, .. },
            ) => properties.keys().cloned().collect(),
            // Of somebody that was found nothing is said.
            _ => Vec::new(),
        };
        let (of, id, key, event, at) =
            (account.as_str().to_owned(), connection.to_owned(), key.to_owned(), event.to_owned(), micros(self.now()));
        let kept = self
            .store()
            .write(Site::Other, move |tx| {
                Box::pin(async move {
                    let kept = store::ack_put_if(tx, &of, &id, &key, &event, &body, at).await?;
                    let Some((name, record)) = by_id.as_ref().filter(|_| kept) else { return Ok(kept) };
                    let was = store::ack_get(tx, &of, &id, name).await?.map(|row| row.held);
                    let held = with(was.as_deref().unwrap_or_default(), record, &told)
                        .map_err(|e| crate::inquire::corrupt("acknowledgement", name, e))?;
                    if !store::ack_held_put_if(tx, &of, &id, name, was.as_deref(), &held, at).await? {
                        return Err(store::Error::Conflict);
                    }
                    Ok(kept)
                })
            })
            .await?;
        self.changed();
        Ok(kept)
    }

    /// Takes what a receiver posted to `/acks/{connection}/{event}/{token}`.
    pub async fn take_acknowledgement(&self, connection: &str, event: &str, token: &str, raw: RawRequest) -> HttpReply {
        let answer =
            |status: u16, text: &str| HttpReply::with(status, "application/json", format!("{{\"status\":\"{text}\"}}"));
        match self.try_acknowledge(connection, event, token, &raw).await {
            Ok(Taken::Stored) => answer(200, "stored"),
            // Another content was sent since, or it is done already: nothing for the receiver to repeat.
            Ok(Taken::Superseded) => answer(200, "superseded"),
            Ok(Taken::Unknown) => problem(
                404,
                "RB-0140",
                "this address takes no acknowledgement",
                "use the callback_url of the message as it is",
            ),
            Ok(Taken::Refused(words)) => {
                problem(401, "RB-0141", &words, "use the callback_url of the message as it is")
            }
            Ok(Taken::Invalid(words)) => {
                problem(422, "RB-0142", &words, "send the JSON object of the guide: status, record_id, fields")
            }
            Err(error) => {
                tracing::warn!(%error, connection, "an acknowledgement could not be stored");
                ringback_connect::unavailable()
            }
        }
    }

    async fn try_acknowledge(
        &self,
        connection: &str,
        event: &str,
        token: &str,
        raw: &RawRequest,
    ) -> Result<Taken, Error> {
        let Some(account) = self.account_of(connection).await? else { return Ok(Taken::Unknown) };
        let facts = self.facts(&account).await?;
        let Some(held) =
            facts.connections.get(connection).filter(|c| c.crm().is_some_and(ringback_connect::Crm::acknowledges))
        else {
            return Ok(Taken::Unknown);
        };
        let id = ConnectionId::from_text(connection.to_owned());
        if let Err(rejected) = acks::verify(raw, &id, event, token, &held.secrets, self.now()) {
            return Ok(Taken::Refused(format!("not accepted: {}", rejected.word())));
        }
        let ack: Ack = match acks::read(&raw.body) {
            Ok(ack) => ack,
            Err(unreadable) => return Ok(Taken::Invalid(unreadable.words)),
        };
        let Some(key) = acks::key_of(event) else { return Ok(Taken::Unknown) };
        let (of, name, wanted) = (account.as_str().to_owned(), connection.to_owned(), key.to_owned());
        let row =
            self.store().read(move |tx| Box::pin(async move { store::ack_get(tx, &of, &name, &wanted).await })).await?;
        let Some(row) = row else { return Ok(Taken::Unknown) };
        if row.event != event {
            return Ok(Taken::Superseded);
        }
        let operation: CrmOp = serde_json::from_str(&row.sent)
            .map_err(|e| Error::Corrupt { what: format!("message about {key}"), why: e.to_string() })?;
        if !ack.is_about(&operation) {
            return Ok(Taken::Invalid("event_id or idempotency_key names another record".into()));
        }
        let kept = self.keep(&account, connection, &operation, key, event, &ack.outcome(&operation)).await?;
        Ok(if kept { Taken::Stored } else { Taken::Superseded })
    }
}

enum Taken {
    Stored,
    Superseded,
    Unknown,
    Refused(String),
    Invalid(String),
}

/// The key by which a receiver confirms what that effect writes.
pub(crate) fn key_of(desired: &Desired) -> Option<String> {
    match desired {
        Desired::NewContact { key, .. } | Desired::Activity { key, .. } | Desired::ActivityIfMade { key, .. } => {
            Some(key.clone())
        }
        Desired::ContactFields { record, .. } => Some(key_of_record(Object::Contact, record)),
        Desired::Restore { object, record, .. } => Some(key_of_record(*object, record)),
        Desired::FindPerson { .. } | Desired::Page { .. } | Desired::Emit { .. } => None,
    }
}

/// What was known of a record, and what was confirmed of it now. `told`: what the message said something of; what of that the record does
/// not show, it does not hold any more.
fn with(was: &str, record: &Record, told: &[String]) -> Result<String, serde_json::Error> {
    let before = match serde_json::from_str(was) {
        Ok(Outcome::Done { held }) => held.records.into_iter().next(),
        _ => None,
    };
    let mut now = before.unwrap_or_default();
    now.id.clone_from(&record.id);
    now.properties.retain(|name, _| !told.contains(name));
    now.properties.extend(record.properties.clone());
    now.associations.extend(record.associations.clone());
    serde_json::to_string(&Outcome::Done { held: Held { records: vec![now], ..Held::default() } })
}

fn parsed(body: &str, key: &str) -> Result<Outcome, Error> {
    serde_json::from_str(body)
        .map_err(|e| Error::Corrupt { what: format!("acknowledgement of {key}"), why: e.to_string() })
}

/// Under which key it is kept what a record of a receiver's holds.
pub(crate) fn key_of_record(object: Object, id: &str) -> String {
    acks::key(&CrmOp::Delete { object, id: id.to_owned() }).unwrap_or_default()
}
