//! Moments to come back: a call's verdict by absence, a due time, a tier, staleness.

use crate::fold::Looked;
use crate::inquire::{apply, corrupt, load};
use crate::{Engine, Error, micros};
use jiff::Timestamp;
use ringback_core::id::AccountId;
use ringback_core::inquiry::{Event, TimerKind};
use ringback_store::{self as store, EffectRow, Site, Tx};

/// Timers looked at per step.
pub const TIMERS_PER_STEP_MAX: u32 = 64;

/// Marks a timer as gone off, in the unit that does what it asked.
pub(crate) async fn finish(tx: &mut Tx, mut timer: EffectRow, now: Timestamp) -> Result<(), store::Error> {
    timer.state = "done".into();
    timer.settled_at = Some(micros(now));
    if store::effect_update_if(tx, &timer).await? { Ok(()) } else { Err(store::Error::Conflict) }
}

impl Engine {
    /// Takes up the timers that have gone off.
    pub async fn step_timers(&self) -> Result<Looked, Error> {
        let now = micros(self.now());
        let due = self
            .store()
            .read(move |tx| Box::pin(async move { store::effects_due_timers(tx, now, TIMERS_PER_STEP_MAX).await }))
            .await?;
        let found = due.len();
        for timer in due {
            match self.take_timer(timer).await {
                // Another node took it, or the inquiry moved meanwhile: the next look sees what is left.
                Err(Error::Store(store::Error::Conflict)) => {}
                other => other?,
            }
        }
        if found > 0 {
            self.changed();
        }
        Ok(Looked { done: found, more: found >= TIMERS_PER_STEP_MAX as usize })
    }

    async fn take_timer(&self, timer: EffectRow) -> Result<(), Error> {
        let account = AccountId::from_text(timer.account.clone());
        if timer.kind == "verdict" {
            let call = timer.body.clone();
            return self.judge_call(&account, &call, timer).await;
        }
        let facts = self.facts(&account).await?;
        let now = self.now();
        self.store()
            .write(Site::Timer, move |tx| {
                Box::pin(async move {
                    let kind: TimerKind =
                        serde_json::from_str(&timer.body).map_err(|e| corrupt("timer", &timer.id, e))?;
                    let inquiry = timer.inquiry.clone();
                    finish(tx, timer, now).await?;
                    let Some(loaded) = load(tx, facts.account.as_str(), &inquiry).await? else { return Ok(()) };
                    if loaded.inquiry.open() {
                        apply(tx, &facts, loaded, &[Event::Timer { kind }], now).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        Ok(())
    }
}
