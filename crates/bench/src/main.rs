//! The measurements, printed as ratios to limits measured in the same run on the same machine, so that a figure means something on any.
//!
//! Start at [`ingest`], [`recover`], [`drain`], [`start`] and [`backtest`]. The last needs one process; the others start this program again for every
//! part (loader, server, twin), so that each part has a process of its own and they meet over loopback with connections kept alive. A part says what
//! it is asked over its standard input and output ([`part`]). Everything for people goes to standard error; standard output ends with one JSON object.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a measurement prints its figures")]

mod backtest;
mod drain;
mod figures;
mod house;
mod ingest;
mod limits;
mod loader;
mod part;
mod recover;
mod replay;
mod start;
mod twin;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Threads of a server's runtime: what `ringback serve` takes by default.
const SERVER_THREADS: usize = 2;

#[derive(Parser)]
#[command(name = "ringback-bench", about = "Measures Ringback against limits measured in the same run")]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Signed webhooks taken in per second, against a server that stores nothing and a loop that only stores
    Ingest(ingest::Args),
    /// Exchanges with a CRM per second after an outage, against the same exchanges replayed by the same client
    Recover(recover::Args),
    /// A backlog of calls into a CRM that keeps its vendor's published limits, against the time that these limits allow
    Drain(drain::Args),
    /// Idle memory, and time from the start on an existing database to the first acknowledged webhook
    Start(start::Args),
    /// Recorded calls decided again under a draft of the contract, per second of one core
    Backtest(backtest::Args),
    /// One process of a measurement; not for people
    #[command(hide = true, subcommand)]
    Part(Part),
}

#[derive(Subcommand)]
enum Part {
    /// Sends signed webhooks
    Loader {
        #[arg(long, default_value = house::HOOK_PATH)]
        path: String,
    },
    /// The real router, engine and store
    House {
        directory: PathBuf,
        #[arg(long)]
        crm_url: Option<String>,
        #[arg(long, default_value_t = 8)]
        concurrency: usize,
        /// A store elsewhere than in the directory
        #[arg(long)]
        store: Option<String>,
        /// The node's number; the first sets the account up
        #[arg(long, default_value_t = 1)]
        node: usize,
    },
    /// The same verifying server, storing nothing
    Verifier,
    /// A bare group-commit loop
    Storer { directory: PathBuf },
    /// HubSpot's twin
    Twin,
    /// Recorded exchanges, sent again
    Replay { recordings: Vec<PathBuf> },
}

fn main() -> Result<()> {
    let args = Args::parse();
    match args.what {
        What::Ingest(args) => part::runtime(1)?.block_on(ingest::run(&args)),
        What::Recover(args) => part::runtime(1)?.block_on(recover::run(&args)),
        What::Drain(args) => part::runtime(SERVER_THREADS)?.block_on(drain::run(&args)),
        What::Start(args) => part::runtime(1)?.block_on(start::run(&args)),
        What::Backtest(args) => part::runtime(SERVER_THREADS)?.block_on(backtest::run(&args)),
        What::Part(Part::Loader { path }) => part::runtime(1)?.block_on(loader::run(&path)),
        What::Part(Part::House { directory, crm_url, concurrency, store, node }) => {
            let plan = house::Plan { directory, crm_url, concurrency, store, node };
            part::runtime(SERVER_THREADS)?.block_on(house::run(plan))
        }
        What::Part(Part::Verifier) => part::runtime(SERVER_THREADS)?.block_on(limits::verifier()),
        What::Part(Part::Storer { directory }) => part::runtime(SERVER_THREADS)?.block_on(limits::storer(&directory)),
        What::Part(Part::Twin) => part::runtime(1)?.block_on(twin::run()),
        What::Part(Part::Replay { recordings }) => part::runtime(SERVER_THREADS)?.block_on(replay::run(&recordings)),
    }
}
