//! What HubSpot holds: records, the history of each property, and links between records.

use crate::civil;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// The object types this twin knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectType {
    /// People, `0-1`.
    Contacts,
    /// Companies, `0-2`.
    Companies,
    /// Deals, `0-3`.
    Deals,
    /// Tickets, `0-5`.
    Tickets,
    /// Call activities, `0-48`.
    Calls,
    /// Note activities, `0-46`.
    Notes,
    /// Task activities, `0-27`.
    Tasks,
}

impl ObjectType {
    /// Every type, in the order of the tables.
    pub const ALL: [Self; 7] =
        [Self::Contacts, Self::Companies, Self::Deals, Self::Tickets, Self::Calls, Self::Notes, Self::Tasks];

    /// The plural name used in paths.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Contacts => "contacts",
            Self::Companies => "companies",
            Self::Deals => "deals",
            Self::Tickets => "tickets",
            Self::Calls => "calls",
            Self::Notes => "notes",
            Self::Tasks => "tasks",
        }
    }

    /// The singular name used in association type names and, in capitals, in messages.
    pub fn singular(self) -> &'static str {
        match self {
            Self::Contacts => "contact",
            Self::Companies => "company",
            Self::Deals => "deal",
            Self::Tickets => "ticket",
            Self::Calls => "call",
            Self::Notes => "note",
            Self::Tasks => "task",
        }
    }

    /// The object type id (guide "Understanding the CRM", object type ids).
    pub fn type_id(self) -> &'static str {
        match self {
            Self::Contacts => "0-1",
            Self::Companies => "0-2",
            Self::Deals => "0-3",
            Self::Tickets => "0-5",
            Self::Calls => "0-48",
            Self::Notes => "0-46",
            Self::Tasks => "0-27",
        }
    }

    /// Reads a path segment: plural, singular or object type id.
    pub fn from_path(segment: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| {
            segment.eq_ignore_ascii_case(kind.plural())
                || segment.eq_ignore_ascii_case(kind.singular())
                || segment == kind.type_id()
        })
    }

    /// Contacts carry `lastmodifieddate`, everything else `hs_lastmodifieddate`.
    pub(crate) fn modified_property(self) -> &'static str {
        if self == Self::Contacts { "lastmodifieddate" } else { "hs_lastmodifieddate" }
    }

    /// The properties a reply carries where none were asked for.
    pub(crate) fn default_properties(self) -> &'static [&'static str] {
        match self {
            Self::Contacts => &["createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"],
            Self::Companies => &["createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"],
            Self::Deals => &[
                "amount",
                "closedate",
                "createdate",
                "dealname",
                "dealstage",
                "hs_lastmodifieddate",
                "hs_object_id",
                "pipeline",
            ],
            Self::Tickets => &[
                "content",
                "createdate",
                "hs_lastmodifieddate",
                "hs_object_id",
                "hs_pipeline",
                "hs_pipeline_stage",
                "subject",
            ],
            Self::Calls | Self::Notes | Self::Tasks => &["hs_createdate", "hs_lastmodifieddate", "hs_object_id"],
        }
    }
}

/// One value a property had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Version {
    /// The value as stored; `""` is a cleared property.
    pub value: String,
    /// When it was set, ms since the epoch.
    pub at_ms: i64,
    /// `INTEGRATION`, `CRM_UI`, `CALCULATED`, …: HubSpot's `sourceType`.
    pub source: String,
    /// The app id of an integration, `userId:N` of a person.
    pub source_id: String,
    /// The person, where it was one.
    pub user_id: Option<u64>,
}

/// A link to another record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The association type ids that hold.
    pub types: BTreeSet<u32>,
    /// When it was first made, ms since the epoch.
    pub at_ms: i64,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record {
    /// The id, as HubSpot prints it.
    pub id: String,
    /// The object type.
    pub object: ObjectType,
    /// Every property ever set, oldest value first; the last one holds.
    pub history: BTreeMap<String, Vec<Version>>,
    /// Links by target type and id.
    #[serde(serialize_with = "links_as_list")]
    pub associations: BTreeMap<(ObjectType, u64), Link>,
    /// When it was made, ms since the epoch.
    pub created_at_ms: i64,
    /// When it last changed, ms since the epoch.
    pub updated_at_ms: i64,
    /// When it was archived, if it is.
    pub archived_at_ms: Option<i64>,
}

fn links_as_list<S: serde::Serializer>(
    links: &BTreeMap<(ObjectType, u64), Link>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(links.iter().map(
        |((to, id), link)| serde_json::json!({ "to": to.plural(), "id": id.to_string(), "types": link.types, "at_ms": link.at_ms }),
    ))
}

impl Record {
    /// The value that holds now; `None` where it was never set.
    pub fn get(&self, property: &str) -> Option<&str> {
        self.history.get(property).and_then(|versions| versions.last()).map(|v| v.value.as_str())
    }

    /// All values that hold now, cleared ones left out.
    pub fn properties(&self) -> BTreeMap<&str, &str> {
        self.history
            .iter()
            .filter_map(|(name, versions)| Some((name.as_str(), versions.last()?.value.as_str())))
            .filter(|(_, value)| !value.is_empty())
            .collect()
    }

    /// The ids it is linked to, of one type.
    pub fn linked(&self, to: ObjectType) -> Vec<String> {
        self.associations.keys().filter(|(kind, _)| *kind == to).map(|(_, id)| id.to_string()).collect()
    }

    pub(crate) fn view(&self, as_of_ms: Option<i64>) -> View<'_> {
        View { record: self, as_of_ms }
    }
}

/// A record as one reader sees it: now, or as a lagging index had it.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) record: &'a Record,
    /// `None`: the store itself. Else: changes after this moment have not reached the index yet.
    pub(crate) as_of_ms: Option<i64>,
}

impl<'a> View<'a> {
    pub(crate) fn version(&self, property: &str) -> Option<&'a Version> {
        let versions = self.record.history.get(property)?;
        match self.as_of_ms {
            None => versions.last(),
            // What a record was created with arrives together with the record.
            Some(limit) => versions.iter().rev().find(|v| v.at_ms <= limit || v.at_ms <= self.record.created_at_ms),
        }
    }

    fn modified_ms(&self) -> i64 {
        match self.as_of_ms {
            None => self.record.updated_at_ms,
            Some(limit) if self.record.updated_at_ms <= limit => self.record.updated_at_ms,
            Some(limit) => self
                .record
                .history
                .values()
                .flatten()
                .map(|v| v.at_ms)
                .filter(|at| *at <= limit)
                .max()
                .unwrap_or(self.record.created_at_ms)
                .max(self.record.created_at_ms),
        }
    }

    pub(crate) fn get(&self, property: &str) -> Option<Cow<'a, str>> {
        match property {
            "hs_object_id" => Some(Cow::Borrowed(self.record.id.as_str())),
            "createdate" | "hs_createdate" if self.record.object.default_properties().contains(&property) => {
                Some(Cow::Owned(civil::iso_ms(self.record.created_at_ms)))
            }
            _ if property == self.record.object.modified_property() => {
                Some(Cow::Owned(civil::iso_ms(self.modified_ms())))
            }
            _ => self.version(property).map(|v| Cow::Borrowed(v.value.as_str())),
        }
    }
}
