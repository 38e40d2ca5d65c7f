//! Checkouts and orders over HTTP.

use super::buy::{Buy, Pay, Tap, buy, client_secret, knows_secret, pay};
use super::cancel::{Cancel, CancelOrder, cancel, cancel_order};
use super::cancel_units::{CancelUnits, UnitsCanceled, cancel_units};
use super::change::{Change, Details, change};
use super::conclude::Settled;
use super::evidence::{Evidence, evidence};
use super::model::{Address, Checkout, CheckoutState, Contact, Need, OrderState, Payment};
use super::one_click::Paying;
use super::orders::{OrderView, Ship, orders, view};
use super::refund::{NewRefund, Refund, RefundLines, RefundWhat, Way, refund};
use super::stored_api::Buyer;
use super::{DROP_LIMIT, own, store, upsell};
use crate::app::App;
use crate::clips;
use crate::drops::BuyerKey;
use crate::gift_cards;
use crate::http::{ClientAddress, Json, Limit, NewId, Path, Problem, Query, Who, json, limit};
use crate::identity::{self, Creator, Packer, Player, Policies, Shop};
use crate::inventory::{Availability, Restock};
use crate::kernel::{
    AdjustmentId, AnchorId, CheckoutId, ClipId, Currency, Error, GiftCardId, Id, Kind, MethodId, Money, MoneyOut,
    OrderId, PageIn, PageOut, ProductId, Seconds, ShopId, StoredMethodId, Time, VariantId,
};
use crate::offers::{self, PaymentMethod, Quote, QuoteOut};
use crate::payments::{self, CaptureState, IntentState, Part, RefundState};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The buyer's attempt. With contact, address (if a parcel travels) and payment it is one tap.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckoutIn {
    /// The token of `GET /v1/quotes`.
    quote: String,
    #[serde(default)]
    contact: Option<Contact>,
    #[serde(default)]
    address: Option<Address>,
    #[serde(default)]
    payment: Option<Payment>,
    /// A gift card that pays for it, or for a part of it: held at once, and the rest is asked of the processor. Where it covers everything no
    /// processor is asked, whatever `payment` names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gift_card: Option<GiftCardUseIn>,
    /// The purchase this is added to, within the minutes after it and with the stored method that paid it: see `order.next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<CheckoutId>,
    /// Where a bank sends the buyer back to.
    #[serde(default)]
    return_url: Option<String>,
}

/// A gift card, for whoever holds its code.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GiftCardUseIn {
    /// As it was typed: any case, with or without dashes.
    code: String,
    /// What the buyer was shown that it pays, in minor units: if it cannot any more, nothing is bought. Absent: as much as there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    covers: Option<i64>,
}

/// The part of a purchase that a gift card pays.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct GiftCardUseOut {
    pub last_four: String,
    pub amount: MoneyOut,
}

/// More about the buyer.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DetailsIn {
    #[serde(default)]
    contact: Option<Contact>,
    #[serde(default)]
    address: Option<Address>,
    #[serde(default)]
    delivery: Option<MethodId>,
    /// The quote of a `price_changed` answer, to agree to it.
    #[serde(default)]
    accept: Option<String>,
}

/// How to pay now.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentIn {
    method: PaymentMethod,
    #[serde(default)]
    token: Option<String>,
    /// Instead of a token: a card this browser had kept.
    #[serde(default)]
    stored: Option<StoredMethodId>,
    /// The buyer agrees that this card is kept for this browser; `PUT /v1/buyer` first.
    #[serde(default)]
    keep: bool,
    #[serde(default)]
    return_url: Option<String>,
}

/// A checkout as it stands.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CheckoutOut {
    pub id: CheckoutId,
    pub state: CheckoutState,
    pub version: i64,
    /// For later reads; only in the answer to `PUT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    pub total: MoneyOut,
    /// What a gift card pays of the total.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gift_card: Option<GiftCardUseOut>,
    /// What is left to pay: the total, less what a gift card pays.
    pub to_pay: MoneyOut,
    /// What was accepted, frozen.
    pub quote: QuoteOut,
    pub needs: Vec<Need>,
    pub expires_at: Time,
    pub next_action: Option<NextAction>,
    pub order: Option<OrderBrief>,
    pub decline: Option<DeclineOut>,
    pub test_mode: bool,
}

/// The buyer has to go there and confirm.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct NextAction {
    /// Always `redirect`.
    pub kind: String,
    pub url: String,
}

/// The order a checkout became.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct OrderBrief {
    pub id: OrderId,
    pub number: String,
    pub confirmed_at: Time,
    pub page_url: String,
    /// What the clip offers next, for the minutes after the purchase and the kept card that paid it: `PUT` another checkout with `after` and
    /// `payment.stored`. Only where one checkout is read, and only while there is something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<NextOut>,
}

/// One more thing, right after a purchase.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct NextOut {
    pub product: ProductId,
    pub variant: VariantId,
    /// The kept card that paid the purchase.
    pub stored: StoredMethodId,
    pub until: Time,
}

/// Why the last payment was declined, as far as the buyer needs to know.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct DeclineOut {
    pub code: String,
    pub detail: String,
}

/// The token that opens an order's page without signing in; in mails and receipts.
pub fn order_token(key: &[u8; 32], order: OrderId) -> String {
    use base64::Engine;
    use hmac::{Hmac, Mac};
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes any key length");
    mac.update(b"order page");
    mac.update(order.uuid().as_bytes());
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&mac.finalize().into_bytes()[..18])
}

/// The address of an order's page.
pub fn order_page_url(app: &App, shop: &Shop, order: OrderId) -> String {
    format!(
        "{}/s/{}/orders/{order}?t={}",
        app.base_url,
        shop.slug,
        order_token(app.db.signing_key(), order)
    )
}

/// What a buyer is told about a decline.
pub fn decline_out(code: &str) -> DeclineOut {
    let detail = match code {
        "insufficient_funds" => {
            "The bank says there is not enough money on this card. Nothing was charged; try another card."
        }
        "stolen_card" | "lost_card" | "pickup_card" | "fraudulent" => {
            "The bank refused this card. Nothing was charged; use another one."
        }
        DROP_LIMIT => {
            "This card has as much of this drop as one buyer may have. Nothing was charged, and nothing is reserved any more."
        }
        _ => "The payment was declined. Nothing was charged; try again or use another card.",
    };
    // Which hard code it was is nobody's business but the bank's: it would help whoever tries cards.
    let code = match code {
        "insufficient_funds" | DROP_LIMIT => code,
        _ => "card_declined",
    };
    DeclineOut {
        code: code.into(),
        detail: detail.into(),
    }
}

fn checkout_out(app: &App, shop: &Shop, settled: &Settled, with_secret: bool) -> CheckoutOut {
    let checkout = &settled.checkout;
    let quote = &checkout.offer.quote;
    CheckoutOut {
        id: checkout.id,
        state: checkout.state,
        version: checkout.version,
        client_secret: with_secret.then(|| client_secret(app, checkout)),
        total: checkout.total().into(),
        gift_card: checkout.offer.gift_card.as_ref().map(|covers| GiftCardUseOut {
            last_four: covers.last_four.clone(),
            amount: Money::new(covers.minor, quote.currency).into(),
        }),
        to_pay: checkout.to_pay().into(),
        quote: QuoteOut::new(
            offers::sign(app.db.signing_key(), quote),
            quote,
            &[],
            shop,
            Availability::default(),
            app,
        ),
        needs: checkout.needs(),
        expires_at: checkout.expires_at,
        next_action: (!settled.action_url.is_empty()).then(|| NextAction {
            kind: "redirect".into(),
            url: settled.action_url.clone(),
        }),
        order: settled.order.as_ref().map(|order| OrderBrief {
            id: order.id,
            number: order.number.clone(),
            confirmed_at: order.confirmed_at,
            page_url: order_page_url(app, shop, order.id),
            next: None,
        }),
        decline: (settled.is_over_limit()
            || (matches!(
                checkout.state,
                CheckoutState::ReadyForComplete | CheckoutState::Completed
            ) && !settled.decline.is_empty()))
        .then(|| decline_out(&settled.decline)),
        test_mode: shop.test_mode,
    }
}

/// How a checkout stands after a payment; with what is offered next, where a kept card had a part in it: nobody else is offered anything.
pub(super) async fn told(
    app: &App,
    shop: &Shop,
    settled: &Settled,
    secret: bool,
    kept: bool,
) -> Result<CheckoutOut, Problem> {
    if kept {
        return with_next(app, shop, settled, secret).await;
    }
    Ok(checkout_out(app, shop, settled, secret))
}

/// The same, with what is offered right after a purchase.
async fn with_next(app: &App, shop: &Shop, settled: &Settled, with_secret: bool) -> Result<CheckoutOut, Problem> {
    let mut out = checkout_out(app, shop, settled, with_secret);
    if let (Some(brief), Some(order)) = (&mut out.order, &settled.order)
        && settled.checkout.offer.quote.seen.is_some()
    {
        let (shop, checkout, order) = (shop.clone(), settled.checkout.clone(), order.clone());
        let window = Seconds::minutes(app.settings.upsell_minutes);
        let next = app
            .db
            .read(move |tx| upsell::next(tx, &shop, &checkout, &order, window))
            .await?;
        brief.next = next.map(|next| NextOut {
            product: next.product,
            variant: next.variant,
            stored: next.stored,
            until: next.until,
        });
    }
    Ok(out)
}

fn answer(status: StatusCode, out: &CheckoutOut) -> Result<Response, Problem> {
    match &out.decline {
        Some(decline) if decline.code == DROP_LIMIT => {
            Err(Problem::conflict(DROP_LIMIT, decline.detail.clone()).with("checkout", out))
        }
        Some(decline) => {
            let detail = decline.detail.clone();
            Err(Problem::new(StatusCode::PAYMENT_REQUIRED, "declined", detail).with("checkout", out))
        }
        None => Ok(json(status, out)),
    }
}

fn price_changed(app: &App, shop: &Shop, quote: &Quote) -> Problem {
    let token = offers::sign(app.db.signing_key(), quote);
    Problem::conflict(
        "price_changed",
        "Delivery to that country has another price. Agree to the new total, or keep the old address.",
    )
    .with(
        "quote",
        QuoteOut::new(token, quote, &[], shop, Availability::default(), app),
    )
}

fn return_url(app: &App, given: Option<&str>) -> Result<String, Problem> {
    match given {
        None => Ok(app.base_url.clone()),
        // Anything else would let a stranger bounce buyers through the bank to a page of theirs.
        Some(url) if url.len() <= 2000 && (url == app.base_url || url.starts_with(&format!("{}/", app.base_url))) => {
            Ok(url.to_owned())
        }
        Some(_) => Err(Error::field(
            "/return_url",
            "The bank sends buyers back to this shop's own pages only.",
        )
        .into()),
    }
}

/// Counts one try to start or pay a checkout, by network and shop. Where cards are being tried in the shop, few are left (X1).
pub fn admit(app: &App, address: std::net::IpAddr, shop: ShopId) -> Result<(), Problem> {
    limit(app, Limit::Checkout, Who::AddressAtShop(address, shop))?;
    if payments::cards_are_tried(app, shop) {
        limit(app, Limit::SuspectCheckout, Who::AddressAtShop(address, shop))?;
    }
    Ok(())
}

/// Refuses a new sale while there is no room to write it down: what is on its way may still end, and who bought may ask again.
async fn room_to_sell(app: &App, shop: ShopId, id: CheckoutId) -> Result<(), Problem> {
    if app.db.disk_full() && app.db.read(move |tx| store::find(tx, shop, id)).await?.is_none() {
        let busy = Kind::Busy { retry_after: 60 };
        return Err(Error::new(
            busy,
            "disk_full",
            "This shop cannot take new orders for a moment. Nothing was charged.",
        )
        .into());
    }
    Ok(())
}

/// The buyer's attempt, under an id the client chose and kept. Sending it again is the same purchase.
#[utoipa::path(put, path = "/v1/checkouts/{checkout}", tag = "buying", params(("checkout" = CheckoutId, Path, description = "Made by the client.")),
    request_body = CheckoutIn, responses(
    (status = 201, body = CheckoutOut, description = "Reserved; with payment, paid."),
    (status = 200, body = CheckoutOut, description = "The same again, as it stands now."),
    (status = 402, description = "`declined`, with the `checkout`: it can be paid another way."),
    (status = 409, description = "`id_reused`, `sold_out` with `left`, `quote_expired`, `price_changed` with the new `quote`, `not_for_sale`, \
        `not_delivered_there`; of a kept card `stored_method_gone`, `stored_method_elsewhere`, `no_buyer`; after a purchase `upsell_over`, `already_added`; of a \
        gift card `gift_card_disabled`, `gift_card_expired`, `gift_card_other_currency`, `gift_card_used_up`, `gift_card_changed`; of discounts `code_used_up`, \
        `code_used_by_you`, `discount_used_up`; in a drop `drop_not_open`, `drop_paused`, `drop_closed`, \
        `drop_contact_needed`, `drop_limit_reached`, `drop_cooling_down` (kept for them twice and not bought: they wait), `drop_offer_bound` (what is offered is for the mailbox that was given on the waitlist), `drop_reserved` (this browser has begun to buy it: `checkout` and `client_secret` say where to go on), and where it has a waiting room `drop_pass_needed`, `drop_pass_waiting`, `drop_pass_expired`, `drop_pass_used`."),
    (status = 404, description = "`no_such_gift_card`: also of another shop's."),
    (status = 422, description = "A field breaks a rule, or `invalid_quote`."),
    (status = 503, description = "Too busy; nothing was done. Send it again with the same id."),
))]
pub async fn put_checkout(
    State(app): State<App>,
    player: Player,
    buyer: Buyer,
    key: BuyerKey,
    ClientAddress(address): ClientAddress,
    Path(id): Path<CheckoutId>,
    Json(body): Json<CheckoutIn>,
) -> Result<Response, Problem> {
    admit(&app, address, player.shop)?;
    if body.gift_card.is_some() {
        limit(&app, Limit::GiftCard, Who::AddressAtShop(address, player.shop))?;
    }
    room_to_sell(&app, player.shop, id).await?;
    let quote = offers::open(app.db.signing_key(), &body.quote)?;
    if quote.shop != player.shop {
        return Err(Error::field("/quote", "This quote is from another shop.").into());
    }
    let fingerprint = Sha256::digest(serde_json::to_vec(&body).expect("a request serialises")).into();
    let tap = Tap {
        shop: player.shop,
        id,
        fingerprint,
        quote,
        contact: body
            .contact
            .as_ref()
            .map(Contact::checked)
            .transpose()?
            .unwrap_or_default(),
        address: body.address.as_ref().map(Address::checked).transpose()?,
        return_url: return_url(&app, body.return_url.as_deref())?,
        payment: body
            .payment
            .map(|payment| paying(payment, &buyer, player.shop))
            .transpose()?,
        gift_card: body.gift_card.map(|asked| gift_cards::Asked {
            code: asked.code,
            covers_minor: asked.covers,
        }),
        key: key.hash(player.shop).or_else(|| buyer.key(player.shop)),
        after: body.after,
        exchange: None,
    };
    let (kept, by_stored) = match &tap.payment {
        Some(paying) => (paying.payment.is_kept(), paying.payment.stored.is_some()),
        None => (false, false),
    };
    let renewed = |response| if by_stored { buyer.remember(response) } else { response };
    let begun = (tap.quote.drop.as_ref().map(|drop| drop.id), tap.key);
    let (shop, bought) = match buy(&app, tap).await {
        Ok(bought) => bought,
        Err(error) => return Err(own::or_own(&app, player.shop, begun, error).await),
    };
    match bought {
        Buy::Placed(settled) => {
            let out = told(&app, &shop, &settled, true, kept).await?;
            answer(StatusCode::CREATED, &out).map(renewed)
        }
        Buy::Again(settled) => {
            let out = told(&app, &shop, &settled, true, kept).await?;
            answer(StatusCode::OK, &out).map(renewed)
        }
        Buy::IdReused => Err(Problem::conflict(
            "id_reused",
            "This checkout id was used for another purchase. Make a new one.",
        )),
        Buy::QuoteExpired => Err(Problem::conflict(
            "quote_expired",
            "The price was held for a while and may have changed. Ask for it again.",
        )),
        Buy::NotForSale(variant) => {
            Err(Problem::conflict("not_for_sale", "This is not for sale any more.").with("variant", variant))
        }
        Buy::PriceChanged(quote) => Err(price_changed(&app, &shop, &quote)),
        Buy::NotDeliveredThere => Err(Problem::conflict(
            "not_delivered_there",
            "This shop does not deliver to that country.",
        )),
        Buy::SoldOut { variant, left } => Err(Problem::conflict(
            "sold_out",
            "Someone was faster. Nothing was charged.",
        )
        .with("left", left.max(0))
        .with("variant", variant)),
    }
}

/// How somebody pays, with what their browser owns. Errors: `no_buyer`, if a card is to be kept for a browser that holds no secret.
fn paying(payment: Payment, buyer: &Buyer, shop: ShopId) -> Result<Paying, Problem> {
    let owner = buyer.at(shop);
    if payment.keep && owner.is_none() {
        return Err(Problem::conflict(
            "no_buyer",
            "To keep a card, this browser needs a secret of its own first: PUT /v1/buyer. Nothing was charged.",
        ));
    }
    Ok(Paying { payment, owner })
}

/// The checkout of a request that knows its secret; a secret key of the shop may read without it.
async fn known(app: &App, player: &Player, headers: &HeaderMap, id: CheckoutId) -> Result<(Shop, Checkout), Problem> {
    let shop = player.shop;
    let (shop, found) = app
        .db
        .look(move |tx| Ok((identity::shop(tx, shop)?, store::find(tx, shop, id)?)))
        .await?;
    let secret = headers
        .get("hawker-checkout-secret")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    match found {
        Some(checkout) if player.secret || knows_secret(app, &checkout, secret) => Ok((shop, checkout)),
        _ => Err(Error::not_found("checkout").into()),
    }
}

/// A checkout as it stands now.
#[utoipa::path(get, path = "/v1/checkouts/{checkout}", tag = "buying", params(("checkout" = CheckoutId, Path),
    ("hawker-checkout-secret" = String, Header, description = "The client secret of `PUT`.")), responses((status = 200, body = CheckoutOut), (status = 404)))]
pub async fn get_checkout(
    State(app): State<App>,
    player: Player,
    headers: HeaderMap,
    Path(id): Path<CheckoutId>,
) -> Result<Response, Problem> {
    let (shop, checkout) = known(&app, &player, &headers, id).await?;
    let settled = app
        .db
        .look(move |tx| super::conclude::look(tx, checkout.clone()))
        .await?;
    if settled.order.is_some() {
        payments::stored::keep_now(&app, id).await; // Their bank was asked meanwhile, and they want to see what was kept.
    }
    Ok(json(StatusCode::OK, with_next(&app, &shop, &settled, false).await?))
}

/// How to reach the buyer, where the parcel goes, how it travels. What is absent stays.
#[utoipa::path(put, path = "/v1/checkouts/{checkout}/details", tag = "buying", params(("checkout" = CheckoutId, Path),
    ("hawker-checkout-secret" = String, Header, description = "The client secret of `PUT`.")), request_body = DetailsIn, responses(
    (status = 200, body = CheckoutOut), (status = 404),
    (status = 409, description = "`price_changed` with the new `quote`, `not_delivered_there`, `checkout_closed`, `code_used_by_you`."),
    (status = 422, description = "A field breaks a rule, or `no_such_method`."),
))]
pub async fn put_details(
    State(app): State<App>,
    player: Player,
    headers: HeaderMap,
    Path(id): Path<CheckoutId>,
    Json(body): Json<DetailsIn>,
) -> Result<Response, Problem> {
    let (shop, _) = known(&app, &player, &headers, id).await?;
    let details = Details {
        contact: body.contact.as_ref().map(Contact::checked).transpose()?,
        address: body.address.as_ref().map(Address::checked).transpose()?,
        delivery: body.delivery,
        accept: body
            .accept
            .as_deref()
            .map(|token| offers::open(app.db.signing_key(), token))
            .transpose()?,
    };
    match change(&app, player.shop, id, details).await? {
        Change::Changed(checkout) => {
            let out = checkout_out(&app, &shop, &Settled::open(*checkout), false);
            answer(StatusCode::OK, &out)
        }

        Change::NotFound => Err(Error::not_found("checkout").into()),
        Change::Closed(state) => Err(closed(state)),
        Change::PriceChanged(quote) => Err(price_changed(&app, &shop, &quote)),
        Change::NotDeliveredThere => Err(Problem::conflict(
            "not_delivered_there",
            "This shop does not deliver to that country.",
        )),
        Change::NoSuchMethod => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "no_such_method",
            "This delivery method is not offered there.",
        )),
    }
}

fn closed(state: CheckoutState) -> Problem {
    Problem::conflict(
        "checkout_closed",
        "This checkout is paid, being paid or over. Read it to see how it stands.",
    )
    .with("state", state)
}

/// Pays a checkout that has everything it needs.
#[utoipa::path(post, path = "/v1/checkouts/{checkout}/payment", tag = "buying", params(("checkout" = CheckoutId, Path),
    ("hawker-checkout-secret" = String, Header, description = "The client secret of `PUT`.")), request_body = PaymentIn, responses(
    (status = 200, body = CheckoutOut, description = "Paid, at the bank (`next_action`), or not known yet (`complete_in_progress`: read it again)."),
    (status = 402, description = "`declined`, with the `checkout`."), (status = 404),
    (status = 409, description = "`checkout_expired`, `details_missing` with `needs`, `too_many_attempts`, `drop_limit_reached` (with this card somebody has as much of the drop as one buyer may); of a kept card `stored_method_gone`, \
        `stored_method_elsewhere`, `no_buyer`; `gift_card_changed`."),
))]
pub async fn post_payment(
    State(app): State<App>,
    player: Player,
    buyer: Buyer,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Path(id): Path<CheckoutId>,
    Json(body): Json<PaymentIn>,
) -> Result<Response, Problem> {
    admit(&app, address, player.shop)?;
    let (shop, _) = known(&app, &player, &headers, id).await?;
    let back = return_url(&app, body.return_url.as_deref())?;
    let payment = Payment {
        method: body.method,
        token: body.token,
        stored: body.stored,
        keep: body.keep,
    };
    let kept = payment.is_kept();
    let paying = paying(payment, &buyer, player.shop)?;
    match pay(&app, player.shop, id, paying, back).await? {
        Pay::Settled(settled) => answer(StatusCode::OK, &told(&app, &shop, &settled, false, kept).await?),
        Pay::NotFound => Err(Error::not_found("checkout").into()),
        Pay::Expired => Err(Problem::conflict(
            "checkout_expired",
            "The reservation ran out. Nothing was charged; start again.",
        )),
        Pay::Missing(needs) => Err(Problem::conflict(
            "details_missing",
            "Say first how to reach you and where the parcel goes.",
        )
        .with("needs", needs)),
        Pay::TooManyAttempts => Err(Problem::conflict(
            "too_many_attempts",
            "This was tried too often. Nothing was charged; start again later.",
        )),
    }
}

/// Leaves a checkout: what it held is free again.
#[utoipa::path(delete, path = "/v1/checkouts/{checkout}", tag = "buying", params(("checkout" = CheckoutId, Path),
    ("hawker-checkout-secret" = String, Header, description = "The client secret of `PUT`.")), responses((status = 200, body = CheckoutOut), (status = 404),
    (status = 409, description = "`already_ordered`: cancel the order instead.")))]
pub async fn delete_checkout(
    State(app): State<App>,
    player: Player,
    headers: HeaderMap,
    Path(id): Path<CheckoutId>,
) -> Result<Response, Problem> {
    let (shop, _) = known(&app, &player, &headers, id).await?;
    match cancel(&app, player.shop, id).await? {
        Cancel::Canceled(settled) => Ok(json(StatusCode::OK, checkout_out(&app, &shop, &settled, false))),
        Cancel::NotFound => Err(Error::not_found("checkout").into()),
        Cancel::Completed => Err(Problem::conflict(
            "already_ordered",
            "This is an order already. Cancel it on its page.",
        )),
    }
}

/// An order.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct OrderOut {
    pub id: OrderId,
    pub number: String,
    pub state: OrderState,
    pub payment: PaymentStateOut,
    pub version: i64,
    pub currency: Currency,
    pub total: MoneyOut,
    pub tax: MoneyOut,
    pub delivery: MoneyOut,
    /// Taken altogether, by the processor and from a gift card.
    pub captured: MoneyOut,
    pub refunded: MoneyOut,
    /// The part of it that a gift card pays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gift_card: Option<OrderGiftCardOut>,
    pub country: String,
    pub contact: Contact,
    pub address: Option<Address>,
    pub lines: Vec<OrderLineOut>,
    /// The bundles its lines are parts of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bundles: Vec<offers::QuotedBundleOut>,
    /// What took something off, in the order in which it did; frozen with the order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub discounts: Vec<offers::QuotedDiscountOut>,
    pub confirmed_at: Time,
    pub canceled_at: Option<Time>,
    /// Since when contact and address are erased, as their buyer asked. Absent: they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<Time>,
    /// The order it was added to, right after that; where one order is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<OrderId>,
    /// What the buyer saw when they agreed; where one order is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<SeenOut>,
}

/// The part of an order that a gift card pays.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct OrderGiftCardOut {
    pub id: GiftCardId,
    pub last_four: String,
    pub amount: MoneyOut,
    /// Set aside for what has not left yet.
    pub held: MoneyOut,
    pub captured: MoneyOut,
    /// Back on the gift card.
    pub refunded: MoneyOut,
}

/// What the buyer saw, frozen with the order: later edits of the clip, the product or the shop do not change it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SeenOut {
    pub shown_at: Time,
    pub agreed_at: Time,
    pub agreed_total: MoneyOut,
    /// The total they had agreed to before, if they then agreed to pay more.
    pub dearer_than: Option<MoneyOut>,
    pub items: Vec<SeenItemOut>,
    pub delivery: Option<String>,
    /// Where in which clip it was tapped.
    pub clip: Option<SeenClipOut>,
    /// The seller and the policies of that day; absent for sales from before these texts were kept.
    pub policies: Option<Policies>,
    /// The drop it was bought in, and the latest event of its archive when it was offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop: Option<offers::QuotedDropOut>,
}

/// A thing as it was offered.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SeenItemOut {
    pub title: String,
    pub variant_title: String,
    pub image: String,
    pub quantity: u32,
    pub unit: MoneyOut,
}

/// The place in a clip where it was tapped.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SeenClipOut {
    pub clip: ClipId,
    pub version: i64,
    pub title: String,
    /// The file that played, by its content.
    pub media: String,
    pub at_ms: i64,
    pub anchor: Option<AnchorId>,
    /// The words on the card, by language.
    pub copy: clips::Copies,
}

impl SeenOut {
    pub fn new(checkout: &Checkout, evidence: &Evidence) -> Self {
        let quote = &checkout.offer.quote;
        let money = |minor| MoneyOut::from(Money::new(minor, quote.currency));
        let items = quote.lines.iter().map(|line| SeenItemOut {
            title: line.title.clone(),
            variant_title: line.variant_title.clone(),
            image: line.image.clone(),
            quantity: line.quantity,
            unit: money(line.unit_minor),
        });
        let clip = quote.seen.zip(evidence.clip.as_ref());
        Self {
            shown_at: quote.shown_at,
            agreed_at: checkout.offer.accepted_at,
            agreed_total: money(quote.total_minor),
            dearer_than: checkout.offer.dearer_than_minor.map(money),
            items: items.collect(),
            delivery: quote.delivery.as_ref().map(|delivery| delivery.name.clone()),
            clip: clip.map(|(seen, version)| SeenClipOut {
                clip: seen.clip,
                version: seen.version,
                title: version.content.title.clone(),
                media: version.content.media.path(),
                at_ms: seen.at_ms,
                anchor: seen.anchor,
                copy: evidence
                    .anchor
                    .as_ref()
                    .map(|anchor| anchor.copy.clone())
                    .unwrap_or_default(),
            }),
            policies: evidence.policies.clone(),
            drop: quote.drop.as_ref().map(offers::QuotedDropOut::from),
        }
    }
}

/// Where an order's money stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStateOut {
    Authorized,
    PartiallyCaptured,
    Captured,
    PartiallyRefunded,
    Refunded,
    Voided,
    /// The promise is over, and the buyer is asked to pay again.
    Lost,
    /// A person has to look.
    Unclear,
}

/// One line of an order.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct OrderLineOut {
    pub line: u32,
    pub variant: VariantId,
    pub title: String,
    pub quantity: u32,
    /// The bundle it is a part of, by its place in `bundles`; `amount` is its share of what that cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bundle: Option<u32>,
    /// How much less than alone it costs in that bundle, tax included, before discounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bundle_saving: Option<MoneyOut>,
    /// What discounts took off it, as the shop shows prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub off: Option<MoneyOut>,
    /// Tax included, with everything taken off.
    pub amount: MoneyOut,
    pub tax: MoneyOut,
    pub shipped: u32,
    pub canceled: u32,
    pub returned: u32,
    pub refunded: MoneyOut,
}

impl PaymentStateOut {
    pub fn of(view: &OrderView) -> Self {
        let Some(intent) = &view.intent else {
            return Self::Captured;
        };
        let (taken, given_back) = (view.taken_minor(), view.given_back_minor());
        let held = view.gift_card.as_ref().map_or(0, |used| used.held_minor);
        match intent.state {
            IntentState::Conflicted | IntentState::Unknown => Self::Unclear,
            _ if intent.is_lost() => Self::Lost,
            _ if taken > 0 && given_back == taken => Self::Refunded,
            _ if given_back > 0 => Self::PartiallyRefunded,
            IntentState::Canceled | IntentState::Expired if taken == 0 => Self::Voided,
            // A gift card pays all of it, and no processor was asked.
            _ if intent.amount.minor == 0 && view.gift_card.is_some() => match (taken, held) {
                (0, 0) => Self::Voided,
                (0, _) => Self::Authorized,
                (_, 0) => Self::Captured,
                _ => Self::PartiallyCaptured,
            },
            _ if taken == 0 && intent.amount.minor > 0 => Self::Authorized,
            IntentState::PartiallyCaptured | IntentState::RequiresCapture => Self::PartiallyCaptured,
            _ => Self::Captured,
        }
    }
}

impl OrderOut {
    pub fn new(view: &OrderView) -> Self {
        let money = |minor| MoneyOut::from(Money::new(minor, view.order.currency));
        let (captured, refunded) = (view.taken_minor(), view.given_back_minor());
        let quote = &view.checkout.offer.quote;
        Self {
            id: view.order.id,
            number: view.order.number.clone(),
            state: view.state,
            payment: PaymentStateOut::of(view),
            version: view.order.version,
            currency: view.order.currency,
            total: money(view.order.total_minor),
            tax: money(view.order.tax_minor),
            delivery: money(view.order.delivery_minor),
            captured: money(captured),
            refunded: money(refunded),
            gift_card: view.gift_card.as_ref().map(|used| OrderGiftCardOut {
                id: used.card,
                last_four: view
                    .checkout
                    .offer
                    .gift_card
                    .as_ref()
                    .map(|covers| covers.last_four.clone())
                    .unwrap_or_default(),
                amount: money(used.covers_minor),
                held: money(used.held_minor),
                captured: money(used.taken_minor),
                refunded: money(used.returned_minor),
            }),
            country: view.order.country.clone(),
            contact: view.checkout.contact.clone(),
            address: view.checkout.address.clone(),
            bundles: offers::QuotedBundleOut::all(quote),
            discounts: offers::QuotedDiscountOut::all(quote),
            lines: view
                .lines
                .iter()
                .zip(&quote.lines)
                .map(|(line, quoted)| OrderLineOut {
                    bundle: quoted.bundle.map(|inside| inside.at),
                    bundle_saving: quoted.bundle.map(|_| money(quote.saved_in_bundle(quoted))),
                    off: Some(quoted.taken.iter().sum()).filter(|minor| *minor > 0).map(money),
                    line: line.line,
                    variant: line.variant,
                    title: line.title.clone(),
                    quantity: line.quantity,
                    amount: money(line.amount_minor),
                    tax: money(line.tax_minor),
                    shipped: line.shipped,
                    canceled: line.canceled,
                    returned: line.returned,
                    refunded: money(view.refunded(Part::Line(line.line))),
                })
                .collect(),
            confirmed_at: view.order.confirmed_at,
            canceled_at: view.order.canceled_at,
            erased_at: view.erased_at,
            after: None,
            seen: None,
        }
    }
}

/// The shop's orders, newest first.
#[utoipa::path(get, path = "/v1/orders", tag = "orders", params(PageIn), responses((status = 200, body = PageOut<OrderOut>)))]
pub async fn list_orders(
    State(app): State<App>,
    staff: Packer,
    Query(page): Query<PageIn>,
) -> Result<Response, Problem> {
    let shop = staff.0.shop;
    let (views, next) = app
        .db
        .read(move |tx| {
            let found = orders(tx, shop, &page)?;
            let mut views = Vec::with_capacity(found.data.len());
            for order in &found.data {
                views.extend(view(tx, shop, order.id)?);
            }
            Ok((views, found.next))
        })
        .await?;
    Ok(json(
        StatusCode::OK,
        &PageOut {
            data: views.iter().map(OrderOut::new).collect(),
            next,
        },
    ))
}

/// One order, for the shop's people, with what the buyer saw.
#[utoipa::path(get, path = "/v1/orders/{order}", tag = "orders", params(("order" = OrderId, Path)), responses((status = 200, body = OrderOut), (status = 404)))]
pub async fn get_order(State(app): State<App>, staff: Packer, Path(id): Path<OrderId>) -> Result<Response, Problem> {
    let shop = staff.0.shop;
    let found = app
        .db
        .read(move |tx| {
            let Some(found) = view(tx, shop, id)? else {
                return Ok(None);
            };
            let seen = SeenOut::new(&found.checkout, &evidence(tx, &found.checkout)?);
            let first = store::follows(tx, shop, found.checkout.id)?;
            Ok(Some(OrderOut {
                after: first.map(CheckoutId::order),
                seen: Some(seen),
                ..OrderOut::new(&found)
            }))
        })
        .await?
        .ok_or_else(|| Error::not_found("order"))?;
    Ok(json(StatusCode::OK, found))
}

/// Why an order is canceled.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancellationIn {
    #[serde(default)]
    reason: String,
}

/// Cancels an order of which nothing was shipped: its money is let go, its units are for sale again.
#[utoipa::path(post, path = "/v1/orders/{order}/cancellation", tag = "orders", params(("order" = OrderId, Path)), request_body = CancellationIn,
    responses((status = 200, body = OrderOut), (status = 404), (status = 409, description = "`already_shipped`, `capture_pending`.")))]
pub async fn post_cancellation(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<OrderId>,
    Json(body): Json<CancellationIn>,
) -> Result<Response, Problem> {
    let (shop, who) = (creator.0.shop, creator.0.staff);
    match cancel_order(&app, shop, id, who, body.reason).await? {
        CancelOrder::Canceled(_) | CancelOrder::Again(_) => shown(&app, shop, id, StatusCode::OK).await,
        CancelOrder::NotFound => Err(Error::not_found("order").into()),
        CancelOrder::AlreadyShipped => Err(Problem::conflict(
            "already_shipped",
            "Something of it was shipped. Refund it instead.",
        )),
        CancelOrder::CapturePending => Err(Problem::conflict(
            "capture_pending",
            "Its money is being taken right now. Try again in a minute.",
        )),
    }
}

/// Units that are canceled before they leave.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CanceledUnitsIn {
    /// Chosen by the client; sending it again is the same cancellation.
    #[serde(default)]
    id: Option<AdjustmentId>,
    lines: Vec<Ship>,
    #[serde(default)]
    reason: String,
}

/// Cancels units of an order that have not left: their money is never taken, and they are for sale again. The last open units of an order of which
/// nothing left cancel it.
#[utoipa::path(post, path = "/v1/orders/{order}/canceled-units", tag = "orders", params(("order" = OrderId, Path)), request_body = CanceledUnitsIn,
    responses((status = 201, body = OrderOut), (status = 200, body = OrderOut, description = "The same again."), (status = 404),
    (status = 409, description = "`order_canceled`, `line_not_open`, `payment_unclear`, `capture_pending`: then nothing was canceled.")))]
pub async fn post_canceled_units(
    State(app): State<App>,
    creator: Creator,
    Path(order): Path<OrderId>,
    new_id: NewId,
    Json(body): Json<CanceledUnitsIn>,
) -> Result<Response, Problem> {
    let shop = creator.0.shop;
    let wish = UnitsCanceled {
        id: body.id.unwrap_or_else(|| new_id.get()),
        units: body.lines,
        reason: body.reason,
        staff: creator.0.staff,
    };
    match cancel_units(&app, shop, order, wish).await? {
        CancelUnits::Canceled => shown(&app, shop, order, StatusCode::CREATED).await,
        CancelUnits::Again => shown(&app, shop, order, StatusCode::OK).await,
        CancelUnits::NotFound => Err(Error::not_found("order").into()),
        CancelUnits::OrderCanceled => Err(Problem::conflict(
            "order_canceled",
            "All of this order was canceled before.",
        )),
    }
}

async fn shown(app: &App, shop: ShopId, id: OrderId, status: StatusCode) -> Result<Response, Problem> {
    let found = app
        .db
        .read(move |tx| view(tx, shop, id))
        .await?
        .ok_or_else(|| Error::not_found("order"))?;
    Ok(json(status, OrderOut::new(&found)))
}

/// What is to be given back: lines, an amount, or, with neither, everything.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundIn {
    /// Chosen by the client; sending it again is the same refund.
    #[serde(default)]
    id: Option<AdjustmentId>,
    #[serde(default)]
    lines: Option<Vec<Ship>>,
    /// With `lines`: whether the delivery goes back too.
    #[serde(default)]
    delivery: bool,
    /// Minor units; without `lines`.
    #[serde(default)]
    amount: Option<i64>,
    reason: String,
    /// With `lines`: `sellable`, `written_off`, or absent if the buyer keeps the goods.
    #[serde(default)]
    restock: Option<RestockIn>,
    /// The way the money came if absent. `store_credit` only if the buyer wants it so: otherwise the law has it go back the way it came.
    #[serde(default)]
    to: RefundTo,
}

/// Where the money of a refund goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundTo {
    /// The way it came.
    #[default]
    Original,
    /// Onto a card of the buyer at this shop: the processor is not asked.
    StoreCredit,
}

/// What happens to goods that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RestockIn {
    Sellable,
    WrittenOff,
}

/// A refund as it stands.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RefundOut {
    pub id: AdjustmentId,
    pub amount: MoneyOut,
    /// How much of it goes onto the gift card that paid: at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gift_card: Option<MoneyOut>,
    /// How much of it became store credit: at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_credit: Option<MoneyOut>,
    /// `sending` and `unknown` are still being asked about.
    pub state: String,
}

/// Gives money back, leg by leg as it was paid.
#[utoipa::path(post, path = "/v1/orders/{order}/refunds", tag = "orders", params(("order" = OrderId, Path)), request_body = RefundIn,
    responses((status = 201, body = RefundOut), (status = 200, body = RefundOut, description = "The same again."), (status = 404),
    (status = 409, description = "`dispute_open`: the buyer's bank has the money and has not decided; `exceeds_captured`, `nothing_to_refund`, `no_such_line`, `not_shipped`.")))]
pub async fn post_refund(
    State(app): State<App>,
    creator: Creator,
    Path(order): Path<OrderId>,
    new_id: NewId,
    Json(body): Json<RefundIn>,
) -> Result<Response, Problem> {
    let what = match (&body.lines, body.amount) {
        (Some(_), Some(_)) => return Err(Error::field("/amount", "Name lines or an amount, not both.").into()),
        (Some(lines), None) => RefundWhat::Lines(RefundLines {
            units: lines.clone(),
            delivery: body.delivery,
            restock: body.restock.map(|how| {
                if how == RestockIn::Sellable {
                    Restock::Sellable
                } else {
                    Restock::WrittenOff
                }
            }),
            ..RefundLines::default()
        }),
        (None, Some(minor)) => RefundWhat::Amount(minor),
        (None, None) => RefundWhat::Everything,
    };
    let (shop, who) = (creator.0.shop, creator.0.staff);
    let id = body.id.unwrap_or_else(|| new_id.get());
    let way = match body.to {
        RefundTo::Original => Way::AsItCame,
        RefundTo::StoreCredit => Way::Credit {
            at_most: None,
            code: gift_cards::Code::of_credit(app.db.signing_key(), order),
        },
    };
    let new = NewRefund {
        id,
        what,
        way,
        reason: body.reason,
        staff: who,
    };
    let (status, begun) = match refund(&app, shop, order, new).await? {
        Refund::Begun(begun) => (StatusCode::CREATED, begun),
        Refund::Again(begun) => (StatusCode::OK, begun),
        Refund::NotFound => return Err(Error::not_found("order").into()),
    };
    let money = |minor| MoneyOut::from(Money::new(minor, begun.amount.currency));
    let state = match &begun.by_processor {
        None => RefundState::Succeeded, // It is on a card of theirs already.
        Some(refund) => {
            let intent = refund.intent;
            let lines = app.db.read(move |tx| payments::refunds(tx, intent)).await?;
            // What was taken from several promises goes back in as many parts: the first that is not there yet says how it stands.
            let mut parts = lines.iter().filter(|line| line.adjustment == id);
            let open = parts.clone().find(|line| line.state != RefundState::Succeeded);
            open.or(parts.next()).map_or(refund.state, |line| line.state)
        }
    };
    Ok(json(
        status,
        &RefundOut {
            id,
            amount: begun.amount.into(),
            gift_card: (begun.gift_card_minor > 0).then(|| money(begun.gift_card_minor)),
            store_credit: (begun.credited_minor > 0).then(|| money(begun.credited_minor)),
            state: state.name().into(),
        },
    ))
}

/// Whether anything of an order's money still has to be heard of; shown beside it.
pub fn money_is_moving(view: &OrderView) -> bool {
    view.captures
        .iter()
        .any(|capture| matches!(capture.state, CaptureState::Sending | CaptureState::Unknown))
        || view.refunds.iter().any(|refund| {
            matches!(
                refund.state,
                RefundState::NotSent | RefundState::Sending | RefundState::Unknown
            )
        })
}
