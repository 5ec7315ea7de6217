//! `contract apply`: the command line's way to the one door of contracts.

use crate::args::Apply;
use crate::commands::contract::{meant, read, tested};
use crate::commands::user;
use crate::config::Account;
use crate::config::apply::whole;
use crate::house::House;
use crate::out::{Out, note};
use crate::problems::{Exit, Fail, Source};
use ringback_core::contract::Autonomy;
use ringback_core::contract::diff::{Change, Way};
use ringback_core::rights::Act;
use ringback_engine::contracts::{Answer, Base, By, Fit, Refused, Stands, Wish};
use serde_json::json;

/// Applies a file, if it was made from what is in force.
pub(crate) async fn run(out: Out, house: &House, account: &Account, asked: &Apply) -> Result<(), Fail> {
    let file = meant(asked.file.as_deref(), Some(account))?;
    let (text, contract) = read(&file, Some(account))?;
    tested(&file, &text, &contract, Some(account))?;
    let who = user::acting(house, account, asked.by.as_deref(), Act::EditContract).await?.as_str().to_owned();
    let id = account.id();
    match house.engine.fit_contract(&id, &contract, &text).await? {
        Fit::Fits => {}
        Fit::NotAsked { why, .. } => note(format!("the CRM's own properties were not compared: {why}")),
        Fit::Problems(problems) => {
            let source = Source { path: file.display().to_string(), text };
            return match Fail::of(Exit::Check, vec![(Some(source), problems)]) {
                Some(fail) => Err(fail),
                None => Ok(()),
            };
        }
    }
    if !house.engine.raises(&id, &contract).await?.is_empty() {
        user::acting(house, account, asked.by.as_deref(), Act::GoLive).await?;
    }
    let base = asked.base.map_or(Base::Unsaid, Base::Version);
    let source = Source { path: file.display().to_string(), text: text.clone() };
    let wish = Wish { text, contract, base, by: By { who, file: Some(whole(&file)) } };
    let answer = house.engine.apply_contract(&id, &wish).await?;
    let same = matches!(answer, Answer::Same(_));
    let (row, changes, decides_calls) = match answer {
        Answer::Applied { row, changes, decides_calls } => (row, changes, decides_calls),
        Answer::Same(row) => (row, Vec::new(), true),
        Answer::Refused(refused) => return Err(moved_on(out, account, &refused)),
        Answer::Clashes(problems) => {
            return Fail::of(Exit::Check, vec![(Some(source), problems)]).map_or(Ok(()), Err);
        }
        Answer::NotReady(problems) => return Fail::of(Exit::Check, vec![(None, problems)]).map_or(Ok(()), Err),
    };
    // What it says and the account does not let happen yet is told with the step that is left.
    let levels = if decides_calls { house.engine.levels(&id).await? } else { Vec::new() };
    let lower = levels.iter().find(|l| l.place.is_empty()).filter(|l| l.contract.is_some_and(|says| says > l.holds));
    let waiting: Vec<String> = match lower {
        Some(_) => {
            let facts = house.engine.facts(&id).await?;
            facts.contract.held_back(&facts.standing.levels).into_iter().map(str::to_owned).collect()
        }
        None => Vec::new(),
    };
    let shown = json!({
        "account": account.slug, "contract": row.name, "version": row.version, "digest": row.digest, "changes": changes,
        "same": same, "decides_calls": decides_calls, "holds": lower.map(|l| l.holds), "waiting": waiting,
    });
    out.result(&shown, || {
        let mut lines = vec![if same {
            format!("nothing to do: this is what version {} of {} says, which is in force", row.version, row.name)
        } else {
            format!("{} is in force in version {}", row.name, row.version)
        }];
        lines.extend(changes.iter().map(line));
        if !decides_calls {
            lines.push("It stands beside the contract of calls, which goes on as before.".to_owned());
        }
        if let Some(l) = lower {
            let says = l.contract.map_or("", Autonomy::word);
            lines.push(format!(
                "It says {says}; the account's level lets {} happen by itself. `ringback contract level {says}` raises it, step by step.",
                l.holds.word()
            ));
            if !waiting.is_empty() {
                lines.push(format!("Until then less is done than their clauses say: {}.", waiting.join(", ")));
            }
        }
        lines.join("\n")
    });
    Ok(())
}

/// What the others changed stands on stdout, the refusal on stderr.
fn moved_on(out: Out, account: &Account, refused: &Refused) -> Fail {
    let version = refused.in_force.version;
    let again = match refused.why {
        Stands::Unsaid => format!("if you started from version {version}, say so: --base {version}"),
        Stands::MovedOn | Stands::Older => {
            format!("take what you need into the file, then apply it with --base {version}")
        }
    };
    let problem = refused.problem(&again);
    out.result(&json!({ "ok": false, "account": account.slug, "problems": [problem], "refused": refused }), || {
        let mut lines = Vec::new();
        for one in &refused.since {
            lines.push(format!("version {} by {} at {}", one.version, one.by, one.at));
        }
        if !refused.theirs.is_empty() {
            lines.push("What they changed:".to_owned());
            lines.extend(refused.theirs.iter().map(line));
        }
        lines.push(format!("What this file would change of version {version}:"));
        lines.extend(refused.yours.iter().map(line));
        lines.join("\n")
    });
    let fail = Fail::new(Exit::Missing, problem.code, problem.cause, problem.cure);
    if out.json { fail.told() } else { fail }
}

pub(super) fn line(change: &Change) -> String {
    match change.way {
        Way::Neither => format!("  {}: {}", change.clause, change.text),
        way => format!("  {} ({}): {}", change.clause, way.word(), change.text),
    }
}
