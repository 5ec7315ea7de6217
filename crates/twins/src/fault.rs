//! What can go wrong between a client and a vendor, on demand.
//!
//! [`Faulty`] wraps a vendor with a [`Script`] of rules. Each exchange applies the first rule that fits; the vendor's log then
//! says both what was truly written and what the client saw. Time is given, so a script replays exactly.

use crate::chance::Chance;
use crate::log::{Log, Seen};
use crate::{Reply, Request};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How the other half of a half-written batch ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rest {
    /// 500, as if nothing had happened.
    #[default]
    ServerError,
    /// No answer.
    TimedOut,
    /// An honest 207 that lists the inputs that failed.
    MultiStatus,
}

/// One way to misbehave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// No answer, nothing written.
    TimeoutBeforeWrite,
    /// Written, no answer.
    TimeoutAfterWrite,
    /// No answer; the write lands this much later.
    LateLanding {
        /// From the request to the landing, ms.
        after_ms: i64,
    },
    /// Written, answered 422.
    UnprocessableButCreated,
    /// Written, answered 500.
    ServerErrorButCreated,
    /// Answered as if written; nothing was.
    SuccessButNothing,
    /// Only the first half of a batch is written (of one input: nothing). Single requests pass untouched.
    HalfABatch {
        /// What the client hears.
        #[serde(default)]
        rest: Rest,
    },
    /// Written; half of the results (of a single record: its id) are missing from the reply.
    IdsMissing,
    /// 429, nothing written.
    TooMany {
        /// `Retry-After` in seconds, if it is sent.
        #[serde(default)]
        retry_after_s: Option<u32>,
    },
    /// 5xx, nothing written.
    ServerError {
        /// 500 to 599.
        status: u16,
    },
    /// No connection.
    Refused,
    /// The connection breaks, nothing written.
    ResetBeforeWrite,
    /// Written, then the connection breaks.
    ResetAfterWrite,
    /// Written at once, answered late.
    Slow {
        /// Delay of the answer, ms.
        delay_ms: i64,
    },
    /// From now on search lags more than usual, for a while; this request is served.
    StaleSearch {
        /// The lag, ms.
        lag_ms: i64,
        /// For how long, ms.
        for_ms: i64,
    },
    /// Written; the reply's body is cut in the middle.
    TruncatedBody,
    /// 200 with another vendor's JSON.
    ForeignBody {
        /// Whether the request was carried out behind it.
        #[serde(default)]
        written: bool,
    },
    /// 200 with a page of HTML, as from a gateway.
    HtmlOk {
        /// Whether the request was carried out behind it.
        #[serde(default)]
        written: bool,
    },
    /// 401 for a token that is good before and after; nothing written.
    Unauthorized,
}

impl Fault {
    /// The names of every fault, as [`Fault::name`] gives them.
    pub const NAMES: [&'static str; 19] = [
        "timeout_before_write",
        "timeout_after_write",
        "late_landing",
        "unprocessable_but_created",
        "server_error_but_created",
        "success_but_nothing",
        "half_a_batch",
        "ids_missing",
        "too_many",
        "server_error",
        "refused",
        "reset_before_write",
        "reset_after_write",
        "slow",
        "stale_search",
        "truncated_body",
        "foreign_body",
        "html_ok",
        "unauthorized",
    ];

    /// One of each, with ordinary parameters: for suites that must not forget one.
    pub fn one_of_each() -> Vec<Self> {
        vec![
            Self::TimeoutBeforeWrite,
            Self::TimeoutAfterWrite,
            Self::LateLanding { after_ms: 20_000 },
            Self::UnprocessableButCreated,
            Self::ServerErrorButCreated,
            Self::SuccessButNothing,
            Self::HalfABatch { rest: Rest::ServerError },
            Self::IdsMissing,
            Self::TooMany { retry_after_s: None },
            Self::TooMany { retry_after_s: Some(10) },
            Self::ServerError { status: 503 },
            Self::Refused,
            Self::ResetBeforeWrite,
            Self::ResetAfterWrite,
            Self::Slow { delay_ms: 5_000 },
            Self::StaleSearch { lag_ms: 120_000, for_ms: 300_000 },
            Self::TruncatedBody,
            Self::ForeignBody { written: true },
            Self::HtmlOk { written: false },
            Self::Unauthorized,
        ]
    }

    /// The name in logs and counts.
    pub fn name(&self) -> &'static str {
        match self {
            Self::TimeoutBeforeWrite => "timeout_before_write",
            Self::TimeoutAfterWrite => "timeout_after_write",
            Self::LateLanding { .. } => "late_landing",
            Self::UnprocessableButCreated => "unprocessable_but_created",
            Self::ServerErrorButCreated => "server_error_but_created",
            Self::SuccessButNothing => "success_but_nothing",
            Self::HalfABatch { .. } => "half_a_batch",
            Self::IdsMissing => "ids_missing",
            Self::TooMany { .. } => "too_many",
            Self::ServerError { .. } => "server_error",
            Self::Refused => "refused",
            Self::ResetBeforeWrite => "reset_before_write",
            Self::ResetAfterWrite => "reset_after_write",
            Self::Slow { .. } => "slow",
            Self::StaleSearch { .. } => "stale_search",
            Self::TruncatedBody => "truncated_body",
            Self::ForeignBody { .. } => "foreign_body",
            Self::HtmlOk { .. } => "html_ok",
            Self::Unauthorized => "unauthorized",
        }
    }
}

/// When a rule fits, among the requests its filters let through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Every time.
    Always,
    /// Only the n-th time, counted from 1.
    Nth(u64),
    /// Every n-th time.
    EveryNth(u64),
    /// While `from_ms <= now < to_ms`.
    Between {
        /// Start, ms since the epoch.
        from_ms: i64,
        /// End, ms since the epoch.
        to_ms: i64,
    },
    /// By seeded chance, of 1,000.
    Chance {
        /// 0 to 1,000.
        per_mille: u16,
    },
}

/// One rule of a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// What happens.
    pub fault: Fault,
    /// When.
    pub when: When,
    /// Only this method.
    #[serde(default)]
    pub method: Option<String>,
    /// Only paths that contain this.
    #[serde(default)]
    pub path: Option<String>,
    /// Only bodies that contain this.
    #[serde(default)]
    pub body: Option<String>,
    /// At most this many times.
    #[serde(default)]
    pub times: Option<u64>,
}

impl Rule {
    /// A rule for every request.
    pub fn new(fault: Fault, when: When) -> Self {
        Self { fault, when, method: None, path: None, body: None, times: None }
    }

    /// Only this method and only paths that contain `path`.
    pub fn on(mut self, method: &str, path: &str) -> Self {
        self.method = Some(method.to_owned());
        self.path = Some(path.to_owned());
        self
    }

    /// At most `n` times.
    pub fn times(mut self, n: u64) -> Self {
        self.times = Some(n);
        self
    }

    fn concerns(&self, request: &Request) -> bool {
        self.method.as_ref().is_none_or(|method| *method == request.method)
            && self.path.as_ref().is_none_or(|part| request.path.contains(part))
            && self.body.as_ref().is_none_or(|part| String::from_utf8_lossy(&request.body).contains(part))
    }
}

/// A schedule of faults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Script {
    /// In order; the first that fits is applied.
    pub rules: Vec<Rule>,
    /// Decides [`When::Chance`].
    pub seed: u64,
    /// How long a client waits before it gives up, ms: what a time-out takes.
    pub client_timeout_ms: i64,
    /// How long an ordinary answer takes, ms.
    pub latency_ms: i64,
}

impl Default for Script {
    fn default() -> Self {
        Self { rules: Vec::new(), seed: 0, client_timeout_ms: 30_000, latency_ms: 40 }
    }
}

impl Script {
    /// Appends a rule.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// No connection from `from_ms` until `to_ms`.
    pub fn outage(self, from_ms: i64, to_ms: i64) -> Self {
        self.rule(Rule::new(Fault::Refused, When::Between { from_ms, to_ms }))
    }

    /// 429 from `from_ms` until `to_ms`.
    pub fn throttle(self, from_ms: i64, to_ms: i64, retry_after_s: Option<u32>) -> Self {
        self.rule(Rule::new(Fault::TooMany { retry_after_s }, When::Between { from_ms, to_ms }))
    }

    /// A script of one fault by chance.
    pub fn by_chance(self, fault: Fault, per_mille: u16) -> Self {
        self.rule(Rule::new(fault, When::Chance { per_mille }))
    }
}

/// A refusal a fault needs in the vendor's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusing {
    /// 401.
    Unauthorized,
    /// 422.
    Unprocessable,
    /// 429, with or without `Retry-After` in seconds.
    TooMany(Option<u32>),
    /// This 5xx.
    Server(u16),
}

/// What a vendor must offer so that it can be made to misbehave.
pub trait Vendor {
    /// Answers a request, carries it out, logs it.
    fn handle(&mut self, request: &Request, now_ms: i64) -> Reply;
    /// The log.
    fn log_mut(&mut self) -> &mut Log;
    /// Answers as if the request had been carried out, logs it, and carries nothing out.
    fn pretend(&mut self, request: &Request, now_ms: i64) -> Reply;
    /// Writes the first half of a batch and answers as for the whole, the rest as failed; `None` where it is no batch.
    fn half(&mut self, request: &Request, now_ms: i64) -> Option<Reply>;
    /// A refusal in the vendor's words; nothing is logged.
    fn refuse(&mut self, how: Refusing) -> Reply;
    /// Lets search lag; vendors without a lagging index ignore it.
    fn stale_search(&mut self, _lag_ms: i64, _until_ms: i64) {}
    /// What an auditor or a person asks the server that holds this vendor (`/_twin/…`); `None` where it knows nothing of it.
    fn control(&mut self, _request: &Request, _now_ms: i64) -> Option<Reply> {
        None
    }
    /// Waited by the server before every answer, ms.
    fn delay_ms(&self) -> u64 {
        0
    }
}

/// What reached the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A reply, perhaps mangled.
    Answer(Reply),
    /// Nothing in time.
    TimedOut,
    /// No connection.
    Refused,
    /// The connection broke.
    Reset,
}

/// One exchange as the client saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What arrived.
    pub what: What,
    /// How long it took, ms. A client that waits less than this has timed out, though the write is done.
    pub took_ms: i64,
}

impl Delivery {
    /// The reply, where one arrived.
    pub fn reply(&self) -> Option<&Reply> {
        match &self.what {
            What::Answer(reply) => Some(reply),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    seen: u64,
    fired: u64,
}

/// A vendor with a script of faults.
#[derive(Debug, Clone)]
pub struct Faulty<V> {
    vendor: V,
    script: Script,
    counts: Vec<Count>,
    chance: Chance,
    late: Vec<(i64, Request)>,
    hits: BTreeMap<&'static str, u64>,
}

impl<V: Vendor> Faulty<V> {
    /// A vendor that misbehaves by this script.
    pub fn new(vendor: V, script: Script) -> Self {
        let mut faulty = Self {
            vendor,
            script: Script::default(),
            counts: Vec::new(),
            chance: Chance::new(0),
            late: Vec::new(),
            hits: BTreeMap::new(),
        };
        faulty.set_script(script);
        faulty
    }

    /// The vendor.
    pub fn vendor(&self) -> &V {
        &self.vendor
    }

    /// The vendor, to seed it or act as a person in it.
    pub fn vendor_mut(&mut self) -> &mut V {
        &mut self.vendor
    }

    /// Replaces the script; counts start again, what is still to land stays.
    pub fn set_script(&mut self, script: Script) {
        self.chance = Chance::new(script.seed);
        self.counts = vec![Count::default(); script.rules.len()];
        self.script = script;
    }

    /// The vendor's part of a control request.
    pub(crate) fn control(&mut self, request: &Request, now_ms: i64) -> Option<Reply> {
        self.vendor.control(request, now_ms)
    }

    /// The log of the vendor.
    pub(crate) fn log_mut(&mut self) -> &mut Log {
        self.vendor.log_mut()
    }

    /// The script.
    pub fn script(&self) -> &Script {
        &self.script
    }

    /// How often each fault was applied.
    pub fn hits(&self) -> &BTreeMap<&'static str, u64> {
        &self.hits
    }

    /// Writes that are still to land.
    pub fn unsettled(&self) -> usize {
        self.late.len()
    }

    /// Lands every late write that is due. Called by every exchange; call it once more before counting.
    pub fn settle(&mut self, now_ms: i64) {
        self.late.sort_by_key(|(due, _)| *due); // stable: equal dues keep their order
        while self.late.first().is_some_and(|(due, _)| *due <= now_ms) {
            let (due, request) = self.late.remove(0);
            self.vendor.handle(&request, due);
            self.amend("landed_late", Seen::TimedOut);
        }
    }

    /// One exchange at `now_ms`.
    pub fn exchange(&mut self, request: &Request, now_ms: i64) -> Delivery {
        self.settle(now_ms);
        let fault = self.pick(request, now_ms);
        let Some(fault) = fault else {
            let reply = self.vendor.handle(request, now_ms);
            return Delivery { what: What::Answer(reply), took_ms: self.script.latency_ms };
        };
        *self.hits.entry(fault.name()).or_default() += 1;
        self.apply(&fault, request, now_ms)
    }

    fn pick(&mut self, request: &Request, now_ms: i64) -> Option<Fault> {
        let mut picked = None;
        for (rule, count) in self.script.rules.iter().zip(&mut self.counts) {
            if !rule.concerns(request) {
                continue;
            }
            count.seen += 1;
            let fits = match rule.when {
                When::Always => true,
                When::Nth(n) => count.seen == n,
                When::EveryNth(n) => n > 0 && count.seen % n == 0,
                When::Between { from_ms, to_ms } => (from_ms..to_ms).contains(&now_ms),
                // Drawn for every rule it concerns, so that one rule more does not shift the draws of the others less.
                When::Chance { per_mille } => self.chance.hits(per_mille),
            };
            if fits && picked.is_none() && rule.times.is_none_or(|max| count.fired < max) {
                count.fired += 1;
                picked = Some(rule.fault.clone());
            }
        }
        picked
    }

    fn apply(&mut self, fault: &Fault, request: &Request, now_ms: i64) -> Delivery {
        let name = fault.name();
        match fault {
            Fault::TimeoutBeforeWrite => self.lost(name, request, now_ms, Seen::TimedOut),
            Fault::Refused => self.lost(name, request, now_ms, Seen::Refused),
            Fault::ResetBeforeWrite => self.lost(name, request, now_ms, Seen::Reset),
            Fault::LateLanding { after_ms } => {
                self.late.push((now_ms + after_ms, request.clone()));
                self.lost(name, request, now_ms, Seen::TimedOut)
            }
            Fault::TimeoutAfterWrite | Fault::ResetAfterWrite => {
                self.vendor.handle(request, now_ms);
                let seen = if matches!(fault, Fault::ResetAfterWrite) { Seen::Reset } else { Seen::TimedOut };
                self.amend(name, seen.clone());
                self.gone(&seen)
            }
            Fault::UnprocessableButCreated => self.lied(name, request, now_ms, Refusing::Unprocessable),
            Fault::ServerErrorButCreated => self.lied(name, request, now_ms, Refusing::Server(500)),
            Fault::SuccessButNothing => {
                let reply = self.vendor.pretend(request, now_ms);
                self.mangled(name, reply)
            }
            Fault::HalfABatch { rest } => self.half(name, *rest, request, now_ms),
            Fault::IdsMissing => {
                let mut reply = self.vendor.handle(request, now_ms);
                drop_ids(&mut reply);
                self.mangled(name, reply)
            }
            Fault::TooMany { retry_after_s } => self.refused(name, request, now_ms, Refusing::TooMany(*retry_after_s)),
            Fault::ServerError { status } => self.refused(name, request, now_ms, Refusing::Server(*status)),
            Fault::Unauthorized => self.refused(name, request, now_ms, Refusing::Unauthorized),
            Fault::Slow { delay_ms } => {
                let reply = self.vendor.handle(request, now_ms);
                let status = reply.status;
                self.amend(name, Seen::Answered(status));
                Delivery { what: What::Answer(reply), took_ms: self.script.latency_ms + delay_ms }
            }
            Fault::StaleSearch { lag_ms, for_ms } => {
                self.vendor.stale_search(*lag_ms, now_ms + for_ms);
                let reply = self.vendor.handle(request, now_ms);
                let status = reply.status;
                self.amend(name, Seen::Answered(status));
                self.answer(reply)
            }
            Fault::TruncatedBody => {
                let mut reply = self.vendor.handle(request, now_ms);
                reply.body.truncate(reply.body.len() / 2);
                self.mangled(name, reply)
            }
            Fault::ForeignBody { written } => {
                let body = json!({ "data": [{ "code": "SUCCESS", "status": "success", "message": "record added",
                    "details": { "id": "5725767000000492014" } }] });
                self.other(name, request, now_ms, *written, Reply::json(200, &body))
            }
            Fault::HtmlOk { written } => {
                let page = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>";
                let headers = vec![("Content-Type".to_owned(), "text/html; charset=UTF-8".to_owned())];
                self.other(name, request, now_ms, *written, Reply { status: 200, headers, body: page.into() })
            }
        }
    }

    /// Nothing reached the vendor's store, nothing came back.
    fn lost(&mut self, name: &'static str, request: &Request, now_ms: i64, seen: Seen) -> Delivery {
        self.vendor.log_mut().push(request, now_ms, None, seen.clone());
        self.amend(name, seen.clone());
        self.gone(&seen)
    }

    fn gone(&self, seen: &Seen) -> Delivery {
        match seen {
            Seen::Refused => Delivery { what: What::Refused, took_ms: 1 },
            Seen::Reset => Delivery { what: What::Reset, took_ms: self.script.latency_ms },
            _ => Delivery { what: What::TimedOut, took_ms: self.script.client_timeout_ms },
        }
    }

    /// Carried out, and answered as if refused.
    fn lied(&mut self, name: &'static str, request: &Request, now_ms: i64, how: Refusing) -> Delivery {
        self.vendor.handle(request, now_ms);
        let reply = self.vendor.refuse(how);
        self.mangled(name, reply)
    }

    fn refused(&mut self, name: &'static str, request: &Request, now_ms: i64, how: Refusing) -> Delivery {
        let reply = self.vendor.refuse(how);
        self.vendor.log_mut().push(request, now_ms, Some(reply.status), Seen::Answered(reply.status));
        let status = reply.status;
        self.amend(name, Seen::Answered(status));
        self.answer(reply)
    }

    fn half(&mut self, name: &'static str, rest: Rest, request: &Request, now_ms: i64) -> Delivery {
        let Some(reply) = self.vendor.half(request, now_ms) else {
            let reply = self.vendor.handle(request, now_ms);
            return self.answer(reply);
        };
        match rest {
            Rest::MultiStatus => {
                let status = reply.status;
                self.amend(name, Seen::Answered(status));
                self.answer(reply)
            }
            Rest::ServerError => {
                let reply = self.vendor.refuse(Refusing::Server(500));
                self.mangled(name, reply)
            }
            Rest::TimedOut => {
                self.amend(name, Seen::TimedOut);
                self.gone(&Seen::TimedOut)
            }
        }
    }

    fn other(&mut self, name: &'static str, request: &Request, now_ms: i64, written: bool, reply: Reply) -> Delivery {
        if written {
            self.vendor.handle(request, now_ms);
        } else {
            self.vendor.log_mut().push(request, now_ms, None, Seen::Mangled(reply.status));
        }
        self.mangled(name, reply)
    }

    fn mangled(&mut self, name: &'static str, reply: Reply) -> Delivery {
        self.amend(name, Seen::Mangled(reply.status));
        self.answer(reply)
    }

    fn answer(&self, reply: Reply) -> Delivery {
        Delivery { what: What::Answer(reply), took_ms: self.script.latency_ms }
    }

    fn amend(&mut self, name: &'static str, seen: Seen) {
        if let Some(entry) = self.vendor.log_mut().last_mut() {
            entry.fault = Some(name);
            entry.seen = seen;
        }
    }
}

/// Takes the last half of `results` (at least one), or a single record's `id`, out of a reply.
fn drop_ids(reply: &mut Reply) {
    let mut body = reply.value();
    if let Some(results) = body.get_mut("results").and_then(Value::as_array_mut) {
        results.truncate(results.len() / 2);
    } else if let Some(record) = body.as_object_mut() {
        record.remove("id");
        if let Some(properties) = record.get_mut("properties").and_then(Value::as_object_mut) {
            properties.remove("hs_object_id");
        }
    }
    if !body.is_null() {
        reply.body = body.to_string().into_bytes();
    }
}

#[cfg(test)]
mod tests;
