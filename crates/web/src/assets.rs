//! The one style sheet and the one script, under names that change with their content, so that browsers may keep them for ever.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use ringback_core::effect::hex;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const CSS: &str = include_str!("../assets/console.css");
const JS: &str = include_str!("../assets/console.js");
const ICON: &str = include_str!("../assets/icon.svg");

static NAMES: LazyLock<[(String, &str, &str); 3]> = LazyLock::new(|| {
    [
        (named("console", "css", CSS), "text/css; charset=utf-8", CSS),
        (named("console", "js", JS), "text/javascript; charset=utf-8", JS),
        (named("icon", "svg", ICON), "image/svg+xml", ICON),
    ]
});

fn named(stem: &str, ending: &str, text: &str) -> String {
    let digest = hex(&Sha256::digest(text.as_bytes()));
    format!("{stem}-{}.{ending}", digest.get(..12).unwrap_or_default())
}

/// Addresses of style sheet, script and icon.
pub(crate) fn hrefs() -> [String; 3] {
    let [css, js, icon] = &*NAMES;
    [css, js, icon].map(|(name, ..)| format!("/assets/{name}"))
}

/// `GET /assets/{name}`.
pub(crate) async fn get(Path(name): Path<String>) -> Response {
    match NAMES.iter().find(|(n, ..)| *n == name) {
        Some((_, kind, text)) => {
            let caching = "public, max-age=31536000, immutable";
            ([(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, caching)], *text).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
