//! The default layouts: modules, fields, types ("field-meta.html"; the field lists of the vendor's SDKs). Only what this product may
//! touch, and a few it must not.

use super::refusals::{Refusal, invalid};
use crate::civil;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Data types, as field metadata names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataType {
    Text,
    TextArea,
    Email,
    Phone,
    Website,
    Integer,
    Double,
    Currency,
    Boolean,
    Date,
    DateTime,
    Picklist,
    Owner,
    Lookup,
}

impl DataType {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::TextArea => "textarea",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Website => "website",
            Self::Integer => "integer",
            Self::Double => "double",
            Self::Currency => "currency",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::DateTime => "datetime",
            Self::Picklist => "picklist",
            Self::Owner => "ownerlookup",
            Self::Lookup => "lookup",
        }
    }

    pub(crate) fn of(word: &str) -> Option<Self> {
        const ALL: [DataType; 14] = [
            DataType::Text,
            DataType::TextArea,
            DataType::Email,
            DataType::Phone,
            DataType::Website,
            DataType::Integer,
            DataType::Double,
            DataType::Currency,
            DataType::Boolean,
            DataType::Date,
            DataType::DateTime,
            DataType::Picklist,
            DataType::Owner,
            DataType::Lookup,
        ];
        ALL.into_iter().find(|t| t.word() == word)
    }
}

/// One field of a module.
#[derive(Debug, Clone)]
pub struct Field {
    pub api_name: String,
    pub label: String,
    pub data_type: DataType,
    pub length: usize,
    pub mandatory: bool,
    /// Written by the system; what the API sends for it is left out without a word.
    pub system: bool,
    pub unique: bool,
    pub custom: bool,
    pub options: Vec<String>,
}

impl Field {
    /// A custom single-line field of that API name.
    pub fn text(api_name: &str, unique: bool) -> Self {
        let mut field = from_row(&(api_name, DataType::Text, 255, "", &[]));
        field.unique = unique;
        field.custom = true;
        field
    }
}

/// `api_name, type, length, flags, options`; flags: `m` mandatory, `s` system.
type Row = (&'static str, DataType, usize, &'static str, &'static [&'static str]);

use DataType::{
    Boolean, Currency, Date, DateTime, Double, Email, Integer, Lookup, Owner, Phone, Picklist, Text, TextArea, Website,
};

const ALL_MODULES: &[Row] = &[
    ("Owner", Owner, 120, "", &[]),
    ("Created_Time", DateTime, 120, "s", &[]),
    ("Modified_Time", DateTime, 120, "s", &[]),
    ("Created_By", Owner, 120, "s", &[]),
    ("Modified_By", Owner, 120, "s", &[]),
];

const PEOPLE: &[Row] = &[
    ("First_Name", Text, 40, "", &[]),
    ("Last_Name", Text, 80, "m", &[]),
    ("Full_Name", Text, 80, "s", &[]),
    ("Email", Email, 100, "", &[]),
    ("Secondary_Email", Email, 100, "", &[]),
    ("Phone", Phone, 30, "", &[]),
    ("Mobile", Phone, 30, "", &[]),
    ("Fax", Text, 30, "", &[]),
    ("Email_Opt_Out", Boolean, 5, "", &[]),
    ("Description", TextArea, 32_000, "", &[]),
    (
        "Lead_Source",
        Picklist,
        120,
        "",
        &["Advertisement", "Cold Call", "Employee Referral", "External Referral", "Web Research", "Chat"],
    ),
];

const LEADS: &[Row] = &[
    // Mandatory in the default layout.
    ("Company", Text, 200, "m", &[]),
    ("Designation", Text, 100, "", &[]),
    ("Website", Website, 255, "", &[]),
    (
        "Lead_Status",
        Picklist,
        120,
        "",
        &[
            "Attempted to Contact",
            "Contact in Future",
            "Contacted",
            "Junk Lead",
            "Lost Lead",
            "Not Contacted",
            "Pre-Qualified",
            "Not Qualified",
        ],
    ),
    ("Annual_Revenue", Currency, 16, "", &[]),
    ("No_of_Employees", Integer, 16, "", &[]),
    ("Street", Text, 250, "", &[]),
    ("City", Text, 100, "", &[]),
    ("State", Text, 100, "", &[]),
    ("Zip_Code", Text, 30, "", &[]),
    ("Country", Text, 100, "", &[]),
    ("Converted__s", Boolean, 5, "s", &[]),
    ("Converted_Contact", Lookup, 120, "s", &[]),
    ("Converted_Account", Lookup, 120, "s", &[]),
    ("Converted_Deal", Lookup, 120, "s", &[]),
];

const CONTACTS: &[Row] = &[
    ("Account_Name", Lookup, 120, "", &[]),
    ("Title", Text, 100, "", &[]),
    ("Home_Phone", Phone, 30, "", &[]),
    ("Other_Phone", Phone, 30, "", &[]),
    ("Asst_Phone", Phone, 30, "", &[]),
    ("Mailing_City", Text, 100, "", &[]),
];

const ACCOUNTS: &[Row] =
    &[("Account_Name", Text, 200, "m", &[]), ("Phone", Phone, 30, "", &[]), ("Website", Website, 255, "", &[])];

const DEALS: &[Row] = &[
    ("Deal_Name", Text, 120, "m", &[]),
    (
        "Stage",
        Picklist,
        120,
        "m",
        &[
            "Qualification",
            "Needs Analysis",
            "Value Proposition",
            "Proposal/Price Quote",
            "Negotiation/Review",
            "Closed Won",
            "Closed Lost",
        ],
    ),
    ("Amount", Currency, 16, "", &[]),
    ("Probability", Double, 3, "", &[]),
    ("Closing_Date", Date, 20, "", &[]),
    ("Contact_Name", Lookup, 120, "", &[]),
    ("Account_Name", Lookup, 120, "", &[]),
];

const ACTIVITIES: &[Row] = &[
    ("Subject", Text, 255, "m", &[]),
    ("Description", TextArea, 32_000, "", &[]),
    ("Who_Id", Lookup, 120, "", &[]),
    ("What_Id", Lookup, 120, "", &[]),
];

const CALLS: &[Row] = &[
    ("Call_Type", Picklist, 120, "m", &["Inbound", "Outbound", "Missed"]),
    ("Call_Start_Time", DateTime, 120, "m", &[]),
    ("Call_Duration", Text, 20, "", &[]),
    ("Call_Duration_in_seconds", Integer, 9, "s", &[]),
    ("Outgoing_Call_Status", Picklist, 120, "", &["Scheduled", "Completed", "Overdue", "Cancelled"]),
    ("Call_Purpose", Picklist, 120, "", &["Prospecting", "Administrative", "Negotiation", "Demo", "Project", "Desk"]),
    ("Call_Agenda", Text, 255, "", &[]),
    ("Call_Result", Picklist, 120, "", &["Interested", "Not interested", "Requested call back", "No response/Busy"]),
    // Written by telephony extensions only.
    ("Caller_ID", Text, 120, "s", &[]),
    ("Dialled_Number", Text, 120, "s", &[]),
    ("CTI_Entry", Boolean, 5, "s", &[]),
    ("Voice_Recording__s", Text, 255, "s", &[]),
];

const TASKS: &[Row] = &[
    ("Due_Date", Date, 20, "", &[]),
    ("Status", Picklist, 120, "", &["Not Started", "Deferred", "In Progress", "Completed", "Waiting for input"]),
    ("Priority", Picklist, 120, "", &["High", "Highest", "Low", "Lowest", "Normal"]),
    ("Closed_Time", DateTime, 120, "s", &[]),
];

const NOTES: &[Row] = &[
    ("Note_Title", Text, 120, "", &[]),
    ("Note_Content", TextArea, 32_000, "m", &[]),
    ("Parent_Id", Lookup, 120, "m", &[]),
];

const MODULES: [(&str, &[&[Row]]); 7] = [
    ("Leads", &[ALL_MODULES, PEOPLE, LEADS]),
    ("Contacts", &[ALL_MODULES, PEOPLE, CONTACTS]),
    ("Accounts", &[ALL_MODULES, ACCOUNTS]),
    ("Deals", &[ALL_MODULES, DEALS]),
    ("Calls", &[ALL_MODULES, ACTIVITIES, CALLS]),
    ("Tasks", &[ALL_MODULES, ACTIVITIES, TASKS]),
    ("Notes", &[ALL_MODULES, NOTES]),
];

fn from_row((api_name, data_type, length, flags, options): &(&str, DataType, usize, &str, &[&str])) -> Field {
    Field {
        api_name: (*api_name).to_owned(),
        label: api_name.replace('_', " "),
        data_type: *data_type,
        length: *length,
        mandatory: flags.contains('m'),
        system: flags.contains('s'),
        unique: false,
        custom: false,
        options: options.iter().map(|o| (*o).to_owned()).collect(),
    }
}

/// The fields of a fresh organisation, by module.
pub(crate) fn defaults() -> BTreeMap<&'static str, Vec<Field>> {
    let of = |rows: &[&[Row]]| rows.iter().flat_map(|rows| rows.iter().map(from_row)).collect();
    MODULES.iter().map(|(name, rows)| (*name, of(rows))).collect()
}

/// The module of that API name.
pub(crate) fn module(name: &str) -> Option<&'static str> {
    MODULES.iter().map(|(known, _)| *known).find(|known| *known == name)
}

/// The `duplicate_check_fields` that the system itself knows ("upsert-records.html"); `None`: no upsert in this module.
pub(crate) fn system_check(module: &str) -> Option<&'static str> {
    match module {
        "Leads" | "Contacts" => Some("Email"),
        "Accounts" => Some("Account_Name"),
        "Deals" => Some("Deal_Name"),
        _ => None,
    }
}

/// Checks a value that stands alone; lookups and owners are the organisation's business.
pub(crate) fn check(field: &Field, value: &Value, n: usize) -> Result<Value, Refusal> {
    let name = field.api_name.as_str();
    let expected = |word: &str| invalid(n, name).detail("expected_data_type", word);
    let wrong = || expected(field.data_type.word());
    match field.data_type {
        Text | TextArea | Email | Phone | Website | Picklist => {
            let text = value.as_str().ok_or_else(|| expected("string"))?;
            if text.chars().count() > field.length {
                return Err(invalid(n, name).detail("maximum_length", field.length));
            }
            let phone = |c: char| c.is_ascii_digit() || " +-().;x".contains(c);
            let accepted = match field.data_type {
                Email => {
                    text.split_once('@').is_some_and(|(a, b)| !a.is_empty() && b.contains('.') && !b.contains('@'))
                }
                Phone => text.chars().all(phone) && text.chars().any(|c| c.is_ascii_digit()),
                Picklist => field.options.iter().any(|o| o == text),
                _ => true,
            };
            if accepted { Ok(value.clone()) } else { Err(wrong()) }
        }
        Integer if value.is_i64() => Ok(value.clone()),
        Double | Currency if value.is_number() => Ok(value.clone()),
        Boolean if value.is_boolean() => Ok(value.clone()),
        Date => {
            let day = value.as_str().filter(|text| text.len() == 10 && civil::parse_iso(text).is_some());
            day.map(Value::from).ok_or_else(wrong)
        }
        // To the second and with an offset; `Z` and fractions are not among the documented forms.
        DateTime => {
            let form = |text: &&str| text.len() == 25 && text.contains('T') && civil::parse_iso(text).is_some();
            value.as_str().filter(form).map(Value::from).ok_or_else(wrong)
        }
        Owner | Lookup if value.get("id").is_some_and(Value::is_string) => Ok(value.clone()),
        Owner | Lookup => Err(expected("jsonobject")),
        Integer | Double | Currency | Boolean => Err(wrong()),
    }
}

/// A field as its metadata describe it ("field-meta.html").
pub(crate) fn described(module: &str, field: &Field, n: usize) -> Value {
    let options: Vec<Value> = field
        .options
        .iter()
        .enumerate()
        .map(|(k, option)| {
            json!({ "colour_code": null, "actual_value": option, "display_value": option, "reference_value": option,
                "type": "used", "id": format!("57257670000009{n:03}{k:02}"), "sequence_number": k + 1 })
        })
        .collect();
    let unique = if field.unique { json!({ "case_sensitive": true }) } else { json!({}) };
    let mut out = basics(module, field, n);
    let more = json!({
        "pick_list_values": options,
        "unique": unique,
        "external": null, "lookup": {}, "currency": {}, "profiles": [], "subform": null, "formula": {},
        "layout_associations": [], "multi_module_lookup": {}, "multiselectlookup": {}, "auto_number": {},
        "association_details": null, "convert_mapping": null, "email_parser": null, "private": null,
        "sharing_properties": null, "history_tracking": null, "crypt": null, "tooltip": null,
    });
    if let (Some(out), Value::Object(more)) = (out.as_object_mut(), more) {
        out.extend(more);
    }
    out
}

fn basics(module: &str, field: &Field, n: usize) -> Value {
    json!({
        "id": format!("5725767000000{n:03}{:03}", module.len()),
        "api_name": field.api_name,
        "field_label": field.label,
        "display_label": field.label,
        "data_type": field.data_type.word(),
        "json_type": match field.data_type {
            Integer => "integer",
            Double | Currency => "double",
            Boolean => "boolean",
            Owner | Lookup => "jsonobject",
            _ => "string",
        },
        "length": field.length,
        "system_mandatory": field.mandatory,
        "custom_field": field.custom,
        "read_only": field.system,
        "field_read_only": field.system,
        "operation_type": { "web_update": !field.system, "api_create": !field.system, "web_create": !field.system, "api_update": !field.system },
        "visible": true,
        "searchable": true,
        "filterable": true,
        "sortable": true,
        "type": "used",
    })
}
