//! A house with one location, three people and the default contract, for tests of decisions.

use super::*;
use crate::call;
use crate::call::FoldFacts;
use crate::claim::{self, ReadContext};
use crate::contract;
use crate::crm::{Properties, SetBy, Setter};
use crate::followup::calendar::{Block, Calendar, Week};
use crate::id::{ConnectionId, ContractId, SignalId};
use crate::identity;
use crate::ledger::Retention;
use crate::roster::{Line, Location, Staff};
use crate::signal::{Ending, Signal, SignalKind};

pub(crate) const CALLER: &str = "+16025550142";
pub(crate) const LINE: &str = "+16025550100";

pub(crate) static WORDS: CrmWords = CrmWords {
    contact_phone: "phone",
    contact_email: "email",
    contact_name: "firstname",
    contact_owner: "hubspot_owner_id",
    contact_reads: &["firstname", "phone"],
    call_at: "at",
    call_title: "title",
    call_body: "body",
    call_direction: "direction",
    call_inbound: "IN",
    call_outbound: "OUT",
    call_status: "status",
    call_statuses: ["NO_ANSWER", "BUSY", "COMPLETED"],
    call_duration_ms: "duration",
    call_from: "from",
    call_to: "to",
    task_due: "due",
    task_subject: "subject",
    task_body: "task_body",
    task_status: "task_status",
    task_open: "NOT_STARTED",
    task_done: "COMPLETED",
    task_priority: "priority",
    task_priorities: ["HIGH", "MEDIUM"],
    task_type: "type",
    task_type_call: "CALL",
    owner: "owner",
    match_phones: &["phone", "mobilephone"],
    match_emails: &["email"],
    match_names: &["firstname", "lastname"],
    lifecycle: "lifecyclestage",
    customer_values: &["customer"],
    deal_name: "dealname",
    deal_reads: &["dealname", "dealstage", "hs_is_closed", "amount"],
    deal_stage: "dealstage",
    deal_closed: "hs_is_closed",
    opt_out: &[("hs_email_optout", crate::crm::YES)],
    protected: &[("hs_email_optout", crate::contract::Protected::OptOut), ("dnd*", crate::contract::Protected::OptOut)],
};

pub(crate) struct House {
    pub(crate) roster: Roster,
    pub(crate) contract: Contract,
    pub(crate) contract_ref: ContractRef,
    pub(crate) standing: Standing,
    pub(crate) holds: Vec<crate::rollback::Hold>,
    pub(crate) targets: Vec<crate::emit::Target>,
    pub(crate) salt: Salt,
    pub(crate) lane: LaneId,
    pub(crate) page: LaneId,
}

impl House {
    pub(crate) fn new() -> Self {
        let location = LocationId::from_text("loc_phx");
        let hours: Block = "08:00-17:00".parse().unwrap();
        let roster = Roster {
            version: 3,
            locations: vec![Location {
                id: location.clone(),
                slug: "phoenix".into(),
                name: "Phoenix".into(),
                calendar: Calendar::new("America/Phoenix", Week::weekdays(&[hours])),
                region: "US".into(),
                locale: "en-US".into(),
                currency: "USD".into(),
                vertical: Some("hvac".into()),
                version: 1,
            }],
            lines: vec![Line {
                number: LINE.into(),
                location: location.clone(),
                kind: Some("service".into()),
                source: Some("Google Ads".into()),
                campaign: Some("drain-north".into()),
                landing_page: None,
            }],
            staff: vec![
                staff("ana", 1, Some(&location), Some("77")),
                staff("cora", 2, None, None),
                staff("sam", 3, None, None),
            ],
            known_numbers: Vec::new(),
        };
        let (contract, problems) = contract::parse(contract::DEFAULT_TEXT);
        assert_eq!(problems, Vec::new());
        Self {
            roster,
            contract: contract.unwrap(),
            contract_ref: ContractRef { id: ContractId::from_text("ctr_1"), name: "missed-calls".into(), version: 4 },
            standing: Standing::default(),
            holds: Vec::new(),
            targets: Vec::new(),
            salt: Salt(b"salt".to_vec()),
            lane: ConnectionId::from_text("conn_crm"),
            page: ConnectionId::from_text("conn_page"),
        }
    }

    pub(crate) fn facts(&self) -> Facts<'_> {
        Facts {
            roster: &self.roster,
            contract: &self.contract,
            contract_ref: &self.contract_ref,
            standing: &self.standing,
            crm: Some((&self.lane, &WORDS)),
            crm_region: "",
            page_webhook: Some(&self.page),
            page_email: None,
            salt: &self.salt,
            console_url: "https://console.example",
            holds: &self.holds,
            targets: &self.targets,
        }
    }

    pub(crate) fn call(&self, n: u32, at: &str, ending: Ending, caller: &str) -> Call {
        let mut signal = Signal::new(SignalKind::Ended, vec![format!("CAL{n}")]);
        signal.ending = ending;
        signal.caller = Some(caller.to_owned());
        signal.dialled = Some(LINE.into());
        signal.started_at = Some(when(at));
        signal.duration_seconds = Some(20);
        let connection = ConnectionId::from_text("conn_callrail");
        let signal_id = SignalId::from_text(format!("sig_{n}"));
        let received_at = when(at).checked_add(jiff::SignedDuration::from_secs(30)).unwrap();
        let facts = FoldFacts {
            roster: &self.roster,
            connection: &connection,
            connection_location: None,
            region: "US",
            signal: &signal_id,
            received_at,
            transcript: None,
        };
        let new = Call::new(CallId::from_text(format!("call_{n}")), AccountId::from_text("acct_a"), received_at);
        call::fold(new, &signal, facts)
    }

    pub(crate) fn open(&self, call: &Call) -> Inquiry {
        let person = call.caller.e164().map(|n| identity::person_key(&self.salt.0, &call.account, n));
        Inquiry::new(InquiryId::from_text("inq_1"), call, person, call.first_received_at)
    }

    pub(crate) fn said(&self, call: &mut Call, text: &str) -> Event {
        let document = self.salt.document(Retention::Speech, "transcript", text).id;
        let transcript = Transcript { document, version: 1, signal: SignalId::from_text("sig_t") };
        call.transcripts.push(transcript.clone());
        let zone = jiff::tz::TimeZone::get("America/Phoenix").unwrap();
        let context =
            ReadContext { anchor: call.started_at, zone: &zone, region: "US", caller_digits: call.caller.e164() };
        let (reading, summary) = claim::read_call(text, call.conversation(), &context);
        let chars: Vec<char> = text.chars().collect();
        let quotes = reading
            .claims
            .iter()
            .map(|c| chars[c.quote.start as usize..c.quote.end as usize].iter().collect())
            .collect();
        Event::Read { call: call.id.clone(), transcript, reading, summary, quotes }
    }
}

pub(crate) fn staff(name: &str, tier: u8, location: Option<&LocationId>, crm_owner: Option<&str>) -> Staff {
    Staff {
        id: StaffId::from_text(format!("staff_{name}")),
        name: name.to_owned(),
        roles: Vec::new(),
        locations: location.cloned().into_iter().collect(),
        tier,
        crm_owner: crm_owner.map(str::to_owned),
        email: None,
        shift: None,
        away: false,
    }
}

pub(crate) fn when(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn found(inquiry: &Inquiry, records: Vec<Record>) -> Event {
    let effect = inquiry.effects["find"].id.clone();
    Event::Found { effect, read_at: when("2026-03-04T17:01:00Z"), records, memory: Vec::new() }
}

pub(crate) fn record(id: &str, properties: &[(&str, &str)]) -> Record {
    let properties: Properties = properties.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let set_by = properties
        .iter()
        .map(|(n, v)| (n.clone(), SetBy { value: v.clone(), at: None, who: Setter::Person, source: "CRM_UI".into() }))
        .collect();
    Record { id: id.into(), properties, set_by, ..Record::default() }
}

pub(crate) fn targets(step: &Step) -> Vec<&str> {
    step.plan.iter().flat_map(|p| &p.effects).map(|e| e.target.as_str()).collect()
}

/// Tuesday 4 March 2026, 10:00 in Phoenix.
pub(crate) const OPEN: &str = "2026-03-03T17:00:00Z";
