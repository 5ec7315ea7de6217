//! Twilio Voice: callbacks and TwiML.
//!
//! Sources: <https://www.twilio.com/docs/voice/twiml> (request parameters), `/docs/voice/twiml/dial`, `/docs/voice/twiml/record`,
//! `/docs/usage/security` (signature), `/docs/usage/webhooks/webhooks-connection-overrides` (retries), `/docs/api/errors/11200`.
//!
//! There is no event name: the hook URL says which callback it is. `CallStatus` of the inbound leg misleads, since our TwiML answered
//! that leg; a call is judged by its dialled legs and its recording. That *none* of them was seen is a verdict of a timer in the core.
//!
//! Settings: `forward_to` (numbers, parted by commas, rung at once), `dial_timeout_seconds` (5 to 600, default 20),
//! `voicemail_prompt` (said before the tone; no voicemail without it), `voicemail_max_seconds` (default 120), `voice_language`
//! (default `en-US`), `transcribe` (`false` switches Twilio's transcription off), `account_sid` (for the witness list).
//! A hook URL with `?closed=1` is for numbers or flows that know the location is closed: straight to voicemail, marked after hours.

use crate::wire::{
    DateOrder, Fields, any, base64_decode, cut, hmac_sha1, instant, is_json_type, media_type, percent, same,
};
use crate::wire::{hex, text, unavailable};
use crate::{About, Auth, Connection, Cursor, Intake, Limits, Rejected, Secret, Source, Unreadable};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ringback_core::http::{HttpReply, HttpRequest, Method, RawRequest, form_pairs};
use ringback_core::problem::Problem;
use ringback_core::signal::{Direction, Ending, Signal, SignalKind};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// A recording shorter than this is a caller who hung up at the greeting, not a message.
pub const VOICEMAIL_MIN_SECONDS: u32 = 2;
/// Twilio's own bounds of `<Dial timeout>`.
const DIAL_TIMEOUT_SECONDS: std::ops::RangeInclusive<u32> = 5..=600;
/// Numbers that `<Dial>` rings at once (Twilio's most).
const FORWARD_NUMBERS_MAX: usize = 10;
/// Each leg reports its end by itself, so that rung-together phones are told apart.
const NUMBER_HEAD: &str = r#"<Number statusCallbackMethod="POST" statusCallbackEvent="completed" statusCallback=""#;

static ABOUT: About = About {
    name: "twilio",
    title: "Twilio Voice",
    docs_url: "https://www.twilio.com/docs/voice/twiml",
    base_url: "https://api.twilio.com",
    auth: Auth::Basic,
    oauth: None,
    writes: None,
    limits: Limits {
        burst_requests: 0,
        burst_window_ms: 0,
        daily_requests: 0,
        search_per_second: 0,
        batch_items_max: 1_000,
        concurrent_requests_max: 0,
        daily_unit: "requests",
    },
    events: &[
        ("voice", "a call comes in; answered with TwiML"),
        ("status", "a leg changed its state or ended"),
        ("dial", "dialling ended; answered with TwiML"),
        ("record", "the caller finished the message; answered with TwiML"),
        ("recording", "a recording is ready, or there is none"),
        ("transcription", "the words of a recording are ready"),
    ],
    quirks: &[
        "Twilio does not send again unless the URL ends in connection overrides such as #rc=3&rp=all",
        "The signature covers the public URL as Twilio was told it: set the public URL, never trust Host",
        "A phone with its own voicemail counts as answered",
        "Set a fallback URL on the number: it is what a caller gets when this service cannot be reached or refuses",
    ],
};

/// The registry entry.
pub struct Twilio;

impl Source for Twilio {
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
        if keys.is_empty() {
            return Err(Rejected::NoKey);
        }
        let header = raw.header("x-twilio-signature").ok_or(Rejected::MissingSignature)?;
        let theirs = base64_decode(header).unwrap_or_default();
        let parameters = signed_parameters(raw).ok_or(Rejected::WrongSignature)?;
        let urls = signed_urls(&raw.url);
        let right = any(keys, |key| {
            any(&urls, |url| {
                same(&hmac_sha1(key.reveal().as_bytes(), &[url.as_bytes(), parameters.as_bytes()]), &theirs)
            })
        });
        if right { Ok(()) } else { Err(Rejected::WrongSignature) }
    }

    fn read(&self, raw: &RawRequest, _connection: &Connection) -> Result<Vec<Signal>, Unreadable> {
        if !ABOUT.events.iter().any(|(name, _)| *name == raw.event) {
            return Err(Unreadable {
                class: "unknown_event",
                words: format!("{} is no event of Twilio", cut(&raw.event, 60)),
            });
        }
        let fields = fields(raw)?;
        let Some(sid) = fields.text(&["CallSid"]) else {
            return Err(Unreadable { class: "no_call_id", words: "The callback has no CallSid".into() });
        };
        let mut signal = match raw.event.as_str() {
            "voice" => Signal::new(SignalKind::Ringing, vec![sid]),
            "dial" => dialled(sid, &fields),
            "record" => recorded(sid, &fields, true),
            "recording" => recorded(sid, &fields, false),
            "transcription" => transcribed(sid, &fields),
            _ => status(sid, &fields),
        };
        common(&mut signal, &fields);
        if closed(raw) {
            signal.after_hours = Some(true);
        }
        Ok(vec![signal])
    }

    fn answer(&self, raw: &RawRequest, connection: &Connection, intake: &Intake) -> HttpReply {
        let twiml = matches!(raw.event.as_str(), "voice" | "dial" | "record");
        match intake {
            // Twilio then asks the number's fallback URL.
            Intake::Unavailable => unavailable(),
            // Where TwiML is expected a wrong signature is refused: anybody could otherwise ask this URL for the staff's numbers,
            // Twilio's own request validators answer 403, and Twilio then turns to the number's fallback URL and shows error 11200
            // to the account's owner, so that a real caller with a mistaken key is still served. Callbacks that expect nothing hear
            // 204: they are kept, and a refusal would only bring them again.
            Intake::Quarantined(_) if twiml => HttpReply::empty(403),
            _ if !twiml => HttpReply::empty(204),
            _ => HttpReply::with(200, "text/xml; charset=utf-8", next_step(raw, connection)),
        }
    }

    fn delivery(&self, raw: &RawRequest) -> Option<String> {
        raw.header("i-twilio-idempotency-token").map(str::to_owned).filter(|t| !t.is_empty())
    }

    fn check(&self, connection: &Connection) -> Vec<Problem> {
        let number = |name: &str, range: std::ops::RangeInclusive<u32>| {
            let text = connection.setting(name)?;
            let fine = text.parse::<u32>().is_ok_and(|n| range.contains(&n));
            (!fine).then(|| {
                let cure = format!("Write a number from {} to {}", range.start(), range.end());
                Problem::new("RB-0110", format!("{name} is {text}"), cure)
            })
        };
        let too_many = forward_numbers(connection).count() > FORWARD_NUMBERS_MAX;
        [
            number("dial_timeout_seconds", DIAL_TIMEOUT_SECONDS),
            number("voicemail_max_seconds", 1..=3_600),
            too_many.then(|| {
                let cause = format!("forward_to names more than {FORWARD_NUMBERS_MAX} numbers");
                Problem::new("RB-0110", cause, "Name fewer; Twilio rings ten at once at the most")
            }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn list(&self, since: Timestamp, cursor: Option<&Cursor>, connection: &Connection) -> Option<HttpRequest> {
        let account = connection.setting("account_sid")?;
        let prefix = format!("/2010-04-01/Accounts/{}/Calls.json", percent(account));
        let path = match cursor {
            // The provider's own next page; never another path of its API.
            Some(next) => next.starts_with(&prefix).then(|| next.clone())?,
            // The filter is by day in UTC.
            None => format!("{prefix}?StartTime%3E={}&PageSize=1000", since.to_zoned(TimeZone::UTC).date()),
        };
        let headers = vec![("accept".into(), "application/json".into())];
        Some(HttpRequest { method: Method::Get, path, headers, body: Vec::new() })
    }

    fn listed(&self, reply: &HttpReply, _connection: &Connection) -> (Vec<Signal>, Option<Cursor>) {
        let Ok(page) = serde_json::from_slice::<Value>(&reply.body) else { return (Vec::new(), None) };
        if reply.status != 200 {
            return (Vec::new(), None);
        }
        let calls = page.get("calls").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let signals = calls.iter().filter_map(listed_call).collect();
        (signals, page.get("next_page_uri").and_then(text))
    }
}

/// The URLs that Twilio may have signed for this one: with and without a port (its own validators try both), and with the apostrophe
/// as WHATWG URL parsing writes it. Connection overrides stand in the fragment, which never travels and is not signed.
fn signed_urls(url: &str) -> Vec<String> {
    let url = url.split('#').next().unwrap_or(url);
    let mut found = BTreeSet::from([url.to_owned()]);
    if let Some((scheme, rest)) = url.split_once("://") {
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let (user, host) = authority.rsplit_once('@').map_or(("", authority), |(u, h)| (u, h));
        let at = if user.is_empty() { "" } else { "@" };
        let bare = match host.rsplit_once(':') {
            Some((bare, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => bare,
            _ => host,
        };
        let standard = if scheme == "http" { 80 } else { 443 };
        found.insert(format!("{scheme}://{user}{at}{bare}{path}"));
        found.insert(format!("{scheme}://{user}{at}{bare}:{standard}{path}"));
    }
    let quoted: Vec<String> = found
        .iter()
        .filter_map(|u| u.split_once('?').map(|(path, query)| format!("{path}?{}", query.replace('\'', "%27"))))
        .collect();
    found.extend(quoted);
    found.into_iter().collect()
}

/// What is signed after the URL: nothing for a JSON body whose hash stands in the query, else names and values in order, each value of
/// a repeated name once. `None` if the body is not covered by the signature at all.
fn signed_parameters(raw: &RawRequest) -> Option<String> {
    let form = media_type(raw).is_none_or(|kind| kind == "application/x-www-form-urlencoded");
    if raw.body.is_empty() {
        return Some(String::new());
    }
    if !form {
        let stated = raw.query("bodySHA256")?.to_ascii_lowercase();
        let ours = hex(&Sha256::digest(&raw.body));
        return same(ours.as_bytes(), stated.as_bytes()).then(String::new);
    }
    let mut parameters: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, value) in form_pairs(&raw.body) {
        parameters.entry(name).or_default().insert(value);
    }
    let mut signed = String::new();
    for (name, values) in &parameters {
        for value in values {
            signed.push_str(name);
            signed.push_str(value);
        }
    }
    Some(signed)
}

/// The callback's fields: the form, or the query of a GET.
fn fields(raw: &RawRequest) -> Result<Fields, Unreadable> {
    if raw.body.is_empty() {
        let query = raw.url.split_once('?').map_or("", |(_, q)| q);
        return Ok(Fields::form(query.split('#').next().unwrap_or_default().as_bytes()));
    }
    if media_type(raw).is_some_and(|kind| is_json_type(&kind)) {
        return match serde_json::from_slice(&raw.body) {
            Ok(Value::Object(map)) => Ok(Fields(map)),
            _ => Err(Unreadable { class: "not_json", words: "The body is not a JSON object".into() }),
        };
    }
    Ok(Fields::form(&raw.body))
}

/// Our own TwiML put it into the callback's URL: the flow knew that the location is closed.
fn closed(raw: &RawRequest) -> bool {
    raw.query("closed").is_some_and(|v| v == "1" || v.eq_ignore_ascii_case("true"))
}

/// What every callback says of the call as a whole. Of a child leg only the staff phone is taken: who calls whom there is our own
/// dialling, not the caller's.
fn common(signal: &mut Signal, fields: &Fields) {
    let (from, to) = (fields.text(&["From", "Caller"]), fields.text(&["To", "Called"]));
    if let Some(parent) = fields.text(&["ParentCallSid"]) {
        signal.call_keys.insert(0, parent);
        signal.destination = to;
        signal.direction = Direction::Unsaid;
    } else if is_outbound(&word(fields, "Direction")) {
        signal.direction = Direction::Outbound;
        (signal.caller, signal.dialled) = (to, from);
    } else {
        signal.direction = if fields.text(&["Direction"]).is_some() { Direction::Inbound } else { Direction::Unsaid };
        (signal.caller, signal.dialled) = (from, to);
        signal.caller_name = fields.text(&["CallerName"]);
    }
    signal.attribution.company_id = fields.text(&["AccountSid"]);
    signal.sequence = fields.text(&["SequenceNumber"]).and_then(|n| n.parse().ok());
    for name in ["ForwardedFrom", "FromCity", "FromState", "FromZip", "FromCountry", "StirVerstat", "AnsweredBy"] {
        if let Some(value) = fields.text(&[name]) {
            signal.extra.push((name.to_owned(), value));
        }
    }
}

/// `outbound-api`, `outbound-dial`, and a SIP trunk's calls to the telephone network.
fn is_outbound(direction: &str) -> bool {
    direction.starts_with("outbound") || direction == "trunking-terminating"
}

fn word(fields: &Fields, name: &str) -> String {
    fields.text(&[name]).unwrap_or_default().to_ascii_lowercase()
}

/// A status callback: of the inbound leg, of a child leg, or of a call that we placed.
fn status(sid: String, fields: &Fields) -> Signal {
    let at = fields.text(&["Timestamp"]).and_then(|t| instant(&t, &TimeZone::UTC, DateOrder::MonthFirst));
    let seconds = fields.seconds(&["CallDuration"]);
    let child = fields.text(&["ParentCallSid"]).is_some();
    let outbound = is_outbound(&word(fields, "Direction"));
    let word = word(fields, "CallStatus");
    let mut signal = by_status(sid, &word, child, outbound);
    if signal.kind == SignalKind::Ended {
        signal.duration_seconds = seconds;
        signal.ended_at = at;
        signal.started_at = started(at, seconds);
    } else if signal.kind == SignalKind::Ringing && !child && matches!(word.as_str(), "ringing" | "initiated") {
        signal.started_at = at;
    }
    if let Some(url) = fields.text(&["RecordingUrl"]) {
        signal.recording_url = Some(url);
        signal.recording_seconds = fields.seconds(&["RecordingDuration"]);
    }
    signal
}

fn started(ended_at: Option<Timestamp>, seconds: Option<u32>) -> Option<Timestamp> {
    ended_at?.checked_sub(SignedDuration::from_secs(i64::from(seconds?))).ok()
}

/// What a leg's status says. `completed` of the inbound leg says only that it is over.
fn by_status(sid: String, word: &str, child: bool, outbound: bool) -> Signal {
    let (kind, ending) = match (word, child) {
        ("completed", true) => (SignalKind::Leg, Ending::Answered),
        ("no-answer" | "failed", true) => (SignalKind::Leg, Ending::RingNoAnswer),
        ("busy", true) => (SignalKind::Leg, Ending::Busy),
        // Another leg took the call, or the caller hung up: of the call itself that says nothing.
        ("canceled", true) => (SignalKind::Leg, Ending::Unsaid),
        ("completed" | "failed", false) => (SignalKind::Ended, Ending::Unsaid),
        ("busy", false) => (SignalKind::Ended, if outbound { Ending::Unsaid } else { Ending::Busy }),
        ("canceled" | "no-answer", false) => {
            (SignalKind::Ended, if outbound { Ending::Unsaid } else { Ending::Abandoned })
        }
        _ => (SignalKind::Ringing, Ending::Unsaid),
    };
    let mut signal = Signal::new(kind, vec![sid]);
    signal.ending = ending;
    signal
}

/// `<Dial action>`: the dialled leg's verdict, read beside whether the caller is still there.
fn dialled(sid: String, fields: &Fields) -> Signal {
    let mut keys = vec![sid];
    keys.extend(fields.text(&["DialCallSid"]));
    let mut signal = Signal::new(SignalKind::Leg, keys);
    let gone = word(fields, "CallStatus") == "completed";
    let bridged = fields.flag(&["DialBridged"]) != Some(false);
    signal.ending = match word(fields, "DialCallStatus").as_str() {
        "completed" | "answered" if bridged => Ending::Answered,
        "" => Ending::Unsaid,
        // Which status Twilio gives when the caller hangs up while it rings is not documented; all of them are taken.
        "no-answer" | "busy" | "failed" | "canceled" | "completed" | "answered" if gone => Ending::Abandoned,
        "busy" => Ending::Busy,
        "no-answer" | "failed" | "canceled" | "completed" | "answered" => Ending::RingNoAnswer,
        _ => Ending::Unsaid,
    };
    if let Some(seconds) = fields.text(&["DialCallDuration"]) {
        signal.extra.push(("leg_seconds".into(), seconds));
    }
    signal
}

/// `<Record action>` (`verb`), or the recording's own callback, which tells what made the recording.
fn recorded(sid: String, fields: &Fields, verb: bool) -> Signal {
    let mut signal = Signal::new(SignalKind::Recording, vec![sid]);
    signal.recording_url = fields.text(&["RecordingUrl"]);
    signal.recording_seconds = fields.seconds(&["RecordingDuration"]);
    let status = word(fields, "RecordingStatus");
    let message = verb || word(fields, "RecordingSource") == "recordverb";
    signal.ending = match (message, status.as_str(), signal.recording_seconds) {
        (false, ..) => Ending::Unsaid,
        (true, "absent", _) => Ending::Abandoned,
        (true, "in-progress" | "failed", _) => Ending::Unsaid,
        (true, _, Some(seconds)) if seconds < VOICEMAIL_MIN_SECONDS => Ending::Abandoned,
        (true, _, Some(_)) => Ending::Voicemail,
        (true, _, None) => Ending::Unsaid,
    };
    for (name, field) in [("recording_sid", "RecordingSid"), ("recording_status", "RecordingStatus")] {
        if let Some(value) = fields.text(&[field]) {
            signal.extra.push((name.into(), value));
        }
    }
    signal
}

/// The words of a `<Record>`; only messages are transcribed, so words mean a message even if the recording's callback was lost.
fn transcribed(sid: String, fields: &Fields) -> Signal {
    let mut signal = Signal::new(SignalKind::Transcript, vec![sid]);
    if word(fields, "TranscriptionStatus") != "failed" {
        signal.transcript = fields.long_text(&["TranscriptionText"]);
    }
    signal.recording_url = fields.text(&["RecordingUrl"]);
    match signal.transcript {
        Some(_) => signal.ending = Ending::Voicemail,
        None => signal.extra.push(("transcription_status".into(), "failed".into())),
    }
    signal
}

/// One call of the witness list.
fn listed_call(call: &Value) -> Option<Signal> {
    let get = |name: &str| call.get(name).and_then(text);
    let at = |name: &str| instant(&get(name)?, &TimeZone::UTC, DateOrder::MonthFirst);
    let parent = get("parent_call_sid");
    let outbound = get("direction").is_some_and(|d| is_outbound(&d));
    let mut signal = by_status(get("sid")?, &get("status")?, parent.is_some(), outbound);
    match parent {
        Some(parent) => {
            signal.call_keys.insert(0, parent);
            signal.destination = get("to");
        }
        None if outbound => {
            signal.direction = Direction::Outbound;
            (signal.caller, signal.dialled) = (get("to"), get("from"));
        }
        None => {
            signal.direction = Direction::Inbound;
            (signal.caller, signal.dialled, signal.caller_name) = (get("from"), get("to"), get("caller_name"));
        }
    }
    if signal.kind == SignalKind::Ended {
        (signal.started_at, signal.ended_at) = (at("start_time"), at("end_time"));
        signal.duration_seconds = call.get("duration").and_then(crate::wire::seconds);
    }
    Some(signal)
}

fn forward_numbers(connection: &Connection) -> impl Iterator<Item = &str> {
    connection.setting("forward_to").unwrap_or_default().split(',').map(str::trim).filter(|n| !n.is_empty())
}

/// The TwiML that follows: ring the staff, else take a message, else nothing.
fn next_step(raw: &RawRequest, connection: &Connection) -> String {
    let fields = fields(raw).unwrap_or_default();
    let verbs = match raw.event.as_str() {
        "voice" if !closed(raw) && forward_numbers(connection).next().is_some() => dial(raw, connection),
        "voice" => voicemail(raw, connection),
        "dial" => {
            let reached = dialled(String::new(), &fields).ending;
            match reached {
                Ending::Answered | Ending::Abandoned => String::new(),
                _ => voicemail(raw, connection),
            }
        }
        _ => String::new(),
    };
    match verbs.as_str() {
        "" => r#"<?xml version="1.0" encoding="UTF-8"?><Response/>"#.to_owned(),
        _ => format!(r#"<?xml version="1.0" encoding="UTF-8"?><Response>{verbs}</Response>"#),
    }
}

fn dial(raw: &RawRequest, connection: &Connection) -> String {
    let timeout = setting_number(connection, "dial_timeout_seconds", 20, DIAL_TIMEOUT_SECONDS);
    let status = sibling(raw, "status");
    let mut numbers = String::new();
    for number in forward_numbers(connection).take(FORWARD_NUMBERS_MAX) {
        let (status, number) = (xml(&status), xml(number));
        for part in [NUMBER_HEAD, &status, "\">", &number, "</Number>"] {
            numbers.push_str(part);
        }
    }
    format!(r#"<Dial action="{}" method="POST" timeout="{timeout}">{numbers}</Dial>"#, xml(&sibling(raw, "dial")))
}

fn voicemail(raw: &RawRequest, connection: &Connection) -> String {
    let Some(prompt) = connection.setting("voicemail_prompt") else { return String::new() };
    let longest = setting_number(connection, "voicemail_max_seconds", 120, 1..=3_600);
    let language = connection.setting("voice_language").unwrap_or("en-US");
    let transcribe = match connection.setting("transcribe") {
        Some("false" | "no" | "0") => String::new(),
        _ => format!(r#" transcribe="true" transcribeCallback="{}""#, xml(&sibling(raw, "transcription"))),
    };
    format!(
        r#"<Say language="{}">{}</Say><Record action="{}" method="POST" maxLength="{longest}" playBeep="true" recordingStatusCallback="{}" recordingStatusCallbackEvent="completed absent"{transcribe}/>"#,
        xml(language),
        xml(prompt),
        xml(&sibling(raw, "record")),
        xml(&sibling(raw, "recording")),
    )
}

fn setting_number(connection: &Connection, name: &str, default: u32, range: std::ops::RangeInclusive<u32>) -> u32 {
    connection.setting(name).and_then(|t| t.parse().ok()).filter(|n| range.contains(n)).unwrap_or(default)
}

/// Our own hook URL for another event of this connection; that the location is closed travels along.
fn sibling(raw: &RawRequest, event: &str) -> String {
    let path = raw.url.split(['?', '#']).next().unwrap_or_default();
    let base = path.rsplit_once('/').map_or("", |(base, _)| base);
    let query = if closed(raw) { "?closed=1" } else { "" };
    format!("{base}/{event}{query}")
}

/// Text for XML, in elements and attributes; characters XML cannot hold are left out.
fn xml(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            c if c.is_control() && !matches!(c, '\n' | '\r' | '\t') => {}
            c => out.push(c),
        }
        out
    })
}
