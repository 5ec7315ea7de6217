//! Every statement is prepared on both engines.

use crate::support;

use ringback_store::{Engine, statements};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, SqlSafeStr as _};

#[tokio::test]
async fn every_statement_prepares_on_sqlite() {
    let place = support::Place::sqlite();
    place.open().await.close().await;
    let conn = place.outside();
    let all = statements(Engine::Sqlite);
    assert!(all.len() > 100, "only {} statements are registered", all.len());
    for (name, text) in all {
        conn.prepare(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[tokio::test]
async fn every_statement_prepares_on_postgres() {
    let Some(place) = support::Place::postgres().await else { return };
    place.open().await.close().await;
    let mut conn = sqlx::PgConnection::connect(&place.url).await.unwrap();
    for (name, text) in statements(Engine::Postgres) {
        conn.prepare(AssertSqlSafe(text).into_sql_str()).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// A name stands for one text: the list has none twice, except the row lists, which come in two sizes each.
#[test]
fn names_are_unique() {
    let mut names: Vec<&str> = statements(Engine::Postgres).iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(all - names.len(), 14, "8 multi-row inserts and 6 IN lists are sampled twice");
}

/// Tables that grow with every call.
const GROWING: [&str; 10] = [
    "effects",
    "entries",
    "documents",
    "attempts",
    "signals",
    "calls",
    "inquiries",
    "reviews",
    "plans",
    "field_writes",
];

/// Statements that read more of an index than one thing's part of it, and why they may.
const WIDE: [(&str, &str); 16] = [
    ("DOCUMENTS_EXPIRE", "the index holds what expires, and the bound is the moment"),
    ("EFFECTS_DUE_TIMERS", "the index holds timers that have not gone off, and the bound is the moment"),
    ("EFFECT_NEXT_DUE_AT", "asked by simulations only"),
    ("EFFECTS_DEAD", "the index holds dead letters in the order in which they are shown"),
    ("EFFECTS_COUNT_BY_STATE", "a figure of /metrics"),
    ("EFFECTS_DEAD_COUNT", "the index holds dead letters"),
    ("INQUIRIES_QUEUE", "the index holds what is in the queue in the order in which it is shown"),
    ("INQUIRIES_QUEUE_IN", "the same for some locations"),
    ("INQUIRIES_COUNT", "asked by simulations only"),
    ("QUEUE_COUNTS", "the index holds what is in the queue"),
    ("QUEUE_COUNTS_IN", "the same for some locations"),
    ("REVIEWS_OPEN_COUNT", "the index holds open reviews"),
    ("REVIEWS_OPEN_COUNT_IN", "the same for some locations"),
    ("SIGNALS_DUE", "the index holds signals that are not folded yet"),
    ("SIGNALS_COUNT_BY_STATE", "a figure of /metrics"),
    ("SIGNALS_OLDEST_STORED", "the index holds signals that are not folded yet"),
];

/// A plan that walks through all rows of an account is quick in every test and slow in every house: no statement has one unawares.
#[tokio::test]
async fn no_statement_walks_through_a_growing_table() {
    let place = support::Place::sqlite();
    place.open().await.close().await;
    let conn = place.outside();
    let mut walks = Vec::new();
    for (name, text) in statements(Engine::Sqlite) {
        let mut plan = conn.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
        for at in 1..=plan.parameter_count() {
            plan.raw_bind_parameter(at, 1).unwrap();
        }
        let mut rows = plan.raw_query();
        while let Some(row) = rows.next().unwrap() {
            let line: String = row.get(3).unwrap();
            let of = |table: &&str| line.split(' ').any(|word| word == *table);
            let narrow = line.contains("=? AND") && !line.contains("(account=? AND record>?)");
            if GROWING.iter().any(of) && !narrow && !line.contains("(rowid=?)") {
                walks.push((name, line));
            }
        }
    }
    let unawares: Vec<_> = walks.iter().filter(|(name, _)| WIDE.iter().all(|(wide, _)| wide != name)).collect();
    assert!(unawares.is_empty(), "{unawares:#?}");
    let listed = WIDE.iter().filter(|(wide, _)| walks.iter().any(|(name, _)| name == wide)).count();
    assert_eq!(listed, WIDE.len(), "a statement of the list is not wide any more: {walks:#?}");
}
