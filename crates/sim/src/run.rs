//! Playing a world: the real engine over the real store, stepped on virtual time, dying and starting again as the world says.

mod acts;
mod live;
mod setup;
mod tempo;
#[cfg(test)]
mod told;

pub(crate) use acts::open_of;
pub use live::{Heard, Live};
pub(crate) use setup::apply_account;
pub use setup::{Portal, apply_accounts};
pub use tempo::Tempo;

use crate::crash::CrashHook;
use crate::dice::{Dice, SeededChance};
use crate::stage::{Network, Stage, Told};
use crate::world::{Crash, World};
use anyhow::{Context as _, Result, bail};
use ringback_core::id::AccountId;
use ringback_engine::audit::Report;
use ringback_engine::clock::{Chance, Clock};
use ringback_engine::http::Transport;
use ringback_engine::keyring::Keyring;
use ringback_engine::mail::NoMailer;
use ringback_engine::{Engine, Parts, Settings};
use ringback_store::{Durability, Options, Site, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// After the last webhook a world has so long to come to rest.
const REST_DAYS_MAX: i64 = 3;
/// More rounds than this without rest are a loop that never ends.
const ROUNDS_MAX: usize = 40_000;
/// While a lane's breaker is open nothing happens; time moves on by this much, doubling.
const IDLE_STEP_MS: i64 = 5_000;
const IDLE_STEP_MS_MAX: i64 = 40_000;

/// Where the program keeps its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// SQLite in memory.
    Memory,
    /// SQLite in that file.
    File(std::path::PathBuf),
    /// A schema of its own on that PostgreSQL server.
    Postgres(String),
}

/// What is left when a world has come to rest, for the auditor.
pub struct Played {
    pub stage: Arc<Stage>,
    pub told: Vec<Told>,
    /// Ids of the seeded contacts: account, place in its list of people.
    pub seeds: Vec<Vec<String>>,
    /// Seeded deals: account → deal ids.
    pub deals: Vec<Vec<String>>,
    /// What people did, by place in [`World::acts`]: whether there was anything to do it to.
    pub acted: Vec<bool>,
    /// Callers whom somebody who signed in dealt with, by account: E.164, empty for whoever kept the number back. What became of their tasks
    /// and fields is what that person made of it.
    pub handled: Vec<BTreeSet<String>>,
    pub crashes: Vec<Crash>,
    pub commits: BTreeMap<Site, u64>,
    /// Faults that struck, by name, over all vendors.
    pub faults: BTreeMap<&'static str, u64>,
    pub ledgers: Vec<Report>,
    /// Dead letters: account and why.
    pub dead: Vec<(usize, String)>,
    /// Signals that were never folded: account and what became of them.
    pub stuck: Vec<(usize, String)>,
    /// Effects that are neither done nor given up.
    pub unsettled: i64,
    /// Inquiries, signals and calls in the store, by account.
    pub inquiries: Vec<i64>,
    pub signals: Vec<i64>,
    pub calls: Vec<i64>,
    pub ended_ms: i64,
}

/// Plays a world to its end.
pub async fn play(world: &World, database: &Database, portal: &Portal, trace: bool) -> Result<Played> {
    let chance = Arc::new(SeededChance::new(Dice::new(world.seed ^ 0x5EED)));
    let (mut player, cleanup) = Player::ready(world, database, portal, chance, Player::settings(), trace).await?;
    let played = player.run().await;
    player.stage.hook.sleep();
    let played = match played {
        Ok(()) => player.gather().await,
        Err(error) => Err(error),
    };
    player.stage.leave();
    player.store.close().await;
    cleanup.run().await?;
    played
}

/// What has to be put away afterwards.
enum Cleanup {
    Nothing,
    DropSchema { server: String, name: String },
}

impl Cleanup {
    async fn run(self) -> Result<()> {
        match self {
            Self::Nothing => Ok(()),
            Self::DropSchema { server, name } => crate::schema::drop(&server, &name).await,
        }
    }
}

async fn open(world: &World, database: &Database, hook: Arc<CrashHook>) -> Result<(Store, Cleanup)> {
    let (url, cleanup) = match database {
        Database::Memory => ("sqlite://:memory:".to_owned(), Cleanup::Nothing),
        Database::File(path) => (format!("sqlite://{}", path.display()), Cleanup::Nothing),
        Database::Postgres(server) => {
            let name = format!("rbsim_{}_{}", std::process::id(), world.seed);
            let url = crate::schema::create(server, &name).await?;
            (url, Cleanup::DropSchema { server: server.clone(), name })
        }
    };
    let options = Options { durability: Durability::NoSync, readers_max: 2, hook: Some(hook), ..Options::new(url) };
    Ok((Store::open(options).await.context("the store does not open")?, cleanup))
}

struct Player<'w> {
    world: &'w World,
    chance: Arc<dyn Chance>,
    settings: Settings,
    store: Store,
    stage: Arc<Stage>,
    engine: Option<Engine>,
    /// Ids of the seeded contacts and deals, by account.
    seeds: Vec<Vec<String>>,
    deals: Vec<Vec<String>>,
    /// Nothing misbehaves any more.
    calm: bool,
    /// How far time moves next while nothing may be done.
    pause_ms: i64,
    acted: Vec<bool>,
    next_act: usize,
    /// The program died under the click: it may have been done.
    in_doubt: bool,
}

/// What one round led to.
enum Round {
    /// Something was done; there may be more.
    Worked,
    /// Nothing happens by itself before that moment.
    Until(i64),
    /// Nothing happens by itself any more.
    Rest,
}

impl<'w> Player<'w> {
    /// A world with its vendors and its program, before anything happens.
    async fn ready(
        world: &'w World,
        database: &Database,
        portal: &Portal,
        chance: Arc<dyn Chance>,
        settings: Settings,
        trace: bool,
    ) -> Result<(Self, Cleanup)> {
        let hook = Arc::new(CrashHook::new(world.crashes.clone()));
        let (vendors, seeds, deals) = setup::vendors(world, portal)?;
        let stage = Arc::new(Stage::new(world, vendors, hook.clone(), trace));
        let (store, cleanup) = open(world, database, hook.clone()).await?;
        let mut player = Self::new(world, stage, store, chance, settings);
        (player.seeds, player.deals) = (seeds, deals);
        let engine = player.start();
        apply_accounts(&engine, world).await?;
        hook.wake();
        Ok((player, cleanup))
    }

    fn new(world: &'w World, stage: Arc<Stage>, store: Store, chance: Arc<dyn Chance>, settings: Settings) -> Self {
        Self {
            world,
            chance,
            settings,
            store,
            stage,
            engine: None,
            seeds: Vec::new(),
            deals: Vec::new(),
            calm: false,
            pause_ms: IDLE_STEP_MS,
            acted: vec![false; world.acts.len()],
            next_act: 0,
            in_doubt: false,
        }
    }

    /// How a world's program works.
    fn settings() -> Settings {
        Settings { public_url: crate::world::PUBLIC_URL.into(), ..Settings::default() }
    }
}

impl Player<'_> {
    /// A program is started over the store as it is; what another one knew by heart is gone.
    fn start(&mut self) -> Engine {
        self.stage.hook.revive();
        let clock: Arc<dyn Clock> = self.stage.clock.clone();
        let transport: Arc<dyn Transport> = Arc::new(Network(self.stage.clone()));
        let engine = Engine::new(Parts {
            store: self.store.clone(),
            clock,
            chance: self.chance.clone(),
            transport,
            mailer: Arc::new(NoMailer),
            keyring: Keyring::generate([7; 32]),
            settings: self.settings.clone(),
        });
        self.engine = Some(engine.clone());
        self.stage.enter(engine.clone());
        engine
    }

    async fn run(&mut self) -> Result<()> {
        let limit_ms = self.world.calm_ms + REST_DAYS_MAX * 86_400_000;
        for _ in 0..ROUNDS_MAX {
            match self.round(limit_ms).await? {
                Round::Worked => {}
                Round::Until(ms) if ms <= limit_ms => self.stage.reach(ms).await,
                Round::Until(_) | Round::Rest => return Ok(()),
            }
        }
        bail!("seed {}: no rest after {ROUNDS_MAX} rounds", self.world.seed)
    }

    /// Does what can be done now. What is due after the limit is not waited for.
    async fn round(&mut self, limit_ms: i64) -> Result<Round> {
        if self.stage.hook.dead() {
            self.stage
                .say(|| format!("*** the program died: {:?}; it starts again", self.stage.hook.happened().last()));
            self.start();
        }
        if !self.calm && self.stage.clock.ms() >= self.world.calm_ms {
            self.calm = true;
            self.quiet();
        }
        self.act().await?;
        let worked = self.step().await?;
        if self.stage.hook.dead() || worked > 0 {
            self.pause_ms = IDLE_STEP_MS;
            return Ok(Round::Worked);
        }
        let now_ms = self.stage.clock.ms();
        let Some(next_ms) = self.next_moment(limit_ms).await? else { return Ok(Round::Rest) };
        if next_ms > now_ms {
            self.pause_ms = IDLE_STEP_MS;
            return Ok(Round::Until(next_ms));
        }
        // Something is due and nothing may be done: a breaker or a lease.
        let to_ms = now_ms + self.pause_ms;
        self.pause_ms = (self.pause_ms * 2).min(IDLE_STEP_MS_MAX);
        Ok(Round::Until(to_ms))
    }

    /// From now on every vendor behaves.
    fn quiet(&self) {
        for n in 0..self.world.accounts.len() {
            self.stage.with_vendors(n, |v| {
                v.crm.set_script(crate::world::quiet());
                v.pager.set_script(crate::world::quiet());
                v.desk.set_script(crate::world::quiet());
            });
        }
    }

    async fn step(&mut self) -> Result<usize> {
        let Some(engine) = self.engine.clone() else { return Ok(0) };
        match engine.step_all().await {
            Ok(done) => Ok(done),
            Err(_) if self.stage.hook.dead() => Ok(0),
            Err(error) => bail!("seed {}: the program could not go on: {error}", self.world.seed),
        }
    }

    async fn next_moment(&self, limit_ms: i64) -> Result<Option<i64>> {
        let Some(engine) = &self.engine else { return Ok(None) };
        let due = match engine.next_due().await {
            Ok(due) => due.map(|at| at.as_millisecond() + 1).filter(|at| *at <= limit_ms),
            Err(_) if self.stage.hook.dead() => None,
            Err(error) => return Err(error.into()),
        };
        let act = self.world.acts.get(self.next_act).map(|a| a.at_ms);
        let calm = (!self.calm).then_some(self.world.calm_ms);
        Ok([due, self.stage.next_delivery(), act, calm].into_iter().flatten().min())
    }

    async fn gather(&self) -> Result<Played> {
        let engine = self.engine.as_ref().context("no engine")?;
        let ended_ms = self.stage.clock.ms();
        let mut faults: BTreeMap<&'static str, u64> = BTreeMap::new();
        let (mut ledgers, mut dead, mut inquiries, mut signals) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut calls, mut stuck) = (Vec::new(), Vec::new());
        let (mut unsettled, mut handled) = (0, Vec::new());
        for (n, account) in self.world.accounts.iter().enumerate() {
            self.stage.with_vendors(n, |v| {
                v.crm.settle(ended_ms);
                v.pager.settle(ended_ms);
                v.desk.settle(ended_ms);
                for (name, hits) in v.crm.hits().iter().chain(v.pager.hits()).chain(v.desk.hits()) {
                    *faults.entry(name).or_default() += hits;
                }
            });
            let id = AccountId::from_text(account.id.clone());
            ledgers.push(engine.verify(&id).await?);
            let counted = setup::count(&self.store, account).await?;
            dead.extend(counted.dead.into_iter().map(|why| (n, why)));
            stuck.extend(counted.stuck.into_iter().map(|what| (n, what)));
            unsettled += counted.unsettled;
            inquiries.push(counted.inquiries);
            signals.push(counted.signals);
            calls.push(counted.calls);
            handled.push(setup::handled(&self.store, &account.id).await?);
        }
        Ok(Played {
            told: self.stage.told(),
            stage: self.stage.clone(),
            seeds: self.seeds.clone(),
            deals: self.deals.clone(),
            handled,
            acted: self.acted.clone(),
            crashes: self.stage.hook.happened(),
            commits: self.stage.hook.seen(),
            faults,
            ledgers,
            dead,
            stuck,
            unsettled,
            inquiries,
            signals,
            calls,
            ended_ms,
        })
    }
}

/// What the exhaustive mode found.
#[derive(Debug, Clone, Default)]
pub struct Exhausted {
    pub crashes: usize,
    pub failed: Vec<String>,
}

/// Plays one small world once per commit and side, dying there, and audits each time.
pub async fn exhaust(seed: u64, database: &Database) -> Result<Exhausted> {
    use crate::world::{SITES, Side, Size};
    let portal = Portal::prepared().await?;
    let mut world = World::new(seed, Size::SMALL);
    let plain = play(&world, database, &portal, false).await?;
    let mut outcome = Exhausted::default();
    let verdict = crate::auditor::audit(&world, &plain);
    outcome.failed.extend(verdict.complaints.into_iter().map(|c| format!("without a crash: {c}")));
    for site in SITES {
        for nth in 1..=plain.commits.get(&site).copied().unwrap_or(0) {
            for side in [Side::Before, Side::After] {
                world.crashes = vec![Crash { site, side, nth }];
                let played = play(&world, database, &portal, false).await?;
                outcome.crashes += played.crashes.len();
                let verdict = crate::auditor::audit(&world, &played);
                let name = format!("{} {} commit {nth}", side.word(), site.word());
                outcome.failed.extend(verdict.complaints.into_iter().map(|c| format!("{name}: {c}")));
                if played.crashes.len() != 1 {
                    outcome.failed.push(format!("{name}: the crash did not happen"));
                }
            }
        }
    }
    Ok(outcome)
}
