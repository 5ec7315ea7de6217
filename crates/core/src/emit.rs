//! What other systems are told: a calendar, an analytics store, a ticket desk. A closed list of occasions; which of them a receiver is told,
//! and which personal values go along, its connection says. Nothing goes anywhere unless one does.
//!
//! An emission is an effect like any other: planned and stored before it leaves, under a key that is the same on every attempt. When one is
//! due is decided in the inquiry's step.

use crate::effect::LaneId;
use crate::id::{AccountId, InquiryId, StaffId};
use crate::identity::MatchKind;
use crate::inquiry::{CallbackResult, Outcome};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The longest text of an emission, in characters.
pub const TEXT_CHARS_MAX: usize = 2_000;

/// Something that happened to an inquiry and that another system may want to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Occasion {
    /// A call opened it, and somebody has to call back.
    #[serde(rename = "inquiry.opened")]
    Opened,
    /// Somebody else has to call back, or it is no longer (or only) theirs until a person decides.
    #[serde(rename = "inquiry.owner_set")]
    OwnerSet,
    /// A person called back, with whatever result.
    #[serde(rename = "inquiry.called_back")]
    CalledBack,
    /// The person who called back noted that it is booked.
    #[serde(rename = "booking.confirmed")]
    Booked,
    /// An existing customer has trouble with what was done: [`crate::inquiry::Inquiry::wants_ticket`]. Once for each inquiry.
    #[serde(rename = "ticket.wanted")]
    TicketWanted,
    /// It came to its end.
    #[serde(rename = "inquiry.closed")]
    Closed,
}

impl Occasion {
    /// Every occasion, in the order in which an inquiry comes by them.
    pub const ALL: [Self; 6] =
        [Self::Opened, Self::OwnerSet, Self::TicketWanted, Self::CalledBack, Self::Booked, Self::Closed];

    /// The stable word in settings and messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Opened => "inquiry.opened",
            Self::OwnerSet => "inquiry.owner_set",
            Self::CalledBack => "inquiry.called_back",
            Self::Booked => "booking.confirmed",
            Self::TicketWanted => "ticket.wanted",
            Self::Closed => "inquiry.closed",
        }
    }

    /// The occasion of that word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|occasion| occasion.word() == word)
    }
}

/// A value about a person, which goes along only where the receiver's connection names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Personal {
    /// The number to call back, E.164.
    #[serde(rename = "caller.phone")]
    CallerPhone,
    #[serde(rename = "caller.name")]
    CallerName,
    #[serde(rename = "caller.email")]
    CallerEmail,
    #[serde(rename = "owner.name")]
    OwnerName,
    #[serde(rename = "owner.email")]
    OwnerEmail,
    /// What the caller wants, from the caller's own words. Left out where the contract keeps notes plain.
    #[serde(rename = "summary")]
    Summary,
    /// What the person who called back wrote down.
    #[serde(rename = "note")]
    Note,
}

impl Personal {
    /// Every value there is.
    pub const ALL: [Self; 7] = [
        Self::CallerPhone,
        Self::CallerName,
        Self::CallerEmail,
        Self::OwnerName,
        Self::OwnerEmail,
        Self::Summary,
        Self::Note,
    ];

    /// The stable word in settings and messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::CallerPhone => "caller.phone",
            Self::CallerName => "caller.name",
            Self::CallerEmail => "caller.email",
            Self::OwnerName => "owner.name",
            Self::OwnerEmail => "owner.email",
            Self::Summary => "summary",
            Self::Note => "note",
        }
    }

    /// The value of that word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|personal| personal.word() == word)
    }
}

/// A receiver, and what it is told. Every event of an inquiry names the receivers that stood when it was decided, so that a replay decides
/// the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub lane: LaneId,
    pub occasions: BTreeSet<Occasion>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub personal: BTreeSet<Personal>,
}

/// One occasion as one receiver is told of it. Holds no value of a person outside of [`Emission::personal`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emission {
    pub occasion: Occasion,
    /// When it happened.
    pub at: Timestamp,
    pub account: AccountId,
    pub inquiry: InquiryId,
    /// Counts what this receiver is told of this inquiry, from 1: messages that a person sent again may come late.
    pub sequence: u32,
    /// Opens the inquiry.
    pub url: String,
    /// The location's slug.
    pub location: Option<String>,
    /// IANA zone of the location.
    pub zone: Option<String>,
    /// How the latest call ended.
    pub category: Option<String>,
    /// Where the latest call came from, as its provider tells.
    pub source: Option<String>,
    /// So many calls belong to it.
    pub calls: usize,
    pub urgency: String,
    /// Who the caller is by the CRM; `None`: not known yet.
    pub caller_is: Option<MatchKind>,
    /// Why the caller called: a reason code.
    pub reason: Option<String>,
    pub owner: Option<StaffId>,
    /// The owner is so until a person has decided.
    pub provisional: bool,
    /// The latest attempt to call back.
    pub result: Option<CallbackResult>,
    /// For when it was booked, where the person said so.
    pub booked_for: Option<Timestamp>,
    pub outcome: Option<Outcome>,
    /// From the end of the first missed call to the first attempt to call back, seconds of wall time.
    pub callback_seconds: Option<i64>,
    /// Its due time passed without an attempt.
    pub breached: bool,
    /// Nobody touched it for longer than the contract allows.
    pub stale: bool,
    /// What the receiver's connection asks for and is known.
    pub personal: BTreeMap<Personal, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_means_one_thing_and_is_stored_as_it_is_said() {
        for occasion in Occasion::ALL {
            assert_eq!(Occasion::of(occasion.word()), Some(occasion));
            assert_eq!(serde_json::to_value(occasion).unwrap(), occasion.word());
        }
        for personal in Personal::ALL {
            assert_eq!(Personal::of(personal.word()), Some(personal));
            assert_eq!(serde_json::to_value(personal).unwrap(), personal.word());
        }
        assert_eq!(Occasion::of("inquiry"), None);
    }
}
