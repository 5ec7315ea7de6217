//! Records: what may be written, and what it becomes.

use super::refusals::{self, Refusal};
use super::schema::{Field, Kind, Sobject};
use super::{RuleAction, Salesforce, id18, make_id};
use crate::civil::{iso_day, iso_ms, parse_iso};
use crate::log::Deed;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// How many earlier states of a record the search index can still be at.
const INDEX_STATES_MAX: usize = 6;

/// One record.
#[derive(Debug, Clone)]
pub struct Record {
    pub sobject: Sobject,
    /// 18 characters.
    pub id: String,
    pub(crate) fields: BTreeMap<String, Value>,
    pub created_ms: i64,
    /// Whole seconds, as Salesforce keeps it.
    pub modified_ms: i64,
    pub deleted: bool,
    /// A person made it in Salesforce's own pages.
    pub by_person: bool,
    /// States with the moment each was saved: the search index shows one of them.
    pub(crate) states: Vec<(i64, BTreeMap<String, Value>)>,
}

impl Record {
    /// A field by its API name; null where it is empty.
    pub fn get(&self, name: &str) -> Value {
        let text = |name: &str| self.fields.get(name).and_then(Value::as_str).unwrap_or_default();
        match name {
            "Id" => json!(self.id),
            "IsDeleted" => json!(self.deleted),
            "CreatedDate" => json!(instant(self.created_ms)),
            "LastModifiedDate" | "SystemModstamp" => json!(instant(self.modified_ms)),
            "Name" if matches!(self.sobject, Sobject::Lead | Sobject::Contact | Sobject::User) => {
                json!(format!("{} {}", text("FirstName"), text("LastName")).trim())
            }
            "IsClosed" if self.sobject == Sobject::Task => json!(text("Status") == "Completed"),
            "IsHighPriority" => json!(text("Priority") == "High"),
            "IsClosed" => json!(text("StageName").starts_with("Closed")),
            "IsWon" => json!(text("StageName") == "Closed Won"),
            name => self.fields.get(name).cloned().unwrap_or(Value::Null),
        }
    }

    /// A field as text; empty where it is null.
    pub fn text(&self, name: &str) -> String {
        match self.get(name) {
            Value::String(text) => text,
            Value::Null => String::new(),
            other => other.to_string(),
        }
    }

    pub(crate) fn attributes(&self, version: &str) -> Value {
        let name = self.sobject.name();
        json!({ "type": name, "url": format!("/services/data/{version}/sobjects/{name}/{}", self.id) })
    }
}

/// `2026-03-05T14:03:11.000+0000`
pub(crate) fn instant(ms: i64) -> String {
    iso_ms(ms).replace('Z', "+0000")
}

/// Headers that change how a record is saved.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Saving {
    /// `Sforce-Duplicate-Rule-Header: allowSave=true`.
    pub(crate) allow_duplicates: bool,
    /// `Sforce-Auto-Assign` is not FALSE.
    pub(crate) assign: bool,
    /// Typed by a person, for whom alerts are only alerts.
    pub(crate) person: bool,
}

impl Salesforce {
    /// Checks fields of a record to be made (`old` none) or changed; canonical names and stored values come back.
    pub(crate) fn check(
        &self,
        sobject: Sobject,
        given: &Map<String, Value>,
        old: Option<&Record>,
    ) -> Result<BTreeMap<String, Value>, Refusal> {
        let mut out = BTreeMap::new();
        for (name, value) in given.iter().filter(|(name, _)| *name != "attributes") {
            let Some(field) = self.field(sobject, name) else { return Err(refusals::no_column(name, sobject.name())) };
            let open = if old.is_some() { field.update } else { field.create };
            if !open {
                let message = format!(
                    "Unable to create/update fields: {}. Please check the security settings of this field and verify that it is read/write for your profile or permission set.",
                    field.name
                );
                return Err(Refusal::new(400, "INVALID_FIELD_FOR_INSERT_UPDATE", message).fields(&[&field.name]));
            }
            let stored = self.stored(field, value)?;
            if field.required && stored.is_null() && old.is_some() {
                let message = format!("Required fields are missing: [{}]", field.name);
                return Err(Refusal::new(400, "REQUIRED_FIELD_MISSING", message).fields(&[&field.name]));
            }
            out.insert(field.name.clone(), stored);
        }
        if old.is_none() {
            let empty = |f: &&Field| f.required && out.get(&f.name).is_none_or(Value::is_null);
            let missing: Vec<&str> = self.fields(sobject).iter().filter(empty).map(|f| f.name.as_str()).collect();
            if !missing.is_empty() {
                let message = format!("Required fields are missing: [{}]", missing.join(", "));
                return Err(Refusal::new(400, "REQUIRED_FIELD_MISSING", message).fields(&missing));
            }
        }
        let after = |name: &str| out.get(name).cloned().unwrap_or_else(|| old.map_or(Value::Null, |r| r.get(name)));
        // Object Reference, Task: WhatId stays empty where WhoId is a Lead.
        let lead = after("WhoId").as_str().is_some_and(|who| who.starts_with(Sobject::Lead.prefix()));
        if sobject == Sobject::Task && lead && !after("WhatId").is_null() {
            let message = "If the Name field is a Lead, Related To must be empty";
            return Err(Refusal::new(400, "FIELD_INTEGRITY_EXCEPTION", message).fields(&["WhatId"]));
        }
        for field in self.fields(sobject).iter().filter(|f| f.unique) {
            let Some(value) = out.get(&field.name).filter(|v| !v.is_null()) else { continue };
            let same = |r: &&Record| old.is_none_or(|old| old.id != r.id) && r.fields.get(&field.name) == Some(value);
            if let Some(holder) = self.records(sobject).into_iter().find(same) {
                return Err(refusals::taken(&field.name, &holder.id));
            }
        }
        Ok(out)
    }

    /// A value as the field keeps it. JSON numbers and booleans may come as strings.
    fn stored(&self, field: &Field, value: &Value) -> Result<Value, Refusal> {
        let refuse = |code, message: String| Err(Refusal::new(400, code, message).fields(&[&field.name]));
        let parser = |kind: &str| {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            refusals::bad_json(&format!("Cannot deserialize instance of {kind} from VALUE_STRING value {shown}"))
        };
        if value.is_null() || value.as_str() == Some("") {
            return Ok(if field.kind == Kind::Bool { json!(false) } else { Value::Null });
        }
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => return Err(parser("string")),
        };
        let fits = |length: usize| {
            let long = text.chars().count() > length;
            let message = format!("{}: data value too large: {text} (max length={length})", field.label);
            if long { refuse("STRING_TOO_LONG", message) } else { Ok(json!(text)) }
        };
        match &field.kind {
            Kind::Text(length) | Kind::Area(length) => fits(*length),
            Kind::Phone => fits(40),
            Kind::Url => fits(255),
            Kind::Email => {
                let (local, domain) = text.split_once('@').unwrap_or_default();
                if local.is_empty() || !domain.contains('.') || text.contains(' ') {
                    let message = format!("{}: invalid email address: {text}", field.label);
                    return refuse("INVALID_EMAIL_ADDRESS", message);
                }
                fits(80)
            }
            Kind::Bool => text.parse::<bool>().map(|b| json!(b)).map_err(|_| parser("boolean")),
            Kind::Int => text.parse::<i64>().map(|n| json!(n)).map_err(|_| parser("int")),
            Kind::Double => text.parse::<f64>().map(|n| json!(n)).map_err(|_| parser("double")),
            Kind::Date => match parse_iso(&text) {
                Some(ms) if text.len() == 10 => Ok(json!(iso_day(ms))),
                _ => Err(parser("date")),
            },
            Kind::DateTime => match parse_iso(&text) {
                Some(ms) if text.len() > 10 => Ok(json!(instant(ms.div_euclid(1000) * 1000))),
                _ => Err(parser("datetime")),
            },
            Kind::Picklist(options, restricted) => {
                if *restricted && !options.contains(&text.as_str()) {
                    let message = format!("{}: bad value for restricted picklist field: {text}", field.label);
                    return refuse("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message);
                }
                fits(255)
            }
            Kind::Id => Err(refusals::malformed_id(&text)),
            Kind::Reference(to) => self.reference(field, &text, to),
        }
    }

    fn reference(&self, field: &Field, text: &str, to: &[Sobject]) -> Result<Value, Refusal> {
        let refuse = |code, message: String| Err(Refusal::new(400, code, message).fields(&[&field.name]));
        let id = id18(text);
        let shaped = matches!(text.len(), 15 | 18) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        if !shaped || !Sobject::from_id(&id).is_some_and(|s| to.contains(&s)) {
            return refuse("MALFORMED_ID", format!("{}: id value of incorrect type: {text}", field.label));
        }
        match self.records.get(&id) {
            None => refuse("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id".to_owned()),
            Some(held) if held.deleted => refuse("ENTITY_IS_DELETED", "entity is deleted".to_owned()),
            Some(held) if held.sobject == Sobject::User && held.get("IsActive") != json!(true) => refuse(
                "OPERATION_WITH_INACTIVE_USER_EXCEPTION",
                format!("operation performed with inactive user [{id}] as owner of {}", field.label),
            ),
            // Undocumented in words; activities of a converted Lead belong to the Contact.
            Some(held) if held.get("IsConverted") == json!(true) => {
                refuse("FIELD_INTEGRITY_EXCEPTION", "cannot reference converted lead".to_owned())
            }
            Some(_) => Ok(json!(id)),
        }
    }

    /// Makes a record after all checks and gives its id.
    pub(crate) fn create(
        &mut self,
        sobject: Sobject,
        given: &Map<String, Value>,
        saving: Saving,
        now_ms: i64,
    ) -> Result<String, Refusal> {
        if sobject == Sobject::User {
            return Err(Refusal::new(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "users are not made here"));
        }
        let mut fields = self.check(sobject, given, None)?;
        // A Task locks who it belongs to.
        if let Some(who) = fields.get("WhoId").and_then(Value::as_str) {
            self.free(who, now_ms)?;
        }
        self.duplicates(sobject, &fields, None, saving)?;
        if sobject == Sobject::Lead
            && saving.assign
            && let Some(owner) = &self.options.assignment_owner
        {
            fields.insert("OwnerId".to_owned(), json!(owner));
        }
        let id = self.insert(sobject, fields, saving.person, now_ms);
        self.note(Deed::Created, sobject, &id);
        Ok(id)
    }

    /// Stores a record with its defaults; nothing is checked.
    pub(crate) fn insert(
        &mut self,
        sobject: Sobject,
        mut fields: BTreeMap<String, Value>,
        by_person: bool,
        now_ms: i64,
    ) -> String {
        let id = make_id(sobject, self.next);
        self.next += 1;
        let mut default = |name: &str, value: Value| {
            if fields.get(name).is_none_or(Value::is_null) {
                fields.insert(name.to_owned(), value);
            }
        };
        match sobject {
            Sobject::Lead => {
                default("Status", json!("Open - Not Contacted"));
                default("IsConverted", json!(false));
            }
            Sobject::Task => {
                default("Status", json!("Not Started"));
                default("Priority", json!("Normal"));
                default("TaskSubtype", json!("Task"));
            }
            _ => {}
        }
        if sobject != Sobject::User && sobject != Sobject::OpportunityContactRole {
            default("OwnerId", json!(self.user));
        }
        for field in self.schema[sobject as usize].iter().filter(|f| f.kind == Kind::Bool && f.create) {
            if !fields.contains_key(&field.name) {
                fields.insert(field.name.clone(), json!(false));
            }
        }
        fields.retain(|_, value| !value.is_null());
        let second = now_ms.div_euclid(1000) * 1000;
        let record = Record {
            sobject,
            id: id.clone(),
            states: vec![(now_ms, fields.clone())],
            fields,
            created_ms: second,
            modified_ms: second,
            deleted: false,
            by_person,
        };
        self.records.insert(id.clone(), record);
        id
    }

    /// A record by the vendor's own hand.
    pub(crate) fn put(&mut self, sobject: Sobject, fields: &Value, now_ms: i64, by_person: bool) -> String {
        let fields = fields.as_object().cloned().unwrap_or_default().into_iter().collect();
        self.insert(sobject, fields, by_person, now_ms)
    }

    /// Changes a record after all checks.
    pub(crate) fn update(
        &mut self,
        id: &str,
        given: &Map<String, Value>,
        saving: Saving,
        now_ms: i64,
    ) -> Result<(), Refusal> {
        let Some(old) = self.records.get(id) else { return Err(refusals::not_found()) };
        if old.deleted {
            return Err(refusals::deleted());
        }
        // "Converted leads are read only" (Object Reference, Lead).
        if old.get("IsConverted") == json!(true) {
            return Err(Refusal::new(400, "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead"));
        }
        let sobject = old.sobject;
        let fields = self.check(sobject, given, Some(old))?;
        self.free(id, now_ms)?;
        let keys = ["Phone", "MobilePhone", "Email"];
        if keys.iter().any(|key| fields.get(*key).is_some_and(|v| !v.is_null())) {
            let mut whole = old.fields.clone();
            whole.extend(fields.clone());
            self.duplicates(sobject, &whole, Some(id), saving)?;
        }
        self.set(id, fields, now_ms);
        self.note(Deed::Updated, sobject, id);
        Ok(())
    }

    pub(crate) fn set(&mut self, id: &str, fields: BTreeMap<String, Value>, now_ms: i64) {
        let Some(record) = self.records.get_mut(id) else { return };
        record.fields.extend(fields);
        record.fields.retain(|_, value| !value.is_null());
        record.modified_ms = now_ms.div_euclid(1000) * 1000;
        record.states.push((now_ms, record.fields.clone()));
        if record.states.len() > INDEX_STATES_MAX {
            record.states.remove(0);
        }
    }

    pub(crate) fn delete(&mut self, id: &str, now_ms: i64) -> Result<(), Refusal> {
        let Some(record) = self.records.get_mut(id) else { return Err(refusals::not_found()) };
        if record.deleted {
            return Err(refusals::deleted());
        }
        record.deleted = true;
        record.modified_ms = now_ms.div_euclid(1000) * 1000;
        let sobject = record.sobject;
        self.note(Deed::Archived, sobject, id);
        Ok(())
    }

    /// Waiting for a row that somebody else holds ends after ten seconds with UNABLE_TO_LOCK_ROW.
    fn free(&self, id: &str, now_ms: i64) -> Result<(), Refusal> {
        if self.locked.get(id).is_some_and(|until| *until > now_ms) { Err(refusals::locked()) } else { Ok(()) }
    }

    /// "Duplicate Rules" and `headers_duplicaterules.htm`.
    fn duplicates(
        &self,
        sobject: Sobject,
        fields: &BTreeMap<String, Value>,
        own: Option<&str>,
        saving: Saving,
    ) -> Result<(), Refusal> {
        let Some(rule) = self.options.duplicate_rule.as_ref() else { return Ok(()) };
        if !matches!(sobject, Sobject::Lead | Sobject::Contact) {
            return Ok(());
        }
        if rule.action == RuleAction::Alert && (saving.allow_duplicates || saving.person) {
            return Ok(());
        }
        let digits = |value: Option<&Value>| {
            let digits: String =
                value.and_then(Value::as_str).unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
            (digits.len() >= 10).then(|| digits.get(digits.len() - 10..).unwrap_or_default().to_owned())
        };
        let numbers = |fields: &BTreeMap<String, Value>| {
            ["Phone", "MobilePhone"].iter().filter_map(|n| digits(fields.get(*n))).collect::<Vec<_>>()
        };
        let mail =
            |fields: &BTreeMap<String, Value>| fields.get("Email").and_then(Value::as_str).map(str::to_ascii_lowercase);
        let (mine, address) = (numbers(fields), mail(fields));
        let same = |record: &&Record| {
            let theirs = numbers(&record.fields);
            matches!(record.sobject, Sobject::Lead | Sobject::Contact)
                && !record.deleted
                && record.get("IsConverted") != json!(true)
                && own != Some(record.id.as_str())
                && (mine.iter().any(|n| theirs.contains(n)) || address.is_some() && address == mail(&record.fields))
        };
        let found: Vec<&Record> = self.records.values().filter(same).collect();
        if found.is_empty() {
            return Ok(());
        }
        let results: Vec<Value> = [Sobject::Lead, Sobject::Contact]
            .iter()
            .map(|kind| {
                let records: Vec<Value> = found
                    .iter()
                    .filter(|r| r.sobject == *kind)
                    .map(|r| {
                        json!({ "additionalInformation": [], "fieldDiffs": [], "matchConfidence": rule.confidence,
                            "record": { "attributes": r.attributes("v66.0"), "Id": r.id } })
                    })
                    .collect();
                json!({ "entityType": kind.name(), "errors": [], "matchEngine": "FuzzyMatchEngine",
                    "rule": format!("Standard_{}_Match_Rule_v1_0", kind.name()), "size": records.len(), "success": true,
                    "matchRecords": records })
            })
            .filter(|result| result["size"] != json!(0))
            .collect();
        let mut refusal = Refusal::new(400, "DUPLICATES_DETECTED", "Use one of these records?");
        let found = json!({ "allowSave": rule.action == RuleAction::Alert,
            "duplicateRule": format!("Standard_{}_Duplicate_Rule", sobject.name()),
            "duplicateRuleEntityType": sobject.name(), "errorMessage": "Use one of these records?",
            "matchResults": results });
        refusal.duplicates = Some((rule.spelled, found));
        Err(refusal)
    }
}
