//! Setting a CRM up: our key property and the fields of the contract get a home, and the people who can own records are read.
//!
//! Everything here ensures: run again it changes nothing. What was made is believed only when the schema, read again, shows it.

use crate::ask::{Asked, Asking, TRIES_MAX};
use crate::facts::{AccountFacts, ConnectionFacts};
use crate::{Engine, Error};
use ringback_connect::{Auth, Crm};
use ringback_core::contract;
use ringback_core::crm::{CrmOp, Held, Object, PropertySpec, PropertyType};
use ringback_core::http::HttpReply;
use ringback_core::id::{AccountId, ConnectionId};
use ringback_core::problem::Problem;
use ringback_core::roster::Staff;
use ringback_store::{self as store, Site};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The objects that records of ours are made of.
pub(crate) const OBJECTS: [Object; 3] = [Object::Contact, Object::Call, Object::Task];
/// Pages of owners read at most.
const OWNER_PAGES_MAX: usize = 50;

/// What set-up found and made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Connected {
    /// `contact.rb_key`: made now, and seen in the schema afterwards.
    pub created: Vec<String>,
    /// There before.
    pub present: Vec<String>,
    pub owners: Vec<CrmOwner>,
    /// What stands in the way, all of it, with a way out of each. Empty: the CRM can be written to.
    pub problems: Vec<Problem>,
    /// What does not fit and stands in nobody's way: people whose `crm_owner` is nobody's there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Problem>,
}

/// Somebody who can own records in the CRM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CrmOwner {
    pub id: String,
    pub email: Option<String>,
    pub name: Option<String>,
}

/// The properties of contacts, calls and tasks as the CRM has them now.
pub async fn schema(
    engine: &Engine,
    account: &AccountId,
    connection: &ConnectionId,
) -> Result<Result<Vec<(Object, PropertySpec)>, Problem>, Error> {
    let facts = engine.facts(account).await?;
    let Some(held) = facts.connections.get(connection.as_str()) else {
        return Err(Error::Missing(format!("connection {connection}")));
    };
    let Some(crm) = held.crm() else { return Ok(Err(no_crm(held))) };
    Ok(Setup::of(engine, held, crm).schema().await)
}

/// People of the roster whom the CRM does not know as owners, for whoever changes nothing there.
pub async fn strangers(
    engine: &Engine,
    account: &AccountId,
    connection: &ConnectionId,
) -> Result<Result<Vec<Problem>, Problem>, Error> {
    let facts = engine.facts(account).await?;
    let Some(held) = facts.connections.get(connection.as_str()) else {
        return Err(Error::Missing(format!("connection {connection}")));
    };
    let Some(crm) = held.crm() else { return Ok(Err(no_crm(held))) };
    if crm.acknowledges() || facts.roster.staff.iter().all(|staff| staff.crm_owner.is_none()) {
        return Ok(Ok(Vec::new()));
    }
    let setup = Setup::of(engine, held, crm);
    Ok(setup.owners().await.map(|(owners, whole)| if whole { setup.strangers(&facts, &owners) } else { Vec::new() }))
}

/// What that schema does not let a contract do, or ask for. What a vendor packs into a text has no schema to be compared with.
pub fn misfits(crm: &dyn Crm, contract: &contract::Contract, schema: &[(Object, PropertySpec)]) -> Vec<Problem> {
    let own = |o: &Object| format!("{}.rb_", o.as_str());
    let packed = |p: &Problem| OBJECTS.iter().any(|o| crm.packs(*o) && p.cause.contains(&own(o)));
    let written = contract::check_schema(contract, schema).into_iter().filter(|p| !packed(p));
    let asked = crm.shows_all_of_people().then(|| contract::check_asked(contract, schema, crm.words()));
    written.chain(asked.unwrap_or_default()).collect()
}

/// The same, asked once: for whoever does not wait.
pub(crate) async fn schema_now(
    engine: &Engine,
    held: &ConnectionFacts,
    crm: &'static dyn Crm,
) -> Result<Vec<(Object, PropertySpec)>, Problem> {
    let mut setup = Setup::of(engine, held, crm);
    setup.asking.tries = 1;
    setup.schema().await
}

/// Sets a CRM up: checks the settings and the credential, makes the properties that are missing, reads the owners.
pub async fn connect(engine: &Engine, account: &AccountId, connection: &ConnectionId) -> Result<Connected, Error> {
    let facts = engine.facts(account).await?;
    let Some(held) = facts.connections.get(connection.as_str()) else {
        return Err(Error::Missing(format!("connection {connection}")));
    };
    let mut connected = Connected::default();
    let Some(crm) = held.crm() else {
        connected.problems.push(no_crm(held));
        return Ok(connected);
    };
    connected.problems = crm.check(&held.connection);
    if !connected.problems.is_empty() {
        return Ok(connected);
    }
    let setup = Setup::of(engine, held, crm);
    if held.secrets.is_empty() && crm.about().auth != Auth::None {
        let cause = format!("the connection {} has no token", held.connection.name);
        connected.problems.push(Problem::new("RB-0522", cause, "store the token with the connection, then try again"));
        return Ok(connected);
    }
    if crm.acknowledges() {
        // Nothing can be asked there; what is to be mapped stands in the first message.
        return Ok(connected);
    }
    if let Err(problem) = setup.run(&facts, &mut connected).await {
        connected.problems.push(problem);
    }
    // What was made again here ends the pause of its clause at once.
    engine.look_at_schema(account).await?;
    Ok(connected)
}

/// Notes which of the vendor's opt-out properties the CRM shows now, where the vendor says how they are to be asked for: a look at somebody must not
/// fail because one of them is hidden, nor leave out one that came later.
pub(crate) async fn note_opt_outs(
    engine: &Engine,
    held: &ConnectionFacts,
    crm: &'static dyn Crm,
    schema: &[(Object, PropertySpec)],
) -> Result<(), Error> {
    let noted = |(name, _): &(&str, &[&str])| {
        let spec = schema.iter().find(|(object, spec)| *object == Object::Contact && spec.name == *name);
        let seen = spec.and_then(|(_, spec)| spec.stored_as.clone()).unwrap_or_default();
        let setting = format!("{}{}", crate::facts::FIELD_SETTING, word(Object::Contact, name));
        (held.connection.setting(&setting).unwrap_or_default() != seen).then_some((setting, seen))
    };
    let changed: Vec<(String, String)> = crm.words().opt_out.iter().filter_map(noted).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let (account, id, at) = (
        held.connection.account.as_str().to_owned(),
        held.connection.id.as_str().to_owned(),
        crate::micros(engine.now()),
    );
    let stored = engine.store().write(Site::Setup, move |tx| {
        Box::pin(async move {
            for (name, value) in &changed {
                store::cursor_put(tx, &account, &id, name, value, at).await?;
            }
            Ok(())
        })
    });
    stored.await?;
    engine.facts_changed(&held.connection.account);
    Ok(())
}

fn no_crm(held: &ConnectionFacts) -> Problem {
    let cause = format!("the connection {} is to {}, which is no CRM", held.connection.name, held.connection.vendor);
    Problem::new("RB-0521", cause, "name a connection of kind crm")
}

struct Setup<'a> {
    asking: Asking<'a>,
    engine: &'a Engine,
    held: &'a ConnectionFacts,
    crm: &'static dyn Crm,
}

impl<'a> Setup<'a> {
    fn of(engine: &'a Engine, held: &'a ConnectionFacts, crm: &'static dyn Crm) -> Self {
        Self { asking: Asking { engine, held, again: "try again", tries: TRIES_MAX }, engine, held, crm }
    }
}

impl Setup<'_> {
    async fn run(&self, facts: &AccountFacts, connected: &mut Connected) -> Result<(), Problem> {
        let contract = facts.contract_applied.then_some(&facts.contract);
        let before = self.schema().await?;
        let wanted = self.wanted(contract);
        let mut asked = BTreeSet::new();
        for ((object, name), spec) in &wanted {
            match before.iter().find(|(o, s)| o == object && s.name == *name) {
                Some((_, found)) if spec.unique && !found.unique => {
                    let cause = format!(
                        "{}.{name} exists and is not unique, so it cannot keep Ringback's key",
                        object.as_str()
                    );
                    connected.problems.push(Problem::new(
                        "RB-0524",
                        cause,
                        "remove or rename that property in the CRM, then run `ringback connect` again",
                    ));
                }
                Some(_) => connected.present.push(word(*object, name)),
                None => {
                    if asked.insert(*object) {
                        self.prepare(*object).await?;
                    }
                    if let Err(problem) = self.create(*object, spec).await {
                        // What one property lacks the next lacks too, except what is about this property alone.
                        if problem.code != "RB-0523" {
                            return Err(problem);
                        }
                        connected.problems.push(problem);
                    }
                }
            }
        }
        let after = if asked.is_empty() { before } else { self.schema().await? };
        for ((object, name), spec) in &wanted {
            let full = word(*object, name);
            let refused = connected.problems.iter().any(|p| p.cause.contains(&full));
            let there = after.iter().any(|(o, s)| o == object && s.name == *name && (!spec.unique || s.unique));
            match (there, connected.present.contains(&full) || refused) {
                (true, false) => connected.created.push(full),
                (false, false) => {
                    let cause = format!("{full} was made, but the CRM's schema does not show it");
                    connected.problems.push(Problem::new("RB-0525", cause, "run `ringback connect` again in a minute"));
                }
                _ => {}
            }
        }
        if let Some(contract) = contract {
            connected.problems.extend(misfits(self.crm, contract, &after));
            connected.problems.extend(contract::check_words(contract, self.crm.words()));
        }
        self.keep_fields(&after).await?;
        let (owners, whole) = self.owners().await?;
        if whole {
            connected.warnings = self.strangers(facts, &owners);
        }
        connected.owners = owners;
        Ok(())
    }

    /// Stores the vendor's own ids of the properties, where those are not their names.
    async fn keep_fields(&self, schema: &[(Object, PropertySpec)]) -> Result<(), Problem> {
        let account = self.held.connection.account.clone();
        let (of, id, at) = (
            account.as_str().to_owned(),
            self.held.connection.id.as_str().to_owned(),
            crate::micros(self.engine.now()),
        );
        let fields: Vec<(String, String)> = schema
            .iter()
            .filter_map(|(object, spec)| {
                let stored_as = spec.stored_as.clone()?;
                Some((format!("{}{}", crate::facts::FIELD_SETTING, word(*object, &spec.name)), stored_as))
            })
            .collect();
        if fields.is_empty() {
            return Ok(());
        }
        let stored = self
            .engine
            .store()
            .write(Site::Setup, move |tx| {
                Box::pin(async move {
                    for (name, value) in &fields {
                        store::cursor_put(tx, &of, &id, name, value, at).await?;
                    }
                    Ok(())
                })
            })
            .await;
        self.engine.facts_changed(&account);
        stored.map_err(|e| Problem::new("RB-0525", format!("the CRM's fields could not be stored: {e}"), "try again"))
    }

    /// Our own properties, and those of the contract with their types, which win where both name one.
    fn wanted(&self, contract: Option<&contract::Contract>) -> BTreeMap<(Object, String), PropertySpec> {
        let mut wanted = BTreeMap::new();
        for (object, name, label, unique) in self.crm.own_properties() {
            if self.crm.packs(object) {
                continue;
            }
            let spec = PropertySpec {
                name: name.to_owned(),
                label: label.to_owned(),
                kind: PropertyType::Text,
                unique: unique && self.crm.key_must_be_unique(object),
                read_only: false,
                stored_as: None,
            };
            wanted.insert((object, name.to_owned()), spec);
        }
        for (object, mut spec) in contract.map(contract::Contract::own_properties).unwrap_or_default() {
            if self.crm.packs(object) {
                continue;
            }
            let key = (object, spec.name.clone());
            spec.unique = wanted.get(&key).is_some_and(|own| own.unique);
            if spec.unique {
                spec.kind = PropertyType::Text;
            }
            wanted.insert(key, spec);
        }
        wanted
    }

    async fn schema(&self) -> Result<Vec<(Object, PropertySpec)>, Problem> {
        let mut all = Vec::new();
        for object in OBJECTS {
            let held = self.ask(CrmOp::ReadSchema { object }, object.as_str()).await?;
            all.extend(held.schema.into_iter().map(|spec| (object, spec)));
        }
        Ok(all)
    }

    async fn prepare(&self, object: Object) -> Result<(), Problem> {
        for request in self.crm.preparation(object, &self.held.connection) {
            let read = |reply: &HttpReply, at| self.crm.prepared(reply, &self.held.connection, at);
            // Unknown is good enough: what needs it will be refused if it is not there.
            self.asking.exchange(self.crm, &request, object.as_str(), read).await?;
        }
        Ok(())
    }

    /// Makes a property. After an unanswered try the schema is read before another.
    async fn create(&self, object: Object, spec: &PropertySpec) -> Result<(), Problem> {
        let about = word(object, &spec.name);
        let mut told = None;
        for _ in 0..TRIES_MAX {
            let operation = CrmOp::CreateProperty { object, property: spec.clone() };
            match self.asking.ask_once(self.crm, operation, &about).await? {
                Asked::Done(_) => return Ok(()),
                Asked::Unknown(why) => told = Some(why),
            }
            let now = self.ask(CrmOp::ReadSchema { object }, object.as_str()).await?;
            if now.schema.iter().any(|known| known.name == spec.name) {
                return Ok(());
            }
        }
        Err(self.asking.no_answer(self.crm.about(), &about, told))
    }

    /// Who can own records there, and whether that is everybody.
    async fn owners(&self) -> Result<(Vec<CrmOwner>, bool), Problem> {
        let (mut owners, mut after) = (Vec::new(), None);
        for _ in 0..OWNER_PAGES_MAX {
            let held = self.ask(CrmOp::ListOwners { after: after.take() }, "owners").await?;
            owners.extend(held.records.into_iter().filter(|r| !r.archived).map(|record| {
                let text = |name: &str| record.properties.get(name).filter(|v| !v.is_empty()).cloned();
                let names: Vec<String> = ["firstName", "lastName"].iter().filter_map(|n| text(n)).collect();
                let name = (!names.is_empty()).then(|| names.join(" ")).or_else(|| text("name"));
                CrmOwner { email: text("email"), name, id: record.id }
            }));
            after = held.next;
            if after.is_none() {
                return Ok((owners, true));
            }
        }
        Ok((owners, false))
    }

    /// People of the roster whose `crm_owner` nobody has in the CRM that their account's contract writes to.
    fn strangers(&self, facts: &AccountFacts, owners: &[CrmOwner]) -> Vec<Problem> {
        if !facts.contract_applied || facts.contract.crm != self.held.connection.name {
            return Vec::new();
        }
        let listed: Vec<&str> = owners.iter().map(|owner| owner.id.as_str()).collect();
        let unknown =
            |staff: &&Staff| staff.crm_owner.as_deref().is_some_and(|id| !self.crm.knows_owner(id.trim(), &listed));
        let problem = |staff: &Staff| {
            let alike = |mine: &Option<String>, theirs: &Option<String>| {
                mine.as_ref().zip(theirs.as_ref()).is_some_and(|(a, b)| a.trim().eq_ignore_ascii_case(b.trim()))
            };
            let name = Some(staff.name.clone());
            let same = owners.iter().find(|o| alike(&staff.email, &o.email) || alike(&name, &o.name));
            let cause = format!(
                "staff {} has the crm_owner {:?}, and nobody who owns records in {} has that id",
                staff.slug(),
                staff.crm_owner.as_deref().unwrap_or_default(),
                self.held.connection.name
            );
            let cure = match same {
                Some(owner) => {
                    let who = owner.name.as_ref().or(owner.email.as_ref()).cloned().unwrap_or_default();
                    format!("write crm_owner = {:?}, which is {who}; {}", owner.id, self.asking.again)
                }
                None => format!("take an id from the list of owners that set-up shows; {}", self.asking.again),
            };
            Problem::new("RB-0531", cause, cure)
        };
        facts.roster.staff.iter().filter(unknown).map(problem).collect()
    }

    async fn ask(&self, operation: CrmOp, about: &str) -> Result<Held, Problem> {
        self.asking.ask(self.crm, operation, about).await
    }
}

fn word(object: Object, name: &str) -> String {
    format!("{}.{name}", object.as_str())
}

#[cfg(test)]
mod tests;
