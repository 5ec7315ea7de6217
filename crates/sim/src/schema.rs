//! A schema of its own on a PostgreSQL server, for one run, and its end.

use anyhow::{Context, Result};

/// Makes an empty schema of that name (made of letters, digits and `_` by the caller; what it held is gone); gives the address of a store
/// in it.
pub async fn create(server: &str, name: &str) -> Result<String> {
    execute(server, format!("DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name}")).await?;
    let joint = if server.contains('?') { '&' } else { '?' };
    Ok(format!("{server}{joint}options=-csearch_path%3D{name}"))
}

/// Removes it with all that it holds.
pub async fn drop(server: &str, name: &str) -> Result<()> {
    execute(server, format!("DROP SCHEMA IF EXISTS {name} CASCADE")).await
}

/// The schema's name is made by the program; nothing of it comes from outside.
async fn execute(server: &str, statement: String) -> Result<()> {
    use sqlx::{Connection as _, Executor as _};
    let mut connection = sqlx::PgConnection::connect(server).await.context("PostgreSQL does not answer")?;
    connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(statement))).await?;
    connection.close().await?;
    Ok(())
}
