//! Rows: create, read, list, update, upsert, delete, qualify. Pages "Create", "Update and delete", "Retrieve", "Query data",
//! "Perform conditional operations", "Use alternate keys", "Use change tracking" and the reference of each table.

use super::query::{Filter, filter};
use super::refusals::{
    Refusal, bad_request, changed, closed, duplicate, exists, method, no_column, no_navigation, no_property, no_record,
    no_segment, outside, too_long, wrong_pair, wrong_type,
};
use super::schema::{Definition, Kind};
use super::{APPLICATION_USER, Dynamics, Row, Table, ok, reply};
use crate::log::Deed;
use crate::{Reply, Request, civil};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Rows of a page where the client asks for no other size.
const PAGE_MAX: usize = 5_000;
const LOGICAL_NAME: &str = "Microsoft.Dynamics.CRM.lookuplogicalname";
/// Characters that an alternate key's value cannot have in a URL (page "Work with alternate keys").
const FORBIDDEN_IN_KEYS: &str = "/<>*%&:\\?+";

pub(super) fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(n, c)| if [8, 13, 18, 23].contains(&n) { c == '-' } else { c.is_ascii_hexdigit() })
}

/// The id of the row a key names, and the column with its value where the key is no id.
type Named = (Option<String>, Option<(String, String)>);

impl Dynamics {
    /// `/leads`
    pub(super) fn collection(&mut self, request: &Request, set: &str, now_ms: i64) -> Result<Reply, Refusal> {
        let Some(table) = self.table(set) else { return Err(no_segment(set)) };
        match request.method.as_str() {
            "GET" => self.list(request, table),
            "POST" => {
                let id_column = table.definition.id;
                let body = object(request)?;
                let id = match body.get(id_column).and_then(Value::as_str) {
                    Some(id) if is_guid(id) => id.to_lowercase(),
                    Some(other) => return Err(wrong_type(other, "Edm.Guid")),
                    None => self.new_id(),
                };
                if self.table(set).is_some_and(|t| t.rows.get(&id).is_some_and(|r| !r.deleted)) {
                    return Err(exists());
                }
                self.check_duplicates(request, set, &body, &id)?;
                self.create(set, &id, &body, now_ms)?;
                self.written(request, set, &id, 201)
            }
            other => Err(method(other)),
        }
    }

    /// `/leads(…)`
    pub(super) fn record(&mut self, request: &Request, set: &str, key: &str, now_ms: i64) -> Result<Reply, Refusal> {
        let Some(table) = self.table(set) else { return Err(no_segment(set)) };
        let (id, by_key) = Self::resolve(table, key)?;
        let held = id.as_ref().and_then(|id| table.rows.get(id)).filter(|r| !r.deleted).map(|r| r.version);
        let logical = table.definition.logical;
        let (matching, none_matching) = (request.get_header("if-match"), request.get_header("if-none-match"));
        let missing = || no_record(logical, id.as_deref().unwrap_or(key));
        if let (Some(tag), Some(version)) = (matching, held)
            && tag != "*"
            && tag != etag(version)
        {
            return Err(changed());
        }
        match (request.method.as_str(), held) {
            ("GET" | "DELETE", None) => Err(missing()),
            ("GET", Some(version)) => {
                if none_matching == Some(etag(version).as_str()) {
                    return Ok(Reply::empty(304).with_header("OData-Version", "4.0"));
                }
                let id = id.clone().unwrap_or_default();
                self.one(request, table, &id, 200)
            }
            ("DELETE", Some(_)) => {
                let id = id.clone().unwrap_or_default();
                self.remove_row(set, &id);
                Ok(Reply::empty(204).with_header("OData-Version", "4.0"))
            }
            ("PATCH", None) if matching.is_some() => Err(missing()),
            ("PATCH", None) => {
                let mut body = object(request)?;
                if let Some((column, value)) = by_key {
                    body.insert(column, value.into());
                }
                let id = id.clone().unwrap_or_else(|| self.new_id());
                self.check_duplicates(request, set, &body, &id)?;
                self.create(set, &id, &body, now_ms)?;
                self.written(request, set, &id, 201)
            }
            ("PATCH", Some(_)) if none_matching == Some("*") => Err(exists()),
            ("PATCH", Some(_)) => {
                let body = object(request)?;
                let id = id.clone().unwrap_or_default();
                self.check_duplicates(request, set, &body, &id)?;
                self.update(set, &id, &body, now_ms)?;
                self.written(request, set, &id, 200)
            }
            (other, _) => Err(method(other)),
        }
    }

    /// The id a key names: a GUID, or `column='value'` of an alternate key.
    fn resolve(table: &Table, key: &str) -> Result<Named, Refusal> {
        if is_guid(key) {
            return Ok((Some(key.to_lowercase()), None));
        }
        let Some((column, value)) = key.split_once('=') else {
            return Err(bad_request(format!("Unrecognized 'Edm.Guid' literal '{key}'.")));
        };
        if !table.definition.keys.values().any(|c| c == column) {
            return Err(bad_request(format!(
                "The key property '{column}' is no alternate key of the entity '{}'.",
                table.definition.logical
            )));
        }
        let value = value.trim_matches('\'').replace("''", "'");
        if value.contains(|c| FORBIDDEN_IN_KEYS.contains(c)) {
            return Err(bad_request(format!(
                "The value of the key property '{column}' has a character that a key cannot have."
            )));
        }
        let found = table.rows.maybe(Some(&[&value])).into_iter().find(|(_, r)| {
            !r.deleted && r.values.get(column).and_then(Value::as_str).is_some_and(|v| v.eq_ignore_ascii_case(&value))
        });
        Ok((found.map(|(id, _)| id.clone()), Some((column.to_owned(), value))))
    }

    /// The answer to a write: the row where it was asked for, else where it is.
    fn written(&self, request: &Request, set: &str, id: &str, status: u16) -> Result<Reply, Refusal> {
        let Some(table) = self.table(set) else { return Err(no_segment(set)) };
        let prefers = prefer(request);
        if prefers.iter().any(|p| p == "return=representation") {
            return Ok(self
                .one(request, table, id, status)?
                .with_header("Preference-Applied", "return=representation"));
        }
        let address = self.address(set, id);
        Ok(Reply::empty(204)
            .with_header("OData-Version", "4.0")
            .with_header("Location", &address)
            .with_header("OData-EntityId", address))
    }

    fn one(&self, request: &Request, table: &Table, id: &str, status: u16) -> Result<Reply, Refusal> {
        let select = selected(request, &table.definition)?;
        let Some(row) = table.rows.get(id) else { return Err(no_record(table.definition.logical, id)) };
        let mut body = json!({ "@odata.context": format!("{}/api/data/v9.2/$metadata#{}/$entity", self.options.base_url, table.definition.set) });
        let shown = Self::shown(table, id, row, select.as_deref(), annotated(request));
        if let (Value::Object(body), Value::Object(shown)) = (&mut body, shown) {
            body.extend(shown);
        }
        Ok(reply(status, &body))
    }

    /// A row as the interface shows it: lookups as `_x_value`, everything with its id and ETag.
    pub(super) fn shown(table: &Table, id: &str, row: &Row, select: Option<&[String]>, annotate: bool) -> Value {
        let mut out = Map::new();
        out.insert("@odata.etag".to_owned(), etag(row.version).into());
        for (name, column) in &table.definition.columns {
            let lookup = matches!(column.kind, Kind::Lookup(_));
            let spelled = if lookup { format!("_{name}_value") } else { name.clone() };
            if *name == table.definition.id {
                out.insert(name.clone(), id.into());
                continue;
            }
            if select.is_some_and(|s| !s.contains(&spelled)) {
                continue;
            }
            let value = row.values.get(name).cloned().unwrap_or(Value::Null);
            if lookup {
                out.insert(spelled.clone(), value.get("id").cloned().unwrap_or(Value::Null));
                if let (true, Some(logical)) = (annotate, value.get("logical")) {
                    out.insert(format!("{spelled}@{LOGICAL_NAME}"), logical.clone());
                }
            } else {
                out.insert(spelled, value);
            }
        }
        Value::Object(out)
    }

    fn list(&self, request: &Request, table: &Table) -> Result<Reply, Refusal> {
        let query = request.query();
        let given = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let known_options =
            ["$select", "$filter", "$orderby", "$top", "$count", "$skiptoken", "$deltatoken", "$expand"];
        if let Some((name, _)) = query.iter().find(|(n, _)| !known_options.contains(&n.as_str())) {
            return Err(bad_request(format!("The query parameter {name} is not supported")));
        }
        let definition = &table.definition;
        let select = selected(request, definition)?;
        let known = |name: &str| column_of(definition, name).is_some();
        let filter = given("$filter").map(|text| filter(text, definition.logical, &known)).transpose()?;
        let prefers = prefer(request);
        let tracks = prefers.iter().any(|p| p == "odata.track-changes") || given("$deltatoken").is_some();
        if tracks && ["$filter", "$orderby", "$expand", "$top"].iter().any(|o| given(o).is_some()) {
            return Err(bad_request(
                "The \"odata.track-changes\" preference cannot be combined with that query option.",
            ));
        }
        let since: u64 = given("$deltatoken").and_then(|t| t.parse().ok()).unwrap_or(0);
        let shown_value = |id: &str, row: &Row, name: &str| match column_of(definition, name) {
            Some(column) if column == definition.id => Value::from(id),
            Some(column) => {
                let held = row.values.get(&column).cloned().unwrap_or(Value::Null);
                if name.starts_with('_') { held.get("id").cloned().unwrap_or(Value::Null) } else { held }
            }
            None => Value::Null,
        };
        let texts = filter.as_ref().and_then(Filter::texts);
        let mut rows: Vec<(&String, &Row)> = table
            .rows
            .maybe(texts.as_deref())
            .into_iter()
            .filter(|(id, row)| {
                !row.deleted && filter.as_ref().is_none_or(|f| f.fits(&|name| shown_value(id, row, name)))
            })
            .filter(|(_, row)| !tracks || row.version > since)
            .collect();
        if let Some(order) = given("$orderby") {
            let (name, down) = order.split_once(' ').map_or((order, false), |(n, way)| (n, way == "desc"));
            if !known(name) {
                return Err(no_column(name, definition.logical));
            }
            rows.sort_by_cached_key(|(id, row)| {
                let value = shown_value(id, row, name);
                value.as_str().map_or_else(|| value.to_string(), str::to_owned)
            });
            if down {
                rows.reverse();
            }
        }
        let top = given("$top").map(|t| t.parse::<usize>().map_err(|_| bad_request("Invalid $top."))).transpose()?;
        let size = prefers.iter().find_map(|p| p.strip_prefix("odata.maxpagesize=")?.parse().ok()).unwrap_or(PAGE_MAX);
        let skip: usize = given("$skiptoken").and_then(|t| t.parse().ok()).unwrap_or(0);
        let all = rows.len();
        let page: Vec<Value> = rows
            .into_iter()
            .take(top.unwrap_or(usize::MAX))
            .skip(skip)
            .take(size)
            .map(|(id, row)| Self::shown(table, id, row, select.as_deref(), annotated(request)))
            .collect();
        let more = top.is_none() && skip + page.len() < all;
        let mut body = json!({ "@odata.context": format!("{}/api/data/v9.2/$metadata#{}", self.options.base_url, definition.set), "value": page });
        let rest: Vec<String> = query
            .iter()
            .filter(|(n, _)| n != "$skiptoken" && n != "$deltatoken")
            .map(|(n, v)| format!("{n}={}", crate::wire::percent_encode(v)))
            .collect();
        let link = |token: String| {
            format!(
                "{}/api/data/v9.2/{}?{}",
                self.options.base_url,
                definition.set,
                [rest.clone(), vec![token]].concat().join("&")
            )
        };
        if more {
            body["@odata.nextLink"] = link(format!("$skiptoken={}", skip + size)).into();
        } else if tracks {
            if since > 0 {
                let gone = table.rows.iter().filter(|(_, r)| r.deleted && r.version > since);
                let gone = gone.map(|(id, _)| json!({ "@odata.context": format!("{}/api/data/v9.2/$metadata#{}/$deletedEntity", self.options.base_url, definition.set), "id": id, "reason": "deleted" }));
                if let Some(list) = body["value"].as_array_mut() {
                    list.extend(gone);
                }
            }
            body["@odata.deltaLink"] = link(format!("$deltatoken={}", self.version)).into();
        }
        Ok(ok(&body))
    }

    /// Duplicate detection: only where the header asks for it, rules are published and the row is a person's.
    fn check_duplicates(
        &self,
        request: &Request,
        set: &str,
        body: &Map<String, Value>,
        id: &str,
    ) -> Result<(), Refusal> {
        let asked =
            request.get_header("mscrm.suppressduplicatedetection").is_some_and(|v| v.eq_ignore_ascii_case("false"));
        if !asked || !self.options.duplicate_rules || !["leads", "contacts"].contains(&set) {
            return Ok(());
        }
        let Some(email) = body.get("emailaddress1").and_then(Value::as_str) else { return Ok(()) };
        let same = |(other, row): &(&String, &Row)| {
            *other != id
                && !row.deleted
                && row.values.get("statecode") == Some(&Value::from(0))
                && row
                    .values
                    .get("emailaddress1")
                    .and_then(Value::as_str)
                    .is_some_and(|v| v.eq_ignore_ascii_case(email))
        };
        let found = self.table(set).is_some_and(|t| t.rows.maybe(Some(&[email])).iter().any(same));
        if found { Err(duplicate(self.options.duplicate_status)) } else { Ok(()) }
    }

    /// Makes a row. A state is ignored ("IsValidForCreate: False"), a status must belong to the state it begins in.
    pub(super) fn create(
        &mut self,
        set: &str,
        id: &str,
        body: &Map<String, Value>,
        now_ms: i64,
    ) -> Result<(), Refusal> {
        self.plugin(set)?;
        let mut values = self.checked(set, body, true)?;
        let Some(table) = self.table(set) else { return Err(no_segment(set)) };
        let definition = &table.definition;
        if let Some(statuses) = definition.states.get(&0) {
            let status = values.get("statuscode").and_then(Value::as_i64).or(statuses.first().copied()).unwrap_or(1);
            if !statuses.contains(&status) {
                return Err(wrong_pair(status, 0, definition.logical));
            }
            values.insert("statecode".to_owned(), 0.into());
            values.insert("statuscode".to_owned(), status.into());
            values
                .entry("ownerid".to_owned())
                .or_insert_with(|| json!({ "id": APPLICATION_USER, "logical": "systemuser" }));
        }
        self.check_keys(set, id, &values)?;
        let at = civil::iso(now_ms / 1_000 * 1_000);
        let by = json!({ "id": APPLICATION_USER, "logical": "systemuser" });
        for name in ["createdon", "modifiedon"] {
            values.insert(name.to_owned(), at.clone().into());
        }
        for name in ["createdby", "modifiedby"] {
            values.insert(name.to_owned(), by.clone());
        }
        if ["leads", "contacts"].contains(&set) {
            values.insert("merged".to_owned(), false.into());
        }
        full_name(&mut values);
        self.version += 1;
        let set = self.table(set).map_or("", |t| t.definition.set);
        self.note(set, id);
        let row = Row { values, version: self.version, by_person: false, deleted: false };
        if let Some(table) = self.table_mut(set) {
            table.rows.insert(id.to_owned(), row);
        }
        self.did(Deed::Created, set, id);
        Ok(())
    }

    pub(super) fn update(
        &mut self,
        set: &str,
        id: &str,
        body: &Map<String, Value>,
        now_ms: i64,
    ) -> Result<(), Refusal> {
        self.plugin(set)?;
        let changes = self.checked(set, body, false)?;
        let Some(table) = self.table(set) else { return Err(no_segment(set)) };
        let definition = &table.definition;
        let Some(row) = table.rows.get(id) else { return Err(no_record(definition.logical, id)) };
        let mut values = row.values.clone();
        let before = values.get("statecode").and_then(Value::as_i64).unwrap_or(0);
        let asked = changes.get("statecode").and_then(Value::as_i64);
        let state = asked.unwrap_or(before);
        let qualified = set == "leads" && before == 1;
        let other = changes.keys().any(|name| name != "statecode" && name != "statuscode");
        if before != 0 && (qualified || (definition.closes && other && state != 0)) {
            return Err(closed(definition.logical, id));
        }
        let status = changes.get("statuscode").and_then(Value::as_i64);
        if asked.is_some() || status.is_some() {
            let Some(statuses) = definition.states.get(&state) else {
                return Err(outside(state, "statecode", definition.logical));
            };
            // Without a status the state's default is taken.
            let status = status.or(statuses.first().copied()).unwrap_or(0);
            if !statuses.contains(&status) {
                return Err(wrong_pair(status, state, definition.logical));
            }
            values.insert("statuscode".to_owned(), status.into());
        }
        for (name, value) in changes {
            if name != "statuscode" {
                values.insert(name, value);
            }
        }
        self.check_keys(set, id, &values)?;
        values.insert("modifiedon".to_owned(), civil::iso(now_ms / 1_000 * 1_000).into());
        full_name(&mut values);
        self.version += 1;
        let version = self.version;
        let set = self.table(set).map_or("", |t| t.definition.set);
        self.note(set, id);
        if let Some(table) = self.table_mut(set) {
            table.rows.change(id, |row| {
                row.values = values;
                row.version = version;
            });
        }
        self.did(Deed::Updated, set, id);
        Ok(())
    }

    pub(super) fn remove_row(&mut self, set: &str, id: &str) -> bool {
        self.version += 1;
        let version = self.version;
        let Some(set) = self.table(set).map(|t| t.definition.set) else { return false };
        self.note(set, id);
        let Some(table) = self.table_mut(set).filter(|t| t.rows.get(id).is_some_and(|r| !r.deleted)) else {
            return false;
        };
        table.rows.change(id, |row| {
            row.deleted = true;
            row.version = version;
        });
        self.did(Deed::Archived, set, id);
        true
    }

    /// A synchronous plug-in runs inside the request and may refuse it with its own words (`IsvAborted`).
    fn plugin(&self, set: &str) -> Result<(), Refusal> {
        match &self.options.plugin_refuses {
            Some((table, words)) if table == set => Err(Refusal::new(400, "0x80040265", words.clone())),
            _ => Ok(()),
        }
    }

    fn check_keys(&self, set: &str, id: &str, values: &BTreeMap<String, Value>) -> Result<(), Refusal> {
        let Some(table) = self.table(set) else { return Ok(()) };
        for (name, column) in &table.definition.keys {
            let Some(value) = values.get(column).and_then(Value::as_str) else { continue };
            let same = |row: &Row| !row.deleted && row.values.get(column).and_then(Value::as_str) == Some(value);
            if table.rows.maybe(Some(&[value])).into_iter().any(|(other, row)| other != id && same(row)) {
                return Err(Refusal::new(
                    412,
                    "0x80060892",
                    format!(
                        "Entity Key {name} violated. A record with the same value for {name} already exists. A duplicate record cannot be created. Select one or more unique values and try again."
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Every property of a body in its column's type; read-only ones are ignored, as the vendor does.
    fn checked(&self, set: &str, body: &Map<String, Value>, creates: bool) -> Result<BTreeMap<String, Value>, Refusal> {
        let Some(table) = self.table(set) else { return Err(no_segment(set)) };
        let definition = &table.definition;
        let mut out = BTreeMap::new();
        for (name, value) in body {
            if name.starts_with("@odata.") {
                continue;
            }
            if let Some(navigation) = name.strip_suffix("@odata.bind") {
                let (column, target) = self.bound(definition, navigation, value)?;
                out.insert(column, target);
                continue;
            }
            let Some(column) = definition.columns.get(name) else { return Err(no_property(name, definition.logical)) };
            if *name == definition.id || !(if creates { column.create } else { column.update }) {
                continue;
            }
            out.insert(name.clone(), fitting(definition, name, &column.kind, value)?);
        }
        Ok(out)
    }

    /// `"/contacts(<id>)"` behind a navigation's name; the row must be there.
    fn bound(&self, definition: &Definition, navigation: &str, value: &Value) -> Result<(String, Value), Refusal> {
        let text = value.as_str().unwrap_or_default();
        let at = text.rsplit('/').next().unwrap_or_default();
        let (set, id) = at.strip_suffix(')').and_then(|t| t.split_once('(')).unwrap_or((at, ""));
        for (name, column) in &definition.columns {
            let Kind::Lookup(targets) = &column.kind else { continue };
            let here: Vec<&str> = targets.iter().filter(|(nav, _)| nav == navigation).map(|(_, set)| *set).collect();
            if here.is_empty() {
                continue;
            }
            if !here.contains(&set) || !is_guid(id) {
                return Err(bad_request(format!(
                    "The reference '{text}' does not fit the navigation property '{navigation}'."
                )));
            }
            let Some(target) = self.table(set) else { return Err(no_segment(set)) };
            let id = id.to_lowercase();
            if target.rows.get(&id).is_none_or(|r| r.deleted) {
                return Err(no_record(target.definition.logical, &id));
            }
            return Ok((name.clone(), json!({ "id": id, "logical": target.definition.logical })));
        }
        Err(no_navigation(navigation))
    }

    /// Action `QualifyLead` (page "Qualify a lead"; `Status` 3 is "Qualified").
    pub(super) fn qualify_action(&mut self, request: &Request, key: &str, now_ms: i64) -> Result<Reply, Refusal> {
        let body = object(request)?;
        for name in ["CreateAccount", "CreateContact", "CreateOpportunity"] {
            if !body.get(name).is_some_and(Value::is_boolean) {
                return Err(bad_request(format!("The parameter '{name}' is missing.")));
            }
        }
        let contact = self.qualify_lead(key, now_ms)?;
        let created = json!([{ "@odata.type": "#Microsoft.Dynamics.CRM.contact", "contactid": contact }]);
        Ok(ok(&json!({ "@odata.context": "#Collection(mscrm.crmbaseentity)", "value": created })))
    }

    pub(super) fn qualify_lead(&mut self, lead: &str, now_ms: i64) -> Result<String, Refusal> {
        let held = self.table("leads").and_then(|t| t.rows.get(lead)).filter(|r| !r.deleted);
        let Some(row) = held else { return Err(no_record("lead", lead)) };
        if row.values.get("statecode") != Some(&Value::from(0)) {
            return Err(bad_request("The lead is already closed."));
        }
        let names = ["firstname", "lastname", "telephone1", "mobilephone", "emailaddress1", "jobtitle", "description"];
        let copied: Map<String, Value> =
            names.iter().filter_map(|n| Some(((*n).to_owned(), row.values.get(*n)?.clone()))).collect();
        let contact = self.new_id();
        self.create("contacts", &contact, &copied, now_ms)?;
        self.version += 1;
        let version = self.version;
        if let Some(table) = self.table_mut("leads") {
            let pointer = json!({ "id": contact, "logical": "contact" });
            table.rows.change(lead, |row| {
                for (name, value) in [("statecode", 1.into()), ("statuscode", 3.into()), ("parentcontactid", pointer)] {
                    row.values.insert(name.to_owned(), value);
                }
                row.version = version;
            });
        }
        self.did(Deed::Updated, "leads", lead);
        Ok(contact)
    }
}

/// `fullname` is made of the names.
fn full_name(values: &mut BTreeMap<String, Value>) {
    let names: Vec<&str> = ["firstname", "lastname"].iter().filter_map(|n| values.get(*n)?.as_str()).collect();
    if !names.is_empty() {
        let full = names.join(" ");
        values.insert("fullname".to_owned(), full.into());
    }
}

fn fitting(definition: &Definition, name: &str, kind: &Kind, value: &Value) -> Result<Value, Refusal> {
    let literal = || value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if value.is_null() {
        return Ok(Value::Null);
    }
    match kind {
        Kind::Text(max) | Kind::Memo(max) => match value.as_str() {
            Some(text) if text.chars().count() > *max => Err(too_long(name, definition.logical, *max)),
            // An empty text is no text.
            Some("") => Ok(Value::Null),
            Some(text) => Ok(text.into()),
            None => Err(wrong_type(&literal(), "Edm.String")),
        },
        Kind::Id => match value.as_str() {
            Some(text) if is_guid(text) => Ok(text.to_lowercase().into()),
            _ => Err(wrong_type(&literal(), "Edm.Guid")),
        },
        Kind::Boolean => value.as_bool().map(Value::from).ok_or_else(|| wrong_type(&literal(), "Edm.Boolean")),
        Kind::Decimal => value.as_f64().map(Value::from).ok_or_else(|| wrong_type(&literal(), "Edm.Decimal")),
        Kind::Integer(min, max) => match value.as_i64() {
            Some(n) if (*min..=*max).contains(&n) => Ok(n.into()),
            Some(n) => Err(outside(n, name, definition.logical)),
            None => Err(wrong_type(&literal(), "Edm.Int32")),
        },
        Kind::Choice(options) => match value.as_i64() {
            Some(n) if options.contains(&n) => Ok(n.into()),
            Some(n) => Err(outside(n, name, definition.logical)),
            None => Err(wrong_type(&literal(), "Edm.Int32")),
        },
        Kind::State | Kind::Status => {
            value.as_i64().map(Value::from).ok_or_else(|| wrong_type(&literal(), "Edm.Int32"))
        }
        // Whole seconds are kept.
        Kind::Instant => match value.as_str().and_then(civil::parse_iso) {
            Some(ms) => Ok(civil::iso(ms.div_euclid(1_000) * 1_000).into()),
            None => Err(wrong_type(&literal(), "Edm.DateTimeOffset")),
        },
        Kind::Lookup(_) => Err(bad_request(format!("A value of '{name}' is written as '{name}@odata.bind'."))),
    }
}

/// The column that a name of a query means; lookups are asked for as `_x_value`.
fn column_of(definition: &Definition, name: &str) -> Option<String> {
    let bare = name.strip_prefix('_').and_then(|n| n.strip_suffix("_value"));
    let column = definition.columns.get(bare.unwrap_or(name))?;
    (matches!(column.kind, Kind::Lookup(_)) == bare.is_some()).then(|| bare.unwrap_or(name).to_owned())
}

fn selected(request: &Request, definition: &Definition) -> Result<Option<Vec<String>>, Refusal> {
    let query = request.query();
    let Some((_, list)) = query.iter().find(|(n, _)| n == "$select") else { return Ok(None) };
    let names: Vec<String> = list.split(',').map(|n| n.trim().to_owned()).filter(|n| !n.is_empty()).collect();
    match names.iter().find(|n| column_of(definition, n).is_none()) {
        Some(unknown) => Err(no_column(unknown, definition.logical)),
        None => Ok(Some(names)),
    }
}

fn prefer(request: &Request) -> Vec<String> {
    let all = request.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case("prefer"));
    all.flat_map(|(_, v)| v.split(',')).map(|p| p.trim().to_owned()).collect()
}

fn annotated(request: &Request) -> bool {
    prefer(request).iter().any(|p| {
        p.strip_prefix("odata.include-annotations=").is_some_and(|a| a.contains('*') || a.contains(LOGICAL_NAME))
    })
}

fn object(request: &Request) -> Result<Map<String, Value>, Refusal> {
    match serde_json::from_slice::<Value>(&request.body) {
        Ok(Value::Object(map)) => Ok(map),
        _ => Err(bad_request("Stream was not readable. / The request body is no JSON object.")),
    }
}

fn etag(version: u64) -> String {
    format!("W/\"{version}\"")
}
