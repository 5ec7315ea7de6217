//! Every source: what it reads, what it answers, whom it believes.

use crate::support::{Fixture, assert_subset, connection, fixtures};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use ringback_connect::{Connection, Intake, Rejected, SOURCES, Secret, Source};
use ringback_core::http::RawRequest;
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::Sha256;
use std::collections::BTreeMap;

/// What every source must show.
fn required(vendor: &str) -> &'static [&'static str] {
    match vendor {
        // It tells of no calls.
        "enrichment" => {
            &["fit", "prospect", "provider-missing", "nobody", "unicode", "unknown-event", "truncated-body"]
        }
        _ => &[
            "missed",
            "answered",
            "voicemail",
            "after-hours",
            "hidden-caller",
            "unicode",
            "unknown-event",
            "truncated-body",
        ],
    }
}

const KEY: &str = "a-key-of-this-test";

fn received_at() -> Timestamp {
    "2026-03-04T23:20:00Z".parse().unwrap()
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

pub(crate) fn raw(vendor: &str, fixture: &Fixture) -> (RawRequest, Connection) {
    let event = fixture.text("/event").unwrap().to_owned();
    let body = if let Some(text) = fixture.text("/text") {
        text.as_bytes().to_vec()
    } else if let Some(Value::Array(form)) = fixture.value.pointer("/form") {
        let part = |v: &Value, n: usize| percent(v[n].as_str().unwrap());
        form.iter().map(|p| format!("{}={}", part(p, 0), part(p, 1))).collect::<Vec<_>>().join("&").into_bytes()
    } else {
        fixture.value["json"].to_string().into_bytes()
    };
    let url =
        fixture.text("/url").map_or_else(|| format!("https://ringback.example/hooks/phone/{event}"), str::to_owned);
    let raw = RawRequest { method: "POST".into(), url, event, headers: fixture.pairs("/headers"), body };
    (raw, connection(vendor, &fixture.pairs("/settings")))
}

fn sha1(key: &str, parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).unwrap();
    for part in parts {
        mac.update(part);
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Signs as the provider would, by the provider's document and not by the code under test.
fn sign(vendor: &str, raw: &RawRequest, key: &str) -> Vec<(String, String)> {
    match vendor {
        "callrail" => vec![("signature".into(), sha1(key, &[&raw.body]))],
        "twilio" => {
            let mut fields: BTreeMap<String, String> = BTreeMap::new();
            fields.extend(ringback_core::http::form_pairs(&raw.body));
            let all = fields.iter().map(|(n, v)| [n.as_str(), v].concat()).collect::<Vec<_>>().concat();
            vec![("x-twilio-signature".into(), sha1(key, &[raw.url.as_bytes(), all.as_bytes()]))]
        }
        "generic" | "phone-log" | "enrichment" => {
            let at = received_at().as_second();
            let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
            mac.update(format!("msg_1.{at}.").as_bytes());
            mac.update(&raw.body);
            let signature = STANDARD.encode(mac.finalize().into_bytes());
            vec![
                ("webhook-id".into(), "msg_1".into()),
                ("webhook-timestamp".into(), at.to_string()),
                ("webhook-signature".into(), format!("v1,{signature}")),
            ]
        }
        other => panic!("say here how {other} signs"),
    }
}

/// The key as the provider's settings page shows it.
fn secret(vendor: &str, key: &str) -> Secret {
    match vendor {
        "generic" | "phone-log" | "enrichment" => Secret::new(format!("whsec_{}", STANDARD.encode(key))),
        _ => Secret::new(key),
    }
}

fn each(check: impl Fn(&'static dyn Source, &'static str, &Fixture)) {
    for source in SOURCES {
        let vendor = source.about().name;
        let cases = fixtures(vendor);
        for fixture in &cases {
            check(*source, vendor, fixture);
        }
    }
}

#[test]
fn every_source_has_the_required_cases() {
    for source in SOURCES {
        let vendor = source.about().name;
        let names: Vec<String> = fixtures(vendor).into_iter().map(|f| f.name).collect();
        for required in required(vendor) {
            assert!(names.iter().any(|n| n == required), "{vendor} has no fixture {required}");
        }
    }
}

#[test]
fn every_event_of_a_source_has_a_case() {
    // The generic ones share one reader; each provider's own events must all be shown.
    for vendor in ["callrail", "twilio"] {
        let cases = fixtures(vendor);
        for (event, _) in ringback_connect::source(vendor).unwrap().about().events {
            // Two events of CallRail's differ from shown ones only in their direction.
            let shown = cases.iter().any(|f| f.text("/event") == Some(event)) || *event == "outbound-call-modified";
            assert!(shown, "{vendor}: no fixture of {event}");
        }
    }
}

#[test]
fn messages_are_read_as_the_fixtures_say() {
    each(|source, vendor, fixture| {
        let (raw, connection) = raw(vendor, fixture);
        let at = format!("{vendor}/{}", fixture.name);
        match (source.read(&raw, &connection), fixture.text("/expect/unreadable")) {
            (Err(unreadable), Some(class)) => {
                assert_eq!(unreadable.class, class, "{at}");
                assert!(!unreadable.words.is_empty(), "{at}");
            }
            (Ok(signals), None) => {
                let actual = serde_json::to_value(&signals).unwrap();
                let expected = fixture.value.pointer("/expect/signals").unwrap();
                // Free fields are compared as a subset of what was found.
                let mut expected = expected.clone();
                for (n, signal) in expected.as_array_mut().unwrap().iter_mut().enumerate() {
                    let extra = signal.as_object_mut().unwrap().remove("extra");
                    for pair in extra.iter().flat_map(|e| e.as_array().unwrap()) {
                        let found = actual[n]["extra"].as_array().unwrap();
                        assert!(found.contains(pair), "{at}: no {pair} in {found:?}");
                    }
                }
                assert_subset(&expected, &actual, &at);
                assert!(signals.iter().all(|s| s.call_keys.iter().all(|k| !k.is_empty())), "{at}");
            }
            (got, expected) => panic!("{at}: {got:?}, expected {expected:?}"),
        }
    });
}

#[test]
fn a_duplicate_delivery_reads_the_same_and_is_answered_as_well_as_the_first() {
    each(|source, vendor, fixture| {
        let (raw, connection) = raw(vendor, fixture);
        assert_eq!(source.read(&raw, &connection), source.read(&raw.clone(), &connection));
        let first = source.answer(&raw, &connection, &Intake::Stored);
        let again = source.answer(&raw, &connection, &Intake::Duplicate);
        // What is kept and never used is told so, each time.
        let told = fixture.value["told"].as_bool().unwrap_or(false);
        let well = |status: u16| if told { status == 422 } else { (200..300).contains(&status) };
        assert!(well(first.status) && well(again.status), "{vendor}/{}", fixture.name);
        if !source.strict() {
            assert_eq!(first, again, "{vendor}/{}", fixture.name);
        }
    });
}

#[test]
fn providers_hear_what_the_fixtures_say() {
    each(|source, vendor, fixture| {
        let (raw, connection) = raw(vendor, fixture);
        let at = format!("{vendor}/{}", fixture.name);
        let intake = match (source.strict(), source.screen(&raw, &connection)) {
            (false, screened) => {
                assert_eq!(screened, Ok(()), "{at}: only strict sources refuse");
                Intake::Stored
            }
            (true, Ok(())) => Intake::Stored,
            (true, Err(intake)) => intake,
        };
        let refused = fixture.value["refused"].as_bool().unwrap_or(false);
        assert_eq!(refused, intake != Intake::Stored, "{at}: {intake:?}");
        let answer = source.answer(&raw, &connection, &intake);
        assert_eq!(Some(u64::from(answer.status)), fixture.value["answer"]["status"].as_u64(), "{at}");
        if let Some(body) = fixture.text("/answer/body") {
            assert_eq!(String::from_utf8_lossy(&answer.body), body, "{at}");
        }
        if let Some(code) = fixture.text("/answer/code") {
            let problem: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{at}");
            assert_eq!(
                (problem["code"].as_str(), problem["status"].as_u64()),
                (Some(code), Some(answer.status.into()))
            );
            assert!(!problem["cause"].as_str().unwrap().is_empty() && !problem["cure"].as_str().unwrap().is_empty());
        }
    });
}

#[test]
fn only_the_right_key_is_believed_and_rotation_works() {
    each(|source, vendor, fixture| {
        let (mut raw, connection) = raw(vendor, fixture);
        let at = format!("{vendor}/{}", fixture.name);
        let (right, other) = (secret(vendor, KEY), secret(vendor, "another-key"));
        let check = |raw: &RawRequest, keys: &[Secret]| source.verify(raw, &connection, keys, received_at());
        assert_eq!(check(&raw, &[]), Err(Rejected::NoKey), "{at}");
        assert_eq!(check(&raw, std::slice::from_ref(&right)), Err(Rejected::MissingSignature), "{at}");
        raw.headers.extend(sign(vendor, &raw, KEY));
        assert_eq!(check(&raw, std::slice::from_ref(&right)), Ok(()), "{at}");
        assert_eq!(check(&raw, &[other.clone(), right.clone()]), Ok(()), "{at}: the second key");
        assert_eq!(check(&raw, std::slice::from_ref(&other)), Err(Rejected::WrongSignature), "{at}");
        let mut changed = raw.clone();
        changed.body.extend_from_slice(b"&x=1");
        assert_eq!(check(&changed, &[right]), Err(Rejected::WrongSignature), "{at}: another body");
    });
}

#[test]
fn only_a_lost_signal_is_answered_503() {
    each(|source, vendor, fixture| {
        let (raw, connection) = raw(vendor, fixture);
        assert_eq!(source.answer(&raw, &connection, &Intake::Unavailable).status, 503, "{vendor}/{}", fixture.name);
        let quarantined = source.answer(&raw, &connection, &Intake::Quarantined(Rejected::WrongSignature)).status;
        let expected = match (vendor, raw.event.as_str()) {
            // CallRail switches endpoints off.
            ("callrail", _) => 200,
            ("twilio", "voice" | "dial" | "record") => 403,
            ("twilio", _) => 204,
            _ => 401,
        };
        assert_eq!(quarantined, expected, "{vendor}/{}", fixture.name);
    });
}

#[test]
fn twilio_refuses_without_naming_a_number() {
    let (raw, connection) = raw("twilio", &find("twilio", "ringing-forwarded"));
    let source = ringback_connect::source("twilio").unwrap();
    let answer = source.answer(&raw, &connection, &Intake::Quarantined(Rejected::MissingSignature));
    assert!(answer.body.is_empty());
}

fn find(vendor: &str, name: &str) -> Fixture {
    fixtures(vendor).into_iter().find(|f| f.name == name).unwrap()
}

#[test]
fn retries_of_a_provider_carry_its_own_name_of_the_delivery() {
    let (mut raw, _) = raw("twilio", &find("twilio", "missed"));
    let twilio = ringback_connect::source("twilio").unwrap();
    assert_eq!(twilio.delivery(&raw), None);
    raw.headers.push(("i-twilio-idempotency-token".into(), "0a1b".into()));
    assert_eq!(twilio.delivery(&raw).as_deref(), Some("0a1b"));
    let generic = ringback_connect::source("generic").unwrap();
    raw.headers.push(("webhook-id".into(), "msg_9".into()));
    assert_eq!(generic.delivery(&raw).as_deref(), Some("msg_9"));
}

#[test]
fn generic_senders_may_sign_in_other_ways() {
    let generic = ringback_connect::source("generic").unwrap();
    let (raw, _) = raw("generic", &find("generic", "missed"));
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    mac.update(&raw.body);
    let digest = mac.finalize().into_bytes();
    let hex = digest.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().concat();
    for (scheme, header, value) in [
        ("hmac-sha256-hex:X-Signature", "x-signature", format!("sha256={hex}")),
        ("hmac-sha256-hex:x-signature", "x-signature", hex.to_uppercase()),
        ("hmac-sha256-base64:x-sig", "x-sig", STANDARD.encode(digest)),
        ("bearer", "authorization", format!("Bearer {KEY}")),
        ("token:x-api-key", "x-api-key", KEY.to_owned()),
    ] {
        let connection = connection("generic", &[("signature".into(), scheme.into())]);
        assert!(generic.check(&connection).is_empty(), "{scheme}");
        let mut signed = raw.clone();
        let check = |raw: &RawRequest, key: &str| generic.verify(raw, &connection, &[Secret::new(key)], received_at());
        assert_eq!(check(&signed, KEY), Err(Rejected::MissingSignature), "{scheme}");
        signed.headers.push((header.into(), value));
        assert_eq!(check(&signed, KEY), Ok(()), "{scheme}");
        assert_eq!(check(&signed, "another"), Err(Rejected::WrongSignature), "{scheme}");
    }
    let connection = connection("generic", &[("signature".into(), "none".into())]);
    assert_eq!(generic.check(&connection).len(), 1);
    let verdict = generic.verify(&raw, &connection, &[Secret::new(KEY)], received_at());
    assert_eq!(verdict, Err(Rejected::WrongSignature), "a scheme that is none accepts nothing");
}

#[test]
fn settings_are_checked_all_at_once() {
    let pairs =
        |list: &[(&str, &str)]| list.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<Vec<_>>();
    for (vendor, settings, count) in [
        (
            "generic",
            pairs(&[("map.caller", "call.from"), ("map.colour", "/c"), ("ending.x", "teapot"), ("signature", "?")]),
            4,
        ),
        ("generic", pairs(&[("map.caller", "/call/from"), ("ending.x", "voicemail")]), 0),
        ("twilio", pairs(&[("dial_timeout_seconds", "soon"), ("voicemail_max_seconds", "0")]), 2),
        ("twilio", pairs(&[("dial_timeout_seconds", "20")]), 0),
        ("phone-log", pairs(&[("column.colour", "Colour"), ("ending.x", "y")]), 2),
        ("callrail", pairs(&[]), 0),
        ("enrichment", pairs(&[("signature", "?"), ("body_max_bytes", "much")]), 2),
        ("enrichment", pairs(&[("signature", "token:x-api-key")]), 0),
    ] {
        let found = ringback_connect::source(vendor).unwrap().check(&connection(vendor, &settings));
        assert_eq!(found.len(), count, "{vendor}: {found:?}");
    }
}

#[test]
fn the_witness_list_of_callrail_is_asked_for_with_overlap_and_followed() {
    let source = ringback_connect::source("callrail").unwrap();
    let connection_without = connection("callrail", &[]);
    assert_eq!(source.list(received_at(), None, &connection_without), None, "nothing to ask without an account");
    let connection = connection("callrail", &[("account_id".into(), "ACC1".into())]);
    let request = source.list(received_at(), None, &connection).unwrap();
    assert!(request.path.starts_with("/v3/a/ACC1/calls.json?start_date=2026-03-03&"), "{}", request.path);
    assert!(request.path.contains("page=1&per_page=250&fields=call_type,"), "{}", request.path);
    let call = find("callrail", "voicemail").value["json"].clone();
    let page = json!({"page": 1, "per_page": 250, "total_pages": 2, "total_records": 2, "calls": [call, {"no": "id"}]});
    let reply = ringback_core::http::HttpReply::with(200, "application/json", page.to_string());
    let (signals, next) = source.listed(&reply, &connection);
    assert_eq!((signals.len(), next.as_deref()), (1, Some("2")));
    let pushed = {
        let (raw, connection) = raw("callrail", &find("callrail", "voicemail"));
        source.read(&raw, &connection).unwrap()
    };
    assert_eq!(signals, pushed, "the witness and the webhook speak of the same call in the same words");
    assert!(source.list(received_at(), next.as_ref(), &connection).unwrap().path.contains("page=2&"));
    assert_eq!(source.list(received_at(), Some(&"../../x".to_owned()), &connection), None);
}

#[test]
fn the_witness_list_of_twilio_stays_on_its_own_path() {
    let source = ringback_connect::source("twilio").unwrap();
    let connection = connection("twilio", &[("account_sid".into(), "AC1".into())]);
    let request = source.list(received_at(), None, &connection).unwrap();
    assert_eq!(request.path, "/2010-04-01/Accounts/AC1/Calls.json?StartTime%3E=2026-03-04&PageSize=1000");
    let page = json!({"calls": [
        {"sid": "CA1", "from": "+13125550142", "to": "+13125550100", "status": "completed", "direction": "inbound",
         "duration": "24", "start_time": "Wed, 04 Mar 2026 23:12:07 +0000", "end_time": "Wed, 04 Mar 2026 23:12:31 +0000"},
        {"sid": "CA2", "parent_call_sid": "CA1", "to": "+13125550199", "status": "no-answer", "direction": "outbound-dial"}],
        "next_page_uri": "/2010-04-01/Accounts/AC1/Calls.json?Page=1"});
    let reply = ringback_core::http::HttpReply::with(200, "application/json", page.to_string());
    let (signals, next) = source.listed(&reply, &connection);
    let shown = serde_json::to_value(&signals).unwrap();
    assert_subset(
        &json!([
            {"kind": "ended", "ending": "unsaid", "call_keys": ["CA1"], "caller": "+13125550142", "duration_seconds": 24,
             "started_at": "2026-03-04T23:12:07Z", "direction": "inbound"},
            {"kind": "leg", "ending": "ring_no_answer", "call_keys": ["CA1", "CA2"], "destination": "+13125550199"}]),
        &shown,
        "twilio list",
    );
    assert_eq!(source.list(received_at(), next.as_ref(), &connection).unwrap().path, next.unwrap());
    assert_eq!(source.list(received_at(), Some(&"/2010-04-01/Accounts/AC2/Calls.json".to_owned()), &connection), None);
}

#[test]
fn a_log_imported_twice_or_in_part_names_each_call_the_same() {
    use ringback_connect::sources::csv::rows;
    let connection = connection("phone-log", &[]);
    let head = "Start Time,From,To,Duration,Result\n";
    let lines = [
        "2026-03-04 17:12:07,+13125550142,+13125550100,24,missed\n",
        "2026-03-04 17:12:00,Private,+13125550100,5,missed\n",
        "2026-03-04 17:12:00,Private,+13125550100,9,missed\n",
    ];
    let keys = |text: String| -> Vec<String> {
        let (signals, problems) = rows(text.as_bytes(), &connection);
        assert_eq!(problems, vec![]);
        signals.into_iter().map(|(_, s)| s.call_keys[0].clone()).collect()
    };
    let all = keys(format!("{head}{}", lines.concat()));
    assert_eq!(all, keys(format!("{head}{}", lines.concat())));
    let mut backwards = keys(format!("{head}{}{}{}", lines[2], lines[1], lines[0]));
    backwards.reverse();
    assert_eq!(all, backwards, "the order of the rows does not matter");
    assert_eq!(all[1..2], keys(format!("{head}{}", lines[1])), "nor what else is in the file");
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), 3, "two hidden callers in one minute are two calls");
    // The same instant written with an offset is the same call.
    let zoned = keys(format!("{head}2026-03-04T18:12:07-05:00,+13125550142,+13125550100,24,missed\n"));
    assert_eq!(zoned, all[..1]);
}

#[test]
fn rows_that_cannot_be_read_are_named_by_line_and_the_others_go_on() {
    use ringback_connect::sources::csv::rows;
    let connection = connection("phone-log", &[]);
    let text = "Call ID,Start Time,From,To,Result\n\
                ,,,+13125550100,missed\n\
                C2,noonish,+13125550142,+13125550100,missed\n\
                \n\
                C3,2026-03-04 17:12:07,\"Two\nlines\",+13125550100,missed\n\
                C4,2026-03-04 17:13:07,+13125550143,+13125550100\n";
    let (signals, problems) = rows(text.as_bytes(), &connection);
    let read: Vec<(usize, &str)> = signals.iter().map(|(line, s)| (*line, s.call_keys[0].as_str())).collect();
    assert_eq!(read, [(3, "C2"), (5, "C3"), (7, "C4")]);
    let told: Vec<(usize, &str, bool)> = problems.iter().map(|p| (p.line, p.problem.code, p.kept)).collect();
    assert_eq!(told, [(2, "RB-0123", false), (3, "RB-0124", true)]);
    let missing =
        rows(b"From,To\n1,2\n", &crate::support::connection("phone-log", &[("column.call_id".into(), "Ref".into())]));
    assert!(missing.0.is_empty());
    assert_eq!(missing.1[0].problem.code, "RB-0120");
}
