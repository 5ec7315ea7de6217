//! Vendors as translators: values in, HTTP out; HTTP in, values out.
//!
//! A vendor is one file, one registry line, its fixtures and its docs page. No vendor holds a sequence (that is
//! `core::ensure`), a clock, a token or a socket. Each is tested by tables over fixtures made from the vendor's documents; one
//! conformance suite runs over the whole registry.

pub mod acks;
pub mod calls;
pub mod connection;
pub mod crms;
pub mod packed;
mod receiver;
pub mod sinks;
pub mod sources;
mod standard_webhooks;
mod wire;

pub use connection::{Connection, Secret};
pub use wire::{problem, unavailable};

use jiff::Timestamp;
use ringback_core::crm::{CrmOp, Held, OWN_PROPERTIES, Object, Outcome, OwnProperty, Record, WriteTraits};
use ringback_core::http::{HttpReply, HttpRequest, RawRequest};
use ringback_core::problem::Problem;
use ringback_core::signal::Signal;

/// Every inbound provider. Adding one adds one file and one line here.
pub static SOURCES: &[&dyn Source] = &[
    &sources::callrail::CallRail,
    &sources::twilio::Twilio,
    &sources::generic::Generic,
    &sources::csv::PhoneLog,
    &sources::enrichment::Enrichment,
];

/// Every CRM. Adding one adds one file and one line here.
pub static CRMS: &[&dyn Crm] = &[
    &crms::hubspot::HubSpot,
    &crms::salesforce::Salesforce,
    &crms::zoho::Zoho,
    &crms::pipedrive::Pipedrive,
    &crms::gohighlevel::GoHighLevel,
    &crms::dynamics::Dynamics,
    &crms::hook::Hook,
];

/// The source of that name (`callrail`).
pub fn source(name: &str) -> Option<&'static dyn Source> {
    SOURCES.iter().copied().find(|s| s.about().name == name)
}

/// The CRM of that name (`hubspot`).
pub fn crm(name: &str) -> Option<&'static dyn Crm> {
    CRMS.iter().copied().find(|c| c.about().name == name)
}

/// What is true of a vendor, as data.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// The word in configuration and URLs.
    pub name: &'static str,
    pub title: &'static str,
    pub docs_url: &'static str,
    /// Where requests go unless the connection says otherwise.
    pub base_url: &'static str,
    pub auth: Auth,
    /// How a token is got, where the vendor has OAuth.
    pub oauth: Option<&'static OAuth>,
    /// What `ensure` must know; `None` for sources.
    pub writes: Option<WriteTraits>,
    pub limits: Limits,
    /// Events of the hook URL with what each stands for.
    pub events: &'static [(&'static str, &'static str)],
    /// What a user of this vendor must know, one sentence each.
    pub quirks: &'static [&'static str],
}

/// How requests are authenticated; the engine does it, so that credentials never enter attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    None,
    Bearer,
    Basic,
    /// `Authorization: Token token="…"` (CallRail).
    Token,
    /// `Authorization: <scheme> <token>`.
    Scheme(&'static str),
    /// The token alone, in a header of that name.
    Header(&'static str),
    /// The address is the secret; the base URL is taken from it.
    Url,
    /// A signature after Standard Webhooks, made over the body.
    Signed,
}

/// How an access token is got, as data; the engine does it, so that no token enters an attempt. The secret of such a connection is a JSON
/// object with `client_id`, `client_secret` and, where the grant needs it, `refresh_token`; any other secret is a token as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OAuth {
    /// `{name}` stands for the connection's setting of that name. The setting `token_url` takes its place.
    pub token_url: &'static str,
    pub grant: Grant,
    /// The client's own credential goes by `Authorization: Basic` instead of in the form.
    pub basic: bool,
    /// Further fields of the form; `{name}` as in the address.
    pub form: &'static [(&'static str, &'static str)],
    /// Each refresh gives another refresh token, and the old one is void: it is stored before the new access token is used.
    pub rotates: bool,
    /// The field of the answer that says where requests go from now on.
    pub base_url_from: Option<&'static str>,
    /// How long a token lives whose answer does not say so, seconds.
    pub lives_seconds: u32,
}

/// What a token is asked for with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    RefreshToken,
    ClientCredentials,
}

/// A vendor's published limits. Zero means "not published".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    pub burst_requests: u32,
    pub burst_window_ms: u32,
    pub daily_requests: u32,
    pub search_per_second: u32,
    pub batch_items_max: u32,
    /// Requests under way at once.
    pub concurrent_requests_max: u32,
    /// What the daily figure counts: `requests`, `credits`, `tokens`; see [`Crm::cost`].
    pub daily_unit: &'static str,
}

impl Limits {
    /// Of a source that is never asked anything: it only sends.
    pub const UNASKED: Self = Self {
        burst_requests: 0,
        burst_window_ms: 0,
        daily_requests: 0,
        search_per_second: 0,
        batch_items_max: 1,
        concurrent_requests_max: 0,
        daily_unit: "requests",
    };
}

/// Why a request was not accepted as the provider's own. It is quarantined whole, never processed, never thrown away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// The connection has no key to check with.
    NoKey,
    MissingSignature,
    WrongSignature,
    /// Signed too long ago, where the provider signs a time.
    Stale,
}

impl Rejected {
    /// A stable word for the ledger and the console.
    pub fn word(self) -> &'static str {
        match self {
            Self::NoKey => "no_key",
            Self::MissingSignature => "missing_signature",
            Self::WrongSignature => "wrong_signature",
            Self::Stale => "stale_signature",
        }
    }
}

/// Why an authentic request could not be read as signals. It stays stored and visible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// `not_json`, `not_a_form`, `unknown_event`, `no_call_id`, …
    pub class: &'static str,
    pub words: String,
}

/// What intake decided, for the answer that this provider needs to hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intake {
    Stored,
    Duplicate,
    Quarantined(Rejected),
    /// Generic and API senders only: the sender can mend it.
    Invalid {
        status: u16,
        code: &'static str,
        cause: String,
        cure: String,
    },
    /// Nothing could be stored; the provider should try again.
    Unavailable,
}

/// More was found for a batch of operations than one answer shows.
pub const TOO_MANY_RESULTS: &str = "too_many_results";
/// The answer to a batch does not say to which of its operations something belongs.
pub const UNCLEAR_MATCH: &str = "unclear_match";
/// The answer to a batch does not mention one of its items.
pub const MISSING_IN_REPLY: &str = "missing_in_reply";
/// A batch was refused whole, and nothing of it was done; one of its items is at fault.
pub const BATCH_REFUSED: &str = "batch_refused";

/// Would this operation fare better in a smaller batch, or alone?
pub fn asks_for_fewer(outcome: &Outcome) -> bool {
    let classes = [TOO_MANY_RESULTS, UNCLEAR_MATCH, MISSING_IN_REPLY, BATCH_REFUSED];
    matches!(outcome, Outcome::Retry { why, .. } if classes.contains(&why.class.as_str()))
}

/// The vendor cannot do this operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported(pub String);

/// What one HTTP exchange said about each operation it carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replies {
    /// One outcome per operation, in the order of the operations.
    pub outcomes: Vec<Outcome>,
    /// What the reply's headers say is left of the budget.
    pub budget: Option<Budget>,
}

/// A budget as the vendor's headers state it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budget {
    pub burst_left: Option<u32>,
    pub daily_left: Option<u32>,
    /// What is left of a limit that is not counted in requests, such as the time that the vendor's machines work for us, in percent of
    /// its window.
    pub work_left_percent: Option<u32>,
}

/// A place in a provider's list.
pub type Cursor = String;

/// An inbound provider.
pub trait Source: Sync {
    fn about(&self) -> &'static About;
    /// Is this the provider's own request? Several keys: rotation, per company. `received_at` for providers that sign a time;
    /// the connection because generic senders differ in how they sign.
    fn verify(
        &self,
        raw: &RawRequest,
        connection: &Connection,
        keys: &[Secret],
        received_at: Timestamp,
    ) -> Result<(), Rejected>;
    /// What the request says. The bytes are stored before this runs.
    fn read(&self, raw: &RawRequest, connection: &Connection) -> Result<Vec<Signal>, Unreadable>;
    /// What this provider needs to hear: TwiML, 200 in any case, a problem document.
    fn answer(&self, raw: &RawRequest, connection: &Connection, intake: &Intake) -> HttpReply;
    /// The provider's own name for this delivery, stable over its retries, where it sends one. Without it a delivery is known by
    /// its event and body.
    fn delivery(&self, _raw: &RawRequest) -> Option<String> {
        None
    }
    /// What is wrong with the connection's settings, all of it at once.
    fn check(&self, _connection: &Connection) -> Vec<Problem> {
        Vec::new()
    }
    /// May a sender's mistake be answered with 4xx (generic and API senders), or must it be stored whatever it is?
    fn strict(&self) -> bool {
        false
    }
    /// For strict sources: is the request acceptable at all? Checked before it is stored.
    fn screen(&self, _raw: &RawRequest, _connection: &Connection) -> Result<(), Intake> {
        Ok(())
    }
    /// The witness: the provider's own list of calls since then.
    fn list(&self, _since: Timestamp, _cursor: Option<&Cursor>, _connection: &Connection) -> Option<HttpRequest> {
        None
    }
    /// Reads a page of that list.
    fn listed(&self, _reply: &HttpReply, _connection: &Connection) -> (Vec<Signal>, Option<Cursor>) {
        (Vec::new(), None)
    }
}

/// A CRM.
pub trait Crm: Sync {
    fn about(&self) -> &'static About;
    /// One HTTP request for these operations: several only where the vendor has a batch endpoint for exactly this mix.
    fn request(&self, operations: &[CrmOp], connection: &Connection) -> Result<HttpRequest, Unsupported>;
    /// The request for [`CrmOp::FindPerson`] that shows everybody with those keys, for whoever counts doubles. Only a vendor whose usual
    /// look shows one of them alone has another; its replies are read as those of the usual look.
    fn request_everybody(&self, find: &CrmOp, connection: &Connection) -> Result<HttpRequest, Unsupported> {
        self.request(std::slice::from_ref(find), connection)
    }
    /// What the reply says of each operation; an operation the reply does not mention is `Unknown`.
    /// The connection because a daily budget ends at midnight in the account's zone.
    fn reply(
        &self,
        operations: &[CrmOp],
        reply: &HttpReply,
        connection: &Connection,
        received_at: Timestamp,
    ) -> Replies;
    /// So many operations of this one's shape ([`CrmOp::shape`]) may share one request; of several operations the smallest answer
    /// holds. A batch can still be too large for what it asks, or be refused whole because of one item: then every outcome is a
    /// `Retry` of one of the classes of [`asks_for_fewer`], and whoever sends it asks again in smaller batches, or for each alone,
    /// where the answer is clear. `Unsupported` for several operations (a mix that has no batch) means the same.
    fn batch_items_max(&self, _operation: &CrmOp, _connection: &Connection) -> usize {
        1
    }
    /// What this request takes out of the daily budget, in the unit of [`Limits::daily_unit`].
    fn cost(&self, _operations: &[CrmOp]) -> u32 {
        1
    }
    /// Records of that kind have no fields of ours: key and `rb_` properties stand in a text ([`packed`]), so set-up makes none.
    fn packs(&self, _object: Object) -> bool {
        false
    }
    /// Does the schema of contacts show everything that can be asked of a person? Not where people are kept in two tables: it shows what can be written in
    /// both, and more can be read of one.
    fn shows_all_of_people(&self) -> bool {
        true
    }
    /// Is that id, as somebody wrote it, among the owners that the CRM lists, in whatever form it has? Who may own and is in no list counts as well.
    fn knows_owner(&self, id: &str, listed: &[&str]) -> bool {
        listed.contains(&id)
    }
    /// Must the CRM refuse a second record with our key? Where the vendor closes the race by other means, a plain field will do.
    fn key_must_be_unique(&self, object: Object) -> bool {
        self.about().writes.is_some_and(|w| w.way(object) == ringback_core::crm::KeyWay::Upsert)
    }
    /// The receiver confirms what it wrote by a later message of its own ([`acks`]); there is nothing to read.
    fn acknowledges(&self) -> bool {
        false
    }
    /// Properties that are read of calls which others wrote into the CRM ([`calls`]); none where it is no source of calls.
    fn call_reads(&self) -> &'static [&'static str] {
        &[]
    }
    /// What such a call says. `person`: whom the CRM has it linked to, where that was asked for.
    fn told(&self, _record: &Record, _person: Option<&Record>, _connection: &Connection) -> calls::Told {
        calls::Told::Passed(calls::Passed::NoCall)
    }
    /// What is wrong with the connection's settings, all of it at once.
    fn check(&self, _connection: &Connection) -> Vec<Problem> {
        Vec::new()
    }
    /// The vendor's names for what every call log, callback task and contact has.
    fn words(&self) -> &'static ringback_core::crm::CrmWords;
    /// What set-up must ask for once per object before it makes properties (a group for them to stand in). Sent again it changes
    /// nothing; read each answer with [`Crm::prepared`].
    fn preparation(&self, _object: Object, _connection: &Connection) -> Vec<HttpRequest> {
        Vec::new()
    }
    /// What the answer to a request of [`Crm::preparation`] says; that it was there already is done too.
    fn prepared(&self, _reply: &HttpReply, _connection: &Connection, _received_at: Timestamp) -> Outcome {
        Outcome::Done { held: Held::default() }
    }
    /// Properties of ours that this vendor needs beside those that every CRM has: what its own fields do not keep.
    fn further_properties(&self) -> &'static [OwnProperty] {
        &[]
    }
    /// Properties that set-up must make so that our key and our decision fields have a home. A key is said to be unique only where the
    /// vendor can hold it so.
    fn own_properties(&self) -> Vec<OwnProperty> {
        OWN_PROPERTIES.iter().chain(self.further_properties()).copied().collect()
    }
}
