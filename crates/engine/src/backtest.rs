//! Trying a draft of a contract on the calls that were recorded: pages of inquiries, newest first, read and rehearsed side by side.
//!
//! Nothing is written and nothing is asked of a vendor. Pages are decoded and rehearsed on all cores, and taken in in their order. Memory is bounded:
//! a few pages are under way, and one is dropped when it is counted; what stays is one look into the CRM per caller, by which older inquiries of
//! the same caller learn what a person set there later.

mod level;
mod recall;
mod record;
mod trial;

pub use record::{Recorded, Recorder};
pub use trial::{Cases, Page, Trial};

use crate::audit::ERASED;
use crate::facts::{AccountFacts, NO_CONTRACT};
use crate::{Engine, Error, instant, micros};
use jiff::Timestamp;
use ringback_core::backtest::{self, Answer, Case, Comparison, Happened, Report, Said, Seen, Side, What};
use ringback_core::contract::Contract;
use ringback_core::crm::CrmWords;
use ringback_core::id::{AccountId, ContractId, LocationId, UserId};
use ringback_core::inquiry::{Choice, Event, Inquiry, ReviewKind};
use ringback_core::plan::ContractRef;
use ringback_core::rollback::{Back, Undo};
use ringback_core::upcast::{self, Form};
use ringback_store::{self as store, Before, HappenedRow, OpenedRow};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use tokio::task::JoinHandle;

/// Inquiries read at once.
const PAGE: u32 = 500;
/// Documents asked for in one query.
const DOCUMENTS_MAX: usize = 1000;
/// The most callers of whom a later look into the CRM is kept, and the most looks of one.
const CALLERS_MAX: usize = 200_000;
const LOOKS_MAX: usize = 4;
/// Events that follow from decisions of ours; they are modelled.
const MODELLED: [&str; 8] = ["settled", "dead", "timer", "replayed", "told", "facts_changed", "paused", "withheld"];

/// Which calls a draft is tried on.
#[derive(Debug, Clone)]
pub struct Window {
    /// Inquiries opened at or after this.
    pub since: Timestamp,
    /// Only those of one location.
    pub location: Option<LocationId>,
    /// At most so many inquiries, the newest ones.
    pub inquiries_max: Option<u64>,
}

/// How far it has come.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Inquiries looked at.
    pub done: u64,
    pub of: u64,
}

/// What a draft would have done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Backtest {
    pub since: Timestamp,
    pub until: Timestamp,
    /// What is in force, and what the draft is compared with.
    pub in_force: ContractRef,
    /// The name that the draft gives itself.
    pub draft: String,
    /// The oldest inquiries of the window were left out: more than were asked for.
    pub more: bool,
    /// At which level both were compared, and where the draft says another one than the contract in force; whole sentences.
    pub level: Vec<String>,
    #[serde(flatten)]
    pub report: Report,
}

/// One page as it is stored.
struct Raw {
    opened: Vec<OpenedRow>,
    happened: HashMap<String, Vec<HappenedRow>>,
    /// By id; without a body the words are gone.
    documents: HashMap<String, Option<String>>,
}

/// An entry's body, as far as it is read here.
#[derive(Deserialize)]
struct Body<'b> {
    #[serde(default = "first")]
    schema: u32,
    #[serde(borrow, default)]
    what: Option<&'b str>,
    #[serde(borrow, default)]
    contract: Option<Named<'b>>,
    #[serde(borrow, default)]
    sealed: BTreeMap<&'b str, &'b str>,
    #[serde(borrow, default)]
    kind: Option<&'b str>,
    #[serde(default)]
    field: Option<String>,
    #[serde(default)]
    by: Option<String>,
    #[serde(borrow, default)]
    choice: Option<&'b str>,
}

#[derive(Deserialize)]
struct Named<'b> {
    #[serde(borrow)]
    id: &'b str,
}

fn first() -> u32 {
    1
}

/// The contracts of an account and what each asked the CRM for.
struct Past {
    /// By id, in the order in which they were applied.
    contracts: Vec<(String, i64, Contract)>,
    sights: Vec<BTreeSet<String>>,
}

impl Past {
    /// The one an event was decided under: named by its entry, else (before 0.2) the newest one of its moment.
    fn of(&self, named: Option<&str>, at: i64) -> Option<usize> {
        match named {
            Some(NO_CONTRACT) => None,
            Some(id) => self.contracts.iter().position(|(held, ..)| held == id),
            None => self.contracts.iter().rposition(|(_, applied_at, _)| *applied_at <= at),
        }
    }

    fn contract(&self, at: Option<usize>) -> Option<&Contract> {
        at.and_then(|n| self.contracts.get(n)).map(|(.., contract)| contract)
    }
}

/// Why a case cannot be rehearsed.
enum Lost {
    Expired,
    Unreadable,
}

/// Everything a page is rehearsed with.
struct Work {
    facts: Arc<AccountFacts>,
    past: Past,
    draft: (Contract, ContractRef),
}

/// An inquiry of a page, decoded.
struct Read {
    person: Option<String>,
    case: Result<(Case, Vec<Arc<Seen>>), Lost>,
}

/// The pages that are under way, in their order.
struct Pages {
    work: Arc<Work>,
    decoding: VecDeque<JoinHandle<Vec<Read>>>,
    rehearsing: VecDeque<JoinHandle<Report>>,
    /// The most pages of each kind.
    max: usize,
    later: Later,
    report: Report,
}

impl Pages {
    fn of(work: Work) -> Self {
        let max = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (decoding, rehearsing) = (VecDeque::new(), VecDeque::new());
        Self { work: Arc::new(work), decoding, rehearsing, max, later: Later::default(), report: Report::default() }
    }

    /// Takes a page in, and waits while too many are under way.
    async fn take(&mut self, raw: Raw) -> Result<(), Error> {
        let work = self.work.clone();
        self.decoding.push_back(tokio::task::spawn_blocking(move || work.decode(raw)));
        while self.decoding.len() > self.max {
            self.rehearse().await?;
        }
        Ok(())
    }

    /// Rehearses the oldest page that is decoded. What later looks showed of a caller is known, for the newest pages come first.
    async fn rehearse(&mut self) -> Result<(), Error> {
        let Some(page) = self.decoding.pop_front() else { return Ok(()) };
        let mut page = ended(page.await)?;
        for Read { person, case } in &mut page {
            if let Ok((case, looks)) = case {
                self.later.show(person.as_deref(), std::mem::take(looks), case);
            }
        }
        let work = self.work.clone();
        self.rehearsing.push_back(tokio::task::spawn_blocking(move || work.compare(&page)));
        while self.rehearsing.len() > self.max {
            self.count().await?;
        }
        Ok(())
    }

    async fn count(&mut self) -> Result<(), Error> {
        if let Some(page) = self.rehearsing.pop_front() {
            self.report.absorb(ended(page.await)?);
        }
        Ok(())
    }

    async fn end(mut self) -> Result<Report, Error> {
        while !self.decoding.is_empty() {
            self.rehearse().await?;
        }
        while !self.rehearsing.is_empty() {
            self.count().await?;
        }
        Ok(self.report)
    }
}

impl Engine {
    /// Rehearses the recorded calls of a window under the contract in force and under a draft, both at the account's level, and tells how they differ.
    /// Roster and calendars are those of now. [`Error::Refused`] while there is no CRM of the draft's name.
    pub async fn backtest(
        &self,
        account: &AccountId,
        draft: &Contract,
        window: &Window,
        tell: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Backtest, Error> {
        let work = self.work(account, draft).await?;
        let facts = work.facts.clone();
        let (since, until) = (micros(window.since), self.now());
        let id = account.as_str().to_owned();
        let all = self
            .store()
            .read(move |tx| Box::pin(async move { store::inquiries_opened_count(tx, &id, since).await }))
            .await?;
        let of = u64::try_from(all).unwrap_or(0);
        let draft = work.draft.0.name.clone();
        let level = level::sentences(&facts, &work.draft.0);
        let mut pages = Pages::of(work);
        let (mut before, mut done, mut room, mut more) =
            (Before::end(), 0, window.inquiries_max.unwrap_or(u64::MAX), false);
        loop {
            let mut raw = self.read_page(account, since, &before).await?;
            let Some(last) = raw.opened.last() else { break };
            before = Before { at: last.opened_at, id: last.id.clone() };
            done += raw.opened.len() as u64;
            if let Some(location) = &window.location {
                raw.opened.retain(|row| row.location.as_deref() == Some(location.as_str()));
            }
            more |= raw.opened.len() as u64 > room;
            raw.opened.truncate(usize::try_from(room).unwrap_or(usize::MAX));
            room -= raw.opened.len() as u64;
            tell(Progress { done, of: of.max(done) });
            pages.take(raw).await?;
            if room == 0 {
                more |= done < of;
                break;
            }
        }
        let in_force = facts.contract_ref.clone();
        Ok(Backtest { since: window.since, until, in_force, draft, more, level, report: pages.end().await? })
    }

    /// What pages are rehearsed with.
    async fn work(&self, account: &AccountId, draft: &Contract) -> Result<Work, Error> {
        let facts = self.facts(account).await?;
        let named = ContractRef { id: ContractId::from_text("ctr_draft"), name: draft.name.clone(), version: 0 };
        let draft = (draft.clone(), named);
        let Some(words) = facts.under(&draft.0, &draft.1).and_then(|f| f.crm).map(|(_, words)| words) else {
            return Err(Error::Refused(format!("there is no CRM connection {}", draft.0.crm)));
        };
        let past = self.past(account, words).await?;
        Ok(Work { facts, past, draft })
    }

    /// Every version, with what it asked the CRM for.
    async fn past(&self, account: &AccountId, words: &CrmWords) -> Result<Past, Error> {
        let mut rows = self.contract_versions(account).await?;
        rows.sort_by_key(|row| (row.applied_at, row.version));
        let mut past = Past::none();
        for row in rows {
            let contract = crate::contracts::read(&row)?;
            past.sights.push(backtest::sight(&contract, words));
            past.contracts.push((row.id, row.applied_at, contract));
        }
        Ok(past)
    }

    async fn read_page(&self, account: &AccountId, since: i64, before: &Before) -> Result<Raw, Error> {
        let (account, before) = (account.as_str().to_owned(), before.clone());
        let raw = self.store().read(move |tx| {
            Box::pin(async move {
                let opened = store::inquiries_opened(tx, &account, since, PAGE, &before).await?;
                let ids: Vec<String> = opened.iter().map(|row| row.id.clone()).collect();
                let rows = store::entries_happened(tx, &account, &ids).await?;
                let wanted: BTreeSet<String> = rows.iter().flat_map(wanted).collect();
                let wanted: Vec<String> = wanted.into_iter().collect();
                let mut documents = HashMap::with_capacity(wanted.len());
                for some in wanted.chunks(DOCUMENTS_MAX) {
                    for row in store::documents_get(tx, &account, some).await? {
                        documents.insert(row.id, row.body);
                    }
                }
                let mut happened: HashMap<String, Vec<HappenedRow>> = HashMap::with_capacity(opened.len());
                for row in rows {
                    happened.entry(row.inquiry.clone()).or_default().push(row);
                }
                Ok(Raw { opened, happened, documents })
            })
        });
        Ok(raw.await?)
    }
}

/// What a blocking thread gave.
fn ended<T>(joined: Result<T, tokio::task::JoinError>) -> Result<T, Error> {
    joined.map_err(|e| Error::Refused(format!("the rehearsal was broken off: {e}")))
}

/// The documents of an entry that are read.
fn wanted(row: &HappenedRow) -> Vec<String> {
    let Ok(body) = serde_json::from_str::<Body<'_>>(&row.body) else { return Vec::new() };
    let replayed = match row.kind.as_str() {
        "event" => body.what.is_none_or(|what| !MODELLED.contains(&what)),
        "decision" => body.kind == Some(ReviewKind::Field.word()),
        _ => false,
    };
    let born = body.sealed.contains_key("born");
    let read = |(name, id): (&&str, &&str)| (replayed || (born && *name == "born")).then(|| (*id).to_owned());
    body.sealed.iter().filter_map(read).collect()
}

impl Past {
    fn none() -> Self {
        Self { contracts: Vec::new(), sights: Vec::new() }
    }
}

impl Work {
    fn decode(&self, raw: Raw) -> Vec<Read> {
        let Raw { opened, mut happened, documents } = raw;
        let read = |row: OpenedRow| {
            let rows = happened.remove(&row.id).unwrap_or_default();
            Read { person: row.person_key, case: read_case(&rows, &documents, &self.past) }
        };
        opened.into_iter().map(read).collect()
    }

    /// Rehearses a page and counts.
    fn compare(&self, page: &[Read]) -> Report {
        let Some(under) = self.facts.under(&self.draft.0, &self.draft.1) else { return Report::default() };
        let now = Side::new(self.facts.facts(), &self.past.sights);
        let draft = Side::new(under, &self.past.sights);
        let mut comparison = Comparison::new(&now, &draft);
        for read in page {
            match &read.case {
                Ok((case, _)) => comparison.take(case),
                Err(Lost::Expired) => comparison.expired(),
                Err(Lost::Unreadable) => comparison.unreadable(),
            }
        }
        comparison.report()
    }
}

/// What later inquiries showed of callers.
#[derive(Default)]
struct Later(HashMap<String, Vec<Arc<Seen>>>);

impl Later {
    /// Gives a case what later looks showed of its caller, and keeps its own looks for the inquiries before it.
    fn show(&mut self, person: Option<&str>, looks: Vec<Arc<Seen>>, case: &mut Case) {
        let Some(person) = person else {
            case.seen = looks;
            return;
        };
        case.seen.clone_from(&looks);
        if let Some(held) = self.0.get(person) {
            case.seen.extend(held.iter().cloned());
        }
        if looks.is_empty() || (self.0.len() >= CALLERS_MAX && !self.0.contains_key(person)) {
            return;
        }
        let held = self.0.entry(person.to_owned()).or_default();
        let room = LOOKS_MAX.saturating_sub(held.len());
        held.extend(looks.into_iter().take(room));
    }
}

/// A case out of its entries, and what the CRM showed in it.
fn read_case(
    rows: &[HappenedRow],
    documents: &HashMap<String, Option<String>>,
    past: &Past,
) -> Result<(Case, Vec<Arc<Seen>>), Lost> {
    if rows.iter().any(|row| row.kind == ERASED) {
        return Err(Lost::Expired);
    }
    let words = |id: &str| match documents.get(id) {
        Some(Some(body)) => Ok(body.as_str()),
        _ => Err(Lost::Expired),
    };
    let (mut born, mut happened, mut said, mut looks) = (None::<Inquiry>, Vec::new(), Vec::new(), Vec::new());
    // The choice of a decision stands in the event, what it was about in the entry that follows.
    let mut choice: Option<Choice> = None;
    let mut under = None;
    for row in rows {
        let body: Body<'_> = serde_json::from_str(&row.body).map_err(|_| Lost::Unreadable)?;
        let at = instant(row.at);
        if row.kind == "decision" {
            let (by, asked) = (UserId::from_text(body.by.clone().unwrap_or_default()), body.kind.unwrap_or_default());
            if asked == ReviewKind::Field.word() {
                said.extend(said_of(&body, at, by, past.contract(under), words)?);
            } else if let (Some(choice), Some(kind)) = (choice.take(), kind_of(asked)) {
                happened.push(Happened { at, what: What::Answered { kind, choice, by } });
            }
            continue;
        }
        if let Some(id) = body.sealed.get("born") {
            born = Some(upcast::read_own(Form::Inquiry, words(id)?).map_err(|_| Lost::Unreadable)?);
        }
        if body.what.is_some_and(|what| MODELLED.contains(&what)) {
            continue;
        }
        let id = body.sealed.get("event").ok_or(Lost::Unreadable)?;
        let event: Event = upcast::read(Form::Event, body.schema, words(id)?).map_err(|_| Lost::Unreadable)?;
        under = past.of(body.contract.as_ref().map(|c| c.id), row.at);
        let what = match event {
            Event::Found { ref records, ref memory, read_at, .. } => {
                if !records.is_empty() {
                    let seen = Seen { at: read_at, records: records.clone(), memory: memory.clone() };
                    looks.push(Arc::new(seen));
                }
                match under {
                    Some(sight) => What::Found(event, sight),
                    None => What::Event(event),
                }
            }
            Event::Moved { record, .. } | Event::Seen { record, .. } => {
                looks.push(Arc::new(Seen { at, records: vec![record], memory: Vec::new() }));
                continue;
            }
            Event::Decided { choice: chosen, .. } => {
                choice = Some(chosen);
                continue;
            }
            // What was written is modelled, so there is nothing to take back; that somebody wanted to is a word about the value.
            Event::Undo { undo } => {
                said.extend(taken_back(&undo, at, past.contract(under)));
                continue;
            }
            event if MODELLED.contains(&event.word()) => continue,
            event => What::Event(event),
        };
        happened.push(Happened { at, what });
    }
    let born = born.ok_or(Lost::Unreadable)?;
    Ok((Case { born, happened, said, seen: Vec::new() }, looks))
}

/// What a person said about a value; none where the clause of that time is gone, or the value is.
fn said_of<'d>(
    body: &Body<'_>,
    at: Timestamp,
    by: UserId,
    contract: Option<&Contract>,
    words: impl Fn(&str) -> Result<&'d str, Lost>,
) -> Result<Option<Said>, Lost> {
    let rule = body.field.as_deref().zip(contract).and_then(|(field, contract)| contract.fields.get(field));
    let choice = match body.choice {
        Some("approve") => Answer::Approved,
        Some("edit") => Answer::Edited,
        Some("reject") => Answer::Rejected,
        _ => return Ok(None),
    };
    let (Some(rule), Some(id)) = (rule, body.sealed.get("value")) else { return Ok(None) };
    let Ok(value) = words(id) else { return Ok(None) };
    Ok(Some(Said { at, by, to: rule.target(), from: rule.from.clone(), choice, value: value.to_owned() }))
}

/// What a rollback says about the values it takes back.
fn taken_back(undo: &Undo, at: Timestamp, contract: Option<&Contract>) -> Vec<Said> {
    let one = |(property, back): (&String, &Back)| {
        let from = contract.and_then(|c| c.fields.get(&back.field)).map_or(&back.field, |rule| &rule.from).clone();
        let to = format!("{}.{property}", undo.object.as_str());
        Said { at, by: undo.by.clone(), to, from, choice: Answer::TakenBack, value: back.from.clone() }
    };
    undo.fields.iter().map(one).collect()
}

fn kind_of(word: &str) -> Option<ReviewKind> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).ok()
}

#[cfg(test)]
mod tests;
