//! Tasks and notes under a contact, and the search over a sub-account's tasks. Source: `apps/contacts.json`, `apps/locations.json`.
//! Lists are the store itself: they do not lag.

use super::refusals::Refusal;
use super::store::{Note, Task};
use super::{GoHighLevel, Route};
use crate::log::Deed;
use crate::{Reply, civil};
use serde_json::{Map, Value, json};

fn complaints(body: &Map<String, Value>, known: &[(&str, char)], required: &[&str]) -> Result<(), Refusal> {
    let mut said = Vec::new();
    for (name, value) in body {
        match known.iter().find(|(n, _)| n == name) {
            None => said.push(format!("property {name} should not exist")),
            Some((_, 'b')) if !value.is_boolean() => said.push(format!("{name} must be a boolean value")),
            Some((_, 's' | 'd')) if !value.is_string() => said.push(format!("{name} must be a string")),
            Some((_, 'd')) if value.as_str().and_then(civil::parse_iso).is_none() => {
                said.push(format!("{name} must be a valid ISO 8601 date string"));
            }
            Some(_) => {}
        }
    }
    for name in required.iter().filter(|n| body.get(**n).is_none_or(|v| v.as_str() == Some(""))) {
        said.push(format!("{name} should not be empty"));
    }
    if said.is_empty() { Ok(()) } else { Err(Refusal::invalid(&said)) }
}

const TASK: &[(&str, char)] =
    &[("title", 's'), ("body", 's'), ("dueDate", 'd'), ("completed", 'b'), ("assignedTo", 's')];
const NOTE: &[(&str, char)] = &[("userId", 's'), ("body", 's'), ("title", 's'), ("color", 's'), ("pinned", 'b')];

fn text(body: &Map<String, Value>, name: &str) -> Option<String> {
    body.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn amend_task(task: &mut Task, body: &Map<String, Value>) {
    if let Some(title) = text(body, "title") {
        task.title = title;
    }
    if let Some(words) = text(body, "body") {
        task.body = words;
    }
    if let Some(due) = text(body, "dueDate").and_then(|d| civil::parse_iso(&d)) {
        task.due_at_ms = due;
    }
    if let Some(completed) = body.get("completed").and_then(Value::as_bool) {
        task.completed = completed;
    }
    if let Some(user) = text(body, "assignedTo") {
        task.assigned_to = Some(user).filter(|u| !u.is_empty());
    }
}

fn amend_note(note: &mut Note, body: &Map<String, Value>) {
    if let Some(words) = text(body, "body") {
        note.body = words;
    }
    if let Some(title) = text(body, "title") {
        note.title = Some(title);
    }
    if let Some(user) = text(body, "userId") {
        note.user = Some(user).filter(|u| !u.is_empty());
    }
}

impl GoHighLevel {
    /// `/contacts/{contactId}/tasks…`
    pub(super) fn tasks_endpoint(&mut self, route: &Route<'_>, of: &str, rest: &[&str]) -> Result<Reply, Refusal> {
        self.live(route, of)?;
        let here = |task: &&Task| task.contact == of && !task.deleted;
        match (route.method, rest) {
            ("GET", []) => {
                let tasks: Vec<Value> = self.store.tasks.values().filter(here).map(Task::view).collect();
                Ok(Reply::json(200, &json!({ "tasks": tasks, "traceId": self.trace_id() })))
            }
            ("POST", []) => {
                let body = route.body()?;
                complaints(&body, TASK, &["title", "dueDate", "completed"])?;
                let mut task = Task {
                    id: self.take_id('T'),
                    contact: of.to_owned(),
                    title: String::new(),
                    body: String::new(),
                    due_at_ms: 0,
                    completed: false,
                    assigned_to: None,
                    by_person: false,
                    deleted: false,
                };
                amend_task(&mut task, &body);
                let answer = json!({ "task": task.view(), "traceId": self.trace_id() });
                self.note_effect(Deed::Created, "tasks", &task.id);
                self.store.tasks.insert(task.id.clone(), task);
                Ok(Reply::json(201, &answer))
            }
            (method, [id, tail @ ..]) => {
                let held = self.store.tasks.get(*id).filter(here).cloned();
                let mut task = held.ok_or_else(|| Refusal::no_record("Task", id))?;
                match (method, tail) {
                    ("GET", []) => {}
                    ("PUT", []) => {
                        let body = route.body()?;
                        complaints(&body, TASK, &[])?;
                        amend_task(&mut task, &body);
                        self.note_effect(Deed::Updated, "tasks", id);
                    }
                    ("PUT", ["completed"]) => {
                        let body = route.body()?;
                        complaints(&body, &[("completed", 'b')], &["completed"])?;
                        amend_task(&mut task, &body);
                        self.note_effect(Deed::Updated, "tasks", id);
                    }
                    ("DELETE", []) => {
                        task.deleted = true;
                        self.store.tasks.insert(task.id.clone(), task);
                        self.note_effect(Deed::Archived, "tasks", id);
                        return Ok(Reply::json(200, &json!({ "succeded": true })));
                    }
                    _ => return Err(Refusal::no_such_path(method, "/contacts/tasks")),
                }
                let answer = json!({ "task": task.view(), "traceId": self.trace_id() });
                self.store.tasks.insert(task.id.clone(), task);
                Ok(Reply::json(200, &answer))
            }
            _ => Err(Refusal::no_such_path(route.method, "/contacts/tasks")),
        }
    }

    /// `/contacts/{contactId}/notes…`
    pub(super) fn notes_endpoint(&mut self, route: &Route<'_>, of: &str, rest: &[&str]) -> Result<Reply, Refusal> {
        self.live(route, of)?;
        let here = |note: &&Note| note.contact == of && !note.deleted;
        match (route.method, rest) {
            ("GET", []) => {
                let notes: Vec<Value> = self.store.notes.values().filter(here).map(Note::view).collect();
                Ok(Reply::json(200, &json!({ "notes": notes, "traceId": self.trace_id() })))
            }
            ("POST", []) => {
                let body = route.body()?;
                complaints(&body, NOTE, &["body"])?;
                let mut note = Note {
                    id: self.take_id('N'),
                    contact: of.to_owned(),
                    title: None,
                    body: String::new(),
                    user: None,
                    by_person: false,
                    deleted: false,
                    added_at_ms: route.now_ms,
                };
                amend_note(&mut note, &body);
                let answer = json!({ "note": note.view(), "traceId": self.trace_id() });
                self.note_effect(Deed::Created, "notes", &note.id);
                self.store.notes.insert(note.id.clone(), note);
                Ok(Reply::json(201, &answer))
            }
            (method, [id]) => {
                let held = self.store.notes.get(*id).filter(here).cloned();
                let mut note = held.ok_or_else(|| Refusal::no_record("Note", id))?;
                match method {
                    "GET" => {}
                    "PUT" => {
                        let body = route.body()?;
                        complaints(&body, NOTE, &[])?;
                        amend_note(&mut note, &body);
                        self.note_effect(Deed::Updated, "notes", id);
                    }
                    "DELETE" => {
                        note.deleted = true;
                        self.store.notes.insert(note.id.clone(), note);
                        self.note_effect(Deed::Archived, "notes", id);
                        return Ok(Reply::json(200, &json!({ "succeded": true })));
                    }
                    _ => return Err(Refusal::no_such_path(method, "/contacts/notes")),
                }
                let answer = json!({ "note": note.view(), "traceId": self.trace_id() });
                self.store.notes.insert(note.id.clone(), note);
                Ok(Reply::json(200, &answer))
            }
            _ => Err(Refusal::no_such_path(route.method, "/contacts/notes")),
        }
    }

    /// `POST /locations/{locationId}/tasks/search`: 201 and rows with `_id`, without a total, 25 unless a limit is given (observed; the
    /// description says 200 and a list of lists). What `query` looks at is undocumented: here the title.
    pub(super) fn task_search_endpoint(&mut self, route: &Route<'_>, location: &str) -> Result<Reply, Refusal> {
        route.reaches(location)?;
        let body = route.body()?;
        let known = ["contactId", "completed", "assignedTo", "query", "limit", "skip", "businessId", "searchAfter"];
        let unknown: Vec<String> = body
            .keys()
            .filter(|name| !known.contains(&name.as_str()))
            .map(|name| format!("property {name} should not exist"))
            .collect();
        if !unknown.is_empty() {
            return Err(Refusal::invalid(&unknown));
        }
        let number = |name: &str, usual: u64| body.get(name).and_then(Value::as_u64).unwrap_or(usual) as usize;
        let among = |name: &str, value: &str| {
            let list = body.get(name).and_then(Value::as_array);
            list.is_none_or(|list| list.iter().any(|v| v.as_str() == Some(value)))
        };
        let query = text(&body, "query").unwrap_or_default().to_lowercase();
        let rows: Vec<Value> = self
            .store
            .tasks
            .values()
            .filter(|t| !t.deleted)
            .filter(|t| self.store.contacts.get(&t.contact).is_some_and(|c| c.location == location && !c.state.deleted))
            .filter(|t| body.get("completed").and_then(Value::as_bool).is_none_or(|c| c == t.completed))
            .filter(|t| {
                among("contactId", &t.contact) && among("assignedTo", t.assigned_to.as_deref().unwrap_or_default())
            })
            .filter(|t| query.is_empty() || t.title.to_lowercase().contains(&query))
            .skip(number("skip", 0))
            .take(number("limit", 25).min(500))
            .map(|task| {
                let mut row = task.view();
                if let Some(map) = row.as_object_mut() {
                    let id = map.remove("id").unwrap_or_default();
                    map.insert("searchAfter".into(), json!([task.due_at_ms, id]));
                    map.insert("_id".into(), id);
                    map.insert("locationId".into(), json!(location));
                    map.insert("deleted".into(), json!(false));
                    map.insert("status".into(), json!(if task.completed { "completed" } else { "to_do" }));
                }
                row
            })
            .collect();
        Ok(Reply::json(201, &json!({ "tasks": rows, "traceId": self.trace_id() })))
    }
}
