//! The loops around the steps. They look, rest and look again; nothing is handed to them, so nothing is lost with them.

use crate::fold::Looked;
use crate::{Engine, Error, micros};
use ringback_core::id::AccountId;
use ringback_store as store;
use std::collections::HashSet;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The longest rest of a worker that found nothing: what another node stored is seen by then.
pub const REST: Duration = Duration::from_millis(500);
/// The rest between two rounds of upkeep.
pub const UPKEEP_REST: Duration = Duration::from_mins(1);
/// The rest between two looks whether a database in trouble can be written again.
pub const STORE_REST: Duration = Duration::from_secs(1);
/// The rest between two looks which CRM's feed of calls is due.
pub const FEED_REST: Duration = Duration::from_secs(5);
/// The rest after an error of the store.
pub const REST_AFTER_ERROR: Duration = Duration::from_secs(1);
/// Lanes looked at per round.
pub const LANES_PER_LOOK_MAX: u32 = 256;

impl Engine {
    /// Every lane that has something due, of every account.
    pub async fn lanes_due(&self) -> Result<Vec<(AccountId, String)>, Error> {
        let now = micros(self.now());
        let due = self
            .store()
            .read(move |tx| Box::pin(async move { store::lanes_with_due(tx, now, LANES_PER_LOOK_MAX).await }))
            .await?;
        Ok(due
            .into_iter()
            .filter(|(_, lane)| lane != store::TIMER_LANE)
            .map(|(a, l)| (AccountId::from_text(a), l))
            .collect())
    }

    /// The next moment at which anything stored wants attention; `None` when nothing does.
    pub async fn next_due(&self) -> Result<Option<jiff::Timestamp>, Error> {
        let at = self
            .store()
            .read(|tx| {
                Box::pin(async move {
                    let (effect, rollback) =
                        (store::effect_next_due_at(tx).await?, store::rollback_next_due_at(tx).await?);
                    Ok([effect, rollback].into_iter().flatten().min())
                })
            })
            .await?;
        // What waits for another effect is due at no moment that a clock can show.
        Ok(at.and_then(|at| jiff::Timestamp::from_microsecond(at).ok()))
    }

    /// One round over everything, one thing at a time and in a fixed order; for the simulation and for tests.
    pub async fn step_all(&self) -> Result<usize, Error> {
        let mut done = self.step_signals(true).await?.done;
        done += self.step_timers().await?.done;
        done += self.step_rollbacks().await?.done;
        for (account, lane) in self.lanes_due().await? {
            done += self.step_lane(&account, &lane, true).await?.done;
        }
        Ok(done)
    }

    /// Runs the workers until `shutdown` is ready, then lets what is under way come to its end.
    pub async fn run(&self, shutdown: impl Future<Output = ()> + Send) {
        let stop = Arc::new(tokio::sync::Notify::new());
        let stopped = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let signals = self.spawn("signals", REST, stopped.clone(), stop.clone(), |e| {
            Box::pin(async move { e.step_signals(false).await })
        });
        let timers = self
            .spawn("timers", REST, stopped.clone(), stop.clone(), |e| Box::pin(async move { e.step_timers().await }));
        let rollbacks = self.spawn("rollbacks", REST, stopped.clone(), stop.clone(), |e| {
            Box::pin(async move { e.step_rollbacks().await })
        });
        let busy = Arc::new(Mutex::new(HashSet::new()));
        let lanes = self.spawn("lanes", REST, stopped.clone(), stop.clone(), move |e| {
            let busy = busy.clone();
            Box::pin(async move { e.start_lanes(&busy).await })
        });
        let upkeep = self
            .spawn("upkeep", UPKEEP_REST, stopped.clone(), stop.clone(), |e| Box::pin(async move { e.upkeep().await }));
        let feeds = self.spawn("feeds", FEED_REST, stopped.clone(), stop.clone(), |e| {
            Box::pin(async move { e.step_feeds().await })
        });
        let recovery = self.spawn("recovery", STORE_REST, stopped.clone(), stop.clone(), |e| {
            Box::pin(async move { e.recovery().await })
        });
        shutdown.await;
        stopped.store(true, std::sync::atomic::Ordering::SeqCst);
        stop.notify_waiters();
        self.inner.wake.notify_waiters();
        for task in [signals, timers, rollbacks, lanes, upkeep, feeds, recovery] {
            if let Err(error) = task.await {
                tracing::error!(%error, "a worker did not end well");
            }
        }
    }

    fn spawn(
        &self,
        name: &'static str,
        rest: Duration,
        stopped: Arc<std::sync::atomic::AtomicBool>,
        stop: Arc<tokio::sync::Notify>,
        step: impl Fn(Engine) -> futures_util::future::BoxFuture<'static, Result<Looked, Error>> + Send + 'static,
    ) -> tokio::task::JoinHandle<()> {
        let engine = self.clone();
        let mut changes = self.changes();
        tokio::spawn(async move {
            while !stopped.load(std::sync::atomic::Ordering::SeqCst) {
                changes.mark_unchanged();
                let rest = match step(engine.clone()).await {
                    Ok(looked) if looked.more => continue,
                    Ok(_) => rest,
                    Err(error) => {
                        if !engine.is_told(&error) {
                            tracing::warn!(%error, worker = name, "could not go on; trying again shortly");
                        }
                        REST_AFTER_ERROR
                    }
                };
                // Listened for before the flag is looked at, so that an order that comes in between is not slept through.
                let order = stop.notified();
                if stopped.load(std::sync::atomic::Ordering::SeqCst) {
                    break;
                }
                tokio::select! {
                    () = engine.inner.parts.clock.sleep(rest) => {}
                    _ = changes.changed(), if rest == REST => {}
                    () = order => {}
                }
            }
        })
    }

    /// Gives every lane with something due a task of its own, unless it has one.
    async fn start_lanes(&self, busy: &Arc<Mutex<HashSet<String>>>) -> Result<Looked, Error> {
        for (account, lane) in self.lanes_due().await? {
            let key = format!("{account}/{lane}");
            let free = busy.lock().is_ok_and(|mut b| b.insert(key.clone()));
            if !free {
                continue;
            }
            let (engine, busy) = (self.clone(), busy.clone());
            tokio::spawn(async move {
                loop {
                    match engine.step_lane(&account, &lane, false).await {
                        Ok(looked) if looked.more => {}
                        Ok(_) => break,
                        Err(error) => {
                            if !engine.is_told(&error) {
                                tracing::warn!(%error, lane, "the lane could not go on; trying again shortly");
                            }
                            break;
                        }
                    }
                }
                if let Ok(mut busy) = busy.lock() {
                    busy.remove(&key);
                }
            });
        }
        Ok(Looked::default())
    }

    /// A database in trouble is tried until it can be written: nobody else may write for hours, and until somebody has, `/ready`
    /// says no and keeps away the very requests that would.
    async fn recovery(&self) -> Result<Looked, Error> {
        if self.store().trouble().is_some() {
            self.store().probe().await?;
        }
        Ok(Looked::default())
    }

    /// What is done from time to time: expired documents, checkpoints, the spot-check of the week, proofs.
    async fn upkeep(&self) -> Result<Looked, Error> {
        self.expire_documents().await?;
        let accounts = self.store().read(|tx| Box::pin(async move { store::accounts_all(tx).await })).await?;
        for account in accounts {
            let id = AccountId::from_text(account.id.clone());
            self.checkpoint(&id).await?;
            self.refresh_indexes(&id).await?;
            self.project_writes(&id).await?;
            if let Err(error) = self.spot_check(&account).await
                && !self.is_told(&error)
            {
                tracing::warn!(%error, account = account.id, "the spot-check could not be drawn; it is tried again");
            }
            if let Err(error) = self.watch_schema(&id).await
                && !self.is_told(&error)
            {
                tracing::warn!(%error, account = account.id, "the CRM's schema could not be compared; it is tried again");
            }
            // One account's night must not keep the others waiting.
            if let Err(error) = self.nightly_proof(&account).await
                && !self.is_told(&error)
            {
                tracing::warn!(%error, account = account.id, "the nightly proof could not be made; it is tried again");
            }
        }
        Ok(Looked::default())
    }
}
