//! `contract guarantees`, `contract try`, `contract level`: is the account ready to let more happen by itself, and how much does?

use crate::args::Level;
use crate::commands::user;
use crate::config::{Account, Kind};
use crate::house::House;
use crate::out::{Out, note, table};
use crate::problems::{Exit, Fail};
use ringback_core::contract::Autonomy;
use ringback_core::id::ConnectionId;
use ringback_core::readiness::{Light, Line};
use ringback_core::rights::Act;
use ringback_engine::level::{LevelWish, PlaceLevel};
use ringback_engine::schema_watch::Look;
use serde_json::json;

/// Everything that is seen of the eight; the CRM's fields are compared first.
pub(crate) async fn guarantees(out: Out, house: &House, account: &Account) -> Result<(), Fail> {
    let id = account.id();
    if let Look::NotAsked { why } = house.engine.look_at_schema(&id).await? {
        note(format!("the CRM's own fields were not compared: {why}"));
    }
    let ready = house.engine.readiness(&id).await?;
    let levels = house.engine.levels(&id).await?;
    let red = ready.red();
    let shown = json!({
        "ok": red == 0, "account": account.slug, "guarantees": ready.guarantees, "minimum": ready.minimum,
        "not_ready": ready.not_ready, "decided": ready.decided, "levels": levels,
    });
    out.result(&shown, || {
        let mut text = list("The eight guarantees", &ready.guarantees);
        text.push_str(&list("\nBefore anything is scaled up", &ready.minimum));
        text.push_str(&list("\nReady at all", &ready.not_ready));
        text.push_str(&list("\nDecided in writing, before a pilot", &ready.decided));
        text.push_str("\nHow much happens by itself\n");
        text.push_str(&of_places(&levels));
        text
    });
    if red == 0 {
        return Ok(());
    }
    let what = if red == 1 { "1 guarantee is red".to_owned() } else { format!("{red} guarantees are red") };
    Err(Fail::new(Exit::Check, "RB-0240", what, "run the command that stands beside each red line").told())
}

fn list(title: &str, lines: &[Line]) -> String {
    let mut text = format!("{title}\n");
    for line in lines {
        let light = match line.light {
            Light::Green => "green  ",
            Light::Red => "RED    ",
            Light::Unknown => "unknown",
        };
        text.push_str(&format!("{light}  {}. {}: {}\n", line.n, line.name, line.evidence));
        let (word, command) = if line.mend.is_empty() { ("see ", &line.shows) } else { ("mend", &line.mend) };
        text.push_str(&format!("         {word}: {command}\n"));
    }
    text
}

/// Writes only when told so; else it says what it would make, and fails.
pub(crate) async fn try_out(out: Out, house: &House, account: &Account, name: &str, writes: bool) -> Result<(), Fail> {
    if !account.connections.iter().any(|c| c.connection.name == name && c.kind == Kind::Crm) {
        let all: Vec<&str> =
            account.connections.iter().filter(|c| c.kind == Kind::Crm).map(|c| c.connection.name.as_str()).collect();
        let cure = format!("there are {}", all.join(", "));
        return Err(Fail::new(Exit::Missing, "RB-0313", format!("there is no CRM connection {name:?}"), cure));
    }
    if !writes {
        let would = [
            "makes the properties that the contract writes, where they are missing",
            "makes one person, one call log and one task with a value in every field of the contract; each says rb-try-…",
            "drops the answer of the first write although it was done, and looks whether one record is there",
            "deletes what it made, and says what it could not delete; workflows of the CRM that start on new people will start",
        ];
        let shown = json!({ "connection": name, "would": would, "flag": "--i-know-this-writes" });
        out.result(&shown, || {
            let lines: Vec<String> = would.iter().map(|line| format!("  - {line}")).collect();
            format!("A try of the contract in {name}\n{}", lines.join("\n"))
        });
        let cause = format!("nothing was asked of {name}: a try writes to the CRM");
        let cure = "if it leads to a sandbox, run it again with --i-know-this-writes";
        return Err(Fail::new(Exit::Usage, "RB-0529", cause, cure).told());
    }
    house.apply().await?;
    let ran = house
        .engine
        .try_contract(&account.id(), &ConnectionId::from_text(name), |what| note(format!("… {what}")))
        .await?;
    out.result(&json!({ "connection": name, "ran": ran }), || {
        let mut lines: Vec<String> = ran.did.iter().map(|did| format!("  - {did}")).collect();
        lines.extend(ran.left.iter().map(|left| format!("  not taken away (look for {}): {left}", ran.tag)));
        if let Some(tried) = &ran.tried {
            lines.push(format!("{}: {}", if tried.ok { "well" } else { "NOT WELL" }, tried.sentence));
        }
        lines.join("\n")
    });
    match Fail::of(Exit::Check, vec![(None, ran.problems)]) {
        Some(fail) => Err(fail.told()),
        None => Ok(()),
    }
}

fn of_places(levels: &[PlaceLevel]) -> String {
    let word = |level: Option<Autonomy>| level.map_or("-", Autonomy::word).to_owned();
    let row = |p: &PlaceLevel| {
        let place = if p.place.is_empty() { "everywhere".to_owned() } else { p.place.clone() };
        let since = p.since.map(|at| at.to_string()).unwrap_or_default();
        vec![place, p.holds.word().to_owned(), word(p.contract), word(p.level), since, p.by.clone().unwrap_or_default()]
    };
    let head = ["location", "holds", "contract", "level", "since", "by"];
    table(&head, &levels.iter().map(row).collect::<Vec<_>>())
}

/// Shows how much happens by itself, or sets how much may at most.
pub(crate) async fn level(out: Out, house: &House, account: &Account, asked: &Level) -> Result<(), Fail> {
    let id = account.id();
    let levels = match &asked.level {
        None => house.engine.levels(&id).await?,
        Some(word) => {
            let Some(level) = Autonomy::of(word) else {
                let all = Autonomy::LADDER.map(Autonomy::word).join(", ");
                let cause = format!("{word:?} is no level");
                return Err(Fail::new(Exit::Usage, "RB-0313", cause, format!("there are {all}")));
            };
            let by = user::acting(house, account, asked.by.as_deref(), Act::GoLive).await?.as_str().to_owned();
            if let Some(place) = asked.location.as_deref()
                && !account.roster.locations.iter().any(|l| l.slug == place)
            {
                let all: Vec<&str> = account.roster.locations.iter().map(|l| l.slug.as_str()).collect();
                let cause = format!("there is no location {place:?}");
                return Err(Fail::new(Exit::Missing, "RB-0313", cause, format!("there are {}", all.join(", "))));
            }
            let wish = LevelWish {
                workflow: asked.contract.clone(),
                place: asked.location.clone(),
                level,
                by,
                reason: asked.reason.clone(),
                answered: asked.answer_for.clone(),
            };
            house.engine.set_level(&id, &wish).await?
        }
    };
    out.result(&json!({ "account": account.slug, "levels": levels }), || of_places(&levels));
    // A level above the contract's word opens nothing, so nothing was asked of the guarantees.
    let above = |l: &&PlaceLevel| l.contract.zip(l.level).is_some_and(|(says, level)| says < level);
    if let Some(l) = levels.iter().find(above).filter(|_| asked.level.is_some()) {
        note(format!(
            "what holds stays {}, because the contract says so; a version of it that says more is held against the guarantees when it is applied",
            l.holds.word()
        ));
    }
    Ok(())
}
