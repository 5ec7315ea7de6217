//! What a clause does at the level that holds, in one sentence: the command line, the page *Contract* and *Reviews* say the same.
//!
//! A clause says what may happen at `auto`. What does happen is bounded by the level, so each place that reads a clause aloud reads this beside it.

use super::model::*;
use crate::decide::{WHENCE, own_record};
use crate::standing::Levels;

impl Contract {
    /// The level that holds for a clause at a location (slug; empty: everywhere): the lower of the contract's word and the account's.
    pub fn holds(&self, rule: &FieldRule, place: &str, levels: &Levels) -> Autonomy {
        self.autonomy_of(place, Some(rule)).min(levels.at(place))
    }

    /// What a clause does at the level that holds there, and what at `auto`: `Now (level auto-low-risk): only suggested. At auto: written from 90 %.`
    /// `None` where the level takes nothing from what the clause itself says.
    pub fn now(&self, rule: &FieldRule, place: &str, levels: &Levels) -> Option<String> {
        let level = self.holds(rule, place, levels);
        let (now, most) = (at(rule, level)?, at(rule, Autonomy::Auto)?);
        if now == most {
            return None;
        }
        // A clause with a lower level of its own does no more, however high the account's is.
        let capped = rule.autonomy.is_some_and(|own| own <= level);
        let then = if capped { "The clause says that level itself.".to_owned() } else { format!("At auto: {most}.") };
        Some(format!("Now (level {}): {now}. {then}", level.word()))
    }

    /// [`Contract::sentences`], each with what holds now; a location (slug) where something else holds is named.
    pub fn sentences_at(&self, levels: &Levels, places: &[&str]) -> Vec<Sentence> {
        let mut all = self.sentences();
        for (sentence, rule) in all.iter_mut().zip(self.fields.values()) {
            let everywhere = self.now(rule, "", levels);
            sentence.text.extend(everywhere.iter().flat_map(|now| [" ", now.as_str()]));
            for place in places {
                let there = self.now(rule, place, levels);
                if there == everywhere {
                    continue;
                }
                let said = there.unwrap_or_else(|| {
                    let level = self.holds(rule, place, levels);
                    format!("Now (level {}): {}.", level.word(), at(rule, level).unwrap_or_default())
                });
                sentence.text.push_str(&format!(" At {place}: {said}"));
            }
        }
        all
    }
}

/// What the machine does with a value that is sure enough; `None` where no level changes it.
fn at(rule: &FieldRule, level: Autonomy) -> Option<String> {
    if rule.machine == Machine::Never {
        return None;
    }
    if level == Autonomy::Observe {
        return Some("nothing, not even suggested".to_owned());
    }
    // What only a person may decide waits for one at every level.
    if rule.machine == Machine::Suggest || rule.accountability || rule.protected.is_some() {
        return Some("only suggested".to_owned());
    }
    let from = percent(rule.write_at);
    let written = match rule.machine {
        Machine::FillEmpty => format!("filled where it is empty, from {from}"),
        _ => format!("written from {from}"),
    };
    let whence = WHENCE.contains(&rule.from.as_str());
    Some(match level {
        Autonomy::Suggest if own_record(rule) || whence => "left out, because no record is made".to_owned(),
        Autonomy::AutoLowRisk if own_record(rule) || whence => written,
        Autonomy::Suggest | Autonomy::AutoLowRisk => "only suggested".to_owned(),
        _ => written,
    })
}

fn percent(t: Thousandths) -> String {
    if t.is_multiple_of(10) { format!("{} %", t / 10) } else { format!("{}.{} %", t / 10, t % 10) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{DEFAULT_TEXT, parse};

    fn levels(of: &[(&str, Autonomy)]) -> Levels {
        Levels(of.iter().map(|(place, level)| ((*place).to_owned(), *level)).collect())
    }

    #[test]
    fn a_clause_says_what_it_does_at_the_level_that_holds() {
        let mut contract = parse(DEFAULT_TEXT).0.unwrap();
        contract.autonomy = Autonomy::Auto;
        let now = |contract: &Contract, field: &str, level| {
            contract.now(&contract.fields[field], "", &levels(&[("", level)]))
        };
        let low = Autonomy::AutoLowRisk;
        let said = now(&contract, "urgency", low);
        assert_eq!(said.as_deref(), Some("Now (level auto-low-risk): only suggested. At auto: written from 90 %."));
        assert_eq!(now(&contract, "urgency", Autonomy::Auto), None, "the clause itself says it");
        let fills = contract.fields.iter().find(|(_, r)| {
            r.machine == Machine::FillEmpty
                && !own_record(r)
                && !WHENCE.contains(&r.from.as_str())
                && !r.accountability
                && r.protected.is_none()
        });
        let (name, _) = fills.unwrap();
        assert!(now(&contract, name, low).unwrap().contains("At auto: filled where it is empty, from "), "{name}");
        // What the caller's own records say is written at that level already, and what a person decides is at none.
        for (name, rule) in &contract.fields {
            if own_record(rule) || rule.machine == Machine::Suggest || rule.accountability {
                assert_eq!(now(&contract, name, low), None, "{name}");
            }
            if rule.machine != Machine::Never {
                let said = now(&contract, name, Autonomy::Observe).unwrap();
                assert!(said.starts_with("Now (level observe): nothing, not even suggested."), "{name}: {said}");
            }
        }
        // The contract's own word may be the lower one.
        contract.autonomy = Autonomy::Suggest;
        assert!(now(&contract, "urgency", low).unwrap().starts_with("Now (level suggest): only suggested."));
        contract.fields.get_mut("urgency").unwrap().autonomy = Some(Autonomy::Suggest);
        contract.autonomy = Autonomy::Auto;
        let said = now(&contract, "urgency", Autonomy::Auto).unwrap();
        assert!(said.contains("level suggest") && !said.contains("At auto"), "{said}");
    }

    #[test]
    fn a_location_with_a_level_of_its_own_is_named() {
        let mut contract = parse(DEFAULT_TEXT).0.unwrap();
        contract.autonomy = Autonomy::Auto;
        let levels = levels(&[("", Autonomy::AutoLowRisk), ("north", Autonomy::Auto)]);
        let all = contract.sentences_at(&levels, &["north", "south"]);
        let urgency = &all.iter().find(|s| s.clause == "field.urgency").unwrap().text;
        assert!(urgency.contains("Now (level auto-low-risk): only suggested."), "{urgency}");
        assert!(urgency.ends_with("At north: Now (level auto): written from 90 %."), "{urgency}");
        assert!(!urgency.contains("At south"), "{urgency}");
    }
}
