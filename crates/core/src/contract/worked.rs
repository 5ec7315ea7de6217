//! The worked tables of the product's rules as contracts with tests, run by `cargo test` and by `ringback contract test`.

use crate::crm::CrmWords;

/// A CRM's words for tests without a connection; as HubSpot has them.
pub(crate) static WORDS: CrmWords = CrmWords {
    contact_phone: "phone",
    contact_email: "email",
    contact_name: "firstname",
    contact_owner: "hubspot_owner_id",
    contact_reads: &[
        "firstname",
        "lastname",
        "email",
        "phone",
        "mobilephone",
        "lifecyclestage",
        "hubspot_owner_id",
        "hs_email_optout",
    ],
    call_at: "hs_timestamp",
    call_title: "hs_call_title",
    call_body: "hs_call_body",
    call_direction: "hs_call_direction",
    call_inbound: "INBOUND",
    call_outbound: "OUTBOUND",
    call_status: "hs_call_status",
    call_statuses: ["NO_ANSWER", "BUSY", "COMPLETED"],
    call_duration_ms: "hs_call_duration",
    call_from: "hs_call_from_number",
    call_to: "hs_call_to_number",
    task_due: "hs_timestamp",
    task_subject: "hs_task_subject",
    task_body: "hs_task_body",
    task_status: "hs_task_status",
    task_open: "NOT_STARTED",
    task_done: "COMPLETED",
    task_priority: "hs_task_priority",
    task_priorities: ["HIGH", "MEDIUM"],
    task_type: "hs_task_type",
    task_type_call: "CALL",
    owner: "hubspot_owner_id",
    match_phones: &["phone", "mobilephone"],
    match_emails: &["email", "hs_additional_emails"],
    match_names: &["firstname", "lastname"],
    lifecycle: "lifecyclestage",
    customer_values: &["customer", "evangelist"],
    deal_name: "dealname",
    deal_reads: &["dealname", "dealstage", "hs_is_closed", "amount"],
    deal_stage: "dealstage",
    deal_closed: "hs_is_closed",
    opt_out: &[("hs_email_optout", crate::crm::YES)],
    protected: &[],
};

/// Name and text of each table.
const TABLES: &[(&str, &str)] = &[
    ("fields", include_str!("worked/fields.toml")),
    ("suppression", include_str!("worked/suppression.toml")),
    ("routing", include_str!("worked/routing.toml")),
    ("conflicts", include_str!("worked/conflicts.toml")),
];

#[test]
fn the_worked_tables_hold() {
    let mut told = Vec::new();
    for (name, text) in TABLES {
        let (contract, problems) = super::parse(text);
        assert_eq!(problems, Vec::new(), "{name}");
        let trials = super::trial::run(&contract.unwrap(), &WORDS);
        assert!(trials.len() >= 10, "{name}");
        let failed = trials.into_iter().filter(|t| !t.passed);
        told.extend(failed.flat_map(|t| t.differences.into_iter().map(move |d| format!("{name}: {}: {d}", t.name))));
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
}

#[test]
fn each_rule_of_the_tables_has_its_test() {
    let all: String = TABLES.iter().map(|(_, text)| *text).collect();
    for number in (101..=106).chain(107..=117).chain([118, 119, 144, 145, 146]) {
        assert!(all.contains(&format!("F-{number}")), "F-{number}");
    }
}
