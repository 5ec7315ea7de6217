//! How Dataverse misbehaves, what auditors ask of it, and what people do from outside.

use super::batch::items;
use super::limits::refusal;
use super::refusals::Refusal;
use super::schema::Kind as Column;
use super::{Dynamics, Row, Table};
use crate::books::{Books, CallEnd, Entry, Kind, LoggedCall};
use crate::fault::{Refusing, Vendor};
use crate::log::Log;
use crate::{Reply, Request, civil};
use serde_json::{Value, json};
use std::collections::BTreeMap;

impl Vendor for Dynamics {
    fn handle(&mut self, request: &Request, now_ms: i64) -> Reply {
        Dynamics::handle(self, request, now_ms)
    }

    fn log_mut(&mut self) -> &mut Log {
        &mut self.log
    }

    fn pretend(&mut self, request: &Request, now_ms: i64) -> Reply {
        // Versions and budgets stay spent: the vendor did the work and lost it.
        let tables = self.tables.clone();
        let reply = Dynamics::handle(self, request, now_ms);
        self.tables = tables;
        if let Some(entry) = self.log.last_mut() {
            entry.effects.clear();
        }
        reply
    }

    fn half(&mut self, request: &Request, now_ms: i64) -> Option<Reply> {
        if !request.path.ends_with("/$batch") {
            return None;
        }
        let mut first = items(request).ok()?;
        let rest = first.split_off(first.len() / 2);
        self.effects.clear();
        let reply = self.run(request, &first, &rest, now_ms);
        self.log.push(request, now_ms, Some(reply.status), crate::log::Seen::Answered(reply.status));
        let effects = std::mem::take(&mut self.effects);
        if let Some(entry) = self.log.last_mut() {
            entry.effects = effects;
        }
        Some(reply)
    }

    fn refuse(&mut self, how: Refusing) -> Reply {
        match how {
            Refusing::Unauthorized => Reply::empty(401).with_header("WWW-Authenticate", "Bearer error=invalid_token"),
            Refusing::Unprocessable => {
                Refusal::new(422, "0x80040203", "The request could not be processed.").into_reply()
            }
            Refusing::TooMany(seconds) => {
                let mut refusal = refusal("0x80072322", 0);
                refusal.retry_after_s = seconds;
                refusal.into_reply()
            }
            Refusing::Server(status) => {
                Refusal::new(status, "0x80040216", "An unexpected error occurred.").into_reply()
            }
        }
    }

    fn control(&mut self, request: &Request, now_ms: i64) -> Option<Reply> {
        let segments = request.segments();
        let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let text = |field: &str| body[field].as_str().unwrap_or_default();
        let told = |outcome: Result<Value, String>| match outcome {
            Ok(value) => Reply::json(200, &value),
            Err(why) => Reply::json(400, &json!({ "error": why })),
        };
        Some(match (request.method.as_str(), segments.get(1)?.as_str()) {
            ("GET", "books") => Reply::json(200, &json!(self.entries())),
            ("GET", "records") => {
                let query = request.query();
                let set = query.iter().find(|(name, _)| name == "type").map_or("", |(_, value)| value.as_str());
                let rows: Vec<Value> = self.ids(set).iter().filter_map(|id| self.values(set, id)).collect();
                Reply::json(200, &json!({ "records": rows }))
            }
            ("POST", "seed") => {
                told(self.seed(text("type"), &body["properties"], now_ms).map(|id| json!({ "id": id })))
            }
            ("POST", "human_set") => {
                let done = self.type_in(text("id"), text("property"), text("value"), now_ms);
                told(if done { Ok(json!({})) } else { Err("no such record or column".into()) })
            }
            ("POST", "remove") => {
                let done = self.remove(text("id"), now_ms);
                told(if done { Ok(json!({})) } else { Err("no such record".into()) })
            }
            ("POST", "qualify") => told(self.qualify(text("id"), now_ms).map(|id| json!({ "contact": id }))),
            ("POST", "merge") => {
                let done = self.merge(text("type"), text("master"), text("loser"), now_ms);
                told(if done { Ok(json!({})) } else { Err("no such records".into()) })
            }
            _ => return None,
        })
    }

    fn delay_ms(&self) -> u64 {
        self.options.delay_ms
    }
}

fn kind_of(set: &str) -> Option<Kind> {
    Some(match set {
        "leads" | "contacts" => Kind::Person,
        "phonecalls" => Kind::Call,
        "tasks" => Kind::Task,
        "opportunities" => Kind::Deal,
        _ => return None,
    })
}

fn entry(table: &Table, id: &str, row: &Row) -> Option<Entry> {
    let set = table.definition.set;
    let kind = kind_of(set)?;
    let word = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Object(lookup) => lookup.get("id").and_then(Value::as_str).map(str::to_owned),
        other => Some(other.to_string()),
    };
    let pointed = |name: &str| row.values.get(name).and_then(|v| v.get("id")?.as_str()).map(str::to_owned);
    let people = ["regardingobjectid", "customerid", "originatingleadid"].iter().filter_map(|n| pointed(n)).collect();
    let yes = |name: &str| row.values.get(name) == Some(&Value::Bool(true));
    // A qualified lead has become its contact.
    let became =
        set == "leads" && row.values.get("statecode") == Some(&Value::from(1)) && pointed("parentcontactid").is_some();
    Some(Entry {
        kind,
        object: set.to_owned(),
        id: id.to_owned(),
        fields: row.values.iter().filter_map(|(n, v)| Some((n.clone(), word(v)?))).collect(),
        people: if kind == Kind::Person { Vec::new() } else { people },
        by_person: row.by_person,
        gone: row.deleted || yes("merged") || became,
        place: String::new(),
    })
}

impl Books for Dynamics {
    fn vendor(&self) -> &'static str {
        "dynamics"
    }

    fn work_seconds_min(&self) -> f64 {
        let limit = self.options.limits.execution_ms_max.unwrap_or(u64::MAX);
        self.used.worked_ms as f64 / limit as f64 * super::limits::WINDOW_MS as f64 / 1_000.0
    }

    fn entries(&self) -> Vec<Entry> {
        let all = self.tables.iter().flat_map(|table| table.rows.iter().map(move |(id, row)| (table, id, row)));
        all.filter_map(|(table, id, row)| entry(table, id, row)).collect()
    }

    fn seed_person(&mut self, name: &str, e164: &str, email: Option<&str>, customer: bool, now_ms: i64) -> String {
        let (first, last) = name.rsplit_once(' ').unwrap_or(("", name));
        let mut values = json!({ "lastname": last, "telephone1": e164 });
        if !first.is_empty() {
            values["firstname"] = first.into();
        }
        if let Some(email) = email {
            values["emailaddress1"] = email.into();
        }
        self.seed(if customer { "contacts" } else { "leads" }, &values, now_ms).unwrap_or_default()
    }

    fn type_in(&mut self, id: &str, field: &str, value: &str, now_ms: i64) -> bool {
        let id = id.rsplit('/').next().unwrap_or(id);
        let Some(table) = self.tables.iter().find(|t| t.rows.get(id).is_some_and(|r| !r.deleted)) else { return false };
        let set = table.definition.set;
        let typed = match table.definition.columns.get(field).map(|c| &c.kind) {
            None => return false,
            Some(Column::Boolean) => json!(value == "true"),
            Some(Column::Integer(..) | Column::Choice(_) | Column::State | Column::Status) => {
                json!(value.parse::<i64>().ok())
            }
            Some(Column::Decimal) => json!(value.parse::<f64>().ok()),
            Some(_) => json!(value),
        };
        self.version += 1;
        let version = self.version;
        self.table_mut(set).is_some_and(|table| {
            table.rows.change(id, |row| {
                row.values.insert(field.to_owned(), typed);
                row.values.insert("modifiedon".to_owned(), civil::iso(now_ms / 1_000 * 1_000).into());
                row.version = version;
            })
        })
    }

    /// As a telephony provider logs it: a phone call that is completed; one that rings is open. There is no column for one that nobody took.
    fn log_call(&mut self, call: &LoggedCall, id: Option<&str>, now_ms: i64) -> Option<String> {
        let other = if call.inbound { &call.from } else { &call.to };
        let id = match id {
            Some(id) => id.rsplit('/').next().unwrap_or(id).to_owned(),
            None => self
                .seed("phonecalls", &json!({ "subject": "Phone call", "directioncode": !call.inbound }), now_ms)
                .ok()?,
        };
        let person = call.person.as_deref().map(|p| p.rsplit('/').next().unwrap_or(p));
        let person = match person {
            None => None,
            Some(person) => {
                let of = |table: &&super::Table| table.rows.get(person).is_some_and(|r| !r.deleted);
                let logical = self.tables.iter().find(of)?.definition.logical;
                Some(json!({ "id": person, "logical": logical }))
            }
        };
        let answered = call.end == CallEnd::Answered;
        let (state, status) = match (call.end, call.inbound) {
            (CallEnd::Ringing, _) => (0, 1),
            (_, true) => (1, 4),
            (_, false) => (1, 2),
        };
        let values = json!({
            "phonenumber": other, "leftvoicemail": call.end == CallEnd::Voicemail, "statecode": state, "statuscode": status,
            "actualstart": civil::iso(call.began_ms / 1_000 * 1_000), "description": call.note,
            "actualdurationminutes": if answered { call.seconds.div_ceil(60).max(1) } else { 0 },
            "modifiedon": civil::iso(now_ms / 1_000 * 1_000),
        });
        self.version += 1;
        let version = self.version;
        let changed = self.table_mut("phonecalls")?.rows.change(&id, |row| {
            row.values.extend(values.as_object().cloned().unwrap_or_default());
            row.values.extend(person.map(|person| ("regardingobjectid".to_owned(), person)));
            row.version = version;
        });
        changed.then_some(id)
    }

    fn remove(&mut self, id: &str, _now_ms: i64) -> bool {
        let id = id.rsplit('/').next().unwrap_or(id).to_owned();
        let sets: Vec<&'static str> = self.tables.iter().map(|t| t.definition.set).collect();
        sets.into_iter().any(|set| self.remove_row(set, &id))
    }

    fn secret(&self) -> String {
        match self.options.tokens.first() {
            Some(token) => token.clone(),
            None => json!({ "client_id": self.options.client.0, "client_secret": self.options.client.1 }).to_string(),
        }
    }

    fn prepare_fields(&mut self, names: &[(Kind, &str)]) {
        let places: BTreeMap<Kind, &[&str]> = BTreeMap::from([
            (Kind::Person, ["leads", "contacts"].as_slice()),
            (Kind::Call, &["phonecalls"]),
            (Kind::Task, &["tasks"]),
        ]);
        for (kind, name) in names {
            for set in places.get(kind).copied().unwrap_or_default() {
                self.add_column(set, name);
            }
        }
    }

    fn drop_field(&mut self, kind: Kind, name: &str) -> bool {
        let sets: &[&str] = match kind {
            Kind::Person => &["leads", "contacts"],
            Kind::Call => &["phonecalls"],
            Kind::Task => &["tasks"],
            Kind::Deal | Kind::Other => &[],
        };
        let mut dropped = false;
        for set in sets {
            dropped |= self.table_mut(set).is_some_and(|t| t.definition.columns.remove(name).is_some());
        }
        dropped
    }

    fn unlimited(&mut self) {
        let limits = &mut self.options.limits;
        limits.requests_max = None;
        limits.execution_ms_max = None;
        limits.concurrent_max = None;
        self.options.delay_ms = 0;
    }
}
