//! What was rolled back is not done again by itself: it is put before a person until one lifts it (F-319).

use super::Ruling;
use crate::inquiry::{Facts, Inquiry};
use crate::plan::{Verdict, VerdictKind};
use crate::rollback::Hold;
use jiff::Timestamp;

/// Turns what would be written, or asked on other grounds, into a question that names the rollback.
pub(super) fn back(ruling: &mut Ruling<'_>, inquiry: &Inquiry, facts: &Facts<'_>) {
    if facts.holds.is_empty() || !matches!(ruling.kind, VerdictKind::Write | VerdictKind::Review) {
        return;
    }
    let verdict = ruling.clone().verdict(inquiry);
    let Some(hold) = of(&verdict, inquiry, facts) else { return };
    let reason = format!(
        "this was taken back by rollback {} and waits for a person until that is lifted; {}",
        hold.rollback, verdict.reason
    );
    (ruling.kind, ruling.because, ruling.reason) = (VerdictKind::Review, "rolled_back", reason.into());
}

/// Since when a person's answer counts, where the verdict is held back.
pub(super) fn since(verdict: &Verdict, inquiry: &Inquiry, facts: &Facts<'_>) -> Option<Timestamp> {
    of(verdict, inquiry, facts).map(|hold| hold.since)
}

/// The latest hold on it.
fn of<'a>(verdict: &Verdict, inquiry: &Inquiry, facts: &Facts<'a>) -> Option<&'a Hold> {
    let of = |hold: &&Hold| hold.holds(verdict, inquiry, &facts.contract_ref.name);
    facts.holds.iter().filter(of).max_by_key(|hold| (hold.since, &hold.rollback))
}
