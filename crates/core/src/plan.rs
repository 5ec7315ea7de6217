//! The immutable set of verdicts and effects decided at one moment.

use crate::effect::Effect;
use crate::id::{ContractId, EffectId, InquiryId, PlanId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Version of the stored form of [`Plan`].
pub const PLAN_SCHEMA: u32 = 2;

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

/// Where a decided value came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// What the caller said; the evidence is its quote.
    #[default]
    Words,
    /// A provider of data, by its name, and as of when by its own word. Of several the oldest date.
    Provider { name: String, as_of: Timestamp },
    /// What Ringback itself decided or was told about the call: owner, due time, source, location.
    Decision,
    /// What a person typed in place of the proposal.
    Person,
}

impl Source {
    /// As the audit log says it.
    pub fn words(&self) -> String {
        match self {
            Self::Words => "the caller's words".into(),
            Self::Provider { name, .. } => format!("the provider {name}"),
            Self::Decision => "Ringback's decision".into(),
            Self::Person => "a person".into(),
        }
    }

    /// As of when a provider offered it.
    pub fn as_of(&self) -> Option<Timestamp> {
        match self {
            Self::Provider { as_of, .. } => Some(*as_of),
            Self::Words | Self::Decision | Self::Person => None,
        }
    }

    pub(crate) fn is_words(&self) -> bool {
        *self == Self::Words
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
    #[serde(default, skip_serializing_if = "Source::is_words")]
    pub source: Source,
}

impl Verdict {
    /// What was to be written stands there now: the receipt has told it, and no new answer is given.
    pub fn came_true(&self, before: &Self) -> bool {
        before.kind == VerdictKind::Write
            && (self.kind, self.because.as_str()) == (VerdictKind::Keep, "already_so")
            && (&self.field, &self.to, &self.is) == (&before.field, &before.to, &before.is)
    }

    /// The same answer on the same grounds. A record that turns out to hold nothing there is no other ground than not having looked yet.
    pub fn repeats(&self, before: &Self) -> bool {
        let Self { field, to, kind, because, reason, clause, was, is, confidence, evidence, actor, source } = self;
        let held = |was: &Option<String>| was.clone().unwrap_or_default();
        field == &before.field
            && (to, kind, because, reason) == (&before.to, &before.kind, &before.because, &before.reason)
            && (clause, is, confidence) == (&before.clause, &before.is, &before.confidence)
            && (evidence, actor, source) == (&before.evidence, &before.actor, &before.source)
            && held(was) == held(&before.was)
    }
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
///
/// It is stored with its effects by id: each has a row of its own, which holds it whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan<E = Effect> {
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
    /// Those that do not repeat the plan before; what stands is the latest of each field along the parents.
    pub verdicts: Vec<Verdict>,
    pub effects: Vec<E>,
    /// Targets whose unsent effects are void from now on.
    pub supersedes: Vec<EffectId>,
}

impl Plan {
    /// The plan as it is stored, and its effects.
    pub fn stored(self) -> (Plan<EffectId>, Vec<Effect>) {
        let Self { schema, id, inquiry, n, parent, contract, code_version, at, verdicts, effects, supersedes } = self;
        let ids = effects.iter().map(|e| e.id.clone()).collect();
        let plan =
            Plan { schema, id, inquiry, n, parent, contract, code_version, at, verdicts, effects: ids, supersedes };
        (plan, effects)
    }
}

/// From version 1: effects stood in the plan whole, and every verdict in every plan (which reads as well).
pub(crate) fn lift_from_1(mut plan: serde_json::Value) -> serde_json::Value {
    plan["schema"] = 2.into();
    if let Some(effects) = plan["effects"].as_array_mut() {
        for effect in effects {
            *effect = effect["id"].take();
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upcast::{Form, read_own};

    #[test]
    fn a_plan_of_the_first_form_is_read() {
        let text = r#"{"schema":1,"id":"plan_a.1","inquiry":"inq_a","n":1,"parent":null,
            "contract":{"id":"ctr_1","name":"missed-calls","version":1},"code_version":"0.1.0","at":"2026-11-21T14:25:31Z",
            "verdicts":[],"effects":[{"schema":1,"id":"eff_a.1","target":"find"}],"supersedes":["eff_a.0"]}"#;
        let plan: Plan<EffectId> = read_own(Form::Plan, text).unwrap();
        assert_eq!((plan.schema, plan.effects.as_slice()), (PLAN_SCHEMA, [EffectId::from_text("eff_a.1")].as_slice()));
    }
}
