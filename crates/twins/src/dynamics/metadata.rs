//! Table definitions: columns, choices, alternate keys (pages "Create and update column definitions using the Web API", "Work with
//! alternate keys using the Web API").

use super::refusals::{Refusal, bad_request, method, no_segment};
use super::schema::{Column, Definition, Kind};
use super::{Dynamics, ok};
use crate::log::Deed;
use crate::{Reply, Request};
use serde_json::{Value, json};

impl Dynamics {
    /// `/EntityDefinitions(LogicalName='lead')…`
    pub(super) fn definitions(&mut self, request: &Request, key: &str, tail: &[&str]) -> Result<Reply, Refusal> {
        let logical = key.strip_prefix("LogicalName=").map(|n| n.trim_matches('\'')).unwrap_or_default();
        let Some(definition) = self.tables.iter().map(|t| &t.definition).find(|d| d.logical == logical) else {
            return Err(Refusal::new(404, "0x80060888", format!("Could not find an entity with name {logical}.")));
        };
        let set = definition.set;
        match (request.method.as_str(), tail) {
            ("GET", ["Attributes"]) => Ok(ok(&json!({ "value": columns(definition) }))),
            ("GET", ["Attributes", "Microsoft.Dynamics.CRM.PicklistAttributeMetadata"]) => {
                Ok(ok(&json!({ "value": choices(definition) })))
            }
            ("GET", ["Keys"]) => {
                let keys = definition.keys.iter().map(|(name, column)| {
                    json!({ "LogicalName": name, "KeyAttributes": [column], "EntityKeyIndexStatus": "Active" })
                });
                Ok(ok(&json!({ "value": keys.collect::<Vec<_>>() })))
            }
            ("POST", ["Attributes"]) => self.make_column(request, set),
            ("POST", ["Keys"]) => self.make_key(request, set),
            (_, ["Attributes" | "Keys", ..]) => Err(method(&request.method)),
            (_, tail) => Err(no_segment(tail.first().copied().unwrap_or_default())),
        }
    }

    fn make_column(&mut self, request: &Request, set: &str) -> Result<Reply, Refusal> {
        let body: Value = serde_json::from_slice(&request.body).map_err(|_| bad_request("The body is no JSON."))?;
        let name = body["SchemaName"].as_str().unwrap_or_default().to_owned();
        // "The prefix … should match the prefix that is specified for that solution's publisher."
        let solution = request.get_header("mscrm.solutionuniquename").unwrap_or_default();
        let prefix = self
            .prefix_of(solution)
            .ok_or_else(|| Refusal::new(404, "0x80040217", format!("Solution with name {solution} Does Not Exist")))?;
        if !name.to_lowercase().starts_with(&format!("{prefix}_")) {
            return Err(Refusal::new(
                400,
                "0x80048403",
                format!(
                    "The attribute name '{name}' must start with a valid customization prefix. The prefix for a solution component should match the prefix that is specified for that solution's publisher."
                ),
            ));
        }
        let kind = match body["@odata.type"].as_str().unwrap_or_default().trim_start_matches('#') {
            "Microsoft.Dynamics.CRM.StringAttributeMetadata" => {
                let max = body["MaxLength"].as_u64().unwrap_or(0);
                if !(1..=4_000).contains(&max) || body["FormatName"]["Value"].as_str().is_none() {
                    return Err(bad_request("MaxLength of a string is 1 to 4000, and its FormatName must be given."));
                }
                Kind::Text(max as usize)
            }
            "Microsoft.Dynamics.CRM.DecimalAttributeMetadata" => Kind::Decimal,
            "Microsoft.Dynamics.CRM.DateTimeAttributeMetadata" => Kind::Instant,
            "Microsoft.Dynamics.CRM.BooleanAttributeMetadata" => {
                if body["OptionSet"]["TrueOption"]["Value"] != 1 {
                    return Err(bad_request("A boolean needs an OptionSet with TrueOption and FalseOption."));
                }
                Kind::Boolean
            }
            other => return Err(bad_request(format!("'{other}' cannot be made here."))),
        };
        let label = body["DisplayName"]["LocalizedLabels"][0]["Label"].as_str().unwrap_or_default().to_owned();
        if label.is_empty() || body["RequiredLevel"]["Value"].as_str().is_none() {
            return Err(bad_request("DisplayName and RequiredLevel must be given."));
        }
        let logical = name.to_lowercase();
        let Some(table) = self.table_mut(set) else { return Err(no_segment(set)) };
        if table.definition.columns.contains_key(&logical) {
            return Err(Refusal::new(
                400,
                "0x80047013",
                format!(
                    "An attribute with the specified name {logical} already exists for entity {}.",
                    table.definition.logical
                ),
            ));
        }
        table.definition.columns.insert(logical.clone(), Column { label, ..Column::new(kind) });
        let entity = table.definition.logical;
        self.did(Deed::Defined, set, &logical);
        let id = self.new_id();
        let address = format!(
            "{}/api/data/v9.2/EntityDefinitions(LogicalName='{entity}')/Attributes({id})",
            self.options.base_url
        );
        Ok(Reply::empty(204).with_header("OData-Version", "4.0").with_header("OData-EntityId", address))
    }

    /// The publisher's prefix of a solution; the default solution's where none is named.
    fn prefix_of(&self, solution: &str) -> Option<String> {
        if solution.is_empty() {
            return Some("new".to_owned());
        }
        let rows = &self.table("solutions")?.rows;
        let found = rows
            .values()
            .find(|r| !r.deleted && r.values.get("uniquename").and_then(Value::as_str) == Some(solution))?;
        let publisher = found.values.get("publisherid")?.get("id")?.as_str()?;
        let publisher = self.table("publishers")?.rows.get(publisher)?;
        publisher.values.get("customizationprefix")?.as_str().map(str::to_owned)
    }

    fn make_key(&mut self, request: &Request, set: &str) -> Result<Reply, Refusal> {
        let body: Value = serde_json::from_slice(&request.body).map_err(|_| bad_request("The body is no JSON."))?;
        let name = body["SchemaName"].as_str().unwrap_or_default().to_lowercase();
        let column = body["KeyAttributes"][0].as_str().unwrap_or_default().to_owned();
        let Some(table) = self.table_mut(set) else { return Err(no_segment(set)) };
        if !table.definition.columns.contains_key(&column) {
            return Err(bad_request(format!("The attribute '{column}' does not exist.")));
        }
        if table.definition.keys.len() >= 10 {
            return Err(bad_request("A table has at most ten alternate keys."));
        }
        table.definition.keys.insert(name.clone(), column);
        self.did(Deed::Defined, set, &name);
        Ok(Reply::empty(204).with_header("OData-Version", "4.0"))
    }
}

fn label(text: &str) -> Value {
    json!({ "LocalizedLabels": [{ "Label": text, "LanguageCode": 1033 }], "UserLocalizedLabel": { "Label": text, "LanguageCode": 1033 } })
}

fn columns(definition: &Definition) -> Vec<Value> {
    let all = definition.columns.iter().map(|(name, column)| {
        let label_text = if column.label.is_empty() { name } else { &column.label };
        let owner = name == "ownerid";
        json!({
            "@odata.type": format!("#Microsoft.Dynamics.CRM.{}AttributeMetadata", column.attribute_type()),
            "LogicalName": name, "AttributeType": if owner { "Owner" } else { column.attribute_type() }, "AttributeOf": null,
            "DisplayName": label(label_text), "IsValidForCreate": column.create, "IsValidForUpdate": column.update, "IsValidForRead": true,
            "MetadataId": "00000000-0000-4000-8000-000000000000",
        })
    });
    // The name of a lookup's target is a column of its own that belongs to the lookup.
    let names = definition.columns.iter().filter(|(_, c)| matches!(c.kind, Kind::Lookup(_))).map(|(name, _)| {
        json!({ "LogicalName": format!("{name}name"), "AttributeType": "String", "AttributeOf": name, "DisplayName": label(""),
            "IsValidForCreate": false, "IsValidForUpdate": false, "IsValidForRead": true, "MetadataId": "00000000-0000-4000-8000-000000000001" })
    });
    all.chain(names).collect()
}

fn choices(definition: &Definition) -> Vec<Value> {
    let options = |values: &[i64]| {
        values.iter().map(|v| json!({ "Value": v, "Label": label(&v.to_string()) })).collect::<Vec<_>>()
    };
    definition
        .columns
        .iter()
        .filter_map(|(name, column)| match &column.kind {
            Kind::Choice(values) => Some(
                json!({ "LogicalName": name, "OptionSet": { "Options": options(values) }, "GlobalOptionSet": null }),
            ),
            _ => None,
        })
        .collect()
}
