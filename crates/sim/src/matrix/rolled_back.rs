//! A bad version of the contract wrote a wrong source on six leads; one was corrected by hand since. Rolled back by version: five stand as
//! before, one is spared and named, the owner is told, and the same trigger is held for review.

use super::yard::Yard;
use crate::crash::CrashHook;
use crate::world::{Crash, Side};
use ringback_core::contract;
use ringback_core::id::{InquiryId, UserId};
use ringback_core::inquiry::{Inquiry, ReviewKind};
use ringback_core::rollback::{Scope, Spared};
use ringback_engine::Error;
use ringback_engine::contracts::{Answer, Base, By, Wish};
use ringback_store::{self as store, Before, CommitHook, Site};
use ringback_twins::books::{Entry, Kind};
use std::sync::Arc;

const LEADS: usize = 6;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

fn caller(n: usize) -> String {
    format!("+1602555{:04}", 1_180 + n)
}

/// Goes on until nothing is to be done within two hours. A unit that was told to die is followed by the next look.
async fn rest(yard: &Yard, deaths: &mut usize) {
    let end = yard.now_ms() + 2 * HOUR_MS;
    for _ in 0..20_000 {
        match yard.step(false).await {
            Ok(0) => match yard.engine.next_due().await.unwrap().map(|at| at.as_millisecond() + 1) {
                Some(next) if next <= end => yard.reach(next.max(yard.now_ms() + 500)),
                _ => return,
            },
            Ok(_) => {}
            Err(error) => {
                assert!(format!("{error:?}").contains("Crash"), "{error:?}");
                *deaths += 1;
            }
        }
    }
    panic!("no rest: {}", yard.waits().await.unwrap());
}

async fn ring(yard: &Yard, n: usize, nth: usize) {
    let id = format!("call-{n}-{nth}");
    yard.report(&id, &caller(n), yard.now_ms(), None, ("website", Some("spring sale"))).await.unwrap();
}

fn lead(yard: &Yard, n: usize) -> Entry {
    let entries = yard.entries();
    let mut of = entries.into_iter().filter(|e| e.kind == Kind::Person && !e.gone && e.has_number(&caller(n)));
    of.next().unwrap_or_else(|| panic!("lead {n} is not there"))
}

fn source(entry: &Entry) -> String {
    entry
        .fields
        .iter()
        .find(|(name, _)| name.to_lowercase().contains("rb_source"))
        .map_or_else(String::new, |(_, v)| v.clone())
}

async fn apply(yard: &Yard, text: &str) {
    let (contract, problems) = contract::parse(text);
    assert!(problems.is_empty(), "{problems:?}");
    let by = By { who: "user_ann".into(), file: None };
    let version = yard.engine.contract(&yard.account).await.unwrap().unwrap().0.version;
    let wish = Wish { text: text.into(), contract: contract.unwrap(), base: Base::Version(i64::from(version)), by };
    let answer = yard.engine.apply_contract(&yard.account, &wish).await.unwrap();
    assert!(matches!(answer, Answer::Applied { .. }));
}

/// The contract of an account that has let fields be written by themselves for a while.
async fn runs(yard: &Yard, text: &str) {
    let (contract, problems) = contract::parse(text);
    assert!(problems.is_empty(), "{problems:?}");
    let contract = contract.unwrap();
    let new = store::ContractNew {
        account: yard.account.as_str().to_owned(),
        id: "ctr_runs".into(),
        name: contract.name.clone(),
        digest: contract.digest(),
        source: text.to_owned(),
        compiled: contract.stored(),
        applied_at: yard.engine.now().as_microsecond(),
        applied_by: "user_ann".into(),
    };
    let put = yard
        .engine
        .store()
        .write(store::Site::Setup, move |tx| Box::pin(async move { store::contract_insert_next(tx, &new).await }));
    put.await.unwrap();
    yard.engine.facts_changed(&yard.account);
}

async fn inquiries(yard: &Yard) -> Vec<Inquiry> {
    let account = yard.account.as_str().to_owned();
    let rows = yard
        .engine
        .store()
        .read(move |tx| Box::pin(async move { store::inquiries_list(tx, &account, None, 100, &Before::end()).await }))
        .await
        .unwrap();
    rows.iter().map(|row| serde_json::from_str(&row.snapshot).unwrap()).collect()
}

/// A good version and a bad one, which takes the campaign for the source; and the calls that each wrote about.
async fn written(yard: &Yard) {
    let good = yard.engine.contract_versions(&yard.account).await.unwrap().pop().unwrap().source;
    let auto = good.replacen("autonomy = \"auto-low-risk\"", "autonomy = \"auto\"", 1);
    let clause = auto.split("[field.lead_source]").nth(1).unwrap().split("[field.").next().unwrap().to_owned();
    let corrects = clause.replace("fill_empty", "update");
    let good = auto.replacen(&clause, &corrects, 1);
    runs(yard, &good).await;
    for n in 0..LEADS {
        ring(yard, n, 1).await;
    }
    rest(yard, &mut 0).await;
    for n in 0..LEADS {
        assert_eq!(source(&lead(yard, n)), "website");
    }
    let bad = good.replacen(&corrects, &corrects.replace("= \"source\"", "= \"campaign\""), 1);
    assert_ne!(good, bad);
    apply(yard, &bad).await;
    yard.reach(yard.now_ms() + MINUTE_MS);
    for n in 0..LEADS {
        ring(yard, n, 2).await;
    }
    rest(yard, &mut 0).await;
    for n in 0..LEADS {
        assert_eq!(source(&lead(yard, n)), "spring sale", "the bad version wrote it");
    }
}

/// What a preview says, short enough to be read.
fn words(preview: &ringback_engine::rollback::Preview) -> Vec<String> {
    let one = |f: &ringback_engine::rollback::Shown| {
        let (object, property) = (f.object.as_str(), &f.property);
        format!("{object} {} {property}: {:?} → {:?} {:?}", f.record, f.wrote, f.back, f.spared)
    };
    preview.fields.iter().map(one).collect()
}

fn field_of(entry: &Entry) -> String {
    entry.fields.keys().find(|name| name.to_lowercase().contains("rb_source")).cloned().unwrap()
}

/// The ledger is whole and every decision comes out the same again.
async fn sound(yard: &Yard) {
    let report = yard.engine.verify(&yard.account).await.unwrap();
    assert!(report.ok, "{report:?}");
    for inquiry in inquiries(yard).await {
        let replayed = yard.engine.replay(&yard.account, &inquiry.id).await.unwrap();
        assert!(replayed.ok(), "{}: {replayed:?}", inquiry.id);
    }
}

async fn rolled_back(vendor: &'static str, crash: Option<Crash>) {
    let hook = Arc::new(CrashHook::new(crash.into_iter().collect()));
    let asked: Arc<dyn CommitHook> = hook.clone();
    let yard = Yard::with_hook(vendor, 11, false, Some(asked)).await.unwrap();
    written(&yard).await;
    let second = Scope { version: Some(3), ..Scope::default() };
    let early = yard.engine.preview_rollback(&yard.account, &second).await.unwrap();
    assert_eq!((early.agreed.restored, early.agreed.spared), (LEADS, 0), "{vendor}: {:?}", words(&early));
    // Somebody corrects one by hand: what was shown is not true any more.
    let corrected = lead(&yard, 0);
    let typed = yard.with(|t| t.vendor_mut().type_in(&corrected.id, &field_of(&corrected), "referral", yard.now_ms()));
    assert!(typed, "{vendor}");
    let ann = UserId::from_text("user_ann");
    let begin = |digest: String| {
        let (yard, second, ann) = (&yard, &second, &ann);
        async move { yard.engine.start_rollback(&yard.account, second, &digest, "the wrong source", ann).await }
    };
    let Err(Error::Told(stale)) = begin(early.digest).await else { panic!("{vendor}: a stale preview was taken") };
    assert_eq!(stale.code, "RB-0231");
    let shown = yard.engine.preview_rollback(&yard.account, &second).await.unwrap();
    assert_eq!((shown.agreed.restored, shown.agreed.spared), (LEADS - 1, 1), "{vendor}");
    let spared = shown.fields.iter().find(|f| f.spared.is_some()).unwrap();
    assert_eq!((spared.spared, spared.now.as_deref()), (Some(Spared::LaterHuman), Some("referral")), "{vendor}");
    assert!(shown.fields.iter().all(|f| f.spared.is_some() || f.back.as_deref() == Some("website")), "{vendor}");
    let early =
        shown.agreed.consequences.iter().filter(|c| c.at < shown.fields.iter().map(|f| f.written_at).min().unwrap());
    assert_eq!(
        early.count(),
        0,
        "{vendor}: what came before was set off by something else: {:?}",
        shown.agreed.consequences
    );
    assert!(shown.agreed.tells.iter().all(|t| t.staff.is_some()), "{vendor}: {:?}", shown.agreed.tells);
    hook.wake();
    let mut deaths = 0;
    let id = match begin(shown.digest.clone()).await {
        Ok(id) => id,
        // The click died; whether it was done is looked up, as a person would.
        Err(_) => {
            deaths += 1;
            hook.revive();
            match yard.engine.rollbacks(&yard.account, 5, &Before::end()).await.unwrap().pop() {
                Some(begun) => begun.id,
                None => begin(shown.digest).await.unwrap(),
            }
        }
    };
    for _ in 0..4 {
        rest_alive(&yard, &hook, &mut deaths).await;
    }
    hook.sleep();
    assert_eq!(deaths, usize::from(crash.is_some()), "{vendor}: it died where it should");
    let done = yard.engine.rollback(&yard.account, &id).await.unwrap();
    assert_eq!((done.state.as_str(), done.back, done.left, done.dead), ("done", LEADS - 1, 1, 0), "{vendor}: {done:?}");
    assert_eq!(source(&lead(&yard, 0)), "referral", "{vendor}: what a person typed stays");
    for n in 1..LEADS {
        assert_eq!(source(&lead(&yard, n)), "website", "{vendor}: lead {n}");
    }
    // Every owner is told once.
    let all = inquiries(&yard).await;
    let told: Vec<_> = all.iter().flat_map(|i| &i.tellings).map(|t| t.staff.clone()).collect();
    let owners: std::collections::BTreeSet<_> =
        all.iter().filter_map(|i| i.owner.as_ref()).map(|o| o.staff.clone()).collect();
    assert_eq!(told.len(), owners.len(), "{vendor}: {told:?}");
    let lines: Vec<&String> = all.iter().flat_map(|i| &i.tellings).flat_map(|t| &t.lines).collect();
    assert!(lines.iter().any(|line| line.contains("a person has set it since")), "{lines:?}");
    // The same trigger comes again.
    ring(&yard, 1, 3).await;
    rest(&yard, &mut 0).await;
    assert_eq!(source(&lead(&yard, 1)), "website", "{vendor}: it is not done again by itself");
    let again = inquiries(&yard).await.into_iter().find(|i| i.e164.as_deref() == Some(&*caller(1))).unwrap();
    let verdict = again.verdicts.iter().find(|v| v.field == "lead_source").unwrap();
    assert_eq!(verdict.because, "rolled_back", "{vendor}: {verdict:?}");
    assert!(verdict.reason.contains(id.as_str()), "{verdict:?}");
    let held = again.reviews.iter().any(|r| r.kind == ReviewKind::Field && r.field.as_deref() == Some("lead_source"));
    assert!(held, "{vendor}: it waits for a person");
    sound(&yard).await;
    let audit: Vec<String> =
        yard.engine.account_entries(&yard.account).await.unwrap().into_iter().map(|e| e.kind).collect();
    assert_eq!(audit.iter().filter(|k| *k == "rollback_started").count(), 1, "{vendor}: {audit:?}");
    assert_eq!(audit.iter().filter(|k| *k == "rollback_done").count(), 1, "{vendor}: {audit:?}");
    // A preview of the same shows that nothing is left to take back.
    let after = yard.engine.preview_rollback(&yard.account, &second).await.unwrap();
    assert_eq!(after.agreed.restored, 0, "{vendor}: {:?}", words(&after));
    yard.close().await;
}

/// As [`rest`], and the program is started again where it died.
async fn rest_alive(yard: &Yard, hook: &CrashHook, deaths: &mut usize) {
    let end = yard.now_ms() + HOUR_MS;
    for _ in 0..20_000 {
        if hook.dead() {
            *deaths += 1;
            hook.revive();
        }
        match yard.step(false).await {
            Err(_) if hook.dead() => {}
            Err(error) => panic!("{error:?}"),
            Ok(0) => match yard.engine.next_due().await.unwrap().map(|at| at.as_millisecond() + 1) {
                Some(next) if next <= end => yard.reach(next.max(yard.now_ms() + 500)),
                _ => return,
            },
            Ok(_) => {}
        }
    }
    panic!("no rest: {}", yard.waits().await.unwrap());
}

#[tokio::test]
async fn a_bad_version_is_rolled_back_and_does_not_come_again() {
    rolled_back("hubspot", None).await;
}

#[tokio::test]
async fn a_bad_version_is_rolled_back_in_other_crms_too() {
    for vendor in ["salesforce", "pipedrive", "gohighlevel", "zoho", "dynamics"] {
        rolled_back(vendor, None).await;
    }
}

/// Nothing stood there before the first write: taken back, the field is empty again, in the CRM's own books.
#[tokio::test]
async fn what_stood_empty_before_is_empty_again() {
    for vendor in ["hubspot", "salesforce", "pipedrive", "gohighlevel", "zoho", "dynamics"] {
        let yard = Yard::new(vendor, 11, false).await.unwrap();
        written(&yard).await;
        let field = Scope { field: Some("lead_source".into()), ..Scope::default() };
        let shown = yard.engine.preview_rollback(&yard.account, &field).await.unwrap();
        assert_eq!((shown.agreed.restored, shown.agreed.spared), (LEADS, 0), "{vendor}: {:?}", words(&shown));
        assert!(shown.fields.iter().all(|f| f.back.as_deref() == Some("")), "{vendor}: {:?}", words(&shown));
        let ann = UserId::from_text("user_ann");
        let id = yard.engine.start_rollback(&yard.account, &field, &shown.digest, "never again", &ann).await.unwrap();
        rest(&yard, &mut 0).await;
        let done = yard.engine.rollback(&yard.account, &id).await.unwrap();
        assert_eq!((done.state.as_str(), done.back, done.left, done.dead), ("done", LEADS, 0, 0), "{vendor}: {done:?}");
        for n in 0..LEADS {
            assert_eq!(source(&lead(&yard, n)), "", "{vendor}: lead {n}");
        }
        sound(&yard).await;
        yard.close().await;
    }
}

#[tokio::test]
async fn a_rollback_that_dies_anywhere_is_gone_on_with() {
    for side in [Side::Before, Side::After] {
        // Begun, six items sent or settled, told, closed.
        for nth in 1..=12 {
            rolled_back("hubspot", Some(Crash { site: Site::Rollback, side, nth })).await;
        }
    }
}

#[tokio::test]
async fn an_action_that_was_rolled_back_happens_again_when_a_person_lifts_it() {
    let yard = Yard::new("hubspot", 11, false).await.unwrap();
    written(&yard).await;
    let inquiry: InquiryId =
        inquiries(&yard).await.into_iter().find(|i| i.e164.as_deref() == Some(&*caller(2))).unwrap().id;
    let one = Scope {
        inquiry: Some(inquiry.clone()),
        field: Some("lead_source".into()),
        version: Some(3),
        ..Scope::default()
    };
    let shown = yard.engine.preview_rollback(&yard.account, &one).await.unwrap();
    assert_eq!(shown.agreed.restored, 1, "{:?}", words(&shown));
    let ann = UserId::from_text("user_ann");
    let id = yard.engine.start_rollback(&yard.account, &one, &shown.digest, "only this one", &ann).await.unwrap();
    rest(&yard, &mut 0).await;
    assert_eq!(source(&lead(&yard, 2)), "website");
    assert_eq!(source(&lead(&yard, 3)), "spring sale", "the others were not asked for");
    ring(&yard, 2, 3).await;
    ring(&yard, 3, 3).await;
    rest(&yard, &mut 0).await;
    assert_eq!(source(&lead(&yard, 2)), "website");
    let lifted =
        yard.engine.lift_holds(&yard.account, &id, Some("lead_source"), "the rule is right after all", &ann).await;
    assert_eq!(lifted.unwrap(), 1);
    yard.reach(yard.now_ms() + MINUTE_MS);
    assert_eq!(yard.engine.holds(&yard.account).await.unwrap(), []);
    ring(&yard, 2, 4).await;
    rest(&yard, &mut 0).await;
    let again = yard.engine.inquiry(&yard.account, &inquiry).await.unwrap().unwrap();
    let verdict = again.verdicts.iter().find(|v| v.field == "lead_source").unwrap();
    assert_ne!(verdict.because, "rolled_back", "{verdict:?}");
    assert_eq!(source(&lead(&yard, 2)), "spring sale", "and it is written");
    assert_eq!(source(&lead(&yard, 3)), "spring sale");
    sound(&yard).await;
    yard.close().await;
}
