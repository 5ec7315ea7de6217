//! Callers and what CallRail tells of them, each webhook as often as a provider may.

use super::SIGNING_KEY;
use crate::dice::Dice;
use jiff::{SignedDuration, Timestamp};
use ringback_twins::sign;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The number that is called.
pub(super) const LINE: &str = "+13125550100";
const HOOK: &str = "/hooks/callrail-main/post-call";
/// So many of a hundred calls are by somebody who called before.
const AGAIN_PERCENT: i64 = 30;
/// So many of a hundred webhooks come twice.
const TWICE_PERCENT: i64 = 30;
/// A provider waits so long for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
const REPLY_BYTES_MAX: u64 = 256 * 1024;

/// One call, as it was.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) n: usize,
    pub(super) caller: String,
    started: Timestamp,
    words: Option<String>,
}

/// One webhook still to be acknowledged.
#[derive(Debug, Clone)]
pub(super) struct Post {
    pub(super) call: usize,
    body: Vec<u8>,
}

/// Missed calls of the hours before `now`, a minute or more apart for one caller.
pub(super) fn calls(dice: &mut Dice, count: usize, now: Timestamp) -> Vec<Call> {
    let mut callers: Vec<String> = Vec::new();
    (0..count)
        .map(|n| {
            if callers.is_empty() || !dice.percent(AGAIN_PERCENT) {
                callers.push(format!("+1312555{:04}", 1_000 + callers.len()));
            }
            let caller = if callers.len() * 100 < count * 60 || n < 2 {
                callers.last().cloned().unwrap_or_default()
            } else {
                dice.pick(&callers).clone()
            };
            let back = SignedDuration::from_secs(i64::try_from(count - n).unwrap_or(0) * 5 + 60);
            let words = dice.percent(60).then(|| {
                "Hi, my water heater is leaking all over the basement. Please call me back as soon as you can."
                    .to_owned()
            });
            Call { n, caller, started: now.checked_sub(back).unwrap_or(now), words }
        })
        .collect()
}

/// The callers with their calls.
pub(super) fn callers(calls: &[Call]) -> BTreeMap<&str, Vec<&Call>> {
    let mut all: BTreeMap<&str, Vec<&Call>> = BTreeMap::new();
    for call in calls {
        all.entry(call.caller.as_str()).or_default().push(call);
    }
    all
}

/// What is sent, last first: every call once, some twice, somewhat out of order.
pub(super) fn posts(dice: &mut Dice, calls: &[Call]) -> Vec<Post> {
    let mut keyed: Vec<(i64, Post)> = Vec::new();
    for call in calls {
        let body = body(call);
        let at = i64::try_from(call.n).unwrap_or(0) * 10;
        keyed.push((at + dice.between(0, 100), Post { call: call.n, body: body.clone() }));
        if dice.percent(TWICE_PERCENT) {
            keyed.push((at + dice.between(0, 400), Post { call: call.n, body }));
        }
    }
    keyed.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    keyed.into_iter().map(|(_, post)| post).collect()
}

/// CallRail's post-call webhook.
fn body(call: &Call) -> Vec<u8> {
    let body = json!({
        "resource_id": format!("CAL{:032}", call.n), "answered": false, "voicemail": call.words.is_some(),
        "call_type": if call.words.is_some() { "voicemail" } else { "abandoned" }, "direction": "inbound", "duration": 21,
        "customer_phone_number": call.caller, "tracking_phone_number": LINE, "business_phone_number": LINE,
        "start_time": call.started.to_string(), "company_time_zone": "America/Chicago",
        "transcription": call.words,
    });
    body.to_string().into_bytes()
}

/// Sends one webhook; was it acknowledged?
pub(super) async fn send(address: &str, post: &Post) -> bool {
    matches!(tokio::time::timeout(PATIENCE, exchange(address, post)).await, Ok(Ok(200..=299)))
}

async fn exchange(address: &str, post: &Post) -> std::io::Result<u16> {
    let head = format!(
        "POST {HOOK} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\nsignature: {}\r\ncontent-length: {}\r\n\r\n",
        sign::callrail(SIGNING_KEY, &post.body),
        post.body.len()
    );
    let reply = raw(address, &[head.as_bytes(), &post.body].concat()).await?;
    // Half an answer is no acknowledgement: the status line must be whole.
    let line = reply.split_once("\r\n").map_or("", |(line, _)| line);
    Ok(line.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0))
}

/// Sends these bytes and gives what comes back until the other side closes.
pub(super) async fn raw(address: &str, request: &[u8]) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request).await?;
    let mut reply = Vec::new();
    stream.take(REPLY_BYTES_MAX).read_to_end(&mut reply).await?;
    Ok(String::from_utf8_lossy(&reply).into_owned())
}
