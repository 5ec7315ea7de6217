//! The tests that stand beside the rules of a contract, run through the one function that decides: [`crate::inquiry::step`].
//!
//! A test says what is given (what was said, what the CRM holds, who set it, when it rang) and what follows (the verdict on a field, the owner, the
//! clock, what is asked, what is held back). Nothing here decides anything: a made-up business with one person for everybody whom the owner rules
//! name takes the call, its transcript and the CRM's answer, event by event, as the program does. So a test that passes here passes there.

mod house;
mod run;
pub(in crate::contract) mod say;

pub use run::{refused, run, run_one};
pub use say::{Given, GivenClaim, Said, Then, ThenField};

use serde::Serialize;

/// The most tests of one contract.
pub const TESTS_MAX: usize = 500;

/// How one test ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trial {
    /// Its name in the contract.
    pub name: String,
    pub passed: bool,
    /// Everything that came otherwise than expected; empty when it passed.
    pub differences: Vec<Difference>,
}

/// One thing that came otherwise than expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What it is about: `budget.verdict`, `owner`, `clock`.
    pub about: String,
    pub expected: String,
    pub got: String,
}

impl Difference {
    fn new(about: impl Into<String>, expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self { about: about.into(), expected: expected.into(), got: got.into() }
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: expected {}, came {}", self.about, self.expected, self.got)
    }
}

#[cfg(test)]
mod tests;
