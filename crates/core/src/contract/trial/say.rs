//! What a test may say. The words here are the words of the text; [`crate::contract::parse`] refuses all others at their line.

use crate::contract::Autonomy;
use crate::workflow::Workflow;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is given. Whatever is absent is the plain case: a voicemail or a ring without an answer from somebody whom the CRM does not know, at the only
/// location, on a working day at ten.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Given {
    /// The level at which it happens, in place of the contract's own: what a clause says holds at whatever level the contract stands now.
    pub autonomy: Option<Autonomy>,
    /// What the caller said.
    pub call: Option<String>,
    /// How the call ended; a voicemail when something was said, else `ring_no_answer`.
    pub category: Option<String>,
    /// Values as if they had been read, by the claim's name: for thresholds and for what the reader of callers does not know.
    pub claims: BTreeMap<String, GivenClaim>,
    /// How sure the reader is of `claims`, 0 to 1.
    pub confidence: Option<f64>,
    /// An earlier call of the same caller.
    pub earlier: Option<Said>,
    /// What the CRM's contact holds, by `contact.<property>`. Absent: nobody is known there.
    pub crm: Option<BTreeMap<String, String>>,
    /// Who set the values of `crm`: one word for all, or a table by property.
    pub set_by: Option<SetByWord>,
    /// What the machine itself wrote of `crm`, by property, and how sure it was then.
    pub ours: BTreeMap<String, f64>,
    /// Who is calling, where `crm` does not say it: `customer`, `lead`, `new`, `ambiguous`, `anonymous`, `vendor`.
    #[serde(rename = "match")]
    pub matched: Option<String>,
    /// Open deals of the contact, by name.
    pub deals: Vec<GivenDeal>,
    /// Handling flags that stand: `opt_out`, `complaint`.
    pub flags: Vec<String>,
    /// Classes that the contact is marked as: `investor`, `strategic_account`.
    pub tags: Vec<String>,
    pub location: Option<String>,
    /// What the location sells: `hvac`.
    pub vertical: Option<String>,
    /// What kind of line was called: `service`.
    pub line: Option<String>,
    pub source: Option<String>,
    pub campaign: Option<String>,
    /// When it rang, at the location: `2026-03-03T10:00`. Tuesdays to Fridays of that March are plain working days, 08:00 to 17:00.
    pub at: Option<String>,
    /// How long after the call to look again, with nobody having called back.
    pub later: Option<String>,
    /// Fields whose suggestion a person has approved.
    pub approved: Vec<String>,
    /// Fields whose suggestion a person has refused.
    pub rejected: Vec<String>,
    /// The neighbouring workflow that takes a record up, instead of a call that comes in.
    pub workflow: Option<Workflow>,
    /// What a provider offers, by its name for it; as sure as `confidence` says. With a call: about its caller.
    pub offers: BTreeMap<String, String>,
    /// Who offers it; `acme` where nothing is said.
    pub provider: Option<String>,
}

/// Words of one call.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Said {
    pub call: Option<String>,
    pub claims: BTreeMap<String, GivenClaim>,
    pub confidence: Option<f64>,
}

/// A value as if it had been read.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum GivenClaim {
    Value(String),
    Sure { value: String, confidence: f64 },
}

/// Who set what the CRM holds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum SetByWord {
    All(String),
    Each(BTreeMap<String, String>),
}

/// A deal of the contact.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct GivenDeal {
    pub name: Option<String>,
    pub stage: Option<String>,
    /// Closed deals are neither won nor lost here: they are over.
    pub open: Option<bool>,
}

/// What follows. Only what is named is compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Then {
    /// The name of the owner: the target of the rule (`role:phoenix-coordinator`, `location:tier1`, `crm:record_owner`), `ask` for a tie, or `nobody`.
    pub owner: Option<String>,
    /// The rule that chose the owner.
    pub owner_rule: Option<String>,
    /// Kinds of open questions, sorted; an empty list says that nothing is asked.
    pub review: Option<Vec<String>>,
    /// Is there a callback task?
    pub task: Option<bool>,
    /// Is the call logged in the CRM?
    pub call_log: Option<bool>,
    /// Do words of the caller stand in what call log or task say?
    pub quoted: Option<bool>,
    /// What becomes of the contact: `made`, `changed`, `kept`, `none`.
    pub contact: Option<String>,
    /// The clause of the clock that runs (`emergency`, `new_lead`), or when it is due (`2026-03-03T10:30`).
    pub clock: Option<String>,
    /// May anything reach the caller, enrol them, route them away or change their owner? `held` or `free`.
    pub caller: Option<String>,
    /// Who it is: `customer`, `lead`, `new`, `ambiguous`, `anonymous`, `vendor`.
    #[serde(rename = "match")]
    pub matched: Option<String>,
    /// `emergency` … `unknown`.
    pub inquiry_urgency: Option<String>,
    /// `open` or the outcome.
    pub state: Option<String>,
    /// The highest tier that was told.
    pub tier: Option<u8>,
    /// Is anybody told at once?
    pub page: Option<bool>,
    /// Claims without a home in the contract.
    pub unmapped: Option<Vec<String>>,
    /// The verdict on each field.
    #[serde(flatten)]
    pub fields: BTreeMap<String, ThenField>,
}

/// The verdict on one field.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum ThenField {
    /// `write`, `keep`, `review`, `suppress`, or `none`: the field is not spoken of.
    Verdict(String),
    Whole {
        verdict: Option<String>,
        /// The stable word of the reason, or the clause or its beginning.
        because: Option<String>,
        /// The new value.
        is: Option<String>,
        /// What stood there.
        was: Option<String>,
    },
}

/// The kind of value a key takes, for the reader of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(in crate::contract) enum Takes {
    Text,
    Texts,
    Bool,
    Number,
    Sure,
    /// A table, read by itself.
    Table,
}

/// Keys of `given`.
pub(in crate::contract) const GIVEN: &[(&str, Takes)] = &[
    ("autonomy", Takes::Text),
    ("call", Takes::Text),
    ("category", Takes::Text),
    ("claims", Takes::Table),
    ("confidence", Takes::Sure),
    ("earlier", Takes::Table),
    ("crm", Takes::Table),
    ("set_by", Takes::Table),
    ("ours", Takes::Table),
    ("match", Takes::Text),
    ("deals", Takes::Table),
    ("flags", Takes::Texts),
    ("tags", Takes::Texts),
    ("location", Takes::Text),
    ("vertical", Takes::Text),
    ("line", Takes::Text),
    ("source", Takes::Text),
    ("campaign", Takes::Text),
    ("at", Takes::Text),
    ("later", Takes::Text),
    ("approved", Takes::Texts),
    ("rejected", Takes::Texts),
    ("workflow", Takes::Text),
    ("offers", Takes::Table),
    ("provider", Takes::Text),
];

/// Keys of `then` that are no fields.
pub(in crate::contract) const THEN: &[(&str, Takes)] = &[
    ("owner", Takes::Text),
    ("owner_rule", Takes::Text),
    ("review", Takes::Texts),
    ("task", Takes::Bool),
    ("call_log", Takes::Bool),
    ("quoted", Takes::Bool),
    ("contact", Takes::Text),
    ("clock", Takes::Text),
    ("caller", Takes::Text),
    ("match", Takes::Text),
    ("inquiry_urgency", Takes::Text),
    ("state", Takes::Text),
    ("tier", Takes::Number),
    ("page", Takes::Bool),
    ("unmapped", Takes::Texts),
];

/// Words for who set a value.
pub(in crate::contract) const SETTERS: &[&str] = &["person", "machine", "automation", "unknown"];
/// Words for who calls.
pub(in crate::contract) const MATCHES: &[&str] = &["customer", "lead", "new", "ambiguous", "anonymous", "vendor"];
/// Words for what was decided about a field.
pub(in crate::contract) const VERDICTS: &[&str] = &["write", "keep", "review", "suppress", "none"];
/// Words for what becomes of the contact.
pub(in crate::contract) const CONTACTS: &[&str] = &["made", "changed", "kept", "none"];
/// Words for what reaches the caller.
pub(in crate::contract) const CALLER: &[&str] = &["held", "free"];
