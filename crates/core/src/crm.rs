//! What can be asked of a CRM, one exchange at a time, and what can come back.
//!
//! One [`CrmOp`] is one HTTP exchange (or one item of a batch). Sequences (look, write, associate, read back) are decided in
//! [`crate::ensure`] for all vendors; a vendor only translates.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The kinds of record Ringback reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Object {
    Contact,
    Call,
    Task,
    Note,
    /// Read, never written.
    Deal,
    /// Read, never written.
    Company,
}

impl Object {
    /// The word used in contracts, logs and the console.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Call => "call",
            Self::Task => "task",
            Self::Note => "note",
            Self::Deal => "deal",
            Self::Company => "company",
        }
    }
}

/// Property values by the vendor's stable property name; everything is text on this border, typed by the contract before.
pub type Properties = BTreeMap<String, String>;

/// A key by which a person may be found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonKey {
    /// E.164 with the national significant number beside it (some CRMs index only that).
    Phone { e164: String, national: String },
    /// Lower-cased address.
    Email { address: String },
}

/// One exchange with a CRM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum CrmOp {
    /// Find people by exact keys through the vendor's (lagging) search.
    FindPerson { keys: Vec<PersonKey>, properties: Vec<String> },
    /// Read one record by our key.
    ReadByKey { object: Object, key: String, properties: Vec<String>, associations: Vec<Object> },
    /// Read one record by the vendor's id, with who set each property last where the vendor knows.
    ReadById { object: Object, id: String, properties: Vec<String>, associations: Vec<Object>, history: bool },
    /// Read several records by the vendor's ids (no associations, no history).
    ReadMany { object: Object, ids: Vec<String>, properties: Vec<String> },
    /// Create or update the record that carries our key.
    Upsert { object: Object, key: String, properties: Properties },
    /// Update the record with the vendor's id.
    Update { object: Object, id: String, properties: Properties },
    /// Associate two records; doing it twice is doing it once.
    Associate { from: Object, from_id: String, to: Object, to_id: String },
    /// Read the properties (schema) of an object.
    ReadSchema { object: Object },
    /// Create a property during set-up.
    CreateProperty { object: Object, property: PropertySpec },
    /// List the people who can own records.
    ListOwners { after: Option<String> },
}

/// The type of a CRM property, as far as a contract must know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PropertyType {
    Text,
    Number,
    Date,
    DateTime,
    Bool,
    /// Internal names of the options.
    Choice(Vec<String>),
    /// The vendor's word for a type no rule here covers.
    Other(String),
}

/// A property to be made at set-up, or found in the schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PropertySpec {
    pub name: String,
    pub label: String,
    pub kind: PropertyType,
    /// No two records may hold the same value; this is where our key is kept.
    pub unique: bool,
    pub read_only: bool,
}

/// Who set a value last, as the vendor tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetBy {
    pub value: String,
    pub at: Option<Timestamp>,
    pub who: Setter,
    /// The vendor's own word for the source.
    pub source: String,
}

/// Kinds of updaters that matter to a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setter {
    /// Somebody typed it.
    Person,
    /// An integration wrote it; ours or another.
    Integration,
    /// The CRM's own automation or an import.
    Automation,
    /// The vendor does not say. Counts as a person: people win.
    Unknown,
}

/// One record as the vendor holds it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub id: String,
    pub properties: Properties,
    /// The latest setter of each property, where it was asked for.
    pub set_by: BTreeMap<String, SetBy>,
    /// Ids of associated records by object.
    pub associations: BTreeMap<Object, Vec<String>>,
    /// Other e-mail addresses or ids the vendor lists for it (a merged record's old id).
    pub also_known_as: Vec<String>,
    pub archived: bool,
}

/// What an exchange showed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub records: Vec<Record>,
    pub schema: Vec<PropertySpec>,
    /// The write says that it made a new record (a claim until read back).
    pub created: Option<bool>,
    /// More pages follow from here.
    pub next: Option<String>,
}

/// Why an exchange did not end in success; goes to the ledger and to people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// A stable word: `time_out`, `server_error`, `rate_limited`, `validation`, `unreadable_reply`, …
    pub class: String,
    /// The status line if there was one.
    pub status: Option<u16>,
    /// The vendor's own sentence, shortened to [`WHY_CHARS_MAX`], without personal values where they can be told.
    pub words: String,
    /// Properties the vendor complained about.
    pub properties: Vec<String>,
}

/// The most characters of a vendor's message that are kept.
pub const WHY_CHARS_MAX: usize = 400;

impl Why {
    /// A reason of that class with words for people.
    pub fn new(class: &str, words: impl AsRef<str>) -> Self {
        Self {
            class: class.to_owned(),
            status: None,
            words: words.as_ref().chars().take(WHY_CHARS_MAX).collect(),
            properties: Vec::new(),
        }
    }
    /// The same reason with the reply's status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }
}

/// How one exchange ended. This is the whole list; everything a vendor can do maps onto it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The reply says so. Of a write this is a claim; only a later read makes it a receipt.
    Done { held: Held },
    /// Certainly not done; worth trying again.
    Retry { after: Option<Duration>, why: Why },
    /// The budget is used up until then.
    Exhausted { until: Timestamp, why: Why },
    /// A unique value is already held by these records.
    Duplicate { existing: Vec<String>, why: Why },
    /// The record changed since it was read.
    Stale { held: Held },
    /// The record (or key) does not exist, or was merged away.
    Gone { merged_into: Option<String> },
    /// Certainly not done and never will be without a change.
    Refused { why: Why },
    /// The credential was not accepted.
    AuthExpired { why: Why },
    /// It may or may not have happened.
    Unknown { why: Why },
}

impl Outcome {
    /// A stable word for logs, counts and the ledger.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Done { .. } => "done",
            Self::Retry { .. } => "retry",
            Self::Exhausted { .. } => "exhausted",
            Self::Duplicate { .. } => "duplicate",
            Self::Stale { .. } => "stale",
            Self::Gone { .. } => "gone",
            Self::Refused { .. } => "refused",
            Self::AuthExpired { .. } => "auth_expired",
            Self::Unknown { .. } => "unknown",
        }
    }
}

/// What [`crate::ensure`] must know of a vendor: data, not code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteTraits {
    /// How long an unanswered write may still land after its time-out.
    pub settling: Duration,
    /// How long one exchange may take before it counts as unanswered.
    pub timeout: Duration,
    /// How long after a create the search may still not show it.
    pub search_lag: Duration,
}

/// A vendor's names for what every call log, callback task and contact has. Data, so that deciding what shall stand in a record needs no
/// vendor code; the contract names all other properties itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrmWords {
    pub contact_phone: &'static str,
    pub contact_email: &'static str,
    /// Where the placeholder goes when the CRM demands a name.
    pub contact_name: &'static str,
    pub contact_owner: &'static str,
    /// Properties a decision reads of a contact besides those the contract maps.
    pub contact_reads: &'static [&'static str],
    pub call_at: &'static str,
    pub call_title: &'static str,
    pub call_body: &'static str,
    pub call_direction: &'static str,
    pub call_inbound: &'static str,
    pub call_outbound: &'static str,
    pub call_status: &'static str,
    /// Values of the status for: nobody answered, busy, answered.
    pub call_statuses: [&'static str; 3],
    pub call_duration_ms: &'static str,
    pub call_from: &'static str,
    pub call_to: &'static str,
    pub task_due: &'static str,
    pub task_subject: &'static str,
    pub task_body: &'static str,
    pub task_status: &'static str,
    pub task_open: &'static str,
    pub task_done: &'static str,
    pub task_priority: &'static str,
    /// Values of the priority for: urgent, everything else.
    pub task_priorities: [&'static str; 2],
    pub task_type: &'static str,
    pub task_type_call: &'static str,
    pub owner: &'static str,
    pub deal_stage: &'static str,
    /// The deal's property that says `true` when it is closed.
    pub deal_closed: &'static str,
}
