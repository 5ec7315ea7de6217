//! `twin`: a simulated vendor over HTTP, to try things without an account anywhere.

use crate::args::{Twin, TwinVendor};
use crate::commands::serve::{Signals, listen};
use crate::out::{Out, note};
use crate::problems::{Exit, Fail};
use ringback_engine::clock::{Clock as _, SystemClock};
use ringback_twins::callrail::CallRail;
use ringback_twins::fault::{Faulty, Script, Vendor};
use ringback_twins::hubspot::{HubSpot, Options, Token};
use ringback_twins::sink::WebhookSink;
use serde_json::json;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// Serves until it is told to stop.
pub(crate) async fn run(out: Out, twin: &Twin) -> Result<(), Fail> {
    let signals = Signals::listen()?;
    let (listener, address) = listen(twin.listen, "choose another address with --listen").await?;
    let secret = |default: &str| twin.token.clone().unwrap_or_else(|| default.to_owned());
    let token = match twin.vendor {
        TwinVendor::Hubspot => secret("pat-twin"),
        TwinVendor::Callrail => secret("callrail-twin"),
        TwinVendor::Sink => secret("whsec_cmluZ2JhY2stdHdpbi1zZWNyZXQtMDEyMzQ1Njc4OQ=="),
    };
    if out.json {
        note(json!({ "listening": address, "token": token }).to_string());
    } else {
        note(format!("a twin on http://{address}, token {token}; what it saw: http://{address}/_twin/log"));
    }
    match twin.vendor {
        TwinVendor::Hubspot => {
            let options = Options { tokens: vec![Token::new(&token, "7001")], ..Options::default() };
            serve(HubSpot::new(options), listener, signals).await
        }
        TwinVendor::Callrail => {
            serve(CallRail::new("ACC00000000000000000000000000000001", &token), listener, signals).await
        }
        TwinVendor::Sink => serve(WebhookSink::new(&token), listener, signals).await,
    }
}

async fn serve<V: Vendor + Send + 'static>(vendor: V, listener: TcpListener, mut signals: Signals) -> Result<(), Fail> {
    let shared = Arc::new(Mutex::new(Faulty::new(vendor, Script::default())));
    let served = ringback_twins::serve::serve(shared, listener, || SystemClock.now().as_millisecond());
    tokio::select! {
        ended = served => ended.map_err(|error| {
            Fail::new(Exit::Unavailable, "RB-0314", format!("the twin stopped: {error}"), "start it again")
        }),
        () = signals.come() => Ok(()),
    }
}
