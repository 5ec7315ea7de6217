//! `serve`: hooks, workers and console until it is told to stop.

use crate::commands::doctor::NO_CONTRACT;
use crate::commands::user;
use crate::config::{Config, Depth, Kind, Reading, apply, load};
use crate::house::{self, House};
use crate::out::{Out, note};
use crate::problems::{Exit, Fail};
use ringback_engine::Engine;
use ringback_engine::clock::{Clock as _, SystemClock};
use ringback_web::WebOptions;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpListener;

/// The longest pause between two tries to start on a database in trouble.
const START_PAUSE_SECONDS_MAX: u64 = 15;
const CHANGE_LISTEN: &str = "stop the program that holds it (is ringback running already?), or change [server] listen";

/// Reads the settings, before any thread is started: they say how many.
pub(crate) fn settings(path: &Path) -> Result<Reading, Fail> {
    load(path, Depth::Whole)
}

/// Runs until SIGINT or SIGTERM.
pub(crate) async fn run(out: Out, reading: Reading) -> Result<(), Fail> {
    let mut signals = Signals::listen()?;
    outlive_file_limits()?;
    let config = &reading.config;
    // The port first: a second instance should fail at once, before it touches anything.
    let listener = bind(config).await?;
    let mut begun = Begun::default();
    let (engine, listener) = match begun.start(config).await {
        Ok(engine) => (engine, listener),
        Err(fail) if fail.passes() => {
            // Refused connections tell providers and proxies the truth while there is no store to put anything in.
            drop(listener);
            let engine = tokio::select! {
                engine = begun.start_when_it_can(config, fail) => engine?,
                () = signals.come() => return Ok(()),
            };
            (engine, bind(config).await?)
        }
        Err(fail) => return Err(fail),
    };
    let house = House { reading, engine };
    let address =
        listener.local_addr().map_err(|error| cannot_listen(&house.config().server.listen, &error, CHANGE_LISTEN))?;
    announce(out, &house, address, &begun.first);
    work(&house, listener, signals).await
}

/// How far the start has come: what needs the database is tried until it is done, and done again it does only what is missing.
#[derive(Default)]
struct Begun {
    engine: Option<Engine>,
    first: Vec<user::First>,
}

impl Begun {
    async fn start(&mut self, config: &Config) -> Result<Engine, Fail> {
        let engine = match &self.engine {
            Some(engine) => engine.clone(),
            None => house::engine(config, house::open_store(config).await?)?,
        };
        self.engine = Some(engine.clone());
        for applied in apply::apply(&engine, config).await? {
            tracing::info!(account = %applied.account, roster = applied.roster_changes, connections = applied.connection_changes, "settings applied");
            if applied.contract.is_none() {
                tracing::warn!(account = %applied.account, hint = NO_CONTRACT.1, "{}", NO_CONTRACT.0);
            }
            applied.notes().into_iter().for_each(note);
        }
        user::first_admins(&engine, config, &mut self.first).await?;
        Ok(engine)
    }

    /// As long as it takes: a database that is away, full or read-only passes, and nobody should have to start this again.
    async fn start_when_it_can(&mut self, config: &Config, fail: Fail) -> Result<Engine, Fail> {
        let (mut fail, mut told, mut pause) = (fail, String::new(), 1);
        loop {
            let words = fail.words();
            if words != told {
                note(format!("{words}. Nothing is acknowledged meanwhile; it is tried again until it works"));
                told = words;
            }
            SystemClock.sleep(Duration::from_secs(pause)).await;
            pause = (pause * 2).min(START_PAUSE_SECONDS_MAX);
            match self.start(config).await {
                Err(again) if again.passes() => fail = again,
                other => return other,
            }
        }
    }
}

async fn work(house: &House, listener: TcpListener, mut signals: Signals) -> Result<(), Fail> {
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let wait = |mut stopped: tokio::sync::watch::Receiver<bool>| async move {
        let _ended = stopped.wait_for(|stop| *stop).await;
    };
    let workers = {
        let (engine, until) = (house.engine.clone(), wait(stopped.clone()));
        tokio::spawn(async move { engine.run(until).await })
    };
    let options = WebOptions {
        hook_body_max_bytes: house.config().server.body_max_bytes.max(WebOptions::default().hook_body_max_bytes),
        ..WebOptions::default()
    };
    let router = ringback_web::router(house.engine.clone(), options);
    tokio::spawn(async move {
        signals.come().await;
        tracing::info!("stopping: what is under way comes to its end");
        let _nobody_waits = stop.send(true);
    });
    let drain = house.config().server.shutdown_seconds;
    let served = ringback_web::serve(listener, router, drain, wait(stopped)).await;
    if let Err(error) = workers.await {
        tracing::error!(%error, "the workers did not end well");
    }
    house.engine.store().clone().close().await;
    served.map_err(|error| cannot_listen(&house.config().server.listen, &error, CHANGE_LISTEN))
}

/// SIGINT and SIGTERM. Listened for from the start, because whoever reads that this is ready may already ask it to stop.
pub(crate) struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    /// Takes the signals over.
    #[cfg(unix)]
    pub(crate) fn listen() -> Result<Self, Fail> {
        use tokio::signal::unix::{SignalKind, signal};
        let take = |kind| signal(kind).map_err(|error| cannot_take_signals(&error));
        Ok(Self { terminate: take(SignalKind::terminate())?, interrupt: take(SignalKind::interrupt())? })
    }

    #[cfg(not(unix))]
    pub(crate) fn listen() -> Result<Self, Fail> {
        Ok(Self {})
    }

    /// Ready when the first of them comes.
    #[cfg(unix)]
    pub(crate) async fn come(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    #[cfg(not(unix))]
    pub(crate) async fn come(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// A file that may not grow any more (`LimitFSIZE=` of systemd, `ulimit -f`) is a full disk: told as one, and over when there is room. Left
/// alone the signal would end the program.
#[cfg(target_os = "linux")]
fn outlive_file_limits() -> Result<(), Fail> {
    /// SIGXFSZ. A handler once made stays until the program ends.
    const FILE_SIZE: i32 = 25;
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(FILE_SIZE))
        .map(|_handled| ())
        .map_err(|error| cannot_take_signals(&error))
}

#[cfg(not(target_os = "linux"))]
fn outlive_file_limits() -> Result<(), Fail> {
    Ok(())
}

#[cfg(unix)]
fn cannot_take_signals(error: &std::io::Error) -> Fail {
    let cause = format!("signals cannot be listened for: {error}");
    Fail::new(Exit::Unavailable, "RB-0314", cause, "report this with the text")
}

async fn bind(config: &Config) -> Result<TcpListener, Fail> {
    let address = config.server.listen.parse::<SocketAddr>().map_err(|error| {
        Fail::new(Exit::Usage, "RB-0305", format!("server.listen: {error}"), "write it as 127.0.0.1:8787")
    })?;
    listen(address, CHANGE_LISTEN).await.map(|(listener, _)| listener)
}

/// A port, and the address it has.
pub(crate) async fn listen(address: SocketAddr, cure: &str) -> Result<(TcpListener, SocketAddr), Fail> {
    let bound = match TcpListener::bind(address).await {
        Ok(listener) => listener.local_addr().map(|address| (listener, address)),
        Err(error) => Err(error),
    };
    bound.map_err(|error| cannot_listen(&address.to_string(), &error, cure))
}

fn cannot_listen(listen: &str, error: &std::io::Error, cure: &str) -> Fail {
    if error.kind() == std::io::ErrorKind::AddrInUse {
        return Fail::new(Exit::Unavailable, "RB-0301", format!("another program listens on {listen}"), cure);
    }
    let cure = "use an address of this machine and a port that this user may open";
    Fail::new(Exit::Unavailable, "RB-0314", format!("cannot listen on {listen}: {error}"), cure)
}

/// Where providers send what, for every source.
pub(crate) fn hook_urls(config: &Config) -> Vec<Value> {
    let mut all = Vec::new();
    for account in &config.accounts {
        for wanted in account.connections.iter().filter(|c| c.kind == Kind::Source) {
            let Some(source) = ringback_connect::source(&wanted.connection.vendor) else { continue };
            for (event, means) in source.about().events {
                let url = format!("{}/hooks/{}/{event}", config.server.public_url, wanted.connection.id);
                all.push(json!({ "account": account.slug, "connection": wanted.connection.name, "event": event, "means": means, "url": url }));
            }
        }
    }
    all
}

fn announce(out: Out, house: &House, address: SocketAddr, first: &[user::First]) {
    let config = house.config();
    if out.json {
        let hooks = hook_urls(config);
        let line =
            json!({ "listening": address, "console": config.server.console_url, "hooks": hooks, "first_users": first });
        note(line.to_string());
        return;
    }
    note(format!("listening on {address}; console at {}", config.server.console_url));
    for user in first {
        note(format!(
            "\nfirst start: sign in as {} with the password\n\n    {}\n\nIt is shown only now; change it with `ringback user password {}`.\n",
            user.email, user.password, user.email
        ));
    }
}
