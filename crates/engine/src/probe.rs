//! The probe: what a CRM's documents leave open, tried in the customer's sandbox and kept with the connection.
//!
//! It makes a few people named `rb-probe-…`, does to them what lost answers, racing programs and late indexes do, and takes them away again. A
//! recipe, not an effect: nothing here is repeated until it holds, and nothing of it reaches an inquiry. The name of a run is stored before its
//! first write, so that what a run left behind can be found. It deletes only what a vendor's answer called new under a key of this run.

use crate::facts::ConnectionFacts;
use crate::{Engine, Error, micros};
use jiff::{SignedDuration, Timestamp};
use ringback_connect::Crm;
use ringback_core::crm::{CrmOp, Held, KEY_PROPERTY, KeyWay, Object, Outcome, PersonKey, Properties, Record};
use ringback_core::effect::hex;
use ringback_core::id::{AccountId, ConnectionId};
use ringback_core::problem::Problem;
use ringback_store::{self as store, Site};
use serde::Serialize;
use std::time::Duration;

/// What a probe found out is kept under names that begin so.
pub const SETTING: &str = "probe.";
/// How late a look by our key was.
pub(crate) const KEY_LAG_SETTING: &str = "probe.key_lag_seconds";
/// How late a search was.
pub(crate) const SEARCH_LAG_SETTING: &str = "probe.search_lag_seconds";
/// How long a probe waits for a record to show.
pub const WAIT_SECONDS_MAX: u64 = 120;
/// People a probe makes, if no write of it is done twice.
pub const PEOPLE: usize = 5;
/// How often one exchange is tried while the vendor only asks to wait.
const TRIES_MAX: usize = 5;
/// The longest such wait.
const PAUSE_SECONDS_MAX: u64 = 30;
/// Looks are a second apart at first, then further.
const CLOSE_LOOKS: usize = 10;
const FAR: Duration = Duration::from_secs(5);
/// Vendors that compare times of change compare whole seconds.
const GRAIN: Duration = Duration::from_secs(2);
/// Stands before a lag that the probe did not see the end of.
const OVER: &str = "over ";

/// One question with what was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The name it is kept under, behind [`SETTING`].
    pub question: &'static str,
    /// A stable word or a number.
    pub value: String,
    /// The same for people.
    pub says: String,
}

/// Something the probe could not take away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Left {
    /// The vendor's id, or the key of a write whose answer was lost.
    pub record: String,
    pub why: String,
}

/// What a probe did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Probed {
    /// Part of the name and key of everything it made.
    pub tag: String,
    pub answers: Vec<Answer>,
    pub made: Vec<String>,
    pub left: Vec<Left>,
    pub exchanges: usize,
    /// Why it ended early, or could not begin.
    pub problems: Vec<Problem>,
}

/// What is kept of earlier probes of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Known {
    pub question: String,
    pub value: String,
}

/// A lag as it is kept: `7`, or `over 120`.
pub(crate) fn lag(text: &str) -> Option<Duration> {
    text.strip_prefix(OVER).unwrap_or(text).parse().ok().map(Duration::from_secs)
}

/// What a probe of that CRM makes and does, one sentence each; nothing is asked for this.
pub fn plan(crm: &dyn Crm) -> Vec<String> {
    let title = crm.about().title;
    let words = crm.words();
    vec![
        format!("makes {PEOPLE} people in {title}, up to {} if {title} does not hold back repeated writes; each has rb-probe-… in {}, in {} and in its Ringback key", PEOPLE + 2, words.contact_name, words.contact_email),
        format!("numbers are fictional ones between +1 415 555 0100 and 0199 (in {}), addresses end in @example.com", words.contact_phone),
        "sends one create twice, two at the same moment, and an update that names a version which is no longer there".to_owned(),
        format!("asks for the new people by key and by number until both show them, {WAIT_SECONDS_MAX} s at most"),
        "deletes what it made, and says what it could not delete; workflows of the CRM that start on new people will start".to_owned(),
    ]
}

/// Probes a connection; the sandbox is written to. `told` hears what is done next.
pub async fn run(
    engine: &Engine,
    account: &AccountId,
    connection: &ConnectionId,
    told: impl FnMut(&str),
) -> Result<Probed, Error> {
    let facts = engine.facts(account).await?;
    let Some(held) = facts.connections.get(connection.as_str()) else {
        return Err(Error::Missing(format!("connection {connection}")));
    };
    let mut probed = Probed::default();
    let Some(crm) = held.crm() else {
        let cause =
            format!("the connection {} is to {}, which is no CRM", held.connection.name, held.connection.vendor);
        probed.problems.push(Problem::new("RB-0521", cause, "name a connection of kind crm"));
        return Ok(probed);
    };
    probed.problems = crm.check(&held.connection);
    if crm.acknowledges() {
        let cause = format!("{} cannot be asked what it holds, so there is nothing to find out", crm.about().title);
        probed.problems.push(Problem::new("RB-0527", cause, "try the receiver with a call of your own instead"));
    }
    if !probed.problems.is_empty() {
        return Ok(probed);
    }
    let random: [u8; 5] = engine.random();
    probed.tag = format!("rb-probe-{}", hex(random.get(..4).unwrap_or_default()));
    keep(engine, held, vec![("tag".to_owned(), probed.tag.clone())]).await?;
    let offset = u16::from(random.last().copied().unwrap_or_default()) % 50;
    let mut probe = Probe { engine, held, crm, offset, unclear: Vec::new(), probed, told };
    if let Err(why) = probe.ask_all().await {
        let cause = format!("the probe ended early: {why}");
        probe.probed.problems.push(Problem::new(
            "RB-0528",
            cause,
            "mend the cause and probe again; what was found out is kept",
        ));
    }
    probe.clean().await;
    let probed = probe.probed;
    let mut found: Vec<(String, String)> =
        probed.answers.iter().map(|a| (a.question.to_owned(), a.value.clone())).collect();
    found.push(("at".to_owned(), engine.now().to_string()));
    keep(engine, held, found).await?;
    Ok(probed)
}

/// What earlier probes found out, by question.
pub async fn known(engine: &Engine, account: &AccountId, connection: &ConnectionId) -> Result<Vec<Known>, Error> {
    let (of, id) = (account.as_str().to_owned(), connection.as_str().to_owned());
    let rows = engine
        .store()
        .read(move |tx| Box::pin(async move { store::cursors_beginning(tx, &of, SETTING).await }))
        .await?;
    Ok(rows
        .into_iter()
        .filter(|(connection, ..)| *connection == id)
        .map(|(_, name, value)| Known { question: name.trim_start_matches(SETTING).to_owned(), value })
        .collect())
}

async fn keep(engine: &Engine, held: &ConnectionFacts, found: Vec<(String, String)>) -> Result<(), Error> {
    let account = held.connection.account.clone();
    let (of, id, at) = (account.as_str().to_owned(), held.connection.id.as_str().to_owned(), micros(engine.now()));
    engine
        .store()
        .write(Site::Setup, move |tx| {
            Box::pin(async move {
                for (question, value) in &found {
                    store::cursor_put(tx, &of, &id, &format!("{SETTING}{question}"), value, at).await?;
                }
                Ok(())
            })
        })
        .await?;
    engine.facts_changed(&account);
    Ok(())
}

struct Probe<'a, T> {
    engine: &'a Engine,
    held: &'a ConnectionFacts,
    crm: &'static dyn Crm,
    /// Where this run's numbers begin.
    offset: u16,
    /// Keys of writes whose answer was lost.
    unclear: Vec<String>,
    probed: Probed,
    told: T,
}

/// Somebody the probe made.
struct Made {
    id: String,
    at: Timestamp,
}

/// What is looked for, and when it was first seen.
struct Sight {
    operation: CrmOp,
    search: bool,
    /// The record that must be among the answers.
    id: String,
    since: Timestamp,
    seen: Option<u64>,
}

impl<T: FnMut(&str)> Probe<'_, T> {
    async fn ask_all(&mut self) -> Result<(), String> {
        let (e164, spoken) = (self.number(0), self.number(50));
        let typed = format!("(415) 555-{}", spoken.get(8..).unwrap_or_default());
        (self.told)("makes two people and waits until they show");
        let first = self.make("a", &[(self.crm.words().contact_phone, &e164)]).await?;
        let second = self.make("b", &[(self.crm.words().contact_phone, &typed)]).await?;
        self.lags(&first, &e164, &second, &spoken).await?;
        self.kept_phone(&second.id, &typed, &spoken).await?;
        (self.told)("sends one create twice");
        self.repeated().await?;
        (self.told)("sends two creates at once");
        self.concurrent().await?;
        (self.told)("updates with a version that is no longer there");
        self.stale(&first.id).await?;
        (self.told)("makes somebody with an address that is taken");
        self.same_address().await
    }

    fn number(&self, plus: u16) -> String {
        format!("+1415555{:04}", 100 + (self.offset + plus) % 100)
    }

    fn key(&self, part: &str) -> String {
        format!("{}-{part}", self.probed.tag)
    }

    fn address(&self, part: &str) -> String {
        format!("{}@example.com", self.key(part))
    }

    fn answer(&mut self, question: &'static str, value: impl Into<String>, says: impl Into<String>) {
        self.probed.answers.push(Answer { question, value: value.into(), says: says.into() });
    }

    /// The write that makes somebody, as the vendor's way with keys wants it.
    fn write(&self, part: &str, more: &[(&str, &str)]) -> CrmOp {
        let words = self.crm.words();
        let mut properties = Properties::from([
            (words.contact_name.to_owned(), self.key(part)),
            (words.contact_email.to_owned(), self.address(part)),
        ]);
        properties.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let (object, key) = (Object::Contact, self.key(part));
        match self.crm.about().writes.map(|w| w.way(object)) {
            Some(KeyWay::Upsert) => CrmOp::Upsert { object, key, of: None, properties },
            _ => CrmOp::Create { object, key, of: None, properties },
        }
    }

    fn by_key(&self, part: &str) -> CrmOp {
        CrmOp::ReadByKey {
            object: Object::Contact,
            key: self.key(part),
            of: None,
            properties: self.reads(),
            associations: Vec::new(),
        }
    }

    fn reads(&self) -> Vec<String> {
        let words = self.crm.words();
        let mut names = vec![KEY_PROPERTY.to_owned(), words.contact_name.to_owned()];
        names.extend(words.match_phones.iter().chain(words.match_emails).map(|n| (*n).to_owned()));
        names
    }

    /// One exchange, again only where it certainly was not done. `Err`: the probe must end.
    async fn exchange(&mut self, operation: &CrmOp) -> Result<Outcome, String> {
        let lags = self.crm.about().writes.is_some_and(|w| !w.key_lag.is_zero());
        let search = match operation {
            CrmOp::FindPerson { .. } => true,
            CrmOp::ReadByKey { .. } => lags,
            _ => false,
        };
        let mut last = None;
        for n in 1..=TRIES_MAX {
            self.probed.exchanges += 1;
            match self.engine.exchange_outside(self.held, self.crm, operation, search).await? {
                Outcome::Retry { after, why } => {
                    let pause = after.unwrap_or(Duration::from_secs(1 << n.min(4)));
                    last = Some(why.words);
                    self.wait(pause.min(Duration::from_secs(PAUSE_SECONDS_MAX))).await;
                }
                stop @ (Outcome::Exhausted { .. } | Outcome::AuthExpired { .. }) => {
                    return Err(format!("{}: {}", stop.word(), ringback_core::ensure::words(&stop)));
                }
                outcome => {
                    self.note(operation, &outcome);
                    return Ok(outcome);
                }
            }
        }
        Err(last.unwrap_or_else(|| "silence".into()))
    }

    /// Remembers what a write made. What a vendor names as another's duplicate is not ours.
    fn note(&mut self, operation: &CrmOp, outcome: &Outcome) {
        let (CrmOp::Upsert { key, .. } | CrmOp::Create { key, .. }) = operation else { return };
        match outcome {
            Outcome::Done { held } => {
                for id in held.records.iter().map(|r| r.id.clone()).filter(|id| !id.is_empty()) {
                    if !self.probed.made.contains(&id) {
                        self.probed.made.push(id);
                    }
                }
                if held.records.is_empty() {
                    self.unclear.push(key.clone());
                }
            }
            Outcome::Unknown { .. } => self.unclear.push(key.clone()),
            _ => {}
        }
    }

    async fn wait(&self, pause: Duration) {
        self.engine.inner.parts.clock.sleep(pause).await;
    }

    async fn make(&mut self, part: &str, more: &[(&str, &str)]) -> Result<Made, String> {
        let operation = self.write(part, more);
        let outcome = self.exchange(&operation).await?;
        match ids(&outcome).first() {
            Some(id) => Ok(Made { id: id.clone(), at: self.engine.now() }),
            None => Err(format!("{} was not made: {}", self.key(part), told_of(&outcome))),
        }
    }

    /// How late are looks by key and searches, and which spelling of a number does a search find?
    async fn lags(&mut self, first: &Made, e164: &str, second: &Made, spoken: &str) -> Result<(), String> {
        let find = |number: &str| CrmOp::FindPerson {
            keys: vec![PersonKey::Phone {
                e164: number.to_owned(),
                national: number.get(2..).unwrap_or_default().to_owned(),
            }],
            properties: self.reads(),
        };
        let sight = |operation, search, made: &Made| Sight {
            operation,
            search,
            id: made.id.clone(),
            since: made.at,
            seen: None,
        };
        let mut sights =
            [sight(self.by_key("a"), false, first), sight(find(e164), true, first), sight(find(spoken), true, second)];
        for look in 0.. {
            let mut longest = Duration::ZERO;
            let known = sights.iter().filter(|s| s.search).filter_map(|s| s.seen).min();
            for sight in sights.iter_mut().filter(|s| s.seen.is_none()) {
                let outcome = self.exchange(&sight.operation).await?;
                let passed = self.engine.now().duration_since(sight.since);
                if shown(&outcome).contains(&sight.id) {
                    sight.seen = Some(if look == 0 { 0 } else { whole_seconds(passed) });
                    continue;
                }
                // Once one spelling is found the other is not waited for as if the index were late.
                let bound = match known {
                    Some(seconds) if sight.search => (seconds * 3 + 20).min(WAIT_SECONDS_MAX),
                    _ => WAIT_SECONDS_MAX,
                };
                let left = Duration::from_secs(bound).saturating_sub(passed.unsigned_abs());
                longest = longest.max(left);
            }
            if longest.is_zero() {
                break;
            }
            self.wait(if look < CLOSE_LOOKS { Duration::from_secs(1) } else { FAR }).await;
        }
        let [key, found, found_typed] = sights.map(|s| s.seen);
        self.tell_lag("key_lag_seconds", "a look by Ringback's key", key);
        self.tell_lag("search_lag_seconds", "a search by number", found.into_iter().chain(found_typed).min());
        for (question, seen, how) in
            [("phone_e164", found, "as +1…"), ("phone_national", found_typed, "as (415) 555-…")]
        {
            let (value, says) =
                if seen.is_some() { ("found", "is found") } else { ("not_found", "was not found in time") };
            self.answer(question, value, format!("somebody whose number was written {how} {says} by the number"));
        }
        Ok(())
    }

    fn tell_lag(&mut self, question: &'static str, what: &str, seen: Option<u64>) {
        match seen {
            Some(seconds) => {
                self.answer(question, seconds.to_string(), format!("{what} shows a new record after {seconds} s"));
            }
            None => {
                let says = format!("{what} did not show a new record within {WAIT_SECONDS_MAX} s");
                self.answer(question, format!("{OVER}{WAIT_SECONDS_MAX}"), says);
            }
        }
    }

    /// How does the CRM keep a number that was typed with brackets?
    async fn kept_phone(&mut self, id: &str, typed: &str, e164: &str) -> Result<(), String> {
        let read = self.read(id).await?;
        let kept = read.as_ref().and_then(|r| r.properties.get(self.crm.words().contact_phone)).cloned();
        let (value, says) = match kept.as_deref() {
            Some(text) if text == typed => ("as_written", "as it was written".to_owned()),
            Some(text) if text == e164 => ("e164", "in the form +1…".to_owned()),
            Some(text) => ("other", format!("as {text}")),
            None => ("not_shown", "but does not show it".to_owned()),
        };
        self.answer("phone_kept", value, format!("the CRM keeps a number {says}"));
        Ok(())
    }

    async fn read(&mut self, id: &str) -> Result<Option<Record>, String> {
        let operation = CrmOp::ReadById {
            object: Object::Contact,
            id: id.to_owned(),
            properties: self.reads(),
            associations: Vec::new(),
            history: false,
        };
        Ok(records(&self.exchange(&operation).await?).first().cloned())
    }

    /// What does the same create do a second time, at once?
    async fn repeated(&mut self) -> Result<(), String> {
        let operation = self.write("c", &[]);
        let first = self.exchange(&operation).await?;
        if ids(&first).is_empty() {
            return Err(format!("{} was not made: {}", self.key("c"), told_of(&first)));
        }
        let second = self.exchange(&operation).await?;
        let (value, says) = compared(&[first, second]);
        self.answer("retry", value, format!("the same create sent twice {says}"));
        Ok(())
    }

    /// Two creates of one key at the same moment.
    async fn concurrent(&mut self) -> Result<(), String> {
        let operation = self.write("d", &[]);
        self.probed.exchanges += 2;
        let (one, two) = futures_util::future::join(
            self.engine.exchange_outside(self.held, self.crm, &operation, false),
            self.engine.exchange_outside(self.held, self.crm, &operation, false),
        )
        .await;
        let outcomes = [one?, two?];
        for outcome in &outcomes {
            self.note(&operation, outcome);
        }
        let (value, says) = compared(&outcomes);
        self.answer("concurrent", value, format!("two creates of one key at the same moment: {says}"));
        Ok(())
    }

    /// Does the CRM hold back an update that was decided on an older version?
    async fn stale(&mut self, id: &str) -> Result<(), String> {
        self.wait(GRAIN).await;
        let Some(before) = self.read(id).await? else { return Err(format!("{id} cannot be read")) };
        let name = self.crm.words().contact_name.to_owned();
        let update = |n: u8, seen: Option<String>| CrmOp::Update {
            object: Object::Contact,
            id: id.to_owned(),
            properties: Properties::from([(name.clone(), format!("{}-{n}", self.probed.tag))]),
            seen,
        };
        let (fresh, old) = (update(1, before.version.clone()), update(2, before.version.clone()));
        let first = self.exchange(&fresh).await?;
        if !matches!(first, Outcome::Done { .. }) {
            self.answer("stale_update", "unclear", format!("an update was not taken: {}", told_of(&first)));
            return Ok(());
        }
        self.wait(GRAIN).await;
        let second = self.exchange(&old).await?;
        let now = self.read(id).await?.and_then(|r| r.properties.get(&name).cloned()).unwrap_or_default();
        let overwritten = now.ends_with("-2");
        let (value, says) = match (&second, before.version.is_some()) {
            (Outcome::Stale { .. }, _) if !overwritten => ("refused", "is refused".to_owned()),
            (_, false) if overwritten => ("no_version", "cannot be told apart: this CRM shows no version".to_owned()),
            (_, true) if overwritten => ("overwritten", "overwrites what was written meanwhile".to_owned()),
            (other, _) => ("unclear", format!("ended otherwise: {}", told_of(other))),
        };
        self.answer("stale_update", value, format!("an update that names an older version {says}"));
        Ok(())
    }

    /// Is somebody with an e-mail address that is taken refused, merged or made?
    async fn same_address(&mut self) -> Result<(), String> {
        let taken = self.address("a");
        let operation = self.write("e", &[(self.crm.words().contact_email, &taken)]);
        let known = self.probed.made.clone();
        let outcome = self.exchange(&operation).await?;
        let (value, says) = match &outcome {
            Outcome::Done { .. } if ids(&outcome).iter().all(|id| known.contains(id)) => {
                ("same_record", "becomes the one who has it".to_owned())
            }
            Outcome::Done { .. } => ("second_record", "is made beside the one who has it".to_owned()),
            Outcome::Duplicate { .. } => ("refused", "is refused, and the one who has it is named".to_owned()),
            other => ("refused_unnamed", format!("is refused: {}", told_of(other))),
        };
        self.answer("duplicate_email", value, format!("somebody with an e-mail address that is taken {says}"));
        Ok(())
    }

    /// Takes away what was made, as far as the vendor lets it.
    async fn clean(&mut self) {
        (self.told)("takes away what it made");
        for key in std::mem::take(&mut self.unclear) {
            let part = key.strip_prefix(&self.probed.tag).unwrap_or_default().trim_start_matches('-').to_owned();
            let look = self.by_key(&part);
            match self.exchange(&look).await {
                Ok(outcome) if !shown(&outcome).is_empty() => {
                    let more: Vec<String> =
                        shown(&outcome).into_iter().filter(|id| !self.probed.made.contains(id)).collect();
                    self.probed.made.extend(more);
                }
                _ => {
                    let why = "the answer to its write was lost, and it does not show yet; look for it by this word";
                    self.probed.left.push(Left { record: key, why: why.into() });
                }
            }
        }
        for id in self.probed.made.clone() {
            if let Err(why) = self.remove(&id).await {
                self.probed.left.push(Left { record: id, why });
            }
        }
    }

    async fn remove(&mut self, id: &str) -> Result<(), String> {
        let outcome = self.exchange(&CrmOp::Delete { object: Object::Contact, id: id.to_owned() }).await?;
        if !matches!(outcome, Outcome::Done { .. } | Outcome::Gone { .. } | Outcome::Unknown { .. }) {
            return Err(told_of(&outcome));
        }
        // Done means read back, here too.
        match self.read(id).await? {
            Some(record) if !record.archived => Err("it was deleted and is there still".into()),
            _ => Ok(()),
        }
    }
}

fn records(outcome: &Outcome) -> &[Record] {
    match outcome {
        Outcome::Done { held: Held { records, .. } } => records,
        _ => &[],
    }
}

fn ids(outcome: &Outcome) -> Vec<String> {
    records(outcome).iter().map(|r| r.id.clone()).filter(|id| !id.is_empty()).collect()
}

/// Records that a look has shown: whole, or by their id alone.
fn shown(outcome: &Outcome) -> Vec<String> {
    match outcome {
        Outcome::Gone { merged_into: Some(id) } => vec![id.clone()],
        other => ids(other),
    }
}

fn told_of(outcome: &Outcome) -> String {
    format!("{}: {}", outcome.word(), ringback_core::ensure::words(outcome))
}

/// What two creates of one key came to.
fn compared(outcomes: &[Outcome; 2]) -> (&'static str, String) {
    let [one, two] = outcomes;
    match (ids(one).first(), ids(two).first()) {
        (Some(a), Some(b)) if a == b => ("same_record", "gives the same record".into()),
        (Some(_), Some(_)) => ("second_record", "gives a second record".into()),
        (Some(_), None) | (None, Some(_)) => {
            let other = if ids(one).is_empty() { one } else { two };
            ("refused", format!("gives one record, and the other is not made ({})", told_of(other)))
        }
        (None, None) => ("unclear", format!("gives none: {}, {}", told_of(one), told_of(two))),
    }
}

fn whole_seconds(passed: SignedDuration) -> u64 {
    passed.unsigned_abs().as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
