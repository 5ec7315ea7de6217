//! `/api/v1`: what programs may ask and do. One table of routes is both the router and the document, so that neither can forget the other.

pub(crate) mod contracts;
mod idempotency;
pub(crate) mod learned;
mod lists;
mod one;
mod openapi;
mod opt_outs;
pub(crate) mod rollbacks;
mod things;
mod token;
mod trace;

use crate::App;
use axum::Router;
use axum::routing::{MethodRouter, get, post};
use ringback_core::rights::{Act, Scope};

/// One route with everything its document says.
struct Route {
    method: &'static str,
    path: &'static str,
    /// The right that the least demanding use of it needs.
    act: Act,
    summary: &'static str,
    /// Path parameters are read off the path.
    query: Vec<Param>,
    /// Schema of the body, for a POST.
    body: Option<&'static str>,
    /// Schema of what is answered.
    answer: &'static str,
    /// What is answered is a page of these.
    paged: bool,
    /// It changes something, so that a repeated request is told by its key.
    once: bool,
    handler: MethodRouter<App>,
}

/// A query parameter.
struct Param {
    name: &'static str,
    means: &'static str,
    /// A JSON type.
    kind: &'static str,
    needed: bool,
}

impl Param {
    const fn text(name: &'static str, means: &'static str) -> Self {
        Self { name, means, kind: "string", needed: false }
    }

    const fn figure(name: &'static str, means: &'static str) -> Self {
        Self { kind: "integer", ..Self::text(name, means) }
    }

    const fn needed(name: &'static str, means: &'static str) -> Self {
        Self { needed: true, ..Self::text(name, means) }
    }
}

/// How a list is read page by page.
fn pages() -> Vec<Param> {
    vec![Param::figure("limit", "how many, 1 to 200; 50 if absent"), Param::text("cursor", "`next` of the page before")]
}

impl Route {
    fn get(path: &'static str, summary: &'static str, answer: &'static str, handler: MethodRouter<App>) -> Self {
        let (act, query) = (Act::ReadAll, Vec::new());
        Self { method: "get", path, act, summary, query, body: None, answer, paged: false, once: false, handler }
    }

    fn list(
        path: &'static str,
        summary: &'static str,
        answer: &'static str,
        filters: Vec<Param>,
        handler: MethodRouter<App>,
    ) -> Self {
        let query = filters.into_iter().chain(pages()).collect();
        Self { query, paged: true, ..Self::get(path, summary, answer, handler) }
    }

    /// Reads only, and asks with a body.
    fn ask(
        path: &'static str,
        summary: &'static str,
        body: &'static str,
        answer: &'static str,
        handler: MethodRouter<App>,
    ) -> Self {
        Self { method: "post", body: Some(body), ..Self::get(path, summary, answer, handler) }
    }

    /// Changes something.
    fn post(
        path: &'static str,
        act: Act,
        summary: &'static str,
        body: Option<&'static str>,
        answer: &'static str,
        handler: MethodRouter<App>,
    ) -> Self {
        Self { method: "post", act, body, once: true, ..Self::get(path, summary, answer, handler) }
    }
}

impl Route {
    /// The narrowest scope of a token that may ask this.
    fn scope(&self) -> &'static str {
        Scope::for_act(self.act).map_or("none", Scope::word)
    }
}

fn routes() -> Vec<Route> {
    let mut all = happenings();
    all.extend(wishes());
    all.extend(rules());
    all.extend(taken_back());
    all.extend(learned_of());
    all
}

/// What comes in and what becomes of it.
fn happenings() -> Vec<Route> {
    vec![
        Route::list(
            "/api/v1/inquiries",
            "Inquiries, newest first",
            "Inquiry",
            vec![
                Param::text("state", "`open` or `closed`"),
                Param::text("location", "id of a location"),
                Param::text("owner", "id of a member of staff"),
            ],
            get(lists::inquiries),
        ),
        Route::get("/api/v1/inquiries/{id}", "One inquiry", "Inquiry", get(one::inquiry)),
        Route::get("/api/v1/inquiries/{id}/entries", "Its ledger, oldest first", "Entries", get(one::entries)),
        Route::get("/api/v1/inquiries/{id}/transcripts", "What was said", "Transcripts", get(one::transcripts)),
        Route::post(
            "/api/v1/inquiries/{id}/events",
            Act::WorkQueue,
            "Take it, give it to somebody, or say how a callback ended",
            Some("PersonEvent"),
            "Inquiry",
            post(one::event),
        ),
        Route::list("/api/v1/calls", "Calls, newest first", "Call", Vec::new(), get(lists::calls)),
        Route::get("/api/v1/calls/{id}", "One call", "Call", get(one::call)),
        Route::list(
            "/api/v1/signals",
            "Signals, newest first",
            "Signal",
            vec![Param::text("state", "`stored`, `folded`, `unreadable`, `quarantined` or `parked`")],
            get(lists::signals),
        ),
        Route::list(
            "/api/v1/signals/quarantined",
            "Signals with a wrong signature, newest first",
            "Signal",
            Vec::new(),
            get(lists::quarantined),
        ),
        Route::post(
            "/api/v1/signals/{id}/accept",
            Act::Operate,
            "Accept a quarantined signal",
            None,
            "Done",
            post(one::accept),
        ),
        Route::list(
            "/api/v1/reviews",
            "Open reviews, oldest first",
            "Review",
            vec![Param::text("kind", "the kind word of a review")],
            get(lists::reviews),
        ),
        Route::post(
            "/api/v1/reviews/{id}/decide",
            Act::WorkQueue,
            "Answer a review about exactly the change of its digest",
            Some("Decision"),
            "Inquiry",
            post(one::decide),
        ),
        Route::post(
            "/api/v1/reviews/decide",
            Act::WorkQueue,
            "The same answer to many reviews that one reason stopped, each about exactly the change of its digest",
            Some("Decisions"),
            "Became",
            post(one::decide_together),
        ),
        Route::get("/api/v1/dead-letters", "Effects that need a person", "DeadLetters", get(things::dead_letters)),
        Route::post(
            "/api/v1/dead-letters/{id}/replay",
            Act::Operate,
            "Try a dead letter again",
            None,
            "Done",
            post(one::replay),
        ),
        Route::get("/api/v1/connections", "Connections and their lanes", "Connections", get(things::connections)),
        Route::list("/api/v1/proofs", "Proofs of no loss, newest first", "Proof", Vec::new(), get(lists::proofs)),
        Route::get("/api/v1/proofs/{seq}", "One proof with its signed file", "Proof", get(one::proof)),
        Route::get("/api/v1/runbook", "What to do when something fails, now", "Runbook", get(things::runbook)),
    ]
}

/// What people said about being reached.
fn wishes() -> Vec<Route> {
    vec![
        Route::post(
            "/api/v1/opt-outs",
            Act::WorkQueue,
            "Take note that somebody does not want to be reached: by an inquiry or a number, on whatever channel they said so",
            Some("OptOut"),
            "Consent",
            post(opt_outs::set),
        ),
        Route {
            query: vec![Param::needed("number", "a telephone number with its country")],
            ..Route::get(
                "/api/v1/opt-outs",
                "Whether somebody does not want to be reached",
                "Consent",
                get(opt_outs::of),
            )
        },
        Route::post(
            "/api/v1/opt-outs/clear",
            Act::ClearOptOut,
            "Take an opt-out back, with a reason that stays in the ledger",
            Some("OptOutCleared"),
            "Consent",
            post(opt_outs::clear),
        ),
    ]
}

/// Rules, and what the ledger says about them and by them.
fn rules() -> Vec<Route> {
    vec![
        Route {
            query: vec![
                Param::needed("object", "`contact`, `call` or `task`"),
                Param::needed("record", "id of the record in the CRM, or our key in it"),
                Param::needed("property", "the CRM's name of the field"),
            ],
            ..Route::get("/api/v1/trace", "Why a CRM field holds its value", "Trace", get(trace::trace))
        },
        Route::ask(
            "/api/v1/trace/under",
            "What another version of the contract, or a draft, would have decided where a value stands; nothing is written",
            "UnderAsked",
            "Under",
            post(trace::under),
        ),
        Route {
            act: Act::Export,
            query: vec![
                Param::needed("object", "`contact`, `call` or `task`"),
                Param::needed("record", "id of the record in the CRM, or our key in it"),
            ],
            ..Route::get(
                "/api/v1/audit/record",
                "Everything the ledger says about one record, as a signed file that proves itself",
                "RecordTrail",
                get(trace::record),
            )
        },
        Route::get("/api/v1/ledger/verify", "Check every chain", "LedgerReport", get(things::verify)),
        Route::get("/api/v1/audit", "Who changed rules and rights, oldest first", "Entries", get(contracts::audit)),
        Route::get(
            "/api/v1/contract/versions",
            "Every version of every contract",
            "ContractVersions",
            get(contracts::versions),
        ),
        Route::post(
            "/api/v1/contract",
            Act::EditContract,
            "Apply a contract that was made from the version in force",
            Some("ContractText"),
            "ContractApplied",
            post(contracts::apply),
        ),
        Route::get(
            "/api/v1/contract/readiness",
            "The eight guarantees, what else more stands on, and how much happens by itself where",
            "Readiness",
            get(contracts::readiness),
        ),
        Route::post(
            "/api/v1/contract/level",
            Act::GoLive,
            "Set how much may happen by itself at most: lower always, higher one step while each guarantee is green",
            Some("LevelAsked"),
            "Levels",
            post(contracts::level),
        ),
        Route::ask(
            "/api/v1/contract/backtest",
            "What a draft would have done with recorded calls; nothing is written",
            "BacktestAsked",
            "Backtest",
            post(contracts::backtest),
        ),
        Route::get("/api/v1/contract", "The contract in sentences", "Contract", get(things::contract)),
        Route::get("/api/v1/contract/fields/{field}", "One clause and who wins", "Clause", get(things::clause)),
    ]
}

/// What was written and is taken back.
fn taken_back() -> Vec<Route> {
    vec![
        Route::ask(
            "/api/v1/rollbacks/preview",
            "What a rollback of these writes would do now; nothing is changed",
            "RollbackScope",
            "RollbackPreview",
            post(rollbacks::preview),
        ),
        Route::post(
            "/api/v1/rollbacks",
            Act::Rollback,
            "Take values back, about exactly what the preview of that digest showed",
            Some("RollbackBegun"),
            "RollbackStarted",
            post(rollbacks::begin),
        ),
        Route::list(
            "/api/v1/rollbacks",
            "Rollbacks and how far each has come, newest first",
            "Rollback",
            Vec::new(),
            get(lists::rollbacks),
        ),
        Route::get("/api/v1/rollbacks/{id}", "One rollback, record by record", "Rollback", get(rollbacks::rollback)),
        Route::get(
            "/api/v1/holds",
            "What is put before a person because it was taken back",
            "Holds",
            get(rollbacks::holds),
        ),
        Route::post(
            "/api/v1/rollbacks/{id}/lift",
            Act::LiftHold,
            "Let happen by itself again what a rollback holds back: one field, or all of it",
            Some("Lift"),
            "Lifted",
            post(rollbacks::lift),
        ),
    ]
}

/// What people's answers say of the rules.
fn learned_of() -> Vec<Route> {
    let span =
        || vec![Param::figure("days", "of the last days, 1 to 366"), Param::text("until", "an instant; now if absent")];
    vec![
        Route {
            query: span(),
            ..Route::get(
                "/api/v1/contract/learned",
                "Answers, corrections and what was missing, per clause and in total; 28 days if nothing is said",
                "Learned",
                get(learned::learned),
            )
        },
        Route {
            query: span(),
            ..Route::get(
                "/api/v1/reviews/weekly",
                "The weekly review: corrected updates, uncertain rules, handoffs that helped, what should go on asking",
                "Weekly",
                get(learned::weekly),
            )
        },
        Route::get(
            "/api/v1/contract/promotions",
            "What fields have earned, and what is missing",
            "Promotions",
            get(learned::promotions),
        ),
        Route::ask(
            "/api/v1/contract/promotions/draft",
            "The version in which exactly these fields are as they are offered; nothing is stored",
            "PromotionNamed",
            "PromotionDraft",
            post(learned::draft),
        ),
        Route::post(
            "/api/v1/contract/promotions",
            Act::GoLive,
            "Make that version, exactly as its draft was shown",
            Some("PromotionConfirmed"),
            "ContractApplied",
            post(learned::promote),
        ),
    ]
}

pub(crate) fn router() -> Router<App> {
    let documented = routes().into_iter().fold(Router::new(), |router, route| router.route(route.path, route.handler));
    documented.route("/api/openapi.json", get(openapi::get)).route("/api/{*rest}", axum::routing::any(nowhere))
}

async fn nowhere() -> crate::problem::Problem {
    crate::problem::Problem::missing("route at this address; /api/openapi.json lists them all")
}
