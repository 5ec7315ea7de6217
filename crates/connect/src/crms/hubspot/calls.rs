//! Calls that a phone system, an app or a person logged in HubSpot.
//!
//! Source: <https://developers.hubspot.com/docs/api-reference/latest/crm/activities/calls/guide> (properties, statuses, the ids of the
//! usual outcomes; a missed call with a voicemail is `MISSED` with `hs_call_has_voicemail`).

use super::WORDS;
use crate::Connection;
use crate::calls::{Facts, Stage, Told, own_ending};
use jiff::Timestamp;
use ringback_core::crm::Record;
use ringback_core::signal::{Direction, Ending};

pub(super) const READS: &[&str] = &[
    "hs_timestamp",
    "hs_call_title",
    "hs_call_body",
    "hs_call_direction",
    "hs_call_status",
    "hs_call_disposition",
    "hs_call_duration",
    "hs_call_from_number",
    "hs_call_to_number",
    "hs_call_recording_url",
    "hs_call_has_voicemail",
    "hubspot_owner_id",
];

/// Ids of the outcomes that every account has.
const OUTCOMES: [(&str, Ending); 6] = [
    ("9d9162e7-6cf3-4944-bf63-4dff82258764", Ending::Busy),
    ("f240bbac-87c9-4f6e-bf70-924b57d47db7", Ending::Answered),
    // Somebody took a message: it was answered.
    ("a4c4c377-d246-4b32-a13b-75a56a4cd0ff", Ending::Answered),
    ("b2cf5968-551e-4856-9783-52b3da59a7d0", Ending::Voicemail),
    ("73a0d17f-1163-4015-bdd5-ec830791da20", Ending::RingNoAnswer),
    // A wrong number is one that somebody answered.
    ("17b47fee-58de-441e-a44c-c6300d46f273", Ending::Answered),
];

pub(super) fn told(record: &Record, person: Option<&Record>, connection: &Connection) -> Told {
    let word = |name: &str| record.properties.get(name).map(|v| v.trim()).filter(|v| !v.is_empty());
    let direction = match word("hs_call_direction") {
        Some("INBOUND") => Direction::Inbound,
        Some("OUTBOUND") => Direction::Outbound,
        _ => Direction::Unsaid,
    };
    let mut facts = Facts::of(direction, stage(&word, connection));
    facts.from = word("hs_call_from_number").map(str::to_owned);
    facts.to = word("hs_call_to_number").map(str::to_owned);
    facts.started_at = word("hs_timestamp").and_then(instant);
    facts.duration_seconds =
        word("hs_call_duration").and_then(|ms| ms.parse::<f64>().ok()).filter(|ms| *ms >= 0.0).map(seconds);
    facts.recording_url = word("hs_call_recording_url").map(str::to_owned);
    facts.notes = word("hs_call_body").map(str::to_owned);
    facts.owner = word("hubspot_owner_id").map(str::to_owned);
    facts.told(record, person, &WORDS, connection)
}

/// The outcome that somebody chose says more than the status, and a voicemail more than an outcome that nobody answered.
fn stage<'a>(word: &impl Fn(&str) -> Option<&'a str>, connection: &Connection) -> Stage {
    let outcome = word("hs_call_disposition").and_then(|id| {
        let usual = || OUTCOMES.iter().find(|(of, _)| of.eq_ignore_ascii_case(id)).map(|(_, ending)| *ending);
        own_ending(Some(id), connection).or_else(usual)
    });
    let status = word("hs_call_status");
    let voicemail = word("hs_call_has_voicemail") == Some("true");
    match (outcome, own_ending(status, connection)) {
        (Some(Ending::Answered | Ending::AiAnswered), _) => Stage::Over(outcome.unwrap_or(Ending::Answered)),
        _ if voicemail => Stage::Over(Ending::Voicemail),
        (Some(ending), _) | (None, Some(ending)) => Stage::Over(ending),
        (None, None) => match status {
            Some("COMPLETED") => Stage::Over(Ending::Answered),
            Some("MISSED" | "NO_ANSWER") => Stage::Over(Ending::RingNoAnswer),
            Some("BUSY") => Stage::Over(Ending::Busy),
            Some("CANCELED") => Stage::Over(Ending::Abandoned),
            Some("RINGING" | "QUEUED" | "CONNECTING" | "CALLING_CRM_USER" | "IN_PROGRESS") => Stage::Under,
            // FAILED, a status of tomorrow, or none.
            _ => Stage::Over(Ending::Unsaid),
        },
    }
}

/// Dates are read as RFC 3339, and were written as milliseconds.
fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| Timestamp::from_millisecond(text.parse().ok()?).ok())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked not to be negative; saturates")]
fn seconds(ms: f64) -> u32 {
    (ms / 1_000.0).round() as u32
}
