//! Insert, update, upsert, delete ("insert-records.html", "update-records.html", "upsert-records.html", "delete-records.html").

use super::fields::{DataType, Field, check, system_check};
use super::record::{small, text};
use super::refusals::{Refusal, at, duplicate, invalid, mandatory, no_such_record, unknown_module};
use super::{Actor, Call, Record, Zoho};
use crate::Reply;
use crate::civil;
use crate::log::Deed;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// How a record is to be written.
pub(crate) enum Way {
    Insert,
    /// By the first of these fields that another record holds.
    Upsert(Vec<String>),
    /// The record of the path, else the one of each entry.
    Update(Option<String>),
}

/// `duplicate_check_fields`: at most this many.
const CHECKS_MAX: usize = 10;

impl Zoho {
    /// The fields an upsert goes by, in order: those given, which must be unique or the system's own, else the system's and all unique.
    pub(crate) fn duplicate_checks(&self, call: &Call<'_>, module: &'static str) -> Result<Vec<String>, Refusal> {
        // Calls, tasks and notes are not on the page's list.
        let system = system_check(module).ok_or_else(|| unknown_module(module))?;
        let unique = |name: &str| self.field(module, name).is_some_and(|f| f.unique);
        let Some(given) = call.body.get("duplicate_check_fields") else {
            let own = self.fields.get(module).into_iter().flatten().filter(|f| f.unique).map(|f| f.api_name.clone());
            return Ok([system.to_owned()].into_iter().chain(own).collect());
        };
        let wrong = || {
            Refusal::new(400, "INVALID_DATA", "invalid data")
                .detail("api_name", "duplicate_check_fields")
                .detail("json_path", "$.duplicate_check_fields")
        };
        let names: Option<Vec<&str>> = given.as_array().map(|l| l.iter().filter_map(Value::as_str).collect());
        let names = names.filter(|n| !n.is_empty() && n.len() <= CHECKS_MAX).ok_or_else(wrong)?;
        if !names.iter().all(|name| *name == system || unique(name)) {
            return Err(wrong());
        }
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    pub(crate) fn field(&self, module: &str, name: &str) -> Option<&Field> {
        self.fields.get(module)?.iter().find(|f| f.api_name == name)
    }

    pub(crate) fn write(&mut self, call: &Call<'_>, module: &'static str, way: &Way) -> Result<Reply, Refusal> {
        let entries = call.body.get("data").and_then(Value::as_array).filter(|d| !d.is_empty()).cloned();
        let entries = entries.ok_or_else(|| {
            Refusal::new(400, "MANDATORY_NOT_FOUND", "required field not found")
                .detail("api_name", "data")
                .detail("json_path", "$.data")
        })?;
        let one_only = matches!(way, Way::Update(Some(_)));
        if entries.len() > self.options.batch_max || (one_only && entries.len() != 1) {
            let max = if one_only { 1 } else { self.options.batch_max };
            return Err(Refusal::new(400, "INVALID_DATA", "invalid data")
                .detail("maximum_length", max)
                .detail("json_path", "$.data"));
        }
        // Leaving `trigger` out sets off everything, an empty list nothing.
        let fires =
            call.body.get("trigger").and_then(Value::as_array).is_none_or(|t| t.iter().any(|w| w == "workflow"));
        let since = call.header("if-unmodified-since").and_then(civil::parse_iso);
        let actor = self.program();
        let (mut out, mut refused) = (Vec::new(), Vec::new());
        for (n, entry) in entries.iter().enumerate() {
            match self.write_one(module, way, entry, (n, since), &actor, call.now_ms) {
                Ok(done) => {
                    self.workflows += u64::from(fires);
                    out.push(done);
                }
                Err(refusal) => {
                    out.push(refusal.entry());
                    refused.push(refusal);
                }
            }
        }
        let done = if matches!(way, Way::Insert) { 201 } else { 200 };
        let status = match refused.first() {
            None => done,
            Some(_) if refused.len() < entries.len() => 207,
            Some(first) if first.status != 400 => first.status,
            Some(_) => self.options.refused_status,
        };
        Ok(Reply::json(status, &json!({ "data": out })))
    }

    fn write_one(
        &mut self,
        module: &'static str,
        way: &Way,
        entry: &Value,
        (n, since): (usize, Option<i64>),
        actor: &Actor,
        now_ms: i64,
    ) -> Result<Value, Refusal> {
        let given = entry.as_object().ok_or_else(|| {
            Refusal::new(400, "INVALID_DATA", "invalid data")
                .detail("expected_data_type", "jsonobject")
                .detail("json_path", format!("$.data[{n}]"))
        })?;
        let existing = match way {
            Way::Insert => None,
            Way::Update(Some(id)) => Some(self.live_id(module, id).ok_or_else(no_such_record)?),
            Way::Update(None) => {
                let id = given.get("id").and_then(Value::as_str).ok_or_else(|| mandatory(n, "id"))?;
                Some(self.live_id(module, id).ok_or_else(|| invalid(n, "id"))?)
            }
            Way::Upsert(checks) => checks.iter().find_map(|field| {
                let value = text(given.get(field)?).filter(|v| !v.is_empty())?;
                self.holder(module, field, &value, None)
            }),
        };
        if let Some(id) = existing {
            self.may_change(id, given, since)?;
        }
        let values = self.checked(module, given, n, existing)?;
        let id = match existing {
            Some(id) => {
                self.store_change(id, values, actor, now_ms);
                id
            }
            None => self.store_new(module, values, actor, now_ms),
        };
        Ok(self.success(id, way, existing.is_some()))
    }

    fn success(&self, id: u64, way: &Way, changed: bool) -> Value {
        let Some(record) = self.records.get(&id) else { return Value::Null };
        let mut entry = json!({
            "code": "SUCCESS",
            "details": {
                "id": id.to_string(),
                "Created_Time": self.time(record.created_ms),
                "Modified_Time": self.time(record.modified_ms),
                "Created_By": small(&record.created_by),
                "Modified_By": small(&record.modified_by),
                "$approval_state": "approved",
            },
            "message": if changed { "record updated" } else { "record added" },
            "status": "success",
        });
        if let (Way::Upsert(checks), Some(map)) = (way, entry.as_object_mut()) {
            map.insert("action".into(), if changed { "update" } else { "insert" }.into());
            if let (true, Some(field)) = (changed, checks.first()) {
                map.insert("duplicate_field".into(), field.as_str().into());
            }
        }
        entry
    }

    /// A record of the module that was not deleted.
    fn live_id(&self, module: &str, id: &str) -> Option<u64> {
        let id: u64 = id.parse().ok()?;
        self.records.get(&id).filter(|r| r.module == module && !r.deleted).map(|r| r.id)
    }

    /// Who holds a value already. Converted leads hold nothing, unless a preference says so ("duplicate-check-preference").
    pub(crate) fn holder(&self, module: &str, field: &str, value: &str, but: Option<u64>) -> Option<u64> {
        let holds = |r: &&Record| {
            r.module == module && r.live() && Some(r.id) != but && r.text(field).as_deref() == Some(value)
        };
        self.records.values().find(holds).map(|r| r.id)
    }

    fn may_change(&self, id: u64, given: &Map<String, Value>, since: Option<i64>) -> Result<(), Refusal> {
        let Some(record) = self.records.get(&id) else { return Err(no_such_record()) };
        if record.converted.is_some() {
            return Err(Refusal::new(400, "CONVERTED_RECORD", "id already converted").detail("id", id.to_string()));
        }
        if record.locked {
            return Err(Refusal::new(400, "RECORD_LOCKED", "record is locked").detail("id", id.to_string()));
        }
        if let Some(field) = record.blueprint.iter().find(|f| given.contains_key(*f)) {
            return Err(Refusal::new(400, "RECORD_IN_BLUEPRINT", "The record is in blue print")
                .detail("api_name", field.as_str()));
        }
        if since.is_some_and(|since| record.modified_ms.div_euclid(1_000) > since.div_euclid(1_000)) {
            return Err(Refusal::new(412, "ALREADY_MODIFIED", "the record was modified after the given time")
                .detail("id", id.to_string())
                .detail("Modified_Time", self.time(record.modified_ms))
                .detail("Created_Time", self.time(record.created_ms))
                .detail("Modified_By", small(&record.modified_by))
                .detail("Created_By", small(&record.created_by)));
        }
        Ok(())
    }

    /// The values of an entry, each checked. Names that are no field, and fields the system writes, are left out without a word.
    pub(crate) fn checked(
        &self,
        module: &'static str,
        given: &Map<String, Value>,
        n: usize,
        existing: Option<u64>,
    ) -> Result<BTreeMap<String, Value>, Refusal> {
        let mut values = BTreeMap::new();
        for field in self.fields.get(module).into_iter().flatten() {
            let name = field.api_name.as_str();
            let Some(value) = given.get(name).filter(|_| !field.system) else {
                if field.mandatory && existing.is_none() && !field.system {
                    return Err(mandatory(n, name));
                }
                continue;
            };
            if value.is_null() || value.as_str() == Some("") {
                if field.mandatory {
                    return Err(mandatory(n, name));
                }
                values.insert(name.to_owned(), Value::Null);
                continue;
            }
            let value = match field.data_type {
                DataType::Owner => self.owner(value).ok_or_else(|| invalid(n, name))?,
                DataType::Lookup => self.lookup(module, name, check(field, value, n)?, given, n)?,
                _ => check(field, value, n)?,
            };
            let value_text = text(&value).unwrap_or_default();
            if let Some(holder) = field.unique.then(|| self.holder(module, name, &value_text, existing)).flatten() {
                let owner = self.records.get(&holder).and_then(|r| r.fields.get("Owner")).cloned();
                return Err(duplicate(n, name, holder, module, owner.unwrap_or(Value::Null)));
            }
            values.insert(name.to_owned(), value);
        }
        if module == "Calls" {
            Self::call_rules(&mut values, n, existing.is_some())?;
        }
        if let Some(module) = given.get("$se_module").filter(|_| values.get("What_Id").is_some_and(|w| !w.is_null())) {
            values.insert("$se_module".into(), module.clone());
        }
        Ok(values)
    }

    /// Logged calls need their length, as minutes and seconds ("insert-records.html", Calls).
    fn call_rules(values: &mut BTreeMap<String, Value>, n: usize, change: bool) -> Result<(), Refusal> {
        let Some(duration) = values.get("Call_Duration").and_then(Value::as_str) else {
            return if change { Ok(()) } else { Err(mandatory(n, "Call_Duration")) };
        };
        let parts: Option<Vec<u32>> = duration.split(':').map(|p| p.parse().ok().filter(|_| !p.is_empty())).collect();
        match parts.as_deref() {
            Some([minutes, seconds]) if *seconds < 60 => {
                values.insert("Call_Duration_in_seconds".into(), (minutes * 60 + seconds).into());
                Ok(())
            }
            _ => Err(invalid(n, "Call_Duration")),
        }
    }

    fn owner(&self, value: &Value) -> Option<Value> {
        let id = value.get("id").and_then(Value::as_str)?;
        let user = self.users.iter().find(|u| u.id == id && u.active)?;
        Some(json!({ "name": user.full_name(), "id": user.id, "email": user.email }))
    }

    /// A link to another record: contacts by `Who_Id`, others by `What_Id` with `$se_module`. Converted leads can be linked no more.
    fn lookup(
        &self,
        module: &str,
        name: &str,
        value: Value,
        given: &Map<String, Value>,
        n: usize,
    ) -> Result<Value, Refusal> {
        let target = match name {
            "Who_Id" | "Contact_Name" => "Contacts",
            "Account_Name" => "Accounts",
            "What_Id" => match given.get("$se_module").and_then(Value::as_str).and_then(super::fields::module) {
                Some(target) => target,
                None => {
                    let refusal = Refusal::new(400, "DEPENDENT_FIELD_MISSING", "dependent field missing");
                    return Err(at(refusal, n, "$se_module"));
                }
            },
            _ => module,
        };
        let id = value.get("id").and_then(Value::as_str).and_then(|id| id.parse::<u64>().ok());
        let held =
            id.and_then(|id| self.records.get(&id)).filter(|r| r.live() && (r.module == target || name == "Parent_Id"));
        match held {
            Some(record) => Ok(json!({ "id": record.id.to_string(), "name": self.name_of(record.id) })),
            None => Err(invalid(n, name).detail("expected_data_type", "lookup")),
        }
    }

    pub(crate) fn delete(&mut self, _call: &Call<'_>, module: &'static str, id: &str) -> Result<Reply, Refusal> {
        let id = self.live_id(module, id).ok_or_else(no_such_record)?;
        if self.records.get(&id).is_some_and(|r| r.locked) {
            return Err(Refusal::new(400, "RECORD_LOCKED", "record is locked").detail("id", id.to_string()));
        }
        if let Some(record) = self.records.get_mut(&id) {
            record.deleted = true;
        }
        self.did(Deed::Archived, module, id);
        let done = json!({ "code": "SUCCESS", "details": { "id": id.to_string() }, "message": "record deleted", "status": "success" });
        Ok(Reply::json(200, &json!({ "data": [done] })))
    }
}
