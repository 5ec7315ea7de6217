//! Inbound providers: one file each.

pub mod callrail;
pub mod csv;
pub mod enrichment;
pub mod generic;
pub mod twilio;
