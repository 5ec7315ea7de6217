use super::file::{CALL, EXCEPTION, Entry, FOOTER, HEADER, LOCATION};
use super::*;
use crate::crm::KEY_PROPERTY;
use serde_json::json;

const AGAIN: &str = "ringback reconcile --since 24h";
const WORKED: &[&str] = &["hs_task_status"];

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + seconds).unwrap()
}

fn rang(keys: &[&str], caller: Option<&str>, seconds: i64) -> Rang {
    Rang {
        reference: format!("line {seconds}"),
        keys: keys.iter().map(|k| (*k).to_owned()).collect(),
        caller: caller.map(str::to_owned),
        dialled: Some("+13125550100".into()),
        at: at(seconds),
        missed: true,
    }
}

fn known(id: &str, keys: &[&str], caller: Option<&str>, seconds: i64) -> Known {
    let rang = rang(keys, caller, seconds);
    Known { id: id.into(), keys: rang.keys, caller: rang.caller, dialled: rang.dialled, at: rang.at }
}

#[test]
fn a_lost_call_does_not_hide_behind_its_neighbour() {
    let (a, b) = (Some("+13125550142"), Some("+13125550143"));
    let list = [
        rang(&["CAL1"], a, 0),
        rang(&[], a, 60),
        rang(&[], a, 90),
        rang(&[], b, 60),
        rang(&[], None, 60),
        rang(&["CAL1"], a, 3),
    ];
    let ours = [known("one", &["x", "CAL1"], a, 0), known("two", &[], a, 80), known("hidden", &[], None, 20)];
    // The third call of that caller is nearest to ours, so the second was lost; a leg with the same key is the same call.
    assert_eq!(pair(&list, &ours), [Some(0), None, Some(1), None, Some(2), Some(0)]);
    assert_eq!(pair(&[rang(&[], a, 200)], &ours), [None]);
}

fn held(id: &str, properties: &[(&str, &str)]) -> Record {
    let properties = properties.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Record { id: id.into(), properties, ..Record::default() }
}

fn part(object: Object, id: &str) -> Part {
    let wrote = [(KEY_PROPERTY, "rb-key"), ("phone", "+1312")];
    Part {
        object,
        effect: Some(format!("eff_{id}")),
        sent: Sent::Done,
        made: true,
        record: Some(id.into()),
        wrote: wrote.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        seen: Seen::Held(held(id, &wrote)),
        contacts: (object != Object::Contact).then(|| vec!["501".into()]),
        misplaced: None,
    }
}

fn whole() -> Case {
    Case {
        call: "call_1".into(),
        inquiry: Some("inq_1".into()),
        location: "phoenix".into(),
        at: at(0),
        category: "voicemail".into(),
        zone: "America/Phoenix".into(),
        stored: Stored::Recorded,
        matched: Mark::Yes,
        parts: vec![part(Object::Contact, "501"), part(Object::Call, "601"), part(Object::Task, "701")],
        called_back: Mark::Yes,
        others: Vec::new(),
        known_since: Some(at(0)),
    }
}

fn words(case: &Case) -> (Vec<&'static str>, Vec<&'static str>) {
    let judged = judge(case, AGAIN, WORKED);
    (judged.ticks.iter().map(Mark::word).collect(), judged.findings.iter().map(|f| f.kind.word()).collect())
}

#[test]
fn what_is_whole_has_five_ticks_and_no_finding() {
    assert_eq!(words(&whole()), (vec!["yes"; 5], vec![]));
    let report = report(&[whole()], AGAIN, WORKED);
    assert_eq!(report.sentence, "1 rang. 1 recorded. 1 in the CRM. 0 lost. 0 doubled.");
}

#[test]
fn every_kind_is_named_alone_with_its_command() {
    type Change = fn(&mut Case);
    let table: &[(&str, Change, [&str; 5], &str)] = &[
        ("lost", |c| c.stored = Stored::Missing, ["no"; 5], "ringback reconcile --since 24h --mend f-"),
        (
            "held_back",
            |c| {
                c.stored = Stored::Held {
                    signal: "sig_1".into(),
                    why: "wrong_signature".into(),
                    command: "ringback quarantine accept sig_1".into(),
                    waits: false,
                }
            },
            ["no"; 5],
            "ringback quarantine accept sig_1",
        ),
        (
            "waiting",
            |c| {
                let (signal, why, command) = ("sig_1".into(), "stored".into(), "ringback runbook".into());
                c.stored = Stored::Held { signal, why, command, waits: true };
            },
            ["waits"; 5],
            "ringback runbook",
        ),
        (
            "missing_in_crm",
            |c| c.parts[1].sent = Sent::Dead("validation".into()),
            ["yes", "yes", "no", "yes", "yes"],
            "ringback dead-letters replay eff_601",
        ),
        ("missing_in_crm", |c| c.parts[2].sent = Sent::Nothing, ["yes", "yes", "yes", "no", "yes"], "ringback doctor"),
        (
            "deleted_in_crm",
            |c| c.parts[0].seen = Seen::Gone,
            ["yes", "yes", "no", "no", "yes"],
            "ringback reconcile --since 24h --mend f-",
        ),
        (
            "deleted_in_crm",
            |c| {
                c.parts[0].seen = Seen::Gone;
                c.parts[0].made = false;
            },
            ["yes", "yes", "no", "yes", "yes"],
            AGAIN,
        ),
        (
            "deleted_in_crm",
            |c| c.parts[2].seen = Seen::Gone,
            ["yes", "yes", "yes", "no", "yes"],
            "ringback reconcile --since 24h --mend f-",
        ),
        ("orphan", |c| c.parts[1].contacts = Some(Vec::new()), ["yes"; 5], "ringback reconcile --since 24h --mend f-"),
        (
            "wrong_place",
            |c| c.parts[0].misplaced = Some(("sub-account 1".into(), "sub-account 2".into())),
            ["yes", "yes", "no", "yes", "yes"],
            "ringback reconcile --since 24h --mend f-",
        ),
        (
            "drift",
            |c| c.parts[0].seen = Seen::Held(held("501", &[(KEY_PROPERTY, "rb-key"), ("phone", "+1999")])),
            ["yes"; 5],
            "ringback trace contact 501 phone",
        ),
        (
            "waiting",
            |c| c.parts[0].sent = Sent::Waits("since 8:00".into()),
            ["yes", "yes", "waits", "yes", "yes"],
            "ringback runbook",
        ),
        (
            "waiting",
            |c| c.parts[0].sent = Sent::Asked("two records".into()),
            ["yes", "yes", "waits", "yes", "yes"],
            "ringback review list",
        ),
    ];
    for (kind, change, ticks, command) in table {
        let mut case = whole();
        change(&mut case);
        assert_eq!(words(&case), (ticks.to_vec(), vec![*kind]), "{kind}");
        let judged = judge(&case, AGAIN, WORKED);
        assert!(judged.findings[0].command.starts_with(command), "{}", judged.findings[0].command);
        assert!(judged.findings[0].sentence.ends_with(['.', '?']), "{}", judged.findings[0].sentence);
    }
}

#[test]
fn a_double_is_whose_record_came_second() {
    let by = |who, seconds| SetBy { value: String::new(), at: Some(at(seconds)), who, source: String::new() };
    let mut twice = whole();
    twice.others = vec![Other { record: "502".into(), ours: false, made_by: Some(by(Setter::Person, 60)) }];
    assert_eq!(words(&twice).1, ["foreign_duplicate"]);
    assert!(judge(&twice, AGAIN, WORKED).findings[0].sentence.contains("a person made contact 502"));
    twice.others[0].made_by = Some(by(Setter::Person, -60));
    assert_eq!(words(&twice).1, ["doubled"], "it was there before ours: ours is the second");
    twice.parts[0].made = false;
    assert_eq!(words(&twice).1, Vec::<&str>::new(), "both were there before us: the match asks about those");
    twice.others[0].ours = true;
    assert_eq!(words(&twice).1, ["doubled"]);
}

#[test]
fn a_deleted_contact_takes_what_hangs_on_it_along() {
    let mut case = whole();
    case.parts[0].seen = Seen::Gone;
    case.parts[1].contacts = Some(Vec::new());
    let judged = judge(&case, AGAIN, WORKED);
    let [finding] = judged.findings.as_slice() else { panic!("{:?}", judged.findings) };
    let effects = ["eff_501", "eff_601", "eff_701"].map(str::to_owned).to_vec();
    assert_eq!(finding.mend, Mend::Again(effects));
}

#[test]
fn a_merged_contact_is_there_and_work_on_a_task_is_no_drift() {
    let mut case = whole();
    case.parts[0].seen = Seen::Merged(held("900", &[("phone", "+1312")]));
    case.parts[1].contacts = Some(vec!["900".into()]);
    case.parts[2].wrote.insert("hs_task_status".into(), "NOT_STARTED".into());
    case.parts[2].seen =
        Seen::Held(held("701", &[(KEY_PROPERTY, "rb-key"), ("phone", " +1312 "), ("hs_task_status", "COMPLETED")]));
    assert_eq!(words(&case), (vec!["yes"; 5], vec![]));
}

#[test]
fn what_calls_of_one_inquiry_share_is_told_once() {
    let mut first = whole();
    first.parts[0].seen = Seen::Gone;
    let mut second = first.clone();
    second.call = "call_2".into();
    second.at = at(60);
    second.parts[1] = part(Object::Call, "602");
    let report = report(&[second, first], AGAIN, WORKED);
    assert_eq!(report.findings().count(), 1);
    assert_eq!((report.counts.rang, report.counts.in_crm, report.counts.exceptions), (2, 0, 1));
    assert_eq!(report.locations["phoenix"].rang, 2);
}

fn proof() -> file::Written {
    let call = |n: &str, third: &str| Entry {
        kind: CALL,
        body: json!({ "location": "phoenix", "ref": n, "ticks": ["yes", "yes", third, "yes", "waits"] }),
    };
    let entries = [
        Entry { kind: HEADER, body: json!({ "format": file::FORMAT, "schema": 1, "key": "k1", "day": "2026-03-02" }) },
        Entry { kind: LOCATION, body: json!({ "location": "phoenix", "rang": 2, "in_crm": 1, "name": "Phönix" }) },
        call("ab", "yes"),
        call("cd", "no"),
        Entry { kind: EXCEPTION, body: json!({ "kind": "lost" }) },
        Entry { kind: FOOTER, body: json!({ "lines": 6, "exceptions": 1 }) },
    ];
    file::write(&entries, Some(&"f".repeat(64)), |hash| format!("s{}", hex(hash)))
}

fn check(bytes: &[u8], pinned: Option<&str>) -> Result<file::Sound, file::Unsound> {
    file::verify(bytes, pinned, |key, hash, signature| key == "k1" && signature == format!("s{}", hex(hash)))
}

#[test]
fn a_proof_holds_and_says_what_it_follows() {
    let written = proof();
    let sound = check(written.text.as_bytes(), Some("k1")).unwrap();
    assert_eq!((sound.hash, sound.previous, sound.lines.len()), (written.hash, "f".repeat(64), 6));
    assert_eq!(check(written.text.as_bytes(), Some("k2")).unwrap_err().line, 1);
}

#[test]
fn one_flipped_bit_anywhere_fails_in_the_line_that_holds_it() {
    let bytes = proof().text.into_bytes();
    let mut line = 1;
    for n in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[n] ^= 1 << bit;
            let unsound = check(&changed, None).unwrap_err();
            assert_eq!(unsound.line, line, "byte {n} bit {bit}: {}", unsound.cause);
        }
        line += usize::from(bytes[n] == b'\n');
    }
    assert_eq!(line, 7);
}

#[test]
fn lines_taken_out_put_in_or_cut_off_are_found() {
    let text = proof().text;
    let lines: Vec<&str> = text.lines().collect();
    let join = |lines: &[&str]| lines.iter().flat_map(|l| [*l, "\n"]).collect::<String>();
    for gone in 0..lines.len() {
        let mut left = lines.clone();
        left.remove(gone);
        assert_eq!(check(join(&left).as_bytes(), None).unwrap_err().line, gone + 1, "without line {}", gone + 1);
    }
    let mut swapped = lines.clone();
    swapped.swap(2, 3);
    assert_eq!(check(join(&swapped).as_bytes(), None).unwrap_err().line, 3);
    assert_eq!(check(format!("{text}{}\n", lines[5]).as_bytes(), None).unwrap_err().line, 7);
    assert_eq!(check(b"", None).unwrap_err().cause, "the file is empty");
}

#[test]
fn figures_that_the_calls_do_not_bear_out_are_found_even_when_chained_anew() {
    let entries = [
        Entry { kind: HEADER, body: json!({ "format": file::FORMAT, "schema": 1, "key": "k1" }) },
        Entry { kind: LOCATION, body: json!({ "location": "phoenix", "rang": 2, "in_crm": 2 }) },
        Entry { kind: CALL, body: json!({ "location": "phoenix", "ticks": ["yes", "yes", "yes", "yes", "yes"] }) },
        Entry { kind: FOOTER, body: json!({ "lines": 4, "exceptions": 0 }) },
    ];
    let written = file::write(&entries, None, |hash| format!("s{}", hex(hash)));
    let unsound = check(written.text.as_bytes(), None).unwrap_err();
    assert_eq!((unsound.line, unsound.cause.as_str()), (4, "the figures of phoenix are not those of its calls"));
}
