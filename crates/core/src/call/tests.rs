use super::*;
use proptest::prelude::*;

fn roster() -> Roster {
    Roster::default()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_550_000 + second).unwrap()
}

fn signal(kind: SignalKind, ending: Ending) -> Signal {
    let mut signal = Signal::new(kind, vec!["CAL1".into()]);
    signal.ending = ending;
    signal.caller = Some("+16025550142".into());
    signal.dialled = Some("+16025550100".into());
    signal.started_at = Some(at(0));
    signal.duration_seconds = Some(20);
    signal
}

fn fold_all(signals: &[(usize, Signal)], received: i64) -> Call {
    let told: Vec<_> = signals.iter().map(|(n, signal)| ("conn_1", *n, signal.clone())).collect();
    fold_from(&roster(), &told, received)
}

/// The signals of several connections, read by that roster.
fn fold_from(roster: &Roster, signals: &[(&str, usize, Signal)], received: i64) -> Call {
    let mut call = Call::new(CallId::from_text("call_1"), AccountId::from_text("acct_1"), at(received));
    for (connection, n, signal) in signals {
        let connection = ConnectionId::from_text(*connection);
        let document = signal.transcript.as_ref().map(|t| DocumentId::from_text(format!("doc_{t}")));
        let id = SignalId::from_text(format!("sig_{n}"));
        let facts = FoldFacts {
            roster,
            connection: &connection,
            connection_location: None,
            region: "US",
            signal: &id,
            received_at: at(received),
            transcript: document.as_ref(),
        };
        call = fold(call, signal, facts);
    }
    call
}

fn numbered(signals: Vec<Signal>) -> Vec<(usize, Signal)> {
    signals.into_iter().enumerate().collect()
}

#[test]
fn what_a_voice_agent_answered_still_waits_for_a_person() {
    let agent = || signal(SignalKind::Ended, Ending::AiAnswered);
    let tracker = || signal(SignalKind::Ended, Ending::Answered);
    let corrected = || signal(SignalKind::Modified, Ending::Answered);
    let told = |order: &[(&'static str, Signal)]| {
        let told: Vec<_> = order.iter().enumerate().map(|(n, (from, signal))| (*from, n, signal.clone())).collect();
        fold_from(&roster(), &told, 30)
    };
    for order in [
        &[("agent", agent())][..],
        &[("agent", agent()), ("tracker", tracker())],
        &[("tracker", tracker()), ("agent", agent())],
        &[("tracker", tracker()), ("tracker", corrected()), ("agent", agent())],
        &[("agent", agent()), ("tracker", corrected())],
    ] {
        let call = told(order);
        assert_eq!(call.category(), "ai_answered", "only the agent knows that no person did");
        assert!(call.missed() && call.conversation() && !call.answered());
        assert!(matches!(place(&call, Some("person"), None, false), Place::Inquiry { .. }));
    }
    let put_through = told(&[("agent", agent()), ("agent", corrected())]);
    assert!(put_through.answered(), "the agent itself says that somebody took it");
    let person = fold_all(&numbered(vec![tracker()]), 30);
    assert!(matches!(place(&person, Some("person"), None, false), Place::RecordOnly { .. }));
}

#[test]
fn what_answered_at_the_agents_line_is_the_agent_in_whatever_order_it_is_told() {
    let mut roster = roster();
    roster.lines.push(crate::roster::Line {
        number: "+16025550100".into(),
        location: crate::id::LocationId::from_text("loc_1"),
        kind: Some(AGENT_LINE.into()),
        source: None,
        campaign: None,
        landing_page: None,
    });
    let answered = signal(SignalKind::Ended, Ending::Answered);
    let bare = Signal { dialled: None, ..answered.clone() };
    for [first, second] in [[&answered, &bare], [&bare, &answered]] {
        let call = fold_from(&roster, &[("conn_1", 0, first.clone()), ("conn_1", 1, second.clone())], 30);
        assert_eq!(call.category(), "ai_answered");
        assert!(matches!(place(&call, Some("person"), None, false), Place::Inquiry { .. }));
    }
}

#[test]
fn a_call_that_only_rings_is_not_missed_yet() {
    let call = fold_all(&numbered(vec![signal(SignalKind::Ringing, Ending::Unsaid)]), 30);
    assert!(!call.settled() && !call.missed());
    let due = call.verdict_due.unwrap();
    assert_eq!(due, at(30 + FINAL_REPORT_SECONDS_MAX));
    let early = verdict(call.clone(), at(60));
    assert!(!early.settled());
    let judged = verdict(call, due);
    assert!(judged.settled() && judged.flags.contains(&CallFlag::NoFinalReport));
    assert_eq!(judged.category(), "unknown", "unknown is a value of a call's state");
}

#[test]
fn what_each_provider_flow_ends_in() {
    use Ending::{Abandoned, Answered, Busy, RingNoAnswer, Unsaid, Voicemail};
    use SignalKind::{Ended, Leg, Modified, Recording, Ringing};
    type Row<'a> = (&'a str, &'a [(SignalKind, Ending)], &'a str);
    let table: &[Row<'_>] = &[
        ("post-call, missed", &[(Ringing, Unsaid), (Ended, RingNoAnswer)], "ring_no_answer"),
        (
            "two telephones of a ring group, the second answers",
            &[(Leg, RingNoAnswer), (Leg, Answered), (Ended, Unsaid)],
            "answered",
        ),
        (
            "nobody answers, then a voicemail",
            &[(Leg, RingNoAnswer), (Ended, Unsaid), (Recording, Voicemail)],
            "voicemail",
        ),
        ("busy telephone", &[(Leg, Busy), (Ended, Unsaid)], "busy"),
        ("the caller hangs up while it rings", &[(Leg, Abandoned), (Ended, Unsaid)], "abandoned"),
        ("answered after all", &[(Ended, RingNoAnswer), (Modified, Answered)], "answered"),
        ("the telephone's own mailbox had answered", &[(Ended, Answered), (Modified, Voicemail)], "voicemail"),
    ];
    for (name, flow, category) in table {
        let signals: Vec<Signal> = flow.iter().map(|(k, e)| signal(*k, *e)).collect();
        let call = fold_all(&numbered(signals), 60);
        assert_eq!(call.category(), *category, "{name}");
        assert!(call.settled(), "{name}");
    }
}

#[test]
fn over_without_a_leg_or_a_recording_is_abandoned_only_after_waiting() {
    let call = fold_all(&numbered(vec![signal(SignalKind::Ended, Ending::Unsaid)]), 30);
    assert!(!call.settled());
    let judged = verdict(call, at(30 + LATE_PARTS_SECONDS));
    assert_eq!(judged.category(), "abandoned");
}

#[test]
fn the_same_words_are_added_once() {
    let mut said = signal(SignalKind::Ended, Ending::Voicemail);
    said.transcript = Some("words".into());
    let call = fold_all(&numbered(vec![said.clone(), said.clone(), said]), 30);
    assert_eq!(call.transcripts.len(), 1);
    assert_eq!(call.heard.len(), 3, "every delivery is listed");
}

#[test]
fn wrong_clocks_and_missing_parts_are_flagged_and_counted_from_arrival() {
    let mut future = signal(SignalKind::Ended, Ending::RingNoAnswer);
    future.started_at = Some(at(7 * 24 * 3600));
    let call = fold_all(&numbered(vec![future]), 30);
    assert!(call.flags.contains(&CallFlag::FutureTime));
    assert_eq!(call.clock_from(), at(30));
    let mut old = signal(SignalKind::Ended, Ending::RingNoAnswer);
    old.started_at = Some(at(-3 * 365 * 24 * 3600));
    assert!(fold_all(&numbered(vec![old]), 30).flags.contains(&CallFlag::OldTime));
    let mut bare = Signal::new(SignalKind::Ended, vec!["CAL1".into()]);
    bare.ending = Ending::RingNoAnswer;
    let call = fold_all(&numbered(vec![bare]), 30);
    for flag in [CallFlag::MissingCallerId, CallFlag::MissingTimestamp, CallFlag::MissingSource] {
        assert!(call.flags.contains(&flag), "{flag:?}");
    }
    assert!(call.missed(), "flagged, not dropped");
    let mut nonsense = signal(SignalKind::Ended, Ending::RingNoAnswer);
    nonsense.caller = Some("12".into());
    let call = fold_all(&numbered(vec![nonsense]), 30);
    assert!(call.flags.contains(&CallFlag::InvalidNumber) && call.caller.e164().is_none());
}

#[test]
fn another_tracker_reports_the_same_call_and_a_redial_is_another() {
    let roster = roster();
    let call = fold_all(&numbered(vec![signal(SignalKind::Ended, Ending::RingNoAnswer)]), 30);
    let same = |connection: &str, dialled: &str, seconds: i64| {
        let mut other = signal(SignalKind::Ended, Ending::RingNoAnswer);
        other.call_keys = vec!["CA2".into()];
        other.dialled = Some(dialled.into());
        other.started_at = Some(at(seconds));
        let connection = ConnectionId::from_text(connection);
        let id = SignalId::from_text("sig_x");
        let facts = FoldFacts {
            roster: &roster,
            connection: &connection,
            connection_location: None,
            region: "US",
            signal: &id,
            received_at: at(seconds + 30),
            transcript: None,
        };
        same_call(&call, &other, facts)
    };
    assert!(same("conn_2", "+16025550111", 4), "another provider, the same moment");
    assert!(same("conn_1", "+16025550111", 4), "another tracking number of the same provider");
    assert!(!same("conn_1", "+16025550100", 4), "the same number again is a redial");
    assert!(!same("conn_2", "+16025550111", 300), "five minutes later is another call");
}

#[test]
fn over_and_how_it_ended_settle_in_either_order() {
    let parts = [signal(SignalKind::Ringing, Ending::RingNoAnswer), signal(SignalKind::Ended, Ending::Unsaid)];
    for signals in [vec![parts[0].clone(), parts[1].clone()], vec![parts[1].clone(), parts[0].clone()]] {
        assert!(fold_all(&numbered(signals), 60).settled());
    }
}

fn any_signal() -> impl Strategy<Value = Signal> {
    let kinds = prop::sample::select(vec![
        SignalKind::Ringing,
        SignalKind::Leg,
        SignalKind::Ended,
        SignalKind::Recording,
        SignalKind::Transcript,
        SignalKind::Modified,
    ]);
    let endings = prop::sample::select(vec![
        Ending::Unsaid,
        Ending::RingNoAnswer,
        Ending::Busy,
        Ending::Abandoned,
        Ending::Voicemail,
        Ending::Answered,
    ]);
    (kinds, endings, 0_u32..90).prop_map(|(kind, ending, seconds)| {
        let mut signal = signal(kind, ending);
        signal.duration_seconds = Some(seconds);
        signal
    })
}

proptest! {
    #[test]
    fn any_order_gives_the_same_call(
        (signals, shuffled) in prop::collection::vec(any_signal(), 1..7).prop_map(numbered).prop_flat_map(|s| (Just(s.clone()), Just(s).prop_shuffle()))
    ) {
        let (a, b) = (fold_all(&signals, 90), fold_all(&shuffled, 90));
        prop_assert_eq!(a.category(), b.category());
        prop_assert_eq!(a.settled(), b.settled());
        prop_assert_eq!(a.clock_from(), b.clock_from());
        prop_assert_eq!(a.duration_seconds, b.duration_seconds);
    }
}
