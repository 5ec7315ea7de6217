//! Rate limits: "100 API requests per 10 seconds" and "200,000 API requests per day", per app and per location, and the five headers that
//! tell what is left.

use super::refusals::Refusal;
use crate::Reply;
use crate::civil::DAY_MS;
use std::collections::{BTreeMap, VecDeque};

/// The limits of one sub-account; `None` switches a limit off.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests in [`Limits::burst_window_ms`].
    pub burst_max: Option<u32>,
    /// The burst window, ms.
    pub burst_window_ms: i64,
    /// Requests in a day (of UTC; which day the vendor means is undocumented).
    pub daily_max: Option<u32>,
    /// Whether 429 carries `Retry-After`.
    pub retry_after: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { burst_max: Some(100), burst_window_ms: 10_000, daily_max: Some(200_000), retry_after: false }
    }
}

#[derive(Debug, Clone, Default)]
struct Bucket {
    burst: VecDeque<i64>,
    day: i64,
    daily: u32,
}

/// What was used up so far, per sub-account.
#[derive(Debug, Clone, Default)]
pub(crate) struct Used(BTreeMap<String, Bucket>);

impl Used {
    /// Counts one request or refuses it. Refused requests do not count.
    pub(crate) fn take(&mut self, limits: &Limits, resource: &str, now_ms: i64) -> Result<(), Refusal> {
        let bucket = self.0.entry(resource.to_owned()).or_default();
        let day = now_ms.div_euclid(DAY_MS);
        if day != bucket.day {
            bucket.day = day;
            bucket.daily = 0;
        }
        if limits.daily_max.is_some_and(|max| bucket.daily >= max) {
            return Err(Refusal::too_many(None));
        }
        while bucket.burst.front().is_some_and(|at| *at <= now_ms - limits.burst_window_ms) {
            bucket.burst.pop_front();
        }
        if let Some(max) = limits.burst_max {
            if bucket.burst.len() >= max as usize {
                return Err(Refusal::too_many(limits.retry_after.then_some(10)));
            }
            bucket.burst.push_back(now_ms);
        }
        bucket.daily += 1;
        Ok(())
    }

    /// Adds the headers.
    pub(crate) fn stamp(&self, limits: &Limits, resource: &str, mut reply: Reply) -> Reply {
        let Some(bucket) = self.0.get(resource) else { return reply };
        if let Some(max) = limits.daily_max {
            reply = reply
                .with_header("X-RateLimit-Limit-Daily", max)
                .with_header("X-RateLimit-Daily-Remaining", max.saturating_sub(bucket.daily));
        }
        if let Some(max) = limits.burst_max {
            reply = reply
                .with_header("X-RateLimit-Interval-Milliseconds", limits.burst_window_ms)
                .with_header("X-RateLimit-Max", max)
                .with_header("X-RateLimit-Remaining", max.saturating_sub(bucket.burst.len() as u32));
        }
        reply
    }
}
