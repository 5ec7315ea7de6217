//! The real thing in a process of its own: router, engine and store, with one account.

use crate::figures::{Watch, cpu_seconds, database_bytes};
use crate::part::{Desk, answer};
use crate::replay::{Recording, RecordingTransport};
use anyhow::{Context, Result, anyhow};
use ringback_connect::Secret;
use ringback_core::contract;
use ringback_core::followup::calendar::{Block, Calendar, Week};
use ringback_core::id::{AccountId, ConnectionId, ContractId, LocationId, StaffId};
use ringback_core::roster::{Line, Location, Staff};
use ringback_engine::clock::{Clock as _, SystemChance, SystemClock};
use ringback_engine::http::{Policy, ReqwestTransport};
use ringback_engine::keyring::Keyring;
use ringback_engine::mail::NoMailer;
use ringback_engine::{Engine, Parts, Settings, setup};
use ringback_store::{self as store, AccountRow, ConnectionRow, ContractNew, Options, Site, Store};
use ringback_web::WebOptions;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// The account that everything belongs to.
pub(crate) const CALLRAIL_ACCOUNT: &str = ACCOUNT;
/// The connection that the loader's webhooks come through.
pub(crate) const CALLRAIL_CONNECTION: &str = CALLRAIL;
pub(crate) const ACCOUNT: &str = "acct_bench";
const CALLRAIL: &str = "conn_callrail";
const HUBSPOT: &str = "conn_hubspot";
/// Where the loader sends.
pub(crate) const HOOK_PATH: &str = "/hooks/conn_callrail/post-call";
/// What CallRail signs with.
pub(crate) const SIGNING_KEY: &str = "bench-signing-key-0123456789abcdef";
/// What the twin accepts.
pub(crate) const CRM_TOKEN: &str = "pat-bench";
/// The number that is called.
pub(crate) const LINE: &str = "+13125550100";

/// How often the end is looked for where nothing is told.
const LOOK: Duration = Duration::from_millis(50);

/// An opened house.
struct House {
    engine: Engine,
    recording: Arc<Recording>,
}

/// How a house is opened.
pub(crate) struct Plan {
    pub(crate) directory: PathBuf,
    pub(crate) crm_url: Option<String>,
    /// Exchanges under way at once.
    pub(crate) concurrency: usize,
    /// The store's address; `None`: SQLite in the directory.
    pub(crate) store: Option<String>,
    /// From 1. The first node sets the account up.
    pub(crate) node: usize,
}

/// The process. Its workers rest unless an order says otherwise.
pub(crate) async fn run(plan: Plan) -> Result<()> {
    let house = House::open(&plan).await?;
    let directory = plan.directory.as_path();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = ringback_web::router(house.engine.clone(), WebOptions::default());
    let server = tokio::spawn(ringback_web::serve(listener, router, 1, std::future::pending()));
    let mut desk = Desk::open(&json!({ "address": address }));
    while let Some(order) = desk.order().await? {
        answer(match order.word() {
            "stored" => house.stored().await,
            "connect" => house.connect().await,
            "fold" => house.fold().await,
            "recover" => house.recover().await,
            "save_recording" => house.recording.save(Path::new(order.text("path")?)),
            "size" => {
                cpu_seconds().map(|cpu| json!({ "database_bytes": database_bytes(directory), "cpu_seconds": cpu }))
            }
            "close" => {
                house.engine.store().clone().close().await;
                Ok(json!({ "database_bytes": database_bytes(directory) }))
            }
            other => Err(anyhow!("no such order: {other}")),
        });
    }
    server.abort();
    Ok(())
}

impl House {
    async fn open(plan: &Plan) -> Result<Self> {
        let own = || format!("sqlite://{}", plan.directory.join("ringback.db").display());
        let url = plan.store.clone().unwrap_or_else(own);
        let store = Store::open(Options { readers_max: 4, ..Options::new(url) }).await?;
        let client = ReqwestTransport::new(Policy { allow_private: true, ..Policy::default() })?;
        let recording = Arc::new(Recording::default());
        let engine = Engine::new(Parts {
            store,
            clock: Arc::new(SystemClock),
            chance: Arc::new(SystemChance),
            transport: Arc::new(RecordingTransport { client, recording: recording.clone() }),
            mailer: Arc::new(NoMailer),
            keyring: Keyring::generate([7; 32]),
            settings: Settings {
                node: format!("node-{}", plan.node),
                lane_concurrency_max: plan.concurrency,
                pace: false,
                ..Settings::default()
            },
        });
        if plan.node == 1 {
            seed(&engine, plan.crm_url.clone()).await?;
        }
        Ok(Self { engine, recording })
    }

    /// What is in the store: signals by state, and how many commits stored them.
    async fn stored(&self) -> Result<Value> {
        let by_state = self.engine.store().read(|tx| Box::pin(store::signals_count_by_state(tx, ACCOUNT))).await?;
        let signals: i64 = by_state.iter().map(|(_, n)| n).sum();
        Ok(json!({ "signals": signals, "commits": self.engine.store().counts().commits }))
    }

    /// Sets the CRM up as `ringback connect` does.
    async fn connect(&self) -> Result<Value> {
        let connected =
            setup::connect(&self.engine, &AccountId::from_text(ACCOUNT), &ConnectionId::from_text(HUBSPOT)).await?;
        anyhow::ensure!(connected.problems.is_empty(), "{:?}", connected.problems);
        self.recording.end_of_setup();
        Ok(json!({ "created": connected.created.len() }))
    }

    /// Folds every stored signal and plans what follows; nothing is sent.
    async fn fold(&self) -> Result<Value> {
        let (watch, before) = (Watch::start(), cpu_seconds()?);
        let mut folded = 0;
        loop {
            let looked = self.engine.step_signals(false).await?;
            folded += looked.done;
            if looked.done == 0 {
                break;
            }
        }
        let cpu = cpu_seconds()? - before;
        let planned = self.unsettled().await?;
        Ok(json!({ "folded": folded, "seconds": watch.seconds(), "cpu_seconds": cpu, "planned": planned }))
    }

    async fn unsettled(&self) -> Result<i64> {
        Ok(self.engine.store().read(|tx| Box::pin(store::effects_unsettled_count(tx, ACCOUNT, HUBSPOT))).await?)
    }

    /// Runs the workers until nothing of the CRM's lane is left to do.
    async fn recover(&self) -> Result<Value> {
        let mut changes = self.engine.changes();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let exchanges_before = self.recording.count();
        let (watch, cpu_before) = (Watch::start(), cpu_seconds()?);
        let commits_before = self.engine.store().counts();
        let workers = tokio::spawn({
            let engine = self.engine.clone();
            async move {
                engine
                    .run(async {
                        let _ended = stopped.await;
                    })
                    .await;
            }
        });
        while self.unsettled().await? > 0 {
            // What another node settles is not told here.
            tokio::select! {
                changed = changes.changed() => changed.context("the engine is gone")?,
                () = SystemClock.sleep(LOOK) => {}
            }
        }
        let (seconds, cpu) = (watch.seconds(), cpu_seconds()? - cpu_before);
        let counts = self.engine.store().counts();
        let _ends = stop.send(());
        workers.await?;
        let states = self.engine.store().read(|tx| Box::pin(store::effects_count_by_state(tx, ACCOUNT))).await?;
        Ok(json!({
            "seconds": seconds, "cpu_seconds": cpu, "exchanges": self.recording.count() - exchanges_before,
            "units": counts.units - commits_before.units, "commits": counts.commits - commits_before.commits,
            "effects": states.into_iter().collect::<BTreeMap<_, _>>(),
        }))
    }
}

/// An engine that talks to nobody, with an account that is seeded if it is `new`.
pub(crate) async fn quiet(directory: &Path, new: bool) -> Result<Engine> {
    let (directory, node) = (directory.to_owned(), if new { 1 } else { 2 });
    let house = House::open(&Plan { directory, crm_url: None, concurrency: 1, store: None, node }).await?;
    Ok(house.engine)
}

/// One account with one location, one line, three people, CallRail, HubSpot and the contract that is shipped.
async fn seed(engine: &Engine, crm_url: Option<String>) -> Result<()> {
    let at = engine.now().as_microsecond();
    let crm_url = crm_url.unwrap_or_else(|| "http://127.0.0.1:9".into());
    let connections = [
        connection(engine, (CALLRAIL, "callrail-main", "callrail", "source"), SIGNING_KEY, None, at),
        connection(engine, (HUBSPOT, "hubspot-main", "hubspot", "crm"), CRM_TOKEN, Some(crm_url), at),
    ];
    furnish(engine, contract::DEFAULT_TEXT, connections).await
}

/// One account with one location, one line, three people, that contract and these connections.
pub(crate) async fn furnish(engine: &Engine, text: &str, connections: [ConnectionRow; 2]) -> Result<()> {
    let now = engine.now();
    let at = now.as_microsecond();
    let contract = contract::parse(text).0.context("the contract cannot be read")?;
    let version = ContractNew {
        account: ACCOUNT.into(),
        id: ContractId::new(now, engine.random()).as_str().into(),
        name: contract.name.clone(),
        digest: contract.digest(),
        source: text.into(),
        compiled: contract.stored(),
        applied_at: at,
        applied_by: "bench".into(),
    };
    let roster = roster()?;
    let account = AccountRow { id: ACCOUNT.into(), name: "Bench".into(), salt: "bench-salt".into(), created_at: at };
    engine
        .store()
        .write(Site::Setup, move |tx| {
            Box::pin(async move {
                store::account_insert_once(tx, &account).await?;
                for (kind, id, body) in &roster {
                    store::roster_put(tx, ACCOUNT, kind, id, body, at).await?;
                }
                for row in &connections {
                    store::connection_upsert(tx, row).await?;
                }
                store::contract_insert_next(tx, &version).await.map(|_| ())
            })
        })
        .await?;
    engine.facts_changed(&AccountId::from_text(ACCOUNT));
    Ok(())
}

pub(crate) fn connection(
    engine: &Engine,
    (id, name, vendor, kind): (&str, &str, &str, &str),
    secret: &str,
    base_url: Option<String>,
    at: i64,
) -> ConnectionRow {
    let (sealed_secrets, key_id) = engine.seal_secrets(ACCOUNT, id, &[Secret::new(secret)]);
    ConnectionRow {
        account: ACCOUNT.into(),
        id: id.into(),
        name: name.into(),
        vendor: vendor.into(),
        kind: kind.into(),
        settings: "{}".into(),
        sealed_secrets,
        key_id,
        base_url,
        zone: Some("America/Chicago".into()),
        region: Some("US".into()),
        state: "active".into(),
        created_at: at,
        updated_at: at,
    }
}

pub(crate) fn roster() -> Result<Vec<(&'static str, String, String)>> {
    let location = Location {
        id: LocationId::from_text("loc_main"),
        slug: "main".into(),
        name: "Main office".into(),
        calendar: Calendar::new(
            "America/Chicago",
            Week::weekdays(&Block::new(8 * 60, 17 * 60).into_iter().collect::<Vec<_>>()),
        ),
        region: "US".into(),
        locale: "en-US".into(),
        currency: "USD".into(),
        vertical: Some("plumbing".into()),
        version: 1,
    };
    let line = Line {
        number: LINE.into(),
        location: location.id.clone(),
        kind: Some("service".into()),
        source: None,
        campaign: None,
        landing_page: None,
    };
    let mut rows = vec![
        ("location", location.id.as_str().to_owned(), serde_json::to_string(&location)?),
        ("line", LINE.to_owned(), serde_json::to_string(&line)?),
    ];
    for tier in 1..=3 {
        let person = Staff {
            id: StaffId::from_text(format!("staff_tier{tier}")),
            name: format!("Tier {tier}"),
            roles: Vec::new(),
            locations: Vec::new(),
            tier,
            crm_owner: None,
            email: None,
            shift: None,
            away: false,
        };
        rows.push(("staff", person.id.as_str().to_owned(), serde_json::to_string(&person)?));
    }
    Ok(rows)
}
