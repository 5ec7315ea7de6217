//! What a draft of the contract would have done with the calls that were recorded: pasted or taken from a file, compared, with examples to click.

use super::contract::{Refusal, Text, wrong};
use super::{Fields, Page, Shell, shown};
use crate::App;
use crate::api::contracts::{BACKTEST_DAYS, BACKTEST_DAYS_MAX, BACKTEST_INQUIRIES};
use crate::problem::Problem;
use crate::session::Session;
use crate::texts::t;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use jiff::{SignedDuration, Timestamp};
use ringback_core::backtest::{Counts, Example};
use ringback_core::id::LocationId;
use ringback_core::rights::Act;
use ringback_engine::backtest::{Backtest, Window};
use ringback_engine::contracts::check;

#[derive(Template)]
#[template(path = "backtest.html")]
struct Try {
    shell: Shell,
    csrf: String,
    text: Text,
    days: u32,
    /// Slug, name, chosen.
    places: Vec<(String, String, bool)>,
    refusal: Option<Refusal>,
    found: Option<Found>,
}

/// What was found, in words.
struct Found {
    heading: String,
    /// At which level both were compared, and what the draft says of it otherwise.
    level: Vec<String>,
    sentences: Vec<String>,
    /// More inquiries than are tried at once.
    more: bool,
    none: bool,
    /// Those that differ.
    fields: Vec<(String, Counts)>,
    /// The names of the others.
    same: String,
    wrong: Option<Shown>,
    buckets: Vec<(&'static str, Vec<Shown>)>,
}

/// One case.
struct Shown {
    inquiry: String,
    field: String,
    at: String,
    quote: Option<String>,
    sure: String,
    now: String,
    draft: String,
    person: Option<String>,
}

/// `GET /contract/backtest`: the text in force, to begin with.
pub(crate) async fn page(State(app): State<App>, session: Session) -> Page {
    session.need(Act::ReadAll)?;
    let rows = app.engine.contract_versions(&session.account).await?;
    let in_force = app.engine.contract(&session.account).await?;
    let row = in_force.as_ref().and_then(|(named, _)| rows.iter().find(|row| row.id == named.id.as_str()));
    let text = row.map_or_else(|| ringback_core::contract::DEFAULT_TEXT.to_owned(), |row| row.source.clone());
    shown(&look(&app, &session, text, BACKTEST_DAYS, "").await?)
}

/// `POST /contract/backtest`. Reads only.
pub(crate) async fn run(State(app): State<App>, session: Session, fields: Fields) -> Page {
    session.check_form(&fields.0)?;
    session.need(Act::ReadAll)?;
    let text = fields.0.get("text").cloned().unwrap_or_default().replace("\r\n", "\n");
    let days = match fields.get("days") {
        "" => BACKTEST_DAYS,
        days => days.parse::<u32>().map_err(|_| Problem::bad_parameter("days", "it is no number of days"))?,
    };
    let days = days.clamp(1, BACKTEST_DAYS_MAX);
    let place = fields.get("location");
    let page = look(&app, &session, text.clone(), days, place).await?;
    let roster = app.engine.roster(&session.account).await?;
    let draft = match check(&text, &roster) {
        Ok(draft) => draft,
        Err(problems) => {
            let refusal = wrong(&text, &problems);
            let page = Try { text: Text::of(text, Some(&refusal)), refusal: Some(refusal), ..page };
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, shown(&page)?).into_response());
        }
    };
    let now = app.engine.now();
    let window = Window {
        since: now.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::UNIX_EPOCH),
        location: roster.locations.iter().find(|l| l.slug == place).map(|l| l.id.clone()),
        inquiries_max: Some(BACKTEST_INQUIRIES),
    };
    let found = app.engine.backtest(&session.account, &draft, &window, &|_| {}).await.map_err(Problem::of_trial)?;
    shown(&Try { found: Some(told(&session, &found, now)), ..page })
}

async fn look(app: &App, session: &Session, text: String, days: u32, place: &str) -> Result<Try, Problem> {
    let roster = app.engine.roster(&session.account).await?;
    let places = roster.locations.iter().map(|l| (l.slug.clone(), l.name.clone(), l.slug == place)).collect();
    Ok(Try {
        shell: Shell::of(app, session, "contract", t("backtest.title")).await?,
        csrf: session.csrf.clone(),
        text: Text::of(text, None),
        days,
        places,
        refusal: None,
        found: None,
    })
}

fn told(session: &Session, found: &Backtest, now: Timestamp) -> Found {
    let report = &found.report;
    let wall = session.wall(None::<&LocationId>);
    let heading = format!(
        "{} beside {} version {}: {} inquiries, {} calls since {}",
        found.draft,
        found.in_force.name,
        found.in_force.version,
        report.inquiries,
        report.calls,
        wall.dated(found.since)
    );
    let mut sentences = if report.inquiries == 0 { Vec::new() } else { report.sentences() };
    sentences.extend(report.apart());
    let one = |example: &Example| Shown {
        inquiry: example.inquiry.as_str().to_owned(),
        field: example.field.clone(),
        at: wall.moment(example.at, now),
        quote: example.quote.as_deref().map(|q| q.trim().to_owned()),
        sure: example.sure().unwrap_or_default(),
        now: example.now.sentence(),
        draft: example.draft.sentence(),
        person: example.person.as_ref().map(|p| format!("{}, {}", p.sentence(), wall.moment(p.at, now))),
    };
    Found {
        heading,
        level: found.level.clone(),
        sentences,
        more: found.more,
        none: report.inquiries == 0,
        fields: report.fields.iter().filter(|(_, c)| c.differs()).map(|(field, c)| (field.clone(), *c)).collect(),
        same: report
            .fields
            .iter()
            .filter(|(_, c)| !c.differs())
            .map(|(f, _)| f.as_str())
            .collect::<Vec<_>>()
            .join(", "),
        wrong: report.wrong.as_ref().map(one),
        buckets: report.examples.iter().map(|(b, e)| (b.title(), e.iter().map(one).collect())).collect(),
    }
}
