//! A world that is watched while it plays, and goes on afterwards: real time drives the virtual clock, and people act through the same
//! engine as the world's program.

use super::tempo::Tempo;
use super::{Database, Played, Player, Portal, Round, setup};
use crate::world::World;
use anyhow::{Context as _, Result};
use ringback_engine::clock::{Clock as _, SystemChance, SystemClock};
use ringback_engine::{Engine, Settings};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// The longest real pause between two looks.
const LOOK_MS: i64 = 250;
/// While time runs faster than a page can know, pages are told so often to ask again.
const SHOWN_MS: i64 = 1_000;
/// So many failing rounds one after another are no coincidence.
const FAILURES_MAX: usize = 20;

/// What is heard from a world while it plays.
pub enum Heard {
    /// This moment was reached, ms since the epoch.
    At(i64),
    /// The watched part is over and everything has come to rest, for the auditor.
    Over(Box<Played>),
}

/// A world on its stage, over a database of its own that is gone with it.
pub struct Live<'w> {
    player: Player<'w>,
    engine: Engine,
    folder: tempfile::TempDir,
}

impl<'w> Live<'w> {
    /// Sets the stage. The console will be reached under that URL.
    pub async fn open(world: &'w World, console_url: String) -> Result<Self> {
        let portal = Portal::prepared().await?;
        let folder = tempfile::tempdir().context("no temporary directory")?;
        let database = Database::File(folder.path().join("demo.db"));
        // What people sign in with must not follow from the seed.
        let chance = Arc::new(SystemChance);
        let settings = Settings { console_url, ..Player::settings() };
        let (player, _) = Player::ready(world, &database, &portal, chance, settings, false).await?;
        let engine = player.engine.clone().context("no engine")?;
        Ok(Self { player, engine, folder })
    }

    /// The program that the world plays with, for a console over it.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Plays at that pace until it is dropped; after `end_ms` everything is heard once for judgement. Ends by itself only in failure.
    pub async fn play(&mut self, tempo: &Tempo, end_ms: i64, mut hear: impl FnMut(Heard)) -> Result<Infallible> {
        let clock = SystemClock;
        let began_ms = clock.now().as_millisecond();
        let mut changes = self.engine.changes();
        let (mut shown_ms, mut over, mut failures) = (0, false, 0);
        loop {
            changes.mark_unchanged();
            let real_ms = clock.now().as_millisecond() - began_ms;
            let target_ms = tempo.world_ms(real_ms);
            let next_ms = match self.player.round(i64::MAX).await {
                Ok(Round::Worked) => continue,
                Ok(Round::Until(ms)) => ms,
                Ok(Round::Rest) => i64::MAX,
                // People and the program may meet on one inquiry; the next look sees what is left.
                Err(error) if failures >= FAILURES_MAX => return Err(error),
                Err(_) => {
                    failures += 1;
                    clock.sleep(Duration::from_millis(LOOK_MS.unsigned_abs())).await;
                    continue;
                }
            };
            failures = 0;
            let stage = self.player.stage.clone();
            stage.reach(next_ms.min(target_ms)).await;
            hear(Heard::At(stage.clock.ms()));
            if next_ms <= target_ms {
                continue;
            }
            if !over && stage.clock.ms() >= end_ms && self.player.settled().await? {
                let played = self.player.gather().await?;
                // Somebody may have clicked in between; then there is a better moment.
                over = played.unsettled == 0;
                if over {
                    hear(Heard::Over(Box::new(played)));
                }
            }
            if tempo.runs(real_ms) && real_ms - shown_ms >= SHOWN_MS {
                shown_ms = real_ms;
                self.engine.time_moved();
            }
            let until_next = tempo.real_ms(next_ms).saturating_sub(real_ms);
            let pause = Duration::from_millis(until_next.clamp(1, LOOK_MS).unsigned_abs());
            tokio::select! {
                () = clock.sleep(pause) => {}
                _ = changes.changed() => {}
            }
        }
    }

    /// Puts everything away.
    pub async fn close(self) -> Result<()> {
        self.player.store.close().await;
        self.folder.close().context("the temporary directory cannot be removed")
    }
}

impl Player<'_> {
    /// Nothing is on its way to the program, and nothing from it.
    async fn settled(&self) -> Result<bool> {
        if self.stage.next_delivery().is_some() {
            return Ok(false);
        }
        for account in &self.world.accounts {
            if setup::count(&self.store, account).await?.unsettled > 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
