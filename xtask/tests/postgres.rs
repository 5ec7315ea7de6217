//! The server of the tests: it answers, runs unprivileged, and is gone afterwards, even when whoever started it was killed.
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use xtask::provision;
use xtask::tally::SKIPPED;

/// Says the URL, then waits for the end of its input.
const SAY_AND_WAIT: &str = "echo URL $RINGBACK_TEST_POSTGRES; cat >/dev/null";

fn start() -> Option<(Child, String)> {
    if provision::postgres_bin().is_none() {
        println!("{SKIPPED}: no PostgreSQL 15 or newer here");
        return None;
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["with-postgres", "sh", "-c", SAY_AND_WAIT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let stdout = BufReader::new(child.stdout.take()?);
    let url = stdout.lines().map_while(Result::ok).find_map(|line| line.strip_prefix("URL ").map(str::to_owned))?;
    Some((child, url))
}

/// `127.0.0.1:40123` of `postgres://user:password@127.0.0.1:40123/postgres`.
fn address(url: &str) -> &str {
    url.split('@').nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default()
}

/// The second process holds our end of the pipe too: the end of the output is the end of everything.
fn wait_for_the_end(child: &mut Child) -> String {
    let mut said = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        let _ = stderr.read_to_string(&mut said);
    }
    let _ = child.wait();
    said
}

#[test]
fn it_is_there_while_the_command_runs_and_gone_afterwards() {
    let Some((mut child, url)) = start() else { return };
    assert!(TcpStream::connect(address(&url)).is_ok(), "{url}");
    drop(child.stdin.take());
    let said = wait_for_the_end(&mut child);
    assert!(TcpStream::connect(address(&url)).is_err(), "still there; {said}");
}

#[test]
fn it_is_gone_when_whoever_started_it_was_killed() {
    let Some((mut child, url)) = start() else { return };
    assert!(TcpStream::connect(address(&url)).is_ok(), "{url}");
    child.kill().unwrap();
    drop(child.stdin.take());
    let said = wait_for_the_end(&mut child);
    assert!(TcpStream::connect(address(&url)).is_err(), "still there; {said}");
}
