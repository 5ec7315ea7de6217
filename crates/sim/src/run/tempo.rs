//! How fast a world is played for people who watch: slowly where something happens, quickly where nothing does, and at real speed afterwards.

use crate::world::World;
use ringback_twins::fault::When;

/// A thing that happens is seen from so long before it until so long after it.
const BEFORE_MS: i64 = 30_000;
const AFTER_MS: i64 = 90_000;
/// The pace around what happens, and in between; both before the whole is stretched to its length.
const SLOW: i64 = 20;
const QUICK: i64 = 400;
/// A stretch without anything takes no longer than that, before stretching.
const GAP_MS_MAX: i64 = 3_500;
/// What a whole world takes at speed 1.
const WHOLE_MS: i64 = 165_000;

/// Straight pieces from real time to the world's; real speed before the first and after the last of their ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tempo {
    /// Real milliseconds from the beginning, and the world's milliseconds since the epoch; both rise.
    ends: Vec<(i64, i64)>,
}

impl Tempo {
    /// The pace of a world that is watched until that moment; `speed` times as fast as usual.
    pub fn new(world: &World, end_ms: i64, speed: u32) -> Self {
        let mut happens: Vec<i64> = world.deliveries.iter().map(|d| d.due_ms).collect();
        for rule in world.accounts.iter().flat_map(|a| &a.crm_faults.rules) {
            if let When::Between { from_ms, to_ms } = rule.when {
                happens.extend([from_ms, to_ms]);
            }
        }
        happens.sort_unstable();
        // Ends of stretches, each with the real time it takes before stretching.
        let mut stretches: Vec<(i64, i64)> = Vec::new();
        let mut at = world.start_ms;
        for ms in happens {
            let (from, to) = ((ms - BEFORE_MS).min(end_ms), (ms + AFTER_MS).min(end_ms));
            if from > at {
                stretches.push((from, gap(from - at)));
                at = from;
            }
            if to > at {
                stretches.push((to, (to - at) / SLOW));
                at = to;
            }
        }
        if end_ms > at {
            stretches.push((end_ms, gap(end_ms - at)));
        }
        let all: i64 = stretches.iter().map(|(_, real)| real).sum::<i64>().max(1);
        let whole = WHOLE_MS / i64::from(speed.max(1));
        let mut ends = vec![(0, world.start_ms)];
        let mut sum = 0;
        for (to, real) in stretches {
            sum += real;
            ends.push((sum * whole / all, to));
        }
        Self { ends }
    }

    /// The world's moment after so much real time.
    pub fn world_ms(&self, real_ms: i64) -> i64 {
        along(&self.ends, real_ms, |(real, _)| real, |(_, world)| world)
    }

    /// After how much real time the world's moment has come.
    pub fn real_ms(&self, world_ms: i64) -> i64 {
        along(&self.ends, world_ms, |(_, world)| world, |(real, _)| real)
    }

    /// Does time still run faster than people's?
    pub fn runs(&self, real_ms: i64) -> bool {
        self.ends.last().is_some_and(|(last, _)| real_ms < *last)
    }
}

fn gap(ms: i64) -> i64 {
    (ms / QUICK).min(GAP_MS_MAX)
}

type End = (i64, i64);

/// The other coordinate of the point at `x`.
fn along(ends: &[End], x: i64, of: fn(End) -> i64, other: fn(End) -> i64) -> i64 {
    let after = ends.partition_point(|end| of(*end) <= x);
    let before = ends.get(after.saturating_sub(1)).copied().unwrap_or_default();
    let since = x - of(before);
    match ends.get(after).copied().filter(|_| after > 0) {
        Some(next) => other(before) + since * (other(next) - other(before)) / (of(next) - of(before)).max(1),
        None => other(before) + since,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_goes_back_is_slow_where_something_happens_and_real_at_the_end() {
        let world = crate::demo::tuesday(1);
        let end_ms = crate::demo::end_ms(&world);
        let tempo = Tempo::new(&world, end_ms, 1);
        assert_eq!(tempo.world_ms(0), world.start_ms);
        assert_eq!(tempo.world_ms(WHOLE_MS), end_ms);
        assert_eq!(tempo.world_ms(WHOLE_MS + 1_000), end_ms + 1_000, "real speed afterwards");
        assert!(tempo.runs(WHOLE_MS - 1) && !tempo.runs(WHOLE_MS));
        let all: Vec<i64> = (0..WHOLE_MS / 100).map(|n| tempo.world_ms(n * 100)).collect();
        assert!(all.is_sorted());
        for delivery in &world.deliveries {
            let real = tempo.real_ms(delivery.due_ms);
            assert!((tempo.world_ms(real) - delivery.due_ms).abs() < 1_000, "there and back");
            let second = tempo.world_ms(real + 1_000) - delivery.due_ms;
            assert!((1_000..60_000).contains(&second), "{second} ms of the day in the second after a webhook");
        }
        let longest = all.windows(2).map(|w| w[1] - w[0]).max().unwrap();
        assert!(longest > 60_000, "an empty stretch of the day passes quickly");
        assert_eq!(Tempo::new(&world, end_ms, 10).real_ms(end_ms), WHOLE_MS / 10);
    }
}
