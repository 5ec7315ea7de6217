//! Owners and pipelines. Source: owners API guide, pipelines API guide.

use super::record::ObjectType;
use super::refusals::{Refusal, not_found, unknown_path};
use super::seed::{self, Owner, Pipeline, Stage};
use super::{HubSpot, Route};
use crate::{Reply, civil};
use serde_json::{Value, json};

impl HubSpot {
    /// Whether an owner id may be assigned; deactivated owners may not.
    pub(super) fn owner_known(&self, id: &str) -> bool {
        self.owners.iter().any(|owner| owner.id == id && !owner.archived)
    }

    /// `/crm/owners/{version}…`
    pub(super) fn owners_endpoint(&self, route: &Route<'_>, rest: &[&str]) -> Result<Reply, Refusal> {
        let archived = route.param("archived") == Some("true");
        match (route.method, rest) {
            ("GET", []) => {
                let email = route.param("email");
                let mut listed = self
                    .owners
                    .iter()
                    .filter(|owner| {
                        owner.archived == archived && email.is_none_or(|e| owner.email.eq_ignore_ascii_case(e))
                    })
                    .skip_while(|owner| route.param("after").is_some_and(|after| owner.id.as_str() <= after));
                let limit = route.param("limit").and_then(|l| l.parse().ok()).unwrap_or(100).min(500);
                let page: Vec<&Owner> = listed.by_ref().take(limit).collect();
                let mut body = json!({ "results": page.iter().map(|owner| render_owner(owner)).collect::<Vec<_>>() });
                if let (Some(_), Some(last)) = (listed.next(), page.last()) {
                    body["paging"] = json!({ "next": { "after": last.id } });
                }
                Ok(Reply::json(200, &body))
            }
            ("GET", [id]) => match self.owners.iter().find(|owner| owner.id == *id && owner.archived == archived) {
                Some(owner) => Ok(Reply::json(200, &render_owner(owner))),
                None => Err(not_found(id)),
            },
            _ => Err(unknown_path()),
        }
    }

    /// `/crm/pipelines/{version}/{objectType}…`
    pub(super) fn pipelines_endpoint(route: &Route<'_>, kind: ObjectType, rest: &[&str]) -> Result<Reply, Refusal> {
        let pipelines = seed::pipelines(kind);
        let named = |id: &str| pipelines.iter().find(|pipeline| pipeline.id == id).ok_or_else(|| not_found(id));
        match (route.method, rest) {
            ("GET", []) => {
                let results: Vec<Value> = pipelines.iter().enumerate().map(|(at, p)| render_pipeline(p, at)).collect();
                Ok(Reply::json(200, &json!({ "results": results })))
            }
            ("GET", [id]) => Ok(Reply::json(200, &render_pipeline(named(id)?, 0))),
            ("GET", [id, "stages"]) => {
                let results: Vec<Value> =
                    named(id)?.stages.iter().enumerate().map(|(at, s)| render_stage(s, at)).collect();
                Ok(Reply::json(200, &json!({ "results": results })))
            }
            _ => Err(unknown_path()),
        }
    }
}

fn render_owner(owner: &Owner) -> Value {
    let mut out = json!({
        "id": owner.id, "email": owner.email, "type": "PERSON", "firstName": owner.first_name, "lastName": owner.last_name,
        "userIdIncludingInactive": owner.user_id, "createdAt": civil::iso_ms(0), "updatedAt": civil::iso_ms(0),
        "archived": owner.archived,
    });
    if !owner.archived {
        out["userId"] = owner.user_id.into();
    }
    out
}

fn render_pipeline(pipeline: &Pipeline, at: usize) -> Value {
    json!({
        "id": pipeline.id, "label": pipeline.label, "displayOrder": at, "archived": false,
        "createdAt": civil::iso_ms(0), "updatedAt": civil::iso_ms(0),
        "stages": pipeline.stages.iter().enumerate().map(|(at, stage)| render_stage(stage, at)).collect::<Vec<_>>(),
    })
}

fn render_stage(stage: &Stage, at: usize) -> Value {
    json!({
        "id": stage.id, "label": stage.label, "displayOrder": at, "archived": false,
        "metadata": { "isClosed": stage.closed.to_string() }, "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
        "createdAt": civil::iso_ms(0), "updatedAt": civil::iso_ms(0),
    })
}
