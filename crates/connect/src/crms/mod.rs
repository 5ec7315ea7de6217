//! CRMs: one file each.

pub mod dynamics;
pub mod hubspot;
