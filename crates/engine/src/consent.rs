//! Keeping with the person that they do not want to be reached, and taking it back.
//!
//! Whatever shows it first writes the person's row in the unit of its own event, and whatever else stands open about the same person learns of it in
//! that unit too. A new inquiry is told by its first event. Only a person who may, with a reason, takes it back ([`Engine::clear_opt_out`]); nothing
//! else in the program makes that event. It takes back what was seen, never what was said since.

use crate::chain::Chain;
use crate::facts::AccountFacts;
use crate::inquire::{Loaded, MEETINGS_MAX, chain_end, corrupt, decide, load, of_row};
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

/// What events mean for a person.
#[derive(Debug)]
pub(crate) struct Keep {
    person: String,
    /// Whose events they are; none: they stand in the account's own chain.
    inquiry: Option<InquiryId>,
    consent: Consent,
    /// Said or taken back here: what everybody else who knows the person is told. `None`: only now it is known who the caller is.
    news: Option<Event>,
    /// What stood in the person's row when somebody saw what they take back; none: there was no row.
    seen: Option<String>,
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
        let (person, inquiry) = (after.person.clone()?, Some(after.id.clone()));
        Some(Self { person, inquiry, consent: after.consent.clone(), news, seen: None })
    }

    /// What is taken back is what stood in the person's row then (none: there was no row), and nothing that was said since.
    pub(crate) fn taking_back(self, seen: Option<String>) -> Self {
        Self { seen, ..self }
    }

    /// Keeps it with the person, in the unit of the events. [`store::Error::Conflict`] when what is taken back is not what is kept.
    pub(crate) async fn store(&self, tx: &mut Tx, facts: &AccountFacts, now: Timestamp) -> Result<(), store::Error> {
        let account = facts.account.as_str();
        let Some(news) = &self.news else {
            // Who it is was just found out: what is kept of them holds from here on.
            let (held, inquiry) = (opted_out(tx, account, Some(&self.person)).await?, self.inquiry.as_ref());
            let (Some(opt_out), Some(inquiry)) = (held, inquiry) else { return Ok(()) };
            let Some(loaded) = load(tx, account, inquiry.as_str()).await? else { return Ok(()) };
            return alone(tx, facts, loaded, &Event::OptedOut { opt_out }, now).await;
        };
        let (text, key) = (written(&self.consent)?, (self.person.as_str(), KIND, KEY));
        let taken_back = matches!(news, Event::OptOutCleared { .. });
        let kept = match self.seen.as_deref() {
            _ if !taken_back => {
                store::person_suppress(tx, account, key, &text, micros(now)).await?;
                true
            }
            Some(was) => {
                store::person_suppression_change_if(tx, account, &self.person, (was, &text), micros(now)).await?
            }
            None => store::person_suppress_once(tx, account, key, &text, micros(now)).await?,
        };
        if !kept {
            return Err(store::Error::Conflict);
        }
        for row in store::inquiries_standing_of_person(tx, account, &self.person, STANDING_MAX).await? {
            let loaded = of_row(row)?;
            // An open inquiry of before may hold the flag alone.
            let news_there = if taken_back {
                loaded.inquiry.flags().contains(FLAG)
            } else {
                loaded.inquiry.consent.opted_out.is_none()
            };
            if self.inquiry.as_ref() != Some(&loaded.inquiry.id) && news_there {
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
    loaded: Loaded,
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

/// A word of somebody of the business.
#[derive(Debug, Clone)]
struct Word {
    by: UserId,
    at: Timestamp,
    /// Why an opt-out is taken back; none: the person does not want to be reached.
    reason: Option<String>,
}

impl Word {
    fn event(&self, inquiry: Option<InquiryId>) -> Event {
        let by = self.by.clone();
        match &self.reason {
            Some(reason) => Event::OptOutCleared { reason: reason.clone(), by },
            None => Event::OptedOut { opt_out: OptOut { said: SaidBy::Person { by }, at: self.at, inquiry } },
        }
    }

    /// Of somebody without an inquiry, with what the account's own chain tells.
    fn of_person(&self, person: &str) -> (Keep, Draft) {
        let (by, news) = (&self.by, self.event(None));
        let mut consent = Consent::default();
        let draft = Draft::new(news.word()).with("by", by).with("person", person);
        let draft = match &news {
            Event::OptedOut { opt_out } => {
                consent.set(opt_out.clone());
                draft.with("said_by", opt_out.said.word())
            }
            _ => {
                consent.clear(Cleared { by: by.clone(), at: self.at, inquiry: None });
                draft.seal("reason", self.reason.as_deref())
            }
        };
        let keep = Keep { person: person.to_owned(), inquiry: None, consent, news: Some(news), seen: None };
        (keep, draft)
    }
}

/// What is known of a wish when somebody takes it back.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    person: Option<String>,
    /// What the inquiry knows; nothing where there is none.
    here: Consent,
    /// Its flag stands: the caller is held back.
    flag: bool,
    /// What is kept with the person, with the text it stands in.
    kept: Option<(Consent, String)>,
}

impl Seen {
    /// `None`: there is no such inquiry.
    async fn read(tx: &mut Tx, account: &str, found: &Found) -> Result<Option<Self>, store::Error> {
        let mut seen = Self { person: None, here: Consent::default(), flag: false, kept: None };
        match found {
            Found::Nowhere(person) => seen.person = Some(person.clone()),
            Found::In(id) => {
                let Some(Loaded { inquiry, .. }) = load(tx, account, id.as_str()).await? else { return Ok(None) };
                seen.flag = inquiry.flags().contains(FLAG);
                seen.here = inquiry.consent;
                seen.person = inquiry.person;
            }
        }
        if let Some(person) = &seen.person {
            seen.kept = kept(tx, account, person).await?;
        }
        Ok(Some(seen))
    }

    fn opted_out(&self) -> bool {
        self.flag || self.kept.as_ref().is_some_and(|(consent, _)| consent.opted_out.is_some())
    }
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
        let found = self.whose_opt_out(account, whose).await?;
        let word = Word { by: by.clone(), at: self.now(), reason: None };
        self.keep_said(account, found, word, None).await
    }

    /// A person takes an opt-out back for the caller, with a reason that stands in the ledger. The record is looked at once more first: what the CRM
    /// still says holds as long as it says so there. What is said while that goes on is not taken back, and nothing else is.
    ///
    /// # Errors
    /// `RB-0261` without a reason, or where nobody opted out; [`Error::MovedOn`] when something was said meanwhile; [`Error::Missing`]; `RB-0260`.
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
        let found = self.whose_opt_out(account, whose).await?;
        let (of, at) = (account.as_str().to_owned(), found.clone());
        let seen = self.store().read(move |tx| Box::pin(async move { Seen::read(tx, &of, &at).await })).await?;
        let seen = seen.ok_or_else(|| found.missing())?;
        if !seen.opted_out() {
            return Err(told("RB-0261", "this person has not opted out", "there is nothing to take back"));
        }
        if let Found::In(id) = &found {
            Box::pin(self.look_again(account, id)).await?;
        }
        let word = Word { by: by.clone(), at: self.now(), reason: Some(reason) };
        self.keep_said(account, found, word, Some(seen)).await
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

    /// Keeps a word in one unit: by an event of the inquiry; of somebody who never called, or whose inquiries were erased, the account's own chain
    /// tells. `seen`: what is taken back; where something else is known by now, nothing is.
    async fn keep_said(&self, account: &AccountId, found: Found, word: Word, seen: Option<Seen>) -> Result<(), Error> {
        let facts = self.facts(account).await?;
        for _ in 0..MEETINGS_MAX {
            let (facts, chain, now) = (facts.clone(), self.chain(account), self.now());
            let (found_now, word, seen) = (found.clone(), word.clone(), seen.clone());
            let kept = self
                .store()
                .write(Site::Decision, move |tx| {
                    Box::pin(async move { keep_in_unit(tx, &facts, &chain, (found_now, word), seen, now).await })
                })
                .await;
            match kept {
                Err(store::Error::Conflict) => {}
                Err(error) => return Err(error.into()),
                Ok(None) => return Err(found.missing()),
                Ok(Some(false)) => {
                    return Err(Error::MovedOn("something else is known of this person's wish by now".into()));
                }
                Ok(Some(true)) => {
                    self.changed();
                    return Ok(());
                }
            }
        }
        Err(Error::MovedOn("others are changing this account all the time; try again".into()))
    }
}

/// `None`: there is no such inquiry. `false`: what is known is not what was seen.
async fn keep_in_unit(
    tx: &mut Tx,
    facts: &AccountFacts,
    chain: &Chain,
    (found, word): (Found, Word),
    seen: Option<Seen>,
    now: Timestamp,
) -> Result<Option<bool>, store::Error> {
    let account = facts.account.as_str();
    if seen.is_some() && Seen::read(tx, account, &found).await? != seen {
        return Ok(Some(false));
    }
    // Between that look and the write somebody may still be faster: the row itself says so.
    let text = seen.and_then(|seen| seen.kept).map(|(_, text)| text);
    match found {
        Found::In(id) => {
            let Some(loaded) = load(tx, account, id.as_str()).await? else { return Ok(None) };
            let end = chain_end(tx, account, id.as_str()).await?;
            let event = word.event(Some(id));
            let decided = decide(facts, loaded, end, std::slice::from_ref(&event), Vec::new(), now)?;
            decided.taking_back(text).store(tx, facts, now).await?;
        }
        Found::Nowhere(person) => {
            let (keep, draft) = word.of_person(&person);
            keep.taking_back(text).store(tx, facts, now).await?;
            chain.tell(tx, vec![draft]).await?;
        }
    }
    Ok(Some(true))
}

/// Where it is told.
#[derive(Debug, Clone)]
enum Found {
    In(InquiryId),
    /// There is no inquiry of that person.
    Nowhere(String),
}

impl Found {
    fn missing(&self) -> Error {
        match self {
            Self::In(id) => Error::Missing(format!("inquiry {id}")),
            Self::Nowhere(_) => Error::Missing("that person".into()),
        }
    }
}

fn told(code: &'static str, cause: &str, cure: &str) -> Error {
    Error::Told(Box::new(Problem::new(code, cause, cure)))
}

#[cfg(test)]
mod tests;
