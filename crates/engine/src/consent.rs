//! Keeping with the person that they do not want to be reached, and taking it back.
//!
//! Whatever shows it first writes the person's row in the unit of its own event, and whatever else stands open about the same person learns of it in
//! that unit too. A new inquiry is told by its first event. Only a person who may, with a reason, takes it back ([`Engine::clear_opt_out`]); nothing
//! else in the program makes that event.

use crate::facts::AccountFacts;
use crate::inquire::{MEETINGS_MAX, chain_end, corrupt, decide, load, of_row};
use crate::{Engine, Error, micros};
use jiff::Timestamp;
use ringback_core::consent::{CONSENT_SCHEMA, Cleared, Consent, FLAG, OptOut, SaidBy};
use ringback_core::id::{AccountId, InquiryId, UserId};
use ringback_core::identity::{self, Phone};
use ringback_core::inquiry::{Event, Inquiry};
use ringback_core::ledger::Draft;
use ringback_core::problem::Problem;
use ringback_core::upcast::{self, Form};
use ringback_store::{self as store, Site, Tx};
use serde::{Deserialize, Serialize};

/// Inquiries of one person that are told at once; more are not open at a time.
const STANDING_MAX: u32 = 50;
/// What was hashed, and by which key: the account's own.
const KIND: &str = "phone";
const KEY: &str = "account";
/// The most characters of a reason.
pub const REASON_CHARS_MAX: usize = 500;

/// The form in the person's row.
#[derive(Serialize, Deserialize)]
struct Kept {
    schema: u32,
    #[serde(flatten)]
    consent: Consent,
}

fn written(consent: &Consent) -> Result<String, store::Error> {
    let kept = Kept { schema: CONSENT_SCHEMA, consent: consent.clone() };
    serde_json::to_string(&kept).map_err(|e| store::Error::Bug(e.to_string()))
}

/// What is kept with a person, and the text it stands in; `None`: the person has no row.
async fn kept(tx: &mut Tx, account: &str, person: &str) -> Result<Option<(Consent, String)>, store::Error> {
    let Some(row) = store::person_get(tx, account, person).await? else { return Ok(None) };
    let consent = upcast::read_own(Form::Consent, &row.suppression).map_err(|e| corrupt("person", person, e))?;
    Ok(Some((consent, row.suppression)))
}

/// The opt-out that is kept with a person.
pub(crate) async fn opted_out(
    tx: &mut Tx,
    account: &str,
    person: Option<&str>,
) -> Result<Option<OptOut>, store::Error> {
    let Some(person) = person else { return Ok(None) };
    Ok(kept(tx, account, person).await?.and_then(|(consent, _)| consent.opted_out))
}

/// What events of an inquiry mean for its person.
#[derive(Debug)]
pub(crate) struct Keep {
    person: String,
    inquiry: InquiryId,
    consent: Consent,
    /// Said or taken back here: what everybody else who knows the person is told. `None`: only now it is known who the caller is.
    news: Option<Event>,
}

impl Keep {
    /// `was`: whose the inquiry was before these events, if there was one (`known`) and it was known.
    pub(crate) fn of(known: bool, was: Option<&str>, after: &Inquiry, events: &[Event]) -> Option<Self> {
        let here = |event: &&Event| match event {
            Event::OptedOut { opt_out } => opt_out.inquiry.as_ref() == Some(&after.id),
            Event::OptOutCleared { .. } => true,
            _ => false,
        };
        let said = events.iter().rev().find(here).cloned();
        let named = known && was != after.person.as_deref();
        let told = after.consent.opted_out.clone().filter(|_| named).map(|opt_out| Event::OptedOut { opt_out });
        let news = said.or(told);
        (named || news.is_some()).then_some(())?;
        Some(Self { person: after.person.clone()?, inquiry: after.id.clone(), consent: after.consent.clone(), news })
    }

    /// Keeps it with the person, in the unit of the events.
    pub(crate) async fn store(&self, tx: &mut Tx, facts: &AccountFacts, now: Timestamp) -> Result<(), store::Error> {
        let account = facts.account.as_str();
        let held = kept(tx, account, &self.person).await?;
        let Some(news) = &self.news else {
            // Who it is was just found out: what is kept of them holds from here on.
            let opted_out = held.and_then(|(consent, _)| consent.opted_out);
            let Some(opt_out) = opted_out else { return Ok(()) };
            let Some(loaded) = load(tx, account, self.inquiry.as_str()).await? else { return Ok(()) };
            return alone(tx, facts, loaded, &Event::OptedOut { opt_out }, now).await;
        };
        let text = written(&self.consent)?;
        match (news, held) {
            // Taken back is what was read a moment ago, and nothing that was said since.
            (Event::OptOutCleared { .. }, Some((_, was))) => {
                let changed =
                    store::person_suppression_change_if(tx, account, &self.person, (&was, &text), micros(now)).await?;
                if !changed {
                    return Err(store::Error::Conflict);
                }
            }
            _ => store::person_suppress(tx, account, (&self.person, KIND, KEY), &text, micros(now)).await?,
        }
        for row in store::inquiries_standing_of_person(tx, account, &self.person, STANDING_MAX).await? {
            let loaded = of_row(row)?;
            let knows = loaded.inquiry.consent.opted_out.is_some();
            // An open inquiry of before may hold the flag alone.
            let news_there = match news {
                Event::OptOutCleared { .. } => loaded.inquiry.flags().contains(FLAG),
                _ => !knows,
            };
            if loaded.inquiry.id != self.inquiry && news_there {
                alone(tx, facts, loaded, news, now).await?;
            }
        }
        Ok(())
    }
}

/// Moves an inquiry by what is kept already.
async fn alone(
    tx: &mut Tx,
    facts: &AccountFacts,
    loaded: crate::inquire::Loaded,
    event: &Event,
    now: Timestamp,
) -> Result<(), store::Error> {
    let end = chain_end(tx, facts.account.as_str(), loaded.inquiry.id.as_str()).await?;
    decide(facts, loaded, end, std::slice::from_ref(event), Vec::new(), now)?.store_alone(tx, now).await
}

/// Whom it is about.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'a> {
    Inquiry(&'a InquiryId),
    /// A telephone number, whether or not somebody called from it.
    Number(&'a str),
}

impl Engine {
    /// What is kept of the wish of whoever has that number.
    ///
    /// # Errors
    /// `RB-0260` when the number cannot be read.
    pub async fn consent_of(&self, account: &AccountId, number: &str) -> Result<Consent, Error> {
        let (person, of) = (self.person_of(account, number).await?, account.as_str().to_owned());
        let held = self.store().read(move |tx| Box::pin(async move { kept(tx, &of, &person).await })).await?;
        Ok(held.map(|(consent, _)| consent).unwrap_or_default())
    }

    /// What the account keeps of the caller's wish and this inquiry does not know yet.
    pub(crate) async fn unknown_to(&self, account: &AccountId, inquiry: &InquiryId) -> Result<Option<OptOut>, Error> {
        let (of, id) = (account.as_str().to_owned(), inquiry.as_str().to_owned());
        let read = self.store().read(move |tx| {
            Box::pin(async move {
                let Some(row) = store::inquiry_get(tx, &of, &id).await? else { return Ok(None) };
                let Some(held) = opted_out(tx, &of, row.person_key.as_deref()).await? else { return Ok(None) };
                Ok(of_row(row)?.inquiry.consent.opted_out.is_none().then_some(held))
            })
        });
        Ok(read.await?)
    }

    /// The person does not want to be reached, says somebody of the business. At once, for everything that is open about them.
    ///
    /// # Errors
    /// [`Error::Missing`] for an inquiry that does not exist, `RB-0260` for a number that cannot be read.
    pub async fn opt_out(&self, account: &AccountId, whose: Whose<'_>, by: &UserId) -> Result<(), Error> {
        let said = |inquiry| OptOut { said: SaidBy::Person { by: by.clone() }, at: self.now(), inquiry };
        match self.whose_opt_out(account, whose).await? {
            Found::In(id) => {
                let event = Event::OptedOut { opt_out: said(Some(id.clone())) };
                self.act(account, &id, event).await.map(|_| ())
            }
            Found::Nowhere(person) => {
                let mut consent = Consent::default();
                consent.set(said(None));
                let draft = Draft::new("opted_out").with("said_by", "person").with("by", by).with("person", &person);
                self.keep_without_inquiry(account, person, consent, draft, |_| true).await
            }
        }
    }

    /// A person takes an opt-out back for the caller, with a reason that stands in the ledger. The record is looked at once more first: what the CRM
    /// still says holds as long as it says so there.
    ///
    /// # Errors
    /// `RB-0261` without a reason, or where nobody opted out; [`Error::Missing`]; `RB-0260`.
    pub async fn clear_opt_out(
        &self,
        account: &AccountId,
        whose: Whose<'_>,
        reason: &str,
        by: &UserId,
    ) -> Result<(), Error> {
        let reason: String = reason.trim().chars().take(REASON_CHARS_MAX).collect();
        if reason.is_empty() {
            let cause = "nothing says why the opt-out is taken back";
            return Err(told("RB-0261", cause, "say what the caller said, and when: it stands in the ledger"));
        }
        let nothing = || told("RB-0261", "this person has not opted out", "there is nothing to take back");
        match self.whose_opt_out(account, whose).await? {
            Found::In(id) => {
                let missing = || Error::Missing(format!("inquiry {id}"));
                let inquiry = self.inquiry(account, &id).await?.ok_or_else(missing)?;
                let elsewhere = self.unknown_to(account, &id).await?.is_some();
                if !elsewhere && !inquiry.flags().contains(FLAG) {
                    return Err(nothing());
                }
                Box::pin(self.look_again(account, &id)).await?;
                let event = Event::OptOutCleared { reason, by: by.clone() };
                self.act(account, &id, event).await.map(|_| ())
            }
            Found::Nowhere(person) => {
                let mut consent = Consent::default();
                consent.clear(Cleared { by: by.clone(), at: self.now(), inquiry: None });
                let draft = Draft::new("opt_out_cleared").with("by", by).with("person", &person);
                let draft = draft.seal("reason", Some(&reason));
                let holds = |held: Option<&Consent>| held.is_some_and(|c| c.opted_out.is_some());
                self.keep_without_inquiry(account, person, consent, draft, holds).await
            }
        }
    }

    async fn person_of(&self, account: &AccountId, number: &str) -> Result<String, Error> {
        let facts = self.facts(account).await?;
        let region = facts.roster.locations.first().map_or("US", |l| l.region.as_str());
        match identity::phone(number, region) {
            Phone::E164 { e164, .. } => Ok(identity::person_key(&facts.salt.0, account, &e164)),
            _ => Err(told(
                "RB-0260",
                "that is no telephone number",
                "write it with its country, such as +1 602 555 0123",
            )),
        }
    }

    /// The inquiry in whose chain it is told: the one named, or the latest of the number.
    async fn whose_opt_out(&self, account: &AccountId, whose: Whose<'_>) -> Result<Found, Error> {
        let number = match whose {
            Whose::Inquiry(id) => return Ok(Found::In(id.clone())),
            Whose::Number(number) => number,
        };
        let person = self.person_of(account, number).await?;
        let (of, key) = (account.as_str().to_owned(), person.clone());
        let latest = self
            .store()
            .read(move |tx| Box::pin(async move { store::inquiries_of_person(tx, &of, &key, 1).await }))
            .await?;
        let latest = latest.into_iter().next().map(|row| Found::In(InquiryId::from_text(row.id)));
        Ok(latest.unwrap_or(Found::Nowhere(person)))
    }

    /// Of somebody who never called, or whose inquiries were erased, the account's own chain tells.
    async fn keep_without_inquiry(
        &self,
        account: &AccountId,
        person: String,
        consent: Consent,
        draft: Draft,
        may: fn(Option<&Consent>) -> bool,
    ) -> Result<(), Error> {
        for _ in 0..MEETINGS_MAX {
            let (of, chain, now) = (account.as_str().to_owned(), self.chain(account), micros(self.now()));
            let (person, consent, draft) = (person.clone(), consent.clone(), draft.clone());
            let stored = self
                .store()
                .write(Site::Decision, move |tx| {
                    Box::pin(async move {
                        let held = kept(tx, &of, &person).await?;
                        if !may(held.as_ref().map(|(consent, _)| consent)) {
                            return Ok(false);
                        }
                        let text = written(&consent)?;
                        match held.filter(|_| consent.cleared.is_some()) {
                            Some((_, was)) => {
                                let of_read = (was.as_str(), text.as_str());
                                if !store::person_suppression_change_if(tx, &of, &person, of_read, now).await? {
                                    return Err(store::Error::Conflict);
                                }
                            }
                            None => store::person_suppress(tx, &of, (&person, KIND, KEY), &text, now).await?,
                        }
                        chain.tell(tx, vec![draft]).await?;
                        Ok(true)
                    })
                })
                .await;
            match stored {
                Err(store::Error::Conflict) => {}
                Err(error) => return Err(error.into()),
                Ok(true) => return Ok(()),
                Ok(false) => {
                    return Err(told("RB-0261", "this person has not opted out", "there is nothing to take back"));
                }
            }
        }
        Err(Error::MovedOn("others are changing this account all the time; try again".into()))
    }
}

/// Where it is told.
enum Found {
    In(InquiryId),
    /// There is no inquiry of that person.
    Nowhere(String),
}

fn told(code: &'static str, cause: &str, cure: &str) -> Error {
    Error::Told(Box::new(Problem::new(code, cause, cure)))
}

#[cfg(test)]
mod tests;
