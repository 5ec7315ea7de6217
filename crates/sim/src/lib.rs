//! The seeded world: the real engine and store, the vendors' twins, virtual time, faults, crashes, and an auditor who trusts the twins only.
//!
//! ```text
//! seed ─▶ World ─▶ play (engine + store on a Stage of twins, dying as the world says) ─▶ Played ─▶ audit ─▶ Verdict
//! ```
//! A seed that fails is a story that can be told again: `ringback-sim --seed N --trace`.

pub mod auditor;
pub mod crash;
pub mod demo;
pub mod dice;
pub mod drill;
pub mod hours;
pub mod kills;
pub mod matrix;
pub mod month;
pub mod out;
pub mod run;
pub mod schema;
pub mod stage;
pub mod words;
pub mod world;
