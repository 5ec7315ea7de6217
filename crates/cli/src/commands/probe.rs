//! `probe`: what a CRM's documents leave open, tried in its sandbox.

use crate::config::{Account, Kind};
use crate::house::House;
use crate::out::{Out, note, table};
use crate::problems::{Exit, Fail};
use ringback_core::id::ConnectionId;
use ringback_engine::probe;
use serde_json::json;

/// What the person asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// Only say what would be made.
    Say,
    /// The CRM is a sandbox and may be written to.
    Write,
    /// What earlier probes found out.
    Show,
}

/// Writes only when told so; else it says what it would make, and fails.
pub(crate) async fn run(out: Out, house: &House, account: &Account, name: &str, how: How) -> Result<(), Fail> {
    let crm = account.connections.iter().find(|c| c.connection.name == name && c.kind == Kind::Crm);
    let Some(crm) = crm.and_then(|c| ringback_connect::crm(&c.connection.vendor)) else {
        let all: Vec<&str> =
            account.connections.iter().filter(|c| c.kind == Kind::Crm).map(|c| c.connection.name.as_str()).collect();
        let cure = format!("there are {}", all.join(", "));
        return Err(Fail::new(Exit::Missing, "RB-0313", format!("there is no CRM connection {name:?}"), cure));
    };
    let id = ConnectionId::from_text(name);
    if how == How::Show {
        let known = probe::known(&house.engine, &account.id(), &id).await?;
        out.result(&json!({ "connection": name, "known": known }), || {
            if known.is_empty() {
                return format!("{name} was never probed");
            }
            table(
                &["question", "answer"],
                &known.iter().map(|k| vec![k.question.clone(), k.value.clone()]).collect::<Vec<_>>(),
            )
        });
        return Ok(());
    }
    let plan = probe::plan(crm);
    if how == How::Say {
        let shown = json!({ "connection": name, "would": plan, "flag": "--i-know-this-writes" });
        out.result(&shown, || format!("A probe of {name}\n{}", bullets(&plan)));
        let cause = format!("nothing was asked of {name}: a probe writes to the CRM");
        let cure = "if it leads to a sandbox, run it again with --i-know-this-writes";
        return Err(Fail::new(Exit::Usage, "RB-0529", cause, cure).told());
    }
    house.apply().await?;
    note(format!("a probe of {name}\n{}", bullets(&plan)));
    let probed = probe::run(&house.engine, &account.id(), &id, |what| note(format!("… {what}"))).await?;
    let shown = json!({ "connection": name, "probed": probed });
    out.result(&shown, || {
        let rows: Vec<Vec<String>> =
            probed.answers.iter().map(|a| vec![a.question.to_owned(), a.value.clone(), a.says.clone()]).collect();
        let mut text = table(&["question", "answer", "what was seen"], &rows);
        text.push_str(&format!("\n\n{} records made in {} exchanges, ", probed.made.len(), probed.exchanges));
        if probed.left.is_empty() {
            text.push_str("all of them removed.");
        } else {
            text.push_str(&format!("not removed (look for {}):\n", probed.tag));
            text.extend(probed.left.iter().map(|left| format!("  {}: {}\n", left.record, left.why)));
        }
        text
    });
    match Fail::of(Exit::Check, vec![(None, probed.problems)]) {
        Some(fail) => Err(fail.told()),
        None => Ok(()),
    }
}

fn bullets(lines: &[String]) -> String {
    lines.iter().map(|line| format!("  - {line}")).collect::<Vec<_>>().join("\n")
}
