//! Service protection limits (page "Service protection API limits"): per user and web server, over a sliding window of 300 seconds.

use super::refusals::Refusal;
use std::collections::VecDeque;

pub(crate) const WINDOW_MS: i64 = 300_000;

/// The limits; `None` switches one off.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests in the window; a batch is one.
    pub requests_max: Option<u32>,
    /// Execution time in the window, ms.
    pub execution_ms_max: Option<u64>,
    /// What one operation costs of it, ms.
    pub execution_ms_each: u64,
    /// Requests under way at once, and how many others there are now.
    pub concurrent_max: Option<u32>,
    /// Requests of others under way.
    pub concurrent_now: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_max: Some(6_000),
            execution_ms_max: Some(1_200_000),
            execution_ms_each: 40,
            concurrent_max: Some(52),
            concurrent_now: 0,
        }
    }
}

/// What was used up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Used {
    requests: VecDeque<(i64, u64)>,
    execution_ms: u64,
    /// Since the environment was made, ms.
    pub(crate) worked_ms: u64,
    /// "If the application continues to send such demanding requests, the duration will be extended."
    again: u32,
    /// Nothing is taken before then.
    until_ms: i64,
    code: &'static str,
}

impl Used {
    /// Counts a request of so many operations, or refuses it.
    pub(crate) fn take(&mut self, limits: &Limits, operations: usize, now_ms: i64) -> Result<(), Refusal> {
        while let Some((at, cost)) = self.requests.front().copied() {
            if at > now_ms - WINDOW_MS {
                break;
            }
            self.requests.pop_front();
            self.execution_ms = self.execution_ms.saturating_sub(cost);
        }
        if now_ms < self.until_ms {
            // Not heeded: it takes longer.
            self.again = self.again.saturating_add(1);
            self.until_ms += 2_000;
            return Err(refusal(self.code, self.until_ms - now_ms));
        }
        if limits.concurrent_max.is_some_and(|max| limits.concurrent_now >= max) {
            return Err(refusal("0x80072326", 2_000));
        }
        let over = if limits.requests_max.is_some_and(|max| self.requests.len() >= max as usize) {
            Some("0x80072322")
        } else if limits.execution_ms_max.is_some_and(|max| self.execution_ms >= max) {
            Some("0x80072321")
        } else {
            None
        };
        if let Some(code) = over {
            let oldest = self.requests.front().map_or(now_ms, |(at, _)| *at);
            self.until_ms = (oldest + WINDOW_MS).max(now_ms + 1_000);
            self.code = code;
            return Err(refusal(code, self.until_ms - now_ms));
        }
        self.again = 0;
        let cost = limits.execution_ms_each * operations as u64;
        self.requests.push_back((now_ms, cost));
        self.execution_ms += cost;
        self.worked_ms += cost;
        Ok(())
    }

    /// Execution time left in the window, as the header writes it: seconds with two decimals and commas between thousands.
    pub(crate) fn time_left(&self, limits: &Limits) -> Option<String> {
        let left = limits.execution_ms_max?.saturating_sub(self.execution_ms) / 10;
        let (seconds, rest) = (left / 100, left % 100);
        let thousands =
            if seconds >= 1_000 { format!("{},{:03}", seconds / 1_000, seconds % 1_000) } else { seconds.to_string() };
        Some(format!("{thousands}.{rest:02}"))
    }

    pub(crate) fn left(&self, limits: &Limits) -> Option<u32> {
        limits.requests_max.map(|max| max.saturating_sub(self.requests.len() as u32))
    }
}

pub(crate) fn refusal(code: &'static str, wait_ms: i64) -> Refusal {
    let words = match code {
        "0x80072322" => "Number of requests exceeded the limit of 6000 over time window of 300 seconds.",
        "0x80072321" => {
            "Combined execution time of incoming requests exceeded limit of 1,200,000 milliseconds over time window of 300 seconds. Decrease number of concurrent requests or reduce the duration of requests and try again later."
        }
        _ => "Number of concurrent requests exceeded the limit of 52.",
    };
    let mut refusal = Refusal::new(429, code, words);
    refusal.retry_after_s = Some(u32::try_from((wait_ms + 999) / 1_000).unwrap_or(1).max(1));
    refusal
}
