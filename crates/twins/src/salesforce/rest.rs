//! The resources under `/services/data/vNN.0`.

use super::records::Saving;
use super::refusals::{self, Refusal};
use super::schema::Sobject;
use super::{Salesforce, id18};
use crate::civil::parse_iso;
use crate::{Reply, Request};
use serde_json::{Map, Value, json};

const DAY_MS: i64 = 86_400_000;

impl Salesforce {
    pub(crate) fn route(&mut self, request: &Request, now_ms: i64) -> Result<Reply, Refusal> {
        let segments = request.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let ["services", "data", version, rest @ ..] = segments.as_slice() else { return Err(refusals::not_found()) };
        let number = version.strip_prefix('v').and_then(|v| v.strip_suffix(".0")).and_then(|v| v.parse::<u16>().ok());
        if !number.is_some_and(|n| (31..=70).contains(&n)) {
            return Err(refusals::not_found());
        }
        let query = request.query();
        let param = |name: &str| {
            let value = query.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
            value.ok_or_else(|| Refusal::new(400, "MISSING_ARGUMENT", format!("Missing required parameter: {name}")))
        };
        match (request.method.as_str(), rest) {
            ("GET", ["query"]) => Ok(Reply::json(200, &self.query(param("q")?, false, version)?)),
            ("GET", ["queryAll"]) => Ok(Reply::json(200, &self.query(param("q")?, true, version)?)),
            ("GET", ["search"]) => Ok(Reply::json(200, &self.search(param("q")?, version, now_ms)?)),
            ("GET", ["limits"]) => Ok(self.limits()),
            ("POST", ["composite"]) => self.composite(request, version, now_ms),
            ("POST" | "PATCH", ["composite", "sobjects"]) => self.collection(request, None, now_ms),
            ("PATCH", ["composite", "sobjects", sobject, field]) => {
                self.collection(request, Some((sobject, field)), now_ms)
            }
            ("POST", ["sobjects", sobject]) => {
                let sobject = Self::known(sobject)?;
                let id = self.create(sobject, &body(request)?, saving(request), now_ms)?;
                Ok(Reply::json(201, &json!({ "id": id, "success": true, "errors": [] })))
            }
            ("GET", ["sobjects", sobject, "describe"]) => {
                let sobject = Self::known(sobject)?;
                let fields: Vec<Value> = self.fields(sobject).iter().map(super::Field::described).collect();
                Ok(Reply::json(
                    200,
                    &json!({ "name": sobject.name(), "keyPrefix": sobject.prefix(), "fields": fields }),
                ))
            }
            ("GET", ["sobjects", sobject, list @ ("updated" | "deleted")]) => {
                self.replicated(Self::known(sobject)?, *list == "deleted", param("start")?, param("end")?, now_ms)
            }
            (_, ["sobjects", sobject, id]) => self.row(request, Self::known(sobject)?, id, version, now_ms),
            (_, ["sobjects", sobject, field, value]) => {
                self.external(request, Self::known(sobject)?, field, value, version, now_ms)
            }
            (_, ["query" | "queryAll" | "search" | "limits" | "composite", ..] | ["sobjects", _]) => {
                Err(refusals::method())
            }
            _ => Err(refusals::not_found()),
        }
    }

    /// Of a path an unknown object is simply not there.
    fn known(name: &str) -> Result<Sobject, Refusal> {
        Sobject::from_name(name).ok_or_else(refusals::not_found)
    }

    /// "Limits": what is left of the day.
    fn limits(&self) -> Reply {
        let max = self.options.daily_max.unwrap_or(5_000_000);
        let left = max.saturating_sub(self.used_today());
        Reply::json(200, &json!({ "DailyApiRequests": { "Max": max, "Remaining": left } }))
    }

    /// "sObject Rows".
    fn row(
        &mut self,
        request: &Request,
        sobject: Sobject,
        id: &str,
        version: &str,
        now_ms: i64,
    ) -> Result<Reply, Refusal> {
        let shaped = matches!(id.len(), 15 | 18) && id.bytes().all(|b| b.is_ascii_alphanumeric());
        if !shaped || !id.starts_with(sobject.prefix()) {
            return Err(refusals::not_found());
        }
        let id = id18(id);
        let record = self.records.get(&id).ok_or_else(refusals::not_found)?;
        if record.deleted {
            return Err(refusals::deleted());
        }
        match request.method.as_str() {
            "GET" => self.given(request, &id, version),
            "PATCH" => {
                let body = body(request)?;
                // "Conditional Request Headers": compared with the time of the last change; a malformed date is 400.
                if let Some(header) = request.get_header("if-unmodified-since") {
                    let since = http_date(header).ok_or_else(|| {
                        Refusal::new(400, "INVALID_HEADER", "If-Unmodified-Since is not a valid HTTP date")
                    })?;
                    if record.modified_ms > since {
                        return Err(refusals::changed());
                    }
                }
                if body.keys().any(|name| name.eq_ignore_ascii_case("Id")) {
                    let message = "The Id field should not be specified in the sobject data.";
                    return Err(Refusal::new(400, "INVALID_FIELD", message));
                }
                self.update(&id, &body, saving(request), now_ms)?;
                Ok(Reply::empty(204))
            }
            "DELETE" => {
                self.delete(&id, now_ms)?;
                Ok(Reply::empty(204))
            }
            _ => Err(refusals::method()),
        }
    }

    /// One record with the fields of `fields`, or all.
    fn given(&self, request: &Request, id: &str, version: &str) -> Result<Reply, Refusal> {
        let record = self.records.get(id).ok_or_else(refusals::not_found)?;
        let query = request.query();
        let asked =
            query.iter().find(|(n, _)| n == "fields").map(|(_, v)| v.split(',').map(str::trim).collect::<Vec<_>>());
        let mut out = Map::new();
        out.insert("attributes".to_owned(), record.attributes(version));
        out.insert("Id".to_owned(), json!(record.id));
        match asked {
            Some(names) => {
                for name in names {
                    let Some(field) = self.field(record.sobject, name) else {
                        return Err(refusals::no_column(name, record.sobject.name()));
                    };
                    out.insert(field.name.clone(), record.get(&field.name));
                }
            }
            None => out.extend(self.fields(record.sobject).iter().map(|f| (f.name.clone(), record.get(&f.name)))),
        }
        Ok(Reply::json(200, &Value::Object(out)))
    }

    /// "sObject Rows by External ID".
    fn external(
        &mut self,
        request: &Request,
        sobject: Sobject,
        field: &str,
        value: &str,
        version: &str,
        now_ms: i64,
    ) -> Result<Reply, Refusal> {
        let known = self.field(sobject, field).filter(|f| f.external_id).map(|f| f.name.clone());
        let name = known.ok_or_else(|| refusals::no_external(field))?;
        match request.method.as_str() {
            "GET" => {
                let held = self.holder(sobject, &name, value).ok_or_else(refusals::not_found)?;
                self.given(request, &held, version)
            }
            "PATCH" => {
                let only = request.query().iter().any(|(n, v)| n == "updateOnly" && v == "true");
                let (id, created) =
                    self.upsert(sobject, &name, value, &body(request)?, saving(request), only, now_ms)?;
                let status = if created { 201 } else { 200 };
                Ok(Reply::json(status, &json!({ "id": id, "success": true, "created": created, "errors": [] })))
            }
            _ => Err(refusals::method()),
        }
    }

    fn holder(&self, sobject: Sobject, field: &str, value: &str) -> Option<String> {
        let same = |r: &&&super::Record| r.fields.get(field).and_then(Value::as_str) == Some(value);
        self.records(sobject).iter().find(same).map(|r| r.id.clone())
    }

    #[expect(clippy::too_many_arguments, reason = "what the resource takes")]
    pub(crate) fn upsert(
        &mut self,
        sobject: Sobject,
        field: &str,
        value: &str,
        given: &Map<String, Value>,
        saving: Saving,
        only: bool,
        now_ms: i64,
    ) -> Result<(String, bool), Refusal> {
        if let Some(name) = given.keys().find(|n| n.eq_ignore_ascii_case(field) || n.eq_ignore_ascii_case("Id")) {
            let message = format!("The {name} field should not be specified in the sobject data.");
            return Err(Refusal::new(400, "INVALID_FIELD", message).fields(&[name]));
        }
        match self.holder(sobject, field, value) {
            Some(id) => {
                self.update(&id, given, saving, now_ms)?;
                Ok((id, false))
            }
            None if only => Err(refusals::not_found()),
            None => {
                let mut given = given.clone();
                given.insert(field.to_owned(), json!(value));
                Ok((self.create(sobject, &given, saving, now_ms)?, true))
            }
        }
    }

    /// "sObject Get Updated" and "sObject Get Deleted": at most thirty days back; seconds do not count.
    fn replicated(
        &self,
        sobject: Sobject,
        deleted: bool,
        start: &str,
        end: &str,
        now_ms: i64,
    ) -> Result<Reply, Refusal> {
        let minute = |text: &str| parse_iso(text).filter(|_| text.len() > 10).map(|ms| ms.div_euclid(60_000) * 60_000);
        let bad = |message: &str| Refusal::new(400, "INVALID_REPLICATION_DATE", message.to_owned());
        let (Some(start), Some(end)) = (minute(start), minute(end)) else { return Err(bad("not a date and time")) };
        if start >= end || start < now_ms - 30 * DAY_MS {
            return Err(bad("startDate before org replication enabled date or not before endDate"));
        }
        let within =
            |r: &&super::Record| r.sobject == sobject && r.deleted == deleted && (start..=end).contains(&r.modified_ms);
        let covered = super::records::instant(end.min(now_ms));
        let found = self.records.values().filter(within);
        let body = if deleted {
            let list: Vec<Value> =
                found.map(|r| json!({ "id": r.id, "deletedDate": super::records::instant(r.modified_ms) })).collect();
            json!({ "deletedRecords": list, "earliestDateAvailable": super::records::instant(0), "latestDateCovered": covered })
        } else {
            let ids: Vec<&str> = found.map(|r| r.id.as_str()).collect();
            json!({ "ids": ids, "latestDateCovered": covered })
        };
        Ok(Reply::json(200, &body))
    }
}

pub(crate) fn body(request: &Request) -> Result<Map<String, Value>, Refusal> {
    match serde_json::from_slice::<Value>(&request.body) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(refusals::bad_json("Can not deserialize: expected a JSON object")),
        Err(_) => Err(refusals::bad_json("Unexpected character")),
    }
}

/// "Assignment Rule Header" (missing is TRUE) and "Duplicate Rule Header".
pub(crate) fn saving(request: &Request) -> Saving {
    let rule = request.get_header("sforce-duplicate-rule-header").unwrap_or_default();
    Saving {
        allow_duplicates: rule.split(';').any(|part| part.trim().eq_ignore_ascii_case("allowSave=true")),
        assign: !request.get_header("sforce-auto-assign").is_some_and(|v| v.eq_ignore_ascii_case("FALSE")),
        person: false,
    }
}

/// `Thu, 05 Mar 2026 14:03:11 GMT`
fn http_date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, rest) = text.split_once(", ")?;
    let parts: Vec<&str> = rest.split(' ').collect();
    let [day, month, year, time, "GMT"] = parts.as_slice() else { return None };
    let month = MONTHS.iter().position(|m| m == month)? + 1;
    parse_iso(&format!("{year}-{month:02}-{day}T{time}Z"))
}
