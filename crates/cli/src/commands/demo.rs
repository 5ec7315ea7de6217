//! `demo`: the flags and the telling; the play itself is the simulation's.

use crate::args::Demo;
use crate::commands::audit::pretty;
use crate::out::Out;
use crate::problems::{Exit, Fail};
use ringback_sim::demo::{self, Options};

/// Plays; with `--once` to the end, then one object with what the auditor counted in the simulated vendors.
pub(crate) async fn run(out: Out, demo: &Demo) -> Result<(), Fail> {
    let options = Options { once: demo.once, seed: demo.seed, listen: demo.listen };
    let summary = demo::run(options).await.map_err(|error| {
        let cause = format!("the demonstration with seed {} did not come out as it must: {error:#}", demo.seed);
        Fail::new(Exit::Check, "RB-0317", cause, "report this with the seed")
    })?;
    out.result(&summary, || pretty(&serde_json::to_value(&summary).unwrap_or_default()));
    Ok(())
}
