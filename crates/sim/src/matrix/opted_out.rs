//! In every CRM: somebody ticks there that a person is not to be contacted. The next inquiry keeps it with the person, the tick taken away does not
//! take it back, and a person does.

use super::yard::Yard;
use ringback_core::consent::SaidBy;
use ringback_core::decide::suppressed;
use ringback_core::id::UserId;
use ringback_core::inquiry::{CallbackResult, Event, Inquiry};
use ringback_engine::consent::Whose;
use ringback_store::{self as store, Before};
use ringback_twins::books::Kind;

const CALLER: &str = "+16025551190";
const HOUR_MS: i64 = 3_600_000;

/// What somebody types there: vendor, property, the value that says so, the value that does not.
const SAID: &[(&str, &str, &str, &str)] = &[
    ("hubspot", "hs_email_optout", "true", "false"),
    ("salesforce", "DoNotCall", "true", "false"),
    ("salesforce", "HasOptedOutOfEmail", "true", "false"),
    ("zoho", "Email_Opt_Out", "true", "false"),
    ("dynamics", "donotphone", "true", "false"),
    ("dynamics", "donotbulkemail", "true", "false"),
    ("pipedrive", "marketing_status", "unsubscribed", "subscribed"),
    ("gohighlevel", "dnd", "true", "false"),
    ("gohighlevel", "dnd.SMS", "active", "inactive"),
    ("gohighlevel", "dnd.Call", "permanent", "inactive"),
];

/// Goes on until nothing is to be done within two hours.
async fn rest(yard: &Yard) {
    let end = yard.now_ms() + 2 * HOUR_MS;
    for _ in 0..20_000 {
        if yard.step(false).await.unwrap() > 0 {
            continue;
        }
        match yard.engine.next_due().await.unwrap().map(|at| at.as_millisecond() + 1) {
            Some(next) if next <= end => yard.reach(next.max(yard.now_ms() + 500)),
            _ => return,
        }
    }
    panic!("no rest: {}", yard.waits().await.unwrap());
}

/// A call of the same person, and the inquiry it opened once the CRM has been asked.
async fn calls(yard: &Yard, nth: usize) -> Inquiry {
    yard.report(&format!("call-{nth}"), CALLER, yard.now_ms(), None, ("website", None)).await.unwrap();
    rest(yard).await;
    let of = yard.account.as_str().to_owned();
    let rows = yard
        .engine
        .store()
        .read(move |tx| Box::pin(async move { store::inquiries_list(tx, &of, Some("open"), 10, &Before::end()).await }))
        .await
        .unwrap();
    let [row] = &rows[..] else { panic!("{} are open", rows.len()) };
    let id = ringback_core::id::InquiryId::from_text(row.id.clone());
    yard.engine.inquiry(&yard.account, &id).await.unwrap().unwrap()
}

async fn held(yard: &Yard, inquiry: &Inquiry) -> bool {
    let facts = yard.engine.facts(&yard.account).await.unwrap();
    suppressed(inquiry, &facts.facts()).iter().any(|s| s.why == "the caller opted out")
}

async fn reached(yard: &Yard, inquiry: &Inquiry) {
    let by = UserId::from_text("user_ann");
    let event = Event::CalledBack { result: CallbackResult::Reached, note: None, booked_for: None, by };
    yard.engine.act(&yard.account, &inquiry.id, event).await.unwrap();
    rest(yard).await;
}

fn types(yard: &Yard, property: &str, value: &str) {
    let person =
        yard.entries().into_iter().find(|e| e.kind == Kind::Person && !e.gone && e.has_number(CALLER)).unwrap();
    let now = yard.now_ms();
    assert!(yard.with(|t| t.vendor_mut().type_in(&person.id, property, value, now)), "{property} = {value}");
}

#[tokio::test]
async fn what_any_crm_says_is_kept_and_only_a_person_takes_it_back() {
    for (vendor, property, yes, no) in SAID.iter().copied() {
        let yard = Yard::new(vendor, 11, false).await.unwrap();
        let first = calls(&yard, 1).await;
        assert!(!held(&yard, &first).await, "{vendor}");
        reached(&yard, &first).await;
        types(&yard, property, yes);
        // As the program does by itself every hour.
        yard.reach(yard.now_ms() + HOUR_MS);
        yard.engine.look_at_schema(&yard.account).await.unwrap();
        let second = calls(&yard, 2).await;
        let kept = yard.engine.consent_of(&yard.account, CALLER).await.unwrap();
        let said = kept.opted_out.map(|o| o.said);
        assert_eq!(said, Some(SaidBy::Crm { property: property.into() }), "{vendor}");
        assert!(held(&yard, &second).await && second.owner.is_some() && second.clock.is_some(), "{vendor} {property}");
        reached(&yard, &second).await;
        types(&yard, property, no);
        yard.reach(yard.now_ms() + HOUR_MS);
        let third = calls(&yard, 3).await;
        assert!(held(&yard, &third).await, "{vendor} {property}: a tick that is taken away takes nothing back");
        let by = UserId::from_text("user_ann");
        yard.engine.clear_opt_out(&yard.account, Whose::Inquiry(&third.id), "asked for a call", &by).await.unwrap();
        let third = yard.engine.inquiry(&yard.account, &third.id).await.unwrap().unwrap();
        assert!(!held(&yard, &third).await, "{vendor} {property}");
        reached(&yard, &third).await;
        let fourth = calls(&yard, 4).await;
        assert!(!held(&yard, &fourth).await, "{vendor} {property}");
    }
}
