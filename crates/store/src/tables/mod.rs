//! One file per table or pair of tables: row structs, statements, functions.
//!
//! Conventions: `_insert` fails with [`crate::Error::Conflict`] on a taken key; `_once` answers whether it was first; `_if` answers
//! whether its guard held; everything else that updates asserts one row ([`crate::Error::Rows`]). A `version` in a row that is
//! given to an `_update_if` is the version that was read; the stored one becomes that plus one. Instants are microseconds UTC.

pub(crate) mod accounts;
pub(crate) mod alarms;
pub(crate) mod attempts;
pub(crate) mod calls;
pub(crate) mod clause_waits;
pub(crate) mod connections;
pub(crate) mod contracts;
pub(crate) mod crm_people;
pub(crate) mod cursors;
pub(crate) mod documents;
pub(crate) mod effects;
pub(crate) mod entries;
pub(crate) mod field_writes;
pub(crate) mod idempotency;
pub(crate) mod inquiries;
pub(crate) mod lanes;
pub(crate) mod people;
pub(crate) mod plans;
pub(crate) mod proofs;
pub(crate) mod reviews;
pub(crate) mod rollbacks;
pub(crate) mod roster;
pub(crate) mod sandbox_runs;
pub(crate) mod sessions;
pub(crate) mod signals;
pub(crate) mod tokens;
pub(crate) mod users;

pub use accounts::*;
pub use alarms::*;
pub use attempts::*;
pub use calls::*;
pub use clause_waits::*;
pub use connections::*;
pub use contracts::*;
pub use crm_people::*;
pub use cursors::*;
pub use documents::*;
pub use effects::*;
pub use entries::*;
pub use field_writes::*;
pub use idempotency::*;
pub use inquiries::*;
pub use lanes::*;
pub use people::*;
pub use plans::*;
pub use proofs::*;
pub use reviews::*;
pub use rollbacks::*;
pub use roster::*;
pub use sandbox_runs::*;
pub use sessions::*;
pub use signals::*;
pub use tokens::*;
pub use users::*;

use crate::dialect::{InList, ManyRows};
use crate::tx::Sql;

/// Every named statement.
pub(crate) fn statements() -> Vec<Sql> {
    [
        accounts::ALL,
        alarms::ALL,
        attempts::ALL,
        calls::ALL,
        clause_waits::ALL,
        connections::ALL,
        contracts::ALL,
        crm_people::ALL,
        cursors::ALL,
        documents::ALL,
        effects::ALL,
        entries::ALL,
        field_writes::ALL,
        idempotency::ALL,
        inquiries::ALL,
        lanes::ALL,
        people::ALL,
        plans::ALL,
        proofs::ALL,
        reviews::ALL,
        rollbacks::ALL,
        roster::ALL,
        sandbox_runs::ALL,
        sessions::ALL,
        signals::ALL,
        tokens::ALL,
        users::ALL,
        crate::intake::ALL,
    ]
    .concat()
}

/// Every multi-row insert.
pub(crate) fn many_rows() -> Vec<ManyRows> {
    vec![
        documents::DOCUMENTS_PUT,
        crate::intake::SIGNALS_INSERT_FIRST,
        crate::intake::SIGNALS_INSERT_DUPLICATE,
        entries::ENTRIES_APPEND,
        effects::EFFECTS_INSERT,
        field_writes::FIELD_WRITES_PUT,
        field_writes::CORRECTIONS_PUT,
        rollbacks::ROLLBACK_ITEMS_INSERT,
    ]
}

/// Every query with an `IN` list.
pub(crate) fn in_lists() -> Vec<InList> {
    vec![
        documents::DOCUMENTS_GET,
        entries::ENTRIES_HAPPENED,
        inquiries::INQUIRIES_QUEUE_IN,
        inquiries::QUEUE_COUNTS_IN,
        reviews::REVIEWS_OPEN_IN,
        reviews::REVIEWS_OPEN_COUNT_IN,
    ]
}
