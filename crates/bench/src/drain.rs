//! `drain`: a backlog of calls behind an outage reaches a CRM that keeps its vendor's published limits, while a few urgent calls come in.
//!
//! All calls are taken in, folded and planned before the CRM can be reached; then the workers start. The CRM is its twin behind HTTP on
//! loopback, on a thread of its own, with the vendor's own delay and limits: what is over them is refused and counted. The measure of
//! time is what the vendor's published rate allows for as many requests as were made. What ought to be there is counted in the twin.

use crate::figures::{cpu_seconds, fresh_directory, round};
use crate::house::{ACCOUNT, LINE, connection, furnish};
use crate::part::runtime;
use anyhow::{Context, Result, anyhow, bail, ensure};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};
use ringback_connect::Crm;
use ringback_core::contract;
use ringback_core::http::{HttpReply, RawRequest};
use ringback_core::id::{AccountId, ConnectionId};
use ringback_engine::clock::{Clock as _, SystemChance, SystemClock};
use ringback_engine::http::{Fault, Outgoing, Policy, ReqwestTransport, Transport};
use ringback_engine::keyring::Keyring;
use ringback_engine::mail::NoMailer;
use ringback_engine::{Engine, Parts, Settings, setup};
use ringback_sim::matrix;
use ringback_store::{self as store, Options, Store};
use ringback_twins::books::{Books, Entry, Kind};
use ringback_twins::fault::{Faulty, Script};
use ringback_twins::{hubspot, serve, sign};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const CRM: &str = "conn_crm";
const SOURCE: &str = "conn_calls";
const SIGNING: &str = "whsec_YmVuY2gtc2lnbmluZy1rZXktb2YtdGhlLWRyYWlu";
/// Webhooks under way at once while the backlog comes in.
const AT_ONCE: usize = 64;
/// Urgent calls while the backlog drains.
const URGENT: usize = 5;
/// No backlog drains with fewer requests per call, or faster, than this.
const REQUESTS_PER_CALL_MIN: f64 = 0.08;
const CALL_MS_MIN: f64 = 3.0;
/// How often the end is looked for.
const LOOK: Duration = Duration::from_millis(400);
/// A backlog that has not drained by then never will.
const HOURS_MAX: i64 = 2;
/// What set-up took of the vendor's windows is over by then.
const AFTER_SET_UP: Duration = Duration::from_secs(11);
/// The CRMs of `--crm all`, with so many calls that the vendor's limits let them through in minutes, HubSpot last.
const ALL: [(&str, usize, &str); 6] = [
    ("salesforce", 1_000, "no rate is published, only 100,000 requests a day and 25 at once"),
    ("zoho", 1_000, "no rate is published, only 50,000 credits a day and 10 at once"),
    ("pipedrive", 150, "30,000 tokens a day are fewer than 10,000 calls take"),
    ("gohighlevel", 150, "10 requests per second and nothing can be batched: 10,000 calls take hours"),
    ("dynamics", 1_000, "6,000 requests and 1,200 seconds of work (40 ms an operation in the twin) per five minutes"),
    ("hubspot", 10_000, "the smallest plan: 100 requests per ten seconds, 5 searches per second"),
];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Calls during the outage; for `all` the most of each CRM
    #[arg(long, default_value_t = 10_000)]
    calls: usize,
    /// hubspot, salesforce, zoho, pipedrive, gohighlevel, dynamics or all
    #[arg(long, default_value = "hubspot")]
    crm: String,
}

type Twin = Arc<Mutex<Faulty<Box<dyn Books>>>>;

/// Measures and prints.
pub(crate) async fn run(args: &Args) -> Result<()> {
    if args.crm != "all" {
        let figures = one(&args.crm, args.calls).await?;
        println!("{figures}");
        return Ok(());
    }
    let mut last = Value::Null;
    let mut rows = Vec::new();
    for (crm, calls, limits) in ALL {
        match one(crm, calls.min(args.calls)).await {
            Ok(figures) => {
                rows.push((crm, figures.clone(), limits.to_owned()));
                last = figures;
            }
            Err(error) => rows.push((crm, json!({}), format!("{error:#}"))),
        }
    }
    let columns = ["calls", "requests_per_call", "seconds", "limit_seconds", "ratio", "urgent_seconds_max"];
    let counts = ["refused_429", "lost", "doubled"];
    println!("| CRM | calls | requests per call | seconds | limit | ratio | urgent | 429 | lost | doubled | limits |");
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for (crm, figures, limits) in rows {
        let cell = |name: &&str| figures.get(*name).map_or("–".to_owned(), |v| v.to_string().replace("null", "–"));
        let cells: Vec<String> = columns.iter().chain(&counts).map(cell).collect();
        println!("| {crm} | {} | {limits} |", cells.join(" | "));
    }
    println!("{last}");
    Ok(())
}

/// One CRM's backlog.
async fn one(crm: &str, calls: usize) -> Result<Value> {
    let translator = ringback_connect::crm(crm).ok_or_else(|| anyhow!("no CRM {crm}"))?;
    let directory = fresh_directory(&format!("drain-{crm}"))?;
    let drain = Drain::open(translator, &directory, calls).await?;
    let measured = drain.measure().await;
    drain.engine.store().clone().close().await;
    let figures = measured.and_then(|started| drain.figures(&directory, &started))?;
    std::fs::remove_dir_all(&directory)?;
    Ok(figures)
}

/// What is sent wherever it is sent: to the twin.
struct ToTwin {
    client: ReqwestTransport,
    origin: String,
}

impl Transport for ToTwin {
    fn send<'a>(&'a self, call: Outgoing<'a>) -> BoxFuture<'a, Result<HttpReply, Fault>> {
        Box::pin(async move {
            let (_, rest) = call.base_url.split_once("://").unwrap_or_default();
            let path = rest.split_once('/').map_or(String::new(), |(_, path)| format!("/{path}"));
            let base_url = format!("{}{path}", self.origin);
            self.client.send(Outgoing { base_url: &base_url, ..call }).await
        })
    }
}

struct Drain {
    engine: Engine,
    crm: &'static dyn Crm,
    twin: Twin,
    calls: usize,
}

/// The moments and counts that the figures need.
struct Started {
    at: Timestamp,
    requests_before: u64,
    cpu_before: f64,
    worked_before: f64,
    urgent_at: Vec<Timestamp>,
}

fn account() -> AccountId {
    AccountId::from_text(ACCOUNT)
}

/// A number of the exchange 555, which nobody has.
pub(crate) fn number(area: usize, n: usize) -> String {
    const AREAS: [usize; 10] = [201, 212, 213, 214, 215, 216, 217, 218, 219, 224];
    let area = AREAS.get((area + n / 8_000) % AREAS.len()).copied().unwrap_or(201);
    format!("+1{area}555{:04}", 2_000 + n % 8_000)
}

/// The caller of call `n`: of five, three are new, one has called before and one is in the CRM.
fn caller(n: usize) -> String {
    match n % 5 {
        3 => number(0, n.saturating_sub(3 + 5 * (n % 7))),
        4 => number(5, n / 5),
        _ => number(0, n),
    }
}

fn twin(crm: &str) -> Result<Box<dyn Books>> {
    if crm == "hubspot" {
        // The plan whose limits the program presumes unless it is told otherwise.
        let limits = hubspot::Limits { burst_max: Some(100), daily_max: Some(250_000), ..Default::default() };
        return Ok(Box::new(hubspot::HubSpot::new(hubspot::Options { limits, ..Default::default() })));
    }
    matrix::twin(crm).ok_or_else(|| anyhow!("no twin of {crm}"))
}

impl Drain {
    async fn open(crm: &'static dyn Crm, directory: &Path, calls: usize) -> Result<Self> {
        let name = crm.about().name;
        let mut held = twin(name)?;
        let mut text = contract::default_for("crm-main", crm.words());
        if matrix::made_by_hand(crm) {
            for field in ["budget", "callback_due"] {
                text = matrix::without_field(&text, field);
            }
            matrix::prepare(held.as_mut(), crm, &text)?;
        }
        let before_ms = SystemClock.now().as_millisecond() - 2 * 86_400_000;
        for n in (4..calls).step_by(5) {
            held.seed_person(&format!("Ana Ruiz{n}"), &caller(n), None, n % 2 == 0, before_ms);
        }
        held.log_mut().keep_bodies = false;
        let (secret, mut settings, path) = (held.secret(), settings_of(held.as_ref()), held.path());
        if name == "gohighlevel" {
            settings.insert("location_id".into(), json!(ringback_twins::gohighlevel::NORTH));
        }
        let twin: Twin = Arc::new(Mutex::new(Faulty::new(held, Script { latency_ms: 0, ..Script::default() })));
        let origin = serve_beside(twin.clone())?;
        let store = Store::open(Options { readers_max: 4, ..Options::new(database_url(directory)) }).await?;
        let client = ReqwestTransport::new(Policy { allow_private: true, ..Policy::default() })?;
        let engine = Engine::new(Parts {
            store,
            clock: Arc::new(SystemClock),
            chance: Arc::new(SystemChance),
            transport: Arc::new(ToTwin { client, origin: origin.clone() }),
            mailer: Arc::new(NoMailer),
            keyring: Keyring::generate([7; 32]),
            settings: Settings::default(),
        });
        let at = engine.now().as_microsecond();
        let base_url = format!("{origin}{}", path.unwrap_or_default());
        let mut crm_row = connection(&engine, (CRM, "crm-main", name, "crm"), &secret, Some(base_url), at);
        crm_row.settings = Value::Object(settings).to_string();
        let source = connection(&engine, (SOURCE, "calls", "generic", "source"), SIGNING, None, at);
        furnish(&engine, &text, [source, crm_row]).await?;
        let connected = setup::connect(&engine, &account(), &ConnectionId::from_text(CRM)).await?;
        ensure!(connected.problems.is_empty(), "{name} could not be set up: {:?}", connected.problems);
        let read = engine.refresh_index(&account(), &ConnectionId::from_text(CRM), 1_000, |_| {}).await?;
        eprintln!("{name}: set up, {} people read", read.people);
        Ok(Self { engine, crm, twin, calls })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Faulty<Box<dyn Books>>) -> T) -> T {
        act(&mut self.twin.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn measure(&self) -> Result<Started> {
        let begun = self.engine.now();
        stream::iter(0..self.calls)
            .map(|n| async move {
                let back = SignedDuration::from_millis(7_200_000 - (n * 7_000_000 / self.calls.max(1)) as i64);
                let words = (n % 2 == 0).then(|| {
                    format!("Hi, this is Maria, my water heater at {n} North Ashland Avenue does not work, please call me back.")
                });
                self.ring(&format!("call-{n}"), &caller(n), begun.checked_sub(back)?, words.as_deref()).await
            })
            .buffered(AT_ONCE)
            .try_for_each(|()| async { Ok(()) })
            .await?;
        while self.engine.step_signals(false).await?.done > 0 {}
        let now = self.engine.now();
        eprintln!("{} calls taken in and planned in {} s", self.calls, now.duration_since(begun).as_secs());
        if let Ok(left) = AFTER_SET_UP.try_into().map(|d: SignedDuration| d - now.duration_since(begun)) {
            SystemClock.sleep(Duration::try_from(left).unwrap_or_default()).await;
        }
        let mut started = Started {
            at: self.engine.now(),
            requests_before: self.with(|t| t.vendor_mut().log_mut().total()),
            cpu_before: cpu_seconds()?,
            worked_before: self.with(|t| t.vendor().work_seconds_min()),
            urgent_at: Vec::new(),
        };
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let engine = self.engine.clone();
        let workers = tokio::spawn(async move {
            engine
                .run(async {
                    let _ended = stopped.await;
                })
                .await;
        });
        let drained = self.watch(&mut started).await;
        let _ends = stop.send(());
        workers.await?;
        drained.map(|()| started)
    }

    /// Lets urgent calls come in, and waits until nothing is left.
    async fn watch(&self, started: &mut Started) -> Result<()> {
        let apart = self.apart();
        loop {
            let now = self.engine.now();
            ensure!(now.duration_since(started.at).as_hours() < HOURS_MAX, "not drained within {HOURS_MAX} hours");
            let n = started.urgent_at.len();
            if n < URGENT && now.duration_since(started.at) >= apart * (n as i32 + 1) {
                started.urgent_at.push(now);
                let words = "There is a strong gas smell in our basement, I smell gas, please call me back right away.";
                self.ring(&format!("urgent-{n}"), &number(9, n), now, Some(words)).await?;
            } else if n >= URGENT && self.left().await? == 0 {
                return Ok(());
            }
            SystemClock.sleep(LOOK.min(Duration::from_millis(200 + 200 * u64::from(n >= URGENT)))).await;
        }
    }

    /// How far apart the urgent calls are: all of them come in before the backlog can be gone, or the last one would be measured, not
    /// the drain. Of a vendor without a rate the store sets the pace.
    fn apart(&self) -> SignedDuration {
        let limits = self.crm.about().limits;
        let ms_per_request = f64::from(limits.burst_window_ms) / f64::from(limits.burst_requests.max(1));
        let ms_per_call = (ms_per_request * REQUESTS_PER_CALL_MIN).max(CALL_MS_MIN);
        let all = ms_per_call * self.calls as f64;
        SignedDuration::from_millis((all / (URGENT + 1) as f64) as i64).max(SignedDuration::from_millis(500))
    }

    /// Effects that are not settled, and calls that are not folded.
    async fn left(&self) -> Result<i64> {
        let read = self.engine.store().read(|tx| {
            Box::pin(async move {
                let effects = store::effects_unsettled_count(tx, ACCOUNT, CRM).await?;
                let signals = store::signals_count_by_state(tx, ACCOUNT).await?;
                Ok(effects + signals.iter().filter(|(state, _)| state == "stored").map(|(_, n)| n).sum::<i64>())
            })
        });
        Ok(read.await?)
    }

    async fn ring(&self, id: &str, caller: &str, at: Timestamp, words: Option<&str>) -> Result<()> {
        let ending = if words.is_some() { "voicemail" } else { "ring_no_answer" };
        let body = json!({
            "call_id": id, "direction": "inbound", "ending": ending, "caller": caller, "dialled": LINE,
            "started_at": at.to_string(), "duration_seconds": 25, "transcript": words, "source": "website",
        })
        .to_string()
        .into_bytes();
        let seconds = self.engine.now().as_second();
        let signature = sign::standard_webhooks(SIGNING, id, seconds, &body).context("the key is no base64")?;
        let raw = RawRequest {
            method: "POST".into(),
            url: format!("http://127.0.0.1:8787/hooks/{SOURCE}/call"),
            event: "call".into(),
            headers: vec![
                ("content-type".into(), "application/json".into()),
                ("webhook-id".into(), id.to_owned()),
                ("webhook-timestamp".into(), seconds.to_string()),
                ("webhook-signature".into(), signature),
            ],
            body,
        };
        let reply = self.engine.receive(SOURCE, raw).await;
        if !(200..300).contains(&reply.status) {
            bail!("{id} was not taken: {} {}", reply.status, String::from_utf8_lossy(&reply.body));
        }
        Ok(())
    }

    fn figures(&self, directory: &Path, started: &Started) -> Result<Value> {
        let database = Connection::open(directory.join("ringback.db"))?;
        let asked = "SELECT MAX(settled_at) FROM effects WHERE lane = ?1";
        let end: i64 = database.query_row(asked, [CRM], |row| row.get(0))?;
        let seconds = (end - started.at.as_microsecond()) as f64 / 1e6;
        let urgent = urgent_seconds(&database, started)?;
        let mut states = BTreeMap::new();
        let mut asked = database.prepare("SELECT state, COUNT(*) FROM effects WHERE lane = ?1 GROUP BY state")?;
        for row in asked.query_map([CRM], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))? {
            let (state, n) = row?;
            states.insert(state, n);
        }
        let (requests, searches, refused, by_path) = self.with(|t| seen(t, started.requests_before));
        for (path, n) in by_path {
            eprintln!("{n:>6} {path}");
        }
        let limits = self.crm.about().limits;
        let published = f64::from(limits.burst_requests) * 1_000.0 / f64::from(limits.burst_window_ms.max(1));
        let worked = self.with(|t| t.vendor().work_seconds_min()) - started.worked_before;
        let limit = (published > 0.0).then(|| {
            let of_searches = searches as f64 / f64::from(limits.search_per_second.max(1));
            (requests as f64 / published).max(if limits.search_per_second > 0 { of_searches } else { 0.0 }).max(worked)
        });
        let (entries, calls) = (self.with(|t| t.vendor().entries()), self.calls + URGENT);
        let counted = count(&entries, self.calls);
        eprintln!("effects {states:?}; urgent {urgent:?} s; in the CRM {counted:?}");
        let dead = states.get("dead").copied().unwrap_or(0);
        if dead > 0 {
            let asked = "SELECT kind || ' ' || target || ' ' || why FROM effects WHERE state = 'dead' LIMIT 1";
            eprintln!("{dead} dead letters, such as {}", database.query_row(asked, [], |row| row.get::<_, String>(0))?);
        }
        ensure!(urgent.len() == URGENT, "{} of {URGENT} urgent calls have a callback task", urgent.len());
        Ok(json!({
            "crm": self.crm.about().name, "calls": calls, "requests": requests,
            "requests_per_call": (requests as f64 / calls as f64 * 1_000.0).round() / 1_000.0,
            "seconds": round(seconds), "limit_seconds": limit.map(round), "ratio": limit.map(|l| round(seconds / l)),
            "cpu_ms_per_call": round((cpu_seconds()? - started.cpu_before) * 1_000.0 / calls as f64),
            "urgent_seconds_max": round(urgent.iter().copied().fold(0.0, f64::max)),
            "refused_429": refused, "lost": counted.lost, "doubled": counted.doubled,
        }))
    }
}

fn settings_of(twin: &dyn Books) -> serde_json::Map<String, Value> {
    twin.settings().into_iter().map(|(name, value)| (name, json!(value))).collect()
}

fn database_url(directory: &Path) -> String {
    format!("sqlite://{}", directory.join("ringback.db").display())
}

/// Serves the twin on a thread of its own; gives its address.
fn serve_beside(twin: Twin) -> Result<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let origin = format!("http://{}", listener.local_addr()?);
    let alone = runtime(1)?;
    std::thread::spawn(move || {
        alone.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            serve::serve(twin, listener, || SystemClock.now().as_millisecond()).await
        })
    });
    Ok(origin)
}

/// Seconds from each urgent call's webhook to the read-back of its callback task.
fn urgent_seconds(database: &Connection, started: &Started) -> Result<Vec<f64>> {
    let asked = "SELECT MIN(created_at) AS made, MIN(settled_at) FROM effects WHERE lane = ?1 AND urgent = TRUE AND state = 'done' \
                 AND kind <> 'find_person' AND target LIKE 'task%' GROUP BY inquiry ORDER BY made";
    let mut asked = database.prepare(asked)?;
    let settled = asked.query_map([CRM], |row| row.get::<_, i64>(1))?;
    let settled: Vec<i64> = settled.collect::<Result<_, _>>()?;
    let took = settled.iter().zip(&started.urgent_at).map(|(end, at)| (end - at.as_microsecond()) as f64 / 1e6);
    Ok(took.map(round).collect())
}

/// Requests, searches and refusals that the twin saw since then, and how many of each path.
fn seen(twin: &mut Faulty<Box<dyn Books>>, before: u64) -> (u64, u64, u64, BTreeMap<String, u64>) {
    let log = twin.vendor_mut().log_mut();
    let requests = log.total() - before;
    let (mut searches, mut refused, mut by_path) = (0, 0, BTreeMap::new());
    for one in log.iter().filter(|one| one.n > before) {
        let path = one.path.split('?').next().unwrap_or_default();
        searches += u64::from(path.contains("/search"));
        refused += u64::from(one.status == Some(429));
        let word = |part: &str| !part.chars().any(|c| c.is_ascii_digit()) || part.len() <= 3;
        let named: Vec<&str> = path.split('/').map(|part| if word(part) { part } else { "…" }).collect();
        *by_path.entry(format!("{} {}", one.method, named.join("/"))).or_insert(0) += 1;
    }
    (requests, searches, refused, by_path)
}

#[derive(Debug, Default)]
struct Counted {
    people: usize,
    calls: usize,
    tasks: usize,
    lost: usize,
    doubled: usize,
}

/// What is there, what is missing and what is there twice: one person per caller, one record per call, one task per person.
fn count(entries: &[Entry], calls: usize) -> Counted {
    let mut counted = Counted::default();
    let mut marks: BTreeMap<(Kind, String), usize> = BTreeMap::new();
    let mut people: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut tasks: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| !entry.gone) {
        match entry.kind {
            Kind::Person => {
                counted.people += 1;
                let tails = entry.fields.values().filter_map(|value| {
                    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
                    (value.len() <= 20 && digits.len() >= 10).then(|| digits.split_at(digits.len() - 10).1.to_owned())
                });
                for tail in tails.collect::<std::collections::BTreeSet<_>>() {
                    people.entry(tail).or_default().push(&entry.id);
                }
            }
            Kind::Call | Kind::Task => {
                let ours = entry.marks();
                counted.calls += usize::from(entry.kind == Kind::Call && !ours.is_empty());
                counted.tasks += usize::from(entry.kind == Kind::Task && !ours.is_empty());
                for mark in ours {
                    *marks.entry((entry.kind, mark)).or_default() += 1;
                }
                if entry.kind == Kind::Task {
                    for person in &entry.people {
                        *tasks.entry(person.as_str()).or_default() += 1;
                    }
                }
            }
            Kind::Deal | Kind::Other => {}
        }
    }
    let callers: std::collections::BTreeSet<String> =
        (0..calls).map(caller).chain((0..URGENT).map(|n| number(9, n))).collect();
    for e164 in callers {
        let held = people.get(e164.split_at(2).1).map_or(&[] as &[&str], Vec::as_slice);
        counted.lost += usize::from(held.is_empty());
        counted.doubled += held.len().saturating_sub(1);
        let of_them: usize = held.iter().filter_map(|id| tasks.get(id)).sum();
        counted.lost += usize::from(of_them == 0 && !held.is_empty());
        counted.doubled += of_them.saturating_sub(1);
    }
    counted.lost += (calls + URGENT).saturating_sub(counted.calls);
    counted.doubled += marks.values().map(|n| n - 1).sum::<usize>();
    counted
}
