//! Single records: create, read, update, archive, merge. Source: objects API guides ("Contacts", "Calls", "Tasks", …).

use super::associations::target_of;
use super::record::{ObjectType, Record, Version, View};
use super::refusals::{
    Invalid, Refusal, bad_json, contact_exists, invalid_properties, missing_required, not_found, unknown_path,
    value_taken,
};
use super::{Actor, DuplicateForm, HubSpot, Route, seed};
use crate::log::Deed;
use crate::{Reply, civil};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashSet};

/// Values kept per property (property history guide: the last 45 for contacts; fewer elsewhere).
const HISTORY_MAX: usize = 45;
/// Records per page of a list.
const LIST_MAX: usize = 100;

/// Unique values already promised to an earlier input of the same batch.
#[derive(Default)]
pub(crate) struct Claims(HashSet<(String, String)>);

/// A record that passed every check and waits to be written.
pub(crate) struct Draft {
    pub(crate) values: BTreeMap<String, String>,
    links: Vec<(ObjectType, u64, u32)>,
}

/// What a read asked for.
#[derive(Default)]
pub(crate) struct Wanted {
    pub(crate) properties: Option<Vec<String>>,
    pub(crate) history: Vec<String>,
    pub(crate) associations: Vec<ObjectType>,
}

impl HubSpot {
    /// `/crm/objects/{version}/{objectType}…`
    pub(super) fn objects_endpoint(
        &mut self,
        route: &Route<'_>,
        kind: ObjectType,
        rest: &[&str],
    ) -> Result<Reply, Refusal> {
        match (route.method, rest) {
            ("POST", []) => self.create(route, kind),
            ("GET", []) => self.list(route, kind),
            ("POST", ["search"]) => self.search(route, kind),
            ("POST", ["merge"]) => self.merge_endpoint(route, kind),
            ("POST", ["batch", operation]) => self.batch(route, kind, operation),
            ("GET", [id]) => self.read(route, kind, id),
            ("PATCH", [id]) => self.update(route, kind, id),
            ("DELETE", [id]) => {
                let id = self.resolve(kind, id, None, false)?;
                self.archive(kind, id, route.now_ms);
                Ok(Reply::empty(204))
            }
            (_, [id, "associations", rest @ ..]) => self.record_associations(route, kind, id, rest),
            _ => Err(unknown_path()),
        }
    }

    /// The live record an id or a unique value names.
    pub(super) fn resolve(
        &self,
        kind: ObjectType,
        id: &str,
        id_property: Option<&str>,
        archived: bool,
    ) -> Result<u64, Refusal> {
        let table = self.table(kind);
        let found = match id_property {
            None | Some("hs_object_id") => id.parse().ok().map(|id| table.survivor(id)),
            Some(property) => {
                self.check_id_property(kind, property)?;
                let value = if property == "email" { id.to_lowercase() } else { id.to_owned() };
                table.holder(property, &value)
            }
        };
        let record = found.and_then(|found| Some((found, table.records.get(&found)?)));
        match record {
            Some((found, record)) if record.archived_at_ms.is_some() == archived => Ok(found),
            _ => Err(not_found(id)),
        }
    }

    /// Objects guide: `idProperty` takes e-mail (contacts) or a property with unique values.
    pub(super) fn check_id_property(&self, kind: ObjectType, property: &str) -> Result<(), Refusal> {
        let table = self.table(kind);
        if !table.properties.contains_key(property) {
            return Err(Refusal::validation(format!("Property \"{property}\" does not exist"))
                .context("idProperty", &[property]));
        }
        if !table.is_unique(kind, property) {
            return Err(Refusal::validation(format!(
                "{property} is not a unique property of object type {}",
                kind.type_id()
            ))
            .context("idProperty", &[property]));
        }
        Ok(())
    }

    fn create(&mut self, route: &Route<'_>, kind: ObjectType) -> Result<Reply, Refusal> {
        let body = route.body()?;
        match self.prepare_create(kind, &body, &mut Claims::default()) {
            Ok(draft) => {
                let names: Vec<String> = draft.values.keys().cloned().collect();
                let id = self.commit_create(kind, draft, route.now_ms, &route.actor);
                Ok(Reply::json(201, &self.written(kind, id, &names)))
            }
            Err(refusal) => {
                self.take_id(); // the half-allocated id of the refusal is spent
                Err(refusal)
            }
        }
    }

    /// Checks one creation without writing.
    pub(super) fn prepare_create(
        &self,
        kind: ObjectType,
        input: &Value,
        claims: &mut Claims,
    ) -> Result<Draft, Refusal> {
        let given = input.get("properties").unwrap_or(&Value::Null);
        let mut values = self.check_properties(kind, given, None, claims, false)?;
        if kind == ObjectType::Deals && !values.contains_key("pipeline") {
            values.insert("pipeline".to_owned(), "default".to_owned());
        }
        if self.options().validate {
            require(kind, &values)?;
        }
        let mut links = Vec::new();
        for association in input["associations"].as_array().into_iter().flatten() {
            let to = association["to"]["id"]
                .as_str()
                .map(str::to_owned)
                .or_else(|| Some(association["to"]["id"].as_u64()?.to_string()));
            let Some(to) = to else { return Err(bad_json("associations need to.id")) };
            for spec in association["types"].as_array().into_iter().flatten() {
                let type_id = spec["associationTypeId"].as_u64().unwrap_or_default() as u32;
                let Some((target, _)) =
                    target_of(kind, type_id).filter(|_| spec["associationCategory"] == "HUBSPOT_DEFINED")
                else {
                    return Err(Refusal::validation(format!(
                        "No association type with id {type_id} exists from {}",
                        kind.singular().to_uppercase()
                    )));
                };
                let id = self.resolve(target, &to, None, false).map_err(|_| {
                    Refusal::validation(format!("The {} object with id {to} does not exist", target.singular()))
                })?;
                links.push((target, id, type_id));
            }
        }
        Ok(Draft { values, links })
    }

    /// Writes a checked creation.
    pub(super) fn commit_create(&mut self, kind: ObjectType, draft: Draft, now_ms: i64, actor: &Actor) -> u64 {
        let id = self.take_id();
        let record = Record {
            id: id.to_string(),
            object: kind,
            history: BTreeMap::new(),
            associations: BTreeMap::new(),
            created_at_ms: now_ms,
            updated_at_ms: now_ms,
            archived_at_ms: None,
        };
        self.table_mut(kind).records.insert(id, record);
        self.write(kind, id, &draft.values, now_ms, actor);
        for (target, to, type_id) in draft.links {
            let back = target_of(kind, type_id).map_or(type_id, |(_, back)| back);
            self.link((kind, id), (target, to), (type_id, back), now_ms);
        }
        self.did(Deed::Created, kind, id.to_string());
        id
    }

    fn read(&mut self, route: &Route<'_>, kind: ObjectType, id: &str) -> Result<Reply, Refusal> {
        let archived = route.param("archived") == Some("true");
        let id = self.resolve(kind, id, route.param("idProperty"), archived)?;
        let mut associations = Vec::new();
        for name in route.list("associations").unwrap_or_default() {
            associations.push(super::kind_of(&name)?);
        }
        let wanted = Wanted {
            properties: route.list("properties"),
            history: route.list("propertiesWithHistory").unwrap_or_default(),
            associations,
        };
        match self.table(kind).records.get(&id) {
            Some(record) => Ok(Reply::json(200, &self.render(record.view(None), &wanted))),
            None => Err(not_found(&id.to_string())),
        }
    }

    fn list(&self, route: &Route<'_>, kind: ObjectType) -> Result<Reply, Refusal> {
        let limit = route.param("limit").map_or(Ok(10), str::parse::<usize>).unwrap_or(0);
        if limit == 0 || limit > LIST_MAX {
            return Err(Refusal::validation(format!("limit must be between 1 and {LIST_MAX}")));
        }
        let after: u64 = route.param("after").and_then(|after| after.parse().ok()).unwrap_or(0);
        let archived = route.param("archived") == Some("true");
        let wanted = Wanted { properties: route.list("properties"), ..Wanted::default() };
        let mut page = self
            .table(kind)
            .records
            .range(after..)
            .filter(|(_, record)| record.archived_at_ms.is_some() == archived)
            .map(|(id, record)| (*id, self.render(record.view(None), &wanted)));
        let results: Vec<Value> = page.by_ref().take(limit).map(|(_, value)| value).collect();
        let mut body = json!({ "results": results });
        if let Some((next, _)) = page.next() {
            body["paging"] = json!({ "next": { "after": next.to_string() } });
        }
        Ok(Reply::json(200, &body))
    }

    fn update(&mut self, route: &Route<'_>, kind: ObjectType, id: &str) -> Result<Reply, Refusal> {
        let body = route.body()?;
        let id = self.resolve(kind, id, route.param("idProperty"), false)?;
        let values = self.check_properties(kind, &body["properties"], Some(id), &mut Claims::default(), false)?;
        self.write(kind, id, &values, route.now_ms, &route.actor);
        self.did(Deed::Updated, kind, id.to_string());
        let names: Vec<String> = values.into_keys().collect();
        Ok(Reply::json(200, &self.written(kind, id, &names)))
    }

    /// Archives a record; its unique values become free (undocumented) and links to it no longer show.
    pub(super) fn archive(&mut self, kind: ObjectType, id: u64, now_ms: i64) {
        let table = self.table_mut(kind);
        table.release(id);
        if let Some(record) = table.records.get_mut(&id) {
            record.archived_at_ms = Some(now_ms);
            record.updated_at_ms = now_ms;
        }
        self.did(Deed::Archived, kind, id.to_string());
    }

    /// The values as they would be stored, or every complaint at once. `target` is the record they go to.
    pub(super) fn check_properties(
        &self,
        kind: ObjectType,
        given: &Value,
        target: Option<u64>,
        claims: &mut Claims,
        person: bool,
    ) -> Result<BTreeMap<String, String>, Refusal> {
        let empty = Map::new();
        let given = match given {
            Value::Null => &empty,
            Value::Object(given) => given,
            _ => return Err(bad_json("properties must be an object")),
        };
        let table = self.table(kind);
        let (mut values, mut invalid) = (BTreeMap::new(), Vec::new());
        for (name, value) in given {
            let Some(text) = as_text(value) else {
                return Err(bad_json(&format!(
                    "Cannot deserialize value of type `java.lang.String` for property {name}"
                )));
            };
            match table.properties.get(name) {
                _ if !self.options().validate => {
                    values.insert(name.clone(), text);
                }
                None => invalid.push(Invalid {
                    name: name.clone(),
                    code: "PROPERTY_DOESNT_EXIST",
                    message: format!("Property \"{name}\" does not exist"),
                }),
                Some(property) => match property.accept(&text, |id| self.owner_known(id)) {
                    Ok(accepted) => {
                        values.insert(name.clone(), accepted);
                    }
                    Err(complaint) => invalid.push(complaint),
                },
            }
        }
        if !invalid.is_empty() {
            return Err(invalid_properties(&invalid));
        }
        if let (Some(id), Some(stage), false) = (target, values.get("lifecyclestage"), person) {
            let current = table.records.get(&id).and_then(|r| r.get("lifecyclestage")).unwrap_or_default();
            let options = table.properties.get("lifecyclestage").map_or(&[][..], |p| p.options.as_slice());
            let rank = |stage: &str| options.iter().position(|(option, _)| option == stage);
            // "The lifecycle stage can only be set forward … to move it back, clear it first" (contacts guide). The
            // request succeeds and the value stays.
            if !stage.is_empty() && rank(stage) < rank(current) {
                values.remove("lifecyclestage");
            }
        }
        for (name, value) in values.iter().filter(|(name, value)| !value.is_empty() && table.is_unique(kind, name)) {
            let holder = table.holder(name, value).filter(|holder| Some(*holder) != target);
            let half = target.unwrap_or(self.next_id);
            match holder {
                Some(holder) if name == "email" && self.options().duplicate_form == DuplicateForm::Conflict => {
                    return Err(contact_exists(holder));
                }
                Some(holder) => return Err(value_taken(self.options().portal_id, kind, name, value, half, holder)),
                None if !claims.0.insert((name.clone(), value.clone())) => {
                    return Err(Refusal::validation(format!(
                        "{value} is given more than once for unique property {name}"
                    )));
                }
                None => {}
            }
        }
        Ok(values)
    }

    /// Writes accepted values; an equal value makes no new version.
    pub(super) fn write(
        &mut self,
        kind: ObjectType,
        id: u64,
        values: &BTreeMap<String, String>,
        now_ms: i64,
        actor: &Actor,
    ) {
        let calculating = Actor {
            source: "CALCULATED".to_owned(),
            source_id: "CalculatedPropertyComputer".to_owned(),
            user_id: None,
        };
        let table = self.table_mut(kind);
        for (name, value) in values {
            table.put(kind, id, name, value, now_ms, actor);
            for (calculated, text) in calculated(kind, name, value) {
                if table.properties.contains_key(calculated) {
                    table.put(kind, id, calculated, &text, now_ms, &calculating);
                }
            }
        }
    }

    /// The reply to a write: what was set, and the defaults that have a value.
    pub(super) fn written(&self, kind: ObjectType, id: u64, names: &[String]) -> Value {
        let Some(record) = self.table(kind).records.get(&id) else { return Value::Null };
        let defaults = kind.default_properties().iter().map(|name| (*name).to_owned());
        let wanted = Wanted { properties: Some(names.iter().cloned().chain(defaults).collect()), ..Wanted::default() };
        let mut rendered = self.render(record.view(None), &wanted);
        if let Some(properties) = rendered.get_mut("properties").and_then(Value::as_object_mut) {
            properties.retain(|_, value| !value.is_null());
        }
        rendered
    }

    /// One record as JSON. Properties asked for and never set are null; unknown ones are left out, not refused.
    pub(super) fn render(&self, view: View<'_>, wanted: &Wanted) -> Value {
        let record = view.record;
        let table = self.table(record.object);
        let mut properties = Map::new();
        let asked =
            wanted.properties.iter().flatten().map(String::as_str).filter(|name| table.properties.contains_key(*name));
        for name in record.object.default_properties().iter().copied().chain(asked) {
            properties
                .insert(name.to_owned(), view.get(name).map_or(Value::Null, |value| Value::from(value.into_owned())));
        }
        let mut out = json!({
            "id": record.id, "properties": properties, "createdAt": civil::iso_ms(record.created_at_ms),
            "updatedAt": civil::iso_ms(record.updated_at_ms), "archived": record.archived_at_ms.is_some(),
        });
        if let Some(at) = record.archived_at_ms {
            out["archivedAt"] = civil::iso_ms(at).into();
        }
        if !wanted.history.is_empty() {
            let history: Map<String, Value> = wanted
                .history
                .iter()
                .filter(|name| table.properties.contains_key(*name))
                .map(|name| (name.clone(), history(record, name)))
                .collect();
            out["propertiesWithHistory"] = Value::Object(history);
        }
        let mut associations = Map::new();
        for to in &wanted.associations {
            let name = format!("{}_to_{}", record.object.singular(), to.singular());
            let linked = record.associations.keys().filter(|(kind, id)| kind == to && self.table(*kind).is_live(*id));
            let results: Vec<Value> = linked.map(|(_, id)| json!({ "id": id.to_string(), "type": name })).collect();
            if !results.is_empty() {
                associations.insert(to.plural().to_owned(), json!({ "results": results }));
            }
        }
        if !associations.is_empty() {
            out["associations"] = Value::Object(associations);
        }
        out
    }
}

impl super::table::Table {
    pub(super) fn claim_if_unique(&mut self, kind: ObjectType, name: &str, id: u64, value: &str) {
        if self.is_unique(kind, name) {
            self.claim(name, id, None, value);
        }
    }

    /// Sets one value with its history and indexes; false where nothing changed.
    pub(super) fn put(
        &mut self,
        kind: ObjectType,
        id: u64,
        name: &str,
        value: &str,
        at_ms: i64,
        actor: &Actor,
    ) -> bool {
        let Some(record) = self.records.get_mut(&id) else { return false };
        let old = record.get(name).map(str::to_owned);
        if old.as_deref() == Some(value) || (old.is_none() && value.is_empty()) {
            return false;
        }
        let versions = record.history.entry(name.to_owned()).or_default();
        versions.push(Version {
            value: value.to_owned(),
            at_ms,
            source: actor.source.clone(),
            source_id: actor.source_id.clone(),
            user_id: actor.user_id,
        });
        if versions.len() > HISTORY_MAX {
            versions.remove(0);
        }
        record.updated_at_ms = at_ms;
        if self.is_unique(kind, name) {
            self.claim(name, id, old.as_deref(), value);
        }
        self.remember(name, id, value);
        true
    }
}

/// Objects guide, "required properties".
fn require(kind: ObjectType, values: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let missing = |name: &&&str| values.get(**name).is_none_or(String::is_empty);
    let required: &[&str] = match kind {
        // "at least one of email, firstname, lastname"
        ObjectType::Contacts => {
            let any = ["email", "firstname", "lastname"];
            return if any.iter().all(|name| missing(&name)) { Err(missing_required(kind, &any)) } else { Ok(()) };
        }
        ObjectType::Companies => {
            let any = ["name", "domain"];
            return if any.iter().all(|name| missing(&name)) { Err(missing_required(kind, &any)) } else { Ok(()) };
        }
        ObjectType::Deals => &["dealname", "dealstage"],
        ObjectType::Tickets => &["subject", "hs_pipeline_stage"],
        ObjectType::Calls | ObjectType::Notes | ObjectType::Tasks => &["hs_timestamp"],
    };
    let absent: Vec<&str> = required.iter().filter(missing).copied().collect();
    if absent.is_empty() { Ok(()) } else { Err(missing_required(kind, &absent)) }
}

/// Property values are strings; numbers and booleans are taken as their text, null clears.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn history(record: &Record, name: &str) -> Value {
    let versions = record.history.get(name).map_or(&[][..], Vec::as_slice);
    versions
        .iter()
        .rev()
        .map(|version| {
            let mut entry = json!({
                "value": version.value, "timestamp": civil::iso_ms(version.at_ms), "sourceType": version.source,
                "sourceId": version.source_id,
            });
            if let Some(user) = version.user_id {
                entry["updatedByUserId"] = user.into();
            }
            entry
        })
        .collect()
}

/// What follows from one property. Phones (crm search guide): digits only, the national number without country code and the
/// international one with it. Deals: whether the stage ends the deal.
fn calculated(kind: ObjectType, name: &str, value: &str) -> Vec<(&'static str, String)> {
    let names = match name {
        "phone" => ["hs_searchable_calculated_phone_number", "hs_searchable_calculated_international_phone_number"],
        "mobilephone" => {
            ["hs_searchable_calculated_mobile_number", "hs_searchable_calculated_international_mobile_number"]
        }
        "dealstage" if kind == ObjectType::Deals => {
            let closed =
                seed::pipelines(kind).iter().flat_map(|p| &p.stages).any(|stage| stage.id == value && stage.closed);
            return vec![("hs_is_closed", closed.to_string())];
        }
        _ => return Vec::new(),
    };
    let (national, international) = split_phone(value);
    names.into_iter().zip([national, international]).collect()
}

/// National and international digits; the portal's country is the United States.
fn split_phone(value: &str) -> (String, String) {
    const TWO_DIGIT_CODES: [&str; 14] =
        ["20", "27", "30", "31", "32", "33", "34", "39", "41", "44", "49", "52", "61", "91"];
    let main = value.to_lowercase();
    let main = main.split(['x', 'e', ';', ',']).next().unwrap_or_default();
    let digits: String = main.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() {
        return (String::new(), String::new());
    }
    let plus = main.trim_start().starts_with('+');
    if let Some(national) = digits.strip_prefix('1').filter(|n| n.len() == 10) {
        return (national.to_owned(), digits.clone());
    }
    if plus {
        let code = if digits.starts_with('7') {
            1
        } else if TWO_DIGIT_CODES.iter().any(|c| digits.starts_with(c)) {
            2
        } else {
            3
        };
        return (digits.get(code..).unwrap_or_default().to_owned(), digits);
    }
    if digits.len() == 10 { (digits.clone(), format!("1{digits}")) } else { (digits.clone(), digits) }
}
