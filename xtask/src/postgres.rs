//! A PostgreSQL of our own for the tests: fresh, on a free port, as an unprivileged user, and gone afterwards.
//!
//! *Gone afterwards* must hold when this program is interrupted or killed too. A small second process therefore holds the
//! reading end of a pipe; when the pipe closes, for whatever reason, it stops the server and removes its files.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::{cmd, provision};

/// The command word of the second process.
pub const GUARD: &str = "postgres-guard";

/// Where tests find the server. Set from outside, it is used as it is and none is started.
pub const ENV: &str = "RINGBACK_TEST_POSTGRES";

/// The user of the database, its superuser, so that tests may make databases of their own.
const USER: &str = "ringback";

/// A running server; dropping it stops it and removes its files.
#[derive(Debug)]
pub struct Postgres {
    /// For `RINGBACK_TEST_POSTGRES`.
    pub url: String,
    guard: Child,
}

/// Who runs the server: PostgreSQL refuses to run as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Account {
    uid: u32,
    gid: u32,
}

/// Everything needed to start and to stop.
#[derive(Debug)]
struct Place {
    bin: PathBuf,
    /// Holds `data` and the log.
    dir: PathBuf,
    /// Holds the socket; apart, because a socket's path may have 107 bytes at most.
    socket_dir: PathBuf,
    account: Option<Account>,
}

impl Postgres {
    /// Makes a cluster, starts it and waits until it answers.
    ///
    /// # Errors
    /// What PostgreSQL said, when it cannot be made or started.
    pub fn start() -> Result<Postgres, String> {
        let (bin, major) =
            provision::postgres_bin().ok_or("no PostgreSQL 15 or newer here; `cargo xtask provision` installs it")?;
        let account = if cmd::is_root() { Some(unprivileged()?) } else { None };
        let pid = std::process::id();
        let socket_dir = std::env::temp_dir().join(format!("rb-pg-{pid}"));
        let dir = make(&cmd::target_dir().join("xtask").join(format!("pg-{pid}")), account)
            .or_else(|_| make(&std::env::temp_dir().join(format!("rb-pg-data-{pid}")), account))?;
        let place = Place { bin, dir, socket_dir, account };
        make(&place.socket_dir, account)?;

        let guard = place.spawn_guard()?;
        // From here on the guard cleans up, whatever happens.
        let mut server = Postgres { url: String::new(), guard };
        let password = random_hex()?;
        place.initdb(&password)?;
        let port = place.pg_ctl_start()?;
        server.url = format!("postgres://{USER}:{password}@127.0.0.1:{port}/postgres");
        println!("PostgreSQL {major} on 127.0.0.1:{port}, files in {}", place.dir.display());
        Ok(server)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        if let Err(e) = self.guard.wait() {
            eprintln!("the process that stops PostgreSQL could not be waited for: {e}");
        }
    }
}

/// Runs a command with a server of its own, its URL in [`ENV`].
///
/// # Errors
/// When the server did not start or the command failed.
pub fn with(command: &[String]) -> Result<(), String> {
    let (program, args) = command.split_first().ok_or("which command?")?;
    let server = Postgres::start()?;
    cmd::run(Command::new(program).args(args).env(ENV, &server.url))
}

impl Place {
    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin.join(name));
        // Not the directory we stand in: the unprivileged user may have no right to it.
        command.current_dir(&self.dir).stdin(Stdio::null());
        if let Some(account) = self.account {
            command.uid(account.uid).gid(account.gid);
        }
        command
    }

    fn initdb(&self, password: &str) -> Result<(), String> {
        let file = self.dir.join("password");
        fs::write(&file, password).map_err(|e| format!("{}: {e}", file.display()))?;
        give(&file, self.account, 0o600)?;
        cmd::output(
            self.program("initdb")
                .arg("--pgdata")
                .arg(self.data())
                .args(["--username", USER, "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync"])
                .arg("--pwfile")
                .arg(&file),
        )?;
        fs::remove_file(&file).map_err(|e| format!("{}: {e}", file.display()))
    }

    /// Starts on a free port and waits until the server answers; hands back the port.
    fn pg_ctl_start(&self) -> Result<u16, String> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|e| format!("no free port on 127.0.0.1: {e}"))?;
        let port = listener.local_addr().map_err(|e| format!("no free port on 127.0.0.1: {e}"))?.port();
        drop(listener);
        // No fsync: these tests kill our own processes, never the database's machine. The proof that un-synced writes are
        // noticed is the SQLite suite's.
        let settings = format!(
            "-p {port} -k {} -c listen_addresses=127.0.0.1 -c max_connections=200 -c shared_buffers=256MB -c fsync=off \
             -c full_page_writes=off",
            self.socket_dir.display()
        );
        let log = self.dir.join("log");
        let started = cmd::output(
            self.program("pg_ctl")
                .args(["start", "--wait", "--timeout", "60", "--pgdata"])
                .arg(self.data())
                .arg("--log")
                .arg(&log)
                .args(["--options", &settings])
                .stdout(Stdio::null()),
        );
        match started {
            Ok(_) => Ok(port),
            Err(why) => Err(format!("{why}\n{}", fs::read_to_string(&log).unwrap_or_default().trim_end())),
        }
    }

    /// A process in a group of its own, so that an interrupt from the terminal does not reach it.
    fn spawn_guard(&self) -> Result<Child, String> {
        let this = std::env::current_exe().map_err(|e| format!("where is this program? {e}"))?;
        let mut command = Command::new(this);
        command.arg(GUARD).arg(&self.bin).arg(&self.dir).arg(&self.socket_dir);
        if let Some(account) = self.account {
            command.arg(account.uid.to_string()).arg(account.gid.to_string());
        }
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|e| format!("the process that stops PostgreSQL did not start: {e}"))
    }
}

/// The second process: waits until nobody holds the pipe any more, then stops the server and removes its files.
///
/// # Errors
/// When called with anything but what [`Postgres::start`] gives.
pub fn guard(args: &[String]) -> Result<(), String> {
    let (place, account) = match args {
        [bin, dir, socket_dir] => ([bin, dir, socket_dir], None),
        [bin, dir, socket_dir, uid, gid] => {
            let number = |text: &String| text.parse::<u32>().map_err(|e| format!("`{text}`: {e}"));
            ([bin, dir, socket_dir], Some(Account { uid: number(uid)?, gid: number(gid)? }))
        }
        _ => return Err("only xtask itself calls this".into()),
    };
    let [bin, dir, socket_dir] = place.map(PathBuf::from);
    let place = Place { bin, dir, socket_dir, account };
    let mut rest = Vec::new();
    // An error reads like the end: in both cases nobody needs the server any more.
    let _ = std::io::stdin().read_to_end(&mut rest);
    if place.data().join("postmaster.pid").exists() {
        let stopped = cmd::output(
            place.program("pg_ctl").args(["stop", "--wait", "--mode", "immediate", "--pgdata"]).arg(place.data()),
        );
        if let Err(why) = stopped {
            let _ = writeln!(std::io::stderr(), "PostgreSQL was not stopped: {why}");
        }
    }
    for dir in [&place.dir, &place.socket_dir] {
        fs::remove_dir_all(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    }
    Ok(())
}

/// Whom root becomes: `postgres` where the package made one, else `nobody`.
fn unprivileged() -> Result<Account, String> {
    let passwd = fs::read_to_string("/etc/passwd").map_err(|e| format!("/etc/passwd: {e}"))?;
    ["postgres", "nobody"]
        .iter()
        .find_map(|name| account(&passwd, name))
        .ok_or_else(|| "PostgreSQL refuses to run as root, and /etc/passwd knows neither postgres nor nobody".into())
}

fn account(passwd: &str, name: &str) -> Option<Account> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some(Account { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
}

/// An empty directory that the account owns and can reach.
fn make(dir: &Path, account: Option<Account>) -> Result<PathBuf, String> {
    let failed = |e: std::io::Error| format!("{}: {e}", dir.display());
    if dir.exists() {
        fs::remove_dir_all(dir).map_err(failed)?;
    }
    fs::create_dir_all(dir).map_err(failed)?;
    give(dir, account, 0o700)?;
    if let Some(Account { uid, gid }) = account {
        // A checkout below somebody's private home cannot be reached, whoever owns the last directory.
        let reached = Command::new("test").arg("-w").arg(dir).current_dir("/").uid(uid).gid(gid).status();
        if !reached.is_ok_and(|status| status.success()) {
            fs::remove_dir_all(dir).map_err(failed)?;
            return Err(format!("{}: user {uid} cannot reach it", dir.display()));
        }
    }
    Ok(dir.to_path_buf())
}

fn give(path: &Path, account: Option<Account>, mode: u32) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("{}: {e}", path.display());
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(failed)?;
    match account {
        Some(Account { uid, gid }) => chown(path, Some(uid), Some(gid)).map_err(failed),
        None => Ok(()),
    }
}

/// A password nobody else on this machine knows: a superuser who can be reached by TCP can run programs.
fn random_hex() -> Result<String, String> {
    let mut bytes = [0_u8; 16];
    fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|e| format!("/dev/urandom: {e}"))?;
    Ok(bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_from_passwd() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65533:nobody:/:/usr/sbin/nologin\n";
        assert_eq!(account(passwd, "nobody"), Some(Account { uid: 65534, gid: 65533 }));
        assert_eq!(account(passwd, "postgres"), None);
    }
}
