//! Outgoing pages to the people who must call back.

pub mod email;
pub mod webhook;
