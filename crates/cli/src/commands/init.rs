//! `init`: the files an installation starts with.

use crate::config::DEFAULT_TEXT;
use crate::out::{Out, note};
use crate::problems::{Exit, Fail};
use ringback_core::contract;
use serde::Serialize;
use std::io::Write as _;
use std::path::Path;

/// What to do with the files.
const NEXT: &str = "
Next:
  1. name your business, location and connections in ringback.toml
  2. set the secrets it names, such as RINGBACK_HUBSPOT_TOKEN
  3. ringback doctor
  4. ringback connect hubspot-main
  5. ringback serve

Keep ringback.key apart from backups of the database: without it nobody opens the credentials in them.";

#[derive(Serialize)]
struct Made {
    written: Vec<String>,
    kept: Vec<String>,
}

/// Writes what is not there yet; a key above all is never overwritten.
pub(crate) fn run(out: Out, directory: &Path, key_text: &str) -> Result<(), Fail> {
    let failed = |path: &Path, error: std::io::Error| {
        let cause = format!("{} cannot be written: {error}", path.display());
        Fail::new(Exit::Usage, "RB-0312", cause, "choose a directory that this user may write to")
    };
    std::fs::create_dir_all(directory).map_err(|e| failed(directory, e))?;
    let mut made = Made { written: Vec::new(), kept: Vec::new() };
    let files = [
        ("ringback.toml", DEFAULT_TEXT, false),
        ("contract.toml", contract::DEFAULT_TEXT, false),
        ("ringback.key", key_text, true),
    ];
    for (name, text, private) in files {
        let path = directory.join(name);
        match create(&path, text, private) {
            Ok(()) => made.written.push(path.display().to_string()),
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
        lines.push(NEXT.to_owned());
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
