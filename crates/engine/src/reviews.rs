//! Questions for people: what is open, what each answer would do, and answering them, one by one or many that the same reason stopped.
//!
//! An answer counts only for exactly the change that was shown. Before an approval on what was read a while ago, the record is read once more,
//! so that whoever approves a value that moved is told the new one before anything is planned. A CRM that does not answer holds nobody up:
//! what stands there is compared again before the send.

use crate::corrections::{By, Look};
use crate::inquire::{act_of, of_row};
use crate::{Engine, Error};
use jiff::Timestamp;
use ringback_core::contract::{FieldType, typed};
use ringback_core::crm::{CrmOp, Object, Outcome, Record};
use ringback_core::ensure::same;
use ringback_core::id::{AccountId, InquiryId, LocationId, ReviewId, UserId};
use ringback_core::inquiry::{Choice, Event, Foreseen, Inquiry, Review, ReviewKind, StandsBy, foresee};
use ringback_core::rights::Act;
use ringback_store::{self as store, After, ReviewRow};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The most questions that one gesture answers.
pub const TOGETHER_MAX: usize = 200;
/// What the CRM showed longer ago is read again before an approval counts.
pub const SEEN_SECONDS_MAX: i64 = 60;
/// How long the CRM may take to show a record before the answer is taken without.
const SIGHT_SECONDS_MAX: u64 = 3;

/// An open question with the inquiry it is about.
#[derive(Debug, Clone)]
pub struct Asked {
    pub review: Review,
    pub inquiry: Arc<Inquiry>,
}

impl Asked {
    /// As it stands in its inquiry now; what stands in none as it was asked.
    fn of(row: &ReviewRow, inquiry: Arc<Inquiry>) -> Option<Self> {
        let standing = inquiry.reviews.iter().find(|r| r.id.as_str() == row.id).cloned();
        let review = standing.or_else(|| serde_json::from_str(&row.body).ok())?;
        Some(Self { review, inquiry })
    }
}

/// A page of open questions, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Questions {
    pub asked: Vec<Asked>,
    /// Where the next page begins, if there may be one.
    pub next: Option<After>,
}

/// What came before an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Overtaken {
    /// The value changed, or nothing is left to ask.
    Moved,
    /// Somebody else answered.
    Answered,
}

impl Overtaken {
    /// The sentence a person reads.
    pub fn words(self) -> &'static str {
        match self {
            Self::Moved => "the value changed meanwhile, or nothing is left to ask",
            Self::Answered => "somebody else has answered this meanwhile",
        }
    }
}

/// An answer that came too late: what stands there now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Late {
    pub by: Overtaken,
    pub why: String,
    /// What the CRM holds now, as far as it was read; empty: nothing. `None` where the question is about no field.
    pub holds: Option<String>,
    pub set_by: Option<StandsBy>,
    /// The question that is asked now about the same, if one is; its digest is what an answer has to name.
    pub asked: Option<Review>,
}

impl std::fmt::Display for Late {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.why)?;
        let shown = |value: Option<&str>| match value.map_or("", str::trim) {
            "" => "nothing".to_owned(),
            value => format!("{value:?}"),
        };
        let Some(holds) = &self.holds else { return Ok(()) };
        write!(f, ": the CRM holds {} now", shown(Some(holds)))?;
        if let Some(asked) = &self.asked {
            write!(f, ", and {} is proposed", shown(asked.proposed.as_deref()))?;
        }
        Ok(())
    }
}

/// What became of one of many answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "became", rename_all = "snake_case")]
pub enum Became {
    Done,
    /// Not taken, with what stands there now.
    Late {
        now: Box<Late>,
    },
    /// There is no such question here.
    Missing,
    /// Somebody else has to answer it.
    NotYours,
}

impl Became {
    /// As programs read it: what became of that question.
    pub fn told(&self, review: &ReviewId) -> serde_json::Value {
        let mut told = serde_json::to_value(self).unwrap_or_default();
        if let Some(map) = told.as_object_mut() {
            map.insert("id".into(), review.as_str().into());
        }
        told
    }
}

/// Whether whoever answers may do that in that inquiry.
pub type May<'a> = &'a (dyn Fn(&Inquiry, Act) -> bool + Sync);

impl Engine {
    /// Open questions with their inquiries, oldest first, of one kind or of all; of all locations (`None`) or only of some. Each is told as
    /// it stands now, not as it was first asked.
    pub async fn open_reviews(
        &self,
        account: &AccountId,
        kind: Option<&str>,
        locations: Option<&[LocationId]>,
        limit: u32,
        after: &After,
    ) -> Result<Questions, Error> {
        let (of, kind, after) = (account.as_str().to_owned(), kind.map(str::to_owned), after.clone());
        let places = texts(locations);
        let rows = self
            .store()
            .read(move |tx| {
                Box::pin(async move {
                    store::reviews_open(tx, &of, kind.as_deref(), places.as_deref(), limit, &after).await
                })
            })
            .await?;
        let next = rows.last().filter(|_| rows.len() >= limit as usize);
        let next = next.map(|last| After { at: last.opened_at, id: last.id.clone() });
        let mut inquiries: BTreeMap<String, Option<Arc<Inquiry>>> = BTreeMap::new();
        let mut out = Vec::with_capacity(rows.len());
        for row in rows {
            if !inquiries.contains_key(&row.inquiry) {
                let id = InquiryId::from_text(row.inquiry.clone());
                inquiries.insert(row.inquiry.clone(), self.inquiry(account, &id).await?.map(Arc::new));
            }
            let Some(inquiry) = inquiries.get(&row.inquiry).cloned().flatten() else { continue };
            out.extend(Asked::of(&row, inquiry));
        }
        Ok(Questions { asked: out, next })
    }

    /// The open questions about one inquiry, oldest first, by the same rule: also those that stand in no inquiry, such as a spot-check.
    pub async fn open_reviews_of(&self, account: &AccountId, inquiry: &Arc<Inquiry>) -> Result<Vec<Asked>, Error> {
        let (of, id) = (account.as_str().to_owned(), inquiry.id.as_str().to_owned());
        let rows =
            self.store().read(move |tx| Box::pin(async move { store::reviews_of_inquiry(tx, &of, &id).await })).await?;
        let open = rows.iter().filter(|row| row.state == "open");
        Ok(open.filter_map(|row| Asked::of(row, inquiry.clone())).collect())
    }

    /// How many questions are open, of all locations (`None`) or of some.
    pub async fn open_reviews_count(
        &self,
        account: &AccountId,
        locations: Option<&[LocationId]>,
    ) -> Result<i64, Error> {
        let (of, places) = (account.as_str().to_owned(), texts(locations));
        let count = self
            .store()
            .read(move |tx| Box::pin(async move { store::reviews_open_count(tx, &of, places.as_deref()).await }));
        Ok(count.await?)
    }

    /// What these answers to a question would do now, in their order.
    pub async fn foreseen(
        &self,
        account: &AccountId,
        asked: &Asked,
        choices: &[Choice],
    ) -> Result<Vec<Foreseen>, Error> {
        let facts = self.facts(account).await?;
        let now = self.now();
        let one = |choice: &Choice| foresee(&asked.inquiry, &asked.review.id, choice, &facts.facts(), now);
        Ok(choices.iter().map(one).collect())
    }

    /// A person's answer to a review, provided the question still is the one that was shown.
    ///
    /// # Errors
    /// [`Error::Late`] when it is answered, void, or about another value by now; it says what stands there. [`Error::Refused`] for a no
    /// without a reason, and for a value that does not fit its field.
    pub async fn decide_review(
        &self,
        account: &AccountId,
        review: &ReviewId,
        digest: &str,
        choice: Choice,
        by: &UserId,
    ) -> Result<Inquiry, Error> {
        let row = self.review_row(account, review).await?.ok_or_else(|| Error::Missing(format!("review {review}")))?;
        let inquiry = InquiryId::from_text(row.inquiry.clone());
        let choice = self.fitting(account, &inquiry, &row, choice).await?;
        if row.kind == ReviewKind::SpotCheck.word() {
            has_reason(&choice)?;
            return Box::pin(self.judge_value(account, &row, digest, &choice, by)).await;
        }
        let asked = vec![(row, digest.to_owned())];
        let mut became = Box::pin(self.answer(account, &inquiry, asked, &choice, by, &mut true)).await?;
        match became.pop() {
            Some((_, Became::Late { now })) => Err(Error::Late(now)),
            _ => self.inquiry(account, &inquiry).await?.ok_or_else(|| Error::Missing(format!("inquiry {inquiry}"))),
        }
    }

    /// A value that somebody typed, as the CRM takes it in that field; one that does not fit is refused before anything is decided.
    async fn fitting(
        &self,
        account: &AccountId,
        inquiry: &InquiryId,
        row: &ReviewRow,
        choice: Choice,
    ) -> Result<Choice, Error> {
        let Choice::Edit { value } = &choice else { return Ok(choice) };
        let review = serde_json::from_str::<Review>(&row.body).ok();
        let field = review.as_ref().and_then(|review| review.field.as_deref());
        let facts = self.facts(account).await?;
        let kind = match field {
            Some(field) => facts.contract.fields.get(field).map(|rule| rule.kind.clone()),
            None => (row.kind == ReviewKind::NoNumber.word()).then_some(FieldType::Phone),
        };
        // Nothing is known of a field that the contract has no more: its question is void, and says so.
        let Some(kind) = kind else { return Ok(choice) };
        let inquiry = self.inquiry(account, inquiry).await?;
        let place = inquiry.and_then(|inquiry| inquiry.location);
        let facts = facts.facts();
        let region = place.as_ref().and_then(|place| facts.roster.location(place)).map_or("US", |l| l.region.as_str());
        match typed(value, &kind, region) {
            Ok(value) => Ok(Choice::Edit { value }),
            Err(mismatch) => {
                let field = field.unwrap_or("the caller's number");
                Err(Error::Refused(format!("{value:?} does not fit {field}: {}", mismatch.why)))
            }
        }
    }

    /// The same answer to many questions, each bound to its own digest; those of one inquiry in one unit. One that comes too late does not
    /// hold up the others.
    ///
    /// # Errors
    /// [`Error::Refused`] when there are more than [`TOGETHER_MAX`], when not all were stopped by the same reason, and for an answer that can only be
    /// given one by one.
    pub async fn decide_reviews(
        &self,
        account: &AccountId,
        items: &[(ReviewId, String)],
        choice: &Choice,
        by: &UserId,
        may: May<'_>,
    ) -> Result<Vec<(ReviewId, Became)>, Error> {
        if !matches!(choice, Choice::Approve | Choice::Reject { .. }) {
            return Err(Error::Refused(
                "many at once can be approved or rejected; everything else is one by one".into(),
            ));
        }
        if items.len() > TOGETHER_MAX {
            return Err(Error::Refused(format!("{} questions at once; {TOGETHER_MAX} at most", items.len())));
        }
        has_reason(choice)?;
        let contract = self.facts(account).await?;
        let mut became: BTreeMap<ReviewId, Became> = BTreeMap::new();
        let mut of: BTreeMap<String, Vec<(ReviewRow, String)>> = BTreeMap::new();
        let mut first: Option<Review> = None;
        for (id, digest) in items {
            let Some(row) = self.review_row(account, id).await? else {
                became.insert(id.clone(), Became::Missing);
                continue;
            };
            let Some(inquiry) = self.inquiry(account, &InquiryId::from_text(row.inquiry.clone())).await? else {
                became.insert(id.clone(), Became::Missing);
                continue;
            };
            let standing = inquiry.reviews.iter().find(|r| r.id == *id).cloned();
            let Some(review) = standing.or_else(|| serde_json::from_str(&row.body).ok()) else {
                became.insert(id.clone(), Became::Missing);
                continue;
            };
            // What this person may not see does not exist for them.
            if !may(&inquiry, Act::WorkQueue) {
                became.insert(id.clone(), Became::Missing);
                continue;
            }
            if !may(&inquiry, act_of(&review, &contract.contract)) {
                became.insert(id.clone(), Became::NotYours);
                continue;
            }
            if review.kind == ReviewKind::SpotCheck {
                return Err(Error::Refused(
                    "a spot-check is answered one by one: each value is another question".into(),
                ));
            }
            match &first {
                Some(first) if !first.joins(&review) => {
                    let why = "these questions were not all stopped by the same reason; answer each kind by itself";
                    return Err(Error::Refused(why.into()));
                }
                Some(_) => {}
                None => first = Some(review),
            }
            of.entry(row.inquiry.clone()).or_default().push((row, digest.clone()));
        }
        // A CRM that does not answer is not asked again for each of them.
        let mut answers = true;
        for (inquiry, asked) in of {
            let inquiry = InquiryId::from_text(inquiry);
            became.extend(self.answer(account, &inquiry, asked, choice, by, &mut answers).await?);
        }
        let told = |(id, _): &(ReviewId, String)| Some((id.clone(), became.get(id)?.clone()));
        Ok(items.iter().filter_map(told).collect())
    }

    pub(crate) async fn review_row(&self, account: &AccountId, review: &ReviewId) -> Result<Option<ReviewRow>, Error> {
        let (account, id) = (account.as_str().to_owned(), review.as_str().to_owned());
        let row = self.store().read(move |tx| Box::pin(async move { store::review_get(tx, &account, &id).await }));
        Ok(row.await?)
    }

    /// Answers questions of one inquiry in one unit.
    async fn answer(
        &self,
        account: &AccountId,
        inquiry: &InquiryId,
        asked: Vec<(ReviewRow, String)>,
        choice: &Choice,
        by: &UserId,
        crm_answers: &mut bool,
    ) -> Result<Vec<(ReviewId, Became)>, Error> {
        has_reason(choice)?;
        let writes = matches!(choice, Choice::Approve | Choice::Edit { .. });
        if writes && *crm_answers && asked.iter().any(|(row, _)| row.kind == ReviewKind::Field.word()) {
            *crm_answers = Box::pin(self.look_again(account, inquiry)).await?;
        }
        let mut became = Vec::with_capacity(asked.len());
        let mut events = Vec::new();
        for (row, digest) in &asked {
            let id = ReviewId::from_text(row.id.clone());
            // Looking again may have made the question void.
            let state = self.review_row(account, &id).await?.map_or_else(String::new, |row| row.state);
            if state != "open" || row.digest != *digest {
                became.push((id, Became::Late { now: self.late(account, row, overtaken(&state)).await }));
            } else {
                events.push(Event::Decided { review: id, choice: choice.clone(), by: by.clone() });
            }
        }
        if events.is_empty() {
            return Ok(became);
        }
        let after = self.act_all(account, inquiry, &events).await?;
        for (row, _) in &asked {
            let id = ReviewId::from_text(row.id.clone());
            if became.iter().any(|(told, _)| *told == id) {
                continue;
            }
            // Another answer or another value may have come first, in the same moment.
            let taken = after.approvals.iter().any(|a| a.review == id && a.by == *by);
            let done = if taken {
                Became::Done
            } else {
                let state = self.review_row(account, &id).await?.map_or_else(String::new, |row| row.state);
                Became::Late { now: self.late(account, row, overtaken(&state)).await }
            };
            became.push((id, done));
        }
        Ok(became)
    }

    /// Reads the record of an inquiry once more if what is known of it is older than [`SEEN_SECONDS_MAX`], and lets the inquiry know where
    /// it holds something else. `false`: the CRM was asked and did not answer.
    pub(crate) async fn look_again(&self, account: &AccountId, id: &InquiryId) -> Result<bool, Error> {
        let Some(inquiry) = self.inquiry(account, id).await? else { return Ok(true) };
        let Some(contact) = inquiry.contact.as_ref() else { return Ok(true) };
        let now = self.now();
        if contact.seen_at.is_some_and(|at| now.duration_since(at).as_secs() < SEEN_SECONDS_MAX) {
            return Ok(true);
        }
        let facts = self.facts(account).await?;
        let Some((lane, words)) = facts.facts().crm else { return Ok(true) };
        let Some(held) = facts.connections.get(lane.as_str()).filter(|held| held.state == "active") else {
            return Ok(true);
        };
        let Some(crm) = held.crm().filter(|crm| !crm.acknowledges()) else { return Ok(true) };
        let properties = ringback_core::inquiry::asked_of_contacts(&facts.contract, words);
        let operation = CrmOp::ReadById {
            object: Object::Contact,
            id: contact.record.clone(),
            properties: properties.clone(),
            associations: Vec::new(),
            history: true,
        };
        let operations = [operation];
        // Asked once: whoever clicks does not wait for a CRM that is down.
        let Ok(request) = crm.request(&operations, &held.connection) else { return Ok(true) };
        let limit = Duration::from_secs(SIGHT_SECONDS_MAX);
        let Ok(Ok(reply)) = tokio::time::timeout(limit, self.send(held, crm, &request, limit)).await else {
            return Ok(false);
        };
        let outcome = crm.reply(&operations, &reply, &held.connection, now).outcomes.into_iter().next();
        let Some(Outcome::Done { held: shown }) = outcome else { return Ok(false) };
        let Some(record) = shown.records.into_iter().next() else { return Ok(true) };
        if moved(&contact.record_held, &record, &properties) {
            let look = Look { lane: lane.as_str(), object: Object::Contact, by: By::Seen, inquiry: Some(id) };
            let (record, event) = seen(record, &properties, now);
            Box::pin(self.note_corrections(&facts, &look, &[record])).await?;
            self.act_all(account, id, &[event]).await?;
        }
        Ok(true)
    }

    /// An answer comes too late: what stands there and what is proposed now, where the same is still asked.
    pub(crate) async fn late(&self, account: &AccountId, asked: &ReviewRow, by: Overtaken) -> Box<Late> {
        let (of, id) = (account.as_str().to_owned(), asked.inquiry.clone());
        let row = self.store().read(move |tx| Box::pin(async move { store::inquiry_get(tx, &of, &id).await })).await;
        let inquiry = row.ok().flatten().and_then(|row| of_row(row).ok()).map(|loaded| loaded.inquiry);
        let asks = asked.kind == ReviewKind::Field.word();
        let field = serde_json::from_str::<Review>(&asked.body).ok().filter(|_| asks).and_then(|r| r.field);
        let mut late = Late { by, why: by.words().to_owned(), holds: None, set_by: None, asked: None };
        if let (Some(inquiry), Some(field)) = (inquiry, field) {
            let of = |r: &&Review| r.kind == ReviewKind::Field && r.field.as_ref() == Some(&field);
            late.asked = inquiry.reviews.iter().find(of).cloned();
            let verdict = inquiry.verdicts.iter().find(|v| v.field == field);
            late.holds = verdict.map(|v| v.was.clone().unwrap_or_default());
            late.set_by = late.asked.as_ref().and_then(|r| r.set_by.clone());
        }
        Box::new(late)
    }
}

/// A no says why.
fn has_reason(choice: &Choice) -> Result<(), Error> {
    if matches!(choice, Choice::Reject { .. }) && choice.why_not().is_none() {
        return Err(Error::Refused("say why not: a code, or words".into()));
    }
    Ok(())
}

/// What came first, by how the question ended: by an answer, or because what it asked about is not so any more.
pub(crate) fn overtaken(state: &str) -> Overtaken {
    if state == "decided" { Overtaken::Answered } else { Overtaken::Moved }
}

fn texts(locations: Option<&[LocationId]>) -> Option<Vec<String>> {
    locations.map(|some| some.iter().map(|l| l.as_str().to_owned()).collect())
}

/// Does the record hold something else than what is known of it?
fn moved(known: &Record, shown: &Record, properties: &[String]) -> bool {
    let of = |record: &Record, name: &String| record.properties.get(name).cloned().unwrap_or_default();
    known.id != shown.id && !shown.id.is_empty() || properties.iter().any(|p| !same(&of(known, p), &of(shown, p)))
}

/// What was asked for and not shown is empty.
fn seen(mut record: Record, properties: &[String], read_at: Timestamp) -> (Record, Event) {
    for name in properties {
        record.properties.entry(name.clone()).or_default();
    }
    (record.clone(), Event::Seen { record, read_at })
}

#[cfg(test)]
mod tests;
