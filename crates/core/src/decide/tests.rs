//! Who wins, who is asked and what is held back, decision by decision.

use super::*;
use crate::crm::{CrmWords, Properties, Record};
use crate::ensure::Receipt;
use crate::id::{ReviewId, UserId};
use crate::inquiry::house::*;
use crate::inquiry::{CallbackResult, Event, InquiryCall, State, Step, step};
use crate::signal::Ending;
use jiff::Timestamp;

const OPEN: &str = "2026-03-03T17:00:00Z";
pub(super) const NO_HEAT: &str = "We have no heat since last night, please call me back.";

/// A house whose urgency clause writes what a caller says.
pub(super) fn house(autonomy: Autonomy) -> House {
    let mut house = House::new();
    house.contract.autonomy = autonomy;
    house.contract.fields.get_mut("urgency").unwrap().write_at = 600;
    house
}

/// A voicemail that was read; nobody has looked into the CRM yet.
pub(super) fn heard(house: &House, words: &str) -> (Inquiry, Timestamp) {
    let mut call = house.call(1, OPEN, Ending::Voicemail, CALLER);
    let now = call.first_received_at;
    let one = step(house.open(&call), &Event::Call { call: InquiryCall::of(&call, None) }, &house.facts(), now);
    let read = house.said(&mut call, words);
    (step(one.inquiry, &read, &house.facts(), now).inquiry, now)
}

/// The same, and the CRM showed these records.
pub(super) fn looked(house: &House, words: &str, records: Vec<Record>) -> (Step, Timestamp) {
    let (inquiry, now) = heard(house, words);
    let event = found(&inquiry, records);
    (step(inquiry, &event, &house.facts(), now), now)
}

/// A record as a CRM shows it that does not tell who set what.
fn silent(id: &str, properties: &[(&str, &str)]) -> Record {
    Record { set_by: std::collections::BTreeMap::new(), ..record(id, properties) }
}

/// What a plan wants of a target.
fn wanted(step: &Step, target: &str) -> Properties {
    let effects = step.plan.iter().flat_map(|p| &p.effects);
    let of = effects.filter(|e| e.target == target).find_map(|e| e.desired.properties().cloned());
    of.unwrap_or_default()
}

/// The effect on a target is done, as it was wanted.
fn settled(inquiry: &Inquiry, target: &str, properties: Properties) -> Event {
    let held = &inquiry.effects[target];
    let receipt = Receipt {
        object: Some(Object::Contact),
        record: "901".into(),
        read_at: Some(when("2026-03-03T17:02:00Z")),
        properties,
        ..Receipt::default()
    };
    Event::Settled { effect: held.id.clone(), target: target.into(), receipt }
}

fn of<'a>(inquiry: &'a Inquiry, field: &str) -> &'a Verdict {
    inquiry.verdicts.iter().find(|v| v.field == field).unwrap_or_else(|| panic!("no verdict on {field}"))
}

fn says(inquiry: &Inquiry, field: &str) -> (VerdictKind, String) {
    let verdict = of(inquiry, field);
    (verdict.kind, verdict.because.clone())
}

/// The caller says something else now, that surely.
fn corrected(mut inquiry: Inquiry, value: &str, confidence: u16) -> Inquiry {
    let held = inquiry.claims.get_mut("urgency").unwrap();
    held.claim.value = ClaimValue::Choice(value.into());
    held.claim.confidence = crate::claim::Confidence(confidence);
    inquiry
}

fn review(inquiry: &Inquiry, field: &str) -> ReviewId {
    let asked = inquiry.reviews.iter().find(|r| r.field.as_deref() == Some(field));
    asked.unwrap_or_else(|| panic!("{field} is not asked: {:?}", inquiry.reviews)).id.clone()
}

fn yes(inquiry: &Inquiry, field: &str) -> Event {
    Event::Decided { review: review(inquiry, field), choice: Choice::Approve, by: UserId::from_text("user_1") }
}

/// A new caller whose contact we have just made, at the level `auto`.
pub(super) fn made(house: &House) -> (Inquiry, Timestamp) {
    let (two, now) = looked(house, NO_HEAT, Vec::new());
    let sent = wanted(&two, "contact");
    assert_eq!(sent["rb_urgency"], "high", "{sent:?}");
    let done = settled(&two.inquiry, "contact", sent);
    (step(two.inquiry, &done, &house.facts(), now).inquiry, now)
}

#[test]
fn people_win_on_a_contact_that_we_made_where_the_vendor_names_nobody() {
    let house = house(Autonomy::Auto);
    let (inquiry, now) = made(&house);
    // What we wrote ourselves we may correct.
    let next = step(corrected(inquiry, "emergency", 990), &Event::FactsChanged, &house.facts(), now);
    assert_eq!(wanted(&next, "fields").get("rb_urgency").map(String::as_str), Some("emergency"));
    // Meanwhile somebody has typed another value, and the CRM does not say who.
    let effect = next.inquiry.effects["fields"].id.clone();
    let moved = Event::Moved { effect, target: "fields".into(), record: silent("901", &[("rb_urgency", "nurture")]) };
    let after = step(next.inquiry, &moved, &house.facts(), now);
    assert_eq!(says(&after.inquiry, "urgency"), (VerdictKind::Review, "person_set_it".into()));
    assert_eq!(wanted(&after, "fields"), Properties::new());
}

#[test]
fn the_values_of_an_adopted_duplicate_are_somebodys() {
    let house = house(Autonomy::Auto);
    let (two, now) = looked(&house, NO_HEAT, Vec::new());
    let mut done = settled(&two.inquiry, "contact", Properties::from([("rb_urgency".into(), "nurture".into())]));
    let Event::Settled { receipt, .. } = &mut done else { panic!() };
    receipt.adopted = true;
    let three = step(two.inquiry, &done, &house.facts(), now);
    assert_eq!(says(&three.inquiry, "urgency"), (VerdictKind::Review, "person_set_it".into()));
    let again: Vec<_> = three.plan.iter().flat_map(|p| &p.effects).map(|e| e.target.as_str()).collect();
    assert!(
        !again.contains(&"call:1") && !again.contains(&"task"),
        "what waits for it is not planned again: {again:?}"
    );
}

#[test]
fn after_our_own_write_the_value_is_ours() {
    let house = house(Autonomy::Auto);
    // A person emptied the field; the caller fills it, and corrects it.
    let (two, now) = looked(&house, NO_HEAT, vec![record("901", &[("phone", CALLER), ("rb_urgency", "")])]);
    let sent = wanted(&two, "fields");
    let done = settled(&two.inquiry, "fields", sent);
    let three = step(two.inquiry, &done, &house.facts(), now);
    let four = step(corrected(three.inquiry, "emergency", 990), &Event::FactsChanged, &house.facts(), now);
    assert_eq!(says(&four.inquiry, "urgency"), (VerdictKind::Write, "write".into()));
}

#[test]
fn what_is_less_sure_never_takes_the_place_of_what_was_surer() {
    let house = house(Autonomy::Auto);
    let (inquiry, now) = made(&house);
    let sure = inquiry.claims["urgency"].claim.confidence.0;
    let less = step(corrected(inquiry.clone(), "emergency", sure - 1), &Event::FactsChanged, &house.facts(), now);
    assert_eq!(says(&less.inquiry, "urgency"), (VerdictKind::Keep, "less_sure".into()));
    let alike = step(corrected(inquiry, "emergency", sure), &Event::FactsChanged, &house.facts(), now);
    assert_eq!(of(&alike.inquiry, "urgency").kind, VerdictKind::Write);
}

#[test]
fn at_suggest_an_approved_suggestion_is_written_and_nothing_else() {
    let house = house(Autonomy::Suggest);
    let known = record("901", &[("phone", CALLER), ("rb_urgency", "")]);
    for (records, target) in [(vec![known], "fields"), (Vec::new(), "contact")] {
        let (two, now) = looked(&house, NO_HEAT, records);
        let outside: Vec<_> = two.plan.iter().flat_map(|p| &p.effects).map(|e| e.target.as_str()).collect();
        assert_eq!(outside, Vec::<&str>::new(), "nothing is written unasked");
        let event = yes(&two.inquiry, "urgency");
        let three = step(two.inquiry, &event, &house.facts(), now);
        assert_eq!(of(&three.inquiry, "urgency").actor, Actor::ApprovedMachine);
        let effects: Vec<_> = three.plan.iter().flat_map(|p| &p.effects).map(|e| e.target.as_str()).collect();
        assert_eq!(effects, [target]);
        let sent = wanted(&three, target);
        assert_eq!(sent["rb_urgency"], "high");
        assert!(!sent.contains_key("rb_reason_code"), "only what was approved: {sent:?}");
        assert!(step(three.inquiry, &Event::FactsChanged, &house.facts(), now).plan.is_none());
    }
}

#[test]
fn our_own_records_ask_where_their_clause_says_so() {
    let (clauses, base) = (["protected", "accountability", "machine"], house(Autonomy::Auto));
    for clause in clauses {
        let mut house = house(Autonomy::Auto);
        let rule = house.contract.fields.get_mut("callback_urgency").unwrap();
        match clause {
            "protected" => rule.protected = Some(Protected::LegalNotes),
            "accountability" => rule.accountability = true,
            _ => rule.machine = Machine::Suggest,
        }
        let (two, now) = looked(&house, NO_HEAT, Vec::new());
        let verdict = of(&two.inquiry, "callback_urgency");
        assert_eq!(
            (verdict.kind, verdict.clause.as_str()),
            (VerdictKind::Review, &*format!("field.callback_urgency.{clause}"))
        );
        assert!(!wanted(&two, "task").contains_key("rb_urgency"));
        // Approved, it stands on the task.
        let done = settled(&two.inquiry, "contact", wanted(&two, "contact"));
        let three = step(two.inquiry, &done, &house.facts(), now);
        let event = yes(&three.inquiry, "callback_urgency");
        let four = step(three.inquiry, &event, &house.facts(), now);
        assert_eq!(wanted(&four, "task")["rb_urgency"], "high");
    }
    let (two, _) = looked(&base, NO_HEAT, Vec::new());
    assert_eq!(says(&two.inquiry, "callback_urgency"), (VerdictKind::Write, "own_record".into()));
}

#[test]
fn an_approval_is_bound_to_the_change_and_to_nothing_else() {
    let house = house(Autonomy::AutoLowRisk);
    let known = || vec![record("901", &[("phone", CALLER), ("rb_urgency", "nurture")])];
    let (two, now) = looked(&house, NO_HEAT, known());
    let (asked, facts) = (of(&two.inquiry, "urgency").clone(), house.facts());
    let digest = |verdict: &Verdict, inquiry: &Inquiry| change_digest(verdict, inquiry, &facts);
    let same = digest(&asked, &two.inquiry);
    // Neither the question's number nor the rule that stopped it, nor how sure the machine is.
    let other = Inquiry { id: crate::id::InquiryId::from_text("inq_2"), ..two.inquiry.clone() };
    assert_eq!(digest(&asked, &other), same);
    let late = Verdict {
        clause: "field.urgency.write_at".into(),
        confidence: Some(610),
        because: "x".into(),
        ..asked.clone()
    };
    assert_eq!(digest(&late, &two.inquiry), same);
    let spelt = Verdict { was: Some(" nurture ".into()), ..asked.clone() };
    assert_eq!(digest(&spelt, &two.inquiry), same, "the same value in another spelling");
    for other in [
        Verdict { was: Some("high".into()), ..asked.clone() },
        Verdict { is: Some("emergency".into()), ..asked.clone() },
        Verdict { to: "contact.rb_other".into(), ..asked.clone() },
    ] {
        assert_ne!(digest(&other, &two.inquiry), same);
    }
    let mut changed = house.contract.clone();
    changed.fields.get_mut("urgency").unwrap().winner = "The CRM wins, because it is older.".into();
    assert_ne!(change_digest(&asked, &two.inquiry, &Facts { contract: &changed, ..facts }), same);
    // A late transcript makes it surer: the approval stands.
    let event = yes(&two.inquiry, "urgency");
    let three = step(two.inquiry, &event, &facts, now);
    let four = step(corrected(three.inquiry.clone(), "high", 995), &Event::FactsChanged, &facts, now);
    assert_eq!(of(&four.inquiry, "urgency").actor, Actor::ApprovedMachine);
    // A changed value is another change.
    let five = step(corrected(three.inquiry, "emergency", 995), &Event::FactsChanged, &facts, now);
    assert_eq!(of(&five.inquiry, "urgency").kind, VerdictKind::Review);
    assert_eq!(five.opened_reviews.iter().filter(|r| r.field.as_deref() == Some("urgency")).count(), 1);
}

#[test]
fn a_question_about_a_field_outlives_the_callback() {
    let house = house(Autonomy::AutoLowRisk);
    let (two, now) = looked(&house, NO_HEAT, vec![record("901", &[("phone", CALLER), ("rb_urgency", "")])]);
    let id = review(&two.inquiry, "urgency");
    let called = |result| Event::CalledBack { result, note: None, by: UserId::from_text("user_1"), booked_for: None };
    let wrong = step(two.inquiry.clone(), &called(CallbackResult::WrongNumber), &house.facts(), now);
    assert!(wrong.inquiry.reviews.is_empty(), "what a stranger said is nothing to approve");
    let three = step(two.inquiry, &called(CallbackResult::Reached), &house.facts(), now);
    assert!(matches!(three.inquiry.state, State::Closed { .. }));
    assert_eq!(review(&three.inquiry, "urgency"), id, "it is the same question");
    assert!(!three.closed_reviews.contains(&id));
    let event = yes(&three.inquiry, "urgency");
    let four = step(three.inquiry, &event, &house.facts(), now);
    assert_eq!(wanted(&four, "fields")["rb_urgency"], "high");
}

#[test]
fn what_is_held_back_is_not_the_record_nor_the_clock() {
    let house = house(Autonomy::Auto);
    let deal =
        || Record { also_known_as: vec![crate::ensure::DEAL_MARK.into()], ..record("d1", &[("dealname", "Boiler")]) };
    let lead = || silent("901", &[("phone", CALLER), ("rb_urgency", "")]);
    let customer = || silent("901", &[("phone", CALLER), ("rb_urgency", ""), ("lifecyclestage", "customer")]);
    let cases = [
        (NO_HEAT.to_owned(), vec![lead(), deal()], "open_opportunity"),
        (format!("{NO_HEAT} And stop texting me."), vec![lead()], "opted_out"),
        (format!("{NO_HEAT} Your technician came and broke it."), vec![customer()], "customer_with_open_issue"),
    ];
    for (words, records, class) in cases {
        let (two, _) = looked(&house, &words, records);
        assert_eq!(says(&two.inquiry, "urgency"), (VerdictKind::Review, "suppressed".into()), "{class}");
        assert!(
            of(&two.inquiry, "urgency").reason.contains(&class.replace('_', " ")),
            "{:?}",
            of(&two.inquiry, "urgency")
        );
        assert_eq!(of(&two.inquiry, "urgency").clause, "suppress.classes");
        let targets: Vec<_> = two.plan.iter().flat_map(|p| &p.effects).map(|e| e.target.as_str()).collect();
        assert_eq!(targets, ["call:1", "task"], "{class}");
        assert!(two.inquiry.owner.is_some() && two.inquiry.clock.is_some());
    }
    let (free, _) = looked(&house, NO_HEAT, vec![lead()]);
    assert_eq!(of(&free.inquiry, "urgency").kind, VerdictKind::Write);
}

#[test]
fn the_owner_of_a_record_is_protected_under_any_name() {
    let mut house = house(Autonomy::Auto);
    let rule = house.contract.fields.get_mut("record_owner").unwrap();
    (rule.property, rule.protected, rule.accountability, rule.machine) =
        ("assignedTo".into(), None, false, Machine::Update);
    let words: &'static CrmWords = Box::leak(Box::new(CrmWords { contact_owner: "assignedTo", ..WORDS }));
    let facts = Facts { crm: Some((&house.lane, words)), ..house.facts() };
    let (inquiry, now) = heard(&house, NO_HEAT);
    let event = found(&inquiry, vec![silent("901", &[("phone", CALLER), ("assignedTo", "12")])]);
    let two = step(inquiry, &event, &facts, now);
    assert_eq!(says(&two.inquiry, "record_owner"), (VerdictKind::Review, "protected".into()));
}

#[test]
fn without_a_clause_only_the_stamps_are_written() {
    let mut house = house(Autonomy::Auto);
    house.contract.fields.clear();
    let (two, _) = looked(&house, NO_HEAT, Vec::new());
    let sent = wanted(&two, "contact");
    let stamps = ["rb_call_id", "rb_first_call_at", "rb_inquiry_url", "rb_trace", "rb_version", "rb_written_at"];
    let others: Vec<_> = sent.keys().filter(|n| !stamps.contains(&n.as_str())).collect();
    assert_eq!(others, ["firstname", "phone"], "who it is, and nothing that nobody mapped");
}

#[test]
fn every_record_that_is_written_carries_the_way_to_its_sentences() {
    let mut house = house(Autonomy::Auto);
    let console = house.facts().console_url.to_owned();
    let (new, _) = looked(&house, NO_HEAT, Vec::new());
    let person = new.inquiry.person.clone().unwrap();
    let stem = new.inquiry.id.stem();
    assert_eq!(wanted(&new, "contact")["rb_trace"], format!("{console}/t/contact/rb-contact-{person}"));
    assert_eq!(wanted(&new, "call:1")["rb_trace"], format!("{console}/t/call/rb-call-1"));
    assert_eq!(wanted(&new, "task")["rb_trace"], format!("{console}/t/task/rb-task-{stem}"));
    // A record that was there before says so by the vendor's id, one that we made before by our key.
    let held = |key: &str| silent("Leads/901", &[("phone", CALLER), ("rb_key", key)]);
    let (found, _) = looked(&house, NO_HEAT, vec![held("")]);
    assert_eq!(wanted(&found, "fields")["rb_trace"], format!("{console}/t/contact/Leads/901"));
    let (ours, _) = looked(&house, NO_HEAT, vec![held("rb-contact-7")]);
    assert_eq!(wanted(&ours, "fields")["rb_trace"], format!("{console}/t/contact/rb-contact-7"));
    // Where there is nothing to write, there is no way to write either.
    house.contract.fields.clear();
    let (nothing, _) = looked(&house, NO_HEAT, vec![held("")]);
    assert_eq!(wanted(&nothing, "fields"), Properties::new());
}

#[test]
fn a_written_value_says_where_it_came_from() {
    let house = house(Autonomy::Auto);
    let (inquiry, now) = made(&house);
    let source = |sent: Properties, object: Object, target: &str, property: &str| {
        let mut done = settled(&inquiry, target, sent);
        let Event::Settled { receipt, .. } = &mut done else { panic!() };
        receipt.object = Some(object);
        let step = step(inquiry.clone(), &done, &house.facts(), now);
        let write = step.drafts.iter().find(|d| d.kind == "write").unwrap().clone();
        write.body["fields"][property]["source"].as_str().unwrap().to_owned()
    };
    let task = Properties::from([("rb_next_action".into(), "call_back".into()), ("rb_urgency".into(), "high".into())]);
    assert_eq!(source(task.clone(), Object::Task, "task", "rb_next_action"), "Ringback's decision");
    assert_eq!(source(task, Object::Task, "task", "rb_urgency"), "the caller's words");
}

#[test]
fn what_another_inquiry_wrote_is_remembered_and_what_somebody_changed_since_is_theirs() {
    let house = house(Autonomy::Auto);
    let (inquiry, now) = heard(&house, NO_HEAT);
    let at = when("2026-02-01T17:00:00Z");
    let wrote = |crm: &crate::effect::LaneId, value: &str, confidence, actor| crate::inquiry::Remembered {
        record: "901".into(),
        property: "rb_urgency".into(),
        wrote: crate::inquiry::Wrote { crm: crm.clone(), value: value.into(), confidence, actor, at },
    };
    let told = |stands: &str, memory: crate::inquiry::Remembered| {
        let mut event = found(&inquiry, vec![silent("901", &[("phone", CALLER), ("rb_urgency", stands)])]);
        let Event::Found { memory: held, .. } = &mut event else { panic!() };
        held.push(memory);
        says(&step(inquiry.clone(), &event, &house.facts(), now).inquiry, "urgency").1
    };
    let (lane, machine) = (&house.lane, Actor::Machine);
    assert_eq!(told("nurture", wrote(lane, "nurture", Some(600), machine)), "write");
    assert_eq!(told("nurture", wrote(lane, "nurture", Some(999), machine)), "less_sure");
    assert_eq!(told("nurture", wrote(lane, "nurture", None, machine)), "write");
    assert_eq!(told("same_day", wrote(lane, "nurture", Some(600), machine)), "person_set_it");
    assert_eq!(told("nurture", wrote(lane, "nurture", Some(600), Actor::ApprovedMachine)), "person_set_it");
    assert_eq!(told("nurture", wrote(&house.page, "nurture", Some(600), machine)), "person_set_it", "of another CRM");
}

#[test]
fn a_vendors_own_word_for_a_protected_kind_holds() {
    let mut house = house(Autonomy::Auto);
    let rule = house.contract.fields.get_mut("urgency").unwrap();
    for (property, because) in [("dndSettings", "protected"), ("HS_EMAIL_OPTOUT", "protected"), ("rb_dnd", "write")] {
        rule.property = property.into();
        rule.kind = crate::contract::FieldType::Text;
        let mut other = House::new();
        other.contract.autonomy = Autonomy::Auto;
        other.contract.fields.insert("urgency".into(), rule.clone());
        let (two, _) = looked(&other, NO_HEAT, vec![silent("901", &[("phone", CALLER)])]);
        assert_eq!(says(&two.inquiry, "urgency").1, because, "{property}");
    }
}

#[test]
fn a_contract_names_flags_by_the_words_that_the_reader_raises() {
    let text = crate::contract::DEFAULT_TEXT.replace(
        r#"escalate_at_once = ["emergency", "complaint", "high_value"]"#,
        r#"escalate_at_once = ["existing_customer_issue", "customer_issue", "spam", "vendor"]"#,
    );
    let (contract, problems) = crate::contract::parse(&text);
    assert_eq!(problems, Vec::new());
    let named: Vec<String> = contract.unwrap().clock.escalate_at_once.into_iter().collect();
    assert_eq!(named, ["existing_customer_issue", "spam", "vendor"], "one word for one thing");
}

#[test]
fn the_default_contract_suggests_a_timeline() {
    assert_eq!(House::new().contract.fields["timeline"].machine, Machine::Suggest);
}

#[test]
fn a_strategic_account_is_marked_by_a_property_that_the_contract_names() {
    let text = crate::contract::DEFAULT_TEXT.replace("# strategic = {", "strategic = {");
    let (contract, problems) = crate::contract::parse(&text);
    assert_eq!(problems, Vec::new());
    let mut house = house(Autonomy::Auto);
    house.contract.suppress = contract.unwrap().suppress;
    for (tier, kind) in [("A", VerdictKind::Review), ("B", VerdictKind::Write)] {
        let (two, _) = looked(&house, NO_HEAT, vec![silent("901", &[("phone", CALLER), ("account_tier", tier)])]);
        assert_eq!(of(&two.inquiry, "urgency").kind, kind, "{tier}");
    }
    let broken = text.replace("values = [\"A\"] }", "}");
    assert!(
        crate::contract::parse(&broken.replace("property = \"account_tier\", }", "property = \"account_tier\" }"))
            .1
            .iter()
            .any(|p| p.code == "RB-0205")
    );
}

#[test]
fn a_clause_that_would_change_a_protected_property_is_named() {
    let mut contract = House::new().contract;
    assert_eq!(crate::contract::check_words(&contract, &WORDS), Vec::new());
    let rule = contract.fields.get_mut("urgency").unwrap();
    rule.property = "dndSettings".into();
    let found = crate::contract::check_words(&contract, &WORDS);
    assert_eq!(found.iter().map(|p| p.code).collect::<Vec<_>>(), ["RB-0212"], "{found:?}");
}
