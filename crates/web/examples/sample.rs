//! Fills a store with a Monday morning and serves it: `cargo run -p ringback-web --example sample [-- ADDRESS]`.
//! Sign in as dana@example.com (coordinator), sam@example.com (revops), ada@example.com (auditor) or root@example.com (admin), password `ring back`.

#[path = "../tests/support/mod.rs"]
mod support;

use ringback_engine::Settings;
use ringback_web::{WebOptions, router, serve};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

#[tokio::main]
#[expect(clippy::print_stderr, reason = "an example for people at a terminal")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8787".into());
    let dir = tempfile::tempdir()?;
    let store = support::sqlite(dir.path()).await;
    let now: jiff::Timestamp = support::MONDAY.parse()?;
    support::sample(&store, now).await;
    let clock = Arc::new(support::Still(AtomicI64::new(now.as_microsecond())));
    let engine = support::engine(store, clock, Settings::default());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    eprintln!("http://{}", listener.local_addr()?);
    let stop = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    serve(listener, router(engine, WebOptions::default()), 1, stop).await?;
    Ok(())
}
