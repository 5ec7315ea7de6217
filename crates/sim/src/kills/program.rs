//! The program itself: a directory with settings, commands run in it, and `serve` started and killed.

use super::caller::{LINE, raw};
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// What CallRail signs with.
pub(super) const SIGNING_KEY: &str = "kills-signing-key";
/// What the CRM accepts.
pub(super) const TOKEN: &str = "pat-kills";
/// A start takes so long at most.
const START_MAX: Duration = Duration::from_mins(1);

/// The program in its directory.
pub(super) struct Program {
    path: PathBuf,
    directory: PathBuf,
    store_url: Option<String>,
}

/// A program that listens.
pub(super) struct Life {
    pub(super) process: Child,
    pub(super) address: String,
}

impl Program {
    /// Writes settings as a user would, and connects the CRM.
    pub(super) async fn prepare(path: &Path, directory: &Path, crm_url: &str, store_url: Option<&str>) -> Result<Self> {
        ensure!(path.is_file(), "{} is not there: build the workspace first", path.display());
        let program = Self { path: path.into(), directory: directory.into(), store_url: store_url.map(str::to_owned) };
        let made = program.command(&["init"]).output().await?;
        ensure!(made.status.success(), "init: {}", String::from_utf8_lossy(&made.stderr));
        tokio::fs::write(directory.join("ringback.toml"), settings(crm_url)).await?;
        let connected = program.json(&["connect", "hubspot-main", "--json"]).await?;
        ensure!(connected["problems"].as_array().is_none_or(Vec::is_empty), "connect: {connected}");
        Ok(program)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command.args(arguments).current_dir(&self.directory).stdin(Stdio::null()).kill_on_drop(true);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("RINGBACK_") {
                command.env_remove(name);
            }
        }
        if let Some(url) = &self.store_url {
            command.env("RINGBACK_STORE_URL", url);
        }
        command
    }

    /// The one JSON value that a command prints.
    pub(super) async fn json(&self, arguments: &[&str]) -> Result<Value> {
        let output = self.command(arguments).output().await?;
        let errors = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).with_context(|| format!("{arguments:?} said no JSON: {errors}"))
    }

    /// Starts it and waits until it says where it listens.
    pub(super) async fn start(&self) -> Result<Life> {
        let mut process = self.serve()?;
        let mut lines = BufReader::new(process.stderr.take().context("no standard error")?).lines();
        let address = async {
            let mut said = Vec::new();
            while let Some(line) = lines.next_line().await? {
                match serde_json::from_str::<Value>(&line) {
                    Ok(told) if told["listening"].is_string() => {
                        return Ok(told["listening"].as_str().unwrap_or_default().to_owned());
                    }
                    _ => said.push(line),
                }
            }
            bail!("it ended before it listened: {}", said.join("\n"))
        };
        let address = tokio::time::timeout(START_MAX, address).await.context("it does not start")??;
        // Read on, so that the program never waits for somebody to listen.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Life { process, address })
    }

    /// Starts it and kills it so soon that it may not have come to listen.
    pub(super) async fn start_and_kill(&self, after: Duration) -> Result<()> {
        let mut process = self.serve()?;
        super::pause(after).await;
        process.kill().await?;
        Ok(())
    }

    fn serve(&self) -> Result<Child> {
        let mut command = self.command(&["serve", "--json"]);
        Ok(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?)
    }
}

/// Signals that are not folded and effects that are neither done nor given up, as its own figures tell.
pub(super) async fn waiting(address: &str) -> Result<u64> {
    let request = format!("GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    let told = raw(address, request.as_bytes()).await?;
    ensure!(told.contains("ringback_lane_unsettled{"), "no figures: {told}");
    let counts = |line: &&str| {
        line.starts_with("ringback_lane_unsettled{")
            || (line.starts_with("ringback_signals{") && line.contains("state=\"stored\""))
    };
    Ok(told.lines().filter(counts).filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum())
}

fn settings(crm_url: &str) -> String {
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
public_url = "http://calls.test"

[http]
allow_private_addresses = true

[[account]]
slug = "main"
name = "Lakeview Plumbing"
contract = "contract.toml"

[[account.location]]
slug = "north"
name = "North"
zone = "America/Chicago"
hours = {{ mon = ["08:00-17:00"], tue = ["08:00-17:00"], wed = ["08:00-17:00"], thu = ["08:00-17:00"], fri = ["08:00-17:00"] }}

[[account.line]]
number = "{LINE}"
location = "north"

[[account.staff]]
slug = "dana"
name = "Dana"
tier = 1

[[account.staff]]
slug = "lee"
name = "Lee"
tier = 2

[[account.staff]]
slug = "sam"
name = "Sam"
tier = 3

[[account.connection]]
name = "hubspot-main"
vendor = "hubspot"
base_url = "{crm_url}"
secret = {{ text = "{TOKEN}" }}
settings = {{ burst_requests = "0", search_per_second = "0" }}

[[account.connection]]
name = "callrail-main"
vendor = "callrail"
secret = {{ text = "{SIGNING_KEY}" }}
"#
    )
}
