//! `ringback-sim`: plays worlds and reports what the auditor says.

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use ringback_sim::auditor::{self, Verdict};
use ringback_sim::out::{result, say};
use ringback_sim::run::{Database, Played, Portal, play};
use ringback_sim::world::{SITES, Side, Size, World};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Parser, Debug, Clone)]
#[command(about = "Plays seeded worlds of calls, faults and crashes, and audits the twins afterwards")]
struct Arguments {
    /// How many worlds.
    #[arg(long, default_value_t = 1)]
    worlds: u64,
    /// The first seed; the others follow.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Tells the story of each world on standard error.
    #[arg(long)]
    trace: bool,
    /// Stops at the first world that fails.
    #[arg(long)]
    first_failure: bool,
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// `sqlite`, or `postgres` on the server that RINGBACK_TEST_POSTGRES names.
    #[arg(long, default_value = "sqlite")]
    engine: String,
    /// One JSON object on standard output.
    #[arg(long)]
    json: bool,
    /// Plays one small world once per commit and side, dying there.
    #[arg(long)]
    sites: bool,
    /// Plays the demonstration of so many seeds.
    #[arg(long, default_value_t = 0)]
    demos: u64,
    /// Runs the real program and kills it so often while `--calls` come in.
    #[arg(long, default_value_t = 0)]
    kills: u64,
    /// How many calls: in all for `--kills` (2000), a day for `--month` (32).
    #[arg(long)]
    calls: Option<usize>,
    /// The program to kill, or to make a month with; the one beside this unless said.
    #[arg(long)]
    program: Option<std::path::PathBuf>,
    /// Plants every known defect in turn and shows that it is noticed (needs the feature `mutants`).
    #[arg(long)]
    mutants: bool,
    /// Plays every CRM against every fault; `--crm` and `--fault` choose some of them.
    #[arg(long)]
    matrix: bool,
    #[arg(long, value_delimiter = ',')]
    crm: Vec<String>,
    #[arg(long, value_delimiter = ',')]
    fault: Vec<String>,
    /// Makes a data directory with a month of calls up to yesterday, three losses in it, and serves the CRM's twin it is connected to.
    #[arg(long, value_name = "DIR")]
    month: Option<std::path::PathBuf>,
    /// How many days that month has.
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// Where the month's twin is served.
    #[arg(long, default_value = "127.0.0.1:8790")]
    listen: std::net::SocketAddr,
    /// Where the table is written.
    #[arg(long)]
    out: Option<std::path::PathBuf>,
}

/// Worlds between two signs of life.
const PROGRESS_EVERY: u64 = 100;

/// What all worlds together showed.
#[derive(Default)]
struct Totals {
    worlds: u64,
    calls: u64,
    failed: BTreeMap<u64, Vec<String>>,
    /// Crashes by site, side and a fault that struck in the same world.
    hits: BTreeMap<(&'static str, &'static str, &'static str), u64>,
    faults: BTreeMap<&'static str, u64>,
    fewest_faults: Option<u64>,
    verdict: Verdict,
}

impl Totals {
    fn add(&mut self, world: &World, played: &Played, verdict: Verdict) {
        self.worlds += 1;
        self.calls += world.calls.len() as u64;
        let struck = || played.faults.iter().filter(|(_, n)| **n > 0);
        for crash in &played.crashes {
            for (fault, _) in struck() {
                *self.hits.entry((crash.site.word(), crash.side.word(), fault)).or_default() += 1;
            }
        }
        for (fault, n) in struck() {
            *self.faults.entry(fault).or_default() += n;
        }
        let kinds: u64 = played.faults.values().sum();
        self.fewest_faults = Some(self.fewest_faults.map_or(kinds, |f| f.min(kinds)));
        self.verdict.lost += verdict.lost;
        self.verdict.doubled += verdict.doubled;
        self.verdict.forbidden_writes += verdict.forbidden_writes;
        self.verdict.contacts_created += verdict.contacts_created;
        self.verdict.calls_logged += verdict.calls_logged;
        self.verdict.tasks += verdict.tasks;
        self.verdict.tasks_open += verdict.tasks_open;
        if !verdict.clean() {
            self.failed.insert(world.seed, verdict.complaints);
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.trace {
        tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter("warn").without_time().init();
    }
    let played = if arguments.mutants {
        mutants(&arguments)
    } else if arguments.matrix {
        matrix(&arguments)
    } else if let Some(directory) = &arguments.month {
        month(&arguments, directory)
    } else if arguments.sites {
        sites(&arguments)
    } else if arguments.kills > 0 {
        kills(&arguments)
    } else if arguments.demos > 0 {
        demos(&arguments)
    } else {
        worlds(&arguments)
    };
    match played {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            result(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn database(arguments: &Arguments) -> Result<Database> {
    match arguments.engine.as_str() {
        "sqlite" => Ok(Database::Memory),
        "postgres" => {
            let server = std::env::var("RINGBACK_TEST_POSTGRES").context("RINGBACK_TEST_POSTGRES names no server")?;
            Ok(Database::Postgres(server))
        }
        other => bail!("--engine {other}: sqlite or postgres"),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// Plays the worlds of all seeds on a few threads.
fn many(arguments: &Arguments, seeds: std::ops::Range<u64>, stop_at_failure: bool) -> Result<Totals> {
    let database = database(arguments)?;
    let portal = Arc::new(runtime()?.block_on(Portal::prepared())?);
    let (next, stop) = (AtomicU64::new(seeds.start), AtomicBool::new(false));
    let totals = Mutex::new(Totals::default());
    let trouble = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..arguments.threads.max(1) {
            scope.spawn(|| {
                let work = || -> Result<()> {
                    let runtime = runtime()?;
                    loop {
                        let seed = next.fetch_add(1, Ordering::SeqCst);
                        if seed >= seeds.end || stop.load(Ordering::SeqCst) {
                            return Ok(());
                        }
                        let world = World::new(seed, Size::FULL);
                        let played = runtime.block_on(play(&world, &database, &portal, arguments.trace))?;
                        let verdict = auditor::audit(&world, &played);
                        if stop_at_failure && !verdict.clean() {
                            stop.store(true, Ordering::SeqCst);
                        }
                        let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
                        totals.add(&world, &played, verdict);
                        if totals.worlds.is_multiple_of(PROGRESS_EVERY) {
                            say(&format!("{} worlds, {} failed", totals.worlds, totals.failed.len()));
                        }
                    }
                };
                if let Err(error) = work() {
                    stop.store(true, Ordering::SeqCst);
                    *trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
            });
        }
    });
    if let Some(error) = trouble.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    Ok(totals.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn worlds(arguments: &Arguments) -> Result<bool> {
    let seeds = arguments.seed..arguments.seed + arguments.worlds;
    let totals = many(arguments, seeds, arguments.first_failure)?;
    // A few worlds cannot reach everything; many must.
    let must_cover = arguments.worlds >= 200;
    let zeros = zeros(&totals);
    let good = totals.failed.is_empty() && (!must_cover || zeros.is_empty());
    if arguments.json {
        result(&json(&totals, &zeros).to_string());
    } else {
        tell(&totals, &zeros, must_cover);
    }
    Ok(good)
}

fn zeros(totals: &Totals) -> Vec<String> {
    let mut zeros = Vec::new();
    for site in SITES {
        for side in [Side::Before, Side::After] {
            for fault in ringback_twins::fault::Fault::NAMES {
                if !totals.hits.contains_key(&(site.word(), side.word(), fault)) {
                    zeros.push(format!("{} {} {fault}", site.word(), side.word()));
                }
            }
        }
    }
    zeros
}

fn json(totals: &Totals, zeros: &[String]) -> serde_json::Value {
    let hits: Vec<serde_json::Value> = totals
        .hits
        .iter()
        .map(|((site, side, fault), n)| serde_json::json!({"site": site, "side": side, "fault": fault, "hits": n}))
        .collect();
    serde_json::json!({
        "worlds": totals.worlds, "calls": totals.calls, "failed": totals.failed, "lost": totals.verdict.lost,
        "doubled": totals.verdict.doubled, "forbidden_writes": totals.verdict.forbidden_writes, "faults": totals.faults,
        "fewest_faults_in_a_world": totals.fewest_faults, "hits": hits, "zeros": zeros,
        "contacts_created": totals.verdict.contacts_created, "calls_logged": totals.verdict.calls_logged,
        "tasks": totals.verdict.tasks, "tasks_open": totals.verdict.tasks_open,
    })
}

fn tell(totals: &Totals, zeros: &[String], must_cover: bool) {
    result("crashes by commit site and side, with each fault that struck in the same world:");
    let faults = ringback_twins::fault::Fault::NAMES;
    for fault in faults {
        let mut line = format!("{fault:<26}");
        for site in SITES {
            for side in [Side::Before, Side::After] {
                let n = totals.hits.get(&(site.word(), side.word(), fault)).copied().unwrap_or(0);
                line.push_str(&format!(" {n:>5}"));
            }
        }
        result(&line);
    }
    let heads: Vec<String> = SITES.iter().map(|s| format!("{:>11}", s.word())).collect();
    result(&format!("{:<26}{}  (before after)", "", heads.join(" ")));
    if must_cover && !zeros.is_empty() {
        result(&format!("never reached: {}", zeros.join(", ")));
    }
    for (seed, complaints) in &totals.failed {
        result(&format!("seed {seed} failed; replay it with --seed {seed} --trace"));
        for complaint in complaints.iter().take(12) {
            result(&format!("    {complaint}"));
        }
    }
    result(&format!(
        "{} worlds, {} calls, {} faults (fewest in a world: {}), {} failed, {} lost, {} doubled, {} forbidden writes; {} contacts, {} call records, {} tasks",
        totals.worlds,
        totals.calls,
        totals.faults.values().sum::<u64>(),
        totals.fewest_faults.unwrap_or(0),
        totals.failed.len(),
        totals.verdict.lost,
        totals.verdict.doubled,
        totals.verdict.forbidden_writes,
        totals.verdict.contacts_created,
        totals.verdict.calls_logged,
        totals.verdict.tasks,
    ));
}

/// Every CRM against every fault.
fn matrix(arguments: &Arguments) -> Result<bool> {
    let runtime = runtime()?;
    let told = |cell: &ringback_sim::matrix::Cell| {
        say(&format!(
            "{:<12} {:<26} lost {} doubled {} wrong {} requests {} struck {} mended {}{}",
            cell.crm,
            cell.fault,
            cell.lost,
            cell.doubled,
            cell.wrong_object,
            cell.requests,
            cell.struck,
            cell.mended,
            if cell.clean() {
                String::new()
            } else {
                format!("  {:?}", cell.complaints.iter().take(6).collect::<Vec<_>>())
            }
        ));
    };
    let played = ringback_sim::matrix::table(&arguments.crm, &arguments.fault, arguments.seed, arguments.trace, told);
    let cells = runtime.block_on(played)?;
    let clean = cells.iter().all(ringback_sim::matrix::Cell::clean);
    if let Some(path) = &arguments.out {
        std::fs::write(path, ringback_sim::matrix::page(&cells))
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if arguments.json {
        result(&serde_json::json!({ "cells": cells }).to_string());
    } else {
        let (lost, doubled) =
            (cells.iter().map(|c| c.lost).sum::<usize>(), cells.iter().map(|c| c.doubled).sum::<usize>());
        let wrong: usize = cells.iter().map(|c| c.wrong_object).sum();
        let calls: usize = cells.iter().map(|c| c.calls).sum();
        result(&format!(
            "{} cells, {calls} calls: {lost} lost, {doubled} doubled, {wrong} on a wrong record",
            cells.len()
        ));
    }
    Ok(clean)
}

fn demos(arguments: &Arguments) -> Result<bool> {
    let runtime = runtime()?;
    for seed in arguments.seed..arguments.seed + arguments.demos {
        let summary = runtime.block_on(ringback_sim::demo::once(seed)).with_context(|| format!("seed {seed}"))?;
        result(&serde_json::to_string(&summary)?);
    }
    Ok(true)
}

fn program(arguments: &Arguments) -> Result<std::path::PathBuf> {
    let beside = || std::env::current_exe().map(|own| own.with_file_name("ringback"));
    Ok(arguments.program.clone().map_or_else(beside, Ok)?)
}

/// A month of calls; then its twin, for as long as somebody looks.
fn month(arguments: &Arguments, directory: &std::path::Path) -> Result<bool> {
    let options = ringback_sim::month::Options {
        directory: directory.to_owned(),
        crm: arguments.crm.first().cloned().unwrap_or_else(|| "hubspot".into()),
        days: arguments.days,
        calls_a_day: u32::try_from(arguments.calls.unwrap_or(32))?,
        seed: arguments.seed,
        listen: arguments.listen,
        program: program(arguments)?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let month = ringback_sim::month::make(&options).await?;
        if arguments.json {
            result(&serde_json::to_string(&month.summary)?);
        } else {
            result(&month.summary.told());
        }
        month.serve().await?;
        Ok(true)
    })
}

fn kills(arguments: &Arguments) -> Result<bool> {
    let postgres = match database(arguments)? {
        Database::Postgres(server) => Some(server),
        _ => None,
    };
    let program = program(arguments)?;
    let (kills, calls, seed) = (arguments.kills, arguments.calls.unwrap_or(2_000), arguments.seed);
    let options = ringback_sim::kills::Options { kills, calls, seed, program, postgres };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let summary = runtime.block_on(ringback_sim::kills::run(&options))?;
    result(&serde_json::to_string(&summary)?);
    Ok(summary.complaints.is_empty())
}

/// One small world, dying before and after every single commit of every site in turn.
fn sites(arguments: &Arguments) -> Result<bool> {
    let database = database(arguments)?;
    let runtime = runtime()?;
    let outcome = runtime.block_on(ringback_sim::run::exhaust(arguments.seed, &database))?;
    for line in &outcome.failed {
        result(line);
    }
    result(&format!("{} crashes in one small world, {} failed", outcome.crashes, outcome.failed.len()));
    Ok(outcome.failed.is_empty())
}

#[cfg(feature = "mutants")]
fn mutants(arguments: &Arguments) -> Result<bool> {
    const WORLDS_MAX: u64 = 200;
    let mut survived = Vec::new();
    for name in ringback_core::mutant::ALL {
        ringback_core::mutant::plant(Some(name));
        let totals = many(arguments, arguments.seed..arguments.seed + WORLDS_MAX, true)?;
        ringback_core::mutant::plant(None);
        match totals.failed.first_key_value() {
            Some((seed, complaints)) => {
                let why = complaints.first().map_or("", String::as_str);
                result(&format!("{name}: caught by seed {seed} after {} worlds: {why}", totals.worlds));
            }
            None => {
                result(&format!("{name}: SURVIVED {WORLDS_MAX} worlds"));
                survived.push(*name);
            }
        }
    }
    Ok(survived.is_empty())
}

#[cfg(not(feature = "mutants"))]
fn mutants(_: &Arguments) -> Result<bool> {
    bail!("--mutants needs the feature: cargo run -p ringback-sim --features mutants -- --mutants")
}
