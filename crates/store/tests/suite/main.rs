//! The store's tests: one suite, run on SQLite and, when `RINGBACK_TEST_POSTGRES` names a server, on PostgreSQL.

mod statements;
mod support;
