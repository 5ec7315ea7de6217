//! The drill gives Ringback eight greens whatever CRM stands behind it, and the straw man the reds that it deserves.
#![expect(clippy::unwrap_used, reason = "a helper of a test that fails is a test that fails")]

use ringback_sim::drill::{self, Report, Verdict};
use ringback_sim::matrix::CRMS;

async fn own(crm: &'static str, seed: u64) -> Report {
    drill::own(crm, seed).await.unwrap()
}

#[tokio::test]
async fn ringback_keeps_all_eight_with_every_crm() {
    let mut failed = Vec::new();
    for crm in CRMS {
        let report = own(crm, 1).await;
        let total = report.calls.total;
        if total.lost + total.doubled > 0 || total.calls != 59 || report.count(Verdict::Green) != 8 {
            failed.push(report.card());
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[tokio::test]
async fn one_seed_gives_one_card() {
    let (one, two) = (own("hubspot", 7).await, own("hubspot", 7).await);
    assert_eq!(one, two);
    let numbers: Vec<u8> = one.guarantees.iter().map(|g| g.n).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(one.guarantees.iter().all(|g| g.red_flag.is_none() && !g.evidence.is_empty()));
    assert_eq!(one.calls.parts["an outage"].calls, 40);
    assert_eq!(one.calls.parts["an outage"].written, 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_straw_man_gets_the_reds_he_deserves() {
    let report = drill::straw_man().await.unwrap();
    let card = report.card();
    for n in [2, 3, 4, 6, 7] {
        let line = report.get(n).unwrap();
        assert_eq!(line.verdict, Verdict::Red, "{n}\n{card}");
        assert!(line.red_flag.is_some());
    }
    for n in [1, 5, 8] {
        assert_eq!(report.get(n).unwrap().verdict, Verdict::Unseen, "{n}\n{card}");
    }
    // In fair weather everything arrives, if more than once.
    let calm = report.calls.parts["calm"];
    assert_eq!((calm.calls, calm.taken, calm.written, calm.lost), (4, 4, 4, 0), "{card}");
    let outage = report.calls.parts["an outage"];
    assert_eq!((outage.taken, outage.lost), (10, 10), "acknowledged and lost\n{card}");
    assert!(report.calls.parts["writes that time out"].doubled > 0, "{card}");
}
