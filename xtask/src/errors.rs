//! Error codes: every code a person can meet has a page, and every page is about a code that exists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::cmd;

/// What the first two digits of a code say.
pub const RANGES: &[(&str, &str)] = &[
    ("01", "Intake and the API"),
    ("02", "The contract"),
    ("03", "Configuration and start"),
    ("04", "The store"),
    ("05", "The CRM, and dead letters"),
    ("06", "Sign-in and rights"),
    ("07", "Import"),
    ("08", "The console"),
    ("09", "Reconciliation and proofs"),
];

/// What each page must answer, in this order.
pub const SECTIONS: &[&str] = &["## What it means", "## What happens by itself", "## What you do"];

/// The page of one code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub code: String,
    pub title: String,
    pub text: String,
}

/// `docs/errors`.
pub fn dir() -> PathBuf {
    cmd::root().join("docs").join("errors")
}

/// Every page, by code.
///
/// # Errors
/// When the directory cannot be read or a page does not open with its code.
pub fn pages() -> Result<BTreeMap<String, Page>, String> {
    let dir = dir();
    let failed = |e: std::io::Error| format!("{}: {e}", dir.display());
    let mut pages = BTreeMap::new();
    for entry in fs::read_dir(&dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name == "README.md" {
            continue;
        }
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let page = page(&name, &text)?;
        pages.insert(page.code.clone(), page);
    }
    Ok(pages)
}

/// Reads a page and holds it to the form all pages have.
///
/// # Errors
/// What is missing, with the file's name.
pub fn page(file_name: &str, text: &str) -> Result<Page, String> {
    let code = file_name.strip_suffix(".md").filter(|code| codes(code) == BTreeSet::from([(*code).to_owned()]));
    let code = code.ok_or_else(|| format!("docs/errors/{file_name}: a page is named after its code, RB-0107.md"))?;
    let title = text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix(&format!("# {code} ")))
        .filter(|title| !title.trim().is_empty())
        .ok_or_else(|| format!("docs/errors/{file_name}: the first line must be `# {code} Title`"))?;
    let mut rest = text;
    for section in SECTIONS {
        let (_, after) = rest
            .split_once(&format!("\n{section}\n"))
            .ok_or_else(|| format!("docs/errors/{file_name}: `{section}` is missing or out of order"))?;
        let words = after.split("\n## ").next().unwrap_or_default();
        if words.trim().is_empty() {
            return Err(format!("docs/errors/{file_name}: `{section}` says nothing"));
        }
        rest = after;
    }
    if !RANGES.iter().any(|(digits, _)| code.get(3..5) == Some(*digits)) {
        return Err(format!(
            "docs/errors/{file_name}: no range begins with these digits (RANGES in xtask/src/errors.rs)"
        ));
    }
    Ok(Page { code: code.to_owned(), title: title.trim().to_owned(), text: text.to_owned() })
}

/// Every `RB-` followed by exactly four digits.
pub fn codes(text: &str) -> BTreeSet<String> {
    text.match_indices("RB-")
        .filter_map(|(at, _)| {
            let code = text.get(at..at + 7)?;
            let next = text.get(at + 7..).and_then(|rest| rest.chars().next());
            let whole =
                code.bytes().skip(3).all(|byte| byte.is_ascii_digit()) && !next.is_some_and(|c| c.is_ascii_digit());
            whole.then(|| code.to_owned())
        })
        .collect()
}

/// Every code in the product's sources with one file that uses it. Tests may make codes up, comments may give examples; the
/// generated table of pages does not count, or every page would count as used.
///
/// # Errors
/// When the sources cannot be read.
pub fn used() -> Result<BTreeMap<String, PathBuf>, String> {
    let mut used = BTreeMap::new();
    let crates = cmd::root().join("crates");
    for entry in fs::read_dir(&crates).map_err(|e| format!("{}: {e}", crates.display()))? {
        let src = entry.map_err(|e| format!("{}: {e}", crates.display()))?.path().join("src");
        if !src.is_dir() {
            continue;
        }
        crate::layers::walk(&src, &mut |file, text| {
            let tests = file.file_stem().is_some_and(|stem| stem == "tests");
            if !tests && !file.ends_with(Path::new("error_pages.rs")) {
                for code in codes(&product(text)) {
                    used.entry(code).or_insert_with(|| file.to_path_buf());
                }
            }
        })?;
    }
    Ok(used)
}

/// The text without line comments and without the tests at its foot.
fn product(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Codes without a page, and pages without a code.
///
/// # Errors
/// When sources or pages cannot be read.
pub fn check() -> Result<Vec<String>, String> {
    let (used, pages) = (used()?, pages()?);
    let mut found: Vec<String> = used
        .iter()
        .filter(|(code, _)| !pages.contains_key(*code))
        .map(|(code, file)| format!("{code} ({}) has no page docs/errors/{code}.md", file.display()))
        .collect();
    found.extend(
        pages
            .keys()
            .filter(|code| !used.contains_key(*code))
            .map(|code| format!("docs/errors/{code}.md: no source uses {code}")),
    );
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "# RB-0107 Body too large\n\n## What it means\n\na\n\n## What happens by itself\n\nb\n\n## What you do\n\nc\n";

    #[test]
    fn codes_are_whole_words_of_four_digits() {
        let found = codes("\"RB-0107\", RB-01071 RB-12 (RB-0201) RB-ABCD");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["RB-0107", "RB-0201"]);
    }

    #[test]
    fn comments_and_tests_do_not_count_as_use() {
        let text = "/// like RB-0101\nconst A: &str = \"RB-0102\";\n#[cfg(test)]\nmod tests { const B: &str = \"RB-0103\"; }\n";
        assert_eq!(codes(&product(text)).into_iter().collect::<Vec<_>>(), ["RB-0102"]);
    }

    #[test]
    fn a_page_must_have_its_title_and_its_three_answers() {
        assert_eq!(page("RB-0107.md", GOOD).unwrap().title, "Body too large");
        assert!(page("RB-0108.md", GOOD).unwrap_err().contains("# RB-0108 Title"));
        assert!(page("RB-0107.md", &GOOD.replace("## What you do\n\nc", "")).unwrap_err().contains("What you do"));
        assert!(page("RB-0107.md", &GOOD.replace("\nb\n", "\n")).unwrap_err().contains("says nothing"));
        assert!(page("RB-9907.md", &GOOD.replace("0107", "9907")).unwrap_err().contains("no range"));
        assert!(page("notes.md", GOOD).is_err());
    }
}
