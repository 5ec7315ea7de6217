//! The crash schedule: which commit the program does not survive, and on which side of it.

use crate::world::{Crash, Side};
use ringback_store::{CommitHook, Site};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Asked around every commit; once it has said "crash", everything fails until the program is started again.
#[derive(Debug, Default)]
pub struct CrashHook(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    plan: Vec<Crash>,
    seen: BTreeMap<Site, u64>,
    dead: bool,
    happened: Vec<Crash>,
    asleep: bool,
}

impl CrashHook {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A schedule. Counting starts with [`CrashHook::wake`].
    pub fn new(plan: Vec<Crash>) -> Self {
        Self(Mutex::new(State { plan, asleep: true, ..State::default() }))
    }

    /// Set-up is over; from now on commits count.
    pub fn wake(&self) {
        self.state().asleep = false;
    }

    /// The world's end: the schedule is over.
    pub fn sleep(&self) {
        self.state().asleep = true;
    }

    /// The program is down.
    pub fn dead(&self) -> bool {
        self.state().dead
    }

    /// It is started again.
    pub fn revive(&self) {
        self.state().dead = false;
    }

    /// What happened so far.
    pub fn happened(&self) -> Vec<Crash> {
        self.state().happened.clone()
    }

    /// How many commits each site had.
    pub fn seen(&self) -> BTreeMap<Site, u64> {
        self.state().seen.clone()
    }

    fn ask(&self, site: Site, side: Side) -> bool {
        let mut state = self.state();
        if state.asleep {
            return false;
        }
        if state.dead {
            return true;
        }
        let seen = state.seen.entry(site).or_default();
        if side == Side::Before {
            *seen += 1;
        }
        let nth = *seen;
        let hit = Crash { site, side, nth };
        if state.plan.contains(&hit) {
            state.dead = true;
            state.happened.push(hit);
            return true;
        }
        false
    }
}

impl CommitHook for CrashHook {
    fn before(&self, site: Site) -> bool {
        self.ask(site, Side::Before)
    }
    fn after(&self, site: Site) -> bool {
        self.ask(site, Side::After)
    }
}
