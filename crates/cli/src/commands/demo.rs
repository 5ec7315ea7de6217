//! `demo`: the flags; the play itself is `ringback_sim::demo::run`.

use crate::args::Demo;
use crate::out::Out;
use crate::problems::{Exit, Fail};

/// Plays; with `--once` to the end, else in compressed time with the console open.
pub(crate) fn run(_out: Out, demo: &Demo) -> Result<(), Fail> {
    let cause = format!(
        "this build has no demonstration (asked for: once {}, seed {}, listen {})",
        demo.once, demo.seed, demo.listen
    );
    Err(Fail::new(Exit::Unavailable, "RB-0316", cause, "use a newer build"))
}
