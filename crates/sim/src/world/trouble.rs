//! What goes wrong: faults of the vendors, and where the program dies.

use super::{Account, Crash, Side};
use crate::dice::Dice;
use ringback_store::Site;
use ringback_twins::fault::{Fault, Rule, Script, When};

/// Commit sites that a world reaches; the others belong to set-up and import and are crashed in the store's own tests.
pub const SITES: [Site; 9] = [
    Site::Intake,
    Site::Fold,
    Site::Attempt,
    Site::Outcome,
    Site::Receipt,
    Site::Timer,
    Site::Decision,
    Site::Lease,
    Site::Other,
];

/// Kinds of faults in one world, at least.
const KINDS_MIN: i64 = 5;
/// So many of them strike for certain, each within the first exchanges of the account.
const SURE_KINDS: usize = 5;
const SURE_WITHIN: i64 = 24;
const OUTAGE_MINUTES: i64 = 30;
const THROTTLE_MINUTES: i64 = 10;
/// How often a fault strikes, of 1,000 exchanges.
const PER_MILLE: (i64, i64) = (8, 22);

pub(super) fn faults(dice: &mut Dice, accounts: &mut [Account], start_ms: i64, calm_ms: i64) {
    for account in accounts {
        let mut dice = dice.split(account.letter as u64);
        let mut script = Script { seed: dice.roll(), ..super::places::quiet() };
        let moment = |dice: &mut Dice, minutes: i64| dice.between(start_ms, (calm_ms - minutes * 60_000).max(start_ms));
        if dice.percent(50) {
            let from = moment(&mut dice, OUTAGE_MINUTES);
            script = script.outage(from, from + OUTAGE_MINUTES * 60_000);
        }
        if dice.percent(50) {
            let from = moment(&mut dice, THROTTLE_MINUTES);
            let retry_after_s = dice.percent(50).then_some(20);
            script = script.throttle(from, from + THROTTLE_MINUTES * 60_000, retry_after_s);
        }
        let mut kinds = Fault::one_of_each();
        dice.shuffle(&mut kinds);
        let count = usize::try_from(dice.between(KINDS_MIN, KINDS_MIN + 4)).unwrap_or(5);
        for (n, fault) in kinds.into_iter().take(count).enumerate() {
            if n < SURE_KINDS {
                // Chance alone leaves some worlds in peace.
                script = script.rule(Rule::new(fault.clone(), When::Nth(dice.between(1, SURE_WITHIN).unsigned_abs())));
            }
            let per_mille = u16::try_from(dice.between(PER_MILLE.0, PER_MILLE.1)).unwrap_or(10);
            script = script.by_chance(fault, per_mille);
        }
        // The write that is done and not answered is the heart of it: once per world for sure.
        let nth = dice.between(1, 6).unsigned_abs();
        let lost = if dice.percent(50) { Fault::TimeoutAfterWrite } else { Fault::LateLanding { after_ms: 60_000 } };
        script = script.rule(Rule::new(lost, When::Nth(nth)).on("POST", "contacts/batch/upsert"));
        account.crm_faults = script;
        let mut pager = Script { seed: dice.roll(), ..super::places::quiet() };
        for fault in [Fault::TimeoutAfterWrite, Fault::ServerError { status: 503 }, Fault::Refused] {
            pager = pager.by_chance(fault, 30);
        }
        account.pager_faults = pager;
        // Of another system that is told: what is taken and not answered for, what is refused for a while, what only looks like an answer.
        let mut desk = Script { seed: dice.roll(), ..super::places::quiet() };
        for (n, fault) in desk_faults().into_iter().enumerate() {
            let nth = 2 * u64::try_from(n).unwrap_or(0) + 1;
            desk = desk.rule(Rule::new(fault.clone(), When::Nth(nth))).by_chance(fault, 20);
        }
        account.desk_faults = desk;
    }
}

/// Every way to misbehave that a receiver of messages has and a sender can see through. A plain success for nothing is none: it is the end of it.
fn desk_faults() -> Vec<Fault> {
    vec![
        Fault::TimeoutAfterWrite,
        Fault::TooMany { retry_after_s: Some(10) },
        Fault::HtmlOk { written: false },
        Fault::Redirect,
        Fault::ServerError { status: 503 },
        Fault::HtmlOk { written: true },
        Fault::LateLanding { after_ms: 20_000 },
        Fault::ResetAfterWrite,
        Fault::ServerErrorButCreated,
        Fault::UnprocessableButCreated,
        Fault::Refused,
        Fault::TooMany { retry_after_s: None },
        Fault::Unauthorized,
    ]
}

/// How often a world commits at a site, about: where a crash may be put so that it happens.
fn commits(site: Site) -> i64 {
    match site {
        Site::Intake | Site::Fold => 70,
        Site::Attempt => 90,
        Site::Outcome => 40,
        Site::Receipt => 90,
        Site::Timer => 40,
        Site::Decision => 5,
        Site::Lease | Site::Other => 25,
        _ => 1,
    }
}

pub(super) fn crashes(dice: &mut Dice) -> Vec<Crash> {
    let count = dice.between(4, 10);
    (0..count)
        .map(|_| {
            let site = *dice.pick(&SITES);
            let side = if dice.percent(50) { Side::Before } else { Side::After };
            Crash { site, side, nth: dice.between(1, commits(site)).unsigned_abs() }
        })
        .collect()
}
