//! The buyer says more: how to reach them, where the parcel goes, how it travels.

use super::model::{Address, Checkout, CheckoutState, Contact, Frozen, missing};
use super::store;
use crate::app::App;
use crate::db::Tx;
use crate::discounts;
use crate::drops;
use crate::gift_cards;
use crate::identity;
use crate::kernel::{CheckoutId, Error, MethodId, Money, Result, Seconds, ShopId};
use crate::offers::{self, Asked, Offer, Quote};

/// What is said; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct Details {
    pub contact: Option<Contact>,
    pub address: Option<Address>,
    pub delivery: Option<MethodId>,
    /// A quote the buyer was shown and agrees to pay, after a change made it dearer.
    pub accept: Option<Quote>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum Change {
    Changed(Box<Checkout>),
    NotFound,
    /// Paid, being paid, or over.
    Closed(CheckoutState),
    /// It is dearer there. Send it again with this quote accepted.
    PriceChanged(Box<Quote>),
    NotDeliveredThere,
    NoSuchMethod,
}

/// Order of answers: not found, closed, not delivered there, no such method, price changed, changed. Saying the same twice changes nothing.
pub async fn change(app: &App, shop: ShopId, id: CheckoutId, details: Details) -> Result<Change> {
    let Some(known) = app.db.read(move |tx| store::find(tx, shop, id)).await? else {
        return Ok(Change::NotFound);
    };
    app.db
        .write(known.lane_key(), move |tx| act(tx, shop, id, &details))
        .await
}

fn act(tx: &mut Tx<'_>, shop: ShopId, id: CheckoutId, details: &Details) -> Result<Change> {
    let Some(before) = store::find(tx, shop, id)? else {
        return Ok(Change::NotFound);
    };
    if !before.state.is_open() || before.state.is_paying() {
        return Ok(Change::Closed(before.state));
    }
    if before.expires_at <= tx.now() {
        return Ok(Change::Closed(CheckoutState::Expired));
    }
    let mut after = before.clone();
    if let Some(contact) = &details.contact {
        after.contact = contact.clone();
    }
    if let Some(address) = &details.address {
        after.address = Some(address.clone());
    }
    let quote = &before.offer.quote;
    let country = after
        .address
        .as_ref()
        .filter(|_| quote.needs_address())
        .map_or(&quote.country, |address| &address.country)
        .clone();
    let travels_otherwise =
        details.delivery.is_some() && details.delivery != quote.delivery.as_ref().map(|delivery| delivery.method);
    if country != quote.country || travels_otherwise {
        let shop = identity::shop(tx, shop)?;
        let asked = Asked {
            lines: quote.wanted(),
            country,
            delivery: details.delivery,
            seen: quote.seen,
            drop: offers::InDrop::again(quote),
            // What they reserved with is theirs, whatever became of it since.
            discounts: discounts::Wish::Promised(quote.discounts.clone()),
        };
        let mut new = match offers::quote(tx, &shop, &asked, Seconds::minutes(15))? {
            Offer::Quoted(new, _) => *new,
            Offer::NoSuchMethod => return Ok(Change::NoSuchMethod),
            Offer::NotForSale(_) | Offer::NotDeliveredThere => return Ok(Change::NotDeliveredThere),
        };
        new.keep_preorders(quote);
        let things = |quote: &Quote| -> Vec<_> {
            let lines = quote.lines.iter();
            lines.map(|line| (line.variant, line.quantity)).collect()
        };
        if things(&new) != things(quote) {
            return Err(Error::conflict(
                "bundle_changed",
                "What is in it has changed since it was reserved. Start again; nothing was charged.",
            ));
        }
        // What was promised until then is promised no longer.
        if !new.discounts.is_empty() || new.drop.is_some() {
            new.expires_at = new.expires_at.min(quote.expires_at.max(tx.now()));
        }
        let agreed = details
            .accept
            .as_ref()
            .is_some_and(|accepted| accepts(accepted, &new, tx));
        // A dearer parcel they chose themselves; that the things cost more meanwhile they did not.
        let chose = travels_otherwise && new.items_minor <= quote.items_minor;
        if new.total_minor > quote.total_minor && !agreed && !chose {
            return Ok(Change::PriceChanged(Box::new(new)));
        }
        if new.policies.is_none() {
            new.policies = Some(identity::keep_policies(tx, &shop)?);
        }
        // The same card pays what it can of the new total.
        let gift_card = match &before.offer.gift_card {
            Some(_) => Some(gift_cards::refit(tx, id, Money::new(new.total_minor, new.currency))?),
            None => None,
        };
        after.offer = Frozen {
            gift_card,
            dearer_than_minor: (new.total_minor > quote.total_minor).then_some(quote.total_minor),
            quote: new,
            shop_version: shop.version,
            accepted_at: tx.now(),
        };
    }
    after.state = if missing(&after.offer.quote, &after.contact, after.address.as_ref()).is_empty() {
        CheckoutState::ReadyForComplete
    } else {
        CheckoutState::Incomplete
    };
    if after == before {
        return Ok(Change::Changed(Box::new(before)));
    }
    if let Some(drop) = after
        .offer
        .quote
        .drop
        .as_ref()
        .filter(|_| after.contact != before.contact)
    {
        drops::must_stay_theirs(tx, drop.id, id, after.contact.email.as_deref())?;
    }
    if let Some(drop) = after.offer.quote.drop.as_ref().filter(|drop| drop.limit > 0) {
        let who = super::buy::who(&after.contact, after.address.as_ref(), None);
        drops::identify(tx, id, drop, &who)?;
    }
    if !after.offer.quote.discounts.is_empty() {
        let who = super::buy::who_has_discounts(&after.contact, None);
        discounts::identify(tx, id, &after.offer.quote.discounts, &who)?;
    }
    store::amend(tx, &before, &after)?;
    after.version += 1;
    Ok(Change::Changed(Box::new(after)))
}

/// Whether the buyer agreed to at least this price, for the same things and place, and still may.
fn accepts(accepted: &Quote, new: &Quote, tx: &Tx<'_>) -> bool {
    accepted.shop == new.shop
        && accepted.country == new.country
        && accepted.wanted() == new.wanted()
        && accepted.total_minor >= new.total_minor
        && accepted.expires_at >= tx.now()
}
