//! `rollback`: what would go back, taking it back, how far it has come, and letting it happen by itself again.

use crate::args::{Rollback, RollbackRun, RollbackScope};
use crate::commands::{reconcile, user};
use crate::config::Account;
use crate::house::House;
use crate::out::{Out, table};
use crate::problems::Fail;
use ringback_core::id::{InquiryId, RollbackId};
use ringback_core::rights::Act;
use ringback_core::rollback::Scope;
use ringback_engine::prove;
use ringback_engine::rollback::{Held, Item, Preview, Rollback as Shown};
use ringback_store::Before;
use serde_json::json;

/// Rollbacks listed.
const ROWS_MAX: u32 = 100;
/// Runs one of them.
pub(crate) async fn run(out: Out, house: &House, account: &Account, command: &Rollback) -> Result<(), Fail> {
    let id = account.id();
    match command {
        Rollback::Preview(scope) => {
            let scope = read_scope(house, account, scope).await?;
            let preview = house.engine.preview_rollback(&id, &scope).await?;
            out.result(&preview, || shown(&preview));
        }
        Rollback::Run(run) => begin(out, house, account, run).await?,
        Rollback::Show { id: name } => {
            let rollback = house.engine.rollback(&id, &RollbackId::from_text(name)).await?;
            out.result(&rollback, || told(&rollback));
        }
        Rollback::List => {
            let all = house.engine.rollbacks(&id, ROWS_MAX, &Before::end()).await?;
            let holds = house.engine.holds(&id).await?;
            out.result(&json!({ "rollbacks": all, "holds": holds }), || listed(&all, &holds));
        }
        Rollback::Lift { id: name, field, reason, by } => {
            let who = user::acting(house, account, by.as_deref(), Act::LiftHold).await?;
            let rollback = RollbackId::from_text(name);
            let lifted = house.engine.lift_holds(&id, &rollback, field.as_deref(), reason, &who).await?;
            out.result(&json!({ "rollback": name, "lifted": lifted }), || {
                format!("{lifted} actions may happen by themselves again, a few seconds from now")
            });
        }
    }
    Ok(())
}

async fn begin(out: Out, house: &House, account: &Account, run: &RollbackRun) -> Result<(), Fail> {
    let who = user::acting(house, account, run.by.as_deref(), Act::Rollback).await?;
    let scope = read_scope(house, account, &run.scope).await?;
    let engine = &house.engine;
    let id = engine.start_rollback(&account.id(), &scope, &run.digest, &run.reason, &who).await?;
    out.result(&json!({ "id": id, "started": true }), || {
        format!("{id} has begun and goes on by itself; `ringback rollback show {id}` says how far it has come")
    });
    Ok(())
}

async fn read_scope(house: &House, account: &Account, asked: &RollbackScope) -> Result<Scope, Fail> {
    let facts = house.engine.facts(&account.id()).await?;
    let (zone, now) = (prove::zone(&facts), house.engine.now());
    let moment = |text: &Option<String>| text.as_deref().map(|text| reconcile::moment(text, &zone, now)).transpose();
    Ok(Scope {
        inquiry: asked.inquiry.as_ref().map(InquiryId::from_text),
        field: asked.field.clone(),
        source: asked.source.clone(),
        contract: asked.contract.clone(),
        version: asked.contract_version,
        since: moment(&asked.since)?,
        until: moment(&asked.until)?,
    })
}

/// An empty value has to be seen.
fn value(text: Option<&str>) -> String {
    match text {
        None => "?".into(),
        Some("") => "(nothing)".into(),
        Some(text) => text.to_owned(),
    }
}

fn shown(preview: &Preview) -> String {
    if preview.fields.is_empty() {
        return format!("nothing was written that fits: {}", preview.scope.words());
    }
    let cells = |f: &ringback_engine::rollback::Shown| {
        let name = if f.field.is_empty() { &f.property } else { &f.field };
        let became = match f.spared {
            Some(why) => format!("stays: {}", why.words()),
            None => format!("→ {}", value(f.back.as_deref())),
        };
        vec![
            format!("{} {}", f.object.as_str(), f.record),
            name.clone(),
            format!("v{}", f.version),
            value(f.wrote.as_deref()),
            value(f.now.as_deref()),
            became,
            f.owner.clone().unwrap_or_else(|| "nobody".into()),
        ]
    };
    let rows: Vec<Vec<String>> = preview.fields.iter().map(cells).collect();
    let mut lines = vec![
        format!("{}:", preview.scope.words()),
        String::new(),
        table(&["record", "field", "by", "we wrote", "stands now", "becomes", "owner"], &rows),
        String::new(),
        format!(
            "{} values on {} records go back, {} stay as they stand.",
            preview.agreed.restored, preview.agreed.records, preview.agreed.spared
        ),
    ];
    lines.extend(preview.agreed.tells.iter().map(|t| match &t.staff {
        Some(_) => format!("{} is told of {} records.", t.name, t.records),
        None => format!("{} records belong to nobody who could be told.", t.records),
    }));
    if !preview.agreed.holds.is_empty() {
        lines.push(format!("Held for review from now on: {}.", preview.agreed.holds.join(", ")));
    }
    if !preview.agreed.consequences.is_empty() {
        lines.push("What the values had set off already, and what no rollback takes back:".into());
        for one in &preview.agreed.consequences {
            let mark = if one.irreversible { "irreversible" } else { "by hand" };
            lines.push(format!("  {} {} ({mark}): {}", one.at, one.inquiry, one.words));
        }
    }
    lines.extend(preview.unread.iter().map(|why| format!("Not read: {why}")));
    lines.push(String::new());
    lines.push(format!("To do exactly this: ringback rollback run … --digest {} --reason \"…\"", preview.digest));
    lines.join("\n")
}

fn told(rollback: &Shown) -> String {
    let mut lines = vec![
        format!("{} ({}): {}", rollback.id, rollback.state, rollback.scope.words()),
        format!("begun {} by {}: {}", rollback.started_at, rollback.by, rollback.reason),
        format!(
            "{} values stand as before again, {} were left as they stood, {} records need a person",
            rollback.back, rollback.left, rollback.dead
        ),
        String::new(),
    ];
    let cells = |item: &Item| {
        let one = |f: &ringback_engine::rollback::ItemField| {
            let name = if f.field.is_empty() { &f.property } else { &f.field };
            f.spared.map_or_else(|| name.clone(), |why| format!("{name} (stays: {})", why.words()))
        };
        let fields: Vec<String> = item.fields.iter().map(one).collect();
        vec![
            format!("{} {}", item.object, item.record),
            item.state.clone(),
            fields.join(", "),
            item.inquiry.as_str().to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = rollback.items.iter().map(cells).collect();
    lines.push(table(&["record", "state", "fields", "inquiry"], &rows));
    lines.join("\n")
}

fn listed(all: &[Shown], holds: &[Held]) -> String {
    if all.is_empty() {
        return "nothing was rolled back".to_owned();
    }
    let cells = |r: &Shown| {
        let figures = format!("{} back, {} left, {} dead", r.back, r.left, r.dead);
        vec![r.id.as_str().to_owned(), r.state.clone(), r.started_at.to_string(), figures, r.scope.words()]
    };
    let rows: Vec<Vec<String>> = all.iter().map(cells).collect();
    let mut shown = table(&["id", "state", "begun", "values", "what"], &rows);
    if !holds.is_empty() {
        shown.push_str("\n\nHeld for review:\n\n");
        let cells = |held: &Held| {
            let until = held.hold.until.map_or_else(|| "until somebody lifts it".into(), |at| format!("until {at}"));
            vec![held.hold.rollback.as_str().to_owned(), held.hold.to.clone(), held.hold.since.to_string(), until]
        };
        let rows: Vec<Vec<String>> = holds.iter().map(cells).collect();
        shown.push_str(&table(&["rollback", "what", "since", "until"], &rows));
    }
    shown
}
