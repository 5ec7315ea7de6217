//! What goes out and is no record of a CRM: pages to the people who must call back, and what other systems are told.

pub mod email;
pub mod events;
pub mod webhook;
