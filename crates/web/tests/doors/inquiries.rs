//! Inquiries at the doors: handed over, taken, told alike on every page.

use crate::world::*;

#[tokio::test]
async fn a_coordinator_takes_calls_and_says_how_it_went() {
    let world = World::new().await;
    let dana = world.sign_in("dana@example.com").await;
    let today = world.page(&dana, "/").await.body;
    // The first row of the page is the emergency, whoever rang more or later.
    let first = today.split("data-row").nth(1).unwrap();
    assert!(first.contains("Marisol Alvarez") && first.contains("emergency"), "{first}");
    let id = first.split("/inquiries/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let csrf = world.csrf(&dana).await;
    let taken = world.form(&format!("/inquiries/{id}/take"), &dana, &format!("csrf={csrf}&back=/")).await;
    assert_eq!((taken.status, taken.to()), (StatusCode::SEE_OTHER, "/"), "{}", taken.body);
    let calling = world.page(&dana, "/").await.body;
    assert!(calling.split("id=\"group-calling\"").nth(1).is_some_and(|s| s.contains("Marisol Alvarez")));
    let said = format!("csrf={csrf}&result=reached&note=is+on+the+way&back=//evil.example");
    let called = world.form(&format!("/inquiries/{id}/called"), &dana, &said).await;
    assert_eq!((called.status, called.to()), (StatusCode::SEE_OTHER, "/"), "{}", called.body);
    let inquiry = world.engine.inquiry(&world.west.account, &InquiryId::from_text(&id)).await.unwrap().unwrap();
    assert_eq!(inquiry.callbacks.len(), 1);
    assert!(!world.page(&dana, "/").await.body.contains("Marisol Alvarez"), "who was reached waits no more");
    assert!(world.page(&dana, &format!("/inquiries/{id}")).await.body.contains("is on the way"));
}

#[tokio::test]
async fn an_inquiry_is_handed_over_in_six_parts() {
    let mut world = World::new().await;
    let store = world.engine.store().clone();
    let words = Some("We are not interested any more, please take me off your list and do not call me again.");
    let done = support::Story { number: Some("(480) 555-0171"), words, ..support::Story::default() };
    world.west.tell(&store, &done).await;
    let sam = world.sign_in("sam@example.com").await;
    let today = world.page(&sam, "/").await.body;
    let of = |who: &str| today.split(&format!(">{who}</a>")).next().unwrap().rsplit("/inquiries/").next().unwrap();
    let page = |who: &str| format!("/inquiries/{}", of(who).split('"').next().unwrap());

    let dale = world.page(&sam, &page("Dale Whitaker")).await.body;
    let who = part(&dale, "Who");
    assert!(
        who.contains("Dale Whitaker") && who.contains("95 % sure") && who.contains("my name is Dale Whitaker"),
        "{who}"
    );
    let why = part(&dale, "Why they called");
    assert!(
        why.contains("new water heater") && why.contains("418 West Palm Lane") && why.contains("2,500 USD"),
        "{why}"
    );
    assert_eq!(why.matches("the budget is around 2,500 dollars").count(), 1, "the same words stand once: {why}");
    assert!(why.contains("same words"), "{why}");
    let class = part(&dale, "Class");
    assert!(
        class.contains("this week") && class.contains("80 % sure") && class.contains("This week would be great."),
        "{class}"
    );
    let todo = part(&dale, "Do this");
    assert!(todo.contains("Call (480) 555-0119 by 9:00 AM") && todo.contains("I would like an estimate"), "{todo}");
    assert!(todo.contains("Promise no price"), "{todo}");
    assert!(part(&dale, "Conflict").contains("None"), "{dale}");

    let bare = world.page(&sam, &page("<bdi>(602) 555-0177</bdi>")).await.body;
    for heading in ["Who", "Class", "Missing"] {
        assert!(part(&bare, heading).contains("unknown"), "what nobody said stays unknown: {}", part(&bare, heading));
    }
    assert!(!part(&bare, "Class").contains("% sure"), "{}", part(&bare, "Class"));
    assert!(part(&bare, "Why they called").contains("No message left."));
    let done = world.page(&sam, &page("<bdi>(480) 555-0171</bdi>")).await.body;
    let todo = part(&done, "Do this");
    assert!(todo.contains("asked not to be called") && !todo.contains("(480) 555-0171"), "{todo}");
    let withheld = world.page(&sam, &page("No caller ID")).await.body;
    assert!(
        withheld.contains("/reviews?inquiry=") && !withheld.contains("href=\"tel:"),
        "no dead end without a number"
    );
    assert!(part(&withheld, "Do this").contains("which number can be called"), "{}", part(&withheld, "Do this"));
}

#[tokio::test]
async fn what_waits_for_the_crm_is_told_with_its_end() {
    let world = World::new().await;
    let token = world.west.token(world.engine.store(), "read", 1).await;
    let all = world.api(&token, "/api/v1/connections").await.json();
    let all = all["data"].as_array().unwrap();
    let crm = all.iter().find(|c| c["kind"] == "crm").unwrap();
    let waiting = crm["waiting"].as_i64().unwrap();
    assert!(waiting > 0, "the sample has nothing for the CRM: {crm}");
    assert_eq!(crm["drain"]["waiting"], waiting);
    let gone_at: jiff::Timestamp = crm["drain"]["gone_at"].as_str().unwrap().parse().unwrap();
    assert!(gone_at > world.engine.now(), "{crm}");
    assert!(all.iter().filter(|c| c["kind"] != "crm").all(|c| c.get("drain").is_none()));
    let sam = world.sign_in("sam@example.com").await;
    let page = world.page(&sam, "/connections").await.body;
    assert!(page.contains("all of it is sent about") && page.contains("1 request at"), "{page}");
}

#[tokio::test]
async fn a_proof_is_shown_listed_and_taken_along() {
    let world = World::new().await;
    let sam = world.sign_in("sam@example.com").await;
    assert!(world.page(&sam, "/proof").await.body.contains("No proof yet"));
    let day: jiff::civil::Date = MONDAY.get(..10).unwrap().parse().unwrap();
    let day = day.yesterday().unwrap();
    let account = AccountId::from_text(world.west.account.to_string());
    let proved = world.engine.prove(&account, day, false, None, &|_| {}).await.unwrap();
    let token = world.west.token(world.engine.store(), "read", 9).await;
    let listed = world.api(&token, "/api/v1/proofs").await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    assert_eq!(listed["data"][0]["hash"], proved.row.hash.as_str());
    assert!(listed["data"][0]["file"].is_null(), "lists are short");
    let one = world.api(&token, "/api/v1/proofs/1").await.json();
    assert_eq!(one["file"], proved.row.body.as_str());
    assert_eq!(world.api(&token, "/api/v1/proofs/x").await.status, StatusCode::NOT_FOUND);
    let page = world.page(&sam, "/proof").await.body;
    assert!(page.contains("0 lost. 0 doubled.") && page.contains(&proved.row.hash), "{page}");
    let file = world.page(&sam, "/proof/1/file").await;
    assert!(file.headers[header::CONTENT_DISPOSITION].to_str().unwrap().starts_with("attachment"));
    let sound = ringback_engine::prove::check(file.body.as_bytes(), None).unwrap();
    assert!(ringback_web::proof_document(&sound, None).unwrap().contains("Proof of no loss"));
    let print = world.page(&sam, "/proof/1/print").await;
    let policy = print.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(
        print.body.contains("Proof of no loss") && policy.starts_with("default-src 'none'; style-src 'unsafe-inline'")
    );
    assert!(!policy.contains("script"), "{policy}");
    assert!(world.page("", "/proof/1/print").await.to().starts_with("/sign-in"));
    assert_eq!(world.page(&sam, "/proof/2/print").await.status, StatusCode::NOT_FOUND);
    let north = world.north.token(world.engine.store(), "read", 10).await;
    assert_eq!(world.api(&north, "/api/v1/proofs/1").await.status, StatusCode::NOT_FOUND, "another account's");
    assert_eq!(world.api(&token, "/api/v1/runbook").await.json()["data"].as_array().unwrap().len(), 16);
}

#[tokio::test]
async fn whoever_did_something_is_called_by_words_on_every_page() {
    let (world, _) = World::with(true).await;
    let (house, inquiry) = two_calls(&world).await;
    let story = support::Story {
        number: Some("(602) 555-0121"),
        words: Some("Hi, this is Ida Brandt. My budget is 3000 dollars, please call me back."),
        records: vec![("Ida", "Brandt", "customer")],
        holds: vec![("rb_budget", "2000")],
        approved_by: Some("tok_copper_admin"),
        ..support::Story::default()
    };
    let mut west = world.west;
    let ida = west.tell(world.engine.store(), &story).await;
    let world = World { west, ..world };
    let token = world.west.token(world.engine.store(), "admin", 9).await;
    let sam = world.sign_in("sam@example.com").await;
    let all = world.inquiries(&world.west).await;
    let [taken, wary] = [all.iter().find(|id| **id != ida.to_string()).unwrap().clone(), ida.to_string()];
    let took = json!({ "event": "taken" });
    let answer = world.api_post(&token, &format!("/api/v1/inquiries/{taken}/events"), "take", &took).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let answer = world.api_post(&token, "/api/v1/opt-outs", "opt out", &json!({ "inquiry": wary })).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let scope = Scope { field: Some(FIELD.into()), ..Scope::default() };
    let shown = world.engine.preview_rollback(&world.west.account, &scope).await.unwrap();
    let by = UserId::from_text("user_cli");
    let back = world.engine.start_rollback(&world.west.account, &scope, &shown.digest, "wrong", &by).await.unwrap();
    let (program, shell) = ("a program with a token", "the command line");
    for (path, said) in [
        ("/".to_owned(), program),
        (format!("/inquiries/{wary}"), program),
        (format!("/t/contact/{RECORD}?field=rb_budget"), program),
        ("/rollbacks".to_owned(), shell),
        (format!("/rollbacks/{back}"), shell),
    ] {
        let page = world.page(&sam, &path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.body);
        // The ledger itself is shown as it is kept.
        let told = page.body.split("<ol class=\"entries\"").next().unwrap();
        assert!(told.contains(said), "{path}: {told}");
        for id in ["tok_copper", "user_cli", "or the API"] {
            assert!(!told.contains(id), "{path} shows {id}: {told}");
        }
    }
    // Of a correction too.
    spot_checked(&world, &house).await;
    let token = house.token(world.engine.store(), "admin", 45).await;
    let checks = world.api(&token, "/api/v1/reviews?kind=spot_check").await.json();
    let check = checks["data"].as_array().unwrap().iter().find(|q| q["inquiry"] == inquiry.as_str()).unwrap().clone();
    let no = json!({ "choice": "reject", "reason": "no", "digest": check["digest"] });
    let path = format!("/api/v1/reviews/{}/decide", check["id"].as_str().unwrap());
    assert_eq!(world.api_post(&token, &path, "no", &no).await.status, StatusCode::OK);
    world.clock.0.fetch_add(1_000_000, std::sync::atomic::Ordering::Relaxed);
    let rae = world.sign_in("rae@example.com").await;
    let weekly = world.page(&rae, "/reviews/weekly").await.body;
    assert!(weekly.contains("a spot-check says so") && weekly.contains(program), "{weekly}");
}

#[tokio::test]
async fn whom_a_workflow_is_about_is_called_alike_on_every_page() {
    use ringback_core::inquiry::Inquiry;
    use ringback_core::offer::Subject;
    use ringback_core::workflow::Workflow;
    let world = World::new().await;
    let (account, now) = (world.west.account.clone(), MONDAY.parse().unwrap());
    let id = InquiryId::new(now, [77; 10]);
    let subject = Subject { email: Some("kim@example.com".into()), ..Subject::default() };
    let of = (Workflow::OutboundResearch, subject);
    let inquiry = Inquiry::of_workflow(id.clone(), account.clone(), of, None, None, now);
    let snapshot = serde_json::to_string(&inquiry).unwrap();
    let (account, name) = (account.to_string(), id.to_string());
    let unit = world.engine.store().write(store::Site::Other, move |tx| {
        Box::pin(async move {
            let dead = store::effects_dead(tx, &account, 1).await?.remove(0);
            let row = store::inquiry_get(tx, &account, &dead.inquiry).await?.unwrap();
            let row = store::InquiryRow { id: name.clone(), snapshot, open_key: None, location: None, ..row };
            assert!(store::inquiry_insert_once(tx, &row).await?);
            store::effect_insert(tx, &[store::EffectRow { id: "eff_kim".into(), inquiry: name, ..dead }]).await?;
            Ok(())
        })
    });
    unit.await.unwrap();
    let sam = world.sign_in("sam@example.com").await;
    for path in ["/dead-letters".to_owned(), format!("/inquiries/{id}")] {
        let page = world.page(&sam, &path).await.body;
        assert!(page.contains("kim@example.com") && !page.contains("No caller ID"), "{path}: {page}");
    }
}

#[tokio::test]
async fn a_figure_that_was_cut_says_so() {
    let world = World::new().await;
    support::earned(world.engine.store(), &world.west).await;
    let (account, inquiry) = (world.west.account.to_string(), world.inquiries(&world.west).await.remove(0));
    let at = MONDAY.parse::<Timestamp>().unwrap().as_microsecond() - 1;
    let sam = world.sign_in("sam@example.com").await;
    world.clock.0.fetch_add(1_000_000, std::sync::atomic::Ordering::Relaxed);
    let heading = async || {
        let page = world.page(&sam, "/reviews/weekly").await.body;
        let (_, rest) = page.split_once("id=\"corrected\">").unwrap_or_else(|| panic!("{page}"));
        rest.split("</h2>").next().unwrap().to_owned()
    };
    assert!(heading().await.contains(">1<"), "{}", heading().await);
    let unit = world.engine.store().write(store::Site::Other, move |tx| {
        Box::pin(async move {
            let writes: Vec<_> =
                (8_000..8_100).map(|seq| support::reason_written(&account, &inquiry, seq, at)).collect();
            store::field_writes_put_once(tx, &writes).await?;
            store::corrections_put_once(tx, &writes.iter().map(support::corrected).collect::<Vec<_>>()).await?;
            Ok(())
        })
    });
    unit.await.unwrap();
    assert!(heading().await.contains(">100+<"), "{}", heading().await);
    let token = world.west.token(world.engine.store(), "read", 9).await;
    let weekly = world.api(&token, "/api/v1/reviews/weekly").await.json();
    assert_eq!((weekly["corrected"].as_array().unwrap().len(), &weekly["corrected_more"]), (100, &json!(true)));
}
