//! *Dead letters*: what cannot succeed without a person, grouped by cause, with the cure.

use super::inquiry::effect_word;
use super::{Fields, Page, Shell, back, shown};
use crate::App;
use crate::session::Session;
use crate::texts::t;
use askama::Template;
use axum::extract::{Path, State};
use ringback_core::id::EffectId;
use std::collections::BTreeMap;

/// Letters on one page.
pub(crate) const LETTERS_MAX: u32 = 500;

struct Letter {
    id: String,
    inquiry: String,
    what: &'static str,
    since: String,
    attempts: i64,
}

struct Cause {
    why: String,
    cure: &'static str,
    letters: Vec<Letter>,
}

#[derive(Template)]
#[template(path = "dead_letters.html")]
struct DeadLetters {
    shell: Shell,
    causes: Vec<Cause>,
    operates: bool,
    csrf: String,
}

/// What helps, by the words vendors use for what they refuse.
fn cure(why: &str) -> &'static str {
    let why = why.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|w| why.contains(w));
    t(if says(&["auth", "token", "401", "403", "scope", "permission"]) {
        "cure.auth"
    } else if says(&["property", "field", "option", "invalid", "validation", "400"]) {
        "cure.property"
    } else if says(&["gone", "merged", "not found", "404", "deleted"]) {
        "cure.gone"
    } else if says(&["gave up", "gave_up", "exchanges", "timeout", "unknown"]) {
        "cure.gave_up"
    } else {
        "cure.other"
    })
}

/// `GET /dead-letters`.
pub(crate) async fn page(State(app): State<App>, session: Session) -> Page {
    session.need(session.role.sees_operation())?;
    let (now, wall) = (app.engine.now(), session.wall(None));
    let account = session.account.as_str().to_owned();
    let rows = app
        .engine
        .store()
        .read(move |tx| Box::pin(async move { ringback_store::effects_dead(tx, &account, LETTERS_MAX).await }))
        .await?;
    let mut causes: BTreeMap<String, Vec<Letter>> = BTreeMap::new();
    for row in rows {
        let at = row.settled_at.unwrap_or(row.created_at);
        causes.entry(row.why.unwrap_or_else(|| t("dead.no_cause").to_owned())).or_default().push(Letter {
            id: row.id,
            inquiry: row.inquiry,
            what: effect_word(&row.kind),
            since: wall.moment(ringback_engine::instant(at), now),
            attempts: row.attempts,
        });
    }
    let mut causes: Vec<Cause> =
        causes.into_iter().map(|(why, letters)| Cause { cure: cure(&why), why, letters }).collect();
    causes.sort_by_key(|c| std::cmp::Reverse(c.letters.len()));
    let shell = Shell::of(&app, &session, "dead-letters", t("dead.title")).await?;
    shown(&DeadLetters { shell, causes, operates: session.role.operates(), csrf: session.csrf.clone() })
}

/// `POST /dead-letters/{id}/replay`.
pub(crate) async fn replay(State(app): State<App>, session: Session, Path(id): Path<String>, fields: Fields) -> Page {
    session.check_form(&fields.0)?;
    session.need(session.role.operates())?;
    app.engine.replay_dead_letter(&session.account, &EffectId::from_text(id), &session.user).await?;
    Ok(back(&fields.0, "/dead-letters"))
}
