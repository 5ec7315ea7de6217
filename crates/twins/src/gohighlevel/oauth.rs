//! Access tokens of apps. Source: `apps/oauth.json` and docs/oauth/Authorization.md of the vendor: a form, a day's life, and a refresh
//! token that works once.

use super::refusals::Refusal;
use super::{GoHighLevel, Token};
use crate::wire::form_decode;
use crate::{Reply, Request};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// `expires_in` of the vendor's example.
const LIVES_SECONDS: i64 = 86_399;

/// Tokens that were given out: secret → sub-accounts, end of life (ms).
#[derive(Debug, Clone, Default)]
pub(crate) struct Sessions {
    given: BTreeMap<String, (Vec<String>, i64)>,
    count: u64,
}

impl Sessions {
    pub(crate) fn token(&self, secret: &str, now_ms: i64) -> Option<Token> {
        let (locations, until) = self.given.get(secret)?;
        (now_ms < *until).then(|| Token { secret: secret.to_owned(), locations: locations.clone(), scopes: None })
    }

    fn give(&mut self, locations: Vec<String>, now_ms: i64) -> String {
        self.count += 1;
        let secret = format!("access-twin-{}", self.count);
        self.given.insert(secret.clone(), (locations, now_ms + LIVES_SECONDS * 1_000));
        secret
    }
}

/// RFC 6749's form, which the vendor uses here; undocumented.
fn grant_refused(description: &str) -> Reply {
    Reply::json(400, &json!({ "error": "invalid_grant", "error_description": description }))
}

impl GoHighLevel {
    /// `/oauth/token`, `/oauth/locationToken`
    pub(super) fn oauth_endpoint(&mut self, request: &Request, rest: &[&str], now_ms: i64) -> Result<Reply, Refusal> {
        let form: BTreeMap<String, String> = form_decode(&String::from_utf8_lossy(&request.body)).into_iter().collect();
        let given = |name: &str| form.get(name).map_or("", String::as_str);
        match (request.method.as_str(), rest) {
            ("POST", ["token"]) => {
                let missing: Vec<String> = ["client_id", "client_secret", "grant_type"]
                    .iter()
                    .filter(|name| given(name).is_empty())
                    .map(|name| format!("{name} must be a string"))
                    .collect();
                if !missing.is_empty() {
                    return Err(Refusal::invalid(&missing));
                }
                let known = |app: &&mut super::App| {
                    app.client_id == given("client_id") && app.client_secret == given("client_secret")
                };
                let Some(app) = self.options.apps.iter_mut().find(known) else {
                    return Err(Refusal::new(401, "Invalid client credentials!"));
                };
                if given("grant_type") != "refresh_token" || given("refresh_token") != app.refresh_token {
                    return Ok(grant_refused("This refresh token is invalid"));
                }
                if given("user_type") == "Company" {
                    return Ok(grant_refused("The app is installed in a sub-account"));
                }
                let location = app.location.clone();
                let next = self.sessions.count + 2;
                app.refresh_token = format!("refresh-twin-{next}");
                let refresh = app.refresh_token.clone();
                let access = self.sessions.give(vec![location.clone()], now_ms);
                let mut body = self.token_answer(&access, &location);
                body["refresh_token"] = json!(refresh);
                Ok(Reply::json(200, &body))
            }
            // An agency token gives one for a sub-account; no agency token is accepted anywhere else.
            ("POST", ["locationToken"]) => {
                let secret = request.get_header("authorization").and_then(|h| h.strip_prefix("Bearer ")).unwrap_or_default();
                if secret != "agency-twin" || given("companyId") != self.options.company {
                    return Err(Refusal::no_token());
                }
                let location = given("locationId").to_owned();
                if self.location(&location).is_none() {
                    return Err(Refusal::bad("Location not found"));
                }
                let access = self.sessions.give(vec![location.clone()], now_ms);
                Ok(Reply::json(200, &self.token_answer(&access, &location)))
            }
            _ => Err(Refusal::no_such_path(&request.method, &request.path)),
        }
    }

    fn token_answer(&self, access: &str, location: &str) -> Value {
        json!({
            "access_token": access, "token_type": "Bearer", "expires_in": LIVES_SECONDS, "scope": "contacts.readonly contacts.write",
            "userType": "Location", "locationId": location, "companyId": self.options.company, "userId": "Uapp0000000000000001",
        })
    }
}
