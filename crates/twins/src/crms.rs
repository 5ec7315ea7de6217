//! Every CRM's twin in one table, by its vendor's word in configuration.

use crate::books::Books;
use crate::{dynamics, gohighlevel, hook, hubspot, pipedrive, salesforce, zoho};

/// Every CRM that has a twin.
pub const NAMES: &[&str] = &["hubspot", "salesforce", "zoho", "pipedrive", "gohighlevel", "dynamics", "hook"];

/// First and last names that seeded people have in turn.
const FIRST: [&str; 7] = ["Ana", "Ben", "Cora", "Dev", "Elif", "Finn", "Grace"];
const LAST: [&str; 11] =
    ["Alvarez", "Brandt", "Chen", "Diaz", "Ekström", "Fofana", "Gupta", "Haddad", "Ito", "Jansen", "Kowalski"];
/// Area codes of seeded numbers; the rest is one of the hundred numbers per area that belong to nobody (555-0100 to 0199).
const AREAS: [u16; 12] = [205, 303, 312, 404, 415, 503, 602, 617, 702, 713, 804, 919];
/// The most people that are seeded: so many numbers belong to nobody.
pub const PEOPLE_MAX: usize = AREAS.len() * 100;

/// A fresh twin of that CRM as it is by default.
pub fn fresh(name: &str) -> Option<Box<dyn Books>> {
    Some(match name {
        "hubspot" => Box::new(hubspot::HubSpot::new(hubspot::Options::default())),
        "salesforce" => Box::new(salesforce::Salesforce::new(salesforce::Options::default())),
        "zoho" => Box::new(zoho::Zoho::new(zoho::Options::default())),
        "pipedrive" => Box::new(pipedrive::Pipedrive::new(pipedrive::Options::default())),
        "gohighlevel" => Box::new(gohighlevel::GoHighLevel::new(gohighlevel::Options::default())),
        "dynamics" => Box::new(dynamics::Dynamics::new(dynamics::Options::default())),
        "hook" => Box::new(hook::Hook::new(hook::Options::default())),
        _ => return None,
    })
}

/// A fresh twin that takes this plain token (or signing secret), and nothing else, as a credential; without one the twin's own. Gives the
/// twin and what a connection to it needs as its secret.
pub fn accepting(name: &str, token: Option<&str>) -> Option<(Box<dyn Books>, String)> {
    let own = |usual: Option<&String>| token.map(str::to_owned).or_else(|| usual.cloned()).unwrap_or_default();
    Some(match name {
        "hubspot" => {
            let mut options = hubspot::Options::default();
            let token = own(options.tokens.first().map(|t| &t.secret));
            options.tokens = vec![hubspot::Token::new(&token, "7001")];
            (Box::new(hubspot::HubSpot::new(options)), token)
        }
        "salesforce" => {
            let mut options = salesforce::Options::default();
            let token = own(options.tokens.first());
            options.tokens = vec![token.clone()];
            (Box::new(salesforce::Salesforce::new(options)), token)
        }
        "zoho" => {
            let mut options = zoho::Options::default();
            let token = own(options.tokens.first());
            options.tokens = vec![token.clone()];
            (Box::new(zoho::Zoho::new(options)), token)
        }
        "pipedrive" => {
            let mut options = pipedrive::Options::default();
            let token = own(options.api_tokens.first());
            options.api_tokens = vec![token.clone()];
            (Box::new(pipedrive::Pipedrive::new(options)), token)
        }
        "gohighlevel" => {
            let mut options = gohighlevel::Options::default();
            let token = own(options.tokens.first().map(|t| &t.secret));
            options.tokens = vec![gohighlevel::Token::new(&token, gohighlevel::NORTH)];
            (Box::new(gohighlevel::GoHighLevel::new(options)), token)
        }
        "dynamics" => {
            let mut options = dynamics::Options::default();
            let token = own(options.tokens.first());
            options.tokens = vec![token.clone()];
            (Box::new(dynamics::Dynamics::new(options)), token)
        }
        "hook" => {
            let mut options = hook::Options::default();
            let secret = own(Some(&options.secret));
            options.secret.clone_from(&secret);
            (Box::new(hook::Hook::new(options)), secret)
        }
        _ => return None,
    })
}

/// People who are in the CRM already, every third of them as a customer; [`PEOPLE_MAX`] at most. Gives how many were made.
pub fn seed_people(twin: &mut dyn Books, count: usize, now_ms: i64) -> usize {
    let count = count.min(PEOPLE_MAX);
    for n in 0..count {
        let (Some(first), Some(last), Some(area)) =
            (FIRST.get(n % FIRST.len()), LAST.get(n % LAST.len()), AREAS.get(n % AREAS.len()))
        else {
            continue;
        };
        let number = format!("+1{area}55501{:02}", n / AREAS.len());
        let email = format!("{}.{n}@example.com", first.to_lowercase());
        twin.seed_person(&format!("{first} {last}"), &number, Some(&email), n % 3 == 0, now_ms);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::books::{CallEnd, Kind, LoggedCall};
    use std::collections::BTreeSet;

    #[test]
    fn every_name_of_the_table_has_a_twin_that_takes_the_token_it_was_given() {
        for name in NAMES {
            assert_eq!(fresh(name).map(|t| t.vendor()), Some(*name));
            let (twin, usual) = accepting(name, None).unwrap();
            assert!(!usual.is_empty(), "{name}");
            assert_eq!(twin.vendor(), *name);
            let (twin, token) = accepting(name, Some("whsec_b3du")).unwrap();
            assert_eq!(token, "whsec_b3du");
            // Zoho's own secret is always that of its client.
            assert!(*name == "zoho" || twin.secret() == token, "{name} wants {}", twin.secret());
        }
        assert!(fresh("paper").is_none() && accepting("paper", None).is_none());
    }

    #[test]
    fn a_call_that_somebody_else_logs_is_in_the_books_and_can_be_changed() {
        for name in NAMES {
            let mut twin = fresh(name).unwrap();
            let person = twin.seed_person("Eve Stone", "+13125550177", None, true, 1_772_640_000_000);
            let mut call = LoggedCall {
                inbound: true,
                from: "+13125550177".into(),
                to: "+13125550100".into(),
                end: CallEnd::Missed,
                began_ms: 1_772_640_000_000,
                seconds: 20,
                recording: None,
                note: Some("rang twice".into()),
                person: Some(person.clone()),
            };
            let made = twin.log_call(&call, None, 1_772_640_030_000);
            if ["gohighlevel", "hook"].contains(name) {
                assert_eq!(made, None, "{name}");
                continue;
            }
            let id = made.unwrap_or_else(|| panic!("{name}"));
            call.end = CallEnd::Answered;
            assert_eq!(twin.log_call(&call, Some(&id), 1_772_640_060_000).as_ref(), Some(&id), "{name}");
            assert_eq!(twin.log_call(&call, Some("404"), 1_772_640_060_000), None, "{name}");
            let books = twin.entries();
            let calls: Vec<_> = books.iter().filter(|e| e.kind == Kind::Call && !e.gone).collect();
            assert_eq!(calls.len(), 1, "{name}: {calls:?}");
            assert_eq!((calls[0].people.as_slice(), calls[0].by_person), ([person].as_slice(), true), "{name}");
            assert!(calls[0].marks().is_empty(), "{name}");
        }
    }

    #[test]
    fn seeded_people_are_all_different_and_found_in_the_books() {
        for name in NAMES {
            let mut twin = fresh(name).unwrap();
            assert_eq!(seed_people(twin.as_mut(), 40, 1_772_550_000_000), 40);
            let people: Vec<_> =
                twin.entries().into_iter().filter(|e| e.kind == crate::books::Kind::Person && !e.gone).collect();
            assert_eq!(people.len(), 40, "{name}");
            let ids: BTreeSet<_> = people.iter().map(|e| (&e.object, &e.id)).collect();
            assert_eq!(ids.len(), 40, "{name}");
            let known = |number: &str| people.iter().filter(|e| e.has_number(number)).count();
            assert_eq!([known("+14155550102"), known("+14155550103")], [1, 0], "{name}");
        }
        let mut twin = fresh("hook").unwrap();
        assert_eq!(seed_people(twin.as_mut(), usize::MAX, 0), PEOPLE_MAX);
    }
}
