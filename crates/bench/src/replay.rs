//! Recording exchanges as they leave, and sending them again: the limit of `recover`.

use crate::figures::Watch;
use crate::house::CRM_TOKEN;
use crate::part::{Desk, Order, answer};
use anyhow::{Context, Result, anyhow};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt};
use ringback_connect::Secret;
use ringback_core::http::{HttpReply, HttpRequest};
use ringback_engine::clock::{Clock as _, SystemClock};
use ringback_engine::http::{Authorization, Fault, Outgoing, Policy, ReqwestTransport, Transport};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// As generous as the engine's own.
const TIMEOUT: Duration = Duration::from_secs(10);

/// One exchange in the order in which it left.
#[derive(Serialize, Deserialize)]
struct Recorded {
    /// When it left, in microseconds: what several nodes sent is one recording.
    at: i64,
    request: HttpRequest,
    /// What it was answered with; none when there was no answer.
    status: Option<u16>,
}

#[derive(Default, Serialize, Deserialize)]
struct Exchanges {
    /// So many of them set the CRM up and are not measured.
    setup: usize,
    all: Vec<Recorded>,
}

/// What left this process.
#[derive(Default)]
pub(crate) struct Recording(Mutex<Exchanges>);

impl Recording {
    fn with<T>(&self, act: impl FnOnce(&mut Exchanges) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn count(&self) -> usize {
        self.with(|e| e.all.len())
    }

    /// What left until now belongs to the set-up.
    pub(crate) fn end_of_setup(&self) {
        self.with(|e| e.setup = e.all.len());
    }

    pub(crate) fn save(&self, path: &Path) -> Result<Value> {
        let text = self.with(|e| serde_json::to_vec(e))?;
        std::fs::write(path, text)?;
        Ok(json!({ "exchanges": self.count() }))
    }
}

/// The engine's client, which also notes what leaves.
pub(crate) struct RecordingTransport {
    pub(crate) client: ReqwestTransport,
    pub(crate) recording: std::sync::Arc<Recording>,
}

impl Transport for RecordingTransport {
    fn send<'a>(&'a self, call: Outgoing<'a>) -> BoxFuture<'a, Result<HttpReply, Fault>> {
        Box::pin(async move {
            let n = self.recording.with(|e| {
                let at = SystemClock.now().as_microsecond();
                e.all.push(Recorded { at, request: call.request.clone(), status: None });
                e.all.len() - 1
            });
            let sent = self.client.send(call).await;
            if let Ok(reply) = &sent {
                self.recording.with(|e| {
                    if let Some(recorded) = e.all.get_mut(n) {
                        recorded.status = Some(reply.status);
                    }
                });
            }
            sent
        })
    }
}

/// The recordings of all nodes as one; the first node has made the set-up.
fn joined(recordings: &[PathBuf]) -> Result<Exchanges> {
    let mut joined = Exchanges::default();
    for recording in recordings {
        let bytes = std::fs::read(recording)?;
        let mut exchanges: Exchanges = serde_json::from_slice(&bytes).context("the recording cannot be read")?;
        joined.setup += exchanges.setup;
        joined.all.append(&mut exchanges.all);
    }
    joined.all.sort_by_key(|one| one.at);
    Ok(joined)
}

/// The process: sends the recordings to a fresh CRM, the set-up one by one and unmeasured, the rest at the given concurrency.
pub(crate) async fn run(recordings: &[PathBuf]) -> Result<()> {
    let exchanges = joined(recordings)?;
    let client = ReqwestTransport::new(Policy { allow_private: true, ..Policy::default() })?;
    let mut desk = Desk::open(&json!({ "exchanges": exchanges.all.len() }));
    while let Some(order) = desk.order().await? {
        answer(match order.word() {
            "replay" => replay(&client, &exchanges, &order).await,
            other => Err(anyhow!("no such order: {other}")),
        });
    }
    Ok(())
}

async fn replay(client: &ReqwestTransport, exchanges: &Exchanges, order: &Order) -> Result<Value> {
    let (base_url, concurrency) = (order.text("crm_url")?, order.count("concurrency")?);
    let (setup, rest) = exchanges.all.split_at(exchanges.setup);
    for recorded in setup {
        send(client, base_url, recorded).await?;
    }
    let watch = Watch::start();
    let answers: Vec<Result<bool>> = stream::iter(rest)
        .map(|recorded| send(client, base_url, recorded))
        .buffer_unordered(concurrency)
        .collect()
        .await;
    let seconds = watch.seconds();
    let mut otherwise = 0;
    for same in answers {
        otherwise += usize::from(!same?);
    }
    Ok(json!({ "exchanges": rest.len(), "seconds": seconds, "answered_otherwise": otherwise }))
}

/// Sends one exchange again; was it answered with the same status? Ids differ where the CRM made records in another order.
async fn send(client: &ReqwestTransport, base_url: &str, recorded: &Recorded) -> Result<bool> {
    let auth = Some(Authorization::Bearer(Secret::new(CRM_TOKEN)));
    let call = Outgoing { base_url, request: &recorded.request, auth, timeout: TIMEOUT, connection: "replay" };
    let reply = client.send(call).await?;
    Ok(Some(reply.status) == recorded.status)
}
