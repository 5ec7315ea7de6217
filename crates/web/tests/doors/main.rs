//! The doors, knocked on: a real store, the real engine, every route.

#![allow(
    clippy::allow_attributes,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "a test may stop at what it did not expect"
)]

#[path = "../support/mod.rs"]
mod support;

mod accounts;
mod contracts;
mod document;
mod doors;
mod inquiries;
mod learned;
mod questions;
mod taken_back;
mod world;
