//! The steps of the ladder: which count as more, and what each of them stands on.

use super::*;
use crate::contract::{DEFAULT_TEXT, LocationRules, parse};
use crate::inquiry::house::House;
use crate::readiness::tests::World;
use crate::roster::Roster;
use proptest::prelude::*;

const PLACES: [&str; 2] = ["north", "south"];

fn contract(autonomy: Autonomy) -> Contract {
    Contract { autonomy, ..parse(DEFAULT_TEXT).0.unwrap() }
}

fn levels(said: &[(&str, Autonomy)]) -> Levels {
    Levels(said.iter().map(|(place, level)| ((*place).to_owned(), *level)).collect())
}

fn one(from: Autonomy, to: Autonomy) -> Vec<Raise> {
    vec![Raise { place: "north".into(), field: None, from, to }]
}

/// Everything green, the people on duty and those who are strategic included.
fn well() -> World {
    let text = DEFAULT_TEXT.replace("# strategic = {", "strategic = {");
    World { contract: parse(&text).0, roster: House::new().roster, ..World::well() }
}

#[test]
fn what_holds_is_the_lower_of_the_contract_and_the_level() {
    use Autonomy::{Auto, AutoLowRisk, Observe, Suggest};
    let table = [
        (Auto, &[][..], Auto, "nothing is said: the contract alone"),
        (Auto, &[("", AutoLowRisk)], AutoLowRisk, "the account's level"),
        (Suggest, &[("", Auto)], Suggest, "the contract is the lower one"),
        (Auto, &[("", AutoLowRisk), ("north", Auto)], Auto, "a location's own word before the one for all"),
        (Auto, &[("", Auto), ("north", Observe)], Observe, "one location is stopped"),
        (Auto, &[("south", Observe)], Auto, "another one's is none of its business"),
    ];
    for (says, said, expected, why) in table {
        let (contract, levels) = (contract(says), levels(said));
        let holding = Holding { contract: &contract, levels: &levels };
        assert_eq!(holding.autonomy("north", None), expected, "{why}");
        assert_eq!(levels.bind(&contract), said.iter().any(|(_, level)| *level < says), "{why}");
    }
}

#[test]
fn only_what_holds_counts_as_a_raise_whichever_word_changes() {
    use Autonomy::{Auto, AutoLowRisk, Observe, Suggest};
    let open = Levels::default();
    let low = levels(&[("", AutoLowRisk)]);
    let seen = |now: Autonomy, held: &Levels, next: Autonomy, then: &Levels| {
        let (now, next) = (contract(now), contract(next));
        let found =
            raises(&Holding { contract: &now, levels: held }, &Holding { contract: &next, levels: then }, &PLACES);
        found.iter().map(|r| format!("{} {} {}", r.place, r.from.word(), r.to.word())).collect::<Vec<_>>()
    };
    assert_eq!(seen(AutoLowRisk, &low, Auto, &low), [""; 0], "the contract may say more than the level lets hold");
    assert_eq!(seen(AutoLowRisk, &low, AutoLowRisk, &open), [""; 0], "and the level more than the contract");
    let all = [" auto-low-risk auto", "north auto-low-risk auto", "south auto-low-risk auto"];
    assert_eq!(seen(Auto, &low, Auto, &open), all, "the second of the two words is the one that raises");
    assert_eq!(seen(AutoLowRisk, &open, Auto, &open), all);
    assert_eq!(seen(Auto, &open, Observe, &open), [""; 0], "less is never a raise");
    let north = levels(&[("", Suggest), ("north", AutoLowRisk)]);
    assert_eq!(seen(Auto, &levels(&[("", Suggest)]), Auto, &north), ["north suggest auto-low-risk"]);
}

#[test]
fn a_field_that_rises_beyond_its_place_is_named_and_one_that_rises_with_it_is_not() {
    use Autonomy::{Auto, AutoLowRisk, Suggest};
    let open = Levels::default();
    let named = |now: &Contract, next: &Contract| {
        let found = raises(&Holding { contract: now, levels: &open }, &Holding { contract: next, levels: &open }, &[]);
        found.into_iter().map(|r| r.field.unwrap_or_default()).collect::<Vec<_>>()
    };
    let low = contract(AutoLowRisk);
    let mut urgent = low.clone();
    urgent.fields.get_mut("urgency").unwrap().autonomy = Some(Auto);
    assert_eq!(named(&low, &urgent), ["urgency"]);
    assert_eq!(named(&urgent, &low), [""; 0]);
    assert_eq!(named(&low, &contract(Auto)), [""], "every field rises with its place: told once");
    let mut held = contract(Auto);
    held.fields.get_mut("urgency").unwrap().autonomy = Some(Suggest);
    assert_eq!(named(&held, &contract(Auto)), ["urgency"], "its own lower word is taken away");
    let mut fewer = low.clone();
    fewer.fields.remove("urgency");
    assert_eq!(named(&fewer, &low), [""; 0], "a field that is new rises with nothing");
    assert_eq!(named(&fewer, &urgent), ["urgency"]);
    let mut place = contract(Auto);
    place.locations.insert("north".into(), LocationRules { autonomy: Some(Suggest), ..LocationRules::default() });
    assert_eq!(named(&place, &contract(Auto)), [""; 0], "no roster here knows that location");
}

#[test]
fn a_step_is_refused_by_the_line_that_is_red_or_unknown_with_the_command_that_mends_it() {
    use Autonomy::{Auto, AutoLowRisk, Observe, Suggest};
    let ready = well().judged();
    for (from, to) in [(Observe, Suggest), (Suggest, AutoLowRisk), (AutoLowRisk, Auto)] {
        assert_eq!(may(&one(from, to), &ready, &[]), Vec::new(), "{to:?}");
    }
    let red = World { tried: None, ..well() }.judged();
    for (from, to) in [(Observe, Suggest), (Suggest, AutoLowRisk), (AutoLowRisk, Auto)] {
        let told = may(&one(from, to), &red, &[]);
        assert!(told.iter().all(|p| p.code == "RB-0240"), "{told:?}");
        let eighth = told.iter().find(|p| p.cause.contains("guarantee 8 is red")).unwrap();
        assert_eq!(eighth.cure, "ringback contract try --connection YOUR-SANDBOX");
        assert!(told.iter().any(|p| p.cause.contains("guarantee 3 is unknown")), "unknown is not green: {told:?}");
    }
    let untraced = World { traced: None, ..well() }.judged();
    assert_eq!(may(&one(Observe, Suggest), &untraced, &[])[0].cure, "take a call, then ask again");
    assert_eq!(may(&[], &World { contract: None, tried: None, ..World::well() }.judged(), &[]), Vec::new());
}

#[test]
fn the_last_step_needs_the_minimum_and_every_step_an_account_that_is_ready_at_all() {
    use Autonomy::{Auto, AutoLowRisk, Suggest};
    let nobody = World { roster: Roster::default(), ..well() }.judged();
    let told = may(&one(Suggest, AutoLowRisk), &nobody, &[]);
    assert!(told.len() == 1 && told[0].cause.contains("readiness 2 is red (Somebody owns"), "{told:?}");
    let unmarked = World { contract: parse(DEFAULT_TEXT).0, ..well() }.judged();
    assert_eq!(may(&one(Suggest, AutoLowRisk), &unmarked, &[]), Vec::new());
    let told = may(&one(AutoLowRisk, Auto), &unmarked, &[]);
    assert!(told.len() == 1 && told[0].cause.contains("minimum 4 is red (Strategic-account"), "{told:?}");
}

#[test]
fn who_starts_a_pilot_has_decided_what_it_needs_in_writing() {
    use crate::contract::pilot::{Decision, Pilot};
    use Autonomy::{Auto, AutoLowRisk, Observe, Suggest};
    let all = well();
    let without = |decision: Decision| {
        let mut contract = all.contract.clone().unwrap();
        contract.pilot.decisions.remove(&decision);
        contract
    };
    for decision in Decision::ALL {
        let contract = without(decision);
        assert_eq!(begins_at(&contract), Suggest, "{decision:?}");
        let ready = World { contract: Some(contract), ..well() }.judged();
        for (from, to) in [(Observe, Suggest), (Suggest, AutoLowRisk)] {
            let told = may(&one(from, to), &ready, &[]);
            let [problem] = &told[..] else { panic!("{decision:?}: {told:?}") };
            let named = format!("(pilot.{} is not written)", decision.word());
            assert!(problem.code == "RB-0248" && problem.cause.contains(&named), "{problem:?}");
            assert!(problem.cure.contains(&format!("{} = ", decision.word())), "{problem:?}");
        }
        assert_eq!(may(&one(AutoLowRisk, Auto), &ready, &[]), Vec::new(), "who is beyond that has started before");
    }
    let bare = Contract { pilot: Pilot::default(), ..all.contract.clone().unwrap() };
    let told = may(&one(Suggest, AutoLowRisk), &World { contract: Some(bare), ..well() }.judged(), &[]);
    assert_eq!(told.iter().filter(|p| p.code == "RB-0248").count(), 7, "{told:?}");
    let mut nobody = all.contract.clone().unwrap();
    nobody.suppress.classes.clear();
    assert_eq!(begins_at(&nobody), Suggest, "who is left out is decided too");
    assert_eq!(begins_at(&all.contract.unwrap()), BEGINS_AT);
}

#[test]
fn a_skipped_step_names_the_one_between_whatever_is_green() {
    use Autonomy::{Auto, Observe};
    let told = may(&one(Observe, Auto), &well().judged(), &[]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].code, "RB-0241");
    assert!(
        told[0].cause.contains("location.north would go from observe to auto, and suggest lies between"),
        "{told:?}"
    );
}

#[test]
fn a_person_answers_only_for_what_the_receiver_cannot_show() {
    use Autonomy::{Auto, AutoLowRisk};
    let silent = World { confirms: true, tried: None, ..well() }.judged();
    let told = may(&one(AutoLowRisk, Auto), &silent, &[]);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].cure.contains("ringback contract level auto --answer-for 3 --reason WHY"), "{told:?}");
    assert_eq!(may(&one(AutoLowRisk, Auto), &silent, &[3]).len(), 1);
    assert_eq!(may(&one(AutoLowRisk, Auto), &silent, &[3, 8]), Vec::new());
    let untried = World { tried: None, ..well() }.judged();
    assert_eq!(may(&one(AutoLowRisk, Auto), &untried, &[3, 8]).len(), 2, "what can be tried is tried");
}

fn level() -> impl Strategy<Value = Autonomy> {
    prop::sample::select(Autonomy::LADDER.to_vec())
}

/// A contract with its own levels, some of them of a location or a field, and what the account says.
fn holding() -> impl Strategy<Value = (Contract, Levels)> {
    let some = || prop::option::of(level());
    (level(), some(), some(), some(), some(), some()).prop_map(|(all, place, field, every, north, south)| {
        let mut contract = contract(all);
        contract.fields.get_mut("urgency").unwrap().autonomy = field;
        if place.is_some() {
            contract.locations.insert("north".into(), LocationRules { autonomy: place, ..LocationRules::default() });
        }
        let said = [("", every), ("north", north), ("south", south)];
        let said: Vec<_> = said.into_iter().filter_map(|(place, level)| Some((place, level?))).collect();
        (contract, levels(&said))
    })
}

proptest! {
    /// Nothing rises anywhere unless it is told, and nothing that is told does not rise.
    #[test]
    fn raises_are_exactly_what_rises((now, held) in holding(), (next, then) in holding()) {
        let (now, next) = (Holding { contract: &now, levels: &held }, Holding { contract: &next, levels: &then });
        let told = raises(&now, &next, &PLACES);
        for raise in &told {
            prop_assert!(raise.to > raise.from);
            prop_assert_eq!(next.autonomy(&raise.place, raise.field.as_deref()), raise.to);
            prop_assert_eq!(now.autonomy(&raise.place, raise.field.as_deref()), raise.from);
        }
        for place in ["north", "south", "elsewhere"] {
            let known = if PLACES.contains(&place) { place } else { "" };
            for field in [None, Some("urgency"), Some("reason_code")] {
                let rises = next.autonomy(place, field) > now.autonomy(place, field);
                let covered = told.iter().any(|r| r.place == known && (r.field.is_none() || r.field.as_deref() == field));
                prop_assert!(!rises || covered, "{:?} {:?}: {:?}", place, field, told);
            }
        }
        prop_assert!(raises(&now, &now, &PLACES).is_empty());
    }

    /// What the level does not bind may be left unsaid: the contract alone decides the same.
    #[test]
    fn a_level_that_does_not_bind_changes_nothing((contract, levels) in holding()) {
        prop_assume!(!levels.bind(&contract));
        let (with, without) = (Holding { contract: &contract, levels: &levels }, Levels::default());
        let alone = Holding { contract: &contract, levels: &without };
        for place in ["north", "south", ""] {
            for field in [None, Some("urgency")] {
                prop_assert_eq!(with.autonomy(place, field), alone.autonomy(place, field));
            }
        }
    }

    /// Less is always allowed; more never while one of the eight is not green.
    #[test]
    fn no_step_up_while_one_of_the_eight_is_not_green(n in 0usize..8, red in any::<bool>(), from in level(), to in level()) {
        let mut ready = well().judged();
        ready.guarantees[n].light = if red { Light::Red } else { Light::Unknown };
        let raise: Vec<Raise> = if to > from { one(from, to) } else { Vec::new() };
        prop_assert_eq!(may(&raise, &ready, &[]).is_empty(), to <= from);
        prop_assert_eq!(may(&raise, &ready, &[1, 2, 3, 4, 5, 6, 7, 8]).is_empty(), to <= from, "nobody vouches for what can be seen");
    }
}
