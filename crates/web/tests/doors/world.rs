//! Two accounts behind one router, and what came back from it.

pub(crate) use crate::support;
pub(crate) use crate::support::{House, MONDAY, Shelf, Still};
pub(crate) use axum::Router;
pub(crate) use axum::body::{Body, to_bytes};
pub(crate) use axum::http::{Method, Request, StatusCode, header};
pub(crate) use jiff::Timestamp;
pub(crate) use ringback_core::id::{AccountId, InquiryId, RollbackId, UserId};
pub(crate) use ringback_core::rollback::Scope;
pub(crate) use ringback_engine::{Engine, Settings};
pub(crate) use ringback_store::{self as store, After, Before};
pub(crate) use ringback_web::{WebOptions, router};
pub(crate) use serde_json::{Value, json};
pub(crate) use std::sync::Arc;
pub(crate) use std::sync::atomic::AtomicI64;
pub(crate) use tower::ServiceExt as _;

/// A field that the sample's contacts were made with.
pub(crate) const FIELD: &str = "lead_location";
/// A contact that the one account found in its CRM, and the other has none of.
pub(crate) const RECORD: &str = "10051";

pub(crate) struct World {
    pub(crate) router: Router,
    pub(crate) engine: Engine,
    pub(crate) west: House,
    pub(crate) north: House,
    pub(crate) clock: Arc<Still>,
    pub(crate) _dir: tempfile::TempDir,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
    pub(crate) fn to(&self) -> &str {
        self.headers.get(header::LOCATION).map_or("", |v| v.to_str().unwrap())
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(false).await.0
    }

    /// With a CRM that shows what was written, or with none that answers.
    pub(crate) async fn with(shows: bool) -> (Self, Shelf) {
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
    pub(crate) async fn rolled_back(&self, field: &str) -> RollbackId {
        let scope = Scope { field: Some(field.into()), ..Scope::default() };
        let shown = self.engine.preview_rollback(&self.west.account, &scope).await.unwrap();
        let by = UserId::from_text("user_copper_sam");
        self.engine.start_rollback(&self.west.account, &scope, &shown.digest, "wrong", &by).await.unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 4 << 20).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    pub(crate) async fn api(&self, token: &str, path: &str) -> Answer {
        let request = Request::get(path).header("authorization", format!("Bearer {token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn api_post(&self, token: &str, path: &str, key: &str, body: &Value) -> Answer {
        let request = Request::post(path)
            .header("authorization", format!("Bearer {token}"))
            .header("idempotency-key", key)
            .header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Signs in and gives the cookie.
    pub(crate) async fn sign_in(&self, email: &str) -> String {
        let form = format!("email={email}&password=ring+back&next=/");
        let answer = self.form("/sign-in", "", &form).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        let set = answer.headers.get(header::SET_COOKIE).unwrap().to_str().unwrap();
        assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax"), "{set}");
        set.split(';').next().unwrap().to_owned()
    }

    pub(crate) async fn page(&self, cookie: &str, path: &str) -> Answer {
        self.send(Request::get(path).header("cookie", cookie).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn form(&self, path: &str, cookie: &str, form: &str) -> Answer {
        let request =
            Request::post(path).header("cookie", cookie).header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(form.to_owned())).unwrap()).await
    }

    pub(crate) async fn csrf(&self, cookie: &str) -> String {
        let page = self.page(cookie, "/").await;
        let (_, rest) = page.body.split_once("name=\"csrf\" value=\"").expect("a form on the page");
        rest.split('"').next().unwrap().to_owned()
    }

    pub(crate) async fn inquiries(&self, house: &House) -> Vec<String> {
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
    pub(crate) async fn ids(&self, house: &House) -> Vec<String> {
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
    pub(crate) async fn held(&self, account: &AccountId) -> String {
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

/// The part of the handoff brief under that heading.
pub(crate) fn part(page: &str, heading: &str) -> String {
    let brief = page.split("class=\"brief\"").nth(1).and_then(|s| s.split("</section>").next()).expect("a brief");
    let part = brief.split(&format!("<h3>{heading}</h3>")).nth(1).unwrap_or_else(|| panic!("{heading}: {brief}"));
    part.split("</div>").next().unwrap().to_owned()
}

/// An account of its own with two calls: one that says everything, and one that says nothing.
pub(crate) async fn two_calls(world: &World) -> (House, String) {
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

pub(crate) async fn questions(world: &World, token: &str) -> Vec<Value> {
    let list = world.api(token, "/api/v1/reviews?limit=200").await;
    list.json()["data"].as_array().unwrap().clone()
}

/// What chance picks a week later of what was written by itself.
pub(crate) async fn spot_checked(world: &World, house: &House) -> usize {
    world.engine.project_writes(&house.account).await.unwrap();
    world.clock.0.fetch_add(7 * 24 * 3600 * 1_000_000, std::sync::atomic::Ordering::Relaxed);
    let account = house.account.to_string();
    let row =
        world.engine.store().read(move |tx| Box::pin(async move { store::account_get(tx, &account).await })).await;
    world.engine.spot_check(&row.unwrap().unwrap()).await.unwrap()
}

/// The part of *Reviews* about one caller.
pub(crate) fn of_caller<'p>(page: &'p str, who: &str) -> &'p str {
    page.split("data-caller")
        .find(|part| part.contains(&format!("data-open>{who}</a>")))
        .unwrap_or_else(|| panic!("{who}: {page}"))
}
