use super::*;
use ringback_core::id::ReviewId;
use ringback_core::plan::Source;

fn review(kind: ReviewKind, field: Option<&str>) -> Review {
    Review {
        id: ReviewId::from_text("rev_1"),
        kind,
        field: field.map(str::to_owned),
        proposed: None,
        current: None,
        confidence: None,
        evidence: None,
        quote: None,
        reason: String::new(),
        clause: "field.urgency.write_at".into(),
        choices: Vec::new(),
        digest: String::new(),
        opened_at: Timestamp::UNIX_EPOCH,
        because: "below_write_threshold".into(),
        set_by: None,
        sentence: String::new(),
        contract: None,
        candidates: Vec::new(),
        workflow: None,
        source: Source::Words,
        checks: None,
    }
}

fn counts(review: Review, choice: Choice) -> Counts {
    Answer { at: Timestamp::UNIX_EPOCH, review, choice }.counts()
}

#[test]
fn every_answer_counts_once_and_as_what_it_is() {
    let field = || review(ReviewKind::Field, Some("urgency"));
    let of = |kind| review(kind, None);
    let pick = |id: &str| Choice::Pick { id: id.into() };
    let no = |code| Choice::Reject { reason: "no".into(), code };
    let edit = Choice::Edit { value: "high".into() };
    let cleanup = |kind| Review { workflow: Some(Workflow::DuplicateCleanup), ..of(kind) };
    for (review, choice, wanted) in [
        (field(), Choice::Approve, Counts::Accepted),
        (field(), edit.clone(), Counts::Edited),
        (field(), no(Some(RejectCode::Misheard)), Counts::Rejected),
        (field(), no(Some(RejectCode::NoDouble)), Counts::FalseDuplicate),
        (of(ReviewKind::Doubled), pick(APART), Counts::FalseDuplicate),
        (of(ReviewKind::Doubled), no(None), Counts::FalseDuplicate),
        (of(ReviewKind::Doubled), pick("501"), Counts::Otherwise),
        (cleanup(ReviewKind::Match), pick("none"), Counts::FalseDuplicate),
        (of(ReviewKind::Match), pick("none"), Counts::Otherwise),
        (of(ReviewKind::Match), pick("new"), Counts::Otherwise),
        (of(ReviewKind::OwnerTie), pick("staff_1"), Counts::Otherwise),
        (of(ReviewKind::NoNumber), edit, Counts::Otherwise),
        (of(ReviewKind::SpotCheck), Choice::Approve, Counts::Checked(true)),
        (of(ReviewKind::SpotCheck), no(None), Counts::Checked(false)),
    ] {
        assert_eq!(counts(review.clone(), choice.clone()), wanted, "{:?} {choice:?}", review.kind);
    }
}

fn owner(seq: i64, body: &str) -> EntryRow {
    EntryRow {
        account: "acct_1".into(),
        inquiry: "inq_1".into(),
        seq,
        at: seq,
        kind: "owner".into(),
        body: body.into(),
        prev_hash: String::new(),
        hash: String::new(),
        schema: 1,
        code_version: String::new(),
    }
}

#[test]
fn a_routing_correction_is_a_person_put_in_place_of_whom_a_rule_had_named() {
    let rule = r#"{"staff":"s1","clause":"owner.rule[1]","provisional":false}"#;
    let tie = r#"{"staff":"s1","clause":"owner.rule[1]","provisional":true}"#;
    let (ann, bob) = (r#"{"staff":"s2","by":"u1"}"#, r#"{"staff":"s3","by":"u1"}"#);
    let same = r#"{"staff":"s1","by":"u1"}"#;
    let of = |bodies: &[&str], at: i64| {
        let rows: Vec<EntryRow> = bodies.iter().zip(1..).map(|(body, seq)| owner(seq, body)).collect();
        rule_put_right(&rows, at)
    };
    assert_eq!(of(&[rule, ann], 2).as_deref(), Some("owner.rule[1]"));
    assert_eq!(of(&[rule, same], 2), None, "who has it keeps it");
    assert_eq!(of(&[tie, ann], 2), None, "it was theirs only until a person had decided");
    assert_eq!(of(&[rule, ann, bob], 3), None, "nobody corrects a rule by giving away what a person gave");
    assert_eq!(of(&[ann], 1), None, "no rule had named anybody");
    assert_eq!(of(&[rule, ann], 9), None);
}
