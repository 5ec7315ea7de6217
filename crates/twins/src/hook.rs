//! A receiver of messages about records, with a CRM of its own behind it: a Zap, a Make scenario, an n8n workflow, somebody's endpoint.
//!
//! Each accepted POST starts a run, at once or later; none of these products tells a repeat from a new message by itself
//! (<https://help.zapier.com/hc/en-us/articles/29972220283789-Webhooks-by-Zapier-rate-limits>: 200 may run minutes later, 429;
//! <https://help.make.com/webhooks>: `Accepted`, a full queue is 400, a switched-off one 410;
//! <https://docs.n8n.io/integrations/builtin/core-nodes/n8n-nodes-base.webhook/>). What a run does is what a careful user builds:
//!
//! 1. a storage step, keyed by the message's `idempotency_key` ([`Options::filter`]): the same `event_id` again does nothing but acknowledge
//!    again, a known key updates its record;
//! 2. a person is looked for by number and address before one is made ([`Options::finds_people`]), and then left alone;
//! 3. the record is written, and `callback_url` told ([`Options::acknowledging`]).
//!
//! Acknowledgements are queued here; whoever runs the twin posts them ([`Hook::take_acks`], `POST /_twin/acks`).

use crate::books::{Books, Entry, Kind};
use crate::fault::{Refusing, Vendor};
use crate::log::{Deed, Effect, Log, Seen};
use crate::{Reply, Request, sign};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, VecDeque};

/// How many finished runs are kept.
const RUNS_KEPT_MAX: usize = 100_000;

/// Whose answers it gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    #[default]
    Zapier,
    Make,
    N8n,
    /// Somebody's own endpoint: 202 without a body.
    Own,
}

/// How it says what became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acknowledging {
    /// Not at all: the step was left out.
    Never,
    /// By a POST to the message's `callback_url`, some time after the run.
    #[default]
    Posted,
    /// In the answer itself (n8n's *Respond to Webhook*, Make's *Webhook response*); such a run never waits.
    Inline,
}

/// How the receiver is set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    pub style: Style,
    /// Off: a Zap says success and does nothing, Make says 410, n8n 404.
    pub on: bool,
    /// The secret that messages are signed with.
    pub secret: String,
    /// Whether signatures are checked.
    pub verify: bool,
    /// The storage step. Without it every message makes a record.
    pub filter: bool,
    /// Runs that fall due together read the storage before any of them writes it.
    pub races: bool,
    /// People are looked for before one is made.
    pub finds_people: bool,
    pub acknowledging: Acknowledging,
    /// Kinds of record (`contact`, `call`, `task`) that are rejected.
    pub rejects: Vec<String>,
    /// From the answer to the run, ms.
    pub run_after_ms: i64,
    /// From the run to the acknowledgement, ms.
    pub ack_after_ms: i64,
    /// Runs that may wait; more are refused as a full queue. 667 is what Make gives for 10,000 credits.
    pub queue_max: usize,
    /// Messages in any second; 0 is no limit. Both Zapier and Make say about 30.
    pub per_second: u32,
    /// Waited by the server before every answer, ms.
    pub delay_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            style: Style::default(),
            on: true,
            secret: "whsec_dHdpbiBvZiBhIHJlY2VpdmVyLCBubyBzZWNyZXQ=".to_owned(),
            verify: true,
            filter: true,
            races: false,
            finds_people: true,
            acknowledging: Acknowledging::default(),
            rejects: Vec::new(),
            run_after_ms: 0,
            ack_after_ms: 1_000,
            queue_max: 667,
            per_second: 30,
            delay_ms: 0,
        }
    }
}

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Did {
    Created,
    Updated,
    /// The person was there and was left alone.
    Found,
    Deleted,
    /// The same event again: nothing but another acknowledgement.
    Dropped,
    Rejected,
}

/// One finished run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    pub at_ms: i64,
    pub event_id: String,
    pub did: Did,
    /// The record it was about.
    pub record: Option<String>,
}

/// An acknowledgement to be posted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AckPost {
    /// Not before then, ms since the epoch.
    pub due_ms: i64,
    pub url: String,
    pub body: Value,
}

#[derive(Debug, Clone)]
struct Waiting {
    due_ms: i64,
    event: Value,
}

/// What the storage step remembers of a key.
#[derive(Debug, Clone)]
struct Known {
    event_id: String,
    record: String,
    found: bool,
}

#[derive(Debug, Clone)]
struct Held {
    kind: Kind,
    object: String,
    fields: BTreeMap<String, String>,
    people: Vec<String>,
    by_person: bool,
    gone: bool,
}

/// Everything that a pretended request must leave as it was.
#[derive(Debug, Clone, Default)]
struct State {
    records: BTreeMap<u64, Held>,
    storage: BTreeMap<String, Known>,
    waiting: Vec<Waiting>,
    runs: VecDeque<Run>,
    acks: Vec<AckPost>,
}

/// One receiver.
#[derive(Debug, Clone)]
pub struct Hook {
    options: Options,
    state: State,
    next_id: u64,
    requests: u64,
    started: u64,
    recent_ms: VecDeque<i64>,
    log: Log,
}

impl Default for Hook {
    fn default() -> Self {
        Self::new(Options::default())
    }
}

impl Hook {
    /// An empty receiver.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            state: State::default(),
            next_id: 1_001,
            requests: 0,
            started: 0,
            recent_ms: VecDeque::new(),
            log: Log::default(),
        }
    }

    /// The set-up.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The set-up; changes hold from the next request on.
    pub fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    /// How many runs were started: one per accepted message, repeats too.
    pub fn started(&self) -> u64 {
        self.started
    }

    /// Finished runs, oldest first.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.state.runs.iter()
    }

    /// Runs that were accepted and have not begun.
    pub fn waiting(&self) -> usize {
        self.state.waiting.len()
    }

    /// Acknowledgements not posted yet, due or not.
    pub fn acks(&self) -> &[AckPost] {
        &self.state.acks
    }

    /// Runs what is due and hands over the acknowledgements that are due, each once.
    pub fn take_acks(&mut self, now_ms: i64) -> Vec<AckPost> {
        self.settle(now_ms);
        let (due, later) = std::mem::take(&mut self.state.acks).into_iter().partition(|ack| ack.due_ms <= now_ms);
        self.state.acks = later;
        due
    }

    /// Does the runs that are due. Every request does so first.
    pub fn settle(&mut self, now_ms: i64) {
        self.state.waiting.sort_by_key(|run| run.due_ms); // stable: equal dues keep their order
        let due = self.state.waiting.partition_point(|run| run.due_ms <= now_ms);
        let due: Vec<Waiting> = self.state.waiting.drain(..due).collect();
        let before = (self.options.races && due.len() > 1).then(|| self.state.storage.clone());
        for run in due {
            self.run(&run.event, run.due_ms, before.as_ref());
        }
    }

    /// Answers one request at `now_ms` and logs it.
    pub fn handle(&mut self, request: &Request, now_ms: i64) -> Reply {
        self.settle(now_ms);
        self.requests += 1;
        let (reply, effects) = self.take(request, now_ms);
        self.log.push(request, now_ms, Some(reply.status), Seen::Answered(reply.status));
        if let Some(entry) = self.log.last_mut() {
            entry.effects = effects;
        }
        reply
    }

    fn take(&mut self, request: &Request, now_ms: i64) -> (Reply, Vec<Effect>) {
        let refused = |reply: Reply| (reply, Vec::new());
        if request.method != "POST" {
            return refused(Reply::json(405, &json!({ "message": "POST only" })));
        }
        if self.too_many(now_ms) {
            return refused(self.refusal(Refusing::TooMany(None)));
        }
        if !self.options.on {
            return refused(self.off());
        }
        let event = match serde_json::from_slice::<Value>(&request.body) {
            Ok(event) if event["event_id"].is_string() && event["idempotency_key"].is_string() => event,
            _ => return refused(Reply::json(400, &json!({ "message": "not a message about a record" }))),
        };
        if self.options.verify && !self.signed(request, &event, now_ms) {
            return refused(self.refusal(Refusing::Unauthorized));
        }
        if self.state.waiting.len() >= self.options.queue_max {
            return refused(text(400, "Queue is full."));
        }
        self.started += 1;
        let inline = self.options.acknowledging == Acknowledging::Inline;
        if self.options.run_after_ms > 0 && !inline {
            self.state.waiting.push(Waiting { due_ms: now_ms + self.options.run_after_ms, event });
            return refused(self.accepted());
        }
        let (ack, effects) = self.run(&event, now_ms, None);
        (if inline { Reply::json(200, &ack) } else { self.accepted() }, effects)
    }

    /// The message's id is signed as the header says and must be the one inside.
    fn signed(&self, request: &Request, event: &Value, now_ms: i64) -> bool {
        let header = |name| request.get_header(name);
        let (Some(id), Some(at), Some(signature)) =
            (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"))
        else {
            return false;
        };
        event["event_id"] == *id
            && sign::standard_webhooks_holds(&self.options.secret, id, at, signature, &request.body, now_ms)
    }

    fn too_many(&mut self, now_ms: i64) -> bool {
        if self.options.per_second == 0 {
            return false;
        }
        while self.recent_ms.front().is_some_and(|at| *at <= now_ms - 1_000) {
            self.recent_ms.pop_front();
        }
        if self.recent_ms.len() >= self.options.per_second as usize {
            return true;
        }
        self.recent_ms.push_back(now_ms);
        false
    }

    fn accepted(&self) -> Reply {
        match self.options.style {
            Style::Zapier => {
                let id = format!("019a7e30-0000-7000-8000-{:012x}", self.requests);
                Reply::json(200, &json!({ "status": "success", "id": id, "attempt": id, "request_id": id }))
            }
            Style::Make => text(200, "Accepted"),
            Style::N8n => Reply::json(200, &json!({ "message": "Workflow was started" })),
            Style::Own => Reply::empty(202),
        }
    }

    fn off(&self) -> Reply {
        match self.options.style {
            Style::Zapier => self.accepted(),
            Style::Make | Style::Own => text(410, "Gone"),
            Style::N8n => {
                let message = "The requested webhook \"POST crm\" is not registered.";
                let hint = "The workflow must be active for a production URL to run successfully.";
                Reply::json(404, &json!({ "code": 404, "message": message, "hint": hint }))
            }
        }
    }

    fn refusal(&self, how: Refusing) -> Reply {
        match how {
            Refusing::Unauthorized => Reply::json(401, &json!({ "message": "signature or timestamp does not hold" })),
            Refusing::Unprocessable => Reply::json(422, &json!({ "message": "could not be processed" })),
            Refusing::TooMany(None) => text(429, "Too Many Requests"),
            Refusing::TooMany(Some(seconds)) => text(429, "Too Many Requests").with_header("Retry-After", seconds),
            Refusing::Server(status) => text(status, "Internal Server Error"),
        }
    }
}

fn text(status: u16, words: &str) -> Reply {
    let headers = vec![("Content-Type".to_owned(), "text/plain; charset=utf-8".to_owned())];
    Reply { status, headers, body: words.into() }
}

/// The run: what the user built.
impl Hook {
    /// Does what a message asks and gives the acknowledgement. `before`: the storage as runs beside this one read it.
    fn run(&mut self, event: &Value, now_ms: i64, before: Option<&BTreeMap<String, Known>>) -> (Value, Vec<Effect>) {
        let word = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        let (key, event_id, object) = (word("idempotency_key"), word("event_id"), word("object"));
        let known = before.unwrap_or(&self.state.storage).get(&key).filter(|_| self.options.filter).cloned();
        let (did, record) = if self.options.rejects.contains(&object) {
            (Did::Rejected, None)
        } else if let Some(known) = known.as_ref().filter(|known| known.event_id == event_id) {
            (Did::Dropped, Some(known.record.clone()))
        } else {
            match event["type"].as_str() {
                Some("record.upsert") => self.upsert(event, &key, known.as_ref()),
                Some("record.update") => self.update(event),
                Some("record.delete") => self.delete(event),
                _ => (Did::Rejected, None),
            }
        };
        let found = did == Did::Found || known.as_ref().is_some_and(|known| known.found);
        if let Some(record) = &record {
            self.state.storage.insert(key.clone(), Known { event_id: event_id.clone(), record: record.clone(), found });
        }
        let ack = self.ack(event, did, record.as_deref(), found);
        if let (Acknowledging::Posted, Some(url)) = (self.options.acknowledging, event["callback_url"].as_str()) {
            let due_ms = now_ms + self.options.ack_after_ms;
            self.state.acks.push(AckPost { due_ms, url: url.to_owned(), body: ack.clone() });
        }
        let deed = match did {
            Did::Created => Some(Deed::Created),
            Did::Updated => Some(Deed::Updated),
            Did::Deleted => Some(Deed::Archived),
            Did::Found | Did::Dropped | Did::Rejected => None,
        };
        let effect = deed.zip(record.clone()).map(|(deed, id)| Effect { deed, object: format!("{object}s"), id });
        if self.state.runs.len() >= RUNS_KEPT_MAX {
            self.state.runs.pop_front();
        }
        self.state.runs.push_back(Run { at_ms: now_ms, event_id, did, record });
        (ack, effect.into_iter().collect())
    }

    fn upsert(&mut self, event: &Value, key: &str, known: Option<&Known>) -> (Did, Option<String>) {
        let fields = said(&event["fields"]);
        if let Some(known) = known {
            // Who was found is the receiver's own: nothing of it is changed.
            let did = match known.found {
                true => Did::Found,
                false if self.set(&known.record, &fields) => Did::Updated,
                // Somebody deleted it: the step that updates fails.
                false => return (Did::Rejected, None),
            };
            return (did, Some(known.record.clone()));
        }
        let kind = match event["object"].as_str() {
            Some("contact") => Kind::Person,
            Some("call") => Kind::Call,
            Some("task") => Kind::Task,
            Some("deal") => Kind::Deal,
            _ => Kind::Other,
        };
        if kind == Kind::Person
            && self.options.finds_people
            && let Some(found) = self.person(event)
        {
            return (Did::Found, Some(found));
        }
        let people = self.contact(event).into_iter().collect();
        let object = event["object"].as_str().unwrap_or_default().to_owned();
        let mut held = Held { kind, object, fields: BTreeMap::new(), people, by_person: false, gone: false };
        held.fields.extend(fields);
        held.fields.insert("rb_key".to_owned(), key.to_owned());
        held.fields.retain(|_, value| !value.is_empty());
        (Did::Created, Some(self.make(held)))
    }

    fn update(&mut self, event: &Value) -> (Did, Option<String>) {
        let id = event["record_id"].as_str().unwrap_or_default().to_owned();
        match self.set(&id, &said(&event["fields"])) {
            true => (Did::Updated, Some(id)),
            false => (Did::Rejected, None),
        }
    }

    fn delete(&mut self, event: &Value) -> (Did, Option<String>) {
        let id = event["record_id"].as_str().unwrap_or_default().to_owned();
        match self.live_mut(&id) {
            Some(held) => {
                held.gone = true;
                (Did::Deleted, Some(id))
            }
            None => (Did::Rejected, None),
        }
    }

    /// The person with that number or address, the oldest first.
    fn person(&self, event: &Value) -> Option<String> {
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let number = event["caller"]["e164"].as_str().map(digits).unwrap_or_default();
        let tail = number.get(number.len().saturating_sub(10)..).filter(|t| t.len() >= 7).map(str::to_owned);
        let email = event["fields"]["email"].as_str().filter(|e| !e.is_empty());
        let fits = |held: &Held| {
            let phone = held.fields.get("phone").map(|phone| digits(phone)).unwrap_or_default();
            let same_email =
                email.is_some_and(|e| held.fields.get("email").is_some_and(|held| held.eq_ignore_ascii_case(e)));
            held.kind == Kind::Person && !held.gone && (same_email || tail.as_ref().is_some_and(|t| phone.ends_with(t)))
        };
        self.state.records.iter().find(|(_, held)| fits(held)).map(|(id, _)| id.to_string())
    }

    /// The contact of an activity: by the id that was acknowledged, else by the contact's key in the storage.
    fn contact(&self, event: &Value) -> Option<String> {
        let named = event["contact"].as_str()?;
        let there = named.parse::<u64>().is_ok_and(|id| self.state.records.contains_key(&id));
        if there { Some(named.to_owned()) } else { self.state.storage.get(named).map(|known| known.record.clone()) }
    }

    fn ack(&self, event: &Value, did: Did, record: Option<&str>, found: bool) -> Value {
        let held = record.and_then(|id| id.parse::<u64>().ok()).and_then(|id| self.state.records.get(&id));
        let status = match did {
            Did::Rejected => "rejected",
            _ if found => "found",
            _ => "written",
        };
        let mut ack = json!({
            "event_id": event["event_id"],
            "idempotency_key": event["idempotency_key"],
            "status": status,
            "record_id": record,
            "record_url": record.map(|id| format!("https://crm.twin.example/records/{id}")),
        });
        match (held, event["fields"].as_object()) {
            (Some(held), _) if found => ack["fields"] = json!(held.fields),
            (Some(held), Some(asked)) if did != Did::Deleted => {
                let named = asked.keys().map(|name| (name.clone(), json!(held.fields.get(name))));
                ack["fields"] = Value::Object(named.collect::<Map<_, _>>());
            }
            _ if status == "rejected" => ack["reason"] = json!("this receiver does not take it"),
            _ => {}
        }
        ack
    }

    fn make(&mut self, held: Held) -> String {
        let id = self.next_id;
        self.next_id += 1;
        self.state.records.insert(id, held);
        id.to_string()
    }

    fn live_mut(&mut self, id: &str) -> Option<&mut Held> {
        self.state.records.get_mut(&id.parse().ok()?).filter(|held| !held.gone)
    }

    fn set(&mut self, id: &str, fields: &BTreeMap<String, String>) -> bool {
        let Some(held) = self.live_mut(id) else { return false };
        for (name, value) in fields {
            held.fields.insert(name.clone(), value.clone());
        }
        held.fields.retain(|_, value| !value.is_empty());
        true
    }
}

/// The fields that a message says something of; null says nothing.
fn said(fields: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let fields = fields.as_object().into_iter().flatten();
    fields.filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect()
}

impl Vendor for Hook {
    fn handle(&mut self, request: &Request, now_ms: i64) -> Reply {
        Hook::handle(self, request, now_ms)
    }

    fn log_mut(&mut self) -> &mut Log {
        &mut self.log
    }

    fn pretend(&mut self, request: &Request, now_ms: i64) -> Reply {
        // What was due runs all the same; ids stay spent.
        self.settle(now_ms);
        let state = self.state.clone();
        let reply = Hook::handle(self, request, now_ms);
        self.state = state;
        if let Some(entry) = self.log.last_mut() {
            entry.effects.clear();
        }
        reply
    }

    fn half(&mut self, _request: &Request, _now_ms: i64) -> Option<Reply> {
        None
    }

    fn refuse(&mut self, how: Refusing) -> Reply {
        self.refusal(how)
    }

    fn control(&mut self, request: &Request, now_ms: i64) -> Option<Reply> {
        let segments = request.segments();
        Some(match (request.method.as_str(), segments.get(1)?.as_str()) {
            ("GET", "books") => Reply::json(200, &json!(self.entries())),
            ("GET", "runs") => Reply::json(
                200,
                &json!({ "runs": self.state.runs, "waiting": self.waiting(), "started": self.started }),
            ),
            ("GET", "acks") => Reply::json(200, &json!({ "acks": self.state.acks })),
            ("POST", "acks") => Reply::json(200, &json!({ "acks": self.take_acks(now_ms) })),
            ("POST", "options") => {
                let mut options = json!(self.options);
                if let (Some(options), Ok(Value::Object(given))) =
                    (options.as_object_mut(), serde_json::from_slice(&request.body))
                {
                    options.extend(given);
                }
                match serde_json::from_value(options) {
                    Ok(options) => {
                        self.options = options;
                        Reply::json(200, &json!(self.options))
                    }
                    Err(error) => Reply::json(400, &json!({ "error": error.to_string() })),
                }
            }
            _ => return None,
        })
    }

    fn delay_ms(&self) -> u64 {
        self.options.delay_ms
    }
}

impl Books for Hook {
    fn vendor(&self) -> &'static str {
        "hook"
    }

    fn entries(&self) -> Vec<Entry> {
        let entry = |(id, held): (&u64, &Held)| Entry {
            kind: held.kind,
            object: held.object.clone(),
            id: id.to_string(),
            fields: held.fields.clone(),
            people: held.people.clone(),
            by_person: held.by_person,
            gone: held.gone,
            place: String::new(),
        };
        self.state.records.iter().map(entry).collect()
    }

    fn seed_person(&mut self, name: &str, e164: &str, email: Option<&str>, customer: bool, _now_ms: i64) -> String {
        let mut fields: BTreeMap<String, String> = [("name", name), ("phone", e164)]
            .into_iter()
            .chain(email.map(|email| ("email", email)))
            .chain([("stage", if customer { "customer" } else { "lead" })])
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        fields.retain(|_, value| !value.is_empty());
        let object = "contact".to_owned();
        self.make(Held { kind: Kind::Person, object, fields, people: Vec::new(), by_person: true, gone: false })
    }

    fn type_in(&mut self, id: &str, field: &str, value: &str, _now_ms: i64) -> bool {
        self.set(id, &BTreeMap::from([(field.to_owned(), value.to_owned())]))
    }

    fn remove(&mut self, id: &str, _now_ms: i64) -> bool {
        self.live_mut(id).map(|held| held.gone = true).is_some()
    }

    fn secret(&self) -> String {
        self.options.secret.clone()
    }

    /// A receiver takes whatever fields a message has.
    fn prepare_fields(&mut self, _names: &[(Kind, &str)]) {}

    fn path(&self) -> Option<String> {
        Some("/hooks/catch/123456/abcdef".to_owned())
    }

    /// The acknowledgements that are due. Runs that are due begin here too: nobody has to send for a Zap to go on.
    fn outgoing(&mut self, now_ms: i64) -> Vec<Request> {
        let path = |url: &str| {
            let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
            rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/").to_owned()
        };
        self.take_acks(now_ms).iter().map(|ack| Request::new("POST", &path(&ack.url)).json(&ack.body)).collect()
    }

    fn unlimited(&mut self) {
        self.options.per_second = 0;
        self.options.queue_max = usize::MAX;
        self.options.run_after_ms = 0;
        self.options.delay_ms = 0;
    }
}

#[cfg(test)]
mod tests;
