//! Exchanges: one request for one or several effects.

use super::work::Work;
use crate::facts::ConnectionFacts;
use crate::http::{Fault, Outgoing};
use crate::{Engine, Error};
use futures_util::future::join_all;
use ringback_connect::{BATCH_REFUSED, Crm, Replies, TOO_MANY_RESULTS};
use ringback_core::crm::{CrmOp, Outcome, Why};
use ringback_core::ensure::Purpose;
use ringback_core::http::{HttpReply, HttpRequest};
use ringback_core::id::AccountId;
use std::time::Duration;

/// Operations of one shape with the effects that want them.
pub(super) struct Batch<'a> {
    pub(super) works: Vec<(Work<'a>, Purpose, CrmOp)>,
}

/// An effect after its exchange; `Err`: it could not be stored, and is left to whoever looks next.
pub(super) type After<'a> = Result<Work<'a>, Box<(String, Error)>>;

impl Engine {
    /// Makes one exchange for all of them. What changes something is stored as under way for each before anything leaves.
    pub(super) async fn exchange<'a>(
        &self,
        account: &AccountId,
        held: &ConnectionFacts,
        crm: &'static dyn Crm,
        batch: Batch<'a>,
    ) -> Vec<After<'a>> {
        let operations: Vec<CrmOp> = batch.works.iter().map(|(.., op)| op.clone()).collect();
        if crm.acknowledges() && operations.iter().all(|op| !op.writes()) {
            let asked: Vec<(Purpose, &CrmOp)> = batch.works.iter().map(|(_, purpose, op)| (*purpose, op)).collect();
            let outcomes = self.acknowledged(account, held, &asked).await;
            return batch
                .works
                .into_iter()
                .zip(outcomes)
                .map(|((mut work, purpose, op), outcome)| {
                    work.begin(purpose, Some(&op));
                    work.end(outcome);
                    Ok(work)
                })
                .collect();
        }
        let request = match crm.request(&operations, &held.connection) {
            Ok(request) => request,
            Err(unsupported) => {
                let outcome = unsupported_outcome(&unsupported.0, operations.len());
                let refused = |(mut work, purpose, op): (Work<'a>, Purpose, CrmOp)| {
                    work.begin(purpose, Some(&op));
                    work.end(outcome.clone());
                    Ok(work)
                };
                return batch.works.into_iter().map(refused).collect();
            }
        };
        let begun = batch.works.into_iter().map(|(mut work, purpose, op)| async move {
            work.begin(purpose, Some(&op));
            if purpose.changes()
                && let Err(error) = work.store_under_way().await
            {
                return Err(Box::new((work.row.id.clone(), error)));
            }
            Ok((work, purpose, op))
        });
        let begun = join_all(begun).await;
        // One that another node has taken meanwhile may not go along: the request is made again without it.
        let missing = begun.iter().any(Result::is_err);
        let mut after: Vec<After<'a>> = Vec::with_capacity(begun.len());
        let (mut works, mut operations) = (Vec::new(), Vec::new());
        for one in begun {
            match one {
                Ok((work, purpose, op)) => {
                    works.push((work, purpose));
                    operations.push(op);
                }
                Err(left) => after.push(Err(left)),
            }
        }
        if works.is_empty() {
            return after;
        }
        let request = if missing { crm.request(&operations, &held.connection).map_err(|u| u.0) } else { Ok(request) };
        let outcomes = match request {
            Ok(request) => self.ask(account, held, crm, &operations, &request).await,
            Err(words) => vec![unsupported_outcome(&words, operations.len()); operations.len()],
        };
        // One exchange is one sign of the lane's health, however many effects it served.
        let sign = outcomes
            .iter()
            .find(|o| !matches!(o, Outcome::Unknown { .. } | Outcome::Retry { .. } | Outcome::AuthExpired { .. }));
        if let Some(sign) = sign.or(outcomes.first()) {
            self.breaker(account, held.connection.id.as_str(), sign);
        }
        self.learn_find_most(account, held, crm, &operations, &outcomes);
        let mut outcomes = outcomes.into_iter();
        for (mut work, _) in works {
            let none = || Outcome::Unknown { why: Why::new("no_outcome", "the reply says nothing") };
            work.end(outcomes.next().unwrap_or_else(none));
            after.push(Ok(work));
        }
        after
    }

    /// How many people are searched for at once: halved when the vendor finds too many, one more when all were answered.
    fn learn_find_most(
        &self,
        account: &AccountId,
        held: &ConnectionFacts,
        crm: &'static dyn Crm,
        operations: &[CrmOp],
        outcomes: &[Outcome],
    ) {
        let too_many = |o: &Outcome| matches!(o, Outcome::Retry { why, .. } if why.class == TOO_MANY_RESULTS);
        if outcomes.iter().any(too_many) {
            let half = (operations.len() / 2).max(1);
            self.with_lane(account, held.connection.id.as_str(), |s| s.find_most = Some(half));
        } else if let [first @ CrmOp::FindPerson { .. }, ..] = operations
            && outcomes.iter().all(|o| matches!(o, Outcome::Done { .. }))
        {
            let vendors = crm.batch_items_max(first, &held.connection);
            self.with_lane(account, held.connection.id.as_str(), |s| {
                s.find_most = s.find_most.and_then(|most| super::pace::one_more(most, operations.len(), vendors));
            });
        }
    }

    async fn ask(
        &self,
        account: &AccountId,
        held: &ConnectionFacts,
        crm: &'static dyn Crm,
        operations: &[CrmOp],
        request: &HttpRequest,
    ) -> Vec<Outcome> {
        let with_callback = match operations {
            [operation] if crm.acknowledges() => match self.before_message(account, held, operation).await {
                Ok(connection) => crm.request(operations, &connection).ok(),
                Err(error) => {
                    let why = Why::new("store", error.to_string());
                    return vec![Outcome::Retry { after: None, why }];
                }
            },
            _ => None,
        };
        let request = with_callback.as_ref().unwrap_or(request);
        let timeout = crm.about().writes.map_or(Duration::from_secs(10), |w| w.timeout);
        match self.send(held, crm, request, timeout).await {
            Ok(reply) => {
                let Replies { outcomes, budget } = crm.reply(operations, &reply, &held.connection, self.now());
                self.heard(account, held.connection.id.as_str(), budget);
                if outcomes.iter().any(|o| matches!(o, Outcome::AuthExpired { .. })) {
                    self.token_refused(held);
                }
                if let ([operation], [outcome]) = (operations, outcomes.as_slice())
                    && crm.acknowledges()
                    && let Err(error) = self.after_message(account, held, operation, outcome).await
                {
                    // It is not lost: without a confirmation the message is asked about again.
                    tracing::warn!(%error, "a confirmation could not be stored");
                }
                outcomes
            }
            Err(fault) => operations.iter().map(|op| fault_outcome(&fault, op.writes())).collect(),
        }
    }

    /// Sends a request with the connection's credential.
    pub(crate) async fn send(
        &self,
        held: &ConnectionFacts,
        crm: &'static dyn Crm,
        request: &HttpRequest,
        timeout: Duration,
    ) -> Result<HttpReply, Fault> {
        let credential = self.credential(held, crm, request).await?;
        let base_url =
            credential.base_url.as_deref().or(held.connection.base_url.as_deref()).unwrap_or(crm.about().base_url);
        let request = credential.request.as_ref().unwrap_or(request);
        let call =
            Outgoing { base_url, request, auth: credential.auth, timeout, connection: held.connection.id.as_str() };
        self.inner.parts.transport.send(call).await
    }
}

/// What cannot be asked together may be asked one at a time; what cannot be asked alone is not asked.
fn unsupported_outcome(words: &str, operations: usize) -> Outcome {
    match operations {
        0 | 1 => Outcome::Refused { why: Why::new("unsupported", words) },
        _ => Outcome::Retry { after: None, why: Why::new(BATCH_REFUSED, words) },
    }
}

/// What a failed exchange means: bytes that never left did nothing; bytes that left may have done everything.
pub(crate) fn fault_outcome(fault: &Fault, changes: bool) -> Outcome {
    let why = |class: &str| Why::new(class, fault.to_string());
    match fault {
        Fault::Forbidden(_) => Outcome::Refused { why: why("address_not_allowed") },
        _ if !fault.left() => Outcome::Retry { after: None, why: why("not_reached") },
        _ if changes => Outcome::Unknown { why: why("no_answer") },
        _ => Outcome::Retry { after: None, why: why("no_answer") },
    }
}
