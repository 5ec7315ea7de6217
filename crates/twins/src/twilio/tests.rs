use super::*;
use crate::wire::form_decode;

const NOW: i64 = 1_772_719_391_000;
const URL: &str = "https://calls.example.com/hooks/tw1/dial?loc=north";

fn twilio() -> Twilio {
    Twilio::new("AC0000000000000000000000000000f00d", "secret-token")
}

fn call(dialled: Option<Dialled>) -> Call {
    Call::new(0xf00d, "+13125550142", "+13125550100", NOW, dialled)
}

fn param(hook: &Hook, name: &str) -> Option<String> {
    form_decode(std::str::from_utf8(&hook.body).expect("text")).into_iter().find(|(n, _)| n == name).map(|(_, v)| v)
}

#[test]
fn an_unanswered_dial_says_so_while_the_caller_is_still_there() {
    let hook = twilio().hook(Callback::DialAction, &call(Some(Dialled::NoAnswer)), URL).expect("a hook");
    assert_eq!(param(&hook, "DialCallStatus").as_deref(), Some("no-answer"));
    assert_eq!(param(&hook, "CallStatus").as_deref(), Some("in-progress"));
    assert_eq!(param(&hook, "From").as_deref(), Some("+13125550142"));
    let gone = twilio().hook(Callback::DialAction, &call(Some(Dialled::Canceled)), URL).expect("a hook");
    assert_eq!(param(&gone, "CallStatus").as_deref(), Some("completed"));
    assert!(twilio().hook(Callback::DialAction, &call(None), URL).is_none());
}

#[test]
fn the_signature_covers_the_url_and_every_parameter() {
    let hook = twilio().hook(Callback::Status, &call(Some(Dialled::Completed)), URL).expect("a hook");
    let params = form_decode(std::str::from_utf8(&hook.body).expect("text"));
    let given = hook.get_header("x-twilio-signature");
    assert_eq!(given, Some(sign::twilio("secret-token", URL, &params).as_str()));
    assert_ne!(given, Some(sign::twilio("secret-token", "https://calls.example.com/hooks/tw1/dial", &params).as_str()));
    assert_eq!(param(&hook, "Timestamp").as_deref(), Some("Thu, 05 Mar 2026 14:03:41 +0000"));
}

#[test]
fn a_voicemail_makes_three_callbacks_and_an_empty_one_is_absent() {
    let left = call(Some(Dialled::NoAnswer)).leaving(17, Some("The heater is out & it's cold."));
    let hook = |callback| twilio().hook(callback, &left, URL).expect("a hook");
    assert_eq!(param(&hook(Callback::RecordAction), "RecordingDuration").as_deref(), Some("17"));
    assert_eq!(param(&hook(Callback::RecordingStatus), "RecordingStatus").as_deref(), Some("completed"));
    assert_eq!(
        param(&hook(Callback::Transcription), "TranscriptionText").as_deref(),
        Some("The heater is out & it's cold.")
    );
    let empty = call(Some(Dialled::NoAnswer)).leaving(0, None);
    let status = twilio().hook(Callback::RecordingStatus, &empty, URL).expect("a hook");
    assert_eq!(param(&status, "RecordingStatus").as_deref(), Some("absent"));
    assert!(twilio().hook(Callback::Transcription, &empty, URL).is_none());
    let failed = call(None).leaving(9, None);
    let words = twilio().hook(Callback::Transcription, &failed, URL).expect("a hook");
    assert_eq!(param(&words, "TranscriptionStatus").as_deref(), Some("failed"));
}

#[test]
fn the_call_list_shows_both_legs_and_pages() {
    let mut twilio = twilio();
    for n in 0..3_u64 {
        twilio.happen(Call {
            started_at_ms: NOW + n as i64,
            ..Call::new(n, "+13125550142", "+13125550100", NOW, Some(Dialled::Busy))
        });
    }
    let pair = base64::engine::general_purpose::STANDARD.encode("AC0000000000000000000000000000f00d:secret-token");
    let mut get = |path: &str| {
        let request = Request::new("GET", path).header("Authorization", &format!("Basic {pair}"));
        twilio.handle(&request, NOW + 3_600_000).value()
    };
    let base = "/2010-04-01/Accounts/AC0000000000000000000000000000f00d/Calls.json";
    let all = get(base);
    assert_eq!(all["calls"].as_array().map(Vec::len), Some(6));
    assert_eq!((&all["calls"][0]["status"], &all["calls"][1]["status"]), (&json!("busy"), &json!("completed")));
    assert_eq!(all["calls"][0]["parent_call_sid"], all["calls"][1]["sid"]);
    let first = get(&format!("{base}?PageSize=4&StartTime%3E=2026-03-05"));
    let next = first["next_page_uri"].as_str().expect("a page").to_owned();
    assert_eq!(get(&next)["calls"].as_array().map(Vec::len), Some(2));
    assert_eq!(get(&format!("{base}?StartTime%3E=2026-03-06"))["calls"].as_array().map(Vec::len), Some(0));
    assert_eq!(twilio.handle(&Request::new("GET", base), NOW).status, 401);
}
