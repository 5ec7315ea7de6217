//! Storing what arrives: many waiting signals in one multi-row insert, each either the first of its delivery or a duplicate.

use tokio::sync::oneshot;

use crate::dialect::{ManyRows, exec_many, ids_of_many};
use crate::tables::documents::{DOCUMENTS_PUT, DocumentNew};
use crate::tx::{Tx, row, statements};
use crate::writer::Unit;
use crate::{BoxFuture, Error};

/// One signal as it arrives, with the document that holds its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalIn {
    /// Account of the connection.
    pub account: String,
    /// Id chosen by the caller, unique in the account.
    pub id: String,
    /// Id of the connection it came through.
    pub connection: String,
    /// The event that the URL or the body names.
    pub event: String,
    /// Arrival, microseconds UTC.
    pub received_at: i64,
    /// `stored`, or `quarantined` when its signature was wrong.
    pub state: String,
    /// Why it is quarantined.
    pub why: Option<String>,
    /// What is the same when the provider sends the same thing again. A second signal of this key is stored as a duplicate.
    pub delivery_key: String,
    /// The request, whole. Kept for duplicates too. Text: bytes that are no UTF-8, and NUL (which PostgreSQL cannot hold), are
    /// the caller's to escape.
    pub document: DocumentNew,
}

/// What became of it. Both cases are stored and may be acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalStored {
    /// The signal's id.
    pub id: String,
    /// The first signal of the same delivery, when this is not it.
    pub duplicate_of: Option<String>,
}

/// A signal and its waiting caller.
pub(crate) struct IntakeWaiting {
    pub(crate) row: SignalIn,
    pub(crate) reply: oneshot::Sender<Result<SignalStored, Error>>,
}

const COLUMNS: usize = 13;

pub(crate) const SIGNALS_INSERT_FIRST: ManyRows = ManyRows {
    name: "SIGNALS_INSERT_FIRST",
    head: "INSERT INTO signals (account, id, connection, event, received_at, state, delivery_key, duplicate_of, document, call_id, why, tries, due_at)",
    columns: COLUMNS,
    // The predicate is the index's own, so that both engines infer signals_first; a clash of ids still is an error.
    tail: "ON CONFLICT (account, connection, event, delivery_key) WHERE duplicate_of IS NULL AND state <> 'quarantined' DO NOTHING \
           RETURNING account, id",
};

pub(crate) const SIGNALS_INSERT_DUPLICATE: ManyRows =
    ManyRows { name: "SIGNALS_INSERT_DUPLICATE", tail: "", ..SIGNALS_INSERT_FIRST };

statements! {
    SIGNAL_FIRST_OF = "SELECT id FROM signals WHERE account = $1 AND connection = $2 AND event = $3 AND delivery_key = $4 \
        AND duplicate_of IS NULL AND state <> 'quarantined'";
}

/// The first signal of a delivery, if it is here already. A look before the work: who is first is decided where it is stored.
pub async fn signal_first_of(
    tx: &mut Tx,
    account: &str,
    connection: &str,
    event: &str,
    delivery_key: &str,
) -> Result<Option<String>, Error> {
    Ok(row!(tx, (String,), SIGNAL_FIRST_OF, account, connection, event, delivery_key)?.map(|(id,)| id))
}

/// Stores documents and signals. Race-free: the partial unique index decides who is first, the losers get rows of their own.
pub(crate) async fn store_all(tx: &mut Tx, signals: &[&SignalIn]) -> Result<Vec<SignalStored>, Error> {
    if signals.iter().any(|signal| has_nul(signal)) {
        return Err(Error::Bug("a signal holds a NUL character, which PostgreSQL cannot store: escape it".to_owned()));
    }
    exec_many!(tx, DOCUMENTS_PUT, signals, |query, signal| query
        .bind(&signal.account)
        .bind(&signal.document.id)
        .bind(&signal.document.class)
        .bind(&signal.document.kind)
        .bind(&signal.document.body)
        .bind(signal.document.created_at)
        .bind(signal.document.expires_at));
    let firsts: Vec<(String, String)> = insert_firsts(tx, signals).await?;
    let firsts: std::collections::HashSet<(&str, &str)> =
        firsts.iter().map(|(account, id)| (account.as_str(), id.as_str())).collect();
    let mut stored = Vec::with_capacity(signals.len());
    for signal in signals {
        let duplicate_of = if firsts.contains(&(signal.account.as_str(), signal.id.as_str())) {
            None
        } else {
            Some(insert_duplicate(tx, signal).await?)
        };
        stored.push(SignalStored { id: signal.id.clone(), duplicate_of });
    }
    Ok(stored)
}

async fn insert_firsts(tx: &mut Tx, signals: &[&SignalIn]) -> Result<Vec<(String, String)>, Error> {
    Ok(ids_of_many!(tx, SIGNALS_INSERT_FIRST, signals, |query, signal| query
        .bind(&signal.account)
        .bind(&signal.id)
        .bind(&signal.connection)
        .bind(&signal.event)
        .bind(signal.received_at)
        .bind(&signal.state)
        .bind(&signal.delivery_key)
        .bind(None::<&str>)
        .bind(&signal.document.id)
        .bind(None::<&str>)
        .bind(&signal.why)
        .bind(0_i64)
        .bind(signal.received_at)))
}

/// A row of its own for a repeated delivery, already folded; gives the first's id.
async fn insert_duplicate(tx: &mut Tx, signal: &SignalIn) -> Result<String, Error> {
    let first =
        row!(tx, (String,), SIGNAL_FIRST_OF, &signal.account, &signal.connection, &signal.event, &signal.delivery_key)?;
    // Gone between the two statements: on PostgreSQL the first may have been quarantined or erased by another unit.
    let (first,) = first.ok_or(Error::Conflict)?;
    let rows = [signal];
    exec_many!(tx, SIGNALS_INSERT_DUPLICATE, &rows[..], |query, signal| query
        .bind(&signal.account)
        .bind(&signal.id)
        .bind(&signal.connection)
        .bind(&signal.event)
        .bind(signal.received_at)
        .bind("folded")
        .bind(&signal.delivery_key)
        .bind(&first)
        .bind(&signal.document.id)
        .bind(None::<&str>)
        .bind(&signal.why)
        .bind(0_i64)
        .bind(signal.received_at));
    Ok(first)
}

fn has_nul(signal: &SignalIn) -> bool {
    [
        &signal.account,
        &signal.id,
        &signal.connection,
        &signal.event,
        &signal.delivery_key,
        &signal.document.id,
        &signal.document.body,
    ]
    .into_iter()
    .chain(&signal.why)
    .any(|text| text.contains('\0'))
}

/// Many intakes as one unit of work.
pub(crate) struct IntakeUnit {
    waiting: Vec<IntakeWaiting>,
    stored: Vec<SignalStored>,
}

impl IntakeUnit {
    pub(crate) fn new(waiting: Vec<IntakeWaiting>) -> Self {
        Self { waiting, stored: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

impl Unit for IntakeUnit {
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let rows: Vec<&SignalIn> = self.waiting.iter().map(|waiting| &waiting.row).collect();
            self.stored = store_all(tx, &rows).await?;
            Ok(())
        })
    }

    fn answer(self: Box<Self>, result: Result<(), Error>) {
        match result {
            Ok(()) => {
                for (waiting, stored) in self.waiting.into_iter().zip(self.stored) {
                    let _ = waiting.reply.send(Ok(stored));
                }
            }
            Err(error) => {
                for waiting in self.waiting {
                    let _ = waiting.reply.send(Err(error.clone()));
                }
            }
        }
    }

    fn split(self: Box<Self>, error: &Error) -> Result<Vec<Box<dyn Unit>>, Box<dyn Unit>> {
        // Only for what one row can cause. A full disk or a crash concerns them all.
        let one_row = matches!(error, Error::Conflict | Error::Bug(_) | Error::Rows { .. });
        if !one_row || self.len() < 2 {
            return Err(self);
        }
        Ok(self.waiting.into_iter().map(|waiting| Box::new(Self::new(vec![waiting])) as Box<dyn Unit>).collect())
    }
}
