//! Contracts and levels at the doors, and the sentence behind each field.

use crate::world::*;

#[tokio::test]
async fn a_contract_is_applied_over_the_api_by_whoever_may_and_from_what_is_in_force() {
    let world = World::new().await;
    let store = world.engine.store();
    let (admin, write) = (world.west.token(store, "admin", 7).await, world.west.token(store, "write", 8).await);
    let versions = world.api(&admin, "/api/v1/contract/versions").await.json();
    let in_force = versions["data"].as_array().unwrap().last().unwrap().clone();
    let (base, text) = (in_force["version"].as_i64().unwrap(), in_force["text"].as_str().unwrap().to_owned());
    let text = text.replace(", { to = \"specialist\", after = \"20 min\" }", "");
    let one = text.replacen("autonomy = \"auto-low-risk\"", "autonomy = \"suggest\"", 1);
    let two = text.replacen("autonomy = \"auto-low-risk\"", "autonomy = \"observe\"", 1);
    let post = |token: String, key: &'static str, text: &str, base: i64| {
        let body = json!({ "text": text, "base": base });
        let world = &world;
        async move { world.api_post(&token, "/api/v1/contract", key, &body).await }
    };
    assert_eq!(post(write, "w", &one, base).await.status, StatusCode::FORBIDDEN);
    let wrong = post(admin.clone(), "x", "contract = 1\nnonsense = 2\n", base).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.json()["problems"].as_array().unwrap().len() > 1, "{}", wrong.body);
    let applied = post(admin.clone(), "a", &one, base).await;
    assert_eq!(applied.status, StatusCode::OK, "{}", applied.body);
    assert_eq!(applied.json()["contract"]["version"], base + 1);
    let late = post(admin.clone(), "b", &two, base).await;
    assert_eq!((late.status, late.code().as_str()), (StatusCode::CONFLICT, "RB-0223"), "{}", late.body);
    let refused = &late.json()["refused"];
    assert_eq!(refused["in_force"]["by"], format!("tok_{}_admin", world.west.account.stem()));
    assert!(refused["theirs"].to_string().contains("autonomy"), "{refused}");
    // The same door in the console: the form says what its text was made from.
    let sam = world.sign_in("sam@example.com").await;
    let ada = world.sign_in("ada@example.com").await;
    let page = world.page(&sam, "/contract").await;
    assert!(page.body.contains(&format!("name=\"base\" value=\"{}\"", base + 1)), "{}", page.body);
    assert!(!world.page(&ada, "/contract").await.body.contains("<textarea"), "an auditor reads");
    let shown = world.page(&ada, "/contract").await.body;
    let guarantees = shown.split("id=\"guarantees\"").nth(1).unwrap_or_default();
    for part in
        ["The eight guarantees", "A field-mapping document exists", "Tested in a sandbox", "contract try --connection"]
    {
        assert!(guarantees.contains(part), "{part}: {shown}");
    }
    let dana = world.sign_in("dana@example.com").await;
    assert_eq!(world.page(&dana, "/contract").await.status, StatusCode::FORBIDDEN);
    let csrf = world.csrf(&ada).await;
    assert_eq!(world.form("/contract", &ada, &draft(&csrf, &two, base + 1)).await.status, StatusCode::FORBIDDEN);
    let csrf = world.csrf(&sam).await;
    // First it is looked at, and nothing changes.
    let looked = world.form("/contract", &sam, &draft(&csrf, &two, base + 1)).await;
    assert_eq!(looked.status, StatusCode::OK, "{}", looked.body);
    let checked = looked.body.split("id=\"checked\"").nth(1).and_then(|s| s.split("</div>").next()).unwrap();
    for part in ["1 stricter", "from suggest to observe", "Bring into force"] {
        assert!(checked.contains(part), "{part}: {checked}");
    }
    let in_force = world.api(&admin, "/api/v1/contract/versions").await.json();
    let newest = in_force["data"].as_array().unwrap().iter().map(|v| v["version"].as_i64().unwrap()).max();
    assert_eq!(newest, Some(base + 1), "a look brings nothing into force");
    // Whoever confirms confirms exactly the text that was looked at.
    let confirm = |body: String, of: &str| format!("{body}&digest={}", digest_in(of));
    let other = two.replacen("retention = \"standard\"", "retention = \"zero\"", 1);
    assert_ne!(other, two);
    let moved = world.form("/contract", &sam, &confirm(draft(&csrf, &other, base + 1), &looked.body)).await;
    assert_eq!(moved.status, StatusCode::OK, "it is looked at again: {}", moved.body);
    assert!(moved.body.contains("another one than was checked") && moved.body.contains("from standard to zero"));
    assert_ne!(digest_in(&moved.body), digest_in(&looked.body));
    // What was made from an older version is told so at the look already, and refused if it comes with a confirmation all the same.
    let late = world.form("/contract", &sam, &draft(&csrf, &two, base)).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    for part in ["RB-0223", "What they changed", "suggest"] {
        assert!(late.body.contains(part), "{part}: {}", late.body);
    }
    let wrong = world.form("/contract", &sam, &draft(&csrf, "contract = 1\nnonsense = 2\n", base + 1)).await;
    assert!(wrong.status == StatusCode::CONFLICT && wrong.body.contains("line 2"), "{}", wrong.body);
    let edit = wrong.body.split("id=\"edit\"").nth(1).expect("the text");
    assert!(edit.contains("<code>nonsense = 2</code>"), "the problem stands beside the text, with its line: {edit}");
    assert!(edit.contains("id=\"line-2\"") && edit.contains("href=\"#line-2\""), "and its line is numbered: {edit}");
    let done = world.form("/contract", &sam, &confirm(draft(&csrf, &two, base + 1), &looked.body)).await;
    assert_eq!((done.status, done.to()), (StatusCode::SEE_OTHER, "/contract"), "{}", done.body);
    assert!(world.page(&sam, "/contract").await.body.contains("Sam Okafor"), "who applied it");
    let told = world.api(&admin, "/api/v1/audit").await.json();
    let kinds: Vec<&str> = told["data"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["contract", "contract_refused", "contract"], "a look leaves no entry");
    // What each version changed is there to be opened, and who brought it.
    let shown = world.page(&sam, "/contract").await.body;
    let versions = shown.split("id=\"versions\"").nth(1).unwrap();
    assert!(
        versions.contains("from suggest to observe") && versions.contains("from auto-low-risk to suggest"),
        "{versions}"
    );
    assert!(versions.contains("Take back what it wrote") && versions.contains("in force"), "{versions}");
}

#[tokio::test]
async fn the_first_contract_is_looked_at_as_the_first_and_then_comes_into_force() {
    let world = World::new().await;
    let store = world.engine.store();
    let place = support::location("reno", "Reno", "America/Los_Angeles", "US", "en-US");
    let house = House::new("silver", MONDAY.parse().unwrap(), vec![place]);
    house.settle_without_contract(store, "Silver State Plumbing").await;
    house.user(store, "rae@example.com", "Rae Lund", "revops", &[], "ring back").await;
    let rae = world.sign_in("rae@example.com").await;
    let csrf = world.csrf(&rae).await;
    let text = ringback_core::contract::DEFAULT_TEXT.replacen("= \"auto-low-risk\"", "= \"observe\"", 1);
    let text = text.replace(", { to = \"specialist\", after = \"20 min\" }", "");
    let looked = world.form("/contract", &rae, &draft(&csrf, &text, 0)).await;
    assert_eq!(looked.status, StatusCode::OK, "{}", looked.body);
    let checked = looked.body.split("id=\"checked\"").nth(1).and_then(|s| s.split("</div>").next()).unwrap();
    assert!(checked.contains("Nothing of its name came before"), "{checked}");
    assert!(!checked.contains("version 0") && !checked.contains("nothing that decides"), "{checked}");
    let confirmed = format!("{}&digest={}", draft(&csrf, &text, 0), digest_in(&looked.body));
    let done = world.form("/contract", &rae, &confirmed).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    // What changes nothing of a version that is there says so.
    let again = world.form("/contract", &rae, &draft(&csrf, &format!("{text}\n# a remark\n"), 1)).await;
    let checked = again.body.split("id=\"checked\"").nth(1).and_then(|s| s.split("</div>").next()).unwrap();
    assert!(checked.contains("version 1: nothing that decides"), "{checked}");
}

/// The form of a contract's text.
fn draft(csrf: &str, text: &str, base: i64) -> String {
    let text = text.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
    format!("csrf={csrf}&base={base}&text={text}")
}

/// What a look at a text is to be confirmed with.
fn digest_in(page: &str) -> String {
    page.split("name=\"digest\" value=\"").nth(1).expect("a button to confirm").split('"').next().unwrap().to_owned()
}

/// What revenue operations reads first is what the contract says, with the level that holds; no raw instant and no id of ours stands on the page.
#[tokio::test]
async fn the_page_of_the_contract_says_first_what_it_says_and_at_which_level() {
    let world = World::new().await;
    let sam = world.sign_in("sam@example.com").await;
    let page = world.page(&sam, "/contract").await.body;
    let at = |what: &str| page.find(what).unwrap_or_else(|| panic!("{what}: {page}"));
    assert!(at("id=\"says\"") < at("id=\"levels\"") && at("id=\"says\"") < at("id=\"guarantees\""));
    assert!(at("id=\"guarantees\" open") > 0, "one is red, so all of them are open");
    let urgency = page.split("id=\"field.urgency\"").nth(1).unwrap().split("</dd>").next().unwrap();
    assert!(urgency.contains("Now (level auto-low-risk): only suggested. At auto: written from 90 %."), "{urgency}");
    let shown = page.split("<textarea").next().unwrap();
    assert!(!shown.contains("call_0") && !shown.contains("user_") && !shown.contains(":00Z"), "{shown}");
    assert!(shown.contains("since Mon, Nov 16 8:05 AM"), "dates with their day: {shown}");
    // The backtest says at which level both are compared.
    let csrf = world.csrf(&sam).await;
    let text = ringback_core::contract::DEFAULT_TEXT.replacen("= \"auto-low-risk\"", "= \"suggest\"", 1);
    let text = text.replace(", { to = \"specialist\", after = \"20 min\" }", "");
    let tried = world.form("/contract/backtest", &sam, &draft(&csrf, &text, 1).replace("base=1&", "")).await;
    assert_eq!(tried.status, StatusCode::OK, "{}", tried.body);
    for part in
        ["has no level of its own", "The draft also changes how much happens by itself, from auto-low-risk to suggest"]
    {
        assert!(tried.body.contains(part), "{part}: {}", tried.body);
    }
}

/// Both doors of the level: lower is done at once and told in the account's chain; higher is refused with what stands in the way.
#[tokio::test]
async fn a_level_is_lowered_by_whoever_may_and_raised_by_nobody_while_a_guarantee_is_not_green() {
    let world = World::new().await;
    let store = world.engine.store();
    let (admin, write) = (world.west.token(store, "admin", 7).await, world.west.token(store, "write", 8).await);
    let post =
        async |token: &str, key: &str, body: Value| world.api_post(token, "/api/v1/contract/level", key, &body).await;
    let seen = world.api(&write, "/api/v1/contract/readiness").await.json();
    assert_eq!(seen["guarantees"].as_array().unwrap().len(), 8, "{seen}");
    assert_eq!((&seen["levels"][0]["place"], &seen["levels"][0]["holds"]), (&"".into(), &"auto-low-risk".into()));
    assert_eq!(post(&write, "w", json!({ "level": "observe" })).await.status, StatusCode::FORBIDDEN);
    let place = seen["levels"][1]["place"].as_str().unwrap().to_owned();
    let lowered = post(&admin, "a", json!({ "level": "suggest", "location": place })).await;
    assert_eq!(lowered.status, StatusCode::OK, "{}", lowered.body);
    assert_eq!(lowered.json()["levels"][1]["holds"], "suggest", "{}", lowered.body);
    let refused = post(&admin, "b", json!({ "level": "auto-low-risk", "location": place })).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::CONFLICT, "RB-0240"), "{}", refused.body);
    let problems = refused.json()["problems"].to_string();
    for part in ["guarantee 8 is red", "contract try --connection YOUR-SANDBOX"] {
        assert!(problems.contains(part), "{part}: {problems}");
    }
    let nowhere = post(&admin, "c", json!({ "level": "observe", "location": "nowhere" })).await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND, "{}", nowhere.body);

    // The same in the console, at the top of the page; who only reads has no button.
    let (sam, ada) = (world.sign_in("sam@example.com").await, world.sign_in("ada@example.com").await);
    let levels = |body: &str| {
        let from = body.find("id=\"levels\"").unwrap();
        body[from..].split("</section>").next().unwrap().to_owned()
    };
    let shown = levels(&world.page(&sam, "/contract").await.body);
    assert!(
        shown.contains("action=\"/contract/level\"") && shown.contains("every write waits for a person"),
        "{shown}"
    );
    assert!(!levels(&world.page(&ada, "/contract").await.body).contains("<form"), "an auditor reads");
    let csrf = world.csrf(&ada).await;
    let asked = |csrf: &str, level: &str| format!("csrf={csrf}&level={level}&place=");
    let by_ada = world.form("/contract/level", &ada, &asked(&csrf, "observe")).await;
    assert_eq!(by_ada.status, StatusCode::FORBIDDEN);
    let csrf = world.csrf(&sam).await;
    let stopped = world.form("/contract/level", &sam, &asked(&csrf, "observe")).await;
    assert_eq!((stopped.status, stopped.to()), (StatusCode::SEE_OTHER, "/contract"), "{}", stopped.body);
    let refused = world.form("/contract/level", &sam, &asked(&csrf, "auto")).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    for part in ["RB-0241", "suggest lies between", "RB-0240", "contract try --connection YOUR-SANDBOX"] {
        assert!(refused.body.contains(part), "{part}: {}", refused.body);
    }
    let shown = levels(&world.page(&sam, "/contract").await.body);
    assert!(shown.contains("nothing is written to the CRM") && shown.contains("Sam Okafor"), "{shown}");
    let told = world.api(&admin, "/api/v1/audit").await.json();
    let changes: Vec<String> = told["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|e| e["kind"] == "level")
        .map(|e| format!("{} {}", e["body"]["place"].as_str().unwrap(), e["body"]["is"].as_str().unwrap_or("-")))
        .collect();
    assert_eq!(changes, [format!("{place} suggest"), "everywhere observe".into(), format!("{place} -")]);
}

#[tokio::test]
async fn a_record_of_the_crm_leads_to_the_sentence_behind_each_of_its_fields() {
    let world = World::new().await;
    let cookie = async |email: &str| world.sign_in(email).await;
    let (dana, ada, sam) =
        (cookie("dana@example.com").await, cookie("ada@example.com").await, cookie("sam@example.com").await);
    // By the vendor's id, and by our key in it.
    let token = world.west.token(world.engine.store(), "read", 1).await;
    let all = world.api(&token, "/api/v1/inquiries?limit=50").await.json();
    let dale =
        all["data"].as_array().unwrap().iter().find(|i| i.to_string().contains("Dale Whitaker")).unwrap().clone();
    let task = dale["effects"].as_array().unwrap().iter().find(|e| e["target"] == "task").unwrap().clone();
    let by_key = format!("/t/task/rb-task-{}", dale["id"].as_str().unwrap().trim_start_matches("inq_"));
    let page = world.page(&sam, &by_key).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(page.body.contains(task["record"].as_str().unwrap()), "{}", page.body);
    let contact = world.page(&sam, "/t/contact/10099?field=rb_location").await;
    assert_eq!(contact.status, StatusCode::OK, "{}", contact.body);
    for shown in ["id=\"f-rb-location\"", "field.lead_location", "Dale Whitaker", "Ben Ortega", "no clause is asked"] {
        assert!(contact.body.contains(shown), "{shown}: {}", contact.body);
    }
    // The inquiry's table leads there.
    let inquiry = world.page(&sam, &format!("/inquiries/{}", dale["id"].as_str().unwrap())).await.body;
    let (_, rest) = inquiry.split_once("href=\"/t/contact/10099?field=").expect("a link from the field table");
    let property = rest.split('#').next().unwrap();
    assert!(contact.body.contains(property), "{property}");
    // What belongs to a place that is not hers, a coordinator does not see, here as elsewhere.
    let hers = world.page(&dana, "/t/contact/10099").await;
    assert!(hers.body.contains("Dale Whitaker") && !hers.body.contains("Ben Ortega"), "{}", hers.body);
    assert!(!hers.body.contains("file=1") && !hers.body.contains("under="), "{}", hers.body);
    assert_eq!(world.page(&dana, "/t/contact/10099?file=1").await.status, StatusCode::FORBIDDEN);
    for nothing in ["/t/contact/4711", "/t/person/10099", "/t/deal/10099", "/t/contact/rb-contact-nobody"] {
        assert_eq!(world.page(&sam, nothing).await.status, StatusCode::NOT_FOUND, "{nothing}");
    }
    // Its whole trail, for whoever may take it along; it proves itself.
    let file = world.page(&ada, "/t/contact/10099?file=1").await;
    assert_eq!(file.status, StatusCode::OK);
    assert!(file.headers[header::CONTENT_DISPOSITION].to_str().unwrap().contains("ringback-contact-10099"));
    let sound = ringback_engine::audit::record::verify_record(file.body.as_bytes(), None).unwrap();
    assert_eq!(sound.records, ["10099"]);
    let by_api = world.api(&token, "/api/v1/audit/record?object=contact&record=10099").await.json();
    let text = by_api["file"].as_str().unwrap();
    let again = ringback_engine::audit::record::verify_record(text.as_bytes(), by_api["key"].as_str()).unwrap();
    assert_eq!((again.entries, again.answers), (sound.entries, sound.answers));
    assert_eq!(world.api(&token, "/api/v1/audit/record?object=contact").await.code(), "RB-0131");
}

#[tokio::test]
async fn what_another_version_would_have_done_is_asked_at_every_door() {
    let world = World::new().await;
    let token = world.west.token(world.engine.store(), "read", 1).await;
    let body = json!({ "object": "contact", "record": "10099", "property": "rb_location", "version": 1 });
    let answer = world.api_post(&token, "/api/v1/trace/under", "u1", &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    // The sample's ledger has no events: that is said, and nothing guessed.
    assert!(answer.json()["unknown"].is_string() && answer.json()["would"].is_null(), "{}", answer.body);
    let asked = |more: Value| {
        let mut body = json!({ "object": "contact", "record": "10099", "property": "rb_location" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (more, status) in [
        (json!({ "version": 9 }), StatusCode::NOT_FOUND),
        (json!({ "version": 1, "seq": 1 }), StatusCode::NOT_FOUND),
        (json!({}), StatusCode::BAD_REQUEST),
        (json!({ "version": 1, "text": "" }), StatusCode::BAD_REQUEST),
        (json!({ "text": "nonsense" }), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let answer = world.api_post(&token, "/api/v1/trace/under", "u2", &asked(more.clone())).await;
        assert_eq!(answer.status, status, "{more}: {}", answer.body);
    }
    // Nobody of tier 3 works in the sample.
    let text = ringback_core::contract::DEFAULT_TEXT.replace(", { to = \"specialist\", after = \"20 min\" }", "");
    let draft = asked(json!({ "text": text }));
    let answer = world.api_post(&token, "/api/v1/trace/under", "u3", &draft).await;
    assert!([StatusCode::OK, StatusCode::CONFLICT].contains(&answer.status), "{} {}", answer.status, answer.body);
    // On the page the question is a link, with a right of its own.
    let answers = world.api(&token, "/api/v1/trace?object=contact&record=10099&property=rb_location").await.json();
    let newest = &answers["data"][0];
    assert_eq!(newest["verdict"]["kind"], "write", "{newest}");
    let of = format!("{}.{}.rb_location", newest["inquiry"].as_str().unwrap(), newest["seq"]);
    let path = format!("/t/contact/10099?under=1&of={of}");
    let sam = world.sign_in("sam@example.com").await;
    let page = world.page(&sam, &path).await;
    assert!(page.status == StatusCode::OK && page.body.contains("it cannot be known"), "{}", page.body);
    let dana = world.sign_in("dana@example.com").await;
    assert_eq!(world.page(&dana, &path).await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.page(&sam, "/t/contact/10099?under=1&of=x").await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.page(&sam, &format!("/t/contact/10099?under=x&of={of}")).await.status, StatusCode::BAD_REQUEST);
}
