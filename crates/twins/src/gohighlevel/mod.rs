//! GoHighLevel (HighLevel) sub-accounts, in memory: what they store, what they refuse, how late their search is.
//!
//! [`GoHighLevel::handle`] is a pure function of state, request and time. Rules and their sources are named where they are enforced: the
//! vendor's descriptions (<https://github.com/GoHighLevel/highlevel-api-docs>, `apps/*.json`), its documentation
//! (<https://marketplace.gohighlevel.com/docs/>), a copy of its page on contact search
//! (<https://help.hoopai.com/api-reference/overview/contacts-search>) and its public issues. What none of them settles is marked
//! "undocumented" there.

mod activities;
mod books;
mod contacts;
mod limits;
mod misbehave;
mod oauth;
mod places;
mod refusals;
mod search;
mod store;
#[cfg(test)]
mod tests;

pub use limits::Limits;
pub use store::{Contact, Note, Opportunity, Task, User};

use crate::log::{Deed, Effect, Log, Seen};
use crate::{Reply, Request};
use refusals::Refusal;
use serde_json::Value;
use store::Store;

/// A token that is accepted as it is: a Private Integration Token, which does not expire.
#[derive(Debug, Clone)]
pub struct Token {
    /// What follows `Bearer`.
    pub secret: String,
    /// The sub-accounts it may use. One, in the vendor's own words; a token of two shows what happens to a program that mixes them up.
    pub locations: Vec<String>,
    /// Granted scopes; `None` grants all.
    pub scopes: Option<Vec<String>>,
}

impl Token {
    /// A token of one sub-account with every scope.
    pub fn new(secret: &str, location: &str) -> Self {
        Self { secret: secret.to_owned(), locations: vec![location.to_owned()], scopes: None }
    }
}

/// A field by which a sub-account tells contacts apart ("Allow Duplicate Contact" and the order below it, in its settings).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unique {
    /// Primary and additional addresses.
    Email,
    /// The primary number.
    Phone,
}

/// One sub-account and its settings.
#[derive(Debug, Clone)]
pub struct Location {
    /// The id in every request.
    pub id: String,
    /// The setting "Allow Duplicate Contact".
    pub allow_duplicates: bool,
    /// By what contacts are told apart where duplicates are not allowed, in order.
    pub unique: Vec<Unique>,
    /// Prefix of numbers without a country code.
    pub country_code: String,
}

impl Location {
    /// A sub-account as the vendor makes it: no duplicates, e-mail before phone, in the United States.
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            allow_duplicates: false,
            unique: vec![Unique::Email, Unique::Phone],
            country_code: "+1".to_owned(),
        }
    }
}

/// An installed marketplace app.
#[derive(Debug, Clone)]
pub struct App {
    /// `client_id`.
    pub client_id: String,
    /// `client_secret`.
    pub client_secret: String,
    /// The refresh token that works now; each use replaces it.
    pub refresh_token: String,
    /// The sub-account it is installed in.
    pub location: String,
}

/// How this agency is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// The agency's id.
    pub company: String,
    /// Its sub-accounts; the first is the one that people work in.
    pub locations: Vec<Location>,
    /// Accepted tokens.
    pub tokens: Vec<Token>,
    /// Installed apps.
    pub apps: Vec<App>,
    /// Rate limits.
    pub limits: Limits,
    /// How long a new or changed contact stays out of search, ms ("updates may take a few seconds to appear in search results").
    pub search_lag_ms: i64,
    /// A new contact is made and answered with an error
    /// (<https://github.com/GoHighLevel/highlevel-api-docs/issues/64>).
    pub error_but_created: bool,
    /// Waited by the server before every answer, ms.
    pub delay_ms: u64,
}

/// The first sub-account of a fresh twin.
pub const NORTH: &str = "Ln0rthTwin0000000001";
/// The second.
pub const SOUTH: &str = "Ls0uthTwin0000000002";

impl Default for Options {
    fn default() -> Self {
        Self {
            company: "Cagency0Twin00000001".to_owned(),
            locations: vec![Location::new(NORTH), Location::new(SOUTH)],
            tokens: vec![Token::new("pit-twin-north", NORTH), Token::new("pit-twin-south", SOUTH)],
            apps: vec![App {
                client_id: "app-twin".to_owned(),
                client_secret: "app-twin-secret".to_owned(),
                refresh_token: "refresh-twin-1".to_owned(),
                location: NORTH.to_owned(),
            }],
            limits: Limits::default(),
            search_lag_ms: 5_000,
            error_but_created: false,
            delay_ms: 0,
        }
    }
}

/// One request, taken apart.
pub(crate) struct Route<'a> {
    method: &'a str,
    query: Vec<(String, String)>,
    raw: &'a [u8],
    now_ms: i64,
    /// The sub-accounts that the token may use.
    locations: Vec<String>,
}

impl Route<'_> {
    fn body(&self) -> Result<serde_json::Map<String, Value>, Refusal> {
        match serde_json::from_slice::<Value>(self.raw) {
            Ok(Value::Object(map)) => Ok(map),
            Ok(_) => Err(Refusal::bad("Unexpected token in JSON")),
            Err(error) => Err(Refusal::bad(format!("Unexpected token in JSON: {error}"))),
        }
    }

    fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
    }

    /// Does the token reach that sub-account?
    fn reaches(&self, location: &str) -> Result<(), Refusal> {
        if self.locations.iter().any(|l| l == location) { Ok(()) } else { Err(Refusal::other_location()) }
    }
}

/// One simulated agency with its sub-accounts.
#[derive(Debug, Clone)]
pub struct GoHighLevel {
    options: Options,
    store: Store,
    sessions: oauth::Sessions,
    used: limits::Used,
    log: Log,
    effects: Vec<Effect>,
    trace: u64,
    next_id: u64,
    /// A longer search lag, while it lasts: (lag, until).
    stale: Option<(i64, i64)>,
}

impl Default for GoHighLevel {
    fn default() -> Self {
        Self::new(Options::default())
    }
}

impl GoHighLevel {
    /// A fresh agency: no contacts, no custom fields, two users in each sub-account.
    pub fn new(options: Options) -> Self {
        let places: Vec<&str> = options.locations.iter().map(|l| l.id.as_str()).collect();
        Self {
            store: Store::new(&places),
            options,
            sessions: oauth::Sessions::default(),
            used: limits::Used::default(),
            log: Log::default(),
            effects: Vec::new(),
            trace: 0,
            next_id: 1,
            stale: None,
        }
    }

    /// The set-up; changes hold from the next request on.
    pub fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    /// The set-up.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Answers one request at `now_ms` and logs it.
    pub fn handle(&mut self, request: &Request, now_ms: i64) -> Reply {
        self.effects.clear();
        self.trace += 1;
        let reply = self.answered(request, now_ms);
        self.log.push(request, now_ms, Some(reply.status), Seen::Answered(reply.status));
        let effects = std::mem::take(&mut self.effects);
        if let Some(entry) = self.log.last_mut() {
            entry.effects = effects;
        }
        reply
    }

    fn answered(&mut self, request: &Request, now_ms: i64) -> Reply {
        let segments = request.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        if let ["oauth", rest @ ..] = segments.as_slice() {
            return self.oauth_endpoint(request, rest, now_ms).unwrap_or_else(Refusal::into_reply);
        }
        let token = match self.admit(request, &segments, now_ms) {
            Ok(token) => token,
            Err(refusal) => return refusal.into_reply(),
        };
        let resource = token.locations.first().cloned().unwrap_or_default();
        let route = Route {
            method: &request.method,
            query: request.query(),
            raw: &request.body,
            now_ms,
            locations: token.locations,
        };
        let outcome = match self.used.take(&self.options.limits, &resource, now_ms) {
            Ok(()) => self.route(&route, &segments, &request.path),
            Err(refusal) => Err(refusal),
        };
        let reply = outcome.unwrap_or_else(Refusal::into_reply);
        self.used.stamp(&self.options.limits, &resource, reply)
    }

    /// Token, version, scope.
    fn admit(&self, request: &Request, segments: &[&str], now_ms: i64) -> Result<Token, Refusal> {
        let secret = request.get_header("authorization").and_then(|h| h.strip_prefix("Bearer ")).unwrap_or_default();
        let token = self.options.tokens.iter().find(|t| t.secret == secret && !secret.is_empty()).cloned();
        let token = token.or_else(|| self.sessions.token(secret, now_ms)).ok_or_else(Refusal::no_token)?;
        // The header is required by every description; how its absence is refused is undocumented.
        if !matches!(request.get_header("version"), Some("2021-07-28" | "2021-04-15" | "v3")) {
            return Err(Refusal::new(400, "version header was not found."));
        }
        let reads = request.method == "GET" || segments.contains(&"search");
        let kind = if reads { "readonly" } else { "write" };
        let scope = match segments {
            ["contacts", ..] => format!("contacts.{kind}"),
            ["locations", _, "customFields"] => format!("locations/customFields.{kind}"),
            ["locations", _, "tasks", ..] => "locations/tasks.readonly".to_owned(),
            ["opportunities", ..] => format!("opportunities.{kind}"),
            ["users", ..] => format!("users.{kind}"),
            _ => return Ok(token),
        };
        match &token.scopes {
            Some(granted) if !granted.contains(&scope) => Err(Refusal::no_scope()),
            _ => Ok(token),
        }
    }

    fn route(&mut self, route: &Route<'_>, segments: &[&str], path: &str) -> Result<Reply, Refusal> {
        match segments {
            ["contacts", "search", "duplicate"] if route.method == "GET" => self.duplicate_endpoint(route),
            ["contacts", "search"] if route.method == "POST" => self.search_endpoint(route),
            ["contacts", "upsert"] if route.method == "POST" => self.upsert_endpoint(route),
            ["contacts"] => self.contacts_endpoint(route),
            ["contacts", id] => self.contact_endpoint(route, id),
            ["contacts", id, "tags"] => self.tags_endpoint(route, id),
            ["contacts", id, "tasks", rest @ ..] => self.tasks_endpoint(route, id, rest),
            ["contacts", id, "notes", rest @ ..] => self.notes_endpoint(route, id, rest),
            ["locations", location, "customFields"] => self.fields_endpoint(route, location),
            ["locations", location, "tasks", "search"] if route.method == "POST" => {
                self.task_search_endpoint(route, location)
            }
            ["users", rest @ ..] => self.users_endpoint(route, rest),
            ["opportunities", rest @ ..] => self.opportunities_endpoint(route, rest),
            _ => Err(Refusal::no_such_path(route.method, path)),
        }
    }

    fn location(&self, id: &str) -> Option<&Location> {
        self.options.locations.iter().find(|l| l.id == id)
    }

    fn note_effect(&mut self, deed: Deed, object: &str, id: &str) {
        self.effects.push(Effect { deed, object: object.to_owned(), id: id.to_owned() });
    }

    /// An id of twenty characters, as the vendor's are; never given twice.
    fn take_id(&mut self, kind: char) -> String {
        let id = format!("{kind}x{:0>18}", self.next_id);
        self.next_id += 1;
        id
    }

    fn trace_id(&self) -> String {
        format!("00000000-0000-4000-8000-{:012x}", self.trace)
    }

    /// Every kept request, oldest first.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The log, to bound it or switch bodies off.
    pub fn log_mut(&mut self) -> &mut Log {
        &mut self.log
    }
}
