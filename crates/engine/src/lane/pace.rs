//! A lane's pace: the vendor's burst and daily budgets, kept from our side so that its refusals stay the exception, and the breaker.
//!
//! Requests are spread over the vendor's window instead of being fired until it is full: a bucket of [`BURST_PERCENT`] of the window's requests fills
//! at the rate that the rest allows, so no span of the window's length ever holds more than the vendor takes. The last quarter of the
//! bucket is kept for urgent effects, so that they leave at once however much waits; and so is the last part of the daily budget.

use crate::Engine;
use crate::facts::ConnectionFacts;
use jiff::{SignedDuration, Timestamp};
use ringback_connect::{Budget, Limits};
use ringback_core::crm::Outcome;
use ringback_core::id::AccountId;
use std::time::Duration;

/// So many exchanges in a row that failed for reasons of the whole lane open its breaker.
pub const BREAKER_FAILURES: u32 = 5;
/// The breaker's first pause; it doubles up to [`BREAKER_SECONDS_MAX`].
pub const BREAKER_SECONDS: i64 = 15;
/// The breaker's longest pause.
pub const BREAKER_SECONDS_MAX: i64 = 300;
/// The part of a window's requests that may leave at one moment.
pub const BURST_PERCENT: u32 = 8;
/// How long effects that are not urgent rest when only the daily reserve is left, before the budget is looked at again.
const RATIONED: SignedDuration = SignedDuration::from_mins(10);

/// What is not urgent stops when less of the vendor's window than this is left, where it limits more than requests, ...
const WORK_KEPT_PERCENT: u32 = 10;
/// ... and leaves one at a time, so far apart, until there is more again.
const WORK_REST: SignedDuration = SignedDuration::from_secs(1);

/// The part of the vendor's searches per second that is used; see [`Engine::pace`].
const SEARCH_SHARE: f64 = 0.8;

/// Tokens that fill with time.
#[derive(Debug, Clone, Default)]
struct Bucket {
    /// Thousandths of a request.
    level: i64,
    filled_at: Option<Timestamp>,
}

impl Bucket {
    /// Takes a request's token if at least `keep` thousandths stay; else says how long until that is so.
    fn take(&mut self, now: Timestamp, most: i64, per_second: i64, keep: i64) -> Option<SignedDuration> {
        let since = self.filled_at.map_or(i64::MAX / 4_000_000, |at| {
            now.duration_since(at).as_micros().clamp(0, i128::from(i64::MAX / 4_000_000)).try_into().unwrap_or(0)
        });
        self.level = self.level.saturating_add(since.saturating_mul(per_second) / 1_000_000).min(most);
        self.filled_at = Some(now);
        let lacking = 1_000 + keep - self.level;
        if lacking <= 0 {
            self.level -= 1_000;
            return None;
        }
        Some(SignedDuration::from_micros((lacking.saturating_mul(1_000_000) / per_second.max(1)).saturating_add(1_000)))
    }
    fn give_back(&mut self) {
        self.level += 1_000;
    }
}

/// What a node knows of a lane from moment to moment; nothing of it carries correctness.
#[derive(Default, Clone)]
pub(super) struct LaneState {
    pub(super) leased_until: Option<Timestamp>,
    pub(super) failures: u32,
    pauses: u32,
    pub(super) closed_until: Option<Timestamp>,
    burst: Bucket,
    searches: Bucket,
    pub(super) burst_left: Option<u32>,
    pub(super) daily_left: Option<u32>,
    /// The rest of the vendor's working time is for urgent effects until then.
    work_low_until: Option<Timestamp>,
    /// What was left of the day's budget when we last heard is older than this: the day may have turned.
    daily_heard: Option<Timestamp>,
    pub(super) reported: Option<Timestamp>,
    pub(super) last_error: Option<String>,
    /// Searches for so many people at once; halved when the vendor says that it found too many, one more when as many were answered.
    pub(super) find_most: Option<usize>,
}

/// How many people are searched for at once after as many as were asked for were found: one more than before, until the vendor's own most
/// is all that counts.
pub(super) fn one_more(most: usize, asked: usize, vendors: usize) -> Option<usize> {
    let next = if asked < most { most } else { most + 1 };
    (next < vendors).then_some(next)
}

/// May a request leave?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    Go,
    /// The window is full: not before then.
    NotBefore(Timestamp),
    /// The rest of the day's budget is for urgent effects.
    Rationed(Timestamp),
}

impl Engine {
    pub(super) fn with_lane<T>(&self, account: &AccountId, lane: &str, change: impl FnOnce(&mut LaneState) -> T) -> T {
        let key = format!("{account}/{lane}");
        match self.inner.lanes.states.lock() {
            Ok(mut lanes) => change(lanes.entry(key).or_default()),
            Err(poisoned) => change(poisoned.into_inner().entry(key).or_default()),
        }
    }

    /// Takes the token of a request.
    pub(super) fn pace(&self, account: &AccountId, held: &ConnectionFacts, search: bool, urgent: bool) -> Pace {
        let Some(published) = held.published().filter(|_| self.settings().pace) else {
            return Pace::Go;
        };
        let limits = held.connection.limits(published);
        let now = self.now();
        self.with_lane(account, held.connection.id.as_str(), |state| {
            if !urgent && let Some(until) = state.rationed(&limits, held.connection.daily_reserve_percent(), now) {
                return Pace::Rationed(until);
            }
            if !urgent && let Some(until) = state.kept_work(now) {
                return Pace::NotBefore(until);
            }
            let later = |pause: SignedDuration| Pace::NotBefore(now.checked_add(pause).unwrap_or(now));
            if limits.burst_requests > 0 && limits.burst_window_ms > 0 {
                let (most, per_second) = bucket(limits.burst_requests, limits.burst_window_ms);
                let keep = if urgent { 0 } else { kept_for_urgent(most) };
                if let Some(pause) = state.burst.take(now, most, per_second, keep) {
                    return later(pause);
                }
            }
            if search && limits.search_per_second > 0 {
                // One at a time at four fifths of the rate: never more than the vendor's figure within any second.
                let per_second = i64::from(limits.search_per_second) * 800;
                if let Some(pause) = state.searches.take(now, 1_000, per_second.max(500), 0) {
                    state.burst.give_back();
                    return later(pause);
                }
            }
            Pace::Go
        })
    }

    /// Waits until a question outside of any effect may leave; it goes after all effects.
    pub(crate) async fn await_pace(&self, held: &ConnectionFacts, search: bool) -> Result<(), String> {
        for _ in 0..64 {
            match self.pace(&held.connection.account, held, search, false) {
                Pace::Go => return Ok(()),
                Pace::Rationed(_) => return Err("the rest of the day's budget is kept for urgent work".into()),
                Pace::NotBefore(until) => {
                    let pause = until.duration_since(self.now()).unsigned_abs();
                    self.inner.parts.clock.sleep(pause.clamp(Duration::from_millis(5), Duration::from_secs(2))).await;
                }
            }
        }
        Err("the lane is busy".into())
    }

    /// Notes what the vendor said is left.
    pub(crate) fn heard(&self, account: &AccountId, lane: &str, budget: Option<Budget>) {
        let Some(budget) = budget else { return };
        let now = self.now();
        self.with_lane(account, lane, |state| {
            state.burst_left = budget.burst_left.or(state.burst_left);
            if let Some(percent) = budget.work_left_percent {
                state.work_left(percent, now);
            }
            if budget.daily_left.is_some() {
                state.daily_left = budget.daily_left;
                state.daily_heard = Some(now);
            }
        });
    }

    /// Tells the breaker how an exchange went: failures of the whole lane count, a vendor's clear answer does not.
    pub(super) fn breaker(&self, account: &AccountId, lane: &str, outcome: &Outcome) {
        let now = self.now();
        let failed = match outcome {
            Outcome::Retry { why, .. } => {
                let answered = matches!(why.class.as_str(), "rate_limited" | "not_acknowledged" | "locked");
                !answered && !ringback_connect::asks_for_fewer(outcome)
            }
            Outcome::Unknown { .. } | Outcome::AuthExpired { .. } => true,
            _ => false,
        };
        let pause = match outcome {
            Outcome::Retry { after, why } if why.class == "rate_limited" => {
                Some(after.unwrap_or(Duration::from_secs(10)))
            }
            _ => None,
        };
        self.with_lane(account, lane, |state| {
            if let Outcome::Exhausted { until, why } = outcome {
                state.daily_left = Some(0);
                state.daily_heard = Some(now);
                state.closed_until = state.closed_until.max(Some(*until));
                state.last_error = Some(why.words.clone());
                return;
            }
            if let Some(until) =
                pause.and_then(|p| SignedDuration::try_from(p).ok()).and_then(|p| now.checked_add(p).ok())
            {
                state.closed_until = state.closed_until.max(Some(until));
                return;
            }
            if !failed {
                state.failures = 0;
                state.pauses = 0;
                state.closed_until = None;
                return;
            }
            state.failures += 1;
            state.last_error = Some(ringback_core::ensure::words(outcome));
            if state.failures >= BREAKER_FAILURES {
                let seconds = (BREAKER_SECONDS << state.pauses.min(8)).min(BREAKER_SECONDS_MAX);
                state.pauses += 1;
                state.closed_until = now.checked_add(SignedDuration::from_secs(seconds)).ok();
            }
        });
    }
}

/// What is known of a lane's budget and breaker at this moment on this node.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LaneSeen {
    pub(crate) closed_until: Option<Timestamp>,
    pub(crate) daily_left: Option<u32>,
}

impl Engine {
    pub(crate) fn lane_seen(&self, account: &AccountId, lane: &str) -> LaneSeen {
        self.with_lane(account, lane, |s| LaneSeen { closed_until: s.closed_until, daily_left: s.daily_left })
    }
}

/// Requests a second that the pace lets through for long; `None` where the vendor publishes no limit.
pub(crate) fn steady_per_second(limits: &Limits) -> Option<f64> {
    (limits.burst_requests > 0 && limits.burst_window_ms > 0)
        .then(|| bucket(limits.burst_requests, limits.burst_window_ms).1 as f64 / 1_000.0)
}

/// Searches a second that the pace lets through for long.
pub(crate) fn searches_per_second(limits: &Limits) -> Option<f64> {
    (limits.search_per_second > 0).then(|| f64::from(limits.search_per_second) * SEARCH_SHARE)
}

/// The bucket's size and rate in thousandths: together they never exceed the window's requests within any window.
fn bucket(requests: u32, window_ms: u32) -> (i64, i64) {
    let burst = (requests * BURST_PERCENT / 100).max(1);
    let rest = i64::from((requests - burst.min(requests)).max(1));
    (i64::from(burst) * 1_000, rest * 1_000_000 / i64::from(window_ms.max(1)))
}

/// The part of a bucket that only urgent effects may take. A bucket too small to be parted keeps nothing back.
fn kept_for_urgent(most: i64) -> i64 {
    if most >= 4_000 { most / 4 } else { 0 }
}

impl LaneState {
    /// Until when a request that is not urgent waits for the vendor's working time. One that may leave makes the next one wait.
    fn kept_work(&mut self, now: Timestamp) -> Option<Timestamp> {
        let until = self.work_low_until?;
        if until > now {
            return Some(until);
        }
        self.work_low_until = now.checked_add(WORK_REST).ok();
        None
    }

    /// The vendor said how much of its working time is left.
    fn work_left(&mut self, percent: u32, now: Timestamp) {
        self.work_low_until = (percent < WORK_KEPT_PERCENT).then(|| now.checked_add(WORK_REST).unwrap_or(now));
    }

    fn rationed(&self, limits: &Limits, percent: u32, now: Timestamp) -> Option<Timestamp> {
        let reserve = u64::from(limits.daily_requests) * u64::from(percent) / 100;
        let left = u64::from(self.daily_left?);
        // Heard an hour ago: the vendor's window has moved on; one request finds out.
        let fresh = self.daily_heard.is_some_and(|at| now.duration_since(at) < RATIONED);
        (fresh && reserve > 0 && left <= reserve).then(|| now.checked_add(RATIONED).unwrap_or(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However often somebody asks, no window of the vendor's ever holds more than it takes; and what is allowed is nearly used.
    #[test]
    fn the_pace_keeps_the_vendors_window_and_uses_it() {
        for (requests, window_ms) in
            [(100, 10_000), (190, 10_000), (20, 2_000), (6_000, 300_000), (10, 1_000), (1, 1_000)]
        {
            let (most, per_second) = bucket(requests, window_ms);
            let start = Timestamp::from_second(1_772_550_000).unwrap();
            let (mut bucket, mut sent) = (Bucket::default(), Vec::new());
            let span_ms = i64::from(window_ms) * 5;
            for ms in 0..span_ms {
                let now = start.checked_add(SignedDuration::from_millis(ms)).unwrap();
                while bucket.take(now, most, per_second, kept_for_urgent(most)).is_none() {
                    sent.push(ms);
                }
            }
            for (n, at) in sent.iter().enumerate() {
                let within = sent[n..].iter().take_while(|t| **t < at + i64::from(window_ms)).count();
                assert!(within <= requests as usize, "{within} within a window of {requests}");
            }
            assert!(sent.len() as i64 * 10 >= i64::from(requests) * 5 * 8, "{} of {}", sent.len(), requests * 5);
        }
    }

    #[test]
    fn a_search_that_was_cut_grows_again() {
        let (mut most, mut requests) = (Some(1), 0);
        while let Some(now) = most {
            assert_eq!(one_more(now, now - 1, 20), most, "fewer than that prove nothing");
            most = one_more(now, now, 20);
            requests += 1;
        }
        assert_eq!(requests, 19);
    }

    #[test]
    fn what_is_left_of_the_vendors_working_time_is_kept_and_asked_for_again() {
        let now = Timestamp::from_second(1_772_550_000).unwrap();
        let mut state = LaneState::default();
        state.work_left(WORK_KEPT_PERCENT - 1, now);
        assert_eq!(state.kept_work(now), Some(now + WORK_REST));
        assert_eq!(state.kept_work(now + WORK_REST), None, "one leaves");
        assert_eq!(state.kept_work(now + WORK_REST), Some(now + WORK_REST * 2), "the next one waits");
        state.work_left(WORK_KEPT_PERCENT, now);
        assert_eq!(state.kept_work(now), None);
    }

    #[test]
    fn urgent_effects_find_a_token_when_the_others_have_none() {
        let (most, per_second) = bucket(100, 10_000);
        let now = Timestamp::from_second(1_772_550_000).unwrap();
        let mut bucket = Bucket::default();
        while bucket.take(now, most, per_second, most / 4).is_none() {}
        assert!(bucket.take(now, most, per_second, most / 4).is_some());
        assert_eq!(bucket.take(now, most, per_second, 0), None);
    }
}
