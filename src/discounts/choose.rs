//! Which discounts take something off a question for a price.

use super::model::{
    Discount, DiscountState, Line, Quoted, TakenOff, Wish, ended, gives_less, minimum, not_for_these, not_in_a_drop,
    read_code, unknown, used_up,
};
use super::store;
use super::take_off::{best, reaches, stacked};
use crate::db::Tx;
use crate::kernel::{Currency, Error, Money, Result, ShopId};

/// What is taken off these lines now. Changes nothing: limits are counted when somebody buys.
///
/// Errors, of the code that was typed: `code_unknown` (also of another shop's, and before it begins), `code_ended`, `code_used_up`, `code_minimum`,
/// `code_not_for_these`, `code_gives_less`, in this order.
pub fn offered(
    tx: &mut Tx<'_>,
    shop: ShopId,
    currency: Currency,
    lines: &[Line],
    wish: &Wish,
) -> Result<Vec<TakenOff>> {
    let typed = match wish {
        Wish::Now(typed) => typed.as_deref().map(str::trim).filter(|typed| !typed.is_empty()),
        Wish::Promised(quoted) => return promised(tx, quoted, lines, currency),
        Wish::Nothing => return Ok(Vec::new()),
    };
    let mut candidates = store::by_themselves(tx, shop)?;
    let Some(typed) = typed else {
        return Ok(best(&candidates, lines, currency));
    };
    let with_code = code_of(tx, shop, typed)?;
    if let Some(least) = with_code.rule.minimum
        && !reaches(&with_code.rule, lines, currency)
    {
        return Err(minimum(Money::from(least)));
    }
    let alone = stacked([&with_code.rule], lines, currency);
    if alone.iter().flatten().all(|minor| *minor == 0) {
        return Err(not_for_these());
    }
    let id = with_code.id;
    candidates.push(with_code);
    let taken = best(&candidates, lines, currency);
    match taken.iter().any(|one| one.discount.id == id) {
        true => Ok(taken),
        false => Err(gives_less()),
    }
}

/// The discount of a code that was typed, if it may be had now. Errors: `code_unknown`, `code_ended`, `code_used_up`.
pub fn code_of(tx: &mut Tx<'_>, shop: ShopId, typed: &str) -> Result<Discount> {
    let code = read_code(typed).ok_or_else(unknown)?;
    let now = tx.now();
    let found = store::by_code(tx, shop, &code)?
        .filter(|found| found.starts_at <= now)
        .ok_or_else(unknown)?;
    if (found.state == DiscountState::Ended || !found.is_on(now)) && !mutant!("X4-over") {
        return Err(ended());
    }
    if found.is_used_up() {
        return Err(used_up(&found.quoted()));
    }
    Ok(found)
}

/// What a quote's discounts take off these lines by the rules they were quoted with, whatever became of them since.
pub fn promised(tx: &mut Tx<'_>, quoted: &[Quoted], lines: &[Line], currency: Currency) -> Result<Vec<TakenOff>> {
    let mut rules = Vec::with_capacity(quoted.len());
    for one in quoted {
        let rule = store::rule(tx, one.id, one.version)?;
        rules.push(rule.ok_or_else(|| Error::internal("a discount was quoted by a rule that was not kept"))?);
    }
    let taken = stacked(&rules, lines, currency);
    let each = quoted.iter().zip(taken);
    Ok(each
        .map(|(discount, minor)| TakenOff {
            discount: discount.clone(),
            minor,
        })
        .collect())
}

/// A code that was typed in a drop. Errors: `code_not_for_these`.
pub fn none_in_a_drop(wish: &Wish) -> Result<()> {
    match wish {
        Wish::Now(Some(typed)) if !typed.trim().is_empty() => Err(not_in_a_drop()),
        _ => Ok(()),
    }
}
