//! The loader: post-call webhooks as CallRail sends them, each signed and each different, over many connections kept alive.
//!
//! Its client is as small as HTTP allows, because on a small machine the loader's own work counts against the server it measures.

use crate::figures::Watch;
use crate::house;
use crate::part::{Desk, Order, answer};
use anyhow::{Context, Result, bail};
use futures_util::future::try_join_all;
use ringback_twins::sign;
use serde_json::{Value, json};
use std::cell::Cell;
use std::rc::Rc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Size of every body.
pub(crate) const BODY_BYTES: usize = 1_200;
/// Headers of an answer beyond this are no answer of ours.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// North American area codes; with the hundred numbers 555-0100 to 555-0199, which nobody has, so many callers there can be.
const AREAS: [u32; 40] = [
    201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228, 229, 231, 234,
    239, 240, 248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270, 276, 281, 301, 302,
];
/// Different callers at most.
pub(crate) const CALLERS_MAX: usize = AREAS.len() * 100;

/// The body of webhook `n` of a run: a voicemail of a caller of its own (up to [`CALLERS_MAX`]), always [`BODY_BYTES`] long.
pub(crate) fn body(run: usize, n: usize, started_at: &str) -> Vec<u8> {
    let area = AREAS.get((n / 100) % AREAS.len()).copied().unwrap_or(201);
    let caller = format!("+1{area}55501{:02}", n % 100);
    let words = "Hi, this is Maria Lopez. My water heater is leaking and there is water all over the basement floor, so I need \
                 somebody to come out as soon as you can, today if possible. I am at 4518 North Ashland Avenue. You can \
                 reach me on this number or write to maria.lopez@example.com. Thank you, bye.";
    let mut body = json!({
        "resource_id": format!("CAL{run:04x}{n:028x}"), "answered": false, "voicemail": true, "call_type": "voicemail",
        "direction": "inbound", "customer_phone_number": caller, "customer_name": "WIRELESS CALLER",
        "customer_city": "Chicago", "customer_state": "IL", "tracking_phone_number": house::LINE,
        "business_phone_number": house::LINE, "start_time": started_at, "duration": 48,
        "source_name": "Google Ads", "medium": "cpc", "campaign": "water-heater-north", "company_name": "Bench Plumbing",
        "company_time_zone": "America/Chicago", "landing_page_url": "https://example.com/water-heaters",
        "recording": format!("https://example.com/recordings/{run}/{n}"), "transcription": words, "note": "",
    });
    let short = BODY_BYTES.saturating_sub(body.to_string().len());
    if let Some(note) = body.get_mut("note") {
        *note = Value::String("-".repeat(short));
    }
    body.to_string().into_bytes()
}

/// The headers of one webhook, as the server will see them.
pub(crate) fn headers(body: &[u8]) -> Vec<(String, String)> {
    vec![
        ("host".into(), "127.0.0.1".into()),
        ("user-agent".into(), "CallRail".into()),
        ("content-type".into(), "application/json".into()),
        ("signature".into(), sign::callrail(house::SIGNING_KEY, body)),
        ("content-length".into(), body.len().to_string()),
    ]
}

/// One webhook as it goes over the wire.
pub(crate) fn request(path: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!("POST {path} HTTP/1.1\r\n");
    for (name, value) in headers(body) {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    let mut bytes = request.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// The loader's process. `prepare` makes requests, `run` sends them all to an address and counts.
pub(crate) async fn run(path: &str) -> Result<()> {
    let mut requests: Rc<[Vec<u8>]> = Rc::new([]);
    let mut desk = Desk::open(&json!({ "ready": true }));
    while let Some(order) = desk.order().await? {
        answer(match order.word() {
            "prepare" => prepare(path, &order).map(|made| {
                requests = made.into();
                json!({ "prepared": requests.len() })
            }),
            "run" => send_all(&order, &requests).await,
            other => Err(anyhow::anyhow!("no such order: {other}")),
        });
    }
    Ok(())
}

fn prepare(path: &str, order: &Order) -> Result<Vec<Vec<u8>>> {
    let (run, count, started_at) = (order.count("run")?, order.count("requests")?, order.text("started_at")?);
    Ok((0..count).map(|n| request(path, &body(run, n, started_at))).collect())
}

async fn send_all(order: &Order, requests: &Rc<[Vec<u8>]>) -> Result<Value> {
    let (address, connections) = (order.text("address")?, order.count("connections")?);
    let mut streams = Vec::with_capacity(connections);
    for _ in 0..connections {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let next = Rc::new(Cell::new(0));
    let watch = Watch::start();
    let sent = streams.into_iter().map(|stream| one_connection(stream, requests.clone(), next.clone()));
    let accepted: usize = try_join_all(sent).await?.into_iter().sum();
    let seconds = watch.seconds();
    Ok(json!({ "accepted": accepted, "refused": requests.len() - accepted, "seconds": seconds }))
}

/// Sends one request after the other over one connection until none is left; gives how many were answered with 2xx.
async fn one_connection(mut stream: TcpStream, requests: Rc<[Vec<u8>]>, next: Rc<Cell<usize>>) -> Result<usize> {
    let mut accepted = 0;
    let mut buffer = Vec::with_capacity(4096);
    while let Some(request) = requests.get(next.get()) {
        next.set(next.get() + 1);
        stream.write_all(request).await?;
        let status = reply(&mut stream, &mut buffer).await?;
        accepted += usize::from((200..300).contains(&status));
    }
    Ok(accepted)
}

/// Reads one answer whole and gives its status.
async fn reply(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<u16> {
    buffer.clear();
    let head_end = loop {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the server closed the connection");
        }
        if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        if buffer.len() > HEAD_BYTES_MAX {
            bail!("the answer's head is too large");
        }
    };
    let head = std::str::from_utf8(buffer.get(..head_end).unwrap_or_default())?;
    let status = head.get(9..12).and_then(|s| s.parse().ok()).context("an answer without a status")?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok()).flatten()
    });
    let whole = head_end + length.unwrap_or(0);
    while buffer.len() < whole {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the server closed the connection");
        }
    }
    Ok(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_one_size_and_all_differ() {
        let at = "2026-03-02T10:00:00-06:00";
        let bodies: std::collections::HashSet<Vec<u8>> = (0..500).map(|n| body(1, n, at)).collect();
        assert_eq!(bodies.len(), 500);
        assert!(bodies.iter().all(|b| b.len() == BODY_BYTES));
        assert_ne!(body(1, 7, at), body(2, 7, at));
    }
}
