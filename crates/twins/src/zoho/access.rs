//! Who may ask, and how much: tokens, credits, calls at once.

use super::refusals::{Refusal, invalid_token, too_many};
use super::{Call, Zoho};
use crate::{Reply, Request};
use serde_json::Value;

const DAY_MS: i64 = 86_400_000;

/// What a request costs ("api-limits.html": one per ten records written, a conversion five, ids of deleted records two, everything
/// else one; that a composite request costs the sum of its parts is undocumented and the harder case).
pub(crate) fn cost(call: &Call<'_>) -> u32 {
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    let of = |method: &str, rest: &[&str], body: &Value| match (method, rest) {
        ("POST", [.., "convert"]) => 5,
        ("GET", [_, "deleted"]) => 2,
        ("POST" | "PUT", [name, ..]) if !matches!(*name, "coql" | "settings" | "__composite_requests") => {
            let records = body.get("data").and_then(Value::as_array).map_or(1, Vec::len);
            records.div_ceil(10).max(1) as u32
        }
        _ => 1,
    };
    match segments.as_slice() {
        ["crm", "v8", "__composite_requests"] => {
            let parts = call.body.get("__composite_requests").and_then(Value::as_array).map_or(1, Vec::len);
            parts.max(1) as u32
        }
        ["crm", "v8", rest @ ..] => of(call.method, rest, &call.body),
        _ => 1,
    }
}

impl Zoho {
    pub(crate) fn admit(&mut self, request: &Request, now_ms: i64) -> Result<(), Refusal> {
        let given = request.get_header("authorization").and_then(|v| v.strip_prefix("Zoho-oauthtoken "));
        self.issued.retain(|(at, _)| now_ms - at < self.options.token_lives_ms);
        let known =
            |token: &str| self.options.tokens.iter().any(|t| t == token) || self.issued.iter().any(|(_, t)| t == token);
        if !given.is_some_and(known) {
            return Err(invalid_token());
        }
        self.running.retain(|at| now_ms - at < self.options.busy_ms);
        if self.options.concurrency_max.is_some_and(|max| self.running.len() >= max) {
            return Err(too_many("The number of concurrent calls has exceeded the limit"));
        }
        if self.options.busy_ms > 0 {
            self.running.push_back(now_ms);
        }
        Ok(())
    }

    /// Takes credits out of the last 24 hours.
    pub(crate) fn spend(&mut self, cost: u32, now_ms: i64) -> Result<(), Refusal> {
        self.spent.retain(|(at, _)| now_ms - at < DAY_MS);
        if self.options.credits_max.is_some_and(|max| self.used().saturating_add(cost) > max) {
            return Err(too_many("The API credits of the last 24 hours are used up"));
        }
        self.spent.push_back((now_ms, cost));
        Ok(())
    }

    fn used(&self) -> u32 {
        self.spent.iter().map(|(_, cost)| cost).sum()
    }

    /// "X-API-CREDITS-REMAINING is sent when at least half is used".
    pub(crate) fn stamp(&self, reply: Reply) -> Reply {
        match self.options.credits_max {
            Some(max) if self.used().saturating_mul(2) >= max => {
                reply.with_header("X-API-CREDITS-REMAINING", max.saturating_sub(self.used()))
            }
            _ => reply,
        }
    }
}
