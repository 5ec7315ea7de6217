//! The contract in force in its sentences, its versions and what each changed, and the door through which the next one comes: looked at first, with what
//! it would change, then confirmed for exactly that text.

use super::words::{by_words, told_words};
use super::{Fields, Page, Shell, back, shown};
use crate::App;
use crate::problem::Problem;
use crate::session::Session;
use crate::texts::t;
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use ringback_core::contract::Contract as Rules;
use ringback_core::contract::diff::{Change, Way, diff};
use ringback_core::effect::hex;
use ringback_core::rights::Act;
use ringback_engine::contracts::{self, Answer, Base, By, Fit, Refused, Wish, check};
use ringback_engine::instant;
use ringback_store::ContractRow;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// The versions shown, the newest first.
const VERSIONS_MAX: usize = 50;

#[derive(Template)]
#[template(path = "contract.html")]
struct Contract {
    shell: Shell,
    name: String,
    version: i64,
    /// Since when it is in force, and by whom.
    since: String,
    by: String,
    levels: Vec<super::levels::One>,
    /// The person who looks may raise and lower them.
    goes_live: bool,
    guarantees: super::guarantees::Guarantees,
    sentences: Vec<Said>,
    paused: Vec<Paused>,
    versions: Vec<Shown>,
    /// What stands in the form: what is in force, what was just looked at, or what was just refused.
    text: Text,
    /// The version that the text was made from.
    base: i64,
    edits: bool,
    /// May take back what a version wrote.
    undoes: bool,
    csrf: String,
    /// What the text in the form would change.
    checked: Option<Checked>,
    refusal: Option<Refusal>,
    /// What stands in the way of a level.
    not_raised: Option<Refusal>,
}

/// A clause read aloud, and what holds of it now.
struct Said {
    clause: String,
    text: String,
    now: String,
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
    pub(super) name: String,
    pub(super) version: i64,
    pub(super) at: String,
    pub(super) by: String,
    /// It decides now.
    in_force: bool,
    /// What it changed of the version before; `None`: it is the first of its name.
    changes: Option<Vec<Change>>,
}

/// A text with the numbers of its lines.
pub(super) struct Text {
    pub(super) text: String,
    /// Each line's number, and whether something is wrong there.
    pub(super) numbers: Vec<(usize, bool)>,
}

impl Text {
    pub(super) fn of(text: String, wrong: Option<&Refusal>) -> Self {
        let wrong: BTreeSet<usize> = wrong.iter().flat_map(|r| &r.problems).filter_map(|p| p.line).collect();
        let lines = text.split('\n').count();
        Self { numbers: (1..=lines).map(|n| (n, wrong.contains(&n))).collect(), text }
    }
}

/// A text that may come into force, and what it would change.
struct Checked {
    /// Of exactly this text and what it was made from; whoever confirms names it.
    digest: String,
    /// `None`: no version of its name came before.
    changes: Option<Vec<Change>>,
    /// `1 looser · 2 stricter`.
    sum: String,
    /// It lets more happen by itself than holds now.
    raises: bool,
    /// It was confirmed for another text than the one that came with it.
    moved: bool,
    /// How far it could not be looked at.
    unasked: Option<String>,
}

/// Why a text did not come into force.
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) cause: String,
    /// Everything that is wrong with the text.
    pub(super) problems: Vec<Wrong>,
    /// Who changed something meanwhile.
    pub(super) since: Vec<Shown>,
    pub(super) theirs: Vec<Change>,
    pub(super) yours: Vec<Change>,
}

/// One thing that is wrong with a text.
pub(super) struct Wrong {
    pub(super) line: Option<usize>,
    /// That line as it stands.
    pub(super) text: String,
    pub(super) cause: String,
    pub(super) cure: String,
}

/// `GET /contract`.
pub(crate) async fn page(State(app): State<App>, session: Session) -> Page {
    session.need(Act::ReadAll)?;
    shown(&look(&app, &session).await?)
}

/// What a confirmation is bound to: exactly this text, made from that version.
fn digest(text: &str, base: i64) -> String {
    hex(&Sha256::digest(format!("{base}\n{text}")))
}

/// `POST /contract`: the form says from which version its text was made. Without a digest it is looked at, and nothing changes; with the digest of what was
/// looked at it comes into force.
pub(crate) async fn apply(State(app): State<App>, session: Session, fields: Fields) -> Page {
    session.check_form(&fields.0)?;
    session.need(Act::EditContract)?;
    let text = fields.0.get("text").cloned().unwrap_or_default().replace("\r\n", "\n");
    let base = fields.get("base").parse::<i64>().map_err(|_| Problem::bad_parameter("base", "it is no number"))?;
    let refused = |refusal: Refusal| async {
        let (app, session) = (&app, &session);
        let text = Text::of(text.clone(), Some(&refusal));
        let page = Contract { text, base, refusal: Some(refusal), ..look(app, session).await? };
        Ok::<Response, super::Failure>((axum::http::StatusCode::CONFLICT, shown(&page)?).into_response())
    };
    let roster = app.engine.roster(&session.account).await?;
    let contract = match check(&text, &roster) {
        Ok(contract) => contract,
        Err(problems) => return refused(wrong(&text, &problems)).await,
    };
    let unasked = match app.engine.fit_contract(&session.account, &contract, &text).await? {
        Fit::Problems(problems) => return refused(wrong(&text, &problems)).await,
        Fit::NotAsked { why, .. } => Some(why),
        Fit::Fits => None,
    };
    let by = By { who: session.user.as_str().to_owned(), file: None };
    let wish = Wish { text: text.clone(), contract, base: Base::Version(base), by };
    let raises = !app.engine.raises(&session.account, &wish.contract).await?.is_empty();
    if raises {
        session.need(Act::GoLive)?;
    }
    let shown_digest = digest(&text, base);
    if fields.get("digest") != shown_digest {
        if let Some(told) = app.engine.file_stands(&session.account, &wish).await? {
            let names = names(&app, &session).await?;
            return refused(moved_on(&session, &names, told)).await;
        }
        let changes = changes(&app, &session, &wish.contract).await?;
        let moved = !fields.get("digest").is_empty();
        let sum = sum(changes.as_deref().unwrap_or_default());
        let checked = Some(Checked { digest: shown_digest, changes, sum, raises, moved, unasked });
        let text = Text::of(text, None);
        return shown(&Contract { text, base, checked, ..look(&app, &session).await? });
    }
    match app.engine.apply_contract(&session.account, &wish).await? {
        Answer::Applied { .. } | Answer::Same(_) => Ok(back(&fields.0, "/contract")),
        Answer::Clashes(problems) => refused(wrong(&text, &problems)).await,
        Answer::NotReady(problems) => refused(super::levels::not_ready(&problems)).await,
        Answer::Refused(told) => refused(moved_on_of(&app, &session, *told).await?).await,
    }
}

/// What a contract would change of the latest version of its name, what lets more happen first; `None`: there is none.
async fn changes(app: &App, session: &Session, wished: &Rules) -> Result<Option<Vec<Change>>, Problem> {
    let mut changes = app.engine.would_change(&session.account, wished).await?;
    if let Some(changes) = &mut changes {
        changes.sort_by_key(|change| match change.way {
            Way::Loosens => 0,
            Way::Tightens => 1,
            Way::Neither => 2,
        });
    }
    Ok(changes)
}

/// `1 looser · 2 stricter`; what there is none of is left out.
fn sum(changes: &[Change]) -> String {
    let of = |way: Way| changes.iter().filter(|change| change.way == way).count();
    let some = [Way::Loosens, Way::Tightens, Way::Neither].map(|way| (of(way), way.word()));
    some.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect::<Vec<_>>().join(" \u{b7} ")
}

/// The page with what stands in the way of a level, and nothing changed.
pub(super) async fn not_raised(app: &App, session: &Session, refusal: Refusal) -> Page {
    let page = Contract { not_raised: Some(refusal), ..look(app, session).await? };
    Ok((axum::http::StatusCode::CONFLICT, shown(&page)?).into_response())
}

pub(super) fn wrong(text: &str, problems: &[ringback_core::problem::Problem]) -> Refusal {
    let line = |at: usize| text.get(..at.min(text.len())).unwrap_or_default().matches('\n').count() + 1;
    let one = |p: &ringback_core::problem::Problem| {
        let line = p.at.as_ref().map(|at| line(at.start));
        let stands = line.and_then(|n| text.split('\n').nth(n - 1)).unwrap_or_default().trim().to_owned();
        Wrong { line, text: stands, cause: format!("{} {}", p.code, p.cause), cure: p.cure.clone() }
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
    Ok(moved_on(session, &names, told))
}

fn moved_on(session: &Session, names: &BTreeMap<String, String>, told: Refused) -> Refusal {
    let since = told.since.iter().map(|v| version(session, names, (&v.name, v.version, v.at, &v.by))).collect();
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
    names: &BTreeMap<String, String>,
    (name, version, at, by): (&str, i64, jiff::Timestamp, &str),
) -> Shown {
    let (at, by) = (session.wall(None).dated(at), by_words(names, by));
    Shown { name: name.to_owned(), version, at, by, in_force: false, changes: None }
}

/// The versions, the newest first, each with what it changed.
fn versions(
    session: &Session,
    names: &BTreeMap<String, String>,
    rows: &[ContractRow],
    in_force: Option<&ContractRow>,
) -> Result<Vec<Shown>, Problem> {
    let mut newest: Vec<&ContractRow> = rows.iter().collect();
    newest.sort_by_key(|row| std::cmp::Reverse((row.applied_at, row.version)));
    let one = |row: &&ContractRow| {
        let before = rows.iter().filter(|of| of.name == row.name && of.version < row.version);
        let before = before.max_by_key(|of| of.version);
        let changes = before.map(|before| Ok::<_, Problem>(diff(&contracts::read(before)?, &contracts::read(row)?)));
        Ok(Shown {
            in_force: in_force.is_some_and(|now| now.id == row.id),
            changes: changes.transpose()?,
            ..version(session, names, (&row.name, row.version, instant(row.applied_at), &row.applied_by))
        })
    };
    newest.iter().take(VERSIONS_MAX).map(one).collect()
}

/// The clauses read aloud, each with what holds of it now.
fn sentences(session: &Session, contract: &Rules, levels: &ringback_core::standing::Levels) -> Vec<Said> {
    let places: Vec<&str> = session.roster.locations.iter().map(|l| l.slug.as_str()).collect();
    let all = contract.sentences_at(levels, &places).into_iter();
    all.map(|(said, now)| Said { now, clause: said.clause, text: said.text }).collect()
}

async fn look(app: &App, session: &Session) -> Result<Contract, Problem> {
    let rows = app.engine.contract_versions(&session.account).await?;
    let facts = app.engine.facts(&session.account).await?;
    let in_force = app.engine.contract(&session.account).await?;
    let row = in_force.as_ref().and_then(|(named, _)| rows.iter().find(|row| row.id == named.id.as_str()));
    let wall = session.wall(None);
    let paused = app.engine.paused_clauses(&session.account).await?.into_iter().map(|p| Paused {
        since: wall.dated(p.since),
        clause: p.pause.clause,
        cause: told_words(&p.pause.cause, &wall),
        cure: p.pause.cure,
        waiting: p.waiting,
    });
    let paused = paused.collect();
    let names = names(app, session).await?;
    let text = row.map_or_else(|| ringback_core::contract::DEFAULT_TEXT.to_owned(), |row| row.source.clone());
    let levels = &facts.standing.levels;
    Ok(Contract {
        shell: Shell::of(app, session, "contract", t("contract.title")).await?,
        name: row.map_or_else(String::new, |row| row.name.clone()),
        version: row.map_or(0, |row| row.version),
        since: row.map_or_else(String::new, |row| wall.dated(instant(row.applied_at))),
        by: row.map_or_else(String::new, |row| by_words(&names, &row.applied_by)),
        levels: super::levels::seen(app, session, &names).await?,
        goes_live: session.may(Act::GoLive),
        guarantees: super::guarantees::seen(app, session).await?,
        sentences: in_force.as_ref().map(|(_, c)| sentences(session, c, levels)).unwrap_or_default(),
        paused,
        versions: versions(session, &names, &rows, row)?,
        text: Text::of(text, None),
        base: row.map_or(0, |row| row.version),
        edits: session.may(Act::EditContract),
        undoes: session.may(Act::Rollback),
        csrf: session.csrf.clone(),
        checked: None,
        refusal: None,
        not_raised: None,
    })
}
