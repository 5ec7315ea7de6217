//! Rate limits. Source: <https://pipedrive.readme.io/docs/core-api-concepts-rate-limiting>: per token and two rolling seconds, search ten of
//! them, a token budget per account and day (UTC), `x-ratelimit-*` on every answer, 429 on either, and a page with 403 for who goes on.
//! The header `x-daily-ratelimit-token-remaining` is what public clients report; the page names `x-daily-requests-left`.

use crate::Reply;
use crate::civil::DAY_MS;
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};

/// The limits of one account; `None` switches a limit off.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests per token in two rolling seconds.
    pub burst_max: Option<u32>,
    /// Searches per token in two rolling seconds.
    pub search_max: Option<u32>,
    /// Tokens per day.
    pub daily_tokens: Option<u32>,
    /// After so many refusals within a minute the client is blocked.
    pub refusals_max: Option<u32>,
    /// How long a blocked client stays so, ms. Undocumented.
    pub blocked_ms: i64,
}

impl Default for Limits {
    fn default() -> Self {
        // The smallest plan with one seat, API token.
        Self {
            burst_max: Some(20),
            search_max: Some(10),
            daily_tokens: Some(30_000),
            refusals_max: Some(100),
            blocked_ms: 300_000,
        }
    }
}

impl Limits {
    /// None at all.
    pub fn none() -> Self {
        Self { burst_max: None, search_max: None, daily_tokens: None, refusals_max: None, blocked_ms: 0 }
    }
}

const WINDOW_MS: i64 = 2_000;

/// What was used up so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Used {
    burst: BTreeMap<String, VecDeque<i64>>,
    search: BTreeMap<String, VecDeque<i64>>,
    refusals: VecDeque<i64>,
    blocked_until: i64,
    day: i64,
    tokens: u32,
}

/// What a request costs (the page's table; v1 twice as much).
pub(crate) fn cost(method: &str, segments: &[&str]) -> u32 {
    let (old, rest) = match segments {
        ["api", "v2", rest @ ..] => (false, rest),
        ["api", "v1", rest @ ..] | ["v1", rest @ ..] => (true, rest),
        _ => (false, segments),
    };
    let search = rest.first() == Some(&"itemSearch") || rest.last() == Some(&"search");
    let of = match (method, rest.len()) {
        ("GET", _) if search => 20,
        ("GET", 2) => 1,
        ("GET", _) => 10,
        ("DELETE", _) => 3,
        _ => 5,
    };
    if old { of * 2 } else { of }
}

pub(crate) fn is_search(segments: &[&str]) -> bool {
    segments.contains(&"itemSearch") || segments.last() == Some(&"search")
}

fn forget(window: &mut VecDeque<i64>, edge_ms: i64) {
    while window.front().is_some_and(|at| *at <= edge_ms) {
        window.pop_front();
    }
}

impl Used {
    /// Counts a request, or gives the refusal.
    pub(crate) fn take(&mut self, limits: &Limits, token: &str, cost: u32, search: bool, now_ms: i64) -> Option<Reply> {
        if now_ms < self.blocked_until {
            return Some(blocked());
        }
        let day = now_ms.div_euclid(DAY_MS);
        if day != self.day {
            self.day = day;
            self.tokens = 0;
        }
        let burst = self.burst.entry(token.to_owned()).or_default();
        forget(burst, now_ms - WINDOW_MS);
        let searches = self.search.entry(token.to_owned()).or_default();
        forget(searches, now_ms - WINDOW_MS);
        let full = |window: &VecDeque<i64>, max: Option<u32>| max.is_some_and(|max| window.len() >= max as usize);
        let over = full(burst, limits.burst_max) || (search && full(searches, limits.search_max));
        let spent = limits.daily_tokens.is_some_and(|max| self.tokens.saturating_add(cost) > max);
        if over || spent {
            self.refusals.push_back(now_ms);
            forget(&mut self.refusals, now_ms - 60_000);
            if limits.refusals_max.is_some_and(|max| self.refusals.len() > max as usize) {
                self.blocked_until = now_ms + limits.blocked_ms;
                return Some(blocked());
            }
            return Some(if spent { self.exhausted(limits) } else { self.stamp(limits, token, throttled(Some(2))) });
        }
        burst.push_back(now_ms);
        if search {
            searches.push_back(now_ms);
        }
        self.tokens += cost;
        None
    }

    fn exhausted(&self, limits: &Limits) -> Reply {
        throttled(None)
            .with_header("x-daily-ratelimit-token-limit", limits.daily_tokens.unwrap_or_default())
            .with_header("x-daily-ratelimit-token-remaining", 0)
    }

    /// Adds the headers of every answer.
    pub(crate) fn stamp(&self, limits: &Limits, token: &str, mut reply: Reply) -> Reply {
        if let Some(max) = limits.burst_max {
            let used = self.burst.get(token).map_or(0, VecDeque::len) as u32;
            reply = reply
                .with_header("x-ratelimit-limit", max)
                .with_header("x-ratelimit-remaining", max.saturating_sub(used))
                .with_header("x-ratelimit-reset", 2);
        }
        if let Some(max) = limits.daily_tokens {
            reply = reply
                .with_header("x-daily-ratelimit-token-limit", max)
                .with_header("x-daily-ratelimit-token-remaining", max.saturating_sub(self.tokens));
        }
        reply
    }
}

/// 429. The body is undocumented; this one is of the form of all v1 errors.
pub(crate) fn throttled(retry_after_s: Option<u32>) -> Reply {
    let body = json!({ "success": false, "error": "request over limit", "errorCode": 429 });
    let reply = Reply::json(429, &body);
    match retry_after_s {
        Some(seconds) => reply.with_header("Retry-After", seconds),
        None => reply,
    }
}

fn blocked() -> Reply {
    let page = "<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head><body>Sorry, you have been blocked</body></html>";
    let headers = vec![("Content-Type".to_owned(), "text/html; charset=UTF-8".to_owned())];
    Reply { status: 403, headers, body: page.into() }
}
