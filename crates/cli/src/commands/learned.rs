//! `contract learned`, `contract promote`, `review weekly`: what people's answers say of the rules, and the version that a person makes of it.

use crate::args::Promote;
use crate::commands::contract_apply::line;
use crate::commands::user;
use crate::config::Account;
use crate::house::House;
use crate::out::{Out, table};
use crate::problems::{Exit, Fail, Source};
use ringback_core::promotion::Offer;
use ringback_core::rights::Act;
use ringback_engine::contracts::Answer;
use ringback_engine::counters::{Handoff, Learned, OfClause, window};
use ringback_engine::promotion::{Drafted, Promotions};
use ringback_engine::spot::Checks;
use ringback_engine::weekly::{Corrected, Weekly};
use serde_json::json;

/// The counters, and what is offered.
pub(crate) async fn learned(out: Out, house: &House, account: &Account, days: u32) -> Result<(), Fail> {
    let (id, until) = (account.id(), house.engine.now());
    let learned = house.engine.learned(&id, window(days, until), until).await?;
    let promotions = house.engine.promotions(&id).await?;
    out.result(&json!({ "learned": learned, "promotions": promotions }), || {
        format!("{}\n\n{}", counted(&learned), earned(&promotions))
    });
    Ok(())
}

/// What is looked at once a week.
pub(crate) async fn weekly(out: Out, house: &House, account: &Account, days: u32) -> Result<(), Fail> {
    let until = house.engine.now();
    let weekly = house.engine.weekly(&account.id(), window(days, until), until).await?;
    out.result(&weekly, || {
        let Weekly { learned, corrected, corrected_more, uncertain, handoffs, promotions, checks } = &weekly;
        [
            counted(learned),
            put_right(corrected, *corrected_more),
            asked(uncertain),
            handed(handoffs),
            asking(promotions),
            earned(promotions),
            checked(checks, &learned.clauses),
        ]
        .join("\n\n")
    });
    Ok(())
}

fn counted(learned: &Learned) -> String {
    let Learned { since, until, total, clauses, cut, .. } = learned;
    let mut said = format!(
        "From {since} to {until}: {} accepted, {} edited, {} rejected, {} false duplicate alerts, {} routing corrections, {} missing",
        total.accepted, total.edited, total.rejected, total.false_duplicates, total.routing_corrections, total.missing
    );
    if !cut.is_empty() {
        said.push_str(&format!("\nonly the newest are counted of: {}", cut.join(", ")));
    }
    let row = |of: &OfClause| {
        let six = of.six;
        let cells =
            [six.accepted, six.edited, six.rejected, six.false_duplicates, six.routing_corrections, six.missing];
        let more = [of.waiting, of.written, of.corrected, of.checked, of.wrong];
        [of.clause.clone()].into_iter().chain(cells.iter().chain(&more).map(u64::to_string)).collect()
    };
    let rows: Vec<Vec<String>> = clauses.iter().map(row).collect();
    if !rows.is_empty() {
        let head = [
            "clause",
            "accepted",
            "edited",
            "rejected",
            "false dup.",
            "routing",
            "missing",
            "waiting",
            "written",
            "corrected",
            "checked",
            "wrong",
        ];
        said.push('\n');
        said.push_str(&table(&head, &rows));
    }
    said
}

fn put_right(corrected: &[Corrected], more: bool) -> String {
    if corrected.is_empty() {
        return "Nobody put another value in place of one of ours".to_owned();
    }
    let text = |value: &Option<String>, none: &str| value.clone().unwrap_or_else(|| none.to_owned());
    let row = |one: &Corrected| {
        let (wrote, instead) = (text(&one.wrote, "not kept"), text(&one.instead, "nobody said"));
        vec![one.at.to_string(), one.field.clone(), wrote, instead, one.seen.clone(), one.inquiry.as_str().to_owned()]
    };
    let head = ["seen", "field", "wrote", "instead", "how", "inquiry"];
    let heading = if more { "The newest updates that were corrected" } else { "Updates that were corrected" };
    format!("{heading}\n{}", table(&head, &corrected.iter().map(row).collect::<Vec<_>>()))
}

fn asked(uncertain: &[OfClause]) -> String {
    if uncertain.is_empty() {
        return "No rule asked anybody".to_owned();
    }
    let because =
        |of: &OfClause| of.because.iter().map(|(word, n)| format!("{word} {n}")).collect::<Vec<_>>().join(", ");
    let row = |of: &OfClause| vec![of.clause.clone(), of.asked().to_string(), of.waiting.to_string(), because(of)];
    let rows: Vec<Vec<String>> = uncertain.iter().map(row).collect();
    format!("Rules that were uncertain\n{}", table(&["clause", "asked", "waiting", "because"], &rows))
}

fn handed(handoffs: &[Handoff]) -> String {
    if handoffs.is_empty() {
        return "No inquiry was given to anybody".to_owned();
    }
    let row = |h: &Handoff| {
        let heard = if h.heard { "with the caller's words" } else { "without a message" };
        let counts = [h.given, h.in_time, h.reached, h.late, h.waiting].map(|n| n.to_string());
        [h.rule.clone(), heard.to_owned()].into_iter().chain(counts).collect()
    };
    let head = ["rule", "brief", "given", "in time", "and reached", "late", "not due"];
    format!("Handoffs that helped\n{}", table(&head, &handoffs.iter().map(row).collect::<Vec<_>>()))
}

fn asking(promotions: &Promotions) -> String {
    let mut lines = vec!["What goes on asking".to_owned()];
    for one in &promotions.workflows {
        let why = one.keeps.clone().unwrap_or_else(|| "its figures stand above the bars".to_owned());
        lines.push(format!("  {} ({}): {why}", one.name, one.level));
    }
    lines.extend(promotions.again.iter().map(|one| format!("  field.{}: {}", one.field, one.sentence)));
    lines.join("\n")
}

fn earned(promotions: &Promotions) -> String {
    let mut lines = Vec::new();
    if promotions.offers.is_empty() {
        lines.push("No field has earned it yet to be written without a question".to_owned());
    }
    lines.extend(promotions.offers.iter().map(offer));
    if promotions.offers.iter().any(|offer| offer.first.is_none()) {
        lines.push(
            "“ringback contract promote FIELD …” shows the version that would come of it; nothing happens by itself."
                .to_owned(),
        );
    }
    lines.extend(promotions.stays.iter().map(|one| format!("  field.{} stays: {}", one.field, one.why.join("; "))));
    lines.join("\n")
}

fn offer(offer: &Offer) -> String {
    let first = offer.first.as_ref().map_or_else(String::new, |first| format!("\n    first: {first}"));
    format!("  field.{} ({}): {}{first}", offer.field, offer.kind.word().replace('_', " "), offer.sentence)
}

fn checked(checks: &Checks, clauses: &[OfClause]) -> String {
    let mut said = match checks.last {
        Some(last) => format!(
            "Spot-check: drawn {last}, the next one {}; {} values wait for a verdict",
            checks.next, checks.waiting
        ),
        None => format!("Spot-check: the first sample is drawn {}", checks.next),
    };
    for of in clauses.iter().filter(|of| of.checked > 0) {
        said.push_str(&format!("\n  {}: {} wrong of {} checked", of.clause, of.wrong, of.checked));
    }
    said
}

/// Shows the version that would come of it, or makes it.
pub(crate) async fn promote(out: Out, house: &House, account: &Account, asked: &Promote) -> Result<(), Fail> {
    let id = account.id();
    let fields: Vec<String> = asked.fields.iter().map(|f| f.trim_start_matches("field.").to_owned()).collect();
    let Some((digest, base)) = asked.confirm.as_deref().zip(asked.base) else {
        let drafted = house.engine.draft_promotion(&id, &fields).await?;
        out.result(&drafted, || drawn(&drafted, &fields));
        return Ok(());
    };
    let by = asked.by.as_deref();
    user::acting(house, account, by, Act::EditContract).await?;
    let who = user::acting(house, account, by, Act::GoLive).await?;
    let (answer, text) = house.engine.promote(&id, &fields, (base, digest), who.as_str()).await?;
    match answer {
        Answer::Applied { row, changes, .. } => {
            out.result(&json!({ "contract": row.name, "version": row.version, "changes": changes }), || {
                let mut lines = vec![format!("{} is in force in version {}", row.name, row.version)];
                lines.extend(changes.iter().map(line));
                lines.push(
                    "A file that the settings name is behind it now: `ringback contract show` gives what is in force."
                        .to_owned(),
                );
                lines.join("\n")
            });
            Ok(())
        }
        Answer::Same(row) => {
            out.result(&json!({ "contract": row.name, "version": row.version, "changes": [] }), || {
                format!("{} version {} says so already", row.name, row.version)
            });
            Ok(())
        }
        Answer::Refused(refused) => {
            let problem = refused.problem("then look at the offer again");
            Err(Fail::new(Exit::Missing, problem.code, problem.cause, problem.cure))
        }
        Answer::Clashes(problems) => {
            let source = Source { path: "the next version".to_owned(), text };
            Fail::of(Exit::Check, vec![(Some(source), problems)]).map_or(Ok(()), Err)
        }
        Answer::NotReady(problems) => Fail::of(Exit::Check, vec![(None, problems)]).map_or(Ok(()), Err),
    }
}

fn drawn(drafted: &Drafted, fields: &[String]) -> String {
    let mut lines: Vec<String> = drafted.offers.iter().map(offer).collect();
    lines.push(format!("The next version, made from version {}:", drafted.base));
    lines.extend(drafted.changes.iter().map(line));
    for l in &drafted.lines {
        lines.extend(l.was.iter().map(|was| format!("  {:>4} - {was}", l.n)));
        lines.push(format!("  {:>4} + {}", l.n, l.is));
    }
    lines.push(format!(
        "Nothing was changed. To make it: `ringback contract promote {} --base {} --confirm {}`",
        fields.join(" "),
        drafted.base,
        drafted.digest
    ));
    lines.join("\n")
}
