//! Every error page, embedded. Made by `cargo xtask generate` from `docs/errors`.

/// Code and page, in order of code.
pub(crate) static PAGES: &[(&str, &str)] = &[
];
