//! Calls that a phone system or a person logged in Zoho CRM: the module Calls.
//!
//! Source: <https://www.zoho.com/crm/developer/docs/api/v8/insert-records.html> (mandatory fields of Calls) and
//! <https://help.zoho.com/portal/en/kb/crm/manage-crm-data/activities/articles/call-activity>: `Call_Type` is `Inbound` (somebody answered),
//! `Missed` or `Outbound`; `Outgoing_Call_Status` tells a scheduled call from one that was made; `Caller_ID` and `Dialled_Number` are written by
//! the telephony integration.

use super::WORDS;
use super::fields::DURATION;
use crate::Connection;
use crate::calls::{Facts, Stage, Told, own_ending};
use ringback_core::crm::Record;
use ringback_core::signal::{Direction, Ending};

pub(super) const READS: &[&str] = &[
    "Call_Type",
    "Call_Start_Time",
    DURATION,
    "Call_Result",
    "Outgoing_Call_Status",
    "Caller_ID",
    "Dialled_Number",
    "Voice_Recording__s",
    "Subject",
    "Description",
    "Owner",
    "Who_Id",
    "What_Id",
];

pub(super) fn told(record: &Record, person: Option<&Record>, connection: &Connection) -> Told {
    let word = |name: &str| record.properties.get(name).map(|v| v.trim()).filter(|v| !v.is_empty());
    let (direction, usual) = match word("Call_Type") {
        Some("Missed") => (Direction::Inbound, Ending::RingNoAnswer),
        Some("Inbound") => (Direction::Inbound, Ending::Answered),
        Some("Outbound") => (Direction::Outbound, Ending::Unsaid),
        _ => (Direction::Unsaid, Ending::Unsaid),
    };
    let planned = matches!(word("Outgoing_Call_Status"), Some("Scheduled" | "Overdue" | "Cancelled" | "Canceled"));
    let stage = match own_ending(word("Call_Result"), connection) {
        _ if planned => Stage::Planned,
        Some(ending) => Stage::Over(ending),
        None => Stage::Over(usual),
    };
    let mut facts = Facts::of(direction, stage);
    facts.from = word("Caller_ID").map(str::to_owned);
    facts.to = word("Dialled_Number").map(str::to_owned);
    facts.started_at = word("Call_Start_Time").and_then(|at| at.parse().ok());
    facts.duration_seconds =
        word(DURATION).and_then(|ms| ms.parse::<u64>().ok()).and_then(|ms| u32::try_from(ms / 1_000).ok());
    facts.recording_url = word("Voice_Recording__s").filter(|url| url.starts_with("http")).map(str::to_owned);
    facts.notes = word("Description").map(str::to_owned);
    facts.owner = word("Owner").map(str::to_owned);
    facts.told(record, person, &WORDS, connection)
}
