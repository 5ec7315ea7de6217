//! What an auditor reads of this account, and what people do in it.

use super::search::values;
use super::{Limits, Pipedrive, Row, Shelf};
use crate::books::{Books, CallEnd, Entry, Kind, LoggedCall};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

impl Pipedrive {
    fn entry(&self, shelf: Shelf, row: &Row) -> Entry {
        let mut fields = BTreeMap::new();
        let text = |value: &Value| match value {
            Value::String(s) => s.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        for (name, value) in row.data.iter().filter(|(name, _)| *name != "custom_fields") {
            fields.insert(name.clone(), text(value));
        }
        for list in ["phones", "emails"] {
            if row.data.contains_key(list) {
                fields.insert(list.to_owned(), values(&row.data, list).join(" "));
            }
        }
        let custom = row.data.get("custom_fields").and_then(Value::as_object);
        for (code, value) in custom.into_iter().flatten() {
            let name = self.fields(shelf).iter().find(|f| f.code == *code).map_or(code.as_str(), |f| f.name.as_str());
            fields.insert(name.to_owned(), text(value));
        }
        fields.retain(|_, value| !value.is_empty());
        let done = row.data.get("done").and_then(Value::as_bool).unwrap_or(false);
        // A call log is made as done; a task becomes so. What it was made as tells them apart.
        let made_done = row.versions.first().and_then(|(_, d)| d.get("done")?.as_bool()).unwrap_or(done);
        let kind = match shelf {
            Shelf::Persons => Kind::Person,
            Shelf::Deals => Kind::Deal,
            Shelf::Activities if row.text("type") == "call" && made_done => Kind::Call,
            Shelf::Activities => Kind::Task,
        };
        Entry {
            kind,
            object: shelf.path().to_owned(),
            id: row.id.to_string(),
            fields,
            people: if shelf == Shelf::Persons {
                Vec::new()
            } else {
                row.people().iter().map(u64::to_string).collect()
            },
            by_person: row.by_person,
            gone: row.deleted_ms.is_some(),
            place: String::new(),
        }
    }

    fn whose(&self, id: &str) -> Option<(Shelf, u64)> {
        let id: u64 = id.parse().ok()?;
        let shelves = [Shelf::Persons, Shelf::Deals, Shelf::Activities];
        shelves.into_iter().find(|shelf| self.live(*shelf, id).is_some()).map(|shelf| (shelf, id))
    }
}

impl Books for Pipedrive {
    fn vendor(&self) -> &'static str {
        "pipedrive"
    }

    fn entries(&self) -> Vec<Entry> {
        self.shelves.iter().flat_map(|(shelf, rows)| rows.values().map(|row| self.entry(*shelf, row))).collect()
    }

    /// A customer is somebody who has bought: a won deal.
    fn seed_person(&mut self, name: &str, e164: &str, email: Option<&str>, customer: bool, now_ms: i64) -> String {
        let mut data = Map::new();
        data.insert("name".into(), name.into());
        let (first, last) = name.split_once(' ').unwrap_or((name, ""));
        data.insert("first_name".into(), first.into());
        data.insert("last_name".into(), last.into());
        data.insert("owner_id".into(), self.users.first().map_or(0, |u| u.id).into());
        data.insert("phones".into(), json!([{ "value": e164, "primary": true, "label": "mobile" }]));
        let emails: Vec<Value> =
            email.iter().map(|e| json!({ "value": e, "primary": true, "label": "work" })).collect();
        data.insert("emails".into(), Value::Array(emails));
        data.insert("label_ids".into(), json!([]));
        data.insert("visible_to".into(), 3.into());
        let id = self.insert(Shelf::Persons, data, true, now_ms);
        if customer {
            let deal = json!({
                "title": format!("{name} deal"), "person_id": id, "status": "won", "value": 1_200, "currency": "USD", "stage_id": 5,
                "pipeline_id": 1, "owner_id": self.users.first().map_or(0, |u| u.id), "label_ids": [],
            });
            self.insert(Shelf::Deals, deal.as_object().cloned().unwrap_or_default(), true, now_ms);
        }
        self.effects.clear();
        id.to_string()
    }

    fn type_in(&mut self, id: &str, field: &str, value: &str, now_ms: i64) -> bool {
        let Some((shelf, id)) = self.whose(id) else { return false };
        let custom = self.fields(shelf).iter().find(|f| f.custom && (f.code == field || f.name.contains(field)));
        let change = match (field, custom) {
            ("phone" | "phones", _) => json!({ "phones": [{ "value": value, "primary": true, "label": "work" }] }),
            ("email" | "emails", _) => json!({ "emails": [{ "value": value, "primary": true, "label": "work" }] }),
            ("done", _) => json!({ "done": value == "true" }),
            ("name" | "title" | "subject" | "note" | "due_date" | "due_time" | "status", _) => {
                json!({ field: value })
            }
            ("marketing_status", _) => {
                // Whoever uses it has Campaigns, and with it the field.
                self.campaigns();
                json!({ "marketing_status": value })
            }
            ("owner_id", _) => match value.parse::<u64>() {
                Ok(owner) => json!({ "owner_id": owner }),
                Err(_) => return false,
            },
            (_, Some(field)) => json!({ "custom_fields": { field.code.as_str(): value } }),
            _ => return false,
        };
        self.change(shelf, id, change.as_object().cloned().unwrap_or_default(), now_ms);
        self.effects.clear();
        true
    }

    /// As a phone system's app logs it: an activity that is done, and a subject that says what it was; an activity holds no more.
    fn log_call(&mut self, call: &LoggedCall, id: Option<&str>, now_ms: i64) -> Option<String> {
        let subject = match (call.inbound, call.end) {
            (false, _) => "Outbound call",
            (true, CallEnd::Missed | CallEnd::Busy) => "Missed call",
            (true, CallEnd::Voicemail) => "Missed call with voicemail",
            (true, CallEnd::Answered | CallEnd::Ringing | CallEnd::Unsaid) => "Inbound call",
        };
        let began = crate::civil::iso(call.began_ms / 1_000 * 1_000);
        let person = call.person.as_deref().and_then(|p| p.parse::<u64>().ok());
        let mut data = json!({
            "subject": subject, "type": "call", "done": call.end != CallEnd::Ringing, "busy": false,
            "due_date": began.get(..10), "due_time": began.get(11..16), "note": call.note,
            "owner_id": self.users.first().map_or(0, |u| u.id), "participants": [],
        });
        if let Some(person) = person {
            self.live(Shelf::Persons, person)?;
            data["person_id"] = person.into();
            data["participants"] = json!([{ "person_id": person, "primary": true }]);
        }
        let data = data.as_object().cloned().unwrap_or_default();
        let id = match id {
            None => self.insert(Shelf::Activities, data, true, now_ms),
            Some(id) => {
                let id = id.parse().ok().filter(|id| self.live(Shelf::Activities, *id).is_some())?;
                self.change(Shelf::Activities, id, data, now_ms);
                id
            }
        };
        self.effects.clear();
        Some(id.to_string())
    }

    fn remove(&mut self, id: &str, now_ms: i64) -> bool {
        let Some((shelf, id)) = self.whose(id) else { return false };
        self.delete(shelf, id, now_ms);
        self.effects.clear();
        true
    }

    fn secret(&self) -> String {
        self.options.api_tokens.first().cloned().unwrap_or_default()
    }

    /// Activities hold no fields.
    fn prepare_fields(&mut self, names: &[(Kind, &str)]) {
        for (kind, name) in names {
            let shelf = match kind {
                Kind::Person => Shelf::Persons,
                Kind::Deal => Shelf::Deals,
                Kind::Call | Kind::Task | Kind::Other => continue,
            };
            if !self.fields(shelf).iter().any(|f| f.custom && f.name == *name) {
                self.define(shelf, name, "text", &[]);
            }
        }
    }

    fn drop_field(&mut self, kind: Kind, name: &str) -> bool {
        let shelf = match kind {
            Kind::Person => Shelf::Persons,
            Kind::Deal => Shelf::Deals,
            Kind::Call | Kind::Task | Kind::Other => return false,
        };
        let Some(fields) = self.fields.get_mut(&shelf) else { return false };
        let before = fields.len();
        fields.retain(|f| !(f.custom && f.name.contains(name)));
        fields.len() < before
    }

    fn unlimited(&mut self) {
        self.options.limits = Limits::none();
        self.options.search_lag_ms = 0;
    }
}
