//! Fields and users ("field-meta.html", "create-custom-field.html", "get-users.html").

use super::fields::{DataType, Field, described, module};
use super::refusals::{Refusal, missing_param, unknown_module};
use super::{Call, Zoho};
use crate::Reply;
use crate::log::{Deed, Effect};
use serde_json::{Value, json};

/// Fields per request.
const FIELDS_MAX: usize = 5;

impl Zoho {
    fn asked_module(call: &Call<'_>) -> Result<&'static str, Refusal> {
        let name = call.param("module").ok_or_else(|| missing_param("module"))?;
        module(name).ok_or_else(|| unknown_module(name))
    }

    pub(crate) fn list_fields(&self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let module = Self::asked_module(call)?;
        let fields = self.fields.get(module).into_iter().flatten().enumerate();
        let fields: Vec<Value> = fields.map(|(n, field)| described(module, field, n)).collect();
        Ok(Reply::json(200, &json!({ "fields": fields })))
    }

    pub(crate) fn make_fields(&mut self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let module = Self::asked_module(call)?;
        let wanted = call.body.get("fields").and_then(Value::as_array).cloned().unwrap_or_default();
        if wanted.is_empty() || wanted.len() > FIELDS_MAX {
            return Err(Refusal::new(400, "INVALID_DATA", "invalid data")
                .detail("api_name", "fields")
                .detail("maximum_length", FIELDS_MAX));
        }
        let mut failed = 0;
        let entries: Vec<Value> = wanted
            .iter()
            .enumerate()
            .map(|(n, field)| match self.make_field(module, field, n) {
                Ok(id) => json!({ "code": "SUCCESS", "details": { "id": id.to_string() }, "message": "field created", "status": "success" }),
                Err(refusal) => {
                    failed += 1;
                    refusal.entry()
                }
            })
            .collect();
        let status = if failed == 0 {
            200
        } else if failed == wanted.len() {
            400
        } else {
            207
        };
        Ok(Reply::json(status, &json!({ "fields": entries })))
    }

    fn make_field(&mut self, module: &'static str, wanted: &Value, n: usize) -> Result<u64, Refusal> {
        let at = |refusal: Refusal, name: &str| {
            refusal.detail("api_name", name).detail("json_path", format!("$.fields[{n}].{name}"))
        };
        let label = wanted.get("field_label").and_then(Value::as_str).filter(|l| !l.is_empty());
        let label = label
            .ok_or_else(|| at(Refusal::new(400, "MANDATORY_NOT_FOUND", "required field not found"), "field_label"))?;
        let kind = wanted.get("data_type").and_then(Value::as_str).and_then(DataType::of);
        let kind = kind.ok_or_else(|| at(Refusal::new(400, "INVALID_DATA", "invalid data"), "data_type"))?;
        let api_name = label.replace(' ', "_");
        if self.field(module, &api_name).is_some() {
            return Err(at(Refusal::new(400, "DUPLICATE_DATA", "duplicate data"), "field_label"));
        }
        let unique = wanted.get("unique").is_some_and(Value::is_object);
        // "You can only set fields with the following types as unique: Single Line, Email, Phone, Number, Long Integer, URL."
        let may =
            matches!(kind, DataType::Text | DataType::Email | DataType::Phone | DataType::Integer | DataType::Website);
        if unique && !may {
            return Err(at(Refusal::new(400, "NOT_SUPPORTED", "unique is not supported for this type"), "unique"));
        }
        let options = wanted.get("pick_list_values").and_then(Value::as_array);
        let options: Vec<String> =
            options.into_iter().flatten().filter_map(|o| Some(o.get("actual_value")?.as_str()?.to_owned())).collect();
        if kind == DataType::Picklist && options.is_empty() {
            return Err(at(Refusal::new(400, "MANDATORY_NOT_FOUND", "required field not found"), "pick_list_values"));
        }
        let length = wanted.get("length").and_then(Value::as_u64).map_or(255, |l| l as usize);
        if kind == DataType::Text && length > 255 {
            return Err(at(Refusal::new(400, "INVALID_DATA", "invalid data"), "length"));
        }
        let field =
            Field { data_type: kind, length, options, label: label.to_owned(), ..Field::text(&api_name, unique) };
        self.fields.entry(module).or_default().push(field);
        let id = self.take_id();
        self.effects.push(Effect { deed: Deed::Defined, object: module.to_owned(), id: api_name });
        Ok(id)
    }

    pub(crate) fn list_users(&self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let active = match call.param("type") {
            None => None,
            Some("ActiveUsers" | "ActiveConfirmedUsers") => Some(true),
            Some("DeactiveUsers") => Some(false),
            Some(_) => return Err(Refusal::new(400, "INVALID_DATA", "invalid data").detail("api_name", "type")),
        };
        let number = |name: &str, usual: usize| call.param(name).and_then(|v| v.parse().ok()).unwrap_or(usual);
        let (page, per_page) = (number("page", 1).max(1), number("per_page", 200).clamp(1, 200));
        let all: Vec<Value> = self
            .users
            .iter()
            .filter(|u| active.is_none_or(|active| active == u.active))
            .map(|u| {
                json!({ "id": u.id, "email": u.email, "first_name": u.first_name, "last_name": u.last_name,
                    "full_name": u.full_name(), "status": if u.active { "active" } else { "deleted" }, "confirm": true,
                    "role": { "name": "Sales", "id": "5725767000000026008" }, "profile": { "name": "Standard", "id": "5725767000000026014" } })
            })
            .collect();
        let more = all.len() > page * per_page;
        let rows: Vec<Value> = all.into_iter().skip((page - 1) * per_page).take(per_page).collect();
        if rows.is_empty() {
            return Ok(Reply::empty(204));
        }
        let info = json!({ "per_page": per_page, "count": rows.len(), "page": page, "more_records": more });
        Ok(Reply::json(200, &json!({ "users": rows, "info": info })))
    }
}
