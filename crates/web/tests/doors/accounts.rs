//! Who gets in where, and who sees what: accounts, agencies, roles, tokens.

use crate::world::*;

#[tokio::test]
async fn what_one_account_holds_no_route_shows_or_changes_for_another() {
    let (world, _) = World::with(true).await;
    world.rolled_back(FIELD).await;
    let token = world.north.token(world.engine.store(), "admin", 9).await;
    let theirs = world.ids(&world.west).await;
    assert!(theirs.len() >= 15, "inquiries, a call, reviews, a dead letter, a quarantined signal: {theirs:?}");
    let before = world.held(&world.west.account).await;
    let document = world.send(Request::get("/api/openapi.json").body(Body::empty()).unwrap()).await.json();
    let mut knocked = 0;
    let mut routes = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        routes.extend(operations.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())));
    }
    for (method, path) in routes {
        let named = path.contains("{id}") || path.contains("{seq}");
        let targets: Vec<String> = if named {
            theirs.iter().map(|id| path.replace("{id}", id).replace("{seq}", id)).collect()
        } else {
            let query = format!("object=contact&record={RECORD}&property=rb_urgency&number=%2B16025550142");
            vec![format!("{}?{query}", path.replace("{field}", "urgency"))]
        };
        let body = match path.rsplit('/').next() {
            Some("events") => json!({ "event": "taken" }),
            Some("decide") if named => json!({ "digest": "x", "choice": "approve" }),
            // Without a reason nothing of it counts.
            Some("decide") => {
                json!({ "items": theirs.iter().map(|id| json!({ "id": id, "digest": "x" })).collect::<Vec<_>>(), "choice": "reject" })
            }
            Some("contract") => json!({ "text": "", "base": 1 }),
            Some("backtest") => json!({ "text": "" }),
            // Of everything that was ever written: nobody may.
            Some("preview") => json!({}),
            Some("rollbacks") => json!({ "scope": {}, "digest": "x", "reason": "no" }),
            // Of fields that nobody named.
            Some("draft") => json!({ "fields": [] }),
            Some("promotions") => json!({ "fields": [], "base": 1, "digest": "x" }),
            Some("opt-outs") => json!({ "number": "their number" }),
            Some("clear") => json!({ "number": "+16025550142", "reason": "they never opted out here" }),
            // Who answers for a guarantee says why.
            Some("level") => json!({ "level": "observe", "answer_for": [3] }),
            Some("under") => json!({ "object": "contact", "record": RECORD, "property": "rb_urgency", "version": 1 }),
            _ => Value::Null,
        };
        for target in targets {
            knocked += 1;
            let answer = match method.as_str() {
                "get" => world.api(&token, &target).await,
                _ => world.api_post(&token, &target, &target, &body).await,
            };
            // Named by what the CRM calls it.
            let record = path.ends_with("/audit/record") || path.ends_with("/trace/under");
            let expected = match (named || record, method.as_str()) {
                (true, _) => StatusCode::NOT_FOUND,
                (false, "get") => StatusCode::OK,
                (false, _) => StatusCode::UNPROCESSABLE_ENTITY,
            };
            assert_eq!(answer.status, expected, "{method} {target}: {}", answer.body);
            for word in ["Alvarez", "Copper", "6025550142", "acct_copper"] {
                assert!(!answer.body.contains(word), "{target} shows {word}");
            }
        }
    }
    assert!(knocked > 60, "{knocked}");
    for (n, id) in theirs.iter().enumerate() {
        let body = json!({ "inquiry": id, "reason": "no" });
        for (path, body) in [("opt-outs", json!({ "inquiry": id })), ("opt-outs/clear", body)] {
            let answer = world.api_post(&token, &format!("/api/v1/{path}"), &format!("{path}{n}"), &body).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path} {id}: {}", answer.body);
        }
    }
    assert_eq!(world.held(&world.west.account).await, before, "something of the other account changed");
}

/// The console's own table of routes: one that is added is knocked at too.
const CONSOLE: &str = include_str!("../../src/console/mod.rs");

#[tokio::test]
async fn no_page_and_no_click_reaches_what_another_account_holds() {
    let (world, _) = World::with(true).await;
    world.rolled_back(FIELD).await;
    let store = world.engine.store();
    let theirs = world.ids(&world.west).await;
    world.north.user(store, "rita@example.com", "Rita", "admin", &[], "ring back").await;
    let before = world.held(&world.west.account).await;
    let cookie = world.sign_in("rita@example.com").await;
    let csrf = world.csrf(&cookie).await;
    let routes = CONSOLE.lines().filter_map(|line| {
        let (path, handlers) = line.trim().strip_prefix(".route(\"")?.split_once("\", ")?;
        path.contains('{').then(|| (path, handlers.contains("get("), handlers.contains("post(")))
    });
    let mut knocked = 0;
    for (path, gets, posts) in routes {
        for id in &theirs {
            let target = path.replace("{id}", id).replace("{seq}", id);
            let target = target.replace("{object}", "contact").replace("{*id}", id);
            if gets {
                let answer = world.page(&cookie, &target).await;
                assert_eq!(answer.status, StatusCode::NOT_FOUND, "GET {target}");
            }
            if posts {
                let to = &world.north.roster.staff[0].id;
                let form = format!("csrf={csrf}&result=reached&to={to}&choice=approve&digest=x&reason=no");
                let answer = world.form(&target, &cookie, &form).await;
                assert_eq!(answer.status, StatusCode::NOT_FOUND, "POST {target}: {}", answer.body);
            }
            knocked += 1;
        }
    }
    assert!(knocked > 60, "{knocked}");
    assert_eq!(world.held(&world.west.account).await, before, "something of the other account changed");
}

#[tokio::test]
async fn an_agency_sees_its_clients_and_no_client_sees_another() {
    let world = World::new().await;
    let store = world.engine.store();
    for house in [&world.west, &world.north] {
        house.user(store, "amy@agency.example", "Amy", "agency", &[], "ring back").await;
    }
    let amy = world.sign_in("amy@agency.example").await;
    let first = world.page(&amy, "/").await.body;
    let csrf = world.csrf(&amy).await;
    let (_, rest) = first.split_once("name=\"account\" value=\"").expect("another account to go to");
    let there = rest.split('"').next().unwrap().to_owned();
    let id = world.inquiries(&world.west).await.remove(0);
    let take = world.form(&format!("/inquiries/{id}/take"), &amy, &format!("csrf={csrf}")).await;
    assert!([StatusCode::FORBIDDEN, StatusCode::NOT_FOUND].contains(&take.status), "{}", take.status);
    let switched = world.form("/account", &amy, &format!("csrf={csrf}&account={there}")).await;
    assert_eq!(switched.status, StatusCode::SEE_OTHER, "one sign-in counts in both: {}", switched.body);
    let set = switched.headers.get(header::SET_COOKIE).unwrap().to_str().unwrap();
    let cookie = set.split(';').next().unwrap();
    for path in ["/", "/reviews", "/dead-letters", "/connections", "/proof", "/runbook"] {
        assert_eq!(world.page(cookie, path).await.status, StatusCode::OK, "{path}");
    }
    // Each account with what waits there, by the rights that she has in it.
    let clients = world.page(cookie, "/clients").await;
    assert_eq!(clients.status, StatusCode::OK);
    for house in [&world.west, &world.north] {
        let account = house.account.to_string();
        let now = world.engine.now().as_microsecond();
        let (open, reviews) = world
            .engine
            .store()
            .read(move |tx| {
                Box::pin(async move {
                    let queues = store::queue_counts(tx, &account, None, now).await?;
                    Ok((
                        queues.iter().map(|q| q.open).sum::<i64>(),
                        store::reviews_open_count(tx, &account, None).await?,
                    ))
                })
            })
            .await
            .unwrap();
        assert!(open > 0);
        let name = if house.account == world.west.account { "Copper" } else { "Nordlicht" };
        let (_, row) = clients.body.split_once(&format!("<th scope=\"row\">{name}")).expect(name);
        let row = row.split("</tr>").next().unwrap();
        assert!(row.contains(&format!("data-label=\"Open inquiries\">{open}<")), "{name}: {row}");
        let waits = if reviews > 0 { format!("<b class=\"ask\">{reviews}</b>") } else { ">0<".to_owned() };
        assert!(row.contains(&waits), "{name}: {row}");
    }
    assert!(clients.body.contains("name=\"account\" value=\"acct_"), "and the way there");
    // A client's own person has no other account to go to, and none is named.
    let dana = world.sign_in("dana@example.com").await;
    for path in ["/", "/clients"] {
        let page = world.page(&dana, path).await;
        assert!(page.status == StatusCode::OK && !page.body.contains("Nordlicht"), "{path}");
    }
    // Of an account that is joined a coordinator counts what is theirs there.
    world.north.user(store, "dana@example.com", "Dana", "coordinator", &["nowhere"], "ring back").await;
    let page = world.page(&dana, "/clients").await.body;
    let (_, row) = page.split_once("<th scope=\"row\">Nordlicht").expect("joined by now");
    let row = row.split("</tr>").next().unwrap();
    assert!(row.contains("data-label=\"Open inquiries\">0<") && row.contains("data-label=\"Last proof\">–<"), "{row}");
}

#[tokio::test]
async fn an_address_alone_opens_no_other_account() {
    let world = World::new().await;
    let store = world.engine.store();
    // Somebody gives the address of an admin of the one account a user and a password in the other.
    world.west.user(store, "rita@example.com", "Rita", "admin", &[], "a secret of theirs").await;
    world.north.user(store, "rita@example.com", "Not Rita", "coordinator", &[], "ring back").await;
    let cookie = world.sign_in("rita@example.com").await;
    assert!(world.page(&cookie, "/").await.body.contains("Not Rita"));
    let csrf = world.csrf(&cookie).await;
    let account = world.west.account.to_string();
    let refused = world.form("/account", &cookie, &format!("csrf={csrf}&account={account}")).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND, "{}", refused.body);
    assert!(refused.headers.get(header::SET_COOKIE).is_none());
    assert!(world.page(&cookie, "/").await.body.contains("Not Rita"), "they stay where they were");
    // Whoever runs the one account does not even learn that the other knows the address.
    for path in ["/", "/clients"] {
        let page = world.page(&cookie, path).await;
        assert!(page.status == StatusCode::OK && !page.body.contains("Copper"), "{path}: {}", page.body);
    }
    let form = |password: &str| format!("email=rita@example.com&password={password}&next=/&account={account}");
    assert_eq!(world.form("/sign-in", "", &form("ring+back")).await.status, StatusCode::UNAUTHORIZED);
    let there = world.form("/sign-in", "", &form("a+secret+of+theirs")).await;
    assert_eq!(there.status, StatusCode::SEE_OTHER, "with the password of that account it opens");
}

#[tokio::test]
async fn pages_stay_within_their_account_and_a_switch_needs_a_user_there() {
    let world = World::new().await;
    let sam = world.sign_in("sam@example.com").await;
    let today = world.page(&sam, "/").await;
    assert!(today.body.contains("Marisol Alvarez") && !today.body.contains("Anke"), "{}", today.body);
    for id in world.inquiries(&world.north).await {
        assert_eq!(world.page(&sam, &format!("/inquiries/{id}")).await.status, StatusCode::NOT_FOUND);
    }
    let csrf = world.csrf(&sam).await;
    let switched = world.form("/account", &sam, &format!("csrf={csrf}&account=acct_nord")).await;
    assert_eq!(switched.status, StatusCode::SEE_OTHER, "{}", switched.body);
    let cookie = switched.headers.get(header::SET_COOKIE).unwrap().to_str().unwrap().split(';').next().unwrap();
    let north = world.page(cookie, "/").await;
    assert!(north.body.contains("Nordlicht Klima") && !north.body.contains("Alvarez"));
    assert!(world.page(&sam, "/").await.to().starts_with("/sign-in"), "the old session is over");
    let dana = world.sign_in("dana@example.com").await;
    let csrf = world.csrf(&dana).await;
    let refused = world.form("/account", &dana, &format!("csrf={csrf}&account=acct_nord")).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn roles_bound_what_is_seen_and_done() {
    let world = World::new().await;
    let (dana, ada, sam) = (
        world.sign_in("dana@example.com").await,
        world.sign_in("ada@example.com").await,
        world.sign_in("sam@example.com").await,
    );
    let all = world.page(&sam, "/").await.body;
    let hers = world.page(&dana, "/").await.body;
    assert!(all.contains("Ruth Feldman") && !hers.contains("Ruth Feldman"), "Tucson is not Dana's");
    let (_, rest) =
        all.split_once("Ruth Feldman").map(|(before, _)| before.rsplit_once("/inquiries/").unwrap()).unwrap();
    let ruth = rest.split('"').next().unwrap();
    assert_eq!(world.page(&dana, &format!("/inquiries/{ruth}")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.page(&sam, &format!("/inquiries/{ruth}")).await.status, StatusCode::OK);
    let csrf = world.csrf(&dana).await;
    let take = world.form(&format!("/inquiries/{ruth}/take"), &dana, &format!("csrf={csrf}")).await;
    assert_eq!(take.status, StatusCode::NOT_FOUND);
    for path in ["/dead-letters", "/connections", "/proof", "/runbook", "/rollbacks", "/proof/1"] {
        if path == "/proof/1" {
            assert_eq!(world.page(&ada, path).await.status, StatusCode::NOT_FOUND, "there is none yet");
            continue;
        }
        assert_eq!(world.page(&dana, path).await.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(world.page(&ada, path).await.status, StatusCode::OK, "{path}");
    }
    let before = world.held(&world.west.account).await;
    let csrf = world.csrf(&ada).await;
    let forms = [
        format!("/inquiries/{ruth}/take"),
        format!("/inquiries/{ruth}/called"),
        "/connections/quarantine/sig_quarantined/accept".to_owned(),
        "/dead-letters/eff_x/replay".to_owned(),
        "/rollbacks".to_owned(),
        "/rollbacks/rb_x/lift".to_owned(),
    ];
    for path in forms {
        let answer = world.form(&path, &ada, &format!("csrf={csrf}&result=reached")).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert!(answer.body.contains("RB-0606"), "{path}");
    }
    assert_eq!(world.held(&world.west.account).await, before, "an auditor changes nothing");
}

#[tokio::test]
async fn a_form_without_its_token_changes_nothing() {
    let world = World::new().await;
    let sam = world.sign_in("sam@example.com").await;
    let csrf = world.csrf(&sam).await;
    let before = world.held(&world.west.account).await;
    let id = world.inquiries(&world.west).await.remove(0);
    for form in ["", "csrf=", "csrf=0000", &format!("csrf={csrf}0")] {
        for path in [format!("/inquiries/{id}/take"), "/sign-out".to_owned(), "/reviews/rev_x".to_owned()] {
            let answer = world.form(&path, &sam, form).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {form}");
            assert!(answer.body.contains("RB-0605"));
        }
    }
    let cross = Request::post(format!("/inquiries/{id}/take"))
        .header("cookie", &sam)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "cross-site")
        .body(Body::from(format!("csrf={csrf}")))
        .unwrap();
    assert_eq!(world.send(cross).await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.held(&world.west.account).await, before);
}

#[tokio::test]
async fn tokens_do_what_their_scope_says() {
    let world = World::new().await;
    let store = world.engine.store().clone();
    let (read, write, admin) = (
        world.west.token(&store, "read", 1).await,
        world.west.token(&store, "write", 2).await,
        world.west.token(&store, "admin", 3).await,
    );
    let id = world.inquiries(&world.west).await.remove(0);
    let path = format!("/api/v1/inquiries/{id}/events");
    let taken = json!({ "event": "taken" });
    assert_eq!(world.api(&read, "/api/v1/inquiries").await.status, StatusCode::OK);
    let refused = world.api_post(&read, &path, "k1", &taken).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::FORBIDDEN, "RB-0602"));
    assert_eq!(world.api_post(&write, &path, "k1", &taken).await.status, StatusCode::OK);
    let accept = "/api/v1/signals/sig_quarantined/accept";
    assert_eq!(world.api_post(&write, accept, "k2", &json!({})).await.code(), "RB-0602");
    let accepted = world.api_post(&admin, accept, "k2", &json!({})).await;
    assert_eq!(accepted.status, StatusCode::OK, "{}", accepted.body);
    for bad in ["", "rbt_wrong", &read[..20]] {
        let answer = world.api(bad, "/api/v1/inquiries").await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::UNAUTHORIZED, "RB-0601"));
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json");
    }
    let account = world.west.account.to_string();
    store
        .write(store::Site::Setup, move |tx| {
            Box::pin(async move { store::token_revoke(tx, &account, "tok_copper_read", 1).await })
        })
        .await
        .unwrap();
    assert_eq!(world.api(&read, "/api/v1/inquiries").await.code(), "RB-0601");
}

#[tokio::test]
async fn signing_in_is_limited_and_tells_nobody_who_exists() {
    let world = World::new().await;
    let try_in = async |email: &str, password: &str| {
        world.form("/sign-in", "", &format!("email={email}&password={password}&next=/")).await
    };
    let (wrong, unknown) = (try_in("ada@example.com", "x").await, try_in("nobody@example.com", "x").await);
    assert_eq!((wrong.status, unknown.status), (StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED));
    assert_eq!(wrong.body, unknown.body);
    for _ in 0..7 {
        try_in("ada@example.com", "x").await;
    }
    let paused = try_in("ada@example.com", "ring+back").await;
    assert_eq!(paused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(paused.body.contains("RB-0604"));
    world.clock.0.fetch_add(16 * 60 * 1_000_000, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(try_in("ada@example.com", "ring+back").await.status, StatusCode::SEE_OTHER);
    let cookie = world.sign_in("ada@example.com").await;
    world.clock.0.fetch_add(13 * 3600 * 1_000_000, std::sync::atomic::Ordering::Relaxed);
    assert!(world.page(&cookie, "/reviews").await.to().starts_with("/sign-in?next=/reviews"), "sessions end");
}
