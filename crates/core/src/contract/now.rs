//! What a clause does at the level that holds, in one sentence: the command line, the page *Contract* and *Reviews* say the same.
//!
//! A clause says what may happen at `auto`. What does happen is bounded by the level, so each place that reads a clause aloud reads this beside it.

use super::model::*;
use crate::decide::{WHENCE, own_record, written_from};
use crate::standing::Levels;

impl Contract {
    /// The level that holds for a clause at a location (slug; empty: everywhere). Who only observes does nothing, whatever a clause says.
    pub fn holds(&self, rule: &FieldRule, place: &str, levels: &Levels) -> Autonomy {
        match self.most(place, None, levels) {
            Autonomy::Observe => Autonomy::Observe,
            // What goes into a record that we make is written at the level of its place, or not at all.
            here if here < written_from(rule) && written_from(rule) == Autonomy::AutoLowRisk => here,
            _ => self.most(place, Some(rule), levels),
        }
    }

    /// What a clause does at the level that holds there, and what at `auto`: `Now (level auto-low-risk): only suggested. At auto: written from 90 %.`
    /// `None` where the level takes nothing from what the clause itself says.
    pub fn now(&self, rule: &FieldRule, place: &str, levels: &Levels) -> Option<String> {
        let level = self.holds(rule, place, levels);
        let makes = self.makes(place, levels);
        let (now, most) = (at(rule, level, makes)?, at(rule, Autonomy::Auto, true)?);
        if now == most {
            return None;
        }
        // A clause with a lower level of its own does no more, however high the account's is.
        let capped = rule.autonomy.is_some_and(|own| own <= level);
        let then = if capped { "The clause says that level itself.".to_owned() } else { format!("At auto: {most}.") };
        Some(format!("Now (level {}): {now}. {then}", level.word()))
    }

    /// Fields whose clauses say more than the level of the account lets happen.
    pub fn held_back(&self, levels: &Levels) -> Vec<&str> {
        let less = self.fields.iter().filter(|(_, rule)| self.now(rule, "", levels).is_some());
        less.map(|(name, _)| name.as_str()).collect()
    }

    /// Is a record made by itself there?
    fn makes(&self, place: &str, levels: &Levels) -> bool {
        self.most(place, None, levels) >= Autonomy::AutoLowRisk
    }

    /// [`Contract::sentences`], each with what holds now where that is less than it says; a location (slug) where something else holds is named.
    pub fn sentences_at(&self, levels: &Levels, places: &[&str]) -> Vec<(Sentence, String)> {
        let one = |(sentence, rule): (Sentence, &FieldRule)| {
            let everywhere = self.now(rule, "", levels);
            let mut said: Vec<String> = everywhere.clone().into_iter().collect();
            for place in places {
                let there = self.now(rule, place, levels);
                if there == everywhere {
                    continue;
                }
                let there = there.unwrap_or_else(|| {
                    let level = self.holds(rule, place, levels);
                    let does = at(rule, level, self.makes(place, levels)).unwrap_or_default();
                    format!("Now (level {}): {does}.", level.word())
                });
                said.push(format!("At {place}: {there}"));
            }
            (sentence, said.join(" "))
        };
        self.sentences().into_iter().zip(self.fields.values()).map(one).collect()
    }
}

/// What the machine does with a value that is sure enough, at a place where records are made (`makes`) or not; `None` where no level changes it.
fn at(rule: &FieldRule, level: Autonomy, makes: bool) -> Option<String> {
    if rule.machine == Machine::Never {
        return None;
    }
    if level == Autonomy::Observe {
        return Some("nothing, not even suggested".to_owned());
    }
    let left_out = || Some("left out, because no record is made".to_owned());
    if own_record(rule) && !makes {
        return left_out();
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
    if level >= written_from(rule) {
        return Some(written);
    }
    // Of where a contact came from nobody is asked.
    let whence = WHENCE.contains(&rule.from.as_str()) && !own_record(rule);
    if whence { left_out() } else { Some("only suggested".to_owned()) }
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

    /// The decision knows two levels, of the place and of the clause: what is said of a clause follows both.
    #[test]
    fn a_record_that_we_make_is_made_at_the_level_of_its_place() {
        let mut contract = parse(DEFAULT_TEXT).0.unwrap();
        let now = |contract: &Contract, field: &str| {
            contract.now(&contract.fields[field], "", &levels(&[("", Autonomy::Auto)]))
        };
        let clause = |contract: &mut Contract, field: &str, own: Autonomy| {
            contract.fields.get_mut(field).unwrap().autonomy = Some(own);
        };
        // The task is made, and this field of it waits for a person.
        clause(&mut contract, "callback_reason", Autonomy::Suggest);
        let said = now(&contract, "callback_reason").unwrap();
        assert!(said.starts_with("Now (level suggest): only suggested."), "{said}");
        // No task is made, whatever its clause says, nor is a person asked about it.
        contract.autonomy = Autonomy::Suggest;
        clause(&mut contract, "callback_reason", Autonomy::Auto);
        clause(&mut contract, "lead_source", Autonomy::Auto);
        contract.fields.get_mut("callback_urgency").unwrap().machine = Machine::Suggest;
        for field in ["callback_reason", "callback_urgency", "lead_source"] {
            let said = now(&contract, field).unwrap();
            assert!(said.contains("left out, because no record is made"), "{field}: {said}");
        }
        // Who only observes does nothing.
        contract.autonomy = Autonomy::Observe;
        clause(&mut contract, "urgency", Autonomy::Auto);
        assert!(now(&contract, "urgency").unwrap().starts_with("Now (level observe): nothing, not even suggested."));
    }

    #[test]
    fn a_location_with_a_level_of_its_own_is_named() {
        let mut contract = parse(DEFAULT_TEXT).0.unwrap();
        contract.autonomy = Autonomy::Auto;
        let levels = levels(&[("", Autonomy::AutoLowRisk), ("north", Autonomy::Auto)]);
        let all = contract.sentences_at(&levels, &["north", "south"]);
        let (_, urgency) = all.iter().find(|(s, _)| s.clause == "field.urgency").unwrap();
        assert!(urgency.contains("Now (level auto-low-risk): only suggested."), "{urgency}");
        assert!(urgency.ends_with("At north: Now (level auto): written from 90 %."), "{urgency}");
        assert!(!urgency.contains("At south"), "{urgency}");
    }
}
