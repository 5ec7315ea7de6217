//! Queries over the records themselves, searches over an index that lags.

use super::records::Record;
use super::refusals::{self, Refusal};
use super::schema::{Field, Kind, Sobject};
use super::soql::{self, Condition, Literal, Query};
use super::{Salesforce, id18};
use crate::civil::parse_iso;
use serde_json::{Map, Value, json};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Rows of one answer.
const ROWS_MAX: usize = 2_000;

impl Salesforce {
    /// `query` and `queryAll` ("Query", "QueryAll": the latter with deleted records).
    pub(crate) fn query(&self, text: &str, deleted: bool, version: &str) -> Result<Value, Refusal> {
        let query = soql::query(text)?;
        let rows = self.rows(&query, deleted)?;
        if rows.len() > ROWS_MAX {
            return Err(Refusal::new(400, "QUERY_TOO_COMPLICATED", "this org gives at most 2,000 rows"));
        }
        let sobject = Self::sobject(&query.from)?;
        let records: Vec<Value> =
            rows.iter().map(|r| self.shown(r, sobject, &query.fields, version)).collect::<Result<_, _>>()?;
        Ok(json!({ "totalSize": records.len(), "done": true, "records": records }))
    }

    pub(crate) fn sobject(name: &str) -> Result<Sobject, Refusal> {
        Sobject::from_name(name).ok_or_else(|| refusals::no_type(name))
    }

    /// The asked fields of a record, nulls among them.
    fn shown(&self, record: &Record, sobject: Sobject, names: &[String], version: &str) -> Result<Value, Refusal> {
        let mut out = Map::new();
        out.insert("attributes".to_owned(), record.attributes(version));
        for name in names {
            let field = self.column(sobject, name)?;
            out.insert(field.name.clone(), record.get(&field.name));
        }
        Ok(Value::Object(out))
    }

    fn column(&self, sobject: Sobject, name: &str) -> Result<&Field, Refusal> {
        self.field(sobject, name).ok_or_else(|| {
            let message = format!(
                "\nSELECT {name} FROM {0}\n       ^\nERROR at Row:1:Column:8\nNo such column '{name}' on entity '{0}'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names.",
                sobject.name()
            );
            Refusal::new(400, "INVALID_FIELD", message)
        })
    }

    fn rows(&self, query: &Query, deleted: bool) -> Result<Vec<&Record>, Refusal> {
        let sobject = Self::sobject(&query.from)?;
        // Names are looked at before any row is, so that a wrong one is refused in an empty org too.
        for name in query.fields.iter().chain(query.order.iter().map(|(name, _)| name)) {
            self.column(sobject, name)?;
        }
        let test = match &query.condition {
            Some(condition) => Some(self.prepare(sobject, condition)?),
            None => None,
        };
        let mut rows: Vec<&Record> = self
            .records
            .values()
            .filter(|r| r.sobject == sobject && (deleted || !r.deleted))
            .filter(|r| test.as_ref().is_none_or(|test| test.holds(r)))
            .collect();
        if !query.order.is_empty() {
            let order: Vec<(&Field, bool)> =
                query.order.iter().map(|(n, down)| Ok((self.column(sobject, n)?, *down))).collect::<Result<_, _>>()?;
            rows.sort_by(|a, b| {
                let by = order.iter().map(|(field, down)| {
                    let by = compare(&a.get(&field.name), &b.get(&field.name));
                    if *down { by.reverse() } else { by }
                });
                by.fold(Ordering::Equal, Ordering::then)
            });
        }
        rows.truncate(query.limit.unwrap_or(usize::MAX));
        Ok(rows)
    }

    fn prepare(&self, sobject: Sobject, condition: &Condition) -> Result<Test, Refusal> {
        let all = |list: &[Condition]| list.iter().map(|c| self.prepare(sobject, c)).collect::<Result<Vec<_>, _>>();
        let column = |name: &str| {
            let field = self.column(sobject, name)?;
            if field.filterable() {
                return Ok(field.clone());
            }
            let message = format!("field '{}' can not be filtered in a query call", field.name);
            Err(Refusal::new(400, "INVALID_FIELD", message))
        };
        Ok(match condition {
            Condition::And(list) => Test::And(all(list)?),
            Condition::Or(list) => Test::Or(all(list)?),
            Condition::Not(inner) => Test::Not(Box::new(self.prepare(sobject, inner)?)),
            Condition::Compare { field, operator, value } => {
                let field = column(field)?;
                let value = comparable(&field, value)?;
                Test::Compare { field, operator, value }
            }
            Condition::In { field, not, values } => {
                let field = column(field)?;
                let values = values.iter().map(|v| comparable(&field, v)).collect::<Result<_, _>>()?;
                Test::In { field, not: *not, values }
            }
            Condition::Within { field, not, query } => {
                let field = column(field)?;
                let [inner] = query.fields.as_slice() else {
                    return Err(refusals::malformed_query("semi join sub-selects take one field"));
                };
                let from = Self::sobject(&query.from)?;
                let inner = self.column(from, inner)?.name.clone();
                let values = self.rows(query, false)?.iter().map(|r| r.get(&inner)).filter(|v| !v.is_null()).collect();
                Test::In { field, not: *not, values }
            }
        })
    }

    /// SOSL ("Search"). What is shown is the record as it is; whether it is found depends on the index, which is late.
    pub(crate) fn search(&self, text: &str, version: &str, now_ms: i64) -> Result<Value, Refusal> {
        let search = soql::search(text)?;
        let mut found = Vec::new();
        for returned in &search.returning {
            let sobject = Self::sobject(&returned.from)?;
            let limit = returned.limit.unwrap_or(ROWS_MAX);
            let query = Query { limit: None, ..returned.clone() };
            let hits = self.rows(&query, false)?.into_iter().filter(|record| {
                self.indexed(record, now_ms)
                    .is_some_and(|state| search.terms.iter().any(|term| self.hit(sobject, state, &search.group, term)))
            });
            for record in hits.take(limit) {
                found.push(self.shown(record, sobject, &returned.fields, version)?);
            }
        }
        Ok(json!({ "searchRecords": found }))
    }

    /// The state of a record that the index shows.
    fn indexed<'r>(&self, record: &'r Record, now_ms: i64) -> Option<&'r BTreeMap<String, Value>> {
        let lag = match self.stale {
            Some((lag, until)) if now_ms < until => lag.max(self.options.search_lag_ms),
            _ => self.options.search_lag_ms,
        };
        record.states.iter().rev().find(|(at, _)| at.saturating_add(lag) <= now_ms).map(|(_, state)| state)
    }

    /// Numbers are found by their digits in whatever form they were typed; other words as a part of the text.
    fn hit(&self, sobject: Sobject, state: &BTreeMap<String, Value>, group: &str, term: &str) -> bool {
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let term_digits = digits(term);
        let number = !term_digits.is_empty() && term.chars().all(|c| c.is_ascii_digit() || " ()./+-".contains(c));
        self.fields(sobject).iter().any(|field| {
            let Some(text) = state.get(&field.name).and_then(Value::as_str) else { return false };
            match (&field.kind, group) {
                (Kind::Phone, "PHONE" | "ALL") if number => digits(text).ends_with(&term_digits),
                (Kind::Email, "EMAIL" | "ALL") => text.to_lowercase().contains(&term.to_lowercase()),
                (Kind::Text(_), "NAME") if field.name.ends_with("Name") => {
                    text.to_lowercase().contains(&term.to_lowercase())
                }
                (Kind::Text(_) | Kind::Area(_), "ALL") => text.to_lowercase().contains(&term.to_lowercase()),
                _ => false,
            }
        })
    }
}

/// A condition whose names and values were checked.
enum Test {
    And(Vec<Test>),
    Or(Vec<Test>),
    Not(Box<Test>),
    Compare { field: Field, operator: &'static str, value: Value },
    In { field: Field, not: bool, values: Vec<Value> },
}

impl Test {
    fn holds(&self, record: &Record) -> bool {
        match self {
            Self::And(all) => all.iter().all(|t| t.holds(record)),
            Self::Or(any) => any.iter().any(|t| t.holds(record)),
            Self::Not(inner) => !inner.holds(record),
            Self::In { field, not, values } => {
                let held = record.get(&field.name);
                values.iter().any(|value| equal(field, &held, value)) != *not
            }
            Self::Compare { field, operator, value } => {
                let held = record.get(&field.name);
                match *operator {
                    "=" => equal(field, &held, value),
                    "!=" => !equal(field, &held, value),
                    "LIKE" => like(held.as_str().unwrap_or_default(), value.as_str().unwrap_or_default()),
                    _ if held.is_null() || value.is_null() => false,
                    "<" => compare(&held, value) == Ordering::Less,
                    ">" => compare(&held, value) == Ordering::Greater,
                    "<=" => compare(&held, value) != Ordering::Greater,
                    _ => compare(&held, value) != Ordering::Less,
                }
            }
        }
    }
}

/// A literal must fit its field ("Comparison Operators"): text in quotes, dates and numbers without.
fn comparable(field: &Field, literal: &Literal) -> Result<Value, Refusal> {
    let wrong = || {
        let message = format!("value of filter criterion for field '{}' is of another type", field.name);
        Err(Refusal::new(400, "INVALID_FIELD", message))
    };
    match (literal, &field.kind) {
        (Literal::Null, _) => Ok(Value::Null),
        (Literal::Bool(b), Kind::Bool) => Ok(json!(b)),
        (Literal::Text(text), Kind::Id | Kind::Reference(_)) => {
            let shaped = matches!(text.len(), 15 | 18) && text.bytes().all(|b| b.is_ascii_alphanumeric());
            let message = format!("invalid ID field: {text}");
            if shaped {
                Ok(json!(id18(text)))
            } else {
                Err(Refusal::new(400, "INVALID_QUERY_FILTER_OPERATOR", message))
            }
        }
        (Literal::Text(text), Kind::Text(_) | Kind::Phone | Kind::Email | Kind::Url | Kind::Picklist(..)) => {
            Ok(json!(text))
        }
        (Literal::Bare(word), Kind::Int | Kind::Double) => word.parse::<f64>().map(|n| json!(n)).or_else(|_| wrong()),
        (Literal::Bare(word), Kind::Date) if word.len() == 10 && parse_iso(word).is_some() => Ok(json!(word)),
        (Literal::Bare(word), Kind::DateTime) if word.len() > 10 => match parse_iso(word) {
            Some(ms) => Ok(json!(super::records::instant(ms))),
            None => wrong(),
        },
        _ => wrong(),
    }
}

/// Text compares without case, except where the field is unique with case ("External ID … case sensitive") or an id.
fn equal(field: &Field, held: &Value, value: &Value) -> bool {
    match (held, value) {
        (Value::String(a), Value::String(b)) if field.unique || matches!(field.kind, Kind::Id | Kind::Reference(_)) => {
            a == b
        }
        (Value::String(a), Value::String(b)) => a.eq_ignore_ascii_case(b),
        _ => compare(held, value) == Ordering::Equal,
    }
}

fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Less,
        (_, Value::Null) => Ordering::Greater,
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (a, b) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            _ => a.to_string().cmp(&b.to_string()),
        },
    }
}

/// `%` any characters, `_` one; without case.
fn like(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) =
        (text.to_lowercase().chars().collect(), pattern.to_lowercase().chars().collect());
    // Whether the pattern so far fits the first n characters, for every n.
    let mut fits = vec![false; text.len() + 1];
    fits[0] = true;
    for p in pattern {
        let mut next = vec![false; text.len() + 1];
        let mut open = false;
        for n in 0..=text.len() {
            open |= fits[n];
            next[n] = match p {
                '%' => open,
                '_' => n > 0 && fits[n - 1],
                p => n > 0 && fits[n - 1] && text[n - 1] == p,
            };
        }
        fits = next;
    }
    fits[text.len()]
}
