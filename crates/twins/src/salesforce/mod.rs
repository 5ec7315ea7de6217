//! A Salesforce org, in memory: what it stores, what it refuses, how late its search is.
//!
//! [`Salesforce::handle`] is a pure function of state, request and time. Rules and their pages are named where they are enforced; what no
//! public page settles is marked "undocumented" there. Pages are of the REST API Developer Guide
//! (<https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/>) unless another book is named.
//!
//! What it is not: it has no Apex, no flows, no sharing, no field-level security, no record types; a query gives at most 2,000 rows.

mod composite;
mod misbehave;
mod people;
mod records;
mod refusals;
mod rest;
mod schema;
mod search;
mod soql;
#[cfg(test)]
mod tests;

pub use records::Record;
pub use schema::{Field, Kind, Sobject};

use crate::log::{Deed, Effect, Log, Logged, Seen};
use crate::{Reply, Request};
use refusals::Refusal;
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};

const HOUR_MS: i64 = 3_600_000;

/// What a duplicate rule does with a record that matches another (Help: "Duplicate Rules").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleAction {
    /// Refused, unless the client says `allowSave=true`.
    Alert,
    /// Refused whatever the client says.
    Block,
}

/// A duplicate rule over Leads and Contacts: the same phone (its last ten digits) or the same e-mail.
#[derive(Debug, Clone, PartialEq)]
pub struct DuplicateRule {
    pub action: RuleAction,
    /// `matchConfidence` of what it finds.
    pub confidence: f64,
    /// The name of the findings: versions 54 to 56 answer `duplicateResut`, others have been seen with the right spelling.
    pub spelled: &'static str,
}

impl DuplicateRule {
    /// A rule with exact matching.
    pub fn exact(action: RuleAction) -> Self {
        Self { action, confidence: 100.0, spelled: "duplicateResut" }
    }
}

/// How this org is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Session ids that are accepted from the start and never end.
    pub tokens: Vec<String>,
    /// The client of the client-credentials flow.
    pub client_id: String,
    pub client_secret: String,
    /// How long a session got by OAuth lives, ms. The answer does not say it.
    pub session_ms: i64,
    /// `instance_url` of the token's answer; the host that was asked where it is empty.
    pub instance_url: String,
    /// Requests in rolling 24 hours; `None` has no limit.
    pub daily_max: Option<u32>,
    /// How long SOSL does not show a new or changed record, ms.
    pub search_lag_ms: i64,
    pub duplicate_rule: Option<DuplicateRule>,
    /// Who gets new Leads by the active assignment rule, unless the client switches it off.
    pub assignment_owner: Option<String>,
    /// Waited by the server before every answer, ms.
    pub delay_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tokens: vec!["00Dtwin!session".to_owned()],
            client_id: "twin-client".to_owned(),
            client_secret: "twin-client-secret".to_owned(),
            session_ms: 2 * HOUR_MS,
            instance_url: String::new(),
            // Enterprise: 100,000 and 1,000 for each of 20 licences (Limits Quick Reference).
            daily_max: Some(120_000),
            // "about 15 minutes or more" (Best Practices for Deployments with Large Data Volumes).
            search_lag_ms: 15 * 60_000,
            duplicate_rule: None,
            assignment_owner: None,
            delay_ms: 0,
        }
    }
}

/// One simulated org.
#[derive(Debug, Clone)]
pub struct Salesforce {
    options: Options,
    schema: [Vec<Field>; Sobject::ALL.len()],
    /// By the 18-character id.
    records: BTreeMap<String, Record>,
    /// Sessions got by OAuth and when they end.
    sessions: BTreeMap<String, i64>,
    /// Requests by hour, for the rolling day.
    used: VecDeque<(i64, u32)>,
    /// Rows that somebody else holds, and until when.
    locked: BTreeMap<String, i64>,
    log: Log,
    effects: Vec<Effect>,
    next: u64,
    /// A longer search lag, while it lasts: (lag, until).
    stale: Option<(i64, i64)>,
    /// The user who writes by the API.
    user: String,
}

impl Salesforce {
    /// A fresh org: three users (two active) and nothing else.
    pub fn new(options: Options) -> Self {
        let mut org = Self {
            options,
            schema: Sobject::ALL.map(schema::fields),
            records: BTreeMap::new(),
            sessions: BTreeMap::new(),
            used: VecDeque::new(),
            locked: BTreeMap::new(),
            log: Log::default(),
            effects: Vec::new(),
            next: 1,
            stale: None,
            user: String::new(),
        };
        for (first, last, active) in [("Ana", "Ruiz", true), ("Ben", "Okafor", true), ("Cy", "Left", false)] {
            let email = format!("{}@example.com", first.to_lowercase());
            let fields = json!({ "FirstName": first, "LastName": last, "Email": email, "Username": email,
                "IsActive": active, "UserType": "Standard" });
            let id = org.put(Sobject::User, &fields, 0, true);
            if org.user.is_empty() {
                org.user = id;
            }
        }
        org
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
        let reply = self.answer(request, now_ms).unwrap_or_else(Refusal::into_reply);
        let reply = self.stamp(reply);
        self.log.push(request, now_ms, Some(reply.status), Seen::Answered(reply.status));
        let effects = std::mem::take(&mut self.effects);
        if let Some(entry) = self.log.last_mut() {
            entry.effects = effects;
        }
        reply
    }

    fn answer(&mut self, request: &Request, now_ms: i64) -> Result<Reply, Refusal> {
        let segments = request.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        if segments == ["services", "oauth2", "token"] {
            return Ok(self.token(request, now_ms));
        }
        let token = request.get_header("authorization").and_then(|h| h.strip_prefix("Bearer ")).unwrap_or_default();
        let live = self.sessions.get(token).is_some_and(|until| *until > now_ms);
        if !live && !self.options.tokens.iter().any(|known| known == token) {
            return Err(refusals::session());
        }
        self.take(now_ms)?;
        self.route(request, now_ms)
    }

    /// "OAuth 2.0 Client Credentials Flow" (Help): a form; errors are 400 with `error` and `error_description`; no `expires_in`.
    fn token(&mut self, request: &Request, now_ms: i64) -> Reply {
        let refuse = |error: &str, why: &str| Reply::json(400, &json!({ "error": error, "error_description": why }));
        if request.method != "POST" {
            return refuse("invalid_request", "must use HTTP POST");
        }
        let form = crate::wire::form_decode(&String::from_utf8_lossy(&request.body));
        let field = |name: &str| form.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str());
        if field("grant_type") != "client_credentials" {
            return refuse("unsupported_grant_type", "grant type not supported");
        }
        if field("client_id") != self.options.client_id {
            return refuse("invalid_client_id", "client identifier invalid");
        }
        if field("client_secret") != self.options.client_secret {
            return refuse("invalid_client", "invalid client credentials");
        }
        self.next += 1;
        let token = format!("00Dtwin!oauth{}", self.next);
        self.sessions.insert(token.clone(), now_ms.saturating_add(self.options.session_ms));
        let host = request.get_header("host").map(|host| format!("http://{host}"));
        let instance = match self.options.instance_url.as_str() {
            "" => host.unwrap_or_else(|| "https://twin.my.salesforce.com".to_owned()),
            url => url.to_owned(),
        };
        let body = json!({ "access_token": token, "instance_url": instance, "token_type": "Bearer", "scope": "api",
            "id": format!("{instance}/id/00D000000000001AAA/{}", self.user), "issued_at": now_ms.to_string(),
            "signature": "c2lnbmF0dXJl" });
        Reply::json(200, &body)
    }

    /// Ends every session got by OAuth.
    pub fn end_sessions(&mut self) {
        self.sessions.clear();
    }

    /// Counts one request against the rolling day. A composite request counts as one ("Composite Resources").
    fn take(&mut self, now_ms: i64) -> Result<(), Refusal> {
        let hour = now_ms.div_euclid(HOUR_MS);
        while self.used.front().is_some_and(|(at, _)| *at <= hour - 24) {
            self.used.pop_front();
        }
        if self.options.daily_max.is_some_and(|max| self.used_today() >= max) {
            return Err(refusals::exhausted());
        }
        match self.used.back_mut() {
            Some((at, count)) if *at == hour => *count += 1,
            _ => self.used.push_back((hour, 1)),
        }
        Ok(())
    }

    fn used_today(&self) -> u32 {
        self.used.iter().map(|(_, count)| *count).sum()
    }

    /// "Limit Info Header": on every response of the REST API.
    fn stamp(&self, reply: Reply) -> Reply {
        match self.options.daily_max {
            Some(max) if reply.status != 401 => {
                reply.with_header("Sforce-Limit-Info", format!("api-usage={}/{max}", self.used_today()))
            }
            _ => reply,
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

    /// Makes search lag by `lag_ms` until `until_ms`.
    pub fn stale_search(&mut self, lag_ms: i64, until_ms: i64) {
        self.stale = Some((lag_ms, until_ms));
    }

    /// Somebody else holds a row until then.
    pub fn lock(&mut self, id: &str, until_ms: i64) {
        self.locked.insert(id18(id), until_ms);
    }

    /// Makes a custom field, as a person does in Setup. Fields of activities are made once for Task and Event.
    pub fn add_field(&mut self, sobject: Sobject, field: Field) {
        let fields = self.fields_mut(sobject);
        fields.retain(|known| !known.name.eq_ignore_ascii_case(&field.name));
        fields.push(field);
    }

    fn fields(&self, sobject: Sobject) -> &[Field] {
        &self.schema[sobject as usize] // one list per variant, in the order of `Sobject::ALL`
    }

    fn fields_mut(&mut self, sobject: Sobject) -> &mut Vec<Field> {
        &mut self.schema[sobject as usize]
    }

    fn field(&self, sobject: Sobject, name: &str) -> Option<&Field> {
        self.fields(sobject).iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// The live records of one object, by id.
    pub fn records(&self, sobject: Sobject) -> Vec<&Record> {
        self.records.values().filter(|r| r.sobject == sobject && !r.deleted).collect()
    }

    /// One record, live or deleted, by either form of its id.
    pub fn record(&self, id: &str) -> Option<&Record> {
        self.records.get(&id18(id))
    }

    fn note(&mut self, deed: Deed, sobject: Sobject, id: &str) {
        self.effects.push(Effect { deed, object: sobject.name().to_owned(), id: id.to_owned() });
    }
}

/// The 18-character form of an id ("ID Field Type", Object Reference): three characters more that say which of the fifteen are capitals.
fn id18(id: &str) -> String {
    if id.len() != 15 {
        return id.to_owned();
    }
    let mut out = id.to_owned();
    for part in id.as_bytes().chunks(5) {
        let bits = part.iter().rev().fold(0_usize, |bits, b| bits << 1 | usize::from(b.is_ascii_uppercase()));
        out.extend("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345".chars().nth(bits));
    }
    out
}

/// An id of this org: object, pod, number.
fn make_id(sobject: Sobject, number: u64) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let (mut rest, mut tail) = (number, Vec::new());
    for _ in 0..9 {
        tail.push(DIGITS.get((rest % 62) as usize).copied().map_or('0', char::from));
        rest /= 62;
    }
    let tail: String = tail.into_iter().rev().collect();
    id18(&format!("{}Tw0{tail}", sobject.prefix()))
}
