//! Reading what an older version stored.
//!
//! Every stored event, plan, effect and history carries the schema version of its form. A change of form raises the version and adds one line to
//! [`STEPS`] that lifts the older JSON by one; nothing that was stored is ever rewritten. A form from a newer version is
//! refused instead of guessed.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// What is stored in a versioned form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// [`crate::inquiry::Event`].
    Event,
    /// [`crate::inquiry::Inquiry`], the snapshot.
    Inquiry,
    /// [`crate::call::Call`].
    Call,
    /// [`crate::plan::Plan`].
    Plan,
    /// [`crate::effect::Effect`].
    Effect,
    /// [`crate::ensure::History`].
    History,
    /// [`crate::signal::Signal`].
    Signal,
    /// [`crate::contract::Contract`], compiled.
    Contract,
    /// [`crate::consent::Consent`], as it is kept with a person.
    Consent,
}

impl Form {
    /// The version this code writes.
    pub fn current(self) -> u32 {
        match self {
            Self::Event | Self::Inquiry => crate::inquiry::INQUIRY_SCHEMA,
            Self::Call => crate::call::CALL_SCHEMA,
            Self::Plan => crate::plan::PLAN_SCHEMA,
            Self::Effect => crate::effect::EFFECT_SCHEMA,
            Self::History => crate::ensure::HISTORY_SCHEMA,
            Self::Signal => crate::signal::SIGNAL_SCHEMA,
            Self::Contract => crate::contract::CONTRACT_SCHEMA,
            Self::Consent => crate::consent::CONSENT_SCHEMA,
        }
    }
}

/// Lifts a form from one version to the next.
pub type Lift = fn(Value) -> Value;

/// Every change of form there ever was: form, the version it lifts from, how.
pub const STEPS: &[(Form, u32, Lift)] = &[(Form::Plan, 1, crate::plan::lift_from_1)];

/// Why a stored form cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// Written by a newer version of this program.
    Newer { found: u32, known: u32 },
    /// No step leads on from that version: a defect.
    NoStep { from: u32 },
    /// The text is not of that form: a defect or damage.
    Shape(String),
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Newer { found, known } => write!(f, "it has form {found}, this program knows {known}"),
            Self::NoStep { from } => write!(f, "nothing reads form {from} any more"),
            Self::Shape(why) => f.write_str(why),
        }
    }
}

/// Reads a stored text of that form and version into today's type.
pub fn read<T: DeserializeOwned>(form: Form, schema: u32, text: &str) -> Result<T, Unreadable> {
    if schema == form.current() {
        return serde_json::from_str(text).map_err(|e| Unreadable::Shape(e.to_string()));
    }
    let value = serde_json::from_str(text).map_err(|e| Unreadable::Shape(e.to_string()))?;
    let value = lift(form, schema, form.current(), value, STEPS)?;
    serde_json::from_value(value).map_err(|e| Unreadable::Shape(e.to_string()))
}

/// Reads a stored text that names its own version in the field `schema`.
pub fn read_own<T: DeserializeOwned>(form: Form, text: &str) -> Result<T, Unreadable> {
    let shape = |e: serde_json::Error| Unreadable::Shape(e.to_string());
    // The version is written first, so that today's form is read without a detour.
    if text.starts_with(&format!("{{\"schema\":{},", form.current())) {
        return serde_json::from_str(text).map_err(shape);
    }
    let value: Value = serde_json::from_str(text).map_err(shape)?;
    let schema = value.get("schema").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok()).unwrap_or(1);
    let value = lift(form, schema, form.current(), value, STEPS)?;
    serde_json::from_value(value).map_err(shape)
}

fn lift(form: Form, from: u32, to: u32, mut value: Value, steps: &[(Form, u32, Lift)]) -> Result<Value, Unreadable> {
    if from > to {
        return Err(Unreadable::Newer { found: from, known: to });
    }
    for version in from..to {
        let step =
            steps.iter().find(|(f, v, _)| *f == form && *v == version).ok_or(Unreadable::NoStep { from: version })?;
        value = (step.2)(value);
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A made-up past: version 1 had seconds, version 2 milliseconds, version 3 another name.
    const PAST: &[(Form, u32, Lift)] = &[
        (Form::Call, 1, |mut v| {
            v["ms"] = json!(v["seconds"].as_i64().unwrap_or(0) * 1000);
            v
        }),
        (Form::Call, 2, |mut v| {
            v["length_ms"] = v["ms"].take();
            v
        }),
        (Form::Plan, 1, |_| json!("another form")),
    ];

    #[test]
    fn old_forms_are_lifted_step_by_step() {
        let value = lift(Form::Call, 1, 3, json!({"seconds": 2}), PAST).unwrap();
        assert_eq!(value["length_ms"], 2000);
        assert_eq!(lift(Form::Call, 3, 3, json!(7), PAST), Ok(json!(7)));
    }

    #[test]
    fn newer_and_forgotten_forms_are_refused() {
        assert_eq!(lift(Form::Call, 4, 3, json!({}), PAST), Err(Unreadable::Newer { found: 4, known: 3 }));
        assert_eq!(lift(Form::Plan, 1, 3, json!({}), PAST), Err(Unreadable::NoStep { from: 2 }));
    }

    #[test]
    fn every_form_has_a_whole_way_from_version_one() {
        use Form::{Call, Contract, Effect, Event, History, Inquiry, Plan, Signal};
        for form in [Event, Inquiry, Call, Plan, Effect, History, Signal, Contract] {
            for version in 1..form.current() {
                assert!(STEPS.iter().any(|(f, v, _)| *f == form && *v == version), "{form:?} {version}");
            }
        }
    }
}
