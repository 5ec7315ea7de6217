//! COQL ("COQL-Overview.html", "COQL-Limitations.html") and the criteria of the search ("search-records.html"): both become tests on a
//! record's fields.

use super::fields::DataType;
use super::record::text;
use super::refusals::{Refusal, invalid_column, syntax};
use super::{Call, Record, Zoho};
use crate::{Reply, civil};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Criteria of one query.
const CRITERIA_MAX: usize = 25;
/// Values of an `in`.
const VALUES_MAX: usize = 100;
/// Columns of one query.
const COLUMNS_MAX: usize = 500;
const ROWS_MAX: usize = 2_000;

/// What a record must be.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    Both(Box<Test>, Box<Test>),
    Either(Box<Test>, Box<Test>),
    One { field: String, op: String, values: Vec<String> },
}

impl Test {
    pub(crate) fn fields(&self) -> Vec<&str> {
        match self {
            Self::Both(a, b) | Self::Either(a, b) => a.fields().into_iter().chain(b.fields()).collect(),
            Self::One { field, .. } => vec![field],
        }
    }

    pub(crate) fn fits(&self, fields: &BTreeMap<String, Value>) -> bool {
        match self {
            Self::Both(a, b) => a.fits(fields) && b.fits(fields),
            Self::Either(a, b) => a.fits(fields) || b.fits(fields),
            Self::One { field, op, values } => {
                let held = fields.get(field).and_then(text);
                let same = |held: &str, wanted: &str| held.eq_ignore_ascii_case(wanted);
                match (op.as_str(), held) {
                    ("null", held) => held.is_none(),
                    ("not null", held) => held.is_some(),
                    ("=" | "in" | "equals", Some(held)) => values.iter().any(|v| same(&held, v)),
                    ("!=" | "not in" | "not_equal", held) => {
                        !values.iter().any(|v| held.as_deref().is_some_and(|h| same(h, v)))
                    }
                    ("like", Some(held)) => values.first().is_some_and(|pattern| like(&held, pattern)),
                    ("starts_with", Some(held)) => {
                        values.first().is_some_and(|v| held.to_lowercase().starts_with(&v.to_lowercase()))
                    }
                    (">" | ">=" | "<" | "<=", Some(held)) => values.first().is_some_and(|v| ordered(&held, op, v)),
                    _ => false,
                }
            }
        }
    }
}

fn like(held: &str, pattern: &str) -> bool {
    let (held, bare) = (held.to_lowercase(), pattern.trim_matches('%').to_lowercase());
    match (pattern.starts_with('%'), pattern.ends_with('%')) {
        (true, true) => held.contains(&bare),
        (true, false) => held.ends_with(&bare),
        (false, true) => held.starts_with(&bare),
        (false, false) => held == bare,
    }
}

fn ordered(held: &str, op: &str, wanted: &str) -> bool {
    let order = match (civil::parse_iso(held), civil::parse_iso(wanted)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => match (held.parse::<f64>(), wanted.parse::<f64>()) {
            (Ok(a), Ok(b)) => a.total_cmp(&b),
            _ => held.cmp(wanted),
        },
    };
    match op {
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        "<" => order.is_lt(),
        _ => order.is_le(),
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Sign(String),
}

fn tokens(query: &str) -> Result<Vec<Token>, Refusal> {
    let mut out = Vec::new();
    let mut rest = query.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            _ if c.is_whitespace() => {}
            '\'' => {
                let mut text = String::new();
                loop {
                    match rest.next() {
                        Some('\\') => text.extend(rest.next()),
                        Some('\'') => break,
                        Some(other) => text.push(other),
                        None => return Err(syntax(&text)),
                    }
                }
                out.push(Token::Text(text));
            }
            '(' | ')' | ',' => out.push(Token::Sign(c.to_string())),
            '=' | '!' | '<' | '>' => {
                let mut sign = c.to_string();
                sign.extend(rest.next_if(|n| matches!(n, '=' | '>')));
                out.push(Token::Sign(if sign == "<>" { "!=".to_owned() } else { sign }));
            }
            _ if c.is_ascii_alphanumeric() || "_$.-:+".contains(c) => {
                let mut word = c.to_string();
                while let Some(next) = rest.next_if(|n| n.is_ascii_alphanumeric() || "_$.-:+".contains(*n)) {
                    word.push(next);
                }
                out.push(Token::Word(word));
            }
            _ => return Err(syntax(&c.to_string())),
        }
    }
    Ok(out)
}

struct Parser {
    tokens: std::collections::VecDeque<Token>,
    criteria: usize,
}

impl Parser {
    fn word(&mut self, wanted: &str) -> bool {
        let here = matches!(self.tokens.front(), Some(Token::Word(w)) if w.eq_ignore_ascii_case(wanted));
        if here {
            self.tokens.pop_front();
        }
        here
    }

    fn sign(&mut self, wanted: &str) -> bool {
        let here = matches!(self.tokens.front(), Some(Token::Sign(s)) if s == wanted);
        if here {
            self.tokens.pop_front();
        }
        here
    }

    fn name(&mut self) -> Result<String, Refusal> {
        match self.tokens.pop_front() {
            Some(Token::Word(word)) => Ok(word),
            other => Err(syntax(&format!("{other:?}"))),
        }
    }

    fn value(&mut self) -> Result<String, Refusal> {
        match self.tokens.pop_front() {
            Some(Token::Word(word) | Token::Text(word)) => Ok(word),
            other => Err(syntax(&format!("{other:?}"))),
        }
    }

    /// One connective per pair of brackets: "use them as (A and (B and C))".
    fn test(&mut self) -> Result<Test, Refusal> {
        let first = self.operand()?;
        let (both, either) = (self.word("and"), self.word("or"));
        if !both && !either {
            return Ok(first);
        }
        let second = Box::new(self.operand()?);
        Ok(if both { Test::Both(Box::new(first), second) } else { Test::Either(Box::new(first), second) })
    }

    fn operand(&mut self) -> Result<Test, Refusal> {
        if self.sign("(") {
            let inner = self.test()?;
            return if self.sign(")") { Ok(inner) } else { Err(syntax("brackets")) };
        }
        self.criteria += 1;
        let field = self.name()?;
        if self.word("is") {
            let not = self.word("not");
            return if self.word("null") {
                Ok(Test::One { field, op: if not { "not null" } else { "null" }.to_owned(), values: Vec::new() })
            } else {
                Err(syntax("is"))
            };
        }
        let not = self.word("not");
        if self.word("in") {
            return Ok(Test::One { field, op: if not { "not in" } else { "in" }.to_owned(), values: self.values()? });
        }
        if !not && self.word("like") {
            return Ok(Test::One { field, op: "like".to_owned(), values: vec![self.value()?] });
        }
        match self.tokens.pop_front() {
            Some(Token::Sign(op)) if !not && matches!(op.as_str(), "=" | "!=" | ">" | ">=" | "<" | "<=") => {
                Ok(Test::One { field, op, values: vec![self.value()?] })
            }
            other => Err(syntax(&format!("{other:?}"))),
        }
    }

    fn values(&mut self) -> Result<Vec<String>, Refusal> {
        if !self.sign("(") {
            return Err(syntax("in"));
        }
        let mut values = vec![self.value()?];
        while self.sign(",") {
            values.push(self.value()?);
        }
        if values.len() > VALUES_MAX {
            return Err(
                Refusal::new(400, "LIMIT_EXCEEDED", "the values given exceed the limit").detail("limit", VALUES_MAX)
            );
        }
        if self.sign(")") { Ok(values) } else { Err(syntax("in")) }
    }
}

impl Zoho {
    pub(crate) fn coql(&mut self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let query = call.body.get("select_query").and_then(Value::as_str).ok_or_else(|| {
            Refusal::new(400, "MANDATORY_NOT_FOUND", "required field not found").detail("api_name", "select_query")
        })?;
        let mut parser = Parser { tokens: tokens(query)?.into(), criteria: 0 };
        if !parser.word("select") {
            return Err(syntax(query.get(..12).unwrap_or(query)));
        }
        let mut columns = vec![parser.name()?];
        while parser.sign(",") {
            columns.push(parser.name()?);
        }
        if !parser.word("from") {
            return Err(syntax("from"));
        }
        let name = parser.name()?;
        let module = super::fields::module(&name).ok_or_else(|| {
            Refusal::new(400, "INVALID_QUERY", "invalid query formed").detail("module", name.as_str())
        })?;
        if !parser.word("where") {
            return Err(Refusal::new(400, "SYNTAX_ERROR", "missing clause").detail("clause", "where"));
        }
        let test = parser.test()?;
        let (skip, limit) = Self::limit(&mut parser)?;
        self.check_query(module, &columns, &test, parser.criteria)?;
        let mut rows: Vec<&Record> =
            self.records.values().filter(|r| r.module == module && self.coql_sees(r, &test, call.now_ms)).collect();
        rows.sort_by_key(|r| r.id);
        let more = rows.len() > skip + limit;
        let rows: Vec<Value> =
            rows.into_iter().skip(skip).take(limit).map(|r| self.row(r, &columns, call.now_ms)).collect();
        if rows.is_empty() {
            return Ok(Reply::empty(204));
        }
        Ok(Reply::json(200, &json!({ "info": { "count": rows.len(), "more_records": more }, "data": rows })))
    }

    fn limit(parser: &mut Parser) -> Result<(usize, usize), Refusal> {
        let number = |parser: &mut Parser| parser.name().and_then(|w| w.parse::<usize>().map_err(|_| syntax("limit")));
        let (mut skip, mut limit) = (0, 200);
        if parser.word("limit") {
            limit = number(parser)?;
            if parser.sign(",") {
                skip = limit;
                limit = number(parser)?;
            } else if parser.word("offset") {
                skip = number(parser)?;
            }
        }
        if !parser.tokens.is_empty() || limit == 0 || limit > ROWS_MAX {
            return Err(syntax("limit"));
        }
        Ok((skip, limit))
    }

    fn check_query(&self, module: &str, columns: &[String], test: &Test, criteria: usize) -> Result<(), Refusal> {
        if criteria > CRITERIA_MAX || columns.len() > COLUMNS_MAX {
            return Err(
                Refusal::new(400, "LIMIT_EXCEEDED", "the query exceeds the limit").detail("limit", CRITERIA_MAX)
            );
        }
        for column in columns {
            if column != "id" && self.field(module, column).is_none() {
                return Err(invalid_column(column, "select"));
            }
        }
        for column in test.fields() {
            let field = if column == "id" { None } else { Some(self.field(module, column)) };
            match field {
                Some(None) => return Err(invalid_column(column, "where")),
                // "You cannot use multi-line fields in criteria."
                Some(Some(field)) if field.data_type == DataType::TextArea => {
                    let refusal = Refusal::new(400, "INVALID_QUERY", "data type not supported");
                    return Err(refusal.detail("column_name", column));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn coql_sees(&self, record: &Record, test: &Test, now_ms: i64) -> bool {
        let shown = !record.deleted && (record.converted.is_none() || self.options.coql_shows_converted);
        let held = record.as_of(now_ms - self.options.coql_lag_ms);
        shown && held.is_some_and(|fields| test.fits(&with_id(fields, record.id)))
    }

    fn row(&self, record: &Record, columns: &[String], now_ms: i64) -> Value {
        let whole = self.shown(record, Some(columns));
        let held = record.as_of(now_ms - self.options.coql_lag_ms);
        let mut row = Map::new();
        row.insert("id".into(), record.id.to_string().into());
        for column in columns.iter().filter(|c| *c != "id") {
            let late = held.and_then(|h| h.get(column)).cloned();
            let value = late.or_else(|| whole.get(column).cloned()).unwrap_or_default();
            // Of a lookup a query shows the id alone.
            let value = match value.get("id") {
                Some(id) if !column.ends_with("_By") => json!({ "id": id }),
                _ => value,
            };
            row.insert(column.clone(), value);
        }
        Value::Object(row)
    }
}

pub(crate) fn with_id(fields: &BTreeMap<String, Value>, id: u64) -> BTreeMap<String, Value> {
    let mut all = fields.clone();
    all.insert("id".to_owned(), id.to_string().into());
    all
}

/// Criteria of the search: `((A:equals:b)or(C:equals:d))`, with `\` before brackets, commas and itself.
pub(crate) fn criteria(text: &str) -> Result<Test, Refusal> {
    let wrong = || {
        Refusal::new(400, "INVALID_QUERY", "Invalid query formed")
            .detail("reason", "invalid criteria")
            .detail("api_name", "criteria")
    };
    let chars: Vec<char> = text.chars().collect();
    let mut at = 0;
    let test = group(&chars, &mut at).ok_or_else(wrong)?;
    if at == chars.len() { Ok(test) } else { Err(wrong()) }
}

fn group(chars: &[char], at: &mut usize) -> Option<Test> {
    (chars.get(*at) == Some(&'(')).then_some(())?;
    *at += 1;
    if chars.get(*at) == Some(&'(') {
        let mut test = group(chars, at)?;
        while chars.get(*at) != Some(&')') {
            let word: String = chars.get(*at..)?.iter().take_while(|c| c.is_ascii_alphabetic()).collect();
            *at += word.len();
            let next = Box::new(group(chars, at)?);
            test = match word.as_str() {
                "and" => Test::Both(Box::new(test), next),
                "or" => Test::Either(Box::new(test), next),
                _ => return None,
            };
        }
        *at += 1;
        return Some(test);
    }
    let mut parts = vec![String::new()];
    loop {
        let c = *chars.get(*at)?;
        *at += 1;
        match c {
            ')' => break,
            '\\' => {
                parts.last_mut()?.push(*chars.get(*at)?);
                *at += 1;
            }
            ':' if parts.len() < 3 => parts.push(String::new()),
            '(' | ',' => return None,
            other => parts.last_mut()?.push(other),
        }
    }
    let [field, op, value] = <[String; 3]>::try_from(parts).ok()?;
    matches!(op.as_str(), "equals" | "not_equal" | "starts_with").then_some(Test::One {
        field,
        op,
        values: vec![value],
    })
}
