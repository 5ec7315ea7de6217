//! `contract backtest`: what a draft would have done with the calls that were recorded.

use crate::args::Backtest as Asked;
use crate::commands::contract::{meant, read};
use crate::commands::reconcile::moment;
use crate::config::Account;
use crate::house::House;
use crate::out::{Out, table};
use crate::problems::{Exit, Fail};
use ringback_core::backtest::{Counts, Example};
use ringback_engine::backtest::{Backtest, Progress, Window};
use ringback_engine::{Error, prove};

/// Examples of one kind that are read aloud; JSON has all of them.
const SHOWN_MAX: usize = 3;

/// Rehearses and tells.
pub(crate) async fn run(out: Out, house: &House, account: &Account, asked: &Asked) -> Result<(), Fail> {
    let path = meant(asked.file.as_deref(), Some(account))?;
    let (_, draft) = read(&path, Some(account))?;
    let id = account.id();
    let facts = house.engine.facts(&id).await?;
    let location = asked.location.as_deref().map(|slug| {
        let known = || facts.roster.locations.iter().map(|l| l.slug.as_str()).collect::<Vec<_>>().join(", ");
        facts.roster.locations.iter().find(|l| l.slug == slug).map(|l| l.id.clone()).ok_or_else(|| {
            Fail::new(
                Exit::Missing,
                "RB-0313",
                format!("there is no location {slug:?}"),
                format!("known are {}", known()),
            )
        })
    });
    let window = Window {
        since: moment(&asked.since, &prove::zone(&facts), house.engine.now())?,
        location: location.transpose()?,
        inquiries_max: asked.limit,
    };
    let bar = out.steps();
    bar.set_message("inquiries");
    let tell = |progress: Progress| {
        bar.set_length(progress.of);
        bar.set_position(progress.done);
    };
    let found = house.engine.backtest(&id, &draft, &window, &tell).await;
    bar.finish_and_clear();
    let found = found.map_err(|error| match error {
        Error::Refused(cause) => {
            let cure = "name in the draft's `crm` a connection that the settings have";
            Fail::new(Exit::Check, "RB-0250", cause, cure)
        }
        other => other.into(),
    })?;
    let console = house.engine.settings().console_url.clone();
    out.result(&found, || told(&found, &console));
    Ok(())
}

fn told(found: &Backtest, console: &str) -> String {
    let report = &found.report;
    let mut lines = vec![format!(
        "The draft of {} beside {} version {}, on {} inquiries ({} calls) since {}:",
        found.draft, found.in_force.name, found.in_force.version, report.inquiries, report.calls, found.since
    )];
    if found.more {
        lines.push("Older inquiries of that time were left out, as was asked for.".to_owned());
    }
    lines.extend(report.apart());
    if report.inquiries == 0 {
        lines.push("No call was recorded in that time, so nothing can be said.".into());
        return lines.join("\n");
    }
    lines.extend(found.level.iter().cloned());
    lines.push(String::new());
    lines.extend(report.sentences());
    let same: Vec<&str> = report.fields.iter().filter(|(_, c)| !c.differs()).map(|(f, _)| f.as_str()).collect();
    if same.len() < report.fields.len() {
        lines.push(String::new());
        lines.push(by_field(found));
        if !same.is_empty() {
            lines.push(format!("The same as now: {}.", same.join(", ")));
        }
    }
    for (bucket, examples) in &report.examples {
        lines.push(String::new());
        lines.push(format!("{}, for example:", bucket.title()));
        lines.extend(examples.iter().take(SHOWN_MAX).flat_map(|e| example(e, console)));
    }
    if let Some(wrong) = &report.wrong {
        lines.push(String::new());
        lines.push("Here the draft would have been wrong:".into());
        lines.extend(example(wrong, console));
    }
    lines.join("\n")
}

fn by_field(found: &Backtest) -> String {
    let row = |(field, c): (&String, &Counts)| {
        vec![
            field.clone(),
            c.written(),
            c.asked(),
            c.more_written.cell(),
            c.fewer_written.cell(),
            c.otherwise_written.cell(),
            c.newly_reviewed.cell(),
            c.no_longer_reviewed.cell(),
            if c.unknown == 0 { "–".to_owned() } else { c.unknown.to_string() },
        ]
    };
    let head = [
        "field",
        "written",
        "asked",
        "more written",
        "fewer written",
        "otherwise",
        "newly asked",
        "no longer asked",
        "unknown",
    ];
    table(&head, &found.report.fields.iter().filter(|(_, c)| c.differs()).map(row).collect::<Vec<_>>())
}

/// One case in sentences, with the way to it.
fn example(example: &Example, console: &str) -> Vec<String> {
    let mut lines = vec![format!("  {} {}, {console}/inquiries/{}", example.field, example.at, example.inquiry)];
    if let Some(quote) = &example.quote {
        let sure = example.sure().map(|sure| format!(" ({sure} sure)")).unwrap_or_default();
        lines.push(format!("    the caller said  “{}”{sure}", quote.trim()));
    }
    lines.push(format!("    in force         {}", example.now.sentence()));
    lines.push(format!("    draft            {}", example.draft.sentence()));
    if let Some(person) = &example.person {
        lines.push(format!("    a person         {}, {}", person.sentence(), person.at));
    }
    lines
}
