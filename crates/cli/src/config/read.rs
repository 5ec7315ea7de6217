//! From files and environment to [`Config`], with everything that is wrong at once.

use super::account::{Seen, Wrong, account};
use super::tree::{Notes, Section};
use super::{Account, Config, Mail, Security};
use crate::problems::{Exit, Fail, Source};
use ringback_connect::Secret;
use ringback_core::contract;
use ringback_core::problem::Problem;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// The longest settings file, in bytes.
const CONFIG_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// The longest secret, in bytes.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// A variable of the environment, by name.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// How much has to be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Everything, secrets and contracts included: for whatever starts or changes something.
    Whole,
    /// The file itself: for commands that only look, from a shell that need not hold the service's secrets.
    Lookup,
}

/// What reading needs besides the text.
pub(crate) struct Context<'a> {
    pub(crate) notes: &'a Notes,
    environment: Environment<'a>,
    depth: Depth,
    /// Directory that paths in the file are relative to.
    base: PathBuf,
}

impl Context<'_> {
    pub(crate) fn path(&self, text: impl AsRef<Path>) -> PathBuf {
        self.base.join(text)
    }

    /// `{ env = "NAME" }`, `{ file = "path" }` or `{ text = "…" }`.
    pub(crate) fn secret(&self, section: &Section) -> Option<Secret> {
        section.only(&["env", "file", "text"]);
        if ["env", "file", "text"].iter().filter(|k| section.has(k)).count() != 1 {
            let cause = "a secret comes from exactly one place";
            self.notes.say("RB-0306", cause, "write { env = \"NAME\" } or { file = \"path\" }", section.at.clone());
            return None;
        }
        if let Some(name) = section.text("env") {
            return self.filled(section, "env", (self.environment)(&name), || {
                (
                    format!("the variable {name} is not set"),
                    format!("set {name}, name another, or take this connection out if you do not have it"),
                )
            });
        }
        if let Some(file) = section.text("file") {
            let path = self.path(&file);
            return self.filled(section, "file", bounded(&path, SECRET_BYTES_MAX).ok(), || {
                (format!("{} cannot be read", path.display()), "put the secret there, readable by this user".to_owned())
            });
        }
        section.text("text").map(Secret::new)
    }

    fn filled(
        &self,
        section: &Section,
        key: &str,
        text: Option<String>,
        why: impl FnOnce() -> (String, String),
    ) -> Option<Secret> {
        match text.map(|t| t.trim().to_owned()) {
            Some(text) if !text.is_empty() => Some(Secret::new(text)),
            _ if self.depth == Depth::Lookup => None,
            Some(_) => {
                section.say("RB-0306", key, "the secret is empty", "put the vendor's own text there");
                None
            }
            None => {
                let (cause, cure) = why();
                section.say("RB-0306", key, cause, cure);
                None
            }
        }
    }
}

/// `http://` or `https://` with a host and no query.
pub(super) fn check_url(section: &Section, key: &str, url: &str) {
    if let Some(cause) = url_problem(url) {
        let cause = format!("{}: {cause}", section.name(key));
        section.say("RB-0305", key, cause, "write it as https://calls.example.com");
    }
}

fn url_problem(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    match rest {
        None => Some(format!("{url:?} begins with neither https:// nor http://")),
        Some(rest) if rest.is_empty() || rest.starts_with('/') => Some(format!("{url:?} has no host")),
        Some(rest) if rest.contains(['?', '#', ' ', '@']) => Some(format!("{url:?} is more than an address")),
        Some(_) => None,
    }
}

/// A settings file as it was read, with where each value came from.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) config: Config,
    pub(crate) source: Source,
    /// Paths of keys with the byte in the text.
    pub(crate) set: BTreeMap<String, usize>,
    /// Paths of keys that the environment decides, with the variable.
    pub(crate) by_environment: BTreeMap<&'static str, &'static str>,
}

/// Reads the file and all it names; every problem at once.
pub(crate) fn load(path: &Path, depth: Depth) -> Result<Reading, Fail> {
    let text = bounded(path, CONFIG_BYTES_MAX).map_err(|error| {
        let cure = "run `ringback init` to make one, or name it with --config";
        Fail::new(Exit::Usage, "RB-0310", format!("{} cannot be read: {error}", path.display()), cure)
    })?;
    read(path, &text, depth, &|name| std::env::var(name).ok())
}

/// Reads a settings text; `path` names it in messages and is where relative paths start.
pub(crate) fn read(path: &Path, text: &str, depth: Depth, environment: Environment) -> Result<Reading, Fail> {
    let source = Source { path: path.display().to_string(), text: text.to_owned() };
    let notes = Notes::default();
    let (tree, errors) = DeTable::parse_recoverable(text);
    let whole = errors.is_empty();
    for error in errors {
        let at = clamp(error.span().unwrap_or(0..0), text.len());
        let cause = error.message().lines().collect::<Vec<_>>().join(" ");
        notes.say("RB-0302", cause, "write this place as TOML: key = \"text\", [table] or [[list]]", at);
    }
    let (mut config, by_environment) = {
        let base = path.parent().map_or_else(|| PathBuf::from("."), Path::to_owned);
        let context = Context { notes: &notes, environment, depth, base };
        let root = Section::root(tree.get_ref(), 0..0, &notes);
        let mut config = sections(&context, &root);
        let by_environment = from_environment(&context, &mut config);
        config.accounts = accounts(&context, &root, whole);
        (config, by_environment)
    };
    config.store.url = absolute(&config.store.url, path.parent());
    config.secrets.key_file = path.parent().map_or_else(PathBuf::new, Path::to_owned).join(&config.secrets.key_file);
    let set = notes.set();
    let mut problems = notes.into_problems();
    for problem in &mut problems {
        problem.at = problem.at.take().map(|at| clamp(at, text.len()));
    }
    match Fail::of(Exit::Usage, vec![(Some(source.clone()), problems)]) {
        Some(fail) => Err(fail),
        None => Ok(Reading { config, source, set, by_environment }),
    }
}

fn clamp(at: Range<usize>, len: usize) -> Range<usize> {
    let end = at.end.min(len);
    at.start.min(end)..end
}

fn sections(context: &Context, root: &Section) -> Config {
    root.only(&["server", "store", "secrets", "node", "limits", "retention", "http", "log", "mail", "account"]);
    let mut config = Config::default();
    if let Some(s) = root.section("server") {
        server(&s, &mut config.server);
    }
    if let Some(s) = root.section("store") {
        s.only(&["url", "readers_max"]);
        set(&mut config.store.url, s.text("url"));
        set_number(&mut config.store.readers_max, s.number("readers_max", 1..=64));
    }
    if let Some(s) = root.section("secrets") {
        s.only(&["key_file"]);
        set(&mut config.secrets.key_file, s.text("key_file").map(PathBuf::from));
    }
    if let Some(s) = root.section("node") {
        s.only(&["name", "worker_threads"]);
        set(&mut config.node.name, s.text("name"));
        set_number(&mut config.node.worker_threads, s.number("worker_threads", 1..=64));
    }
    if let Some(s) = root.section("limits") {
        s.only(&["signals_per_step_max", "lane_concurrency_max", "lease_seconds"]);
        set_number(&mut config.limits.signals_per_step_max, s.number("signals_per_step_max", 1..=1_000));
        set_number(&mut config.limits.lane_concurrency_max, s.number("lane_concurrency_max", 1..=64));
        set_number(&mut config.limits.lease_seconds, s.number("lease_seconds", 5..=600));
    }
    if let Some(s) = root.section("retention") {
        s.only(&["raw_days", "speech_days", "value_days"]);
        set_number(&mut config.retention.raw_days, s.number("raw_days", 1..=36_500));
        set_number(&mut config.retention.speech_days, s.number("speech_days", 1..=36_500));
        set_number(&mut config.retention.value_days, s.number("value_days", 1..=36_500));
    }
    if let Some(s) = root.section("http") {
        s.only(&["allow_private_addresses"]);
        set(&mut config.http.allow_private_addresses, s.flag("allow_private_addresses"));
    }
    if let Some(s) = root.section("log") {
        s.only(&["filter", "format"]);
        set(&mut config.log.filter, s.text("filter"));
        set(&mut config.log.json, s.word("format", &[("text", false), ("json", true)]));
    }
    config.mail = root.section("mail").and_then(|s| mail(context, &s));
    config
}

fn set<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}

fn set_number<T: TryFrom<i64>>(slot: &mut T, value: Option<i64>) {
    set(slot, value.and_then(|n| T::try_from(n).ok()));
}

fn server(s: &Section, server: &mut super::Server) {
    s.only(&["listen", "public_url", "console_url", "body_max_bytes", "shutdown_seconds"]);
    if let Some(listen) = s.text("listen") {
        if listen.parse::<std::net::SocketAddr>().is_err() {
            let cause = format!("{} is no address with a port: {listen:?}", s.name("listen"));
            s.say("RB-0305", "listen", cause, "write it as 127.0.0.1:8787 or [::]:8787");
        }
        server.listen = listen;
    }
    for (key, slot) in [("public_url", &mut server.public_url), ("console_url", &mut server.console_url)] {
        if let Some(url) = s.text(key) {
            check_url(s, key, &url);
            url.trim_end_matches('/').clone_into(slot);
        }
    }
    // Where only one address is said, people and providers share it.
    if s.has("public_url") && !s.has("console_url") {
        server.console_url.clone_from(&server.public_url);
    }
    set_number(&mut server.body_max_bytes, s.number("body_max_bytes", 1_024..=64 * 1024 * 1024));
    set_number(&mut server.shutdown_seconds, s.number("shutdown_seconds", 1..=300));
}

const SECURITY: &[(&str, Security)] =
    &[("starttls", Security::Starttls), ("tls", Security::Tls), ("none", Security::None)];

fn mail(context: &Context, s: &Section) -> Option<Mail> {
    s.only(&["host", "port", "security", "user", "password", "from"]);
    let host = s.required("host", "add the mail server, such as host = \"smtp.example.com\"");
    let from = s.required("from", "add the sender, such as from = \"Ringback <ringback@example.com>\"");
    let security = s.word("security", SECURITY).unwrap_or(Security::Starttls);
    let port = s.number("port", 1..=65_535).and_then(|n| u16::try_from(n).ok()).unwrap_or(match security {
        Security::Starttls => 587,
        Security::Tls => 465,
        Security::None => 25,
    });
    let password = s.section("password").and_then(|p| context.secret(&p));
    Some(Mail { host: host?, port, security, user: s.text("user"), password, from: from? })
}

/// Container basics: what differs between two machines that run the same file.
fn from_environment(context: &Context, config: &mut Config) -> BTreeMap<&'static str, &'static str> {
    let mut decided = BTreeMap::new();
    let mut take = |key: &'static str, variable: &'static str, slot: &mut String| {
        if let Some(text) = (context.environment)(variable).filter(|t| !t.trim().is_empty()) {
            text.trim().clone_into(slot);
            decided.insert(key, variable);
        }
    };
    let (server, node) = (&mut config.server, &mut config.node);
    take("server.listen", "RINGBACK_LISTEN", &mut server.listen);
    take("server.public_url", "RINGBACK_PUBLIC_URL", &mut server.public_url);
    take("server.console_url", "RINGBACK_CONSOLE_URL", &mut server.console_url);
    take("store.url", "RINGBACK_STORE_URL", &mut config.store.url);
    take("node.name", "RINGBACK_NODE", &mut node.name);
    let mut key = String::new();
    take("secrets.key", "RINGBACK_KEY", &mut key);
    config.secrets.key = (!key.is_empty()).then(|| Secret::new(key));
    for url in [&mut server.public_url, &mut server.console_url] {
        url.truncate(url.trim_end_matches('/').len());
    }
    let wrong = |variable: &str, cause: String, cure: &str| {
        context.notes.push(Problem::new("RB-0305", format!("{variable}: {cause}"), cure));
    };
    for (key, url) in [("server.public_url", &server.public_url), ("server.console_url", &server.console_url)] {
        if let Some((variable, cause)) = decided.get(key).zip(url_problem(url)) {
            wrong(variable, cause, "write it as https://calls.example.com");
        }
    }
    if decided.contains_key("server.listen") && server.listen.parse::<std::net::SocketAddr>().is_err() {
        wrong("RINGBACK_LISTEN", format!("{:?} is no address with a port", server.listen), "write it as 0.0.0.0:8787");
    }
    decided
}

fn accounts(context: &Context, root: &Section, whole: bool) -> Vec<Account> {
    let sections = root.list("account");
    if sections.is_empty() && whole && !root.has("account") {
        let cure = "add an [[account]] with a slug and an [[account.location]]; `ringback init` shows how";
        context.notes.push(Problem::new("RB-0304", "the file has no [[account]]", cure));
    }
    let mut seen = Seen::default();
    let mut found = Vec::new();
    for section in &sections {
        let Some(mut account) = account(context, section, &mut seen) else { continue };
        if let Some(file) = account.contract_file.take() {
            let path = context.path(&file);
            if context.depth == Depth::Whole {
                read_contract(section, &mut account, &path);
            }
            account.contract_file = Some(path);
        }
        found.push(account);
    }
    found
}

/// Reads the account's contract and holds it against the roster and the connections.
fn read_contract(section: &Section, account: &mut Account, path: &Path) {
    let text = match bounded(path, CONFIG_BYTES_MAX) {
        Ok(text) => text,
        Err(error) => {
            let cause = format!("the contract {} cannot be read: {error}", path.display());
            section.say(
                "RB-0310",
                "contract",
                cause,
                "run `ringback init` to make one, or name the file that you have",
            );
            return;
        }
    };
    let (contract, mut problems) = contract::parse(&text);
    if let Some(contract) = &contract {
        problems.extend(contract::check_roster(contract, &account.roster));
    }
    problems.extend(connections_named(account, &text));
    if let Some(contract) = contract.as_ref().filter(|_| problems.is_empty()) {
        let words = crate::commands::contract::words(contract, Some(account));
        problems.extend(contract::check_words(contract, words));
        problems.extend(contract::trial::refused(contract, words, &text));
    }
    let mut problems = contract::placed(problems, &text);
    problems.sort_by_key(|p| p.at.as_ref().map_or(0, |at| at.start));
    match contract.filter(|_| problems.is_empty()) {
        Some(contract) => account.contract = Some((text, contract)),
        None => account.wrong = Some(Wrong { source: Source { path: path.display().to_string(), text }, problems }),
    }
}

/// The connections that the contract names have to be there. Looked up in the text, so that it is told also while other clauses are wrong.
pub(crate) fn connections_named(account: &Account, text: &str) -> Vec<Problem> {
    let (tree, _) = DeTable::parse_recoverable(text);
    let root = tree.get_ref();
    let crm = root.get("crm").and_then(|value| value.get_ref().as_str());
    let page = root.get("page").and_then(|page| page.get_ref().as_table());
    let webhook = page.and_then(|page| page.get("webhook")?.get_ref().as_str());
    account.unconnected(crm, webhook)
}

/// `sqlite://data/x.db` is relative to the settings file.
fn absolute(url: &str, base: Option<&Path>) -> String {
    let Some(rest) = url.strip_prefix("sqlite://") else { return url.to_owned() };
    let (file, query) = rest.split_once('?').map_or((rest, String::new()), |(f, q)| (f, format!("?{q}")));
    if file == ":memory:" || file.starts_with('/') {
        return url.to_owned();
    }
    let joined = base.unwrap_or(Path::new(".")).join(file);
    let joined = std::path::absolute(&joined).unwrap_or(joined);
    format!("sqlite://{}{query}", joined.display())
}

/// The text of a file that may not be endless.
pub(crate) fn bounded(path: &Path, bytes_max: u64) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    let read = std::fs::File::open(path)?.take(bytes_max + 1).read_to_string(&mut text)?;
    if read as u64 > bytes_max {
        return Err(std::io::Error::other(format!("it is longer than {bytes_max} bytes")));
    }
    Ok(text)
}
