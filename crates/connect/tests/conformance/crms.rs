//! Every CRM: what it makes of answers.

use crate::support::{Fixture, assert_subset, connection, fixtures};
use jiff::Timestamp;
use ringback_connect::{CRMS, Replies};
use ringback_core::crm::{CrmOp, Object};
use ringback_core::http::HttpReply;
use std::collections::BTreeSet;

/// What every CRM must show.
const REQUIRED: &[&str] = &[
    "created",
    "found-none",
    "found-one",
    "found-many",
    "conflict-409",
    "validation",
    "unauthorized",
    "forbidden",
    "update-404",
    "read-not-found",
    "read-404-page",
    "rate-limited",
    "rate-limited-wait",
    "server-error-write",
    "server-error-read",
    "html-200-write",
    "html-200-read",
    "truncated-write",
    "truncated-read",
    "ids-missing",
    "half-a-batch",
    "batch-missing",
    "foreign-json-write",
    "unprocessable",
    "error-with-200",
];

pub(crate) fn operations(fixture: &Fixture) -> Vec<CrmOp> {
    let list = fixture.list("/operations");
    list.iter()
        .map(|op| serde_json::from_value(op.clone()).unwrap_or_else(|e| panic!("{}: {e}", fixture.name)))
        .collect()
}

pub(crate) fn reply(fixture: &Fixture) -> HttpReply {
    let body = match fixture.text("/reply/text") {
        Some(text) => text.as_bytes().to_vec(),
        None => fixture.value["reply"]["json"].to_string().into_bytes(),
    };
    let status = u16::try_from(fixture.value["reply"]["status"].as_u64().unwrap()).unwrap();
    HttpReply { status, headers: fixture.pairs("/reply/headers"), body }
}

fn read(vendor: &str, fixture: &Fixture) -> Replies {
    let at: Timestamp = fixture.text("/received_at").unwrap_or("2026-03-04T23:20:00Z").parse().unwrap();
    ringback_connect::crm(vendor).unwrap().reply(&operations(fixture), &reply(fixture), &connection(vendor, &[]), at)
}

#[test]
fn every_crm_has_the_required_cases() {
    for crm in CRMS {
        let names: BTreeSet<String> = fixtures(crm.about().name).into_iter().map(|f| f.name).collect();
        for required in REQUIRED {
            assert!(names.contains(*required), "{} has no fixture {required}", crm.about().name);
        }
    }
}

#[test]
fn answers_are_read_as_the_fixtures_say() {
    for crm in CRMS {
        let vendor = crm.about().name;
        let mut words = BTreeSet::new();
        for fixture in fixtures(vendor) {
            let at = format!("{vendor}/{}", fixture.name);
            let replies = read(vendor, &fixture);
            let actual = serde_json::to_value(&replies.outcomes).unwrap();
            words.extend(replies.outcomes.iter().map(|o| o.word().to_owned()));
            let expected = fixture.value.pointer("/expect").unwrap();
            assert_subset(expected, &actual, &at);
            for personal in fixture.list("/no_words") {
                assert!(!actual.to_string().contains(personal.as_str().unwrap()), "{at}: {actual}");
            }
            if let Some(budget) = fixture.value.get("budget") {
                let seen = replies.budget.unwrap();
                assert_eq!(budget["burst_left"].as_u64(), seen.burst_left.map(u64::from), "{at}");
                assert_eq!(budget["daily_left"].as_u64(), seen.daily_left.map(u64::from), "{at}");
            }
        }
        // `stale` needs an optimistic lock, which not every vendor has; a budget for the day is used up only where one is enforced.
        let daily = crm.about().limits.daily_requests > 0;
        for word in ["done", "retry", "exhausted", "duplicate", "gone", "refused", "auth_expired", "unknown"] {
            if word == "exhausted" && !daily {
                continue;
            }
            assert!(words.contains(word), "{vendor}: no fixture ends in {word}");
        }
    }
}

#[test]
fn there_is_one_outcome_per_operation_whatever_came_back() {
    for crm in CRMS {
        let vendor = crm.about().name;
        let cases = fixtures(vendor);
        for asked in &cases {
            for answered in &cases {
                // Every operation against every answer of every other one.
                let operations = operations(asked);
                let at: Timestamp = "2026-03-04T23:20:00Z".parse().unwrap();
                let replies = crm.reply(&operations, &reply(answered), &connection(vendor, &[]), at);
                assert_eq!(replies.outcomes.len(), operations.len(), "{} with {}", asked.name, answered.name);
            }
        }
    }
}

#[test]
fn a_write_is_never_said_to_be_undone_after_a_server_error_or_an_unreadable_answer() {
    for crm in CRMS {
        let vendor = crm.about().name;
        let write: CrmOp = serde_json::from_value(serde_json::json!(
            {"op": "upsert", "object": "contact", "key": "rb-contact-1", "properties": {"firstname": "A"}}
        ))
        .unwrap();
        let at: Timestamp = "2026-03-04T23:20:00Z".parse().unwrap();
        let bodies = [
            "",
            "<html>",
            "{",
            "[]",
            "null",
            "{\"ok\":true}",
            "{\"status\":\"error\",\"message\":\"x\",\"category\":\"VALIDATION_ERROR\"}",
        ];
        for status in (200..300).chain([408, 422, 425]).chain(500..600) {
            for body in bodies {
                let reply = HttpReply::with(status, "application/json", body);
                let replies = crm.reply(std::slice::from_ref(&write), &reply, &connection(vendor, &[]), at);
                let word = replies.outcomes[0].word();
                let said_so = status < 300 && body.contains("VALIDATION_ERROR") && word == "refused";
                assert!(word == "unknown" || said_so, "{vendor} {status} {body}: {word}");
            }
        }
    }
}

#[test]
fn our_properties_have_one_unique_key_per_object_we_write() {
    for crm in CRMS {
        let own = crm.own_properties();
        for object in [Object::Contact, Object::Call, Object::Task] {
            let keys: Vec<_> = own.iter().filter(|(o, _, _, unique)| *o == object && *unique).collect();
            assert_eq!(keys.len(), 1, "{object:?}");
            for name in ["rb_call_id", "rb_version", "rb_written_at", "rb_inquiry_url", "rb_trace"] {
                assert!(own.iter().any(|(o, n, _, _)| *o == object && *n == name), "{object:?} {name}");
            }
        }
        let names: BTreeSet<_> = own.iter().map(|(o, n, _, _)| (*o, *n)).collect();
        assert_eq!(names.len(), own.len(), "none twice");
    }
}
