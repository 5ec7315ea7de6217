//! Reads: one record, lists, the late search, deleted ones, related ones ("get-records.html", "search-records.html",
//! "get-deleted-records.html", "get-related-records.html"), and several requests in one ("composite-api.html").

use super::coql::{Test, criteria, with_id};
use super::refusals::{Refusal, missing_param, no_such_record};
use super::{Call, Record, Zoho};
use crate::{Reply, civil};
use serde_json::{Value, json};

/// Parts of a composite request.
const PARTS_MAX: usize = 5;
/// Fields of a list.
const FIELDS_MAX: usize = 50;
const PER_PAGE_MAX: usize = 200;
/// Criteria of one search.
const CRITERIA_MAX: usize = 15;

impl Zoho {
    /// One record; a converted lead only to those who ask for such.
    pub(crate) fn get(&mut self, call: &Call<'_>, module: &str, id: &str) -> Result<Reply, Refusal> {
        let number: u64 = id.parse().map_err(|_| no_such_record())?;
        let asked = matches!(call.param("converted"), Some("true" | "both"));
        let found = self.records.get(&number).filter(|r| r.module == module && !r.deleted);
        let Some(record) = found.filter(|r| r.converted.is_none() || asked) else { return Ok(Reply::empty(204)) };
        let only = columns(call);
        Ok(Reply::json(200, &json!({ "data": [self.shown(record, only.as_deref())] })))
    }

    /// A list; `fields` is mandatory.
    pub(crate) fn list(&mut self, call: &Call<'_>, module: &str) -> Result<Reply, Refusal> {
        let only = columns(call).ok_or_else(|| missing_param("fields"))?;
        if only.len() > FIELDS_MAX {
            return Err(
                Refusal::new(400, "LIMIT_EXCEEDED", "the fields given exceed the limit").detail("limit", FIELDS_MAX)
            );
        }
        let since = call.header("if-modified-since").map(civil::parse_iso);
        if since == Some(None) {
            return Err(Refusal::new(400, "INVALID_DATA", "invalid data").detail("api_name", "If-Modified-Since"));
        }
        let since = since.flatten().unwrap_or(i64::MIN);
        let ids: Option<Vec<&str>> = call.param("ids").map(|ids| ids.split(',').collect());
        let mut found: Vec<&Record> = self
            .records
            .values()
            .filter(|r| r.module == module && !r.deleted && wants(r, call.param("converted")))
            .filter(|r| r.modified_ms.div_euclid(1_000) >= since.div_euclid(1_000))
            .filter(|r| ids.as_ref().is_none_or(|ids| ids.contains(&r.id.to_string().as_str())))
            .collect();
        match call.param("sort_by") {
            Some("Modified_Time") => found.sort_by_key(|r| (r.modified_ms, r.id)),
            Some("Created_Time") => found.sort_by_key(|r| (r.created_ms, r.id)),
            _ => found.sort_by_key(|r| r.id),
        }
        if call.param("sort_order") != Some("asc") {
            found.reverse();
        }
        if found.is_empty() {
            return Ok(Reply::empty(if since > i64::MIN { 304 } else { 204 }));
        }
        let rows: Vec<Value> = found.into_iter().map(|r| self.shown(r, Some(&only))).collect();
        page(call, rows)
    }

    /// The search: late, and exact in `criteria`; by phone over all phone fields, as typed.
    pub(crate) fn search(&mut self, call: &Call<'_>, module: &str) -> Result<Reply, Refusal> {
        let test = match (call.param("criteria"), call.param("phone"), call.param("email"), call.param("word")) {
            (Some(text), ..) => criteria(text)?,
            (_, Some(phone), ..) => any_of(&["Phone", "Mobile", "Home_Phone", "Other_Phone"], "equals", phone),
            (_, _, Some(email), _) => any_of(&["Email", "Secondary_Email"], "equals", email),
            (.., Some(word)) => {
                any_of(&["Last_Name", "First_Name", "Company", "Subject", "Email"], "starts_with", word)
            }
            _ => return Err(missing_param("criteria")),
        };
        let fields = test.fields();
        if fields.len() > CRITERIA_MAX {
            return Err(
                Refusal::new(400, "LIMIT_EXCEEDED", "the criteria exceed the limit").detail("limit", CRITERIA_MAX)
            );
        }
        if let (Some(_), Some(unknown)) =
            (call.param("criteria"), fields.iter().find(|f| **f != "id" && self.field(module, f).is_none()))
        {
            let refusal = Refusal::new(400, "INVALID_QUERY", "Invalid query formed");
            return Err(refusal.detail("reason", "the field is not available for search").detail("api_name", *unknown));
        }
        let lag = match self.stale {
            Some((lag, until)) if call.now_ms < until => lag.max(self.options.search_lag_ms),
            _ => self.options.search_lag_ms,
        };
        let fits = |r: &&Record| {
            let held = r.as_of(call.now_ms - lag);
            held.is_some_and(|fields| test.fits(&with_id(fields, r.id)))
        };
        let found =
            self.records.values().filter(|r| r.module == module && !r.deleted && wants(r, call.param("converted")));
        let only = columns(call);
        let rows: Vec<Value> = found.filter(fits).map(|r| self.shown(r, only.as_deref())).collect();
        if rows.is_empty() { Ok(Reply::empty(204)) } else { page(call, rows) }
    }

    pub(crate) fn deleted(&self, module: &str) -> Reply {
        let gone: Vec<Value> = self
            .records
            .values()
            .filter(|r| r.module == module && r.deleted)
            .map(|r| json!({ "id": r.id.to_string(), "type": "recycle", "display_name": self.name_of(r.id), "deleted_time": self.time(r.modified_ms) }))
            .collect();
        if gone.is_empty() {
            return Reply::empty(204);
        }
        Reply::json(
            200,
            &json!({ "data": gone, "info": { "page": 1, "per_page": 200, "count": gone.len(), "more_records": false } }),
        )
    }

    /// Calls, tasks and notes of a record; deals of a contact.
    pub(crate) fn related(&mut self, call: &Call<'_>, module: &str, id: &str, list: &str) -> Result<Reply, Refusal> {
        let field = match (module, list) {
            ("Contacts", "Deals") => "Contact_Name",
            ("Contacts", "Calls" | "Tasks") => "Who_Id",
            (_, "Calls" | "Tasks") => "What_Id",
            (_, "Notes") => "Parent_Id",
            _ => {
                return Err(Refusal::new(400, "INVALID_DATA", "the relation name given seems to be invalid")
                    .detail("resource_path_index", 2));
            }
        };
        let held = id.parse::<u64>().ok().and_then(|id| self.records.get(&id));
        held.filter(|r| r.module == module && !r.deleted).ok_or_else(no_such_record)?;
        let only = columns(call).ok_or_else(|| missing_param("fields"))?;
        let of = |r: &&Record| r.module == list && r.live() && r.text(field).as_deref() == Some(id);
        let rows: Vec<Value> = self.records.values().filter(of).map(|r| self.shown(r, Some(&only))).collect();
        if rows.is_empty() { Ok(Reply::empty(204)) } else { page(call, rows) }
    }

    /// Up to five requests in one. Each counts; none is rolled back.
    pub(crate) fn composite(&mut self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let parts = call.body.get("__composite_requests").and_then(Value::as_array).cloned().unwrap_or_default();
        let at = |refusal: Refusal| {
            refusal.detail("api_name", "__composite_requests").detail("json_path", "$.__composite_requests")
        };
        if parts.is_empty() {
            return Err(at(Refusal::new(400, "MANDATORY_NOT_FOUND", "required field not found")));
        }
        if parts.len() > PARTS_MAX {
            return Err(at(Refusal::new(400, "INVALID_DATA", "invalid data")).detail("maximum_length", PARTS_MAX));
        }
        let mut out = Vec::new();
        let mut failed = false;
        for part in &parts {
            let word = |name: &str| part.get(name).and_then(Value::as_str).unwrap_or_default();
            let params = part.get("params").and_then(Value::as_object).into_iter().flatten();
            let headers: Vec<(String, String)> = part
                .get("headers")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
                .filter_map(|(n, v)| Some((n.clone(), v.as_str()?.to_owned())))
                .collect();
            let inner = Call {
                method: word("method"),
                segments: word("uri").split('/').filter(|s| !s.is_empty()).map(str::to_owned).collect(),
                query: params.filter_map(|(n, v)| Some((n.clone(), super::record::text(v)?))).collect(),
                headers: &headers,
                body: part.get("body").cloned().unwrap_or_default(),
                now_ms: call.now_ms,
            };
            let reply = self.route(&inner).unwrap_or_else(Refusal::into_reply);
            failed |= reply.status >= 400;
            let body = if reply.body.is_empty() { json!({}) } else { reply.value() };
            out.push(json!({
                "code": "SUCCESS",
                "details": { "response": { "headers": {}, "body": body, "status_code": reply.status } },
                "message": "sub request executed",
                "status": "success",
            }));
        }
        Ok(Reply::json(if failed { 207 } else { 200 }, &json!({ "__composite_requests": out })))
    }
}

fn any_of(fields: &[&str], op: &str, value: &str) -> Test {
    let one =
        |field: &&str| Test::One { field: (*field).to_owned(), op: op.to_owned(), values: vec![value.to_owned()] };
    let all = fields.iter().map(one).reduce(|a, b| Test::Either(Box::new(a), Box::new(b)));
    all.unwrap_or(Test::One { field: "id".into(), op: "null".into(), values: Vec::new() })
}

/// `converted`: without it only leads that are such.
fn wants(record: &Record, converted: Option<&str>) -> bool {
    match converted {
        Some("both") => true,
        Some("true") => record.converted.is_some(),
        _ => record.converted.is_none(),
    }
}

fn columns(call: &Call<'_>) -> Option<Vec<String>> {
    Some(call.param("fields")?.split(',').map(|f| f.trim().to_owned()).filter(|f| !f.is_empty()).collect())
}

fn page(call: &Call<'_>, rows: Vec<Value>) -> Result<Reply, Refusal> {
    let number = |name: &str, usual: usize| call.param(name).map_or(Ok(usual), str::parse::<usize>);
    let wrong = |name: &str| Refusal::new(400, "INVALID_DATA", "invalid data").detail("api_name", name);
    let per_page = number("per_page", PER_PAGE_MAX)
        .ok()
        .filter(|n| (1..=PER_PAGE_MAX).contains(n))
        .ok_or_else(|| wrong("per_page"))?;
    let page = number("page", 1).ok().filter(|n| *n > 0).ok_or_else(|| wrong("page"))?;
    let skip = match call.param("page_token") {
        Some(token) => {
            token.strip_prefix("twin-page-").and_then(|t| t.parse().ok()).ok_or_else(|| wrong("page_token"))?
        }
        None => (page - 1) * per_page,
    };
    let more = rows.len() > skip + per_page;
    let rows: Vec<Value> = rows.into_iter().skip(skip).take(per_page).collect();
    let mut info =
        json!({ "per_page": per_page, "count": rows.len(), "page": skip / per_page + 1, "more_records": more });
    if let (true, Some(map)) = (more, info.as_object_mut()) {
        map.insert("next_page_token".into(), format!("twin-page-{}", skip + per_page).into());
    }
    Ok(Reply::json(200, &json!({ "data": rows, "info": info })))
}
