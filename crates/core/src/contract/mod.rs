//! The written rules of an account: what may be written where, who wins, who owns, how fast.
//!
//! A contract is text that people read aloud ([`DEFAULT_TEXT`] is a complete one with comments), parsed into [`Contract`] with every problem
//! found at once and its place in the text. There is no default winner for fields on purpose: somebody must have said one sentence
//! per field.

pub mod check;
pub mod diff;
pub mod edit;
pub mod export;
pub mod model;
mod now;
mod only;
pub mod parse;
pub mod pilot;
pub mod profiles;
mod stored;
pub mod trial;
#[cfg(test)]
mod worked;

pub use check::{
    check_asked, check_connections, check_roster, check_schema, check_words, feeds, made_by_setup, placed, unfed,
};
pub use model::*;
pub use only::only;
pub use parse::parse;
pub use stored::CONTRACT_SCHEMA;

/// The default contract with its comments: missed calls for HubSpot, as `ringback init` writes it.
pub const DEFAULT_TEXT: &str = include_str!("default.toml");

/// The default contract for a connection to another CRM: the same rules, with that CRM's names for what every person has.
pub fn default_for(connection: &str, words: &crate::crm::CrmWords) -> String {
    let list = |names: &[&str]| {
        let quoted: Vec<String> = names.iter().map(|n| format!("\"{n}\"")).collect();
        format!("[{}]", quoted.join(", "))
    };
    let lines = [
        ("crm      = ", format!("\"{connection}\"             # the CRM connection it writes to")),
        ("phone           = ", list(words.match_phones)),
        ("email           = ", list(words.match_emails)),
        ("name            = ", list(words.match_names)),
        ("lifecycle       = ", format!("\"{}\"", words.lifecycle)),
        ("customer_values = ", list(words.customer_values)),
        ("owner           = ", format!("\"{}\"", words.contact_owner)),
    ];
    let mut out = String::with_capacity(DEFAULT_TEXT.len());
    for line in DEFAULT_TEXT.lines() {
        let own = lines.iter().find(|(head, _)| line.starts_with(head));
        match own {
            Some((head, value)) => {
                out.push_str(head);
                out.push_str(value);
            }
            None => out.push_str(
                &line
                    .replace("\"contact.email\"", &format!("\"contact.{}\"", words.contact_email))
                    .replace("\"contact.hubspot_owner_id\"", &format!("\"contact.{}\"", words.contact_owner)),
            ),
        }
        out.push('\n');
    }
    out
}

/// The word of the list that was probably meant: one that is spelt nearly so, else one that begins the same (`wins` for `winner`).
pub(crate) fn did_you_mean<'w>(word: &str, among: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let word = word.to_lowercase();
    let all: Vec<&str> = among.collect();
    let near = all.iter().map(|c| (crate::identity::distance(&word, c), *c)).min();
    let near = near.filter(|(d, c)| *d <= 1 + c.chars().count() / 4).map(|(_, c)| c);
    let begins = |candidate: &&&str| {
        let same = word.chars().zip(candidate.chars()).take_while(|(a, b)| a == b).count();
        same >= 3 && same * 4 >= word.chars().count().min(candidate.chars().count()) * 3
    };
    near.or_else(|| all.iter().filter(begins).min_by_key(|c| c.len()).copied())
}

#[cfg(test)]
mod tests;
