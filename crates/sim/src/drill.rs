//! The continuity drill: synthetic missed calls, a CRM's twin that misbehaves, and eight guarantees that hold or do not.
//!
//! Three subjects can stand the same exam. Ringback itself, on virtual time ([`own`]); whatever takes calls at an address and writes to a
//! twin, seen from outside ([`outside()`]); and a deliberately naive script ([`straw`]), which shows that the drill can fail. What of it can be
//! asked of a real CRM is asked in a customer's own sandbox ([`sandbox()`]).
//! A verdict rests on what the twin holds and saw, never on what the subject says of itself, except where the guarantee *is* a document.
//! What nobody can see from outside is said to be so: there is no green without evidence.

mod outside;
mod own;
mod sandbox;
mod straw;

pub use outside::{Outside, Told, outside, straw_man};
pub use own::own;
pub use sandbox::{Ground, plan as sandbox_plan, remove as sandbox_remove, sandbox};

use ringback_twins::books::{Entry, Kind};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What every synthetic call says of itself: its source and its campaign.
pub const MARK: &str = "ringback-drill";
/// Callers have numbers of this block, which belongs to nobody.
const BLOCK: &str = "+160255501";
/// What most callers say.
const WORDS: &str = "Hi, the heat is out since last night, please call me back as soon as you can.";

/// How a guarantee came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Green,
    Red,
    /// From where the drill stands nobody can tell.
    Unseen,
    /// What it takes cannot be brought about in a real CRM.
    NotJudged,
}

impl Verdict {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Red => "RED",
            Self::Unseen => "cannot be seen from outside",
            Self::NotJudged => "not judged",
        }
    }
}

/// One line of the score card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Guarantee {
    /// 1 to 8.
    pub n: u8,
    pub name: &'static str,
    pub verdict: Verdict,
    /// One sentence from this run.
    pub evidence: String,
    /// What a vendor says who does not keep it; only where it is red.
    pub red_flag: Option<&'static str>,
}

/// The eight guarantees of the data-continuity contract, how each is verified, and what gives a vendor away.
pub const GUARANTEES: [(&str, &str, &str); 8] = [
    ("Field-mapping document exists", "Ask to view it for your schema, before go-live.", "“It maps automatically”"),
    ("Conflicts declared per field", "Who wins on the budget field: the call or the CRM?", "No one-sentence answer"),
    (
        "Writes are idempotent",
        "When a successful write times out, what does it do?",
        "“We retry” without any reference to idempotency",
    ),
    ("Per-record audit trail", "Ask for a field trace to the actual call.", "Notes-blob only"),
    ("Sync-failure runbook exists", "Ask to see it.", "“That doesn’t happen”"),
    (
        "Reconciliation after an outage",
        "Ask what verifies that nothing was lost or doubled in the outage.",
        "No reconciliation concept",
    ),
    (
        "Source of truth per field",
        "Ask for the list; there is no “call always wins” and no “CRM always wins”.",
        "Global default only",
    ),
    (
        "Tested against the real schema in a sandbox",
        "Commit to a sandbox test before go-live, not just a demo org.",
        "Demo-org-only validation",
    ),
];

/// A line of the card; the red flag comes with a red.
fn line(n: u8, verdict: Verdict, evidence: impl Into<String>) -> Guarantee {
    let (name, _, flag) = GUARANTEES.get(usize::from(n.saturating_sub(1))).copied().unwrap_or_default();
    Guarantee { n, name, verdict, evidence: evidence.into(), red_flag: (verdict == Verdict::Red).then_some(flag) }
}

/// Green where it holds, else red.
fn held(n: u8, holds: bool, evidence: impl Into<String>) -> Guarantee {
    line(n, if holds { Verdict::Green } else { Verdict::Red }, evidence)
}

/// What became of the calls of one part of the drill, counted in the twin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Calls that were placed; each webhook is delivered twice.
    pub calls: usize,
    /// Calls whose webhooks were acknowledged.
    pub taken: usize,
    /// Calls that the CRM holds.
    pub written: usize,
    pub lost: usize,
    /// Records too many: of people, of calls and of tasks.
    pub doubled: usize,
}

impl Count {
    /// For people.
    pub fn words(&self) -> String {
        format!(
            "{} calls, {} taken, {} written, {} lost, {} doubled",
            self.calls, self.taken, self.written, self.lost, self.doubled
        )
    }
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.taken += other.taken;
        self.written += other.written;
        self.lost += other.lost;
        self.doubled += other.doubled;
    }
}

/// The parts of the drill, by what went wrong in them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Calls {
    pub total: Count,
    pub parts: BTreeMap<&'static str, Count>,
}

impl Calls {
    fn add(&mut self, part: &'static str, count: Count) {
        self.total += count;
        *self.parts.entry(part).or_default() += count;
    }
}

/// The score card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `ringback`, `straw_man`, or the address that was tested.
    pub subject: String,
    /// Which CRM stood behind it.
    pub crm: String,
    /// A twin of it; else the CRM itself, where nobody counts its requests.
    pub twin: bool,
    pub guarantees: Vec<Guarantee>,
    pub calls: Calls,
    /// Requests that the twin saw.
    pub requests: u64,
    /// How often the twin misbehaved.
    pub faults: u64,
}

impl Report {
    /// How many lines have that verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.guarantees.iter().filter(|g| g.verdict == verdict).count()
    }

    /// One line of it; `n` from 1.
    pub fn get(&self, n: u8) -> Option<&Guarantee> {
        self.guarantees.iter().find(|g| g.n == n)
    }

    /// The card for people.
    pub fn card(&self) -> String {
        let mut out = String::new();
        let behind = if self.twin { "'s twin" } else { " itself" };
        let _ = writeln!(out, "{} with {}{behind} behind it\n", self.subject, self.crm);
        for g in &self.guarantees {
            let _ = writeln!(out, "{}  {}: {}\n   {}", g.n, g.name, g.verdict.words(), g.evidence);
            if let Some(flag) = g.red_flag {
                let _ = writeln!(out, "   red flag: {flag}");
            }
        }
        let _ = writeln!(out);
        for (part, c) in &self.calls.parts {
            let _ = writeln!(out, "{part}: {}", c.words());
        }
        let (green, red, unseen) = (self.count(Verdict::Green), self.count(Verdict::Red), self.count(Verdict::Unseen));
        let mut seen = if unseen > 0 { format!(", {unseen} cannot be seen from outside") } else { String::new() };
        let not_judged = self.count(Verdict::NotJudged);
        if not_judged > 0 {
            let _ = write!(seen, ", {not_judged} not judged");
        }
        let disturbed = if self.twin {
            format!("{} requests to the CRM, {} of them disturbed; ", self.requests, self.faults)
        } else {
            String::new()
        };
        let (lost, doubled) = (self.calls.total.lost, self.calls.total.doubled);
        let _ = writeln!(out, "\n{green} green, {red} red{seen}; {disturbed}lost {lost}, doubled {doubled}");
        out
    }
}

/// A synthetic missed call.
#[derive(Debug, Clone)]
struct Synthetic {
    id: String,
    caller: String,
    at_ms: i64,
    words: Option<String>,
}

/// The `n`-th synthetic caller's number.
fn number(n: usize) -> String {
    format!("{BLOCK}{:02}", n % 100)
}

/// Which kinds of record a subject makes of a call; what it never makes is not held against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Makes {
    calls: bool,
    tasks: bool,
}

/// Counts one part's calls in the twin: a person per number, a call record per call, a task per person.
fn tally(entries: &[Entry], calls: &[Synthetic], taken: usize, makes: Makes) -> Count {
    let mut count = Count { calls: calls.len(), taken, ..Count::default() };
    let mut callers: BTreeMap<&str, Vec<&Synthetic>> = BTreeMap::new();
    for call in calls {
        callers.entry(&call.caller).or_default().push(call);
    }
    for (caller, calls) in callers {
        let people: Vec<&Entry> = of_kind(entries, Kind::Person).filter(|e| e.has_number(caller)).collect();
        count.doubled += people.len().saturating_sub(1);
        let theirs = |e: &&Entry| {
            e.people.iter().any(|id| people.iter().any(|p| p.id == *id))
                || (e.people.is_empty() && (e.has_number(caller) || calls.iter().any(|c| mentions(e, &c.id))))
        };
        let records = of_kind(entries, Kind::Call).filter(theirs).count();
        let tasks = of_kind(entries, Kind::Task).filter(theirs).count();
        let there = match (makes.calls, people.is_empty()) {
            (_, true) => 0,
            (true, false) => records.min(calls.len()),
            (false, false) => calls.len(),
        };
        // One who makes tasks owes each caller one.
        let there = if makes.tasks && tasks == 0 { 0 } else { there };
        count.written += there;
        count.lost += calls.len() - there;
        count.doubled += if makes.calls { records.saturating_sub(calls.len()) } else { 0 };
        count.doubled += if makes.tasks { tasks.saturating_sub(1) } else { 0 };
    }
    count
}

fn of_kind(entries: &[Entry], kind: Kind) -> impl Iterator<Item = &Entry> {
    entries.iter().filter(move |e| e.kind == kind && !e.gone)
}

/// Does any field of the record hold that text?
fn mentions(entry: &Entry, text: &str) -> bool {
    entry.fields.values().any(|value| value.contains(text))
}

/// `n thing`, `n things`.
fn some(n: usize, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{n} {thing}s") }
}
