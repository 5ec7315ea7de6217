//! What an auditor reads of any CRM's twin: the same few questions, whatever the vendor calls its records.

use crate::fault::Vendor;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;

/// What kind of thing a record is to somebody who counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Person,
    Call,
    Task,
    Deal,
    /// Everything else: notes, companies.
    Other,
}

/// One record as the vendor truly holds it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    pub kind: Kind,
    /// The vendor's word: `Lead`, `contacts`, `phonecalls`.
    pub object: String,
    pub id: String,
    /// Every field as text; texts whole.
    pub fields: BTreeMap<String, String>,
    /// Ids of the people it is linked to.
    pub people: Vec<String>,
    /// A person made it in the vendor's own pages, not a program.
    pub by_person: bool,
    /// Deleted, archived or merged away.
    pub gone: bool,
    /// Which sub-account (location, org) it stands in, where a vendor has such.
    pub place: String,
}

impl Entry {
    /// Keys of the program under test in this record: words that begin with `rb-` in any field, each once, in order.
    pub fn marks(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for text in self.fields.values() {
            let word = |c: char| !(c.is_ascii_alphanumeric() || c == '-');
            for part in text.split(word).filter(|p| p.starts_with("rb-") && p.len() > 6) {
                if !found.iter().any(|f| f == part) {
                    found.push(part.to_owned());
                }
            }
        }
        found
    }

    /// Does any field hold that number, however it is spelled? Compared by its last ten digits.
    pub fn has_number(&self, e164: &str) -> bool {
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let wanted = digits(e164);
        let tail = wanted.get(wanted.len().saturating_sub(10)..).unwrap_or_default().to_owned();
        tail.len() >= 7 && self.fields.values().any(|value| digits(value).contains(&tail))
    }
}

/// How a call ended that somebody else logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallEnd {
    /// It rings.
    Ringing,
    Missed,
    Busy,
    Voicemail,
    Answered,
    /// The program that logged it did not say.
    Unsaid,
}

/// A call as a phone system's own integration, or a person, logs it in a CRM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct LoggedCall {
    pub inbound: bool,
    /// Who rang and who was rung; empty where the vendor's own pages would show only whom it belongs to.
    #[serde(default)]
    pub from: String,
    #[serde(default)]
    pub to: String,
    pub end: CallEnd,
    /// When it began, milliseconds UTC.
    pub began_ms: i64,
    #[serde(default)]
    pub seconds: u32,
    #[serde(default)]
    pub recording: Option<String>,
    #[serde(default)]
    pub note: Option<String>,
    /// The vendor's id of the person it is linked to.
    #[serde(default)]
    pub person: Option<String>,
}

/// A CRM's twin that can be counted, filled and worked in by "people".
pub trait Books: Vendor + Send {
    /// The vendor's word in configuration: `salesforce`.
    fn vendor(&self) -> &'static str;
    /// Every record, the gone ones too.
    fn entries(&self) -> Vec<Entry>;
    /// A person who is in the CRM already. `customer`: as a customer, else as a lead, in the way this vendor tells them apart.
    /// Gives the vendor's id.
    fn seed_person(&mut self, name: &str, e164: &str, email: Option<&str>, customer: bool, now_ms: i64) -> String;
    /// Somebody types a value into a record of a person in the vendor's own pages.
    fn type_in(&mut self, id: &str, field: &str, value: &str, now_ms: i64) -> bool;
    /// Somebody else logs a call, or changes what is logged under that id. Gives the vendor's id; `None` where no calls are kept, or no
    /// such call.
    fn log_call(&mut self, _call: &LoggedCall, _id: Option<&str>, _now_ms: i64) -> Option<String> {
        None
    }
    /// Somebody deletes a record in the vendor's own pages.
    fn remove(&mut self, id: &str, now_ms: i64) -> bool;
    /// The seconds within which the vendor's limit on working time, where it has one, allows what its machines have worked for us.
    fn work_seconds_min(&self) -> f64 {
        0.0
    }
    /// The secret that a connection needs, as the program under test is given it.
    fn secret(&self) -> String;
    /// Fields of the program under test that set-up would have made, for vendors where a person makes them. `names`: object kind, name.
    fn prepare_fields(&mut self, names: &[(Kind, &str)]);
    /// An administrator makes a field of the business's own: `text`, `number`, `date`, `datetime` or `bool`.
    ///
    /// # Errors
    /// What it says to that.
    fn add_field(&mut self, _kind: Kind, _name: &str, _of: &str, _now_ms: i64) -> Result<(), String> {
        Err(format!("the simulated {} takes no fields by hand", self.vendor()))
    }
    /// An administrator deletes such a field. False where there is none, or no such thing as fields that have to be there.
    fn drop_field(&mut self, _kind: Kind, _name: &str) -> bool {
        false
    }
    /// Settings that a connection to it needs besides its secret.
    fn settings(&self) -> Vec<(String, String)> {
        Vec::new()
    }
    /// Where a connection to it sends, if that is no address the vendor publishes: path behind the host.
    fn path(&self) -> Option<String> {
        None
    }
    /// Requests that it makes by itself (confirmations, change notices), each once: path of the program under test, and body.
    fn outgoing(&mut self, _now_ms: i64) -> Vec<crate::Request> {
        Vec::new()
    }
    /// No limits and no waiting, to measure a client alone.
    fn unlimited(&mut self) {}
}

impl Vendor for Box<dyn Books> {
    fn handle(&mut self, request: &crate::Request, now_ms: i64) -> crate::Reply {
        (**self).handle(request, now_ms)
    }
    fn log_mut(&mut self) -> &mut crate::log::Log {
        (**self).log_mut()
    }
    fn pretend(&mut self, request: &crate::Request, now_ms: i64) -> crate::Reply {
        (**self).pretend(request, now_ms)
    }
    fn half(&mut self, request: &crate::Request, now_ms: i64) -> Option<crate::Reply> {
        (**self).half(request, now_ms)
    }
    fn refuse(&mut self, how: crate::fault::Refusing) -> crate::Reply {
        (**self).refuse(how)
    }
    fn stale_search(&mut self, lag_ms: i64, until_ms: i64) {
        (**self).stale_search(lag_ms, until_ms);
    }
    /// The controls that all CRMs have, and those of its own.
    fn control(&mut self, request: &crate::Request, now_ms: i64) -> Option<crate::Reply> {
        let segments = request.segments();
        let given = || serde_json::from_slice::<serde_json::Value>(&request.body).unwrap_or_default();
        let told = |done: bool| crate::Reply::json(if done { 200 } else { 404 }, &json!({ "done": done }));
        Some(match (request.method.as_str(), segments.get(1)?.as_str()) {
            ("GET", "books") => crate::Reply::json(200, &json!(self.entries())),
            ("POST", "person") => {
                let given = given();
                let text = |name: &str| given.get(name).and_then(|v| v.as_str()).map(str::to_owned);
                let (name, e164) = (text("name").unwrap_or_default(), text("phone").unwrap_or_default());
                let customer = given.get("customer").and_then(serde_json::Value::as_bool).unwrap_or_default();
                let id = self.seed_person(&name, &e164, text("email").as_deref(), customer, now_ms);
                crate::Reply::json(200, &json!({ "id": id }))
            }
            ("POST", "type") => {
                let given = given();
                let text = |name: &str| given.get(name).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
                told(self.type_in(&text("id"), &text("field"), &text("value"), now_ms))
            }
            ("POST", "call") => {
                let mut given = given();
                let id = given.as_object_mut().and_then(|map| map.remove("id"));
                let id = id.as_ref().and_then(serde_json::Value::as_str);
                match serde_json::from_value::<LoggedCall>(given) {
                    Ok(call) => match self.log_call(&call, id, now_ms) {
                        Some(id) => crate::Reply::json(200, &json!({ "id": id })),
                        None => told(false),
                    },
                    Err(error) => crate::Reply::json(400, &json!({ "error": error.to_string() })),
                }
            }
            ("POST", "remove") => {
                let id = given().get("id").and_then(|v| v.as_str()).unwrap_or_default().to_owned();
                told(self.remove(&id, now_ms))
            }
            _ => return (**self).control(request, now_ms),
        })
    }
    fn delay_ms(&self) -> u64 {
        (**self).delay_ms()
    }
}
