//! What may be typed.

use clap::{Args, Parser, Subcommand, ValueEnum};
use ringback_core::rights;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Every missed call exactly one inquiry, with one owner, one clock, and a proof.
#[derive(Debug, Parser)]
#[command(
    name = "ringback",
    version,
    disable_help_subcommand = true,
    after_help = "Exit codes: 0 done · 1 a check found something wrong · 2 command line, settings or contract cannot be used · \
                  3 the database, the port or the CRM is not available · 4 what was named does not exist or has moved on"
)]
pub(crate) struct Cli {
    /// One JSON value on stdout; everything else goes to stderr.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The settings file.
    #[arg(long, global = true, value_name = "FILE", default_value = "ringback.toml", env = "RINGBACK_CONFIG")]
    pub(crate) config: PathBuf,
    /// The account, by its slug; needed only when there are several.
    #[arg(long, global = true, value_name = "SLUG")]
    pub(crate) account: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Play a day with twelve missed calls against simulated vendors, and open the console on it.
    ///
    /// The day passes in about three minutes and ends with the figures that an independent auditor counted in the simulated CRM. The console
    /// stays open at real speed until Ctrl-C: call back, answer reviews, and see it arrive in the CRM.
    Demo(Demo),
    /// Write ringback.toml, contract.toml and a key; files in which something stands stay as they are.
    Init {
        /// Where to.
        #[arg(default_value = ".")]
        directory: PathBuf,
        /// The CRM that calls are written to; connection and contract are made for it.
        #[arg(long, value_name = "VENDOR", default_value = "hubspot")]
        crm: String,
        /// The line of business that the contract is written for: home-services, clinic, real-estate, financial, recruitment, med-spa, legal or
        /// agency. Where callers say what does not belong in a CRM it is kept out of it; none does more by itself than the default.
        #[arg(long, value_name = "NAME")]
        profile: Option<String>,
        /// The contract with these fields alone, such as --fields budget,email,urgency; the others can be had by another init elsewhere.
        #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
        fields: Vec<String>,
        /// Settings that lead to the simulated CRM of `ringback twin` on this machine, to try everything without an account anywhere.
        #[arg(long = "try")]
        trial: bool,
    },
    /// Take calls: hooks, workers, console.
    Serve,
    /// Look at everything that has to be right, and list what is not.
    Doctor {
        /// Also: do the CRMs' limits hold so many calls? `last-month` (the account's own calls) or a figure such as `400-per-day`.
        #[arg(long, value_name = "CALLS")]
        volume: Option<crate::commands::volume::Volume>,
    },
    /// Set up a CRM: its own properties, its owners, the URLs that providers need. Of a receiver of events: how it stands.
    Connect {
        /// The connection's name.
        name: String,
    },
    /// Try a CRM's sandbox: what does it do with repeated, concurrent and stale writes, how late are its searches?
    ///
    /// Makes a few people named rb-probe-…, and takes them away again. What it finds out is stored with the connection, and waits that are
    /// longer than the ones assumed take effect at once. Without --i-know-this-writes it only says what it would make.
    Probe {
        /// The connection's name.
        name: String,
        /// Only show what earlier probes found out.
        #[arg(long)]
        show: bool,
        /// The connection leads to a sandbox, and it may be written to.
        #[arg(long)]
        i_know_this_writes: bool,
    },
    /// Bring in a phone log (CSV); importing it again changes nothing.
    Import {
        file: PathBuf,
        /// The connection of vendor phone-log.
        #[arg(long, value_name = "NAME")]
        connection: String,
    },
    /// Compare what rang, what is recorded and what the CRM holds, and name every difference with the command that mends it.
    Reconcile(Reconcile),
    /// Proofs of no loss: one signed file per account and day.
    #[command(subcommand)]
    Proof(Proof),
    /// What to do when something fails, with the values of this moment.
    Runbook,
    /// Why a CRM field says what it says: call, words, clause, verdict, what lost, actor, time, receipt.
    Trace(Trace),
    /// The written rules.
    #[command(subcommand)]
    Contract(Contract),
    /// Effects that cannot succeed without a person.
    #[command(subcommand)]
    DeadLetters(DeadLetters),
    /// Take written values back: what stood there before stands there again, and what somebody has put there since stays.
    #[command(subcommand)]
    Rollback(Rollback),
    /// People who do not want to be reached: whether somebody is one, taking note of it, taking it back.
    #[command(subcommand)]
    OptOut(OptOut),
    /// Signals with a wrong signature.
    #[command(subcommand)]
    Quarantine(Quarantine),
    /// The ledger.
    #[command(subcommand)]
    Audit(Audit),
    /// Check every chain and checkpoint of the ledger.
    Verify,
    /// Questions that wait for a person.
    #[command(subcommand)]
    Review(Review),
    /// Place synthetic calls, let a simulated CRM misbehave, and see which of the eight continuity guarantees hold.
    ///
    /// Without options Ringback itself is drilled, in this process and on virtual time: time-outs after successful writes, a value that a
    /// person typed, half an hour without the CRM, a field that disappears. With --black-box any integration is drilled that takes calls at
    /// an address and writes to the simulated CRM started here. Nothing leaves this machine, except with --sandbox-connection: that drills
    /// Ringback in your own CRM's sandbox, as far as a real CRM lets one see, and --remove takes away what it made there.
    Drill(Drill),
    /// A simulated vendor over HTTP.
    Twin(Twin),
    /// People who sign in.
    #[command(subcommand)]
    User(User),
    /// Tokens of the API.
    #[command(subcommand)]
    Token(Token),
    /// The settings in force.
    #[command(subcommand)]
    Config(Config),
    /// The page of an error code; without one, the list.
    Error { code: Option<String> },
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Play to the end and stop, instead of opening the console.
    #[arg(long)]
    pub(crate) once: bool,
    /// Names, numbers, order, times, wording and faults vary with it.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Where the console is opened; on a loopback address nobody has to sign in.
    #[arg(long, default_value = "127.0.0.1:8787", conflicts_with = "once", value_parser = address)]
    pub(crate) listen: SocketAddr,
    /// So many times as fast as usual.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000), conflicts_with = "once")]
    pub(crate) speed: u32,
    /// Do not show the console in a browser.
    #[arg(long)]
    pub(crate) no_open: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Reconcile {
    /// 24h, 90m, 7d, a day such as 2026-03-02 in the account's zone, or an instant.
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: String,
    /// The same; until now if absent.
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<String>,
    /// The phone system's own log (CSV): the witness of what rang. Else the providers are asked for their lists.
    #[arg(long, value_name = "FILE")]
    pub(crate) phone_log: Option<PathBuf>,
    /// The connection of vendor phone-log whose settings say how the file is read.
    #[arg(long, value_name = "NAME", requires = "phone_log")]
    pub(crate) connection: Option<String>,
    /// Mend this finding, by the way every call goes.
    #[arg(long, value_name = "ID")]
    pub(crate) mend: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Proof {
    /// Make the proof of a day, or write out the one that stands; with a page to print beside it.
    Make(ProofMake),
    /// Check a proof anywhere, without settings or network: says OK, or names the first line that is wrong.
    Verify {
        file: PathBuf,
        /// The public key that must have signed it, as `ringback proof key` shows it.
        #[arg(long, value_name = "HEX")]
        key: Option<String>,
    },
    /// The public keys that proofs are checked against; keep them outside.
    Key,
}

#[derive(Debug, Args)]
pub(crate) struct ProofMake {
    /// Yesterday, if absent.
    #[arg(long, value_name = "DATE")]
    pub(crate) day: Option<jiff::civil::Date>,
    /// And of every day after it up to this one.
    #[arg(long, value_name = "DATE", requires = "day")]
    pub(crate) through: Option<jiff::civil::Date>,
    /// The phone system's own log (CSV): the witness of what rang. Else the providers are asked for their lists.
    #[arg(long, value_name = "FILE")]
    pub(crate) phone_log: Option<PathBuf>,
    /// The connection of vendor phone-log whose settings say how the file is read.
    #[arg(long, value_name = "NAME", requires = "phone_log")]
    pub(crate) connection: Option<String>,
    /// Print this location's page only; the file is always the whole account's.
    #[arg(long, value_name = "SLUG")]
    pub(crate) location: Option<String>,
    /// The directory for both files.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) out: PathBuf,
    /// Make another one although one stands; both stay in the chain.
    #[arg(long)]
    pub(crate) again: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Drill {
    /// Which CRM's twin stands behind Ringback: hubspot, salesforce, zoho, pipedrive, gohighlevel, dynamics or hook.
    #[arg(long, default_value = "hubspot", conflicts_with_all = ["black_box", "straw_man"])]
    pub(crate) crm: String,
    /// The same seed gives the same card.
    #[arg(long, default_value_t = 1, conflicts_with_all = ["black_box", "straw_man"])]
    pub(crate) seed: u64,
    /// Drill whatever takes calls at --calls-url and writes to the twin of --twin.
    #[arg(long, requires = "calls_url", requires = "twin")]
    pub(crate) black_box: bool,
    /// Where the integration takes missed calls, as JSON in Ringback's generic form.
    #[arg(long, value_name = "URL", requires = "black_box")]
    pub(crate) calls_url: Option<String>,
    /// The CRM whose twin is started: hubspot, salesforce, zoho, pipedrive, gohighlevel, dynamics or hook.
    #[arg(long, value_name = "CRM", requires = "black_box")]
    pub(crate) twin: Option<String>,
    /// Where that twin listens; a loopback address.
    #[arg(long, default_value = TWIN_AT, requires = "black_box", value_parser = address)]
    pub(crate) listen: SocketAddr,
    /// Signs the calls by the Standard Webhooks specification (whsec_…).
    #[arg(long, value_name = "SECRET", requires = "black_box")]
    pub(crate) signing_secret: Option<String>,
    /// From the twin's start to the first call: time to point the integration at it.
    #[arg(long, default_value_t = 10, value_name = "SECONDS", requires = "black_box")]
    pub(crate) begin_seconds: u64,
    /// After each part it is waited at most so long until every call has arrived.
    #[arg(long, default_value_t = 180, value_name = "SECONDS", conflicts_with = "straw_man")]
    pub(crate) wait_seconds: u64,
    /// How long the CRM is away in the last part.
    #[arg(long, default_value_t = 20, value_name = "SECONDS", requires = "black_box")]
    pub(crate) outage_seconds: u64,
    /// Send the synthetic calls to an address that is not this machine's.
    #[arg(long, requires = "black_box")]
    pub(crate) calls_leave_this_machine: bool,
    /// Drill a deliberately naive script instead, to see what reds look like.
    #[arg(long, conflicts_with = "black_box")]
    pub(crate) straw_man: bool,
    /// Drill Ringback in the CRM behind this connection of your settings, which has to be a sandbox. Without --i-know-this-writes it only
    /// says what it would write.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["black_box", "straw_man", "crm"])]
    pub(crate) sandbox_connection: Option<String>,
    /// The connection leads to a sandbox, and it may be written to.
    #[arg(long, requires = "sandbox_connection")]
    pub(crate) i_know_this_writes: bool,
    /// Take away everything that the drill of this tag made there, and nothing else.
    #[arg(long, value_name = "TAG", requires = "sandbox_connection", conflicts_with = "i_know_this_writes")]
    pub(crate) remove: Option<String>,
}

/// How a mapping is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Mapping {
    Md,
    Csv,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Contract {
    /// Every problem of a contract at once, with line, cause and cure; its own tests and what a pilot needs in writing too.
    Check {
        /// The file; else the one the settings name.
        file: Option<PathBuf>,
        /// Also against the CRM's properties as they are now, read through the connection that the contract names.
        #[arg(long)]
        live: bool,
    },
    /// A shorter contract to begin with: the clauses of these fields alone, and what stands around them; to stdout, or with --out into a file.
    Only {
        /// Names of fields, such as budget email urgency.
        #[arg(required = true, num_args = 1..)]
        fields: Vec<String>,
        /// The contract that they stand in; else the one the settings name.
        #[arg(long)]
        file: Option<PathBuf>,
        /// Write it there, such as contract.toml itself (> would empty that file before it is read).
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Read the rules aloud: all clauses, or the one of a field.
    Explain {
        field: Option<String>,
        /// The file; else the contract in force.
        #[arg(long)]
        file: Option<PathBuf>,
    },
    /// Run the tests that stand beside the rules: what was expected, and what came.
    Test {
        /// The file; else the one the settings name.
        file: Option<PathBuf>,
    },
    /// What changes from one contract to another, in sentences, and which way: looser or stricter.
    Diff {
        /// A file, or the number of a version; else the contract in force.
        before: Option<String>,
        /// A file, or the number of a version; else the file the settings name.
        after: Option<String>,
    },
    /// What a draft would have done with the calls of the last weeks, against what is in force: more written, fewer written, newly reviewed, and how
    /// many of those a person later corrected.
    Backtest(Backtest),
    /// The mapping as a document for people.
    Export {
        /// The file; else the contract in force.
        file: Option<PathBuf>,
        #[arg(long, value_enum, default_value_t = Mapping::Md)]
        format: Mapping,
    },
    /// The eight guarantees, each with what is seen of it now; fails while one is red.
    Guarantees,
    /// Try the contract in force in a sandbox: set-up, a write whose answer is dropped, the read that shows one record, and cleaning up.
    Try {
        /// The CRM connection that leads to the sandbox.
        #[arg(long, value_name = "NAME")]
        connection: String,
        /// It is a sandbox and may be written to.
        #[arg(long)]
        i_know_this_writes: bool,
    },
    /// How much may happen by itself at most, here and now; without a level: how it stands. Lower at once and always. Higher one step at a time, and only
    /// while each of the eight guarantees is green.
    Level(Level),
    /// Clauses that write nothing for the time being, because the CRM's schema changed: since when, why, what waits, what to do.
    Paused {
        /// Compare with the CRM's schema first, as the program does by itself from time to time.
        #[arg(long)]
        look: bool,
    },
    /// What people answered, corrected and missed, clause by clause, and what fields have earned by it. Changes nothing.
    Learned {
        /// Of so many last days.
        #[arg(long, value_name = "N", default_value_t = ringback_engine::counters::DAYS, value_parser = clap::value_parser!(u32).range(1..=366))]
        days: u32,
    },
    /// Make a version in which fields that have earned it are written without a question. Without --confirm it only shows that version.
    Promote(Promote),
    /// Make a new version of it, if it was made from the one in force and none of its tests fails.
    Apply(Apply),
    /// The contract in force, as it was written, and its versions.
    Show,
}

#[derive(Debug, Args)]
pub(crate) struct Promote {
    /// Fields that are offered, by the contract's names of them; no others change.
    #[arg(required = true, value_name = "FIELD")]
    pub(crate) fields: Vec<String>,
    /// As it was shown: if anything has changed since, nothing is done.
    #[arg(long, value_name = "DIGEST", requires = "base")]
    pub(crate) confirm: Option<String>,
    /// The version it was shown from.
    #[arg(long, value_name = "VERSION", requires = "confirm")]
    pub(crate) base: Option<i64>,
    /// Who confirms it: the address of a user; else it is whoever has the key.
    #[arg(long, value_name = "EMAIL", requires = "confirm")]
    pub(crate) by: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Level {
    /// observe, suggest, auto-low-risk or auto.
    pub(crate) level: Option<String>,
    /// Only at this location; else everywhere, and no location stays above it.
    #[arg(long, value_name = "SLUG", requires = "level")]
    pub(crate) location: Option<String>,
    /// Of this contract; else the one that decides about calls.
    #[arg(long, value_name = "NAME", requires = "level")]
    pub(crate) contract: Option<String>,
    /// Who sets it: the address of a user; else it is whoever has the key.
    #[arg(long, value_name = "EMAIL", requires = "level")]
    pub(crate) by: Option<String>,
    /// Answer for this guarantee, because nothing that the receiver of webhooks shows can make it known; again for each.
    #[arg(long, value_name = "N", requires = "reason")]
    pub(crate) answer_for: Vec<u8>,
    /// Why, in words; they stand in the account's chain.
    #[arg(long, value_name = "WHY", requires = "level")]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Backtest {
    /// The draft; else the file that the settings name.
    pub(crate) file: Option<PathBuf>,
    /// Since when: 30d, 12h, a day such as 2026-03-02, or an instant.
    #[arg(long, default_value = "30d")]
    pub(crate) since: String,
    /// Only the calls of one location, by its slug.
    #[arg(long, value_name = "SLUG")]
    pub(crate) location: Option<String>,
    /// At most so many inquiries, the newest ones.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// The file; else the one the settings name.
    pub(crate) file: Option<PathBuf>,
    /// The version it was made from; a file of `contract show` says so itself, and a file that was applied before goes on from there.
    #[arg(long, value_name = "VERSION")]
    pub(crate) base: Option<i64>,
    /// Who applies it: the address of a user; else it is whoever has the key.
    #[arg(long, value_name = "EMAIL")]
    pub(crate) by: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetters {
    /// What was refused for good, with the cause and what helps.
    List,
    /// One of them, with the whole cause and every attempt.
    Show { id: String },
    /// Try again; what the vendor holds is looked up first.
    Replay { id: String },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Rollback {
    /// What would go back, what would stay and why, who is told, what it had set off already. Changes nothing.
    Preview(RollbackScope),
    /// Do exactly what a preview showed.
    Run(RollbackRun),
    /// How far one has come, record by record.
    Show { id: String },
    /// All of them, and what is held for review because of them.
    List,
    /// Let what was rolled back happen by itself again.
    Lift {
        /// The rollback.
        id: String,
        /// Only of this field; else all that it holds back.
        #[arg(long, value_name = "FIELD")]
        field: Option<String>,
        /// Why it may happen again.
        #[arg(long)]
        reason: String,
        /// Who lifts it: the address of a user; else it is whoever has the key.
        #[arg(long, value_name = "EMAIL")]
        by: Option<String>,
    },
}

/// Which writes; all that is said must be true of a write.
#[derive(Debug, Args)]
pub(crate) struct RollbackScope {
    /// Of this inquiry.
    #[arg(long, value_name = "ID")]
    pub(crate) inquiry: Option<String>,
    /// To this field, by the contract's name of it or as contact.property.
    #[arg(long, value_name = "FIELD")]
    pub(crate) field: Option<String>,
    /// From this source: where the call came from, or where the value was taken from.
    #[arg(long, value_name = "SOURCE")]
    pub(crate) source: Option<String>,
    /// By the contract of this name.
    #[arg(long, value_name = "NAME")]
    pub(crate) contract: Option<String>,
    /// By this version of it.
    #[arg(long, value_name = "VERSION")]
    pub(crate) contract_version: Option<u32>,
    /// Since then: 24h, 90m, 7d, a day in the account's zone, or an instant.
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// Before then.
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackRun {
    #[command(flatten)]
    pub(crate) scope: RollbackScope,
    /// As the preview showed it: if anything has changed since, nothing is done.
    #[arg(long)]
    pub(crate) digest: String,
    /// Why; stands in the ledger and in what the owners are told.
    #[arg(long)]
    pub(crate) reason: String,
    /// Who begins it: the address of a user; else it is whoever has the key.
    #[arg(long, value_name = "EMAIL")]
    pub(crate) by: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OptOut {
    /// What is kept of whoever has that number.
    Show {
        /// With its country: +16025550123.
        number: String,
    },
    /// They do not want to be reached, whatever channel they said it on: kept at once, for every location.
    Set {
        /// With its country: +16025550123.
        number: String,
        /// Who took note of it: the address of a user.
        #[arg(long, value_name = "EMAIL")]
        by: String,
    },
    /// Take it back for somebody who asked for it. What the CRM says holds until it is changed there.
    Clear {
        /// With its country: +16025550123.
        number: String,
        /// Why; stands in the ledger.
        #[arg(long)]
        reason: String,
        /// Who takes it back: the address of a user.
        #[arg(long, value_name = "EMAIL")]
        by: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Quarantine {
    List,
    /// Take it for authentic; it goes the same way as any other signal.
    Accept {
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Trace {
    /// contact, call, task, …
    pub(crate) object: String,
    /// The CRM's id of the record, or Ringback's key in it.
    pub(crate) record: String,
    /// The CRM's internal name of the field.
    pub(crate) field: String,
    /// What would have been decided under another version of the contract (its number) or under a file's text, by the words that were heard.
    #[arg(long, value_name = "VERSION|FILE")]
    pub(crate) under: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Check every chain and checkpoint; with a file, check what `audit export --record` wrote, with nothing but the file.
    Verify {
        file: Option<PathBuf>,
        /// The public key it has to be signed with; `ringback proof key` shows it.
        #[arg(long, value_name = "KEY", requires = "file")]
        key: Option<String>,
    },
    /// The ledger of one inquiry, or of one record of the CRM; without either, the account's own chain.
    Export {
        #[arg(long, value_name = "ID", conflicts_with = "record")]
        inquiry: Option<String>,
        /// A record as `contact:512`: everything about it, as a signed file that proves itself.
        #[arg(long, value_name = "OBJECT:ID")]
        record: Option<String>,
    },
    /// Who changed rules and rights: contracts applied and refused, people, roles, tokens.
    Account,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Review {
    /// What waits for a decision, each with its caller, and how it is answered.
    List,
    /// What is looked at once a week: corrected updates, uncertain rules, handoffs that helped, what should go on asking, and the spot-check.
    Weekly {
        /// Of so many last days.
        #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=366))]
        days: u32,
    },
    /// One question with what was said, what the CRM holds, what each choice is called, and how it is answered.
    Show {
        /// As `review list` gives it.
        id: String,
    },
    /// Decide one; the digest makes sure that it is the change you looked at.
    Decide(Decide),
    /// The same answer to many questions that one reason stopped, across callers. One that moved on does not hold up the others.
    Together(Together),
}

#[derive(Debug, Args)]
pub(crate) struct Together {
    /// Questions with the digests that `review list` shows: `rev_1:DIGEST rev_2:DIGEST`.
    #[arg(required = true, value_name = "ID:DIGEST")]
    pub(crate) items: Vec<String>,
    /// Who decides: the address of a user.
    #[arg(long, value_name = "EMAIL")]
    pub(crate) by: String,
    #[arg(long, conflicts_with = "reject", required_unless_present = "reject")]
    pub(crate) approve: bool,
    /// Refuse, and why; the words may be left out with --code.
    #[arg(long, value_name = "REASON", num_args = 0..=1, default_missing_value = "")]
    pub(crate) reject: Option<String>,
    /// Why not, in one word: misheard, somebody_else, crm_is_right, no_double, not_for_this_field, other.
    #[arg(long, requires = "reject")]
    pub(crate) code: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Decide {
    pub(crate) id: String,
    /// As `review show` and `review list` show it.
    #[arg(long)]
    pub(crate) digest: String,
    /// Who decides: the address of a user.
    #[arg(long, value_name = "EMAIL")]
    pub(crate) by: String,
    #[command(flatten)]
    pub(crate) choice: Choice,
    /// With --reject, why not in one word: misheard, somebody_else, crm_is_right, no_double, not_for_this_field, other.
    #[arg(long, requires = "reject")]
    pub(crate) code: Option<String>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Choice {
    #[arg(long)]
    pub(crate) approve: bool,
    /// Approve this value instead.
    #[arg(long, value_name = "VALUE")]
    pub(crate) edit: Option<String>,
    /// Refuse, and why; the words may be left out with --code.
    #[arg(long, value_name = "REASON", num_args = 0..=1, default_missing_value = "")]
    pub(crate) reject: Option<String>,
    /// The right one of the choices shown.
    #[arg(long, value_name = "ID")]
    pub(crate) pick: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Twin {
    pub(crate) vendor: TwinVendor,
    #[arg(long, default_value = TWIN_AT, value_parser = address)]
    pub(crate) listen: SocketAddr,
    /// The token or secret it accepts.
    #[arg(long)]
    pub(crate) token: Option<String>,
    /// So many people are in the CRM already, every third as a customer; 1200 at most.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed_people: usize,
    /// A property of your own that the simulated HubSpot has besides: contact.tier=text, or number, date, datetime, bool; text where nothing is said. Again
    /// for each.
    #[arg(long = "property", value_name = "OBJECT.NAME=TYPE")]
    pub(crate) properties: Vec<String>,
    /// Where ringback is reached: the twin of a receiver (hook) posts its acknowledgements there.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8787")]
    pub(crate) public_url: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TwinVendor {
    Hubspot,
    Salesforce,
    Zoho,
    Pipedrive,
    #[value(name = "gohighlevel")]
    GoHighLevel,
    Dynamics,
    /// Any CRM by webhook: a receiver that confirms what it wrote.
    Hook,
    Callrail,
    /// A receiver of pages and events.
    Sink,
}

impl TwinVendor {
    /// The word in configuration.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Hubspot => "hubspot",
            Self::Salesforce => "salesforce",
            Self::Zoho => "zoho",
            Self::Pipedrive => "pipedrive",
            Self::GoHighLevel => "gohighlevel",
            Self::Dynamics => "dynamics",
            Self::Hook => "hook",
            Self::Callrail => "callrail",
            Self::Sink => "sink",
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Add a person; the password comes from --password-file, or is made up and shown once.
    Add {
        email: String,
        #[arg(long)]
        name: Option<String>,
        #[arg(long, value_enum, default_value = "coordinator")]
        role: Role,
        /// Slugs of the locations this person sees; none: all.
        #[arg(long, value_name = "SLUG")]
        location: Vec<String>,
        /// A file with the password; - is stdin.
        #[arg(long, value_name = "FILE", conflicts_with = "password_of")]
        password_file: Option<PathBuf>,
        /// They sign in as they do in this account already, and may change between the two without signing in again.
        #[arg(long, value_name = "ACCOUNT")]
        password_of: Option<String>,
    },
    List,
    /// Give another role.
    Role {
        email: String,
        #[arg(value_enum)]
        role: Role,
    },
    /// Give other locations, by their slugs; none: all.
    Locations {
        email: String,
        slugs: Vec<String>,
    },
    /// Set a new password; ends every session of that person.
    Password {
        email: String,
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// No more signing in; ends every session.
    Disable {
        email: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Everything.
    Admin,
    /// Contract, audit, rollback, every queue, dead letters, connections.
    Revops,
    /// The queue of their locations.
    Coordinator,
    /// Sees everything, changes nothing.
    Auditor,
    /// Sees the accounts of its clients; changes nothing unless it is given another role there.
    Agency,
}

impl From<Role> for rights::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Admin => Self::Admin,
            Role::Revops => Self::Revops,
            Role::Coordinator => Self::Coordinator,
            Role::Auditor => Self::Auditor,
            Role::Agency => Self::Agency,
        }
    }
}

impl Role {
    pub(crate) fn word(self) -> &'static str {
        rights::Role::from(self).word()
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make one; it is shown once.
    Add {
        name: String,
        /// What it may do.
        #[arg(long, value_enum, default_value = "read")]
        scope: Vec<Scope>,
    },
    List,
    Revoke {
        id: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scope {
    Read,
    Write,
    Admin,
}

impl Scope {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Every value, and whether it comes from the file, the environment or the default.
    Show,
}

/// Where a simulated vendor listens unless told otherwise.
pub(crate) const TWIN_AT: &str = "127.0.0.1:8790";

/// An address with its port; a port alone is the most likely slip.
fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| match text.trim_start_matches(':').parse::<u16>() {
        Ok(port) => format!("write 127.0.0.1:{port}"),
        Err(_) => format!("write address and port, such as {TWIN_AT}"),
    })
}
