//! The direction of the house, on the real workspace and on made-up ones that break it.

use std::collections::BTreeSet;
use std::path::Path;

use xtask::layers::{Graph, Use, check, directions, graph, purity, resolved, words};

/// The real graph, so that a made-up violation is the only one in it.
fn house() -> Graph {
    let metadata = xtask::cmd::output(&mut xtask::cmd::cargo(&["metadata", "--no-deps", "--format-version", "1"]));
    metadata.and_then(|text| graph(&text)).unwrap_or_default()
}

#[test]
fn the_house_stands_as_drawn() {
    assert_eq!(check().unwrap(), Vec::<String>::new());
}

#[test]
fn an_upward_dependency_is_found() {
    for (lower, upper) in [
        ("ringback-core", "ringback-store"),
        ("ringback-connect", "ringback-store"),
        ("ringback-store", "ringback-connect"),
        ("ringback-engine", "ringback-web"),
        ("ringback-twins", "ringback-core"),
        ("ringback-sim", "ringback-web"),
        ("ringback", "ringback-bench"),
    ] {
        let mut house = house();
        assert_eq!(directions(&house), Vec::<String>::new(), "before");
        house.entry(lower.into()).or_default().insert((upper.into(), Use::Build));
        let found = directions(&house);
        assert_eq!(found, [format!("{lower} may not see {upper}, but it uses it")]);
    }
}

#[test]
fn twins_stay_apart_in_tests_too_and_engine_may_test_against_them() {
    let mut house = house();
    house.entry("ringback-engine".into()).or_default().insert(("ringback-twins".into(), Use::Tests));
    assert_eq!(directions(&house), Vec::<String>::new());
    house.entry("ringback-engine".into()).or_default().insert(("ringback-twins".into(), Use::Build));
    house.entry("ringback-connect".into()).or_default().insert(("ringback-twins".into(), Use::Tests));
    house.entry("ringback-twins".into()).or_default().insert(("ringback-connect".into(), Use::Tests));
    assert_eq!(directions(&house).len(), 3);
}

#[test]
fn a_package_without_a_place_is_found_and_so_is_a_place_without_its_package() {
    let mut house = house();
    house.insert("ringback-attic".into(), BTreeSet::new());
    house.remove("ringback-web");
    let found = directions(&house).join("\n");
    assert!(found.contains("ringback-attic has no place"), "{found}");
    assert!(found.contains("ringback-web is in MAY_SEE"), "{found}");
}

#[test]
fn metadata_is_read_with_its_kinds() {
    let text = r#"{"packages":[
        {"name":"a","dependencies":[{"name":"b","kind":null},{"name":"serde","kind":null}]},
        {"name":"b","dependencies":[{"name":"a","kind":"dev"}]}]}"#;
    let graph = graph(text).unwrap();
    assert_eq!(graph["a"].iter().collect::<Vec<_>>(), [&("b".to_owned(), Use::Build)]);
    assert_eq!(graph["b"].iter().collect::<Vec<_>>(), [&("a".to_owned(), Use::Tests)]);
}

#[test]
fn impure_packages_and_features_are_found() {
    let tree = "ringback-core v0.1.0 (/somewhere)|\njiff v0.2.43|alloc,std,tz-system (*)\ntokio-util v0.7.0|\ngetrandom v0.3.0|std\n\
                serde v1.0.0|derive\n";
    let found = purity("ringback-core", &resolved(tree));
    assert_eq!(found.len(), 3, "{found:?}");
    let pure = "jiff v0.2.43|alloc,serde,std,tzdb-bundle-always\nserde v1.0.0|derive,std (*)\n";
    assert_eq!(purity("ringback-core", &resolved(pure)), Vec::<String>::new());
}

#[test]
fn reaching_outside_by_the_standard_library_is_found() {
    let text = "//! never std::fs\nlet a = std::fs::read(p); // std::env\n#[cfg(test)]\nmod tests { use std::env; }\n";
    assert_eq!(words(Path::new("a.rs"), text), ["a.rs:2: `std::fs` in a pure crate"]);
}
