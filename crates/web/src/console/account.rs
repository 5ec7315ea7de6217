//! Signing in and out, and changing between the accounts of one e-mail address.

use super::{Fields, Page, Shell, failed, shown};
use crate::App;
use crate::problem::Problem;
use crate::session::{self, Session, local_path};
use crate::texts::t;
use askama::Template;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use ringback_store::UserRow;
use std::collections::HashMap;
use std::sync::LazyLock;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    shell: Shell,
    next: String,
    /// The account to sign in to, where only one is meant.
    account: String,
    problem: Option<Problem>,
}

fn form(next: &str, account: &str, problem: Option<Problem>) -> Page {
    let status = problem.as_ref().map(|p| p.status);
    let (next, account) = (local_path(next).to_owned(), account.to_owned());
    let page = SignIn { shell: Shell::bare(t("sign_in.title")), next, account, problem };
    let response = shown(&page)?;
    Ok(match status {
        Some(status) => (status, response).into_response(),
        None => response,
    })
}

/// `GET /sign-in`.
pub(crate) async fn page(Query(query): Query<HashMap<String, String>>) -> Page {
    form(query.get("next").map_or("/", String::as_str), "", None)
}

/// Somebody unknown takes as long as somebody known.
static NOBODY: LazyLock<String> = LazyLock::new(|| crate::password::hash("nobody", [0; 16]).unwrap_or_default());

/// `POST /sign-in`.
pub(crate) async fn sign_in(State(app): State<App>, fields: Fields) -> Page {
    let email = crate::password::fold_email(fields.get("email"));
    let password = fields.0.get("password").cloned().unwrap_or_default();
    let next = local_path(fields.get("next")).to_owned();
    let wanted = fields.get("account").to_owned();
    let options = &app.options;
    let allowed =
        lock(&app.tries).allow(&email, app.engine.now(), options.sign_in_tries_max, options.sign_in_window_seconds);
    if !allowed {
        return form(&next, &wanted, Some(Problem::sign_in_pause()));
    }
    let folded = email.clone();
    let mut users = app
        .engine
        .store()
        .read(move |tx| Box::pin(async move { ringback_store::users_with_email(tx, &folded).await }))
        .await?;
    users.retain(|u| u.active && (wanted.is_empty() || u.account == wanted));
    // Each account has its own password for the same address; the first that fits opens its account.
    let found: Option<UserRow> = tokio::task::spawn_blocking(move || {
        if users.is_empty() {
            crate::password::verify(&password, &NOBODY);
        }
        users.into_iter().find(|u| crate::password::verify(&password, &u.password_hash))
    })
    .await
    .unwrap_or_default();
    let Some(user) = found else { return form(&next, &wanted, Some(Problem::sign_in_failed())) };
    lock(&app.tries).forgive(&email);
    let cookie = session::open(&app, &user.account, &user.id).await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&next)).into_response())
}

fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A panic while holding it leaves a map that is whole all the same.
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// `POST /sign-out`.
pub(crate) async fn sign_out(State(app): State<App>, session: Session, fields: Fields) -> Page {
    session.check_form(&fields.0)?;
    let cookie = session::close(&app, &session.token_hash).await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/sign-in")).into_response())
}

/// `POST /account`: to another account of the same e-mail address.
///
/// An account may hold any address, so the address alone proves nothing there. Only where the operator gave both the same password (the same
/// salted hash, which nobody can copy from outside) does being signed in here count there; else nothing is told of that account, not even that
/// it knows the address. A password that was changed in this very moment is asked for.
pub(crate) async fn switch(State(app): State<App>, session: Session, fields: Fields) -> Page {
    session.check_form(&fields.0)?;
    let to = fields.get("account").to_owned();
    if !session.joined.iter().any(|one| one.account == to) {
        return Ok(failed(&Problem::missing(t("problem.account"))));
    }
    let (from, me) = (session.account.as_str().to_owned(), session.user.as_str().to_owned());
    let account = to.clone();
    let users = app
        .engine
        .store()
        .read(move |tx| {
            Box::pin(async move {
                let Some(me) = ringback_store::user_get(tx, &from, &me).await? else { return Ok(None) };
                let there = ringback_store::user_by_email(tx, &account, &me.email_folded).await?;
                Ok(there.map(|there| (me, there)))
            })
        })
        .await?
        .filter(|(_, there)| there.active);
    let Some((me, user)) = users else { return Ok(failed(&Problem::missing(t("problem.account")))) };
    if me.password_hash != user.password_hash {
        return form("/", &to, Some(Problem::sign_in_there()));
    }
    session::close(&app, &session.token_hash).await?;
    let cookie = session::open(&app, &to, &user.id).await?;
    Ok::<Response, _>(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}
