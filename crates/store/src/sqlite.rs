//! SQLite behind calls that return when the work is done: no task, no thread, no channel between a statement and the file.
//!
//! Whoever calls blocks, so calls come from the writer's own thread and from threads that may block; of a database in memory, where
//! nothing ever waits for a disk, from anywhere.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::{FromSql, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags};

use crate::Error;
use crate::store::STATEMENTS_MAX;

/// How long a connection waits for another process's lock on the file.
const WAIT: Duration = Duration::from_secs(5);

/// Kibibytes of pages that the writer keeps at hand.
pub const WRITER_CACHE_KIB: i64 = 4 * 1024;
/// The same of each reader, of which there are several.
const READER_CACHE_KIB: i64 = 128;
/// Pages (of 4 KiB) in the write-ahead log before they are moved into the file: a page that changes often moves once.
pub const CHECKPOINT_PAGES: i64 = 4_000;

/// How a connection is made; kept, because it is made again after it was lost.
#[derive(Clone, Debug)]
pub(crate) struct Connect {
    /// `None`: in memory.
    pub(crate) path: Option<String>,
    pub(crate) create: bool,
    /// The file is opened for reading only.
    pub(crate) read_only: bool,
    /// This connection refuses to write.
    pub(crate) query_only: bool,
    pub(crate) sync: bool,
}

/// One connection.
pub(crate) struct Sqlite(Connection);

impl Connect {
    pub(crate) fn connect(&self) -> Result<Sqlite, Error> {
        self.attempt().map_err(|error| Error::from_rusqlite(&error, "open"))
    }

    fn attempt(&self) -> rusqlite::Result<Sqlite> {
        let mut flags = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
        flags |= if self.read_only { OpenFlags::SQLITE_OPEN_READ_ONLY } else { OpenFlags::SQLITE_OPEN_READ_WRITE };
        if self.create {
            flags |= OpenFlags::SQLITE_OPEN_CREATE;
        }
        let connection = match &self.path {
            Some(path) => Connection::open_with_flags(Path::new(path), flags)?,
            None => Connection::open_in_memory_with_flags(flags | OpenFlags::SQLITE_OPEN_CREATE)?,
        };
        connection.busy_timeout(WAIT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        connection.pragma_update(None, "foreign_keys", "ON")?;
        connection.pragma_update(None, "synchronous", if self.sync { "FULL" } else { "OFF" })?;
        if self.query_only {
            connection.pragma_update(None, "query_only", "ON")?;
            connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
            return Ok(Sqlite(connection));
        }
        // Each unit is a savepoint, and what a savepoint may take back is noted in a temporary file unless told otherwise.
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
        if self.path.is_some() && !self.read_only {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        }
        Ok(Sqlite(connection))
    }
}

impl Sqlite {
    /// Runs a statement, gives the rows touched.
    pub(crate) fn execute(&self, text: &str, binds: &Binds<'_>) -> rusqlite::Result<u64> {
        let mut statement = self.0.prepare_cached(&numbered(text))?;
        let touched = statement.execute(binds.params())?;
        Ok(touched as u64)
    }

    /// All rows.
    pub(crate) fn all<T: Decode>(&self, text: &str, binds: &Binds<'_>) -> rusqlite::Result<Vec<T>> {
        let mut statement = self.0.prepare_cached(&numbered(text))?;
        let mut rows = statement.query(binds.params())?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(T::decode(row)?);
        }
        Ok(all)
    }

    /// The first row, if there is one.
    pub(crate) fn first<T: Decode>(&self, text: &str, binds: &Binds<'_>) -> rusqlite::Result<Option<T>> {
        let mut statement = self.0.prepare_cached(&numbered(text))?;
        let mut rows = statement.query(binds.params())?;
        rows.next()?.map(T::decode).transpose()
    }

    /// The single column of a row that is always there.
    pub(crate) fn scalar<T: FromSql>(&self, text: &str, binds: &Binds<'_>) -> rusqlite::Result<T> {
        let mut statement = self.0.prepare_cached(&numbered(text))?;
        statement.query_row(binds.params(), |row| row.get(0))
    }

    /// Text without parameters, one statement or many.
    pub(crate) fn batch(&self, text: &str) -> rusqlite::Result<()> {
        self.0.execute_batch(text)
    }

    /// Closes; a failure is told, and the connection is gone all the same.
    pub(crate) fn close(self) -> Result<(), Error> {
        self.0.close().map_err(|(_, error)| Error::from_rusqlite(&error, "close"))
    }
}

/// `$7` is a name to SQLite, numbered by where it stands first; `?7` is the seventh parameter.
fn numbered(text: &str) -> String {
    text.replace('$', "?")
}

/// A row that can be read from either engine.
pub(crate) trait Decode: Sized {
    fn decode(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self>;
}

macro_rules! decode_tuples {
    ($($letter:ident $at:tt),*) => {
        impl<$($letter: FromSql),*> Decode for ($($letter,)*) {
            fn decode(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
                Ok(($(row.get($at)?,)*))
            }
        }
    };
}
decode_tuples!(A 0);
decode_tuples!(A 0, B 1);
decode_tuples!(A 0, B 1, C 2);
decode_tuples!(A 0, B 1, C 2, D 3);

/// Values in the order of their placeholders.
#[derive(Default)]
pub(crate) struct Binds<'a>(Vec<Bound<'a>>);

impl<'a> Binds<'a> {
    pub(crate) fn bind(mut self, value: impl Bind<'a>) -> Self {
        self.0.push(value.bound());
        self
    }

    fn params(&self) -> impl rusqlite::Params + '_ {
        rusqlite::params_from_iter(&self.0)
    }
}

/// One value.
pub(crate) enum Bound<'a> {
    Null,
    Integer(i64),
    Text(&'a str),
    Owned(String),
}

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Owned(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

/// What the tables hold: texts, integers, booleans (as integers), and nothing.
pub(crate) trait Bind<'a> {
    fn bound(self) -> Bound<'a>;
}

impl<'a> Bind<'a> for &'a str {
    fn bound(self) -> Bound<'a> {
        Bound::Text(self)
    }
}
impl<'a> Bind<'a> for &'a String {
    fn bound(self) -> Bound<'a> {
        Bound::Text(self)
    }
}
impl<'a> Bind<'a> for String {
    fn bound(self) -> Bound<'a> {
        Bound::Owned(self)
    }
}
impl<'a> Bind<'a> for i64 {
    fn bound(self) -> Bound<'a> {
        Bound::Integer(self)
    }
}
impl<'a> Bind<'a> for &i64 {
    fn bound(self) -> Bound<'a> {
        Bound::Integer(*self)
    }
}
impl<'a> Bind<'a> for bool {
    fn bound(self) -> Bound<'a> {
        Bound::Integer(i64::from(self))
    }
}
impl<'a, T: Bind<'a>> Bind<'a> for Option<T> {
    fn bound(self) -> Bound<'a> {
        self.map_or(Bound::Null, Bind::bound)
    }
}
impl<'a, T> Bind<'a> for &'a Option<T>
where
    &'a T: Bind<'a>,
{
    fn bound(self) -> Bound<'a> {
        self.as_ref().map_or(Bound::Null, Bind::bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_keep_their_numbers_wherever_they_stand() {
        let memory = Connect { path: None, create: true, read_only: false, query_only: false, sync: false };
        let sqlite = memory.connect().unwrap();
        let read: Option<(String, i64)> =
            sqlite.first("SELECT $2, $1", &Binds::default().bind(7_i64).bind("b")).unwrap();
        assert_eq!(read, Some(("b".to_owned(), 7)));
        let none: Option<String> = sqlite.scalar("SELECT $1", &Binds::default().bind(None::<&str>)).unwrap();
        assert_eq!(none, None);
    }
}
