//! What a fresh portal holds: HubSpot's own properties (those this product may touch, and a few it must not), owners,
//! pipelines. Names, types and options as in the object guides (contacts, companies, deals, tickets, calls, notes, tasks).

use super::properties::{Kind, Property};
use super::record::ObjectType;

/// `name | type | fieldType | flags | label | options`; flags: `r` read-only value, `c` calculated, `o` owner, `i` indexed
/// by this twin for speed.
type Row = (&'static str, Kind, &'static str, &'static str, &'static [&'static str]);

use Kind::{Bool, Datetime, Enumeration, Number, Phone, Text};

const LIFECYCLE: &[&str] = &[
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
];

const CONTACTS: &[Row] = &[
    ("email", Text, "text", "i", &[]),
    ("hs_additional_emails", Enumeration, "checkbox", "x", &[]),
    ("hs_merged_object_ids", Enumeration, "checkbox", "xr", &[]),
    ("firstname", Text, "text", "", &[]),
    ("lastname", Text, "text", "", &[]),
    ("phone", Phone, "phonenumber", "i", &[]),
    ("mobilephone", Phone, "phonenumber", "i", &[]),
    ("company", Text, "text", "", &[]),
    ("jobtitle", Text, "text", "", &[]),
    ("address", Text, "text", "", &[]),
    ("city", Text, "text", "", &[]),
    ("state", Text, "text", "", &[]),
    ("zip", Text, "text", "", &[]),
    ("country", Text, "text", "", &[]),
    ("website", Text, "text", "", &[]),
    ("message", Text, "textarea", "", &[]),
    ("hs_email_optout", Bool, "booleancheckbox", "", &["true", "false"]),
    ("lifecyclestage", Enumeration, "radio", "", LIFECYCLE),
    (
        "hs_lead_status",
        Enumeration,
        "radio",
        "",
        &["NEW", "OPEN", "IN_PROGRESS", "OPEN_DEAL", "UNQUALIFIED", "ATTEMPTED_TO_CONTACT", "CONNECTED", "BAD_TIMING"],
    ),
    ("hubspot_owner_id", Enumeration, "select", "o", &[]),
    ("hs_timezone", Text, "text", "", &[]),
    ("notes_last_updated", Datetime, "date", "r", &[]),
    ("notes_last_contacted", Datetime, "date", "r", &[]),
    ("num_associated_deals", Number, "number", "rc", &[]),
    ("hs_searchable_calculated_phone_number", Text, "text", "rci", &[]),
    ("hs_searchable_calculated_mobile_number", Text, "text", "rci", &[]),
    ("hs_searchable_calculated_international_phone_number", Text, "text", "rci", &[]),
    ("hs_searchable_calculated_international_mobile_number", Text, "text", "rci", &[]),
    ("hs_unique_creation_key", Text, "text", "r", &[]),
];

const COMPANIES: &[Row] = &[
    ("name", Text, "text", "", &[]),
    ("domain", Text, "text", "i", &[]),
    ("phone", Phone, "phonenumber", "i", &[]),
    ("address", Text, "text", "", &[]),
    ("city", Text, "text", "", &[]),
    ("state", Text, "text", "", &[]),
    ("zip", Text, "text", "", &[]),
    ("country", Text, "text", "", &[]),
    ("lifecyclestage", Enumeration, "radio", "", LIFECYCLE),
    ("hubspot_owner_id", Enumeration, "select", "o", &[]),
    ("hs_searchable_calculated_phone_number", Text, "text", "rci", &[]),
];

const DEALS: &[Row] = &[
    ("dealname", Text, "text", "", &[]),
    ("pipeline", Enumeration, "select", "", &["default"]),
    (
        "dealstage",
        Enumeration,
        "radio",
        "",
        &[
            "appointmentscheduled",
            "qualifiedtobuy",
            "presentationscheduled",
            "decisionmakerboughtin",
            "contractsent",
            "closedwon",
            "closedlost",
        ],
    ),
    ("amount", Number, "number", "", &[]),
    ("closedate", Datetime, "date", "", &[]),
    ("dealtype", Enumeration, "radio", "", &["newbusiness", "existingbusiness"]),
    ("description", Text, "textarea", "", &[]),
    ("hubspot_owner_id", Enumeration, "select", "o", &[]),
    ("hs_is_closed", Bool, "booleancheckbox", "rc", &["true", "false"]),
];

const TICKETS: &[Row] = &[
    ("subject", Text, "text", "", &[]),
    ("content", Text, "textarea", "", &[]),
    ("hs_pipeline", Enumeration, "select", "", &["0"]),
    ("hs_pipeline_stage", Enumeration, "radio", "", &["1", "2", "3", "4"]),
    ("hs_ticket_priority", Enumeration, "select", "", &["LOW", "MEDIUM", "HIGH", "URGENT"]),
    ("hubspot_owner_id", Enumeration, "select", "o", &[]),
];

const CALLS: &[Row] = &[
    ("hs_timestamp", Datetime, "date", "", &[]),
    ("hs_call_title", Text, "text", "", &[]),
    ("hs_call_body", Text, "html", "", &[]),
    ("hs_call_direction", Enumeration, "select", "", &["INBOUND", "OUTBOUND"]),
    (
        "hs_call_status",
        Enumeration,
        "select",
        "",
        &[
            "BUSY",
            "CALLING_CRM_USER",
            "CANCELED",
            "COMPLETED",
            "CONNECTING",
            "FAILED",
            "IN_PROGRESS",
            "MISSED",
            "NO_ANSWER",
            "QUEUED",
            "RINGING",
        ],
    ),
    ("hs_call_duration", Number, "number", "", &[]),
    (
        "hs_call_disposition",
        Enumeration,
        "select",
        "",
        &[
            "9d9162e7-6cf3-4944-bf63-4dff82258764",
            "f240bbac-87c9-4f6e-bf70-924b57d47db7",
            "a4c4c377-d246-4b32-a13b-75a56a4cd0ff",
            "b2cf5968-551e-4856-9783-52b3da59a7d0",
            "73a0d17f-1163-4015-bdd5-ec830791da20",
            "17b47fee-58de-441e-a44c-c6300d46f273",
        ],
    ),
    ("hs_call_from_number", Text, "text", "", &[]),
    ("hs_call_to_number", Text, "text", "", &[]),
    ("hs_call_recording_url", Text, "text", "", &[]),
    ("hs_call_has_voicemail", Bool, "booleancheckbox", "", &["true", "false"]),
    ("hs_call_callee_object_id", Number, "number", "", &[]),
    ("hs_call_callee_object_type_id", Text, "text", "", &[]),
    ("hs_call_source", Text, "text", "", &[]),
    ("hs_activity_type", Enumeration, "select", "x", &[]),
    ("hubspot_owner_id", Enumeration, "select", "o", &[]),
];

const NOTES: &[Row] = &[
    ("hs_timestamp", Datetime, "date", "", &[]),
    ("hs_note_body", Text, "html", "", &[]),
    ("hs_attachment_ids", Enumeration, "checkbox", "x", &[]),
    ("hubspot_owner_id", Enumeration, "select", "o", &[]),
];

const TASKS: &[Row] = &[
    ("hs_timestamp", Datetime, "date", "", &[]),
    ("hs_task_subject", Text, "text", "", &[]),
    ("hs_task_body", Text, "html", "", &[]),
    ("hs_task_status", Enumeration, "select", "", &["NOT_STARTED", "IN_PROGRESS", "WAITING", "COMPLETED", "DEFERRED"]),
    ("hs_task_priority", Enumeration, "select", "", &["NONE", "LOW", "MEDIUM", "HIGH"]),
    ("hs_task_type", Enumeration, "select", "", &["TODO", "CALL", "EMAIL"]),
    ("hs_task_reminders", Text, "text", "", &[]),
    ("hs_task_completion_date", Datetime, "date", "r", &[]),
    ("hubspot_owner_id", Enumeration, "select", "o", &[]),
];

/// The group HubSpot's own properties are in. Documented for contacts, companies, deals and tickets; what activities use is
/// not, so this twin gives them a name that nobody can guess from the others.
pub(crate) fn default_group(kind: ObjectType) -> String {
    match kind {
        ObjectType::Calls | ObjectType::Notes | ObjectType::Tasks => format!("{}_engagement", kind.singular()),
        _ => format!("{}information", kind.singular()),
    }
}

/// HubSpot's own properties of one object type.
pub(crate) fn properties(kind: ObjectType) -> Vec<Property> {
    let rows = match kind {
        ObjectType::Contacts => CONTACTS,
        ObjectType::Companies => COMPANIES,
        ObjectType::Deals => DEALS,
        ObjectType::Tickets => TICKETS,
        ObjectType::Calls => CALLS,
        ObjectType::Notes => NOTES,
        ObjectType::Tasks => TASKS,
    };
    let group = default_group(kind);
    let mut all: Vec<Property> = rows.iter().map(|row| from_row(*row, &group)).collect();
    let created = if kind.default_properties().contains(&"createdate") { "createdate" } else { "hs_createdate" };
    for (name, of) in [(created, Datetime), (kind.modified_property(), Datetime), ("hs_object_id", Number)] {
        all.push(from_row((name, of, if of == Datetime { "date" } else { "number" }, "r", &[]), &group));
    }
    all
}

fn from_row((name, kind, field_type, flags, options): Row, group: &str) -> Property {
    let has = |flag| flags.contains(flag);
    Property {
        name: name.to_owned(),
        label: name.trim_start_matches("hs_").replace('_', " "),
        description: String::new(),
        kind,
        field_type: field_type.to_owned(),
        group: group.to_owned(),
        options: options.iter().map(|value| ((*value).to_owned(), value.to_lowercase().replace('_', " "))).collect(),
        unique: false,
        hidden: false,
        read_only: has('r'),
        calculated: has('c'),
        hubspot_defined: true,
        owner: has('o'),
        open_options: has('x'),
        indexed: has('i'),
        created_at_ms: 0,
    }
}

/// A user who can own records. Owners API: the owner id is not the user id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// What `hubspot_owner_id` takes.
    pub id: String,
    /// What property histories name.
    pub user_id: u64,
    /// Sign-in address.
    pub email: String,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// A deactivated user.
    pub archived: bool,
}

impl Owner {
    /// An active owner.
    pub fn new(id: &str, user_id: u64, email: &str, first_name: &str, last_name: &str) -> Self {
        Self {
            id: id.to_owned(),
            user_id,
            email: email.to_owned(),
            first_name: first_name.to_owned(),
            last_name: last_name.to_owned(),
            archived: false,
        }
    }
}

/// Three owners of a fresh portal, the last one deactivated.
pub(crate) fn owners() -> Vec<Owner> {
    let mut gone = Owner::new("90003", 700_003, "sam.gone@example.com", "Sam", "Gone");
    gone.archived = true;
    vec![
        Owner::new("90001", 700_001, "ada.north@example.com", "Ada", "North"),
        Owner::new("90002", 700_002, "ben.south@example.com", "Ben", "South"),
        gone,
    ]
}

/// One stage of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// The internal name records carry.
    pub id: String,
    /// What people see.
    pub label: String,
    /// Whether it ends the deal or ticket.
    pub closed: bool,
}

/// One pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    /// The internal name.
    pub id: String,
    /// What people see.
    pub label: String,
    /// In order.
    pub stages: Vec<Stage>,
}

/// The default pipelines (Pipelines API guide: every account has one deal and one ticket pipeline).
pub(crate) fn pipelines(kind: ObjectType) -> Vec<Pipeline> {
    let stage = |(id, label, closed): &(&str, &str, bool)| Stage {
        id: (*id).to_owned(),
        label: (*label).to_owned(),
        closed: *closed,
    };
    match kind {
        ObjectType::Deals => vec![Pipeline {
            id: "default".to_owned(),
            label: "Sales Pipeline".to_owned(),
            stages: [
                ("appointmentscheduled", "Appointment Scheduled", false),
                ("qualifiedtobuy", "Qualified To Buy", false),
                ("presentationscheduled", "Presentation Scheduled", false),
                ("decisionmakerboughtin", "Decision Maker Bought-In", false),
                ("contractsent", "Contract Sent", false),
                ("closedwon", "Closed Won", true),
                ("closedlost", "Closed Lost", true),
            ]
            .iter()
            .map(stage)
            .collect(),
        }],
        ObjectType::Tickets => vec![Pipeline {
            id: "0".to_owned(),
            label: "Support Pipeline".to_owned(),
            stages: [
                ("1", "New", false),
                ("2", "Waiting on contact", false),
                ("3", "Waiting on us", false),
                ("4", "Closed", true),
            ]
            .iter()
            .map(stage)
            .collect(),
        }],
        _ => Vec::new(),
    }
}
