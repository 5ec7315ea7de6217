//! `connect`: set-up of a CRM, and how a receiver of events stands.

use crate::commands::serve::hook_urls;
use crate::config::{Account, Kind};
use crate::house::House;
use crate::out::{Out, note, table};
use crate::problems::{Exit, Fail};
use ringback_core::id::ConnectionId;
use ringback_engine::setup;
use serde_json::{Value, json};

/// Makes what is missing in the CRM, lists its owners, and says what to configure at the providers. Again changes nothing.
pub(crate) async fn run(out: Out, house: &House, account: &Account, name: &str) -> Result<(), Fail> {
    let Some(wanted) = account.connections.iter().find(|c| c.connection.name == name) else {
        let all: Vec<&str> = account.connections.iter().map(|c| c.connection.name.as_str()).collect();
        let cure = format!("there are {}", all.join(", "));
        return Err(Fail::new(Exit::Missing, "RB-0313", format!("there is no connection {name:?}"), cure));
    };
    let applied = house.apply().await?;
    let rules = applied.iter().any(|a| a.account == account.id().as_str() && a.contract.is_some());
    let hooks: Vec<Value> =
        hook_urls(house.config()).into_iter().filter(|h| h["account"] == account.slug.as_str()).collect();
    let receivers = house.engine.receivers(&account.id()).await?;
    if let Some(receiver) = receivers.iter().find(|r| r.connection == name) {
        out.result(receiver, || {
            let state = &crate::commands::doctor::told(receiver);
            format!("{name}: {state}\nIt is sent one signed message for each event: see docs/guides/events.md.\n")
        });
        return Ok(());
    }
    if wanted.kind != Kind::Crm {
        let own: Vec<&Value> = hooks.iter().filter(|h| h["connection"] == name).collect();
        out.result(&json!({ "connection": name, "hooks": own }), || hook_table(&own));
        return Ok(());
    }
    let id = ConnectionId::from_text(name);
    let connected = setup::connect(&house.engine, &account.id(), &id).await?;
    let filled = if connected.problems.is_empty() { fill_index(out, house, account, &id).await? } else { Value::Null };
    let shown = json!({ "index": filled, "connection": name, "created": connected.created, "present": connected.present, "owners": connected.owners, "problems": connected.problems, "warnings": connected.warnings, "hooks": hooks });
    out.result(&shown, || {
        let list = |key: &str| shown[key].as_array().map_or(0, Vec::len);
        if !connected.problems.is_empty() && connected.created.is_empty() && connected.present.is_empty() {
            return format!("{name} is not set up yet; what is there already is found again.");
        }
        let mut text = format!("{name}: {} properties made, {} were there\n", list("created"), list("present"));
        for made in &connected.created {
            text.push_str(&format!("  {made}\n"));
        }
        match shown["index"]["people"].as_u64() {
            Some(0) => text.push_str("\nThe CRM has no people yet, so every caller will be new.\n"),
            Some(people) => text.push_str(&format!("\n{people} people of the CRM will be recognised when they call.\n")),
            None => {}
        }
        if !rules {
            text.push_str("\nThere is no contract yet. Name one in [[account]] contract and run this again: it also makes the properties that the contract writes.\n");
        }
        if !connected.owners.is_empty() {
            let part = |text: &Option<String>| text.clone().unwrap_or_default();
            let rows: Vec<Vec<String>> =
                connected.owners.iter().map(|o| vec![o.id.clone(), part(&o.name), part(&o.email)]).collect();
            text.push_str("\nWho owns records there; give each person of [[account.staff]] their crm_owner:\n\n");
            text.push_str(&table(&["crm_owner", "name", "e-mail"], &rows));
        }
        if hooks.is_empty() {
            text.push_str("\nNo provider of calls is connected yet.\n");
        } else {
            text.push_str("\nProviders send to:\n\n");
            text.push_str(&hook_table(&hooks.iter().collect::<Vec<_>>()));
        }
        text
    });
    if let Some(fail) = Fail::of(Exit::Unavailable, vec![(None, connected.warnings)]) {
        note(format!("beside that:\n\n{}", fail.render().trim_end()));
    }
    match Fail::of(Exit::Unavailable, vec![(None, connected.problems)]) {
        Some(fail) => Err(fail.told()),
        None => Ok(()),
    }
}

/// Reads whom the CRM knows, so that callers are recognised at once.
async fn fill_index(out: Out, house: &House, account: &Account, id: &ConnectionId) -> Result<Value, Fail> {
    let bar = out.count("people known");
    let of = account.id();
    let refreshed = house.engine.refresh_index(&of, id, ringback_engine::index::PAGES_MAX, |done| {
        bar.set_position(done.people as u64);
    });
    let refreshed = refreshed.await?;
    bar.finish_and_clear();
    let known = house.engine.index_count(&account.id(), id).await?;
    Ok(json!({ "people": known, "read": refreshed.people, "complete": refreshed.complete, "why": refreshed.why }))
}

fn hook_table(hooks: &[&Value]) -> String {
    let part = |h: &Value, key: &str| h[key].as_str().unwrap_or_default().to_owned();
    let rows: Vec<Vec<String>> =
        hooks.iter().map(|h| vec![part(h, "connection"), part(h, "event"), part(h, "url")]).collect();
    table(&["connection", "event", "URL"], &rows)
}
