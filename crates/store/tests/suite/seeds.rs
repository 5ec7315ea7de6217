//! One row for every table. The ids are the same in every account; what tells the accounts apart is `account` and a mark.

use ringback_store::*;

pub(crate) fn account(id: &str) -> AccountRow {
    AccountRow { id: id.into(), name: format!("of {id}"), salt: format!("salt {id}"), created_at: 1 }
}

pub(crate) fn user(account: &str) -> UserRow {
    UserRow {
        account: account.into(),
        id: "u1".into(),
        email_folded: "ann@example.com".into(),
        email: "Ann@Example.com".into(),
        name: format!("Ann of {account}"),
        role: "admin".into(),
        password_hash: "$argon2$".into(),
        locations: "[]".into(),
        active: true,
        created_at: 2,
    }
}

pub(crate) fn session(account: &str) -> SessionRow {
    SessionRow {
        token_hash: format!("session of {account}"),
        account: account.into(),
        user_id: "u1".into(),
        csrf: "c".into(),
        created_at: 3,
        expires_at: 1_000,
    }
}

pub(crate) fn token(account: &str) -> TokenRow {
    TokenRow {
        account: account.into(),
        id: "t1".into(),
        name: "agency".into(),
        token_hash: format!("token of {account}"),
        scopes: "[]".into(),
        created_at: 4,
        revoked_at: None,
        last_used_at: None,
    }
}

pub(crate) fn connection(account: &str) -> ConnectionRow {
    ConnectionRow {
        account: account.into(),
        id: "c1".into(),
        name: "front desk".into(),
        vendor: "callrail".into(),
        kind: "source".into(),
        settings: format!("{{\"of\":\"{account}\"}}"),
        sealed_secrets: format!("sealed {account}"),
        key_id: "k1".into(),
        base_url: None,
        zone: Some("America/New_York".into()),
        region: Some("US".into()),
        state: "on".into(),
        created_at: 5,
        updated_at: 5,
    }
}

pub(crate) fn contract(account: &str, id: &str, digest: &str) -> ContractNew {
    ContractNew {
        account: account.into(),
        id: id.into(),
        name: "main".into(),
        digest: digest.into(),
        source: format!("# {account}"),
        compiled: "{}".into(),
        applied_at: 6,
        applied_by: "u1".into(),
    }
}

pub(crate) fn document(mark: &str) -> DocumentNew {
    DocumentNew {
        id: "d1".into(),
        class: "voice".into(),
        kind: "transcript".into(),
        body: format!("words of {mark}"),
        created_at: 7,
        expires_at: Some(500),
    }
}

pub(crate) fn signal(account: &str, id: &str, delivery_key: &str) -> SignalIn {
    SignalIn {
        account: account.into(),
        id: id.into(),
        connection: "c1".into(),
        event: "post-call".into(),
        received_at: 100,
        state: "stored".into(),
        why: None,
        delivery_key: delivery_key.into(),
        document: DocumentNew {
            id: format!("raw-{id}"),
            class: "request".into(),
            kind: "request".into(),
            body: format!("bytes of {account}"),
            created_at: 100,
            expires_at: None,
        },
    }
}

pub(crate) fn call(account: &str) -> CallRow {
    CallRow {
        account: account.into(),
        id: "call1".into(),
        snapshot: format!("{{\"of\":\"{account}\"}}"),
        version: 1,
        location: Some("l1".into()),
        person_key: Some("p1".into()),
        category: Some("voicemail".into()),
        after_hours: true,
        started_at: 90,
        inquiry: Some("i1".into()),
        created_at: 100,
        updated_at: 100,
    }
}

pub(crate) fn inquiry(account: &str, id: &str, open_key: &str) -> InquiryRow {
    InquiryRow {
        account: account.into(),
        id: id.into(),
        snapshot: format!("{{\"of\":\"{account}\"}}"),
        version: 1,
        state: "open".into(),
        open_key: Some(open_key.into()),
        location: Some("l1".into()),
        person_key: Some("p1".into()),
        urgency: Some("high".into()),
        category: Some("voicemail".into()),
        owner: Some("u1".into()),
        tier: 1,
        due_at: Some(400),
        queue: Some("today".into()),
        opened_at: 100,
        closed_at: None,
        updated_at: 100,
    }
}

pub(crate) fn entry(account: &str, seq: i64) -> EntryRow {
    EntryRow {
        account: account.into(),
        inquiry: "i1".into(),
        seq,
        at: 100 + seq,
        kind: "signal".into(),
        body: format!("{{\"of\":\"{account}\"}}"),
        prev_hash: format!("h{}", seq - 1),
        hash: format!("h{seq}"),
        schema: 1,
        code_version: "0.1.0".into(),
    }
}

pub(crate) fn checkpoint(account: &str, seq: i64) -> CheckpointRow {
    CheckpointRow {
        account: account.into(),
        seq,
        at: 100,
        body: "{}".into(),
        prev_hash: "p".into(),
        hash: format!("h{seq}"),
        signature: account.into(),
    }
}

pub(crate) fn plan(account: &str, id: &str, n: i64) -> PlanRow {
    PlanRow {
        account: account.into(),
        id: id.into(),
        inquiry: "i1".into(),
        n,
        parent: None,
        contract: "k1".into(),
        at: 100,
        schema: 1,
        body: format!("{{\"of\":\"{account}\"}}"),
    }
}

pub(crate) fn effect(account: &str, id: &str, lane: &str) -> EffectRow {
    EffectRow {
        account: account.into(),
        id: id.into(),
        inquiry: "i1".into(),
        plan: "plan1".into(),
        lane: lane.into(),
        kind: "create".into(),
        target: "contact:p1".into(),
        state: "due".into(),
        urgent: false,
        rank: 10,
        due_at: 100,
        in_flight_until: None,
        needs: "[]".into(),
        body: format!("{{\"of\":\"{account}\"}}"),
        history: "[]".into(),
        receipt: None,
        attempts: 0,
        version: 1,
        created_at: 100,
        settled_at: None,
        why: None,
    }
}

pub(crate) fn attempt(account: &str) -> AttemptRow {
    AttemptRow {
        account: account.into(),
        id: "a1".into(),
        effect: "e1".into(),
        n: 1,
        op: "create".into(),
        started_at: 100,
        ended_at: None,
        outcome: None,
        status: None,
        why: Some("sent".into()),
        took_ms: None,
    }
}

pub(crate) fn person(account: &str) -> PersonRow {
    PersonRow {
        account: account.into(),
        person_key: "p1".into(),
        kind: "phone".into(),
        key_id: "k1".into(),
        document: None,
        suppression: format!("{{\"of\":\"{account}\"}}"),
        consent: "{}".into(),
        crm_ids: "[]".into(),
        updated_at: 100,
    }
}

pub(crate) fn review(account: &str) -> ReviewRow {
    ReviewRow {
        account: account.into(),
        id: "r1".into(),
        inquiry: "i1".into(),
        kind: "field".into(),
        state: "open".into(),
        digest: "digest".into(),
        body: format!("{{\"of\":\"{account}\"}}"),
        opened_at: 100,
        decided_at: None,
        decided_by: None,
        decision: None,
    }
}

pub(crate) fn idempotency(account: &str) -> IdempotencyRow {
    IdempotencyRow {
        account: account.into(),
        key: "key".into(),
        route: "POST /calls".into(),
        request_hash: "h".into(),
        status: 201,
        body: account.into(),
        created_at: 100,
    }
}

pub(crate) fn proof(account: &str, seq: i64, day: &str, revision: i64) -> ProofRow {
    ProofRow {
        account: account.into(),
        seq,
        day: day.into(),
        revision,
        made_at: 100 + seq,
        summary: format!("{{\"of\":\"{account}\"}}"),
        key_id: "k1".into(),
        prev_hash: format!("h{}", seq - 1),
        hash: format!("h{seq}"),
        body: format!("line {seq}\n"),
    }
}

pub(crate) fn field_write(account: &str, seq: i64, property: &str) -> FieldWriteRow {
    FieldWriteRow {
        account: account.into(),
        inquiry: "i1".into(),
        seq,
        property: property.into(),
        at: 100 + seq,
        object: "contact".into(),
        record: "rec1".into(),
        field: "urgency".into(),
        clause: "field.urgency.winner".into(),
        contract: "main".into(),
        version: seq,
        source: format!("the words of {account}"),
        origin: "ads".into(),
        actor: "AI".into(),
        confidence: Some(950),
        effect: "e1".into(),
        was_doc: None,
        is_doc: Some("d1".into()),
    }
}

pub(crate) fn correction(account: &str, seq: i64) -> CorrectionRow {
    CorrectionRow {
        account: account.into(),
        inquiry: "i1".into(),
        seq,
        property: "rb_urgency".into(),
        kind: "rollback".into(),
        value_doc: Some("d1".into()),
        by_id: account.into(),
        seen_at: 100 + seq,
    }
}

pub(crate) fn rollback(account: &str, id: &str, started_at: i64) -> RollbackRow {
    RollbackRow {
        account: account.into(),
        id: id.into(),
        scope: format!("{{\"of\":\"{account}\"}}"),
        state: "running".into(),
        reason: "a wrong source".into(),
        by_id: "u1".into(),
        preview_digest: "digest".into(),
        preview: "{}".into(),
        started_at,
        due_at: started_at + 10,
        done_at: None,
    }
}

pub(crate) fn rollback_item(account: &str, rollback: &str, n: i64) -> RollbackItemRow {
    RollbackItemRow {
        account: account.into(),
        rollback: rollback.into(),
        n,
        inquiry: "i1".into(),
        lane: "hubspot".into(),
        object: "contact".into(),
        record: format!("rec{n} of {account}"),
        fields: "[]".into(),
        state: "planned".into(),
        effect: None,
    }
}

pub(crate) fn sandbox_run(account: &str) -> SandboxRunRow {
    SandboxRunRow {
        account: account.to_owned(),
        id: "run1".into(),
        connection: "c1".into(),
        schema_digest: "schema 1".into(),
        contract: "digest 1".into(),
        started_at: 10,
        ended_at: 20,
        ok: 1,
        body: "{}".into(),
    }
}

pub(crate) fn alarm(account: &str, id: &str) -> AlarmRow {
    AlarmRow {
        account: account.into(),
        id: id.into(),
        kind: "quarantine".into(),
        subject: "c1".into(),
        body: format!("{{\"of\":\"{account}\"}}"),
        raised_at: 100,
        cleared_at: None,
    }
}

/// A question that somebody answered, and an inquiry that somebody gave away.
pub(crate) async fn answered(store: &Store, of: &str) {
    let of = of.to_owned();
    let unit = store.write(Site::Setup, move |tx| {
        Box::pin(async move {
            let decided = ReviewRow { id: "r9".into(), inquiry: "i9".into(), ..review(&of) };
            assert!(review_insert_once(tx, &decided).await?);
            let decision = ReviewDecision { state: "decided".into(), at: 200, by: "u1".into(), decision: "{}".into() };
            assert!(review_decide_if_open(tx, &of, "r9", "digest", &decision).await?);
            let body = format!("{{\"by\":\"u1\",\"of\":\"{of}\"}}");
            let given = EntryRow { inquiry: "i9".into(), kind: "owner".into(), body, ..entry(&of, 1) };
            entries_append(tx, &[given]).await
        })
    });
    unit.await.unwrap();
}

/// A row in every table of one account.
pub(crate) async fn everything(store: &Store, of: &str) {
    let account_id = of.to_owned();
    store
        .write(Site::Setup, move |tx| {
            Box::pin(async move {
                let of = account_id.as_str();
                assert!(account_insert_once(tx, &account(of)).await?);
                user_insert(tx, &user(of)).await?;
                session_insert(tx, &session(of)).await?;
                token_insert(tx, &token(of)).await?;
                connection_upsert(tx, &connection(of)).await?;
                roster_put(tx, of, "location", "l1", of, 50).await?;
                contract_insert_next(tx, &contract(of, "k1", "digest 1")).await?;
                assert!(document_put_once(tx, of, &document(of)).await?);
                assert!(call_insert(tx, &call(of)).await?);
                assert!(call_key_insert_once(tx, of, "c1", "CA1", "call1").await?);
                assert!(inquiry_insert_once(tx, &inquiry(of, "i1", "open p1")).await?);
                entries_append(tx, &[entry(of, 1), entry(of, 2), entry(of, 3)]).await?;
                checkpoint_insert(tx, &checkpoint(of, 1)).await?;
                plan_insert(tx, &plan(of, "plan1", 1)).await?;
                let dead = EffectRow { state: "dead".into(), settled_at: Some(150), ..effect(of, "e2", "hubspot") };
                effect_insert(tx, &[effect(of, "e1", "hubspot"), dead, effect(of, "e3", TIMER_LANE)]).await?;
                let e2 = effect_get(tx, of, "e2").await?.ok_or_else(|| Error::Bug("e2 is gone".into()))?;
                assert!(
                    effect_update_if(tx, &EffectRow { receipt: Some("{\"record\":\"rec1\"}".into()), ..e2 }).await?
                );
                attempt_insert(tx, &attempt(of)).await?;
                lane_upsert(tx, of, "hubspot", "c1").await?;
                let person = person(of);
                let key = (person.person_key.as_str(), person.kind.as_str(), person.key_id.as_str());
                person_suppress(tx, of, key, &person.suppression, person.updated_at).await?;
                assert!(review_insert_once(tx, &review(of)).await?);
                assert!(idempotency_put_once(tx, &idempotency(of)).await?);
                cursor_put(tx, of, "c1", "calls", of, 100).await?;
                sandbox_run_insert(tx, &sandbox_run(of)).await?;
                assert!(clause_wait_put(tx, of, "urgency", "i1", 100).await?);
                assert!(alarm_raise_once(tx, &alarm(of, "al1")).await?);
                proof_insert(tx, &proof(of, 1, "2026-03-02", 1)).await?;
                let writes = [
                    field_write(of, 2, "rb_source"),
                    field_write(of, 2, "rb_urgency"),
                    field_write(of, 3, "rb_urgency"),
                ];
                assert_eq!(field_writes_put_once(tx, &writes).await?, 3);
                assert_eq!(corrections_put_once(tx, &[correction(of, 2)]).await?, 1);
                rollback_insert(tx, &rollback(of, "rb1", 100), &[rollback_item(of, "rb1", 1)]).await?;
                Ok(())
            })
        })
        .await
        .unwrap();
    store.intake(signal(of, "s1", "delivery 1")).await.unwrap();
    store.intake(signal(of, "s1 again", "delivery 1")).await.unwrap();
    let bad = SignalIn { state: "quarantined".into(), ..signal(of, "s2", "delivery 2") };
    store.intake(bad).await.unwrap();
    let folded = of.to_owned();
    store
        .write(Site::Setup, move |tx| {
            Box::pin(async move {
                assert!(signal_settle_if(tx, &folded, "s1", "stored", "folded", Some("call1"), None).await?);
                Ok(())
            })
        })
        .await
        .unwrap();
}
