//! Reading the machine: time, processor, memory, disk; and the arithmetic of runs.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Clock ticks per second in `/proc`: `USER_HZ`, which Linux fixes at 100 for programs on every architecture that Rust supports here.
const TICKS_PER_SECOND: f64 = 100.0;

/// A stopwatch.
pub(crate) struct Watch(Instant);

impl Watch {
    #[expect(clippy::disallowed_methods, reason = "measuring time is what this program is for")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// Processor seconds of this process so far, user and system. Linux only.
pub(crate) fn cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").context("/proc is needed")?;
    // The name in parentheses may hold anything; utime and stime are fields 14 and 15, the state after the name being field 3.
    let after_name = stat.rsplit_once(')').context("/proc/self/stat has another form")?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |n: usize| fields.get(n).and_then(|f| f.parse::<f64>().ok()).context("/proc/self/stat is too short");
    Ok((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}

/// Resident memory of a process in bytes.
pub(crate) fn resident_bytes(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("/proc is needed")?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024)
}

/// Bytes of a database file and what SQLite keeps beside it.
pub(crate) fn database_bytes(directory: &Path) -> u64 {
    let size = |name: &str| std::fs::metadata(directory.join(name)).map_or(0, |m| m.len());
    size("ringback.db") + size("ringback.db-wal")
}

/// The middle value.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A figure of every run.
pub(crate) fn of_runs(runs: &[Value], name: &str) -> Vec<f64> {
    runs.iter().filter_map(|run| run.get(name).and_then(Value::as_f64)).collect()
}

/// To two places, for reading.
pub(crate) fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// An empty directory for one run beside the program, on a real disk: a file system in memory would measure nothing.
pub(crate) fn fresh_directory(name: &str) -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let build = program.parent().and_then(Path::parent).context("the program stands nowhere")?;
    let directory = build.join("bench").join(format!("{name}-{}", std::process::id()));
    if directory.exists() {
        std::fs::remove_dir_all(&directory)?;
    }
    std::fs::create_dir_all(&directory)?;
    let kind = file_system(&directory)?;
    if matches!(kind.as_str(), "tmpfs" | "ramfs") {
        bail!("{} is in memory ({kind}); build on a disk", directory.display());
    }
    Ok(directory)
}

fn file_system(directory: &Path) -> Result<String> {
    let directory = directory.canonicalize()?;
    let mounts = std::fs::read_to_string("/proc/mounts").context("/proc is needed")?;
    let mut best = (0, String::from("unknown"));
    for mount in mounts.lines() {
        let mut fields = mount.split_whitespace();
        let (Some(_), Some(place), Some(kind)) = (fields.next(), fields.next(), fields.next()) else { continue };
        if directory.starts_with(place) && place.len() >= best.0 {
            best = (place.len(), kind.to_owned());
        }
    }
    Ok(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_median_is_the_middle_run() {
        assert!((median(vec![9.0, 1.0, 5.0, 7.0, 3.0]) - 5.0).abs() < f64::EPSILON);
        assert!(median(Vec::new()).is_nan());
        assert_eq!(of_runs(&[json!({ "ours": 2 }), json!({ "ours": 3.5 }), json!({})], "ours"), [2.0, 3.5]);
    }

    #[test]
    fn the_machine_can_be_read() {
        assert!(cpu_seconds().unwrap() >= 0.0);
        assert!(resident_bytes(std::process::id()).unwrap() > 100_000);
        assert_eq!(file_system(Path::new("/proc")).unwrap(), "proc");
    }
}
