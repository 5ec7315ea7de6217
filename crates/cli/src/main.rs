//! The `ringback` command.
//!
//! [`args`] is what may be typed, [`config`] what an installation is told, [`commands`] one file per command, [`house`] opens settings, key,
//! store and engine for them. Data goes to stdout, everything else to stderr ([`out`]); whatever stops a command is a
//! [`problems::Fail`] with code, cause, cure and place.

mod args;
mod commands;
mod config;
mod error_pages;
mod error_text;
mod house;
mod out;
mod problems;

use args::{Audit, Cli, Command};
use clap::Parser as _;
use commands::{
    audit, connect, contract, demo, desk, doctor, drill, import, init, opt_out, probe, reconcile, rollback, sandbox,
    serve, token, twin, user,
};
use config::{Config, Depth, Log};
use house::House;
use out::Out;
use problems::{Exit, Fail};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let out = Out { json: cli.json };
    match run(&cli, out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fail) => {
            out.fail(&fail);
            ExitCode::from(fail.exit as u8)
        }
    }
}

fn run(cli: &Cli, out: Out) -> Result<(), Fail> {
    match &cli.command {
        Command::Error { code } => error_text::run(out, code.as_deref()),
        Command::Proof(args::Proof::Verify { file, key }) => reconcile::verify(out, file, key.as_deref()),
        Command::Audit(Audit::Verify { file: Some(file), key }) => audit::verify_file(out, file, key.as_deref()),
        Command::Init { directory, crm, profile, fields, trial } => {
            let wanted = init::Wanted { crm, profile: profile.as_deref(), fields, trial: *trial };
            init::run(out, directory, &wanted, &house::new_key())
        }
        Command::Config(args::Config::Show) => {
            commands::config::show(out, &config::load(&cli.config, Depth::Whole)?);
            Ok(())
        }
        Command::Serve => {
            let reading = serve::settings(&cli.config)?;
            log(&reading.config.log);
            let threads = reading.config.node.worker_threads;
            runtime(threads)?.block_on(serve::run(out, reading))
        }
        _ => {
            let defaults = Config::default();
            log(&Log { filter: "warn".to_owned(), ..defaults.log });
            runtime(defaults.node.worker_threads)?.block_on(with_runtime(cli, out))
        }
    }
}

async fn with_runtime(cli: &Cli, out: Out) -> Result<(), Fail> {
    let named = cli.account.as_deref();
    let open = |depth| house::open(&cli.config, depth);
    match &cli.command {
        Command::Contract(command) => Box::pin(contract::run(out, &cli.config, named, command)).await,
        Command::Demo(command) => Box::pin(demo::run(out, command)).await,
        Command::Drill(command) => match &command.sandbox_connection {
            Some(name) => {
                let house = open(Depth::Whole).await?;
                let account = house.account(named)?;
                let done = Box::pin(sandbox::run(out, &cli.config, &house, account, name, command)).await;
                house.engine.store().clone().close().await;
                done
            }
            None => drill::run(out, command).await,
        },
        Command::Twin(command) => twin::run(out, command).await,
        Command::Doctor { volume } => doctor::run(out, &config::load(&cli.config, Depth::Whole)?, *volume).await,
        Command::Connect { name } => {
            let house = open(Depth::Whole).await?;
            connect::run(out, &house, house.account(named)?, name).await
        }
        Command::Probe { name, show, i_know_this_writes } => {
            let house = open(Depth::Whole).await?;
            let how = if *show {
                probe::How::Show
            } else if *i_know_this_writes {
                probe::How::Write
            } else {
                probe::How::Say
            };
            let done = probe::run(out, &house, house.account(named)?, name, how).await;
            house.engine.store().clone().close().await;
            done
        }
        _ => {
            let house = open(Depth::Lookup).await?;
            let done = with_house(cli, out, &house).await;
            // The last connection to close tidies the file up; a process that just ends would leave that to the next.
            house.engine.store().clone().close().await;
            done
        }
    }
}

async fn with_house(cli: &Cli, out: Out, house: &House) -> Result<(), Fail> {
    let named = cli.account.as_deref();
    let account = || house.account(named);
    match &cli.command {
        Command::Import { file, connection } => import::run(out, house, account()?, file, connection).await,
        Command::Trace(asked) => audit::trace(out, house, account()?, asked).await,
        Command::Reconcile(asked) => reconcile::run(out, house, account()?, asked).await,
        Command::Proof(command) => reconcile::proof(out, house, account()?, command).await,
        Command::Runbook => reconcile::runbook(out, house, account()?).await,
        Command::DeadLetters(command) => desk::dead_letters(out, house, account()?, command).await,
        Command::Rollback(command) => rollback::run(out, house, account()?, command).await,
        Command::OptOut(command) => opt_out::run(out, house, account()?, command).await,
        Command::Quarantine(command) => desk::quarantine(out, house, account()?, command).await,
        Command::Review(command) => desk::review(out, house, account()?, command).await,
        Command::Audit(Audit::Export { inquiry: Some(id), .. }) => audit::export(out, house, account()?, id).await,
        Command::Audit(Audit::Export { record: Some(record), .. }) => {
            audit::export_record(out, house, account()?, record).await
        }
        Command::Audit(Audit::Export { .. }) => audit::export_account(out, house, account()?).await,
        Command::Audit(Audit::Account) => audit::account(out, house, account()?).await,
        Command::Audit(Audit::Verify { .. }) | Command::Verify => audit::verify(out, house, named).await,
        Command::User(command) => user::run(out, house, account()?, command).await,
        Command::Token(command) => token::run(out, house, account()?, command).await,
        _ => Ok(()),
    }
}

fn runtime(threads: usize) -> Result<tokio::runtime::Runtime, Fail> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build().map_err(|error| {
        Fail::new(
            Exit::Unavailable,
            "RB-0314",
            format!("no threads could be started: {error}"),
            "give this user more room",
        )
    })
}

/// Logs go to stderr; the environment's RINGBACK_LOG wins over the file.
fn log(log: &Log) {
    let filter = std::env::var("RINGBACK_LOG").unwrap_or_else(|_| log.filter.clone());
    // Of a database in trouble the store tells once; the driver would tell of every connection. A directive of the user's wins.
    let filter = format!("sqlx=error,sqlx_core=error,{filter}");
    let filter =
        tracing_subscriber::EnvFilter::try_new(&filter).unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if log.json {
        builder.json().try_init()
    } else {
        builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init()
    };
    if let Err(error) = started {
        tracing::debug!(%error, "logging was set up before");
    }
}
