//! The reading connections of an SQLite file: a few, made when first needed, each used by one unit at a time on a thread that may block.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::sqlite::{Connect, Sqlite};
use crate::store::closed;
use crate::tx::{Conn, Tx};
use crate::{BoxFuture, Error};

/// How long a unit waits for a free connection.
const WAIT: Duration = Duration::from_secs(5);

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Readers {
    connect: Connect,
    most: u32,
    free: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Sqlite>>>,
}

impl Readers {
    pub(crate) fn new(connect: Connect, most: u32) -> Self {
        Self { connect, most, free: Arc::new(Semaphore::new(most as usize)), idle: Arc::default() }
    }

    /// Runs a unit in a transaction of its own that is rolled back afterwards.
    pub(crate) async fn run<T, F>(&self, unit: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, Error>> + Send + 'static,
    {
        let permit = tokio::time::timeout(WAIT, self.free.clone().acquire_owned())
            .await
            .map_err(|_| Error::Unavailable("every reading connection is busy".to_owned()))?
            .map_err(|_| closed())?;
        let readers = self.clone();
        let runtime = tokio::runtime::Handle::current();
        let ran = tokio::task::spawn_blocking(move || {
            let answer = readers.look(&runtime, unit);
            drop(permit);
            answer
        });
        // A panic in the unit is its caller's failure.
        ran.await.map_err(|_| Error::Bug("a unit of work panicked".to_owned()))?
    }

    fn look<T, F>(&self, runtime: &tokio::runtime::Handle, unit: F) -> Result<T, Error>
    where
        F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, Error>>,
    {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let conn = match idle {
            Some(conn) => conn,
            None => self.connect.connect()?,
        };
        conn.batch("BEGIN").map_err(|error| Error::from_rusqlite(&error, "begin"))?;
        let mut tx = Tx::new(Conn::Reader(conn));
        let answer = runtime.block_on(unit(&mut tx));
        let answer = tx.settle(answer);
        if let Conn::Reader(conn) = tx.into_conn()
            && conn.batch("ROLLBACK").is_ok()
        {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
        }
        answer
    }

    /// Waits for the units under way and closes every connection.
    pub(crate) async fn close(&self) {
        let _all_of_them = self.free.acquire_many(self.most).await;
        self.free.close();
        for conn in std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner)) {
            let _gone_all_the_same = conn.close();
        }
    }
}
