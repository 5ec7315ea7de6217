//! What the page of an inquiry says about a person who does not want to be called, and what a person can do about it.

use super::inquiry::load;
use super::words::by_words;
use super::{Fields, Page, back};
use crate::App;
use crate::api::rollbacks::reason_of;
use crate::problem::Problem;
use crate::session::Session;
use crate::texts::t;
use crate::when::Wall;
use axum::extract::{Path, State};
use jiff::Timestamp;
use ringback_core::consent::{FLAG, SaidBy, shown_by_crm};
use ringback_core::inquiry::Inquiry;
use ringback_core::rights::Act;
use ringback_engine::audit::{Sealed, Told};
use ringback_engine::consent::Whose;
use std::collections::BTreeMap;

/// One sentence, and what may be done.
pub(super) struct Wish {
    /// Empty: nobody has said anything.
    pub(super) sentence: String,
    /// The inquiry in which it was said, where that is another.
    pub(super) elsewhere: Option<String>,
    /// It stands now.
    pub(super) stands: bool,
    /// May take note of one.
    pub(super) sets: bool,
    /// May take it back.
    pub(super) clears: bool,
}

/// What is known of the caller's wish.
pub(super) async fn wish(
    app: &App,
    session: &Session,
    inquiry: &Inquiry,
    told: &[Told],
    now: Timestamp,
    wall: &Wall,
) -> Result<Wish, Problem> {
    let stands = inquiry.flags().contains(FLAG);
    let names =
        if inquiry.consent.is_nothing() { BTreeMap::new() } else { super::contract::names(app, session).await? };
    let who = |id: &str| by_words(&names, id);
    let facts = app.engine.facts(&session.account).await?;
    let crm = shown_by_crm(inquiry, facts.facts().crm.map(|(_, words)| words));
    let (held, cleared) = (&inquiry.consent.opted_out, &inquiry.consent.cleared);
    let mut sentence = match (held, cleared) {
        (Some(held), _) => {
            let at = wall.moment(held.at, now);
            match &held.said {
                SaidBy::Caller { .. } => format!("{} {at}.", t("opt_out.caller")),
                SaidBy::Crm { property } => format!("{} ({property}, {} {at}).", t("opt_out.crm"), t("opt_out.seen")),
                SaidBy::Person { by } => format!("{} {} {at}.", who(by.as_str()), t("opt_out.person")),
            }
        }
        (None, Some(cleared)) => {
            let (by, at) = (who(cleared.by.as_str()), wall.moment(cleared.at, now));
            format!("{by} {} {at}{}.", t("opt_out.cleared"), reason(told))
        }
        (None, None) if stands => format!("{}.", t("flag.opt_out_said")),
        (None, None) => String::new(),
    };
    if let (Some((_, property)), Some(_)) = (crm, cleared) {
        sentence.push_str(&format!(" {} ({property}): {}", t("opt_out.crm_still"), t("opt_out.crm_change")));
    }
    let elsewhere = held.as_ref().and_then(|held| held.inquiry.clone()).filter(|id| *id != inquiry.id);
    Ok(Wish {
        sentence,
        elsewhere: elsewhere.map(|id| id.as_str().to_owned()),
        stands,
        sets: !stands && session.may(Act::WorkQueue),
        clears: stands && session.may(Act::ClearOptOut),
    })
}

/// Why it was taken back last, as far as the words are kept.
fn reason(told: &[Told]) -> String {
    let last = told.iter().rev().find(|entry| entry.kind == "opt_out_cleared");
    match last.and_then(|entry| entry.sealed.get("reason")) {
        Some(Sealed::Text(words)) => format!(": “{words}”"),
        _ => String::new(),
    }
}

/// `POST /inquiries/{id}/opt-out`: the caller told somebody of the business.
pub(crate) async fn set(State(app): State<App>, session: Session, Path(id): Path<String>, fields: Fields) -> Page {
    session.check_form(&fields.0)?;
    session.need(Act::WorkQueue)?;
    let inquiry = load(&app, &session, &id).await?;
    app.engine.opt_out(&session.account, Whose::Inquiry(&inquiry.id), &session.user).await?;
    Ok(back(&fields.0, "/"))
}

/// `POST /inquiries/{id}/opt-out/clear`: taken back, with a reason.
pub(crate) async fn clear(State(app): State<App>, session: Session, Path(id): Path<String>, fields: Fields) -> Page {
    session.check_form(&fields.0)?;
    session.need(Act::ClearOptOut)?;
    let inquiry = load(&app, &session, &id).await?;
    let reason = reason_of(fields.get("reason"))?;
    app.engine.clear_opt_out(&session.account, Whose::Inquiry(&inquiry.id), &reason, &session.user).await?;
    Ok(back(&fields.0, "/"))
}
