//! How HubSpot misbehaves: the half of [`crate::fault`] that needs to know its bodies.

use super::refusals::{Policy, Refusal, expired, throttled};
use super::{HubSpot, ObjectType};
use crate::books::Books as _;
use crate::fault::{Refusing, Vendor};
use crate::log::Log;
use crate::{Reply, Request};
use serde_json::{Value, json};

impl Vendor for HubSpot {
    fn handle(&mut self, request: &Request, now_ms: i64) -> Reply {
        HubSpot::handle(self, request, now_ms)
    }

    fn log_mut(&mut self) -> &mut Log {
        HubSpot::log_mut(self)
    }

    fn pretend(&mut self, request: &Request, now_ms: i64) -> Reply {
        // Ids and budgets stay spent: the vendor did the work and lost it.
        let tables = self.tables.clone();
        let reply = HubSpot::handle(self, request, now_ms);
        self.tables = tables;
        if let Some(entry) = self.log.last_mut() {
            entry.effects.clear();
        }
        reply
    }

    fn half(&mut self, request: &Request, now_ms: i64) -> Option<Reply> {
        if !request.path.contains("/batch/") {
            return None;
        }
        let mut body: Value = serde_json::from_slice(&request.body).ok()?;
        let inputs = body.get_mut("inputs")?.as_array_mut()?;
        let rest = inputs.split_off(inputs.len() / 2);
        let half = Request { body: body.to_string().into_bytes(), ..request.clone() };
        let mut reply = HubSpot::handle(self, &half, now_ms);
        let mut out = reply.value();
        if reply.status < 300 && out.is_object() {
            let errors: Vec<Value> = rest
                .iter()
                .map(|input| {
                    let refusal = Refusal::new(500, "INTERNAL_ERROR", "There was a problem with this input.");
                    let refusal = match (input["id"].as_str(), input["from"]["id"].as_str(), input["to"]["id"].as_str())
                    {
                        (Some(id), ..) => refusal.context("ids", &[id]),
                        (_, Some(from), Some(to)) => {
                            refusal.context("fromObjectId", &[from]).context("toObjectId", &[to])
                        }
                        _ => refusal,
                    };
                    refusal.into_entry(input["objectWriteTraceId"].as_str())
                })
                .collect();
            out["numErrors"] = json!(errors.len());
            out["errors"] = Value::Array(errors);
            reply.status = 207;
            reply.body = out.to_string().into_bytes();
        }
        Some(reply)
    }

    fn refuse(&mut self, how: Refusing) -> Reply {
        self.correlation += 1;
        let refusal = match how {
            Refusing::Unauthorized => expired(5),
            Refusing::Unprocessable => Refusal::new(422, "VALIDATION_ERROR", "The request could not be processed."),
            Refusing::TooMany(retry_after_s) => throttled(Policy::TenSecondlyRolling, retry_after_s),
            Refusing::Server(status) => Refusal::new(status, "INTERNAL_ERROR", "internal error"),
        };
        refusal.into_reply(&self.correlation_id())
    }

    fn stale_search(&mut self, lag_ms: i64, until_ms: i64) {
        HubSpot::stale_search(self, lag_ms, until_ms);
    }

    fn control(&mut self, request: &Request, now_ms: i64) -> Option<Reply> {
        let segments = request.segments();
        let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let text = |field: &str| body[field].as_str().unwrap_or_default();
        let told = |outcome: Result<Value, String>| match outcome {
            Ok(value) => Reply::json(200, &value),
            Err(why) => Reply::json(400, &json!({ "error": why })),
        };
        let kind = |name: &str| ObjectType::from_path(name).ok_or_else(|| format!("no such type: {name}"));
        Some(match (request.method.as_str(), segments.get(1)?.as_str()) {
            ("GET", "books") => Reply::json(200, &json!(self.entries())),
            ("GET", "records") => {
                let query = request.query();
                let name = query.iter().find(|(name, _)| name == "type").map_or("", |(_, value)| value.as_str());
                told(kind(name).map(|kind| json!({ "records": self.records(kind) })))
            }
            ("POST", "seed") => {
                let given = body["properties"].as_object().cloned().unwrap_or_default();
                let pairs: Vec<(&str, &str)> =
                    given.iter().filter_map(|(n, v)| Some((n.as_str(), v.as_str()?))).collect();
                told(kind(text("type")).and_then(|kind| self.seed(kind, &pairs, now_ms)).map(|id| json!({ "id": id })))
            }
            ("POST", "human_set") => {
                let user = body["user_id"].as_u64().unwrap_or(700_001);
                let done = kind(text("type"))
                    .and_then(|kind| self.human_set(kind, text("id"), text("property"), text("value"), user, now_ms));
                told(done.map(|()| json!({})))
            }
            _ => return None,
        })
    }

    fn delay_ms(&self) -> u64 {
        self.options().delay_ms
    }
}
