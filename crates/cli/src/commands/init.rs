//! `init`: the files an installation starts with.

use crate::config::DEFAULT_TEXT;
use crate::out::{Out, note};
use crate::problems::{Exit, Fail};
use ringback_core::contract::{self, profiles};
use serde::Serialize;
use std::io::Write as _;
use std::path::Path;

/// The connection in the file as it is written for HubSpot.
const HUBSPOT_LINES: &str =
    "name   = \"hubspot-main\"\nvendor = \"hubspot\"\nsecret = { env = \"RINGBACK_HUBSPOT_TOKEN\" }\n";

/// Vendor, the variable of its secret, and the lines that its connection has besides name, vendor and secret: what the vendor cannot do
/// without, to be replaced by what is the installation's own.
const CONNECTIONS: &[(&str, &str, &[&str])] = &[
    ("hubspot", "RINGBACK_HUBSPOT_TOKEN", &[]),
    (
        "salesforce",
        "RINGBACK_SALESFORCE",
        &[
            "# the secret: {\"client_id\":\"…\",\"client_secret\":\"…\"}",
            "settings = { my_domain = \"acme\" }               # of acme.my.salesforce.com; a sandbox: \"acme--uat.sandbox\"",
        ],
    ),
    (
        "zoho",
        "RINGBACK_ZOHO_SECRET",
        &[
            "# the secret: {\"client_id\":\"1000.…\",\"client_secret\":\"…\",\"refresh_token\":\"1000.…\"}",
            "settings = { token_url = \"https://accounts.zoho.com/oauth/v2/token\" }   # .eu, .in, …: your data centre",
        ],
    ),
    (
        "pipedrive",
        "RINGBACK_PIPEDRIVE_TOKEN",
        &["base_url = \"https://yourcompany.pipedrive.com\" # the company's own address"],
    ),
    (
        "gohighlevel",
        "RINGBACK_GHL_TOKEN",
        &["settings = { location_id = \"ve9EPM428h8vShlRW1KT\" } # the sub-account: Settings, Business Profile"],
    ),
    (
        "dynamics",
        "RINGBACK_DYNAMICS_SECRET",
        &[
            "base_url = \"https://contoso.crm.dynamics.com\"  # your environment's own address",
            "# the secret: {\"client_id\":\"…\",\"client_secret\":\"…\"}",
            "settings = { tenant = \"00000000-0000-0000-0000-000000000000\" }",
        ],
    ),
    (
        "hook",
        "RINGBACK_HOOK_SECRET",
        &[
            "# the secret: whsec_ and 24 or more random bytes in base64",
            "base_url = \"https://hooks.zapier.com/hooks/catch/123456/abcdef\" # the whole address; treat it as a password",
        ],
    ),
];

/// The settings file and the contract for a CRM, and the variable of its secret.
fn texts(crm: &str) -> Result<(String, String, &'static str), Fail> {
    let known = CONNECTIONS.iter().find(|(name, ..)| *name == crm).zip(ringback_connect::crm(crm));
    let Some((&(name, variable, more), translator)) = known else {
        let all: Vec<&str> = CONNECTIONS.iter().map(|(name, ..)| *name).collect();
        let cure = format!("name one of {}", all.join(", "));
        return Err(Fail::new(Exit::Usage, "RB-0313", format!("there is no CRM {crm:?}"), cure));
    };
    if name == "hubspot" {
        return Ok((DEFAULT_TEXT.to_owned(), contract::DEFAULT_TEXT.to_owned(), variable));
    }
    let mut own = format!("name     = \"{name}-main\"\nvendor   = \"{name}\"\nsecret   = {{ env = \"{variable}\" }}\n");
    for line in more {
        own.push_str(line);
        own.push('\n');
    }
    let settings = DEFAULT_TEXT.replace(HUBSPOT_LINES, &own);
    Ok((settings, contract::default_for(&format!("{name}-main"), translator.words()), variable))
}

/// The contract as a line of business needs it.
fn for_business(contract: String, profile: Option<&str>) -> Result<String, Fail> {
    let Some(name) = profile else { return Ok(contract) };
    match profiles::profile_of(name) {
        Some(profile) => Ok(profiles::profiled(&contract, profile)),
        None => {
            let all: Vec<&str> = profiles::PROFILES.iter().map(|p| p.name).collect();
            let cure = format!("name one of {}", all.join(", "));
            Err(Fail::new(Exit::Usage, "RB-0313", format!("there is no profile {name:?}"), cure))
        }
    }
}

/// What the files are made for.
pub(crate) struct Wanted<'a> {
    pub(crate) crm: &'a str,
    pub(crate) profile: Option<&'a str>,
    /// The fields of the contract; none: all of the default.
    pub(crate) fields: &'a [String],
    /// The settings lead to the simulated CRM on this machine.
    pub(crate) trial: bool,
}

/// The settings with the lines of the twin in place of the CRM's, and with secrets that nobody has to set.
fn for_trial(settings: &str, crm: &str) -> Result<String, Fail> {
    let lines = super::twin::lines_for(crm)?;
    let begin =
        settings.find(&format!("vendor   = \"{crm}\"")).or_else(|| settings.find(&format!("vendor = \"{crm}\"")));
    let cannot = || {
        Fail::new(
            Exit::Unavailable,
            "RB-0314",
            format!("the settings have no lines for {crm}"),
            "report this with the text",
        )
    };
    let begin = begin.and_then(|at| settings.get(..at)?.rfind("[[account.connection]]")).ok_or_else(cannot)?;
    let rest = settings.get(begin + 2..).unwrap_or_default();
    let end = rest.find("\n[[").map_or(settings.len(), |at| begin + 2 + at + 1);
    let (before, after) = (settings.get(..begin).unwrap_or_default(), settings.get(end..).unwrap_or_default());
    Ok(format!("{before}{lines}\n{after}")
        .replace("allow_private_addresses = false", "allow_private_addresses = true")
        .replace("{ env = \"RINGBACK_CALLRAIL_KEY\" }", "{ text = \"callrail-twin\" }"))
}

fn is_empty(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|held| held.len() == 0)
}

/// What to do with the files.
fn next(wanted: &Wanted<'_>, variable: &str) -> String {
    let crm = wanted.crm;
    let first = if wanted.trial {
        let own = if crm == "hubspot" {
            "; with --property\n     contact.tier=text it has a property of your own"
        } else {
            ""
        };
        format!(
            "  1. ringback twin {crm}, in another window: the simulated CRM, which keeps nothing when it stops{own}"
        )
    } else {
        format!(
            "  1. name your business, location and connections in ringback.toml\n  2. set the secrets it names, such as {variable}"
        )
    };
    let shorter = if wanted.fields.is_empty() {
        "; a shorter one begins with ringback contract only FIELD… --out contract.toml"
    } else {
        ""
    };
    let n = if wanted.trial { 2 } else { 3 };
    format!(
        "
Next:
{first}
  {n}. make contract.toml yours: ringback contract check, contract test, contract check --live{shorter}
  {}. ringback doctor
  {}. ringback connect {crm}-main, which makes the properties that the contract names and brings it into force
  {}. ringback serve

Keep ringback.key apart from backups of the database: without it nobody opens the credentials in them.",
        n + 1,
        n + 2,
        n + 3
    )
}

#[derive(Serialize)]
struct Made {
    written: Vec<String>,
    kept: Vec<String>,
}

/// Writes what is not there yet; a key above all is never overwritten.
pub(crate) fn run(out: Out, directory: &Path, wanted: &Wanted<'_>, key_text: &str) -> Result<(), Fail> {
    let (settings, contract, variable) = texts(wanted.crm)?;
    let contract = for_business(contract, wanted.profile)?;
    let settings = if wanted.trial { for_trial(&settings, wanted.crm)? } else { settings };
    let contract = if wanted.fields.is_empty() {
        contract
    } else {
        let names: Vec<&str> = wanted.fields.iter().map(|f| f.trim()).filter(|f| !f.is_empty()).collect();
        match contract::only(&contract, &names) {
            Ok(short) => short,
            Err(problems) => return Fail::of(Exit::Missing, vec![(None, problems)]).map_or(Ok(()), Err),
        }
    };
    let failed = |path: &Path, error: std::io::Error| {
        let cause = format!("{} cannot be written: {error}", path.display());
        Fail::new(Exit::Usage, "RB-0312", cause, "choose a directory that this user may write to")
    };
    std::fs::create_dir_all(directory).map_err(|e| failed(directory, e))?;
    let mut made = Made { written: Vec::new(), kept: Vec::new() };
    let files = [
        ("ringback.toml", settings.as_str(), false),
        ("contract.toml", contract.as_str(), false),
        ("ringback.key", key_text, true),
    ];
    for (name, text, private) in files {
        let path = directory.join(name);
        match create(&path, text, private) {
            Ok(()) => made.written.push(path.display().to_string()),
            // A file in which nothing stands is nobody's work: a redirection emptied it.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && !private && is_empty(&path) => {
                std::fs::write(&path, text).map_err(|e| failed(&path, e))?;
                made.written.push(path.display().to_string());
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                made.kept.push(path.display().to_string());
            }
            Err(error) => return Err(failed(&path, error)),
        }
    }
    for path in &made.kept {
        note(format!("{path} is there already and stays as it is"));
    }
    out.result(&made, || {
        let mut lines: Vec<String> = made.written.iter().map(|path| format!("wrote {path}")).collect();
        lines.push(next(wanted, variable));
        lines.join("\n").trim_start().to_owned()
    });
    Ok(())
}

fn create(path: &Path, text: &str, private: bool) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if private {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = private;
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_is_whole_passes_its_own_tests_and_does_no_more_than_the_default_with_every_crm() {
        let mut told = Vec::new();
        for (crm, profile) in ringback_connect::CRMS.iter().flat_map(|c| profiles::PROFILES.iter().map(move |p| (c, p)))
        {
            let of = format!("{} for {}", profile.name, crm.about().name);
            let (_, plain, _) = texts(crm.about().name).unwrap();
            let plain_tests = contract::parse(&plain).0.unwrap();
            let text = for_business(plain, Some(profile.name)).unwrap();
            let (parsed, problems) = contract::parse(&text);
            told.extend(
                problems
                    .iter()
                    .map(|p| format!("{of}: {} {}: {:?}", p.code, p.cause, p.at.clone().map(|at| &text[at]))),
            );
            let Some(parsed) = parsed else { continue };
            let words = contract::check_words(&parsed, crm.words());
            told.extend(
                words
                    .iter()
                    .chain(&contract::trial::refused(&parsed, crm.words(), &text))
                    .map(|p| format!("{of}: {}", p.cause)),
            );
            assert!(parsed.tests.len() > plain_tests.tests.len() && parsed != plain_tests, "{of}");
            assert!(parsed.autonomy <= plain_tests.autonomy && parsed.notes <= plain_tests.notes, "{of}");
            let rank = |m: contract::Machine| match m {
                contract::Machine::Never => 0,
                contract::Machine::Suggest => 1,
                contract::Machine::FillEmpty => 2,
                contract::Machine::Update => 3,
            };
            for (name, clause) in &parsed.fields {
                match plain_tests.fields.get(name) {
                    Some(plain) => assert!(rank(clause.machine) <= rank(plain.machine), "{of}: {name}"),
                    // The callback task is Ringback's own record.
                    None => assert!(rank(clause.machine) <= 1 || clause.target().starts_with("task."), "{of}: {name}"),
                }
            }
            assert!(plain_tests.suppress.classes.is_subset(&parsed.suppress.classes), "{of}");
        }
        assert!(told.is_empty(), "{}", told.join("\n"));
        assert!(for_business(String::new(), Some("circus")).is_err());
    }

    #[test]
    fn what_is_tried_leads_to_the_twin_and_needs_no_secret_of_anybody() {
        for crm in ringback_connect::CRMS {
            let name = crm.about().name;
            let (settings, ..) = texts(name).unwrap();
            let text = for_trial(&settings, name).unwrap();
            let value: toml::Table = text.parse().unwrap_or_else(|e| panic!("{name}: {e}"));
            let all = value["account"][0]["connection"].as_array().unwrap();
            let names: Vec<_> = all.iter().filter_map(|c| c["name"].as_str()).collect();
            assert_eq!(names, [&format!("{name}-main"), "callrail-main"], "{name}");
            assert!(all[0]["base_url"].as_str().unwrap().starts_with("http://127.0.0.1:8790"), "{name}");
            assert!(all.iter().all(|c| c["secret"].get("text").is_some()), "{name}: {all:?}");
            assert_eq!(value["http"]["allow_private_addresses"].as_bool(), Some(true), "{name}");
        }
    }

    #[test]
    fn a_file_that_something_emptied_is_written_again_and_a_key_never() {
        let dir = tempfile::tempdir().unwrap();
        let wanted =
            Wanted { crm: "hubspot", profile: None, fields: &["budget".to_owned(), "email".to_owned()], trial: false };
        let out = Out { json: true };
        for empty in ["contract.toml", "ringback.key"] {
            std::fs::write(dir.path().join(empty), "").unwrap();
        }
        run(out, dir.path(), &wanted, "a key").unwrap();
        let held = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        let contract = contract::parse(&held("contract.toml")).0.unwrap();
        assert_eq!(contract.fields.keys().collect::<Vec<_>>(), ["budget", "email"]);
        assert_eq!(held("ringback.key"), "");
        let unknown = Wanted { fields: &["bugdet".to_owned()], ..wanted };
        assert!(run(out, dir.path(), &unknown, "a key").unwrap_err().has("RB-0313"));
    }

    #[test]
    fn every_crm_of_the_registry_has_files_that_can_be_used() {
        assert!(DEFAULT_TEXT.contains(HUBSPOT_LINES), "the connection is written otherwise now");
        for crm in ringback_connect::CRMS {
            let name = crm.about().name;
            let (settings, contract, variable) = texts(name).unwrap_or_else(|_| panic!("{name} has no lines"));
            assert!(settings.contains(&format!("vendor   = \"{name}\"")) || name == "hubspot", "{name}");
            assert!(settings.contains(variable) && contract.contains(&format!("\"{name}-main\"")), "{name}");
            let (parsed, problems) = contract::parse(&contract);
            assert!(problems.is_empty(), "{name}: {problems:?}");
            assert_eq!(parsed.map(|c| c.crm), Some(format!("{name}-main")));
            // Everything the translator demands is there; only its value is the installation's own.
            let value: toml::Table = settings.parse().unwrap();
            let all = value["account"][0]["connection"].as_array().unwrap();
            let held = all.iter().find(|c| c["vendor"].as_str() == Some(name)).unwrap();
            let settings = held.get("settings").and_then(|s| s.as_table()).cloned().unwrap_or_default();
            let connection = ringback_connect::Connection {
                id: ringback_core::id::ConnectionId::from_text("c"),
                account: ringback_core::id::AccountId::from_text("a"),
                name: held["name"].as_str().unwrap().to_owned(),
                vendor: name.to_owned(),
                base_url: held.get("base_url").and_then(|u| u.as_str()).map(str::to_owned),
                zone: "UTC".into(),
                region: "US".into(),
                settings: settings.iter().map(|(n, v)| (n.clone(), v.as_str().unwrap().to_owned())).collect(),
            };
            assert_eq!(crm.check(&connection), [], "{name}");
        }
        assert!(texts("paper").is_err());
    }
}
