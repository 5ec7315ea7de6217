//! The verdict on every field: write, keep, review or suppress, with the clause and the evidence that made it.
//!
//! The order of the questions is the order of the laws: is there evidence, may the machine touch it at all, who set what stands there,
//! how sure is it. The first that says no answers, so every verdict has one reason.

mod digest;
mod held;
mod judge;
mod known;
mod memory;
mod offered;
mod suppress;

pub use digest::change_digest;
pub(crate) use known::owner_facts;
pub use memory::stands_by;
pub(crate) use suppress::suppressed_by;
pub use suppress::{Holds, Known, Suppressed, holds, ownership_held, suppressed, suppression};

use crate::claim::ClaimValue;
use crate::contract::{Autonomy, FieldRule, FieldValue, Machine, OnMissing, Protected, fit};
use crate::crm::Object;
use crate::identity::MatchKind;
use crate::inquiry::{Approval, Choice, Facts, Inquiry, ReviewKind};
use crate::money::Money;
use crate::plan::{Actor, Source, Verdict, VerdictKind};
use crate::standing::CLAUSE_PAUSED;
use crate::workflow::{self, Weighed};

/// Verdicts for every clause of the contract that this inquiry concerns, and the claims that no clause gives a home (F-083).
pub fn decide(inquiry: &Inquiry, facts: &Facts<'_>) -> (Vec<Verdict>, Vec<String>) {
    decide_weighed(inquiry, facts, &workflow::weigh(inquiry, facts))
}

/// The same, given what the workflows wish for.
pub(crate) fn decide_weighed(inquiry: &Inquiry, facts: &Facts<'_>, weighed: &Weighed) -> (Vec<Verdict>, Vec<String>) {
    let contract = facts.contract;
    let of_calls = inquiry.workflow().is_none();
    let one = |(name, rule): (&String, &FieldRule)| match weighed.wishes.get(name) {
        Some(wish) => Some(offered::verdict(inquiry, facts, name, rule, wish)),
        None if of_calls && !workflow::fed_by_workflows(&rule.from) => verdict(inquiry, facts, name, rule),
        None => None,
    };
    let verdicts = contract.fields.iter().filter_map(one).collect();
    let homeless = |field: &&String| {
        !contract.fields.values().any(|r| r.from == **field)
            && !INTERNAL.contains(&field.as_str())
            && !field.starts_with("flag.")
    };
    let unmapped = inquiry.claims.keys().filter(homeless).cloned().collect();
    (verdicts, unmapped)
}

/// Claims that steer the work itself and need no CRM field to be of use.
const INTERNAL: &[&str] = &["callback_number"];

struct Case<'a> {
    name: &'a str,
    rule: &'a FieldRule,
    was: Option<String>,
    is: Option<String>,
    confidence: Option<u16>,
    evidence: Option<crate::plan::Evidence>,
    source: Source,
}

impl Case<'_> {
    fn rule(&self, kind: VerdictKind, because: &str, reason: impl Into<String>, clause: &str) -> Verdict {
        Verdict {
            field: self.name.to_owned(),
            to: self.rule.target(),
            kind,
            because: because.to_owned(),
            reason: reason.into(),
            clause: format!("field.{}.{clause}", self.name),
            was: self.was.clone(),
            is: self.is.clone(),
            confidence: self.confidence,
            evidence: self.evidence.clone(),
            actor: Actor::Machine,
            source: self.source.clone(),
        }
    }
}

fn verdict(inquiry: &Inquiry, facts: &Facts<'_>, name: &str, rule: &FieldRule) -> Option<Verdict> {
    let location = inquiry.location.as_ref().and_then(|l| facts.roster.location(l));
    let slug = location.map_or("", |l| l.slug.as_str());
    let held = inquiry.claims.get(&rule.from);
    let decided = decision(inquiry, facts, rule);
    let value = held.map(|h| typed(&h.claim.value)).or_else(|| decided.clone().map(FieldValue::Text));
    let confidence = held.map(|h| h.claim.confidence.0).or(decided.as_ref().map(|_| 1000));
    let was = current(inquiry, rule);
    let source = if held.is_some() { Source::Words } else { Source::Decision };
    let evidence = held.map(|h| h.evidence.clone());
    let mut case = Case { name, rule, was, is: None, confidence, evidence, source };
    let levels = Levels::of(inquiry, facts, slug, name);
    let Some(value) = value else {
        let default = held::back(missing(&case, inquiry, facts, levels)?, inquiry, facts);
        return Some(paused(approved(default, inquiry, facts), facts, rule));
    };
    let value = cast(value, rule);
    match fit(&value, &rule.kind, location.map(|l| l.currency.as_str())) {
        Ok(text) => case.is = Some(text),
        Err(mismatch) => {
            let reason = format!("type mismatch: {}", mismatch.why);
            return Some(case.rule(VerdictKind::Keep, "type_mismatch", reason, "type"));
        }
    }
    let verdict = held::back(judge::judge(&case, inquiry, facts, levels), inquiry, facts);
    Some(paused(approved(verdict, inquiry, facts), facts, rule))
}

/// What would be written is kept while its clause is paused. What a person is asked is asked all the same: the answer counts when the field
/// is back.
fn paused(verdict: Verdict, facts: &Facts<'_>, rule: &FieldRule) -> Verdict {
    match facts.standing.paused(&verdict.field, rule) {
        Some(pause) if verdict.kind == VerdictKind::Write => Verdict {
            kind: VerdictKind::Keep,
            because: CLAUSE_PAUSED.to_owned(),
            reason: format!("this clause is paused: {}", pause.cause),
            clause: format!("field.{}.to", verdict.field),
            ..verdict
        },
        _ => verdict,
    }
}

/// How much happens by itself.
#[derive(Debug, Clone, Copy)]
struct Levels {
    /// At the place of the call.
    place: Autonomy,
    /// With this field.
    field: Autonomy,
}

impl Levels {
    fn of(inquiry: &Inquiry, facts: &Facts<'_>, slug: &str, name: &str) -> Self {
        let place = facts.autonomy(slug, None);
        let field = facts.autonomy(slug, Some(name));
        // Who only observes writes nothing at all, and where every write waits for a person, so does a record that would have to be made.
        let waits = place == Autonomy::Observe || (place == Autonomy::Suggest && inquiry.contact.is_none());
        Self { place, field: if waits { field.min(place) } else { field } }
    }
}

/// Is it a record that Ringback makes for the call itself?
fn own_record(rule: &FieldRule) -> bool {
    matches!(rule.object, Object::Call | Object::Task)
}

/// The contact is one that we make or have made for this caller.
fn contact_is_ours(inquiry: &Inquiry) -> bool {
    match &inquiry.contact {
        Some(contact) => contact.made,
        None => inquiry.matched.as_ref().is_some_and(|m| m.kind == MatchKind::New),
    }
}

/// The kind that is never changed silently, by the contract's word or by the vendor's.
fn protected(facts: &Facts<'_>, rule: &FieldRule) -> Option<Protected> {
    rule.protected.or_else(|| facts.crm?.1.protected_kind(rule.object, &rule.property))
}

/// Nothing was said: a default, a flag, or nothing; never a block and never a half-filled record (F-085).
fn missing(case: &Case<'_>, inquiry: &Inquiry, facts: &Facts<'_>, levels: Levels) -> Option<Verdict> {
    let rule = case.rule;
    match &rule.on_missing {
        OnMissing::Leave => None,
        OnMissing::Flag => {
            Some(case.rule(VerdictKind::Keep, "missing", "nothing was said; the record is flagged", "on_missing"))
        }
        OnMissing::Default(text) => {
            let new = inquiry.matched.as_ref().is_some_and(|m| m.kind == MatchKind::New);
            let asks = protected(facts, rule).is_some()
                || rule.accountability
                || rule.review_when.as_deref().is_some_and(|when| known::holds_now(when, inquiry, facts));
            let acts = matches!(rule.machine, Machine::Update | Machine::FillEmpty) && !asks;
            let reach =
                if own_record(rule) { levels.field > Autonomy::Suggest } else { new && levels.field == Autonomy::Auto };
            let may = levels.place >= Autonomy::AutoLowRisk && reach;
            if !(acts && may) || case.was.as_ref().is_some_and(|w| !w.is_empty()) {
                return None;
            }
            let mut verdict =
                case.rule(VerdictKind::Write, "default", "nothing was said; the contract's default", "on_missing");
            verdict.is = Some(text.clone());
            verdict.confidence = None;
            Some(verdict)
        }
    }
}

fn owner_property<'a>(facts: &Facts<'a>) -> &'a str {
    facts.crm.map_or("hubspot_owner_id", |(_, words)| words.contact_owner)
}

/// What the CRM holds for that property, as far as it was read.
fn current(inquiry: &Inquiry, rule: &FieldRule) -> Option<String> {
    if rule.object != Object::Contact {
        return None;
    }
    inquiry.contact.as_ref().map(|c| c.record_held.properties.get(&rule.property).cloned().unwrap_or_default())
}

/// A person's answer to exactly this change turns its verdict.
fn approved(mut verdict: Verdict, inquiry: &Inquiry, facts: &Facts<'_>) -> Verdict {
    if verdict.kind != VerdictKind::Review {
        return verdict;
    }
    let digest = change_digest(&verdict, inquiry, facts);
    // What was approved before it was taken back is no answer any more.
    let since = held::since(&verdict, inquiry, facts);
    let answer =
        |a: &&Approval| a.kind == ReviewKind::Field && a.digest == digest && since.is_none_or(|since| a.at >= since);
    let Some(approval) = inquiry.approvals.iter().rev().find(answer) else { return verdict };
    match &approval.choice {
        Choice::Approve => {
            verdict.kind = VerdictKind::Write;
            verdict.actor = Actor::ApprovedMachine;
            verdict.reason = format!("approved by a person ({})", verdict.reason);
        }
        Choice::Edit { value } => {
            verdict.kind = VerdictKind::Write;
            verdict.actor = Actor::Person;
            verdict.is = Some(value.clone());
            verdict.source = Source::Person;
            verdict.reason = "a person put another value".into();
        }
        Choice::Reject { .. } => {
            verdict.kind = VerdictKind::Keep;
            let why = approval.choice.why_not().unwrap_or_default();
            verdict.reason = format!("a person said no: {why}");
        }
        Choice::Pick { .. } => return verdict,
    }
    verdict.because = "decided_by_person".into();
    verdict
}

/// What Ringback itself decided, for clauses that map it (F-089).
fn decision(inquiry: &Inquiry, facts: &Facts<'_>, rule: &FieldRule) -> Option<String> {
    match rule.from.as_str() {
        // The CRM's own owner property takes the CRM's id of that person; any other field takes the name.
        "owner" if rule.property == owner_property(facts) => {
            let staff = facts.roster.person(&inquiry.owner.as_ref()?.staff)?;
            staff.crm_owner.clone()
        }
        "owner" => inquiry.owner.as_ref().map(|o| o.name.clone()),
        "next_action" => Some(if inquiry.open() { "call_back" } else { "none" }.to_owned()),
        "due_at" => inquiry.clock.as_ref().map(|c| c.due_at.to_string()),
        "category" => inquiry.last_call().map(|c| c.category.clone()),
        "location" => inquiry.location.as_ref().and_then(|l| facts.roster.location(l)).map(|l| l.name.clone()),
        "vertical" => inquiry.location.as_ref().and_then(|l| facts.roster.location(l)).and_then(|l| l.vertical.clone()),
        "source" => inquiry.first_missed().and_then(|c| c.attribution.source.clone()),
        "campaign" => inquiry.first_missed().and_then(|c| c.attribution.campaign.clone()),
        _ => None,
    }
}

/// Decided words take the shape of the field they go to; what the caller said is never cast.
fn cast(value: FieldValue, rule: &FieldRule) -> FieldValue {
    use crate::contract::FieldType;
    match (value, &rule.kind) {
        (FieldValue::Text(text), FieldType::Choice(_)) => FieldValue::Choice(text),
        // Digits are the same number in both; whatever is not plainly one does not fit and is not forced (F-081).
        (FieldValue::Text(text), FieldType::Number) => FieldValue::Number(text),
        (FieldValue::Text(text), FieldType::DateTime) => match text.parse() {
            Ok(at) => FieldValue::DateTime(at),
            Err(_) => FieldValue::Text(text),
        },
        (value, _) => value,
    }
}

/// A claim's value as the contract types it.
fn typed(value: &ClaimValue) -> FieldValue {
    match value {
        ClaimValue::Choice(word) => FieldValue::Choice(word.clone()),
        ClaimValue::Phone { e164: Some(e164), .. } => FieldValue::Phone(e164.clone()),
        ClaimValue::Email(address) => FieldValue::Email(address.clone()),
        ClaimValue::Money { minor, currency, upper_minor: None, .. } => {
            FieldValue::Money(Money { minor: *minor, currency: currency.clone() })
        }
        ClaimValue::Date(date) => FieldValue::Date(*date),
        ClaimValue::Flag(yes) => FieldValue::Bool(*yes),
        other => FieldValue::Text(other.text()),
    }
}

fn percent(thousandths: u16) -> String {
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}

#[cfg(test)]
mod edges;
#[cfg(test)]
pub(crate) mod laws;
#[cfg(test)]
mod tests;
