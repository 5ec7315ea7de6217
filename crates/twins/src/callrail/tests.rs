use super::*;
use crate::Request;
use std::collections::BTreeSet;

const NOW: i64 = 1_772_719_391_000;

/// Every field of the vendor's published example (apidocs.callrail.com, Webhooks > Validating Payloads).
const PUBLISHED_FIELDS: &str = "answered business_phone_number call_type company_id company_name company_time_zone created_at \
    customer_city customer_country customer_name customer_phone_number customer_state device_type direction duration first_call \
    formatted_call_type formatted_customer_location formatted_business_phone_number formatted_customer_name prior_calls \
    formatted_customer_name_or_phone_number formatted_customer_phone_number formatted_duration \
    formatted_tracking_phone_number formatted_tracking_source formatted_value good_lead_call_id good_lead_call_time id \
    lead_status note recording recording_duration source_name start_time tags total_calls tracking_phone_number transcription \
    value voicemail tracker_id keywords medium referring_url landing_page_url last_requested_url referrer_domain \
    conversational_transcript utm_source utm_medium utm_term utm_content utm_campaign utma utmb utmc utmv utmz ga gclid \
    integration_data keywords_spotted recording_player speaker_percent call_highlights callercity callercountry callername \
    callernum callerstate callsource campaign custom datetime destinationnum ip kissmetrics_id landingpage referrer \
    referrermedium score tag trackingnum timestamp";

fn company() -> Company {
    Company::new(4_401, "Lakeview Plumbing - North", "America/Chicago", "key-of-north")
}

fn ring(ended: Ended) -> Ring {
    Ring::new(7, Some("+13125550142"), "+13125550100", &company(), NOW, ended)
        .named("Dana Ruiz")
        .saying("Call me back.")
}

fn body(hook: &Hook) -> Value {
    serde_json::from_slice(&hook.body).expect("json")
}

#[test]
fn every_published_field_is_sent() {
    let mut rail = CallRail::new("ACC1", "token");
    rail.legacy_ids = true;
    let body = body(&rail.hook(&Event::PostCall, &ring(Ended::Voicemail)));
    let sent: BTreeSet<&str> = body.as_object().expect("object").keys().map(String::as_str).collect();
    let missing: Vec<&str> = PUBLISHED_FIELDS.split_whitespace().filter(|field| !sent.contains(field)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(!sent.contains("resource_id"), "old accounts have numeric ids only");
}

#[test]
fn a_pre_call_body_says_missed_of_a_call_that_will_be_answered() {
    let rail = CallRail::new("ACC1", "token");
    let pre = body(&rail.hook(&Event::PreCall, &ring(Ended::Answered)));
    assert_eq!((&pre["answered"], &pre["call_type"], &pre["duration"]), (&json!(false), &json!("missed"), &json!("0")));
    assert_eq!((&pre["transcription"], &pre["business_phone_number"]), (&json!(""), &json!("")));
    let routed = body(&rail.hook(&Event::CallRoutingComplete, &ring(Ended::Answered)));
    assert_eq!((&routed["call_type"], &routed["business_phone_number"]), (&json!("missed"), &json!("+13125550199")));
    let post = body(&rail.hook(&Event::PostCall, &ring(Ended::Answered)));
    assert_eq!((&post["answered"], &post["call_type"]), (&json!(true), &json!("answered")));
    assert_eq!(pre["resource_id"], post["resource_id"]);
}

#[test]
fn the_ways_a_call_ends_and_a_late_transcript() {
    let mut rail = CallRail::new("ACC1", "token");
    for (ended, call_type, voicemail) in [
        (Ended::Missed, "missed", false),
        (Ended::Abandoned, "abandoned", false),
        (Ended::Voicemail, "voicemail", true),
    ] {
        let post = body(&rail.hook(&Event::PostCall, &ring(ended)));
        assert_eq!((&post["call_type"], &post["voicemail"]), (&json!(call_type), &json!(voicemail)));
        assert_eq!(post["start_time"], "2026-03-05T09:03:11.000-05:00");
        assert_eq!(post["datetime"], "2026-03-05 14:03:11");
    }
    let changed = body(&rail.hook(&Event::CallModified(vec!["transcription_text"]), &ring(Ended::Voicemail)));
    assert_eq!(
        (&changed["changes"], &changed["transcription"]),
        (&json!(["transcription_text"]), &json!("Call me back."))
    );
    rail.booleans_as_text = true;
    assert_eq!(body(&rail.hook(&Event::PostCall, &ring(Ended::Voicemail)))["voicemail"], "true");
    let hidden = Ring { caller: None, ..ring(Ended::Missed) };
    assert_eq!(body(&rail.hook(&Event::PostCall, &hidden))["customer_phone_number"], "");
}

#[test]
fn hooks_are_signed_with_the_key_of_their_company() {
    let rail = CallRail::new("ACC1", "token");
    let hook = rail.hook(&Event::PostCall, &ring(Ended::Missed));
    assert_eq!(hook.get_header("signature"), Some(crate::sign::callrail("key-of-north", &hook.body).as_str()));
    assert_ne!(hook.get_header("signature"), Some(crate::sign::callrail("key-of-south", &hook.body).as_str()));
}

fn get(rail: &mut CallRail, path: &str) -> (u16, Value) {
    let request = Request::new("GET", path).header("Authorization", "Token token=\"token\"");
    let reply = rail.handle(&request, NOW + 3_600_000);
    (reply.status, reply.value())
}

#[test]
fn the_call_list_pages_and_filters() {
    let mut rail = CallRail::new("ACC1", "token");
    for n in 0..5 {
        let ended = if n == 4 { Ended::Answered } else { Ended::Missed };
        rail.happen(Ring {
            started_at_ms: NOW + n * 60_000,
            ..Ring::new(n as u64, Some("+13125550142"), "+13125550100", &company(), NOW, ended)
        });
    }
    let (status, page) = get(&mut rail, "/v3/a/ACC1/calls.json?per_page=2&page=1");
    assert_eq!((status, &page["total_pages"], &page["total_records"]), (200, &json!(3), &json!(5)));
    assert_eq!(page["calls"][0]["id"], "CAL0000000000000004", "newest first");
    assert_eq!(page["calls"][0]["duration"], 180);
    assert!(page["calls"][0].get("transcription").is_none(), "only when asked for");
    let (_, asked) = get(&mut rail, "/v3/a/ACC1/calls.json?fields=transcription,company_id&order=asc");
    assert_eq!(
        (&asked["calls"][0]["company_id"], &asked["calls"][0]["transcription"]),
        (&json!("COM00001131"), &json!(""))
    );
    let (_, missed) = get(&mut rail, "/v3/a/ACC1/calls.json?answered=false");
    assert_eq!(missed["total_records"], 4);
    let (_, window) = get(&mut rail, "/v3/a/ACC1/calls.json?start_date=2026-03-05T09:05&end_date=2026-03-05");
    assert_eq!(window["total_records"], 3);
    let (_, relative) = get(&mut rail, "/v3/a/ACC1/calls.json?relative_pagination=true&per_page=4");
    assert_eq!(relative["has_next_page"], true);
    let next = relative["next_page"].as_str().expect("a url").trim_start_matches("https://api.callrail.com").to_owned();
    assert_eq!(get(&mut rail, &next).1["calls"].as_array().map(Vec::len), Some(1));
    assert_eq!(get(&mut rail, "/v3/a/ACC1/calls/CAL0000000000000002.json").1["id"], "CAL0000000000000002");
    assert_eq!(get(&mut rail, "/v3/a/ACC1/calls.json?per_page=251").0, 400);
    assert_eq!(get(&mut rail, "/v3/a/OTHER/calls.json").0, 404);
    let unsigned = rail.handle(&Request::new("GET", "/v3/a/ACC1/calls.json"), NOW);
    assert_eq!(unsigned.status, 401);
    rail.hourly_max = Some(1);
    assert_eq!(get(&mut rail, "/v3/a/ACC1/calls.json").0, 429);
}

#[test]
fn a_call_that_still_rings_is_not_on_the_list() {
    let mut rail = CallRail::new("ACC1", "token");
    rail.happen(ring(Ended::Voicemail));
    let request = Request::new("GET", "/v3/a/ACC1/calls.json").header("Authorization", "Token token=\"token\"");
    assert_eq!(rail.handle(&request, NOW + 1_000).value()["total_records"], 0);
    assert_eq!(rail.handle(&request, NOW + 41_000).value()["total_records"], 1);
}

#[test]
fn a_form_body_carries_the_same_call() {
    let mut rail = CallRail::new("ACC1", "token");
    rail.form_bodies = true;
    let hook = rail.hook(&Event::PostCall, &ring(Ended::Voicemail));
    assert_eq!(hook.get_header("signature"), Some(crate::sign::callrail("key-of-north", &hook.body).as_str()));
    let pairs = crate::wire::form_decode(std::str::from_utf8(&hook.body).expect("text"));
    assert!(pairs.contains(&("callernum".to_owned(), "+13125550142".to_owned())));
    assert!(pairs.contains(&("voicemail".to_owned(), "true".to_owned())));
}
