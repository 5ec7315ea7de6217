//! Every error page, embedded. Made by `cargo xtask generate` from `docs/errors`.

/// Code and page, in order of code.
pub(crate) static PAGES: &[(&str, &str)] = &[
    ("RB-0101", include_str!("../../../docs/errors/RB-0101.md")),
    ("RB-0102", include_str!("../../../docs/errors/RB-0102.md")),
    ("RB-0103", include_str!("../../../docs/errors/RB-0103.md")),
    ("RB-0104", include_str!("../../../docs/errors/RB-0104.md")),
    ("RB-0105", include_str!("../../../docs/errors/RB-0105.md")),
    ("RB-0106", include_str!("../../../docs/errors/RB-0106.md")),
    ("RB-0107", include_str!("../../../docs/errors/RB-0107.md")),
    ("RB-0108", include_str!("../../../docs/errors/RB-0108.md")),
    ("RB-0110", include_str!("../../../docs/errors/RB-0110.md")),
    ("RB-0111", include_str!("../../../docs/errors/RB-0111.md")),
    ("RB-0120", include_str!("../../../docs/errors/RB-0120.md")),
    ("RB-0121", include_str!("../../../docs/errors/RB-0121.md")),
    ("RB-0122", include_str!("../../../docs/errors/RB-0122.md")),
    ("RB-0123", include_str!("../../../docs/errors/RB-0123.md")),
    ("RB-0124", include_str!("../../../docs/errors/RB-0124.md")),
    ("RB-0201", include_str!("../../../docs/errors/RB-0201.md")),
    ("RB-0202", include_str!("../../../docs/errors/RB-0202.md")),
];
