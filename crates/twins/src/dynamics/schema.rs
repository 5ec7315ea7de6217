//! The tables and their columns, as the vendor's reference lists them (learn.microsoft.com, power-apps/developer/data-platform/
//! reference/entities/{phonecall,task,contact,systemuser}, dynamics365/developer/reference/entities/{lead,opportunity}); a choice of
//! columns, with their real types, lengths, options and state pairs.

use std::collections::BTreeMap;

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Id,
    /// Most characters.
    Text(usize),
    Memo(usize),
    Integer(i64, i64),
    Decimal,
    Boolean,
    /// Whole seconds.
    Instant,
    Choice(Vec<i64>),
    State,
    Status,
    /// Navigation names with the tables they lead to.
    Lookup(Vec<(String, &'static str)>),
}

/// One column.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) kind: Kind,
    /// `IsValidForCreate`
    pub(crate) create: bool,
    /// `IsValidForUpdate`
    pub(crate) update: bool,
    pub(crate) label: String,
}

impl Column {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, create: true, update: true, label: String::new() }
    }
    fn fixed(kind: Kind) -> Self {
        Self { create: false, update: false, ..Self::new(kind) }
    }

    /// `AttributeType`
    pub(crate) fn attribute_type(&self) -> &'static str {
        match self.kind {
            Kind::Id => "Uniqueidentifier",
            Kind::Text(_) => "String",
            Kind::Memo(_) => "Memo",
            Kind::Integer(..) => "Integer",
            Kind::Decimal => "Decimal",
            Kind::Boolean => "Boolean",
            Kind::Instant => "DateTime",
            Kind::Choice(_) => "Picklist",
            Kind::State => "State",
            Kind::Status => "Status",
            Kind::Lookup(_) => "Lookup",
        }
    }
}

/// One table's definition.
#[derive(Debug, Clone)]
pub(crate) struct Definition {
    pub(crate) set: &'static str,
    pub(crate) logical: &'static str,
    pub(crate) id: &'static str,
    pub(crate) columns: BTreeMap<String, Column>,
    /// statecode → statuscodes, the default first.
    pub(crate) states: BTreeMap<i64, Vec<i64>>,
    /// Rows in other states than 0 cannot be edited ("read-only and can't be edited").
    pub(crate) closes: bool,
    /// Alternate keys: name → column.
    pub(crate) keys: BTreeMap<String, String>,
}

fn definition(set: &'static str, logical: &'static str, id: &'static str, states: &[(i64, &[i64])]) -> Definition {
    let mut columns = BTreeMap::new();
    let mut key = Column::new(Kind::Id);
    key.update = false;
    columns.insert(id.to_owned(), key);
    for name in ["createdon", "modifiedon"] {
        columns.insert(name.to_owned(), Column::fixed(Kind::Instant));
    }
    let user = |nav: &str| Kind::Lookup(vec![(nav.to_owned(), "systemusers")]);
    columns.insert("modifiedby".to_owned(), Column::fixed(user("modifiedby")));
    columns.insert("createdby".to_owned(), Column::fixed(user("createdby")));
    if !states.is_empty() {
        let owner = Kind::Lookup(vec![("ownerid".to_owned(), "systemusers"), ("ownerid".to_owned(), "teams")]);
        columns.insert("ownerid".to_owned(), Column::new(owner));
        // "IsValidForCreate: False" of statecode.
        let mut state = Column::new(Kind::State);
        state.create = false;
        columns.insert("statecode".to_owned(), state);
        columns.insert("statuscode".to_owned(), Column::new(Kind::Status));
    }
    let states = states.iter().map(|(state, statuses)| (*state, statuses.to_vec())).collect();
    Definition { set, logical, id, columns, states, closes: false, keys: BTreeMap::new() }
}

impl Definition {
    fn with(mut self, names: &[&str], kind: &Kind) -> Self {
        for name in names {
            self.columns.insert((*name).to_owned(), Column::new(kind.clone()));
        }
        self
    }
    fn lookup(mut self, name: &str, to: &[(&str, &'static str)]) -> Self {
        let to = to.iter().map(|(nav, set)| ((*nav).to_owned(), *set)).collect();
        self.columns.insert(name.to_owned(), Column::new(Kind::Lookup(to)));
        self
    }
    fn closing(mut self) -> Self {
        self.closes = true;
        self
    }
}

fn person(definition: Definition) -> Definition {
    let donts = ["donotphone", "donotemail", "donotbulkemail", "donotfax", "donotpostalmail"];
    let mut out = definition
        .with(&["firstname", "lastname", "middlename"], &Kind::Text(50))
        .with(&["jobtitle", "emailaddress1", "emailaddress2", "emailaddress3"], &Kind::Text(100))
        .with(
            &["telephone1", "telephone2", "telephone3", "mobilephone", "address1_city", "address1_postalcode"],
            &Kind::Text(50),
        )
        .with(&["address1_line1"], &Kind::Text(250))
        .with(&["description"], &Kind::Memo(2_000))
        .with(&donts, &Kind::Boolean)
        .with(&["preferredcontactmethodcode"], &Kind::Choice(vec![1, 2, 3, 4, 5]));
    for name in ["fullname", "merged"] {
        let kind = if name == "merged" { Kind::Boolean } else { Kind::Text(160) };
        out.columns.insert(name.to_owned(), Column::fixed(kind));
    }
    let set = out.set;
    out.columns.insert("masterid".to_owned(), Column::fixed(Kind::Lookup(vec![("masterid".to_owned(), set)])));
    out
}

fn activity(definition: Definition, suffix: &str) -> Definition {
    let targets: Vec<(String, &'static str)> =
        [("contact", "contacts"), ("lead", "leads"), ("opportunity", "opportunities")]
            .iter()
            .map(|(logical, set)| (format!("regardingobjectid_{logical}_{suffix}"), *set))
            .collect();
    let mut out = definition
        .with(&["subject"], &Kind::Text(200))
        .with(&["description"], &Kind::Memo(2_000))
        .with(&["category", "subcategory"], &Kind::Text(250))
        .with(&["actualstart", "actualend", "scheduledstart", "scheduledend"], &Kind::Instant)
        .with(&["actualdurationminutes"], &Kind::Integer(0, 2_147_483_647))
        .with(&["prioritycode"], &Kind::Choice(vec![0, 1, 2]))
        .closing();
    out.columns.insert("regardingobjectid".to_owned(), Column::new(Kind::Lookup(targets)));
    out
}

/// Every table of a fresh environment with the Sales app.
pub(crate) fn all() -> Vec<Definition> {
    let leads = person(definition("leads", "lead", "leadid", &[(0, &[1, 2]), (1, &[3]), (2, &[4, 5, 6, 7])]))
        .with(&["subject"], &Kind::Text(300))
        .with(&["companyname"], &Kind::Text(100))
        .with(&["leadsourcecode"], &Kind::Choice((1..=10).collect()))
        .with(&["leadqualitycode"], &Kind::Choice(vec![1, 2, 3]))
        .lookup("parentcontactid", &[("parentcontactid", "contacts")])
        .lookup("qualifyingopportunityid", &[("qualifyingopportunityid", "opportunities")]);
    let contacts = person(definition("contacts", "contact", "contactid", &[(0, &[1]), (1, &[2])]))
        .with(&["business2", "home2"], &Kind::Text(50))
        .with(&["customertypecode"], &Kind::Choice(vec![1]));
    let calls = activity(
        definition("phonecalls", "phonecall", "activityid", &[(0, &[1]), (1, &[2, 4]), (2, &[3])]),
        "phonecall",
    )
    .with(&["phonenumber"], &Kind::Text(200))
    .with(&["directioncode", "leftvoicemail"], &Kind::Boolean);
    let tasks =
        activity(definition("tasks", "task", "activityid", &[(0, &[2, 3, 4, 7]), (1, &[5]), (2, &[6])]), "task")
            .with(&["percentcomplete"], &Kind::Integer(0, 100));
    let deals = definition("opportunities", "opportunity", "opportunityid", &[(0, &[1, 2]), (1, &[3]), (2, &[4, 5])])
        .with(&["name"], &Kind::Text(300))
        .with(&["stepname"], &Kind::Text(200))
        .with(&["estimatedvalue"], &Kind::Decimal)
        .lookup("customerid", &[("customerid_contact", "contacts")])
        .lookup("parentcontactid", &[("parentcontactid", "contacts")])
        .lookup("originatingleadid", &[("originatingleadid", "leads")]);
    let users = definition("systemusers", "systemuser", "systemuserid", &[])
        .with(&["fullname", "firstname", "lastname", "internalemailaddress"], &Kind::Text(200))
        .with(&["isdisabled"], &Kind::Boolean)
        .with(&["applicationid", "azureactivedirectoryobjectid"], &Kind::Id);
    let teams = definition("teams", "team", "teamid", &[]).with(&["name"], &Kind::Text(160));
    let publishers = definition("publishers", "publisher", "publisherid", &[])
        .with(&["uniquename", "friendlyname"], &Kind::Text(256))
        .with(&["customizationprefix"], &Kind::Text(8))
        .with(&["customizationoptionvalueprefix"], &Kind::Integer(10_000, 99_999));
    let solutions = definition("solutions", "solution", "solutionid", &[])
        .with(&["uniquename", "friendlyname", "version"], &Kind::Text(256))
        .lookup("publisherid", &[("publisherid", "publishers")]);
    vec![leads, contacts, calls, tasks, deals, users, teams, publishers, solutions]
}
