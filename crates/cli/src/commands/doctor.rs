//! `doctor`: everything that has to be right, looked at once, each finding with its way out.

use crate::commands::contract::FILE_KEPT;
use crate::commands::serve::hook_urls;
use crate::commands::volume::{self, Outlook, Volume};
use crate::config::apply::{apply, settings_wish};
use crate::config::{Account, Config, Kind, Reading, Wanted};
use crate::house;
use crate::out::Out;
use crate::problems::{Exit, Fail};
use ringback_connect::calls;
use ringback_connect::sinks::events;
use ringback_core::contract;
use ringback_core::crm::Object;
use ringback_core::id::ConnectionId;
use ringback_core::problem::Problem;
use ringback_engine::clock::{Clock as _, SystemClock};
use ringback_engine::emit::Receiver;
use ringback_engine::feed::FeedSeen;
use ringback_engine::{Engine, setup};
use ringback_store::{Durability, Options, Store};
use serde::Serialize;
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// Before this the clock of the machine is certainly wrong: the year this program was written in.
const CLOCK_EARLIEST: &str = "2026-01-01T00:00:00Z";

/// How long a CRM may take to show its properties; set-up itself is more patient.
const ANSWER_SECONDS_MAX: Duration = Duration::from_secs(10);

/// What an account without a contract lacks, and what to do about it.
pub(crate) const NO_CONTRACT: (&str, &str) = (
    "there is no contract",
    "name one in [[account]] contract; until then calls are recorded and owned, and no CRM is written",
);

/// How a look ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    /// It works, but somebody should know.
    Warning,
    Wrong,
}

#[derive(Debug, Serialize)]
struct Finding {
    check: String,
    state: State,
    says: String,
    cure: Option<String>,
}

/// The findings so far.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn ok(&mut self, check: &str, says: impl Into<String>) {
        self.0.push(Finding { check: check.to_owned(), state: State::Ok, says: says.into(), cure: None });
    }
    fn fail(&mut self, check: &str, fail: &Fail) {
        for problem in fail.found.iter().flat_map(|(_, problems)| problems) {
            self.bad(State::Wrong, check, format!("{} {}", problem.code, problem.cause), problem.cure.clone());
        }
    }
    fn bad(&mut self, state: State, check: &str, says: impl Into<String>, cure: impl Into<String>) {
        self.0.push(Finding { check: check.to_owned(), state, says: says.into(), cure: Some(cure.into()) });
    }
}

/// Looks at everything; fails when something is wrong (a warning is not). Looking changes nothing: vendors are asked through an engine on a
/// store of its own in memory, which holds what the file says now and not what was applied at the last start.
pub(crate) async fn run(out: Out, reading: &Reading, volume: Option<Volume>) -> Result<(), Fail> {
    let config = &reading.config;
    let mut found = Findings::default();
    found.ok("settings", format!("{} can be used", reading.source.path));
    key(config, &mut found);
    addresses(config, &mut found);
    store(config, &mut found).await;
    contract_files(config, &mut found).await;
    for account in &config.accounts {
        for problem in account.wrong.iter().flat_map(|wrong| &wrong.problems) {
            let says = format!("the contract's file: {} {}", problem.code, problem.cause);
            found.bad(State::Wrong, &account.slug, says, problem.cure.clone());
        }
    }
    feeds(config, &mut found).await;
    receivers(config, &mut found).await;
    clock(&mut found);
    match trial(config).await {
        Ok(trial) => {
            for account in &config.accounts {
                connections(&trial, config, account, &mut found).await;
            }
        }
        Err(fail) => found.fail("connections", &fail),
    }
    let outlooks = outlooks(config, volume, &mut found).await;
    // What keeps the store from being read was told above.
    let drains = volume::drains(config).await.unwrap_or_default();
    let hooks = hook_urls(config);
    let wrong = found.0.iter().filter(|f| f.state == State::Wrong).count();
    let shown = json!({ "ok": wrong == 0, "findings": found.0, "hooks": hooks, "volume": outlooks, "backlog": drains });
    out.result(&shown, || {
        let mut lines = Vec::new();
        for finding in &found.0 {
            let mark = match finding.state {
                State::Ok => "ok     ",
                State::Warning => "warning",
                State::Wrong => "WRONG  ",
            };
            lines.push(format!("{mark}  {}: {}", finding.check, finding.says));
            lines.extend(finding.cure.as_ref().map(|cure| format!("         hint: {cure}")));
        }
        lines.extend(outlooks.iter().map(|outlook| format!("\n{}", volume::shown(outlook).trim_end())));
        if !drains.is_empty() {
            lines.push("\nWhat waits:".to_owned());
            lines.extend(drains.iter().map(|drain| format!("  {}", volume::drain_shown(drain))));
        }
        if !hooks.is_empty() {
            lines.push("\nProviders send to:".to_owned());
            lines.extend(hooks.iter().map(|hook| format!("  {}", hook["url"].as_str().unwrap_or_default())));
        }
        lines.join("\n")
    });
    if wrong == 0 {
        return Ok(());
    }
    Err(Fail::new(
        Exit::Check,
        "RB-0317",
        match wrong {
            1 => "one finding".to_owned(),
            n => format!("{n} findings"),
        },
        "mend what is marked WRONG",
    )
    .told())
}

/// The CRMs' limits against the calls, with a warning of each that does not hold them.
async fn outlooks(config: &Config, volume: Option<Volume>, found: &mut Findings) -> Vec<Outlook> {
    let Some(volume) = volume else { return Vec::new() };
    let outlooks = match volume::outlooks(config, volume).await {
        Ok(outlooks) => outlooks,
        Err(fail) => {
            found.fail("volume", &fail);
            return Vec::new();
        }
    };
    if outlooks.is_empty() {
        let cure = "name a figure, such as --volume 400-per-day";
        found.bad(State::Warning, "volume", "there were no calls in the last month, or there is no CRM", cure);
    }
    for outlook in &outlooks {
        if let Some(warning) = outlook.warning() {
            let cure = "ask the vendor for a larger budget and say so in the connection's settings (daily_requests)";
            found.bad(State::Warning, &outlook.connection, warning, cure);
        }
        if let Some(tight) = outlook.tight() {
            let cure = "calls will be written later in that hour; a larger plan of the vendor's is told in burst_requests or search_per_second";
            found.bad(State::Warning, &outlook.connection, tight, cure);
        }
    }
    outlooks
}

/// An engine that holds the settings as they are now, on a store that nobody else sees.
pub(super) async fn trial(config: &Config) -> Result<Engine, Fail> {
    let mut config = config.clone();
    // Told by itself; the rest can be looked at without.
    config.accounts.iter_mut().for_each(|account| account.wrong = None);
    let options = Options { durability: Durability::NoSync, ..Options::new("sqlite://:memory:") };
    let engine = house::engine(&config, Store::open(options).await?)?;
    apply(&engine, &config).await?;
    Ok(engine)
}

fn key(config: &Config, found: &mut Findings) {
    if let Err(fail) = house::keyring(config) {
        found.fail("key", &fail);
        return;
    }
    if config.secrets.key.is_some() {
        found.ok("key", "from RINGBACK_KEY");
        return;
    }
    let path = &config.secrets.key_file;
    if readable_by_others(path) {
        let cure = format!("chmod 600 {}", path.display());
        found.bad(State::Warning, "key", format!("{} can be read by others", path.display()), cure);
    } else {
        found.ok("key", path.display().to_string());
    }
}

#[cfg(unix)]
fn readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn readable_by_others(_path: &Path) -> bool {
    false
}

fn addresses(config: &Config, found: &mut Findings) {
    for (what, url) in [("public_url", &config.server.public_url), ("console_url", &config.server.console_url)] {
        if url.starts_with("https://") {
            found.ok(what, url.clone());
        } else if is_private(url) {
            let cure = "fine for trying; providers and people elsewhere need an https address";
            found.bad(State::Warning, what, format!("{url} is this machine only"), cure);
        } else {
            let cure = "put a proxy with TLS in front and write the https address";
            found.bad(State::Wrong, what, format!("{url} is not protected"), cure);
        }
    }
    if config.mail.is_none() {
        found.bad(State::Warning, "mail", "nobody is mailed", "add [mail], or a webhook that the contract pages");
    } else {
        found.ok("mail", "a mail server is set up");
    }
}

/// Names and literal addresses of this machine and of private networks; names that resolve there are the client's to refuse.
fn is_private(url: &str) -> bool {
    let host = url.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
    name == "localhost"
        || match name.parse::<std::net::IpAddr>() {
            Ok(std::net::IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_unspecified(),
            Ok(std::net::IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local(),
            Err(_) => false,
        }
}

async fn store(config: &Config, found: &mut Findings) {
    let url = crate::config::url_shown(&config.store.url);
    let store = match house::open_store(config).await {
        Ok(store) => store,
        Err(fail) => return found.fail("store", &fail),
    };
    match store.ping().await {
        Ok(()) => found.ok("store", format!("{url} answers")),
        Err(error) => found.fail("store", &error.into()),
    }
    match store.synced().await {
        Ok(synced) if synced.waits_for_disk => found.ok("commits", format!("wait for the disk ({})", synced.settings)),
        Ok(synced) => {
            let cure = "what is acknowledged would not survive a power cut: turn it on in the database";
            found.bad(State::Wrong, "commits", format!("do not wait for the disk ({})", synced.settings), cure);
        }
        Err(error) => found.fail("commits", &error.into()),
    }
    store.close().await;
}

/// Which clauses are paused, and is the file of each contract what is in force, or may it bring the next version?
async fn contract_files(config: &Config, found: &mut Findings) {
    // What keeps the store from being opened was told above.
    let Ok(store) = house::open_store(config).await else { return };
    let Ok(engine) = house::engine(config, store) else { return };
    for account in &config.accounts {
        match engine.paused_clauses(&account.id()).await {
            Ok(paused) => {
                for one in paused {
                    let p = &one.pause;
                    let says = format!("{} is paused since {}: {} {}", p.clause, one.since, p.code, p.cause);
                    let cure = format!("{}; then `ringback contract paused --look`", p.cure);
                    found.bad(State::Warning, &account.slug, says, cure);
                }
            }
            Err(error) => found.fail(&account.slug, &error.into()),
        }
        if let Err(error) = stands(&engine, account, found).await {
            found.fail(&account.slug, &error.into());
        }
        let Some(wish) = settings_wish(account) else { continue };
        match engine.file_stands(&account.id(), &wish).await {
            Ok(None) => {}
            Ok(Some(kept)) => {
                let problem = kept.problem(FILE_KEPT);
                found.bad(State::Warning, &account.slug, format!("{} {}", problem.code, problem.cause), problem.cure);
            }
            Err(error) => found.fail(&account.slug, &error.into()),
        }
    }
    engine.store().clone().close().await;
}

/// Does what is in force write to a connection that is there, and does the file say something else, which the next start would bring into force?
async fn stands(engine: &Engine, account: &Account, found: &mut Findings) -> Result<(), ringback_engine::Error> {
    let id = account.id();
    let Some((of, contract)) = engine.contract(&id).await? else { return Ok(()) };
    for problem in account.unconnected(Some(&contract.crm), contract.page.webhook.as_deref()) {
        let says = format!("{} version {}, in force: {} {}", of.name, of.version, problem.code, problem.cause);
        found.bad(State::Wrong, &account.slug, says, problem.cure);
    }
    let Some(wish) = settings_wish(account).filter(|wish| wish.contract.name == of.name) else { return Ok(()) };
    if wish.contract.digest() != contract.digest() && engine.file_stands(&id, &wish).await?.is_none() {
        let file = account.contract_file.as_deref().map_or_else(String::new, |file| file.display().to_string());
        let says = format!(
            "{file} differs from version {}; the next `serve`, `connect`, `probe`, try or drill brings it into force",
            of.version
        );
        let cure = format!("`ringback contract diff {} {file}` says what would change", of.version);
        found.bad(State::Warning, &account.slug, says, cure);
    }
    Ok(())
}

/// Which CRM's calls are read, when they were last, and what keeps them from it.
async fn feeds(config: &Config, found: &mut Findings) {
    let wanted = |account: &&Account| {
        let on =
            |c: &Wanted| ringback_connect::crm(&c.connection.vendor).is_some_and(|crm| calls::on(crm, &c.connection));
        account.connections.iter().any(on)
    };
    if !config.accounts.iter().any(|account| wanted(&account)) {
        return;
    }
    // What keeps the store from being opened was told above.
    let Ok(store) = house::open_store(config).await else { return };
    let Ok(engine) = house::engine(config, store) else { return };
    for account in config.accounts.iter().filter(wanted) {
        match engine.feeds(&account.id()).await {
            Ok(feeds) => {
                for seen in feeds {
                    feed(&format!("{}/{}", account.slug, seen.connection), &seen, found);
                }
            }
            Err(error) => found.fail(&account.slug, &error.into()),
        }
    }
    engine.store().clone().close().await;
}

fn feed(name: &str, seen: &FeedSeen, found: &mut Findings) {
    let Some(feed) = &seen.feed else {
        let cure = "`ringback serve` reads them; nothing before its first look is taken in, unless calls_since says so";
        return found.bad(State::Warning, name, "its calls were not read yet", cure);
    };
    match &seen.wrong {
        Some(wrong) => {
            let cure = "nothing is lost while it waits: mend the cause, and see that `ringback serve` runs";
            found.bad(State::Warning, name, format!("its calls: {wrong}"), cure);
        }
        None => {
            let ago = feed.read_at.map_or(0, |at| SystemClock.now().duration_since(at).as_secs().max(0));
            let newest = feed.newest.map_or_else(|| "nothing yet".to_owned(), |at| at.to_string());
            found.ok(name, format!("its calls: read {ago} s ago, newest change {newest}, {} taken in", feed.taken));
        }
    }
}

/// Who is told what happens, and what was not taken.
async fn receivers(config: &Config, found: &mut Findings) {
    let wanted = |account: &&Account| account.connections.iter().any(|c| c.connection.vendor == events::NAME);
    if !config.accounts.iter().any(|account| wanted(&account)) {
        return;
    }
    // What keeps the store from being opened was told above.
    let Ok(store) = house::open_store(config).await else { return };
    let Ok(engine) = house::engine(config, store) else { return };
    for account in config.accounts.iter().filter(wanted) {
        match engine.receivers(&account.id()).await {
            Ok(all) => {
                for receiver in all.iter().filter(|r| r.state == "active") {
                    let name = format!("{}/{}", account.slug, receiver.connection);
                    let says = told(receiver);
                    if receiver.dead_letters > 0 {
                        let cure =
                            "`ringback dead-letters list` says why; mend it there, then `ringback dead-letters replay`";
                        found.bad(State::Warning, &name, says, cure);
                    } else if let Some(error) = &receiver.last_error {
                        let cure = "nothing is lost while it waits: see whether the receiver is switched on";
                        found.bad(State::Warning, &name, format!("{says}; {error}"), cure);
                    } else {
                        found.ok(&name, says);
                    }
                }
            }
            Err(error) => found.fail(&account.slug, &error.into()),
        }
    }
    engine.store().clone().close().await;
}

/// What a receiver is told, and how far it has been told.
pub(crate) fn told(receiver: &Receiver) -> String {
    let with = match receiver.personal.as_slice() {
        [] => "no value about a person".to_owned(),
        some => some.join(", "),
    };
    let last = receiver.last_answered_at.map_or_else(|| "no answer yet".to_owned(), |at| format!("last answered {at}"));
    let since = receiver.oldest.map(|at| format!(" since {at}")).unwrap_or_default();
    let letters = if receiver.dead_letters == 1 { "dead letter" } else { "dead letters" };
    format!(
        "is told of {} with {with}; {} waiting{since}, {last}, {} {letters}",
        receiver.told.join(", "),
        receiver.waiting,
        receiver.dead_letters
    )
}

fn clock(found: &mut Findings) {
    let now = SystemClock.now();
    match CLOCK_EARLIEST.parse::<jiff::Timestamp>() {
        Ok(earliest) if now < earliest => {
            let cure = "set the clock; every due time hangs on it";
            found.bad(State::Wrong, "clock", format!("this machine says {now}"), cure);
        }
        _ => found.ok("clock", now.to_string()),
    }
}

async fn connections(trial: &Engine, config: &Config, account: &Account, found: &mut Findings) {
    let brings_calls = |c: &Wanted| {
        let crm = ringback_connect::crm(&c.connection.vendor);
        c.kind == Kind::Source || crm.is_some_and(|crm| calls::on(crm, &c.connection))
    };
    if !account.connections.iter().any(brings_calls) {
        let cure = "add an [[account.connection]] of vendor callrail, twilio, generic or phone-log, or say calls_from_crm = true in the \
                    settings of a CRM where calls are logged";
        found.bad(State::Warning, &account.slug, "no calls can come in", cure);
    }
    if account.contract.is_none() && account.wrong.is_none() {
        found.bad(State::Warning, &account.slug, NO_CONTRACT.0, NO_CONTRACT.1);
    }
    for wanted in &account.connections {
        let name = format!("{}/{}", account.slug, wanted.connection.name);
        let private = wanted.connection.base_url.as_deref().is_some_and(is_private);
        if private && !config.http.allow_private_addresses {
            let cure = "set allow_private_addresses = true under [http] if that is what you want";
            found.bad(State::Wrong, &name, "base_url is a private address, which requests are not sent to", cure);
        } else if wanted.kind == Kind::Crm {
            crm(trial, account, wanted, &name, found).await;
        } else {
            found.ok(&name, format!("{}, {} secrets", wanted.connection.vendor, wanted.secrets.len()));
        }
    }
}

async fn crm(trial: &Engine, account: &Account, wanted: &Wanted, name: &str, found: &mut Findings) {
    let id = ConnectionId::from_text(wanted.connection.name.as_str());
    let account_id = account.id();
    let asked = tokio::time::timeout(ANSWER_SECONDS_MAX, setup::schema(trial, &account_id, &id)).await;
    let schema = match asked {
        Ok(Ok(Ok(schema))) => schema,
        Ok(Ok(Err(problem))) => {
            found.bad(State::Wrong, name, format!("{} {}", problem.code, problem.cause), problem.cure);
            return;
        }
        Ok(Err(error)) => return found.fail(name, &error.into()),
        Err(_) => {
            let says = format!("does not answer within {} s", ANSWER_SECONDS_MAX.as_secs());
            found.bad(State::Wrong, name, says, "check base_url, and that the CRM can be reached from this machine");
            return;
        }
    };
    found.ok(name, format!("answers, {} properties", schema.len()));
    let Some(vendor) = ringback_connect::crm(&wanted.connection.vendor) else { return };
    // What a vendor packs into a text no schema shows.
    let own: Vec<_> = vendor.own_properties().into_iter().filter(|(object, ..)| !vendor.packs(*object)).collect();
    let there = |object: &Object, property: &str| schema.iter().any(|(o, spec)| o == object && spec.name == property);
    let lacking: Vec<String> = own
        .iter()
        .filter(|(object, property, ..)| !there(object, property))
        .map(|(object, property, ..)| format!("{}.{property}", object.as_str()))
        .collect();
    let connect = format!("`ringback connect {}` makes them", wanted.connection.name);
    if lacking.len() == own.len() && !own.is_empty() {
        found.bad(State::Wrong, name, "is not set up yet: Ringback's own properties are missing", connect.clone());
    } else if lacking.is_empty() {
        found.ok(name, "has Ringback's own properties");
    } else {
        found.bad(State::Wrong, name, format!("lacks {}", lacking.join(", ")), connect.clone());
    }
    let Some((_, contract)) = account.contract.as_ref().filter(|(_, c)| c.crm == wanted.connection.name) else {
        return;
    };
    let misfits = setup::misfits(vendor, contract, &schema);
    // What set-up makes is told in one line.
    let (to_make, mut problems): (Vec<Problem>, Vec<Problem>) = misfits.into_iter().partition(contract::made_by_setup);
    problems.extend(contract::check_words(contract, vendor.words()));
    if !to_make.is_empty() && lacking.len() < own.len() {
        let says = format!("lacks {} properties that the contract writes", to_make.len());
        found.bad(State::Wrong, name, says, connect);
    }
    if problems.is_empty() && to_make.is_empty() {
        found.ok(name, format!("fits the contract {}", contract.name));
    }
    match tokio::time::timeout(ANSWER_SECONDS_MAX, setup::strangers(trial, &account_id, &id)).await {
        Ok(Ok(Ok(strangers))) => {
            for problem in strangers {
                found.bad(State::Warning, name, format!("{} {}", problem.code, problem.cause), problem.cure);
            }
        }
        // Who owns records there may be hidden from the token: that is no misfit.
        Ok(Ok(Err(problem))) => {
            found.bad(State::Warning, name, format!("its owners could not be read: {}", problem.cause), problem.cure);
        }
        Ok(Err(error)) => return found.fail(name, &error.into()),
        Err(_) => {}
    }
    for problem in problems {
        found.bad(State::Wrong, name, format!("{} {}", problem.code, problem.cause), problem.cure);
    }
}

#[cfg(test)]
mod tests {
    use super::is_private;

    #[test]
    fn private_addresses_are_known() {
        for url in
            ["http://127.0.0.1:1", "http://localhost/x", "http://[::1]:8", "https://10.0.0.8", "http://0.0.0.0:1"]
        {
            assert!(is_private(url), "{url}");
        }
        for url in ["https://api.hubapi.com", "http://8.8.8.8", "https://example.com:8443/x"] {
            assert!(!is_private(url), "{url}");
        }
    }
}
