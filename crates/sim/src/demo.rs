//! The demonstration: a Tuesday at the Phoenix location, with everything that goes wrong on such a day.
//!
//! Twelve missed calls: four voicemails, three abandoned, three that rang out, two after hours. Four are from customers in the CRM (one
//! with an open estimate), eight from unknown callers, of whom three are the same person trying again and one keeps the number back. Every
//! webhook comes twice and one call is reported by a second tracker: twenty-five deliveries. One voicemail says that the heat is out, one
//! is noise. The CRM goes down for half an hour, throttles, and makes one lead without saying so.

use crate::auditor::{self, Verdict};
use crate::dice::Dice;
use crate::run::{self, Database, Heard, Live, Played, Portal, Tempo};
use crate::words;
use crate::world::{Account, Delivery, Ended, Person, Provider, Quarantine, RealCall, Who, World, demo_account};
use anyhow::{Context as _, Result, bail, ensure};
use ringback_twins::fault::{Fault, Rule, When};
use serde::Serialize;
use std::collections::BTreeSet;

const MINUTE_MS: i64 = 60_000;
/// Tuesdays of the demonstration; the seed picks one.
const TUESDAYS: &[&str] = &["2026-02-10", "2026-03-10", "2026-05-19", "2026-07-14", "2026-09-22", "2026-11-03"];

/// How it came out; counted in the twins wherever the CRM is concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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

/// The day of a seed, on virtual time, in a store of its own that is gone afterwards.
pub async fn once(seed: u64) -> Result<Summary> {
    let world = tuesday(seed);
    let portal = Portal::prepared().await?;
    let folder = tempfile::tempdir().context("no temporary directory")?;
    let database = Database::File(folder.path().join("demo.db"));
    let played = run::play(&world, &database, &portal, false).await?;
    judge(&world, &played)
}

/// What is heard from the day while somebody watches it.
pub enum News {
    /// A line of the day's story, with its time on the wall.
    Story(String),
    /// The day is over, judged by the auditor; from now on the clock goes at real speed.
    Over(Result<Summary>),
}

/// Plays the day in compressed time, `speed` times as fast as the usual three minutes, and goes on at real speed. Ends by itself only in
/// failure.
pub async fn watch(
    live: &mut Live<'_>,
    world: &World,
    speed: u32,
    mut hear: impl FnMut(News),
) -> Result<std::convert::Infallible> {
    let end_ms = end_ms(world);
    let mut story = story(world).into_iter().peekable();
    live.play(&Tempo::new(world, end_ms, speed), end_ms, |heard| match heard {
        Heard::At(now_ms) => {
            while let Some((_, line)) = story.next_if(|(at_ms, _)| *at_ms <= now_ms) {
                hear(News::Story(line));
            }
        }
        Heard::Over(played) => hear(News::Over(judge(world, &played))),
    })
    .await
}

/// Where the watched day ends: at five past eight on the next morning, when somebody comes in and looks.
pub fn end_ms(world: &World) -> i64 {
    world.start_ms + (24 * 60 + 2 * 60 + 5) * MINUTE_MS
}

/// What happens when, as a person would tell it.
fn story(world: &World) -> Vec<(i64, String)> {
    let mut all: Vec<(i64, String)> = Vec::new();
    let mut rang: BTreeSet<&str> = BTreeSet::new();
    for call in &world.calls {
        let again = call.e164().is_some_and(|number| !rang.insert(number));
        let who = match (call.who, again) {
            (_, true) => "the same caller again",
            (Who::Customer, _) => "a customer",
            (Who::Withheld, _) => "somebody who keeps the number back",
            _ => "somebody unknown",
        };
        let how = match &call.ended {
            Ended::Left(message) => format!("leaves a voicemail: {:?}", message.text),
            Ended::HungUp => "hangs up before anybody answers".to_owned(),
            _ => "rings until the line ends, and nobody answers".to_owned(),
        };
        all.push((call.ended_ms(), format!("{who} {how}")));
    }
    for rule in world.accounts.iter().flat_map(|a| &a.crm_faults.rules) {
        let When::Between { from_ms, to_ms } = rule.when else { continue };
        let (begins, ends) = match rule.fault {
            Fault::TooMany { .. } => ("the CRM takes few requests only", "the CRM takes requests as usual"),
            _ => ("the CRM goes down", "the CRM is up again"),
        };
        all.extend([(from_ms, begins.to_owned()), (to_ms, ends.to_owned())]);
    }
    all.sort_by_key(|(ms, _)| *ms);
    all.into_iter().map(|(ms, line)| (ms, format!("{}  {line}", wall(world, ms)))).collect()
}

/// `10:42` at the demonstration's only site.
fn wall(world: &World, ms: i64) -> String {
    let zone = world.accounts.first().and_then(|a| a.sites.first()).map_or("UTC", |s| s.hours.zone);
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_zoned(zone);
    at.strftime("%H:%M").to_string()
}

fn judge(world: &World, played: &Played) -> Result<Summary> {
    let verdict = auditor::audit(world, played);
    let summary = summary(world, played, &verdict);
    check(&summary, &verdict, played.handled.iter().any(|callers| !callers.is_empty()))?;
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

/// Whoever calls again after a person closed the inquiry opens another one.
fn check(summary: &Summary, verdict: &Verdict, handled: bool) -> Result<()> {
    if !verdict.clean() {
        bail!("the auditor complains: {}", verdict.complaints.join("; "));
    }
    ensure!(summary.calls == 12, "{} calls instead of 12", summary.calls);
    ensure!(
        summary.inquiries == 10 || handled && summary.inquiries > 10,
        "{} inquiries instead of 10",
        summary.inquiries
    );
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn watched_or_not_the_day_comes_out_the_same() {
        let world = tuesday(1);
        let mut live = Live::open(&world, "http://127.0.0.1:1".into()).await.unwrap();
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let hear = async move {
            let mut lines = 0;
            loop {
                match told.recv().await {
                    Some(News::Story(_)) => lines += 1,
                    Some(News::Over(judged)) => return (lines, judged.unwrap()),
                    None => panic!("nobody plays any more"),
                }
            }
        };
        let (lines, watched) = tokio::select! {
            ended = watch(&mut live, &world, 1_000, move |news| tell.send(news).unwrap_or_default()) => panic!("{ended:?}"),
            heard = hear => heard,
        };
        live.close().await.unwrap();
        let told = Box::pin(once(1)).await.unwrap();
        assert_eq!(lines, 12 + 4, "every call, and the CRM's troubles with their ends");
        assert_eq!(Summary { faults: 0, ..watched }, Summary { faults: 0, ..told }, "chance strikes where it likes");
    }
}
