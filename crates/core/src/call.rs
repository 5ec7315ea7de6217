//! One phone call, folded from all signals about it.
//!
//! Providers retry, several trackers report the same call, ring groups make a leg per telephone, transcripts come late, and "missed" may
//! turn into "answered after all". Folding is by rank, not by arrival: any order of the same signals gives the same call.
//! A call says nothing to anybody until it is [`Call::settled`]; some verdicts need the absence of a signal and wait for it with a timer.

use crate::id::{AccountId, CallId, ConnectionId, DocumentId, InquiryId, LocationId, SignalId};
use crate::identity::{self, Phone};
use crate::roster::{AGENT_LINE, KnownNumber, Roster};
use crate::signal::{Attribution, Direction, Ending, Signal, SignalKind};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Version of the stored form of [`Call`].
pub const CALL_SCHEMA: u32 = 1;
/// Two trackers that report one call may differ by this much in when it began.
pub const SAME_CALL_SECONDS_MAX: i64 = 45;
/// After the end of a call, legs and recordings may be reported this much later before their absence means something.
pub const LATE_PARTS_SECONDS: i64 = 60;
/// A call that only rang is judged after this: CallRail's final report comes up to 20 minutes after the call.
pub const FINAL_REPORT_SECONDS_MAX: i64 = 30 * 60;
/// A start this far ahead of its arrival is a wrong clock.
pub const FUTURE_SECONDS_MAX: i64 = 10 * 60;
/// A start this long before its arrival is an old call.
pub const OLD_DAYS: i64 = 30;
/// The most signals listed with a call; later ones are counted.
pub const SIGNALS_MAX: usize = 200;
/// The most transcripts (or versions of one) kept with a call.
pub const TRANSCRIPTS_MAX: usize = 20;

/// A defect of the record that a person should know of; never a reason to drop it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallFlag {
    MissingCallerId,
    MissingTimestamp,
    MissingSource,
    InvalidNumber,
    FutureTime,
    OldTime,
    UnknownLocation,
    /// It rang, and no final report ever came: whether somebody answered is unknown.
    NoFinalReport,
}

/// One of the names by which a provider knows the call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CallKey {
    pub connection: ConnectionId,
    pub key: String,
}

/// Who called, as far as the number says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Caller {
    /// A number that can be matched and called back.
    Number { e164: String, national: String },
    /// The caller hid it.
    Withheld,
    /// Something that is no telephone number; kept raw, never matched.
    Invalid { raw: String },
    /// No message said anything.
    Missing,
}

impl Caller {
    /// The number, if there is one.
    pub fn e164(&self) -> Option<&str> {
        match self {
            Self::Number { e164, .. } => Some(e164),
            _ => None,
        }
    }
}

/// Words of a call: a document and which one it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transcript {
    pub document: DocumentId,
    /// Counts the transcripts of this call from 1.
    pub version: u32,
    pub signal: SignalId,
}

/// One delivery that went into the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    pub signal: SignalId,
    pub connection: ConnectionId,
    pub kind: SignalKind,
    pub ending: Ending,
    pub at: Timestamp,
}

/// One phone call (or one web form, which is a contact attempt without a call).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// [`CALL_SCHEMA`] at the time of writing.
    pub schema: u32,
    pub id: CallId,
    pub account: AccountId,
    pub keys: BTreeSet<CallKey>,
    pub form: bool,
    pub direction: Direction,
    /// The strongest statement about how it ended, and whether it was a correction.
    pub ending: Ending,
    pub corrected: bool,
    pub caller: Caller,
    /// As a directory knows the number; not something the caller said.
    pub caller_name: Option<String>,
    pub email: Option<String>,
    /// E.164 where it could be read, else as sent.
    pub dialled: Option<String>,
    pub location: Option<LocationId>,
    /// `sales`, `service`, `office`.
    pub line: Option<String>,
    pub attribution: Attribution,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub duration_seconds: Option<u32>,
    /// The location was closed when it began; `None` when the location is unknown.
    pub after_hours: Option<bool>,
    pub recording_url: Option<String>,
    pub recording_seconds: Option<u32>,
    pub transcripts: Vec<Transcript>,
    pub spam: bool,
    pub flags: BTreeSet<CallFlag>,
    pub heard: Vec<Heard>,
    /// When the first signal about it arrived.
    pub first_received_at: Timestamp,
    /// When the signal that settled it arrived: how late the source was.
    pub settled_at: Option<Timestamp>,
    /// When the absence of further signals will decide.
    pub verdict_due: Option<Timestamp>,
    pub inquiry: Option<InquiryId>,
}

/// What folding must know besides the signal.
#[derive(Debug, Clone, Copy)]
pub struct FoldFacts<'a> {
    pub roster: &'a Roster,
    pub connection: &'a ConnectionId,
    /// The location a connection stands for when the dialled number does not say.
    pub connection_location: Option<&'a LocationId>,
    pub region: &'a str,
    pub signal: &'a SignalId,
    pub received_at: Timestamp,
    /// The transcript of this signal, already stored as a document.
    pub transcript: Option<&'a DocumentId>,
}

impl Call {
    /// A call about which nothing is known yet but that something arrived.
    pub fn new(id: CallId, account: AccountId, received_at: Timestamp) -> Self {
        Self {
            schema: CALL_SCHEMA,
            id,
            account,
            keys: BTreeSet::new(),
            form: false,
            direction: Direction::Unsaid,
            ending: Ending::Unsaid,
            corrected: false,
            caller: Caller::Missing,
            caller_name: None,
            email: None,
            dialled: None,
            location: None,
            line: None,
            attribution: Attribution::default(),
            started_at: received_at,
            ended_at: None,
            duration_seconds: None,
            after_hours: None,
            recording_url: None,
            recording_seconds: None,
            transcripts: Vec::new(),
            spam: false,
            flags: BTreeSet::from([CallFlag::MissingCallerId, CallFlag::MissingTimestamp]),
            heard: Vec::new(),
            first_received_at: received_at,
            settled_at: None,
            verdict_due: None,
            inquiry: None,
        }
    }

    /// Is it known (or decided) how it ended?
    pub fn settled(&self) -> bool {
        self.settled_at.is_some()
    }

    /// Did somebody of the business answer? A voice agent is nobody: what the caller wants is still to be done.
    pub fn answered(&self) -> bool {
        self.ending == Ending::Answered
    }

    /// Did two speak, the caller and a person or a voice agent?
    pub fn conversation(&self) -> bool {
        matches!(self.ending, Ending::Answered | Ending::AiAnswered)
    }

    /// Is it an attempt of somebody to reach people of the business, or of the business to reach a form lead, that failed?
    pub fn missed(&self) -> bool {
        self.settled() && !self.answered() && !self.form
    }

    /// When the clock of a callback begins: the end of the call, as nearly as it is known.
    pub fn clock_from(&self) -> Timestamp {
        let end = self.ended_at.or_else(|| {
            let seconds = i64::from(self.duration_seconds?);
            self.started_at.checked_add(SignedDuration::from_secs(seconds)).ok()
        });
        let told = end.unwrap_or(self.started_at);
        // A clock in the future or years old is a defect of the message, not a time to count from.
        if self.flags.contains(&CallFlag::FutureTime) || self.flags.contains(&CallFlag::OldTime) {
            return self.first_received_at;
        }
        told.min(self.settled_at.unwrap_or(self.first_received_at))
    }

    /// The category of section 2: how the call ended, in one word.
    pub fn category(&self) -> &'static str {
        if self.form {
            return "form";
        }
        match self.ending {
            Ending::RingNoAnswer => "ring_no_answer",
            Ending::Busy => "busy",
            Ending::Abandoned => "abandoned",
            Ending::Voicemail => "voicemail",
            Ending::AiAnswered => "ai_answered",
            Ending::Answered => "answered",
            Ending::Unsaid => "unknown",
        }
    }
}

/// Folds one signal into its call. The same signals in any order give the same call, but for the order of `heard`.
#[must_use]
pub fn fold(mut call: Call, signal: &Signal, facts: FoldFacts<'_>) -> Call {
    if call.heard.iter().any(|h| h.signal == *facts.signal) {
        return call;
    }
    if call.heard.len() < SIGNALS_MAX {
        call.heard.push(Heard {
            signal: facts.signal.clone(),
            connection: facts.connection.clone(),
            kind: signal.kind,
            ending: signal.ending,
            at: facts.received_at,
        });
    }
    let key = |key: &String| CallKey { connection: facts.connection.clone(), key: key.clone() };
    call.keys.extend(signal.call_keys.iter().map(key));
    call.form |= signal.kind == SignalKind::Form;
    call.spam |= signal.spam;
    if call.direction == Direction::Unsaid {
        call.direction = signal.direction;
    }
    fold_people(&mut call, signal, facts);
    fold_place(&mut call, signal, facts);
    fold_time(&mut call, signal, facts);
    fold_words(&mut call, signal, facts);
    fold_ending(&mut call, signal, facts.received_at);
    fold_agent(&mut call);
    let hours = call.location.as_ref().and_then(|l| facts.roster.location(l));
    let derived = hours.map(|l| !l.calendar.is_open(call.started_at));
    // A flow that took the closed branch knew; otherwise the location's own calendar decides, never the server's zone.
    call.after_hours = if signal.after_hours == Some(true) { Some(true) } else { derived.or(call.after_hours) };
    call
}

fn fold_people(call: &mut Call, signal: &Signal, facts: FoldFacts<'_>) {
    if let Some(raw) = signal.caller.as_deref()
        && !matches!(call.caller, Caller::Number { .. })
    {
        call.flags.remove(&CallFlag::MissingCallerId);
        call.caller = match identity::phone(raw, facts.region) {
            Phone::E164 { e164, national, .. } => Caller::Number { e164, national },
            Phone::Withheld => Caller::Withheld,
            Phone::NotCallable { raw } | Phone::Invalid { raw } => Caller::Invalid { raw },
        };
        if matches!(call.caller, Caller::Invalid { .. }) {
            call.flags.insert(CallFlag::InvalidNumber);
        } else {
            call.flags.remove(&CallFlag::InvalidNumber);
        }
    }
    fill(&mut call.caller_name, signal.caller_name.as_ref());
    if call.email.is_none() {
        call.email = signal.email.as_deref().and_then(identity::email);
    }
}

fn fold_place(call: &mut Call, signal: &Signal, facts: FoldFacts<'_>) {
    let read = |raw: &str| match identity::phone(raw, facts.region) {
        Phone::E164 { e164, .. } => e164,
        _ => raw.to_owned(),
    };
    let dialled = signal.dialled.as_deref().map(read);
    let destination = signal.destination.as_deref().map(read);
    let line = [dialled.as_deref(), destination.as_deref()].into_iter().flatten().find_map(|n| facts.roster.line(n));
    fill(&mut call.dialled, dialled.as_ref());
    if let Some(line) = line {
        call.location = Some(line.location.clone());
        fill(&mut call.line, line.kind.as_ref());
        fill(&mut call.attribution.source, line.source.as_ref());
        fill(&mut call.attribution.campaign, line.campaign.as_ref());
        fill(&mut call.attribution.landing_page, line.landing_page.as_ref());
    }
    let only = match facts.roster.locations.as_slice() {
        [one] => Some(&one.id),
        _ => None,
    };
    if call.location.is_none() {
        call.location = facts.connection_location.or(only).cloned();
    }
    set_flag(&mut call.flags, CallFlag::UnknownLocation, call.location.is_none());
    let of = &signal.attribution;
    fill(&mut call.attribution.source, of.source.as_ref());
    fill(&mut call.attribution.medium, of.medium.as_ref());
    fill(&mut call.attribution.campaign, of.campaign.as_ref());
    fill(&mut call.attribution.keywords, of.keywords.as_ref());
    fill(&mut call.attribution.landing_page, of.landing_page.as_ref());
    fill(&mut call.attribution.tracker_id, of.tracker_id.as_ref());
    fill(&mut call.attribution.company_id, of.company_id.as_ref());
    let sourceless = call.attribution.source.is_none() && call.attribution.campaign.is_none();
    set_flag(&mut call.flags, CallFlag::MissingSource, sourceless);
}

fn fold_time(call: &mut Call, signal: &Signal, facts: FoldFacts<'_>) {
    if let Some(started) = signal.started_at {
        let told_before = !call.flags.contains(&CallFlag::MissingTimestamp);
        call.started_at = if told_before { call.started_at.min(started) } else { started };
        call.flags.remove(&CallFlag::MissingTimestamp);
    }
    call.ended_at = call.ended_at.max(signal.ended_at);
    call.duration_seconds = call.duration_seconds.max(signal.duration_seconds);
    if call.flags.contains(&CallFlag::MissingTimestamp)
        && let (Some(ended), Some(seconds)) = (call.ended_at, call.duration_seconds)
        && let Ok(started) = ended.checked_sub(SignedDuration::from_secs(i64::from(seconds)))
    {
        call.started_at = started;
        call.flags.remove(&CallFlag::MissingTimestamp);
    }
    call.first_received_at = call.first_received_at.min(facts.received_at);
    let ahead = call.started_at.duration_since(call.first_received_at).as_secs();
    set_flag(&mut call.flags, CallFlag::FutureTime, ahead > FUTURE_SECONDS_MAX);
    set_flag(&mut call.flags, CallFlag::OldTime, -ahead > OLD_DAYS * 24 * 3600);
}

fn fold_words(call: &mut Call, signal: &Signal, facts: FoldFacts<'_>) {
    fill(&mut call.recording_url, signal.recording_url.as_ref());
    call.recording_seconds = call.recording_seconds.max(signal.recording_seconds);
    let Some(document) = facts.transcript else { return };
    // Retries and a second tracker bring the same words: the same document, added once.
    let known = call.transcripts.iter().any(|t| t.document == *document);
    if !known && call.transcripts.len() < TRANSCRIPTS_MAX {
        let version = u32::try_from(call.transcripts.len()).unwrap_or(u32::MAX).saturating_add(1);
        call.transcripts.push(Transcript { document: document.clone(), version, signal: facts.signal.clone() });
    }
}

/// Later knowledge outranks earlier: a correction outranks a report, answered outranks voicemail outranks the rest.
fn fold_ending(call: &mut Call, signal: &Signal, received_at: Timestamp) {
    let correction = signal.kind == SignalKind::Modified && signal.ending != Ending::Unsaid;
    if (correction, rank(signal.ending)) > (call.corrected, rank(call.ending)) {
        call.ending = signal.ending;
        call.corrected = correction;
    }
    let due = |seconds| received_at.checked_add(SignedDuration::from_secs(seconds)).ok();
    match (signal.kind, signal.ending) {
        (SignalKind::Form, _) => settle(call, received_at),
        (SignalKind::Ended | SignalKind::Modified | SignalKind::Recording | SignalKind::Transcript, ending)
            if ending != Ending::Unsaid =>
        {
            settle(call, received_at);
        }
        // Over, and somebody said how: in whatever order the two came.
        _ if call.ending != Ending::Unsaid && call.heard.iter().any(|h| h.kind == SignalKind::Ended) => {
            settle(call, received_at);
        }
        // The call is over, but how was not said: legs and recordings may still tell.
        (SignalKind::Ended, _) => wait(call, due(LATE_PARTS_SECONDS)),
        // One telephone of a ring group did not answer, or the caller goes on to the voicemail.
        (SignalKind::Leg, Ending::Answered) => settle(call, received_at),
        (SignalKind::Leg, Ending::Abandoned) => settle(call, received_at),
        (SignalKind::Leg, _) => wait(call, due(LATE_PARTS_SECONDS * 5)),
        _ => wait(call, due(FINAL_REPORT_SECONDS_MAX)),
    }
}

/// A tracker sees that something answered. That it was no person is known to the agent, and to whoever says which line is the agent's; only
/// the agent can correct itself (it put the caller through).
fn fold_agent(call: &mut Call) {
    if call.ending != Ending::Answered {
        return;
    }
    let agents = |of: &ConnectionId| call.heard.iter().any(|h| h.ending == Ending::AiAnswered && h.connection == *of);
    let told = call.heard.iter().any(|h| h.ending == Ending::AiAnswered);
    let through = |h: &Heard| h.ending == Ending::Answered && h.kind == SignalKind::Modified && agents(&h.connection);
    if (told || call.line.as_deref() == Some(AGENT_LINE)) && !call.heard.iter().any(through) {
        call.ending = Ending::AiAnswered;
    }
}

fn settle(call: &mut Call, at: Timestamp) {
    call.settled_at = Some(call.settled_at.map_or(at, |before| before.min(at)));
    call.verdict_due = None;
}

fn wait(call: &mut Call, due: Option<Timestamp>) {
    if !call.settled() {
        call.verdict_due = match (call.verdict_due, due) {
            (Some(before), Some(due)) if call.heard.len() > 1 => Some(before.min(due)),
            (_, due) => due,
        };
    }
}

/// The absence of further signals decides: over without an answer, or rung without a report.
#[must_use]
pub fn verdict(mut call: Call, now: Timestamp) -> Call {
    if call.settled() || call.verdict_due.is_none_or(|due| due > now) {
        return call;
    }
    let over = call.heard.iter().any(|h| h.kind == SignalKind::Ended);
    let rang_out = call.heard.iter().any(|h| h.kind == SignalKind::Leg);
    if call.ending == Ending::Unsaid {
        if over {
            // It ended, nobody's telephone answered and nothing was recorded: the caller gave up.
            call.ending = Ending::Abandoned;
        } else {
            call.flags.insert(CallFlag::NoFinalReport);
        }
    } else if !over && !rang_out {
        call.flags.insert(CallFlag::NoFinalReport);
    }
    settle(&mut call, now);
    call
}

fn rank(ending: Ending) -> u8 {
    match ending {
        Ending::Unsaid => 0,
        Ending::RingNoAnswer => 1,
        Ending::Busy => 2,
        Ending::Abandoned => 3,
        Ending::Voicemail => 4,
        Ending::Answered => 5,
        // To a tracker the agent's line has answered like any other; only the agent knows that no person did.
        Ending::AiAnswered => 6,
    }
}

/// Is this signal about a call that another tracker already reported? Only for calls known under other names.
///
/// One person makes one call at a time: the same number within [`SAME_CALL_SECONDS_MAX`] (or during the call) through another connection
/// or another dialled number is the same call. The same dialled number through the same connection is a redial.
pub fn same_call(call: &Call, signal: &Signal, facts: FoldFacts<'_>) -> bool {
    let Some(caller) = call.caller.e164() else { return false };
    let Some(Phone::E164 { e164, .. }) = signal.caller.as_deref().map(|raw| identity::phone(raw, facts.region)) else {
        return false;
    };
    if e164 != caller || call.form != (signal.kind == SignalKind::Form) {
        return false;
    }
    let dialled = signal.dialled.as_deref().map(|raw| match identity::phone(raw, facts.region) {
        Phone::E164 { e164, .. } => e164,
        _ => raw.to_owned(),
    });
    let other_connection = call.keys.iter().all(|k| k.connection != *facts.connection);
    let other_number = matches!((&dialled, &call.dialled), (Some(a), Some(b)) if a != b);
    if !(other_connection || other_number) {
        return false;
    }
    let duration = i64::from(signal.duration_seconds.unwrap_or(0));
    let started = signal
        .started_at
        .or_else(|| signal.ended_at.and_then(|at| at.checked_sub(SignedDuration::from_secs(duration)).ok()));
    let begun = started.unwrap_or(facts.received_at);
    let apart = begun.duration_since(call.started_at).as_secs();
    let lasted = i64::from(call.duration_seconds.unwrap_or(0));
    let span = if apart >= 0 { lasted } else { duration };
    apart.abs() <= SAME_CALL_SECONDS_MAX.max(span)
}

/// What a settled call asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Recorded; nobody needs to call back (answered, outbound, spam, one of our own numbers, a form waiting for its call).
    RecordOnly { why: &'static str },
    /// It belongs to this caller's open inquiry, or opens one, under this key.
    Inquiry { open_key: String },
}

/// Says whether a call opens or joins an inquiry, and under which open-inquiry key.
///
/// The key is unique in the store while the inquiry is open, so two nodes that race reload and fold again. A call without a number has
/// a key of its own: it is never joined with another.
pub fn place(call: &Call, person_key: Option<&str>, known: Option<KnownNumber>, form_waiting: bool) -> Place {
    let only = |why| Place::RecordOnly { why };
    if !call.settled() {
        return only("not over yet");
    }
    if call.form {
        return only("a form alone is not a failed attempt");
    }
    match known {
        Some(KnownNumber::Own) => return only("one of our own numbers"),
        Some(KnownNumber::Blocked) => return only("a blocked number"),
        _ => {}
    }
    if call.spam {
        return only("marked as spam by the provider");
    }
    if call.direction == Direction::Outbound && !form_waiting {
        return only("outbound");
    }
    if call.inquiry.is_none() && call.answered() {
        return only("answered by somebody of the business");
    }
    let place = call.location.as_ref().map_or("-", LocationId::as_str);
    let open_key = match person_key {
        Some(person) => format!("{place}|{person}"),
        None => format!("{place}|{}", call.id),
    };
    Place::Inquiry { open_key }
}

fn fill<T: Clone>(slot: &mut Option<T>, value: Option<&T>) {
    if slot.is_none() {
        *slot = value.cloned();
    }
}

fn set_flag(flags: &mut BTreeSet<CallFlag>, flag: CallFlag, on: bool) {
    if on {
        flags.insert(flag);
    } else {
        flags.remove(&flag);
    }
}

#[cfg(test)]
mod tests;
