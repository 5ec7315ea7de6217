//! HubSpot's twin in a process of its own: no delay, no validation, no limits, so that its own cost is small.

use crate::house::CRM_TOKEN;
use crate::part::{Desk, answer};
use anyhow::{Result, anyhow};
use ringback_engine::clock::{Clock as _, SystemClock};
use ringback_twins::fault::{Fault, Faulty, Rule, Script, When};
use ringback_twins::hubspot::{HubSpot, Limits, Options, Token};
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;

/// The process. `away` makes it refuse every connection, `back` ends that.
pub(crate) async fn run() -> Result<()> {
    let limits = Limits { burst_max: None, search_per_second_max: None, daily_max: None, ..Limits::default() };
    let options = Options {
        tokens: vec![Token::new(CRM_TOKEN, "7001")],
        limits,
        validate: false,
        delay_ms: 0,
        ..Options::default()
    };
    let shared =
        Arc::new(Mutex::new(Faulty::new(HubSpot::new(options), Script { latency_ms: 0, ..Script::default() })));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let served = ringback_twins::serve::serve_hubspot(shared.clone(), listener, || SystemClock.now().as_millisecond());
    let server = tokio::spawn(served);
    let script = |rules| {
        let script = Script { latency_ms: 0, rules, ..Script::default() };
        shared.lock().unwrap_or_else(PoisonError::into_inner).set_script(script);
        json!({ "done": true })
    };
    let mut desk = Desk::open(&json!({ "url": url }));
    while let Some(order) = desk.order().await? {
        answer(match order.word() {
            "away" => Ok(script(vec![Rule::new(Fault::Refused, When::Always)])),
            "back" => Ok(script(Vec::new())),
            other => Err(anyhow!("no such order: {other}")),
        });
    }
    server.abort();
    Ok(())
}
