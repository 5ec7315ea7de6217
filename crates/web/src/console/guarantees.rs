//! The eight guarantees at the top of the page *Contract*, each with what is seen of it now.

use crate::App;
use crate::problem::Problem;
use crate::session::Session;
use crate::texts::t;
use ringback_core::readiness::{Light, Line};

/// What `guarantees.html` shows.
pub(super) struct Guarantees {
    /// How many are green, red and unknown.
    pub(super) sum: String,
    pub(super) lines: Vec<One>,
    /// What else must stand before more happens by itself.
    pub(super) rest: Vec<One>,
}

/// One line.
pub(super) struct One {
    pub(super) n: u8,
    pub(super) name: &'static str,
    pub(super) light: &'static str,
    pub(super) class: &'static str,
    pub(super) evidence: String,
    pub(super) at: Option<String>,
    /// What the command is for: to see it, or to mend it.
    pub(super) word: &'static str,
    pub(super) command: String,
    pub(super) mends: bool,
}

/// As they stand now; nothing outside is asked.
pub(super) async fn seen(app: &App, session: &Session) -> Result<Guarantees, Problem> {
    let ready = app.engine.readiness(&session.account).await?;
    let one = |line: &Line| {
        let mends = !line.mend.is_empty();
        let (light, class) = match line.light {
            Light::Green => (t("guarantees.green"), "good"),
            Light::Red => (t("guarantees.red"), "bad"),
            Light::Unknown => (t("guarantees.unknown"), "ask"),
        };
        One {
            n: line.n,
            name: line.name,
            light,
            class,
            evidence: line.evidence.clone(),
            at: line.at.map(|at| session.wall(None).moment(at, app.engine.now())),
            word: if mends { t("guarantees.mend") } else { t("guarantees.see") },
            command: if mends { line.mend.clone() } else { line.shows.clone() },
            mends,
        }
    };
    let of = |light: Light| ready.guarantees.iter().filter(|line| line.light == light).count();
    let sum =
        [(Light::Green, "guarantees.green"), (Light::Red, "guarantees.red"), (Light::Unknown, "guarantees.unknown")]
            .map(|(light, text)| format!("{} {}", of(light), t(text)));
    Ok(Guarantees {
        sum: sum.join(" \u{b7} "),
        lines: ready.guarantees.iter().map(one).collect(),
        rest: ready.minimum.iter().chain(&ready.not_ready).chain(&ready.decided).map(one).collect(),
    })
}
