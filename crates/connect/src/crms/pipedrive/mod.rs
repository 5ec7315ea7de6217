//! Pipedrive, API v2 (v1 where v2 has no such call).
//!
//! Sources: <https://developers.pipedrive.com/docs/api/v1> with its published OpenAPI documents `openapi-v2.yaml` and `openapi.yaml`
//! (paths, bodies, enumerations), <https://pipedrive.readme.io/docs/core-api-concepts-rate-limiting> (bursts, token budget, the 403 page
//! after abuse), <https://pipedrive.readme.io/docs/core-api-concepts-http-status-codes> (which statuses there are),
//! <https://pipedrive.readme.io/docs/marketplace-oauth-authorization>.
//!
//! * People are persons. Leads are a second inbox of things to sell, tied to a person; none are made here.
//! * There is no upsert and no unique field: our key stands in a text field made at set-up and is looked for by
//!   `itemSearch/field`, which goes over a search index. What it finds has an id and a name only, so a look by key answers that the key
//!   leads to that record (`Outcome::Gone` with `merged_into`), and the record is then read by its id.
//! * Calls and callbacks are activities, which hold no fields of ours: key and further properties are packed into the note (`note`) and
//!   found again in the person's list of activities. Lists are read from the records themselves, not from the index.
//! * A person's numbers and addresses are lists that a change replaces whole. What was read last travels in `Record::version`,
//!   so that a change of one number keeps the others. There is no lock behind it.
//! * `marketing_status` = `unsubscribed` says that somebody opted out (`openapi-v2.yaml`, getPerson). It may be asked for only where the company has
//!   Campaigns, which the list of person fields shows: `no_consent` and `archived` say nothing of the kind.
//! * One search takes one term. Of several keys the longest number is asked for, without one the longest address: what nobody
//!   finds by the number is not looked for by the address.
//! * Reading one record costs 1 of the daily tokens, a list 10: several single reads do not share a list.
//!
//! Settings: `field.contact.<name>` and `field.deal.<name>` (made by set-up: code of the custom field, and its type where that is not
//! text: `4f…:double`), `customer_labels` (ids of person labels that mean customer), `priority.high` and `priority.normal` (option ids
//! of the activity field "Priority").

mod calls;
mod classify;
mod fields;
mod note;
mod reply;
mod request;
mod schema;

use crate::calls::Told;
use crate::{About, Auth, Connection, Crm, Grant, Limits, OAuth, Replies, Unsupported};
use jiff::Timestamp;
use ringback_core::contract::Protected;
use ringback_core::crm::{CrmOp, CrmWords, DealsWay, Object, Record, WriteTraits};
use ringback_core::http::{HttpReply, HttpRequest};
use ringback_core::problem::Problem;
use std::time::Duration;

/// Records of one list by ids (the vendor's most).
pub const IDS_MAX: usize = 100;

static ABOUT: About = About {
    name: "pipedrive",
    title: "Pipedrive",
    docs_url: "https://developers.pipedrive.com/docs/api/v1",
    base_url: "https://api.pipedrive.com",
    auth: Auth::Header("x-api-token"),
    oauth: Some(&OAuth {
        token_url: "https://oauth.pipedrive.com/oauth/token",
        grant: Grant::RefreshToken,
        basic: true,
        form: &[],
        // The refresh token keeps its value; it dies after 60 days without use.
        rotates: false,
        base_url_from: Some("api_domain"),
        lives_seconds: 3_599,
    }),
    writes: Some(WriteTraits {
        // Pipedrive stands behind Cloudflare (its own word for the page after abuse), which gives up on the origin 100 s after it passed
        // a request on. Until then an unanswered write may still land: 10 s of waiting, 90 s after.
        timeout: Duration::from_secs(10),
        settling: Duration::from_secs(90),
        // Nothing is published about how late the search is: assumed, with room.
        search_lag: Duration::from_secs(30),
        key_lag: Duration::from_secs(30),
        listed: &[],
        upserts: &[],
        links_in_write: true,
        deals: DealsWay::Search,
    }),
    limits: Limits {
        // The smallest plan, API token. The reply's headers correct it.
        burst_requests: 20,
        burst_window_ms: 2_000,
        daily_requests: 30_000,
        // Ten in two seconds on every plan.
        search_per_second: 5,
        batch_items_max: 1,
        concurrent_requests_max: 0,
        daily_unit: "tokens",
    },
    events: &[],
    quirks: &[
        "Nothing is unique in Pipedrive and nothing is upserted: a contact is looked for by Ringback's key before it is made, and the look lags",
        "Activities hold no custom fields: Ringback's key and properties stand at the end of the activity's note, and must be left there",
        "One search takes one term: people are found by the longest number, or by the longest address where there is no number",
        "A call log is a done activity of type call; leads are not made",
        "Who is a customer is told by won deals, or by the labels named in customer_labels",
        "Pipedrive does not say who set a value, so every filled field of a record that Ringback did not make counts as set by a person",
        "The daily budget is in tokens: a search costs 20, a list 10, a write 5, a read 1; it starts again at midnight UTC",
        "A 403 with a page instead of JSON is Pipedrive's block after too many refused requests: nothing is sent for ten minutes",
    ],
};

/// The registry entry.
pub struct Pipedrive;

impl Crm for Pipedrive {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn request(&self, operations: &[CrmOp], connection: &Connection) -> Result<HttpRequest, Unsupported> {
        match operations {
            [operation] => request::request(operation, connection),
            [] => Err(Unsupported("There is no operation".into())),
            _ => Err(Unsupported("Pipedrive has no batches".into())),
        }
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

    /// Token costs of the vendor's page on rate limiting, v2; users exist in v1 only and cost twice as much.
    fn cost(&self, operations: &[CrmOp]) -> u32 {
        let of = |operation: &CrmOp| match operation {
            CrmOp::FindPerson { .. } | CrmOp::ListOwners { .. } => 20,
            CrmOp::ReadByKey { object: Object::Contact | Object::Deal, .. } => 20,
            CrmOp::ReadByKey { .. }
            | CrmOp::ReadMany { .. }
            | CrmOp::FindDeals { .. }
            | CrmOp::Changed { .. }
            | CrmOp::ReadSchema { .. } => 10,
            CrmOp::Upsert { .. }
            | CrmOp::Create { .. }
            | CrmOp::Update { .. }
            | CrmOp::Associate { .. }
            | CrmOp::CreateProperty { .. } => 5,
            CrmOp::Delete { .. } => 3,
            CrmOp::ReadById { .. } | CrmOp::ReadLinks { .. } => 1,
        };
        operations.iter().map(of).sum()
    }

    fn check(&self, connection: &Connection) -> Vec<Problem> {
        let mut problems = connection.check_limits();
        for name in ["customer_labels", "priority.high", "priority.normal"] {
            let ids = connection.setting(name).unwrap_or_default();
            if ids.split(',').map(str::trim).any(|id| !id.is_empty() && id.parse::<u64>().is_err()) {
                let cause = format!("{name} is {ids:?}");
                problems.push(Problem::new("RB-0110", cause, "Write ids of Pipedrive's options, such as \"5\""));
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

    fn packs(&self, object: Object) -> bool {
        is_activity(object)
    }
}

/// Property names. `phone`, `email`, `due`, `lifecycle` and `closed` are no fields of Pipedrive: see `fields`. The `rb_` names of
/// calls and tasks are packed into the note.
static WORDS: CrmWords = CrmWords {
    contact_phone: "phone",
    contact_email: "email",
    contact_name: "name",
    contact_owner: "owner_id",
    contact_reads: &["name", "email", "phone", "lifecycle", "owner_id", "marketing_status"],
    call_at: "due",
    call_title: "subject",
    call_body: "note",
    call_direction: "rb_direction",
    call_inbound: "inbound",
    call_outbound: "outbound",
    call_status: "rb_status",
    call_statuses: ["no_answer", "busy", "connected"],
    call_duration_ms: "rb_duration_ms",
    call_from: "rb_from",
    call_to: "rb_to",
    task_due: "due",
    task_subject: "subject",
    task_body: "note",
    task_status: "done",
    task_open: "false",
    task_done: "true",
    task_priority: "rb_priority",
    task_priorities: ["high", "normal"],
    task_type: "type",
    task_type_call: "call",
    owner: "owner_id",
    match_phones: &["phone", "phone_2", "phone_3", "phone_4", "phone_5"],
    match_emails: &["email", "emails"],
    match_names: &["name"],
    lifecycle: "lifecycle",
    customer_values: &["customer"],
    deal_name: "title",
    deal_reads: &["title", "stage_id", "status", "closed", "value"],
    deal_stage: "stage_id",
    deal_closed: "closed",
    opt_out: &[("marketing_status", &["unsubscribed"])],
    protected: &[
        ("marketing_status", Protected::OptOut),
        ("stage_id", Protected::OpportunityStage),
        ("pipeline_id", Protected::OpportunityStage),
        ("expected_close_date", Protected::CloseDate),
        ("close_time", Protected::CloseDate),
        ("value", Protected::Pricing),
        ("org_id", Protected::Relationship),
    ],
};

/// The collection of v2 that holds records of that kind; calls and tasks share one.
fn collection(object: Object) -> Result<&'static str, Unsupported> {
    match object {
        Object::Contact => Ok("persons"),
        Object::Call | Object::Task => Ok("activities"),
        Object::Deal => Ok("deals"),
        Object::Note | Object::Company => Err(Unsupported(format!("No {} is kept in Pipedrive", object.as_str()))),
    }
}

fn is_activity(object: Object) -> bool {
    matches!(object, Object::Call | Object::Task)
}
