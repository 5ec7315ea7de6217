//! The token endpoint of apps that an account has installed. Sources: authentication guide, "Manage OAuth access tokens with the 2026-03
//! API" (form in the body, never the query); migration guide from version 1; changelog "Expiration of OAuth access tokens is changing"
//! (30 minutes); changelog "New OAuth v3 API endpoints and standardized error responses" (RFC 6749's `error` and `error_description`
//! beside the older `status` and `message`). Refresh tokens stay the same until the app is taken away.

use super::{HubSpot, Token};
use crate::wire::form_decode;
use crate::{Reply, Request};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How long an access token lives, s.
const LIVES_S: i64 = 1_800;
/// Access tokens that are remembered, so that an expired one is told from one that never was.
const ISSUED_MAX: usize = 1_000;

/// An app with OAuth that this account has installed.
#[derive(Debug, Clone)]
pub struct App {
    /// Of the app.
    pub client_id: String,
    /// Of the app.
    pub client_secret: String,
    /// Of the installation.
    pub refresh_token: String,
    /// `sourceId` in property histories.
    pub app_id: String,
    /// Granted scopes; `None` grants all.
    pub scopes: Option<Vec<String>>,
}

impl App {
    /// An app with every scope.
    pub fn new(client_id: &str, client_secret: &str, refresh_token: &str, app_id: &str) -> Self {
        let text = str::to_owned;
        Self {
            client_id: text(client_id),
            client_secret: text(client_secret),
            refresh_token: text(refresh_token),
            app_id: text(app_id),
            scopes: None,
        }
    }
}

/// An access token that was given out.
#[derive(Debug, Clone)]
struct Issued {
    secret: String,
    client_id: String,
    until_ms: i64,
}

/// Who a token stands for.
pub(crate) enum Bearer {
    Known { token: Token, budget: String },
    Expired { seconds: i64 },
    Nobody,
}

/// Access tokens given out so far, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Given {
    tokens: Vec<Issued>,
    count: u64,
}

impl HubSpot {
    /// `POST /oauth/{version}/token`; `None` for any other path.
    pub(super) fn oauth_endpoint(&mut self, request: &Request, now_ms: i64) -> Option<Reply> {
        let segments = request.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let ["oauth", version, "token"] = segments.as_slice() else { return None };
        if request.method != "POST" || !(matches!(*version, "v1" | "v3") || super::is_dated(version)) {
            return None;
        }
        let mut form: BTreeMap<String, String> =
            form_decode(&String::from_utf8_lossy(&request.body)).into_iter().collect();
        if *version == "v1" {
            form.extend(request.query());
        }
        Some(self.refresh(&form, now_ms))
    }

    fn refresh(&mut self, form: &BTreeMap<String, String>, now_ms: i64) -> Reply {
        let given = |name: &str| form.get(name).map_or("", String::as_str);
        let refused = |status: &str, error: &str, message: &str| {
            let body = json!({ "status": status, "message": message, "error": error, "error_description": message });
            Reply::json(400, &body)
        };
        if given("grant_type") != "refresh_token" {
            return refused("BAD_GRANT_TYPE", "unsupported_grant_type", "missing or unknown grant type");
        }
        let apps = &self.options.apps;
        let Some(app) = apps.iter().find(|app| app.client_id == given("client_id")).cloned() else {
            return refused("BAD_CLIENT_ID", "invalid_client", "missing or unknown client id");
        };
        if app.client_secret != given("client_secret") {
            return refused("BAD_CLIENT_SECRET", "invalid_client", "missing or invalid client secret");
        }
        if app.refresh_token != given("refresh_token") {
            return refused("BAD_REFRESH_TOKEN", "invalid_grant", "missing or invalid refresh token");
        }
        self.given.count += 1;
        let secret = format!("{}-{}", app.client_id, self.given.count);
        self.given.tokens.push(Issued {
            secret: secret.clone(),
            client_id: app.client_id.clone(),
            until_ms: now_ms + LIVES_S * 1_000,
        });
        if self.given.tokens.len() > ISSUED_MAX {
            self.given.tokens.remove(0);
        }
        let scopes = app.scopes.map_or_else(|| json!([]), Value::from);
        let body = json!({
            "access_token": secret, "refresh_token": app.refresh_token, "token_type": "bearer", "expires_in": LIVES_S,
            "hub_id": self.options.portal_id, "user_id": 700_001, "scopes": scopes, "token_use": "access_token",
        });
        Reply::json(200, &body)
    }

    /// The private app or the app with OAuth behind a token. The budget of the latter is the app's, not the single token's.
    pub(super) fn bearer(&self, secret: Option<&str>, now_ms: i64) -> Bearer {
        if let Some(known) = self.options.tokens.iter().find(|known| secret == Some(known.secret.as_str())) {
            return Bearer::Known { token: known.clone(), budget: known.secret.clone() };
        }
        let Some(issued) = self.given.tokens.iter().rev().find(|issued| secret == Some(issued.secret.as_str())) else {
            return Bearer::Nobody;
        };
        let Some(app) = self.options.apps.iter().find(|app| app.client_id == issued.client_id) else {
            return Bearer::Nobody;
        };
        if now_ms >= issued.until_ms {
            return Bearer::Expired { seconds: (now_ms - issued.until_ms) / 1_000 };
        }
        let token = Token { secret: issued.secret.clone(), app_id: app.app_id.clone(), scopes: app.scopes.clone() };
        Bearer::Known { token, budget: app.client_id.clone() }
    }
}
