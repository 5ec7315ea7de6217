//! The judge of claims, the same for every extractor: the quote must be in the text, the value must follow from the
//! words it points at, digits and figures must agree.

use super::text::Doc;
use super::{Claim, ClaimValue, ReadContext, RejectReason, RejectedClaim, Span, classify, day, email, money, phone};

/// Accepts a claim or says why not. Pure; knows nothing about who made the claim.
///
/// # Errors
/// [`RejectedClaim`] with [`RejectReason::NoEvidence`] when quote or span are not in the text, `WrongDigits` for a number
/// no telephone of the region has, `NotFollowing` when the words at the span do not say the value, `WrongKind` when the
/// field does not take such a value.
pub fn check(text: &str, claim: Claim, context: &ReadContext<'_>) -> Result<Claim, RejectedClaim> {
    let said = slice(text, claim.span);
    let reject = |reason, said: Option<&str>| RejectedClaim {
        field: claim.field.clone(),
        reason,
        text: said.map_or_else(|| claim.value.text(), str::to_owned),
        span: said.is_some().then_some(claim.span),
    };
    let quote = slice(text, claim.quote);
    let (Some(said), Some(quote)) = (said, quote) else { return Err(reject(RejectReason::NoEvidence, None)) };
    let inside = claim.quote.start <= claim.span.start && claim.span.end <= claim.quote.end;
    if !inside || !said.chars().any(char::is_alphanumeric) {
        return Err(reject(RejectReason::NoEvidence, Some(said)));
    }
    if claim.confidence.0 > 1000 || !takes(&claim.field, &claim.value) {
        return Err(reject(RejectReason::WrongKind, Some(said)));
    }
    match verdict(&claim, said, quote, context) {
        None => Ok(claim),
        Some(reason) => Err(reject(reason, Some(said))),
    }
}

/// The words at a span; None when it is empty or reaches out of the text.
pub(super) fn slice(text: &str, span: Span) -> Option<&str> {
    if span.start >= span.end {
        return None;
    }
    let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    let start = ends.nth(span.start as usize)?;
    let end = ends.nth((span.end - span.start - 1) as usize)?;
    text.get(start..end)
}

fn takes(field: &str, value: &ClaimValue) -> bool {
    match field {
        "callback_number" => matches!(value, ClaimValue::Phone { .. }),
        "email" => matches!(value, ClaimValue::Email(_)),
        "amount" | "budget" => matches!(value, ClaimValue::Money { .. }),
        "when" | "timeline" => {
            matches!(
                value,
                ClaimValue::Date(_) | ClaimValue::Time { .. } | ClaimValue::DateTime(_) | ClaimValue::DateText(_)
            )
        }
        "intent" | "reason_code" | "urgency" | "sentiment" => matches!(value, ClaimValue::Choice(_)),
        _ if field.starts_with("flag.") => matches!(value, ClaimValue::Flag(_)),
        // A field of the account's own: any kind of value, judged by its words.
        _ => !field.is_empty(),
    }
}

fn verdict(claim: &Claim, said: &str, quote: &str, context: &ReadContext<'_>) -> Option<RejectReason> {
    let follows = match &claim.value {
        ClaimValue::Text(text) | ClaimValue::DateText(text) => squeezed(text) == squeezed(said),
        ClaimValue::Choice(choice) => {
            classify::supports(said, &claim.field, choice) || classify::supports(quote, &claim.field, choice)
        }
        ClaimValue::Flag(set) => {
            let name = claim.field.strip_prefix("flag.").unwrap_or_default();
            *set && (classify::supports(said, "flag", name) || classify::supports(quote, "flag", name))
        }
        ClaimValue::Phone { digits, e164 } => {
            let caller_id = claim.qualifier.as_deref() == Some("caller_id") && context.caller_digits.is_some();
            if caller_id && e164.as_deref() == context.caller_digits && phone::this_number(&Doc::new(quote)).is_some() {
                return None;
            }
            return phone_verdict(said, digits, e164.as_deref(), context);
        }
        ClaimValue::Email(email) => email::normalised(said).as_deref() == Some(email),
        ClaimValue::Money { minor, currency, upper_minor, .. } => {
            money_follows(said, *minor, currency, *upper_minor, context)
        }
        ClaimValue::Date(date) => day::resolve(said, context) == ClaimValue::Date(*date),
        ClaimValue::Time { at, .. } => {
            matches!(day::resolve(said, context), ClaimValue::Time { at: heard, .. } if heard == *at)
        }
        ClaimValue::DateTime(at) => day::resolve(said, context) == ClaimValue::DateTime(*at),
    };
    (!follows).then_some(RejectReason::NotFollowing)
}

fn phone_verdict(said: &str, digits: &str, e164: Option<&str>, context: &ReadContext<'_>) -> Option<RejectReason> {
    let Some((heard, plus)) = phone::digits_of(said) else { return Some(RejectReason::NotFollowing) };
    if heard != digits {
        return Some(RejectReason::WrongDigits);
    }
    match phone::shape(digits, plus, context.region) {
        phone::Shape::Wrong => Some(RejectReason::WrongDigits),
        phone::Shape::Complete(number) => (e164.is_some_and(|e| e != number)).then_some(RejectReason::WrongDigits),
        phone::Shape::Local | phone::Shape::Open => e164.is_some().then_some(RejectReason::WrongDigits),
    }
}

/// The amount must be found in its own words again, to the cent.
fn money_follows(said: &str, minor: i64, currency: &str, upper: Option<i64>, context: &ReadContext<'_>) -> bool {
    let doc = Doc::new(said);
    let named = money::find(&doc);
    let heard = match named.as_slice() {
        [one] => one.clone(),
        [] => match money::bare_value(&doc) {
            Some(value) => value,
            None => return false,
        },
        _ => return false,
    };
    let unit = heard.currency.or_else(|| money::currency_at(&heard.unit, context.region));
    unit == Some(currency)
        && heard.minor.and_then(|m| money::in_minor_units(m, currency)) == Some(minor)
        && heard.upper_minor.and_then(|m| money::in_minor_units(m, currency)) == upper
}

/// Case and white space do not count; letters, figures and signs do.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}
