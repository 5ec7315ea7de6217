//! CRMs: one file each.

pub mod hubspot;
pub mod zoho;
pub mod pipedrive;
pub mod salesforce;
