//! GoHighLevel (HighLevel, LeadConnector), API 2.0.
//!
//! Sources: the vendor's own descriptions (<https://github.com/GoHighLevel/highlevel-api-docs>, `apps/contacts.json`, `locations.json`,
//! `opportunities.json`, `users.json`, `oauth.json`), <https://marketplace.gohighlevel.com/docs/>, a copy of its page on contact search
//! (<https://help.hoopai.com/api-reference/overview/contacts-search>), and, for what no page says, its public issues
//! (<https://github.com/GoHighLevel/highlevel-api-docs/issues/64>: an error, and yet the contact was made; `…/issues/37`: what the upsert
//! drops).
//!
//! * One connection is one sub-account (a *location*). Every request that can name it does, and a record of another location in an answer
//!   is refused as `wrong_location`, whatever else the answer says.
//! * People are contacts; there is no lead object. Our key is a custom field, found through the search, which lags. The vendor's own
//!   upsert is not used: it overwrites the names of whoever has the same e-mail or phone, and where those two belong to two people it
//!   drops one of them in silence.
//! * A task stands under its contact, a call log is a note there. Neither has fields of ours: key and values stand in the text
//!   ([`crate::packed`]), and the record's id is `<contact>/<task>`. Looking by key is listing them, which does not lag.
//! * `Record.version` of a task or note is its text as read: an update that changes a packed value writes the whole text again.
//! * `dnd` and tags are read and never written. `dnd` says do not disturb at all, `dndSettings.<channel>.status` of one channel: `active` and
//!   `permanent` mean that it is on (`contacts.json`, DndSettingSchema).
//!
//! Settings: `location_id` (required), `company_id` (to list users by the current endpoint), `find` (`duplicate` or `search`),
//! `field.contact.<name>` (the ids of custom fields; set-up keeps them).
//!
//! [`request`] makes requests, [`reply`] reads answers, [`classify`] says what an error means, [`fields`] knows names and ids.

mod classify;
mod fields;
mod reply;
mod request;

use crate::{About, Auth, Connection, Crm, Grant, Limits, OAuth, Replies, Unsupported};
use jiff::Timestamp;
use ringback_core::contract::Protected;
use ringback_core::crm::{CrmOp, CrmWords, DealsWay, Object, WriteTraits, YES};
use ringback_core::http::{HttpReply, HttpRequest};
use ringback_core::problem::Problem;
use std::time::Duration;

static ABOUT: About = About {
    name: "gohighlevel",
    title: "GoHighLevel",
    docs_url: "https://marketplace.gohighlevel.com/docs/",
    base_url: "https://services.leadconnectorhq.com",
    auth: Auth::Bearer,
    oauth: Some(&OAuth {
        token_url: "https://services.leadconnectorhq.com/oauth/token",
        grant: Grant::RefreshToken,
        basic: false,
        form: &[("user_type", "Location")],
        // docs/oauth/Authorization.md: a refresh token works once and gives its successor.
        rotates: true,
        base_url_from: None,
        lives_seconds: 86_399,
    }),
    writes: Some(WriteTraits {
        // The vendor publishes no figure. Its edge is Cloudflare's, which gives up on the origin 100 s after it passed a request on (code
        // 524 of its documentation); until then an unanswered write may still land: 10 s of waiting, 90 s after.
        timeout: Duration::from_secs(10),
        settling: Duration::from_secs(90),
        // "Updates may take a few seconds to appear in search results"; several times that.
        search_lag: Duration::from_secs(15),
        // Contacts are found by our key through that search. Tasks and notes (calls are notes) are listed and need no wait.
        key_lag: Duration::from_secs(15),
        listed: &[Object::Task, Object::Call, Object::Note],
        upserts: &[],
        links_in_write: true,
        deals: DealsWay::Search,
    }),
    limits: Limits {
        // Per app and location ("Rate limits" of the vendor's documentation).
        burst_requests: 100,
        burst_window_ms: 10_000,
        daily_requests: 200_000,
        search_per_second: 0,
        batch_items_max: 1,
        concurrent_requests_max: 0,
        daily_unit: "requests",
    },
    events: &[],
    quirks: &[
        "One connection is one sub-account: location_id is required, and a record of another location is never taken",
        "A call log is a note and has no fields: the key and the values of Ringback stand at the end of its text, as they do in tasks",
        "Contacts are looked up and then created; HighLevel's upsert is not used because it overwrites names and drops a phone that belongs to somebody else without a word",
        "A look by number follows the location's setting Allow Duplicate Contact and shows one contact: with duplicates allowed set find to search",
        "dnd and tags are never written",
        "A task whose contact is not known is looked for among the 500 open tasks of the location",
    ],
};

/// The registry entry.
pub struct GoHighLevel;

impl Crm for GoHighLevel {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn request(&self, operations: &[CrmOp], connection: &Connection) -> Result<HttpRequest, Unsupported> {
        request::request(operations, connection)
    }

    fn request_everybody(&self, find: &CrmOp, connection: &Connection) -> Result<HttpRequest, Unsupported> {
        request::everybody(find, connection)
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
        match connection.setting("location_id") {
            None => problems.push(Problem::new(
                "RB-0110",
                "location_id is missing",
                "Write the id of the sub-account: in HighLevel, Settings, Business Profile, Location ID",
            )),
            Some(id) if !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') => {
                let cause = format!("location_id is {id:?}");
                problems.push(Problem::new("RB-0110", cause, "Write the id alone: letters and digits"));
            }
            Some(_) => {}
        }
        if let Some(find) = connection.setting("find").filter(|f| !matches!(*f, "duplicate" | "search")) {
            let cause = format!("find is {find:?}");
            problems.push(Problem::new("RB-0110", cause, "Write \"duplicate\" or \"search\""));
        }
        problems
    }

    fn packs(&self, object: Object) -> bool {
        matches!(object, Object::Call | Object::Task)
    }

    fn words(&self) -> &'static CrmWords {
        &WORDS
    }
}

/// The states of a channel that nobody is to be disturbed on.
const DND: &[&str] = &["active", "permanent"];

/// Names of contacts and tasks are the vendor's. What a note or task has no field for begins with `rb_` and stands in its text.
static WORDS: CrmWords = CrmWords {
    contact_phone: "phone",
    contact_email: "email",
    contact_name: "firstName",
    contact_owner: "assignedTo",
    contact_reads: &[
        "firstName",
        "lastName",
        "email",
        "phone",
        "type",
        "assignedTo",
        "dnd",
        "dnd.Call",
        "dnd.SMS",
        "dnd.Email",
    ],
    call_at: "rb_at",
    call_title: "title",
    call_body: "body",
    call_direction: "rb_direction",
    call_inbound: "inbound",
    call_outbound: "outbound",
    call_status: "rb_status",
    call_statuses: ["no-answer", "busy", "completed"],
    call_duration_ms: "rb_duration_ms",
    call_from: "rb_from",
    call_to: "rb_to",
    task_due: "dueDate",
    task_subject: "title",
    task_body: "body",
    task_status: "completed",
    task_open: "false",
    task_done: "true",
    task_priority: "rb_priority",
    task_priorities: ["high", "normal"],
    task_type: "rb_type",
    task_type_call: "call",
    owner: "assignedTo",
    match_phones: &["phone"],
    match_emails: &["email"],
    match_names: &["firstName", "lastName"],
    lifecycle: "type",
    customer_values: &["customer"],
    deal_name: "name",
    deal_reads: &["name", "status", "pipelineStageId", "monetaryValue"],
    deal_stage: "pipelineStageId",
    deal_closed: "closed",
    opt_out: &[("dnd", YES), ("dnd.Call", DND), ("dnd.SMS", DND), ("dnd.Email", DND)],
    protected: &[
        ("dnd*", Protected::OptOut),
        ("pipelineStageId", Protected::OpportunityStage),
        ("pipelineId", Protected::OpportunityStage),
        ("monetaryValue", Protected::Pricing),
    ],
};
