//! What stops a command, told so that a person can mend it: code, cause, cure, and the place with a caret.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use ringback_core::problem::Problem;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::IsTerminal as _;

/// Exit codes; documented in `docs/guides/operate.md` and in `ringback --help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// A check found something wrong: the ledger does not hold, the contract has problems, doctor has a finding.
    Check = 1,
    /// The command line, the settings or the contract cannot be used. Nothing was started.
    Usage = 2,
    /// Something outside is needed and not there: the database, the port, the CRM.
    Unavailable = 3,
    /// What was named does not exist, or has moved on since it was looked at.
    Missing = 4,
}

/// One text that problems point into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// As the user named it.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// Line and column, both from 1, of a byte.
    pub(crate) fn place(&self, byte: usize) -> (usize, usize) {
        let before = self.text.get(..byte.min(self.text.len())).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }
}

/// Why a command stops. Holds everything that is wrong, never only the first.
#[derive(Debug)]
pub(crate) struct Fail {
    pub(crate) exit: Exit,
    pub(crate) found: Vec<(Option<Source>, Vec<Problem>)>,
    /// The command's own result on stdout has said it; in JSON there is one object only.
    pub(crate) told: bool,
}

impl Fail {
    /// One problem without a place.
    pub(crate) fn new(exit: Exit, code: &'static str, cause: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { exit, found: vec![(None, vec![Problem::new(code, cause, cure)])], told: false }
    }

    /// Problems of texts; `None` when there are none.
    pub(crate) fn of(exit: Exit, found: Vec<(Option<Source>, Vec<Problem>)>) -> Option<Self> {
        let found: Vec<_> = found.into_iter().filter(|(_, problems)| !problems.is_empty()).collect();
        (!found.is_empty()).then_some(Self { exit, found, told: false })
    }

    /// The same, after the result was given.
    pub(crate) fn told(mut self) -> Self {
        self.told = true;
        self
    }

    /// Is a problem of that code among them?
    pub(crate) fn has(&self, code: &str) -> bool {
        self.found.iter().flat_map(|(_, problems)| problems).any(|p| p.code == code)
    }

    /// The database's state, which passes without anybody's changing the settings: worth trying again.
    pub(crate) fn passes(&self) -> bool {
        self.exit == Exit::Unavailable && (self.has("RB-0402") || self.has("RB-0403"))
    }

    /// All of it on one line.
    pub(crate) fn words(&self) -> String {
        let one = |p: &Problem| format!("{}: {}: {}", p.code, p.cause, p.cure);
        self.found.iter().flat_map(|(_, problems)| problems).map(one).collect::<Vec<_>>().join("; ")
    }

    /// How many problems there are.
    pub(crate) fn count(&self) -> usize {
        self.found.iter().map(|(_, problems)| problems.len()).sum()
    }

    /// For a terminal: each problem with its line, a caret and the way out.
    pub(crate) fn render(&self) -> String {
        let renderer = if std::io::stderr().is_terminal() { Renderer::styled() } else { Renderer::plain() };
        let mut out = String::new();
        for (source, problems) in &self.found {
            for problem in problems {
                out.push_str(&one(&renderer, source.as_ref(), problem));
                out.push_str("\n\n");
            }
        }
        if self.count() > 1 {
            let _ = writeln!(out, "{} problems", self.count());
        }
        out
    }

    /// For a program.
    pub(crate) fn json(&self) -> Value {
        let one = |source: &Option<Source>, problem: &Problem| {
            let place = source.as_ref().zip(problem.at.as_ref()).map(|(s, at)| s.place(at.start));
            json!({
                "code": problem.code,
                "cause": problem.cause,
                "cure": problem.cure,
                "file": source.as_ref().map(|s| &s.path),
                "line": place.map(|p| p.0),
                "column": place.map(|p| p.1),
            })
        };
        let problems: Vec<Value> =
            self.found.iter().flat_map(|(source, problems)| problems.iter().map(move |p| one(source, p))).collect();
        json!({ "ok": false, "problems": problems })
    }
}

fn one(renderer: &Renderer, source: Option<&Source>, problem: &Problem) -> String {
    let title = Level::ERROR.primary_title(&problem.cause).id(problem.code);
    let help = Level::HELP.message(&problem.cure);
    let Some((source, at)) = source.zip(problem.at.clone()) else {
        let file = source.map(|s| Level::NOTE.message(format!("in {}", s.path)));
        let group = title.elements(file).element(help);
        return renderer.render(&[group]).clone();
    };
    // A whole table as a place would print the whole table: its first line is enough.
    let start = at.start.min(source.text.len());
    let line_end = source.text.get(start..).and_then(|rest| rest.find('\n')).map_or(source.text.len(), |n| start + n);
    let end = at.end.clamp(start, line_end).max(start);
    let snippet = Snippet::source(&source.text)
        .path(&source.path)
        .fold(true)
        .annotation(AnnotationKind::Primary.span(start..end));
    let also = problem.also_at.clone().map(|also| {
        let stop = source.text.get(also.start..).and_then(|r| r.find('\n')).map_or(also.end, |n| also.start + n);
        AnnotationKind::Context.span(also.start..also.end.clamp(also.start, stop)).label("the other one")
    });
    let snippet = match also {
        Some(also) => snippet.annotation(also),
        None => snippet,
    };
    renderer.render(&[title.element(snippet).element(help)]).clone()
}

/// What a failing store means for a person.
pub(crate) fn store_problem(error: &ringback_store::Error) -> Fail {
    use ringback_store::Error as E;
    let cure = match error {
        E::NewerSchema { .. } => "run the newer program; an older one would not know what it reads",
        E::Unavailable(_) | E::Conflict => {
            "check that the database runs and that [store] url names it; what was acknowledged is stored"
        }
        E::Full(_) | E::ReadOnly(_) => "make room, or let this user write to the database",
        E::NotDurable(_) => {
            "use a disk and a database that keep what they are told to keep; nothing is acknowledged otherwise"
        }
        E::Bug(_) | E::Rows { .. } | E::Corrupt { .. } | E::Crash(_) => {
            "restore the database from a backup if it is damaged; otherwise this is a mistake of ours: report it with this text"
        }
    };
    Fail::new(Exit::Unavailable, error.code(), error.to_string(), cure)
}

impl From<ringback_store::Error> for Fail {
    fn from(error: ringback_store::Error) -> Self {
        store_problem(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_line_and_column_in_characters() {
        let source = Source { path: "a.toml".into(), text: "ä = 1\nbb = 2\n".into() };
        assert_eq!(source.place(0), (1, 1));
        assert_eq!(source.place(7), (2, 1));
        assert_eq!(source.place(9), (2, 3));
        assert_eq!(source.place(999), (3, 1));
    }

    #[test]
    fn a_problem_shows_its_line_a_caret_and_the_way_out() {
        let text = "[server]\nlisen = \"127.0.0.1:1\"\n";
        let problem = Problem::new("RB-0303", "[server] has no key lisen", "did you mean listen?").at(9..14);
        let fail = Fail::of(
            Exit::Usage,
            vec![(Some(Source { path: "ringback.toml".into(), text: text.into() }), vec![problem])],
        )
        .unwrap();
        let shown = fail.render();
        for part in ["error[RB-0303]: [server] has no key lisen", "ringback.toml:2:1", "^^^^^", "did you mean listen?"]
        {
            assert!(shown.contains(part), "{part} is not in\n{shown}");
        }
        assert_eq!(fail.json()["problems"][0]["line"], 2);
    }
}
