//! Why cards are declined: which codes may be tried again and which never, and the exponents processors count amounts in.

use crate::kernel::{Currency, Decline, Error, Money, Result};

/// Codes after which the same card is never asked again (P20). The names are Stripe's.
const HARD: [&str; 10] = [
    "stolen_card",
    "lost_card",
    "pickup_card",
    "restricted_card",
    "fraudulent",
    "merchant_blacklist",
    "revocation_of_all_authorizations",
    "revocation_of_authorization",
    "invalid_account",
    "expired_card",
];
const SOFT: [&str; 9] = [
    "insufficient_funds",
    "generic_decline",
    "do_not_honor",
    "processing_error",
    "try_again_later",
    "authentication_failed",
    "authentication_required",
    "incorrect_cvc",
    "card_velocity_exceeded",
];

/// What the names of Stripe's tokens and payment methods begin with; the sandbox's do, too.
const TOKENS: [&str; 4] = ["pm_", "tok_", "card_", "src_"];

/// Whether a token is one of Stripe's vault. No token at all is for the processor to refuse.
pub fn understands(token: &str) -> bool {
    token.is_empty() || TOKENS.iter().any(|start| token.starts_with(start))
}

/// Sorts a processor's code. One we do not know may be tried again.
pub fn decline(code: &str) -> Decline {
    if let Some(code) = HARD.iter().find(|known| **known == code) {
        return Decline::Hard(code);
    }
    Decline::Soft(
        SOFT.iter()
            .find(|known| **known == code)
            .copied()
            .unwrap_or("generic_decline"),
    )
}

/// The currencies Stripe counts in other decimals than ISO 4217 (P21). ISO gives the first two no minor unit, Stripe counts two decimals and wants
/// them to be zero; ISO gives the ariary two, Stripe none.
/// Source: Stripe's page on supported currencies; `sandbox` speaks Stripe's format and counts the same way.
pub const EXPONENTS: &[(&str, u32)] = &[("ISK", 2), ("UGX", 2), ("MGA", 0)];

/// In how many decimals a provider counts, where it is not the currency's own.
pub fn exponent(currency: Currency) -> u32 {
    let differs = EXPONENTS.iter().find(|(code, _)| *code == currency.code());
    differs.map_or(currency.exponent(), |(_, exponent)| *exponent)
}

/// An amount as the provider counts it. Errors: `amount_not_representable` where its units are coarser than ours.
pub fn to_wire(money: Money) -> Result<i64> {
    let (ours, theirs) = (money.currency.exponent(), exponent(money.currency));
    let refuse = || {
        Error::invalid(
            "amount_not_representable",
            format!("The processor cannot count {money}."),
        )
    };
    let wire = rescale(money.minor, ours, theirs);
    // Amounts of three decimals end in zero: the card networks carry two.
    let wire = wire.filter(|wire| theirs < 3 || wire % 10 == 0);
    wire.ok_or_else(refuse)
}

/// The provider's amount as ours; none if it has parts our currency does not.
pub fn from_wire(wire: i64, currency: Currency) -> Option<Money> {
    let (ours, theirs) = (currency.exponent(), exponent(currency));
    let minor = rescale(wire, theirs, ours)?;
    Some(Money::new(minor, currency))
}

/// An amount counted in other decimals; none if they are too coarse for it.
pub fn rescale(units: i64, from: u32, to: u32) -> Option<i64> {
    if to >= from {
        return units.checked_mul(10i64.checked_pow(to - from)?);
    }
    let step = 10i64.checked_pow(from - to)?;
    (units % step == 0).then_some(units / step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p21_amounts_reach_the_processor_in_its_own_decimals_and_come_back_exactly() {
        let golden = include_str!("../../../tests/golden/stripe/currencies.json");
        let golden: serde_json::Value = serde_json::from_str(golden).unwrap();
        let rows: Vec<(String, i64, Option<i64>)> = serde_json::from_value(golden["rows"].clone()).unwrap();
        assert_eq!(rows.len(), 16);
        for (code, minor, wire) in rows {
            let money = Money::new(minor, code.parse().unwrap());
            assert_eq!(to_wire(money).ok(), wire, "{code} {minor}");
            if let Some(wire) = wire {
                assert_eq!(
                    from_wire(wire, money.currency),
                    Some(money),
                    "{code} {minor} comes back"
                );
            }
        }
        assert_eq!(
            to_wire(Money::new(i64::MAX, "ISK".parse().unwrap())).ok(),
            None,
            "overflow is refused, not wrapped"
        );
        assert_eq!(
            from_wire(150, "ISK".parse().unwrap()),
            None,
            "half a króna is nothing of ours"
        );
    }

    #[test]
    fn p20_hard_declines_are_known_and_unknown_codes_are_soft() {
        assert_eq!(decline("stolen_card"), Decline::Hard("stolen_card"));
        assert_eq!(decline("insufficient_funds"), Decline::Soft("insufficient_funds"));
        assert_eq!(decline("something_new"), Decline::Soft("generic_decline"));
    }
}
