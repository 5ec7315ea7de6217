//! Zoho CRM, API version 8.
//!
//! Sources: <https://www.zoho.com/crm/developer/docs/api/v8/> (`upsert-records.html`, `insert-records.html`, `update-records.html`,
//! `get-records.html`, `search-records.html`, `COQL-Overview.html`, `COQL-Limitations.html`, `composite-api.html`,
//! `create-custom-field.html`, `field-meta.html`, `convert-lead.html`, `api-limits.html`, `refresh.html`) and the vendor's own OpenAPI
//! documents (<https://github.com/zoho/crm-oas>, v8.0).
//!
//! * People stand in two modules, Leads and Contacts. A new one becomes a lead; both are looked through, in one composite request. A
//!   lead that was converted is frozen; its contact is the person.
//! * Our key is the field `RB_Key` ("Do not allow duplicate values"). A new lead is sent as an upsert with `RB_Key` as the only
//!   duplicate check, so that two at once make one record. It is looked for beforehand all the same, and changed by its id: an upsert
//!   whose lead was converted meanwhile would make a second one.
//! * Calls and tasks have no upsert: they are looked up by `RB_Key` through COQL, created, read back by id.
//! * The HTTP status says nothing of a record: each has its own entry in `data`, by index.
//! * `Email_Opt_Out`, a standard field of Leads and Contacts (<https://www.zoho.com/crm/help/api/modules-fields.html>, "Email Opt Out"), says that
//!   somebody opted out; no standard field says it of calls.
//! * `trigger` is always the empty list: no workflow is set off by what Ringback writes.
//! * COQL is believed to read the records themselves; no page says so, so a look by key is repeated after [`KEY_LAG`].
//!
//! Settings: `company` (what stands in a lead's mandatory field Company when the contract gives none, default `Unknown`),
//! `phone_fields.leads`, `phone_fields.contacts`, `email_fields` (lists of field names where numbers and addresses are looked for),
//! `closed_stages` (stages of a deal that end it), `field.<object>.<name>` (`API_Name:data_type` of a field that is no text).
//!
//! [`fields`] spells names and values, [`request`] makes requests, [`reply`] reads answers, [`classify`] says what an error means.

mod calls;
mod classify;
mod fields;
mod reply;
mod request;

use crate::calls::Told;
use crate::{About, Auth, Connection, Crm, Grant, Limits, OAuth, Replies, Unsupported};
use jiff::Timestamp;
use ringback_core::contract::Protected;
use ringback_core::crm::{CrmOp, CrmWords, DealsWay, Object, Outcome, OwnProperty, Record, WriteTraits, YES};
use ringback_core::http::{HttpReply, HttpRequest};
use ringback_core::problem::Problem;
use std::time::Duration;

/// Records per write (the vendor's most).
pub const BATCH_ITEMS_MAX: usize = 100;
/// Keys per look: an `in` of COQL took fifty values before version 7 and takes a hundred since.
const LOOK_ITEMS_MAX: usize = 50;
/// Ids per list: `ids` takes 1,024 characters, an id has 19 digits at most.
const LISTED_IDS_MAX: usize = 50;
/// How long a look by key is not believed after a write. COQL is thought to be consistent, which no page confirms; the figure is that
/// of the search.
const KEY_LAG: Duration = Duration::from_mins(1);

static ABOUT: About = About {
    name: "zoho",
    title: "Zoho CRM",
    docs_url: "https://www.zoho.com/crm/developer/docs/api/v8/",
    base_url: "https://www.zohoapis.com",
    auth: Auth::Scheme("Zoho-oauthtoken"),
    // Refreshing gives no new refresh token; the answer names the data centre. At most ten access tokens per ten minutes.
    oauth: Some(&OAuth {
        token_url: "https://accounts.zoho.com/oauth/v2/token",
        grant: Grant::RefreshToken,
        basic: false,
        form: &[],
        rotates: false,
        base_url_from: Some("api_domain"),
        lives_seconds: 3_600,
    }),
    writes: Some(WriteTraits {
        timeout: Duration::from_secs(15),
        // No page says how long a request may run on after its client has gone; a minute is the longest that composite requests are
        // given before they end in REQUEST_TIMEOUT, and half as much is added.
        settling: Duration::from_secs(90),
        // Not published; a search was seen to lag by seconds.
        search_lag: Duration::from_mins(1),
        key_lag: KEY_LAG,
        listed: &[],
        // None, though leads could: see above.
        upserts: &[],
        links_in_write: true,
        deals: DealsWay::Search,
    }),
    limits: Limits {
        burst_requests: 0,
        burst_window_ms: 0,
        // The Standard edition without its 250 per user, in a rolling day.
        daily_requests: 50_000,
        search_per_second: 0,
        batch_items_max: BATCH_ITEMS_MAX as u32,
        concurrent_requests_max: 10,
        daily_unit: "credits",
    },
    events: &[],
    quirks: &[
        "New people become leads; leads and contacts are both looked through, and a converted lead stands for its contact",
        "The day's credits are counted over the last 24 hours, so they come back bit by bit and not at midnight",
        "A task has a due date without a time: the time stands in RB_Due_At",
        "Ringback's writes set off no workflow",
        "A lead needs a company in the default layout: the setting company says what stands there",
        "Phone numbers are found in the usual spellings of their country only, because Zoho keeps them as they were typed",
    ],
};

/// The registry entry.
pub struct Zoho;

impl Crm for Zoho {
    fn shows_all_of_people(&self) -> bool {
        false
    }
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn request(&self, operations: &[CrmOp], connection: &Connection) -> Result<HttpRequest, Unsupported> {
        request::request(operations, connection)
    }

    fn reply(
        &self,
        operations: &[CrmOp],
        reply: &HttpReply,
        connection: &Connection,
        received_at: Timestamp,
    ) -> Replies {
        reply::replies(operations, reply, connection, received_at)
    }

    fn batch_items_max(&self, operation: &CrmOp, _connection: &Connection) -> usize {
        match operation {
            CrmOp::Upsert { object: Object::Contact, .. } => BATCH_ITEMS_MAX,
            CrmOp::Create { object: Object::Contact | Object::Call | Object::Task, .. } => BATCH_ITEMS_MAX,
            CrmOp::ReadByKey { object: Object::Call | Object::Task, .. } => LOOK_ITEMS_MAX,
            CrmOp::ReadById { properties, .. } if !properties.is_empty() => LISTED_IDS_MAX,
            // The time of change is a header: it holds for one record.
            _ => 1,
        }
    }

    /// One credit per call, of a composite request per part, of a write per ten records
    /// (<https://www.zoho.com/crm/developer/docs/api/v8/api-limits.html>; that a composite request costs the sum is the careful reading).
    fn cost(&self, operations: &[CrmOp]) -> u32 {
        match operations {
            [CrmOp::FindPerson { .. } | CrmOp::ReadByKey { object: Object::Contact, .. }] => request::LOOKS as u32,
            [CrmOp::Upsert { .. } | CrmOp::Create { .. } | CrmOp::Update { .. }, ..] => {
                operations.len().div_ceil(10) as u32
            }
            _ => 1,
        }
    }

    fn check(&self, connection: &Connection) -> Vec<Problem> {
        let mut problems = connection.check_limits();
        for name in ["phone_fields.leads", "phone_fields.contacts", "email_fields"] {
            let Some(list) = connection.setting(name) else { continue };
            let plain =
                |field: &str| !field.is_empty() && field.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            let parts: Vec<&str> = list.split(',').map(str::trim).collect();
            if parts.len() > request::FIELDS_MAX || !parts.iter().all(|p| plain(p)) {
                let cause = format!("{name} is {list:?}");
                let cure =
                    format!("Write up to {} API names of fields, such as \"Phone, Mobile\"", request::FIELDS_MAX);
                problems.push(Problem::new("RB-0110", cause, &cure));
            }
        }
        problems
    }

    fn words(&self) -> &'static CrmWords {
        &WORDS
    }

    fn call_reads(&self) -> &'static [&'static str] {
        calls::READS
    }

    fn told(&self, record: &Record, person: Option<&Record>, connection: &Connection) -> Told {
        calls::told(record, person, connection)
    }

    /// Leads are upserted by the key, which goes only by a unique field. Of activities it closes the race where the edition has it.
    fn key_must_be_unique(&self, object: Object) -> bool {
        object == Object::Contact
    }

    /// Our fields of people must stand in Contacts too, so that a converted lead keeps its key: five to a request, the vendor's most.
    fn preparation(&self, object: Object, connection: &Connection) -> Vec<HttpRequest> {
        request::contact_fields(object, connection)
    }

    fn prepared(&self, answer: &HttpReply, _connection: &Connection, received_at: Timestamp) -> Outcome {
        reply::prepared(answer, received_at)
    }

    fn further_properties(&self) -> &'static [OwnProperty] {
        FURTHER
    }
}

/// What Zoho's own fields do not keep exactly: the moment of a call below the second, the numbers of a call
/// (its own fields belong to telephony extensions), how an outbound call ended, and the time of day a task is due.
static FURTHER: &[OwnProperty] = &[
    (Object::Call, fields::STARTED_AT, "Ringback started at", false),
    (Object::Call, fields::STATUS, "Ringback status", false),
    (Object::Call, "rb_from", "Ringback from", false),
    (Object::Call, "rb_to", "Ringback to", false),
    (Object::Task, fields::DUE_AT, "Ringback due at", false),
];

/// Field names of the default layouts; in lower case what is no field of Zoho and is translated in [`fields`].
static WORDS: CrmWords = CrmWords {
    contact_phone: "Phone",
    contact_email: "Email",
    contact_name: "Last_Name",
    contact_owner: "Owner",
    contact_reads: &[
        "First_Name",
        "Last_Name",
        "Email",
        "Secondary_Email",
        "Phone",
        "Mobile",
        "Home_Phone",
        "Other_Phone",
        "Lead_Status",
        "Owner",
        "Email_Opt_Out",
        ringback_core::crm::OBJECT_PROPERTY,
    ],
    call_at: "Call_Start_Time",
    call_title: "Subject",
    call_body: "Description",
    call_direction: fields::DIRECTION,
    call_inbound: "Inbound",
    call_outbound: "Outbound",
    call_status: fields::CALL_STATUS,
    // Zoho's word for a call that nobody took says nothing of why.
    call_statuses: [fields::MISSED, fields::MISSED, fields::ANSWERED],
    call_duration_ms: fields::DURATION,
    call_from: "rb_from",
    call_to: "rb_to",
    task_due: fields::DUE,
    task_subject: "Subject",
    task_body: "Description",
    task_status: "Status",
    task_open: "Not Started",
    task_done: "Completed",
    task_priority: "Priority",
    task_priorities: ["High", "Normal"],
    task_type: fields::KIND,
    task_type_call: "call",
    owner: "Owner",
    match_phones: &["Phone", "Mobile", "Home_Phone", "Other_Phone"],
    match_emails: &["Email", "Secondary_Email"],
    match_names: &["First_Name", "Last_Name"],
    // Zoho has no word for "customer": a lead becomes a contact when it becomes one.
    lifecycle: ringback_core::crm::OBJECT_PROPERTY,
    customer_values: &[fields::CONTACT],
    deal_name: "Deal_Name",
    deal_reads: &["Deal_Name", "Stage", "Amount", fields::CLOSED],
    deal_stage: "Stage",
    deal_closed: fields::CLOSED,
    opt_out: &[("Email_Opt_Out", YES)],
    protected: &[
        ("Email_Opt_Out", Protected::OptOut),
        ("Closing_Date", Protected::CloseDate),
        ("Stage", Protected::OpportunityStage),
        ("Forecast_Category*", Protected::ForecastCategory),
        ("Amount", Protected::Pricing),
        ("Account_Name", Protected::Relationship),
    ],
};
