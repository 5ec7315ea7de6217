//! Histories that are stored as the engine stores them, many in one unit: what a backtest is measured on.
//!
//! The decisions are those of a live inquiry: each event goes through the same step, and its entries, documents, plans and effects are the same
//! rows. What differs: no signal and no call row is kept, the vendor's answers are given and not asked for, and an effect's own row stays as
//! it was planned. A backtest reads none of these.

use crate::facts::AccountFacts;
use crate::inquire::{self, ChainEnd, Decided, Loaded};
use crate::{Engine, Error, fold};
use jiff::{SignedDuration, Timestamp};
use ringback_core::call::{self, Call, FoldFacts, Place, Transcript};
use ringback_core::crm::{Object, Properties, Record};
use ringback_core::effect::{Desired, Effect};
use ringback_core::ensure::Receipt;
use ringback_core::id::{AccountId, CallId, ConnectionId, InquiryId, SignalId};
use ringback_core::inquiry::{Event, Inquiry, InquiryCall};
use ringback_core::ledger::{Document, Retention};
use ringback_core::signal::Signal;
use ringback_store::Site;
use std::sync::Arc;

/// Plans that follow from each other's receipts; more than any inquiry has.
const ROUNDS_MAX: usize = 8;

/// Decides histories of one account.
pub struct Recorder {
    facts: Arc<AccountFacts>,
}

/// One history, decided and not stored yet.
pub struct Recorded {
    decided: Vec<(Decided, Timestamp)>,
    words: Option<(Document, Timestamp)>,
}

impl Engine {
    /// Decides under what holds for the account now.
    pub async fn recorder(&self, account: &AccountId) -> Result<Recorder, Error> {
        Ok(Recorder { facts: self.facts(account).await? })
    }

    /// Stores histories in one unit of work; [`ringback_store::Error::Conflict`] when an id or an open caller is there already.
    pub async fn keep_histories(&self, account: &AccountId, histories: Vec<Recorded>) -> Result<(), Error> {
        let (account, days) = (account.as_str().to_owned(), self.facts(account).await?.days);
        let stored = self.store().write(Site::Setup, move |tx| {
            Box::pin(async move {
                for history in &histories {
                    if let Some((document, at)) = &history.words {
                        inquire::put_documents(tx, &account, days, vec![document.clone()], *at).await?;
                    }
                    for (decided, at) in &history.decided {
                        decided.store_alone(tx, *at).await?;
                    }
                }
                Ok(())
            })
        });
        Ok(stored.await?)
    }
}

impl Recorder {
    /// A call that ended as the signal says, read if it left words, shown what the CRM holds of its caller, and called back. Every write succeeds. `n` names
    /// the call, the inquiry and what is made in the CRM. `None` where no inquiry comes of it.
    pub fn history(
        &self,
        n: usize,
        signal: &Signal,
        received_at: Timestamp,
        words: Option<&str>,
        records: &[Record],
        reached: Event,
    ) -> Result<Option<Recorded>, Error> {
        let facts = self.facts.as_ref();
        let (connection, signal_id) =
            (ConnectionId::from_text("conn_record"), SignalId::from_text(format!("sig_r{n}")));
        let words = words.map(|text| (facts.salt.document(Retention::Speech, "transcript", text), text));
        let fold_facts = FoldFacts {
            roster: &facts.roster,
            connection: &connection,
            connection_location: None,
            region: "US",
            signal: &signal_id,
            received_at,
            transcript: None,
        };
        let new = Call::new(CallId::from_text(format!("call_r{n}")), facts.account.clone(), received_at);
        let mut call = call::fold(new, signal, fold_facts);
        let transcript = words.as_ref().map(|(document, _)| Transcript {
            document: document.id.clone(),
            version: 1,
            signal: signal_id.clone(),
        });
        call.transcripts.extend(transcript.clone());
        let person = fold::person_of(facts, &call);
        let Place::Inquiry { open_key } = call::place(&call, person.as_deref(), None, false) else { return Ok(None) };
        let born = Inquiry::new(InquiryId::from_text(format!("inq_r{n}")), &call, person, received_at);
        let told = InquiryCall::of(&call, None);
        let mut first = vec![Event::Call { call: told.clone() }];
        if let (Some(transcript), Some((_, text))) = (transcript, &words) {
            first.push(fold::read_words(facts, &born, &told, transcript, text));
        }
        let mut moving = Moving { facts, open_key, version: None, end: None, decided: Vec::new(), now: received_at };
        let mut inquiry = moving.go(born, &first)?;
        moving.later(1);
        if let Some(find) = inquiry.effects.get("find") {
            let (effect, read_at) = (find.id.clone(), moving.now);
            let found = Event::Found { effect, read_at, records: records.to_vec(), memory: Vec::new() };
            inquiry = moving.go(inquiry, &[found])?;
        }
        for _ in 0..ROUNDS_MAX {
            let receipts = moving.receipts(n, &inquiry);
            if receipts.is_empty() {
                break;
            }
            moving.later(1);
            inquiry = moving.go(inquiry, &receipts)?;
        }
        moving.later(20);
        moving.go(inquiry, &[reached])?;
        let words = words.map(|(document, _)| (document, received_at));
        Ok(Some(Recorded { decided: moving.decided, words }))
    }
}

/// A history on its way.
struct Moving<'f> {
    facts: &'f AccountFacts,
    open_key: String,
    version: Option<i64>,
    end: Option<ChainEnd>,
    decided: Vec<(Decided, Timestamp)>,
    now: Timestamp,
}

impl Moving<'_> {
    fn later(&mut self, minutes: i64) {
        self.now = self.now.checked_add(SignedDuration::from_mins(minutes)).unwrap_or(self.now);
    }

    fn go(&mut self, inquiry: Inquiry, events: &[Event]) -> Result<Inquiry, Error> {
        let loaded = Loaded { inquiry, version: self.version, open_key: Some(self.open_key.clone()) };
        let decided = inquire::decide(self.facts, loaded, self.end.take(), events, Vec::new(), self.now)?;
        self.end = decided.end();
        self.version = Some(self.version.map_or(0, |version| version + 1));
        let inquiry = decided.inquiry.clone();
        self.decided.push((decided, self.now));
        Ok(inquiry)
    }

    /// What the last step planned stands there as it was sent.
    fn receipts(&self, n: usize, inquiry: &Inquiry) -> Vec<Event> {
        let planned = self.decided.last().into_iter().flat_map(|(d, _)| d.effects());
        let current = |e: &&Effect| inquiry.effects.get(&e.target).is_some_and(|held| held.id == e.id);
        let settled = |effect: &Effect| {
            let (object, record, was) = match &effect.desired {
                Desired::NewContact { .. } => (Object::Contact, format!("{n}"), Properties::new()),
                Desired::ContactFields { record, was, .. } => (Object::Contact, record.clone(), was.clone()),
                Desired::Activity { object, .. } | Desired::ActivityIfMade { object, .. } => {
                    (*object, format!("{}-{n}", object.as_str()), Properties::new())
                }
                _ => return None,
            };
            let properties = effect.desired.properties().cloned().unwrap_or_default();
            let read_at = Some(self.now);
            let receipt = Receipt { object: Some(object), record, read_at, properties, was, ..Receipt::default() };
            Some(Event::Settled { effect: effect.id.clone(), target: effect.target.clone(), receipt })
        };
        planned.filter(current).filter_map(settled).collect()
    }
}
