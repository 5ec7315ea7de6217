//! The conditions of owner rules: a small subset of CEL, read and evaluated here.
//!
//! Whatever is accepted here means the same in CEL: `==`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `&&`, `||`, `!`, parentheses, text, whole numbers, `true`,
//! `false`, lists, `name.contains("words")`, and the dotted names of [`super::owner::NAMES`], with `record.<property>` of the caller's record and
//! `field.<name>` for what was said. A complete CEL brings a parser generator's runtime that
//! costs more to compile than the rest of this crate, reports no place for an unknown name, and evaluates what nobody needs to
//! decide who calls back. Here an unknown name or a comparison of different types is a problem with its place in the text, bounds hold
//! for length and depth, and evaluation cannot fail.

use super::owner::NAMES;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Deref, Range};
use std::sync::{Arc, OnceLock};

/// The longest condition, in bytes.
pub const CONDITION_BYTES_MAX: usize = 4_096;
/// How deep parentheses, lists and negations may nest.
pub const CONDITION_DEPTH_MAX: usize = 32;
/// What one condition may cost at most: a name, a value or a comparison counts one, looking into a text [`LOOK_COST`].
pub const CONDITION_COST_MAX: usize = 500;
/// What looking for words in a text costs.
const LOOK_COST: usize = 20;

/// A value of a fact or a literal. A fact is looked at where it lies, for conditions are asked in every step of every inquiry.
#[derive(Debug, Clone)]
pub enum Fact<'a> {
    Text(&'a str),
    Number(i64),
    Bool(bool),
    Texts(&'a [&'a str]),
    List(Vec<Fact<'a>>),
}

impl PartialEq for Fact<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Number(a), Self::Number(b)) => a == b,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Texts(a), Self::Texts(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Texts(a), Self::List(b)) | (Self::List(b), Self::Texts(a)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| *b == Self::Text(a))
            }
            _ => false,
        }
    }
}

impl Fact<'_> {
    fn holds(&self, one: &Fact<'_>) -> bool {
        match (self, one) {
            (Self::Texts(all), Fact::Text(one)) => all.contains(one),
            (Self::List(all), one) => all.contains(one),
            _ => false,
        }
    }
}

/// Where a condition's names come from.
pub trait Facts {
    /// The value of a dotted name; `None` for a name that does not exist.
    fn get(&self, name: &str) -> Option<Fact<'_>>;
}

/// A condition as a contract writes it. It is its text and nothing else; that the text is read once, however often it is asked, nobody sees.
#[derive(Clone, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct When {
    text: Arc<str>,
    read: OnceLock<Option<Arc<Asked>>>,
}

/// A text that was read.
#[derive(Debug)]
struct Asked {
    condition: Condition,
    /// See [`Condition::more`].
    more: Vec<String>,
}

impl When {
    fn read(&self) -> Option<&Asked> {
        let read = || {
            let condition = Condition::parse(&self.text).ok()?;
            Some(Arc::new(Asked { more: condition.more(), condition }))
        };
        self.read.get_or_init(read).as_deref()
    }

    /// Whether it holds; `None` for a text that is no condition.
    pub fn holds(&self, facts: &dyn Facts) -> Option<bool> {
        self.read().map(|asked| asked.condition.holds(facts))
    }

    /// The names it asks for beyond the plain ones: `record.<property>`, `field.<name>`.
    pub fn more(&self) -> &[String] {
        self.read().map_or(&[], |asked| &asked.more)
    }
}

impl From<String> for When {
    fn from(text: String) -> Self {
        Self { text: text.into(), read: OnceLock::new() }
    }
}

impl From<&str> for When {
    fn from(text: &str) -> Self {
        Self { text: text.into(), read: OnceLock::new() }
    }
}

impl From<When> for String {
    fn from(when: When) -> Self {
        when.text.as_ref().to_owned()
    }
}

impl Deref for When {
    type Target = str;
    fn deref(&self) -> &str {
        &self.text
    }
}

impl PartialEq for When {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for When {}

impl fmt::Debug for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What is wrong with a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionError {
    pub cause: String,
    pub cure: String,
    /// RB-0210, or RB-0220 for one that costs too much.
    pub code: &'static str,
    /// Byte range within the condition.
    pub at: Range<usize>,
}

/// A condition that has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    root: Expr,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Expr {
    Text(String),
    Number(i64),
    Bool(bool),
    List(Vec<Expr>),
    Name(String),
    Not(Box<Expr>),
    Two(Op, Box<Expr>, Box<Expr>),
    /// `name.contains("words")`.
    Holds(Box<Expr>, Box<Expr>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Or,
    And,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
}

/// What is known of an expression's type before it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Bool,
    List,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "a number",
            Self::Bool => "true or false",
            Self::List => "a list",
        }
    }
}

impl Condition {
    /// Reads a condition and checks its names and types.
    pub fn parse(text: &str) -> Result<Self, ConditionError> {
        if text.len() > CONDITION_BYTES_MAX {
            let cause = format!("the condition is longer than {CONDITION_BYTES_MAX} bytes");
            return Err(ConditionError {
                code: "RB-0220",
                ..error(cause, "split it into several rules", 0..text.len())
            });
        }
        let tokens = tokens(text)?;
        let mut reader = Reader { tokens: &tokens, next: 0, end: text.len() };
        let (root, kind, at) = reader.or(0)?;
        if let Some(token) = reader.peek() {
            let cure = match (&token.tok, &root) {
                (Tok::Word(word), Expr::Name(name)) if word == "contains" => {
                    format!("write {name}.contains(\"…\")")
                }
                _ => "join both parts with && or ||".to_owned(),
            };
            return Err(error("the condition goes on after its end", cure, token.at.clone()));
        }
        if kind != Kind::Bool {
            let cause = format!("the condition is {}, not a question", kind.word());
            return Err(error(cause, "compare it with something: ==, != or in", at));
        }
        let cost = cost(&root);
        if cost > CONDITION_COST_MAX {
            let cause = format!("the condition costs {cost}, where {CONDITION_COST_MAX} are allowed");
            let cure = "ask for fewer values, or split it into several rules";
            return Err(ConditionError { code: "RB-0220", ..error(cause, cure, 0..text.len()) });
        }
        Ok(Self { root })
    }

    /// What it costs to ask it; see [`CONDITION_COST_MAX`].
    pub fn cost(&self) -> usize {
        cost(&self.root)
    }

    /// The names it asks for beyond the plain ones: `record.<property>`, `field.<name>`.
    pub fn more(&self) -> Vec<String> {
        let mut found = Vec::new();
        names(&self.root, &mut found);
        found.retain(|n| of_record_or_field(n));
        found
    }

    /// The names it compares, each with the texts it is compared with.
    pub fn compared(&self) -> Vec<(&str, &str)> {
        let mut found = Vec::new();
        compared(&self.root, &mut found);
        found
    }

    /// Whether it holds. A name the facts do not have makes its comparison false.
    pub fn holds(&self, facts: &dyn Facts) -> bool {
        truth(&self.root, facts)
    }
}

/// A name that stands for a property of the caller's record or for what was said of a field.
fn of_record_or_field(name: &str) -> bool {
    let rest = name.strip_prefix("record.").or_else(|| name.strip_prefix("field."));
    rest.is_some_and(|r| !r.is_empty() && !r.contains('.'))
}

fn cost(expr: &Expr) -> usize {
    match expr {
        Expr::Text(_) | Expr::Number(_) | Expr::Bool(_) | Expr::Name(_) => 1,
        Expr::List(items) => 1 + items.iter().map(cost).sum::<usize>(),
        Expr::Not(inner) => 1 + cost(inner),
        Expr::Two(_, a, b) => 1 + cost(a) + cost(b),
        Expr::Holds(a, b) => LOOK_COST + cost(a) + cost(b),
    }
}

fn names(expr: &Expr, found: &mut Vec<String>) {
    match expr {
        Expr::Text(_) | Expr::Number(_) | Expr::Bool(_) => {}
        Expr::Name(name) => found.push(name.clone()),
        Expr::List(items) => items.iter().for_each(|i| names(i, found)),
        Expr::Not(inner) => names(inner, found),
        Expr::Two(_, a, b) | Expr::Holds(a, b) => {
            names(a, found);
            names(b, found);
        }
    }
}

fn compared<'e>(expr: &'e Expr, found: &mut Vec<(&'e str, &'e str)>) {
    match expr {
        Expr::Two(Op::Eq | Op::Ne | Op::In, a, b) => match (a.as_ref(), b.as_ref()) {
            (Expr::Name(name), Expr::Text(text)) | (Expr::Text(text), Expr::Name(name)) => found.push((name, text)),
            (Expr::Name(name), Expr::List(items)) => {
                found.extend(items.iter().filter_map(|item| match item {
                    Expr::Text(text) => Some((name.as_str(), text.as_str())),
                    _ => None,
                }));
            }
            _ => {}
        },
        Expr::Two(_, a, b) => {
            compared(a, found);
            compared(b, found);
        }
        Expr::Not(inner) => compared(inner, found),
        Expr::Text(_) | Expr::Number(_) | Expr::Bool(_) | Expr::List(_) | Expr::Name(_) | Expr::Holds(..) => {}
    }
}

/// The word for what nobody knows.
pub const UNKNOWN: &str = "unknown";

fn truth(expr: &Expr, facts: &dyn Facts) -> bool {
    matches!(eval(expr, facts), Some(Fact::Bool(true)))
}

fn eval<'e>(expr: &'e Expr, facts: &'e dyn Facts) -> Option<Fact<'e>> {
    match expr {
        Expr::Text(text) => Some(Fact::Text(text)),
        Expr::Number(number) => Some(Fact::Number(*number)),
        Expr::Bool(yes) => Some(Fact::Bool(*yes)),
        Expr::List(items) => Some(Fact::List(items.iter().filter_map(|i| eval(i, facts)).collect())),
        Expr::Name(name) => facts.get(name),
        Expr::Not(inner) => match eval(inner, facts)? {
            Fact::Bool(yes) => Some(Fact::Bool(!yes)),
            _ => None,
        },
        Expr::Holds(a, b) => match (eval(a, facts)?, eval(b, facts)?) {
            // The word for what nobody knows holds no words.
            (Fact::Text(text), Fact::Text(words)) => Some(Fact::Bool(text != UNKNOWN && text.contains(words))),
            _ => None,
        },
        Expr::Two(Op::Or, a, b) => Some(Fact::Bool(truth(a, facts) || truth(b, facts))),
        Expr::Two(Op::And, a, b) => Some(Fact::Bool(truth(a, facts) && truth(b, facts))),
        Expr::Two(Op::In, a, b) => {
            let one = eval(a, facts)?;
            Some(Fact::Bool(match b.as_ref() {
                Expr::List(items) => items.iter().any(|i| eval(i, facts).is_some_and(|i| i == one)),
                other => eval(other, facts)?.holds(&one),
            }))
        }
        Expr::Two(op, a, b) => {
            let (a, b) = (eval(a, facts)?, eval(b, facts)?);
            let order = match (&a, &b) {
                (Fact::Number(a), Fact::Number(b)) => Some(a.cmp(b)),
                (Fact::Text(a), Fact::Text(b)) => Some(a.cmp(b)),
                _ => None,
            };
            Some(Fact::Bool(match op {
                Op::Eq => a == b,
                Op::Ne => a != b,
                Op::Lt => order?.is_lt(),
                Op::Le => order?.is_le(),
                Op::Gt => order?.is_gt(),
                Op::Ge => order?.is_ge(),
                Op::In | Op::Or | Op::And => false,
            }))
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Tok {
    Text(String),
    Number(i64),
    /// A dotted name or a word.
    Word(String),
    Mark(&'static str),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    tok: Tok,
    at: Range<usize>,
}

fn error(cause: impl Into<String>, cure: impl Into<String>, at: Range<usize>) -> ConditionError {
    ConditionError { cause: cause.into(), cure: cure.into(), code: "RB-0210", at }
}

const MARKS: [&str; 13] = ["&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", "[", "]"];

fn tokens(text: &str) -> Result<Vec<Token>, ConditionError> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let start = text.len() - rest.len();
        let mark = MARKS.into_iter().chain([","]).find(|m| rest.starts_with(m));
        let (tok, len) = if c.is_whitespace() {
            (None, c.len_utf8())
        } else if let Some(mark) = mark {
            (Some(Tok::Mark(mark)), mark.len())
        } else if c == '"' || c == '\'' {
            let (value, len) = quoted(rest, c).ok_or_else(|| {
                error("this text has no closing quote", format!("end it with {c}"), start..text.len())
            })?;
            (Some(Tok::Text(value)), len)
        } else if c.is_ascii_digit() || c == '-' {
            let len = 1 + rest.bytes().skip(1).take_while(u8::is_ascii_digit).count();
            let number = rest.get(..len).and_then(|d| d.parse().ok()).ok_or_else(|| {
                error("this is not a whole number", "write digits, with - before them at most", start..start + len)
            })?;
            (Some(Tok::Number(number)), len)
        } else if c.is_ascii_alphabetic() || c == '_' {
            let len = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_' || *b == b'.').count();
            (Some(Tok::Word(rest.get(..len).unwrap_or_default().to_owned())), len)
        } else {
            let cure = match c {
                '=' => "compare with ==",
                '&' => "write && for and",
                '|' => "write || for or",
                _ => "conditions use names, \"text\", numbers, ==, !=, in, &&, ||, ! and parentheses",
            };
            return Err(error(format!("{c:?} has no meaning here"), cure, start..start + c.len_utf8()));
        };
        if let Some(tok) = tok {
            found.push(Token { tok, at: start..start + len });
        }
        rest = rest.get(len..).unwrap_or_default();
    }
    Ok(found)
}

/// A quoted text with `\"`, `\'`, `\\` and `\n`; its value and length in bytes with both quotes.
fn quoted(rest: &str, quote: char) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                c @ ('"' | '\'' | '\\') => value.push(c),
                _ => return None,
            },
            c if c == quote => return Some((value, at + c.len_utf8())),
            c => value.push(c),
        }
    }
    None
}

struct Reader<'t> {
    tokens: &'t [Token],
    next: usize,
    end: usize,
}

type Read = Result<(Expr, Kind, Range<usize>), ConditionError>;

impl Reader<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }
    fn take(&mut self, mark: &str) -> bool {
        let hit = self.peek().is_some_and(|t| matches!(&t.tok, Tok::Mark(m) if *m == mark));
        self.next += usize::from(hit);
        hit
    }

    fn or(&mut self, depth: usize) -> Read {
        let mut left = self.and(depth)?;
        while self.take("||") {
            let right = self.and(depth)?;
            left = both(Op::Or, left, right)?;
        }
        Ok(left)
    }

    fn and(&mut self, depth: usize) -> Read {
        let mut left = self.relation(depth)?;
        while self.take("&&") {
            let right = self.relation(depth)?;
            left = both(Op::And, left, right)?;
        }
        Ok(left)
    }

    fn relation(&mut self, depth: usize) -> Read {
        let left = self.unary(depth)?;
        let op = match self.peek().map(|t| &t.tok) {
            Some(Tok::Mark("==")) => Op::Eq,
            Some(Tok::Mark("!=")) => Op::Ne,
            Some(Tok::Mark("<")) => Op::Lt,
            Some(Tok::Mark("<=")) => Op::Le,
            Some(Tok::Mark(">")) => Op::Gt,
            Some(Tok::Mark(">=")) => Op::Ge,
            Some(Tok::Word(w)) if w == "in" => Op::In,
            _ => return Ok(left),
        };
        self.next += 1;
        let right = self.unary(depth)?;
        both(op, left, right)
    }

    fn unary(&mut self, depth: usize) -> Read {
        let here = self.peek().map_or(self.end..self.end, |t| t.at.clone());
        if depth > CONDITION_DEPTH_MAX {
            return Err(error("the condition nests too deep", "split it into several rules", here));
        }
        if self.take("!") {
            let (inner, kind, at) = self.unary(depth + 1)?;
            if kind != Kind::Bool {
                return Err(error(format!("! stands before {}", kind.word()), "negate a comparison", at));
            }
            return Ok((Expr::Not(Box::new(inner)), Kind::Bool, here.start..at.end));
        }
        if self.take("(") {
            let (inner, kind, at) = self.or(depth + 1)?;
            if !self.take(")") {
                return Err(error("this parenthesis is not closed", "add )", here));
            }
            return Ok((inner, kind, here.start..at.end + 1));
        }
        if self.take("[") {
            return self.list(depth, here);
        }
        let Some(token) = self.peek().cloned() else {
            return Err(error("the condition ends too early", "complete it", here));
        };
        self.next += 1;
        match token.tok {
            Tok::Text(value) => Ok((Expr::Text(value), Kind::Text, token.at)),
            Tok::Number(value) => Ok((Expr::Number(value), Kind::Number, token.at)),
            Tok::Word(word) if word.ends_with(".contains") && self.take("(") => {
                let of = word.strip_suffix(".contains").unwrap_or(&word).to_owned();
                let (text, kind, at) = name(of.clone(), token.at.start..token.at.start + of.len())?;
                let (words, of_words, at_words) = self.unary(depth + 1)?;
                if kind != Kind::Text || of_words != Kind::Text {
                    return Err(error("contains looks for text in a text", "write record.notes.contains(\"…\")", at));
                }
                if !self.take(")") {
                    return Err(error("this parenthesis is not closed", "add )", at_words));
                }
                Ok((Expr::Holds(Box::new(text), Box::new(words)), Kind::Bool, token.at.start..at_words.end + 1))
            }
            Tok::Word(word) => name(word, token.at),
            Tok::Mark(mark) => {
                Err(error(format!("{mark} stands where a value belongs"), "put a name or \"text\" here", token.at))
            }
        }
    }

    fn list(&mut self, depth: usize, open: Range<usize>) -> Read {
        let mut items = Vec::new();
        let mut first: Option<Kind> = None;
        let mut end = open.end;
        while !self.take("]") {
            let (item, kind, at) = self.unary(depth + 1)?;
            if *first.get_or_insert(kind) != kind {
                return Err(error("a list holds values of one type", "quote all of them or none", at));
            }
            end = at.end;
            items.push(item);
            if !self.take(",") && !self.peek().is_some_and(|t| t.tok == Tok::Mark("]")) {
                return Err(error("this list is not closed", "add ] or a comma", open.start..end));
            }
        }
        Ok((Expr::List(items), Kind::List, open.start..end + 1))
    }
}

fn name(word: String, at: Range<usize>) -> Read {
    match word.as_str() {
        "true" | "false" => return Ok((Expr::Bool(word == "true"), Kind::Bool, at)),
        "in" => return Err(error("in stands where a value belongs", "put a name or \"text\" before it", at)),
        _ => {}
    }
    if !of_record_or_field(&word) && !NAMES.iter().any(|(n, _)| *n == word) {
        let cause = format!("nothing is called {word}");
        let cure = crate::contract::did_you_mean(&word, NAMES.iter().map(|(n, _)| *n)).map_or_else(
            || format!("text goes in quotes; the names are {}, record.<property> and field.<name>", NAMES.map_names()),
            |near| format!("did you mean {near}? Text goes in quotes"),
        );
        return Err(error(cause, cure, at));
    }
    let kind = match word.as_str() {
        "call.after_hours" => Kind::Bool,
        "inquiry.flags" => Kind::List,
        _ => Kind::Text,
    };
    Ok((Expr::Name(word), kind, at))
}

trait MapNames {
    fn map_names(&self) -> String;
}

impl MapNames for [(&str, &str)] {
    fn map_names(&self) -> String {
        self.iter().map(|(n, _)| *n).collect::<Vec<_>>().join(", ")
    }
}

fn both(op: Op, (a, ka, at_a): (Expr, Kind, Range<usize>), (b, kb, at_b): (Expr, Kind, Range<usize>)) -> Read {
    let at = at_a.start..at_b.end;
    let fits = match op {
        Op::Or | Op::And => ka == Kind::Bool && kb == Kind::Bool,
        Op::Eq | Op::Ne => ka == kb,
        Op::In => kb == Kind::List && element(&b).is_none_or(|k| k == ka),
        Op::Lt | Op::Le | Op::Gt | Op::Ge => ka == kb && matches!(ka, Kind::Text | Kind::Number),
    };
    if !fits {
        let cause = format!("{} and {} cannot be put together like this", ka.word(), kb.word());
        return Err(error(cause, "both sides must be of one type; `in` needs a list on its right", at));
    }
    Ok((Expr::Two(op, Box::new(a), Box::new(b)), Kind::Bool, at))
}

fn element(list: &Expr) -> Option<Kind> {
    match list {
        Expr::List(items) => items.first().and_then(|i| match i {
            Expr::Text(_) | Expr::Name(_) => Some(Kind::Text),
            Expr::Number(_) => Some(Kind::Number),
            Expr::Bool(_) => Some(Kind::Bool),
            _ => None,
        }),
        Expr::Name(_) => Some(Kind::Text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::needless_raw_string_hashes, reason = "one way of quoting in a table reads better")]
    use super::*;
    use proptest::prelude::*;

    struct Phoenix;
    impl Facts for Phoenix {
        fn get(&self, name: &str) -> Option<Fact<'_>> {
            Some(match name {
                "call.location" => Fact::Text("phoenix"),
                "call.after_hours" => Fact::Bool(true),
                "inquiry.flags" => Fact::Texts(&["complaint"]),
                "inquiry.urgency" => Fact::Text("high"),
                _ => Fact::Text("unknown"),
            })
        }
    }

    #[test]
    fn conditions_hold_as_cel_says() {
        for (text, expect) in [
            (r#"call.location == "phoenix" && inquiry.urgency in ["emergency", "high"]"#, true),
            (r#"call.location == 'phoenix' && inquiry.urgency in ["nurture"]"#, false),
            (r#"call.location == "x" || call.location == "phoenix" && call.after_hours"#, true),
            (r#"(call.location == "x" || call.location == "phoenix") && !call.after_hours"#, false),
            (r#""complaint" in inquiry.flags"#, true),
            (r#""vendor" in inquiry.flags"#, false),
            (r#"inquiry.flags == ["complaint"]"#, true),
            (r#"["complaint"] == inquiry.flags"#, true),
            (r#"inquiry.flags == ["complaint", "vendor"]"#, false),
            (r#"inquiry.flags != []"#, true),
            (r#"call.location in ["tucson", call.location]"#, true),
            ("2 in [1, 2]", true),
            ("true in [false]", false),
            (r#"call.source != "unknown""#, false),
            (r#"!(match.kind == "customer")"#, true),
            ("true", true),
            ("1 < 2 && 2 >= 2 && -1 <= 0", true),
            (r#"inquiry.urgency in []"#, false),
            (r#""a\"b" == "a\"b""#, true),
            (r#"record.territory == "unknown""#, true),
            (r#"record.note.contains("know")"#, false),
            (r#"record.note.contains("interested") || field.budget.contains("x")"#, false),
        ] {
            assert_eq!(Condition::parse(text).map(|c| c.holds(&Phoenix)), Ok(expect), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, at, cause) in [
            (r#"call.locatoin == "phoenix""#, 0..13, "nothing is called"),
            (r#"call.location = "phoenix""#, 14..15, "no meaning"),
            (r#"call.location == "phoenix"#, 17..25, "no closing quote"),
            (r#"call.location == 5"#, 0..18, "cannot be put together"),
            (r#""a" in call.location"#, 0..20, "cannot be put together"),
            (r#"5 in inquiry.flags"#, 0..18, "cannot be put together"),
            ("call.location", 0..13, "not a question"),
            ("", 0..0, "ends too early"),
            ("(true", 0..1, "not closed"),
            ("true true", 5..9, "goes on"),
            ("[true", 0..5, "not closed"),
            (r#"["a", 1] == ["a"]"#, 6..7, "one type"),
        ] {
            let error = Condition::parse(text).expect_err(text);
            assert_eq!(error.at, at, "{text}: {}", error.cause);
            assert!(error.cause.contains(cause), "{text}: {}", error.cause);
        }
        let error = Condition::parse(r#"call.locatoin == "x""#).unwrap_err();
        assert!(error.cure.contains("call.location"), "{}", error.cure);
        assert!(Condition::parse(&"!".repeat(4000)).is_err());
        assert!(Condition::parse(&"(".repeat(4000)).is_err());
    }

    #[test]
    fn what_costs_too_much_is_refused_and_names_are_told() {
        let many = vec!["\"a\""; CONDITION_COST_MAX].join(",");
        let error = Condition::parse(&format!("call.location in [{many}]")).unwrap_err();
        assert_eq!((error.code, error.at.start), ("RB-0220", 0), "{}", error.cause);
        let looks = vec!["record.note.contains(\"a\")"; 24].join(" || ");
        assert_eq!(Condition::parse(&looks).unwrap_err().code, "RB-0220");
        let few =
            Condition::parse("record.note.contains(\"a\") && field.budget != \"b\" && call.source == \"x\"").unwrap();
        assert!(few.cost() < CONDITION_COST_MAX);
        assert_eq!(few.more(), ["record.note", "field.budget"]);
        assert_eq!(Condition::parse("record.note.contains(5)").unwrap_err().code, "RB-0210");
        assert_eq!(Condition::parse("call.after_hours.contains(\"a\")").unwrap_err().code, "RB-0210");
    }

    #[test]
    fn a_condition_is_its_text_however_often_it_was_asked() {
        let mut when = When::from(r#"call.location == "phoenix" && record.territory != "x""#);
        let fresh = when.clone();
        assert_eq!((when.holds(&Phoenix), when.more()), (Some(true), ["record.territory".to_owned()].as_slice()));
        // Neither in what it equals nor in how it is stored can be seen that it was read.
        assert_eq!(when, fresh);
        assert_eq!(serde_json::to_string(&when).unwrap(), serde_json::to_string(&fresh).unwrap());
        assert_eq!(serde_json::from_str::<When>(&serde_json::to_string(&when).unwrap()).unwrap(), when);
        // Another text is another condition, also in the place of one that was read.
        when = r#"call.location == "tucson""#.into();
        assert_eq!((when.holds(&Phoenix), when.more().len()), (Some(false), 0));
        assert_ne!(when, fresh);
        let nonsense = When::from("call.locatoin");
        assert_eq!((nonsense.holds(&Phoenix), nonsense.holds(&Phoenix), nonsense.more().len()), (None, None, 0));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_in_its_place(text in any::<String>()) {
            if let Err(error) = Condition::parse(&text) {
                prop_assert!(error.at.start <= error.at.end && error.at.end <= text.len(), "{:?} {:?}", text, error);
            }
        }
        #[test]
        fn any_soup_of_tokens_is_read_or_refused(words in prop::collection::vec(
            prop::sample::select(vec!["call.location", "inquiry.flags", "==", "in", "&&", "||", "!", "(", ")", "[", "]", ",", "\"a\"", "1", "true"]), 0..24)) {
            let text = words.join(" ");
            match Condition::parse(&text) {
                Ok(condition) => { condition.holds(&Phoenix); }
                Err(error) => prop_assert!(error.at.end <= text.len() + 1),
            }
        }
    }
}
