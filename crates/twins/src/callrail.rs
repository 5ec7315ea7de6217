//! CallRail: the webhooks of a call, and the call list as the witness.
//!
//! Sources: apidocs.callrail.com (Webhooks; Calls); support article "Webhooks". The body of a call event does not name its
//! event; a pre-call body already says `missed`; nothing is sent twice; empty values are `""`, not null.

mod list;
#[cfg(test)]
mod tests;

use crate::log::Log;
use crate::wire::form_encode;
use crate::{Hook, civil, sign};
use serde_json::{Map, Value, json};

/// One company of a CallRail account: a location or a client. Its signing key signs its webhooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Company {
    /// Numeric id.
    pub id: u64,
    /// `COM…`
    pub resource_id: String,
    /// Name.
    pub name: String,
    /// IANA zone.
    pub time_zone: String,
    /// Signing key of its webhooks.
    pub signing_key: String,
}

impl Company {
    /// A company; its ids follow from `id`.
    pub fn new(id: u64, name: &str, time_zone: &str, signing_key: &str) -> Self {
        Self {
            id,
            resource_id: format!("COM{id:08x}"),
            name: name.to_owned(),
            time_zone: time_zone.to_owned(),
            signing_key: signing_key.to_owned(),
        }
    }
}

/// How a call ended, in CallRail's terms (support article "Call types").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Somebody, or something, picked up.
    Answered,
    /// Rang for more than 15 seconds without an answer.
    Missed,
    /// The caller hung up within 15 seconds.
    Abandoned,
    /// The caller left a message.
    Voicemail,
}

/// One call as it really happened. Every event is a view of it at some moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    /// `CAL…`
    pub resource_id: String,
    /// The numeric id of old accounts.
    pub id: u64,
    /// E.164; `None` where the caller withheld it (sent as `""`).
    pub caller: Option<String>,
    /// Caller-ID name.
    pub caller_name: String,
    /// City, state, country of the caller's number.
    pub caller_place: (String, String, String),
    /// The number that was dialled.
    pub tracking_number: String,
    /// Where it was routed to; `""` where nowhere.
    pub business_number: String,
    /// `TRK…`
    pub tracker_resource_id: String,
    /// The tracker's name.
    pub source_name: String,
    /// Which company.
    pub company: Company,
    /// Start, ms since the epoch.
    pub started_at_ms: i64,
    /// From the first ring to the end, s.
    pub duration_seconds: u32,
    /// How it ended.
    pub ended: Ended,
    /// `inbound`, or `outbound` for calls out of CallRail.
    pub outbound: bool,
    /// Length of the recording, s; `None` without one.
    pub recording_seconds: Option<u32>,
    /// What was said; empty where there is none (yet).
    pub transcript: String,
    /// CallRail's own summary.
    pub summary: String,
    /// Marked as spam.
    pub spam: bool,
    /// Earlier calls of this caller.
    pub prior_calls: u32,
    /// Tags.
    pub tags: Vec<String>,
    /// Note.
    pub note: String,
    /// Value.
    pub value: String,
    /// Campaign, medium, keywords, gclid.
    pub campaign: String,
    /// The click id.
    pub gclid: String,
}

impl Ring {
    /// A call with the rest at its ordinary values; ids follow from `id`.
    pub fn new(
        id: u64,
        caller: Option<&str>,
        tracking_number: &str,
        company: &Company,
        started_at_ms: i64,
        ended: Ended,
    ) -> Self {
        let voicemail = ended == Ended::Voicemail;
        Self {
            resource_id: format!("CAL{id:016x}"),
            id,
            caller: caller.map(str::to_owned),
            caller_name: String::new(),
            caller_place: ("Evanston".to_owned(), "IL".to_owned(), "US".to_owned()),
            tracking_number: tracking_number.to_owned(),
            business_number: "+13125550199".to_owned(),
            tracker_resource_id: format!("TRK{:016x}", company.id),
            source_name: "Google Ads".to_owned(),
            company: company.clone(),
            started_at_ms,
            duration_seconds: match ended {
                Ended::Abandoned => 9,
                Ended::Missed => 24,
                Ended::Voicemail => 41,
                Ended::Answered => 180,
            },
            ended,
            outbound: false,
            recording_seconds: voicemail.then_some(27),
            transcript: String::new(),
            summary: String::new(),
            spam: false,
            prior_calls: 0,
            tags: Vec::new(),
            note: String::new(),
            value: String::new(),
            campaign: String::new(),
            gclid: String::new(),
        }
    }

    /// With what was said.
    pub fn saying(mut self, transcript: &str) -> Self {
        transcript.clone_into(&mut self.transcript);
        self
    }

    /// With a caller-ID name.
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.caller_name);
        self
    }

    /// When it ended, ms since the epoch.
    pub fn ended_at_ms(&self) -> i64 {
        self.started_at_ms + i64::from(self.duration_seconds) * 1_000
    }

    fn call_type(&self) -> &'static str {
        match self.ended {
            _ if self.outbound => "outbound",
            Ended::Answered => "answered",
            Ended::Missed => "missed",
            Ended::Abandoned => "abandoned",
            Ended::Voicemail => "voicemail",
        }
    }
}

/// The call events. Each goes to a URL of its own, because the body does not say which it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The call rings; nothing has happened yet, and the body says `missed` all the same.
    PreCall,
    /// A destination was chosen.
    CallRoutingComplete,
    /// The call is over; sent when recording and transcript are ready, at most 20 minutes later.
    PostCall,
    /// Something changed afterwards: `tags`, `note`, `value`, `transcription_text`, `call_summary`, `recording_duration`, …
    CallModified(Vec<&'static str>),
}

/// One simulated CallRail account.
#[derive(Debug, Clone)]
pub struct CallRail {
    /// The account's id in REST paths.
    pub account: String,
    /// The REST token.
    pub api_token: String,
    /// The offset printed in times: the account's, whatever the company's zone.
    pub utc_offset_minutes: i32,
    /// Old accounts send a numeric `id` and no `resource_id`.
    pub legacy_ids: bool,
    /// Some accounts send booleans as `"true"` and `"false"`.
    pub booleans_as_text: bool,
    /// Old integrations get a form instead of JSON (seen by a third party): scalar fields only, signed all the same.
    pub form_bodies: bool,
    /// REST requests per hour; `None` for no limit.
    pub hourly_max: Option<usize>,
    rings: Vec<Ring>,
    asked_ms: Vec<i64>,
    log: Log,
}

impl CallRail {
    /// An account in Eastern standard time.
    pub fn new(account: &str, api_token: &str) -> Self {
        Self {
            account: account.to_owned(),
            api_token: api_token.to_owned(),
            utc_offset_minutes: -300,
            legacy_ids: false,
            booleans_as_text: false,
            form_bodies: false,
            hourly_max: Some(1_000),
            rings: Vec::new(),
            asked_ms: Vec::new(),
            log: Log::default(),
        }
    }

    /// A call happens: from its end on the call list knows it, whatever webhooks are sent. The same id again replaces it.
    pub fn happen(&mut self, ring: Ring) {
        match self.rings.iter_mut().find(|known| known.resource_id == ring.resource_id) {
            Some(known) => *known = ring,
            None => self.rings.push(ring),
        }
    }

    /// Every call that happened: the witness.
    pub fn rings(&self) -> &[Ring] {
        &self.rings
    }

    /// The webhook of one event, signed with the company's key.
    pub fn hook(&self, event: &Event, ring: &Ring) -> Hook {
        let fields = self.body(event, ring);
        let (kind, body) = if self.form_bodies {
            ("application/x-www-form-urlencoded", form_encode(&scalars(&fields)))
        } else {
            ("application/json", Value::Object(fields).to_string())
        };
        let body = body.into_bytes();
        let headers = vec![
            ("Content-Type".to_owned(), kind.to_owned()),
            ("User-Agent".to_owned(), "CallRail Webhooks".to_owned()),
            ("Signature".to_owned(), sign::callrail(&ring.company.signing_key, &body)),
        ];
        Hook { headers, body }
    }

    fn body(&self, event: &Event, ring: &Ring) -> Map<String, Value> {
        let over = matches!(event, Event::PostCall | Event::CallModified(_));
        let mut body = Map::new();
        self.put_outcome(&mut body, ring, over);
        put_people(&mut body, ring, matches!(event, Event::PreCall));
        put_attribution(&mut body, ring);
        if self.legacy_ids {
            body.insert("id".into(), ring.id.into());
        } else {
            body.insert("resource_id".into(), ring.resource_id.as_str().into());
        }
        if let Event::CallModified(changes) = event {
            body.insert("changes".into(), json!(changes));
        }
        body
    }

    fn flag(&self, value: bool) -> Value {
        if self.booleans_as_text { value.to_string().into() } else { value.into() }
    }

    /// What happened. Before the end it all reads as a missed call of no length.
    fn put_outcome(&self, body: &mut Map<String, Value>, ring: &Ring, over: bool) {
        let start = civil::iso_offset(ring.started_at_ms, self.utc_offset_minutes);
        let seconds = if over { ring.duration_seconds } else { 0 };
        let recording = ring.recording_seconds.filter(|_| over);
        let url = |kind: &str| match recording {
            Some(_) => {
                format!("https://app.callrail.com/calls/{}/recording{kind}?access_key=made-up", ring.resource_id)
            }
            None => String::new(),
        };
        let call_type = if over { ring.call_type() } else { "missed" };
        let formatted = match call_type {
            "abandoned" => "Abandoned Call",
            "voicemail" => "Voicemail",
            "outbound" => "Outbound Call",
            "answered" => "Answered Call",
            _ => "Missed Call",
        };
        let said = |text: &str| if over { text.to_owned() } else { String::new() };
        let fields = json!({
            "answered": self.flag(over && ring.ended == Ended::Answered),
            "voicemail": self.flag(over && ring.ended == Ended::Voicemail),
            "call_type": call_type, "formatted_call_type": formatted,
            "direction": if ring.outbound { "outbound" } else { "inbound" },
            "duration": seconds.to_string(), "formatted_duration": format!("{seconds}s"),
            "start_time": start, "created_at": start, "timestamp": start, "datetime": civil::plain(ring.started_at_ms),
            "recording": url("/redirect"), "recording_player": url(""), "recording_redirect": url("/redirect"),
            "recording_duration": recording.map_or(Value::from(""), Value::from),
            "transcription": said(&ring.transcript), "conversational_transcript": "", "call_summary": said(&ring.summary),
            "keywords_spotted": "", "call_highlights": [], "speaker_percent": "", "score": 1,
        });
        extend(body, fields);
        let fields = json!({
            "first_call": self.flag(ring.prior_calls == 0), "prior_calls": ring.prior_calls,
            "total_calls": ring.prior_calls + 1, "spam": self.flag(ring.spam), "tags": ring.tags, "tag": "",
            "note": ring.note, "value": ring.value, "formatted_value": "--", "lead_status": "", "agent_email": "",
            "keypad_entries": "", "timeline_url": "", "device_type": "", "ip": "", "custom": "", "kissmetrics_id": "",
            "good_lead_call_id": "", "good_lead_call_time": "", "person_resource_id": format!("PER{:016x}", ring.id),
            "integration_data": [{ "integration": "Webhooks", "data": null }],
        });
        extend(body, fields);
    }
}

fn put_people(body: &mut Map<String, Value>, ring: &Ring, before_routing: bool) {
    let number = ring.caller.as_deref().unwrap_or_default();
    let (city, state, country) = &ring.caller_place;
    let business = if before_routing { "" } else { ring.business_number.as_str() };
    let shown = if ring.caller_name.is_empty() { local_form(number) } else { ring.caller_name.clone() };
    let fields = json!({
        "customer_phone_number": number, "formatted_customer_phone_number": local_form(number), "callernum": number,
        "customer_name": ring.caller_name, "formatted_customer_name": ring.caller_name, "callername": ring.caller_name,
        "formatted_customer_name_or_phone_number": shown,
        "customer_city": city, "callercity": city, "customer_state": state, "callerstate": state,
        "customer_country": country, "callercountry": country,
        "formatted_customer_location": format!("{city}, {state}"),
        "tracking_phone_number": ring.tracking_number, "trackingnum": ring.tracking_number,
        "formatted_tracking_phone_number": local_form(&ring.tracking_number),
        "business_phone_number": business, "destinationnum": business,
        "formatted_business_phone_number": local_form(business),
        "company_id": ring.company.id, "company_resource_id": ring.company.resource_id,
        "company_name": ring.company.name, "company_time_zone": ring.company.time_zone,
        "tracker_id": ring.company.id + 1, "tracker_resource_id": ring.tracker_resource_id,
    });
    extend(body, fields);
}

fn put_attribution(body: &mut Map<String, Value>, ring: &Ring) {
    let fields = json!({
        "source_name": ring.source_name, "source": "google_paid", "callsource": "google_paid",
        "formatted_tracking_source": "Google Paid", "campaign": ring.campaign, "utm_campaign": ring.campaign,
        "utm_source": "google", "utm_medium": "cpc", "utm_term": "", "utm_content": "", "utma": "", "utmb": "", "utmc": "",
        "utmv": "", "utmz": "", "ga": "", "gclid": ring.gclid, "fbclid": "", "msclkid": "", "keywords": "", "medium": "",
        "landing_page_url": "", "landingpage": "", "referring_url": "", "referrer": "", "referrermedium": "",
        "last_requested_url": "", "referrer_domain": "", "milestones": {},
    });
    extend(body, fields);
}

fn scalars(fields: &Map<String, Value>) -> Vec<(String, String)> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    };
    fields.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect()
}

fn extend(body: &mut Map<String, Value>, fields: Value) {
    if let Value::Object(fields) = fields {
        body.extend(fields);
    }
}

/// `+13125550142` → `312-555-0142`, as the published example prints numbers.
fn local_form(number: &str) -> String {
    let digits = number.strip_prefix("+1").unwrap_or(number);
    match (digits.get(..3), digits.get(3..6), digits.get(6..)) {
        (Some(a), Some(b), Some(c)) if digits.len() == 10 => format!("{a}-{b}-{c}"),
        _ => digits.to_owned(),
    }
}
