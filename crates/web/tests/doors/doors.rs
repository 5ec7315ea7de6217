//! What holds for every door: repeats, pages, hooks, markup.

use crate::world::*;

#[tokio::test]
async fn a_repeated_request_is_answered_and_not_done_again() {
    let world = World::new().await;
    let token = world.west.token(world.engine.store(), "write", 1).await;
    let id = world.inquiries(&world.west).await.remove(0);
    let path = format!("/api/v1/inquiries/{id}/events");
    let called = json!({ "event": "called_back", "result": "no_answer", "note": null });
    let first = world.api_post(&token, &path, "same", &called).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.body);
    let again = world.api_post(&token, &path, "same", &called).await;
    assert_eq!((again.status, &again.body), (StatusCode::OK, &first.body));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let inquiry = world.engine.inquiry(&world.west.account, &InquiryId::from_text(&id)).await.unwrap().unwrap();
    assert_eq!(inquiry.callbacks.len(), 1, "done once");
    let other = world.api_post(&token, &path, "same", &json!({ "event": "taken" })).await;
    assert_eq!((other.status, other.code().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "RB-0133"));
    for key in ["", &"x".repeat(256)] {
        assert_eq!(world.api_post(&token, &path, key, &called).await.code(), "RB-0132");
    }
    let bad = world.api_post(&token, &path, "bad", &json!({ "event": "eaten" })).await;
    assert_eq!((bad.status, bad.code().as_str()), (StatusCode::BAD_REQUEST, "RB-0103"));
}

#[tokio::test]
async fn pages_of_the_api_go_on_where_they_ended() {
    let world = World::new().await;
    let token = world.west.token(world.engine.store(), "read", 1).await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.api(&token, &format!("/api/v1/inquiries?limit=5{cursor}")).await.json();
        seen.extend(page["data"].as_array().unwrap().iter().map(|i| i["id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, world.inquiries(&world.west).await);
    for bad in ["limit=0", "limit=201", "limit=x", "cursor=x", "cursor=a.b", "state=odd"] {
        assert_eq!(world.api(&token, &format!("/api/v1/inquiries?{bad}")).await.code(), "RB-0131", "{bad}");
    }
    assert_eq!(world.api(&token, "/api/v1/trace?object=contact").await.code(), "RB-0131");
    assert_eq!(world.api(&token, "/api/v1/nothing").await.code(), "RB-0130");
}

#[tokio::test]
async fn a_hook_is_stored_whole_before_it_is_acknowledged_and_host_is_not_believed() {
    let world = World::new().await;
    let count = async || {
        let account = world.west.account.to_string();
        world
            .engine
            .store()
            .read(move |tx| Box::pin(async move { store::signals_list(tx, &account, None, 100, &Before::end()).await }))
            .await
            .unwrap()
    };
    let before = count().await.len();
    let request = Request::post("/hooks/conn_copper_calls/post-call?x=%31")
        .header("host", "evil.example")
        .header("content-type", "application/json")
        .header("x-odd", "ÿ")
        .body(Body::from("{\"id\":\"CAL1\"}"))
        .unwrap();
    let answer = world.send(request).await;
    assert!(answer.status.is_success() || answer.status.is_client_error(), "{}", answer.status);
    let rows = count().await;
    assert_eq!(rows.len(), before + 1, "answered {} without storing", answer.status);
    let newest = rows.first().unwrap().clone();
    assert_eq!(newest.state, "quarantined");
    let (account, id) = (world.west.account.to_string(), newest.document.clone());
    let document = world
        .engine
        .store()
        .read(move |tx| Box::pin(async move { store::document_get(tx, &account, &id).await }))
        .await
        .unwrap()
        .unwrap();
    let body = document.body.unwrap();
    assert!(body.contains("https://calls.example.com/hooks/conn_copper_calls/post-call?x=%31"), "{body}");

    let mut many = Request::post("/hooks/conn_copper_calls/post-call");
    for n in 0..120 {
        many = many.header(format!("x-{n}"), "1");
    }
    let refused = world.send(many.body(Body::empty()).unwrap()).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (431, "RB-0136"));
    let huge = Request::post("/hooks/conn_copper_calls/post-call").body(Body::from(vec![b'x'; 17 << 20])).unwrap();
    let refused = world.send(huge).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (413, "RB-0102"));
    assert_eq!(count().await.len(), before + 1);
}

#[tokio::test]
async fn every_page_is_small_guarded_and_needs_a_session() {
    let world = World::new().await;
    let sam = world.sign_in("sam@example.com").await;
    let id = world.inquiries(&world.west).await.remove(0);
    let inquiry = format!("/inquiries/{id}");
    for path in ["/", "/reviews", "/dead-letters", "/connections", "/proof", "/runbook", &inquiry, "/?fragment=1"] {
        let page = world.page(&sam, path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.body);
        assert!(page.body.len() < 100_000, "{path}: {} bytes", page.body.len());
        assert!(!page.body.contains(" style=") && !page.body.contains("<style"), "{path} has inline style");
        assert!(!page.body.contains(" onclick") && !page.body.contains("<script>"), "{path} has inline script");
        let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.headers[header::CACHE_CONTROL], "no-store");
        assert!(world.page("", path).await.to().starts_with("/sign-in"), "{path} without a session");
    }
    let lost = world.page(&sam, "/nothing/here").await;
    assert_eq!(lost.status, StatusCode::NOT_FOUND);
    let page = world.page(&sam, "/").await.body;
    let css = page.split("href=\"/assets/").find(|s| s.starts_with("console-")).unwrap().split('"').next().unwrap();
    let style = world.page("", &format!("/assets/{css}")).await;
    assert_eq!(style.headers[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
    for (path, says) in
        [("/live", "live"), ("/ready", "ready"), ("/metrics", "ringback_inquiries_open{account=\"acct_copper\"")]
    {
        assert!(world.page("", path).await.body.contains(says), "{path}");
    }
}

#[tokio::test]
async fn names_from_outside_cannot_become_markup() {
    let world = World::new().await;
    let mut west = world.west;
    let story = support::Story {
        number: Some("(602) 555-0111"),
        directory: Some("<script>alert(1)</script>"),
        source: Some("\"><img src=x onerror=alert(1)>"),
        ..support::Story::default()
    };
    let id = west.tell(world.engine.store(), &story).await;
    let world = World { west, ..world };
    let sam = world.sign_in("sam@example.com").await;
    for path in ["/".to_owned(), format!("/inquiries/{id}"), "/?find=%3Cscript%3E".to_owned()] {
        let page = world.page(&sam, &path).await.body;
        assert!(!page.contains("<script>") && !page.contains("<img"), "{path}");
    }
}
