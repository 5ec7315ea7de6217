//! The demonstration: a Tuesday at the Phoenix location, with everything that goes wrong on such a day.
//!
//! Twelve missed calls: four voicemails, three abandoned, three that rang out, two after hours. Four are from customers in the CRM (one
//! with an open estimate), eight from unknown callers, of whom three are the same person trying again and one keeps the number back. Every
//! webhook comes twice and one call is reported by a second tracker: twenty-five deliveries. One voicemail says that the heat is out, one
//! is noise. The CRM goes down for half an hour, throttles, and makes one lead without saying so.

use crate::auditor::{self, Verdict};
use crate::dice::Dice;
use crate::run::{self, Database, Played, Portal};
use crate::words;
use crate::world::{Account, Delivery, Ended, Person, Provider, Quarantine, RealCall, Who, World, demo_account};
use anyhow::{Context as _, Result, bail, ensure};
use ringback_twins::fault::{Fault, Rule, When};
use serde::Serialize;
use std::net::SocketAddr;

const MINUTE_MS: i64 = 60_000;
/// Tuesdays of the demonstration; the seed picks one.
const TUESDAYS: &[&str] = &["2026-02-10", "2026-03-10", "2026-05-19", "2026-07-14", "2026-09-22", "2026-11-03"];

/// How to play.
#[derive(Debug, Clone)]
pub struct Options {
    /// On virtual time to the end; else in compressed time with the console open, which [`live`] is for.
    pub once: bool,
    pub seed: u64,
    /// Where the console listens.
    pub listen: SocketAddr,
}

/// How it came out; counted in the twins wherever the CRM is concerned.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    pub seed: u64,
    pub calls: u64,
    pub inquiries: u64,
    /// Webhooks kept, every repetition with them.
    pub signals: u64,
    /// Contacts, call records or tasks too many.
    pub duplicates: u64,
    /// Acknowledged calls that are not in the CRM and ought to be.
    pub lost: u64,
    pub forbidden_writes: u64,
    pub ledger_verified: bool,
    pub crm_contacts_created: u64,
    pub crm_calls_logged: u64,
    pub tasks: u64,
    pub dead_letters: u64,
    /// How often the CRM and the page receiver misbehaved.
    pub faults: u64,
}

/// Plays to the end on virtual time. An error if the day did not come out as it must, with what the auditor says.
pub async fn run(options: Options) -> Result<Summary> {
    ensure!(options.once, "the console is opened by the command: see demo::live");
    once(options.seed).await
}

/// The day of a seed, on virtual time, in a store of its own that is gone afterwards.
pub async fn once(seed: u64) -> Result<Summary> {
    let world = tuesday(seed);
    let portal = Portal::prepared().await?;
    let folder = tempfile::tempdir().context("no temporary directory")?;
    let database = Database::File(folder.path().join("demo.db"));
    let played = run::play(&world, &database, &portal, false).await?;
    let verdict = auditor::audit(&world, &played);
    let summary = summary(&world, &played, &verdict);
    check(&summary, &verdict)?;
    Ok(summary)
}

fn summary(world: &World, played: &Played, verdict: &Verdict) -> Summary {
    Summary {
        seed: world.seed,
        calls: played.calls.iter().sum::<i64>().unsigned_abs(),
        inquiries: played.inquiries.iter().sum::<i64>().unsigned_abs(),
        signals: played.signals.iter().sum::<i64>().unsigned_abs(),
        duplicates: verdict.doubled,
        lost: verdict.lost,
        forbidden_writes: verdict.forbidden_writes,
        ledger_verified: !played.ledgers.is_empty() && played.ledgers.iter().all(|l| l.ok && l.entries > 0),
        crm_contacts_created: verdict.contacts_created,
        crm_calls_logged: verdict.calls_logged,
        tasks: verdict.tasks,
        dead_letters: played.dead.len() as u64,
        faults: played.faults.values().sum(),
    }
}

fn check(summary: &Summary, verdict: &Verdict) -> Result<()> {
    if !verdict.clean() {
        bail!("the auditor complains: {}", verdict.complaints.join("; "));
    }
    ensure!(summary.calls == 12, "{} calls instead of 12", summary.calls);
    ensure!(summary.inquiries == 10, "{} inquiries instead of 10", summary.inquiries);
    ensure!(summary.signals >= 25, "{} signals instead of 25", summary.signals);
    ensure!(summary.ledger_verified, "the ledger does not verify");
    Ok(())
}

/// The demonstration's world.
pub fn tuesday(seed: u64) -> World {
    let mut dice = Dice::new(seed ^ 0x07DE_5DA1);
    let day: jiff::civil::Date = dice.pick(TUESDAYS).parse().unwrap_or(jiff::civil::date(2026, 5, 19));
    let zone = jiff::tz::TimeZone::get("America/Phoenix").unwrap_or(jiff::tz::TimeZone::UTC);
    let midnight_ms = day.to_zoned(zone).map_or(0, |z| z.timestamp().as_millisecond());
    let start_ms = midnight_ms + 6 * 60 * MINUTE_MS;
    let mut account = demo_account();
    let calls = calls(&mut dice, &mut account, midnight_ms);
    let mut deliveries: Vec<Delivery> = crate::world::told(&account, &calls);
    // Every provider sends everything twice, but for the second tracker.
    let again: Vec<Delivery> = deliveries
        .iter()
        .filter(|d| d.connection == account.connection(Provider::CallRail))
        .map(|d| Delivery { due_ms: d.due_ms + dice.between(1, 90) * 1_000, ..d.clone() })
        .collect();
    deliveries.extend(again);
    deliveries.retain(|d| d.quarantine == Quarantine::No);
    deliveries.sort_by_key(|d| d.due_ms);
    let last_ms = deliveries.iter().map(|d| d.due_ms).max().unwrap_or(start_ms);
    let calm_ms = last_ms + 30 * MINUTE_MS;
    trouble(&mut dice, &mut account, &calls);
    World { seed, start_ms, calm_ms, accounts: vec![account], calls, deliveries, crashes: Vec::new(), acts: Vec::new() }
}

/// The CRM is down for half an hour, then throttles for ten minutes; one lead is made and not acknowledged.
fn trouble(dice: &mut Dice, account: &mut Account, calls: &[RealCall]) {
    // It goes down while somebody is on the line, so that there is something to wait for it.
    let during = usize::try_from(dice.between(3, 6)).unwrap_or(4);
    let down = calls.get(during).map_or(0, RealCall::ended_ms);
    let up = down + 30 * MINUTE_MS;
    let retry_after_s = dice.percent(50).then_some(15);
    let lost = if dice.percent(50) { Fault::TimeoutAfterWrite } else { Fault::ResetAfterWrite };
    let nth = dice.between(1, 3).unsigned_abs();
    let faults = std::mem::take(&mut account.crm_faults);
    account.crm_faults = ringback_twins::fault::Script { seed: dice.roll(), ..faults }
        .outage(down, up)
        .throttle(up, up + 10 * MINUTE_MS, retry_after_s)
        .rule(Rule::new(lost, When::Nth(nth)).on("POST", "contacts/batch/upsert"))
        .by_chance(Fault::ServerError { status: 503 }, 20);
}

fn calls(dice: &mut Dice, account: &mut Account, midnight_ms: i64) -> Vec<RealCall> {
    let area = *dice.pick(&["602", "480", "623"]);
    let first = dice.between(1_000, 8_900);
    let number = |n: i64| format!("+1{area}555{:04}", first + 7 * n);
    let mut plan: Vec<(Who, Option<String>)> = Vec::new();
    for n in 0..4 {
        let mut person: Person = crate::world::person(dice, &number(n), true);
        person.deal = (n == 0).then(|| "Furnace replacement".to_owned());
        person.owner = Some("90001".into());
        account.people.push(person);
        plan.push((Who::Customer, Some(number(n))));
    }
    for n in [4, 4, 4, 5, 6, 7, 8] {
        plan.push((Who::Stranger, Some(number(n))));
    }
    plan.push((Who::Withheld, None));
    // The customer with the estimate says that the heat is out; the noise comes from somebody unknown; the rest falls as it falls.
    let mut open: Vec<Ended> = Vec::new();
    open.extend([Ended::Left(words::plain(dice)), Ended::Left(words::plain(dice))]);
    open.extend([Ended::HungUp, Ended::HungUp, Ended::HungUp, Ended::RangOut, Ended::RangOut, Ended::RangOut]);
    open.extend([Ended::RangOut, Ended::HungUp]);
    let mut late = vec![false; 8];
    late.extend([true, true]);
    let mut order: Vec<usize> = (0..10).collect();
    dice.shuffle(&mut order);
    let mut drawn = order.into_iter().filter_map(|at| Some((open.get(at)?.clone(), *late.get(at)?)));
    let mut ends: Vec<(Ended, bool)> = Vec::new();
    for n in 0..plan.len() {
        ends.push(match n {
            0 => (Ended::Left(words::no_heat(dice)), false),
            7 => (Ended::Left(words::noise(dice)), false),
            _ => drawn.next().unwrap_or((Ended::RangOut, false)),
        });
    }
    let mut taken: Vec<i64> = Vec::new();
    let mut calls: Vec<RealCall> = Vec::new();
    for (n, ((who, caller), (ended, late))) in plan.into_iter().zip(ends).enumerate() {
        let (from, to) = if late { (17 * 60 + 30, 20 * 60) } else { (8 * 60 + 15, 16 * 60 + 30) };
        let started_ms = loop {
            let ms = midnight_ms + dice.between(from * 60, to * 60) * 1_000;
            if taken.iter().all(|t| (t - ms).abs() > 7 * MINUTE_MS) {
                break ms;
            }
        };
        taken.push(started_ms);
        // One call came over a forwarded number that a second tracker watches.
        let told_by = if n == 8 { vec![Provider::CallRail, Provider::Twilio] } else { vec![Provider::CallRail] };
        let seconds = if matches!(ended, Ended::HungUp) { dice.between(5, 14) } else { dice.between(24, 70) };
        calls.push(RealCall {
            n: 0,
            account: 0,
            site: 0,
            who,
            caller,
            started_ms,
            seconds: u32::try_from(seconds).unwrap_or(30),
            ended,
            told_by,
            forged: false,
        });
    }
    calls.sort_by_key(|c| c.started_ms);
    for (n, call) in calls.iter_mut().enumerate() {
        call.n = n;
    }
    calls
}
