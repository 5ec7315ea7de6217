//! Which evidence makes which line green, red or unknown: a table, and what holds of every account.

use super::*;
use crate::contract::{DEFAULT_TEXT, parse};
use crate::standing::Pause;
use proptest::prelude::*;

const NOW: &str = "2026-03-05T08:00:00Z";

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Everything owned that [`Seen`] borrows.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) contract: Option<Contract>,
    pub(super) roster: Roster,
    pub(super) standing: Standing,
    pub(super) schema: Result<(String, Timestamp), String>,
    pub(super) tried: Option<Tried>,
    pub(super) traced: Option<Traced>,
    pub(super) runbook: (usize, usize, Vec<String>),
    pub(super) proved: Option<Proved>,
    pub(super) since: Timestamp,
    pub(super) confirms: bool,
    pub(super) logs: Vec<String>,
    pub(super) sandbox: Option<String>,
    pub(super) maps_others: bool,
}

impl World {
    /// An account of which everything is seen, and well.
    pub(super) fn well() -> Self {
        Self {
            contract: parse(DEFAULT_TEXT).0,
            roster: Roster::default(),
            standing: Standing::default(),
            schema: Ok(("digest".into(), instant(NOW))),
            tried: Some(run("digest", true, 1)),
            traced: Some(Traced { record: "contact 1 phone".into(), found: Ok("from call_1".into()) }),
            runbook: (13, 13, Vec::new()),
            proved: Some(Proved {
                day: "2026-03-04".into(),
                made_at: instant("2026-03-05T02:00:00Z"),
                sentence: "3 of 3 calls are proven".into(),
                findings: 0,
            }),
            since: instant("2026-01-01T00:00:00Z"),
            confirms: false,
            logs: vec!["callrail-main".into()],
            sandbox: None,
            maps_others: false,
        }
    }

    pub(super) fn judged(&self) -> Readiness {
        Readiness::of(&Seen {
            now: instant(NOW),
            contract: self.contract.as_ref().map(|c| (c, 3, instant("2026-02-01T00:00:00Z"))),
            roster: &self.roster,
            standing: &self.standing,
            schema: self.schema.clone(),
            tried: self.tried.clone(),
            traced: self.traced.clone(),
            runbook: self.runbook.clone(),
            proved: self.proved.clone(),
            since: self.since,
            confirms: self.confirms,
            logs: self.logs.clone(),
            sandbox: self.sandbox.clone(),
            maps_others: self.maps_others,
        })
    }

    fn line(&self, n: u8) -> Line {
        self.judged().guarantees.into_iter().find(|line| line.n == n).unwrap()
    }
}

fn run(digest: &str, ok: bool, records: u32) -> Tried {
    Tried {
        connection: "sandbox".into(),
        schema_digest: digest.into(),
        at: instant("2026-03-01T00:00:00Z"),
        ok,
        records,
        sentence: "12 fields were written and read back".into(),
    }
}

fn paused(clause: &str) -> Pause {
    Pause {
        clause: clause.into(),
        to: "contact.rb_urgency".into(),
        code: "RB-0213".into(),
        cause: "it is gone".into(),
        cure: "put it back".into(),
    }
}

#[test]
fn an_account_that_is_well_has_eight_green_lines_in_their_order() {
    let judged = World::well().judged();
    assert_eq!(judged.red(), 0);
    let lines: Vec<(u8, Light)> = judged.guarantees.iter().map(|l| (l.n, l.light)).collect();
    assert_eq!(lines, (1..=8).map(|n| (n, Light::Green)).collect::<Vec<_>>(), "{:?}", judged.guarantees);
    assert_eq!(World::well().line(1).at, Some(instant("2026-02-01T00:00:00Z")));
    assert!(World::well().line(1).evidence.contains("version 3 maps"));
}

#[test]
fn each_evidence_moves_its_own_line_and_no_other() {
    type Change = fn(&mut World);
    type Row<'a> = (&'a str, Change, &'a [(u8, Light)], &'a str);
    let table: &[Row<'_>] = &[
        ("no contract", |w| w.contract = None, &[(1, Light::Red), (2, Light::Red), (7, Light::Red)], "contract apply"),
        ("a pause", |w| w.standing.pauses = vec![paused("field.urgency")], &[(1, Light::Red)], "contract paused"),
        ("nobody wins", |w| first(w).winner = "  ".into(), &[(2, Light::Red)], "winner ="),
        ("never tried", |w| w.tried = None, &[(3, Light::Unknown), (8, Light::Red)], "contract try"),
        (
            "two records",
            |w| w.tried = Some(run("digest", false, 2)),
            &[(3, Light::Red), (8, Light::Red)],
            "contract try",
        ),
        (
            "ended early",
            |w| w.tried = Some(run("digest", false, 0)),
            &[(3, Light::Unknown), (8, Light::Red)],
            "contract try",
        ),
        ("nothing written", |w| w.traced = None, &[(4, Light::Unknown)], "take a call"),
        ("a broken trail", |w| broken(w), &[(4, Light::Red)], "ringback verify"),
        ("a page lacks steps", |w| w.runbook.1 = 12, &[(5, Light::Red)], "report this"),
        ("an old proof", |w| proof(w).made_at = instant("2026-03-03T05:59:59Z"), &[(6, Light::Red)], "proof make"),
        ("no proof", |w| w.proved = None, &[(6, Light::Red)], "proof make"),
        (
            "no proof yet",
            |w| (w.proved, w.since) = (None, instant("2026-03-04T00:00:00Z")),
            &[(6, Light::Unknown)],
            "proof make",
        ),
        ("another schema", |w| w.schema = Ok(("other".into(), instant(NOW))), &[(8, Light::Red)], "contract try"),
        ("other fields", |w| w.maps_others = true, &[(8, Light::Red)], "then `ringback contract level`"),
        ("an unread schema", |w| w.schema = Err("it is silent".into()), &[(8, Light::Unknown)], "doctor"),
    ];
    for (what, change, moved, mend) in table {
        let mut world = World::well();
        change(&mut world);
        let judged = world.judged();
        let seen: Vec<(u8, Light)> =
            judged.guarantees.iter().filter(|l| l.light != Light::Green).map(|l| (l.n, l.light)).collect();
        assert_eq!(seen, *moved, "{what}: {:?}", judged.guarantees);
        let last = world.line(moved.last().unwrap().0);
        assert!(last.mend.contains(mend), "{what}: {last:?}");
    }
}

fn first(world: &mut World) -> &mut crate::contract::FieldRule {
    world.contract.as_mut().unwrap().fields.values_mut().next().unwrap()
}

fn proof(world: &mut World) -> &mut Proved {
    world.proved.as_mut().unwrap()
}

fn broken(world: &mut World) {
    world.traced.as_mut().unwrap().found = Err("no call leads to it".into());
}

#[test]
fn the_field_without_a_winner_is_named() {
    let mut world = World::well();
    let name = world.contract.as_ref().unwrap().fields.keys().next().unwrap().clone();
    first(&mut world).winner.clear();
    let line = world.line(2);
    assert!(line.evidence.ends_with(&format!("do not say who wins: {name}")), "{line:?}");
}

#[test]
fn a_receiver_that_confirms_is_unknown_where_it_cannot_be_asked() {
    let mut world = World::well();
    (world.confirms, world.tried) = (true, None);
    assert_eq!((world.line(3).light, world.line(8).light, world.judged().red()), (Light::Unknown, Light::Unknown, 0));
}

/// The command beside a red line is run as it stands: it must neither name the CRM that the business works with nor say for a person that it may be
/// written to.
#[test]
fn a_try_is_proposed_in_a_sandbox_and_never_in_the_live_crm() {
    let mut world = World { tried: None, ..World::well() };
    assert_eq!(world.line(8).mend, "ringback contract try --connection YOUR-SANDBOX");
    assert_eq!(world.line(3).mend, world.line(8).mend);
    world.sandbox = Some("hubspot-sandbox".into());
    assert_eq!(world.line(8).mend, "ringback contract try --connection hubspot-sandbox");
    assert_eq!(
        World { sandbox: None, ..World::well() }.line(8).shows,
        "ringback contract try --connection YOUR-SANDBOX"
    );
}

#[test]
fn the_minimum_has_seven_lines_and_the_default_contract_names_what_it_lacks() {
    let minimum = World::well().judged().minimum;
    assert_eq!(minimum.iter().map(|l| l.n).collect::<Vec<_>>(), (1..=7).collect::<Vec<_>>());
    let red: Vec<&str> = minimum.iter().filter(|l| l.light == Light::Red).map(|l| l.name).collect();
    assert_eq!(red, ["Strategic-account approval"], "nobody but the account knows who is strategic");
    let text = DEFAULT_TEXT.replace("# strategic = {", "strategic = {");
    let world = World { contract: parse(&text).0, ..World::well() };
    assert!(world.judged().minimum.iter().all(|l| l.light == Light::Green), "{:?}", world.judged().minimum);
}

#[test]
fn no_log_and_nobody_on_duty_is_not_ready() {
    let world = World { logs: Vec::new(), ..World::well() };
    let lines: Vec<Light> = world.judged().not_ready.iter().map(|l| l.light).collect();
    assert_eq!(lines, [Light::Red, Light::Red, Light::Green], "a roster without a location has nobody in it either");
}

#[test]
fn a_schemas_name_depends_on_the_mapped_fields_alone() {
    let contract = parse(DEFAULT_TEXT).0.unwrap();
    let rule = contract.fields.values().next().unwrap();
    let spec = |name: &str, kind| PropertySpec {
        name: name.to_owned(),
        label: name.to_owned(),
        kind,
        unique: false,
        read_only: false,
        stored_as: None,
    };
    let text = (rule.object, spec(&rule.property, PropertyType::Text));
    let options = |all: &[&str]| PropertyType::Choice(all.iter().map(|o| (*o).to_owned()).collect());
    let of = |schema: &[(Object, PropertySpec)]| schema_digest(&contract, schema);
    let plain = of(std::slice::from_ref(&text));
    assert_eq!(
        plain,
        of(&[(rule.object, spec("of_nobody", PropertyType::Bool)), text.clone()]),
        "another field is added"
    );
    assert_ne!(plain, of(&[]), "it is gone");
    assert_ne!(plain, of(&[(rule.object, spec(&rule.property, PropertyType::Number))]), "it is retyped");
    assert_ne!(plain, of(&[(rule.object, PropertySpec { read_only: true, ..text.1.clone() })]), "nobody may write it");
    let choice = |all: &[&str]| of(&[(rule.object, spec(&rule.property, options(all)))]);
    assert_eq!(choice(&["a", "b"]), choice(&["b", "a"]), "the order of options says nothing");
    assert_ne!(choice(&["a", "b"]), choice(&["a"]), "an option is gone");
}

fn any_world() -> impl Strategy<Value = World> {
    let tried = prop::option::of((any::<bool>(), any::<bool>(), 0u32..4));
    let traced = prop::option::of(any::<bool>());
    let proved = prop::option::of((0i64..200, 0u64..3));
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (tried, traced, proved, flags, 0usize..14, 0i64..200).prop_map(|(tried, traced, proved, flags, whole, age)| {
        let (contract, pause, schema, confirms, logs) = flags;
        let now = instant(NOW);
        let ago = |hours: i64| now - jiff::SignedDuration::from_hours(hours);
        let mut world = World::well();
        world.contract = world.contract.filter(|_| contract);
        world.standing.pauses.extend(pause.then(|| paused("field.urgency")));
        if !schema {
            world.schema = Err("it is silent".into());
        }
        world.tried = tried.map(|(same, ok, n)| run(if same { "digest" } else { "other" }, ok, n));
        world.traced = traced.map(|ok| Traced {
            record: "contact 1 phone".into(),
            found: if ok { Ok("from call_1".into()) } else { Err("no call leads to it".into()) },
        });
        world.runbook = (13, whole, Vec::new());
        world.proved = proved.map(|(hours, findings)| Proved {
            day: "2026-03-04".into(),
            made_at: ago(hours),
            sentence: "3 of 3".into(),
            findings,
        });
        world.since = ago(age);
        world.confirms = confirms;
        world.logs.retain(|_| logs);
        world
    })
}

proptest! {
    /// Always eight, each with its evidence and a command that shows it; what is red says what mends it, and what is green asks for nothing.
    #[test]
    fn every_line_has_evidence_and_every_red_one_its_cure(world in any_world()) {
        let judged = world.judged();
        prop_assert_eq!((judged.guarantees.len(), judged.minimum.len(), judged.not_ready.len()), (8, 7, 3));
        for line in judged.guarantees.iter().chain(&judged.minimum).chain(&judged.not_ready) {
            prop_assert!(!line.evidence.is_empty() && !line.shows.is_empty(), "{:?}", line);
            prop_assert!(line.light != Light::Red || !line.mend.is_empty(), "{:?}", line);
            prop_assert!(line.light != Light::Green || line.mend.is_empty(), "{:?}", line);
        }
        prop_assert_eq!(world.judged(), judged, "the same evidence gives the same lines");
    }

    /// Nothing but a run against the very schema, that ended well, makes the last line green.
    #[test]
    fn only_a_run_against_this_schema_counts(world in any_world()) {
        let right = world.tried.as_ref().is_some_and(|t| t.ok && world.schema.as_ref().is_ok_and(|s| s.0 == t.schema_digest));
        prop_assert_eq!(world.line(8).light == Light::Green, right && !world.confirms);
    }
}
