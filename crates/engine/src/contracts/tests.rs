use super::*;
use crate::audit::tests::support::World;
use crate::audit::verify_export;
use ringback_core::id::InquiryId;
use ringback_core::roster::Roster;

fn text(change: (&str, &str)) -> String {
    let text = contract::DEFAULT_TEXT.replacen(change.0, change.1, 1);
    assert_ne!(text, contract::DEFAULT_TEXT, "{change:?} changes nothing");
    text
}

const LATER: (&str, &str) = ("means      = \"", "means      = \"Later: ");

fn wish(text: &str, base: Base, who: &str, file: Option<&str>) -> Wish {
    let contract = contract::parse(text).0.unwrap();
    Wish { text: text.to_owned(), contract, base, by: By { who: who.to_owned(), file: file.map(str::to_owned) } }
}

/// A level; whoever goes on from it in these tests goes lower, for what rises passes a gate of its own.
fn autonomy(word: &str) -> String {
    text(("autonomy = \"auto-low-risk\"", &format!("autonomy = \"{word}\"")))
}

async fn applied(world: &World, wish: &Wish) -> i64 {
    match world.engine.apply_contract(&world.account, wish).await.unwrap() {
        Answer::Applied { row, .. } => row.version,
        other => panic!("not applied: {other:?}"),
    }
}

async fn refused(world: &World, wish: &Wish) -> Refused {
    match world.engine.apply_contract(&world.account, wish).await.unwrap() {
        Answer::Refused(refused) => *refused,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn the_second_of_two_who_edit_at_once_is_shown_what_the_first_changed() {
    let world = World::new().await;
    assert_eq!(applied(&world, &wish(&text(LATER), Base::Version(1), "user_ann", None)).await, 2);
    let told = refused(&world, &wish(&autonomy("observe"), Base::Version(1), "user_bob", None)).await;
    assert_eq!((told.why, told.base, told.in_force.version), (Stands::MovedOn, Some(1), 2));
    assert_eq!((told.in_force.by.as_str(), told.since.len()), ("user_ann", 1));
    let theirs: Vec<_> = told.theirs.iter().filter(|c| c.clause.starts_with("field.")).collect();
    assert_eq!(theirs.len(), 1, "{:?}", told.theirs);
    assert!(theirs[0].text.contains("Later: "), "{theirs:?}");
    assert!(told.yours.iter().any(|c| c.clause == "autonomy"));
    let problem = told.problem("say --base 2");
    assert_eq!(problem.code, "RB-0223");
    assert!(problem.cause.contains("user_ann"), "{problem:?}");
    assert_eq!(world.engine.contract(&world.account).await.unwrap().unwrap().0.version, 2, "what is in force stays");
    assert_eq!(applied(&world, &wish(&autonomy("observe"), Base::Version(2), "user_bob", None)).await, 3);
}

#[tokio::test]
async fn a_text_knows_by_its_first_line_what_it_was_made_from() {
    let world = World::new().await;
    applied(&world, &wish(&text(LATER), Base::Version(1), "user_ann", None)).await;
    let rows = world.engine.contract_versions(&world.account).await.unwrap();
    let (old, new) = (to_edit(&rows[0]), to_edit(&rows[1]));
    assert_eq!(new.lines().next(), Some("# base: missed-calls version 2"));
    let edited = new.replacen("autonomy = \"auto-low-risk\"", "autonomy = \"suggest\"", 1);
    let late = format!("{}{}", old, autonomy("observe"));
    assert_eq!(refused(&world, &wish(&late, Base::Unsaid, "user_bob", Some("/tmp/b.toml"))).await.base, Some(1));
    assert_eq!(applied(&world, &wish(&edited, Base::Unsaid, "user_bob", Some("/tmp/b.toml"))).await, 3);
    let stored = world.engine.contract_versions(&world.account).await.unwrap().pop().unwrap();
    assert!(!stored.source.contains("# base:"), "the line is of the copy, not of the rules");
    // The file goes on from what it brought itself, although its first line is older by now.
    let again = edited.replacen("autonomy = \"suggest\"", "autonomy = \"observe\"", 1);
    assert_eq!(applied(&world, &wish(&again, Base::Unsaid, "user_bob", Some("/tmp/b.toml"))).await, 4);
}

#[tokio::test]
async fn a_file_of_unknown_past_is_asked_for_its_base_once_there_are_versions_to_miss() {
    let world = World::new().await;
    let first = wish(&text(LATER), Base::Unsaid, "user_cli", Some("/home/ann/a.toml"));
    assert_eq!(applied(&world, &first).await, 2, "with one version nobody can have missed anything");
    let other = wish(&autonomy("observe"), Base::Unsaid, "user_cli", Some("/home/bob/b.toml"));
    let told = refused(&world, &other).await;
    assert_eq!((told.why, told.base), (Stands::Unsaid, None));
    assert!(!told.yours.is_empty());
    let again = wish(&autonomy("suggest"), Base::Unsaid, "user_cli", Some("/home/ann/a.toml"));
    assert_eq!(applied(&world, &again).await, 3, "the first file goes on from its own");
}

#[tokio::test]
async fn a_file_that_is_read_at_every_start_reverts_nothing_that_others_changed() {
    let world = World::new().await;
    let file = |text: &str| wish(text, Base::Settings, "settings", Some("/srv/contract.toml"));
    let (one, two) = (text(LATER), text(("means      = \"", "means      = \"Not now: ")));
    assert_eq!(applied(&world, &file(&one)).await, 2);
    assert_eq!(applied(&world, &wish(&two, Base::Version(2), "user_ann", None)).await, 3);
    // Another start with the same file: it is older than what is in force.
    assert_eq!(world.engine.file_stands(&world.account, &file(&one)).await.unwrap().unwrap().why, Stands::Older);
    let told = refused(&world, &file(&one)).await;
    assert_eq!((told.why, told.base, told.in_force.version), (Stands::Older, Some(2), 3));
    // Edited on, without having seen what is in force: neither may win silently.
    let edited = autonomy("suggest");
    let told = refused(&world, &file(&edited)).await;
    assert_eq!((told.why, told.base), (Stands::MovedOn, Some(2)));
    assert!(told.theirs.iter().any(|c| c.text.contains("Not now: ")), "{:?}", told.theirs);
    // Brought in step it says the same, and its next edit counts again.
    assert!(matches!(world.engine.apply_contract(&world.account, &file(&two)).await.unwrap(), Answer::Same(_)));
    let rows = world.engine.contract_versions(&world.account).await.unwrap();
    let copied = to_edit(&rows[2]).replacen("Not now: ", "Not yet: ", 1);
    assert_eq!(world.engine.file_stands(&world.account, &file(&copied)).await.unwrap(), None);
    let edited = rows[2].source.replacen("Not now: ", "Not yet: ", 1);
    let marked = format!("# base: missed-calls version 3\n{edited}");
    assert_eq!(applied(&world, &file(&marked)).await, 4);
    // Going back in the file, when the file brought the latest, is a change as any other.
    assert_eq!(applied(&world, &file(&one)).await, 5);
    let refusals = kinds(&world).await.into_iter().filter(|kind| kind == "contract_refused").count();
    assert_eq!(refusals, 0, "every start would tell the same again");
}

/// A file that would let more happen and does not know what is in force: it is told that, at every start, and nothing waits for it.
#[tokio::test]
async fn a_stale_file_that_raises_is_told_that_it_is_stale() {
    let world = World::new().await;
    let file = |text: &str| wish(text, Base::Settings, "settings", Some("/srv/contract.toml"));
    assert_eq!(applied(&world, &file(&text(LATER))).await, 2);
    assert_eq!(applied(&world, &wish(&autonomy("observe"), Base::Version(2), "user_ann", None)).await, 3);
    let stale = file(&autonomy("suggest"));
    let prepared = world.engine.prepare_contract(&world.account, &stale).await.unwrap();
    let answer = world.write(move |tx| Box::pin(async move { prepared.put(tx).await })).await;
    assert!(matches!(&answer, Answer::Refused(told) if told.why == Stands::MovedOn), "{answer:?}");
}

async fn kinds(world: &World) -> Vec<String> {
    world.engine.account_entries(&world.account).await.unwrap().into_iter().map(|told| told.kind).collect()
}

#[tokio::test]
async fn the_accounts_own_chain_tells_who_changed_what_and_is_verified_sealed_and_exported() {
    let world = World::new().await;
    let inquiry = world.missed_call("1").await;
    applied(&world, &wish(&text(LATER), Base::Version(1), "user_ann", None)).await;
    refused(&world, &wish(&autonomy("observe"), Base::Version(1), "user_bob", None)).await;
    let told = world.engine.account_entries(&world.account).await.unwrap();
    assert_eq!(told.iter().map(|t| t.kind.as_str()).collect::<Vec<_>>(), ["contract", "contract_refused"]);
    assert_eq!((&told[0].body["by"], &told[0].body["version"]), (&"user_ann".into(), &2.into()));
    assert!(told[0].body["changes"].to_string().contains("Later: "), "{}", told[0].body);
    assert_eq!((&told[1].body["by"], &told[1].body["in_force"]), (&"user_bob".into(), &2.into()));
    assert_eq!(told[1].body["why"], "moved_on");

    let report = world.engine.verify(&world.account).await.unwrap();
    assert!(report.ok, "{report:?}");
    assert_eq!(report.chains, 2, "the inquiry's and the account's");
    world.engine.checkpoint(&world.account).await.unwrap().unwrap();
    let chain = InquiryId::from_text(world.account.as_str());
    let exported = world.engine.export(&world.account, &chain).await.unwrap().unwrap();
    assert_eq!(verify_export(&exported), Ok(2));
    assert_eq!(exported["checkpoints"].as_array().unwrap().len(), 1, "it is sealed like every chain");
    // It holds no decision, and none of the others is disturbed by it.
    assert_eq!(world.engine.replay(&world.account, &chain).await.unwrap(), crate::audit::ReplayReport::default());
    let replayed = world.engine.replay(&world.account, &inquiry).await.unwrap();
    assert!(replayed.ok() && replayed.events > 0, "{replayed:?}");

    // A changed entry is found.
    let account = world.account.as_str().to_owned();
    let forged = world
        .engine
        .store()
        .write(Site::Other, move |tx| {
            Box::pin(async move {
                let mut row = store::entries_of(tx, &account, &account).await?.pop().unwrap();
                row.seq += 1;
                store::entries_append(tx, &[row]).await
            })
        })
        .await;
    forged.unwrap();
    assert!(!world.engine.verify(&world.account).await.unwrap().ok);
}

/// The default under another name, with properties of its own.
fn beside() -> String {
    let other = contract::DEFAULT_TEXT.replacen("contract = \"missed-calls\"", "contract = \"lifecycle\"", 1);
    let other = other.replace("\"contact.rb_", "\"contact.own_").replace("\"task.rb_", "\"task.own_");
    other
        .replace("to        = \"contact.email\"", "to        = \"contact.own_email\"")
        .replace("to             = \"contact.hubspot_owner_id\"", "to             = \"contact.own_owner\"")
}

#[tokio::test]
async fn two_contracts_in_force_never_feed_one_property() {
    let world = World::new().await;
    let shared = "to         = \"contact.rb_urgency\"";
    let other = beside().replace("to         = \"contact.own_urgency\"", shared);
    let asked = wish(&other, Base::Version(0), "user_ann", None);
    let Answer::Clashes(told) = world.engine.apply_contract(&world.account, &asked).await.unwrap() else {
        panic!("not refused")
    };
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].code, "RB-0224");
    for part in ["field.urgency of lifecycle", "field.urgency of missed-calls (version 1", "contact.rb_urgency"] {
        assert!(told[0].cause.contains(part), "{told:?}");
    }
    let at = told[0].at.clone().unwrap();
    assert_eq!(
        other[..at.start].matches('\n').count(),
        other[..other.find("[field.urgency]").unwrap()].matches('\n').count()
    );
    assert_eq!(world.engine.fit_contract(&world.account, &asked.contract, &other).await.unwrap(), Fit::Problems(told));
    assert_eq!(world.engine.contracts_in_force(&world.account).await.unwrap().len(), 1, "nothing came into force");
    // What one of them leaves alone is no question.
    let never = other.replacen("machine    = \"update\"", "machine    = \"never\"", 1);
    let never = never.replace("mandatory = [\"urgency\", ", "mandatory = [");
    assert_eq!(applied(&world, &wish(&never, Base::Version(0), "user_ann", None)).await, 1);
}

#[tokio::test]
async fn a_contract_of_another_name_stands_beside_and_replaces_none() {
    let world = World::new().await;
    let before = world.engine.contract(&world.account).await.unwrap().unwrap().0;
    let other = beside();
    let answer = world.engine.apply_contract(&world.account, &wish(&other, Base::Version(0), "user_ann", None)).await;
    let Answer::Applied { row, decides_calls, .. } = answer.unwrap() else { panic!("not applied") };
    assert_eq!((row.name.as_str(), row.version, decides_calls), ("lifecycle", 1, false));
    let after = world.engine.contract(&world.account).await.unwrap().unwrap().0;
    assert_eq!(after, before, "inquiries of calls go on by missed-calls");
    let in_force = world.engine.contracts_in_force(&world.account).await.unwrap();
    let names: Vec<_> = in_force.iter().map(|(named, _)| (named.name.as_str(), named.version)).collect();
    assert_eq!(names, [("lifecycle", 1), ("missed-calls", 1)]);
}

#[test]
fn an_account_without_missed_calls_goes_on_with_the_name_it_began_with() {
    let row = |name: &str, version: i64, applied_at: i64| ContractRow {
        account: "a".into(),
        id: format!("{name} {version}"),
        name: name.into(),
        version,
        digest: String::new(),
        source: String::new(),
        compiled: String::new(),
        applied_at,
        applied_by: String::new(),
    };
    let mut rows = vec![row("front-desk", 1, 10), row("front-desk", 2, 30), row("later", 1, 40)];
    assert_eq!(of_calls(rows.clone()).unwrap().id, "front-desk 2");
    rows.push(row(CALLS, 1, 50));
    assert_eq!(of_calls(rows).unwrap().id, "missed-calls 1");
    assert_eq!(of_calls(Vec::new()), None);
}

#[test]
fn what_is_said_around_a_copy_is_not_part_of_it() {
    let copy = "# base: missed-calls version 7\na = 1\n\n# in force: missed-calls version 7\n# contract  version";
    assert_eq!(without_mark(copy, CALLS), ("a = 1\n", Some(7)));
    assert_eq!(without_mark(copy, "another"), ("a = 1\n", None), "a copy under another name begins anew");
    assert_eq!(without_mark("a = 1\n# in force: x", CALLS), ("a = 1\n# in force: x", None));
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let problems = check("name = 1\nnonsense = true\n", &Roster::default()).unwrap_err();
    assert!(problems.len() > 1, "{problems:?}");
}

#[tokio::test]
async fn what_a_text_would_change_is_known_or_an_error_and_only_of_the_first_there_is_nothing_to_tell() {
    let world = World::new().await;
    let parsed = |text: &str| contract::parse(text).0.unwrap();
    let other = parsed(&text(("contract = \"missed-calls\"", "contract = \"after-hours\"")));
    let would = async |wished: &Contract| world.engine.would_change(&world.account, wished).await;
    assert_eq!(would(&other).await.unwrap(), None, "none of its name came before");
    let (_, held) = world.engine.contract(&world.account).await.unwrap().unwrap();
    assert_eq!(would(&held).await.unwrap(), Some(Vec::new()));
    let changes = would(&parsed(&autonomy("observe"))).await.unwrap().unwrap();
    assert_eq!(changes.iter().map(|c| c.clause.as_str()).collect::<Vec<_>>(), ["autonomy"]);
    let unread = ContractNew {
        account: world.account.to_string(),
        id: "ctr_unread".into(),
        name: other.name.clone(),
        digest: "x".into(),
        source: String::new(),
        compiled: "of another time".into(),
        applied_at: 1,
        applied_by: "user_ann".into(),
    };
    world.write(move |tx| Box::pin(async move { store::contract_insert_next(tx, &unread).await })).await;
    assert!(matches!(would(&other).await, Err(Error::Corrupt { .. })), "what nobody can read is not nothing");
}
