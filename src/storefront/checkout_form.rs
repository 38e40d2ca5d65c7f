//! Buying by form: asks for a quote, takes the form, and goes through the same verbs as the player.
//!
//! The form carries the checkout's id, made here, and the quote it showed. Who knows both may go on with that checkout; a form that was sent
//! twice is the same purchase. What the buyer typed comes back with every refusal.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use subtle::ConstantTimeEq;

use super::checkout_page::{
    CheckoutLine, CheckoutPage, Choice, Control, Covered, DeliveryChoice, Field, OneClick, PaymentChoice, Sum,
};
use super::frame::{Head, Link, Notice, Tone};
use super::front::{Front, picture, shown};
use super::message_page::MessagePage;
use super::structured_data::Markup;
use crate::app::App;
use crate::checkout::{
    self, Address, Buy, Buyer as Browser, Change, Checkout, CheckoutState, Contact, Details, Pay, Paying, Payment,
    Settled, Stored, Tap,
};
use crate::db::Tx;
use crate::delivery;
use crate::discounts::{self, Wish};
use crate::gift_cards::{self, Covers};
use crate::http::{ClientAddress, Form, Limit, NewId, Problem, Query, SameOrigin, Who, limit, redirect};
use crate::identity::{self, Shop};
use crate::kernel::{
    CheckoutId, DropId, Error, Kind, MethodId, Money, Rate, Result as Done, Seconds, VariantId, words,
};
use crate::offers::{self, Asked, InDrop, Offer, PaymentMethod, Quote, WantedLine};
use crate::payments;
use crate::preorders;

/// The cards of the sandbox, by what they do.
const TEST_CARDS: [(&str, &str, &str); 7] = [
    ("card:tok_visa", "Card that works", "•••• 4242"),
    ("card:tok_3ds", "Card whose bank asks back", "•••• 3155"),
    ("card:tok_declined", "Card without enough money", "•••• 9995"),
    ("card:tok_stolen", "Card reported stolen", "•••• 9979"),
    ("card:tok_timeout", "Card whose answer gets lost", "•••• 0119"),
    ("card:tok_slow", "Card that takes three seconds", "•••• 0036"),
    ("card:tok_card_known", "Card that is known again", "•••• 1111"),
];
const QUANTITY_MAX: i64 = 20;
const CHARGED_LATER: &str = "Your card is charged when the parcel leaves";

/// What a link to the checkout may say. Foreign parameters change nothing.
#[derive(serde::Deserialize)]
pub struct CheckoutIn {
    #[serde(default)]
    lines: String,
    country: Option<String>,
    /// The drop it is bought in.
    drop: Option<DropId>,
    /// A purchase that comes back from the bank, and the token of its order's page.
    checkout: Option<CheckoutId>,
    t: Option<String>,
    /// What Adyen puts into the address of a buyer who comes back.
    #[serde(rename = "redirectResult")]
    redirect_result: Option<String>,
}

pub(super) type Typed = BTreeMap<String, String>;

/// What the page says beside the form.
#[derive(Default)]
struct Said {
    notice: Option<Notice>,
    /// Field and what is wrong with it.
    wrong: BTreeMap<String, String>,
}

impl Said {
    fn warn(title: &str, text: &str) -> Self {
        Self::notice(Tone::Warn, title, text)
    }
    fn notice(tone: Tone, title: &str, text: impl Into<String>) -> Self {
        let notice = Notice {
            tone,
            title: title.into(),
            text: text.into(),
        };
        Self {
            notice: Some(notice),
            wrong: BTreeMap::new(),
        }
    }
}

/// The form for what an address names; or, with a checkout, how a payment ended that went through the buyer's bank.
pub async fn show(
    State(app): State<App>,
    front: Front,
    browser: Browser,
    id: NewId,
    Query(query): Query<CheckoutIn>,
) -> Result<Response, Problem> {
    if let Some(checkout) = query.checkout {
        let (token, words) = (query.t.unwrap_or_default(), query.redirect_result.unwrap_or_default());
        return came_back(&app, &front, &browser, checkout, (&token, &words)).await;
    }
    let Ok(lines) = Asked::lines(&query.lines) else {
        return nothing_chosen(&front);
    };
    // A second tab goes on with what the first has begun.
    let wanted: Vec<VariantId> = lines.iter().map(|line| line.variant).collect();
    if let Some(own) = own(&app, &front, &browser, query.drop).await?
        && own.offer.quote.lines.iter().any(|line| wanted.contains(&line.variant))
    {
        return Ok(redirect(&back_url(&app, &front, own.id)));
    }
    let country = query.country.filter(|country| Asked::country(country).is_ok());
    // Whoever had a card kept sees the price to where it sends.
    let known = checkout::kept(&app, front.shop.id, &browser).await?;
    let home = known
        .first()
        .and_then(|stored| stored.address.as_ref())
        .map(|address| address.country.clone());
    let asked = Asked {
        lines,
        country: country.or(home).unwrap_or_else(|| front.shop.country.clone()),
        delivery: None,
        seen: None,
        drop: query.drop.map(|drop| InDrop::new(drop).by(browser.key(front.shop.id))),
        discounts: Wish::default(),
    };
    let at = At {
        app: &app,
        front: &front,
        browser: &browser,
    };
    offer(at, id.get(), asked, Typed::new(), Said::default(), StatusCode::OK).await
}

/// Where a form is shown and sent: the shop's pages in somebody's browser.
#[derive(Clone, Copy)]
struct At<'a> {
    app: &'a App,
    front: &'a Front,
    browser: &'a Browser,
}

/// Takes the form. Order of answers: limits, nothing chosen, a new total to look at, refused fields, then what the purchase answers.
pub async fn send(
    State(app): State<App>,
    front: Front,
    _: SameOrigin,
    browser: Browser,
    ClientAddress(client): ClientAddress,
    fresh: NewId,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    checkout::admit(&app, client, front.shop.id)?;
    let text = |name: &str| typed.get(name).map(|value| value.trim()).unwrap_or_default();
    let quote = offers::open(app.db.signing_key(), text("quote")).ok();
    let (Some(quote), Ok(id)) = (
        quote.filter(|quote| quote.shop == front.shop.id),
        text("checkout").parse(),
    ) else {
        return nothing_chosen(&front);
    };
    let at = At {
        app: &app,
        front: &front,
        browser: &browser,
    };
    if !text("gift_card").is_empty() {
        limit(&app, Limit::GiftCard, Who::AddressAtShop(client, front.shop.id))?;
    }
    let code = code_of(&typed, &quote);
    if code.is_some() && code.as_deref() != quote.code() {
        limit(&app, Limit::DiscountCode, Who::AddressAtShop(client, front.shop.id))?;
    }
    if text("step") == "stored" {
        return one_click(at, id, fresh.get(), quote, typed).await;
    }
    let asked = asked(&typed, &quote, browser.key(front.shop.id));
    if asked.lines.is_empty() {
        leave(&app, &front, id, &quote).await?;
        return Ok(redirect(&front.path("")));
    }
    // A code that was typed or taken out, and not looked at yet: first it is shown what is left to pay.
    let unseen = text("gift_card") != text("gift_card_shown");
    if text("step") == "quote" || unseen || !is_for(&quote, &asked) {
        leave(&app, &front, id, &quote).await?;
        let said = if text("step") == "quote" {
            Said::default()
        } else if unseen {
            Said::warn(
                "Please look at the total again",
                "The gift card changes what is left to pay. Nothing was charged.",
            )
        } else {
            Said::warn(
                "Please look at the total again",
                "What you changed changes the price. Nothing was charged.",
            )
        };
        return offer(at, fresh.get(), asked, typed, said, StatusCode::OK).await;
    }
    let mut buyer = match Buyer::read(&typed, &quote) {
        Ok(buyer) => buyer,
        Err(wrong) => {
            let said = Said { notice: None, wrong };
            return again(at, id, quote, typed, said, StatusCode::UNPROCESSABLE_ENTITY).await;
        }
    };
    if covers_all(&typed, &quote) {
        // No processor is asked, so any method that is offered here will do.
        let cards = app.processors.iter().any(|processor| processor.name() != "manual");
        let method = if cards {
            PaymentMethod::Card
        } else {
            PaymentMethod::Manual
        };
        buyer.paying = Paying::plain(Payment::new(method, None));
    }
    let each_buyer_has_a_limit = quote.discounts.iter().any(|discount| discount.per_buyer > 0);
    if !buyer.paying.payment.keep && quote.drop.is_none() && !each_buyer_has_a_limit {
        return purchase(at, id, fresh.get(), quote, asked, typed, buyer).await;
    }
    // They agreed to have their card kept, or reserve what each buyer may have so many of: from here on the browser holds the secret by which both are found again.
    let browser = browser.clone().known(&app);
    if buyer.paying.payment.keep {
        buyer.paying.owner = browser.at(front.shop.id);
    }
    let at = At {
        browser: &browser,
        ..at
    };
    let answer = purchase(at, id, fresh.get(), quote, asked, typed, buyer).await?;
    Ok(browser.remember(answer))
}

/// Who buys, where it goes, and how it is paid.
struct Buyer {
    contact: Contact,
    address: Option<Address>,
    paying: Paying,
}

impl Buyer {
    /// Everything that is wrong, by field.
    fn read(typed: &Typed, quote: &Quote) -> Result<Self, BTreeMap<String, String>> {
        let text = |name: &str| typed.get(name).map(|value| value.trim().to_owned()).unwrap_or_default();
        let some = |name: &str| Some(text(name)).filter(|value| !value.is_empty());
        let mut wrong = BTreeMap::new();
        let mut note = |error: Error| {
            for field in error.fields {
                let name = field.pointer.rsplit('/').next().unwrap_or_default().to_owned();
                wrong.entry(name).or_insert_with(|| field.detail.to_string());
            }
        };
        let contact = Contact {
            email: some("email"),
            phone: some("phone"),
        };
        let contact = contact.checked().map_err(&mut note).ok();
        if some("email").is_none() {
            note(Error::field(
                "/contact/email",
                "The receipt goes here, so it is needed.",
            ));
        }
        let address = quote.needs_address().then(|| Address {
            name: text("name"),
            line1: text("line1"),
            line2: some("line2"),
            postal_code: text("postal_code"),
            city: text("city"),
            region: None,
            country: quote.country.clone(),
        });
        let address = address.map(|address| address.checked().map_err(&mut note).ok());
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let payment = payment_of(&text("payment"));
        Ok(Self {
            contact: contact.unwrap_or_default(),
            address: address.flatten(),
            paying: Paying::plain(Payment {
                keep: payment.method == PaymentMethod::Card && typed.contains_key("keep"),
                ..payment
            }),
        })
    }
}

/// The gift card the form was shown with: its code, and what it was said to pay.
fn gift_card_of(typed: &Typed) -> Option<gift_cards::Asked> {
    let code = typed.get("gift_card")?.trim();
    let covers_minor = typed.get("gift_card_covers").and_then(|text| text.trim().parse().ok());
    (!code.is_empty()).then(|| gift_cards::Asked {
        code: code.to_owned(),
        covers_minor,
    })
}

/// Whether the form was shown with a gift card that pays for everything.
fn covers_all(typed: &Typed, quote: &Quote) -> bool {
    gift_card_of(typed).and_then(|asked| asked.covers_minor) == Some(quote.total_minor)
}

/// Whether a checkout uses the gift card of the form. A form without a code shows the card its checkout has.
fn has_this_card(known: &Checkout, typed: &Typed) -> bool {
    match (gift_card_of(typed), &known.offer.gift_card) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(asked), Some(covers)) => {
            let typed = gift_cards::Code::read(&asked.code);
            typed.is_some_and(|code| code.last_four() == covers.last_four)
                && asked.covers_minor.is_none_or(|minor| minor == covers.minor)
        }
    }
}

/// How the form says it is paid.
pub(super) fn payment_of(chosen: &str) -> Payment {
    let (method, token) = match chosen.split_once(':') {
        Some(("card", token)) => (PaymentMethod::Card, Some(token.to_owned())),
        _ => (PaymentMethod::Manual, None),
    };
    Payment::new(method, token)
}

/// Reserves, says who buys, pays. Each step answers the same when it is sent again.
async fn purchase(
    at: At<'_>,
    id: CheckoutId,
    fresh: CheckoutId,
    quote: Quote,
    asked: Asked,
    typed: Typed,
    buyer: Buyer,
) -> Result<Response, Problem> {
    let At { app, front, .. } = at;
    let shop = front.shop.id;
    let known = app.db.read(move |tx| checkout::find(tx, shop, id)).await?;
    let without_code = Asked {
        discounts: Wish::default(),
        ..asked.clone()
    };
    let start_over = |said: Said| offer(at, fresh, asked, typed.clone(), said, StatusCode::CONFLICT);
    match known {
        Some(known) if !is_of(&known, &quote) || !has_this_card(&known, &typed) => {
            return start_over(Said::warn(
                "Please send it once more",
                "This form was used before. Nothing was charged for it now.",
            ))
            .await;
        }
        Some(known) if known.state.is_open() && !known.state.is_paying() => {
            let details = Details {
                contact: Some(buyer.contact.clone()),
                address: buyer.address.clone(),
                ..Details::default()
            };
            match checkout::change(app, shop, id, details).await {
                Ok(Change::Changed(_)) => {}
                Ok(_) => return start_over(ran_out()).await,
                Err(error) if is_of_discount(&error) => {
                    leave(app, front, id, &quote).await?;
                    let said = code_refused(&error);
                    return offer(at, fresh, without_code, typed, said, StatusCode::CONFLICT).await;
                }
                Err(error) if is_of_drop(&error) => return no_drop(front, &error),
                Err(error) => return Err(error.into()),
            }
        }
        Some(_) => {}
        None => {
            if app.db.disk_full() {
                let busy = Kind::Busy { retry_after: 60 };
                let detail = "This shop cannot take new orders for a moment. Nothing was charged.";
                return Err(Error::new(busy, "disk_full", detail).into());
            }
            let tap = Tap {
                shop,
                id,
                fingerprint: fingerprint(&quote),
                quote: quote.clone(),
                contact: buyer.contact.clone(),
                address: buyer.address.clone(),
                payment: None,
                gift_card: gift_card_of(&typed),
                key: at.browser.key(shop),
                after: None,
                exchange: None,
                return_url: app.base_url.clone(),
            };
            let bought = match checkout::buy(app, tap).await {
                Ok((_, bought)) => bought,
                Err(error) if is_of_gift_card(&error) => {
                    return start_over(Said::notice(
                        Tone::Warn,
                        "Please look at the total again",
                        error.detail.clone(),
                    ))
                    .await;
                }
                Err(error) if is_of_discount(&error) => {
                    let said = code_refused(&error);
                    return offer(at, fresh, without_code, typed, said, StatusCode::CONFLICT).await;
                }
                Err(error) if is_of_drop(&error) => return own_or_no_drop(at, &quote, &error).await,
                Err(error) => return Err(error.into()),
            };
            match bought {
                Buy::Placed(_) | Buy::Again(_) => {}
                Buy::SoldOut { .. } => return sold_out(front),
                Buy::NotForSale(_) | Buy::NotDeliveredThere => return not_for_sale(front),
                Buy::IdReused | Buy::QuoteExpired | Buy::PriceChanged(_) => {
                    let said = Said::warn(
                        "Please look at the total again",
                        "The price was held for a while and may have changed. Nothing was charged.",
                    );
                    return start_over(said).await;
                }
            }
        }
    }
    let back = back_url(app, front, id);
    let paid = match checkout::pay(app, shop, id, buyer.paying, back).await {
        Ok(paid) => paid,
        Err(error) if is_of_gift_card(&error) => {
            leave(app, front, id, &quote).await?;
            return start_over(Said::notice(
                Tone::Warn,
                "Please look at the total again",
                error.detail.clone(),
            ))
            .await;
        }
        Err(error) => return Err(error.into()),
    };
    match paid {
        Pay::Settled(settled) => ended(at, id, quote, typed, &settled).await,
        Pay::NotFound | Pay::Expired => start_over(ran_out()).await,
        Pay::Missing(_) => {
            let said = Said::warn(
                "Something is missing",
                "Please fill in how we reach you and where it goes.",
            );
            again(at, id, quote, typed, said, StatusCode::UNPROCESSABLE_ENTITY).await
        }
        Pay::TooManyAttempts => {
            let said = Said::warn(
                "This was tried too often",
                "Nothing was charged. Please try again later, or pay another way.",
            );
            again(at, id, quote, typed, said, StatusCode::CONFLICT).await
        }
    }
}

/// Refusals that say something about a gift card; the form shows them and what can be done.
fn is_of_gift_card(error: &Error) -> bool {
    error.code == "no_such_gift_card" || error.code.starts_with("gift_card_")
}

/// Refusals of a code, or of a discount that is used up.
fn is_of_discount(error: &Error) -> bool {
    error.code.starts_with("code_") || error.code.starts_with("discount_")
}

/// The form goes on without the code, and says why beside its field.
fn code_refused(error: &Error) -> Said {
    let mut said = Said::notice(Tone::Warn, "Please look at the total again", error.detail.clone());
    if error.code.starts_with("code_") {
        said.wrong.insert("discount_code".into(), error.detail.to_string());
    }
    said
}

/// The code of a discount the form asks for: what was typed, or, where nothing could be, that of the quote it showed.
fn code_of(typed: &Typed, quote: &Quote) -> Option<String> {
    match typed.get("discount_code").map(|text| text.trim()) {
        Some("") => None,
        Some(text) => Some(discounts::read_code(text).unwrap_or_else(|| text.to_owned())),
        None => quote.code().map(str::to_owned),
    }
}

/// Refusals that say how a drop stands.
fn is_of_drop(error: &Error) -> bool {
    error.code.starts_with("drop_") || matches!(error.code, "not_in_drop" | "no_such_drop") || is_of_shop(error)
}

/// A shop that exists for a time, outside of it.
fn is_of_shop(error: &Error) -> bool {
    matches!(error.code, "shop_not_open" | "shop_closed")
}

/// What this browser has begun to buy in a drop.
async fn own(app: &App, front: &Front, browser: &Browser, drop: Option<DropId>) -> Result<Option<Checkout>, Problem> {
    let shop = front.shop.id;
    let (Some(drop), Some(key)) = (drop, browser.key(shop)) else {
        return Ok(None);
    };
    Ok(app
        .db
        .read(move |tx| checkout::own_in_drop(tx, shop, drop, &key))
        .await?)
}

/// Leads whoever is in their own way to what they have begun; tells everybody else what the drop says.
async fn own_or_no_drop(at: At<'_>, quote: &Quote, error: &Error) -> Result<Response, Problem> {
    let At { app, front, browser } = at;
    let drop = quote.drop.as_ref().map(|drop| drop.id);
    if checkout::may_be_own(error)
        && let Some(own) = own(app, front, browser, drop).await?
    {
        return Ok(redirect(&back_url(app, front, own.id)));
    }
    no_drop(front, error)
}

/// What a drop says instead of selling.
fn no_drop(front: &Front, error: &Error) -> Result<Response, Problem> {
    let title = match error.code {
        "shop_not_open" => "This shop is not open yet.",
        "shop_closed" => "This shop has closed.",
        "drop_not_open" => "This drop is not open yet.",
        "drop_paused" => "This drop is paused.",
        "drop_closed" => "This drop is over.",
        "drop_reserved" => "You have begun to buy this.",
        "drop_offer_bound" => "Buy it with your mailbox.",
        "drop_limit_reached" => "You have what each buyer may have.",
        "drop_cooling_down" => "Others come first now.",
        "drop_pass_needed" => "Take a turn first.",
        "drop_pass_waiting" => "It is not your turn yet.",
        "drop_pass_expired" | "drop_pass_used" => "Your turn is over.",
        _ => "This is not sold here.",
    };
    message(front, StatusCode::CONFLICT, title, &error.detail)
}

/// What the buyer sees next: the order, the form again after a decline, or their bank.
async fn ended(at: At<'_>, id: CheckoutId, quote: Quote, typed: Typed, settled: &Settled) -> Result<Response, Problem> {
    let At { app, front, .. } = at;
    match (&settled.order, settled.decline.is_empty()) {
        (Some(order), _) => Ok(redirect(&checkout::order_page_url(app, &front.shop, order.id))),
        (None, false) if settled.checkout.state == CheckoutState::ReadyForComplete => {
            let said = declined(&settled.decline, &settled.checkout, app);
            again(at, id, quote, typed, said, StatusCode::PAYMENT_REQUIRED).await
        }
        _ if settled.is_over_limit() => over_limit(front),
        // A form may lead to our own pages only; from there a link goes to another bank.
        _ if settled.action_url.starts_with(&format!("{}/", app.base_url)) => Ok(redirect(&settled.action_url)),
        _ => Ok(redirect(&back_url(app, front, id))),
    }
}

/// Buys with a kept card what the page showed, in one tap. What goes wrong shows the form, with everything it was kept with filled in.
async fn one_click(
    at: At<'_>,
    id: CheckoutId,
    fresh: CheckoutId,
    quote: Quote,
    mut typed: Typed,
) -> Result<Response, Problem> {
    let At { app, front, browser } = at;
    let Ok(stored) = typed.get("stored").map(String::as_str).unwrap_or_default().parse() else {
        return nothing_chosen(front);
    };
    let known = checkout::kept(app, front.shop.id, browser).await?;
    let card = known.into_iter().find(|known| known.method.id == stored);
    if let Some(card) = &card {
        typed.extend(typed_as(&card.contact, card.address.as_ref()));
    }
    let asked = asked(&typed, &quote, browser.key(front.shop.id));
    let start_over = |said: Said, typed: Typed| offer(at, fresh, asked, typed, said, StatusCode::CONFLICT);
    let payment = Payment {
        stored: Some(stored),
        ..Payment::new(PaymentMethod::Card, None)
    };
    let tap = Tap {
        shop: front.shop.id,
        id,
        fingerprint: fingerprint(&quote),
        quote: quote.clone(),
        contact: Contact::default(),
        address: None,
        payment: Some(Paying {
            payment,
            owner: browser.at(front.shop.id),
        }),
        gift_card: gift_card_of(&typed),
        key: browser.key(front.shop.id),
        after: None,
        exchange: None,
        return_url: back_url(app, front, id),
    };
    let bought = match checkout::buy(app, tap).await {
        Ok((_, bought)) => bought,
        Err(error) if is_of_drop(&error) => return own_or_no_drop(at, &quote, &error).await,
        Err(error) if matches!(error.kind, Kind::Conflict | Kind::NotFound) => {
            let said = match is_of_gift_card(&error) || is_of_discount(&error) {
                true => Said::notice(Tone::Warn, "Please look at the total again", error.detail.clone()),
                false => Said::notice(Tone::Warn, "This card cannot pay here", error.detail.clone()),
            };
            return start_over(said, typed).await;
        }
        Err(error) => return Err(error.into()),
    };
    let answer = match bought {
        Buy::Placed(settled) | Buy::Again(settled) => ended(at, id, quote, typed, &settled).await?,
        Buy::SoldOut { .. } => return sold_out(front),
        Buy::NotForSale(_) | Buy::NotDeliveredThere => return not_for_sale(front),
        Buy::IdReused | Buy::QuoteExpired | Buy::PriceChanged(_) => {
            let said = Said::warn(
                "Please look at the total again",
                "The price was held for a while and may have changed. Nothing was charged.",
            );
            return start_over(said, typed).await;
        }
    };
    Ok(browser.remember(answer))
}

fn ran_out() -> Said {
    Said::warn(
        "The time to pay ran out",
        "Nothing was charged, and what you typed is still here. Send it again to buy it after all.",
    )
}

/// They have begun this before, in another tab or an hour ago on this page.
fn kept(checkout: &Checkout, app: &App) -> Said {
    let minutes = minutes_left(checkout, app);
    Said::notice(
        Tone::Ok,
        "Go on with what you reserved",
        format!("It is kept for you for {minutes}. Nothing more was reserved, and nothing was charged yet."),
    )
}

fn minutes_left(checkout: &Checkout, app: &App) -> String {
    let minutes = checkout.expires_at.since(app.clock.wall()).0.max(60) / 60;
    words::count(u64::try_from(minutes).unwrap_or(1), "minute", "minutes")
}

fn declined(code: &str, checkout: &Checkout, app: &App) -> Said {
    let why = checkout::decline_out(code).detail;
    let minutes = minutes_left(checkout, app);
    Said::notice(
        Tone::Bad,
        "Your bank declined the payment",
        format!("{why} What you chose stays reserved for you for {minutes}."),
    )
}

/// How a purchase stands whose buyer was sent to their bank.
async fn came_back(
    app: &App,
    front: &Front,
    browser: &Browser,
    id: CheckoutId,
    (token, words): (&str, &str),
) -> Result<Response, Problem> {
    let at = At { app, front, browser };
    let expected = checkout::order_token(app.db.signing_key(), id.order());
    if !bool::from(expected.as_bytes().ct_eq(token.as_bytes())) {
        return front.nothing_here();
    }
    let shop = front.shop.id;
    payments::come_back(app, shop, id.intent(), words, checkout::conclude).await?;
    let Some(settled) = app.db.read(move |tx| checkout::stand(tx, shop, id)).await? else {
        return front.nothing_here();
    };
    if let Some(order) = &settled.order {
        return Ok(redirect(&checkout::order_page_url(app, &front.shop, order.id)));
    }
    let over = settled.is_over_limit();
    let known = settled.checkout;
    match known.state {
        CheckoutState::Incomplete | CheckoutState::ReadyForComplete => {
            let typed = typed_of(&known);
            let said = match settled.decline.is_empty() {
                true => kept(&known, app),
                false => declined(&settled.decline, &known, app),
            };
            again(at, id, known.offer.quote.clone(), typed, said, StatusCode::OK).await
        }
        CheckoutState::RequiresEscalation | CheckoutState::CompleteInProgress => {
            let bank = (!settled.action_url.is_empty()).then(|| Link::new("Confirm at your bank", &settled.action_url));
            let look = Link::new("Look again", &back_url(app, front, id));
            let page = MessagePage::new(
                front.frame(),
                202,
                "Your bank is being asked.",
                "This page looks again by itself every few seconds. If your bank asked you to confirm, do that first.",
                Some("A payment is never taken twice.".into()),
                bank.into_iter().chain([look]).collect(),
            );
            let mut response = shown(StatusCode::OK, &page)?;
            let headers = response.headers_mut();
            headers.insert("refresh", axum::http::HeaderValue::from_static("4"));
            Ok(response)
        }
        _ if over => over_limit(front),
        _ => message(
            front,
            StatusCode::GONE,
            "The time to pay ran out.",
            "Nothing was bought. If your bank held the money, it lets it go again.",
        ),
    }
}

/// The card that was to pay has as much of a drop as one buyer may have.
fn over_limit(front: &Front) -> Result<Response, Problem> {
    let why = checkout::decline_out(checkout::DROP_LIMIT).detail;
    message(
        front,
        StatusCode::CONFLICT,
        "This card has what each buyer may have.",
        &why,
    )
}

pub fn back_url(app: &App, front: &Front, id: CheckoutId) -> String {
    let token = checkout::order_token(app.db.signing_key(), id.order());
    front.address(&format!("/checkout?checkout={id}&t={token}"))
}

/// Gives back what a checkout of this form holds, before another takes its place.
async fn leave(app: &App, front: &Front, id: CheckoutId, quote: &Quote) -> Result<(), Problem> {
    let shop = front.shop.id;
    let known = app.db.read(move |tx| checkout::find(tx, shop, id)).await?;
    if known.is_some_and(|known| is_of(&known, quote) && known.state.is_open() && !known.state.is_paying()) {
        checkout::cancel(app, shop, id).await?;
    }
    Ok(())
}

/// Whether a form with this quote made the checkout: the quote is signed and holds the instant it was made, so nobody else has it.
fn is_of(known: &Checkout, quote: &Quote) -> bool {
    known.fingerprint == fingerprint(quote) || known.offer.quote == *quote
}

pub(super) fn fingerprint(quote: &Quote) -> [u8; 32] {
    let text = serde_json::to_vec(quote).expect("a quote serialises");
    Sha256::new()
        .chain_update(b"checkout page")
        .chain_update(text)
        .finalize()
        .into()
}

/// What the form asks for; quantities of what it showed.
fn asked(typed: &Typed, quote: &Quote, key: Option<[u8; 32]>) -> Asked {
    let wanted = |line: WantedLine| {
        let said = typed.get(&format!("quantity-{}", line.variant));
        let quantity = said.map_or(line.quantity, |text| text.trim().parse().unwrap_or(line.quantity));
        WantedLine {
            variant: line.variant,
            quantity: quantity.min(20),
        }
    };
    let country = typed.get("country").filter(|country| Asked::country(country).is_ok());
    let delivery: Option<MethodId> = typed.get("delivery").and_then(|method| method.parse().ok());
    let country = country.unwrap_or(&quote.country).clone();
    Asked {
        lines: quote
            .wanted()
            .into_iter()
            .map(wanted)
            .filter(|line| line.quantity > 0)
            .collect(),
        // Another country has other methods.
        delivery: delivery.filter(|_| country == quote.country),
        country,
        seen: quote.seen,
        drop: quote.drop.as_ref().map(|drop| InDrop::new(drop.id).by(key)),
        discounts: Wish::Now(code_of(typed, quote)),
    }
}

/// Whether the quote shown is the one the form now asks for.
fn is_for(quote: &Quote, asked: &Asked) -> bool {
    let chosen = quote.delivery.as_ref().map(|delivery| delivery.method);
    quote.wanted() == asked.lines
        && quote.country == asked.country
        && asked.discounts == Wish::Now(quote.code().map(str::to_owned))
        && (asked.delivery.is_none() || asked.delivery == chosen)
}

/// A new quote for what is asked, in the form. Falls back to the first country that is delivered to, and to the first method there.
async fn offer(
    at: At<'_>,
    id: CheckoutId,
    asked: Asked,
    mut typed: Typed,
    said: Said,
    status: StatusCode,
) -> Result<Response, Problem> {
    let At { app, front, .. } = at;
    let holds = Seconds::minutes(app.settings.quote_minutes);
    let shop = front.shop.clone();
    let key = at.browser.key(shop.id);
    let mut said = said;
    let found = app.db.read(move |tx| {
        identity::must_trade(&shop, tx.now())?;
        let mut asked = asked.clone();
        let mut refused: Option<Error> = None;
        let mut offer = match offers::quote(tx, &shop, &asked, holds) {
            Err(error) if is_of_discount(&error) => {
                asked.discounts = Wish::default();
                refused = Some(error);
                offers::quote(tx, &shop, &asked, holds)?
            }
            offer => offer?,
        };
        if offer == Offer::NoSuchMethod {
            asked.delivery = None;
            offer = offers::quote(tx, &shop, &asked, holds)?;
        }
        if offer == Offer::NotDeliveredThere
            && let Some(first) = countries(tx, &shop)?.into_iter().next()
        {
            asked.country = first;
            offer = offers::quote(tx, &shop, &asked, holds)?;
        }
        let mut short = false;
        for line in &asked.lines {
            let drop = asked.drop.as_ref().map(|drop| drop.id);
            short |=
                offers::availability(tx, shop.id, drop, line.variant, key.as_ref())?.left < i64::from(line.quantity);
        }
        if let (true, Offer::Quoted(quote, _)) = (short, &mut offer) {
            short = offers::with_preorders(tx, quote)?.is_none();
        }
        Ok(((offer, short), refused.map(|error| error.detail.to_string())))
    });
    let found = match found.await {
        Ok((found, refused)) => {
            let refused = refused.map(|why| ("discount_code".to_owned(), why));
            said.wrong.extend(refused);
            found
        }
        Err(error) if is_of_drop(&error) => return no_drop(front, &error),
        Err(error) => return Err(error.into()),
    };
    match found {
        (Offer::Quoted(..), true) => sold_out(front),
        (Offer::Quoted(quote, _), false) => {
            typed.insert("country".into(), quote.country.clone());
            again(at, id, *quote, typed, said, status).await
        }
        (Offer::NotForSale(_) | Offer::NoSuchMethod, _) => not_for_sale(front),
        (Offer::NotDeliveredThere, _) => message(
            front,
            StatusCode::CONFLICT,
            "This shop does not deliver yet.",
            "Nothing was charged. Please ask the shop, or come back later.",
        ),
    }
}

/// The form for a quote, with what was typed.
async fn again(
    at: At<'_>,
    id: CheckoutId,
    quote: Quote,
    typed: Typed,
    said: Said,
    status: StatusCode,
) -> Result<Response, Problem> {
    let At { app, front, browser } = at;
    // The first that sends where the page's price is for; after a decline the buyer chooses how to go on.
    let known = checkout::kept(app, front.shop.id, browser).await?;
    let one_click = known
        .iter()
        .filter(|_| said.notice.is_none())
        .find(|stored| pays_for(stored, &quote))
        .map(|stored| OneClick::new(stored, String::new()));
    let kept_path = (!known.is_empty()).then(|| front.path("/stored-methods"));
    let token = offers::sign(app.db.signing_key(), &quote);
    let cards = app.processors.iter().any(|processor| processor.name() != "manual");
    let front = front.clone();
    let read = app.db.read(move |tx| {
        let mut page = CheckoutPage::read(tx, &front, &quote, &typed, cards)?;
        page.checkout = id.to_string();
        page.quote.clone_from(&token);
        page.covered_by(gift_card_for(tx, front.shop.id, id, &quote, &typed)?, &quote, &typed);
        Ok(page)
    });
    let mut page = read.await?;
    page.notice = said.notice;
    page.one_click = one_click.filter(|_| !page.all_covered()).map(|card| OneClick {
        total: match &page.covered {
            Some(covered) => covered.rest.clone(),
            None => page.total.clone(),
        },
        ..card
    });
    page.kept_path = kept_path;
    let code = std::iter::once(&mut page.discount_code);
    for field in page.contact.iter_mut().chain(&mut page.address).chain(code) {
        field.error = said.wrong.get(field.name).cloned();
    }
    shown(status, &page)
}

/// What pays a part of the total: the card whose code was typed, or the one this form's checkout has already. The refusal is for the field.
fn gift_card_for(
    tx: &mut Tx<'_>,
    shop: crate::kernel::ShopId,
    id: CheckoutId,
    quote: &Quote,
    typed: &Typed,
) -> Done<Result<Option<Covers>, String>> {
    let Some(asked) = gift_card_of(typed) else {
        let known = checkout::find(tx, shop, id)?.filter(|known| is_of(known, quote));
        return Ok(Ok(known.and_then(|known| known.offer.gift_card)));
    };
    match gift_cards::look(tx, shop, &asked.code, quote.currency) {
        Ok(card) => Ok(Ok(Some(Covers {
            card: card.id,
            minor: card.balance_minor.min(quote.total_minor),
            last_four: card.last_four,
        })
        .filter(|covers| covers.minor > 0))),
        Err(error) if is_of_gift_card(&error) => Ok(Err(error.detail.into_owned())),
        Err(error) => Err(error),
    }
}

impl CheckoutPage {
    /// Shows what a gift card pays, or why it does not.
    fn covered_by(&mut self, found: Result<Option<Covers>, String>, quote: &Quote, typed: &Typed) {
        let code = typed
            .get("gift_card")
            .map(|code| code.trim().to_owned())
            .unwrap_or_default();
        self.gift_card.value.clone_from(&code);
        match found {
            Err(why) => self.gift_card.error = Some(why),
            Ok(None) => {}
            Ok(Some(covers)) => {
                let total = Money::new(quote.total_minor, quote.currency);
                self.covered = Some(Covered::new(&covers, total, "Left to pay"));
                self.applied = (!code.is_empty()).then_some((code, covers.minor));
                if covers.minor == quote.total_minor {
                    self.promises.retain(|promise| promise != CHARGED_LATER);
                }
            }
        }
    }

    fn read(tx: &mut Tx<'_>, front: &Front, quote: &Quote, typed: &Typed, cards: bool) -> Done<Self> {
        let shop = &front.shop;
        let money = |minor: i64| words::money(Money::new(minor, quote.currency));
        let filled = |field: Field| {
            let value = typed.get(field.name).cloned().unwrap_or_default();
            Field { value, ..field }
        };
        let mut lines = Vec::with_capacity(quote.lines.len());
        for (bundle, places) in quote.groups() {
            let line = &quote.lines[places[0]];
            let (variant, quantity, title, image) = match bundle {
                Some(bundle) => (bundle.variant, bundle.quantity, &bundle.title, &bundle.image),
                None => (line.variant, line.quantity, &line.title, &line.image),
            };
            let drop = quote.drop.as_ref();
            let free = match line.preorder.filter(|_| drop.is_none()) {
                Some(_) => preorders::offered(tx, shop.id, variant)?.map_or(0, |expected| expected.left),
                None => offers::availability(tx, shop.id, drop.map(|drop| drop.id), variant, None)?.left,
            };
            let most = drop.map_or(0, |drop| i64::from(drop.limit));
            let left = if most > 0 { free.min(most) } else { free }.max(i64::from(quantity));
            let inside = places.iter().map(|place| &quote.lines[*place]);
            let saved: i64 = inside.clone().map(|part| quote.saved_in_bundle(part)).sum();
            lines.push(CheckoutLine {
                variant: variant.to_string(),
                title: title.clone(),
                variant_title: match bundle {
                    Some(_) => {
                        let parts = inside.map(|part| format!("{} × {}", part.quantity, part.title));
                        let parts = parts.collect::<Vec<_>>().join(", ");
                        match saved {
                            ..=0 => parts,
                            saved => format!("{parts} · {} less than alone", money(saved)),
                        }
                    }
                    None => line.variant_title.clone(),
                },
                picture: picture(tx, shop, image, "")?,
                quantity,
                quantity_max: u32::try_from(left.min(QUANTITY_MAX)).unwrap_or(1),
                amount: money(places.iter().map(|place| quote.full_gross(&quote.lines[*place])).sum()),
                note: match line.preorder {
                    Some(preorder) => {
                        let day = words::day_in(preorder.ships_by, &shop.time_zone);
                        format!("Pre-order: not there yet, leaves by {day}")
                    }
                    None => String::new(),
                },
            });
        }
        let there = match quote.needs_address() {
            true => delivery::options(tx, shop.id, &quote.country, quote.currency)?,
            false => None,
        };
        let chosen = quote.delivery.as_ref().map(|delivery| delivery.method);
        let deliveries = there
            .iter()
            .flat_map(|there| &there.methods)
            .map(|method| DeliveryChoice {
                id: method.id.to_string(),
                name: method.name.clone(),
                promise: method.promise(quote.leaves(quote.shown_at)).to_string(),
                price: words::money(method.price),
                selected: Some(method.id) == chosen,
            });
        let promise = offers::promise_out(quote, quote.shown_at).map(|delivery| delivery.promise);
        let mut promises: Vec<String> = promise.into_iter().collect();
        promises.push(front.returns());
        let told = quote
            .bundles
            .iter()
            .map(|bundle| format!("{}: {}", bundle.title, bundle.keep_the_rest.told()));
        promises.extend(told);
        if quote.needs_address() {
            promises.push(CHARGED_LATER.into());
        }
        if quote.lines.iter().any(|line| line.preorder.is_some()) {
            promises.push("You can cancel until it leaves; if it is late we write to you".into());
        }
        let address = if quote.needs_address() {
            let country = Field::input("", "country", "Country", "country");
            let choices = countries(tx, shop)?.into_iter().map(|code| Choice {
                label: words::country(&code),
                value: code,
            });
            vec![
                Field {
                    control: Control::Select(choices.collect()),
                    ..country.filled(&quote.country)
                },
                filled(Field::input("text", "name", "Name", "name")),
                filled(Field::input("text", "line1", "Street and number", "address-line1")),
                filled(Field::input("text", "line2", "Addition", "address-line2").optional()),
                filled(Field::input("text", "postal_code", "Postcode", "postal-code").half()),
                filled(Field::input("text", "city", "Town", "address-level2").half()),
            ]
        } else {
            Vec::new()
        };
        Ok(Self {
            frame: front.frame(),
            head: Head {
                title: format!("Checkout · {}", shop.name),
                description: "Pay and have it delivered.".into(),
                canonical: front.address("/checkout"),
                kind: "website",
                picture: None,
                markup: Markup::none(),
                listed: false,
            },
            action: front.path("/checkout"),
            checkout: String::new(),
            quote: String::new(),
            lines,
            contact: vec![
                filled(
                    Field::input("email", "email", "E-mail", "email")
                        .hint("For the receipt and the parcel's number. Nothing else."),
                ),
                filled(Field::input("tel", "phone", "Phone", "tel").optional()),
            ],
            address,
            deliveries: deliveries.collect(),
            payments: payments(shop, cards, typed),
            discount_code: Self::discount_code_field().filled(
                typed
                    .get("discount_code")
                    .map_or(quote.code().unwrap_or_default(), String::as_str),
            ),
            gift_card: Self::gift_card_field(),
            covered: None,
            applied: None,
            totals: sums(quote),
            total: money(quote.total_minor),
            tax: tax_inside(quote),
            promises,
            notice: None,
            keep: (cards && shop.test_mode).then(|| typed.contains_key("keep")),
            one_click: None,
            kept_path: None,
        })
    }
}

/// Whether a kept card may pay for a quote: something that travels goes to where the card sends.
pub(super) fn pays_for(stored: &Stored, quote: &Quote) -> bool {
    match &stored.address {
        Some(address) => !quote.needs_address() || address.country == quote.country,
        None => !quote.needs_address(),
    }
}

pub(super) fn payments(shop: &Shop, cards: bool, typed: &Typed) -> Vec<PaymentChoice> {
    // A real card needs the processor's own field, which needs scripts.
    let cards = TEST_CARDS.iter().filter(|_| cards && shop.test_mode).copied();
    let mut choices: Vec<PaymentChoice> = cards
        .chain([("manual", "Pay on pickup or by transfer", "")])
        .map(|(value, label, detail)| PaymentChoice {
            value: value.into(),
            label: label.into(),
            detail: detail.into(),
            selected: typed.get("payment").is_some_and(|chosen| chosen == value),
        })
        .collect();
    if !choices.iter().any(|choice| choice.selected)
        && let Some(first) = choices.first_mut()
    {
        first.selected = true;
    }
    choices
}

/// The parts of a total.
pub(super) fn sums(quote: &Quote) -> Vec<Sum> {
    let money = |minor: i64| words::money(Money::new(minor, quote.currency));
    let pieces: u64 = quote.lines.iter().map(|line| u64::from(line.quantity)).sum();
    let mut sums = vec![Sum {
        label: words::count(pieces, "piece", "pieces"),
        amount: money(quote.full_minor()),
    }];
    sums.extend(quote.taken_off().into_iter().map(|(discount, minor)| Sum {
        label: discount.name.clone(),
        amount: money(-minor),
    }));
    sums.extend(quote.delivery.as_ref().map(|delivery| Sum {
        label: delivery.name.clone(),
        amount: money(delivery.amount_minor),
    }));
    sums
}

/// "incl. €18.35 VAT (19 %)"; the rate only where there is one.
pub(super) fn tax_inside(quote: &Quote) -> String {
    if quote.tax_minor == 0 {
        return "No tax".into();
    }
    let tax = words::money(Money::new(quote.tax_minor, quote.currency));
    let mut rates: Vec<Rate> = quote.lines.iter().map(|line| line.tax).collect();
    rates.extend(quote.delivery.as_ref().map(|delivery| delivery.tax));
    rates.sort_by_key(|rate| rate.0);
    rates.dedup();
    match rates[..] {
        [rate] => format!("incl. {tax} VAT ({})", words::percent(rate)),
        _ => format!("incl. {tax} VAT"),
    }
}

/// Where the shop delivers, by name.
fn countries(tx: &mut Tx<'_>, shop: &Shop) -> Done<Vec<String>> {
    let zones = delivery::all(tx, shop.id)?;
    let open = zones.iter().filter(|there| {
        there
            .methods
            .iter()
            .any(|method| method.price.currency == shop.currency)
    });
    let mut codes: Vec<String> = open.flat_map(|there| there.zone.countries.iter().cloned()).collect();
    if codes.iter().any(|code| code == "*") {
        codes = words::countries();
    }
    codes.sort_by_cached_key(|code| words::country(code));
    codes.dedup();
    Ok(codes)
}

/// What the buyer of a checkout had typed.
fn typed_of(known: &Checkout) -> Typed {
    typed_as(&known.contact, known.address.as_ref())
}

/// The same, as fields.
fn typed_as(contact: &Contact, address: Option<&Address>) -> Typed {
    let optional = |text: &Option<String>| text.clone().unwrap_or_default();
    let pairs = [
        ("email", optional(&contact.email)),
        ("phone", optional(&contact.phone)),
        ("name", address.map(|address| address.name.clone()).unwrap_or_default()),
        (
            "line1",
            address.map(|address| address.line1.clone()).unwrap_or_default(),
        ),
        (
            "line2",
            address.map(|address| optional(&address.line2)).unwrap_or_default(),
        ),
        (
            "postal_code",
            address.map(|address| address.postal_code.clone()).unwrap_or_default(),
        ),
        ("city", address.map(|address| address.city.clone()).unwrap_or_default()),
    ];
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn message(front: &Front, status: StatusCode, title: &str, text: &str) -> Result<Response, Problem> {
    let home = Link::new("Back to the shop", &front.path(""));
    shown(
        status,
        &MessagePage::new(front.frame(), status.as_u16(), title, text, None, vec![home]),
    )
}

fn nothing_chosen(front: &Front) -> Result<Response, Problem> {
    let text = "Choose something in the shop first. Nothing was charged.";
    message(
        front,
        StatusCode::UNPROCESSABLE_ENTITY,
        "There is nothing to buy yet.",
        text,
    )
}

fn sold_out(front: &Front) -> Result<Response, Problem> {
    let text =
        "Nothing was charged. If somebody else does not finish their checkout, it is here again in a few minutes.";
    message(front, StatusCode::CONFLICT, "Someone was faster.", text)
}

fn not_for_sale(front: &Front) -> Result<Response, Problem> {
    message(
        front,
        StatusCode::CONFLICT,
        "This is not for sale now.",
        "Nothing was charged.",
    )
}
