//! A Dynamics 365 environment (Dataverse Web API v9.2), in memory: what it stores, what it refuses, how it limits.
//!
//! [`Dynamics::handle`] is a pure function of state, request and time. Pages that rules come from are named where they are enforced, all
//! of learn.microsoft.com, power-apps/developer/data-platform; what no page settles is marked "a guess".
//! Everything is consistent at once: queries read the tables that writes go to.

mod batch;
mod held;
mod limits;
mod metadata;
mod misbehave;
mod query;
mod refusals;
mod rows;
mod schema;
#[cfg(test)]
mod tests;

pub use limits::Limits;

use crate::log::{Deed, Effect, Log, Seen};
use crate::wire::{form_decode, percent_decode};
use crate::{Reply, Request, civil};
use refusals::Refusal;
use schema::{Column, Definition, Kind};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How this environment is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Tokens that are accepted for ever, beside those that the token endpoint gives.
    pub tokens: Vec<String>,
    /// The application's id and secret at the token endpoint.
    pub client: (String, String),
    /// How long a token of the endpoint lives, seconds.
    pub token_lives_s: u32,
    /// The environment's address in `OData-EntityId` and links.
    pub base_url: String,
    /// Service protection limits.
    pub limits: Limits,
    /// The status of a refusal by a duplicate rule: the page shows 500, its table of statuses 412.
    pub duplicate_status: u16,
    /// Duplicate rules on e-mail addresses of leads and contacts are published.
    pub duplicate_rules: bool,
    /// A synchronous plug-in refuses writes to this table with these words.
    pub plugin_refuses: Option<(String, String)>,
    /// The environment is in administration mode or being updated until then, ms.
    pub maintenance_until_ms: i64,
    /// Waited by the server before every answer, ms.
    pub delay_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tokens: vec!["dataverse-twin".to_owned()],
            client: ("00000000-aaaa-4bbb-8ccc-000000000001".to_owned(), "twin-secret".to_owned()),
            token_lives_s: 3_599,
            base_url: "https://twin.crm.dynamics.com".to_owned(),
            limits: Limits::default(),
            duplicate_status: 500,
            duplicate_rules: true,
            plugin_refuses: None,
            maintenance_until_ms: 0,
            delay_ms: 0,
        }
    }
}

/// One row as the environment holds it.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) values: BTreeMap<String, Value>,
    /// `versionnumber`, the ETag's number.
    pub(crate) version: u64,
    pub(crate) by_person: bool,
    pub(crate) deleted: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) definition: Definition,
    pub(crate) rows: held::Rows,
}

/// One simulated environment.
#[derive(Debug, Clone)]
pub struct Dynamics {
    options: Options,
    tables: Vec<Table>,
    /// Token → when it ends, ms.
    issued: BTreeMap<String, i64>,
    used: limits::Used,
    log: Log,
    effects: Vec<Effect>,
    /// What rows were before this request: (set, id, row).
    journal: Vec<(&'static str, String, Option<Row>)>,
    /// The version that the last change got.
    version: u64,
    made: u64,
}

/// The user behind every token: the application user.
const APPLICATION_USER: &str = "5e0c1b4a-0000-4000-8000-0000000000aa";
/// Two people and a disabled one.
const USERS: [(&str, &str, &str, &str, bool); 3] = [
    ("5e0c1b4a-0000-4000-8000-000000000001", "Ada", "North", "ada.north@example.com", false),
    ("5e0c1b4a-0000-4000-8000-000000000002", "Ben", "South", "ben.south@example.com", false),
    ("5e0c1b4a-0000-4000-8000-000000000003", "Sam", "Gone", "sam.gone@example.com", true),
];

impl Default for Dynamics {
    fn default() -> Self {
        Self::new(Options::default())
    }
}

impl Dynamics {
    /// A fresh environment with the Sales app: two people, one disabled, and the application user.
    pub fn new(options: Options) -> Self {
        let tables =
            schema::all().into_iter().map(|definition| Table { definition, rows: held::Rows::default() }).collect();
        let mut environment = Self {
            options,
            tables,
            issued: BTreeMap::new(),
            used: limits::Used::default(),
            log: Log::default(),
            effects: Vec::new(),
            journal: Vec::new(),
            version: 1_000_000,
            made: 0,
        };
        for (id, first, last, email, disabled) in USERS {
            let user = json!({ "fullname": format!("{first} {last}"), "firstname": first, "lastname": last,
                "internalemailaddress": email, "isdisabled": disabled });
            environment.put("systemusers", id, &user);
        }
        let application =
            json!({ "fullname": "# Twin", "isdisabled": false, "applicationid": environment.options.client.0 });
        environment.put("systemusers", APPLICATION_USER, &application);
        environment
    }

    /// The set-up; changes hold from the next request on.
    pub fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    /// The set-up.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Every kept request, oldest first.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Puts a row there without any check.
    fn put(&mut self, set: &str, id: &str, values: &Value) {
        self.version += 1;
        let version = self.version;
        let values = values.as_object().into_iter().flatten().map(|(n, v)| (n.clone(), v.clone())).collect();
        if let Some(table) = self.table_mut(set) {
            table.rows.insert(id.to_owned(), Row { values, version, by_person: false, deleted: false });
        }
    }

    /// Answers one request at `now_ms` and logs it.
    pub fn handle(&mut self, request: &Request, now_ms: i64) -> Reply {
        self.effects.clear();
        self.journal.clear();
        let mut reply = self.answer(request, now_ms);
        if let Some(left) = self.used.left(&self.options.limits) {
            reply = reply.with_header("x-ms-ratelimit-burst-remaining-xrm-requests", left);
        }
        if let Some(left) = self.used.time_left(&self.options.limits) {
            reply = reply.with_header("x-ms-ratelimit-time-remaining-xrm-requests", left);
        }
        self.log.push(request, now_ms, Some(reply.status), Seen::Answered(reply.status));
        let effects = std::mem::take(&mut self.effects);
        if let Some(entry) = self.log.last_mut() {
            entry.effects = effects;
        }
        reply
    }

    fn answer(&mut self, request: &Request, now_ms: i64) -> Reply {
        let path = request.path.split(['?', '#']).next().unwrap_or_default();
        if request.method == "POST" && path.ends_with("/oauth2/v2.0/token") {
            return self.token(request, now_ms);
        }
        let token = request.get_header("authorization").and_then(|h| h.strip_prefix("Bearer "));
        let known = token.is_some_and(|token| {
            self.options.tokens.iter().any(|t| t == token) || self.issued.get(token).is_some_and(|ends| now_ms < *ends)
        });
        if !known {
            // An empty body, and where to get a token.
            let challenge = format!(
                "Bearer authorization_uri=https://login.microsoftonline.com/common/oauth2/authorize, resource_id={}/",
                self.options.base_url
            );
            return Reply::empty(401).with_header("WWW-Authenticate", challenge);
        }
        if now_ms < self.options.maintenance_until_ms {
            let page =
                "<html><head><title>Service Unavailable</title></head><body><h2>Service Unavailable</h2></body></html>";
            let headers = vec![("Content-Type".to_owned(), "text/html; charset=us-ascii".to_owned())];
            return Reply { status: 503, headers, body: page.into() };
        }
        let parts = if path.ends_with("/$batch") { batch::count(request) } else { 1 };
        if let Err(refusal) = self.used.take(&self.options.limits, parts, now_ms) {
            return refusal.into_reply();
        }
        match path.rsplit_once("/$batch") {
            Some((before, "")) if is_api(before) => self.batch(request, now_ms),
            _ => self.single(request, now_ms),
        }
    }

    /// One request, alone or out of a batch.
    pub(crate) fn single(&mut self, request: &Request, now_ms: i64) -> Reply {
        let (mark, effects) = (self.journal.len(), self.effects.len());
        self.route(request, now_ms).unwrap_or_else(|refusal| {
            // A refused request leaves nothing behind.
            self.undo(mark);
            self.effects.truncate(effects);
            refusal.into_reply()
        })
    }

    /// Takes back what was written since the mark.
    pub(crate) fn undo(&mut self, mark: usize) {
        for (set, id, before) in self.journal.split_off(mark.min(self.journal.len())).into_iter().rev() {
            if let Some(table) = self.table_mut(set) {
                match before {
                    Some(row) => table.rows.insert(id, row),
                    None => table.rows.remove(&id),
                }
            }
        }
    }

    /// Notes what a row was before it is written.
    pub(crate) fn note(&mut self, set: &'static str, id: &str) {
        let before = self.table(set).and_then(|t| t.rows.get(id)).cloned();
        self.journal.push((set, id.to_owned(), before));
    }

    fn route(&mut self, request: &Request, now_ms: i64) -> Result<Reply, Refusal> {
        let path = request.path.split(['?', '#']).next().unwrap_or_default();
        let Some(rest) = path.find("/api/data/").and_then(|at| path.get(at..)) else {
            return Err(refusals::no_segment(path));
        };
        let mut segments = rest.trim_start_matches('/').split('/').skip(3);
        let head = percent_decode(segments.next().unwrap_or_default(), false);
        let tail: Vec<&str> = segments.collect();
        let (name, key) = match head.split_once('(') {
            Some((name, key)) => (name, Some(key.strip_suffix(')').ok_or_else(|| refusals::no_segment(&head))?)),
            None => (head.as_str(), None),
        };
        match (name, key, tail.as_slice()) {
            ("WhoAmI", _, []) => Ok(ok(&json!({ "BusinessUnitId": "5e0c1b4a-0000-4000-8000-0000000000b0",
                "UserId": APPLICATION_USER, "OrganizationId": "5e0c1b4a-0000-4000-8000-0000000000c0" }))),
            ("EntityDefinitions", Some(key), tail) => self.definitions(request, key, tail),
            (set, None, []) => self.collection(request, set, now_ms),
            (set, Some(key), []) => self.record(request, set, key, now_ms),
            ("leads", Some(key), ["Microsoft.Dynamics.CRM.QualifyLead"]) => self.qualify_action(request, key, now_ms),
            (other, ..) => Err(refusals::no_segment(other)),
        }
    }

    /// Client credentials (page "OAuth 2.0 client credentials flow on the Microsoft identity platform").
    fn token(&mut self, request: &Request, now_ms: i64) -> Reply {
        let form = form_decode(&String::from_utf8_lossy(&request.body));
        let given = |name: &str| form.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str());
        let refused = |status, error: &str, words: &str| {
            Reply::json(status, &json!({ "error": error, "error_description": words, "error_codes": [7_000_215] }))
        };
        if given("grant_type") != "client_credentials" {
            return refused(400, "unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type.");
        }
        if given("scope") != format!("{}/.default", self.options.base_url) {
            return refused(
                400,
                "invalid_scope",
                "AADSTS70011: The provided value for the input parameter 'scope' is not valid.",
            );
        }
        if (given("client_id"), given("client_secret")) != (&*self.options.client.0, &*self.options.client.1) {
            return refused(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.");
        }
        self.made += 1;
        let token = format!("eyJ0eXAiOiJKV1Qi.twin.{}", self.made);
        let lives = self.options.token_lives_s;
        self.issued.insert(token.clone(), now_ms + i64::from(lives) * 1_000);
        Reply::json(
            200,
            &json!({ "token_type": "Bearer", "expires_in": lives, "ext_expires_in": lives, "access_token": token }),
        )
    }

    pub(crate) fn table(&self, set: &str) -> Option<&Table> {
        self.tables.iter().find(|t| t.definition.set == set)
    }

    pub(crate) fn table_mut(&mut self, set: &str) -> Option<&mut Table> {
        self.tables.iter_mut().find(|t| t.definition.set == set)
    }

    pub(crate) fn did(&mut self, deed: Deed, object: &str, id: &str) {
        self.effects.push(Effect { deed, object: object.to_owned(), id: id.to_owned() });
    }

    /// A fresh id of the vendor's own.
    fn new_id(&mut self) -> String {
        self.made += 1;
        format!("a7c1e000-4b5d-ee11-8def-{:012x}", self.made)
    }

    /// `https://…/leads(<id>)`
    pub(crate) fn address(&self, set: &str, id: &str) -> String {
        format!("{}/api/data/v9.2/{set}({id})", self.options.base_url)
    }
}

fn is_api(path: &str) -> bool {
    let mut segments = path.trim_matches('/').rsplit('/');
    let version = segments.next().is_some_and(|v| v.strip_prefix("v9.").is_some_and(|n| n.parse::<u8>().is_ok()));
    version && segments.next() == Some("data") && segments.next() == Some("api")
}

/// A successful answer with a body.
pub(crate) fn ok(body: &Value) -> Reply {
    reply(200, body)
}

pub(crate) fn reply(status: u16, body: &Value) -> Reply {
    let headers = vec![
        ("Content-Type".to_owned(), "application/json; odata.metadata=minimal".to_owned()),
        ("OData-Version".to_owned(), "4.0".to_owned()),
    ];
    Reply { status, headers, body: body.to_string().into_bytes() }
}

/// What people do in the vendor's own pages.
impl Dynamics {
    /// Makes a row as a person would. The error is the vendor's message.
    pub fn seed(&mut self, set: &str, values: &Value, now_ms: i64) -> Result<String, String> {
        let id = self.new_id();
        let given = values.as_object().cloned().unwrap_or_default();
        self.create(set, &id, &given, now_ms).map_err(|r| r.message)?;
        if let Some(table) = self.table_mut(set) {
            table.rows.change(&id, |row| row.by_person = true);
        }
        self.effects.clear();
        Ok(id)
    }

    /// Qualifies a lead: a contact is made of it, and the lead is read-only from then on. Gives the contact's id.
    pub fn qualify(&mut self, lead: &str, now_ms: i64) -> Result<String, String> {
        self.qualify_lead(lead, now_ms).map_err(|r| r.message)
    }

    /// Merges two rows: the second becomes inactive and points to the first.
    pub fn merge(&mut self, set: &str, master: &str, loser: &str, now_ms: i64) -> bool {
        let there = |id: &str| self.table(set).is_some_and(|t| t.rows.get(id).is_some_and(|r| !r.deleted));
        if master == loser || !there(master) || !there(loser) {
            return false;
        }
        let (state, status) = if set == "leads" { (2, 7) } else { (1, 2) };
        let logical = self.table(set).map_or("", |t| t.definition.logical);
        let pointer = json!({ "id": master, "logical": logical });
        self.version += 1;
        let version = self.version;
        let Some(table) = self.table_mut(set) else { return false };
        table.rows.change(loser, |row| {
            for (name, value) in [
                ("merged", true.into()),
                ("masterid", pointer),
                ("statecode", state.into()),
                ("statuscode", status.into()),
            ] {
                row.values.insert(name.to_owned(), value);
            }
            row.values.insert("modifiedon".to_owned(), civil::iso(now_ms / 1_000 * 1_000).into());
            row.version = version;
        });
        self.did(Deed::Merged, set, loser);
        true
    }

    /// Adds a text column, as set-up or a person would.
    pub fn add_column(&mut self, set: &str, name: &str) {
        if let Some(table) = self.table_mut(set) {
            let column = Column { label: name.to_owned(), ..Column::new(Kind::Text(850)) };
            table.definition.columns.entry(name.to_owned()).or_insert(column);
        }
    }

    /// The values of a row that is there, as the interface shows them.
    pub fn values(&self, set: &str, id: &str) -> Option<Value> {
        let table = self.table(set)?;
        table.rows.get(id).filter(|r| !r.deleted).map(|row| Self::shown(table, id, row, None, true))
    }

    /// Ids of the rows that are there.
    pub fn ids(&self, set: &str) -> Vec<String> {
        let rows = self.table(set).into_iter().flat_map(|t| t.rows.iter());
        rows.filter(|(_, r)| !r.deleted).map(|(id, _)| id.clone()).collect()
    }
}
