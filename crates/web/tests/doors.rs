//! The doors, knocked on: a real store, the real engine, every route.

#![allow(
    clippy::allow_attributes,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "a test may stop at what it did not expect"
)]

mod support;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode, header};
use jiff::Timestamp;
use ringback_core::id::{AccountId, InquiryId, RollbackId, UserId};
use ringback_core::rollback::Scope;
use ringback_engine::{Engine, Settings};
use ringback_store::{self as store, After, Before};
use ringback_web::{WebOptions, router};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use support::{House, MONDAY, Shelf, Still};
use tower::ServiceExt as _;

/// A field that the sample's contacts were made with.
const FIELD: &str = "lead_location";
/// A contact that the one account found in its CRM, and the other has none of.
const RECORD: &str = "10051";

struct World {
    router: Router,
    engine: Engine,
    west: House,
    north: House,
    clock: Arc<Still>,
    _dir: tempfile::TempDir,
}

/// What came back.
struct Answer {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
    fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
    fn to(&self) -> &str {
        self.headers.get(header::LOCATION).map_or("", |v| v.to_str().unwrap())
    }
}

impl World {
    async fn new() -> Self {
        Self::with(false).await.0
    }

    /// With a CRM that shows what was written, or with none that answers.
    async fn with(shows: bool) -> (Self, Shelf) {
        let dir = tempfile::tempdir().unwrap();
        let store = support::sqlite(dir.path()).await;
        let now: Timestamp = MONDAY.parse().unwrap();
        let (west, north) = support::sample(&store, now).await;
        let clock = Arc::new(Still(AtomicI64::new(now.as_microsecond())));
        let settings = Settings { public_url: "https://calls.example.com".into(), ..Settings::default() };
        let shelf = Shelf::of(&store, &west.account).await;
        let engine = if shows {
            support::engine_with(store, clock.clone(), settings, Arc::new(shelf.clone()))
        } else {
            support::engine(store, clock.clone(), settings)
        };
        let router = router(engine.clone(), WebOptions::default());
        (Self { router, engine, west, north, clock, _dir: dir }, shelf)
    }

    /// Takes back what the contract in force wrote to one field.
    async fn rolled_back(&self, field: &str) -> RollbackId {
        let scope = Scope { field: Some(field.into()), ..Scope::default() };
        let shown = self.engine.preview_rollback(&self.west.account, &scope).await.unwrap();
        let by = UserId::from_text("user_copper_sam");
        self.engine.start_rollback(&self.west.account, &scope, &shown.digest, "wrong", &by).await.unwrap()
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 4 << 20).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    async fn api(&self, token: &str, path: &str) -> Answer {
        let request = Request::get(path).header("authorization", format!("Bearer {token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn api_post(&self, token: &str, path: &str, key: &str, body: &Value) -> Answer {
        let request = Request::post(path)
            .header("authorization", format!("Bearer {token}"))
            .header("idempotency-key", key)
            .header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Signs in and gives the cookie.
    async fn sign_in(&self, email: &str) -> String {
        let form = format!("email={email}&password=ring+back&next=/");
        let answer = self.form("/sign-in", "", &form).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        let set = answer.headers.get(header::SET_COOKIE).unwrap().to_str().unwrap();
        assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax"), "{set}");
        set.split(';').next().unwrap().to_owned()
    }

    async fn page(&self, cookie: &str, path: &str) -> Answer {
        self.send(Request::get(path).header("cookie", cookie).body(Body::empty()).unwrap()).await
    }

    async fn form(&self, path: &str, cookie: &str, form: &str) -> Answer {
        let request =
            Request::post(path).header("cookie", cookie).header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(form.to_owned())).unwrap()).await
    }

    async fn csrf(&self, cookie: &str) -> String {
        let page = self.page(cookie, "/").await;
        let (_, rest) = page.body.split_once("name=\"csrf\" value=\"").expect("a form on the page");
        rest.split('"').next().unwrap().to_owned()
    }

    async fn inquiries(&self, house: &House) -> Vec<String> {
        let account = house.account.to_string();
        let rows = self
            .engine
            .store()
            .read(move |tx| {
                Box::pin(async move { store::inquiries_list(tx, &account, None, 100, &Before::end()).await })
            })
            .await
            .unwrap();
        rows.into_iter().map(|r| r.id).collect()
    }

    /// One id of every kind that stands in a path.
    async fn ids(&self, house: &House) -> Vec<String> {
        let account = house.account.to_string();
        let mut ids = self.inquiries(house).await;
        let more = self
            .engine
            .store()
            .read(move |tx| {
                Box::pin(async move {
                    let end = Before::end();
                    let mut ids: Vec<String> = Vec::new();
                    ids.extend(store::calls_list(tx, &account, 1, &end).await?.into_iter().map(|r| r.id));
                    ids.extend(
                        store::reviews_open(tx, &account, None, None, 9, &After::start())
                            .await?
                            .into_iter()
                            .map(|r| r.id),
                    );
                    ids.extend(store::effects_dead(tx, &account, 9).await?.into_iter().map(|r| r.id));
                    ids.extend(store::signals_quarantined(tx, &account, 9, &end).await?.into_iter().map(|r| r.id));
                    ids.extend(store::rollbacks_list(tx, &account, 9, &end).await?.into_iter().map(|r| r.id));
                    // A record of the CRM.
                    ids.push(RECORD.to_owned());
                    Ok(ids)
                })
            })
            .await
            .unwrap();
        ids.extend(more);
        ids
    }

    /// Everything an account holds, as one text: to see that nothing changed.
    async fn held(&self, account: &AccountId) -> String {
        let account = account.to_string();
        self.engine
            .store()
            .read(move |tx| {
                Box::pin(async move {
                    let end = Before::end();
                    let a = store::inquiries_list(tx, &account, None, 100, &end).await?;
                    let b = store::signals_list(tx, &account, None, 100, &end).await?;
                    let c = store::reviews_open(tx, &account, None, None, 100, &After::start()).await?;
                    let d = store::effects_dead(tx, &account, 100).await?;
                    let taken_back = store::rollbacks_list(tx, &account, 100, &end).await?;
                    let holds = store::roster_kind_from(tx, &account, "hold", 0).await?;
                    Ok(format!("{a:?}{b:?}{c:?}{d:?}{taken_back:?}{holds:?}"))
                })
            })
            .await
            .unwrap()
    }
}

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
const CONSOLE: &str = include_str!("../src/console/mod.rs");

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
async fn a_contract_is_applied_over_the_api_by_whoever_may_and_from_what_is_in_force() {
    let world = World::new().await;
    let store = world.engine.store();
    let (admin, write) = (world.west.token(store, "admin", 7).await, world.west.token(store, "write", 8).await);
    let versions = world.api(&admin, "/api/v1/contract/versions").await.json();
    let in_force = versions["data"].as_array().unwrap().last().unwrap().clone();
    let (base, text) = (in_force["version"].as_i64().unwrap(), in_force["text"].as_str().unwrap().to_owned());
    let text = text.replace(", { to = \"specialist\", after = \"20 min\" }", "");
    let one = text.replacen("autonomy = \"auto-low-risk\"", "autonomy = \"suggest\"", 1);
    let two = text.replacen("autonomy = \"auto-low-risk\"", "autonomy = \"observe\"", 1);
    let post = |token: String, key: &'static str, text: &str, base: i64| {
        let body = json!({ "text": text, "base": base });
        let world = &world;
        async move { world.api_post(&token, "/api/v1/contract", key, &body).await }
    };
    assert_eq!(post(write, "w", &one, base).await.status, StatusCode::FORBIDDEN);
    let wrong = post(admin.clone(), "x", "contract = 1\nnonsense = 2\n", base).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.json()["problems"].as_array().unwrap().len() > 1, "{}", wrong.body);
    let applied = post(admin.clone(), "a", &one, base).await;
    assert_eq!(applied.status, StatusCode::OK, "{}", applied.body);
    assert_eq!(applied.json()["contract"]["version"], base + 1);
    let late = post(admin.clone(), "b", &two, base).await;
    assert_eq!((late.status, late.code().as_str()), (StatusCode::CONFLICT, "RB-0223"), "{}", late.body);
    let refused = &late.json()["refused"];
    assert_eq!(refused["in_force"]["by"], format!("tok_{}_admin", world.west.account.stem()));
    assert!(refused["theirs"].to_string().contains("autonomy"), "{refused}");
    // The same door in the console: the form says what its text was made from.
    let sam = world.sign_in("sam@example.com").await;
    let ada = world.sign_in("ada@example.com").await;
    let page = world.page(&sam, "/contract").await;
    assert!(page.body.contains(&format!("name=\"base\" value=\"{}\"", base + 1)), "{}", page.body);
    assert!(!world.page(&ada, "/contract").await.body.contains("<textarea"), "an auditor reads");
    let shown = world.page(&ada, "/contract").await.body;
    let guarantees = shown.split("id=\"guarantees\"").nth(1).unwrap_or_default();
    for part in
        ["The eight guarantees", "A field-mapping document exists", "Tested in a sandbox", "contract try --connection"]
    {
        assert!(guarantees.contains(part), "{part}: {shown}");
    }
    let dana = world.sign_in("dana@example.com").await;
    assert_eq!(world.page(&dana, "/contract").await.status, StatusCode::FORBIDDEN);
    let csrf = world.csrf(&ada).await;
    assert_eq!(world.form("/contract", &ada, &draft(&csrf, &two, base + 1)).await.status, StatusCode::FORBIDDEN);
    let csrf = world.csrf(&sam).await;
    // First it is looked at, and nothing changes.
    let looked = world.form("/contract", &sam, &draft(&csrf, &two, base + 1)).await;
    assert_eq!(looked.status, StatusCode::OK, "{}", looked.body);
    let checked = looked.body.split("id=\"checked\"").nth(1).and_then(|s| s.split("</div>").next()).unwrap();
    for part in ["1 stricter", "from suggest to observe", "Bring into force"] {
        assert!(checked.contains(part), "{part}: {checked}");
    }
    let in_force = world.api(&admin, "/api/v1/contract/versions").await.json();
    let newest = in_force["data"].as_array().unwrap().iter().map(|v| v["version"].as_i64().unwrap()).max();
    assert_eq!(newest, Some(base + 1), "a look brings nothing into force");
    // Whoever confirms confirms exactly the text that was looked at.
    let confirm = |body: String, of: &str| format!("{body}&digest={}", digest_in(of));
    let other = two.replacen("retention = \"standard\"", "retention = \"zero\"", 1);
    assert_ne!(other, two);
    let moved = world.form("/contract", &sam, &confirm(draft(&csrf, &other, base + 1), &looked.body)).await;
    assert_eq!(moved.status, StatusCode::OK, "it is looked at again: {}", moved.body);
    assert!(moved.body.contains("another one than was checked") && moved.body.contains("from standard to zero"));
    assert_ne!(digest_in(&moved.body), digest_in(&looked.body));
    // What was made from an older version is told so at the look already, and refused if it comes with a confirmation all the same.
    let late = world.form("/contract", &sam, &draft(&csrf, &two, base)).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    for part in ["RB-0223", "What they changed", "suggest"] {
        assert!(late.body.contains(part), "{part}: {}", late.body);
    }
    let wrong = world.form("/contract", &sam, &draft(&csrf, "contract = 1\nnonsense = 2\n", base + 1)).await;
    assert!(wrong.status == StatusCode::CONFLICT && wrong.body.contains("line 2"), "{}", wrong.body);
    let edit = wrong.body.split("id=\"edit\"").nth(1).expect("the text");
    assert!(edit.contains("<code>nonsense = 2</code>"), "the problem stands beside the text, with its line: {edit}");
    assert!(edit.contains("id=\"line-2\"") && edit.contains("href=\"#line-2\""), "and its line is numbered: {edit}");
    let done = world.form("/contract", &sam, &confirm(draft(&csrf, &two, base + 1), &looked.body)).await;
    assert_eq!((done.status, done.to()), (StatusCode::SEE_OTHER, "/contract"), "{}", done.body);
    assert!(world.page(&sam, "/contract").await.body.contains("Sam Okafor"), "who applied it");
    let told = world.api(&admin, "/api/v1/audit").await.json();
    let kinds: Vec<&str> = told["data"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["contract", "contract_refused", "contract"], "a look leaves no entry");
    // What each version changed is there to be opened, and who brought it.
    let shown = world.page(&sam, "/contract").await.body;
    let versions = shown.split("id=\"versions\"").nth(1).unwrap();
    assert!(
        versions.contains("from suggest to observe") && versions.contains("from auto-low-risk to suggest"),
        "{versions}"
    );
    assert!(versions.contains("Take back what it wrote") && versions.contains("in force"), "{versions}");
}

#[tokio::test]
async fn the_first_contract_is_looked_at_as_the_first_and_then_comes_into_force() {
    let world = World::new().await;
    let store = world.engine.store();
    let place = support::location("reno", "Reno", "America/Los_Angeles", "US", "en-US");
    let house = House::new("silver", MONDAY.parse().unwrap(), vec![place]);
    house.settle_without_contract(store, "Silver State Plumbing").await;
    house.user(store, "rae@example.com", "Rae Lund", "revops", &[], "ring back").await;
    let rae = world.sign_in("rae@example.com").await;
    let csrf = world.csrf(&rae).await;
    let text = ringback_core::contract::DEFAULT_TEXT.replacen("= \"auto-low-risk\"", "= \"observe\"", 1);
    let text = text.replace(", { to = \"specialist\", after = \"20 min\" }", "");
    let looked = world.form("/contract", &rae, &draft(&csrf, &text, 0)).await;
    assert_eq!(looked.status, StatusCode::OK, "{}", looked.body);
    let checked = looked.body.split("id=\"checked\"").nth(1).and_then(|s| s.split("</div>").next()).unwrap();
    assert!(checked.contains("Nothing of its name came before"), "{checked}");
    assert!(!checked.contains("version 0") && !checked.contains("nothing that decides"), "{checked}");
    let confirmed = format!("{}&digest={}", draft(&csrf, &text, 0), digest_in(&looked.body));
    let done = world.form("/contract", &rae, &confirmed).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    // What changes nothing of a version that is there says so.
    let again = world.form("/contract", &rae, &draft(&csrf, &format!("{text}\n# a remark\n"), 1)).await;
    let checked = again.body.split("id=\"checked\"").nth(1).and_then(|s| s.split("</div>").next()).unwrap();
    assert!(checked.contains("version 1: nothing that decides"), "{checked}");
}

/// The form of a contract's text.
fn draft(csrf: &str, text: &str, base: i64) -> String {
    let text = text.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
    format!("csrf={csrf}&base={base}&text={text}")
}

/// What a look at a text is to be confirmed with.
fn digest_in(page: &str) -> String {
    page.split("name=\"digest\" value=\"").nth(1).expect("a button to confirm").split('"').next().unwrap().to_owned()
}

/// What revenue operations reads first is what the contract says, with the level that holds; no raw instant and no id of ours stands on the page.
#[tokio::test]
async fn the_page_of_the_contract_says_first_what_it_says_and_at_which_level() {
    let world = World::new().await;
    let sam = world.sign_in("sam@example.com").await;
    let page = world.page(&sam, "/contract").await.body;
    let at = |what: &str| page.find(what).unwrap_or_else(|| panic!("{what}: {page}"));
    assert!(at("id=\"says\"") < at("id=\"levels\"") && at("id=\"says\"") < at("id=\"guarantees\""));
    assert!(at("id=\"guarantees\" open") > 0, "one is red, so all of them are open");
    let urgency = page.split("id=\"field.urgency\"").nth(1).unwrap().split("</dd>").next().unwrap();
    assert!(urgency.contains("Now (level auto-low-risk): only suggested. At auto: written from 90 %."), "{urgency}");
    let shown = page.split("<textarea").next().unwrap();
    assert!(!shown.contains("call_0") && !shown.contains("user_") && !shown.contains(":00Z"), "{shown}");
    assert!(shown.contains("since Mon, Nov 16 8:05 AM"), "dates with their day: {shown}");
    // The backtest says at which level both are compared.
    let csrf = world.csrf(&sam).await;
    let text = ringback_core::contract::DEFAULT_TEXT.replacen("= \"auto-low-risk\"", "= \"suggest\"", 1);
    let text = text.replace(", { to = \"specialist\", after = \"20 min\" }", "");
    let tried = world.form("/contract/backtest", &sam, &draft(&csrf, &text, 1).replace("base=1&", "")).await;
    assert_eq!(tried.status, StatusCode::OK, "{}", tried.body);
    for part in
        ["has no level of its own", "The draft also changes how much happens by itself, from auto-low-risk to suggest"]
    {
        assert!(tried.body.contains(part), "{part}: {}", tried.body);
    }
}

/// The part of *Reviews* about one caller.
fn of_caller<'p>(page: &'p str, who: &str) -> &'p str {
    page.split("data-caller")
        .find(|part| part.contains(&format!("data-open>{who}</a>")))
        .unwrap_or_else(|| panic!("{who}: {page}"))
}

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

/// Both doors of the level: lower is done at once and told in the account's chain; higher is refused with what stands in the way.
#[tokio::test]
async fn a_level_is_lowered_by_whoever_may_and_raised_by_nobody_while_a_guarantee_is_not_green() {
    let world = World::new().await;
    let store = world.engine.store();
    let (admin, write) = (world.west.token(store, "admin", 7).await, world.west.token(store, "write", 8).await);
    let post =
        async |token: &str, key: &str, body: Value| world.api_post(token, "/api/v1/contract/level", key, &body).await;
    let seen = world.api(&write, "/api/v1/contract/readiness").await.json();
    assert_eq!(seen["guarantees"].as_array().unwrap().len(), 8, "{seen}");
    assert_eq!((&seen["levels"][0]["place"], &seen["levels"][0]["holds"]), (&"".into(), &"auto-low-risk".into()));
    assert_eq!(post(&write, "w", json!({ "level": "observe" })).await.status, StatusCode::FORBIDDEN);
    let place = seen["levels"][1]["place"].as_str().unwrap().to_owned();
    let lowered = post(&admin, "a", json!({ "level": "suggest", "location": place })).await;
    assert_eq!(lowered.status, StatusCode::OK, "{}", lowered.body);
    assert_eq!(lowered.json()["levels"][1]["holds"], "suggest", "{}", lowered.body);
    let refused = post(&admin, "b", json!({ "level": "auto-low-risk", "location": place })).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::CONFLICT, "RB-0240"), "{}", refused.body);
    let problems = refused.json()["problems"].to_string();
    for part in ["guarantee 8 is red", "contract try --connection YOUR-SANDBOX"] {
        assert!(problems.contains(part), "{part}: {problems}");
    }
    let nowhere = post(&admin, "c", json!({ "level": "observe", "location": "nowhere" })).await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND, "{}", nowhere.body);

    // The same in the console, at the top of the page; who only reads has no button.
    let (sam, ada) = (world.sign_in("sam@example.com").await, world.sign_in("ada@example.com").await);
    let levels = |body: &str| {
        let from = body.find("id=\"levels\"").unwrap();
        body[from..].split("</section>").next().unwrap().to_owned()
    };
    let shown = levels(&world.page(&sam, "/contract").await.body);
    assert!(
        shown.contains("action=\"/contract/level\"") && shown.contains("every write waits for a person"),
        "{shown}"
    );
    assert!(!levels(&world.page(&ada, "/contract").await.body).contains("<form"), "an auditor reads");
    let csrf = world.csrf(&ada).await;
    let asked = |csrf: &str, level: &str| format!("csrf={csrf}&level={level}&place=");
    let by_ada = world.form("/contract/level", &ada, &asked(&csrf, "observe")).await;
    assert_eq!(by_ada.status, StatusCode::FORBIDDEN);
    let csrf = world.csrf(&sam).await;
    let stopped = world.form("/contract/level", &sam, &asked(&csrf, "observe")).await;
    assert_eq!((stopped.status, stopped.to()), (StatusCode::SEE_OTHER, "/contract"), "{}", stopped.body);
    let refused = world.form("/contract/level", &sam, &asked(&csrf, "auto")).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    for part in ["RB-0241", "suggest lies between", "RB-0240", "contract try --connection YOUR-SANDBOX"] {
        assert!(refused.body.contains(part), "{part}: {}", refused.body);
    }
    let shown = levels(&world.page(&sam, "/contract").await.body);
    assert!(shown.contains("nothing is written to the CRM") && shown.contains("Sam Okafor"), "{shown}");
    let told = world.api(&admin, "/api/v1/audit").await.json();
    let changes: Vec<String> = told["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|e| e["kind"] == "level")
        .map(|e| format!("{} {}", e["body"]["place"].as_str().unwrap(), e["body"]["is"].as_str().unwrap_or("-")))
        .collect();
    assert_eq!(changes, [format!("{place} suggest"), "everywhere observe".into(), format!("{place} -")]);
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

/// The part of the handoff brief under that heading.
fn part(page: &str, heading: &str) -> String {
    let brief = page.split("class=\"brief\"").nth(1).and_then(|s| s.split("</section>").next()).expect("a brief");
    let part = brief.split(&format!("<h3>{heading}</h3>")).nth(1).unwrap_or_else(|| panic!("{heading}: {brief}"));
    part.split("</div>").next().unwrap().to_owned()
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
async fn a_record_of_the_crm_leads_to_the_sentence_behind_each_of_its_fields() {
    let world = World::new().await;
    let cookie = async |email: &str| world.sign_in(email).await;
    let (dana, ada, sam) =
        (cookie("dana@example.com").await, cookie("ada@example.com").await, cookie("sam@example.com").await);
    // By the vendor's id, and by our key in it.
    let token = world.west.token(world.engine.store(), "read", 1).await;
    let all = world.api(&token, "/api/v1/inquiries?limit=50").await.json();
    let dale =
        all["data"].as_array().unwrap().iter().find(|i| i.to_string().contains("Dale Whitaker")).unwrap().clone();
    let task = dale["effects"].as_array().unwrap().iter().find(|e| e["target"] == "task").unwrap().clone();
    let by_key = format!("/t/task/rb-task-{}", dale["id"].as_str().unwrap().trim_start_matches("inq_"));
    let page = world.page(&sam, &by_key).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(page.body.contains(task["record"].as_str().unwrap()), "{}", page.body);
    let contact = world.page(&sam, "/t/contact/10099?field=rb_location").await;
    assert_eq!(contact.status, StatusCode::OK, "{}", contact.body);
    for shown in ["id=\"f-rb-location\"", "field.lead_location", "Dale Whitaker", "Ben Ortega", "no clause is asked"] {
        assert!(contact.body.contains(shown), "{shown}: {}", contact.body);
    }
    // The inquiry's table leads there.
    let inquiry = world.page(&sam, &format!("/inquiries/{}", dale["id"].as_str().unwrap())).await.body;
    let (_, rest) = inquiry.split_once("href=\"/t/contact/10099?field=").expect("a link from the field table");
    let property = rest.split('#').next().unwrap();
    assert!(contact.body.contains(property), "{property}");
    // What belongs to a place that is not hers, a coordinator does not see, here as elsewhere.
    let hers = world.page(&dana, "/t/contact/10099").await;
    assert!(hers.body.contains("Dale Whitaker") && !hers.body.contains("Ben Ortega"), "{}", hers.body);
    assert!(!hers.body.contains("file=1") && !hers.body.contains("under="), "{}", hers.body);
    assert_eq!(world.page(&dana, "/t/contact/10099?file=1").await.status, StatusCode::FORBIDDEN);
    for nothing in ["/t/contact/4711", "/t/person/10099", "/t/deal/10099", "/t/contact/rb-contact-nobody"] {
        assert_eq!(world.page(&sam, nothing).await.status, StatusCode::NOT_FOUND, "{nothing}");
    }
    // Its whole trail, for whoever may take it along; it proves itself.
    let file = world.page(&ada, "/t/contact/10099?file=1").await;
    assert_eq!(file.status, StatusCode::OK);
    assert!(file.headers[header::CONTENT_DISPOSITION].to_str().unwrap().contains("ringback-contact-10099"));
    let sound = ringback_engine::audit::record::verify_record(file.body.as_bytes(), None).unwrap();
    assert_eq!(sound.records, ["10099"]);
    let by_api = world.api(&token, "/api/v1/audit/record?object=contact&record=10099").await.json();
    let text = by_api["file"].as_str().unwrap();
    let again = ringback_engine::audit::record::verify_record(text.as_bytes(), by_api["key"].as_str()).unwrap();
    assert_eq!((again.entries, again.answers), (sound.entries, sound.answers));
    assert_eq!(world.api(&token, "/api/v1/audit/record?object=contact").await.code(), "RB-0131");
}

#[tokio::test]
async fn what_another_version_would_have_done_is_asked_at_every_door() {
    let world = World::new().await;
    let token = world.west.token(world.engine.store(), "read", 1).await;
    let body = json!({ "object": "contact", "record": "10099", "property": "rb_location", "version": 1 });
    let answer = world.api_post(&token, "/api/v1/trace/under", "u1", &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    // The sample's ledger has no events: that is said, and nothing guessed.
    assert!(answer.json()["unknown"].is_string() && answer.json()["would"].is_null(), "{}", answer.body);
    let asked = |more: Value| {
        let mut body = json!({ "object": "contact", "record": "10099", "property": "rb_location" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (more, status) in [
        (json!({ "version": 9 }), StatusCode::NOT_FOUND),
        (json!({ "version": 1, "seq": 1 }), StatusCode::NOT_FOUND),
        (json!({}), StatusCode::BAD_REQUEST),
        (json!({ "version": 1, "text": "" }), StatusCode::BAD_REQUEST),
        (json!({ "text": "nonsense" }), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let answer = world.api_post(&token, "/api/v1/trace/under", "u2", &asked(more.clone())).await;
        assert_eq!(answer.status, status, "{more}: {}", answer.body);
    }
    // Nobody of tier 3 works in the sample.
    let text = ringback_core::contract::DEFAULT_TEXT.replace(", { to = \"specialist\", after = \"20 min\" }", "");
    let draft = asked(json!({ "text": text }));
    let answer = world.api_post(&token, "/api/v1/trace/under", "u3", &draft).await;
    assert!([StatusCode::OK, StatusCode::CONFLICT].contains(&answer.status), "{} {}", answer.status, answer.body);
    // On the page the question is a link, with a right of its own.
    let answers = world.api(&token, "/api/v1/trace?object=contact&record=10099&property=rb_location").await.json();
    let newest = &answers["data"][0];
    assert_eq!(newest["verdict"]["kind"], "write", "{newest}");
    let of = format!("{}.{}.rb_location", newest["inquiry"].as_str().unwrap(), newest["seq"]);
    let path = format!("/t/contact/10099?under=1&of={of}");
    let sam = world.sign_in("sam@example.com").await;
    let page = world.page(&sam, &path).await;
    assert!(page.status == StatusCode::OK && page.body.contains("it cannot be known"), "{}", page.body);
    let dana = world.sign_in("dana@example.com").await;
    assert_eq!(world.page(&dana, &path).await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.page(&sam, "/t/contact/10099?under=1&of=x").await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.page(&sam, &format!("/t/contact/10099?under=x&of={of}")).await.status, StatusCode::BAD_REQUEST);
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

#[tokio::test]
async fn the_document_names_every_route_and_each_route_is_there() {
    let world = World::new().await;
    let answer = world.send(Request::get("/api/openapi.json").body(Body::empty()).unwrap()).await;
    let document = answer.json();
    insta::assert_snapshot!("openapi", serde_json::to_string_pretty(&document).unwrap());
    let mut ids = std::collections::BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{path} has another's name");
            let method: Method = method.to_uppercase().parse().unwrap();
            let request = Request::builder().method(method.clone()).uri(path.replace(['{', '}'], "x"));
            let answer = world.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path} without a token");
        }
    }
    let text = document.to_string();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name} is described nowhere");
    }
}

/// A value that fits a schema as far as this document's schemas say something.
fn fitting(document: &Value, schema: &Value) -> Value {
    if let Some(name) = schema["$ref"].as_str() {
        return fitting(document, document.pointer(name.trim_start_matches('#')).unwrap());
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match (schema["enum"].as_array(), kind) {
        (Some(words), _) => words[0].clone(),
        (None, Some("string")) if schema["format"] == "date-time" => json!(MONDAY),
        (None, Some("string")) => json!("x"),
        (None, Some("integer")) => json!(1),
        (None, Some("boolean")) => json!(true),
        (None, Some("array")) => json!([fitting(document, &schema["items"])]),
        _ => {
            let needed = schema["required"].as_array().into_iter().flatten();
            let needed = needed.chain(schema["oneOf"][0]["required"].as_array().into_iter().flatten());
            let one = |name: &Value| {
                let name = name.as_str().unwrap().to_owned();
                let value = fitting(document, &schema["properties"][&name]);
                (name, value)
            };
            Value::Object(needed.map(one).collect())
        }
    }
}

/// What of an answer does not fit what the document says, and which of its names the document does not know.
fn misfits(document: &Value, schema: &Value, answer: &Value) -> Vec<String> {
    let whole = json!({ "components": document["components"], "allOf": [schema] });
    let validator = jsonschema::draft202012::new(&whole).unwrap();
    let mut found: Vec<String> = validator.iter_errors(answer).map(|e| format!("{}: {e}", e.instance_path())).collect();
    unheard_of(document, schema, answer, &mut found);
    found
}

fn unheard_of(document: &Value, schema: &Value, answer: &Value, found: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        return unheard_of(document, document.pointer(name.trim_start_matches('#')).unwrap(), answer, found);
    }
    if let (Some(known), Some(all)) = (schema["properties"].as_object(), answer.as_object()) {
        for (name, value) in all {
            match known.get(name) {
                Some(known) => unheard_of(document, known, value, found),
                None => found.push(format!("{name} is not described")),
            }
        }
    }
    for one in answer.as_array().into_iter().flatten() {
        unheard_of(document, &schema["items"], one, found);
    }
}

#[tokio::test]
async fn what_the_document_says_of_a_door_is_what_the_door_does() {
    let (world, _) = World::with(true).await;
    let (house, _) = two_calls(&world).await;
    let (west, store) = (world.west.account.clone(), world.engine.store());
    spot_checked(&world, &house).await;
    world.rolled_back(FIELD).await;
    let day: jiff::civil::Date = MONDAY.get(..10).unwrap().parse().unwrap();
    world.engine.prove(&west, day.yesterday().unwrap(), false, None, &|_| {}).await.unwrap();
    let (token, theirs) = (world.west.token(store, "admin", 9).await, house.token(store, "admin", 10).await);
    let ids = world.ids(&world.west).await;
    let document = world.send(Request::get("/api/openapi.json").body(Body::empty()).unwrap()).await.json();
    let at = |path: &str| {
        let named = |(part, prefix): (&str, &str)| {
            let id = ids.iter().find(|id| id.starts_with(prefix)).filter(|_| path.contains(&format!("/{part}/{{id}}")));
            id.map(|id| path.replace("{id}", id))
        };
        let kinds = [
            ("inquiries", "inq_"),
            ("calls", "call_"),
            ("reviews", "rev_"),
            ("dead-letters", "eff_"),
            ("signals", "sig_"),
            ("rollbacks", "rb_"),
        ];
        kinds.into_iter().find_map(named).unwrap_or_else(|| path.replace("{seq}", "1").replace("{field}", "urgency"))
    };
    let (mut wrong, mut keys, mut answers) = (Vec::new(), 0, 0);
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let target = at(path);
            assert!(!target.contains('{'), "{target}: nothing of that kind is in this world");
            let mut note = |what: String| wrong.push(format!("{method} {path}: {what}"));
            let answer_schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
            let parameters: Vec<&Value> = operation["parameters"].as_array().into_iter().flatten().collect();
            let query: Vec<&Value> = parameters.iter().copied().filter(|p| p["in"] == "query").collect();
            let value = |p: &Value| match (p["name"].as_str().unwrap(), p["schema"]["type"].as_str().unwrap()) {
                ("object", _) => "contact".to_owned(),
                ("record", _) => RECORD.to_owned(),
                ("property", _) => "rb_urgency".to_owned(),
                ("number", _) => "%2B16025550142".to_owned(),
                (_, kind) => panic!("{path}: no value for a {kind}"),
            };
            let needed: Vec<(String, String)> = query
                .iter()
                .filter(|p| p["required"] == true)
                .map(|p| (p["name"].as_str().unwrap().to_owned(), value(p)))
                .collect();
            let asked = |pairs: &[(String, String)]| {
                let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
                format!("{target}?{}", pairs.join("&"))
            };
            if method == "get" {
                // Another account's answers too: other things are empty in them.
                for token in [&token, &theirs] {
                    let answer = world.api(token, &asked(&needed)).await;
                    let schema = if answer.status.is_success() {
                        answers += 1;
                        answer_schema.clone()
                    } else {
                        json!({ "$ref": "#/components/schemas/Problem" })
                    };
                    if answer.status == StatusCode::BAD_REQUEST {
                        note(format!("more is needed than is said: {}", answer.body));
                    }
                    let found = misfits(&document, &schema, &answer.json());
                    if !found.is_empty() {
                        note(format!("{found:?}"));
                    }
                }
                for (name, _) in &needed {
                    let rest: Vec<_> = needed.iter().filter(|(of, _)| of != name).cloned().collect();
                    if world.api(&token, &asked(&rest)).await.status != StatusCode::BAD_REQUEST {
                        note(format!("{name} is not needed"));
                    }
                }
                for p in query.iter().filter(|p| p["required"] != true) {
                    let name = p["name"].as_str().unwrap();
                    let figure = ["limit", "days"].contains(&name);
                    if figure != (p["schema"]["type"] == "integer") {
                        note(format!("{name} is of another type"));
                    }
                    let more = [needed.clone(), vec![(name.to_owned(), "not-a-figure".to_owned())]].concat();
                    if figure && world.api(&token, &asked(&more)).await.status != StatusCode::BAD_REQUEST {
                        note(format!("{name} takes anything"));
                    }
                }
                continue;
            }
            let bare = Request::post(&target).header("authorization", format!("Bearer {token}"));
            let bare = world.send(bare.body(Body::from("null")).unwrap()).await;
            let takes = parameters.iter().any(|p| p["name"] == "Idempotency-Key" && p["required"] == true);
            keys += usize::from(takes);
            if takes != (bare.code() == "RB-0132") {
                note(format!("a key is said to be needed: {takes}; {}", bare.body));
            }
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            if schema.is_null() {
                continue;
            }
            let body = fitting(&document, schema);
            let send = async |key: &str, body: &Value| world.api_post(&token, &target, key, body).await;
            let mut more = body.clone();
            more.as_object_mut().unwrap().insert("unheard_of".into(), json!(1));
            let described = document.pointer(schema["$ref"].as_str().unwrap().trim_start_matches('#')).unwrap();
            let closed = described["additionalProperties"] == false;
            if closed != (send("unheard of", &more).await.code() == "RB-0103") {
                note(format!("more is said to be refused: {closed}"));
            }
            for name in body.as_object().unwrap().keys() {
                let mut less = body.clone();
                less.as_object_mut().unwrap().remove(name);
                let refused = send(&format!("without {name}"), &less).await;
                if !["RB-0103", "RB-0131", "RB-0261"].contains(&refused.code().as_str()) {
                    note(format!("{name} is not needed: {}", refused.body));
                }
            }
            let answer = send("all that is needed", &body).await;
            if answer.code() == "RB-0103" {
                note(format!("{body} is not understood: {}", answer.body));
            }
            if answer.status.is_success() {
                answers += 1;
                let found = misfits(&document, answer_schema, &answer.json());
                if !found.is_empty() {
                    note(format!("{found:?}"));
                }
            }
        }
    }
    assert!(keys > 9 && answers > 40, "{keys} keys, {answers} answers");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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

#[tokio::test]
async fn values_are_taken_back_over_the_api_about_exactly_what_was_shown() {
    let (world, shelf) = World::with(true).await;
    let store = world.engine.store();
    let (read, write, admin) = (
        world.west.token(store, "read", 1).await,
        world.west.token(store, "write", 2).await,
        world.west.token(store, "admin", 3).await,
    );
    let scope = json!({ "version": 1 });
    assert_eq!(world.api_post(&read, "/api/v1/rollbacks/preview", "", &json!({})).await.code(), "RB-0230");
    assert_eq!(world.api_post(&read, "/api/v1/rollbacks/preview", "", &json!({ "colour": 1 })).await.code(), "RB-0103");
    let shown = world.api_post(&read, "/api/v1/rollbacks/preview", "", &scope).await.json();
    let restored = shown["restored"].as_u64().unwrap();
    assert!(restored > 1, "{shown}");
    let begin = |shown: &Value| json!({ "scope": scope, "digest": shown["digest"], "reason": "the rule was wrong" });
    let path = "/api/v1/rollbacks";
    for token in [&read, &write] {
        assert_eq!(world.api_post(token, path, "k", &begin(&shown)).await.code(), "RB-0602");
    }
    let without = json!({ "scope": scope, "digest": shown["digest"], "reason": " " });
    assert_eq!(world.api_post(&admin, path, "k1", &without).await.code(), "RB-0131", "a reason is never missing");
    // Somebody corrects one meanwhile.
    let first = shown["fields"].as_array().unwrap().iter().find(|f| f["field"] == FIELD).unwrap();
    let record = first["record"].as_str().unwrap();
    shelf.type_in("contacts", record, first["property"].as_str().unwrap(), "mesa");
    assert_eq!(world.api_post(&admin, path, "k2", &begin(&shown)).await.code(), "RB-0231");
    let now = world.api_post(&read, "/api/v1/rollbacks/preview", "", &scope).await.json();
    assert_eq!(now["restored"].as_u64(), Some(restored - 1));
    let spared = now["fields"].as_array().unwrap().iter().find(|f| f["field"] == FIELD).unwrap();
    assert_eq!((spared["spared"].as_str(), spared["now"].as_str()), (Some("later_human"), Some("mesa")));
    let begun = world.api_post(&admin, path, "k3", &begin(&now)).await;
    assert_eq!(begun.status, StatusCode::OK, "{}", begun.body);
    let again = world.api_post(&admin, path, "k3", &begin(&now)).await;
    assert_eq!(again.json(), begun.json(), "begun once");
    let id = begun.json()["id"].as_str().unwrap().to_owned();
    let one = world.api(&read, &format!("{path}/{id}")).await.json();
    assert_eq!((one["state"].as_str(), one["left"].as_u64()), (Some("running"), now["spared"].as_u64()), "{one}");
    let list = world.api(&read, path).await.json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    assert_eq!(
        world.api(&read, &format!("{path}?limit=1")).await.json()["next"].as_str().map(|n| n.ends_with(&id)),
        Some(true)
    );
    let holds = world.api(&read, "/api/v1/holds").await.json();
    assert_eq!(holds["data"][0]["rollback"], id.as_str(), "{holds}");
    let other = holds["data"][0]["to"].clone();
    let lift = format!("{path}/{id}/lift");
    let why = json!({ "field": other, "reason": "the rule is mended" });
    assert_eq!(world.api_post(&write, &lift, "l", &why).await.code(), "RB-0602");
    let lifted = world.api_post(&admin, &lift, "l1", &why).await;
    assert_eq!(lifted.json()["lifted"], 1, "{}", lifted.body);
    assert_eq!(world.api_post(&admin, &lift, "l2", &why).await.status, StatusCode::NOT_FOUND, "it is lifted already");
    let chain = world.api(&read, "/api/v1/audit").await.json();
    let kinds: Vec<&str> = chain["data"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds.iter().filter(|k| **k == "rollback_started").count(), 1, "{kinds:?}");
    assert!(kinds.contains(&"hold_lifted"));
}

#[tokio::test]
async fn revenue_operations_take_values_back_in_the_console_and_an_auditor_only_looks() {
    let (world, shelf) = World::with(true).await;
    let (sam, ada, dana) = (
        world.sign_in("sam@example.com").await,
        world.sign_in("ada@example.com").await,
        world.sign_in("dana@example.com").await,
    );
    // The contract's versions and an inquiry's fields lead to the form, filled, for those who may.
    let contract = world.page(&sam, "/contract").await.body;
    assert!(contract.contains("action=\"/rollbacks\"") && contract.contains("name=\"version\" value=\"1\""));
    assert!(!world.page(&ada, "/contract").await.body.contains("action=\"/rollbacks\""));
    assert!(
        world.page(&ada, "/contract").await.body.contains("href=\"/contract/backtest\""),
        "an auditor may try a draft"
    );
    let scope = Scope { version: Some(1), ..Scope::default() };
    let first = world.engine.preview_rollback(&world.west.account, &scope).await.unwrap().fields;
    let first = first.into_iter().find(|f| f.field == FIELD).unwrap();
    let (inquiry, record, property) = (first.inquiry, first.record, first.property);
    let to = format!("contact.{property}");
    let page = world.page(&sam, &format!("/inquiries/{inquiry}")).await.body;
    assert!(page.contains(&format!("name=\"field\" value=\"{to}\"")), "{inquiry}");
    assert!(!world.page(&ada, &format!("/inquiries/{inquiry}")).await.body.contains("action=\"/rollbacks\""));
    let form = world.page(&sam, &format!("/rollbacks?inquiry={inquiry}&field={to}")).await.body;
    assert!(
        form.contains(&format!("value=\"{inquiry}\"")) && form.contains("<option value=\"lead_location\" selected>")
    );
    // The preview says what goes back and what stays, and why; an auditor sees it without a button.
    shelf.type_in("contacts", &record, &property, "mesa");
    let preview = "/rollbacks/preview?version=1&since=2026-01-01T00:00";
    let shown = world.page(&sam, preview).await.body;
    assert!(shown.contains("a person has set it since") && shown.contains("mesa"), "{shown}");
    assert!(shown.contains("name=\"digest\""));
    let looked = world.page(&ada, preview).await;
    assert_eq!(looked.status, StatusCode::OK);
    assert!(!looked.body.contains("name=\"digest\""));
    assert_eq!(world.page(&dana, "/rollbacks").await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.page(&sam, "/rollbacks/preview?since=soon").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(world.page(&sam, "/rollbacks/preview").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    // It is begun about exactly that, with a reason.
    let csrf = world.csrf(&sam).await;
    let digest = shown.split("name=\"digest\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let since = shown.split("name=\"since\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let body =
        |digest: &str, reason: &str| format!("csrf={csrf}&digest={digest}&version=1&since={since}&reason={reason}");
    assert_eq!(world.form("/rollbacks", &sam, &body("x", "wrong")).await.status, StatusCode::CONFLICT);
    assert_eq!(world.form("/rollbacks", &sam, &body(digest, "")).await.status, StatusCode::BAD_REQUEST);
    let begun = world.form("/rollbacks", &sam, &body(digest, "the+rule+was+wrong")).await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.body);
    let one = world.page(&sam, begun.to()).await.body;
    assert!(one.contains("the rule was wrong") && one.contains("Under way") && one.contains("Sam Okafor"), "{one}");
    assert!(one.contains("/lift\"") && !world.page(&ada, begun.to()).await.body.contains("/lift\""));
    let part = world.page(&ada, &format!("{}?fragment=1", begun.to())).await.body;
    assert!(part.contains("Under way") && !part.contains("<html"), "{part}");
    let lift = format!("{}/lift", begun.to());
    let lifted = world.form(&lift, &sam, &format!("csrf={csrf}&field={to}&reason=mended")).await;
    assert_eq!(lifted.status, StatusCode::SEE_OTHER, "{}", lifted.body);
    let one = world.page(&sam, begun.to()).await.body;
    assert!(!one.contains(&format!("value=\"{to}\"")), "it is lifted already");
    let list = world.page(&ada, "/rollbacks").await.body;
    assert!(list.contains(begun.to()), "{list}");
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

#[tokio::test]
async fn an_opt_out_stands_on_the_page_in_one_sentence_and_whoever_may_takes_it_back() {
    let world = World::new().await;
    let (dana, sam) = (world.sign_in("dana@example.com").await, world.sign_in("sam@example.com").await);
    let (csrf, hers) = (world.csrf(&sam).await, world.csrf(&dana).await);
    let today = world.page(&dana, "/").await.body;
    let (_, rest) = today.split_once("/inquiries/").unwrap();
    let id = rest.split(['"', '/', '?']).next().unwrap().to_owned();
    let path = format!("/inquiries/{id}");
    let shown = async |cookie: &str| world.page(cookie, &path).await.body;
    assert!(shown(&dana).await.contains("/opt-out\"") && !shown(&dana).await.contains("Opted out."));
    let back = format!("csrf={hers}&back={path}");
    let set = world.form(&format!("{path}/opt-out"), &dana, &back).await;
    assert_eq!(set.to(), path, "{}", set.body);
    let page = shown(&dana).await;
    assert!(page.contains("Opted out.") && page.contains("took note that this person is not to be called"), "{page}");
    assert!(!page.contains("opt-out/clear"), "taking it back is not a coordinator's");
    let refused = world.form(&format!("{path}/opt-out/clear"), &dana, &format!("{back}&reason=please")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(shown(&sam).await.contains("opt-out/clear"));
    let clear = async |reason: &str| {
        let form = format!("csrf={csrf}&back={path}&reason={reason}");
        world.form(&format!("{path}/opt-out/clear"), &sam, &form).await
    };
    assert_eq!(clear("++").await.status, StatusCode::BAD_REQUEST, "without a reason nothing is taken back");
    assert_eq!(clear("asked+us+to+call").await.to(), path);
    let page = shown(&dana).await;
    assert!(page.contains("took the opt-out back") && page.contains("asked us to call"), "{page}");
    assert!(!page.contains("Opted out."));
    let again = clear("again").await;
    assert!(again.body.contains("RB-0261") && again.body.contains("there is nothing to take back"), "{}", again.body);
}

#[tokio::test]
async fn an_opt_out_over_the_api_is_a_programs_to_set_and_a_consent_systems_to_take_back() {
    let world = World::new().await;
    let store = world.engine.store();
    let (write, admin) = (world.west.token(store, "write", 8).await, world.west.token(store, "admin", 9).await);
    let number = "+16025550188";
    let asked = json!({ "number": number });
    let path = "/api/v1/opt-outs?number=%2B16025550188";
    assert!(world.api(&write, path).await.json()["opted_out"].is_null());
    let set = world.api_post(&write, "/api/v1/opt-outs", "o1", &asked).await.json();
    assert_eq!(set["opted_out"]["said"]["said_by"], "person", "{set}");
    let clear = json!({ "number": number, "reason": "wrote to us on 3 March" });
    let refused = world.api_post(&write, "/api/v1/opt-outs/clear", "o2", &clear).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::FORBIDDEN, "RB-0602"));
    let bare = world.api_post(&admin, "/api/v1/opt-outs/clear", "o3", &asked).await;
    assert_eq!((bare.status, bare.code().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "RB-0261"));
    let done = world.api_post(&admin, "/api/v1/opt-outs/clear", "o4", &clear).await.json();
    assert!(done["opted_out"].is_null() && done["cleared"]["by"] == "tok_copper_admin", "{done}");
    assert!(world.api(&write, path).await.json()["opted_out"].is_null());
    let both = json!({ "number": number, "inquiry": "inq_x" });
    assert_eq!(world.api_post(&write, "/api/v1/opt-outs", "o5", &both).await.status, StatusCode::BAD_REQUEST);
    let other = world.north.token(store, "admin", 7).await;
    let theirs = world.inquiries(&world.west).await.remove(0);
    let foreign = json!({ "inquiry": theirs, "reason": "they said so" });
    for (key, path, body) in
        [("o6", "/api/v1/opt-outs", json!({ "inquiry": theirs })), ("o7", "/api/v1/opt-outs/clear", foreign)]
    {
        assert_eq!(world.api_post(&other, path, key, &body).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert!(world.api(&other, path).await.json()["cleared"].is_null(), "another account knows nothing of it");
}

/// An account of its own with two calls: one that says everything, and one that says nothing.
async fn two_calls(world: &World) -> (House, String) {
    let store = world.engine.store();
    let place = support::location("reno", "Reno", "America/Los_Angeles", "US", "en-US");
    let mut house = House::new("silver", MONDAY.parse().unwrap(), vec![place]);
    house.settle(store, "Silver State Plumbing").await;
    house.user(store, "rae@example.com", "Rae Lund", "revops", &[], "ring back").await;
    house.user(store, "cal@example.com", "Cal Reyes", "coordinator", &["reno"], "ring back").await;
    house.user(store, "out@example.com", "Ota Udo", "coordinator", &["elsewhere"], "ring back").await;
    house.user(store, "eve@example.com", "Eve Auden", "auditor", &[], "ring back").await;
    let words = "Hi, this is Marisol Alvarez. We have no heat since last night, this is an emergency. How much is a new water heater? \
                 My budget is 2500 dollars. Please call me back at 775 555 0142.";
    let says = support::Story {
        location: "reno",
        number: Some("(775) 555-0142"),
        words: Some(words),
        ..support::Story::default()
    };
    let said = house.tell(store, &says).await;
    let silent = support::Story {
        words: None,
        number: Some("(775) 555-0177"),
        ending: ringback_core::signal::Ending::RingNoAnswer,
        ..says
    };
    house.tell(store, &silent).await;
    (house, said.to_string())
}

async fn questions(world: &World, token: &str) -> Vec<Value> {
    let list = world.api(token, "/api/v1/reviews?limit=200").await;
    list.json()["data"].as_array().unwrap().clone()
}

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

/// What chance picks a week later of what was written by itself.
async fn spot_checked(world: &World, house: &House) -> usize {
    world.engine.project_writes(&house.account).await.unwrap();
    world.clock.0.fetch_add(7 * 24 * 3600 * 1_000_000, std::sync::atomic::Ordering::Relaxed);
    let account = house.account.to_string();
    let row =
        world.engine.store().read(move |tx| Box::pin(async move { store::account_get(tx, &account).await })).await;
    world.engine.spot_check(&row.unwrap().unwrap()).await.unwrap()
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
