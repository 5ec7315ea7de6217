//! Search, which lags. Source: CRM search guide (operators, at most 5 groups of 6 filters and 18 in all, 200 per page, 10,000
//! results, one sort, dates as epoch milliseconds, new records "may take a few moments to appear").

use super::objects::Wanted;
use super::properties::{Kind, parse_instant};
use super::record::{ObjectType, View};
use super::refusals::Refusal;
use super::{HubSpot, Route};
use crate::Reply;
use serde_json::{Value, json};
use std::cmp::Ordering;
use std::collections::BTreeSet;

const GROUPS_MAX: usize = 5;
const FILTERS_PER_GROUP_MAX: usize = 6;
const FILTERS_MAX: usize = 18;
const PAGE_MAX: usize = 200;
const RESULTS_MAX: usize = 10_000;
const QUERY_MAX_CHARS: usize = 3_000;
/// "If the body of your request exceeds 3,000 characters, a 400 error will be returned" (search guide, limits).
const BODY_MAX_CHARS: usize = 3_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Eq,
    Neq,
    Lt,
    Lte,
    Gt,
    Gte,
    Between,
    In,
    NotIn,
    HasProperty,
    NotHasProperty,
    ContainsToken,
    NotContainsToken,
}

struct Filter {
    property: String,
    /// `associations.{type}` instead of a property.
    link: Option<ObjectType>,
    kind: Kind,
    operator: Operator,
    value: String,
    high: String,
    values: Vec<String>,
}

impl HubSpot {
    /// How far search lags at a moment: (new records, changes), ms.
    fn lags(&self, now_ms: i64) -> (i64, i64) {
        match self.stale {
            Some((lag, until)) if now_ms < until => (lag, lag),
            _ => (self.options().search_lag_create_ms, self.options().search_lag_update_ms),
        }
    }

    /// `POST …/{objectType}/search`
    pub(super) fn search(&mut self, route: &Route<'_>, kind: ObjectType) -> Result<Reply, Refusal> {
        let body = route.body()?;
        if String::from_utf8_lossy(route.raw).chars().count() > BODY_MAX_CHARS {
            return Err(Refusal::validation(format!("The request body can hold at most {BODY_MAX_CHARS} characters.")));
        }
        let groups = self.groups(kind, &body)?;
        let limit = body["limit"].as_u64().map_or(10, |limit| limit as usize);
        let after = match &body["after"] {
            Value::Null => 0,
            Value::Number(number) => number.as_u64().unwrap_or(0) as usize,
            Value::String(text) if text.is_empty() => 0,
            other => other
                .as_str()
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| Refusal::validation("after is not a cursor"))?,
        };
        if limit == 0 || limit > PAGE_MAX {
            return Err(Refusal::validation(format!("The limit must be between 1 and {PAGE_MAX}.")));
        }
        if after + limit > RESULTS_MAX {
            return Err(Refusal::validation(format!("The total number of results is limited to {RESULTS_MAX}.")));
        }
        let query = body["query"].as_str().unwrap_or_default().to_lowercase();
        if query.chars().count() > QUERY_MAX_CHARS {
            return Err(Refusal::validation(format!("query can hold at most {QUERY_MAX_CHARS} characters.")));
        }
        let (created_lag, updated_lag) = self.lags(route.now_ms);
        let table = self.table(kind);
        let candidates: Vec<u64> = match self.narrow(kind, &groups) {
            Some(ids) => ids.into_iter().collect(),
            None => table.records.keys().copied().collect(),
        };
        let mut hits: Vec<View<'_>> = candidates
            .into_iter()
            .filter_map(|id| table.records.get(&id))
            .filter(|r| r.created_at_ms + created_lag <= route.now_ms)
            .filter(|r| r.archived_at_ms.is_none_or(|at| at + updated_lag > route.now_ms))
            .map(|record| record.view(Some(route.now_ms - updated_lag)))
            .filter(|view| {
                groups.is_empty() || groups.iter().any(|group| group.iter().all(|filter| filter.holds(view)))
            })
            .filter(|view| query.is_empty() || matches_query(view, &query))
            .collect();
        self.sort(kind, &body, &mut hits)?;
        let total = hits.len();
        let wanted = Wanted {
            properties: body["properties"]
                .as_array()
                .map(|list| list.iter().filter_map(|p| p.as_str().map(str::to_owned)).collect()),
            ..Wanted::default()
        };
        let results: Vec<Value> =
            hits.into_iter().skip(after).take(limit).map(|view| self.render(view, &wanted)).collect();
        let mut out = json!({ "total": total, "results": results });
        if after + limit < total {
            out["paging"] = json!({ "next": { "after": (after + limit).to_string() } });
        }
        Ok(Reply::json(200, &out))
    }

    /// The ids that can match at all, where every group asks for equality with, or a token of, an indexed property.
    fn narrow(&self, kind: ObjectType, groups: &[Vec<Filter>]) -> Option<BTreeSet<u64>> {
        let table = self.table(kind);
        if groups.is_empty() {
            return None;
        }
        let mut ids = BTreeSet::new();
        for group in groups {
            let indexed = |filter: &&Filter| {
                matches!(filter.operator, Operator::Eq | Operator::In | Operator::ContainsToken)
                    && table.properties.get(&filter.property).is_some_and(|p| p.indexed)
            };
            let filter = group.iter().find(indexed)?;
            let Some(held) = table.ever.get(&filter.property) else { continue };
            match filter.operator {
                Operator::ContainsToken => {
                    let pattern = filter.value.to_lowercase();
                    ids.extend(held.iter().filter(|(value, _)| token_in(value, &pattern)).flat_map(|(_, ids)| ids));
                }
                Operator::Eq => ids.extend(held.get(&filter.value.to_lowercase()).into_iter().flatten()),
                _ => ids.extend(filter.values.iter().filter_map(|value| held.get(&value.to_lowercase())).flatten()),
            }
        }
        Some(ids)
    }

    fn groups(&self, kind: ObjectType, body: &Value) -> Result<Vec<Vec<Filter>>, Refusal> {
        let mut groups = Vec::new();
        for group in body["filterGroups"].as_array().into_iter().flatten() {
            let filters = group["filters"].as_array().map_or(&[][..], Vec::as_slice);
            if filters.len() > FILTERS_PER_GROUP_MAX {
                return Err(Refusal::validation(format!(
                    "A filter group can hold at most {FILTERS_PER_GROUP_MAX} filters."
                )));
            }
            groups.push(filters.iter().map(|filter| self.filter(kind, filter)).collect::<Result<Vec<_>, _>>()?);
        }
        if groups.len() > GROUPS_MAX || groups.iter().map(Vec::len).sum::<usize>() > FILTERS_MAX {
            return Err(Refusal::validation(format!(
                "A search can hold at most {GROUPS_MAX} filter groups and {FILTERS_MAX} filters in all."
            )));
        }
        Ok(groups)
    }

    fn filter(&self, kind: ObjectType, given: &Value) -> Result<Filter, Refusal> {
        let property = given["propertyName"].as_str().unwrap_or_default().to_owned();
        let name = given["operator"].as_str().unwrap_or_default();
        let operator = match name {
            "EQ" => Operator::Eq,
            "NEQ" => Operator::Neq,
            "LT" => Operator::Lt,
            "LTE" => Operator::Lte,
            "GT" => Operator::Gt,
            "GTE" => Operator::Gte,
            "BETWEEN" => Operator::Between,
            "IN" => Operator::In,
            "NOT_IN" => Operator::NotIn,
            "HAS_PROPERTY" => Operator::HasProperty,
            "NOT_HAS_PROPERTY" => Operator::NotHasProperty,
            "CONTAINS_TOKEN" => Operator::ContainsToken,
            "NOT_CONTAINS_TOKEN" => Operator::NotContainsToken,
            _ => return Err(Refusal::validation(format!("{name} is not a search operator."))),
        };
        let link = property.strip_prefix("associations.").map(super::kind_of).transpose()?;
        let of = match (link, self.table(kind).properties.get(&property)) {
            (Some(_), _) => Kind::Text,
            (None, Some(found)) => found.kind,
            (None, None) => {
                return Err(Refusal::validation(format!("Property \"{property}\" does not exist"))
                    .context("propertyName", &[&property]));
            }
        };
        let text = |field: &str| match &given[field] {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(truth) => Some(truth.to_string()),
            _ => None,
        };
        let values: Vec<String> =
            given["values"].as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect();
        let complete = match operator {
            Operator::HasProperty | Operator::NotHasProperty => true,
            Operator::In | Operator::NotIn => !values.is_empty(),
            Operator::Between => text("value").is_some() && text("highValue").is_some(),
            _ => text("value").is_some(),
        };
        if !complete {
            return Err(Refusal::validation(format!("Operator {name} on {property} is missing its value.")));
        }
        Ok(Filter {
            property,
            link,
            kind: of,
            operator,
            value: text("value").unwrap_or_default(),
            high: text("highValue").unwrap_or_default(),
            values,
        })
    }

    fn sort(&self, kind: ObjectType, body: &Value, hits: &mut [View<'_>]) -> Result<(), Refusal> {
        let sorts = body["sorts"].as_array().map_or(&[][..], Vec::as_slice);
        if sorts.len() > 1 {
            return Err(Refusal::validation("Only one sort is allowed."));
        }
        let Some(sort) = sorts.first() else { return Ok(()) }; // by id, which is the order of creation
        let (name, descending) = match sort {
            Value::String(name) => (name.trim_start_matches('-'), name.starts_with('-')),
            other => (other["propertyName"].as_str().unwrap_or_default(), other["direction"] == "DESCENDING"),
        };
        let Some(property) = self.table(kind).properties.get(name) else {
            return Err(
                Refusal::validation(format!("Property \"{name}\" does not exist")).context("propertyName", &[name])
            );
        };
        hits.sort_by(|a, b| {
            let order = match (a.get(name), b.get(name)) {
                (Some(a), Some(b)) => compare(property.kind, &a, &b),
                (a, b) => a.is_some().cmp(&b.is_some()),
            };
            if descending { order.reverse() } else { order }
        });
        Ok(())
    }
}

impl Filter {
    fn holds(&self, view: &View<'_>) -> bool {
        if let Some(to) = self.link {
            let limit = view.as_of_ms.unwrap_or(i64::MAX);
            let linked = |id: &String| {
                let id = id.parse().unwrap_or_default();
                view.record
                    .associations
                    .get(&(to, id))
                    .is_some_and(|link| link.at_ms <= limit.max(view.record.created_at_ms))
            };
            return match self.operator {
                Operator::Eq => linked(&self.value),
                Operator::In => self.values.iter().any(linked),
                _ => false,
            };
        }
        let held = view.get(&self.property).filter(|value| !value.is_empty());
        let Some(held) = held else {
            // A record without the property is found only by asking for that (search guide, operators).
            return matches!(self.operator, Operator::NotHasProperty | Operator::NotContainsToken);
        };
        let against = |value: &str| compare(self.kind, &held, value);
        match self.operator {
            Operator::Eq => against(&self.value) == Ordering::Equal,
            Operator::Neq => against(&self.value) != Ordering::Equal,
            Operator::Lt => against(&self.value) == Ordering::Less,
            Operator::Lte => against(&self.value) != Ordering::Greater,
            Operator::Gt => against(&self.value) == Ordering::Greater,
            Operator::Gte => against(&self.value) != Ordering::Less,
            Operator::Between => against(&self.value) != Ordering::Less && against(&self.high) != Ordering::Greater,
            Operator::In => self.listed(&held),
            Operator::NotIn => !self.listed(&held),
            Operator::HasProperty => true,
            Operator::NotHasProperty => false,
            Operator::ContainsToken => contains_token(&held, &self.value),
            Operator::NotContainsToken => !contains_token(&held, &self.value),
        }
    }
}

impl Filter {
    /// "When filtering string properties with IN or NOT_IN, the values must be lowercase" (search guide, operators): what is not finds
    /// nothing.
    fn listed(&self, held: &str) -> bool {
        let small = |value: &&String| self.kind != Kind::Text || value.to_lowercase() == **value;
        self.values.iter().filter(small).any(|value| compare(self.kind, held, value) == Ordering::Equal)
    }
}

/// Numbers as numbers, times as instants (filters give epoch ms), text without case.
fn compare(kind: Kind, held: &str, given: &str) -> Ordering {
    match kind {
        Kind::Number => match (held.parse::<f64>(), given.parse::<f64>()) {
            (Ok(a), Ok(b)) => a.total_cmp(&b),
            _ => held.cmp(given),
        },
        Kind::Date | Kind::Datetime => match (parse_instant(held), parse_instant(given)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => held.cmp(given),
        },
        _ => held.to_lowercase().cmp(&given.to_lowercase()),
    }
}

fn contains_token(held: &str, pattern: &str) -> bool {
    token_in(&held.to_lowercase(), &pattern.to_lowercase())
}

/// One token equals the pattern; `*` at either end stands for anything. A pattern with `*` also sees the value as one token,
/// which is how partial phone numbers are found. Both in lower case.
fn token_in(held: &str, pattern: &str) -> bool {
    let core = pattern.trim_matches('*');
    if core.is_empty() {
        return pattern.contains('*');
    }
    let (open_start, open_end) = (pattern.starts_with('*'), pattern.ends_with('*'));
    let fits = |token: &str| match (open_start, open_end) {
        (false, false) => token == core,
        (true, false) => token.ends_with(core),
        (false, true) => token.starts_with(core),
        (true, true) => token.contains(core),
    };
    held.split(|c: char| !c.is_alphanumeric()).any(fits) || ((open_start || open_end) && fits(held))
}

/// The free text query: every word starts a word of a searchable property (search guide, default searchable properties).
fn matches_query(view: &View<'_>, query: &str) -> bool {
    let searchable: &[&str] = match view.record.object {
        ObjectType::Contacts => &["firstname", "lastname", "email", "phone", "company"],
        ObjectType::Companies => &["name", "domain", "phone"],
        ObjectType::Deals => &["dealname", "description"],
        ObjectType::Tickets => &["subject", "content"],
        ObjectType::Calls => &["hs_call_title", "hs_call_body"],
        ObjectType::Notes => &["hs_note_body"],
        ObjectType::Tasks => &["hs_task_subject", "hs_task_body"],
    };
    let text =
        searchable.iter().filter_map(|name| view.get(name)).map(|v| v.to_lowercase()).collect::<Vec<_>>().join(" ");
    query.split_whitespace().all(|word| text.split_whitespace().any(|held| held.starts_with(word)))
}
