//! Simulated vendors that can misbehave on demand.
//!
//! A twin is a faithful, in-memory stand-in for a vendor: it refuses what the vendor's documents say is refused, keeps
//! what the vendor keeps, and, through [`fault`], lies and breaks in the ways vendors do. Tests, the simulation, the
//! drill and the demonstration read *twins only* when they judge whether something was lost or doubled.
//!
//! This crate depends on no other crate of the workspace and shares no constant with the translators it is used
//! against, so that both cannot be wrong in the same way. Each rule names the vendor page it was taken from.
//!
//! Time is an argument everywhere (`now_ms`: milliseconds since the Unix epoch, UTC); only [`serve`] waits for real.

pub mod books;
pub mod callrail;
mod chance;
mod civil;
pub mod crms;
pub mod dynamics;
pub mod enrichment;
pub mod fault;
pub mod gohighlevel;
pub mod hook;
pub mod hubspot;
pub mod log;
pub mod pipedrive;
// The only thing that is shared with tests of the translators: it leans on vendors' documents alone.
#[cfg(test)]
#[path = "../../connect/tests/conformance/referee.rs"]
mod referee;
pub mod salesforce;
pub mod serve;
pub mod sign;
pub mod sink;
pub mod twilio;
mod wire;
pub mod zoho;

pub use wire::{Hook, Reply, Request};
