//! The pages for people, each beside its handlers. Every page can be read without JavaScript; the script only keeps it fresh and adds keys.

mod account;
mod backtest;
mod brief;
mod cards;
mod clients;
mod connections;
mod contract;
mod dead_letters;
mod events;
mod guarantees;
mod inquiry;
mod levels;
mod opt_out;
mod proof;
mod reviews;
mod rollbacks;
mod today;
mod trace;
mod weekly;
mod words;

pub use dead_letters::Refusal;

use crate::App;
use crate::problem::Problem;
use crate::session::Session;
use crate::texts::t;
use askama::Template;
use axum::Router;
use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use ringback_core::http::form_pairs;
use ringback_core::rights::{Act, Role};
use ringback_core::roster::Location;
use std::collections::HashMap;

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/", get(today::page))
        .route("/events", get(events::stream))
        .route("/sign-in", get(account::page).post(account::sign_in))
        .route("/sign-out", post(account::sign_out))
        .route("/account", post(account::switch))
        .route("/clients", get(clients::page))
        .route("/inquiries/{id}", get(inquiry::page))
        .route("/inquiries/{id}/take", post(inquiry::take))
        .route("/inquiries/{id}/assign", post(inquiry::assign))
        .route("/inquiries/{id}/called", post(inquiry::called))
        .route("/t/{object}/{*id}", get(trace::page))
        .route("/inquiries/{id}/opt-out", post(opt_out::set))
        .route("/inquiries/{id}/opt-out/clear", post(opt_out::clear))
        .route("/reviews", get(reviews::page))
        .route("/reviews/together", post(reviews::decide_together))
        .route("/reviews/weekly", get(weekly::page))
        .route("/reviews/{id}", post(reviews::decide))
        .route("/dead-letters", get(dead_letters::page))
        .route("/dead-letters/{id}/replay", post(dead_letters::replay))
        .route("/connections", get(connections::page))
        .route("/connections/quarantine/{id}/accept", post(connections::accept))
        .route("/contract", get(contract::page).post(contract::apply))
        .route("/contract/level", post(levels::set))
        .route("/contract/promotion", get(weekly::confirm).post(weekly::promote))
        .route("/contract/backtest", get(backtest::page).post(backtest::run))
        .route("/rollbacks", get(rollbacks::page).post(rollbacks::begin))
        .route("/rollbacks/preview", get(rollbacks::preview))
        .route("/rollbacks/{id}", get(rollbacks::one))
        .route("/rollbacks/{id}/lift", post(rollbacks::lift))
        .route("/proof", get(proof::page))
        .route("/proof/{seq}", get(proof::earlier))
        .route("/proof/{seq}/file", get(proof::file))
        .route("/proof/{seq}/print", get(proof::print))
        .route("/runbook", get(proof::runbook_page))
        .fallback(nowhere)
}

/// Since when a lane that fails has been down: nothing was asked of it between its last success and the oldest thing that waits.
pub(crate) fn down_since(lane: Option<&ringback_store::LaneRow>, oldest: Option<i64>) -> Option<i64> {
    let lane = lane?;
    lane.last_ok_at.max(oldest).or(lane.last_error_at)
}

/// A handler's answer: a page, a redirect, or a problem as a page.
pub(crate) type Page = Result<Response, Failure>;

/// A problem that is shown as a page.
pub(crate) struct Failure(Problem);

impl<E: Into<Problem>> From<E> for Failure {
    fn from(problem: E) -> Self {
        Self(problem.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        failed(&self.0)
    }
}

/// What stands around every page.
pub(crate) struct Shell {
    pub(crate) title: String,
    /// Which entry of the navigation this is.
    pub(crate) here: &'static str,
    pub(crate) css: String,
    pub(crate) js: String,
    pub(crate) icon: String,
    pub(crate) lang: String,
    pub(crate) direction: &'static str,
    /// Nobody is signed in on the sign-in page.
    pub(crate) who: Option<Who>,
}

/// Who looks at the page.
pub(crate) struct Who {
    pub(crate) name: String,
    pub(crate) role: &'static str,
    pub(crate) account: String,
    pub(crate) others: Vec<(String, String)>,
    pub(crate) csrf: String,
    pub(crate) operation: bool,
    /// Counts beside the navigation's entries.
    pub(crate) reviews: i64,
    pub(crate) dead: usize,
}

impl Shell {
    pub(crate) fn bare(title: &str) -> Self {
        let [css, js, icon] = crate::assets::hrefs();
        // Texts are English so far, whatever the location's locale; dates and times follow the location.
        let lang = "en".to_owned();
        let direction = if right_to_left(&lang) { "rtl" } else { "ltr" };
        Self { title: title.to_owned(), here: "", css, js, icon, lang, direction, who: None }
    }

    pub(crate) async fn of(app: &App, session: &Session, here: &'static str, title: &str) -> Result<Self, Problem> {
        // The number beside the word is what this person will find behind it.
        let reviews = app.engine.open_reviews_count(&session.account, session.locations.as_deref()).await?;
        let account = session.account.as_str().to_owned();
        let dead = app.engine.store().read(move |tx| {
            Box::pin(async move { ringback_store::effects_dead(tx, &account, dead_letters::LETTERS_MAX).await })
        });
        let dead = dead.await?.len();
        let who = Who {
            name: session.name.clone(),
            role: t(role_text(session.role)),
            account: session.account_name.clone(),
            others: session.joined.iter().map(|one| (one.account.clone(), one.name.clone())).collect(),
            csrf: session.csrf.clone(),
            operation: session.may(Act::ReadAll),
            reviews,
            dead,
        };
        Ok(Self { here, who: Some(who), ..Self::bare(title) })
    }
}

/// The text of a role's name.
pub(crate) fn role_text(role: Role) -> &'static str {
    match role {
        Role::Admin => "role.admin",
        Role::Revops => "role.revops",
        Role::Coordinator => "role.coordinator",
        Role::Auditor => "role.auditor",
        Role::Agency => "role.agency",
    }
}

fn right_to_left(lang: &str) -> bool {
    matches!(lang.split('-').next(), Some("ar" | "he" | "fa" | "ur"))
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    shell: Shell,
    problem: Problem,
}

/// A problem as a page, with its way out.
pub(crate) fn failed(problem: &Problem) -> Response {
    let page = ProblemPage { shell: Shell::bare(problem.title), problem: problem.clone() };
    match page.render() {
        Ok(html) => (problem.status, Html(html)).into_response(),
        Err(_) => problem.clone().into_response(),
    }
}

pub(crate) fn shown(page: &impl Template) -> Page {
    Ok(Html(page.render()?).into_response())
}

async fn nowhere() -> Response {
    failed(&Problem::missing(t("problem.page")))
}

/// Back to where the click was made.
pub(crate) fn back(form: &HashMap<String, String>, otherwise: &str) -> Response {
    let to = form.get("back").map_or(otherwise, |to| crate::session::local_path(to));
    Redirect::to(to).into_response()
}

/// The fields of a form; the last of a name wins.
pub(crate) struct Fields(pub(crate) HashMap<String, String>);

impl Fields {
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |v| v.trim())
    }
}

impl FromRequest<App> for Fields {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("application/x-www-form-urlencoded") {
            return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response());
        }
        let max_bytes = app.options.form_body_max_bytes;
        let bytes =
            to_bytes(request.into_body(), max_bytes).await.map_err(|_| failed(&Problem::too_large(max_bytes)))?;
        Ok(Self(form_pairs(&bytes).into_iter().collect()))
    }
}

/// `open until 5:00 PM`, `opens 8:00 AM`, `closed`.
pub(crate) fn hours(place: &Location, now: jiff::Timestamp) -> String {
    let wall = crate::when::Wall::new(place.calendar.zone(), &place.locale);
    if place.calendar.is_open(now) {
        let until = place.calendar.closes_at(now).map(|at| wall.moment(at, now));
        return until.map_or_else(|| t("hours.open").to_owned(), |at| format!("{} {at}", t("hours.until")));
    }
    let opens = place.calendar.next_opening(now).map(|at| wall.moment(at, now));
    opens.map_or_else(|| t("hours.closed").to_owned(), |at| format!("{} {at}", t("hours.opens")))
}
