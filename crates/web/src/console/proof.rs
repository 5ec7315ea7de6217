//! *Proof*: did anything get lost or doubled? The latest proof per location, what is not as it should be with the command that mends it, and
//! every proof before. *Runbook*: what to do when something fails, with the values of this moment.

use super::{Failure, Page, Shell, shown};
use crate::App;
use crate::problem::Problem;
use crate::proof_document::{CHECK, finding_title, proof_document};
use crate::session::Session;
use crate::texts::t;
use crate::when::Wall;
use askama::Template;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use ringback_core::proof::file::{EXCEPTION, LOCATION, Sound};
use ringback_core::rights::Act;
use ringback_engine::{instant, prove, runbook};
use ringback_store::ProofRow;
use serde_json::Value;

/// What is typed to make one by hand.
const MAKE: &str = "ringback proof make";
/// Proofs listed on the page.
const HISTORY_MAX: u32 = 92;

struct Place {
    name: String,
    sentence: String,
    tone: &'static str,
    beside: String,
}

struct Exception {
    kind: String,
    place: String,
    /// When its call came, by the location's clock.
    at: String,
    sentence: String,
    command: String,
}

struct Line {
    seq: i64,
    day: String,
    revision: i64,
    made: String,
    sentence: String,
    tone: &'static str,
}

struct Latest {
    seq: i64,
    day: String,
    sentence: String,
    tone: &'static str,
    made: String,
    places: Vec<Place>,
    exceptions: Vec<Exception>,
    witnesses: Vec<(String, String, bool)>,
    outside: bool,
    hash: String,
    key: String,
    /// What its own check says, where it does not hold.
    broken: Option<String>,
}

#[derive(Template)]
#[template(path = "proof.html")]
struct ProofPage {
    shell: Shell,
    latest: Option<Latest>,
    history: Vec<Line>,
    make: &'static str,
    check: &'static str,
}

/// `GET /proof`.
pub(crate) async fn page(State(app): State<App>, session: Session) -> Page {
    one(&app, &session, None).await
}

/// `GET /proof/{seq}`: one of the proofs before.
pub(crate) async fn earlier(State(app): State<App>, session: Session, Path(seq): Path<String>) -> Page {
    one(&app, &session, Some(place(&seq))).await
}

/// What is no number is the place of no proof.
fn place(text: &str) -> i64 {
    text.parse().unwrap_or(0)
}

async fn one(app: &App, session: &Session, seq: Option<i64>) -> Page {
    session.need(Act::ReadAll)?;
    let (now, wall) = (app.engine.now(), session.wall(None));
    let account = session.account.as_str().to_owned();
    let (rows, row) = app
        .engine
        .store()
        .read(move |tx| {
            Box::pin(async move {
                let rows = ringback_store::proofs_list(tx, &account, HISTORY_MAX, i64::MAX).await?;
                let wanted = seq.or_else(|| rows.first().map(|row| row.seq));
                let row = match wanted {
                    Some(seq) => ringback_store::proof_get(tx, &account, seq).await?,
                    None => None,
                };
                Ok((rows, row))
            })
        })
        .await?;
    if seq.is_some() && row.is_none() {
        return Err(Problem::missing(t("proof.one")).into());
    }
    let line = |row: &ProofRow| {
        let summary = summary(row);
        Line {
            seq: row.seq,
            day: day(&row.day, &wall),
            revision: row.revision,
            made: wall.moment(instant(row.made_at), now),
            sentence: word(&summary, "sentence"),
            tone: tone(summary.get("counts")),
        }
    };
    let history = rows.iter().map(line).collect();
    let made = row.as_ref().map(|row| wall.moment(instant(row.made_at), now)).unwrap_or_default();
    let shell = Shell::of(app, session, "proof", t("proof.title")).await?;
    let latest = row.as_ref().map(|row| latest(row, made, session));
    shown(&ProofPage { shell, latest, history, make: MAKE, check: CHECK })
}

/// A proof's day as people write it.
fn day(text: &str, wall: &Wall) -> String {
    text.parse().map_or_else(|_| text.to_owned(), |day| wall.day(day))
}

/// What a proof says in one sentence, and how that is.
pub(super) fn told(row: &ProofRow) -> (String, &'static str) {
    let summary = summary(row);
    (word(&summary, "sentence"), tone(summary.get("counts")))
}

fn summary(row: &ProofRow) -> Value {
    serde_json::from_str(&row.summary).unwrap_or_default()
}

fn word(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn number(value: Option<&Value>, name: &str) -> u64 {
    value.and_then(|v| v.get(name)).and_then(Value::as_u64).unwrap_or_default()
}

/// Lost or doubled is bad; anything else that is not there asks for a look.
fn tone(counts: Option<&Value>) -> &'static str {
    let n = |name| number(counts, name);
    if n("lost") + n("doubled") > 0 {
        "bad"
    } else if n("exceptions") + n("unread") > 0 {
        "ask"
    } else {
        "good"
    }
}

fn latest(row: &ProofRow, made: String, session: &Session) -> Latest {
    let summary = summary(row);
    let empty = Vec::new();
    let list = |name: &str| summary.get(name).and_then(Value::as_array).unwrap_or(&empty).clone();
    let place = |of: &Value| {
        let counts = of.get("counts");
        let n = |name| number(counts, name);
        let mut beside = vec![
            format!("{} {}", n("tasks"), t("proof.tasks")),
            format!("{} {}", n("called_back"), t("proof.called_back")),
        ];
        match n("exceptions") {
            0 => {}
            1 => beside.insert(0, format!("1 {}", t("proof.exception"))),
            many => beside.insert(0, format!("{many} {}", t("proof.many"))),
        }
        if n("kept_out") > 0 {
            beside.push(format!("{} {}", n("kept_out"), t("proof.kept_out")));
        }
        Place {
            name: word(of, "name"), sentence: word(of, "sentence"), tone: tone(counts), beside: beside.join(" · ")
        }
    };
    let checked = prove::check(row.body.as_bytes(), None);
    let exceptions = checked.as_ref().map(|sound| exceptions(sound, session)).unwrap_or_default();
    let broken = checked.as_ref().err().map(|wrong| format!("{}: {}", wrong.line, wrong.cause));
    let witness = |of: &Value| {
        let answered = of.get("answered").and_then(Value::as_bool).unwrap_or(false);
        let why = of.get("why").and_then(Value::as_str).map(|why| format!(": {why}")).unwrap_or_default();
        let says = if answered {
            let what = if word(of, "kind") == "crm" { t("proof.records") } else { t("proof.calls") };
            format!("{} {what}{why}", number(Some(of), "count"))
        } else {
            format!("{}{why}", t("proof.silent"))
        };
        (word(of, "name"), says, answered)
    };
    Latest {
        seq: row.seq,
        day: day(&row.day, &session.wall(None)),
        sentence: word(&summary, "sentence"),
        tone: tone(summary.get("counts")),
        made,
        places: list("locations").iter().map(place).collect(),
        exceptions,
        witnesses: list("witnesses").iter().map(witness).collect(),
        outside: summary.get("outside").and_then(Value::as_bool).unwrap_or(false),
        hash: row.hash.clone(),
        key: checked.map(|sound| sound.key).unwrap_or_default(),
        broken,
    }
}

fn exceptions(sound: &Sound, session: &Session) -> Vec<Exception> {
    let places: Vec<&Value> = sound.of(LOCATION).collect();
    let one = |of: &Value| {
        let slug = word(of, "location");
        let known = session.roster.locations.iter().find(|l| l.slug == slug);
        let at = word(of, "at").parse().ok().map(|at| session.wall(known.map(|l| &l.id)).time(at));
        Exception {
            kind: finding_title(&word(of, "kind")),
            place: places.iter().find(|p| word(p, "location") == slug).map(|p| word(p, "name")).unwrap_or_default(),
            at: at.unwrap_or_default(),
            sentence: word(of, "sentence"),
            command: word(of, "command"),
        }
    };
    sound.of(EXCEPTION).map(one).collect()
}

/// `GET /proof/{seq}/print`: the document that is printed, a page per location.
pub(crate) async fn print(State(app): State<App>, session: Session, Path(seq): Path<String>) -> Page {
    // It stands alone, with its style inside; nothing else is let in.
    const POLICY: &str =
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let row = stored(&app, &session, place(&seq)).await?;
    let broken = |why: String| Problem::refused(&why);
    let sound = prove::check(row.body.as_bytes(), None)
        .map_err(|wrong| broken(format!("{} {}: {}", t("proof.broken"), wrong.line, wrong.cause)))?;
    let html = proof_document(&sound, None).map_err(broken)?;
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, POLICY)];
    Ok((headers, html).into_response())
}

async fn stored(app: &App, session: &Session, seq: i64) -> Result<ProofRow, Failure> {
    session.need(Act::ReadAll)?;
    let account = session.account.as_str().to_owned();
    let row = app
        .engine
        .store()
        .read(move |tx| Box::pin(async move { ringback_store::proof_get(tx, &account, seq).await }))
        .await?;
    row.ok_or_else(|| Problem::missing(t("proof.one")).into())
}

/// `GET /proof/{seq}/file`: the signed file.
pub(crate) async fn file(State(app): State<App>, session: Session, Path(seq): Path<String>) -> Page {
    let row = stored(&app, &session, place(&seq)).await?;
    let name = format!("attachment; filename=\"ringback-{}-{}.proof.jsonl\"", row.day, row.revision);
    let headers = [(header::CONTENT_TYPE, "application/x-ndjson".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, row.body).into_response())
}

#[derive(Template)]
#[template(path = "runbook.html")]
struct RunbookPage {
    shell: Shell,
    now: Vec<runbook::Page>,
    rest: Vec<runbook::Page>,
}

/// `GET /runbook`.
pub(crate) async fn runbook_page(State(app): State<App>, session: Session) -> Page {
    session.need(Act::ReadAll)?;
    let (now, rest) = app.engine.runbook(&session.account).await?.into_iter().partition(|page| page.now);
    let shell = Shell::of(&app, &session, "runbook", t("runbook.title")).await?;
    shown(&RunbookPage { shell, now, rest })
}
