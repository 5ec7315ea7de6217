//! The verdict on every field: write, keep, review or suppress, with the clause and the evidence that made it.
//!
//! The order of the questions is the order of the laws: is there evidence, may the machine touch it at all, who set what stands there,
//! how sure is it. The first that says no answers, so every verdict has one reason.

use crate::claim::ClaimValue;
use crate::contract::{Autonomy, FieldRule, FieldValue, Machine, OnMissing, Protected, SuppressClass, Truth, fit};
use crate::crm::{Object, Setter};
use crate::identity::MatchKind;
use crate::inquiry::{Approval, Choice, Facts, Inquiry, ReviewKind};
use crate::money::Money;
use crate::plan::{Actor, Verdict, VerdictKind};

/// Verdicts for every clause of the contract that this inquiry concerns, and the claims that no clause gives a home (F-083).
pub fn decide(inquiry: &Inquiry, facts: &Facts<'_>) -> (Vec<Verdict>, Vec<String>) {
    let contract = facts.contract;
    let verdicts = contract.fields.iter().filter_map(|(name, rule)| verdict(inquiry, facts, name, rule)).collect();
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
    let mut case = Case { name, rule, was, is: None, confidence, evidence: held.map(|h| h.evidence.clone()) };
    let autonomy = facts.contract.autonomy_for(slug, Some(name));
    let Some(value) = value else { return missing(&case, inquiry, autonomy) };
    let value = cast(value, rule);
    match fit(&value, &rule.kind, location.map(|l| l.currency.as_str())) {
        Ok(text) => case.is = Some(text),
        Err(mismatch) => {
            let reason = format!("type mismatch: {}", mismatch.why);
            return Some(case.rule(VerdictKind::Keep, "type_mismatch", reason, "type"));
        }
    }
    let own_record = matches!(rule.object, Object::Call | Object::Task);
    let verdict = judge(&case, inquiry, facts, autonomy, own_record);
    Some(approved(verdict, inquiry, facts))
}

/// Nothing was said: a default, a flag, or nothing; never a block and never a half-filled record (F-085).
fn missing(case: &Case<'_>, inquiry: &Inquiry, autonomy: Autonomy) -> Option<Verdict> {
    match &case.rule.on_missing {
        OnMissing::Leave => None,
        OnMissing::Flag => {
            Some(case.rule(VerdictKind::Keep, "missing", "nothing was said; the record is flagged", "on_missing"))
        }
        OnMissing::Default(text) => {
            let made = inquiry.matched.as_ref().is_some_and(|m| m.kind == MatchKind::New);
            let own_record = matches!(case.rule.object, Object::Call | Object::Task);
            if !(own_record || made && autonomy == Autonomy::Auto) || case.was.as_ref().is_some_and(|w| !w.is_empty()) {
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

fn judge(case: &Case<'_>, inquiry: &Inquiry, facts: &Facts<'_>, autonomy: Autonomy, own_record: bool) -> Verdict {
    use VerdictKind::{Keep, Review, Suppress, Write};
    let rule = case.rule;
    let sure = case.confidence.unwrap_or(0);
    let was = case.was.as_deref().unwrap_or("");
    if autonomy == Autonomy::Observe {
        return case.rule(Suppress, "autonomy", "this location only observes", "autonomy");
    }
    if rule.machine == Machine::Never {
        return case.rule(Keep, "machine_never", "the machine never touches this field", "machine");
    }
    if case.is.as_deref() == Some(was) {
        return case.rule(Keep, "already_so", "the CRM already holds this value", "winner");
    }
    if sure < rule.review_at {
        let reason = format!("{}: below {} it is not even suggested", percent(sure), percent(rule.review_at));
        return case.rule(Keep, "below_review_threshold", reason, "review_at");
    }
    if own_record {
        if sure >= rule.write_at {
            return case.rule(Write, "own_record", &rule.winner, "winner");
        }
        return case.rule(Keep, "below_write_threshold", format!("{}: not sure enough", percent(sure)), "write_at");
    }
    if rule.protected == Some(Protected::AccountOwner) && was.is_empty() {
        let reason =
            "the record has no owner; the callback task has one, and giving the record away is a person's step";
        return case.rule(Keep, "unowned", reason, "protected");
    }
    if rule.protected.is_some() {
        return case.rule(Review, "protected", "one of the eight kinds that are never changed silently", "protected");
    }
    if rule.accountability {
        return case.rule(Review, "accountability", "changes reporting or trust: a person decides", "accountability");
    }
    if rule.machine == Machine::Suggest {
        return case.rule(Review, "suggest_only", &rule.winner, "machine");
    }
    if !was.is_empty() {
        if set_by_person(inquiry, rule) {
            return case.rule(Review, "person_set_it", format!("a person set it; {}", rule.winner), "winner");
        }
        if rule.machine == Machine::FillEmpty {
            return case.rule(
                Review,
                "not_empty",
                "it is filled already; the machine only fills what is empty",
                "machine",
            );
        }
        if matches!(rule.truth, Truth::Crm | Truth::Human) {
            return case.rule(Review, "winner", &rule.winner, "winner");
        }
    }
    if sure < rule.write_at {
        let reason = format!("{}: below {} a person is asked", percent(sure), percent(rule.write_at));
        return case.rule(Review, "below_write_threshold", reason, "write_at");
    }
    if let Some(class) = suppressed(inquiry, facts)
        && rule.property == owner_property(facts)
    {
        return case.rule(Suppress, "suppressed", format!("held back: {class}"), "suppress");
    }
    if autonomy < Autonomy::Auto {
        let reason = "this contract makes identity, call log and task by itself; other fields are suggested";
        return case.rule(Review, "autonomy", reason, "autonomy");
    }
    case.rule(Write, "write", &rule.winner, "winner")
}

fn owner_property<'a>(facts: &Facts<'a>) -> &'a str {
    facts.crm.map_or("hubspot_owner_id", |(_, words)| words.contact_owner)
}

/// The class that holds back what reaches the caller, enrolment, re-routing and ownership change; never record, task or clock.
pub fn suppressed(inquiry: &Inquiry, facts: &Facts<'_>) -> Option<&'static str> {
    let on = |class| facts.contract.suppress.classes.contains(&class);
    if on(SuppressClass::OptedOut) && inquiry.flags().contains("opt_out") {
        return Some("the caller opted out");
    }
    if on(SuppressClass::OpenOpportunity) && inquiry.snapshot.as_ref().is_some_and(|s| s.deals.iter().any(|d| d.open)) {
        return Some("an open opportunity");
    }
    let customer = inquiry.matched.as_ref().is_some_and(|m| m.kind == MatchKind::Customer);
    if on(SuppressClass::CustomerWithOpenIssue) && customer && inquiry.flags().contains("complaint") {
        return Some("a customer with an open issue");
    }
    None
}

/// Somebody typed the value that stands there, or the CRM does not say who did: people win.
fn set_by_person(inquiry: &Inquiry, rule: &FieldRule) -> bool {
    let Some(contact) = &inquiry.contact else { return false };
    if rule.object != Object::Contact {
        return false;
    }
    match contact.record_held.set_by.get(&rule.property) {
        Some(set) => matches!(set.who, Setter::Person | Setter::Unknown),
        None => !contact.made,
    }
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
    let answer = |a: &&Approval| a.kind == ReviewKind::Field && a.digest == digest;
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
            verdict.reason = "a person put another value".into();
        }
        Choice::Reject { reason } => {
            verdict.kind = VerdictKind::Keep;
            verdict.reason = format!("a person said no: {reason}");
        }
        Choice::Pick { .. } => return verdict,
    }
    verdict.because = "decided_by_person".into();
    verdict
}

/// Binds an approval to exactly this change: account, record, field, what was, what shall be, the clause's sentence. A value that moved
/// or a clause that changed is another change.
pub fn change_digest(verdict: &Verdict, inquiry: &Inquiry, facts: &Facts<'_>) -> String {
    let record = inquiry.contact.as_ref().map_or("-", |c| c.record.as_str());
    let winner = facts.contract.fields.get(&verdict.field).map_or("", |r| r.winner.as_str());
    let parts = [
        inquiry.account.as_str(),
        inquiry.id.as_str(),
        record,
        &verdict.to,
        verdict.was.as_deref().map_or("", str::trim),
        verdict.is.as_deref().map_or("", str::trim),
        &verdict.clause,
        winner,
    ];
    facts.salt.commit("change", &parts.join("\u{1f}"))
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
