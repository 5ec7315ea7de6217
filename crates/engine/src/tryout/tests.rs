use super::*;
use crate::audit::tests::support::World;

async fn kept(world: &World) -> Option<SandboxRunRow> {
    let of = world.account.as_str().to_owned();
    let read = world.engine.store().read(move |tx| Box::pin(async move { store::sandbox_run_last(tx, &of).await }));
    read.await.unwrap()
}

#[tokio::test]
async fn a_crm_that_does_not_answer_is_no_run_and_nothing_is_kept_of_it() {
    let world = World::new().await;
    let crm = ConnectionId::from_text("conn_crm");
    let ran = world.engine.try_contract(&world.account, &crm, |_| {}).await.unwrap();
    assert!(!ran.problems.is_empty() && ran.made.is_empty() && ran.tried.is_none(), "{ran:?}");
    assert_eq!(kept(&world).await, None);
}

#[tokio::test]
async fn a_connection_that_is_not_there_is_told_of_by_name() {
    let world = World::new().await;
    let nowhere = ConnectionId::from_text("conn_nowhere");
    let told = world.engine.try_contract(&world.account, &nowhere, |_| {}).await;
    assert!(matches!(&told, Err(Error::Missing(what)) if what.contains("conn_nowhere")), "{told:?}");
}
