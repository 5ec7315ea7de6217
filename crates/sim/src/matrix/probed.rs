//! Probes against the twins: what the program finds out about a vendor is held against what that twin was told to do.

use super::yard::Yard;
use ringback_engine::probe::{self, Answer, Probed};
use ringback_twins::books::Kind;
use std::collections::BTreeMap;

async fn probed(vendor: &'static str) -> (Probed, BTreeMap<&'static str, String>) {
    let yard = Yard::new(vendor, 7, false).await.unwrap();
    let before = yard.entries().len();
    let (account, crm) = yard.connection();
    let probed = probe::run(&yard.engine, &account, &crm, |_| {}).await.unwrap();
    assert_eq!(probed.problems, [], "{vendor}");
    // The books are the judge of what is left, not the probe.
    let left: Vec<_> = yard
        .entries()
        .into_iter()
        .filter(|e| e.kind == Kind::Person && !e.gone && format!("{:?}", e.fields).contains("rb-probe-"))
        .collect();
    assert!(left.is_empty() && probed.left.is_empty(), "{vendor}: {left:?} {:?}", probed.left);
    let made = yard.entries().len() - before;
    assert!((probe::PEOPLE - 1..=probe::PEOPLE + 2).contains(&made), "{vendor}: {made} were made");
    let kept = probe::known(&yard.engine, &account, &crm).await.unwrap();
    for Answer { question, value, .. } in &probed.answers {
        assert!(kept.iter().any(|k| k.question == *question && k.value == *value), "{vendor} {question}: {kept:?}");
    }
    let answers = probed.answers.iter().map(|a| (a.question, a.value.clone())).collect();
    yard.close().await;
    (probed, answers)
}

fn seconds(answers: &BTreeMap<&str, String>, question: &str) -> u64 {
    answers[question].parse().unwrap_or_else(|_| panic!("{question}: {answers:?}"))
}

#[tokio::test]
async fn hubspot_upserts_and_its_search_lags() {
    let (_, answers) = probed("hubspot").await;
    assert_eq!((answers["retry"].as_str(), answers["concurrent"].as_str()), ("same_record", "same_record"));
    assert_eq!(seconds(&answers, "key_lag_seconds"), 0);
    assert!((10..=16).contains(&seconds(&answers, "search_lag_seconds")), "the twin's is 10 s: {answers:?}");
    assert_eq!(answers["stale_update"], "no_version");
    assert!(answers["duplicate_email"].starts_with("refused"), "{answers:?}");
}

#[tokio::test]
async fn pipedrive_makes_a_second_record_and_finds_numbers_however_they_are_written() {
    let (_, answers) = probed("pipedrive").await;
    assert_eq!((answers["retry"].as_str(), answers["concurrent"].as_str()), ("second_record", "second_record"));
    assert!((10..=16).contains(&seconds(&answers, "key_lag_seconds")), "the twin's is 10 s: {answers:?}");
    assert_eq!((answers["phone_e164"].as_str(), answers["phone_national"].as_str()), ("found", "found"));
    assert_eq!(answers["phone_kept"], "as_written");
    assert_eq!(answers["duplicate_email"], "second_record");
}

#[tokio::test]
async fn gohighlevel_refuses_a_second_person_with_the_same_address() {
    let (_, answers) = probed("gohighlevel").await;
    assert_eq!(answers["duplicate_email"], "refused", "{answers:?}");
    assert!((4..=16).contains(&seconds(&answers, "key_lag_seconds")), "the twin's is 5 s: {answers:?}");
    assert_eq!(answers["retry"], "refused", "the address is taken by the first: {answers:?}");
}

#[tokio::test]
async fn dynamics_closes_every_race_and_shows_everything_at_once() {
    let (_, answers) = probed("dynamics").await;
    assert_eq!((answers["retry"].as_str(), answers["concurrent"].as_str()), ("same_record", "same_record"));
    assert_eq!((seconds(&answers, "key_lag_seconds"), seconds(&answers, "search_lag_seconds")), (0, 0));
    assert_eq!(answers["stale_update"], "refused");
    assert_eq!(answers["phone_national"], "found");
}

#[tokio::test]
async fn salesforce_and_zoho_are_probed_to_the_end() {
    for vendor in ["salesforce", "zoho"] {
        let (_, answers) = probed(vendor).await;
        assert_eq!(answers["stale_update"], "refused", "{vendor} {answers:?}");
        assert!(answers.contains_key("retry") && answers.contains_key("concurrent"), "{vendor} {answers:?}");
    }
}

/// Nothing can be asked of a receiver, so nothing is sent to it.
#[tokio::test]
async fn a_receiver_is_not_probed() {
    let yard = Yard::new("hook", 7, false).await.unwrap();
    let (account, crm) = yard.connection();
    let probed = probe::run(&yard.engine, &account, &crm, |_| {}).await.unwrap();
    assert_eq!(probed.problems.iter().map(|p| p.code).collect::<Vec<_>>(), ["RB-0527"]);
    assert_eq!((yard.requests(), yard.entries().len()), (0, 0));
    yard.close().await;
}
