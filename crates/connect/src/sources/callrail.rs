//! CallRail: call tracking. Webhooks in, REST v3 as the witness.
//!
//! Sources: <https://apidocs.callrail.com/> (Webhooks; Calls) and <https://support.callrail.com/hc/en-us/articles/5712088951437>.
//!
//! * The body of a call event does not name its event: each event has its own hook URL.
//! * A pre-call body already says `answered=false, call_type=missed`, because nothing has happened yet. Such an event only rings.
//! * Post-call waits up to 20 minutes for the transcript; call-modified brings what was late, with `changes` naming what changed.
//! * Nothing is sent twice, and repeated answers other than 2xx switch the endpoint off. So the answer is 200 for whatever could be
//!   stored, a wrong signature included, and 503 only when nothing could be.
//! * Transcripts are null for accounts without the plan that includes them (changelog of 2026-05-21).
//!
//! Settings: `account_id` (`ACC…`, for the witness list).

use crate::wire::{
    DateOrder, EXTRA_FIELDS_MAX, Fields, any, base64_decode, cut, hmac_sha1, is_json_type, percent, same,
};
use crate::wire::{instant, media_type, text, unavailable, zone};
use crate::{About, Auth, Connection, Cursor, Intake, Limits, Rejected, Secret, Source, Unreadable};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ringback_core::http::{HttpReply, HttpRequest, Method, RawRequest};
use ringback_core::signal::{Attribution, Direction, Ending, Signal, SignalKind};
use serde_json::Value;

/// Calls per page of the witness list (the vendor's most).
const PAGE_CALLS_MAX: u32 = 250;
/// Pages of the witness list that are followed.
const PAGES_MAX: u32 = 1_000;

/// The fields that REST v3 leaves out unless asked for.
const LIST_FIELDS: &str = "call_type,campaign,company_id,company_name,company_time_zone,created_at,first_call,keywords,\
landing_page_url,lead_status,medium,note,source,source_name,spam,tags,tracker_id,transcription,utm_campaign,utm_medium,\
utm_source,utm_term,value";

static ABOUT: About = About {
    name: "callrail",
    title: "CallRail",
    docs_url: "https://apidocs.callrail.com/",
    base_url: "https://api.callrail.com",
    auth: Auth::Token,
    oauth: None,
    writes: None,
    limits: Limits {
        burst_requests: 1_000,
        burst_window_ms: 3_600_000,
        daily_requests: 10_000,
        search_per_second: 0,
        batch_items_max: PAGE_CALLS_MAX,
        concurrent_requests_max: 0,
        daily_unit: "requests",
    },
    events: &[
        ("pre-call", "the phone rings"),
        ("call-routing-complete", "the phone rings at its destination"),
        ("post-call", "the call is over"),
        ("call-modified", "something about a reported call changed"),
        ("outbound-post-call", "a call to a customer is over"),
        ("outbound-call-modified", "something about a reported call to a customer changed"),
        ("form-submission", "a form was sent"),
        ("text-received", "a text message came"),
    ],
    quirks: &[
        "Give every event its own URL: the body does not say which event it is",
        "A post-call webhook comes up to 20 minutes late, because it waits for the transcript",
        "CallRail never sends again, and switches an endpoint off that keeps refusing",
        "The signing key is per company: list all of them",
    ],
};

/// The registry entry.
pub struct CallRail;

impl Source for CallRail {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn verify(
        &self,
        raw: &RawRequest,
        _connection: &Connection,
        keys: &[Secret],
        _received_at: Timestamp,
    ) -> Result<(), Rejected> {
        // The body carries a time, but it is the call's start: genuine deliveries come 20 minutes later and modified ones days
        // later, so no window is put on it.
        if keys.is_empty() {
            return Err(Rejected::NoKey);
        }
        let header = raw.header("signature").ok_or(Rejected::MissingSignature)?;
        let theirs = base64_decode(header).unwrap_or_default();
        let right = any(keys, |key| same(&hmac_sha1(key.reveal().as_bytes(), &[&raw.body]), &theirs));
        if right { Ok(()) } else { Err(Rejected::WrongSignature) }
    }

    fn read(&self, raw: &RawRequest, connection: &Connection) -> Result<Vec<Signal>, Unreadable> {
        let fields = body(raw)?;
        let zone = zone(&connection.zone);
        let signal = match raw.event.as_str() {
            "pre-call" | "call-routing-complete" => ringing(&fields, &zone)?,
            "post-call" => call(SignalKind::Ended, Direction::Unsaid, &fields, &zone)?,
            "call-modified" => call(SignalKind::Modified, Direction::Unsaid, &fields, &zone)?,
            "outbound-post-call" => call(SignalKind::Ended, Direction::Outbound, &fields, &zone)?,
            "outbound-call-modified" => call(SignalKind::Modified, Direction::Outbound, &fields, &zone)?,
            "form-submission" => form(raw, &fields, &zone),
            "text-received" => text_message(raw, &fields, &zone),
            other => {
                return Err(Unreadable {
                    class: "unknown_event",
                    words: format!("{} is no event of CallRail", cut(other, 60)),
                });
            }
        };
        Ok(vec![signal])
    }

    fn answer(&self, _raw: &RawRequest, _connection: &Connection, intake: &Intake) -> HttpReply {
        match intake {
            Intake::Unavailable => unavailable(),
            Intake::Stored | Intake::Duplicate | Intake::Quarantined(_) | Intake::Invalid { .. } => {
                HttpReply::empty(200)
            }
        }
    }

    fn list(&self, since: Timestamp, cursor: Option<&Cursor>, connection: &Connection) -> Option<HttpRequest> {
        let account = connection.setting("account_id")?;
        let page = match cursor {
            Some(cursor) => cursor.parse::<u32>().ok().filter(|p| (1..=PAGES_MAX).contains(p))?,
            None => 1,
        };
        // The filter counts days in a zone that the request does not name, so one day more is asked for.
        let day = since.checked_sub(SignedDuration::from_hours(24)).unwrap_or(since).to_zoned(TimeZone::UTC).date();
        let path = format!(
            "/v3/a/{}/calls.json?start_date={day}&sort=start_time&order=asc&page={page}&per_page={PAGE_CALLS_MAX}&fields={LIST_FIELDS}",
            percent(account)
        );
        let headers = vec![("accept".into(), "application/json".into())];
        Some(HttpRequest { method: Method::Get, path, headers, body: Vec::new() })
    }

    fn listed(&self, reply: &HttpReply, connection: &Connection) -> (Vec<Signal>, Option<Cursor>) {
        let Ok(Value::Object(page)) = serde_json::from_slice(&reply.body) else { return (Vec::new(), None) };
        if reply.status != 200 {
            return (Vec::new(), None);
        }
        let zone = zone(&connection.zone);
        let calls = page.get("calls").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let signals = calls
            .iter()
            .filter_map(Value::as_object)
            .filter_map(|c| call(SignalKind::Ended, Direction::Unsaid, &Fields(c.clone()), &zone).ok())
            .collect();
        let number = |name: &str| page.get(name).and_then(Value::as_u64);
        let next = match (number("page"), number("total_pages")) {
            (Some(page), Some(pages)) if page < pages => Some((page + 1).to_string()),
            _ => None,
        };
        (signals, next)
    }
}

/// JSON as documented, or the form that old integrations sent; told apart by the content type and, failing that, by looking.
fn body(raw: &RawRequest) -> Result<Fields, Unreadable> {
    let first = raw.body.iter().find(|b| !b.is_ascii_whitespace());
    let json = match media_type(raw) {
        Some(kind) if is_json_type(&kind) => true,
        Some(kind) if kind == "application/x-www-form-urlencoded" => first == Some(&b'{'),
        _ => first == Some(&b'{'),
    };
    if !json {
        let fields = Fields::form(&raw.body);
        return match fields.0.len() {
            // A form of one name without a value is any text at all.
            0 | 1 => Err(Unreadable { class: "not_a_form", words: "The body is neither JSON nor a form".into() }),
            _ => Ok(fields),
        };
    }
    match serde_json::from_slice(&raw.body) {
        Ok(Value::Object(map)) => Ok(Fields(map)),
        Ok(_) => Err(Unreadable { class: "not_json", words: "The body is JSON but not an object".into() }),
        Err(e) => {
            Err(Unreadable { class: "not_json", words: format!("The body is not JSON: {}", cut(&e.to_string(), 120)) })
        }
    }
}

fn keys(fields: &Fields) -> Vec<String> {
    let mut keys: Vec<String> =
        ["resource_id", "id", "callid", "call_id"].iter().filter_map(|n| fields.text(&[n])).collect();
    keys.dedup();
    keys
}

/// What every event says of a call: who, where to, when, from which campaign.
fn about_call(kind: SignalKind, fields: &Fields, zone: &TimeZone) -> Result<Signal, Unreadable> {
    let keys = keys(fields);
    if keys.is_empty() {
        return Err(Unreadable { class: "no_call_id", words: "The body has neither resource_id nor id".into() });
    }
    let mut signal = Signal::new(kind, keys);
    signal.direction = match fields.text(&["direction"]).map(|d| d.to_ascii_lowercase()).as_deref() {
        Some("outbound") => Direction::Outbound,
        Some("inbound") => Direction::Inbound,
        _ => Direction::Unsaid,
    };
    who_and_whence(&mut signal, fields);
    signal.dialled = fields.text(&["tracking_phone_number", "trackingnum"]);
    signal.destination = fields.text(&["business_phone_number", "destinationnum"]);
    signal.started_at = started_at(fields, zone);
    signal.spam = fields.flag(&["spam"]).unwrap_or(false);
    Ok(signal)
}

fn who_and_whence(signal: &mut Signal, fields: &Fields) {
    signal.caller = fields.text(&["customer_phone_number", "callernum"]);
    signal.caller_name = fields.text(&["customer_name", "callername"]);
    signal.email = fields.text(&["customer_email", "email"]);
    signal.attribution = Attribution {
        source: fields.text(&["source_name", "source", "formatted_tracking_source", "utm_source", "callsource"]),
        medium: fields.text(&["medium", "utm_medium", "referrermedium"]),
        campaign: fields.text(&["campaign", "utm_campaign"]),
        keywords: fields.text(&["keywords", "utm_term"]),
        landing_page: fields.text(&["landing_page_url", "landingpage"]),
        tracker_id: fields.text(&["tracker_resource_id", "tracker_id"]),
        company_id: fields.text(&["company_resource_id", "company_id"]),
    };
    for name in
        ["company_name", "company_time_zone", "customer_city", "customer_state", "gclid", "call_summary", "note"]
    {
        if let Some(value) = fields.text(&[name]) {
            signal.extra.push((name.to_owned(), value));
        }
    }
}

/// The start. Times carry an offset (the account's, not the company's), except the old `datetime`, which is UTC.
fn started_at(fields: &Fields, zone: &TimeZone) -> Option<Timestamp> {
    let read = |name: &str, zone: &TimeZone| instant(&fields.text(&[name])?, zone, DateOrder::MonthFirst);
    read("start_time", zone)
        .or_else(|| read("timestamp", zone))
        .or_else(|| read("datetime", &TimeZone::UTC))
        .or_else(|| read("created_at", zone))
}

fn ringing(fields: &Fields, zone: &TimeZone) -> Result<Signal, Unreadable> {
    let mut signal = about_call(SignalKind::Ringing, fields, zone)?;
    if signal.direction == Direction::Unsaid {
        signal.direction = Direction::Inbound;
    }
    Ok(signal)
}

fn call(kind: SignalKind, event: Direction, fields: &Fields, zone: &TimeZone) -> Result<Signal, Unreadable> {
    let mut signal = about_call(kind, fields, zone)?;
    signal.direction = match (event, signal.direction) {
        (Direction::Outbound, _) => Direction::Outbound,
        // Calls to customers have events of their own, so what does not say came in.
        (_, Direction::Unsaid) => Direction::Inbound,
        (_, said) => said,
    };
    signal.ending = ending(fields, signal.direction);
    signal.duration_seconds = fields.seconds(&["duration"]);
    signal.transcript = fields.long_text(&["transcription", "conversational_transcript"]);
    signal.recording_url = fields.text(&["recording", "recording_redirect"]);
    signal.recording_seconds = fields.seconds(&["recording_duration"]);
    if let Some(Value::Array(changes)) = fields.0.get("changes") {
        let names: Vec<String> = changes.iter().filter_map(text).take(EXTRA_FIELDS_MAX).collect();
        signal.extra.push(("changes".into(), names.join(",")));
    }
    Ok(signal)
}

/// In the vendor's own order: voicemail, then abandoned (hung up within 15 s), then not answered (longer), then answered.
fn ending(fields: &Fields, direction: Direction) -> Ending {
    let answered = fields.flag(&["answered"]);
    if direction == Direction::Outbound {
        // A call to a customer that nobody took is no missed call of ours.
        return if answered == Some(true) { Ending::Answered } else { Ending::Unsaid };
    }
    let call_type = fields.text(&["call_type"]).map(|t| t.to_ascii_lowercase());
    match call_type.as_deref() {
        _ if fields.flag(&["voicemail"]) == Some(true) => Ending::Voicemail,
        Some("voicemail" | "voicemail_transcription") => Ending::Voicemail,
        Some("abandoned") => Ending::Abandoned,
        _ if answered == Some(false) => Ending::RingNoAnswer,
        _ if answered == Some(true) => Ending::Answered,
        Some("missed") => Ending::RingNoAnswer,
        Some("answered") => Ending::Answered,
        _ => Ending::Unsaid,
    }
}

/// A form or a text message is known by its own id, or else by its bytes.
fn own_key(raw: &RawRequest, fields: &Fields, prefix: &str) -> Vec<String> {
    let keys = keys(fields);
    if keys.is_empty() {
        let hash = crate::wire::sha256_hex(&raw.body);
        return vec![format!("{prefix}-{}", cut(&hash, 32))];
    }
    keys
}

fn form(raw: &RawRequest, fields: &Fields, zone: &TimeZone) -> Signal {
    let mut signal = Signal::new(SignalKind::Form, own_key(raw, fields, "form"));
    signal.direction = Direction::Inbound;
    who_and_whence(&mut signal, fields);
    signal.started_at = fields
        .text(&["submitted_at"])
        .and_then(|t| instant(&t, zone, DateOrder::MonthFirst))
        .or_else(|| started_at(fields, zone));
    if let Some(url) = fields.text(&["form_url"]) {
        signal.extra.push(("form_url".into(), url));
    }
    if let Some(Value::Object(entries)) = fields.0.get("form_data") {
        let free = entries.iter().filter_map(|(name, value)| Some((cut(name, 100), text(value)?)));
        signal.extra.extend(free.take(EXTRA_FIELDS_MAX));
    }
    signal
}

fn text_message(raw: &RawRequest, fields: &Fields, zone: &TimeZone) -> Signal {
    let mut signal = Signal::new(SignalKind::Form, own_key(raw, fields, "text"));
    signal.direction = Direction::Inbound;
    who_and_whence(&mut signal, fields);
    signal.caller = fields.text(&["source_number", "customer_phone_number"]);
    signal.dialled = fields.text(&["destination_number", "tracking_phone_number"]);
    signal.started_at = started_at(fields, zone);
    signal.transcript = fields.long_text(&["content", "message"]);
    signal.extra.push(("channel".into(), "text_message".into()));
    signal
}
