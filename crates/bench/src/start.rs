//! `start`: what the real program needs while nothing happens, and how soon after its start a webhook is on disk.
//!
//! The database exists and holds calls; the program was killed, not stopped, so that it also has a log to recover. Time runs from the start of
//! the process to the first acknowledged webhook, the program's own settings, migration check and sign-in set-up included.

use crate::figures::{Watch, fresh_directory, median, of_runs, resident_bytes, round};
use crate::house::{CRM_TOKEN, LINE, SIGNING_KEY};
use crate::loader;
use crate::part::{Process, number};
use anyhow::{Context, Result, bail, ensure};
use ringback_engine::clock::{Clock as _, SystemClock};
use ringback_engine::keyring::Keyring;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

/// So long the program rests before its memory counts as idle.
const IDLE: Duration = Duration::from_secs(3);
/// A program that takes longer than this to answer has failed.
const ANSWER_SECONDS_MAX: f64 = 60.0;
/// How often the start is tried.
const STEP: Duration = Duration::from_millis(1);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Starts; the median counts
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Calls in the database beforehand
    #[arg(long, default_value_t = 1_000)]
    calls: usize,
    /// The program; else `ringback` beside this one
    #[arg(long)]
    program: Option<PathBuf>,
}

/// Measures and prints.
pub(crate) async fn run(args: &Args) -> Result<()> {
    let program = program(args)?;
    let directory = fresh_directory("start")?;
    let port = free_port().await?;
    settings(&directory, port)?;
    let (mut first, hook) = first_start(&program, &directory).await?;
    let database = fill(args, &hook, port, first.id()).await?;
    first.kill().await?;
    let mut runs = Vec::new();
    for n in 0..args.runs {
        let run = one_start(&program, &directory, &hook, port, n).await?;
        eprintln!("run {}: {run}", n + 1);
        runs.push(run);
    }
    std::fs::remove_dir_all(&directory)?;
    let figures = json!({
        "bench": "start", "first_acknowledged_ms": round(median(of_runs(&runs, "first_acknowledged_ms"))),
        "idle_resident_mib": round(median(of_runs(&runs, "idle_resident_mib"))),
        "resident_after_load_mib": database, "calls": args.calls, "runs": runs,
        "limit_first_acknowledged_ms": 300, "limit_idle_resident_mib": 40,
    });
    println!("{figures}");
    Ok(())
}

fn program(args: &Args) -> Result<PathBuf> {
    let program = match &args.program {
        Some(program) => program.clone(),
        None => std::env::current_exe()?.with_file_name("ringback"),
    };
    ensure!(program.exists(), "{} is not there: build it first with `cargo build --release`", program.display());
    Ok(program)
}

async fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port())
}

fn settings(directory: &Path, port: u16) -> Result<()> {
    let text = format!(
        r#"
[server]
listen = "127.0.0.1:{port}"
public_url = "http://127.0.0.1:{port}"
console_url = "http://127.0.0.1:{port}"

[http]
allow_private_addresses = true

[[account]]
slug = "bench"
name = "Bench"

[[account.location]]
slug = "main"
name = "Main office"
zone = "America/Chicago"
region = "US"
locale = "en-US"
currency = "USD"
hours = {{ mon = ["08:00-17:00"], tue = ["08:00-17:00"], wed = ["08:00-17:00"], thu = ["08:00-17:00"], fri = ["08:00-17:00"] }}

[[account.line]]
number = "{LINE}"
location = "main"

[[account.staff]]
slug = "front-desk"
name = "Front desk"
tier = 1

[[account.staff]]
slug = "manager"
name = "Manager on call"
tier = 2

[[account.staff]]
slug = "owner"
name = "Owner"
tier = 3

[[account.connection]]
name = "hubspot-main"
vendor = "hubspot"
base_url = "http://127.0.0.1:9"
secret = {{ text = "{CRM_TOKEN}" }}

[[account.connection]]
name = "callrail-main"
vendor = "callrail"
secret = {{ text = "{SIGNING_KEY}" }}
"#
    );
    std::fs::write(directory.join("ringback.toml"), text)?;
    let key = directory.join("ringback.key");
    std::fs::write(&key, Keyring::generate([7; 32]).to_text())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

fn serve(program: &Path, directory: &Path) -> Result<Child> {
    let log = std::fs::File::create(directory.join("serve.log"))?;
    Command::new(program)
        .args(["--json", "--config", "ringback.toml", "serve"])
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))
}

/// Starts on no database and waits until the program says where its hooks are; gives the path of CallRail's post-call hook.
async fn first_start(program: &Path, directory: &Path) -> Result<(Child, String)> {
    let mut child = serve(program, directory)?;
    let watch = Watch::start();
    loop {
        let log = std::fs::read_to_string(directory.join("serve.log"))?;
        let told = log.lines().find_map(|l| serde_json::from_str::<Value>(l).ok().filter(|v| v.get("hooks").is_some()));
        if let Some(told) = told {
            let hooks = told["hooks"].as_array().cloned().unwrap_or_default();
            let url = hooks.iter().find_map(|h| h["url"].as_str().filter(|u| u.ends_with("/post-call")));
            let url = url.with_context(|| format!("no hook for post-call: {told}"))?;
            let path = url.find("/hooks/").and_then(|at| url.get(at..)).context("a hook without a path")?;
            return Ok((child, path.to_owned()));
        }
        if child.try_wait()?.is_some() || watch.seconds() > ANSWER_SECONDS_MAX {
            bail!("the program did not start: {log}");
        }
        SystemClock.sleep(Duration::from_millis(20)).await;
    }
}

/// Sends the calls that the database holds later; gives the memory afterwards, in MiB.
async fn fill(args: &Args, hook: &str, port: u16, pid: Option<u32>) -> Result<f64> {
    let (mut loader, _) = Process::start(&["loader", "--path", hook]).await?;
    let started_at = SystemClock.now().to_string();
    loader.ask(&json!({ "do": "prepare", "run": 0, "requests": args.calls, "started_at": started_at })).await?;
    let order =
        json!({ "do": "run", "address": format!("127.0.0.1:{port}"), "connections": 32.min(args.calls.max(1)) });
    let taken = loader.ask(&order).await?;
    ensure!(number(&taken, "accepted")? as usize == args.calls, "calls were refused: {taken}");
    loader.end().await?;
    // The workers fold meanwhile; what is left of it at the kill is part of what the next start finds.
    SystemClock.sleep(IDLE).await;
    mebibytes(pid)
}

fn mebibytes(pid: Option<u32>) -> Result<f64> {
    let bytes = resident_bytes(pid.context("the program has ended")?)?;
    Ok(round(bytes as f64 / (1024.0 * 1024.0)))
}

async fn one_start(program: &Path, directory: &Path, hook: &str, port: u16, n: usize) -> Result<Value> {
    let started_at = SystemClock.now().to_string();
    let request = loader::request(hook, &loader::body(1, n, &started_at));
    let watch = Watch::start();
    let mut child = serve(program, directory)?;
    let status = loop {
        if let Ok(status) = ask(port, &request).await {
            break status;
        }
        ensure!(watch.seconds() < ANSWER_SECONDS_MAX, "the program does not answer");
        SystemClock.sleep(STEP).await;
    };
    let seconds = watch.seconds();
    ensure!(status == 200, "the webhook was answered with {status}");
    SystemClock.sleep(IDLE).await;
    let resident = mebibytes(child.id())?;
    child.kill().await?;
    Ok(json!({ "first_acknowledged_ms": round(seconds * 1_000.0), "idle_resident_mib": resident }))
}

/// One webhook over a connection of its own; gives the status.
async fn ask(port: u16, request: &[u8]) -> Result<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(request).await?;
    let mut head = vec![0; 512];
    let read = stream.read(&mut head).await?;
    let head = String::from_utf8_lossy(head.get(..read).unwrap_or_default()).into_owned();
    head.get(9..12).and_then(|s| s.parse().ok()).context("an answer without a status")
}
