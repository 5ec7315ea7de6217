//! One caller's need, from first signal to outcome, and the one function that moves it.
//!
//! [`step`] takes the inquiry, one event and the facts, and gives the inquiry after it, the ledger entries, a plan if something outside must
//! change, timers and questions for people. It is total and deterministic: the same inputs give the same step, so the ledger can be
//! replayed and the simulation can crash anywhere. Nothing enters by a side door: results of attempts, timers and people's clicks
//! are events too.

mod desire;
mod emitted;
mod foresee;
mod mode;
mod offered;
mod step;
mod undo;

pub use desire::asked_of_contacts;
pub(crate) use desire::{Reach, asked_about_people};
pub use foresee::{Foreseen, Written, foresee};
pub use step::{APART, step, wants_reading};
pub(crate) use step::{Course, Rehearsed};

use crate::call::{Call, CallFlag, Caller, Transcript};
use crate::claim::{Claim, Reading, Summary};
use crate::consent::{self, Consent, OptOut};
use crate::contract::{Autonomy, Contract};
use crate::crm::{CrmWords, Record};
use crate::effect::{LaneId, tells};
use crate::emit::Target;
use crate::ensure::{Receipt, not_held};
use crate::followup::clock::{Clock, Urgency};
use crate::id::{AccountId, CallId, EffectId, InquiryId, LocationId, ReviewId, SignalId, StaffId, UserId};
use crate::identity::{Candidate, Match};
use crate::ledger::{Draft, Salt};
use crate::offer::{HeldOffer, Offer, Subject};
use crate::plan::{Actor, ContractRef, Evidence, Plan, Source, Verdict};
use crate::rollback::{Hold, Telling, Undo};
use crate::roster::Roster;
use crate::signal::{Attribution, Direction, Ending};
use crate::spot::Checked;
use crate::standing::Standing;
use crate::workflow::{Origin, Workflow};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// Version of the stored form of [`Inquiry`] and [`Event`].
pub const INQUIRY_SCHEMA: u32 = 1;
/// The most calls that one inquiry lists; a caller who rings more often is counted, not listed.
pub const CALLS_MAX: usize = 100;
/// The most rejected claims kept for people to see.
pub const REJECTED_MAX: usize = 50;
/// How confident an urgency, a flag or an e-mail must be to steer anything, in thousandths.
pub const STEER_AT: u16 = 600;
/// How confident a name or an address must be to stand for the caller, in thousandths.
const SURE_AT: u16 = 900;

/// A call as its inquiry sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InquiryCall {
    pub id: CallId,
    pub ending: Ending,
    pub category: String,
    pub direction: Direction,
    pub after_hours: Option<bool>,
    pub started_at: Timestamp,
    pub clock_from: Timestamp,
    pub duration_seconds: Option<u32>,
    pub dialled: Option<String>,
    pub line: Option<String>,
    pub attribution: Attribution,
    pub caller: Caller,
    pub caller_name: Option<String>,
    pub recording: bool,
    pub transcripts: Vec<Transcript>,
    pub summary: Option<Summary>,
    pub flags: BTreeSet<CallFlag>,
    pub deliveries: u32,
    /// A web form that this failed call followed.
    pub after_form: Option<CallId>,
    /// What the account kept of the caller's wish not to be reached when this was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opted_out: Option<OptOut>,
}

impl InquiryCall {
    /// The part of a call that its inquiry decides on.
    pub fn of(call: &Call, after_form: Option<CallId>) -> Self {
        Self {
            id: call.id.clone(),
            ending: call.ending,
            category: if after_form.is_some() && !call.conversation() {
                "failed_after_form".into()
            } else {
                call.category().into()
            },
            direction: call.direction,
            after_hours: call.after_hours,
            started_at: call.started_at,
            clock_from: call.clock_from(),
            duration_seconds: call.duration_seconds,
            dialled: call.dialled.clone(),
            line: call.line.clone(),
            attribution: call.attribution.clone(),
            caller: call.caller.clone(),
            caller_name: call.caller_name.clone(),
            recording: call.recording_url.is_some(),
            transcripts: call.transcripts.clone(),
            summary: None,
            flags: call.flags.clone(),
            deliveries: u32::try_from(call.heard.len()).unwrap_or(u32::MAX),
            after_form,
            opted_out: None,
        }
    }

    /// Nobody of the business has spoken with the caller, so somebody still has to: a voice agent's word binds nobody.
    pub fn waits(&self) -> bool {
        self.ending != Ending::Answered
    }

    /// Two spoke: the caller, and a person or a voice agent.
    pub fn conversation(&self) -> bool {
        matches!(self.ending, Ending::Answered | Ending::AiAnswered)
    }
}

/// A claim with the place it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldClaim {
    pub claim: Claim,
    pub evidence: Evidence,
    /// The exact words, kept for the console; erased with its document.
    pub quote: String,
}

impl HeldClaim {
    /// Lower confidence never replaces higher (F-117); among equals the later word counts. What is said in one call about how soon
    /// somebody is needed is no news about another call, though: of those the most urgent stands until somebody has called back.
    fn gives_way_to(&self, next: &Self) -> bool {
        let steers = |held: &Self| held.claim.confidence.0 >= STEER_AT;
        if self.claim.field == "urgency" && self.evidence.call != next.evidence.call && steers(self) && steers(next) {
            let of = |held: &Self| held.claim.value.text().parse::<Urgency>().unwrap_or_default();
            return of(next) <= of(self);
        }
        self.claim.confidence <= next.claim.confidence
    }
}

/// A claim that was not admitted, for people to see why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedNote {
    pub call: CallId,
    pub field: String,
    pub reason: String,
}

/// Who must call back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub staff: StaffId,
    pub name: String,
    /// Until a person has decided a tie.
    pub provisional: bool,
    pub backup_for: Option<StaffId>,
    pub since: Timestamp,
    pub why: String,
    pub clause: String,
    /// A person chose; rules do not change it any more.
    pub by_person: bool,
}

/// One climb of the tiers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    pub tier: u8,
    pub at: Timestamp,
    pub why: String,
    pub to: Option<StaffId>,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The business spoke with the caller.
    Engaged,
    NotReached,
    Converted,
    OptedOut,
    Disqualified,
    /// It turned out that the call had been answered.
    AnsweredAfterAll,
}

/// What a coordinator's call-back gave, in one tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackResult {
    Reached,
    NoAnswer,
    LeftMessage,
    Booked,
    WrongNumber,
}

/// A callback attempt by a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    pub at: Timestamp,
    pub by: UserId,
    pub result: CallbackResult,
    pub note: Option<String>,
    /// For when it is booked, where the person said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booked_for: Option<Timestamp>,
}

/// Open or closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum State {
    Open,
    Closed { outcome: Outcome, at: Timestamp, by: Option<UserId> },
}

/// How far an effect has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    Planned,
    Done,
    Dead,
    Superseded,
}

/// The current effect on one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectRef {
    pub id: EffectId,
    pub word: String,
    pub digest: String,
    pub progress: Progress,
    /// The vendor's id of the record, from the receipt.
    pub record: Option<String>,
    pub settled_at: Option<Timestamp>,
    pub why: Option<String>,
}

/// The CRM as the last find showed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrmSnapshot {
    pub read_at: Timestamp,
    pub candidates: Vec<Record>,
    pub deals: Vec<Deal>,
    /// What earlier inquiries of this person wrote to these records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub memory: Vec<Remembered>,
}

/// What we last wrote to one property of a person's record, as the CRM showed it afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrote {
    /// The lane it was written through; a record of another CRM is another record.
    pub crm: LaneId,
    pub value: String,
    /// Thousandths; `None` where it is not known how sure the machine was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<u16>,
    pub actor: Actor,
    /// When it was read back.
    pub at: Timestamp,
}

/// [`Wrote`] with its place, as a find brings it along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The vendor's id of the record.
    pub record: String,
    pub property: String,
    pub wrote: Wrote,
}

/// A deal of the matched person; read, never written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deal {
    pub id: String,
    pub name: String,
    pub stage: String,
    pub open: bool,
}

/// The contact this inquiry writes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    pub record: String,
    /// We made it; else it was found, or it is the duplicate that the CRM named.
    pub made: bool,
    /// What it holds as far as we know: read at the find or at the receipt.
    pub record_held: Record,
    /// What we last wrote there, by property: whatever else stands there is somebody's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ours: BTreeMap<String, Wrote>,
    /// When the CRM last showed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_at: Option<Timestamp>,
}

/// Whose value stands in the CRM where another is proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "who", rename_all = "snake_case")]
pub enum StandsBy {
    /// We wrote it by ourselves, so sure (thousandths).
    Machine { confidence: Option<u16>, at: Timestamp },
    /// We wrote what a person had approved or put there.
    Approved { at: Timestamp },
    /// Somebody set it in the CRM; `source` is the vendor's own word for where.
    Person { at: Option<Timestamp>, source: String },
    /// Another integration, the CRM's own automation or an import.
    Program { at: Option<Timestamp>, source: String },
    /// It is not what we wrote, and the CRM does not tell who set it. Counts as a person's.
    Untold,
}

/// What a question for a person is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewKind {
    /// A proposed field value.
    Field,
    /// Which of several records the caller is.
    Match,
    /// A caller without a number that can be called.
    NoNumber,
    AmbiguousVoicemail,
    /// Rules name two owners.
    OwnerTie,
    /// The rule names another owner than the CRM record has.
    OwnerChange,
    UnknownLocation,
    /// Which of several records of one person in the CRM stays.
    Doubled,
    /// Was a value right that was written by itself? Nothing waits for the answer: chance picked it.
    SpotCheck,
}

impl ReviewKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Field,
        Self::Match,
        Self::NoNumber,
        Self::AmbiguousVoicemail,
        Self::OwnerTie,
        Self::OwnerChange,
        Self::UnknownLocation,
        Self::Doubled,
        Self::SpotCheck,
    ];

    /// A stable word for tables and message ids.
    pub fn word(self) -> &'static str {
        match self {
            Self::Field => "field",
            Self::Match => "match",
            Self::NoNumber => "no_number",
            Self::AmbiguousVoicemail => "ambiguous_voicemail",
            Self::OwnerTie => "owner_tie",
            Self::OwnerChange => "owner_change",
            Self::UnknownLocation => "unknown_location",
            Self::Doubled => "doubled",
            Self::SpotCheck => "spot_check",
        }
    }
}

/// A question for a person: value, evidence, confidence, current value, the rule that stopped it, the choices (F-138).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    pub id: ReviewId,
    pub kind: ReviewKind,
    /// The field, for [`ReviewKind::Field`].
    pub field: Option<String>,
    /// What the machine proposes.
    pub proposed: Option<String>,
    pub current: Option<String>,
    pub confidence: Option<u16>,
    pub evidence: Option<Evidence>,
    pub quote: Option<String>,
    /// The rule that stopped it, as a sentence.
    pub reason: String,
    pub clause: String,
    /// Records or people to choose from: id and label.
    pub choices: Vec<(String, String)>,
    /// Binds an approval to exactly this change.
    pub digest: String,
    pub opened_at: Timestamp,
    /// A stable word for what stopped it: `below_write_threshold`, `person_set_it`. Questions with the same one may be answered together.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
    /// Who set what the CRM holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_by: Option<StandsBy>,
    /// The sentence of the clause, as the version that asks has it: who wins in that field.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sentence: String,
    /// The version that asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<ContractRef>,
    /// For [`ReviewKind::Match`]: the keys of each record that agree with the caller's, and those that do not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
    /// The neighbouring workflow that asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<Workflow>,
    /// Where the proposed value came from: of a provider, by name and as of when.
    #[serde(default, skip_serializing_if = "Source::is_words")]
    pub source: Source,
    /// For [`ReviewKind::SpotCheck`]: the write that is asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks: Option<Checked>,
}

impl Review {
    /// May it be answered together with others that the same reason stopped? Whom a record belongs to, which number is right or who calls
    /// back is asked one by one.
    pub fn joins(&self, other: &Self) -> bool {
        self.kind == ReviewKind::Field && other.kind == ReviewKind::Field && self.because == other.because
    }
}

/// Why a person said no, in one tap; words may stand beside it. The ledger's entry of the decision names it with the clause that asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectCode {
    /// The caller said something else, or nothing of the kind.
    Misheard,
    /// It was said about somebody or something else.
    SomebodyElse,
    /// The CRM holds what is right now.
    CrmIsRight,
    /// What was taken for a double is none.
    NoDouble,
    /// Right, and nothing to be kept in that field.
    NotForThisField,
    /// What the words say.
    Other,
}

impl RejectCode {
    /// Every code, in the order they are offered.
    pub const ALL: [Self; 6] =
        [Self::Misheard, Self::SomebodyElse, Self::CrmIsRight, Self::NoDouble, Self::NotForThisField, Self::Other];

    /// A stable word for tables, forms and the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Misheard => "misheard",
            Self::SomebodyElse => "somebody_else",
            Self::CrmIsRight => "crm_is_right",
            Self::NoDouble => "no_double",
            Self::NotForThisField => "not_for_this_field",
            Self::Other => "other",
        }
    }

    /// The code of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.word() == word)
    }

    /// As people read it.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Misheard => "the caller did not say that",
            Self::SomebodyElse => "it is about somebody or something else",
            Self::CrmIsRight => "what the CRM holds is right",
            Self::NoDouble => "they are not the same person",
            Self::NotForThisField => "it does not belong into this field",
            Self::Other => "another reason",
        }
    }
}

/// A person's answer to a review, kept with the digest of exactly what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    pub review: ReviewId,
    pub kind: ReviewKind,
    pub field: Option<String>,
    pub digest: String,
    pub choice: Choice,
    pub by: UserId,
    pub at: Timestamp,
}

/// What a person chose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "choice", rename_all = "snake_case")]
pub enum Choice {
    Approve,
    /// Another value than the proposed one.
    Edit {
        value: String,
    },
    /// A code, words, or both; never neither.
    Reject {
        #[serde(default)]
        reason: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<RejectCode>,
    },
    /// A record id, a staff id, or `new`.
    Pick {
        id: String,
    },
}

impl Choice {
    /// A stable word: `approve`, `edit`, `reject`, `pick`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Edit { .. } => "edit",
            Self::Reject { .. } => "reject",
            Self::Pick { .. } => "pick",
        }
    }

    /// The code of a no that has one.
    pub fn code(&self) -> Option<RejectCode> {
        let Self::Reject { code, .. } = self else { return None };
        *code
    }

    /// Why not, as people read it; `None` for any other answer, and for a no without a reason.
    pub fn why_not(&self) -> Option<String> {
        let Self::Reject { reason, code } = self else { return None };
        match (reason.trim(), code) {
            ("", None | Some(RejectCode::Other)) => None,
            ("", Some(code)) => Some(code.sentence().to_owned()),
            (words, None | Some(RejectCode::Other)) => Some(words.to_owned()),
            (words, Some(code)) => Some(format!("{}: {words}", code.sentence())),
        }
    }
}

/// One caller's need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inquiry {
    /// [`INQUIRY_SCHEMA`] at the time of writing.
    pub schema: u32,
    pub id: InquiryId,
    pub account: AccountId,
    pub location: Option<LocationId>,
    /// Keyed hash of the caller's number; none for a caller without one.
    pub person: Option<String>,
    /// E.164 of the caller.
    pub e164: Option<String>,
    pub national: Option<String>,
    pub opened_at: Timestamp,
    pub state: State,
    pub calls: Vec<InquiryCall>,
    /// The best claim per field.
    pub claims: BTreeMap<String, HeldClaim>,
    pub rejected: Vec<RejectedNote>,
    pub snapshot: Option<CrmSnapshot>,
    pub matched: Option<Match>,
    pub contact: Option<Contact>,
    pub owner: Option<Owner>,
    /// Why nobody owns it, while nobody does.
    pub unowned_because: Option<String>,
    pub tier: u8,
    pub escalations: Vec<Escalation>,
    pub clock: Option<Clock>,
    pub breached_at: Option<Timestamp>,
    pub stale_at: Option<Timestamp>,
    pub taken_by: Option<UserId>,
    pub callbacks: Vec<Callback>,
    /// When a person proposed to call again.
    pub next_callback_at: Option<Timestamp>,
    pub verdicts: Vec<Verdict>,
    /// Claims without a home in the contract (F-083).
    pub unmapped: Vec<String>,
    pub effects: BTreeMap<String, EffectRef>,
    pub reviews: Vec<Review>,
    pub approvals: Vec<Approval>,
    pub contract: Option<ContractRef>,
    pub plans: u32,
    pub effects_made: u32,
    pub reviews_made: u32,
    /// Changes of the record that a decision had to follow.
    pub moves: u32,
    /// What a rollback takes back, by target, until it is so.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub undos: BTreeMap<String, Undo>,
    /// What staff are told of rollbacks through this inquiry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tellings: Vec<Telling>,
    /// What it began with.
    #[serde(default, skip_serializing_if = "Origin::is_calls")]
    pub origin: Origin,
    /// What providers offer about this person or record. No claim: nobody said it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offers: Vec<HeldOffer>,
    /// So many prospects of the same provider people had approved when the latest offer came.
    #[serde(default, skip_serializing_if = "is_none")]
    pub approved_before: u32,
    /// What a workflow does not take up, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub aside: BTreeMap<Workflow, String>,
    /// What is kept of the person's wish not to be reached.
    #[serde(default, skip_serializing_if = "Consent::is_nothing")]
    pub consent: Consent,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_none(count: &u32) -> bool {
    *count == 0
}

/// Something that happened. Closed set; each carries what a replay needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A call opened it, joined it, or changed. Exogenous.
    Call { call: InquiryCall },
    /// A transcript was read. Exogenous.
    Read { call: CallId, transcript: Transcript, reading: Reading, summary: Summary, quotes: Vec<String> },
    /// A find is done: this is what the CRM holds, and what we wrote there before. Exogenous.
    Found {
        effect: EffectId,
        read_at: Timestamp,
        records: Vec<Record>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        memory: Vec<Remembered>,
    },
    /// An effect is so, with its receipt. Endogenous.
    Settled { effect: EffectId, target: String, receipt: Receipt },
    /// An effect cannot succeed without a person. Endogenous.
    Dead { effect: EffectId, target: String, why: String },
    /// The record holds other values than the decision read. Endogenous.
    Moved { effect: EffectId, target: String, record: Record },
    /// Time passed. Endogenous.
    Timer { kind: TimerKind },
    /// A person answered a review. Exogenous.
    Decided { review: ReviewId, choice: Choice, by: UserId },
    /// A person took it, or gave it to somebody. Exogenous.
    Assigned { to: StaffId, by: UserId },
    /// A person calls now. Exogenous.
    Taken { by: UserId },
    /// A person called back. Exogenous.
    CalledBack {
        result: CallbackResult,
        note: Option<String>,
        by: UserId,
        /// For when it is booked, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        booked_for: Option<Timestamp>,
    },
    /// A person sent a dead letter on its way again. Exogenous.
    Replayed { effect: EffectId, target: String, by: UserId },
    /// The CRM does not have these properties as they were written: their clauses are paused, and the rest is planned anew. Endogenous.
    Paused { effect: EffectId, target: String, properties: Vec<String> },
    /// The account's level was lowered since it was planned: it is not sent, and everything is decided anew. Endogenous.
    Withheld { effect: EffectId, target: String },
    /// Reconciliation saw these further records of the person in the CRM; none: there are no more. Exogenous.
    Doubled { others: Vec<String> },
    /// A person wants the records made where they belong: they lie in another place than the one that is written to now. Exogenous.
    Relocated { by: UserId },
    /// A rollback takes values back that this inquiry wrote. Exogenous.
    Undo { undo: Undo },
    /// A rollback is over, and its owner is told of it. Exogenous.
    Told { telling: Telling },
    /// Before an answer counts, the record was read again: this is what it holds now. Exogenous.
    Seen { record: Record, read_at: Timestamp },
    /// A provider of data offers something about this person or record. Exogenous.
    Offered {
        offer: Offer,
        signal: SignalId,
        /// So many prospects of this provider people have approved so far.
        #[serde(default, skip_serializing_if = "is_none")]
        approved_before: u32,
        /// What the account kept of the person's wish not to be reached.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        opted_out: Option<OptOut>,
    },
    /// The person does not want to be reached: said here, or kept from elsewhere. Exogenous.
    OptedOut { opt_out: OptOut },
    /// A person took that back, with a reason. Exogenous.
    OptOutCleared { reason: String, by: UserId },
    /// Contract or roster changed: decide again on the same knowledge. Exogenous.
    FactsChanged,
}

impl Event {
    /// The stable word of its kind, as its stored form says it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Call { .. } => "call",
            Self::Read { .. } => "read",
            Self::Found { .. } => "found",
            Self::Settled { .. } => "settled",
            Self::Dead { .. } => "dead",
            Self::Moved { .. } => "moved",
            Self::Timer { .. } => "timer",
            Self::Decided { .. } => "decided",
            Self::Assigned { .. } => "assigned",
            Self::Taken { .. } => "taken",
            Self::CalledBack { .. } => "called_back",
            Self::Replayed { .. } => "replayed",
            Self::Doubled { .. } => "doubled",
            Self::Relocated { .. } => "relocated",
            Self::Undo { .. } => "undo",
            Self::Told { .. } => "told",
            Self::Paused { .. } => "paused",
            Self::Withheld { .. } => "withheld",
            Self::Seen { .. } => "seen",
            Self::Offered { .. } => "offered",
            Self::OptedOut { .. } => "opted_out",
            Self::OptOutCleared { .. } => "opt_out_cleared",
            Self::FactsChanged => "facts_changed",
        }
    }
}

/// What a timer asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimerKind {
    /// The due time.
    Due,
    /// The next tier.
    Tier(u8),
    /// Nobody touched it.
    Stale,
}

impl TimerKind {
    /// A stable word for tables.
    pub fn word(self) -> String {
        match self {
            Self::Due => "due".into(),
            Self::Tier(n) => format!("tier{n}"),
            Self::Stale => "stale".into(),
        }
    }
}

/// A moment to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    pub kind: TimerKind,
    pub at: Timestamp,
}

/// What a decision reads besides the inquiry and the event; each with its version, which goes into the entries.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub roster: &'a Roster,
    pub contract: &'a Contract,
    pub contract_ref: &'a ContractRef,
    /// Clauses that are paused, and the account's levels.
    pub standing: &'a Standing,
    /// The lane to the CRM; none while no CRM is connected (the staff queue works all the same).
    pub crm: Option<(&'a LaneId, &'a CrmWords)>,
    /// The region in which the CRM's numbers without a country code are read; empty: the location's.
    pub crm_region: &'a str,
    pub page_webhook: Option<&'a LaneId>,
    pub page_email: Option<&'a LaneId>,
    pub salt: &'a Salt,
    /// Where the console stands, for links on records.
    pub console_url: &'a str,
    /// What a rollback has put before a person; each with the time in which it holds.
    pub holds: &'a [Hold],
    /// Who is told what happens, in the order of their lanes.
    pub targets: &'a [Target],
}

impl Facts<'_> {
    /// How much may happen by itself at a location, and with that field: the contract's word, and never more than the account's level there.
    pub fn autonomy(&self, place: &str, field: Option<&str>) -> Autonomy {
        let rule = field.and_then(|field| self.contract.fields.get(field));
        self.contract.most(place, rule, &self.standing.levels)
    }
}

/// What one event led to.
#[derive(Debug, Clone)]
pub struct Step {
    pub inquiry: Inquiry,
    pub drafts: Vec<Draft>,
    pub plan: Option<Plan>,
    pub timers: Vec<Timer>,
    pub opened_reviews: Vec<Review>,
    pub closed_reviews: Vec<ReviewId>,
}

/// One of the six stages that can be seen on every call (F-200).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StageState {
    Done,
    Waiting,
    /// A person must act.
    Asking,
    Failed,
    NotNeeded,
}

impl Inquiry {
    /// An inquiry of that caller about which nothing is decided yet.
    pub fn new(id: InquiryId, call: &Call, person: Option<String>, now: Timestamp) -> Self {
        let (e164, national) = match &call.caller {
            Caller::Number { e164, national } => (Some(e164.clone()), Some(national.clone())),
            _ => (None, None),
        };
        Self {
            schema: INQUIRY_SCHEMA,
            id,
            account: call.account.clone(),
            location: call.location.clone(),
            person,
            e164,
            national,
            opened_at: now,
            state: State::Open,
            calls: Vec::new(),
            claims: BTreeMap::new(),
            rejected: Vec::new(),
            snapshot: None,
            matched: None,
            contact: None,
            owner: None,
            unowned_because: None,
            tier: 1,
            escalations: Vec::new(),
            clock: None,
            breached_at: None,
            stale_at: None,
            taken_by: None,
            callbacks: Vec::new(),
            next_callback_at: None,
            verdicts: Vec::new(),
            unmapped: Vec::new(),
            effects: BTreeMap::new(),
            reviews: Vec::new(),
            approvals: Vec::new(),
            contract: None,
            plans: 0,
            effects_made: 0,
            reviews_made: 0,
            moves: 0,
            undos: BTreeMap::new(),
            tellings: Vec::new(),
            origin: Origin::Calls,
            offers: Vec::new(),
            approved_before: 0,
            aside: BTreeMap::new(),
            consent: Consent::default(),
        }
    }

    /// What a workflow takes up about that person or record. `phone` is the subject's number, where it has one that can be matched: E.164 and
    /// national.
    pub fn of_workflow(
        id: InquiryId,
        account: AccountId,
        (workflow, subject): (Workflow, Subject),
        person: Option<String>,
        phone: Option<(String, String)>,
        now: Timestamp,
    ) -> Self {
        let mut inquiry = Self::new(id, &Call::new(CallId::from_text(""), account, now), person, now);
        (inquiry.e164, inquiry.national) = phone.map_or((None, None), |(e164, national)| (Some(e164), Some(national)));
        inquiry.origin = Origin::Workflow { workflow, subject };
        inquiry
    }

    /// The workflow that began it; `None` for a caller's.
    pub fn workflow(&self) -> Option<Workflow> {
        self.subject().map(|(workflow, _)| workflow)
    }

    /// The workflow that began it, and about whom.
    pub fn subject(&self) -> Option<(Workflow, &Subject)> {
        match &self.origin {
            Origin::Calls => None,
            Origin::Workflow { workflow, subject } => Some((*workflow, subject)),
        }
    }

    /// Still somebody's to call back. What a workflow began never is.
    pub fn open(&self) -> bool {
        self.state == State::Open && self.origin.is_calls()
    }

    /// The claim of a field if it is sure enough to steer anything.
    pub fn steering(&self, field: &str) -> Option<&HeldClaim> {
        self.claims.get(field).filter(|c| c.claim.confidence.0 >= STEER_AT)
    }

    /// How soon the caller needs somebody, from the caller's own words; `unknown` without a quote (F-066).
    pub fn urgency(&self) -> String {
        self.urgency_word().into_owned()
    }

    pub(crate) fn urgency_word(&self) -> Cow<'_, str> {
        self.steering("urgency").map_or(Cow::Borrowed("unknown"), |c| c.claim.value.words())
    }

    /// Goes before everything that is not.
    pub fn urgent(&self) -> bool {
        matches!(self.urgency_word().as_ref(), "emergency" | "high")
    }

    /// Handling flags that stand, without their prefix.
    pub fn flags(&self) -> BTreeSet<String> {
        self.standing_flags().map(str::to_owned).collect()
    }

    /// The same where they lie. An opt-out stands while it is kept with the person, whoever said so, and stands no more once a person cleared it.
    pub(crate) fn standing_flags(&self) -> impl Iterator<Item = &str> {
        const PREFIX: &str = "flag.";
        let flags = self
            .claims
            .range::<str, _>((Bound::Included(PREFIX), Bound::Unbounded))
            .map_while(|(f, c)| Some((f.strip_prefix(PREFIX)?, c)));
        let (kept, cleared) = (self.consent.opted_out.is_some(), self.consent.cleared.is_some());
        let said = flags.filter(|(_, c)| c.claim.confidence.0 >= STEER_AT).map(|(f, _)| f);
        said.filter(move |f| *f != consent::FLAG || !(kept || cleared)).chain(kept.then_some(consent::FLAG))
    }

    pub(crate) fn has_flag(&self, name: &str) -> bool {
        self.standing_flags().any(|f| f == name)
    }

    /// The number to call: what the caller said, else what the telephone showed.
    pub fn callback_number(&self) -> Option<String> {
        self.number_to_call().map(Cow::into_owned)
    }

    pub(crate) fn number_to_call(&self) -> Option<Cow<'_, str>> {
        let said = self.steering("callback_number").map(|c| c.claim.value.words()).filter(|n| n.starts_with('+'));
        said.or_else(|| self.e164.as_deref().map(Cow::Borrowed))
    }

    /// The latest call.
    pub fn last_call(&self) -> Option<&InquiryCall> {
        self.calls.iter().max_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)))
    }

    /// The first call that people of the business missed.
    pub fn first_missed(&self) -> Option<&InquiryCall> {
        self.calls.iter().filter(|c| c.waits()).min_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)))
    }

    /// The six stages with their state; the first failing one names where it hangs. Each answers for its own check only: what was never
    /// written is not yet proven, and not disproven.
    pub fn stages(&self) -> [(&'static str, StageState); 6] {
        use StageState::{Asking, Done, Failed, NotNeeded, Waiting};
        let asking = |kind: &[ReviewKind]| self.reviews.iter().any(|r| kind.contains(&r.kind));
        let capture = if self.calls.is_empty() { Waiting } else { Done };
        let structure = if asking(&[ReviewKind::AmbiguousVoicemail]) { Asking } else { Done };
        let route = match (&self.owner, asking(&[ReviewKind::OwnerTie, ReviewKind::UnknownLocation])) {
            (_, true) => Asking,
            (Some(_), _) => Done,
            (None, _) => Failed,
        };
        let outward = || self.effects.iter().filter(|(target, _)| !tells(target) && *target != "find");
        // A write that was acknowledged and is not there is no failed write: what failed is the proof.
        let untrue = |e: &EffectRef| e.why.as_deref().is_some_and(|why| why.split(':').next().is_some_and(not_held));
        let dead = |unproven: bool| outward().any(|(_, e)| e.progress == Progress::Dead && untrue(e) == unproven);
        let write = if dead(false) {
            Failed
        } else if asking(&[ReviewKind::Match, ReviewKind::NoNumber]) {
            Asking
        } else if outward().any(|(_, e)| e.progress == Progress::Planned)
            || self.effects.get("find").is_some_and(|e| e.progress == Progress::Planned)
        {
            Waiting
        } else if outward().next().is_none() {
            NotNeeded
        } else {
            Done
        };
        let reconcile = match &self.matched {
            Some(_) if asking(&[ReviewKind::Field, ReviewKind::OwnerChange]) => Asking,
            Some(_) => Done,
            None if self.e164.is_none() => NotNeeded,
            None => Waiting,
        };
        let trust = match write {
            _ if dead(true) => Failed,
            Done => Done,
            NotNeeded => NotNeeded,
            _ => Waiting,
        };
        [
            ("capture", capture),
            ("structure", structure),
            ("route", route),
            ("write", write),
            ("reconcile", reconcile),
            ("trust", trust),
        ]
    }
}

#[cfg(test)]
pub(crate) mod house;
#[cfg(test)]
mod tests;
