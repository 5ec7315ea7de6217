//! A text that is not TOML everywhere, read as far as it goes: the library recovers from some mistakes and drops the rest of the text after others;
//! what stands after a mistake is to be checked all the same.

use super::clamp;
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
        // To the library everything after an open list is a part of it, so its own words would be about other lines.
        if let Some(open) = open_list(&mended) {
            let cure = "add ] where the list ends";
            problems.push(Problem::new("RB-0203", "this list is not closed", cure).at(open.said.clone()));
            mended = blanked(&mended, &open.all);
            continue;
        }
        let cause = error.message().lines().collect::<Vec<_>>().join(" ");
        let cure = not_toml(error.message(), line_of(&mended, at.start), mended.get(at.start..).unwrap_or_default());
        problems.push(Problem::new("RB-0203", cause, cure).at(at.clone()));
        let next = blank(&mended, at.start);
        if next == mended {
            break;
        }
        mended = next;
    }
    (mended, problems)
}

/// What to write where a text is not TOML: the library's message, the line, and the text from where it stopped.
fn not_toml(message: &str, line: &str, rest: &str) -> &'static str {
    let value = line.split_once('=').map_or("", |(_, value)| value.trim());
    let yes_no = ["true", "false", "yes", "no", "on", "off"];
    let key = line.trim_start().trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "_-.".contains(c));
    if key.trim_start().starts_with(':') {
        "write = in place of the colon: key = \"text\""
    } else if line.contains(['\u{201c}', '\u{201d}', '\u{201e}']) {
        "these are typographic quotes: write \""
    } else if yes_no.iter().any(|word| value.eq_ignore_ascii_case(word)) {
        "write true or false, in small letters and without quotes"
    } else if rest.trim_start().starts_with(',') {
        "take the comma out: nothing stands behind a value"
    } else if message.contains("unexpected key or value") && value.starts_with('"') {
        "text that holds \" stands between single quotes: '…'"
    } else if message.contains("duplicate key") {
        "this stands twice in one table: keep one of the two lines"
    } else if message.contains("quoted") || message.contains("invalid boolean") {
        "put words in quotes: key = \"text\"; a number has none and no sign behind it: 0.90"
    } else {
        "write this place as TOML: key = \"text\", [table] or [[list]]"
    }
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

/// A list without its end.
struct OpenList {
    /// From its bracket to the end of that line.
    said: Range<usize>,
    /// From its key to whatever comes next.
    all: Range<usize>,
}

/// The first list in which another key or table begins.
fn open_list(text: &str) -> Option<OpenList> {
    let mut lists: Vec<OpenList> = Vec::new();
    let mut braces = 0_usize;
    let mut quote: Option<&str> = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if quote.is_none() && braces == 0 && begins(line) {
            if let Some(open) = lists.into_iter().next() {
                return Some(OpenList { all: open.all.start..start, ..open });
            }
            lists = Vec::new();
        }
        let header = lists.is_empty() && braces == 0 && line.trim_start().starts_with('[');
        let end = start + line.trim_end().len();
        let mut rest = line;
        while let Some(c) = rest.chars().next() {
            let at = start + line.len() - rest.len();
            let mut step = c.len_utf8();
            match quote {
                Some(mark) if rest.starts_with(mark) => {
                    quote = None;
                    step = mark.len();
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
                    }
                    '[' if !header => lists.push(OpenList { said: at..end.max(at + 1), all: start..start }),
                    ']' if !header => drop(lists.pop()),
                    '{' => braces += 1,
                    '}' => braces = braces.saturating_sub(1),
                    _ => {}
                },
            }
            rest = rest.get(step..).unwrap_or_default();
        }
        // A text in one pair of quotes ends with its line at the latest.
        quote = quote.filter(|mark| mark.len() == 3);
        start += line.len();
    }
    lists.into_iter().next().map(|open| OpenList { all: open.all.start..text.len(), ..open })
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
