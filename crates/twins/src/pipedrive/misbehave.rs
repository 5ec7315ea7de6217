//! How Pipedrive misbehaves: the half of [`crate::fault`] that needs to know its bodies.

use super::checks::Refusal;
use super::{Pipedrive, limits, serve};
use crate::books::Books;
use crate::fault::{Refusing, Vendor};
use crate::log::Log;
use crate::{Reply, Request};
use serde_json::{Value, json};

impl Vendor for Pipedrive {
    fn handle(&mut self, request: &Request, now_ms: i64) -> Reply {
        Pipedrive::handle(self, request, now_ms)
    }

    fn log_mut(&mut self) -> &mut Log {
        &mut self.log
    }

    fn pretend(&mut self, request: &Request, now_ms: i64) -> Reply {
        // Ids and budgets stay spent: the vendor did the work and lost it.
        let (shelves, fields) = (self.shelves.clone(), self.fields.clone());
        let reply = Pipedrive::handle(self, request, now_ms);
        self.shelves = shelves;
        self.fields = fields;
        if let Some(entry) = self.log.last_mut() {
            entry.effects.clear();
        }
        reply
    }

    /// There are no batches of records.
    fn half(&mut self, _request: &Request, _now_ms: i64) -> Option<Reply> {
        None
    }

    fn refuse(&mut self, how: Refusing) -> Reply {
        match how {
            Refusing::Unauthorized => serve::unauthorized(),
            Refusing::Unprocessable => {
                Refusal::new(422, "ERR_UNPROCESSABLE", "The request could not be processed").reply()
            }
            Refusing::TooMany(retry_after_s) => limits::throttled(retry_after_s),
            Refusing::Server(status) => Refusal::new(status, "ERR_INTERNAL", "Something went wrong").reply(),
        }
    }

    fn stale_search(&mut self, lag_ms: i64, until_ms: i64) {
        self.stale = Some((lag_ms, until_ms));
    }

    fn control(&mut self, request: &Request, now_ms: i64) -> Option<Reply> {
        let segments = request.segments();
        let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let text = |field: &str| body[field].as_str().unwrap_or_default();
        Some(match (request.method.as_str(), segments.get(1)?.as_str()) {
            ("GET", "books") => Reply::json(200, &json!(self.entries())),
            ("POST", "seed") => {
                let customer = body["customer"].as_bool().unwrap_or(false);
                let id = self.seed_person(text("name"), text("phone"), body["email"].as_str(), customer, now_ms);
                Reply::json(200, &json!({ "id": id }))
            }
            ("POST", "type_in") => {
                let done = self.type_in(text("id"), text("field"), text("value"), now_ms);
                Reply::json(if done { 200 } else { 400 }, &json!({}))
            }
            ("POST", "remove") => Reply::json(if self.remove(text("id"), now_ms) { 200 } else { 400 }, &json!({})),
            _ => return None,
        })
    }

    fn delay_ms(&self) -> u64 {
        self.options.delay_ms
    }
}
