//! Calls that a phone system or a person logged in Salesforce: tasks with a call type.
//!
//! Source: the Object Reference on Task
//! (<https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_task.htm>):
//! `CallType`, `CallDisposition` (free text), `CallDurationInSeconds`, `IsClosed`. A task has no number and no time of day: the caller is the
//! Lead or Contact that it is linked to, and a call began as long before the task was made as it lasted, unless it was logged on another day.

use super::WORDS;
use super::fields::DURATION_MS;
use crate::Connection;
use crate::calls::{Facts, Stage, Told};
use crate::sources::generic;
use crate::wire::zone;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use ringback_core::crm::Record;
use ringback_core::signal::{Direction, Ending};

pub(super) const READS: &[&str] = &[
    "CallType",
    "CallDisposition",
    DURATION_MS,
    "TaskSubtype",
    "IsClosed",
    "Subject",
    "Description",
    "ActivityDate",
    "CreatedDate",
    "OwnerId",
];

pub(super) fn told(record: &Record, person: Option<&Record>, connection: &Connection) -> Told {
    let word = |name: &str| record.properties.get(name).map(|v| v.trim()).filter(|v| !v.is_empty());
    let (direction, between_colleagues) = match word("CallType") {
        Some("Inbound") => (Direction::Inbound, false),
        Some("Outbound") => (Direction::Outbound, false),
        Some("Internal") => (Direction::Unsaid, true),
        _ => (Direction::Unsaid, false),
    };
    let ending = word("CallDisposition").and_then(|text| generic::ending(text, connection)).unwrap_or(Ending::Unsaid);
    let stage = match word("IsClosed") {
        _ if between_colleagues => Stage::Planned,
        // A call that is logged is a task that is done.
        Some("false") => Stage::Planned,
        _ => Stage::Over(ending),
    };
    let mut facts = Facts::of(direction, stage);
    let milliseconds = word(DURATION_MS).and_then(|ms| ms.parse::<u64>().ok());
    facts.duration_seconds = milliseconds.and_then(|ms| u32::try_from(ms / 1_000).ok());
    facts.started_at = began(&word, facts.duration_seconds.unwrap_or(0), connection);
    facts.notes = word("Description").map(str::to_owned);
    facts.owner = word("OwnerId").map(str::to_owned);
    facts.told(record, person, &WORDS, connection)
}

fn began<'a>(word: &impl Fn(&str) -> Option<&'a str>, seconds: u32, connection: &Connection) -> Option<Timestamp> {
    let made: Timestamp = word("CreatedDate")?.parse().ok()?;
    let day = made.to_zoned(zone(&connection.zone)).date();
    let same = word("ActivityDate").and_then(|d| d.parse::<Date>().ok()).is_none_or(|of| of == day);
    if !same {
        // Of a call of another day nobody knows the hour; noon there is never the wrong day.
        let of: Date = word("ActivityDate")?.parse().ok()?;
        return Some(of.at(12, 0, 0, 0).to_zoned(zone(&connection.zone)).ok()?.timestamp());
    }
    made.checked_sub(SignedDuration::from_secs(i64::from(seconds))).ok()
}
