//! How Salesforce misbehaves: the half of [`crate::fault`] that needs to know its bodies.

use super::refusals::{self, Refusal};
use super::{Salesforce, Sobject};
use crate::books::Books as _;
use crate::fault::{Refusing, Vendor};
use crate::log::Log;
use crate::{Reply, Request};
use serde_json::{Value, json};

impl Vendor for Salesforce {
    fn handle(&mut self, request: &Request, now_ms: i64) -> Reply {
        Salesforce::handle(self, request, now_ms)
    }

    fn log_mut(&mut self) -> &mut Log {
        Salesforce::log_mut(self)
    }

    fn pretend(&mut self, request: &Request, now_ms: i64) -> Reply {
        // Ids and budgets stay spent: the vendor did the work and lost it.
        let records = self.records.clone();
        let reply = Salesforce::handle(self, request, now_ms);
        self.records = records;
        if let Some(entry) = self.log.last_mut() {
            entry.effects.clear();
        }
        reply
    }

    fn half(&mut self, request: &Request, now_ms: i64) -> Option<Reply> {
        let path = request.path.split('?').next().unwrap_or_default();
        let composite = path.ends_with("/composite");
        if !composite && !path.contains("/composite/sobjects") {
            return None;
        }
        let mut body: Value = serde_json::from_slice(&request.body).ok()?;
        let list = body.get_mut(if composite { "compositeRequest" } else { "records" })?.as_array_mut()?;
        if composite && list.iter().all(|sub| sub["method"] == json!("GET")) {
            return None;
        }
        let rest = list.split_off(list.len() / 2);
        let empty = list.is_empty();
        let half = Request { body: body.to_string().into_bytes(), ..request.clone() };
        let mut reply = Salesforce::handle(self, &half, now_ms);
        let failed =
            Refusal::new(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred. Please include this ErrorId");
        let mut out = match (empty, composite) {
            (true, true) => json!({ "compositeResponse": [] }),
            (true, false) => json!([]),
            _ => reply.value(),
        };
        let results = if composite { out.get_mut("compositeResponse")?.as_array_mut()? } else { out.as_array_mut()? };
        for sub in rest {
            results.push(if composite {
                json!({ "body": failed.body(), "httpHeaders": {}, "httpStatusCode": 500, "referenceId": sub["referenceId"] })
            } else {
                failed.clone().into_result(request.method == "PATCH" && !path.ends_with("/sobjects"))
            });
        }
        reply.status = 200;
        reply.body = out.to_string().into_bytes();
        Some(reply)
    }

    fn refuse(&mut self, how: Refusing) -> Reply {
        match how {
            Refusing::Unauthorized => refusals::session().into_reply(),
            Refusing::Unprocessable => {
                Refusal::new(422, "UNPROCESSABLE_ENTITY", "The request could not be processed.").into_reply()
            }
            // Salesforce has no 429 of its own: too many at once is 403.
            Refusing::TooMany(wait) => {
                let reply = refusals::concurrent().into_reply();
                match wait {
                    Some(seconds) => reply.with_header("Retry-After", seconds),
                    None => reply,
                }
            }
            Refusing::Server(503) => {
                Refusal::new(503, "SERVER_UNAVAILABLE", "Server unavailable, please try again later.").into_reply()
            }
            Refusing::Server(status) => {
                Refusal::new(status, "UNKNOWN_EXCEPTION", "An unexpected error occurred.").into_reply()
            }
        }
    }

    fn stale_search(&mut self, lag_ms: i64, until_ms: i64) {
        Salesforce::stale_search(self, lag_ms, until_ms);
    }

    fn control(&mut self, request: &Request, now_ms: i64) -> Option<Reply> {
        let segments = request.segments();
        let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let text = |field: &str| body[field].as_str().unwrap_or_default();
        let told = |outcome: Result<Value, String>| match outcome {
            Ok(value) => Reply::json(200, &value),
            Err(why) => Reply::json(400, &json!({ "error": why })),
        };
        let did = |done: bool| told(if done { Ok(json!({})) } else { Err("no such record".to_owned()) });
        let kind = |name: &str| Sobject::from_name(name).ok_or_else(|| format!("no such type: {name}"));
        Some(match (request.method.as_str(), segments.get(1)?.as_str()) {
            ("GET", "books") => Reply::json(200, &json!(self.entries())),
            ("GET", "records") => {
                let query = request.query();
                let name = query.iter().find(|(name, _)| name == "type").map_or("", |(_, value)| value.as_str());
                told(kind(name).map(|kind| {
                    let entries: Vec<_> = self.entries().into_iter().filter(|e| e.object == kind.name()).collect();
                    json!({ "records": entries })
                }))
            }
            ("POST", "seed") => told(
                kind(text("type"))
                    .and_then(|kind| self.seed(kind, &body["properties"], now_ms))
                    .map(|id| json!({ "id": id })),
            ),
            ("POST", "human_set") => did(self.type_in(text("id"), text("property"), text("value"), now_ms)),
            ("POST", "remove") => did(self.remove(text("id"), now_ms)),
            ("POST", "merge") => did(self.merge(text("master"), text("loser"), now_ms)),
            ("POST", "convert") => {
                let done = self.convert(text("id"), body["deal"].as_str(), now_ms);
                told(done.map(|id| json!({ "id": id })).ok_or_else(|| "no such Lead".to_owned()))
            }
            ("POST", "end_sessions") => {
                self.end_sessions();
                Reply::json(200, &json!({}))
            }
            _ => return None,
        })
    }

    fn delay_ms(&self) -> u64 {
        self.options().delay_ms
    }
}
