//! `import`: a phone log as CSV.

use crate::config::Account;
use crate::house::House;
use crate::out::{Out, note};
use crate::problems::{Exit, Fail};
use ringback_core::id::ConnectionId;
use std::io::Read as _;
use std::path::Path;

/// The vendor that reads files.
const PHONE_LOG: &str = "phone-log";
/// The largest file, in bytes.
const IMPORT_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Reads the file and hands it to the engine; rows that cannot be read are listed with their line, the others go in.
pub(crate) async fn run(out: Out, house: &House, account: &Account, file: &Path, connection: &str) -> Result<(), Fail> {
    let Some(wanted) = account.connections.iter().find(|c| c.connection.name == connection) else {
        let all: Vec<&str> = account.connections.iter().map(|c| c.connection.name.as_str()).collect();
        let cure = format!("name one with --connection: {}", all.join(", "));
        return Err(Fail::new(Exit::Missing, "RB-0313", format!("there is no connection {connection:?}"), cure));
    };
    if wanted.connection.vendor != PHONE_LOG {
        let cause =
            format!("{connection} is a connection of vendor {}, which takes no files", wanted.connection.vendor);
        let cure = "name one of vendor phone-log: its settings say what the columns are";
        return Err(Fail::new(Exit::Usage, "RB-0316", cause, cure));
    }
    let unreadable = |error: std::io::Error| {
        let cause = format!("{} cannot be read: {error}", file.display());
        Fail::new(Exit::Usage, "RB-0310", cause, "name a CSV file that this user may read")
    };
    let bytes_total = std::fs::metadata(file).map_err(unreadable)?.len();
    if bytes_total > IMPORT_BYTES_MAX {
        let cause = format!("{} is longer than {IMPORT_BYTES_MAX} bytes", file.display());
        return Err(Fail::new(Exit::Usage, "RB-0310", cause, "split it; importing twice makes nothing twice"));
    }
    let bar = out.bar(bytes_total, "reading");
    let mut bytes = Vec::new();
    bar.wrap_read(std::fs::File::open(file).map_err(unreadable)?).read_to_end(&mut bytes).map_err(unreadable)?;
    bar.set_message("storing");
    let id = ConnectionId::from_text(wanted.connection.id.as_str());
    let imported = house.engine.import(&account.id(), &id, &bytes).await?;
    bar.finish_and_clear();
    for problem in &imported.problems {
        note(format!("line {}: {}", problem.line, problem.cause));
    }
    out.result(&imported, || {
        format!(
            "{} rows: {} new, {} known before; {} problems, each told with its line",
            imported.rows,
            imported.new,
            imported.known,
            imported.problems.len()
        )
    });
    Ok(())
}
