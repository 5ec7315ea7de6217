//! The eight guarantees on the page *Contract*, each with what is seen of it now.

use super::words::told_words;
use crate::App;
use crate::problem::Problem;
use crate::session::Session;
use crate::texts::t;
use ringback_core::readiness::{Light, Line};

/// What `guarantees.html` shows.
pub(super) struct Guarantees {
    /// How many are green, red and unknown, with the word and its colour; what there is none of is left out.
    pub(super) sum: Vec<(usize, &'static str, &'static str)>,
    /// Something is red: all of them are open to be read. Else one line says how they stand.
    pub(super) opens: bool,
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
    let wall = session.wall(None);
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
            evidence: told_words(&line.evidence, &wall),
            at: line.at.map(|at| wall.dated(at)),
            word: match mends {
                true if line.mend.starts_with("ringback ") => t("guarantees.mend_shell"),
                true => t("guarantees.mend"),
                false => t("guarantees.see"),
            },
            command: if mends { line.mend.clone() } else { line.shows.clone() },
            mends,
        }
    };
    let of = |light: Light| ready.guarantees.iter().filter(|line| line.light == light).count();
    let sum = [
        (of(Light::Green), t("guarantees.green"), "good"),
        (of(Light::Red), t("guarantees.red"), "bad"),
        (of(Light::Unknown), t("guarantees.unknown"), "ask"),
    ];
    Ok(Guarantees {
        opens: of(Light::Red) > 0,
        sum: sum.into_iter().filter(|(n, ..)| *n > 0).collect(),
        lines: ready.guarantees.iter().map(one).collect(),
        rest: ready.minimum.iter().chain(&ready.not_ready).chain(&ready.decided).map(one).collect(),
    })
}
