//! HubSpot's CRM, in memory: what it stores, what it refuses, how late its search is.
//!
//! [`HubSpot::handle`] is a pure function of state, request and time. Paths are taken in the dated spelling
//! (`/crm/objects/2026-03/…`) and in `/crm/v3` and `/crm/v4`. Rules and their pages are named where they are enforced;
//! what no public page settles is marked "undocumented" there.

mod associations;
mod batch;
mod books;
mod directory;
mod limits;
mod merge;
mod misbehave;
mod oauth;
mod objects;
mod properties;
mod record;
mod refusals;
mod search;
mod seed;
mod table;
#[cfg(test)]
mod tests;

pub use limits::Limits;
pub use oauth::App;
pub use record::{Link, ObjectType, Record, Version};
pub use seed::{Owner, Pipeline, Stage};

use crate::log::{Effect, Log, Logged, Seen};
use crate::{Reply, Request};
use refusals::Refusal;
use serde_json::Value;
use table::Table;

/// A token this portal accepts.
#[derive(Debug, Clone)]
pub struct Token {
    /// What follows `Bearer`.
    pub secret: String,
    /// The private app behind it: `sourceId` in property histories.
    pub app_id: String,
    /// Granted scopes; `None` grants all.
    pub scopes: Option<Vec<String>>,
}

impl Token {
    /// A token with every scope.
    pub fn new(secret: &str, app_id: &str) -> Self {
        Self { secret: secret.to_owned(), app_id: app_id.to_owned(), scopes: None }
    }
}

/// How a contact with an e-mail that is taken is refused; both forms are in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DuplicateForm {
    /// 409 `Contact already exists. Existing ID: N`.
    #[default]
    Conflict,
    /// 400 `Cannot set PropertyValueCoordinates{…} on A. B already has that value.`, where A does not exist.
    Validation,
}

/// How this portal is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Accepted tokens of private apps.
    pub tokens: Vec<Token>,
    /// Installed apps that fetch their tokens.
    pub apps: Vec<App>,
    /// The portal (account) number in messages.
    pub portal_id: u64,
    /// Rate limits.
    pub limits: Limits,
    /// How long a new record stays out of search, ms.
    pub search_lag_create_ms: i64,
    /// How long a change stays out of search, ms.
    pub search_lag_update_ms: i64,
    /// Inputs per batch request (objects guide).
    pub batch_max: usize,
    /// How a taken e-mail is refused.
    pub duplicate_form: DuplicateForm,
    /// `sourceType` of what an app writes.
    pub app_source_type: String,
    /// Whether a merge makes a third id ("the surviving id may be new").
    pub merge_makes_new_id: bool,
    /// Whether values are checked; off only to measure a client without the twin's own cost. Unique values hold always.
    pub validate: bool,
    /// Waited by the server before every answer, ms.
    pub delay_ms: u64,
    /// The first record id.
    pub first_id: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tokens: vec![Token::new("pat-twin", "7001")],
            apps: vec![App::new("twin-app", "twin-secret", "twin-refresh", "7002")],
            portal_id: 44_000_001,
            limits: Limits::default(),
            // "at least 10 seconds after create, 60 after update" (Okta's HubSpot connector documentation).
            search_lag_create_ms: 10_000,
            search_lag_update_ms: 60_000,
            batch_max: 100,
            duplicate_form: DuplicateForm::default(),
            app_source_type: "INTEGRATION".to_owned(),
            merge_makes_new_id: false,
            validate: true,
            delay_ms: 0,
            first_id: 512_000_000_001, // live ids no longer fit 32 bits
        }
    }
}

/// Who writes.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    source: String,
    source_id: String,
    user_id: Option<u64>,
}

impl Actor {
    fn person(user_id: u64) -> Self {
        Self { source: "CRM_UI".to_owned(), source_id: format!("userId:{user_id}"), user_id: Some(user_id) }
    }
}

/// The version a path was written in; a few replies differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ApiVersion {
    Dated,
    V3,
    V4,
}

/// One request, taken apart.
pub(crate) struct Route<'a> {
    method: &'a str,
    version: ApiVersion,
    query: Vec<(String, String)>,
    raw: &'a [u8],
    now_ms: i64,
    actor: Actor,
}

impl Route<'_> {
    /// The body as a JSON object.
    fn body(&self) -> Result<Value, Refusal> {
        match serde_json::from_slice::<Value>(self.raw) {
            Ok(value) if value.is_object() => Ok(value),
            Ok(_) => Err(refusals::bad_json("an object was expected")),
            Err(error) => Err(refusals::bad_json(&error.to_string())),
        }
    }

    /// The query parameter of that name.
    fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
    }

    /// A list given as `name=a,b` or as repeated parameters; `None` where it was not given at all.
    fn list(&self, name: &str) -> Option<Vec<String>> {
        let mut given = self.query.iter().filter(|(n, _)| n == name).map(|(_, v)| v).peekable();
        given.peek()?;
        Some(given.flat_map(|v| v.split(',')).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty()).collect())
    }
}

/// One simulated portal.
#[derive(Debug, Clone)]
pub struct HubSpot {
    options: Options,
    tables: [Table; ObjectType::ALL.len()],
    owners: Vec<Owner>,
    used: limits::Used,
    given: oauth::Given,
    log: Log,
    effects: Vec<Effect>,
    next_id: u64,
    correlation: u64,
    /// A longer search lag, while it lasts: (lag, until).
    stale: Option<(i64, i64)>,
}

impl HubSpot {
    /// A fresh portal: HubSpot's own properties, three owners (90001, 90002 active, 90003 not), default pipelines.
    pub fn new(options: Options) -> Self {
        let tables = ObjectType::ALL.map(Table::new);
        Self {
            next_id: options.first_id,
            options,
            tables,
            owners: seed::owners(),
            used: limits::Used::default(),
            given: oauth::Given::default(),
            log: Log::default(),
            effects: Vec::new(),
            correlation: 0,
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
        self.correlation += 1;
        let reply = self.oauth_endpoint(request, now_ms).unwrap_or_else(|| self.answer(request, now_ms));
        self.log.push(request, now_ms, Some(reply.status), Seen::Answered(reply.status));
        let effects = std::mem::take(&mut self.effects);
        if let Some(entry) = self.log.last_mut() {
            entry.effects = effects;
        }
        reply
    }

    fn answer(&mut self, request: &Request, now_ms: i64) -> Reply {
        let (token, search) = (token_of(request), is_search(request));
        let bearer = self.bearer(token.as_deref(), now_ms);
        let budget = match &bearer {
            oauth::Bearer::Known { budget, .. } => Some(budget.clone()),
            _ => None,
        };
        let outcome = match self.admit(request, bearer, search, now_ms) {
            Ok(actor) => self.route(request, actor, now_ms),
            Err(refusal) => Err(refusal),
        };
        let reply = outcome.unwrap_or_else(|refusal| refusal.into_reply(&self.correlation_id()));
        // "Search … do not include rate limit headers" (usage guidelines).
        match budget.filter(|_| !search) {
            Some(budget) => self.used.stamp(&self.options.limits, &budget, reply),
            None => reply,
        }
    }

    /// Every kept request, oldest first.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The log, to bound it or switch bodies off.
    pub fn log_mut(&mut self) -> &mut Log {
        &mut self.log
    }

    /// Every kept request as a list.
    pub fn logged(&self) -> Vec<&Logged> {
        self.log.iter().collect()
    }

    /// Makes search lag by `lag_ms` until `until_ms`, for creations and changes alike.
    pub fn stale_search(&mut self, lag_ms: i64, until_ms: i64) {
        self.stale = Some((lag_ms, until_ms));
    }

    /// Replaces the owners.
    pub fn set_owners(&mut self, owners: Vec<Owner>) {
        self.owners = owners;
    }

    fn correlation_id(&self) -> String {
        format!("00000000-0000-4000-8000-{:012x}", self.correlation)
    }

    fn admit(&mut self, request: &Request, bearer: oauth::Bearer, search: bool, now_ms: i64) -> Result<Actor, Refusal> {
        let (known, budget) = match bearer {
            oauth::Bearer::Known { token, budget } => (token, budget),
            oauth::Bearer::Expired { seconds } => return Err(refusals::expired(seconds)),
            oauth::Bearer::Nobody => return Err(refusals::no_credentials()),
        };
        if let (Some(granted), Some(needed)) = (&known.scopes, needed_scope(request, search))
            && !granted.contains(&needed)
        {
            return Err(refusals::missing_scopes(&needed));
        }
        let actor =
            Actor { source: self.options.app_source_type.clone(), source_id: known.app_id.clone(), user_id: None };
        self.used.take(&self.options.limits, &budget, search, now_ms)?;
        Ok(actor)
    }

    fn route(&mut self, request: &Request, actor: Actor, now_ms: i64) -> Result<Reply, Refusal> {
        let segments = request.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (version, area, rest) = match segments.as_slice() {
            ["crm", "v3", area, rest @ ..] => (ApiVersion::V3, *area, rest),
            ["crm", "v4", area, rest @ ..] => (ApiVersion::V4, *area, rest),
            ["crm", area, date, rest @ ..] if is_dated(date) => (ApiVersion::Dated, *area, rest),
            _ => return Err(refusals::unknown_path()),
        };
        let route =
            Route { method: &request.method, version, query: request.query(), raw: &request.body, now_ms, actor };
        match (area, rest) {
            ("owners", rest) => self.owners_endpoint(&route, rest),
            ("pipelines", [kind, rest @ ..]) => Self::pipelines_endpoint(&route, kind_of(kind)?, rest),
            ("properties", [kind, rest @ ..]) => self.properties_endpoint(&route, kind_of(kind)?, rest),
            ("associations", [from, to, rest @ ..]) => {
                self.associations_endpoint(&route, kind_of(from)?, kind_of(to)?, rest)
            }
            ("objects", [kind, rest @ ..]) => self.objects_endpoint(&route, kind_of(kind)?, rest),
            _ => Err(refusals::unknown_path()),
        }
    }

    fn table(&self, kind: ObjectType) -> &Table {
        &self.tables[kind as usize] // one table per variant, in the order of `ObjectType::ALL`
    }

    fn table_mut(&mut self, kind: ObjectType) -> &mut Table {
        &mut self.tables[kind as usize]
    }

    fn take_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }
}

/// What auditors and tests read, and what people do.
impl HubSpot {
    /// The live records of one type, by id.
    pub fn records(&self, kind: ObjectType) -> Vec<&Record> {
        self.table(kind).live().collect()
    }

    /// The archived records of one type, by id.
    pub fn archived(&self, kind: ObjectType) -> Vec<&Record> {
        self.table(kind).records.values().filter(|r| r.archived_at_ms.is_some()).collect()
    }

    /// One record, live or archived; merged ids resolve.
    pub fn record(&self, kind: ObjectType, id: &str) -> Option<&Record> {
        let table = self.table(kind);
        table.records.get(&table.survivor(id.parse().ok()?))
    }

    /// The live records whose property holds exactly this value.
    pub fn by_property(&self, kind: ObjectType, property: &str, value: &str) -> Vec<&Record> {
        self.table(kind).live().filter(|r| r.get(property) == Some(value)).collect()
    }

    /// Creates a record as a person would in the CRM. The same checks as the API; the error is HubSpot's message.
    pub fn seed(&mut self, kind: ObjectType, properties: &[(&str, &str)], now_ms: i64) -> Result<String, String> {
        let given: serde_json::Map<String, Value> =
            properties.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
        let input = serde_json::json!({ "properties": given });
        let draft = self.prepare_create(kind, &input, &mut objects::Claims::default()).map_err(|r| r.message)?;
        let user = self.owners.first().map_or(0, |owner| owner.user_id);
        Ok(self.commit_create(kind, draft, now_ms, &Actor::person(user)).to_string())
    }

    /// Sets one property as a person typing in the CRM (`sourceType` `CRM_UI`); lifecycle stages may go back.
    pub fn human_set(
        &mut self,
        kind: ObjectType,
        id: &str,
        property: &str,
        value: &str,
        user_id: u64,
        now_ms: i64,
    ) -> Result<(), String> {
        let id = self.resolve(kind, id, None, false).map_err(|r| r.message)?;
        let given = serde_json::json!({ property: value });
        let values = self
            .check_properties(kind, &given, Some(id), &mut objects::Claims::default(), true)
            .map_err(|r| r.message)?;
        self.write(kind, id, &values, now_ms, &Actor::person(user_id));
        Ok(())
    }

    /// Links two records by the default association, as a person would.
    pub fn human_link(&mut self, from: (ObjectType, &str), to: (ObjectType, &str), now_ms: i64) -> Result<(), String> {
        let a = self.resolve(from.0, from.1, None, false).map_err(|r| r.message)?;
        let b = self.resolve(to.0, to.1, None, false).map_err(|r| r.message)?;
        let Some((there, back)) = associations::default_types(from.0, to.0) else {
            return Err("no such association".into());
        };
        self.link((from.0, a), (to.0, b), (there, back), now_ms);
        Ok(())
    }

    /// Merges two records as a person would and returns the surviving id; the other id keeps resolving.
    pub fn merge(&mut self, kind: ObjectType, primary: &str, other: &str, now_ms: i64) -> Result<String, String> {
        let a = self.resolve(kind, primary, None, false).map_err(|r| r.message)?;
        let b = self.resolve(kind, other, None, false).map_err(|r| r.message)?;
        if a == b {
            return Err("cannot merge a record with itself".into());
        }
        Ok(self.merge_records(kind, a, b, now_ms).to_string())
    }
}

fn kind_of(segment: &str) -> Result<ObjectType, Refusal> {
    ObjectType::from_path(segment).ok_or_else(|| refusals::unknown_type(segment))
}

/// `2025-09`, `2026-03`, `2026-09`: date-based API versions.
fn is_dated(segment: &str) -> bool {
    matches!(segment.split_once('-'), Some((year, month)) if year.len() == 4
        && (month == "03" || month == "09") && year.bytes().all(|b| b.is_ascii_digit()))
}

fn is_search(request: &Request) -> bool {
    request.method == "POST" && request.path.split('?').next().is_some_and(|path| path.ends_with("/search"))
}

fn token_of(request: &Request) -> Option<String> {
    request.get_header("authorization")?.strip_prefix("Bearer ").map(str::to_owned)
}

/// The scope a request needs. Scopes page: contacts, companies, deals have their own; tickets use `tickets`; activities go
/// with contacts; property definitions need the schema scopes.
fn needed_scope(request: &Request, search: bool) -> Option<String> {
    let segments = request.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (area, rest) = match segments.as_slice() {
        ["crm", "v3" | "v4", area, rest @ ..] | ["crm", area, _, rest @ ..] => (*area, rest),
        _ => return None,
    };
    let reads = request.method == "GET" || search || rest.ends_with(&["batch", "read"]);
    let verb = if reads { "read" } else { "write" };
    let family = rest.first().and_then(|kind| ObjectType::from_path(kind)).map(|kind| match kind {
        ObjectType::Companies => "companies",
        ObjectType::Deals => "deals",
        ObjectType::Tickets => "tickets",
        _ => "contacts",
    });
    match (area, family) {
        ("owners", _) => Some("crm.objects.owners.read".to_owned()),
        (_, Some("tickets")) => Some("tickets".to_owned()),
        ("properties" | "pipelines", Some(family)) => Some(format!("crm.schemas.{family}.{verb}")),
        (_, Some(family)) => Some(format!("crm.objects.{family}.{verb}")),
        _ => None,
    }
}
