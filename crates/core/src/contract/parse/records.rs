//! Which calls and which people a contract concerns, and who is held back.

use super::{Reader, Section};
use crate::contract::model::*;
use crate::identity::PersonProperties;

const SUPPRESS: &[(&str, SuppressClass)] = &[
    ("opted_out", SuppressClass::OptedOut),
    ("customer_with_open_issue", SuppressClass::CustomerWithOpenIssue),
    ("open_opportunity", SuppressClass::OpenOpportunity),
    ("strategic_account", SuppressClass::StrategicAccount),
    ("customer", SuppressClass::Customer),
    ("competitor", SuppressClass::Competitor),
    ("partner", SuppressClass::Partner),
    ("investor", SuppressClass::Investor),
    ("regulated", SuppressClass::Regulated),
];

impl Reader {
    pub(super) fn eligible(&mut self, root: &Section) -> Option<Eligible> {
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

    pub(super) fn matching(&mut self, root: &Section) -> Option<MatchRules> {
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

    pub(super) fn properties(&mut self, section: &Section) -> PersonProperties {
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

    pub(super) fn suppress(&mut self, root: &Section) -> Suppress {
        let Some(section) = self.section(root, "suppress") else { return Suppress::default() };
        self.known(&section, &["classes", "strategic", "competitor", "partner", "investor", "regulated"]);
        let strategic = self.section(&section, "strategic").and_then(|marked| self.marked(&marked));
        let classes: std::collections::BTreeSet<SuppressClass> =
            self.words(&section, "classes", SUPPRESS).unwrap_or_default();
        let mut marked = std::collections::BTreeMap::new();
        for class in SuppressClass::MARKED {
            let word = class.word();
            if section.get(word).is_none() && classes.contains(&class) {
                let cure = format!("add {word} = {{ property = \"account_type\", values = [\"{word}\"] }}");
                self.missing("RB-0205", &section, &format!("mark of the class {word}"), cure);
            }
            let Some(table) = self.section(&section, word) else { continue };
            if let Some(mark) = self.marked(&table) {
                marked.insert(class, mark);
            }
        }
        Suppress { classes, strategic, marked }
    }

    fn marked(&mut self, section: &Section) -> Option<Marked> {
        self.known(section, &["property", "values"]);
        let cure = "name a property of a contact and its values: { property = \"account_tier\", values = [\"A\"] }";
        let property = self.required(section, "property", cure).map(|(t, _)| t.to_owned());
        let values: Option<Vec<String>> =
            self.texts(section, "values").map(|all| all.into_iter().map(|(t, _)| t.to_owned()).collect());
        if values.is_none() && section.get("values").is_none() {
            self.missing("RB-0205", section, "values", cure);
        }
        Some(Marked { property: property?, values: values? })
    }
}
