//! The contract in force in its sentences, its versions, and the door through which the next one comes.

use super::{Fields, Page, Shell, back, shown};
use crate::App;
use crate::problem::Problem;
use crate::session::Session;
use crate::texts::t;
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use ringback_core::contract::Sentence;
use ringback_core::contract::diff::Change;
use ringback_core::rights::Act;
use ringback_engine::contracts::{Answer, Base, By, Fit, Refused, Wish, check};
use ringback_engine::instant;
use std::collections::BTreeMap;

/// The versions shown, the newest first.
const VERSIONS_MAX: usize = 50;

#[derive(Template)]
#[template(path = "contract.html")]
struct Contract {
    shell: Shell,
    name: String,
    version: i64,
    levels: Vec<super::levels::One>,
    /// The person who looks may raise and lower them.
    goes_live: bool,
    guarantees: super::guarantees::Guarantees,
    sentences: Vec<Sentence>,
    paused: Vec<Paused>,
    versions: Vec<Shown>,
    /// What stands in the form: what is in force, or what was just refused.
    text: String,
    /// The version that the text was made from.
    base: i64,
    edits: bool,
    /// May take back what a version wrote.
    undoes: bool,
    csrf: String,
    refusal: Option<Refusal>,
}

/// A clause that writes nothing for the time being.
struct Paused {
    clause: String,
    since: String,
    cause: String,
    cure: String,
    waiting: i64,
}

/// One version of any name.
pub(super) struct Shown {
    name: String,
    version: i64,
    at: String,
    by: String,
}

/// Why a text did not come into force.
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) cause: String,
    /// Everything that is wrong with the text: line, what, and the cure.
    pub(super) problems: Vec<(String, String, String)>,
    /// Who changed something meanwhile.
    pub(super) since: Vec<Shown>,
    pub(super) theirs: Vec<Change>,
    pub(super) yours: Vec<Change>,
}

/// `GET /contract`.
pub(crate) async fn page(State(app): State<App>, session: Session) -> Page {
    session.need(Act::ReadAll)?;
    shown(&look(&app, &session, None).await?)
}

/// `POST /contract`: the form says from which version its text was made.
pub(crate) async fn apply(State(app): State<App>, session: Session, fields: Fields) -> Page {
    session.check_form(&fields.0)?;
    session.need(Act::EditContract)?;
    let text = fields.0.get("text").cloned().unwrap_or_default().replace("\r\n", "\n");
    let base = fields.get("base").parse::<i64>().map_err(|_| Problem::bad_parameter("base", "it is no number"))?;
    let refused = |refusal: Refusal| async {
        let (text, app, session) = (text.clone(), &app, &session);
        let page = Contract { text, base, refusal: Some(refusal), ..look(app, session, None).await? };
        Ok::<Response, super::Failure>((axum::http::StatusCode::CONFLICT, shown(&page)?).into_response())
    };
    let roster = app.engine.roster(&session.account).await?;
    let contract = match check(&text, &roster) {
        Ok(contract) => contract,
        Err(problems) => return refused(wrong(&text, &problems)).await,
    };
    if let Fit::Problems(problems) = app.engine.fit_contract(&session.account, &contract, &text).await? {
        return refused(wrong(&text, &problems)).await;
    }
    let by = By { who: session.user.as_str().to_owned(), file: None };
    let wish = Wish { text: text.clone(), contract, base: Base::Version(base), by };
    if !app.engine.raises(&session.account, &wish.contract).await?.is_empty() {
        session.need(Act::GoLive)?;
    }
    match app.engine.apply_contract(&session.account, &wish).await? {
        Answer::Applied { .. } | Answer::Same(_) => Ok(back(&fields.0, "/contract")),
        Answer::Clashes(problems) => refused(wrong(&text, &problems)).await,
        Answer::NotReady(problems) => refused(super::levels::not_ready(&problems)).await,
        Answer::Refused(told) => refused(moved_on_of(&app, &session, *told).await?).await,
    }
}

/// The page with what stands in the way of a level, and nothing changed.
pub(super) async fn not_raised(app: &App, session: &Session, refusal: Refusal) -> Page {
    let page = Contract { refusal: Some(refusal), ..look(app, session, None).await? };
    Ok((axum::http::StatusCode::CONFLICT, shown(&page)?).into_response())
}

pub(super) fn wrong(text: &str, problems: &[ringback_core::problem::Problem]) -> Refusal {
    let line = |at: usize| text.get(..at.min(text.len())).unwrap_or_default().matches('\n').count() + 1;
    let one = |p: &ringback_core::problem::Problem| {
        let place = p.at.as_ref().map(|at| format!("{} {}", t("contract.line"), line(at.start))).unwrap_or_default();
        (place, format!("{} {}", p.code, p.cause), p.cure.clone())
    };
    Refusal {
        code: problems.first().map_or("RB-0203", |p| p.code),
        cause: t("contract.wrong").to_owned(),
        problems: problems.iter().map(one).collect(),
        since: Vec::new(),
        theirs: Vec::new(),
        yours: Vec::new(),
    }
}

/// Somebody else's version came first.
pub(super) async fn moved_on_of(app: &App, session: &Session, told: Refused) -> Result<Refusal, Problem> {
    let names = names(app, session).await?;
    Ok(moved_on(session, app, &names, told))
}

fn moved_on(session: &Session, app: &App, names: &BTreeMap<String, String>, told: Refused) -> Refusal {
    let since = told.since.iter().map(|v| version(session, app, names, (&v.name, v.version, v.at, &v.by))).collect();
    Refusal {
        code: "RB-0223",
        cause: t("contract.moved_on").to_owned(),
        problems: Vec::new(),
        since,
        theirs: told.theirs,
        yours: told.yours,
    }
}

/// Names of the account's people by their ids.
pub(super) async fn names(app: &App, session: &Session) -> Result<BTreeMap<String, String>, Problem> {
    let account = session.account.as_str().to_owned();
    let users = app
        .engine
        .store()
        .read(move |tx| Box::pin(async move { ringback_store::users_all(tx, &account).await }))
        .await?;
    Ok(users.into_iter().map(|user| (user.id, user.name)).collect())
}

fn version(
    session: &Session,
    app: &App,
    names: &BTreeMap<String, String>,
    (name, version, at, by): (&str, i64, jiff::Timestamp, &str),
) -> Shown {
    let at = session.wall(None).moment(at, app.engine.now());
    let by = names.get(by).map_or(by, String::as_str).to_owned();
    Shown { name: name.to_owned(), version, at, by }
}

async fn look(app: &App, session: &Session, refusal: Option<Refusal>) -> Result<Contract, Problem> {
    let rows = app.engine.contract_versions(&session.account).await?;
    let in_force = app.engine.contract(&session.account).await?;
    let row = in_force.as_ref().and_then(|(named, _)| rows.iter().find(|row| row.id == named.id.as_str()));
    let paused = app.engine.paused_clauses(&session.account).await?.into_iter().map(|p| Paused {
        since: session.wall(None).moment(p.since, app.engine.now()),
        clause: p.pause.clause,
        cause: p.pause.cause,
        cure: p.pause.cure,
        waiting: p.waiting,
    });
    let paused = paused.collect();
    let names = names(app, session).await?;
    let mut versions: Vec<_> = rows.iter().collect();
    versions.sort_by_key(|row| std::cmp::Reverse((row.applied_at, row.version)));
    let one = |row: &&ringback_store::ContractRow| {
        version(session, app, &names, (&row.name, row.version, instant(row.applied_at), &row.applied_by))
    };
    Ok(Contract {
        shell: Shell::of(app, session, "contract", t("contract.title")).await?,
        name: row.map_or_else(String::new, |row| row.name.clone()),
        version: row.map_or(0, |row| row.version),
        levels: super::levels::seen(app, session, &names).await?,
        goes_live: session.may(Act::GoLive),
        guarantees: super::guarantees::seen(app, session).await?,
        sentences: in_force.as_ref().map(|(_, contract)| contract.sentences()).unwrap_or_default(),
        paused,
        versions: versions.iter().take(VERSIONS_MAX).map(one).collect(),
        text: row.map_or_else(|| ringback_core::contract::DEFAULT_TEXT.to_owned(), |row| row.source.clone()),
        base: row.map_or(0, |row| row.version),
        edits: session.may(Act::EditContract),
        undoes: session.may(Act::Rollback),
        csrf: session.csrf.clone(),
        refusal,
    })
}
