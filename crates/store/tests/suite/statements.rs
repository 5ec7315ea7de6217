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
    assert_eq!(all - names.len(), 8, "5 multi-row inserts and 3 IN lists are sampled twice");
}
