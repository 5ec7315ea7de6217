//! What happened to an inquiry, told to another system: a calendar, an analytics store, a ticket desk. One signed message for each occasion, by
//! Standard Webhooks (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
//!
//! The message id is the effect's key and the body is the stored emission: both are the same on every attempt, so a receiver that keeps the
//! ids it has seen takes each once. A 2xx is the end of it; there is nothing to be read back. The body's names are users' mappings and never
//! change within a `schema`.

use crate::{Connection, Limits, receiver};
use jiff::Timestamp;
use ringback_core::crm::{DealsWay, Held, Outcome, WriteTraits};
use ringback_core::emit::{Emission, Occasion, Personal, Target};
use ringback_core::http::HttpReply;
use ringback_core::inquiry::CallbackResult;
use ringback_core::problem::Problem;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// The vendor word of such a connection.
pub const NAME: &str = "events";
/// Version of the body; another number only with other names or meanings.
pub const SCHEMA: &str = "1";
/// Which occasions the receiver is told.
const EVENTS: &str = "events";
/// Which values about people go along.
const PERSONAL: &str = "personal";
/// Every occasion.
const ALL: &str = "all";

/// How long an answer may take, and a lost one may still have an effect. Nobody looks for anything meanwhile: a repeat has the same id.
pub const TRAITS: WriteTraits = WriteTraits {
    timeout: Duration::from_secs(30),
    settling: Duration::from_secs(5),
    search_lag: Duration::ZERO,
    key_lag: Duration::ZERO,
    listed: &[],
    upserts: &[],
    links_in_write: false,
    deals: DealsWay::None,
};

/// What such a receiver takes.
pub const LIMITS: Limits = receiver::LIMITS;

/// The words of a setting, parted by commas or spaces.
fn words<'c>(connection: &'c Connection, name: &str) -> impl Iterator<Item = &'c str> {
    let text = connection.setting(name).unwrap_or_default();
    text.split([',', ' ']).map(str::trim).filter(|word| !word.is_empty())
}

/// The receiver that such a connection stands for; words that nobody knows are told by [`check`].
pub fn target(connection: &Connection) -> Target {
    let mut occasions: BTreeSet<Occasion> = words(connection, EVENTS).filter_map(Occasion::of).collect();
    if words(connection, EVENTS).any(|word| word == ALL) {
        occasions.extend(Occasion::ALL);
    }
    let personal = words(connection, PERSONAL).filter_map(Personal::of).collect();
    Target { lane: connection.id.clone(), occasions, personal }
}

/// Everything that is wrong with the settings.
pub fn check(connection: &Connection) -> Vec<Problem> {
    let mut problems = receiver::check(connection);
    let mut wrong = |cause: String, cure: String| problems.push(Problem::new("RB-0110", cause, cure));
    let occasions = || Occasion::ALL.map(Occasion::word).join(", ");
    let personal = || Personal::ALL.map(Personal::word).join(", ");
    if words(connection, EVENTS).next().is_none() {
        let cure = format!("Say what the receiver is told: events = \"all\", or some of {}", occasions());
        wrong("events is missing".into(), cure);
    }
    for word in words(connection, EVENTS).filter(|word| *word != ALL && Occasion::of(word).is_none()) {
        wrong(format!("events names {word:?}, which never happens"), format!("Use some of {}", occasions()));
    }
    for word in words(connection, PERSONAL).filter(|word| Personal::of(word).is_none()) {
        wrong(format!("personal names {word:?}, which is no value"), format!("Use some of {}", personal()));
    }
    problems
}

/// The body of the message: every name is always there, null where nothing is known or nothing was asked for, since no-code tools offer for
/// mapping only what their first sample held.
pub fn body(id: &str, emission: &Emission) -> Vec<u8> {
    let Emission {
        occasion,
        at,
        account,
        inquiry,
        sequence,
        url,
        location,
        zone,
        category,
        source,
        calls,
        urgency,
        caller_is,
        reason,
        owner,
        provisional,
        result,
        booked_for,
        outcome,
        callback_seconds,
        breached,
        stale,
        personal,
    } = emission;
    let value = |name: Personal| personal.get(&name).map(String::as_str);
    json!({
        "schema": SCHEMA,
        "event_id": id,
        "type": occasion,
        "at": at,
        "account": account,
        "inquiry": inquiry,
        "sequence": sequence,
        "url": url,
        "location": location,
        "zone": zone,
        "category": category,
        "source": source,
        "calls": calls,
        "urgency": urgency,
        "caller": {
            "is": caller_is,
            "phone": value(Personal::CallerPhone),
            "name": value(Personal::CallerName),
            "email": value(Personal::CallerEmail),
        },
        "reason": reason,
        "owner": {
            "id": owner,
            "provisional": provisional,
            "name": value(Personal::OwnerName),
            "email": value(Personal::OwnerEmail),
        },
        "result": result,
        "booked_for": booked_for,
        "outcome": outcome,
        "callback_seconds": callback_seconds,
        "breached": breached,
        "stale": stale,
        "booked": result.map(|r| r == CallbackResult::Booked),
        "summary": value(Personal::Summary),
        "note": value(Personal::Note),
    })
    .to_string()
    .into_bytes()
}

/// What the receiver's answer means: a 2xx that is no page and says no error is the end of it.
pub fn reply(reply: &HttpReply, received_at: Timestamp) -> Outcome {
    if !(200..=299).contains(&reply.status) {
        return receiver::no(reply, received_at, || None);
    }
    let body: Option<Value> = serde_json::from_slice(&reply.body).ok();
    let wrong = receiver::no_answer(reply, body.as_ref()).or_else(|| receiver::failed(reply, body.as_ref()));
    wrong.unwrap_or_else(|| Outcome::Done { held: Held::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringback_core::id::{AccountId, ConnectionId, InquiryId, StaffId};
    use ringback_core::identity::MatchKind;

    fn connection(base_url: Option<&str>, settings: &[(&str, &str)]) -> Connection {
        Connection {
            id: ConnectionId::from_text("calendar"),
            account: AccountId::from_text("acct_1"),
            name: "calendar".into(),
            vendor: NAME.into(),
            base_url: base_url.map(str::to_owned),
            zone: "America/Chicago".into(),
            region: "US".into(),
            settings: settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        }
    }

    fn booked() -> Emission {
        Emission {
            occasion: Occasion::Booked,
            at: "2026-03-04T18:40:00Z".parse().unwrap(),
            account: AccountId::from_text("acct_main"),
            inquiry: InquiryId::from_text("inq_01jexample"),
            sequence: 3,
            url: "https://r.example/inquiries/inq_01jexample".into(),
            location: Some("north".into()),
            zone: Some("America/Chicago".into()),
            category: Some("voicemail".into()),
            source: None,
            calls: 1,
            urgency: "high".into(),
            caller_is: Some(MatchKind::Customer),
            reason: Some("appointment_booking".into()),
            owner: Some(StaffId::from_text("staff_dana")),
            provisional: false,
            result: Some(CallbackResult::Booked),
            booked_for: Some("2026-03-06T15:00:00Z".parse().unwrap()),
            outcome: None,
            callback_seconds: Some(240),
            breached: false,
            stale: false,
            personal: [(Personal::CallerPhone, "+13125550142".to_owned())].into(),
        }
    }

    #[test]
    fn a_message_has_every_name_and_the_personal_values_that_were_asked_for() {
        let sent: Value = serde_json::from_slice(&body("rb-event-01jexample-calendar-3", &booked())).unwrap();
        assert_eq!(
            sent,
            json!({
                "schema": "1", "event_id": "rb-event-01jexample-calendar-3", "type": "booking.confirmed",
                "at": "2026-03-04T18:40:00Z", "account": "acct_main", "inquiry": "inq_01jexample", "sequence": 3,
                "url": "https://r.example/inquiries/inq_01jexample", "location": "north", "zone": "America/Chicago",
                "category": "voicemail", "source": null, "calls": 1, "urgency": "high",
                "caller": { "is": "customer", "phone": "+13125550142", "name": null, "email": null },
                "reason": "appointment_booking",
                "owner": { "id": "staff_dana", "provisional": false, "name": null, "email": null },
                "result": "booked", "booked_for": "2026-03-06T15:00:00Z", "outcome": null, "callback_seconds": 240,
                "breached": false, "stale": false, "booked": true, "summary": null, "note": null,
            })
        );
        let bare = Emission { personal: std::collections::BTreeMap::default(), ..booked() };
        let sent = String::from_utf8(body("x", &bare)).unwrap();
        assert!(!sent.contains("312555") && sent.contains("\"phone\":null"), "{sent}");
        assert_eq!(body("x", &bare), body("x", &bare), "a repeat is the same message");
    }

    #[test]
    fn settings_say_what_a_receiver_is_told() {
        let url = Some("https://hooks.zapier.com/hooks/catch/1/abc");
        let told = |settings: &[(&str, &str)]| target(&connection(url, settings));
        let some = told(&[("events", "booking.confirmed, inquiry.closed"), ("personal", "caller.phone summary")]);
        assert_eq!(some.occasions, [Occasion::Booked, Occasion::Closed].into());
        assert_eq!(some.personal, [Personal::CallerPhone, Personal::Summary].into());
        assert_eq!(told(&[("events", "all")]).occasions.len(), Occasion::ALL.len());
        assert_eq!(told(&[]).occasions, BTreeSet::new(), "nothing is told that was not asked for");

        let problems = |url, settings: &[(&str, &str)]| -> Vec<String> {
            check(&connection(url, settings)).into_iter().map(|p| p.cause).collect()
        };
        assert_eq!(problems(url, &[("events", "all")]), Vec::<String>::new());
        assert_eq!(problems(None, &[]), ["base_url is missing", "events is missing"]);
        assert_eq!(problems(Some("https://x.example/?sig=1"), &[("events", "all")]), ["base_url has a query"]);
        let many = problems(url, &[("events", "booked, all"), ("personal", "phone"), ("burst_requests", "many")]);
        assert_eq!(many.len(), 3, "all are told at once: {many:?}");
    }

    #[test]
    fn answers_are_classified() {
        let now = Timestamp::from_second(1_614_265_330).unwrap();
        let answer = |status: u16, kind: &str, body: &str| HttpReply {
            status,
            headers: vec![("content-type".into(), kind.into())],
            body: body.as_bytes().to_vec(),
        };
        for (status, kind, body, word) in [
            (200, "application/json", r#"{"status":"success"}"#, "done"),
            (200, "text/plain", "Accepted", "done"),
            (204, "", "", "done"),
            (200, "text/html; charset=utf-8", "<!DOCTYPE html>", "unknown"),
            (200, "", " <html>", "unknown"),
            (200, "application/json", r#"{"status":"success"#, "unknown"),
            (200, "application/json", r#"{"error":"no such table"}"#, "unknown"),
            (302, "", "", "unknown"),
            (400, "", "", "refused"),
            (400, "", "Queue is full.", "retry"),
            (401, "", "", "auth_expired"),
            (404, "", "", "refused"),
            (404, "application/json", r#"{"message":"The webhook is not registered"}"#, "retry"),
            (408, "", "", "unknown"),
            (410, "", "", "refused"),
            (422, "", "", "unknown"),
            (429, "", "", "retry"),
            (500, "", "", "unknown"),
            (503, "", "", "unknown"),
        ] {
            assert_eq!(reply(&answer(status, kind, body), now).word(), word, "{status} {body}");
        }
    }
}
