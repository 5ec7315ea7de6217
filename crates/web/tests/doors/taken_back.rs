//! Values and opt-outs that are taken back.

use crate::world::*;

#[tokio::test]
async fn values_are_taken_back_over_the_api_about_exactly_what_was_shown() {
    let (world, shelf) = World::with(true).await;
    let store = world.engine.store();
    let (read, write, admin) = (
        world.west.token(store, "read", 1).await,
        world.west.token(store, "write", 2).await,
        world.west.token(store, "admin", 3).await,
    );
    let scope = json!({ "version": 1 });
    assert_eq!(world.api_post(&read, "/api/v1/rollbacks/preview", "", &json!({})).await.code(), "RB-0230");
    assert_eq!(world.api_post(&read, "/api/v1/rollbacks/preview", "", &json!({ "colour": 1 })).await.code(), "RB-0103");
    let shown = world.api_post(&read, "/api/v1/rollbacks/preview", "", &scope).await.json();
    let restored = shown["restored"].as_u64().unwrap();
    assert!(restored > 1, "{shown}");
    let begin = |shown: &Value| json!({ "scope": scope, "digest": shown["digest"], "reason": "the rule was wrong" });
    let path = "/api/v1/rollbacks";
    for token in [&read, &write] {
        assert_eq!(world.api_post(token, path, "k", &begin(&shown)).await.code(), "RB-0602");
    }
    let without = json!({ "scope": scope, "digest": shown["digest"], "reason": " " });
    assert_eq!(world.api_post(&admin, path, "k1", &without).await.code(), "RB-0131", "a reason is never missing");
    // Somebody corrects one meanwhile.
    let first = shown["fields"].as_array().unwrap().iter().find(|f| f["field"] == FIELD).unwrap();
    let record = first["record"].as_str().unwrap();
    shelf.type_in("contacts", record, first["property"].as_str().unwrap(), "mesa");
    assert_eq!(world.api_post(&admin, path, "k2", &begin(&shown)).await.code(), "RB-0231");
    let now = world.api_post(&read, "/api/v1/rollbacks/preview", "", &scope).await.json();
    assert_eq!(now["restored"].as_u64(), Some(restored - 1));
    let spared = now["fields"].as_array().unwrap().iter().find(|f| f["field"] == FIELD).unwrap();
    assert_eq!((spared["spared"].as_str(), spared["now"].as_str()), (Some("later_human"), Some("mesa")));
    let begun = world.api_post(&admin, path, "k3", &begin(&now)).await;
    assert_eq!(begun.status, StatusCode::OK, "{}", begun.body);
    let again = world.api_post(&admin, path, "k3", &begin(&now)).await;
    assert_eq!(again.json(), begun.json(), "begun once");
    let id = begun.json()["id"].as_str().unwrap().to_owned();
    let one = world.api(&read, &format!("{path}/{id}")).await.json();
    assert_eq!((one["state"].as_str(), one["left"].as_u64()), (Some("running"), now["spared"].as_u64()), "{one}");
    let list = world.api(&read, path).await.json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    assert_eq!(
        world.api(&read, &format!("{path}?limit=1")).await.json()["next"].as_str().map(|n| n.ends_with(&id)),
        Some(true)
    );
    let holds = world.api(&read, "/api/v1/holds").await.json();
    assert_eq!(holds["data"][0]["rollback"], id.as_str(), "{holds}");
    let other = holds["data"][0]["to"].clone();
    let lift = format!("{path}/{id}/lift");
    let why = json!({ "field": other, "reason": "the rule is mended" });
    assert_eq!(world.api_post(&write, &lift, "l", &why).await.code(), "RB-0602");
    let lifted = world.api_post(&admin, &lift, "l1", &why).await;
    assert_eq!(lifted.json()["lifted"], 1, "{}", lifted.body);
    assert_eq!(world.api_post(&admin, &lift, "l2", &why).await.status, StatusCode::NOT_FOUND, "it is lifted already");
    let chain = world.api(&read, "/api/v1/audit").await.json();
    let kinds: Vec<&str> = chain["data"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds.iter().filter(|k| **k == "rollback_started").count(), 1, "{kinds:?}");
    assert!(kinds.contains(&"hold_lifted"));
}

#[tokio::test]
async fn revenue_operations_take_values_back_in_the_console_and_an_auditor_only_looks() {
    let (world, shelf) = World::with(true).await;
    let (sam, ada, dana) = (
        world.sign_in("sam@example.com").await,
        world.sign_in("ada@example.com").await,
        world.sign_in("dana@example.com").await,
    );
    // The contract's versions and an inquiry's fields lead to the form, filled, for those who may.
    let contract = world.page(&sam, "/contract").await.body;
    assert!(contract.contains("action=\"/rollbacks\"") && contract.contains("name=\"version\" value=\"1\""));
    assert!(!world.page(&ada, "/contract").await.body.contains("action=\"/rollbacks\""));
    assert!(
        world.page(&ada, "/contract").await.body.contains("href=\"/contract/backtest\""),
        "an auditor may try a draft"
    );
    let scope = Scope { version: Some(1), ..Scope::default() };
    let first = world.engine.preview_rollback(&world.west.account, &scope).await.unwrap().fields;
    let first = first.into_iter().find(|f| f.field == FIELD).unwrap();
    let (inquiry, record, property) = (first.inquiry, first.record, first.property);
    let to = format!("contact.{property}");
    let page = world.page(&sam, &format!("/inquiries/{inquiry}")).await.body;
    assert!(page.contains(&format!("name=\"field\" value=\"{to}\"")), "{inquiry}");
    assert!(!world.page(&ada, &format!("/inquiries/{inquiry}")).await.body.contains("action=\"/rollbacks\""));
    let form = world.page(&sam, &format!("/rollbacks?inquiry={inquiry}&field={to}")).await.body;
    assert!(
        form.contains(&format!("value=\"{inquiry}\"")) && form.contains("<option value=\"lead_location\" selected>")
    );
    // The preview says what goes back and what stays, and why; an auditor sees it without a button.
    shelf.type_in("contacts", &record, &property, "mesa");
    let preview = "/rollbacks/preview?version=1&since=2026-01-01T00:00";
    let shown = world.page(&sam, preview).await.body;
    assert!(shown.contains("a person has set it since") && shown.contains("mesa"), "{shown}");
    assert!(shown.contains("name=\"digest\""));
    let looked = world.page(&ada, preview).await;
    assert_eq!(looked.status, StatusCode::OK);
    assert!(!looked.body.contains("name=\"digest\""));
    assert_eq!(world.page(&dana, "/rollbacks").await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.page(&sam, "/rollbacks/preview?since=soon").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(world.page(&sam, "/rollbacks/preview").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    // It is begun about exactly that, with a reason.
    let csrf = world.csrf(&sam).await;
    let digest = shown.split("name=\"digest\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let since = shown.split("name=\"since\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let body =
        |digest: &str, reason: &str| format!("csrf={csrf}&digest={digest}&version=1&since={since}&reason={reason}");
    assert_eq!(world.form("/rollbacks", &sam, &body("x", "wrong")).await.status, StatusCode::CONFLICT);
    assert_eq!(world.form("/rollbacks", &sam, &body(digest, "")).await.status, StatusCode::BAD_REQUEST);
    let begun = world.form("/rollbacks", &sam, &body(digest, "the+rule+was+wrong")).await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.body);
    let one = world.page(&sam, begun.to()).await.body;
    assert!(one.contains("the rule was wrong") && one.contains("Under way") && one.contains("Sam Okafor"), "{one}");
    assert!(one.contains("/lift\"") && !world.page(&ada, begun.to()).await.body.contains("/lift\""));
    let part = world.page(&ada, &format!("{}?fragment=1", begun.to())).await.body;
    assert!(part.contains("Under way") && !part.contains("<html"), "{part}");
    let lift = format!("{}/lift", begun.to());
    let lifted = world.form(&lift, &sam, &format!("csrf={csrf}&field={to}&reason=mended")).await;
    assert_eq!(lifted.status, StatusCode::SEE_OTHER, "{}", lifted.body);
    let one = world.page(&sam, begun.to()).await.body;
    assert!(!one.contains(&format!("value=\"{to}\"")), "it is lifted already");
    let list = world.page(&ada, "/rollbacks").await.body;
    assert!(list.contains(begun.to()), "{list}");
}

#[tokio::test]
async fn an_opt_out_stands_on_the_page_in_one_sentence_and_whoever_may_takes_it_back() {
    let world = World::new().await;
    let (dana, sam) = (world.sign_in("dana@example.com").await, world.sign_in("sam@example.com").await);
    let (csrf, hers) = (world.csrf(&sam).await, world.csrf(&dana).await);
    let today = world.page(&dana, "/").await.body;
    let (_, rest) = today.split_once("/inquiries/").unwrap();
    let id = rest.split(['"', '/', '?']).next().unwrap().to_owned();
    let path = format!("/inquiries/{id}");
    let shown = async |cookie: &str| world.page(cookie, &path).await.body;
    assert!(shown(&dana).await.contains("/opt-out\"") && !shown(&dana).await.contains("Opted out."));
    let back = format!("csrf={hers}&back={path}");
    let set = world.form(&format!("{path}/opt-out"), &dana, &back).await;
    assert_eq!(set.to(), path, "{}", set.body);
    let page = shown(&dana).await;
    assert!(page.contains("Opted out.") && page.contains("took note that this person is not to be called"), "{page}");
    assert!(!page.contains("opt-out/clear"), "taking it back is not a coordinator's");
    let refused = world.form(&format!("{path}/opt-out/clear"), &dana, &format!("{back}&reason=please")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(shown(&sam).await.contains("opt-out/clear"));
    let clear = async |reason: &str| {
        let form = format!("csrf={csrf}&back={path}&reason={reason}");
        world.form(&format!("{path}/opt-out/clear"), &sam, &form).await
    };
    assert_eq!(clear("++").await.status, StatusCode::BAD_REQUEST, "without a reason nothing is taken back");
    assert_eq!(clear("asked+us+to+call").await.to(), path);
    let page = shown(&dana).await;
    assert!(page.contains("took the opt-out back") && page.contains("asked us to call"), "{page}");
    assert!(!page.contains("Opted out."));
    let again = clear("again").await;
    assert!(again.body.contains("RB-0261") && again.body.contains("there is nothing to take back"), "{}", again.body);
}

#[tokio::test]
async fn an_opt_out_over_the_api_is_a_programs_to_set_and_a_consent_systems_to_take_back() {
    let world = World::new().await;
    let store = world.engine.store();
    let (write, admin) = (world.west.token(store, "write", 8).await, world.west.token(store, "admin", 9).await);
    let number = "+16025550188";
    let asked = json!({ "number": number });
    let path = "/api/v1/opt-outs?number=%2B16025550188";
    assert!(world.api(&write, path).await.json()["opted_out"].is_null());
    let set = world.api_post(&write, "/api/v1/opt-outs", "o1", &asked).await.json();
    assert_eq!(set["opted_out"]["said"]["said_by"], "person", "{set}");
    let clear = json!({ "number": number, "reason": "wrote to us on 3 March" });
    let refused = world.api_post(&write, "/api/v1/opt-outs/clear", "o2", &clear).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::FORBIDDEN, "RB-0602"));
    let bare = world.api_post(&admin, "/api/v1/opt-outs/clear", "o3", &asked).await;
    assert_eq!((bare.status, bare.code().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "RB-0261"));
    let done = world.api_post(&admin, "/api/v1/opt-outs/clear", "o4", &clear).await.json();
    assert!(done["opted_out"].is_null() && done["cleared"]["by"] == "tok_copper_admin", "{done}");
    assert!(world.api(&write, path).await.json()["opted_out"].is_null());
    let both = json!({ "number": number, "inquiry": "inq_x" });
    assert_eq!(world.api_post(&write, "/api/v1/opt-outs", "o5", &both).await.status, StatusCode::BAD_REQUEST);
    let other = world.north.token(store, "admin", 7).await;
    let theirs = world.inquiries(&world.west).await.remove(0);
    let foreign = json!({ "inquiry": theirs, "reason": "they said so" });
    for (key, path, body) in
        [("o6", "/api/v1/opt-outs", json!({ "inquiry": theirs })), ("o7", "/api/v1/opt-outs/clear", foreign)]
    {
        assert_eq!(world.api_post(&other, path, key, &body).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert!(world.api(&other, path).await.json()["cleared"].is_null(), "another account knows nothing of it");
}
