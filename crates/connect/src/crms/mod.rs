//! CRMs: one file each.

pub mod hubspot;
