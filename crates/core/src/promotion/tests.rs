use super::*;
use crate::contract::{DEFAULT_TEXT, parse};
use crate::id::RollbackId;
use crate::standing::Levels;
use crate::standing::Pause;

fn contract(pairs: &[(&str, &str)]) -> Contract {
    let mut text = DEFAULT_TEXT.to_owned();
    for (from, to) in pairs {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    let (contract, problems) = parse(&text);
    contract.unwrap_or_else(|| panic!("{problems:?}"))
}

fn earned() -> Record {
    Record { taken: 39, edited: 1, written: 40, checked: 20, ..Record::default() }
}

fn at(level: Autonomy) -> Standing {
    Standing { levels: Levels([(String::new(), level)].into()), ..Standing::default() }
}

fn judged(field: &str, record: &Record, contract: &Contract, standing: &Standing) -> Judged {
    judge(field, record, &Ground { contract, standing, words: None, holds: &[], rolled_back: true }).unwrap()
}

fn offer(of: Judged) -> Offer {
    match of {
        Judged::Offer(offer) => offer,
        other => panic!("nothing is offered: {other:?}"),
    }
}

fn stays(of: Judged) -> String {
    match of {
        Judged::Stays { why } => why.join("; "),
        other => panic!("it does not stay: {other:?}"),
    }
}

#[test]
fn what_people_took_as_it_was_is_offered_in_one_sentence_with_its_figures() {
    let contract = contract(&[]);
    let record = Record { since: Some("2026-11-03T08:00:00Z".parse().unwrap()), ..earned() };
    let found = offer(judged("reason_code", &record, &contract, &at(Autonomy::Auto)));
    assert_eq!(
        (found.kind, &found.edits[..], found.first),
        (LowRisk::ActivitySummary, &[Edit::Autonomy(Autonomy::Auto)][..], None)
    );
    assert_eq!(
        found.sentence,
        "39 of 40 proposals since 2026-11-03 were taken as they were (97.5 %), 1 edited and 0 refused; 0 of 40 written values were \
         corrected, 0 of 20 spot-checks found a wrong one: it could be written without a question"
    );
    // What only suggests is put on by two keys.
    let found = offer(judged("timeline", &record, &contract, &at(Autonomy::Auto)));
    assert_eq!(found.edits, [Edit::Machine(Machine::Update), Edit::Autonomy(Autonomy::Auto)]);
}

/// Each bar by itself, one short of it and just at it.
#[test]
fn every_bar_holds_by_itself() {
    let contract = contract(&[]);
    let level = at(Autonomy::Auto);
    for (record, why) in [
        (Record { taken: 28, edited: 1, ..earned() }, Some("29 answers, of 30")),
        (Record { taken: 29, edited: 1, ..earned() }, None),
        (Record { taken: 35, edited: 2, refused: 3, ..earned() }, Some("87.5 % of 40 proposals")),
        (Record { taken: 36, edited: 1, refused: 3, ..earned() }, None),
        (Record { corrected: 3, ..earned() }, Some("7.5 % of what was written")),
        (Record { corrected: 2, ..earned() }, None),
        (Record { wrong: 2, ..earned() }, Some("10 % of what was written")),
        (Record { wrong: 1, ..earned() }, None),
        (Record { checked: 19, wrong: 9, ..earned() }, None),
    ] {
        match (judged("reason_code", &record, &contract, &level), why) {
            (Judged::Offer(_), None) => {}
            (Judged::Stays { why: told }, Some(why)) => {
                assert!(told.len() == 1 && told[0].starts_with(why), "{told:?}");
            }
            (other, why) => panic!("{record:?}: {other:?}, {why:?}"),
        }
    }
    // A clause that asks the machine to be surer than nine in ten is held to that.
    let stricter = Record { taken: 37, edited: 0, refused: 3, ..earned() };
    let of = contract_of_wanted(950);
    assert!(stays(judged("wanted_when", &stricter, &of, &level)).starts_with("92.5 % of 40 proposals"));
    assert_eq!(offer(judged("wanted_when", &stricter, &contract_of_wanted(920), &level)).record, stricter);
}

fn contract_of_wanted(write_at: Thousandths) -> Contract {
    let mut contract = contract(&[]);
    contract.fields.get_mut("wanted_when").unwrap().write_at = write_at;
    contract
}

#[test]
fn only_the_kinds_of_little_risk_are_ever_offered() {
    let contract = contract(&[]);
    let level = at(Autonomy::Auto);
    let of = |field: &str| LowRisk::of(&contract.fields[field]);
    for field in ["urgency", "reason_code", "intent", "service", "timeline", "wanted_when", "sentiment"] {
        assert_eq!(of(field), Some(LowRisk::ActivitySummary), "{field}");
    }
    for field in ["callback_urgency", "callback_reason", "next_action", "callback_owner", "callback_due"] {
        assert_eq!(of(field), Some(LowRisk::NextStepTask), "{field}");
    }
    assert_eq!(of("lead_source"), Some(LowRisk::SourceTag));
    for field in ["email", "caller_name", "address", "budget", "callback_number", "record_owner"] {
        assert_eq!(of(field), None, "{field}");
    }
    assert!(stays(judged("email", &earned(), &contract, &level)).contains("none of the kinds of little risk"));
    let told = stays(judged("record_owner", &earned(), &contract, &level));
    assert!(told.contains("somebody answers for that field") && told.contains("never changed silently"), "{told}");
    let mut never = contract.clone();
    never.fields.get_mut("reason_code").unwrap().machine = Machine::Never;
    assert!(stays(judged("reason_code", &earned(), &never, &level)).contains("keeps the machine away"));
    let mut owned = contract.clone();
    owned.fields.get_mut("reason_code").unwrap().accountability = true;
    assert!(stays(judged("reason_code", &earned(), &owned, &level)).contains("answers for that field"));
    let moment = |from: &str, kind: FieldType| {
        let mut rule = contract.fields["urgency"].clone();
        (rule.from, rule.kind, rule.truth) = (from.to_owned(), kind, Truth::Provider);
        LowRisk::of(&rule)
    };
    assert_eq!(moment("offer.enriched_at", FieldType::DateTime), Some(LowRisk::EnrichmentTimestamp));
    assert_eq!(moment("offer.industry", FieldType::Text), None);
    assert_eq!(moment("campaign", FieldType::Text), Some(LowRisk::CampaignMembership));
    assert!(
        judge(
            "no_field",
            &earned(),
            &Ground { contract: &contract, standing: &level, words: None, holds: &[], rolled_back: true }
        )
        .is_none()
    );
}

#[test]
fn nothing_is_offered_before_it_is_known_that_it_can_be_taken_back() {
    let contract = contract(&[]);
    let standing = at(Autonomy::Auto);
    let ground = Ground { contract: &contract, standing: &standing, words: None, holds: &[], rolled_back: false };
    let untried = judge("reason_code", &earned(), &ground).unwrap();
    assert!(stays(untried).contains("nothing was ever taken back"));
    let mut hold = Hold {
        rollback: RollbackId::from_text("rb_1"),
        field: "reason_code".into(),
        to: "contact.rb_reason_code".into(),
        contract: None,
        source: None,
        inquiry: None,
        record: None,
        since: Timestamp::UNIX_EPOCH,
        until: None,
    };
    let held = |hold: &Hold| {
        judge("reason_code", &earned(), &Ground { holds: std::slice::from_ref(hold), rolled_back: true, ..ground })
            .unwrap()
    };
    assert!(stays(held(&hold)).contains("rollback rb_1 took it back"));
    offer(held(&Hold { inquiry: Some(crate::id::InquiryId::from_text("inq_1")), ..hold.clone() }));
    hold.until = Some(Timestamp::UNIX_EPOCH);
    offer(held(&hold));
    let mut kept = contract.clone();
    kept.fields.get_mut("reason_code").unwrap().rollback = RollbackRule::Never;
    assert!(stays(judged("reason_code", &earned(), &kept, &standing)).contains("never taken back"));
    let (clause, to) = ("reason_code".to_owned(), "contact.rb_reason_code".to_owned());
    let pause =
        Pause { clause, to, code: "RB-0213".into(), cause: "the CRM has no such property".into(), cure: String::new() };
    let paused = Standing { pauses: vec![pause], ..standing.clone() };
    assert!(
        stays(judged("reason_code", &earned(), &contract, &paused)).contains("paused: the CRM has no such property")
    );
}

#[test]
fn below_the_level_of_the_account_the_level_comes_first() {
    let contract = contract(&[]);
    let found = offer(judged("reason_code", &earned(), &contract, &at(Autonomy::AutoLowRisk)));
    assert!(found.first.unwrap().contains("ringback contract level auto"));
    // Our own task is written one step earlier.
    let mut asks = contract.clone();
    asks.fields.get_mut("callback_reason").unwrap().autonomy = Some(Autonomy::Suggest);
    let found = offer(judged("callback_reason", &earned(), &asks, &at(Autonomy::AutoLowRisk)));
    assert_eq!((&found.edits[..], found.first), (&[Edit::Autonomy(Autonomy::AutoLowRisk)][..], None));
    // The contract says so already, and only the level holds it: no version changes that.
    let mut says = contract.clone();
    says.autonomy = Autonomy::Auto;
    assert!(stays(judged("reason_code", &earned(), &says, &at(Autonomy::AutoLowRisk))).contains("contract level auto"));
    assert_eq!(judged("reason_code", &earned(), &says, &at(Autonomy::Auto)), Judged::ByItself);
}

#[test]
fn what_writes_by_itself_and_is_often_wrong_is_said_to_ask_again() {
    let mut contract = contract(&[]);
    contract.autonomy = Autonomy::Auto;
    let wrong = Record { written: 40, corrected: 3, ..Record::default() };
    let Judged::AskAgain { sentence } = judged("reason_code", &wrong, &contract, &at(Autonomy::Auto)) else {
        panic!("not told")
    };
    assert!(sentence.contains("7.5 %"), "{sentence}");
    let few = Record { written: 10, corrected: 3, ..Record::default() };
    assert_eq!(judged("reason_code", &few, &contract, &at(Autonomy::Auto)), Judged::ByItself, "ten say nothing yet");
}

#[test]
fn a_better_threshold_is_offered_from_where_people_took_what_was_asked() {
    let mut contract = contract(&[]);
    contract.autonomy = Autonomy::Auto;
    let level = at(Autonomy::Auto);
    // From 0.80 on nearly all were right, below hardly any.
    let good = (0..33).map(|n| (800 + n * 3, n != 4));
    let bad = (0..20).map(|n| (620 + n * 5, n % 4 == 0));
    let record = Record { unsure: good.chain(bad).collect(), written: 40, ..Record::default() };
    let found = offer(judged("reason_code", &record, &contract, &level));
    let [Edit::WriteAt(to)] = found.edits[..] else { panic!("{found:?}") };
    assert!((700..=800).contains(&to) && to % 10 == 0, "{to}");
    let (taken, all) = record
        .unsure
        .iter()
        .filter(|(sure, _)| *sure >= to)
        .fold((0, 0), |(t, a), (_, is)| (t + u64::from(*is), a + 1));
    assert!(all >= ANSWERS_MIN && share(taken, all).unwrap() >= TAKEN_AT, "{taken} of {all}");
    let lower = record
        .unsure
        .iter()
        .filter(|(sure, _)| *sure >= to - 10)
        .fold((0, 0), |(t, a), (_, is)| (t + u64::from(*is), a + 1));
    assert!(share(lower.0, lower.1).unwrap() < TAKEN_AT, "one percent lower would not hold");
    assert!(found.sentence.contains("now from 90 %"), "{}", found.sentence);
    assert_eq!(
        judged("reason_code", &Record { unsure: Vec::new(), ..record.clone() }, &contract, &level),
        Judged::ByItself
    );
    let corrected = Record { corrected: 3, written: 60, ..record };
    offer(judged("reason_code", &corrected, &contract, &level));
    let often = Record { corrected: 4, written: 60, ..corrected };
    assert!(matches!(judged("reason_code", &often, &contract, &level), Judged::AskAgain { .. }));
}

#[test]
fn a_workflow_goes_on_asking_below_the_same_bars() {
    assert!(keeps_asking(&Record { taken: 29, ..Record::default() }).unwrap().starts_with("29 answers"));
    assert!(keeps_asking(&Record { taken: 26, refused: 4, ..Record::default() }).unwrap().starts_with("86.6 %"));
    assert!(
        keeps_asking(&Record { taken: 30, written: 10, corrected: 1, ..Record::default() })
            .unwrap()
            .starts_with("10 %")
    );
    assert_eq!(keeps_asking(&Record { taken: 27, refused: 3, ..Record::default() }), None);
}

#[test]
fn a_field_of_a_workflow_waits_for_the_level_of_its_workflow() {
    let clause = "[field.enriched_at]\nmeans = \"When it was looked up\"\nfrom = \"offer.enriched_at\"\nto = \"contact.rb_enriched_at\"\ntype = \"datetime\"\n\
        truth = \"provider\"\nwinner = \"The latest provider wins, because it looked last.\"\nmachine = \"suggest\"\n\n\
        [workflow.inbound_qualification]\non = true\nlevel = \"LEVEL\"\nfields = [\"enriched_at\"]\n\n# --- Who calls back";
    let with = |level: &str| contract(&[("# --- Who calls back", &clause.replace("LEVEL", level))]);
    let told = stays(judged("enriched_at", &earned(), &with("suggest"), &at(Autonomy::Auto)));
    assert!(told.contains("Inbound qualification, stands at suggest"), "{told}");
    let mut auto = with("auto");
    auto.autonomy = Autonomy::Auto;
    let found = offer(judged("enriched_at", &earned(), &auto, &at(Autonomy::Auto)));
    assert_eq!((found.kind, &found.edits[..]), (LowRisk::EnrichmentTimestamp, &[Edit::Machine(Machine::Update)][..]));
}

#[test]
fn the_kind_follows_the_record_before_what_feeds_it_and_has_a_word_that_stays() {
    let contract = contract(&[]);
    let of = |object: Object, from: &str| {
        let mut rule = contract.fields["lead_source"].clone();
        (rule.object, rule.from) = (object, from.to_owned());
        LowRisk::of(&rule).map(LowRisk::word)
    };
    for (object, from, expected) in [
        (Object::Call, "source", Some("activity_summary")),
        (Object::Note, "campaign", Some("activity_summary")),
        (Object::Deal, "source", None),
        (Object::Deal, "campaign", None),
        (Object::Company, "source", Some("source_tag")),
        (Object::Contact, "campaign", Some("campaign_membership")),
        (Object::Task, "source", Some("next_step_task")),
    ] {
        assert_eq!(of(object, from), expected, "{object:?} {from}");
    }
    assert_eq!(LowRisk::EnrichmentTimestamp.word(), "enrichment_timestamp");
}

#[test]
fn where_a_contact_came_from_is_offered_for_new_contacts_where_the_contract_makes_any() {
    let mut contract = contract(&[]);
    contract.fields.get_mut("lead_source").unwrap().autonomy = Some(Autonomy::Suggest);
    let record = Record { checked: 0, wrong: 0, ..earned() };
    let level = at(Autonomy::Auto);
    for made in [Autonomy::AutoLowRisk, Autonomy::Auto] {
        contract.autonomy = made;
        let found = offer(judged("lead_source", &record, &contract, &level));
        let end = ": it could be written without a question, into contacts that Ringback makes and into no other";
        assert!(found.sentence.ends_with(end), "{}", found.sentence);
        assert!(!found.sentence.contains("spot-checks"), "of none that was asked nothing is said: {}", found.sentence);
    }
    contract.autonomy = Autonomy::Suggest;
    let told = stays(judged("lead_source", &record, &contract, &level));
    assert!(told.contains("the contract stands at suggest, where no contact is made"), "{told}");
}

#[test]
fn a_lower_threshold_begins_where_people_are_asked_and_counts_what_it_would_write() {
    let mut contract = contract(&[]);
    contract.autonomy = Autonomy::Auto;
    let unsure = (0..40u16).map(|n| (610 + n * 5, n != 7 && n != 9)).collect();
    let record = Record { taken: 5, edited: 3, refused: 9, written: 40, unsure, ..Record::default() };
    let found = offer(judged("reason_code", &record, &contract, &at(Autonomy::Auto)));
    assert_eq!(found.edits, [Edit::WriteAt(600)], "below it nobody was asked");
    let counted = Record { taken: 38, edited: 0, refused: 2, unsure: Vec::new(), ..record };
    assert_eq!(found.record, counted);
    assert!(
        found.sentence.starts_with("38 of 40 proposals of which the machine was 60 % sure or more"),
        "{}",
        found.sentence
    );
}

#[test]
fn a_field_waits_for_no_workflow_but_those_that_feed_it_and_are_on() {
    let clause = "[field.enriched_at]\nmeans = \"When it was looked up\"\nfrom = \"offer.enriched_at\"\nto = \"contact.rb_enriched_at\"\ntype = \"datetime\"\n\
        truth = \"provider\"\nwinner = \"The latest provider wins, because it looked last.\"\nmachine = \"suggest\"\n\n\
        [workflow.inbound_qualification]\non = true\nlevel = \"auto\"\nfields = [\"enriched_at\"]\n\n# --- Who calls back";
    let mut contract = contract(&[("# --- Who calls back", clause)]);
    contract.autonomy = Autonomy::Auto;
    let feeding = contract.workflows.values().next().unwrap().clone();
    let mut off = feeding.clone();
    (off.on, off.level) = (false, Autonomy::Suggest);
    let mut other = feeding;
    other.level = Autonomy::Suggest;
    other.fields.clear();
    contract.workflows.insert(crate::workflow::Workflow::OutboundResearch, off);
    contract.workflows.insert(crate::workflow::Workflow::DormantReactivation, other);
    offer(judged("enriched_at", &earned(), &contract, &at(Autonomy::Auto)));
}
