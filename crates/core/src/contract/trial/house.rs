//! The made-up business in which a test takes place.

use super::say::{Given, GivenDeal, SetByWord};
use crate::contract::{Contract, OwnerTarget, SuppressClass};
use crate::crm::{CrmWords, Object, Properties, Record, SetBy, Setter};
use crate::ensure::DEAL_MARK;
use crate::followup::calendar::{Block, Calendar, Week};
use crate::id::{LocationId, StaffId};
use crate::roster::{KnownNumber, Line, Location, Roster, Staff};
use std::collections::BTreeMap;

/// The caller, and the number that was called: both reserved for fiction.
pub(super) const CALLER: &str = "+16025550142";
pub(super) const LINE: &str = "+16025550100";
pub(super) const ZONE: &str = "America/Phoenix";
/// The slug where a test names no location.
const HERE: &str = "here";
/// Tiers of the made-up staff; those whom rules name besides belong to none, so that they are nobody's backup.
const NO_TIER: u8 = 9;

/// Everybody whom the contract names works there, one each, and is called by what the rules call them.
pub(super) fn roster(contract: &Contract, given: &Given, words: &CrmWords) -> Roster {
    let slug = given.location.clone().unwrap_or_else(|| HERE.to_owned());
    let location = LocationId::from_text(format!("loc_{slug}"));
    let block = Block::new(8 * 60, 17 * 60);
    let week = Week::weekdays(&block.into_iter().collect::<Vec<_>>());
    let mut staff: Vec<Staff> = (1..=3).map(|tier| person(&format!("location:tier{tier}"), tier, Vec::new())).collect();
    let targets = contract.owner.rules.iter().map(|r| &r.to).chain([&contract.owner.otherwise]);
    for target in targets {
        let name = target.to_string();
        if staff.iter().any(|s| s.name == name) {
            continue;
        }
        match target {
            OwnerTarget::Role(role) => staff.push(person(&name, NO_TIER, vec![role.clone()])),
            OwnerTarget::Staff(id) => {
                staff.push(Staff { id: StaffId::from_text(id.clone()), ..person(&name, NO_TIER, Vec::new()) });
            }
            OwnerTarget::RecordOwner | OwnerTarget::LocationTier(_) => {}
        }
    }
    let owner = given.crm.as_ref().and_then(|crm| crm.get(&format!("contact.{}", words.contact_owner)));
    if let Some(owner) = owner.filter(|o| !o.is_empty()) {
        staff.push(Staff { crm_owner: Some(owner.clone()), ..person("crm:record_owner", NO_TIER, Vec::new()) });
    }
    let known_numbers = match given.matched.as_deref() {
        Some("vendor") => vec![(CALLER.to_owned(), KnownNumber::Vendor)],
        _ => Vec::new(),
    };
    Roster {
        version: 1,
        locations: vec![Location {
            id: location.clone(),
            slug: slug.clone(),
            name: slug,
            calendar: Calendar::new(ZONE, week),
            region: "US".into(),
            locale: "en-US".into(),
            currency: "USD".into(),
            vertical: given.vertical.clone(),
            version: 1,
        }],
        lines: vec![Line {
            number: LINE.into(),
            location,
            kind: given.line.clone(),
            source: given.source.clone(),
            campaign: given.campaign.clone(),
            landing_page: None,
        }],
        staff,
        known_numbers,
    }
}

fn person(name: &str, tier: u8, roles: Vec<String>) -> Staff {
    Staff {
        id: StaffId::from_text(format!("staff_{}", name.replace(':', "_"))),
        name: name.to_owned(),
        roles,
        locations: Vec::new(),
        tier,
        crm_owner: Some(format!("own-{name}")),
        email: Some("person@example.com".into()),
        shift: None,
        away: false,
    }
}

/// What the CRM answers to the question who called.
pub(super) fn records(contract: &Contract, given: &Given, words: &CrmWords) -> Vec<Record> {
    let kind = given.matched.as_deref();
    let nobody = given.crm.is_none() && given.deals.is_empty() && given.tags.is_empty();
    if matches!(kind, Some("new" | "anonymous" | "vendor")) || (nobody && kind.is_none()) {
        return Vec::new();
    }
    let of = &contract.matching.properties;
    let mut properties: Properties = given
        .crm
        .iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.strip_prefix("contact.")?.to_owned(), value.clone())))
        .collect();
    if let Some(phone) = of.phone.first() {
        properties.entry(phone.clone()).or_insert_with(|| CALLER.to_owned());
    }
    if let (Some("customer"), Some(value)) = (kind, of.customer_values.first()) {
        properties.entry(of.lifecycle.clone()).or_insert_with(|| value.clone());
    }
    // Marked as the contract says that such a contact is marked; where it says nothing, nobody is known to be one.
    let classes = SuppressClass::MARKED.into_iter().chain([SuppressClass::StrategicAccount]);
    for class in classes.filter(|c| given.tags.iter().any(|t| t == c.word())) {
        if let Some((mark, value)) = contract.suppress.mark(class).and_then(|m| Some((m, m.values.first()?))) {
            properties.insert(mark.property.clone(), value.clone());
        }
    }
    let set_by = properties.iter().map(|(name, value)| (name.clone(), set_by(given, name, value))).collect();
    let mut found = vec![Record { id: "901".into(), properties: properties.clone(), set_by, ..Record::default() }];
    if kind == Some("ambiguous") {
        found.push(Record { id: "902".into(), properties, ..Record::default() });
    }
    found.extend(given.deals.iter().enumerate().map(|(n, deal)| deal_record(n, deal, words)));
    found
}

fn set_by(given: &Given, property: &str, value: &str) -> SetBy {
    let word = match &given.set_by {
        Some(SetByWord::All(word)) => word.as_str(),
        Some(SetByWord::Each(each)) => each.get(&format!("contact.{property}")).map_or("unknown", String::as_str),
        None => "unknown",
    };
    let who = match word {
        "person" => Setter::Person,
        "machine" => Setter::Integration,
        "automation" => Setter::Automation,
        _ => Setter::Unknown,
    };
    SetBy { value: value.to_owned(), at: None, who, source: word.to_owned() }
}

fn deal_record(n: usize, deal: &GivenDeal, words: &CrmWords) -> Record {
    let closed = !deal.open.unwrap_or(true);
    let text = |value: &Option<String>, plain: &str| value.clone().unwrap_or_else(|| plain.to_owned());
    let properties = [
        (words.deal_name, text(&deal.name, "A deal")),
        (words.deal_stage, text(&deal.stage, "open")),
        (words.deal_closed, closed.to_string()),
    ];
    Record {
        id: format!("70{n}"),
        properties: properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        also_known_as: vec![DEAL_MARK.to_owned()],
        associations: BTreeMap::from([(Object::Contact, vec!["901".to_owned()])]),
        ..Record::default()
    }
}
