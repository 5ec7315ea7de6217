//! Taking what arrives: verify, store, answer. Nothing is thought about here, so that a provider is answered within milliseconds and what
//! it sent survives whatever happens next.

use crate::facts::{AccountFacts, ConnectionFacts};
use crate::{Engine, Error, micros};
use jiff::{SignedDuration, Timestamp};
use ringback_connect::{Intake, Rejected, Source, problem, unavailable};
use ringback_core::http::{HttpReply, RawRequest};
use ringback_core::id::{AccountId, SignalId};
use ringback_core::ledger::Retention;
use ringback_core::mutant;
use ringback_store::{self as store, AlarmRow, DocumentNew, SignalIn};
use sha2::{Digest, Sha256};

impl Engine {
    /// Takes one request of a provider and says what it needs to hear. Whatever an authentic provider sends is stored before it is
    /// acknowledged; 503 only when nothing could be stored.
    pub async fn receive(&self, connection: &str, raw: RawRequest) -> HttpReply {
        match self.try_receive(connection, &raw).await {
            Ok(reply) => reply,
            Err(error) => {
                self.tell(&error, connection);
                unavailable()
            }
        }
    }

    async fn try_receive(&self, connection: &str, raw: &RawRequest) -> Result<HttpReply, Error> {
        let Some(account) = self.account_of(connection).await? else {
            return Ok(problem(
                404,
                "RB-0109",
                "No connection has this address",
                "Copy the hook URL from the Connections page",
            ));
        };
        let facts = self.facts(&account).await?;
        let Some((held, source)) = facts.connections.get(connection).and_then(|c| Some((c, c.source()?))) else {
            return Ok(problem(
                404,
                "RB-0109",
                "This connection takes no requests",
                "Copy the hook URL from the Connections page",
            ));
        };
        let now = self.now();
        if source.strict() {
            if raw.body.len() > self.settings().body_max_bytes {
                let limit = self.settings().body_max_bytes;
                return Ok(problem(
                    413,
                    "RB-0102",
                    &format!("The body is larger than {limit} bytes"),
                    "Send one call per request, or raise body_max_bytes",
                ));
            }
            if let Err(refused) = source.screen(raw, &held.connection) {
                return Ok(source.answer(raw, &held.connection, &refused));
            }
        }
        let verified = source.verify(raw, &held.connection, &held.secrets, now);
        let intake = self.store_signal(&facts, held, raw, verified, now).await;
        Ok(match intake {
            Ok(intake) => {
                self.changed();
                source.answer(raw, &held.connection, &intake)
            }
            Err(error) => {
                self.tell(&error, held.connection.id.as_str());
                not_stored(source, raw, held)
            }
        })
    }

    fn tell(&self, error: &Error, connection: &str) {
        if !self.is_told(error) {
            tracing::error!(%error, connection, "a request could not be stored; the provider is asked to send it again");
        }
    }

    async fn store_signal(
        &self,
        facts: &AccountFacts,
        held: &ConnectionFacts,
        raw: &RawRequest,
        verified: Result<(), Rejected>,
        now: Timestamp,
    ) -> Result<Intake, Error> {
        let body =
            serde_json::to_string(raw).map_err(|e| Error::Corrupt { what: "request".into(), why: e.to_string() })?;
        let id = SignalId::new(now, self.random());
        let rejected = verified.err();
        // The whole request is kept, so that its signature can be checked again. Its document is named by the signal: two deliveries of the
        // same bytes differ in headers and arrival, and each is evidence.
        let document = DocumentNew {
            id: format!("doc_{}", id.stem()),
            class: Retention::Raw.word().to_owned(),
            kind: "request".to_owned(),
            body,
            created_at: micros(now),
            expires_at: expiry(now, self.settings().raw_days),
        };
        let delivery_key = if mutant::on("dedupe_key_dropped") {
            id.to_string()
        } else {
            held.source().and_then(|s| s.delivery(raw)).unwrap_or_else(|| delivery_key(raw))
        };
        let stored = self
            .store()
            .intake(SignalIn {
                account: facts.account.as_str().to_owned(),
                id: id.as_str().to_owned(),
                connection: held.connection.id.as_str().to_owned(),
                event: raw.event.clone(),
                received_at: micros(now),
                state: if rejected.is_some() { "quarantined" } else { "stored" }.to_owned(),
                why: rejected.map(|r| r.word().to_owned()),
                delivery_key,
                document,
            })
            .await?;
        if let Some(rejected) = rejected {
            self.raise_alarm(&facts.account, "wrong_signature", held.connection.id.as_str(), rejected.word()).await?;
            return Ok(Intake::Quarantined(rejected));
        }
        Ok(if stored.duplicate_of.is_some() { Intake::Duplicate } else { Intake::Stored })
    }

    /// Raises an alarm once; it stands until somebody clears it.
    pub(crate) async fn raise_alarm(
        &self,
        account: &AccountId,
        kind: &str,
        subject: &str,
        words: &str,
    ) -> Result<(), Error> {
        let now = self.now();
        let row = AlarmRow {
            account: account.as_str().to_owned(),
            id: format!("alarm_{}", ringback_core::id::stamp(now, self.random())),
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            body: serde_json::json!({ "words": words }).to_string(),
            raised_at: micros(now),
            cleared_at: None,
        };
        let raised = self
            .store()
            .write(store::Site::Other, move |tx| Box::pin(async move { store::alarm_raise_once(tx, &row).await }))
            .await?;
        if raised {
            tracing::warn!(account = account.as_str(), kind, subject, words, "alarm");
        }
        Ok(())
    }

    /// Takes a quarantined request in after all: checked again with the keys of now, or accepted by a person's word.
    pub async fn accept_quarantined(&self, account: &AccountId, signal: &SignalId) -> Result<(), Error> {
        let (account_text, id, now) = (account.as_str().to_owned(), signal.as_str().to_owned(), micros(self.now()));
        let accepted = self
            .store()
            .write(store::Site::Decision, move |tx| {
                Box::pin(async move { store::signal_accept_if_quarantined(tx, &account_text, &id, now).await })
            })
            .await?;
        if !accepted {
            return Err(Error::Missing(format!("quarantined signal {signal}")));
        }
        self.changed();
        Ok(())
    }
}

/// Asks the provider to send it again; nothing was stored.
fn not_stored(source: &dyn Source, raw: &RawRequest, held: &ConnectionFacts) -> HttpReply {
    if mutant::on("ack_before_commit") {
        return source.answer(raw, &held.connection, &Intake::Stored);
    }
    source.answer(raw, &held.connection, &Intake::Unavailable)
}

/// What is the same when a provider sends the same thing again: event, query and body (headers such as dates differ).
pub(crate) fn delivery_key(raw: &RawRequest) -> String {
    let mut sha = Sha256::new();
    let query = raw.url.split_once('?').map_or("", |(_, q)| q);
    for part in [raw.method.as_bytes(), query.as_bytes(), &raw.body] {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part);
    }
    ringback_core::effect::hex(&sha.finalize())
}

pub(crate) fn expiry(now: Timestamp, days: i64) -> Option<i64> {
    now.checked_add(SignedDuration::from_hours(days.saturating_mul(24))).ok().map(micros)
}
