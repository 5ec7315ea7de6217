//! HTTP to outcomes.

use super::classify::{Problem, by_status, credits_left, told, unreadable};
use super::fields::{self, Reader, SE_MODULE, converted, module, ours, people_of, split};
use crate::wire::{cut, text};
use crate::{BATCH_REFUSED, Budget, Connection, MISSING_IN_REPLY, Replies};
use jiff::Timestamp;
use ringback_core::crm::{
    CrmOp, Held, KEY_PROPERTY, OBJECT_PROPERTY, Object, Outcome, PropertySpec, PropertyType, Record, Why,
};
use ringback_core::http::HttpReply;
use serde_json::{Map, Value};

/// The parts of a look for people, in the order of their request.
const PARTS: usize = super::request::LOOKS;

pub(super) fn replies(
    operations: &[CrmOp],
    reply: &HttpReply,
    connection: &Connection,
    received_at: Timestamp,
) -> Replies {
    let answer = Answer { reply, connection, received_at };
    let budget = credits_left(reply).map(|left| Budget { daily_left: Some(left), ..Budget::default() });
    Replies { outcomes: answer.outcomes(operations), budget }
}

/// The answer to the making of our fields in Contacts. Making them twice does no harm, so nothing here is ever unknown.
pub(super) fn prepared(reply: &HttpReply, received_at: Timestamp) -> Outcome {
    // Stands for "a read": unknown is asked again.
    let question = CrmOp::ReadSchema { object: Object::Contact };
    if let Some(outcome) = by_status(&question, reply, received_at) {
        return outcome;
    }
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let whole = Problem::read(&body, reply.status);
    let entries = body.get("fields").and_then(Value::as_array);
    match (whole, entries) {
        (Some(problem), _) if problem.code == "DUPLICATE_DATA" => Outcome::Done { held: Held::default() },
        (Some(problem), _) => told(&question, &problem, reply, received_at),
        (None, Some(entries)) if !entries.is_empty() => {
            let failed = entries.iter().filter_map(|e| Problem::read(e, reply.status));
            let failed = failed.into_iter().find(|p| p.code != "DUPLICATE_DATA");
            match failed {
                Some(problem) => told(&question, &problem, reply, received_at),
                None if entries.iter().all(|e| e.get("status").is_some()) => Outcome::Done { held: Held::default() },
                None => unreadable(false, reply.status, "The body is not the fields that were asked for"),
            }
        }
        _ => unreadable(false, reply.status, "The body is not the fields that were asked for"),
    }
}

struct Answer<'a> {
    reply: &'a HttpReply,
    connection: &'a Connection,
    received_at: Timestamp,
}

impl Answer<'_> {
    fn outcomes(&self, operations: &[CrmOp]) -> Vec<Outcome> {
        let all = |of: &dyn Fn(&CrmOp) -> Outcome| operations.iter().map(of).collect::<Vec<_>>();
        if let ([CrmOp::Changed { after, .. }], 304) = (operations, self.reply.status) {
            return vec![nothing_changed(operations, after.as_deref())];
        }
        if let Some(first) = operations.first()
            && by_status(first, self.reply, self.received_at).is_some()
        {
            return all(&|op| {
                by_status(op, self.reply, self.received_at)
                    .unwrap_or_else(|| self.strange(op, "A status of no meaning"))
            });
        }
        if self.reply.status == 204 {
            return match operations {
                // Nobody of them is in the list; why, each tells alone.
                [CrmOp::ReadById { .. }, _, ..] => all(&|_| unlisted()),
                _ => all(&|op| self.empty(op)),
            };
        }
        let Ok(body @ Value::Object(_)) = serde_json::from_slice::<Value>(&self.reply.body) else {
            return all(&|op| self.strange(op, "The body is not a JSON object"));
        };
        if let Some(problem) = Problem::read(&body, self.reply.status) {
            let several = operations.len() > 1;
            return all(&|op| match told(op, &problem, self.reply, self.received_at) {
                // Nothing of the batch was done, and one of its items may be at fault: in smaller batches it will show.
                Outcome::Refused { why } if several => {
                    Outcome::Retry { after: None, why: Why { class: BATCH_REFUSED.to_owned(), ..why } }
                }
                other => other,
            });
        }
        let list = |name: &str| body.get(name).and_then(Value::as_array).map(Vec::as_slice);
        match operations {
            [
                CrmOp::Upsert { .. }
                | CrmOp::Create { .. }
                | CrmOp::Update { .. }
                | CrmOp::Associate { .. }
                | CrmOp::Delete { .. },
                ..,
            ] => self.written(operations, list("data")),
            [CrmOp::ReadByKey { object, .. }, ..] if *object != Object::Contact => {
                all(&|op| self.refused_read(op, &body).unwrap_or_else(|| self.by_key(op, whole_rows(&body))))
            }
            [operation] => vec![self.single(operation, &body)],
            [CrmOp::ReadById { .. }, ..] => {
                all(&|op| self.refused_read(op, &body).unwrap_or_else(|| self.listed(op, list("data"))))
            }
            _ => all(&|op| self.strange(op, "The answer belongs to another request")),
        }
    }

    fn strange(&self, operation: &CrmOp, words: &str) -> Outcome {
        unreadable(operation.writes(), self.reply.status, words)
    }

    fn reader<'a>(&'a self, object: Object, module: &'a str, wanted: &'a [String]) -> Reader<'a> {
        Reader { connection: self.connection, object, module, wanted }
    }

    /// 204: there is nothing of the kind.
    fn empty(&self, operation: &CrmOp) -> Outcome {
        let none = || Outcome::Done { held: Held::default() };
        match operation {
            CrmOp::ReadById { .. } | CrmOp::ReadLinks { .. } => Outcome::Gone { merged_into: None },
            CrmOp::ReadByKey { object, .. } if *object != Object::Contact => Outcome::Gone { merged_into: None },
            CrmOp::FindDeals { .. } | CrmOp::ReadMany { .. } | CrmOp::ListOwners { .. } => none(),
            CrmOp::Changed { after, .. } => nothing_changed(std::slice::from_ref(operation), after.as_deref()),
            CrmOp::FindPerson { .. }
            | CrmOp::ReadByKey { .. }
            | CrmOp::Upsert { .. }
            | CrmOp::Create { .. }
            | CrmOp::Update { .. }
            | CrmOp::Associate { .. }
            | CrmOp::Delete { .. }
            | CrmOp::ReadSchema { .. }
            | CrmOp::CreateProperty { .. } => self.strange(operation, "The body is empty"),
        }
    }

    /// Writes: an entry of `data` each, by index. A list of another length may be shifted: then no success in it proves anything.
    fn written(&self, operations: &[CrmOp], data: Option<&[Value]>) -> Vec<Outcome> {
        let data = data.unwrap_or_default();
        let whole = data.len() == operations.len();
        // A refusal of the whole request is one entry for all of them.
        let refusal = match data {
            [only] if !whole => Problem::read(only, self.reply.status).filter(|_| self.reply.status >= 400),
            _ => None,
        };
        let outcome = |(n, operation): (usize, &CrmOp)| match (data.get(n), &refusal) {
            (_, Some(problem)) => told(operation, problem, self.reply, self.received_at),
            (Some(entry), None) if whole => self.entry(operation, entry),
            _ => {
                let why = Why::new(MISSING_IN_REPLY, "The answer does not mention each record");
                Outcome::Unknown { why: why.status(self.reply.status) }
            }
        };
        operations.iter().enumerate().map(outcome).collect()
    }

    fn entry(&self, operation: &CrmOp, entry: &Value) -> Outcome {
        if let Some(problem) = Problem::read(entry, self.reply.status) {
            return told(operation, &problem, self.reply, self.received_at);
        }
        let word = |name: &str| entry.get(name).and_then(Value::as_str);
        let details = entry.get("details");
        let id = details.and_then(|d| d.get("id")).and_then(text);
        let (Some("SUCCESS"), Some("success"), Some(id)) = (word("code"), word("status"), id) else {
            return self.strange(operation, "The entry is no success that names a record");
        };
        let (object, asked) = match operation {
            CrmOp::Update { object, id, .. } | CrmOp::Delete { object, id } => (*object, Some(split(*object, id))),
            CrmOp::Associate { from, from_id, .. } => (*from, Some(split(*from, from_id))),
            other => (other.object(), None),
        };
        let module = match asked {
            Some((_, wanted)) if wanted != id => return self.strange(operation, "The entry names another record"),
            Some((module, _)) => module,
            None => module(object).to_owned(),
        };
        let created = match (operation, word("action")) {
            (CrmOp::Upsert { .. } | CrmOp::Create { .. }, Some("update")) => Some(false),
            (CrmOp::Upsert { .. }, None) => None,
            (CrmOp::Upsert { .. } | CrmOp::Create { .. }, _) => Some(true),
            _ => Some(false),
        };
        let version = details.and_then(|d| d.get("Modified_Time")).and_then(Value::as_str).map(str::to_owned);
        // Every write is told with its time; without it this is not Zoho's answer to it.
        if version.is_none() && !matches!(operation, CrmOp::Delete { .. }) {
            return self.strange(operation, "The entry does not say when it was written");
        }
        let record = Record {
            id: format!("{module}/{id}"),
            modified_at: version.as_deref().and_then(|t| t.parse().ok()),
            version,
            ..Record::default()
        };
        Outcome::Done { held: Held { records: vec![record], created, ..Held::default() } }
    }

    /// An error of a read that stands in `data`.
    fn refused_read(&self, operation: &CrmOp, body: &Value) -> Option<Outcome> {
        let [only] = body.get("data")?.as_array()?.as_slice() else { return None };
        let problem = Problem::read(only, self.reply.status).filter(|_| self.reply.status >= 400)?;
        Some(told(operation, &problem, self.reply, self.received_at))
    }

    fn by_key(&self, operation: &CrmOp, rows: Option<&[Value]>) -> Outcome {
        let CrmOp::ReadByKey { object, key, of, properties, associations } = operation else {
            return self.strange(operation, "The answer belongs to another request");
        };
        let reader = self.reader(*object, module(*object), properties);
        let Some(rows) = rows.filter(|_| self.reply.status < 300) else {
            return self.strange(operation, "The body has no rows");
        };
        let mut found = Vec::new();
        for row in rows {
            // A row without our key is the answer to another question.
            match reader.record(row).map(|record| (record.properties.get(KEY_PROPERTY).cloned(), record)) {
                Some((Some(held), mut record)) => {
                    if held == *key {
                        if !associations.is_empty() {
                            let people = people_of(row, of.as_deref());
                            record.associations.insert(Object::Contact, people);
                        }
                        found.push(record);
                    }
                }
                _ => return self.strange(operation, "A row does not show our key"),
            }
        }
        match found.into_iter().next() {
            Some(record) => Outcome::Done { held: Held { records: vec![record], ..Held::default() } },
            None => Outcome::Gone { merged_into: None },
        }
    }

    fn single(&self, operation: &CrmOp, body: &Value) -> Outcome {
        if let Some(outcome) = self.refused_read(operation, body) {
            return outcome;
        }
        let outcome = match operation {
            CrmOp::FindPerson { .. } | CrmOp::ReadByKey { .. } => Some(self.people(operation, body)),
            // Each field has its own entry, whatever the status.
            CrmOp::CreateProperty { property, .. } => self.made(operation, property, body),
            _ if self.reply.status >= 300 => None,
            CrmOp::ReadById { object, id, properties, .. } => self.by_id(*object, id, properties, body),
            CrmOp::ReadLinks { object, id, .. } => self.by_id(*object, id, &[], body).map(|outcome| match outcome {
                Outcome::Done { mut held } => {
                    held.records.iter_mut().for_each(|r| r.properties.clear());
                    Outcome::Done { held }
                }
                other => other,
            }),
            CrmOp::ReadMany { object, ids, properties } => self.many(*object, ids, properties, body),
            CrmOp::FindDeals { contact, properties } => self.deals(contact, properties, body),
            CrmOp::Changed { object, after, properties, .. } => {
                self.changed(*object, after.as_deref(), properties, body)
            }
            CrmOp::ReadSchema { object } => schema(*object, body),
            CrmOp::ListOwners { after } => owners(after.as_deref(), body),
            CrmOp::Upsert { .. }
            | CrmOp::Create { .. }
            | CrmOp::Update { .. }
            | CrmOp::Associate { .. }
            | CrmOp::Delete { .. } => None,
        };
        outcome.unwrap_or_else(|| self.strange(operation, "The body is not what was asked for"))
    }

    /// One of several records in a list. A converted lead is in none, and a list may not say which module an activity is linked to.
    fn listed(&self, operation: &CrmOp, rows: Option<&[Value]>) -> Outcome {
        let (CrmOp::ReadById { object, id, properties, .. }, Some(rows)) = (operation, rows) else {
            return self.strange(operation, "The body has no rows");
        };
        let (module, number) = split(*object, id);
        let Some(row) = rows.iter().find(|r| r.get("id").and_then(Value::as_str) == Some(number.as_str())) else {
            return unlisted();
        };
        let Some(mut record) = self.reader(*object, &module, properties).record(row) else {
            return self.strange(operation, "A row is no record");
        };
        if matches!(object, Object::Call | Object::Task) {
            if row.get("What_Id").is_some_and(|what| !what.is_null()) && row.get(SE_MODULE).is_none() {
                return unlisted();
            }
            record.associations.insert(Object::Contact, people_of(row, None));
        }
        Outcome::Done { held: Held { records: vec![record], ..Held::default() } }
    }

    fn by_id(&self, object: Object, id: &str, properties: &[String], body: &Value) -> Option<Outcome> {
        let (module, number) = split(object, id);
        let [row] = body.get("data")?.as_array()?.as_slice() else { return None };
        let reader = self.reader(object, &module, properties);
        let mut record = reader.record(row)?;
        if record.id != format!("{module}/{number}") {
            return None;
        }
        if module == "Leads"
            && let Some(contact) = converted(row)
        {
            return Some(Outcome::Gone { merged_into: Some(contact) });
        }
        if matches!(object, Object::Call | Object::Task) {
            record.associations.insert(Object::Contact, people_of(row, None));
        }
        Some(Outcome::Done { held: Held { records: vec![record], ..Held::default() } })
    }

    fn many(&self, object: Object, ids: &[String], properties: &[String], body: &Value) -> Option<Outcome> {
        let (module, _) = split(object, ids.first()?);
        let reader = self.reader(object, &module, properties);
        let records: Vec<Record> =
            body.get("data")?.as_array()?.iter().map(|r| reader.record(r)).collect::<Option<_>>()?;
        // More than was asked for, or others, is somebody else's answer.
        let numbers: Vec<String> = ids.iter().map(|id| split(object, id).1).collect();
        let asked = |record: &Record| numbers.contains(&split(object, &record.id).1);
        records.iter().all(asked).then_some(Outcome::Done { held: Held { records, ..Held::default() } })
    }

    fn deals(&self, contact: &str, properties: &[String], body: &Value) -> Option<Outcome> {
        let rows = whole_rows(body)?;
        let (module, _) = split(Object::Contact, contact);
        if module != "Contacts" {
            return Some(Outcome::Done { held: Held::default() });
        }
        let reader = self.reader(Object::Deal, "Deals", properties);
        let records = rows.iter().map(|r| reader.record(r)).collect::<Option<_>>()?;
        Some(Outcome::Done { held: Held { records, ..Held::default() } })
    }

    fn changed(&self, object: Object, after: Option<&str>, properties: &[String], body: &Value) -> Option<Outcome> {
        let module = after.and_then(|a| a.split_once(':')).map_or_else(|| module(object), |(module, _)| module);
        let reader = self.reader(object, module, properties);
        let mut records = Vec::new();
        for row in body.get("data")?.as_array()? {
            let mut record = reader.record(row)?;
            // A list may leave out which module a person stands in: then the record itself is asked for its links.
            let people = people_of(row, None);
            let nobody = ["Who_Id", "What_Id"].iter().all(|name| row.get(*name).is_none_or(Value::is_null));
            if object == Object::Call && (!people.is_empty() || nobody) {
                record.associations.insert(Object::Contact, people);
            }
            if let Some(contact) = converted(row).filter(|_| module == "Leads") {
                record.archived = true;
                record.also_known_as.push(contact);
            }
            records.push(record);
        }
        let info = body.get("info");
        let more = info.and_then(|i| i.get("more_records")).and_then(Value::as_bool).unwrap_or(false);
        let token = info.and_then(|i| i.get("next_page_token")).and_then(Value::as_str);
        let next = match (more, token) {
            // Without a token the rest would be lost: the answer is asked for again.
            (true, None) => return None,
            (true, Some(token)) => Some(format!("{module}:{token}")),
            (false, _) if module == "Leads" => Some("Contacts:".to_owned()),
            (false, _) => None,
        };
        Some(Outcome::Done { held: Held { records, next, ..Held::default() } })
    }

    fn made(&self, operation: &CrmOp, wanted: &PropertySpec, body: &Value) -> Option<Outcome> {
        let [entry] = body.get("fields")?.as_array()?.as_slice() else { return None };
        if let Some(problem) = Problem::read(entry, self.reply.status) {
            return Some(told(operation, &problem, self.reply, self.received_at));
        }
        let id = entry.get("details")?.get("id").and_then(text);
        let done = entry.get("status").and_then(Value::as_str) == Some("success") && id.is_some();
        let held = Held { schema: vec![wanted.clone()], created: Some(true), ..Held::default() };
        done.then_some(Outcome::Done { held })
    }

    /// The three parts of a look for people. All of them must be answered: nobody is created on the word of half an answer.
    fn people(&self, operation: &CrmOp, body: &Value) -> Outcome {
        let Some(parts) = body.get("__composite_requests").and_then(Value::as_array).filter(|p| p.len() == PARTS)
        else {
            return self.strange(operation, "The body is not the answer to all questions");
        };
        let mut rows: Vec<Vec<Value>> = Vec::new();
        for part in parts {
            match self.part(operation, part) {
                Ok(list) => rows.push(list),
                Err(outcome) => return outcome,
            }
        }
        let [contacts, leads, frozen] = rows.as_slice() else {
            return self.strange(operation, "The body is not the answer to all questions");
        };
        let outcome = match operation {
            CrmOp::ReadByKey { key, properties, .. } => self.person_by_key(key, properties, contacts, leads, frozen),
            CrmOp::FindPerson { properties, .. } => self.found(properties, contacts, leads, frozen),
            _ => None,
        };
        outcome.unwrap_or_else(|| self.strange(operation, "A row names no record"))
    }

    /// The rows of one part.
    fn part(&self, operation: &CrmOp, part: &Value) -> Result<Vec<Value>, Outcome> {
        if let Some(problem) = Problem::read(part, self.reply.status) {
            return Err(told(operation, &problem, self.reply, self.received_at));
        }
        let strange = || self.strange(operation, "A part of the answer cannot be read");
        let inner = part.get("details").and_then(|d| d.get("response")).ok_or_else(strange)?;
        let status =
            inner.get("status_code").and_then(Value::as_u64).and_then(|s| u16::try_from(s).ok()).ok_or_else(strange)?;
        let body = inner.get("body").cloned().unwrap_or_default();
        if status == 204 {
            return Ok(Vec::new());
        }
        let whole = HttpReply { status, headers: self.reply.headers.clone(), body: body.to_string().into_bytes() };
        if let Some(outcome) = by_status(operation, &whole, self.received_at) {
            return Err(outcome);
        }
        if let Some(problem) = Problem::read(&body, status) {
            return Err(told(operation, &problem, &whole, self.received_at));
        }
        let rows = whole_rows(&body).filter(|_| (200..300).contains(&status));
        rows.map(<[Value]>::to_vec).ok_or_else(strange)
    }

    fn found(&self, wanted: &[String], contacts: &[Value], leads: &[Value], frozen: &[Value]) -> Option<Outcome> {
        let mut records: Vec<Record> = Vec::new();
        let add = |record: Record, records: &mut Vec<Record>| match records.iter_mut().find(|r| r.id == record.id) {
            Some(known) => known.also_known_as.extend(record.also_known_as),
            None => records.push(record),
        };
        for row in contacts {
            add(self.reader(Object::Contact, "Contacts", wanted).record(row)?, &mut records);
        }
        for row in leads.iter().chain(frozen) {
            let lead = self.reader(Object::Contact, "Leads", wanted).record(row)?;
            // A converted lead stands for its contact; a read by id shows what that one holds.
            let record = match converted(row) {
                Some(contact) => Record {
                    id: contact,
                    also_known_as: vec![lead.id],
                    properties: [(OBJECT_PROPERTY.to_owned(), fields::CONTACT.to_owned())].into(),
                    ..Record::default()
                },
                None => lead,
            };
            add(record, &mut records);
        }
        Some(Outcome::Done { held: Held { records, ..Held::default() } })
    }

    fn person_by_key(
        &self,
        key: &str,
        wanted: &[String],
        contacts: &[Value],
        leads: &[Value],
        frozen: &[Value],
    ) -> Option<Outcome> {
        let read = |module: &'static str, row: &Value| {
            let record = self.reader(Object::Contact, module, wanted).record(row)?;
            (record.properties.get(KEY_PROPERTY).map(String::as_str) == Some(key)).then_some(record)
        };
        let follow = |contact: String| Some(Outcome::Gone { merged_into: Some(contact) });
        if let Some(row) = leads.iter().chain(frozen).next() {
            let lead = read("Leads", row)?;
            return match converted(row) {
                Some(contact) => follow(contact),
                None => Some(Outcome::Done { held: Held { records: vec![lead], ..Held::default() } }),
            };
        }
        match contacts.first() {
            // The lead is gone, its contact carries the key: read by id, for other fields belong to it.
            Some(row) => follow(read("Contacts", row)?.id),
            None => Some(Outcome::Gone { merged_into: None }),
        }
    }
}

/// The rows of a question; `None` where they are not all there: no row is 204, and the answer says how many there are. Nobody is
/// created on the word of a mutilated answer.
fn whole_rows(body: &Value) -> Option<&[Value]> {
    let rows = body.get("data")?.as_array()?;
    let told = body.get("info").and_then(|info| info.get("count")).and_then(Value::as_u64);
    let whole = !rows.is_empty() && told.is_none_or(|count| count == rows.len() as u64);
    whole.then_some(rows.as_slice())
}

fn schema(object: Object, body: &Value) -> Option<Outcome> {
    let fields = body.get("fields")?.as_array()?;
    let mut schema = fields.iter().map(|f| property(f.as_object()?)).collect::<Option<Vec<_>>>()?;
    schema.extend(made_up(object));
    Some(Outcome::Done { held: Held { schema, ..Held::default() } })
}

/// Properties that are put together from fields.
fn made_up(object: Object) -> Vec<PropertySpec> {
    let spec = |name: &str, kind: PropertyType, read_only: bool| PropertySpec {
        name: name.to_owned(),
        label: name.replace('_', " "),
        kind,
        unique: false,
        read_only,
        stored_as: None,
    };
    let choice = |options: &[&str]| PropertyType::Choice(options.iter().map(|o| (*o).to_owned()).collect());
    match object {
        Object::Contact => vec![spec(OBJECT_PROPERTY, choice(&[fields::LEAD, fields::CONTACT]), true)],
        Object::Call => vec![
            spec(fields::DIRECTION, choice(&["Inbound", "Outbound"]), false),
            spec(fields::CALL_STATUS, choice(&[fields::MISSED, fields::ANSWERED]), false),
            spec(fields::DURATION, PropertyType::Number, false),
        ],
        Object::Task => vec![
            spec(fields::DUE, PropertyType::DateTime, false),
            spec(fields::KIND, choice(&[super::WORDS.task_type_call]), true),
        ],
        Object::Deal => vec![spec(fields::CLOSED, PropertyType::Bool, true)],
        Object::Note | Object::Company => Vec::new(),
    }
}

fn property(map: &Map<String, Value>) -> Option<PropertySpec> {
    let word = |name: &str| map.get(name).and_then(Value::as_str);
    let yes = |name: &str| map.get(name).and_then(Value::as_bool).unwrap_or(false);
    let api_name = word("api_name").filter(|n| !n.is_empty())?;
    let data_type = word("data_type")?;
    let kind = match data_type {
        "text" | "textarea" | "email" | "phone" | "website" | "bigint" => PropertyType::Text,
        "integer" | "double" | "currency" | "percent" => PropertyType::Number,
        "date" => PropertyType::Date,
        "datetime" => PropertyType::DateTime,
        "boolean" => PropertyType::Bool,
        "picklist" => {
            let options = map.get("pick_list_values").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let shown = options.iter().filter(|o| o.get("type").and_then(Value::as_str) != Some("unused"));
            PropertyType::Choice(shown.filter_map(|o| o.get("display_value").and_then(text)).collect())
        }
        // The ids of users are kept elsewhere.
        "ownerlookup" | "userlookup" | "lookup" => PropertyType::Other("external_enumeration".into()),
        other => PropertyType::Other(cut(other, 60)),
    };
    let unique = map.get("unique").and_then(Value::as_object).is_some_and(|u| !u.is_empty());
    let external = map.get("external").and_then(Value::as_object).is_some_and(|e| !e.is_empty());
    // What the value must be written as, where that is not text.
    let stored_as =
        !matches!(data_type, "text" | "textarea" | "email" | "phone" | "website" | "picklist" | "date" | "bigint");
    let writable = map.get("operation_type").and_then(|o| o.get("api_update")).and_then(Value::as_bool);
    Some(PropertySpec {
        name: ours(api_name),
        label: word("field_label").or_else(|| word("display_label")).unwrap_or(api_name).to_owned(),
        kind,
        unique: unique || external,
        read_only: yes("read_only") || yes("field_read_only") || writable == Some(false),
        stored_as: stored_as.then(|| format!("{api_name}:{data_type}")),
    })
}

/// Users who can own records: e-mail and names in their properties.
fn owners(after: Option<&str>, body: &Value) -> Option<Outcome> {
    let owner = |value: &Value| {
        let map = value.as_object()?;
        let names = [("email", "email"), ("first_name", "firstName"), ("last_name", "lastName"), ("full_name", "name")];
        let properties =
            names.iter().filter_map(|(api, name)| Some(((*name).to_owned(), map.get(*api).and_then(text)?))).collect();
        let archived = map.get("status").and_then(Value::as_str).is_some_and(|s| s != "active");
        Some(Record { id: map.get("id").and_then(text)?, properties, archived, ..Record::default() })
    };
    let records = body.get("users")?.as_array()?.iter().map(owner).collect::<Option<Vec<_>>>()?;
    let more = body.get("info").and_then(|i| i.get("more_records")).and_then(Value::as_bool).unwrap_or(false);
    let page: u32 = after.and_then(|a| a.parse().ok()).unwrap_or(1);
    let next = more.then(|| page.saturating_add(1).to_string());
    Some(Outcome::Done { held: Held { records, next, ..Held::default() } })
}

fn nothing_changed(operations: &[CrmOp], after: Option<&str>) -> Outcome {
    let people = matches!(operations, [CrmOp::Changed { object: Object::Contact, .. }]);
    let next = (people && !after.is_some_and(|a| a.starts_with("Contacts:"))).then(|| "Contacts:".to_owned());
    Outcome::Done { held: Held { next, ..Held::default() } }
}

/// A list did not tell of a record that was asked for: alone it will.
fn unlisted() -> Outcome {
    Outcome::Retry { after: None, why: Why::new(MISSING_IN_REPLY, "The list does not show this record whole") }
}
