//! The written rules of an account: what may be written where, who wins, who owns, how fast.
//!
//! A contract is text that people read aloud ([`DEFAULT_TEXT`] is a complete one with comments), parsed into [`Contract`] with every problem
//! found at once and its place in the text. There is no default winner for fields on purpose: somebody must have said one sentence
//! per field.

pub mod check;
pub mod model;
pub mod parse;

pub use check::{check_roster, check_schema};
pub use model::*;
pub use parse::parse;

/// The default contract with its comments: missed calls for HubSpot, as `ringback init` writes it.
pub const DEFAULT_TEXT: &str = include_str!("default.toml");

/// The word of the list that was probably meant.
pub(crate) fn did_you_mean<'w>(word: &str, among: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let near = |candidate: &str| crate::identity::distance(&word.to_lowercase(), candidate);
    among.map(|c| (near(c), c)).min().filter(|(d, c)| *d <= 1 + c.chars().count() / 4).map(|(_, c)| c)
}

#[cfg(test)]
mod tests;
