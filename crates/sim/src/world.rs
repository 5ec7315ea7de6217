//! A seed makes a world: businesses, callers, what really happened, what is told of it, and everything that will go wrong.
//!
//! The world is the truth by which the auditor judges: it knows every call and caller. The program under test sees only the deliveries.

mod calls;
mod places;
mod trouble;

pub use calls::told;
pub use places::demo_account;
pub(crate) use places::{person, quiet};
pub use trouble::SITES;

use crate::dice::Dice;
use crate::hours::Hours;
use crate::words::Message;
use ringback_core::roster::{KnownNumber, Location, Staff};
use ringback_store::Site;
use ringback_twins::callrail::Company;
use ringback_twins::fault::Script;

/// Where the program's hooks are said to stand.
pub const PUBLIC_URL: &str = "https://hooks.sim.test";
/// Minutes between two calls of one caller, at least.
pub const REDIAL_MINUTES_MIN: i64 = 6;
/// No call begins within so many minutes of an opening or closing: whose hour it is would be a matter of seconds.
pub const EDGE_MINUTES: i64 = 12;

/// Everything that is and will be.
#[derive(Debug, Clone)]
pub struct World {
    pub seed: u64,
    /// The first moment, ms since the epoch.
    pub start_ms: i64,
    /// From here on nothing misbehaves any more.
    pub calm_ms: i64,
    pub accounts: Vec<Account>,
    pub calls: Vec<RealCall>,
    /// In the order of their due times.
    pub deliveries: Vec<Delivery>,
    pub crashes: Vec<Crash>,
    /// In the order of their times.
    pub acts: Vec<Act>,
}

/// One business.
#[derive(Debug, Clone)]
pub struct Account {
    pub id: String,
    /// `a`, `b`: part of the names of its connections.
    pub letter: char,
    /// The contract's text.
    pub contract: String,
    pub sites: Vec<Place>,
    pub staff: Vec<Staff>,
    pub known: Vec<(String, KnownNumber)>,
    pub company: Company,
    pub twilio_sid: String,
    pub twilio_token: String,
    /// The CRM's token.
    pub token: String,
    pub pager_secret: Option<String>,
    /// Of another system that is told of everything; accounts without one are as they were before there was any.
    pub desk_secret: Option<String>,
    pub people: Vec<Person>,
    pub crm_faults: Script,
    pub pager_faults: Script,
    pub desk_faults: Script,
}

impl Account {
    /// The id of its connection to a vendor.
    pub fn connection(&self, vendor: Provider) -> String {
        let word = match vendor {
            Provider::CallRail => "rail",
            Provider::Twilio => "twilio",
        };
        format!("conn_{}_{word}", self.letter)
    }
    /// The id of its connection to the CRM.
    pub fn crm(&self) -> String {
        format!("conn_{}_crm", self.letter)
    }
    /// The id of its outgoing pages.
    pub fn pager(&self) -> String {
        format!("conn_{}_pager", self.letter)
    }
    /// The id of the system that is told of everything.
    pub fn desk(&self) -> String {
        format!("conn_{}_desk", self.letter)
    }
}

/// One site of a business.
#[derive(Debug, Clone)]
pub struct Place {
    pub location: Location,
    pub hours: Hours,
    /// The number that CallRail tracks.
    pub tracking: String,
    /// The number that Twilio answers.
    pub direct: String,
}

/// Somebody the CRM knows before anything happens.
#[derive(Debug, Clone)]
pub struct Person {
    /// E.164.
    pub e164: String,
    /// The number as somebody typed it.
    pub phone: String,
    /// In the mobile field rather than the first.
    pub mobile: bool,
    pub first: String,
    pub last: String,
    pub customer: bool,
    /// The CRM's owner id.
    pub owner: Option<String>,
    /// An open deal's name.
    pub deal: Option<String>,
    /// Further typed values: property and value.
    pub typed: Vec<(String, String)>,
}

/// Who reports a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Provider {
    CallRail,
    Twilio,
}

/// What kind of caller it is, in truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// In nobody's CRM.
    Stranger,
    /// One contact of the CRM, a customer.
    Customer,
    /// One contact of the CRM, no customer.
    Lead,
    /// Two contacts of the CRM have this number.
    Shared,
    /// The roster says that several people use this number.
    Switchboard,
    Vendor,
    Blocked,
    /// Kept the number back.
    Withheld,
    /// What came is no number.
    Garbled,
}

impl Who {
    /// Nothing may be written for this caller unless a person says who it is.
    pub fn stays_out(self) -> bool {
        !matches!(self, Self::Stranger | Self::Customer | Self::Lead)
    }
}

/// How a call ended, in truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    RangOut,
    Left(Message),
    HungUp,
    Busy,
    Answered,
    /// Reported as missed, corrected later.
    AnsweredAfterAll,
}

/// One call as it happened.
#[derive(Debug, Clone)]
pub struct RealCall {
    /// Index in [`World::calls`].
    pub n: usize,
    pub account: usize,
    pub site: usize,
    pub who: Who,
    /// What the network showed: E.164, nothing, or nonsense.
    pub caller: Option<String>,
    pub started_ms: i64,
    pub seconds: u32,
    pub ended: Ended,
    /// Reported by these; two of them means two trackers.
    pub told_by: Vec<Provider>,
    /// Nobody ever vouched for its deliveries: forged.
    pub forged: bool,
}

impl RealCall {
    /// When it ended, ms since the epoch.
    pub fn ended_ms(&self) -> i64 {
        self.started_ms + i64::from(self.seconds) * 1_000
    }
    /// The number, where there is one.
    pub fn e164(&self) -> Option<&str> {
        self.caller.as_deref().filter(|_| !matches!(self.who, Who::Withheld | Who::Garbled))
    }
    /// Somebody spoke with the caller.
    pub fn answered(&self) -> bool {
        matches!(self.ended, Ended::Answered | Ended::AnsweredAfterAll)
    }
}

/// One webhook on its way.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub due_ms: i64,
    pub account: usize,
    pub connection: String,
    pub event: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Index of the call it is about.
    pub call: usize,
    /// Without it the call is not known to have ended.
    pub telling: bool,
    /// Sent again until somebody says 2xx.
    pub insists: bool,
    pub quarantine: Quarantine,
}

/// What becomes of a delivery whose signature is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quarantine {
    /// The signature is right.
    No,
    /// A person accepts it later.
    Accepted,
    /// It is forged and stays where it is.
    Kept,
}

/// The program dies there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crash {
    pub site: Site,
    pub side: Side,
    /// At which commit of that site, counted from 1 over the whole world.
    pub nth: u64,
}

/// Before or after a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    Before,
    After,
}

impl Side {
    /// For tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

/// Something a person of the business does in the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    pub at_ms: i64,
    pub account: usize,
    pub what: Deed,
}

/// What a person does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Takes the inquiry of that caller, speaks with the caller: closed.
    Reach(String),
    /// Takes it, nobody answers: stays open, due again later.
    Try(String),
    /// Says which contact the caller is: the first one offered.
    PickFirst(String),
    /// Says that the caller is somebody new.
    PickNew(String),
    /// Approves whatever field is proposed for that caller, but for owners and money.
    Approve(String),
    /// Accepts everything in quarantine that is no forgery.
    AcceptQuarantine,
    /// Looks at the CRM record of that caller and types a name into it.
    TypeName(String),
}

impl Deed {
    /// The caller it is about.
    pub fn caller(&self) -> Option<&str> {
        match self {
            Self::Reach(c)
            | Self::Try(c)
            | Self::PickFirst(c)
            | Self::PickNew(c)
            | Self::Approve(c)
            | Self::TypeName(c) => Some(c),
            Self::AcceptQuarantine => None,
        }
    }
}

/// How large a world is and what may go wrong in it.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub calls: usize,
    pub faults: bool,
    pub crashes: bool,
}

impl Size {
    /// The ordinary world: at least twenty calls, at least five faults, crashes.
    pub const FULL: Self = Self { calls: 20, faults: true, crashes: true };
    /// Small enough to crash at every single commit in turn.
    pub const SMALL: Self = Self { calls: 3, faults: false, crashes: false };
}

impl World {
    /// The world of a seed.
    pub fn new(seed: u64, size: Size) -> Self {
        let mut dice = Dice::new(seed);
        let start_ms = places::start(&mut dice.split(1));
        let mut accounts = places::accounts(&mut dice.split(2), start_ms);
        let calls = calls::calls(&mut dice.split(3), &mut accounts, start_ms, size);
        let deliveries = calls::deliveries(&mut dice.split(4), &accounts, &calls);
        let last_ms = deliveries.iter().map(|d| d.due_ms).max().unwrap_or(start_ms);
        let calm_ms = last_ms + 20 * 60_000;
        let acts = calls::acts(&mut dice.split(5), &calls, &deliveries, last_ms);
        if size.faults {
            trouble::faults(&mut dice.split(6), &mut accounts, start_ms, calm_ms);
        }
        let crashes = if size.crashes { trouble::crashes(&mut dice.split(7)) } else { Vec::new() };
        Self { seed, start_ms, calm_ms, accounts, calls, deliveries, crashes, acts }
    }
}
