//! *Clients*: the accounts that one sign-in opens, each with what waits there. For agencies above all; a client's own people find their account alone.
//!
//! An account is listed where the operator joined it to this one (the same salted hash of a password, which nobody can copy from outside), and what is
//! counted of it is what this person may see there. That an address has a user in another account says nothing, and is not told.

use super::{Page, Shell, shown};
use crate::App;
use crate::problem::Problem;
use crate::session::Session;
use crate::texts::t;
use askama::Template;
use axum::extract::State;
use ringback_core::id::AccountId;
use ringback_core::rights::{Act, Role};
use ringback_store as store;

/// The most accounts on the page.
const CLIENTS_MAX: usize = 500;

/// One account.
struct Client {
    id: String,
    name: String,
    role: &'static str,
    /// Signed in here now.
    here: bool,
    open: i64,
    overdue: i64,
    reviews: i64,
    /// Day and sentence of the last proof; none: this person may not see proofs there.
    proof: Option<String>,
    proof_tone: &'static str,
}

#[derive(Template)]
#[template(path = "clients.html")]
struct ClientsPage {
    shell: Shell,
    clients: Vec<Client>,
    /// More are joined than are shown.
    more: usize,
    csrf: String,
}

/// `GET /clients`.
pub(crate) async fn page(State(app): State<App>, session: Session) -> Page {
    let shell = Shell::of(&app, &session, "clients", t("clients.title")).await?;
    let mut clients = Vec::new();
    let mut joined =
        session.joined.iter().map(|one| (one.account.as_str(), one.name.as_str(), one.role)).collect::<Vec<_>>();
    joined.push((session.account.as_str(), session.account_name.as_str(), session.role));
    joined.sort_by_key(|(id, name, _)| (name.to_lowercase(), *id));
    let more = joined.len().saturating_sub(CLIENTS_MAX);
    for (id, name, role) in joined.into_iter().take(CLIENTS_MAX) {
        clients.push(client(&app, &session, id, name, role).await?);
    }
    shown(&ClientsPage { shell, clients, more, csrf: session.csrf.clone() })
}

async fn client(app: &App, session: &Session, id: &str, name: &str, role: Role) -> Result<Client, Problem> {
    let here = id == session.account.as_str();
    let account = AccountId::from_text(id);
    let (of, now) = (id.to_owned(), app.engine.now());
    let places = session.places_in(app, &account).await?;
    let at = now.as_microsecond();
    let (queues, reviews, proof) = app
        .engine
        .store()
        .read(move |tx| {
            Box::pin(async move {
                let queues = store::queue_counts(tx, &of, places.as_deref(), at).await?;
                let reviews = store::reviews_open_count(tx, &of, places.as_deref()).await?;
                Ok((queues, reviews, store::proof_last(tx, &of).await?))
            })
        })
        .await?;
    let sees = role.may(Act::ReadAll);
    let told = proof.as_ref().map(|row| {
        let (sentence, tone) = super::proof::told(row);
        (format!("{} \u{b7} {sentence}", row.day), tone)
    });
    let proof_tone = told.as_ref().map_or("quiet", |(_, tone)| tone);
    Ok(Client {
        id: id.to_owned(),
        name: name.to_owned(),
        role: t(super::role_text(role)),
        here,
        open: queues.iter().map(|q| q.open).sum(),
        overdue: queues.iter().map(|q| q.overdue).sum(),
        reviews,
        proof: sees.then(|| told.map_or_else(|| t("clients.no_proof").to_owned(), |(words, _)| words)),
        proof_tone,
    })
}
