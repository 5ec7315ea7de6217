//! `ingest`: how many signed webhooks per second are taken in, stored on disk and acknowledged.
//!
//! The limit is what this machine could do if serving and storing cost nothing but themselves: `1 / (1/http + 1/store)`, of the same
//! verifying server that stores nothing and of a bare group-commit loop over the same rows. Workers rest in all three: what is measured is
//! the way from the socket to the disk and back, which is all that a provider waits for; folding comes after and has its own pace.

use crate::figures::{Watch, fresh_directory, median, of_runs, round};
use crate::loader::BODY_BYTES;
use crate::part::{Process, number};
use anyhow::{Result, ensure};
use ringback_engine::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Runs of each of the three, one after the other in turn; the median counts
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Webhooks per run
    #[arg(long, default_value_t = 20_000)]
    requests: usize,
    /// Connections kept alive, each with one webhook under way
    #[arg(long, default_value_t = 256)]
    connections: usize,
}

/// Measures and prints.
pub(crate) async fn run(args: &Args) -> Result<()> {
    let whole = Watch::start();
    let (mut loader, _) = Process::start(&["loader"]).await?;
    let mut runs: Vec<Value> = Vec::new();
    for n in 0..args.runs {
        let started_at = SystemClock.now().to_string();
        let batch = json!({ "do": "prepare", "run": n, "requests": args.requests, "started_at": started_at });
        loader.ask(&batch).await?;
        let (ours, rows_per_commit) = ours(args, &mut loader).await?;
        let http = http(args, &mut loader).await?;
        let store = store(args, &batch).await?;
        let ratio = ours / limit(http, store);
        eprintln!(
            "run {}: ours {ours:.0}/s ({rows_per_commit:.0} rows a commit), http {http:.0}/s, store {store:.0}/s, ratio {ratio:.2}",
            n + 1
        );
        runs.push(json!({
            "ours": round(ours), "http": round(http), "store": round(store), "ratio": round(ratio),
            "rows_per_commit": round(rows_per_commit),
        }));
    }
    loader.end().await?;
    let middle = |name: &str| median(of_runs(&runs, name));
    let (ours, http, store) = (middle("ours"), middle("http"), middle("store"));
    let limit = limit(http, store);
    let figures = json!({
        "bench": "ingest", "unit": "webhooks acknowledged per second", "ours": round(ours), "http": round(http), "store": round(store),
        "limit": round(limit), "ratio": round(ours / limit), "runs": runs, "body_bytes": BODY_BYTES,
        "connections": args.connections, "requests": args.requests, "durability": "synchronous=FULL",
        "workers": "resting in all three", "seconds": round(whole.seconds()),
    });
    println!("{figures}");
    Ok(())
}

/// What serving and storing one after the other come to.
fn limit(http: f64, store: f64) -> f64 {
    1.0 / (1.0 / http + 1.0 / store)
}

/// Webhooks per second of the real thing, and rows per commit. Afterwards every acknowledged one must be in the store.
async fn ours(args: &Args, loader: &mut Process) -> Result<(f64, f64)> {
    let directory = fresh_directory("ours")?;
    let (mut house, ready) = Process::start(&["house", &directory.display().to_string()]).await?;
    let before = number(&house.ask(&json!({ "do": "stored" })).await?, "commits")?;
    let rate = load(args, loader, &ready).await?;
    let stored = house.ask(&json!({ "do": "stored" })).await?;
    let (signals, commits) = (number(&stored, "signals")?, number(&stored, "commits")? - before);
    ensure!(signals as usize == args.requests, "{} were acknowledged, {signals} are stored", args.requests);
    house.end().await?;
    std::fs::remove_dir_all(directory)?;
    Ok((rate, signals / commits))
}

async fn http(args: &Args, loader: &mut Process) -> Result<f64> {
    let (server, ready) = Process::start(&["verifier"]).await?;
    let rate = load(args, loader, &ready).await?;
    server.end().await?;
    Ok(rate)
}

async fn load(args: &Args, loader: &mut Process, ready: &Value) -> Result<f64> {
    let order = json!({ "do": "run", "address": ready["address"], "connections": args.connections });
    let done = loader.ask(&order).await?;
    ensure!(number(&done, "refused")? < 1.0, "webhooks were refused: {done}");
    Ok(number(&done, "accepted")? / number(&done, "seconds")?)
}

async fn store(args: &Args, batch: &Value) -> Result<f64> {
    let directory = fresh_directory("store")?;
    let (mut storer, _) = Process::start(&["storer", &directory.display().to_string()]).await?;
    storer.ask(batch).await?;
    let done = storer.ask(&json!({ "do": "run", "connections": args.connections })).await?;
    storer.end().await?;
    std::fs::remove_dir_all(directory)?;
    Ok(number(&done, "accepted")? / number(&done, "seconds")?)
}
