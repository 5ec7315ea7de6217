//! The one place that prints: data to stdout, everything else to stderr.

#![expect(clippy::print_stderr, reason = "a command line speaks through its two streams, here and nowhere else")]

use crate::problems::Fail;
use serde::Serialize;
use std::io::{IsTerminal as _, Write as _};

/// How this run speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    /// One JSON value on stdout instead of text.
    pub(crate) json: bool,
}

impl Out {
    /// The result: JSON, or the text for people.
    pub(crate) fn result<T: Serialize>(self, value: &T, text: impl FnOnce() -> String) {
        if self.json {
            match serde_json::to_string(value) {
                Ok(line) => say(&line),
                Err(error) => eprintln!("the answer has no JSON form: {error}"),
            }
        } else {
            let text = text();
            if !text.is_empty() {
                say(text.trim_end());
            }
        }
    }

    /// Why the command stops.
    pub(crate) fn fail(self, fail: &Fail) {
        if self.json {
            if !fail.told {
                say(&fail.json().to_string());
            }
        } else {
            eprint!("{}", fail.render());
        }
    }

    /// A bar for long work; silent where nobody watches.
    pub(crate) fn bar(self, length: u64, what: &'static str) -> indicatif::ProgressBar {
        if self.json || !std::io::stderr().is_terminal() {
            return indicatif::ProgressBar::hidden();
        }
        let style = indicatif::ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {eta}")
            .unwrap_or_else(|_| indicatif::ProgressStyle::default_bar());
        indicatif::ProgressBar::new(length).with_style(style).with_message(what)
    }

    /// A running count for work whose length nobody knows; silent where nobody watches.
    pub(crate) fn count(self, what: &'static str) -> indicatif::ProgressBar {
        if self.json || !std::io::stderr().is_terminal() {
            return indicatif::ProgressBar::hidden();
        }
        let style = indicatif::ProgressStyle::with_template("{spinner} {pos} {msg} {elapsed}")
            .unwrap_or_else(|_| indicatif::ProgressStyle::default_spinner());
        indicatif::ProgressBar::no_length().with_style(style).with_message(what)
    }
}

impl Out {
    /// A bar for work that counts things and finds out how many there are on the way; silent where nobody watches.
    pub(crate) fn steps(self) -> indicatif::ProgressBar {
        if self.json || !std::io::stderr().is_terminal() {
            return indicatif::ProgressBar::hidden();
        }
        let style = indicatif::ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}")
            .unwrap_or_else(|_| indicatif::ProgressStyle::default_bar());
        indicatif::ProgressBar::new(0).with_style(style)
    }
}

/// A line on stdout. Whoever read it may have gone, as `| head` does: the work goes on all the same.
fn say(line: &str) {
    let _gone = writeln!(std::io::stdout().lock(), "{line}");
}

/// A line on stderr for whoever watches.
pub(crate) fn note(line: impl AsRef<str>) {
    eprintln!("{}", line.as_ref());
}

/// A plain table: columns as wide as their widest cell, two spaces between.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(head.get(column).map(|h| h.chars().count())).max().unwrap_or(0)
    };
    let line = |cells: Vec<&str>| {
        let last = cells.len().saturating_sub(1);
        let padded = cells
            .iter()
            .enumerate()
            .map(|(n, cell)| if n == last { (*cell).to_owned() } else { format!("{cell:<width$}", width = width(n)) });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(head.to_vec())];
    lines.extend(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_line_up() {
        let rows = vec![vec!["a".to_owned(), "bb".to_owned()], vec!["ccc".to_owned(), "d".to_owned()]];
        assert_eq!(super::table(&["one", "two"], &rows), "one  two\na    bb\nccc  d");
    }
}
