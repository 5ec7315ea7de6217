//! Credentials of outgoing requests: tokens as they are, and access tokens got by OAuth and renewed before they end.
//!
//! A connection's secret is a token, or a JSON object with `client_id`, `client_secret` and, where the vendor's grant needs it,
//! `refresh_token`. Where a refresh gives another refresh token and voids the old one, the new one is sealed and stored before the access
//! token is used, beside a digest of the secret it came from: a secret that somebody replaces (a new authorisation) wins at once.
//! No token is logged, kept with an attempt or seen by a translator.

use crate::facts::{ConnectionFacts, secret_place};
use crate::http::{Authorization, Fault, Outgoing};
use crate::keyring::{Sealed, token_hash};
use crate::{Engine, micros};
use jiff::{SignedDuration, Timestamp};
use ringback_connect::{Auth, Connection, Crm, Grant, OAuth, Secret, sinks};
use ringback_core::http::{HttpReply, HttpRequest, Method};
use ringback_store::{self as store, Site};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A token is renewed so long before it ends.
const EARLY: SignedDuration = SignedDuration::from_secs(60);
/// A token that was refused is given up only if it is older than this: another exchange may just have renewed it.
const YOUNG: SignedDuration = SignedDuration::from_secs(5);
/// How long a refused renewal is not repeated.
const REST_AFTER_REFUSAL: SignedDuration = SignedDuration::from_secs(30);
/// The cursor under which a rotated refresh token is kept.
const REFRESH_CURSOR: &str = "oauth.refresh";
const TIMEOUT: Duration = Duration::from_secs(15);

/// What an OAuth connection's secret holds.
#[derive(Deserialize)]
struct Client {
    client_id: String,
    client_secret: String,
    #[serde(default)]
    refresh_token: Option<String>,
}

/// A rotated refresh token as it is stored.
#[derive(serde::Serialize, Deserialize)]
struct Kept {
    /// Digest of the configured secret that it descends from.
    origin: String,
    sealed: Sealed,
}

#[derive(Clone)]
struct Token {
    secret: Secret,
    base_url: Option<String>,
    got_at: Timestamp,
    ends_at: Timestamp,
    origin: String,
}

/// Access tokens of this node.
#[derive(Default)]
pub(crate) struct Tokens {
    held: Mutex<HashMap<String, Token>>,
    refused: Mutex<HashMap<String, (Timestamp, String)>>,
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// What a request needs besides itself.
pub(crate) struct Credential {
    pub(crate) auth: Option<Authorization>,
    /// Where the vendor said that requests go from now on.
    pub(crate) base_url: Option<String>,
    /// The request with a signature, where one belongs in it.
    pub(crate) request: Option<HttpRequest>,
}

impl Credential {
    fn of(auth: Option<Authorization>) -> Self {
        Self { auth, base_url: None, request: None }
    }
}

impl Engine {
    /// The credential for a request over that connection.
    pub(crate) async fn credential(
        &self,
        held: &ConnectionFacts,
        crm: &'static dyn Crm,
        request: &HttpRequest,
    ) -> Result<Credential, Fault> {
        let about = crm.about();
        let Some(secret) = held.secrets.first() else { return Ok(Credential::of(None)) };
        if let (Some(oauth), Ok(client)) = (about.oauth, serde_json::from_str::<Client>(secret.reveal())) {
            let token = self.access_token(held, oauth, &client, secret).await?;
            let auth = match about.auth {
                Auth::Scheme(scheme) => Authorization::Scheme(scheme, token.secret),
                _ => Authorization::Bearer(token.secret),
            };
            // A base URL of the connection's own stands above what the vendor says: it may be a sandbox or a proxy.
            let base_url = token.base_url.filter(|_| held.connection.base_url.is_none());
            return Ok(Credential { auth: Some(auth), base_url, request: None });
        }
        let secret = secret.clone();
        Ok(match about.auth {
            Auth::None | Auth::Url => Credential::of(None),
            Auth::Bearer => Credential::of(Some(Authorization::Bearer(secret))),
            Auth::Token => Credential::of(Some(Authorization::Token(secret))),
            Auth::Scheme(scheme) => Credential::of(Some(Authorization::Scheme(scheme, secret))),
            Auth::Header(name) => Credential::of(Some(Authorization::Header(name, secret))),
            Auth::Basic => {
                let user = held.connection.setting("user").unwrap_or_default().to_owned();
                Credential::of(Some(Authorization::Basic { user, password: secret }))
            }
            Auth::Signed => {
                // The message's id is the record's key and content: the same on every attempt.
                let id = sinks::webhook::message_id(&request.body);
                let mut signed = request.clone();
                signed.headers = sinks::webhook::signed(&id, self.now(), &request.body, &secret);
                Credential { auth: None, base_url: None, request: Some(signed) }
            }
        })
    }

    /// The vendor refused the token: the next request gets another one.
    pub(crate) fn token_refused(&self, held: &ConnectionFacts) {
        let now = self.now();
        let mut tokens = self.inner.tokens.held.lock().unwrap_or_else(PoisonError::into_inner);
        let id = held.connection.id.as_str();
        if tokens.get(id).is_some_and(|t| now.duration_since(t.got_at) >= YOUNG) {
            tokens.remove(id);
        }
    }

    async fn access_token(
        &self,
        held: &ConnectionFacts,
        oauth: &'static OAuth,
        client: &Client,
        secret: &Secret,
    ) -> Result<Token, Fault> {
        let id = held.connection.id.as_str();
        let origin = token_hash(secret.reveal());
        if let Some(token) = self.token_at_hand(id, &origin) {
            return Ok(token);
        }
        let turn = {
            let mut turns = self.inner.tokens.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.entry(id.to_owned()).or_default().clone()
        };
        let _turn = turn.lock().await;
        if let Some(token) = self.token_at_hand(id, &origin) {
            return Ok(token);
        }
        let now = self.now();
        let refused = self.inner.tokens.refused.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        if let Some((at, of)) = refused
            && of == origin
            && now.duration_since(at) < REST_AFTER_REFUSAL
        {
            return Err(Fault::NoToken("the vendor refused to renew the token; authorise the connection again".into()));
        }
        let kept = self.kept_refresh(held, &origin).await?;
        let refresh = kept.or_else(|| client.refresh_token.clone().map(Secret::new));
        let request = token_request(oauth, &held.connection, client, refresh.as_ref())
            .ok_or_else(|| Fault::NoToken("the connection's secret has no refresh_token".into()))?;
        let url = token_url(oauth, &held.connection);
        let auth = oauth.basic.then(|| Authorization::Basic {
            user: client.client_id.clone(),
            password: Secret::new(client.client_secret.clone()),
        });
        let call = Outgoing { base_url: &url, request: &request, auth, timeout: TIMEOUT, connection: id };
        let reply = match self.inner.parts.transport.send(call).await {
            Ok(reply) => reply,
            // The renewal is not the request: whatever became of it, the request itself did not leave.
            Err(fault) => return Err(Fault::NoToken(fault.to_string())),
        };
        let token = read_token(oauth, &reply, now, origin.clone()).map_err(|words| {
            let mut refused = self.inner.tokens.refused.lock().unwrap_or_else(PoisonError::into_inner);
            if (400..500).contains(&reply.status) || reply.status == 200 {
                refused.insert(id.to_owned(), (now, origin.clone()));
            }
            Fault::NoToken(words)
        })?;
        if oauth.rotates
            && let Some(next) = field(&reply, "refresh_token").or_else(|| field(&reply, "refreshToken"))
        {
            self.keep_refresh(held, &origin, &next).await?;
        }
        self.inner.tokens.held.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), token.clone());
        Ok(token)
    }

    fn token_at_hand(&self, id: &str, origin: &str) -> Option<Token> {
        let tokens = self.inner.tokens.held.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.now();
        let fresh = |t: &&Token| t.origin == origin && t.ends_at.duration_since(now) > EARLY;
        tokens.get(id).filter(fresh).cloned()
    }

    async fn kept_refresh(&self, held: &ConnectionFacts, origin: &str) -> Result<Option<Secret>, Fault> {
        let (account, id) = (held.connection.account.as_str().to_owned(), held.connection.id.as_str().to_owned());
        let read = self
            .store()
            .read(move |tx| Box::pin(async move { store::cursor_get(tx, &account, &id, REFRESH_CURSOR).await }))
            .await
            .map_err(|e| Fault::NoToken(e.to_string()))?;
        let Some(kept) = read.and_then(|text| serde_json::from_str::<Kept>(&text).ok()) else { return Ok(None) };
        if kept.origin != origin {
            return Ok(None);
        }
        let place = secret_place(held.connection.account.as_str(), held.connection.id.as_str());
        Ok(self.keyring().open(&kept.sealed, &place).ok())
    }

    async fn keep_refresh(&self, held: &ConnectionFacts, origin: &str, next: &str) -> Result<(), Fault> {
        let (account, id) = (held.connection.account.as_str().to_owned(), held.connection.id.as_str().to_owned());
        let sealed = self.keyring().seal(next, &secret_place(&account, &id), self.random());
        let kept = Kept { origin: origin.to_owned(), sealed };
        let text = serde_json::to_string(&kept).map_err(|e| Fault::NoToken(e.to_string()))?;
        let at = micros(self.now());
        self.store()
            .write(Site::Setup, move |tx| {
                Box::pin(async move { store::cursor_put(tx, &account, &id, REFRESH_CURSOR, &text, at).await })
            })
            .await
            .map_err(|e| Fault::NoToken(e.to_string()))
    }
}

/// The address with the connection's settings in the places of `{name}`.
fn token_url(oauth: &OAuth, connection: &Connection) -> String {
    connection.setting("token_url").map_or_else(|| filled(oauth.token_url, connection), str::to_owned)
}

fn filled(text: &str, connection: &Connection) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, tail)) = after.split_once('}') else { break };
        let own = if name == "base_url" { connection.base_url.as_deref() } else { connection.setting(name) };
        out.push_str(own.unwrap_or_default().trim_end_matches('/'));
        rest = tail;
    }
    out.push_str(rest);
    out
}

fn token_request(
    oauth: &OAuth,
    connection: &Connection,
    client: &Client,
    refresh: Option<&Secret>,
) -> Option<HttpRequest> {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    match oauth.grant {
        Grant::RefreshToken => {
            form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", refresh?.reveal());
        }
        Grant::ClientCredentials => {
            form.append_pair("grant_type", "client_credentials");
        }
    }
    if !oauth.basic {
        form.append_pair("client_id", &client.client_id).append_pair("client_secret", &client.client_secret);
    }
    for (name, value) in oauth.form {
        form.append_pair(name, &filled(value, connection));
    }
    Some(HttpRequest {
        method: Method::Post,
        path: String::new(),
        headers: vec![
            ("content-type".into(), "application/x-www-form-urlencoded".into()),
            ("accept".into(), "application/json".into()),
        ],
        body: form.finish().into_bytes(),
    })
}

fn field(reply: &HttpReply, name: &str) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(&reply.body).ok()?;
    body.get(name)?.as_str().filter(|t| !t.is_empty()).map(str::to_owned)
}

fn read_token(oauth: &OAuth, reply: &HttpReply, now: Timestamp, origin: String) -> Result<Token, String> {
    let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(serde_json::Value::as_str).filter(|t| !t.is_empty());
    let Some(secret) = text("access_token").or_else(|| text("accessToken")).filter(|_| reply.status < 300) else {
        let words = text("error_description")
            .or_else(|| text("error"))
            .or_else(|| text("message"))
            .unwrap_or("no token in the answer");
        let words: String = words.chars().take(200).collect();
        return Err(format!("the token was not renewed: HTTP {}, {words}", reply.status));
    };
    let lives = ["expires_in", "expiresIn"].iter().find_map(|name| body.get(name).and_then(serde_json::Value::as_i64));
    let lives = lives.filter(|s| *s > 0).unwrap_or_else(|| i64::from(oauth.lives_seconds));
    Ok(Token {
        secret: Secret::new(secret),
        base_url: oauth
            .base_url_from
            .and_then(text)
            .filter(|u| u.starts_with("https://") || u.starts_with("http://"))
            .map(str::to_owned),
        got_at: now,
        ends_at: now.checked_add(SignedDuration::from_secs(lives)).unwrap_or(now),
        origin,
    })
}
