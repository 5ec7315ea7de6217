//! What a workflow wishes for, judged by the same questions as what a caller said.

use super::ruling::{Clause, Reason};
use super::{Case, Ground, Levels, Ruling, current, judge};
use crate::contract::{FieldRule, typed};
use crate::plan::VerdictKind;
use crate::workflow::Wish;

/// What is decided of a wish. The workflow's level narrows the contract's, and what its control rule keeps for people is asked before it would
/// be written.
pub(super) fn ruling<'c>(ground: &Ground<'_>, n: usize, name: &'c str, rule: &'c FieldRule, wish: &Wish) -> Ruling<'c> {
    let (inquiry, facts) = (ground.inquiry, ground.facts);
    let was = current(inquiry, rule);
    let (confidence, source) = (Some(wish.confidence), wish.source.clone());
    let mut case = Case { ground, n, name, rule, was, is: None, confidence, said: false, source };
    match typed(&wish.value, &rule.kind, ground.location.map_or("US", |l| l.region.as_str())) {
        Ok(text) => case.is = Some(text.into()),
        Err(mismatch) => {
            let ruled = case.rule(VerdictKind::Keep, "type_mismatch", Reason::Mismatch(mismatch.why), "type");
            return case.ruled(ruled);
        }
    }
    let levels = Levels::of(ground, rule);
    let levels = Levels { field: levels.field.min(wish.level), ..levels };
    let ruled = judge::judge(&case, inquiry, facts, levels);
    let mut ruling = case.ruled(ruled);
    control(&mut ruling, wish);
    ground.after(&mut ruling);
    ruling
}

fn control(ruling: &mut Ruling<'_>, wish: &Wish) {
    let Some((because, why)) = &wish.asks else { return };
    match ruling.kind {
        VerdictKind::Write => {
            ruling.kind = VerdictKind::Review;
            ruling.because = because;
            ruling.reason = why.clone().into();
            ruling.clause = Clause::OfField("from");
        }
        // Asked on other grounds too: whoever decides knows both.
        VerdictKind::Review => ruling.reason = format!("{}; {why}", ruling.reason.words()).into(),
        VerdictKind::Keep | VerdictKind::Suppress => {}
    }
}
