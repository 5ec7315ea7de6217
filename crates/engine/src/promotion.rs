//! What fields have earned, by what people answered, and the version that a person may make of it.
//!
//! Nothing here changes a contract. [`Engine::promote`] is a person's: it edits exactly the clauses that were named, in the text of the version in
//! force, and brings that through the one door ([`crate::contracts`]), where the gate of [`crate::level`] stands.

use crate::contracts::{Answer, Base, By, Fit, Wish, check, read};
use crate::counters::{Answer as Answered, Counts};
use crate::inquire::MEETINGS_MAX;
use crate::{Engine, Error, instant, micros};
use jiff::{SignedDuration, Timestamp};
use ringback_core::contract::diff::{Change, diff};
use ringback_core::contract::edit::{Edit, Line, edit, lines};
use ringback_core::contract::{Contract, Machine};
use ringback_core::id::AccountId;
use ringback_core::ledger::Draft;
use ringback_core::plan::ContractRef;
use ringback_core::problem::Problem;
use ringback_core::promotion::{DAYS, Ground, Judged, LowRisk, Offer, Record, judge, keeps_asking};
use ringback_core::workflow::fed_by_workflows;
use ringback_store::{self as store, Before, ContractRow, CorrectedRow, Site};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Rollbacks looked at for one that came to its end.
const ROLLBACKS_MAX: u32 = 50;
/// Corrections that count, the newest ones.
const CORRECTIONS_MAX: u32 = 20_000;
/// Fields of one confirmation.
pub const TOGETHER_MAX: usize = 50;

/// A field that goes on as it does, and why it is not offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stays {
    pub field: String,
    pub why: Vec<String>,
    pub record: Record,
}

/// A field that writes by itself and was often wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AskAgain {
    pub field: String,
    pub sentence: String,
}

/// The questions of one workflow, and whether it should go on asking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OfWorkflow {
    /// The contract's name for that of calls; the word of a neighbouring one.
    pub name: String,
    /// As people call it; empty: by its name.
    pub title: &'static str,
    /// How much happens by itself.
    pub level: &'static str,
    /// Why it should go on asking; none: its figures stand above the bars.
    pub keeps: Option<String>,
    pub record: Record,
}

/// What the fields of the contract in force have earned.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Promotions {
    /// None: no contract was applied.
    pub contract: Option<ContractRef>,
    /// What a person may make a version of.
    pub offers: Vec<Offer>,
    pub again: Vec<AskAgain>,
    /// Fields of a kind that is offered, and those of which people answered something.
    pub stays: Vec<Stays>,
    pub workflows: Vec<OfWorkflow>,
}

/// A version as it would be, before anybody confirmed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drafted {
    /// The version that it is made from; a confirmation names it.
    pub base: i64,
    /// Binds a confirmation to exactly this version.
    pub digest: String,
    pub offers: Vec<Offer>,
    /// What changes, in sentences.
    pub changes: Vec<Change>,
    /// The lines of the text that change.
    pub lines: Vec<Line>,
    /// The whole text.
    pub text: String,
    #[serde(skip)]
    contract: Contract,
}

fn told(code: &'static str, cause: impl Into<String>, cure: impl Into<String>) -> Error {
    Error::Told(Box::new(Problem::new(code, cause, cure)))
}

/// The versions of that name, newest first, each with the moment since which it was in force; as far back as they can be read.
fn versions_of(rows: &[ContractRow], name: &str) -> Vec<(Timestamp, Contract)> {
    let mut of_name: Vec<&ContractRow> = rows.iter().filter(|row| row.name == name).collect();
    of_name.sort_by_key(|row| std::cmp::Reverse(row.version));
    let known = |row: &ContractRow| Some((instant(row.applied_at), Contract::from_stored(&row.compiled).ok()?));
    of_name.into_iter().map_while(known).collect()
}

/// What counts of a field begins with the version since which its clause says what it says. What an older version said that cannot be read is not
/// known to be the same.
fn says_so_since(versions: &[(Timestamp, Contract)], field: &str) -> Option<Timestamp> {
    let is = versions.first()?.1.fields.get(field);
    versions.iter().take_while(|(_, version)| version.fields.get(field) == is).last().map(|(since, _)| *since)
}

/// Everything that is counted of the last days, before it is divided among fields.
struct Found {
    answers: Vec<Answered>,
    corrected: Vec<CorrectedRow>,
    /// By the moment from which it counts, then by field.
    written: BTreeMap<i64, BTreeMap<String, u64>>,
}

impl Found {
    /// What became of a field's proposals and of what it wrote.
    fn record(&self, field: &str, since: Timestamp) -> Record {
        let mut record = Record { since: Some(since), ..Record::default() };
        let of = |answer: &&Answered| answer.at >= since && answer.review.field.as_deref() == Some(field);
        for answer in self.answers.iter().filter(of) {
            tally(&mut record, answer);
        }
        record.written = self.written.get(&micros(since)).and_then(|w| w.get(field)).copied().unwrap_or(0);
        let of = |row: &&CorrectedRow| row.field == field && row.at >= micros(since);
        record.corrected = self.corrected.iter().filter(of).count() as u64;
        record
    }
}

/// Only those questions count that would not be asked any more; those that were asked for want of confidence count for the threshold.
fn tally(record: &mut Record, answer: &Answered) {
    let counts = answer.counts();
    if let Counts::Checked(right) = counts {
        record.checked += 1;
        record.wrong += u64::from(!right);
        return;
    }
    match answer.review.because.as_str() {
        "autonomy" | "suggest_only" => match counts {
            Counts::Accepted => record.taken += 1,
            Counts::Edited => record.edited += 1,
            Counts::Rejected | Counts::FalseDuplicate => record.refused += 1,
            Counts::Checked(_) | Counts::Otherwise => {}
        },
        "below_write_threshold" if counts != Counts::Otherwise => {
            record.unsure.extend(answer.review.confidence.map(|sure| (sure, counts == Counts::Accepted)));
        }
        _ => {}
    }
}

impl Engine {
    /// What the fields of the contract in force have earned in the last [`DAYS`] days.
    pub async fn promotions(&self, account: &AccountId) -> Result<Promotions, Error> {
        let facts = self.facts(account).await?;
        if !facts.contract_applied {
            return Ok(Promotions::default());
        }
        let (contract, name) = (&facts.contract, &facts.contract_ref.name);
        // What was answered at this very moment counts.
        let now = self.now().checked_add(SignedDuration::from_micros(1)).unwrap_or(Timestamp::MAX);
        let from = now.checked_sub(SignedDuration::from_hours(24 * DAYS)).unwrap_or(Timestamp::UNIX_EPOCH);
        let versions = versions_of(&self.contract_versions(account).await?, name);
        let since = |field: &String| (field.clone(), says_so_since(&versions, field).map_or(from, |at| at.max(from)));
        let begins: BTreeMap<String, Timestamp> = contract.fields.keys().map(since).collect();
        let found = self.found(account, from, now, begins.values().copied().collect()).await?;
        let of_now = facts.facts();
        let ground = Ground {
            contract,
            standing: &facts.standing,
            words: of_now.crm.map(|(_, words)| words),
            holds: of_now.holds,
            rolled_back: self.rolled_back(account).await?,
        };
        let mut all = Promotions { contract: Some(facts.contract_ref.clone()), ..Promotions::default() };
        for (field, since) in &begins {
            let record = found.record(field, *since);
            match judge(field, &record, &ground) {
                Some(Judged::Offer(offer)) => all.offers.push(offer),
                Some(Judged::AskAgain { sentence }) => all.again.push(AskAgain { field: field.clone(), sentence }),
                Some(Judged::Stays { why }) => {
                    let rule = contract.fields.get(field).filter(|rule| rule.machine != Machine::Never);
                    let offered = rule.is_some_and(|rule| LowRisk::of(rule).is_some());
                    if offered || record.answered() > 0 {
                        all.stays.push(Stays { field: field.clone(), why, record });
                    }
                }
                Some(Judged::ByItself) | None => {}
            }
        }
        all.workflows = of_workflows(contract, name, of_now.autonomy("", None).word(), &found, from);
        Ok(all)
    }

    async fn found(
        &self,
        account: &AccountId,
        from: Timestamp,
        now: Timestamp,
        begins: BTreeSet<Timestamp>,
    ) -> Result<Found, Error> {
        let (answers, _) = self.answers(account, from, now).await?;
        let (of, from, until) = (account.as_str().to_owned(), micros(from), micros(now));
        let starts: BTreeSet<i64> = begins.into_iter().map(micros).chain([from]).collect();
        let (written, corrected) = self
            .store()
            .read(move |tx| {
                Box::pin(async move {
                    let mut written = BTreeMap::new();
                    for start in starts {
                        let rows = store::field_writes_per_field(tx, &of, (start, until)).await?;
                        let count = |row: store::WrittenCount| (row.field, u64::try_from(row.written).unwrap_or(0));
                        written.insert(start, rows.into_iter().map(count).collect());
                    }
                    Ok((written, store::corrected_between(tx, &of, (from, until), CORRECTIONS_MAX).await?))
                })
            })
            .await?;
        Ok(Found { answers, corrected, written })
    }

    /// Something was taken back in this account before, to the end.
    async fn rolled_back(&self, account: &AccountId) -> Result<bool, Error> {
        let all = self.rollbacks(account, ROLLBACKS_MAX, &Before::end()).await?;
        Ok(all.iter().any(|rollback| rollback.state == "done" && rollback.back > 0 && rollback.dead == 0))
    }

    /// The version in which exactly these fields are as they are offered. Nothing is stored.
    ///
    /// # Errors
    /// RB-0246 for a field that is not offered, or that has to wait for the account's level.
    pub async fn draft_promotion(&self, account: &AccountId, fields: &[String]) -> Result<Drafted, Error> {
        let named: BTreeSet<&String> = fields.iter().collect();
        if named.is_empty() || named.len() > TOGETHER_MAX {
            return Err(Error::Refused(format!("name the fields, {TOGETHER_MAX} at most")));
        }
        let all = self.promotions(account).await?;
        let mut offers = Vec::new();
        let mut edits: BTreeMap<String, Vec<Edit>> = BTreeMap::new();
        for field in named {
            let Some(offer) = all.offers.iter().find(|offer| offer.field == *field) else {
                let why = all.stays.iter().find(|stays| stays.field == *field).map(|stays| stays.why.join("; "));
                let why = why.unwrap_or_else(|| "it has earned no other way than it has".to_owned());
                let cure = "`ringback contract learned` shows what is offered and what is missing; a person may still write it into the contract";
                return Err(told("RB-0246", format!("field.{field} is not offered: {why}"), cure));
            };
            if let Some(first) = &offer.first {
                return Err(told("RB-0246", format!("field.{field} has earned it, and waits: {first}"), first.clone()));
            }
            edits.insert(field.clone(), offer.edits.clone());
            offers.push(offer.clone());
        }
        let in_force = all.contract.ok_or_else(|| Error::Missing("contract; apply one first".into()))?;
        let rows = self.contract_versions(account).await?;
        let row = rows.iter().find(|row| row.id == in_force.id.as_str());
        let row = row.ok_or_else(|| Error::Missing(format!("contract {}", in_force.id)))?;
        let (text, contract) = edit(&row.source, &edits).map_err(|problem| Error::Told(Box::new(problem)))?;
        let before = read(row)?;
        Ok(Drafted {
            base: row.version,
            digest: contract.digest(),
            offers,
            changes: diff(&before, &contract),
            lines: lines(&row.source, &text),
            text,
            contract,
        })
    }

    /// A person confirms: the next version of the contract, in which exactly these fields are as they were offered. Gives what became of it, and its
    /// text for problems that name a place in it.
    ///
    /// # Errors
    /// [`Error::MovedOn`] where by now another version would come of it than the one that was shown.
    pub async fn promote(
        &self,
        account: &AccountId,
        fields: &[String],
        (base, digest): (i64, &str),
        by: &str,
    ) -> Result<(Answer, String), Error> {
        let drafted = self.draft_promotion(account, fields).await?;
        if (drafted.base, drafted.digest.as_str()) != (base, digest) {
            return Err(Error::MovedOn("another version would come of it by now than the one that was shown".into()));
        }
        let Drafted { text, contract, offers, .. } = drafted;
        if let Err(problems) = check(&text, &*self.roster(account).await?) {
            return Ok((Answer::Clashes(problems), text));
        }
        if let Fit::Problems(problems) = self.fit_contract(account, &contract, &text).await? {
            return Ok((Answer::Clashes(problems), text));
        }
        let by = By { who: by.to_owned(), file: None };
        let wish = Wish { text: text.clone(), contract, base: Base::Version(base), by };
        for _ in 0..MEETINGS_MAX {
            let prepared = self.prepare_contract(account, &wish).await?;
            let (chain, offers, who) = (self.chain(account), offers.clone(), wish.by.who.clone());
            let put = self.store().write(Site::Setup, move |tx| {
                Box::pin(async move {
                    let answer = prepared.put(tx).await?;
                    if let Answer::Applied { row, .. } = &answer {
                        let why: Vec<_> = offers.iter().map(because).collect();
                        let draft = Draft::new("promotion").with("by", &who).with("contract", &row.id);
                        chain.tell(tx, vec![draft.with("version", row.version).with("fields", &why)]).await?;
                    }
                    Ok(answer)
                })
            });
            match put.await {
                Err(store::Error::Conflict) => {}
                Err(error) => return Err(error.into()),
                Ok(answer) => {
                    self.facts_changed(account);
                    return Ok((answer, text));
                }
            }
        }
        Err(Error::MovedOn("others are applying contracts all the time; try again".into()))
    }
}

/// On what figures a person confirmed it, as the ledger keeps it.
fn because(offer: &Offer) -> serde_json::Value {
    serde_json::json!({
        "field": offer.field, "kind": offer.kind.word(), "edits": offer.edits, "sentence": offer.sentence, "record": offer.record,
    })
}

fn of_workflows(
    contract: &Contract,
    name: &str,
    level: &'static str,
    found: &Found,
    from: Timestamp,
) -> Vec<OfWorkflow> {
    let of_fields = |mut record: Record, fields: &mut dyn Iterator<Item = &String>| {
        for field in fields {
            let one = found.record(field, from);
            record.written += one.written;
            record.corrected += one.corrected;
            record.checked += one.checked;
            record.wrong += one.wrong;
        }
        record
    };
    let of_answers = |workflow: Option<ringback_core::workflow::Workflow>| {
        let mut record = Record { since: Some(from), ..Record::default() };
        for answer in found.answers.iter().filter(|a| a.review.workflow == workflow) {
            match answer.counts() {
                Counts::Accepted => record.taken += 1,
                Counts::Edited => record.edited += 1,
                Counts::Rejected | Counts::FalseDuplicate => record.refused += 1,
                Counts::Checked(_) | Counts::Otherwise => {}
            }
        }
        record
    };
    let mut calls = contract.fields.iter().filter(|(_, rule)| !fed_by_workflows(&rule.from)).map(|(field, _)| field);
    let record = of_fields(of_answers(None), &mut calls);
    let mut all = vec![OfWorkflow { name: name.to_owned(), title: "", level, keeps: keeps_asking(&record), record }];
    for (workflow, rule) in contract.workflows.iter().filter(|(_, rule)| rule.on) {
        let record = of_fields(of_answers(Some(*workflow)), &mut rule.fields.iter());
        all.push(OfWorkflow {
            name: workflow.word().to_owned(),
            title: workflow.about().title,
            level: rule.level.word(),
            keeps: keeps_asking(&record),
            record,
        });
    }
    all
}

#[cfg(test)]
mod tests;
