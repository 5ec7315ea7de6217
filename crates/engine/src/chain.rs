//! The account's own chain of the ledger: what people did to rules and rights, beside the chains of the inquiries.
//!
//! It is named after the account, so it is verified, sealed into checkpoints and exported as every other chain is. It holds no decision of
//! rules: a replay has nothing to do in it, and erasing a caller leaves it alone.

use crate::audit::Told;
use crate::inquire::{KeptDays, chain_end, entry_rows, put_documents};
use crate::{Engine, Error};
use jiff::Timestamp;
use ringback_core::id::AccountId;
use ringback_core::ledger::{Draft, Salt};
use ringback_store::{self as store, Tx};

/// A hand on the chain of one account, for a unit of work that changes rules or rights.
#[derive(Debug, Clone)]
pub struct Chain {
    account: String,
    days: KeptDays,
    now: Timestamp,
}

impl Chain {
    /// Appends entries in the unit that makes the change, so that neither stands without the other. [`store::Error::Conflict`] when another
    /// node appended at the same moment: do the unit again.
    pub async fn tell(&self, tx: &mut Tx, drafts: Vec<Draft>) -> Result<(), store::Error> {
        let Some(row) = store::account_get(tx, &self.account).await? else {
            return Err(store::Error::Bug(format!("there is no account {} to keep a chain of", self.account)));
        };
        let end = chain_end(tx, &self.account, &self.account).await?;
        let salt = Salt(row.salt.into_bytes());
        let (rows, documents) = entry_rows(&self.account, &self.account, drafts, end.as_ref(), self.now, &salt);
        put_documents(tx, &self.account, self.days, documents, self.now).await?;
        store::entries_append(tx, &rows).await
    }
}

impl Engine {
    /// A hand on the account's own chain.
    pub fn chain(&self, account: &AccountId) -> Chain {
        let settings = self.settings();
        let days = KeptDays { raw: settings.raw_days, speech: settings.speech_days, value: settings.value_days };
        Chain { account: account.as_str().to_owned(), days, now: self.now() }
    }

    /// The account's own chain, oldest entry first.
    pub async fn account_entries(&self, account: &AccountId) -> Result<Vec<Told>, Error> {
        self.trail(account, account.as_str()).await?.told()
    }
}
