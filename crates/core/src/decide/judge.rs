//! The questions a value has to pass, in the order of the laws.

use super::known::holds_now;
use super::memory::{Holder, holder};
use super::ruling::{Clause, Reason};
use super::suppress::ownership_held;
use super::{Case, Levels, Ruled, contact_is_ours, own_record, protected};
use crate::contract::{Autonomy, Machine, Protected, Truth};
use crate::inquiry::{Facts, Inquiry};
use crate::plan::VerdictKind;

/// What is told of where a contact came from; nobody has to decide it, and it goes into no contact that was there before.
pub(crate) const WHENCE: [&str; 4] = ["source", "campaign", "location", "vertical"];

pub(super) fn judge<'c>(case: &Case<'_, 'c>, inquiry: &Inquiry, facts: &Facts<'_>, levels: Levels) -> Ruled<'c> {
    use VerdictKind::{Keep, Suppress, Write};
    let rule = case.rule;
    let sure = case.confidence.unwrap_or(0);
    if levels.field == Autonomy::Observe {
        return case.rule(Suppress, "autonomy", "this location only observes", "autonomy");
    }
    if rule.machine == Machine::Never {
        return case.rule(Keep, "machine_never", "the machine never touches this field", "machine");
    }
    if case.is.is_some() && case.is.as_deref() == case.was.as_deref() {
        return case.rule(Keep, "already_so", "the CRM already holds this value", "winner");
    }
    if sure < rule.review_at {
        let reason = Reason::NotSuggested(sure, rule.review_at);
        return case.rule(Keep, "below_review_threshold", reason, "review_at");
    }
    if own_record(rule) && levels.place < Autonomy::AutoLowRisk {
        return case.rule(Suppress, "autonomy", "no call log and no task is made at this level", "autonomy");
    }
    if let Some(asked) = a_persons(case, inquiry, facts) {
        return asked;
    }
    if own_record(rule) {
        return ours(case, levels, sure);
    }
    if WHENCE.contains(&rule.from.as_str()) && !case.said {
        return whence(case, inquiry, facts, levels);
    }
    if let Some(stands) = standing(case, inquiry, facts, sure) {
        return stands;
    }
    if sure < rule.write_at {
        let reason = Reason::Asked(sure, rule.write_at);
        return case.rule(VerdictKind::Review, "below_write_threshold", reason, "write_at");
    }
    if !contact_is_ours(inquiry)
        && let Some(why) = case.ground.found_writes_held()
    {
        let reason = Reason::Held(why, "a person is asked before this record changes");
        return Ruled {
            clause: Clause::Whole("suppress.classes"),
            ..case.rule(VerdictKind::Review, "suppressed", reason, "winner")
        };
    }
    if levels.field < Autonomy::Auto {
        let reason = match levels.field {
            Autonomy::Suggest => "every write waits for a person at this level",
            _ => "this contract makes identity, call log and task by itself; other fields are suggested",
        };
        return case.rule(VerdictKind::Review, "autonomy", reason, "autonomy");
    }
    case.rule(Write, "write", &rule.winner, "winner")
}

/// What only a person may decide, whatever the level and whosever the record is.
fn a_persons<'c>(case: &Case<'_, 'c>, inquiry: &Inquiry, facts: &Facts<'_>) -> Option<Ruled<'c>> {
    use VerdictKind::{Keep, Review, Suppress};
    let rule = case.rule;
    let kind = protected(facts, rule);
    if kind == Some(Protected::AccountOwner) {
        if case.was.as_deref().unwrap_or("").is_empty() {
            let reason =
                "the record has no owner; the callback task has one, and giving the record away is a person's step";
            return Some(case.rule(Keep, "unowned", reason, "protected"));
        }
        if let Some(why) = ownership_held(inquiry, facts) {
            let held = case.rule(Suppress, "suppressed", Reason::Held(why, "no owner changes"), "protected");
            return Some(Ruled { clause: Clause::Whole("suppress.classes"), ..held });
        }
    }
    if kind.is_some() {
        let reason = "one of the eight kinds that are never changed silently";
        return Some(case.rule(Review, "protected", reason, "protected"));
    }
    if rule.accountability {
        let reason = "changes reporting or trust: a person decides";
        return Some(case.rule(Review, "accountability", reason, "accountability"));
    }
    if let Some(when) = rule.review_when.as_ref().filter(|w| holds_now(w, inquiry, facts)) {
        return Some(case.rule(Review, "review_when", Reason::Whenever(when), "review_when"));
    }
    (rule.machine == Machine::Suggest).then(|| case.rule(Review, "suggest_only", &rule.winner, "machine"))
}

/// A field of a record that we make for the call.
fn ours<'c>(case: &Case<'_, 'c>, levels: Levels, sure: u16) -> Ruled<'c> {
    if levels.field == Autonomy::Suggest {
        return case.rule(VerdictKind::Review, "autonomy", "this field waits for a person", "autonomy");
    }
    if sure >= case.rule.write_at {
        return case.rule(VerdictKind::Write, "own_record", &case.rule.winner, "winner");
    }
    case.rule(VerdictKind::Keep, "below_write_threshold", Reason::NotSure(sure), "write_at")
}

fn whence<'c>(case: &Case<'_, 'c>, inquiry: &Inquiry, facts: &Facts<'_>, levels: Levels) -> Ruled<'c> {
    use VerdictKind::{Keep, Write};
    let rule = case.rule;
    if !contact_is_ours(inquiry) {
        return case.rule(Keep, "found_record", "the record was there before this call", "winner");
    }
    if levels.place < Autonomy::AutoLowRisk || levels.field < Autonomy::AutoLowRisk {
        return case.rule(Keep, "autonomy", "it comes with a record that Ringback makes by itself", "autonomy");
    }
    match holder(case, inquiry, facts) {
        Holder::Nobody => case.rule(Write, "write", &rule.winner, "winner"),
        Holder::Person | Holder::Other => case.rule(Keep, "person_set_it", "a person set it", "winner"),
        Holder::Ours(_) if rule.machine == Machine::FillEmpty => case.rule(Keep, "not_empty", &rule.winner, "machine"),
        Holder::Ours(_) => case.rule(Write, "write", &rule.winner, "winner"),
    }
}

/// Something stands there already: who set it decides.
fn standing<'c>(case: &Case<'_, 'c>, inquiry: &Inquiry, facts: &Facts<'_>, sure: u16) -> Option<Ruled<'c>> {
    use VerdictKind::{Keep, Review};
    let rule = case.rule;
    match holder(case, inquiry, facts) {
        Holder::Nobody => return None,
        Holder::Person => {
            return Some(case.rule(Review, "person_set_it", Reason::PersonSet(&rule.winner), "winner"));
        }
        // Less sure never takes the place of surer (F-117).
        Holder::Ours(Some(before)) if sure < before => {
            let reason = Reason::LessSure(sure, before);
            return Some(case.rule(Keep, "less_sure", reason, "winner"));
        }
        Holder::Ours(_) | Holder::Other => {}
    }
    if rule.machine == Machine::FillEmpty {
        let reason = "it is filled already; the machine only fills what is empty";
        return Some(case.rule(Review, "not_empty", reason, "machine"));
    }
    matches!(rule.truth, Truth::Crm | Truth::Human).then(|| case.rule(Review, "winner", &rule.winner, "winner"))
}
