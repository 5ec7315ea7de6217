//! What a field has earned: may it be written without a question, or from a lower confidence on? (F-124, F-322)
//!
//! Here it is only proposed. The figures are what people answered and what they corrected; the bars below say from when on they speak for
//! themselves; and only a person makes a version of the contract of it, by the door through which every version comes.

use crate::contract::edit::Edit;
use crate::contract::{Autonomy, Contract, FieldRule, FieldType, Machine, RollbackRule, Thousandths, Truth, percent};
use crate::crm::{CrmWords, Object};
use crate::decide::{WHENCE, written_from};
use crate::rollback::Hold;
use crate::spot;
use crate::standing::Standing;
use crate::workflow::{self, OFFERED};
use jiff::Timestamp;
use serde::Serialize;

/// Answers before anything is offered. Thirty without a no leave room for 1 refusal in 10 at most, 19 times out of 20 (the rule of three: 3 / 30):
/// fewer could not tell a field that is right nine times out of ten, which is what [`TAKEN_AT`] asks, from one that is not.
pub const ANSWERS_MIN: u64 = 30;
/// The share of proposals that people took as they were, in thousandths, from which a field is offered: the confidence from which a clause writes
/// unless it says another, for nobody should be asked less of than the machine itself. A clause that asks for more is held to that.
pub const TAKEN_AT: Thousandths = 900;
/// The share of written values that people put another in place of, in thousandths, up to which a field is offered. Half of what may be refused:
/// a refusal is always seen, a wrong value only by whoever looks.
pub const CORRECTED_MAX: Thousandths = 50;
/// Days whose answers count: a quarter, the longest time in which the contract's authors should look at it again.
pub const DAYS: i64 = 90;

/// Kinds of fields that are the first to be written by themselves: of little risk, and much work (F-124).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LowRisk {
    /// Where a call came from.
    SourceTag,
    /// The moment of an enrichment.
    EnrichmentTimestamp,
    /// What a call was about: on the call log, or in a property of Ringback's own.
    ActivitySummary,
    /// The campaign of a call.
    CampaignMembership,
    /// What has to happen next, and by when.
    NextStepTask,
}

impl LowRisk {
    /// The kind of a clause; `None`: nobody is ever offered to have it written by itself.
    pub fn of(rule: &FieldRule) -> Option<Self> {
        let moment = matches!(rule.kind, FieldType::Date | FieldType::DateTime);
        // Only Ringback writes there, so that nobody's field is changed. Whom to call and what it may cost is no summary.
        let own = rule.property.get(..3).is_some_and(|p| p.eq_ignore_ascii_case("rb_"));
        let own = own && !matches!(rule.kind, FieldType::Phone | FieldType::Email | FieldType::Money);
        match (rule.object, rule.from.as_str()) {
            (Object::Task, _) | (_, "next_action" | "due_at" | "workflow.next_step") => Some(Self::NextStepTask),
            (Object::Call | Object::Note, _) => Some(Self::ActivitySummary),
            (Object::Deal, _) => None,
            (_, "source") => Some(Self::SourceTag),
            (_, "campaign") => Some(Self::CampaignMembership),
            (_, from) if from.starts_with(OFFERED) && moment => Some(Self::EnrichmentTimestamp),
            (Object::Contact, _) if own && rule.truth == Truth::Call => Some(Self::ActivitySummary),
            _ => None,
        }
    }

    /// A stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::SourceTag => "source_tag",
            Self::EnrichmentTimestamp => "enrichment_timestamp",
            Self::ActivitySummary => "activity_summary",
            Self::CampaignMembership => "campaign_membership",
            Self::NextStepTask => "next_step_task",
        }
    }
}

/// What became of a clause's proposals and of what it wrote, since it says what it says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Record {
    /// What counts begins here.
    pub since: Option<Timestamp>,
    /// Taken as they were, with another value, refused: of the questions that would not be asked any more.
    pub taken: u64,
    pub edited: u64,
    pub refused: u64,
    /// Values that were confirmed in the CRM, whoever decided them.
    pub written: u64,
    /// Of those, how many people put another in place of, or called wrong in a spot-check.
    pub corrected: u64,
    /// Spot-checks that were answered, and of those the wrong ones.
    pub checked: u64,
    pub wrong: u64,
    /// Of questions that were asked because the machine was not sure enough: how sure it was, and whether the proposal was taken as it was.
    #[serde(skip)]
    pub unsure: Vec<(Thousandths, bool)>,
}

/// A share in thousandths; `None`: of nothing.
pub fn share(part: u64, of: u64) -> Option<Thousandths> {
    (part.min(of) * 1000).checked_div(of).and_then(|share| u16::try_from(share).ok())
}

impl Record {
    /// Questions that people answered.
    pub fn answered(&self) -> u64 {
        self.taken + self.edited + self.refused
    }

    /// The share of proposals that were taken as they were, in thousandths.
    pub fn taken_share(&self) -> Option<Thousandths> {
        share(self.taken, self.answered())
    }

    /// The greater of what people put another in place of and what spot-checks found, in thousandths; a check counts when there was a whole sample.
    pub fn wrong_share(&self) -> Thousandths {
        let checked = share(self.wrong, self.checked).filter(|_| self.checked >= spot::SAMPLE as u64);
        share(self.corrected, self.written).unwrap_or(0).max(checked.unwrap_or(0))
    }
}

/// What stands around a clause.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    pub contract: &'a Contract,
    pub standing: &'a Standing,
    pub words: Option<&'a CrmWords>,
    pub holds: &'a [Hold],
    /// Written values were taken back in this account, to the end, before: that it works was seen (F-125).
    pub rolled_back: bool,
}

/// Something that a person may make a version of the contract of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Offer {
    /// The contract's name of the field.
    pub field: String,
    pub kind: LowRisk,
    /// What changes in its clause, and nowhere else.
    pub edits: Vec<Edit>,
    /// The figures and what they speak for, in one sentence.
    pub sentence: String,
    pub record: Record,
    /// What a person has to do first, if anything: the account's level lies below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
}

/// What is to be said of a clause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "judged", rename_all = "snake_case")]
pub enum Judged {
    Offer(Offer),
    /// It is written by itself already, and nothing speaks against that.
    ByItself,
    /// It is written by itself, and so much of it was wrong that people should be asked again; they say so in the contract.
    AskAgain {
        sentence: String,
    },
    /// It stays as it is, and why.
    Stays {
        why: Vec<String>,
    },
}

fn day(at: Option<Timestamp>) -> String {
    at.map_or_else(String::new, |at| format!(" since {}", at.strftime("%Y-%m-%d")))
}

/// The share of proposals that this clause has to have had taken.
fn bar(rule: &FieldRule) -> Thousandths {
    TAKEN_AT.max(rule.write_at)
}

/// What a field has earned. `None`: the contract has no such clause.
pub fn judge(field: &str, record: &Record, ground: &Ground<'_>) -> Option<Judged> {
    let rule = ground.contract.fields.get(field)?;
    let most = ground.standing.levels.at("");
    let by_itself = rule.machine != Machine::Suggest && rule.machine != Machine::Never;
    let says = ground.contract.autonomy_for("", Some(field));
    let reached = by_itself && says >= written_from(rule);
    let mut why = never(rule, ground);
    if reached && most >= written_from(rule) && why.is_empty() {
        let wrong = record.wrong_share();
        if wrong > CORRECTED_MAX && record.written.max(record.checked) >= ANSWERS_MIN {
            let sentence = format!(
                "it is written without a question, and {} of it turned out to be wrong{}: {} at most is the bar",
                percent(wrong),
                day(record.since),
                percent(CORRECTED_MAX)
            );
            return Some(Judged::AskAgain { sentence });
        }
        return Some(lower(field, rule, record, ground).map_or(Judged::ByItself, Judged::Offer));
    }
    why.extend(not_earned(rule, record, ground, field));
    let Some(kind) = LowRisk::of(rule).filter(|_| why.is_empty()) else { return Some(Judged::Stays { why }) };
    let mut edits = Vec::new();
    if rule.machine == Machine::Suggest {
        // Where the CRM knows better, only what is empty is filled.
        let fills = rule.truth == Truth::Crm;
        edits.push(Edit::Machine(if fills { Machine::FillEmpty } else { Machine::Update }));
    }
    if says < written_from(rule) {
        edits.push(Edit::Autonomy(written_from(rule)));
    }
    let first = below(most, written_from(rule));
    // Where a contact came from is told of contacts that we make; about the others nobody is asked any more either.
    let only_new = rule.object == Object::Contact && WHENCE.contains(&rule.from.as_str());
    if edits.is_empty() {
        // The contract lets it, and only the account's level does not: that is raised by its own command.
        return Some(Judged::Stays { why: first.into_iter().collect() });
    }
    let sentence = format!(
        "{}, {} edited and {} refused; {}: it could be written without a question{}",
        of_answers(record, ""),
        record.edited,
        record.refused,
        of_written(record),
        if only_new { ", into contacts that Ringback makes and into no other" } else { "" }
    );
    Some(Judged::Offer(Offer { field: field.to_owned(), kind, edits, sentence, record: record.clone(), first }))
}

fn of_answers(record: &Record, which: &str) -> String {
    let (taken, all) = (record.taken, record.answered());
    let of = record.taken_share().map(percent).unwrap_or_default();
    format!("{taken} of {all} proposals{which}{} were taken as they were ({of})", day(record.since))
}

fn of_written(record: &Record) -> String {
    let mut said = format!("{} of {} written values were corrected", record.corrected, record.written);
    if record.checked > 0 {
        said.push_str(&format!(", {} of {} spot-checks found a wrong one", record.wrong, record.checked));
    }
    said
}

/// What a person has to raise first.
fn below(most: Autonomy, needed: Autonomy) -> Option<String> {
    (most < needed).then(|| {
        let (most, needed) = (most.word(), needed.word());
        format!("the account lets {most} happen by itself at most: `ringback contract level {needed}` comes first")
    })
}

/// What holds whatever the figures say.
fn never(rule: &FieldRule, ground: &Ground<'_>) -> Vec<String> {
    let mut why = Vec::new();
    let mut say = |holds: bool, words: &str| {
        if holds {
            why.push(words.to_owned());
        }
    };
    let protected = || ground.words.and_then(|words| words.protected_kind(rule.object, &rule.property));
    say(rule.machine == Machine::Never, "the contract keeps the machine away from it");
    say(rule.accountability, "somebody answers for that field");
    say(rule.truth == Truth::Human, "its truth comes from people");
    say(rule.protected.is_some() || protected().is_some(), "it is of a kind that is never changed silently");
    why
}

/// What is missing before it is offered.
fn not_earned(rule: &FieldRule, record: &Record, ground: &Ground<'_>, field: &str) -> Vec<String> {
    let mut why = Vec::new();
    if LowRisk::of(rule).is_none() {
        why.push(
            "it is none of the kinds of little risk that begin; whoever wants it writes it into the contract"
                .to_owned(),
        );
    }
    let answered = record.answered();
    match record.taken_share() {
        _ if answered < ANSWERS_MIN => {
            why.push(format!("{answered} answers{}, of {ANSWERS_MIN} that it takes", day(record.since)));
        }
        Some(taken) if taken >= bar(rule) => {}
        taken => {
            let taken = percent(taken.unwrap_or(0));
            why.push(format!(
                "{taken} of {answered} proposals were taken as they were, of {} that it takes",
                percent(bar(rule))
            ));
        }
    }
    if WHENCE.contains(&rule.from.as_str()) && ground.contract.autonomy_for("", None) < written_from(rule) {
        let level = ground.contract.autonomy.word();
        why.push(format!("the contract stands at {level}, where no contact is made that it could go into"));
    }
    why.extend(spoken_against(rule, record, ground, field));
    if workflow::fed_by_workflows(&rule.from) {
        let feeds = ground.contract.workflows.iter().filter(|(_, w)| w.on && w.fields.iter().any(|f| f == field));
        if let Some((workflow, held)) = feeds.min_by_key(|(_, w)| w.level).filter(|(_, w)| w.level < written_from(rule))
        {
            why.push(format!(
                "its workflow, {}, stands at {} with all its fields",
                workflow.about().title,
                held.level.word()
            ));
        }
    }
    why
}

fn spoken_against(rule: &FieldRule, record: &Record, ground: &Ground<'_>, field: &str) -> Vec<String> {
    let mut why = Vec::new();
    let wrong = record.wrong_share();
    if wrong > CORRECTED_MAX {
        let bar = percent(CORRECTED_MAX);
        why.push(format!("{} of what was written turned out to be wrong, and {bar} at most may", percent(wrong)));
    }
    if rule.rollback == RollbackRule::Never {
        why.push("its clause says that what it writes is never taken back".to_owned());
    }
    if !ground.rolled_back {
        let how = "take one value back, `ringback rollback preview --field …`, so that it is seen to work";
        why.push(format!("nothing was ever taken back in this account: {how}"));
    }
    // What was taken back on one record alone says little of the others.
    let held = |hold: &&Hold| hold.field == field && hold.until.is_none() && hold.inquiry.is_none();
    if let Some(hold) = ground.holds.iter().find(held) {
        why.push(format!("rollback {} took it back, and holds it until that is lifted", hold.rollback));
    }
    if let Some(pause) = ground.standing.paused(field, rule) {
        why.push(format!("its clause is paused: {}", pause.cause));
    }
    why
}

/// The lowest confidence, in whole percent, from which people took the proposals that were asked about only because the machine was not sure.
fn lower(field: &str, rule: &FieldRule, record: &Record, ground: &Ground<'_>) -> Option<Offer> {
    let kind = LowRisk::of(rule)?;
    if !spoken_against(rule, record, ground, field).is_empty() {
        return None;
    }
    let from = rule.review_at.div_ceil(10) * 10;
    let of = |at: Thousandths| {
        let all = record.unsure.iter().filter(|(sure, _)| *sure >= at);
        all.fold((0u64, 0u64), |(taken, all), (_, is)| (taken + u64::from(*is), all + 1))
    };
    let earns = |at: &Thousandths| {
        let (taken, all) = of(*at);
        all >= ANSWERS_MIN && share(taken, all).is_some_and(|share| share >= bar(rule))
    };
    let at = (from..rule.write_at).step_by(10).find(earns)?;
    let (taken, all) = of(at);
    let record = Record { taken, edited: 0, refused: all - taken, unsure: Vec::new(), ..record.clone() };
    let sentence = format!(
        "{}; {}: it could be written from {} on, now from {}",
        of_answers(&record, &format!(" of which the machine was {} sure or more", percent(at))),
        of_written(&record),
        percent(at),
        percent(rule.write_at)
    );
    Some(Offer { field: field.to_owned(), kind, edits: vec![Edit::WriteAt(at)], sentence, record, first: None })
}

/// Whether a workflow should go on asking: the figures of all its questions, against the same bars.
pub fn keeps_asking(record: &Record) -> Option<String> {
    let answered = record.answered();
    match record.taken_share() {
        _ if answered < ANSWERS_MIN => {
            Some(format!("{answered} answers, of {ANSWERS_MIN} that it takes to say anything"))
        }
        Some(taken) if taken < TAKEN_AT => Some(format!(
            "{} of {answered} proposals were taken as they were, of {} that it takes",
            percent(taken),
            percent(TAKEN_AT)
        )),
        _ if record.wrong_share() > CORRECTED_MAX => Some(format!(
            "{} of what was written turned out to be wrong, and {} at most may",
            percent(record.wrong_share()),
            percent(CORRECTED_MAX)
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
