//! Who is told what happens, and how far they have been told: for the console, `doctor` and `connect`. Planning is `core`'s, sending the
//! lane's.

use crate::{Engine, Error, instant};
use jiff::Timestamp;
use ringback_connect::sinks::events;
use ringback_core::emit::{Occasion, Personal};
use ringback_core::id::AccountId;
use ringback_store as store;
use serde::Serialize;

/// A receiver of events as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receiver {
    /// The connection's name.
    pub connection: String,
    /// Its id, which is its lane.
    #[serde(skip)]
    pub lane: String,
    /// `active`, `paused`.
    pub state: String,
    /// The words of what it is told.
    pub told: Vec<&'static str>,
    /// The words of the values about people that go along.
    pub personal: Vec<&'static str>,
    /// Events that are planned and not taken yet, dead letters not among them.
    pub waiting: i64,
    /// Since when the oldest of them waits.
    pub oldest: Option<Timestamp>,
    /// When the receiver last answered, whatever it said.
    pub last_answered_at: Option<Timestamp>,
    pub last_error: Option<String>,
    pub dead_letters: i64,
}

impl Engine {
    /// Every receiver of events of an account, by name.
    pub async fn receivers(&self, account: &AccountId) -> Result<Vec<Receiver>, Error> {
        let facts = self.facts(account).await?;
        let mut all = Vec::new();
        for held in facts.connections.values().filter(|c| c.is_told_events()) {
            let target = events::target(&held.connection);
            let (of, lane) = (account.as_str().to_owned(), held.connection.id.as_str().to_owned());
            let id = lane.clone();
            let (row, waiting, oldest, dead_letters) = self
                .store()
                .read(move |tx| {
                    Box::pin(async move {
                        let row = store::lane_get(tx, &of, &id).await?;
                        let waiting = store::effects_unsettled_count(tx, &of, &id).await?;
                        let oldest = store::effects_oldest_unsettled(tx, &of, &id).await?;
                        Ok((row, waiting, oldest, store::effects_dead_count(tx, &of, &id).await?))
                    })
                })
                .await?;
            all.push(Receiver {
                connection: held.connection.name.clone(),
                lane,
                state: held.state.clone(),
                told: target.occasions.iter().map(|o: &Occasion| o.word()).collect(),
                personal: target.personal.iter().map(|p: &Personal| p.word()).collect(),
                waiting,
                oldest: oldest.map(instant),
                last_answered_at: row.as_ref().and_then(|r| r.last_ok_at).map(instant),
                last_error: row.filter(|r| r.last_error_at > r.last_ok_at).and_then(|r| r.last_error),
                dead_letters,
            });
        }
        all.sort_by(|a, b| a.connection.cmp(&b.connection));
        Ok(all)
    }
}

#[cfg(test)]
mod tests;
