//! The one HTTP client: checks addresses, adds credentials, caps bodies, bounds time.
//!
//! Translators build requests as values; only here do they become bytes on a wire. Names are resolved by us and every address of a name is
//! checked, and the connection goes to the addresses that were checked, so that a name cannot point somewhere else a moment later.
//! A redirect is an answer, not an order: the address was allowed, its target was not. Nothing is retried here.

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::redirect;
use ringback_connect::Secret;
use ringback_core::http::{HttpReply, HttpRequest, Method};
use std::error::Error as StdError;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use url::{Host, Url};

/// How long a connection may take to come about; within the time-out of the whole exchange.
const CONNECT_SECONDS_MAX: u64 = 10;
/// How long an idle connection is kept.
const IDLE_SECONDS: u64 = 50;
/// Idle connections kept per host.
const IDLE_PER_HOST_MAX: usize = 32;

/// How the words of a fault begin where no connection came about.
pub(crate) const NO_CONNECTION: &str = "no connection";

/// Why there is no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No connection came about; nothing left.
    #[error("{NO_CONNECTION}: {0}")]
    Refused(String),
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// The connection broke while the answer was awaited.
    #[error("the connection broke: {0}")]
    Reset(String),
    /// The answer's body is larger than allowed.
    #[error("the answer is too large")]
    TooLarge,
    /// The address may not be asked; nothing left.
    #[error("the address is not allowed: {0}")]
    Forbidden(String),
    /// The request could not be built; nothing left.
    #[error("the request cannot be sent: {0}")]
    Other(String),
    /// There is no valid token and none could be got; nothing left.
    #[error("no valid token: {0}")]
    NoToken(String),
}

impl Fault {
    /// May bytes of the request have left? Then what it asked for may have happened.
    pub fn left(&self) -> bool {
        match self {
            Self::TimedOut | Self::Reset(_) | Self::TooLarge => true,
            Self::Refused(_) | Self::Forbidden(_) | Self::Other(_) | Self::NoToken(_) => false,
        }
    }

    /// A stable word for attempts and counts.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Refused(_) => "no_connection",
            Self::TimedOut => "time_out",
            Self::Reset(_) => "reset",
            Self::TooLarge => "reply_too_large",
            Self::Forbidden(_) => "address_not_allowed",
            Self::Other(_) => "not_sendable",
            Self::NoToken(_) => "no_token",
        }
    }
}

/// A credential for one request; prints as `***`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// `Authorization: Bearer …`
    Bearer(Secret),
    /// `Authorization: Basic …`
    Basic { user: String, password: Secret },
    /// `Authorization: Token token="…"` (CallRail).
    Token(Secret),
    /// `Authorization: <scheme> <token>` (Zoho).
    Scheme(&'static str, Secret),
    /// The token alone, in a header of that name (Pipedrive).
    Header(&'static str, Secret),
}

impl Authorization {
    /// The header's name and value; the value prints as hidden.
    fn header(&self) -> Result<(HeaderName, HeaderValue), Fault> {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let text = match self {
            Self::Bearer(token) => format!("Bearer {}", token.reveal()),
            Self::Basic { user, password } => {
                format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.reveal())))
            }
            Self::Token(token) => format!("Token token=\"{}\"", token.reveal()),
            Self::Scheme(scheme, token) => format!("{scheme} {}", token.reveal()),
            Self::Header(_, token) => token.reveal().to_owned(),
        };
        let name = match self {
            Self::Header(name, _) => HeaderName::from_static(name),
            _ => AUTHORIZATION,
        };
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| Fault::Other("the credential holds characters that no header can carry".into()))?;
        value.set_sensitive(true);
        Ok((name, value))
    }
}

/// One exchange to be made.
#[derive(Debug, Clone)]
pub struct Outgoing<'a> {
    /// `https://api.example.com`, with or without a path; the request's path is put behind it.
    pub base_url: &'a str,
    pub request: &'a HttpRequest,
    pub auth: Option<Authorization>,
    /// For the whole exchange, the last byte of the reply included.
    pub timeout: Duration,
    /// Id of the connection, for logs.
    pub connection: &'a str,
}

/// Whoever can make an exchange: the real client, or the simulation's.
pub trait Transport: Send + Sync {
    /// Makes one exchange. Every status is a reply; a [`Fault`] means that there is none.
    fn send<'a>(&'a self, call: Outgoing<'a>) -> BoxFuture<'a, Result<HttpReply, Fault>>;
}

/// What the client may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// May addresses of private networks and of this machine be asked, by plain `http` too? For demos, tests and vendors inside the house.
    /// Link-local addresses (where clouds keep their machines' credentials) stay forbidden.
    pub allow_private: bool,
    /// The largest reply.
    pub body_max_bytes: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self { allow_private: false, body_max_bytes: 8 * 1024 * 1024 }
    }
}

/// The real client.
pub struct ReqwestTransport {
    policy: Policy,
    https: reqwest::Client,
    /// Only private addresses: what leaves without TLS stays in the house.
    plain: reqwest::Client,
}

impl ReqwestTransport {
    /// Sets the client up; connects to nothing.
    pub fn new(policy: Policy) -> Result<Self, Fault> {
        // The second of two clients finds it installed, which is what is wanted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let reach = if policy.allow_private { Reach::PublicAndPrivate } else { Reach::Public };
        Ok(Self { policy, https: client(reach)?, plain: client(Reach::Private)? })
    }

    async fn exchange(&self, call: Outgoing<'_>) -> Result<HttpReply, Fault> {
        let url = target(call.base_url, &call.request.path)?;
        let (client, reach) = match (url.scheme(), self.policy.allow_private) {
            ("https", true) => (&self.https, Reach::PublicAndPrivate),
            ("https", false) => (&self.https, Reach::Public),
            ("http", true) => (&self.plain, Reach::Private),
            ("http", false) => return Err(Fault::Forbidden("only https is allowed".into())),
            (other, _) => return Err(Fault::Forbidden(format!("{other} is not https"))),
        };
        // The resolver never sees an address that stands in the URL itself.
        match url.host() {
            Some(Host::Ipv4(ip)) => reach.check(IpAddr::V4(ip))?,
            Some(Host::Ipv6(ip)) => reach.check(IpAddr::V6(ip))?,
            Some(Host::Domain(_)) => {}
            None => return Err(Fault::Other("the base URL has no host".into())),
        }
        let mut request = client.request(method(call.request.method), url).timeout(call.timeout);
        for (name, value) in &call.request.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Fault::Other(format!("header {name:?}")))?;
            let value = HeaderValue::from_str(value).map_err(|_| Fault::Other(format!("value of header {name}")))?;
            request = request.header(name, value);
        }
        if let Some(auth) = &call.auth {
            let (name, value) = auth.header()?;
            request = request.header(name, value);
        }
        let mut reply = request.body(call.request.body.clone()).send().await.map_err(|e| fault(&e))?;
        let cap = self.policy.body_max_bytes;
        if reply.content_length().is_some_and(|n| n > cap as u64) {
            return Err(Fault::TooLarge);
        }
        let mut body = Vec::new();
        while let Some(chunk) = reply.chunk().await.map_err(|e| fault(&e))? {
            if body.len() + chunk.len() > cap {
                return Err(Fault::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let headers = reply
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        Ok(HttpReply { status: reply.status().as_u16(), headers, body })
    }
}

impl Transport for ReqwestTransport {
    fn send<'a>(&'a self, call: Outgoing<'a>) -> BoxFuture<'a, Result<HttpReply, Fault>> {
        Box::pin(async move {
            // The path without its query: queries may hold what people said.
            let path = call.request.path.split('?').next().unwrap_or_default().to_owned();
            let (connection, method) = (call.connection, call.request.method.as_str());
            let answer = self.exchange(call).await;
            match &answer {
                Ok(reply) => tracing::debug!(connection, method, path, status = reply.status, "exchange"),
                Err(fault) => tracing::debug!(connection, method, path, fault = fault.word(), "exchange"),
            }
            answer
        })
    }
}

fn client(reach: Reach) -> Result<reqwest::Client, Fault> {
    reqwest::Client::builder()
        .user_agent(concat!("ringback/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .retry(reqwest::retry::never())
        .dns_resolver(Arc::new(CheckedResolver { reach }))
        .connect_timeout(Duration::from_secs(CONNECT_SECONDS_MAX))
        .pool_idle_timeout(Duration::from_secs(IDLE_SECONDS))
        .pool_max_idle_per_host(IDLE_PER_HOST_MAX)
        .tcp_nodelay(true)
        .build()
        .map_err(|e| Fault::Other(format!("the HTTP client cannot be set up: {}", root(&e))))
}

fn method(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    }
}

/// The request's URL; refuses what would end at another host than the base URL names.
fn target(base_url: &str, path: &str) -> Result<Url, Fault> {
    let wrong = |why: &str| Fault::Other(format!("{why}: {base_url}"));
    let base = Url::parse(base_url).map_err(|_| wrong("the base URL is none"))?;
    if !base.username().is_empty() || base.password().is_some() {
        return Err(Fault::Other("the base URL holds a credential".into()));
    }
    if base.query().is_some() || base.fragment().is_some() {
        return Err(wrong("the base URL has a query"));
    }
    if !path.is_empty() && !path.starts_with('/') {
        return Err(Fault::Other("the path does not begin with a slash".into()));
    }
    let url = Url::parse(&format!("{}{path}", base_url.trim_end_matches('/'))).map_err(|_| wrong("the URL is none"))?;
    if url.origin() != base.origin() {
        return Err(wrong("the path leads to another host"));
    }
    Ok(url)
}

/// Sorts the client's errors by whether bytes may have left.
fn fault(error: &reqwest::Error) -> Fault {
    let mut source: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(inner) = source {
        if let Some(forbidden) = inner.downcast_ref::<ForbiddenAddress>() {
            return Fault::Forbidden(forbidden.0.clone());
        }
        source = inner.source();
    }
    if error.is_builder() {
        Fault::Other(root(error))
    } else if error.is_connect() {
        Fault::Refused(root(error))
    } else if error.is_timeout() {
        Fault::TimedOut
    } else {
        Fault::Reset(root(error))
    }
}

/// The innermost cause in words; the outer layers repeat the URL.
fn root(error: &dyn StdError) -> String {
    let mut inner = error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    if std::ptr::addr_eq(inner, error) { "no cause is known".into() } else { inner.to_string() }
}

/// Which addresses a client may connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Public,
    PublicAndPrivate,
    Private,
}

/// What kind of place an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Public,
    /// Private networks, this machine.
    Private,
    /// Link-local, multicast, reserved: nobody's vendor is there.
    Never,
}

impl Reach {
    fn check(self, ip: IpAddr) -> Result<(), Fault> {
        let allowed = match (place(ip), self) {
            (Place::Public, Self::Private) => {
                return Err(Fault::Forbidden(format!("{ip} is public and may be asked by https only")));
            }
            (Place::Public, _) | (Place::Private, Self::Private | Self::PublicAndPrivate) => true,
            (Place::Private, Self::Public) | (Place::Never, _) => false,
        };
        if allowed { Ok(()) } else { Err(Fault::Forbidden(format!("{ip} is not a public address"))) }
    }
}

/// The special-purpose registries: <https://www.iana.org/assignments/iana-ipv4-special-registry>, `…/iana-ipv6-special-registry`.
fn place(ip: IpAddr) -> Place {
    match ip {
        IpAddr::V4(ip) => place_v4(ip),
        IpAddr::V6(ip) => place_v6(ip),
    }
}

fn place_v4(ip: Ipv4Addr) -> Place {
    let [a, b, c, _] = ip.octets();
    match (a, b, c) {
        (127 | 10, ..) | (172, 16..=31, _) | (192, 168, _) => Place::Private,
        // Carrier-grade NAT (RFC 6598): another house's inside, but an inside.
        (100, 64..=127, _) => Place::Private,
        // Link-local: 169.254.169.254 is where clouds hand out their machines' credentials.
        (0 | 224.., ..) | (169, 254, _) | (192, 0, 0 | 2) | (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113) => {
            Place::Never
        }
        _ => Place::Public,
    }
}

fn place_v6(ip: Ipv6Addr) -> Place {
    if let Some(v4) = ip.to_ipv4_mapped() {
        return place_v4(v4);
    }
    let v4 = |high: u16, low: u16| {
        let ([p, q], [r, s]) = (high.to_be_bytes(), low.to_be_bytes());
        place_v4(Ipv4Addr::new(p, q, r, s))
    };
    match ip.segments() {
        _ if ip.is_loopback() => Place::Private,
        // The old "compatible" form and the unspecified address.
        [0, 0, 0, 0, 0, 0, ..] => Place::Never,
        // NAT64 (RFC 6052) and 6to4 (RFC 3056) carry an IPv4 address.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => v4(high, low),
        // Teredo, documentation, discard-only.
        [0x64, 0xff9b, ..] | [0x2001, 0 | 0xdb8, ..] | [0x100, 0, ..] => Place::Never,
        // Where AWS hands out its machines' credentials over IPv6.
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] => Place::Never,
        [0xfc00..=0xfdff, ..] => Place::Private,
        [0x2000..=0x3fff, ..] => Place::Public,
        _ => Place::Never,
    }
}

#[derive(Debug)]
struct ForbiddenAddress(String);

impl fmt::Display for ForbiddenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for ForbiddenAddress {}

/// Resolves by the system and checks every address; the client connects to what is given back and nothing else.
struct CheckedResolver {
    reach: Reach,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.reach;
        Box::pin(async move {
            // The port is put in by the client.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            checked(name.as_str(), found, reach)
        })
    }
}

/// One forbidden address spoils the name: a name that points inside and outside is an attack or a mistake.
fn checked(name: &str, found: Vec<SocketAddr>, reach: Reach) -> Result<Addrs, Box<dyn StdError + Send + Sync>> {
    for address in &found {
        if let Err(Fault::Forbidden(why)) = reach.check(address.ip()) {
            return Err(Box::new(ForbiddenAddress(format!("{name}: {why}"))));
        }
    }
    Ok(Box::new(found.into_iter()))
}

#[cfg(test)]
mod tests;
