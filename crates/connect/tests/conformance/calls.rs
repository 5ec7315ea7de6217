//! Calls that others wrote into a CRM: what each CRM is asked, and what its records say.

use crate::crms::{case, connected};
use crate::support::connection;
use ringback_connect::calls::{self, Logged, Passed, Told};
use ringback_connect::{CRMS, Crm};
use ringback_core::crm::{CrmOp, KEY_PROPERTY, Object, Record};
use ringback_core::signal::{Direction, Ending, Signal, SignalKind};

/// Which way it went, how it ended, and what kind of message that is.
type Said = (Direction, Ending, SignalKind);

const IN: Direction = Direction::Inbound;
const OUT: Direction = Direction::Outbound;
const UNSAID: Direction = Direction::Unsaid;

fn said(direction: Direction, ending: Ending) -> Result<Said, Passed> {
    Ok((direction, ending, if ending == Ending::Unsaid { SignalKind::Ringing } else { SignalKind::Ended }))
}

fn record(id: &str, properties: &[(&str, &str)]) -> Record {
    let properties = properties.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Record { id: id.to_owned(), properties, ..Record::default() }
}

fn told(crm: &dyn Crm, properties: &[(&str, &str)], settings: &[(&str, &str)]) -> Result<Signal, Passed> {
    let settings: Vec<_> = settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let vendor = crm.about().name;
    match crm.told(&record(case(vendor).id(Object::Call), properties), None, &connection(vendor, &settings)) {
        Told::Call(signal) => Ok(*signal),
        Told::Passed(why) => Err(why),
    }
}

/// Properties of a record, and what is read of them.
type Row<'a> = (&'a [(&'a str, &'a str)], Result<Said, Passed>);

fn judge(vendor: &str, table: &[Row<'_>]) {
    let crm = ringback_connect::crm(vendor).unwrap();
    for (properties, expect) in table {
        let got = told(crm, properties, &[]).map(|s| (s.direction, s.ending, s.kind));
        assert_eq!(got, *expect, "{vendor}: {properties:?}");
    }
}

#[test]
fn every_crm_that_has_calls_of_others_is_asked_for_them() {
    let feeds: Vec<&str> = CRMS.iter().filter(|c| !c.call_reads().is_empty()).map(|c| c.about().name).collect();
    assert_eq!(feeds, FEEDS);
    for crm in CRMS {
        let vendor = crm.about().name;
        let on = connection(vendor, &[("calls_from_crm".into(), "true".into())]);
        assert_eq!(calls::on(*crm, &on), FEEDS.contains(&vendor), "{vendor}");
        assert_eq!(calls::check(*crm, &on).is_empty(), FEEDS.contains(&vendor), "{vendor}");
        let ours = record(case(vendor).id(Object::Call), &[(KEY_PROPERTY, "rb-call-1")]);
        let of_ours = crm.told(&ours, None, &on);
        let expect = if FEEDS.contains(&vendor) { Passed::Ours } else { Passed::NoCall };
        assert_eq!(of_ours, Told::Passed(expect), "{vendor}");
        if !FEEDS.contains(&vendor) {
            continue;
        }
        let changed = CrmOp::Changed {
            object: Object::Call,
            since: "2026-03-04T00:00:00Z".parse().unwrap(),
            after: None,
            properties: calls::reads(*crm, &on),
        };
        assert!(crm.request(&[changed], &connected(vendor, &[])).is_ok(), "{vendor}");
    }
}

/// The CRMs that are sources of calls.
const FEEDS: &[&str] = &["hubspot", "salesforce", "zoho", "pipedrive", "dynamics"];

#[test]
fn settings_of_the_feed_are_checked() {
    let crm = ringback_connect::crm("hubspot").unwrap();
    let causes = |settings: &[(&str, &str)]| -> Vec<String> {
        let settings: Vec<_> = settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        calls::check(crm, &connection("hubspot", &settings)).into_iter().map(|p| p.cause).collect()
    };
    assert_eq!(causes(&[("calls_from_crm", "false"), ("calls_since", "2026-03-01T00:00:00Z")]), [""; 0]);
    assert_eq!(
        causes(&[("calls_from_crm", "yes"), ("calls_since", "monday"), ("calls_every_seconds", "1")]),
        ["calls_from_crm is \"yes\"", "calls_since is \"monday\"", "calls_every_seconds is \"1\""]
    );
    assert_eq!(causes(&[("ending.COMPLETED", "gone")]).len(), 1);
}

#[test]
fn looks_take_a_small_part_of_the_day() {
    let crm = ringback_connect::crm("hubspot").unwrap();
    let every = |settings: &[(String, String)]| calls::every_seconds(crm, &connection("hubspot", settings), 1);
    assert_eq!(every(&[]), 60);
    assert_eq!(every(&[("daily_requests".into(), "1000".into())]), 1_728, "50 looks a day");
    assert_eq!(every(&[("daily_requests".into(), "0".into())]), 60);
    assert_eq!(every(&[("calls_every_seconds".into(), "15".into())]), 15);
}

#[test]
fn what_hubspot_holds_is_read() {
    let status = |word: &'static str| [("hs_call_direction", "INBOUND"), ("hs_call_status", word)];
    let outcome = |id: &'static str| {
        [("hs_call_direction", "INBOUND"), ("hs_call_status", "COMPLETED"), ("hs_call_disposition", id)]
    };
    judge(
        "hubspot",
        &[
            (&status("MISSED"), said(IN, Ending::RingNoAnswer)),
            (&status("NO_ANSWER"), said(IN, Ending::RingNoAnswer)),
            (&status("BUSY"), said(IN, Ending::Busy)),
            (&status("CANCELED"), said(IN, Ending::Abandoned)),
            (&status("COMPLETED"), said(IN, Ending::Answered)),
            (&status("RINGING"), said(IN, Ending::Unsaid)),
            (&status("FAILED"), said(IN, Ending::Unsaid)),
            (&status("A_STATUS_OF_TOMORROW"), said(IN, Ending::Unsaid)),
            (&[("hs_call_direction", "INBOUND")], said(IN, Ending::Unsaid)),
            (
                &[("hs_call_direction", "INBOUND"), ("hs_call_status", "MISSED"), ("hs_call_has_voicemail", "true")],
                said(IN, Ending::Voicemail),
            ),
            (&outcome("73a0d17f-1163-4015-bdd5-ec830791da20"), said(IN, Ending::RingNoAnswer)),
            (&outcome("B2CF5968-551E-4856-9783-52B3DA59A7D0"), said(IN, Ending::Voicemail)),
            (&outcome("f240bbac-87c9-4f6e-bf70-924b57d47db7"), said(IN, Ending::Answered)),
            (&outcome("somebodys-own-outcome"), said(IN, Ending::Answered)),
            (&[("hs_call_direction", "OUTBOUND"), ("hs_call_status", "COMPLETED")], said(OUT, Ending::Answered)),
            (&[("hs_call_status", "MISSED")], said(UNSAID, Ending::RingNoAnswer)),
            (&[("hs_call_title", "Talked about the boiler")], Err(Passed::Unsaid)),
        ],
    );
    let crm = ringback_connect::crm("hubspot").unwrap();
    let all = [
        ("hs_call_direction", "INBOUND"),
        ("hs_call_status", "COMPLETED"),
        ("hs_call_disposition", "somebodys-own-outcome"),
        ("hs_call_from_number", "+13125550142"),
        ("hs_call_to_number", "+13125550100"),
        ("hs_timestamp", "2026-03-04T18:12:07Z"),
        ("hs_call_duration", "31400"),
        ("hs_call_recording_url", "https://r.example/1.mp3"),
        ("hs_call_body", "<p>Boiler &amp; flue</p>"),
        ("hubspot_owner_id", "90001"),
    ];
    let signal = told(crm, &all, &[("ending.somebodys-own-outcome", "ring_no_answer")]).unwrap();
    assert_eq!(signal.ending, Ending::RingNoAnswer, "an outcome of their own");
    assert_eq!((signal.caller.as_deref(), signal.dialled.as_deref()), (Some("+13125550142"), Some("+13125550100")));
    assert_eq!((signal.started_at, signal.duration_seconds), ("2026-03-04T18:12:07Z".parse().ok(), Some(31)));
    assert_eq!(signal.recording_url.as_deref(), Some("https://r.example/1.mp3"));
    let free = |name: &str| signal.extra.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    assert_eq!((free(calls::NOTES), free(calls::OWNER)), (Some("Boiler & flue"), Some("90001")));
    assert_eq!(signal.transcript, None, "what somebody noted is not what the caller said");
    let out: Vec<_> = all.iter().map(|(n, v)| (*n, if *n == "hs_call_direction" { "OUTBOUND" } else { *v })).collect();
    let signal = told(crm, &out, &[]).unwrap();
    assert_eq!(signal.caller.as_deref(), Some("+13125550100"), "the other side, whichever way it went");
}

#[test]
fn what_salesforce_holds_is_read() {
    let result =
        |kind: &'static str, text: &'static str| [("CallType", kind), ("CallDisposition", text), ("IsClosed", "true")];
    judge(
        "salesforce",
        &[
            (&result("Inbound", "No Answer"), said(IN, Ending::RingNoAnswer)),
            (&result("Inbound", "Left Voicemail"), said(IN, Ending::Voicemail)),
            (&result("Inbound", "Busy"), said(IN, Ending::Busy)),
            (&result("Inbound", "Connected"), said(IN, Ending::Answered)),
            (&result("Inbound", "Spoke about the boiler"), said(IN, Ending::Unsaid)),
            (&result("Inbound", ""), said(IN, Ending::Unsaid)),
            (&result("Outbound", "Connected"), said(OUT, Ending::Answered)),
            (&result("Internal", "Connected"), Err(Passed::NoCall)),
            (&result("", "Missed"), said(UNSAID, Ending::RingNoAnswer)),
            (&[("TaskSubtype", "Call"), ("IsClosed", "true")], Err(Passed::Unsaid)),
            (&[("CallType", "Inbound"), ("IsClosed", "false")], Err(Passed::NoCall)),
        ],
    );
    let crm = ringback_connect::crm("salesforce").unwrap();
    let mut all = vec![
        ("CallType", "Inbound"),
        ("IsClosed", "true"),
        ("duration_ms", "20000"),
        ("CreatedDate", "2026-03-05T02:12:27Z"),
        ("Caller__c", "+13125550142"),
        ("Line__c", "+13125550100"),
        ("Result__c", "missed"),
    ];
    let own = [("call_field.from", "Caller__c"), ("call_field.to", "Line__c"), ("call_field.ending", "Result__c")];
    let signal = told(crm, &all, &own).unwrap();
    assert_eq!((signal.caller.as_deref(), signal.dialled.as_deref()), (Some("+13125550142"), Some("+13125550100")));
    assert_eq!(signal.ending, Ending::RingNoAnswer, "in a field of a phone system's own");
    assert_eq!(signal.started_at, "2026-03-05T02:12:07Z".parse().ok(), "as long before it was logged as it lasted");
    // Still the fourth in Chicago.
    all.push(("ActivityDate", "2026-03-04"));
    assert_eq!(told(crm, &all, &own).unwrap().started_at, signal.started_at);
    all.pop();
    all.push(("ActivityDate", "2026-03-02"));
    let noon = "2026-03-02T18:00:00Z".parse().ok();
    assert_eq!(told(crm, &all, &own).unwrap().started_at, noon, "logged two days later");
    let silent = told(crm, &all, &[("ending.none", "answered")]).unwrap();
    assert_eq!(silent.ending, Ending::Answered, "what the connection says of calls that say nothing");
    let settings: Vec<_> = own.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let reads = calls::reads(crm, &connection("salesforce", &settings));
    assert!(["Caller__c", "Line__c", "Result__c"].iter().all(|f| reads.iter().any(|r| r == f)), "{reads:?}");
}

#[test]
fn what_zoho_holds_is_read() {
    judge(
        "zoho",
        &[
            (&[("Call_Type", "Missed")], said(IN, Ending::RingNoAnswer)),
            (&[("Call_Type", "Inbound")], said(IN, Ending::Answered)),
            (&[("Call_Type", "Outbound"), ("Outgoing_Call_Status", "Completed")], said(OUT, Ending::Unsaid)),
            (&[("Call_Type", "Outbound"), ("Outgoing_Call_Status", "Scheduled")], Err(Passed::NoCall)),
            (&[("Subject", "Call")], Err(Passed::Unsaid)),
        ],
    );
    let crm = ringback_connect::crm("zoho").unwrap();
    let all = [
        ("Call_Type", "Inbound"),
        ("Call_Start_Time", "2026-03-04T18:12:07+00:00"),
        ("duration_ms", "95000"),
        ("Caller_ID", "+13125550142"),
        ("Dialled_Number", "+13125550100"),
        ("Voice_Recording__s", "https://r.example/1.mp3"),
        ("Call_Result", "After hours"),
    ];
    let signal = told(crm, &all, &[("ending.After hours", "voicemail")]).unwrap();
    assert_eq!((signal.ending, signal.duration_seconds), (Ending::Voicemail, Some(95)));
    assert_eq!((signal.caller.as_deref(), signal.dialled.as_deref()), (Some("+13125550142"), Some("+13125550100")));
    assert_eq!(signal.started_at, "2026-03-04T18:12:07Z".parse().ok());
    assert_eq!(signal.recording_url.as_deref(), Some("https://r.example/1.mp3"));
}

#[test]
fn what_pipedrive_holds_is_read() {
    let activity = |kind: &'static str, subject: &'static str| [("type", kind), ("subject", subject), ("done", "true")];
    judge(
        "pipedrive",
        &[
            (&activity("call", "Missed call"), said(IN, Ending::RingNoAnswer)),
            (&activity("call", "Missed call from +13125550142"), said(IN, Ending::RingNoAnswer)),
            (&activity("call", "Inbound call"), said(IN, Ending::Unsaid)),
            (&activity("call", "Outgoing call"), said(OUT, Ending::Unsaid)),
            (&activity("call", "Ring Dana"), Err(Passed::Unsaid)),
            (&activity("meeting", "Missed call"), Err(Passed::NoCall)),
            (&[("type", "call"), ("subject", "Missed call"), ("done", "false")], Err(Passed::NoCall)),
        ],
    );
    let crm = ringback_connect::crm("pipedrive").unwrap();
    let own = [("ending.missed_call", "ring_no_answer"), ("ending.voicemail", "voicemail"), ("ending.mail", "busy")];
    let ending = |kind, subject| told(crm, &activity(kind, subject), &own).map(|s| (s.direction, s.ending));
    assert_eq!(ending("missed_call", "Call"), Ok((IN, Ending::RingNoAnswer)), "a type of a phone system's own");
    assert_eq!(ending("call", "New Voicemail from Dana"), Ok((IN, Ending::Voicemail)), "the longest word that fits");
    let due = [("due", "2026-03-04T18:12:00Z"), ("owner_id", "11")];
    let signal = told(crm, &[&activity("call", "Missed call")[..], &due].concat(), &[]).unwrap();
    assert_eq!(signal.started_at, "2026-03-04T18:12:00Z".parse().ok());
}

#[test]
fn what_dynamics_holds_is_read() {
    let phone = |out: &'static str, minutes: &'static str, voicemail: &'static str| {
        [("directioncode", out), ("statecode", "1"), ("actualdurationminutes", minutes), ("leftvoicemail", voicemail)]
    };
    judge(
        "dynamics",
        &[
            (&phone("false", "0", "true"), said(IN, Ending::Voicemail)),
            (&phone("false", "2", "false"), said(IN, Ending::Answered)),
            (&phone("false", "0", "false"), said(IN, Ending::Unsaid)),
            (&phone("true", "3", "false"), said(OUT, Ending::Answered)),
            (&[("directioncode", "false"), ("statecode", "0")], Err(Passed::NoCall)),
            (&[("directioncode", "false"), ("statecode", "2")], Err(Passed::NoCall)),
            (&[("statecode", "1")], Err(Passed::Unsaid)),
        ],
    );
    let crm = ringback_connect::crm("dynamics").unwrap();
    let number = [("phonenumber", "+13125550142"), ("actualstart", "2026-03-04T18:12:07Z")];
    for out in ["false", "true"] {
        let signal = told(crm, &[&phone(out, "2", "false")[..], &number].concat(), &[]).unwrap();
        assert_eq!((signal.caller.as_deref(), signal.dialled), (Some("+13125550142"), None), "the other side's number");
    }
    let silent = told(crm, &phone("false", "0", "false"), &[("ending.none", "ring_no_answer")]).unwrap();
    assert_eq!(silent.ending, Ending::RingNoAnswer);
}

#[test]
fn a_call_without_a_number_is_the_linked_persons() {
    let crm = ringback_connect::crm("hubspot").unwrap();
    let held = record("7", &[("hs_call_direction", "INBOUND"), ("hs_call_status", "MISSED")]);
    let person = record(
        "512",
        &[
            ("phone", ""),
            ("mobilephone", "312 555 0142"),
            ("email", "dana@example.com"),
            ("firstname", "Dana"),
            ("lastname", "Ruiz"),
        ],
    );
    let Told::Call(signal) = crm.told(&held, Some(&person), &connection("hubspot", &[])) else { panic!("a call") };
    assert_eq!(signal.caller.as_deref(), Some("312 555 0142"));
    assert_eq!((signal.caller_name.as_deref(), signal.email.as_deref()), (Some("Dana Ruiz"), Some("dana@example.com")));
    assert!(signal.extra.contains(&(calls::PERSON.to_owned(), "512".to_owned())));
    let nameless = record("512", &[("phone", "+13125550142"), ("firstname", "Caller +13125550142")]);
    let Told::Call(signal) = crm.told(&held, Some(&nameless), &connection("hubspot", &[])) else { panic!("a call") };
    assert_eq!(signal.caller_name, None, "a name that Ringback made up is nobody's");
}

#[test]
fn a_stored_record_reads_as_it_was_and_says_the_same_once() {
    let crm = ringback_connect::crm("hubspot").unwrap();
    let plain = connection("hubspot", &[]);
    let missed = [("hs_call_direction", "INBOUND"), ("hs_call_status", "MISSED"), ("hs_call_title", "a")];
    let mut logged = Logged { record: record("7", &missed), person: None, corrects: false };
    let key = calls::delivery_key(crm, &logged, &plain);
    let raw = calls::stored(&logged).unwrap();
    assert_eq!((raw.method.as_str(), raw.event.as_str()), ("FEED", "crm-call"));
    let [signal] = calls::read(crm, &raw, &plain).unwrap().try_into().unwrap();
    assert_eq!((signal.call_keys, signal.kind), (vec!["7".to_owned()], SignalKind::Ended));
    logged.record.properties.insert("not_read".into(), "x".into());
    logged.record.modified_at = "2026-03-04T18:12:07Z".parse().ok();
    assert_eq!(calls::delivery_key(crm, &logged, &plain), key, "nothing that is read has changed");
    logged.record.properties.insert("hs_call_status".into(), "COMPLETED".into());
    assert_ne!(calls::delivery_key(crm, &logged, &plain), key);
    logged.corrects = true;
    let [signal] = calls::read(crm, &calls::stored(&logged).unwrap(), &plain).unwrap().try_into().unwrap();
    assert_eq!((signal.kind, signal.ending), (SignalKind::Modified, Ending::Answered));
    let mut broken = raw;
    broken.body.truncate(9);
    assert_eq!(calls::read(crm, &broken, &plain).unwrap_err().class, "not_a_record");
}
