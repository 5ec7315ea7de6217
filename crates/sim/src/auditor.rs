//! The auditor: counts in the vendors only, and compares with what the world knows to have happened.
//!
//! It shares no rule with the program: who ought to be in the CRM, which calls, which task and by when follow from the world's truth alone.
//! From the program it takes one thing, the verdict of its own ledger check.

mod laws;

use crate::run::Played;
use crate::words::Need;
use crate::world::{Account, Deed, Ended, Person, RealCall, Who, World};
use ringback_twins::hubspot::{HubSpot, ObjectType, Record};
use std::collections::{BTreeMap, BTreeSet};

/// A call record may carry a start that differs so much from the truth: a provider that sends no time is known by the arrival.
const START_SLACK_MS: i64 = 90_000;
/// How much later a clock may start where a provider tells the end only roughly.
const CLOCK_SLACK_MS: i64 = 120_000;
const MINUTE_MS: i64 = 60_000;

/// What the auditor found.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Verdict {
    /// Acknowledged calls without a record that ought to have one.
    pub lost: u64,
    /// Contacts, call records or tasks too many.
    pub doubled: u64,
    /// Writes to what belongs to people.
    pub forbidden_writes: u64,
    /// Every sentence of complaint.
    pub complaints: Vec<String>,
    pub contacts_created: u64,
    pub calls_logged: u64,
    pub tasks: u64,
    pub tasks_open: u64,
}

impl Verdict {
    /// Nothing to complain about.
    pub fn clean(&self) -> bool {
        self.complaints.is_empty()
    }

    fn complain(&mut self, words: impl Into<String>) {
        self.complaints.push(words.into());
    }

    fn lose(&mut self, words: impl Into<String>) {
        self.lost += 1;
        self.complain(format!("lost: {}", words.into()));
    }

    fn double(&mut self, words: impl Into<String>) {
        self.doubled += 1;
        self.complain(format!("doubled: {}", words.into()));
    }

    fn forbid(&mut self, words: impl Into<String>) {
        self.forbidden_writes += 1;
        self.complain(format!("forbidden: {}", words.into()));
    }
}

/// The last digits of a number: enough to tell the world's callers apart, however it is written.
pub fn tail(number: &str) -> String {
    let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
    digits.iter().skip(digits.len().saturating_sub(10)).collect()
}

/// Judges a world that has come to rest.
pub fn audit(world: &World, played: &Played) -> Verdict {
    let mut verdict = Verdict::default();
    for (n, account) in world.accounts.iter().enumerate() {
        let seeds = played.seeds.get(n).cloned().unwrap_or_default();
        let deals = played.deals.get(n).cloned().unwrap_or_default();
        played.stage.with_vendors(n, |vendors| {
            let twin = vendors.crm.vendor();
            let view = View { world, played, account, at: n, twin, seeds: &seeds };
            view.callers(&mut verdict);
            view.strays(&mut verdict);
            view.seeded(&mut verdict);
            view.deals(&deals, &mut verdict);
            laws::protocol(&view, &mut verdict);
            laws::pages(vendors.pager.vendor(), account, &mut verdict);
            laws::events(&view, vendors.desk.vendor(), &mut verdict);
        });
    }
    for leak in played.stage.leaks() {
        verdict.complain(format!("between accounts: {leak}"));
    }
    for (n, report) in played.ledgers.iter().enumerate() {
        if !report.ok {
            verdict.complain(format!(
                "the ledger of account {n} is broken: {:?} {:?}",
                report.broken, report.checkpoint_breaks
            ));
        }
    }
    for (n, why) in &played.dead {
        // A page that nobody took within its tries is a dead letter by rule; everything else has to come to a good end.
        if !why.starts_with("page ") {
            verdict.complain(format!("dead letter of account {n}: {why}"));
        }
    }
    for (n, what) in &played.stuck {
        verdict.complain(format!("account {n}: {what}"));
    }
    if played.unsettled > 0 {
        verdict.complain(format!("{} effects have not come to rest", played.unsettled));
    }
    verdict
}

/// One account's CRM beside the truth.
pub(crate) struct View<'a> {
    pub(crate) world: &'a World,
    pub(crate) played: &'a Played,
    pub(crate) account: &'a Account,
    pub(crate) at: usize,
    pub(crate) twin: &'a HubSpot,
    /// Contact ids by place in the account's people.
    seeds: &'a [String],
}

/// What ought to be in the CRM of one caller.
struct Expected<'a> {
    number: &'a str,
    who: Who,
    calls: Vec<&'a RealCall>,
    /// The contact it belongs to, where the truth names one.
    seeded: Option<&'a str>,
    /// A person said who it is.
    picked_new: bool,
    /// A person reached the caller: closed.
    reached: bool,
    /// A person tried: due again later.
    tried: bool,
    /// A person at the console dealt with the caller; the world does not know what that led to.
    handled: bool,
}

impl<'a> View<'a> {
    /// Every genuine caller with a number, with the calls that were acknowledged.
    fn expected(&self) -> Vec<Expected<'a>> {
        let mut numbers: BTreeMap<&str, Vec<&RealCall>> = BTreeMap::new();
        for call in self.world.calls.iter().filter(|c| c.account == self.at && !c.forged) {
            if let Some(number) = call.e164()
                && self.acknowledged(call)
            {
                numbers.entry(number).or_default().push(call);
            }
        }
        let done = |deed: &Deed| {
            let acts = self.world.acts.iter().zip(&self.played.acted);
            acts.into_iter().any(|(act, done)| *done && act.account == self.at && act.what == *deed)
        };
        numbers
            .into_iter()
            .map(|(number, calls)| {
                let who = calls.first().map_or(Who::Stranger, |c| c.who);
                let named = || self.person_of(number).and_then(|(n, _)| self.seeds.get(n)).map(String::as_str);
                let picked_first = done(&Deed::PickFirst(number.to_owned()));
                Expected {
                    number,
                    who,
                    calls,
                    seeded: matches!(who, Who::Customer | Who::Lead)
                        .then(named)
                        .flatten()
                        .or_else(|| picked_first.then(named).flatten()),
                    picked_new: done(&Deed::PickNew(number.to_owned())),
                    reached: done(&Deed::Reach(number.to_owned())),
                    tried: done(&Deed::Try(number.to_owned())),
                    handled: self.handled(number),
                }
            })
            .collect()
    }

    fn handled(&self, number: &str) -> bool {
        self.played.handled.get(self.at).is_some_and(|numbers| numbers.contains(number))
    }

    fn person_of(&self, number: &str) -> Option<(usize, &'a Person)> {
        self.account.people.iter().enumerate().find(|(_, p)| p.e164 == number)
    }

    /// A delivery that says how the call ended was acknowledged, or accepted from quarantine.
    fn acknowledged(&self, call: &RealCall) -> bool {
        let told = self.world.deliveries.iter().zip(&self.played.told);
        told.into_iter().any(|(d, told)| d.call == call.n && d.telling && told.acked_ms.is_some())
    }

    /// Contacts with that number.
    fn contacts(&self, number: &str) -> Vec<&'a Record> {
        let tail_of = tail(number);
        let holds = |r: &&Record| ["phone", "mobilephone"].iter().any(|p| r.get(p).is_some_and(|v| tail(v) == tail_of));
        self.twin.records(ObjectType::Contacts).into_iter().filter(holds).collect()
    }

    /// Records of one type linked to a contact.
    fn linked(&self, kind: ObjectType, contact: &str) -> Vec<&'a Record> {
        let to = |r: &&Record| r.linked(ObjectType::Contacts).iter().any(|id| id == contact);
        self.twin.records(kind).into_iter().filter(to).collect()
    }

    fn callers(&self, verdict: &mut Verdict) {
        for expected in self.expected() {
            let seeded = self.account.people.iter().filter(|p| p.e164 == expected.number).count();
            let contacts = self.contacts(expected.number);
            let made = contacts.len().saturating_sub(seeded);
            let known = expected.seeded.is_some();
            let wanted = expected.calls.iter().filter(|c| !c.answered()).count();
            let possible = expected.calls.len();
            let stays_out = expected.who.stays_out() && !known && !expected.picked_new;
            let name = format!("account {} caller {} ({:?})", self.account.letter, expected.number, expected.who);
            if (stays_out || known) && !expected.handled {
                if made > 0 {
                    verdict.double(format!("{name}: {made} contacts made of somebody who is known or must stay out"));
                }
            } else if made > 1 {
                verdict.double(format!("{name}: {made} contacts"));
            } else if made == 0 && wanted > 0 && !expected.handled {
                verdict.lose(format!("{name}: no contact"));
            }
            verdict.contacts_created += made as u64;
            if stays_out && expected.handled {
                continue;
            }
            if stays_out {
                for contact in &contacts {
                    let linked = self.linked(ObjectType::Calls, &contact.id).len()
                        + self.linked(ObjectType::Tasks, &contact.id).len();
                    if linked > 0 {
                        verdict.forbid(format!(
                            "{name}: {linked} activities on contact {}, and nobody said who it is",
                            contact.id
                        ));
                    }
                }
                continue;
            }
            let contact = match expected.seeded {
                Some(id) => contacts.iter().find(|c| c.id == id),
                None => contacts.iter().find(|c| !self.seeds.contains(&c.id)),
            };
            let Some(contact) = contact else { continue };
            self.calls_of(&name, &expected, contact, (wanted, possible), verdict);
            self.tasks_of(&name, &expected, contact, verdict);
        }
    }

    /// Exactly one call record per call, at its time, on this contact and no other.
    fn calls_of(
        &self,
        name: &str,
        expected: &Expected<'_>,
        contact: &Record,
        (wanted, possible): (usize, usize),
        verdict: &mut Verdict,
    ) {
        let records = self.linked(ObjectType::Calls, &contact.id);
        verdict.calls_logged += records.len() as u64;
        if records.len() > possible {
            verdict.double(format!("{name}: {} call records for {possible} calls", records.len()));
        }
        let mut left: Vec<&&Record> = records.iter().collect();
        for call in &expected.calls {
            let fits = |r: &&&Record| (instant_ms(r.get("hs_timestamp")) - call.started_ms).abs() <= START_SLACK_MS;
            let Some(at) = left.iter().position(fits) else {
                if !call.answered() && !expected.handled {
                    verdict.lose(format!(
                        "{name}: call {} at {} has no record ({} records, {wanted} wanted)",
                        call.n,
                        call.started_ms,
                        records.len()
                    ));
                }
                continue;
            };
            let record = left.remove(at);
            Self::call_record(name, call, record, verdict);
        }
        for record in left {
            verdict.double(format!("{name}: call record {} belongs to no call", record.id));
        }
    }

    fn call_record(name: &str, call: &RealCall, record: &Record, verdict: &mut Verdict) {
        let links = record.linked(ObjectType::Contacts);
        if links.len() != 1 {
            verdict.complain(format!("{name}: call record {} is linked to {} contacts", record.id, links.len()));
        }
        let wanted = match call.ended {
            Ended::Busy => "BUSY",
            Ended::Answered | Ended::AnsweredAfterAll => "COMPLETED",
            _ => "NO_ANSWER",
        };
        let status = record.get("hs_call_status").unwrap_or_default();
        if status != wanted {
            verdict.complain(format!("{name}: call {} ({:?}) is logged as {status}", call.n, call.ended));
        }
        let body = record.get("hs_call_body").unwrap_or_default();
        if body.matches("How it ended:").count() != 1 {
            verdict.complain(format!("{name}: the words of call {} stand there not exactly once: {body:?}", call.n));
        }
        if let Ended::Left(message) = &call.ended {
            let spoken = message.text.chars().any(char::is_alphanumeric);
            if spoken && (body.contains("No message content.") || body.contains("have not arrived")) {
                verdict.lose(format!("{name}: the message of call {} is not in its record: {body:?}", call.n));
            }
        }
    }

    /// One task per inquiry: open while it is, due when it has to be.
    fn tasks_of(&self, name: &str, expected: &Expected<'_>, contact: &Record, verdict: &mut Verdict) {
        let tasks = self.linked(ObjectType::Tasks, &contact.id);
        verdict.tasks += tasks.len() as u64;
        for task in &tasks {
            if task.linked(ObjectType::Contacts).len() != 1 {
                verdict.complain(format!("{name}: task {} is linked to several contacts", task.id));
            }
        }
        let open: Vec<&&Record> = tasks.iter().filter(|t| t.get("hs_task_status") == Some("NOT_STARTED")).collect();
        verdict.tasks_open += open.len() as u64;
        if expected.handled {
            return;
        }
        let mut sites: BTreeMap<usize, Vec<&RealCall>> = BTreeMap::new();
        for call in &expected.calls {
            sites.entry(call.site).or_default().push(call);
        }
        sites.retain(|_, calls| calls.iter().any(|c| !c.answered()));
        let wanted = if expected.reached { 0 } else { sites.len() };
        if open.len() > wanted {
            verdict.double(format!("{name}: {} open tasks, {wanted} wanted", open.len()));
        } else if open.len() < wanted {
            verdict.lose(format!("{name}: {} open tasks, {wanted} wanted", open.len()));
        }
        let most: BTreeSet<usize> = expected.calls.iter().map(|c| c.site).collect();
        // An answered call may have looked missed for a while, so that its inquiry was opened and closed again.
        let closed = expected.calls.iter().filter(|c| c.answered()).count();
        if tasks.len() > most.len() + closed {
            verdict.double(format!("{name}: {} tasks over {} sites", tasks.len(), most.len()));
        }
        if expected.reached || expected.tried || open.len() != wanted {
            return;
        }
        let mut left: Vec<i64> = open.iter().map(|t| instant_ms(t.get("hs_timestamp"))).collect();
        for (site, calls) in &sites {
            let Some((from, to)) = self.due(*site, expected, calls) else { continue };
            match left.iter().position(|due| (from..=to).contains(due)) {
                Some(at) => {
                    left.remove(at);
                }
                None => verdict.complain(format!(
                    "{name}: due at {:?}, but ought to be {} to {}",
                    left.iter().map(|ms| shown(*ms)).collect::<Vec<_>>(),
                    shown(from),
                    shown(to)
                )),
            }
        }
    }

    /// By when somebody must call back, from the truth: earliest and latest that is right.
    fn due(&self, site: usize, expected: &Expected<'_>, calls: &[&RealCall]) -> Option<(i64, i64)> {
        let hours = &self.account.sites.get(site)?.hours;
        let first = calls.iter().filter(|c| !c.answered()).min_by_key(|c| c.started_ms)?;
        let need = calls.iter().filter_map(|c| match &c.ended {
            Ended::Left(message) => Some(message.need),
            _ => None,
        });
        let need = need.min().unwrap_or(Need::Unsaid);
        let customer = match expected.who {
            Who::Customer => true,
            Who::Shared => {
                self.person_of(expected.number).is_some_and(|(_, p)| p.customer) && expected.seeded.is_some()
            }
            _ => false,
        };
        let closed = !hours.open(first.started_ms);
        let due = |from_ms: i64| {
            let by_who = match (closed, customer) {
                (true, _) => hours.opening_plus(from_ms, 60),
                (false, true) => hours.day_end(from_ms),
                (false, false) => hours.add(from_ms, 30),
            };
            let by_need = match need {
                Need::Emergency => from_ms + 5 * MINUTE_MS,
                Need::High => hours.add(from_ms, 5),
                Need::Unsaid => i64::MAX,
            };
            by_who.min(by_need)
        };
        let end = first.ended_ms();
        if first.told_by == [crate::world::Provider::CallRail] {
            Some((due(end), due(end)))
        } else {
            Some((due(first.started_ms), due(end + CLOCK_SLACK_MS)))
        }
    }

    /// Records of ours that belong to nobody.
    fn strays(&self, verdict: &mut Verdict) {
        for kind in [ObjectType::Calls, ObjectType::Tasks] {
            for record in self.twin.records(kind) {
                if record.linked(ObjectType::Contacts).is_empty() {
                    verdict.complain(format!(
                        "account {}: {} {} is linked to nobody",
                        self.account.letter,
                        kind.singular(),
                        record.id
                    ));
                }
            }
        }
        let callers: BTreeSet<String> = self
            .world
            .calls
            .iter()
            .filter(|c| c.account == self.at && !c.forged)
            .filter_map(|c| c.e164().map(tail))
            .collect();
        for contact in self.twin.records(ObjectType::Contacts) {
            let number = contact.get("phone").map(tail).unwrap_or_default();
            let made_by_a_person = number.is_empty() && self.handled("");
            if !self.seeds.contains(&contact.id) && !callers.contains(&number) && !made_by_a_person {
                verdict
                    .double(format!("account {}: contact {} ({number}) never called", self.account.letter, contact.id));
            }
        }
    }

    /// What people typed before stands there still, but for what people typed since, and nothing of theirs was touched by a machine.
    fn seeded(&self, verdict: &mut Verdict) {
        for (person, id) in self.account.people.iter().zip(self.seeds) {
            let Some(record) = self.twin.record(ObjectType::Contacts, id) else {
                verdict.forbid(format!("account {}: contact {id} is gone", self.account.letter));
                continue;
            };
            let name = format!("account {}: {} {} ({id})", self.account.letter, person.first, person.last);
            for (property, versions) in &record.history {
                let by_machine = versions.iter().any(|v| v.source == "INTEGRATION");
                let ours = property.starts_with("rb_");
                let typed = person.typed.iter().any(|(p, _)| p == property);
                if by_machine && (!ours || typed) && !self.handled(&person.e164) {
                    verdict.forbid(format!("{name}: {property} was written: {:?}", versions.last().map(|v| &v.value)));
                }
                let blank = versions.last().is_some_and(|v| v.value.is_empty());
                if blank && versions.len() > 1 {
                    verdict.forbid(format!("{name}: {property} was blanked"));
                }
            }
        }
    }

    fn deals(&self, deals: &[String], verdict: &mut Verdict) {
        for record in self.twin.records(ObjectType::Deals) {
            let touched = record.history.values().flatten().any(|v| v.source == "INTEGRATION");
            let ours = record.associations.keys().any(|(kind, _)| *kind != ObjectType::Contacts);
            if touched || ours || !deals.contains(&record.id) {
                verdict.forbid(format!("account {}: deal {} was touched", self.account.letter, record.id));
            }
        }
    }
}

fn instant_ms(value: Option<&str>) -> i64 {
    value.and_then(|v| v.parse::<jiff::Timestamp>().ok()).map_or(0, jiff::Timestamp::as_millisecond)
}

fn shown(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |t| t.to_string())
}
