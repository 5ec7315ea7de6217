//! What the tests need beside Rust: PostgreSQL and a Chromium. Used as found; installed by apt when missing.

use std::path::PathBuf;
use std::process::Command;

use crate::cmd;

/// The oldest PostgreSQL the store supports.
pub const POSTGRES_MAJOR_MIN: u32 = 15;

/// Chromium under the names distributions give it; any of them renders the same pages.
const CHROMIUM_NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"];

/// Finds or installs everything. Says what it found.
///
/// # Errors
/// When apt is missing or refused, or what it installed is too old, with what to do about it.
pub fn run() -> Result<(), String> {
    for (component, probe) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        cmd::output(&mut cmd::cargo(&[probe, "--version"]))
            .map_err(|why| format!("{component} is missing (`rustup component add {component}`): {why}"))?;
    }
    let mut packages = Vec::new();
    if postgres_bin().is_none() {
        packages.push("postgresql");
    }
    if chromium().is_none() {
        // Without a font of its own a headless machine paints empty boxes, and screenshots show nothing.
        packages.extend(["chromium", "fonts-liberation"]);
    }
    if !packages.is_empty() {
        println!("missing, to be installed by apt: {}", packages.join(", "));
        apt(&["update"])?;
        let mut install = vec!["install", "-y", "--no-install-recommends"];
        install.extend(&packages);
        apt(&install)?;
    }
    let (bin, major) = postgres_bin().ok_or_else(|| {
        format!("no PostgreSQL {POSTGRES_MAJOR_MIN} or newer, and apt did not bring one; install it and run again")
    })?;
    println!("PostgreSQL {major} in {}", bin.display());
    let chromium = chromium().ok_or(
        "no Chromium, and apt did not bring one; install it, or name its program in RINGBACK_CHROMIUM, and run again",
    )?;
    println!("Chromium at {}", chromium.display());
    Ok(())
}

/// `apt-get …`, through sudo unless we are root.
fn apt(args: &[&str]) -> Result<(), String> {
    let apt = cmd::on_path(&["apt-get"]).ok_or(
        "this machine has no apt-get; install PostgreSQL 15 or newer and Chromium by its own means, then run again",
    )?;
    let mut command = if cmd::is_root() {
        Command::new(apt)
    } else {
        let sudo = cmd::on_path(&["sudo"])
            .ok_or("neither root nor sudo: PostgreSQL and Chromium must be installed beforehand")?;
        let mut command = Command::new(sudo);
        command.arg("--preserve-env=DEBIAN_FRONTEND").arg(apt);
        command
    };
    cmd::run(command.args(args).env("DEBIAN_FRONTEND", "noninteractive"))
}

/// The directory of the newest PostgreSQL server programs that is new enough, and its major version.
///
/// Debian keeps them off the search path, one directory per major version; others put them on it.
pub fn postgres_bin() -> Option<(PathBuf, u32)> {
    let mut dirs: Vec<PathBuf> = Vec::new();
    for parent in ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"] {
        dirs.extend(std::fs::read_dir(parent).into_iter().flatten().flatten().map(|entry| entry.path().join("bin")));
    }
    dirs.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    dirs.into_iter()
        .filter(|dir| ["initdb", "pg_ctl", "postgres"].iter().all(|program| dir.join(program).is_file()))
        .filter_map(|dir| {
            let said = cmd::output(Command::new(dir.join("postgres")).arg("--version")).ok()?;
            Some((dir, major(&said)?))
        })
        .filter(|(_, major)| *major >= POSTGRES_MAJOR_MIN)
        .max_by_key(|(_, major)| *major)
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` → 15; also `17beta1`.
fn major(said: &str) -> Option<u32> {
    let version = said.split_once("(PostgreSQL)")?.1.trim_start();
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// The browser of the page tests: `RINGBACK_CHROMIUM`, else the first found.
pub fn chromium() -> Option<PathBuf> {
    match std::env::var_os("RINGBACK_CHROMIUM") {
        Some(named) => Some(PathBuf::from(named)).filter(|file| file.is_file()),
        None => cmd::on_path(CHROMIUM_NAMES),
    }
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn versions_as_the_server_prints_them() {
        assert_eq!(major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 17beta1"), Some(17));
        assert_eq!(major("9.6"), None);
    }
}
