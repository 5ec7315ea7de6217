//! The weekly spot-check: which of the values that were written by themselves people look at again (F-321).
//!
//! The choice follows from a seed alone. Whoever has the seed and the ledger can make it again and see that nobody chose.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Days between two samples.
pub const EVERY_DAYS: i64 = 7;
/// Days from the account's beginning in which a sample is drawn whatever still waits.
pub const ALWAYS_DAYS: i64 = 30;
/// Values in one sample. Of the four samples of the first month without an error follows that fewer than 4 in 100 values are wrong, 19 times out
/// of 20 (the rule of three: 3 / 80); and one takes a person some minutes.
pub const SAMPLE: usize = 20;
/// After the first month no more are put on top of so many that nobody has looked at: two samples.
pub const WAITING_MAX: usize = 2 * SAMPLE;

/// The value that a spot-check asks about: a write of the inquiry's chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// The write's place in the inquiry's chain.
    pub seq: i64,
    /// The vendor's name of the property.
    pub property: String,
    /// Kind word of the record.
    pub object: String,
    /// The vendor's id of the record.
    pub record: String,
}

/// Places among `of` things, counted from 0, in the order in which chance has them: each at most once, at most `most` of them.
pub fn places(seed: &[u8; 32], of: u64, most: usize) -> Vec<u64> {
    // The beginning of a shuffled list, of which only what was exchanged is kept.
    let mut moved: BTreeMap<u64, u64> = BTreeMap::new();
    let mut found = Vec::new();
    for n in 0..of.min(most as u64) {
        let at = n + below(seed, n, of - n);
        let here = moved.get(&n).copied().unwrap_or(n);
        found.push(moved.insert(at, here).unwrap_or(at));
    }
    found
}

/// The `n`th number of a seed, below `of`.
fn below(seed: &[u8; 32], n: u64, of: u64) -> u64 {
    let mut sha = Sha256::new();
    sha.update(seed);
    sha.update(n.to_be_bytes());
    let mut first = [0u8; 8];
    for (to, from) in first.iter_mut().zip(sha.finalize()) {
        *to = from;
    }
    let wide = u128::from(u64::from_be_bytes(first)) * u128::from(of);
    u64::try_from(wide >> 64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_place_comes_once_and_the_same_seed_chooses_the_same() {
        for of in [0, 1, 7, 20, 1_000] {
            let all = places(&[7; 32], of, 2_000);
            assert_eq!(all.iter().copied().collect::<BTreeSet<_>>(), (0..of).collect(), "a shuffle of {of}");
            assert_eq!(all.len() as u64, of);
            let some = places(&[7; 32], of, 5);
            assert_eq!(some, all[..some.len()], "a longer list begins with the shorter one");
        }
        assert_ne!(places(&[1; 32], 1_000, 20), places(&[2; 32], 1_000, 20));
    }

    #[test]
    fn no_place_is_preferred() {
        let mut counts = [0u32; 10];
        for n in 0..2_000u16 {
            let mut seed = [0; 32];
            seed[..2].copy_from_slice(&n.to_be_bytes());
            for place in places(&seed, 10, 3) {
                counts[usize::try_from(place).unwrap()] += 1;
            }
        }
        // 600 each on average; the deviation of one is about 20.
        assert!(counts.iter().all(|c| (500..700).contains(c)), "{counts:?}");
    }
}
