//! The pure decisions of Ringback: values in, values out.
//!
//! Nothing here has a clock, randomness, async, network, files or storage; time, salts and facts are arguments.
//! That is why a decision of last year can be replayed from the ledger, why a draft contract can be tried on recorded
//! calls, and why the simulation can run millions of steps. Vendors (`connect`) and SQL (`store`) depend on this crate;
//! it depends on neither.
//!
//! The way of an inquiry through these modules: [`signal`] → [`call`] → [`inquiry`], which asks [`identity`] who called,
//! [`claim`] what was said, [`contract`] what may be written, [`followup`] who must call back and by when, and answers with a
//! [`plan`] whose effects [`ensure`] brings about one exchange at a time; [`ledger`] keeps why.

pub mod backtest;
pub mod call;
pub mod claim;
pub mod consent;
pub mod contract;
pub mod crm;
pub mod decide;
pub mod effect;
pub mod emit;
pub mod ensure;
pub mod followup;
pub mod http;
pub mod id;
pub mod identity;
pub mod inquiry;
pub mod ledger;
pub mod money;
pub mod offer;
pub mod plan;
pub mod problem;
pub mod promotion;
pub mod proof;
pub mod readiness;
pub mod rights;
pub mod rollback;
pub mod roster;
pub mod signal;
pub mod spot;
pub mod standing;
pub mod upcast;
pub mod workflow;

/// The version of the deciding code, kept with every decision so that a replay knows which rules it must reproduce.
pub const CODE_VERSION: &str = env!("CARGO_PKG_VERSION");
pub mod mutant;
