//! Providers of data: what they know of a person or a record, offered under their own name.
//!
//! ```json
//! {"provider":"acme","subject":{"record":"512","phone":"+13125550142","email":"dana@example.com"},
//!  "fields":[{"name":"industry","value":"B2B SaaS","confidence":0.92,"as_of":"2026-02-01T00:00:00Z"}]}
//! ```
//!
//! `subject` names at least one of the CRM's id of the contact, a number and an address. Each field has a name (small letters, digits and `_`), a
//! value, the provider's own confidence from 0 to 1, and the moment as of which it is true. What the message is about is the event of the
//! hook URL. Signed as the sender of generic JSON ([`super::generic`]).
//!
//! A message that names no provider is kept as evidence and answered with 422; nothing of it is ever used. What else the sender can mend is
//! answered with 4xx and not stored.

use super::generic;
use crate::wire::{cut, instant, sha256_hex, text, zone};
use crate::{About, Auth, Connection, Intake, Limits, Rejected, Secret, Source, Unreadable};
use jiff::Timestamp;
use ringback_core::http::{HttpReply, RawRequest};
use ringback_core::offer::{OFFERED_MAX, Offer, Offered, Subject, VALUE_CHARS_MAX};
use ringback_core::problem::Problem;
use ringback_core::signal::{Signal, SignalKind};
use serde_json::Value;

/// The longest name of a provider or a field, in characters.
const NAME_CHARS_MAX: usize = 64;

static ABOUT: About = About {
    name: "enrichment",
    title: "Enrichment",
    docs_url: "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
    base_url: "",
    auth: Auth::None,
    oauth: None,
    writes: None,
    limits: Limits::UNASKED,
    events: &[
        ("enriched", "something about a caller who waits for a call back"),
        ("prospect", "somebody who may be worth a contact"),
        ("fit", "a record's fit, with what is known of it"),
        ("no-reply", "nobody replied to the last message"),
        ("activity", "what somebody did, with a score"),
        ("similar", "a record is like another"),
        ("inactive", "a record saw no activity for long"),
    ],
    quirks: &[
        "Name the provider: without one a message is kept, answered with 422, and never used",
        "Say how sure you are of each value, from 0 to 1, and as of when it is true",
        "An older word of yours never takes the place of a newer one, however late it is delivered",
    ],
};

/// The registry entry.
pub struct Enrichment;

impl Source for Enrichment {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn verify(
        &self,
        raw: &RawRequest,
        connection: &Connection,
        keys: &[Secret],
        received_at: Timestamp,
    ) -> Result<(), Rejected> {
        generic::verify(raw, connection, keys, received_at)
    }

    fn read(&self, raw: &RawRequest, connection: &Connection) -> Result<Vec<Signal>, Unreadable> {
        let unreadable = |class, words: String| Unreadable { class, words };
        if !ABOUT.events.iter().any(|(name, _)| *name == raw.event) {
            return Err(unreadable("unknown_event", format!("{} is no event of this hook", cut(&raw.event, 60))));
        }
        let body: Value = serde_json::from_slice(&raw.body)
            .map_err(|e| unreadable("not_json", format!("The body is not JSON: {}", cut(&e.to_string(), 120))))?;
        let provider = provider(&body).ok_or_else(|| unreadable("no_provider", NO_PROVIDER.to_owned()))?;
        let (subject, fields) = offered(&body, connection).map_err(|cause| unreadable("no_offer", cause))?;
        let mut signal = Signal::new(SignalKind::Offer, vec![format!("offer-{}", cut(&sha256_hex(&raw.body), 32))]);
        signal.offer = Some(Offer { provider, event: raw.event.clone(), subject, fields });
        Ok(vec![signal])
    }

    fn answer(&self, raw: &RawRequest, _connection: &Connection, intake: &Intake) -> HttpReply {
        // It is stored by now, and the sender is told that nothing will come of it.
        let nobody = || {
            serde_json::from_slice::<Value>(&raw.body).is_ok_and(|body| body.is_object() && provider(&body).is_none())
        };
        match intake {
            Intake::Stored | Intake::Duplicate if nobody() => {
                let cure = "Send provider: the name of whoever vouches for these values";
                generic::strict_answer(&generic::invalid(422, "RB-0143", NO_PROVIDER.to_owned(), cure))
            }
            intake => generic::strict_answer(intake),
        }
    }

    fn strict(&self) -> bool {
        true
    }

    fn screen(&self, raw: &RawRequest, connection: &Connection) -> Result<(), Intake> {
        let body = generic::screened(raw, connection, ABOUT.events)?;
        match offered(&body, connection) {
            Ok(_) => Ok(()),
            // Kept as evidence whatever else is wrong with it.
            Err(_) if body.is_object() && provider(&body).is_none() => Ok(()),
            Err(cause) => {
                let cure = "Send subject with record, phone or email, and fields with name, value, confidence from 0 to 1, and as_of";
                Err(generic::invalid(422, "RB-0144", cause, cure))
            }
        }
    }

    fn delivery(&self, raw: &RawRequest) -> Option<String> {
        generic::delivery(raw)
    }

    fn check(&self, connection: &Connection) -> Vec<Problem> {
        generic::check_signing(connection)
    }
}

const NO_PROVIDER: &str = "The offer names no provider";

fn provider(body: &Value) -> Option<String> {
    // A name in quotes; a number or a flag is nobody's.
    let name = body.get("provider")?.as_str()?.trim();
    (!name.is_empty()).then(|| cut(name, NAME_CHARS_MAX))
}

/// Whom the body is about and what it offers; else the first thing that is wrong, without a value of it.
fn offered(body: &Value, connection: &Connection) -> Result<(Subject, Vec<Offered>), String> {
    let of = |name: &str| body.pointer(&format!("/subject/{name}")).and_then(text);
    let subject = Subject { record: of("record"), phone: of("phone"), email: of("email") };
    if subject.is_empty() {
        return Err("The offer says of nobody: subject has no record, phone or email".into());
    }
    let fields = body.get("fields").and_then(Value::as_array).filter(|f| !f.is_empty());
    let fields = fields.ok_or("The offer has no fields")?;
    if fields.len() > OFFERED_MAX {
        return Err(format!("The offer has {} fields, and {OFFERED_MAX} are taken", fields.len()));
    }
    let one = |(n, field): (usize, &Value)| {
        read_field(field, connection).map_err(|what| format!("fields[{n}] has no {what}"))
    };
    Ok((subject, fields.iter().enumerate().map(one).collect::<Result<_, _>>()?))
}

fn read_field(field: &Value, connection: &Connection) -> Result<Offered, &'static str> {
    let plain = |name: &String| {
        name.chars().count() <= NAME_CHARS_MAX
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let name = field.get("name").and_then(text).filter(plain).ok_or("name of small letters, digits and _")?;
    let value = field.get("value").and_then(text).ok_or("value")?;
    let sure = field.get("confidence").and_then(Value::as_f64).filter(|c| (0.0..=1.0).contains(c));
    let sure = sure.ok_or("confidence from 0 to 1")?;
    let as_of = field.get("as_of").and_then(text);
    let order = generic::date_order(connection);
    let day = |text: &String| {
        text.parse::<jiff::civil::Date>().ok()?.to_zoned(zone(&connection.zone)).ok().map(|z| z.timestamp())
    };
    let read = |text: &String| instant(text, &zone(&connection.zone), order).or_else(|| day(text));
    let as_of = as_of.as_ref().and_then(read).ok_or("as_of that is a moment or a day")?;
    let confidence = thousandths(sure);
    Ok(Offered { name, value: cut(&value, VALUE_CHARS_MAX), confidence, as_of })
}

/// Downwards, so that nobody is surer than they said.
fn thousandths(sure: f64) -> u16 {
    // Written with digits and read again, because a fraction such as 0.29 is not exact in binary.
    let digits = format!("{sure:.6}");
    let (whole, rest) = digits.split_once('.').unwrap_or((&digits, "0"));
    let cut: String = rest.chars().take(3).collect();
    let value = whole.parse::<u16>().unwrap_or(0).saturating_mul(1000).saturating_add(cut.parse().unwrap_or(0));
    value.min(1000)
}
