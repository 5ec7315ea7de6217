//! What waits for a person, asked and answered.

use crate::world::*;

#[tokio::test]
async fn reviews_stand_by_caller_whoever_loses_most_by_waiting_first_and_words_are_shown_once() {
    let world = World::new().await;
    let sam = world.sign_in("sam@example.com").await;
    let page = world.page(&sam, "/reviews").await.body;
    let callers: Vec<&str> = page.split("data-caller").skip(1).collect();
    assert!(callers.len() > 5, "{}", callers.len());
    assert!(callers[0].contains("Marisol Alvarez") && callers[0].contains("emergency"), "{}", callers[0]);
    let place = |who: &str| callers.iter().position(|part| part.contains(&format!("data-open>{who}</a>"))).unwrap();
    assert!(place("Paula Green") < place("Dale Whitaker"), "no heat before an estimate");
    assert!(place("Marisol Alvarez") < place("No caller ID"), "a withheld number is no emergency");
    let questions = page.matches("class=\"review\"").count();
    assert!(
        page.contains(&format!("{questions} questions")) && page.contains(&format!("{} callers", callers.len())),
        "{page}"
    );
    // What was said stands once, with what each part of it is about; not again beside each question.
    let dale = of_caller(&page, "Dale Whitaker");
    assert!(dale.matches("class=\"review\"").count() > 2, "{dale}");
    assert_eq!(dale.matches("the budget is around 2,500 dollars").count(), 1, "{dale}");
    assert!(dale.contains("<mark>") && dale.contains("> budget, kind of call, reason, service</small>"), "{dale}");
    // An amount has its currency, a level its name, a figure its threshold; nothing of a program's own words.
    assert!(dale.contains("Budget: 2,500 USD?"), "{dale}");
    for gone in ["then read back", "email_domain", ".write_at", ".autonomy", "missed-calls", "a person is asked</dd>"] {
        assert!(!page.contains(gone), "{gone}: {page}");
    }
    assert!(page.contains("Now (level auto-low-risk): only suggested. At auto: written from"), "{page}");
    assert!(
        page.contains("only suggested at the level that holds (level auto-low-risk)"),
        "the link names the level: {page}"
    );
    assert!(page.contains("sure; at level auto it is written from 90 %"), "{page}");
    // A no is opened when it is wanted.
    assert!(dale.contains("<details><summary>Reject</summary>"), "{dale}");
}

#[tokio::test]
async fn who_a_caller_is_is_asked_with_what_was_said_and_what_each_record_holds() {
    let world = World::new().await;
    let sam = world.sign_in("sam@example.com").await;
    let page = world.page(&sam, "/reviews").await.body;
    let paula = of_caller(&page, "Paula Green");
    assert!(paula.contains("Who is this caller?"), "{paula}");
    let asked = paula.split("Who is this caller?").nth(1).unwrap().split("</li>\n").next().unwrap();
    for part in [
        "\u{201c}paula@example.com\u{201d}",
        "(602) 555-0151",
        "paula.old@example.com",
        ">differs, same domain</b>",
        ">the same</b>",
    ] {
        assert!(asked.contains(part) || paula.contains(part), "{part}: {paula}");
    }
    assert!(!paula.contains("agrees but") && !paula.contains("email_domain"), "{paula}");
    assert!(paula.contains("My e-mail is paula@example.com"), "and the words stand above it: {paula}");
}

#[tokio::test]
async fn together_shows_what_the_crm_holds_and_ticks_nothing_that_would_replace_it() {
    let world = World::new().await;
    let sam = world.sign_in("sam@example.com").await;
    let page = world.page(&sam, "/reviews?because=accountability").await.body;
    let line = |who: &str| {
        let found = page
            .split("data-row")
            .find(|part| part.contains(&format!("data-open>{who}</a>")) && part.contains("Budget:"));
        found.unwrap_or_else(|| panic!("{who}: {page}")).to_owned()
    };
    let (jane, dale) = (line("Jane Miller"), line("Dale Whitaker"));
    assert!(jane.contains("4,000 USD") && !jane.contains("checked"), "{jane}");
    assert!(dale.contains("checked") && dale.contains("CRM holds") && dale.contains(">nothing<"), "{dale}");
    assert!(page.contains("is not ticked"), "and it is said: {page}");
}

#[tokio::test]
async fn a_field_that_somebody_answers_for_is_not_a_coordinators_to_decide() {
    let world = World::new().await;
    let account = world.west.account.clone();
    let of = account.to_string();
    let rows = world
        .engine
        .store()
        .read(move |tx| {
            Box::pin(async move { store::reviews_open(tx, &of, Some("field"), None, 9, &After::start()).await })
        })
        .await
        .unwrap();
    world
        .west
        .user(world.engine.store(), "co@example.com", "Co", "coordinator", &["phoenix", "tucson"], "ring back")
        .await;
    let cookie = world.sign_in("co@example.com").await;
    let csrf = world.csrf(&cookie).await;
    let mut seen = Vec::new();
    for row in rows {
        let review = ringback_core::id::ReviewId::from_text(&row.id);
        let act = world.engine.act_of_review(&account, &review).await.unwrap().unwrap();
        let form = format!("csrf={csrf}&choice=reject&reason=no&digest={}", row.digest);
        let answer = world.form(&format!("/reviews/{}", row.id), &cookie, &form).await;
        if answer.status == StatusCode::NOT_FOUND {
            continue;
        }
        let may = ringback_core::rights::Role::Coordinator.may(act);
        let expected = if may { StatusCode::SEE_OTHER } else { StatusCode::FORBIDDEN };
        assert_eq!(answer.status, expected, "{act:?}: {}", answer.body);
        seen.push(act);
    }
    assert!(!seen.is_empty());
}

#[tokio::test]
async fn a_review_is_decided_about_exactly_what_was_shown() {
    let world = World::new().await;
    let token = world.west.token(world.engine.store(), "write", 1).await;
    let list = world.api(&token, "/api/v1/reviews?kind=field").await.json();
    let review = list["data"][0].clone();
    let path = format!("/api/v1/reviews/{}/decide", review["id"].as_str().unwrap());
    let stale = world.api_post(&token, &path, "a", &json!({ "digest": "other", "choice": "approve" })).await;
    assert_eq!((stale.status, stale.code().as_str()), (StatusCode::CONFLICT, "RB-0134"), "{}", stale.body);
    let decision = json!({ "digest": review["digest"], "choice": "reject", "reason": "said in jest" });
    let done = world.api_post(&token, &path, "b", &decision).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    let left = world.api(&token, "/api/v1/reviews?kind=field").await.json();
    let ids: Vec<&str> = left["data"].as_array().unwrap().iter().map(|r| r["id"].as_str().unwrap()).collect();
    assert!(!ids.contains(&review["id"].as_str().unwrap()));
}

#[tokio::test]
async fn every_kind_of_question_is_listed_by_its_word() {
    let world = World::new().await;
    let token = world.west.token(world.engine.store(), "read", 1).await;
    for kind in ringback_core::inquiry::ReviewKind::ALL.map(ringback_core::inquiry::ReviewKind::word) {
        let found = world.api(&token, &format!("/api/v1/reviews?kind={kind}")).await;
        assert_eq!(found.status, StatusCode::OK, "{kind}: {}", found.body);
        let asked = found.json()["data"].as_array().unwrap().clone();
        assert!(asked.iter().all(|q| q["kind"] == kind), "{kind}: {}", found.body);
    }
    assert_eq!(world.api(&token, "/api/v1/reviews?kind=odd").await.code(), "RB-0131");
}

#[tokio::test]
async fn reviews_that_one_reason_stopped_are_answered_together_each_for_itself() {
    let world = World::new().await;
    let token = world.west.token(world.engine.store(), "admin", 1).await;
    let list = world.api(&token, "/api/v1/reviews?kind=field").await.json();
    let all = list["data"].as_array().unwrap();
    let alike_to = |one: &Value| all.iter().filter(|r| r["because"] == one["because"]).collect::<Vec<&Value>>();
    let alike = all.iter().map(alike_to).max_by_key(Vec::len).unwrap();
    assert!(alike.len() > 1, "{all:?}");
    assert!(alike.iter().all(|r| r["contract"]["version"].is_number()), "the version that asks is named");
    let mut items: Vec<Value> = alike.iter().map(|r| json!({ "id": r["id"], "digest": r["digest"] })).collect();
    items[0]["digest"] = "other".into();
    let decision = json!({ "items": items, "choice": "reject", "code": "misheard" });
    let done = world.api_post(&token, "/api/v1/reviews/decide", "a", &decision).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    let became = done.json()["data"].clone();
    assert_eq!(became[0]["became"], "late");
    assert_eq!(became[0]["now"]["asked"]["digest"], alike[0]["digest"], "the question of now is told with its digest");
    assert!(became.as_array().unwrap()[1..].iter().all(|b| b["became"] == "done"), "{became}");
    let silent = json!({ "items": items[..1], "choice": "reject" });
    assert_eq!(world.api_post(&token, "/api/v1/reviews/decide", "b", &silent).await.code(), "RB-0135");
    let reads = world.west.token(world.engine.store(), "read", 2).await;
    assert_eq!(world.api_post(&reads, "/api/v1/reviews/decide", "c", &decision).await.code(), "RB-0602");
}

#[tokio::test]
async fn an_answer_in_the_console_that_comes_too_late_shows_what_stands_there_now() {
    let world = World::new().await;
    let cookie = world.sign_in("sam@example.com").await;
    let csrf = world.csrf(&cookie).await;
    let token = world.west.token(world.engine.store(), "read", 1).await;
    let review = world.api(&token, "/api/v1/reviews?kind=field").await.json()["data"][0].clone();
    let path = format!("/reviews/{}", review["id"].as_str().unwrap());
    let answer = world.form(&path, &cookie, &format!("csrf={csrf}&choice=approve&digest=other")).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    let again = format!("href=\"#{}\"", review["id"].as_str().unwrap());
    assert!(answer.body.contains("role=\"alert\"") && answer.body.contains(&again), "{}", answer.body);
    // Together: what was not taken is named, and nothing of it counts.
    let because = review["because"].as_str().unwrap();
    let page = world.page(&cookie, &format!("/reviews?because={because}")).await;
    let item = format!("name=\"item:{}\"", review["id"].as_str().unwrap());
    assert!(page.body.contains(&item), "{}", page.body);
    let form = format!("csrf={csrf}&choice=approve&item:{}=other", review["id"].as_str().unwrap());
    let told = world.form("/reviews/together", &cookie, &form).await;
    assert_eq!(told.status, StatusCode::CONFLICT, "{}", told.body);
    let none = world.form("/reviews/together", &cookie, &format!("csrf={csrf}&choice=approve")).await;
    assert_eq!(none.status, StatusCode::BAD_REQUEST);
}
