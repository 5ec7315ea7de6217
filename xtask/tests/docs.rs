//! Links between our own documents lead somewhere.

use std::fs;
use std::path::{Path, PathBuf};

/// Every Markdown file at the root and below `docs`.
fn documents(dir: &Path, below: bool, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && below {
            documents(&path, true, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// The targets of `[text](target)` that are files of ours, without what stands behind `#`.
fn targets(text: &str) -> Vec<&str> {
    text.match_indices("](")
        .filter_map(|(at, _)| text.get(at + 2..)?.split(')').next())
        .map(|target| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty() && !target.contains("://"))
        .collect()
}

#[test]
fn every_link_leads_to_a_file() {
    let root = xtask::cmd::root();
    let mut found = Vec::new();
    documents(&root, false, &mut found);
    documents(&root.join("docs"), true, &mut found);
    assert!(found.len() > 10, "{found:?}");
    let mut broken = Vec::new();
    for document in found {
        let text = fs::read_to_string(&document).unwrap();
        for target in targets(&text) {
            if !document.parent().unwrap_or(&root).join(target).exists() {
                broken.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn links_are_found_in_running_text() {
    assert_eq!(targets("see [a](../A.md#b), [c](https://x.y/z) and [d](D.md)."), ["../A.md", "D.md"]);
}
