//! Calls that a phone system or a person logged in Pipedrive: activities of the type `call`, or of a type that the connection names.
//!
//! Source: <https://developers.pipedrive.com/docs/api/v1/Activities>. An activity says neither which way a call went nor how it ended (call
//! logs do, but only those of the token's own user are listed). So both are taken from what the connection names: `ending.<type>` for activity
//! types that a phone system makes of its own (`missed_call`), such a call having come in; `ending.<word>` for a word that stands in the
//! subject. Of itself only an activity whose subject begins with "missed call" says what it is.

use super::WORDS;
use crate::Connection;
use crate::calls::{Facts, Stage, Told, own_ending};
use ringback_core::crm::Record;
use ringback_core::signal::{Direction, Ending};

pub(super) const READS: &[&str] = &["subject", "type", "done", "due", "note", "owner_id"];

pub(super) fn told(record: &Record, person: Option<&Record>, connection: &Connection) -> Told {
    let word = |name: &str| record.properties.get(name).map(|v| v.trim()).filter(|v| !v.is_empty());
    let of_type = own_ending(word("type"), connection);
    let subject = word("subject").unwrap_or_default().to_lowercase();
    let is_call = of_type.is_some() || word("type") == Some("call");
    let own = |text: &str| {
        let all = connection.settings.keys().filter_map(|name| name.strip_prefix("ending."));
        let fits = all.filter(|word| !word.is_empty() && text.contains(&word.to_lowercase()));
        // The longest is the most exact.
        own_ending(fits.max_by_key(|word| word.len()), connection)
    };
    let begins = |words: &[&str]| words.iter().any(|w| subject.starts_with(w));
    let (direction, ending) = match of_type.or_else(|| own(&subject)) {
        _ if begins(&["outbound", "outgoing"]) => (Direction::Outbound, of_type.unwrap_or(Ending::Unsaid)),
        Some(ending) => (Direction::Inbound, ending),
        None if begins(&["missed call", "missed inbound", "missed incoming"]) => {
            (Direction::Inbound, Ending::RingNoAnswer)
        }
        None if begins(&["inbound", "incoming"]) => (Direction::Inbound, Ending::Unsaid),
        None => (Direction::Unsaid, Ending::Unsaid),
    };
    let stage = if is_call && word("done") == Some("true") { Stage::Over(ending) } else { Stage::Planned };
    let mut facts = Facts::of(direction, stage);
    facts.started_at = word("due").and_then(|at| at.parse().ok());
    facts.notes = word("note").map(str::to_owned);
    facts.owner = word("owner_id").map(str::to_owned);
    facts.told(record, person, &WORDS, connection)
}
