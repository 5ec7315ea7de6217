//! `serve`: hooks, workers and console until it is told to stop.

use crate::commands::user;
use crate::config::{Config, Depth, Kind, Reading, load};
use crate::house::{self, House};
use crate::out::{Out, note};
use crate::problems::{Exit, Fail};
use ringback_web::WebOptions;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use tokio::net::TcpListener;

/// Reads the settings, before any thread is started: they say how many.
pub(crate) fn settings(path: &Path) -> Result<Reading, Fail> {
    load(path, Depth::Whole)
}

/// Runs until SIGINT or SIGTERM.
pub(crate) async fn run(out: Out, reading: Reading) -> Result<(), Fail> {
    let mut signals = Signals::listen()?;
    let config = &reading.config;
    // The port first: a second instance should fail at once, before it touches anything.
    let listener = bind(config).await?;
    let (store, listener) = match house::open_store(config).await {
        Ok(store) => (store, listener),
        Err(fail) if fail.exit == Exit::Unavailable && fail.has("RB-0402") => {
            // Refused connections tell providers and proxies the truth while there is no store to put anything in.
            drop(listener);
            let store = tokio::select! {
                store = house::wait_for_store(config) => store?,
                () = signals.come() => return Ok(()),
            };
            (store, bind(config).await?)
        }
        Err(fail) => return Err(fail),
    };
    let engine = house::engine(config, store)?;
    let house = House { reading, engine };
    for applied in house.apply().await? {
        tracing::info!(account = %applied.account, roster = applied.roster_changes, connections = applied.connection_changes, "settings applied");
    }
    let first = user::first_admins(&house).await?;
    let address = listener.local_addr().map_err(|error| cannot_listen(house.config(), &error))?;
    announce(out, &house, address, &first);
    work(&house, listener, signals).await
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
    served.map_err(|error| cannot_listen(house.config(), &error))
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
        let take = |kind| {
            signal(kind).map_err(|error| {
                let cause = format!("signals cannot be listened for: {error}");
                Fail::new(Exit::Unavailable, "RB-0314", cause, "report this with the text")
            })
        };
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

async fn bind(config: &Config) -> Result<TcpListener, Fail> {
    let address = config.server.listen.parse::<SocketAddr>().map_err(|error| {
        Fail::new(Exit::Usage, "RB-0305", format!("server.listen: {error}"), "write it as 127.0.0.1:8787")
    })?;
    TcpListener::bind(address).await.map_err(|error| cannot_listen(config, &error))
}

fn cannot_listen(config: &Config, error: &std::io::Error) -> Fail {
    let listen = &config.server.listen;
    if error.kind() == std::io::ErrorKind::AddrInUse {
        let cure = "stop the program that holds it (is ringback running already?), or change [server] listen";
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
