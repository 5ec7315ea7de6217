//! Rate limits. Source: usage guidelines page (burst per private app over ten rolling seconds, daily per account reset at
//! midnight in the account's zone, search per account per second, search replies without rate-limit headers).

use super::refusals::{Policy, Refusal, throttled};
use crate::Reply;
use crate::civil::DAY_MS;
use std::collections::{BTreeMap, VecDeque};

/// The limits of one account; `None` switches a limit off.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests per token in ten rolling seconds.
    pub burst_max: Option<u32>,
    /// Search requests per account in one rolling second.
    pub search_per_second_max: Option<u32>,
    /// Requests per account and day.
    pub daily_max: Option<u32>,
    /// The account's offset from UTC in minutes: its midnight ends the day.
    pub utc_offset_minutes: i32,
    /// Whether 429 carries `Retry-After`; the real service does so only sometimes.
    pub retry_after: bool,
}

impl Default for Limits {
    fn default() -> Self {
        // Professional: 190 per ten seconds, 650,000 per day ("Increasing our API limits").
        Self {
            burst_max: Some(190),
            search_per_second_max: Some(5),
            daily_max: Some(650_000),
            utc_offset_minutes: 0,
            retry_after: false,
        }
    }
}

const BURST_WINDOW_MS: i64 = 10_000;
const SEARCH_WINDOW_MS: i64 = 1_000;

/// What was used up so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Used {
    burst: BTreeMap<String, VecDeque<i64>>,
    search: VecDeque<i64>,
    day: i64,
    daily: u32,
}

impl Used {
    /// Counts one request or refuses it. Refused requests do not count.
    pub(crate) fn take(&mut self, limits: &Limits, token: &str, search: bool, now_ms: i64) -> Result<(), Refusal> {
        let wait = |seconds| limits.retry_after.then_some(seconds);
        let day = (now_ms + i64::from(limits.utc_offset_minutes) * 60_000).div_euclid(DAY_MS);
        if day != self.day {
            self.day = day;
            self.daily = 0;
        }
        if limits.daily_max.is_some_and(|max| self.daily >= max) {
            return Err(throttled(Policy::Daily, None));
        }
        if search && let Some(max) = limits.search_per_second_max {
            forget(&mut self.search, now_ms - SEARCH_WINDOW_MS);
            if self.search.len() >= max as usize {
                return Err(throttled(Policy::Secondly, wait(1)));
            }
        }
        if let Some(max) = limits.burst_max {
            if !self.burst.contains_key(token) {
                self.burst.insert(token.to_owned(), VecDeque::new());
            }
            if let Some(burst) = self.burst.get_mut(token) {
                forget(burst, now_ms - BURST_WINDOW_MS);
                if burst.len() >= max as usize {
                    return Err(throttled(Policy::TenSecondlyRolling, wait(10)));
                }
                burst.push_back(now_ms);
            }
        }
        if search && limits.search_per_second_max.is_some() {
            self.search.push_back(now_ms);
        }
        self.daily += 1;
        Ok(())
    }

    /// Adds the headers every reply but a search carries.
    pub(crate) fn stamp(&self, limits: &Limits, token: &str, mut reply: Reply) -> Reply {
        if let Some(max) = limits.daily_max {
            reply = reply
                .with_header("X-HubSpot-RateLimit-Daily", max)
                .with_header("X-HubSpot-RateLimit-Daily-Remaining", max.saturating_sub(self.daily));
        }
        if let Some(max) = limits.burst_max {
            let used = self.burst.get(token).map_or(0, VecDeque::len) as u32;
            reply = reply
                .with_header("X-HubSpot-RateLimit-Interval-Milliseconds", BURST_WINDOW_MS)
                .with_header("X-HubSpot-RateLimit-Max", max)
                .with_header("X-HubSpot-RateLimit-Remaining", max.saturating_sub(used));
        }
        reply
    }
}

/// Drops what lies at or before `edge_ms`.
fn forget(window: &mut VecDeque<i64>, edge_ms: i64) {
    while window.front().is_some_and(|at| *at <= edge_ms) {
        window.pop_front();
    }
}
