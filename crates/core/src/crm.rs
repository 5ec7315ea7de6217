//! What can be asked of a CRM, one exchange at a time, and what can come back.
//!
//! One [`CrmOp`] is one HTTP exchange (or one item of a batch). Sequences (look, write, associate, read back) are decided in
//! [`crate::ensure`] for all vendors; a vendor only translates.

use crate::contract::Protected;
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
    /// An opportunity. No plan of ours writes one: that takes a person.
    Deal,
    /// A company. No plan of ours writes one.
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

    /// The object of a word.
    pub fn of(word: &str) -> Option<Self> {
        let all = [Self::Contact, Self::Call, Self::Task, Self::Note, Self::Deal, Self::Company];
        all.into_iter().find(|object| object.as_str() == word)
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
    /// Read one record by our key. `of`: the contact it belongs to, for vendors that keep activities under their contact.
    ReadByKey {
        object: Object,
        key: String,
        #[serde(default)]
        of: Option<String>,
        properties: Vec<String>,
        associations: Vec<Object>,
    },
    /// Read one record by the vendor's id, with who set each property last where the vendor knows.
    ReadById { object: Object, id: String, properties: Vec<String>, associations: Vec<Object>, history: bool },
    /// Read several records by the vendor's ids (no associations, no history).
    ReadMany { object: Object, ids: Vec<String>, properties: Vec<String> },
    /// What a record is linked to, where a batch of records does not show it.
    ReadLinks { object: Object, id: String, to: Object },
    /// The deals of a person, for vendors whose person records do not list them.
    FindDeals { contact: String, properties: Vec<String> },
    /// Create or update the record that carries our key; where the vendor closes the race ([`KeyWay::Upsert`]).
    Upsert {
        object: Object,
        key: String,
        #[serde(default)]
        of: Option<String>,
        properties: Properties,
    },
    /// Create a record that carries our key, after a look has shown that there is none ([`KeyWay::LookThenCreate`]).
    Create {
        object: Object,
        key: String,
        #[serde(default)]
        of: Option<String>,
        properties: Properties,
    },
    /// Update the record with the vendor's id; only if it still is what was read ([`Record::version`]), where the vendor can say so.
    Update {
        object: Object,
        id: String,
        properties: Properties,
        #[serde(default)]
        seen: Option<String>,
    },
    /// Associate two records; doing it twice is doing it once.
    Associate { from: Object, from_id: String, to: Object, to_id: String },
    /// Take a record of ours away again: what a probe or a drill made.
    Delete { object: Object, id: String },
    /// What was changed since then, oldest first, a page at a time.
    Changed { object: Object, since: Timestamp, after: Option<String>, properties: Vec<String> },
    /// Read the properties (schema) of an object.
    ReadSchema { object: Object },
    /// Create a property during set-up.
    CreateProperty { object: Object, property: PropertySpec },
    /// List the people who can own records.
    ListOwners { after: Option<String> },
}

impl CrmOp {
    /// May this operation have changed something at the vendor if its answer got lost?
    pub fn writes(&self) -> bool {
        match self {
            Self::Upsert { .. }
            | Self::Create { .. }
            | Self::Update { .. }
            | Self::Associate { .. }
            | Self::Delete { .. }
            | Self::CreateProperty { .. } => true,
            Self::FindPerson { .. }
            | Self::ReadByKey { .. }
            | Self::ReadById { .. }
            | Self::ReadMany { .. }
            | Self::ReadLinks { .. }
            | Self::FindDeals { .. }
            | Self::Changed { .. }
            | Self::ReadSchema { .. }
            | Self::ListOwners { .. } => false,
        }
    }

    /// The kind of record it is about.
    pub fn object(&self) -> Object {
        match self {
            Self::FindPerson { .. } | Self::ListOwners { .. } => Object::Contact,
            Self::FindDeals { .. } => Object::Deal,
            Self::ReadByKey { object, .. }
            | Self::ReadById { object, .. }
            | Self::ReadMany { object, .. }
            | Self::ReadLinks { object, .. }
            | Self::Upsert { object, .. }
            | Self::Create { object, .. }
            | Self::Update { object, .. }
            | Self::Delete { object, .. }
            | Self::Changed { object, .. }
            | Self::ReadSchema { object }
            | Self::CreateProperty { object, .. } => *object,
            Self::Associate { from, .. } => *from,
        }
    }

    /// Operations of the same shape may share a request, if the vendor has a batch for it: the same word, about the same kind of record,
    /// and alike in what they ask for besides.
    pub fn shape(&self) -> Shape {
        let word = match self {
            Self::FindPerson { .. } => "find_person",
            Self::ReadByKey { .. } => "read_by_key",
            Self::ReadById { .. } => "read_by_id",
            Self::ReadMany { .. } => "read_many",
            Self::ReadLinks { .. } => "read_links",
            Self::FindDeals { .. } => "find_deals",
            Self::Upsert { .. } => "upsert",
            Self::Create { .. } => "create",
            Self::Update { .. } => "update",
            Self::Associate { .. } => "associate",
            Self::Delete { .. } => "delete",
            Self::Changed { .. } => "changed",
            Self::ReadSchema { .. } => "read_schema",
            Self::CreateProperty { .. } => "create_property",
            Self::ListOwners { .. } => "list_owners",
        };
        let linked = match self {
            Self::ReadByKey { associations, .. } | Self::ReadById { associations, .. } => !associations.is_empty(),
            _ => false,
        };
        let to = match self {
            Self::Associate { to, .. } | Self::ReadLinks { to, .. } => Some(*to),
            _ => None,
        };
        let history = matches!(self, Self::ReadById { history: true, .. });
        Shape { word, object: self.object(), linked, to, history }
    }
}

/// What operations must have in common to share a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shape {
    /// The operation's stable word.
    pub word: &'static str,
    pub object: Object,
    /// It asks what the record is linked to.
    pub linked: bool,
    /// The other side of a link.
    pub to: Option<Object>,
    /// It asks who set each property last.
    pub history: bool,
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
    /// The vendor's own id of the property where that is not its name; kept with the connection as the setting
    /// `field.<object>.<name>`.
    #[serde(default)]
    pub stored_as: Option<String>,
}

/// Our key, in every CRM. Translators spell our own properties (`rb_…`) as their vendor wants it.
pub const KEY_PROPERTY: &str = "rb_key";
/// A property that no CRM holds: the vendor's own word for what kind of record a person is (`Lead`, `Contact`). Translators of
/// vendors that keep people in several places set it in every person they read, so that a contract can say who is a customer.
pub const OBJECT_PROPERTY: &str = "rb_object";

/// An instant as it is written into a CRM: RFC 3339, in whole seconds, for several CRMs (Zoho among them)
/// keep no more and would show another value than was sent.
pub fn written_instant(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

/// The word before the number in a name that we made up; marked, so that nobody takes it for something the caller said.
const PLACEHOLDER: &str = "Caller";

/// The name of a caller of whom only the number (E.164) is known, for CRMs that demand a name.
pub fn placeholder_name(e164: &str) -> String {
    format!("{PLACEHOLDER} {e164}")
}

/// Is this a name that we made up, by [`placeholder_name`] or in a translator whose vendor demands one (`Unknown caller`)? Compared without
/// case: some vendors keep names in their own. `Caller` alone is somebody's name.
pub fn is_placeholder_name(name: &str) -> bool {
    let name = name.trim().to_lowercase();
    let (unknown, rest) = name.strip_prefix("unknown ").map_or((false, name.as_str()), |rest| (true, rest));
    let Some(number) = rest.strip_prefix(&PLACEHOLDER.to_lowercase()) else { return false };
    let digits = number.strip_prefix(" +").unwrap_or_default();
    (unknown && number.is_empty()) || (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
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
    /// The vendor's id, as its translator writes it: where a vendor needs more than the id to find a record again (which module,
    /// under which contact), that stands in it too (`Leads/512`). Nobody else takes it apart.
    pub id: String,
    /// What the vendor compares before it changes a record (an ETag, a time of change); for [`CrmOp::Update`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<Timestamp>,
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
    /// How long after a create a look by our key may still not show it; zero where that look is consistent.
    pub key_lag: Duration,
    /// Objects that are looked for among a person's own, which show a new record at once: [`WriteTraits::key_lag`] is not theirs.
    pub listed: &'static [Object],
    /// Objects that can be upserted by our key at the server; all others are looked up and then created.
    pub upserts: &'static [Object],
    /// The contact an activity belongs to is part of the write; else it is associated afterwards.
    pub links_in_write: bool,
    /// How the deals of a person are found.
    pub deals: DealsWay,
}

/// How a vendor can hold our key for an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyWay {
    /// One request creates or updates; two at once make one record.
    Upsert,
    /// Look by key, create, read back by the id that the create gave.
    LookThenCreate,
}

/// How the deals of a person are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DealsWay {
    /// The person's record lists them; [`CrmOp::ReadMany`] reads them.
    Associations,
    /// [`CrmOp::FindDeals`].
    Search,
    /// Not at all.
    None,
}

impl WriteTraits {
    /// How long after a create a look by our key may still not show a record of that object.
    pub fn key_lag_of(&self, object: Object) -> Duration {
        if self.listed.contains(&object) { Duration::ZERO } else { self.key_lag }
    }

    /// How our key is held for that object.
    pub fn way(&self, object: Object) -> KeyWay {
        if self.upserts.contains(&object) { KeyWay::Upsert } else { KeyWay::LookThenCreate }
    }
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
    /// For `match.properties` of the contract that belongs to this CRM: where numbers, addresses and names stand.
    pub match_phones: &'static [&'static str],
    pub match_emails: &'static [&'static str],
    pub match_names: &'static [&'static str],
    /// The property that says how far somebody has come, and its values that mean "customer".
    pub lifecycle: &'static str,
    pub customer_values: &'static [&'static str],
    pub deal_name: &'static str,
    /// What is read of a deal.
    pub deal_reads: &'static [&'static str],
    pub deal_stage: &'static str,
    /// The deal's property that says `true` when it is closed.
    pub deal_closed: &'static str,
    /// Properties of a contact by which the CRM says that the person opted out, each with the values that say so; among
    /// [`CrmWords::contact_reads`].
    pub opt_out: &'static [(&'static str, &'static [&'static str])],
    /// The vendor's own names for what is never changed silently (F-102 to F-109); a name that ends in `*` stands for all that begin so.
    pub protected: &'static [(&'static str, Protected)],
}

/// The values of a property that is a yes or no.
pub const YES: &[&str] = &["true", "yes", "1"];

impl CrmWords {
    /// The protected kind of a property by this vendor's words, whatever the contract calls it. Our own properties and records are none.
    pub fn protected_kind(&self, object: Object, property: &str) -> Option<Protected> {
        let ours = || property.get(..3).is_some_and(|p| p.eq_ignore_ascii_case("rb_"));
        if matches!(object, Object::Call | Object::Task | Object::Note) || ours() {
            return None;
        }
        let is = |word: &str| match word.strip_suffix('*') {
            Some(head) => property.get(..head.len()).is_some_and(|p| p.eq_ignore_ascii_case(head)),
            None => property.eq_ignore_ascii_case(word),
        };
        let listed = self.protected.iter().find(|(word, _)| is(word)).map(|(_, kind)| *kind);
        let named = || match object {
            Object::Contact if is(self.contact_owner) => Some(Protected::AccountOwner),
            Object::Contact if is(self.lifecycle) => Some(Protected::Relationship),
            Object::Deal if is(self.deal_stage) => Some(Protected::OpportunityStage),
            _ => None,
        };
        listed.or_else(named)
    }
}

/// A property of ours: object, name, label, unique.
pub type OwnProperty = (Object, &'static str, &'static str, bool);

/// Our own properties. The same in every CRM that can hold them as fields.
pub static OWN_PROPERTIES: &[OwnProperty] = &[
    (Object::Contact, "rb_key", "Ringback key", true),
    (Object::Contact, "rb_call_id", "Ringback call id", false),
    (Object::Contact, "rb_version", "Ringback contract version", false),
    (Object::Contact, "rb_written_at", "Ringback written at", false),
    (Object::Contact, "rb_inquiry_url", "Ringback inquiry", false),
    (Object::Contact, "rb_trace", "Ringback trace", false),
    (Object::Contact, "rb_urgency", "Ringback urgency", false),
    (Object::Contact, "rb_reason_code", "Ringback reason code", false),
    (Object::Contact, "rb_next_action", "Ringback next action", false),
    (Object::Contact, "rb_intent", "Ringback intent", false),
    (Object::Contact, "rb_location", "Ringback location", false),
    (Object::Contact, "rb_source", "Ringback source", false),
    (Object::Contact, "rb_vertical", "Ringback vertical", false),
    (Object::Contact, "rb_first_call_at", "Ringback first call at", false),
    (Object::Call, "rb_key", "Ringback key", true),
    (Object::Call, "rb_call_id", "Ringback call id", false),
    (Object::Call, "rb_version", "Ringback contract version", false),
    (Object::Call, "rb_written_at", "Ringback written at", false),
    (Object::Call, "rb_inquiry_url", "Ringback inquiry", false),
    (Object::Call, "rb_trace", "Ringback trace", false),
    (Object::Task, "rb_key", "Ringback key", true),
    (Object::Task, "rb_call_id", "Ringback call id", false),
    (Object::Task, "rb_version", "Ringback contract version", false),
    (Object::Task, "rb_written_at", "Ringback written at", false),
    (Object::Task, "rb_inquiry_url", "Ringback inquiry", false),
    (Object::Task, "rb_trace", "Ringback trace", false),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_name_is_known_from_a_persons() {
        for ours in
            [&placeholder_name("+16025550142"), "caller +4930901820", "Unknown caller", "Unknown caller +16025550142"]
        {
            assert!(is_placeholder_name(ours), "{ours}");
        }
        for theirs in
            ["", "Caller", "Maria Caller", "Caller Smith", "Caller +1 602", "Unknown", "Unknown Soldier", "Caller +"]
        {
            assert!(!is_placeholder_name(theirs), "{theirs}");
        }
    }

    #[test]
    fn only_what_asks_alike_shares_a_request() {
        let read = |history, associations: &[Object]| CrmOp::ReadById {
            object: Object::Contact,
            id: "1".into(),
            properties: Vec::new(),
            associations: associations.to_vec(),
            history,
        };
        let links = |to| CrmOp::ReadLinks { object: Object::Contact, id: "1".into(), to };
        assert_eq!(read(true, &[]).shape(), read(true, &[]).shape());
        assert_ne!(read(true, &[]).shape(), read(false, &[]).shape());
        assert_ne!(read(true, &[]).shape(), read(true, &[Object::Deal]).shape());
        assert_ne!(links(Object::Deal).shape(), links(Object::Call).shape());
    }
}
