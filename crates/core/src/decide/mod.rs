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
mod ruling;
mod suppress;

pub use digest::change_digest;
pub(crate) use judge::WHENCE;
pub(crate) use known::owner_facts;
pub use memory::stands_by;
pub(crate) use ruling::Ruling;
pub(crate) use suppress::suppressed_by;
pub use suppress::{Holds, Known, Suppressed, holds, ownership_held, suppressed, suppression};

use crate::claim::ClaimValue;
use crate::contract::{Autonomy, Contract, FieldRule, FieldType, FieldValue, Machine, OnMissing, Protected, fit};
use crate::crm::Object;
use crate::identity::MatchKind;
use crate::inquiry::{Approval, Choice, Facts, Inquiry, ReviewKind};
use crate::money::Money;
use crate::plan::{Actor, Source, Verdict, VerdictKind};
use crate::roster::Location;
use crate::standing::CLAUSE_PAUSED;
use crate::workflow::{self, Weighed};
use ruling::{Clause, Reason};
use std::borrow::Cow;
use std::cell::OnceCell;

/// Verdicts for every clause of the contract that this inquiry concerns, and the claims that no clause gives a home (F-083).
pub fn decide(inquiry: &Inquiry, facts: &Facts<'_>) -> (Vec<Verdict>, Vec<String>) {
    decide_weighed(inquiry, facts, &workflow::weigh(inquiry, facts))
}

/// The same, given what the workflows wish for.
pub(crate) fn decide_weighed(inquiry: &Inquiry, facts: &Facts<'_>, weighed: &Weighed) -> (Vec<Verdict>, Vec<String>) {
    let rulings = rulings(inquiry, facts, facts.contract, weighed);
    (rulings.into_iter().map(|ruling| ruling.verdict(inquiry)).collect(), unmapped(inquiry, facts.contract))
}

/// The same decisions before they are put into words. `contract` is that of the facts; the decisions outlive these.
pub(crate) fn rulings<'c>(
    inquiry: &Inquiry,
    facts: &Facts<'_>,
    contract: &'c Contract,
    weighed: &Weighed,
) -> Vec<Ruling<'c>> {
    let ground = Ground::of(inquiry, facts);
    let of_calls = inquiry.workflow().is_none();
    let mut found = Vec::with_capacity(contract.fields.len());
    for (n, (name, rule)) in contract.fields.iter().enumerate() {
        let ruling = match weighed.wishes.get(name) {
            Some(wish) => Some(offered::ruling(&ground, n, name, rule, wish)),
            None if of_calls && !workflow::fed_by_workflows(&rule.from) => ground.ruling(n, name, rule),
            None => None,
        };
        if let Some(ruling) = ruling {
            found.push(ruling);
        }
    }
    found
}

/// Claims that no clause gives a home.
pub(crate) fn unmapped(inquiry: &Inquiry, contract: &Contract) -> Vec<String> {
    let homeless = |field: &&String| {
        !contract.fields.values().any(|r| r.from == **field)
            && !INTERNAL.contains(&field.as_str())
            && !field.starts_with("flag.")
    };
    inquiry.claims.keys().filter(homeless).cloned().collect()
}

/// Claims that steer the work itself and need no CRM field to be of use.
const INTERNAL: &[&str] = &["callback_number"];

/// What the decisions of one moment have in common.
struct Ground<'g> {
    inquiry: &'g Inquiry,
    facts: &'g Facts<'g>,
    location: Option<&'g Location>,
    /// How much happens by itself at the place of the call.
    place: Autonomy,
    /// Why the machine may not write to the record that was there before, if that is so; asked for when it matters.
    found_writes_held: OnceCell<Option<&'static str>>,
}

struct Case<'g, 'c> {
    ground: &'g Ground<'g>,
    /// The clause's place among the fields of the contract.
    n: usize,
    name: &'c str,
    rule: &'c FieldRule,
    was: Option<String>,
    is: Option<Cow<'c, str>>,
    confidence: Option<u16>,
    /// The caller said it.
    said: bool,
    source: Source,
}

/// Which of the questions answered, and what.
struct Ruled<'c> {
    kind: VerdictKind,
    because: &'static str,
    reason: Reason<'c>,
    clause: Clause,
}

impl<'c> Case<'_, 'c> {
    #[expect(clippy::unused_self, reason = "an answer belongs to its case")]
    fn rule(
        &self,
        kind: VerdictKind,
        because: &'static str,
        reason: impl Into<Reason<'c>>,
        clause: &'static str,
    ) -> Ruled<'c> {
        Ruled { kind, because, reason: reason.into(), clause: Clause::OfField(clause) }
    }

    fn ruled(self, ruled: Ruled<'c>) -> Ruling<'c> {
        let Ruled { kind, because, reason, clause } = ruled;
        let Self { n, name, rule, was, is, confidence, said, source, .. } = self;
        let actor = Actor::Machine;
        Ruling { n, name, rule, kind, because, reason, clause, was, is, confidence, said, actor, source }
    }
}

impl<'g> Ground<'g> {
    fn of(inquiry: &'g Inquiry, facts: &'g Facts<'g>) -> Self {
        let location = inquiry.location.as_ref().and_then(|l| facts.roster.location(l));
        let place = facts.autonomy(location.map_or("", |l| l.slug.as_str()), None);
        Self { inquiry, facts, location, place, found_writes_held: OnceCell::new() }
    }

    fn found_writes_held(&self) -> Option<&'static str> {
        *self.found_writes_held.get_or_init(|| suppress::found_writes_held(self.inquiry, self.facts))
    }

    fn ruling<'c>(&self, n: usize, name: &'c str, rule: &'c FieldRule) -> Option<Ruling<'c>> {
        let (inquiry, facts) = (self.inquiry, self.facts);
        let held = inquiry.claims.get(&rule.from);
        let value = match held {
            Some(held) => Some(typed(&held.claim.value)),
            None => decision(self, rule),
        };
        if value.is_none() && rule.on_missing == OnMissing::Leave {
            return None;
        }
        let confidence = held.map(|h| h.claim.confidence.0).or(value.as_ref().map(|_| 1000));
        let was = current(inquiry, rule);
        let said = held.is_some();
        let source = if said { Source::Words } else { Source::Decision };
        let mut case = Case { ground: self, n, name, rule, was, is: None, confidence, said, source };
        let levels = Levels::of(self, rule);
        let Some(value) = value else {
            let mut default = missing(case, inquiry, facts, levels)?;
            self.after(&mut default);
            return Some(default);
        };
        let value = cast(value, rule);
        match fit(value, &rule.kind, self.location.map(|l| l.currency.as_str())) {
            Ok(text) => case.is = Some(text),
            Err(mismatch) => {
                let ruled = case.rule(VerdictKind::Keep, "type_mismatch", Reason::Mismatch(mismatch.why), "type");
                return Some(case.ruled(ruled));
            }
        }
        let ruled = judge::judge(&case, inquiry, facts, levels);
        let mut ruling = case.ruled(ruled);
        self.after(&mut ruling);
        Some(ruling)
    }

    /// What stands above the clauses.
    fn after(&self, ruling: &mut Ruling<'_>) {
        held::back(ruling, self.inquiry, self.facts);
        approved(ruling, self.inquiry, self.facts);
        paused(ruling, self.facts);
    }
}

/// What would be written is kept while its clause is paused. What a person is asked is asked all the same: the answer counts when the field
/// is back.
fn paused(ruling: &mut Ruling<'_>, facts: &Facts<'_>) {
    if let Some(pause) = facts.standing.paused(ruling.name, ruling.rule)
        && ruling.kind == VerdictKind::Write
    {
        ruling.kind = VerdictKind::Keep;
        ruling.because = CLAUSE_PAUSED;
        ruling.reason = Reason::from(format!("this clause is paused: {}", pause.cause));
        ruling.clause = Clause::OfField("to");
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
    fn of(ground: &Ground<'_>, rule: &FieldRule) -> Self {
        let place = ground.place;
        let slug = ground.location.map_or("", |l| l.slug.as_str());
        let facts = ground.facts;
        let most = || facts.contract.most(slug, Some(rule), &facts.standing.levels);
        let field = rule.autonomy.map_or(place, |_| most());
        // Who only observes writes nothing at all, and where every write waits for a person, so does a record that would have to be made.
        let waits = place == Autonomy::Observe || (place == Autonomy::Suggest && ground.inquiry.contact.is_none());
        Self { place, field: if waits { field.min(place) } else { field } }
    }
}

/// Is it a record that Ringback makes for the call itself?
pub(crate) fn own_record(rule: &FieldRule) -> bool {
    matches!(rule.object, Object::Call | Object::Task)
}

/// The level from which a field is written without a person: records that we make for the call and where a contact that we make came from are
/// made one step earlier than what changes somebody's record.
pub(crate) fn written_from(rule: &FieldRule) -> Autonomy {
    if own_record(rule) || judge::WHENCE.contains(&rule.from.as_str()) { Autonomy::AutoLowRisk } else { Autonomy::Auto }
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
fn missing<'c>(case: Case<'_, 'c>, inquiry: &Inquiry, facts: &Facts<'_>, levels: Levels) -> Option<Ruling<'c>> {
    let rule = case.rule;
    match &rule.on_missing {
        OnMissing::Leave => None,
        OnMissing::Flag => {
            let reason = "nothing was said; the record is flagged";
            let ruled = case.rule(VerdictKind::Keep, "missing", reason, "on_missing");
            Some(case.ruled(ruled))
        }
        OnMissing::Default(text) => {
            let new = inquiry.matched.as_ref().is_some_and(|m| m.kind == MatchKind::New);
            let asks = || {
                protected(facts, rule).is_some()
                    || rule.accountability
                    || rule.review_when.as_ref().is_some_and(|when| known::holds_now(when, inquiry, facts))
            };
            let acts = matches!(rule.machine, Machine::Update | Machine::FillEmpty) && !asks();
            let reach =
                if own_record(rule) { levels.field > Autonomy::Suggest } else { new && levels.field == Autonomy::Auto };
            let may = levels.place >= Autonomy::AutoLowRisk && reach;
            if !(acts && may) || case.was.as_ref().is_some_and(|w| !w.is_empty()) {
                return None;
            }
            let reason = "nothing was said; the contract's default";
            let ruled = case.rule(VerdictKind::Write, "default", reason, "on_missing");
            let mut ruling = case.ruled(ruled);
            ruling.is = Some(Cow::Borrowed(text));
            ruling.confidence = None;
            Some(ruling)
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
fn approved(ruling: &mut Ruling<'_>, inquiry: &Inquiry, facts: &Facts<'_>) {
    let answers = |a: &&Approval| a.kind == ReviewKind::Field;
    if ruling.kind != VerdictKind::Review || !inquiry.approvals.iter().any(|a| answers(&a)) {
        return;
    }
    let verdict = ruling.clone().verdict(inquiry);
    let digest = change_digest(&verdict, inquiry, facts);
    // What was approved before it was taken back is no answer any more.
    let since = held::since(&verdict, inquiry, facts);
    let answer = |a: &&Approval| answers(a) && a.digest == digest && since.is_none_or(|since| a.at >= since);
    let Some(approval) = inquiry.approvals.iter().rev().find(answer) else { return };
    match &approval.choice {
        Choice::Approve => {
            ruling.kind = VerdictKind::Write;
            ruling.actor = Actor::ApprovedMachine;
            ruling.reason = Reason::from(format!("approved by a person ({})", verdict.reason));
        }
        Choice::Edit { value } => {
            ruling.kind = VerdictKind::Write;
            ruling.actor = Actor::Person;
            ruling.is = Some(value.clone().into());
            ruling.source = Source::Person;
            ruling.reason = "a person put another value".into();
        }
        Choice::Reject { .. } => {
            ruling.kind = VerdictKind::Keep;
            let why = approval.choice.why_not().unwrap_or_default();
            ruling.reason = Reason::from(format!("a person said no: {why}"));
        }
        Choice::Pick { .. } => return,
    }
    ruling.because = "decided_by_person";
}

/// What Ringback itself decides and a clause may map.
pub const DECISIONS: &[&str] =
    &["owner", "next_action", "due_at", "category", "location", "vertical", "source", "campaign"];

/// What Ringback itself decided, for clauses that map it (F-089).
fn decision<'g>(ground: &Ground<'g>, rule: &FieldRule) -> Option<FieldValue<'g>> {
    let (inquiry, facts) = (ground.inquiry, ground.facts);
    let text = match rule.from.as_str() {
        // The CRM's own owner property takes the CRM's id of that person; any other field takes the name.
        "owner" if rule.property == owner_property(facts) => {
            let staff = facts.roster.person(&inquiry.owner.as_ref()?.staff)?;
            staff.crm_owner.as_deref()
        }
        "owner" => inquiry.owner.as_ref().map(|o| o.name.as_str()),
        "next_action" => Some(if inquiry.open() { "call_back" } else { "none" }),
        "due_at" => return inquiry.clock.as_ref().map(|c| FieldValue::DateTime(c.due_at)),
        "category" => inquiry.last_call().map(|c| c.category.as_str()),
        "location" => ground.location.map(|l| l.name.as_str()),
        "vertical" => ground.location.and_then(|l| l.vertical.as_deref()),
        "source" => inquiry.first_missed().and_then(|c| c.attribution.source.as_deref()),
        "campaign" => inquiry.first_missed().and_then(|c| c.attribution.campaign.as_deref()),
        _ => None,
    };
    text.map(|text| FieldValue::Text(text.into()))
}

/// Decided words take the shape of the field they go to; what the caller said is never cast.
fn cast<'v>(value: FieldValue<'v>, rule: &FieldRule) -> FieldValue<'v> {
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
fn typed(value: &ClaimValue) -> FieldValue<'_> {
    match value {
        ClaimValue::Choice(word) => FieldValue::Choice(word.into()),
        ClaimValue::Phone { e164: Some(e164), .. } => FieldValue::Phone(e164.into()),
        ClaimValue::Email(address) => FieldValue::Email(address.into()),
        ClaimValue::Money { minor, currency, upper_minor: None, .. } => {
            FieldValue::Money(Money { minor: *minor, currency: currency.clone() })
        }
        ClaimValue::Date(date) => FieldValue::Date(*date),
        ClaimValue::Flag(yes) => FieldValue::Bool(*yes),
        other => FieldValue::Text(other.words()),
    }
}

#[cfg(test)]
mod edges;
#[cfg(test)]
pub(crate) mod laws;
#[cfg(test)]
mod tests;
