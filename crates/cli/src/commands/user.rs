//! `user`: people who sign in.

use crate::args::{Role, User};
use crate::config::{Account, Config, bounded};
use crate::house::House;
use crate::out::{Out, table};
use crate::problems::{Exit, Fail};
use ringback_core::id::{AccountId, UserId, base32};
use ringback_core::identity;
use ringback_core::ledger::Draft;
use ringback_core::rights::{self, Act};
use ringback_engine::Engine;
use ringback_store::{self as store, Site, UserRow};
use ringback_web::password;
use serde::Serialize;
use serde_json::json;
use std::path::Path;

/// The shortest password a person may set.
const PASSWORD_CHARS_MIN: usize = 12;
/// Who acts from a shell: whoever may read the key may do everything.
pub(crate) const OPERATOR: &str = "user_cli";
/// Who signs in first.
const FIRST_EMAIL: &str = "admin@localhost";

/// A user made at the first start.
#[derive(Debug, Serialize)]
pub(crate) struct First {
    pub(crate) account: String,
    pub(crate) email: String,
    /// Shown once.
    pub(crate) password: String,
}

/// An administrator for every account that has no user yet.
pub(crate) async fn first_admins(engine: &Engine, config: &Config, made: &mut Vec<First>) -> Result<(), Fail> {
    for account in &config.accounts {
        let id = account.id().as_str().to_owned();
        let users = {
            let id = id.clone();
            engine.store().read(move |tx| Box::pin(async move { store::users_all(tx, &id).await })).await?
        };
        if !users.is_empty() {
            continue;
        }
        let taken =
            engine.store().read(|tx| Box::pin(async move { store::users_with_email(tx, FIRST_EMAIL).await })).await?;
        // One address is one person, who may go from account to account: the first person of another account is another.
        let email = if taken.is_empty() { FIRST_EMAIL.to_owned() } else { format!("admin@{}.localhost", account.slug) };
        let password = made_up(engine);
        let row = new_row(engine, &id, &email, "Administrator", Role::Admin, &[], &password)?;
        let entry = entry("user_added", "settings", &row);
        let chain = engine.chain(&account.id());
        engine
            .store()
            .write(Site::Setup, move |tx| {
                Box::pin(async move {
                    store::user_insert(tx, &row).await?;
                    chain.tell(tx, vec![entry]).await
                })
            })
            .await?;
        made.push(First { account: account.slug.clone(), email, password });
    }
    Ok(())
}

/// Runs one of the commands.
pub(crate) async fn run(out: Out, house: &House, account: &Account, command: &User) -> Result<(), Fail> {
    match command {
        User::Add { email, name, role, location, password_file, password_of } => {
            let given = password_file.as_deref().map(read_password).transpose()?;
            let same = match password_of {
                Some(other) => Some(standing(house, house.account(Some(other))?, email).await?.password_hash),
                None => None,
            };
            add(out, house, account, email, name.as_deref(), *role, location, given, same).await
        }
        User::List => list(out, house, account).await,
        User::Password { email, password_file } => {
            let given = password_file.as_deref().map(read_password).transpose()?;
            let made_up = given.is_none().then(|| made_up(&house.engine));
            let password = given.or_else(|| made_up.clone()).unwrap_or_default();
            new_password(house, account, email, hash(&house.engine, &password)?).await?;
            out.result(&json!({ "email": email, "password": made_up }), || shown_once(email, made_up.as_deref()));
            Ok(())
        }
        User::Disable { email } => {
            change(house, account, email, "user_disabled", |row| row.active = false).await?;
            out.result(&json!({ "email": email, "active": false }), || format!("{email} cannot sign in any more"));
            Ok(())
        }
        User::Role { email, role } => {
            let word = role.word();
            change(house, account, email, "user_role", move |row| word.clone_into(&mut row.role)).await?;
            out.result(&json!({ "email": email, "role": word }), || format!("{email} is {word} now"));
            Ok(())
        }
        User::Locations { email, slugs } => {
            let seen = seen(account, slugs)?;
            let text = serde_json::to_string(&seen).unwrap_or_else(|_| "[]".to_owned());
            change(house, account, email, "user_locations", move |row| row.locations = text).await?;
            out.result(&json!({ "email": email, "locations": seen }), || format!("{email} sees {}", seen.join(", ")));
            Ok(())
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "each is one option of the command line")]
async fn add(
    out: Out,
    house: &House,
    account: &Account,
    email: &str,
    name: Option<&str>,
    role: Role,
    locations: &[String],
    given: Option<String>,
    same: Option<String>,
) -> Result<(), Fail> {
    if identity::email(email).is_none() && email != FIRST_EMAIL {
        return Err(Fail::new(
            Exit::Usage,
            "RB-0305",
            format!("{email:?} is no e-mail address"),
            "write it as name@example.com",
        ));
    }
    let seen = seen(account, locations)?;
    let made_up = (given.is_none() && same.is_none()).then(|| made_up(&house.engine));
    let password = given.or_else(|| made_up.clone()).unwrap_or_else(|| self::made_up(&house.engine));
    let mut row = new_row(&house.engine, account.id().as_str(), email, name.unwrap_or(email), role, &seen, &password)?;
    if let Some(hash) = same {
        // The same text of a salted hash in two accounts is the operator's word that it is one person: nobody else can make it so.
        row.password_hash = hash;
    }
    let (id, shown) = (
        row.id.clone(),
        json!({ "id": row.id, "email": email, "role": role.word(), "locations": seen, "password": made_up }),
    );
    let (chain, entry) = (house.engine.chain(&account.id()), entry("user_added", OPERATOR, &row));
    let stored = house
        .engine
        .store()
        .write(Site::Setup, move |tx| {
            Box::pin(async move {
                store::user_insert(tx, &row).await?;
                chain.tell(tx, vec![entry]).await
            })
        })
        .await;
    match stored {
        Err(store::Error::Conflict) => {
            let cure = "use another address, or `ringback user password`";
            return Err(Fail::new(Exit::Usage, "RB-0307", format!("there is a user {email} already"), cure));
        }
        other => other?,
    }
    out.result(&shown, || format!("added {email} ({}, {id})\n{}", role.word(), shown_once(email, made_up.as_deref())));
    Ok(())
}

async fn list(out: Out, house: &House, account: &Account) -> Result<(), Fail> {
    let id = account.id().as_str().to_owned();
    let rows = house.engine.store().read(move |tx| Box::pin(async move { store::users_all(tx, &id).await })).await?;
    let all: Vec<_> = rows
        .iter()
        .map(|r| {
            let locations: Vec<String> = serde_json::from_str(&r.locations).unwrap_or_default();
            json!({ "id": r.id, "email": r.email, "name": r.name, "role": r.role, "locations": locations, "active": r.active })
        })
        .collect();
    out.result(&all, || {
        let cells = |r: &UserRow| {
            let active = if r.active { "active" } else { "disabled" };
            vec![r.email.clone(), r.name.clone(), r.role.clone(), active.to_owned()]
        };
        table(&["email", "name", "role", "state"], &rows.iter().map(cells).collect::<Vec<_>>())
    });
    Ok(())
}

/// The slugs of locations that a person sees; none named: all of the account's.
fn seen(account: &Account, locations: &[String]) -> Result<Vec<String>, Fail> {
    let known: Vec<&str> = account.roster.locations.iter().map(|l| l.slug.as_str()).collect();
    if let Some(unknown) = locations.iter().find(|l| !known.contains(&l.as_str())) {
        let cure = format!("known are {}", known.join(", "));
        return Err(Fail::new(Exit::Missing, "RB-0313", format!("there is no location {unknown:?}"), cure));
    }
    let all = || known.iter().map(|s| (*s).to_owned()).collect();
    Ok(if locations.is_empty() { all() } else { locations.to_vec() })
}

/// What the account's chain says about a person; the address is a personal value.
fn entry(kind: &'static str, by: &str, row: &UserRow) -> Draft {
    let locations: Vec<String> = serde_json::from_str(&row.locations).unwrap_or_default();
    Draft::new(kind)
        .with("by", by)
        .with("user", &row.id)
        .with("role", &row.role)
        .with("locations", locations)
        .with("active", row.active)
        .seal("email", Some(&row.email))
}

/// Changes a user, ends every session of theirs and tells the account's chain, in one unit.
async fn change(
    house: &House,
    account: &Account,
    email: &str,
    kind: &'static str,
    change: impl FnOnce(&mut UserRow) + Send + 'static,
) -> Result<(), Fail> {
    let (id, folded) = (account.id().as_str().to_owned(), password::fold_email(email));
    let chain = house.engine.chain(&account.id());
    let found = house
        .engine
        .store()
        .write(Site::Setup, move |tx| {
            Box::pin(async move {
                let Some(mut row) = store::user_by_email(tx, &id, &folded).await? else { return Ok(false) };
                let (was, seen) = (row.role.clone(), row.locations.clone());
                change(&mut row);
                store::user_update(tx, &row).await?;
                store::sessions_delete_of(tx, &id, &row.id).await?;
                let before: Vec<String> = serde_json::from_str(&seen).unwrap_or_default();
                let told = entry(kind, OPERATOR, &row)
                    .with("role_before", (was != row.role).then_some(was))
                    .with("locations_before", (seen != row.locations).then_some(before));
                chain.tell(tx, vec![told]).await?;
                Ok(true)
            })
        })
        .await?;
    if found { Ok(()) } else { Err(missing(email)) }
}

/// A new password, in every account where the person signs in with the same one: a word that is not to count any more counts nowhere.
async fn new_password(house: &House, account: &Account, email: &str, hash: String) -> Result<(), Fail> {
    let old = standing(house, account, email).await?.password_hash;
    let folded = password::fold_email(email);
    let same = house
        .engine
        .store()
        .read(move |tx| Box::pin(async move { store::users_with_email(tx, &folded).await }))
        .await?;
    let chains = same.into_iter().filter(|row| row.password_hash == old);
    let rows: Vec<_> =
        chains.map(|row| (house.engine.chain(&AccountId::from_text(row.account.clone())), row)).collect();
    house
        .engine
        .store()
        .write(Site::Setup, move |tx| {
            Box::pin(async move {
                for (chain, row) in &rows {
                    let row = UserRow { password_hash: hash.clone(), ..row.clone() };
                    store::user_update(tx, &row).await?;
                    store::sessions_delete_of(tx, &row.account, &row.id).await?;
                    chain.tell(tx, vec![entry("user_password", OPERATOR, &row)]).await?;
                }
                Ok(())
            })
        })
        .await?;
    Ok(())
}

/// The person of that address, who may sign in.
async fn standing(house: &House, account: &Account, email: &str) -> Result<UserRow, Fail> {
    let (id, folded) = (account.id().as_str().to_owned(), password::fold_email(email));
    let row = house
        .engine
        .store()
        .read(move |tx| Box::pin(async move { store::user_by_email(tx, &id, &folded).await }))
        .await?;
    row.filter(|r| r.active).ok_or_else(|| missing(email))
}

/// The role of whoever has that address.
pub(crate) async fn role_of(house: &House, account: &Account, email: &str) -> Result<rights::Role, Fail> {
    Ok(rights::Role::of(&standing(house, account, email).await?.role))
}

/// The user of that address, if their role may do that.
pub(crate) async fn with_right(house: &House, account: &Account, email: &str, act: Act) -> Result<UserId, Fail> {
    let row = standing(house, account, email).await?;
    if rights::Role::of(&row.role).may(act) {
        return Ok(UserId::from_text(row.id));
    }
    let cause = format!("{email} is {}, whom the table of rights does not let {}", row.role, act.word());
    Err(Fail::new(Exit::Usage, "RB-0606", cause, "name somebody whose role may, or `ringback user role`"))
}

/// The user of that address, if their role may do that; whoever acts from a shell where nobody is named.
pub(crate) async fn acting(house: &House, account: &Account, email: Option<&str>, act: Act) -> Result<UserId, Fail> {
    match email {
        Some(email) => with_right(house, account, email, act).await,
        None => Ok(UserId::from_text(OPERATOR)),
    }
}

fn missing(email: &str) -> Fail {
    Fail::new(Exit::Missing, "RB-0313", format!("there is no user {email}"), "`ringback user list` shows who there is")
}

/// A person as the store keeps them.
pub(crate) fn new_row(
    engine: &Engine,
    account: &str,
    email: &str,
    name: &str,
    role: Role,
    locations: &[String],
    password: &str,
) -> Result<UserRow, Fail> {
    Ok(UserRow {
        account: account.to_owned(),
        id: UserId::new(engine.now(), engine.random()).as_str().to_owned(),
        email_folded: password::fold_email(email),
        email: email.trim().to_owned(),
        name: name.to_owned(),
        role: role.word().to_owned(),
        password_hash: hash(engine, password)?,
        locations: serde_json::to_string(locations).unwrap_or_else(|_| "[]".to_owned()),
        active: true,
        created_at: engine.now().as_microsecond(),
    })
}

fn hash(engine: &Engine, text: &str) -> Result<String, Fail> {
    let short = text.chars().count() < PASSWORD_CHARS_MIN;
    let hashed = if short { None } else { password::hash(text, engine.random()) };
    hashed.ok_or_else(|| {
        let cause =
            format!("a password has from {PASSWORD_CHARS_MIN} characters to {} bytes", password::PASSWORD_BYTES_MAX);
        Fail::new(Exit::Usage, "RB-0305", cause, "choose another, or leave it out and have one made up")
    })
}

/// A password nobody can guess.
pub(crate) fn made_up(engine: &Engine) -> String {
    base32(engine.random())
}

fn shown_once(email: &str, password: Option<&str>) -> String {
    password.map_or_else(
        || format!("the password of {email} is set"),
        |p| format!("the password of {email} is shown only now:\n\n    {p}"),
    )
}

/// The first line of a file, or of stdin for `-`.
fn read_password(path: &Path) -> Result<String, Fail> {
    let text = if path == Path::new("-") {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    } else {
        bounded(path, 4_096)
    };
    let text = text.map_err(|error| {
        let cause = format!("the password in {} cannot be read: {error}", path.display());
        Fail::new(Exit::Usage, "RB-0310", cause, "name a file with the password in its first line, or - for stdin")
    })?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
