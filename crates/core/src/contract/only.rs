//! A shorter contract out of a longer one: the clauses that somebody wants to begin with, and everything that stands around them.

use super::{Contract, did_you_mean, parse};
use crate::problem::Problem;

const CLAUSE: &str = "[field.";
const TEST: &str = "[[test]]";
const MANDATORY: &str = "mandatory";

/// The text of a contract with these clauses of fields alone. A name that is mandatory and a test that speaks of another clause go with it; what is
/// said around clauses and tests stays word for word. Paragraphs are what blank lines part.
///
/// # Errors
/// `RB-0313` for each name that has no clause; what is wrong with the contract itself.
pub fn only(text: &str, fields: &[&str]) -> Result<String, Vec<Problem>> {
    let (contract, problems) = parse(text);
    let Some(contract) = contract else { return Err(problems) };
    let unknown: Vec<Problem> = fields.iter().filter_map(|name| contract.lacks(name)).collect();
    if !unknown.is_empty() {
        return Err(unknown);
    }
    let kept = |paragraph: &str| match named(paragraph) {
        Some(name) => fields.contains(&name),
        None => true,
    };
    let all: Vec<&str> = text.split("\n\n").collect();
    let mut out: Vec<String> = Vec::new();
    for (place, paragraph) in all.iter().enumerate() {
        // What is said above a clause is about it.
        let above = paragraph.lines().all(|line| line.starts_with('#') && !line.starts_with("# --"));
        let about = if above { all.get(place + 1).copied().unwrap_or_default() } else { paragraph };
        if !kept(about) {
            continue;
        }
        if paragraph.lines().any(|line| line.starts_with(TEST))
            && !parse(&format!("{}\n\n{paragraph}", out.join("\n\n"))).1.is_empty()
        {
            continue;
        }
        out.push(paragraph.lines().map(|line| mandatory(line, fields)).collect::<Vec<_>>().join("\n"));
    }
    Ok(format!("{}\n", out.join("\n\n").trim_end()))
}

/// The field whose clause a paragraph is.
fn named(paragraph: &str) -> Option<&str> {
    let header = paragraph.lines().find(|line| !line.starts_with('#'))?;
    header.strip_prefix(CLAUSE)?.split(']').next()
}

/// The line, with the names alone that have a clause.
fn mandatory(line: &str, fields: &[&str]) -> String {
    let list = line.strip_prefix(MANDATORY).and_then(|rest| rest.trim_start().strip_prefix('='));
    let Some(names) = list.and_then(|list| list.split_once('[')?.1.split_once(']')) else { return line.to_owned() };
    let kept = names.0.split(',').map(str::trim).filter(|name| fields.contains(&name.trim_matches('"')));
    format!("{MANDATORY} = [{}]{}", kept.collect::<Vec<_>>().join(", "), names.1)
}

impl Contract {
    /// `RB-0313` with the names there are, where no clause has that one.
    pub fn lacks(&self, field: &str) -> Option<Problem> {
        if self.fields.contains_key(field) {
            return None;
        }
        let all = self.fields.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let near = did_you_mean(field, self.fields.keys().map(String::as_str));
        let cure =
            near.map_or_else(|| format!("there are {all}"), |near| format!("did you mean {near}? There are {all}"));
        Some(Problem::new("RB-0313", format!("the contract has no clause for {field:?}"), cure))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{DEFAULT_TEXT, profiles, trial, worked};
    use proptest::prelude::*;

    fn fields(text: &str) -> Vec<String> {
        parse(text).0.unwrap().fields.into_keys().collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Whatever somebody begins with: it is a contract, its tests pass, and it says nothing that the longer one does not.
        #[test]
        fn any_choice_of_clauses_is_a_contract_of_its_own(wanted in any::<u32>()) {
            for text in [DEFAULT_TEXT.to_owned(), profiles::profiled(DEFAULT_TEXT, &profiles::PROFILES[0])] {
                let all = fields(&text);
                let chosen: Vec<&str> = all.iter().enumerate().filter(|(n, _)| wanted >> (n % 32) & 1 == 1).map(|(_, f)| f.as_str()).collect();
                let short = only(&text, &chosen).unwrap();
                let (contract, problems) = parse(&short);
                prop_assert_eq!(&problems, &Vec::new());
                let contract = contract.unwrap();
                prop_assert_eq!(contract.fields.keys().map(String::as_str).collect::<Vec<_>>(), chosen);
                prop_assert_eq!(trial::refused(&contract, &worked::WORDS, &short), Vec::new());
                prop_assert!(short.lines().all(|line| text.contains(line) || line.starts_with(MANDATORY)));
            }
        }
    }

    #[test]
    fn all_of_it_is_the_same_contract_and_five_fields_are_a_short_one() {
        let all = fields(DEFAULT_TEXT);
        let whole = only(DEFAULT_TEXT, &all.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        assert_eq!(whole, DEFAULT_TEXT);
        let short = only(DEFAULT_TEXT, &["budget", "service", "urgency", "email", "address"]).unwrap();
        let contract = parse(&short).0.unwrap();
        assert_eq!((contract.fields.len(), contract.mandatory.len(), contract.tests.len()), (5, 1, 4));
        assert!(
            !short.contains("Where the contact came from. These go"),
            "what was said above clauses that went is gone too"
        );
    }

    #[test]
    fn a_name_without_a_clause_is_told_with_those_there_are() {
        let found = only(DEFAULT_TEXT, &["budget", "servce"]).unwrap_err();
        let [problem] = found.as_slice() else { panic!("{found:#?}") };
        assert_eq!(problem.code, "RB-0313");
        assert!(problem.cure.starts_with("did you mean service? There are address, budget"), "{}", problem.cure);
    }
}
