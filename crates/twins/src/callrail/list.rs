//! `GET /v3/a/{account}/calls.json`. Source: apidocs.callrail.com, "Listing all Calls", "Retrieving a Single Call".

use super::{CallRail, Ended, Ring};
use crate::fault::{Refusing, Vendor};
use crate::log::{Log, Seen};
use crate::{Reply, Request, civil};
use serde_json::{Map, Value, json};

const PER_PAGE_DEFAULT: usize = 100;
const PER_PAGE_MAX: usize = 250;
const HOUR_MS: i64 = 3_600_000;

/// Sent without being asked for.
const DEFAULT_FIELDS: [&str; 17] = [
    "answered",
    "business_phone_number",
    "customer_city",
    "customer_country",
    "customer_name",
    "customer_phone_number",
    "customer_state",
    "direction",
    "duration",
    "id",
    "recording",
    "recording_duration",
    "recording_player",
    "start_time",
    "tracking_phone_number",
    "voicemail",
    "agent_email",
];

impl CallRail {
    /// Answers one REST request at `now_ms` and logs it.
    pub fn handle(&mut self, request: &Request, now_ms: i64) -> Reply {
        let reply = self.answer(request, now_ms);
        self.log.push(request, now_ms, Some(reply.status), Seen::Answered(reply.status));
        reply
    }

    /// The log of REST requests.
    pub fn log(&self) -> &Log {
        &self.log
    }

    fn answer(&mut self, request: &Request, now_ms: i64) -> Reply {
        let given = request.get_header("authorization").unwrap_or_default();
        let quoted = format!("Token token=\"{}\"", self.api_token);
        let bare = format!("Token token={}", self.api_token);
        if given != quoted && given != bare {
            return Reply::json(401, &json!({ "error": "HTTP Token: Access denied." }));
        }
        self.asked_ms.retain(|at| *at > now_ms - HOUR_MS);
        if self.hourly_max.is_some_and(|max| self.asked_ms.len() >= max) {
            return Reply::json(429, &json!({ "error": "Rate limit exceeded" })); // no Retry-After
        }
        self.asked_ms.push(now_ms);
        let segments = request.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match (request.method.as_str(), segments.as_slice()) {
            ("GET", ["v3", "a", account, "calls.json"]) if *account == self.account => {
                self.list(&request.query(), now_ms)
            }
            ("GET", ["v3", "a", account, "calls", id]) if *account == self.account => {
                let id = id.strip_suffix(".json").unwrap_or(id);
                let found = self.rings.iter().find(|ring| ring.resource_id == id && ring.ended_at_ms() <= now_ms);
                found.map_or_else(
                    || Reply::json(404, &json!({ "error": "Not found" })),
                    |ring| Reply::json(200, &self.render(ring, &fields(&request.query()))),
                )
            }
            _ => Reply::json(404, &json!({ "error": "Not found" })),
        }
    }

    fn list(&self, query: &[(String, String)], now_ms: i64) -> Reply {
        let param = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let number = |name: &str, default: usize| param(name).map_or(Some(default), |v| v.parse().ok());
        let (Some(page), Some(per_page)) = (number("page", 1), number("per_page", PER_PAGE_DEFAULT)) else {
            return Reply::json(400, &json!({ "error": "page and per_page must be numbers" }));
        };
        if page == 0 || per_page == 0 || per_page > PER_PAGE_MAX {
            return Reply::json(400, &json!({ "error": format!("per_page must be between 1 and {PER_PAGE_MAX}") }));
        }
        let from = param("start_date").map(|text| self.instant(text, false));
        let to = param("end_date").map(|text| self.instant(text, true));
        if from == Some(None) || to == Some(None) {
            return Reply::json(400, &json!({ "error": "start_date and end_date must be ISO 8601" }));
        }
        let mut rings: Vec<&Ring> = self
            .rings
            .iter()
            .filter(|ring| ring.ended_at_ms() <= now_ms)
            .filter(|ring| from.flatten().is_none_or(|from| ring.started_at_ms >= from))
            .filter(|ring| to.flatten().is_none_or(|to| ring.started_at_ms <= to))
            .filter(|ring| {
                param("company_id").is_none_or(|id| ring.company.resource_id == id || ring.company.id.to_string() == id)
            })
            .filter(|ring| param("tracker_id").is_none_or(|id| ring.tracker_resource_id == id))
            .filter(|ring| param("answered").is_none_or(|wanted| (ring.ended == Ended::Answered).to_string() == wanted))
            .filter(|ring| param("direction").is_none_or(|wanted| ring.outbound == (wanted == "outbound")))
            .collect();
        rings.sort_by_key(|ring| (ring.started_at_ms, ring.id));
        // Newest first unless `order=asc` is asked for.
        if param("order") != Some("asc") {
            rings.reverse();
        }
        let fields = fields(query);
        let total = rings.len();
        let calls: Vec<Value> =
            rings.iter().skip((page - 1) * per_page).take(per_page).map(|ring| self.render(ring, &fields)).collect();
        let more = page * per_page < total;
        if param("relative_pagination") == Some("true") {
            let next = if more {
                let rest: Vec<String> = query
                    .iter()
                    .filter(|(n, _)| n != "page")
                    .map(|(n, v)| format!("{n}={}", crate::wire::percent_encode(v)))
                    .collect();
                Value::from(format!(
                    "https://api.callrail.com/v3/a/{}/calls.json?{}&page={}",
                    self.account,
                    rest.join("&"),
                    page + 1
                ))
            } else {
                Value::Null
            };
            return Reply::json(
                200,
                &json!({ "per_page": per_page, "has_next_page": more, "next_page": next, "calls": calls }),
            );
        }
        Reply::json(
            200,
            &json!({
                "page": page, "per_page": per_page, "total_pages": total.div_ceil(per_page), "total_records": total, "calls": calls,
            }),
        )
    }

    /// A date means the account's day; a time without offset is the account's time.
    fn instant(&self, text: &str, end: bool) -> Option<i64> {
        let offset_ms = i64::from(self.utc_offset_minutes) * 60_000;
        if text.len() == 10 {
            let start = civil::parse_iso(text)? - offset_ms;
            return Some(if end { start + civil::DAY_MS - 1 } else { start });
        }
        civil::parse_iso(text).or_else(|| Some(civil::parse_iso(&format!("{text}Z"))? - offset_ms))
    }

    /// One call of the list. Numbers are numbers here, ids are the new ones, absent values are null.
    fn render(&self, ring: &Ring, fields: &[String]) -> Value {
        let mut all: Map<String, Value> = self.body(&super::Event::PostCall, ring);
        let values = json!({
            "id": ring.resource_id, "company_id": ring.company.resource_id, "tracker_id": ring.tracker_resource_id,
            "duration": ring.duration_seconds, "recording_duration": ring.recording_seconds.map(|s| s.to_string()),
            "answered": ring.ended == Ended::Answered, "voicemail": ring.ended == Ended::Voicemail,
            "customer_phone_number": ring.caller,
        });
        super::extend(&mut all, values);
        all.retain(|name, _| fields.iter().any(|field| field == name));
        if let Some(recording @ Value::String(_)) = all.get_mut("recording")
            && recording == ""
        {
            *recording = Value::Null;
        }
        Value::Object(all)
    }
}

fn fields(query: &[(String, String)]) -> Vec<String> {
    let asked = query.iter().find(|(name, _)| name == "fields").map_or("", |(_, value)| value.as_str());
    let asked = asked.split(',').map(str::trim).filter(|field| !field.is_empty()).map(str::to_owned);
    DEFAULT_FIELDS.iter().map(|field| (*field).to_owned()).chain(asked).collect()
}

impl Vendor for CallRail {
    fn handle(&mut self, request: &Request, now_ms: i64) -> Reply {
        CallRail::handle(self, request, now_ms)
    }

    fn log_mut(&mut self) -> &mut Log {
        &mut self.log
    }

    fn pretend(&mut self, request: &Request, now_ms: i64) -> Reply {
        CallRail::handle(self, request, now_ms) // only reads here
    }

    fn half(&mut self, _request: &Request, _now_ms: i64) -> Option<Reply> {
        None
    }

    fn refuse(&mut self, how: Refusing) -> Reply {
        let (status, text) = match how {
            Refusing::Unauthorized => (401, "HTTP Token: Access denied."),
            Refusing::Unprocessable => (422, "Unprocessable"),
            Refusing::TooMany(_) => (429, "Rate limit exceeded"),
            Refusing::Server(status) => (status, "Internal server error"),
        };
        let reply = Reply::json(status, &json!({ "error": text }));
        match how {
            Refusing::TooMany(Some(seconds)) => reply.with_header("Retry-After", seconds),
            _ => reply,
        }
    }
}
