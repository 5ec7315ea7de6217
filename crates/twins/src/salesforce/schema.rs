//! What objects there are and what their fields take. Standard fields and their properties: Object Reference for the Salesforce
//! Platform (Lead, Contact, Account, Opportunity, OpportunityContactRole, Task, User); only those a telephone integration meets.

use serde_json::{Value, json};

/// The objects of this org.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sobject {
    Lead,
    Contact,
    Account,
    Opportunity,
    OpportunityContactRole,
    Task,
    User,
}

impl Sobject {
    /// All of them, in the order of their tables.
    pub const ALL: [Self; 7] = [
        Self::Lead,
        Self::Contact,
        Self::Account,
        Self::Opportunity,
        Self::OpportunityContactRole,
        Self::Task,
        Self::User,
    ];

    /// The API name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lead => "Lead",
            Self::Contact => "Contact",
            Self::Account => "Account",
            Self::Opportunity => "Opportunity",
            Self::OpportunityContactRole => "OpportunityContactRole",
            Self::Task => "Task",
            Self::User => "User",
        }
    }

    /// The first three characters of its ids.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::Lead => "00Q",
            Self::Contact => "003",
            Self::Account => "001",
            Self::Opportunity => "006",
            Self::OpportunityContactRole => "00K",
            Self::Task => "00T",
            Self::User => "005",
        }
    }

    /// Names do not tell capitals apart.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name().eq_ignore_ascii_case(name))
    }

    pub(crate) fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| id.starts_with(s.prefix()))
    }
}

/// What a field takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Id,
    /// So many characters at most.
    Text(usize),
    /// Long text: not filterable.
    Area(usize),
    Phone,
    Email,
    Url,
    Bool,
    Int,
    Double,
    Date,
    DateTime,
    Reference(&'static [Sobject]),
    /// Options; whether others are refused.
    Picklist(&'static [&'static str], bool),
}

/// One field of one object.
#[derive(Debug, Clone)]
pub struct Field {
    pub name: String,
    pub label: String,
    pub kind: Kind,
    /// Must be given at creation.
    pub required: bool,
    pub create: bool,
    pub update: bool,
    pub unique: bool,
    pub external_id: bool,
}

impl Field {
    fn new(name: &str, kind: Kind) -> Self {
        Self {
            name: name.to_owned(),
            label: name.to_owned(),
            kind,
            required: false,
            create: true,
            update: true,
            unique: false,
            external_id: false,
        }
    }
    fn required(self) -> Self {
        Self { required: true, ..self }
    }
    fn read_only(self) -> Self {
        Self { create: false, update: false, ..self }
    }
    fn once(self) -> Self {
        Self { update: false, ..self }
    }

    /// A custom field of text, as a person makes it in Setup. `key`: external id and unique, case-sensitive.
    pub fn custom(name: &str, length: usize, key: bool) -> Self {
        Self { unique: key, external_id: key, ..Self::new(name, Kind::Text(length)) }
    }

    /// Long text cannot stand in a condition.
    pub(crate) fn filterable(&self) -> bool {
        !matches!(self.kind, Kind::Area(_))
    }

    /// As `describe` shows it.
    pub(crate) fn described(&self) -> Value {
        let (kind, length) = match &self.kind {
            Kind::Id => ("id", 18),
            Kind::Text(length) => ("string", *length),
            Kind::Area(length) => ("textarea", *length),
            Kind::Phone => ("phone", 40),
            Kind::Email => ("email", 80),
            Kind::Url => ("url", 255),
            Kind::Bool => ("boolean", 0),
            Kind::Int => ("int", 0),
            Kind::Double => ("double", 0),
            Kind::Date => ("date", 0),
            Kind::DateTime => ("datetime", 0),
            Kind::Reference(_) => ("reference", 18),
            Kind::Picklist(..) => ("picklist", 255),
        };
        let (options, restricted): (Vec<Value>, bool) = match &self.kind {
            Kind::Picklist(options, restricted) => {
                let entry = |o: &&str| json!({ "active": true, "defaultValue": false, "label": o, "value": o });
                (options.iter().map(entry).collect(), *restricted)
            }
            _ => (Vec::new(), false),
        };
        let to: Vec<&str> = match &self.kind {
            Kind::Reference(to) => to.iter().map(|s| s.name()).collect(),
            _ => Vec::new(),
        };
        json!({
            "name": self.name, "label": self.label, "type": kind, "length": length, "custom": self.name.ends_with("__c"),
            "createable": self.create, "updateable": self.update, "nillable": !self.required, "calculated": false,
            "unique": self.unique, "externalId": self.external_id, "caseSensitive": self.unique,
            "idLookup": self.external_id || self.kind == Kind::Id, "filterable": self.filterable(),
            "restrictedPicklist": restricted, "picklistValues": options, "referenceTo": to,
        })
    }
}

const STATUSES: &[&str] = &["Not Started", "In Progress", "Completed", "Waiting on someone else", "Deferred"];
const LEAD_STATUSES: &[&str] =
    &["Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted"];
const STAGES: &[&str] = &["Prospecting", "Qualification", "Proposal/Price Quote", "Closed Won", "Closed Lost"];
const PEOPLE: &[Sobject] = &[Sobject::Contact, Sobject::Lead];
const ACCOUNT: &[Sobject] = &[Sobject::Account];
const CONTACT: &[Sobject] = &[Sobject::Contact];
const DEAL: &[Sobject] = &[Sobject::Opportunity];
const WHAT: &[Sobject] = &[Sobject::Account, Sobject::Opportunity];
const USER: &[Sobject] = &[Sobject::User];

fn person() -> Vec<Field> {
    vec![
        Field::new("FirstName", Kind::Text(40)),
        Field::new("LastName", Kind::Text(80)).required(),
        Field::new("Name", Kind::Text(121)).read_only(),
        Field::new("Salutation", Kind::Picklist(&["Mr.", "Ms.", "Mrs.", "Dr.", "Prof."], false)),
        Field::new("Title", Kind::Text(128)),
        Field::new("Phone", Kind::Phone),
        Field::new("MobilePhone", Kind::Phone),
        Field::new("Fax", Kind::Phone),
        Field::new("Email", Kind::Email),
        Field::new("LeadSource", Kind::Picklist(&["Web", "Phone Inquiry", "Partner Referral", "Other"], false)),
        Field::new("Description", Kind::Area(32_000)),
        Field::new("DoNotCall", Kind::Bool),
        Field::new("HasOptedOutOfEmail", Kind::Bool),
    ]
}

fn task() -> Vec<Field> {
    vec![
        Field::new("Subject", Kind::Text(255)),
        Field::new("Description", Kind::Area(32_000)),
        Field::new("Status", Kind::Picklist(STATUSES, true)),
        Field::new("Priority", Kind::Picklist(&["High", "Normal", "Low"], true)),
        Field::new("ActivityDate", Kind::Date),
        Field::new("WhoId", Kind::Reference(PEOPLE)),
        Field::new("WhatId", Kind::Reference(WHAT)),
        Field::new("TaskSubtype", Kind::Picklist(&["Task", "Email", "ListEmail", "Cadence", "Call", "LinkedIn"], true))
            .once(),
        Field::new("CallType", Kind::Picklist(&["Internal", "Inbound", "Outbound"], true)),
        Field::new("CallDisposition", Kind::Text(255)),
        Field::new("CallDurationInSeconds", Kind::Int),
        Field::new("CallObject", Kind::Text(255)),
        Field::new("IsReminderSet", Kind::Bool),
        Field::new("ReminderDateTime", Kind::DateTime),
        Field::new("IsClosed", Kind::Bool).read_only(),
        Field::new("IsHighPriority", Kind::Bool).read_only(),
    ]
}

/// The fields of a fresh org's object.
pub(crate) fn fields(sobject: Sobject) -> Vec<Field> {
    let mut fields = vec![
        Field::new("Id", Kind::Id).read_only(),
        Field::new("IsDeleted", Kind::Bool).read_only(),
        Field::new("CreatedDate", Kind::DateTime).read_only(),
        Field::new("LastModifiedDate", Kind::DateTime).read_only(),
        Field::new("SystemModstamp", Kind::DateTime).read_only(),
    ];
    if sobject != Sobject::User && sobject != Sobject::OpportunityContactRole {
        fields.push(Field::new("OwnerId", Kind::Reference(USER)));
    }
    match sobject {
        Sobject::Lead => {
            fields.extend(person());
            fields.extend([
                Field::new("Company", Kind::Text(255)).required(),
                Field::new("Status", Kind::Picklist(LEAD_STATUSES, false)),
                Field::new("Website", Kind::Url),
                Field::new("Street", Kind::Area(255)),
                Field::new("City", Kind::Text(40)),
                Field::new("State", Kind::Text(80)),
                Field::new("PostalCode", Kind::Text(20)),
                Field::new("Country", Kind::Text(80)),
                Field::new("NumberOfEmployees", Kind::Int),
                Field::new("IsConverted", Kind::Bool).read_only(),
                Field::new("ConvertedDate", Kind::Date).read_only(),
                Field::new("ConvertedContactId", Kind::Reference(CONTACT)).read_only(),
                Field::new("ConvertedAccountId", Kind::Reference(ACCOUNT)).read_only(),
                Field::new("ConvertedOpportunityId", Kind::Reference(DEAL)).read_only(),
                Field::new("MasterRecordId", Kind::Reference(&[Sobject::Lead])).read_only(),
            ]);
        }
        Sobject::Contact => {
            fields.extend(person());
            fields.extend([
                Field::new("AccountId", Kind::Reference(ACCOUNT)),
                Field::new("HomePhone", Kind::Phone),
                Field::new("OtherPhone", Kind::Phone),
                Field::new("AssistantPhone", Kind::Phone),
                Field::new("MailingStreet", Kind::Area(255)),
                Field::new("MailingCity", Kind::Text(40)),
                Field::new("MailingPostalCode", Kind::Text(20)),
                Field::new("Birthdate", Kind::Date),
                Field::new("MasterRecordId", Kind::Reference(CONTACT)).read_only(),
            ]);
        }
        Sobject::Account => fields.extend([
            Field::new("Name", Kind::Text(255)).required(),
            Field::new("Phone", Kind::Phone),
            Field::new("Type", Kind::Picklist(&["Prospect", "Customer - Direct", "Other"], false)),
            Field::new("MasterRecordId", Kind::Reference(ACCOUNT)).read_only(),
        ]),
        Sobject::Opportunity => fields.extend([
            Field::new("Name", Kind::Text(120)).required(),
            Field::new("StageName", Kind::Picklist(STAGES, false)).required(),
            Field::new("CloseDate", Kind::Date).required(),
            Field::new("Amount", Kind::Double),
            Field::new("AccountId", Kind::Reference(ACCOUNT)),
            Field::new("IsClosed", Kind::Bool).read_only(),
            Field::new("IsWon", Kind::Bool).read_only(),
        ]),
        Sobject::OpportunityContactRole => fields.extend([
            Field::new("OpportunityId", Kind::Reference(DEAL)).required().once(),
            Field::new("ContactId", Kind::Reference(CONTACT)).required().once(),
            Field::new("Role", Kind::Text(80)),
        ]),
        Sobject::Task => fields.extend(task()),
        Sobject::User => fields.extend([
            Field::new("Username", Kind::Text(80)),
            Field::new("FirstName", Kind::Text(40)),
            Field::new("LastName", Kind::Text(80)),
            Field::new("Name", Kind::Text(121)).read_only(),
            Field::new("Email", Kind::Email),
            Field::new("IsActive", Kind::Bool),
            Field::new("UserType", Kind::Picklist(&["Standard", "PowerPartner", "Guest", "AutomatedProcess"], true)),
        ]),
    }
    fields
}
