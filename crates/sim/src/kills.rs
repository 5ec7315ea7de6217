//! The real program under `kill -9`: `ringback serve` as a process of its own, killed at random moments while calls come in and are written
//! to a CRM that lives on. Nothing acknowledged may be lost, nothing may be there twice.
//!
//! Time is real here. A kill says nothing about power: what the disk has not got is the business of the store's own tests.

mod caller;
mod program;

use crate::dice::Dice;
use crate::out::say;
use crate::schema as pg_schema;
use anyhow::{Context as _, Result, ensure};
use caller::{Call, Post};
use jiff::Timestamp;
use program::{Program, SIGNING_KEY, TOKEN};
use ringback_twins::fault::{Faulty, Script};
use ringback_twins::hubspot::{HubSpot, Limits, ObjectType, Options as Twin, Record, Token};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a request takes to the CRM and back: long enough that kills find some under way.
const CRM_LATENCY_MS: i64 = 5;
/// So many webhooks are under way at once.
const POSTS_AT_ONCE: usize = 8;
/// A life lasts until so many webhooks were answered in it, at most, and then so many milliseconds more.
const MOMENT_MAX_MS: i64 = 60;
/// One kill of so many comes while the program starts.
const STARTING_PERCENT: i64 = 5;
/// Without any progress for so long the run has failed. An unanswered write rests a hundred seconds before it is looked for.
const STILL_MAX: Duration = Duration::from_mins(4);
const LOOK: Duration = Duration::from_millis(500);

/// What to play.
#[derive(Debug, Clone)]
pub struct Options {
    pub kills: u64,
    pub calls: usize,
    pub seed: u64,
    /// The built program; beside this one unless said otherwise.
    pub program: PathBuf,
    /// A PostgreSQL server; `None`: SQLite in a file.
    pub postgres: Option<String>,
}

/// How it came out.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    pub engine: &'static str,
    pub kills: u64,
    /// Of these, while the program was starting.
    pub kills_starting: u64,
    pub calls: usize,
    /// Webhooks answered with 2xx, repetitions with them.
    pub acknowledged: u64,
    /// Webhooks that got no answer or a refusal, and were sent again as a provider does.
    pub unanswered: u64,
    /// What the CRM was asked for.
    pub crm_requests: usize,
    pub contacts: usize,
    pub call_records: usize,
    pub tasks: usize,
    pub lost: u64,
    pub doubled: u64,
    pub ledger_verified: bool,
    pub dead_letters: usize,
    pub seconds: u64,
    pub complaints: Vec<String>,
}

type SharedTwin = Arc<Mutex<Faulty<HubSpot>>>;

/// Plays to the end.
pub async fn run(options: &Options) -> Result<Summary> {
    let folder = tempfile::tempdir().context("no temporary directory")?;
    let twin = twin();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let crm_url = format!("http://{}", listener.local_addr()?);
    let served = ringback_twins::serve::serve_hubspot(twin.clone(), listener, || now().as_millisecond());
    let server = tokio::spawn(served);
    let schema = format!("rbkills_{}_{}", std::process::id(), options.seed);
    let store_url = match &options.postgres {
        Some(at) => Some(pg_schema::create(at, &schema).await?),
        None => None,
    };
    let program = Program::prepare(&options.program, folder.path(), &crm_url, store_url.as_deref()).await?;
    let engine = if options.postgres.is_some() { "postgres" } else { "sqlite" };
    let summary = Summary { engine, ..Summary::default() };
    let summary = Run { options, program, twin, summary, began: now() }.play().await;
    server.abort();
    if let Some(at) = &options.postgres {
        pg_schema::drop(at, &schema).await?;
    }
    summary
}

fn twin() -> SharedTwin {
    // The pace is not the question here, and 2,000 calls at a small subscription's pace would take an hour.
    let limits = Limits { burst_max: None, search_per_second_max: None, daily_max: None, ..Limits::default() };
    let hubspot = HubSpot::new(Twin { tokens: vec![Token::new(TOKEN, "7001")], limits, ..Twin::default() });
    Arc::new(Mutex::new(Faulty::new(hubspot, Script { latency_ms: CRM_LATENCY_MS, ..Script::default() })))
}

/// The wall clock: this run is about a real process.
fn now() -> Timestamp {
    use ringback_engine::clock::Clock as _;
    ringback_engine::clock::SystemClock.now()
}

/// Time is the wall's.
async fn pause(length: Duration) {
    use ringback_engine::clock::Clock as _;
    ringback_engine::clock::SystemClock.sleep(length).await;
}

struct Run<'o> {
    options: &'o Options,
    program: Program,
    twin: SharedTwin,
    summary: Summary,
    began: Timestamp,
}

impl Run<'_> {
    async fn play(mut self) -> Result<Summary> {
        let mut dice = Dice::new(self.options.seed ^ 0x9111);
        let calls = caller::calls(&mut dice, self.options.calls, self.began);
        let mut posts = caller::posts(&mut dice, &calls);
        let all = posts.len();
        // Lives share the webhooks evenly; the last one, which nobody kills, takes what is left.
        let share = i64::try_from(all / usize::try_from(self.options.kills + 1)?)?.max(1);
        let mut told: BTreeMap<usize, u32> = BTreeMap::new();
        while self.summary.kills < self.options.kills {
            if dice.percent(STARTING_PERCENT) {
                self.program.start_and_kill(millis(dice.between(1, 120))).await?;
                self.summary.kills_starting += 1;
                self.summary.kills += 1;
                continue;
            }
            let mut life = self.program.start().await?;
            let due = usize::try_from(dice.between(share / 2, share + share / 2))?;
            let last_moment = millis(dice.between(0, MOMENT_MAX_MS));
            // The killer does not wait for the answers that are under way when the moment comes.
            self.send(&mut posts, &life.address, Some((due, last_moment, &mut life.process)), &mut told).await?;
            self.summary.kills += 1;
            if self.summary.kills.is_multiple_of(25) {
                say(&format!("{} kills, {} webhooks left of {all}", self.summary.kills, posts.len()));
            }
        }
        let mut life = self.program.start().await?;
        self.send(&mut posts, &life.address, None, &mut told).await?;
        say("all acknowledged; waiting for rest");
        let waiting = self.rest(&calls, &life.address).await?;
        life.process.kill().await?;
        self.judge(&calls, &told, waiting).await?;
        Ok(self.summary)
    }

    /// Sends what is left, several at once, each until it is acknowledged; with a killer, until its moment has come.
    async fn send(
        &mut self,
        posts: &mut Vec<Post>,
        address: &str,
        killer: Option<(usize, Duration, &mut tokio::process::Child)>,
        told: &mut BTreeMap<usize, u32>,
    ) -> Result<()> {
        let answered = Arc::new(tokio::sync::Notify::new());
        let queue = Arc::new(Mutex::new(std::mem::take(posts)));
        let sent: Arc<Mutex<Vec<(Post, bool)>>> = Arc::default();
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let senders: Vec<_> = (0..POSTS_AT_ONCE)
            .map(|_| {
                let (queue, sent, stop, address) = (queue.clone(), sent.clone(), stop.clone(), address.to_owned());
                let answered = answered.clone();
                tokio::spawn(async move {
                    while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                        let Some(post) = lock(&queue).pop() else { return };
                        let acknowledged = caller::send(&address, &post).await;
                        lock(&sent).push((post, acknowledged));
                        answered.notify_one();
                    }
                })
            })
            .collect();
        match killer {
            Some((due, moment, process)) => {
                while lock(&sent).len() < due && !lock(&queue).is_empty() {
                    let waited = tokio::time::timeout(STILL_MAX, answered.notified()).await;
                    ensure!(waited.is_ok(), "no webhook was answered for {} s", STILL_MAX.as_secs());
                }
                pause(moment).await;
                // What is under way stays under way; nothing new is begun towards a dead program.
                stop.store(true, std::sync::atomic::Ordering::SeqCst);
                process.kill().await?;
                for sender in senders {
                    sender.await?;
                }
            }
            None => {
                for sender in senders {
                    sender.await?;
                }
            }
        }
        let left = std::mem::take(&mut *lock(&queue));
        posts.extend(left);
        for (post, acknowledged) in std::mem::take(&mut *lock(&sent)) {
            if acknowledged {
                self.summary.acknowledged += 1;
                *told.entry(post.call).or_default() += 1;
            } else {
                // Nothing was promised; the provider tries again, sooner or later.
                self.summary.unanswered += 1;
                posts.insert(0, post);
            }
        }
        Ok(())
    }

    /// Until every call has its record and every caller the task, or nothing has moved for long; gives how much still waits.
    async fn rest(&self, calls: &[Call], address: &str) -> Result<u64> {
        let (mut still, mut before) = (Duration::ZERO, 0);
        while still < STILL_MAX {
            pause(LOOK).await;
            let (seen, done) = {
                let twin = lock(&self.twin);
                let vendor = twin.vendor();
                let callers = caller::callers(calls).len();
                let done = vendor.records(ObjectType::Calls).len() >= calls.len()
                    && vendor.records(ObjectType::Tasks).len() >= callers;
                (vendor.log().iter().count(), done)
            };
            still = if seen == before { still + LOOK } else { Duration::ZERO };
            before = seen;
            // Read-backs and late second writes come after the last record.
            if done && program::waiting(address).await? == 0 {
                return Ok(0);
            }
        }
        program::waiting(address).await
    }

    /// Counts in the twin only.
    async fn judge(&mut self, calls: &[Call], told: &BTreeMap<usize, u32>, waiting: u64) -> Result<()> {
        let verified = self.program.json(&["verify", "--json"]).await?;
        let dead = self.program.json(&["dead-letters", "list", "--json"]).await?;
        let summary = &mut self.summary;
        summary.calls = calls.len();
        summary.ledger_verified = verified["ok"] == true;
        summary.dead_letters = dead.as_array().map_or(0, Vec::len);
        let twin = lock(&self.twin);
        let twin = twin.vendor();
        let (contacts, records, tasks) =
            (twin.records(ObjectType::Contacts), twin.records(ObjectType::Calls), twin.records(ObjectType::Tasks));
        summary.crm_requests = twin.log().iter().count();
        (summary.contacts, summary.call_records, summary.tasks) = (contacts.len(), records.len(), tasks.len());
        for (number, of) in caller::callers(calls) {
            let of: Vec<&Call> = of.into_iter().filter(|c| told.contains_key(&c.n)).collect();
            let mine: Vec<&&Record> = contacts.iter().filter(|r| r.get("phone") == Some(number)).collect();
            let linked = |among: &[&Record]| {
                let to =
                    |r: &&&Record| r.linked(ObjectType::Contacts).iter().any(|id| mine.iter().any(|c| &c.id == id));
                among
                    .iter()
                    .filter(to)
                    .map(|r| r.get("hs_timestamp").unwrap_or_default().to_owned())
                    .collect::<Vec<_>>()
            };
            let (logged, asked) = (linked(&records), linked(&tasks));
            for (what, are, wanted) in
                [("contacts", mine.len(), 1), ("call records", logged.len(), of.len()), ("tasks", asked.len(), 1)]
            {
                if are > wanted {
                    summary.doubled += 1;
                    summary.complaints.push(format!("{number}: {are} {what}, {wanted} wanted"));
                } else if are < wanted {
                    summary.lost += 1;
                    summary.complaints.push(format!("{number}: {are} {what}, {wanted} wanted"));
                }
            }
        }
        // Whatever belongs to nobody was made twice as well.
        for (what, are, wanted) in [
            ("contacts", contacts.len(), caller::callers(calls).len()),
            ("call records", records.len(), calls.len()),
            ("tasks", tasks.len(), caller::callers(calls).len()),
        ] {
            if are != wanted {
                summary.complaints.push(format!("{are} {what} in all, {wanted} wanted"));
            }
        }
        if waiting > 0 {
            summary.complaints.push(format!("{waiting} signals and effects have not come to rest"));
        }
        if !summary.ledger_verified {
            summary.complaints.push(format!("the ledger does not verify: {verified}"));
        }
        if summary.dead_letters > 0 {
            summary.complaints.push(format!("dead letters: {dead}"));
        }
        summary.seconds = now().duration_since(self.began).as_secs().unsigned_abs();
        Ok(())
    }
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(ms.unsigned_abs())
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
