//! Salesforce, Sales Cloud, by its REST interface (not Bulk: that one answers hours later and says nothing per record in time).
//!
//! Sources: the REST API Developer Guide, <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/>:
//! `resources_composite_composite.htm`, `resources_composite_sobjects_collections.htm`, `resources_sobject_upsert.htm`,
//! `resources_sobject_retrieve_delete.htm`, `resources_queryall.htm`, `intro_rest_conditional_requests.htm`,
//! `headers_autoassign.htm`, `errorcodes.htm`; the Object Reference on Task, Lead and Contact.
//!
//! * Our key is the field `RB_Key__c`: external id and unique on Lead and Contact, plain text on activities, where Salesforce is not
//!   known to allow either. Looks by key are SOQL, which is consistent; only the search (SOSL) lags.
//! * New people become a Lead. They are looked up and then created rather than upserted: an upsert would have to carry the Company that
//!   a Lead demands, and so write the placeholder over what somebody typed there meanwhile. The unique key closes the race all the
//!   same: the second create is refused with the id of the first.
//! * Calls and callbacks are Tasks; a call is a completed one with a `CallType`.
//! * Dates of Tasks have no time of day: `rb_at` keeps the instant, and `ActivityDate` is its day in the connection's zone.
//! * `DoNotCall` and `HasOptedOutOfEmail` of Lead and Contact (Object Reference) say that somebody opted out. An org may hide them from
//!   Ringback's user, and a query that names a hidden field fails: they are asked for once a look at the schema has shown them.
//! * `Record.id` is the 18-character id; its first three characters say what it is.
//!
//! Settings: `version` (`66.0`), `my_domain` (for the token's address), `people` (`Lead` or `Contact`: what new people become), `company`
//! (the placeholder of a new Lead), `duplicate_rules` (`respect`, or `save` past rules that only alert), `reminder` (`on`: callbacks
//! remind their owner), `field.contact.<name>` (`Lead` or `Contact`, for a field that only one of them has;
//! `both` for an opt-out field that both show).
//!
//! [`request`] makes requests, [`reply`] reads answers, [`classify`] says what an error means, [`fields`] spells names and values.

mod calls;
mod classify;
mod fields;
mod reply;
mod request;

use crate::calls::Told;
use crate::{About, Auth, Connection, Crm, Grant, Limits, OAuth, Replies, Unsupported};
use jiff::Timestamp;
use ringback_core::contract::Protected;
use ringback_core::crm::{
    CrmOp, CrmWords, DealsWay, OBJECT_PROPERTY, OWN_PROPERTIES, Object, OwnProperty, Record, WriteTraits, YES,
};
use ringback_core::http::{HttpReply, HttpRequest};
use ringback_core::problem::Problem;
use std::time::Duration;

const DEFAULT_VERSION: &str = "66.0";

static ABOUT: About = About {
    name: "salesforce",
    title: "Salesforce",
    docs_url: "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/intro_rest.htm",
    // Only a name for what is meant: each org has an address of its own, which the token's answer tells.
    base_url: "https://login.salesforce.com",
    auth: Auth::Bearer,
    oauth: Some(&OAuth {
        token_url: "https://{my_domain}.my.salesforce.com/services/oauth2/token",
        grant: Grant::ClientCredentials,
        basic: false,
        form: &[],
        rotates: false,
        base_url_from: Some("instance_url"),
        // The answer does not say; sessions last two hours unless the org says otherwise, and a 401 ends them earlier.
        lives_seconds: 5_400,
    }),
    writes: Some(WriteTraits {
        timeout: Duration::from_secs(30),
        // The vendor ends a request after ten minutes; until then an unanswered write may still land.
        settling: Duration::from_mins(10),
        // "15 minutes or more" for large amounts of data.
        search_lag: Duration::from_mins(15),
        // Keys are looked up by SOQL, which reads the records themselves.
        key_lag: Duration::ZERO,
        listed: &[],
        upserts: &[],
        links_in_write: true,
        deals: DealsWay::Search,
    }),
    limits: Limits {
        // Salesforce names no limit per second, only one of requests that run longer than 20 s.
        burst_requests: 0,
        burst_window_ms: 0,
        daily_requests: 100_000,
        search_per_second: 0,
        batch_items_max: request::COLLECTION_MAX as u32,
        concurrent_requests_max: 25,
        daily_unit: "requests",
    },
    events: &[],
    quirks: &[
        "A new caller becomes a Lead, which must have a LastName and a Company: until known, both are placeholders that say so",
        "The fields of Ringback are made by hand: text fields RB_…__c on Lead, Contact and Activity; RB_Key__c on Lead and Contact is an external id and unique",
        "A converted Lead is the Contact it became",
        "A duplicate rule may refuse a new Lead: one sure match is taken for the person, anything less is a review",
        "Assignment rules are not run for what Ringback writes",
        "The daily budget is a rolling 24 hours of the whole org; a batch counts as one request",
        "Phone numbers are found by Salesforce's search, which shows a new record after 15 minutes or later",
        "A task's due date has no time of day: the exact time stands in RB_At__c",
    ],
};

/// The registry entry.
pub struct Salesforce;

impl Crm for Salesforce {
    fn shows_all_of_people(&self) -> bool {
        false
    }
    /// An id may be written with 15 characters; lists show the 18 that carry its capitals as well.
    fn knows_owner(&self, id: &str, listed: &[&str]) -> bool {
        listed.contains(&fields::id18(id).as_str())
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
        request::batch_items_max(operation)
    }

    fn check(&self, connection: &Connection) -> Vec<Problem> {
        let mut problems = connection.check_limits();
        let mut wrong = |name: &str, fits: bool, cure: &str| {
            if let Some(value) = connection.setting(name).filter(|_| !fits) {
                problems.push(Problem::new("RB-0110", format!("{name} is {value:?}"), cure));
            }
        };
        let one_of = |name: &str, words: &[&str]| connection.setting(name).is_none_or(|v| words.contains(&v));
        let dotted =
            |v: &str| v.split_once('.').is_some_and(|(n, d)| d == "0" && n.parse::<u16>().is_ok_and(|n| n >= 50));
        wrong(
            "version",
            connection.setting("version").is_none_or(dotted),
            "Write a version of Salesforce's API such as 66.0",
        );
        wrong("people", one_of("people", &["Lead", "Contact"]), "Write Lead or Contact");
        wrong("duplicate_rules", one_of("duplicate_rules", &["respect", "save"]), "Write respect or save");
        wrong("reminder", one_of("reminder", &["on", "off"]), "Write on or off");
        let domain = |v: &str| v.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
        wrong(
            "my_domain",
            connection.setting("my_domain").is_none_or(domain),
            "Write the part before .my.salesforce.com, such as acme or acme--uat.sandbox",
        );
        let addressed = ["my_domain", "token_url"].iter().any(|name| connection.setting(name).is_some());
        if connection.base_url.is_none() && !addressed {
            problems.push(Problem::new(
                "RB-0110",
                "the connection does not say which org it is for",
                "Set my_domain to the part before .my.salesforce.com, or base_url to the org's address",
            ));
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

    fn key_must_be_unique(&self, object: Object) -> bool {
        // Two creates at once are told apart by the vendor; for activities there is only the look before.
        object == Object::Contact
    }

    fn further_properties(&self) -> &'static [OwnProperty] {
        FURTHER
    }

    fn own_properties(&self) -> Vec<OwnProperty> {
        // No field of an activity can be unique.
        let held = |(object, name, label, unique): &OwnProperty| {
            (*object, *name, *label, *unique && *object == Object::Contact)
        };
        OWN_PROPERTIES.iter().chain(FURTHER).map(held).collect()
    }
}

/// What Salesforce's own fields do not keep. Those of Call and Task are the same fields of Activity.
static FURTHER: &[OwnProperty] = &[
    (Object::Call, "rb_at", "Ringback exact time", false),
    (Object::Call, "rb_from", "Ringback caller's number", false),
    (Object::Call, "rb_to", "Ringback dialled number", false),
    (Object::Task, "rb_at", "Ringback exact time", false),
];

/// Field names and picklist values (Object Reference: Lead, Contact, Task, Opportunity). `rb_at` and `duration_ms` are names of ours
/// that [`fields`] translates.
static WORDS: CrmWords = CrmWords {
    contact_phone: "Phone",
    contact_email: "Email",
    contact_name: "LastName",
    contact_owner: "OwnerId",
    contact_reads: &[
        "FirstName",
        "LastName",
        "Email",
        "Phone",
        "MobilePhone",
        "HomePhone",
        "OtherPhone",
        "OwnerId",
        "DoNotCall",
        "HasOptedOutOfEmail",
        OBJECT_PROPERTY,
    ],
    call_at: fields::AT,
    call_title: "Subject",
    call_body: "Description",
    call_direction: "CallType",
    call_inbound: "Inbound",
    call_outbound: "Outbound",
    // CallDisposition is free text for the result of a call.
    call_status: "CallDisposition",
    call_statuses: ["No answer", "Busy", "Answered"],
    call_duration_ms: fields::DURATION_MS,
    call_from: "rb_from",
    call_to: "rb_to",
    task_due: fields::AT,
    task_subject: "Subject",
    task_body: "Description",
    task_status: "Status",
    task_open: "Not Started",
    task_done: "Completed",
    task_priority: "Priority",
    task_priorities: ["High", "Normal"],
    task_type: "TaskSubtype",
    task_type_call: "Call",
    owner: "OwnerId",
    match_phones: &["Phone", "MobilePhone", "HomePhone", "OtherPhone"],
    match_emails: &["Email"],
    match_names: &["FirstName", "LastName"],
    // Salesforce keeps those who are not customers yet apart, as Leads.
    lifecycle: OBJECT_PROPERTY,
    customer_values: &["Contact"],
    deal_name: "Name",
    deal_reads: &["Name", "StageName", "IsClosed", "Amount"],
    deal_stage: "StageName",
    deal_closed: "IsClosed",
    opt_out: &[("DoNotCall", YES), ("HasOptedOutOfEmail", YES)],
    protected: &[
        ("HasOptedOut*", Protected::OptOut),
        ("DoNotCall", Protected::OptOut),
        ("StageName", Protected::OpportunityStage),
        ("CloseDate", Protected::CloseDate),
        ("ForecastCategory*", Protected::ForecastCategory),
        ("Amount", Protected::Pricing),
        ("AccountId", Protected::Relationship),
    ],
};

fn version(connection: &Connection) -> &str {
    connection.setting("version").unwrap_or(DEFAULT_VERSION)
}
