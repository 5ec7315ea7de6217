//! `cargo xtask …`: one help page lists everything.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a developer's tool speaks through the terminal")]

use std::process::ExitCode;

use xtask::{cmd, eval, generate, layers, postgres, provision, steps};

const HELP: &str = "\
cargo xtask test [--quick] [--only STEP,…]   everything a change must pass, in order; stops at the first failure
cargo xtask test --list                      the steps and what each does
cargo xtask provision                        install PostgreSQL and Chromium by apt when they are missing
cargo xtask with-postgres COMMAND…           run a command with a fresh PostgreSQL in RINGBACK_TEST_POSTGRES
cargo xtask layers                           does every crate depend only on what ARCHITECTURE.md allows it?
cargo xtask generate [--check]               write (or only compare) the generated documents and tables
cargo xtask eval [ARGS…]                     score the reader of callers on labelled data
cargo xtask sim [ARGS…]                      the simulation, e.g. --seed N to replay one world
cargo xtask matrix [--json] [--crm A,B]      every CRM against every fault; writes docs/reference/matrix.md
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match args.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[][..]),
    };
    let done = match command {
        "test" => steps::run(rest),
        "provision" => provision::run(),
        "layers" => layers::run(),
        "generate" => generate::run(rest),
        "eval" => return ExitCode::from(u8::try_from(eval::run(rest)).unwrap_or(1)),
        "sim" => cmd::run(cmd::cargo(&["run", "--release", "-p", "ringback-sim", "--"]).args(rest)),
        "matrix" => cmd::run(
            cmd::cargo(&[
                "run",
                "--release",
                "-p",
                "ringback-sim",
                "--",
                "--matrix",
                "--out",
                "docs/reference/matrix.md",
            ])
            .args(rest),
        ),
        "with-postgres" => postgres::with(rest),
        postgres::GUARD => postgres::guard(rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(format!("no command `{other}`\n\n{HELP}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask {command}: {why}");
            ExitCode::FAILURE
        }
    }
}
