//! A text that is not TOML everywhere, read as far as it goes: the library recovers from some mistakes and drops the rest of the text after others;
//! what stands after a mistake is to be checked all the same.

use super::clamp;
use super::slips::not_toml;
use crate::problem::Problem;
use std::ops::Range;
use toml::de::DeTable;

/// How often a text is mended before it is read as far as it goes.
const MENDS_MAX: usize = 20;

/// The text with everything blanked that is not TOML, of the same length so that places stay right, and a problem for each such place.
pub(super) fn mend(text: &str) -> (String, Vec<Problem>) {
    let mut mended = text.to_owned();
    let mut problems = Vec::new();
    for _ in 0..MENDS_MAX {
        let (_, errors) = DeTable::parse_recoverable(&mended);
        // One at a time: what follows a mistake may only be wrong because of it.
        let Some(error) = errors.iter().min_by_key(|e| e.span().map_or(0, |at| at.start)) else { break };
        let at = clamp(error.span().unwrap_or(0..0), text.len());
        // To the library everything after an open bracket is a part of it, so its own words would be about other lines.
        if let Some(open) = open_bracket(&mended) {
            let (cause, cure) = match open.mark {
                '[' if open.before => ("this list is not closed", "add ] before the }"),
                '{' if open.before => ("this table is not closed", "add } before the ]"),
                '[' => ("this list is not closed", "add ] where the list ends"),
                _ => ("this table is not closed", "add } where the table ends"),
            };
            problems.push(Problem::new("RB-0203", cause, cure).at(open.said.clone()));
            mended = blanked(&mended, &open.all);
            continue;
        }
        let (cause, cure) =
            not_toml(error.message(), line_of(&mended, at.start), mended.get(at.start..).unwrap_or_default());
        problems.push(Problem::new("RB-0203", cause, cure).at(at.clone()));
        let next = blank(&mended, at.start);
        if next == mended {
            break;
        }
        mended = next;
    }
    (mended, problems)
}

/// Blanks the line around that byte; of a broken header also what belongs to it, which would otherwise fall into the table above.
fn blank(text: &str, at: usize) -> String {
    let mut start = 0;
    let mut hit = false;
    let mut header = false;
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        let here = !hit && ((start..end).contains(&at) || end == text.len());
        let is_header = line.trim_start().starts_with('[');
        header = if here { is_header } else { header && !is_header };
        hit |= here;
        if here || header {
            out.extend(line.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }));
        } else {
            out.push_str(line);
        }
        start = end;
    }
    out
}

/// The line around that byte.
fn line_of(text: &str, at: usize) -> &str {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if (start..start + line.len()).contains(&at) {
            return line;
        }
        start += line.len();
    }
    ""
}

fn blanked(text: &str, at: &Range<usize>) -> String {
    let inside = |(place, c): (usize, char)| {
        if at.contains(&place) && c != '\n' { " ".repeat(c.len_utf8()) } else { c.to_string() }
    };
    text.char_indices().map(inside).collect()
}

/// A bracket without its counterpart.
struct Open {
    /// `[` of a list or `{` of a table.
    mark: char,
    /// From the bracket to the end of that line.
    said: Range<usize>,
    /// From its key to whatever comes next.
    all: Range<usize>,
    /// The bracket around it is closed before it.
    before: bool,
}

/// The first bracket in which another key or table begins.
fn open_bracket(text: &str) -> Option<Open> {
    let mut opens: Vec<Open> = Vec::new();
    let mut quote: Option<&str> = None;
    // What the line before ends with, remarks left out: a comma or a bracket goes on in the next.
    let mut last = ' ';
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if quote.is_none() && begins(line) {
            // Keys may stand in lines of their own within braces, headers in no bracket at all.
            let table = line.trim_start().starts_with('[');
            let within = opens.iter().any(|open| open.mark == '{');
            let goes_on = if table { opens.last().is_some_and(|open| open.mark == '[') } else { "{[,".contains(last) };
            if !(within && goes_on)
                && let Some(open) = opens.drain(..).next()
            {
                return Some(Open { all: open.all.start..start, ..open });
            }
        }
        let header = opens.is_empty() && line.trim_start().starts_with('[');
        let end = start + line.trim_end().len();
        let mut rest = line;
        while let Some(c) = rest.chars().next() {
            let at = start + line.len() - rest.len();
            let mut step = c.len_utf8();
            match quote {
                Some(mark) if rest.starts_with(mark) => {
                    quote = None;
                    step = mark.len();
                    last = c;
                }
                Some(mark) if c == '\\' && mark.starts_with('"') => {
                    step += rest.chars().nth(1).map_or(0, char::len_utf8);
                }
                Some(_) => {}
                None => match c {
                    '#' => break,
                    '"' | '\'' => {
                        let long = ["\"\"\"", "\'\'\'"].into_iter().find(|mark| rest.starts_with(mark));
                        let mark = long.unwrap_or(if c == '"' { "\"" } else { "\'" });
                        quote = Some(mark);
                        step = mark.len();
                        last = c;
                    }
                    _ => {
                        if !c.is_whitespace() {
                            last = c;
                        }
                        match c {
                            '[' | '{' if !header => {
                                opens.push(Open {
                                    mark: c,
                                    said: at..end.max(at + 1),
                                    all: start..start,
                                    before: false,
                                });
                            }
                            ']' | '}' if !header => match opens.pop() {
                                Some(open) if (open.mark == '[') != (c == ']') => {
                                    let first = opens.first().map_or(open.all.start, |outer| outer.all.start);
                                    return Some(Open {
                                        all: first..start + line.trim_end().len(),
                                        before: true,
                                        ..open
                                    });
                                }
                                _ => {}
                            },
                            _ => {}
                        }
                    }
                },
            }
            rest = rest.get(step..).unwrap_or_default();
        }
        // A text in one pair of quotes ends with its line at the latest.
        quote = quote.filter(|mark| mark.len() == 3);
        start += line.len();
    }
    opens.into_iter().next().map(|open| Open { all: open.all.start..text.len(), ..open })
}

/// Does this line begin a key or a table, as none inside of a list can?
fn begins(line: &str) -> bool {
    let line = line.split('#').next().unwrap_or_default().trim();
    let bare = |text: &str| {
        !text.is_empty()
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-. ".contains(c))
            && !text.contains("  ")
    };
    let key = line.split_once('=').is_some_and(|(key, _)| bare(key.trim()));
    let table = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let table = table.map(|inner| inner.strip_prefix('[').and_then(|i| i.strip_suffix(']')).unwrap_or(inner));
    let number = |text: &str| text.chars().all(|c| c.is_ascii_digit() || "-. ".contains(c));
    key || table.is_some_and(|name| bare(name) && !number(name) && !matches!(name, "true" | "false"))
}
