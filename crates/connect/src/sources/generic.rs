//! Any sender of JSON: a phone system, a form, a script, mapped by configuration.
//!
//! Without settings a sender uses Ringback's own form, every field optional except that `call_id`, `caller` or `email` must be there:
//!
//! ```json
//! {"call_id":"c-1","direction":"inbound","ending":"voicemail","caller":"+13125550142","caller_name":"Dana Ruiz",
//!  "email":"dana@example.com","dialled":"+13125550100","destination":"+13125550199","started_at":"2026-03-04T18:12:07-06:00",
//!  "ended_at":"2026-03-04T18:12:38-06:00","duration_seconds":31,"transcript":"…","recording_url":"https://…","source":"Google Ads",
//!  "medium":"cpc","campaign":"drain-north","keywords":"…","landing_page":"https://…","tracker_id":"…","company_id":"…",
//!  "after_hours":false,"spam":false,"workflow":"chat"}
//! ```
//!
//! Settings: `map.<field>` = JSON pointer (`/call/from`) for each of those fields, `map.extra.<name>` = JSON pointer for free fields;
//! `ending.<value>` = one of our endings for the sender's own words; `signature` = `standard-webhooks` (the default),
//! `hmac-sha256-hex:<header>`, `hmac-sha256-base64:<header>`, `bearer`, or `token:<header>`; `body_max_bytes`.
//!
//! The sender can mend its mistakes, so they are answered with 4xx and a problem document (RFC 9457) instead of being stored:
//! <https://www.rfc-editor.org/rfc/rfc9457>. Signatures: <https://github.com/standard-webhooks/standard-webhooks>.

use crate::wire::{
    DateOrder, EXTRA_FIELDS_MAX, any, base64_decode, cut, flag, hex, hmac_sha256, instant, is_json_type,
};
use crate::wire::{json_depth, long_text, media_type, problem, same, seconds, sha256_hex, text, unavailable, zone};
use crate::{About, Auth, Connection, Intake, Limits, Rejected, Secret, Source, Unreadable, standard_webhooks};
use jiff::Timestamp;
use ringback_core::http::{HttpReply, RawRequest};
use ringback_core::problem::Problem;
use ringback_core::signal::{Attribution, Direction, Ending, Signal, SignalKind};
use serde_json::{Value, json};

/// The largest body unless the connection says otherwise.
pub const BODY_MAX_BYTES: usize = 1_048_576;
/// How deep a body may nest.
pub const DEPTH_MAX: usize = 32;

/// Every field of our own form; each can be mapped.
pub(crate) const FIELDS: &[&str] = &[
    "call_id",
    "direction",
    "ending",
    "caller",
    "caller_name",
    "email",
    "dialled",
    "destination",
    "started_at",
    "ended_at",
    "duration_seconds",
    "transcript",
    "recording_url",
    "recording_seconds",
    "source",
    "medium",
    "campaign",
    "keywords",
    "landing_page",
    "tracker_id",
    "company_id",
    "after_hours",
    "spam",
    "workflow",
];

static ABOUT: About = About {
    name: "generic",
    title: "Generic JSON",
    docs_url: "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
    base_url: "",
    auth: Auth::None,
    oauth: None,
    writes: None,
    limits: Limits::UNASKED,
    events: &[
        ("call", "a call is over, or its words came"),
        ("ringing", "the phone rings"),
        ("modified", "something about a reported call changed"),
        ("transcript", "the words of a call"),
        ("form", "a form was sent"),
        ("callback-request", "somebody asks to be called; no contact attempt failed"),
    ],
    quirks: &[
        "Send one call per request",
        "Use the same call_id for everything about one call",
        "Answers of 4xx say what is wrong: mend it and send again; 5xx means send the same again later",
    ],
};

/// The registry entry.
pub struct Generic;

impl Source for Generic {
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
        verify(raw, connection, keys, received_at)
    }

    fn read(&self, raw: &RawRequest, connection: &Connection) -> Result<Vec<Signal>, Unreadable> {
        let kind = match raw.event.as_str() {
            "call" => SignalKind::Ended,
            "ringing" => SignalKind::Ringing,
            "modified" => SignalKind::Modified,
            "transcript" => SignalKind::Transcript,
            "form" | "callback-request" => SignalKind::Form,
            other => {
                return Err(Unreadable {
                    class: "unknown_event",
                    words: format!("{} is no event of this hook", cut(other, 60)),
                });
            }
        };
        let body: Value = serde_json::from_slice(&raw.body).map_err(|e| Unreadable {
            class: "not_json",
            words: format!("The body is not JSON: {}", cut(&e.to_string(), 120)),
        })?;
        let mut signal = signal(kind, &body, raw, connection)?;
        if raw.event == "callback-request" {
            // Somebody who only asks to be called was missed by nobody; such requests stay out of the missed-call figures.
            signal.extra.push(("workflow".into(), "instant_callback".into()));
        }
        Ok(vec![signal])
    }

    fn answer(&self, _raw: &RawRequest, _connection: &Connection, intake: &Intake) -> HttpReply {
        strict_answer(intake)
    }

    fn strict(&self) -> bool {
        true
    }

    fn screen(&self, raw: &RawRequest, connection: &Connection) -> Result<(), Intake> {
        let body = screened(raw, connection, ABOUT.events)?;
        let map = Map { body: &body, connection };
        if !["call_id", "caller", "email"].iter().any(|f| map.text(f).is_some()) {
            let cure = format!(
                "Send {} or {}, or correct the mapping of the connection",
                map.pointer("call_id"),
                map.pointer("caller")
            );
            return Err(invalid(422, "RB-0105", "The body names neither a call nor a caller".into(), &cure));
        }
        Ok(())
    }

    fn delivery(&self, raw: &RawRequest) -> Option<String> {
        delivery(raw)
    }

    fn check(&self, connection: &Connection) -> Vec<Problem> {
        check(connection)
    }
}

/// The sender's own name of a delivery, by Standard Webhooks.
pub(crate) fn delivery(raw: &RawRequest) -> Option<String> {
    let id = raw.header("webhook-id").or_else(|| raw.header("svix-id"))?;
    (!id.is_empty()).then(|| cut(id, 200))
}

/// The body of a request that is acceptable at all: a post of JSON within the bounds, to an event of the hook.
pub(crate) fn screened(
    raw: &RawRequest,
    connection: &Connection,
    events: &[(&'static str, &'static str)],
) -> Result<Value, Intake> {
    if raw.method != "POST" {
        let cause = format!("This hook is sent to, and the request is a {}", cut(&raw.method, 20));
        return Err(invalid(405, "RB-0112", cause, "Use POST"));
    }
    let kind = media_type(raw);
    if !kind.as_deref().is_some_and(is_json_type) {
        let cause = format!("The content type is {}", kind.as_deref().map_or("missing".into(), |k| cut(k, 80)));
        return Err(invalid(415, "RB-0101", cause, "Send application/json"));
    }
    size(raw, body_max_bytes(connection))?;
    if json_depth(&raw.body) > DEPTH_MAX {
        let cure = format!("Nest at most {DEPTH_MAX} levels");
        return Err(invalid(400, "RB-0104", "The body nests too deep".into(), &cure));
    }
    let body: Value = serde_json::from_slice(&raw.body).map_err(|e| {
        invalid(
            400,
            "RB-0103",
            format!("The body is not JSON: {}", cut(&e.to_string(), 120)),
            "Send one JSON object in UTF-8",
        )
    })?;
    if !events.iter().any(|(name, _)| *name == raw.event) {
        let names: Vec<&str> = events.iter().map(|(name, _)| *name).collect();
        let cause = format!("{} is no event of this hook", cut(&raw.event, 60));
        return Err(invalid(404, "RB-0106", cause, &format!("Use one of: {}", names.join(", "))));
    }
    Ok(body)
}

/// A refusal that the sender can mend.
pub(crate) fn invalid(status: u16, code: &'static str, cause: String, cure: &str) -> Intake {
    Intake::Invalid { status, code, cause, cure: cure.to_owned() }
}

/// Refuses a body over the bound.
pub(crate) fn size(raw: &RawRequest, body_max_bytes: usize) -> Result<(), Intake> {
    if raw.body.len() <= body_max_bytes {
        return Ok(());
    }
    let cause = format!("The body has {} bytes", raw.body.len());
    Err(invalid(413, "RB-0102", cause, &format!("Send at most {body_max_bytes} bytes")))
}

/// What a sender hears that can mend its mistakes.
pub(crate) fn strict_answer(intake: &Intake) -> HttpReply {
    let fine =
        |status: u16, word: &str| HttpReply::with(status, "application/json", json!({ "status": word }).to_string());
    match intake {
        Intake::Stored => fine(202, "stored"),
        Intake::Duplicate => fine(200, "duplicate"),
        Intake::Quarantined(why) => problem(
            401,
            "RB-0107",
            &format!("The request was not accepted as yours ({}); it is kept in quarantine", why.word()),
            "Correct the secret or the signature; once the key is right the kept request can be accepted",
        ),
        Intake::Invalid { status, code, cause, cure } => problem(*status, code, cause, cure),
        Intake::Unavailable => unavailable(),
    }
}

pub(crate) fn body_max_bytes(connection: &Connection) -> usize {
    connection.setting("body_max_bytes").and_then(|n| n.parse().ok()).unwrap_or(BODY_MAX_BYTES)
}

/// How requests of this connection are signed.
#[derive(Debug, PartialEq, Eq)]
enum Scheme<'a> {
    StandardWebhooks,
    HmacHex(&'a str),
    HmacBase64(&'a str),
    Bearer,
    Token(&'a str),
}

/// `None` for a setting that names no scheme; such a connection accepts nothing.
fn scheme(connection: &Connection) -> Option<Scheme<'_>> {
    let text = connection.setting("signature").unwrap_or("standard-webhooks");
    let (name, header) = text.split_once(':').unwrap_or((text, ""));
    match (name.trim(), header.trim()) {
        ("standard-webhooks", "") => Some(Scheme::StandardWebhooks),
        ("bearer", "") => Some(Scheme::Bearer),
        (_, "") => None,
        ("hmac-sha256-hex", header) => Some(Scheme::HmacHex(header)),
        ("hmac-sha256-base64", header) => Some(Scheme::HmacBase64(header)),
        ("token", header) => Some(Scheme::Token(header)),
        _ => None,
    }
}

/// Checks a request by the connection's scheme; shared with the phone-log import.
pub(crate) fn verify(
    raw: &RawRequest,
    connection: &Connection,
    keys: &[Secret],
    received_at: Timestamp,
) -> Result<(), Rejected> {
    if keys.is_empty() {
        return Err(Rejected::NoKey);
    }
    let header =
        |name: &str| raw.header(name).map(str::trim).filter(|v| !v.is_empty()).ok_or(Rejected::MissingSignature);
    // Some senders write `sha256=<hex>`.
    let bare = |text: &str| text.strip_prefix("sha256=").unwrap_or(text).to_owned();
    let ours = |key: &Secret| hmac_sha256(key.reveal().as_bytes(), &[&raw.body]);
    let right = match scheme(connection).ok_or(Rejected::WrongSignature)? {
        Scheme::StandardWebhooks => return standard_webhooks::verify(raw, keys, received_at),
        Scheme::HmacHex(name) => {
            let theirs = bare(header(name)?).to_ascii_lowercase();
            any(keys, |key| same(hex(&ours(key)).as_bytes(), theirs.as_bytes()))
        }
        Scheme::HmacBase64(name) => {
            let theirs = base64_decode(&bare(header(name)?)).unwrap_or_default();
            any(keys, |key| same(&ours(key), &theirs))
        }
        Scheme::Bearer => {
            let text = header("authorization")?;
            let (word, token) = text.split_once(' ').unwrap_or(("", text));
            word.eq_ignore_ascii_case("bearer")
                && any(keys, |key| same(key.reveal().as_bytes(), token.trim().as_bytes()))
        }
        Scheme::Token(name) => {
            let token = header(name)?;
            any(keys, |key| same(key.reveal().as_bytes(), token.as_bytes()))
        }
    };
    if right { Ok(()) } else { Err(Rejected::WrongSignature) }
}

/// A body seen through the connection's mapping.
struct Map<'a> {
    body: &'a Value,
    connection: &'a Connection,
}

impl<'a> Map<'a> {
    fn pointer(&self, field: &str) -> String {
        self.connection.setting(&format!("map.{field}")).map_or_else(|| format!("/{field}"), str::to_owned)
    }
    fn value(&self, field: &str) -> Option<&'a Value> {
        self.body.pointer(&self.pointer(field))
    }
    fn text(&self, field: &str) -> Option<String> {
        self.value(field).and_then(text)
    }
}

fn signal(kind: SignalKind, body: &Value, raw: &RawRequest, connection: &Connection) -> Result<Signal, Unreadable> {
    let map = Map { body, connection };
    let zone = zone(&connection.zone);
    let order = date_order(connection);
    let at = |field: &str| instant(&map.text(field)?, &zone, order);
    let caller = map.text("caller");
    let email = map.text("email");
    let key = match (map.text("call_id"), &caller, &email) {
        (Some(id), ..) => id,
        // Without an id the same bytes are the same thing.
        (None, Some(_), _) | (None, _, Some(_)) => format!("body-{}", cut(&sha256_hex(&raw.body), 32)),
        (None, None, None) => {
            return Err(Unreadable { class: "no_call_id", words: "The body names neither a call nor a caller".into() });
        }
    };
    let mut signal = Signal::new(kind, vec![key]);
    (signal.caller, signal.email, signal.caller_name) =
        (caller, email, map.text("caller_name").or_else(|| map.text("name")));
    (signal.dialled, signal.destination) = (map.text("dialled"), map.text("destination"));
    (signal.started_at, signal.ended_at) = (at("started_at"), at("ended_at"));
    signal.direction = direction(map.text("direction").as_deref());
    signal.duration_seconds = map.value("duration_seconds").and_then(seconds);
    signal.transcript = map.value("transcript").and_then(long_text);
    signal.recording_url = map.text("recording_url");
    signal.recording_seconds = map.value("recording_seconds").and_then(seconds);
    signal.after_hours = map.value("after_hours").and_then(flag);
    signal.spam = map.value("spam").and_then(flag).unwrap_or(false);
    signal.attribution = Attribution {
        source: map.text("source"),
        medium: map.text("medium"),
        campaign: map.text("campaign"),
        keywords: map.text("keywords"),
        landing_page: map.text("landing_page"),
        tracker_id: map.text("tracker_id"),
        company_id: map.text("company_id"),
    };
    if let Some(word) = map.text("ending") {
        match ending(&word, connection) {
            Some(ending) if kind != SignalKind::Ringing => signal.ending = ending,
            Some(_) => {}
            None => signal.extra.push(("ending".into(), word)),
        }
    }
    for field in ["started_at", "ended_at"] {
        // A time that cannot be read is kept as it stands, so that a person can see it.
        if let (None, Some(raw)) = (at(field), map.text(field)) {
            signal.extra.push((format!("{field}_unread"), raw));
        }
    }
    signal.extra.extend(map.text("workflow").map(|w| ("workflow".to_owned(), w)));
    let free = connection.settings.iter().filter_map(|(name, pointer)| {
        let name = name.strip_prefix("map.extra.")?;
        Some((name.to_owned(), body.pointer(pointer).and_then(text)?))
    });
    signal.extra.extend(free.take(EXTRA_FIELDS_MAX));
    Ok(signal)
}

/// Which half of `3/4/2026` is the month: `date_order` = `mdy` or `dmy`; else as written in the connection's region.
pub(crate) fn date_order(connection: &Connection) -> DateOrder {
    match (connection.setting("date_order"), connection.region.as_str()) {
        (Some("mdy"), _) | (None, "US" | "PH") => DateOrder::MonthFirst,
        _ => DateOrder::DayFirst,
    }
}

pub(crate) fn direction(word: Option<&str>) -> Direction {
    match word.map(str::to_ascii_lowercase).as_deref() {
        Some("inbound" | "incoming" | "in") => Direction::Inbound,
        Some("outbound" | "outgoing" | "out") => Direction::Outbound,
        _ => Direction::Unsaid,
    }
}

/// The ending that a sender's word stands for: by the connection's `ending.<value>`, else by the words most phone systems use.
/// `None` for an unknown word.
pub(crate) fn ending(word: &str, connection: &Connection) -> Option<Ending> {
    let word = word.trim();
    known_ending(set_word(word, connection).unwrap_or(word))
}

fn set_word<'c>(word: &str, connection: &'c Connection) -> Option<&'c str> {
    connection.settings.iter().find_map(|(name, value)| {
        name.strip_prefix("ending.").filter(|n| n.eq_ignore_ascii_case(word)).map(|_| value.as_str())
    })
}

/// The ending that the connection's `ending.<value>` gives a word; `None` where it names none.
pub(crate) fn set_ending(word: &str, connection: &Connection) -> Option<Ending> {
    known_ending(set_word(word.trim(), connection)?)
}

fn known_ending(word: &str) -> Option<Ending> {
    let plain: String = word.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    Some(match plain.as_str() {
        "ringnoanswer" | "noanswer" | "missed" | "missedcall" | "unanswered" | "notanswered" | "timeout" => {
            Ending::RingNoAnswer
        }
        "busy" => Ending::Busy,
        "abandoned" | "hangup" | "hungup" | "canceled" | "cancelled" | "abandonedcall" => Ending::Abandoned,
        "voicemail" | "voicemailleft" | "leftvoicemail" | "message" => Ending::Voicemail,
        "aianswered" | "ai" => Ending::AiAnswered,
        "answered" | "completed" | "connected" | "accepted" | "answeredcall" => Ending::Answered,
        "unsaid" | "unknown" => Ending::Unsaid,
        _ => return None,
    })
}

fn check(connection: &Connection) -> Vec<Problem> {
    let mut problems = check_endings(connection);
    problems.extend(check_signing(connection));
    for (name, value) in &connection.settings {
        let Some(field) = name.strip_prefix("map.") else { continue };
        if !value.starts_with('/') {
            let cure = "Write a JSON pointer such as /call/from";
            problems.push(Problem::new("RB-0111", format!("{name} is {value}, which is no JSON pointer"), cure));
        }
        if !FIELDS.contains(&field) && field != "name" && !field.starts_with("extra.") {
            let cure = format!("Use one of {}, or map.extra.<name>", FIELDS.join(", "));
            problems.push(Problem::new("RB-0111", format!("{name} maps a field that does not exist"), cure));
        }
    }
    problems
}

/// How requests are signed and how large they may be; shared with every sender of JSON.
pub(crate) fn check_signing(connection: &Connection) -> Vec<Problem> {
    let mut problems = Vec::new();
    if scheme(connection).is_none() {
        let cause = format!("signature is {}", connection.setting("signature").unwrap_or_default());
        let cure =
            "Write standard-webhooks, hmac-sha256-hex:<header>, hmac-sha256-base64:<header>, bearer or token:<header>";
        problems.push(Problem::new("RB-0110", cause, cure));
    }
    if connection.setting("body_max_bytes").is_some_and(|n| n.parse::<usize>().is_err()) {
        problems.push(Problem::new("RB-0110", "body_max_bytes is no number", "Write a number of bytes"));
    }
    problems
}

/// Every `ending.<value>` must be one of our own words.
pub(crate) fn check_endings(connection: &Connection) -> Vec<Problem> {
    connection
        .settings
        .iter()
        .filter(|(name, value)| name.starts_with("ending.") && known_ending(value).is_none())
        .map(|(name, value)| {
            let cure = "Write ring_no_answer, busy, abandoned, voicemail, ai_answered, answered or unsaid";
            Problem::new("RB-0111", format!("{name} is {value}, which is no ending"), cure)
        })
        .collect()
}
