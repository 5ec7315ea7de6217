//! The weekly spot-check: chance picks some of the values that were written by themselves, people say whether each is right, and what they say is
//! kept (F-321).
//!
//! What was picked stands in the account's chain with the seed that picked it, so that the choice can be made again. Each value becomes a question
//! beside the others; nothing waits for its answer. A wrong one is noted as a correction of that write, and taking it back is offered.

use crate::corrections::{By, correction, put_once};
use crate::facts::AccountFacts;
use crate::inquire::{MEETINGS_MAX, corrupt};
use crate::reviews::overtaken;
use crate::{Engine, Error, instant, micros};
use jiff::{SignedDuration, Timestamp};
use ringback_core::contract::Contract;
use ringback_core::effect::hex;
use ringback_core::ensure::same;
use ringback_core::id::{AccountId, ContractId, InquiryId, ReviewId, UserId};
use ringback_core::inquiry::{Choice, Inquiry, Review, ReviewKind};
use ringback_core::ledger::Draft;
use ringback_core::plan::{Actor, ContractRef, Evidence, Source};
use ringback_core::rollback::Scope;
use ringback_core::spot::{self, ALWAYS_DAYS, Checked, EVERY_DAYS, SAMPLE, WAITING_MAX};
use ringback_store::{
    self as store, AccountRow, ContractRow, EntryRow, FieldWriteRow, InquiryRow, ReviewRow, Site, Tx,
};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Until when samples were drawn, as a cursor of the account.
const CURSOR: &str = "spot_check";
/// Values looked at for one sample: what is not kept any more is passed over.
const LOOKS_MAX: usize = 2 * SAMPLE;

/// How the spot-checks of an account stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checks {
    /// When the last sample was drawn; none: there was none yet.
    pub last: Option<Timestamp>,
    /// When the next one is due.
    pub next: Timestamp,
    /// Values that wait for a verdict.
    pub waiting: u64,
}

/// What chance picked, with its entry in the account's chain, ready to be asked.
struct Sample {
    account: AccountId,
    /// Until when samples had been drawn before.
    before: Option<i64>,
    now: Timestamp,
    reviews: Vec<ReviewRow>,
    /// Whose values they are, as they were read with them.
    inquiries: Vec<InquiryRow>,
    draft: Draft,
}

/// A value that was drawn, with everything its question needs.
struct Drawn {
    write: FieldWriteRow,
    value: String,
    entry: Option<EntryRow>,
    inquiry: InquiryRow,
}

impl Engine {
    /// Draws this week's sample if it is due; gives how many values wait for a verdict because of it.
    pub async fn spot_check(&self, account: &AccountRow) -> Result<usize, Error> {
        match self.sample(account).await? {
            Some(sample) => self.ask_about(sample).await,
            None => Ok(0),
        }
    }

    /// This week's sample, if it is due.
    async fn sample(&self, account: &AccountRow) -> Result<Option<Sample>, Error> {
        let id = AccountId::from_text(account.id.clone());
        let now = self.now();
        let checks = self.spot_checks(&id).await?;
        if now < checks.next {
            return Ok(None);
        }
        let young = days_between(instant(account.created_at), now) < ALWAYS_DAYS;
        if !young && checks.waiting >= WAITING_MAX as u64 {
            return Ok(None);
        }
        let week = now.checked_sub(SignedDuration::from_hours(24 * EVERY_DAYS)).unwrap_or(now);
        // The first sample is of everything that was written before it.
        let since = checks.last.map_or(instant(account.created_at), |last| last.max(week));
        let seed: [u8; 32] = self.random();
        let (of, drawn) = self.draw(&id, (micros(since), micros(now)), &seed).await?;
        let facts = self.facts(&id).await?;
        let rows = self.contract_versions(&id).await?;
        let reviews = drawn.iter().map(|drawn| asked(drawn, &facts, &rows, (since, now), of));
        let reviews: Vec<ReviewRow> = reviews.collect::<Result<_, store::Error>>()?;
        let picked: Vec<Value> = drawn
            .iter()
            .zip(&reviews)
            .map(|(d, row)| {
                serde_json::json!({ "review": row.id, "inquiry": d.write.inquiry, "seq": d.write.seq, "property": d.write.property })
            })
            .collect();
        let draft = Draft::new("spot_check")
            .with("since", since)
            .with("until", now)
            .with("written", of)
            .with("seed", hex(&seed))
            .with("picked", &picked);
        let inquiries: BTreeMap<String, InquiryRow> =
            drawn.into_iter().map(|drawn| (drawn.inquiry.id.clone(), drawn.inquiry)).collect();
        let (before, inquiries) = (checks.last.map(micros), inquiries.into_values().collect());
        Ok(Some(Sample { account: id, before, now, reviews, inquiries, draft }))
    }

    /// Asks about a sample, unless another node has drawn one meanwhile; gives how many values wait for a verdict because of it.
    async fn ask_about(&self, sample: Sample) -> Result<usize, Error> {
        let Sample { account: id, before, now, reviews, inquiries, draft } = sample;
        let (count, chain) = (reviews.len(), self.chain(&id));
        let done = self
            .store()
            .write(Site::Setup, move |tx| {
                Box::pin(async move {
                    let account = id.as_str();
                    // Another node may have drawn it meanwhile.
                    if cursor(tx, account).await? != before {
                        return Ok(false);
                    }
                    // Whoever was forgotten since it was drawn is not asked about; and who erases now finds the questions, or comes to this and begins
                    // again.
                    for row in &inquiries {
                        if !store::inquiry_update_if(tx, row).await? {
                            return Err(store::Error::Conflict);
                        }
                    }
                    // Where nothing was written there was nothing to choose, and nothing to tell.
                    if !reviews.is_empty() {
                        chain.tell(tx, vec![draft]).await?;
                    }
                    for row in &reviews {
                        store::review_insert_once(tx, row).await?;
                    }
                    store::cursor_put(tx, account, "", CURSOR, &micros(now).to_string(), micros(now)).await?;
                    Ok(true)
                })
            })
            .await;
        match done {
            // Somebody else's entry came first, or one of the inquiries moved: the next round looks again.
            Err(store::Error::Conflict) | Ok(false) => Ok(0),
            Err(error) => Err(error.into()),
            Ok(true) => {
                if count > 0 {
                    self.changed();
                }
                Ok(count)
            }
        }
    }

    /// The rollback that is offered for a value which a spot-check called wrong; `None`: that review called none wrong.
    pub async fn called_wrong(&self, account: &AccountId, review: &ReviewId) -> Result<Option<Scope>, Error> {
        let row = self.review_row(account, review).await?;
        let Some(row) = row.filter(|r| r.kind == ReviewKind::SpotCheck.word() && r.state == "decided") else {
            return Ok(None);
        };
        let choice = row.decision.as_deref().and_then(|text| serde_json::from_str::<Choice>(text).ok());
        let field = serde_json::from_str::<Review>(&row.body).ok().and_then(|review| review.field);
        let inquiry = Some(InquiryId::from_text(row.inquiry));
        Ok(choice.filter(|choice| *choice != Choice::Approve).map(|_| Scope { inquiry, field, ..Scope::default() }))
    }

    /// How the spot-checks of an account stand.
    pub async fn spot_checks(&self, account: &AccountId) -> Result<Checks, Error> {
        let of = account.as_str().to_owned();
        let (last, waiting, made) = self
            .store()
            .read(move |tx| {
                Box::pin(async move {
                    let last = cursor(tx, &of).await?;
                    let waiting = store::reviews_open_of(tx, &of, ReviewKind::SpotCheck.word()).await?;
                    let made = store::account_get(tx, &of).await?.map_or(0, |row| row.created_at);
                    Ok((last, waiting, made))
                })
            })
            .await?;
        let from = instant(last.unwrap_or(made));
        let next = from.checked_add(SignedDuration::from_hours(24 * EVERY_DAYS)).unwrap_or(from);
        Ok(Checks { last: last.map(instant), next, waiting: u64::try_from(waiting).unwrap_or(0) })
    }

    /// How many values were written by themselves, and those of them that chance picks.
    async fn draw(&self, account: &AccountId, span: (i64, i64), seed: &[u8; 32]) -> Result<(i64, Vec<Drawn>), Error> {
        let (account, seed) = (account.as_str().to_owned(), *seed);
        let drawn = self.store().read(move |tx| {
            Box::pin(async move {
                let by = Actor::Machine.word();
                let of = store::field_writes_count(tx, &account, span, by).await?;
                let mut drawn: Vec<Drawn> = Vec::new();
                for place in spot::places(&seed, u64::try_from(of).unwrap_or(0), LOOKS_MAX) {
                    if drawn.len() >= SAMPLE {
                        break;
                    }
                    let place = i64::try_from(place).unwrap_or(i64::MAX);
                    let Some(write) = store::field_write_nth(tx, &account, span, by, place).await? else { continue };
                    let Some(document) = &write.is_doc else { continue };
                    let value = store::document_get(tx, &account, document).await?.and_then(|d| d.body);
                    let Some(value) = value.filter(|value| !value.trim().is_empty()) else { continue };
                    let chain = store::entries_of(tx, &account, &write.inquiry).await?;
                    let entry = chain.into_iter().find(|entry| entry.seq == write.seq);
                    let Some(inquiry) = store::inquiry_get(tx, &account, &write.inquiry).await? else { continue };
                    drawn.push(Drawn { write, value, entry, inquiry });
                }
                Ok((of, drawn))
            })
        });
        Ok(drawn.await?)
    }

    /// A person's verdict on a value that was written. Right, or wrong with or without the right value; what is wrong is noted as a correction of
    /// that write. Nothing is written to the CRM by it.
    ///
    /// # Errors
    /// [`Error::Refused`] for a value in its place that is the same, and for an answer that is no verdict; [`Error::Late`] after another one.
    pub(crate) async fn judge_value(
        &self,
        account: &AccountId,
        row: &ReviewRow,
        digest: &str,
        choice: &Choice,
        by: &UserId,
    ) -> Result<Inquiry, Error> {
        let review: Review = serde_json::from_str(&row.body).map_err(|e| corrupt("review", &row.id, e))?;
        let id = InquiryId::from_text(row.inquiry.clone());
        let inquiry = self.inquiry(account, &id).await?.ok_or_else(|| Error::Missing(format!("inquiry {id}")))?;
        let Some(checked) = review.checks.clone() else {
            return Err(corrupt("review", &row.id, "it names no write").into());
        };
        let right = match choice {
            Choice::Approve => None,
            Choice::Edit { value } if same(value, review.proposed.as_deref().unwrap_or_default()) => {
                return Err(Error::Refused("that is the value that was written: say that it is right".into()));
            }
            Choice::Edit { value } => Some(Some(value.clone())),
            Choice::Reject { .. } => Some(None),
            Choice::Pick { .. } => return Err(Error::Refused("say right, wrong, or what is right".into())),
        };
        let facts = self.facts(account).await?;
        for _ in 0..MEETINGS_MAX {
            let (of, now, digest) = (account.as_str().to_owned(), self.now(), digest.to_owned());
            let noted = right.as_ref().map(|value| {
                let place = (row.inquiry.as_str(), checked.seq, checked.property.as_str());
                correction(&facts, place, By::SpotCheck, value.as_deref(), by.as_str(), now)
            });
            let decision = store::ReviewDecision {
                state: "decided".into(),
                at: micros(now),
                by: by.as_str().to_owned(),
                decision: serde_json::to_string(choice).map_err(|e| corrupt("decision", &row.id, e))?,
            };
            let draft = Draft::new("spot_verdict")
                .with("review", &row.id)
                .with("inquiry", &row.inquiry)
                .with("seq", checked.seq)
                .with("property", &checked.property)
                .with("clause", &review.clause)
                .with("contract", &review.contract)
                .with("right", right.is_none())
                .with("code", choice.code().map(ringback_core::inquiry::RejectCode::word))
                .with("by", by);
            let (chain, days, name) = (self.chain(account), facts.days, row.id.clone());
            let done = self
                .store()
                .write(Site::Decision, move |tx| {
                    Box::pin(async move {
                        if !store::review_decide_if_open(tx, &of, &name, &digest, &decision).await? {
                            return Ok(false);
                        }
                        if let Some(noted) = noted {
                            put_once(tx, days, noted, now).await?;
                        }
                        chain.tell(tx, vec![draft]).await?;
                        Ok(true)
                    })
                })
                .await;
            match done {
                Err(store::Error::Conflict) => {}
                Err(error) => return Err(error.into()),
                Ok(true) => {
                    self.changed();
                    return Ok(inquiry);
                }
                Ok(false) => {
                    let review = ReviewId::from_text(row.id.clone());
                    let state = self.review_row(account, &review).await?.map_or_else(String::new, |row| row.state);
                    return Err(Error::Late(self.late(account, row, overtaken(&state)).await));
                }
            }
        }
        Err(Error::MovedOn("others are changing this account all the time; try again".into()))
    }
}

/// Until when samples were drawn.
async fn cursor(tx: &mut Tx, account: &str) -> Result<Option<i64>, store::Error> {
    let text = store::cursor_get(tx, account, "", CURSOR).await?;
    text.map(|text| text.parse().map_err(|_| corrupt("cursor", CURSOR, format!("{text:?} is no instant")))).transpose()
}

fn days_between(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_hours() / 24
}

/// The question about a value.
fn asked(
    drawn: &Drawn,
    facts: &AccountFacts,
    contracts: &[ContractRow],
    (since, now): (Timestamp, Timestamp),
    of: i64,
) -> Result<ReviewRow, store::Error> {
    let Drawn { write, value, entry, .. } = drawn;
    let inquiry = InquiryId::from_text(write.inquiry.clone());
    let body: Value = entry.as_ref().and_then(|e| serde_json::from_str(&e.body).ok()).unwrap_or_default();
    let told = &body["fields"][&write.property];
    let evidence: Option<Evidence> = serde_json::from_value(told["evidence"].clone()).ok();
    let as_of = told["as_of"].as_str().and_then(|at| at.parse().ok());
    let source = match (as_of, write.source.strip_prefix("the provider ")) {
        (Some(as_of), Some(name)) => Source::Provider { name: name.to_owned(), as_of },
        _ if evidence.is_some() => Source::Words,
        _ => Source::Decision,
    };
    let held = contracts.iter().find(|row| row.name == write.contract && row.version == write.version);
    let rule = held
        .and_then(|row| Contract::from_stored(&row.compiled).ok())
        .and_then(|c| c.fields.get(&write.field).cloned());
    let days = days_between(since, now).max(1);
    let review = Review {
        id: ReviewId::from_text(format!("rev_{}.{}.{}", inquiry.stem(), write.seq, write.property)),
        kind: ReviewKind::SpotCheck,
        field: Some(write.field.clone()),
        proposed: Some(value.clone()),
        current: None,
        confidence: write.confidence.and_then(|sure| u16::try_from(sure).ok()),
        evidence,
        // The transcript has the words, as long as it is kept.
        quote: None,
        reason: format!(
            "chance picked it from the {of} values that were written by themselves in {days} days; nothing waits for the answer"
        ),
        clause: write.clause.clone(),
        choices: Vec::new(),
        digest: facts.salt.commit("spot_check", &format!("{}|{}|{}|{value}", write.inquiry, write.seq, write.property)),
        opened_at: now,
        because: ReviewKind::SpotCheck.word().to_owned(),
        set_by: None,
        sentence: rule.map(|rule| rule.winner).unwrap_or_default(),
        contract: held.map(|row| ContractRef {
            id: ContractId::from_text(row.id.clone()),
            name: row.name.clone(),
            version: u32::try_from(row.version).unwrap_or(0),
        }),
        candidates: Vec::new(),
        workflow: None,
        source,
        checks: Some(Checked {
            seq: write.seq,
            property: write.property.clone(),
            object: write.object.clone(),
            record: write.record.clone(),
        }),
    };
    crate::inquire::review_row(facts.account.as_str(), &inquiry, &review, now)
}

#[cfg(test)]
mod tests;
