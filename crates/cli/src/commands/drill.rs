//! `drill`: the eight continuity guarantees, each green or red by what a simulated CRM saw.

use crate::args::Drill;
use crate::commands::serve::{Signals, listen};
use crate::commands::twin;
use crate::out::{Out, note};
use crate::problems::{Exit, Fail};
use ringback_sim::drill::{self, Outside, Report, Told, Verdict};
use ringback_sim::matrix::CRMS;
use serde_json::json;

/// Prints the score card; fails when Ringback has anything but eight greens, or somebody else a red.
pub(crate) async fn run(out: Out, drill: &Drill) -> Result<(), Fail> {
    let mut signals = Signals::listen()?;
    let report = tokio::select! {
        report = play(out, drill) => report?,
        () = signals.come() => return Err(Fail::new(Exit::Unavailable, "RB-0314", "the drill was stopped", "start it again")),
    };
    out.result(&report, || report.card());
    let (green, red) = (report.count(Verdict::Green), report.count(Verdict::Red));
    let from_inside = !drill.black_box && !drill.straw_man;
    if red == 0 && (!from_inside || green == report.guarantees.len()) {
        return Ok(());
    }
    let missing = if from_inside { report.guarantees.len() - green } else { red };
    let cause = format!("{missing} of the {} guarantees are not kept", report.guarantees.len());
    let cure = if from_inside { "report this with the seed" } else { "each red line says what happened" };
    Err(Fail::new(Exit::Check, "RB-0317", cause, cure).told())
}

async fn play(out: Out, drill: &Drill) -> Result<Report, Fail> {
    if drill.straw_man {
        return drill::straw_man().await.map_err(|error| cannot(&error));
    }
    let (Some(calls_url), Some(crm)) = (&drill.calls_url, &drill.twin) else {
        let crm = known(&drill.crm)?;
        return drill::own(crm, drill.seed).await.map_err(|error| cannot(&error));
    };
    let options = Outside {
        calls_url: calls_url.clone(),
        crm: known(crm)?.to_owned(),
        signing_secret: drill.signing_secret.clone(),
        wait_seconds: drill.wait_seconds,
        quiet_seconds: drill.wait_seconds,
        outage_seconds: drill.outage_seconds,
        begin_seconds: drill.begin_seconds,
        elsewhere: drill.calls_leave_this_machine,
    };
    if !drill.listen.ip().is_loopback() {
        let cure = "choose a loopback address with --listen";
        return Err(Fail::new(Exit::Usage, "RB-0305", "the twin takes any request and listens on loopback only", cure));
    }
    let (listener, _) = listen(drill.listen, "choose another address with --listen").await?;
    let told = |told: Told<'_>| match told {
        Told::Listening { address, secret, twin } => {
            let lines = twin::lines(twin, secret, address);
            if out.json {
                note(json!({ "listening": address, "token": secret, "settings": lines }).to_string());
            } else {
                note(format!(
                    "{crm}'s twin on http://{address}, token {secret}; the first call goes to {calls_url} in {} seconds. If it is Ringback that \
                     listens there, its ringback.toml has:\n\n{lines}",
                    drill.begin_seconds
                ));
            }
        }
        Told::Goes(what) if out.json => note(json!({ "goes": what }).to_string()),
        Told::Goes(what) => note(format!("… {what}")),
    };
    drill::outside(&options, listener, told).await.map_err(|error| cannot(&error))
}

fn known(crm: &str) -> Result<&'static str, Fail> {
    CRMS.iter().copied().find(|c| *c == crm).ok_or_else(|| {
        let cause = format!("there is no twin of {crm:?}");
        Fail::new(Exit::Usage, "RB-0309", cause, format!("there are {}", CRMS.join(", ")))
    })
}

fn cannot(error: &anyhow::Error) -> Fail {
    Fail::new(
        Exit::Unavailable,
        "RB-0314",
        format!("the drill could not be played: {error:#}"),
        "mend that, then start it again",
    )
}
