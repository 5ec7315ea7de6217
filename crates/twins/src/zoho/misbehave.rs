//! How Zoho misbehaves, and what auditors and people do: the halves of [`crate::fault`] and [`crate::books`] that need to know it.

use super::fields::Field;
use super::record::text;
use super::refusals::{Refusal, invalid_token, too_many};
use super::{Record, Zoho};
use crate::books::{Books, CallEnd, Entry, Kind, LoggedCall};
use crate::fault::{Refusing, Vendor};
use crate::log::{Deed, Log};
use crate::{Reply, Request};
use serde_json::{Map, Value, json};

impl Vendor for Zoho {
    fn handle(&mut self, request: &Request, now_ms: i64) -> Reply {
        Zoho::handle(self, request, now_ms)
    }

    fn log_mut(&mut self) -> &mut Log {
        &mut self.log
    }

    fn pretend(&mut self, request: &Request, now_ms: i64) -> Reply {
        // Ids and credits stay spent: the vendor did the work and lost it.
        let (records, fields) = (self.records.clone(), self.fields.clone());
        let reply = Zoho::handle(self, request, now_ms);
        (self.records, self.fields) = (records, fields);
        if let Some(entry) = self.log.last_mut() {
            entry.effects.clear();
        }
        reply
    }

    fn half(&mut self, request: &Request, now_ms: i64) -> Option<Reply> {
        let mut body: Value = serde_json::from_slice(&request.body).ok()?;
        let records = body.get_mut("data")?.as_array_mut().filter(|d| d.len() > 1)?;
        let rest = records.split_off(records.len() / 2);
        let half = Request { body: body.to_string().into_bytes(), ..request.clone() };
        let mut reply = Zoho::handle(self, &half, now_ms);
        let mut out = reply.value();
        if let Some(entries) = out.get_mut("data").and_then(Value::as_array_mut) {
            let lost = || Refusal::new(500, "INTERNAL_ERROR", "Internal server error occurred.").entry();
            entries.extend(rest.iter().map(|_| lost()));
            reply.status = 207;
            reply.body = out.to_string().into_bytes();
        }
        Some(reply)
    }

    fn refuse(&mut self, how: Refusing) -> Reply {
        match how {
            Refusing::Unauthorized => invalid_token().into_reply(),
            Refusing::Unprocessable => {
                Refusal::new(422, "CANNOT_PROCESS", "The request could not be processed").into_reply()
            }
            Refusing::TooMany(wait) => {
                let reply = too_many("The number of concurrent calls has exceeded the limit").into_reply();
                // No page documents the header; something in between may send it.
                match wait {
                    Some(seconds) => reply.with_header("Retry-After", seconds),
                    None => reply,
                }
            }
            Refusing::Server(status) => {
                Refusal::new(status, "INTERNAL_ERROR", "Internal server error occurred.").in_data().into_reply()
            }
        }
    }

    fn stale_search(&mut self, lag_ms: i64, until_ms: i64) {
        self.stale = Some((lag_ms, until_ms));
    }

    fn control(&mut self, request: &Request, now_ms: i64) -> Option<Reply> {
        let segments = request.segments();
        let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let word = |field: &str| body.get(field).and_then(Value::as_str).unwrap_or_default();
        let told = |done: bool| {
            if done { Reply::json(200, &json!({})) } else { Reply::json(400, &json!({ "error": "no such record" })) }
        };
        Some(match (request.method.as_str(), segments.get(1)?.as_str()) {
            ("GET", "books") => Reply::json(200, &json!(self.entries())),
            ("GET", "records") => {
                let query = request.query();
                let module = query.iter().find(|(name, _)| name == "type").map_or("", |(_, value)| value.as_str());
                let records: Vec<Value> = self.records(module).into_iter().map(|r| self.shown(r, None)).collect();
                Reply::json(200, &json!({ "records": records }))
            }
            ("POST", "seed_person") => {
                let email = Some(word("email")).filter(|e| !e.is_empty());
                let customer = body.get("customer").and_then(Value::as_bool).unwrap_or(false);
                let id = self.seed_person(word("name"), word("phone"), email, customer, now_ms);
                Reply::json(200, &json!({ "id": id }))
            }
            ("POST", "human_set") => told(self.type_in(word("id"), word("property"), word("value"), now_ms)),
            ("POST", "remove") => told(self.remove(word("id"), now_ms)),
            ("POST", "convert") => match self.convert(word("id"), None, now_ms) {
                Some(contact) => Reply::json(200, &json!({ "id": contact })),
                None => told(false),
            },
            _ => return None,
        })
    }

    fn delay_ms(&self) -> u64 {
        self.options.delay_ms
    }
}

impl Books for Zoho {
    fn vendor(&self) -> &'static str {
        "zoho"
    }

    fn entries(&self) -> Vec<Entry> {
        self.records.values().map(entry).collect()
    }

    fn seed_person(&mut self, name: &str, e164: &str, email: Option<&str>, customer: bool, now_ms: i64) -> String {
        let (first, last) = name.rsplit_once(' ').unwrap_or(("", name));
        let mut given = Map::new();
        for (field, value) in
            [("First_Name", first), ("Last_Name", last), ("Phone", e164), ("Email", email.unwrap_or_default())]
        {
            if !value.is_empty() {
                given.insert(field.to_owned(), value.into());
            }
        }
        let module = if customer { "Contacts" } else { "Leads" };
        if !customer {
            given.insert("Company".into(), "Own".into());
        }
        let actor = self.somebody();
        let values = self.checked(module, &given, 0, None).unwrap_or_else(|_| given.into_iter().collect());
        self.store_new(module, values, &actor, now_ms).to_string()
    }

    fn type_in(&mut self, id: &str, field: &str, value: &str, now_ms: i64) -> bool {
        let Some((id, module)) = self.record(id).filter(|r| r.live()).map(|r| (r.id, r.module)) else { return false };
        let ticked = matches!((field, value), ("Email_Opt_Out", "true" | "false"));
        let typed = if ticked { Value::Bool(value == "true") } else { Value::from(value) };
        let given = Map::from_iter([(spelled(field), typed)]);
        let Ok(values) = self.checked(module, &given, 0, Some(id)) else { return false };
        let actor = self.somebody();
        let known = !values.is_empty();
        self.store_change(id, values, &actor, now_ms);
        known
    }

    /// As a telephony extension logs it. The module knows missed, taken and made calls, and no others.
    fn log_call(&mut self, call: &LoggedCall, id: Option<&str>, now_ms: i64) -> Option<String> {
        let missed = matches!(call.end, CallEnd::Missed | CallEnd::Busy | CallEnd::Voicemail);
        let call_type = match (call.inbound, missed) {
            (false, _) => "Outbound",
            (true, true) => "Missed",
            (true, false) => "Inbound",
        };
        let mut given = Map::new();
        given.insert("Subject".into(), format!("{call_type} call").into());
        given.insert("Call_Type".into(), call_type.into());
        given.insert(
            "Call_Start_Time".into(),
            (crate::civil::iso(call.began_ms / 1_000 * 1_000).trim_end_matches('Z').to_owned() + "+00:00").into(),
        );
        given.insert("Call_Duration".into(), format!("{:02}:{:02}", call.seconds / 60, call.seconds % 60).into());
        if !call.inbound {
            given.insert("Outgoing_Call_Status".into(), "Completed".into());
        }
        if let Some(note) = &call.note {
            given.insert("Description".into(), note.as_str().into());
        }
        if let Some((person, module)) =
            call.person.as_deref().and_then(|p| self.record(p)).map(|r| (r.id.to_string(), r.module))
        {
            let name = if module == "Contacts" { "Who_Id" } else { "What_Id" };
            given.insert(name.into(), json!({ "id": person }));
            if module != "Contacts" {
                given.insert("$se_module".into(), module.into());
            }
        }
        let held = id.and_then(|id| self.record(id)).filter(|r| r.live()).map(|r| r.id);
        let mut values = self.checked("Calls", &given, 0, held).ok()?;
        // Only an extension writes these.
        for (name, value) in [
            ("Caller_ID", Some(&call.from)),
            ("Dialled_Number", Some(&call.to)),
            ("Voice_Recording__s", call.recording.as_ref()),
        ] {
            if let Some(value) = value.filter(|v| !v.is_empty()) {
                values.insert(name.into(), value.as_str().into());
            }
        }
        let actor = self.somebody();
        match (held, id) {
            (Some(held), _) => {
                self.store_change(held, values, &actor, now_ms);
                Some(held.to_string())
            }
            (None, None) => Some(self.store_new("Calls", values, &actor, now_ms).to_string()),
            (None, Some(_)) => None,
        }
    }

    fn remove(&mut self, id: &str, _now_ms: i64) -> bool {
        let Some((id, module)) = self.record(id).filter(|r| !r.deleted).map(|r| (r.id, r.module)) else { return false };
        if let Some(record) = self.records.get_mut(&id) {
            record.deleted = true;
        }
        self.did(Deed::Archived, module, id);
        true
    }

    fn secret(&self) -> String {
        json!({ "client_id": self.options.client_id, "client_secret": self.options.client_secret,
            "refresh_token": self.options.refresh_token })
        .to_string()
    }

    fn prepare_fields(&mut self, names: &[(Kind, &str)]) {
        for (kind, name) in names {
            let modules: &[&'static str] = match kind {
                Kind::Person => &["Leads", "Contacts"],
                Kind::Call => &["Calls"],
                Kind::Task => &["Tasks"],
                Kind::Deal => &["Deals"],
                Kind::Other => &[],
            };
            let api_name = spelled(name);
            for module in modules {
                if self.field(module, &api_name).is_none() {
                    let field = Field::text(&api_name, api_name.ends_with("_Key"));
                    self.fields.entry(module).or_default().push(field);
                }
            }
        }
    }

    fn drop_field(&mut self, kind: Kind, name: &str) -> bool {
        let modules: &[&str] = match kind {
            Kind::Person => &["Leads", "Contacts"],
            Kind::Call => &["Calls"],
            Kind::Task => &["Tasks"],
            Kind::Deal => &["Deals"],
            Kind::Other => &[],
        };
        let api_name = spelled(name);
        let mut dropped = false;
        for module in modules {
            let Some(fields) = self.fields.get_mut(module) else { continue };
            let before = fields.len();
            fields.retain(|f| f.api_name != api_name);
            dropped |= fields.len() < before;
        }
        dropped
    }

    fn unlimited(&mut self) {
        self.options.credits_max = None;
        self.options.concurrency_max = None;
        self.options.delay_ms = 0;
        self.options.tokens_per_ten_minutes = usize::MAX;
    }
}

/// A name in lower case is one of the program under test: an administrator made its field with every word capitalised.
fn spelled(name: &str) -> String {
    if name.chars().any(|c| c.is_ascii_uppercase()) {
        return name.to_owned();
    }
    let word = |part: &str| match part {
        "rb" => "RB".to_owned(),
        _ => part.chars().take(1).map(|c| c.to_ascii_uppercase()).chain(part.chars().skip(1)).collect(),
    };
    name.split('_').map(word).collect::<Vec<_>>().join("_")
}

fn entry(record: &Record) -> Entry {
    let kind = match record.module {
        "Leads" | "Contacts" => Kind::Person,
        "Calls" => Kind::Call,
        "Tasks" => Kind::Task,
        "Deals" => Kind::Deal,
        _ => Kind::Other,
    };
    let links = ["Who_Id", "What_Id", "Contact_Name", "Parent_Id"];
    Entry {
        kind,
        object: record.module.to_owned(),
        id: record.id.to_string(),
        fields: record.fields.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect(),
        people: links.iter().filter_map(|name| record.text(name)).collect(),
        by_person: record.by_person,
        gone: !record.live(),
        place: String::new(),
    }
}
