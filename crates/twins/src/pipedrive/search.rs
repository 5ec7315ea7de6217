//! Search, which goes over an index that lags: `persons/search`, `deals/search` and `itemSearch/field`.

use super::checks::Refusal;
use super::{Pipedrive, Row, Shelf};
use crate::Reply;
use serde_json::{Map, Value, json};

impl Pipedrive {
    /// What the index holds of a record: its latest version that is old enough.
    fn indexed<'a>(&self, row: &'a Row, now_ms: i64) -> Option<&'a Map<String, Value>> {
        let lag = match self.stale {
            Some((lag, until)) if now_ms < until => lag.max(self.options.search_lag_ms),
            _ => self.options.search_lag_ms,
        };
        let edge = now_ms - lag;
        if row.deleted_ms.is_some_and(|at| at <= edge) {
            return None;
        }
        row.versions.iter().rev().find(|(at, _)| *at <= edge).map(|(_, data)| data)
    }

    pub(super) fn search(&self, shelf: Shelf, query: &[(String, String)], now_ms: i64) -> Result<Reply, Refusal> {
        let word = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let exact = word("exact_match") == Some("true");
        let term = term(word("term"), exact)?;
        let fields: Vec<&str> =
            word("fields").unwrap_or("custom_fields,email,notes,phone,name,title").split(',').collect();
        let found = self.shelf(shelf).values().filter_map(|row| {
            let data = self.indexed(row, now_ms)?;
            self.matches(data, &fields, &term, exact).then(|| self.item(shelf, row.id, data))
        });
        let items: Vec<Value> = found.take(limit(word("limit"), 100)?).collect();
        let items: Vec<Value> = items.into_iter().map(|item| json!({ "result_score": 0.5, "item": item })).collect();
        Ok(Reply::json(
            200,
            &json!({ "success": true, "data": { "items": items }, "additional_data": { "next_cursor": null } }),
        ))
    }

    /// Exact match compares the whole value without regard to case; else the term stands anywhere in it.
    fn matches(&self, data: &Map<String, Value>, fields: &[&str], term: &str, exact: bool) -> bool {
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let hit = |value: &str| {
            let value = value.to_lowercase();
            if exact { value == term } else { value.contains(term) }
        };
        let number = |value: &str| {
            let bare = self.options.search_ignores_punctuation && !exact && term.bytes().all(|b| b.is_ascii_digit());
            hit(value) || (bare && digits(value).contains(term))
        };
        let text = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default();
        fields.iter().any(|field| match *field {
            "name" | "title" => hit(text(field)),
            "phone" => values(data, "phones").iter().any(|v| number(v)),
            "email" => values(data, "emails").iter().any(|v| hit(v)),
            "custom_fields" => custom(data).iter().any(|v| hit(v)),
            _ => false,
        })
    }

    fn item(&self, shelf: Shelf, id: u64, data: &Map<String, Value>) -> Value {
        match shelf {
            Shelf::Persons => json!({
                "id": id, "type": "person", "name": data.get("name"), "phones": values(data, "phones"),
                "emails": values(data, "emails"), "visible_to": 3, "owner": { "id": data.get("owner_id") },
                "organization": null, "custom_fields": custom(data), "notes": [],
            }),
            _ => {
                json!({ "id": id, "type": "deal", "title": data.get("title"), "status": data.get("status"), "custom_fields": custom(data) })
            }
        }
    }

    /// `itemSearch/field`: id and name of the records whose field holds the term; case counts in an exact match.
    pub(super) fn search_field(&self, query: &[(String, String)], now_ms: i64) -> Result<Reply, Refusal> {
        let word = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let shelf = match word("entity_type") {
            Some("person") => Shelf::Persons,
            Some("deal") => Shelf::Deals,
            Some("lead" | "organization" | "product" | "project") => {
                return Ok(Reply::json(
                    200,
                    &json!({ "success": true, "data": [], "additional_data": { "next_cursor": null } }),
                ));
            }
            _ => return Err(Refusal::invalid("entity_type", "'entity_type' is required")),
        };
        let kind = word("match").unwrap_or("exact");
        let term = match word("term") {
            Some(term) if !term.is_empty() && (term.chars().count() > 1 || kind == "exact") => term,
            _ => return Err(Refusal::invalid("term", "Search term must be at least 2 characters")),
        };
        let code = word("field").unwrap_or_default();
        if !self.fields(shelf).iter().any(|f| f.code == code) {
            return Err(Refusal::invalid("field", "Field does not exist"));
        }
        let found = self.shelf(shelf).values().filter_map(|row| {
            let data = self.indexed(row, now_ms)?;
            let held = data.get("custom_fields").and_then(|c| c.get(code)).or_else(|| data.get(code))?.as_str()?;
            let hit = match kind {
                "exact" => held == term,
                "beginning" => held.to_lowercase().starts_with(&term.to_lowercase()),
                _ => held.to_lowercase().contains(&term.to_lowercase()),
            };
            let name = data.get(if shelf == Shelf::Deals { "title" } else { "name" });
            hit.then(|| json!({ "id": row.id, "name": name }))
        });
        let data: Vec<Value> = found.take(limit(word("limit"), 500)?).collect();
        Ok(Reply::json(200, &json!({ "success": true, "data": data, "additional_data": { "next_cursor": null } })))
    }
}

fn term(given: Option<&str>, exact: bool) -> Result<String, Refusal> {
    let term = given.unwrap_or_default().to_lowercase();
    // "Minimum 2 characters (or 1 if using exact_match)."
    if term.chars().count() < if exact { 1 } else { 2 } {
        return Err(Refusal::invalid("term", "Search term must be at least 2 characters"));
    }
    Ok(term)
}

fn limit(given: Option<&str>, max: usize) -> Result<usize, Refusal> {
    match given.map(str::parse::<usize>) {
        None => Ok(100),
        Some(Ok(n)) if (1..=max).contains(&n) => Ok(n),
        Some(_) => Err(Refusal::invalid("limit", &format!("'limit' must be between 1 and {max}"))),
    }
}

/// The values of a list of numbers or addresses.
pub(super) fn values(data: &Map<String, Value>, name: &str) -> Vec<String> {
    let list = data.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|v| v.get("value")?.as_str()).map(str::to_owned).collect()
}

fn custom(data: &Map<String, Value>) -> Vec<String> {
    let held = data.get("custom_fields").and_then(Value::as_object);
    held.into_iter().flatten().filter_map(|(_, v)| v.as_str()).map(str::to_owned).collect()
}
