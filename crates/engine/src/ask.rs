//! Asking a vendor outside of the lanes: set-up and reconciliation. Questions are repeated until they are answered; what may have been done
//! is never repeated blindly here. Everything that stands in the way becomes a [`Problem`] with a way out.

use crate::Engine;
use crate::facts::ConnectionFacts;
use crate::http::{Authorization, Fault, NO_CONNECTION, Outgoing};
use jiff::Timestamp;
use ringback_connect::{About, Auth, Crm, Unsupported};
use ringback_core::crm::{CrmOp, Held, Outcome, PropertyType, Why};
use ringback_core::http::{HttpReply, HttpRequest};
use ringback_core::problem::Problem;
use std::time::Duration;

/// How often one exchange is tried while the vendor only asks to wait.
pub(crate) const TRIES_MAX: usize = 5;
/// And where no connection comes about to an address of this machine.
const REFUSED_TRIES_MAX: usize = 2;
/// The longest wait between two tries that a vendor may ask for here.
const WAIT_SECONDS_MAX: u64 = 30;
/// How long an exchange may take where the vendor says nothing of it.
const ANSWER_SECONDS_MAX: u64 = 10;

/// What one exchange gave, if nothing stands in the way.
pub(crate) enum Asked {
    Done(Held),
    /// Nobody knows whether it was done.
    Unknown(String),
}

/// Somebody who asks over one connection.
pub(crate) struct Asking<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) held: &'a ConnectionFacts,
    /// What to do again once the way is free: `try again`.
    pub(crate) again: &'static str,
    /// How often one exchange is tried, [`TRIES_MAX`] at most; whoever holds others up by waiting tries once.
    pub(crate) tries: usize,
}

impl Asking<'_> {
    /// A question that changes nothing: asked until it is answered.
    pub(crate) async fn ask(&self, crm: &'static dyn Crm, operation: CrmOp, about: &str) -> Result<Held, Problem> {
        let request = crm.request(std::slice::from_ref(&operation), &self.held.connection);
        self.until_answered(crm, request, operation, about).await
    }

    /// The search for a person, in the form that shows everybody with that number or address.
    pub(crate) async fn everybody(&self, crm: &'static dyn Crm, find: CrmOp, about: &str) -> Result<Held, Problem> {
        let request = crm.request_everybody(&find, &self.held.connection);
        self.until_answered(crm, request, find, about).await
    }

    async fn until_answered(
        &self,
        crm: &'static dyn Crm,
        request: Result<HttpRequest, Unsupported>,
        operation: CrmOp,
        about: &str,
    ) -> Result<Held, Problem> {
        let request = request.map_err(|unsupported| self.cannot_ask(&operation, about, &unsupported))?;
        let mut told = None;
        for n in 1..=self.tries {
            match self.sent(crm, &request, operation.clone(), about).await? {
                Asked::Done(held) => return Ok(held),
                Asked::Unknown(why) => told = Some(why),
            }
            if n < self.tries {
                self.pause(n, None).await;
            }
        }
        Err(self.no_answer(crm.about(), about, told))
    }

    pub(crate) async fn ask_once(
        &self,
        crm: &'static dyn Crm,
        operation: CrmOp,
        about: &str,
    ) -> Result<Asked, Problem> {
        let request = crm.request(std::slice::from_ref(&operation), &self.held.connection);
        let request = request.map_err(|unsupported| self.cannot_ask(&operation, about, &unsupported))?;
        self.sent(crm, &request, operation, about).await
    }

    async fn sent(
        &self,
        crm: &'static dyn Crm,
        request: &HttpRequest,
        operation: CrmOp,
        about: &str,
    ) -> Result<Asked, Problem> {
        let operations = [operation];
        let read = |reply: &HttpReply, at| {
            let replies = crm.reply(&operations, reply, &self.held.connection, at);
            let first = replies.outcomes.into_iter().next();
            first.unwrap_or_else(|| Outcome::Unknown { why: Why::new("no_outcome", "the reply says nothing") })
        };
        self.exchange(crm, request, about, read).await
    }

    fn cannot_ask(&self, operation: &CrmOp, about: &str, unsupported: &Unsupported) -> Problem {
        let again = self.again;
        let cure = match operation {
            // Every CRM holds texts: it is the making that cannot be asked for.
            CrmOp::CreateProperty { property, .. } if property.kind == PropertyType::Text => {
                format!("make that field in the CRM as the message says, then {again}")
            }
            CrmOp::CreateProperty { .. } => {
                format!(
                    "make that field in the CRM as the message says, or choose another type in the contract, then {again}"
                )
            }
            _ => "this CRM cannot be asked that; the guide of its connection says what it can".to_owned(),
        };
        Problem::new("RB-0523", format!("{about}: {}", unsupported.0), cure)
    }

    /// Makes one exchange, again only where it certainly was not done and the vendor asks to wait.
    pub(crate) async fn exchange(
        &self,
        crm: &'static dyn Crm,
        request: &HttpRequest,
        about: &str,
        read: impl Fn(&HttpReply, Timestamp) -> Outcome,
    ) -> Result<Asked, Problem> {
        let outcomes = self.outcomes(crm, request, about, |reply, at| vec![read(reply, at)]).await?;
        match outcomes.map(|all| all.into_iter().next()) {
            Ok(Some(Outcome::Done { held } | Outcome::Stale { held })) => Ok(Asked::Done(held)),
            Ok(Some(Outcome::Duplicate { .. })) => Ok(Asked::Done(Held::default())),
            Ok(Some(Outcome::Refused { why })) => Err(refused(about, &why)),
            Ok(Some(Outcome::Gone { .. })) => Err(refused(about, &Why::new("gone", "the CRM does not have it"))),
            Ok(Some(Outcome::Unknown { why })) => Ok(Asked::Unknown(why.words)),
            Ok(_) => Ok(Asked::Unknown("the reply says nothing".into())),
            Err(why) => Ok(Asked::Unknown(why)),
        }
    }

    /// Several questions that change nothing, as many to a request as the vendor allows; one outcome for each. What was not answered in
    /// the end stays [`Outcome::Unknown`]; what the vendor cannot be asked is [`Outcome::Refused`] with the class `unsupported`.
    pub(crate) async fn read_all(&self, crm: &'static dyn Crm, operations: &[CrmOp]) -> Result<Vec<Outcome>, Problem> {
        let most = operations.first().map_or(1, |op| crm.batch_items_max(op, &self.held.connection)).max(1);
        let mut all = Vec::with_capacity(operations.len());
        for some in operations.chunks(most) {
            let request = match crm.request(some, &self.held.connection) {
                Ok(request) => request,
                Err(unsupported) => {
                    let why = Why::new("unsupported", unsupported.0);
                    all.extend(some.iter().map(|_| Outcome::Refused { why: why.clone() }));
                    continue;
                }
            };
            let read = |reply: &HttpReply, at| {
                let mut outcomes = crm.reply(some, reply, &self.held.connection, at).outcomes;
                let lost = || Outcome::Unknown { why: Why::new("no_outcome", "the reply says nothing") };
                outcomes.resize_with(some.len(), lost);
                outcomes
            };
            let mut answered = Vec::new();
            for n in 1..=TRIES_MAX {
                answered = match self.outcomes(crm, &request, "the records", read).await? {
                    Ok(outcomes) => outcomes,
                    Err(words) => {
                        let why = Why::new("no_answer", words);
                        some.iter().map(|_| Outcome::Unknown { why: why.clone() }).collect()
                    }
                };
                if !answered.iter().any(|o| matches!(o, Outcome::Unknown { .. })) {
                    break;
                }
                if n < TRIES_MAX {
                    self.pause(n, None).await;
                }
            }
            all.extend(answered);
        }
        Ok(all)
    }

    /// What an exchange says of everything it carried; `Err` when it left and nothing is known.
    pub(crate) async fn outcomes(
        &self,
        crm: &'static dyn Crm,
        request: &HttpRequest,
        about: &str,
        read: impl Fn(&HttpReply, Timestamp) -> Vec<Outcome>,
    ) -> Result<Result<Vec<Outcome>, String>, Problem> {
        let vendor = crm.about();
        let base_url = self.held.connection.base_url.as_deref().unwrap_or(vendor.base_url);
        let timeout = vendor.writes.map_or(Duration::from_secs(ANSWER_SECONDS_MAX), |writes| writes.timeout);
        let mut told = None;
        for n in 1..=self.tries {
            match self.engine.send(self.held, crm, request, timeout).await {
                Ok(reply) => {
                    let outcomes = read(&reply, self.engine.now());
                    let mut later = None;
                    for outcome in &outcomes {
                        match outcome {
                            Outcome::AuthExpired { why } => return Err(self.unauthorized(vendor, why)),
                            Outcome::Refused { why } if why.status == Some(403) => {
                                return Err(self.unauthorized(vendor, why));
                            }
                            Outcome::Exhausted { why, .. } => {
                                let cause = format!("{}'s budget is used up: {}", vendor.title, why.words);
                                let cure = format!("{} when the vendor's day is over", self.again);
                                return Err(Problem::new("RB-0525", cause, cure));
                            }
                            Outcome::Retry { after, why } => later = Some((*after, why.words.clone())),
                            _ => {}
                        }
                    }
                    match later {
                        None => return Ok(Ok(outcomes)),
                        Some((after, words)) => {
                            told = Some(words);
                            if n < self.tries {
                                self.pause(n, after).await;
                            }
                        }
                    }
                }
                Err(Fault::Forbidden(why)) => {
                    let cause = format!("{base_url} may not be asked: {why}");
                    let cure = "use the vendor's public https address, or set allow_private_addresses = true under [http] if it is meant to be inside the house";
                    return Err(Problem::new("RB-0526", cause, cure));
                }
                Err(Fault::NoToken(why)) => return Err(self.unauthorized(vendor, &Why::new("no_token", why))),
                Err(fault) if fault.left() => return Ok(Err(fault.to_string())),
                Err(fault) => {
                    told = Some(fault.to_string());
                    // Where nobody listens on this machine, nobody does in a minute either; a name or a network may come back.
                    if matches!(fault, Fault::Refused(_)) && on_this_machine(base_url) && n >= REFUSED_TRIES_MAX {
                        break;
                    }
                    if n < self.tries {
                        self.pause(n, None).await;
                    }
                }
            }
        }
        Err(self.no_answer(vendor, about, told))
    }

    /// One page of a provider's own list. A connection may hold a signing key and an API token; the one that is accepted is used.
    pub(crate) async fn page(&self, vendor: &'static About, request: &HttpRequest) -> Result<HttpReply, Problem> {
        let base_url = self.held.connection.base_url.as_deref().unwrap_or(vendor.base_url);
        let timeout = Duration::from_secs(ANSWER_SECONDS_MAX);
        let (mut told, mut which) = (None, 0);
        for n in 1..=TRIES_MAX {
            let auth = self.authorization(vendor, which)?;
            let call = Outgoing { base_url, request, auth, timeout, connection: self.held.connection.id.as_str() };
            match self.engine.inner.parts.transport.send(call).await {
                Ok(reply) if reply.status == 200 => return Ok(reply),
                Ok(reply) if matches!(reply.status, 401 | 403) => {
                    which += 1;
                    if which >= self.held.secrets.len() {
                        let why = Why::new("auth", format!("HTTP {}", reply.status));
                        return Err(self.unauthorized(vendor, &why));
                    }
                    continue;
                }
                Ok(reply) => told = Some(format!("HTTP {}", reply.status)),
                Err(fault) => told = Some(fault.to_string()),
            }
            self.pause(n, None).await;
        }
        Err(self.no_answer(vendor, "its list of calls", told))
    }

    /// Waits as long as the vendor asks, else longer each time.
    pub(crate) async fn pause(&self, n: usize, asked: Option<Duration>) {
        let own = Duration::from_secs(1 << n.min(4));
        let pause = asked.unwrap_or(own).min(Duration::from_secs(WAIT_SECONDS_MAX));
        self.engine.inner.parts.clock.sleep(pause).await;
    }

    /// A vendor at its own address has a page that tells how it is; at another one it is the address that is looked at first.
    pub(crate) fn no_answer(&self, vendor: &About, about: &str, told: Option<String>) -> Problem {
        let told = told.unwrap_or_else(|| "silence".into());
        let (name, again) = (&self.held.connection.name, self.again);
        // What answered is there, whatever it said.
        let silent = told.starts_with(NO_CONNECTION);
        let own = self.held.connection.base_url.as_deref().filter(|url| silent && *url != vendor.base_url);
        let (at, first) = match own {
            Some(url) => {
                let twin = if on_this_machine(url) {
                    " A simulated CRM is there only while `ringback twin` runs."
                } else {
                    ""
                };
                (
                    format!(" at {url}"),
                    format!("check base_url of the connection {name}: does anything answer there?{twin}"),
                )
            }
            None => (String::new(), "look at the vendor's status page".to_owned()),
        };
        let cause = format!("{}{at} gave no usable answer for {about}: {told}", vendor.title);
        let join = if own.is_some() { " Then " } else { ", then " };
        Problem::new("RB-0525", cause, format!("{first}{join}{again}"))
    }

    fn unauthorized(&self, vendor: &About, why: &Why) -> Problem {
        let cause = format!("{} does not accept the token: {}", vendor.title, why.words);
        let cure = format!(
            "put another into the secret of {}: one that has the scopes of the connection's guide",
            self.held.connection.name
        );
        Problem::new("RB-0522", cause, cure)
    }

    /// For a provider's list; a CRM's credential is the lane's.
    fn authorization(&self, vendor: &About, which: usize) -> Result<Option<Authorization>, Problem> {
        let secret = self.held.secrets.get(which).cloned();
        let lacking = || {
            let cause = format!("the connection {} has no token", self.held.connection.name);
            Problem::new("RB-0522", cause, format!("store the token with the connection, then {}", self.again))
        };
        Ok(match vendor.auth {
            Auth::None | Auth::Url | Auth::Signed => None,
            Auth::Bearer => Some(Authorization::Bearer(secret.ok_or_else(lacking)?)),
            Auth::Token => Some(Authorization::Token(secret.ok_or_else(lacking)?)),
            Auth::Scheme(scheme) => Some(Authorization::Scheme(scheme, secret.ok_or_else(lacking)?)),
            Auth::Header(name) => Some(Authorization::Header(name, secret.ok_or_else(lacking)?)),
            Auth::Basic => {
                let user = self.held.connection.setting("user").or_else(|| self.held.connection.setting("account_sid"));
                let user = user.unwrap_or_default().to_owned();
                Some(Authorization::Basic { user, password: secret.ok_or_else(lacking)? })
            }
        })
    }
}

fn on_this_machine(base_url: &str) -> bool {
    ["://127.", "://localhost", "://[::1]"].iter().any(|own| base_url.contains(own))
}

pub(crate) fn refused(about: &str, why: &Why) -> Problem {
    let cause = format!("{about} was refused: {}", why.words);
    let cure =
        "look at the vendor's words; the usual causes are a missing scope and no unique property left for the object";
    Problem::new("RB-0523", cause, cure)
}
