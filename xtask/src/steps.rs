//! `cargo xtask test`: the steps, in order, each with a heading and its time; the first failure stops the run by name.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::postgres::{ENV as POSTGRES_ENV, Postgres};
use crate::tally::{SKIPPED, Tally};
use crate::{cmd, demo, eval, generate, layers, provision};

/// What `cargo xtask test` runs when nothing else is said.
const DEFAULT_STEPS: &[&str] = &[
    "provision",
    "postgres",
    "fmt",
    "generate",
    "layers",
    "clippy",
    "deny",
    "test",
    "build",
    "demo",
    "sim",
    "kills",
    "eval",
];

/// What `--quick` runs: no release build, nothing installed.
const QUICK_STEPS: &[&str] = &["postgres", "fmt", "generate", "layers", "clippy", "test"];

/// The simulated worlds, one run per line.
const SIM_RUNS: &[&[&str]] = &[
    &["--sites"],
    &["--matrix"],
    &["--worlds", "300", "--engine", "sqlite"],
    &["--worlds", "200", "--engine", "postgres"],
];

/// The real program under `kill -9`, one run per line.
const KILL_RUNS: &[&[&str]] = &[
    &["--kills", "200", "--calls", "2000", "--engine", "sqlite"],
    &["--kills", "50", "--calls", "500", "--engine", "postgres"],
];

/// Where tests find the browser.
const CHROMIUM_ENV: &str = "RINGBACK_CHROMIUM";

/// One step: its name, what it is for, and whether it wants a database.
struct Step {
    name: &'static str,
    about: &'static str,
    wants_postgres: bool,
    run: fn(&mut Run) -> Result<(), String>,
}

/// Every step there is. Those missing from [`DEFAULT_STEPS`] run when asked for by `--only`.
const STEPS: &[Step] = &[
    Step {
        name: "provision",
        about: "PostgreSQL and Chromium, by apt when missing",
        wants_postgres: false,
        run: |_| provision::run(),
    },
    Step {
        name: "postgres",
        about: "a fresh PostgreSQL for this run, stopped at its end",
        wants_postgres: false,
        run: Run::postgres,
    },
    Step {
        name: "fmt",
        about: "cargo fmt --check",
        wants_postgres: false,
        run: |run| run.cargo(&["fmt", "--all", "--check"]),
    },
    Step {
        name: "generate",
        about: "generated documents and tables are up to date",
        wants_postgres: false,
        run: |_| generate::run(&["--check".to_owned()]),
    },
    Step {
        name: "layers",
        about: "every crate depends only on what it may",
        wants_postgres: false,
        run: |_| layers::run(),
    },
    Step {
        name: "clippy",
        about: "lints, all targets, no warning",
        wants_postgres: false,
        run: |run| run.cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    },
    Step {
        name: "deny",
        about: "advisories, licences and bans of dependencies, where cargo-deny is installed",
        wants_postgres: false,
        run: Run::deny,
    },
    Step {
        name: "test",
        about: "cargo test --workspace, on SQLite, PostgreSQL and Chromium",
        wants_postgres: true,
        run: Run::test,
    },
    Step {
        name: "build",
        about: "cargo build --release --workspace: what the steps below run",
        wants_postgres: false,
        run: |run| run.cargo(&["build", "--release", "--workspace"]),
    },
    Step {
        name: "sim",
        about: "simulated worlds under faults and crashes, on both engines",
        wants_postgres: true,
        run: |run| run.each(SIM_RUNS),
    },
    Step {
        name: "kills",
        about: "the real program under kill -9, on both engines",
        wants_postgres: true,
        run: |run| run.each(KILL_RUNS),
    },
    Step {
        name: "eval",
        about: "scores of the reader of callers, where the data is",
        wants_postgres: false,
        run: |_| evaluate(),
    },
    Step {
        name: "demo",
        about: "the demonstration with its own and 20 given seeds",
        wants_postgres: false,
        run: |_| demo::run(),
    },
];

/// What lasts from step to step.
#[derive(Default)]
struct Run {
    postgres: Option<Postgres>,
    tally: Tally,
}

/// Runs the steps the arguments ask for.
///
/// # Errors
/// The name of the step that failed, and why.
pub fn run(args: &[String]) -> Result<(), String> {
    let Some(names) = chosen(args)? else {
        for step in STEPS {
            let by_default = if DEFAULT_STEPS.contains(&step.name) { ' ' } else { '-' };
            println!("{by_default} {:<10} {}", step.name, step.about);
        }
        println!("\n- only when asked for by --only");
        return Ok(());
    };
    let started = now();
    let mut run = Run::default();
    let mut times: Vec<(&str, Duration)> = Vec::new();
    let mut failure = None;
    for step in &names {
        heading(step.name, step.about);
        let began = now();
        let done = (step.run)(&mut run);
        times.push((step.name, began.elapsed()));
        if let Err(why) = done {
            failure = Some((step.name, why));
            break;
        }
    }
    drop(run.postgres.take());

    heading("summary", "");
    for (n, (name, time)) in times.iter().enumerate() {
        let failed = failure.is_some() && n + 1 == times.len();
        println!("{:<10} {:>8.1} s  {}", name, time.as_secs_f64(), if failed { "FAILED" } else { "ok" });
    }
    for step in names.iter().skip(times.len()) {
        println!("{:<10} {:>8}    not run", step.name, "-");
    }
    for skipped in &run.tally.skipped {
        println!("{skipped}");
    }
    if let Some((name, why)) = &failure {
        println!("step `{name}` failed: {why}");
    }
    println!("{}", run.tally.closing(failure.is_none(), started.elapsed().as_secs_f64()));
    let _ = std::io::stdout().flush();
    failure.map_or(Ok(()), |(name, _)| Err(format!("step `{name}` failed, see above")))
}

/// The steps the arguments ask for, in order; `None` for a mere listing. Whoever asks for a step that wants a database and has
/// none gets it started first.
fn chosen(args: &[String]) -> Result<Option<Vec<&'static Step>>, String> {
    let mut words = args.iter().map(String::as_str);
    let mut names: Vec<&str> = DEFAULT_STEPS.to_vec();
    while let Some(word) = words.next() {
        match word {
            "--list" => return Ok(None),
            "--quick" => names = QUICK_STEPS.to_vec(),
            "--only" => names = words.next().ok_or("--only wants the names of steps")?.split(',').collect(),
            other => match other.strip_prefix("--only=") {
                Some(list) => names = list.split(',').collect(),
                None => return Err(format!("`{other}` is neither --quick, --only nor --list")),
            },
        }
    }
    let find = |name: &str| STEPS.iter().find(|step| step.name == name);
    let mut steps = Vec::new();
    for name in names {
        let step = find(name).ok_or_else(|| {
            format!("no step `{name}`; there are {}", STEPS.iter().map(|step| step.name).collect::<Vec<_>>().join(", "))
        })?;
        steps.push(step);
    }
    let first = steps.iter().position(|step| step.wants_postgres);
    let started_before = |at: usize| steps.iter().take(at).any(|step| step.name == "postgres");
    if let (Some(first), Some(postgres)) = (first, find("postgres"))
        && !started_before(first)
    {
        steps.insert(first, postgres);
    }
    Ok(Some(steps))
}

impl Run {
    fn postgres(&mut self) -> Result<(), String> {
        if self.postgres.is_some() {
            return Ok(());
        }
        if std::env::var_os(POSTGRES_ENV).is_some() {
            println!("{POSTGRES_ENV} is set: that server is used and none is started");
            return Ok(());
        }
        self.postgres = Some(Postgres::start()?);
        Ok(())
    }

    /// The command with what this run provides.
    fn provided(&self, mut command: Command) -> Command {
        if let Some(postgres) = &self.postgres {
            command.env(POSTGRES_ENV, &postgres.url);
        }
        if let Some(chromium) = provision::chromium() {
            command.env(CHROMIUM_ENV, chromium);
        }
        command
    }

    fn cargo(&self, args: &[&str]) -> Result<(), String> {
        cmd::run(&mut self.provided(cmd::cargo(args)))
    }

    /// The simulation as the step `build` left it. Built once for all: another selection of packages would unify their features
    /// differently and build the dependencies anew.
    fn each(&mut self, runs: &[&[&str]]) -> Result<(), String> {
        runs.iter().try_for_each(|args| {
            let mut command = Command::new(cmd::target_dir().join("release").join("ringback-sim"));
            command.args(*args).current_dir(cmd::root());
            cmd::run(&mut self.provided(command))
        })
    }

    fn deny(&mut self) -> Result<(), String> {
        if cmd::on_path(&["cargo-deny"]).is_none() {
            self.skip("cargo-deny is not installed (`cargo install cargo-deny`): dependencies were not checked");
            return Ok(());
        }
        self.cargo(&["deny", "--workspace", "check"])
    }

    fn skip(&mut self, why: &str) {
        let line = format!("{SKIPPED}: {why}");
        println!("{line}");
        self.tally.skipped.push(line);
    }

    /// `cargo test`, read along for the sums and for tests that skipped themselves.
    fn test(&mut self) -> Result<(), String> {
        let args = ["test", "--workspace", "--no-fail-fast", "--", "--show-output"];
        let mut command = self.provided(cmd::cargo(&args));
        let said = cmd::spoken(&command);
        println!("$ {said}");
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(|e| format!("`{said}` did not start: {e}"))?;
        if let Some(stdout) = child.stdout.take() {
            let mut reader = BufReader::new(stdout);
            let mut line = Vec::new();
            // By bytes: a test may print what is no text.
            while reader.read_until(b'\n', &mut line).map_err(|e| format!("`{said}`: {e}"))? > 0 {
                let text = String::from_utf8_lossy(&line);
                if self.tally.line(text.trim_end()) {
                    print!("{text}");
                }
                line.clear();
            }
        }
        let status = child.wait().map_err(|e| format!("`{said}`: {e}"))?;
        println!("all test binaries: {}", self.tally);
        if status.success() { Ok(()) } else { Err(format!("`{said}` ended with {status}")) }
    }
}

fn evaluate() -> Result<(), String> {
    match eval::run(&[]) {
        0 => Ok(()),
        code => Err(format!("the evaluation ended with {code}")),
    }
}

fn heading(name: &str, about: &str) {
    println!("\n=== {name} {}", if about.is_empty() { String::new() } else { format!("({about})") });
    let _ = std::io::stdout().flush();
}

#[expect(clippy::disallowed_methods, reason = "a developer's tool times its own steps; nothing decides by it")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(args: &[&str]) -> Result<Vec<&'static str>, String> {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        Ok(chosen(&args)?.unwrap_or_default().iter().map(|step| step.name).collect())
    }

    #[test]
    fn every_listed_step_exists_and_a_database_comes_before_who_wants_it() {
        assert_eq!(names(&[]).unwrap(), DEFAULT_STEPS);
        assert_eq!(names(&["--quick"]).unwrap(), QUICK_STEPS);
        assert_eq!(names(&["--only", "fmt,sim"]).unwrap(), ["fmt", "postgres", "sim"]);
        assert_eq!(names(&["--only=postgres,test"]).unwrap(), ["postgres", "test"]);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        assert!(names(&["--only", "tests"]).unwrap_err().contains("no step `tests`"));
        assert!(names(&["--fast"]).is_err());
        assert!(names(&["--only"]).is_err());
    }
}
