//! Twilio Voice: the callbacks of one call to a number, signed, and the call list as the witness.
//!
//! Sources: twilio.com/docs/voice/twiml (request parameters), /dial, /record, /voice/api/call-resource and
//! recording-resource, /usage/security. No callback names its event: the URL it is posted to says which it is. The inbound
//! leg's own status misleads: once TwiML ran, Twilio itself answered.

#[cfg(test)]
mod tests;

use crate::fault::{Refusing, Vendor};
use crate::log::{Log, Seen};
use crate::wire::{form_encode, percent_encode};
use crate::{Hook, Reply, Request, civil, sign};
use base64::Engine as _;
use serde_json::{Value, json};

/// What became of the dialled leg: `DialCallStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialled {
    /// Answered and over.
    Completed,
    /// Rang out.
    NoAnswer,
    /// Busy.
    Busy,
    /// Could not be reached.
    Failed,
    /// The caller hung up while it rang.
    Canceled,
}

impl Dialled {
    fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::NoAnswer => "no-answer",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }
}

/// A voicemail taken by `<Record>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// `RE…`
    pub sid: String,
    /// Length, s; 0 where the caller hung up at the greeting (status `absent`).
    pub duration_seconds: u32,
    /// What was said; `None` where the transcription failed.
    pub text: Option<String>,
}

/// One inbound call as it really happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// `CA…` of the inbound leg.
    pub sid: String,
    /// E.164, a withheld-number word or its digits, `client:…`, `sip:…`.
    pub from: String,
    /// The number that was called.
    pub to: String,
    /// Start, ms since the epoch.
    pub started_at_ms: i64,
    /// Whole length, s.
    pub duration_seconds: u32,
    /// What `<Dial>` came to; `None` where nothing was dialled (closed, straight to voicemail).
    pub dialled: Option<Dialled>,
    /// How long the dialled leg talked, s.
    pub dial_seconds: u32,
    /// Whether the caller was gone when `<Dial>` ended.
    pub hung_up_while_ringing: bool,
    /// The voicemail, where one was taken.
    pub recording: Option<Recording>,
    /// Caller-ID name, where looked up.
    pub caller_name: Option<String>,
}

impl Call {
    /// A call whose dialled leg came to `dialled`; sids follow from `id`.
    pub fn new(id: u64, from: &str, to: &str, started_at_ms: i64, dialled: Option<Dialled>) -> Self {
        Self {
            sid: format!("CA{id:032x}"),
            from: from.to_owned(),
            to: to.to_owned(),
            started_at_ms,
            duration_seconds: 30,
            dialled,
            dial_seconds: if dialled == Some(Dialled::Completed) { 95 } else { 0 },
            hung_up_while_ringing: dialled == Some(Dialled::Canceled),
            recording: None,
            caller_name: None,
        }
    }

    /// With a voicemail of that length and text.
    pub fn leaving(mut self, seconds: u32, text: Option<&str>) -> Self {
        let sid = format!("RE{}", self.sid.trim_start_matches("CA"));
        self.recording = Some(Recording { sid, duration_seconds: seconds, text: text.map(str::to_owned) });
        self
    }

    fn child_sid(&self) -> String {
        // The dialled leg is a call of its own; its sid differs in the first digit.
        format!("CAd{}", self.sid.get(3..).unwrap_or_default())
    }

    fn ended_at_ms(&self) -> i64 {
        self.started_at_ms + i64::from(self.duration_seconds) * 1_000
    }
}

/// The callbacks of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callback {
    /// The number's voice URL: the call comes in, TwiML is expected.
    Incoming,
    /// `<Dial action>`.
    DialAction,
    /// `<Record action>`.
    RecordAction,
    /// `recordingStatusCallback`.
    RecordingStatus,
    /// `transcribeCallback`.
    Transcription,
    /// The number's status callback, when the call is over.
    Status,
}

/// One simulated Twilio account.
#[derive(Debug, Clone)]
pub struct Twilio {
    /// `AC…`
    pub account_sid: String,
    /// Signs callbacks; the password of REST requests.
    pub auth_token: String,
    calls: Vec<Call>,
    log: Log,
}

impl Twilio {
    /// An account.
    pub fn new(account_sid: &str, auth_token: &str) -> Self {
        Self {
            account_sid: account_sid.to_owned(),
            auth_token: auth_token.to_owned(),
            calls: Vec::new(),
            log: Log::default(),
        }
    }

    /// A call happens; the same sid again replaces it.
    pub fn happen(&mut self, call: Call) {
        match self.calls.iter_mut().find(|known| known.sid == call.sid) {
            Some(known) => *known = call,
            None => self.calls.push(call),
        }
    }

    /// Every call that happened: the witness.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// The log of REST requests.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// One callback, signed for exactly this URL; `None` where this call never makes it.
    pub fn hook(&self, callback: Callback, call: &Call, url: &str) -> Option<Hook> {
        Some(self.sign(url, self.params(callback, call)?))
    }

    /// Any form post signed for a URL.
    pub fn sign(&self, url: &str, params: Vec<(String, String)>) -> Hook {
        let headers = vec![
            ("Content-Type".to_owned(), "application/x-www-form-urlencoded; charset=UTF-8".to_owned()),
            ("User-Agent".to_owned(), "TwilioProxy/1.1".to_owned()),
            ("X-Twilio-Signature".to_owned(), sign::twilio(&self.auth_token, url, &params)),
            ("I-Twilio-Idempotency-Token".to_owned(), idempotency_token(&params)),
        ];
        Hook { headers, body: form_encode(&params).into_bytes() }
    }

    fn params(&self, callback: Callback, call: &Call) -> Option<Vec<(String, String)>> {
        // While the caller is on the line the inbound leg is "in-progress"; afterwards "completed".
        let status = match callback {
            Callback::Incoming => "ringing",
            Callback::DialAction if !call.hung_up_while_ringing && call.dialled != Some(Dialled::Completed) => {
                "in-progress"
            }
            _ => "completed",
        };
        let mut params = Params::default();
        params.add("CallSid", &call.sid).add("AccountSid", &self.account_sid);
        params.add("From", &call.from).add("To", &call.to).add("Caller", &call.from).add("Called", &call.to);
        params.add("CallStatus", status).add("ApiVersion", "2010-04-01").add("Direction", "inbound");
        for (name, value) in
            [("FromCity", "EVANSTON"), ("FromState", "IL"), ("FromZip", "60201"), ("FromCountry", "US")]
        {
            params.add(name, value);
        }
        if let Some(name) = &call.caller_name {
            params.add("CallerName", name);
        }
        match callback {
            Callback::Incoming => {}
            Callback::DialAction => {
                params.add("DialCallStatus", call.dialled?.name()).add("DialCallSid", &call.child_sid());
                if call.dialled == Some(Dialled::Completed) {
                    params.add("DialCallDuration", &call.dial_seconds.to_string()).add("DialBridged", "true");
                } else {
                    params.add("DialBridged", "false");
                }
            }
            Callback::RecordAction => {
                let recording = call.recording.as_ref().filter(|r| r.duration_seconds > 0)?;
                params.add("RecordingUrl", &self.recording_url(recording)).add("RecordingSid", &recording.sid);
                params.add("RecordingDuration", &recording.duration_seconds.to_string()).add("Digits", "hangup");
            }
            Callback::RecordingStatus => {
                let recording = call.recording.as_ref()?;
                let status = if recording.duration_seconds == 0 { "absent" } else { "completed" };
                params.add("RecordingSid", &recording.sid).add("RecordingUrl", &self.recording_url(recording));
                params
                    .add("RecordingStatus", status)
                    .add("RecordingChannels", "1")
                    .add("RecordingSource", "RecordVerb");
                params.add("RecordingDuration", &recording.duration_seconds.to_string());
                params.add("RecordingStartTime", &civil::rfc2822(call.started_at_ms + 20_000)).add("ErrorCode", "0");
            }
            Callback::Transcription => {
                let recording = call.recording.as_ref().filter(|r| r.duration_seconds > 0)?;
                let sid = format!("TR{}", recording.sid.trim_start_matches("RE"));
                params.add("TranscriptionSid", &sid).add("RecordingSid", &recording.sid);
                params.add("RecordingUrl", &self.recording_url(recording)).add("TranscriptionType", "fast");
                params.add("TranscriptionStatus", if recording.text.is_some() { "completed" } else { "failed" });
                params.add("TranscriptionText", recording.text.as_deref().unwrap_or_default());
                let path = format!("/2010-04-01/Accounts/{}/Transcriptions/{sid}", self.account_sid);
                params.add("TranscriptionUrl", &format!("https://api.twilio.com{path}"));
            }
            Callback::Status => {
                params.add("CallDuration", &call.duration_seconds.to_string());
                params.add("Duration", &call.duration_seconds.div_ceil(60).to_string());
                params
                    .add("Timestamp", &civil::rfc2822(call.ended_at_ms()))
                    .add("CallbackSource", "call-progress-events");
                params.add("SequenceNumber", "0").add("SipResponseCode", "200");
            }
        }
        Some(params.0)
    }

    fn recording_url(&self, recording: &Recording) -> String {
        format!("https://api.twilio.com/2010-04-01/Accounts/{}/Recordings/{}", self.account_sid, recording.sid)
    }

    /// Answers one REST request at `now_ms` and logs it: `Calls.json` (call resource, "Retrieve a list of Calls") and
    /// `Recordings.json`.
    pub fn handle(&mut self, request: &Request, now_ms: i64) -> Reply {
        let reply = self.answer(request, now_ms);
        self.log.push(request, now_ms, Some(reply.status), Seen::Answered(reply.status));
        reply
    }

    fn answer(&self, request: &Request, now_ms: i64) -> Reply {
        let pair = format!("{}:{}", self.account_sid, self.auth_token);
        let basic = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
        if request.get_header("authorization") != Some(basic.as_str()) {
            return problem(401, 20_003, "Authenticate");
        }
        let segments = request.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match (request.method.as_str(), segments.as_slice()) {
            ("GET", ["2010-04-01", "Accounts", account, "Calls.json"]) if *account == self.account_sid => {
                self.list(&request.query(), now_ms)
            }
            ("GET", ["2010-04-01", "Accounts", account, "Recordings.json"]) if *account == self.account_sid => {
                let query = request.query();
                let wanted = query.iter().find(|(name, _)| name == "CallSid").map(|(_, value)| value.as_str());
                let recordings: Vec<Value> = self
                    .calls
                    .iter()
                    .filter(|call| wanted.is_none_or(|sid| call.sid == sid) && call.ended_at_ms() <= now_ms)
                    .filter_map(|call| Some((call, call.recording.as_ref()?)))
                    .map(|(call, recording)| {
                        json!({
                            "sid": recording.sid, "call_sid": call.sid, "account_sid": self.account_sid, "source": "RecordVerb",
                            "duration": recording.duration_seconds.to_string(), "channels": 1,
                            "status": if recording.duration_seconds == 0 { "absent" } else { "completed" },
                            "start_time": civil::rfc2822(call.started_at_ms + 20_000),
                        })
                    })
                    .collect();
                Reply::json(200, &json!({ "recordings": recordings, "page": 0, "next_page_uri": null }))
            }
            _ => problem(404, 20_404, "The requested resource was not found"),
        }
    }

    fn list(&self, query: &[(String, String)], now_ms: i64) -> Reply {
        const PAGE_SIZE_MAX: usize = 1_000;
        let param = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let size = param("PageSize").and_then(|s| s.parse().ok()).unwrap_or(50_usize).clamp(1, PAGE_SIZE_MAX);
        let page: usize = param("Page").and_then(|p| p.parse().ok()).unwrap_or(0);
        let day = |name: &str| param(name).and_then(civil::parse_iso);
        let mut calls: Vec<&Call> = self.calls.iter().filter(|call| call.ended_at_ms() <= now_ms).collect();
        calls.sort_by_key(|call| std::cmp::Reverse(call.started_at_ms));
        let mut rows: Vec<Value> = Vec::new();
        for call in calls {
            // Filters are by UTC date.
            let started = call.started_at_ms.div_euclid(civil::DAY_MS) * civil::DAY_MS;
            let fits = day("StartTime>").is_none_or(|from| started >= from)
                && day("StartTime<").is_none_or(|to| started <= to);
            if !fits {
                continue;
            }
            if let Some(dialled) = call.dialled {
                rows.push(self.row(call, &call.child_sid(), Some(&call.sid), dialled.name(), call.dial_seconds));
            }
            rows.push(self.row(call, &call.sid, None, "completed", call.duration_seconds));
        }
        rows.retain(|row| {
            param("To").is_none_or(|to| row["to"] == to)
                && param("From").is_none_or(|from| row["from"] == from)
                && param("Status").is_none_or(|status| row["status"] == status)
                && param("ParentCallSid").is_none_or(|sid| row["parent_call_sid"] == sid)
        });
        let more = (page + 1) * size < rows.len();
        let rows: Vec<Value> = rows.into_iter().skip(page * size).take(size).collect();
        let next = if more {
            let rest: Vec<String> = query
                .iter()
                .filter(|(n, _)| n != "Page")
                .map(|(n, v)| format!("{}={}", percent_encode(n), percent_encode(v)))
                .chain([format!("Page={}", page + 1)])
                .collect();
            Value::from(format!("/2010-04-01/Accounts/{}/Calls.json?{}", self.account_sid, rest.join("&")))
        } else {
            Value::Null
        };
        Reply::json(200, &json!({ "calls": rows, "page": page, "page_size": size, "next_page_uri": next }))
    }

    fn row(&self, call: &Call, sid: &str, parent: Option<&str>, status: &str, seconds: u32) -> Value {
        json!({
            "sid": sid, "parent_call_sid": parent, "account_sid": self.account_sid, "from": call.from, "to": call.to,
            "status": status, "direction": if parent.is_some() { "outbound-dial" } else { "inbound" },
            "duration": seconds.to_string(), "answered_by": null, "caller_name": call.caller_name, "forwarded_from": null,
            "start_time": civil::rfc2822(call.started_at_ms), "end_time": civil::rfc2822(call.ended_at_ms()),
            "date_created": civil::rfc2822(call.started_at_ms), "date_updated": civil::rfc2822(call.ended_at_ms()),
        })
    }
}

#[derive(Default)]
struct Params(Vec<(String, String)>);

impl Params {
    fn add(&mut self, name: &str, value: &str) -> &mut Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// The same for every retry of one request, different for different requests.
fn idempotency_token(params: &[(String, String)]) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(form_encode(params).as_bytes());
    let half = digest.iter().take(16).fold(0_u128, |sum, byte| sum << 8 | u128::from(*byte));
    format!("{half:032x}")
}

/// Error body of the REST API (docs, "Twilio's response", exceptions).
fn problem(status: u16, code: u32, message: &str) -> Reply {
    let more = format!("https://www.twilio.com/docs/errors/{code}");
    Reply::json(status, &json!({ "code": code, "message": message, "more_info": more, "status": status }))
}

impl Vendor for Twilio {
    fn handle(&mut self, request: &Request, now_ms: i64) -> Reply {
        Twilio::handle(self, request, now_ms)
    }

    fn log_mut(&mut self) -> &mut Log {
        &mut self.log
    }

    fn pretend(&mut self, request: &Request, now_ms: i64) -> Reply {
        Twilio::handle(self, request, now_ms) // only reads here
    }

    fn half(&mut self, _request: &Request, _now_ms: i64) -> Option<Reply> {
        None
    }

    fn refuse(&mut self, how: Refusing) -> Reply {
        match how {
            Refusing::Unauthorized => problem(401, 20_003, "Authenticate"),
            Refusing::Unprocessable => problem(422, 20_422, "Unprocessable"),
            Refusing::TooMany(None) => problem(429, 20_429, "Too Many Requests"),
            Refusing::TooMany(Some(seconds)) => {
                problem(429, 20_429, "Too Many Requests").with_header("Retry-After", seconds)
            }
            Refusing::Server(status) => problem(status, 20_500, "Internal Server Error"),
        }
    }
}
