//! The registry itself.

use std::path::PathBuf;

#[test]
fn names_are_unique_and_found_again() {
    let mut names: Vec<&str> = ringback_connect::SOURCES.iter().map(|s| s.about().name).collect();
    names.extend(ringback_connect::CRMS.iter().map(|c| c.about().name));
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    for source in ringback_connect::SOURCES {
        assert_eq!(ringback_connect::source(source.about().name).map(|s| s.about().name), Some(source.about().name));
        assert!(source.about().writes.is_none(), "a source writes nothing");
        assert!(!source.about().events.is_empty(), "{}", source.about().name);
    }
    for crm in ringback_connect::CRMS {
        let about = crm.about();
        assert_eq!(ringback_connect::crm(about.name).map(|c| c.about().name), Some(about.name));
        let traits = about.writes.unwrap();
        assert!(traits.timeout.as_secs() >= 1 && traits.settling > traits.timeout, "{}", about.name);
        // Where the address is the connection's own, there is none to say beforehand.
        let own = matches!(about.auth, ringback_connect::Auth::Url | ringback_connect::Auth::Signed);
        assert!(about.base_url.starts_with("https://") || own, "{}", about.name);
    }
}

#[test]
fn every_fixture_belongs_to_a_vendor() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    for entry in std::fs::read_dir(root).unwrap().map(Result::unwrap).filter(|e| e.path().is_dir()) {
        let name = entry.file_name().into_string().unwrap();
        let known = ringback_connect::source(&name).is_some() || ringback_connect::crm(&name).is_some();
        assert!(known || name == "vectors", "fixtures of nobody: {name}");
    }
}
