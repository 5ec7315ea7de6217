//! Contracts that are whole, and every way in which one is not.

use super::*;
use crate::crm::{Object, PropertySpec, PropertyType};
use crate::followup::calendar::{Block, Calendar, Week};
use crate::id::{LocationId, StaffId};
use crate::identity::PersonProperties;
use crate::money::Money;
use crate::problem::Problem;
use crate::roster::{Line, Location, Roster, Staff};
use proptest::prelude::*;

/// The smallest contract that is whole.
const SMALL: &str = r#"
contract = "small"
crm = "hubspot-main"
autonomy = "auto-low-risk"
[eligible]
categories = ["voicemail"]
[match]
link = ["phone"]
[field.budget]
means = "What the job may cost"
to = "contact.budget"
type = "money"
truth = "human"
winner = "A figure typed by a person wins."
machine = "suggest"
[owner]
otherwise = "location:tier1"
[[owner.rule]]
priority = 1
when = 'call.location == "phoenix"'
to = "role:phoenix-coordinator"
[clock]
emergency = "5 min"
high = "5 min"
new_lead = "30 min"
customer = "same day"
after_hours = "next opening + 60 min"
tiers = [{ to = "location" }, { to = "corporate", after = "10 min" }]
stale_after = "60 min"
[page]
on = ["opened"]
email = true
"#;

fn problems(text: &str) -> Vec<Problem> {
    parse(text).1
}

/// The small contract with one line changed; the problems and the texts they point at.
fn changed(from: &str, to: &str) -> Vec<(&'static str, String, String)> {
    assert!(SMALL.contains(from), "{from}");
    let text = SMALL.replacen(from, to, 1);
    let problems = problems(&text);
    problems
        .into_iter()
        .map(|p| (p.code, text.get(p.at.unwrap_or(0..0)).unwrap_or("").to_owned(), format!("{} | {}", p.cause, p.cure)))
        .collect()
}

#[test]
fn the_default_contract_is_whole() {
    let (contract, problems) = parse(DEFAULT_TEXT);
    assert_eq!(problems, Vec::new());
    let contract = contract.unwrap();
    assert_eq!(contract.autonomy, Autonomy::AutoLowRisk);
    assert_eq!(contract.matching.properties, PersonProperties::hubspot());
    assert_eq!(contract.clock.after_hours, Term::NextOpening { plus_minutes: 60 });
    assert_eq!(contract.tests.len(), 5);
    assert_eq!(contract.explain("budget").unwrap(), "A figure typed by a person wins; a spoken one is only suggested.");
    assert_eq!(contract.explain("nothing"), None);
    assert_eq!(contract.fields["record_owner"].protected, Some(Protected::AccountOwner));
    for sentence in contract.sentences() {
        assert!(sentence.text.contains(&sentence.target) && sentence.text.ends_with('.'), "{}", sentence.text);
    }
    let says = |name: &str, words: &str| {
        let sentences = contract.sentences();
        let said = sentences.iter().find(|s| s.clause == format!("field.{name}")).unwrap();
        assert!(said.text.contains(words), "{}", said.text);
    };
    says(
        "email",
        "From 95 % on the machine fills it where it is empty; from 60 % on a person is asked; below that nothing happens.",
    );
    says("callback_reason", "From 60 % on the machine updates it; below that nothing happens.");
}

#[test]
fn a_contract_survives_storage_and_comments_do_not_change_its_digest() {
    let contract = parse(DEFAULT_TEXT).0.unwrap();
    let stored = serde_json::to_string(&contract).unwrap();
    assert_eq!(serde_json::from_str::<Contract>(&stored).unwrap(), contract);
    let commented = format!("# another comment\n{DEFAULT_TEXT}");
    assert_eq!(parse(&commented).0.unwrap().digest(), contract.digest());
    let other = DEFAULT_TEXT.replace("The call wins, because nobody else heard it.", "The CRM wins over the call.");
    assert_ne!(parse(&other).0.unwrap().digest(), contract.digest());
    assert_eq!(contract.digest().len(), 64);
}

/// A contract with fifty different mistakes.
const FIFTY: &str = include_str!("fifty.toml");

#[test]
fn fifty_mistakes_are_fifty_problems_each_with_place_and_cure() {
    let (contract, problems) = parse(FIFTY);
    assert!(contract.is_none());
    let mut told = std::collections::BTreeSet::new();
    for problem in &problems {
        let at = problem.at.clone().unwrap();
        let line = FIFTY[..at.start].matches('\n').count() + 1;
        assert!(at.start > 0 && !problem.cure.is_empty(), "{problem:?}");
        told.insert(format!("{line}: {} {}", problem.code, problem.cause));
    }
    let list = told.iter().cloned().collect::<Vec<_>>().join("\n");
    assert_eq!((problems.len(), told.len()), (50, 50), "{list}");
    assert!(
        told.iter().map(|t| &t[t.find("RB-").unwrap()..][..7]).collect::<std::collections::BTreeSet<_>>().len() >= 7,
        "{list}"
    );
}

/// What is changed in the small contract, to what, and the problem it makes: code, the text it points at, some of its words.
const MISTAKES: &[(&str, &str, &str, &str, &str)] = &[
    ("winner = \"A figure typed by a person wins.\"\n", "", "RB-0222", "[field.budget]", "has no winner"),
    ("winner = \"A figure typed by a person wins.\"", "winner = \"human\"", "RB-0207", "\"human\"", "not a sentence"),
    (
        "A figure typed by a person wins.",
        "People win. Always they do.",
        "RB-0207",
        "\"People win. Always they do.\"",
        "more than one",
    ),
    ("[match]", "winner = \"call\"\n[match]", "RB-0204", "winner", "no key winner"),
    (
        "crm = \"hubspot-main\"",
        "crm = \"hubspot-main\"\ndefault_winner = \"call\"",
        "RB-0207",
        "default_winner",
        "all fields at once",
    ),
    (
        "[field.budget]",
        "[field.default]\nwinner = \"call\"\n[field.budget]",
        "RB-0207",
        "default",
        "all fields at once",
    ),
    ("means = \"What the job may cost\"\n", "", "RB-0222", "[field.budget]", "has no means"),
    ("type = \"money\"\n", "", "RB-0222", "[field.budget]", "has no type"),
    ("type = \"money\"", "type = \"mony\"", "RB-0206", "\"mony\"", "did you mean \"money\""),
    ("type = \"money\"", "type = \"choice\"", "RB-0206", "\"choice\"", "needs options"),
    ("truth = \"human\"\n", "", "RB-0222", "[field.budget]", "has no truth"),
    (
        "machine = \"suggest\"",
        "machin = \"suggest\"\nmachine = \"suggest\"",
        "RB-0204",
        "machin",
        "did you mean machine?",
    ),
    ("machine = \"suggest\"", "machine = \"suggest\"\nwrite_at = 1.5", "RB-0209", "1.5", "from 0 to 1"),
    ("machine = \"suggest\"", "machine = \"suggest\"\nwrite_at = 0.12345", "RB-0209", "0.12345", "three decimals"),
    (
        "machine = \"suggest\"",
        "machine = \"fill_empty\"\naccountability = true",
        "RB-0212",
        "\"fill_empty\"",
        "it also takes truth = \"crm\"",
    ),
    ("machine = \"suggest\"", "machine = \"suggest\"\nwrite_at = 80", "RB-0209", "80", "write 0.80 for 80 %"),
    ("machine = \"suggest\"", "machine = \"suggest\"\nwrite_at = 0.5\nreview_at = 0.6", "RB-0209", "0.6", "above"),
    (
        "machine = \"suggest\"",
        "machine = \"suggest\"\non_missing = \"unknown\"",
        "RB-0206",
        "\"unknown\"",
        "default = \"unknown\"",
    ),
    (
        "machine = \"suggest\"",
        "machine = \"suggest\"\non_missing = { default = \"9\" }",
        "RB-0218",
        "{ default = \"9\" }",
        "does not fit",
    ),
    ("machine = \"suggest\"", "machine = \"update\"", "RB-0212", "\"update\"", "comes from people"),
    ("machine = \"suggest\"", "machine = \"update\"\naccountability = true", "RB-0212", "\"update\"", "accountability"),
    ("to = \"contact.budget\"", "to = \"budget\"", "RB-0206", "\"budget\"", "object.property"),
    ("to = \"contact.budget\"", "to = \"contct.budget\"", "RB-0206", "\"contct.budget\"", "did you mean \"contact\""),
    ("link = [\"phone\"]", "link = [\"phone\", \"name\"]", "RB-0206", "\"name\"", "possible are phone, email"),
    ("link = [\"phone\"]", "link = [\"email_domain\"]", "RB-0206", "\"email_domain\"", "cannot be"),
    ("call.location ==", "call.locaton ==", "RB-0210", "call.locaton", "did you mean call.location"),
    ("call.location ==", "call.location =", "RB-0210", "=", "no meaning"),
    ("role:phoenix-coordinator", "phoenix", "RB-0206", "\"phoenix\"", "names nobody"),
    ("priority = 1", "priority = 0", "RB-0206", "0", "1 to 1000"),
    ("new_lead = \"30 min\"", "new_lead = \"soon\"", "RB-0206", "\"soon\"", "not a time"),
    ("emergency = \"5 min\"", "emergency = \"same day\"", "RB-0206", "\"same day\"", "wall time"),
    ("stale_after = \"60 min\"\n", "", "RB-0211", "[clock]", "escalation window"),
    (
        "{ to = \"location\" }, ",
        "{ to = \"corporate\" }, ",
        "RB-0206",
        "{ to = \"corporate\", after = \"10 min\" }",
        "twice",
    ),
    ("categories = [\"voicemail\"]", "categories = [\"voicemial\"]", "RB-0206", "\"voicemial\"", "did you mean"),
    ("email = true", "email = false", "RB-0205", "[page]", "no way to tell"),
    ("autonomy = \"auto-low-risk\"", "autonomy = \"full\"", "RB-0206", "\"full\"", "possible are"),
    ("autonomy = \"auto-low-risk\"", "autonomy = 3", "RB-0206", "3", "text in quotes"),
    ("[page]", "[suppress]\nclasses = [\"investor\"]\n[page]", "RB-0205", "[suppress]", "account_type"),
    (
        "machine = \"suggest\"",
        "machine = \"suggest\"\nrollback = \"prior\"",
        "RB-0206",
        "\"prior\"",
        "previous, clear, never",
    ),
    (
        "machine = \"suggest\"",
        "machine = \"suggest\"\nreview_when = 'record.note.holds'",
        "RB-0210",
        "record.note.holds",
        "nothing is called",
    ),
    (
        "machine = \"suggest\"",
        "machine = \"suggest\"\nreview_when = 'field.budgt == \"0\"'",
        "RB-0210",
        "'field.budgt == \"0\"'",
        "did you mean field.budget?",
    ),
    (
        "crm = \"hubspot-main\"",
        "crm = \"hubspot-main\"\nmandatory = [\"budgt\"]",
        "RB-0218",
        "[\"budgt\"]",
        "did you mean budget?",
    ),
];

#[test]
fn each_mistake_is_told_with_its_place_and_a_way_out() {
    assert_eq!(problems(SMALL), Vec::new());
    for (from, to, code, place, says) in MISTAKES {
        let found = changed(from, to);
        let told = found.iter().any(|(c, at, text)| c == code && at == place && text.contains(says));
        assert!(told, "{to}: {found:#?}");
        assert_eq!(found.len(), 1, "{to}: one mistake, one problem: {found:#?}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_text() {
    let text = SMALL
        .replace("truth = \"human\"", "truth = \"robot\"")
        .replace("call.location ==", "call.place ==")
        .replace("new_lead = \"30 min\"", "new_lead = 30")
        .replace("email = true", "email = \"yes\"");
    let found = problems(&text);
    let codes: Vec<&str> = found.iter().map(|p| p.code).collect();
    assert_eq!(codes, ["RB-0206", "RB-0210", "RB-0206", "RB-0206"], "{found:#?}");
    assert!(parse(&text).0.is_none());
}

#[test]
fn broken_text_is_told_beside_other_mistakes_and_nothing_seems_missing_that_may_only_be_unreadable() {
    let text = SMALL.replace("means = \"What", "means \"What").replace("truth = \"human\"", "truth = \"robot\"");
    let found = problems(&text);
    assert!(found.iter().any(|p| p.code == "RB-0203"), "{found:#?}");
    assert!(found.iter().any(|p| p.cause.contains("robot")), "{found:#?}");
    assert!(!found.iter().any(|p| p.code == "RB-0205"), "{found:#?}");
}

#[test]
fn a_broken_line_or_header_hides_nothing_else_and_invents_nothing() {
    for (from, to, broken) in [
        ("type = \"money\"", "type \"money\"", "type \"money\""),
        ("type = \"money\"", "type = money", "money"),
        ("type = \"money\"", "type =", "type ="),
        ("type = \"money\"", "type = \"money\"\ntype = \"text\"", "type = \"text\""),
        ("[match]", "[match", "[match"),
        ("[field.budget]", "[field..budget]", "[field..budget]"),
    ] {
        let text = SMALL.replacen(from, to, 1).replace("email = true", "email = \"yes\"");
        let found = problems(&text);
        let codes: Vec<&str> = found.iter().map(|p| p.code).collect();
        assert_eq!(codes, ["RB-0203", "RB-0206"], "{to}: {found:#?}");
        let line = text.find(broken).unwrap();
        let at = found.first().and_then(|p| p.at.clone()).unwrap();
        assert!(at.start >= line && at.start <= line + broken.len(), "{to}: {at:?} is not in {line}");
    }
}

#[test]
fn two_clauses_for_one_property_name_both_places() {
    let second = "[field.cost]\nmeans = \"Cost\"\nto = \"contact.Budget\"\ntype = \"text\"\ntruth = \"call\"\nwinner = \"The call always wins.\"\nmachine = \"update\"\n[owner]";
    let text = SMALL.replacen("[owner]", second, 1);
    let found = problems(&text);
    let [problem] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!(problem.code, "RB-0208");
    assert_eq!(text.get(problem.at.clone().unwrap()), Some("\"contact.Budget\""));
    assert_eq!(text.get(problem.also_at.clone().unwrap()), Some("\"contact.budget\""));
}

#[test]
fn rules_that_contradict_or_feed_each_other_name_both_places() {
    let again = "[[owner.rule]]\npriority = 1\nwhen = '( call.location == \"phoenix\" )'\nto = \"role:other\"\n[clock]";
    let circle = "[[owner.rule]]\npriority = 2\nwhen = 'record.rb_owner == \"Ana\"'\nto = \"role:ana\"\n[field.who]\nmeans = \"Who\"\nfrom = \"owner\"\nto = \"contact.rb_owner\"\ntype = \"text\"\ntruth = \"decision\"\nwinner = \"The latest decision wins.\"\nmachine = \"update\"\n[clock]";
    for (with, says) in [(again, "contradict each other"), (circle, "a circle")] {
        let text = SMALL.replacen("[clock]", with, 1);
        let found = problems(&text);
        let [problem] = found.as_slice() else { panic!("{found:#?}") };
        assert_eq!(problem.code, "RB-0219");
        assert!(problem.cause.contains(says), "{}", problem.cause);
        let line = |at: &Option<std::ops::Range<usize>>| text.get(at.clone().unwrap()).map(str::to_owned);
        assert_eq!(line(&problem.at).as_deref(), Some("[[owner.rule]]"));
        assert!(line(&problem.also_at).is_some_and(|l| l == "[[owner.rule]]" || l == "[field.who]"), "{problem:?}");
    }
}

#[test]
fn the_eight_protected_kinds_are_never_written_by_themselves() {
    for (target, kind) in [
        ("contact.hubspot_owner_id", Protected::AccountOwner),
        ("deal.dealstage", Protected::OpportunityStage),
        ("deal.closedate", Protected::CloseDate),
        ("deal.hs_manual_forecast_category", Protected::ForecastCategory),
        ("contact.procurement_notes", Protected::LegalNotes),
        ("contact.hs_email_optout", Protected::OptOut),
        ("deal.amount", Protected::Pricing),
        ("contact.lifecyclestage", Protected::Relationship),
    ] {
        for (machine, allowed) in [("update", false), ("fill_empty", false), ("suggest", true), ("never", true)] {
            let text = SMALL
                .replace("contact.budget", target)
                .replace("type = \"money\"", "type = \"text\"")
                .replace("truth = \"human\"", "truth = \"call\"")
                .replace("machine = \"suggest\"", &format!("machine = \"{machine}\""));
            let (contract, found) = parse(&text);
            assert_eq!(found.is_empty(), allowed, "{target} {machine} {found:#?}");
            if allowed {
                assert_eq!(contract.unwrap().fields["budget"].protected, Some(kind), "{target}");
            } else {
                assert!(found.iter().all(|p| p.code == "RB-0212" && p.cause.contains(kind.word())), "{found:#?}");
            }
        }
    }
}

#[test]
fn a_location_has_its_own_rows_over_the_contracts() {
    let text = format!(
        "{SMALL}\n[location.phoenix]\nautonomy = \"observe\"\n[location.phoenix.clock]\nnew_lead = \"15 min\"\n"
    );
    let contract = parse(&text).0.unwrap();
    assert_eq!(contract.clock_for("phoenix").new_lead, Term::Minutes(15));
    assert_eq!(contract.clock_for("phoenix").customer, Term::BusinessDays(0));
    assert_eq!(contract.clock_for("tempe").new_lead, Term::Minutes(30));
    assert_eq!(contract.autonomy_for("phoenix", None), Autonomy::Observe);
    assert_eq!(contract.autonomy_for("tempe", None), Autonomy::AutoLowRisk);
}

#[test]
fn thresholds_are_read_to_the_thousandth() {
    for (written, expect) in [("0.9", 900), ("0.900", 900), ("0.905", 905), ("1", 1000), ("1.0", 1000), ("0.001", 1)] {
        let text = SMALL
            .replace("machine = \"suggest\"", &format!("machine = \"suggest\"\nwrite_at = {written}\nreview_at = 0"));
        assert_eq!(parse(&text).0.unwrap().fields["budget"].write_at, expect, "{written}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let (contract, problems) = parse(&text);
        prop_assert!(contract.is_some() == problems.is_empty());
    }
    #[test]
    fn any_damage_to_a_contract_is_read_or_refused(
        at in 0..DEFAULT_TEXT.len(), cut in 0usize..40, insert in "[\\[\\]\"'=.#{}a-z0-9, \n\u{e4}]{0,6}",
    ) {
        let start = DEFAULT_TEXT.floor_char_boundary(at);
        let end = DEFAULT_TEXT.floor_char_boundary((at + cut).min(DEFAULT_TEXT.len()));
        let text = format!("{}{insert}{}", &DEFAULT_TEXT[..start], &DEFAULT_TEXT[end.max(start)..]);
        let (contract, problems) = parse(&text);
        prop_assert!(contract.is_some() == problems.is_empty());
        for problem in problems {
            let at = problem.at.unwrap();
            prop_assert!(text.get(at).is_some() || problem.code == "RB-0203");
            prop_assert!(!problem.cause.is_empty() && !problem.cure.is_empty());
        }
    }
}

fn small() -> Contract {
    parse(SMALL).0.unwrap()
}

#[test]
fn the_live_schema_is_compared_field_by_field() {
    let spec = |name: &str, kind: PropertyType, read_only: bool| {
        let name = name.to_owned();
        (Object::Contact, PropertySpec { label: name.clone(), name, kind, unique: false, read_only, stored_as: None })
    };
    let mut contract = small();
    let codes = |c: &Contract, schema: &[(Object, PropertySpec)]| {
        check_schema(c, schema).into_iter().map(|p| (p.code, p.cause + " | " + &p.cure)).collect::<Vec<_>>()
    };
    assert_eq!(codes(&contract, &[spec("budget", PropertyType::Number, false)]), []);
    let gone = codes(&contract, &[spec("budgett", PropertyType::Number, false)]);
    assert!(matches!(gone.as_slice(), [("RB-0213", text)] if text.contains("did you mean budgett")), "{gone:?}");
    // The same name on another object is another property.
    let (_, other) = spec("budget", PropertyType::Number, false);
    assert_eq!(codes(&contract, &[(Object::Deal, other)]).len(), 1);
    let wrong = codes(&contract, &[spec("budget", PropertyType::Text, false)]);
    assert!(matches!(wrong.as_slice(), [("RB-0214", _)]), "{wrong:?}");
    let locked = codes(&contract, &[spec("budget", PropertyType::Number, true)]);
    assert!(matches!(locked.as_slice(), [("RB-0214", _)]), "{locked:?}");
    let words = |list: &[&str]| list.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    if let Some(rule) = contract.fields.get_mut("budget") {
        rule.kind = FieldType::Choice(words(&["low", "high"]));
    }
    let lacking = codes(&contract, &[spec("budget", PropertyType::Choice(words(&["low", "mid"])), false)]);
    assert!(matches!(lacking.as_slice(), [("RB-0215", text)] if text.contains("no option high")), "{lacking:?}");
    if let Some(rule) = contract.fields.get_mut("budget") {
        rule.machine = Machine::Never;
    }
    assert_eq!(codes(&contract, &[]), [], "what is never touched needs no property");
}

/// What nobody is matched, held back or routed by is told like what cannot be written.
#[test]
fn the_live_schema_is_compared_with_what_the_contract_asks_for() {
    let spec = |name: &str, kind: PropertyType| {
        let name = name.to_owned();
        (
            Object::Contact,
            PropertySpec { label: name.clone(), name, kind, unique: false, read_only: false, stored_as: None },
        )
    };
    let words = |list: &[&str]| PropertyType::Choice(list.iter().map(|w| (*w).to_owned()).collect());
    let mut schema: Vec<_> = ["phone", "mobilephone", "email", "hs_additional_emails", "firstname", "lastname"]
        .into_iter()
        .map(|name| spec(name, PropertyType::Text))
        .collect();
    schema.push(spec("lifecyclestage", words(&["lead", "customer", "evangelist"])));
    schema.push(spec("hubspot_owner_id", PropertyType::Other("external_enumeration".into())));
    schema.push(spec("account_type", words(&["Investor", "Partner"])));
    let told = |text: &str| {
        let (contract, problems) = parse(text);
        assert_eq!(problems, []);
        let found = placed(check_asked(&contract.unwrap(), &schema, &worked::WORDS), text);
        let line = |p: &Problem| text.get(p.at.clone().unwrap()).unwrap().lines().next().unwrap_or_default().to_owned();
        found.iter().map(|p| format!("{} {} | {} @ {}", p.code, p.cause, p.cure, line(p))).collect::<Vec<_>>()
    };
    assert_eq!(told(DEFAULT_TEXT), [""; 0], "the default contract asks for what a HubSpot has");
    let suppress =
        "classes = [\"opted_out\", \"customer_with_open_issue\", \"open_opportunity\", \"strategic_account\"]";
    for (was, is, expected) in [
        (
            "lifecycle       = \"lifecyclestage\"",
            "lifecycle       = \"lifecyclestge\"",
            "RB-0213 match.properties.lifecycle: the CRM has no property contact.lifecyclestge | did you mean lifecyclestage? @ \"lifecyclestge\"",
        ),
        (
            "[\"phone\", \"mobilephone\"]",
            "[\"phone\", \"night_line\"]",
            "RB-0213 match.properties.phone: the CRM has no property contact.night_line | name a property of the CRM's contacts by its internal name, or take it out @ [\"phone\", \"night_line\"]",
        ),
        (
            "[\"customer\", \"evangelist\"]",
            "[\"Customer\", \"evangelst\"]",
            "RB-0215 match.properties.customer_values: contact.lifecyclestage has no option \"evangelst\" | did you mean \"evangelist\"? @ [\"Customer\", \"evangelst\"]",
        ),
        (
            suppress,
            "classes = [\"opted_out\", \"investor\"]\ninvestor = { property = \"account_typ\", values = [\"investor\"] }",
            "RB-0213 suppress.investor.property: the CRM has no property contact.account_typ | did you mean account_type? @ \"account_typ\"",
        ),
        (
            suppress,
            "classes = [\"opted_out\", \"strategic_account\"]\nstrategic = { property = \"account_type\", values = [\"A\", \"partner\"] }",
            "RB-0215 suppress.strategic.values: contact.account_type has no option \"A\" | it has Investor, Partner @ [\"A\", \"partner\"]",
        ),
        (
            "'inquiry.urgency in [\"emergency\", \"high\"]'",
            "'record.lifecycle_stage == \"lead\"'",
            "RB-0213 owner.rule[1].when: the CRM has no property contact.lifecycle_stage | did you mean lifecyclestage? @ 'record.lifecycle_stage == \"lead\"'",
        ),
        (
            "'inquiry.urgency in [\"emergency\", \"high\"]'",
            "'record.lifecyclestage in [\"lead\", \"custmer\", \"unknown\"]'",
            "RB-0215 owner.rule[1].when: contact.lifecyclestage has no option \"custmer\" | did you mean \"customer\"? @ 'record.lifecyclestage in [\"lead\", \"custmer\", \"unknown\"]'",
        ),
    ] {
        assert!(DEFAULT_TEXT.contains(was), "{was}");
        assert_eq!(told(&DEFAULT_TEXT.replacen(was, is, 1)), [expected]);
    }
    // A condition compares to the letter, and nothing is called unknown.
    for (value, cure) in
        [("Customer", "did you mean \"customer\"?"), ("", "write \"unknown\": that is what stands for nothing")]
    {
        let when = format!("'record.lifecyclestage == \"{value}\"'");
        let found = told(&DEFAULT_TEXT.replacen("'inquiry.urgency in [\"emergency\", \"high\"]'", &when, 1));
        assert!(matches!(found.as_slice(), [one] if one.starts_with("RB-0215") && one.contains(cure)), "{found:?}");
    }
    // What set-up makes may be asked for before it is there; what it does not make may not.
    let own = "'record.rb_urgency == \"high\" && record.rb_trace != \"\" && record.rb_night == \"\"'";
    let found = told(&DEFAULT_TEXT.replacen("'inquiry.urgency in [\"emergency\", \"high\"]'", own, 1));
    assert!(matches!(found.as_slice(), [one] if one.contains("no property contact.rb_night")), "{found:?}");
    let contract = parse(DEFAULT_TEXT).0.unwrap();
    assert_eq!(check_asked(&contract, &[], &worked::WORDS), [], "nothing was read, so nothing is known");
    let only_one = [spec("email", PropertyType::Text)];
    assert_eq!(
        check_asked(&contract, &only_one, &worked::WORDS),
        [],
        "what the vendor's words name is asked for elsewhere"
    );
}

/// A condition and a test name places and lines: one that the account does not have would never be met.
#[test]
fn the_roster_must_have_what_conditions_and_tests_name() {
    let roster = house_roster();
    let told = |was: &str, is: &str| {
        let text = DEFAULT_TEXT.replacen(was, is, 1);
        let (contract, problems) = parse(&text);
        assert_eq!(problems, []);
        let found = placed(check_roster(&contract.unwrap(), &roster), &text);
        assert!(found.iter().all(|p| p.code == "RB-0216" && p.at.is_some()), "{found:?}");
        found.into_iter().map(|p| format!("{} | {}", p.cause, p.cure)).collect::<Vec<_>>()
    };
    let when = "'inquiry.urgency in [\"emergency\", \"high\"]'";
    assert_eq!(told(when, when), [""; 0]);
    let fits =
        "'call.location in [\"phoenix\", \"unknown\"] && call.line_kind == \"sales\" && call.vertical == \"hvac\"'";
    assert_eq!(told(when, fits), [""; 0]);
    assert_eq!(
        told(when, "'call.location == \"phenix\"'"),
        ["owner.rule[1].when: the account has no location \"phenix\" | did you mean \"phoenix\"?"]
    );
    assert_eq!(
        told(when, "'call.line_kind == \"night\" || call.vertical == \"roofing\"'"),
        [
            "owner.rule[1].when: the account has no kind of line \"night\" | there is sales",
            "owner.rule[1].when: the account has no line of business \"roofing\" | there is hvac"
        ]
    );
    assert_eq!(
        told("given = { match = \"anonymous\"", "given = { location = \"chicago\", match = \"anonymous\""),
        ["test[5].given.location: the account has no location \"chicago\" | there is phoenix"]
    );
}

/// What callers say has a type, and a clause of another one would keep back every value.
#[test]
fn a_type_that_no_value_ever_has_is_told_at_its_place() {
    let told = |from: &str, kind: &str| {
        let clause = format!("from = \"{from}\"\ntype = {kind}");
        let text = SMALL.replacen("type = \"money\"", &clause, 1).replacen("[field.budget]", "[field.worth]", 1);
        problems(&text).iter().map(|p| format!("{} {} | {}", p.code, p.cause, p.cure)).collect::<Vec<_>>()
    };
    assert_eq!(
        told("flag.high_value", "{ choice = [\"gold\"] }"),
        ["RB-0228 field.worth is a choice, but flag.high_value is yes or no | write type = \"bool\" or \"text\""]
    );
    assert_eq!(
        told("service", "{ choice = [\"heating\"] }"),
        ["RB-0228 field.worth is a choice, but service is free text | write type = \"text\""]
    );
    assert_eq!(
        told("amount", "\"number\""),
        ["RB-0228 field.worth is a number, but amount is an amount of money | write type = \"money\" or \"text\""]
    );
    let protects = SMALL.replacen("machine = \"suggest\"", "machine = \"never\"", 1).replacen(
        "type = \"money\"",
        "from = \"service\"\ntype = { choice = [\"heating\"] }",
        1,
    );
    assert_eq!(problems(&protects), [], "what is never written protects a property of any type");
    for (from, kind) in [
        ("flag.high_value", "\"bool\""),
        ("flag.high_value", "\"text\""),
        ("urgency", "{ choice = [\"high\"] }"),
        ("when", "\"date\""),
        ("due_at", "\"datetime\""),
        ("category", "{ choice = [\"voicemail\"] }"),
    ] {
        assert_eq!(told(from, kind), [""; 0], "{from} {kind}");
    }
}

/// A field may be called as something else that tests tell; whoever means the field is told how to write it.
#[test]
fn a_field_that_is_called_like_something_a_test_tells_is_named_in_quotes() {
    let told = |then: &str| {
        let test = format!("\n[[test]]\nname = \"t\"\ngiven = {{ }}\nthen = {{ {then} }}\n");
        let text = SMALL.replacen("[field.budget]", "[field.tier]\nfrom = \"budget\"", 1);
        problems(&format!("{text}{test}")).iter().map(|p| format!("{} | {}", p.cause, p.cure)).collect::<Vec<_>>()
    };
    assert_eq!(told("\"field.tier\" = \"none\""), [""; 0]);
    assert_eq!(told("tier = 0"), [""; 0], "the tier that was told last");
    for meant in ["tier = { verdict = \"review\" }", "tier = \"review\""] {
        assert_eq!(
            told(meant),
            [
                "test[1].then.tier is not the field tier, but what tests call so | write \"field.tier\" = …, in quotes, for the field"
            ]
        );
    }
    assert_eq!(
        told("field.tier = \"review\""),
        ["the test \"t\" speaks of field.tier without quotes | write \"field.tier\" = …, in quotes"]
    );
}

#[test]
fn settings_are_no_contract_and_a_slip_is_one_mistake() {
    let settings = "[server]\nlisten = \"127.0.0.1:8787\"\n[[account]]\nslug = \"main\"\n";
    let told: Vec<String> = problems(settings).iter().map(|p| p.cause.clone()).collect();
    assert_eq!(told, ["these are settings and no contract"]);
    for (wrong, expected) in [
        (("machine = ", "machin = "), "[field.budget] has no key machin | did you mean machine?"),
        (
            ("accountability = true", "accountability = \"true\""),
            "field.budget.accountability must be true or false, this is text | take the quotes away: accountability = true",
        ),
        (
            ("categories = [\"voicemail\"]", "categories = \"voicemail\""),
            "eligible.categories must be a list of texts, this is text | write categories = [\"voicemail\"]",
        ),
    ] {
        let text = SMALL.replacen("machine = \"suggest\"", "accountability = true\nmachine = \"suggest\"", 1);
        let found = problems(&text.replacen(wrong.0, wrong.1, 1));
        let told: Vec<String> = found.iter().map(|p| format!("{} | {}", p.cause, p.cure)).collect();
        assert_eq!(told, [expected], "{wrong:?}");
    }
}

/// One location with somebody of each tier and one line.
fn house_roster() -> Roster {
    let block: Block = "08:00-17:00".parse().unwrap();
    let location = Location {
        id: LocationId::from_text("loc_phx"),
        slug: "phoenix".into(),
        name: "Phoenix".into(),
        calendar: Calendar::new("America/Phoenix", Week::weekdays(&[block])),
        region: "US".into(),
        locale: "en-US".into(),
        currency: "USD".into(),
        vertical: Some("hvac".into()),
        version: 1,
    };
    let line = Line {
        number: "+16025550100".into(),
        location: location.id.clone(),
        kind: Some("sales".into()),
        source: None,
        campaign: None,
        landing_page: None,
    };
    let staff = (1..=3).map(|tier| Staff { tier, ..somebody(&format!("tier{tier}")) }).collect();
    Roster { locations: vec![location], lines: vec![line], staff, ..Roster::default() }
}

fn somebody(id: &str) -> Staff {
    Staff {
        id: StaffId::from_text(id),
        name: id.to_owned(),
        roles: Vec::new(),
        locations: Vec::new(),
        tier: 1,
        crm_owner: None,
        email: None,
        shift: None,
        away: false,
    }
}

#[test]
fn the_roster_must_have_what_the_contract_names() {
    let person = |id: &str, tier: u8, role: &str| Staff { tier, roles: vec![role.to_owned()], ..somebody(id) };
    let staff = vec![person("ana", 1, "phoenix-coordinator"), person("cora", 2, "corporate")];
    let roster = Roster { staff, ..house_roster() };
    assert_eq!(check_roster(&small(), &roster), Vec::new());
    let mut without = roster.clone();
    without.staff.truncate(1);
    let found = check_roster(&small(), &without);
    assert!(matches!(found.as_slice(), [p] if p.code == "RB-0211" && p.cause.contains("tier 2")), "{found:?}");
    let nobody = Roster { staff: vec![person("ben", 1, "x"), person("cora", 2, "y")], ..roster.clone() };
    let found = check_roster(&small(), &nobody);
    assert!(
        matches!(found.as_slice(), [p] if p.code == "RB-0216" && p.cause.contains("role:phoenix-coordinator")),
        "{found:?}"
    );
    let mut misspelt = small();
    misspelt.locations.insert("phoenx".into(), LocationRules::default());
    let found = check_roster(&misspelt, &roster);
    assert!(
        matches!(found.as_slice(), [p] if p.code == "RB-0216" && p.cure.contains("did you mean phoenix")),
        "{found:?}"
    );
    let mut windowless = small();
    let clock = ContractClock { tiers: Vec::new(), ..windowless.clock.clone() };
    windowless.locations.insert("phoenix".into(), LocationRules { clock: Some(clock), ..LocationRules::default() });
    let found = check_roster(&windowless, &roster);
    assert!(matches!(found.as_slice(), [p] if p.code == "RB-0211"), "{found:?}");
}

#[test]
fn a_value_that_does_not_fit_is_never_forced() {
    let choice = FieldType::Choice(vec!["high".into(), "unknown".into()]);
    let money = |minor, currency: &str| FieldValue::Money(Money { minor, currency: currency.into() });
    let text = |t: &'static str| FieldValue::Text(t.into());
    for (value, kind, expect) in [
        (text("gate code 4711"), FieldType::Text, Ok("gate code 4711")),
        (FieldValue::Choice("high".into()), choice.clone(), Ok("high")),
        (FieldValue::Choice("urgent".into()), choice.clone(), Err("option")),
        (text("high"), choice, Err("type")),
        (text("12"), FieldType::Number, Err("type")),
        (FieldValue::Number("12.5".into()), FieldType::Number, Ok("12.5")),
        (FieldValue::Number("1e9".into()), FieldType::Number, Err("shape")),
        (FieldValue::Number("12,5".into()), FieldType::Number, Err("shape")),
        (money(45_050, "USD"), FieldType::Money, Ok("450.50")),
        (money(45_050, "EUR"), FieldType::Money, Err("currency")),
        (money(45_050, "USD"), FieldType::Number, Err("type")),
        (money(45_050, "USD"), FieldType::Text, Ok("450.50 USD")),
        (text("four hundred"), FieldType::Money, Err("type")),
        (FieldValue::Date("2026-05-20".parse().unwrap()), FieldType::Date, Ok("2026-05-20")),
        (FieldValue::Date("2026-05-20".parse().unwrap()), FieldType::DateTime, Err("type")),
        (
            FieldValue::DateTime("2026-05-20T17:00:00Z".parse().unwrap()),
            FieldType::DateTime,
            Ok("2026-05-20T17:00:00Z"),
        ),
        (FieldValue::DateTime("2026-05-20T17:00:00Z".parse().unwrap()), FieldType::Date, Err("type")),
        (FieldValue::Bool(true), FieldType::Bool, Ok("true")),
        (text("true"), FieldType::Bool, Err("type")),
        (FieldValue::Phone("+16025550123".into()), FieldType::Phone, Ok("+16025550123")),
        (FieldValue::Phone("602 555 0123".into()), FieldType::Phone, Err("shape")),
        (FieldValue::Email("Jo@Example.com".into()), FieldType::Email, Ok("jo@example.com")),
        (FieldValue::Email("jo at example".into()), FieldType::Email, Err("shape")),
        (FieldValue::Text("x".repeat(TEXT_CHARS_MAX + 1).into()), FieldType::Text, Err("length")),
    ] {
        let found = fit(value.clone(), &kind, Some("USD"));
        let found = found.as_ref().map(AsRef::as_ref).map_err(|m| m.class.as_str());
        assert_eq!(found, expect, "{kind:?}");
    }
}

#[test]
fn terms_are_written_back_as_they_are_read() {
    for (text, expect) in [
        ("5 min", Some("5 min")),
        ("2 h", Some("120 min")),
        ("1 hour", Some("60 min")),
        ("Same Day", Some("same day")),
        ("3 days", Some("3 days")),
        ("next opening", Some("next opening")),
        ("next opening +30 min", Some("next opening + 30 min")),
        ("0 min", None),
        ("31 days", None),
        ("99999999999 min", None),
        ("soon", None),
        ("5", None),
        ("-5 min", None),
    ] {
        assert_eq!(text.parse::<Term>().ok().map(|t| t.to_string()).as_deref(), expect, "{text}");
    }
}

#[test]
fn the_properties_a_contract_needs_pass_its_own_check() {
    let contract = parse(DEFAULT_TEXT).0.unwrap();
    let needed = contract.own_properties();
    assert!(needed.iter().all(|(_, p)| p.name.starts_with("rb_") && !p.label.is_empty() && !p.read_only && !p.unique));
    assert!(
        needed
            .iter()
            .any(|(o, p)| *o == Object::Task && p.name == "rb_callback_due" && p.kind == PropertyType::DateTime)
    );
    let foreign: Vec<String> = check_schema(&contract, &needed).into_iter().map(|p| p.cause).collect();
    assert_eq!(foreign.len(), 2, "only the CRM's own properties are missing: {foreign:?}");
    assert!(
        foreign.iter().all(|c| c.contains("contact.email") || c.contains("contact.hubspot_owner_id")),
        "{foreign:?}"
    );
    let theirs = |name: &str, kind: PropertyType| {
        (
            Object::Contact,
            PropertySpec {
                name: name.into(),
                label: String::new(),
                kind,
                unique: false,
                read_only: false,
                stored_as: None,
            },
        )
    };
    let owner = theirs("hubspot_owner_id", PropertyType::Other("external_enumeration".into()));
    let whole: Vec<_> = needed.into_iter().chain([owner, theirs("email", PropertyType::Text)]).collect();
    assert_eq!(check_schema(&contract, &whole), [], "the default contract fits the CRM it was written for");
}

#[test]
fn what_a_person_types_fits_its_field_or_is_refused_with_what_to_write() {
    let words = FieldType::Choice(vec!["high".into(), "low".into()]);
    for (text, kind, expected) in [
        (" 418 West Palm Lane ", FieldType::Text, Ok("418 West Palm Lane")),
        ("high", words.clone(), Ok("high")),
        ("soon", words, Err("high, low")),
        ("2500", FieldType::Money, Ok("2500")),
        ("2,500", FieldType::Money, Err("2500.50")),
        ("about 12", FieldType::Number, Err("digits only")),
        ("2026-03-02", FieldType::Date, Ok("2026-03-02")),
        ("Monday", FieldType::Date, Err("2026-03-02")),
        ("2026-03-02T15:00:00Z", FieldType::DateTime, Ok("2026-03-02T15:00:00Z")),
        ("at three", FieldType::DateTime, Err("T15:00:00Z")),
        ("true", FieldType::Bool, Ok("true")),
        ("yes", FieldType::Bool, Err("neither")),
        ("(602) 555-0142", FieldType::Phone, Ok("+16025550142")),
        ("+49 40 5550142", FieldType::Phone, Ok("+49405550142")),
        ("call the office", FieldType::Phone, Err("country's code")),
        ("dale@example.com", FieldType::Email, Ok("dale@example.com")),
        ("dale at example", FieldType::Email, Err("e-mail")),
    ] {
        let said = crate::contract::typed(text, &kind, "US");
        match expected {
            Ok(fits) => assert_eq!(said.as_deref(), Ok(fits), "{text}"),
            Err(why) => assert!(said.as_ref().is_err_and(|m| m.why.contains(why)), "{text}: {said:?}"),
        }
    }
}

#[test]
fn what_nothing_ever_says_is_told_at_its_place() {
    let text = DEFAULT_TEXT.replacen("from    = \"source\"", "from    = \"sorce\"", 1);
    let found = problems(&text);
    let [problem] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!((problem.code, text.get(problem.at.clone().unwrap())), ("RB-0228", Some("\"sorce\"")));
    assert!(
        problem.cure.starts_with("did you mean from = \"source\"?") && problem.cure.contains("urgency"),
        "{problem:?}"
    );

    for (never, near) in
        [("\"emergncy\"", "did you mean \"emergency\"?"), ("\"right now\"", "possible are emergency, high")]
    {
        let text = DEFAULT_TEXT.replacen(
            "inquiry.urgency in [\"emergency\", \"high\"]",
            &format!("inquiry.urgency == {never}"),
            1,
        );
        let found = problems(&text);
        let [problem] = found.as_slice() else { panic!("{found:#?}") };
        assert_eq!(problem.code, "RB-0210");
        assert!(problem.cure.contains(near), "{problem:?}");
    }
    let unknown =
        DEFAULT_TEXT.replacen("inquiry.urgency in [\"emergency\", \"high\"]", "inquiry.urgency == \"unknown\"", 1);
    assert_eq!(problems(&unknown), []);

    let given =
        DEFAULT_TEXT.replacen("call = \"We have had no heat since last night.\"", "claims = { urgenci = \"high\" }", 1);
    let found = problems(&given);
    assert!(found.iter().any(|p| p.cure == "did you mean urgency?"), "{found:#?}");

    let empty = format!("{DEFAULT_TEXT}\n[[test]]\nname = \"nothing\"\ngiven = {{ match = \"lead\" }}\nthen = {{ }}\n");
    let found = problems(&empty);
    assert!(found.iter().any(|p| p.cause.contains("expects nothing")), "{found:#?}");
}

/// What stops the reading of TOML is told in words about what was typed, once each.
#[test]
fn what_is_not_toml_is_told_by_what_was_typed() {
    let said = "write_at = 0.90\n";
    for (wrong, expected) in [
        ("write_at = 0,5", "a number has a point and no comma | write write_at = 0.5"),
        ("priority = 1,000", "a number has a point and no comma | write priority = 1000, or priority = 1.000"),
        ("winner = \"the \u{201c}typed\u{201d} one wins", "this text has no quote at its end | end it with \""),
        ("write_at = .5", "a digit stands on both sides of the point | write 0.5, not .5 and not 5."),
        ("write_at = 5%", "a share is a number from 0 to 1 | write write_at = 0.05 for 5 %"),
        ("on_missing = \"flag", "this text has no quote at its end | end it with \""),
        ("on_missing = 'flag", "this text has no quote at its end | end it with '"),
        (
            "review_when = \"a \\q\"",
            "in \"…\" a \\ begins a sign of its own | put the text between single quotes: '…'; a path may also be written with /",
        ),
        ("[field.x", "this header is not closed | write [field.x]"),
        ("[[test]", "this header is not closed | write [[test]]"),
        ("[field.bud get]", "a name holds letters, digits, - and _ alone | write [field.bud_get]"),
        ("write at = 0.9", "a key is one word | write write_at = …"),
        ("about the budget", "this is neither key = value nor a header | write key = value, or # before a remark"),
        ("on_missing = # later", "no value stands behind = | write on_missing = \"text\", or take the line out"),
        (
            "rollback = clear",
            "string values must be quoted, expected literal string | put words in quotes: rollback = \"clear\"; a number has none and no sign behind it: 0.90",
        ),
        ("on_missing = \"flag\" rollback = \"clear\"", "two keys stand in one line | give each key a line of its own"),
        ("on_missing = { default = \"unknown\"", "this table is not closed | add } where the table ends"),
        ("on_missing = {\n  default = \"unknown\"", "this table is not closed | add } where the table ends"),
        ("on_missing = { default = [\"a\", \"b\" }", "this list is not closed | add ] before the }"),
        ("review_when = [{ a = \"b\" ]", "this table is not closed | add } before the ]"),
        ("on_missing = [\"a\" \"b\"]", "a comma is missing | put a comma between the two"),
        (
            "review_when = match.kind == \"lead\"",
            "a condition is a text | write review_when = 'match.kind == \"lead\"', between single quotes",
        ),
        (
            "on_missing = \"C:\\Users\\anna\"",
            "in \"…\" a \\ begins a sign of its own | put the text between single quotes: '…'; a path may also be written with /",
        ),
    ] {
        let text = SMALL.replacen("type = \"money\"\n", &format!("type = \"money\"\n{wrong}\n{said}"), 1);
        assert!(text.contains(wrong));
        let found = problems(&text);
        // What stands below a header is no part of the clause above it.
        let told: Vec<String> =
            found.iter().filter(|p| p.code == "RB-0203").map(|p| format!("{} | {}", p.cause, p.cure)).collect();
        assert_eq!(told, [expected], "{wrong}: {found:#?}");
        let line = text.find(wrong).unwrap();
        let at = found.iter().find(|p| p.code == "RB-0203").and_then(|p| p.at.clone()).unwrap();
        assert!(at.start >= line && at.start <= line + wrong.len(), "{wrong}: {at:?}");
    }
    // A table of several lines is whole as it is; what is wrong elsewhere does not make it open.
    let lines = SMALL.replacen(
        "machine = \"suggest\"",
        "machine = \"suggest\"\non_missing = {\n  # said once\n  default = \"5\",\n}\nwrite_at = 0,9",
        1,
    );
    let found = problems(&lines);
    assert!(found.iter().all(|p| !p.cause.contains("not closed")), "{found:#?}");
    // Tests stand in a list, and one table that is called so twice is told what it lacks.
    let tests = format!("{SMALL}\n[test]\nname = \"a\"\n[test]\nname = \"b\"\n");
    let told: Vec<String> = problems(&tests).iter().map(|p| format!("{} | {}", p.cause, p.cure)).collect();
    assert_eq!(
        told,
        [
            "there can be several of test, and this is a table | write [[test]] as the header, also where there is only one",
            "this table stands twice | write [[test]]: each stands in a list"
        ]
    );
}

#[test]
fn common_slips_of_toml_have_a_cure_of_their_own() {
    for (wrong, cure) in [
        ("machine = \u{201c}suggest\u{201d}", "typographic quotes"),
        ("machine = \"suggest\"\naccountability = False", "write true or false, in small letters"),
        ("machine = \"suggest\"\naccountability = yes", "write true or false, in small letters"),
        ("machine = \"suggest\",", "take the comma out"),
        ("machine = \"suggest\"\nreview_when = \"call.category in [\"voicemail\"]\"", "stands between single quotes"),
    ] {
        let found = problems(&SMALL.replacen("machine = \"suggest\"", wrong, 1));
        let first = found.first().unwrap();
        assert!(first.code == "RB-0203" && first.cure.contains(cure), "{wrong}: {found:#?}");
    }
}

#[test]
fn an_open_list_is_one_mistake_on_its_own_line() {
    for (whole, open) in [
        ("mandatory = [\"urgency\", \"reason_code\"]", "mandatory = [\"urgency\", \"reason_code\""),
        ("link           = [\"email\", \"phone\"]", "link           = [\"email\", # no [end]\n  \"phone\""),
        (
            "type       = { choice = [\"emergency\", \"high\", \"same_day\", \"this_week\", \"nurture\", \"unknown\"] }",
            "type       = { choice = [\"emergency\", \"high\" }",
        ),
    ] {
        assert!(DEFAULT_TEXT.contains(whole), "{whole}");
        let text = DEFAULT_TEXT.replacen(whole, open, 1);
        let found = problems(&text);
        let first = found.first().unwrap();
        assert_eq!(first.code, "RB-0203", "{found:#?}");
        let start = text.find(open).unwrap();
        let at = first.at.clone().unwrap();
        assert!(at.start >= start && at.start < start + open.len(), "{at:?} {found:#?}");
        assert!(found.len() <= 2, "{open}: {found:#?}");
    }
}

#[test]
fn connections_are_named_by_their_own_names() {
    let found = check_connections(Some("hubspot"), Some("pager"), &["hubspot-main"], &[]);
    let told: Vec<(&str, &str)> = found.iter().map(|p| (p.cause.as_str(), p.cure.as_str())).collect();
    assert_eq!(
        told,
        [
            ("crm: there is no connection \"hubspot\" of a CRM's vendor", "did you mean \"hubspot-main\"?"),
            (
                "page.webhook: there is no connection \"pager\" of the vendor webhook",
                "add an [[account.connection]] named \"pager\" of the vendor webhook"
            ),
        ]
    );
    assert_eq!(check_connections(Some("hubspot-main"), None, &["hubspot-main"], &[]), []);
    let text = DEFAULT_TEXT.replacen("\"hubspot-main\"", "\"hubspot\"", 1);
    let at = placed(found, &text).first().unwrap().at.clone().unwrap();
    assert_eq!(text.get(at), Some("\"hubspot\""));
}
