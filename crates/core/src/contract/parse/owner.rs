//! Who calls back.

use super::{Reader, Section};
use crate::contract::model::*;
use std::ops::Range;

impl Reader {
    pub(super) fn owner(&mut self, root: &Section) -> Option<OwnerRules> {
        let Some(section) = self.section(root, "owner") else {
            self.missing("RB-0205", root, "[owner]", "say who calls back: otherwise = \"location:tier1\"");
            return None;
        };
        self.known(&section, &["tie", "otherwise", "rule"]);
        let tie = self.word(&section, "tie", &[("ask", Tie::Ask), ("first", Tie::First)]).unwrap_or(Tie::Ask);
        let cure = "write role:…, staff:…, crm:record_owner or location:tier1";
        let otherwise = if section.get("otherwise").is_some() {
            self.owner_target(&section, "otherwise")
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
            let to = self.owner_target(&rule, "to");
            if let (Some(priority), Some((when, _)), Some(to)) = (priority, when, to) {
                rules.push(OwnerRule { priority, when: when.into(), to });
            }
        }
        Some(OwnerRules { tie, rules, otherwise: otherwise? })
    }

    /// Whom a rule names; a bare name is most likely a person's or a role's.
    fn owner_target(&mut self, section: &Section, key: &str) -> Option<OwnerTarget> {
        let name = section.get(key).and_then(|(value, _)| value.as_str()).map(str::trim).unwrap_or_default();
        let cure = if !name.is_empty() && !name.contains(':') {
            format!("write \"staff:{name}\", \"role:{name}\", \"crm:record_owner\" or \"location:tier1\"")
        } else {
            "write role:…, staff:…, crm:record_owner or location:tier1".to_owned()
        };
        self.parsed(section, key, &cure)
    }

    pub(super) fn priority(&mut self, rule: &Section) -> Option<u16> {
        let Some((value, at)) = rule.get("priority") else {
            self.missing("RB-0205", rule, "priority", "add priority = 1; 1 is asked first");
            return None;
        };
        let number = value.as_integer().and_then(|i| i.as_str().parse::<u16>().ok()).filter(|n| (1..=1000).contains(n));
        if number.is_none() {
            let cure = "write priority = 1; 1 is asked first, and there are 1000 at most";
            match value.as_integer() {
                Some(i) => {
                    let cause = format!("{} is {}, which is not from 1 to 1000", rule.path("priority"), i.as_str());
                    self.say("RB-0206", cause, cure, at);
                }
                None => self.wrong_kind(rule, "priority", "a whole number from 1 to 1000", value, at),
            }
        }
        number
    }

    pub(super) fn condition(&mut self, when: &str, at: Range<usize>) {
        let Err(error) = crate::followup::condition::Condition::parse(when) else { return };
        // The text stands in quotes of one or three characters; with escapes in it the exact place is not known.
        let quotes = at.len().checked_sub(when.len()).filter(|q| *q == 2 || *q == 6).map(|q| q / 2);
        let place = quotes.map_or_else(|| at.clone(), |q| at.start + q + error.at.start..at.start + q + error.at.end);
        self.say(error.code, error.cause, error.cure, place.start..place.end.max(place.start + 1).min(at.end));
    }
}
