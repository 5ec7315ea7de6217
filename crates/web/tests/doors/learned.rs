//! What people taught it: counters, the weekly review, spot-checks.

use crate::world::*;

#[tokio::test]
async fn given_one_of_each_all_six_counters_are_one() {
    let world = World::new().await;
    let (house, inquiry) = two_calls(&world).await;
    let token = house.token(world.engine.store(), "admin", 41).await;
    let asked = questions(&world, &token).await;
    let of = |field: &str| {
        asked.iter().find(|q| q["field"] == field).unwrap_or_else(|| panic!("{field}: {asked:?}")).clone()
    };
    for (field, choice) in [
        ("reason_code", json!({ "choice": "approve" })),
        ("urgency", json!({ "choice": "edit", "value": "this_week" })),
        ("budget", json!({ "choice": "reject", "code": "misheard" })),
    ] {
        let (question, mut body) = (of(field), choice);
        body["digest"] = question["digest"].clone();
        let path = format!("/api/v1/reviews/{}/decide", question["id"].as_str().unwrap());
        let answer = world.api_post(&token, &path, field, &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    }
    let event = ringback_core::inquiry::Event::Doubled { others: vec!["777".into()] };
    world.engine.act(&house.account, &InquiryId::from_text(inquiry.as_str()), event).await.unwrap();
    let doubled = questions(&world, &token).await.into_iter().find(|q| q["kind"] == "doubled").unwrap();
    let apart = json!({ "choice": "pick", "id": "apart", "digest": doubled["digest"] });
    let path = format!("/api/v1/reviews/{}/decide", doubled["id"].as_str().unwrap());
    assert_eq!(world.api_post(&token, &path, "apart", &apart).await.status, StatusCode::OK);
    let given = json!({ "event": "assigned", "to": "staff_silvercorp" });
    let path = format!("/api/v1/inquiries/{inquiry}/events");
    assert_eq!(world.api_post(&token, &path, "given", &given).await.status, StatusCode::OK);

    // What happened at this very moment belongs to what comes.
    world.clock.0.fetch_add(1_000_000, std::sync::atomic::Ordering::Relaxed);
    let learned = world.api(&token, "/api/v1/contract/learned").await.json();
    let six = json!({ "accepted": 1, "edited": 1, "rejected": 1, "false_duplicates": 1, "routing_corrections": 1, "missing": 1 });
    assert_eq!(learned["total"], six, "{learned}");
    let clauses = learned["clauses"].as_array().unwrap();
    let clause =
        |name: &str| clauses.iter().find(|c| c["clause"] == name).unwrap_or_else(|| panic!("{name}: {learned}"));
    assert_eq!(
        (&clause("field.reason_code")["accepted"], &clause("field.reason_code")["missing"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(clause("field.urgency")["edited"], 1);
    assert_eq!(clause("field.budget")["rejected"], 1);
    assert_eq!(clause("match")["false_duplicates"], 1);
    let routed = clauses.iter().find(|c| c["routing_corrections"] == 1).unwrap();
    assert!(routed["clause"].as_str().unwrap().starts_with("owner"), "the rule that was put right: {routed}");
    assert_eq!(learned["cut"], json!([]));

    // The weekly review has the same figures; another time and another account have none of them.
    let weekly = world.api(&token, "/api/v1/reviews/weekly").await.json();
    assert_eq!(weekly["total"], six);
    let before = world.api(&token, "/api/v1/contract/learned?days=7&until=2026-11-09T00:00:00Z").await.json();
    assert_eq!(before["clauses"], json!([]));
    let other = world.west.token(world.engine.store(), "read", 42).await;
    let theirs = world.api(&other, "/api/v1/contract/learned").await.json();
    assert_eq!((&theirs["total"]["accepted"], &theirs["total"]["routing_corrections"]), (&json!(0), &json!(0)));
    for wrong in ["days=0", "days=367", "days=x", "until=monday"] {
        let answer = world.api(&token, &format!("/api/v1/contract/learned?{wrong}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}: {}", answer.body);
    }
}

#[tokio::test]
async fn the_weekly_review_is_read_by_whoever_reads_all_and_nothing_is_turned_on_by_others() {
    let world = World::new().await;
    let (house, _) = two_calls(&world).await;
    world.engine.project_writes(&house.account).await.unwrap();
    let (rae, cal, eve) = (
        world.sign_in("rae@example.com").await,
        world.sign_in("cal@example.com").await,
        world.sign_in("eve@example.com").await,
    );
    assert_eq!(world.page(&cal, "/reviews/weekly").await.status, StatusCode::FORBIDDEN);
    for cookie in [&rae, &eve] {
        let page = world.page(cookie, "/reviews/weekly").await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        for part in [
            "Updates that were corrected",
            "Rules that were uncertain",
            "Handoffs that helped",
            "What goes on asking",
            "No field has earned it yet",
        ] {
            assert!(page.body.contains(part), "{part}");
        }
        assert!(page.body.contains("field.urgency"), "the rules that asked are named");
    }
    // Nothing is earned: neither shown nor made, by nobody.
    let csrf = world.csrf(&rae).await;
    let shown = world.page(&rae, "/contract/promotion?field:reason_code=1").await;
    assert!(shown.status == StatusCode::CONFLICT && shown.body.contains("RB-0246"), "{}", shown.body);
    assert_eq!(world.page(&rae, "/contract/promotion").await.status, StatusCode::BAD_REQUEST);
    let form = |csrf: &str| format!("csrf={csrf}&base=1&digest=x&field%3Areason_code=1");
    assert_eq!(world.form("/contract/promotion", &rae, &form(&csrf)).await.status, StatusCode::CONFLICT);
    assert_eq!(
        world.form("/contract/promotion", &rae, "base=1&digest=x&field%3Areason_code=1").await.status,
        StatusCode::FORBIDDEN
    );
    for cookie in [&cal, &eve] {
        let csrf = world.csrf(cookie).await;
        assert_eq!(world.form("/contract/promotion", cookie, &form(&csrf)).await.status, StatusCode::FORBIDDEN);
    }
    let store = world.engine.store();
    let (read, write) = (house.token(store, "read", 43).await, house.token(store, "write", 44).await);
    assert_eq!(world.api(&read, "/api/v1/contract/promotions").await.json()["offers"], json!([]));
    let fields = json!({ "fields": ["reason_code"] });
    let draft = world.api_post(&read, "/api/v1/contract/promotions/draft", "d", &fields).await;
    assert_eq!((draft.status, draft.code().as_str()), (StatusCode::CONFLICT, "RB-0246"));
    let confirm = json!({ "fields": ["reason_code"], "base": 1, "digest": "x" });
    for (n, token) in [&read, &write].into_iter().enumerate() {
        let answer = world.api_post(token, "/api/v1/contract/promotions", &format!("c{n}"), &confirm).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.body);
    }
    assert_eq!(world.engine.contract(&house.account).await.unwrap().unwrap().0.version, 1);
}

#[tokio::test]
async fn a_spot_check_stands_among_the_values_also_on_the_page_of_one_caller() {
    let world = World::new().await;
    let (house, inquiry) = two_calls(&world).await;
    let drawn = spot_checked(&world, &house).await;
    let token = house.token(world.engine.store(), "read", 45).await;
    let checks = world.api(&token, "/api/v1/reviews?kind=spot_check").await.json();
    let checks = checks["data"].as_array().unwrap();
    assert_eq!(checks.len(), drawn);
    let theirs: Vec<&str> =
        checks.iter().filter(|q| q["inquiry"] == inquiry.as_str()).map(|q| q["id"].as_str().unwrap()).collect();
    assert!(!theirs.is_empty(), "{checks:?}");
    let rae = world.sign_in("rae@example.com").await;
    for path in ["/reviews".to_owned(), format!("/reviews?inquiry={inquiry}")] {
        let page = world.page(&rae, &path).await.body;
        let marisol = of_caller(&page, "Marisol Alvarez");
        // Asked later than a value, it stands below it.
        let value = marisol.find("Budget: 2,500 USD?").unwrap_or_else(|| panic!("{path}: {marisol}"));
        for id in &theirs {
            let check = marisol.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("{path}, {id}: {marisol}"));
            assert!(check > value, "{path}: {marisol}");
        }
    }
}

#[tokio::test]
async fn for_whoever_was_reached_no_clock_runs_beside_what_is_still_asked() {
    let world = World::new().await;
    let (house, inquiry) = two_calls(&world).await;
    spot_checked(&world, &house).await;
    let rae = world.sign_in("rae@example.com").await;
    let caller = |page: &str, who: &str| {
        let of = page.split("<section class=\"caller").find(|part| part.contains(&format!("data-open>{who}</a>")));
        of.unwrap_or_else(|| panic!("{who}: {page}")).to_owned()
    };
    let marisol = caller(&world.page(&rae, "/reviews").await.body, "Marisol Alvarez");
    assert!(marisol.starts_with(" past urgent\"") && marisol.contains("data-since"), "{marisol}");
    let token = house.token(world.engine.store(), "write", 45).await;
    let reached = json!({ "event": "called_back", "result": "reached", "note": null });
    let path = format!("/api/v1/inquiries/{inquiry}/events");
    assert_eq!(world.api_post(&token, &path, "reached", &reached).await.status, StatusCode::OK);
    let page = world.page(&rae, "/reviews").await.body;
    let marisol = caller(&page, "Marisol Alvarez");
    assert!(marisol.contains("Was this right"), "it is asked all the same: {marisol}");
    assert!(marisol.starts_with('"'), "neither late nor urgent: {marisol}");
    for gone in ["data-since", "past due", "class=\"wait\""] {
        assert!(!marisol.contains(gone), "{gone}: {marisol}");
    }
    assert!(caller(&page, "(775) 555-0177").contains("data-since"), "whoever waits still does: {page}");
}

#[tokio::test]
async fn a_spot_check_is_answered_beside_the_other_questions_and_what_is_wrong_can_be_taken_back() {
    let world = World::new().await;
    let (house, _) = two_calls(&world).await;
    let drawn = spot_checked(&world, &house).await;
    assert!(drawn >= 3, "{drawn}");
    let token = house.token(world.engine.store(), "write", 45).await;
    let checks: Vec<Value> =
        questions(&world, &token).await.into_iter().filter(|q| q["kind"] == "spot_check").collect();
    assert_eq!(checks.len(), drawn);
    let id = |n: usize| checks[n]["id"].as_str().unwrap().to_owned();
    let digest = |n: usize| checks[n]["digest"].as_str().unwrap().to_owned();

    let (rae, cal, out) = (
        world.sign_in("rae@example.com").await,
        world.sign_in("cal@example.com").await,
        world.sign_in("out@example.com").await,
    );
    let page = world.page(&cal, "/reviews").await.body;
    assert!(page.contains("Was this right") && page.contains(&id(0)), "beside the other questions");
    assert!(!world.page(&out, "/reviews").await.body.contains(&id(0)), "of another location");
    let form = async |cookie: &str, n: usize, rest: &str| {
        let csrf = world.csrf(cookie).await;
        world.form(&format!("/reviews/{}", id(n)), cookie, &format!("csrf={csrf}&digest={}&{rest}", digest(n))).await
    };
    assert_eq!(form(&out, 0, "choice=approve").await.status, StatusCode::NOT_FOUND);
    let right = form(&cal, 0, "choice=approve&back=/reviews").await;
    assert_eq!((right.status, right.to()), (StatusCode::SEE_OTHER, "/reviews"));
    let wrong = form(&rae, 1, "choice=reject&reason=not+so").await;
    assert_eq!((wrong.status, wrong.to()), (StatusCode::SEE_OTHER, format!("/reviews?wrong={}", id(1)).as_str()));
    let told = world.page(&rae, wrong.to()).await.body;
    assert!(told.contains("is noted as wrong") && told.contains("/rollbacks/preview?inquiry="), "{told}");
    let theirs = world.page(&cal, wrong.to()).await.body;
    assert!(
        theirs.contains("is noted as wrong") && !theirs.contains("/rollbacks/preview"),
        "who may not take back is not led there"
    );
    assert!(!world.page(&out, wrong.to()).await.body.contains("is noted as wrong"));
    assert_eq!(form(&rae, 1, "choice=approve").await.status, StatusCode::CONFLICT, "answered already");

    let body = json!({ "choice": "reject", "reason": "no", "digest": checks[2]["digest"] });
    let answer = world.api_post(&token, &format!("/api/v1/reviews/{}/decide", id(2)), "third", &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let scope = answer.json()["take_back"].clone();
    assert_eq!(scope["field"], checks[2]["field"], "{scope}");
    let admin = house.token(world.engine.store(), "admin", 46).await;
    let preview = world.api_post(&admin, "/api/v1/rollbacks/preview", "p", &scope).await;
    assert_eq!(preview.status, StatusCode::OK, "the offer leads to a preview: {}", preview.body);

    world.clock.0.fetch_add(1_000_000, std::sync::atomic::Ordering::Relaxed);
    let weekly = world.api(&token, "/api/v1/reviews/weekly").await.json();
    assert_eq!(weekly["checks"]["waiting"], json!(drawn - 3));
    let sum = |what: &str| weekly["clauses"].as_array().unwrap().iter().map(|c| c[what].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("checked"), sum("wrong")), (3, 2));
    let corrected = weekly["corrected"].as_array().unwrap();
    assert!(corrected.len() == 2 && corrected.iter().all(|c| c["seen"] == "spot_check"), "{corrected:?}");
    let page = world.page(&rae, "/reviews/weekly").await.body;
    assert!(page.contains("a spot-check says so") && page.contains("nobody said what is right"), "{page}");
}
