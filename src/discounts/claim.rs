//! Counting a discount for whoever buys with it, in the transaction that reserves, and giving it back when the reservation or the order ends.

use super::model::{Quoted, used_by_you, used_up};
use super::store::{self, Use};
use crate::db::Tx;
use crate::drops::{plain_email, plain_phone};
use crate::kernel::{CheckoutId, DiscountId, Error, Id, Result, ShopId};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// By what names a limit for each buyer knows them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Who<'a> {
    pub email: Option<&'a str>,
    pub phone: Option<&'a str>,
    /// What is kept of the secret of their browser.
    pub browser: Option<[u8; 32]>,
}

/// What kind of name, and its hash.
pub(super) type Name = [u8; 33];

impl Who<'_> {
    /// The names, each as a hash that means nothing for another discount, in one order.
    fn names(&self, discount: DiscountId) -> BTreeSet<Name> {
        let mut found = BTreeSet::new();
        let mut add = |kind: u8, value: &[u8]| {
            let hash = Sha256::new()
                .chain_update(b"discount buyer")
                .chain_update(discount.uuid())
                .chain_update([kind])
                .chain_update(value)
                .finalize();
            let mut name = [kind; 33];
            name[1..].copy_from_slice(&hash);
            found.insert(name);
        };
        if let Some(email) = self.email.map(plain_email).filter(|email| !email.is_empty()) {
            add(b'e', email.as_bytes());
        }
        if let Some(phone) = self.phone.map(plain_phone).filter(|phone| !phone.is_empty()) {
            add(b'p', phone.as_bytes());
        }
        if let Some(browser) = &self.browser {
            add(b'b', browser);
        }
        found
    }
}

/// Counts what a checkout has, once for each discount. Two who buy at once never have more than a limit allows: one conditional update each, and
/// constraints. A buyer who has not said who they are yet is counted by name when they do ([`identify`]), before they can pay.
///
/// Errors: `code_used_up`, `discount_used_up`, `code_used_by_you`, `id_reused`; the caller's command ends with them.
pub fn claim(tx: &mut Tx<'_>, shop: ShopId, checkout: CheckoutId, quoted: &[Quoted], who: &Who<'_>) -> Result<()> {
    // One order, whatever the order they were taken off in: two who buy at once never wait for each other in a circle.
    let mut quoted: Vec<&Quoted> = quoted.iter().collect();
    quoted.sort_by_key(|one| one.id);
    for one in quoted {
        let counted = one.limited && !mutant!("X4-limit");
        if counted && !store::count(tx, one.id)? {
            return Err(used_up(one));
        }
        let mut names = match one.per_buyer {
            0 => BTreeSet::new(),
            _ => who.names(one.id),
        };
        if mutant!("X4-names") {
            names.retain(|name| name[0] == b'b');
        }
        for name in &names {
            if !store::count_buyer(tx, one.id, name, one.per_buyer)? {
                return Err(used_by_you(one));
            }
        }
        let had = Use {
            discount: one.id,
            held: true,
            counted,
            names: names.into_iter().collect(),
        };
        if !store::insert_use(tx, shop, checkout, &had, one.version)? {
            let detail = "This checkout id is taken. Make a new one.";
            return Err(Error::conflict("id_reused", detail));
        }
    }
    Ok(())
}

/// The buyer says who they are, or somebody else, before they paid: from now on they are counted under this mailbox. A browser's secret stays.
/// Errors: `code_used_by_you`.
pub fn identify(tx: &mut Tx<'_>, checkout: CheckoutId, quoted: &[Quoted], who: &Who<'_>) -> Result<()> {
    if quoted.iter().all(|one| one.per_buyer == 0) || mutant!("X4-later") {
        return Ok(());
    }
    for had in store::uses_of(tx, checkout)?.iter().filter(|had| had.held) {
        let Some(one) = quoted.iter().find(|one| one.id == had.discount && one.per_buyer > 0) else {
            continue;
        };
        let before: BTreeSet<Name> = had.names.iter().copied().collect();
        let mut after = who.names(one.id);
        after.extend(before.iter().filter(|name| name[0] == b'b'));
        if after == before {
            continue;
        }
        for name in before.difference(&after) {
            store::uncount_buyer(tx, one.id, name)?;
        }
        for name in after.difference(&before) {
            if !store::count_buyer(tx, one.id, name, one.per_buyer)? {
                return Err(used_by_you(one));
            }
        }
        let after: Vec<Name> = after.into_iter().collect();
        store::set_names(tx, checkout, one.id, &after)?;
    }
    Ok(())
}

/// The reservation ended without a sale, or the order was canceled: somebody else may have it. Twice is once.
pub fn let_go(tx: &mut Tx<'_>, checkout: CheckoutId) -> Result<()> {
    for had in store::let_go(tx, checkout)? {
        uncount(tx, &had, had.names.len())?;
    }
    Ok(())
}

fn uncount(tx: &mut Tx<'_>, had: &Use, names: usize) -> Result<()> {
    if had.counted {
        store::uncount(tx, had.discount)?;
    }
    for name in &had.names[..names] {
        store::uncount_buyer(tx, had.discount, name)?;
    }
    Ok(())
}

/// Makes sure that a checkout's discounts are counted: again, when money turns up for one whose time had run out. False: somebody else has them, and
/// nothing is counted for this one.
pub fn again(tx: &mut Tx<'_>, checkout: CheckoutId, quoted: &[Quoted]) -> Result<bool> {
    let uses = store::uses_of(tx, checkout)?;
    let gone: Vec<&Use> = uses.iter().filter(|had| !had.held).collect();
    for (done, had) in gone.iter().enumerate() {
        let per_buyer = quoted
            .iter()
            .find(|one| one.id == had.discount)
            .map_or(0, |one| one.per_buyer);
        let counted = !had.counted || store::count(tx, had.discount)?;
        let mut named = 0;
        while counted && named < had.names.len() && store::count_buyer(tx, had.discount, &had.names[named], per_buyer)?
        {
            named += 1;
        }
        if counted && named == had.names.len() {
            continue;
        }
        if counted {
            uncount(tx, had, named)?;
        }
        for had in &gone[..done] {
            uncount(tx, had, had.names.len())?;
        }
        return Ok(false);
    }
    if !gone.is_empty() {
        store::hold_again(tx, checkout)?;
    }
    Ok(true)
}

/// Forgets under which names a purchase was counted. The limit of all uses stays; whoever asked to be forgotten may have the discount again.
pub fn erase(tx: &mut Tx<'_>, checkout: CheckoutId) -> Result<()> {
    for had in store::uses_of(tx, checkout)? {
        for name in &had.names {
            if had.held {
                store::uncount_buyer(tx, had.discount, name)?;
            }
            store::forget_buyer(tx, had.discount, name)?;
        }
        store::set_names(tx, checkout, had.discount, &[])?;
    }
    Ok(())
}

/// Counters that are not the sum of what they count, or above their limit (X4): empty, always.
pub fn check(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    let mut broken: Vec<String> = store::miscounted(tx)?
        .iter()
        .map(|id| format!("X4 {id}: its uses are not what its counter says"))
        .collect();
    let mut sums: BTreeMap<(uuid::Uuid, Vec<u8>), i64> = BTreeMap::new();
    for had in store::uses_held(tx)? {
        for name in had.names {
            *sums.entry((had.discount.uuid(), name.to_vec())).or_default() += 1;
        }
    }
    for (discount, name, used, most) in store::buyers(tx)? {
        let sum = sums.remove(&(discount.uuid(), name)).unwrap_or(0);
        if sum != used || used > most {
            broken.push(format!(
                "X4 {discount}: a buyer had it {sum} times, {used} are counted of at most {most}"
            ));
        }
    }
    let not_counted = sums.keys();
    broken.extend(not_counted.map(|(discount, _)| format!("X4 {discount}: a buyer had it and is not counted")));
    Ok(broken)
}
