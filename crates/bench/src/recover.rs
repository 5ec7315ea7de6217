//! `recover`: how fast a backlog reaches the CRM once it is back from an outage.
//!
//! Calls are taken in while the CRM refuses every connection, folded and planned; then it comes back, the workers start, and the time until
//! every effect is settled counts. The limit is the same exchanges, byte for byte and in the order in which they left, sent by the same
//! client at the same concurrency to a fresh CRM: nothing decided, nothing stored. Breaker pauses are not part of it (how long to wait
//! is a decision, no speed), nor is the vendor's published pace, which the engine keeps otherwise.

use crate::figures::{Watch, fresh_directory, median, of_runs, round};
use crate::loader::CALLERS_MAX;
use crate::part::{Process, number};
use anyhow::{Context as _, Result, bail, ensure};
use futures_util::future::try_join_all;
use ringback_engine::clock::{Clock as _, SystemClock};
use ringback_sim::schema;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Connections over which the outage's calls come in.
const CONNECTIONS: usize = 64;
/// As many nodes as have work to share on one machine.
const NODES_MAX: usize = 4;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Runs of each of the two, in turn; the median counts
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Calls during the outage, each by another caller
    #[arg(long, default_value_t = 1_000)]
    calls: usize,
    /// Exchanges under way at once
    #[arg(long, default_value_t = 8)]
    concurrency: usize,
    /// sqlite, or postgres on the server that RINGBACK_TEST_POSTGRES names
    #[arg(long, default_value = "sqlite")]
    engine: String,
    /// Nodes at work on one store; more than one with postgres. A lane is one node's at a time: the others fold, and stand by.
    #[arg(long, default_value_t = 1)]
    nodes: usize,
}

impl Args {
    /// The server that the stores of the runs are made on; `None`: SQLite.
    fn server(&self) -> Result<Option<String>> {
        match self.engine.as_str() {
            "sqlite" => {
                ensure!(self.nodes == 1, "SQLite has one node");
                Ok(None)
            }
            "postgres" => {
                ensure!((1..=NODES_MAX).contains(&self.nodes), "1 to {NODES_MAX} nodes");
                Ok(Some(std::env::var("RINGBACK_TEST_POSTGRES").context("RINGBACK_TEST_POSTGRES names no server")?))
            }
            other => bail!("--engine {other}: sqlite or postgres"),
        }
    }
}

/// Measures and prints.
pub(crate) async fn run(args: &Args) -> Result<()> {
    ensure!(args.calls <= CALLERS_MAX, "there are {CALLERS_MAX} different callers at most");
    let (whole, server) = (Watch::start(), args.server()?);
    let mut runs = Vec::new();
    for n in 0..args.runs {
        let directory = fresh_directory("recover")?;
        let name = format!("rbbench_{}_{n}", std::process::id());
        let store = match &server {
            Some(server) => Some(schema::create(server, &name).await?),
            None => None,
        };
        let recordings: Vec<PathBuf> =
            (1..=args.nodes).map(|node| directory.join(format!("exchanges-{node}.json"))).collect();
        let mut run = ours(args, n, &directory, store.as_deref(), &recordings).await?;
        let limit = limit(args, &recordings).await?;
        std::fs::remove_dir_all(&directory)?;
        if let Some(server) = &server {
            schema::drop(server, &name).await?;
        }
        let ratio = number(&run, "ours")? / number(&limit, "limit")?;
        if let (Some(run), Value::Object(limit)) = (run.as_object_mut(), limit) {
            run.extend(limit);
            run.insert("ratio".into(), json!(round(ratio)));
        }
        eprintln!("run {}: {run}", n + 1);
        runs.push(run);
    }
    let middle = |name: &str| median(of_runs(&runs, name));
    let (ours, limit) = (middle("ours"), middle("limit"));
    let figures = json!({
        "bench": "recover", "engine": args.engine, "nodes": args.nodes, "unit": "exchanges per second", "ours": round(ours), "limit": round(limit),
        "ratio": round(ours / limit), "runs": runs, "calls": args.calls, "concurrency": args.concurrency,
        "calls_per_second": round(middle("calls_per_second")), "exchanges_per_call": round(middle("exchanges_per_call")),
        "cpu_ms_per_call": round(middle("cpu_ms_per_call")), "intake_cpu_ms_per_call": round(middle("intake_cpu_ms_per_call")),
        "fold_cpu_ms_per_call": round(middle("fold_cpu_ms_per_call")),
        "database_bytes_per_call": server.is_none().then(|| middle("database_bytes_per_call").round()), "seconds": round(whole.seconds()),
    });
    println!("{figures}");
    Ok(())
}

async fn ours(args: &Args, n: usize, directory: &Path, store: Option<&str>, recordings: &[PathBuf]) -> Result<Value> {
    let (mut twin, at) = Process::start(&["twin"]).await?;
    let (directory, concurrency) = (directory.display().to_string(), args.concurrency.to_string());
    let crm_url = at["url"].as_str().unwrap_or_default();
    let mut houses = Vec::new();
    let mut ready = Value::Null;
    for node in 1..=args.nodes {
        let node_text = node.to_string();
        let mut part = vec!["house", &directory, "--crm-url", crm_url, "--concurrency", &concurrency];
        part.extend(["--node", &node_text]);
        part.extend(store.iter().flat_map(|store| ["--store", store]));
        let (mut house, at) = Process::start(&part).await?;
        if node == 1 {
            house.ask(&json!({ "do": "connect" })).await?;
            ready = at;
        }
        houses.push(house);
    }
    let Some((first, others)) = houses.split_first_mut() else { bail!("no node") };
    let (empty_bytes, cpu_before) = first.ask(&json!({ "do": "size" })).await.and_then(size_and_cpu)?;
    twin.ask(&json!({ "do": "away" })).await?;
    take_in(args, n, &ready).await?;
    let (_, cpu_after) = first.ask(&json!({ "do": "size" })).await.and_then(size_and_cpu)?;
    let folded = first.ask(&json!({ "do": "fold" })).await?;
    ensure!(number(&folded, "folded")? as usize == args.calls, "not every call was folded: {folded}");
    ensure!(number(&folded, "planned")? as usize >= args.calls, "not every call was planned: {folded}");
    twin.ask(&json!({ "do": "back" })).await?;
    let recover = json!({ "do": "recover" });
    let (done, helped) =
        futures_util::future::try_join(first.ask(&recover), try_join_all(others.iter_mut().map(|h| h.ask(&recover))))
            .await?;
    let calls = args.calls as f64;
    let effects = &done["effects"];
    ensure!(effects.get("dead").is_none(), "there are dead letters: {done}");
    let sum = |name: &str| std::iter::once(&done).chain(&helped).map(|one| number(one, name)).sum::<Result<f64>>();
    let (seconds, exchanges) = (number(&done, "seconds")?, sum("exchanges")?);
    let cpu_ms = |seconds: f64| round(seconds * 1_000.0 / calls);
    let by_node: Vec<Value> = std::iter::once(&done).chain(&helped).map(|one| one["exchanges"].clone()).collect();
    let mut database_bytes = 0.0;
    for (house, recording) in houses.iter_mut().zip(recordings) {
        house.ask(&json!({ "do": "save_recording", "path": recording })).await?;
        database_bytes = number(&house.ask(&json!({ "do": "close" })).await?, "database_bytes")?;
    }
    for house in houses {
        house.end().await?;
    }
    twin.end().await?;
    let bytes = store.is_none().then(|| ((database_bytes - empty_bytes) / calls).round());
    Ok(json!({
        "ours": round(exchanges / seconds), "seconds": round(seconds), "exchanges": exchanges,
        "exchanges_by_node": by_node,
        "calls_per_second": round(calls / seconds), "exchanges_per_call": round(exchanges / calls),
        "cpu_ms_per_call": cpu_ms(sum("cpu_seconds")?), "intake_cpu_ms_per_call": cpu_ms(cpu_after - cpu_before),
        "fold_cpu_ms_per_call": cpu_ms(number(&folded, "cpu_seconds")?), "fold_seconds": round(number(&folded, "seconds")?),
        "database_bytes_per_call": bytes, "units": sum("units")?, "commits": sum("commits")?, "effects": effects,
    }))
}

fn size_and_cpu(answer: Value) -> Result<(f64, f64)> {
    Ok((number(&answer, "database_bytes")?, number(&answer, "cpu_seconds")?))
}

async fn take_in(args: &Args, n: usize, ready: &Value) -> Result<()> {
    let (mut loader, _) = Process::start(&["loader"]).await?;
    let started_at = SystemClock.now().to_string();
    loader.ask(&json!({ "do": "prepare", "run": n, "requests": args.calls, "started_at": started_at })).await?;
    let order = json!({ "do": "run", "address": ready["address"], "connections": CONNECTIONS.min(args.calls) });
    let taken = loader.ask(&order).await?;
    ensure!(number(&taken, "accepted")? as usize == args.calls, "calls were refused: {taken}");
    loader.end().await
}

/// The same exchanges by the same client against a fresh twin.
async fn limit(args: &Args, recordings: &[PathBuf]) -> Result<Value> {
    let (twin, at) = Process::start(&["twin"]).await?;
    let paths: Vec<String> = recordings.iter().map(|path| path.display().to_string()).collect();
    let part: Vec<&str> = std::iter::once("replay").chain(paths.iter().map(String::as_str)).collect();
    let (mut replay, _) = Process::start(&part).await?;
    let done = replay.ask(&json!({ "do": "replay", "crm_url": at["url"], "concurrency": args.concurrency })).await?;
    replay.end().await?;
    twin.end().await?;
    let rate = number(&done, "exchanges")? / number(&done, "seconds")?;
    Ok(json!({ "limit": round(rate), "answered_otherwise": done["answered_otherwise"] }))
}
