//! What stands for a whole account beside its contract and its roster: clauses that are paused because the CRM does not have their field as the
//! contract names it, and how much may happen by itself at most.
//!
//! A decision reads it as it reads the contract, and every event names what stood when it was decided, so that a replay decides the same
//! however old the knowledge of the deciding node was.

use crate::contract::{Autonomy, Contract, FieldRule, check_schema};
use crate::crm::{KEY_PROPERTY, Object, PropertySpec};
use crate::effect::OWN_STAMPS;
use crate::plan::{Plan, Verdict};
use crate::problem::Problem;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Why a verdict that would write does not: its clause is paused.
pub const CLAUSE_PAUSED: &str = "clause_paused";

/// A clause that writes nothing for the time being.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// The clause's name (`urgency`), or the property itself for a stamp of ours that has no clause.
    pub clause: String,
    /// `contact.rb_urgency`. A clause that is mapped elsewhere meanwhile is not paused by it.
    pub to: String,
    /// `RB-0213`, `RB-0214`, `RB-0215`.
    pub code: String,
    /// What the CRM's schema does not have any more, as a sentence.
    pub cause: String,
    /// What a person does about it.
    pub cure: String,
}

/// How much may happen by itself at most, whatever the contract says: by slug of a location, and for every other one under the empty name. Where
/// nothing is said the contract alone decides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Levels(pub BTreeMap<String, Autonomy>);

impl Levels {
    /// Nothing is said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is said of a location, by its own word or by the one for all.
    pub fn said(&self, place: &str) -> Option<Autonomy> {
        self.0.get(place).or_else(|| self.0.get("")).copied()
    }

    /// How much may happen by itself at a location at most.
    pub fn at(&self, place: &str) -> Autonomy {
        self.said(place).unwrap_or(Autonomy::Auto)
    }

    /// May it let less happen than that contract says?
    pub fn bind(&self, contract: &Contract) -> bool {
        self.0.values().any(|level| *level < contract.ceiling())
    }
}

/// Everything that stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// By clause; the same in every store and on every node.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<Pause>,
    /// Of the workflow that decides about calls.
    #[serde(default, skip_serializing_if = "Levels::is_empty")]
    pub levels: Levels,
}

impl Standing {
    /// The part that can change a decision under that contract; `None`: nothing stands, and what is decided then needs no word of it.
    pub fn counting(&self, contract: &Contract) -> Option<Self> {
        let levels = if self.levels.bind(contract) { self.levels.clone() } else { Levels::default() };
        let part = Self { pauses: self.pauses.clone(), levels };
        (part != Self::default()).then_some(part)
    }

    /// The pause of a clause, if it is paused.
    pub fn paused(&self, clause: &str, rule: &FieldRule) -> Option<&Pause> {
        self.pauses.iter().find(|p| p.clause == clause && p.to == rule.target())
    }

    /// Paused clauses that something waits for: a value that would be written, or a stamp of a record that is written now.
    pub fn waited_for(&self, verdicts: &[Verdict], plan: Option<&Plan>) -> Vec<String> {
        let writes = |to: &str| {
            let object = to.split_once('.').map_or("", |(object, _)| object);
            let mut effects = plan.iter().flat_map(|p| &p.effects);
            effects.any(|e| e.desired.object().is_some_and(|o| o.as_str() == object))
        };
        let waits = |p: &&Pause| match verdicts.iter().find(|v| v.field == p.clause && v.to == p.to) {
            Some(verdict) => verdict.because == CLAUSE_PAUSED,
            None => p.clause == p.to && writes(&p.to),
        };
        self.pauses.iter().filter(waits).map(|p| p.clause.clone()).collect()
    }

    /// Nothing is written to that property for the time being.
    pub fn holds(&self, object: Object, property: &str) -> bool {
        self.pauses.iter().any(|p| p.to.split_once('.') == Some((object.as_str(), property)))
    }
}

/// What a CRM's schema pauses: each clause that it does not fit, on its own, and each stamp that is not there. `own` are the properties that
/// set-up makes there; `packs` says for which objects our fields are texts in a text, which no schema shows.
///
/// Where our key is missing the CRM has not been set up (or has been set up no longer): then nothing of ours is there, no clause is to blame,
/// and set-up says so.
pub fn pauses(
    contract: &Contract,
    schema: &[(Object, PropertySpec)],
    own: &[(Object, &'static str)],
    packs: impl Fn(Object) -> bool,
) -> Vec<Pause> {
    let has = |object: Object, name: &str| schema.iter().any(|(o, s)| *o == object && s.name == name);
    let set_up = |object: Object| has(object, KEY_PROPERTY);
    let read = |object: Object| schema.iter().any(|(o, _)| *o == object);
    let ours = |property: &str| property.starts_with("rb_");
    let mut found = Vec::new();
    let mut alone = Contract { fields: std::collections::BTreeMap::new(), ..contract.clone() };
    for (name, rule) in &contract.fields {
        // What was not read is not known to be missing.
        if !read(rule.object) || (ours(&rule.property) && (packs(rule.object) || !set_up(rule.object))) {
            continue;
        }
        alone.fields.clear();
        alone.fields.insert(name.clone(), rule.clone());
        if let Some(problem) = check_schema(&alone, schema).into_iter().next() {
            found.push(pause(name, &rule.target(), problem));
        }
    }
    for (object, stamp) in own.iter().filter(|(object, stamp)| {
        OWN_STAMPS.contains(stamp) && set_up(*object) && !packs(*object) && !has(*object, stamp)
    }) {
        let to = format!("{}.{stamp}", object.as_str());
        let cause = format!("the CRM has no property {to} any more, in which Ringback says where a record came from");
        found.push(pause(&to, &to, Problem::new("RB-0213", cause, "make it again with `ringback connect NAME`")));
    }
    found.sort_by(|a, b| (&a.clause, &a.to).cmp(&(&b.clause, &b.to)));
    found
}

fn pause(clause: &str, to: &str, problem: Problem) -> Pause {
    Pause {
        clause: clause.to_owned(),
        to: to.to_owned(),
        code: problem.code.to_owned(),
        cause: problem.cause,
        cure: problem.cure,
    }
}
