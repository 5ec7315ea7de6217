//! Calls that somebody else wrote into a CRM (a phone system's own integration, a person), read as signals.
//!
//! A CRM is polled for calls that changed ([`CrmOp::Changed`](ringback_core::crm::CrmOp::Changed)); each record is stored as it was read
//! and says what it says by [`read`], which the vendor's [`Crm::told`] does the vendor's part of. Nothing is decided here.
//!
//! Settings of a connection: `calls_from_crm` (`true` switches it on), `calls_since` (an instant; calls before it are history. Without it
//! history ends when the feed is first read), `calls_every_seconds`, `ending.<word>` (one of our endings for a word or id of the CRM's own, such
//! as an outcome that somebody made; `ending.none` for calls that are over and do not say how), `call_field.<name>` (a field of the CRM's own
//! in which a phone system writes `from`, `to`, `started_at`, `ending` or `recording`).

use crate::sources::generic::{check_endings, ending as any_ending, set_ending};
use crate::wire::{cut, hex};
use crate::{Connection, Crm, Unreadable};
use jiff::Timestamp;
use ringback_core::crm::{CrmWords, KEY_PROPERTY, Record};
use ringback_core::http::RawRequest;
use ringback_core::problem::Problem;
use ringback_core::signal::{Direction, Ending, Signal, SignalKind};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The method of a stored record, in place of HTTP's.
pub const METHOD: &str = "FEED";
/// The event of its signals.
pub const EVENT: &str = "crm-call";
/// The switch.
pub const SETTING: &str = "calls_from_crm";
/// Calls that began before that instant are history.
const SINCE: &str = "calls_since";
const EVERY: &str = "calls_every_seconds";
/// Fields in which a phone system writes what the CRM has none for.
const FIELD: &str = "call_field.";
const FIELDS: [&str; 5] = ["from", "to", "started_at", "ending", "recording"];
/// Seconds between two looks, at least and unless the connection says otherwise.
pub const EVERY_SECONDS: u32 = 60;
/// One part in so many of a day's budget is what looks may take.
const BUDGET_PART: u64 = 20;
/// Characters of notes that are kept with a signal.
const NOTES_CHARS_MAX: usize = 2_000;
/// Names of free fields of a signal: the CRM's own record, the person it belongs to there, who owns it, what somebody noted.
pub const RECORD: &str = "crm_record";
pub const PERSON: &str = "crm_contact";
pub const OWNER: &str = "crm_owner";
pub const NOTES: &str = "crm_notes";

/// A call as the CRM holds it, with the person it is linked to where the record itself has no number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logged {
    pub record: Record,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Record>,
    /// The record said another ending when it was last taken in: this one corrects it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub corrects: bool,
}

/// What a call of the CRM's says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    Call(Box<Signal>),
    /// It is none that rang at somebody, or says too little.
    Passed(Passed),
}

/// Why a record is no signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Passed {
    /// It carries our key: what Ringback wrote comes back to nobody.
    Ours,
    /// It is to be made yet, or is something else than a call.
    NoCall,
    /// It says neither which way it went nor how it ended.
    Unsaid,
    /// It was deleted.
    Gone,
}

/// How far a call is, by the CRM's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Somebody is to make it.
    Planned,
    /// It rings, or is being talked.
    Under,
    /// It is over; how, as far as the record says.
    Over(Ending),
}

/// What a vendor reads of one record.
pub(crate) struct Facts {
    pub(crate) direction: Direction,
    pub(crate) stage: Stage,
    /// Who rang and who was rung.
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) duration_seconds: Option<u32>,
    pub(crate) recording_url: Option<String>,
    pub(crate) notes: Option<String>,
    pub(crate) owner: Option<String>,
}

impl Facts {
    pub(crate) fn of(direction: Direction, stage: Stage) -> Self {
        Self {
            direction,
            stage,
            from: None,
            to: None,
            started_at: None,
            ended_at: None,
            duration_seconds: None,
            recording_url: None,
            notes: None,
            owner: None,
        }
    }

    /// What stands in fields that the connection names, and what it says of calls that say nothing.
    fn add_own(&mut self, record: &Record, connection: &Connection) {
        let own = |name: &str| {
            let field = connection.setting(&format!("{FIELD}{name}"))?;
            record.properties.get(field).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty())
        };
        self.from = own("from").or(self.from.take());
        self.to = own("to").or(self.to.take());
        self.recording_url = own("recording").or(self.recording_url.take());
        self.started_at = own("started_at").and_then(|at| at.parse().ok()).or(self.started_at);
        if let Stage::Over(ending) = self.stage {
            let told = own("ending").and_then(|word| any_ending(&word, connection));
            let silent = || (ending == Ending::Unsaid).then(|| own_ending(Some("none"), connection)).flatten();
            self.stage = Stage::Over(told.or_else(silent).unwrap_or(ending));
        }
    }

    /// The signal that these facts are. The caller is the other side, whichever way the call went, as every source has it.
    pub(crate) fn told(
        mut self,
        record: &Record,
        person: Option<&Record>,
        words: &CrmWords,
        connection: &Connection,
    ) -> Told {
        self.add_own(record, connection);
        if record.properties.contains_key(KEY_PROPERTY) {
            return Told::Passed(Passed::Ours);
        }
        if record.archived {
            return Told::Passed(Passed::Gone);
        }
        let ending = match self.stage {
            Stage::Planned => return Told::Passed(Passed::NoCall),
            Stage::Over(Ending::Unsaid) if self.direction == Direction::Unsaid => {
                return Told::Passed(Passed::Unsaid);
            }
            Stage::Under => Ending::Unsaid,
            Stage::Over(ending) => ending,
        };
        // Over, and nobody said how: that stays unknown until somebody does. An end without an ending would become a verdict by silence.
        let kind = if ending == Ending::Unsaid { SignalKind::Ringing } else { SignalKind::Ended };
        let mut signal = Signal::new(kind, vec![record.id.clone()]);
        let (other, own) = match self.direction {
            Direction::Outbound => (self.to, self.from),
            Direction::Inbound | Direction::Unsaid => (self.from, self.to),
        };
        let of_person = |names: &[&str]| {
            let held = |name: &&str| person.and_then(|p| p.properties.get(*name)).map(|v| v.trim().to_owned());
            names.iter().filter_map(held).filter(|v| !v.is_empty()).collect::<Vec<_>>()
        };
        signal.caller = other.or_else(|| of_person(words.match_phones).into_iter().next());
        signal.dialled = own;
        signal.email = of_person(words.match_emails).into_iter().next();
        signal.caller_name = Some(of_person(words.match_names).join(" "))
            .filter(|n| !n.is_empty() && !ringback_core::crm::is_placeholder_name(n));
        signal.direction = self.direction;
        signal.ending = ending;
        (signal.started_at, signal.ended_at) = (self.started_at, self.ended_at);
        signal.duration_seconds = self.duration_seconds;
        signal.recording_url = self.recording_url;
        let notes = self.notes.map(|n| cut(&plain(&n), NOTES_CHARS_MAX)).filter(|n| !n.is_empty());
        let free = [(RECORD, Some(record.id.clone())), (PERSON, person.map(|p| p.id.clone())), (OWNER, self.owner)];
        // What somebody noted is not what the caller said: it is kept, and nothing is read out of it.
        let free = free.into_iter().chain([(NOTES, notes)]);
        signal.extra.extend(free.filter_map(|(name, value)| Some((name.to_owned(), value?))));
        Told::Call(Box::new(signal))
    }
}

/// Is the feed switched on, and has this CRM one?
pub fn on(crm: &dyn Crm, connection: &Connection) -> bool {
    connection.setting(SETTING) == Some("true") && !crm.call_reads().is_empty()
}

/// Calls that began before are history, if the connection says so.
pub fn since(connection: &Connection) -> Option<Timestamp> {
    connection.setting(SINCE)?.parse().ok()
}

/// Seconds between two looks of which each takes so much out of the day's budget: not more than a twentieth of it in all, unless the
/// connection says otherwise.
pub fn every_seconds(crm: &dyn Crm, connection: &Connection, cost: u32) -> u32 {
    if let Some(own) = connection.setting(EVERY).and_then(|s| s.parse().ok()) {
        return own;
    }
    let daily = u64::from(connection.limits(crm.about().limits).daily_requests);
    let slow = (u64::from(cost) * 86_400 * BUDGET_PART).checked_div(daily).unwrap_or(0);
    u32::try_from(slow).unwrap_or(u32::MAX).max(EVERY_SECONDS)
}

/// What is read of a connection's calls: the vendor's own fields, and those that the connection names.
pub fn reads(crm: &dyn Crm, connection: &Connection) -> Vec<String> {
    let named = FIELDS.iter().filter_map(|name| connection.setting(&format!("{FIELD}{name}")));
    let mut all: Vec<String> = Vec::new();
    for name in crm.call_reads().iter().copied().chain(named) {
        if !all.iter().any(|known| known == name) {
            all.push(name.to_owned());
        }
    }
    all
}

/// What is wrong with the settings of the feed.
pub fn check(crm: &dyn Crm, connection: &Connection) -> Vec<Problem> {
    let mut problems = check_endings(connection);
    let mut wrong = |name: &str, cure: &str| {
        let cause = format!("{name} is {:?}", connection.setting(name).unwrap_or_default());
        problems.push(Problem::new("RB-0110", cause, cure));
    };
    match connection.setting(SETTING) {
        None | Some("false") => {}
        Some("true") if crm.call_reads().is_empty() => {
            wrong(SETTING, &format!("Take it away: {} has no calls that others write", crm.about().title));
        }
        Some("true") => {}
        Some(_) => wrong(SETTING, "Write true or false"),
    }
    if connection.setting(SINCE).is_some() && since(connection).is_none() {
        wrong(SINCE, "Write an instant such as 2026-03-01T00:00:00Z");
    }
    let unknown = |name: &&String| name.strip_prefix(FIELD).is_some_and(|n| !FIELDS.contains(&n));
    for name in connection.settings.keys().filter(unknown) {
        wrong(name, &format!("Name one of {FIELD}{}", FIELDS.join(&format!(", {FIELD}"))));
    }
    if connection.setting(EVERY).is_some_and(|s| !s.parse::<u32>().is_ok_and(|s| (10..=86_400).contains(&s))) {
        wrong(EVERY, "Write a number of seconds from 10 to 86400");
    }
    problems
}

/// A record as it is stored before anything is made of it.
pub fn stored(logged: &Logged) -> Result<RawRequest, serde_json::Error> {
    Ok(RawRequest {
        method: METHOD.into(),
        url: String::new(),
        event: EVENT.into(),
        headers: vec![("content-type".into(), "application/json".into())],
        body: serde_json::to_vec(logged)?,
    })
}

/// A hash of what a record says, as far as it is read.
pub fn content(crm: &dyn Crm, record: &Record, connection: &Connection) -> String {
    let names = reads(crm, connection);
    let read = names.iter().map(|name| record.properties.get(name).map_or("", String::as_str));
    hash([record.id.as_str()].into_iter().chain(read))
}

/// What is the same when the same record of the same person says the same again, however often it is read and whatever else of it was
/// changed.
pub fn delivery_key(crm: &dyn Crm, logged: &Logged, connection: &Connection) -> String {
    let person = logged.person.as_ref().map_or("", |person| person.id.as_str());
    hash([content(crm, &logged.record, connection).as_str(), person])
}

fn hash<'t>(parts: impl IntoIterator<Item = &'t str>) -> String {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part);
    }
    hex(&sha.finalize())
}

/// What a stored record says.
pub fn read(crm: &dyn Crm, raw: &RawRequest, connection: &Connection) -> Result<Vec<Signal>, Unreadable> {
    let unreadable = |words: String| Unreadable { class: "not_a_record", words };
    let logged: Logged = serde_json::from_slice(&raw.body).map_err(|e| unreadable(e.to_string()))?;
    match crm.told(&logged.record, logged.person.as_ref(), connection) {
        Told::Call(mut signal) => {
            if logged.corrects && signal.ending != Ending::Unsaid {
                signal.kind = SignalKind::Modified;
            }
            Ok(vec![*signal])
        }
        Told::Passed(_) => Err(unreadable("the record is no call".into())),
    }
}

/// The ending that a connection's own setting gives a word of the CRM's.
pub(crate) fn own_ending(word: Option<&str>, connection: &Connection) -> Option<Ending> {
    set_ending(word?, connection)
}

/// A text without its HTML tags and with the usual entities read.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut tag = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '<' if chars.peek().is_some_and(|n| n.is_ascii_alphabetic() || matches!(n, '/' | '!')) => tag = true,
            '>' if tag => {
                tag = false;
                out.push(' ');
            }
            c if !tag => out.push(c),
            _ => {}
        }
    }
    let read = out.replace("&nbsp;", " ").replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    read.replace("&#39;", "'").replace("&amp;", "&").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_lose_their_tags_and_keep_their_words() {
        assert_eq!(plain("<p>Tom&#39;s boiler</p><br/>call &amp; ask"), "Tom's boiler call & ask");
        assert_eq!(plain("2 < 3"), "2 < 3");
        assert_eq!(plain(""), "");
    }
}
