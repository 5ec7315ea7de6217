//! CRMs: one file each.

pub mod hubspot;
pub mod salesforce;
