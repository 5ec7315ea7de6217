//! At which level a draft and the contract in force are compared. It is the account's for both: what a draft says of its own level is told beside the
//! figures, for a figure that came from the level would be taken for one that came from the clauses.

use crate::facts::AccountFacts;
use ringback_core::contract::{Autonomy, Contract};

/// The account's level, and what the draft says of it otherwise.
pub(super) fn sentences(facts: &AccountFacts, draft: &Contract) -> Vec<String> {
    let levels = &facts.standing.levels;
    let in_force = facts.contract_applied.then_some(&facts.contract);
    let mut said = vec![match levels.said("") {
        None => "The account has no level of its own, so each counts at what it says itself.".to_owned(),
        Some(level) => {
            let places = levels.0.iter().filter(|(place, own)| !place.is_empty() && **own != level);
            let own: Vec<String> = places.map(|(place, own)| format!("{} at {place}", own.word())).collect();
            let own = if own.is_empty() { String::new() } else { format!(", {}", own.join(", ")) };
            format!("Both are compared at the account's level: {}{own}.", level.word())
        }
    }];
    let places = facts.roster.locations.iter().map(|l| l.slug.as_str());
    let mut last = None;
    for place in [""].into_iter().chain(places) {
        let says = draft.autonomy_for(place, None);
        let Some(was) = in_force.map(|c| c.autonomy_for(place, None)).filter(|was| *was != says) else { continue };
        let most = levels.said(place).unwrap_or(Autonomy::Auto);
        if last == Some((was, says, most)) {
            continue;
        }
        last = Some((was, says, most));
        said.push(told(place, was, says, most));
    }
    said
}

/// How the draft's word differs at one location (empty: everywhere), and what of it the account's level lets count.
fn told(place: &str, was: Autonomy, says: Autonomy, most: Autonomy) -> String {
    let at = if place.is_empty() { String::new() } else { format!("At {place} the") };
    let head = if at.is_empty() { "The" } else { at.as_str() };
    let change =
        format!("{head} draft also changes how much happens by itself, from {} to {}", was.word(), says.word());
    let (held, holds) = (was.min(most), says.min(most));
    match holds.cmp(&held) {
        std::cmp::Ordering::Equal => {
            format!("{change}; the account's level holds both at {}, so none of it is counted below.", held.word())
        }
        _ => format!(
            "{change}; what holds would go from {} to {}, and that is part of what is counted below.",
            held.word(),
            holds.word()
        ),
    }
}
