//! `POST /oauth/token`. Source: <https://pipedrive.readme.io/docs/marketplace-oauth-authorization>: the client's own credential in
//! `Authorization: Basic`, a form, an access token for an hour; the refresh token keeps its value.

use super::Pipedrive;
use crate::wire::form_decode;
use crate::{Reply, Request};
use base64::Engine as _;
use serde_json::json;

/// How long an access token lives, seconds.
const LIVES_SECONDS: i64 = 3_599;

impl Pipedrive {
    pub(super) fn token(&mut self, request: &Request, now_ms: i64) -> Reply {
        let refused =
            |status, error: &str| Reply::json(status, &json!({ "success": false, "message": error, "error": error }));
        let (client, secret, refresh) = self.options.oauth.clone();
        let expected = base64::engine::general_purpose::STANDARD.encode(format!("{client}:{secret}"));
        let given = request.get_header("authorization").and_then(|h| h.strip_prefix("Basic ")).unwrap_or_default();
        if given != expected {
            return refused(401, "invalid_client");
        }
        let form = form_decode(&String::from_utf8_lossy(&request.body));
        let word = |name: &str| form.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str());
        if word("grant_type") != "refresh_token" || word("refresh_token") != refresh {
            return refused(400, "invalid_grant");
        }
        self.issued += 1;
        let access = format!("pd-access-{}", self.issued);
        self.access.insert(access.clone(), now_ms + LIVES_SECONDS * 1_000);
        let domain = match self.options.api_domain.as_str() {
            "" => format!("http://{}", request.get_header("host").unwrap_or("localhost")),
            domain => domain.to_owned(),
        };
        let body = json!({
            "access_token": access, "token_type": "Bearer", "refresh_token": refresh, "expires_in": LIVES_SECONDS,
            "scope": "base,contacts:full,activities:full,deals:read,search:read,users:read,contact-fields:full", "api_domain": domain,
        });
        Reply::json(200, &body)
    }

    /// The token behind a request, if it is good.
    pub(super) fn authenticated(&self, request: &Request, now_ms: i64) -> Option<String> {
        if let Some(token) = request.get_header("x-api-token") {
            return self.options.api_tokens.iter().find(|t| *t == token).cloned();
        }
        let bearer = request.get_header("authorization")?.strip_prefix("Bearer ")?;
        self.access.get(bearer).filter(|until| now_ms < **until).map(|_| bearer.to_owned())
    }
}
