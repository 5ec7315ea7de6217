//! Operations to HTTP.

use super::fields::{Seen, Writing, body, field, participants};
use super::{IDS_MAX, collection, is_activity, schema};
use crate::wire::percent;
use crate::{Connection, Unsupported};
use jiff::Timestamp;
use ringback_core::crm::{CrmOp, KEY_PROPERTY, Object, PersonKey};
use ringback_core::http::{HttpRequest, Method};
use serde_json::{Value, json};

/// Records of one page (the vendor's most for lists).
const PAGE_MAX: usize = 500;
/// Matches of one search (the vendor's most).
const MATCHES_MAX: usize = 100;

const V2: &str = "/api/v2";

fn get(path: String) -> HttpRequest {
    let headers = vec![("accept".into(), "application/json".into())];
    HttpRequest { method: Method::Get, path, headers, body: Vec::new() }
}

fn send(method: Method, path: String, body: &Value) -> HttpRequest {
    let headers =
        vec![("accept".into(), "application/json".into()), ("content-type".into(), "application/json".into())];
    HttpRequest { method, path, headers, body: body.to_string().into_bytes() }
}

pub(super) fn request(operation: &CrmOp, connection: &Connection) -> Result<HttpRequest, Unsupported> {
    Ok(match operation {
        CrmOp::FindPerson { keys, .. } => get(search(keys)?),
        CrmOp::ReadByKey { object, of, .. } if is_activity(*object) => {
            // A person's list of activities, the newest first; without a person, those changed last.
            let whose = match of {
                Some(person) => format!("person_id={}&sort_by=id", percent(person)),
                None => "sort_by=update_time".to_owned(),
            };
            get(format!("{V2}/activities?{whose}&sort_direction=desc&limit={PAGE_MAX}"))
        }
        CrmOp::ReadByKey { object, key, .. } => {
            let kind = match object {
                Object::Deal => "deal",
                _ => collection(*object).map(|_| "person")?,
            };
            let code = field(*object, KEY_PROPERTY, connection)?.code;
            let (key, code) = (percent(key), percent(code));
            get(format!(
                "{V2}/itemSearch/field?term={key}&entity_type={kind}&field={code}&match=exact&limit={MATCHES_MAX}"
            ))
        }
        CrmOp::ReadById { object, id, .. } | CrmOp::ReadLinks { object, id, .. } => {
            let more = included(*object, connection).map(|fields| format!("?{fields}")).unwrap_or_default();
            get(format!("{V2}/{}/{}{more}", collection(*object)?, percent(id)))
        }
        CrmOp::ReadMany { object, ids, .. } => {
            if ids.is_empty() || ids.len() > IDS_MAX {
                return Err(Unsupported(format!("Pipedrive reads 1 to {IDS_MAX} records at once, not {}", ids.len())));
            }
            let ids: Vec<String> = ids.iter().map(|id| percent(id)).collect();
            let more = included(*object, connection).map(|fields| format!("&{fields}")).unwrap_or_default();
            get(format!("{V2}/{}?ids={}&limit={IDS_MAX}{more}", collection(*object)?, ids.join(",")))
        }
        CrmOp::FindDeals { contact, .. } => get(format!(
            "{V2}/deals?person_id={}&sort_by=update_time&sort_direction=desc&limit={PAGE_MAX}",
            percent(contact)
        )),
        CrmOp::Create { object, key, of, properties } => {
            let writing = Writing::New { key, of: of.as_deref() };
            let body = body(*object, properties, writing, connection)?;
            send(Method::Post, format!("{V2}/{}", collection(*object)?), &body)
        }
        CrmOp::Update { object, id, properties, seen } => {
            let seen = seen.as_deref().and_then(Seen::read);
            let body = body(*object, properties, Writing::Change { seen: seen.as_ref() }, connection)?;
            send(Method::Patch, format!("{V2}/{}/{}", collection(*object)?, percent(id)), &body)
        }
        CrmOp::Associate { from, from_id, to: Object::Contact, to_id } if is_activity(*from) => {
            let body = json!({ "participants": participants(to_id)? });
            send(Method::Patch, format!("{V2}/activities/{}", percent(from_id)), &body)
        }
        CrmOp::Delete { object, id } => {
            let path = format!("{V2}/{}/{}", collection(*object)?, percent(id));
            HttpRequest { method: Method::Delete, ..get(path) }
        }
        CrmOp::Changed { object, since, after, .. } => {
            let more = included(*object, connection).map(|fields| format!("&{fields}")).unwrap_or_default();
            let after = after.as_ref().map(|a| format!("&cursor={}", percent(a))).unwrap_or_default();
            get(format!(
                "{V2}/{}?updated_since={}&sort_by=update_time&sort_direction=asc&limit={PAGE_MAX}{more}{after}",
                collection(*object)?,
                percent(&second(*since)),
            ))
        }
        CrmOp::ReadSchema { object } => get(format!("{V2}/{}?limit={PAGE_MAX}", schema::collection(*object)?)),
        CrmOp::CreateProperty { object, property } => {
            if is_activity(*object) {
                let words =
                    "Pipedrive's activities hold no fields of ours: what the contract names is kept in the note";
                return Err(Unsupported(words.into()));
            }
            send(Method::Post, format!("{V2}/{}", schema::collection(*object)?), &schema::new_field(property)?)
        }
        // The documented address of v1 has no /api in front; a company's own address has.
        CrmOp::ListOwners { .. } if connection.base_url.is_none() => get("/v1/users".to_owned()),
        CrmOp::ListOwners { .. } => get("/api/v1/users".to_owned()),
        CrmOp::Upsert { .. } => return Err(Unsupported("Pipedrive cannot create or update in one request".into())),
        CrmOp::Associate { .. } => return Err(Unsupported("Pipedrive links activities to persons only".into())),
    })
}

/// What is shown of a person besides: deals that were won tell whether they are a customer, and whether they opted out is told where the company has
/// Campaigns.
fn included(object: Object, connection: &Connection) -> Option<&'static str> {
    let campaigns = connection.setting("field.contact.marketing_status").is_some();
    (object == Object::Contact).then_some(if campaigns {
        "include_fields=won_deals_count,marketing_status"
    } else {
        "include_fields=won_deals_count"
    })
}

/// One term: the longest number, else the longest address. Numbers are free text, so the national digits are looked for anywhere in them,
/// and the caller compares; addresses are compared whole.
fn search(keys: &[PersonKey]) -> Result<String, Unsupported> {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let mut numbers: Vec<String> = Vec::new();
    let mut addresses: Vec<&str> = Vec::new();
    for key in keys {
        match key {
            PersonKey::Phone { e164, national } => {
                numbers.push(Some(digits(national)).filter(|n| n.len() >= 7).unwrap_or_else(|| digits(e164)));
            }
            PersonKey::Email { address } => addresses.push(address),
        }
    }
    // The first of the longest.
    let number = numbers.iter().rev().max_by_key(|n| n.len()).filter(|n| n.len() >= 2);
    let address = addresses.iter().rev().max_by_key(|a| a.len()).filter(|a| a.len() >= 2);
    let query = match (number, address) {
        (Some(number), _) => format!("term={number}&fields=phone"),
        (None, Some(address)) => format!("term={}&fields=email&exact_match=true", percent(address)),
        (None, None) => return Err(Unsupported("There is no key to find a person by".into())),
    };
    Ok(format!("{V2}/persons/search?{query}&limit={MATCHES_MAX}"))
}

/// Fractions of a second are refused in `updated_since`.
fn second(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).map_or_else(|_| at.to_string(), |at| at.to_string())
}
