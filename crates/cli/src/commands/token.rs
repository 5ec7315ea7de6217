//! `token`: programs that use the API.

use crate::args::{Scope, Token};
use crate::commands::user;
use crate::config::Account;
use crate::house::House;
use crate::out::{Out, table};
use crate::problems::{Exit, Fail};
use ringback_core::id::TokenId;
use ringback_core::ledger::Draft;
use ringback_store::{self as store, Site, TokenRow};
use ringback_web::password;
use serde_json::json;

/// Runs one of the commands.
pub(crate) async fn run(out: Out, house: &House, account: &Account, command: &Token) -> Result<(), Fail> {
    match command {
        Token::Add { name, scope } => add(out, house, account, name, scope).await,
        Token::List => list(out, house, account).await,
        Token::Revoke { id } => {
            let (of, which, at) = (account.id().as_str().to_owned(), id.clone(), house.engine.now().as_microsecond());
            let chain = house.engine.chain(&account.id());
            let revoked = house
                .engine
                .store()
                .write(Site::Setup, move |tx| {
                    Box::pin(async move {
                        let revoked = store::token_revoke(tx, &of, &which, at).await?;
                        if revoked {
                            let entry = Draft::new("token_revoked").with("by", user::OPERATOR).with("token", &which);
                            chain.tell(tx, vec![entry]).await?;
                        }
                        Ok(revoked)
                    })
                })
                .await?;
            if !revoked {
                let cure = "`ringback token list` shows which there are";
                return Err(Fail::new(Exit::Missing, "RB-0313", format!("there is no token {id} in force"), cure));
            }
            out.result(&json!({ "id": id, "revoked": true }), || format!("{id} is not accepted any more"));
            Ok(())
        }
    }
}

async fn add(out: Out, house: &House, account: &Account, name: &str, scopes: &[Scope]) -> Result<(), Fail> {
    let engine = &house.engine;
    let (text, token_hash) = password::token(engine.random());
    let words: Vec<&str> = scopes.iter().map(|s| s.word()).collect();
    let row = TokenRow {
        account: account.id().as_str().to_owned(),
        id: TokenId::new(engine.now(), engine.random()).as_str().to_owned(),
        name: name.to_owned(),
        token_hash,
        scopes: serde_json::to_string(&words).unwrap_or_else(|_| "[]".to_owned()),
        created_at: engine.now().as_microsecond(),
        revoked_at: None,
        last_used_at: None,
    };
    let shown = json!({ "id": row.id, "name": name, "scopes": words, "token": text });
    let entry = Draft::new("token_added")
        .with("by", user::OPERATOR)
        .with("token", &row.id)
        .with("name", name)
        .with("scopes", &words);
    let chain = engine.chain(&account.id());
    let insert = engine.store().write(Site::Setup, move |tx| {
        Box::pin(async move {
            store::token_insert(tx, &row).await?;
            chain.tell(tx, vec![entry]).await
        })
    });
    insert.await?;
    out.result(&shown, || format!("the token {name} may {} and is shown only now:\n\n    {text}", words.join(", ")));
    Ok(())
}

async fn list(out: Out, house: &House, account: &Account) -> Result<(), Fail> {
    let id = account.id().as_str().to_owned();
    let rows = house.engine.store().read(move |tx| Box::pin(async move { store::tokens_all(tx, &id).await })).await?;
    let when = |micros: Option<i64>| micros.map(|m| ringback_engine::instant(m).to_string());
    let scopes = |r: &TokenRow| serde_json::from_str::<Vec<String>>(&r.scopes).unwrap_or_default();
    let all: Vec<_> = rows
        .iter()
        .map(|r| {
            json!({ "id": r.id, "name": r.name, "scopes": scopes(r), "created_at": when(Some(r.created_at)),
                    "revoked_at": when(r.revoked_at), "last_used_at": when(r.last_used_at) })
        })
        .collect();
    out.result(&all, || {
        let cells = |r: &TokenRow| {
            let state = if r.revoked_at.is_some() { "revoked" } else { "in force" };
            let used = when(r.last_used_at).unwrap_or_else(|| "never used".to_owned());
            vec![r.id.clone(), r.name.clone(), scopes(r).join(" "), state.to_owned(), used]
        };
        table(&["id", "name", "may", "state", "last used"], &rows.iter().map(cells).collect::<Vec<_>>())
    });
    Ok(())
}
