//! Every CRM against every fault: the real engine and store, one CRM's twin, and an auditor who counts in that twin.
//!
//! A cell is one story: some forty minutes of missed calls by people the CRM knows and people it does not, while one thing goes wrong
//! again and again; then the vendor behaves, and the program has three days to come to rest. What ought to be in the CRM follows from the
//! story alone: one person per number, one call record per call under that person, one callback task per person. A refusal
//! that only a person can mend may end as a dead letter; the story's person then sends it on its way again, once.

#[cfg(test)]
mod midway;
#[cfg(test)]
mod opted_out;
#[cfg(test)]
mod probed;
#[cfg(test)]
mod reconciled;
#[cfg(test)]
mod rolled_back;
pub(crate) mod yard;

pub use ringback_twins::crms::{NAMES as CRMS, fresh as twin};
pub use yard::{made_by_hand, prepare, prepare_by_hand, settings_lines, without_field};

use crate::dice::Dice;
use anyhow::{Context as _, Result, bail};
use ringback_core::id::{EffectId, UserId};
use ringback_twins::books::{Entry, Kind};
use ringback_twins::fault::{Fault, Rule, Script, When};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use yard::Yard;

/// How often the fault strikes, of 1,000 requests.
const PER_MILLE: u16 = 300;
/// The fault strikes these requests for certain.
const SURE: [u64; 6] = [2, 4, 7, 9, 12, 15];
const CALM_AFTER_MS: i64 = 30 * 60_000;
const REST_MS: i64 = 3 * 86_400_000;
const ROUNDS_MAX: usize = 30_000;

/// What a story's caller is to the CRM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Customer,
    Lead,
    Unknown,
}

#[derive(Debug, Clone)]
struct Caller {
    e164: String,
    who: Who,
    name: &'static str,
    calls: usize,
}

/// One cell of the table.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Cell {
    pub crm: String,
    pub fault: String,
    pub calls: usize,
    pub lost: usize,
    pub doubled: usize,
    pub wrong_object: usize,
    /// Requests that the twin saw.
    pub requests: u64,
    /// How often the fault struck.
    pub struck: u64,
    /// Writes that waited for a person, each with its cause, and went on when that person sent them on their way again.
    pub mended: usize,
    /// Writes that ended with a person all the same.
    pub dead_letters: usize,
    /// Effects that are neither done, superseded nor explained.
    pub unexplained: usize,
    /// Dead letters that are left, each with its cause: refusals that are explained.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub explained: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub complaints: Vec<String>,
}

impl Cell {
    /// Nothing to complain about.
    pub fn clean(&self) -> bool {
        self.lost + self.doubled + self.wrong_object + self.unexplained == 0 && self.complaints.is_empty()
    }
}

/// What goes wrong in a column of the table.
#[derive(Debug, Clone)]
pub struct Trouble {
    pub name: String,
    fault: Option<Fault>,
}

impl Trouble {
    /// Nothing, every fault there is, an outage, a quota that is used up, a token that was revoked.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self { name: "none".into(), fault: None }];
        let mut seen = BTreeSet::new();
        for fault in Fault::one_of_each() {
            let mut name = fault.name().to_owned();
            if !seen.insert(name.clone()) {
                name.push_str("_and_wait");
            }
            all.push(Self { name, fault: Some(fault) });
        }
        for name in ["outage", "throttle", "revoked_token", "person_deleted", "batches"] {
            all.push(Self { name: name.into(), fault: None });
        }
        all
    }

    fn script(&self, start_ms: i64, seed: u64) -> Script {
        let mut script = Script { seed, ..crate::world::quiet() };
        if let Some(fault) = &self.fault {
            for nth in SURE {
                script = script.rule(Rule::new(fault.clone(), When::Nth(nth)));
            }
            return script.by_chance(fault.clone(), PER_MILLE);
        }
        match self.name.as_str() {
            "outage" => script.outage(start_ms + 120_000, start_ms + 32 * 60_000),
            "throttle" => script.throttle(start_ms + 60_000, start_ms + 11 * 60_000, None),
            "revoked_token" => script.rule(Rule::new(
                Fault::Unauthorized,
                When::Between { from_ms: start_ms + 120_000, to_ms: start_ms + 40 * 60_000 },
            )),
            _ => script,
        }
    }
}

fn callers() -> Vec<Caller> {
    let of = |n: usize, who, name, calls| Caller { e164: format!("+1602555{:04}", 1_100 + n), who, name, calls };
    vec![
        of(1, Who::Customer, "Maria Lopez", 1),
        of(2, Who::Customer, "James Carter", 2),
        of(3, Who::Lead, "Aisha Khan", 1),
        of(4, Who::Lead, "Peter Novak", 2),
        of(5, Who::Unknown, "", 1),
        of(6, Who::Unknown, "", 3),
        of(7, Who::Unknown, "", 1),
        of(8, Who::Unknown, "", 1),
        of(9, Who::Unknown, "", 2),
        of(10, Who::Unknown, "", 1),
        of(11, Who::Unknown, "", 1),
        of(12, Who::Unknown, "", 1),
        of(13, Who::Lead, "Mei Chen", 1),
        of(14, Who::Unknown, "", 2),
    ]
}

/// Plays one cell. `trace` tells every request on standard error.
#[expect(clippy::too_many_lines, reason = "one story, told in its order")]
pub async fn play(crm: &'static str, trouble: &Trouble, seed: u64, trace: bool) -> Result<Cell> {
    let mut dice = Dice::new(seed ^ fnv(crm) ^ fnv(&trouble.name));
    let callers = callers();
    let yard = Yard::new(crm, seed, trace).await?;
    let start_ms = yard.now_ms();
    let mut seeds: BTreeMap<String, String> = BTreeMap::new();
    for caller in callers.iter().filter(|c| c.who != Who::Unknown) {
        let typed = spelled(&caller.e164, &mut dice);
        let email = format!("{}@example.com", caller.name.to_lowercase().replace(' ', "."));
        let id = yard.with(|t| {
            t.vendor_mut().seed_person(
                caller.name,
                &typed,
                Some(&email),
                caller.who == Who::Customer,
                start_ms - 7_200_000,
            )
        });
        seeds.insert(caller.e164.clone(), id);
    }
    let before = yard.entries();
    yard.with(|t| t.set_script(trouble.script(start_ms, dice.roll())));
    let mut calls: Vec<(i64, &Caller)> = Vec::new();
    for caller in &callers {
        let mut at = dice.between(0, 25 * 60_000);
        for _ in 0..caller.calls {
            calls.push((start_ms + at, caller));
            at += dice.between(2 * 60_000, 6 * 60_000);
        }
    }
    calls.sort_by_key(|(at, c)| (*at, c.e164.clone()));
    let total = calls.len();
    let last_ms = calls.last().map_or(start_ms, |(at, _)| *at);
    let calm_ms = last_ms + CALM_AFTER_MS;
    let together = trouble.name == "batches";
    if together {
        // All at once behind an outage, so that requests are filled.
        for (n, (_, caller)) in calls.iter().enumerate() {
            yard.ring(n, &caller.e164, start_ms + i64::try_from(n).unwrap_or(0) * 1_000, &mut dice).await?;
        }
        calls.clear();
    }
    let mut deleted = false;
    let mut limit = calm_ms + REST_MS;
    let mut calls = calls.into_iter().enumerate().peekable();
    let (mut calm, mut mended) = (false, None);
    for round in 0.. {
        if round > ROUNDS_MAX {
            let waits = yard.waits().await?;
            bail!("{crm} x {}: no rest after {ROUNDS_MAX} rounds: {waits}", trouble.name);
        }
        let now = yard.now_ms();
        if !calm && now >= calm_ms {
            calm = true;
            yard.with(|t| t.set_script(crate::world::quiet()));
        }
        while let Some((n, (at, caller))) = calls.next_if(|(_, (at, _))| *at <= now) {
            yard.ring(n, &caller.e164, at, &mut dice).await?;
        }
        if trouble.name == "person_deleted" && !deleted && now > start_ms + 12 * 60_000 {
            // Somebody deletes the record of a lead who has called and will call again.
            deleted = true;
            if let Some(id) = seeds.get("+16025551104") {
                yard.with(|t| t.vendor_mut().remove(id, now));
            }
        }
        if yard.step(together).await? > 0 {
            continue;
        }
        let due = yard.engine.next_due().await?.map(|at| at.as_millisecond() + 1);
        let coming = calls.peek().map(|(_, (at, _))| *at);
        let next = [due, coming, (!calm).then_some(calm_ms)].into_iter().flatten().min();
        match next {
            Some(next) if next <= limit => yard.reach(next.max(now + 500)),
            _ if mended.is_none() && calm => {
                // What only a person can mend: sent on its way again, now that the vendor behaves.
                let dead = yard.dead().await?;
                mended = Some(dead.len());
                limit = now + REST_MS;
                for dead in dead {
                    if trace {
                        crate::out::say(&format!(
                            "DEAD {} {}: {:?} {}",
                            dead.kind, dead.target, dead.why, dead.history
                        ));
                    }
                    let by = UserId::from_text("usr_matrix");
                    yard.engine.replay_dead_letter(&yard.account, &EffectId::from_text(dead.id), &by).await?;
                }
            }
            _ => break,
        }
    }
    yard.with(|t| t.settle(i64::MAX / 4));
    let mut cell = Cell { crm: crm.into(), fault: trouble.name.clone(), calls: total, ..Cell::default() };
    cell.requests = yard.requests();
    cell.struck = yard.struck();
    cell.mended = mended.unwrap_or(0);
    cell.dead_letters = yard.dead().await?.len();
    yard.outcome(&mut cell).await?;
    let deleted = deleted.then_some("+16025551104");
    audit(&mut cell, &callers, &seeds, &before, &yard.entries(), deleted);
    yard.close().await;
    Ok(cell)
}

/// Counts in the twin, by the story alone.
fn audit(
    cell: &mut Cell,
    callers: &[Caller],
    seeds: &BTreeMap<String, String>,
    before: &[Entry],
    now: &[Entry],
    deleted: Option<&str>,
) {
    let held = |kind: Kind| now.iter().filter(move |e| e.kind == kind && !e.gone);
    for caller in callers {
        // What hangs on a record that somebody deleted is that person's doing.
        if deleted == Some(caller.e164.as_str()) {
            continue;
        }
        let people: Vec<&Entry> = held(Kind::Person).filter(|e| e.has_number(&caller.e164)).collect();
        let right = match seeds.get(&caller.e164) {
            Some(id) => people.iter().find(|e| e.id == *id).copied(),
            None => people.first().copied(),
        };
        let Some(right) = right else {
            cell.lost += 1;
            cell.complaints.push(format!("{}: nobody of that number is in the CRM", caller.e164));
            continue;
        };
        if people.len() > 1 {
            cell.doubled += people.len() - 1;
            cell.complaints.push(format!("{}: {} records of one person", caller.e164, people.len()));
        }
        for (kind, wanted, word) in [(Kind::Call, caller.calls, "call records"), (Kind::Task, 1, "tasks")] {
            let of = |e: &&Entry| e.people.contains(&right.id) && !e.marks().is_empty();
            let count = held(kind).filter(of).count();
            if count < wanted {
                cell.lost += wanted - count;
                cell.complaints.push(format!("{}: {count} {word} instead of {wanted}", caller.e164));
            } else if count > wanted {
                cell.doubled += count - wanted;
                cell.complaints.push(format!("{}: {count} {word} instead of {wanted}", caller.e164));
            }
        }
    }
    // Whatever carries our mark belongs to somebody who called, and to nobody else.
    for entry in now.iter().filter(|e| !e.gone && matches!(e.kind, Kind::Call | Kind::Task) && !e.marks().is_empty()) {
        let whose: Vec<&Entry> = held(Kind::Person).filter(|p| entry.people.contains(&p.id)).collect();
        let called = |p: &Entry| callers.iter().any(|c| p.has_number(&c.e164));
        if entry.people.len() != 1 || (whose.is_empty() && deleted.is_none()) || !whose.iter().all(|p| called(p)) {
            cell.wrong_object += 1;
            cell.complaints.push(format!("{} {} hangs on {:?}", entry.object, entry.id, entry.people));
        }
    }
    // What people typed stands as they typed it; the kind of record a person is does not change.
    for entry in before.iter().filter(|e| e.kind == Kind::Person) {
        let Some(after) = now.iter().find(|e| e.id == entry.id && e.object == entry.object) else {
            cell.wrong_object += 1;
            cell.complaints.push(format!("{} {} is not there any more", entry.object, entry.id));
            continue;
        };
        for (field, value) in &entry.fields {
            let stamp = field.to_lowercase().contains("modif")
                || field.to_lowercase().contains("update")
                || field.contains("rb_");
            if !stamp
                && !value.is_empty()
                && after.fields.get(field) != Some(value)
                && !after.gone
                && field_is_a_persons(field)
            {
                cell.wrong_object += 1;
                cell.complaints.push(format!("{} {}: {field} was changed", entry.object, entry.id));
            }
        }
    }
}

/// Names, numbers, addresses and owners: what somebody typed. Vendors keep counters and stamps beside them.
fn field_is_a_persons(field: &str) -> bool {
    let field = field.to_lowercase();
    ["name", "phone", "mobile", "email", "owner"].iter().any(|part| field.contains(part))
}

/// The number as people type it.
fn spelled(e164: &str, dice: &mut Dice) -> String {
    let national = e164.strip_prefix("+1").unwrap_or(e164);
    let part = |from: usize, to: usize| national.get(from..to).unwrap_or_default();
    match dice.between(0, 2) {
        0 => e164.to_owned(),
        1 => format!("({}) {}-{}", part(0, 3), part(3, 6), part(6, 10)),
        _ => national.to_owned(),
    }
}

fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3))
}

/// Plays the whole table, or the part of it whose names contain the words given.
pub async fn table(
    crms: &[String],
    faults: &[String],
    seed: u64,
    trace: bool,
    mut told: impl FnMut(&Cell),
) -> Result<Vec<Cell>> {
    let wanted = |words: &[String], name: &str| words.is_empty() || words.iter().any(|w| w == name);
    let mut cells = Vec::new();
    for crm in CRMS {
        if !wanted(crms, crm) {
            continue;
        }
        for trouble in Trouble::all() {
            if !wanted(faults, &trouble.name) {
                continue;
            }
            let cell = play(crm, &trouble, seed, trace).await.with_context(|| format!("{crm} x {}", trouble.name))?;
            told(&cell);
            cells.push(cell);
        }
    }
    Ok(cells)
}

/// The table as a page of the repository.
pub fn page(cells: &[Cell]) -> String {
    use std::fmt::Write as _;
    let crms: Vec<&str> = CRMS.iter().copied().filter(|crm| cells.iter().any(|c| c.crm == *crm)).collect();
    let mut out = String::from(
        "# Every CRM against every fault\n\n\
         Written by `cargo xtask matrix`; do not edit. Each cell is one story of missed calls against the simulated CRM while one thing goes\n\
         wrong again and again. `0` means: nothing lost, nothing doubled, nothing on a wrong record, counted in the simulated CRM; behind it the\n\
         number of requests the CRM saw and, after a +, the writes that waited for a person with their cause.\n\n",
    );
    let _ = writeln!(out, "| fault | {} |", crms.join(" | "));
    let _ = writeln!(out, "|---|{}", "---|".repeat(crms.len()));
    for trouble in Trouble::all() {
        let row: Vec<String> = crms
            .iter()
            .map(|crm| {
                let cell = cells.iter().find(|c| c.crm == *crm && c.fault == trouble.name);
                cell.map_or_else(String::new, |c| {
                    let bad = c.lost + c.doubled + c.wrong_object + c.unexplained;
                    let verdict = if bad == 0 {
                        "0".to_owned()
                    } else {
                        format!(
                            "**{} lost, {} doubled, {} wrong, {} unexplained**",
                            c.lost, c.doubled, c.wrong_object, c.unexplained
                        )
                    };
                    let people = if c.mended > 0 { format!(" +{}", c.mended) } else { String::new() };
                    format!("{verdict} ({}{people})", c.requests)
                })
            })
            .collect();
        if row.iter().any(|c| !c.is_empty()) {
            let _ = writeln!(out, "| {} | {} |", trouble.name.replace('_', " "), row.join(" | "));
        }
    }
    let struck: u64 = cells.iter().map(|c| c.struck).sum();
    let calls: usize = cells.iter().map(|c| c.calls).sum();
    let _ = writeln!(out, "\n{} cells, {calls} calls, {struck} faults struck.", cells.len());
    out
}
