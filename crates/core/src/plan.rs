//! The immutable set of verdicts and effects decided at one moment.

use crate::effect::Effect;
use crate::id::{ContractId, EffectId, InquiryId, PlanId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Version of the stored form of [`Plan`].
pub const PLAN_SCHEMA: u32 = 1;

/// What was decided about one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictKind {
    Write,
    /// What the CRM holds stays.
    Keep,
    /// A person decides.
    Review,
    /// Held back by a rule, whatever the value.
    Suppress,
}

impl VerdictKind {
    /// A stable word for tables and the console.
    pub fn word(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Keep => "keep",
            Self::Review => "review",
            Self::Suppress => "suppress",
        }
    }
}

/// Who acts through a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    Machine,
    /// A person approved what the machine proposed.
    ApprovedMachine,
    Person,
}

impl Actor {
    /// The word of the audit log (SPEC: AI, human-approved AI, human-only).
    pub fn word(self) -> &'static str {
        match self {
            Self::Machine => "AI",
            Self::ApprovedMachine => "human-approved AI",
            Self::Person => "human-only",
        }
    }
}

/// The decision about one field, with the clause and the evidence that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The contract's name for the field: `urgency`.
    pub field: String,
    /// `contact.rb_urgency`.
    pub to: String,
    pub kind: VerdictKind,
    /// A stable word: `below_write_threshold`, `person_set_it`, `autonomy`, …
    pub because: String,
    /// The sentence a person reads.
    pub reason: String,
    /// Where in the contract: `field.urgency.write_at`.
    pub clause: String,
    pub was: Option<String>,
    /// The CRM's text of the new value.
    pub is: Option<String>,
    /// Thousandths.
    pub confidence: Option<u16>,
    pub evidence: Option<Evidence>,
    pub actor: Actor,
}

/// The sentence behind a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Which call was it said in.
    pub call: crate::id::CallId,
    pub document: crate::id::DocumentId,
    /// Counts the transcripts of one call: a corrected transcript is another version.
    pub document_version: u32,
    /// Code points, half-open.
    pub start: u32,
    pub end: u32,
    pub extractor: String,
    pub extractor_version: u32,
}

/// Which contract decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContractRef {
    pub id: ContractId,
    pub name: String,
    pub version: u32,
}

/// A plan: stored before the first request leaves, never changed afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// [`PLAN_SCHEMA`] at the time of writing.
    pub schema: u32,
    pub id: PlanId,
    pub inquiry: InquiryId,
    /// Counts the inquiry's plans from 1.
    pub n: u32,
    pub parent: Option<PlanId>,
    pub contract: ContractRef,
    pub code_version: String,
    pub at: Timestamp,
    pub verdicts: Vec<Verdict>,
    pub effects: Vec<Effect>,
    /// Targets whose unsent effects are void from now on.
    pub supersedes: Vec<EffectId>,
}
