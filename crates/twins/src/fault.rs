//! What can go wrong between a client and a vendor, on demand.
//!
//! [`Faulty`] wraps a vendor with a [`Script`] of rules. Each exchange applies the first rule that fits; the vendor's log then
//! says both what was truly written and what the client saw. Time is given, so a script replays exactly.

mod script;

pub use script::{Fault, Rest, Rule, Script, When};

use crate::chance::Chance;
use crate::log::{Log, Seen};
use crate::{Reply, Request};
use serde_json::{Value, json};
use std::collections::BTreeMap;

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
                // Drawn for every rule the request concerns, whether or not an earlier rule already fired.
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
            Fault::Redirect => {
                // Where clouds keep their machines' credentials: the address that must never be asked.
                let headers = vec![("Location".to_owned(), "http://169.254.169.254/latest/meta-data/".to_owned())];
                self.other(name, request, now_ms, false, Reply { status: 302, headers, body: Vec::new() })
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
            // Not a batch: nothing went wrong, so nothing is counted.
            if let Some(hits) = self.hits.get_mut(name) {
                *hits -= 1;
            }
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

/// Where vendors keep the results of a request for several records.
const LISTS: [&str; 5] = ["results", "data", "compositeResponse", "value", "contacts"];
/// Where vendors wrap a single record.
const WRAPS: [&str; 4] = ["data", "contact", "task", "note"];

/// Takes the last half of a list of results (at least one), or a single record's `id`, out of a reply.
fn drop_ids(reply: &mut Reply) {
    let mut body = reply.value();
    let list = match &body {
        Value::Array(_) => Some(None),
        Value::Object(map) => LISTS.into_iter().find(|name| map.get(*name).is_some_and(Value::is_array)).map(Some),
        _ => None,
    };
    if let Some(name) = list {
        let list = match name {
            Some(name) => body.get_mut(name),
            None => Some(&mut body),
        };
        if let Some(list) = list.and_then(Value::as_array_mut) {
            list.truncate(list.len() / 2);
        }
    } else {
        let wrap = WRAPS.into_iter().find(|name| body.get(*name).is_some_and(Value::is_object));
        let record = match wrap {
            Some(name) => body.get_mut(name),
            None => Some(&mut body),
        };
        if let Some(record) = record.and_then(Value::as_object_mut) {
            record.remove("id");
            if let Some(properties) = record.get_mut("properties").and_then(Value::as_object_mut) {
                properties.remove("hs_object_id");
            }
        }
    }
    if !body.is_null() {
        reply.body = body.to_string().into_bytes();
    }
}

#[cfg(test)]
mod tests;
