//! CRMs: one file each.

pub mod hook;
pub mod hubspot;
