//! The seam between one SQL text and two engines: a transaction that is either, and macros that write both arms.

use sqlx::{PgConnection, Postgres, Sqlite, SqliteConnection, Transaction};

use crate::Error;

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
    Writer(Box<SqliteConnection>),
    Reader(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// The connection to run one statement on.
pub(crate) enum Arm<'a> {
    Sqlite(&'a mut SqliteConnection),
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
            Conn::Reader(tx) => Arm::Sqlite(tx),
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

    /// Maps the driver's result and remembers a failure.
    pub(crate) fn done<T>(&mut self, result: Result<T, sqlx::Error>, what: &str) -> Result<T, Error> {
        result.map_err(|error| {
            let error = Error::from_sqlx(&error, what);
            self.broken = Some(error.clone());
            error
        })
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
    pub(crate) async fn raw(&mut self, sql: impl sqlx::SqlSafeStr + Send, what: &str) -> Result<(), Error> {
        let query = sqlx::raw_sql(sql);
        let result = match self.arm() {
            Arm::Sqlite(conn) => query.execute(conn).await.map(|_| ()),
            Arm::Postgres(conn) => query.execute(conn).await.map(|_| ()),
        };
        result.map_err(|error| Error::from_sqlx(&error, what))
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
            crate::tx::Arm::Sqlite(conn) => sqlx::query(sql.text)$(.bind($bind))*.execute(conn).await.map(|done| done.rows_affected()),
            crate::tx::Arm::Postgres(conn) => sqlx::query(sql.text)$(.bind($bind))*.execute(conn).await.map(|done| done.rows_affected()),
        };
        $tx.done(result, sql.name)
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
            crate::tx::Arm::Sqlite(conn) => sqlx::query_as::<_, $row>(sql.text)$(.bind($bind))*.fetch_all(conn).await,
            crate::tx::Arm::Postgres(conn) => sqlx::query_as::<_, $row>(sql.text)$(.bind($bind))*.fetch_all(conn).await,
        };
        $tx.done(result, sql.name)
    }};
}

/// One row or none.
macro_rules! row {
    ($tx:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let sql: crate::tx::Sql = $sql;
        $tx.usable()?;
        let result = match $tx.arm() {
            crate::tx::Arm::Sqlite(conn) => sqlx::query_as::<_, $row>(sql.text)$(.bind($bind))*.fetch_optional(conn).await,
            crate::tx::Arm::Postgres(conn) => sqlx::query_as::<_, $row>(sql.text)$(.bind($bind))*.fetch_optional(conn).await,
        };
        $tx.done(result, sql.name)
    }};
}

/// The single column of a row that is always there (a count, a `RETURNING`).
macro_rules! value {
    ($tx:expr, $type:ty, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let sql: crate::tx::Sql = $sql;
        $tx.usable()?;
        let result = match $tx.arm() {
            crate::tx::Arm::Sqlite(conn) => sqlx::query_scalar::<_, $type>(sql.text)$(.bind($bind))*.fetch_one(conn).await,
            crate::tx::Arm::Postgres(conn) => sqlx::query_scalar::<_, $type>(sql.text)$(.bind($bind))*.fetch_one(conn).await,
        };
        $tx.done(result, sql.name)
    }};
}

pub(crate) use {exec, exec_if, exec_one, row, rows, statements, value};
