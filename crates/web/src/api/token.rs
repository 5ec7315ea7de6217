//! Who asks: a bearer token of one account, with scopes.

use crate::App;
use crate::problem::Problem;
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use ringback_core::id::{AccountId, UserId};
use ringback_core::rights::{Act, Scope};

/// A request with a token that counts. Having one means at least [`Scope::Read`].
#[derive(Debug, Clone)]
pub(crate) struct Bearer {
    pub(crate) account: AccountId,
    /// In entries a token stands where a person would.
    pub(crate) by: UserId,
    scope: Scope,
}

impl Bearer {
    pub(crate) fn need(&self, act: Act) -> Result<(), Problem> {
        if self.scope.may(act) {
            Ok(())
        } else {
            Err(Problem::scope(Scope::for_act(act).map_or("of a person", Scope::word)))
        }
    }
}

impl FromRequestParts<App> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let given = parts.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
        let (scheme, token) = given.and_then(|v| v.split_once(' ')).ok_or_else(Problem::no_token)?;
        let token = token.trim();
        if !scheme.eq_ignore_ascii_case("bearer") || !token.starts_with("rbt_") {
            return Err(Problem::no_token());
        }
        let hash = crate::password::token_hash(token);
        let row = app
            .engine
            .store()
            .read(move |tx| Box::pin(async move { ringback_store::token_by_hash(tx, &hash).await }))
            .await?
            .ok_or_else(Problem::no_token)?;
        let scopes: Vec<String> = serde_json::from_str(&row.scopes).unwrap_or_default();
        let scope = scopes.iter().filter_map(|s| Scope::of(s)).max().ok_or_else(|| Problem::scope("read"))?;
        Ok(Self { account: AccountId::from_text(row.account), by: UserId::from_text(row.id), scope })
    }
}
