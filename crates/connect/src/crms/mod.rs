//! CRMs: one file each.

pub mod gohighlevel;
pub mod hubspot;
