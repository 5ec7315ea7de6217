//! Who may do what: one table for the console, the API and the command line, so that no door can be more generous than another.
//!
//! An unknown word of a role or a scope may do the least. That an account is seen at all is not asked here: every session, token and command
//! belongs to one account, and what belongs to another does not exist for it.

use serde::{Deserialize, Serialize};

/// What a person is in an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, users included.
    Admin,
    /// Revenue operations: contract, audit, rollback, and every queue.
    Revops,
    /// Works the queue of their locations.
    Coordinator,
    /// Reads everything, changes nothing.
    Auditor,
    /// Reads the accounts of its clients and takes their records along; to work in one it is given another role there.
    Agency,
}

/// Something that a right is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Take and give inquiries, say how a callback ended, and answer what an inquiry needs to go on (which record, which number), take
    /// note that a caller does not want to be called.
    WorkQueue,
    /// Answer a review about a field.
    DecideField,
    /// Answer a review about whose a record is.
    DecideOwner,
    /// Answer a review about a field that somebody answers for: protected kinds, and those a contract marks.
    DecideAccountability,
    /// Take an opt-out back for a caller who asked for it.
    ClearOptOut,
    /// Apply another version of a contract.
    EditContract,
    /// Let a contract do more by itself than it did.
    GoLive,
    /// Take written values back.
    Rollback,
    /// Let an action happen by itself again that was taken back.
    LiftHold,
    /// Send dead letters again, accept quarantined signals.
    Operate,
    /// Add people and tokens, change roles and locations.
    Users,
    /// Read what belongs to the whole account: connections, dead letters, proofs, contract, audit.
    ReadAll,
    /// Take the ledger along.
    Export,
}

impl Role {
    /// Every role, the most powerful first.
    pub const ALL: [Self; 5] = [Self::Admin, Self::Revops, Self::Coordinator, Self::Auditor, Self::Agency];

    /// The word in tables and on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Revops => "revops",
            Self::Coordinator => "coordinator",
            Self::Auditor => "auditor",
            Self::Agency => "agency",
        }
    }

    /// The role of a word. An unknown one may do the least that reading allows.
    pub fn of(word: &str) -> Self {
        Self::ALL.into_iter().find(|role| role.word() == word).unwrap_or(Self::Auditor)
    }

    /// May this role do that?
    pub fn may(self, act: Act) -> bool {
        use Act::{
            ClearOptOut, DecideAccountability, DecideField, DecideOwner, EditContract, Export, GoLive, LiftHold,
            Operate, ReadAll, Rollback, Users, WorkQueue,
        };
        match self {
            Self::Admin => true,
            Self::Revops => act != Users,
            Self::Coordinator => matches!(act, WorkQueue | DecideField),
            Self::Auditor | Self::Agency => match act {
                ReadAll | Export => true,
                WorkQueue | DecideField | DecideOwner | DecideAccountability | ClearOptOut | EditContract | GoLive
                | Rollback | LiftHold | Operate | Users => false,
            },
        }
    }

    /// Sees only what belongs to the locations they are given.
    pub fn by_location(self) -> bool {
        self == Self::Coordinator
    }
}

impl Act {
    /// Every act.
    pub const ALL: [Self; 13] = [
        Self::WorkQueue,
        Self::DecideField,
        Self::DecideOwner,
        Self::DecideAccountability,
        Self::ClearOptOut,
        Self::EditContract,
        Self::GoLive,
        Self::Rollback,
        Self::LiftHold,
        Self::Operate,
        Self::Users,
        Self::ReadAll,
        Self::Export,
    ];

    /// A stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::WorkQueue => "work_queue",
            Self::DecideField => "decide_field",
            Self::DecideOwner => "decide_owner",
            Self::DecideAccountability => "decide_accountability",
            Self::ClearOptOut => "clear_opt_out",
            Self::EditContract => "edit_contract",
            Self::GoLive => "go_live",
            Self::Rollback => "rollback",
            Self::LiftHold => "lift_hold",
            Self::Operate => "operate",
            Self::Users => "users",
            Self::ReadAll => "read_all",
            Self::Export => "export",
        }
    }
}

/// What a token may do; each includes the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Reads, as an auditor does.
    Read,
    /// Works the queue and answers reviews, those of accountability excepted.
    Write,
    /// Changes rules and operation, as revenue operations do. People are made by people: no token adds users.
    Admin,
}

impl Scope {
    /// Every scope, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    /// The word in tables and on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// The scope of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.word() == word)
    }

    /// May a token of this scope do that?
    pub fn may(self, act: Act) -> bool {
        match self {
            Self::Read => Role::Auditor.may(act),
            Self::Write => Self::Read.may(act) || matches!(act, Act::WorkQueue | Act::DecideField | Act::DecideOwner),
            Self::Admin => Role::Revops.may(act),
        }
    }

    /// The narrowest scope that may do that; none if no token may.
    pub fn for_act(act: Act) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.may(act))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole table, as it is documented: rows are acts, columns the roles and scopes in their order.
    const TABLE: &str = "
        act                    admin revops coordinator auditor agency | read write admin
        work_queue             yes   yes    yes         -       -      | -    yes   yes
        decide_field           yes   yes    yes         -       -      | -    yes   yes
        decide_owner           yes   yes    -           -       -      | -    yes   yes
        decide_accountability  yes   yes    -           -       -      | -    -     yes
        clear_opt_out          yes   yes    -           -       -      | -    -     yes
        edit_contract          yes   yes    -           -       -      | -    -     yes
        go_live                yes   yes    -           -       -      | -    -     yes
        rollback               yes   yes    -           -       -      | -    -     yes
        lift_hold              yes   yes    -           -       -      | -    -     yes
        operate                yes   yes    -           -       -      | -    -     yes
        users                  yes   -      -           -       -      | -    -     -
        read_all               yes   yes    -           yes     yes    | yes  yes   yes
        export                 yes   yes    -           yes     yes    | yes  yes   yes
    ";

    #[test]
    fn the_table_is_what_it_says_in_every_cell() {
        let mut lines = TABLE.lines().map(str::trim).filter(|l| !l.is_empty());
        let words = |line: &str| line.replace('|', " ").split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let head = words(lines.next().unwrap());
        let columns: Vec<&str> =
            Role::ALL.iter().map(|r| r.word()).chain(Scope::ALL.iter().map(|s| s.word())).collect();
        assert_eq!(head[1..], columns);
        let mut seen = Vec::new();
        for line in lines {
            let cells = words(line);
            let act = Act::ALL.into_iter().find(|a| a.word() == cells[0]).unwrap();
            seen.push(act);
            let is: Vec<bool> =
                Role::ALL.iter().map(|r| r.may(act)).chain(Scope::ALL.iter().map(|s| s.may(act))).collect();
            let wanted: Vec<bool> = cells[1..].iter().map(|cell| cell == "yes").collect();
            assert_eq!(is, wanted, "{}", act.word());
        }
        assert_eq!(seen, Act::ALL, "no act is missing from the table");
    }

    #[test]
    fn whoever_only_reads_changes_nothing() {
        let reads = [Act::ReadAll, Act::Export];
        for act in Act::ALL {
            for role in [Role::Auditor, Role::Agency, Role::of("no such role")] {
                assert_eq!(role.may(act), reads.contains(&act), "{role:?} {act:?}");
            }
        }
    }

    #[test]
    fn words_lead_back_to_what_they_name() {
        assert!(Role::ALL.into_iter().all(|role| Role::of(role.word()) == role));
        assert!(Scope::ALL.into_iter().all(|scope| Scope::of(scope.word()) == Some(scope)));
        assert_eq!(Scope::of("everything"), None);
        assert_eq!(Scope::for_act(Act::DecideAccountability), Some(Scope::Admin));
        assert_eq!(Scope::for_act(Act::Users), None);
    }
}
