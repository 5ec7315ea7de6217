//! Live updates: one line whenever something changed that a page could show. It carries no data; the page asks again.

use crate::App;
use crate::session::Session;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream;
use std::convert::Infallible;

/// `GET /events`.
pub(crate) async fn stream(State(app): State<App>, _session: Session) -> impl IntoResponse {
    let changes = stream::unfold(app.engine.changes(), |mut changes| async move {
        changes.changed().await.ok()?;
        let n = *changes.borrow_and_update();
        Some((Ok::<_, Infallible>(Event::default().event("changed").data(n.to_string())), changes))
    });
    Sse::new(changes).keep_alive(KeepAlive::default())
}
