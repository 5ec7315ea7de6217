//! Acknowledgements: what a receiver that cannot be read says it did with a record of ours.
//!
//! Each write that leaves is an *event*: its id names the record ([`key`]) and the content, so that a repeat has the same id and another
//! content another one. With the event goes an address to which the receiver posts what became of it:
//!
//! ```json
//! {"event_id":"rb-contact-01j…_9f2c41d07be36a58","status":"written","record_id":"42","record_url":"https://crm.example/42",
//!  "fields":{"phone":"+13125550142"}}
//! ```
//!
//! | `status` | means |
//! |---|---|
//! | `written` | the record is there and belongs to us. Without `fields`: as it was sent; with `fields`: as they say |
//! | `found` | the receiver had this person already and left the values alone |
//! | `rejected` | it will not be written; `reason` says why |
//!
//! JSON or a form, since not every no-code tool posts nested JSON: `fields[phone]`, `fields.phone` and `fields__phone` are the same.
//!
//! The address is the proof: its last part is an HMAC of the connection's secret over the event, so nothing has to be stored to check
//! it, and it is good for that event alone. Whoever stores acknowledgements takes one per event. A receiver that can sign (Standard
//! Webhooks) may; a signature that is there must be right.

use crate::wire::{EXTRA_FIELDS_MAX, Fields, any, hex, hmac_sha256, json_depth, percent, same, sha256_hex, text};
use crate::{Rejected, Secret, Unreadable, standard_webhooks};
use jiff::Timestamp;
use ringback_core::crm::{CrmOp, Held, KEY_PROPERTY, Object, Outcome, Properties, Record, WHY_CHARS_MAX, Why};
use ringback_core::http::RawRequest;
use ringback_core::id::ConnectionId;
use serde_json::{Map, Value};

/// The setting under which a translator finds the address for acknowledgements of the operation at hand. No user sets it: whoever sends
/// puts it into the connection that the translator is given ([`callback_url`]).
pub const CALLBACK_URL: &str = "callback_url";
/// The first part of the path.
pub const PATH: &str = "/acks";
/// The largest acknowledgement, bytes.
pub const BODY_MAX_BYTES: usize = 262_144;
/// The most fields of one acknowledgement.
pub const FIELDS_MAX: usize = 4 * EXTRA_FIELDS_MAX;
/// The longest id, key or field name, characters.
pub const NAME_CHARS_MAX: usize = 200;
/// The longest value of a field, characters.
pub const VALUE_CHARS_MAX: usize = 65_536;
/// The longest address of a record, characters.
pub const URL_CHARS_MAX: usize = 2_000;
/// How deep an acknowledgement may nest.
const DEPTH_MAX: usize = 8;
/// Hexadecimal digits of a token: 160 bits.
const TOKEN_CHARS: usize = 40;
/// Hexadecimal digits by which contents of one record are told apart.
const DIGEST_CHARS: usize = 16;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckStatus {
    Written,
    Found,
    Rejected,
}

impl AckStatus {
    /// The status of that word.
    pub fn of(word: &str) -> Option<Self> {
        match word.trim().to_ascii_lowercase().as_str() {
            "written" => Some(Self::Written),
            "found" => Some(Self::Found),
            "rejected" => Some(Self::Rejected),
            _ => None,
        }
    }
}

/// One acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    pub event_id: Option<String>,
    pub idempotency_key: Option<String>,
    pub status: AckStatus,
    /// The receiver's id of the record.
    pub record_id: Option<String>,
    /// Where a person sees the record; `http` or `https` only, since it becomes a link.
    pub record_url: Option<String>,
    /// What the record holds; `None`: what was sent.
    pub fields: Option<Properties>,
    /// Why not, as the receiver says it, without what looks like an address or a number of somebody.
    pub reason: Option<String>,
}

/// What a write is about, the same for every content: our key, or, for a record that is known by the receiver's id only, a digest of
/// that. `None` for reads.
pub fn key(operation: &CrmOp) -> Option<String> {
    match operation {
        CrmOp::Upsert { key, .. } | CrmOp::Create { key, .. } => Some(key.clone()),
        CrmOp::Update { object, id, .. } | CrmOp::Delete { object, id } => {
            let digest = sha256_hex(format!("{}:{id}", object.as_str()).as_bytes());
            Some(format!("record-{}", digest.get(..2 * DIGEST_CHARS).unwrap_or_default()))
        }
        _ => None,
    }
}

/// The id of the event that a write is: [`key`], `_`, and a digest of the content. Holds no full stop, which Standard Webhooks keeps for
/// itself.
pub fn event_id(operation: &CrmOp) -> Option<String> {
    let mut content = operation.clone();
    if let CrmOp::Update { seen, .. } = &mut content {
        *seen = None;
    }
    let digest = sha256_hex(&serde_json::to_vec(&content).unwrap_or_default());
    Some(format!("{}_{}", key(operation)?, digest.get(..DIGEST_CHARS).unwrap_or_default()))
}

/// The key inside an event's id.
pub fn key_of(event_id: &str) -> Option<&str> {
    event_id.rsplit_once('_').map(|(key, _)| key).filter(|key| !key.is_empty())
}

/// The path that takes acknowledgements: `/acks/{connection}/{key}/{token}`. `key`: an event's id, so that the path is good for that
/// event alone (or [`key`], where one path for all contents of a record is wanted).
pub fn ack_path(connection: &ConnectionId, key: &str, secret: &Secret) -> String {
    format!("{PATH}/{}/{}/{}", percent(connection.as_str()), percent(key), token(connection, key, secret))
}

/// The whole address for acknowledgements of a write; `None` for reads. `public_url`: how receivers reach this house.
pub fn callback_url(public_url: &str, connection: &ConnectionId, operation: &CrmOp, secret: &Secret) -> Option<String> {
    Some(format!("{}{}", public_url.trim_end_matches('/'), ack_path(connection, &event_id(operation)?, secret)))
}

/// The parts of such a path: connection, key and token. What they say is believed only after [`check`].
pub fn path_parts(path: &str) -> Option<(ConnectionId, &str, &str)> {
    let path = path.split(['?', '#']).next()?.strip_prefix(PATH)?.strip_prefix('/')?;
    let mut parts = path.split('/');
    let (connection, key, token) = (parts.next()?, parts.next()?, parts.next()?);
    let plain = |part: &str| {
        let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        (1..=NAME_CHARS_MAX).contains(&part.len()) && part.bytes().all(known)
    };
    let whole = parts.next().is_none() && [connection, key, token].into_iter().all(plain);
    whole.then(|| (ConnectionId::from_text(connection), key, token))
}

/// Was the path made by us, with any of these secrets?
pub fn check(connection: &ConnectionId, key: &str, given: &str, secrets: &[Secret]) -> bool {
    any(secrets, |secret| same(token(connection, key, secret).as_bytes(), given.as_bytes()))
}

/// May this acknowledgement be believed? The path must be ours; a signature, where there is one, must be right.
pub fn verify(
    raw: &RawRequest,
    connection: &ConnectionId,
    key: &str,
    given: &str,
    secrets: &[Secret],
    received_at: Timestamp,
) -> Result<(), Rejected> {
    match (secrets.is_empty(), given.is_empty()) {
        (true, _) => Err(Rejected::NoKey),
        (_, true) => Err(Rejected::MissingSignature),
        _ if !check(connection, key, given, secrets) => Err(Rejected::WrongSignature),
        _ if raw.header("webhook-signature").is_some() => standard_webhooks::verify(raw, secrets, received_at),
        _ => Ok(()),
    }
}

/// The first line keeps what is signed here apart from what is signed as a message: no message id begins so.
fn token(connection: &ConnectionId, key: &str, secret: &Secret) -> String {
    let parts: [&[u8]; 4] = [b"ringback acknowledgement\n", connection.as_str().as_bytes(), b"\n", key.as_bytes()];
    let mut token = hex(&hmac_sha256(&standard_webhooks::key(secret), &parts));
    token.truncate(TOKEN_CHARS);
    token
}

/// Reads what was posted, a JSON object or a form whatever its content type says. Whether it may be believed is [`check`] or [`verify`].
pub fn read(body: &[u8]) -> Result<Ack, Unreadable> {
    if body.len() > BODY_MAX_BYTES {
        return Err(unreadable("too_large", format!("an acknowledgement has at most {BODY_MAX_BYTES} bytes")));
    }
    let first = body.iter().find(|b| !b.is_ascii_whitespace());
    if body.contains(&b'=') && !matches!(first, Some(b'{' | b'[' | b'"' | b'<')) {
        return ack(&Fields::form(body).0);
    }
    if json_depth(body) > DEPTH_MAX {
        return Err(unreadable("too_deep", format!("an acknowledgement nests at most {DEPTH_MAX} deep")));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(map)) => ack(&map),
        _ => Err(unreadable("not_json", "the body is neither a JSON object nor a form")),
    }
}

/// The acknowledgement in a receiver's answer to our own request; `None`: the answer is none.
pub fn in_answer(body: &Value) -> Option<Result<Ack, Unreadable>> {
    let map = body.as_object()?;
    AckStatus::of(map.get("status")?.as_str()?)?;
    Some(ack(map))
}

fn unreadable(class: &'static str, words: impl Into<String>) -> Unreadable {
    Unreadable { class, words: words.into() }
}

fn ack(map: &Map<String, Value>) -> Result<Ack, Unreadable> {
    let word = |name: &str, chars_max: usize| match map.get(name).and_then(text) {
        Some(word) if word.chars().count() > chars_max => {
            Err(unreadable("too_long", format!("{name} has more than {chars_max} characters")))
        }
        word => Ok(word),
    };
    let status = word("status", NAME_CHARS_MAX)?.and_then(|s| AckStatus::of(&s));
    let status = status.ok_or_else(|| unreadable("unknown_status", "status is written, found or rejected"))?;
    let record_id = word("record_id", NAME_CHARS_MAX)?;
    if status == AckStatus::Found && record_id.is_none() {
        return Err(unreadable("no_record_id", "who was found must be said in record_id"));
    }
    let record_url = word("record_url", URL_CHARS_MAX)?
        .filter(|u| url::Url::parse(u).is_ok_and(|u| matches!(u.scheme(), "http" | "https")));
    Ok(Ack {
        event_id: word("event_id", NAME_CHARS_MAX)?,
        idempotency_key: word("idempotency_key", NAME_CHARS_MAX)?,
        status,
        record_id,
        record_url,
        fields: fields(map)?,
        reason: map.get("reason").and_then(text).map(|reason| without_values(&reason)),
    })
}

/// `fields` as an object, or spelled flat. Null is "holds nothing"; lists and objects are nothing that we sent.
fn fields(map: &Map<String, Value>) -> Result<Option<Properties>, Unreadable> {
    let flat = |name: &str| -> Option<String> {
        let rest = name.strip_prefix("fields")?;
        let inner = rest.strip_prefix("__").or_else(|| rest.strip_prefix('.'));
        inner.or_else(|| rest.strip_prefix('[')?.strip_suffix(']')).filter(|n| !n.is_empty()).map(str::to_owned)
    };
    let nested = map.get("fields").and_then(Value::as_object);
    let mut said = nested.is_some();
    let mut fields = Properties::new();
    let all = nested.into_iter().flatten().map(|(name, value)| (Some(name.clone()), value));
    for (name, value) in all.chain(map.iter().map(|(name, value)| (flat(name), value))) {
        let Some(name) = name else { continue };
        said = true;
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(yes) => yes.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => continue,
        };
        if name.chars().count() > NAME_CHARS_MAX || value.chars().count() > VALUE_CHARS_MAX {
            return Err(unreadable("too_long", "a field's name or value is too long"));
        }
        fields.insert(name, value);
        if fields.len() > FIELDS_MAX {
            return Err(unreadable("too_many_fields", format!("an acknowledgement has at most {FIELDS_MAX} fields")));
        }
    }
    Ok(said.then_some(fields))
}

/// A receiver's sentence may repeat what it was sent: addresses and long numbers are left out.
fn without_values(reason: &str) -> String {
    let personal = |word: &str| word.contains('@') || word.bytes().filter(u8::is_ascii_digit).count() > 6;
    let words: Vec<&str> = reason.split_whitespace().map(|word| if personal(word) { "…" } else { word }).collect();
    words.join(" ").chars().take(WHY_CHARS_MAX).collect()
}

impl Ack {
    /// Does it speak of this write? What it leaves out is known by the way it came.
    pub fn is_about(&self, operation: &CrmOp) -> bool {
        let agrees = |said: &Option<String>, ours: Option<String>| said.is_none() || *said == ours;
        agrees(&self.event_id, event_id(operation)) && agrees(&self.idempotency_key, key(operation))
    }

    /// What it says of the write that it is about.
    pub fn outcome(&self, operation: &CrmOp) -> Outcome {
        let why = |class: &str, usual: &str| Why::new(class, self.reason.as_deref().unwrap_or(usual));
        match self.status {
            AckStatus::Written => {
                let records = self.record(operation).into_iter().collect();
                Outcome::Done { held: Held { records, ..Held::default() } }
            }
            AckStatus::Found => Outcome::Duplicate {
                existing: self.record_id.iter().cloned().collect(),
                why: why("found", "the receiver has this person already"),
            },
            AckStatus::Rejected => {
                let mut why = why("rejected", "the receiver will not write it");
                why.properties = self.fields.iter().flat_map(|fields| fields.keys().cloned()).collect();
                Outcome::Refused { why }
            }
        }
    }

    /// The record as the receiver holds it; `None` where it holds none (rejected, deleted). A receiver without ids of its own is asked by
    /// our key.
    pub fn record(&self, operation: &CrmOp) -> Option<Record> {
        let (id, key, of, sent) = match operation {
            CrmOp::Upsert { key, of, properties, .. } | CrmOp::Create { key, of, properties, .. } => {
                (key, Some(key), of.as_ref(), properties)
            }
            CrmOp::Update { id, properties, .. } => (id, None, None, properties),
            _ => return None,
        };
        let ours = match self.status {
            AckStatus::Written => key,
            AckStatus::Found => None,
            AckStatus::Rejected => return None,
        };
        // Of a person that was found nothing is known but what is said.
        let sent = if self.status == AckStatus::Found { Properties::new() } else { sent.clone() };
        let mut properties = self.fields.clone().unwrap_or(sent);
        properties.extend(ours.map(|key| (KEY_PROPERTY.to_owned(), key.clone())));
        properties.retain(|_, value| !value.is_empty());
        let mut record =
            Record { id: self.record_id.clone().unwrap_or_else(|| id.clone()), properties, ..Record::default() };
        if operation.object() != Object::Contact {
            record.associations.insert(Object::Contact, of.into_iter().cloned().collect());
        }
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upsert(phone: &str) -> CrmOp {
        CrmOp::Upsert {
            object: Object::Task,
            key: "rb-task-01jexample".into(),
            of: Some("42".into()),
            properties: [("title".to_owned(), phone.to_owned())].into(),
        }
    }

    fn raw(body: &[u8]) -> RawRequest {
        let (method, url) = ("POST".to_owned(), String::new());
        RawRequest { method, url, event: String::new(), headers: Vec::new(), body: body.to_vec() }
    }

    #[test]
    fn an_event_is_the_same_again_and_another_with_another_content() {
        let one = event_id(&upsert("a")).unwrap();
        assert_eq!(Some(&one), event_id(&upsert("a")).as_ref());
        assert_ne!(Some(&one), event_id(&upsert("b")).as_ref());
        assert_eq!(key_of(&one), Some("rb-task-01jexample"));
        assert!(!one.contains('.') && one.len() <= NAME_CHARS_MAX);
        let update = |value: &str, seen: Option<&str>| CrmOp::Update {
            object: Object::Contact,
            id: "42".into(),
            properties: [("city".to_owned(), value.to_owned())].into(),
            seen: seen.map(str::to_owned),
        };
        assert_eq!(event_id(&update("a", None)), event_id(&update("a", Some("7"))));
        assert_ne!(event_id(&update("a", None)), event_id(&update("b", None)));
        assert_eq!(key(&update("a", None)), key(&update("b", None)));
        assert_eq!(key(&update("a", None)), key(&CrmOp::Delete { object: Object::Contact, id: "42".into() }));
        assert_ne!(key(&update("a", None)), key(&CrmOp::Delete { object: Object::Call, id: "42".into() }));
        assert_eq!(event_id(&CrmOp::ListOwners { after: None }), None);
    }

    #[test]
    fn a_path_is_good_for_its_event_connection_and_secret_alone() {
        let connection = ConnectionId::from_text("conn_1");
        let (old, new) = (Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Secret::new("another secret"));
        let path = ack_path(&connection, "rb-task-1_00", &old);
        let token = path.strip_prefix("/acks/conn_1/rb-task-1_00/").unwrap();
        assert_eq!(token.len(), TOKEN_CHARS);
        let both = [new.clone(), old.clone()];
        assert!(check(&connection, "rb-task-1_00", token, &both), "a rotated secret");
        assert!(!check(&connection, "rb-task-1_01", token, &both));
        assert!(!check(&ConnectionId::from_text("conn_2"), "rb-task-1_00", token, &both));
        assert!(!check(&connection, "rb-task-1_00", token, &[new]));
        assert!(!check(&connection, "rb-task-1_00", "", &both));
        let url = callback_url("https://r.example/", &connection, &upsert("a"), &old).unwrap();
        assert!(url.starts_with("https://r.example/acks/conn_1/rb-task-01jexample_"), "{url}");
        let parts = path_parts(&path).map(|(connection, key, token)| (connection.to_string(), key, token));
        assert_eq!(parts, Some(("conn_1".to_owned(), "rb-task-1_00", token)));
        for wrong in
            ["/acks/conn_1/x", "/acks/conn_1/x/y/z", "/acks//x/y", "/hooks/conn_1/x/y", "/acks/conn_1/x%2F/y", ""]
        {
            assert_eq!(path_parts(wrong), None, "{wrong}");
        }

        let at: Timestamp = "2026-03-04T23:20:00Z".parse().unwrap();
        let believed =
            |raw: &RawRequest, token: &str, keys: &[Secret]| verify(raw, &connection, "rb-task-1_00", token, keys, at);
        let mut posted = raw(b"{}");
        assert_eq!(believed(&posted, token, &both), Ok(()));
        assert_eq!(believed(&posted, token, &[]), Err(Rejected::NoKey));
        assert_eq!(believed(&posted, "", &both), Err(Rejected::MissingSignature));
        assert_eq!(believed(&posted, "0", &both), Err(Rejected::WrongSignature));
        posted.headers.extend(crate::sinks::webhook::signed("msg", at, b"{}", &old));
        assert_eq!(believed(&posted, token, &both), Ok(()));
        posted.body = b"{ }".to_vec();
        assert_eq!(believed(&posted, token, &both), Err(Rejected::WrongSignature), "a signature that is there counts");
    }

    #[test]
    fn json_and_forms_say_the_same() {
        let json = r#"{"event_id":"e","status":"Written","record_id":42,"record_url":"https://crm.example/42",
               "fields":{"phone":"+13125550142","age":3,"gone":null,"tags":["a"]}}"#;
        let expect = read(json.as_bytes()).unwrap();
        assert_eq!(expect.record_id.as_deref(), Some("42"));
        assert_eq!(expect.fields.as_ref().unwrap().len(), 2);
        for body in [
            "event_id=e&status=written&record_id=42&record_url=https://crm.example/42&fields[phone]=%2B13125550142&fields[age]=3",
            "event_id=e&status=written&record_id=42&record_url=https://crm.example/42&fields__phone=%2B13125550142&fields__age=3",
            "event_id=e&status=written&record_id=42&record_url=https://crm.example/42&fields.phone=%2B13125550142&fields.age=3",
        ] {
            assert_eq!(read(body.as_bytes()), Ok(expect.clone()));
        }
        let flat = r#"{"event_id":"e","status":"written","record_id":"42","record_url":"https://crm.example/42",
                       "fields__phone":"+13125550142","fields__age":3}"#;
        assert_eq!(read(flat.as_bytes()), Ok(expect));
    }

    #[test]
    fn what_is_out_of_bounds_or_no_acknowledgement_is_unreadable() {
        let long = "x".repeat(NAME_CHARS_MAX + 1);
        let many: Map<String, Value> = (0..=FIELDS_MAX).map(|n| (format!("f{n}"), Value::from("v"))).collect();
        for (body, class) in [
            (String::new(), "not_json"),
            ("[]".into(), "not_json"),
            ("{".into(), "not_json"),
            ("{}".into(), "unknown_status"),
            (r#"{"status":"success"}"#.into(), "unknown_status"),
            (r#"{"status":"found"}"#.into(), "no_record_id"),
            (format!(r#"{{"status":"written","record_id":"{long}"}}"#), "too_long"),
            (format!(r#"{{"status":"written","fields":{{"{long}":"a"}}}}"#), "too_long"),
            (serde_json::json!({ "status": "written", "fields": many }).to_string(), "too_many_fields"),
            (format!(r#"{{"status":"written","fields":{}}}"#, "[".repeat(20)), "too_deep"),
            (format!(r#"{{"status":"written","record_id":"{}"}}"#, "y".repeat(BODY_MAX_BYTES)), "too_large"),
        ] {
            let class_of = read(body.as_bytes()).map_err(|e| e.class);
            assert_eq!(class_of, Err(class), "{}", body.chars().take(60).collect::<String>());
        }
        let link = r#"{"status":"written","record_url":"javascript:alert(1)"}"#;
        assert_eq!(read(link.as_bytes()).unwrap().record_url, None);
    }

    #[test]
    fn an_acknowledgement_becomes_what_a_read_would_have_shown() {
        let ack = |body: &str| read(body.as_bytes()).unwrap();
        let sent = upsert("Call back");
        let record = ack(r#"{"status":"written","record_id":"t-7"}"#).record(&sent).unwrap();
        assert_eq!((record.id.as_str(), record.properties["title"].as_str()), ("t-7", "Call back"));
        assert_eq!(record.properties[KEY_PROPERTY], "rb-task-01jexample");
        assert_eq!(record.associations[&Object::Contact], ["42"]);
        let record = ack(r#"{"status":"written","fields":{"title":"Call"}}"#).record(&sent).unwrap();
        assert_eq!((record.id.as_str(), record.properties["title"].as_str()), ("rb-task-01jexample", "Call"));
        let found = ack(r#"{"status":"found","record_id":"9","fields":{"name":"Dana"}}"#);
        assert!(matches!(found.outcome(&sent), Outcome::Duplicate { existing, .. } if existing == ["9"]));
        let record = found.record(&sent).unwrap();
        assert_eq!(record.properties.get(KEY_PROPERTY), None);
        assert_eq!(record.properties["name"], "Dana");
        let refused =
            ack(r#"{"status":"rejected","reason":"no owner for dana@example.com +13125550142","fields":{"owner":""}}"#);
        let Outcome::Refused { why } = refused.outcome(&sent) else { panic!("refused") };
        assert_eq!((why.words.as_str(), why.properties), ("no owner for … …", vec!["owner".to_owned()]));
        assert!(refused.is_about(&sent));
        let other = ack(r#"{"status":"written","event_id":"rb-task-01jexample_0000000000000000"}"#);
        assert!(!other.is_about(&sent), "an older content");
    }
}
