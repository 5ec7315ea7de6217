//! CRMs that are reached by a webhook: nothing can be read there, so what the receiver confirms stands for the read.
//!
//! A 2xx says that the message arrived, not that anything was written. The receiver confirms by a message of its own (or in its answer);
//! until then the state is *accepted, not acknowledged*, and nothing that needs the record goes on.

use crate::facts::ConnectionFacts;
use crate::{Engine, Error, micros};
use ringback_core::crm::{CrmOp, Held, Outcome, Record, Why};
use ringback_core::id::AccountId;
use ringback_store::{self as store, Site};
use std::time::Duration;

/// How long a confirmation is waited for before it is looked for again.
const AGAIN: Duration = Duration::from_secs(5);

impl Engine {
    /// Answers what nobody can be asked; `None`: the operation is a message to be sent.
    pub(crate) async fn acknowledged(
        &self,
        account: &AccountId,
        held: &ConnectionFacts,
        operations: &[CrmOp],
    ) -> Option<Vec<Outcome>> {
        let mut outcomes = Vec::with_capacity(operations.len());
        for operation in operations {
            outcomes.push(match operation {
                // The receiver finds out whom the CRM knows.
                CrmOp::FindPerson { .. } | CrmOp::FindDeals { .. } => Outcome::Done { held: Held::default() },
                CrmOp::ReadByKey { key, .. } => match self.confirmed(account, held, key).await {
                    Ok(outcome) => outcome,
                    Err(error) => Outcome::Retry { after: None, why: Why::new("store", error.to_string()) },
                },
                CrmOp::Upsert { key, .. } | CrmOp::Create { key, .. } => {
                    let (account, connection, key, at) = (
                        account.as_str().to_owned(),
                        held.connection.id.as_str().to_owned(),
                        key.clone(),
                        micros(self.now()),
                    );
                    let noted = self
                        .store()
                        .write(Site::Other, move |tx| {
                            Box::pin(async move { store::ack_sent(tx, &account, &connection, &key, at).await })
                        })
                        .await;
                    if let Err(error) = noted {
                        return Some(vec![Outcome::Retry { after: None, why: Why::new("store", error.to_string()) }]);
                    }
                    return None;
                }
                _ => return None,
            });
        }
        Some(outcomes)
    }

    async fn confirmed(&self, account: &AccountId, held: &ConnectionFacts, key: &str) -> Result<Outcome, Error> {
        let (account, connection, name) =
            (account.as_str().to_owned(), held.connection.id.as_str().to_owned(), key.to_owned());
        let row = self
            .store()
            .read(move |tx| Box::pin(async move { store::ack_get(tx, &account, &connection, &name).await }))
            .await?;
        let Some((body, sent_at, acked_at)) = row else { return Ok(Outcome::Gone { merged_into: None }) };
        // A word about an earlier state of the record says nothing of the one that was sent since.
        let current = acked_at.is_some_and(|acked| sent_at.is_none_or(|sent| acked >= sent));
        if body.is_empty() || !current {
            return Ok(Outcome::Retry {
                after: Some(AGAIN),
                why: Why::new("not_acknowledged", "accepted, not acknowledged by the receiver yet"),
            });
        }
        match serde_json::from_str::<Record>(&body) {
            Ok(record) => Ok(Outcome::Done { held: Held { records: vec![record], ..Held::default() } }),
            Err(error) => Err(Error::Corrupt { what: format!("acknowledgement of {key}"), why: error.to_string() }),
        }
    }

    /// Stores what a receiver confirmed, as the record that it holds.
    pub async fn acknowledge(
        &self,
        account: &AccountId,
        connection: &str,
        key: &str,
        record: &Record,
    ) -> Result<(), Error> {
        let body = serde_json::to_string(record)
            .map_err(|e| Error::Corrupt { what: format!("acknowledgement of {key}"), why: e.to_string() })?;
        let (account, connection, key, at) =
            (account.as_str().to_owned(), connection.to_owned(), key.to_owned(), micros(self.now()));
        self.store()
            .write(Site::Other, move |tx| {
                Box::pin(async move { store::ack_put(tx, &account, &connection, &key, &body, at).await })
            })
            .await?;
        self.changed();
        Ok(())
    }
}
