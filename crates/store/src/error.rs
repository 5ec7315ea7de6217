//! What can go wrong in the store, told apart by what the caller can do about it.

use crate::Site;

/// Why a unit of work, a read or the opening of a store did not succeed. Nothing of a failed unit is stored, except after
/// [`Error::Crash`] from a hook's `after` and, as with every database, when the connection broke while a commit was under way
/// ([`Error::Unavailable`]): so a unit that is tried again must be one that ensures.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Locked, gone, restarting, too busy, or closed. Try again later; the store reconnects by itself.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The disk, or the bound set on the file, is full.
    #[error("the database is full: {0}")]
    Full(String),
    /// The file or the server accepts no writes.
    #[error("the database is read-only: {0}")]
    ReadOnly(String),
    /// Somebody else was first: a unique key is taken, or PostgreSQL chose this transaction to give way. Reload and step again.
    #[error("another transaction was first")]
    Conflict,
    /// A statement that must touch exactly `expected` rows touched `actual`.
    #[error("{what}: expected {expected} rows, touched {actual}")]
    Rows {
        /// Rows the statement has to touch.
        expected: u64,
        /// Rows it touched.
        actual: u64,
        /// The statement's name.
        what: &'static str,
    },
    /// A stored value cannot be read as what it has to be, or the engine reports a damaged file.
    #[error("stored data is damaged: {table}.{column}: {row}")]
    Corrupt {
        /// The statement or table that was read.
        table: String,
        /// The column, as far as known.
        column: String,
        /// The row or the engine's message, as far as known.
        row: String,
    },
    /// The database was migrated by a newer version of this program.
    #[error("the database has schema {found}, this program knows {known}: run the newer program")]
    NewerSchema {
        /// Newest version found in the database.
        found: i64,
        /// Newest version this program knows.
        known: i64,
    },
    /// Commits would not wait for the disk.
    #[error("commits are not durable: {0}")]
    NotDurable(String),
    /// A [`crate::CommitHook`] asked for a crash here (simulation and tests).
    #[error("crash asked for at {}", .0.word())]
    Crash(Site),
    /// A mistake in this program or its settings.
    #[error("bug: {0}")]
    Bug(String),
}

impl Error {
    /// Whether the same unit may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Error::Unavailable(_) | Error::Full(_) | Error::ReadOnly(_) | Error::Conflict)
    }

    /// Whether it is the database's state, which concerns every caller alike and passes; [`crate::Store::trouble`] tells of it.
    pub fn is_trouble(&self) -> bool {
        matches!(self, Error::Unavailable(_) | Error::Full(_) | Error::ReadOnly(_))
    }

    /// The code of the page that explains it.
    pub fn code(&self) -> &'static str {
        match self {
            Error::NewerSchema { .. } => "RB-0401",
            Error::Unavailable(_) | Error::Conflict => "RB-0402",
            Error::Full(_) | Error::ReadOnly(_) => "RB-0403",
            Error::NotDurable(_) => "RB-0404",
            Error::Rows { .. } | Error::Corrupt { .. } | Error::Crash(_) | Error::Bug(_) => "RB-0405",
        }
    }

    /// Maps an error of the driver. `what` names the statement.
    pub(crate) fn from_sqlx(error: &sqlx::Error, what: &str) -> Self {
        use sqlx::Error as E;
        match error {
            E::Database(database) => {
                let text = format!("{what}: {database}");
                let code = database.code().unwrap_or_default();
                from_postgres(&code, text, what)
            }
            E::Io(_)
            | E::Tls(_)
            | E::Protocol(_)
            | E::PoolTimedOut
            | E::PoolClosed
            | E::WorkerCrashed
            | E::BeginFailed => Error::Unavailable(format!("{what}: {error}")),
            E::ColumnDecode { index, source } => {
                Error::Corrupt { table: what.to_owned(), column: index.clone(), row: source.to_string() }
            }
            E::Decode(source) => {
                Error::Corrupt { table: what.to_owned(), column: String::new(), row: source.to_string() }
            }
            _ => Error::Bug(format!("{what}: {error}")),
        }
    }
}

impl Error {
    /// Maps an error of SQLite's driver. `what` names the statement.
    pub(crate) fn from_rusqlite(error: &rusqlite::Error, what: &str) -> Self {
        use rusqlite::Error as E;
        match error {
            E::SqliteFailure(cause, _) => from_sqlite(cause.extended_code, format!("{what}: {error}"), what),
            E::FromSqlConversionFailure(column, ..)
            | E::IntegralValueOutOfRange(column, _)
            | E::Utf8Error(column, _) => {
                Self::Corrupt { table: what.to_owned(), column: column.to_string(), row: error.to_string() }
            }
            E::InvalidColumnType(_, column, _) => {
                Self::Corrupt { table: what.to_owned(), column: column.clone(), row: error.to_string() }
            }
            _ => Self::Bug(format!("{what}: {error}")),
        }
    }
}

/// SQLite's extended result codes, <https://www.sqlite.org/rescode.html>; the low byte is the primary code.
fn from_sqlite(code: i32, text: String, what: &str) -> Error {
    match code {
        // SQLITE_CONSTRAINT_UNIQUE, _PRIMARYKEY, _ROWID; the other constraints are mistakes of ours.
        2067 | 1555 | 2579 => return Error::Conflict,
        _ => {}
    }
    match code & 0xff {
        // BUSY, LOCKED, NOMEM, INTERRUPT, IOERR, CANTOPEN, PROTOCOL, SCHEMA
        5 | 6 | 7 | 9 | 10 | 14 | 15 | 17 => Error::Unavailable(text),
        8 => Error::ReadOnly(text),
        13 => Error::Full(text),
        // CORRUPT, NOTADB
        11 | 26 => Error::Corrupt { table: what.to_owned(), column: String::new(), row: text },
        _ => Error::Bug(text),
    }
}

/// PostgreSQL's SQLSTATE, <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn from_postgres(code: &str, text: String, what: &str) -> Error {
    match code {
        "23505" | "23P01" | "40001" | "40P01" => Error::Conflict,
        "53100" => Error::Full(text),
        "25006" => Error::ReadOnly(text),
        "55P03" | "55006" => Error::Unavailable(text),
        "XX001" | "XX002" => Error::Corrupt { table: what.to_owned(), column: String::new(), row: text },
        // Classes: connection, authorisation (a server that is being set up again), resources, operator, system, unknown database.
        _ if ["08", "28", "53", "57", "58", "3D"].iter().any(|class| code.starts_with(class)) => {
            Error::Unavailable(text)
        }
        _ => Error::Bug(text),
    }
}
