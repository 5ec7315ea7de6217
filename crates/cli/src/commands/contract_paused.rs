//! `contract paused`: clauses that write nothing until the CRM has their field again.

use crate::config::Account;
use crate::house::House;
use crate::out::{Out, note};
use crate::problems::Fail;
use ringback_engine::schema_watch::{Look, PausedClause};
use serde_json::json;

/// Lists them, after a look at the schema if that is wanted.
pub(crate) async fn run(out: Out, house: &House, account: &Account, look: bool) -> Result<(), Fail> {
    let id = account.id();
    let looked = if look { Some(house.engine.look_at_schema(&id).await?) } else { None };
    if let Some(Look::NotAsked { why }) = &looked {
        note(format!("the schema was not compared: {why}"));
    }
    let paused = house.engine.paused_clauses(&id).await?;
    out.result(&json!({ "account": account.slug, "look": looked, "paused": paused }), || {
        let mut lines: Vec<String> = Vec::new();
        if let Some(Look::Done { resumed, .. }) = &looked {
            lines.extend(resumed.iter().map(|p| format!("{} goes on: {} is there again", p.clause, p.to)));
        }
        lines.extend(paused.iter().map(shown));
        if paused.is_empty() {
            lines.push("no clause is paused".to_owned());
        }
        lines.join("\n")
    });
    Ok(())
}

/// One paused clause in three lines.
fn shown(paused: &PausedClause) -> String {
    let waits = match paused.waiting {
        0 => "nothing waits for it".to_owned(),
        1 => "1 inquiry waits for it".to_owned(),
        n => format!("{n} inquiries wait for it"),
    };
    let p = &paused.pause;
    format!("{} is paused since {} ({waits})\n  {} {}\n  hint: {}", p.clause, paused.since, p.code, p.cause, p.cure)
}
