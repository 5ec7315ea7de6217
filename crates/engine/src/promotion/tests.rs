use super::*;
use crate::audit::tests::support::World;
use ringback_core::contract::DEFAULT_TEXT;
use ringback_core::id::{InquiryId, ReviewId};
use ringback_core::inquiry::{Choice, Review, ReviewKind};
use ringback_core::promotion::ANSWERS_MIN;
use ringback_store::After;

/// A world whose contract has a text, and says that of how much happens by itself.
async fn world(autonomy: &str) -> World {
    let world = World::new().await;
    let text = DEFAULT_TEXT.replacen("autonomy = \"auto-low-risk\"", &format!("autonomy = \"{autonomy}\""), 1);
    let text = text.replacen("means      = \"How soon", "means      = \"How very soon", 1);
    apply(&world, &text, 1).await;
    world
}

async fn apply(world: &World, text: &str, base: i64) {
    let contract = ringback_core::contract::parse(text).0.unwrap();
    let by = By { who: "user_ann".into(), file: None };
    let wish = Wish { text: text.to_owned(), contract, base: Base::Version(base), by };
    let answer = world.engine.apply_contract(&world.account, &wish).await.unwrap();
    assert!(matches!(answer, Answer::Applied { .. }), "{answer:?}");
}

/// Questions about a field, asked for that reason and answered so, each so sure.
async fn answered(world: &World, field: &'static str, because: &'static str, answers: Vec<(u16, Choice)>) {
    let open = world.engine.open_reviews(&world.account, None, None, 100, &After::start()).await.unwrap();
    let template = open.asked.into_iter().map(|a| a.review).find(|r| r.kind == ReviewKind::Field).unwrap();
    let (id, now, count) = (world.account.as_str().to_owned(), world.engine.now(), world.engine.random::<4>());
    world
        .write(move |tx| {
            Box::pin(async move {
                for (n, (sure, choice)) in answers.into_iter().enumerate() {
                    let name = format!("rev_{field}{because}{count:?}{n}");
                    let review = Review {
                        id: ReviewId::from_text(name.clone()),
                        field: Some(field.into()),
                        because: because.into(),
                        confidence: Some(sure),
                        ..template.clone()
                    };
                    let row = crate::inquire::review_row(&id, &InquiryId::from_text("inq_1"), &review, now)?;
                    store::review_insert_once(tx, &row).await?;
                    let decision = store::ReviewDecision {
                        state: "decided".into(),
                        at: micros(now),
                        by: "user_1".into(),
                        decision: serde_json::to_string(&choice).unwrap(),
                    };
                    assert!(store::review_decide_if_open(tx, &id, &name, &row.digest, &decision).await?);
                }
                Ok(())
            })
        })
        .await;
}

fn approved(n: u64) -> Vec<(u16, Choice)> {
    (0..n).map(|_| (950, Choice::Approve)).collect()
}

/// Something was taken back before.
async fn rolled_back(world: &World) {
    let id = world.account.as_str().to_owned();
    world
        .write(move |tx| {
            Box::pin(async move {
                let row = store::RollbackRow {
                    account: id.clone(),
                    id: "rb_1".into(),
                    scope: "{}".into(),
                    state: "running".into(),
                    reason: "tried".into(),
                    by_id: "user_1".into(),
                    preview_digest: String::new(),
                    preview: r#"{"restored":1,"spared":0,"records":1,"tells":[],"holds":[],"consequences":[]}"#.into(),
                    started_at: 1,
                    due_at: 1,
                    done_at: None,
                };
                let item = store::RollbackItemRow {
                    account: id.clone(),
                    rollback: "rb_1".into(),
                    n: 1,
                    inquiry: "inq_1".into(),
                    lane: "conn_crm".into(),
                    object: "contact".into(),
                    record: "501".into(),
                    fields: r#"[{"property":"rb_intent","field":"intent"}]"#.into(),
                    state: "done".into(),
                    effect: None,
                };
                store::rollback_insert(tx, &row, &[item]).await?;
                assert!(store::rollback_finish_if(tx, &id, "rb_1", 2).await?);
                Ok(())
            })
        })
        .await;
}

async fn offered(world: &World) -> Vec<String> {
    let all = world.engine.promotions(&world.account).await.unwrap();
    all.offers.into_iter().map(|offer| offer.field).collect()
}

async fn version(world: &World) -> u32 {
    world.engine.contract(&world.account).await.unwrap().unwrap().0.version
}

#[tokio::test]
async fn an_offer_comes_when_it_is_earned_and_nobody_but_a_person_and_the_gate_turn_it_on() {
    let world = world("auto-low-risk").await;
    let inquiry = world.missed_call("1").await;
    world.contact_made(&inquiry).await;
    answered(&world, "reason_code", "autonomy", approved(ANSWERS_MIN - 1)).await;
    rolled_back(&world).await;
    assert_eq!(offered(&world).await, Vec::<String>::new(), "one short");
    let few = world.engine.promotions(&world.account).await.unwrap();
    let stays = few.stays.iter().find(|s| s.field == "reason_code").unwrap();
    assert!(stays.why[0].starts_with("29 answers since 2026-03-02"), "{stays:?}");
    let asked = vec!["reason_code".to_owned()];
    let early = world.engine.draft_promotion(&world.account, &asked).await;
    let Err(Error::Told(problem)) = early else { panic!("drafted: {early:?}") };
    assert_eq!(problem.code, "RB-0246");
    // What people only let pass because somebody had set it says nothing about writing by itself.
    answered(&world, "reason_code", "person_set_it", approved(5)).await;
    assert_eq!(offered(&world).await, Vec::<String>::new());
    answered(&world, "reason_code", "autonomy", approved(1)).await;
    assert_eq!(offered(&world).await, ["reason_code"]);
    assert_eq!(version(&world).await, 2, "an offer changes nothing");

    let drafted = world.engine.draft_promotion(&world.account, &asked).await.unwrap();
    let clauses: Vec<&str> = drafted.changes.iter().map(|c| c.clause.as_str()).collect();
    assert_eq!((drafted.base, clauses), (2, vec!["field.reason_code.autonomy"]));
    assert_eq!(drafted.lines.len(), 1, "{:?}", drafted.lines);
    let other = world.engine.promote(&world.account, &asked, (2, "other"), "user_ann").await;
    assert!(matches!(other, Err(Error::MovedOn(_))), "exactly what was shown, or nothing");
    let (answer, _) = world.engine.promote(&world.account, &asked, (2, &drafted.digest), "user_ann").await.unwrap();
    let Answer::NotReady(problems) = answer else { panic!("the gate let it through: {answer:?}") };
    assert!(problems.iter().all(|p| p.code == "RB-0240"), "{problems:?}");
    assert_eq!(version(&world).await, 2);
    // A clause that says something else has to earn it anew.
    let row = world.engine.contract_versions(&world.account).await.unwrap().pop().unwrap();
    world.clock.forward(SignedDuration::from_mins(1));
    apply(&world, &row.source.replacen("Why the caller called, as", "Why somebody called, as", 1), 2).await;
    assert_eq!(offered(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_persons_word_makes_a_version_of_exactly_the_offered_clauses_and_the_chain_says_on_what_figures() {
    let world = world("auto").await;
    let inquiry = world.missed_call("1").await;
    world.contact_made(&inquiry).await;
    rolled_back(&world).await;
    // An open question lends its form.
    let taken = (0..40).map(|n| (800 + n, Choice::Approve)).collect();
    answered(&world, "reason_code", "below_write_threshold", taken).await;
    assert_eq!(offered(&world).await, ["reason_code"]);
    let before = world.engine.contract_versions(&world.account).await.unwrap().pop().unwrap();
    let asked = vec!["reason_code".to_owned()];
    let drafted = world.engine.draft_promotion(&world.account, &asked).await.unwrap();
    let confirmed = (drafted.base, drafted.digest.as_str());
    let (answer, text) = world.engine.promote(&world.account, &asked, confirmed, "user_ann").await.unwrap();
    let Answer::Applied { row, changes, .. } = answer else { panic!("not applied: {answer:?}") };
    assert_eq!((row.version, row.applied_by.as_str(), &row.source), (3, "user_ann", &text));
    let clauses: Vec<&str> = changes.iter().map(|c| c.clause.as_str()).collect();
    assert_eq!(clauses, ["field.reason_code.write_at"]);
    let same = text.lines().zip(before.source.lines()).filter(|(a, b)| a == b).count();
    assert_eq!((same + 1, text.lines().count()), (before.source.lines().count(), before.source.lines().count()));
    let told = world.engine.account_entries(&world.account).await.unwrap();
    let kinds: Vec<&str> = told.iter().map(|e| e.kind.as_str()).collect();
    assert_eq!(kinds.last_chunk::<2>(), Some(&["contract", "promotion"]));
    let body = &told.last().unwrap().body;
    assert_eq!(
        (&body["fields"][0]["field"], &body["by"], &body["version"]),
        (&"reason_code".into(), &"user_ann".into(), &3.into())
    );
    assert!(world.engine.verify(&world.account).await.unwrap().ok);
    assert_eq!(offered(&world).await, Vec::<String>::new(), "what was earned was used");
    let again = world.engine.promote(&world.account, &asked, confirmed, "user_ann").await;
    assert!(matches!(again, Err(Error::Told(_))), "{again:?}");
}

#[tokio::test]
async fn what_its_own_tests_forbid_is_refused_with_the_test() {
    let world = world("auto").await;
    let row = world.engine.contract_versions(&world.account).await.unwrap().pop().unwrap();
    let test = "\n[[test]]\nname = \"a reason that is not sure is asked about\"\ngiven = { autonomy = \"auto\", \
        claims = { reason_code = { value = \"pricing_question\", confidence = 0.85 } } }\nthen = { reason_code = \"review\" }\n";
    apply(&world, &format!("{}{test}", row.source), 2).await;
    let inquiry = world.missed_call("1").await;
    world.contact_made(&inquiry).await;
    rolled_back(&world).await;
    let taken = (0..40).map(|n| (800 + n, Choice::Approve)).collect();
    answered(&world, "reason_code", "below_write_threshold", taken).await;
    let asked = vec!["reason_code".to_owned()];
    let drafted = world.engine.draft_promotion(&world.account, &asked).await.unwrap();
    let confirmed = (drafted.base, drafted.digest.as_str());
    let (answer, text) = world.engine.promote(&world.account, &asked, confirmed, "user_ann").await.unwrap();
    let Answer::Clashes(problems) = answer else { panic!("its test expects a question: {answer:?}") };
    assert_eq!(problems[0].code, "RB-0221");
    let at = problems[0].at.clone().unwrap();
    assert!(text[at.start..].contains("not sure is asked about"), "{}", &text[at.start..]);
    assert_eq!(version(&world).await, 3);
}

#[tokio::test]
async fn workflows_go_on_asking_until_their_figures_stand_above_the_bars() {
    let world = world("auto-low-risk").await;
    let inquiry = world.missed_call("1").await;
    world.contact_made(&inquiry).await;
    let of = async || world.engine.promotions(&world.account).await.unwrap().workflows.remove(0);
    assert!(of().await.keeps.unwrap().starts_with("0 answers"));
    answered(&world, "reason_code", "autonomy", approved(27)).await;
    let no = Choice::Reject { reason: "no".into(), code: None };
    answered(&world, "intent", "below_write_threshold", vec![(700, no.clone()), (700, no.clone()), (700, no)]).await;
    let now = of().await;
    assert_eq!((now.name.as_str(), now.level, now.keeps), ("missed-calls", "auto-low-risk", None));
    assert_eq!((now.record.taken, now.record.refused), (27, 3));
}

#[tokio::test]
async fn a_version_that_cannot_be_read_does_not_let_what_was_answered_under_it_count() {
    let world = world("auto-low-risk").await;
    let since = async || {
        let all = world.engine.promotions(&world.account).await.unwrap();
        all.stays.into_iter().find(|stays| stays.field == "reason_code").unwrap().record.since
    };
    let began = world.engine.now();
    assert_eq!(since().await, Some(began));
    world.clock.forward(SignedDuration::from_mins(1));
    let row = world.engine.contract_versions(&world.account).await.unwrap().pop().unwrap();
    apply(&world, &row.source.replacen("How very soon", "How soon", 1), 2).await;
    assert_eq!(since().await, Some(began), "another clause was changed");
    world.tamper("UPDATE contracts SET compiled = '{}' WHERE version = 2");
    assert_eq!(since().await, Some(world.engine.now()), "whether it said the same is not known");
}
