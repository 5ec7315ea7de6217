//! The one writer of an SQLite file: group commit of owned units of work.
//!
//! `BEGIN IMMEDIATE`; each unit in its own `SAVEPOINT`, so that one that fails does not undo its neighbours; `COMMIT`; then, and
//! only then, the answers. Whatever arrives while a group commits forms the next group: batches fill from what is waiting,
//! never by waiting. The task outlives every error: a group that SQLite rolled back is answered with the cause and the
//! connection is replaced.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use futures_util::FutureExt as _;
use tokio::sync::{mpsc, oneshot};

use crate::intake::{IntakeUnit, IntakeWaiting};
use crate::sqlite::Connect;
use crate::tx::{Conn, Tx};
use crate::{BoxFuture, CommitHook, Error, Site, dialect};

/// One unit of work, its answer channel included.
pub(crate) trait Unit: Send {
    /// Does the work inside an open transaction.
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, Result<(), Error>>;
    /// Tells the waiting caller; `Ok` hands out what `run` produced.
    fn answer(self: Box<Self>, result: Result<(), Error>);
    /// A failed unit that stands for several callers falls apart, so that one bad row does not fail its neighbours.
    fn split(self: Box<Self>, error: &Error) -> Result<Vec<Box<dyn Unit>>, Box<dyn Unit>>;
}

/// What the queue holds. A unit without a site is a read (of a database in memory, which has one connection only).
pub(crate) enum Work {
    Unit(Option<Site>, Box<dyn Unit>),
    Intake(IntakeWaiting),
    Close(oneshot::Sender<()>),
}

/// A closure and its caller.
pub(crate) struct Job<T, F> {
    pub(crate) unit: Option<F>,
    pub(crate) out: Option<T>,
    pub(crate) reply: oneshot::Sender<Result<T, Error>>,
}

impl<T, F> Unit for Job<T, F>
where
    T: Send + 'static,
    F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, Error>> + Send + 'static,
{
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let unit = self.unit.take().ok_or_else(|| Error::Bug("a unit was run twice".to_owned()))?;
            self.out = Some(unit(tx).await?);
            Ok(())
        })
    }

    fn answer(self: Box<Self>, result: Result<(), Error>) {
        let Job { out, reply, .. } = *self;
        let answer = result.and_then(|()| out.ok_or_else(|| Error::Bug("a unit gave no answer".to_owned())));
        // A caller that stopped waiting loses only the answer.
        let _ = reply.send(answer);
    }

    fn split(self: Box<Self>, _error: &Error) -> Result<Vec<Box<dyn Unit>>, Box<dyn Unit>> {
        Err(self)
    }
}

/// How often, how much.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) commits: AtomicU64,
    pub(crate) units: AtomicU64,
    pub(crate) intakes: AtomicU64,
    pub(crate) reconnects: AtomicU64,
}

/// The task.
pub(crate) struct Writer {
    pub(crate) connect: Connect,
    /// `None` after a failure, until the next group connects again. A database in memory lives in its connection.
    pub(crate) tx: Option<Tx>,
    pub(crate) in_memory: bool,
    /// Bound on the pages of the file, 0 for none; kept here because SQLite keeps it per connection.
    pub(crate) pages_max: Arc<AtomicU32>,
    pub(crate) hook: Option<Arc<dyn CommitHook>>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) batch_units_max: usize,
}

/// A unit that ran inside the group, and how.
type Ran = (Option<Site>, Box<dyn Unit>, Result<(), Error>);

impl Writer {
    /// Works until told to close or until every [`crate::Store`] is dropped.
    pub(crate) async fn run(mut self, mut queue: mpsc::Receiver<Work>) {
        let mut batch = Vec::with_capacity(self.batch_units_max);
        loop {
            if queue.recv_many(&mut batch, self.batch_units_max).await == 0 {
                break;
            }
            let mut units: Vec<(Option<Site>, Box<dyn Unit>)> = Vec::with_capacity(batch.len());
            let mut intakes = Vec::new();
            let mut closers = Vec::new();
            for work in batch.drain(..) {
                match work {
                    Work::Unit(site, unit) => units.push((site, unit)),
                    Work::Intake(waiting) => intakes.push(waiting),
                    Work::Close(done) => closers.push(done),
                }
            }
            if !intakes.is_empty() {
                units.push((Some(Site::Intake), Box::new(IntakeUnit::new(intakes))));
            }
            let (reads, units): (Vec<_>, Vec<_>) = units.into_iter().partition(|(site, _)| site.is_none());
            if !reads.is_empty() {
                self.look(reads).await;
            }
            if !units.is_empty() {
                self.group(units).await;
            }
            if !closers.is_empty() {
                queue.close();
                self.disconnect();
                for done in closers {
                    let _ = done.send(());
                }
                return;
            }
        }
        self.disconnect();
    }

    fn disconnect(&mut self) {
        if let Some(Conn::Writer(conn)) = self.tx.take().map(Tx::into_conn) {
            // Checkpoints the WAL when this is the last connection; a failure leaves a WAL that the next opening recovers.
            if let Err(error) = conn.close() {
                tracing::warn!(%error, "closing the database");
            }
        }
    }

    /// The connection, made again when the last group lost it.
    async fn connected(&mut self) -> Result<Tx, Error> {
        if let Some(tx) = self.tx.take() {
            return Ok(tx);
        }
        self.tally.reconnects.fetch_add(1, Ordering::Relaxed);
        let conn = self.connect.connect()?;
        let mut tx = Tx::new(Conn::Writer(Box::new(conn)));
        let pages = self.pages_max.load(Ordering::Relaxed);
        if pages > 0 {
            tx.raw(dialect::sqlite_pages_max(pages), "max_page_count").await?;
        }
        Ok(tx)
    }

    /// Units that only read need no transaction: nothing else runs on this connection meanwhile.
    async fn look(&mut self, units: Vec<(Option<Site>, Box<dyn Unit>)>) {
        match self.connected().await {
            Ok(mut tx) => {
                for (_, mut unit) in units {
                    let answer = guarded(&mut tx, unit.as_mut()).await;
                    self.tally.units.fetch_add(1, Ordering::Relaxed);
                    unit.answer(answer);
                }
                self.tx = Some(tx);
            }
            Err(error) => {
                for (_, unit) in units {
                    unit.answer(Err(error.clone()));
                }
            }
        }
    }

    /// One transaction. Every unit is answered.
    async fn group(&mut self, units: Vec<(Option<Site>, Box<dyn Unit>)>) {
        let begun = match self.connected().await {
            Ok(mut tx) => match tx.raw("BEGIN IMMEDIATE", "begin").await {
                Ok(()) => Ok(tx),
                Err(error) => {
                    self.put_aside(tx, &error).await;
                    Err(error)
                }
            },
            Err(error) => Err(error),
        };
        let mut tx = match begun {
            Ok(tx) => tx,
            Err(error) => {
                for (_, unit) in units {
                    unit.answer(Err(error.clone()));
                }
                return;
            }
        };
        let mut ran: Vec<Ran> = Vec::with_capacity(units.len());
        // Taken from the end; a unit that splits puts its parts back.
        let mut left: Vec<_> = units.into_iter().rev().collect();
        let mut lost: Option<Error> = None;
        while let Some((site, mut unit)) = left.pop() {
            match in_savepoint(&mut tx, site, unit.as_mut(), self.hook.as_deref()).await {
                Ok(Err(error)) => match unit.split(&error) {
                    Ok(parts) => left.extend(parts.into_iter().rev().map(|part| (site, part))),
                    Err(unit) => ran.push((site, unit, Err(error))),
                },
                Ok(result) => ran.push((site, unit, result)),
                Err(error) => {
                    ran.push((site, unit, Err(error.clone())));
                    lost = Some(error);
                    break;
                }
            }
        }
        if lost.is_none() {
            lost = tx.raw("COMMIT", "commit").await.err();
        }
        match lost {
            None => {
                self.tally.commits.fetch_add(1, Ordering::Relaxed);
                // A connection made while the file could not be written can only read, for as long as it lives.
                let read_only = ran.iter().find_map(|(_, _, result)| {
                    result.as_ref().err().filter(|error| matches!(error, Error::ReadOnly(_))).cloned()
                });
                match read_only {
                    Some(error) => self.put_aside(tx, &error).await,
                    None => self.tx = Some(tx),
                }
                for (site, unit, result) in ran {
                    let result = result.and_then(|()| after(self.hook.as_deref(), site));
                    self.tally.units.fetch_add(1, Ordering::Relaxed);
                    unit.answer(result);
                }
            }
            Some(error) => {
                self.put_aside(tx, &error).await;
                for (_, unit, result) in ran {
                    unit.answer(result.and(Err(error.clone())));
                }
                for (_, unit) in left {
                    unit.answer(Err(error.clone()));
                }
            }
        }
    }

    /// After a transaction that could not be begun, continued or committed: roll back what is left of it and take a new
    /// connection for the next group. In memory the connection is the database, so it is kept.
    async fn put_aside(&mut self, mut tx: Tx, error: &Error) {
        // Whoever asked gets the error, and the store tells of a trouble once: see `trouble.rs`.
        tracing::debug!(%error, "the writer's transaction was lost; rolling back and connecting again");
        // Fails when SQLite has rolled back already; dropping the connection does it in any case.
        let _ = tx.raw("ROLLBACK", "rollback").await;
        if self.in_memory {
            self.tx = Some(tx);
        } else if let Conn::Writer(conn) = tx.into_conn() {
            let _ = conn.close();
        }
    }
}

/// Runs one unit. A panic in it is that unit's failure, not the writer's.
async fn guarded(tx: &mut Tx, unit: &mut dyn Unit) -> Result<(), Error> {
    let answer = AssertUnwindSafe(async { unit.run(tx).await })
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(Error::Bug("a unit of work panicked".to_owned())));
    tx.settle(answer)
}

/// Runs one unit in a savepoint. The outer error means that the whole transaction is lost.
async fn in_savepoint(
    tx: &mut Tx,
    site: Option<Site>,
    unit: &mut dyn Unit,
    hook: Option<&dyn CommitHook>,
) -> Result<Result<(), Error>, Error> {
    tx.raw("SAVEPOINT unit", "savepoint").await?;
    let answer = guarded(tx, unit).await.and_then(|()| before(hook, site));
    match &answer {
        Ok(()) => tx.raw("RELEASE unit", "release").await?,
        // When SQLite rolled the transaction back by itself there is no savepoint any more: report the cause, not that.
        Err(cause) => match tx.raw("ROLLBACK TO unit; RELEASE unit", "rollback to savepoint").await {
            Ok(()) => {}
            Err(_) => return Err(cause.clone()),
        },
    }
    Ok(answer)
}

pub(crate) fn before(hook: Option<&dyn CommitHook>, site: Option<Site>) -> Result<(), Error> {
    match (hook, site) {
        (Some(hook), Some(site)) if hook.before(site) => Err(Error::Crash(site)),
        _ => Ok(()),
    }
}

pub(crate) fn after(hook: Option<&dyn CommitHook>, site: Option<Site>) -> Result<(), Error> {
    match (hook, site) {
        (Some(hook), Some(site)) if hook.after(site) => Err(Error::Crash(site)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::{Error, Options, Site, Store, cursor_get, cursor_put};

    /// SQLite rolls a whole transaction back by itself on some errors. Then no unit of the group may be answered `Ok`, the unit
    /// that came after must not have run outside of a transaction, and the next group works.
    #[tokio::test]
    async fn a_transaction_that_sqlite_rolled_back_fails_its_whole_group() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", dir.path().join("ringback.db").display());
        let store = Store::open(Options::new(url)).await.unwrap();
        let put = |name: &'static str, lose: bool| {
            let store = store.clone();
            async move {
                store
                    .write(Site::Other, move |tx| {
                        Box::pin(async move {
                            cursor_put(tx, "a", "c", name, "1", 1).await?;
                            if lose { tx.raw("ROLLBACK", "as SQLite would").await } else { Ok(()) }
                        })
                    })
                    .await
            }
        };
        // One thread: all three are queued before the writer runs, so they are one group.
        let (one, two, three) = tokio::join!(put("one", false), put("two", true), put("three", false));
        for answer in [one, two, three] {
            assert!(matches!(answer, Err(Error::Bug(_))), "{answer:?}");
        }
        put("four", false).await.unwrap();
        for (name, there) in [("one", false), ("two", false), ("three", false), ("four", true)] {
            let seen =
                store.read(move |tx| Box::pin(async move { cursor_get(tx, "a", "c", name).await })).await.unwrap();
            assert_eq!(seen.is_some(), there, "{name}");
        }
        assert_eq!(store.counts().reconnects, 1);
    }
}
