//! `POST /contacts/search`. Source: a copy of the vendor's page (<https://help.hoopai.com/api-reference/overview/contacts-search>); its
//! description has an empty body. Filters go over an index that lags.

use super::refusals::Refusal;
use super::store::{Contact, State};
use super::{GoHighLevel, Route};
use crate::{Reply, civil};
use serde_json::{Map, Value, json};

const PAGE_MAX: u64 = 500;
const ROWS_MAX: u64 = 10_000;
const VALUE_CHARS_MAX: usize = 75;
const FIELDS: &[&str] = &[
    "id",
    "email",
    "phone",
    "firstNameLowerCase",
    "lastNameLowerCase",
    "companyName",
    "source",
    "type",
    "assignedTo",
    "city",
    "state",
    "country",
    "postalCode",
    "tags",
    "dnd",
    "dateAdded",
    "dateUpdated",
    "timezone",
    "website",
];

/// A contact as the index has it.
struct Row<'a> {
    contact: &'a Contact,
    state: &'a State,
    updated_at_ms: i64,
}

impl Row<'_> {
    fn get(&self, field: &str) -> Value {
        let lower = |name: &str| {
            self.state.fields.get(name).and_then(Value::as_str).map_or(Value::Null, |t| json!(t.to_lowercase()))
        };
        match field {
            "id" => json!(self.contact.id),
            "type" => json!(self.contact.kind),
            "firstNameLowerCase" => lower("firstName"),
            "lastNameLowerCase" => lower("lastName"),
            "dateAdded" => json!(civil::iso_ms(self.contact.created_at_ms)),
            "dateUpdated" => json!(civil::iso_ms(self.updated_at_ms)),
            "dnd" => self.state.fields.get("dnd").cloned().unwrap_or(json!(false)),
            _ => match field.strip_prefix("customFields.") {
                Some(id) => self.state.custom.get(id).cloned().unwrap_or_default(),
                None => self.state.fields.get(field).cloned().unwrap_or_default(),
            },
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(s) => s.to_lowercase(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn holds(row: &Row<'_>, filter: &Value) -> bool {
    if let Some(inner) = filter.get("filters").and_then(Value::as_array) {
        return match filter.get("group").and_then(Value::as_str) {
            Some("OR") => inner.iter().any(|f| holds(row, f)),
            _ => inner.iter().all(|f| holds(row, f)),
        };
    }
    let held = row.get(filter.get("field").and_then(Value::as_str).unwrap_or_default());
    let wanted = filter.get("value").cloned().unwrap_or_default();
    let any = |test: &dyn Fn(&str) -> bool| match &held {
        Value::Array(list) => list.iter().any(|v| test(&plain(v))),
        one => test(&plain(one)),
    };
    let wanted_text = plain(&wanted);
    match filter.get("operator").and_then(Value::as_str).unwrap_or_default() {
        "eq" => !wanted_text.is_empty() && any(&|h| h == wanted_text),
        "not_eq" => !any(&|h| h == wanted_text),
        "contains" => any(&|h| h.contains(&wanted_text)),
        "not_contains" => !any(&|h| h.contains(&wanted_text)),
        "exists" => any(&|h| !h.is_empty()),
        "not_exists" => !any(&|h| !h.is_empty()),
        "range" => {
            let held = plain(&held).to_uppercase();
            let at = civil::parse_iso(&held);
            let bound = |name: &str| wanted.get(name).and_then(Value::as_str).map(civil::parse_iso);
            let within = |name: &str, test: &dyn Fn(i64, i64) -> bool| match (bound(name), at) {
                (None, _) => true,
                (Some(Some(bound)), Some(at)) => test(at, bound),
                _ => false,
            };
            within("gte", &|a, b| a >= b)
                && within("gt", &|a, b| a > b)
                && within("lte", &|a, b| a <= b)
                && within("lt", &|a, b| a < b)
        }
        _ => false,
    }
}

impl GoHighLevel {
    fn check_filters(&self, filters: &[Value], location: &str) -> Result<(), Refusal> {
        for filter in filters {
            if let Some(inner) = filter.get("filters").and_then(Value::as_array) {
                if !matches!(filter.get("group").and_then(Value::as_str), Some("AND" | "OR")) {
                    return Err(Refusal::invalid(&["group must be one of the following values: AND, OR".to_owned()]));
                }
                self.check_filters(inner, location)?;
                continue;
            }
            let word = |name: &str| filter.get(name).and_then(Value::as_str).unwrap_or_default();
            let field = word("field");
            let custom = field.strip_prefix("customFields.").is_some_and(|id| self.store.field(location, id).is_some());
            if !FIELDS.contains(&field) && !custom {
                return Err(Refusal::bad(format!("Invalid field {field}"))); // public reports
            }
            let operators = ["eq", "not_eq", "contains", "not_contains", "exists", "not_exists", "range"];
            if !operators.contains(&word("operator")) {
                return Err(Refusal::invalid(&["operator must be a valid enum value".to_owned()]));
            }
            if word("value").chars().count() > VALUE_CHARS_MAX {
                return Err(Refusal::invalid(&[format!(
                    "value must be shorter than or equal to {VALUE_CHARS_MAX} characters"
                )]));
            }
        }
        Ok(())
    }

    /// `locationId` and `pageLimit` are required (<https://github.com/GoHighLevel/highlevel-api-docs/issues/31>).
    fn search_body(route: &Route<'_>) -> Result<Map<String, Value>, Refusal> {
        let body = route.body()?;
        let known = ["locationId", "page", "pageLimit", "searchAfter", "filters", "sort", "query"];
        let unknown = body.keys().filter(|n| !known.contains(&n.as_str()));
        let mut said: Vec<String> = unknown.map(|n| format!("property {n} should not exist")).collect();
        if body.get("locationId").and_then(Value::as_str).is_none_or(str::is_empty) {
            said.push("locationId must be a string".to_owned());
        }
        match body.get("pageLimit").and_then(Value::as_u64) {
            Some(1..=PAGE_MAX) => {}
            Some(_) => said.push(format!("pageLimit must not be greater than {PAGE_MAX}")),
            None => said.push("pageLimit must be a number".to_owned()),
        }
        if body.contains_key("page") && body.contains_key("searchAfter") {
            said.push("page should not exist with searchAfter".to_owned());
        }
        if body.get("query").and_then(Value::as_str).is_some_and(|q| q.chars().count() > VALUE_CHARS_MAX) {
            said.push(format!("query must be shorter than or equal to {VALUE_CHARS_MAX} characters"));
        }
        if said.is_empty() { Ok(body) } else { Err(Refusal::invalid(&said)) }
    }

    /// `POST /contacts/search`
    pub(super) fn search_endpoint(&mut self, route: &Route<'_>) -> Result<Reply, Refusal> {
        let body = Self::search_body(route)?;
        let location = body.get("locationId").and_then(Value::as_str).unwrap_or_default();
        route.reaches(location)?;
        let none = Vec::new();
        let filters = body.get("filters").and_then(Value::as_array).unwrap_or(&none);
        self.check_filters(filters, location)?;
        let lag = match self.stale {
            Some((lag, until)) if route.now_ms < until => lag.max(self.options.search_lag_ms),
            _ => self.options.search_lag_ms,
        };
        let query = body.get("query").and_then(Value::as_str).unwrap_or_default().to_lowercase();
        let mut rows: Vec<Row<'_>> = self
            .store
            .contacts
            .values()
            .filter(|c| c.location == location)
            .filter_map(|contact| {
                let (state, updated_at_ms) = contact.as_of(route.now_ms - lag)?;
                Some(Row { contact, state, updated_at_ms })
            })
            .filter(|row| !row.state.deleted && filters.iter().all(|f| holds(row, f)))
            .filter(|row| {
                let texts = ["firstNameLowerCase", "lastNameLowerCase", "email", "phone"];
                query.is_empty() || texts.iter().any(|f| plain(&row.get(f)).contains(&query))
            })
            .collect();
        let sort = body.get("sort").and_then(Value::as_array).and_then(|s| s.first()).cloned().unwrap_or_default();
        let by = sort.get("field").and_then(Value::as_str).unwrap_or("dateAdded").to_owned();
        let descending = sort.get("direction").and_then(Value::as_str) != Some("asc");
        rows.sort_by_key(|row| (plain(&row.get(&by)), row.contact.id.clone()));
        if descending {
            rows.reverse();
        }
        let total = rows.len();
        let limit = body.get("pageLimit").and_then(Value::as_u64).unwrap_or(1);
        let page = body.get("page").and_then(Value::as_u64).unwrap_or(1).max(1);
        let after = body.get("searchAfter").and_then(Value::as_array).and_then(|a| a.last()).and_then(Value::as_str);
        let skip = match after {
            Some(id) => rows.iter().position(|r| r.contact.id == id).map_or(total, |at| at + 1) as u64,
            None if page * limit > ROWS_MAX => return Err(Refusal::bad("Use searchAfter beyond 10000 records")),
            None => (page - 1) * limit,
        };
        let contacts: Vec<Value> = rows
            .iter()
            .skip(skip as usize)
            .take(limit as usize)
            .map(|row| {
                let mut view = row.contact.view(row.state, row.updated_at_ms);
                view["searchAfter"] = json!([row.updated_at_ms, row.contact.id]);
                view
            })
            .collect();
        Ok(Reply::json(200, &json!({ "contacts": contacts, "total": total, "traceId": self.trace_id() })))
    }
}
