//! The seam between one SQL text and two engines: a transaction that is either, and macros that write both arms.

use sqlx::{PgConnection, Postgres, SqlSafeStr, Transaction};

use crate::Error;
use crate::sqlite::Sqlite;

/// One transaction on either engine. Every function of this crate takes `&mut Tx`.
pub struct Tx {
    conn: Conn,
    /// The first error of this unit. SQLite may roll a whole transaction back by itself (disk full, I/O error), after which
    /// the next statement would run outside of any; PostgreSQL turns the COMMIT of a failed transaction into a silent
    /// ROLLBACK. So: after one failure nothing more is run, and the unit cannot succeed.
    broken: Option<Error>,
}

pub(crate) enum Conn {
    /// The writer's own connection; `writer.rs` begins and commits by hand, because a group holds many units.
    Writer(Box<Sqlite>),
    /// One of the readers', in a transaction that is begun and ended by hand.
    Reader(Sqlite),
    Postgres(Transaction<'static, Postgres>),
}

/// The connection to run one statement on.
pub(crate) enum Arm<'a> {
    Sqlite(&'a mut Sqlite),
    Postgres(&'a mut PgConnection),
}

/// A named statement.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Sql {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

impl Tx {
    pub(crate) fn new(conn: Conn) -> Self {
        Self { conn, broken: None }
    }

    pub(crate) fn conn(&self) -> &Conn {
        &self.conn
    }

    pub(crate) fn into_conn(self) -> Conn {
        self.conn
    }

    pub(crate) fn arm(&mut self) -> Arm<'_> {
        match &mut self.conn {
            Conn::Writer(conn) => Arm::Sqlite(conn),
            Conn::Reader(conn) => Arm::Sqlite(conn),
            Conn::Postgres(tx) => Arm::Postgres(tx),
        }
    }

    /// Refuses to go on after a failed statement.
    pub(crate) fn usable(&self) -> Result<(), Error> {
        match &self.broken {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// Remembers a failure.
    pub(crate) fn done<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        result.inspect_err(|error| self.broken = Some(error.clone()))
    }

    /// Asserts how many rows a statement touched.
    pub(crate) fn touched(&mut self, actual: u64, expected: u64, what: &'static str) -> Result<(), Error> {
        if actual == expected {
            return Ok(());
        }
        let error = Error::Rows { expected, actual, what };
        self.broken = Some(error.clone());
        Err(error)
    }

    /// Asserts that a guarded statement touched one row (`true`) or none (`false`).
    pub(crate) fn touched_if(&mut self, actual: u64, what: &'static str) -> Result<bool, Error> {
        if actual > 1 {
            self.touched(actual, 1, what)?;
        }
        Ok(actual == 1)
    }

    /// The end of a unit: its own answer, unless a statement failed that the closure ignored. Clears the mark.
    pub(crate) fn settle<T>(&mut self, answer: Result<T, Error>) -> Result<T, Error> {
        match self.broken.take() {
            Some(error) => Err(answer.err().unwrap_or(error)),
            None => answer,
        }
    }

    /// Runs text that needs no parameters: transaction control, pragmas, migrations.
    pub(crate) async fn raw(&mut self, sql: impl SqlSafeStr + Send, what: &str) -> Result<(), Error> {
        let sql = sql.into_sql_str();
        match self.arm() {
            Arm::Sqlite(conn) => conn.batch(sql.as_str()).map_err(|error| Error::from_rusqlite(&error, what)),
            Arm::Postgres(conn) => {
                let done = sqlx::raw_sql(sql).execute(conn).await;
                done.map(|_| ()).map_err(|error| Error::from_sqlx(&error, what))
            }
        }
    }
}

/// Declares named statements of one table and their list `ALL`.
macro_rules! statements {
    ($($name:ident = $text:expr;)*) => {
        $(pub(crate) const $name: crate::tx::Sql = crate::tx::Sql { name: stringify!($name), text: $text };)*
        pub(crate) const ALL: &[crate::tx::Sql] = &[$($name),*];
    };
}

/// Runs a statement, gives the number of rows touched.
macro_rules! exec {
    ($tx:expr, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let sql: crate::tx::Sql = $sql;
        $tx.usable()?;
        let result = match $tx.arm() {
            crate::tx::Arm::Sqlite(conn) => {
                let binds = crate::sqlite::Binds::default()$(.bind($bind))*;
                conn.execute(sql.text, &binds).map_err(|error| crate::Error::from_rusqlite(&error, sql.name))
            }
            crate::tx::Arm::Postgres(conn) => {
                let done = sqlx::query(sql.text)$(.bind($bind))*.execute(conn).await.map(|done| done.rows_affected());
                done.map_err(|error| crate::Error::from_sqlx(&error, sql.name))
            }
        };
        $tx.done(result)
    }};
}

/// Runs a statement that has to touch exactly one row.
macro_rules! exec_one {
    ($tx:expr, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let touched = crate::tx::exec!($tx, $sql $(, $bind)*)?;
        $tx.touched(touched, 1, $sql.name)
    }};
}

/// Runs a guarded statement: `true` when it touched its one row, `false` when the guard refused.
macro_rules! exec_if {
    ($tx:expr, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let touched = crate::tx::exec!($tx, $sql $(, $bind)*)?;
        $tx.touched_if(touched, $sql.name)
    }};
}

/// All rows.
macro_rules! rows {
    ($tx:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let sql: crate::tx::Sql = $sql;
        $tx.usable()?;
        let result = match $tx.arm() {
            crate::tx::Arm::Sqlite(conn) => {
                let binds = crate::sqlite::Binds::default()$(.bind($bind))*;
                conn.all::<$row>(sql.text, &binds).map_err(|error| crate::Error::from_rusqlite(&error, sql.name))
            }
            crate::tx::Arm::Postgres(conn) => {
                let done = sqlx::query_as::<_, $row>(sql.text)$(.bind($bind))*.fetch_all(conn).await;
                done.map_err(|error| crate::Error::from_sqlx(&error, sql.name))
            }
        };
        $tx.done(result)
    }};
}

/// One row or none.
macro_rules! row {
    ($tx:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let sql: crate::tx::Sql = $sql;
        $tx.usable()?;
        let result = match $tx.arm() {
            crate::tx::Arm::Sqlite(conn) => {
                let binds = crate::sqlite::Binds::default()$(.bind($bind))*;
                conn.first::<$row>(sql.text, &binds).map_err(|error| crate::Error::from_rusqlite(&error, sql.name))
            }
            crate::tx::Arm::Postgres(conn) => {
                let done = sqlx::query_as::<_, $row>(sql.text)$(.bind($bind))*.fetch_optional(conn).await;
                done.map_err(|error| crate::Error::from_sqlx(&error, sql.name))
            }
        };
        $tx.done(result)
    }};
}

/// The single column of a row that is always there (a count, a `RETURNING`).
macro_rules! value {
    ($tx:expr, $type:ty, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let sql: crate::tx::Sql = $sql;
        $tx.usable()?;
        let result = match $tx.arm() {
            crate::tx::Arm::Sqlite(conn) => {
                let binds = crate::sqlite::Binds::default()$(.bind($bind))*;
                conn.scalar::<$type>(sql.text, &binds).map_err(|error| crate::Error::from_rusqlite(&error, sql.name))
            }
            crate::tx::Arm::Postgres(conn) => {
                let done = sqlx::query_scalar::<_, $type>(sql.text)$(.bind($bind))*.fetch_one(conn).await;
                done.map_err(|error| crate::Error::from_sqlx(&error, sql.name))
            }
        };
        $tx.done(result)
    }};
}

/// A row struct that SQLite's rows can be read into, column by name, as `sqlx::FromRow` does for PostgreSQL.
macro_rules! decodes {
    ($type:ident { $($column:ident),* }) => {
        impl crate::sqlite::Decode for $type {
            fn decode(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
                Ok(Self { $($column: row.get(stringify!($column))?),* })
            }
        }
    };
}

pub(crate) use {decodes, exec, exec_if, exec_one, row, rows, statements, value};
