//! Two accounts with the same ids in every table: neither sees, takes or changes a row of the other.

use ringback_store::*;

use crate::support::{Place, places};
use crate::{look, seeds, unit};

/// What one account sees through every function that reads by account, as one text per function.
#[expect(clippy::too_many_lines, reason = "a list, one line a function")]
async fn seen(tx: &mut Tx, of: &str) -> Result<Vec<(&'static str, String)>, Error> {
    let end = Before::end();
    let here = ["l1".to_owned()];
    let ids = ["d1".to_owned(), "raw-s1".to_owned()];
    macro_rules! all {
        ($($name:ident($($argument:expr),*)),* $(,)?) => {
            Ok(vec![$((stringify!($name), format!("{:?}", $name(tx, of $(, $argument)*).await?))),*])
        };
    }
    all![
        account_get(),
        user_by_email("ann@example.com"),
        user_get("u1"),
        users_all(),
        tokens_all(),
        connection_get("c1"),
        connection_by_name("front desk"),
        connections_all(),
        connections_last_signal(),
        roster_current(),
        clause_waits_of("urgency", 10),
        clause_waits_count(),
        sandbox_run_of_schema("schema 1"),
        sandbox_run_last(),
        roster_at(60),
        contract_get("k1"),
        contract_latest("main"),
        contracts_all(),
        document_get("d1"),
        documents_get(&ids),
        signal_get("s1"),
        signals_of_call("call1"),
        signals_repeating("s1"),
        signals_list(None, 10, &end),
        signals_quarantined(10, &end),
        signals_count_by_state(),
        call_get("call1"),
        call_by_key("c1", "CA1"),
        calls_near("p1", 0, 1_000),
        calls_of_inquiry("i1"),
        calls_of_person("p1"),
        calls_list(10, &end),
        inquiry_get("i1"),
        inquiry_open_by_key("open p1"),
        inquiries_queue(None, 10),
        inquiries_queue(Some(&here), 10),
        inquiries_list(None, 10, &end),
        inquiries_count(),
        queue_counts(None, 500),
        queue_counts(Some(&here), 500),
        entries_of("i1"),
        entry_last("i1"),
        entries_since(0, 10),
        entries_given((0, 1_000), 10),
        entry_heads_since(0, "", 10),
        entry_inquiries("", 10),
        checkpoints_all(),
        checkpoint_last(),
        plan_get("plan1"),
        plans_of("i1"),
        effect_get("e1"),
        effect_state("e1"),
        effects_of_inquiry("i1"),
        effects_due("hubspot", 1_000, 10),
        effects_unsettled_count("hubspot"),
        effects_oldest_unsettled("hubspot"),
        effects_dead(10),
        effect_by_target("contact:p1"),
        effects_of_target("contact:p1"),
        effects_by_record("rec1"),
        effects_count_by_state(),
        attempts_of("e1"),
        lane_get("hubspot"),
        lanes_all(),
        person_get("p1"),
        inquiries_of_person("p1", 10),
        inquiries_standing_of_person("p1", 10),
        review_get("r1"),
        reviews_open(None, None, 10, &After::start()),
        reviews_open_count(None),
        reviews_of_inquiry("i1"),
        reviews_decided(0, 10, &end),
        reviews_open_of("field"),
        idempotency_get("key", "POST /calls"),
        cursor_get("c1", "calls"),
        alarms_open(10),
        field_writes_of_inquiry("i1"),
        field_writes_of_version(("main", 2), (0, 1_000), 10),
        field_writes_between((0, 1_000), None, None, 10),
        field_writes_of_record("contact", "rec1"),
        corrections_of("i1"),
        corrections_since(0, 10),
        corrected_between((0, 1_000), 10),
        field_writes_count((0, 1_000), "AI"),
        field_write_nth((0, 1_000), "AI", 1),
        field_writes_per_field((0, 1_000)),
        rollback_get("rb1"),
        rollbacks_list(10, &end),
        rollback_items_of("rb1"),
        roster_kind_from("location", 60),
    ]
}

async fn nobody_sees_another(place: Place) {
    let store = place.open().await;
    seeds::everything(&store, "acme").await;
    seeds::answered(&store, "acme").await;
    for (name, text) in look!(store, |tx| seen(tx, "bolt").await).unwrap() {
        assert!(matches!(text.as_str(), "None" | "[]" | "0"), "{name} shows an empty account {text}");
    }
    let before = look!(store, |tx| seen(tx, "acme").await).unwrap();
    for (name, text) in &before {
        assert!(
            !matches!(text.as_str(), "None" | "[]" | "0"),
            "{name} shows nothing of its own account: the test is blind"
        );
    }
    // The same ids again: nothing clashes, and neither account's view changes or mentions the other.
    seeds::everything(&store, "bolt").await;
    seeds::answered(&store, "bolt").await;
    assert_eq!(look!(store, |tx| seen(tx, "acme").await).unwrap(), before);
    for (name, text) in look!(store, |tx| seen(tx, "bolt").await).unwrap() {
        assert!(!text.contains("acme"), "{name}: {text}");
    }
    store.close().await;
}

#[tokio::test]
async fn nobody_sees_another_account() {
    for place in places().await {
        nobody_sees_another(place).await;
    }
}

/// Every function that changes by account, called for an account that has the same ids: all refuse or touch nothing.
#[tokio::test]
async fn nobody_changes_another_account() {
    for place in places().await {
        let store = place.open().await;
        seeds::everything(&store, "acme").await;
        let before = look!(store, |tx| seen(tx, "acme").await).unwrap();
        macro_rules! refused {
            ($($name:ident($($argument:expr),*)),* $(,)?) => {$({
                let answer = unit!(store, |tx| $name(tx $(, $argument)*).await.map(|it| format!("{it:?}")));
                assert!(
                    matches!(answer.as_deref(), Ok("false" | "0" | "[]" | "()") | Err(Error::Rows { actual: 0, .. })),
                    "{}: {answer:?}", stringify!($name)
                );
            })*};
        }
        let end = AttemptEnd { ended_at: 9, outcome: "done".into(), status: None, why: None, took_ms: None };
        let decision = ReviewDecision { state: "approved".into(), at: 9, by: "u1".into(), decision: "{}".into() };
        let end = &*Box::leak(Box::new(end));
        let decision = &*Box::leak(Box::new(decision));
        refused![
            user_update(&seeds::user("bolt")),
            sessions_delete_of("bolt", "u1"),
            token_revoke("bolt", "t1", 9),
            token_touch("bolt", "t1", 9),
            connection_secrets_set("bolt", "c1", "x", "k2", 9),
            connection_state_set("bolt", "c1", "off", 9),
            roster_end("bolt", "location", "l1", 9),
            document_erase("bolt", "d1", 9, "asked"),
            signal_settle_if("bolt", "s1", "folded", "stored", None, None),
            signal_retry("bolt", "s1", 1, 9, "x"),
            signal_accept_if_quarantined("bolt", "s2", 9),
            call_update_if(&seeds::call("bolt")),
            inquiry_update_if(&seeds::inquiry("bolt", "i1", "open p1")),
            effect_update_if(&seeds::effect("bolt", "e1", "hubspot")),
            attempt_finish("bolt", "a1", end),
            lane_lease("bolt", "hubspot", "n", 9, 1),
            lane_release("bolt", "hubspot", "n"),
            lane_report("bolt", "hubspot", &LaneReport::default()),
            review_decide_if_open("bolt", "r1", "digest", decision),
            plan_scrub("bolt", "plan1", "{}"),
            review_scrub("bolt", "r1", "{}", None),
            review_void_if_open("bolt", "r1", 9),
            attempts_scrub("bolt", "e1", "erased"),
            idempotency_expire("bolt", 9_999),
            clause_wait_done("bolt", "urgency", "i1"),
            alarm_clear("bolt", "quarantine", "c1", 9),
            roster_end_if("bolt", "location", "l1", 9),
            rollback_put_off_if("bolt", "rb1", 9),
            rollback_finish_if("bolt", "rb1", 9),
            rollback_item_move_if(&seeds::rollback_item("bolt", "rb1", 1), "planned"),
        ];
        assert_eq!(look!(store, |tx| seen(tx, "acme").await).unwrap(), before);
        store.close().await;
    }
}
