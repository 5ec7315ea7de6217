//! From text to [`Contract`], with everything that is wrong and where it stands.
//!
//! The tree is walked by hand instead of derived, because a derived reader stops at the first mistake. Nothing is implied: a clause without a
//! winner, a meaning, a type or a source of truth is refused, and there is no key for a default winner.

use super::check::{check, protected_by_name, sentence_problem};
use super::did_you_mean;
use super::model::*;
use crate::crm::Object;
use crate::identity::PersonProperties;
use crate::problem::Problem;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::str::FromStr;
use toml::de::{DeTable, DeValue};

/// The longest contract text, in bytes.
pub const CONTRACT_BYTES_MAX: usize = 512 * 1024;
/// The most problems that are reported; a text with more is not the text that was meant.
pub const PROBLEMS_MAX: usize = 200;

/// Reads a contract. The contract is there exactly when no problem is; problems stand in the order of the text.
pub fn parse(text: &str) -> (Option<Contract>, Vec<Problem>) {
    if text.len() > CONTRACT_BYTES_MAX {
        let cause = format!("the contract is longer than {CONTRACT_BYTES_MAX} bytes");
        return (None, vec![Problem::new("RB-0217", cause, "split it into one contract per workflow")]);
    }
    let (mended, broken) = mend(text);
    let (tree, _) = DeTable::parse_recoverable(&mended);
    let mut reader = Reader { broken: !broken.is_empty(), problems: broken, ..Reader::default() };
    let root = Section { table: tree.get_ref(), at: clamp(tree.span(), text.len()), path: String::new() };
    let (contract, places) = reader.contract(&root);
    if let Some(contract) = &contract {
        reader.problems.extend(check(contract, &places));
    }
    let mut problems = reader.problems;
    for problem in &mut problems {
        problem.at = problem.at.take().map(|at| clamp(at, text.len()));
    }
    problems.sort_by_key(|p| p.at.as_ref().map_or(0, |at| at.start));
    problems.truncate(PROBLEMS_MAX);
    (contract.filter(|_| problems.is_empty()), problems)
}

/// How often a text is mended before it is read as far as it goes.
const MENDS_MAX: usize = 20;

/// The text with everything blanked that is not TOML, of the same length so that places stay right, and a problem for each such place. The library recovers
/// from some mistakes and drops the rest of the text after others; what stands after a mistake is to be checked all the same.
fn mend(text: &str) -> (String, Vec<Problem>) {
    let mut mended = text.to_owned();
    let mut problems = Vec::new();
    for _ in 0..MENDS_MAX {
        let (_, errors) = DeTable::parse_recoverable(&mended);
        // One at a time: what follows a mistake may only be wrong because of it.
        let Some(error) = errors.iter().min_by_key(|e| e.span().map_or(0, |at| at.start)) else { break };
        let at = clamp(error.span().unwrap_or(0..0), text.len());
        let cause = error.message().lines().collect::<Vec<_>>().join(" ");
        problems.push(
            Problem::new("RB-0203", cause, "write this place as TOML: key = \"text\", [table] or [[list]]")
                .at(at.clone()),
        );
        let blanked = blank(&mended, at.start);
        if blanked == mended {
            break;
        }
        mended = blanked;
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

fn clamp(at: Range<usize>, len: usize) -> Range<usize> {
    let end = at.end.min(len);
    at.start.min(end)..end
}

/// Where each clause and key stands, for checks that compare several.
#[derive(Debug, Default)]
pub(super) struct Places(BTreeMap<String, Range<usize>>);

impl Places {
    /// The range of `field.budget.winner`, or of the nearest table around it.
    pub(super) fn of(&self, path: &str) -> Option<Range<usize>> {
        let mut path = path;
        loop {
            if let Some(at) = self.0.get(path) {
                return Some(at.clone());
            }
            path = path.rsplit_once('.')?.0;
        }
    }
}

/// One table of the text.
struct Section<'a> {
    table: &'a DeTable<'a>,
    at: Range<usize>,
    path: String,
}

impl<'a> Section<'a> {
    fn get(&self, key: &str) -> Option<(&'a DeValue<'a>, Range<usize>)> {
        self.table.iter().find(|(k, _)| k.get_ref() == key).map(|(_, v)| (v.get_ref(), v.span()))
    }
    fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
    fn name(&self) -> String {
        if self.path.is_empty() { "the contract".to_owned() } else { format!("[{}]", self.path) }
    }
}

#[derive(Default)]
struct Reader {
    problems: Vec<Problem>,
    places: Places,
    /// The text is not TOML everywhere; what seems to be missing may only be unreadable.
    broken: bool,
}

impl Reader {
    fn say(&mut self, code: &'static str, cause: impl Into<String>, cure: impl Into<String>, at: Range<usize>) {
        self.problems.push(Problem::new(code, cause, cure).at(at));
    }

    fn missing(&mut self, code: &'static str, section: &Section, key: &str, cure: impl Into<String>) {
        if !self.broken {
            self.say(code, format!("{} has no {key}", section.name()), cure, section.at.clone());
        }
    }

    /// Every key must be one of these; places of all keys are kept.
    fn known(&mut self, section: &Section, keys: &[&str]) {
        for (key, value) in section.table {
            let (name, at) = (key.get_ref().as_ref(), key.span());
            self.places.0.insert(section.path(name), value.span());
            if keys.contains(&name) {
                continue;
            }
            let cure = match did_you_mean(name, keys.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("known here: {}", keys.join(", ")),
            };
            self.say("RB-0204", format!("{} has no key {name}", section.name()), cure, at);
        }
    }

    fn wrong_kind(&mut self, section: &Section, key: &str, expected: &str, found: &DeValue, at: Range<usize>) {
        let cause = format!("{} must be {expected}, this is {}", section.path(key), article(found.type_str()));
        self.say("RB-0206", cause, format!("write {key} as {expected}"), at);
    }

    fn section<'a>(&mut self, parent: &Section<'a>, key: &str) -> Option<Section<'a>> {
        let (value, at) = parent.get(key)?;
        match value {
            DeValue::Table(table) => Some(Section { table, at, path: parent.path(key) }),
            other => {
                self.wrong_kind(parent, key, "a table", other, at);
                None
            }
        }
    }

    fn text<'a>(&mut self, section: &Section<'a>, key: &str) -> Option<(&'a str, Range<usize>)> {
        let (value, at) = section.get(key)?;
        match value.as_str() {
            Some(text) if !text.trim().is_empty() => Some((text, at)),
            Some(_) => {
                self.say("RB-0206", format!("{} is empty", section.path(key)), "write it out or remove the key", at);
                None
            }
            None => {
                self.wrong_kind(section, key, "text in quotes", value, at);
                None
            }
        }
    }

    fn required<'a>(&mut self, section: &Section<'a>, key: &str, cure: &str) -> Option<(&'a str, Range<usize>)> {
        if section.get(key).is_none() {
            self.missing("RB-0205", section, key, cure);
        }
        self.text(section, key)
    }

    fn flag(&mut self, section: &Section, key: &str) -> Option<bool> {
        let (value, at) = section.get(key)?;
        if value.as_bool().is_none() {
            self.wrong_kind(section, key, "true or false", value, at);
        }
        value.as_bool()
    }

    /// A word of a closed set.
    fn word<T: Copy>(&mut self, section: &Section, key: &str, words: &[(&str, T)]) -> Option<T> {
        let (text, at) = self.text(section, key)?;
        self.pick(&section.path(key), text, at, words)
    }

    fn pick<T: Copy>(&mut self, path: &str, text: &str, at: Range<usize>, words: &[(&str, T)]) -> Option<T> {
        if let Some((_, value)) = words.iter().find(|(w, _)| *w == text) {
            return Some(*value);
        }
        let all: Vec<&str> = words.iter().map(|(w, _)| *w).collect();
        let cure = match did_you_mean(text, all.iter().copied()) {
            Some(near) => format!("did you mean {near:?}? Possible are {}", all.join(", ")),
            None => format!("possible are {}", all.join(", ")),
        };
        self.say("RB-0206", format!("{path} cannot be {text:?}"), cure, at);
        None
    }

    fn required_word<T: Copy>(&mut self, section: &Section, key: &str, words: &[(&str, T)]) -> Option<T> {
        if section.get(key).is_none() {
            let all: Vec<&str> = words.iter().map(|(w, _)| *w).collect();
            self.missing("RB-0205", section, key, format!("add {key} = one of {}", all.join(", ")));
        }
        self.word(section, key, words)
    }

    /// A list of texts with their places.
    fn texts<'a>(&mut self, section: &Section<'a>, key: &str) -> Option<Vec<(&'a str, Range<usize>)>> {
        let (value, at) = section.get(key)?;
        let Some(items) = value.as_array() else {
            self.wrong_kind(section, key, "a list of texts", value, at);
            return None;
        };
        let mut found = Vec::new();
        for item in items {
            match item.get_ref().as_str() {
                Some(text) if !text.trim().is_empty() => found.push((text, item.span())),
                _ => self.wrong_kind(section, key, "a list of texts", item.get_ref(), item.span()),
            }
        }
        Some(found)
    }

    fn words<T: Copy + Ord>(&mut self, section: &Section, key: &str, words: &[(&str, T)]) -> Option<BTreeSet<T>> {
        let path = section.path(key);
        let texts = self.texts(section, key)?;
        Some(texts.into_iter().filter_map(|(text, at)| self.pick(&path, text, at, words)).collect())
    }

    fn parsed<T: FromStr<Err = String>>(&mut self, section: &Section, key: &str, cure: &str) -> Option<T> {
        let (text, at) = self.text(section, key)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(cause) => {
                self.say("RB-0206", format!("{}: {cause}", section.path(key)), cure, at);
                None
            }
        }
    }

    fn term(&mut self, section: &Section, key: &str) -> Option<Term> {
        self.parsed(section, key, "write 5 min, 2 h, same day, 3 days, or next opening + 60 min")
    }

    fn minutes(&mut self, section: &Section, key: &str) -> Option<u32> {
        let at = section.get(key).map(|(_, at)| at);
        match (self.term(section, key)?, at) {
            (Term::Minutes(minutes), _) => Some(minutes),
            (_, at) => {
                let cause = format!("{} must be a number of minutes or hours", section.path(key));
                self.say("RB-0206", cause, "write 10 min or 2 h", at.unwrap_or_else(|| section.at.clone()));
                None
            }
        }
    }

    /// 0.90 as 900. Read from the digits as they are written, so that nothing is rounded.
    fn thousandths(&mut self, section: &Section, key: &str) -> Option<Thousandths> {
        let (value, at) = section.get(key)?;
        let written = match value {
            DeValue::Float(float) => float.as_str(),
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str(),
            other => {
                self.wrong_kind(section, key, "a number from 0 to 1", other, at);
                return None;
            }
        };
        let (whole, rest) = written.split_once('.').unwrap_or((written, ""));
        let rest = rest.trim_end_matches('0');
        let value = match (whole.parse::<u16>(), rest.len()) {
            (Ok(whole), 0) => whole.checked_mul(1000),
            (Ok(whole), 1..=3) => {
                format!("{rest:0<3}").parse::<u16>().ok().and_then(|r| whole.checked_mul(1000)?.checked_add(r))
            }
            _ => None,
        };
        let value = value.filter(|v| *v <= 1000);
        if value.is_none() {
            let cause = format!("{} is not a number from 0 to 1 with at most three decimals", section.path(key));
            self.say("RB-0209", cause, "write a threshold such as 0.90", at);
        }
        value
    }
}

fn article(kind: &str) -> String {
    match kind {
        "string" => "text".to_owned(),
        "integer" | "array" => format!("an {kind}"),
        other => format!("a {other}"),
    }
}

const AUTONOMY: &[(&str, Autonomy)] = &[
    ("observe", Autonomy::Observe),
    ("suggest", Autonomy::Suggest),
    ("auto-low-risk", Autonomy::AutoLowRisk),
    ("auto", Autonomy::Auto),
];
const RETENTION: &[(&str, Retention)] =
    &[("standard", Retention::Standard), ("short", Retention::Short), ("zero", Retention::Zero)];
const OBJECTS: &[(&str, Object)] = &[
    ("contact", Object::Contact),
    ("call", Object::Call),
    ("task", Object::Task),
    ("note", Object::Note),
    ("deal", Object::Deal),
    ("company", Object::Company),
];
const TRUTH: &[(&str, Truth)] =
    &[("call", Truth::Call), ("crm", Truth::Crm), ("human", Truth::Human), ("decision", Truth::Decision)];
const MACHINE: &[(&str, Machine)] = &[
    ("update", Machine::Update),
    ("fill_empty", Machine::FillEmpty),
    ("suggest", Machine::Suggest),
    ("never", Machine::Never),
];
const TYPES: &[(&str, u8)] =
    &[("text", 0), ("number", 1), ("money", 2), ("date", 3), ("datetime", 4), ("bool", 5), ("phone", 6), ("email", 7)];
const TIERS: &[(&str, TierTo)] =
    &[("location", TierTo::Location), ("corporate", TierTo::Corporate), ("specialist", TierTo::Specialist)];
const SUPPRESS: &[(&str, SuppressClass)] = &[
    ("opted_out", SuppressClass::OptedOut),
    ("customer_with_open_issue", SuppressClass::CustomerWithOpenIssue),
    ("open_opportunity", SuppressClass::OpenOpportunity),
    ("strategic_account", SuppressClass::StrategicAccount),
];
const PAGE_ON: &[(&str, PageOn)] = &[
    ("opened", PageOn::Opened),
    ("escalated", PageOn::Escalated),
    ("breached", PageOn::Breached),
    ("review", PageOn::Review),
];
/// Handling flags that a contract may name.
const FLAGS: &[(&str, &str)] = &[
    ("emergency", "emergency"),
    ("complaint", "complaint"),
    ("high_value", "high_value"),
    ("pricing_request", "pricing_request"),
    ("availability_request", "availability_request"),
    ("ambiguous_voicemail", "ambiguous_voicemail"),
    ("opt_out", "opt_out"),
    ("competitor", "competitor"),
    ("customer_issue", "customer_issue"),
];
/// Keys somebody may try for one winner over all fields.
const DEFAULT_WINNER: &[&str] = &["winner", "default_winner", "defaults", "field_defaults", "conflict", "conflicts"];

impl Reader {
    fn contract(&mut self, root: &Section) -> (Option<Contract>, Places) {
        let keys = [
            "contract",
            "crm",
            "autonomy",
            "retention",
            "mandatory",
            "eligible",
            "match",
            "field",
            "owner",
            "clock",
            "location",
            "suppress",
            "page",
            "test",
        ];
        let this = self;
        this.known(root, &keys);
        this.refuse_default_winner(root);
        let name =
            this.required(root, "contract", "give it a name: contract = \"missed-calls\"").map(|(t, _)| t.to_owned());
        let crm =
            this.required(root, "crm", "name the CRM connection: crm = \"hubspot-main\"").map(|(t, _)| t.to_owned());
        let autonomy = this.required_word(root, "autonomy", AUTONOMY);
        let retention = this.word(root, "retention", RETENTION).unwrap_or(Retention::Standard);
        let mandatory =
            this.texts(root, "mandatory").unwrap_or_default().into_iter().map(|(t, _)| t.to_owned()).collect();
        let eligible = this.eligible(root);
        let matching = this.matching(root);
        let fields = this.fields(root);
        let owner = this.owner(root);
        let clock = match this.section(root, "clock") {
            Some(section) => this.clock(&section, None),
            None => {
                this.missing("RB-0205", root, "[clock]", "say by when callers must be called back");
                None
            }
        };
        let locations = this.locations(root, clock.as_ref());
        let suppress = this.suppress(root);
        let page = this.page(root);
        let tests = this.tests(root);
        let built = (|| {
            Some(Contract {
                name: name?,
                crm: crm?,
                autonomy: autonomy?,
                retention,
                mandatory,
                eligible: eligible?,
                matching: matching?,
                fields,
                owner: owner?,
                clock: clock?,
                locations,
                suppress,
                page,
                tests,
            })
        })();
        (built, std::mem::take(&mut this.places))
    }

    fn refuse_default_winner(&mut self, root: &Section) {
        let cause = "a winner for all fields at once is refused: nobody is always right";
        let cure = "write one winner sentence into each [field.…]";
        let refused = |k: &str| DEFAULT_WINNER.contains(&k);
        self.problems.retain(|p| {
            p.code != "RB-0204" || !DEFAULT_WINNER.iter().any(|k| p.cause.ends_with(&format!("no key {k}")))
        });
        for (key, _) in root.table.iter().filter(|(k, _)| refused(k.get_ref())) {
            self.say("RB-0207", cause, cure, key.span());
        }
    }

    fn eligible(&mut self, root: &Section) -> Option<Eligible> {
        let Some(section) = self.section(root, "eligible") else {
            self.missing(
                "RB-0205",
                root,
                "[eligible]",
                "say which calls open an inquiry: categories = [\"voicemail\", …]",
            );
            return None;
        };
        self.known(&section, &["categories"]);
        let words: Vec<(&str, &str)> = CATEGORIES.iter().map(|c| (*c, *c)).collect();
        let Some(categories) = self.words(&section, "categories", &words) else {
            if section.get("categories").is_none() {
                self.missing("RB-0205", &section, "categories", format!("list some of {}", CATEGORIES.join(", ")));
            }
            return None;
        };
        Some(Eligible { categories: categories.into_iter().map(str::to_owned).collect() })
    }

    fn matching(&mut self, root: &Section) -> Option<MatchRules> {
        let Some(section) = self.section(root, "match") else {
            self.missing("RB-0205", root, "[match]", "say which keys link a caller: link = [\"email\", \"phone\"]");
            return None;
        };
        self.known(&section, &["link", "suggest", "shared_numbers", "properties"]);
        let exact = [("phone", MatchKey::Phone), ("email", MatchKey::Email)];
        let weak = [
            ("phone", MatchKey::Phone),
            ("email", MatchKey::Email),
            ("email_domain", MatchKey::EmailDomain),
            ("phone_shared", MatchKey::PhoneShared),
        ];
        if section.get("link").is_none() {
            self.missing(
                "RB-0205",
                &section,
                "link",
                "add link = [\"email\", \"phone\"]: exact keys only, never a name",
            );
        }
        let link = self.words(&section, "link", &exact);
        let suggest = self.words(&section, "suggest", &weak).unwrap_or_default();
        let shared = [("ask", SharedNumbers::Ask), ("ignore", SharedNumbers::Ignore)];
        let shared_numbers = self.word(&section, "shared_numbers", &shared).unwrap_or(SharedNumbers::Ask);
        let properties = self.properties(&section);
        Some(MatchRules { link: link?, suggest, shared_numbers, properties })
    }

    fn properties(&mut self, section: &Section) -> PersonProperties {
        let mut properties = PersonProperties::hubspot();
        let Some(section) = self.section(section, "properties") else { return properties };
        self.known(&section, &["phone", "email", "name", "lifecycle", "customer_values", "owner"]);
        let lists = [
            ("phone", &mut properties.phone),
            ("email", &mut properties.email),
            ("name", &mut properties.name),
            ("customer_values", &mut properties.customer_values),
        ];
        for (key, list) in lists {
            if let Some(texts) = self.texts(&section, key) {
                *list = texts.into_iter().map(|(t, _)| t.to_owned()).collect();
            }
        }
        for (key, text) in [("lifecycle", &mut properties.lifecycle), ("owner", &mut properties.owner)] {
            if let Some((found, _)) = self.text(&section, key) {
                found.clone_into(text);
            }
        }
        properties
    }

    fn fields(&mut self, root: &Section) -> BTreeMap<String, FieldRule> {
        let mut fields = BTreeMap::new();
        let Some(all) = self.section(root, "field") else {
            if root.get("field").is_none() {
                self.missing(
                    "RB-0205",
                    root,
                    "[field.…]",
                    "map at least one field: without a written mapping nothing goes live",
                );
            }
            return fields;
        };
        for (key, _) in all.table {
            let name = key.get_ref().as_ref();
            if name == "default" || name == "defaults" || name == "*" || name == "winner" {
                let cause = "a winner for all fields at once is refused: nobody is always right";
                self.say("RB-0207", cause, "write one winner sentence into each [field.…]", key.span());
                continue;
            }
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if name.is_empty() || !name.chars().all(plain) {
                let cause = format!("{name:?} is no field name");
                self.say("RB-0206", cause, "use small letters, digits and _", key.span());
                continue;
            }
            if let Some(section) = self.section(&all, name)
                && let Some(rule) = self.field(name, &section)
            {
                fields.insert(name.to_owned(), rule);
            }
        }
        fields
    }

    fn field(&mut self, name: &str, section: &Section) -> Option<FieldRule> {
        self.places.0.insert(section.path.clone(), section.at.clone());
        let keys = [
            "means",
            "from",
            "to",
            "type",
            "truth",
            "winner",
            "machine",
            "write_at",
            "review_at",
            "on_missing",
            "accountability",
            "protected",
            "autonomy",
        ];
        self.known(section, &keys);
        let means = self.required(section, "means", "say in words what this field means").map(|(t, _)| t.to_owned());
        let target = self.target(section);
        let kind = self.field_type(section);
        let truth = self.required_word(section, "truth", TRUTH);
        let winner = self.winner(section);
        let machine = self.required_word(section, "machine", MACHINE);
        let write_at = self.thousandths(section, "write_at").unwrap_or(900);
        let review_at = self.thousandths(section, "review_at").unwrap_or(write_at.min(600));
        let on_missing = self.on_missing(section);
        let accountability = self.flag(section, "accountability").unwrap_or(false);
        let words: Vec<(&str, Protected)> = Protected::ALL.iter().map(|p| (p.word(), *p)).collect();
        let protected = self.word(section, "protected", &words);
        let autonomy = self.word(section, "autonomy", AUTONOMY);
        let from = self.text(section, "from").map_or_else(|| name.to_owned(), |(t, _)| t.to_owned());
        let (object, property) = target?;
        let protected = protected.or_else(|| protected_by_name(object, &property));
        Some(FieldRule {
            means: means?,
            from,
            object,
            property,
            kind: kind?,
            truth: truth?,
            winner: winner?,
            machine: machine?,
            write_at,
            review_at,
            on_missing,
            accountability,
            protected,
            autonomy,
        })
    }

    fn target(&mut self, section: &Section) -> Option<(Object, String)> {
        let (text, at) = self.required(section, "to", "say where it goes: to = \"contact.rb_urgency\"")?;
        let path = section.path("to");
        let Some((object, property)) = text.split_once('.') else {
            self.say(
                "RB-0206",
                format!("{path} must be object.property, this is {text:?}"),
                "write to = \"contact.rb_urgency\"",
                at,
            );
            return None;
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if property.is_empty() || property.len() > 100 || !property.chars().all(plain) {
            let cause = format!("{path}: {property:?} is no property name");
            self.say("RB-0206", cause, "use the CRM's internal name of the property, not its label", at);
            return None;
        }
        let object = self.pick(&path, object, at, OBJECTS)?;
        Some((object, property.to_owned()))
    }

    fn field_type(&mut self, section: &Section) -> Option<FieldType> {
        let Some((value, at)) = section.get("type") else {
            self.missing("RB-0205", section, "type", "add type = \"text\" or type = { choice = [\"a\", \"b\"] }");
            return None;
        };
        if matches!(value, DeValue::Table(_)) {
            let table = self.section(section, "type")?;
            self.known(&table, &["choice"]);
            let options = self.texts(&table, "choice")?;
            let mut seen = BTreeSet::new();
            for (option, at) in &options {
                if !seen.insert(*option) {
                    self.say(
                        "RB-0206",
                        format!("the option {option:?} is listed twice"),
                        "keep one of them",
                        at.clone(),
                    );
                }
            }
            if options.is_empty() {
                self.say("RB-0206", "a choice needs options", "list them: { choice = [\"a\", \"b\"] }", at);
                return None;
            }
            return Some(FieldType::Choice(options.into_iter().map(|(o, _)| o.to_owned()).collect()));
        }
        if value.as_str() == Some("choice") {
            self.say("RB-0206", "a choice needs options", "write type = { choice = [\"a\", \"b\"] }", at);
            return None;
        }
        self.word(section, "type", TYPES).map(|n| match n {
            0 => FieldType::Text,
            1 => FieldType::Number,
            2 => FieldType::Money,
            3 => FieldType::Date,
            4 => FieldType::DateTime,
            5 => FieldType::Bool,
            6 => FieldType::Phone,
            _ => FieldType::Email,
        })
    }

    fn winner(&mut self, section: &Section) -> Option<String> {
        if section.get("winner").is_none() {
            let cure = "say in one sentence who wins a conflict and why, such as \"A figure typed by a person wins.\"";
            self.missing("RB-0207", section, "winner", cure);
        }
        let (text, at) = self.text(section, "winner")?;
        if let Some((cause, cure)) = sentence_problem(text) {
            self.say("RB-0207", format!("{} {cause}", section.path("winner")), cure, at);
            return None;
        }
        Some(text.trim().to_owned())
    }

    fn on_missing(&mut self, section: &Section) -> OnMissing {
        let Some((value, at)) = section.get("on_missing") else { return OnMissing::Leave };
        let cure = "write on_missing = \"leave\", \"flag\" or { default = \"unknown\" }";
        match value {
            DeValue::Table(_) => {
                let Some(table) = self.section(section, "on_missing") else { return OnMissing::Leave };
                self.known(&table, &["default"]);
                match self.required(&table, "default", cure) {
                    Some((text, _)) => OnMissing::Default(text.to_owned()),
                    None => OnMissing::Leave,
                }
            }
            DeValue::String(word) if word == "leave" => OnMissing::Leave,
            DeValue::String(word) if word == "flag" => OnMissing::Flag,
            DeValue::String(word) => {
                let cause = format!("{} cannot be {word:?}", section.path("on_missing"));
                self.say("RB-0206", cause, format!("{cure}; a value to write is {{ default = {word:?} }}"), at);
                OnMissing::Leave
            }
            other => {
                self.wrong_kind(section, "on_missing", "leave, flag or a table with default", other, at);
                OnMissing::Leave
            }
        }
    }

    fn owner(&mut self, root: &Section) -> Option<OwnerRules> {
        let Some(section) = self.section(root, "owner") else {
            self.missing("RB-0205", root, "[owner]", "say who calls back: otherwise = \"location:tier1\"");
            return None;
        };
        self.known(&section, &["tie", "otherwise", "rule"]);
        let tie = self.word(&section, "tie", &[("ask", Tie::Ask), ("first", Tie::First)]).unwrap_or(Tie::Ask);
        let cure = "write role:…, staff:…, crm:record_owner or location:tier1";
        let otherwise = if section.get("otherwise").is_some() {
            self.parsed(&section, "otherwise", cure)
        } else {
            Some(OwnerTarget::LocationTier(1))
        };
        let mut rules = Vec::new();
        for (place, rule) in self.list(&section, "rule").into_iter().enumerate() {
            self.places.0.insert(format!("owner.rule[{}]", place + 1), rule.at.clone());
            self.known(&rule, &["priority", "when", "to"]);
            let priority = self.priority(&rule);
            let when = self.required(&rule, "when", "say when it applies: when = 'match.kind == \"customer\"'");
            if let Some((when, at)) = &when {
                self.condition(when, at.clone());
            }
            if rule.get("to").is_none() {
                self.missing("RB-0205", &rule, "to", cure);
            }
            let to = self.parsed(&rule, "to", cure);
            if let (Some(priority), Some((when, _)), Some(to)) = (priority, when, to) {
                rules.push(OwnerRule { priority, when: when.to_owned(), to });
            }
        }
        Some(OwnerRules { tie, rules, otherwise: otherwise? })
    }

    fn priority(&mut self, rule: &Section) -> Option<u16> {
        let Some((value, at)) = rule.get("priority") else {
            self.missing("RB-0205", rule, "priority", "add priority = 1; 1 is asked first");
            return None;
        };
        let number = value.as_integer().and_then(|i| i.as_str().parse::<u16>().ok()).filter(|n| (1..=1000).contains(n));
        if number.is_none() {
            self.wrong_kind(rule, "priority", "a whole number from 1 to 1000", value, at);
        }
        number
    }

    fn condition(&mut self, when: &str, at: Range<usize>) {
        let Err(error) = crate::followup::condition::Condition::parse(when) else { return };
        // The text stands in quotes of one or three characters; with escapes in it the exact place is not known.
        let quotes = at.len().checked_sub(when.len()).filter(|q| *q == 2 || *q == 6).map(|q| q / 2);
        let place = quotes.map_or_else(|| at.clone(), |q| at.start + q + error.at.start..at.start + q + error.at.end);
        self.say("RB-0210", error.cause, error.cure, place.start..place.end.max(place.start + 1).min(at.end));
    }

    /// The tables of a `[[list]]`.
    fn list<'a>(&mut self, section: &Section<'a>, key: &str) -> Vec<Section<'a>> {
        let Some((value, at)) = section.get(key) else { return Vec::new() };
        let Some(items) = value.as_array() else {
            self.wrong_kind(section, key, "a list of tables", value, at);
            return Vec::new();
        };
        let mut found = Vec::new();
        for (place, item) in items.iter().enumerate() {
            match item.get_ref() {
                DeValue::Table(table) => {
                    found.push(Section {
                        table,
                        at: item.span(),
                        path: format!("{}[{}]", section.path(key), place + 1),
                    });
                }
                other => self.wrong_kind(section, key, "a list of tables", other, item.span()),
            }
        }
        found
    }

    /// `[clock]`, or a location's own with the contract's beneath it.
    fn clock(&mut self, section: &Section, base: Option<&ContractClock>) -> Option<ContractClock> {
        self.places.0.insert(section.path.clone(), section.at.clone());
        let keys = [
            "emergency",
            "high",
            "same_day",
            "this_week",
            "nurture",
            "new_lead",
            "lead",
            "customer",
            "vendor",
            "after_hours",
            "tiers",
            "stale_after",
            "escalate_at_once",
        ];
        self.known(section, &keys);
        let row = |reader: &mut Self, key: &str, beneath: Option<Term>| -> Option<Term> {
            if section.get(key).is_some() { reader.term(section, key) } else { beneath }
        };
        let emergency = row(self, "emergency", base.map(|b| b.emergency));
        let high = row(self, "high", base.map(|b| b.high));
        let same_day = row(self, "same_day", base.and_then(|b| b.same_day));
        let this_week = row(self, "this_week", base.and_then(|b| b.this_week));
        let nurture = row(self, "nurture", base.and_then(|b| b.nurture));
        let new_lead = row(self, "new_lead", base.map(|b| b.new_lead));
        let customer = row(self, "customer", base.map(|b| b.customer));
        let lead = row(self, "lead", base.map(|b| b.lead).or(new_lead));
        let vendor = row(self, "vendor", base.map(|b| b.vendor).or(customer));
        let after_hours = row(self, "after_hours", base.map(|b| b.after_hours));
        let needed = [
            ("emergency", emergency),
            ("high", high),
            ("new_lead", new_lead),
            ("customer", customer),
            ("after_hours", after_hours),
        ];
        for (key, term) in needed {
            if term.is_none() && section.get(key).is_none() {
                self.missing("RB-0205", section, key, format!("add {key} = \"30 min\" or another time"));
            }
        }
        let tiers = if section.get("tiers").is_some() { self.tiers(section) } else { base.map(|b| b.tiers.clone()) };
        let stale = if section.get("stale_after").is_some() {
            self.minutes(section, "stale_after")
        } else {
            base.map(|b| b.stale_after_minutes)
        };
        for (key, absent) in [("tiers", tiers.as_ref().is_none_or(Vec::is_empty)), ("stale_after", stale.is_none())] {
            if absent && (section.get(key).is_none() || (key == "tiers" && tiers.is_some())) {
                let cure = "add tiers = [{ to = \"location\" }, { to = \"corporate\", after = \"10 min\" }] and stale_after = \"60 min\"";
                self.missing("RB-0211", section, &format!("escalation window: {key} is missing"), cure);
            }
        }
        let flags = self.words(section, "escalate_at_once", FLAGS).map(|f| f.into_iter().map(str::to_owned).collect());
        let escalate_at_once = flags.or_else(|| base.map(|b| b.escalate_at_once.clone())).unwrap_or_default();
        Some(ContractClock {
            emergency: emergency?,
            high: high?,
            same_day,
            this_week,
            nurture,
            new_lead: new_lead?,
            lead: lead?,
            customer: customer?,
            vendor: vendor?,
            after_hours: after_hours?,
            tiers: tiers?,
            stale_after_minutes: stale?,
            escalate_at_once,
        })
    }

    fn tiers(&mut self, section: &Section) -> Option<Vec<Tier>> {
        let mut tiers: Vec<Tier> = Vec::new();
        let before = self.problems.len();
        for tier in self.list(section, "tiers") {
            self.known(&tier, &["to", "after"]);
            let to = self.required_word(&tier, "to", TIERS);
            let after_minutes = if tier.get("after").is_some() { self.minutes(&tier, "after") } else { Some(0) };
            let (Some(to), Some(after_minutes)) = (to, after_minutes) else { continue };
            if tiers.iter().any(|t| t.to == to) {
                self.say(
                    "RB-0206",
                    "this tier is listed twice",
                    "each tier climbs once: keep one of them",
                    tier.at.clone(),
                );
            }
            if tiers.last().is_some_and(|t| t.after_minutes > after_minutes) {
                self.say(
                    "RB-0206",
                    "this tier comes before the one above it",
                    "list tiers in the order of their minutes",
                    tier.at.clone(),
                );
            }
            tiers.push(Tier { to, after_minutes });
        }
        (self.problems.len() == before).then_some(tiers)
    }

    fn locations(&mut self, root: &Section, base: Option<&ContractClock>) -> BTreeMap<String, LocationRules> {
        let mut locations = BTreeMap::new();
        let Some(all) = self.section(root, "location") else { return locations };
        for (key, _) in all.table {
            let slug = key.get_ref().as_ref();
            let Some(section) = self.section(&all, slug) else { continue };
            self.places.0.insert(section.path.clone(), section.at.clone());
            self.known(&section, &["autonomy", "retention", "clock"]);
            let autonomy = self.word(&section, "autonomy", AUTONOMY);
            let retention = self.word(&section, "retention", RETENTION);
            let clock = self.section(&section, "clock").and_then(|clock| self.clock(&clock, base));
            locations.insert(slug.to_owned(), LocationRules { autonomy, retention, clock });
        }
        locations
    }

    fn suppress(&mut self, root: &Section) -> Suppress {
        let Some(section) = self.section(root, "suppress") else { return Suppress::default() };
        self.known(&section, &["classes"]);
        Suppress { classes: self.words(&section, "classes", SUPPRESS).unwrap_or_default() }
    }

    fn page(&mut self, root: &Section) -> Page {
        let nobody = Page { on: BTreeSet::new(), email: false, webhook: None };
        let Some(section) = self.section(root, "page") else {
            if root.get("page").is_none() {
                self.missing(
                    "RB-0205",
                    root,
                    "[page]",
                    "say how the owner is told: on = [\"opened\"] and email = true or webhook = \"…\"",
                );
            }
            return nobody;
        };
        self.known(&section, &["on", "email", "webhook"]);
        let on = self.words(&section, "on", PAGE_ON).unwrap_or_default();
        let email = self.flag(&section, "email").unwrap_or(false);
        let webhook = self.text(&section, "webhook").map(|(t, _)| t.to_owned());
        // A key of the wrong kind is told already; it is not as if it were absent.
        let unreadable = section.get("webhook").is_some() || section.get("email").is_some_and(|(v, _)| !v.is_bool());
        if !on.is_empty() && !email && webhook.is_none() && !unreadable {
            let cause = "the owner is to be told but there is no way to tell";
            self.say("RB-0205", cause, "add email = true or webhook = the name of a connection", section.at.clone());
        }
        Page { on, email, webhook }
    }

    fn tests(&mut self, root: &Section) -> Vec<ContractTest> {
        let mut tests: Vec<ContractTest> = Vec::new();
        for section in self.list(root, "test") {
            self.known(&section, &["name", "given", "then"]);
            let name = self.required(&section, "name", "say what this test shows").map(|(t, _)| t.to_owned());
            for key in ["given", "then"] {
                if section.get(key).is_none() {
                    self.missing("RB-0205", &section, key, format!("add {key} = {{ … }}"));
                }
            }
            let given = self.section(&section, "given").map(|s| json_table(s.table));
            let then = self.section(&section, "then").map(|s| json_table(s.table));
            if let (Some(name), Some(given), Some(then)) = (name, given, then) {
                if tests.iter().any(|t| t.name == name) {
                    self.say(
                        "RB-0206",
                        format!("two tests are called {name:?}"),
                        "give each its own name",
                        section.at.clone(),
                    );
                }
                tests.push(ContractTest { name, given, then });
            }
        }
        tests
    }
}

fn json_table(table: &DeTable) -> serde_json::Value {
    serde_json::Value::Object(table.iter().map(|(k, v)| (k.get_ref().to_string(), json(v.get_ref()))).collect())
}

fn json(value: &DeValue) -> serde_json::Value {
    match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| number.as_str().into(), serde_json::Value::from),
        DeValue::Float(number) => number
            .as_str()
            .parse::<f64>()
            .ok()
            .and_then(serde_json::Number::from_f64)
            .map_or_else(|| number.as_str().into(), serde_json::Value::Number),
        DeValue::Boolean(yes) => (*yes).into(),
        DeValue::Datetime(when) => when.to_string().into(),
        DeValue::Array(items) => serde_json::Value::Array(items.iter().map(|i| json(i.get_ref())).collect()),
        DeValue::Table(table) => json_table(table),
    }
}
