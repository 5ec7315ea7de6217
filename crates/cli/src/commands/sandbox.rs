//! `drill --sandbox-connection`: the drill in a customer's own CRM, and taking away what it made.
//!
//! The drill has a database of its own beside the installation's: what it planned to write stands there before anything is sent, so that a run
//! that was cut short can be taken away too. It goes when nothing of the run is left in the CRM.

use crate::args::Drill;
use crate::commands::serve::Signals;
use crate::config::{Account, Config, Kind, Wanted, apply};
use crate::house::House;
use crate::out::{Out, note};
use crate::problems::{Exit, Fail, store_problem};
use ringback_connect::{Connection, Secret};
use ringback_core::effect::hex;
use ringback_core::id::ConnectionId;
use ringback_engine::clock::{Chance as _, SystemChance, SystemClock};
use ringback_engine::keyring::{KEY_BYTES, Keyring};
use ringback_engine::mail::NoMailer;
use ringback_engine::sandbox::Through;
use ringback_engine::{Engine, Parts, Settings};
use ringback_sim::drill::{self, Ground, Verdict};
use ringback_store::{Options, Store};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Stands before every run's own letters: in names, in numbers of records, in addresses, in the name of the file.
const TAG: &str = "rb-drill-";
const SOURCE: &str = "ringback-drill-calls";

/// Says what it would do, drills, or takes away.
pub(crate) async fn run(
    out: Out,
    settings: &Path,
    house: &House,
    account: &Account,
    name: &str,
    drill: &Drill,
) -> Result<(), Fail> {
    let crm = account.connections.iter().find(|c| c.connection.name == name && c.kind == Kind::Crm);
    let Some((wanted, crm)) = crm.and_then(|c| Some((c, ringback_connect::crm(&c.connection.vendor)?))) else {
        let all: Vec<&str> =
            account.connections.iter().filter(|c| c.kind == Kind::Crm).map(|c| c.connection.name.as_str()).collect();
        let cure = format!("there are {}", all.join(", "));
        return Err(Fail::new(Exit::Missing, "RB-0313", format!("there is no CRM connection {name:?}"), cure));
    };
    let title = crm.about().title;
    if crm.acknowledges() {
        let cause = format!("{title} cannot be asked what it holds, so there is nothing to judge by");
        let cure = "`ringback drill --crm hook` drills it with a simulated receiver";
        return Err(Fail::new(Exit::Usage, "RB-0527", cause, cure));
    }
    let directory = directory(house.config(), settings);
    if let Some(tag) = &drill.remove {
        return remove(out, house, account, wanted, &directory, tag).await;
    }
    let writes_to = account.contract.as_ref().map(|(_, contract)| contract.crm.as_str());
    if writes_to != Some(name) {
        let cause = format!("the contract of account {} does not write to {name}", account.slug);
        let cure = match writes_to {
            Some(other) => format!("drill {other}, or name {name} as crm in the contract"),
            None => "name a contract in [[account]] contract".to_owned(),
        };
        return Err(Fail::new(Exit::Missing, "RB-0313", cause, cure));
    }
    if !drill.i_know_this_writes {
        let plan = drill::sandbox_plan(title, &format!("{TAG}…"));
        let shown = json!({ "connection": name, "would": plan, "flag": "--i-know-this-writes" });
        out.result(&shown, || format!("A drill in {name}\n{}", bullets(&plan)));
        let cause = format!("nothing was asked of {name}: a drill writes to the CRM");
        let cure = "if it leads to a sandbox, run it again with --i-know-this-writes";
        return Err(Fail::new(Exit::Usage, "RB-0530", cause, cure).told());
    }
    play(out, house, account, wanted, &directory, drill).await
}

async fn play(
    out: Out,
    house: &House,
    account: &Account,
    wanted: &Wanted,
    directory: &Path,
    drill: &Drill,
) -> Result<(), Fail> {
    let mut signals = Signals::listen()?;
    house.apply().await?;
    let name = wanted.connection.name.as_str();
    let random: [u8; 5] = house.engine.random();
    let tag = format!("{TAG}{}", hex(random.get(..4).unwrap_or_default()));
    let again = format!("ringback drill --sandbox-connection {name} --remove {tag}");
    let plan =
        drill::sandbox_plan(ringback_connect::crm(&wanted.connection.vendor).map_or("", |c| c.about().title), &tag);
    note(format!("a drill in {name}, tag {tag}\n{}\n  - {again} takes it all away", bullets(&plan)));
    let ground = ground(house, account, wanted, directory, &tag, drill.wait_seconds, true).await?;
    let begin = usize::from(random.last().copied().unwrap_or_default());
    let played = tokio::select! {
        report = drill::sandbox(&ground, begin, |what| note(format!("… {what}"))) => report.map_err(|error| {
            let cause = format!("the drill could not be played: {error:#}");
            Fail::new(Exit::Unavailable, "RB-0314", cause, format!("mend that; `{again}` takes away what was made"))
        }),
        () = signals.come() => {
            Err(Fail::new(Exit::Unavailable, "RB-0314", "the drill was stopped", format!("`{again}` takes away what was made")))
        }
    };
    ground.engine.store().clone().close().await;
    let report = played?;
    let shown = json!({ "report": report, "tag": tag, "remove": again });
    out.result(&shown, || format!("{}\nWhat was made carries {tag}. To take it away:\n  {again}\n", report.card()));
    match report.count(Verdict::Red) {
        0 => Ok(()),
        red => {
            let cause = format!("{red} of the {} guarantees are not kept", report.guarantees.len());
            Err(Fail::new(Exit::Check, "RB-0317", cause, "each red line says what happened").told())
        }
    }
}

async fn remove(
    out: Out,
    house: &House,
    account: &Account,
    wanted: &Wanted,
    directory: &Path,
    tag: &str,
) -> Result<(), Fail> {
    let runs = runs(directory);
    if !runs.iter().any(|run| run == tag) {
        let cure = match runs.as_slice() {
            [] => format!("there is none in {}", directory.display()),
            runs => format!("there are {}", runs.join(", ")),
        };
        return Err(Fail::new(Exit::Missing, "RB-0313", format!("there is no drill {tag:?}"), cure));
    }
    house.apply().await?;
    let ground = ground(house, account, wanted, directory, tag, 0, false).await?;
    let removed = drill::sandbox_remove(&ground, |what| note(format!("… {what}"))).await;
    ground.engine.store().clone().close().await;
    let removed = removed.map_err(|error| {
        let cause = format!("the drill's records could not be taken away: {error:#}");
        Fail::new(Exit::Unavailable, "RB-0314", cause, "mend that, then start it again")
    })?;
    if removed.left.is_empty() {
        for path in files(directory, tag) {
            // What is not there (a log that was tidied up) needs no removing; what cannot be removed is said.
            if let Err(error) = std::fs::remove_file(&path)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                note(format!("{} cannot be removed: {error}", path.display()));
            }
        }
    }
    let shown = json!({ "connection": wanted.connection.name, "tag": tag, "removed": removed });
    out.result(&shown, || {
        let mut text = format!("{} records removed and read back as gone", removed.removed.len());
        if removed.absent > 0 {
            text.push_str(&format!(", {} were planned and are not there", removed.absent));
        }
        text.push_str(".\n");
        text.extend(removed.left.iter().map(|left| format!("  left: {}: {}\n", left.record, left.why)));
        text
    });
    match removed.left.len() {
        0 => Ok(()),
        left => {
            let cause = format!("{left} records of the drill are still in the CRM");
            Err(Fail::new(
                Exit::Check,
                "RB-0317",
                cause,
                "mend what is said, then run it again; or delete them by hand",
            )
            .told())
        }
    }
}

/// The drill's own installation beside the customer's.
async fn ground(
    house: &House,
    account: &Account,
    wanted: &Wanted,
    directory: &Path,
    tag: &str,
    wait_seconds: u64,
    fresh: bool,
) -> Result<Ground, Fail> {
    let name = wanted.connection.name.as_str();
    let url = format!("sqlite://{}", directory.join(format!("{tag}.db")).display());
    let store = Store::open(Options::new(url)).await.map_err(|error| store_problem(&error))?;
    let mut key = [0_u8; KEY_BYTES];
    SystemChance.fill(&mut key);
    let through = Through::new(house.engine.clone(), account.id(), ConnectionId::from_text(name));
    let engine = Engine::new(Parts {
        store,
        clock: Arc::new(SystemClock),
        chance: Arc::new(SystemChance),
        transport: Arc::new(through),
        mailer: Arc::new(NoMailer),
        keyring: Keyring::generate(key),
        settings: Settings {
            // Every record that Ringback makes leads to its inquiry: these say whose they are, and lead nowhere.
            console_url: format!("https://{tag}.invalid"),
            public_url: "http://localhost".to_owned(),
            ..Settings::default()
        },
    });
    let signing_secret = signing_secret();
    let theirs = own(account, wanted, &signing_secret);
    let drill = theirs.id();
    if fresh {
        let config = Config { accounts: vec![theirs.clone()], mail: None, ..Config::default() };
        apply::apply(&engine, &config).await?;
    }
    Ok(Ground {
        customer: house.engine.clone(),
        account: account.id(),
        connection: ConnectionId::from_text(name),
        engine,
        drill,
        source: ConnectionId::from_text(SOURCE),
        signing_secret,
        line: account.roster.lines.first().map(|line| line.number.clone()),
        tag: tag.to_owned(),
        wait_seconds,
    })
}

/// The customer's account as the drill's: contract, hours and people; its CRM without the credential; nobody to be paged.
fn own(account: &Account, wanted: &Wanted, signing_secret: &str) -> Account {
    let mut theirs = account.clone();
    "drill".clone_into(&mut theirs.slug);
    let id = theirs.id();
    let crm = Wanted {
        connection: Connection { account: id.clone(), ..wanted.connection.clone() },
        secrets: vec![Secret::new("the customer's connection has it")],
        ..wanted.clone()
    };
    let calls = Wanted {
        connection: Connection {
            id: ConnectionId::from_text(SOURCE),
            account: id,
            name: SOURCE.to_owned(),
            vendor: "generic".to_owned(),
            base_url: None,
            settings: std::collections::BTreeMap::new(),
            ..wanted.connection.clone()
        },
        kind: Kind::Source,
        secrets: vec![Secret::new(signing_secret)],
        at: 0..0,
    };
    theirs.connections = vec![crm, calls];
    theirs
}

fn signing_secret() -> String {
    let mut random = [0_u8; 24];
    SystemChance.fill(&mut random);
    // Hexadecimal digits are base64 too.
    format!("whsec_{}", hex(&random))
}

/// Beside the installation's database; where that is a server, beside the settings.
fn directory(config: &Config, settings: &Path) -> PathBuf {
    let beside = |path: &Path| match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let file = config.store.url.strip_prefix("sqlite://").and_then(|rest| rest.split('?').next());
    match file {
        Some(file) if file != ":memory:" => beside(Path::new(file)),
        _ => beside(settings),
    }
}

/// Tags of the drills whose records were not taken away.
fn runs(directory: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut runs: Vec<String> = names
        .filter_map(|name| Some(name.strip_suffix(".db")?.to_owned()))
        .filter(|tag| tag.starts_with(TAG))
        .collect();
    runs.sort();
    runs
}

fn files(directory: &Path, tag: &str) -> Vec<PathBuf> {
    ["", "-wal", "-shm"].into_iter().map(|end| directory.join(format!("{tag}.db{end}"))).collect()
}

fn bullets(lines: &[String]) -> String {
    lines.iter().map(|line| format!("  - {line}")).collect::<Vec<_>>().join("\n")
}
