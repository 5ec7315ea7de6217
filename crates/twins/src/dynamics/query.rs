//! `$filter` as far as it is used: comparisons, `and`, `or`, `not`, parentheses, three text functions (page "Filter rows using OData").

use super::refusals::{Refusal, bad_request, no_column};
use super::rows::is_guid;
use crate::civil;
use serde_json::Value;

/// The most nesting of a filter.
const DEPTH_MAX: usize = 50;

/// A filter, ready to be asked of rows.
#[derive(Debug, Clone)]
pub(crate) enum Filter {
    Or(Vec<Filter>),
    And(Vec<Filter>),
    Not(Box<Filter>),
    Compare { column: String, how: String, with: Literal },
    Text { function: String, column: String, with: String },
}

/// A value in a filter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Text(String),
    Bool(bool),
    /// Numbers, GUIDs and instants as they were written.
    Word(String),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Open,
    Close,
    Comma,
    Word(String),
    Text(String),
}

fn tokens(text: &str) -> Result<Vec<Token>, Refusal> {
    let mut out = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            ' ' => {}
            '(' => out.push(Token::Open),
            ')' => out.push(Token::Close),
            ',' => out.push(Token::Comma),
            '\'' => {
                let mut value = String::new();
                loop {
                    match rest.next() {
                        Some('\'') if rest.peek() == Some(&'\'') => {
                            rest.next();
                            value.push('\'');
                        }
                        Some('\'') => break,
                        Some(other) => value.push(other),
                        None => return Err(bad_request("There is an unterminated string literal in the filter.")),
                    }
                }
                out.push(Token::Text(value));
            }
            first => {
                let mut word = first.to_string();
                while let Some(next) = rest.peek().filter(|c| !" (),'".contains(**c)) {
                    word.push(*next);
                    rest.next();
                }
                out.push(Token::Word(word));
            }
        }
    }
    Ok(out)
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    known: &'a dyn Fn(&str) -> bool,
    logical: &'a str,
}

/// Reads a filter; `known` says whether a column exists.
pub(crate) fn filter(text: &str, logical: &str, known: &dyn Fn(&str) -> bool) -> Result<Filter, Refusal> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, known, logical };
    let whole = parser.or(0)?;
    if parser.at < parser.tokens.len() {
        return Err(bad_request(format!("Syntax error at position {} in the filter.", parser.at)));
    }
    Ok(whole)
}

impl Parser<'_> {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn takes(&mut self, word: &str) -> bool {
        let there = matches!(self.tokens.get(self.at), Some(Token::Word(w)) if w == word);
        self.at += usize::from(there);
        there
    }

    fn or(&mut self, depth: usize) -> Result<Filter, Refusal> {
        let mut any = vec![self.and(depth)?];
        while self.takes("or") {
            any.push(self.and(depth)?);
        }
        Ok(if any.len() == 1 { any.remove(0) } else { Filter::Or(any) })
    }

    fn and(&mut self, depth: usize) -> Result<Filter, Refusal> {
        let mut all = vec![self.one(depth)?];
        while self.takes("and") {
            all.push(self.one(depth)?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Filter::And(all) })
    }

    fn one(&mut self, depth: usize) -> Result<Filter, Refusal> {
        if depth > DEPTH_MAX {
            return Err(bad_request("The filter nests too deep."));
        }
        if self.takes("not") {
            return Ok(Filter::Not(Box::new(self.one(depth + 1)?)));
        }
        match self.next() {
            Some(Token::Open) => {
                let inner = self.or(depth + 1)?;
                match self.next() {
                    Some(Token::Close) => Ok(inner),
                    _ => Err(bad_request("')' expected in the filter.")),
                }
            }
            Some(Token::Word(function)) if ["contains", "startswith", "endswith"].contains(&function.as_str()) => {
                match (self.next(), self.next(), self.next(), self.next(), self.next()) {
                    (
                        Some(Token::Open),
                        Some(Token::Word(column)),
                        Some(Token::Comma),
                        Some(Token::Text(with)),
                        Some(Token::Close),
                    ) => {
                        self.check(&column)?;
                        Ok(Filter::Text { function, column, with })
                    }
                    _ => Err(bad_request("A text function takes a column and a string.")),
                }
            }
            Some(Token::Word(column)) => {
                self.check(&column)?;
                let Some(Token::Word(how)) = self.next() else { return Err(bad_request("An operator is expected.")) };
                if !["eq", "ne", "gt", "ge", "lt", "le"].contains(&how.as_str()) {
                    return Err(bad_request(format!("'{how}' is no operator.")));
                }
                let with = match self.next() {
                    Some(Token::Text(text)) => Literal::Text(text),
                    Some(Token::Word(word)) => match word.as_str() {
                        "null" => Literal::Null,
                        "true" => Literal::Bool(true),
                        "false" => Literal::Bool(false),
                        _ => Literal::Word(word),
                    },
                    _ => return Err(bad_request("A value is expected.")),
                };
                Ok(Filter::Compare { column, how, with })
            }
            _ => Err(bad_request("Syntax error in the filter.")),
        }
    }

    fn check(&self, column: &str) -> Result<(), Refusal> {
        if (self.known)(column) { Ok(()) } else { Err(no_column(column, self.logical)) }
    }
}

impl Filter {
    /// Texts of which a row that fits holds at least one; `None` where the filter does not say so.
    pub(crate) fn texts(&self) -> Option<Vec<&str>> {
        match self {
            Self::Or(any) => any.iter().map(Self::texts).collect::<Option<Vec<_>>>().map(|all| all.concat()),
            Self::And(all) => all.iter().find_map(Self::texts),
            Self::Compare { how, with: Literal::Text(text), .. } if how == "eq" => Some(vec![text]),
            Self::Compare { how, with: Literal::Word(word), .. } if how == "eq" && is_guid(word) => Some(vec![word]),
            _ => None,
        }
    }

    /// Does the row fit? `value` gives a column's value as the interface shows it.
    pub(crate) fn fits(&self, value: &dyn Fn(&str) -> Value) -> bool {
        match self {
            Self::Or(any) => any.iter().any(|f| f.fits(value)),
            Self::And(all) => all.iter().all(|f| f.fits(value)),
            Self::Not(inner) => !inner.fits(value),
            Self::Text { function, column, with } => {
                let held = value(column).as_str().unwrap_or_default().to_lowercase();
                let with = with.to_lowercase();
                match function.as_str() {
                    "contains" => held.contains(&with),
                    "startswith" => held.starts_with(&with),
                    _ => held.ends_with(&with),
                }
            }
            Self::Compare { column, how, with } => {
                let held = value(column);
                match (how.as_str(), order(&held, with)) {
                    ("eq", order) => order == Some(std::cmp::Ordering::Equal),
                    // A row without a value is unequal to every value.
                    ("ne", order) => order != Some(std::cmp::Ordering::Equal),
                    (_, None) => false,
                    ("gt", Some(order)) => order.is_gt(),
                    ("ge", Some(order)) => order.is_ge(),
                    ("lt", Some(order)) => order.is_lt(),
                    (_, Some(order)) => order.is_le(),
                }
            }
        }
    }
}

/// Strings compare without case, as the database's collation does.
fn order(held: &Value, with: &Literal) -> Option<std::cmp::Ordering> {
    match (held, with) {
        (Value::Null, Literal::Null) => Some(std::cmp::Ordering::Equal),
        (Value::String(a), Literal::Text(b)) => Some(a.to_lowercase().cmp(&b.to_lowercase())),
        (Value::Bool(a), Literal::Bool(b)) => Some(a.cmp(b)),
        (Value::Number(a), Literal::Word(b)) => a.as_f64()?.partial_cmp(&b.parse().ok()?),
        (Value::String(a), Literal::Word(b)) => match (civil::parse_iso(a), civil::parse_iso(b)) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => Some(a.to_lowercase().cmp(&b.to_lowercase())),
        },
        _ => None,
    }
}
