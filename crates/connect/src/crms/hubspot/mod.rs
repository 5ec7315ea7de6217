//! HubSpot, date-versioned CRM API.
//!
//! Sources: <https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/batch/upsert-contacts>,
//! `…/latest/error-handling`, `…/latest/usage-guidelines`, `…/latest/crm/search-the-crm`, and the vendor's Apache-2.0 SDK
//! (<https://github.com/HubSpot/hubspot-api-nodejs>) for paths and bodies.
//!
//! * Our key is the property `rb_key` (`hasUniqueValue`, immutable once made). Upserting by it closes the race on the vendor's side.
//! * Reads by id or `idProperty` are consistent; the search lags: 10 s after a create, 60 s after an update.
//! * Phones are free text; the search goes over calculated, digits-only properties and the caller compares numbers itself.
//! * A merged contact's old id keeps resolving, with the survivor's id in the answer: that is read as merged.
//! * `hs_email_optout` ("Unsubscribed from all email") says that somebody opted out; no standard property says it of calls.
//! * `""` clears a property; all values are strings.
//!
//! Settings: `version` (default `2026-03`; `v3` for the undated paths), `property_group.<object>` for an existing group that
//! our own properties shall stand in (default: a group `ringback`, made at set-up).
//!
//! * A search takes 3,000 characters and shows 200 matches, so several callers share one; a batch of records takes 100 (50 with
//!   history) and does not show links, which have a batch of their own.
//! * OAuth: `…/latest/authentication/manage-oauth-tokens`; version 1 ends on 2027-02-16
//!   (<https://developers.hubspot.com/changelog/v1-oauth-api-deprecation>), refresh tokens stay the same.
//!
//! [`request`] makes requests, [`reply`] and [`batches`] read answers, [`classify`] says what an error means, [`calls`] reads what others logged.

mod batches;
mod calls;
mod classify;
mod reply;
mod request;

use crate::calls::Told;
use crate::{About, Auth, Connection, Crm, Grant, Limits, OAuth, Replies, Unsupported};
use jiff::Timestamp;
use ringback_core::contract::Protected;
use ringback_core::crm::{CrmOp, CrmWords, DealsWay, Object, Outcome, Record, WriteTraits, YES};
use ringback_core::http::{HttpReply, HttpRequest};
use ringback_core::problem::Problem;
use std::time::Duration;

/// Records per batch request (the vendor's most).
pub const BATCH_ITEMS_MAX: usize = 100;
const DEFAULT_VERSION: &str = "2026-03";

static ABOUT: About = About {
    name: "hubspot",
    title: "HubSpot",
    docs_url: "https://developers.hubspot.com/docs/api-reference/latest/overview",
    base_url: "https://api.hubapi.com",
    auth: Auth::Bearer,
    // A private app's token lives until it is revoked; an OAuth app's for 30 minutes (changelog "Expiration of OAuth access tokens is
    // changing"), and its answer says so in `expires_in`.
    oauth: Some(&OAuth {
        token_url: "https://api.hubapi.com/oauth/2026-03/token",
        grant: Grant::RefreshToken,
        basic: false,
        form: &[],
        rotates: false,
        base_url_from: None,
        lives_seconds: 1_800,
    }),
    writes: Some(WriteTraits {
        // The vendor lists 524 among the answers to expect: its edge gives up on the origin 100 s after it passed a request on
        // (Cloudflare's documentation of that code). Until then an unanswered write may still land: 10 s of waiting, 90 s after.
        timeout: Duration::from_secs(10),
        settling: Duration::from_secs(90),
        // The slower of the two published figures (after an update); a create shows after 10 s.
        search_lag: Duration::from_mins(1),
        // Reads by `idProperty` are consistent.
        key_lag: Duration::ZERO,
        listed: &[],
        upserts: &[Object::Contact, Object::Call, Object::Task, Object::Note, Object::Deal, Object::Company],
        links_in_write: false,
        deals: DealsWay::Associations,
    }),
    limits: Limits {
        // Free and Starter; larger plans have 190. The reply's headers correct it.
        burst_requests: 100,
        burst_window_ms: 10_000,
        daily_requests: 250_000,
        search_per_second: 5,
        batch_items_max: BATCH_ITEMS_MAX as u32,
        concurrent_requests_max: 0,
        daily_unit: "requests",
    },
    events: &[],
    quirks: &[
        "The daily budget starts again at midnight in the account's time zone: set the connection's zone to it",
        "A contact needs one of e-mail, first name or last name",
        "Calls, notes and tasks need hs_timestamp",
        "lifecyclestage only moves forward",
        "Enumerations take internal names, not labels",
    ],
};

/// The registry entry.
pub struct HubSpot;

impl Crm for HubSpot {
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
        let version = version(connection);
        let dated = version.len() == 7 && version.parse::<jiff::civil::Date>().is_err() && {
            let (year, month) = version.split_once('-').unwrap_or(("", ""));
            year.parse::<u16>().is_ok_and(|y| y >= 2025) && month.parse::<u8>().is_ok_and(|m| (1..=12).contains(&m))
        };
        let mut problems = connection.check_limits();
        if !dated && version != "v3" {
            let cause = format!("version is {version}");
            problems.push(Problem::new("RB-0110", cause, "Write a version of HubSpot's API such as 2026-03, or v3"));
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

    fn preparation(&self, object: Object, connection: &Connection) -> Vec<HttpRequest> {
        request::group(object, connection).into_iter().collect()
    }

    fn prepared(&self, answer: &HttpReply, connection: &Connection, received_at: Timestamp) -> Outcome {
        reply::prepared(answer, connection, received_at)
    }

    fn batch_items_max(&self, operation: &CrmOp, _connection: &Connection) -> usize {
        request::batch_items_max(operation)
    }
}

/// Property names and internal values of contacts, calls and tasks
/// (<https://developers.hubspot.com/docs/api-reference/latest/crm/activities/calls>, `…/tasks`, `…/objects/contacts`).
static WORDS: CrmWords = CrmWords {
    contact_phone: "phone",
    contact_email: "email",
    contact_name: "firstname",
    contact_owner: "hubspot_owner_id",
    contact_reads: &[
        "firstname",
        "lastname",
        "email",
        "phone",
        "mobilephone",
        "lifecyclestage",
        "hubspot_owner_id",
        "hs_email_optout",
    ],
    call_at: "hs_timestamp",
    call_title: "hs_call_title",
    call_body: "hs_call_body",
    call_direction: "hs_call_direction",
    call_inbound: "INBOUND",
    call_outbound: "OUTBOUND",
    call_status: "hs_call_status",
    call_statuses: ["NO_ANSWER", "BUSY", "COMPLETED"],
    call_duration_ms: "hs_call_duration",
    call_from: "hs_call_from_number",
    call_to: "hs_call_to_number",
    task_due: "hs_timestamp",
    task_subject: "hs_task_subject",
    task_body: "hs_task_body",
    task_status: "hs_task_status",
    task_open: "NOT_STARTED",
    task_done: "COMPLETED",
    task_priority: "hs_task_priority",
    task_priorities: ["HIGH", "MEDIUM"],
    task_type: "hs_task_type",
    task_type_call: "CALL",
    owner: "hubspot_owner_id",
    match_phones: &["phone", "mobilephone"],
    match_emails: &["email", "hs_additional_emails"],
    match_names: &["firstname", "lastname"],
    lifecycle: "lifecyclestage",
    customer_values: &["customer", "evangelist"],
    deal_name: "dealname",
    deal_reads: &["dealname", "dealstage", "hs_is_closed", "amount"],
    deal_stage: "dealstage",
    deal_closed: "hs_is_closed",
    opt_out: &[("hs_email_optout", YES)],
    protected: &[
        ("hs_email_optout*", Protected::OptOut),
        ("closedate", Protected::CloseDate),
        ("hs_forecast*", Protected::ForecastCategory),
        ("hs_manual_forecast_category", Protected::ForecastCategory),
        ("dealstage", Protected::OpportunityStage),
        ("pipeline", Protected::OpportunityStage),
        ("amount", Protected::Pricing),
        ("hs_legal_basis", Protected::LegalNotes),
    ],
};

fn version(connection: &Connection) -> &str {
    connection.setting("version").unwrap_or(DEFAULT_VERSION)
}

/// The plural in paths and associations.
fn plural(object: Object) -> &'static str {
    match object {
        Object::Contact => "contacts",
        Object::Call => "calls",
        Object::Task => "tasks",
        Object::Note => "notes",
        Object::Deal => "deals",
        Object::Company => "companies",
    }
}

const OBJECTS: [Object; 6] = [Object::Contact, Object::Call, Object::Task, Object::Note, Object::Deal, Object::Company];
