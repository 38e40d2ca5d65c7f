//! Making a quote, and looking at it again when someone taps.

use super::bundle;
use super::model::{Asked, Quote, QuotedDelivery, QuotedLine, RULES};
use crate::catalog::{self, Sellable, TaxCategory};
use crate::db::Tx;
use crate::delivery::{self, Method};
use crate::identity::Shop;
use crate::inventory::{self, Availability};
use crate::kernel::{Result, Seconds, VariantId};
use crate::{clips, discounts, drops, preorders, taxes};

/// The answer to a question for a price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offer {
    /// The quote, and all ways it could travel.
    Quoted(Box<Quote>, Vec<Method>),
    NotForSale(VariantId),
    NotDeliveredThere,
    NoSuchMethod,
}

/// Offers `asked` at today's prices. Order of answers: not for sale, not delivered there, no such method, quoted.
///
/// In a drop everything is the drop's: its prices, no discounts, and a quote that holds no longer than its units are kept. Errors: those of
/// [`drops::offered`] and, of a code that was typed, of [`discounts::offered`].
/// Nothing of a clip that was unpublished is for sale through it. The delivery is taxed at the country's standard rate.
pub fn quote(tx: &mut Tx<'_>, shop: &Shop, asked: &Asked, holds: Seconds) -> Result<Offer> {
    if let (Some(seen), Some(first)) = (asked.seen, asked.lines.first())
        && !clips::is_published(tx, shop.id, seen.clip)?
    {
        return Ok(Offer::NotForSale(first.variant));
    }
    let variants: Vec<VariantId> = asked.lines.iter().map(|line| line.variant).collect();
    tx.ahead(|tx| {
        match &asked.drop {
            None => {
                drop(catalog::sellable(tx, shop.id, shop.currency, &variants));
                drop(discounts::offered(tx, shop.id, shop.currency, &[], &asked.discounts));
            }
            Some(asked) => {
                let key = asked.key.as_ref();
                drops::ask_offered(tx, (shop.id, asked.id), shop.currency, &variants, key);
            }
        }
        drop(delivery::options(tx, shop.id, &asked.country, shop.currency));
        for _ in 0..=asked.lines.len() {
            drop(taxes::rate(tx, shop.id, &asked.country, TaxCategory::Standard)); // Each thing's, perhaps, and the delivery's.
        }
    });
    let (sellable, drop) = match &asked.drop {
        None => (catalog::sellable(tx, shop.id, shop.currency, &variants)?, None),
        Some(asked) => {
            let offered = match asked.reserved.is_empty() {
                true => drops::offered(tx, shop.id, asked.id, &variants, asked.key.as_ref())?,
                false => drops::offered_to_holder(tx, shop.id, asked.id, &variants)?,
            };
            let mut sellable = drops::sellable(tx, shop.id, shop.currency, &offered.items)?;
            for found in &mut sellable {
                // Who has reserved keeps their price, whatever was stepped since.
                let known = asked.reserved.iter().find(|line| line.variant == found.variant);
                if let Some(known) = known.filter(|known| known.unit_minor < found.price.minor) {
                    found.price.minor = known.unit_minor;
                    found.price_version = known.price_version;
                }
            }
            (sellable, Some(offered))
        }
    };
    let (drop, items) = match drop {
        Some(offered) => (Some(offered.drop), offered.items),
        None => (None, Vec::new()),
    };
    let holds = drop
        .as_ref()
        .map_or(holds, |drop| holds.min(Seconds::minutes(drop.hold_minutes)));
    let mut lines = Vec::with_capacity(asked.lines.len());
    let mut bundles = Vec::new();
    for wanted in &asked.lines {
        let found = sellable.iter().find(|found| found.variant == wanted.variant);
        // A drop sells units that were set aside for it, and a bundle has none of its own.
        let Some(found) = found.filter(|found| !found.is_bundle || drop.is_none()) else {
            return Ok(Offer::NotForSale(wanted.variant));
        };
        if !found.is_bundle {
            let mut line = line(tx, shop, &asked.country, found, wanted.quantity)?;
            let item = items.iter().find(|item| item.variant == wanted.variant);
            if let (Some(of), Some(_)) = (&asked.drop, item.and_then(|item| item.ships_by)) {
                line.preorder = preorders::offered_in_drop(tx, drops::place(of.id), wanted.variant)?;
                // Who has reserved keeps the day they were promised.
                if line.preorder.is_none() && of.reserved.is_empty() {
                    return Ok(Offer::NotForSale(wanted.variant));
                }
            }
            lines.push(line);
            continue;
        }
        match bundle::open(tx, shop, &asked.country, found, wanted.quantity, bundles.len())? {
            Ok((opened, parts)) => {
                bundles.push(opened);
                lines.extend(parts);
            }
            Err(missing) => return Ok(Offer::NotForSale(missing)),
        }
    }
    bundle::fits(&lines)?;
    let (delivery, methods, zone) = if lines.iter().any(|line| line.physical) {
        let Some(there) = delivery::options(tx, shop.id, &asked.country, shop.currency)? else {
            return Ok(Offer::NotDeliveredThere);
        };
        let chosen = match asked.delivery {
            Some(id) => there.methods.iter().find(|method| method.id == id),
            None => there.methods.first(),
        };
        let Some(method) = chosen else {
            return Ok(if there.methods.is_empty() {
                Offer::NotDeliveredThere
            } else {
                Offer::NoSuchMethod
            });
        };
        let rate = taxes::rate(tx, shop.id, &asked.country, TaxCategory::Standard)?;
        let taxed = taxes::line(method.price.minor, rate, shop.prices_include_tax);
        let quoted = QuotedDelivery {
            method: method.id,
            name: method.name.clone(),
            zone: there.zone.id,
            amount_minor: taxed.gross,
            tax_minor: taxed.tax,
            tax: rate,
            eta_days_min: method.eta_days_min,
            eta_days_max: method.eta_days_max,
        };
        (Some(quoted), there.methods, Some(there.zone.id))
    } else {
        (None, Vec::new(), None)
    };
    let quote = Quote {
        shop: shop.id,
        version: RULES,
        shown_at: tx.now(),
        expires_at: tx.now().plus(holds),
        country: asked.country.clone(),
        zone,
        currency: shop.currency,
        inclusive: shop.prices_include_tax,
        lines,
        delivery,
        items_minor: 0,
        tax_minor: 0,
        total_minor: 0,
        return_days: shop.return_days,
        policies: shop.policies.clone(),
        seen: asked.seen,
        drop,
        discounts: Vec::new(),
        bundles,
    };
    let mut quote = quote;
    for at in 0..quote.bundles.len() {
        quote.share_out(at);
    }
    let quote = discounted(tx, quote.summed()?, &asked.discounts)?;
    Ok(Offer::Quoted(Box::new(quote), methods))
}

/// The quote with what is taken off its lines.
fn discounted(tx: &mut Tx<'_>, mut quote: Quote, wish: &discounts::Wish) -> Result<Quote> {
    if quote.drop.is_some() {
        discounts::none_in_a_drop(wish)?;
        return Ok(quote);
    }
    let taken = discounts::offered(tx, quote.shop, quote.currency, &quote.bare_lines(), wish)?;
    if taken.is_empty() {
        return Ok(quote);
    }
    quote.take_off(taken);
    quote.summed()
}

/// Offers what the shelf cannot fill as a pre-order, where the shop takes some: all of it or nothing. What is left of the scarcest of them; None: it stays as
/// it was.
pub fn with_preorders(tx: &mut Tx<'_>, quote: &mut Quote) -> Result<Option<Availability>> {
    if quote.drop.is_some() || !quote.bundles.is_empty() {
        return Ok(None);
    }
    let mut promised = quote.clone();
    let mut scarcest: Option<Availability> = None;
    for line in &mut promised.lines {
        let wanted = i64::from(line.quantity);
        if inventory::availability(tx, line.variant)?.left >= wanted {
            continue;
        }
        let Some(offered) = preorders::offered(tx, quote.shop, line.variant)?.filter(|offered| offered.left >= wanted)
        else {
            return Ok(None);
        };
        line.preorder = Some(offered.quoted);
        if scarcest.is_none_or(|least| offered.left < least.left) {
            scarcest = Some(Availability {
                left: offered.left,
                in_checkouts: offered.in_checkouts,
                version: offered.version,
            });
        }
    }
    *quote = promised;
    Ok(scarcest)
}

pub(super) fn line(tx: &mut Tx<'_>, shop: &Shop, country: &str, found: &Sellable, quantity: u32) -> Result<QuotedLine> {
    let rate = taxes::rate(tx, shop.id, country, found.tax_category)?;
    let taxed = taxes::line(found.price.times(quantity)?.minor, rate, shop.prices_include_tax);
    Ok(QuotedLine {
        variant: found.variant,
        product: found.product,
        sku: found.sku.clone(),
        title: found.title.clone(),
        variant_title: found.variant_title.clone(),
        image: found.image.clone(),
        physical: found.kind == catalog::Kind::Physical,
        quantity,
        unit_minor: found.price.minor,
        amount_minor: taxed.gross,
        tax_minor: taxed.tax,
        tax: rate,
        price_version: found.price_version,
        contract: found.contract,
        taken: Vec::new(),
        bundle: None,
        preorder: None,
    })
}

/// What a quote is worth when someone taps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recheck {
    /// What will be paid: the quote as shown, or cheaper where a price fell.
    Payable(Box<Quote>),
    Expired,
    NotForSale(VariantId),
}

/// A price fell under discounts: they take off what their rules say of it, those that were quoted and no others, whatever became of them since. Where
/// that is dearer after all (a cheapest unit that is another one now), what was shown is paid.
fn with_what_was_promised(tx: &mut Tx<'_>, shown: &Quote, mut payable: Quote) -> Result<Quote> {
    let taken = discounts::promised(tx, &shown.discounts, &payable.bare_lines(), shown.currency)?;
    payable.take_off(taken);
    let now: i64 = payable.lines.iter().map(|line| line.amount_minor).sum();
    if now > shown.items_minor {
        payable.bundles.clone_from(&shown.bundles);
        for (line, shown) in payable.lines.iter_mut().zip(&shown.lines) {
            let contract = line.contract;
            line.clone_from(shown);
            line.contract = contract;
        }
    }
    Ok(payable)
}

/// Asks ahead what [`recheck`] will read.
pub fn ask_recheck(tx: &mut Tx<'_>, shown: &Quote, key: Option<&[u8; 32]>) {
    if let Some(seen) = shown.seen {
        drop(clips::is_published(tx, shown.shop, seen.clip));
    }
    let parts = shown.lines.iter().map(|line| line.variant);
    let variants: Vec<VariantId> = parts.chain(shown.bundles.iter().map(|bundle| bundle.variant)).collect();
    match &shown.drop {
        None => drop(catalog::sellable(tx, shown.shop, shown.currency, &variants)),
        Some(quoted) => drops::ask_offered(tx, (shown.shop, quoted.id), shown.currency, &variants, key),
    }
}

/// Looks at a shown quote again. A rise inside its validity is not charged, a fall is passed on, and what left the shop is not sold: neither
/// an archived variant, nor through a clip that was unpublished since (players on other people's pages still show it), nor in a drop that is not open
/// at this instant, for the browser with this key. Errors: those of [`drops::enter`].
pub fn recheck(tx: &mut Tx<'_>, shown: &Quote, key: Option<&[u8; 32]>) -> Result<Recheck> {
    if tx.now() > shown.expires_at {
        return Ok(Recheck::Expired);
    }
    if let (Some(seen), Some(first)) = (shown.seen, shown.lines.first())
        && !clips::is_published(tx, shown.shop, seen.clip)?
    {
        return Ok(Recheck::NotForSale(first.variant));
    }
    let parts = shown.lines.iter().map(|line| line.variant);
    let variants: Vec<VariantId> = parts.chain(shown.bundles.iter().map(|bundle| bundle.variant)).collect();
    let sellable = match &shown.drop {
        None => catalog::sellable(tx, shown.shop, shown.currency, &variants)?,
        Some(drop) => {
            let offered = drops::enter(tx, shown.shop, drop.id, &variants, key)?;
            drops::sellable(tx, shown.shop, shown.currency, &offered.items)?
        }
    };
    for preorder in shown.lines.iter().filter_map(|line| line.preorder) {
        // A day that was moved meanwhile has to be seen first.
        if !preorders::promise_stands(tx, shown.shop, &preorder)? {
            return Ok(Recheck::Expired);
        }
    }
    let mut payable = shown.clone();
    let mut fell = false;
    for line in &mut payable.lines {
        let Some(now) = sellable.iter().find(|found| found.variant == line.variant) else {
            return Ok(Recheck::NotForSale(line.variant));
        };
        line.contract = now.contract;
        if line.bundle.is_some() {
            continue; // It costs its share, whatever it costs alone by now.
        }
        if now.price.minor < line.unit_minor || mutant!("D12") {
            let taxed = taxes::line(now.price.times(line.quantity)?.minor, line.tax, shown.inclusive);
            line.unit_minor = now.price.minor;
            line.amount_minor = taxed.gross;
            line.tax_minor = taxed.tax;
            line.price_version = now.price_version;
            fell = true;
        }
    }
    for at in 0..payable.bundles.len() {
        let bundle = &mut payable.bundles[at];
        let Some(now) = sellable.iter().find(|found| found.variant == bundle.variant) else {
            return Ok(Recheck::NotForSale(bundle.variant));
        };
        if now.price.minor < bundle.unit_minor {
            (bundle.unit_minor, bundle.price_version) = (now.price.minor, now.price_version);
            payable.share_out(at);
            fell = true;
        }
    }
    if fell && !shown.discounts.is_empty() {
        payable = with_what_was_promised(tx, shown, payable)?;
    }
    // Shares of less may be taxed to a unit more: then it costs what was shown.
    let sum = |quote: &Quote| quote.lines.iter().map(|line| line.amount_minor).sum::<i64>();
    if fell && sum(&payable) > sum(shown) && !mutant!("D12") {
        for (line, before) in payable.lines.iter_mut().zip(&shown.lines) {
            *line = QuotedLine {
                contract: line.contract,
                ..before.clone()
            };
        }
        payable.bundles.clone_from(&shown.bundles);
        payable.discounts.clone_from(&shown.discounts);
    }
    if let Some(travel) = &mut payable.delivery {
        // A method that is gone cannot be promised any more: a new quote says what there is instead.
        let Some(now) = delivery::method(tx, shown.shop, travel.method)? else {
            return Ok(Recheck::Expired);
        };
        let taxed = taxes::line(now.price.minor, travel.tax, shown.inclusive);
        if taxed.gross < travel.amount_minor && now.price.currency == shown.currency {
            travel.amount_minor = taxed.gross;
            travel.tax_minor = taxed.tax;
        }
    }
    let payable = payable.summed()?;
    assert!(
        payable.total_minor <= shown.total_minor || mutant!("D12"),
        "the buyer pays at most what was shown"
    );
    Ok(Recheck::Payable(Box::new(payable)))
}
