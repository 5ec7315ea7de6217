//! What people answered, what they put right, and what was missing: counted per clause and in total, over a time that has bounds, from what is
//! stored (F-123). Nothing is kept of it; asked again, it is counted again.

use crate::inquire::of_row;
use crate::{Engine, Error, instant, micros};
use jiff::{SignedDuration, Timestamp};
use ringback_core::id::AccountId;
use ringback_core::inquiry::{APART, CallbackResult, Choice, Inquiry, Outcome, RejectCode, Review, ReviewKind, State};
use ringback_core::plan::ContractRef;
use ringback_core::workflow::Workflow;
use ringback_store::{self as store, After, Before, CorrectedRow, EntryRow, ReviewRow};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Days that are counted when nothing is asked, and at most.
pub const DAYS: u32 = 28;
pub const DAYS_MAX: u32 = 366;
/// Answers that are counted, the newest ones.
const ANSWERS_MAX: usize = 20_000;
/// Inquiries that are looked through, the newest ones.
const INQUIRIES_MAX: usize = 20_000;
/// Questions that wait and are counted, the oldest ones.
const WAITING_MAX: usize = 5_000;
/// Corrections that are counted, the newest ones.
const CORRECTIONS_MAX: u32 = 5_000;
/// Inquiries that people gave to somebody else, the newest ones.
const GIVEN_MAX: u32 = 2_000;
/// Rows read at once.
const PAGE: u32 = 500;

/// The six counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Six {
    /// Proposals that were taken as they were.
    pub accepted: u64,
    /// Proposals in whose place people put another value.
    pub edited: u64,
    /// Proposals that people refused.
    pub rejected: u64,
    /// Records that were said to be of one person and are not.
    pub false_duplicates: u64,
    /// Inquiries that a rule had given to somebody and a person to somebody else.
    pub routing_corrections: u64,
    /// Values that a clause asks for and nobody said.
    pub missing: u64,
}

impl Six {
    fn add(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.edited += other.edited;
        self.rejected += other.rejected;
        self.false_duplicates += other.false_duplicates;
        self.routing_corrections += other.routing_corrections;
        self.missing += other.missing;
    }
}

/// What is counted of one clause.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OfClause {
    /// `field.urgency`, `owner.rule[2]`, `match`.
    pub clause: String,
    /// The contract's name of the field; none: it is no clause of a field.
    pub field: Option<String>,
    #[serde(flatten)]
    pub six: Six,
    /// Questions that still wait.
    pub waiting: u64,
    /// Values that were confirmed in the CRM.
    pub written: u64,
    /// Values of ours in whose place people put another, seen in that time.
    pub corrected: u64,
    /// Spot-checks that were answered, and of those the wrong ones.
    pub checked: u64,
    pub wrong: u64,
    /// What stopped its questions: a stable word, and how often.
    pub because: BTreeMap<String, u64>,
}

impl OfClause {
    /// Questions that people answered, or still have to.
    pub fn asked(&self) -> u64 {
        self.because.values().sum()
    }
}

/// Everything that is counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Learned {
    pub since: Timestamp,
    pub until: Timestamp,
    /// What is in force.
    pub contract: Option<ContractRef>,
    pub total: Six,
    /// Those with the most questions first.
    pub clauses: Vec<OfClause>,
    /// Of what there was more than is counted, in words; empty: everything is.
    pub cut: Vec<&'static str>,
}

/// How inquiries that one rule gave to somebody went on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Handoff {
    /// The clause that named the owner: `owner.rule[1]`; `person` where a person did.
    pub rule: String,
    /// The brief had the caller's own words.
    pub heard: bool,
    pub given: u64,
    /// Somebody rang back before the clock ran out.
    pub in_time: u64,
    /// And spoke with the caller then, or later.
    pub reached: u64,
    /// Somebody rang back too late, or nobody by now although it is due.
    pub late: u64,
    /// Nobody yet, and it is not due.
    pub waiting: u64,
}

/// One answer to a question.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) at: Timestamp,
    pub(crate) review: Review,
    pub(crate) choice: Choice,
}

/// What an answer counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counts {
    Accepted,
    Edited,
    Rejected,
    FalseDuplicate,
    /// A spot-check; was the value right?
    Checked(bool),
    /// It counts as none of these: which record it is, who calls back.
    Otherwise,
}

impl Answer {
    fn of(row: &ReviewRow) -> Option<Self> {
        let review: Review = serde_json::from_str(&row.body).ok()?;
        let choice = serde_json::from_str(row.decision.as_deref()?).ok()?;
        Some(Self { at: instant(row.decided_at?), review, choice })
    }

    pub(crate) fn counts(&self) -> Counts {
        let Self { review, choice, .. } = self;
        match (review.kind, choice) {
            (ReviewKind::SpotCheck, choice) => Counts::Checked(*choice == Choice::Approve),
            (ReviewKind::Doubled, Choice::Pick { id }) if id == APART => Counts::FalseDuplicate,
            (ReviewKind::Doubled, Choice::Reject { .. }) => Counts::FalseDuplicate,
            (ReviewKind::Match, Choice::Pick { id })
                if id == "none" && review.workflow == Some(Workflow::DuplicateCleanup) =>
            {
                Counts::FalseDuplicate
            }
            (_, Choice::Reject { code: Some(RejectCode::NoDouble), .. }) => Counts::FalseDuplicate,
            (ReviewKind::Field, Choice::Approve) => Counts::Accepted,
            (ReviewKind::Field, Choice::Edit { .. }) => Counts::Edited,
            (ReviewKind::Field, Choice::Reject { .. }) => Counts::Rejected,
            _ => Counts::Otherwise,
        }
    }
}

/// The clause that a question is asked by, without the key that stopped it.
fn clause_of(review: &Review) -> String {
    match (&review.field, review.clause.as_str()) {
        (Some(field), _) => format!("field.{field}"),
        (None, "") => review.kind.word().to_owned(),
        (None, clause) => clause.to_owned(),
    }
}

/// What was gathered of a time: the figures, and what they were counted from.
pub(crate) struct Gathered {
    pub(crate) learned: Learned,
    pub(crate) handoffs: Vec<Handoff>,
    pub(crate) corrected: Vec<CorrectedRow>,
}

#[derive(Default)]
struct Sums {
    clauses: BTreeMap<String, OfClause>,
    cut: Vec<&'static str>,
}

impl Sums {
    fn of(&mut self, clause: &str) -> &mut OfClause {
        let field = clause.strip_prefix("field.").map(str::to_owned);
        let new = || OfClause { clause: clause.to_owned(), field, ..OfClause::default() };
        self.clauses.entry(clause.to_owned()).or_insert_with(new)
    }

    fn answer(&mut self, answer: &Answer) {
        let held = self.of(&clause_of(&answer.review));
        match answer.counts() {
            Counts::Accepted => held.six.accepted += 1,
            Counts::Edited => held.six.edited += 1,
            Counts::Rejected => held.six.rejected += 1,
            Counts::FalseDuplicate => held.six.false_duplicates += 1,
            Counts::Checked(right) => {
                held.checked += 1;
                held.wrong += u64::from(!right);
                // Chance asked, and no rule was uncertain.
                return;
            }
            Counts::Otherwise => {}
        }
        self.asks(&answer.review);
    }

    fn asks(&mut self, review: &Review) {
        let because = if review.because.is_empty() { review.kind.word() } else { &review.because };
        let because = because.to_owned();
        *self.of(&clause_of(review)).because.entry(because).or_default() += 1;
    }

    fn whole(self, since: Timestamp, until: Timestamp, contract: Option<ContractRef>) -> Learned {
        let mut total = Six::default();
        let mut clauses: Vec<OfClause> = self.clauses.into_values().collect();
        for clause in &clauses {
            total.add(clause.six);
        }
        clauses.sort_by(|a, b| (b.asked(), b.written, &a.clause).cmp(&(a.asked(), a.written, &b.clause)));
        Learned { since, until, contract, total, clauses, cut: self.cut }
    }
}

/// The time that ends now and is so many days long.
pub fn window(days: u32, now: Timestamp) -> Timestamp {
    let hours = 24 * i64::from(days.clamp(1, DAYS_MAX));
    now.checked_sub(SignedDuration::from_hours(hours)).unwrap_or(Timestamp::UNIX_EPOCH)
}

impl Engine {
    /// The six counters and what stands beside them, from one instant to before another.
    pub async fn learned(&self, account: &AccountId, since: Timestamp, until: Timestamp) -> Result<Learned, Error> {
        Ok(self.gathered(account, since, until).await?.learned)
    }

    pub(crate) async fn gathered(
        &self,
        account: &AccountId,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Gathered, Error> {
        let contract = self.contract(account).await?.map(|(named, _)| named);
        let mut sums = Sums::default();
        let (answers, more) = self.answers(account, since, until).await?;
        for answer in &answers {
            sums.answer(answer);
        }
        if more {
            sums.cut.push("answers");
        }
        self.count_waiting(account, since, until, &mut sums).await?;
        self.count_given(account, since, until, &mut sums).await?;
        let handoffs = self.count_inquiries(account, since, until, &mut sums).await?;
        let corrected = self.count_writes(account, since, until, &mut sums).await?;
        Ok(Gathered { learned: sums.whole(since, until, contract), handoffs, corrected })
    }

    /// The answers of that time, newest first, and whether there were more.
    pub(crate) async fn answers(
        &self,
        account: &AccountId,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<(Vec<Answer>, bool), Error> {
        let mut found = Vec::new();
        let mut before = Before { at: micros(until), id: String::new() };
        loop {
            let (of, from, at) = (account.as_str().to_owned(), before.clone(), micros(since));
            let rows = self
                .store()
                .read(move |tx| Box::pin(async move { store::reviews_decided(tx, &of, at, PAGE, &from).await }))
                .await?;
            found.extend(rows.iter().filter_map(Answer::of));
            match rows.last() {
                Some(last) if rows.len() >= PAGE as usize => {
                    before = Before { at: last.decided_at.unwrap_or_default(), id: last.id.clone() };
                }
                _ => return Ok((found, false)),
            }
            if found.len() >= ANSWERS_MAX {
                return Ok((found, true));
            }
        }
    }

    /// Questions that were asked in that time and wait.
    async fn count_waiting(
        &self,
        account: &AccountId,
        since: Timestamp,
        until: Timestamp,
        sums: &mut Sums,
    ) -> Result<(), Error> {
        let mut after = After { at: micros(since), id: String::new() };
        let mut seen = 0;
        loop {
            let (of, from) = (account.as_str().to_owned(), after.clone());
            let rows = self
                .store()
                .read(move |tx| Box::pin(async move { store::reviews_open(tx, &of, None, None, PAGE, &from).await }))
                .await?;
            let asked = rows.iter().filter(|row| row.opened_at < micros(until));
            for review in asked.filter_map(|row| serde_json::from_str::<Review>(&row.body).ok()) {
                if review.kind != ReviewKind::SpotCheck {
                    sums.of(&clause_of(&review)).waiting += 1;
                    sums.asks(&review);
                }
            }
            seen += rows.len();
            match rows.last() {
                Some(last) if rows.len() >= PAGE as usize && last.opened_at < micros(until) => {
                    after = After { at: last.opened_at, id: last.id.clone() };
                }
                _ => return Ok(()),
            }
            if seen >= WAITING_MAX {
                sums.cut.push("waiting questions");
                return Ok(());
            }
        }
    }

    /// Inquiries that a rule had given to somebody and a person to somebody else.
    async fn count_given(
        &self,
        account: &AccountId,
        since: Timestamp,
        until: Timestamp,
        sums: &mut Sums,
    ) -> Result<(), Error> {
        let (of, span) = (account.as_str().to_owned(), (micros(since), micros(until)));
        let (given, chains) = self
            .store()
            .read(move |tx| {
                Box::pin(async move {
                    let given = store::entries_given(tx, &of, span, GIVEN_MAX).await?;
                    let mut chains: BTreeMap<String, Vec<EntryRow>> = BTreeMap::new();
                    for entry in &given {
                        if !chains.contains_key(&entry.inquiry) {
                            let chain = store::entries_of(tx, &of, &entry.inquiry).await?;
                            let owners = chain.into_iter().filter(|e| e.kind == "owner").collect();
                            chains.insert(entry.inquiry.clone(), owners);
                        }
                    }
                    Ok((given, chains))
                })
            })
            .await?;
        if given.len() >= GIVEN_MAX as usize {
            sums.cut.push("given away");
        }
        for entry in &given {
            let chain = chains.get(&entry.inquiry).map_or(&[][..], Vec::as_slice);
            if let Some(rule) = rule_put_right(chain, entry.seq) {
                sums.of(&rule).six.routing_corrections += 1;
            }
        }
        Ok(())
    }

    /// What was missing in the inquiries of that time, and how those that were given to somebody went on.
    async fn count_inquiries(
        &self,
        account: &AccountId,
        since: Timestamp,
        until: Timestamp,
        sums: &mut Sums,
    ) -> Result<Vec<Handoff>, Error> {
        let mut handoffs: BTreeMap<(String, bool), Handoff> = BTreeMap::new();
        let mut before = Before { at: micros(until), id: String::new() };
        let (mut seen, now) = (0, self.now());
        loop {
            let (of, from) = (account.as_str().to_owned(), before.clone());
            let rows = self
                .store()
                .read(move |tx| Box::pin(async move { store::inquiries_list(tx, &of, None, PAGE, &from).await }))
                .await?;
            let full = rows.len() >= PAGE as usize;
            let last = rows.last().map(|row| Before { at: row.opened_at, id: row.id.clone() });
            for row in rows.into_iter().filter(|row| row.opened_at >= micros(since)) {
                seen += 1;
                let inquiry = of_row(row)?.inquiry;
                missing(&inquiry, sums);
                went_on(&inquiry, now, &mut handoffs);
            }
            match last {
                Some(last) if full && last.at >= micros(since) => before = last,
                _ => return Ok(handoffs.into_values().collect()),
            }
            if seen >= INQUIRIES_MAX {
                sums.cut.push("inquiries");
                return Ok(handoffs.into_values().collect());
            }
        }
    }

    /// What was written, and what people put in its place.
    async fn count_writes(
        &self,
        account: &AccountId,
        since: Timestamp,
        until: Timestamp,
        sums: &mut Sums,
    ) -> Result<Vec<CorrectedRow>, Error> {
        let (of, span) = (account.as_str().to_owned(), (micros(since), micros(until)));
        let (written, corrected) = self
            .store()
            .read(move |tx| {
                Box::pin(async move {
                    let written = store::field_writes_per_field(tx, &of, span).await?;
                    Ok((written, store::corrected_between(tx, &of, span, CORRECTIONS_MAX).await?))
                })
            })
            .await?;
        for row in written.into_iter().filter(|row| !row.field.is_empty()) {
            sums.of(&format!("field.{}", row.field)).written += u64::try_from(row.written).unwrap_or(0);
        }
        if corrected.len() >= CORRECTIONS_MAX as usize {
            sums.cut.push("corrections");
        }
        for row in corrected.iter().filter(|row| !row.field.is_empty()) {
            sums.of(&format!("field.{}", row.field)).corrected += 1;
        }
        Ok(corrected)
    }
}

/// The rule whose owner a person replaced at that place of the chain, if one had named another.
fn rule_put_right(owners: &[EntryRow], seq: i64) -> Option<String> {
    let body = |row: &EntryRow| serde_json::from_str::<Value>(&row.body).ok();
    let at = owners.iter().position(|row| row.seq == seq)?;
    let (is, was) = (body(owners.get(at)?)?, body(owners.get(at.checked_sub(1)?)?)?);
    let by_rule = was.get("by").is_none() && was["provisional"] != Value::Bool(true);
    (by_rule && is["staff"] != was["staff"])
        .then(|| was["clause"].as_str().filter(|clause| !clause.is_empty()).unwrap_or("owner").to_owned())
}

fn missing(inquiry: &Inquiry, sums: &mut Sums) {
    if matches!(inquiry.state, State::Closed { outcome: Outcome::Disqualified, .. }) {
        return;
    }
    for verdict in inquiry.verdicts.iter().filter(|verdict| verdict.because == "missing") {
        sums.of(&format!("field.{}", verdict.field)).six.missing += 1;
    }
}

fn went_on(inquiry: &Inquiry, now: Timestamp, handoffs: &mut BTreeMap<(String, bool), Handoff>) {
    let (Some(owner), Some(clock)) = (&inquiry.owner, &inquiry.clock) else { return };
    if matches!(inquiry.state, State::Closed { outcome: Outcome::AnsweredAfterAll, .. }) {
        return;
    }
    let heard = !inquiry.claims.is_empty();
    let held = handoffs.entry((owner.clause.clone(), heard)).or_default();
    (held.rule, held.heard) = (owner.clause.clone(), heard);
    held.given += 1;
    let spoke = |result: CallbackResult| matches!(result, CallbackResult::Reached | CallbackResult::Booked);
    match inquiry.callbacks.first() {
        Some(first) if first.at <= clock.due_at => {
            held.in_time += 1;
            held.reached += u64::from(inquiry.callbacks.iter().any(|c| spoke(c.result)));
        }
        Some(_) => held.late += 1,
        None if clock.due_at < now => held.late += 1,
        None => held.waiting += 1,
    }
}

#[cfg(test)]
mod tests;
