//! Money is an integer of minor units and a currency; it is never a float and never rounded.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An amount in minor units (cents) of an ISO 4217 currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Minor units; 45000 is 450.00 of a currency with two decimals.
    pub minor: i64,
    /// ISO 4217 code, upper case.
    pub currency: String,
}

impl Money {
    /// How many decimals the currency has (ISO 4217: most have two, a few none, a few three).
    pub fn decimals(&self) -> u32 {
        match self.currency.as_str() {
            "JPY" | "KRW" | "CLP" | "ISK" | "VND" | "XAF" | "XOF" => 0,
            "BHD" | "KWD" | "OMR" | "JOD" | "TND" => 3,
            _ => 2,
        }
    }

    /// The plain decimal number a CRM's number field takes: `450`, `450.5` is `450.50`.
    pub fn plain(&self) -> String {
        let unit = 10_i64.pow(self.decimals());
        let (whole, rest) = (self.minor / unit, (self.minor % unit).abs());
        if rest == 0 {
            return whole.to_string();
        }
        let sign = if self.minor < 0 && whole == 0 { "-" } else { "" };
        format!("{sign}{whole}.{rest:0width$}", width = self.decimals() as usize)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.plain(), self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::Money;

    #[test]
    fn plain_keeps_every_cent() {
        let plain = |minor, currency: &str| Money { minor, currency: currency.into() }.plain();
        assert_eq!(plain(45_000, "USD"), "450");
        assert_eq!(plain(45_050, "USD"), "450.50");
        assert_eq!(plain(-5, "USD"), "-0.05");
        assert_eq!(plain(450, "JPY"), "450");
    }
}
