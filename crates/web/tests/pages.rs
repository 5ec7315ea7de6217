//! The pages in a real browser: nothing is cut at a desk or on a phone, axe-core finds nothing serious, no message id or bare code word shows, and a
//! coordinator's morning goes by keyboard alone.
//!
//! Needs Chromium at `RINGBACK_CHROMIUM` (its path). axe-core is taken from `RINGBACK_AXE` (its `axe.min.js`), else fetched with npm into the target
//! directory, never committed. Screenshots are left in the target directory for people to look at.

#![allow(
    clippy::allow_attributes,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "a test may stop at what it did not expect"
)]

mod driver;
mod support;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use ringback_core::id::{InquiryId, RollbackId, UserId};
use ringback_core::inquiry::{CallbackResult, Choice, Inquiry, RejectCode};
use ringback_core::rollback::Scope;
use ringback_engine::{Engine, Settings};
use ringback_store as store;
use ringback_web::{WebOptions, router};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use support::{House, MONDAY, Shelf, Still};
use tokio::process::Command;
use tower::ServiceExt as _;

/// Wide and narrow.
const WIDTHS: [(u32, u32); 2] = [(1280, 900), (390, 844)];
/// How long one page may take in the browser.
const BROWSER_SECONDS_MAX: u64 = 60;
/// Versions differ in what they find; this one is what the pages were held to.
const AXE_VERSION: &str = "4.10.3";

/// Asks axe, looks for what sticks out, tries the keys; writes what it found into the page.
const PROBE: &str = r##"
addEventListener("load", async () => {
  const result = { errors: [] };
  try {
    const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    result.width = innerWidth;
    result.overflow = wide;
    result.out = [...document.querySelectorAll("main *")].filter((el) => {
      const box = el.getBoundingClientRect();
      return box.width > 1 && !el.closest(".scroll, .unseen") && !el.matches(".unseen") && box.right > innerWidth + 1;
    }).slice(0, 5).map((el) => `${el.tagName} ${el.className} ${el.textContent.slice(0, 40)}`);
    result.small = [...document.querySelectorAll("main a.call, main button")].filter((el) => {
      const box = el.getBoundingClientRect();
      return box.width > 0 && (box.width < 24 || box.height < 24);
    }).length;
    // What no text was written for shows as a message id or as a word with an underscore. The contract's own names stand in code elements.
    const seen = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    result.raw = [];
    for (let node = seen.nextNode(); node; node = seen.nextNode()) {
      if (node.parentElement.closest("code, script, .entries, .transcript, .heard, q, blockquote")) continue;
      const found = node.textContent.match(/(?<![@\w./])[a-z]+(?:_[a-z]+)+\b|(?<![@\w./])[a-z]+\.[a-z]+_[a-z_]+/g);
      if (found) result.raw.push(...found);
    }
    if (window.axe) {
      const found = await axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
      result.axe = found.violations.map((v) => ({ id: v.id, impact: v.impact, help: v.help, nodes: v.nodes.map((n) => n.html.slice(0, 160)).slice(0, 3) }));
    }
    const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    const rows = [...document.querySelectorAll("[data-row]")];
    result.rows = rows.length;
    // A page of decisions begins with one chosen; elsewhere the first j chooses.
    const start = rows.indexOf(document.querySelector(".at"));
    if (rows.length > start + 2) {
      press("j"); press("j");
      result.at = rows.indexOf(document.querySelector(".at")) - start - 1;
      press("k");
      result.back = rows.indexOf(document.querySelector(".at")) - start - 1;
      result.focusInRow = !!document.activeElement.closest("[data-row]");
    }
    press("?");
    result.help = document.querySelector("#help")?.open ?? null;
    press("Escape");
    result.helpClosed = document.querySelector("#help")?.open === false;
    press("/");
    result.find = document.activeElement.type === "search";
  } catch (e) { result.errors.push(String(e)); }
  const pre = document.createElement("pre");
  pre.id = "probe-result";
  pre.textContent = JSON.stringify(result);
  document.body.append(pre);
});
"##;

/// What stopped more than one of the sample's questions.
const ALIKE: &str = "below_write_threshold";

#[derive(Clone)]
struct Probing {
    cookie: Arc<str>,
    axe: Option<Arc<str>>,
}

/// What the browser is given: the product's pages, signed in, with the probe beside our script. Only here, never in the product.
fn probed(product: Router, probing: Probing) -> Router {
    product
        .route("/probe.js", get(|| async { ([(header::CONTENT_TYPE, "text/javascript")], PROBE) }))
        .route("/axe.js", get(axe_js))
        .layer(from_fn(signed_in))
        .layer(Extension(probing))
}

async fn axe_js(Extension(probing): Extension<Probing>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript")], probing.axe.map_or(String::new(), |a| a.to_string()))
}

async fn signed_in(mut request: Request, next: Next) -> Response {
    let probing = request.extensions().get::<Probing>().unwrap().clone();
    let probe = request.uri().query().is_some_and(|q| q.contains("probe"));
    if !request.uri().path().starts_with("/sign-in") {
        request.headers_mut().insert(header::COOKIE, HeaderValue::from_str(&probing.cookie).unwrap());
    }
    let response = next.run(request).await;
    let html = response.headers().get(header::CONTENT_TYPE).is_some_and(|v| v.as_bytes().starts_with(b"text/html"));
    if !html {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let text = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
    // Without this word the script opens no event stream, which would keep a headless browser waiting.
    let mut text = text.replace(" data-signed-in", "");
    if probe {
        let scripts = "<script src=\"/axe.js\" defer></script><script src=\"/probe.js\" defer></script></head>";
        text = text.replace("</head>", scripts);
    }
    Response::from_parts(parts, Body::from(text))
}

fn target() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

/// axe-core's text: from the environment, from an earlier run, or by npm.
async fn axe() -> Option<String> {
    if let Ok(path) = std::env::var("RINGBACK_AXE") {
        return std::fs::read_to_string(path).ok();
    }
    let dir = target().join(format!("axe-{AXE_VERSION}"));
    let file = dir.join("node_modules/axe-core/axe.min.js");
    if !file.exists() {
        std::fs::create_dir_all(&dir).ok()?;
        let wanted = format!("axe-core@{AXE_VERSION}");
        let npm = Command::new("npm")
            .args(["install", "--no-audit", "--no-fund", "--silent", "--prefix"])
            .arg(&dir)
            .arg(&wanted)
            .output()
            .await;
        if !npm.is_ok_and(|o| o.status.success()) {
            return None;
        }
    }
    std::fs::read_to_string(file).ok()
}

struct Browser {
    program: String,
}

impl Browser {
    async fn run(&self, (width, height): (u32, u32), extra: &[&str], url: &str) -> std::process::Output {
        let profile = tempfile::tempdir_in(target()).unwrap();
        let mut command = Command::new(&self.program);
        command
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--hide-scrollbars",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("--window-size={width},{height}"))
            .args(extra)
            .arg(url)
            .kill_on_drop(true);
        let limit = std::time::Duration::from_secs(BROWSER_SECONDS_MAX);
        tokio::time::timeout(limit, command.output()).await.expect("the browser did not end").unwrap()
    }

    async fn probe(&self, size: (u32, u32), url: &str) -> Value {
        let joint = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{joint}probe=1");
        let output = self.run(size, &["--virtual-time-budget=20000", "--dump-dom"], &url).await;
        let dom = String::from_utf8_lossy(&output.stdout).into_owned();
        let (_, rest) = dom.split_once("id=\"probe-result\">").unwrap_or_else(|| panic!("no result at {url}: {dom}"));
        let text = rest.split("</pre>").next().unwrap();
        let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
    }

    async fn shoot(&self, (width, height): (u32, u32), url: &str, file: &Path) {
        let shot = format!("--screenshot={}", file.display());
        self.run((width, height), &[&shot], url).await;
        assert!(file.exists(), "no screenshot of {url}");
    }
}

/// A rollback under way: one value was corrected by hand before, some went back, one needs a person.
async fn half_way(engine: &Engine, house: &House, shelf: &Shelf) -> RollbackId {
    let scope = Scope { version: Some(1), ..Scope::default() };
    let shown = engine.preview_rollback(&house.account, &scope).await.unwrap();
    let first = shown.fields.iter().find(|f| f.spared.is_none()).unwrap();
    shelf.type_in("contacts", &first.record, &first.property, "mesa");
    let shown = engine.preview_rollback(&house.account, &scope).await.unwrap();
    let by = UserId::from_text("user_copper_sam");
    let why = "the rule took the wrong place";
    let id = engine.start_rollback(&house.account, &scope, &shown.digest, why, &by).await.unwrap();
    let (account, name) = (house.account.to_string(), id.as_str().to_owned());
    let moved = engine.store().write(store::Site::Rollback, move |tx| {
        Box::pin(async move {
            let items = store::rollback_items_of(tx, &account, &name).await?;
            let ends = ["done", "dead", "sent"].into_iter();
            for (mut item, end) in items.into_iter().filter(|item| item.state == "planned").zip(ends) {
                item.state = end.into();
                assert!(store::rollback_item_move_if(tx, &item, "planned").await?);
            }
            Ok(())
        })
    });
    moved.await.unwrap();
    id
}

async fn cookie(product: &Router, email: &str) -> String {
    let form = format!("email={email}&password=ring+back&next=/");
    let request = Request::post("/sign-in").header("content-type", "application/x-www-form-urlencoded");
    let answer = product.clone().oneshot(request.body(Body::from(form)).unwrap()).await.unwrap();
    answer.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn pages_fit_speak_to_everybody_and_work_by_keyboard() {
    let Ok(program) = std::env::var("RINGBACK_CHROMIUM") else {
        eprintln!("SKIPPED (loudly): the pages in a browser, because RINGBACK_CHROMIUM is not set");
        return;
    };
    let axe = axe().await;
    if axe.is_none() {
        eprintln!("SKIPPED (loudly): axe-core, because neither RINGBACK_AXE nor npm gave it");
    }
    let dir = tempfile::tempdir().unwrap();
    let store = support::sqlite(dir.path()).await;
    let now: jiff::Timestamp = MONDAY.parse().unwrap();
    let (west, _) = support::sample(&store, now).await;
    let shelf = Shelf::of(&store, &west.account).await;
    let clock = Arc::new(Still(AtomicI64::new(now.as_microsecond())));
    let engine = support::engine_with(store.clone(), clock, Settings::default(), Arc::new(shelf.clone()));
    let rollback = half_way(&engine, &west, &shelf).await;
    support::earned(&store, &west).await;
    let product = router(engine, WebOptions::default());
    let cookie = cookie(&product, "sam@example.com").await;
    let probing = Probing { cookie: cookie.into(), axe: axe.as_deref().map(Into::into) };
    let base = listen(probed(product, probing)).await;

    let first = store
        .read(|tx| {
            Box::pin(async move { store::inquiries_list(tx, "acct_copper", None, 100, &store::Before::end()).await })
        })
        .await
        .unwrap();
    let emergency = first.iter().find(|r| r.snapshot.contains("newborn")).unwrap().id.clone();
    let dead = first.iter().find(|r| r.snapshot.contains("does not exist")).unwrap().id.clone();
    let pages = [
        ("today", "/".to_owned()),
        ("inquiry", format!("/inquiries/{emergency}")),
        ("inquiry-dead", format!("/inquiries/{dead}")),
        ("trace", "/t/contact/10099".to_owned()),
        ("trace-task", "/t/task/70001?field=rb_urgency".to_owned()),
        ("reviews", "/reviews".to_owned()),
        ("reviews-one", format!("/reviews?inquiry={emergency}")),
        ("reviews-together", format!("/reviews?because={ALIKE}")),
        ("weekly", "/reviews/weekly".to_owned()),
        ("promotion", "/contract/promotion?field:reason_code=1".to_owned()),
        ("dead-letters", "/dead-letters".to_owned()),
        ("connections", "/connections".to_owned()),
        ("contract", "/contract".to_owned()),
        ("reviews-alike-held", "/reviews?because=accountability".to_owned()),
        ("backtest", "/contract/backtest".to_owned()),
        ("rollbacks", "/rollbacks".to_owned()),
        ("rollbacks-filled", format!("/rollbacks?inquiry={emergency}&field=lead_location")),
        ("rollback-preview", "/rollbacks/preview?version=1".to_owned()),
        ("rollback", format!("/rollbacks/{rollback}")),
        ("proof", "/proof".to_owned()),
        ("runbook", "/runbook".to_owned()),
        ("sign-in", "/sign-in".to_owned()),
        ("lost", "/nowhere".to_owned()),
    ];
    let browser = Browser { program };
    let shots = target().join("screenshots");
    std::fs::create_dir_all(&shots).unwrap();
    let mut wrong = Vec::new();
    for (name, path) in &pages {
        for size in WIDTHS {
            let url = format!("{base}{path}");
            browser.shoot((size.0, 1800), &url, &shots.join(format!("{name}-{}.png", size.0))).await;
            let found = browser.probe(size, &url).await;
            let mut note = |what: String| wrong.push(format!("{name} at {}: {what}", size.0));
            if found["errors"] != serde_json::json!([]) {
                note(format!("{}", found["errors"]));
            }
            if found["overflow"].as_i64() != Some(0) || found["out"] != serde_json::json!([]) {
                note(format!("sticks out by {}: {}", found["overflow"], found["out"]));
            }
            // Dead letters show a vendor's own words, and the contract the names of the CRM's properties.
            let raw_words = ["dead-letters", "inquiry-dead", "contract", "backtest"].contains(name);
            if found["raw"] != serde_json::json!([]) && !raw_words {
                note(format!("shows words of the machine: {}", found["raw"]));
            }
            if found["small"].as_i64() != Some(0) {
                note(format!("{} targets are too small", found["small"]));
            }
            for violation in found["axe"].as_array().into_iter().flatten() {
                if matches!(violation["impact"].as_str(), Some("serious" | "critical" | "moderate")) {
                    note(violation.to_string());
                }
            }
            if axe.is_some() && !found["axe"].is_array() {
                note("axe did not run".into());
            }
            let signed_in = !matches!(*name, "sign-in" | "lost");
            if found["rows"].as_i64() > Some(2)
                && (found["at"] != 1 || found["back"] != 0 || found["focusInRow"] != true)
            {
                note(format!(
                    "j j ends at row {}, then k at {} (focus in a row: {})",
                    found["at"], found["back"], found["focusInRow"]
                ));
            }
            if signed_in && (found["help"] != true || found["helpClosed"] != true) {
                note("? does not open and Escape not close the help".into());
            }
            if *name == "today" && found["find"] != true {
                note("/ does not reach the search".into());
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Which row the keys act on, by its id.
const CHOSEN: &str = "document.querySelector('.at')?.id ?? ''";
/// So many Tab stops lie at most before what is looked for.
const TABS_MAX: u32 = 80;
/// What has the focus, in a word.
const FOCUS: &str = "(e => e.name || e.value || e.className || e.tagName)(document.activeElement)";

/// A walk through the pages where there is a browser, and not for ever.
async fn in_browser(what: &str, walk: impl AsyncFnOnce(String)) {
    let Ok(program) = std::env::var("RINGBACK_CHROMIUM") else {
        eprintln!("SKIPPED (loudly): {what}, because RINGBACK_CHROMIUM is not set");
        return;
    };
    let limit = std::time::Duration::from_secs(2 * BROWSER_SECONDS_MAX);
    tokio::time::timeout(limit, Box::pin(walk(program))).await.expect("a page did not come");
}

/// Somebody of the sample's first account at a browser, signed in.
struct Desk {
    engine: Engine,
    west: House,
    browser: driver::Driver,
    base: String,
    dir: tempfile::TempDir,
}

impl Desk {
    /// With a CRM that shows what was written, or with none that answers.
    async fn of(program: &str, email: &str, shows: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = support::sqlite(dir.path()).await;
        let now: jiff::Timestamp = MONDAY.parse().unwrap();
        let (west, _) = support::sample(&store, now).await;
        let clock = Arc::new(Still(AtomicI64::new(now.as_microsecond())));
        let engine = if shows {
            let shelf = Shelf::of(&store, &west.account).await;
            support::engine_with(store, clock, Settings::default(), Arc::new(shelf))
        } else {
            support::engine(store, clock, Settings::default())
        };
        let product = router(engine.clone(), WebOptions::default());
        let cookie = cookie(&product, email).await;
        let base = listen(product).await;
        let mut browser = driver::Driver::start(program, WIDTHS[0], &target()).await;
        let (name, value) = cookie.split_once('=').unwrap();
        browser.ask("Network.setCookie", serde_json::json!({ "name": name, "value": value, "url": base })).await;
        Self { engine, west, browser, base, dir }
    }
}

/// Serves it until the test ends, and gives its address.
async fn listen(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    base
}

/// Presses Tab until the focus is on what the selector names.
async fn tab_to(browser: &mut driver::Driver, selector: &str) {
    for _ in 0..TABS_MAX {
        if browser.see(&format!("document.activeElement.matches(`{selector}`)")).await == true {
            return;
        }
        browser.press("Tab").await;
    }
    panic!("{selector} is not reached by Tab");
}

async fn told(engine: &Engine, house: &support::House, id: &str) -> Inquiry {
    engine.inquiry(&house.account, &InquiryId::from_text(id)).await.unwrap().unwrap()
}

/// The inquiry of a question on the page, by the question's id.
async fn asked_of(browser: &mut driver::Driver, review: &str) -> String {
    let row = format!("document.getElementById('{review}')");
    let link = format!(
        "({row}.querySelector('[data-open]') ?? {row}.closest('[data-caller]').querySelector('[data-open]')).getAttribute('href')"
    );
    browser.see(&link).await.as_str().unwrap().trim_start_matches("/inquiries/").to_owned()
}

/// Presses `j` until the chosen question has that field.
async fn until_chosen_has(browser: &mut driver::Driver, selector: &str) -> String {
    let rows = browser.see("document.querySelectorAll('[data-row]').length").await.as_u64().unwrap();
    for _ in 0..rows {
        if browser.see(&format!("!!document.querySelector('.at {selector}')")).await == true {
            return browser.see(CHOSEN).await.as_str().unwrap().to_owned();
        }
        browser.press("j").await;
    }
    panic!("no question has {selector}");
}

#[tokio::test]
async fn what_one_reason_stopped_is_answered_in_one_gesture_by_keyboard_alone() {
    in_browser("many questions by keyboard", together).await;
}

async fn together(program: String) {
    let Desk { engine, west, mut browser, base, dir: _dir } = Desk::of(&program, "sam@example.com", false).await;

    // Tab reaches what one reason stopped; Enter opens it with all of it ticked.
    browser.open(&format!("{base}/reviews")).await;
    browser.press("Tab").await;
    browser.press("Enter").await;
    tab_to(&mut browser, ".alike, .alike *").await;
    let told_before = browser.see("Number(document.activeElement.querySelector('b').textContent)").await;
    browser.go("Enter").await;
    let ids = "[...document.querySelectorAll('[data-row]')].map((row) => row.id)";
    let ids: Vec<String> = serde_json::from_value(browser.see(ids).await).unwrap();
    assert!(ids.len() > 1 && told_before == ids.len(), "{told_before} were promised: {ids:?}");
    assert_eq!(browser.see("document.querySelectorAll('[data-tick]:checked').length").await, ids.len());
    let inquiry = asked_of(&mut browser, &ids[1]).await;
    let left = asked_of(&mut browser, &ids[0]).await;

    // The first is doubted: unticked with Space. The others are turned down with a reason from the list.
    browser.press("a").await;
    assert_eq!(browser.see(CHOSEN).await, ids[0].as_str(), "without a row chosen a key decides nothing");
    browser.press(" ").await;
    assert_eq!(browser.see("document.querySelectorAll('[data-tick]:checked').length").await, ids.len() - 1);
    browser.press("x").await;
    assert_eq!(browser.see(FOCUS).await, "code");
    browser.press("c").await;
    assert_eq!(browser.see("document.activeElement.value").await, "misheard", "its words begin with c");
    for _ in 0..2 {
        browser.press("Tab").await;
    }
    assert_eq!(browser.see("document.activeElement.value").await, "reject");
    browser.go("Enter").await;
    assert_eq!(browser.see("location.pathname").await, "/reviews");
    let said = browser.see("document.querySelector('.good[role=status]')?.textContent ?? ''").await;
    assert!(said.as_str().unwrap().contains(&(ids.len() - 1).to_string()), "what was done is said: {said}");
    let answered = told(&engine, &west, &inquiry).await;
    let of = |all: &Inquiry, id: &str| all.approvals.iter().find(|a| a.review.as_str() == id).map(|a| a.choice.clone());
    let no = Choice::Reject { reason: String::new(), code: Some(RejectCode::Misheard) };
    assert_eq!(of(&answered, &ids[1]), Some(no));
    assert_eq!(of(&told(&engine, &west, &left).await, &ids[0]), None, "what was unticked is still asked");

    // An answer about another value than the one that is asked now: the page that says so speaks to everybody too.
    browser.press("j").await;
    browser.see("document.querySelectorAll('.at [name=digest]').forEach((field) => { field.value = 'another' })").await;
    browser.go("a").await;
    assert_eq!(browser.see("!!document.querySelector('.late[role=alert]')").await, true);
    serious(&mut browser, "an answer that comes too late").await;

    // A draft is tried on what was recorded: Tab from the text to the button.
    browser.open(&format!("{base}/contract/backtest")).await;
    browser.see("document.querySelector('textarea').focus()").await;
    browser
        .see(
            "(t => { t.value = t.value.replace(/, . to = \"specialist\", after = \"20 min\" ./, '').replace('autonomy = \"auto-low-risk\"', 'autonomy = \"suggest\"') })(document.activeElement)",
        )
        .await;
    tab_to(&mut browser, "form button.yes").await;
    browser.go("Enter").await;
    assert_eq!(
        browser.see("!!document.querySelector('#refused')").await,
        false,
        "{}",
        browser.see("document.querySelector('main').innerText").await
    );
    assert_eq!(browser.see("!!document.querySelector('#found')").await, true, "it was tried");
    serious(&mut browser, "what a draft would have done").await;
}

#[tokio::test]
async fn a_version_is_taken_back_by_keyboard_alone() {
    in_browser("a rollback by keyboard", taken_back).await;
}

async fn taken_back(program: String) {
    let Desk { engine, west, mut browser, base, dir: _dir } = Desk::of(&program, "sam@example.com", true).await;

    // From the contract's versions to the form, filled; to the preview; nothing is begun without a reason.
    browser.open(&format!("{base}/contract")).await;
    browser.see("document.querySelector('#versions').focus()").await;
    tab_to(&mut browser, "form[action='/rollbacks'] button").await;
    browser.go("Enter").await;
    assert_eq!(browser.see("document.querySelector('[name=version]').value").await, "1");
    assert_ne!(browser.see("document.querySelector('[name=contract]').value").await, "");
    serious(&mut browser, "the form of a rollback").await;
    tab_to(&mut browser, "form[action='/rollbacks/preview'] button").await;
    browser.go("Enter").await;
    let back = browser.see("document.querySelectorAll('.back tbody tr:not(.stays)').length").await.as_u64().unwrap();
    assert!(back > 0, "{}", browser.see("document.querySelector('main').innerText").await);
    serious(&mut browser, "the preview of a rollback").await;
    tab_to(&mut browser, "[name=reason]").await;
    browser.press("Enter").await;
    assert_eq!(browser.see("location.pathname").await, "/rollbacks/preview", "a reason is needed");
    browser.write("it was the wrong version").await;
    browser.press("Tab").await;
    browser.go("Enter").await;
    let all = engine.rollbacks(&west.account, 5, &store::Before::end()).await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(browser.see("location.pathname").await, format!("/rollbacks/{}", all[0].id));
    assert_eq!((all[0].reason.as_str(), all[0].by.as_str()), ("it was the wrong version", "user_copper_sam"));
    serious(&mut browser, "a rollback under way").await;

    // What it holds back is lifted, with a reason too.
    let held = engine.holds(&west.account).await.unwrap().len();
    tab_to(&mut browser, "form[action$='/lift'] [name=reason]").await;
    browser.write("the next version is right").await;
    browser.press("Tab").await;
    browser.go("Enter").await;
    assert_eq!(browser.see("!!document.querySelector('.answered[role=status]')").await, true);
    let holds = engine.holds(&west.account).await.unwrap();
    assert_eq!((holds.len(), holds.iter().filter(|h| h.hold.until.is_some()).count()), (held, 1));
    serious(&mut browser, "what was lifted").await;
}

/// What axe-core finds on the page that is open, where it is there.
async fn serious(browser: &mut driver::Driver, page: &str) {
    let Some(axe) = axe().await else { return };
    browser.see(&format!("{axe};0")).await;
    let run = "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }).then((found) => \
               found.violations.filter((v) => v.impact !== 'minor').map((v) => v.id + ': ' + v.nodes.map((n) => n.html.slice(0, 120)).join(' ')))";
    let ask = serde_json::json!({ "expression": run, "awaitPromise": true, "returnByValue": true });
    let found = browser.ask("Runtime.evaluate", ask).await["result"]["value"].take();
    assert_eq!(found, serde_json::json!([]), "{page}");
}

#[tokio::test]
async fn a_morning_goes_by_keyboard_alone() {
    in_browser("the morning by keyboard", morning).await;
}

async fn morning(program: String) {
    let Desk { engine, west, mut browser, base, dir: _dir } = Desk::of(&program, "dana@example.com", false).await;

    // Today: the first Tab stop skips to the page and can be seen; j chooses the first caller, visibly.
    browser.open(&base).await;
    browser.press("Tab").await;
    assert_eq!(browser.see(FOCUS).await, "skip");
    assert_eq!(browser.see("document.activeElement.getBoundingClientRect().top >= 0").await, true);
    browser.press("Enter").await;
    assert_eq!(browser.see("document.activeElement.id").await, "page");
    let dialled = "window.dialled = []; document.addEventListener('click', (e) => { const a = e.target.closest('[data-call]'); \
                   if (a) { e.preventDefault(); dialled.push(a.href); } }, true)";
    browser.see(dialled).await;
    browser.press("c").await;
    assert_eq!(browser.see("dialled.length").await, 0, "a key acts on nothing that is not chosen; it chooses first");
    assert_eq!(browser.see("document.querySelector('.at h3').textContent").await, "Marisol Alvarez");
    let outline = "getComputedStyle(document.activeElement).outlineStyle !== 'none' && document.activeElement.matches(':focus-visible')";
    assert_eq!(browser.see(outline).await, true, "the focus can be seen");
    browser.press("c").await;
    assert_eq!(browser.see("dialled.join()").await, "tel:+16025550142");
    let nobody =
        "[...document.querySelectorAll('[data-row]')].findIndex((r) => !r.querySelector('[data-call][href^=tel]'))";
    let nobody = browser.see(nobody).await.as_u64().unwrap();
    for _ in 0..nobody {
        browser.press("j").await;
    }
    browser.press("c").await;
    browser.press("a").await;
    assert_eq!(browser.see("dialled.length").await, 1, "a row without a number dials nobody else's");
    for _ in 0..nobody {
        browser.press("k").await;
    }

    // Inquiry: open it, take it, note what happened.
    browser.go("o").await;
    assert_eq!(browser.see("document.querySelector('h1').firstChild.textContent.trim()").await, "Marisol Alvarez");
    let marisol = browser.see("location.pathname").await.as_str().unwrap().trim_start_matches("/inquiries/").to_owned();
    browser.go("a").await;
    assert!(told(&engine, &west, &marisol).await.taken_by.is_some());
    browser.press("n").await;
    assert_eq!(browser.see(FOCUS).await, "note");
    browser.write("is at work until noon").await;
    browser.press("Enter").await;
    for _ in 0..3 {
        browser.press("Tab").await;
    }
    assert_eq!(browser.see(FOCUS).await, "result");
    assert_eq!(told(&engine, &west, &marisol).await.callbacks, [], "Enter in the note is no outcome");
    browser.go("Enter").await;
    let after = told(&engine, &west, &marisol).await;
    let noted: Vec<_> = after.callbacks.iter().map(|c| (c.result, c.note.as_deref())).collect();
    assert_eq!(noted, [(CallbackResult::LeftMessage, Some("is at work until noon"))]);
    assert!(after.next_callback_at.is_some(), "the next attempt is proposed");

    // Reviews: approve, write another value, say why not, pick; the page goes on with the next question each time.
    browser.go("r").await;
    let first = until_chosen_has(&mut browser, "[data-approve]").await;
    let second = "document.querySelectorAll('[data-row]')[1].id";
    let second = browser.see(second).await;
    let inquiry = asked_of(&mut browser, &first).await;
    browser.go("a").await;
    assert_eq!(browser.see(CHOSEN).await, second, "the page goes on with the next question");
    let decided = told(&engine, &west, &inquiry).await;
    assert!(decided.approvals.iter().any(|a| a.review.as_str() == first && a.choice == Choice::Approve));

    // A text: what is typed has to fit its field, and a number would not.
    let edited = until_chosen_has(&mut browser, "input[data-edit]:not([value^=\"+\"])").await;
    let inquiry = asked_of(&mut browser, &edited).await;
    browser.press("e").await;
    browser.write("written by hand").await;
    browser.go("Enter").await;
    let decided = told(&engine, &west, &inquiry).await;
    let by_hand = Choice::Edit { value: "written by hand".into() };
    let of = |id: &str, all: &Inquiry| all.approvals.iter().find(|a| a.review.as_str() == id).map(|a| a.choice.clone());
    assert_eq!(of(&edited, &decided), Some(by_hand), "Enter writes what was typed, not what was proposed");

    let rejected = until_chosen_has(&mut browser, "[data-reason]").await;
    let inquiry = asked_of(&mut browser, &rejected).await;
    browser.press("x").await;
    browser.write("misheard").await;
    browser.go("Enter").await;
    let no = Choice::Reject { reason: "misheard".into(), code: None };
    assert_eq!(of(&rejected, &told(&engine, &west, &inquiry).await), Some(no));

    let picked = until_chosen_has(&mut browser, "[data-pick]").await;
    let inquiry = asked_of(&mut browser, &picked).await;
    let wanted = browser.see("document.querySelectorAll('.at [data-pick]')[1].value").await;
    browser.press("2").await;
    browser.go("a").await;
    let decided = told(&engine, &west, &inquiry).await;
    assert_eq!(of(&picked, &decided), Some(Choice::Pick { id: wanted.as_str().unwrap().to_owned() }));

    // Help: opened, read, closed; the focus stays with it. And back to Today.
    browser.press("?").await;
    assert_eq!(browser.see("document.querySelector('#help').open").await, true);
    browser.press("Escape").await;
    assert_eq!(browser.see("document.querySelector('#help').open").await, false);
    assert_eq!(browser.see("document.activeElement.closest('#help') !== null").await, true);
    browser.go("t").await;
    assert_eq!(browser.see("location.pathname").await, "/");
}

#[tokio::test]
async fn what_was_earned_is_looked_at_and_confirmed_by_keyboard_alone() {
    in_browser("a promotion by keyboard", earned).await;
}

async fn earned(program: String) {
    let Desk { engine, west, mut browser, base, dir: _dir } = Desk::of(&program, "sam@example.com", false).await;
    support::earned(engine.store(), &west).await;

    // A spot-check among the questions: a says that it was right, and the next one is chosen.
    browser.open(&format!("{base}/reviews")).await;
    let rows = browser.see("document.querySelectorAll('[data-row]').length").await.as_u64().unwrap();
    for _ in 0..rows {
        if browser.see(CHOSEN).await.as_str().unwrap().starts_with("rev_earned") {
            break;
        }
        browser.press("j").await;
    }
    let heading = browser.see("document.querySelector('.at h3').textContent").await;
    assert!(heading.as_str().unwrap().starts_with("Was this right"), "{heading}");
    browser.go("a").await;
    let asked = engine.spot_checks(&west.account).await.unwrap();
    assert_eq!(asked.waiting, 2, "it is answered");

    browser.open(&format!("{base}/reviews/weekly")).await;
    tab_to(&mut browser, "[name='field:reason_code']").await;
    browser.press(" ").await;
    assert_eq!(browser.see("document.activeElement.checked").await, true);
    tab_to(&mut browser, "button.yes").await;
    browser.go("Enter").await;
    assert_eq!(browser.see("location.pathname").await, "/contract/promotion");
    serious(&mut browser, "promotion").await;
    let text = browser.see("document.querySelector('main').innerText").await.as_str().unwrap().to_owned();
    assert!(text.contains("36 of 39 proposals") && text.contains("autonomy"), "{text}");
    tab_to(&mut browser, "button.yes").await;
    browser.go("Enter").await;
    // The account is not ready: what is missing is told, line by line, and nothing was changed.
    let told = browser.see("document.querySelector('[role=alert]').innerText").await.as_str().unwrap().to_owned();
    assert!(told.contains("RB-0240") && told.contains("guarantee 8"), "{told}");
    assert_eq!(engine.contract(&west.account).await.unwrap().unwrap().0.version, 1);
}
