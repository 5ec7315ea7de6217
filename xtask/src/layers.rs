//! The direction of the house, held by a check: who may depend on whom, and what the pure rooms must never see.
//!
//! `core ← connect`, `core ← store`, then `engine ← web`; the simulation sees engine, store, connect and twins; the command
//! sees all but bench; twins see nobody. Core and connect decide and translate without time, chance, files, network or
//! environment, so neither they nor anything they bring in may offer them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::cmd;

const CORE: &str = "ringback-core";
const CONNECT: &str = "ringback-connect";
const STORE: &str = "ringback-store";
const ENGINE: &str = "ringback-engine";
const WEB: &str = "ringback-web";
const TWINS: &str = "ringback-twins";
const SIM: &str = "ringback-sim";
const CLI: &str = "ringback";
const BENCH: &str = "ringback-bench";
const XTASK: &str = "xtask";

/// Each package with the packages of the workspace it may build on.
const MAY_SEE: &[(&str, &[&str])] = &[
    (CORE, &[]),
    (CONNECT, &[CORE]),
    (STORE, &[CORE]),
    (TWINS, &[]),
    (ENGINE, &[CORE, CONNECT, STORE]),
    (WEB, &[CORE, CONNECT, STORE, ENGINE]),
    (SIM, &[CORE, CONNECT, STORE, ENGINE, TWINS]),
    (CLI, &[CORE, CONNECT, STORE, ENGINE, WEB, TWINS, SIM]),
    (BENCH, &[CORE, CONNECT, STORE, ENGINE, WEB, TWINS, SIM, CLI]),
    (XTASK, &[CORE, CONNECT]),
];

/// Whose *tests* may use the twins besides. Not connect's: its fixtures come from the vendors' documents.
const TESTS_MAY_SEE_TWINS: &[&str] = &[ENGINE, WEB];

/// The rooms without time, chance and I/O.
const PURE: &[&str] = &[CORE, CONNECT];

/// Packages that bring time, chance, network, storage or a runtime; `name*` stands for every name that begins so.
const IMPURE: &[&str] = &[
    "tokio*",
    "async-std",
    "mio",
    "socket2",
    "sqlx*",
    "libsqlite3-sys",
    "reqwest",
    "hyper*",
    "axum*",
    "tower*",
    "rustls",
    "lettre",
    "tracing*",
    "log4rs",
    "rand",
    "rand_core",
    "rand_chacha",
    "getrandom",
    "fastrand",
    "chrono",
    "iana-time-zone",
    "time",
    "tempfile",
    "dirs*",
    "dotenv*",
    "jiff-tzdb-platform",
];

/// Features that read the machine's clock zone, its zone database or its chance.
const IMPURE_FEATURES: &[(&str, &[&str])] = &[
    ("jiff", &["tz-system", "tzdb-zoneinfo", "tzdb-concatenated", "tzdb-bundle-platform", "js"]),
    ("uuid", &["v1", "v4", "v6", "v7", "rng", "fast-rng"]),
];

/// Words in the source of a pure room that reach outside by the standard library alone.
const IMPURE_WORDS: &[&str] = &[
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "std::io::stdin",
    "std::io::stdout",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "TimeZone::system",
    "println!",
    "eprintln!",
];

/// How one package uses another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// In the product or its build.
    Build,
    /// In its tests only.
    Tests,
}

/// The workspace's own packages, each with what it uses of the others.
pub type Graph = BTreeMap<String, BTreeSet<(String, Use)>>;

/// Package names with their resolved features.
pub type Resolved = BTreeMap<String, BTreeSet<String>>;

/// Checks the checkout.
///
/// # Errors
/// Every violation, one per line.
pub fn run() -> Result<(), String> {
    let found = check()?;
    if found.is_empty() {
        println!("layers: {} packages, all as ARCHITECTURE.md says", MAY_SEE.len());
        Ok(())
    } else {
        Err(format!("{} violations\n  {}", found.len(), found.join("\n  ")))
    }
}

/// Every violation in the checkout.
///
/// # Errors
/// When cargo or the file system cannot be asked.
pub fn check() -> Result<Vec<String>, String> {
    let metadata = cmd::output(&mut cmd::cargo(&["metadata", "--no-deps", "--format-version", "1"]))?;
    let mut found = directions(&graph(&metadata)?);
    for package in PURE {
        let tree = cmd::output(&mut cmd::cargo(&[
            "tree", "-e", "normal", "-p", package, "--prefix", "none", "-f", "{p}|{f}",
        ]))?;
        found.extend(purity(package, &resolved(&tree)));
        let src = cmd::root().join("crates").join(package.trim_start_matches("ringback-")).join("src");
        walk(&src, &mut |file, text| found.extend(words(file, text)))?;
    }
    // Features unite: the command as a whole must not switch on in jiff what the pure rooms leave off.
    let tree = cmd::output(&mut cmd::cargo(&["tree", "-e", "normal", "-p", CLI, "--prefix", "none", "-f", "{p}|{f}"]))?;
    let jiff: Resolved = resolved(&tree).into_iter().filter(|(name, _)| name == "jiff").collect();
    found.extend(purity(CLI, &jiff));
    Ok(found)
}

/// Reads `cargo metadata --no-deps`.
///
/// # Errors
/// When it is not that document.
pub fn graph(metadata: &str) -> Result<Graph, String> {
    let document: Value = serde_json::from_str(metadata).map_err(|e| format!("cargo metadata: {e}"))?;
    let packages = document.get("packages").and_then(Value::as_array).ok_or("cargo metadata: no packages")?;
    let name_of = |value: &Value| value.get("name").and_then(Value::as_str).map(str::to_owned);
    let names: BTreeSet<String> = packages.iter().filter_map(name_of).collect();
    let mut graph = Graph::new();
    for package in packages {
        let name = name_of(package).ok_or("cargo metadata: a package without a name")?;
        let uses = graph.entry(name).or_default();
        for dependency in package.get("dependencies").and_then(Value::as_array).into_iter().flatten() {
            let Some(used) = name_of(dependency).filter(|used| names.contains(used)) else { continue };
            let tests = dependency.get("kind").and_then(Value::as_str) == Some("dev");
            uses.insert((used, if tests { Use::Tests } else { Use::Build }));
        }
    }
    Ok(graph)
}

/// Every use that goes against the direction, and every package nobody gave a place.
pub fn directions(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for (name, uses) in graph {
        let Some((_, allowed)) = MAY_SEE.iter().find(|(package, _)| package == name) else {
            found.push(format!(
                "{name} has no place in the house: add it to MAY_SEE in xtask/src/layers.rs and to ARCHITECTURE.md"
            ));
            continue;
        };
        for (used, how) in uses {
            let twins_in_tests = *how == Use::Tests && used == TWINS && TESTS_MAY_SEE_TWINS.contains(&name.as_str());
            if !allowed.contains(&used.as_str()) && !twins_in_tests {
                let where_ = if *how == Use::Tests { "its tests use" } else { "it uses" };
                found.push(format!("{name} may not see {used}, but {where_} it"));
            }
        }
    }
    for (name, _) in MAY_SEE.iter().filter(|(name, _)| !graph.contains_key(*name)) {
        found.push(format!("{name} is in MAY_SEE of xtask/src/layers.rs but not in the workspace"));
    }
    found
}

/// Reads `cargo tree --prefix none -f '{p}|{f}'`: `jiff v0.2.43|alloc,std (*)`.
pub fn resolved(tree: &str) -> Resolved {
    let mut packages = Resolved::new();
    for line in tree.lines() {
        let Some((package, features)) = line.split_once('|') else { continue };
        let Some(name) = package.split_whitespace().next() else { continue };
        let features = features.trim_end_matches("(*)").trim();
        packages
            .entry(name.to_owned())
            .or_default()
            .extend(features.split(',').filter(|feature| !feature.is_empty()).map(str::to_owned));
    }
    packages
}

/// Every impure package or feature that a pure package brings in.
pub fn purity(of: &str, packages: &Resolved) -> Vec<String> {
    let mut found = Vec::new();
    for (name, features) in packages {
        let impure = IMPURE.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == pattern,
        });
        if impure {
            found.push(format!("{of} must stay pure but brings in {name}"));
        }
        for (_, forbidden) in IMPURE_FEATURES.iter().filter(|(package, _)| package == name) {
            for feature in forbidden.iter().filter(|feature| features.contains(**feature)) {
                found.push(format!("{of} must stay pure but switches on {name}'s feature {feature}"));
            }
        }
    }
    found
}

/// Every word in a source file that reaches outside; comments and the tests at its foot may.
pub fn words(file: &Path, text: &str) -> Vec<String> {
    // `mod tests;` under `#[cfg(test)]` lives in a file of its own.
    if file.file_stem().is_some_and(|stem| stem == "tests") {
        return Vec::new();
    }
    let product = text.split("#[cfg(test)]").next().unwrap_or(text);
    let mut found = Vec::new();
    for (n, line) in product.lines().enumerate() {
        let code = line.split("//").next().unwrap_or(line);
        for word in IMPURE_WORDS.iter().filter(|word| code.contains(**word)) {
            found.push(format!("{}:{}: `{word}` in a pure crate", file.display(), n + 1));
        }
    }
    found
}

/// Every Rust file below a directory.
pub(crate) fn walk(dir: &Path, each: &mut impl FnMut(&Path, &str)) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("{}: {e}", dir.display());
    let mut entries: Vec<_> = fs::read_dir(dir).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, each)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            each(&path, &text);
        }
    }
    Ok(())
}
