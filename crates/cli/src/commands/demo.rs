//! `demo`: the day played by the simulation, and the console opened on it.

use crate::args::{Demo, Role};
use crate::commands::audit::pretty;
use crate::commands::serve::{Signals, listen};
use crate::commands::user;
use crate::out::{Out, note};
use crate::problems::{Exit, Fail};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, header};
use axum::middleware::{Next, from_fn};
use ringback_engine::Engine;
use ringback_sim::demo::{self, News, Summary};
use ringback_sim::run::Live;
use ringback_sim::world::World;
use ringback_store::Site;
use ringback_web::WebOptions;
use serde_json::json;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

/// Who looks at the demonstration: its first tier.
const EMAIL: &str = "robin@example.com";
const NAME: &str = "Robin Front";
/// Sign-ins end by the demonstration's clock, on which a day takes minutes.
const SESSION_SECONDS: i64 = 365 * 86_400;
/// Open requests may take so long after the order to stop; nothing here is worth waiting for.
const DRAIN_SECONDS: u64 = 1;

/// With `--once` to the end, then one object with what the auditor counted in the simulated vendors; else while people watch.
pub(crate) async fn run(out: Out, demo: &Demo) -> Result<(), Fail> {
    if demo.once {
        let summary = Box::pin(demo::once(demo.seed)).await.map_err(|error| wrong(demo.seed, &error))?;
        tell(out, &summary);
        return Ok(());
    }
    let mut signals = Signals::listen()?;
    let (listener, address) =
        listen(demo.listen, "stop the program that holds it, or choose another with --listen").await?;
    let world = demo::tuesday(demo.seed);
    let url = format!("http://{address}");
    let mut live = Live::open(&world, url.clone()).await.map_err(|error| wrong(demo.seed, &error))?;
    let password = person(live.engine(), &world).await?;
    let open = address.ip().is_loopback();
    announce(out, address, &url, &password, open);
    if !(out.json || demo.no_open) {
        show(&url);
    }
    let mut ended = Ok(());
    let served = {
        let options = WebOptions { session_seconds: SESSION_SECONDS, ..WebOptions::default() };
        let router = ringback_web::router(live.engine().clone(), options);
        let router = if open { signed_in(router, password) } else { router };
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let until = async move {
            let _either_way_it_ends = stopped.await;
        };
        let mut served = Box::pin(ringback_web::serve(listener, router, DRAIN_SECONDS, until));
        let played = demo::watch(&mut live, &world, demo.speed, |news| match news {
            News::Story(line) => note(line),
            News::Over(judged) => ended = over(out, demo.seed, &url, judged),
        });
        let early = tokio::select! {
            played = played => match played {
                Ok(never) => match never {},
                Err(error) => Some(Err(wrong(demo.seed, &error))),
            },
            served = &mut served => Some(served.map_err(|error| wrong(demo.seed, &error.into()))),
            () = signals.come() => None,
        };
        match early {
            Some(early) => early,
            None => {
                let _nobody_waits = stop.send(());
                served.await.map_err(|error| wrong(demo.seed, &error.into()))
            }
        }
    };
    live.close().await.map_err(|error| wrong(demo.seed, &error))?;
    served.and(ended)
}

fn wrong(seed: u64, error: &anyhow::Error) -> Fail {
    let cause = format!("the demonstration with seed {seed} did not come out as it must: {error:#}");
    Fail::new(Exit::Check, "RB-0317", cause, "report this with the seed")
}

fn tell(out: Out, summary: &Summary) {
    out.result(summary, || pretty(&serde_json::to_value(summary).unwrap_or_default()));
}

/// The day is over: what the auditor says, and what can be done now.
fn over(out: Out, seed: u64, url: &str, judged: anyhow::Result<Summary>) -> Result<(), Fail> {
    let told = match judged {
        Ok(summary) => {
            tell(out, &summary);
            Ok(())
        }
        Err(error) => {
            let fail = wrong(seed, &error);
            note(fail.render());
            Err(fail)
        }
    };
    note(format!(
        "\nWednesday, five past eight; from now on the clock goes at its real speed. Call somebody back, answer the reviews, look at the \
         ledger: {url}\nEnd it with Ctrl-C"
    ));
    told
}

/// Somebody who may do everything, with a password for whoever wants to sign in as one does.
async fn person(engine: &Engine, world: &World) -> Result<String, Fail> {
    let account = world.accounts.first().map_or("", |a| a.id.as_str());
    let password = user::made_up(engine);
    let row = user::new_row(engine, account, EMAIL, NAME, Role::Admin, &[], &password)?;
    engine
        .store()
        .write(Site::Setup, move |tx| Box::pin(async move { ringback_store::user_insert(tx, &row).await }))
        .await?;
    Ok(password)
}

fn announce(out: Out, address: SocketAddr, url: &str, password: &str, open: bool) {
    if out.json {
        note(json!({ "listening": address, "console": url, "email": EMAIL, "password": password }).to_string());
        return;
    }
    let how = if open { "you are signed in; by hand" } else { "sign in" };
    note(format!(
        "A Tuesday at a heating business in Phoenix, in about three minutes; nobody picks up, the CRM fails, every webhook comes twice.\n\
         \n    {url}\n\n{how}: {EMAIL}, password {password}\n"
    ));
}

/// Whoever comes to this loopback address for the first time is signed in through the product's own door, with the demonstration's password;
/// who signed out is asked for it, because then the way to the sign-in page does not lead on to another one.
fn signed_in(router: Router, password: String) -> Router {
    // Around the whole router, not its routes: by then the method has been looked at.
    Router::new().fallback_service(router).layer(from_fn(move |request: Request, next: Next| {
        let credentials = format!("email={EMAIL}&password={password}");
        async move {
            let onwards = request.uri().query().filter(|q| q.starts_with("next=")).map(str::to_owned);
            match onwards {
                Some(onwards) if request.method() == Method::GET && request.uri().path() == "/sign-in" => {
                    next.run(sign_in(&format!("{credentials}&{onwards}"))).await
                }
                _ => next.run(request).await,
            }
        }
    }))
}

fn sign_in(form: &str) -> Request {
    let mut request = Request::new(Body::from(form.to_owned()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = axum::http::Uri::from_static("/sign-in");
    let kind = header::HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(header::CONTENT_TYPE, kind);
    request
}

/// Shows the console to whoever sits at this machine; where nobody does, or nothing can show it, the address is printed anyway.
fn show(url: &str) {
    let seen = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    let program = match std::env::consts::OS {
        "macos" => "open",
        // Without a screen it would start a browser in this terminal.
        _ if seen("DISPLAY") || seen("WAYLAND_DISPLAY") => "xdg-open",
        _ => return,
    };
    let quiet = Command::new(program).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    if let Ok(mut child) = quiet {
        std::thread::spawn(move || child.wait());
    }
}
