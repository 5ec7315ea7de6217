//! What people of the business do while the world plays, through the engine as the console does.

use super::Player;
use crate::world::{Deed, Quarantine};
use anyhow::{Result, bail};
use ringback_core::id::{AccountId, SignalId, UserId};
use ringback_core::inquiry::{CallbackResult, Choice, Event, Inquiry, Review, ReviewKind};
use ringback_engine::{Engine, Error};
use ringback_store::{self as store, Before};
use ringback_twins::hubspot::ObjectType;

/// Fields a person approves without thinking; owners and money are left alone.
const EASY_FIELDS: &[&str] = &["urgency", "reason_code", "intent", "service", "sentiment", "next_action"];
/// A person waits so long when something about the caller is still on its way.
const LATER_MS: i64 = 120_000;
const LIST_MAX: u32 = 500;

impl Player<'_> {
    /// Does what is due to be done by people.
    pub(super) async fn act(&mut self) -> Result<()> {
        while let Some(act) = self.world.acts.get(self.next_act) {
            if act.at_ms > self.stage.clock.ms() || self.stage.hook.dead() {
                return Ok(());
            }
            let numbers: Vec<usize> = match act.what.caller() {
                Some(number) => {
                    let of = |c: &&crate::world::RealCall| c.account == act.account && c.e164() == Some(number);
                    self.world.calls.iter().filter(of).map(|c| c.n).collect()
                }
                None => Vec::new(),
            };
            let unsettled = self.stage.still_comes(|d| numbers.contains(&d.call));
            if unsettled {
                self.stage.reach(self.stage.clock.ms() + LATER_MS).await;
                continue;
            }
            let Some(engine) = self.engine.clone() else { return Ok(()) };
            match self.do_it(&engine, act.account, &act.what).await {
                Ok(done) => {
                    self.stage.say(|| format!("a person: {:?} → {done}", act.what));
                    if let Some(slot) = self.acted.get_mut(self.next_act) {
                        *slot |= done || self.in_doubt;
                    }
                    self.in_doubt = false;
                    self.next_act += 1;
                }
                // The program died under the click; the person tries again when it is back. Where there is nothing left to do then, it
                // was done.
                Err(_) if self.stage.hook.dead() => {
                    self.in_doubt = true;
                    return Ok(());
                }
                Err(error) => bail!("seed {}: {:?}: {error}", self.world.seed, act.what),
            }
        }
        Ok(())
    }

    async fn do_it(&self, engine: &Engine, at: usize, what: &Deed) -> Result<bool, Error> {
        let Some(of) = self.world.accounts.get(at) else { return Ok(false) };
        let account = AccountId::from_text(of.id.clone());
        let by = UserId::from_text("user_sim");
        match what {
            Deed::AcceptQuarantine => {
                for one in &self.world.accounts {
                    self.accept(engine, &AccountId::from_text(one.id.clone())).await?;
                }
                Ok(true)
            }
            Deed::TypeName(number) => Ok(self.type_name(at, number)),
            Deed::Reach(number) | Deed::Try(number) => {
                let result =
                    if matches!(what, Deed::Reach(_)) { CallbackResult::Reached } else { CallbackResult::NoAnswer };
                let mut any = false;
                for inquiry in open_of(engine, &account, number).await? {
                    engine.act(&account, &inquiry.id, Event::Taken { by: by.clone() }).await?;
                    let event = Event::CalledBack { result, note: None, by: by.clone(), booked_for: None };
                    engine.act(&account, &inquiry.id, event).await?;
                    any = true;
                }
                Ok(any)
            }
            Deed::PickFirst(number) | Deed::PickNew(number) => {
                let first = matches!(what, Deed::PickFirst(_));
                let choice = |review: &Review| {
                    if review.kind != ReviewKind::Match {
                        return None;
                    }
                    let id = if first { review.choices.first()?.0.clone() } else { "new".to_owned() };
                    Some(Choice::Pick { id })
                };
                decide(engine, &account, number, &by, choice).await
            }
            Deed::Approve(number) => {
                let easy = |review: &Review| {
                    let fits = review.kind == ReviewKind::Field
                        && review.field.as_deref().is_some_and(|f| EASY_FIELDS.contains(&f));
                    fits.then_some(Choice::Approve)
                };
                decide(engine, &account, number, &by, easy).await
            }
        }
    }

    /// Everything in quarantine but forgeries: the person looks at the body.
    async fn accept(&self, engine: &Engine, account: &AccountId) -> Result<(), Error> {
        let id = account.as_str().to_owned();
        let rows = engine
            .store()
            .read(move |tx| {
                Box::pin(async move { store::signals_quarantined(tx, &id, LIST_MAX, &Before::end()).await })
            })
            .await?;
        for row in rows {
            let (id, document) = (account.as_str().to_owned(), row.document.clone());
            let document = engine
                .store()
                .read(move |tx| Box::pin(async move { store::document_get(tx, &id, &document).await }))
                .await?;
            let body = document.and_then(|d| d.body).unwrap_or_default();
            let raw: Option<ringback_core::http::RawRequest> = serde_json::from_str(&body).ok();
            let genuine = raw.is_some_and(|raw| {
                self.world.deliveries.iter().any(|d| d.quarantine == Quarantine::Accepted && d.body == raw.body)
            });
            if genuine {
                engine.accept_quarantined(account, &SignalId::from_text(row.id)).await?;
            }
        }
        Ok(())
    }

    /// Somebody corrects a name in the CRM itself.
    fn type_name(&self, at: usize, number: &str) -> bool {
        let now_ms = self.stage.clock.ms();
        let tail = crate::auditor::tail(number);
        self.stage
            .with_vendors(at, |v| {
                let twin = v.crm.vendor_mut();
                let id = twin
                    .records(ObjectType::Contacts)
                    .iter()
                    .find(|r| {
                        ["phone", "mobilephone"]
                            .iter()
                            .any(|p| r.get(p).is_some_and(|v| crate::auditor::tail(v) == tail))
                    })
                    .map(|r| r.id.clone());
                id.is_some_and(|id| {
                    twin.human_set(ObjectType::Contacts, &id, "jobtitle", "Typed by hand", 700_001, now_ms).is_ok()
                })
            })
            .unwrap_or(false)
    }
}

/// The open inquiries of that number.
pub(crate) async fn open_of(engine: &Engine, account: &AccountId, number: &str) -> Result<Vec<Inquiry>, Error> {
    let id = account.as_str().to_owned();
    let rows = engine
        .store()
        .read(move |tx| {
            Box::pin(async move { store::inquiries_list(tx, &id, Some("open"), LIST_MAX, &Before::end()).await })
        })
        .await?;
    let inquiries = rows.iter().filter_map(|row| serde_json::from_str::<Inquiry>(&row.snapshot).ok());
    Ok(inquiries.filter(|i| i.e164.as_deref() == Some(number)).collect())
}

async fn decide(
    engine: &Engine,
    account: &AccountId,
    number: &str,
    by: &UserId,
    choose: impl Fn(&Review) -> Option<Choice>,
) -> Result<bool, Error> {
    let mut any = false;
    for inquiry in open_of(engine, account, number).await? {
        for review in &inquiry.reviews {
            let Some(choice) = choose(review) else { continue };
            match engine.decide_review(account, &review.id, &review.digest, choice, by).await {
                Ok(_) => any = true,
                // Another answer made this question void.
                Err(Error::MovedOn(_) | Error::Late(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(any)
}
