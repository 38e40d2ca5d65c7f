//! A viewer buys what they were offered: at once with everything said, or by paying a checkout that was filled in step by step.

use super::allocate::allocate;
use super::conclude::{Known, Settled, outcome, paid, settle};
use super::model::{Address, Checkout, CheckoutState, Contact, Frozen, Need, lane_key, lane_of, missing, paying_until};
use super::one_click::{Paying, Stored, elsewhere};
use super::{own, store, upsell};
use crate::app::App;
use crate::db::Tx;
use crate::discounts;
use crate::drops;
use crate::gift_cards;
use crate::identity::{self, Shop};
use crate::inventory::{self, Claim, Demand, Reserve};
use crate::kernel::{
    Answer, AttemptId, CheckoutId, Error, GiftCardId, LocationId, Money, Result, Reuse, Seconds, ShopId, VariantId,
};
use crate::offers::{self, Asked, Offer, Quote, Recheck};
use crate::payments::{
    self, Attempt, AttemptState, By, IntentState, OpenIntent, Operation, Plan, Routing, Sale, Start,
};
use crate::preorders;
use base64::Engine;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::sync::{Arc, Mutex};
use subtle::ConstantTimeEq;

/// One tap: what was shown, and what the buyer said with it.
#[derive(Clone, Debug)]
pub struct Tap {
    pub shop: ShopId,
    pub id: CheckoutId,
    /// Of the whole request: the same id with another body is refused.
    pub fingerprint: [u8; 32],
    pub quote: Quote,
    pub contact: Contact,
    pub address: Option<Address>,
    pub payment: Option<Paying>,
    /// The gift card that pays for it, or for a part of it.
    pub gift_card: Option<gift_cards::Asked>,
    /// What is kept of the secret this browser takes its turn in a drop with.
    pub key: Option<[u8; 32]>,
    /// The purchase it is added to, right after that.
    pub after: Option<CheckoutId>,
    /// It leaves for something that comes back.
    pub exchange: Option<Exchanged>,
    pub return_url: String,
}

/// What is bought for something that comes back: kept before, and paid with what that was worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchanged {
    /// Where it is kept.
    pub place: LocationId,
    /// The card with the money of what comes back, and how much of it pays here.
    pub purse: Option<(GiftCardId, i64)>,
}

/// What became of a tap.
#[derive(Clone, Debug)]
pub enum Buy {
    Placed(Box<Settled>),
    /// The same tap again: the same purchase, as it stands now.
    Again(Box<Settled>),
    IdReused,
    QuoteExpired,
    NotForSale(VariantId),
    /// The address is in another country than the quote assumed: this is the price there.
    PriceChanged(Box<Quote>),
    NotDeliveredThere,
    SoldOut {
        variant: VariantId,
        left: i64,
    },
}

/// A checkout as act 1 wrote it, with what it holds.
pub(super) struct Held {
    checkout: Checkout,
    claims: Vec<Claim>,
}

/// What act 1 came to, at this shop.
struct Placed {
    shop: Shop,
    place: Place,
}

pub(super) enum Place {
    Sending(Box<Held>, Attempt, Plan),
    Answer(Buy),
}

/// Reserves, asks for the money, and concludes. Order of answers: again, id reused, the kept card is gone or for elsewhere, the shop is not open,
/// quote expired, the drop is not open, not for sale, price changed, sold out, the buyer has what they may of a drop, a discount is used up, the gift card cannot pay, placed.
///
/// Act 1 reserves and writes the attempt as *sending*; act 2 asks the processor; act 3 records and concludes. Every act can run twice. What a
/// crash leaves between them is finished by the jobs `payments` (the resolver) and `checkouts` ([`super::resume`]).
pub async fn buy(app: &App, tap: Tap) -> Result<(Shop, Buy)> {
    let app = app.clone();
    app.clone().track(story(app, tap)).await
}

async fn story(app: App, tap: Tap) -> Result<(Shop, Buy)> {
    let lane = lane_key(lane_of(&tap.quote));
    let hold = Seconds::minutes(app.settings.reservation_minutes);
    let routing = match &tap.payment {
        // Asked again, a purchase is told as it stands, though its card may be forgotten by now.
        Some(paying) if paying.payment.stored.is_some() && is_known(&app, &tap).await? => None,
        Some(paying) => Some(routing(&app, tap.shop, paying).await?),
        None => None,
    };
    let return_url = tap.return_url.clone();
    let window = Seconds::minutes(app.settings.upsell_minutes);
    let tap = Arc::new(tap);
    let asking = tap.clone();
    let ask = move |tx: &mut Tx<'_>| {
        drop(identity::shop(tx, asking.shop));
        drop(store::of_whoever(tx, asking.id));
        offers::ask_recheck(tx, &asking.quote, asking.key.as_ref());
    };
    let placed = app.db.write_asking(lane, ask, move |tx| {
        let shop = identity::shop(tx, tap.shop)?;
        let place = place(tx, &shop, &tap, routing.as_ref(), hold, window)?;
        Ok(Placed { shop, place })
    });
    let Placed { shop, place } = placed.await?;
    let (held, mut attempt, plan) = match place {
        Place::Sending(held, attempt, plan) => (held, attempt, plan),
        Place::Answer(answer) => return Ok((shop, answer)),
    };
    attempt.return_url = return_url;
    let settled = authorize(&app, lane, Some(*held), attempt, plan).await?;
    Ok((shop, Buy::Placed(Box::new(settled))))
}

async fn is_known(app: &App, tap: &Tap) -> Result<bool> {
    let (shop, id) = (tap.shop, tap.id);
    let known = app.db.look(move |tx| store::find(tx, shop, id)).await?;
    Ok(known.is_some())
}

/// What act 3 came to.
enum Recorded {
    /// A definite no, and the plan has somebody else: act 2 again.
    Next(Attempt),
    Settled(Settled),
}

/// The facts by which a payment is routed. Errors: `method_not_offered`, `stored_method_gone`.
async fn routing(app: &App, shop: ShopId, paying: &Paying) -> Result<Routing> {
    let payment = &paying.payment;
    if let Some(processor) = paying.vault(app, shop).await? {
        return payments::routing_to(app, shop, payment.method, &processor).await;
    }
    let token = payment.token.as_deref().unwrap_or_default();
    payments::routing(app, shop, payment.method, token).await
}

/// Acts 2 and 3 of every payment, again with the next processor of the plan after a definite no that may be a yes elsewhere.
///
/// The next attempt is written in the transaction that records the answer to the last. A crash between is the resolver's: it asks no second
/// processor, because by then the buyer does not wait any more.
///
/// `placed` is the checkout as act 1 wrote it: as long as nobody else moves it, what it holds, or its attempt, act 3 need not read any of them again.
/// Whoever did is noticed by the statements that move them, and the command runs once more without what it knew.
async fn authorize(
    app: &App,
    lane: crate::db::LaneKey,
    mut placed: Option<Held>,
    attempt: Attempt,
    plan: Plan,
) -> Result<Settled> {
    let plan = Arc::new(plan);
    let mut attempt = attempt;
    loop {
        let answer = payments::authorize_ask(app, &attempt).await;
        let (id, checkout, plan) = (attempt.id, attempt.checkout, plan.clone());
        let (last, first) = (plan.after(&attempt.processor).is_none(), attempt.n == 1);
        let known = Mutex::new(placed.take().map(|held| (held, attempt.clone())));
        let recorded = app.db.write(lane, move |tx| {
            let known = known.lock().ok().and_then(|mut known| known.take());
            if let Some((Held { checkout, claims }, attempt)) = known
                && matches!(answer, Answer::Authorized { .. })
            {
                let recorded = payments::record_asked(tx, &attempt, &answer)?;
                let card = recorded.card;
                return Ok(Recorded::Settled(match recorded.state {
                    AttemptState::Authorized => paid(tx, checkout, Some(Known { claims, card }))?,
                    _ => settle(tx, checkout.id)?,
                }));
            }
            payments::record(tx, id, Operation::Authorize, &answer)?;
            let next = if last { None } else { go_on(tx, checkout, id, &plan)? };
            Ok(match next {
                Some(next) => Recorded::Next(next),
                None if first => Recorded::Settled(settle(tx, checkout)?),
                None => Recorded::Settled(outcome(tx, checkout)?), // It may be an order that is paid again.
            })
        });
        match recorded.await? {
            Recorded::Next(next) => {
                let return_url = std::mem::take(&mut attempt.return_url);
                let reuse = std::mem::take(&mut attempt.reuse);
                attempt = Attempt {
                    return_url,
                    reuse,
                    ..next
                };
            }
            Recorded::Settled(settled) => {
                if settled.order.is_some() && matches!(attempt.reuse, Reuse::Keep { .. }) {
                    payments::stored::keep_now(app, settled.checkout.id).await;
                }
                return Ok(settled);
            }
        }
    }
}

/// The next processor's attempt, as long as the buyer's units are kept for them. A notice of the same no may have been here first and have let the
/// buyer try again: then the checkout is being paid once more.
fn go_on(tx: &mut Tx<'_>, id: CheckoutId, last: AttemptId, plan: &Plan) -> Result<Option<Attempt>> {
    let checkout = store::load(tx, id)?;
    if checkout.state == CheckoutState::Completed {
        return payments::fail_over(tx, last, plan); // An order that is paid again: its units are theirs already.
    }
    if !checkout.state.is_open() || checkout.expires_at <= tx.now() {
        return Ok(None);
    }
    let again = !checkout.state.is_paying();
    if again && (!keeps_gift_card(tx, &checkout)? || !inventory::extend(tx, id, true, checkout.expires_at)?) {
        return Ok(None);
    }
    let next = payments::fail_over(tx, last, plan)?;
    if again && next.is_some() {
        store::advance(tx, &checkout, CheckoutState::CompleteInProgress, checkout.expires_at)?;
    } else if again {
        inventory::extend(tx, id, false, checkout.expires_at)?;
        let_gift_card_go(tx, &checkout)?;
    }
    Ok(next)
}

/// Who is asked for a checkout. Errors: `method_not_offered`.
fn plan_of(checkout: &Checkout, amount: Money, routing: &Routing, paying: &Paying) -> Result<Plan> {
    let quote = &checkout.offer.quote;
    let units: u32 = quote
        .lines
        .iter()
        .filter(|line| line.physical)
        .map(|line| line.quantity)
        .sum();
    let digital = quote.lines.iter().any(|line| !line.physical);
    let plan = routing.plan(&Sale {
        checkout: checkout.id,
        amount,
        country: quote.country.clone(),
        method: paying.payment.method,
        // What is digital is taken at once, what is physical with its parcel, and units may leave one by one.
        parts: units > 1 || (units > 0 && digital),
    });
    if plan.asked().next().is_none() && amount.minor > 0 {
        return Err(payments::not_offered());
    }
    Ok(plan)
}

pub(super) fn place(
    tx: &mut Tx<'_>,
    shop: &Shop,
    tap: &Tap,
    routing: Option<&Routing>,
    hold: Seconds,
    window: Seconds,
) -> Result<Place> {
    if let Some(known) = store::of_whoever(tx, tap.id)?
        && !mutant!("D10")
    {
        if known.shop != tap.shop {
            return Err(id_reused());
        }
        let same = known.fingerprint == tap.fingerprint;
        return Ok(Place::Answer(if same {
            Buy::Again(Box::new(settle(tx, tap.id)?))
        } else {
            Buy::IdReused
        }));
    }
    let stored = match &tap.payment {
        Some(paying) => paying.stored(tx, tap.shop)?,
        None => None,
    };
    if let Some(first) = tap.after {
        upsell::may_follow(tx, first, stored.as_ref(), shop, window)?;
    }
    let (contact, address) = said(tap, stored.as_ref())?;
    identity::must_trade(shop, tx.now())?;
    let mut quote = match offers::recheck(tx, &tap.quote, tap.key.as_ref())? {
        Recheck::Expired => return Ok(Place::Answer(Buy::QuoteExpired)),
        Recheck::NotForSale(variant) => return Ok(Place::Answer(Buy::NotForSale(variant))),
        Recheck::Payable(quote) => *quote,
    };
    if let Some(address) = &address
        && quote.needs_address()
        && address.country != quote.country
    {
        return Ok(Place::Answer(
            match requote(tx, shop, &quote, &address.country, tap.key)? {
                Some(elsewhere) => Buy::PriceChanged(Box::new(elsewhere)),
                None => Buy::NotDeliveredThere,
            },
        ));
    }
    if quote.policies.is_none() {
        quote.policies = Some(identity::keep_policies(tx, shop)?); // A shop from before its texts were kept.
    }
    let drop = quote.drop.clone();
    let hold = drop.as_ref().map_or(hold, |drop| Seconds::minutes(drop.hold_minutes));
    let complete = missing(&quote, &contact, address.as_ref()).is_empty();
    let pays = routing.filter(|_| complete);
    let now = tx.now();
    let mut checkout = Checkout {
        id: tap.id,
        shop: tap.shop,
        state: match (complete, pays) {
            (_, Some(_)) => CheckoutState::CompleteInProgress,
            (true, None) => CheckoutState::ReadyForComplete,
            (false, None) => CheckoutState::Incomplete,
        },
        version: 1,
        fingerprint: tap.fingerprint,
        lane: lane_of(&tap.quote),
        contact,
        address,
        created_at: now,
        changed_at: now,
        expires_at: if pays.is_some() {
            paying_until(now, now.plus(hold), now)
        } else {
            now.plus(hold)
        },
        offer: Frozen {
            quote,
            shop_version: shop.version,
            accepted_at: now,
            dearer_than_minor: None,
            gift_card: None,
        },
    };
    let demand: Vec<Demand> = checkout
        .offer
        .quote
        .lines
        .iter()
        .map(|line| Demand {
            variant: line.variant,
            quantity: line.quantity,
            place: match (&drop, line.preorder) {
                (Some(drop), _) => Some(drops::place(drop.id)),
                (None, Some(preorder)) => Some(preorders::place(preorder.id)),
                (None, None) => tap.exchange.map(|exchange| exchange.place),
            },
        })
        .collect();
    let begun = match (&drop, &tap.key) {
        (Some(drop), Some(key)) => own::begun(tx, tap, drop.id, key)?,
        _ => Vec::new(),
    };
    let demand = if drop.is_some() {
        Demand::summed(&demand)
    } else {
        demand
    };
    // Who waited for it was offered it: their units are given back to them in this transaction, and to nobody else.
    let was_offered = match (&drop, &tap.key) {
        (Some(drop), Some(key)) => {
            let email = checkout.contact.email.as_deref();
            drops::take_offers(tx, drop.id, &demand, key, email, tap.id)?
        }
        _ => Vec::new(),
    };
    let variants: Vec<VariantId> = demand.iter().map(|line| line.variant).collect();
    let is_guest = match &drop {
        Some(drop) => drops::open_for_guest(tx, drop.id, &variants, tap.key.as_ref())?,
        None => false,
    };
    if let Some(drop) = &drop
        && let Some(variant) = drops::promised(tx, (shop.id, drop.id), &demand, &was_offered)?
    {
        if !was_offered.is_empty() {
            return Err(beside_an_offer());
        }
        if is_guest {
            drops::shut_after_guest(tx, drop.id, &variants)?;
        }
        return Ok(Place::Answer(Buy::SoldOut { variant, left: 0 }));
    }
    let claims = match inventory::reserve(tx, tap.shop, tap.id, &demand, pays.is_some(), checkout.expires_at)? {
        Reserve::Reserved(claims) => claims,
        // What was offered to them stays theirs: the error takes back that it was taken.
        Reserve::SoldOut { .. } | Reserve::Shut(_) if !was_offered.is_empty() => {
            return Err(beside_an_offer());
        }
        Reserve::SoldOut { variant, left } => {
            if let Some(drop) = drop.as_ref().filter(|_| is_guest) {
                drops::shut_after_guest(tx, drop.id, &variants)?;
            }
            return Ok(Place::Answer(Buy::SoldOut { variant, left }));
        }
        Reserve::Shut(variant) => {
            let Some(drop) = &drop else {
                return Ok(Place::Answer(Buy::SoldOut { variant, left: 0 })); // A pre-order that was closed meanwhile.
            };
            // The host shut it in this very instant: another look says what they did.
            drops::offered(tx, tap.shop, drop.id, &variants, tap.key.as_ref())?;
            if drops::is_waited_for(tx, drop.id, variant)? {
                return Ok(Place::Answer(Buy::SoldOut { variant, left: 0 }));
            }
            return Err(Error::engine(
                crate::kernel::Engine::Retry,
                "a drop was shut and opened meanwhile",
            ));
        }
    };
    if let Some(drop) = &drop {
        let units = demand.iter().map(|line| line.quantity).sum();
        drops::after_offers(tx, drop.id, &was_offered)?;
        if is_guest {
            drops::shut_after_guest(tx, drop.id, &variants)?;
        }
        // What was offered needs no turn, and a guest is before all turns; what is taken beside it does.
        if drop.waits && !is_guest && was_offered.len() < demand.len() {
            drops::use_pass(tx, drop.id, tap.key.as_ref(), tap.id)?;
        }
        let who = who(&checkout.contact, checkout.address.as_ref(), tap.key);
        drops::claim(tx, tap.shop, tap.id, drop, units, &who)?;
    }
    if !checkout.offer.quote.discounts.is_empty() {
        let who = who_has_discounts(&checkout.contact, tap.key);
        discounts::claim(tx, tap.shop, tap.id, &checkout.offer.quote.discounts, &who)?;
    }
    if let Some(asked) = &tap.gift_card {
        let covers = gift_cards::hold(tx, tap.shop, tap.id, asked, checkout.total())?;
        checkout.offer.gift_card = Some(covers);
    }
    if let Some(purse) = tap.exchange.and_then(|exchange| exchange.purse) {
        let covers = gift_cards::hold_own(tx, tap.shop, tap.id, purse, checkout.total())?;
        checkout.offer.gift_card = Some(covers);
    }
    store::insert(tx, &checkout)?;
    if let (Some(drop), Some(key)) = (&drop, &tap.key) {
        drops::begin(tx, drop.id, key, &variants, &begun, tap.id)?;
    }
    if let Some(first) = tap.after {
        upsell::follow(tx, first, &checkout)?;
    }
    let (Some(routing), Some(paying)) = (pays, &tap.payment) else {
        return Ok(Place::Answer(Buy::Placed(Box::new(Settled::open(checkout)))));
    };
    let plan = plan_of(&checkout, checkout.to_pay(), routing, paying)?;
    match begin(tx, &checkout, &plan, paying, stored, payments::start_new)? {
        Start::Sending(attempt) => Ok(Place::Sending(Box::new(Held { checkout, claims }), attempt, plan)),
        _ => settle(tx, tap.id).map(|settled| Place::Answer(Buy::Placed(Box::new(settled)))), // Nothing to pay: it is an order already.
    }
}

/// Another shop's checkout has this id.
fn id_reused() -> Error {
    Error::conflict("id_reused", "This checkout id is taken. Make a new one.")
}

fn beside_an_offer() -> Error {
    Error::conflict("sold_out", "Not enough of the rest are left. Nothing was reserved.")
}

/// How to reach the buyer and where it goes: what the tap says, or what its card was kept with. Errors: `stored_method_elsewhere`.
fn said(tap: &Tap, stored: Option<&Stored>) -> Result<(Contact, Option<Address>)> {
    match stored {
        None => Ok((tap.contact.clone(), tap.address.clone())),
        Some(stored) if stored.fits(&tap.contact, tap.address.as_ref()) => {
            let address = stored.address.clone().filter(|_| tap.quote.needs_address());
            Ok((stored.contact.clone(), address))
        }
        Some(_) => Err(elsewhere()),
    }
}

/// The same lines, for a parcel to another country.
pub(super) fn requote(
    tx: &mut Tx<'_>,
    shop: &Shop,
    quote: &Quote,
    country: &str,
    key: Option<[u8; 32]>,
) -> Result<Option<Quote>> {
    let asked = Asked {
        lines: quote.wanted(),
        country: country.to_owned(),
        delivery: None,
        seen: quote.seen,
        drop: quote.drop.as_ref().map(|drop| offers::InDrop::new(drop.id).by(key)),
        discounts: discounts::Wish::Promised(quote.discounts.clone()),
    };
    Ok(match offers::quote(tx, shop, &asked, Seconds::minutes(15))? {
        Offer::Quoted(new, _) => {
            let mut new = *new;
            new.keep_preorders(quote);
            if !new.discounts.is_empty() {
                new.expires_at = new.expires_at.min(quote.expires_at); // They were promised until then, and no longer.
            }
            Some(new)
        }
        Offer::NotForSale(_) | Offer::NotDeliveredThere | Offer::NoSuchMethod => None,
    })
}

/// By what names a drop knows the buyer.
pub(super) fn who<'a>(contact: &'a Contact, address: Option<&'a Address>, key: Option<[u8; 32]>) -> drops::Who<'a> {
    drops::Who {
        email: contact.email.as_deref(),
        phone: contact.phone.as_deref(),
        address: address.map(|address| {
            let second = address.line2.as_deref().unwrap_or_default();
            [address.country.as_str(), &address.postal_code, &address.line1, second]
        }),
        browser: key,
    }
}

/// Makes sure that the buyer's units are counted in the drop they bought in. False: they have something else instead. Costs nothing without a drop.
pub(super) fn counts_in_drop(tx: &mut Tx<'_>, checkout: &Checkout) -> Result<bool> {
    match &checkout.offer.quote.drop {
        Some(drop) if drop.limit > 0 => drops::again(tx, checkout.id, drop),
        _ => Ok(true),
    }
}

/// Counts the buyer's units under the card that pays for them, too. False: with this card somebody has as much of the drop as one buyer may. Costs nothing without
/// a limit.
pub(super) fn pays_in_drop(
    tx: &mut Tx<'_>,
    checkout: &Checkout,
    card: impl FnOnce(&mut Tx<'_>) -> Result<Option<[u8; 32]>>,
) -> Result<bool> {
    let Some(drop) = checkout.offer.quote.drop.as_ref().filter(|drop| drop.limit > 0) else {
        return Ok(true);
    };
    match card(tx)? {
        Some(card) => drops::pay_with(tx, checkout.id, drop, &card),
        None => Ok(true),
    }
}

/// What the buyer reserved in a drop counts no more. Costs nothing without one.
pub(super) fn let_drop_go(tx: &mut Tx<'_>, checkout: &Checkout) -> Result<()> {
    match &checkout.offer.quote.drop {
        Some(drop) if drop.limit > 0 => drops::let_go(tx, checkout.id),
        _ => Ok(()),
    }
}

/// The same of what was kept for somebody who did not pay for it.
pub(super) fn let_drop_lie(tx: &mut Tx<'_>, checkout: &Checkout) -> Result<()> {
    match &checkout.offer.quote.drop {
        Some(drop) if drop.limit > 0 => drops::lapse(tx, checkout.id, drop, checkout.created_at),
        _ => Ok(()),
    }
}

/// By what names a discount with a limit for each buyer knows them.
pub(super) fn who_has_discounts(contact: &Contact, key: Option<[u8; 32]>) -> discounts::Who<'_> {
    discounts::Who {
        email: contact.email.as_deref(),
        phone: contact.phone.as_deref(),
        browser: key,
    }
}

/// Makes sure that the buyer's discounts are counted. False: somebody else has the last of them. Costs nothing without discounts.
pub(super) fn counts_discounts(tx: &mut Tx<'_>, checkout: &Checkout) -> Result<bool> {
    match &checkout.offer.quote.discounts[..] {
        [] => Ok(true),
        _ if mutant!("X4-late") => Ok(true),
        quoted => discounts::again(tx, checkout.id, quoted),
    }
}

/// The buyer's discounts may be had by others. Costs nothing without discounts.
pub(super) fn let_discounts_go(tx: &mut Tx<'_>, checkout: &Checkout) -> Result<()> {
    match &checkout.offer.quote.discounts[..] {
        [] => Ok(()),
        _ if mutant!("X4-kept") => Ok(()),
        _ => discounts::let_go(tx, checkout.id),
    }
}

/// Makes sure that the gift card's part is set aside. False: the card was used elsewhere meanwhile. Costs nothing where no gift card pays.
pub(super) fn keeps_gift_card(tx: &mut Tx<'_>, checkout: &Checkout) -> Result<bool> {
    match checkout.offer.gift_card {
        Some(_) => gift_cards::again(tx, checkout.id),
        None => Ok(true),
    }
}

/// What is set aside of a gift card may be spent elsewhere. Costs nothing where no gift card pays.
pub(super) fn let_gift_card_go(tx: &mut Tx<'_>, checkout: &Checkout) -> Result<i64> {
    match checkout.offer.gift_card {
        Some(_) => gift_cards::release(tx, checkout.id),
        None => Ok(0),
    }
}

/// Opens the intent with the split of this day and writes the attempt. What a gift card pays is split off first: the intent is the rest.
pub(super) fn begin(
    tx: &mut Tx<'_>,
    checkout: &Checkout,
    plan: &Plan,
    paying: &Paying,
    stored: Option<Stored>,
    start: fn(&mut Tx<'_>, &OpenIntent, By<'_>) -> Result<Start>,
) -> Result<Start> {
    let whole = allocate(tx, &checkout.offer.quote)?;
    let allocation = match &checkout.offer.gift_card {
        None => whole,
        Some(covers) => {
            let (theirs, rest) = whole.split(covers.minor)?;
            gift_cards::share(tx, checkout.id, &theirs)?;
            rest
        }
    };
    let wish = OpenIntent {
        shop: checkout.shop,
        checkout: checkout.id,
        amount: checkout.to_pay(),
        allocation,
    };
    let (token, reuse) = paying.begin(tx, checkout, stored)?;
    let mut started = start(tx, &wish, by(plan, paying, &token))?;
    if let Start::Sending(attempt) = &mut started {
        payments::explain(tx, attempt.intent, plan)?;
        attempt.reuse = reuse;
    }
    Ok(started)
}

fn by<'a>(plan: &'a Plan, paying: &Paying, token: &'a str) -> By<'a> {
    let processor = plan.asked().next().unwrap_or_default(); // A sale of nothing needs none.
    By {
        processor,
        method: payments::method_name(paying.payment.method),
        token,
        terms: plan.terms(processor),
    }
}

/// An order whose payment was lost is paid again: for the rest, by the split of the day of the sale, with whatever the buyer has now.
fn start_again(
    tx: &mut Tx<'_>,
    checkout: &Checkout,
    routing: &Routing,
    paying: &Paying,
) -> Result<Result<(Attempt, Plan), Pay>> {
    let id = checkout.id;
    let known = payments::intent(tx, id.intent())?;
    let Some(intent) = known.filter(|intent| intent.is_lost() && intent.state == IntentState::Expired) else {
        return Ok(Err(Pay::Settled(Box::new(settle(tx, id)?))));
    };
    let stored = paying.stored(tx, checkout.shop)?;
    let plan = plan_of(checkout, intent.rest(), routing, paying)?;
    let (token, reuse) = paying.begin(tx, checkout, stored)?;
    Ok(match payments::start(tx, id.intent(), by(&plan, paying, &token))? {
        Start::Sending(attempt) => {
            payments::explain(tx, attempt.intent, &plan)?;
            Ok((Attempt { reuse, ..attempt }, plan))
        }
        Start::TooMany => Err(Pay::TooManyAttempts),
        Start::CardRefused | Start::Unresolved | Start::NotPayable => Err(Pay::Settled(Box::new(outcome(tx, id)?))),
    })
}

/// What became of a wish to pay.
#[derive(Clone, Debug)]
pub enum Pay {
    /// Paid, declined, at the bank, or unknown yet: the state says which.
    Settled(Box<Settled>),
    NotFound,
    Missing(Vec<Need>),
    /// The reservation is gone.
    Expired,
    TooManyAttempts,
}

/// Pays a checkout, or again the rest of an order whose payment was lost. Order of answers: not found, settled (paid or being paid already), expired, missing, too many attempts, settled.
pub async fn pay(app: &App, shop: ShopId, id: CheckoutId, paying: Paying, return_url: String) -> Result<Pay> {
    let routing = routing(app, shop, &paying).await?;
    let app = app.clone();
    app.clone()
        .track(async move {
            let Some(known) = app.db.read(move |tx| store::find(tx, shop, id)).await? else {
                return Ok(Pay::NotFound);
            };
            let lane = known.lane_key();
            let started = app.db.write(lane, move |tx| start(tx, id, &routing, &paying)).await?;
            match started {
                Ok((mut attempt, plan)) => {
                    attempt.return_url = return_url;
                    authorize(&app, lane, None, attempt, plan)
                        .await
                        .map(|settled| Pay::Settled(Box::new(settled)))
                }
                Err(answer) => Ok(answer),
            }
        })
        .await
}

fn start(tx: &mut Tx<'_>, id: CheckoutId, routing: &Routing, paying: &Paying) -> Result<Result<(Attempt, Plan), Pay>> {
    let checkout = store::load(tx, id)?;
    if checkout.state == CheckoutState::Completed {
        return start_again(tx, &checkout, routing, paying);
    }
    if checkout.state.is_paying() {
        return Ok(Err(Pay::Settled(Box::new(settle(tx, id)?))));
    }
    if !checkout.state.is_open() {
        return Ok(Err(Pay::Expired));
    }
    let missing = missing(&checkout.offer.quote, &checkout.contact, checkout.address.as_ref());
    if !missing.is_empty() {
        return Ok(Err(Pay::Missing(missing)));
    }
    let stored = paying.stored(tx, checkout.shop)?;
    if let Some(stored) = &stored
        && !stored.fits(&checkout.contact, checkout.address.as_ref())
    {
        return Err(elsewhere());
    }
    let until = paying_until(checkout.created_at, checkout.expires_at, tx.now());
    if checkout.expires_at <= tx.now() || !inventory::extend(tx, id, true, until)? {
        return Ok(Err(Pay::Expired));
    }
    if !keeps_gift_card(tx, &checkout)? {
        return Err(Error::conflict(
            "gift_card_changed",
            "The gift card was used elsewhere meanwhile. Start again to see what it still pays; nothing was charged.",
        ));
    }
    let plan = plan_of(&checkout, checkout.to_pay(), routing, paying)?;
    match begin(tx, &checkout, &plan, paying, stored, payments::open_and_start)? {
        Start::Sending(attempt) => {
            store::advance(tx, &checkout, CheckoutState::CompleteInProgress, until)?;
            Ok(Ok((attempt, plan)))
        }
        // The same no again, without asking anybody.
        Start::CardRefused => {
            inventory::extend(tx, id, false, checkout.expires_at)?;
            let_gift_card_go(tx, &checkout)?;
            Ok(Err(Pay::Settled(Box::new(settle(tx, id)?))))
        }
        Start::TooMany => {
            inventory::extend(tx, id, false, checkout.expires_at)?;
            let_gift_card_go(tx, &checkout)?;
            Ok(Err(Pay::TooManyAttempts))
        }
        Start::Unresolved | Start::NotPayable => Ok(Err(Pay::Settled(Box::new(settle(tx, id)?)))),
    }
}

/// The secret that lets whoever made a checkout read it later: derived, so that the same tap gets the same answer and nothing is stored.
pub fn client_secret(app: &App, checkout: &Checkout) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(app.db.signing_key()).expect("HMAC takes any key length");
    mac.update(b"checkout secret");
    mac.update(crate::kernel::Id::uuid(checkout.id).as_bytes());
    mac.update(&checkout.fingerprint);
    format!(
        "cs_{}",
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    )
}

/// Whether `secret` belongs to the checkout; takes the same time whatever it is.
pub fn knows_secret(app: &App, checkout: &Checkout, secret: &str) -> bool {
    client_secret(app, checkout).as_bytes().ct_eq(secret.as_bytes()).into()
}
