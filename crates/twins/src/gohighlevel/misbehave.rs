//! How HighLevel misbehaves: the half of [`crate::fault`] that needs to know its bodies.

use super::GoHighLevel;
use super::refusals::Refusal;
use crate::books::Books;
use crate::fault::{Refusing, Vendor};
use crate::log::Log;
use crate::{Reply, Request};
use serde_json::{Value, json};

impl Vendor for GoHighLevel {
    fn handle(&mut self, request: &Request, now_ms: i64) -> Reply {
        GoHighLevel::handle(self, request, now_ms)
    }

    fn log_mut(&mut self) -> &mut Log {
        GoHighLevel::log_mut(self)
    }

    fn pretend(&mut self, request: &Request, now_ms: i64) -> Reply {
        // Ids and budgets stay spent: the vendor did the work and lost it.
        let store = self.store.clone();
        let reply = GoHighLevel::handle(self, request, now_ms);
        self.store = store;
        if let Some(entry) = self.log.last_mut() {
            entry.effects.clear();
        }
        reply
    }

    /// There are no batches.
    fn half(&mut self, _request: &Request, _now_ms: i64) -> Option<Reply> {
        None
    }

    fn refuse(&mut self, how: Refusing) -> Reply {
        let refusal = match how {
            Refusing::Unauthorized => Refusal::no_token(),
            Refusing::Unprocessable => Refusal::invalid(&["The request could not be processed".to_owned()]),
            Refusing::TooMany(retry_after_s) => Refusal::too_many(retry_after_s),
            Refusing::Server(status) => Refusal::new(status, "Internal server error"),
        };
        refusal.into_reply()
    }

    fn stale_search(&mut self, lag_ms: i64, until_ms: i64) {
        self.stale = Some((lag_ms, until_ms));
    }

    fn control(&mut self, request: &Request, now_ms: i64) -> Option<Reply> {
        let segments = request.segments();
        let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let text = |field: &str| body[field].as_str().unwrap_or_default();
        let told = |done: bool| {
            if done { Reply::json(200, &json!({})) } else { Reply::json(400, &json!({ "error": "no such record" })) }
        };
        Some(match (request.method.as_str(), segments.get(1)?.as_str()) {
            ("GET", "books") => Reply::json(200, &json!(self.entries())),
            ("GET", "settings") => Reply::json(200, &json!(self.settings())),
            ("POST", "seed") => {
                let email = body["email"].as_str();
                let customer = body["customer"].as_bool().unwrap_or(false);
                let id = self.seed_person(text("name"), text("phone"), email, customer, now_ms);
                Reply::json(200, &json!({ "id": id }))
            }
            ("POST", "type_in") => told(self.type_in(text("id"), text("field"), text("value"), now_ms)),
            ("POST", "remove") => told(self.remove(text("id"), now_ms)),
            _ => return None,
        })
    }

    fn delay_ms(&self) -> u64 {
        self.options.delay_ms
    }
}
