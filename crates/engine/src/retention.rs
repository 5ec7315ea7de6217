//! Forgetting: documents whose time is over, and people who ask to be forgotten. Chains go on verifying; what is gone says so.

use crate::audit::{ERASED, documents_of};
use crate::inquire::{ChainEnd, Kept, corrupt, entry_rows};
use crate::workflow::By;
use crate::{Engine, Error, acknowledge, micros, setup, workflow};
use jiff::Timestamp;
use ringback_core::call::{Call, Caller};
use ringback_core::effect::{Desired, Effect};
use ringback_core::ensure::{HISTORY_SCHEMA, History, Receipt};
use ringback_core::id::{AccountId, EffectId};
use ringback_core::identity;
use ringback_core::inquiry::{Approval, Choice, Inquiry, Review, ReviewKind};
use ringback_core::ledger::{Draft, Retention, Salt};
use ringback_core::plan::{Plan, Verdict};
use ringback_core::signal::Attribution;
use ringback_core::upcast::{self, Form};
use ringback_core::workflow::{Origin, Workflow};
use ringback_store::{self as store, Before, EffectRow, EntryRow, InquiryRow, Site, Tx};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Documents expired in one unit of work.
const EXPIRE_PER_STEP_MAX: u32 = 500;
/// Inquiries looked through at once for words whose document expired.
const PAGE: u32 = 100;
/// Days before its transcript was kept that an inquiry may have been opened.
const OPEN_DAYS_MAX: i64 = 180;
/// Inquiries of one person that are looked through for those that workflows began.
const OF_PERSON_MAX: u32 = 1_000;
/// How often erasing is tried again when an inquiry moves meanwhile.
const MEETINGS_MAX: usize = 12;
/// What stands where a vendor's words stood.
const SCRUBBED: &str = "erased";

/// What erasing a person removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Erasure {
    pub calls: u64,
    pub inquiries: u64,
    /// Documents whose words were removed.
    pub documents: u64,
    /// Documents that hold the same words for somebody else and stay; this person's entries no longer show them.
    pub shared: u64,
}

impl Engine {
    /// Removes the words of every document whose time is over, and the quotes of expired transcripts from the inquiries that show them.
    pub async fn expire_documents(&self) -> Result<u64, Error> {
        let mut expired = 0;
        loop {
            let now = micros(self.now());
            let gone = self
                .store()
                .write(Site::Erase, move |tx| {
                    Box::pin(async move { store::documents_expire(tx, now, EXPIRE_PER_STEP_MAX).await })
                })
                .await?;
            if gone.is_empty() {
                return Ok(expired);
            }
            expired += gone.len() as u64;
            let mut by_account: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for (account, id) in gone {
                by_account.entry(account).or_default().push(id);
            }
            for (account, ids) in by_account {
                self.expire_quotes(&account, ids).await?;
            }
        }
    }

    /// Inquiries keep the quotes of their claims for the console; these go with the transcript they were cut from.
    async fn expire_quotes(&self, account: &str, ids: Vec<String>) -> Result<(), Error> {
        let id = account.to_owned();
        let rows =
            self.store().read(move |tx| Box::pin(async move { store::documents_get(tx, &id, &ids).await })).await?;
        let speech: Vec<_> = rows.into_iter().filter(|row| row.class == Retention::Speech.word()).collect();
        let (Some(oldest), Some(newest)) =
            (speech.iter().map(|row| row.created_at).min(), speech.iter().map(|row| row.created_at).max())
        else {
            return Ok(());
        };
        let gone: HashSet<String> = speech.into_iter().map(|row| row.id).collect();
        // An inquiry is opened before its words are kept, and not longer before than it can reasonably stay open.
        let mut before = Before { at: newest.saturating_add(1), id: String::new() };
        let until = oldest.saturating_sub(OPEN_DAYS_MAX * 24 * 3600 * 1_000_000);
        loop {
            let (id, from) = (account.to_owned(), before.clone());
            let page = self
                .store()
                .read(move |tx| Box::pin(async move { store::inquiries_list(tx, &id, None, PAGE, &from).await }))
                .await?;
            let Some(last) = page.last() else { return Ok(()) };
            before = Before { at: last.opened_at, id: last.id.clone() };
            for row in page.into_iter().filter(|row| gone.iter().any(|id| row.snapshot.contains(id.as_str()))) {
                self.expire_quotes_of(row, &gone).await?;
            }
            if before.at < until {
                return Ok(());
            }
        }
    }

    async fn expire_quotes_of(&self, mut row: InquiryRow, gone: &HashSet<String>) -> Result<(), Error> {
        for _ in 0..MEETINGS_MAX {
            let mut inquiry: Inquiry = read("inquiry", &row.id, &row.snapshot)?;
            let is_gone = |id: &str| gone.contains(id);
            let mut changed = false;
            for claim in inquiry.claims.values_mut().filter(|c| is_gone(c.evidence.document.as_str())) {
                changed |= !std::mem::take(&mut claim.quote).is_empty();
            }
            for review in &mut inquiry.reviews {
                if review.evidence.as_ref().is_some_and(|e| is_gone(e.document.as_str())) {
                    changed |= review.quote.take().is_some();
                }
            }
            for call in &mut inquiry.calls {
                if call.transcripts.iter().any(|t| is_gone(t.document.as_str())) {
                    changed |= call.summary.take().is_some();
                }
            }
            if !changed {
                return Ok(());
            }
            row.snapshot = write("inquiry", &row.id, &inquiry)?;
            let stored = row.clone();
            let done = self
                .store()
                .write(Site::Erase, move |tx| Box::pin(async move { store::inquiry_update_if(tx, &stored).await }))
                .await?;
            if done {
                return Ok(());
            }
            let (account, id) = (row.account.clone(), row.id.clone());
            let again = self
                .store()
                .read(move |tx| Box::pin(async move { store::inquiry_get(tx, &account, &id).await }))
                .await?;
            let Some(again) = again else { return Ok(()) };
            row = again;
        }
        // It moves all the time; the next round of upkeep does not come back to it, so say so.
        Err(Error::MovedOn(format!("inquiry {} is being changed; its expired quotes could not be removed", row.id)))
    }

    /// Removes a caller's words and values: documents, calls, inquiries, plans, effects, reviews. Chains stay, and each tells that its words
    /// were erased and why. Refused while something about the person is still open or under way: nobody is dropped by being erased.
    ///
    /// `person` is the caller's keyed hash (as in `Inquiry::person`). What other people said in the same words stays theirs.
    pub async fn erase_person(&self, account: &AccountId, person: &str, why: &str) -> Result<Erasure, Error> {
        let facts = self.facts(account).await?;
        // What nobody listens for any more is not waited for.
        let gone = facts.connections.iter().filter(|(_, held)| held.is_told_events() && held.state != "active");
        let away: HashSet<String> = gone.map(|(lane, _)| lane.clone()).collect();
        let mut met = 0;
        let erasure = loop {
            let others = self.documents_of_others(account, &facts.salt, person).await?;
            let (account, person, why, now) =
                (account.as_str().to_owned(), person.to_owned(), why.to_owned(), self.now());
            let (salt, away) = (facts.salt.clone(), away.clone());
            let done = self
                .store()
                .write(Site::Erase, move |tx| {
                    Box::pin(async move {
                        let erasure = Erasure::default();
                        let mut work =
                            Work { tx, account: &account, salt: &salt, why: &why, away: &away, now, erasure };
                        match work.under_way(&person).await? {
                            Some(refusal) => Ok(Err(refusal)),
                            None => {
                                work.erase(&person, &others).await?;
                                Ok(Ok(work.erasure))
                            }
                        }
                    })
                })
                .await;
            match done {
                Err(store::Error::Conflict) if met < MEETINGS_MAX => met += 1,
                Err(error) => return Err(error.into()),
                Ok(Err(refusal)) => return Err(Error::Refused(refusal)),
                Ok(Ok(erasure)) => break erasure,
            }
        };
        if erasure == Erasure::default() {
            return Err(Error::Missing("caller of that key".into()));
        }
        self.changed();
        Ok(erasure)
    }

    /// Documents that entries of other people's inquiries name. Reads the whole ledger of the account: erasing is rare and must be right.
    async fn documents_of_others(
        &self,
        account: &AccountId,
        salt: &Salt,
        person: &str,
    ) -> Result<HashSet<String>, Error> {
        let (id, key, salt) = (account.as_str().to_owned(), person.to_owned(), salt.clone());
        let own: BTreeSet<String> =
            self.store().read(move |tx| Box::pin(async move { inquiries_about(tx, &id, &salt, &key).await })).await?;
        let (mut others, mut after) = (HashSet::new(), String::new());
        loop {
            let (id, from) = (account.as_str().to_owned(), after.clone());
            let names = self
                .store()
                .read(move |tx| Box::pin(async move { store::entry_inquiries(tx, &id, &from, PAGE).await }))
                .await?;
            let Some(last) = names.last() else { return Ok(others) };
            after.clone_from(last);
            for name in names.into_iter().filter(|name| !own.contains(name)) {
                let id = account.as_str().to_owned();
                let rows = self
                    .store()
                    .read(move |tx| Box::pin(async move { store::entries_of(tx, &id, &name).await }))
                    .await?;
                // A chain whose own person was erased needs its documents no more.
                let erased = rows.iter().rev().find(|row| row.kind == ERASED).map_or(0, |row| row.seq);
                others.extend(rows.iter().filter(|row| row.seq > erased).flat_map(named));
            }
        }
    }
}

fn named(row: &EntryRow) -> BTreeSet<String> {
    serde_json::from_str::<Value>(&row.body).map(|body| documents_of(&body)).unwrap_or_default()
}

/// The signal that brought what a provider offered, where that is what an entry tells.
fn offered(row: &EntryRow) -> Option<String> {
    let body: Value = serde_json::from_str(&row.body).ok().filter(|_| row.kind == "offer")?;
    Some(body.get("signal")?.as_str()?.to_owned())
}

/// The erasure of one person within one unit of work.
struct Work<'a> {
    tx: &'a mut Tx,
    account: &'a str,
    salt: &'a Salt,
    why: &'a str,
    /// Lanes of receivers of events that are switched off.
    away: &'a HashSet<String>,
    now: Timestamp,
    erasure: Erasure,
}

impl Work<'_> {
    /// A sentence that says what is still open, if anything is.
    async fn under_way(&mut self, person: &str) -> Result<Option<String>, store::Error> {
        for inquiry in self.inquiries(person).await? {
            let Some(row) = store::inquiry_get(self.tx, self.account, &inquiry).await? else { continue };
            if row.closed_at.is_none() {
                return Ok(Some(format!(
                    "inquiry {inquiry} is still open: close it with its outcome, then erase the caller"
                )));
            }
            let effects = store::effects_of_inquiry(self.tx, self.account, &inquiry).await?;
            let away = self.away;
            let moving = |e: &&EffectRow| e.lane != store::TIMER_LANE && !settled(e) && !away.contains(&e.lane);
            if let Some(effect) = effects.iter().find(moving) {
                return Ok(Some(format!(
                    "effect {} of inquiry {inquiry} is still under way: wait until the CRM is in step, then erase the caller",
                    effect.id
                )));
            }
        }
        Ok(None)
    }

    async fn inquiries(&mut self, person: &str) -> Result<BTreeSet<String>, store::Error> {
        inquiries_about(self.tx, self.account, self.salt, person).await
    }

    async fn erase(&mut self, person: &str, others: &HashSet<String>) -> Result<(), store::Error> {
        let inquiries = self.inquiries(person).await?;
        let mut documents = BTreeSet::new();
        for mut row in store::calls_of_person(self.tx, self.account, person).await? {
            documents.extend(self.documents_of_call(&row.id).await?);
            let mut call: Call = read_stored("call", &row.id, &row.snapshot)?;
            documents.extend(call.transcripts.iter().map(|t| t.document.as_str().to_owned()));
            scrub_call(&mut call);
            row.snapshot = write_stored("call", &row.id, &call)?;
            row.person_key = None;
            row.updated_at = micros(self.now);
            unless_moved(store::call_update_if(self.tx, &row).await?)?;
            self.erasure.calls += 1;
        }
        for inquiry in inquiries {
            let rows = store::entries_of(self.tx, self.account, &inquiry).await?;
            documents.extend(rows.iter().flat_map(named));
            for signal in rows.iter().filter_map(offered) {
                documents.extend(self.documents_of_signal(&signal).await?);
            }
            let corrections = store::corrections_of(self.tx, self.account, &inquiry).await?;
            documents.extend(corrections.into_iter().filter_map(|correction| correction.value_doc));
            self.mark(&inquiry, rows.last()).await?;
            self.erase_inquiry(&inquiry, &mut documents).await?;
            self.erasure.inquiries += 1;
        }
        // Suppressions stay: who asked not to be called is not called after being forgotten either; they are kept by keyed hash.
        let why = format!("erased: {}", self.why);
        for id in documents {
            if others.contains(&id) {
                self.erasure.shared += 1;
            } else if store::document_erase(self.tx, self.account, &id, micros(self.now), &why).await? {
                self.erasure.documents += 1;
            }
        }
        Ok(())
    }

    /// The raw requests about a call, repeats included.
    async fn documents_of_call(&mut self, call: &str) -> Result<BTreeSet<String>, store::Error> {
        let mut documents = BTreeSet::new();
        for signal in store::signals_of_call(self.tx, self.account, call).await? {
            documents.extend(
                store::signals_repeating(self.tx, self.account, &signal.id).await?.into_iter().map(|s| s.document),
            );
            documents.insert(signal.document);
        }
        Ok(documents)
    }

    /// A raw request and its repeats.
    async fn documents_of_signal(&mut self, signal: &str) -> Result<Vec<String>, store::Error> {
        let own = store::signal_get(self.tx, self.account, signal).await?;
        let repeats = store::signals_repeating(self.tx, self.account, signal).await?;
        Ok(own.into_iter().chain(repeats).map(|row| row.document).collect())
    }

    /// The entry that says that the words of all entries before it were erased.
    async fn mark(&mut self, inquiry: &str, last: Option<&EntryRow>) -> Result<(), store::Error> {
        let draft = Draft::new(ERASED).with("why", self.why);
        let end = last.map(|e| ChainEnd { seq: e.seq, hash: e.hash.clone() });
        let (rows, _) = entry_rows(self.account, inquiry, vec![draft], end.as_ref(), self.now, self.salt);
        store::entries_append(self.tx, &rows).await
    }

    async fn erase_inquiry(&mut self, id: &str, documents: &mut BTreeSet<String>) -> Result<(), store::Error> {
        if let Some(mut row) = store::inquiry_get(self.tx, self.account, id).await? {
            let mut inquiry: Inquiry = read_stored("inquiry", id, &row.snapshot)?;
            for call in &inquiry.calls {
                documents.extend(call.transcripts.iter().map(|t| t.document.as_str().to_owned()));
            }
            scrub_inquiry(&mut inquiry);
            row.snapshot = write_stored("inquiry", id, &inquiry)?;
            row.person_key = None;
            if row.state == workflow::ITEM {
                // What is offered later is about somebody unknown again.
                row.open_key = None;
            }
            row.updated_at = micros(self.now);
            unless_moved(store::inquiry_update_if(self.tx, &row).await?)?;
        }
        for row in store::plans_of(self.tx, self.account, id).await? {
            let mut plan: Plan<EffectId> =
                upcast::read_own(Form::Plan, &row.body).map_err(|e| corrupt("plan", &row.id, e))?;
            plan.verdicts.iter_mut().for_each(scrub_verdict);
            let body = write_stored("plan", &row.id, &plan)?;
            store::plan_scrub(self.tx, self.account, &row.id, &body).await?;
        }
        for row in store::effects_of_inquiry(self.tx, self.account, id).await? {
            if row.lane != store::TIMER_LANE {
                self.erase_effect(row).await?;
            }
        }
        for row in store::reviews_of_inquiry(self.tx, self.account, id).await? {
            let mut review: Review = read_stored("review", &row.id, &row.body)?;
            scrub_review(&mut review);
            let body = write_stored("review", &row.id, &review)?;
            let choice = row.decision.as_deref().filter(|text| !text.is_empty());
            let decision = match choice {
                Some(text) => {
                    let mut choice: Choice = read_stored("decision", &row.id, text)?;
                    scrub_choice(&mut choice);
                    Some(write_stored("decision", &row.id, &choice)?)
                }
                None => row.decision.clone(),
            };
            store::review_scrub(self.tx, self.account, &row.id, &body, decision.as_deref()).await?;
            // Whether a value was right cannot be said without the value.
            if review.kind == ReviewKind::SpotCheck {
                store::review_void_if_open(self.tx, self.account, &row.id, micros(self.now)).await?;
            }
        }
        Ok(())
    }

    async fn erase_effect(&mut self, mut row: EffectRow) -> Result<(), store::Error> {
        let mut effect: Effect = read_stored("effect", &row.id, &row.body)?;
        self.erase_acks(&row, &effect.desired).await?;
        scrub_desired(&mut effect.desired);
        row.body = write_stored("effect", &row.id, &effect)?;
        // Which exchanges there were stays in the attempts, without the vendor's words.
        row.history = write_stored("history", &row.id, &Kept { schema: HISTORY_SCHEMA, history: History::default() })?;
        if let Some(text) = &row.receipt {
            let mut receipt: Receipt = read_stored("receipt", &row.id, text)?;
            clear(&mut receipt.properties);
            clear(&mut receipt.was);
            receipt.found.clear();
            row.receipt = Some(write_stored("receipt", &row.id, &receipt)?);
        }
        if row.state == "dead" || (self.away.contains(&row.lane) && !settled(&row)) {
            // It could be sent, or sent again, and there is nothing left to send.
            row.state = "superseded".into();
            row.settled_at = row.settled_at.or(Some(micros(self.now)));
            row.in_flight_until = None;
        }
        row.why = Some(SCRUBBED.into());
        unless_moved(store::effect_update_if(self.tx, &row).await?)?;
        store::attempts_scrub(self.tx, self.account, &row.id, SCRUBBED).await
    }

    /// What a receiver was sent about the effect's record, and what it has confirmed of it.
    async fn erase_acks(&mut self, row: &EffectRow, desired: &Desired) -> Result<(), store::Error> {
        let receipt: Option<Receipt> =
            row.receipt.as_deref().map(|text| read_stored("receipt", &row.id, text)).transpose()?;
        let record = receipt.map(|r| r.record).filter(|id| !id.is_empty());
        let of_record = setup::OBJECTS.iter().filter_map(|o| Some(acknowledge::key_of_record(*o, record.as_deref()?)));
        for key in of_record.chain(desired.key().map(str::to_owned)) {
            store::ack_delete(self.tx, self.account, &row.lane, &key).await?;
        }
        Ok(())
    }
}

/// Inquiries of somebody's calls, and what workflows began about the same number, the record that those calls led to, or an address of theirs.
async fn inquiries_about(
    tx: &mut Tx,
    account: &str,
    salt: &Salt,
    person: &str,
) -> Result<BTreeSet<String>, store::Error> {
    let calls = store::calls_of_person(tx, account, person).await?;
    let mut found: BTreeSet<String> = calls.into_iter().filter_map(|call| call.inquiry).collect();
    let all = store::inquiries_of_person(tx, account, person, OF_PERSON_MAX).await?;
    found.extend(all.into_iter().filter(|row| row.state == workflow::ITEM).map(|row| row.id));
    let mut names = Names::default();
    for id in &found {
        if let Some(row) = store::inquiry_get(tx, account, id).await? {
            names.note(&read_stored("inquiry", id, &row.snapshot)?);
        }
    }
    for about in Workflow::all() {
        let by = names.records.iter().map(|r| By::Record(r)).chain(names.emails.iter().map(|e| By::Email(e)));
        for by in by {
            let key = workflow::key_of(salt, account, about.workflow, by);
            found.extend(store::inquiry_open_by_key(tx, account, &key).await?.map(|row| row.id));
        }
    }
    Ok(found)
}

/// What a person is known by besides the number.
#[derive(Default)]
struct Names {
    records: BTreeSet<String>,
    emails: BTreeSet<String>,
}

impl Names {
    fn note(&mut self, inquiry: &Inquiry) {
        let contact = inquiry.contact.as_ref();
        let subject = inquiry.subject().map(|(_, subject)| subject);
        self.records.extend(contact.map(|c| c.record.clone()));
        self.records.extend(subject.and_then(|s| s.record.clone()));
        let said = inquiry.claims.get("email").map(|held| held.claim.value.text());
        let offered = subject.and_then(|s| s.email.clone());
        // Whatever a vendor calls the property: what is an address in the person's own record is theirs.
        let held = contact.into_iter().flat_map(|c| c.record_held.properties.values()).flat_map(|v| v.split(';'));
        let all = said.iter().chain(&offered).map(String::as_str).chain(held);
        self.emails.extend(all.filter_map(identity::email));
    }
}

fn settled(row: &EffectRow) -> bool {
    matches!(row.state.as_str(), "done" | "dead" | "superseded")
}

pub(crate) fn unless_moved(stored: bool) -> Result<(), store::Error> {
    if stored { Ok(()) } else { Err(store::Error::Conflict) }
}

fn read_stored<T: serde::de::DeserializeOwned>(what: &str, id: &str, text: &str) -> Result<T, store::Error> {
    serde_json::from_str(text).map_err(|e| corrupt(what, id, e))
}

fn write_stored<T: Serialize>(what: &str, id: &str, value: &T) -> Result<String, store::Error> {
    serde_json::to_string(value).map_err(|e| corrupt(what, id, e))
}

fn read<T: serde::de::DeserializeOwned>(what: &str, id: &str, text: &str) -> Result<T, Error> {
    read_stored(what, id, text).map_err(Error::from)
}

fn write<T: Serialize>(what: &str, id: &str, value: &T) -> Result<String, Error> {
    write_stored(what, id, value).map_err(Error::from)
}

/// Names of properties stay: which fields were written is no secret about the person.
fn clear(properties: &mut BTreeMap<String, String>) {
    properties.values_mut().for_each(String::clear);
}

/// Where it came from stays, what was looked for and read goes.
fn scrub_attribution(attribution: &mut Attribution) {
    attribution.keywords = None;
    attribution.landing_page = None;
}

fn scrub_call(call: &mut Call) {
    call.caller = Caller::Missing;
    call.caller_name = None;
    call.email = None;
    call.recording_url = None;
    scrub_attribution(&mut call.attribution);
}

fn scrub_inquiry(inquiry: &mut Inquiry) {
    inquiry.person = None;
    inquiry.e164 = None;
    inquiry.national = None;
    for call in &mut inquiry.calls {
        call.caller = Caller::Missing;
        call.caller_name = None;
        call.summary = None;
        scrub_attribution(&mut call.attribution);
    }
    // Which fields were claimed, how surely and where stays in the entries.
    inquiry.claims.clear();
    inquiry.offers.clear();
    inquiry.aside.clear();
    if let Origin::Workflow { subject, .. } = &mut inquiry.origin {
        subject.phone = None;
        subject.email = None;
    }
    inquiry.snapshot = None;
    if let Some(found) = &mut inquiry.matched {
        found.candidates.clear();
        found.agreed.clear();
        found.disagreed.clear();
        SCRUBBED.clone_into(&mut found.why);
    }
    if let Some(contact) = &mut inquiry.contact {
        let id = std::mem::take(&mut contact.record_held.id);
        contact.record_held = ringback_core::crm::Record { id, ..Default::default() };
        contact.ours.clear();
    }
    inquiry.callbacks.iter_mut().for_each(|callback| callback.note = None);
    inquiry.verdicts.iter_mut().for_each(scrub_verdict);
    inquiry.reviews.iter_mut().for_each(scrub_review);
    for Approval { choice, .. } in &mut inquiry.approvals {
        scrub_choice(choice);
    }
    for effect in inquiry.effects.values_mut() {
        effect.why = None;
    }
    for back in inquiry.undos.values_mut().flat_map(|undo| undo.fields.values_mut()) {
        back.from.clear();
        back.to.clear();
    }
}

fn scrub_verdict(verdict: &mut Verdict) {
    verdict.was = None;
    verdict.is = None;
    // Sentences may name the values they compare; the stable word beside them does not.
    SCRUBBED.clone_into(&mut verdict.reason);
}

fn scrub_review(review: &mut Review) {
    review.proposed = None;
    review.current = None;
    review.quote = None;
    review.set_by = None;
    SCRUBBED.clone_into(&mut review.reason);
    review.choices.iter_mut().for_each(|(_, label)| label.clear());
}

fn scrub_choice(choice: &mut Choice) {
    match choice {
        Choice::Edit { value } => value.clear(),
        Choice::Reject { reason, .. } => reason.clear(),
        Choice::Approve | Choice::Pick { .. } => {}
    }
}

fn scrub_desired(desired: &mut Desired) {
    match desired {
        Desired::FindPerson { keys, .. } => keys.clear(),
        Desired::NewContact { properties, .. }
        | Desired::Activity { properties, .. }
        | Desired::ActivityIfMade { properties, .. } => clear(properties),
        Desired::ContactFields { properties, was, .. } | Desired::Restore { properties, was, .. } => {
            clear(properties);
            clear(was);
        }
        Desired::Page { notice, .. } => {
            notice.subject.clear();
            notice.lines.clear();
        }
        Desired::Emit { emission, .. } => emission.personal.values_mut().for_each(String::clear),
    }
}

#[cfg(test)]
mod tests;
