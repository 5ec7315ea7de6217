//! Running other programs, and where the checkout is.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the checkout. Cargo tells it at run time; the place of compilation is only the fallback.
pub fn root() -> PathBuf {
    let manifest =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), Into::into);
    manifest.parent().map_or_else(|| manifest.clone(), Path::to_path_buf)
}

/// Where cargo builds, so that what xtask makes lies beside it and is as easily thrown away.
pub fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// `cargo …` in the root, the same cargo that started this program.
pub fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(root());
    command
}

/// The command as a person would type it.
pub fn spoken(command: &Command) -> String {
    let mut words = vec![
        Path::new(command.get_program()).file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned(),
    ];
    words.extend(command.get_args().map(|arg| arg.to_string_lossy().into_owned()));
    words.join(" ")
}

/// Runs to the end with the terminal's own output.
///
/// # Errors
/// A sentence with the command and how it ended, when it could not start or did not succeed.
pub fn run(command: &mut Command) -> Result<(), String> {
    let said = spoken(command);
    println!("$ {said}");
    let status = command.status().map_err(|e| format!("`{said}` did not start: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{said}` ended with {status}")) }
}

/// Runs to the end and hands back what it wrote to stdout.
///
/// # Errors
/// As [`run`], with what the program wrote to stderr.
pub fn output(command: &mut Command) -> Result<String, String> {
    let said = spoken(command);
    let out = command.output().map_err(|e| format!("`{said}` did not start: {e}"))?;
    if !out.status.success() {
        return Err(format!("`{said}` ended with {}\n{}", out.status, String::from_utf8_lossy(&out.stderr).trim_end()));
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// The first program of these names on the search path.
pub fn on_path(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    names.iter().find_map(|name| dirs.iter().map(|dir| dir.join(name)).find(|file| file.is_file()))
}

/// Is this process root? Asked of `id`, because the standard library does not tell.
pub fn is_root() -> bool {
    output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
