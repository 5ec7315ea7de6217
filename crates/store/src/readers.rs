//! The reading connections of an SQLite file: a few, made when first needed, each used by one unit at a time on a thread that may block.
//!
//! The threads are the readers' own and as many as the connections. The runtime's pool for blocking work starts one more whenever none
//! is back yet, and every thread that ever allocated keeps its part of the heap: that cost a tenth of the program's memory. And a
//! name server that does not answer holds the runtime's threads, but not these.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};

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
    crew: Arc<Crew>,
}

impl Readers {
    pub(crate) fn new(connect: Connect, most: u32) -> Self {
        let free = Arc::new(Semaphore::new(most as usize));
        Self { connect, most, free, idle: Arc::default(), crew: Arc::default() }
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
        let (connect, idle, runtime) = (self.connect.clone(), self.idle.clone(), tokio::runtime::Handle::current());
        let (reply, answer) = oneshot::channel();
        let job = Box::new(move || {
            // A panic in the unit is its caller's failure, not the thread's.
            let looked = std::panic::catch_unwind(AssertUnwindSafe(|| look(&connect, &idle, &runtime, unit)));
            drop(permit);
            // A caller that stopped waiting loses only the answer.
            let _ = reply.send(looked.unwrap_or_else(|_| Err(Error::Bug("a unit of work panicked".to_owned()))));
        });
        self.crew.take(job, self.most as usize)?;
        answer.await.map_err(|_| closed())?
    }

    /// Waits for the units under way and closes every connection.
    pub(crate) async fn close(&self) {
        let _all_of_them = self.free.acquire_many(self.most).await;
        self.free.close();
        for conn in std::mem::take(&mut *held(&self.idle)) {
            let _gone_all_the_same = conn.close();
        }
    }
}

fn look<T, F>(
    connect: &Connect,
    idle: &Mutex<Vec<Sqlite>>,
    runtime: &tokio::runtime::Handle,
    unit: F,
) -> Result<T, Error>
where
    F: for<'a> FnOnce(&'a mut Tx) -> BoxFuture<'a, Result<T, Error>>,
{
    let kept = held(idle).pop();
    let conn = match kept {
        Some(conn) => conn,
        None => connect.connect()?,
    };
    conn.batch("BEGIN").map_err(|error| Error::from_rusqlite(&error, "begin"))?;
    let mut tx = Tx::new(Conn::Reader(conn));
    let answer = runtime.block_on(unit(&mut tx));
    let answer = tx.settle(answer);
    if let Conn::Reader(conn) = tx.into_conn()
        && conn.batch("ROLLBACK").is_ok()
    {
        held(idle).push(conn);
    }
    answer
}

fn held<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a thread does next, the answer to its caller included.
type Job = Box<dyn FnOnce() + Send>;

/// The threads. They end with the last handle on them.
#[derive(Default)]
struct Crew(Arc<Board>);

/// What the threads share.
#[derive(Default)]
struct Board {
    jobs: Mutex<Jobs>,
    came: Condvar,
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    threads: usize,
    /// Threads that wait for a job.
    resting: usize,
    over: bool,
}

impl Crew {
    /// Hands a job to a thread that rests, to a new one, or to the one that comes back next.
    fn take(&self, job: Job, most: usize) -> Result<(), Error> {
        let mut jobs = held(&self.0.jobs);
        if jobs.resting <= jobs.waiting.len() && jobs.threads < most {
            let board = self.0.clone();
            let thread = std::thread::Builder::new().name("ringback-reader".to_owned());
            match thread.spawn(move || board.work()) {
                Ok(_detached) => jobs.threads += 1,
                Err(_) if jobs.threads > 0 => {}
                Err(error) => return Err(Error::Unavailable(format!("no thread could be started: {error}"))),
            }
        }
        jobs.waiting.push_back(job);
        self.0.came.notify_one();
        Ok(())
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        held(&self.0.jobs).over = true;
        self.0.came.notify_all();
    }
}

impl Board {
    fn work(&self) {
        let mut jobs = held(&self.jobs);
        loop {
            if let Some(job) = jobs.waiting.pop_front() {
                drop(jobs);
                job();
                jobs = held(&self.jobs);
            } else if jobs.over {
                return;
            } else {
                jobs.resting += 1;
                jobs = self.came.wait(jobs).unwrap_or_else(PoisonError::into_inner);
                jobs.resting -= 1;
            }
        }
    }
}
