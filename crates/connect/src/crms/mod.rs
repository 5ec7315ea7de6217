//! CRMs: one file each.

pub mod gohighlevel;
pub mod dynamics;
pub mod hook;
pub mod hubspot;
pub mod zoho;
pub mod pipedrive;
pub mod salesforce;
