//! The stage on which a world plays: virtual time, the vendors' twins, the network between them and the program, and the webhooks on their
//! way. Time moves only here; while the program waits for an answer, what is due meanwhile is delivered, as in life.

use crate::crash::CrashHook;
use crate::world::{Delivery, World};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use ringback_core::http::{HttpReply, RawRequest};
use ringback_engine::Engine;
use ringback_engine::clock::Clock;
use ringback_engine::http::{Authorization, Fault, Outgoing, Transport};
use ringback_twins::fault::{Delivery as Exchanged, Faulty, What};
use ringback_twins::hubspot::HubSpot;
use ringback_twins::sink::WebhookSink;
use ringback_twins::{Reply, Request};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A provider tries again after so long what nobody acknowledged.
const AGAIN_MS: i64 = 45_000;

/// Virtual time, microseconds since the epoch.
#[derive(Debug, Default)]
pub struct VirtualClock(AtomicI64);

impl VirtualClock {
    /// A clock that stands there.
    pub fn at(ms: i64) -> Self {
        Self(AtomicI64::new(ms * 1_000))
    }
    /// Milliseconds since the epoch.
    pub fn ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst).div_euclid(1_000)
    }
    /// Moves on to that moment, never back.
    pub fn reach(&self, ms: i64) {
        self.0.fetch_max(ms.saturating_mul(1_000), Ordering::SeqCst);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::SeqCst)).unwrap_or(Timestamp::UNIX_EPOCH)
    }
    fn sleep(&self, pause: Duration) -> BoxFuture<'_, ()> {
        self.0.fetch_add(i64::try_from(pause.as_micros()).unwrap_or(i64::MAX / 4), Ordering::SeqCst);
        Box::pin(async {})
    }
}

/// One account's vendors.
#[derive(Debug)]
pub struct Vendors {
    pub crm: Faulty<HubSpot>,
    pub pager: Faulty<WebhookSink>,
    pub desk: Faulty<WebhookSink>,
}

/// Who is behind an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Host {
    Crm,
    Pager,
    Desk,
}

/// What became of a delivery.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// When it was acknowledged, ms since the epoch.
    pub acked_ms: Option<i64>,
    /// How often it was sent.
    pub tries: u32,
}

struct Waiting {
    /// Due time, then place in the world's list: ties keep their order.
    queue: BTreeSet<(i64, usize)>,
    told: Vec<Told>,
}

/// Everything around the program.
pub struct Stage {
    pub clock: Arc<VirtualClock>,
    pub hook: Arc<CrashHook>,
    vendors: Vec<Mutex<Vendors>>,
    /// Base URL → account and who is there.
    hosts: BTreeMap<String, (usize, Host)>,
    tokens: Vec<String>,
    deliveries: Vec<Delivery>,
    waiting: Mutex<Waiting>,
    engine: Mutex<Option<Engine>>,
    /// Credentials that went to the wrong address: never.
    leaks: Mutex<Vec<String>>,
    trace: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The address of an account's CRM.
pub fn crm_url(letter: char) -> String {
    format!("https://crm-{letter}.sim.test")
}

/// The address of an account's page receiver.
pub fn pager_url(letter: char) -> String {
    format!("https://pager-{letter}.sim.test/in")
}

/// The address of the system that an account tells of everything.
pub fn desk_url(letter: char) -> String {
    format!("https://desk-{letter}.sim.test/in")
}

impl Stage {
    /// Sets the stage for a world.
    pub fn new(world: &World, vendors: Vec<Vendors>, hook: Arc<CrashHook>, trace: bool) -> Self {
        let mut hosts = BTreeMap::new();
        for (n, account) in world.accounts.iter().enumerate() {
            hosts.insert(crm_url(account.letter), (n, Host::Crm));
            hosts.insert(pager_url(account.letter), (n, Host::Pager));
            hosts.insert(desk_url(account.letter), (n, Host::Desk));
        }
        let queue = world.deliveries.iter().enumerate().map(|(n, d)| (d.due_ms, n)).collect();
        Self {
            clock: Arc::new(VirtualClock::at(world.start_ms)),
            hook,
            vendors: vendors.into_iter().map(Mutex::new).collect(),
            hosts,
            tokens: world.accounts.iter().map(|a| a.token.clone()).collect(),
            deliveries: world.deliveries.clone(),
            waiting: Mutex::new(Waiting { queue, told: vec![Told::default(); world.deliveries.len()] }),
            engine: Mutex::new(None),
            leaks: Mutex::new(Vec::new()),
            trace,
        }
    }

    /// The program that takes the webhooks from now on.
    pub fn enter(&self, engine: Engine) {
        *lock(&self.engine) = Some(engine);
    }

    /// The play is over: the program goes, which holds this stage as its network.
    pub fn leave(&self) {
        *lock(&self.engine) = None;
    }

    /// An account's vendors.
    pub fn with_vendors<T>(&self, account: usize, act: impl FnOnce(&mut Vendors) -> T) -> Option<T> {
        self.vendors.get(account).map(|v| act(&mut lock(v)))
    }

    /// What became of each delivery.
    pub fn told(&self) -> Vec<Told> {
        lock(&self.waiting).told.clone()
    }

    /// Credentials that went astray.
    pub fn leaks(&self) -> Vec<String> {
        lock(&self.leaks).clone()
    }

    /// When the next webhook comes, ms since the epoch.
    pub fn next_delivery(&self) -> Option<i64> {
        lock(&self.waiting).queue.first().map(|(due, _)| *due)
    }

    /// Is something about that caller still on its way?
    pub fn still_comes(&self, concerns: impl Fn(&Delivery) -> bool) -> bool {
        lock(&self.waiting).queue.iter().any(|(_, n)| self.deliveries.get(*n).is_some_and(&concerns))
    }

    /// Tells the story on standard error.
    pub fn say(&self, words: impl FnOnce() -> String) {
        if self.trace {
            crate::out::say(&format!("{} {}", self.clock.now(), words()));
        }
    }

    /// Moves time on and delivers what comes until then.
    pub async fn reach(&self, ms: i64) {
        loop {
            let next = {
                let mut waiting = lock(&self.waiting);
                match waiting.queue.first() {
                    Some(&(due, n)) if due <= ms => {
                        waiting.queue.remove(&(due, n));
                        Some((due, n))
                    }
                    _ => None,
                }
            };
            let Some((due, n)) = next else { break };
            self.clock.reach(due);
            self.deliver(n).await;
        }
        self.clock.reach(ms);
    }

    async fn deliver(&self, n: usize) {
        let Some(delivery) = self.deliveries.get(n) else { return };
        let engine = lock(&self.engine).clone();
        let raw = RawRequest {
            method: "POST".into(),
            url: delivery.url.clone(),
            event: delivery.event.clone(),
            headers: delivery.headers.clone(),
            body: delivery.body.clone(),
        };
        // A program that is down takes no connection.
        let status = match engine.filter(|_| !self.hook.dead()) {
            Some(engine) => engine.receive(&delivery.connection, raw).await.status,
            None => 0,
        };
        let now_ms = self.clock.ms();
        let acked = (200..300).contains(&status);
        self.say(|| {
            format!("webhook {} {} about call {} → {status}", delivery.connection, delivery.event, delivery.call)
        });
        let mut waiting = lock(&self.waiting);
        if let Some(told) = waiting.told.get_mut(n) {
            told.tries += 1;
            if acked {
                told.acked_ms = Some(now_ms);
            }
        }
        if !acked && delivery.insists {
            waiting.queue.insert((now_ms + AGAIN_MS, n));
        }
    }

    fn exchange(&self, call: &Outgoing<'_>) -> (Result<HttpReply, Fault>, i64) {
        let Some(&(account, host)) = self.hosts.get(call.base_url) else {
            return (Err(Fault::Refused(format!("no such host: {}", call.base_url))), 1);
        };
        let mut headers = call.request.headers.clone();
        if let Some(Authorization::Bearer(secret)) = &call.auth {
            if self.tokens.get(account).is_none_or(|t| t != secret.reveal()) || host != Host::Crm {
                lock(&self.leaks).push(format!("the credential of {} went to {}", call.connection, call.base_url));
            }
            headers.push(("authorization".into(), format!("Bearer {}", secret.reveal())));
        }
        let request = Request {
            method: call.request.method.as_str().to_owned(),
            path: call.request.path.clone(),
            headers,
            body: call.request.body.clone(),
        };
        let now_ms = self.clock.ms();
        let timeout_ms = i64::try_from(call.timeout.as_millis()).unwrap_or(i64::MAX);
        let Some(vendors) = self.vendors.get(account) else { return (Err(Fault::Refused("no vendor".into())), 1) };
        let mut vendors = lock(vendors);
        let Exchanged { what, took_ms } = match host {
            Host::Crm => vendors.crm.exchange(&request, now_ms),
            Host::Pager => vendors.pager.exchange(&request, now_ms),
            Host::Desk => vendors.desk.exchange(&request, now_ms),
        };
        drop(vendors);
        self.say(|| {
            let body = String::from_utf8_lossy(&request.body);
            let seen = match &what {
                What::Answer(reply) => format!("{} {}", reply.status, cut(&String::from_utf8_lossy(&reply.body), 300)),
                other => format!("{other:?}"),
            };
            format!("{} {} {} {} → {seen}", call.connection, request.method, request.path, cut(&body, 160))
        });
        let answer = match what {
            What::Answer(_) if took_ms > timeout_ms => Err(Fault::TimedOut),
            What::Answer(Reply { status, headers, body }) => Ok(HttpReply { status, headers, body }),
            What::TimedOut => Err(Fault::TimedOut),
            What::Refused => Err(Fault::Refused("connection refused".into())),
            What::Reset => Err(Fault::Reset("connection reset by peer".into())),
        };
        (answer, now_ms + took_ms.min(timeout_ms))
    }
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// The program's network.
pub struct Network(pub Arc<Stage>);

impl Transport for Network {
    fn send<'a>(&'a self, call: Outgoing<'a>) -> BoxFuture<'a, Result<HttpReply, Fault>> {
        Box::pin(async move {
            // Whoever is dead sends nothing.
            if self.0.hook.dead() {
                return Err(Fault::Other("the program is down".into()));
            }
            let (answer, until_ms) = self.0.exchange(&call);
            self.0.reach(until_ms).await;
            answer
        })
    }
}
