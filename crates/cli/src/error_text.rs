//! `ringback error RB-0107`: the page of a code, from the binary itself.

use crate::error_pages::PAGES;
use crate::out::Out;
use crate::problems::{Exit, Fail};
use serde_json::json;

/// Prints one page, or the list of all codes when none is named.
pub(crate) fn run(out: Out, code: Option<&str>) -> Result<(), Fail> {
    let Some(code) = code else {
        let all: Vec<_> = PAGES.iter().map(|(code, page)| json!({ "code": code, "title": title(page) })).collect();
        out.result(&all, || {
            PAGES.iter().map(|(c, page)| format!("{c}  {}", title(page))).collect::<Vec<_>>().join("\n")
        });
        return Ok(());
    };
    let wanted = code.trim().to_ascii_uppercase();
    let number = wanted.trim_start_matches("RB-");
    let wanted = format!("RB-{number:0>4}");
    let Some((code, page)) = PAGES.iter().find(|(c, _)| *c == wanted) else {
        let cure = "`ringback error` without a code lists them all";
        return Err(Fail::new(Exit::Missing, "RB-0313", format!("there is no error code {wanted}"), cure));
    };
    out.result(&json!({ "code": code, "title": title(page), "page": page }), || (*page).to_owned());
    Ok(())
}

/// `# RB-0107 Title` without the code.
fn title(page: &str) -> &str {
    let first = page.lines().next().unwrap_or_default();
    first.trim_start_matches('#').trim().split_once(' ').map_or(first, |(_, title)| title)
}
