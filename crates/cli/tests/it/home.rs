//! A directory with settings, and the program run in it.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::{Arc, Mutex};

/// One account whose CRM answers nowhere; CallRail's key is `a-signing-key`.
pub(crate) const SETTINGS: &str = r#"
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
hours = { mon = ["08:00-17:00"], tue = ["08:00-17:00"] }

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
base_url = "http://127.0.0.1:9"
secret = { text = "nobody" }

[[account.connection]]
name = "callrail-main"
vendor = "callrail"
secret = { text = "a-signing-key" }
"#;

/// How often, and how many milliseconds apart, a test looks for what has to come: two minutes.
const LOOKS_MAX: usize = 600;
const LOOK_MS: u64 = 200;

/// A fresh directory.
pub(crate) struct Home(tempfile::TempDir);

impl Home {
    /// With nothing in it.
    pub(crate) fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// As `init` leaves it, with [`SETTINGS`].
    pub(crate) fn ready() -> Self {
        let home = Self::empty();
        assert!(home.run(&["init"]).status.success());
        home.write("ringback.toml", SETTINGS);
        home
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringback"));
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("RINGBACK_") {
                command.env_remove(name);
            }
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Exit code, stdout and stderr as one text, with this directory as `[home]`.
    pub(crate) fn shown(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = format!(
            "exit {}\n--- stdout\n{}--- stderr\n{}",
            output.status.code().unwrap(),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        text.replace(&self.path().display().to_string(), "[home]")
    }

    /// The one JSON value on stdout.
    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.run(arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}\n{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(&text).unwrap()
    }

    /// A token of the only account, or of the one named.
    pub(crate) fn token(&self, scope: &str, account: Option<&str>) -> String {
        let account = account.map_or_else(Vec::new, |slug| vec!["--account", slug]);
        let made = self.json(&[&["token", "add", "test", "--scope", scope, "--json"][..], &account].concat());
        made["token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn serve(&self) -> Served {
        Served::start(self.command(&["serve", "--json"]))
    }

    /// A simulated HubSpot whose token is `pat-twin`.
    pub(crate) fn twin(&self) -> Served {
        let tier = "contact.account_tier=text";
        Served::start(self.command(&["twin", "hubspot", "--listen", "127.0.0.1:0", "--property", tier, "--json"]))
    }

    /// The demonstration, watched, sixty times as fast as usual.
    pub(crate) fn demo(&self) -> Served {
        Served::start(self.command(&["demo", "--listen", "127.0.0.1:0", "--no-open", "--json", "--speed", "60"]))
    }

    /// A simulated HubSpot, set up, and the settings that lead to it with `more` after them.
    pub(crate) fn connected(&self, more: &str) -> Served {
        let twin = self.twin();
        self.connect(&twin, more);
        twin
    }

    /// Sets up that HubSpot, and the settings that lead to it with `more` after them.
    pub(crate) fn connect(&self, twin: &Served, more: &str) {
        let settings = SETTINGS.replace("127.0.0.1:9", &twin.address.to_string()).replace("nobody", "pat-twin");
        self.write("ringback.toml", &format!("{settings}\n{more}"));
        let connected = self.json(&["connect", "hubspot-main", "--json"]);
        assert!(connected["created"].to_string().contains("contact.rb_key"), "{connected}");
    }
}

/// The program before it listens; killed when dropped.
pub(crate) struct Starting {
    pub(crate) child: Owned,
    lines: BufReader<ChildStderr>,
    told: String,
}

impl Starting {
    pub(crate) fn new(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap());
        Self { child: Owned(child), lines, told: String::new() }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(self.lines.read_line(&mut line).unwrap(), 0, "it ended: {}", self.told);
        self.told.push_str(&line);
        line
    }

    /// Reads until a line holds that.
    pub(crate) fn says(&mut self, what: &str) -> String {
        loop {
            let line = self.line();
            if line.contains(what) {
                return line;
            }
        }
    }

    /// Reads until it says where it listens.
    pub(crate) fn listening(mut self) -> Served {
        loop {
            let line = self.line();
            let Ok(announced) = serde_json::from_str::<serde_json::Value>(&line) else { continue };
            let Some(address) = announced["listening"].as_str() else { continue };
            let address = address.parse().unwrap();
            let Self { child, mut lines, told } = self;
            let log = Arc::new(Mutex::new(told));
            let kept = log.clone();
            // The pipe is read on, so that the program never waits for this test to listen.
            std::thread::spawn(move || {
                let mut line = String::new();
                while lines.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
                    kept.lock().unwrap().push_str(&std::mem::take(&mut line));
                }
            });
            return Served { child, address, announced, log };
        }
    }
}

/// A process that ends with its owner.
pub(crate) struct Owned(Child);

impl std::ops::Deref for Owned {
    type Target = Child;
    fn deref(&self) -> &Child {
        &self.0
    }
}

impl std::ops::DerefMut for Owned {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// The running program; killed when dropped.
pub(crate) struct Served {
    pub(crate) child: Owned,
    pub(crate) address: SocketAddr,
    pub(crate) announced: serde_json::Value,
    log: Arc<Mutex<String>>,
}

impl Served {
    /// Starts it and reads until it says where it listens.
    pub(crate) fn start(command: Command) -> Self {
        Starting::new(command).listening()
    }

    /// What it wrote to stderr so far.
    pub(crate) fn said(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The records of one kind that a CRM twin holds.
    pub(crate) fn records(&self, kind: &str) -> Vec<serde_json::Value> {
        let (_, said) = self.ask("GET", &format!("/_twin/records?type={kind}"), &[], b"");
        let told: serde_json::Value = serde_json::from_str(&said).unwrap();
        told["records"].as_array().unwrap().clone()
    }

    /// What a property of a CRM twin's record holds now.
    pub(crate) fn holds(record: &serde_json::Value, property: &str) -> String {
        let last = record["history"][property].as_array().and_then(|versions| versions.last());
        last.and_then(|version| version["value"].as_str()).unwrap_or_default().to_owned()
    }

    /// Sends what a vendor's twin made, as the vendor would. The path is what follows the public URL.
    pub(crate) fn hook(&self, path: &str, hook: &ringback_twins::Hook) -> (u16, String) {
        let headers: Vec<(&str, &str)> = hook.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        self.ask("POST", path, &headers, &hook.body)
    }

    /// What a token of the API is shown.
    pub(crate) fn api(&self, token: &str, path: &str) -> (u16, serde_json::Value) {
        let (status, said) = self.ask("GET", path, &[("authorization", &format!("Bearer {token}"))], b"");
        (status, serde_json::from_str(&said).unwrap_or_default())
    }

    /// Changes something by the API.
    pub(crate) fn api_post(&self, token: &str, path: &str, body: &serde_json::Value) -> (u16, serde_json::Value) {
        let bearer = format!("Bearer {token}");
        let headers =
            [("authorization", bearer.as_str()), ("idempotency-key", path), ("content-type", "application/json")];
        let (status, said) = self.ask("POST", path, &headers, body.to_string().as_bytes());
        (status, serde_json::from_str(&said).unwrap_or_default())
    }

    /// Whether nothing is owed any more: the records are in a CRM earlier than the last read back.
    pub(crate) fn rests(&self) -> bool {
        let (_, metrics) = self.ask("GET", "/metrics", &[], b"");
        let mut owed = metrics
            .lines()
            .filter(|line| line.starts_with("ringback_lane_unsettled{") || line.contains("state=\"stored\""));
        owed.all(|line| line.ends_with(" 0"))
    }

    /// How many contacts, calls and tasks a CRM twin holds.
    pub(crate) fn held(&self) -> [usize; 3] {
        ["contacts", "calls", "tasks"].map(|kind| self.records(kind).len())
    }

    /// Looks again and again, until it is so; the program's own workers need a moment.
    pub(crate) fn until(what: &str, so: impl FnMut() -> bool) {
        Self::within(LOOKS_MAX, what, so);
    }

    /// The same, for what has to come in a fraction of a worker's longest rest.
    pub(crate) fn soon(what: &str, so: impl FnMut() -> bool) {
        Self::within(LOOKS_MAX / 6, what, so);
    }

    fn within(looks: usize, what: &str, mut so: impl FnMut() -> bool) {
        for _ in 0..looks {
            if so() {
                return;
            }
            std::thread::park_timeout(std::time::Duration::from_millis(LOOK_MS));
        }
        panic!("never: {what}");
    }

    /// Status and body of one request.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, String) {
        let (status, _, body) = self.whole(method, path, headers, body);
        (status, body)
    }

    /// Status, head and body of one request.
    pub(crate) fn whole(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        // What is refused by its head is answered, and its body left unread: the rest of it finds nobody, the answer stands.
        let sent = stream.write_all(body);
        let mut reply = Vec::new();
        let read = stream.read_to_end(&mut reply);
        let reply = String::from_utf8(reply).unwrap();
        assert!((sent.is_ok() && read.is_ok()) || reply.starts_with("HTTP/1.1 4"), "{sent:?} {read:?} {reply}");
        let status = reply.split(' ').nth(1).unwrap().parse().unwrap();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap_or((&reply, ""));
        (status, head.to_owned(), body.to_owned())
    }

    /// SIGKILL, and waits for the end.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
