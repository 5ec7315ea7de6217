//! Zoho CRM, in memory: what it stores, what it refuses, how late its search is, what it counts.
//!
//! [`Zoho::handle`] is a pure function of state, request and time. Paths are those of version 8 (`/crm/v8/…`) and of the accounts
//! server (`/oauth/v2/token`). Rules and their pages (<https://www.zoho.com/crm/developer/docs/api/v8/>) are named where they are
//! enforced; what no public page settles is an option with the harder case as the default, or is marked "undocumented".

mod access;
mod accounts;
mod convert;
mod coql;
mod fields;
mod find;
mod misbehave;
mod record;
mod refusals;
mod settings;
mod write;

#[cfg(test)]
mod tests;

pub use fields::{DataType, Field};
pub use record::Record;

use crate::civil;
use crate::log::{Effect, Log, Seen};
use crate::{Reply, Request};
use refusals::Refusal;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};

/// How this organisation is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Access tokens that are accepted for ever, beside those the accounts server gives.
    pub tokens: Vec<String>,
    /// The client that may ask for access tokens.
    pub client_id: String,
    pub client_secret: String,
    pub refresh_token: String,
    /// What the accounts server names as the API's address; `None`: the host that was asked.
    pub api_domain: Option<String>,
    /// How long an access token lives, ms (an hour: "refresh.html").
    pub token_lives_ms: i64,
    /// Access tokens per refresh token in ten minutes ("token-validity.html").
    pub tokens_per_ten_minutes: usize,
    /// Credits in a rolling 24 hours ("api-limits.html"); `None`: no limit.
    pub credits_max: Option<u32>,
    /// Calls at once ("api-limits.html"); `None`: no limit.
    pub concurrency_max: Option<usize>,
    /// How long each call counts as running, ms. The twin answers at once, so what runs at once is what came within this time.
    pub busy_ms: i64,
    /// How long a change stays out of `/search`, ms. Undocumented; a minute is assumed.
    pub search_lag_ms: i64,
    /// How long a change stays out of COQL, ms. Undocumented; it is believed to read the records themselves.
    pub coql_lag_ms: i64,
    /// Whether COQL shows converted leads. Undocumented.
    pub coql_shows_converted: bool,
    /// Whether a conversion carries custom fields over to the contact; without a mapping made by an administrator it does not.
    pub conversion_maps_custom_fields: bool,
    /// The status of a write all of whose records were refused: 400, 202 and 200 are all in use.
    pub refused_status: u16,
    /// Records per write.
    pub batch_max: usize,
    /// The organisation's offset from UTC, minutes: times are printed in it.
    pub offset_minutes: i32,
    /// Waited by the server before every answer, ms.
    pub delay_ms: u64,
    /// The first record id.
    pub first_id: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tokens: vec!["1000.twin".to_owned()],
            client_id: "1000.TWINCLIENT".to_owned(),
            client_secret: "twin-client-secret".to_owned(),
            refresh_token: "1000.twin-refresh".to_owned(),
            api_domain: None,
            token_lives_ms: 3_600_000,
            tokens_per_ten_minutes: 10,
            credits_max: Some(50_000),
            concurrency_max: Some(10),
            busy_ms: 0,
            search_lag_ms: 60_000,
            coql_lag_ms: 0,
            coql_shows_converted: false,
            conversion_maps_custom_fields: false,
            refused_status: 400,
            batch_max: 100,
            offset_minutes: -360,
            delay_ms: 0,
            first_id: 5_725_767_000_000_492_001,
        }
    }
}

/// A user of the organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub id: String,
    pub email: String,
    pub first_name: String,
    pub last_name: String,
    pub active: bool,
}

impl User {
    fn new(id: &str, email: &str, first_name: &str, last_name: &str, active: bool) -> Self {
        Self {
            id: id.to_owned(),
            email: email.to_owned(),
            first_name: first_name.to_owned(),
            last_name: last_name.to_owned(),
            active,
        }
    }

    fn full_name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name)
    }
}

/// Who writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Actor {
    user: User,
    person: bool,
}

/// One simulated organisation.
#[derive(Debug, Clone)]
pub struct Zoho {
    options: Options,
    records: BTreeMap<u64, Record>,
    fields: BTreeMap<&'static str, Vec<Field>>,
    users: Vec<User>,
    log: Log,
    effects: Vec<Effect>,
    next_id: u64,
    spent: VecDeque<(i64, u32)>,
    running: VecDeque<i64>,
    issued: VecDeque<(i64, String)>,
    next_token: u64,
    /// A longer search lag, while it lasts: (lag, until).
    stale: Option<(i64, i64)>,
    /// Records whose writing set off workflows.
    workflows: u64,
}

/// One request, taken apart.
pub(crate) struct Call<'a> {
    method: &'a str,
    segments: Vec<String>,
    query: Vec<(String, String)>,
    headers: &'a [(String, String)],
    body: Value,
    now_ms: i64,
}

impl Call<'_> {
    fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

impl Zoho {
    /// A fresh organisation: the default layouts, three users (the last one inactive).
    pub fn new(options: Options) -> Self {
        Self {
            next_id: options.first_id,
            options,
            records: BTreeMap::new(),
            fields: fields::defaults(),
            users: vec![
                User::new("5725767000000411001", "ada.north@example.com", "Ada", "North", true),
                User::new("5725767000000411002", "ben.south@example.com", "Ben", "South", true),
                User::new("5725767000000411003", "sam.gone@example.com", "Sam", "Gone", false),
            ],
            log: Log::default(),
            effects: Vec::new(),
            spent: VecDeque::new(),
            running: VecDeque::new(),
            issued: VecDeque::new(),
            next_token: 1,
            stale: None,
            workflows: 0,
        }
    }

    /// The set-up; changes hold from the next request on.
    pub fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    /// Every kept request, oldest first.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The live records of a module, by id; converted leads are none.
    pub fn records(&self, module: &str) -> Vec<&Record> {
        self.records.values().filter(|r| r.module == module && r.live()).collect()
    }

    /// One record, deleted or not.
    pub fn record(&self, id: &str) -> Option<&Record> {
        self.records.get(&id.parse().ok()?)
    }

    /// How many records were written so that workflows ran.
    pub fn workflows(&self) -> u64 {
        self.workflows
    }

    /// Answers one request at `now_ms` and logs it.
    pub fn handle(&mut self, request: &Request, now_ms: i64) -> Reply {
        self.effects.clear();
        let reply = self.answer(request, now_ms).unwrap_or_else(Refusal::into_reply);
        let reply = if reply.status == 401 { reply } else { self.stamp(reply) };
        self.log.push(request, now_ms, Some(reply.status), Seen::Answered(reply.status));
        let effects = std::mem::take(&mut self.effects);
        if let Some(entry) = self.log.last_mut() {
            entry.effects = effects;
        }
        reply
    }

    fn answer(&mut self, request: &Request, now_ms: i64) -> Result<Reply, Refusal> {
        let segments = request.segments();
        if segments == ["oauth", "v2", "token"] {
            return Ok(self.token(request, now_ms));
        }
        self.admit(request, now_ms)?;
        let body = if request.body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&request.body).map_err(|_| refusals::bad_json())?
        };
        let call =
            Call { method: &request.method, segments, query: request.query(), headers: &request.headers, body, now_ms };
        self.spend(access::cost(&call), now_ms)?;
        self.route(&call)
    }

    fn route(&mut self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        let ["crm", "v8", rest @ ..] = segments.as_slice() else { return Err(refusals::unknown_path()) };
        match (call.method, rest) {
            ("POST", ["coql"]) => self.coql(call),
            ("POST", ["__composite_requests"]) => self.composite(call),
            ("GET", ["users"]) => self.list_users(call),
            ("GET", ["org"]) => {
                Ok(Reply::json(200, &json!({ "org": [{ "id": "5725767000000002001", "company_name": "Twin" }] })))
            }
            ("GET", ["settings", "fields"]) => self.list_fields(call),
            ("POST", ["settings", "fields"]) => self.make_fields(call),
            (_, ["settings" | "users" | "coql" | "__composite_requests" | "org", ..]) => Err(refusals::unknown_path()),
            ("POST", ["Leads", id, "actions", "convert"]) => self.convert_endpoint(call, id),
            (_, [name, rest @ ..]) => {
                let module = fields::module(name).ok_or_else(|| refusals::unknown_module(name))?;
                self.module_endpoint(call, module, rest)
            }
            _ => Err(refusals::unknown_path()),
        }
    }

    fn module_endpoint(&mut self, call: &Call<'_>, module: &'static str, rest: &[&str]) -> Result<Reply, Refusal> {
        match (call.method, rest) {
            ("GET", []) => self.list(call, module),
            ("GET", ["search"]) => self.search(call, module),
            ("GET", ["deleted"]) => Ok(self.deleted(module)),
            ("POST", []) => self.write(call, module, &write::Way::Insert),
            ("POST", ["upsert"]) => {
                let checks = self.duplicate_checks(call, module)?;
                self.write(call, module, &write::Way::Upsert(checks))
            }
            ("PUT", []) => self.write(call, module, &write::Way::Update(None)),
            ("PUT", [id]) => self.write(call, module, &write::Way::Update(Some((*id).to_owned()))),
            ("DELETE", [id]) => self.delete(call, module, id),
            ("GET", [id]) => self.get(call, module, id),
            ("GET", [id, list]) => self.related(call, module, id, list),
            (_, [] | [_]) => Err(refusals::method()),
            _ => Err(refusals::unknown_path()),
        }
    }

    fn take_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// A time as records print it: to the second, in the organisation's zone.
    fn time(&self, ms: i64) -> String {
        civil::iso_offset(ms.div_euclid(1_000) * 1_000, self.options.offset_minutes).replacen(".000", "", 1)
    }

    /// The user behind the API.
    fn program(&self) -> Actor {
        Actor { user: self.users.first().cloned().unwrap_or_else(|| User::new("1", "", "A", "B", true)), person: false }
    }

    fn somebody(&self) -> Actor {
        let user = self.users.get(1).or(self.users.first()).cloned();
        Actor { user: user.unwrap_or_else(|| User::new("1", "", "A", "B", true)), person: true }
    }
}
