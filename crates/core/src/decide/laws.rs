//! The laws of deciding, over arbitrary contracts, records and callers.

use super::*;
use crate::contract::{SuppressClass, Truth};
use crate::crm::{CrmWords, Properties, Record, SetBy, Setter};
use crate::effect::{Desired, OWN_STAMPS};
use crate::inquiry::house::*;
use crate::inquiry::{Event, InquiryCall, Remembered, Step, Wrote, step};
use crate::signal::Ending;
use jiff::Timestamp;
use proptest::prelude::*;

pub(crate) const MESSAGES: [&str; 4] = [
    "We have no heat since last night, please call me back.",
    "I smell gas in the basement, this is an emergency, please come right away. Stop texting me.",
    "My name is Maria Lopez, my budget is six thousand dollars, your technician came and broke it.",
    "Do you have any openings tomorrow? My email is maria at example dot com.",
];
const VALUES: [&str; 4] = ["", "nurture", "high", "6000"];

/// How one clause differs from the default, and what the CRM holds in its property.
#[derive(Debug, Clone)]
struct Turn {
    machine: u8,
    truth: u8,
    accountability: bool,
    protected: bool,
    write_at: u16,
    review_at: u16,
    autonomy: Option<u8>,
    held: u8,
    setter: u8,
    /// We wrote what stands there, so sure.
    ours: Option<u16>,
}

#[derive(Debug, Clone)]
pub(crate) struct World {
    level: u8,
    pub(crate) message: usize,
    known: bool,
    customer: bool,
    deal: bool,
    strategic: bool,
    opted_out: bool,
    classes: u8,
    owner: bool,
    turns: Vec<Turn>,
}

fn level(n: u8) -> Autonomy {
    [Autonomy::Observe, Autonomy::Suggest, Autonomy::AutoLowRisk, Autonomy::Auto][usize::from(n % 4)]
}

fn turns() -> impl Strategy<Value = Turn> {
    // What leads to a write is drawn more often: the laws are about what is written.
    let clause = (
        prop::sample::select(vec![0u8, 0, 0, 1, 2, 3]),
        prop::sample::select(vec![0u8, 0, 1, 2, 3]),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
    );
    let sure = (prop::sample::select(vec![500u16, 700, 900, 950]), 300..900u16);
    let held = (prop::option::weighted(0.2, 0..4u8), 0..4u8, 0..5u8, prop::option::of(600..1000u16));
    (clause, sure, held).prop_map(|((machine, truth, accountability, protected), (write_at, review_at), held)| Turn {
        machine,
        truth,
        accountability,
        protected,
        write_at,
        review_at: review_at.min(write_at),
        autonomy: held.0,
        held: held.1,
        setter: held.2,
        ours: held.3,
    })
}

pub(crate) fn worlds() -> impl Strategy<Value = World> {
    let who = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (
        prop::sample::select(vec![0u8, 1, 2, 3, 3, 3, 3]),
        0..MESSAGES.len(),
        who,
        prop_oneof![Just(0u8), 0..16u8],
        prop::collection::vec(turns(), 30),
    )
        .prop_map(|(level, message, (known, customer, deal, strategic, opted_out, owner), classes, turns)| World {
            level,
            message,
            known,
            customer,
            deal,
            strategic,
            opted_out,
            classes,
            owner,
            turns,
        })
}

/// The house whose contract and CRM are as the world says, and what the CRM shows.
pub(crate) fn build(world: &World) -> (House, Vec<Record>, Vec<Remembered>) {
    let mut house = House::new();
    house.contract.autonomy = level(world.level);
    let all = [
        SuppressClass::OptedOut,
        SuppressClass::CustomerWithOpenIssue,
        SuppressClass::OpenOpportunity,
        SuppressClass::StrategicAccount,
    ];
    let listed = all.into_iter().enumerate().filter(|(n, _)| world.classes >> n & 1 == 1).map(|(_, class)| class);
    house.contract.suppress.classes = listed.collect();
    house.contract.suppress.strategic =
        Some(crate::contract::Marked { property: "account_tier".into(), values: vec!["A".into()] });
    let mut record = Record { id: "512".into(), ..Record::default() };
    let mut put = |name: &str, value: &str| record.properties.insert(name.to_owned(), value.to_owned());
    put("phone", CALLER);
    put("lifecyclestage", if world.customer { "customer" } else { "lead" });
    put("account_tier", if world.strategic { "A" } else { "B" });
    put("hs_email_optout", if world.opted_out { "true" } else { "false" });
    let mut memory = Vec::new();
    for (rule, turn) in house.contract.fields.values_mut().zip(&world.turns) {
        rule.machine =
            [Machine::Update, Machine::FillEmpty, Machine::Suggest, Machine::Never][usize::from(turn.machine)];
        rule.truth = [Truth::Call, Truth::Crm, Truth::Human, Truth::Decision][usize::from(turn.truth)];
        rule.accountability |= turn.accountability;
        if turn.protected {
            rule.protected = Some(Protected::LegalNotes);
        }
        (rule.write_at, rule.review_at) = (turn.write_at, turn.review_at);
        rule.autonomy = turn.autonomy.map(level);
        if rule.object != Object::Contact {
            continue;
        }
        let owner = rule.property == WORDS.contact_owner;
        let value = if owner { ["", "12"][usize::from(world.owner)] } else { VALUES[usize::from(turn.held)] };
        record.properties.insert(rule.property.clone(), value.to_owned());
        let who =
            [Setter::Person, Setter::Integration, Setter::Automation, Setter::Unknown].get(usize::from(turn.setter));
        if let Some(who) = who {
            let set = SetBy { value: value.to_owned(), at: None, who: *who, source: "x".into() };
            record.set_by.insert(rule.property.clone(), set);
        }
        if let Some(sure) = turn.ours.filter(|_| !value.is_empty()) {
            let at = when("2026-02-01T17:00:00Z");
            let wrote = Wrote {
                crm: house.lane.clone(),
                value: value.into(),
                confidence: Some(sure),
                actor: Actor::Machine,
                at,
            };
            memory.push(Remembered { record: "512".into(), property: rule.property.clone(), wrote });
        }
    }
    let deal = Record {
        id: "d1".into(),
        properties: Properties::from([("hs_is_closed".to_owned(), (!world.deal).to_string())]),
        also_known_as: vec![crate::ensure::DEAL_MARK.into()],
        ..Record::default()
    };
    let records = if world.known { vec![record, deal] } else { Vec::new() };
    (house, records, memory)
}

/// The words reach the contract, and then what the CRM holds.
fn play(world: &World, house: &House, records: Vec<Record>, memory: Vec<Remembered>) -> (Step, Timestamp) {
    let mut call = house.call(1, "2026-03-03T17:00:00Z", Ending::Voicemail, CALLER);
    let now = call.first_received_at;
    let one = step(house.open(&call), &Event::Call { call: InquiryCall::of(&call, None) }, &house.facts(), now);
    let read = house.said(&mut call, MESSAGES[world.message]);
    let two = step(one.inquiry, &read, &house.facts(), now);
    let effect = two.inquiry.effects["find"].id.clone();
    let event = Event::Found { effect, read_at: now, records, memory };
    (step(two.inquiry, &event, &house.facts(), now), now)
}

/// Properties that a plan changes of a person's record; made anew or not.
fn contact_writes(step: &Step) -> Vec<(bool, Properties)> {
    let effects = step.plan.iter().flat_map(|p| &p.effects);
    let of = effects.filter_map(|e| match &e.desired {
        Desired::NewContact { properties, .. } => Some((true, properties.clone())),
        Desired::ContactFields { properties, .. } => Some((false, properties.clone())),
        _ => None,
    });
    of.collect()
}

/// Our properties in any record, and all properties of a person's, that have neither a clause that writes nor a place among the stamps.
fn unruled(step: &Step, words: &CrmWords) -> Vec<String> {
    let verdicts = &step.inquiry.verdicts;
    let ruled = |object: Object, name: &str| {
        let to = format!("{}.{name}", object.as_str());
        verdicts.iter().any(|v| v.kind == VerdictKind::Write && v.to == to) || OWN_STAMPS.contains(&name)
    };
    let mut out = Vec::new();
    for effect in step.plan.iter().flat_map(|p| &p.effects) {
        let (object, identity) = match &effect.desired {
            Desired::NewContact { .. } => (Object::Contact, vec![words.contact_phone, words.contact_name]),
            Desired::ContactFields { .. } => (Object::Contact, Vec::new()),
            Desired::Activity { object, .. } | Desired::ActivityIfMade { object, .. } => (*object, Vec::new()),
            _ => continue,
        };
        let names = effect.desired.properties().into_iter().flat_map(|p| p.keys());
        let asked = names.filter(|n| object == Object::Contact || n.starts_with("rb_"));
        out.extend(asked.filter(|n| !ruled(object, n) && !identity.contains(&n.as_str())).cloned());
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_hold(world in worlds()) {
        let (house, records, memory) = build(&world);
        let (done, now) = play(&world, &house, records.clone(), memory.clone());
        let inquiry = &done.inquiry;
        let writes = contact_writes(&done);
        let targets: Vec<&str> = done.plan.iter().flat_map(|p| &p.effects).map(|e| e.target.as_str()).collect();

        // No clause, no write.
        prop_assert_eq!(unruled(&done, &WORDS), Vec::<String>::new());
        // Nothing without a person where every write waits for one, and nothing at all where it is only observed.
        if house.contract.autonomy == Autonomy::Observe {
            prop_assert!(targets.is_empty(), "{:?}", targets);
        }
        // Suppressed: no owner, no write to what was there; record, log, task, owner and clock go on.
        let held = suppressed(inquiry, &house.facts());
        if !held.is_empty() {
            prop_assert!(writes.iter().all(|(new, p)| *new && !p.contains_key(WORDS.contact_owner)), "{:?}", writes);
            for class in &held {
                let holds = holds(class.class);
                prop_assert!(holds.caller && holds.enrolment && holds.ownership);
            }
        }
        if house.contract.autonomy >= Autonomy::AutoLowRisk {
            prop_assert!(targets.contains(&"call:1") && targets.contains(&"task"), "{:?}", targets);
        }
        prop_assert!(inquiry.owner.is_some() && inquiry.clock.is_some());
        prop_assert!(writes.iter().all(|(_, p)| !p.contains_key(WORDS.contact_owner)), "no owner by machine");
        // People win: what somebody set, or nobody is known to have set, stays.
        for (_, properties) in writes.iter().filter(|(new, _)| !new) {
            for name in properties.keys() {
                let stood = records[0].properties.get(name).map_or("", String::as_str);
                let set = records[0].set_by.get(name).map(|s| s.who);
                let ours = memory.iter().any(|m| m.property == *name);
                let theirs = set == Some(Setter::Person) || (!ours && !matches!(set, Some(Setter::Integration | Setter::Automation)));
                prop_assert!(stood.is_empty() || !theirs, "{} was {:?} by {:?}", name, stood, set);
            }
        }
        for verdict in &inquiry.verdicts {
            let rule = &house.contract.fields[&verdict.field];
            if verdict.kind != VerdictKind::Write {
                continue;
            }
            // Below the threshold a person is asked; the care marks hold on every record; less sure never over surer.
            prop_assert!(verdict.because == "default" || verdict.confidence.unwrap_or(0) >= rule.write_at || WHENCE_FIELDS.contains(&rule.from.as_str()));
            prop_assert!(!rule.accountability && rule.protected.is_none(), "{:?}", verdict);
            prop_assert!(matches!(rule.machine, Machine::Update | Machine::FillEmpty), "{:?}", verdict);
            let before = memory.iter().filter(|_| world.known).find(|m| m.property == rule.property && rule.object == Object::Contact);
            if let Some(before) = before {
                prop_assert!(verdict.confidence >= before.wrote.confidence, "{:?}", verdict);
            }
        }
        // The same inputs give the same plan, and planning again gives none.
        let (again, _) = play(&world, &house, records, memory);
        prop_assert_eq!(&done.plan, &again.plan);
        prop_assert_eq!(&done.inquiry, &again.inquiry);
        prop_assert!(step(done.inquiry.clone(), &Event::FactsChanged, &house.facts(), now).plan.is_none());
    }
}

/// What a contract would say that says no more than a level anywhere.
fn capped(mut contract: crate::contract::Contract, most: Autonomy) -> crate::contract::Contract {
    contract.autonomy = contract.autonomy.min(most);
    let places = contract.locations.values_mut().map(|l| &mut l.autonomy);
    for said in places.chain(contract.fields.values_mut().map(|f| &mut f.autonomy)).flatten() {
        *said = (*said).min(most);
    }
    contract
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// The account's level is a ceiling and nothing else: what is decided under it is what a contract decides that says no more.
    #[test]
    fn a_level_decides_as_a_contract_that_says_no_more(world in worlds(), most in 0u8..4, here in any::<bool>()) {
        let (mut house, records, memory) = build(&world);
        let most = level(most);
        let place = if here { "phoenix" } else { "" };
        house.standing.levels.0.insert(place.to_owned(), most);
        let (under, _) = play(&world, &house, records.clone(), memory.clone());
        house.standing.levels.0.clear();
        house.contract = capped(house.contract, most);
        let (said, _) = play(&world, &house, records, memory);
        prop_assert_eq!(&under.plan, &said.plan);
        prop_assert_eq!(&under.inquiry.verdicts, &said.inquiry.verdicts);
        prop_assert_eq!(&under.inquiry.effects, &said.inquiry.effects);
        // What is asked is the same; each question is bound to its own clause's words, and those differ.
        let asked = |step: &crate::inquiry::Step| {
            step.inquiry.reviews.iter().map(|r| (r.kind, r.field.clone(), r.proposed.clone())).collect::<Vec<_>>()
        };
        prop_assert_eq!(asked(&under), asked(&said));
    }
}

/// What a step wants written, by target; stamps of the moment left out.
fn wants(step: &Step) -> std::collections::BTreeMap<String, Properties> {
    let effects = step.plan.iter().flat_map(|p| &p.effects);
    let of = effects.filter_map(|e| {
        let mut properties = e.desired.properties()?.clone();
        properties.retain(|name, _| !crate::effect::STAMPS.contains(&name.as_str()));
        Some((e.target.clone(), properties))
    });
    of.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// A paused clause is left out, and it alone; when the pause ends what waited is wanted, and nothing is wanted twice.
    #[test]
    fn a_pause_holds_its_own_property_back_and_nothing_else(world in worlds(), some in any::<u32>()) {
        let (mut house, records, memory) = build(&world);
        let (free, now) = play(&world, &house, records.clone(), memory.clone());
        let clauses = house.contract.fields.iter().enumerate().filter(|(n, _)| some >> (n % 32) & 1 == 1);
        let pause = |(_, (name, rule)): (usize, (&String, &FieldRule))| crate::standing::Pause {
            clause: name.clone(),
            to: rule.target(),
            code: "RB-0213".into(),
            cause: "it is gone".into(),
            cure: "put it back".into(),
        };
        house.standing.pauses = clauses.map(pause).collect();
        let (held, _) = play(&world, &house, records, memory);
        // Owner, clock, match and questions are the same; only what would be written waits.
        prop_assert_eq!(&held.inquiry.owner, &free.inquiry.owner);
        prop_assert_eq!(&held.inquiry.clock, &free.inquiry.clock);
        prop_assert_eq!(held.inquiry.reviews.len(), free.inquiry.reviews.len());
        for (a, b) in free.inquiry.verdicts.iter().zip(&held.inquiry.verdicts) {
            let paused = house.standing.pauses.iter().any(|p| p.clause == a.field);
            prop_assert_eq!(&a.field, &b.field);
            match (a.kind, paused) {
                (VerdictKind::Write, true) => prop_assert_eq!((b.kind, b.because.as_str()), (VerdictKind::Keep, "clause_paused")),
                _ => prop_assert_eq!(a, b),
            }
        }
        let mut wanted = wants(&free);
        for (target, properties) in &mut wanted {
            let object = match target.as_str() {
                "contact" | "fields" => Object::Contact,
                "task" => Object::Task,
                _ => Object::Call,
            };
            properties.retain(|name, _| !house.standing.holds(object, name));
        }
        wanted.retain(|_, properties| !properties.is_empty());
        prop_assert_eq!(wants(&held), wanted);
        // The field is back.
        house.standing.pauses.clear();
        let back = step(held.inquiry.clone(), &Event::FactsChanged, &house.facts(), now);
        for (target, properties) in wants(&free) {
            let was = wants(&held).remove(&target);
            let is = wants(&back).remove(&target).or(was);
            prop_assert_eq!(is, Some(properties), "{}", target);
        }
        prop_assert!(step(back.inquiry, &Event::FactsChanged, &house.facts(), now).plan.is_none());
    }
}

const WHENCE_FIELDS: [&str; 4] = ["source", "campaign", "location", "vertical"];

/// How it is known that somebody does not want to be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// It is kept with the person, and comes with the call.
    Kept,
    /// The caller says so in this one.
    Said,
    /// The CRM says so.
    Crm,
}

fn opt_out() -> crate::consent::OptOut {
    let call = crate::id::CallId::from_text("call_0");
    let inquiry = Some(crate::id::InquiryId::from_text("inq_0"));
    crate::consent::OptOut { said: crate::consent::SaidBy::Caller { call }, at: when("2026-02-01T17:00:00Z"), inquiry }
}

/// The steps of a world in their order: the call, its words, what the CRM shows.
fn steps(world: &World, house: &House, records: Vec<Record>, memory: Vec<Remembered>, kept: bool) -> [Step; 3] {
    let mut call = house.call(1, "2026-03-03T17:00:00Z", Ending::Voicemail, CALLER);
    let now = call.first_received_at;
    let told = InquiryCall { opted_out: kept.then(opt_out), ..InquiryCall::of(&call, None) };
    let one = step(house.open(&call), &Event::Call { call: told }, &house.facts(), now);
    let read = house.said(&mut call, MESSAGES[world.message]);
    let two = step(one.inquiry.clone(), &read, &house.facts(), now);
    let effect = two.inquiry.effects["find"].id.clone();
    let found = Event::Found { effect, read_at: now, records, memory };
    let three = step(two.inquiry.clone(), &found, &house.facts(), now);
    [one, two, three]
}

/// Nothing that a plan changes is a record that was there, an owner, or anything that reaches the caller.
fn reaches_nobody(step: &Step) -> Result<(), TestCaseError> {
    let ours = |target: &str| {
        target == "find"
            || target == "contact"
            || target == "task"
            || target.starts_with("call:")
            || target.starts_with("page")
    };
    for effect in step.plan.iter().flat_map(|p| &p.effects) {
        prop_assert!(ours(&effect.target), "{} is not among what goes on", effect.target);
        let harmless = matches!(
            &effect.desired,
            Desired::FindPerson { .. } | Desired::NewContact { .. } | Desired::Activity { .. } | Desired::Page { .. }
        );
        prop_assert!(harmless, "{:?}", effect.desired);
    }
    for (new, properties) in contact_writes(step) {
        prop_assert!(new && !properties.contains_key(WORDS.contact_owner), "{:?}", properties);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Opted out, however it is known: nothing reaches the caller, nobody is enrolled, no owner changes, and no machine writes to a record that was
    /// there; record, call log, task, owner and clock go on as without it. No value of the CRM, no word and no merge takes it back; a person does.
    #[test]
    fn who_opted_out_is_left_alone_and_not_forgotten(world in worlds(), known in prop::sample::select(vec![Known::Kept, Known::Said, Known::Crm]), crm_says in any::<bool>()) {
        let message = if known == Known::Said { 1 } else { [0, 2, 3][world.message % 3] };
        let world = World { message, known: world.known || known == Known::Crm, opted_out: known == Known::Crm || crm_says, classes: world.classes | 1, ..world };
        let (house, records, memory) = build(&world);
        let free = World { message, opted_out: false, ..world.clone() };
        let [one, two, three] = steps(&world, &house, records.clone(), memory.clone(), known == Known::Kept);
        let held = |step: &Step| suppressed(&step.inquiry, &house.facts()).iter().any(|s| s.class == SuppressClass::OptedOut);
        // From the first step on where it is kept, from its own step where it is said or seen; and to the end.
        let from = match known { Known::Kept => 0, Known::Said => 1, Known::Crm => 2 };
        for step in [&one, &two, &three].into_iter().skip(from) {
            prop_assert!(held(step));
            reaches_nobody(step)?;
            for s in suppressed(&step.inquiry, &house.facts()) {
                let holds = holds(s.class);
                prop_assert!(holds.caller && holds.enrolment && holds.ownership);
            }
        }
        // What goes on goes on as if nobody had opted out.
        let [_, _, other] = steps(&free, &house, build(&free).1, memory.clone(), false);
        prop_assert_eq!(&three.inquiry.owner, &other.inquiry.owner);
        prop_assert_eq!(&three.inquiry.clock, &other.inquiry.clock);
        let goes_on = |step: &Step| step.plan.iter().flat_map(|p| &p.effects).map(|e| e.target.clone()).filter(|t| t == "task" || t.starts_with("call:")).collect::<Vec<_>>();
        prop_assert_eq!(goes_on(&three), goes_on(&other));
        // The CRM may turn its word, and the person may become another record: what is kept stays.
        if known == Known::Kept {
            // In the same moment: no time passes that would page anybody.
            let now = house.call(1, "2026-03-03T17:00:00Z", Ending::Voicemail, CALLER).first_received_at;
            for id in ["512", "777"] {
                let record = Record { id: id.into(), properties: Properties::from([("hs_email_optout".into(), "false".into())]), ..Record::default() };
                let seen = step(three.inquiry.clone(), &Event::Seen { record, read_at: now }, &house.facts(), now);
                prop_assert!(held(&seen));
                reaches_nobody(&seen)?;
            }
            let again = step(three.inquiry.clone(), &Event::FactsChanged, &house.facts(), now);
            prop_assert!(held(&again) && again.plan.is_none());
            // A person takes it back; what the CRM says is another matter.
            let by = crate::id::UserId::from_text("user_ann");
            let back = step(three.inquiry.clone(), &Event::OptOutCleared { reason: "called us".into(), by }, &house.facts(), now);
            let crm = world.known && world.opted_out && back.inquiry.contact.is_some();
            prop_assert_eq!(held(&back), crm);
            prop_assert_eq!(back.inquiry.flags().contains("opt_out"), false);
        }
    }
}
