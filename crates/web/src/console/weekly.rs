//! *Weekly review*: which updates were corrected, which rules were uncertain, which handoffs helped, what should go on asking; the counters, the
//! spot-check, and what fields have earned. And the page on which a person makes a version of what was earned.

use super::contract::{Refusal, names, not_raised, wrong};
use super::reviews::because_word;
use super::words::{by_words, feeds, field_word, value_word};
use super::{Fields, Page, Shell, shown};
use crate::App;
use crate::api::learned::{WEEK, span};
use crate::problem::Problem;
use crate::session::{Session, escape_query};
use crate::texts::t;
use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Redirect};
use jiff::{SignedDuration, Timestamp};
use ringback_core::contract::diff::Change;
use ringback_core::contract::edit::Line;
use ringback_core::contract::{Contract, percent};
use ringback_core::promotion::{LowRisk, Offer};
use ringback_core::rights::Act;
use ringback_engine::contracts::Answer;
use ringback_engine::counters::{Handoff, OfClause, Six};
use ringback_engine::promotion::{OfWorkflow, Promotions};
use ringback_engine::weekly::{Corrected, Weekly};
use std::collections::{BTreeMap, HashMap};

/// What a form field that names a field of the contract begins with.
const FIELD: &str = "field:";

/// A value of ours in whose place somebody put another.
struct Replaced {
    field: String,
    wrote: String,
    instead: String,
    at: String,
    by: String,
    seen: &'static str,
    inquiry: String,
    /// Where it can be taken back; empty: somebody has put the right one there.
    back: String,
}

/// A clause with its figures.
struct Figures {
    name: String,
    clause: String,
    because: String,
    asked: u64,
    of: OfClause,
    wrong: String,
}

/// Inquiries that one rule gave to somebody.
struct Given {
    rule: String,
    heard: &'static str,
    of: Handoff,
}

/// A workflow's questions.
struct Asking {
    name: String,
    level: &'static str,
    why: Option<String>,
}

/// Something that was earned.
struct Earned {
    field: String,
    name: String,
    kind: &'static str,
    sentence: String,
    first: Option<String>,
}

#[derive(Template)]
#[template(path = "weekly.html")]
struct Shows {
    shell: Shell,
    span: String,
    /// Other times: word, address, chosen.
    spans: Vec<(String, String, bool)>,
    six: Vec<(&'static str, String)>,
    /// How many were corrected; `100+` where more were than are shown.
    corrected_count: String,
    corrected: Vec<Replaced>,
    uncertain: Vec<Figures>,
    handoffs: Vec<Given>,
    workflows: Vec<Asking>,
    again: Vec<(String, String)>,
    offers: Vec<Earned>,
    stays: Vec<(String, String)>,
    clauses: Vec<Figures>,
    checked: Vec<Figures>,
    checks: String,
    waiting: u64,
    cut: String,
    /// This person may make a version of an offer.
    confirms: bool,
}

#[derive(Template)]
#[template(path = "promotion.html")]
struct Confirm {
    shell: Shell,
    offers: Vec<Earned>,
    changes: Vec<Change>,
    lines: Vec<Line>,
    base: i64,
    digest: String,
    fields: Vec<String>,
    confirms: bool,
    csrf: String,
}

/// `GET /reviews/weekly`.
pub(crate) async fn page(
    State(app): State<App>,
    session: Session,
    Query(query): Query<HashMap<String, String>>,
) -> Page {
    session.need(Act::ReadAll)?;
    let now = app.engine.now();
    let (since, until) = span(&query, WEEK, now)?;
    let found = app.engine.weekly(&session.account, since, until).await?;
    let contract = app.engine.contract(&session.account).await?;
    let rules = contract.as_ref().map(|(_, contract)| contract.as_ref());
    let shell = Shell::of(&app, &session, "reviews", t("weekly.title")).await?;
    let around = Around { session: &session, now, contract: rules, names: names(&app, &session).await? };
    shown(&around.shows(shell, found))
}

/// What the figures are read with.
struct Around<'a> {
    session: &'a Session,
    now: Timestamp,
    contract: Option<&'a Contract>,
    names: BTreeMap<String, String>,
}

impl Around<'_> {
    fn moment(&self, at: Timestamp) -> String {
        self.session.wall(None).moment(at, self.now)
    }

    fn value(&self, field: &str, value: Option<&str>, nothing: &'static str) -> String {
        match value.map(str::trim) {
            None => t(nothing).to_owned(),
            Some("") => t("review.nothing").to_owned(),
            Some(value) => value_word(feeds(self.contract, field), value, self.now, &self.session.wall(None)),
        }
    }

    fn shows(&self, shell: Shell, found: Weekly) -> Shows {
        let (since, until) = (found.learned.since, found.learned.until);
        let days = until.duration_since(since).as_hours() / 24;
        let next = self.moment(found.checks.next);
        let checks = match found.checks.last {
            Some(last) => format!("{} {} · {} {next}", t("weekly.drawn"), self.moment(last), t("weekly.next")),
            None => format!("{} {next}", t("weekly.first")),
        };
        let Promotions { offers, again, stays, workflows, .. } = found.promotions;
        let figures = |of: &OfClause| Self::figures(of);
        let counted = |of: &&OfClause| of.six != Six::default() || of.written + of.corrected + of.waiting > 0;
        let checked = |of: &&OfClause| of.checked > 0;
        Shows {
            shell,
            span: format!("{} – {}", self.moment(since), self.moment(until)),
            spans: self.spans(since, until, days),
            six: six(&found.learned.total, &found.learned.cut),
            corrected_count: figure(found.corrected.len() as u64, found.corrected_more),
            corrected: found.corrected.iter().map(|one| self.replaced(one)).collect(),
            uncertain: found.uncertain.iter().map(figures).collect(),
            handoffs: found.handoffs.into_iter().map(given).collect(),
            workflows: workflows.into_iter().map(asking).collect(),
            again: again.into_iter().map(|one| (field_word(&one.field), one.sentence)).collect(),
            offers: offers.into_iter().map(earned).collect(),
            stays: stays.iter().map(|one| (field_word(&one.field), one.why.join("; "))).collect(),
            clauses: found.learned.clauses.iter().filter(counted).map(figures).collect(),
            checked: found.learned.clauses.iter().filter(checked).map(figures).collect(),
            checks,
            waiting: found.checks.waiting,
            cut: found.learned.cut.join(", "),
            confirms: self.session.may(Act::EditContract) && self.session.may(Act::GoLive),
        }
    }

    fn spans(&self, since: Timestamp, until: Timestamp, days: i64) -> Vec<(String, String, bool)> {
        let at = |until: Timestamp| if until == self.now { String::new() } else { format!("&until={until}") };
        let of =
            |n: i64| (format!("{n} {}", t("weekly.days")), format!("/reviews/weekly?days={n}{}", at(until)), n == days);
        let mut all: Vec<(String, String, bool)> = [7, 28, 90].map(of).to_vec();
        all.push((t("weekly.before").to_owned(), format!("/reviews/weekly?days={days}&until={since}"), false));
        let later = until.checked_add(SignedDuration::from_hours(24 * days)).unwrap_or(until);
        if until < self.now {
            let address = format!("/reviews/weekly?days={days}{}", at(later.min(self.now)));
            all.push((t("weekly.after").to_owned(), address, false));
        }
        all
    }

    fn replaced(&self, one: &Corrected) -> Replaced {
        let checked = one.seen == "spot_check";
        Replaced {
            field: field_word(&one.field),
            wrote: self.value(&one.field, one.wrote.as_deref(), "weekly.gone"),
            instead: self.value(
                &one.field,
                one.instead.as_deref(),
                if checked { "weekly.unsaid" } else { "weekly.gone" },
            ),
            at: self.moment(one.at),
            // Who it was is not always known.
            by: if one.by.is_empty() { String::new() } else { by_words(&self.names, &one.by) },
            seen: t(if checked { "weekly.seen_check" } else { "weekly.seen_crm" }),
            inquiry: one.inquiry.as_str().to_owned(),
            back: if checked { take_back(one.inquiry.as_str(), &one.field) } else { String::new() },
        }
    }

    fn figures(of: &OfClause) -> Figures {
        let because = of.because.iter().map(|(because, n)| format!("{n} {}", reason(because)));
        let wrong = ringback_core::promotion::share(of.wrong, of.checked);
        Figures {
            name: of.field.as_deref().map_or_else(|| clause_word(&of.clause), field_word),
            clause: of.clause.clone(),
            because: because.collect::<Vec<_>>().join(", "),
            asked: of.asked(),
            wrong: wrong.map_or_else(String::new, percent),
            of: of.clone(),
        }
    }
}

/// Where the rollback of one field of one inquiry is shown.
pub(super) fn take_back(inquiry: &str, field: &str) -> String {
    format!("/rollbacks/preview?inquiry={}&field={}", escape_query(inquiry), escape_query(field))
}

/// `100`; `100+` where there are more than were counted.
fn figure(n: u64, more: bool) -> String {
    if more { format!("{n}+") } else { n.to_string() }
}

/// The six counters, each with what it was counted from.
fn six(total: &Six, cut: &[&str]) -> Vec<(&'static str, String)> {
    [
        ("weekly.accepted", total.accepted, "answers"),
        ("weekly.edited", total.edited, "answers"),
        ("weekly.rejected", total.rejected, "answers"),
        ("weekly.false_duplicates", total.false_duplicates, "answers"),
        ("weekly.routing", total.routing_corrections, "given away"),
        ("weekly.missing", total.missing, "inquiries"),
    ]
    .map(|(word, n, from)| (t(word), figure(n, cut.contains(&from))))
    .to_vec()
}

/// What stopped a question, also where it is about no field.
fn reason(because: &str) -> String {
    let id = match because {
        "match" => "weekly.match",
        "no_number" => "weekly.no_number",
        "ambiguous_voicemail" => "weekly.voicemail",
        "owner_tie" => "weekly.owner_tie",
        "owner_change" => "weekly.owner_change",
        "unknown_location" => "weekly.location",
        "doubled" => "weekly.doubled",
        _ => return because_word(because),
    };
    t(id).to_owned()
}

/// The words of a clause that is none of a field.
fn clause_word(clause: &str) -> String {
    let id = match clause.split('.').next().unwrap_or_default() {
        "match" => "weekly.clause_match",
        "owner" => "weekly.clause_owner",
        "roster" => "weekly.clause_roster",
        "intent" => "weekly.clause_intent",
        "workflow" => "weekly.clause_workflow",
        _ => return clause.replace(['_', '.'], " "),
    };
    t(id).to_owned()
}

fn given(of: Handoff) -> Given {
    Given { rule: of.rule.clone(), heard: t(if of.heard { "weekly.heard" } else { "weekly.unheard" }), of }
}

fn asking(of: OfWorkflow) -> Asking {
    let name = if of.title.is_empty() { t("weekly.calls").to_owned() } else { of.title.to_owned() };
    Asking { name, level: of.level, why: of.keeps }
}

fn earned(offer: Offer) -> Earned {
    Earned {
        name: field_word(&offer.field),
        kind: t(match offer.kind {
            LowRisk::SourceTag => "low.source_tag",
            LowRisk::EnrichmentTimestamp => "low.enrichment_timestamp",
            LowRisk::ActivitySummary => "low.activity_summary",
            LowRisk::CampaignMembership => "low.campaign_membership",
            LowRisk::NextStepTask => "low.next_step_task",
        }),
        field: offer.field,
        sentence: offer.sentence,
        first: offer.first,
    }
}

/// The fields that a form names.
fn named(form: &HashMap<String, String>) -> Vec<String> {
    let mut fields: Vec<String> = form.keys().filter_map(|key| key.strip_prefix(FIELD)).map(str::to_owned).collect();
    fields.sort();
    fields
}

/// `GET /contract/promotion`: what would change, before anybody confirmed it.
pub(crate) async fn confirm(
    State(app): State<App>,
    session: Session,
    Query(query): Query<HashMap<String, String>>,
) -> Page {
    session.need(Act::ReadAll)?;
    let fields = named(&query);
    if fields.is_empty() {
        return Err(Problem::bad_parameter("field", t("promote.none")).into());
    }
    let drafted = app.engine.draft_promotion(&session.account, &fields).await?;
    shown(&Confirm {
        shell: Shell::of(&app, &session, "contract", t("promote.title")).await?,
        offers: drafted.offers.into_iter().map(earned).collect(),
        changes: drafted.changes,
        lines: drafted.lines,
        base: drafted.base,
        digest: drafted.digest,
        fields,
        confirms: session.may(Act::EditContract) && session.may(Act::GoLive),
        csrf: session.csrf.clone(),
    })
}

/// `POST /contract/promotion`: a person's word, about exactly the version that was shown.
pub(crate) async fn promote(State(app): State<App>, session: Session, fields: Fields) -> Page {
    session.check_form(&fields.0)?;
    session.need(Act::EditContract)?;
    session.need(Act::GoLive)?;
    let base = fields.get("base").parse::<i64>().map_err(|_| Problem::bad_parameter("base", "it is no number"))?;
    let (named, digest) = (named(&fields.0), fields.get("digest"));
    let by = session.user.as_str();
    let (answer, text) = app.engine.promote(&session.account, &named, (base, digest), by).await?;
    let refused: Refusal = match answer {
        Answer::Applied { .. } | Answer::Same(_) => return Ok(Redirect::to("/contract#versions").into_response()),
        Answer::NotReady(problems) => super::levels::not_ready(&problems),
        Answer::Clashes(problems) => wrong(&text, &problems),
        Answer::Refused(told) => super::contract::moved_on_of(&app, &session, *told).await?,
    };
    not_raised(&app, &session, refused).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_says_that_there_was_more_than_it_counted() {
        let total = Six { accepted: 20_000, missing: 7, ..Six::default() };
        let shown = |cut: &[&str]| six(&total, cut).into_iter().map(|(_, n)| n).collect::<Vec<_>>();
        assert_eq!(shown(&[]), ["20000", "0", "0", "0", "0", "7"]);
        assert_eq!(shown(&["answers"]), ["20000+", "0+", "0+", "0+", "0", "7"]);
        assert_eq!(shown(&["inquiries", "given away"]), ["20000", "0", "0", "0", "0+", "7+"]);
    }
}
