//! One outside change to bring about, stated as "make it so", never as "do this".
//!
//! An [`Effect`] names a target (which record, by our stable key) and the state that target shall have. Doing it twice is doing it once.
//! How it is brought about, exchange by exchange, is [`crate::ensure`].

use crate::crm::{Object, PersonKey, Properties};
use crate::emit::Emission;
use crate::id::{ConnectionId, EffectId, InquiryId, PlanId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Version of the stored form of [`Effect`].
pub const EFFECT_SCHEMA: u32 = 1;

/// The lane of a connection: the unit of order, rate budget, breaker and lease. One connection has one lane.
pub type LaneId = ConnectionId;

/// What shall be so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Desired {
    /// Know whom these keys belong to. Changes nothing.
    FindPerson {
        keys: Vec<PersonKey>,
        properties: Vec<String>,
        /// The vendor's id of a contact that is read first, and alone where there are no keys.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        record: Option<String>,
    },
    /// A contact carries our key and at least these properties.
    NewContact { key: String, properties: Properties },
    /// An existing contact has these properties, provided the values read at planning still stand.
    ContactFields { record: String, properties: Properties, was: Properties },
    /// A record of ours (call log, task) carries our key and these properties and is associated with the contact.
    Activity { object: Object, key: String, properties: Properties, contact: ContactRef },
    /// A record of ours, if it exists, has these properties. If it was never made, nothing is made.
    ActivityIfMade { object: Object, key: String, properties: Properties },
    /// A record holds these values again, each provided that what we wrote (`was`) still stands there; what somebody has put there since
    /// is left alone. Made for a rollback only.
    Restore { object: Object, record: String, properties: Properties, was: Properties },
    /// A person of the account was told.
    Page { key: String, notice: Notice },
    /// Another system was told what happened.
    Emit { key: String, emission: Box<Emission> },
}

/// Which contact an activity belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactRef {
    /// The vendor's id of an existing record.
    Record(String),
    /// The contact that another effect makes; known once that effect is done.
    MadeBy(EffectId),
}

/// A message to staff: what happened, to whom it falls, by when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// E-mail address of the owner, for the e-mail sink.
    pub to: Option<String>,
    pub subject: String,
    pub lines: Vec<String>,
    /// `missed_call`, `escalation`, `stale`.
    pub event: String,
    pub inquiry: InquiryId,
    pub urgent: bool,
}

/// Another effect that must come first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    pub effect: EffectId,
    /// It is enough that it is settled, however it ended (an older effect on the same target); else it must be done.
    pub settled: bool,
}

/// One outside change, as planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// [`EFFECT_SCHEMA`] at the time of writing.
    pub schema: u32,
    pub id: EffectId,
    pub inquiry: InquiryId,
    pub plan: PlanId,
    pub lane: LaneId,
    /// What it is about within the inquiry: `find`, `contact`, `call:<stem>`, `task`, `page:<n>`,
    /// `emit:<connection>:<n>:<occasion>`. A new plan's effect on a target takes the place of the unsent older one.
    pub target: String,
    pub desired: Desired,
    pub needs: Vec<Need>,
    /// Goes before everything that is not.
    pub urgent: bool,
}

impl Desired {
    /// A stable word for logs, tables and the ledger.
    pub fn word(&self) -> &'static str {
        match self {
            Self::FindPerson { .. } => "find",
            Self::NewContact { .. } => "create_contact",
            Self::ContactFields { .. } => "update_contact",
            Self::Activity { object: Object::Call, .. } => "log_call",
            Self::Activity { .. } => "create_task",
            Self::ActivityIfMade { .. } => "close_task",
            Self::Restore { .. } => "restore",
            Self::Page { .. } => "page",
            Self::Emit { .. } => "emit",
        }
    }

    /// Our key in the outside record, where there is one.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::NewContact { key, .. }
            | Self::Activity { key, .. }
            | Self::ActivityIfMade { key, .. }
            | Self::Page { key, .. }
            | Self::Emit { key, .. } => Some(key),
            Self::FindPerson { .. } | Self::ContactFields { .. } | Self::Restore { .. } => None,
        }
    }

    /// The kind of record that is written, where one is.
    pub fn object(&self) -> Option<Object> {
        match self {
            Self::NewContact { .. } | Self::ContactFields { .. } => Some(Object::Contact),
            Self::Activity { object, .. } | Self::ActivityIfMade { object, .. } | Self::Restore { object, .. } => {
                Some(*object)
            }
            Self::FindPerson { .. } | Self::Page { .. } | Self::Emit { .. } => None,
        }
    }

    /// The properties to be held, empty where none are written.
    pub fn properties(&self) -> Option<&Properties> {
        match self {
            Self::NewContact { properties, .. }
            | Self::ContactFields { properties, .. }
            | Self::Activity { properties, .. }
            | Self::Restore { properties, .. }
            | Self::ActivityIfMade { properties, .. } => Some(properties),
            Self::FindPerson { .. } | Self::Page { .. } | Self::Emit { .. } => None,
        }
    }

    /// A digest by which two plans can tell that they want the same. Stamps of the write itself ([`STAMPS`]) do not count:
    /// the same wish at another moment is the same wish. Which effect makes the contact does not count either.
    pub fn digest(&self) -> String {
        let mut same = self.clone();
        if let Self::NewContact { properties, .. }
        | Self::ContactFields { properties, .. }
        | Self::Activity { properties, .. }
        | Self::ActivityIfMade { properties, .. } = &mut same
        {
            properties.retain(|name, _| !STAMPS.contains(&name.as_str()));
        }
        if let Self::Activity { contact: contact @ ContactRef::MadeBy(_), .. } = &mut same {
            *contact = ContactRef::MadeBy(EffectId::from_text("contact"));
        }
        let text = serde_json::to_string(&same).unwrap_or_default();
        hex(&Sha256::digest(text.as_bytes()))
    }
}

/// Properties that say when and by which version a write was made, and where it can be asked about.
pub const STAMPS: &[&str] = &["rb_written_at", "rb_version", TRACE_PROPERTY];

/// The stamp that holds the way from a record back to the sentence behind each of its fields ([`trace_path`]).
pub const TRACE_PROPERTY: &str = "rb_trace";

/// Where the console shows what was written to a record: `/t/contact/512`. `id` is the vendor's id of the record, as its translator writes
/// it, or our key in it, which is known before the record is there.
pub fn trace_path(object: Object, id: &str) -> String {
    use std::fmt::Write as _;
    let mut path = format!("/t/{}/", object.as_str());
    for byte in id.bytes() {
        // A translator's ids have parts (`Leads/512`), which the page's address has too.
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path
}

/// How the targets of what other systems are told begin.
pub const EMIT: &str = "emit:";

/// Is that target something that another system is told, by that lane or by any?
pub fn emits(target: &str, lane: Option<&LaneId>) -> bool {
    let Some(rest) = target.strip_prefix(EMIT) else { return false };
    lane.is_none_or(|lane| rest.strip_prefix(lane.as_str()).is_some_and(|rest| rest.starts_with(':')))
}

/// Is that target something that is told, to people or to other systems? What was told is not taken back, and no record of a CRM hangs on it.
pub fn tells(target: &str) -> bool {
    target.starts_with("page") || emits(target, None)
}

/// Everything that is written to a record without a clause of the contract, besides our key and, on a contact that we make, number and
/// placeholder name. A closed list: whatever else is written, somebody has mapped.
pub const OWN_STAMPS: &[&str] =
    &["rb_call_id", "rb_version", "rb_written_at", "rb_inquiry_url", TRACE_PROPERTY, "rb_first_call_at"];

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_of_a_record_has_an_address_of_its_own() {
        for (object, id, path) in [
            (Object::Contact, "512", "/t/contact/512"),
            (Object::Call, "Calls/7", "/t/call/Calls/7"),
            (Object::Task, "rb-task-01j", "/t/task/rb-task-01j"),
            (Object::Contact, "a b?c#d%é", "/t/contact/a%20b%3Fc%23d%25%C3%A9"),
        ] {
            assert_eq!(trace_path(object, id), path);
        }
    }

    #[test]
    fn the_same_wish_with_another_stamp_is_the_same_wish() {
        let wish = |stamps: &[(&str, &str)]| {
            let mut properties = Properties::from([("rb_urgency".to_owned(), "high".to_owned())]);
            properties.extend(stamps.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
            let was = Properties::from([("rb_urgency".to_owned(), String::new())]);
            Desired::ContactFields { record: "512".into(), properties, was }.digest()
        };
        assert_eq!(wish(&[]), wish(&[(TRACE_PROPERTY, "https://r.example/t/contact/512")]));
        assert_ne!(wish(&[]), wish(&[("rb_intent", "booking")]));
    }
}
