//! One record and what it was.

use super::{Actor, User, Zoho};
use crate::log::{Deed, Effect};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What a converted lead became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Converted {
    pub(crate) contact: u64,
    pub(crate) account: u64,
    pub(crate) deal: Option<u64>,
}

/// A record as the organisation truly holds it.
#[derive(Debug, Clone)]
pub struct Record {
    pub id: u64,
    pub module: &'static str,
    /// Field values by API name, as JSON.
    pub fields: BTreeMap<String, Value>,
    /// When it was made and last changed, ms.
    pub created_ms: i64,
    pub modified_ms: i64,
    /// Whether a person made it in Zoho's own pages.
    pub by_person: bool,
    pub deleted: bool,
    /// Whether somebody holds a lock on it ("lock-records.html").
    pub locked: bool,
    /// Fields a blueprint holds ("Blueprint").
    pub blueprint: Vec<String>,
    pub(crate) converted: Option<Converted>,
    pub(crate) created_by: User,
    pub(crate) modified_by: User,
    /// Its fields after each change, for what reads through a late index.
    versions: Vec<(i64, BTreeMap<String, Value>)>,
}

impl Record {
    /// Neither deleted nor made into another record.
    pub fn live(&self) -> bool {
        !self.deleted && self.converted.is_none()
    }

    /// A field as text; lookups as their id.
    pub fn text(&self, field: &str) -> Option<String> {
        text(self.fields.get(field)?)
    }

    /// Its fields as an index that is `lag_ms` late shows them; `None`: not at all yet.
    pub(crate) fn as_of(&self, at_ms: i64) -> Option<&BTreeMap<String, Value>> {
        self.versions.iter().rev().find(|(when, _)| *when <= at_ms).map(|(_, fields)| fields)
    }
}

/// A value as text.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(s) => Some(s.clone()),
        Value::Number(n) => Some(n.to_string()),
        Value::Bool(b) => Some(b.to_string()),
        Value::Object(map) => map.get("id").and_then(Value::as_str).map(str::to_owned),
        Value::Array(list) => Some(list.iter().filter_map(text).collect::<Vec<_>>().join(";")),
        Value::Null => None,
    }
}

pub(crate) fn small(user: &User) -> Value {
    json!({ "name": user.full_name(), "id": user.id })
}

impl Zoho {
    /// Makes a record of checked values.
    pub(crate) fn store_new(
        &mut self,
        module: &'static str,
        mut values: BTreeMap<String, Value>,
        actor: &Actor,
        now_ms: i64,
    ) -> u64 {
        let id = self.take_id();
        let owner = json!({ "name": actor.user.full_name(), "id": actor.user.id, "email": actor.user.email });
        values.entry("Owner".to_owned()).or_insert(owner);
        values.retain(|_, value| !value.is_null());
        self.records.insert(
            id,
            Record {
                id,
                module,
                versions: vec![(now_ms, values.clone())],
                fields: values,
                created_ms: now_ms,
                modified_ms: now_ms,
                by_person: actor.person,
                deleted: false,
                locked: false,
                blueprint: Vec::new(),
                converted: None,
                created_by: actor.user.clone(),
                modified_by: actor.user.clone(),
            },
        );
        self.did(Deed::Created, module, id);
        id
    }

    /// Changes a record by checked values; `null` clears.
    pub(crate) fn store_change(&mut self, id: u64, values: BTreeMap<String, Value>, actor: &Actor, now_ms: i64) {
        let Some(record) = self.records.get_mut(&id) else { return };
        for (name, value) in values {
            if value.is_null() {
                record.fields.remove(&name);
            } else {
                record.fields.insert(name, value);
            }
        }
        record.modified_ms = now_ms;
        record.modified_by = actor.user.clone();
        record.versions.push((now_ms, record.fields.clone()));
        let module = record.module;
        self.did(Deed::Updated, module, id);
    }

    pub(crate) fn did(&mut self, deed: Deed, module: &str, id: u64) {
        self.effects.push(Effect { deed, object: module.to_owned(), id: id.to_string() });
    }

    /// The record as a read gives it: all fields with what the system keeps of it, or only those asked for.
    pub(crate) fn shown(&self, record: &Record, only: Option<&[String]>) -> Value {
        let mut out: Map<String, Value> = record.fields.clone().into_iter().collect();
        out.insert("id".into(), record.id.to_string().into());
        out.insert("Created_Time".into(), self.time(record.created_ms).into());
        out.insert("Modified_Time".into(), self.time(record.modified_ms).into());
        out.insert("Created_By".into(), small(&record.created_by));
        out.insert("Modified_By".into(), small(&record.modified_by));
        if record.module == "Leads" {
            out.insert("Converted__s".into(), record.converted.is_some().into());
        }
        if let Some(converted) = &record.converted {
            let lookup = |id: u64| json!({ "id": id.to_string(), "name": self.name_of(id) });
            out.insert("Converted_Contact".into(), lookup(converted.contact));
            out.insert("Converted_Account".into(), lookup(converted.account));
            out.extend(converted.deal.map(|deal| ("Converted_Deal".to_owned(), lookup(deal))));
        }
        if let Some(only) = only {
            out.retain(|name, _| name == "id" || only.contains(name));
            return Value::Object(out);
        }
        // What the system tells of a record comes only with all fields.
        if record.module == "Leads" {
            out.insert("$converted".into(), record.converted.is_some().into());
        }
        out.insert("$approval_state".into(), "approved".into());
        out.insert("$editable".into(), record.live().into());
        for field in self.fields.get(record.module).into_iter().flatten() {
            if !field.system {
                out.entry(field.api_name.clone()).or_insert(Value::Null);
            }
        }
        Value::Object(out)
    }

    pub(crate) fn name_of(&self, id: u64) -> String {
        let Some(record) = self.records.get(&id) else { return String::new() };
        let part = |name: &str| record.text(name).unwrap_or_default();
        let name = match record.module {
            "Leads" | "Contacts" => format!("{} {}", part("First_Name"), part("Last_Name")),
            "Accounts" => part("Account_Name"),
            "Deals" => part("Deal_Name"),
            _ => part("Subject"),
        };
        name.trim().to_owned()
    }
}
