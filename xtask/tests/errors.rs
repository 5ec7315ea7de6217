//! Every error code has its page, every page its code, and what is generated from them is up to date.

use std::fs;

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let found = xtask::errors::check().unwrap();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn generated_files_are_up_to_date() {
    for (name, text) in xtask::generate::all().unwrap() {
        let now = fs::read_to_string(xtask::cmd::root().join(&name)).unwrap_or_default();
        assert!(now == text, "{name} is out of date: run `cargo xtask generate`");
    }
}
