//! Who works where and which numbers are whose: versioned rows that decisions read as facts.

use crate::followup::calendar::Calendar;
use crate::id::{LocationId, StaffId};
use serde::{Deserialize, Serialize};

/// One site of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    pub id: LocationId,
    /// The short word used in contracts: `phoenix`.
    pub slug: String,
    pub name: String,
    /// IANA zone, hours and holidays.
    pub calendar: Calendar,
    /// ISO 3166 region in which a number without a country code is read.
    pub region: String,
    /// BCP 47 tag for dates, times and texts.
    pub locale: String,
    pub currency: String,
    /// What the caller usually wants here (`hvac`); goes to new leads as inferred vertical.
    pub vertical: Option<String>,
    /// Rises with every change; kept with each decision that read it.
    pub version: u32,
}

/// The kind of a line at which a voice agent answers: whoever reports such a call as answered has seen the agent.
pub const AGENT_LINE: &str = "voice_agent";

/// What a dialled number stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// E.164.
    pub number: String,
    pub location: LocationId,
    /// `sales`, `service`, `office`, or [`AGENT_LINE`].
    pub kind: Option<String>,
    pub source: Option<String>,
    pub campaign: Option<String>,
    pub landing_page: Option<String>,
}

/// What a known number of somebody else means for identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KnownNumber {
    /// One of the account's own numbers: never a caller.
    Own,
    /// Several people share it (a front desk, a switchboard): never links by itself.
    Shared,
    /// A supplier: recorded, no lead.
    Vendor,
    /// The business does not want calls from it chased.
    Blocked,
}

/// A person who may own inquiries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staff {
    pub id: StaffId,
    pub name: String,
    /// Roles as contracts name them: `phoenix-coordinator`.
    pub roles: Vec<String>,
    /// Where this person works; empty means everywhere (corporate).
    pub locations: Vec<LocationId>,
    /// 1 location staff, 2 corporate, 3 specialist.
    pub tier: u8,
    /// The CRM's owner id of this person.
    pub crm_owner: Option<String>,
    pub email: Option<String>,
    /// Shift of this person; none means whenever the location is open.
    pub shift: Option<Calendar>,
    /// Away right now (holiday, sick).
    pub away: bool,
}

impl Staff {
    /// The short word that the settings and contracts use: the id without its kind.
    pub fn slug(&self) -> &str {
        let id = self.id.as_str();
        id.strip_prefix(StaffId::PREFIX).and_then(|rest| rest.strip_prefix('_')).unwrap_or(id)
    }

    /// Is this whom a contract means by `staff:<named>`?
    pub fn is_called(&self, named: &str) -> bool {
        named == self.slug() || named == self.id.as_str()
    }
}

/// The roster as one decision read it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    pub version: u32,
    pub locations: Vec<Location>,
    pub lines: Vec<Line>,
    pub staff: Vec<Staff>,
    /// E.164 and what it is known as.
    pub known_numbers: Vec<(String, KnownNumber)>,
}

impl Roster {
    /// The location with that id.
    pub fn location(&self, id: &LocationId) -> Option<&Location> {
        self.locations.iter().find(|l| l.id == *id)
    }
    /// The line with that number.
    pub fn line(&self, e164: &str) -> Option<&Line> {
        self.lines.iter().find(|l| l.number == e164)
    }
    /// The person with that id.
    pub fn person(&self, id: &StaffId) -> Option<&Staff> {
        self.staff.iter().find(|s| s.id == *id)
    }
    /// What is known of a number.
    pub fn known(&self, e164: &str) -> Option<KnownNumber> {
        if self.lines.iter().any(|l| l.number == e164) {
            return Some(KnownNumber::Own);
        }
        self.known_numbers.iter().find(|(n, _)| n == e164).map(|(_, k)| *k)
    }
}
