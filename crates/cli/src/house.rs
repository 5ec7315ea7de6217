//! Opening an installation: settings, key, store, engine.

use crate::config::apply::{self, Applied};
use crate::config::{Account, Config, Depth, Reading, load};
use crate::out::note;
use crate::problems::{Exit, Fail, store_problem};
use ringback_core::id::AccountId;
use ringback_engine::clock::{Chance as _, SystemChance, SystemClock};
use ringback_engine::http::{Policy, ReqwestTransport};
use ringback_engine::keyring::{KEY_BYTES, Keyring};
use ringback_engine::mail::{Mailer, NoMailer, Security, SmtpMailer, SmtpSettings};
use ringback_engine::{Engine, Parts, Settings};
use ringback_store::{self as store, Options, Store};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long the mail server may take for each answer.
const MAIL_SECONDS_MAX: u64 = 30;
/// The largest reply that is read from a vendor.
const REPLY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// An opened installation.
pub(crate) struct House {
    pub(crate) reading: Reading,
    pub(crate) engine: Engine,
}

impl House {
    pub(crate) fn config(&self) -> &Config {
        &self.reading.config
    }

    /// The account a command is about: the one named, or the only one.
    pub(crate) fn account(&self, named: Option<&str>) -> Result<&Account, Fail> {
        pick_account(self.config(), named)
    }
}

/// The account of that slug, or the only one.
pub(crate) fn pick_account<'a>(config: &'a Config, named: Option<&str>) -> Result<&'a Account, Fail> {
    let all: Vec<&str> = config.accounts.iter().map(|a| a.slug.as_str()).collect();
    match (named, config.accounts.as_slice()) {
        (None, [only]) => Ok(only),
        (None, _) => {
            let cure = format!("name one with --account: {}", all.join(", "));
            Err(Fail::new(Exit::Usage, "RB-0313", "the settings have several accounts", cure))
        }
        (Some(slug), accounts) => {
            accounts.iter().find(|a| a.slug == slug || a.id().as_str() == slug).ok_or_else(|| {
                let cure = format!("known are {}", all.join(", "));
                Fail::new(Exit::Missing, "RB-0313", format!("there is no account {slug:?} in the settings"), cure)
            })
        }
    }
}

/// Opens for a command: one try at the database. An account that the store has never seen is applied first, whole.
pub(crate) async fn open(config_path: &Path, depth: Depth) -> Result<House, Fail> {
    let reading = load(config_path, depth)?;
    let store = open_store(&reading.config).await?;
    let known = store.read(|tx| Box::pin(async move { store::accounts_all(tx).await })).await?;
    let known_id = |id: &AccountId| known.iter().any(|row| row.id == id.as_str());
    let unknown = reading.config.accounts.iter().any(|a| !known_id(&a.id()));
    let reading = if unknown && depth == Depth::Lookup { load(config_path, Depth::Whole)? } else { reading };
    let engine = engine(&reading.config, store)?;
    let house = House { reading, engine };
    if unknown {
        house.apply().await?;
    }
    Ok(house)
}

/// The same for whoever only asks about contracts: nothing of the settings is applied, and of an account that the store does not know nothing is in force.
pub(crate) async fn look(config_path: &Path, depth: Depth) -> Result<House, Fail> {
    let reading = load(config_path, depth)?;
    let store = open_store(&reading.config).await?;
    let engine = engine(&reading.config, store)?;
    Ok(House { reading, engine })
}

impl House {
    /// Applies the settings to the store, and says what became of the contracts' files.
    pub(crate) async fn apply(&self) -> Result<Vec<Applied>, Fail> {
        let all = apply::apply(&self.engine, self.config()).await?;
        all.iter().flat_map(Applied::notes).for_each(note);
        Ok(all)
    }
}

/// The database, once.
pub(crate) async fn open_store(config: &Config) -> Result<Store, Fail> {
    make_directory(&config.store.url)?;
    Store::open(options(config)).await.map_err(|error| store_problem(&error))
}

fn options(config: &Config) -> Options {
    Options { readers_max: config.store.readers_max, ..Options::new(config.store.url.clone()) }
}

fn make_directory(url: &str) -> Result<(), Fail> {
    let Some(rest) = url.strip_prefix("sqlite://") else { return Ok(()) };
    let file = rest.split('?').next().unwrap_or(rest);
    let Some(directory) = Path::new(file).parent().filter(|_| file != ":memory:") else { return Ok(()) };
    std::fs::create_dir_all(directory).map_err(|error| {
        let cause = format!("the directory {} cannot be made: {error}", directory.display());
        Fail::new(Exit::Unavailable, "RB-0403", cause, "make it, or let this user write there, or change [store] url")
    })
}

/// An engine over that store; starts nothing.
pub(crate) fn engine(config: &Config, store: Store) -> Result<Engine, Fail> {
    let allow_private = config.http.allow_private_addresses;
    let transport =
        ReqwestTransport::new(Policy { allow_private, body_max_bytes: REPLY_BYTES_MAX }).map_err(|fault| {
            Fail::new(
                Exit::Unavailable,
                "RB-0314",
                format!("the HTTP client cannot start: {fault}"),
                "report this with the text",
            )
        })?;
    Ok(Engine::new(Parts {
        store,
        clock: Arc::new(SystemClock),
        chance: Arc::new(SystemChance),
        transport: Arc::new(transport),
        mailer: mailer(config)?,
        keyring: keyring(config)?,
        settings: settings(config),
    }))
}

fn settings(config: &Config) -> Settings {
    Settings {
        node: config.node.name.clone(),
        console_url: config.server.console_url.clone(),
        public_url: config.server.public_url.clone(),
        signals_per_step_max: config.limits.signals_per_step_max,
        lane_concurrency_max: config.limits.lane_concurrency_max,
        lease_seconds: config.limits.lease_seconds,
        body_max_bytes: config.server.body_max_bytes,
        raw_days: config.retention.raw_days,
        speech_days: config.retention.speech_days,
        value_days: config.retention.value_days,
        ..Settings::default()
    }
}

fn mailer(config: &Config) -> Result<Arc<dyn Mailer>, Fail> {
    let Some(mail) = &config.mail else { return Ok(Arc::new(NoMailer)) };
    let settings = SmtpSettings {
        host: mail.host.clone(),
        port: mail.port,
        security: match mail.security {
            crate::config::Security::Starttls => Security::StartTls,
            crate::config::Security::Tls => Security::Tls,
            crate::config::Security::None => Security::None,
        },
        user: mail.user.clone(),
        password: mail.password.clone(),
        from: mail.from.clone(),
        timeout: Duration::from_secs(MAIL_SECONDS_MAX),
    };
    let mailer = SmtpMailer::new(&settings).map_err(|cause| {
        Fail::new(Exit::Usage, "RB-0305", format!("[mail]: {cause}"), "correct [mail] in the settings")
    })?;
    Ok(Arc::new(mailer))
}

/// The key that seals credentials, from RINGBACK_KEY or the key file.
pub(crate) fn keyring(config: &Config) -> Result<Keyring, Fail> {
    let unusable = |place: &str, error: &dyn std::fmt::Display| {
        let cure = "`ringback init` makes one; if credentials are stored already, only the key they were sealed with opens them";
        Fail::new(Exit::Usage, "RB-0311", format!("the key in {place} cannot be used: {error}"), cure)
    };
    match &config.secrets.key {
        Some(key) => Keyring::from_text(key.reveal()).map_err(|e| unusable("RINGBACK_KEY", &e)),
        None => {
            let path = &config.secrets.key_file;
            Keyring::from_file(path).map_err(|e| unusable(&path.display().to_string(), &e))
        }
    }
}

/// The text of a new key file.
pub(crate) fn new_key() -> String {
    let mut random = [0_u8; KEY_BYTES];
    SystemChance.fill(&mut random);
    Keyring::generate(random).to_text()
}

impl From<ringback_engine::Error> for Fail {
    fn from(error: ringback_engine::Error) -> Self {
        use ringback_engine::Error as E;
        match error {
            E::Store(error) => store_problem(&error),
            E::Missing(_) => {
                Self::new(Exit::Missing, "RB-0313", error.to_string(), "list what there is and use its id")
            }
            E::Told(problem) if problem.code == "RB-0231" => {
                Self::new(Exit::Missing, problem.code, problem.cause, problem.cure)
            }
            E::NotReady(problems) => match Self::of(Exit::Check, vec![(None, problems)]) {
                Some(fail) => fail,
                None => Self::new(Exit::Check, "RB-0240", "the account is not ready", "ringback contract guarantees"),
            },
            E::Told(problem) => Self::new(Exit::Check, problem.code, problem.cause, problem.cure),
            E::MovedOn(_) | E::Late(_) => {
                Self::new(Exit::Missing, "RB-0315", error.to_string(), "look at it again, then decide")
            }
            E::Refused(_) => {
                Self::new(Exit::Unavailable, "RB-0316", error.to_string(), "`ringback doctor` says what is missing")
            }
            E::Corrupt { .. } => Self::new(
                Exit::Unavailable,
                "RB-0405",
                error.to_string(),
                "restore the database, or report this with the text",
            ),
        }
    }
}
