//! What a workflow wishes for, judged by the same questions as what a caller said.

use super::{Case, Levels, approved, current, held, judge, paused};
use crate::contract::{FieldRule, typed};
use crate::inquiry::{Facts, Inquiry};
use crate::plan::{Verdict, VerdictKind};
use crate::workflow::Wish;

/// The verdict on a wish. The workflow's level narrows the contract's, and what its control rule keeps for people is asked before it would
/// be written.
pub(super) fn verdict(inquiry: &Inquiry, facts: &Facts<'_>, name: &str, rule: &FieldRule, wish: &Wish) -> Verdict {
    let location = inquiry.location.as_ref().and_then(|l| facts.roster.location(l));
    let was = current(inquiry, rule);
    let (confidence, source) = (Some(wish.confidence), wish.source.clone());
    let mut case = Case { name, rule, was, is: None, confidence, evidence: None, source };
    match typed(&wish.value, &rule.kind, location.map_or("US", |l| l.region.as_str())) {
        Ok(text) => case.is = Some(text),
        Err(mismatch) => {
            let reason = format!("type mismatch: {}", mismatch.why);
            return case.rule(VerdictKind::Keep, "type_mismatch", reason, "type");
        }
    }
    let levels = Levels::of(inquiry, facts, location.map_or("", |l| l.slug.as_str()), name);
    let levels = Levels { field: levels.field.min(wish.level), ..levels };
    let judged = control(judge::judge(&case, inquiry, facts, levels), wish);
    paused(approved(held::back(judged, inquiry, facts), inquiry, facts), facts, rule)
}

fn control(verdict: Verdict, wish: &Wish) -> Verdict {
    match &wish.asks {
        Some((because, why)) if verdict.kind == VerdictKind::Write => Verdict {
            kind: VerdictKind::Review,
            because: (*because).to_owned(),
            reason: why.clone(),
            clause: format!("field.{}.from", verdict.field),
            ..verdict
        },
        // Asked on other grounds too: whoever decides knows both.
        Some((_, why)) if verdict.kind == VerdictKind::Review => {
            Verdict { reason: format!("{}; {why}", verdict.reason), ..verdict }
        }
        _ => verdict,
    }
}
