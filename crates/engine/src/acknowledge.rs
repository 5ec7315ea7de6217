//! CRMs that are reached by a webhook: nothing can be read there, so what the receiver confirms stands for the read.
//!
//! A 2xx says that the message arrived, not that anything was written. The receiver confirms by a message of its own (or in its answer);
//! until then the state is *accepted, not acknowledged*, and nothing that needs the record goes on.

use crate::facts::ConnectionFacts;
use crate::{Engine, Error};
use ringback_core::crm::{CrmOp, Outcome};
use ringback_core::id::AccountId;

impl Engine {
    /// Answers what nobody can be asked; `None`: the operation is a message to be sent.
    pub(crate) async fn acknowledged(
        &self,
        _account: &AccountId,
        _held: &ConnectionFacts,
        _operations: &[CrmOp],
    ) -> Option<Vec<Outcome>> {
        None
    }

    /// Takes what a receiver posted to an address of ours.
    pub async fn take_acknowledgement(&self, path: &str, _body: &[u8]) -> Result<(), Error> {
        Err(Error::Missing(format!("address {path}")))
    }
}
