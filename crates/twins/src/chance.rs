//! A small seeded generator, so that one seed replays one world. Not for secrets.

/// Xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled").
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        // One SplitMix64 step: neighbouring seeds must not give neighbouring worlds, and the state must not be zero.
        let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Self((z ^ (z >> 31)) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// True in `per_mille` of 1,000 cases.
    pub(crate) fn hits(&mut self, per_mille: u16) -> bool {
        self.next() % 1_000 < u64::from(per_mille)
    }
}

#[cfg(test)]
mod tests {
    use super::Chance;

    #[test]
    fn the_rate_is_about_what_was_asked_and_the_seed_decides() {
        let count = |seed| {
            let mut chance = Chance::new(seed);
            (0..10_000).filter(|_| chance.hits(100)).count()
        };
        assert!((850..1_150).contains(&count(1)), "{}", count(1));
        assert_eq!(count(7), count(7));
        assert_ne!(count(1), count(2));
        let mut never = Chance::new(3);
        assert!((0..1_000).all(|_| !never.hits(0)));
    }
}
