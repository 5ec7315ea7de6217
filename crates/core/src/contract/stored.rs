//! How a compiled contract is kept, so that every version that ever decided can be read for as long as its decisions are asked about.

use super::Contract;
use crate::upcast::{self, Form, Unreadable};
use serde::Serialize;

/// Version of the stored form of a compiled contract. Texts of 0.1 name none, which is version 1.
///
/// A field that is added later is `#[serde(default, skip_serializing_if = …)]`: then older texts are read without a step, and a contract that
/// does not use it keeps its digest. Only a change of what is there already raises this.
pub const CONTRACT_SCHEMA: u32 = 1;

impl Contract {
    /// The text that the store keeps; it names the version of its form first.
    pub fn stored(&self) -> String {
        #[derive(Serialize)]
        struct Stored<'a> {
            schema: u32,
            #[serde(flatten)]
            contract: &'a Contract,
        }
        serde_json::to_string(&Stored { schema: CONTRACT_SCHEMA, contract: self }).unwrap_or_default()
    }

    /// The contract out of a text that this or an older program stored.
    pub fn from_stored(text: &str) -> Result<Self, Unreadable> {
        upcast::read_own(Form::Contract, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{DEFAULT_TEXT, parse};

    /// As release 0.1 stored the default contract of its day, and the digest it had.
    const FIRST: &str = include_str!("stored/contract-0.1.json");
    const FIRST_DIGEST: &str = include_str!("stored/contract-0.1.digest");

    #[test]
    fn what_the_first_release_stored_is_read_and_keeps_its_digest() {
        let contract = Contract::from_stored(FIRST.trim()).unwrap();
        assert_eq!(contract.name, "missed-calls");
        assert_eq!(contract.digest(), FIRST_DIGEST.trim(), "an upgrade must not make a version, nor void an approval");
    }

    #[test]
    fn a_stored_contract_names_its_form_and_comes_back_the_same() {
        let contract = parse(DEFAULT_TEXT).0.unwrap();
        let text = contract.stored();
        assert!(text.starts_with(&format!("{{\"schema\":{CONTRACT_SCHEMA},")), "{text}");
        assert_eq!(Contract::from_stored(&text).as_ref(), Ok(&contract));
        let first = Contract::from_stored(FIRST.trim()).unwrap();
        assert_eq!(Contract::from_stored(&first.stored()), Ok(first));
    }

    #[test]
    fn a_contract_of_a_newer_program_is_refused_instead_of_guessed() {
        let text = parse(DEFAULT_TEXT).0.unwrap().stored().replacen("\"schema\":1", "\"schema\":99", 1);
        assert!(matches!(Contract::from_stored(&text), Err(Unreadable::Newer { found: 99, .. })));
    }
}
