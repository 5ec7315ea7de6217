//! What a provider told us, in our words. A [`Signal`] says only what its message says; it decides nothing.
//!
//! Providers send several messages about one call, in any order, repeatedly, with loose types. A source (`connect`) turns each message
//! into signals; [`crate::call`] folds them by rank, not by arrival.

use crate::offer::Offer;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Version of the stored form of [`Signal`].
pub const SIGNAL_SCHEMA: u32 = 1;

/// The most characters of a transcript that are kept (a two-hour call is about 100,000).
pub const TRANSCRIPT_CHARS_MAX: usize = 200_000;

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignalKind {
    /// The call is ringing or being routed; nothing is decided yet, whatever the body says.
    Ringing,
    /// One leg to a staff phone ended.
    Leg,
    /// The call is over, as far as this message knows.
    Ended,
    /// A recording is there.
    Recording,
    /// Words are there.
    Transcript,
    /// A later change to a call already reported.
    Modified,
    /// A web form or a bare request, without a call.
    Form,
    /// A provider of data offers something about a person or a record; no call.
    Offer,
}

/// How the call ended, as far as one message can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// This message does not say.
    Unsaid,
    RingNoAnswer,
    Busy,
    /// The caller hung up before anybody could answer, or at the greeting.
    Abandoned,
    Voicemail,
    AiAnswered,
    Answered,
}

/// Which way the call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Inbound,
    Outbound,
    Unsaid,
}

/// Where the call came from, in marketing terms; kept as sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attribution {
    pub source: Option<String>,
    pub medium: Option<String>,
    pub campaign: Option<String>,
    pub keywords: Option<String>,
    pub landing_page: Option<String>,
    /// The provider's id of the tracking number.
    pub tracker_id: Option<String>,
    /// The provider's id of the company or sub-account.
    pub company_id: Option<String>,
}

/// One thing that arrived, typed. Absent stays absent: an empty string in the message is `None` here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// [`SIGNAL_SCHEMA`] at the time of writing.
    pub schema: u32,
    pub kind: SignalKind,
    /// All names by which the provider knows this call, best first (`CAL…`, then a numeric id; a leg's parent first).
    pub call_keys: Vec<String>,
    pub direction: Direction,
    pub ending: Ending,
    /// The caller's number as sent, unparsed; may be a word such as `anonymous`.
    pub caller: Option<String>,
    /// The caller's name as the provider knows it (a directory name, not something the caller said).
    pub caller_name: Option<String>,
    /// An e-mail address as sent (forms).
    pub email: Option<String>,
    /// The number that was dialled: the tracking number where there is one.
    pub dialled: Option<String>,
    /// The number the call was to reach.
    pub destination: Option<String>,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub duration_seconds: Option<u32>,
    pub attribution: Attribution,
    pub transcript: Option<String>,
    pub recording_url: Option<String>,
    pub recording_seconds: Option<u32>,
    /// The provider's own order within a call, where it has one (Twilio's `SequenceNumber`).
    pub sequence: Option<i64>,
    /// The provider marks the call as spam: kept, not chased.
    pub spam: bool,
    /// The flow that took the call knew that the location was closed.
    pub after_hours: Option<bool>,
    /// Free fields a generic mapping named, kept as text.
    pub extra: Vec<(String, String)>,
    /// What is offered, for [`SignalKind::Offer`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<Offer>,
}

impl Signal {
    /// A signal of that kind about that call which says nothing else yet.
    pub fn new(kind: SignalKind, call_keys: Vec<String>) -> Self {
        Self {
            schema: SIGNAL_SCHEMA,
            kind,
            call_keys,
            direction: Direction::Unsaid,
            ending: Ending::Unsaid,
            caller: None,
            caller_name: None,
            email: None,
            dialled: None,
            destination: None,
            started_at: None,
            ended_at: None,
            duration_seconds: None,
            attribution: Attribution::default(),
            transcript: None,
            recording_url: None,
            recording_seconds: None,
            sequence: None,
            spam: false,
            after_hours: None,
            extra: Vec::new(),
            offer: None,
        }
    }
}
