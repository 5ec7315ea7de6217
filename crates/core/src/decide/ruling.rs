//! A decision before it is put into words. Most decisions are looked at by a program and by nobody else (a backtest makes some forty for a call):
//! the sentence is made when somebody reads it.

use crate::contract::FieldRule;
use crate::inquiry::Inquiry;
use crate::plan::{Actor, Source, Verdict, VerdictKind};
use std::borrow::Cow;

/// What was decided about one field; the words are [`Ruling::verdict`]'s.
#[derive(Debug, Clone)]
pub(crate) struct Ruling<'c> {
    /// The clause's place among the fields of its contract.
    pub(crate) n: usize,
    pub(crate) name: &'c str,
    pub(crate) rule: &'c FieldRule,
    pub(crate) kind: VerdictKind,
    pub(crate) because: &'static str,
    pub(crate) reason: Reason<'c>,
    pub(crate) clause: Clause,
    pub(crate) was: Option<String>,
    /// A word of the contract where it stands, else what was said or decided.
    pub(crate) is: Option<Cow<'c, str>>,
    pub(crate) confidence: Option<u16>,
    /// The caller said it: the evidence is the claim of [`FieldRule::from`].
    pub(crate) said: bool,
    pub(crate) actor: Actor,
    pub(crate) source: Source,
}

impl Ruling<'_> {
    /// As plans, entries and people have it. `inquiry` is the one that it was decided about, as it was then.
    pub(crate) fn verdict(self, inquiry: &Inquiry) -> Verdict {
        let evidence = inquiry.claims.get(&self.rule.from).filter(|_| self.said).map(|held| held.evidence.clone());
        Verdict {
            field: self.name.to_owned(),
            to: self.rule.target(),
            kind: self.kind,
            because: self.because.to_owned(),
            reason: self.reason.words(),
            clause: self.clause.words(self.name),
            was: self.was,
            is: self.is.map(Cow::into_owned),
            confidence: self.confidence,
            evidence,
            actor: self.actor,
            source: self.source,
        }
    }
}

/// Which part of the contract answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clause {
    /// A key of the field's own clause: `write_at`.
    OfField(&'static str),
    /// A clause beside the fields: `suppress.classes`.
    Whole(&'static str),
}

impl Clause {
    pub(crate) fn words(self, field: &str) -> String {
        match self {
            Self::OfField(key) => format!("field.{field}.{key}"),
            Self::Whole(clause) => clause.to_owned(),
        }
    }
}

/// Why, as a person will read it. Confidences are thousandths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reason<'c> {
    Words(Cow<'c, str>),
    /// What does not fit the field's type.
    Mismatch(String),
    /// So sure, and from so much on it would be suggested.
    NotSuggested(u16, u16),
    /// So sure, and from so much on it would be written.
    Asked(u16, u16),
    /// So sure of a field that nobody is asked about.
    NotSure(u16),
    /// So sure, where what stands there was surer.
    LessSure(u16, u16),
    /// A person set what stands there; who wins.
    PersonSet(&'c str),
    /// The condition under which a person is asked.
    Whenever(&'c str),
    /// A class of callers that is held back, and what follows.
    Held(&'static str, &'static str),
}

impl Reason<'_> {
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Words(words) => words.clone().into_owned(),
            Self::Mismatch(why) => format!("type mismatch: {why}"),
            Self::NotSuggested(sure, at) => {
                format!("{}: below {} it is not even suggested", percent(*sure), percent(*at))
            }
            Self::Asked(sure, at) => format!("{}: below {} a person is asked", percent(*sure), percent(*at)),
            Self::NotSure(sure) => format!("{}: not sure enough", percent(*sure)),
            Self::LessSure(sure, before) => {
                format!("{}: what stands there was {} sure", percent(*sure), percent(*before))
            }
            Self::PersonSet(winner) => format!("a person set it; {winner}"),
            Self::Whenever(when) => format!("a person is asked whenever {when}"),
            Self::Held(why, what) => format!("{why}: {what}"),
        }
    }
}

impl<'c> From<&'c str> for Reason<'c> {
    fn from(words: &'c str) -> Self {
        Self::Words(Cow::Borrowed(words))
    }
}

impl<'c> From<&'c String> for Reason<'c> {
    fn from(words: &'c String) -> Self {
        Self::Words(Cow::Borrowed(words))
    }
}

impl From<String> for Reason<'_> {
    fn from(words: String) -> Self {
        Self::Words(Cow::Owned(words))
    }
}

fn percent(thousandths: u16) -> String {
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}
