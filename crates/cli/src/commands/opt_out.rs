//! `opt-out`: who does not want to be reached. Taking note is everybody's who works the queue; taking back needs its own right and a reason.

use crate::args::OptOut;
use crate::commands::user;
use crate::config::Account;
use crate::house::House;
use crate::out::Out;
use crate::problems::Fail;
use ringback_core::consent::{Consent, SaidBy};
use ringback_core::rights::Act;
use ringback_engine::consent::Whose;
use serde_json::json;

/// Runs one of them.
pub(crate) async fn run(out: Out, house: &House, account: &Account, command: &OptOut) -> Result<(), Fail> {
    let (id, engine) = (account.id(), &house.engine);
    let number = match command {
        OptOut::Show { number } => number,
        OptOut::Set { number, by } => {
            let by = user::with_right(house, account, by, Act::WorkQueue).await?;
            engine.opt_out(&id, Whose::Number(number), &by).await?;
            number
        }
        OptOut::Clear { number, reason, by } => {
            let by = user::with_right(house, account, by, Act::ClearOptOut).await?;
            engine.clear_opt_out(&id, Whose::Number(number), reason, &by).await?;
            number
        }
    };
    let consent = engine.consent_of(&id, number).await?;
    let shown = json!({ "number": number, "opted_out": consent.opted_out, "cleared": consent.cleared });
    out.result(&shown, || sentence(number, &consent));
    Ok(())
}

fn sentence(number: &str, consent: &Consent) -> String {
    match (&consent.opted_out, &consent.cleared) {
        (Some(held), _) => {
            let how = match &held.said {
                SaidBy::Caller { call } => format!("said in call {call}"),
                SaidBy::Crm { property } => format!("the CRM says so in {property}"),
                SaidBy::Person { by } => format!("noted by {by}"),
            };
            format!("{number} has opted out: {how}, {}", held.at)
        }
        (None, Some(cleared)) => format!("{number} has not opted out: taken back by {}, {}", cleared.by, cleared.at),
        (None, None) => format!("nobody with {number} has opted out"),
    }
}
