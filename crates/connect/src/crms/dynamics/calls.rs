//! Calls that a phone system or a person logged in Dynamics 365: the table `phonecall`.
//!
//! Source: <https://learn.microsoft.com/en-us/power-apps/developer/data-platform/reference/entities/phonecall>: `directioncode` (true:
//! outgoing), `leftvoicemail`, `statecode` (0 open, 1 completed, 2 canceled), `actualdurationminutes`. There is no column for a call that nobody
//! took: an incoming one that is completed and lasted was answered, one that did not last is unknown, unless the connection says more
//! (`call_field.ending`, `ending.none`). One that is open is to be made.

use super::WORDS;
use crate::Connection;
use crate::calls::{Facts, Stage, Told};
use ringback_core::crm::Record;
use ringback_core::signal::{Direction, Ending};

pub(super) const READS: &[&str] = &[
    "directioncode",
    "phonenumber",
    "leftvoicemail",
    "statecode",
    "actualstart",
    "actualend",
    "actualdurationminutes",
    "subject",
    "description",
    "ownerid",
];

pub(super) fn told(record: &Record, person: Option<&Record>, connection: &Connection) -> Told {
    let word = |name: &str| record.properties.get(name).map(|v| v.trim()).filter(|v| !v.is_empty());
    let direction = match word("directioncode") {
        Some("false") => Direction::Inbound,
        Some("true") => Direction::Outbound,
        _ => Direction::Unsaid,
    };
    let minutes = word("actualdurationminutes").and_then(|m| m.parse::<u32>().ok());
    let ending = match minutes {
        _ if word("leftvoicemail") == Some("true") => Ending::Voicemail,
        Some(1..) => Ending::Answered,
        _ => Ending::Unsaid,
    };
    let stage = if word("statecode") == Some("1") { Stage::Over(ending) } else { Stage::Planned };
    let mut facts = Facts::of(direction, stage);
    let number = word("phonenumber").map(str::to_owned);
    // The one number that is kept is the other side's.
    if direction == Direction::Outbound {
        facts.to = number;
    } else {
        facts.from = number;
    }
    facts.started_at = word("actualstart").and_then(|at| at.parse().ok());
    facts.ended_at = word("actualend").and_then(|at| at.parse().ok());
    facts.duration_seconds = minutes.map(|m| m.saturating_mul(60));
    facts.notes = word("description").map(str::to_owned);
    facts.owner = word("ownerid").map(str::to_owned);
    facts.told(record, person, &WORDS, connection)
}
