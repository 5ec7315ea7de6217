//! The go-live gate: more happens by itself one step at a time, and only while every line that the step stands on is green.
//!
//! What holds somewhere is the lower of two words: the contract's, and the account's level. Whoever raises what holds, by either of them,
//! passes here. Whoever lowers it does not.

use super::{Light, Line, Readiness};
use crate::contract::{Autonomy, Contract};
use crate::problem::Problem;
use crate::standing::Levels;
use serde::Serialize;
use std::collections::BTreeSet;

/// The level at which an account begins, at most: records for new callers, call logs and tasks are made, and nothing that stood there before the call
/// is changed. It is the only step that is taken without having been tried.
pub const BEGINS_AT: Autonomy = Autonomy::AutoLowRisk;

/// The level at which an account begins with its first contract: one that does not say in writing what a pilot needs begins with suggestions.
pub fn begins_at(contract: &Contract) -> Autonomy {
    let decided = crate::contract::pilot::lacking(contract, None).is_empty();
    if decided { BEGINS_AT } else { Autonomy::Suggest }
}

/// What may happen by itself: a contract, and never more than the account's level.
#[derive(Debug, Clone, Copy)]
pub struct Holding<'a> {
    pub contract: &'a Contract,
    pub levels: &'a Levels,
}

impl Holding<'_> {
    /// How much may happen by itself at a location, and with that field of it.
    pub fn autonomy(&self, place: &str, field: Option<&str>) -> Autonomy {
        self.contract.most(place, field.and_then(|field| self.contract.fields.get(field)), self.levels)
    }
}

/// Where more is to happen by itself than does now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Raise {
    /// Slug of a location; empty: wherever a call comes in.
    pub place: String,
    /// The field, where only that one is raised.
    pub field: Option<String>,
    pub from: Autonomy,
    pub to: Autonomy,
}

/// Where `next` lets more happen by itself than `now`: at each of the locations, at none of them, and with each field that rises beyond its place.
pub fn raises(now: &Holding<'_>, next: &Holding<'_>, places: &[&str]) -> Vec<Raise> {
    let mut found = Vec::new();
    let all: BTreeSet<&str> = places.iter().copied().chain([""]).collect();
    for place in all {
        let (from, to) = (now.autonomy(place, None), next.autonomy(place, None));
        if to > from {
            found.push(Raise { place: place.to_owned(), field: None, from, to });
        }
        for name in next.contract.fields.keys() {
            let known = now.contract.fields.contains_key(name).then_some(name.as_str());
            let (was, is) = (now.autonomy(place, known), next.autonomy(place, Some(name)));
            let with_its_place = from <= was && is <= to;
            if is > was && !with_its_place {
                found.push(Raise { place: place.to_owned(), field: Some(name.clone()), from: was, to: is });
            }
        }
    }
    found
}

impl Readiness {
    /// What a step onto that level stands on and has not got, except the lines that a person answers for. Of each step: the eight guarantees, and
    /// that the account is ready at all; of the last one also what must stand before anything is scaled up (F-126, F-361, F-368, F-373).
    pub fn lacks(&self, level: Autonomy, answered: &[u8]) -> Vec<(&'static str, &Line)> {
        let vouched = |l: &Line| l.person && l.light == Light::Unknown && answered.contains(&l.n);
        let guarantees = self.guarantees.iter().filter(|l| !vouched(l)).map(|l| ("guarantee", l));
        let ready = self.not_ready.iter().map(|l| ("readiness", l));
        let mut all: Vec<(&'static str, &Line)> = guarantees.chain(ready).collect();
        if level == Autonomy::Auto {
            all.extend(self.minimum.iter().map(|l| ("minimum", l)));
        }
        all.retain(|(_, l)| l.light != Light::Green);
        all
    }
}

/// What stands in the way of these steps; empty: they may be taken. A step that is skipped is named with the one that lies between; a line that is red or
/// unknown with its evidence and the command that mends it. `answered` are the guarantees that a person answers for, where nothing else can.
pub fn may(raises: &[Raise], readiness: &Readiness, answered: &[u8]) -> Vec<Problem> {
    let mut found: Vec<Problem> = Vec::new();
    let mut say = |problem: Problem| {
        if !found.contains(&problem) {
            found.push(problem);
        }
    };
    for raise in raises {
        let what = match (&raise.field, raise.place.as_str()) {
            (Some(field), _) => format!("field.{field}"),
            (None, "") => "the account".to_owned(),
            (None, place) => format!("location.{place}"),
        };
        if let Some(between) = raise.from.next().filter(|next| *next < raise.to) {
            let (from, to, between) = (raise.from.word(), raise.to.word(), between.word());
            let cause = format!("{what} would go from {from} to {to}, and {between} lies between");
            say(Problem::new("RB-0241", cause, format!("go to {between} first, and on from what it shows")));
        }
    }
    let Some(highest) = raises.iter().map(|raise| raise.to).max() else { return found };
    // Whoever raises the level from observing or suggesting starts a pilot.
    if raises.iter().any(|raise| raise.from <= Autonomy::Suggest) {
        for line in readiness.decided.iter().filter(|line| line.light != Light::Green) {
            let cause = format!("the pilot cannot start: nothing in writing says {} ({})", line.name, line.evidence);
            say(Problem::new("RB-0248", cause, line.mend.clone()));
        }
    }
    for (kind, line) in readiness.lacks(highest, answered) {
        let (light, to) = (line.light.word(), highest.word());
        let cause = format!("not ready for {to}: {kind} {} is {light} ({}): {}", line.n, line.name, line.evidence);
        let cure = if line.person {
            let n = line.n;
            format!("{}; or answer for it: `ringback contract level {to} --answer-for {n} --reason WHY`", line.mend)
        } else {
            line.mend.clone()
        };
        say(Problem::new("RB-0240", cause, cure));
    }
    found
}

#[cfg(test)]
mod tests;
