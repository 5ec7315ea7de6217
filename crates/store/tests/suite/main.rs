//! The store's tests: one suite, run on SQLite and, when `RINGBACK_TEST_POSTGRES` names a server, on PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a helper of a test that fails is a test that fails")]

mod accounts;
mod commits;
mod disk;
mod races;
mod seeds;
mod statements;
mod support;
mod tables;
