//! No input makes a translator panic, and none makes it say something it cannot know.

use crate::support::{connection, fixtures};
use crate::{crms, sources};
use jiff::Timestamp;
use proptest::prelude::*;
use ringback_connect::{CRMS, Intake, SOURCES, Secret};
use ringback_core::http::{HttpReply, RawRequest};

/// Bytes, text that looks like something, or a real message with a wound.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let real: Vec<Vec<u8>> = SOURCES
        .iter()
        .flat_map(|s| {
            fixtures(s.about().name).iter().map(|f| sources::raw(s.about().name, f).0.body).collect::<Vec<_>>()
        })
        .chain(
            CRMS.iter().flat_map(|c| fixtures(c.about().name).iter().map(|f| crms::reply(f).body).collect::<Vec<_>>()),
        )
        .filter(|b| !b.is_empty())
        .collect();
    let wounded = (prop::sample::select(real), any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>())
        .prop_map(|(mut bytes, at, cut, byte)| {
            let n = at.index(bytes.len());
            bytes[n] = byte;
            let end = cut.index(bytes.len() * 2);
            bytes.truncate(end.max(1));
            bytes
        });
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..400),
        "[\\PC\\[\\]{}\",:&=%+;\\n]{0,200}".prop_map(String::into_bytes),
        wounded,
    ]
}

fn event() -> impl Strategy<Value = String> {
    let known: Vec<String> =
        SOURCES.iter().flat_map(|s| s.about().events.iter().map(|(e, _)| (*e).to_owned())).collect();
    prop_oneof![prop::sample::select(known), ".{0,20}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sources_survive_anything(
        body in body(),
        event in event(),
        url in prop_oneof![Just("https://a.example:443/h/voice?closed=1&x='".to_owned()), "\\PC{0,60}"],
        kind in prop_oneof![Just("application/json".to_owned()), Just("application/x-www-form-urlencoded".to_owned()), Just("text/csv".to_owned()), "\\PC{0,30}"],
        signature in "\\PC{0,60}",
        zone in prop_oneof![Just("America/Chicago".to_owned()), "\\PC{0,20}"],
        seconds in -10_000_000_000_i64..10_000_000_000,
    ) {
        let headers = ["signature", "x-twilio-signature", "webhook-id", "webhook-timestamp", "webhook-signature"];
        let mut headers: Vec<(String, String)> = headers.iter().map(|n| ((*n).to_owned(), signature.clone())).collect();
        headers.push(("content-type".into(), kind));
        let raw = RawRequest { method: "POST".into(), url, event, headers, body };
        let at = Timestamp::from_second(seconds).unwrap();
        for source in SOURCES {
            let mut connection = connection(source.about().name, &[
                ("forward_to".into(), raw.event.clone()),
                ("voicemail_prompt".into(), raw.url.clone()),
                ("map.caller".into(), raw.url.clone()),
            ]);
            connection.zone.clone_from(&zone);
            let verdict = source.verify(&raw, &connection, &[Secret::new("k")], at);
            prop_assert!(verdict.is_err());
            if let Ok(signals) = source.read(&raw, &connection) {
                for signal in signals {
                    prop_assert!(signal.call_keys.iter().all(|k| !k.is_empty()));
                    prop_assert!(!signal.call_keys.is_empty());
                    for text in [&signal.caller, &signal.caller_name, &signal.dialled, &signal.transcript] {
                        prop_assert!(text.as_deref().is_none_or(|t| !t.trim().is_empty()));
                    }
                }
            }
            let _ = source.screen(&raw, &connection);
            for intake in [Intake::Stored, Intake::Duplicate, Intake::Unavailable] {
                let answer = source.answer(&raw, &connection, &intake);
                prop_assert!((200..600).contains(&answer.status));
            }
            let reply = HttpReply::with(200, "application/json", raw.body.clone());
            let _ = source.listed(&reply, &connection);
        }
    }

    #[test]
    fn crms_survive_anything(body in body(), status in 100_u16..600, retry in "\\PC{0,40}", asked in any::<prop::sample::Index>()) {
        for crm in CRMS {
            let vendor = crm.about().name;
            let cases = fixtures(vendor);
            let operations = crms::operations(&cases[asked.index(cases.len())]);
            let headers = vec![("retry-after".to_owned(), retry.clone())];
            let reply = HttpReply { status, headers, body: body.clone() };
            let at: Timestamp = "2026-03-04T23:20:00Z".parse().unwrap();
            let connection = crms::connected(vendor, &[]);
            let replies = crm.reply(&operations, &reply, &connection, at);
            prop_assert_eq!(replies.outcomes.len(), operations.len());
            let request = crm.request(&operations, &connection);
            prop_assert!(request.is_ok());
        }
    }
}
