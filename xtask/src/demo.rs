//! The demonstration as a test: the program as a newcomer runs it, judged by what it says at the end.

use serde_json::{Map, Value};
use std::process::Command;

use crate::cmd;

/// Seeds the demonstration must pass with, besides the one it takes by itself.
const SEEDS: std::ops::RangeInclusive<u32> = 1..=20;

/// Figures that must be exactly so.
const EXACTLY: &[(&str, u64)] =
    &[("calls", 12), ("inquiries", 10), ("duplicates", 0), ("lost", 0), ("forbidden_writes", 0)];

/// Figures that must be at least so.
const AT_LEAST: &[(&str, u64)] = &[("signals", 25)];

/// Figures that must be told, whatever they are.
const TOLD: &[&str] = &["crm_contacts_created", "crm_calls_logged", "tasks", "dead_letters"];

/// Plays the demonstration without a seed, then with each seed.
///
/// # Errors
/// The first play that did not end as it must, with every figure that is wrong.
pub fn run() -> Result<(), String> {
    let seeds = std::iter::once(None).chain(SEEDS.map(Some));
    for seed in seeds {
        let said = seed.map_or_else(|| "no seed".to_owned(), |seed| format!("seed {seed}"));
        let mut command = Command::new(cmd::target_dir().join("release").join("ringback"));
        command.args(["demo", "--once", "--json"]).current_dir(cmd::root());
        if let Some(seed) = seed {
            command.args(["--seed", &seed.to_string()]);
        }
        let out = cmd::output(&mut command)?;
        let last = last_object(&out).ok_or_else(|| format!("{said}: stdout does not end with a JSON object"))?;
        let wrong = wrong(&last);
        if !wrong.is_empty() {
            return Err(format!("{said}: {}\n{}", wrong.join("; "), Value::Object(last)));
        }
        println!("{said}: {}", Value::Object(last));
    }
    Ok(())
}

/// The JSON object that the text ends with, on one line or many.
pub fn last_object(text: &str) -> Option<Map<String, Value>> {
    let text = text.trim_end();
    // From the back: the suffix that begins at an inner brace does not parse, because outer braces are left over.
    text.rmatch_indices('{').find_map(|(at, _)| serde_json::from_str(text.get(at..)?).ok())
}

/// Everything in the closing object that is not as it must be.
pub fn wrong(last: &Map<String, Value>) -> Vec<String> {
    let figure = |name: &str| last.get(name).and_then(Value::as_u64);
    let told = |name: &str| last.get(name).map_or_else(|| "not told".to_owned(), ToString::to_string);
    let mut wrong = Vec::new();
    for (name, value) in EXACTLY.iter().filter(|(name, value)| figure(name) != Some(*value)) {
        wrong.push(format!("{name} must be {value}, is {}", told(name)));
    }
    for (name, value) in AT_LEAST.iter().filter(|(name, value)| figure(name).is_none_or(|is| is < *value)) {
        wrong.push(format!("{name} must be at least {value}, is {}", told(name)));
    }
    for name in TOLD.iter().filter(|name| figure(name).is_none()) {
        wrong.push(format!("{name} must be a number, is {}", told(name)));
    }
    if last.get("ledger_verified") != Some(&Value::Bool(true)) {
        wrong.push(format!("ledger_verified must be true, is {}", told("ledger_verified")));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"calls":12,"inquiries":10,"signals":31,"duplicates":0,"lost":0,"forbidden_writes":0,
        "ledger_verified":true,"crm_contacts_created":9,"crm_calls_logged":12,"tasks":{"n":1},"dead_letters":0}"#;

    #[test]
    fn the_last_object_is_found_behind_other_output() {
        let text = format!("{{\"calls\":1}}\nplaying…\n{}\n", GOOD.replace("{\"n\":1}", "8"));
        let last = last_object(&text).unwrap();
        assert_eq!(last.get("calls").and_then(Value::as_u64), Some(12));
        assert_eq!(wrong(&last), Vec::<String>::new());
        assert_eq!(last_object("{\"calls\":12} and more words"), None);
    }

    #[test]
    fn an_object_with_an_object_inside_is_read_from_its_own_start() {
        let last = last_object(GOOD).unwrap();
        assert_eq!(wrong(&last), ["tasks must be a number, is {\"n\":1}"]);
    }

    #[test]
    fn every_wrong_figure_is_named() {
        let last = last_object(r#"{"calls":11,"signals":24,"lost":1,"ledger_verified":"true"}"#).unwrap();
        let wrong = wrong(&last).join("\n");
        for name in
            ["calls", "inquiries", "signals", "duplicates", "lost", "forbidden_writes", "ledger_verified", "tasks"]
        {
            assert!(wrong.contains(name), "{name} is not named in:\n{wrong}");
        }
    }
}
