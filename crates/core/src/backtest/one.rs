//! What a contract would have decided about one place in the CRM, by the end of a case.

use super::{Case, Decision, Side, rehearse};
use crate::plan::VerdictKind;
use serde::Serialize;

/// What would have been decided about one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Would {
    /// The contract's name of the field that goes there; none: no clause does.
    pub field: Option<String>,
    /// Where the field of that name goes in this contract, if that is another place.
    pub elsewhere: Option<String>,
    /// What was decided last, or what was written or asked before that and still counts; none where nothing was.
    pub decision: Option<Decision>,
    /// It would be written, and by then it was not known whose record it is.
    pub waits: bool,
    /// Why it is not known.
    pub unread: Option<Unread>,
}

/// What the CRM was not asked for then, and this contract would have read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unread {
    /// What says who it is, or who is held back.
    Person,
    /// What stands in the field.
    Field,
}

/// Rehearses a case and tells what became of one place (`contact.rb_urgency`). `field`: its name in another contract, by which it is found
/// where no clause goes there.
pub fn would(case: &Case, side: &Side<'_>, to: &str, field: Option<&str>) -> Would {
    let fields = &side.contract().fields;
    let there = fields.iter().position(|(_, rule)| rule.target() == to);
    let named = || fields.iter().position(|(name, _)| Some(name.as_str()) == field);
    let Some((n, (name, rule))) = there.or_else(named).and_then(|n| Some((n, fields.iter().nth(n)?))) else {
        return Would { field: None, elsewhere: None, decision: None, waits: false, unread: None };
    };
    let rehearsed = rehearse(case, side);
    let outcomes = rehearsed.outcomes(fields.len());
    let outcome = outcomes.get(n).copied().flatten();
    // What is kept whatever stands there needs no look at it.
    let acts = outcome.filter(|o| o.wrote.is_some() || o.asked.is_some());
    let unread = acts.filter(|_| rehearsed.unknown(side, rule)).map(|_| {
        let blind = rehearsed.sight.and_then(|n| side.blind.get(n));
        if blind.is_some_and(|b| b.properties.contains(&rule.property)) { Unread::Field } else { Unread::Person }
    });
    Would {
        field: Some(name.clone()),
        elsewhere: Some(rule.target()).filter(|target| target != to),
        waits: outcome.is_some_and(|o| o.wrote.is_none() && o.asked.is_none() && o.last.kind == VerdictKind::Write),
        decision: outcome.map(|outcome| Decision::of(Some(outcome))).filter(|_| unread.is_none()),
        unread,
    }
}
