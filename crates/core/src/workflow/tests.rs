use super::*;
use crate::contract::{self, Contract};
use crate::crm::Record;
use crate::effect::Desired;
use crate::id::{AccountId, InquiryId, ReviewId, SignalId, UserId};
use crate::inquiry::house::{CALLER, House, OPEN, found, record, targets, when};
use crate::inquiry::{Choice, Event, InquiryCall, Review, ReviewKind, Step, step};
use crate::offer::{Offer, Offered};
use crate::signal::Ending;
use jiff::Timestamp;

/// A clause for every value that these tests feed.
fn clause(name: &str, from: &str, to: &str, kind: &str, machine: &str) -> String {
    format!(
        "\n[field.{name}]\nmeans = \"What a provider says of it\"\nfrom = \"{from}\"\nto = \"contact.{to}\"\ntype = {kind}\ntruth = \"provider\"\n\
         winner = \"The provider fills it, and a person's word stands.\"\nmachine = \"{machine}\"\nwrite_at = 0.80\nreview_at = 0.60\non_missing = \"leave\"\n"
    )
}

fn clauses() -> String {
    let text = "\"text\"";
    [
        clause("industry", "offer.industry", "industry", text, "fill_empty"),
        clause("campaign_of", "offer.campaign", "rb_campaign_of", text, "fill_empty"),
        clause("territory", "offer.territory", "territory", text, "update"),
        clause("research", "workflow.brief", "rb_research", text, "update"),
        clause("next_step", "workflow.next_step", "rb_next_step", text, "update"),
        clause("stage", "workflow.stage", "lifecyclestage", text, "suggest"),
        clause("doubled", "workflow.duplicate_of", "rb_duplicate_of", text, "update"),
        clause("reactivation", "workflow.reactivation", "rb_reactivation", text, "update"),
    ]
    .concat()
}

/// The map with every workflow in it.
fn switched(on: bool, level: &str) -> String {
    let table = |word: &str, fields: &str, more: &str| {
        format!("\n[workflow.{word}]\non = {on}\nlevel = \"{level}\"\n{fields}{more}")
    };
    [
        table("inbound_qualification", "fields = [\"industry\", \"territory\"]\n", ""),
        table("hot_lead_routing", "", "score_at = 0.80\n"),
        table("outbound_creation", "fields = [\"campaign_of\", \"industry\"]\n", "sample = 2\n"),
        table("outbound_research", "fields = [\"research\", \"industry\"]\n", "score_at = 0.70\n"),
        table("follow_up", "fields = [\"next_step\"]\n", "after_unanswered = 2\n"),
        table(
            "lifecycle",
            "fields = [\"stage\"]\n",
            "stages = { marketingqualifiedlead = 0.60, salesqualifiedlead = 0.85 }\n",
        ),
        table("duplicate_cleanup", "fields = [\"doubled\"]\n", ""),
        table("dormant_reactivation", "fields = [\"reactivation\"]\n", "inactive_days = 90\n"),
    ]
    .concat()
}

fn contract(text: &str) -> Contract {
    let (contract, problems) = contract::parse(text);
    assert_eq!(problems, Vec::new());
    contract.unwrap()
}

/// A house whose contract goes as far as `level` and has every workflow at that level.
fn house(on: bool, level: &str) -> House {
    let text = contract::DEFAULT_TEXT.replacen("autonomy = \"auto-low-risk\"", &format!("autonomy = \"{level}\""), 1);
    House { contract: contract(&format!("{text}{}{}", clauses(), switched(on, level))), ..House::new() }
}

const NOW: &str = "2026-03-03T18:00:00Z";

type Told<'a> = (&'a str, &'a str, u16);

fn offer_of(provider: &str, event: &str, subject: Subject, told: &[Told<'_>]) -> Event {
    let field = |(name, value, confidence): &Told<'_>| Offered {
        name: (*name).to_owned(),
        value: (*value).to_owned(),
        confidence: *confidence,
        as_of: when("2026-03-01T00:00:00Z"),
    };
    let fields = told.iter().map(field).collect();
    let offer = Offer { provider: provider.into(), event: event.into(), subject, fields };
    Event::Offered { offer, signal: SignalId::from_text("sig_offer"), approved_before: 0, opted_out: None }
}

fn named(record: &str) -> Subject {
    Subject { record: Some(record.into()), ..Subject::default() }
}

/// An item of a workflow about a subject that was offered something, and what the CRM showed then.
fn item(house: &House, workflow: Workflow, subject: &Subject, told: &[Told<'_>], records: Vec<Record>) -> Step {
    let about = workflow.about();
    let id = InquiryId::from_text("inq_item");
    let phone = subject.phone.clone().map(|e164| (e164, "6025550142".to_owned()));
    let person = phone.as_ref().map(|_| "person_1".to_owned());
    let at = when(NOW);
    let born = Inquiry::of_workflow(id, AccountId::from_text("acct_a"), (workflow, subject.clone()), person, phone, at);
    let one = step(born, &offer_of("acme", about.event.unwrap(), subject.clone(), told), &house.facts(), at);
    if !one.inquiry.effects.contains_key("find") {
        return one;
    }
    step(one.inquiry.clone(), &found(&one.inquiry, records), &house.facts(), at)
}

fn lead(properties: &[(&str, &str)]) -> Record {
    record("512", &[&[("phone", CALLER), ("email", "dana@example.com")], properties].concat())
}

fn asked<'a>(step: &'a Step, field: &str) -> Option<&'a Review> {
    step.inquiry.reviews.iter().find(|r| r.field.as_deref() == Some(field))
}

fn written(step: &Step) -> Vec<(String, String)> {
    let effects = step.plan.iter().flat_map(|p| &p.effects);
    let of =
        |d: &Desired| d.properties().filter(|_| !matches!(d, Desired::FindPerson { .. })).cloned().unwrap_or_default();
    effects.flat_map(|e| of(&e.desired)).filter(|(n, _)| !crate::effect::OWN_STAMPS.contains(&n.as_str())).collect()
}

fn approve(house: &House, step_before: &Step, review: &ReviewId, at: Timestamp) -> Step {
    let by = UserId::from_text("user_ana");
    step(
        step_before.inquiry.clone(),
        &Event::Decided { review: review.clone(), choice: Choice::Approve, by },
        &house.facts(),
        at,
    )
}

const FIT: &[Told<'_>] = &[("fit", "0.82", 900), ("industry", "B2B SaaS", 920), ("headcount", "120", 500)];

#[test]
fn the_map_has_eight_rows_each_with_its_word() {
    assert_eq!(Workflow::all().len(), 8);
    for about in Workflow::all() {
        assert_eq!(serde_json::to_value(about.workflow).unwrap(), about.word);
        assert_eq!(about.workflow.about().word, about.word);
        let said = [about.title, about.trigger, about.may, about.control, about.handoff];
        assert!(said.iter().all(|s| !s.is_empty()), "{}", about.word);
    }
}

#[test]
fn every_workflow_is_off_until_a_contract_says_otherwise() {
    assert!(House::new().contract.workflows.is_empty(), "the default contract switches none on");
    for about in Workflow::all().iter().filter(|a| !a.inbound || a.workflow == Workflow::FollowUp) {
        let off = house(false, "auto");
        let told: &[Told<'_>] = &[FIT, &[("score", "0.9", 950), ("last_activity", "2025-06-01", 900)]].concat();
        let after = item(&off, about.workflow, &named("512"), told, vec![lead(&[])]);
        assert_eq!((after.inquiry.reviews.len(), after.inquiry.verdicts.len()), (0, 0), "{}", about.word);
        assert!(after.plan.is_none(), "{}: nobody is even looked up", about.word);
    }
}

#[test]
fn an_item_is_nobodys_to_call_back() {
    let house = house(true, "auto");
    let after = item(&house, Workflow::OutboundResearch, &named("512"), FIT, vec![lead(&[])]);
    let inquiry = &after.inquiry;
    assert!(!inquiry.open() && inquiry.clock.is_none() && inquiry.owner.is_none() && after.timers.is_empty());
    assert!(targets(&after).iter().all(|t| *t == "fields"), "no task, no call log, no page: {:?}", targets(&after));
    assert!(inquiry.reviews.iter().all(|r| r.kind == ReviewKind::Field), "nobody is asked for a number or a location");
}

#[test]
fn research_suggests_a_brief_of_cited_facts_and_an_approval_writes_it() {
    let house = house(true, "suggest");
    let after = item(&house, Workflow::OutboundResearch, &named("512"), FIT, vec![lead(&[])]);
    assert_eq!(written(&after), [], "at suggest nothing is written");
    let review = asked(&after, "research").expect("it is asked").clone();
    assert_eq!(review.workflow, Some(Workflow::OutboundResearch));
    assert_eq!(review.source, Source::Provider { name: "acme".into(), as_of: when("2026-03-01T00:00:00Z") });
    let brief = review.proposed.clone().unwrap();
    assert_eq!(brief, "Industry: B2B SaaS (acme, 2026-03-01, 92 %)", "what is not sure enough is not cited");
    let done = approve(&house, &after, &review.id, when(NOW));
    assert_eq!(written(&done), [("rb_research".to_owned(), brief)]);
}

#[test]
fn research_cites_nothing_that_nobody_said_and_stays_away_below_its_threshold() {
    let house = house(true, "auto");
    for (told, says) in [
        (&[("fit", "0.55", 900), ("industry", "SaaS", 900)][..], "research begins at 70 %"),
        (&[("industry", "SaaS", 900)][..], "no provider gave a fit"),
        (&[("fit", "0.9", 300), ("industry", "SaaS", 900)][..], "no provider gave a fit"),
        (&[("fit", "0.9", 900), ("industry", "SaaS", 300)][..], "sure enough to be cited"),
        (&[("fit", "nine", 900), ("industry", "SaaS", 900)][..], "no provider gave a fit"),
    ] {
        let after = item(&house, Workflow::OutboundResearch, &named("512"), told, vec![lead(&[])]);
        let why = after.inquiry.aside.get(&Workflow::OutboundResearch).cloned().unwrap_or_default();
        assert!(why.contains(says), "{told:?}: {why}");
        assert_eq!((written(&after).len(), after.inquiry.reviews.len()), (0, 0));
    }
}

#[test]
fn sensitive_accounts_are_asked_about_whatever_the_level() {
    let house = house(true, "auto");
    let plain = item(&house, Workflow::OutboundResearch, &named("512"), FIT, vec![lead(&[])]);
    assert!(!written(&plain).is_empty(), "at auto a plain record is written");
    let out = item(&house, Workflow::OutboundResearch, &named("512"), FIT, vec![lead(&[("hs_email_optout", "true")])]);
    assert_eq!(written(&out), []);
    assert_eq!(asked(&out, "research").unwrap().because, "suppressed");
}

#[test]
fn a_value_that_a_person_set_is_asked_about_and_never_overwritten() {
    let house = house(true, "auto");
    let after = item(&house, Workflow::OutboundResearch, &named("512"), FIT, vec![lead(&[("industry", "Retail")])]);
    assert!(written(&after).iter().all(|(name, _)| name != "industry"), "{:?}", written(&after));
    let review = asked(&after, "industry").unwrap();
    assert_eq!((review.because.as_str(), review.current.as_deref()), ("person_set_it", Some("Retail")));
}

#[test]
fn without_a_clause_nothing_is_wished_for() {
    let mut house = house(true, "auto");
    house.contract.workflows.get_mut(&Workflow::OutboundResearch).unwrap().fields = vec!["industry".into()];
    let after = item(&house, Workflow::OutboundResearch, &named("512"), FIT, vec![lead(&[])]);
    assert_eq!(written(&after), [("industry".to_owned(), "B2B SaaS".to_owned())], "the brief has no home");
}

#[test]
fn providers_who_contradict_each_other_are_put_before_a_person() {
    let house = house(true, "auto");
    let one = item(&house, Workflow::OutboundResearch, &named("512"), FIT, vec![lead(&[])]);
    let other = offer_of("beta", "fit", named("512"), &[("industry", "Retail", 990)]);
    let two = step(one.inquiry, &other, &house.facts(), when(NOW));
    let review = asked(&two, "industry").unwrap();
    assert_eq!(review.because, "providers_disagree");
    assert!(review.reason.contains("acme") && review.reason.contains("beta"), "{}", review.reason);
}

#[test]
fn the_level_of_a_workflow_narrows_the_contracts_and_never_widens_it() {
    let mut wide = house(true, "suggest");
    wide.contract.workflows.get_mut(&Workflow::OutboundResearch).unwrap().level = Autonomy::Auto;
    let after = item(&wide, Workflow::OutboundResearch, &named("512"), FIT, vec![lead(&[])]);
    assert_eq!(written(&after), [], "the contract only suggests");
    let mut narrow = house(true, "auto");
    narrow.contract.workflows.get_mut(&Workflow::OutboundResearch).unwrap().level = Autonomy::Observe;
    let after = item(&narrow, Workflow::OutboundResearch, &named("512"), FIT, vec![lead(&[])]);
    assert_eq!((written(&after).len(), after.inquiry.reviews.len()), (0, 0));
}

const ACTIVITY: &[Told<'_>] = &[("score", "0.72", 900), ("activity", "Opened the price list twice", 950)];

#[test]
fn a_stage_is_recommended_with_its_reason_and_changed_by_a_person_alone() {
    let house = house(true, "auto");
    let after = item(&house, Workflow::Lifecycle, &named("512"), ACTIVITY, vec![lead(&[("lifecyclestage", "lead")])]);
    assert_eq!(written(&after), [], "no stage is changed at any level");
    let review = asked(&after, "stage").unwrap();
    assert_eq!(review.proposed.as_deref(), Some("marketingqualifiedlead"));
    assert!(review.reason.contains("72 %") && review.reason.contains("Opened the price list"), "{}", review.reason);
    let done = approve(&house, &after, &review.id.clone(), when(NOW));
    assert_eq!(written(&done), [("lifecyclestage".to_owned(), "marketingqualifiedlead".to_owned())]);
}

#[test]
fn no_stage_is_recommended_backwards_or_to_a_customer() {
    let house = house(true, "auto");
    for (stage, says) in [("salesqualifiedlead", "further than"), ("customer", "a customer already")] {
        let after =
            item(&house, Workflow::Lifecycle, &named("512"), ACTIVITY, vec![lead(&[("lifecyclestage", stage)])]);
        assert!(after.inquiry.reviews.is_empty(), "{stage}");
        assert!(after.inquiry.aside[&Workflow::Lifecycle].contains(says), "{stage}: {:?}", after.inquiry.aside);
    }
}

fn similar() -> Subject {
    Subject { record: Some("512".into()), phone: Some(CALLER.into()), email: Some("dana@example.com".into()) }
}

#[test]
fn a_double_is_flagged_by_itself_on_the_same_address_and_merged_by_nobody() {
    let house = house(true, "auto");
    let other = record("900", &[("email", "Dana@example.com"), ("phone", "+16025550199")]);
    let after =
        item(&house, Workflow::DuplicateCleanup, &similar(), &[("likeness", "0.97", 970)], vec![lead(&[]), other]);
    assert_eq!(written(&after), [("rb_duplicate_of".to_owned(), "900".to_owned())], "the flag, and nothing else");
    let asked = after.inquiry.reviews.iter().find(|r| r.kind == ReviewKind::Doubled).unwrap();
    assert_eq!(asked.workflow, Some(Workflow::DuplicateCleanup));
    let candidate = &asked.candidates[0];
    assert_eq!((candidate.agreed.join(","), candidate.disagreed.join(",")), ("email".into(), "phone".into()));
    assert_eq!(asked.choices.len(), 3, "one, the other, or neither");
}

#[test]
fn a_weaker_key_is_asked_about_and_a_person_who_says_apart_is_heard() {
    let house = house(true, "auto");
    let other = record("900", &[("email", "d.ruiz@example.org"), ("phone", CALLER)]);
    let told = &[("likeness", "0.97", 970)];
    let after = item(&house, Workflow::DuplicateCleanup, &similar(), told, vec![lead(&[]), other.clone()]);
    assert_eq!(written(&after), []);
    assert_eq!(asked(&after, "doubled").unwrap().because, "weak_key");
    let which = after.inquiry.reviews.iter().find(|r| r.kind == ReviewKind::Doubled).unwrap().id.clone();
    let by = UserId::from_text("user_ana");
    let apart = Event::Decided { review: which, choice: Choice::Pick { id: "apart".into() }, by };
    let done = step(after.inquiry, &apart, &house.facts(), when(NOW));
    assert!(asked(&done, "doubled").is_none() && written(&done).is_empty(), "they are different people");
    assert_eq!(done.inquiry.contact.unwrap().record, "512", "what is written to does not change");
}

#[test]
fn nobody_like_it_is_no_double() {
    let house = house(true, "auto");
    let other = record("900", &[("email", "somebody@example.org"), ("firstname", "Dana")]);
    let told = &[("likeness", "0.97", 970)];
    let after = item(&house, Workflow::DuplicateCleanup, &similar(), told, vec![lead(&[("firstname", "Dana")]), other]);
    assert!(after.inquiry.reviews.is_empty() && written(&after).is_empty(), "a name is no key");
    assert!(after.inquiry.aside.contains_key(&Workflow::DuplicateCleanup));
}

fn prospect() -> Subject {
    Subject { record: None, phone: Some(CALLER.into()), email: Some("dana@example.com".into()) }
}

const PROSPECT: &[Told<'_>] = &[("campaign", "spring", 900), ("industry", "B2B SaaS", 900)];

#[test]
fn a_prospect_waits_for_the_sample_and_is_made_after_it() {
    let house = house(true, "auto");
    let first = item(&house, Workflow::OutboundCreation, &prospect(), PROSPECT, Vec::new());
    assert_eq!(written(&first), [], "the first of a provider are a person's to approve");
    let review = asked(&first, "campaign_of").unwrap();
    assert_eq!(review.because, "sample");
    let done = approve(&house, &first, &review.id.clone(), when(NOW));
    assert_eq!(targets(&done), ["contact"], "approved, it is made");
    let Event::Offered { offer, signal, .. } = offer_of("acme", "prospect", prospect(), &[("city", "Phoenix", 900)])
    else {
        panic!()
    };
    let later = Event::Offered { offer, signal, approved_before: 2, opted_out: None };
    let after = step(first.inquiry, &later, &house.facts(), when(NOW));
    assert_eq!(targets(&after), ["contact"], "the sample was approved: the rest goes by itself");
}

#[test]
fn nobody_is_made_twice_and_an_unclear_prospect_is_a_question() {
    let house = house(true, "auto");
    let known = item(&house, Workflow::OutboundCreation, &prospect(), PROSPECT, vec![lead(&[])]);
    assert!(targets(&known).is_empty() && known.inquiry.reviews.is_empty());
    assert!(known.inquiry.aside[&Workflow::OutboundCreation].contains("has this person already"));
    let two = vec![lead(&[]), record("900", &[("phone", CALLER)])];
    let unclear = item(&house, Workflow::OutboundCreation, &prospect(), PROSPECT, two);
    let kinds: Vec<ReviewKind> = unclear.inquiry.reviews.iter().map(|r| r.kind).collect();
    assert_eq!((targets(&unclear).len(), kinds), (0, vec![ReviewKind::Match]));
}

fn dormant(since: &str) -> Vec<Told<'_>> {
    vec![("last_activity", since, 900), ("industry", "B2B SaaS", 920)]
}

#[test]
fn a_dormant_record_gets_an_angle_for_its_owner_and_no_message() {
    let house = house(true, "auto");
    let after = item(
        &house,
        Workflow::DormantReactivation,
        &named("512"),
        &dormant("2025-06-01"),
        vec![lead(&[("hubspot_owner_id", "77")])],
    );
    assert_eq!(written(&after), [], "whatever the level, a person decides");
    let review = asked(&after, "reactivation").unwrap();
    assert_eq!(review.because, "owner_decides");
    assert!(
        review.reason.contains("ana owns the account") && review.reason.contains("nothing is sent"),
        "{}",
        review.reason
    );
    assert!(review.proposed.as_ref().unwrap().starts_with("No activity since 2025-06-01 (acme,"));
}

#[test]
fn nobody_is_reactivated_who_is_a_customer_or_opted_out_or_was_active_lately() {
    let house = house(true, "auto");
    for (properties, since, says) in [
        (vec![("hs_email_optout", "true")], "2025-06-01", "opted out"),
        (vec![("lifecyclestage", "customer")], "2025-06-01", "a customer already"),
        (Vec::new(), "2026-02-20", "90 are set"),
    ] {
        let after =
            item(&house, Workflow::DormantReactivation, &named("512"), &dormant(since), vec![lead(&properties)]);
        assert!(after.inquiry.reviews.is_empty() && written(&after).is_empty(), "{says}");
        let why = &after.inquiry.aside[&Workflow::DormantReactivation];
        assert!(why.contains(says), "{says}: {why}");
    }
}

#[test]
fn an_open_opportunity_is_not_reactivated() {
    let house = house(true, "auto");
    let deal = Record {
        also_known_as: vec![crate::ensure::DEAL_MARK.to_owned()],
        ..record("d1", &[("dealname", "Boiler"), ("dealstage", "quote"), ("hs_is_closed", "false")])
    };
    let after =
        item(&house, Workflow::DormantReactivation, &named("512"), &dormant("2025-06-01"), vec![lead(&[]), deal]);
    assert!(after.inquiry.reviews.is_empty());
    assert!(after.inquiry.aside[&Workflow::DormantReactivation].contains("open opportunity"));
}

/// A caller who waits for a call back, matched to a lead.
fn caller(house: &House, properties: &[(&str, &str)]) -> Step {
    let call = house.call(1, OPEN, Ending::RingNoAnswer, CALLER);
    let at = call.first_received_at;
    let one = step(house.open(&call), &Event::Call { call: InquiryCall::of(&call, None) }, &house.facts(), at);
    step(one.inquiry.clone(), &found(&one.inquiry, vec![lead(properties)]), &house.facts(), at)
}

#[test]
fn outbound_workflows_leave_a_missed_call_alone() {
    let (on, off) = (house(true, "auto"), house(false, "auto"));
    let with = |house: &House| {
        let after = caller(house, &[]);
        step(after.inquiry, &offer_of("acme", "enriched", prospect(), FIT), &house.facts(), when(NOW))
    };
    let fields = |s: &Step| s.inquiry.verdicts.iter().map(|v| v.field.clone()).collect::<Vec<_>>();
    let (on, off) = (with(&on), with(&off));
    for outbound in ["research", "campaign_of", "stage", "doubled", "reactivation"] {
        assert!(!fields(&on).iter().any(|f| f == outbound), "{outbound}");
    }
    assert!(fields(&on).iter().any(|f| f == "industry"), "the inbound one does feed it");
    assert!(!fields(&off).iter().any(|f| f == "industry"), "switched off it feeds nothing");
    assert_eq!(
        (&on.inquiry.clock, &on.inquiry.owner),
        (&off.inquiry.clock, &off.inquiry.owner),
        "the call goes on as before"
    );
}

#[test]
fn an_inbound_lead_is_qualified_by_itself_only_where_its_source_is_clear() {
    let house = house(true, "auto");
    let with = |mut inquiry: Inquiry| {
        if let Some(call) = inquiry.calls.first_mut() {
            call.attribution.source = None;
        }
        step(inquiry, &offer_of("acme", "enriched", prospect(), FIT), &house.facts(), when(NOW))
    };
    let clear = caller(&house, &[]);
    let clear = step(clear.inquiry, &offer_of("acme", "enriched", prospect(), FIT), &house.facts(), when(NOW));
    assert!(written(&clear).contains(&("industry".into(), "B2B SaaS".into())), "{:?}", written(&clear));
    let unclear = with(caller(&house, &[]).inquiry);
    assert_eq!(asked(&unclear, "industry").unwrap().because, "unclear_source");
}

#[test]
fn enrichment_that_comes_later_moves_no_owner() {
    let house = house(true, "auto");
    let before = caller(&house, &[("hubspot_owner_id", "77"), ("territory", "South")]);
    let moved = offer_of("acme", "enriched", prospect(), &[("territory", "North", 990)]);
    let after = step(before.inquiry.clone(), &moved, &house.facts(), when(NOW));
    assert_eq!(after.inquiry.owner, before.inquiry.owner);
    assert!(written(&after).iter().all(|(name, _)| name != "hubspot_owner_id"));
    assert_eq!(asked(&after, "territory").unwrap().because, "person_set_it", "it is suggested");
}

#[test]
fn a_hot_lead_on_somebody_elses_record_is_a_question_while_the_clock_runs() {
    let house = house(true, "auto");
    let cora = |house: &mut House| house.roster.staff[1].crm_owner = Some("88".into());
    let mut house = house;
    cora(&mut house);
    let before = caller(&house, &[("hubspot_owner_id", "88")]);
    assert!(before.inquiry.reviews.iter().all(|r| r.kind != ReviewKind::OwnerChange), "nobody called it hot");
    let hot = offer_of("acme", "enriched", prospect(), &[("score", "0.91", 950)]);
    let after = step(before.inquiry.clone(), &hot, &house.facts(), when(NOW));
    let Some(review) = after.inquiry.reviews.iter().find(|r| r.kind == ReviewKind::OwnerChange) else {
        panic!("{:?}", after.inquiry.owner)
    };
    assert_eq!(review.workflow, Some(Workflow::HotLeadRouting));
    assert!(review.reason.contains("the record is cora's"), "{}", review.reason);
    assert_eq!((&after.inquiry.clock, &after.inquiry.owner), (&before.inquiry.clock, &before.inquiry.owner));
    assert!(after.inquiry.clock.is_some() && written(&after).iter().all(|(n, _)| n != "hubspot_owner_id"));
    let mut off = house;
    off.contract.workflows.get_mut(&Workflow::HotLeadRouting).unwrap().on = false;
    let after = step(before.inquiry, &hot, &off.facts(), when(NOW));
    assert!(after.inquiry.reviews.iter().all(|r| r.kind != ReviewKind::OwnerChange), "switched off");
}

#[test]
fn two_call_backs_that_reached_nobody_draft_a_next_step_unless_somebody_is_held_back() {
    use crate::inquiry::CallbackResult::NoAnswer;
    let tried = |house: &House, properties: &[(&str, &str)], times: usize| {
        let mut inquiry = caller(house, properties).inquiry;
        let mut last = None;
        for _ in 0..times {
            let by = UserId::from_text("user_ana");
            let after = step(
                inquiry,
                &Event::CalledBack { result: NoAnswer, note: None, by, booked_for: None },
                &house.facts(),
                when(NOW),
            );
            inquiry = after.inquiry.clone();
            last = Some(after);
        }
        last.unwrap()
    };
    let on = house(true, "suggest");
    assert!(asked(&tried(&on, &[], 1), "next_step").is_none(), "one is not yet enough");
    let after = tried(&on, &[], 2);
    let review = asked(&after, "next_step").unwrap();
    assert!(review.proposed.as_ref().unwrap().starts_with("2 call backs reached nobody."));
    assert_eq!(review.workflow, Some(Workflow::FollowUp));
    let out = tried(&on, &[("hs_email_optout", "true")], 2);
    assert!(asked(&out, "next_step").is_none() && out.inquiry.aside[&Workflow::FollowUp].contains("opted out"));
    assert!(asked(&tried(&house(false, "suggest"), &[], 2), "next_step").is_none(), "switched off");
}

#[test]
fn no_next_step_is_drafted_for_an_address_that_is_not_safe() {
    let house = house(true, "auto");
    let told = &[("email_status", "bounced", 900)];
    let after = item(&house, Workflow::FollowUp, &named("512"), told, vec![lead(&[])]);
    assert!(asked(&after, "next_step").is_none() && written(&after).is_empty());
    assert!(after.inquiry.aside[&Workflow::FollowUp].contains("bounced"));
    let told = &[("email_status", "deliverable", 900)];
    let after = item(&house, Workflow::FollowUp, &named("512"), told, vec![lead(&[])]);
    assert_eq!(written(&after).len(), 1, "{:?}", after.inquiry.aside);
}

#[test]
fn what_was_read_long_ago_is_read_again_before_an_offer_is_judged() {
    let house = house(true, "auto");
    let first = item(&house, Workflow::DormantReactivation, &named("512"), &dormant("2025-06-01"), vec![lead(&[])]);
    assert!(asked(&first, "reactivation").is_some());
    let later = when("2026-04-03T18:00:00Z");
    let again = offer_of("beta", "inactive", named("512"), &[("industry", "Retail", 900)]);
    let second = step(first.inquiry, &again, &house.facts(), later);
    assert_eq!(targets(&second), ["find"]);
    // Meanwhile the record opted out.
    let shown = found(&second.inquiry, vec![lead(&[("hs_email_optout", "true")])]);
    let third = step(second.inquiry, &shown, &house.facts(), later);
    assert!(third.inquiry.reviews.is_empty(), "{:?}", third.inquiry.reviews);
    assert!(third.inquiry.aside[&Workflow::DormantReactivation].contains("opted out"));
}

#[test]
fn who_is_switched_off_writes_nothing_any_more_not_even_what_was_asked_before() {
    let (on, off) = (house(true, "suggest"), house(false, "suggest"));
    let asked_then = item(&on, Workflow::OutboundResearch, &named("512"), FIT, vec![lead(&[])]);
    let review = asked(&asked_then, "research").unwrap().id.clone();
    let after = approve(&off, &asked_then, &review, when(NOW));
    assert_eq!((written(&after).len(), after.inquiry.reviews.len()), (0, 0));
}

#[test]
fn a_switch_is_told_as_what_it_loosens() {
    use crate::contract::diff::{Way, diff};
    let (off, on) = (house(false, "suggest").contract, house(true, "suggest").contract);
    let told = diff(&off, &on);
    assert_eq!(told.len(), 8, "{told:?}");
    assert!(told.iter().all(|c| c.way == Way::Loosens && c.clause.starts_with("workflow.")), "{told:?}");
    assert!(diff(&on, &off).iter().all(|c| c.way == Way::Tightens && c.text.ends_with("is off.")));
    let mut further = on.clone();
    further.workflows.get_mut(&Workflow::OutboundResearch).unwrap().level = Autonomy::Auto;
    assert_eq!(diff(&on, &further)[0].clause, "workflow.outbound_research.level");
}

#[test]
fn a_contract_tests_its_workflows_beside_its_rules() {
    let tests = r#"
[[test]]
name  = "a fit record is researched, and the brief is asked about"
given = { workflow = "outbound_research", crm = { "contact.email" = "dana@example.com" }, offers = { fit = "0.82", industry = "B2B SaaS" } }
then  = { research = { verdict = "review", because = "autonomy", is = "Industry: B2B SaaS (acme, 2026-03-03, 95 %)" } }

[[test]]
name  = "a prospect who is there already is nobody new"
given = { workflow = "outbound_creation", crm = { "contact.email" = "dana@example.com" }, offers = { campaign = "spring" } }
then  = { campaign_of = "none", contact = "kept" }

[[test]]
name  = "what a provider offers about a caller is asked about"
given = { source = "Google Ads", crm = { "contact.email" = "dana@example.com" }, offers = { industry = "B2B SaaS" }, provider = "beta" }
then  = { industry = "review", research = "none" }
"#;
    let text = format!("{}{}{}{tests}", contract::DEFAULT_TEXT, clauses(), switched(true, "suggest"));
    let failed: Vec<_> = contract::trial::run(&contract(&text), &crate::inquiry::house::WORDS)
        .into_iter()
        .filter(|t| !t.passed)
        .collect();
    assert_eq!(failed, Vec::new());
}

#[test]
fn a_workflow_and_its_clauses_are_checked_against_each_other() {
    let wrong = |more: &str| {
        let problems = contract::parse(&format!("{}{}{more}", contract::DEFAULT_TEXT, clauses())).1;
        problems.into_iter().map(|p| (p.code, p.cause)).collect::<Vec<_>>()
    };
    assert!(wrong("").iter().all(|(code, cause)| *code == "RB-0227" && cause.contains("no workflow feeds it")));
    let all = switched(true, "suggest");
    for (from, to, code, says) in [
        ("[workflow.outbound_research]", "[workflow.outbound_serach]", "RB-0204", "no key outbound_serach"),
        (
            "fields = [\"research\", \"industry\"]",
            "fields = [\"research\", \"industries\"]",
            "RB-0227",
            "has no clause",
        ),
        (
            "fields = [\"research\", \"industry\"]",
            "fields = [\"research\", \"urgency\"]",
            "RB-0227",
            "is fed from urgency",
        ),
        ("fields = [\"doubled\"]", "fields = []", "RB-0227", "feeds no clause"),
        ("sample = 2", "sample = 0", "RB-0206", "is 0"),
        ("stages = { marketingqualifiedlead = 0.60, salesqualifiedlead = 0.85 }", "", "RB-0227", "knows no stage"),
        ("inactive_days = 90", "score_at = 0.9", "RB-0204", "no key score_at"),
    ] {
        let found = wrong(&all.replacen(from, to, 1));
        assert!(found.iter().any(|(c, cause)| *c == code && cause.contains(says)), "{to}: {found:?}");
    }
}
