//! What a developer runs: `cargo xtask test` and its single steps.
//!
//! One command brings a clean checkout from nothing but Rust, a C compiler and apt to "everything passes": it installs what
//! is missing, starts its own PostgreSQL, runs every check in order and stops at the first that fails, by name. Continuous
//! integration runs exactly that command and knows nothing else, so what passes here passes there.
//!
//! Nothing here is shipped. Everything that downloads goes through apt or cargo.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a developer's tool speaks through the terminal")]

pub mod cmd;
pub mod crms;
pub mod demo;
pub mod errors;
pub mod eval;
pub mod generate;
pub mod layers;
pub mod postgres;
pub mod provision;
pub mod steps;
pub mod tally;
