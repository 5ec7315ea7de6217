//! `contract backtest`: what a draft would have done with the calls that were recorded.

use crate::args::Backtest as Asked;
use crate::commands::contract::{meant, read};
use crate::commands::reconcile::moment;
use crate::config::Account;
use crate::house::House;
use crate::out::{Out, table};
use crate::problems::{Exit, Fail};
use ringback_core::backtest::{Bucket, Counts, Decision, Example, How, Person, Tally};
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
            Fail::new(Exit::Missing, "RB-0313", format!("there is no location {slug:?}"), format!("known are {}", known()))
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
        "The draft of {} against {} version {}: {} inquiries ({} calls) since {}.",
        found.draft, found.in_force.name, found.in_force.version, report.inquiries, report.calls, found.since
    )];
    lines.extend(apart(found));
    if report.inquiries == 0 {
        lines.push("No call was recorded in that time, so nothing can be said.".into());
        return lines.join("\n");
    }
    lines.push(String::new());
    lines.extend(totals(report.total, report.owner_differs, report.match_differs));
    if !report.fields.is_empty() {
        lines.push(String::new());
        lines.push(by_field(found));
    }
    for (bucket, examples) in &report.examples {
        lines.push(String::new());
        lines.push(format!("{}, for example:", title(*bucket)));
        lines.extend(examples.iter().take(SHOWN_MAX).flat_map(|e| example(e, console)));
    }
    if let Some(wrong) = &report.wrong {
        lines.push(String::new());
        lines.push("Here the draft would have been wrong:".into());
        lines.extend(example(wrong, console));
    }
    lines.join("\n")
}

/// What could not be rehearsed, said apart.
fn apart(found: &Backtest) -> Vec<String> {
    let report = &found.report;
    let mut lines = Vec::new();
    if found.more {
        lines.push("Older inquiries of that time were left out, as was asked for.".to_owned());
    }
    if report.expired > 0 {
        lines.push(format!("Of {} more the words are gone, so nothing is known of them.", report.expired));
    }
    if report.unreadable > 0 {
        lines.push(format!("The record of {} more cannot be read: `ringback audit verify` tells why.", report.unreadable));
    }
    lines
}

fn totals(total: Counts, owners: u64, matches: u64) -> Vec<String> {
    if total == (Counts { written_draft: total.written_now, reviewed_draft: total.reviewed_now, ..unchanged(total) })
        && owners + matches == 0
    {
        return vec!["The draft would have decided the same.".to_owned()];
    }
    let mut lines = vec!["The draft would have".to_owned()];
    let judged = |t: Tally, was: &str| match (t.corrected, t.confirmed) {
        (0, 0) => String::new(),
        (wrong, right) => format!(": a person later {was} {wrong} of them otherwise, and {right} just so"),
    };
    for (tally, what, was) in [
        (total.more_written, "written {n} more", "set"),
        (total.fewer_written, "not written {n} that were written", "set"),
        (total.otherwise_written, "written {n} with another value", "set"),
        (total.newly_reviewed, "asked a person about {n} more", "wanted"),
        (total.no_longer_reviewed, "not asked about {n} that a person was asked about", "wanted"),
    ] {
        if tally.n > 0 {
            lines.push(format!("  {}{}", what.replace("{n}", &values(tally.n)), judged(tally, was)));
        }
    }
    if owners > 0 {
        lines.push(format!("  given {owners} inquiries to another owner"));
    }
    if matches > 0 {
        lines.push(format!("  taken the caller of {matches} inquiries for somebody else"));
    }
    if total.unknown > 0 {
        let of = values(total.unknown);
        lines.push(format!("Of {of} it is not known: they depend on a property of the record that was not read then."));
    }
    lines
}

/// The same counts without any difference.
fn unchanged(total: Counts) -> Counts {
    Counts { written_now: total.written_now, reviewed_now: total.reviewed_now, ..Counts::default() }
}

fn values(n: u64) -> String {
    if n == 1 { "1 value".to_owned() } else { format!("{n} values") }
}

fn by_field(found: &Backtest) -> String {
    let cell = |t: Tally| match (t.n, t.corrected) {
        (0, _) => "–".to_owned(),
        (n, 0) => n.to_string(),
        (n, corrected) => format!("{n} ({corrected} corrected)"),
    };
    let change = |was: u64, is: u64| if was == is { was.to_string() } else { format!("{was} → {is}") };
    let row = |(field, c): (&String, &Counts)| {
        vec![
            field.clone(),
            change(c.written_now.n, c.written_draft.n),
            change(c.reviewed_now, c.reviewed_draft),
            cell(c.more_written),
            cell(c.fewer_written),
            cell(c.otherwise_written),
            cell(c.newly_reviewed),
            cell(c.no_longer_reviewed),
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
    table(&head, &found.report.fields.iter().map(row).collect::<Vec<_>>())
}

fn title(bucket: Bucket) -> &'static str {
    match bucket {
        Bucket::MoreWritten => "Written by the draft only",
        Bucket::FewerWritten => "Not written by the draft any more",
        Bucket::OtherwiseWritten => "Written with another value",
        Bucket::NewlyReviewed => "Newly put to a person",
        Bucket::NoLongerReviewed => "No longer put to a person",
        Bucket::Unknown => "Not known",
    }
}

/// One case in sentences, with the way to it.
fn example(example: &Example, console: &str) -> Vec<String> {
    let mut lines = vec![format!("  {} {}, {console}/inquiries/{}", example.field, example.at, example.inquiry)];
    if let Some(quote) = &example.quote {
        let sure = example.confidence.map(|c| format!(" ({}.{} % sure)", c / 10, c % 10)).unwrap_or_default();
        lines.push(format!("    the caller said  “{}”{sure}", quote.trim()));
    }
    lines.push(format!("    in force         {}", decision(&example.now)));
    lines.push(format!("    draft            {}", decision(&example.draft)));
    if let Some(person) = &example.person {
        lines.push(format!("    a person         {}", made_of(person)));
    }
    lines
}

fn decision(of: &Decision) -> String {
    let value = of.value.as_deref().filter(|_| of.verdict != "keep").map(|v| format!(" {v:?}")).unwrap_or_default();
    match (&of.clause, &of.reason) {
        (Some(clause), Some(reason)) => format!("{}{value}: {reason} ({clause})", of.verdict),
        _ => "says nothing of it".to_owned(),
    }
}

fn made_of(person: &Person) -> String {
    let value = person.value.as_deref().unwrap_or_default();
    match person.how {
        How::Answered(_) if person.agrees => format!("wanted just that, at {}", person.at),
        How::Answered(_) if value.is_empty() => format!("said no, at {}", person.at),
        How::Answered(_) => format!("put {value:?} instead, at {}", person.at),
        How::SetInCrm if person.agrees => format!("set just that in the CRM, at {}", person.at),
        How::SetInCrm => format!("set {value:?} in the CRM, at {}", person.at),
    }
}
