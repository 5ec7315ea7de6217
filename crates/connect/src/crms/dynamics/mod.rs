//! Microsoft Dynamics 365, Dataverse Web API v9.2.
//!
//! Sources (all under <https://learn.microsoft.com/en-us/power-apps/developer/data-platform/>):
//! `webapi/compose-http-requests-handle-errors` (headers, statuses, errors), `webapi/update-delete-entities-using-web-api` (upsert),
//! `webapi/perform-conditional-operations-using-web-api` (ETags, 412), `webapi/execute-batch-operations-using-web-api`,
//! `webapi/manage-duplicate-detection-create-update`, `webapi/create-update-column-definitions-using-web-api`, `api-limits` (429),
//! `reference/entities/{phonecall,task,contact}`, and for leads
//! <https://learn.microsoft.com/en-us/dynamics365/developer/reference/entities/lead>.
//!
//! * A record of ours has the id that its key names ([`guid`]: UUID version 5). `PATCH leads(<id>)` makes it or updates it, two at once
//!   make one, and a read by that id is consistent. The key itself stands in the column `rb_key` for people.
//! * New people are leads; leads and contacts are searched in one exchange. A qualified lead is followed to its contact, a merged
//!   record to the one that took it in.
//! * A phone call can only be made *open* (`statecode` is not valid for create) and is read-only once completed. Both requests, the
//!   fields (reopening it) and the completion, go as one change set of one `$batch`: one exchange, and by the vendor's rule all of it
//!   happens or nothing. The setting `phonecalls = "open"` leaves calls open instead.
//! * Numbers are free text without a normalised column: a search names the usual spellings.
//! * `donotphone`, `donotemail` and `donotbulkemail` of leads and contacts (`reference/entities/contact`: "Do not allow …") say that somebody
//!   opted out.
//! * Dates keep whole seconds; what was written exactly stands beside them in a column of ours.
//!
//! Settings: `leads` (`no` where the environment has no Sales app: people are contacts only), `phonecalls` (`completed` or `open`),
//! `duplicate_detection` (`on` lets the environment's rules refuse a new person), `lead_subject`, `solution` (an existing unmanaged solution
//! for our columns), `tenant` (for the token).

mod calls;
mod classify;
mod guid;
mod multipart;
mod reply;
mod request;
mod values;

use crate::calls::Told;
use crate::{About, Auth, Connection, Crm, Grant, Limits, OAuth, Replies, Unsupported};
use jiff::Timestamp;
use ringback_core::contract::Protected;
use ringback_core::crm::{
    CrmOp, CrmWords, DealsWay, OBJECT_PROPERTY, Object, Outcome, OwnProperty, Record, WriteTraits, YES,
};
use ringback_core::http::{HttpReply, HttpRequest};
use ringback_core::problem::Problem;
use std::time::Duration;

/// Operations in one batch. The vendor takes 1,000; a hundred stay well inside the time a request may take.
pub const BATCH_ITEMS_MAX: usize = 100;
/// The path of the interface below the environment's address.
const API: &str = "/api/data/v9.2";

static ABOUT: About = About {
    name: "dynamics",
    title: "Microsoft Dynamics 365",
    docs_url: "https://learn.microsoft.com/en-us/power-apps/developer/data-platform/webapi/overview",
    // Every environment has its own address: a connection must name it.
    base_url: "https://org.crm.dynamics.com",
    auth: Auth::Bearer,
    oauth: Some(&OAuth {
        token_url: "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
        grant: Grant::ClientCredentials,
        basic: false,
        form: &[("scope", "{base_url}/.default")],
        rotates: false,
        base_url_from: None,
        lives_seconds: 3_599,
    }),
    writes: Some(WriteTraits {
        // Plug-ins run inside the request and may take two minutes before the platform stops them ("Analyze plug-in performance"): an
        // unanswered write may land until then.
        timeout: Duration::from_secs(30),
        settling: Duration::from_mins(2),
        // Queries and reads go to the same tables as writes.
        search_lag: Duration::ZERO,
        key_lag: Duration::ZERO,
        listed: &[],
        upserts: &[Object::Contact, Object::Call, Object::Task, Object::Note],
        links_in_write: true,
        deals: DealsWay::Search,
    }),
    limits: Limits {
        // Per user and web server, in a sliding window of five minutes.
        burst_requests: 6_000,
        burst_window_ms: 300_000,
        // Entitlements per day exist and are not enforced as refusals.
        daily_requests: 0,
        search_per_second: 0,
        batch_items_max: BATCH_ITEMS_MAX as u32,
        concurrent_requests_max: 52,
        daily_unit: "requests",
    },
    events: &[],
    quirks: &[
        "New people are leads; somebody who is a contact already is found there, and a qualified lead is followed to its contact",
        "A contract can map the columns that leads and contacts both have",
        "Numbers are free text: the search knows the usual spellings, not every one a person may have typed",
        "Calls are completed as they are written; people see them in the timeline, not among open activities",
        "The application user needs a security role that may read and write leads, contacts, phone calls and tasks and read opportunities and users",
        "Duplicate detection rules do not run for writes through the interface unless the connection asks for them",
        "A phone call's description takes 2,000 characters, a subject 200",
        "Who set a single column is not told: every value counts as a person's",
        "Choices are numbers; the contract names the number",
    ],
};

/// The registry entry.
pub struct Dynamics;

impl Crm for Dynamics {
    fn shows_all_of_people(&self) -> bool {
        false
    }
    /// A team that owns records is in no list of people.
    fn knows_owner(&self, id: &str, listed: &[&str]) -> bool {
        id.starts_with("teams/") || listed.contains(&id)
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

    fn check(&self, connection: &Connection) -> Vec<Problem> {
        let mut problems = connection.check_limits();
        if connection.base_url.is_none() {
            let cause = "the connection names no environment".to_owned();
            let cure = "set base_url to the environment's address, such as https://contoso.crm.dynamics.com";
            problems.push(Problem::new("RB-0110", cause, cure));
        }
        for (name, words) in
            [("leads", &["yes", "no"]), ("phonecalls", &["completed", "open"]), ("duplicate_detection", &["on", "off"])]
        {
            if let Some(value) = connection.setting(name).filter(|v| !words.contains(v)) {
                let cure = format!("write {} or {}", words.join(" or "), "leave it out");
                problems.push(Problem::new("RB-0110", format!("{name} is {value:?}"), cure));
            }
        }
        problems
    }

    /// The primary key is chosen by us: the vendor closes the race by that, not by the column.
    fn key_must_be_unique(&self, _object: Object) -> bool {
        false
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

    fn preparation(&self, _object: Object, connection: &Connection) -> Vec<HttpRequest> {
        request::solution(connection)
    }

    fn prepared(&self, answer: &HttpReply, _connection: &Connection, received_at: Timestamp) -> Outcome {
        reply::prepared(answer, received_at)
    }

    fn batch_items_max(&self, operation: &CrmOp, _connection: &Connection) -> usize {
        request::batch_items_max(operation)
    }

    fn further_properties(&self) -> &'static [OwnProperty] {
        FURTHER
    }
}

/// Column names, and pseudo properties of [`values`] where the vendor keeps less than was said.
static WORDS: CrmWords = CrmWords {
    contact_phone: "telephone1",
    contact_email: "emailaddress1",
    contact_name: "lastname",
    contact_owner: "ownerid",
    contact_reads: &[
        OBJECT_PROPERTY,
        "firstname",
        "lastname",
        "emailaddress1",
        "telephone1",
        "mobilephone",
        "statecode",
        "ownerid",
        "donotphone",
        "donotemail",
        "donotbulkemail",
    ],
    call_at: "actualstart",
    call_title: "subject",
    call_body: "description",
    call_direction: "directioncode",
    call_inbound: "false",
    call_outbound: "true",
    call_status: "rb_call_status",
    call_statuses: ["no_answer", "busy", "answered"],
    call_duration_ms: "rb_call_duration_ms",
    call_from: "rb_call_from",
    call_to: "rb_call_to",
    task_due: "scheduledend",
    task_subject: "subject",
    task_body: "description",
    // `statecode`; the fitting `statuscode` goes with it.
    task_status: "statecode",
    task_open: "0",
    task_done: "1",
    task_priority: "prioritycode",
    task_priorities: ["2", "1"],
    task_type: "category",
    task_type_call: "Callback",
    owner: "ownerid",
    match_phones: &["telephone1", "telephone2", "telephone3", "mobilephone"],
    match_emails: &["emailaddress1", "emailaddress2", "emailaddress3"],
    match_names: &["firstname", "lastname"],
    lifecycle: OBJECT_PROPERTY,
    customer_values: &["contact"],
    deal_name: "name",
    deal_reads: &["name", "stepname", "statecode", "estimatedvalue", "closed"],
    deal_stage: "stepname",
    deal_closed: "closed",
    opt_out: &[("donotphone", YES), ("donotemail", YES), ("donotbulkemail", YES)],
    protected: &[
        ("donot*", Protected::OptOut),
        ("estimatedclosedate", Protected::CloseDate),
        ("actualclosedate", Protected::CloseDate),
        ("stepname", Protected::OpportunityStage),
        ("stageid", Protected::OpportunityStage),
        ("msdyn_forecastcategory", Protected::ForecastCategory),
        ("estimatedvalue", Protected::Pricing),
        ("parentcustomerid*", Protected::Relationship),
    ],
};

/// What a phone call and a task of this vendor have no column for.
static FURTHER: &[OwnProperty] = &[
    (Object::Call, values::CALL_AT, "Ringback call at", false),
    (Object::Call, "rb_call_status", "Ringback call status", false),
    (Object::Call, "rb_call_duration_ms", "Ringback call duration in milliseconds", false),
    (Object::Call, "rb_call_from", "Ringback calling number", false),
    (Object::Call, "rb_call_to", "Ringback called number", false),
    (Object::Task, values::DUE_AT, "Ringback due at", false),
];

/// One of the vendor's tables.
#[derive(Debug, PartialEq, Eq)]
struct Table {
    /// The entity set, as paths name it.
    set: &'static str,
    /// The logical name, as definitions and lookups name it.
    logical: &'static str,
    /// The primary key column.
    id: &'static str,
}

const LEADS: Table = Table { set: "leads", logical: "lead", id: "leadid" };
const CONTACTS: Table = Table { set: "contacts", logical: "contact", id: "contactid" };
const PHONECALLS: Table = Table { set: "phonecalls", logical: "phonecall", id: "activityid" };
const TASKS: Table = Table { set: "tasks", logical: "task", id: "activityid" };
const NOTES: Table = Table { set: "annotations", logical: "annotation", id: "annotationid" };
const OPPORTUNITIES: Table = Table { set: "opportunities", logical: "opportunity", id: "opportunityid" };
const ACCOUNTS: Table = Table { set: "accounts", logical: "account", id: "accountid" };
const USERS: Table = Table { set: "systemusers", logical: "systemuser", id: "systemuserid" };

/// Where records of that kind stand; new ones in the first.
fn tables(object: Object, connection: &Connection) -> &'static [&'static Table] {
    match object {
        Object::Contact if connection.setting("leads") == Some("no") => &[&CONTACTS],
        Object::Contact => &[&LEADS, &CONTACTS],
        Object::Call => &[&PHONECALLS],
        Object::Task => &[&TASKS],
        Object::Note => &[&NOTES],
        Object::Deal => &[&OPPORTUNITIES],
        Object::Company => &[&ACCOUNTS],
    }
}

/// The table that new records of that kind go to.
fn home(object: Object, connection: &Connection) -> &'static Table {
    tables(object, connection).first().copied().unwrap_or(&CONTACTS)
}

/// Takes a [`ringback_core::crm::Record::id`] apart (`leads/<guid>`).
fn place(object: Object, id: &str) -> Result<(&'static Table, &str), Unsupported> {
    let all: &[&'static Table] = match object {
        Object::Contact => &[&LEADS, &CONTACTS],
        Object::Call => &[&PHONECALLS],
        Object::Task => &[&TASKS],
        Object::Note => &[&NOTES],
        Object::Deal => &[&OPPORTUNITIES],
        Object::Company => &[&ACCOUNTS],
    };
    let found = id.split_once('/').and_then(|(set, id)| Some((all.iter().find(|t| t.set == set)?, id)));
    match found {
        Some((table, id)) if guid::is_guid(id) => Ok((table, id)),
        _ => Err(Unsupported(format!("{id:?} is no id of a {} in Dynamics", object.as_str()))),
    }
}
