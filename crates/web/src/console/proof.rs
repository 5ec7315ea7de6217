//! *Proof*: did anything get lost or doubled? The latest proof per location, what is not as it should be with the command that mends it, and
//! every proof before. *Runbook*: what to do when something fails, with the values of this moment.

use super::{Page, Shell, shown};
use crate::App;
use crate::problem::Problem;
use crate::proof_document::CHECK;
use crate::session::Session;
use crate::texts::t;
use askama::Template;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use ringback_core::proof::file::{EXCEPTION, Sound};
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
    session.need(session.role.sees_operation())?;
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
            day: row.day.clone(),
            revision: row.revision,
            made: wall.moment(instant(row.made_at), now),
            sentence: word(&summary, "sentence"),
            tone: tone(summary.get("counts")),
        }
    };
    let history = rows.iter().map(line).collect();
    let made = row.as_ref().map(|row| wall.moment(instant(row.made_at), now)).unwrap_or_default();
    let shell = Shell::of(app, session, "proof", t("proof.title")).await?;
    shown(&ProofPage { shell, latest: row.as_ref().map(|row| latest(row, made)), history, make: MAKE, check: CHECK })
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

fn latest(row: &ProofRow, made: String) -> Latest {
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
        if n("kept_out") > 0 {
            beside.push(format!("{} {}", n("kept_out"), t("proof.kept_out")));
        }
        Place {
            name: word(of, "name"), sentence: word(of, "sentence"), tone: tone(counts), beside: beside.join(" · ")
        }
    };
    let names: Vec<(String, String)> =
        list("locations").iter().map(|of| (word(of, "location"), word(of, "name"))).collect();
    let checked = prove::check(row.body.as_bytes(), None);
    let exceptions = checked.as_ref().map(|sound| exceptions(sound, &names)).unwrap_or_default();
    let broken = checked.as_ref().err().map(|wrong| format!("{}: {}", wrong.line, wrong.cause));
    let witness = |of: &Value| {
        let answered = of.get("answered").and_then(Value::as_bool).unwrap_or(false);
        let why = of.get("why").and_then(Value::as_str).map(|why| format!(": {why}")).unwrap_or_default();
        let says = if answered {
            format!("{}{why}", number(Some(of), "count"))
        } else {
            format!("{}{why}", t("proof.silent"))
        };
        (word(of, "name"), says, answered)
    };
    Latest {
        seq: row.seq,
        day: row.day.clone(),
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

fn exceptions(sound: &Sound, names: &[(String, String)]) -> Vec<Exception> {
    let one = |of: &Value| {
        let slug = word(of, "location");
        Exception {
            kind: word(of, "kind").replace('_', " "),
            place: names.iter().find(|(s, _)| *s == slug).map(|(_, name)| name.clone()).unwrap_or_default(),
            sentence: word(of, "sentence"),
            command: word(of, "command"),
        }
    };
    sound.of(EXCEPTION).map(one).collect()
}

/// `GET /proof/{seq}/file`: the signed file.
pub(crate) async fn file(State(app): State<App>, session: Session, Path(seq): Path<String>) -> Page {
    session.need(session.role.sees_operation())?;
    let (account, seq) = (session.account.as_str().to_owned(), place(&seq));
    let row = app
        .engine
        .store()
        .read(move |tx| Box::pin(async move { ringback_store::proof_get(tx, &account, seq).await }))
        .await?;
    let Some(row) = row else { return Err(Problem::missing(t("proof.one")).into()) };
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
    session.need(session.role.sees_operation())?;
    let (now, rest) = app.engine.runbook(&session.account).await?.into_iter().partition(|page| page.now);
    let shell = Shell::of(&app, &session, "runbook", t("runbook.title")).await?;
    shown(&RunbookPage { shell, now, rest })
}
