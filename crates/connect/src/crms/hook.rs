//! Any CRM by webhook: one signed POST per record to Zapier, Make, n8n or anybody's own endpoint.
//!
//! Sources: <https://help.zapier.com/hc/en-us/articles/29972220283789-Webhooks-by-Zapier-rate-limits> (200 may run minutes later, 429, retry
//! everything else), <https://zapier.com/help/webhooks/> (nested JSON is read), <https://help.make.com/webhooks> (`Accepted`, a full queue
//! is 400, 410 when switched off), <https://docs.n8n.io/integrations/builtin/core-nodes/n8n-nodes-base.webhook/> and
//! `…/n8n-nodes-base.respondtowebhook/`, <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.
//!
//! * 2xx says *received*, never *written*: a run may come later, fail, or (switched off) not come. Only an acknowledgement
//!   ([`crate::acks`]) says what became of it, in the answer or posted to `callback_url`.
//! * None of these products tells a repeat from a new message. `event_id` is the same on every attempt, `idempotency_key` the same for
//!   every content of a record; the receiver's storage step does the rest (see the guide).
//! * Nothing can be looked up: the receiver finds or makes the person itself, which is why the caller's number comes in three spellings.
//!
//! The address of the connection is the whole address; the body's names are users' mappings and never change within a `schema`.

use crate::acks::{self, AckStatus, CALLBACK_URL};
use crate::receiver::{self, unknown};
use crate::{About, Auth, Connection, Crm, Replies, Unsupported};
use jiff::Timestamp;
use ringback_core::crm::{CrmOp, CrmWords, DealsWay, Held, Object, Outcome, Properties, WriteTraits};
use ringback_core::http::{HttpReply, HttpRequest, Method};
use ringback_core::identity::{Phone, phone};
use ringback_core::problem::Problem;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Version of the body; another number only with other names or meanings.
pub const SCHEMA: &str = "1";

static ABOUT: About = About {
    name: "hook",
    title: "Any CRM by webhook",
    docs_url: "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
    // The address is the receiver's; there is none to begin with.
    base_url: "",
    auth: Auth::Signed,
    oauth: None,
    writes: Some(WriteTraits {
        // A receiver that answers when the record is there needs some seconds for it.
        timeout: Duration::from_secs(30),
        // What was not answered by then is handed on within a minute or not at all: gateways before receivers give up sooner.
        settling: Duration::from_mins(1),
        search_lag: Duration::ZERO,
        key_lag: Duration::ZERO,
        listed: &[],
        upserts: &[Object::Contact, Object::Call, Object::Task, Object::Note, Object::Deal, Object::Company],
        links_in_write: true,
        deals: DealsWay::None,
    }),
    limits: receiver::LIMITS,
    events: &[],
    quirks: &[
        "An answer says that a record was received, not that it was written: without an acknowledgement it stays accepted",
        "Repeats come: the receiver's storage step drops an event_id it has seen and updates the record of an idempotency_key it knows",
        "Nothing can be looked up, so the receiver finds the person itself; what people set there is its to keep",
        "A Zap that is switched off answers as if it ran",
    ],
};

/// Plain words, for people map them by hand.
static WORDS: CrmWords = CrmWords {
    contact_phone: "phone",
    contact_email: "email",
    contact_name: "name",
    contact_owner: "owner",
    contact_reads: &["name", "phone", "email", "owner"],
    call_at: "at",
    call_title: "title",
    call_body: "body",
    call_direction: "direction",
    call_inbound: "inbound",
    call_outbound: "outbound",
    call_status: "status",
    call_statuses: ["no_answer", "busy", "answered"],
    call_duration_ms: "duration_ms",
    call_from: "from",
    call_to: "to",
    task_due: "due",
    task_subject: "title",
    task_body: "body",
    task_status: "status",
    task_open: "open",
    task_done: "done",
    task_priority: "priority",
    task_priorities: ["high", "normal"],
    task_type: "type",
    task_type_call: "call",
    owner: "owner",
    match_phones: &["phone"],
    match_emails: &["email"],
    match_names: &["name"],
    lifecycle: "stage",
    customer_values: &["customer"],
    deal_name: "name",
    deal_reads: &[],
    deal_stage: "stage",
    deal_closed: "closed",
    opt_out: &[],
    protected: &[],
};

/// Fields that are in every message about that object, null where this one says nothing of them: no-code tools offer for mapping only
/// what their first sample held.
fn always(object: Object) -> &'static [&'static str] {
    match object {
        Object::Contact => &["name", "phone", "email", "owner"],
        Object::Call => &["at", "title", "body", "direction", "status", "duration_ms", "from", "to", "owner"],
        Object::Task => &["due", "title", "body", "status", "priority", "type", "owner"],
        Object::Note | Object::Deal | Object::Company => &[],
    }
}

/// The registry entry.
pub struct Hook;

impl Crm for Hook {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn request(&self, operations: &[CrmOp], connection: &Connection) -> Result<HttpRequest, Unsupported> {
        let [operation] = operations else { return Err(Unsupported("A receiver takes one record at a time".into())) };
        let nothing = Properties::new();
        let (kind, record_id, contact, properties) = match operation {
            CrmOp::Upsert { of, properties, .. } => ("record.upsert", None, of.as_deref(), properties),
            CrmOp::Update { id, properties, .. } => ("record.update", Some(id.as_str()), None, properties),
            CrmOp::Delete { id, .. } => ("record.delete", Some(id.as_str()), None, &nothing),
            _ => return Err(Unsupported("A receiver cannot be asked, only told".into())),
        };
        let event_id = acks::event_id(operation).unwrap_or_default();
        let fields = match operation {
            CrmOp::Delete { .. } => Map::new(),
            _ => fields(operation.object(), properties),
        };
        let body = json!({
            "schema": SCHEMA,
            "event_id": event_id,
            "type": kind,
            "idempotency_key": acks::key(operation),
            "object": operation.object().as_str(),
            "record_id": record_id,
            "contact": contact,
            "fields": fields,
            "caller": caller(operation.object(), properties, connection),
            "callback_url": connection.setting(CALLBACK_URL),
        });
        // The id of the signed message is the `event_id` that the engine finds in the body.
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Ok(HttpRequest { method: Method::Post, path: String::new(), headers, body: body.to_string().into_bytes() })
    }

    fn reply(&self, operations: &[CrmOp], reply: &HttpReply, _: &Connection, received_at: Timestamp) -> Replies {
        let outcome = |operation: &CrmOp| match operations.len() {
            1 if acks::key(operation).is_some() => answered(operation, reply, received_at),
            _ => unknown("unreadable_reply", "The answer belongs to another request", reply),
        };
        Replies { outcomes: operations.iter().map(outcome).collect(), budget: None }
    }

    fn acknowledges(&self) -> bool {
        true
    }

    fn check(&self, connection: &Connection) -> Vec<Problem> {
        receiver::check(connection)
    }

    fn words(&self) -> &'static CrmWords {
        &WORDS
    }
}

/// Text as it is; null: nothing is said of it. A field to be emptied is the empty text.
fn fields(object: Object, properties: &Properties) -> Map<String, Value> {
    let unsaid = always(object).iter().map(|name| ((*name).to_owned(), Value::Null));
    unsaid.chain(properties.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())))).collect()
}

/// The other side's number in the spellings that CRMs match by. All three are always there.
fn caller(object: Object, properties: &Properties, connection: &Connection) -> Value {
    let outbound = properties.get(WORDS.call_direction).is_some_and(|way| way == WORDS.call_outbound);
    let name = match object {
        Object::Contact => WORDS.contact_phone,
        Object::Call if outbound => WORDS.call_to,
        Object::Call => WORDS.call_from,
        _ => "",
    };
    match properties.get(name).map(|number| phone(number, &connection.region)) {
        Some(Phone::E164 { e164, national, .. }) => {
            let digits = e164.trim_start_matches('+');
            let last_ten = digits.len().checked_sub(10).and_then(|from| digits.get(from..));
            json!({ "e164": e164, "national": national, "digits10": last_ten })
        }
        _ => json!({ "e164": null, "national": null, "digits10": null }),
    }
}

fn answered(operation: &CrmOp, reply: &HttpReply, received_at: Timestamp) -> Outcome {
    let body: Option<Value> = serde_json::from_slice(&reply.body).ok();
    match reply.status {
        200..=299 => accepted(operation, reply, body.as_ref()),
        _ => receiver::no(reply, received_at, || rejected(operation, body.as_ref())),
    }
}

/// A refusal in the words of an acknowledgement.
fn rejected(operation: &CrmOp, body: Option<&Value>) -> Option<Outcome> {
    let ack = acks::in_answer(body?)?.ok()?;
    (ack.status == AckStatus::Rejected && ack.is_about(operation)).then(|| ack.outcome(operation))
}

/// Received; written only where the answer is an acknowledgement.
fn accepted(operation: &CrmOp, reply: &HttpReply, body: Option<&Value>) -> Outcome {
    if let Some(outcome) = receiver::no_answer(reply, body) {
        return outcome;
    }
    match body.and_then(acks::in_answer) {
        Some(Ok(ack)) if ack.is_about(operation) => ack.outcome(operation),
        Some(Ok(_)) => unknown("foreign_acknowledgement", "The answer acknowledges another event", reply),
        Some(Err(error)) => unknown("unreadable_acknowledgement", &error.words, reply),
        None => receiver::failed(reply, body).unwrap_or_else(|| Outcome::Done { held: Held::default() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringback_core::id::{AccountId, ConnectionId};

    fn connection(settings: &[(&str, &str)]) -> Connection {
        Connection {
            id: ConnectionId::from_text("conn_1"),
            account: AccountId::from_text("acct_1"),
            name: "crm".into(),
            vendor: "hook".into(),
            base_url: Some("https://hooks.zapier.com/hooks/catch/1/abc".into()),
            zone: "America/Chicago".into(),
            region: "US".into(),
            settings: settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        }
    }

    fn properties(pairs: &[(&str, &str)]) -> Properties {
        pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    fn contact() -> CrmOp {
        let properties = properties(&[("name", "Dana"), ("phone", "+13125550142"), ("city", "")]);
        CrmOp::Upsert { object: Object::Contact, key: "rb-contact-01jexample".into(), of: None, properties }
    }

    fn body(operation: CrmOp, settings: &[(&str, &str)]) -> Value {
        let request = Hook.request(&[operation], &connection(settings)).unwrap();
        assert_eq!((request.method, request.path.as_str()), (Method::Post, ""));
        serde_json::from_slice(&request.body).unwrap()
    }

    #[test]
    fn a_record_is_one_message_with_every_name_in_place() {
        let callback = "https://r.example/acks/conn_1/x/y";
        let sent = body(contact(), &[("callback_url", callback)]);
        let expect = json!({
            "schema": "1",
            "event_id": acks::event_id(&contact()),
            "type": "record.upsert",
            "idempotency_key": "rb-contact-01jexample",
            "object": "contact",
            "record_id": null,
            "contact": null,
            "fields": { "name": "Dana", "phone": "+13125550142", "email": null, "owner": null, "city": "" },
            "caller": { "e164": "+13125550142", "national": "3125550142", "digits10": "3125550142" },
            "callback_url": callback,
        });
        assert_eq!(sent, expect);
        assert_eq!(body(contact(), &[])["event_id"], expect["event_id"], "the way back is no content");

        let call = |direction: &str| CrmOp::Upsert {
            object: Object::Call,
            key: "rb-call-1".into(),
            of: Some("42".into()),
            properties: properties(&[("from", "+442079460123"), ("to", "unknown"), ("direction", direction)]),
        };
        let sent = body(call("inbound"), &[]);
        assert_eq!((&sent["contact"], &sent["caller"]["national"]), (&json!("42"), &json!("2079460123")));
        assert_eq!(sent["fields"]["duration_ms"], Value::Null);
        assert_eq!(body(call("outbound"), &[])["caller"], json!({ "e164": null, "national": null, "digits10": null }));

        let seen = Some("7".to_owned());
        let update = CrmOp::Update { object: Object::Contact, id: "42".into(), properties: Properties::new(), seen };
        assert_eq!(body(update, &[])["record_id"], "42");
        let delete = CrmOp::Delete { object: Object::Task, id: "t-7".into() };
        assert_eq!(
            (&body(delete.clone(), &[])["type"], &body(delete, &[])["fields"]),
            (&json!("record.delete"), &json!({}))
        );
    }

    #[test]
    fn a_repeat_is_the_same_message() {
        let sent = || Hook.request(&[contact()], &connection(&[("callback_url", "https://r.example/acks/1")])).unwrap();
        assert_eq!(sent(), sent());
        assert_eq!(Some(crate::sinks::webhook::message_id(&sent().body)), acks::event_id(&contact()));
    }

    #[test]
    fn what_can_only_be_asked_of_a_crm_is_not_asked_of_a_receiver() {
        let two = [contact(), contact()];
        assert!(Hook.request(&two, &connection(&[])).is_err());
        for operation in [
            CrmOp::FindPerson { keys: Vec::new(), properties: Vec::new() },
            CrmOp::ReadSchema { object: Object::Contact },
            CrmOp::ListOwners { after: None },
        ] {
            assert!(Hook.request(&[operation], &connection(&[])).is_err());
        }
    }

    #[test]
    fn an_address_is_needed_and_a_query_is_told() {
        assert_eq!(Hook.check(&connection(&[])), []);
        for wrong in [None, Some("https://logic.example/run?sig=1")] {
            let connection = Connection { base_url: wrong.map(str::to_owned), ..connection(&[]) };
            assert_eq!(Hook.check(&connection).len(), 1, "{wrong:?}");
        }
    }
}
