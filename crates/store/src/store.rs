//! The store itself: opening, units of work, reads, intake, probes.

use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgPool};
use tokio::sync::{mpsc, oneshot};

use crate::intake::{IntakeUnit, IntakeWaiting};
use crate::readers::Readers;
use crate::sqlite::Connect;
use crate::trouble::Watch;
use crate::tx::{Conn, Tx};
use crate::writer::{Job, Tally, Unit, Work, Writer, after, before};
use crate::{BoxFuture, Error, SignalIn, SignalStored, dialect, migrate};

/// How long a unit waits for a free PostgreSQL connection.
const WAIT_SECONDS: u64 = 5;
/// Prepared statements kept per connection: all of this crate's and the common row-list sizes.
pub const STATEMENTS_MAX: usize = 512;
/// Units that may wait for the writer, in batches; more callers than that wait to be let in.
const QUEUE_BATCHES_MAX: usize = 4;

/// What [`Store::probe`] writes: more than most requests, so that a disk with room for it is not full again with the next.
const PROBE_BYTES: usize = 256 * 1024;

/// Which engine holds the data.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Engine {
    /// One file, one writer.
    Sqlite,
    /// PostgreSQL 15 or newer.
    Postgres,
}

/// Whether commits wait for the disk.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// They do. The only setting for real data.
    #[default]
    Full,
    /// They do not: simulation and tests only.
    NoSync,
}

/// How to open a store.
#[derive(Clone)]
pub struct Options {
    /// `sqlite:///absolute/path.db` (with `?mode=ro` to look without writing), `sqlite://:memory:` or `postgres://…`.
    pub url: String,
    /// Whether commits wait for the disk.
    pub durability: Durability,
    /// Most reading connections (SQLite), or most connections altogether (PostgreSQL).
    pub readers_max: u32,
    /// Most units, and most signals, that share one commit.
    pub batch_units_max: usize,
    /// Asked around every commit; for the simulation's crash schedule.
    pub hook: Option<Arc<dyn CommitHook>>,
}

impl Options {
    /// Full durability, 8 readers, 256 units a batch, no hook.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), durability: Durability::Full, readers_max: 8, batch_units_max: 256, hook: None }
    }
}

/// Named places where the program commits. The simulation crashes before and after each.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Site {
    /// Signals stored before they are acknowledged.
    Intake,
    /// A signal folded into its call.
    Fold,
    /// A call placed in its inquiry, and the plan that follows.
    Place,
    /// An attempt about to leave.
    Attempt,
    /// The outcome of an attempt.
    Outcome,
    /// What the vendor holds according to a later read.
    Receipt,
    /// A timer that fell due.
    Timer,
    /// A person's decision.
    Decision,
    /// A lane leased or released.
    Lease,
    /// Rows of an imported file.
    Import,
    /// Accounts, users, connections, contracts, rosters.
    Setup,
    /// Words removed by policy or request.
    Erase,
    /// A step of a rollback.
    Rollback,
    /// Anything else.
    Other,
}

impl Site {
    /// Every site.
    pub const ALL: [Site; 14] = [
        Site::Intake,
        Site::Fold,
        Site::Place,
        Site::Attempt,
        Site::Outcome,
        Site::Receipt,
        Site::Timer,
        Site::Decision,
        Site::Lease,
        Site::Import,
        Site::Setup,
        Site::Erase,
        Site::Rollback,
        Site::Other,
    ];

    /// Its name in reports and seeds.
    pub fn word(self) -> &'static str {
        match self {
            Site::Intake => "intake",
            Site::Fold => "fold",
            Site::Place => "place",
            Site::Attempt => "attempt",
            Site::Outcome => "outcome",
            Site::Receipt => "receipt",
            Site::Timer => "timer",
            Site::Decision => "decision",
            Site::Lease => "lease",
            Site::Import => "import",
            Site::Setup => "setup",
            Site::Erase => "erase",
            Site::Rollback => "rollback",
            Site::Other => "other",
        }
    }
}

/// Asked around each commit of a unit that succeeded (once per batch of intakes).
pub trait CommitHook: Send + Sync {
    /// Before the commit. `true`: crash here; the unit is rolled back and its caller gets [`Error::Crash`].
    fn before(&self, site: Site) -> bool;
    /// After the commit. `true`: crash here; the unit is stored, but its caller gets [`Error::Crash`].
    fn after(&self, site: Site) -> bool;
}

/// What the engine says about commits and the disk, read back from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// Whether an acknowledged commit survives a power cut, as far as the engine's settings say.
    pub waits_for_disk: bool,
    /// The settings, as read.
    pub settings: String,
}

/// Totals since opening.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Transactions committed by the store's writer or batcher (SQLite: all; PostgreSQL: all).
    pub commits: u64,
    /// Units answered after a commit, failed ones included; a batch of intakes is one.
    pub units: u64,
    /// Signals handed to [`Store::intake`].
    pub intakes: u64,
    /// Times the SQLite writer connected anew.
    pub reconnects: u64,
}

/// The database. Cheap to clone. Dropping the last clone ends its task; [`Store::close`] waits for that.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    pools: Pools,
    /// SQLite: everything that writes. PostgreSQL: intakes.
    queue: mpsc::Sender<Work>,
    hook: Option<Arc<dyn CommitHook>>,
    tally: Arc<Tally>,
    pages_max: Arc<AtomicU32>,
    watch: Watch,
}

enum Pools {
    /// `None` in memory, where reads go through the writer too.
    Sqlite(Option<Readers>),
    Postgres(PgPool),
}

impl Store {
    /// Opens, migrates and checks. Creates an SQLite file that does not exist, never its directory.
    ///
    /// Errors: [`Error::NewerSchema`], [`Error::NotDurable`] (SQLite not in `synchronous = FULL` although asked), `Unavailable`,
    /// `ReadOnly` (migration needed), `Corrupt`, `Bug` (a URL that is none of ours, PostgreSQL before 15).
    pub async fn open(options: Options) -> Result<Self, Error> {
        let tally = Arc::new(Tally::default());
        let pages_max = Arc::new(AtomicU32::new(0));
        let batch = options.batch_units_max.max(1);
        let (sender, queue) = mpsc::channel(batch * QUEUE_BATCHES_MAX);
        let pools = if let Some(rest) = options.url.strip_prefix("sqlite://") {
            let (writer, readers) = open_sqlite(rest, &options, &tally, &pages_max).await?;
            start(writer, queue)?;
            Pools::Sqlite(readers)
        } else if options.url.starts_with("postgres://") || options.url.starts_with("postgresql://") {
            let pool = open_postgres(&options).await?;
            let batcher = Batcher { pool: pool.clone(), hook: options.hook.clone(), tally: tally.clone(), batch };
            tokio::spawn(batcher.run(queue));
            Pools::Postgres(pool)
        } else {
            return Err(Error::Bug("the database URL begins neither with sqlite:// nor with postgres://".to_owned()));
        };
        let watch = Watch::default();
        Ok(Self { inner: Arc::new(Inner { pools, queue: sender, hook: options.hook, tally, pages_max, watch }) })
    }

    /// Runs a unit of work in a transaction and answers after its commit.
    ///
    /// A unit touches nothing but the store: on SQLite all others wait for it. If the caller stops waiting, an SQLite unit may
    /// still commit, a PostgreSQL unit is rolled back. Nothing is retried here: [`Error::Conflict`] is the caller's to answer.
    pub async fn write<T, F>(&self, site: Site, unit: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, Error>> + Send + 'static,
    {
        let answer = match &self.inner.pools {
            Pools::Sqlite(_) => self.queued(Some(site), unit).await,
            Pools::Postgres(pool) => self.unit_postgres(pool, site, unit).await,
        };
        self.watched(answer, false)
    }

    /// Runs statements that change nothing, all on one snapshot of the data.
    pub async fn read<T, F>(&self, unit: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, Error>> + Send + 'static,
    {
        let answer = self.look(unit).await;
        // A file that can be written can be read, so there a read that failed waited too long for its turn.
        if let (Err(error), Engine::Postgres) = (&answer, self.engine()) {
            self.inner.watch.failed(error, false);
        }
        answer
    }

    async fn look<T, F>(&self, unit: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, Error>> + Send + 'static,
    {
        let mut tx = match &self.inner.pools {
            Pools::Sqlite(None) => return self.queued(None, unit).await,
            Pools::Sqlite(Some(readers)) => return readers.run(unit).await,
            Pools::Postgres(pool) => Conn::Postgres(
                pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    .await
                    .map_err(|error| Error::from_sqlx(&error, "begin"))?,
            ),
        }
        .into_tx();
        let answer = unit(&mut tx).await;
        let answer = tx.settle(answer);
        rollback(tx).await;
        answer
    }

    /// Stores one signal, together with all others that wait at this moment, in one multi-row insert and one commit.
    /// `Ok` means: on disk, acknowledge it.
    pub async fn intake(&self, row: SignalIn) -> Result<SignalStored, Error> {
        self.inner.tally.intakes.fetch_add(1, Ordering::Relaxed);
        let (reply, answer) = oneshot::channel();
        self.enqueue(Work::Intake(IntakeWaiting { row, reply })).await?;
        let answer = answer.await.unwrap_or_else(|_| Err(closed()));
        self.watched(answer, true)
    }

    /// What keeps the database from being written or read, as the last tries showed; `None` as soon as something was written.
    pub fn trouble(&self) -> Option<Error> {
        self.inner.watch.standing()
    }

    /// Writes something of some size and removes it again, so that [`Store::trouble`] ends although nobody else writes.
    pub async fn probe(&self) -> Result<(), Error> {
        self.write(Site::Other, |tx| {
            Box::pin(async move { crate::cursor_put(tx, "", "", "probe", &"x".repeat(PROBE_BYTES), 0).await })
        })
        .await?;
        self.write(Site::Other, |tx| Box::pin(async move { crate::cursor_delete(tx, "", "", "probe").await })).await
    }

    fn watched<T>(&self, answer: Result<T, Error>, intake: bool) -> Result<T, Error> {
        match &answer {
            Ok(_) => self.inner.watch.committed(),
            Err(error) => self.inner.watch.failed(error, intake),
        }
        answer
    }

    async fn unit_postgres<T, F>(&self, pool: &PgPool, site: Site, unit: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, Error>> + Send + 'static,
    {
        let mut tx = begin(pool).await?;
        let answer = unit(&mut tx).await;
        let hook = self.inner.hook.as_deref();
        let answer = tx.settle(answer).and_then(|out| before(hook, Some(site)).map(|()| out));
        finish(tx, answer.is_ok(), &self.inner.tally).await?;
        answer.and_then(|out| after(hook, Some(site)).map(|()| out))
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), Error> {
        self.read(|tx| Box::pin(async move { migrate::scalar(tx, "SELECT CAST(1 AS BIGINT)").await })).await.map(|_| ())
    }

    /// Which engine this is.
    pub fn engine(&self) -> Engine {
        match self.inner.pools {
            Pools::Sqlite(_) => Engine::Sqlite,
            Pools::Postgres(_) => Engine::Postgres,
        }
    }

    /// Reads back, from the connection that writes, whether commits wait for the disk. A kill of the process cannot show a
    /// missing sync; this can.
    pub async fn synced(&self) -> Result<Synced, Error> {
        match &self.inner.pools {
            Pools::Sqlite(_) => {
                let level = self.queued(None, |tx| Box::pin(synchronous(tx))).await?;
                Ok(Synced { waits_for_disk: level >= SYNCHRONOUS_FULL, settings: format!("synchronous={level}") })
            }
            Pools::Postgres(pool) => {
                let read = |name: &'static str| async move {
                    sqlx::query_scalar::<_, String>("SELECT current_setting($1)")
                        .bind(name)
                        .fetch_one(pool)
                        .await
                        .map_err(|error| Error::from_sqlx(&error, "current_setting"))
                };
                let (commit, fsync) = (read("synchronous_commit").await?, read("fsync").await?);
                Ok(Synced {
                    waits_for_disk: commit != "off" && fsync == "on",
                    settings: format!("synchronous_commit={commit} fsync={fsync}"),
                })
            }
        }
    }

    /// Totals since opening.
    pub fn counts(&self) -> Counts {
        let tally = &self.inner.tally;
        Counts {
            commits: tally.commits.load(Ordering::Relaxed),
            units: tally.units.load(Ordering::Relaxed),
            intakes: tally.intakes.load(Ordering::Relaxed),
            reconnects: tally.reconnects.load(Ordering::Relaxed),
        }
    }

    /// Bounds an SQLite file to `pages_max` pages (of 4,096 bytes; never below its present size), as a full disk would;
    /// `None` lifts the bound. PostgreSQL has no such bound: [`Error::Bug`].
    pub async fn bound_pages(&self, pages_max: Option<u32>) -> Result<(), Error> {
        if self.engine() == Engine::Postgres {
            return Err(Error::Bug("only an SQLite file can be bounded".to_owned()));
        }
        // SQLite's own limit stands for "none".
        let pages = pages_max.unwrap_or(u32::MAX - 1);
        self.inner.pages_max.store(pages_max.unwrap_or(0), Ordering::Relaxed);
        self.queued(None, move |tx| {
            Box::pin(async move { tx.raw(dialect::sqlite_pages_max(pages), "max_page_count").await })
        })
        .await
    }

    /// Finishes what is queued and closes every connection. Clones of this store get [`Error::Unavailable`] from then on.
    pub async fn close(self) {
        let (done, closed) = oneshot::channel();
        self.inner.watch.close();
        match &self.inner.pools {
            Pools::Sqlite(readers) => {
                // Readers first: the last connection to close is the one that checkpoints.
                if let Some(readers) = readers {
                    readers.close().await;
                }
                if self.enqueue(Work::Close(done)).await.is_ok() {
                    let _ = closed.await;
                }
            }
            Pools::Postgres(pool) => {
                if self.enqueue(Work::Close(done)).await.is_ok() {
                    let _ = closed.await;
                }
                pool.close().await;
            }
        }
    }

    async fn queued<T, F>(&self, site: Option<Site>, unit: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, Error>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Work::Unit(site, Box::new(Job { unit: Some(unit), out: None, reply }))).await?;
        answer.await.map_err(|_| closed())?
    }

    async fn enqueue(&self, work: Work) -> Result<(), Error> {
        self.inner.queue.send(work).await.map_err(|_| closed())
    }
}

impl Conn {
    fn into_tx(self) -> Tx {
        Tx::new(self)
    }
}

/// What every call says once the store is closed.
pub(crate) fn closed() -> Error {
    Error::Unavailable("the store is closed".to_owned())
}

/// `PRAGMA synchronous` as SQLite numbers it: 2 is FULL, 3 is EXTRA.
const SYNCHRONOUS_FULL: i64 = 2;

async fn synchronous(tx: &mut Tx) -> Result<i64, Error> {
    migrate::scalar(tx, "PRAGMA synchronous").await
}

/// A file's writer has a thread to itself, because a commit waits for the disk. A database in memory never waits: it is a task.
fn start(writer: Writer, queue: mpsc::Receiver<Work>) -> Result<(), Error> {
    if writer.in_memory {
        tokio::spawn(writer.run(queue));
        return Ok(());
    }
    let cannot = |error: std::io::Error| Error::Unavailable(format!("the writer's thread: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(cannot)?;
    let thread = std::thread::Builder::new().name("store-writer".to_owned());
    thread.spawn(move || runtime.block_on(writer.run(queue))).map(|_ends_with_the_store| ()).map_err(cannot)
}

async fn open_sqlite(
    rest: &str,
    options: &Options,
    tally: &Arc<Tally>,
    pages_max: &Arc<AtomicU32>,
) -> Result<(Writer, Option<Readers>), Error> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let read_only = match query {
        "" => false,
        "mode=ro" => true,
        _ => return Err(Error::Bug(format!("unknown option in the SQLite URL: ?{query}"))),
    };
    let in_memory = path == ":memory:";
    let connect = Connect {
        path: (!in_memory).then(|| path.to_owned()),
        create: !read_only,
        read_only,
        query_only: false,
        sync: options.durability == Durability::Full,
    };
    let mut tx = Tx::new(Conn::Writer(Box::new(connect.connect()?)));
    migrate_sqlite(&mut tx).await?;
    if options.durability == Durability::Full {
        let level = synchronous(&mut tx).await?;
        if level < SYNCHRONOUS_FULL {
            return Err(Error::NotDurable(format!("PRAGMA synchronous reads back as {level}")));
        }
    }
    let look = Connect { create: false, query_only: true, ..connect.clone() };
    let readers = (!in_memory).then(|| Readers::new(look, options.readers_max.max(1)));
    let writer = Writer {
        connect,
        tx: Some(tx),
        in_memory,
        pages_max: pages_max.clone(),
        hook: options.hook.clone(),
        tally: tally.clone(),
        batch_units_max: options.batch_units_max.max(1),
    };
    Ok((writer, readers))
}

async fn migrate_sqlite(tx: &mut Tx) -> Result<(), Error> {
    if !migrate::pending(tx).await? {
        return Ok(());
    }
    tx.raw("BEGIN IMMEDIATE", "begin").await?;
    match migrate::run(tx).await {
        Ok(()) => tx.raw("COMMIT", "commit").await,
        Err(error) => {
            let _ = tx.raw("ROLLBACK", "rollback").await;
            Err(error)
        }
    }
}

/// Oldest PostgreSQL, as `server_version_num` counts.
const POSTGRES_MIN: i64 = 150_000;

async fn open_postgres(options: &Options) -> Result<PgPool, Error> {
    let sync = options.durability == Durability::Full;
    let connect = PgConnectOptions::from_str(&options.url)
        // The driver's message may repeat the URL, which may hold a password.
        .map_err(|_| Error::Bug("the postgres:// URL cannot be read".to_owned()))?
        .application_name("ringback")
        .statement_cache_capacity(STATEMENTS_MAX)
        .disable_statement_logging();
    // A first connection of our own: the pool tries until its time is over and then says only that it is.
    let first = tokio::time::timeout(Duration::from_secs(WAIT_SECONDS), connect.connect()).await;
    let first =
        first.map_err(|_| Error::Unavailable(format!("open: the server did not answer in {WAIT_SECONDS} s")))?;
    let _ = first.map_err(|error| Error::from_sqlx(&error, "open"))?.close().await;
    let pool = PgPoolOptions::new()
        .max_connections(options.readers_max.max(2))
        .acquire_timeout(Duration::from_secs(WAIT_SECONDS))
        .after_connect(move |conn, _| {
            Box::pin(async move { conn.execute(sqlx::raw_sql(dialect::postgres_session(sync))).await.map(|_| ()) })
        })
        .connect_with(connect)
        .await
        .map_err(|error| Error::from_sqlx(&error, "open"))?;
    let mut tx = begin(&pool).await?;
    let version = migrate::scalar(&mut tx, "SELECT CAST(current_setting('server_version_num') AS BIGINT)").await?;
    if version < POSTGRES_MIN {
        return Err(Error::Bug(format!("PostgreSQL 15 or newer is needed, the server says {version}")));
    }
    if migrate::pending(&mut tx).await? {
        migrate::run(&mut tx).await?;
        commit(tx).await?;
    }
    Ok(pool)
}

async fn begin(pool: &PgPool) -> Result<Tx, Error> {
    Ok(Conn::Postgres(pool.begin().await.map_err(|error| Error::from_sqlx(&error, "begin"))?).into_tx())
}

async fn commit(tx: Tx) -> Result<(), Error> {
    match tx.into_conn() {
        Conn::Postgres(tx) => tx.commit().await.map_err(|error| Error::from_sqlx(&error, "commit")),
        Conn::Reader(_) | Conn::Writer(_) => Err(Error::Bug("not a transaction to commit here".to_owned())),
    }
}

async fn rollback(tx: Tx) {
    // A failure means that the connection is gone, and the transaction with it.
    let _ = match tx.into_conn() {
        Conn::Postgres(tx) => tx.rollback().await,
        Conn::Reader(_) | Conn::Writer(_) => Ok(()),
    };
}

async fn finish(tx: Tx, ok: bool, tally: &Tally) -> Result<(), Error> {
    if ok {
        commit(tx).await?;
        tally.commits.fetch_add(1, Ordering::Relaxed);
    } else {
        rollback(tx).await;
    }
    tally.units.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

/// PostgreSQL's intakes: whatever waits goes into one transaction.
struct Batcher {
    pool: PgPool,
    hook: Option<Arc<dyn CommitHook>>,
    tally: Arc<Tally>,
    batch: usize,
}

impl Batcher {
    async fn run(self, mut queue: mpsc::Receiver<Work>) {
        let mut batch = Vec::with_capacity(self.batch);
        while queue.recv_many(&mut batch, self.batch).await > 0 {
            let mut intakes = Vec::with_capacity(batch.len());
            let mut closers = Vec::new();
            for work in batch.drain(..) {
                match work {
                    Work::Intake(waiting) => intakes.push(waiting),
                    Work::Close(done) => closers.push(done),
                    Work::Unit(_, unit) => unit.answer(Err(Error::Bug("PostgreSQL units are not queued".to_owned()))),
                }
            }
            let mut left: Vec<Box<dyn Unit>> = Vec::new();
            if !intakes.is_empty() {
                left.push(Box::new(IntakeUnit::new(intakes)));
            }
            while let Some(mut unit) = left.pop() {
                match self.one(unit.as_mut()).await {
                    Err(error) => match unit.split(&error) {
                        Ok(parts) => left.extend(parts.into_iter().rev()),
                        Err(unit) => unit.answer(Err(error)),
                    },
                    Ok(()) => unit.answer(after(self.hook.as_deref(), Some(Site::Intake))),
                }
            }
            if !closers.is_empty() {
                queue.close();
                for done in closers {
                    let _ = done.send(());
                }
            }
        }
    }

    async fn one(&self, unit: &mut dyn Unit) -> Result<(), Error> {
        let mut tx = begin(&self.pool).await?;
        let answer = unit.run(&mut tx).await;
        let answer = tx.settle(answer).and_then(|()| before(self.hook.as_deref(), Some(Site::Intake)));
        finish(tx, answer.is_ok(), &self.tally).await?;
        answer
    }
}
