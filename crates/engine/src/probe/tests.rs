//! What a lag looks like when it is kept, and what it does to a lane.

use super::*;
use crate::audit::tests::support::World;
use crate::lane::traits_of;

#[test]
fn lags_are_read_as_they_are_kept() {
    assert_eq!(lag("7"), Some(Duration::from_secs(7)));
    assert_eq!(lag("over 120"), Some(Duration::from_mins(2)));
    assert_eq!(lag("soon"), None);
    assert_eq!(whole_seconds(SignedDuration::from_millis(1_001)), 2);
}

/// A probe can only make the program more patient.
#[tokio::test]
async fn a_longer_lag_counts_at_once_and_a_shorter_one_never() {
    let world = World::new().await;
    let crm = ConnectionId::from_text("conn_crm");
    let seen = || async {
        let facts = world.engine.facts(&world.account).await.unwrap();
        let traits = traits_of(&facts.connections["conn_crm"]);
        (traits.key_lag.as_secs(), traits.search_lag.as_secs())
    };
    assert_eq!(seen().await, (0, 60), "HubSpot's own");
    let facts = world.engine.facts(&world.account).await.unwrap();
    let held = &facts.connections["conn_crm"];
    let found = |key: &str, search: &str| {
        vec![("key_lag_seconds".to_owned(), key.to_owned()), ("search_lag_seconds".to_owned(), search.to_owned())]
    };
    keep(&world.engine, held, found("4", "12")).await.unwrap();
    assert_eq!(seen().await, (4, 60));
    keep(&world.engine, held, found("0", "over 120")).await.unwrap();
    assert_eq!(seen().await, (0, 120));
    let known = known(&world.engine, &world.account, &crm).await.unwrap();
    assert!(known.contains(&Known { question: "search_lag_seconds".into(), value: "over 120".into() }), "{known:?}");
}
