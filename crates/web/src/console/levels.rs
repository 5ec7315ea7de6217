//! How much happens by itself, on the page *Contract*, and the button that sets how much may.

use super::contract::{Refusal, Wrong, not_raised};
use super::words::by_words;
use super::{Fields, Page, back};
use crate::App;
use crate::problem::Problem;
use crate::session::Session;
use crate::texts::t;
use axum::extract::State;
use ringback_core::contract::Autonomy;
use ringback_core::rights::Act;
use ringback_engine::Error;
use ringback_engine::level::LevelWish;
use std::collections::BTreeMap;

/// One place, as `levels.html` shows it.
pub(super) struct One {
    /// Slug; empty: everywhere.
    pub(super) place: String,
    pub(super) name: String,
    /// What holds.
    pub(super) holds: &'static str,
    pub(super) means: &'static str,
    /// What the contract says, where that is more than holds.
    pub(super) says: Option<&'static str>,
    /// Since when, and who set it.
    pub(super) since: Option<String>,
    pub(super) by: Option<String>,
    /// Every level, and whether it is the one that is set.
    pub(super) choices: Vec<(&'static str, bool)>,
}

fn means(level: Autonomy) -> &'static str {
    t(match level {
        Autonomy::Observe => "level.observe",
        Autonomy::Suggest => "level.suggest",
        Autonomy::AutoLowRisk => "level.auto-low-risk",
        Autonomy::Auto => "level.auto",
    })
}

/// As they stand now.
pub(super) async fn seen(app: &App, session: &Session, names: &BTreeMap<String, String>) -> Result<Vec<One>, Problem> {
    let levels = app.engine.levels(&session.account).await?;
    let one = |l: ringback_engine::level::PlaceLevel| One {
        name: if l.place.is_empty() { t("level.everywhere").to_owned() } else { l.name },
        place: l.place,
        holds: l.holds.word(),
        means: means(l.holds),
        says: l.contract.filter(|says| *says > l.holds).map(Autonomy::word),
        since: l.since.map(|at| session.wall(None).dated(at)),
        by: l.by.map(|by| by_words(names, &by)),
        choices: Autonomy::LADDER.map(|level| (level.word(), level == l.level.unwrap_or(l.holds))).to_vec(),
    };
    Ok(levels.into_iter().map(one).collect())
}

/// `POST /contract/level`: lower at once, higher if the account is ready for it.
pub(crate) async fn set(State(app): State<App>, session: Session, fields: Fields) -> Page {
    session.check_form(&fields.0)?;
    session.need(Act::GoLive)?;
    let level = Autonomy::of(fields.get("level")).ok_or_else(|| Problem::bad_parameter("level", "it is no level"))?;
    let some = |name: &str| Some(fields.get(name).to_owned()).filter(|text| !text.is_empty());
    let wish = LevelWish {
        workflow: None,
        place: some("place"),
        level,
        by: session.user.as_str().to_owned(),
        reason: some("reason"),
        answered: Vec::new(),
    };
    match app.engine.set_level(&session.account, &wish).await {
        Ok(_) => Ok(back(&fields.0, "/contract")),
        Err(Error::NotReady(problems)) => not_raised(&app, &session, not_ready(&problems)).await,
        Err(error) => Err(error.into()),
    }
}

/// What stands in the way, line by line, each with what mends it.
pub(super) fn not_ready(problems: &[ringback_core::problem::Problem]) -> Refusal {
    let one = |p: &ringback_core::problem::Problem| Wrong {
        line: None,
        text: String::new(),
        cause: format!("{} {}", p.code, p.cause),
        cure: p.cure.clone(),
    };
    Refusal {
        code: problems.first().map_or("RB-0240", |p| p.code),
        cause: t("level.not_ready").to_owned(),
        problems: problems.iter().map(one).collect(),
        since: Vec::new(),
        theirs: Vec::new(),
        yours: Vec::new(),
    }
}
