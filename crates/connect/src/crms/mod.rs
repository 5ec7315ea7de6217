//! CRMs: one file each.

pub mod dynamics;
pub mod gohighlevel;
pub mod hook;
pub mod hubspot;
pub mod pipedrive;
pub mod salesforce;
pub mod zoho;
