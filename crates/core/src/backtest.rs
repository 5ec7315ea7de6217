//! What a contract would have done with calls that are over: the recorded events, moved through the same steps under another contract.
//!
//! Replayed is what came from outside and does not depend on the rules: calls, what was read in them, what the CRM showed, what people decided about
//! the caller, the owner and the callback. Modelled is what follows from a decision: every write succeeds at once, no timer runs, and a
//! question about a value stays open. People's answers about values are not replayed: they are what the outcome is judged by.
//! Unknown is a value here too: a property that was not read then is told as unknown, never as empty.

mod both;
mod one;
mod words;

pub use one::{Unread, Would, would};

use crate::contract::{Contract, FieldRule};
use crate::crm::{CrmWords, Object, Record, Setter};
use crate::decide::Ruling;
use crate::ensure::same;
use crate::id::{InquiryId, UserId};
use crate::inquiry::{self, Choice, Contact, Course, Event, Facts, Inquiry, Remembered, ReviewKind};
use crate::plan::{Verdict, VerdictKind};
use both::both;
use jiff::Timestamp;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The most examples of one kind of difference, and of one field among them.
pub const EXAMPLES_MAX: usize = 10;
/// The most examples that one field has among those of a kind.
pub const EXAMPLES_OF_FIELD_MAX: usize = 3;

/// One inquiry as it was recorded.
#[derive(Debug, Clone)]
pub struct Case {
    /// As it was when nothing was decided yet.
    pub born: Inquiry,
    /// In the order in which it happened.
    pub happened: Vec<Happened>,
    /// What people answered about values.
    pub said: Vec<Said>,
    /// What the CRM showed of this caller, in this inquiry and in later ones, in any order.
    pub seen: Vec<Arc<Seen>>,
}

/// Something that came from outside.
#[derive(Debug, Clone)]
pub struct Happened {
    pub at: Timestamp,
    pub what: What,
}

/// What came from outside.
#[derive(Debug, Clone)]
pub enum What {
    Event(Event),
    /// The CRM showed records; the number says which properties were asked for, in the order of [`Side::new`].
    Found(Event, usize),
    /// A person answered a question about the caller or the owner. Ids of questions shift under another contract, so its kind names it.
    Answered {
        kind: ReviewKind,
        choice: Choice,
        by: UserId,
    },
}

/// A person's answer about a value.
#[derive(Debug, Clone)]
pub struct Said {
    pub at: Timestamp,
    pub by: UserId,
    /// Where the value was to go: `contact.rb_urgency`.
    pub to: String,
    /// Which claim or decision it came from.
    pub from: String,
    pub choice: Answer,
    /// The value it is about: what was approved or rejected, or what the person put.
    pub value: String,
}

/// How a person answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Approved,
    Edited,
    Rejected,
    /// It was written, and a rollback took it back.
    TakenBack,
}

/// One look into the CRM.
#[derive(Debug, Clone)]
pub struct Seen {
    pub at: Timestamp,
    pub records: Vec<Record>,
    /// What we had written there by then.
    pub memory: Vec<Remembered>,
}

/// A contract with everything it is rehearsed with.
#[derive(Debug)]
pub struct Side<'a> {
    facts: Facts<'a>,
    blind: Vec<Blind>,
}

/// What a look into the CRM did not ask for, of what a contract would have read.
#[derive(Debug, Default)]
struct Blind {
    /// Properties of contacts that fields go to.
    properties: BTreeSet<String>,
    /// What says who it is, or who is held back.
    people: bool,
}

impl<'a> Side<'a> {
    /// `sights` are the properties that looks into the CRM asked for, one set for each way in which was asked.
    pub fn new(facts: Facts<'a>, sights: &[BTreeSet<String>]) -> Self {
        let blind = |sight: &BTreeSet<String>| {
            let contract = facts.contract;
            let of_contacts = contract.fields.values().filter(|r| r.object == Object::Contact);
            let unread = of_contacts.map(|r| &r.property).filter(|p| !sight.contains(*p)).cloned();
            let people = inquiry::asked_about_people(contract);
            Blind { properties: unread.collect(), people: people.iter().any(|p| !sight.contains(p)) }
        };
        Self { facts, blind: sights.iter().map(blind).collect() }
    }

    /// The contract that is rehearsed.
    pub fn contract(&self) -> &'a Contract {
        self.facts.contract
    }
}

/// The properties that a look into the CRM asks for under a contract.
pub fn sight(contract: &Contract, words: &CrmWords) -> BTreeSet<String> {
    inquiry::asked_of_contacts(contract, words).into_iter().collect()
}

/// What was decided at one moment of a rehearsal.
struct Decided<'c> {
    at: Timestamp,
    of: inquiry::Rehearsed<'c>,
}

/// A case under one contract.
pub struct Rehearsed<'c> {
    /// At the end, but for the contact.
    pub inquiry: Arc<Inquiry>,
    /// The caller's record at the end, as this contract leaves it.
    contact: Option<Contact>,
    decided: Vec<Decided<'c>>,
    sight: Option<usize>,
}

/// What became of one field in a rehearsal.
#[derive(Debug, Clone, Copy)]
struct Outcome<'r> {
    /// The last value that would stand in the CRM.
    wrote: Option<(&'r Ruling<'r>, Timestamp)>,
    /// The last question that would have been put to a person.
    asked: Option<(&'r Ruling<'r>, Timestamp)>,
    /// What was decided last.
    last: &'r Ruling<'r>,
}

impl<'r> Outcome<'r> {
    /// What answers for it: the write, else the question, else whatever was decided last.
    fn shown(&self) -> &'r Ruling<'r> {
        self.wrote.or(self.asked).map_or(self.last, |(ruling, _)| ruling)
    }
}

impl Rehearsed<'_> {
    /// What was decided last about every field.
    pub fn verdicts(&self) -> Vec<Verdict> {
        let last = self.decided.last().map_or(&[][..], |d| &d.of.rulings);
        last.iter().map(|ruling| ruling.clone().verdict(&self.inquiry)).collect()
    }

    /// How many decisions about values were made.
    pub fn rulings(&self) -> usize {
        self.decided.iter().map(|d| d.of.rulings.len()).sum()
    }

    /// What became of every field, by its place in the contract.
    fn outcomes(&self, fields: usize) -> Vec<Option<Outcome<'_>>> {
        let mut found: Vec<Option<Outcome<'_>>> = vec![None; fields];
        for Decided { at, of } in &self.decided {
            for ruling in &of.rulings {
                let Some(slot) = found.get_mut(ruling.n) else { continue };
                let outcome = slot.get_or_insert(Outcome { wrote: None, asked: None, last: ruling });
                outcome.last = ruling;
                let reached =
                    if ruling.rule.object == Object::Contact { of.reach.contact } else { of.reach.own_records };
                let says = ruling.is.as_ref().is_some_and(|is| !is.is_empty());
                if ruling.kind == VerdictKind::Write && reached && says {
                    outcome.wrote = Some((ruling, *at));
                }
                if ruling.kind == VerdictKind::Review && of.asks {
                    outcome.asked = Some((ruling, *at));
                }
            }
        }
        found
    }

    /// That field of a record that was there before was not read then, so what would have been decided about it is not known.
    fn unknown(&self, side: &Side<'_>, rule: &FieldRule) -> bool {
        if rule.object != Object::Contact || self.contact.as_ref().is_none_or(|c| c.made) {
            return false;
        }
        let Some(blind) = self.sight.and_then(|n| side.blind.get(n)) else { return false };
        blind.people || blind.properties.contains(&rule.property)
    }
}

/// The event of something that happened, as this inquiry takes it in; `None` where it answers a question that is not asked here.
fn event_of<'e>(what: &'e What, inquiry: &Inquiry) -> Option<Cow<'e, Event>> {
    match what {
        What::Event(event) | What::Found(event, _) => Some(Cow::Borrowed(event)),
        What::Answered { kind, choice, by } => {
            let review = inquiry.reviews.iter().find(|r| r.kind == *kind)?.id.clone();
            Some(Cow::Owned(Event::Decided { review, choice: choice.clone(), by: by.clone() }))
        }
    }
}

/// Moves a case through the steps under one contract.
pub fn rehearse<'c>(case: &Case, side: &Side<'c>) -> Rehearsed<'c> {
    let mut run = Run::of(Course::of(case.born.clone()));
    for (n, one) in case.happened.iter().enumerate() {
        run.go(one, side, n + 1 == case.happened.len());
    }
    run.end()
}

/// A case on its way under one contract.
struct Run<'c> {
    course: Course,
    decided: Vec<Decided<'c>>,
    sight: Option<usize>,
}

impl<'c> Run<'c> {
    fn of(course: Course) -> Self {
        Self { course, decided: Vec::with_capacity(4), sight: None }
    }

    fn go(&mut self, one: &Happened, side: &Side<'c>, last: bool) {
        if let What::Found(_, n) = one.what {
            self.sight = Some(n);
        }
        let Some(event) = event_of(&one.what, &self.course.inquiry) else { return };
        self.course.move_on(&event, &side.facts, one.at);
        // Before it is known who it is nothing can be done with a value.
        if self.course.inquiry.matched.is_some() || last {
            let rulings = self.course.rulings(&side.facts, side.contract(), one.at);
            let of = self.course.bring_about(rulings, &side.facts, one.at);
            self.decided.push(Decided { at: one.at, of });
        }
    }

    fn end(mut self) -> Rehearsed<'c> {
        let contact = self.course.inquiry.contact.take();
        Rehearsed { inquiry: Arc::new(self.course.inquiry), contact, decided: self.decided, sight: self.sight }
    }
}

/// A number of differences, and what people later made of the values they are about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub n: u64,
    /// A person later set, or asked for, another value.
    pub corrected: u64,
    /// A person approved or set just this value.
    pub confirmed: u64,
}

impl Tally {
    fn add(&mut self, person: Option<&Person>) {
        self.n += 1;
        self.corrected += u64::from(person.is_some_and(|p| !p.agrees));
        self.confirmed += u64::from(person.is_some_and(|p| p.agrees));
    }

    fn absorb(&mut self, other: Self) {
        self.n += other.n;
        self.corrected += other.corrected;
        self.confirmed += other.confirmed;
    }
}

/// How two contracts differ in one field, or in all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Written under the contract in force, and how many of those a person later corrected.
    pub written_now: Tally,
    /// Written under the draft.
    pub written_draft: Tally,
    /// Put to a person under the contract in force.
    pub reviewed_now: u64,
    /// Put to a person under the draft.
    pub reviewed_draft: u64,
    /// Written under the draft only. Judged by the draft's value.
    pub more_written: Tally,
    /// Written under the contract in force only. Judged by its value: what was corrected would have been spared.
    pub fewer_written: Tally,
    /// Written under both, with different values. Judged by the draft's.
    pub otherwise_written: Tally,
    /// Put to a person under the draft only. Judged by the value that is proposed.
    pub newly_reviewed: Tally,
    /// Put to a person under the contract in force only. Judged by the value that was proposed.
    pub no_longer_reviewed: Tally,
    /// What the draft would have decided depends on a property that was not read then.
    pub unknown: u64,
}

impl Counts {
    fn absorb(&mut self, other: &Self) {
        self.written_now.absorb(other.written_now);
        self.written_draft.absorb(other.written_draft);
        self.reviewed_now += other.reviewed_now;
        self.reviewed_draft += other.reviewed_draft;
        self.more_written.absorb(other.more_written);
        self.fewer_written.absorb(other.fewer_written);
        self.otherwise_written.absorb(other.otherwise_written);
        self.newly_reviewed.absorb(other.newly_reviewed);
        self.no_longer_reviewed.absorb(other.no_longer_reviewed);
        self.unknown += other.unknown;
    }
}

/// A kind of difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bucket {
    MoreWritten,
    FewerWritten,
    OtherwiseWritten,
    NewlyReviewed,
    NoLongerReviewed,
    Unknown,
}

/// What one contract decides about a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// `write`, `keep`, `review`, `suppress`; `none` where the contract says nothing of it.
    pub verdict: &'static str,
    pub value: Option<String>,
    pub clause: Option<String>,
    pub reason: Option<String>,
}

impl Decision {
    /// What answers for a difference: the write, else the question, else whatever was decided last.
    fn of(outcome: Option<Outcome<'_>>) -> Self {
        let shown = outcome.map(|o| o.shown());
        Self {
            verdict: shown.map_or("none", |r| r.kind.word()),
            value: shown.and_then(|r| r.is.as_deref().map(str::to_owned)),
            clause: shown.map(|r| r.clause.words(r.name)),
            reason: shown.map(|r| r.reason.words()),
        }
    }
}

/// What a person made of a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Person {
    /// The person wanted just this value.
    pub agrees: bool,
    /// What the person put; none where a proposal was only rejected.
    pub value: Option<String>,
    pub at: Timestamp,
    pub how: How,
}

/// How it is known what a person wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Answered in the review queue.
    Answered(Answer),
    /// A later look showed it in the CRM.
    SetInCrm,
}

/// One difference, to be clicked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Example {
    pub inquiry: InquiryId,
    pub field: String,
    pub to: String,
    /// When it was decided.
    pub at: Timestamp,
    /// What the CRM held, as far as read.
    pub was: Option<String>,
    /// Thousandths.
    pub confidence: Option<u16>,
    /// The caller's words.
    pub quote: Option<String>,
    pub now: Decision,
    pub draft: Decision,
    /// What a person made of the value.
    pub person: Option<Person>,
}

/// What a backtest found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Inquiries that were rehearsed, and the calls in them.
    pub inquiries: u64,
    pub calls: u64,
    /// Inquiries whose words are gone by policy or request: nothing is known of what would have been decided.
    pub expired: u64,
    /// Inquiries whose record cannot be read.
    pub unreadable: u64,
    /// Another person would own it.
    pub owner_differs: u64,
    /// The caller would have been taken for somebody else, or nobody.
    pub match_differs: u64,
    pub total: Counts,
    pub fields: BTreeMap<String, Counts>,
    pub examples: BTreeMap<Bucket, Vec<Example>>,
    /// A value that the draft would have written by itself and that a person set otherwise.
    pub wrong: Option<Example>,
}

impl Report {
    /// Takes the findings of later cases in.
    pub fn absorb(&mut self, other: Self) {
        self.inquiries += other.inquiries;
        self.calls += other.calls;
        self.expired += other.expired;
        self.unreadable += other.unreadable;
        self.owner_differs += other.owner_differs;
        self.match_differs += other.match_differs;
        self.total.absorb(&other.total);
        for (field, counts) in other.fields {
            self.fields.entry(field).or_default().absorb(&counts);
        }
        for (bucket, examples) in other.examples {
            for example in examples {
                self.show(bucket, &example.field.clone(), || example);
            }
        }
        self.wrong = self.wrong.take().or(other.wrong);
    }

    /// Keeps an example where there is room for it.
    fn show(&mut self, bucket: Bucket, field: &str, example: impl FnOnce() -> Example) {
        let held = self.examples.entry(bucket).or_default();
        if held.len() < EXAMPLES_MAX && held.iter().filter(|e| e.field == field).count() < EXAMPLES_OF_FIELD_MAX {
            held.push(example());
        }
    }
}

/// A clause that one of both contracts has, or both.
struct Line<'c> {
    name: &'c str,
    /// Its place in each.
    now: Option<usize>,
    draft: Option<usize>,
    counts: Counts,
    /// Something was decided about it.
    decided: bool,
}

/// The comparison of a draft with the contract in force, case by case.
pub struct Comparison<'c> {
    now: &'c Side<'c>,
    draft: &'c Side<'c>,
    /// What happens up to the values is the same under both.
    alike: bool,
    lines: Vec<Line<'c>>,
    report: Report,
}

impl<'c> Comparison<'c> {
    /// Of two contracts of one account.
    pub fn new(now: &'c Side<'c>, draft: &'c Side<'c>) -> Self {
        let (a, b) = (&now.contract().fields, &draft.contract().fields);
        let names: BTreeSet<&'c String> = a.keys().chain(b.keys()).collect();
        let place = |of: &BTreeMap<String, FieldRule>, name: &String| of.keys().position(|n| n == name);
        let line = |name: &'c String| {
            let (now, draft) = (place(a, name), place(b, name));
            Line { name, now, draft, counts: Counts::default(), decided: false }
        };
        let lines = names.into_iter().map(line).collect();
        Self { now, draft, alike: now.runs_alike(draft), lines, report: Report::default() }
    }

    /// Rehearses a case under the contract in force and under the draft, and counts what differs.
    pub fn take(&mut self, case: &Case) {
        let (a, b) = both(case, self.now, self.draft, self.alike);
        self.report.inquiries += 1;
        self.report.calls += b.inquiry.calls.len() as u64;
        let same = Arc::ptr_eq(&a.inquiry, &b.inquiry);
        let owner = |r: &Rehearsed<'_>| r.inquiry.owner.as_ref().map(|o| o.staff.clone());
        self.report.owner_differs += u64::from(!same && owner(&a) != owner(&b));
        let who = |r: &Rehearsed<'_>| r.inquiry.matched.as_ref().map(|m| (m.kind, m.record.clone()));
        self.report.match_differs += u64::from(!same && who(&a) != who(&b));
        let was = a.outcomes(self.now.contract().fields.len());
        let is = b.outcomes(self.draft.contract().fields.len());
        for line in &mut self.lines {
            let one = line.now.and_then(|n| was.get(n).copied().flatten());
            let other = line.draft.and_then(|n| is.get(n).copied().flatten());
            if one.is_none() && other.is_none() {
                continue;
            }
            let pair = Pair { case, field: line.name, a: (&a, self.now, one), b: (&b, self.draft, other) };
            line.decided = true;
            line.counts.absorb(&pair.count(&mut self.report));
        }
    }

    /// A case that cannot be rehearsed because its words are gone.
    pub fn expired(&mut self) {
        self.report.expired += 1;
    }

    /// A case that cannot be read.
    pub fn unreadable(&mut self) {
        self.report.unreadable += 1;
    }

    /// What was found.
    pub fn report(self) -> Report {
        let mut report = self.report;
        for line in self.lines.into_iter().filter(|l| l.decided) {
            report.total.absorb(&line.counts);
            report.fields.insert(line.name.to_owned(), line.counts);
        }
        report
    }
}

/// One field of one case under both contracts.
struct Pair<'p> {
    case: &'p Case,
    field: &'p str,
    a: (&'p Rehearsed<'p>, &'p Side<'p>, Option<Outcome<'p>>),
    b: (&'p Rehearsed<'p>, &'p Side<'p>, Option<Outcome<'p>>),
}

impl<'p> Pair<'p> {
    /// How they differ; examples go into the report.
    fn count(&self, report: &mut Report) -> Counts {
        let mut counts = Counts::default();
        let (a, b) = (self.a.2, self.b.2);
        let acts = |o: Option<Outcome<'_>>| o.is_some_and(|o| o.wrote.is_some() || o.asked.is_some());
        let blind = |(rehearsed, side, outcome): (&Rehearsed<'_>, &Side<'_>, Option<Outcome<'_>>)| {
            acts(outcome) && outcome.is_some_and(|o| rehearsed.unknown(side, o.last.rule))
        };
        if blind(self.a) || blind(self.b) {
            counts.unknown = 1;
            report.show(Bucket::Unknown, self.field, || self.example(None));
            return counts;
        }
        let wrote = |o: Option<Outcome<'_>>| o.and_then(|o| o.wrote).is_some();
        let asked = |o: Option<Outcome<'_>>| o.and_then(|o| o.asked).is_some();
        let value = |o: Option<Outcome<'p>>| o.and_then(|o| o.wrote).and_then(|(r, _)| r.is.as_deref()).unwrap_or("");
        let (judged_a, judged_b) = (self.judge(false), self.judge(true));
        if wrote(a) {
            counts.written_now.add(judged_a.as_ref());
        }
        if wrote(b) {
            counts.written_draft.add(judged_b.as_ref());
        }
        counts.reviewed_now = u64::from(asked(a));
        counts.reviewed_draft = u64::from(asked(b));
        let mut differs = |bucket: Bucket, tally: &mut Tally, person: &Option<Person>| {
            tally.add(person.as_ref());
            report.show(bucket, self.field, || self.example(person.clone()));
        };
        match (wrote(a), wrote(b)) {
            (false, true) => differs(Bucket::MoreWritten, &mut counts.more_written, &judged_b),
            (true, false) => differs(Bucket::FewerWritten, &mut counts.fewer_written, &judged_a),
            (true, true) if !same(value(a), value(b)) => {
                differs(Bucket::OtherwiseWritten, &mut counts.otherwise_written, &judged_b);
            }
            _ => {}
        }
        match (asked(a), asked(b)) {
            (false, true) => differs(Bucket::NewlyReviewed, &mut counts.newly_reviewed, &judged_b),
            (true, false) => differs(Bucket::NoLongerReviewed, &mut counts.no_longer_reviewed, &judged_a),
            _ => {}
        }
        let wrong = counts.more_written.corrected + counts.otherwise_written.corrected > 0;
        if wrong && report.wrong.is_none() {
            report.wrong = Some(self.example(judged_b));
        }
        counts
    }

    /// What a person made of the value that one of them writes or proposes.
    fn judge(&self, draft: bool) -> Option<Person> {
        let (rehearsed, _, outcome) = if draft { self.b } else { self.a };
        let outcome = outcome?;
        let (ruling, at) = outcome.wrote.or(outcome.asked)?;
        answered(self.case, ruling).or_else(|| set_in_crm(self.case, rehearsed, ruling, at))
    }

    fn example(&self, person: Option<Person>) -> Example {
        let (a, b) = (self.a.2, self.b.2);
        // What the draft decides is shown, or what it does not decide any more.
        let (of, rehearsed) = match b {
            Some(b) => (Some(b.shown()), self.b.0),
            None => (a.map(|a| a.shown()), self.a.0),
        };
        let quote = of.and_then(|r| rehearsed.inquiry.claims.get(&r.rule.from)).map(|c| c.quote.clone());
        let at = |o: Option<Outcome<'_>>| o.and_then(|o| o.wrote.or(o.asked)).map(|(_, at)| at);
        Example {
            inquiry: self.case.born.id.clone(),
            field: self.field.to_owned(),
            to: of.map_or_else(String::new, |r| r.rule.target()),
            at: at(b).or(at(a)).unwrap_or(self.case.born.opened_at),
            was: of.and_then(|r| r.was.clone()),
            confidence: of.and_then(|r| r.confidence),
            quote,
            now: Decision::of(a),
            draft: Decision::of(b),
            person,
        }
    }
}

/// What a person answered about that value in the review queue: the latest answer about this place, or about what was said.
fn answered(case: &Case, ruling: &Ruling<'_>) -> Option<Person> {
    let is = ruling.is.as_deref()?;
    let there = |to: &str| {
        let place = to.split_once('.');
        place.is_some_and(|(object, name)| object == ruling.rule.object.as_str() && name == ruling.rule.property)
    };
    let about = |s: &&Said| there(&s.to) || (ruling.said && s.from == ruling.rule.from);
    let said = case.said.iter().filter(about).max_by_key(|s| s.at)?;
    let alike = same(&said.value, is);
    let (agrees, value) = match said.choice {
        Answer::Approved | Answer::Edited => (alike, Some(said.value.clone())),
        Answer::Rejected | Answer::TakenBack if alike => (false, None),
        // Another value was rejected: that says nothing of this one.
        Answer::Rejected | Answer::TakenBack => return None,
    };
    Some(Person { agrees, value, at: said.at, how: How::Answered(said.choice) })
}

/// What a person set in the CRM after that moment, as a later look showed it.
fn set_in_crm(case: &Case, rehearsed: &Rehearsed<'_>, ruling: &Ruling<'_>, at: Timestamp) -> Option<Person> {
    let rule = ruling.rule;
    let contact = rehearsed.contact.as_ref().filter(|_| rule.object == Object::Contact)?;
    let is = ruling.is.as_deref()?;
    let of =
        |r: &&Record| r.id == contact.record || r.properties.get("rb_key").is_some_and(|key| *key == contact.record);
    let one = |seen: &Arc<Seen>| {
        let record = seen.records.iter().find(of)?;
        let stands = record.properties.get(&rule.property).filter(|v| !v.trim().is_empty())?;
        let told = record.set_by.get(&rule.property);
        let ours = seen
            .memory
            .iter()
            .any(|m| m.record == record.id && m.property == rule.property && same(&m.wrote.value, stands));
        let by_person = match told.map(|t| t.who) {
            Some(Setter::Person) => true,
            Some(Setter::Integration | Setter::Automation) => false,
            // Most CRMs do not tell: what is not ours is a person's.
            Some(Setter::Unknown) | None => !ours,
        };
        let since = told.and_then(|t| t.at).unwrap_or(seen.at);
        // What stood there before is no later word.
        let news = ruling.was.as_deref().is_none_or(|was| !same(was, stands)) && since > at;
        let person = Person { agrees: same(stands, is), value: Some(stands.clone()), at: since, how: How::SetInCrm };
        (by_person && news && seen.at > at).then_some(person)
    };
    case.seen.iter().filter_map(one).max_by_key(|p| p.at)
}

#[cfg(test)]
mod tests;
