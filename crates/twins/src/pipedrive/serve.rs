//! Which request is what.

use super::checks::Refusal;
use super::limits::{cost, is_search};
use super::{ACTIVITY_TYPES, Field, Pipedrive, Row, Shelf};
use crate::civil;
use crate::log::{Deed, Effect, Seen};
use crate::{Reply, Request};
use serde_json::{Value, json};

type Answer = Result<Reply, Refusal>;

/// Query parameters of v2's lists, by shelf; anything else is refused.
fn known_parameters(shelf: Shelf) -> Vec<&'static str> {
    let mut names = vec![
        "filter_id",
        "ids",
        "owner_id",
        "org_id",
        "deal_id",
        "updated_since",
        "updated_until",
        "sort_by",
        "sort_direction",
        "include_fields",
        "limit",
        "cursor",
    ];
    names.extend(match shelf {
        Shelf::Persons => vec!["custom_fields", "include_option_labels", "include_labels"],
        Shelf::Deals => vec![
            "person_id",
            "pipeline_id",
            "stage_id",
            "status",
            "custom_fields",
            "include_option_labels",
            "include_labels",
        ],
        Shelf::Activities => vec!["person_id", "lead_id", "done"],
    });
    names
}

impl Pipedrive {
    /// Answers a request at `now_ms`, carries it out and logs it.
    pub fn handle(&mut self, request: &Request, now_ms: i64) -> Reply {
        self.effects.clear();
        let reply = self.answer(request, now_ms);
        self.log.push(request, now_ms, Some(reply.status), Seen::Answered(reply.status));
        let effects = std::mem::take(&mut self.effects);
        if let Some(entry) = self.log.last_mut() {
            entry.effects = effects;
        }
        reply
    }

    fn answer(&mut self, request: &Request, now_ms: i64) -> Reply {
        let segments = request.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        if let ("POST", ["oauth", "token"]) = (request.method.as_str(), segments.as_slice()) {
            return self.token(request, now_ms);
        }
        let Some(token) = self.authenticated(request, now_ms) else { return unauthorized() };
        let search = is_search(&segments);
        if let Some(refusal) =
            self.used.take(&self.options.limits, &token, cost(&request.method, &segments), search, now_ms)
        {
            return refusal;
        }
        let answer = match segments.as_slice() {
            ["api", "v2", rest @ ..] => self.v2(request, rest, now_ms),
            ["api", "v1", rest @ ..] | ["v1", rest @ ..] => self.v1(request, rest, now_ms),
            _ => Err(Refusal::new(404, "ERR_NOT_FOUND", "Unknown method")),
        };
        let reply = answer.unwrap_or_else(|refusal| refusal.reply());
        self.used.stamp(&self.options.limits, &token, reply)
    }

    fn v2(&mut self, request: &Request, rest: &[&str], now_ms: i64) -> Answer {
        let query = request.query();
        let fields = |word: &str| match word {
            "personFields" => Some(Shelf::Persons),
            "dealFields" => Some(Shelf::Deals),
            "activityFields" => Some(Shelf::Activities),
            _ => None,
        };
        match (request.method.as_str(), rest) {
            ("GET", ["itemSearch", "field"]) => self.search_field(&query, now_ms),
            ("GET", [shelf @ ("persons" | "deals"), "search"]) => {
                self.search(Shelf::from_path(shelf).unwrap_or(Shelf::Persons), &query, now_ms)
            }
            ("GET", [one]) if fields(one).is_some() => {
                let shelf = fields(one).unwrap_or(Shelf::Persons);
                let data: Vec<Value> = self.fields(shelf).iter().map(described).collect();
                Ok(Reply::json(
                    200,
                    &json!({ "success": true, "data": data, "additional_data": { "next_cursor": null } }),
                ))
            }
            ("POST", [one @ ("personFields" | "dealFields")]) => {
                let shelf = fields(one).unwrap_or(Shelf::Persons);
                let (name, kind, options) = Self::check_field(&body(request)?)?;
                let options: Vec<&str> = options.iter().map(String::as_str).collect();
                let code = self.define(shelf, &name, &kind, &options);
                self.effects.push(Effect { deed: Deed::Defined, object: (*one).to_owned(), id: code.clone() });
                let made = self.fields(shelf).iter().find(|f| f.code == code).map(described);
                Ok(Reply::json(200, &json!({ "success": true, "data": made })))
            }
            ("GET", [shelf]) if Shelf::from_path(shelf).is_some() => {
                self.list(Shelf::from_path(shelf).unwrap_or(Shelf::Persons), &query)
            }
            ("POST", [shelf]) if Shelf::from_path(shelf).is_some() => {
                let shelf = Shelf::from_path(shelf).unwrap_or(Shelf::Persons);
                let data = self.check(shelf, &body(request)?, true)?;
                let id = self.insert(shelf, data, false, now_ms);
                self.one(shelf, id, &[])
            }
            (method, [shelf, id]) if Shelf::from_path(shelf).is_some() => {
                let shelf = Shelf::from_path(shelf).unwrap_or(Shelf::Persons);
                let id: u64 = id.parse().map_err(|_| Refusal::invalid("id", "Expected integer"))?;
                // Whether a deleted record can still be read is undocumented: here it cannot.
                self.live(shelf, id).ok_or_else(|| Refusal::not_found(shelf))?;
                match method {
                    "GET" => self.one(shelf, id, &self.included(&query)?),
                    "PATCH" => {
                        let changes = self.check(shelf, &body(request)?, false)?;
                        self.change(shelf, id, changes, now_ms);
                        self.one(shelf, id, &[])
                    }
                    "DELETE" => {
                        self.delete(shelf, id, now_ms);
                        Ok(Reply::json(200, &json!({ "success": true, "data": { "id": id } })))
                    }
                    _ => Err(Refusal::new(405, "ERR_METHOD_NOT_ALLOWED", "Method not allowed")),
                }
            }
            _ => Err(Refusal::new(404, "ERR_NOT_FOUND", "Unknown method")),
        }
    }

    fn v1(&mut self, request: &Request, rest: &[&str], now_ms: i64) -> Answer {
        let user = |u: &super::User| json!({ "id": u.id, "name": u.name, "email": u.email, "active_flag": u.active, "is_deleted": false, "timezone_name": "America/Chicago" });
        let done = |data: Value| Ok(Reply::json(200, &json!({ "success": true, "data": data })));
        match (request.method.as_str(), rest) {
            ("GET", ["users"]) => done(self.users.iter().map(user).collect()),
            ("GET", ["users", "me"]) => done(self.users.first().map(user).unwrap_or_default()),
            ("GET", ["activityTypes"]) => {
                let of = |(n, key): (usize, &&str)| json!({ "id": n + 1, "name": key, "key_string": key, "active_flag": true });
                done(ACTIVITY_TYPES.iter().enumerate().map(of).collect())
            }
            // The person of the path goes into the one of the body.
            ("PUT", ["persons", id, "merge"]) => {
                let other = body(request)?["merge_with_id"].as_u64();
                let (Ok(id), Some(into)) = (id.parse::<u64>(), other) else {
                    return Err(Refusal::invalid("merge_with_id", "Expected integer"));
                };
                if id == into || self.live(Shelf::Persons, id).is_none() || self.live(Shelf::Persons, into).is_none() {
                    return Err(Refusal::not_found(Shelf::Persons));
                }
                self.merge(id, into, now_ms);
                done(json!({ "id": into }))
            }
            _ => Err(Refusal::new(404, "ERR_NOT_FOUND", "Unknown method")),
        }
    }

    /// Makes one person of two: what hangs on the first hangs on the second, which also gets its numbers and addresses.
    pub fn merge(&mut self, id: u64, into: u64, now_ms: i64) {
        let Some(from) = self.live(Shelf::Persons, id).cloned() else { return };
        let Some(kept) = self.live(Shelf::Persons, into).cloned() else { return };
        let mut changes = serde_json::Map::new();
        for name in ["phones", "emails"] {
            let mut list = kept.data.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
            for mut entry in from.data.get(name).and_then(Value::as_array).cloned().unwrap_or_default() {
                if !list.iter().any(|held| held["value"] == entry["value"]) {
                    entry["primary"] = Value::Bool(list.is_empty());
                    list.push(entry);
                }
            }
            changes.insert(name.to_owned(), Value::Array(list));
        }
        self.change(Shelf::Persons, into, changes, now_ms);
        for shelf in [Shelf::Deals, Shelf::Activities] {
            for row in self.shelves.entry(shelf).or_default().values_mut().filter(|r| r.people().contains(&id)) {
                if row.number("person_id") == Some(id) {
                    row.data.insert("person_id".into(), into.into());
                }
                let list = row.data.get_mut("participants").and_then(Value::as_array_mut);
                for entry in list.into_iter().flatten().filter(|e| e["person_id"] == id) {
                    entry["person_id"] = into.into();
                }
            }
        }
        self.delete(Shelf::Persons, id, now_ms);
        self.note(Deed::Merged, Shelf::Persons, into);
    }

    fn one(&self, shelf: Shelf, id: u64, include: &[String]) -> Answer {
        let row = self.live(shelf, id).ok_or_else(|| Refusal::not_found(shelf))?;
        Ok(Reply::json(200, &json!({ "success": true, "data": self.shown(shelf, row, include) })))
    }

    /// A list read from the records themselves; the deleted are left out.
    fn list(&self, shelf: Shelf, query: &[(String, String)]) -> Answer {
        let known = known_parameters(shelf);
        if let Some((name, _)) = query.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            return Err(Refusal::invalid(name, &format!("Parameter '{name}' is not allowed for this request")));
        }
        let word = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let limit = match word("limit").map(str::parse::<usize>) {
            None => 100,
            Some(Ok(n)) if (1..=500).contains(&n) => n,
            Some(_) => return Err(Refusal::invalid("limit", "'limit' must be between 1 and 500")),
        };
        let ids = match word("ids") {
            None => None,
            Some(text) => {
                let ids: Option<Vec<u64>> = text.split(',').map(|id| id.parse().ok()).collect();
                Some(ids.filter(|ids| ids.len() <= 100).ok_or_else(|| Refusal::invalid("ids", "up to 100 ids"))?)
            }
        };
        let (since, until) =
            (moment(word("updated_since"), "updated_since")?, moment(word("updated_until"), "updated_until")?);
        let number = |name: &str| {
            word(name).map(|v| v.parse::<u64>().map_err(|_| Refusal::invalid(name, "Expected integer"))).transpose()
        };
        let (person, owner, deal) = (number("person_id")?, number("owner_id")?, number("deal_id")?);
        let shown = |row: &&Row| {
            let second = row.updated_ms.div_euclid(1_000);
            ids.as_ref().is_none_or(|ids| ids.contains(&row.id))
                && since.is_none_or(|at| second >= at.div_euclid(1_000))
                && until.is_none_or(|at| second < at.div_euclid(1_000))
                // Of activities: the person in whatever part.
                && person.is_none_or(|id| row.people().contains(&id))
                && owner.is_none_or(|id| row.number("owner_id") == Some(id))
                && deal.is_none_or(|id| row.number("deal_id") == Some(id))
                && word("status").is_none_or(|s| row.text("status") == s)
                && word("done").is_none_or(|d| row.data.get("done").and_then(Value::as_bool) == Some(d == "true"))
        };
        let mut rows: Vec<&Row> = self.rows(shelf).into_iter().filter(shown).collect();
        match word("sort_by").unwrap_or("id") {
            "id" => {}
            "update_time" => rows.sort_by_key(|r| r.updated_ms),
            "add_time" => rows.sort_by_key(|r| r.added_ms),
            "due_date" if shelf == Shelf::Activities => rows.sort_by_key(|r| r.text("due_date").to_owned()),
            _ => return Err(Refusal::invalid("sort_by", "Must be one of: id, update_time, add_time")),
        }
        match word("sort_direction").unwrap_or("asc") {
            "asc" => {}
            "desc" => rows.reverse(),
            _ => return Err(Refusal::invalid("sort_direction", "Must be one of: asc, desc")),
        }
        let from = match word("cursor") {
            None => 0,
            Some(cursor) => {
                let wrong = || Refusal::invalid("cursor", "Invalid cursor");
                cursor.strip_prefix("pd-").and_then(|n| n.parse::<usize>().ok()).ok_or_else(wrong)?
            }
        };
        let include = self.included(query)?;
        let page: Vec<Value> = rows.iter().skip(from).take(limit).map(|r| self.shown(shelf, r, &include)).collect();
        let next = (from + page.len() < rows.len()).then(|| format!("pd-{}", from + page.len()));
        Ok(Reply::json(200, &json!({ "success": true, "data": page, "additional_data": { "next_cursor": next } })))
    }
}

impl Pipedrive {
    /// Counts of deals, and the marketing status where there is Campaigns, that may be asked for besides a person's own fields.
    fn included(&self, query: &[(String, String)]) -> Result<Vec<String>, Refusal> {
        let asked = query.iter().find(|(n, _)| n == "include_fields").map_or("", |(_, v)| v.as_str());
        if asked.split(',').any(|n| n == "marketing_status") && !self.has_campaigns() {
            return Err(Refusal::invalid("include_fields", "marketing_status needs the Campaigns product"));
        }
        let known = |n: &&str| n.ends_with("_deals_count") || *n == "marketing_status";
        Ok(asked.split(',').filter(known).map(str::to_owned).collect())
    }
}

/// RFC 3339 in whole seconds; a fraction is refused (recorded answers of the service).
fn moment(text: Option<&str>, name: &str) -> Result<Option<i64>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    let at = civil::parse_iso(text).filter(|_| !text.contains('.') && text.contains('T'));
    at.map(Some).ok_or_else(|| Refusal::invalid(name, "not a valid datetime"))
}

fn body(request: &Request) -> Result<Value, Refusal> {
    serde_json::from_slice(&request.body).map_err(|_| Refusal::new(400, "ERR_BAD_REQUEST", "Request body is not JSON"))
}

fn described(field: &Field) -> Value {
    let options: Vec<Value> = field.options.iter().map(|(id, label)| json!({ "id": id, "label": label })).collect();
    json!({
        "field_name": field.name, "field_code": field.code, "field_type": field.kind, "description": "",
        "options": if options.is_empty() { Value::Null } else { Value::Array(options) },
        "subfields": null, "is_custom_field": field.custom, "is_optional_response_field": false,
    })
}

/// The body of a wrong token, as v1 and v2 both send it.
pub(super) fn unauthorized() -> Reply {
    let body = json!({
        "success": false, "error": "unauthorized access", "errorCode": 401, "error_info": "Please check developers.pipedrive.com",
    });
    Reply::json(401, &body)
}
