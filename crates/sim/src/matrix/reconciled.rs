//! Reconciliation against every CRM's twin: what people did there is named, and nothing else; what can be mended is.

use super::yard::{CRM, Yard};
use crate::dice::Dice;
use jiff::Timestamp;
use ringback_core::id::UserId;
use ringback_core::inquiry::ReviewKind;
use ringback_engine::reconcile::{Reconciled, Window};
use ringback_store::{self as store, After};
use ringback_twins::books::{Entry, Kind};

const HOUR_MS: i64 = 3_600_000;
const SETTLED: &str = "+16025551201";
const DOUBLED: &str = "+16025551202";
const DELETED: &str = "+16025551203";
const RENAMED: &str = "+16025551204";

/// How a vendor differs from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Differs {
    /// Nothing can be asked of it.
    Unreadable,
    /// It tells who set a value, and that a person set it.
    SaysWho,
    /// A record that is made again has the id of the one before: it follows from our key.
    SameId,
}

struct Case {
    vendor: &'static str,
    differs: &'static [Differs],
}

impl Case {
    fn is(&self, what: Differs) -> bool {
        self.differs.contains(&what)
    }
}

const CASES: &[Case] = &[
    Case { vendor: "hubspot", differs: &[Differs::SaysWho] },
    Case { vendor: "salesforce", differs: &[] },
    Case { vendor: "zoho", differs: &[] },
    Case { vendor: "pipedrive", differs: &[] },
    Case { vendor: "gohighlevel", differs: &[] },
    Case { vendor: "dynamics", differs: &[Differs::SameId] },
    Case { vendor: "hook", differs: &[Differs::Unreadable] },
];

async fn rest(yard: &Yard, for_ms: i64) {
    let end = yard.now_ms() + for_ms;
    for _ in 0..5_000 {
        if yard.step(false).await.unwrap() > 0 {
            continue;
        }
        match yard.engine.next_due().await.unwrap().map(|at| at.as_millisecond() + 1) {
            Some(next) if next <= end => yard.reach(next.max(yard.now_ms() + 500)),
            _ => {
                yard.reach(end.max(yard.now_ms()));
                return;
            }
        }
    }
    panic!("no rest: {}", yard.waits().await.unwrap());
}

fn person(yard: &Yard, e164: &str) -> Entry {
    let mut entries = yard.entries();
    entries.retain(|e| e.kind == Kind::Person && !e.gone && e.has_number(e164));
    assert!(!entries.is_empty(), "{e164} is not in the CRM");
    entries.remove(0)
}

async fn reconciled(yard: &Yard, since_ms: i64) -> Reconciled {
    let since = Timestamp::from_millisecond(since_ms).unwrap();
    let window = Window { since, until: yard.engine.now(), phone_log: None, again: "ringback reconcile".into() };
    yard.engine.reconcile(&yard.account, &window, &|_| {}).await.unwrap()
}

fn kinds(found: &Reconciled) -> Vec<&'static str> {
    let mut all: Vec<_> = found.report.findings().map(|f| f.kind.word()).collect();
    all.sort_unstable();
    all
}

async fn questions(yard: &Yard) -> Vec<(String, String)> {
    let account = yard.account.as_str().to_owned();
    let rows = yard
        .engine
        .store()
        .read(move |tx| {
            Box::pin(async move { store::reviews_open(tx, &account, None, None, 100, &After::start()).await })
        })
        .await
        .unwrap();
    rows.into_iter().filter(|r| r.kind == ReviewKind::Doubled.word()).map(|r| (r.id, r.inquiry)).collect()
}

async fn play(case: &Case) {
    let vendor = case.vendor;
    let yard = Yard::new(vendor, 7, false).await.unwrap();
    let start = yard.now_ms();
    let mut dice = Dice::new(3);
    for (n, caller) in [SETTLED, DOUBLED, DELETED, RENAMED].iter().enumerate() {
        yard.ring(n, caller, yard.now_ms(), &mut dice).await.unwrap();
        rest(&yard, 60_000).await;
    }
    rest(&yard, HOUR_MS).await;
    let found = reconciled(&yard, start - HOUR_MS).await;
    let told = format!("{vendor} {CRM}: {:#?} {:?}", found.report.findings().collect::<Vec<_>>(), found.witnesses);
    assert_eq!(kinds(&found), [""; 0], "{told}");
    let counts = found.report.counts;
    assert_eq!((counts.rang, counts.recorded, counts.lost + counts.doubled), (4, 4, 0), "{told}");
    let answered = found.witnesses.iter().any(|w| w.kind == "crm" && w.answered);
    assert_eq!((answered, counts.in_crm), if case.is(Differs::Unreadable) { (false, 0) } else { (true, 4) }, "{told}");
    if case.is(Differs::Unreadable) {
        assert_eq!(counts.unread, 4, "{told}");
        return;
    }

    // A rep makes a caller again, another caller's record is deleted, and a third one's name is typed over.
    let now = yard.now_ms();
    let name = ringback_connect::crm(vendor).unwrap().words().contact_name;
    let (deleted, renamed) = (person(&yard, DELETED), person(&yard, RENAMED));
    yard.with(|t| {
        let twin = t.vendor_mut();
        twin.seed_person("Rep Again", DOUBLED, None, false, now);
        assert!(twin.remove(&deleted.id, now), "{vendor}");
        assert!(twin.type_in(&renamed.id, name, "Dana", now), "{vendor}");
    });
    rest(&yard, HOUR_MS).await;
    let found = reconciled(&yard, start - HOUR_MS).await;
    let told = format!("{vendor}: {:#?} {:?}", found.report.findings().collect::<Vec<_>>(), found.witnesses);
    let expected = |deleted: bool, double: bool| -> Vec<&str> {
        let of = [(deleted, "deleted_in_crm"), (true, "drift"), (double, "foreign_duplicate")];
        of.into_iter().filter(|(is, _)| *is).map(|(_, kind)| kind).collect()
    };
    assert_eq!(kinds(&found), expected(true, true), "{told}");
    let finding = |kind: &str| found.report.findings().find(|f| f.kind.word() == kind).unwrap();
    assert_eq!(finding("drift").field.as_deref(), Some(name), "{told}");
    let by = finding("drift").by;
    assert_eq!(by == Some(ringback_core::crm::Setter::Person), case.is(Differs::SaysWho), "{told}");
    let asked = questions(&yard).await;
    let doubled =
        found.report.findings().find(|f| f.kind.word() == "foreign_duplicate").and_then(|f| f.inquiry.clone());
    let asked_of: Vec<String> = asked.iter().map(|(_, inquiry)| inquiry.clone()).collect();
    assert_eq!(asked_of, Vec::from_iter(doubled), "{vendor}: the two records of one person are one question");

    let mended = finding("deleted_in_crm").id.clone();
    yard.engine.mend(&yard.account, &found, &mended, &UserId::from_text("usr_matrix")).await.unwrap();
    rest(&yard, HOUR_MS).await;
    let found = reconciled(&yard, start - HOUR_MS).await;
    let told = format!("{vendor}: {:#?} {:?}", found.report.findings().collect::<Vec<_>>(), found.witnesses);
    assert_eq!(kinds(&found), expected(false, true), "{told}");
    assert_eq!(person(&yard, DELETED).id == deleted.id, case.is(Differs::SameId), "{vendor}: it was made again");
    assert!(person(&yard, RENAMED).fields.values().any(|v| v == "Dana"), "{vendor}");
    assert_eq!(questions(&yard).await, asked, "{vendor}: what was asked is not asked again");
    // Somebody removes the double: nothing is left to ask.
    let double = finding_record(&found, "foreign_duplicate");
    let now = yard.now_ms();
    let gone = double.rsplit('/').next().unwrap_or_default().to_owned();
    assert!(yard.with(|t| t.vendor_mut().remove(&gone, now)), "{vendor}: {double}");
    rest(&yard, HOUR_MS).await;
    let found = reconciled(&yard, start - HOUR_MS).await;
    assert_eq!(kinds(&found), expected(false, false), "{vendor}");
    assert!(questions(&yard).await.is_empty(), "{vendor}");
    assert!(yard.engine.verify(&yard.account).await.unwrap().ok, "{vendor}");
    yard.close().await;
}

fn finding_record(found: &Reconciled, kind: &str) -> String {
    found.report.findings().find(|f| f.kind.word() == kind).and_then(|f| f.record.clone()).unwrap_or_default()
}

#[tokio::test]
async fn every_crm_is_compared_and_mended() {
    let names: Vec<&str> = CASES.iter().map(|c| c.vendor).collect();
    assert_eq!(names, super::CRMS);
    let mut failed = Vec::new();
    for case in CASES {
        let played = tokio::task::LocalSet::new();
        let one = played.run_until(async move { tokio::task::spawn_local(play(case)).await }).await;
        if let Err(error) = one {
            failed.push(format!("{}: {error}", case.vendor));
        }
    }
    assert_eq!(failed, [""; 0]);
}
