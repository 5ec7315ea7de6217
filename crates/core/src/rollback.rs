//! Taking written values back: which writes a rollback is about, what becomes of each, and what is held back afterwards.
//!
//! A rollback puts back what stood there before the writes it is about, and only where what we wrote still stands: whatever somebody has put
//! there since is spared and named. It never deletes a record. What it took back is not done again by itself: a [`Hold`] puts the same action
//! before a person until one lifts it.
//!
//! [`propose`] is the whole judgement and pure; that it is so is [`crate::ensure`]'s work, as with every other write.

use crate::contract::RollbackRule;
use crate::crm::{Object, Setter};
use crate::effect::LaneId;
use crate::ensure::same;
use crate::id::{InquiryId, RollbackId, StaffId, UserId};
use crate::inquiry::Inquiry;
use crate::plan::Verdict;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The clause of what a rollback wrote begins so.
pub const CLAUSE: &str = "rollback.";

/// Which writes: all that is said must be true of a write.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inquiry: Option<InquiryId>,
    /// The contract's name of a field (`lead_source`), or object and property (`contact.rb_source`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Where the call came from (`google-ads`), or where the value was taken from (`the caller's words`, a provider's name).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The name of a contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Confirmed at or after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Confirmed before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Scope {
    /// Says nothing: it would be about everything that was ever written.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Is that write one of those?
    pub fn takes(&self, write: &Written) -> bool {
        let is = |asked: &Option<String>, held: &[&str]| {
            asked.as_deref().is_none_or(|asked| held.iter().any(|h| h.eq_ignore_ascii_case(asked.trim())))
        };
        let to = format!("{}.{}", write.object.as_str(), write.property);
        !write.undone_by_us()
            && self.inquiry.as_ref().is_none_or(|i| *i == write.inquiry)
            && is(&self.field, &[&write.field, &to])
            && is(&self.source, &[&write.source, &write.origin])
            && is(&self.contract, &[&write.contract])
            && self.version.is_none_or(|v| v == write.version)
            && self.since.is_none_or(|at| at <= write.at)
            && self.until.is_none_or(|at| write.at < at)
    }

    /// As a person says it.
    pub fn words(&self) -> String {
        self.told(&str::to_owned, &|at| at.to_string())
    }

    /// As a person says it, with fields and moments as the reader calls them.
    pub fn told(&self, named: &dyn Fn(&str) -> String, when: &dyn Fn(Timestamp) -> String) -> String {
        let mut parts = Vec::new();
        if let Some(inquiry) = &self.inquiry {
            parts.push(format!("of inquiry {inquiry}"));
        }
        if let Some(field) = &self.field {
            parts.push(format!("to the field {}", named(field)));
        }
        if let Some(source) = &self.source {
            parts.push(format!("from the source {source}"));
        }
        match (&self.contract, self.version) {
            (Some(name), Some(version)) => parts.push(format!("under {name} version {version}")),
            (Some(name), None) => parts.push(format!("under {name}")),
            (None, Some(version)) => parts.push(format!("under version {version}")),
            (None, None) => {}
        }
        if let Some(since) = self.since {
            parts.push(format!("since {}", when(since)));
        }
        if let Some(until) = self.until {
            parts.push(format!("before {}", when(until)));
        }
        format!("everything written {}", parts.join(", "))
    }
}

/// A confirmed write of one property, with its values as far as they are still kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub inquiry: InquiryId,
    pub at: Timestamp,
    pub object: Object,
    pub record: String,
    pub property: String,
    /// The contract's name of the field; empty where no clause stands behind it.
    pub field: String,
    /// The clause that allowed it: `field.urgency.winner`, `rollback.rb_…`.
    pub clause: String,
    /// The contract's name.
    pub contract: String,
    pub version: u32,
    /// Where the value was taken from, as the audit log says it.
    pub source: String,
    /// Where the call came from; empty where nobody knows.
    pub origin: String,
    /// What stood there before, empty for nothing; `None`: the value is not kept any more.
    pub was: Option<String>,
    /// What was written; `None`: the value is not kept any more.
    pub is: Option<String>,
    /// The first that was written to a record that we made.
    pub made: bool,
    /// How sure the machine was, in thousandths, where no person approved or put the value; 0 where it was not said.
    pub machine: Option<u16>,
}

impl Written {
    /// A rollback wrote it.
    pub fn undone_by_us(&self) -> bool {
        self.clause.starts_with(CLAUSE)
    }

    /// The next write found what this one wrote.
    fn precedes(&self, next: &Self) -> bool {
        match (&self.is, &next.was) {
            (Some(is), Some(was)) => same(is, was),
            _ => false,
        }
    }
}

/// What the CRM shows now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    Value {
        text: String,
        /// Who set it, where the vendor tells.
        set_by: Option<Setter>,
    },
    /// The record became another one.
    Merged,
    /// The record is not there any more.
    Gone,
    /// The CRM did not say.
    Unread,
}

/// Why a value stays as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spared {
    /// Somebody has changed or confirmed it since.
    LaterHuman,
    /// A later write that the rollback is not about, or another program's, stands there.
    LaterWrite,
    Merged,
    Gone,
    Unread,
    /// The record was made with it, and it says whose record or what work it is: taking it away would leave a record of nothing.
    CreatedRecord,
    /// What stood there before is not kept any more, by policy or on request.
    Expired,
    /// It stands as it was before.
    Already,
    /// Its clause says that it is never taken back.
    Never,
}

impl Spared {
    /// A stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::LaterHuman => "later_human",
            Self::LaterWrite => "later_write",
            Self::Merged => "merged",
            Self::Gone => "gone",
            Self::Unread => "unread",
            Self::CreatedRecord => "created_record",
            Self::Expired => "expired",
            Self::Already => "already",
            Self::Never => "never",
        }
    }

    /// The sentence a person reads.
    pub fn words(self) -> &'static str {
        match self {
            Self::LaterHuman => "a person has set it since",
            Self::LaterWrite => "a later write that this rollback is not about stands there",
            Self::Merged => "the record was merged into another one: look there",
            Self::Gone => "the record is not there any more",
            Self::Unread => "the CRM did not show what stands there now: preview again when it answers",
            Self::CreatedRecord => "the record was made with it, and it says whose record or what work it is",
            Self::Expired => "what stood there before is not kept any more",
            Self::Already => "it stands as it was before",
            Self::Never => "its clause says that it is never taken back",
        }
    }
}

/// What a rollback would do to one property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proposal {
    /// Put `to` back (empty: nothing) where `from` stands.
    Restore {
        from: String,
        to: String,
        /// `to` is what the machine itself had written before, so sure; else somebody's.
        machine: Option<u16>,
    },
    Spare(Spared),
}

/// What becomes of a value where `from` was written and `to` shall stand again: `None`: it stands so already; `Ok`: ours still stands there. What a
/// person, another program or nobody known has put there since stays.
pub(crate) fn stands(text: &str, set_by: Option<Setter>, from: &str, to: &str) -> Option<Result<(), Spared>> {
    if same(text, to) {
        return None;
    }
    Some(match set_by {
        Some(Setter::Person) => Err(Spared::LaterHuman),
        _ if same(text, from) => Ok(()),
        Some(Setter::Integration | Setter::Automation) => Err(Spared::LaterWrite),
        Some(Setter::Unknown) | None => Err(Spared::LaterHuman),
    })
}

/// What is special about a property.
#[derive(Debug, Clone, Copy, Default)]
pub struct About {
    /// It says whose record or what work it is.
    pub identity: bool,
    /// What its clause puts in the place of a write that is taken back.
    pub rule: RollbackRule,
}

/// What becomes of one property of one record. `history`: every confirmed write to it, oldest first. `None`: the scope is not about it.
pub fn propose(scope: &Scope, history: &[Written], now: &Standing, about: About) -> Option<Proposal> {
    use Proposal::{Restore, Spare};
    if !history.iter().any(|write| scope.takes(write)) {
        return None;
    }
    let (last, before) = history.split_last()?;
    if last.undone_by_us() {
        return Some(Spare(Spared::Already));
    }
    if !scope.takes(last) {
        return Some(Spare(Spared::LaterWrite));
    }
    if about.rule == RollbackRule::Never {
        return Some(Spare(Spared::Never));
    }
    // What stood there before the first of the writes in a row; where one did not find what the one before it wrote, somebody else had
    // put something there in between, and that is what goes back.
    let mut first = last;
    let mut earlier = before;
    while let Some((write, rest)) = earlier.split_last() {
        if !scope.takes(write) || !write.precedes(first) {
            break;
        }
        (first, earlier) = (write, rest);
    }
    let machine = earlier.last().filter(|write| write.precedes(first)).and_then(|write| write.machine);
    let (before, machine) = match about.rule {
        RollbackRule::Clear => (Some(String::new()), None),
        RollbackRule::Previous | RollbackRule::Never => (first.was.clone(), machine),
    };
    let (Some(from), Some(to)) = (last.is.clone(), before) else { return Some(Spare(Spared::Expired)) };
    let (text, set_by) = match now {
        Standing::Value { text, set_by } => (text, *set_by),
        Standing::Merged => return Some(Spare(Spared::Merged)),
        Standing::Gone => return Some(Spare(Spared::Gone)),
        Standing::Unread => return Some(Spare(Spared::Unread)),
    };
    Some(match stands(text, set_by, &from, &to) {
        None => Spare(Spared::Already),
        Some(Err(why)) => Spare(why),
        Some(Ok(())) if about.identity && to.trim().is_empty() && history.first().is_some_and(|write| write.made) => {
            Spare(Spared::CreatedRecord)
        }
        Some(Ok(())) => Restore { from, to, machine },
    })
}

/// What is taken back on one record, as its inquiry keeps it until it is so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    pub rollback: RollbackId,
    /// The lane it was written through.
    pub lane: LaneId,
    pub object: Object,
    /// The vendor's id of the record.
    pub record: String,
    /// By property.
    pub fields: BTreeMap<String, Back>,
    pub by: UserId,
}

/// One value that goes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Back {
    /// The contract's name of the field.
    pub field: String,
    /// What we wrote.
    pub from: String,
    /// What stood there before; empty: nothing.
    pub to: String,
    /// The machine itself had written that before, so sure (thousandths); else it is somebody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<u16>,
}

/// What an owner is told of a rollback; names records and fields, and no value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telling {
    pub rollback: RollbackId,
    pub staff: StaffId,
    pub subject: String,
    pub lines: Vec<String>,
}

/// What a rollback puts before a person from now on: the same field, by the same contract, where the rollback was about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub rollback: RollbackId,
    /// The contract's name of the field.
    pub field: String,
    /// `contact.rb_source`.
    pub to: String,
    /// Only of this contract's name, whatever its version: a newer one alone lifts nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
    /// Only for calls or values from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Only of this inquiry and of what is written to the same record later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inquiry: Option<InquiryId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// A moment after the rollback began, so that no node decides without knowing it.
    pub since: Timestamp,
    /// When a person's lifting takes effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Hold {
    /// Does it hold at that moment?
    pub fn in_force(&self, at: Timestamp) -> bool {
        self.since <= at && self.until.is_none_or(|until| at < until)
    }

    /// Is that verdict the action that was taken back?
    pub fn holds(&self, verdict: &Verdict, inquiry: &Inquiry, contract: &str) -> bool {
        let origin = || inquiry.first_missed().and_then(|c| c.attribution.source.clone()).unwrap_or_default();
        let from = |source: &String| {
            origin().eq_ignore_ascii_case(source) || verdict.source.words().eq_ignore_ascii_case(source)
        };
        let here = self.inquiry.is_none()
            || self.inquiry.as_ref() == Some(&inquiry.id)
            || (self.record.is_some() && inquiry.contact.as_ref().map(|c| &c.record) == self.record.as_ref());
        self.to == verdict.to
            && self.contract.as_ref().is_none_or(|name| name == contract)
            && self.source.as_ref().is_none_or(from)
            && here
    }
}

#[cfg(test)]
mod tests;
