//! Files that are made from other files: written by `cargo xtask generate`, compared by `cargo xtask generate --check`.

use std::fmt::Write as _;
use std::fs;

use crate::{cmd, crms, errors};

/// Reference pages that are a file of the product, word for word: source, page, title, what stands above it.
const REFERENCES: &[(&str, &str, &str, &str)] = &[(
    "crates/core/src/contract/default.toml",
    "docs/reference/contract.md",
    "The contract, complete and commented",
    "The contract a new account starts with: every clause, with its default and what else could stand there.",
)];

/// Writes the generated files, or with `--check` only says which are out of date.
///
/// # Errors
/// With `--check`, every file that differs; else what could not be read or written.
pub fn run(args: &[String]) -> Result<(), String> {
    let check = match args {
        [] => false,
        [flag] if flag == "--check" => true,
        _ => return Err(format!("only --check is known, not `{}`", args.join(" "))),
    };
    let mut stale = Vec::new();
    for (name, text) in all()? {
        let path = cmd::root().join(&name);
        if fs::read_to_string(&path).is_ok_and(|now| now == text) {
            continue;
        }
        if check {
            stale.push(name);
            continue;
        }
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
        }
        fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
        println!("wrote {name}");
    }
    if stale.is_empty() {
        Ok(())
    } else {
        Err(format!("out of date: {}\nrun `cargo xtask generate` and commit the result", stale.join(", ")))
    }
}

/// Every generated file: path below the root, and what it must say.
///
/// # Errors
/// When a source cannot be read.
pub fn all() -> Result<Vec<(String, String)>, String> {
    let pages: Vec<errors::Page> = errors::pages()?.into_values().collect();
    let mut files = vec![
        ("docs/errors/README.md".to_owned(), index(&pages)),
        ("crates/cli/src/error_pages.rs".to_owned(), table(&pages)),
        (crms::PAGE.to_owned(), crms::page()),
    ];
    for (source, page, title, above) in REFERENCES {
        let text = fs::read_to_string(cmd::root().join(source)).map_err(|e| format!("{source}: {e}"))?;
        files.push((
            (*page).to_owned(),
            format!(
                "<!-- Made by `cargo xtask generate` from {source}. -->\n# {title}\n\n{above}\n\n```toml\n{}\n```\n",
                text.trim_end()
            ),
        ));
    }
    Ok(files)
}

fn index(pages: &[errors::Page]) -> String {
    let mut text = String::from(
        "<!-- Made by `cargo xtask generate` from the pages beside it. -->\n# Error codes\n\n\
         Every error Ringback shows carries a code. `ringback error RB-0107` prints the page; here they all are.\n",
    );
    for (digits, about) in errors::RANGES {
        let mut of_range = pages.iter().filter(|page| page.code.get(3..5) == Some(*digits)).peekable();
        if of_range.peek().is_none() {
            continue;
        }
        let _ = write!(text, "\n## {about} (RB-{digits}xx)\n\n");
        for page in of_range {
            let _ = writeln!(text, "- [{code}]({code}.md) {title}", code = page.code, title = page.title);
        }
    }
    text
}

/// The pages as the command embeds them. Laid out as rustfmt would.
fn table(pages: &[errors::Page]) -> String {
    let mut text = String::from(
        "//! Every error page, embedded. Made by `cargo xtask generate` from `docs/errors`.\n\n\
         /// Code and page, in order of code.\npub(crate) static PAGES: &[(&str, &str)] = &[\n",
    );
    for page in pages {
        let _ = writeln!(text, "    (\"{code}\", include_str!(\"../../../docs/errors/{code}.md\")),", code = page.code);
    }
    text.push_str("];\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_lists_each_page_under_its_range() {
        let page =
            |code: &str, title: &str| errors::Page { code: code.into(), title: title.into(), text: String::new() };
        let text = index(&[page("RB-0107", "Body too large"), page("RB-0501", "Refused")]);
        let (first, second) = text.split_once("(RB-05xx)").unwrap();
        assert!(first.contains("- [RB-0107](RB-0107.md) Body too large\n"));
        assert!(second.contains("- [RB-0501](RB-0501.md) Refused\n"));
        assert!(!text.contains("RB-02xx"), "an empty range is not listed");
    }
}
