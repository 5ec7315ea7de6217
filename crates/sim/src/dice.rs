//! Seeded chance: one seed, one world. Not for secrets.

use std::sync::{Mutex, PoisonError};

/// A splitmix64 generator (Steele, Lea and Flood, "Fast splittable pseudorandom number generators").
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Neighbouring seeds give unrelated sequences.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0xD134_2543_DE82_EF95).wrapping_add(0x5851_F42D_4C95_7F2D))
    }

    /// A sequence of its own for one purpose, so that a draw more in one place does not change all others.
    #[must_use]
    pub fn split(&mut self, purpose: u64) -> Self {
        Self::new(self.roll() ^ purpose.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// Any 64 bits.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = high.saturating_sub(low).max(0).unsigned_abs() + 1;
        low + i64::try_from(self.roll() % span).unwrap_or(0)
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, percent: i64) -> bool {
        self.between(1, 100) <= percent
    }

    /// One of them.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let at = usize::try_from(self.between(0, of.len() as i64 - 1)).unwrap_or(0);
        match of.get(at) {
            Some(one) => one,
            None => unreachable!("a choice among nothing"),
        }
    }

    /// Puts them in a random order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            let other = usize::try_from(self.between(0, last as i64)).unwrap_or(0);
            list.swap(last, other);
        }
    }
}

/// The engine's randomness, seeded.
#[derive(Debug)]
pub struct SeededChance(Mutex<Dice>);

impl SeededChance {
    /// Randomness that follows from the dice.
    pub fn new(dice: Dice) -> Self {
        Self(Mutex::new(dice))
    }
}

impl ringback_engine::clock::Chance for SeededChance {
    fn fill(&self, bytes: &mut [u8]) {
        let mut dice = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in bytes.chunks_mut(8) {
            for (slot, byte) in chunk.iter_mut().zip(dice.roll().to_le_bytes()) {
                *slot = byte;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn a_seed_decides_everything_and_the_range_is_kept() {
        let draw = |seed| {
            let mut dice = Dice::new(seed);
            (0..100).map(|_| dice.between(-3, 9)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!(draw(7).iter().all(|n| (-3..=9).contains(n)));
        assert!(draw(7).contains(&-3) && draw(7).contains(&9));
    }
}
