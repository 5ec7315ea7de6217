//! Property definitions, what a value must look like, and the properties endpoints.
//! Source: properties API guide (`hasUniqueValue` cannot change after creation, at most ten per object; option values are
//! internal names; all values travel as strings).

use super::record::ObjectType;
use super::refusals::{Invalid, Refusal, bad_json, not_found, unknown_path};
use super::{HubSpot, Route};
use crate::log::{Deed, Effect};
use crate::{Reply, civil};
use serde_json::{Value, json};

/// Property types of the properties guide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Phone,
    Number,
    Date,
    Datetime,
    Enumeration,
    Bool,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Phone => "phone_number",
            Self::Number => "number",
            Self::Date => "date",
            Self::Datetime => "datetime",
            Self::Enumeration => "enumeration",
            Self::Bool => "bool",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Text, Self::Number, Self::Date, Self::Datetime, Self::Enumeration, Self::Bool]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// One property definition.
#[derive(Debug, Clone)]
pub(crate) struct Property {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) description: String,
    pub(crate) kind: Kind,
    pub(crate) field_type: String,
    pub(crate) group: String,
    /// (value, label)
    pub(crate) options: Vec<(String, String)>,
    pub(crate) unique: bool,
    pub(crate) hidden: bool,
    pub(crate) read_only: bool,
    pub(crate) calculated: bool,
    pub(crate) hubspot_defined: bool,
    /// Takes owner ids.
    pub(crate) owner: bool,
    /// Options live elsewhere; any value goes.
    pub(crate) open_options: bool,
    /// Kept in this twin's lookup table.
    pub(crate) indexed: bool,
    pub(crate) created_at_ms: i64,
}

/// Unique properties per object type (properties guide, "Create unique identifier properties").
pub(crate) const UNIQUE_PROPERTIES_MAX: usize = 10;
/// Longest text value.
const TEXT_MAX_CHARS: usize = 65_536;

impl Property {
    /// The value as HubSpot keeps it, or why it is not accepted. `""` always clears.
    pub(crate) fn accept(&self, given: &str, owner_known: impl Fn(&str) -> bool) -> Result<String, Invalid> {
        let refuse = |code, message: String| Err(Invalid { name: self.name.clone(), code, message });
        if self.read_only {
            return refuse(
                "READ_ONLY_VALUE",
                format!("\"{}\" is a read only property; its value cannot be set.", self.name),
            );
        }
        if given.is_empty() {
            return Ok(String::new());
        }
        match self.kind {
            Kind::Text | Kind::Phone if given.chars().count() > TEXT_MAX_CHARS => {
                refuse("INVALID_STRING_LENGTH", format!("Value is longer than {TEXT_MAX_CHARS} characters."))
            }
            Kind::Text if self.name == "email" => {
                let email = given.trim().to_lowercase();
                let good = email.split_once('@').is_some_and(|(local, domain)| {
                    !local.is_empty() && domain.contains('.') && !domain.starts_with('.') && !domain.ends_with('.')
                }) && !email.contains(char::is_whitespace);
                if good { Ok(email) } else { refuse("INVALID_EMAIL", format!("Email address {given} is invalid")) }
            }
            Kind::Text | Kind::Phone => Ok(given.to_owned()),
            Kind::Number => match given.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(given.to_owned()),
                _ => refuse("INVALID_DOUBLE", format!("{given} was not a valid number.")),
            },
            Kind::Bool if given == "true" || given == "false" => Ok(given.to_owned()),
            Kind::Bool => refuse("INVALID_BOOLEAN", format!("{given} was not a valid boolean.")),
            Kind::Date | Kind::Datetime => match parse_instant(given) {
                // Dates are midnight UTC (properties guide, "date and dateTime").
                Some(ms) if self.kind == Kind::Date && ms.rem_euclid(civil::DAY_MS) == 0 => Ok(civil::iso_day(ms)),
                Some(_) if self.kind == Kind::Date => {
                    refuse("INVALID_DATE", format!("{given} is at a time other than midnight UTC."))
                }
                Some(ms) => Ok(civil::iso(ms)),
                None => refuse("INVALID_LONG", format!("{given} was not a valid long.")),
            },
            Kind::Enumeration if self.open_options => Ok(given.to_owned()),
            Kind::Enumeration if self.owner => {
                if owner_known(given) {
                    Ok(given.to_owned())
                } else {
                    refuse("INVALID_OWNER_ID", format!("{given} is not a known owner id."))
                }
            }
            Kind::Enumeration => {
                let known = |value: &str| self.options.iter().any(|(option, _)| option == value);
                // Check boxes take several values separated by semicolons.
                let good = if self.field_type == "checkbox" { given.split(';').all(known) } else { known(given) };
                if good {
                    return Ok(given.to_owned());
                }
                let allowed: Vec<&str> = self.options.iter().map(|(value, _)| value.as_str()).collect();
                refuse(
                    "INVALID_OPTION",
                    format!("{given} was not one of the allowed options: [{}]", allowed.join(", ")),
                )
            }
        }
    }

    fn render(&self) -> Value {
        json!({
            "name": self.name, "label": self.label, "description": self.description, "type": self.kind.name(),
            "fieldType": self.field_type, "groupName": self.group,
            "options": self.options.iter().enumerate().map(|(order, (value, label))| json!({
                "label": label, "value": value, "displayOrder": order, "hidden": false,
            })).collect::<Vec<_>>(),
            "hidden": self.hidden, "hasUniqueValue": self.unique, "calculated": self.calculated,
            "externalOptions": self.owner || self.open_options, "hubspotDefined": self.hubspot_defined,
            "displayOrder": -1, "formField": false, "archived": false,
            "createdAt": civil::iso_ms(self.created_at_ms), "updatedAt": civil::iso_ms(self.created_at_ms),
            "modificationMetadata": {
                "archivable": !self.hubspot_defined, "readOnlyDefinition": self.hubspot_defined,
                "readOnlyValue": self.read_only,
            },
        })
    }
}

/// Epoch milliseconds or ISO 8601, the two forms the guide allows.
pub(crate) fn parse_instant(text: &str) -> Option<i64> {
    text.parse::<i64>().ok().or_else(|| civil::parse_iso(text))
}

impl HubSpot {
    /// `/crm/properties/{version}/{objectType}…`
    pub(super) fn properties_endpoint(
        &mut self,
        route: &Route<'_>,
        kind: ObjectType,
        rest: &[&str],
    ) -> Result<Reply, Refusal> {
        match (route.method, rest) {
            ("GET", []) => {
                let results: Vec<Value> = self.table(kind).properties.values().map(Property::render).collect();
                Ok(Reply::json(200, &json!({ "results": results })))
            }
            ("POST", []) => {
                let body = route.body()?;
                let made = self.define(kind, &body, route.now_ms)?;
                Ok(Reply::json(201, &made))
            }
            ("GET", ["groups"]) => {
                let results: Vec<Value> = self
                    .table(kind)
                    .groups
                    .iter()
                    .enumerate()
                    .map(|(order, (name, label))| group(name, label, order))
                    .collect();
                Ok(Reply::json(200, &json!({ "results": results })))
            }
            ("POST", ["groups"]) => {
                let body = route.body()?;
                let name = text(&body, "name")?;
                let label = text(&body, "label")?;
                let order = self.table(kind).groups.len();
                if self.table(kind).groups.contains_key(&name) {
                    return Err(Refusal::new(
                        409,
                        "OBJECT_ALREADY_EXISTS",
                        format!("Property group {name} already exists"),
                    ));
                }
                let made = group(&name, &label, order);
                self.table_mut(kind).groups.insert(name, label);
                Ok(Reply::json(201, &made))
            }
            ("GET", ["groups", name]) => match self.table(kind).groups.get(*name) {
                Some(label) => Ok(Reply::json(200, &group(name, label, 0))),
                None => Err(not_found(name)),
            },
            ("POST", ["batch", "read"]) => {
                let body = route.body()?;
                let names: Vec<&str> = body["inputs"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|input| input["name"].as_str())
                    .collect();
                let results: Vec<Value> = names
                    .iter()
                    .filter_map(|name| self.table(kind).properties.get(*name))
                    .map(Property::render)
                    .collect();
                Ok(Reply::json(200, &super::batch::complete(route.now_ms, &results)))
            }
            ("GET", [name]) => match self.table(kind).properties.get(*name) {
                Some(property) => Ok(Reply::json(200, &property.render())),
                None => Err(Refusal::new(404, "OBJECT_NOT_FOUND", format!("Property {name} does not exist"))
                    .context("name", &[name])),
            },
            ("PATCH", [name]) => {
                let body = route.body()?;
                let name = (*name).to_owned();
                let Some(property) = self.table_mut(kind).properties.get_mut(&name) else {
                    return Err(not_found(&name));
                };
                // "hasUniqueValue … cannot be changed after creation" (properties guide).
                if body.get("hasUniqueValue").and_then(Value::as_bool).is_some_and(|unique| unique != property.unique) {
                    return Err(Refusal::validation(format!(
                        "hasUniqueValue of {name} cannot be changed after creation."
                    )));
                }
                if let Some(label) = body["label"].as_str() {
                    label.clone_into(&mut property.label);
                }
                if let Some(hidden) = body["hidden"].as_bool() {
                    property.hidden = hidden;
                }
                if body.get("options").is_some() {
                    property.options = options(&body);
                }
                let rendered = property.render();
                self.did(Deed::Defined, kind, name);
                Ok(Reply::json(200, &rendered))
            }
            // Archives it: no list and no record shows it any more, and what is written to it is refused.
            ("DELETE", [name]) => self.archive_property(kind, name),
            _ => Err(unknown_path()),
        }
    }

    fn archive_property(&mut self, kind: ObjectType, name: &str) -> Result<Reply, Refusal> {
        match self.table(kind).properties.get(name) {
            None => return Err(not_found(name)),
            Some(property) if property.hubspot_defined => {
                return Err(Refusal::validation(format!("Property {name} is defined by HubSpot and read only.")));
            }
            Some(_) => {}
        }
        self.table_mut(kind).properties.remove(name);
        self.did(Deed::Archived, kind, name.to_owned());
        Ok(Reply::empty(204))
    }

    pub(super) fn define(&mut self, kind: ObjectType, body: &Value, now_ms: i64) -> Result<Value, Refusal> {
        let name = text(body, "name")?;
        let label = text(body, "label")?;
        let group = text(body, "groupName")?;
        let field_type = text(body, "fieldType")?;
        let kind_name = text(body, "type")?;
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !name.chars().all(good) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(Refusal::validation(format!(
                "Property name {name} must start with a letter and hold only lower-case letters, digits and underscores."
            )));
        }
        let Some(of) = Kind::from_name(&kind_name) else {
            return Err(Refusal::validation(format!("{kind_name} is not a property type.")));
        };
        let fields: &[&str] = match of {
            Kind::Text | Kind::Phone => &["text", "textarea", "file", "html", "phonenumber"],
            Kind::Number => &["number", "text"],
            Kind::Date | Kind::Datetime => &["date"],
            Kind::Enumeration => &["select", "radio", "checkbox", "booleancheckbox"],
            Kind::Bool => &["booleancheckbox", "checkbox", "radio", "select"],
        };
        if !fields.contains(&field_type.as_str()) {
            return Err(Refusal::validation(format!("Field type {field_type} does not go with type {kind_name}.")));
        }
        let unique = body["hasUniqueValue"].as_bool().unwrap_or(false);
        let table = self.table(kind);
        if table.properties.contains_key(&name) {
            return Err(Refusal::new(409, "OBJECT_ALREADY_EXISTS", format!("Property {name} already exists"))
                .context("name", &[&name]));
        }
        if !table.groups.contains_key(&group) {
            return Err(Refusal::validation(format!("Property group {group} does not exist.")));
        }
        if unique && !matches!(of, Kind::Text | Kind::Number) {
            return Err(Refusal::validation("Only text and number properties can have unique values."));
        }
        if unique && table.properties.values().filter(|p| p.unique).count() >= UNIQUE_PROPERTIES_MAX {
            return Err(Refusal::validation(format!(
                "An object can have at most {UNIQUE_PROPERTIES_MAX} properties with unique values."
            )));
        }
        let property = Property {
            label,
            description: body["description"].as_str().unwrap_or_default().to_owned(),
            kind: of,
            field_type,
            group,
            options: options(body),
            unique,
            hidden: body["hidden"].as_bool().unwrap_or(false),
            read_only: false,
            calculated: false,
            hubspot_defined: false,
            owner: body["referencedObjectType"] == "OWNER",
            open_options: false,
            indexed: unique,
            created_at_ms: now_ms,
            name: name.clone(),
        };
        let rendered = property.render();
        self.table_mut(kind).properties.insert(name.clone(), property);
        self.did(Deed::Defined, kind, name);
        Ok(rendered)
    }

    pub(super) fn did(&mut self, deed: Deed, kind: ObjectType, id: String) {
        self.effects.push(Effect { deed, object: kind.plural().to_owned(), id });
    }
}

fn text(body: &Value, field: &str) -> Result<String, Refusal> {
    match body[field].as_str() {
        Some(value) if !value.is_empty() => Ok(value.to_owned()),
        _ => Err(bad_json(&format!("Some required fields were not set: [{field}]"))),
    }
}

fn options(body: &Value) -> Vec<(String, String)> {
    let list = body["options"].as_array().into_iter().flatten();
    list.filter_map(|option| {
        let value = option["value"].as_str()?;
        Some((value.to_owned(), option["label"].as_str().unwrap_or(value).to_owned()))
    })
    .collect()
}

fn group(name: &str, label: &str, order: usize) -> Value {
    json!({ "name": name, "label": label, "displayOrder": order, "archived": false })
}
