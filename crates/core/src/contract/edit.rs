//! Changing a few keys of clauses in a contract's own text, so that everything else stays as its authors wrote it, comments included.
//!
//! What comes out is read again and compared with what was meant: a text that cannot be changed so is refused, never half changed.

use super::model::{Autonomy, Contract, FieldRule, Machine, Thousandths};
use super::parse::parse;
use crate::problem::Problem;
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// One key of a field's clause, and what it is to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "key", content = "value", rename_all = "snake_case")]
pub enum Edit {
    Machine(Machine),
    Autonomy(Autonomy),
    WriteAt(Thousandths),
}

impl Edit {
    fn key(self) -> &'static str {
        match self {
            Self::Machine(_) => "machine",
            Self::Autonomy(_) => "autonomy",
            Self::WriteAt(_) => "write_at",
        }
    }

    /// As it stands in the text.
    fn literal(self) -> String {
        match self {
            Self::Machine(machine) => format!("{:?}", machine.word()),
            Self::Autonomy(level) => format!("{:?}", level.word()),
            Self::WriteAt(at) if at % 10 == 0 => format!("{}.{:02}", at / 1000, at % 1000 / 10),
            Self::WriteAt(at) => format!("{}.{:03}", at / 1000, at % 1000),
        }
    }

    fn apply(self, rule: &mut FieldRule) {
        match self {
            Self::Machine(machine) => rule.machine = machine,
            Self::Autonomy(level) => rule.autonomy = Some(level),
            Self::WriteAt(at) => rule.write_at = at,
        }
    }
}

/// A line of the text that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Its number in the new text.
    pub n: usize,
    /// What it said; `None`: it is new.
    pub was: Option<String>,
    pub is: String,
}

/// The lines that an edit changed or added.
pub fn lines(before: &str, after: &str) -> Vec<Line> {
    let mut old = before.lines().peekable();
    let mut new = after.lines().enumerate().peekable();
    let mut found = Vec::new();
    while let Some((n, is)) = new.next() {
        if old.peek() == Some(&is) {
            old.next();
            continue;
        }
        // An edit adds a line, or says something else in one: the next line tells which.
        let added = old.peek().is_none_or(|was| new.peek().is_some_and(|(_, next)| next == was));
        let was = if added { None } else { old.next().map(str::to_owned) };
        found.push(Line { n: n + 1, was, is: is.to_owned() });
    }
    found
}

/// The text in which these clauses say that and everything else says what it said, with what it means.
///
/// # Errors
/// `RB-0247` where the text is written in a way that only a person can change, with the clause.
pub fn edit(text: &str, edits: &BTreeMap<String, Vec<Edit>>) -> Result<(String, Contract), Problem> {
    let by_hand = |what: &str| {
        let cause = format!("{what} could not be changed in the contract's text");
        Problem::new("RB-0247", cause, "change it by hand under *Contract*, or in the file, and apply that")
    };
    let Some(mut meant) = parse(text).0 else { return Err(by_hand("a text that has problems")) };
    let tree = DeTable::parse(text).map_err(|_| by_hand("a text that has problems"))?;
    let mut changes: Vec<(Range<usize>, String)> = Vec::new();
    for (field, edits) in edits {
        let clause = format!("field.{field}");
        let (Some(rule), Some(table)) = (meant.fields.get_mut(field), clause_of(tree.get_ref(), field)) else {
            return Err(by_hand(&clause));
        };
        for one in edits {
            one.apply(rule);
            changes.push(change(text, table, *one).ok_or_else(|| by_hand(&clause))?);
        }
    }
    // From the end, so that what was found stays where it was found; of two at one place the first comes first.
    changes.sort_by_key(|(at, _)| at.start);
    let mut out = text.to_owned();
    for (at, new) in changes.into_iter().rev() {
        out.replace_range(at, &new);
    }
    match parse(&out).0 {
        Some(contract) if contract == meant => Ok((out, contract)),
        _ => Err(by_hand(&edits.keys().map(|field| format!("field.{field}")).collect::<Vec<_>>().join(", "))),
    }
}

fn clause_of<'a, 't>(root: &'a DeTable<'t>, field: &str) -> Option<&'a DeTable<'t>> {
    let of = |table: &'a DeTable<'t>, key: &str| {
        table.iter().find(|(k, _)| k.get_ref() == key).and_then(|(_, value)| match value.get_ref() {
            DeValue::Table(table) => Some(table),
            _ => None,
        })
    };
    of(of(root, "field")?, field)
}

/// Where something is put into the text, and what. A key that is not there yet follows `machine`, which every clause has, and is written as that is.
fn change(text: &str, clause: &DeTable<'_>, edit: Edit) -> Option<(Range<usize>, String)> {
    let find = |name: &str| clause.iter().find(|(key, _)| key.get_ref() == name).map(|(k, v)| (k.span(), v.span()));
    if let Some((_, value)) = find(edit.key()) {
        return Some((value, edit.literal()));
    }
    let (key, value) = find("machine")?;
    let line = text.get(..key.start)?.rfind('\n').map_or(0, |at| at + 1);
    let before = text.get(line..key.start)?;
    if before.contains('{') {
        return Some((value.end..value.end, format!(", {} = {}", edit.key(), edit.literal())));
    }
    let width = key.len() + text.get(key.end..value.start)?.find('=')?;
    let rest = text.get(value.end..)?;
    let end = value.end + rest.find('\n').unwrap_or(rest.len());
    let (end, newline) = if text.get(..end)?.ends_with('\r') { (end - 1, "\r\n") } else { (end, "\n") };
    let name = format!("{:<width$}", edit.key());
    let space = if name.ends_with(' ') { "" } else { " " };
    Some((end..end, format!("{newline}{before}{name}{space}= {}", edit.literal())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::DEFAULT_TEXT;
    use crate::contract::diff::diff;

    fn one(field: &str, edits: &[Edit]) -> BTreeMap<String, Vec<Edit>> {
        [(field.to_owned(), edits.to_vec())].into()
    }

    #[test]
    fn only_the_named_clauses_change_and_every_comment_stays() {
        let edits = one("timeline", &[Edit::Machine(Machine::Update), Edit::Autonomy(Autonomy::Auto)]);
        let (text, contract) = edit(DEFAULT_TEXT, &edits).unwrap();
        let rule = &contract.fields["timeline"];
        assert_eq!((rule.machine, rule.autonomy), (Machine::Update, Some(Autonomy::Auto)));
        let changed = diff(&parse(DEFAULT_TEXT).0.unwrap(), &contract);
        let mut clauses: Vec<&str> = changed.iter().map(|c| c.clause.as_str()).collect();
        clauses.sort_unstable();
        assert_eq!(clauses, ["field.timeline.autonomy", "field.timeline.machine"]);
        let shown = lines(DEFAULT_TEXT, &text);
        let said: Vec<(Option<&str>, &str)> = shown.iter().map(|l| (l.was.as_deref(), l.is.as_str())).collect();
        let machine = (Some("machine    = \"suggest\""), "machine    = \"update\"");
        assert_eq!(said, [machine, (None, "autonomy   = \"auto\"")], "written as the keys around it are");
        assert_eq!(text.lines().nth(shown[1].n - 1), Some("autonomy   = \"auto\""));
        assert_eq!(text.lines().count(), DEFAULT_TEXT.lines().count() + 1);
        let comments = |text: &str| text.lines().filter(|l| l.trim_start().starts_with('#')).count();
        assert_eq!(comments(&text), comments(DEFAULT_TEXT));
        assert_eq!(edit(DEFAULT_TEXT, &BTreeMap::new()).unwrap().0, DEFAULT_TEXT);
    }

    #[test]
    fn a_threshold_is_put_in_the_place_of_the_old_one_or_beside_machine() {
        let (text, _) = edit(DEFAULT_TEXT, &one("urgency", &[Edit::WriteAt(800)])).unwrap();
        assert!(text.contains("write_at   = 0.80\nreview_at  = 0.60"), "{text}");
        let (text, contract) = edit(DEFAULT_TEXT, &one("intent", &[Edit::WriteAt(825)])).unwrap();
        assert!(text.contains("machine    = \"update\"\nwrite_at   = 0.825\n"), "{text}");
        assert_eq!(contract.fields["intent"].write_at, 825);
        let (_, contract) = edit(DEFAULT_TEXT, &one("intent", &[Edit::WriteAt(1000)])).unwrap();
        assert_eq!(contract.fields["intent"].write_at, 1000);
    }

    /// However a clause is written, it says what was meant afterwards.
    #[test]
    fn clauses_in_braces_with_dots_and_of_other_systems_are_changed_where_they_stand() {
        let plain = "[field.timeline]\nmeans      = \"When the caller wants it done, as said\"\nto         = \"contact.rb_timeline\"\n\
            type       = \"text\"\ntruth      = \"call\"\n\
            winner     = \"The latest call wins, because plans move; a person takes it over.\"\nmachine    = \"suggest\"\n";
        assert!(DEFAULT_TEXT.contains(plain));
        let values = "means = \"m\", to = \"contact.rb_timeline\", type = \"text\", truth = \"call\", \
            winner = \"The latest call wins, because plans move; a person takes it over.\", machine = \"suggest\"";
        let braces = format!("[field]\ntimeline = {{ {values} }} # as said\n");
        let dots = format!(
            "[field]\n{}\n",
            values.split(", ").fold(String::new(), |all, part| {
                // The sentence has a comma of its own.
                if part.starts_with("because") {
                    format!("{}, {part}\n", all.trim_end())
                } else {
                    format!("{all}timeline.{part}\n")
                }
            })
        );
        for (clause, says) in [
            (plain.to_owned(), "machine    = \"update\"\nautonomy   = \"auto\"\n"),
            (
                plain.replace("\"suggest\"", "\"suggest\"  # later more"),
                "machine    = \"update\"  # later more\nautonomy   = \"auto\"\n",
            ),
            (braces, "machine = \"update\", autonomy = \"auto\" } # as said"),
            (dots, "timeline.machine = \"update\"\ntimeline.autonomy = \"auto\"\n"),
        ] {
            for crlf in [false, true] {
                let mut text = DEFAULT_TEXT.replace(plain, &clause);
                let mut says = says.to_owned();
                if crlf {
                    (text, says) = (text.replace('\n', "\r\n"), says.replace('\n', "\r\n"));
                }
                let edits = one("timeline", &[Edit::Machine(Machine::Update), Edit::Autonomy(Autonomy::Auto)]);
                let (out, contract) = edit(&text, &edits).unwrap_or_else(|p| panic!("{clause}: {p:?}"));
                assert!(out.contains(&says), "{clause}: {out}");
                assert_eq!(contract.fields["timeline"].autonomy, Some(Autonomy::Auto));
            }
        }
    }

    #[test]
    fn what_cannot_be_changed_so_is_refused_and_nothing_is_half_changed() {
        let refused = edit(DEFAULT_TEXT, &one("no_such_field", &[Edit::WriteAt(800)])).unwrap_err();
        assert_eq!(refused.code, "RB-0247");
        assert!(refused.cause.starts_with("field.no_such_field"), "{refused:?}");
        let broken = DEFAULT_TEXT.replace("crm      = ", "crm      = = ");
        assert_eq!(edit(&broken, &one("intent", &[Edit::WriteAt(800)])).unwrap_err().code, "RB-0247");
        // Below the threshold from which a person is asked: the contract itself would not be right.
        assert!(edit(DEFAULT_TEXT, &one("urgency", &[Edit::WriteAt(100)])).is_err());
    }
}
