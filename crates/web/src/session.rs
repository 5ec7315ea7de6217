//! Who is at the console: sign-in, sessions, roles, and the token that each form carries.

use crate::App;
use crate::problem::Problem;
use crate::when::Wall;
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use ringback_core::id::{AccountId, LocationId, UserId};
use ringback_core::inquiry::Inquiry;
use ringback_core::rights::{Act, Role};
use ringback_core::roster::{Location, Roster};
use ringback_store::{SessionRow, Site, UserRow};
use std::collections::HashMap;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Another account that one sign-in opens.
#[derive(Debug, Clone)]
pub(crate) struct Joined {
    pub(crate) account: String,
    pub(crate) name: String,
    pub(crate) role: Role,
    /// Its locations, by id or slug.
    named: Vec<String>,
}

/// A signed-in person in one account.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) account: AccountId,
    pub(crate) account_name: String,
    /// Other accounts that this sign-in opens too.
    pub(crate) joined: Vec<Joined>,
    pub(crate) user: UserId,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) csrf: String,
    pub(crate) token_hash: String,
    pub(crate) roster: Arc<Roster>,
    /// `None`: all.
    pub(crate) locations: Option<Vec<LocationId>>,
}

impl Session {
    /// Whether this person may see what belongs to that location. What has no location yet is everybody's to sort out but a coordinator's.
    pub(crate) fn sees(&self, location: Option<&LocationId>) -> bool {
        match (&self.locations, location) {
            (None, _) => true,
            (Some(mine), Some(location)) => mine.contains(location),
            (Some(_), None) => false,
        }
    }

    /// The inquiry, if it may be seen; else it does not exist.
    pub(crate) fn visible(&self, inquiry: Option<Inquiry>) -> Result<Inquiry, Problem> {
        inquiry.filter(|i| self.sees(i.location.as_ref())).ok_or_else(|| Problem::missing("inquiry of that name"))
    }

    /// The locations that may be seen, in the roster's order.
    pub(crate) fn places(&self) -> Vec<&Location> {
        self.roster.locations.iter().filter(|l| self.sees(Some(&l.id))).collect()
    }

    /// The clock of a location; else the one by which most of the locations live, as the days of the proofs do.
    pub(crate) fn wall(&self, location: Option<&LocationId>) -> Wall {
        let place = location.and_then(|id| self.roster.location(id)).or_else(|| self.common_place());
        place.map_or_else(|| Wall::new("UTC", "en-GB"), |l| Wall::new(l.calendar.zone(), &l.locale))
    }

    /// A location of the zone that most of those have that may be seen; of equally many the first zone by name.
    fn common_place(&self) -> Option<&Location> {
        let places = self.places();
        let of = |zone: &str| places.iter().filter(|l| l.calendar.zone() == zone).count();
        let first = |a: &&&Location, b: &&&Location| {
            let (a, b) = (a.calendar.zone(), b.calendar.zone());
            of(a).cmp(&of(b)).then(b.cmp(a))
        };
        places.iter().max_by(first).copied()
    }

    /// Do the locations that may be seen live by several clocks?
    pub(crate) fn several_zones(&self) -> bool {
        let places = self.places();
        places.iter().any(|l| Some(l.calendar.zone()) != places.first().map(|f| f.calendar.zone()))
    }

    /// The locations that this person may see in an account that is joined, or in this one; `None`: all.
    pub(crate) async fn places_in(&self, app: &App, account: &AccountId) -> Result<Option<Vec<String>>, Problem> {
        let texts = |some: &[LocationId]| some.iter().map(|l| l.as_str().to_owned()).collect::<Vec<_>>();
        if *account == self.account {
            return Ok(self.locations.as_deref().map(texts));
        }
        let Some(there) = self.joined.iter().find(|one| one.account == account.as_str()) else {
            return Ok(Some(Vec::new()));
        };
        if !there.role.by_location() {
            return Ok(None);
        }
        let roster = app.engine.roster(account).await?;
        Ok(Some(texts(&own_locations(&there.named, &roster))))
    }

    /// May this person do that?
    pub(crate) fn may(&self, act: Act) -> bool {
        self.role.may(act)
    }

    pub(crate) fn need(&self, act: Act) -> Result<(), Problem> {
        if self.may(act) { Ok(()) } else { Err(Problem::role(self.role.word())) }
    }

    /// The form was made for this session.
    pub(crate) fn check_form(&self, form: &HashMap<String, String>) -> Result<(), Problem> {
        let given = form.get("csrf").map_or("", String::as_str);
        if bool::from(given.as_bytes().ct_eq(self.csrf.as_bytes())) { Ok(()) } else { Err(Problem::stale_form()) }
    }
}

/// Why there is no session: to the sign-in page, or a problem.
pub(crate) enum NoSession {
    SignIn { next: String },
    Failed(Problem),
}

impl IntoResponse for NoSession {
    fn into_response(self) -> Response {
        match self {
            Self::SignIn { next } => Redirect::to(&format!("/sign-in?next={}", escape_query(&next))).into_response(),
            Self::Failed(problem) => crate::console::failed(&problem),
        }
    }
}

impl FromRequestParts<App> for Session {
    type Rejection = NoSession;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, NoSession> {
        let path = parts.uri.path_and_query().map_or("/", |p| p.as_str());
        let next = if parts.method == Method::GET { path } else { "/" };
        let sign_in = || NoSession::SignIn { next: next.to_owned() };
        let token = cookie(&parts.headers, cookie_name(app)).ok_or_else(sign_in)?;
        load(app, &token).await.map_err(NoSession::Failed)?.ok_or_else(sign_in)
    }
}

async fn load(app: &App, token: &str) -> Result<Option<Session>, Problem> {
    let (hash, now) = (crate::password::token_hash(token), app.engine.now().as_microsecond());
    let found = app
        .engine
        .store()
        .read(move |tx| {
            Box::pin(async move {
                let Some(session) = ringback_store::session_get(tx, &hash, now).await? else { return Ok(None) };
                let Some(user) = ringback_store::user_get(tx, &session.account, &session.user_id).await? else {
                    return Ok(None);
                };
                let accounts = ringback_store::accounts_all(tx).await?;
                let same = ringback_store::users_with_email(tx, &user.email_folded).await?;
                Ok(Some((session, user, accounts, same)))
            })
        })
        .await?;
    let Some((session, user, accounts, same)) = found.filter(|(_, user, ..)| user.active) else { return Ok(None) };
    let account = AccountId::from_text(session.account.clone());
    let roster = app.engine.roster(&account).await?;
    let name_of = |id: &str| accounts.iter().find(|a| a.id == id).map_or_else(|| id.to_owned(), |a| a.name.clone());
    // An account may hold any address: only where the operator gave both the same password, by the same salted hash, is it the same person's.
    let joins = |u: &&UserRow| u.active && u.account != session.account && u.password_hash == user.password_hash;
    let joined = same.iter().filter(joins).map(|u| Joined {
        account: u.account.clone(),
        name: name_of(&u.account),
        role: Role::of(&u.role),
        named: locations_named(u),
    });
    let role = Role::of(&user.role);
    let locations = role.by_location().then(|| own_locations(&locations_named(&user), &roster));
    Ok(Some(Session {
        account_name: name_of(&session.account),
        joined: joined.collect(),
        user: UserId::from_text(user.id),
        name: user.name,
        csrf: session.csrf,
        token_hash: session.token_hash,
        account,
        role,
        roster,
        locations,
    }))
}

/// A user's locations are named by id or by slug.
fn locations_named(user: &UserRow) -> Vec<String> {
    serde_json::from_str(&user.locations).unwrap_or_default()
}

fn own_locations(named: &[String], roster: &Roster) -> Vec<LocationId> {
    let mine = |l: &&Location| named.iter().any(|n| n == l.id.as_str() || *n == l.slug);
    roster.locations.iter().filter(mine).map(|l| l.id.clone()).collect()
}

/// `__Host-` binds the cookie to this host and to TLS; a browser refuses it without TLS, so plain HTTP (loopback) has a plain name.
pub(crate) fn cookie_name(app: &App) -> &'static str {
    if secure(app) { "__Host-ringback" } else { "ringback" }
}

fn secure(app: &App) -> bool {
    app.engine.settings().console_url.starts_with("https://")
}

pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(';'));
    pairs.filter_map(|p| p.trim().split_once('=')).find(|(n, _)| *n == name).map(|(_, v)| v.to_owned())
}

/// Makes a session in one account and gives the `Set-Cookie` value.
pub(crate) async fn open(app: &App, account: &str, user: &str) -> Result<String, Problem> {
    let token = crate::password::secret(app.engine.random::<32>());
    let now = app.engine.now().as_microsecond();
    let row = SessionRow {
        token_hash: crate::password::token_hash(&token),
        account: account.to_owned(),
        user_id: user.to_owned(),
        csrf: crate::password::secret(app.engine.random::<32>()),
        created_at: now,
        expires_at: now + app.options.session_seconds * 1_000_000,
    };
    app.engine
        .store()
        .write(Site::Setup, move |tx| {
            Box::pin(async move {
                ringback_store::sessions_expire(tx, now).await?;
                ringback_store::session_insert(tx, &row).await
            })
        })
        .await?;
    Ok(set_cookie(app, &token, app.options.session_seconds))
}

/// Ends a session and gives the `Set-Cookie` value that forgets it.
pub(crate) async fn close(app: &App, token_hash: &str) -> Result<String, Problem> {
    let hash = token_hash.to_owned();
    app.engine
        .store()
        .write(Site::Setup, move |tx| Box::pin(async move { ringback_store::session_delete(tx, &hash).await }))
        .await?;
    Ok(set_cookie(app, "", 0))
}

fn set_cookie(app: &App, token: &str, seconds: i64) -> String {
    let secure = if secure(app) { "; Secure" } else { "" };
    format!("{}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}", cookie_name(app))
}

/// Failed sign-ins per e-mail address, in memory: a restart forgives, which an attacker cannot order.
#[derive(Debug, Default)]
pub(crate) struct Tries(HashMap<String, (u32, Timestamp)>);

/// Addresses remembered; beyond it the oldest are forgotten.
const TRIES_MAX: usize = 10_000;

impl Tries {
    /// Whether another try is allowed now. Counts it as failed until [`Self::forgive`].
    pub(crate) fn allow(&mut self, email: &str, now: Timestamp, max: u32, window_seconds: i64) -> bool {
        let fresh = |at: &Timestamp| now.as_second() - at.as_second() < window_seconds;
        if self.0.len() >= TRIES_MAX {
            self.0.retain(|_, (_, at)| fresh(at));
        }
        if self.0.len() >= TRIES_MAX {
            return false;
        }
        let entry = self.0.entry(email.to_owned()).or_insert((0, now));
        if !fresh(&entry.1) {
            *entry = (0, now);
        }
        entry.0 += 1;
        entry.0 <= max
    }

    pub(crate) fn forgive(&mut self, email: &str) {
        self.0.remove(email);
    }
}

/// A browser that says a change comes from another site is believed. The token in each form is the guard; this is the second.
pub(crate) async fn same_origin(request: Request, next: Next) -> Response {
    let cross = request.headers().get("sec-fetch-site").is_some_and(|site| site.as_bytes() == b"cross-site");
    if request.method() == Method::POST && cross {
        return crate::console::failed(&Problem::stale_form());
    }
    next.run(request).await
}

/// Only a path of our own; anything else would let a link lead elsewhere after sign-in.
pub(crate) fn local_path(next: &str) -> &str {
    let plain = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n', '\t']);
    if plain { next } else { "/" }
}

pub(crate) fn escape_query(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, b| {
        if b.is_ascii_alphanumeric() || b"-_.~/".contains(&b) {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "%{b:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_our_own_are_followed() {
        assert_eq!(local_path("/inquiries/inq_1?x=1"), "/inquiries/inq_1?x=1");
        for evil in ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/a\r\nSet-Cookie: x"] {
            assert_eq!(local_path(evil), "/", "{evil:?}");
        }
    }

    #[test]
    fn tries_run_out_and_come_back() {
        let at = |s: i64| Timestamp::from_second(1_700_000_000 + s).unwrap();
        let mut tries = Tries::default();
        let allowed: Vec<bool> = (0..4).map(|n| tries.allow("a@b.example", at(n), 3, 900)).collect();
        assert_eq!(allowed, [true, true, true, false]);
        assert!(tries.allow("c@d.example", at(4), 3, 900), "another address is not punished");
        assert!(tries.allow("a@b.example", at(900), 3, 900));
        tries.forgive("a@b.example");
        assert!(tries.0.len() == 1);
    }
}
