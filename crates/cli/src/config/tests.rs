use super::*;
use std::path::Path;

fn environment(name: &str) -> Option<String> {
    matches!(name, "RINGBACK_HUBSPOT_TOKEN" | "RINGBACK_CALLRAIL_KEY").then(|| "a secret".to_owned())
}

fn problems(text: &str) -> Vec<(String, Option<usize>, String)> {
    match read(Path::new("ringback.toml"), text, Depth::Whole, &environment) {
        Ok(_) => Vec::new(),
        Err(fail) => fail
            .found
            .into_iter()
            .flat_map(|(source, problems)| {
                problems.into_iter().map(move |p| {
                    let line = source.as_ref().zip(p.at.as_ref()).map(|(s, at)| s.place(at.start).0);
                    (p.code.to_owned(), line, p.cure)
                })
            })
            .collect(),
    }
}

const ACCOUNT: &str = "[[account]]\nslug = \"main\"\n[[account.location]]\nslug = \"main\"\nzone = \"America/Chicago\"\n\
     hours = { mon = [\"08:00-17:00\"] }\n";

/// The file that `init` writes says exactly what the code falls back on.
#[test]
fn the_default_file_is_the_default() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("contract.toml"), ringback_core::contract::DEFAULT_TEXT).unwrap();
    let read = read(&directory.path().join("ringback.toml"), DEFAULT_TEXT, Depth::Whole, &environment)
        .map_err(|f| f.render())
        .unwrap();
    let mut expected = Config::default();
    expected.accounts.clone_from(&read.config.accounts);
    expected.store.url = format!("sqlite://{}/data/ringback.db", directory.path().display());
    expected.secrets.key_file = directory.path().join("ringback.key");
    assert_eq!(read.config, expected);
    assert_eq!(read.config.accounts.len(), 1);
    assert_eq!(read.config.accounts[0].connections.len(), 2);
    assert!(read.config.accounts[0].contract.is_some());
    let keys = read.set.keys().filter(|k| !k.starts_with("account")).filter(|k| k.contains('.')).count();
    assert_eq!(keys, 19, "every key of every section stands in the file");
}

#[test]
fn the_shortest_file_works() {
    assert_eq!(problems(ACCOUNT), []);
}

#[test]
fn every_problem_is_told_at_once_with_its_line() {
    let text = format!(
        "[server]\nlisen = \"127.0.0.1:1\"\nbody_max_bytes = 3\npublic_url = \"calls.example.com\"\n[store]\nurl = 7\n{ACCOUNT}\
         [[account.line]]\nnumber = \"12\"\nlocation = \"mian\"\n[[account.connection]]\nname = \"x\"\nvendor = \"calrail\"\n\
         [[account.connection]]\nname = \"hub\"\nvendor = \"hubspot\"\nsecret = {{ env = \"NOT_SET\" }}\n"
    );
    let found: Vec<(String, Option<usize>)> = problems(&text).into_iter().map(|(c, l, _)| (c, l)).collect();
    let expected = [
        ("RB-0303", 2),
        ("RB-0305", 3),
        ("RB-0305", 4),
        ("RB-0305", 6),
        ("RB-0305", 14),
        ("RB-0308", 15),
        ("RB-0309", 18),
        ("RB-0306", 22),
    ];
    assert_eq!(found, expected.map(|(c, l)| (c.to_owned(), Some(l))).to_vec());
}

#[test]
fn near_words_are_offered() {
    let cures: Vec<String> = problems(&format!("[sever]\n{ACCOUNT}")).into_iter().map(|(_, _, cure)| cure).collect();
    assert_eq!(cures, ["did you mean server?"]);
}

#[test]
fn two_of_one_name_show_both_places() {
    let twice = format!(
        "{ACCOUNT}[[account.location]]\nslug = \"main\"\nzone = \"UTC\"\nhours = {{ mon = [\"08:00-17:00\"] }}\n"
    );
    assert_eq!(problems(&twice).len(), 1);
    assert_eq!(problems(&twice)[0].0, "RB-0307");
}

#[test]
fn the_environment_wins_and_is_checked() {
    let with = |name: &str| match name {
        "RINGBACK_LISTEN" => Some("0.0.0.0:9000".to_owned()),
        "RINGBACK_STORE_URL" => Some("postgres://u:hidden@db/x".to_owned()),
        _ => None,
    };
    let read = read(Path::new("ringback.toml"), ACCOUNT, Depth::Whole, &with).map_err(|f| f.render()).unwrap();
    assert_eq!(read.config.server.listen, "0.0.0.0:9000");
    assert_eq!(read.by_environment.get("store.url"), Some(&"RINGBACK_STORE_URL"));
    assert!(!serde_json::to_string(&read.config).unwrap().contains("hidden"));
    let wrong = |name: &str| (name == "RINGBACK_LISTEN").then(|| "everywhere".to_owned());
    assert!(super::read(Path::new("ringback.toml"), ACCOUNT, Depth::Whole, &wrong).is_err());
}

#[test]
fn passwords_of_database_urls_are_not_shown() {
    for (url, shown) in [
        ("postgres://me:pw@host:5432/db", "postgres://me:***@host:5432/db"),
        ("postgres://me:p@w@host/db?x=a@b", "postgres://me:***@host/db?x=a@b"),
        ("sqlite:///a@b/c.db", "sqlite:///a@b/c.db"),
    ] {
        assert_eq!(url_shown(url), shown);
    }
}
