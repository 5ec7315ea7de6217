//! The part of SOQL and SOSL that this org understands ("SOQL and SOSL Reference"); everything else is refused as malformed.

use super::refusals::{Refusal, malformed_query, malformed_search};

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Mark(&'static str),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Bool(bool),
    Text(String),
    /// A number, a date or an instant, as written.
    Bare(String),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Compare { field: String, operator: &'static str, value: Literal },
    In { field: String, not: bool, values: Vec<Literal> },
    Within { field: String, not: bool, query: Box<Query> },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    pub(crate) fields: Vec<String>,
    pub(crate) from: String,
    pub(crate) condition: Option<Condition>,
    /// Field, and whether it goes down.
    pub(crate) order: Vec<(String, bool)>,
    pub(crate) limit: Option<usize>,
}

/// A search: its terms, where they are looked for, and what is given of each object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Search {
    pub(crate) terms: Vec<String>,
    pub(crate) group: String,
    pub(crate) returning: Vec<Query>,
}

pub(crate) fn query(text: &str) -> Result<Query, Refusal> {
    let tokens = tokens(text).map_err(|why| malformed_query(&why))?;
    let mut parser = Parser { tokens: &tokens, at: 0 };
    let query = parser.query().map_err(|why| malformed_query(&why))?;
    parser.end().map_err(|why| malformed_query(&why))?;
    Ok(query)
}

pub(crate) fn search(text: &str) -> Result<Search, Refusal> {
    search_of(text).map_err(|why| malformed_search(&why))
}

fn search_of(text: &str) -> Result<Search, String> {
    let rest = text.trim_start();
    let rest = rest.get(..4).filter(|w| w.eq_ignore_ascii_case("FIND")).and(rest.get(4..)).ok_or("expecting FIND")?;
    let inner = rest.trim_start().strip_prefix('{').ok_or("expecting '{'")?;
    let mut escaped = false;
    let end = inner.char_indices().find(|(_, c)| {
        let closes = *c == '}' && !escaped;
        escaped = *c == '\\' && !escaped;
        closes
    });
    let (find, rest) = inner.split_at(end.ok_or("expecting '}'")?.0);
    let tokens = tokens(rest.get(1..).unwrap_or_default())?;
    let mut parser = Parser { tokens: &tokens, at: 0 };
    let mut group = "ALL".to_owned();
    if parser.keyword("IN") {
        group = parser.word()?.to_ascii_uppercase();
        if !["ALL", "NAME", "EMAIL", "PHONE", "SIDEBAR"].contains(&group.as_str()) || !parser.keyword("FIELDS") {
            return Err(format!("unexpected token: {group}"));
        }
    }
    let mut returning = Vec::new();
    if parser.keyword("RETURNING") {
        loop {
            returning.push(parser.returned()?);
            if !parser.mark(",") {
                break;
            }
        }
    }
    if parser.keyword("LIMIT") {
        parser.number()?;
    }
    parser.end()?;
    Ok(Search { terms: terms(find)?, group, returning })
}

/// The alternatives of a search text. Reserved characters must be escaped, also inside quotes.
fn terms(find: &str) -> Result<Vec<String>, String> {
    let (mut found, mut word, mut quoted, mut escaped) = (Vec::new(), String::new(), false, false);
    for c in find.chars().chain([' ']) {
        match c {
            _ if escaped => {
                word.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ' ' if !quoted => {
                if !word.is_empty() {
                    found.push(std::mem::take(&mut word));
                }
            }
            '&' | '|' | '!' | '{' | '}' | '[' | ']' | '(' | ')' | '^' | '~' | ':' | '\'' | '+' | '-' => {
                return Err(format!("unexpected token: {c}"));
            }
            c => word.push(c),
        }
    }
    if quoted || escaped {
        return Err("unterminated search term".to_owned());
    }
    // Between two terms there must be an OR: this org searches for alternatives only.
    let mut terms = Vec::new();
    for (n, word) in found.into_iter().enumerate() {
        match (n % 2 == 1, word == "OR") {
            (true, true) => {}
            (false, false) => terms.push(word),
            _ => return Err("this org understands only terms joined by OR".to_owned()),
        }
    }
    if terms.is_empty() || terms.iter().any(|t| t.chars().count() < 2) {
        return Err("search term must be longer than one character".to_owned());
    }
    Ok(terms)
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut out = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let token = match c {
            c if c.is_whitespace() => continue,
            '\'' => {
                let mut text = String::new();
                loop {
                    match chars.next().ok_or("unterminated string")? {
                        '\'' => break,
                        '\\' => match chars.next().ok_or("unterminated string")? {
                            'n' => text.push('\n'),
                            'r' => text.push('\r'),
                            't' => text.push('\t'),
                            c @ ('\'' | '\\' | '"') => text.push(c),
                            c => return Err(format!("illegal escape: {c}")),
                        },
                        c => text.push(c),
                    }
                }
                Token::Text(text)
            }
            '(' => Token::Mark("("),
            ')' => Token::Mark(")"),
            ',' => Token::Mark(","),
            '=' => Token::Mark("="),
            '!' if chars.next_if_eq(&'=').is_some() => Token::Mark("!="),
            '<' if chars.next_if_eq(&'=').is_some() => Token::Mark("<="),
            '<' if chars.next_if_eq(&'>').is_some() => Token::Mark("!="),
            '<' => Token::Mark("<"),
            '>' if chars.next_if_eq(&'=').is_some() => Token::Mark(">="),
            '>' => Token::Mark(">"),
            c if c.is_ascii_alphanumeric() || c == '-' => {
                let mut word = c.to_string();
                let part = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-' | '+');
                while let Some(c) = chars.next_if(part) {
                    word.push(c);
                }
                Token::Word(word)
            }
            c => return Err(format!("unexpected token: '{c}'")),
        };
        out.push(token);
    }
    Ok(out)
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
}

impl Parser<'_> {
    fn unexpected(&self) -> String {
        match self.tokens.get(self.at) {
            Some(Token::Word(word)) => format!("unexpected token: '{word}'"),
            Some(Token::Text(_)) => "unexpected token: a string".to_owned(),
            Some(Token::Mark(mark)) => format!("unexpected token: '{mark}'"),
            None => "unexpected token: '<EOF>'".to_owned(),
        }
    }

    fn end(&self) -> Result<(), String> {
        if self.at == self.tokens.len() { Ok(()) } else { Err(self.unexpected()) }
    }

    fn keyword(&mut self, wanted: &str) -> bool {
        let there = matches!(self.tokens.get(self.at), Some(Token::Word(w)) if w.eq_ignore_ascii_case(wanted));
        self.at += usize::from(there);
        there
    }

    fn mark(&mut self, wanted: &str) -> bool {
        let there = matches!(self.tokens.get(self.at), Some(Token::Mark(m)) if *m == wanted);
        self.at += usize::from(there);
        there
    }

    fn word(&mut self) -> Result<String, String> {
        match self.tokens.get(self.at) {
            Some(Token::Word(word)) => {
                self.at += 1;
                Ok(word.clone())
            }
            _ => Err(self.unexpected()),
        }
    }

    fn number(&mut self) -> Result<usize, String> {
        let word = self.word()?;
        word.parse().map_err(|_| format!("unexpected token: '{word}'"))
    }

    fn query(&mut self) -> Result<Query, String> {
        if !self.keyword("SELECT") {
            return Err(self.unexpected());
        }
        let fields = self.names()?;
        if !self.keyword("FROM") {
            return Err(self.unexpected());
        }
        let from = self.word()?;
        self.tail(fields, from)
    }

    /// `Contact(Id, Phone WHERE … LIMIT 20)`
    fn returned(&mut self) -> Result<Query, String> {
        let from = self.word()?;
        if !self.mark("(") {
            return Ok(Query { fields: vec!["Id".to_owned()], from, condition: None, order: Vec::new(), limit: None });
        }
        let fields = self.names()?;
        let query = self.tail(fields, from)?;
        if self.mark(")") { Ok(query) } else { Err(self.unexpected()) }
    }

    fn names(&mut self) -> Result<Vec<String>, String> {
        let mut names = vec![self.word()?];
        while self.mark(",") {
            names.push(self.word()?);
        }
        Ok(names)
    }

    fn tail(&mut self, fields: Vec<String>, from: String) -> Result<Query, String> {
        let condition = if self.keyword("WHERE") { Some(self.conditions()?) } else { None };
        let mut order = Vec::new();
        if self.keyword("ORDER") {
            if !self.keyword("BY") {
                return Err(self.unexpected());
            }
            loop {
                let field = self.word()?;
                let down = self.keyword("DESC");
                if !down {
                    self.keyword("ASC");
                }
                order.push((field, down));
                if !self.mark(",") {
                    break;
                }
            }
        }
        let limit = if self.keyword("LIMIT") { Some(self.number()?) } else { None };
        Ok(Query { fields, from, condition, order, limit })
    }

    /// AND and OR may not stand beside each other without brackets.
    fn conditions(&mut self) -> Result<Condition, String> {
        let first = self.condition()?;
        let (mut all, word) = (vec![first], if self.peek("AND") { "AND" } else { "OR" });
        while self.keyword(word) {
            all.push(self.condition()?);
        }
        if self.peek("AND") || self.peek("OR") {
            return Err(self.unexpected());
        }
        Ok(match (all.len(), word) {
            (1, _) => all.remove(0),
            (_, "AND") => Condition::And(all),
            _ => Condition::Or(all),
        })
    }

    fn peek(&self, wanted: &str) -> bool {
        matches!(self.tokens.get(self.at), Some(Token::Word(w)) if w.eq_ignore_ascii_case(wanted))
    }

    fn condition(&mut self) -> Result<Condition, String> {
        if self.keyword("NOT") {
            return Ok(Condition::Not(Box::new(self.condition()?)));
        }
        if self.mark("(") {
            let inner = self.conditions()?;
            return if self.mark(")") { Ok(inner) } else { Err(self.unexpected()) };
        }
        let field = self.word()?;
        let not = self.keyword("NOT");
        if self.keyword("IN") {
            if !self.mark("(") {
                return Err(self.unexpected());
            }
            if self.peek("SELECT") {
                let query = Box::new(self.query()?);
                return if self.mark(")") {
                    Ok(Condition::Within { field, not, query })
                } else {
                    Err(self.unexpected())
                };
            }
            let mut values = vec![self.literal()?];
            while self.mark(",") {
                values.push(self.literal()?);
            }
            return if self.mark(")") { Ok(Condition::In { field, not, values }) } else { Err(self.unexpected()) };
        }
        if not {
            return Err(self.unexpected());
        }
        let operator = match self.tokens.get(self.at) {
            Some(Token::Mark(mark @ ("=" | "!=" | "<" | ">" | "<=" | ">="))) => *mark,
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("LIKE") => "LIKE",
            _ => return Err(self.unexpected()),
        };
        self.at += 1;
        Ok(Condition::Compare { field, operator, value: self.literal()? })
    }

    fn literal(&mut self) -> Result<Literal, String> {
        let literal = match self.tokens.get(self.at) {
            Some(Token::Text(text)) => Literal::Text(text.clone()),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("null") => Literal::Null,
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("true") => Literal::Bool(true),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("false") => Literal::Bool(false),
            Some(Token::Word(word)) if word.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
                Literal::Bare(word.clone())
            }
            _ => return Err(self.unexpected()),
        };
        self.at += 1;
        Ok(literal)
    }
}
