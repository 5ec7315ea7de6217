//! Who is held back, and from what (F-118, X-25): reaching the caller, enrolment, ownership and the machine's writes to a record that was
//! there before. Record, call log, task, owner and clock always go on, so nothing here is asked for them.

use crate::consent;
use crate::contract::{Suppress, SuppressClass};
use crate::crm::{CrmWords, Record};
use crate::identity::MatchKind;
use crate::inquiry::{Deal, Facts, Inquiry};
use std::collections::BTreeSet;

/// What is known of a caller when it is asked who is held back.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Handling flags that stand.
    pub flags: &'a BTreeSet<String>,
    pub customer: bool,
    /// The caller's record in the CRM.
    pub record: Option<&'a Record>,
    pub deals: &'a [Deal],
    pub words: Option<&'a CrmWords>,
}

/// A class that holds, with the reason for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppressed {
    pub class: SuppressClass,
    pub why: &'static str,
}

/// What a class holds back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holds {
    /// Anything that reaches the caller.
    pub caller: bool,
    /// Sequences, campaigns, lists.
    pub enrolment: bool,
    /// Another owner of the record, or routing it away.
    pub ownership: bool,
    /// The machine's own writes to a record that was there before; a person is asked instead.
    pub found_writes: bool,
}

/// Every class of the contract that holds for this caller.
pub fn suppression(known: &Known<'_>, rules: &Suppress) -> Vec<Suppressed> {
    let flag = |name: &str| known.flags.contains(name);
    let value = |property: &str| known.record.and_then(|r| r.properties.get(property)).map_or("", |v| v.trim());
    let marked = |class: &SuppressClass| rules.mark(*class).is_some_and(|m| m.counts(value(&m.property)));
    let holds = |class: &SuppressClass| match class {
        SuppressClass::OptedOut => {
            let told =
                known.words.zip(known.record).is_some_and(|(words, r)| consent::said_by_record(words, r).is_some());
            (flag(consent::FLAG) || told).then_some("the caller opted out")
        }
        SuppressClass::CustomerWithOpenIssue => (known.customer
            && (flag("complaint") || flag("existing_customer_issue")))
        .then_some("customer with open issue"),
        SuppressClass::OpenOpportunity => known.deals.iter().any(|d| d.open).then_some("open opportunity"),
        SuppressClass::Customer => known.customer.then_some("a customer already"),
        SuppressClass::StrategicAccount => marked(class).then_some("strategic account"),
        SuppressClass::Competitor => marked(class).then_some("a competitor"),
        SuppressClass::Partner => marked(class).then_some("a partner"),
        SuppressClass::Investor => marked(class).then_some("an investor"),
        SuppressClass::Regulated => marked(class).then_some("a regulated account"),
    };
    rules.classes.iter().filter_map(|class| holds(class).map(|why| Suppressed { class: *class, why })).collect()
}

/// What is held back for a class.
pub fn holds(class: SuppressClass) -> Holds {
    match class {
        SuppressClass::OptedOut
        | SuppressClass::CustomerWithOpenIssue
        | SuppressClass::OpenOpportunity
        | SuppressClass::StrategicAccount
        | SuppressClass::Competitor
        | SuppressClass::Partner
        | SuppressClass::Investor
        | SuppressClass::Regulated => Holds { caller: true, enrolment: true, ownership: true, found_writes: true },
        // What a customer says of the matter at hand goes where the clauses say; it is the machine's reaching out that is held back.
        SuppressClass::Customer => Holds { caller: true, enrolment: true, ownership: true, found_writes: false },
    }
}

/// The classes that hold for this inquiry's caller.
pub fn suppressed(inquiry: &Inquiry, facts: &Facts<'_>) -> Vec<Suppressed> {
    suppressed_by(inquiry, facts, &facts.contract.suppress)
}

/// The same under other rules than the contract's own.
pub(crate) fn suppressed_by(inquiry: &Inquiry, facts: &Facts<'_>, rules: &Suppress) -> Vec<Suppressed> {
    let known = Known {
        flags: &inquiry.flags(),
        customer: inquiry.matched.as_ref().is_some_and(|m| m.kind == MatchKind::Customer),
        record: inquiry.contact.as_ref().map(|c| &c.record_held),
        deals: inquiry.snapshot.as_ref().map_or(&[], |s| &s.deals),
        words: facts.crm.map(|(_, words)| words),
    };
    suppression(&known, rules)
}

/// Why no owner may change, if that is so.
pub fn ownership_held(inquiry: &Inquiry, facts: &Facts<'_>) -> Option<&'static str> {
    suppressed(inquiry, facts).into_iter().find(|s| holds(s.class).ownership).map(|s| s.why)
}

/// Why the machine may not write to a record that was there before, if that is so.
pub(super) fn found_writes_held(inquiry: &Inquiry, facts: &Facts<'_>) -> Option<&'static str> {
    suppressed(inquiry, facts).into_iter().find(|s| holds(s.class).found_writes).map(|s| s.why)
}
