//! `backtest`: recorded calls are decided again under a draft of the contract, as fast as one core allows.
//!
//! What is recorded: per call the events *call*, *read* (where a message was left), *found*, a receipt for everything that was planned, and *called back*, each
//! decided by the real step and stored as the engine stores it (entries, documents, plans, effects), [`UNIT`] histories to a commit. No webhook
//! is sent and no vendor asked: their answers are made up here. Of ten callers three are in the CRM; of four calls three leave words. The last fifth
//! of the calls are those of the first callers, who ring again: by then a person has set the urgency of every other one whom the CRM knows.
//! The draft writes at lower thresholds than the contract in force.
//!
//! A call counts once it was decided under *both* contracts and compared. `calls_per_second_per_core` is that alone, over cases that are read
//! already; `calls_per_second_per_core_one_side` decides them under the draft only. `…_rows` and `…_decode` are what comes before: reading rows,
//! making cases of them. `…_whole` is a whole backtest by processor time, all of this together. A core is a second of processor time of this
//! process, all its threads together.

use crate::drain::number;
use crate::figures::{Watch, cpu_seconds, fresh_directory, resident_bytes, round};
use crate::house::{ACCOUNT, LINE, quiet};
use anyhow::{Context, Result, ensure};
use jiff::SignedDuration;
use ringback_core::backtest::Report;
use ringback_core::contract::{self, Autonomy, Contract};
use ringback_core::crm::{Record, SetBy, Setter};
use ringback_core::id::{AccountId, UserId};
use ringback_core::inquiry::{CallbackResult, Event};
use ringback_core::signal::{Ending, Signal, SignalKind};
use ringback_engine::Engine;
use ringback_engine::backtest::{Cases, Page, Recorded, Recorder, Window};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Histories stored in one unit.
const UNIT: usize = 250;
/// Pages that are measured at once: processor time is counted in hundredths.
const PAGES: usize = 10;
/// Seconds between two calls.
const APART_SECONDS: i64 = 20;
/// So many numbers are made up.
const CALLERS_MAX: usize = 80_000;

const MESSAGES: [&str; 4] = [
    "Hi, this is Maria Lopez. We have no heat since last night, please call me back as soon as you can.",
    "Hello, my name is John Carter, I need a quote for a new water heater, my budget is about 2500 dollars. Call me tomorrow at 3 pm.",
    "There is water all over the kitchen, it is an emergency, please send somebody right now!",
    "Hi, this is Tom. No rush, just wanted to ask about the yearly maintenance. My email is tom.hill@example.com. Thanks.",
];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Recorded calls
    #[arg(long, default_value_t = 100_000)]
    calls: usize,
    /// Where to keep what was recorded; what is there already is measured again
    #[arg(long)]
    keep: Option<PathBuf>,
}

/// Processor seconds that something took.
fn spent<T>(into: &mut f64, act: impl FnOnce() -> T) -> Result<T> {
    let before = cpu_seconds()?;
    let done = act();
    *into += cpu_seconds()? - before;
    Ok(done)
}

/// Measures and prints.
pub(crate) async fn run(args: &Args) -> Result<()> {
    let directory = match &args.keep {
        Some(directory) => directory.clone(),
        None => fresh_directory("backtest")?,
    };
    std::fs::create_dir_all(&directory)?;
    let recorded = directory.join(RECORDED);
    let there = recorded.exists();
    let engine = quiet(&directory, !there).await?;
    let measured = async {
        let watch = Watch::start();
        if !there {
            record(&engine, &AccountId::from_text(ACCOUNT), args.calls).await?;
            std::fs::write(&recorded, args.calls.to_string())?;
            eprintln!("{} calls recorded in {:.1} s", args.calls, watch.seconds());
        }
        measure(&engine, std::fs::read_to_string(&recorded)?.parse()?).await
    };
    let measured = measured.await;
    engine.store().clone().close().await;
    let figures = measured?;
    if args.keep.is_none() {
        std::fs::remove_dir_all(&directory)?;
    }
    println!("{figures}");
    Ok(())
}

/// Says how many calls a directory holds, when all of them are there.
const RECORDED: &str = "recorded";

/// The contract in force, writing more by itself.
fn draft() -> Result<Contract> {
    let mut draft = contract::parse(contract::DEFAULT_TEXT).0.context("the contract cannot be read")?;
    draft.autonomy = Autonomy::Auto;
    for rule in draft.fields.values_mut() {
        rule.write_at = rule.write_at.min(600);
        rule.review_at = rule.review_at.min(300);
    }
    Ok(draft)
}

async fn measure(engine: &Engine, calls: u64) -> Result<Value> {
    let account = AccountId::from_text(ACCOUNT);
    let draft = draft()?;
    let since = engine.now().checked_sub(SignedDuration::from_hours(24 * 400))?;
    let window = Window { since, location: None, inquiries_max: None };
    let (watch, before) = (Watch::start(), cpu_seconds()?);
    let whole = engine.backtest(&account, &draft, &window, &|_| {}).await?;
    let (whole_seconds, whole_cpu) = (watch.seconds(), cpu_seconds()? - before);
    let resident = resident_bytes(std::process::id())?;
    let report = &whole.report;
    ensure!(report.inquiries == calls && report.unreadable == 0 && report.expired == 0, "{report:?}");

    let mut trial = engine.trial(&account, &draft).await?;
    let mut cpu = Cpu::default();
    let mut parts = Report::default();
    let (mut decided, mut rulings) = (0, 0);
    loop {
        let before = cpu_seconds()?;
        let mut pages: Vec<Page> = Vec::with_capacity(PAGES);
        while pages.len() < PAGES {
            let Some(page) = engine.trial_page(&mut trial, since).await? else { break };
            pages.push(page);
        }
        cpu.rows += cpu_seconds()? - before;
        if pages.is_empty() {
            break;
        }
        let mut cases: Vec<Cases> =
            spent(&mut cpu.decode, || pages.into_iter().map(|page| trial.decode(page)).collect())?;
        for cases in &mut cases {
            trial.show(cases);
        }
        let found: Vec<Report> = spent(&mut cpu.both, || cases.iter().map(|c| trial.compare(c)).collect())?;
        for found in found {
            parts.absorb(found);
        }
        for (calls, found) in spent(&mut cpu.one, || cases.iter().map(|c| trial.rehearse(c)).collect::<Vec<_>>())? {
            decided += calls;
            rulings += found;
        }
    }
    ensure!(parts == whole.report, "taken apart it finds {parts:?}, and whole {:?}", whole.report);
    ensure!(decided == report.calls, "{decided} of {} calls were decided", report.calls);
    let rate = |cpu: f64| (report.calls as f64 / cpu).round();
    for (what, cpu) in [
        ("rows", cpu.rows),
        ("decoding", cpu.decode),
        ("deciding under both contracts and comparing", cpu.both),
        ("deciding under the draft alone", cpu.one),
        ("whole backtest", whole_cpu),
    ] {
        eprintln!("{what}: {:.0} calls/s per core ({cpu:.2} s of processor)", rate(cpu));
    }
    let total = &report.total;
    let wrong = report.wrong.as_ref().map(|example| {
        json!({
            "field": example.field,
            "quote": example.quote,
            "now": example.now.verdict,
            "draft": example.draft.value,
            "clause": example.draft.clause,
            "person": example.person.as_ref().and_then(|p| p.value.clone()),
        })
    });
    Ok(json!({
        "calls": report.calls,
        "whole_seconds": round(whole_seconds),
        "resident_mb": resident / 1_000_000,
        "calls_per_second_per_core": rate(cpu.both),
        "calls_per_second_per_core_one_side": rate(cpu.one),
        "calls_per_second_per_core_rows": rate(cpu.rows),
        "calls_per_second_per_core_decode": rate(cpu.decode),
        "calls_per_second_per_core_whole": rate(whole_cpu),
        "decisions_per_call_one_side": round(rulings as f64 / decided as f64),
        "written_now": total.written_now.n,
        "written_draft": total.written_draft.n,
        "more_written": total.more_written.n,
        "more_written_corrected": total.more_written.corrected,
        "fewer_written": total.fewer_written.n,
        "newly_reviewed": total.newly_reviewed.n,
        "no_longer_reviewed": total.no_longer_reviewed.n,
        "unknown": total.unknown,
        "wrong": wrong,
    }))
}

/// Processor seconds of each part.
#[derive(Default)]
struct Cpu {
    rows: f64,
    decode: f64,
    both: f64,
    one: f64,
}

async fn record(engine: &Engine, account: &AccountId, calls: usize) -> Result<()> {
    let recorder = engine.recorder(account).await?;
    let apart = APART_SECONDS * i64::try_from(calls)?;
    let start = engine.now().checked_sub(SignedDuration::from_secs(apart))?;
    let mut unit = Vec::with_capacity(UNIT);
    for n in 0..calls {
        let at = start.checked_add(SignedDuration::from_secs(APART_SECONDS * i64::try_from(n)?))?;
        unit.push(one(&recorder, n, calls, at)?.context("a missed call opens no inquiry")?);
        if unit.len() == UNIT || n + 1 == calls {
            engine.keep_histories(account, std::mem::take(&mut unit)).await?;
        }
    }
    Ok(())
}

fn one(recorder: &Recorder, n: usize, calls: usize, at: jiff::Timestamp) -> Result<Option<Recorded>> {
    // The last fifth are the first ones again.
    let callers = (calls * 4 / 5).clamp(1, CALLERS_MAX);
    let (who, again) = (n % callers, n >= callers);
    let caller = number(0, who);
    let words = (n % 4 != 3).then(|| MESSAGES.get(n / 4 % MESSAGES.len()).copied()).flatten();
    let mut signal = Signal::new(SignalKind::Ended, vec![format!("CAL{n}")]);
    signal.ending = if words.is_some() { Ending::Voicemail } else { Ending::Busy };
    signal.caller = Some(caller.clone());
    signal.dialled = Some(LINE.into());
    signal.started_at = Some(at);
    signal.duration_seconds = Some(20);
    let records: Vec<Record> = (who % 10 < 3).then(|| known(who, again, &caller)).into_iter().collect();
    let reached = Event::CalledBack {
        result: CallbackResult::Reached,
        note: None,
        by: UserId::from_text("user_bench"),
        booked_for: None,
    };
    let received_at = at.checked_add(SignedDuration::from_secs(30))?;
    Ok(recorder.history(n, &signal, received_at, words, &records, reached)?)
}

/// The caller as the CRM holds them; a person has set the name, and in time the urgency of every other one.
fn known(who: usize, again: bool, caller: &str) -> Record {
    let urgency = if again && who.is_multiple_of(2) { "nurture" } else { "" };
    let properties = [("firstname", "Ana"), ("lastname", "Ruiz"), ("phone", caller), ("rb_urgency", urgency)];
    let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let by = |(name, value): &(String, String)| {
        let set_by = SetBy { value: value.clone(), at: None, who: Setter::Person, source: "CRM_UI".into() };
        (name.clone(), set_by)
    };
    let set_by = properties.iter().map(by).collect();
    Record { id: format!("c{who}"), properties: properties.into(), set_by, ..Record::default() }
}
