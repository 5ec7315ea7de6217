//! What rang, what we hold, what the CRM holds: three witnesses of every call, compared.
//!
//! The judgement comes from outside: the provider's own list (or a phone log) says what rang, the CRM read now says what is there. Our own
//! records stand between them and are judged, never believed. Each call gets five ticks or the name of what is missing; everything that is
//! not as it should be is a [`Finding`] with a sentence and the one command that mends it. Nothing here holds a personal value: findings name
//! records by the CRM's ids and fields by their names.
//!
//! [`file`] is the form in which a day's judgement is kept, chained and signed.

pub mod file;

use crate::crm::{Object, Properties, Record, SetBy, Setter};
use crate::effect::{STAMPS, hex};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A list that shows minutes, and a provider's clock beside ours: calls of one caller this near to each other may be the same call.
pub const SAME_CALL_SECONDS: i64 = 105;
/// Characters of a finding's id after its prefix.
const ID_CHARS: usize = 12;

/// A missed call as a witness outside lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rang {
    /// Where it stands: `line 17`, or the provider's id.
    pub reference: String,
    /// All names by which the provider knows it.
    pub keys: Vec<String>,
    /// E.164, where it is a number.
    pub caller: Option<String>,
    /// E.164 of the number that was dialled, where it is one.
    pub dialled: Option<String>,
    pub at: Timestamp,
    /// Nobody answered it, says this witness.
    pub missed: bool,
}

/// A call of ours, as far as pairing needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub id: String,
    pub keys: Vec<String>,
    pub caller: Option<String>,
    pub dialled: Option<String>,
    pub at: Timestamp,
}

/// Which of our calls is each call of the list? By a common key; else the nearest of the same caller within [`SAME_CALL_SECONDS`]. One of
/// our calls answers for one call of the list, or a call that was lost would hide behind its neighbour.
pub fn pair(rang: &[Rang], known: &[Known]) -> Vec<Option<usize>> {
    let mut by_key: BTreeMap<&str, usize> = BTreeMap::new();
    for (n, call) in known.iter().enumerate() {
        for key in &call.keys {
            by_key.entry(key).or_insert(n);
        }
    }
    let mut pairs: Vec<Option<usize>> =
        rang.iter().map(|r| r.keys.iter().find_map(|key| by_key.get(key.as_str()).copied())).collect();
    let mut taken: Vec<bool> = vec![false; known.len()];
    for n in pairs.iter().flatten() {
        if let Some(slot) = taken.get_mut(*n) {
            *slot = true;
        }
    }
    let mut by_caller: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    for (n, call) in known.iter().enumerate() {
        by_caller.entry(call.caller.as_deref()).or_default().push(n);
    }
    // Nearest first over all of them, so that two calls within a minute find their own.
    let mut near: Vec<(i64, usize, usize)> = Vec::new();
    for (row, one) in rang.iter().enumerate().filter(|(row, _)| pairs.get(*row).is_some_and(Option::is_none)) {
        for n in by_caller.get(&one.caller.as_deref()).into_iter().flatten() {
            let Some(call) = known.get(*n) else { continue };
            let apart = call.at.duration_since(one.at).as_secs().abs();
            let same_line = match (&call.dialled, &one.dialled) {
                (Some(a), Some(b)) => a == b,
                // Without caller and without line a minute says nothing.
                _ => one.caller.is_some(),
            };
            if apart <= SAME_CALL_SECONDS && same_line {
                near.push((apart, row, *n));
            }
        }
    }
    near.sort_unstable();
    for (_, row, n) in near {
        let (Some(pair), Some(taken)) = (pairs.get_mut(row), taken.get_mut(n)) else { continue };
        if pair.is_none() && !*taken {
            *pair = Some(n);
            *taken = true;
        }
    }
    pairs
}

/// The five things that shall be true of a missed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tick {
    Recorded,
    Matched,
    InCrm,
    Task,
    CalledBack,
}

/// In the order in which they come true.
pub const TICKS: [Tick; 5] = [Tick::Recorded, Tick::Matched, Tick::InCrm, Tick::Task, Tick::CalledBack];

impl Tick {
    /// As a heading over a column.
    pub fn title(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Matched => "matched",
            Self::InCrm => "in the CRM",
            Self::Task => "callback task",
            Self::CalledBack => "called back",
        }
    }
}

/// Is it so?
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "is", content = "why", rename_all = "snake_case")]
pub enum Mark {
    Yes,
    /// Not so, and should be; what is missing.
    No(String),
    /// Not so yet, and on its way or somebody's to do.
    Waits(String),
    /// It need not be, by this rule.
    NotNeeded(String),
    /// Nobody could be asked.
    Unknown(String),
}

impl Mark {
    /// A stable word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No(_) => "no",
            Self::Waits(_) => "waits",
            Self::NotNeeded(_) => "not_needed",
            Self::Unknown(_) => "unknown",
        }
    }
    /// What is missing, waited for or not needed.
    pub fn why(&self) -> &str {
        match self {
            Self::Yes => "",
            Self::No(why) | Self::Waits(why) | Self::NotNeeded(why) | Self::Unknown(why) => why,
        }
    }
}

/// What our own records say of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    Recorded,
    /// The provider's message is here, and no call was made of it: which signal, and the command that lets it go on. `waits`: it goes on
    /// by itself.
    Held {
        signal: String,
        why: String,
        command: String,
        waits: bool,
    },
    Missing,
}

/// How far the write of a record has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// We hold a receipt.
    Done,
    /// It is on its way; since when, or why it waits.
    Waits(String),
    /// It cannot succeed without a person.
    Dead(String),
    /// A person must decide first.
    Asked(String),
    /// The rules do not want it.
    Unwanted(String),
    /// Nothing says why there is none.
    Nothing,
}

/// What the CRM showed of a record, read now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// There was nothing to ask for.
    Nothing,
    /// It could not be asked.
    Unread(String),
    /// A read by its id says that it is gone.
    Gone,
    /// It was merged into this one; that counts as being there.
    Merged(Record),
    Held(Record),
}

/// One record that a call should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub object: Object,
    /// The effect that made it (or should).
    pub effect: Option<String>,
    pub sent: Sent,
    /// Made by us; else it was there before, and is not ours to make again.
    pub made: bool,
    pub record: Option<String>,
    /// What the receipts of all effects on this record say was written, the latest of each.
    pub wrote: Properties,
    pub seen: Seen,
    /// Ids of the contacts it is linked to; `None` where the CRM was not asked or does not say.
    pub contacts: Option<Vec<String>>,
    /// The sub-account it lies in, and the one it belongs in, where they differ.
    pub misplaced: Option<(String, String)>,
}

/// Another record of the same person that the CRM showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    pub record: String,
    /// It carries a key of ours.
    pub ours: bool,
    /// Who made it and when, where the CRM says.
    pub made_by: Option<SetBy>,
}

/// Everything known of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Our call's id, or where the list has it.
    pub call: String,
    pub inquiry: Option<String>,
    /// The location's slug; empty when unknown.
    pub location: String,
    pub at: Timestamp,
    pub category: String,
    /// The IANA name of the zone in which sentences tell moments; an unknown one tells them in UTC.
    pub zone: String,
    pub stored: Stored,
    pub matched: Mark,
    /// Contact, call log, task.
    pub parts: Vec<Part>,
    pub called_back: Mark,
    /// Records of this person beside the contact. Told once per person: empty in the person's other calls.
    pub others: Vec<Other>,
    /// When we first knew of this person: what was made later was not made before us.
    pub known_since: Option<Timestamp>,
}

/// What can be wrong, or worth a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It rang, and no record of ours shows it.
    Lost,
    /// The provider's message is held back: wrong signature, unreadable.
    HeldBack,
    /// It should be in the CRM and is not.
    MissingInCrm,
    /// We hold a receipt, and the record is gone.
    DeletedInCrm,
    /// We made a second record of one person or one key.
    Doubled,
    /// Somebody else made a second record of the same person.
    ForeignDuplicate,
    /// A value that we wrote was changed since.
    Drift,
    /// A record without the contact it belongs to; also a deal of nobody.
    Orphan,
    /// It lies in the wrong sub-account.
    WrongPlace,
    /// Not there yet, and on its way or waiting for a person.
    Waiting,
}

impl Kind {
    /// A stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::HeldBack => "held_back",
            Self::MissingInCrm => "missing_in_crm",
            Self::DeletedInCrm => "deleted_in_crm",
            Self::Doubled => "doubled",
            Self::ForeignDuplicate => "foreign_duplicate",
            Self::Drift => "drift",
            Self::Orphan => "orphan",
            Self::WrongPlace => "wrong_place",
            Self::Waiting => "waiting",
        }
    }
}

/// How a finding is mended: always through the lanes, never beside them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mend {
    /// Take the listed call in like any signal.
    TakeIn,
    /// Put these effects due again; what the CRM holds is looked up first.
    Again(Vec<String>),
    /// Look the caller up where the records belong, and make everything there.
    Move,
    /// Another command does it.
    Command,
    /// Only a person can.
    Person,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stays the same as long as the same thing is wrong.
    pub id: String,
    pub kind: Kind,
    pub call: String,
    pub inquiry: Option<String>,
    pub location: String,
    pub object: Option<Object>,
    pub record: Option<String>,
    pub field: Option<String>,
    /// Who did it, where the CRM says.
    pub by: Option<Setter>,
    pub by_at: Option<Timestamp>,
    /// For a coordinator. Holds no personal value.
    pub sentence: String,
    pub command: String,
    #[serde(skip)]
    pub mend: Mend,
}

/// One call, judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judged {
    pub call: String,
    pub inquiry: Option<String>,
    pub location: String,
    pub at: Timestamp,
    pub category: String,
    /// In the order of [`TICKS`].
    pub ticks: Vec<Mark>,
    pub findings: Vec<Finding>,
}

impl Judged {
    fn is(&self, tick: Tick) -> bool {
        self.mark(tick) == Some(&Mark::Yes)
    }
    /// The mark under a tick.
    pub fn mark(&self, tick: Tick) -> Option<&Mark> {
        TICKS.iter().position(|t| *t == tick).and_then(|n| self.ticks.get(n))
    }
}

/// The five numbers, and what stands beside them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub rang: u64,
    pub recorded: u64,
    pub in_crm: u64,
    pub lost: u64,
    pub doubled: u64,
    pub tasks: u64,
    pub called_back: u64,
    /// The rules want no record of these: suppliers, callers without a number, accounts that only observe.
    pub kept_out: u64,
    /// Nobody could be asked about these.
    pub unread: u64,
    pub exceptions: u64,
}

impl Counts {
    /// `12 rang. 12 recorded. 12 in the CRM. 0 lost. 0 doubled.`
    pub fn sentence(&self) -> String {
        let Self { rang, recorded, in_crm, lost, doubled, .. } = self;
        format!("{rang} rang. {recorded} recorded. {in_crm} in the CRM. {lost} lost. {doubled} doubled.")
    }

    /// Counts one more call.
    pub fn add(&mut self, call: &Judged) {
        let one = |yes: bool| u64::from(yes);
        self.rang += 1;
        self.recorded += one(call.is(Tick::Recorded));
        self.in_crm += one(call.is(Tick::InCrm));
        self.tasks += one(call.is(Tick::Task));
        self.called_back += one(call.is(Tick::CalledBack));
        self.lost += one(call.findings.iter().any(|f| f.kind == Kind::Lost));
        self.doubled += call.findings.iter().filter(|f| f.kind == Kind::Doubled).count() as u64;
        self.kept_out += one(matches!(call.mark(Tick::InCrm), Some(Mark::NotNeeded(_))));
        self.unread += one(matches!(call.mark(Tick::InCrm), Some(Mark::Unknown(_))));
        self.exceptions += call.findings.len() as u64;
    }
}

/// All calls of a window, judged and counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub sentence: String,
    pub counts: Counts,
    /// By location slug.
    pub locations: BTreeMap<String, Counts>,
    pub calls: Vec<Judged>,
    /// What is wrong beside the calls: deals of nobody.
    pub beside: Vec<Finding>,
}

impl Report {
    /// Every finding, in the order of the calls, then those beside them.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.calls.iter().flat_map(|call| &call.findings).chain(&self.beside)
    }
    /// One finding.
    pub fn finding(&self, id: &str) -> Option<&Finding> {
        self.findings().find(|f| f.id == id)
    }
}

/// Judges every case. `again` is the command line that looks at this window again; `worked` are the properties of a task that change when
/// somebody works on it.
pub fn report(cases: &[Case], again: &str, worked: &[&str]) -> Report {
    let mut calls: Vec<Judged> = cases.iter().map(|case| judge(case, again, worked)).collect();
    calls.sort_by(|a, b| (a.at, &a.call).cmp(&(b.at, &b.call)));
    // Calls of one inquiry share contact and task: what is wrong with those is told once.
    let mut told = std::collections::BTreeSet::new();
    for call in &mut calls {
        call.findings.retain(|finding| told.insert(finding.id.clone()));
    }
    let (mut counts, mut locations) = (Counts::default(), BTreeMap::<String, Counts>::new());
    for call in &calls {
        counts.add(call);
        locations.entry(call.location.clone()).or_default().add(call);
    }
    Report { sentence: counts.sentence(), counts, locations, calls, beside: Vec::new() }
}

/// An open deal of the CRM that is linked to no contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lonely {
    pub deal: String,
    /// The contacts of callers whose number or name stands in the deal's name.
    pub fits: Vec<String>,
}

/// Deals of nobody, each with the link that is proposed where exactly one contact fits. No plan of ours writes a deal.
pub fn lonely(deals: &[Lonely], again: &str) -> Vec<Finding> {
    let find = |one: &Lonely| {
        let deal = &one.deal;
        let proposed = match one.fits.as_slice() {
            [contact] => format!("Its name fits contact {contact}: link it to that one in the CRM if it is theirs."),
            [] => "No caller of this window fits it; link it to its contact in the CRM.".to_owned(),
            several => format!("Its name fits contacts {}: link it to the right one in the CRM.", several.join(", ")),
        };
        Finding {
            id: finding_id(Kind::Orphan, Object::Deal.as_str(), deal, ""),
            kind: Kind::Orphan,
            call: format!("deal {deal}"),
            inquiry: None,
            location: String::new(),
            object: Some(Object::Deal),
            record: Some(deal.clone()),
            field: None,
            by: None,
            by_at: None,
            sentence: format!("Deal {deal} is linked to no contact. {proposed}"),
            command: again.to_owned(),
            mend: Mend::Person,
        }
    };
    deals.iter().map(find).collect()
}

/// Does a deal's name hold that number (its national digits) or that name? Short names say nothing.
pub fn fits(deal_name: &str, national: Option<&str>, name: &str) -> bool {
    const DIGITS_MIN: usize = 7;
    const NAME_CHARS_MIN: usize = 5;
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let number = national.map(digits).is_some_and(|n| n.len() >= DIGITS_MIN && digits(deal_name).contains(&n));
    let name = name.trim().to_lowercase();
    let whole = name.chars().count() >= NAME_CHARS_MIN && name.contains(' ');
    number || (whole && deal_name.to_lowercase().contains(&name))
}

fn finding_id(kind: Kind, object: &str, subject: &str, field: &str) -> String {
    let digest = hex(&Sha256::digest(format!("{}\n{object}\n{subject}\n{field}", kind.word()).as_bytes()));
    format!("f-{}", digest.get(..ID_CHARS).unwrap_or_default())
}

/// Judges one call.
pub fn judge(case: &Case, again: &str, worked: &[&str]) -> Judged {
    let mut judge = Judge { case, again, worked, findings: Vec::new() };
    let ticks = judge.ticks();
    Judged {
        call: case.call.clone(),
        inquiry: case.inquiry.clone(),
        location: case.location.clone(),
        at: case.at,
        category: case.category.clone(),
        ticks,
        findings: judge.findings,
    }
}

struct Judge<'a> {
    case: &'a Case,
    again: &'a str,
    worked: &'a [&'a str],
    findings: Vec<Finding>,
}

/// What a finding is about.
#[derive(Default)]
struct About<'a> {
    part: Option<&'a Part>,
    record: Option<&'a str>,
    field: Option<&'a str>,
    by: Option<&'a SetBy>,
}

impl Judge<'_> {
    fn ticks(&mut self) -> Vec<Mark> {
        match &self.case.stored {
            Stored::Missing => {
                let words = "It rang, and nothing of it ever arrived here.".to_owned();
                self.find(Kind::Lost, &About::default(), words, Mend::TakeIn);
                return vec![Mark::No("not recorded".into()); TICKS.len()];
            }
            Stored::Held { signal, why, command, waits: true } => {
                let words = format!("The provider's message {signal} is here and not worked on yet.");
                self.find_with(Kind::Waiting, &About::default(), words, Mend::Command, command.clone());
                return vec![Mark::Waits(why.clone()); TICKS.len()];
            }
            Stored::Held { signal, why, command, waits: false } => {
                let words = format!("The provider's message {signal} is held back: {why}.");
                self.find_with(Kind::HeldBack, &About::default(), words, Mend::Command, command.clone());
                return vec![Mark::No(format!("held back: {why}")); TICKS.len()];
            }
            Stored::Recorded => {}
        }
        let case = self.case;
        let part = |object: Object| case.parts.iter().find(|p| p.object == object);
        let (contact, log, task) = (part(Object::Contact), part(Object::Call), part(Object::Task));
        let deleted = contact.is_some_and(|c| c.made && c.seen == Seen::Gone && c.misplaced.is_none());
        let contact_mark = self.part(contact, Object::Contact);
        // A contact that is made again takes its call log and task with it.
        let (log_mark, task_mark) = if deleted {
            (self.beside(log), self.beside(task))
        } else {
            (self.part(log, Object::Call), self.part(task, Object::Task))
        };
        self.links(contact, &[log, task], deleted);
        self.others(contact);
        for part in case.parts.iter().filter(|p| !p.wrote.is_empty() && p.misplaced.is_none()) {
            self.drift(part);
        }
        vec![Mark::Yes, case.matched.clone(), both(contact_mark, log_mark), task_mark, case.called_back.clone()]
    }

    /// Is a record where it should be? Finds what is wrong with it.
    fn part(&mut self, part: Option<&Part>, object: Object) -> Mark {
        let name = name(object);
        let Some(part) = part else { return Mark::NotNeeded(format!("no {name} is wanted")) };
        let about = About { part: Some(part), ..About::default() };
        match (&part.sent, &part.seen) {
            (Sent::Unwanted(why), _) => Mark::NotNeeded(why.clone()),
            (Sent::Asked(why), _) => {
                let words = format!("The {name} waits for a decision: {why}.");
                self.find_with(Kind::Waiting, &about, words, Mend::Command, "ringback review list".into());
                Mark::Waits(why.clone())
            }
            (Sent::Waits(why), _) => {
                let words = format!("The {name} is on its way: {why}.");
                self.find_with(Kind::Waiting, &about, words, Mend::Command, "ringback runbook".into());
                Mark::Waits(why.clone())
            }
            (Sent::Dead(why), _) => {
                let effect = part.effect.clone().unwrap_or_default();
                let words = format!("The CRM does not hold the {name}, and it cannot be written without you: {why}.");
                let command = format!("ringback dead-letters replay {effect}");
                self.find_with(Kind::MissingInCrm, &about, words, Mend::Command, command);
                Mark::No(format!("no {name}: {why}"))
            }
            (Sent::Nothing, _) => {
                let words = format!("No {name} was ever planned for it.");
                self.find_with(Kind::MissingInCrm, &about, words, Mend::Person, "ringback doctor".into());
                Mark::No(format!("no {name}"))
            }
            // Whatever has its id in the place that it belongs in is another record.
            (Sent::Done, _) if part.misplaced.is_some() => {
                let (held, wanted) = part.misplaced.clone().unwrap_or_default();
                let words = format!("The {name} lies in {held} and belongs in {wanted}.");
                self.find(Kind::WrongPlace, &about, words, Mend::Move);
                Mark::No(format!("the {name} lies in {held}"))
            }
            (Sent::Done, Seen::Unread(why)) => Mark::Unknown(why.clone()),
            (Sent::Done, Seen::Gone) => {
                self.gone(part, name);
                Mark::No(format!("the {name} was deleted in the CRM"))
            }
            (Sent::Done, Seen::Held(_) | Seen::Merged(_)) => Mark::Yes,
            // The receipt names no record: nothing was to be made.
            (Sent::Done, Seen::Nothing) => Mark::NotNeeded(format!("no {name} was to be made")),
        }
    }

    /// Beside a deleted contact: told with it.
    fn beside(&mut self, part: Option<&Part>) -> Mark {
        match part {
            Some(part) if matches!(part.sent, Sent::Done) => Mark::No("its contact was deleted in the CRM".into()),
            part => {
                let object = part.map_or(Object::Task, |p| p.object);
                self.part(part, object)
            }
        }
    }

    fn gone(&mut self, part: &Part, name: &str) {
        let about = About { part: Some(part), ..About::default() };
        let record = part.record.as_deref().unwrap_or_default();
        if !part.made {
            let words = format!(
                "{name} {record} was there before this call and has been deleted in the CRM since. Ringback makes no record of yours \
                 again: restore it in the CRM if it was a mistake."
            );
            let command = self.again.to_owned();
            self.find_with(Kind::DeletedInCrm, &about, words, Mend::Person, command);
            return;
        }
        let mut effects: Vec<String> = part.effect.iter().cloned().collect();
        if part.object == Object::Contact {
            // What hangs on it needs the new one.
            let hanging =
                self.case.parts.iter().filter(|p| p.object != Object::Contact && matches!(p.sent, Sent::Done));
            effects.extend(hanging.filter_map(|p| p.effect.clone()));
        }
        let words = format!("{name} {record} was written and seen, and has been deleted in the CRM since.");
        self.find(Kind::DeletedInCrm, &about, words, Mend::Again(effects));
    }

    /// Call log and task have to show their contact.
    fn links(&mut self, contact: Option<&Part>, parts: &[Option<&Part>], deleted: bool) {
        let id = contact.and_then(|c| match &c.seen {
            Seen::Held(record) | Seen::Merged(record) => Some(record.id.as_str()),
            _ => c.record.as_deref(),
        });
        for part in parts.iter().copied().flatten() {
            let held = matches!(part.seen, Seen::Held(_) | Seen::Merged(_)) && part.misplaced.is_none();
            let (Some(linked), Some(id), true, false) = (&part.contacts, id, held, deleted) else { continue };
            let also = contact.and_then(|c| c.record.as_deref());
            if linked.iter().any(|l| l == id || Some(l.as_str()) == also) {
                continue;
            }
            let name = name(part.object);
            let record = part.record.as_deref().unwrap_or_default();
            let words = format!("{name} {record} is not linked to its contact {id} any more.");
            self.find(Kind::Orphan, &About { part: Some(part), ..About::default() }, words, again(part));
        }
    }

    /// Other records of the same person.
    fn others(&mut self, contact: Option<&Part>) {
        let Some(contact) = contact else { return };
        let first = contact.record.as_deref().unwrap_or_default();
        for other in &self.case.others {
            let about =
                About { part: Some(contact), record: Some(&other.record), by: other.made_by.as_ref(), field: None };
            let who = other.made_by.as_ref().map_or("somebody", |by| setter(by.who));
            let at = self.told(other.made_by.as_ref().and_then(|by| by.at));
            let since = self.case.known_since;
            let later = match other.made_by.as_ref().and_then(|by| by.at).zip(since) {
                Some((made, since)) => made > since,
                None => true,
            };
            if other.ours || (contact.made && !later) {
                let words = format!(
                    "The CRM holds two records of one person, {first} and {}, and Ringback made the second. Merge them in the CRM; \
                     Ringback follows the one that stays.",
                    other.record
                );
                self.find_with(Kind::Doubled, &about, words, Mend::Person, self.again.to_owned());
            } else if later {
                let words = format!(
                    "Beside contact {first}, {who} made contact {} of the same person{at}. Merge them in the CRM; Ringback follows the \
                     one that stays.",
                    other.record
                );
                self.find_with(Kind::ForeignDuplicate, &about, words, Mend::Person, self.again.to_owned());
            }
            // Both were there before us: that is a question of the match, and asked there.
        }
    }

    /// Values that we wrote and that are not there any more.
    fn drift(&mut self, part: &Part) {
        // In a merge people choose which of two values stays.
        let Seen::Held(record) = &part.seen else { return };
        for (field, wrote) in &part.wrote {
            // Asked for and not shown is emptied.
            let held = record.properties.get(field).map_or("", String::as_str);
            let by = record.set_by.get(field);
            let work = part.object == Object::Task && self.worked.contains(&field.as_str());
            if STAMPS.contains(&field.as_str()) || same(held, wrote) || work {
                continue;
            }
            let who = by.map_or("somebody", |by| setter(by.who));
            let at = self.told(by.and_then(|by| by.at));
            let id = &record.id;
            let object = part.object.as_str();
            let words =
                format!("{field} of {} {id} was written by Ringback and changed by {who}{at}.", name(part.object));
            let about = About { part: Some(part), field: Some(field), by, record: Some(id) };
            let command = format!("ringback trace {object} {id} {field}");
            self.find_with(Kind::Drift, &about, words, Mend::Person, command);
        }
    }

    /// ` on 2026-11-26 at 11:00 (America/Denver)`; nothing where it is not known.
    fn told(&self, at: Option<Timestamp>) -> String {
        let Some(at) = at else { return String::new() };
        let (zone, name) =
            TimeZone::get(&self.case.zone).map_or((TimeZone::UTC, "UTC"), |zone| (zone, self.case.zone.as_str()));
        format!(" on {} ({name})", at.to_zoned(zone).strftime("%Y-%m-%d at %H:%M"))
    }

    fn find(&mut self, kind: Kind, about: &About<'_>, sentence: String, mend: Mend) {
        self.find_with(kind, about, sentence, mend, String::new());
    }

    fn find_with(&mut self, kind: Kind, about: &About<'_>, sentence: String, mend: Mend, command: String) {
        let object = about.part.map(|p| p.object);
        let record = about.record.map(str::to_owned).or_else(|| about.part.and_then(|p| p.record.clone()));
        // Contact and task belong to all calls of an inquiry: the same thing has the same id in each of them.
        let subject = match (&record, about.part) {
            (Some(record), _) => record.clone(),
            (None, Some(part)) => part.effect.clone().unwrap_or_else(|| self.case.call.clone()),
            (None, None) => self.case.call.clone(),
        };
        let named = object.map_or("", Object::as_str);
        let id = finding_id(kind, named, &subject, about.field.unwrap_or_default());
        let command = if command.is_empty() { format!("{} --mend {id}", self.again) } else { command };
        self.findings.push(Finding {
            id,
            kind,
            call: self.case.call.clone(),
            inquiry: self.case.inquiry.clone(),
            location: self.case.location.clone(),
            object,
            record,
            field: about.field.map(str::to_owned),
            by: about.by.map(|by| by.who),
            by_at: about.by.and_then(|by| by.at),
            sentence,
            command,
            mend,
        });
    }
}

fn again(part: &Part) -> Mend {
    Mend::Again(part.effect.iter().cloned().collect())
}

/// Both have to be there; the worse of the two is told.
fn both(contact: Mark, log: Mark) -> Mark {
    let weight = |mark: &Mark| match mark {
        Mark::Yes => 0,
        Mark::NotNeeded(_) => 1,
        Mark::Unknown(_) => 2,
        Mark::Waits(_) => 3,
        Mark::No(_) => 4,
    };
    if weight(&log) > weight(&contact) { log } else { contact }
}

fn name(object: Object) -> &'static str {
    match object {
        Object::Contact => "contact",
        Object::Call => "call log",
        Object::Task => "callback task",
        Object::Note => "note",
        Object::Deal => "deal",
        Object::Company => "company",
    }
}

fn setter(who: Setter) -> &'static str {
    match who {
        Setter::Person => "a person",
        Setter::Integration => "an integration",
        Setter::Automation => "the CRM's own automation",
        Setter::Unknown => "somebody",
    }
}

/// Does this record show another value than we wrote? Then it is worth asking who set it.
pub fn drifted(record: &Record, wrote: &Properties) -> bool {
    let held = |field: &String| record.properties.get(field).map_or("", String::as_str);
    wrote.iter().any(|(field, value)| !STAMPS.contains(&field.as_str()) && !same(held(field), value))
}

/// A receipt was read from the same CRM, so it spells alike; only instants and outer spaces may differ.
fn same(held: &str, wrote: &str) -> bool {
    let instant = |text: &str| text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond);
    held.trim() == wrote.trim() || instant(held).is_some_and(|a| instant(wrote) == Some(a))
}

#[cfg(test)]
mod tests;
